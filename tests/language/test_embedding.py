"""Each sentence is encoded once, descriptions are means, and the real encoder tells meanings apart, if it is there."""

from __future__ import annotations

import math
import socket
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from rgsd.errors import UsageError
from rgsd.language import embedding
from rgsd.language.embedding import MiniLm, SentenceMemory


class Alphabet:
    """The sentences "a" to "d" are the axes of four dimensions; counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, sentences: Sequence[str]) -> Tensor:
        self.asked += sentences
        return torch.eye(4)[["abcd".index(sentence) for sentence in sentences]]


def test_a_description_is_the_normalised_mean_of_its_sentences() -> None:
    memory = SentenceMemory(Alphabet())
    found = memory.embed([("a",), ("a", "b"), ("c", "c", "d"), ("a",)])
    half, fifth = math.sqrt(1 / 2), math.sqrt(1 / 5)
    torch.testing.assert_close(
        found, torch.tensor([[1, 0, 0, 0], [half, half, 0, 0], [0, 0, 2 * fifth, fifth], [1, 0, 0, 0]])
    )


def test_a_sentence_is_encoded_once_and_after_a_resume_not_again() -> None:
    encoder = Alphabet()
    memory = SentenceMemory(encoder)
    memory.embed([("a", "b"), ("b", "a")])
    memory.embed([("b", "c")])
    assert encoder.asked == ["a", "b", "c"]
    assert len(memory) == 3
    later = Alphabet()
    resumed = SentenceMemory(later)
    resumed.load_state_dict(memory.state_dict())
    torch.testing.assert_close(resumed.embed([("c", "d")]), memory.embed([("c", "d")]))
    assert later.asked == ["d"]


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "_PACKAGES", ("sentence_transformers_of_another_world",))
    assert not embedding.is_installed()
    with pytest.raises(UsageError, match=r"pip install 'rgsd\[language\]'"):
        MiniLm()


@pytest.mark.skipif(not embedding.is_installed(), reason="needs the extra `language`")
def test_the_real_encoder_tells_meanings_apart_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("something wanted to go online")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    found = MiniLm().encode(
        ["The robot moves forward.", "The robot walks ahead.", "The robot has tipped over backward."]
    )
    torch.testing.assert_close(found.norm(dim=1), torch.ones(3))
    same, other = float(found[0] @ found[1]), float(found[0] @ found[2])
    assert other < same < 0.999

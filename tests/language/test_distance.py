"""d_lang by hand, with a describer that reads a word off an observation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from rgsd.language.describer import Descriptions
from rgsd.language.distance import LanguageDistance
from rgsd.language.embedding import TextEncoder


class Reader:
    """Of states 0, 1, 2 two facts are told: the first is the same for all, the second their own."""

    def describe(self, observation: Tensor) -> Descriptions:
        own = 1 + observation[:, 0].long()
        return Descriptions("abcd"[: int(own.max()) + 1], torch.stack((torch.zeros_like(own), own), dim=1))

    def metrics(self) -> dict[str, float]:
        return {"Language/pages": 7.0}

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass


class Axes:
    """Texts "a" to "d" are the axes of four dimensions."""

    def encode(self, texts: Sequence[str]) -> Tensor:
        return torch.eye(4)[["abcd".index(text) for text in texts]]


def states(*places: int) -> Tensor:
    return torch.tensor([[float(place), 0.5] for place in places])


def test_one_fact_of_two_in_common_is_a_distance_of_one() -> None:
    distance = LanguageDistance(Reader(), Axes())
    # the facts are 0 and sqrt(2) apart: sqrt((0 + 2) / 2)
    torch.testing.assert_close(distance(states(0, 0, 1), states(1, 0, 2)), torch.tensor([1.0, 0.0, 1.0]))
    assert distance.metrics() == {
        "Language/distance": pytest.approx(2 / 3),
        "Language/same_words": pytest.approx(1 / 3),
        "Language/texts": 4.0,
        "Language/pages": 7.0,
    }
    assert len(distance(states(), states())) == 0
    assert distance.metrics() == {"Language/texts": 4.0, "Language/pages": 7.0}


def test_it_is_symmetric_and_nothing_is_shortened_by_a_detour(bag_of_words: TextEncoder) -> None:
    distance = LanguageDistance(Reader(), bag_of_words)
    for x, y, via in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        direct, back = distance(states(x), states(y)), distance(states(y), states(x))
        torch.testing.assert_close(direct, back)
        assert float(direct) > 0.1
        assert float(direct) <= float(distance(states(x), states(via)) + distance(states(via), states(y)))
        assert float(distance(states(x), states(x))) == 0.0


def test_a_resumed_distance_knows_what_was_said() -> None:
    first, second = (LanguageDistance(Reader(), Axes()) for _ in range(2))
    first(states(0), states(1))
    second.load_state_dict(first.state_dict())
    assert second.metrics()["Language/texts"] == 3.0

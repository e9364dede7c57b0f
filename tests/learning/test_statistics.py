"""Metrics of episodes' ends against ends written by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from rgsd.learning.statistics import EpisodeStatistics

IMITATION = torch.tensor([True, True, False, False, False])


def flags(*where: int) -> Tensor:
    return torch.zeros(5, dtype=torch.bool).index_fill(0, torch.tensor(where, dtype=torch.long), True)


def record(
    statistics: EpisodeStatistics, terminated: Tensor, truncated: Tensor, fell: Tensor, steps: Tensor, moves: Tensor
) -> None:
    statistics.record(
        terminated=terminated, truncated=truncated, fell=fell, imitation=IMITATION, steps=steps, travelled=moves
    )


def test_ends_are_counted_by_stream_and_the_rest_is_not() -> None:
    statistics = EpisodeStatistics()
    moves = torch.tensor([[9.0, 9], [9, 9], [3, 4], [0, 1], [9, 9]])
    # step 1: environment 0 lost its reference after 5 steps, environment 2 came to its limit after 10, 5 m away
    record(statistics, flags(0), flags(2), flags(), torch.tensor([5, 6, 10, 7, 8]), moves)
    # step 2: environment 1 fell after 7, environment 4 after 9; environment 3 came to its limit after 8
    record(statistics, flags(1, 4), flags(3), flags(1, 4), torch.tensor([1, 7, 1, 8, 9]), moves)
    assert statistics.report(control_dt=0.1) == pytest.approx(
        {
            "Imitation/episode_s": 0.6,  # (5 + 7) / 2 steps
            "Imitation/fall_rate": 0.5,
            "Imitation/early_termination_rate": 0.5,
            "Discovery/episode_s": 0.9,  # (10 + 8 + 9) / 3 steps
            "Discovery/fall_rate": 1 / 3,
            "Discovery/travel_m": 3.0,  # unfallen: 5 m and 1 m
            # (3, 4) and (0, 1): variances 9 / 2 along both axes
            "Discovery/spread_m": math.sqrt(4.5 + 4.5),
        }
    )


def test_where_nothing_ended_nothing_is_said() -> None:
    statistics = EpisodeStatistics()
    assert statistics.report(0.02) == {}
    record(statistics, flags(), flags(), flags(), torch.ones(5), torch.zeros(5, 2))
    assert statistics.report(0.02) == {}


def test_one_displacement_has_no_spread() -> None:
    statistics = EpisodeStatistics()
    record(statistics, flags(), flags(2), flags(), torch.ones(5), torch.zeros(5, 2))
    assert set(statistics.report(0.02)) == {"Discovery/episode_s", "Discovery/fall_rate"}

"""Styles by the way that clips travel, or by name."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from rgsd.errors import UnknownName, UsageError
from rgsd.motions.library import MotionLibrary
from rgsd.tasks.style import make_style, same_direction, similarity, travel


def test_travel_is_the_mean_velocity_in_the_own_heading(compass: MotionLibrary) -> None:
    np.testing.assert_allclose(travel(compass), [[0.4, 0], [-0.4, 0], [0, 0.4], [0, -0.4], [0, 0]], atol=1e-5)


@pytest.mark.parametrize(
    ("name", "clips", "directions"),
    [
        ("free", ("ahead", "back", "left", "right", "stand"), []),
        ("sidestep", ("left", "right"), [math.pi / 2, -math.pi / 2]),
        ("backward", ("back",), [math.pi]),
        ("ahead", ("ahead",), [0.0]),
        ("side", ("left", "right"), [math.pi / 2, -math.pi / 2]),  # a group
        ("stand", ("stand",), []),  # goes nowhere: no direction can be asked for
    ],
)
def test_styles(compass: MotionLibrary, name: str, clips: tuple[str, ...], directions: list[float]) -> None:
    style = make_style(name, compass)
    assert style.clips == clips
    np.testing.assert_allclose(style.directions.abs(), np.abs(directions), atol=1e-5)
    assert style.free == (name == "free")


def test_unknown_styles_and_styles_that_nobody_shows(compass: MotionLibrary) -> None:
    with pytest.raises(UnknownName, match=r"unknown style 'sidestpe'; did you mean sidestep"):
        make_style("sidestpe", compass)
    with pytest.raises(UsageError, match="no clip of the run travels so"):
        make_style("backward", compass.select(["ahead", "stand"]))


def test_directions_are_the_same_within_45_degrees_also_across_the_back() -> None:
    angle = torch.tensor([10.0, 44.0, 46.0, 175.0, -175.0]).deg2rad()
    assert same_direction(angle, torch.zeros(1)).tolist() == [True, True, False, False, False]
    assert same_direction(angle, torch.tensor([math.pi])).tolist() == [False, False, False, True, True]
    assert not same_direction(angle, torch.zeros(0)).any()


def test_similarity_is_that_of_the_nearest_latent() -> None:
    z = torch.tensor([[1.0, 0.0], [0.0, -1.0]])
    # cosines of the first: 0.6 and -1; of the second: -0.8 and 0
    np.testing.assert_allclose(similarity(z, torch.tensor([[0.6, 0.8], [-1.0, 0.0]])), [0.6, 0.0], atol=1e-6)

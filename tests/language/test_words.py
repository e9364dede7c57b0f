"""Names, magnitudes and directions in words, by hand."""

from __future__ import annotations

import pytest
import torch

from rgsd.language import words


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("FL_foot", "front left foot"),
        ("RR_shank", "rear right shank"),
        ("LH_FOOT", "left hind foot"),
        ("L_Knee", "left knee"),
        ("leftKnee", "left knee"),
        ("RAnkle", "right ankle"),
        ("right_hand", "right hand"),
        ("gripper-2", "gripper 2"),
        ("Head", "head"),
    ],
)
def test_names_are_spoken(name: str, said: str) -> None:
    assert words.spoken(name) == said


def test_a_magnitude_counts_the_steps_below_it() -> None:
    assert words.step(torch.tensor([-1.0, 0.1, 0.2, 0.3, 9.0]), (0.1, 0.3)).tolist() == [0, 1, 1, 2, 2]


def test_directions_on_the_ground_go_round_from_straight_ahead() -> None:
    around = torch.tensor([[1.0, 0], [1, 1], [0, 1], [-1, 1], [-1, 0], [-1, -1], [0, -1], [1, -1]])
    full = torch.full((8,), 3)
    said = [words.TRAVELS[i] for i in words.compass(around, 8, full, 3)]
    assert said[0] == "moving very fast forward"
    assert said[1] == "moving very fast forward and left"
    assert said[3] == "moving very fast backward and left"
    assert said[6] == "moving very fast right"
    assert len(set(said)) == 8
    assert words.TRAVELS[words.compass(around[4:5], 8, full[:1] - 2, 3)[0]] == "moving slowly backward"
    assert words.compass(around[:1], 8, torch.tensor([0]), 3).item() == 0
    # 22.5 degrees part two neighbours; just below 360 degrees is straight ahead again
    near = torch.deg2rad(torch.tensor([22.0, 23.0, 359.0]))
    assert words.compass(torch.stack((near.cos(), near.sin()), 1), 8, full[:3], 3).tolist() == [3, 6, 3]


def test_directions_in_space_are_their_largest_component() -> None:
    vectors = torch.tensor([[2.0, 1, 1], [-2, 1, 1], [0, 3, 1], [0, -3, 1], [1, 1, 2], [1, 1, -2]])
    found = words.axis(vectors, torch.full((6,), 2), 2)
    assert [words.PLACES[i] for i in found] == [
        f"far {where}" for where in ("forward", "back", "left", "right", "up", "down")
    ]
    assert words.SWINGS[words.axis(vectors[1:2], torch.tensor([1]), 2)[0]] == "swinging backward"
    assert words.axis(vectors, torch.zeros(6, dtype=torch.long), 2).tolist() == [0] * 6


def test_every_number_has_its_word() -> None:
    assert len(words.HEIGHTS) == len(words.HEIGHT_STEPS) + 1
    assert len(words.TILTS) == 4 * len(words.TILT_STEPS) + 1
    assert len(words.TRAVELS) == 8 * len(words.TRAVEL_STEPS) + 1
    assert len(words.CLIMBS) == len(words.CLIMB_STEPS) + 1
    assert len(words.TURNS) == len(words.TURN_STEPS) + 1
    assert len(words.PLACES) == 6 * len(words.PLACE_STEPS) + 1
    assert len(words.SWINGS) == 6 * len(words.SWING_STEPS) + 1

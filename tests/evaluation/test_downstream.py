"""What goal reaching is worth, from traces made by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from rgsd import rotations
from rgsd.evaluation.downstream import FELL, MISSED, OPEN, REACHED, Traces, measure, travels
from rgsd.evaluation.frechet import features
from rgsd.motions.library import MotionLibrary
from rgsd.tasks.style import Style, make_style

DT = 0.1  # s a decision


def traces(library: MotionLibrary, outcome: list[list[int]], velocity: list[tuple[float, float]]) -> Traces:
    """Environments that go at constant velocities (m/s, world), all facing y; each counts up to its fall."""
    outcomes = torch.tensor(outcome).T
    steps, num_envs = outcomes.shape
    time = DT * torch.arange(1, steps + 1)
    down = (outcomes == FELL).long()
    frames = features(library.body, library.states[:steps]).float()
    return Traces(
        position=time[:, None, None] * torch.tensor(velocity),
        yaw=torch.full((steps, num_envs), math.pi / 2),
        goal=torch.zeros(steps, num_envs, 2),
        outcome=outcomes,
        counts=down.cumsum(dim=0) - down == 0,
        similarity=torch.full((steps, num_envs), 0.5),
        features=frames.unsqueeze(1).expand(-1, num_envs, -1),
        nearest=torch.zeros(steps, num_envs, dtype=torch.long),
        qpos=torch.zeros(1, 1, 1),
    )


def metrics(library: MotionLibrary, made: Traces, style: Style | None = None) -> dict[str, object]:
    style = style or make_style("free", library)
    return measure(made, style, library, DT)


def test_goals_and_falls(library: MotionLibrary) -> None:
    # two reached in 20 decisions; one reached, one missed; one reached, then a fall, whose goal counts as issued
    done = [
        [OPEN] * 9 + [REACHED] + [OPEN] * 9 + [REACHED],
        [OPEN] * 9 + [REACHED] + [OPEN] * 9 + [MISSED],
        [OPEN] * 4 + [REACHED] + [OPEN] * 4 + [FELL] + [OPEN] * 9 + [REACHED],  # the last belongs to nobody
    ]
    found = metrics(library, traces(library, done, [(0.0, 1.0)] * 3))
    assert (found["issued"], found["reached"], found["missed"]) == (6, 4, 1)
    assert found["success"] == pytest.approx(4 / 6)
    # over environments of 2 of 2, 1 of 2 and 1 of 2 goals: between a half (27 samples of 3 hold 8 without the first)
    # and all
    assert found["success_ci"] == pytest.approx([0.5, 1.0])
    assert found["falls"] == pytest.approx(1 / 3)
    assert found["minutes"] == pytest.approx((20 + 20 + 10) * DT / 60)
    # 2 in 2 s, 1 in 2 s, 1 in 1 s: 60, 30 and 60 a minute
    assert found["goals_per_minute"] == pytest.approx(50.0)
    assert found["falls_per_minute"] == pytest.approx(12 * 1.0)
    assert found["style_by_encoder"] is found["style_by_travel"] is found["style_similarity"] is None


def test_the_direction_of_travel_is_relative_to_the_heading(library: MotionLibrary) -> None:
    # facing y: along y is ahead, along -x to the left, along x to the right; 0.05 m/s is no travelling
    made = traces(library, [[OPEN] * 11] * 4, [(0.0, 0.4), (-0.4, 0.0), (0.4, 0.0), (0.0, -0.05)])
    up = torch.ones(11, 4, dtype=torch.bool)
    moves, angle, turn = travels(made, up, DT)
    assert not turn.any()
    assert moves.view(6, 4).all(dim=0).tolist() == [True, True, True, False]  # six windows of half a second
    np.testing.assert_allclose(angle.view(6, 4)[:, :3].rad2deg(), np.tile([0.0, 90.0, -90.0], (6, 1)), atol=1e-3)
    up[8:, 0] = False
    assert len(travels(made, up, DT)[0]) == 6 * 4 - 3  # the windows that end where it is down


def test_turning_and_loops(library: MotionLibrary) -> None:
    made = traces(library, [[OPEN] * 20 + [REACHED]] * 2, [(0.0, 0.4)] * 2)
    time = DT * torch.arange(21)
    # the first turns at 180 degrees a second; the second sways by +-0.1 rad in every other decision, which is no loop
    made.yaw = torch.stack((rotations.wrap_angle(torch.pi * time), 0.1 * (-1.0) ** torch.arange(21)), dim=1)
    found = metrics(library, made)
    # 360 degrees in the 2 s between the first and the last of 21 decisions, of 2.1 s that count
    assert found["loops_per_minute"] == pytest.approx((60 / 2.1 + 0) / 2, rel=1e-4)
    # over windows of half a second, five decisions, the second is 0.2 rad off: 22.9 degrees a second
    assert found["turning"] == pytest.approx((180 + math.degrees(0.2) / 0.5) / 2, rel=1e-3)


def test_time_in_style_by_travel_and_by_the_encoder(library: MotionLibrary) -> None:
    made = traces(library, [[OPEN] * 10 + [REACHED]] * 4, [(0.0, 0.4), (-0.4, 0.0), (0.4, 0.0), (0.0, -0.05)])
    made.nearest[:, 0] = 1  # of two clips, walk and turn
    sideways = torch.tensor([math.pi / 2, -math.pi / 2])
    found = metrics(library, made, Style("aside", ("walk",), sideways))
    assert found["style_by_travel"] == pytest.approx(0.5)  # the standing one is not in style
    assert found["travelling"] == pytest.approx(0.75)
    assert found["style_by_encoder"] == pytest.approx(0.75)
    assert found["style_similarity"] == pytest.approx(0.5)
    made.nearest = torch.full_like(made.nearest, -1)
    assert metrics(library, made, Style("aside", ("walk",), sideways[:0]))["style_by_encoder"] is None


def test_fid_is_that_of_the_styles_clips(library: MotionLibrary) -> None:
    def pooled(clip: int) -> Tensor:
        frames = library.states[int(library.offsets[clip]) : int(library.offsets[clip + 1])]
        return features(library.body, frames).float()

    walk = pooled(0)
    made = traces(library, [[OPEN] * (len(walk) - 1) + [REACHED]], [(0.0, 0.4)])
    made.features = walk.unsqueeze(1)
    own, other = (metrics(library, made, Style("s", (name,), torch.zeros(0)))["fid"] for name in ("walk", "turn"))
    assert own == pytest.approx(0.0, abs=1e-3)  # the very frames of the clip
    assert isinstance(other, float)
    assert other > 1.0

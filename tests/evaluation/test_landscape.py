"""The landscape of encoders whose cosine is known."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from rgsd.envs.observation import ObservationLayout, observe
from rgsd.evaluation import landscape
from rgsd.motions.library import MotionLibrary


def ahead_code(library: MotionLibrary, metres_per_second: float) -> Callable[[Tensor], Tensor]:
    """An encoder that sees the root's speed ahead alone: an angle of 1 rad per `metres_per_second`."""
    layout = ObservationLayout(library.body)
    entry = layout.indices(("linear_velocity",), library.body.body_names[:1])[0]

    def encode(observation: Tensor) -> Tensor:
        angle = observation[:, entry] / metres_per_second
        return torch.stack((angle.cos(), angle.sin()), dim=1)

    return encode


def test_an_encoder_of_speed_peaks_at_the_right_speed(library: MotionLibrary) -> None:
    found = landscape.landscape(ahead_code(library, 1.0), library)
    walk = found["clips"]["walk"]
    # the walk goes at 0.6 m/s: at s times its speed the angle is off by 0.6 (1 - s)
    for speed, angle in {"0": 0.6, "0.5": 0.3, "1": 0.0, "1.5": 0.3}.items():
        assert walk["speed"][speed] == pytest.approx(torch.tensor(angle).cos().item(), abs=0.01)
    assert walk["frozen"] == pytest.approx(walk["speed"]["0"], abs=1e-5)
    assert walk["others"]["turn"] == pytest.approx(walk["speed"]["0"], abs=0.01)
    assert walk["reference"] > walk["velocity"]["1"]
    assert len(walk["frames"]) == int(library.lengths[0])


def test_an_encoder_that_sees_nothing_is_flat(library: MotionLibrary) -> None:
    found = landscape.landscape(lambda o: torch.tensor([[0.0, 1.0]]).expand(len(o), -1), library)
    assert found["mean"]["others"] == found["mean"]["joint"]["0.4"] == found["mean"]["reference"] == 1.0
    assert found["mean"]["peaks"] == 0.0  # as high as everywhere is no peak
    assert json.loads(json.dumps(found)) == found


def test_perturbed_states_are_what_they_say(library: MotionLibrary) -> None:
    state, rng = library.states[:8], torch.Generator().manual_seed(0)
    tilted = landscape._moved(library, state, tilt=0.3, rng=rng)
    up = observe(tilted)[:, ObservationLayout(library.body).indices(("rotation",), library.body.body_names[:1])][:, 5]
    torch.testing.assert_close(up, torch.tensor(0.3).cos().expand(8), atol=1e-4, rtol=0)
    torch.testing.assert_close(tilted.qpos[:, 7:], state.qpos[:, 7:])
    lowered = landscape._lowered(state, 0.1)
    torch.testing.assert_close(lowered.body_pos[..., 2], state.body_pos[..., 2] - 0.1)
    pushed = landscape._pushed(state, 0.5, rng)
    change = pushed.body_linvel - state.body_linvel
    torch.testing.assert_close(change.norm(dim=-1), torch.full(change.shape[:2], 0.5))
    assert not change[..., 2].any()

"""The lag: what a tracker is told of where its reference is about to be."""

from __future__ import annotations

import math

import torch

from rgsd import rotations
from rgsd.bodies.state import BodyState
from rgsd.envs.observation import observe
from rgsd.envs.reference_frames import Lag
from rgsd.motions.library import MotionLibrary


def moved(state: BodyState, by: torch.Tensor, yaw: float) -> BodyState:
    """The state turned about the origin's vertical and then shifted."""
    half = torch.tensor([math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2)])
    turned = state.clone()
    turned.body_pos = rotations.rotate(half.expand(state.body_quat.shape), state.body_pos) + by
    turned.body_quat = rotations.multiply(half.expand(state.body_quat.shape), state.body_quat)
    for name in ("body_linvel", "body_angvel"):
        setattr(turned, name, rotations.rotate(half.expand(state.body_quat.shape), getattr(state, name)))
    return turned


def seen(library: MotionLibrary, state: BodyState, clip: torch.Tensor, frame: torch.Tensor) -> torch.Tensor:
    return Lag(library).seen(observe(state), state.body_pos[:, 0], state.body_quat[:, 0], clip, frame)


def test_a_body_on_its_reference_sees_the_frames_to_come(tiny_library: MotionLibrary) -> None:
    clip, frame, bodies = torch.tensor([1]), torch.tensor([4]), tiny_library.body.num_bodies
    now = tiny_library.state(clip, frame)
    shown = seen(tiny_library, now, clip, frame)
    assert shown.shape == (1, Lag.size_of(bodies)) == (1, 2 * (3 * bodies + 1))
    frames = (1, round(0.3 * tiny_library.body.control_hz))
    for part, ahead in zip(shown.split(3 * bodies + 1, dim=1), frames, strict=True):
        then = tiny_library.state(clip, frame + ahead)
        offsets = rotations.in_heading(now.body_quat[:, 0], then.body_pos - now.body_pos).clamp(-1, 1)
        torch.testing.assert_close(part[:, :-1], offsets.flatten(1), atol=1e-5, rtol=0)
        turn = rotations.yaw(then.body_quat[:, 0]) - rotations.yaw(now.body_quat[:, 0])
        torch.testing.assert_close(part[:, -1], turn, atol=1e-5, rtol=0)


def test_who_is_behind_and_turned_sees_by_how_much_in_its_own_frame(tiny_library: MotionLibrary) -> None:
    clip, frame = torch.tensor([0]), torch.tensor([3])
    state = tiny_library.state(clip, frame)
    heading = float(rotations.yaw(state.body_quat[:, 0]))
    # a quarter turn to the left of its reference: what lies in the reference's direction x lies to its own right, -y
    turned = moved(state, torch.zeros(3), math.pi / 2)
    ahead = torch.tensor([0.2 * math.cos(heading), 0.2 * math.sin(heading), 0.0])
    there, behind = (moved(turned, shift, 0.0) for shift in (torch.zeros(3), -ahead))
    difference = seen(tiny_library, behind, clip, frame) - seen(tiny_library, there, clip, frame)
    torch.testing.assert_close(difference[0, :3], torch.tensor([0.0, -0.2, 0.0]), atol=1e-5, rtol=0)
    turn = seen(tiny_library, turned, clip, frame) - seen(tiny_library, state, clip, frame)
    assert abs(float(turn[0, 3 * tiny_library.body.num_bodies]) + math.pi / 2) < 1e-5


def test_in_place_the_root_s_own_lag_is_left_out(tiny_library: MotionLibrary) -> None:
    clip, frame, lag = torch.tensor([1]), torch.tensor([6]), Lag(tiny_library)
    state = tiny_library.state(clip, frame)
    strayed = moved(state, torch.tensor([0.3, -0.1, 0.0]), 0.5)
    expected = seen(tiny_library, state, clip, frame)
    torch.testing.assert_close(lag.in_place(observe(strayed), clip, frame), expected, atol=1e-5, rtol=0)
    # its posture is its own: who is 2 cm too high is shown that everything lies lower
    lifted = moved(state, torch.tensor([0.0, 0.0, 0.02]), 0.0)
    shown = lag.in_place(observe(lifted), clip, frame) - expected
    torch.testing.assert_close(shown[0, 2], torch.tensor(-0.02), atol=1e-5, rtol=0)


def test_beyond_the_clip_s_end_its_last_frame_is_meant(tiny_library: MotionLibrary) -> None:
    last = int(tiny_library.lengths[0]) - 1
    clip, frame = torch.tensor([0]), torch.tensor([last])
    shown = seen(tiny_library, tiny_library.state(clip, frame), clip, frame)
    torch.testing.assert_close(shown, torch.zeros_like(shown), atol=1e-5, rtol=0)

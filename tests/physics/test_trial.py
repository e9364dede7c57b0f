"""The trial before a training: what blows up is told with the joint and the cures, what falls over is only told."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rgsd.bodies.body import Body, BodyError, FallRule
from rgsd.bodies.mjcf import load_mjcf
from rgsd.motions.library import MotionLibrary
from rgsd.motions.motion import Motion
from rgsd.physics.trial import hold_standing, try_out


def robot(folder: Path, kp: float) -> Body:
    """A box on one short leg off its middle; at 10 ms a stiff servo without armature or damping diverges."""
    path = folder / "hopper.xml"
    path.write_text(
        '<mujoco><option timestep="0.01"/><worldbody><body name="trunk" pos="0 0 .25"><freejoint/>'
        '<geom type="box" size=".1 .1 .05" mass="5"/><body name="leg" pos=".06 0 0"><joint name="hip" axis="0 1 0"/>'
        f'<geom type="capsule" fromto="0 0 0 0 0 -.2" size=".03" mass=".1"/></body></body></worldbody>'
        f'<actuator><position joint="hip" kp="{kp}"/></actuator></mujoco>'
    )
    return load_mjcf(path)


def still(body: Body) -> MotionLibrary:
    qpos = np.tile(body.standing_qpos, (20, 1))
    names = body.joint_names, body.body_names
    return MotionLibrary(body, [Motion("still", body.name, 50.0, *names, qpos, np.zeros((20, body.model.nv)))])


def test_what_blows_up_is_told_with_the_joint_and_the_cures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BodyError, match=r"'hopper' blows up after 0\.\d\d s of standing, joint '.*' first") as caught:
        try_out(still(robot(tmp_path, 1e6)))
    assert "implicitfast" in str(caught.value)
    assert not (tmp_path / "MUJOCO_LOG.TXT").exists()


def test_a_body_is_held_until_it_falls_or_to_the_end(tiny: Body) -> None:
    held = hold_standing(tiny, seconds=1.0)
    assert (held.outcome, held.part) == ("stood", "")
    assert held.seconds == pytest.approx(1.0)
    high = dataclasses.replace(tiny, fall_rule=FallRule({"torso": 0.2}))  # it stands at 0.1
    held = hold_standing(high)
    assert (held.outcome, held.part) == ("fell", "torso")
    assert held.seconds == pytest.approx(high.control_dt)


def test_what_falls_over_is_told_and_trained_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        try_out(still(robot(tmp_path, 5.0)))
    assert "does not stand by itself" in caplog.text


def test_a_body_that_stands_and_plays_says_nothing(
    tiny_library: MotionLibrary, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        try_out(tiny_library)
    assert caplog.text == ""


def test_a_clip_that_blows_up_is_named(tiny: Body, tiny_motion: Callable[..., Motion]) -> None:
    wave = tiny_motion("wave", np.zeros((51, 2)))
    fast = dataclasses.replace(wave, qvel=np.full_like(wave.qvel, 9e3))
    with pytest.raises(BodyError, match=r"blows up after .* of playing 'wave' open loop"):
        try_out(MotionLibrary(tiny, [fast]))

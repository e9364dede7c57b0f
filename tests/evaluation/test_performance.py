"""Clips performed by a puppet whose hinges stay in the middle and whose root glides on as it began, and never turns."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from rgsd.bodies.body import Body
from rgsd.evaluation.performance import Performance, perform
from rgsd.evaluation.rollouts import Simulate, clip_states
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.motions.library import MotionLibrary
from rgsd.motions.synthesis.gait import Course, Gait
from rgsd.motions.synthesis.quadruped import synthesize


@pytest.fixture(scope="module")
def clips(body: Body) -> MotionLibrary:
    """A second ahead, which the puppet's gliding follows; and one turning by 86 degrees, which it does not."""
    walk = synthesize(body, "walk", "travel", Gait(), Course(forward=0.6), seconds=1.0)
    return MotionLibrary(body, [walk, synthesize(body, "turn", "turn", Gait(), Course(turn=1.5), seconds=1.0)])


@pytest.fixture
def follow(make_policy: Callable[..., SkillPolicy], clips: MotionLibrary) -> Callable[..., dict[str, Performance]]:
    """Performs both clips, four attempts each."""
    policy = make_policy(lambda observation, z, clock: torch.zeros(len(z), 12), condition="reference")
    return lambda simulate: {p.clip: p for p in perform(simulate, policy, clips, "puppet, weights 00", 4, 0)}


def test_what_survives_is_a_motion_and_what_is_lost_is_none(
    follow: Callable[..., dict[str, Performance]], puppet: Simulate, clips: MotionLibrary
) -> None:
    found = follow(puppet)
    walk, motion = found["walk"], found["walk"].motion
    assert motion is not None
    assert (walk.survival, walk.survived) == (1.0, 1.0)
    assert (motion.name, motion.group, motion.performer) == ("walk", "travel", "puppet, weights 00")
    assert motion.quality == {"performance_error_cm": round(walk.error_cm, 4), "survived": 1.0}
    states = clip_states(clips, 0)
    # the first attempt begins in the clip's own first frame; its hinges are then in the middle of their range
    np.testing.assert_allclose(motion.qpos[0], states.qpos[0], atol=1e-6)
    np.testing.assert_allclose(motion.qpos[1:, 7:], np.tile(clips.body.action_center, (50, 1)), atol=1e-6)
    assert motion.qpos[-1, 0] == pytest.approx(0.6, abs=1e-3)
    assert found["turn"].motion is None
    # 45 of 86 degrees
    assert found["turn"].survival == pytest.approx(45 / 86, abs=0.03)
    assert found["turn"].survived == 0.0


def test_where_the_first_attempt_falls_the_nearest_of_the_others_is_taken(
    follow: Callable[..., dict[str, Performance]], exploding: Simulate, clips: MotionLibrary
) -> None:
    walk = follow(exploding)["walk"]
    assert walk.motion is not None
    assert walk.survived == 0.75
    off = np.abs(walk.motion.qpos[0, 7:] - clip_states(clips, 0).qpos[0, 7:].numpy())
    assert 0 < off.max() < 0.05  # the protocol's noise of 0.01 rad

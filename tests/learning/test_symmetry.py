"""The loss of a policy that does left otherwise than right, by hand; whom it cannot be asked of."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import mujoco
import numpy as np
import pytest
import torch

from rgsd.bodies.body import Body, FallRule
from rgsd.bodies.mirror import Mirror
from rgsd.envs.observation import ObservationLayout, observe
from rgsd.errors import UsageError
from rgsd.learning.symmetry import Symmetry
from rgsd.motions.library import MotionLibrary
from rgsd.motions.mirroring import mirrored
from rgsd.motions.motion import Motion
from rgsd.skills.contrastive import clip_directions
from rgsd.skills.encoder import Encoder, EncoderConfig


@pytest.fixture
def exported(tiny_library: MotionLibrary) -> dict[str, Any]:
    """What a method with an encoder of random weights publishes."""
    torch.manual_seed(0)
    encoder = Encoder(EncoderConfig(latent_dim=3, hidden=(16,)), ObservationLayout(tiny_library.body))
    encoder.fit_normalization(observe(tiny_library.states))
    directions = clip_directions(encoder, tiny_library)
    return {"encoder": encoder, "clip_latents": dict(zip(tiny_library.names, directions, strict=True))}


def constant(*action: float) -> Any:
    """A policy that always does the same, with noise of 0.1 and 0.2 in units of the action."""

    def actor(observation: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        actor.seen = z  # pyright: ignore[reportFunctionMemberAccess]
        return torch.tensor(action).expand(len(observation), -1)

    actor.std = torch.tensor([0.1, 0.2])  # pyright: ignore[reportFunctionMemberAccess]
    return actor


def test_the_other_side_is_meant_under_the_direction_of_the_reflected_clip(
    tiny_library: MotionLibrary, exported: dict[str, Any]
) -> None:
    actor = constant(0.0, 0.0)
    symmetry = Symmetry(tiny_library, actor, exported, 1.0)
    mirror = Mirror(tiny_library.body)
    images = MotionLibrary(tiny_library.body, [mirrored(motion, mirror) for motion in tiny_library.motions])
    expected = clip_directions(exported["encoder"], images)
    torch.testing.assert_close(symmetry.directions, expected, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(expected[0], exported["clip_latents"]["swing"], atol=0.01)  # the other arm begins
    symmetry.actions(observe(tiny_library.states)[:2], torch.tensor([2, 0]))
    torch.testing.assert_close(actor.seen, symmetry.directions[[2, 0]])


def test_the_loss_counts_what_imitation_does_otherwise(tiny_library: MotionLibrary, exported: dict[str, Any]) -> None:
    # targets of 0.5 and -0.1 rad (the arms' units are 1.0 and 0.5) are -0.1 and 0.5 in reflection, actions -0.1 and 1.0
    symmetry = Symmetry(tiny_library, constant(0.5, -0.2), exported, 0.02)
    observation, clip = observe(tiny_library.states)[:3], torch.zeros(3, dtype=torch.long)
    torch.testing.assert_close(symmetry.actions(observation, clip), torch.tensor([[-0.1, 1.0]]).expand(3, -1))
    # apart by 0.6 and -1.2, which is 6 and 6 deviations: half of 36 + 36 nats in each sample that imitates
    mean = torch.tensor([[0.5, -0.2]]).expand(3, -1)
    batch: Any = SimpleNamespace(observation=observation, clip=clip, imitation=torch.tensor([True, False, True]))
    assert float(symmetry.loss(batch, mean)) == pytest.approx(0.02 * 36)
    # a mean that is its reflection in the first sample costs nothing there
    mean = torch.tensor([[-0.1, 1.0], [9.0, 9.0], [0.5, -0.2]])
    assert float(symmetry.loss(batch, mean)) == pytest.approx(0.02 * 18)
    batch.imitation = torch.zeros(3, dtype=torch.bool)
    assert float(symmetry.loss(batch, mean)) == 0.0
    even = Symmetry(tiny_library, constant(0.3, 0.6), exported, 0.02)
    batch.imitation = torch.ones(3, dtype=torch.bool)
    assert float(even.loss(batch, torch.tensor([[0.3, 0.6]]).expand(3, -1))) == pytest.approx(0.0, abs=1e-9)


def test_methods_without_embedded_clips_and_lopsided_bodies_are_refused(
    tiny_library: MotionLibrary, exported: dict[str, Any]
) -> None:
    for lacking in ({}, {"encoder": exported["encoder"]}, {"encoder": None, "clip_latents": {}}):
        with pytest.raises(UsageError, match=r"--trainer.symmetry-weight 0.02: needs a method that embeds its clips"):
            Symmetry(tiny_library, constant(0.0, 0.0), lacking, 0.02)
    model = mujoco.MjModel.from_xml_string(
        '<mujoco><worldbody><body name="trunk" pos="0 0 0.5"><freejoint/><geom type="box" size="0.1 0.1 0.1"/>'
        '<body name="arm" pos="0 0.1 0"><joint name="arm" axis="0 1 0"/><geom type="sphere" size="0.05"/></body>'
        '</body></worldbody><actuator><position joint="arm" kp="1"/></actuator></mujoco>'
    )
    standing = np.array([0, 0, 0.5, 1, 0, 0, 0, 0], dtype=float)
    body = Body("one arm", model, 1, standing, np.zeros(1), np.ones(1), ("trunk",), (), FallRule({}))
    qpos, qvel = np.tile(standing, (3, 1)), np.zeros((3, model.nv))
    clip = Motion("still", body.name, body.control_hz, body.joint_names, body.body_names, qpos, qvel)
    with pytest.raises(
        UsageError, match=r"symmetry-weight 0.02: body 'one arm': part 'arm' has no image .*leave it at 0"
    ):
        Symmetry(MotionLibrary(body, [clip]), constant(0.0), exported, 0.02)

"""What is exported comes back: by our own readers, and by the kinematics of the body."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from rgsd.bodies.body import Body
from rgsd.bodies.kinematics import forward_kinematics
from rgsd.bodies.quadruped import make_quadruped
from rgsd.motions.formats.bvh import read_bvh
from rgsd.motions.formats.smpl_bvh import TO_YUP
from rgsd.motions.formats.smpl_clip import SmplClip
from rgsd.motions.formats.writing import write_amass, write_bvh
from rgsd.motions.importing import read_motion
from rgsd.motions.motion import Motion, MotionError
from rgsd.motions.retarget import retarget
from rgsd.motions.synthesis.quadruped import synthesize_quadruped


@pytest.fixture
def bent(make_clip: Callable[..., SmplClip], smpl: Body) -> Motion:
    """A second of a body that walks along x, twists at the waist and raises an arm."""
    rotations = np.tile(np.eye(3), (31, 24, 1, 1))
    lean = Rotation.from_euler("y", np.linspace(0, 0.4, 31)[:, None]).as_matrix()
    raised = Rotation.from_euler("x", np.linspace(0, 1.0, 31)[:, None]).as_matrix()
    rotations[:, 9:] = lean[:, None] @ rotations[:, 9:]
    rotations[:, 14:19] = raised[:, None] @ rotations[:, 14:19]
    path = np.stack([np.linspace(0, 1, 31), np.zeros(31), np.full(31, 0.95)], axis=1)
    return retarget(make_clip(rotations, path), smpl)


@pytest.mark.parametrize(("write", "ending"), [(write_bvh, "bvh"), (write_amass, "npz")])
def test_the_humanoids_motions_come_back(
    write: Callable[[Path, Body, Motion], None], ending: str, tmp_path: Path, bent: Motion, smpl: Body
) -> None:
    write(tmp_path / f"bent.{ending}", smpl, bent)
    again = read_motion(tmp_path / f"bent.{ending}", smpl)
    assert (again.name, again.fps, again.num_frames) == ("bent", 30.0, 31)
    # to what the hinge solver and the ground make of it a second time
    np.testing.assert_allclose(again.qpos[:, 7:], bent.qpos[:, 7:], atol=0.02)
    np.testing.assert_allclose(again.qpos[:, :3], bent.qpos[:, :3], atol=0.005)
    assert again.quality["fk_error_cm"] < 0.2


def test_bvh_of_any_body_has_its_kinematics(tmp_path: Path) -> None:
    body = make_quadruped()
    trot = synthesize_quadruped(body)[0]
    write_bvh(tmp_path / "trot.bvh", body, trot)
    bvh = read_bvh(tmp_path / "trot.bvh")
    assert sorted(bvh.joint_names) == sorted(body.body_names)
    assert bvh.fps == trot.fps
    places, _ = bvh.pose()
    state = forward_kinematics(body, trot.qpos, trot.qvel)
    order = [bvh.joint_names.index(name) for name in body.body_names]
    np.testing.assert_allclose(places[:, order] @ TO_YUP / 100, state.body_pos.numpy(), atol=1e-5)


def test_other_bodies_have_no_smpl_poses(tmp_path: Path) -> None:
    body = make_quadruped()
    with pytest.raises(MotionError, match="body 'quadruped' has no SMPL poses; export it as bvh"):
        write_amass(tmp_path / "trot.npz", body, synthesize_quadruped(body)[0])

"""Mirror images against MuJoCo's own kinematics and physics, and bodies that have none."""

from __future__ import annotations

from collections.abc import Callable

import mujoco
import numpy as np
import pytest

from rgsd.bodies.body import Body, BodyError, FallRule
from rgsd.bodies.kinematics import forward_kinematics
from rgsd.bodies.mirror import Mirror
from rgsd.bodies.quadruped import make_quadruped
from rgsd.bodies.smpl import make_smpl
from rgsd.envs.policy_mirror import PolicyMirror


def some_states(body: Body, count: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Poses within the actuators' reach at any place and orientation, and velocities."""
    rng = np.random.default_rng(0)
    root = rng.normal(size=(count, 7))
    root[:, 3:] /= np.linalg.norm(root[:, 3:], axis=1, keepdims=True)
    hinges = body.action_center + body.action_scale * rng.uniform(-1, 1, (count, body.num_actions))
    return np.concatenate((root, hinges), axis=1), rng.normal(size=(count, body.model.nv))


@pytest.mark.parametrize(("make", "near"), [(make_quadruped, 1e-5), (make_smpl, 0.03)])
def test_every_part_lies_and_moves_as_its_image_mirrored(make: Callable[[], Body], near: float) -> None:
    """`near` in m: the quadruped's halves are alike, the humanoid's bones differ by up to 1.4 cm."""
    body = make()
    mirror, (qpos, qvel) = Mirror(body), some_states(body)
    state = forward_kinematics(body, qpos, qvel)
    image = forward_kinematics(body, mirror.poses(qpos), mirror.velocities(qvel))
    place, speed = (v[:, mirror.bodies].numpy() * (1, -1, 1) for v in (state.body_pos, state.body_linvel))
    assert np.linalg.norm(image.body_pos.numpy() - place, axis=-1).max() < near
    # rates of a few rad/s sum up along the limbs, and carry the difference between bones with them
    assert np.linalg.norm(image.body_linvel.numpy() - speed, axis=-1).max() < (1e-4 if near < 1e-3 else 20 * near)
    # a turn is an axial vector: its mirror image keeps the component across the mirror and turns the others about
    turn = state.body_angvel[:, mirror.bodies].numpy() * (-1, 1, -1)
    np.testing.assert_allclose(image.body_angvel.numpy(), turn, atol=1e-4)
    np.testing.assert_allclose(mirror.poses(mirror.poses(qpos)), qpos)
    np.testing.assert_allclose(mirror.velocities(mirror.velocities(qvel)), qvel)


def test_the_humanoids_left_is_its_right() -> None:
    body = make_smpl()
    mirror = Mirror(body)
    for name, image in zip(body.body_names, np.array(body.body_names)[mirror.bodies], strict=True):
        assert image == name.translate(str.maketrans("LR", "RL")) if name[1] == "_" else image == name
    hinges = np.array(body.joint_names)[mirror.hinges]
    signs = dict(zip(body.joint_names, mirror.signs, strict=True))
    assert hinges[body.joint_names.index("L_Knee_y")] == "R_Knee_y"
    # about x (bending sideways) and z (twisting) left and right are opposite, about y (bending ahead) they are not
    assert [signs[f"Torso_{axis}"] for axis in "xyz"] == [-1, 1, -1]


def test_physics_goes_the_mirrored_way() -> None:
    body = make_quadruped()
    mirror = Mirror(body)
    rng, states = np.random.default_rng(1), []
    qpos, qvel = body.standing_qpos.copy(), np.zeros(body.model.nv)
    qpos[3:7] = np.array([1, 0.05, 0.02, 0.3]) / np.linalg.norm([1, 0.05, 0.02, 0.3])
    targets = body.action_center + 0.3 * body.action_scale * rng.uniform(-1, 1, (10, body.num_actions))
    for q, v, controls in (
        (qpos, qvel, targets),
        (mirror.poses(qpos[None])[0], mirror.velocities(qvel[None])[0], mirror.signs * targets[:, mirror.hinges]),
    ):
        data = mujoco.MjData(body.model)
        data.qpos[:], data.qvel[:] = q, v
        for control in controls:
            data.ctrl[:] = control
            mujoco.mj_step(body.model, data, body.substeps)
        states.append(data.qpos.copy())
    # contacts are solved to a tolerance and in another order: 0.2 s later 1e-4 is what is left of equality
    np.testing.assert_allclose(mirror.poses(states[0][None])[0], states[1], atol=1e-4)
    assert np.abs(states[0] - qpos).max() > 0.05


def _model(hinge_axis: tuple[float, float, float] = (0, 1, 0), reach: float = 0.15, ref: float = 0.0) -> Body:
    """A box with an arm on either side; the right one's hinge, place and reference angle are given."""
    arms = "".join(
        f'<body name="{side}" pos="0 {y} 0"><joint name="{side}" axis="{" ".join(map(str, axis))}" ref="{angle}"/>'
        '<geom type="capsule" fromto="0 0 0 0 0 0.2" size="0.02"/></body>'
        for side, y, axis, angle in (("left", 0.15, (0, 1, 0), 0.0), ("right", -reach, hinge_axis, ref))
    )
    model = mujoco.MjModel.from_xml_string(
        '<mujoco><compiler angle="radian"/><worldbody><body name="torso" pos="0 0 1"><freejoint/>'
        f'<geom type="box" size="0.1 0.1 0.1"/>{arms}</body></worldbody>'
        '<actuator><position joint="left" kp="1"/><position joint="right" kp="1"/></actuator></mujoco>'
    )
    standing = np.array([0, 0, 1, 1, 0, 0, 0, 0, 0], dtype=float)
    return Body("arms", model, 1, standing, np.zeros(2), np.ones(2), (), (), FallRule({}))


_THIGH = (
    '<body name="{side}_thigh" quat="{quat}"><joint name="{side}_pitch" axis="{axis}"/>'
    '<geom type="capsule" fromto="0 0 0 0 0 {down}" size="0.03"/></body>'
)


def _hips(right_thigh: str = _THIGH, again: bool = False, quat: str = "1 0 0 0") -> Body:
    """A pelvis with a waist at its own origin, and on either side a hip and a thigh that begin at one place."""
    second = '<joint name="{side}_again" axis="1 0 0" pos="0 0 0.01"/>' if again else ""
    turned = quat == "0 1 0 0"  # half a turn about x, which y and z axes follow
    thighs = {
        "l": _THIGH.format(side="l", quat="1 0 0 0", axis="0 1 0", down=-0.3),
        "r": right_thigh.format(
            side="r", quat=quat, axis="0 -1 0" if turned else "0 1 0", down=0.3 if turned else -0.3
        ),
    }
    hips = "".join(
        f'<body name="{side}_hip" pos="0 {y} 0"><joint name="{side}_roll" axis="1 0 0"/>{second.format(side=side)}'
        f'<geom type="sphere" size="0.05"/>{thighs[side]}</body>'
        for side, y in (("l", 0.1), ("r", -0.1))
    )
    waist = (
        '<body name="waist"><joint name="yaw" axis="0 0 1"/><geom type="box" size="0.1 0.1 0.2" pos="0 0 0.2"/></body>'
    )
    names = ["yaw"] + [
        name
        for side in "lr"
        for name in (f"{side}_roll", *([f"{side}_again"] if again else []), f"{side}_pitch")
        if name != "r_pitch" or right_thigh
    ]
    drives = "".join(f'<position joint="{name}" kp="1"/>' for name in names)
    model = mujoco.MjModel.from_xml_string(
        '<mujoco><compiler angle="radian"/><worldbody><body name="pelvis" pos="0 0 1"><freejoint/>'
        f'<geom type="box" size="0.1 0.1 0.1"/>{waist}{hips}</body></worldbody><actuator>{drives}</actuator></mujoco>'
    )
    standing = np.concatenate(([0, 0, 1, 1, 0, 0, 0], np.zeros(len(names))))
    return Body("hips", model, 1, standing, np.zeros(len(names)), np.ones(len(names)), (), (), FallRule({}))


def test_parts_that_begin_at_one_place_are_told_apart_by_whom_they_hang_on() -> None:
    body = _hips()
    mirror = Mirror(body)
    assert dict(zip(body.body_names, np.array(body.body_names)[mirror.bodies], strict=True)) == {
        "pelvis": "pelvis", "waist": "waist", "l_hip": "r_hip", "l_thigh": "r_thigh", "r_hip": "l_hip",
        "r_thigh": "l_thigh",
    }  # fmt: skip
    assert dict(zip(body.joint_names, mirror.signs, strict=True)) == {
        "yaw": -1, "l_roll": -1, "l_pitch": 1, "r_roll": -1, "r_pitch": 1
    }  # fmt: skip
    assert mirror.framed.all()


def test_frames_that_are_not_mirrored_are_told() -> None:
    """The right thigh's frame is turned over, its shape and hinge are where they were: poses mirror, axes do not."""
    body = _hips(quat="0 1 0 0")
    mirror, (qpos, qvel) = Mirror(body), some_states(body)
    assert np.array(body.body_names)[~mirror.framed].tolist() == ["l_thigh", "r_thigh"]
    image = forward_kinematics(body, mirror.poses(qpos), mirror.velocities(qvel))
    state = forward_kinematics(body, qpos, qvel)
    np.testing.assert_allclose(image.body_linvel, state.body_linvel[:, mirror.bodies].numpy() * (1, -1, 1), atol=1e-4)
    with pytest.raises(BodyError, match="frame of part 'l_thigh' is not that of 'r_thigh' mirrored"):
        PolicyMirror(body)


def test_a_hinge_that_turns_the_other_way_is_told_by_its_sign_and_counts_from_its_reference() -> None:
    pose = np.array([[0, 0, 1, 1, 0, 0, 0, 0.3, -0.1]])
    np.testing.assert_allclose(Mirror(_model()).poses(pose)[0, 7:], [-0.1, 0.3])
    np.testing.assert_allclose(Mirror(_model((0, -1, 0))).poses(pose)[0, 7:], [0.1, -0.3])
    # the right arm is at rest at 0.5: its -0.1 is a turn by -0.6, the left arm's 0.3 a turn by 0.3
    np.testing.assert_allclose(Mirror(_model(ref=0.5)).poses(pose)[0, 7:], [-0.6, 0.8])


def test_a_body_whose_halves_differ_is_refused() -> None:
    with pytest.raises(
        BodyError, match=r"'arms': part 'left' has no image .*'right' .* 0.05 m off, of which 0.03 m are"
    ):
        Mirror(_model(reach=0.2))
    with pytest.raises(BodyError, match=r"'hips': 'l_hip' carries 1 parts, .*'r_hip', 0; only a body"):
        Mirror(_hips(right_thigh=""))
    # a second hinge almost where the first one is: which of the two is the image cannot be told
    with pytest.raises(BodyError, match=r"'hips': hinge 'l_again' has no image .* one and no more"):
        Mirror(_hips(again=True))
    with pytest.raises(BodyError, match="'arms': hinge 'left' has no image"):
        Mirror(_model((1, 0, 0)))

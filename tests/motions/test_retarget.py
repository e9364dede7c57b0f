from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from rgsd.bodies.body import Body
from rgsd.bodies.kinematics import forward_kinematics
from rgsd.bodies.quadruped import make_quadruped
from rgsd.motions.clip_sets import ACCAD20, SetClip
from rgsd.motions.formats.bvh import read_bvh
from rgsd.motions.formats.smpl_clip import SmplClip
from rgsd.motions.importing import read_motion
from rgsd.motions.motion import Motion, MotionError
from rgsd.motions.retarget import HABITS, HingeHabit, _euler_rotation, _jumps, hinge_angles, retarget, sole_points
from rgsd.motions.trimming import trim_rest

Clip = Callable[..., SmplClip]


def test_hinges_are_intrinsic_xyz_and_follow_without_leaps_through_gimbal_lock() -> None:
    # a knee that flexes to 130 deg, slightly out of its plane: Euler angles of scipy leap by 180 deg at y = 90 deg
    flexion = np.radians(130) * np.sin(np.linspace(0, np.pi, 40))
    wanted = np.stack([np.full(40, 0.05), flexion, np.full(40, -0.03)], axis=1)
    local = Rotation.from_euler("XYZ", wanted).as_matrix()[:, None]
    angles = hinge_angles(local, 30.0, [HingeHabit()])[:, 0]
    leaps = np.abs(np.diff(Rotation.from_matrix(local[:, 0]).as_euler("XYZ"), axis=0)).max()
    assert leaps > 2.0
    assert np.abs(np.diff(angles, axis=0)).max() < 0.2
    assert angles[:, 1].max() == pytest.approx(np.radians(130), abs=0.02)
    error = Rotation.from_euler("XYZ", angles).inv() * Rotation.from_matrix(local[:, 0])
    assert error.magnitude().max() < np.radians(4)


def test_hinges_are_halved_at_their_frequency_and_followed_far_below_it() -> None:
    # Whittaker's filter passes 1 / (1 + (sin(pi f / fps) / sin(pi f0 / fps))^4): a half at f0, all but 1 % at f0 / 3
    time = np.arange(240) / 30.0
    for hz, kept in ((3.0, 0.5), (1.0, 0.987)):
        wanted = np.stack([np.zeros(240), 0.1 * np.sin(2 * np.pi * hz * time), np.zeros(240)], axis=1)
        local = Rotation.from_euler("XYZ", wanted).as_matrix()[:, None]
        angles = hinge_angles(local, 30.0, [HingeHabit((0.0, 0.0, 0.0), (3.0, 3.0, 3.0))])[:, 0, 1]
        middle = slice(60, 180)  # whole periods, away from the ends
        assert np.ptp(angles[middle]) == pytest.approx(kept * np.ptp(wanted[middle, 1]), rel=0.02)


def test_stiff_hinges_take_their_part_of_a_turn() -> None:
    # least squares of (0.2 - x)^2 + 1.0 x^2 is x = 0.1
    local = Rotation.from_euler("x", np.full((30, 1), 0.2)).as_matrix()[:, None]
    angles = hinge_angles(local, 30.0, [HingeHabit((1.0, 1.0, 1.0), (5.0, 5.0, 5.0))])[:, 0]
    np.testing.assert_allclose(angles, np.tile([0.1, 0.0, 0.0], (30, 1)), atol=1e-4)


@pytest.mark.parametrize("hz", [15.0, math.inf])
def test_from_half_the_frame_rate_on_nothing_is_calmed(hz: float) -> None:
    shaken = 0.1 * (-1.0) ** np.arange(40)
    local = Rotation.from_euler("y", shaken[:, None]).as_matrix()[:, None]
    angles = hinge_angles(local, 30.0, [HingeHabit((0.0, 0.0, 0.0), (hz, hz, hz))])[:, 0]
    np.testing.assert_allclose(angles[:, 1], shaken, atol=1e-4)


def test_where_two_hinges_turn_about_one_axis_damping_alone_decides() -> None:
    local = Rotation.from_euler("XYZ", np.tile([0.05, np.pi / 2, -0.03], (10, 1))).as_matrix()[:, None]
    angles = hinge_angles(local, 30.0, [HingeHabit((0.0, 0.0, 0.0), (math.inf, math.inf, math.inf))])[:, 0]
    error = Rotation.from_euler("XYZ", angles).inv() * Rotation.from_matrix(local[:, 0])
    assert error.magnitude().max() < 1e-3


def test_a_hinges_column_is_the_turn_that_it_makes() -> None:
    angles = np.random.default_rng(0).uniform(-1.0, 1.0, (5, 3))
    rotation, jacobian = _euler_rotation(angles)
    np.testing.assert_allclose(rotation, Rotation.from_euler("XYZ", angles).as_matrix(), atol=1e-12)
    for hinge in range(3):
        moved, _ = _euler_rotation(angles + 1e-6 * np.eye(3)[hinge])
        rate = Rotation.from_matrix(np.swapaxes(rotation, 1, 2) @ moved).as_rotvec() / 1e-6
        np.testing.assert_allclose(jacobian[:, :, hinge], rate, atol=1e-5)


def test_a_toe_that_a_marker_shakes_is_calm_and_bends_out_of_the_floor(smpl: Body, make_clip: Clip) -> None:
    rotations = np.tile(np.eye(3), (60, 24, 1, 1))
    toe, ankle = smpl.body_names.index("L_Toe"), smpl.body_names.index("L_Ankle")
    heel_up = 0.6 * np.exp(-0.5 * ((np.arange(60) - 30) / 4) ** 2)  # rad: the ankle rolls over the toe
    shaken = 0.4 * (-1.0) ** np.arange(60)
    rotations[:, ankle] = Rotation.from_euler("y", heel_up[:, None]).as_matrix()
    rotations[:, toe] = Rotation.from_euler("z", shaken[:, None]).as_matrix()
    motion = retarget(make_clip(rotations), smpl)
    hinges = {axis: motion.qpos[:, 7 + smpl.joint_names.index(f"L_Toe_{axis}")] for axis in "xyz"}
    assert np.abs(hinges["z"][3:-3]).max() < 0.02
    assert np.abs(np.diff(hinges["y"])).max() < 0.15
    assert hinges["y"].min() < -0.3
    assert motion.quality["penetration_cm"] < 1.0
    assert set(HABITS) == {"Toe", "Knee", "Hip", "Ankle"}


def test_hidden_jump_is_a_step_that_the_joint_did_not_take(smpl: Body, make_clip: Clip) -> None:
    # one hinge turning by 0.2 rad is the joint's own turn, in whatever frame it comes
    rotations = np.tile(np.eye(3), (40, 24, 1, 1))
    rotations[20:, 18:20] = Rotation.from_euler("y", 0.2).as_matrix()  # left wrist and hand
    motion = retarget(make_clip(rotations), smpl)
    assert motion.quality["largest_jump_rad"] > 0.1
    assert motion.quality["hidden_jump_rad"] == 0.0


def test_jumps_by_hand() -> None:
    # with y at 90 degrees x and z turn about one axis: 0.4 rad of one and as much back of the other are no turn at all;
    # the second joint turns by the 0.7 rad of its hinge
    hinges = np.array([[0.0, np.pi / 2, 0.0, 0.0, 0.0, 0.0], [0.4, np.pi / 2, -0.4, 0.7, 0.0, 0.0]])
    assert _jumps(hinges) == pytest.approx({"largest_jump_rad": 0.7, "hidden_jump_rad": 0.4})


def test_the_body_moves_by_the_mean_of_what_is_missed_and_the_rest_is_the_error(smpl: Body, make_clip: Clip) -> None:
    clip = make_clip()
    count = len(clip.landmarks)
    assert count == 24
    raised = clip.landmarks | {"Head": clip.landmarks["Head"] + [0.0, 0.0, 0.24]}
    motion = retarget(dataclasses.replace(clip, landmarks=raised), smpl)
    # all move up by 0.24 / 24 m: 1 cm of error in 23 of them, and 23 cm in the head
    assert motion.quality["fk_error_cm"] == pytest.approx(46 / 24, abs=1e-3)


def test_the_body_follows_what_is_missed_smoothly(smpl: Body, make_clip: Clip) -> None:
    clip = make_clip(np.tile(np.eye(3), (90, 24, 1, 1)))
    swaying = np.outer(0.05 * np.cos(2 * np.pi * 5 / 30 * np.arange(90)), [1.0, 0.0, 0.0])  # m, at 5 Hz
    landmarks = {name: place + swaying for name, place in clip.landmarks.items()}
    motion = retarget(dataclasses.replace(clip, landmarks=landmarks), smpl)
    # a Gaussian of 0.45 frames gives the two neighbours w each, who are a sixth of a period off: cos 60 deg
    w = np.exp(-0.5 / 0.45**2)
    kept = (1 + 2 * w * 0.5) / (1 + 2 * w)
    # the mean of |cos| in steps of 60 degrees is 2/3
    assert motion.quality["fk_error_cm"] == pytest.approx(5 * (1 - kept) * 2 / 3, rel=0.05)


def test_a_full_turn_is_continuous(smpl: Body, make_clip: Clip) -> None:
    turn = Rotation.from_euler("z", np.linspace(0, 2 * np.pi, 60)[:, None]).as_matrix()
    motion = retarget(make_clip(np.repeat(turn[:, None], 24, axis=1)), smpl)
    # a sixtieth of a turn changes a quaternion by pi / 59
    assert np.abs(np.diff(motion.qpos[:, 3:7], axis=0)).max() < 0.06


def test_only_a_foot_that_stays_on_the_ground_skates(smpl: Body, make_clip: Clip) -> None:
    steps = np.full(59, 0.02)
    steps[29:31] = 0.1  # into frame 30 and out of it, which is 3 cm up: a hop
    pelvis = np.zeros((60, 3))
    pelvis[1:, 0], pelvis[:, 2] = np.cumsum(steps), 1.0
    pelvis[30, 2] += 0.03
    motion = retarget(make_clip(np.tile(np.eye(3), (60, 24, 1, 1)), pelvis), smpl)
    assert motion.quality["skate_cm"] == pytest.approx(2.0, abs=1e-3)


def test_sole_points_are_a_boxs_corners_and_below_a_capsules_ends(tiny: Body) -> None:
    model = copy.copy(tiny.model)
    model.geom_contype[model.geom_bodyid == model.body("left").id] = 1  # the right arm goes on touching nothing
    body = dataclasses.replace(tiny, model=model, feet=("torso", "left", "right"))
    qpos = tiny.standing_qpos[None].copy()
    qpos[0, 7] = np.pi / 2  # the left arm, 0.2 m long and 0.02 m thick, points ahead from (0, 0.15, 0.15)
    (points,) = sole_points(body, forward_kinematics(body, qpos, np.zeros((1, model.nv))))
    corners = [(x, y, z) for x in (-0.15, 0.15) for y in (-0.1, 0.1) for z in (0.0, 0.2)]
    found, expected = (
        sorted(np.round(p, 4).tolist()) for p in (points, [*corners, (0, 0.15, 0.13), (0.2, 0.15, 0.13)])
    )
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_clip_starts_at_the_origin_heading_along_x_and_stands_on_the_ground(smpl: Body, make_clip: Clip) -> None:
    turn = Rotation.from_euler("z", 2.0).as_matrix()
    rotations = np.tile(turn, (20, 24, 1, 1))
    # along the body's own x axis, 2 cm a frame, far from the origin and 3 m too high
    travel = np.arange(20)[:, None] * 0.02 * turn[:, 0]
    motion = retarget(make_clip(rotations, travel + np.array([5.0, -4.0, 4.0])), smpl)
    np.testing.assert_allclose(motion.qpos[0, :2], 0, atol=1e-9)
    np.testing.assert_allclose(motion.qpos[0, 3:7], [1, 0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(motion.qpos[-1, :2], [0.38, 0], atol=1e-6)
    # 2 cm at 30 Hz is 0.6 m/s along x
    np.testing.assert_allclose(motion.qvel[:, 0], 0.6, atol=1e-6)
    np.testing.assert_allclose(motion.qvel[:, 1:], 0, atol=1e-5)  # positions are single precision
    # T-pose on flat soles: the longer, right leg (0.0905 + 0.3826 + 0.3984) and the sole, 0.072 below the ankle
    assert motion.qpos[0, 2] == pytest.approx(0.9435, abs=1e-3)
    # the soles slide with the body, 2 cm a frame
    assert motion.quality["skate_cm"] == pytest.approx(2.0, abs=1e-3)
    assert motion.quality["penetration_cm"] == pytest.approx(0.0, abs=1e-3)
    assert motion.quality["fk_error_cm"] == pytest.approx(0.0, abs=1e-3)


def test_single_dip_counts_as_penetration_and_does_not_lift_the_clip(smpl: Body, make_clip: Clip) -> None:
    pelvis = np.tile([0.0, 0.0, 1.0], (60, 1))
    pelvis[30, 2] -= 0.04
    motion = retarget(make_clip(np.tile(np.eye(3), (60, 24, 1, 1)), pelvis), smpl)
    assert motion.quality["penetration_cm"] == pytest.approx(4.0, abs=0.01)


def test_rate_becomes_the_control_rate_unless_given(smpl: Body, make_clip: Clip) -> None:
    clip = make_clip(np.tile(np.eye(3), (121, 24, 1, 1)), fps=120.0)
    assert (retarget(clip, smpl).fps, retarget(clip, smpl).num_frames) == (30.0, 31)
    assert retarget(clip, smpl, fps=60.0).num_frames == 61


def test_loop_is_told_from_the_posture(smpl: Body, make_clip: Clip) -> None:
    def swing(turns: float) -> Motion:
        angle = 0.3 * np.sin(np.linspace(0, 2 * np.pi * turns, 40, endpoint=False))
        rotations = np.tile(np.eye(3), (40, 24, 1, 1))
        rotations[:, 17] = Rotation.from_euler("y", angle[:, None]).as_matrix()  # the left wrist alone
        return retarget(make_clip(rotations), smpl)

    assert swing(1.0).loop
    assert not swing(0.75).loop


def test_other_bodies_are_refused(make_clip: Clip) -> None:
    with pytest.raises(MotionError, match=r"body 'quadruped'.*--body smpl"):
        retarget(make_clip(), make_quadruped())


def _recorded(shared: Path, smpl: Body, stem: str) -> Motion:
    return read_motion(shared / "motions/accad" / f"Male2_{stem}.bvh", smpl)


def test_recorded_root_paths(shared: Path, smpl: Body) -> None:
    # the paper draws C13 from (0, 0) by (-0.1, 2.7) to (-2.3, 0.45), and C7 7.5 m long, at the actor's size, whose legs
    # are 1 / 0.907 of ours: the far point 2.70 m and the end 2.34 m from the start
    run = _recorded(shared, smpl, "C13_RunTurnLeft135")
    away = np.linalg.norm(run.qpos[:, :2], axis=1) / 0.907
    assert away[-1] == pytest.approx(2.34, abs=0.1)
    assert away.max() == pytest.approx(3.0, abs=0.4)
    assert run.qpos[-1, 1] > 1.0  # to the left
    back = _recorded(shared, smpl, "C7_RunBackwards")
    assert np.linalg.norm(back.qpos[-1, :2]) / 0.907 == pytest.approx(7.5, abs=0.1)
    assert back.qpos[-1, 0] < -5.0  # backwards


def _bend(hip: np.ndarray, knee: np.ndarray, ankle: np.ndarray) -> np.ndarray:
    """Angle (T,) between thigh and shin in degrees, of positions (T, 3); 0 is a straight leg."""
    thigh, shin = knee - hip, ankle - knee
    cosine = (thigh * shin).sum(axis=1) / np.linalg.norm(thigh, axis=1) / np.linalg.norm(shin, axis=1)
    return np.degrees(np.arccos(cosine))


STRIDES = [clip for clip in ACCAD20 if clip.group in ("walk", "run")]


@pytest.mark.parametrize("clip", STRIDES, ids=[clip.name for clip in STRIDES])
def test_recorded_knees_bend_one_way_and_as_far_as_the_actors_did(shared: Path, smpl: Body, clip: SetClip) -> None:
    # the fact sheet says 0-66 deg of a walk and about 110 of a run; the files' own legs bend by 70-77 in the walks, by
    # 99-112 in the turning runs and by 130 in C3, the straight and fastest one
    path = shared / "motions/accad" / f"{clip.bvh}.bvh"
    motion, source = read_motion(path, smpl), read_bvh(path)
    knees = [7 + i for i, name in enumerate(smpl.joint_names) if name.endswith("Knee_y")]
    flexion = np.degrees(motion.qpos[:, knees])
    assert flexion.min() > -3
    least, most = (62, 75) if clip.group == "walk" else (92, 128)
    assert least < flexion.max() < most
    positions, (actor, _) = forward_kinematics(smpl, motion.qpos, motion.qvel).body_pos.numpy(), source.pose()
    for side, ours in (("Left", "L"), ("Right", "R")):
        bodies = [positions[:, smpl.body_names.index(f"{ours}_{part}")] for part in ("Hip", "Knee", "Ankle")]
        joints = [actor[:, source.joint_names.index(f"{side}{part}")] for part in ("UpLeg", "Leg", "Foot")]
        theirs = _bend(*joints)[:: round(source.fps / motion.fps)]
        # most where the actor's leg is all but straight: SMPL's bones have 9 deg between them at an unbent knee
        np.testing.assert_allclose(_bend(*bodies), theirs[: motion.num_frames], atol=6)
    assert motion.quality["fk_error_cm"] < 3.05
    assert motion.quality["penetration_cm"] < 0.8
    assert motion.quality["largest_jump_rad"] < 1.0


# what the comparison on SMPL is measured on does not change until it is published: sum of qpos times a wave, and frames
# of the clips as `rgsd motions import` and `rgsd motions trim` make them
FROZEN: dict[str, tuple[float, int]] = {
    "B3_walk": (-9.19532, 133),
    "B9_walk_left_90": (-15.61040, 152),
    "B10_walk_left_45": (-0.83169, 140),
    "B12_walk_right_90": (0.07817, 162),
    "B14_walk_right_45": (1.15027, 149),
    "C3_run": (-8.19210, 58),
    "C11_run_left_90": (-15.99167, 64),
    "C13_run_left_135": (-12.07313, 78),
    "C14_run_right_90": (38.60061, 75),
    "C16_run_right_135": (-17.79367, 79),
    "B22_sidestep_left": (-3.61097, 69),
    "B23_sidestep_right": (-2.52614, 49),
    "C24_quick_sidestep_left": (-3.23133, 61),
    "C25_quick_sidestep_right": (6.64145, 39),
    "B5_walk_backward": (-16.82075, 190),
    "C7_run_backward": (50.39358, 78),
    "E1_jab_left": (-2.82615, 38),
    "E2_jab_right": (-3.60443, 48),
    "E3_cross_left": (2.76349, 52),
    "E4_cross_right": (-4.41021, 54),
}


@pytest.mark.parametrize("clip", ACCAD20, ids=[clip.name for clip in ACCAD20])
def test_the_twenty_clips_are_frozen(shared: Path, smpl: Body, clip: SetClip) -> None:
    motion = trim_rest(read_motion(shared / "motions/accad" / f"{clip.bvh}.bvh", smpl))
    mark, frames = FROZEN[clip.name]
    assert motion.num_frames == frames
    assert fingerprint(motion) == pytest.approx(mark, abs=1e-4)


def fingerprint(motion: Motion) -> float:
    """Tells any change of a posture by a thousandth of a radian, and none of a machine's rounding."""
    return float((motion.qpos * np.cos(np.arange(motion.qpos.size)).reshape(motion.qpos.shape)).sum())

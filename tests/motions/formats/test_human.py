"""Human skeletons of every dialect, made backwards from one SMPL clip, and the real files beside the repository."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from rgsd.bodies.body import Body
from rgsd.motions.arrays import MotionError
from rgsd.motions.formats.accad import accad_to_smpl
from rgsd.motions.formats.bvh import Bvh, read_bvh
from rgsd.motions.formats.human import bvh_to_smpl, dialect, human_to_smpl
from rgsd.motions.formats.smpl_clip import BODY_NAMES, PARENTS, smpl_positions
from rgsd.motions.retarget import retarget
from rgsd.motions.skeleton_map import SkeletonMap, load_map, named_maps
from rgsd.motions.skeletons import PROPOSED, find_map, fit, propose_map

_SIZE = 1.3  # of a person; and in the file's unit
_Y_UP = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])  # (x, y, z) of ours is (y, z, x) there


@pytest.fixture(scope="session")
def walk() -> tuple[np.ndarray, np.ndarray]:
    """World orientations (80, 24, 3, 3) and pelvis (80, 3) of a march on the spot with swinging, bent arms."""
    phase = np.linspace(0, 4 * np.pi, 80)
    local = np.tile(np.eye(3), (80, 24, 1, 1))
    for side, sign in (("L", 1.0), ("R", -1.0)):
        lift = np.clip(sign * np.sin(phase), 0, None)
        hang = Rotation.from_euler("x", -1.3 * sign).as_matrix()
        swing = Rotation.from_euler("y", 0.3 * sign * np.sin(phase)[:, None]).as_matrix()
        for part, turn in {
            "Hip": Rotation.from_euler("y", -0.9 * lift[:, None]).as_matrix(),
            "Knee": Rotation.from_euler("y", 1.4 * lift[:, None]).as_matrix(),
            "Shoulder": swing @ hang,
            "Elbow": Rotation.from_euler("z", sign * (-0.8 - 0.4 * np.sin(phase))[:, None]).as_matrix(),
        }.items():
            local[:, BODY_NAMES.index(f"{side}_{part}")] = turn
    world = local.copy()
    for index, parent in enumerate(PARENTS):
        if parent >= 0:
            world[:, index] = world[:, parent] @ local[:, index]
    return world, np.tile([0.0, 0.0, 0.95], (80, 1))


def written(skeleton: SkeletonMap, walk: tuple[np.ndarray, np.ndarray], prefix: str = "") -> Bvh:
    """The clip on a skeleton of a dialect, y-up, another size, each joint in a frame of its own."""
    world, pelvis = walk
    rng = np.random.default_rng(1)
    bodies = [body for body in BODY_NAMES if body in skeleton.joints]
    above: list[int] = []
    for body in bodies:
        parent = PARENTS[BODY_NAMES.index(body)]
        while parent >= 0 and BODY_NAMES[parent] not in bodies:
            parent = PARENTS[parent]
        above.append(bodies.index(BODY_NAMES[parent]) if parent >= 0 else -1)
    rest = smpl_positions(np.tile(np.eye(3), (1, 24, 1, 1)), np.zeros((1, 3)))[0]
    own = Rotation.random(len(bodies), rng).as_matrix()  # what a joint's frame is turned from its body's
    turn = np.stack([_Y_UP @ world[:, BODY_NAMES.index(b)] @ own[j] for j, b in enumerate(bodies)], axis=1)
    offsets, values, channels = [], [], []
    for j, body in enumerate(bodies):
        local = turn[:, j]
        offset = np.zeros(3)
        if above[j] >= 0:
            bone = rest[BODY_NAMES.index(body)] - rest[BODY_NAMES.index(bodies[above[j]])]
            offset = own[above[j]].T @ bone * _SIZE
            local = np.swapaxes(turn[:, above[j]], 1, 2) @ local
        else:
            values.append(pelvis @ _Y_UP.T * _SIZE)
        offsets.append(offset)
        values.append(Rotation.from_matrix(local).as_euler("ZYX", degrees=True))
        places = ("Xposition", "Yposition", "Zposition") if above[j] < 0 else ()
        channels.append((*places, "Zrotation", "Yrotation", "Xrotation"))
    names = tuple(prefix + skeleton.joints[body] for body in bodies)
    return Bvh(
        Path("clip.bvh"),
        names,
        tuple(above),
        np.array(offsets),
        tuple(channels),
        np.concatenate(values, axis=1),
        1 / 30,
    )


@pytest.mark.parametrize("skeleton", named_maps(), ids=lambda skeleton: skeleton.name)
def test_every_dialect_gives_the_clip_back(skeleton: SkeletonMap, walk: tuple[np.ndarray, np.ndarray]) -> None:
    clip = human_to_smpl(written(skeleton, walk), skeleton)
    found = smpl_positions(clip.rotations, clip.pelvis)
    wanted = smpl_positions(*walk)
    # ours looks along x as does BVH's turned upright; the map's turns are fitted, hence some cm and degrees
    error = np.linalg.norm(found - wanted, axis=-1).mean(axis=0)
    assert error.max() < 0.04, dict(zip(BODY_NAMES, error.round(3), strict=True))
    assert error.mean() < 0.015
    knee = BODY_NAMES.index("L_Knee")
    bend = Rotation.from_matrix(np.swapaxes(clip.rotations[:, knee - 1], 1, 2) @ clip.rotations[:, knee]).magnitude()
    assert bend.max() == pytest.approx(1.4, abs=0.15)


def test_a_namespace_case_and_a_common_prefix_do_not_count(walk: tuple[np.ndarray, np.ndarray]) -> None:
    mixamo = next(skeleton for skeleton in named_maps() if skeleton.name == "Mixamo")
    for prefix in ("mixamorig:", "Model_", "MIXAMORIG:"):
        bvh = written(mixamo, walk, prefix)
        assert find_map(bvh) == mixamo
        assert len(fit(mixamo, bvh)) == len(mixamo.joints)


def test_a_world_that_is_z_up_is_seen_or_said(walk: tuple[np.ndarray, np.ndarray]) -> None:
    lafan = next(skeleton for skeleton in named_maps() if skeleton.name == "LAFAN1")
    bvh = written(lafan, walk)
    turned = bvh.values.copy()
    turned[:, 1], turned[:, 2] = -bvh.values[:, 2], bvh.values[:, 1]  # (x, y, z) becomes (x, -z, y)
    root = Rotation.from_euler("x", 90, degrees=True) * Rotation.from_euler("ZYX", bvh.values[:, 3:6], degrees=True)
    turned[:, 3:6] = root.as_euler("ZYX", degrees=True)
    for up in (None, "z"):
        clip = human_to_smpl(dataclasses.replace(bvh, values=turned, up=up), lafan)
        height = smpl_positions(clip.rotations, clip.pelvis)[..., 2]
        assert height[:, BODY_NAMES.index("Head")].min() > 1.2
        assert np.ptp(height[:, BODY_NAMES.index("Pelvis")]) < 0.05


def test_a_map_is_proposed_from_shape_alone(walk: tuple[np.ndarray, np.ndarray]) -> None:
    lafan = next(skeleton for skeleton in named_maps() if skeleton.name == "LAFAN1")
    nameless = SkeletonMap("", {body: f"bone{k * 7 % 23}" for k, body in enumerate(lafan.joints)})
    bvh = written(nameless, walk)
    assert find_map(bvh) is None
    assert propose_map(bvh).joints == nameless.joints
    assert PROPOSED in bvh_to_smpl(bvh).note


def test_a_map_survives_its_file(tmp_path: Path) -> None:
    for skeleton in named_maps():
        (tmp_path / "map.toml").write_text(skeleton.toml())
        assert load_map(tmp_path / "map.toml") == skeleton


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = ", "not a map in TOML"),
        ('name = "x"', r"\[joints\] is lacking"),
        ('[joints]\nPelvi = "Hips"', "'Pelvi' is no SMPL body; write Pelvis"),
        ('[joints]\nPelvis = "Hips"', "Chest, L_Hip, .* lacks"),
    ],
)
def test_a_map_that_is_none_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "map.toml").write_text(text)
    with pytest.raises(MotionError, match=said):
        load_map(tmp_path / "map.toml")


def test_a_joint_that_is_not_there_and_a_map_that_does_not_fit_are_refused(walk: tuple[np.ndarray, np.ndarray]) -> None:
    lafan = next(skeleton for skeleton in named_maps() if skeleton.name == "LAFAN1")
    bvh = written(lafan, walk)
    with pytest.raises(MotionError, match="has no joint 'Shank', which map 'mine' has for L_Knee"):
        human_to_smpl(bvh, SkeletonMap("mine", lafan.joints | {"L_Knee": "Shank"}))
    with pytest.raises(MotionError, match=r"'LeftFoot' .L_Elbow. does not hang on 'LeftArm' .L_Shoulder."):
        human_to_smpl(bvh, SkeletonMap("mine", lafan.joints | {"L_Elbow": "LeftFoot"}))
    long = dataclasses.replace(bvh, offsets=bvh.offsets * np.where(np.arange(len(bvh.offsets)) == 2, 9.0, 1.0)[:, None])
    with pytest.raises(MotionError, match="cm from the mapped ones"):  # one shin is nine times as long
        human_to_smpl(long, lafan)


def test_male2_keeps_its_constants_and_what_they_refuse_is_taken(shared: Path, smpl: Body) -> None:
    walk = read_bvh(shared / "motions/accad/Male2_B3_Walk.bvh")
    np.testing.assert_array_equal(bvh_to_smpl(walk).rotations, accad_to_smpl(walk).rotations)
    crouch = read_bvh(shared / "motions/more/Male2_B24_WalkToCrouch.bvh")
    with pytest.raises(MotionError, match="subject Male2"):
        accad_to_smpl(crouch)
    motion = retarget(bvh_to_smpl(crouch), smpl)
    assert motion.quality["fk_error_cm"] < 2.5
    assert motion.quality["skate_cm"] < 0.3  # 0.47 where feet are not held
    assert "Ohio State" in motion.license


def sided(sides: str, parts: str) -> str:
    return " ".join(pattern.replace("*", part) for pattern in sides.split() for part in parts.split())


# the whole skeletons, as their files have them
ARMS_AND_LEGS = sided("Left* Right*", "Shoulder Arm ForeArm Hand UpLeg Leg Foot")
ACCAD = f"Hips ToSpine Spine Spine1 Neck Head {ARMS_AND_LEGS} LeftToeBase RightToeBase"
LAFAN1 = f"Hips Spine Spine1 Spine2 Neck Head {ARMS_AND_LEGS} LeftToe RightToe"
CMU = (
    f"Hips LHipJoint RHipJoint LowerBack Spine Spine1 Neck Neck1 Head {ARMS_AND_LEGS} LeftToeBase RightToeBase "
    f"{sided('Left* Right*', 'FingerBase HandIndex1')} LThumb RThumb"
)
BANDAI_NAMCO = "joint_Root Hips Spine Chest Neck Head " + sided(
    "*_L *_R", "Shoulder UpperArm LowerArm Hand UpperLeg LowerLeg Foot Toes"
)


@pytest.mark.parametrize(
    ("joints", "count", "name"),
    [
        (" ".join(BODY_NAMES), 24, "SMPL"),
        (ACCAD, 22, "ACCAD"),
        (ACCAD.replace("ToSpine ", ""), 21, "ACCAD"),
        (LAFAN1, 22, "LAFAN1"),
        (CMU, 31, "CMU"),  # holds all of ACCAD's but ToSpine
        (BANDAI_NAMCO, 22, "Bandai-Namco"),
        (ACCAD.replace("Spine1 ", ""), 21, "unknown"),
        (f"{ACCAD} Tail", 23, "ACCAD"),
        ("Hips Wing", 2, "unknown"),
    ],
)
def test_dialects_are_told_by_their_joints(tmp_path: Path, joints: str, count: int, name: str) -> None:
    names = joints.split()
    assert len(names) == count
    blocks = "".join(f"{'JOINT' if i else 'ROOT'} {n} {{ OFFSET 0 0 0 CHANNELS 0 " for i, n in enumerate(names))
    text = f"HIERARCHY {blocks} {' }' * len(names)} MOTION Frames: 2 Frame Time: 0.01"
    (tmp_path / "a.bvh").write_text(text)
    assert dialect(read_bvh(tmp_path / "a.bvh")) == name


def test_real_files_are_told(shared: Path) -> None:
    files = sorted((shared / "motions/accad").glob("*.bvh"))
    assert len(files) > 20
    assert {dialect(read_bvh(file)) for file in files} == {"ACCAD"}

"""Any human skeleton in BVH onto the SMPL skeleton, by inverse kinematics.

The targets are orientations, as `anatomy` measures them on the clip itself, and places brought to the model's size limb
by limb: hips and feet at the scale of the legs, so that feet stay where they stand, and arms from the shoulders at
theirs.
"""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from functools import cache

import mujoco
import numpy as np
from scipy.spatial.transform import Rotation

from rgsd.bodies.body import Body
from rgsd.bodies.smpl import SKELETON, make_smpl
from rgsd.motions.arrays import MotionError
from rgsd.motions.formats.accad import LICENSE, accad_to_smpl, is_accad
from rgsd.motions.formats.anatomy import REST, REST_HIPS, Skeleton, orientations, rest_length
from rgsd.motions.formats.bvh import Bvh
from rgsd.motions.formats.smpl_bvh import is_smpl, own_to_smpl
from rgsd.motions.formats.smpl_clip import BODY_NAMES, PARENTS, SmplClip, clean_name, smpl_positions
from rgsd.motions.inverse_kinematics import Targets, solve
from rgsd.motions.retarget import floor_under, sole_shapes
from rgsd.motions.skeleton_map import SkeletonMap
from rgsd.motions.skeletons import find_map, fit, propose_map
from rgsd.motions.stance import rolled, touching

_TOO_FAR = 0.12  # m in the mean; clips that fit stay below 0.05
# weights of an error of 1 m and of 1 rad: hips, feet and hands most
_PLACE = {"Hip": 20.0, "Knee": 5.0, "Ankle": 40.0, "Toe": 25.0, "Shoulder": 5.0, "Elbow": 4.0, "Wrist": 15.0}
_TURN = {"Pelvis": 2.0, "Ankle": 2.0, "Toe": 2.0, "Thorax": 0.5}  # of all others 1


def bvh_to_smpl(bvh: Bvh, skeleton: SkeletonMap | None = None) -> SmplClip:
    """Turn a clip of any human skeleton into SMPL poses.

    Clips of the SMPL skeleton itself are taken as they are. Those of ACCAD's subject Male2 go by the constants that
    were fitted to it, on which published results stand; all others by inverse kinematics.

    Args:
        bvh: the clip.
        skeleton: which joint moves which body; if not given, the named map that fits, else one proposed by geometry.

    Raises:
        MotionError: no map fits; the message says what to do.
    """
    if skeleton is None and is_smpl(bvh):
        return own_to_smpl(bvh)
    if skeleton is None and is_accad(bvh):
        with suppress(MotionError):
            return accad_to_smpl(bvh)
    chosen = skeleton or find_map(bvh)
    if chosen is not None:
        clip = human_to_smpl(bvh, chosen)
        return dataclasses.replace(clip, license=LICENSE) if is_accad(bvh) else clip
    try:
        return human_to_smpl(bvh, propose_map(bvh))
    except MotionError as error:
        raise MotionError(
            f"{bvh.path}: no named map fits its joints ({', '.join(bvh.joint_names)}), and none could be proposed "
            f"({str(error).removeprefix(f'{bvh.path}: ')}); write one and give it by --map"
        ) from None


def dialect(bvh: Bvh) -> str:
    """What to call a skeleton: SMPL, ACCAD, the name of the map that fits it, or unknown."""
    if is_smpl(bvh):
        return "SMPL"
    if is_accad(bvh):
        return "ACCAD"
    chosen = find_map(bvh)
    return chosen.name if chosen else "unknown"


def human_to_smpl(bvh: Bvh, skeleton: SkeletonMap) -> SmplClip:
    """Turn a clip of a human skeleton into SMPL poses, at the size of the neutral skeleton.

    Args:
        bvh: the clip.
        skeleton: which joint moves which body.

    Raises:
        MotionError: a joint is not there, or the result is nowhere near the clip.
    """
    joints = fit(skeleton, bvh)
    source = Skeleton(bvh, joints)
    turns = orientations(source)
    places = _places(source, turns)
    rotations, pelvis = _solve(turns, _held(turns, places, bvh.fps))
    positions = smpl_positions(rotations, pelvis)
    errors = [np.linalg.norm(positions[:, BODY_NAMES.index(n)] - p, axis=1).mean() for n, p in places.items()]
    if np.mean(errors) > _TOO_FAR:
        raise MotionError(
            f"{bvh.path}: its joints lie {100 * np.mean(errors):.0f} cm from the mapped ones, expected below "
            f"{100 * _TOO_FAR:.0f}; map '{skeleton.name}' does not fit it: `rgsd motions map` proposes one for --map"
        )
    lacking = [body for body in BODY_NAMES if body not in joints and not body.endswith("_Hand")]
    note = f"joints by map '{skeleton.name}'" + (f"; made up: {', '.join(lacking)}" if lacking else "")
    return SmplClip(
        name=clean_name(bvh.path.stem),
        fps=bvh.fps,
        rotations=rotations,
        pelvis=pelvis,
        landmarks=places,
        source=f"{skeleton.name} BVH {bvh.path.name}",
        note=note,
    )


def _places(source: Skeleton, turns: np.ndarray) -> dict[str, np.ndarray]:
    """(T, 3) of limbs' joints, m, at the model's size."""
    pelvis = source.hips - turns[:, 0] @ REST_HIPS
    posed = smpl_positions(turns, pelvis)
    at = {name: posed[:, index] for index, name in enumerate(BODY_NAMES)}
    places: dict[str, np.ndarray] = {}
    for side in "LR":
        hip, knee, ankle, toe = (f"{side}_{part}" for part in ("Hip", "Knee", "Ankle", "Toe"))
        shoulder, elbow, wrist = (f"{side}_{part}" for part in ("Shoulder", "Elbow", "Wrist"))
        places |= {hip: at[hip], knee: source.place[knee], ankle: source.place[ankle]}
        if toe in source.place:
            places[toe] = source.place[toe]
        scale = rest_length(shoulder, elbow, wrist) / source.length(shoulder, elbow, wrist)
        places |= {shoulder: source.place[shoulder]}
        places[elbow] = places[shoulder] + scale * source.bone(shoulder, elbow)
        places[wrist] = places[elbow] + scale * source.bone(elbow, wrist)
    return places


def _held(turns: np.ndarray, places: dict[str, np.ndarray], fps: float) -> dict[str, np.ndarray]:
    """The places with feet that roll on the floor while they stand, and clear it between.

    The model's feet are not the source's: with the same ankles and toes its soles graze the floor, and slide on it.
    """
    soles = {side: _sole(side, turns, places[f"{side}_Ankle"]) for side in "LR"}
    lowest = np.minimum(soles["L"][..., 2].min(axis=1), soles["R"][..., 2].min(axis=1))
    floor = floor_under(lowest, fps)
    held = dict(places)
    for side, sole in soles.items():
        sole[..., 2] -= floor[:, None]
        moved = rolled(sole, touching(sole, fps), fps)
        held |= {body: places[body] + moved for body in (f"{side}_Ankle", f"{side}_Toe") if body in places}
    return held


def _sole(side: str, turns: np.ndarray, ankle: np.ndarray) -> np.ndarray:
    """(T, P, 3) the lowest points of a foot and its toes with the ankle there (T, 3), m."""
    body, (owners, offsets, radii) = _humanoid(), sole_shapes(_humanoid())
    foot, toe = (BODY_NAMES.index(f"{side}_{part}") for part in ("Ankle", "Toe"))
    at = {foot: ankle, toe: ankle + turns[:, foot] @ (REST[f"{side}_Toe"] - REST[f"{side}_Ankle"])}
    points = []
    for owner, offset, radius in zip(owners, offsets, radii, strict=True):
        part = BODY_NAMES.index(body.body_names[owner])
        if part in at:
            points.append(at[part] + turns[:, part] @ offset - radius * np.array([0.0, 0.0, 1.0]))
    return np.stack(points, axis=1)


@cache
def _humanoid() -> Body:
    return make_smpl()


def _solve(turns: np.ndarray, places: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """World orientations (T, 24, 3, 3) and pelvis (T, 3) that come nearest to both."""
    model = _ball_model()
    anywhere = np.zeros((len(turns), 3))
    weights = [_PLACE[name.split("_")[-1]] if name in places else 0.0 for name in BODY_NAMES]
    targets = Targets(
        bodies=tuple(range(1, model.nbody)),
        positions=np.stack([places.get(name, anywhere) for name in BODY_NAMES], axis=1),
        rotations=turns,
        position_weights=np.array(weights),
        rotation_weights=np.array([_TURN.get(name.split("_")[-1], 1.0) for name in BODY_NAMES]),
    )
    start = model.qpos0.copy()
    start[:3] = places["L_Hip"][0]
    start[3:7] = Rotation.from_matrix(turns[0, 0]).as_quat(scalar_first=True)
    poses = solve(model, start, targets)
    root = Rotation.from_quat(poses[:, 3:].reshape(-1, 4), scalar_first=True).as_matrix()
    local = root.reshape(len(poses), len(BODY_NAMES), 3, 3)
    world = np.empty_like(local)
    for index, parent in enumerate(PARENTS):
        world[:, index] = local[:, index] if parent < 0 else world[:, parent] @ local[:, index]
    return world, poses[:, :3]


@cache
def _ball_model() -> mujoco.MjModel:
    """The SMPL skeleton with a ball in every joint, which no posture locks as it does three hinges."""
    spec = mujoco.MjSpec()
    parts: dict[str, mujoco.MjsBody] = {}
    for name, parent, offset in SKELETON:
        above = spec.worldbody if parent is None else parts[parent]
        parts[name] = above.add_body(name=name, pos=offset, mass=1.0, inertia=[1.0] * 3, explicitinertial=True)
        parts[name].add_joint(
            name=name, type=mujoco.mjtJoint.mjJNT_FREE if parent is None else mujoco.mjtJoint.mjJNT_BALL
        )
    return spec.compile()

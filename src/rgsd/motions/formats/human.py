"""Any human skeleton in BVH onto the SMPL skeleton, by inverse kinematics.

A joint's frame means something else in every dialect, so what it is to the body that it moves is measured on the clip
itself: the constant rotation C of R_smpl = R_bvh C that best fits anatomical frames, which joints' places alone give.

| body | anatomical frame |
|---|---|
| pelvis, chest | the line of the hips or shoulders, and the trunk's, where the clip is upright |
| head | level and looking ahead, where the clip is upright |
| thigh and shin, upper and lower arm | the bone, and the axis about which knee or elbow is bent |
| foot, toes | flat on the ground, pointing along the foot, where it stands still |
| the rest | between their neighbours, or as their parent |

The targets are these orientations, and places brought to the model's size limb by limb: hips and feet at the scale of
the legs, so that feet stay where they stand, and arms from the shoulders at theirs.
"""

from __future__ import annotations

from functools import cache

import mujoco
import numpy as np
from scipy.spatial.transform import Rotation

from rgsd.bodies.smpl import SKELETON
from rgsd.motions.formats.bvh import Bvh
from rgsd.motions.formats.smpl_clip import BODY_NAMES, PARENTS, SmplClip, clean_name, smpl_positions
from rgsd.motions.inverse_kinematics import Targets, solve
from rgsd.motions.motion import MotionError
from rgsd.motions.skeletons import SkeletonMap, fit, upright

_BENT = np.radians(15)  # a joint bent less tells nothing of its axis
_STRAIGHT = 0.02  # weight of a guess at the axis, beside the squared sine of the bend
_SLOW, _LOW = 0.2, 0.03  # m/s and m above its lowest at which a foot stands
_TOO_FAR = 0.12  # m in the mean; a clip that fits stays below 0.05

# m: weights of an error of 1 m; rad: of 1 rad
_PLACE = {"Hip": 20.0, "Knee": 5.0, "Ankle": 40.0, "Toe": 8.0, "Shoulder": 4.0, "Elbow": 4.0, "Wrist": 15.0}
_TURN = {"Pelvis": 2.0, "Ankle": 2.0, "Toe": 2.0, "Thorax": 0.5}


def human_to_smpl(bvh: Bvh, skeleton: SkeletonMap) -> SmplClip:
    """Turn a clip of a human skeleton into SMPL poses, at the size of the neutral skeleton.

    Args:
        bvh: the clip.
        skeleton: which joint moves which body.

    Raises:
        MotionError: a joint is not there, or the result is nowhere near the clip.
    """
    joints = fit(skeleton, bvh)
    source = _Source(bvh, joints)
    turns = _orientations(source)
    places = _places(source, turns)
    solved = _solve(turns, places)
    positions = smpl_positions(*solved)
    error = np.mean([np.linalg.norm(positions[:, BODY_NAMES.index(n)] - p, axis=1).mean() for n, p in places.items()])
    if error > _TOO_FAR:
        raise MotionError(
            f"{bvh.path}: its joints lie {100 * error:.0f} cm from the mapped ones, expected below {100 * _TOO_FAR:.0f}; "
            f"correct the map ('{skeleton.name}'; `rgsd motions map {bvh.path}` proposes one) and give it by --map"
        )
    lacking = [body for body in BODY_NAMES if body not in joints and not body.endswith("_Hand")]
    note = f"joints by map '{skeleton.name}'" + (f"; made up: {', '.join(lacking)}" if lacking else "")
    rotations, pelvis = solved
    name, origin = clean_name(bvh.path.stem), f"{skeleton.name} BVH {bvh.path.name}"
    return SmplClip(name, bvh.fps, rotations, pelvis, places, origin, note=note)


class _Source:
    """A clip's joints by SMPL's names, z-up, its legs as long as the model's."""

    def __init__(self, bvh: Bvh, joints: dict[str, int]) -> None:
        positions, rotations = bvh.pose()
        turned = upright(positions)
        self.fps = bvh.fps
        basis = np.linalg.lstsq(positions.reshape(-1, 3), turned.reshape(-1, 3), rcond=None)[0].T.round()
        self.turn = {body: basis @ rotations[:, joint] for body, joint in joints.items()}
        self.place = {body: turned[:, joint] for body, joint in joints.items()}
        scale = sum(self._rest_leg(side) for side in "LR") / sum(self._leg(side) for side in "LR")
        self.place = {body: place * scale for body, place in self.place.items()}
        self.hips = (self.place["L_Hip"] + self.place["R_Hip"]) / 2
        top = self.place.get("Neck", (self.place["L_Shoulder"] + self.place["R_Shoulder"]) / 2)
        self.trunk = _unit(top - self.hips)
        down = _unit(self.place["L_Knee"] + self.place["R_Knee"] - 2 * self.hips)
        self.straight = np.clip(-(self.trunk * down).sum(axis=1), 1e-3, 1) ** 4
        self.standing = self.straight * np.clip(self.trunk[:, 2], 1e-2, 1) ** 4

    def bone(self, body: str, to: str) -> np.ndarray:
        """(T, 3) from one body's joint to another's, m."""
        return self.place[to] - self.place[body]

    def _leg(self, side: str) -> float:
        bones = (self.bone(f"{side}_Hip", f"{side}_Knee"), self.bone(f"{side}_Knee", f"{side}_Ankle"))
        return max(sum(float(np.linalg.norm(bone, axis=1).mean()) for bone in bones), 1e-9)

    def _rest_leg(self, side: str) -> float:
        return _rest_length(f"{side}_Hip", f"{side}_Knee") + _rest_length(f"{side}_Knee", f"{side}_Ankle")


def _orientations(source: _Source) -> np.ndarray:
    """(T, 24, 3, 3) of all bodies, world."""
    found: dict[str, np.ndarray] = {}

    def settle(body: str, frames: np.ndarray, weights: np.ndarray) -> None:
        """Take a body's anatomical frames (T, 3, 3) for where its joint is to be, in the weighted mean."""
        if body in source.turn:
            constant = _mean_rotation(np.swapaxes(source.turn[body], 1, 2) @ frames, weights)
            found[body] = source.turn[body] @ constant

    even = np.ones(len(source.hips))
    for body, part in (("Pelvis", "Hip"), ("Chest", "Shoulder")):
        across, rest = source.bone(f"R_{part}", f"L_{part}"), _rest_bone(f"R_{part}", f"L_{part}")
        settle(body, _frames(across, source.trunk, rest, _REST["Neck"] - _REST_HIPS), source.straight)
    left = source.bone("R_Shoulder", "L_Shoulder") * np.array([1.0, 1.0, 0.0])
    up = np.tile([0.0, 0.0, 1.0], (len(left), 1))
    settle("Head", _frames(up, left, np.eye(3)[2], np.eye(3)[1]), source.standing)
    for body, parent, child in (("Torso", "Pelvis", "Chest"), ("Spine", "Pelvis", "Chest"), ("Neck", "Chest", "Head")):
        settle(body, _between(found[parent], found.get(child, found[parent]), 0.5), even)
    for side in "LR":
        settle(f"{side}_Thorax", found["Chest"], even)
        outward = np.array([0.0, 0.0, -1.0 if side == "L" else 1.0])  # an elbow bends forward, about this axis
        for names, axis, above in (
            ((f"{side}_Hip", f"{side}_Knee", f"{side}_Ankle"), np.array([0.0, 1.0, 0.0]), "Pelvis"),
            ((f"{side}_Shoulder", f"{side}_Elbow", f"{side}_Wrist"), outward, f"{side}_Thorax"),
        ):
            _settle_limb(source, settle, found, names, axis, above if above in found else "Chest")
        hand = f"{side}_Hand"
        frames = found[f"{side}_Elbow"]
        if hand in source.place:
            fingers = source.bone(f"{side}_Wrist", hand)
            frames = _frames(fingers, frames[..., 2], _rest_bone(f"{side}_Wrist", hand), np.eye(3)[2])
        settle(f"{side}_Wrist", frames, even)
        _settle_foot(source, settle, found, side)
    return _complete(found)


def _settle_limb(source, settle, found, names, axis, above) -> None:  # noqa: ANN001 - see the call
    """The two bones of a limb: along the joints, and about the axis of the hinge between them."""
    first, middle, last = names
    upper, lower = source.bone(first, middle), source.bone(middle, last)
    normal = np.cross(_unit(upper), _unit(lower))
    bend = np.linalg.norm(normal, axis=1)
    bent = np.where(bend > np.sin(_BENT), bend**2, 0.0)
    for body, bone, to in ((first, upper, middle), (middle, lower, last)):
        rest = _rest_bone(body, to)
        guess = _turned_onto(found[above], rest, bone)  # where it is straight, as little turned as can be
        frames = np.concatenate([_frames(bone, normal, rest, axis), guess])
        repeated = np.concatenate([source.turn[body]] * 2)
        weights = np.concatenate([bent, np.full(len(bent), _STRAIGHT)])
        constant = _mean_rotation(np.swapaxes(repeated, 1, 2) @ frames, weights)
        found[body] = source.turn[body] @ constant
        above = body


def _settle_foot(source, settle, found, side) -> None:  # noqa: ANN001 - see the call
    """A foot and its toes: flat where it stands."""
    ankle, toe = f"{side}_Ankle", f"{side}_Toe"
    place = source.place[ankle]
    speed = np.linalg.norm(np.gradient(place, axis=0), axis=1) * source.fps
    stands = (place[:, 2] < np.percentile(place[:, 2], 5) + _LOW) & (speed < max(_SLOW, np.percentile(speed, 10)))
    ahead = source.bone(ankle, toe) if toe in source.place else found["Pelvis"][..., 0]
    rest = _rest_bone(ankle, toe) if toe in source.place else np.eye(3)[0]
    level = np.array([1.0, 1.0, 0.0])
    up = np.tile([0.0, 0.0, 1.0], (len(place), 1))
    flat = _frames(up, ahead * level, np.eye(3)[2], rest * level)
    for body in (ankle, toe):
        settle(body, flat, stands + 1e-6)


def _places(source: _Source, turns: np.ndarray) -> dict[str, np.ndarray]:
    """(T, 3) of limbs' joints, m, at the model's size."""
    pelvis = source.hips - turns[:, 0] @ _REST_HIPS
    posed = smpl_positions(turns, pelvis)
    at = {name: posed[:, index] for index, name in enumerate(BODY_NAMES)}
    places: dict[str, np.ndarray] = {}
    for side in "LR":
        hip, knee, ankle, toe = (f"{side}_{part}" for part in ("Hip", "Knee", "Ankle", "Toe"))
        shoulder, elbow, wrist = (f"{side}_{part}" for part in ("Shoulder", "Elbow", "Wrist"))
        places |= {hip: at[hip], knee: source.place[knee], ankle: source.place[ankle]}
        if toe in source.place:
            bone = source.bone(ankle, toe)
            places[toe] = places[ankle] + bone * _rest_length(ankle, toe) / np.linalg.norm(bone, axis=1).mean()
        arm = (source.bone(shoulder, elbow), source.bone(elbow, wrist))
        scale = (_rest_length(shoulder, elbow) + _rest_length(elbow, wrist)) / sum(
            np.linalg.norm(bone, axis=1).mean() for bone in arm
        )
        places |= {shoulder: at[shoulder], elbow: at[shoulder] + scale * arm[0]}
        places[wrist] = places[elbow] + scale * arm[1]
    return places


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


def _complete(found: dict[str, np.ndarray]) -> np.ndarray:
    """(T, 24, 3, 3): bodies that no joint moves turn between their neighbours, at the ends with their parent."""
    chain = ("Pelvis", "Torso", "Spine", "Chest")
    for body in chain[1:3]:
        if body not in found:
            before = found["Torso"] if body == "Spine" and "Torso" in found else found["Pelvis"]
            after = found.get("Spine", found["Chest"]) if body == "Torso" else found["Chest"]
            found[body] = _between(before, after, 0.5)
    if "Neck" not in found and "Head" in found:
        found["Neck"] = _between(found["Chest"], found["Head"], 0.5)
    for body, parent, _ in SKELETON:
        if body not in found and parent is not None:
            found[body] = found[parent]
    return np.stack([found[body] for body in BODY_NAMES], axis=1)


_REST = dict(zip(BODY_NAMES, smpl_positions(np.eye(3)[None].repeat(24, 0)[None], np.zeros((1, 3)))[0], strict=True))
_REST_HIPS = (_REST["L_Hip"] + _REST["R_Hip"]) / 2


def _rest_bone(body: str, to: str) -> np.ndarray:
    return _REST[to] - _REST[body]


def _rest_length(body: str, to: str) -> float:
    return float(np.linalg.norm(_rest_bone(body, to)))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def _triad(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(..., 3, 3): columns along the first, along what of the second is at right angles to it, and along both's normal."""
    x = _unit(first)
    y = _unit(second - (second * x).sum(axis=-1, keepdims=True) * x)
    return np.stack([x, y, np.cross(x, y)], axis=-1)


def _frames(first: np.ndarray, second: np.ndarray, rest_first: np.ndarray, rest_second: np.ndarray) -> np.ndarray:
    """Rotations (T, 3, 3) that take one rest vector onto the first (T, 3), and the other as near to the second."""
    return _triad(first, second) @ _triad(rest_first, rest_second).T


def _turned_onto(frames: np.ndarray, rest: np.ndarray, bone: np.ndarray) -> np.ndarray:
    """Frames (T, 3, 3), each turned as little as takes the rest vector in it onto a bone (T, 3)."""
    before, after = _unit(frames @ rest), _unit(bone)
    axis = np.cross(before, after)
    angle = np.arctan2(np.linalg.norm(axis, axis=1), (before * after).sum(axis=1))
    return Rotation.from_rotvec(_unit(axis) * angle[:, None]).as_matrix() @ frames


def _between(a: np.ndarray, b: np.ndarray, way: float) -> np.ndarray:
    """The rotations (T, 3, 3) a part of the way from one to another."""
    turn = Rotation.from_matrix(np.swapaxes(a, 1, 2) @ b).as_rotvec()
    return a @ Rotation.from_rotvec(way * turn).as_matrix()


def _mean_rotation(rotations: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The rotation (3, 3) nearest to those given (T, 3, 3), in the weighted least squares of their entries."""
    usable = np.isfinite(rotations).all(axis=(1, 2))
    u, _, v = np.linalg.svd(np.einsum("t,tij->ij", weights[usable], rotations[usable]))
    return u @ np.diag([1.0, 1.0, np.linalg.det(u @ v)]) @ v

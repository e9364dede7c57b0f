"""What the joints of a human skeleton are to SMPL's bodies, measured on the clip itself.

A joint's frame means something else in every dialect. The constant rotation C of R_smpl = R_joint C is therefore taken
as the mean, over a clip, of what brings the joint to anatomical frames, which the joints' places alone give:

| body | anatomical frame |
|---|---|
| pelvis, chest | the line of the hips or shoulders and the trunk's, where the clip is upright |
| head | level and looking ahead, where the clip is upright |
| thigh and shin, upper and lower arm | the axis about which knee or elbow is bent, and the bone |
| foot, toes | flat on the ground, pointing along the foot, where it stands still |
| the rest | between their neighbours, or as their parent |
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy.spatial.transform import Rotation

from rgsd.bodies.smpl import SKELETON
from rgsd.motions.formats.bvh import Bvh
from rgsd.motions.formats.smpl_clip import BODY_NAMES, smpl_positions
from rgsd.motions.skeletons import upright

_BENT = np.radians(15)  # a joint bent less tells nothing of its axis
_STRAIGHT = 0.02  # weight of a guess at the axis, beside the squared sine of the bend
_SLOW, _LOW = 0.2, 0.03  # m/s and m above its lowest at which a foot stands
_NO_BONE = 0.01  # m: files end limbs in joints that lie on one another
_X, _Y, _Z = np.eye(3)

REST: dict[str, np.ndarray] = dict(
    zip(BODY_NAMES, smpl_positions(np.tile(np.eye(3), (1, 24, 1, 1)), np.zeros((1, 3)))[0], strict=True)
)
"""(3,) of each body in the T-pose, from the pelvis, m."""
REST_HIPS: np.ndarray = (REST["L_Hip"] + REST["R_Hip"]) / 2
"""(3,) midway between the hips, m."""


class Skeleton:
    """A clip's joints by SMPL's names, z-up, brought to where the legs are as long as the model's.

    Attributes:
        fps: frames a second.
        turn: (T, 3, 3) world orientation of each joint, in its own convention.
        place: (T, 3) of each joint, m.
        hips: (T, 3) midway between the hips, m.
        trunk: (T, 3) unit, from the hips to the neck.
        straight, standing: (T,) weights, 1 where thighs and trunk are in line, and upright too.
    """

    def __init__(self, bvh: Bvh, joints: dict[str, int]) -> None:
        positions, rotations = bvh.pose()
        basis = upright(bvh, positions)
        self.fps = bvh.fps
        self.turn = {body: basis @ rotations[:, joint] for body, joint in joints.items()}
        self.place = {body: positions[:, joint] @ basis.T for body, joint in joints.items()}
        legs = [(f"{side}_Hip", f"{side}_Knee", f"{side}_Ankle") for side in "LR"]
        scale = sum(rest_length(*leg) for leg in legs) / sum(self.length(*leg) for leg in legs)
        self.place = {body: place * scale for body, place in self.place.items()}
        self.hips = (self.place["L_Hip"] + self.place["R_Hip"]) / 2
        top = self.place.get("Neck", (self.place["L_Shoulder"] + self.place["R_Shoulder"]) / 2)
        self.trunk = unit(top - self.hips)
        thighs = unit(self.place["L_Knee"] + self.place["R_Knee"] - 2 * self.hips)
        self.straight = np.clip(-(self.trunk * thighs).sum(axis=1), 1e-3, 1) ** 4
        self.standing = self.straight * np.clip(self.trunk[:, 2], 1e-2, 1) ** 4

    def bone(self, body: str, to: str) -> np.ndarray:
        """(T, 3) from one body's joint to another's, m."""
        return self.place[to] - self.place[body]

    def length(self, *bodies: str) -> float:
        """Along joints in a row, the mean over the clip, m."""
        return max(sum(float(np.linalg.norm(self.bone(*bone), axis=1).mean()) for bone in pairwise(bodies)), 1e-9)


def orientations(source: Skeleton) -> np.ndarray:
    """(T, 24, 3, 3) world orientations of SMPL's bodies in a clip, in `BODY_NAMES` order."""
    found = _Found(source)
    for body, part in (("Pelvis", "Hip"), ("Chest", "Shoulder")):
        across, rest = source.bone(f"R_{part}", f"L_{part}"), rest_bone(f"R_{part}", f"L_{part}")
        found.settle(body, frames(across, source.trunk, rest, REST["Neck"] - REST_HIPS), source.straight)
    found.settle("Head", frames(_Z, _level(source.bone("R_Shoulder", "L_Shoulder")), _Z, _Y), source.standing)
    for body in ("Torso", "Spine"):
        found.settle(body, _between(found["Pelvis"], found["Chest"]))
    if "Head" in found:
        found.settle("Neck", _between(found["Chest"], found["Head"]))
    for side in "LR":
        found.settle(f"{side}_Thorax", found["Chest"])
        forward = -_Z if side == "L" else _Z  # the axis of a T-pose's elbow, bent forward
        _settle_limb(found, (f"{side}_Hip", f"{side}_Knee", f"{side}_Ankle"), _Y, found["Pelvis"])
        collar = found.get(f"{side}_Thorax", found["Chest"])
        _settle_limb(found, (f"{side}_Shoulder", f"{side}_Elbow", f"{side}_Wrist"), forward, collar)
        _settle_hand(found, f"{side}_Elbow", f"{side}_Wrist", f"{side}_Hand")
        _settle_foot(found, f"{side}_Ankle", f"{side}_Toe")
    _make_up(found)
    return np.stack([found[body] for body in BODY_NAMES], axis=1)


class _Found(dict[str, np.ndarray]):
    """Orientations (T, 3, 3) of the bodies so far."""

    def __init__(self, source: Skeleton) -> None:
        super().__init__()
        self.source = source

    def settle(self, body: str, wanted: np.ndarray, weights: np.ndarray | float = 1.0) -> None:
        """Turn a body with its joint, if it has one, so that frames (N T, 3, 3) come out in the weighted mean."""
        if body not in self.source.turn:
            return
        turn = self.source.turn[body]
        away = np.swapaxes(turn, 1, 2) @ wanted.reshape(-1, *turn.shape)
        total = np.einsum("t,tij->ij", np.broadcast_to(weights, wanted.shape[:1]), away.reshape(-1, 3, 3))
        u, _, v = np.linalg.svd(total)
        self[body] = turn @ u @ np.diag([1.0, 1.0, np.linalg.det(u @ v)]) @ v


def _settle_limb(found: _Found, names: tuple[str, str, str], axis: np.ndarray, above: np.ndarray) -> None:
    """The two bones of a limb: about the axis of the hinge between them, and along the joints."""
    first, middle, last = names
    upper, lower = found.source.bone(first, middle), found.source.bone(middle, last)
    normal = np.cross(unit(upper), unit(lower))
    bend = np.linalg.norm(normal, axis=1)
    weights = np.concatenate([np.where(bend > np.sin(_BENT), bend**2, 0.0), np.full(len(bend), _STRAIGHT)])
    for body, bone, to in ((first, upper, middle), (middle, lower, last)):
        rest = rest_bone(body, to)
        guess = _turned_onto(above, rest, bone)  # where the limb is straight: turned as little as can be
        found.settle(body, np.concatenate([frames(normal, bone, axis, rest), guess]), weights)
        above = found[body]


def _settle_hand(found: _Found, elbow: str, wrist: str, hand: str) -> None:
    """Along the fingers where they are known, else in the mean in line with the forearm."""
    wanted = found[elbow]
    if hand in found.source.place and found.source.length(wrist, hand) > _NO_BONE:
        wanted = frames(found.source.bone(wrist, hand), wanted[..., 2], rest_bone(wrist, hand), _Z)
    found.settle(wrist, wanted)


def _settle_foot(found: _Found, ankle: str, toe: str) -> None:
    """A foot and its toes: flat where it stands."""
    place = found.source.place[ankle]
    speed = np.linalg.norm(np.gradient(place, axis=0), axis=1) * found.source.fps
    stands = (place[:, 2] < np.percentile(place[:, 2], 5) + _LOW) & (speed < max(_SLOW, np.percentile(speed, 10)))
    has_toe = toe in found.source.place
    ahead, rest = (found.source.bone(ankle, toe), rest_bone(ankle, toe)) if has_toe else (found["Pelvis"][..., 0], _X)
    for body in (ankle, toe):
        found.settle(body, frames(_Z, _level(ahead), _Z, _level(rest)), stands + 1e-6)


def _make_up(found: _Found) -> None:
    """Bodies that no joint moves turn halfway between their neighbours, at the ends with their parent."""
    for body, before, after in (("Torso", "Pelvis", "Spine"), ("Spine", "Torso", "Chest"), ("Neck", "Chest", "Head")):
        if body not in found and (after in found or body == "Torso"):
            found[body] = _between(found[before], found.get(after, found["Chest"]))
    for body, parent, _ in SKELETON:
        if body not in found and parent is not None:
            found[body] = found[parent]


def rest_bone(body: str, to: str) -> np.ndarray:
    """(3,) from one body to another in the T-pose, m."""
    return REST[to] - REST[body]


def rest_length(*bodies: str) -> float:
    """Along bodies in a row, m."""
    return sum(float(np.linalg.norm(rest_bone(*bone))) for bone in pairwise(bodies))


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors (..., 3) at length 1; what has none stays."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def frames(first: np.ndarray, second: np.ndarray, rest_first: np.ndarray, rest_second: np.ndarray) -> np.ndarray:
    """Rotations (T, 3, 3) that take one rest vector onto the first (T, 3), and the other as near to the second."""
    return _triad(first, second) @ _triad(rest_first, rest_second).T


def _triad(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(..., 3, 3): columns along the first, along what of the second is at right angles to it, and both's normal."""
    x, second = np.broadcast_arrays(unit(first), second)
    y = unit(second - (second * x).sum(axis=-1, keepdims=True) * x)
    return np.stack([x, y, np.cross(x, y)], axis=-1)


def _level(vectors: np.ndarray) -> np.ndarray:
    return vectors * np.array([1.0, 1.0, 0.0])


def _turned_onto(turns: np.ndarray, rest: np.ndarray, bone: np.ndarray) -> np.ndarray:
    """Orientations (T, 3, 3), each turned as little as takes the rest vector in it onto a bone (T, 3)."""
    before, after = unit(turns @ rest), unit(bone)
    axis = np.cross(before, after)
    angle = np.arctan2(np.linalg.norm(axis, axis=1), (before * after).sum(axis=1))
    return Rotation.from_rotvec(unit(axis) * angle[:, None]).as_matrix() @ turns


def _between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The rotations (T, 3, 3) midway between two."""
    turn = Rotation.from_matrix(np.swapaxes(a, 1, 2) @ b).as_rotvec()
    return a @ Rotation.from_rotvec(turn / 2).as_matrix()

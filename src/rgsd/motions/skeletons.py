"""Which map fits a skeleton: by the names of its joints, or a proposal by their tree and places."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from rgsd.motions.arrays import MotionError
from rgsd.motions.formats.bvh import Bvh
from rgsd.motions.formats.smpl_bvh import TO_YUP
from rgsd.motions.formats.smpl_clip import BODY_NAMES
from rgsd.motions.skeleton_map import REQUIRED, SkeletonMap, named_maps

_LIMBS = [
    (f"{side}_{above}", f"{side}_{part}")
    for side in "LR"
    for above, part in (("Hip", "Knee"), ("Knee", "Ankle"), ("Shoulder", "Elbow"), ("Elbow", "Wrist"))
]
_SHORT, _BONE = 0.02, 0.07  # of a skeleton's height: shorter is no segment at all; a forearm is longer, a hand's not


def fit(skeleton: SkeletonMap, bvh: Bvh) -> dict[str, int]:
    """The joint of a file, by index, of each body of a map that has one.

    Upper and lower case, spaces, a namespace before a colon and a prefix that all joints share do not count: readers
    of BVH drop some of them, and maps are written by people who see the rest.

    Raises:
        MotionError: a joint of a needed body is not in the file, or limbs are not joined as a person's.
    """
    known = {_plain(name): index for index, name in reversed(list(enumerate(_without_prefix(bvh.joint_names))))}
    found = {body: known[_plain(joint)] for body, joint in skeleton.joints.items() if _plain(joint) in known}
    lacking = [body for body in REQUIRED if body not in found]
    if lacking:
        joint = skeleton.joints[lacking[0]]
        raise MotionError(
            f"{bvh.path}: has no joint '{joint}', which map '{skeleton.name}' has for {lacking[0]}; "
            f"its joints are {', '.join(bvh.joint_names)}"
        )
    for above, body in _LIMBS:
        joint = found[body]
        while joint not in (found[above], -1):
            joint = bvh.parents[joint]
        if joint < 0:
            raise MotionError(
                f"{bvh.path}: joint '{skeleton.joints[body]}' ({body}) does not hang on '{skeleton.joints[above]}' "
                f"({above}) as map '{skeleton.name}' has it; correct the map"
            )
    return found


def find_map(bvh: Bvh) -> SkeletonMap | None:
    """The named map that knows most of a file's joints, and of two such the one with the least that is not there."""
    best: tuple[int, float] = (0, 0.0)
    chosen = None
    for skeleton in named_maps():
        try:
            count = len(fit(skeleton, bvh))
        except MotionError:
            continue
        if (count, count / len(skeleton.joints)) > best:
            best, chosen = (count, count / len(skeleton.joints)), skeleton
    return chosen


def _plain(name: str) -> str:
    return "".join(c for c in name.rpartition(":")[2].casefold() if c.isalnum())


def _without_prefix(names: Collection[str]) -> list[str]:
    """Names without what all begin with, up to an underscore; a single name is left whole."""
    first, last = min(names), max(names)
    shared = next((k for k, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), 0)
    length = first[:shared].rfind("_") + 1
    return [name[length:] for name in names]


def propose_map(bvh: Bvh) -> SkeletonMap:
    """A map of a skeleton whose names are not known, by the shape of its tree and where its joints are on average.

    Legs are the two branches of the pelvis that reach lowest, arms the two of the chest that reach aside; the two
    longest bones in a row make a limb. Left and right follow from where the toes point.

    Raises:
        MotionError: the tree is not that of a human upright on average.
    """
    positions, _ = bvh.pose()
    positions = positions @ upright(bvh, positions).T
    place = positions[int(np.argmax(np.ptp(positions[..., 2], axis=1)))]  # the frame of its greatest height
    tree = _Tree(bvh, place)
    pelvis = tree.first_branching(next(j for j, parent in enumerate(bvh.parents) if parent < 0))
    branches = sorted(tree.children[pelvis], key=lambda j: tree.extreme(j, lowest=True))
    if len(branches) < 3:
        raise MotionError(
            f"{bvh.path}: joint '{bvh.joint_names[pelvis]}' branches in two; no human skeleton; write a map"
        )
    legs, trunk = branches[:2], max(branches[2:], key=lambda j: tree.extreme(j, lowest=False))
    chest = tree.first_branching(trunk)
    if len(tree.children[chest]) < 3:
        raise MotionError(f"{bvh.path}: no joint from which a neck and two arms branch was found; write a map")
    neck, *arms = sorted(tree.children[chest], key=lambda j: tree.aside(j, chest))
    arms = arms[-2:]
    found = {"Pelvis": pelvis, "Chest": chest, "Neck": neck}
    spine = tree.between(trunk, chest)
    found |= dict(zip(("Torso", "Spine"), (spine[0], spine[len(spine) // 2]), strict=True)) if len(spine) > 1 else {}
    found |= {"Spine": spine[0]} if len(spine) == 1 else {}
    found |= {"Head": tree.end(neck)} if tree.children[neck] else {}
    limbs = [tree.limb(leg, foot=True) for leg in legs]
    left = _left(place, limbs)
    for limb, parts in ((limbs, ("Hip", "Knee", "Ankle", "Toe")), ([tree.limb(arm, foot=False) for arm in arms], _ARM)):
        for before, chain in limb:
            side = "L" if (place[chain[0]] - place[chest]) @ left > 0 else "R"
            found |= {f"{side}_{part}": joint for part, joint in zip(parts, chain, strict=False)}
            if parts is _ARM and before is not None:
                found[f"{side}_Thorax"] = before
    if any(body not in found for body in REQUIRED):
        raise MotionError(f"{bvh.path}: its two arms or legs lie on one side; no human upright on average; write a map")
    ordered = {body: bvh.joint_names[found[body]] for body in BODY_NAMES if body in found}
    return SkeletonMap(PROPOSED, ordered)


PROPOSED = "proposed by geometry"
"""Name of a map that nobody has looked at."""
_ARM = ("Shoulder", "Elbow", "Wrist", "Hand")


def upright(bvh: Bvh, positions: np.ndarray) -> np.ndarray:
    """The turn (3, 3) from a file's y-up world to ours, z-up.

    A file of which nobody said which axis points up, and whose joints (T, J, 3) stretch along z most, is z-up itself.
    """
    spread = np.median(np.ptp(positions, axis=1), axis=0)
    return np.eye(3) if bvh.up is None and spread[2] > 1.5 * spread[1] else TO_YUP.T


class _Tree:
    """A skeleton's joints at their mean places (J, 3)."""

    def __init__(self, bvh: Bvh, place: np.ndarray) -> None:
        self.place, self.parents = place, bvh.parents
        self.children = [[j for j, parent in enumerate(bvh.parents) if parent == joint] for joint in range(len(place))]
        self.short, self.bone = np.array([_SHORT, _BONE]) * np.ptp(place[:, 2])

    def below(self, joint: int) -> list[int]:
        """The joint and all under it."""
        found = [joint]
        for under in found:  # which grows
            found += self.children[under]
        return found

    def first_branching(self, joint: int) -> int:
        """The joint, or the first under it, that has three branches."""
        while len(self.children[joint]) < 3 and self.children[joint]:
            joint = max(self.children[joint], key=lambda child: len(self.below(child)))
        return joint

    def extreme(self, joint: int, *, lowest: bool) -> float:
        """Height of the lowest or the highest joint of a branch."""
        heights = self.place[self.below(joint), 2]
        return float(heights.min() if lowest else heights.max())

    def aside(self, joint: int, origin: int) -> float:
        """How far a branch reaches from the vertical through a joint."""
        away = self.place[self.below(joint), :2] - self.place[origin, :2]
        return float(np.linalg.norm(away, axis=1).max())

    def between(self, first: int, last: int) -> list[int]:
        """The joints from one down to another, without that."""
        path = [last]
        while path[-1] != first:
            path.append(self.parents[path[-1]])
        return path[:0:-1]

    def end(self, joint: int) -> int:
        """The last joint before a chain branches or ends."""
        while len(self.children[joint]) == 1:
            joint = self.children[joint][0]
        return joint

    def limb(self, joint: int, *, foot: bool) -> tuple[int | None, list[int]]:
        """The joint before a limb, if the branch begins with one, and the limb's three joints and what follows.

        A leg's two bones are the longest in a row. An arm's need not be, for collars can be long: the forearm is the
        last bone that is none of the hand's.
        """
        leaf = max(self.below(joint), key=lambda under: len(self.between(joint, under)))
        path = [*self.between(joint, leaf), leaf]
        bones = np.linalg.norm(np.diff(self.place[path], axis=0), axis=1)
        if len(bones) < 2:
            return None, path
        if foot:
            start = int(np.argmax(bones[:-1] + bones[1:]))
        else:
            start = max(0, int(np.flatnonzero(bones > min(self.bone, 0.5 * bones.max()))[-1]) - 1)
        rest = [j for j, bone in zip(path[start + 3 :], bones[start + 2 :], strict=True) if bone > self.short]
        return (path[start - 1] if start else None), [*path[start : start + 3], *rest[:1]]


def _left(place: np.ndarray, legs: list[tuple[int | None, list[int]]]) -> np.ndarray:
    """The horizontal direction to the left of where the toes point; without toes, of where BVH's figures look."""
    toes = [place[chain[3]] - place[chain[2]] for _, chain in legs if len(chain) > 3]
    ahead = np.sum(toes, axis=0) if toes else np.array([1.0, 0.0, 0.0])
    return np.array([-ahead[1], ahead[0], 0.0])

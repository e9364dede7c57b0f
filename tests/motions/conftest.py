"""Small motions of the tests' own, and the humanoid."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from rgsd.bodies.body import Body
from rgsd.bodies.smpl import make_smpl
from rgsd.motions.formats import accad
from rgsd.motions.formats.smpl_clip import BODY_NAMES, SmplClip, smpl_positions

# ACCAD's tree, with each joint's parent
_TREE = {
    "Hips": "", "ToSpine": "Hips", "Spine": "ToSpine", "Spine1": "Spine", "Neck": "Spine1", "Head": "Neck",
    "LeftShoulder": "Spine1", "LeftArm": "LeftShoulder", "LeftForeArm": "LeftArm", "LeftHand": "LeftForeArm",
    "RightShoulder": "Spine1", "RightArm": "RightShoulder", "RightForeArm": "RightArm", "RightHand": "RightForeArm",
    "LeftUpLeg": "Hips", "LeftLeg": "LeftUpLeg", "LeftFoot": "LeftLeg", "LeftToeBase": "LeftFoot",
    "RightUpLeg": "Hips", "RightLeg": "RightUpLeg", "RightFoot": "RightLeg", "RightToeBase": "RightFoot",
}  # fmt: skip


@pytest.fixture(scope="session")
def smpl() -> Body:
    return make_smpl()


@pytest.fixture
def make_clip() -> Callable[..., SmplClip]:
    """A clip from world orientations (T, 24, 3, 3), by default a T-pose held for 20 frames, and pelvis (T, 3)."""

    def make(rotations: np.ndarray | None = None, pelvis: np.ndarray | None = None, fps: float = 30.0) -> SmplClip:
        if rotations is None:
            rotations = np.tile(np.eye(3), (20, 24, 1, 1))
        if pelvis is None:
            pelvis = np.tile([0.0, 0.0, 1.0], (len(rotations), 1))
        positions = smpl_positions(rotations, pelvis)
        landmarks = {name: positions[:, index] for index, name in enumerate(BODY_NAMES)}
        return SmplClip("clip", fps, rotations, pelvis, landmarks, source="test", license="none")

    return make


@pytest.fixture
def write_accad() -> Callable[..., SmplClip]:
    """Write an ACCAD-like BVH file, made backwards from SMPL poses by undoing R_smpl = W R_bvh C."""

    def write(path: Path, clip: SmplClip, size: float = 1.1, drop: str = "") -> SmplClip:
        bodies = {joint: body for body, (joint, _) in accad._MAP.items()}
        tree = {joint: parent for joint, parent in _TREE.items() if joint != drop}
        if drop:
            tree = {joint: _TREE[drop] if parent == drop else parent for joint, parent in tree.items()}

        def undone(rotation: np.ndarray, joint: str) -> np.ndarray:
            constant = Rotation.from_quat(accad._MAP[bodies[joint]][1], scalar_first=True).as_matrix()
            return accad._WORLD.T @ rotation @ constant.T

        rest = smpl_positions(np.tile(np.eye(3), (1, 24, 1, 1)), np.zeros((1, 3)))[0]
        place = {joint: rest[BODY_NAMES.index(bodies[joint])] for joint in tree}
        place["Hips"] = place["Hips"] - accad._PELVIS
        lines, values = ["HIERARCHY"], []

        def block(joint: str) -> None:
            parent = tree[joint]
            offset = np.zeros(3)
            if parent:
                offset = undone(np.eye(3), parent).T @ accad._WORLD.T @ (place[joint] - place[parent]) * 100 * size
            lines.append(f"{'JOINT' if parent else 'ROOT'} {joint}\n{{\nOFFSET {' '.join(f'{v:.9f}' for v in offset)}")
            world = undone(clip.rotations[:, BODY_NAMES.index(bodies[joint])], joint)
            if parent:
                lines.append("CHANNELS 3 Zrotation Xrotation Yrotation")
                above = undone(clip.rotations[:, BODY_NAMES.index(bodies[parent])], parent)
                world = np.swapaxes(above, 1, 2) @ world
            else:
                lines.append("CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation")
                hips = clip.pelvis - clip.rotations[:, 0] @ accad._PELVIS
                values.append(hips @ accad._WORLD * 100 * size)
            values.append(Rotation.from_matrix(world).as_euler("ZXY", degrees=True))
            children = [child for child, above_it in tree.items() if above_it == joint]
            for child in children:
                block(child)
            lines.append("}" if children else "End Site\n{\nOFFSET 0 0 1\n}\n}")

        block("Hips")
        lines.append(f"MOTION\nFrames:\t{len(clip.rotations)}\nFrame Time:\t{1 / clip.fps:.9f}")
        lines += [" ".join(f"{v:.9f}" for v in row) for row in np.concatenate(values, axis=1)]
        path.write_text("\n".join(lines))
        return clip

    return write


@pytest.fixture
def write_smpl() -> Callable[..., None]:
    """Write an npz with AMASS's keys: T frames of zero poses but for the root, upright, and what is given."""

    def write(
        path: Path, columns: int = 72, frames: int = 12, rate_key: str = "mocap_framerate", **more: object
    ) -> None:
        poses = np.zeros((frames, columns))
        poses[:, 0] = np.pi / 2  # SMPL's y axis up into AMASS's z
        content: dict[str, object] = {"poses": poses, "trans": np.zeros((frames, 3)), rate_key: 30.0, **more}
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, Any] = {key: np.asarray(value) for key, value in content.items() if value is not None}
        np.savez(path, **arrays)

    return write

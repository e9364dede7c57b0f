"""SMPL parameters in npz: AMASS's SMPL+H and SMPL-X files, and other projects' files with the same keys.

All hold `trans` (T, 3) in m and `poses` (T, C), axis-angle vectors in SMPL's joint order, root first, in a z-up world.
C is 156 (SMPL+H), 165 (SMPL-X) or 72 (SMPL): the first 66 columns mean the same in all; only SMPL has hands as bodies.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from rgsd.bodies.smpl import SKELETON
from rgsd.motions.formats.smpl_clip import BODY_NAMES, PARENTS, SmplClip, clean_name, smpl_positions
from rgsd.motions.motion import MotionError, real

_MODELS = {156: "SMPL+H", 165: "SMPL-X", 72: "SMPL"}
_RATE_KEYS = ("mocap_framerate", "mocap_frame_rate")  # SMPL+H's and SMPL-X's spelling
_BODY_COLUMNS = 66  # root and joints 1 to 21

# MJCF body names in SMPL's joint order
_SMPL_ORDER = (
    "Pelvis", "L_Hip", "R_Hip", "Torso", "L_Knee", "R_Knee", "Spine", "L_Ankle", "R_Ankle", "Chest", "L_Toe", "R_Toe",
    "Neck", "L_Thorax", "R_Thorax", "Head", "L_Shoulder", "R_Shoulder", "L_Elbow", "R_Elbow", "L_Wrist", "R_Wrist",
    "L_Hand", "R_Hand",
)  # fmt: skip
# SMPL's axes are x left, y up, z forward: a body's orientation there times this is its orientation with x forward, z up
_TO_ZUP = Rotation.from_quat([0.5, 0.5, 0.5, 0.5]).inv().as_matrix()


class NoMotion(MotionError):  # noqa: N818 - it is no fault: such files belong to the data sets and are passed over
    """The file belongs to a data set of motions but holds none, such as a subject's body shape."""


def read_amass(path: Path, content: dict[str, np.ndarray]) -> SmplClip:
    """Turn SMPL parameters into world orientations.

    The body's shape (`betas`) is not applied: bones have the neutral skeleton's lengths, and the ground alignment
    of the retargeting makes up for the height.

    Args:
        path: the file, for the name and messages.
        content: its arrays.

    Raises:
        NoMotion: there are no poses.
        MotionError: arrays are lacking or do not fit; `path`, field, value and remedy are in the message.
    """
    robot = sorted({"qpos", "joint_pos"} & set(content))
    if robot:
        raise MotionError(
            f"{path}: {robot[0]} holds a robot's joint angles, expected SMPL's poses and trans; give those"
        )
    if "poses" not in content or "trans" not in content:
        raise NoMotion(
            f"{path}: no poses and trans among its fields ({', '.join(sorted(content))}); it holds no motion"
        )
    poses, trans = real(path, content, "poses"), real(path, content, "trans")
    if poses.ndim != 2 or poses.shape[1] not in _MODELS:
        expected = ", ".join(f"{columns} ({model})" for columns, model in _MODELS.items())
        raise MotionError(
            f"{path}: poses has shape {poses.shape}, expected (T, columns) with columns one of {expected}"
        )
    if trans.shape != (len(poses), 3) or len(poses) < 2:
        raise MotionError(f"{path}: trans has shape {trans.shape}, expected ({len(poses)}, 3), at least 2 frames")
    for key, array in (("poses", poses), ("trans", trans)):
        bad = np.argwhere(~np.isfinite(array))
        if len(bad):
            raise MotionError(f"{path}: {key} is not finite first at frame {bad[0][0]}, column {bad[0][1]}; repair it")
    model = _MODELS[poses.shape[1]]
    rotations = _world_orientations(poses.astype(float), hands=model == "SMPL")
    rest_pelvis = np.array(SKELETON[0][2])  # trans moves SMPL's origin; the pelvis rests beside it and is not turned
    # the rest offset is given with x forward; in SMPL's axes, which AMASS's z-up world keeps, it is (y, z, x)
    pelvis = trans.astype(float) + rest_pelvis[[1, 2, 0]]
    positions = smpl_positions(rotations, pelvis)
    return SmplClip(
        name=clean_name(path.stem),
        fps=_rate(path, content),
        rotations=rotations,
        pelvis=pelvis,
        landmarks={name: positions[:, index] for index, name in enumerate(BODY_NAMES)},
        source=f"{model} npz {'/'.join(path.parts[-2:])}",
    )


def _rate(path: Path, content: dict[str, np.ndarray]) -> float:
    key = next((key for key in _RATE_KEYS if key in content), None)
    if key is None:
        raise MotionError(f"{path}: lacks {' or '.join(_RATE_KEYS)}; add the frame rate to the file")
    if content[key].size != 1 or content[key].dtype.kind not in "fiu":
        raise MotionError(f"{path}: {key} is {content[key]!r}, expected one number; mend the file")
    rate = float(content[key].item())
    if not np.isfinite(rate) or rate <= 0:
        raise MotionError(f"{path}: {key} is {rate}, expected a positive number of frames a second; mend the file")
    # such as 120.00004577636719
    return float(round(rate)) if abs(rate - round(rate)) < 1e-3 * rate else rate


def _world_orientations(poses: np.ndarray, *, hands: bool) -> np.ndarray:
    """(T, 24, 3, 3) in `BODY_NAMES` order, x forward and z up in the rest pose, from axis-angle columns (T, C)."""
    columns = poses if hands else np.pad(poses[:, :_BODY_COLUMNS], ((0, 0), (0, 6)))
    local = Rotation.from_rotvec(columns.reshape(-1, 3)).as_matrix().reshape(len(poses), 24, 3, 3)
    world = np.empty_like(local)
    for index, name in enumerate(BODY_NAMES):
        turn = local[:, _SMPL_ORDER.index(name)]
        world[:, index] = turn if PARENTS[index] < 0 else world[:, PARENTS[index]] @ turn
    return world @ _TO_ZUP

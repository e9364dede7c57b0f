"""SMPL parameters in npz: AMASS's SMPL+H and SMPL-X files, and other projects' files of the same content.

They hold the root's position (T, 3) in m and axis-angle vectors in SMPL's joint order, root first, in a z-up world:
in one array (T, C) or (T, J, 3), or the root's and the body's apart. C is 156 (SMPL+H), 165 (SMPL-X), 72 (SMPL) or 66
(without hands): the first 66 columns mean the same in all; only SMPL has hands as bodies. What is not needed stays
unread.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.spatial.transform import Rotation

from rgsd.bodies.smpl import SKELETON
from rgsd.motions.arrays import Arrays, MotionError, check_finite
from rgsd.motions.formats.reading import Reading, nominal_rate
from rgsd.motions.formats.smpl_clip import BODY_NAMES, PARENTS, SmplClip, clean_name, smpl_positions
from rgsd.motions.motion import check_rate

_MODELS = {156: "SMPL+H", 165: "SMPL-X", 72: "SMPL", 66: "SMPL body"}
# the spellings of AMASS come first, then those of the smplx library and of other projects
_POSES = ("poses", "fullpose", "pose_aa")
_PARTS = (("root_orient", "pose_body"), ("global_orient", "body_pose"))
_TRANS = ("trans", "transl", "root_trans")
_RATES = ("mocap_framerate", "mocap_frame_rate", "fps", "framerate", "frame_rate")
_BODY_COLUMNS = 66  # root and joints 1 to 21
_HIGH = 3.0  # m, where no pelvis is
_WOUND = 10.0  # rad, a turn that no axis-angle vector says

# MJCF body names in SMPL's joint order
SMPL_ORDER = (
    "Pelvis", "L_Hip", "R_Hip", "Torso", "L_Knee", "R_Knee", "Spine", "L_Ankle", "R_Ankle", "Chest", "L_Toe", "R_Toe",
    "Neck", "L_Thorax", "R_Thorax", "Head", "L_Shoulder", "R_Shoulder", "L_Elbow", "R_Elbow", "L_Wrist", "R_Wrist",
    "L_Hand", "R_Hand",
)  # fmt: skip
# SMPL's axes are x left, y up, z forward: a body's orientation there times this is its orientation with x forward, z up
TO_ZUP = Rotation.from_quat([0.5, 0.5, 0.5, 0.5]).inv().as_matrix()


class NoMotion(MotionError):  # noqa: N818 - it is no fault: such files belong to the data sets and are passed over
    """The file belongs to a data set of motions but holds none, such as a subject's body shape."""


def read_amass(arrays: Arrays, reading: Reading = Reading()) -> SmplClip:  # noqa: B008 (frozen)
    """Turn SMPL parameters into world orientations.

    The body's shape (`betas`) is not applied: bones have the neutral skeleton's lengths, and the ground alignment
    of the retargeting makes up for the height.

    Args:
        arrays: the file's.
        reading: its unit and rate, where they are not AMASS's; z is taken to be up.

    Raises:
        NoMotion: there are neither poses nor positions.
        MotionError: arrays are lacking or do not fit; file, field, value and remedy are in the message.
    """
    path = arrays.path
    poses, trans, model = _poses(arrays), _trans(arrays), ""
    if poses.ndim == 2:
        model = _MODELS.get(poses.shape[1], "")
    if not model:
        expected = ", ".join(f"{columns} ({model})" for columns, model in _MODELS.items())
        raise MotionError(
            f"{path}: poses has shape {poses.shape}, expected (T, columns) with columns one of {expected}"
        )
    if trans.shape != (len(poses), 3) or len(poses) < 2:
        raise MotionError(f"{path}: trans has shape {trans.shape}, expected ({len(poses)}, 3), at least 2 frames")
    check_finite(path, "poses", poses)
    check_finite(path, "trans", trans)
    rotations = _world_orientations(poses, hands=model == "SMPL")
    rest_pelvis = np.array(SKELETON[0][2])  # trans moves SMPL's origin; the pelvis rests beside it and is not turned
    # the rest offset is given with x forward; in SMPL's axes, which AMASS's z-up world keeps, it is (y, z, x)
    pelvis = reading.metres * trans + rest_pelvis[[1, 2, 0]]
    positions = smpl_positions(rotations, pelvis)
    return SmplClip(
        name=clean_name(path.stem),
        fps=_rate(arrays) if reading.rate is None else reading.rate,
        rotations=rotations,
        pelvis=pelvis,
        landmarks={name: positions[:, index] for index, name in enumerate(BODY_NAMES)},
        source=f"{model} npz {'/'.join(path.parts[-2:])}",
        note=_doubts(poses, reading.metres * trans[:, 1 if reading.up == "y" else 2]),
    )


def _poses(arrays: Arrays) -> np.ndarray:
    """Axis-angle columns (T, C), root first; a lack of hands is made up for."""
    name = next((name for name in _POSES if name in arrays), None)
    if name is not None:
        poses = arrays.real(name)
        return _columns(poses) if poses.ndim == 3 and poses.shape[2] == 3 else poses
    for root, body in _PARTS:
        if root in arrays and body in arrays:
            parts = [arrays.real(part) for part in (root, body)]
            if any(part.ndim not in (2, 3) or len(part) != len(parts[0]) for part in parts):
                shapes = " and ".join(str(part.shape) for part in parts)
                raise MotionError(f"{arrays.path}: {root} and {body} have shapes {shapes}, expected (T, 3) and (T, 63)")
            return np.concatenate([_columns(part) for part in parts], axis=1)  # SMPL's 69 columns hold its hands
    held = ", ".join(sorted(arrays.names)[:12]) or "nothing"
    if not any("pose" in name or name in ("root_orient", "global_orient") for name in arrays.names):
        raise NoMotion(f"{arrays.path}: no poses and trans among its fields ({held}); it holds no motion")
    raise MotionError(f"{arrays.path}: lacks poses, or root_orient and pose_body; it holds {held}; name them so")


def _columns(vectors: np.ndarray) -> np.ndarray:
    """(T, J, 3) as (T, 3 J)."""
    return vectors.reshape(len(vectors), math.prod(vectors.shape[1:]))


def _trans(arrays: Arrays) -> np.ndarray:
    name = next((name for name in _TRANS if name in arrays), None)
    if name is None:
        held = ", ".join(sorted(arrays.names)[:12])
        raise MotionError(f"{arrays.path}: lacks trans, the root's positions (T, 3) in m; it holds {held}; add it")
    return arrays.real(name)


def _rate(arrays: Arrays) -> float:
    key = next((key for key in _RATES if key in arrays), None)
    if key is None:
        raise MotionError(f"{arrays.path}: lacks {' or '.join(_RATES[:2])}; give the frames a second by --rate")
    rate = arrays.number(key)
    check_rate(arrays.path, key, rate)
    return nominal_rate(rate)


def _doubts(poses: np.ndarray, height: np.ndarray) -> str:
    """What of axis-angle columns (T, C) and the root's height (T,), m, looks like another unit, and which."""
    high = abs(float(np.median(height)))
    if high > _HIGH:
        return f"trans lies {high:.3g} m high; if it is in centimetres, import it with --unit cm"
    turns = np.linalg.norm(poses[:, :_BODY_COLUMNS].reshape(len(poses), -1, 3), axis=2)
    widest = float(np.quantile(turns, 0.99))
    if widest > _WOUND:
        return f"poses turn by up to {widest:.3g} rad; if they are degrees, write them in radians"
    return ""


def _world_orientations(poses: np.ndarray, *, hands: bool) -> np.ndarray:
    """(T, 24, 3, 3) in `BODY_NAMES` order, x forward and z up in the rest pose, from axis-angle columns (T, C)."""
    columns = poses if hands else np.pad(poses[:, :_BODY_COLUMNS], ((0, 0), (0, 6)))
    local = Rotation.from_rotvec(columns.reshape(-1, 3)).as_matrix().reshape(len(poses), 24, 3, 3)
    world = np.empty_like(local)
    for index, name in enumerate(BODY_NAMES):
        turn = local[:, SMPL_ORDER.index(name)]
        world[:, index] = turn if PARENTS[index] < 0 else world[:, PARENTS[index]] @ turn
    return world @ TO_ZUP

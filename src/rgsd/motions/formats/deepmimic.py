"""DeepMimic's txt: JSON with one row of 44 numbers a frame, a humanoid whose joints are a subset of SMPL's.

A row is dt, the root's position and quaternion, then chest, neck, and of the right and the left side hip, knee, ankle,
shoulder and elbow: a quaternion wxyz in the parent's frame each, but knees and elbows one angle about z. The world is
y-up, x forward, in m. The body rests upright with hanging arms. Layout: DeepMimic (Peng et al. 2018).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from rgsd.bodies.smpl import SKELETON
from rgsd.motions.arrays import MotionError, check_finite
from rgsd.motions.formats.reading import Reading, nominal_rate
from rgsd.motions.formats.smpl_clip import BODY_NAMES, SmplClip, clean_name

_WORLD = Rotation.from_euler("x", 90, degrees=True).as_matrix()  # (x, y, z) of the file is (x, -z, y) here
_COLUMNS = 44

# joint: parent, offset from it at rest in the file's axes (m), columns of its rotation
_JOINTS: dict[str, tuple[str, tuple[float, float, float], slice]] = {
    "root": ("", (0.0, 0.0, 0.0), slice(4, 8)),
    "chest": ("root", (0.0, 0.236151, 0.0), slice(8, 12)),
    "neck": ("chest", (0.0, 0.223894, 0.0), slice(12, 16)),
    "right_hip": ("root", (0.0, 0.0, 0.084887), slice(16, 20)),
    "right_knee": ("right_hip", (0.0, -0.421546, 0.0), slice(20, 21)),
    "right_ankle": ("right_knee", (0.0, -0.40987, 0.0), slice(21, 25)),
    "right_shoulder": ("chest", (-0.02405, 0.2435, 0.18311), slice(25, 29)),
    "right_elbow": ("right_shoulder", (0.0, -0.274788, 0.0), slice(29, 30)),
    "left_hip": ("root", (0.0, 0.0, -0.084887), slice(30, 34)),
    "left_knee": ("left_hip", (0.0, -0.421546, 0.0), slice(34, 35)),
    "left_ankle": ("left_knee", (0.0, -0.40987, 0.0), slice(35, 39)),
    "left_shoulder": ("chest", (-0.02405, 0.2435, -0.18311), slice(39, 43)),
    "left_elbow": ("left_shoulder", (0.0, -0.274788, 0.0), slice(43, 44)),
}
# the joint that an SMPL body turns with; spine bodies between root and chest are shared out below
_MAP = {
    "Pelvis": "root", "Chest": "chest", "L_Thorax": "chest", "R_Thorax": "chest", "Neck": "neck", "Head": "neck",
    "L_Hip": "left_hip", "L_Knee": "left_knee", "L_Ankle": "left_ankle", "L_Toe": "left_ankle",
    "R_Hip": "right_hip", "R_Knee": "right_knee", "R_Ankle": "right_ankle", "R_Toe": "right_ankle",
    "L_Shoulder": "left_shoulder", "L_Elbow": "left_elbow", "L_Wrist": "left_elbow", "L_Hand": "left_elbow",
    "R_Shoulder": "right_shoulder", "R_Elbow": "right_elbow", "R_Wrist": "right_elbow", "R_Hand": "right_elbow",
}  # fmt: skip
_LANDMARKS = tuple(name for name in _MAP if name.endswith(("Hip", "Knee", "Ankle", "Shoulder", "Elbow")))
# from SMPL's T-pose to hanging arms
_ARM = {side: Rotation.from_euler("x", angle, degrees=True).as_matrix() for side, angle in (("L", -90), ("R", 90))}
_ON_ARM = ("Shoulder", "Elbow", "Wrist", "Hand")


def read_deepmimic(path: Path, reading: Reading = Reading()) -> SmplClip:  # noqa: B008 (frozen)
    """Turn a clip into SMPL poses, at the size of the neutral skeleton's legs.

    Raises:
        MotionError: the text is no such JSON, or its rows do not fit.
    """
    rows = _rows(path)
    check_finite(path, "Frames", rows)
    quats = np.stack([rows[:, columns] for _, _, columns in _JOINTS.values() if columns.stop - columns.start == 4], 1)
    lengths = np.linalg.norm(quats, axis=2)
    if lengths.min() < 0.5 or lengths.max() > 2:
        raise MotionError(f"{path}: Frames holds a quaternion that is not of length 1; mend the file")
    period = float(np.median(rows[:-1, 0]))  # the last one is 0
    if reading.rate is None and not period > 0:
        raise MotionError(f"{path}: Frames begins its rows with {period:g}, expected the seconds of a frame; mend it")
    turns, places = _pose(rows, reading.metres)
    rotations = np.empty((len(rows), len(BODY_NAMES), 3, 3))
    for name, joint in _MAP.items():
        turn = turns[joint]
        rotations[:, BODY_NAMES.index(name)] = turn @ _ARM[name[0]] if name.endswith(_ON_ARM) else turn
    bend = Rotation.from_matrix(np.swapaxes(turns["root"], 1, 2) @ turns["chest"]).as_rotvec()
    for share, name in enumerate(("Torso", "Spine"), start=1):
        part = Rotation.from_rotvec(share / 3 * bend).as_matrix()
        rotations[:, BODY_NAMES.index(name)] = turns["root"] @ part
    scale = _leg(dict((n, o) for n, _, o in SKELETON), "L_Knee", "L_Ankle") / _leg(
        {n: o for n, (_, o, _) in _JOINTS.items()}, "left_knee", "left_ankle"
    )
    hips = scale * (places["left_hip"] + places["right_hip"]) / 2
    middle = (np.array(_offset("L_Hip")) + np.array(_offset("R_Hip"))) / 2  # of SMPL's hips, seen from its pelvis
    return SmplClip(
        name=clean_name(path.stem),
        fps=nominal_rate(1.0 / period) if reading.rate is None else reading.rate,
        rotations=rotations,
        pelvis=hips - turns["root"] @ middle,
        landmarks={name: scale * places[_MAP[name]] for name in _LANDMARKS},
        source=f"DeepMimic txt {path.name}",
        note="of 13 joints: toes, collars, wrists and the parts of the spine turn with their neighbours",
    )


def _rows(path: Path) -> np.ndarray:
    try:
        content: Any = json.loads(path.read_bytes())
        rows = np.array(content["Frames"], dtype=float)
    except (OSError, ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
        raise MotionError(f"{path}: not DeepMimic's JSON ({' '.join(str(error).split())[:120]}); mend it") from None
    if rows.ndim != 2 or rows.shape[1] != _COLUMNS or len(rows) < 2:
        raise MotionError(
            f"{path}: Frames has shape {rows.shape}, expected at least 2 rows of {_COLUMNS}, the humanoid's; "
            "other characters of DeepMimic are not read"
        )
    return rows


def _pose(rows: np.ndarray, metres: float) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """World rotations (T, 3, 3) and positions (T, 3) of the joints, z-up, x forward."""
    turns: dict[str, np.ndarray] = {}
    places: dict[str, np.ndarray] = {}
    for name, (parent, offset, columns) in _JOINTS.items():
        given = rows[:, columns]
        if given.shape[1] == 4:
            local = Rotation.from_quat(given, scalar_first=True).as_matrix()
        else:
            local = Rotation.from_euler("z", given).as_matrix().reshape(-1, 3, 3)
        if parent:
            turns[name] = turns[parent] @ local
            places[name] = places[parent] + turns[parent] @ np.array(offset)
        else:
            turns[name], places[name] = local, metres * rows[:, 1:4]
    back = _WORLD.T
    return {n: _WORLD @ r @ back for n, r in turns.items()}, {n: p @ back for n, p in places.items()}


def _offset(name: str) -> tuple[float, float, float]:
    return next(offset for body, _, offset in SKELETON if body == name)


def _leg(offsets: Any, *names: str) -> float:
    return sum(float(np.linalg.norm(offsets[name])) for name in names)

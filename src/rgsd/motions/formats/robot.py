"""A robot's own coordinates from other projects: npz of LocoMuJoCo, mjlab, BeyondMimic and Isaac Lab, and csv.

| source | root | joints | rate |
|---|---|---|---|
| LocoMuJoCo npz | `qpos` (T, 7 + J), wxyz | `joint_names`, the free one first; takes at `split_points` | `frequency` |
| mjlab, BeyondMimic npz | `body_pos_w`, `body_quat_w` (T, B, ..), wxyz, root first | `joint_pos` (T, J) | `fps` |
| Isaac Lab npz | `body_positions`, `body_rotations`, root first | `dof_positions` (T, J), `dof_names` | `fps` |
| csv without header | 7 columns, the quaternion xyzw | the others, in the robot's order | 30, by custom |
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from rgsd.motions.arrays import Arrays, MotionError, check_finite
from rgsd.motions.formats.amass import NoMotion
from rgsd.motions.formats.reading import Reading, nominal_rate
from rgsd.motions.formats.smpl_clip import clean_name
from rgsd.motions.motion import check_rate

_CSV_RATE = 30.0  # 1/s, at which the published retargetings of LAFAN1 are written
_RATES = ("frequency", "fps", "frame_rate")
_UNNAMED = "it names no joints: they are taken in the order of the body's"


@dataclass(frozen=True)
class RobotClip:
    """T poses of some robot with a free root, at the source's own rate."""

    path: Path
    """The file."""
    fps: float
    """Frames a second."""
    root: np.ndarray = field(repr=False)
    """(T, 7) position m, z-up, and quaternion wxyz."""
    angles: np.ndarray = field(repr=False)
    """(T, J) joint angles, rad."""
    joint_names: tuple[str, ...] | None
    """Joints in the order of `angles`; None where the file does not say."""
    starts: tuple[int, ...]
    """First frame of each take."""
    source: str
    """Which format, and the file."""
    note: str = ""
    """What had to be assumed."""

    @property
    def name(self) -> str:
        """From the file."""
        return clean_name(self.path.stem)


def is_robots(arrays: Arrays) -> bool:
    """Whether an npz holds a robot's joint angles rather than SMPL's."""
    return any(name in arrays for name in ("qpos", "joint_pos", "dof_positions"))


def read_robot_npz(arrays: Arrays, reading: Reading = Reading()) -> RobotClip:  # noqa: B008 (frozen)
    """Read an npz of one of the layouts above.

    Raises:
        MotionError: fields are lacking or do not fit.
    """
    names: tuple[str, ...] | None
    if "qpos" in arrays:
        kind, rows, names = "LocoMuJoCo", arrays.real("qpos"), arrays.words("joint_names")
        if rows.ndim != 2 or rows.shape[1] != 6 + len(names):
            raise MotionError(
                f"{arrays.path}: qpos has shape {rows.shape}, expected (T, {6 + len(names)}): a free root joint, the "
                f"first of joint_names, and the {len(names) - 1} others; other roots are not read"
            )
        root, angles, names = rows[:, :7], rows[:, 7:], names[1:]
    else:
        lab = "dof_positions" in arrays
        kind = "Isaac Lab" if lab else "mjlab"
        place, turn = ("body_positions", "body_rotations") if lab else ("body_pos_w", "body_quat_w")
        angles, places, turns = (arrays.real(key) for key in ("dof_positions" if lab else "joint_pos", place, turn))
        if angles.ndim != 2 or places.ndim != 3 or turns.ndim != 3 or places.shape[2] != 3 or turns.shape[2] != 4:
            raise MotionError(
                f"{arrays.path}: joint angles, {place} and {turn} have shapes {angles.shape}, {places.shape}, "
                f"{turns.shape}, expected (T, J), (T, B, 3), (T, B, 4)"
            )
        if not len(angles) == len(places) == len(turns) or not places.shape[1] or not turns.shape[1]:
            raise MotionError(f"{arrays.path}: {place} and {turn} have other lengths than the joint angles; mend them")
        root = np.concatenate([places[:, 0], turns[:, 0]], axis=1)
        key = next((key for key in ("dof_names", "joint_names") if key in arrays), None)
        names = None if key is None else arrays.words(key)
    starts = _takes(arrays, len(root)) if "split_points" in arrays else (0,)
    return _clip(arrays.path, reading, root, angles, names, starts, _rate(arrays, reading), kind)


def read_robot_csv(path: Path, reading: Reading = Reading()) -> RobotClip:  # noqa: B008 (frozen)
    """Read a csv of rows: root x y z, root quaternion xyzw, joint angles.

    Raises:
        NoMotion: it begins with words, so it is some other table.
        MotionError: rows are no numbers or differ in length.
    """
    try:
        rows = [row for row in csv.reader(path.read_bytes().decode("utf-8-sig", "replace").splitlines()) if any(row)]
    except (OSError, csv.Error) as error:
        raise MotionError(f"{path}: cannot be read ({error}); mend the file") from None
    if not rows or not any(map(_is_number, rows[0])):
        raise NoMotion(f"{path}: it begins with words, so it holds no motion; else remove its headings")
    if len({len(row) for row in rows}) > 1 or len(rows[0]) < 8:
        raise MotionError(
            f"{path}: rows have {min(map(len, rows))} to {max(map(len, rows))} columns, expected as many in all, "
            "at least 8: root xyz, quaternion xyzw, joints"
        )
    try:
        values = np.array(rows, dtype=float)
    except ValueError as error:
        raise MotionError(f"{path}: {error}; mend the file") from None
    root = values[:, [0, 1, 2, 6, 3, 4, 5]]
    rate = _CSV_RATE if reading.rate is None else reading.rate
    clip = _clip(path, reading, root, values[:, 7:], None, (0,), rate, "csv")
    if reading.rate is not None:
        return clip
    return RobotClip(**{**vars(clip), "note": f"{clip.note}; its rate is taken to be {_CSV_RATE:g}, else give --rate"})


def _clip(
    path: Path,
    reading: Reading,
    root: np.ndarray,
    angles: np.ndarray,
    names: tuple[str, ...] | None,
    starts: tuple[int, ...],
    rate: float,
    kind: str,
) -> RobotClip:
    """What all layouts must hold."""
    check_rate(path, "the frame rate", rate)
    check_finite(path, "the root", root)
    check_finite(path, "the joint angles", angles)
    if len(root) < 2:
        raise MotionError(f"{path}: has {len(root)} frames, expected at least 2")
    if names is not None and len(names) != angles.shape[1]:
        raise MotionError(f"{path}: names {len(names)} joints and has angles of {angles.shape[1]}; mend the names")
    lengths = np.linalg.norm(root[:, 3:], axis=1)
    if np.abs(lengths - 1).max() > 0.1:
        worst = int(np.abs(lengths - 1).argmax())
        raise MotionError(f"{path}: the root's quaternion at frame {worst} has length {lengths[worst]:.3g}, expected 1")
    root = np.concatenate([reading.metres * root[:, :3], root[:, 3:] / lengths[:, None]], axis=1)
    note = _UNNAMED if names is None else ""
    return RobotClip(path, nominal_rate(rate), root, angles, names, starts, f"{kind} {path.name}", note)


def _rate(arrays: Arrays, reading: Reading) -> float:
    if reading.rate is not None:
        return reading.rate
    key = next((key for key in _RATES if key in arrays), None)
    if key is None:
        raise MotionError(f"{arrays.path}: lacks {' or '.join(_RATES)}; give the frames a second by --rate")
    rate = arrays.number(key)
    check_rate(arrays.path, key, rate)
    return rate


def _takes(arrays: Arrays, frames: int) -> tuple[int, ...]:
    """First frames; the file's list ends with the number of frames."""
    points = arrays.real("split_points")
    if points.ndim != 1 or not len(points) or np.any(points % 1) or np.any(np.diff(points) <= 0):
        raise MotionError(f"{arrays.path}: split_points is no list of rising whole numbers; mend it")
    if points[0] != 0 or points[-1] > frames:
        raise MotionError(f"{arrays.path}: split_points goes from {points[0]:g} to {points[-1]:g}, has {frames} frames")
    return tuple(int(point) for point in points if point < frames)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True

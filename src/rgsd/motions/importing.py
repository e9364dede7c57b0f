"""From files of any readable format to motions of a body: one file, a folder or an archive, taken whole.

What cannot be taken is named with its reason, and one such file does not stop the others.
"""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass
from pathlib import Path

from rgsd.bodies.body import Body
from rgsd.bodies.kinematics import forward_kinematics
from rgsd.motions.arrays import Arrays, MotionError
from rgsd.motions.clip_sets import find_clip, get_clip_set
from rgsd.motions.files import READ, MotionFile, looks_like_motion, motion_files, refusal
from rgsd.motions.formats.amass import NoMotion, read_amass
from rgsd.motions.formats.bvh import read_bvh
from rgsd.motions.formats.deepmimic import read_deepmimic
from rgsd.motions.formats.human import bvh_to_smpl
from rgsd.motions.formats.reading import Reading
from rgsd.motions.formats.robot import RobotClip, is_robots, read_robot_csv, read_robot_npz
from rgsd.motions.formats.smpl_clip import SmplClip, check_clip, stood_up
from rgsd.motions.library import resample
from rgsd.motions.motion import Motion
from rgsd.motions.plausibility import remarks
from rgsd.motions.retarget import retarget
from rgsd.motions.robot_clips import robot_motions

_log = logging.getLogger(__name__)

NOT_IN_SET = "not in the clip set"
"""Why most files of a data set are skipped where a named set is taken from it."""
_OWN = {"schema_version", "qpos"}


@dataclass(frozen=True)
class Imported:
    """What became of one file."""

    path: str
    """The file; within an archive, the archive's path and the member's."""
    motion: Motion | None
    """The clip, or None if the file was not taken; a file that holds several has an entry for each."""
    note: str = ""
    """Why it was skipped or refused, or what was made up for a clip or is odd about it; empty where all is well."""
    skipped: bool = False
    """Whether it was passed over without fault: it holds no motion, or is not in the clip set."""


def read_motion(
    path: Path,
    body: Body,
    fps: float | None = None,
    reading: Reading = Reading(),  # noqa: B008 (frozen)
) -> Motion:
    """Read a file of any readable format as a motion of `body`; of a robot's file of several takes, the first.

    Clips of a named set get its name and group.

    Args:
        path: rgsd's own npz, or one of any format in `docs/motions.md`.
        body: the body to map to.
        fps: rate of the result; the source's for own files, the body's control rate for others, if not given.
        reading: what the file does not say.

    Raises:
        NoMotion: the file holds none.
        MotionError: it cannot be read or mapped; the message says why and what to do.
    """
    return _read(path, body, fps, reading)[0][0]


def _read(path: Path, body: Body, fps: float | None, reading: Reading) -> tuple[list[Motion], str]:
    """The motions of a file, and what was made up for them."""
    if is_own(path):
        motion = Motion.load(path, body)
        if motion.duration * body.control_hz < 1 - 1e-6:
            raise MotionError(
                f"{path}: {motion.duration:.3g} s is shorter than two frames at the body's {body.control_hz:g} fps"
            )
        return [motion if fps is None else resample(body, motion, fps)], ""
    source = read_source(path, reading)
    motions = robot_motions(source, body, fps) if isinstance(source, RobotClip) else [retarget(source, body, fps)]
    known = find_clip(path)
    if known is not None:
        motions = [dataclasses.replace(motion, name=known.name, group=known.group) for motion in motions]
    return [dataclasses.replace(m, license=m.license or _license_beside(path)) for m in motions], source.note


def read_source(path: Path, reading: Reading = Reading()) -> SmplClip | RobotClip:  # noqa: B008 (frozen)
    """Read a foreign file: a person's motion as SMPL poses, or a robot's in its own coordinates.

    Raises:
        NoMotion: the file holds none.
        MotionError: it cannot be read as such.
    """
    clip = _source(path, reading)
    if isinstance(clip, RobotClip):
        return clip
    suffix = path.suffix.lower()
    usual = "z" if suffix == ".npz" else "y"
    if suffix != ".bvh" and reading.up not in (None, usual):  # a Bvh turns itself
        clip = stood_up(clip)
    check_clip(path, clip)
    return clip


def _source(path: Path, reading: Reading) -> SmplClip | RobotClip:
    fault = refusal(path)
    if fault:
        raise MotionError(f"{path}: {fault}")
    suffix = path.suffix.lower()
    if suffix == ".bvh":
        return bvh_to_smpl(read_bvh(path, reading.rate, reading.up), reading.skeleton)
    if suffix == ".csv":
        return read_robot_csv(path, reading)
    if suffix == ".txt" and looks_like_motion(path):
        return read_deepmimic(path, reading)
    if suffix != ".npz":
        raise MotionError(f"{path}: no format that rgsd reads; give {', '.join(READ)}, or a folder or zip of them")
    arrays = Arrays(path)
    return read_robot_npz(arrays, reading) if is_robots(arrays) else read_amass(arrays, reading)


def is_own(path: Path) -> bool:
    """Whether a file is an npz of rgsd's own (one that cannot be read is not)."""
    if path.suffix.lower() != ".npz":
        return False
    try:
        return set(Arrays(path).names) >= _OWN
    except MotionError:
        return False


def import_motions(
    paths: list[Path],
    body: Body,
    clip_set: str | None = None,
    fps: float | None = None,
    reading: Reading = Reading(),  # noqa: B008 (frozen)
) -> list[Imported]:
    """Read files, folders and archives whole, and say what is odd about what was taken.

    Args:
        paths: what to read.
        body: the body to map to.
        clip_set: take only the clips of this named set.
        fps: rate of the results; see `read_motion`.
        reading: what the files do not say.

    Returns:
        One entry a file that looks like a motion, in order of path; the names of those taken are unique.

    Raises:
        MotionError: a path does not exist.
        UnknownName: there is no such clip set.
    """
    return [_remarked(found, body) for found in _import_all(paths, body, clip_set, fps, reading)]


def load_motions(path: Path, body: Body, clip_set: str | None = None) -> list[Motion]:
    """The motions that training takes from a file, a folder or an archive of any readable format.

    Args:
        path: where they are.
        body: the body to map to.
        clip_set: take only the clips of this named set, such as `accad20`.

    Raises:
        MotionError: nothing could be taken; the message gives the first reasons.
    """
    results = _import_all([path], body, clip_set, None, Reading())
    motions = [found.motion for found in results if found.motion is not None]
    refused = [found.note for found in results if found.motion is None and not found.skipped]
    if not motions:
        reasons = "; ".join(refused[:3]) or f"no {', '.join(READ)} with a motion" + (
            f" of {clip_set}" if clip_set else ""
        )
        raise MotionError(f"{path}: no motion for body '{body.name}': {reasons}")
    for reason in refused:
        _log.warning("left out: %s", reason)
    for found in results:
        if found.motion is not None and found.note:  # what is odd about the motions themselves the library says
            _log.warning("%s: %s", found.path, found.note)
    return motions


def _import_all(
    paths: list[Path], body: Body, clip_set: str | None, fps: float | None, reading: Reading
) -> list[Imported]:
    wanted = {clip.name for clip in get_clip_set(clip_set)} if clip_set else None
    results: list[Imported] = []
    taken: set[str] = set()
    for path in paths:
        for file in motion_files(path):
            for found in _import_file(file, body, wanted, fps, reading):
                if found.motion is not None:
                    unique = _unique(found.motion.name, file.path, taken)
                    taken.add(unique)
                    found = dataclasses.replace(found, motion=dataclasses.replace(found.motion, name=unique))
                results.append(found)
    return results


def _import_file(
    found: MotionFile, body: Body, wanted: set[str] | None, fps: float | None, reading: Reading
) -> list[Imported]:
    file, label, fault = found
    if fault:
        return [Imported(label, None, fault)]
    if wanted is not None and not is_own(file):  # own files are asked by the name inside
        known = find_clip(file)
        if known is None or known.name not in wanted:
            return [Imported(label, None, NOT_IN_SET, skipped=True)]
    try:
        motions, note = _read(file, body, fps, reading)
        for motion in motions:
            motion.check(str(file), body)
    except NoMotion as error:
        return [Imported(label, None, str(error).replace(str(file), label), skipped=True)]
    except MotionError as error:
        said = str(error).replace(str(file), label)
        return [Imported(label, None, said if said.startswith(label) else f"{label}: {said}")]
    return [
        Imported(label, None, NOT_IN_SET, skipped=True)
        if wanted is not None and motion.name not in wanted
        else Imported(label, motion, note)
        for motion in motions
    ]


def _remarked(found: Imported, body: Body) -> Imported:
    """With a word on what is odd about the motion itself."""
    if found.motion is None:
        return found
    states = forward_kinematics(body, found.motion.qpos, found.motion.qvel)
    said = [found.note, *remarks(body, found.motion, states)]
    return dataclasses.replace(found, note="; ".join(filter(None, said)))


def _unique(name: str, file: Path, taken: set[str]) -> str:
    """A name that no other clip has: the folder's name is put before it, then a number after it."""
    if name not in taken:
        return name
    name = f"{file.parent.name}_{name}"
    number = 2
    unique = name
    while unique in taken:
        unique, number = f"{name}_{number}", number + 1
    return unique


def _license_beside(path: Path) -> str:
    """The first line of a LICENSE file in the clip's folder."""
    files = [file for file in sorted(path.parent.glob("LICENSE*")) if file.is_file()]  # a folder may be called so
    texts = [file.read_bytes().decode(errors="replace") for file in files]
    lines = [line.strip() for text in texts for line in text.splitlines() if line.strip()]
    return lines[0] if lines else "unknown: ask the source"

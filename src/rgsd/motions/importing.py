"""From files of any readable format to motions of a body: one file, a folder, or a zip, taken whole.

What cannot be taken is named with its reason, and one such file does not stop the others.
"""

from __future__ import annotations

import dataclasses
import logging
import re
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rgsd.bodies.body import Body
from rgsd.motions.clip_sets import find_clip, get_clip_set
from rgsd.motions.formats.amass import NoMotion, read_amass
from rgsd.motions.formats.bvh import read_bvh
from rgsd.motions.formats.human import bvh_to_smpl
from rgsd.motions.formats.smpl_clip import SmplClip
from rgsd.motions.library import resample
from rgsd.motions.motion import Motion, MotionError
from rgsd.motions.retarget import retarget
from rgsd.motions.skeletons import SkeletonMap

_log = logging.getLogger(__name__)

# formats that people have and that are not read, with what to do instead
_REFUSED = {
    ".pkl": "a pickle, which may run foreign code when it is read; save its arrays as npz with AMASS's keys",
    ".txt": "DeepMimic's txt, whose body has other joints than any here; use BVH, AMASS, or SMPL npz instead",
    ".csv": "a csv without names of joints or body; use BVH, AMASS, or SMPL npz instead",
    ".fbx": "FBX, a closed format; export the clip as BVH",
    ".c3d": "C3D marker positions without a skeleton; use the clip's AMASS form",
}
_READ = (".bvh", ".npz")


NOT_IN_SET = "not in the clip set"
"""Why most files of a data set are skipped where a named set is taken from it."""


class MotionFile(NamedTuple):
    """A file that looks like a motion."""

    path: Path
    """Where it lies; what was in a zip lies there only for the while."""
    label: str
    """What to call it: the file; within a zip, the zip's path and the member's."""
    fault: str = ""
    """Why it cannot be opened: a damaged zip; empty for all others."""


@dataclass(frozen=True)
class Imported:
    """What became of one file."""

    path: str
    """The file; within a zip, the zip's path and the member's."""
    motion: Motion | None
    """The clip, or None if the file was not taken."""
    note: str = ""
    """Why it was skipped or refused, or what was made up for a clip; empty for one taken as it is."""
    skipped: bool = False
    """Whether it was passed over without fault: it holds no motion, or is not in the clip set."""


def read_motion(path: Path, body: Body, fps: float | None = None) -> Motion:
    """Read a file of any readable format as a motion of `body`.

    Clips of a named set get its name and group.

    Args:
        path: rgsd's own npz, AMASS or SMPL npz, or BVH of a human skeleton.
        body: the body to map to.
        fps: rate of the result; the source's for own files, the body's control rate for others, if not given.

    Raises:
        NoMotion: the file holds none.
        MotionError: it cannot be read or mapped; the message says why and what to do.
    """
    return _read(path, body, fps)[0]


def _read(path: Path, body: Body, fps: float | None, skeleton: SkeletonMap | None = None) -> tuple[Motion, str]:
    """The motion of a file, and what was made up for it."""
    if path.suffix.lower() == ".npz" and is_own(path):
        motion = Motion.load(path, body)
        return (motion if fps is None else resample(body, motion, fps)), ""
    clip = read_source(path, skeleton)
    motion = retarget(clip, body, fps)
    known = find_clip(path)
    if known is not None:
        motion = dataclasses.replace(motion, name=known.name, group=known.group)
    return dataclasses.replace(motion, license=motion.license or _license_beside(path)), clip.note


def read_source(path: Path, skeleton: SkeletonMap | None = None) -> SmplClip:
    """Read a foreign file as SMPL poses.

    Raises:
        NoMotion: the file holds none.
        MotionError: it cannot be read as such.
    """
    refusal = _refusal(path)
    if refusal:
        raise MotionError(f"{path}: {refusal}")
    if path.suffix.lower() == ".bvh":
        return bvh_to_smpl(read_bvh(path), skeleton)
    if path.suffix.lower() != ".npz":
        raise MotionError(
            f"{path}: no format that rgsd reads; give one of {', '.join(_READ)}, a folder or a zip of them"
        )
    try:
        with np.load(path, allow_pickle=False) as data:
            content = {key: data[key] for key in data.files if data[key].dtype != object}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise MotionError(f"{path}: not a readable npz ({error}); fetch the file again") from None
    return read_amass(path, content)


def is_own(path: Path) -> bool:
    """Whether an npz is rgsd's own (a file that cannot be read is not)."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {"schema_version.npy", "qpos.npy"} <= set(archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def import_motions(
    paths: list[Path],
    body: Body,
    clip_set: str | None = None,
    fps: float | None = None,
    skeleton: SkeletonMap | None = None,
) -> list[Imported]:
    """Read files, folders and zips whole.

    Args:
        paths: what to read.
        body: the body to map to.
        clip_set: take only the clips of this named set.
        fps: rate of the results; see `read_motion`.
        skeleton: which joint of a BVH moves which body, where no named map fits.

    Returns:
        One entry a file that looks like a motion, in order of path; the names of those taken are unique.

    Raises:
        MotionError: a path does not exist.
        UnknownName: there is no such clip set.
    """
    wanted = {clip.name for clip in get_clip_set(clip_set)} if clip_set else None
    results: list[Imported] = []
    taken: set[str] = set()
    for path in paths:
        for file in motion_files(path):
            found = _import_file(file, body, wanted, fps, skeleton)
            if found.motion is not None:
                unique = _unique(found.motion.name, file.path, taken)
                taken.add(unique)
                found = dataclasses.replace(found, motion=dataclasses.replace(found.motion, name=unique))
            results.append(found)
    return results


def load_motions(path: Path, body: Body, clip_set: str | None = None) -> list[Motion]:
    """The motions that training takes from a file, a folder or a zip of any readable format.

    Args:
        path: where they are.
        body: the body to map to.
        clip_set: take only the clips of this named set, such as `accad20`.

    Raises:
        MotionError: nothing could be taken; the message gives the first reasons.
    """
    results = import_motions([path], body, clip_set)
    motions = [found.motion for found in results if found.motion is not None]
    refused = [found.note for found in results if found.motion is None and not found.skipped]
    if not motions:
        reasons = "; ".join(refused[:3]) or "no .bvh or .npz with a motion" + (f" of {clip_set}" if clip_set else "")
        raise MotionError(f"{path}: no motion for body '{body.name}': {reasons}")
    for reason in refused:
        _log.warning("left out: %s", reason)
    return motions


def _import_file(
    found: MotionFile, body: Body, wanted: set[str] | None, fps: float | None, skeleton: SkeletonMap | None
) -> Imported:
    file, label, fault = found
    if fault:
        return Imported(label, None, fault)
    if wanted is not None and not is_own(file):  # own files are asked by the name inside
        known = find_clip(file)
        if known is None or known.name not in wanted:
            return Imported(label, None, NOT_IN_SET, skipped=True)
    try:
        motion, note = _read(file, body, fps, skeleton)
    except NoMotion as error:
        return Imported(label, None, str(error).replace(str(file), label), skipped=True)
    except MotionError as error:
        return Imported(label, None, str(error).replace(str(file), label))
    if wanted is not None and motion.name not in wanted:
        return Imported(label, None, NOT_IN_SET, skipped=True)
    return Imported(label, motion, note)


def motion_files(path: Path) -> Iterator[MotionFile]:
    """The file itself; or the files of a folder or zip that look like motions, however deep, in natural order.

    Raises:
        MotionError: there is no such path.
    """
    if not path.exists():
        raise MotionError(f"{path}: no such file or folder; give a motion file, a folder or a zip of them")
    if path.is_dir():
        files = (file for file in path.rglob("*") if file.is_file() and _looks_like_motion(file))
        for file in sorted(files, key=natural_order):
            yield from motion_files(file)
    elif path.suffix.lower() == ".zip":
        with tempfile.TemporaryDirectory() as folder:
            fault = _unpack(path, Path(folder))
            if fault:
                yield MotionFile(path, str(path), fault)
                return
            for file, label, inner in motion_files(Path(folder)):
                yield MotionFile(file, label.replace(folder, str(path)), inner.replace(folder, str(path)))
    else:
        yield MotionFile(path, str(path))


def _unpack(path: Path, folder: Path) -> str:
    """Unpack a zip; returns why that cannot be done, or nothing."""
    try:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder)
    except RuntimeError as error:  # encrypted, or packed by a method that Python does not know
        return f"{path}: {error}; unpack it yourself and give the folder"
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        return f"{path}: not a readable zip ({error}); fetch the file again"
    return ""


def _looks_like_motion(file: Path) -> bool:
    return file.suffix.lower() in (*_READ, ".zip") or _refusal(file) is not None


def _refusal(file: Path) -> str | None:
    """Why a file of a format that people have is not read; None where it is of no such format."""
    suffix = file.suffix.lower()
    if suffix == ".txt" and '"Frames"' not in _beginning(file):
        return None  # a text for people
    return _REFUSED.get(suffix)


def _beginning(file: Path) -> str:
    with file.open(encoding="utf-8", errors="replace") as text:
        return text.read(1 << 16)


def natural_order(path: Path) -> list[tuple[int, str]]:
    """Sort key that puts B3 before B10."""
    return [(int(word), "") if word.isdigit() else (-1, word) for word in re.split(r"(\d+)", str(path))]


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
    texts = [file.read_text(encoding="utf-8", errors="replace") for file in sorted(path.parent.glob("LICENSE*"))]
    lines = [line.strip() for text in texts for line in text.splitlines() if line.strip()]
    return lines[0] if lines else "unknown: ask the source"

"""Which files look like motions: in a folder, a zip or a tar, however deep, links followed.

What cannot be opened is an entry of its own with the reason, so that it does not stop the others.
"""

from __future__ import annotations

import os
import re
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from rgsd.motions.arrays import MotionError

READ = (".bvh", ".npz", ".txt", ".csv")
"""Endings of the formats that are read."""
# formats that people have and that are not read, with what to do instead
_REFUSED = {
    ".pkl": "a pickle, which may run foreign code when it is read; save its arrays as npz with AMASS's keys",
    ".joblib": "a pickle, which may run foreign code when it is read; save its arrays as npz with AMASS's keys",
    ".fbx": "FBX, a closed format; export the clip as BVH",
    ".c3d": "C3D marker positions without a skeleton; use the clip's AMASS form",
    ".rar": "a rar, which is not unpacked here; unpack it yourself and give the folder",
    ".7z": "a 7z, which is not unpacked here; unpack it yourself and give the folder",
}
_TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz")
_DEEPEST = 3  # archives within archives; one that holds itself has no end
_BEGINNING = 1 << 16  # bytes by which a text for people is told from a motion


class MotionFile(NamedTuple):
    """A file that looks like a motion."""

    path: Path
    """Where it lies; what was in an archive lies there only for the while."""
    label: str
    """What to call it: the file; within an archive, the archive's path and the member's."""
    fault: str = ""
    """Why it cannot be opened, such as a damaged zip; empty for all others."""


def motion_files(path: Path) -> Iterator[MotionFile]:
    """The file itself; or the files of a folder, zip or tar that look like motions, in natural order.

    Raises:
        MotionError: there is no such path.
    """
    if not path.exists():
        raise MotionError(f"{path}: no such file or folder; give a motion file, a folder or a zip of them")
    yield from _motion_files(path, _DEEPEST)


def _motion_files(path: Path, deepest: int) -> Iterator[MotionFile]:
    if path.is_dir():
        for file, fault in sorted(_walk(path, frozenset()), key=lambda found: natural_order(found[0])):
            yield from [MotionFile(file, str(file), fault)] if fault else _motion_files(file, deepest)
    elif is_archive(path) and path.is_file():
        if not deepest:
            yield MotionFile(path, str(path), f"{path}: lies in archives within archives; unpack them yourself")
            return
        with tempfile.TemporaryDirectory() as folder:
            faults = _unpack(path, Path(folder))
            for file, label, fault in _motion_files(Path(folder), deepest - 1):
                yield MotionFile(file, label.replace(folder, str(path)), fault.replace(folder, str(path)))
            yield from (MotionFile(path, label, fault) for label, fault in faults)
    elif path.is_file():
        yield MotionFile(path, str(path))
    else:
        why = "a link to a file that is not there" if path.is_symlink() else "neither a file nor a folder"
        yield MotionFile(path, str(path), f"{path}: {why}; take it out")


def _walk(folder: Path, above: frozenset[str]) -> Iterator[tuple[Path, str]]:
    """Files that look like motions, through links to folders too, but not those that lead back up; or a fault."""
    own = os.path.realpath(folder)
    if own in above:
        return
    try:
        entries = list(folder.iterdir())
    except OSError as error:
        yield folder, f"{folder}: cannot be read ({error.strerror}); change its permissions"
        return
    for entry in entries:
        if entry.is_dir():
            yield from _walk(entry, above | {own})
        elif looks_like_motion(entry):
            yield entry, ""


def is_archive(path: Path) -> bool:
    """Whether the name is that of a zip or a tar."""
    return path.name.lower().endswith((".zip", *_TARS))


def looks_like_motion(file: Path) -> bool:
    """Whether a file is of a format that is read, or that people have and that is refused by name."""
    suffix = file.suffix.lower()
    if suffix == ".txt":
        return '"Frames"' in _beginning(file)  # the others are texts for people
    return suffix in READ or suffix in _REFUSED or is_archive(file)


def refusal(file: Path) -> str | None:
    """Why a file of a format that people have is not read; None where it is of no such format."""
    return _REFUSED.get(file.suffix.lower())


def natural_order(path: Path) -> list[tuple[int, str]]:
    """Sort key that puts B3 before B10."""
    words = re.split(r"([0-9]+)", str(path))
    return [(int(word), "") if word.isdecimal() else (-1, word) for word in words]


def _beginning(file: Path) -> str:
    try:
        with file.open(encoding="utf-8", errors="replace") as text:
            return text.read(_BEGINNING)
    except OSError:
        return ""


def _unpack(path: Path, folder: Path) -> list[tuple[str, str]]:
    """Unpack what may be of use; returns the label and the reason of each member that cannot be.

    The archive itself has an entry where it cannot be read, or not to its end.
    """
    faults: list[tuple[str, str]] = []
    try:
        if path.name.lower().endswith(".zip"):
            _unpack_zip(path, folder, faults)
        else:
            _unpack_tar(path, folder)
    except Exception as error:  # damaged archives raise what has no class in common
        kind = "zip" if path.name.lower().endswith(".zip") else "tar"
        said = " ".join(str(error).split()) or type(error).__name__
        faults.append((str(path), f"{path}: not a readable {kind} ({said}); fetch the file again"))
    return faults


def _unpack_zip(path: Path, folder: Path, faults: list[tuple[str, str]]) -> None:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.is_dir() or not _of_use(member.filename):
                continue
            label = f"{path}{os.sep}{member.filename}"
            try:
                with archive.open(member) as content:
                    _copy(content, member.file_size, folder, member.filename)
            except RuntimeError as error:  # encrypted, or packed by a method that Python does not know
                faults.append((label, f"{label}: {error}; unpack it yourself and give the folder"))
            except Exception as error:
                faults.append((label, f"{label}: cannot be unpacked ({error}); fetch the zip again"))


def _unpack_tar(path: Path, folder: Path) -> None:
    with tarfile.open(path) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() and _of_use(member.name) else None
            if content is not None:
                _copy(content, member.size, folder, member.name)


def _copy(content: IO[bytes], size: int, folder: Path, name: str) -> None:
    """Write a member below the folder, whatever its name says, and whole or not at all."""
    free = shutil.disk_usage(folder).free
    if size > free:
        raise OSError(f"it takes {size / 2**30:.3g} GiB, {folder} has {free / 2**30:.3g}")
    target = folder.joinpath(*(part for part in Path(name).parts if part not in ("..", os.sep)))
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with target.open("wb") as file:
            shutil.copyfileobj(content, file)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _of_use(name: str) -> bool:
    path = Path(name)
    return path.suffix.lower() in (*READ, *_REFUSED) or is_archive(path) or path.name.startswith("LICENSE")

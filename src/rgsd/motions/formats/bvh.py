"""BVH: a skeleton and its motion in one text file, of any dialect.

HIERARCHY holds ROOT and JOINT blocks with OFFSET and CHANNELS, in each joint's own order; MOTION holds one line of
numbers a frame. Angles are degrees, intrinsic in the order listed; the world is y-up and the unit is the file's own.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from scipy.spatial.transform import Rotation

from rgsd.motions.arrays import MotionError
from rgsd.motions.formats.reading import nominal_rate
from rgsd.motions.motion import RATES

_CHANNELS = {f"{axis}{kind}" for axis in "XYZ" for kind in ("position", "rotation")}
_NAME_WORDS = 8  # of a joint; more means that a brace is lacking
_SEAM = re.compile(r"\bMOTION\s+Frames\b", re.IGNORECASE)
_MOTION = re.compile(r"MOTION\s+Frames\s*:?\s*(\S+)\s+Frame\s*Time\s*:?\s*(\S+)", re.IGNORECASE)
_MOST = 1e9  # degrees, or the file's unit, be it micrometres
_GLUED = re.compile(r"(?<=[0-9.])(?=[+-])")
_Z_TO_Y = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])


@dataclass(frozen=True)
class Bvh:
    """A parsed file: J joints, T frames."""

    path: Path
    """The file."""
    joint_names: tuple[str, ...]
    """Joints, each after its parent."""
    parents: tuple[int, ...]
    """Index of each joint's parent, -1 for a root."""
    offsets: np.ndarray = field(repr=False)
    """(J, 3) rest position in the parent's frame, the file's unit."""
    channels: tuple[tuple[str, ...], ...] = field(repr=False)
    """Channel names of each joint, in the file's order."""
    values: np.ndarray = field(repr=False)
    """(T, total channels) the numbers of MOTION."""
    frame_time: float
    """Seconds a frame."""
    up: Literal["y", "z"] | None = None
    """The axis of the file's world that points up, if somebody said so; y is BVH's own."""

    @property
    def num_frames(self) -> int:
        """T."""
        return len(self.values)

    @property
    def fps(self) -> float:
        """Frames a second; the file's rounding (0.0333333, 0.00833333) is undone within 0.1 %."""
        return nominal_rate(1.0 / self.frame_time)

    def pose(self) -> tuple[np.ndarray, np.ndarray]:
        """World positions (T, J, 3) in the file's unit and orientations (T, J, 3, 3), both y-up.

        Where a joint has position channels they replace its OFFSET, as the dialects with such channels mean it (the
        root's OFFSET is then only where the capture began). Where z is said to point up, the world is turned so that y
        does.
        """
        frames, joints = self.num_frames, len(self.joint_names)
        positions, rotations = np.empty((frames, joints, 3)), np.empty((frames, joints, 3, 3))
        column = 0
        for j, names in enumerate(self.channels):
            block = self.values[:, column : column + len(names)]
            column += len(names)
            local = np.tile(self.offsets[j], (frames, 1))
            for index, name in enumerate(names):
                if name.endswith("position"):
                    local[:, "XYZ".index(name[0])] = block[:, index]
            turning = [index for index, name in enumerate(names) if name.endswith("rotation")]
            turn = np.tile(np.eye(3), (frames, 1, 1))
            if turning:
                order = "".join(names[index][0] for index in turning)
                turn = Rotation.from_euler(order, block[:, turning], degrees=True).as_matrix().reshape(frames, 3, 3)
            parent = self.parents[j]
            if parent < 0:
                world = _Z_TO_Y if self.up == "z" else np.eye(3)
                positions[:, j], rotations[:, j] = local @ world.T, world @ turn
            else:
                positions[:, j] = positions[:, parent] + np.einsum("tij,tj->ti", rotations[:, parent], local)
                rotations[:, j] = rotations[:, parent] @ turn
        return positions, rotations


def read_bvh(path: Path, rate: float | None = None, up: Literal["y", "z"] | None = None) -> Bvh:
    """Parse a file as exporters write it: any case of the words, any white space, names of several words.

    Joint names lose their namespace (`Character1:Hips`) and their spaces (`Left Up Leg`).

    Args:
        path: the file.
        rate: frames a second, in place of the file's Frame Time.
        up: the axis that points up, if it is known.

    Raises:
        MotionError: the text is not BVH, is cut off, or holds values that are no numbers.
    """
    text = _text(path)
    seam = _SEAM.search(text)
    if not text.lstrip()[:9].upper() == "HIERARCHY" or not seam:
        raise MotionError(f"{path}: not BVH: expected HIERARCHY first and then MOTION; export the clip as BVH again")
    words = text[: seam.start()].replace("{", " { ").replace("}", " } ").split()
    names, parents, offsets, channels = _parse_hierarchy(path, words[1:])
    values, frame_time = _parse_motion(path, text[seam.start() :], sum(map(len, channels)), rate)
    return Bvh(path, _plain(names), tuple(parents), np.array(offsets), tuple(channels), values, frame_time, up)


def _text(path: Path) -> str:
    """The file as text; Windows programs begin it with a byte order mark, some in UTF-16."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise MotionError(f"{path}: cannot be read ({error.strerror})") from None
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if wide else "utf-8-sig", errors="replace")


def _plain(names: list[str]) -> tuple[str, ...]:
    """Names without spaces, and without namespaces where they tell no two joints apart."""
    bare = [name.rpartition(":")[2] for name in names]
    return tuple(name.replace(" ", "") for name in (bare if len(set(bare)) == len(set(names)) else names))


def _parse_hierarchy(
    path: Path, words: list[str]
) -> tuple[list[str], list[int], list[list[float]], list[tuple[str, ...]]]:
    names: list[str] = []
    parents: list[int] = []
    offsets: list[list[float]] = []
    channels: list[tuple[str, ...]] = []
    stack: list[int | None] = []  # open blocks: a joint's index, or None for an End Site
    opening: int | None = None
    words = [*words, *[""] * 4]  # so that a look ahead at the end of a file that is cut off finds something
    at = 0
    while words[at]:
        word = words[at].upper()
        if word in ("ROOT", "JOINT", "END"):
            name = _words_before_brace(path, words, at)
            opening = None if word == "END" else len(names)
            if opening is not None:
                names.append(" ".join(name))
                parents.append(next((block for block in reversed(stack) if block is not None), -1))
                offsets.append([0.0, 0.0, 0.0])
                channels.append(())
            at += 1 + len(name)
        elif word == "{":
            stack.append(opening)
            at += 1
        elif word == "}" and stack:
            stack.pop()
            at += 1
        elif word == "OFFSET" and stack:
            if stack[-1] is not None:
                offsets[stack[-1]] = _numbers(path, f"OFFSET of joint '{names[stack[-1]]}'", words[at + 1 : at + 4])
            at += 4
        elif word == "CHANNELS" and stack and words[at + 1].isdecimal():
            count = int(words[at + 1])
            if stack[-1] is not None:  # an End Site that has some has none that move
                given = words[at + 2 : at + 2 + count]
                channels[stack[-1]] = _channels(path, names[stack[-1]], count, given)
            at += 2 + count
        else:
            raise MotionError(
                f"{path}: HIERARCHY holds '{words[at]}' where no such word may stand; export the clip again"
            )
    if stack or not names:
        raise MotionError(f"{path}: HIERARCHY has {len(stack)} open braces and {len(names)} joints; export it again")
    return names, parents, offsets, channels


def _words_before_brace(path: Path, words: list[str], at: int) -> list[str]:
    """The name that follows a word, which may have several words itself, up to the brace that opens the block."""
    end = next((i for i in range(at + 1, min(at + 2 + _NAME_WORDS, len(words))) if words[i] == "{"), None)
    if end is None or (end == at + 1 and words[at].upper() != "END"):
        raise MotionError(f"{path}: HIERARCHY holds '{words[at]}' without a name and a brace; export the clip again")
    return words[at + 1 : end]


def _channels(path: Path, joint: str, count: int, given: list[str]) -> tuple[str, ...]:
    """A joint's channels, spelled as in `_CHANNELS`."""
    found = [word[:1].upper() + word[1:].lower() for word in given if word]
    unknown = [word for word, name in zip(given, found, strict=False) if name not in _CHANNELS]
    if unknown or len(found) != count:
        raise MotionError(
            f"{path}: CHANNELS of joint '{joint}' holds '{(unknown or ['nothing'])[0]}', expected "
            f"{count} of {', '.join(sorted(_CHANNELS))}; mend the file"
        )
    twice = next((name for name in found if found.count(name) > 1), None)
    if twice:
        raise MotionError(
            f"{path}: CHANNELS of joint '{joint}' names {twice} {found.count(twice)} times; "
            "give each axis once, or export the clip again"
        )
    return tuple(found)


def _parse_motion(path: Path, text: str, columns: int, rate: float | None) -> tuple[np.ndarray, float]:
    """Values (T, columns) and the frame time; white space and case do not matter."""
    head = _MOTION.match(text)
    if head is None:
        raise MotionError(f"{path}: MOTION begins with '{' '.join(text.split()[1:6])}', expected Frames and Frame Time")
    frames, frame_time = _numbers(path, "Frames and Frame Time", list(head.groups()))
    if rate is not None:
        frame_time = 1.0 / rate
    if frames < 2 or frames % 1 or frame_time <= 0:
        raise MotionError(
            f"{path}: Frames is {frames:g} and Frame Time {frame_time:g}, expected at least 2 frames and a positive "
            f"time; it holds no motion"
        )
    if not RATES[0] <= 1 / frame_time <= RATES[1]:
        raise MotionError(
            f"{path}: Frame Time is {frame_time:g} s, expected {1 / RATES[1]:g} to {1 / RATES[0]:g}; "
            "mend it, or give the frames a second by --rate"
        )
    values = np.array(_numbers(path, "MOTION", text[head.end() :].split()))
    if len(values) != int(frames) * columns:
        raise MotionError(
            f"{path}: MOTION holds {len(values)} numbers, expected {int(frames)} frames x {columns} channels = "
            f"{int(frames) * columns}; the file is cut off or its Frames is wrong"
        )
    return values.reshape(int(frames), columns), frame_time


def _numbers(path: Path, what: str, words: list[str]) -> list[float]:
    try:
        values = [float(word) for word in words]
    except ValueError:
        # columns of fixed width leave no space before a minus
        parted = _GLUED.sub(" ", " ".join(words)).split()
        try:
            values = [float(word) for word in parted]
        except ValueError as error:
            commas = " (decimal commas: export it with points)" if any("," in word for word in words) else ""
            raise MotionError(f"{path}: {what}: {error}{commas}; mend the file") from None
    if not np.all(np.isfinite(values)):
        raise MotionError(f"{path}: {what} holds a value that is not finite; mend the file")
    if np.abs(values).max(initial=0.0) > _MOST:
        raise MotionError(
            f"{path}: {what} holds {max(values, key=abs):.3g}, which is no length or angle; mend the file"
        )
    return values

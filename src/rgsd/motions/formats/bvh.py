"""BVH: a skeleton and its motion in one text file, of any dialect.

HIERARCHY holds ROOT and JOINT blocks with OFFSET and CHANNELS, in each joint's own order; MOTION holds one line of
numbers a frame. Angles are degrees, intrinsic in the order listed; the world is y-up and the unit is the file's own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from rgsd.motions.motion import MotionError

_CHANNELS = {f"{axis}{kind}" for axis in "XYZ" for kind in ("position", "rotation")}

_SIDED = ("Shoulder", "Arm", "ForeArm", "Hand", "UpLeg", "Leg", "Foot", "ToeBase")
ACCAD_JOINTS = frozenset(
    {"Hips", "ToSpine", "Spine", "Spine1", "Neck", "Head"}
    | {side + part for side in ("Left", "Right") for part in _SIDED}
)
"""ACCAD's 22 joints; a few of its files lack ToSpine. CMU's skeleton has all the others too, among its 31."""

# joints that only this dialect has
_TELLTALES: dict[str, frozenset[str]] = {
    "LAFAN1": frozenset({"Hips", "Spine2", "LeftToe", "RightForeArm", "LeftUpLeg"}),
    "CMU": frozenset({"Hips", "LHipJoint", "RHipJoint", "LowerBack"}),
    "Bandai-Namco": frozenset({"joint_Root", "UpperArm_L", "Toes_R"}),
}


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

    @property
    def num_frames(self) -> int:
        """T."""
        return len(self.values)

    @property
    def fps(self) -> float:
        """Frames a second; the file's rounding (0.0333333, 0.00833333) is undone within 0.1 %."""
        rate = 1.0 / self.frame_time
        return float(round(rate)) if abs(rate - round(rate)) < 1e-3 * rate else rate

    @property
    def dialect(self) -> str:
        """ACCAD (exactly its joints), LAFAN1, CMU, Bandai-Namco, or unknown: told by the joints' names."""
        found = frozenset(self.joint_names)
        if found | {"ToSpine"} == ACCAD_JOINTS:
            return "ACCAD"
        return next((name for name, joints in _TELLTALES.items() if joints <= found), "unknown")

    def pose(self) -> tuple[np.ndarray, np.ndarray]:
        """World positions (T, J, 3) in the file's unit and orientations (T, J, 3, 3), both y-up.

        Where a joint has position channels they replace its OFFSET, as the dialects with such channels mean it (the
        root's OFFSET is then only where the capture began).
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
                positions[:, j], rotations[:, j] = local, turn
            else:
                positions[:, j] = positions[:, parent] + np.einsum("tij,tj->ti", rotations[:, parent], local)
                rotations[:, j] = rotations[:, parent] @ turn
        return positions, rotations


def read_bvh(path: Path) -> Bvh:
    """Parse a file.

    Raises:
        MotionError: the text is not BVH, is cut off, or holds values that are no numbers.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    head, found, tail = text.partition("MOTION")
    if not head.lstrip().startswith("HIERARCHY") or not found:
        raise MotionError(f"{path}: not BVH: expected HIERARCHY first and then MOTION; export the clip as BVH again")
    names, parents, offsets, channels = _parse_hierarchy(path, head.split()[1:])
    values, frame_time = _parse_motion(path, tail, sum(map(len, channels)))
    return Bvh(path, tuple(names), tuple(parents), np.array(offsets), tuple(channels), values, frame_time)


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
        word = words[at]
        if word in ("ROOT", "JOINT"):
            names.append(words[at + 1])
            parents.append(next((block for block in reversed(stack) if block is not None), -1))
            offsets.append([0.0, 0.0, 0.0])
            channels.append(())
            opening, at = len(names) - 1, at + 2
        elif word == "End":
            opening, at = None, at + 2
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
        elif word == "CHANNELS" and stack and stack[-1] is not None and words[at + 1].isdigit():
            count = int(words[at + 1])
            given = tuple(words[at + 2 : at + 2 + count])
            unknown = [name for name in given if name not in _CHANNELS]
            if unknown or len(given) != count:
                raise MotionError(
                    f"{path}: CHANNELS of joint '{names[stack[-1]]}' holds '{(unknown or ['nothing'])[0]}', expected "
                    f"{count} of {', '.join(sorted(_CHANNELS))}; mend the file"
                )
            channels[stack[-1]] = given
            at += 2 + count
        else:
            raise MotionError(f"{path}: HIERARCHY holds '{word}' where no such word may stand; export the clip again")
    if stack or not names:
        raise MotionError(f"{path}: HIERARCHY has {len(stack)} open braces and {len(names)} joints; export it again")
    return names, parents, offsets, channels


def _parse_motion(path: Path, text: str, columns: int) -> tuple[np.ndarray, float]:
    """Values (T, columns) and the frame time; the file's own word order and white space do not matter."""
    words = text.replace(":", ": ").split()
    if len(words) < 5 or words[0] != "Frames:" or words[2:4] != ["Frame", "Time:"]:
        raise MotionError(f"{path}: MOTION begins with '{' '.join(words[:5])}', expected Frames: and Frame Time:")
    frames, frame_time = _numbers(path, "Frames and Frame Time", [words[1], words[4]])
    if frames < 2 or frame_time <= 0:
        raise MotionError(
            f"{path}: Frames is {frames:g} and Frame Time {frame_time:g}, expected at least 2 frames and a positive "
            f"time; it holds no motion"
        )
    values = np.array(_numbers(path, "MOTION", words[5:]))
    if len(values) != int(frames) * columns:
        raise MotionError(
            f"{path}: MOTION holds {len(values)} numbers, expected {int(frames)} frames x {columns} channels = "
            f"{int(frames) * columns}; the file is cut off or its Frames is wrong"
        )
    return values.reshape(int(frames), columns), frame_time


def _numbers(path: Path, what: str, words: list[str]) -> list[float]:
    try:
        values = [float(word) for word in words]
    except ValueError as error:
        raise MotionError(f"{path}: {what}: {error}; mend the file") from None
    if not np.all(np.isfinite(values)):
        raise MotionError(f"{path}: {what} holds a value that is not finite; mend the file")
    return values

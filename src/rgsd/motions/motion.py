"""`Motion`: one reference clip in a body's own coordinates, and its file format."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import torch

from rgsd import rotations
from rgsd.atomic import write_atomically
from rgsd.bodies.body import Body
from rgsd.motions.arrays import Arrays, MotionError, check_finite

SCHEMA_VERSION = 1
_REQUIRED = ("schema_version", "fps", "body", "joint_names", "body_names", "qpos", "qvel", "name", "source", "license")
RATES = (2.0, 1000.0)
"""Frames a second that a motion may have: fewer show no movement, more are a slip of the pen that fills memory."""
_MOST = 1e4  # m, rad, m/s or rad/s: beyond anything that moves


@dataclass(frozen=True)
class Motion:
    """One clip: T poses of a named body at a constant rate."""

    name: str
    """Unique within a library."""
    body: str
    """Name of the body that the coordinates belong to."""
    fps: float
    """Frames a second."""
    joint_names: tuple[str, ...]
    """Hinges in the order of qpos[7:]."""
    body_names: tuple[str, ...]
    """Moving bodies, root first."""
    qpos: np.ndarray = field(repr=False)
    """(T, nq) root position m, root quaternion wxyz, hinge angles rad."""
    qvel: np.ndarray = field(repr=False)
    """(T, nv) velocities in MuJoCo's convention."""
    source: str = ""
    """Where the clip comes from."""
    license: str = ""
    """Under which licence."""
    group: str = ""
    """Kind of motion that tables average over, such as walk."""
    loop: bool = False
    """Whether the last frame leads into the first."""
    quality: dict[str, float] = field(default_factory=dict[str, float])
    """Metrics of the import (retargeting error, penetration, skating) or of the performance, by name."""
    performer: str = ""
    """The policy that performed it in simulation, with its weights' digest; empty for what was recorded or planned."""

    @property
    def num_frames(self) -> int:
        """T."""
        return len(self.qpos)

    @property
    def duration(self) -> float:
        """Seconds from the first frame to the last."""
        return (self.num_frames - 1) / self.fps

    def save(self, path: Path) -> None:
        """Write the clip as npz (no pickles).

        Raises:
            MotionError: it does not fit together, or holds what is not finite; nothing is written.
        """
        self.check(f"{path}: not written: motion '{self.name}'")
        arrays: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "fps": self.fps,
            "body": self.body,
            "joint_names": np.array(self.joint_names),
            "body_names": np.array(self.body_names),
            "qpos": self.qpos.astype(np.float64),
            "qvel": self.qvel.astype(np.float64),
            "name": self.name,
            "source": self.source,
            "license": self.license,
            "group": self.group,
            "loop": self.loop,
            "quality": json.dumps(self.quality),
            "performer": self.performer,
        }
        save_arrays(path, arrays)

    @classmethod
    def load(cls, path: Path, body: Body | None = None) -> Motion:
        """Read and check a clip.

        Raises:
            MotionError: the file is not such a clip, or not one of `body`.
        """
        content = Arrays(path, "import it again with `rgsd motions import`")
        missing = [key for key in _REQUIRED if key not in content]
        if missing:
            raise MotionError(
                f"{path}: lacks {', '.join(missing)}; not an rgsd motion; use `rgsd motions import` first"
            )
        found = content["schema_version"].tolist()
        if found != SCHEMA_VERSION:
            raise MotionError(f"{path}: schema_version is {found}, this rgsd reads {SCHEMA_VERSION}; import it again")
        motion = cls(
            name=content.text("name"),
            body=content.text("body"),
            fps=content.number("fps"),
            joint_names=content.words("joint_names"),
            body_names=content.words("body_names"),
            qpos=content.real("qpos"),
            qvel=content.real("qvel"),
            source=content.text("source"),
            license=content.text("license"),
            group=content.text("group") if "group" in content else "",
            loop="loop" in content and _flag(content, "loop"),
            quality=_quality(content) if "quality" in content else {},
            performer=content.text("performer") if "performer" in content else "",
        )
        motion.check(str(path), body)
        return motion

    def check(self, where: str, body: Body | None = None) -> None:
        """Raise `MotionError` unless shapes, values and (if given) the body fit; `where` begins the message."""
        if self.name.strip(".") == "" or any(mark in self.name for mark in "/\\\0"):
            raise MotionError(f"{where}: name is '{self.name}', which cannot be a file's; rename it")
        frames, hinges = len(self.qpos), len(self.joint_names)
        if self.qpos.ndim != 2 or self.qpos.shape[1] != 7 + hinges or frames < 2:
            raise MotionError(f"{where}: qpos has shape {self.qpos.shape}, expected (at least 2 frames, {7 + hinges})")
        if self.qvel.shape != (frames, 6 + hinges):
            raise MotionError(f"{where}: qvel has shape {self.qvel.shape}, expected {(frames, 6 + hinges)}")
        for key in ("qpos", "qvel"):
            check_finite(where, key, getattr(self, key))
        for key, units in (("qpos", "m and rad"), ("qvel", "m/s and rad/s")):
            most = float(np.abs(getattr(self, key)).max())
            if most > _MOST:
                raise MotionError(f"{where}: {key} goes up to {most:.3g}, expected {units}; mend its unit")
        norms = np.linalg.norm(self.qpos[:, 3:7], axis=1)
        if np.any(np.abs(norms - 1) > 1e-3):
            worst = int(np.argmax(np.abs(norms - 1)))
            raise MotionError(
                f"{where}: qpos root quaternion at frame {worst} has length {norms[worst]:.4f}, expected 1"
            )
        check_rate(where, "fps", self.fps)
        if body is not None and self.body != body.name:
            raise MotionError(
                f"{where}: body is '{self.body}', expected '{body.name}'; choose --body {self.body} or other motions"
            )
        if body is not None and self.joint_names != body.joint_names:
            raise MotionError(f"{where}: joint_names do not match body '{body.name}'; import the clip again")


def check_rate(where: object, field: str, rate: float) -> None:
    """Refuse a rate that no motion has, 1/s; `where` begins the message.

    Raises:
        MotionError: it is outside `RATES`.
    """
    if not RATES[0] <= rate <= RATES[1]:
        period = rate > 0 and RATES[0] <= 1 / rate <= RATES[1]
        remedy = f"if it is the seconds of a frame, the rate is {1 / rate:g}; mend it" if period else "mend it"
        raise MotionError(
            f"{where}: {field} is {rate:g}, expected {RATES[0]:g} to {RATES[1]:g} frames a second; {remedy}"
        )


def save_arrays(path: Path, arrays: dict[str, Any]) -> None:
    """Write arrays as npz, whole or not at all."""

    def write(partial: Path) -> None:
        with partial.open("wb") as file:  # given a path, numpy would add a suffix of its own
            np.savez_compressed(file, **arrays)

    write_atomically(path, write)


def _flag(content: Arrays, name: str) -> bool:
    found = content[name]
    if found.size != 1 or found.dtype.kind not in "biu":
        raise MotionError(f"{content.path}: {name} is of type {found.dtype}, expected one truth value; import it again")
    return bool(found.item())


def _quality(content: Arrays) -> dict[str, float]:
    try:
        found = json.loads(content.text("quality"))
        return {str(name): float(value) for name, value in found.items()}
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise MotionError(f"{content.path}: quality is no JSON object of numbers ({error}); import it again") from None


def at_origin(qpos: np.ndarray, qvel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Poses (T, nq) and velocities (T, nv) of a clip, moved and turned about the vertical as a whole.

    The first pose is then above the world's origin and heads along x; heights stay as they are.
    """
    poses, velocities = torch.tensor(qpos), torch.tensor(qvel)
    back = rotations.conjugate(rotations.heading(poses[0, 3:7]))
    start = poses[0, :3] * torch.tensor([1.0, 1.0, 0.0])
    poses[:, :3] = rotations.rotate(back, poses[:, :3] - start)
    poses[:, 3:7] = rotations.multiply(back.expand(len(poses), 4), poses[:, 3:7])
    velocities[:, :3] = rotations.rotate(back, velocities[:, :3])  # the other entries are not of the world's frame
    return poses.numpy(), velocities.numpy()


def finite_difference_velocity(body: Body, qpos: np.ndarray, fps: float) -> np.ndarray:
    """Velocities (T, nv) of poses (T, nq) by central differences in MuJoCo's convention (mj_differentiatePos)."""
    m, frames = body.model, len(qpos)
    qvel = np.zeros((frames, m.nv))
    for t in range(frames):
        before, after = max(t - 1, 0), min(t + 1, frames - 1)
        mujoco.mj_differentiatePos(m, qvel[t], (after - before) / fps, qpos[before], qpos[after])
        # mj_differentiatePos expresses the root's turn in the frame of the first pose; bring it to frame t
        world, local, inverse = np.zeros(3), np.zeros(3), np.zeros(4)
        mujoco.mju_rotVecQuat(world, qvel[t, 3:6].copy(), qpos[before, 3:7])
        mujoco.mju_negQuat(inverse, qpos[t, 3:7])
        mujoco.mju_rotVecQuat(local, world, inverse)
        qvel[t, 3:6] = local
    return qvel

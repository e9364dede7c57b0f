"""What all tests share: the facts beside the repository, and settings that must precede heavy imports."""

from __future__ import annotations

import multiprocessing
import os
import socket
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

# Test processes run side by side on few cores: threads of their own would only hinder each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("MUJOCO_GL", "egl")

import mujoco
import numpy as np
import torch
from torch import Tensor

from rgsd.bodies.body import Body, FallRule
from rgsd.language.embedding import TextEncoder
from rgsd.learning import distributed
from rgsd.learning.rollout import Rollout
from rgsd.methods import registry
from rgsd.motions.library import MotionLibrary
from rgsd.motions.motion import Motion, finite_difference_velocity


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of facts and real motions that stands beside the repository; skips where it is absent."""
    folder = Path(__file__).parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip(f"needs {folder}")
    return folder


@pytest.fixture(scope="session")
def tiny() -> Body:
    """A box of 2 kg on the ground with two upright arms: the smallest body that learning can be tried on."""
    spec = mujoco.MjSpec()
    spec.compiler.degree = False
    spec.option.timestep = 0.01
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_PLANE, size=[0, 0, 0.05])
    torso = spec.worldbody.add_body(name="torso", pos=[0, 0, 0.1])
    torso.add_freejoint(name="root")
    torso.add_geom(type=mujoco.mjtGeom.mjGEOM_BOX, size=[0.15, 0.1, 0.1], mass=2.0)
    for side, y in (("left", 0.15), ("right", -0.15)):
        arm = torso.add_body(name=side, pos=[0, y, 0.05])
        arm.add_joint(name=side, type=mujoco.mjtJoint.mjJNT_HINGE, axis=[0, 1, 0], armature=0.01)
        ends = [0, 0, 0, 0, 0, 0.2]
        arm.add_geom(
            type=mujoco.mjtGeom.mjGEOM_CAPSULE, fromto=ends, size=[0.02, 0, 0], mass=0.2, contype=0, conaffinity=0
        )
        actuator = spec.add_actuator(name=side, target=side, trntype=mujoco.mjtTrn.mjTRN_JOINT)
        actuator.set_to_position(kp=20.0, kv=0.5)
    return Body(
        name="tiny",
        model=spec.compile(),
        substeps=2,  # 50 Hz
        standing_qpos=np.array([0, 0, 0.1, 1, 0, 0, 0, 0, 0], dtype=float),
        action_center=np.zeros(2),
        action_scale=np.array([1.0, 0.5]),
        feet=("torso",),
        key_bodies=("left", "right"),
        fall_rule=FallRule({"torso": 0.05}, max_tilt=1.0),
    )


@pytest.fixture(scope="session")
def tiny_motion(tiny: Body) -> Callable[..., Motion]:
    """Makes one second of the tiny body at 50 fps: arms (51, 2) in rad, and the root's speed along x in m/s."""

    def make(name: str, arms: np.ndarray, speed: float = 0.0) -> Motion:
        qpos = np.tile(tiny.standing_qpos, (51, 1))
        qpos[:, 0] = speed * np.arange(51) / 50
        qpos[:, 7:] = arms
        qvel = finite_difference_velocity(tiny, qpos, 50.0)
        return Motion(name, tiny.name, 50.0, tiny.joint_names, tiny.body_names, qpos, qvel)

    return make


@pytest.fixture(scope="session")
def tiny_library(tiny: Body, tiny_motion: Callable[..., Motion]) -> MotionLibrary:
    """Three clips of 51 frames: arms that swing in turn, arms held back on a box that slides, and nothing at all."""
    swing = 0.8 * np.sin(2 * np.pi * np.arange(51) / 50)
    return MotionLibrary(
        tiny,
        [
            tiny_motion("swing", np.stack([swing, -swing], axis=1)),
            tiny_motion("slide", np.full((51, 2), -0.6), speed=0.4),
            tiny_motion("still", np.zeros((51, 2))),
        ],
    )


@pytest.fixture
def make_rollout() -> Callable[..., Rollout]:
    """Makes a rollout of T steps, N environments, of zeros but for what is given; 1-D observations and latents, 2
    actions."""

    def make(steps: int, num_envs: int, **given: Tensor) -> Rollout:
        lead = (steps, num_envs)
        numbers = {name: torch.zeros(*lead) for name in ("log_prob", "worst_body", "root_error", "heading_error")}
        wide = {
            name: torch.zeros(*lead, size)
            for name, size in (("observation", 1), ("privileged", 1), ("z", 1), ("action", 2), ("mean", 2), ("root", 2))
        }
        whole = {name: torch.zeros(lead, dtype=torch.long) for name in ("clip", "frame", "source", "elapsed")}
        flags = {
            name: torch.zeros(lead, dtype=torch.bool)
            for name in ("imitation", "standing", "terminated", "truncated", "fell")
        }
        flags["noisy"] = torch.ones(lead, dtype=torch.bool)
        content = numbers | wide | whole | flags | given
        for name in ("observation", "privileged", "z", "root"):
            content.setdefault(f"next_{name}", content[name].clone())
        return Rollout(**content)

    return make


class _BagOfWords:
    """A text is the direction of the sum of its words, each a random vector of its own."""

    def encode(self, texts: Sequence[str]) -> Tensor:
        def vector(word: str) -> Tensor:
            return torch.randn(16, generator=torch.Generator().manual_seed(zlib.crc32(word.encode())))

        sums = torch.stack([sum((vector(word) for word in said.split()), torch.zeros(16)) for said in texts])
        return torch.nn.functional.normalize(sums, dim=-1)


@pytest.fixture
def bag_of_words(monkeypatch: pytest.MonkeyPatch) -> TextEncoder:
    """A text encoder that needs no extra, and that methods built by name get in place of the real one."""
    monkeypatch.setattr(registry, "MiniLm", _BagOfWords)
    return _BagOfWords()


def _take_part(rank: int, size: int, port: int, function: Callable[[], Any], folder: Path) -> None:
    """One of several processes, told what torchrun would tell it."""
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "LOCAL_WORLD_SIZE": size, "MASTER_PORT": port}
    names = {"MASTER_ADDR": "127.0.0.1", "TORCHELASTIC_RUN_ID": "test"}
    os.environ.update({name: str(value) for name, value in (place | names).items()})
    torch.set_num_threads(1)  # OpenMP's other threads have not survived the fork, and a child would wait for them
    with distributed.joined("cpu"):
        torch.save(function(), folder / f"result{rank}.pt")


@pytest.fixture
def in_two_processes(tmp_path: Path) -> Callable[[Callable[[], Any]], list[Any]]:
    """Calls a function in two joined processes at once; returns what each returned."""
    if torch.cuda.is_available():
        pytest.skip("forks, which CUDA does not survive; the same is tested where there is no GPU")

    def call(function: Callable[[], Any]) -> list[Any]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        fork = multiprocessing.get_context("fork")  # another start would take the seconds of importing torch anew
        arguments = [(rank, 2, port, function, tmp_path) for rank in range(2)]
        processes = [fork.Process(target=_take_part, args=given) for given in arguments]
        for process in processes:
            process.start()
        try:
            for process in processes:
                process.join(timeout=120)
            assert [process.exitcode for process in processes] == [0, 0]
        finally:
            for process in processes:
                process.kill()
        return [torch.load(tmp_path / f"result{rank}.pt", weights_only=False) for rank in range(2)]

    return call

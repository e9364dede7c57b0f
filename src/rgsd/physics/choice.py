"""Which physics, by its name: C MuJoCo on the CPU's cores, or MuJoCo Warp where the learner is."""

from __future__ import annotations

from importlib import metadata
from typing import Literal

import torch
from packaging.requirements import Requirement

from rgsd.bodies.body import Body
from rgsd.errors import UsageError
from rgsd.physics.interface import Physics
from rgsd.physics.mujoco_cpu import MujocoCpu
from rgsd.physics.on_device import on_device

Engine = Literal["cpu", "warp"]

WARP_NEEDS = tuple(map(Requirement, ("mujoco-warp<5,>=4.0", "warp-lang<2,>=1.19")))
"""The extra `gpu` of pyproject.toml: what `--physics warp` is made with."""


def make_physics(engine: Engine, body: Body, num_envs: int, device: torch.device, threads: int = 0) -> Physics:
    """Environments whose state lies on a device.

    Args:
        engine: what steps them.
        body: what is stepped.
        num_envs: number of environments.
        device: of their state, and for `warp` of the physics itself.
        threads: worker threads of `cpu`; 0 for one a core.

    Raises:
        UsageError: MuJoCo Warp is not installed or too old, or cannot do what is asked for.
    """
    if engine == "cpu":
        return on_device(MujocoCpu(body, num_envs, threads), device)
    check_warp()
    from rgsd.physics.mujoco_warp import MujocoWarp  # not installed everywhere, and seconds to import

    return MujocoWarp(body, num_envs, device)


def check_warp() -> None:
    """Refuse `--physics warp` where MuJoCo Warp is not installed, or another one than this was written for.

    Raises:
        UsageError: the message says what to install.
    """
    for wanted in WARP_NEEDS:
        try:
            installed = metadata.version(wanted.name)
        except metadata.PackageNotFoundError:
            raise UsageError(
                f"--physics warp: {wanted.name} is not installed; pip install 'rgsd[gpu]', or take --physics cpu"
            ) from None
        if not wanted.specifier.contains(installed, prereleases=True):
            raise UsageError(
                f"--physics warp: {wanted.name} {installed} is installed, {wanted} is needed; "
                f"pip install '{wanted}', or take --physics cpu"
            )

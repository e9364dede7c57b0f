"""Collection by any method asks the device for nothing that the host would have to wait for.

There is no GPU here to wait for; what would make it wait are operations whose result the host must see to go on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from rgsd.bodies.body import Body
from rgsd.language.embedding import is_installed
from rgsd.methods.presets import make_preset
from rgsd.methods.registry import METHODS
from rgsd.methods.runs import make_trainer
from rgsd.methods.settings import replace_settings, setting_names
from rgsd.physics.mujoco_cpu import MujocoCpu

_WAIT = ("aten::nonzero", "aten::_local_scalar_dense", "aten::masked_select", "aten::_unique2", "aten::unique_dim")


class Waits(TorchDispatchMode):
    """Notes operations that make the host wait, outside of physics."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.heeds = True

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func._schema.name
        masks = name.startswith("aten::index") and any(
            isinstance(index, Tensor) and index.dtype == torch.bool
            for index in (args[1] if len(args) > 1 and isinstance(args[1], list | tuple) else ())
        )
        if self.heeds and (name in _WAIT or masks):
            self.seen.append(name)
        return func(*args, **(kwargs or {}))

    @contextmanager
    def looking_away(self) -> Iterator[None]:
        """What C MuJoCo does on the CPU is not what is asked about."""
        self.heeds = False
        yield
        self.heeds = True


class Masked(MujocoCpu):
    """Physics that is told by a mask whom to reset, as MuJoCo Warp on a GPU is."""

    waits = Waits()

    def reset_where(self, which: Tensor, qpos: Tensor, qvel: Tensor) -> None:
        with self.waits.looking_away():
            ids = which.nonzero().squeeze(1)
            self.reset(ids, qpos[ids], qvel[ids])

    def step(self, targets: Tensor) -> None:
        with self.waits.looking_away():
            super().step(targets)


@pytest.mark.parametrize("method", METHODS)
def test_collection_waits_for_nothing(method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if method == "lgsd" and not is_installed():
        pytest.skip("its sentence encoder is not installed")

    def masked(engine: str, body: Body, num_envs: int, device: torch.device, threads: int) -> Masked:
        return Masked(body, num_envs, threads)

    monkeypatch.setattr("rgsd.methods.runs.make_physics", masked)
    config = dataclasses.replace(make_preset("cpu", method, "quadruped"), num_envs=8, steps=1000)
    few: dict[str, Any] = {"env.discovery_seconds": 0.5}
    if method == "rgsd":
        few |= {"settings.standing_starts": 0.5, "settings.rsi": "half"}
    few |= {"settings.contrastive.steps": 1} if "settings.contrastive.steps" in setting_names(config) else {}
    trainer = make_trainer(replace_settings(config, few), tmp_path)
    monkeypatch.setattr(trainer.env, "_by_mask", True)
    Masked.waits = waits = Waits()
    with waits:
        rollout, _ = trainer.collector.collect(60)
    assert (rollout.terminated | rollout.truncated).any()  # episodes have begun anew meanwhile
    assert waits.seen == []


def test_what_waits_is_seen() -> None:
    mask = torch.tensor([True, False])
    for ask in (
        mask.nonzero,
        lambda: bool(mask.any()),
        lambda: torch.ones(2)[mask],
        lambda: torch.ones(2).max().item(),
    ):
        with Waits() as waits:
            ask()
        assert waits.seen

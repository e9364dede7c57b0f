"""Steps a second of one body, layer by layer: bare physics, collection, the whole loop, Gymnasium's vector envs.

The layers are measured in turn, round after round, so that a machine that slows down slows all of them; medians count.
"""

from __future__ import annotations

import dataclasses
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, cast

import mujoco
import numpy as np
from mujoco.batch import Batch
from torch import Tensor

from rgsd.bodies.body import Body
from rgsd.bodies.registry import make_body
from rgsd.cli.bench_gymnasium import GymnasiumBench
from rgsd.envs.skill_env import SkillEnv
from rgsd.errors import UsageError
from rgsd.learning.trainer import Trainer
from rgsd.learning.warm_start import WarmStartConfig
from rgsd.methods.presets import make_preset
from rgsd.methods.rgsd import RgsdConfig
from rgsd.methods.runs import RunConfig, make_trainer
from rgsd.motions.motion import Motion, finite_difference_velocity
from rgsd.physics.interface import Physics

_NUM_ENVS = 4  # of Gymnasium's environment
_GYMNASIUM_STEPS = 200  # of each environment in a round
_PAIRS = 4  # collections in a round, each followed by bare physics: a shared machine changes its speed within seconds
_PRETRAIN_STEPS = 20  # what the encoder knows costs nothing and does not matter here
_STAND_IN_CLIPS = 4
_STATE = ("time", "qpos", "qvel", "ctrl", "qacc_warmstart")


@dataclass(frozen=True)
class Measurement:
    """What was measured of one body; rates are medians over the rounds, in control steps of one environment."""

    preset: str
    """Name of the settings."""
    motions: str
    """What the references were."""
    num_envs: int
    """Environments that are stepped together; Gymnasium's environments have `gymnasium_envs` instead."""
    gymnasium_envs: int
    """Environments in Gymnasium's vector environments."""
    rounds: int
    """How often everything was measured."""
    raw_steps_per_s: float
    """`mujoco.batch.Batch.step` alone, replaying the collection's targets and resets."""
    collection_steps_per_s: float
    """Physics, observation, policy, rewards and resets."""
    loop_steps_per_s: float
    """Collection and the learner's updates."""
    gymnasium_sync_steps_per_s: float
    """An ordinary environment of the same model in `gymnasium.vector.SyncVectorEnv`."""
    gymnasium_async_steps_per_s: float
    """The same in `gymnasium.vector.AsyncVectorEnv`."""
    collection_over_raw: float
    """Median of the rounds' ratios."""
    loop_over_raw: float
    """Median of the rounds' ratios."""
    peak_memory_gib: float
    """Largest resident memory of the process, references, rollout and this measurement's own copies included."""


class RecordingPhysics:
    """`Physics` that notes every call which changes it, so that bare MuJoCo can be made to do the same work."""

    def __init__(self, physics: Physics) -> None:
        self._physics = physics
        self.calls: list[tuple[Tensor, ...]] = []

    def reset(self, env_ids: Tensor, qpos: Tensor, qvel: Tensor) -> None:
        """Note and pass on."""
        self.calls.append((env_ids, qpos, qvel))
        self._physics.reset(env_ids, qpos, qvel)

    def step(self, targets: Tensor) -> None:
        """Note and pass on."""
        self.calls.append((targets,))
        self._physics.step(targets)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._physics, name)


class RawBatch:
    """A bare `Batch` that replays recorded calls: no derived field is bound, so none is copied out."""

    def __init__(self, body: Body, num_envs: int) -> None:
        self._batch, self._substeps = Batch(body.model, nsim=num_envs), body.substeps
        self._state = {name: self._batch.bind(name) for name in _STATE}

    def replay(self, start: dict[str, Any], calls: list[tuple[Tensor, ...]]) -> float:
        """Seconds that the calls take from the start state, a physics snapshot."""
        for name, array in self._state.items():
            array[:] = start[name].numpy()
        arrays = [tuple(part.numpy() for part in call) for call in calls]
        stage = mujoco.mjtStage.mjSTAGE_VEL
        begun = time.perf_counter()
        for call in arrays:
            if len(call) == 1:
                self._state["ctrl"][:] = call[0]
                self._batch.step(nstep=self._substeps, stage=stage)
            elif len(call[0]):
                ids, qpos, qvel = call
                for name, value in (("qpos", qpos), ("qvel", qvel), ("qacc_warmstart", 0.0), ("time", 0.0)):
                    self._state[name][ids] = value
                self._batch.forward(ids=ids, stage=stage)
        return time.perf_counter() - begun


def measure(body: str, preset: str, motions: str | None, num_envs: int | None, rounds: int) -> Measurement:
    """Measure one body in this process.

    Args:
        body: its name.
        preset: settings of networks, learner and references.
        motions: references instead of the preset's.
        num_envs: environments instead of the preset's.
        rounds: how often everything is measured.

    Raises:
        UnknownName: no such body or preset.
        UsageError: the preset is for a GPU.
        MotionError: references that were asked for and cannot be used.
    """
    with tempfile.TemporaryDirectory(prefix="rgsd-bench-") as scratch:
        folder = Path(scratch)
        config, described = _configure(make_preset(preset, "rgsd", body), motions, num_envs, folder)
        trainer = make_trainer(config, folder)
        states = trainer.env.library.states
        raw = RawBatch(trainer.env.body, trainer.env.num_envs)
        ordinary = GymnasiumBench(trainer.env.body, states.qpos.numpy(), states.qvel.numpy(), _NUM_ENVS)
        try:
            trainer.iterate()  # allocations and caches
            taken = [_round(trainer, raw, ordinary) for _ in range(rounds)]
        finally:
            ordinary.close()
    rates = {name: median(one[name] for one in taken) for name in taken[0]}
    return Measurement(
        preset=preset,
        motions=described,
        num_envs=config.num_envs,
        gymnasium_envs=_NUM_ENVS,
        rounds=rounds,
        **{f"{name}_steps_per_s": rate for name, rate in rates.items()},
        collection_over_raw=median(one["collection"] / one["raw"] for one in taken),
        loop_over_raw=median(one["loop"] / one["raw"] for one in taken),
        peak_memory_gib=_peak_memory_gib(),
    )


def stand_in_motions(body: Body, folder: Path) -> None:
    """Write clips that sway around the standing pose, for a body whose references are not at hand."""
    for number in range(1, _STAND_IN_CLIPS + 1):
        seconds = np.arange(round(4 * body.control_hz)) * body.control_dt
        qpos = np.tile(body.standing_qpos, (len(seconds), 1))
        phases = np.arange(body.num_actions)
        qpos[:, 7:] += 0.05 * np.sin(2 * np.pi * 0.25 * number * seconds[:, None] + phases)
        qvel = finite_difference_velocity(body, qpos, body.control_hz)
        name = f"sway_{number}"
        Motion(name, body.name, body.control_hz, body.joint_names, body.body_names, qpos, qvel, "rgsd bench").save(
            folder / f"{name}.npz"
        )


def _configure(config: RunConfig, motions: str | None, num_envs: int | None, folder: Path) -> tuple[RunConfig, str]:
    """The preset without what a measurement need not wait for, and a word on its references."""
    if config.device != "cpu":
        raise UsageError(
            f"--preset: its device is {config.device}, rgsd bench compares engines of the CPU; "
            "benchmarks/gpu.py measures a GPU"
        )
    wanted = described = motions or config.motions
    if not wanted:
        stand_in_motions(make_body(config.body), folder / "motions")
        wanted = str(folder / "motions")
        described = f"{_STAND_IN_CLIPS} clips that sway around the standing pose, as no --motions were given"
    settings = config.settings
    if isinstance(settings, RgsdConfig):
        settings = dataclasses.replace(
            settings, contrastive=dataclasses.replace(settings.contrastive, steps=_PRETRAIN_STEPS)
        )
    config = dataclasses.replace(
        config,
        motions=wanted,
        num_envs=num_envs or config.num_envs,
        settings=settings,
        # cloning is over after a few iterations; the loop is PPO's
        trainer=dataclasses.replace(config.trainer, warm_start=WarmStartConfig(iterations=0)),
    )
    return config, described


def _round(trainer: Trainer, raw: RawBatch, ordinary: GymnasiumBench) -> dict[str, float]:
    """Control steps a second of each layer, once."""
    horizon = trainer.config.horizon
    samples = horizon * trainer.env.num_envs
    seconds = {"raw": 0.0, "collection": 0.0}
    for _ in range(_PAIRS):
        collection, start, calls = _collect(trainer)
        seconds["collection"] += collection / _PAIRS
        seconds["raw"] += raw.replay(start, calls) / _PAIRS
    begun = time.perf_counter()
    trainer.iterate()
    seconds["loop"] = time.perf_counter() - begun
    rates = {name: samples / taken for name, taken in seconds.items()}
    return rates | {f"gymnasium_{kind}": ordinary.steps_per_s(kind, _GYMNASIUM_STEPS) for kind in ("sync", "async")}


def _collect(trainer: Trainer) -> tuple[float, dict[str, Any], list[tuple[Tensor, ...]]]:
    """Seconds of one collection with its rewards, the physics' start state, and the calls to the physics."""
    env: SkillEnv = trainer.env
    physics, start = env.physics, env.physics.snapshot()
    recording = RecordingPhysics(physics)
    env.physics = cast(Physics, recording)  # it passes on what it does not define itself
    begun = time.perf_counter()
    rollout, _ = trainer.collector.collect(trainer.config.horizon)
    trainer.method.rewards(rollout)
    taken = time.perf_counter() - begun
    env.physics = physics
    return taken, start, recording.calls


def _peak_memory_gib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**30 if sys.platform == "darwin" else peak / 2**20  # bytes there, KiB elsewhere

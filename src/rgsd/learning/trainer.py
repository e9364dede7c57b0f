"""`Trainer`: collect, reward, improve; what an iteration is and what a checkpoint holds, exact to the bit on a CPU."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from rgsd.envs.observation import ObservationLayout
from rgsd.envs.skill_env import SkillEnv
from rgsd.learning import distributed
from rgsd.learning.averaging import AveragedActor
from rgsd.learning.checkpoint import (
    CheckpointError,
    cut_metrics,
    load_checkpoint,
    load_latest_checkpoint,
    save_checkpoint,
)
from rgsd.learning.collector import Collector
from rgsd.learning.loop import TrainingLoop
from rgsd.learning.method import Method
from rgsd.learning.networks import Actor, Critic, NetworkConfig
from rgsd.learning.normalization import update_alike
from rgsd.learning.policy_files import DESCRIPTION
from rgsd.learning.ppo import Ppo, PpoConfig
from rgsd.learning.rollout import Rollout
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.learning.warm_start import WarmStart, WarmStartConfig
from rgsd.motions.library import MotionLibrary
from rgsd.options import FileOnly
from rgsd.physics.interface import LimitedRoom
from rgsd.randomness import stream_seed

TEACHERS = "teachers"
"""Folder in a run's: the policies that its warm start clones, so that the run can go on without those other runs."""


@dataclass(frozen=True)
class TrainerConfig:
    """The loop around the learner."""

    warm_start: WarmStartConfig = WarmStartConfig()
    """Warm start: cloning of teachers in the first iterations."""
    alive_reward: float = 0.0
    """Added to every step's reward, whatever the method: what an episode loses each step that it ends too early."""
    horizon: int = 24
    """Control steps of every environment an iteration."""
    averaging: int = 1
    """Iterations over which the published actor is a mean (`rgsd.learning.averaging`); 1 for the last one's alone."""
    noise_free: FileOnly[float] = 0.0
    """Fraction of the environments that act without noise: the policy learns nothing from them, but the method's
    networks see there what its mean actions do."""
    checkpoint_minutes: float = 1.0
    """Training time between checkpoints, min."""
    check_minutes: float = 5.0
    """Training time between looks at the deterministic policy (`Check/...` in the log), min; 0 for none."""
    compile: FileOnly[bool] = False
    """Whether torch.compile fuses actor and critic: a minute at the start; on CPUs it gains next to nothing."""


class Trainer(TrainingLoop):
    """Trains one policy by one method in one environment, in one run folder.

    Of several processes (`rgsd.learning.distributed`) each has a trainer; the first one writes, and each writes a
    checkpoint of its own episodes.

    Args:
        env: the environment, this process's part; its episodes become the method's.
        method: what is learned.
        method_name: for the published policy.
        network, ppo, config: sizes, learner and loop.
        folder: of the run; `checkpoints/`, `policy/`, `metrics.jsonl` and TensorBoard's events go there.
        seed: of initialisation and shuffling; what the environments see is drawn from the environment's.
        teachers: whom the warm start clones on the clips that they were trained on, open-loop replay on the others. The
            folder keeps a copy of them.
    """

    def __init__(
        self,
        env: SkillEnv,
        method: Method,
        method_name: str,
        network: NetworkConfig,
        ppo: PpoConfig,
        config: TrainerConfig,
        folder: Path,
        seed: int,
        teachers: Sequence[SkillPolicy] = (),
    ) -> None:
        super().__init__(folder, config.checkpoint_minutes, config.check_minutes)
        torch.manual_seed(stream_seed(seed, "networks"))
        self.env, self.method, self.method_name = env, method, method_name
        self.config = config
        scale = torch.tensor(env.body.action_scale)
        self.actor = Actor(env.observation_size, method.latent_dim, scale, network).to(env.device)
        self.critic = Critic(env.observation_size, method.latent_dim, env.privileged_size, network).to(env.device)
        # the references tell the scale of observations before the first step is taken
        reference = env.observe_references()
        for model in (self.actor, self.critic):
            model.normalizer.update(distributed.own_rows(reference))
            if config.compile:
                model.compile()
        latents = method.export().clip_latents
        self.warm_start = WarmStart(
            env,
            self.actor,
            self.critic,
            torch.stack([latents[name] for name in env.library.names]) if latents else None,
            config.warm_start,
            ppo,
            distributed.own_seed(seed, "warm start"),
            teachers,
        )
        self._teachers = teachers
        losses = (lambda batch, mean: method.extra_loss(batch, mean, self.actor), self.warm_start.anchor)
        shuffling = distributed.own_seed(seed, "ppo")
        self.ppo = Ppo(self.actor, self.critic, ppo, method.latents, losses, method.parameters(), shuffling)
        self.average = AveragedActor(self.actor, config.averaging)
        self.collector = Collector(env, method, self.actor, config.noise_free)
        env.scatter()
        self._reference = reference
        self._positions = ObservationLayout(env.body).indices(("position",))

    def iterate(self) -> dict[str, float]:
        """One iteration; returns its metrics, named as in docs/rgsd.md, the same in all processes."""
        begun = time.perf_counter()
        self.actor.anneal(self.samples)
        warm = self.iteration < self.config.warm_start.iterations
        rollout, statistics = self.collector.collect(self.config.horizon, self.warm_start if warm else None)
        collected = time.perf_counter()
        rewards = self.method.rewards(rollout)
        paid = rewards + self.config.alive_reward
        if warm:
            metrics = self.warm_start.update(rollout, self.ppo.evaluate_values(rollout), paid)
        else:
            metrics = self.ppo.update(rollout, paid)
        metrics |= self.method.update(rollout)
        normalizers = self.actor.normalizer, self.critic.normalizer
        update_alike(normalizers, rollout.observation.flatten(0, 1))
        if warm:
            self.average.restart()  # a cloned actor is no part of the walk that follows
        self.average.update()
        ended = time.perf_counter()
        metrics = distributed.average_metrics(
            {
                "seconds": ended - begun,
                "Train/mean_reward": float(rewards.mean()),
                "Policy/noise_rad": float(self.actor.log_noise.exp().mean()),
                "Perf/collection_fraction": (collected - begun) / (ended - begun),
                **metrics,
                **self._imitation_metrics(rollout),
                **statistics.report(self.env.body.control_dt),
            }
        )
        seconds, samples = metrics.pop("seconds"), distributed.size() * rollout.num_samples
        self.iteration, self.samples, self.seconds = self.iteration + 1, self.samples + samples, self.seconds + seconds
        return {
            "iteration": self.iteration,
            "samples": self.samples,
            "seconds": self.seconds,
            "Perf/steps_per_s": samples / seconds,
            **self._physics_metrics(),
            **metrics,
        }

    def _physics_metrics(self) -> dict[str, float]:
        """What went wrong in all processes' physics so far."""
        physics = self.env.physics
        counts = {"Perf/blowups": physics.blowups}
        if isinstance(physics, LimitedRoom):
            counts["Perf/overflows"] = physics.overflows
        return {name: distributed.total(count) for name, count in counts.items()}

    def save(self) -> None:
        """Write a checkpoint and the policy as it stands.

        The first process writes when all others have written, so that its checkpoint vouches for theirs.
        """
        state = {
            "processes": distributed.size(),
            "identity": _identity(self.env.library),
            "engine": self._engine,
            "iteration": self.iteration,
            "samples": self.samples,
            "seconds": self.seconds,
            "actor": self.actor.state_dict(),
            "critic": self.critic.state_dict(),
            "average": self.average.state_dict(),
            "ppo": self.ppo.state_dict(),
            "warm_start": self.warm_start.state_dict(),
            "method": self.method.state_dict(),
            "collector": self.collector.snapshot(),
        }
        if not distributed.is_main():
            save_checkpoint(checkpoint_folder(self.folder, distributed.rank()), self.iteration, state)
        distributed.wait()
        if distributed.is_main():
            for teacher, copy in zip(self._teachers, teacher_copies(self.folder, len(self._teachers)), strict=True):
                if not (copy / DESCRIPTION).exists():
                    teacher.save(copy)
            save_checkpoint(checkpoint_folder(self.folder), self.iteration, state)
            self.policy().save(self.folder / "policy")

    def resume(self) -> bool:
        """Go back to the folder's latest checkpoint and cut the log there; False if there is none."""
        state = load_own_checkpoint(self.folder)
        if state is None and (self.folder / "policy" / "policy.json").exists():
            raise CheckpointError(
                f"{self.folder / 'checkpoints'}: empty, but a trained policy is there; restore the checkpoints, "
                "or start a new run with --out"
            )
        if state is not None:
            check_identity(state, self.env.library, self.folder)
            if state["engine"] != self._engine:
                raise CheckpointError(
                    f"{self.folder}: its checkpoint is of {state['engine']}, its config.yaml now asks for "
                    f"{self._engine}; put physics and device there back"
                )
        if distributed.is_main():
            cut_metrics(self.folder / "metrics.jsonl", state["iteration"] if state else 0)
        if state is None:
            return False
        self.iteration, self.samples, self.seconds = state["iteration"], state["samples"], state["seconds"]
        self.actor.load_state_dict(state["actor"])
        self.critic.load_state_dict(state["critic"])
        self.average.load_state_dict(state["average"])
        self.ppo.load_state_dict(state["ppo"])
        self.warm_start.load_state_dict(state["warm_start"])
        self.method.load_state_dict(state["method"])
        self.collector.restore(state["collector"])
        return True

    @property
    def _engine(self) -> str:
        """What steps the environments where: its generators' and its physics' states mean nothing to another."""
        return f"{type(self.env.physics).__name__} on {self.env.device.type}"

    def policy(self) -> SkillPolicy:
        """The policy as it stands, in the form that is published."""
        exported, library = self.method.export(), self.env.library
        latents = exported.clip_latents
        clips = torch.arange(len(library), device=library.device)
        first = library.state(clips, torch.zeros_like(clips))
        starts = dict(zip(library.names, torch.cat((first.qpos, first.qvel), dim=1), strict=True))
        return SkillPolicy(
            body=self.env.body,
            actor=self.average.mean,
            latent_dim=self.method.latent_dim,
            method=self.method_name,
            encoder=exported.encoder,
            clip_latents=latents,
            clock=self.env.config.clock,
            lag=self.env.config.lag,
            condition=exported.condition,
            condition_moments=exported.condition_moments,
            clips=exported.clips,
            clip_starts=starts if latents else None,
        )

    def _imitation_metrics(self, rollout: Rollout) -> dict[str, float]:
        """Errors on the states that imitation visited; early termination flatters them (protocol.md does not)."""
        chosen = rollout.imitation
        if not bool(chosen.any()):
            return {}
        rows = self.env.library.row(rollout.clip[chosen], rollout.frame[chosen])
        own, wanted = rollout.next_observation[chosen][:, self._positions], self._reference[rows][:, self._positions]
        error = (own - wanted).unflatten(1, (-1, 3)).norm(dim=-1).mean()
        return {
            "Imitation/error_cm": 100 * float(error),
            "Imitation/root_error_m": float(rollout.root_error[chosen].mean()),
            "Imitation/worst_body_m": float(rollout.worst_body[chosen].mean()),
        }


def teacher_copies(folder: Path, count: int) -> list[Path]:
    """Where a run keeps its teachers, in their order."""
    return [folder / TEACHERS / str(number) for number in range(count)]


def checkpoint_folder(folder: Path, process: int = 0) -> Path:
    """Where a process of a run leaves its checkpoints."""
    return folder / "checkpoints" / (f"process{process}" if process else "")


def load_own_checkpoint(folder: Path) -> dict[str, Any] | None:
    """This process's part of a run's latest checkpoint, or None if there is none.

    Raises:
        CheckpointError: damaged, incomplete, or written by another number of processes.
    """
    state = load_latest_checkpoint(checkpoint_folder(folder))
    if state is None:
        return None
    before, now = state["processes"], distributed.size()
    if before != now:
        raise CheckpointError(
            f"{folder}: its checkpoint is of {before} process(es), this run has {now}; each goes on with its own "
            "episodes, so start as many: torchrun --nnodes times --nproc-per-node"
        )
    own = checkpoint_folder(folder, distributed.rank())
    return state if distributed.is_main() else load_checkpoint(own, state["iteration"])


def check_identity(state: dict[str, Any], library: MotionLibrary, folder: Path) -> None:
    """Refuse a checkpoint of other motions, or of a body that moves otherwise.

    Raises:
        CheckpointError: the message names the folder and what has changed.
    """
    for part in changed_parts(state, library):
        raise CheckpointError(f"{folder}: the {part} changed since the checkpoint; train anew")


def changed_parts(state: dict[str, Any], library: MotionLibrary) -> list[str]:
    """What is not as it was when a checkpoint was written, by digest: the motions, or the body's physics."""
    return [part for part, digest in _identity(library).items() if state["identity"][part] != digest]


def _identity(library: MotionLibrary) -> dict[str, str]:
    """What a checkpoint means only together with: digests of the motions and of what moves."""
    motions = repr(library.names).encode() + library.states.qpos.cpu().numpy().tobytes()
    return {"motions": hashlib.sha256(motions).hexdigest(), "body's physics": library.body.physics_digest}

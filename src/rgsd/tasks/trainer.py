"""`TaskTrainer`: a policy pi(z | s, g) that sends a body to goals in a style, learned by the same PPO as the skills."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rgsd.envs.observation import observe
from rgsd.errors import UsageError
from rgsd.learning.checkpoint import CheckpointError, cut_metrics, load_latest_checkpoint, save_checkpoint
from rgsd.learning.loop import TrainingLoop
from rgsd.learning.networks import Actor, Critic, NetworkConfig, gaussian_log_prob
from rgsd.learning.normalization import update_alike
from rgsd.learning.ppo import Ppo, PpoConfig
from rgsd.learning.transitions import Batch, Recorder, Transitions
from rgsd.motions.library import MotionLibrary
from rgsd.randomness import stream_seed
from rgsd.tasks.goal_env import Decision, GoalEnv
from rgsd.tasks.style import similarity


@dataclass(frozen=True)
class RewardConfig:
    """What a decision earns."""

    progress_weight: float = 1.0
    """Of (1 + v / speed) / 2, v being the mean speed towards the goal, clamped to [-speed, speed]."""
    speed: float = 1.0
    """Speed towards the goal that earns all of it, m/s."""
    style_weight: float = 0.5
    """Of (1 + cos) / 2, cos being the similarity of z with the nearest latent of the style; the free style has none."""


@dataclass(frozen=True)
class LoopConfig:
    """The loop around the learner."""

    horizon: int = 12
    """Decisions of every environment an iteration."""
    checkpoint_minutes: float = 1.0
    """Training time between checkpoints, min."""


def reward(config: RewardConfig, progress: Tensor, seconds: float, z: Tensor, style: Tensor | None) -> Tensor:
    """Rewards (N,) of decisions, never negative: a fall must not be a way out.

    Args:
        config: weights.
        progress: (N,) by how much the distance to the goal has shrunk, m.
        seconds: in how much time, s.
        z: (N, d) the latents that were held.
        style: (k, d) latents of the style; None for the free one.
    """
    towards = (progress / (seconds * config.speed)).clamp(-1.0, 1.0)
    earned = config.progress_weight * (1 + towards) / 2
    return earned if style is None else earned + config.style_weight * (1 + similarity(z, style)) / 2


class GoalCollector:
    """Runs a policy of latents in a `GoalEnv`, with its exploration noise.

    Args:
        env: the field.
        actor: chooses latents.
        seed: of the noise.
    """

    def __init__(self, env: GoalEnv, actor: Actor, seed: int) -> None:
        self.env, self.actor = env, actor
        self._generator = torch.Generator(env.device).manual_seed(seed)
        env.reset()
        env.scatter()
        self._observation, self._privileged = env.observe(), env.observe_privileged()

    @torch.no_grad()
    def collect(self, decisions: int) -> tuple[Transitions[Batch], list[Decision]]:
        """Take that many decisions in every environment."""
        taken, std = [], self.actor.std
        recorder = Recorder(decisions)
        condition = self._observation.new_zeros(self.env.num_envs, 0)  # nobody conditions the one who chooses
        for _ in range(decisions):
            observation, privileged = self._observation, self._privileged
            mean = self.actor(observation, condition)
            action = mean + std * torch.randn(mean.shape, generator=self._generator, device=mean.device)
            decision = self.env.step(action)
            taken.append(decision)
            self._observation, self._privileged = decision.observation, decision.privileged
            recorder.add(
                observation=observation,
                next_observation=decision.final_observation,
                privileged=privileged,
                next_privileged=decision.final_privileged,
                z=condition,
                next_z=condition,
                action=action,
                mean=mean,
                log_prob=gaussian_log_prob(action, mean, std),
                terminated=decision.fell,
                truncated=decision.truncated,
            )
        return Transitions(**recorder.rows()), taken

    def snapshot(self) -> dict[str, Any]:
        """Everything that the next decision depends on, the environment's part included."""
        return {"env": self.env.snapshot(), "generator": self._generator.get_state()}

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Go back to a snapshot."""
        self._observation, self._privileged = self.env.restore(snapshot["env"]), self.env.observe_privileged()
        self._generator.set_state(snapshot["generator"])


class TaskTrainer(TrainingLoop):
    """Trains one policy of latents, in one run folder.

    Args:
        env: the field, with the skills.
        library: the references, which tell the scale of observations.
        style: (k, d) latents of the style; None for the free one.
        identity: what the skills are; a checkpoint of others is refused.
        rewards, network, ppo, config: reward, sizes, learner and loop.
        folder: of the run.
        seed: of initialisation, exploration and shuffling.
    """

    def __init__(
        self,
        env: GoalEnv,
        library: MotionLibrary,
        style: Tensor | None,
        identity: str,
        rewards: RewardConfig,
        network: NetworkConfig,
        ppo: PpoConfig,
        config: LoopConfig,
        folder: Path,
        seed: int,
    ) -> None:
        super().__init__(folder, config.checkpoint_minutes)
        torch.manual_seed(stream_seed(seed, "networks"))
        for option, value in (("--reward.speed", rewards.speed), ("--loop.horizon", config.horizon)):
            if not 0 < value < math.inf:
                raise UsageError(f"{option} is {value}; give a positive number")
        self.env, self.style, self._identity, self._rewards, self._config = env, style, identity, rewards, config
        self.actor = make_actor(env, network)
        self._critic = Critic(env.observation_size, 0, env.privileged_size, network).to(env.device)
        # the references tell the scale of the body's entries, places drawn at random that of the goal's
        body = observe(library.states)
        places = torch.rand(len(body), 2, generator=torch.Generator().manual_seed(seed)) - 0.5
        distance = env.field.config.side * places.norm(dim=1, keepdim=True)
        seen = torch.cat((body, torch.nn.functional.normalize(places, dim=1), distance), dim=1)
        for model in (self.actor, self._critic):
            model.normalizer.update(seen)
        self._ppo = Ppo(self.actor, self._critic, ppo, seed=stream_seed(seed, "ppo"))
        self._collector = GoalCollector(env, self.actor, stream_seed(seed, "exploration"))

    def iterate(self) -> dict[str, float]:
        """One iteration; returns its metrics, named as in docs/tasks.md."""
        begun = time.perf_counter()
        self.actor.anneal(self.samples)
        rollout, taken = self._collector.collect(self._config.horizon)
        seconds = self.env.decision_seconds
        rewards = torch.stack([reward(self._rewards, d.progress, seconds, d.z, self.style) for d in taken])
        metrics = self._ppo.update(rollout, rewards)
        normalizers = self.actor.normalizer, self._critic.normalizer
        update_alike(normalizers, rollout.observation.flatten(0, 1))
        ended = time.perf_counter()
        steps = rollout.num_samples * self.env.period
        self.iteration, self.samples = self.iteration + 1, self.samples + steps
        self.seconds += ended - begun
        return {
            "iteration": self.iteration,
            "samples": self.samples,
            "seconds": self.seconds,
            "Train/mean_reward": float(rewards.mean()),
            **_goal_metrics(taken, seconds, self.style),
            "Perf/steps_per_s": steps / (ended - begun),
            "Perf/blowups": self.env.physics.blowups,
            **metrics,
        }

    def save(self) -> None:
        """Write a checkpoint."""
        state = {
            "identity": self._identity,
            "iteration": self.iteration,
            "samples": self.samples,
            "seconds": self.seconds,
            "actor": self.actor.state_dict(),
            "critic": self._critic.state_dict(),
            "ppo": self._ppo.state_dict(),
            "collector": self._collector.snapshot(),
        }
        save_checkpoint(self.folder / "checkpoints", self.iteration, state)

    def resume(self) -> bool:
        """Go back to the folder's latest checkpoint and cut the log there; False if there is none."""
        state = load_task_checkpoint(self.folder, self._identity)
        cut_metrics(self.folder / "metrics.jsonl", state["iteration"] if state else 0)
        if state is None:
            return False
        self.iteration, self.samples, self.seconds = state["iteration"], state["samples"], state["seconds"]
        self.actor.load_state_dict(state["actor"])
        self._critic.load_state_dict(state["critic"])
        self._ppo.load_state_dict(state["ppo"])
        self._collector.restore(state["collector"])
        return True


def make_actor(env: GoalEnv, network: NetworkConfig) -> Actor:
    """pi(z | s, g): its mean's direction is the latent, and its actions are plain numbers without a unit."""
    return Actor(env.observation_size, 0, torch.ones(env.action_size), network).to(env.device)


def load_task_checkpoint(folder: Path, identity: str) -> dict[str, Any] | None:
    """The latest checkpoint of a task's run, or None if there is none.

    Raises:
        CheckpointError: it was trained over other skills.
    """
    state = load_latest_checkpoint(folder / "checkpoints")
    if state is not None and state["identity"] != identity:
        raise CheckpointError(f"{folder}: the skills have been trained on since its checkpoint; train the task anew")
    return state


def _goal_metrics(taken: list[Decision], seconds: float, style: Tensor | None) -> dict[str, float]:
    """Metrics of the goals that were settled."""
    reached, missed, fell = (
        float(torch.stack([getattr(d, name) for d in taken]).sum()) for name in ("reached", "missed", "fell")
    )
    env_minutes = len(taken) * len(taken[0].z) * seconds / 60
    issued = reached + missed + fell
    metrics = {
        "Task/speed_to_goal": float(torch.stack([d.progress for d in taken]).mean()) / seconds,
        "Task/goals_per_minute": reached / env_minutes,
        "Task/falls_per_minute": fell / env_minutes,
    }
    if issued:
        metrics["Task/success"] = reached / issued
    if style is not None:
        metrics["Task/style"] = float(torch.stack([similarity(d.z, style) for d in taken]).mean())
    return metrics

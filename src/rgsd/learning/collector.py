"""The collection loop: policy, environment and method meet here, T steps at a time."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rgsd import rotations
from rgsd.envs.skill_env import SkillEnv, Starts
from rgsd.learning.method import Method, Progress
from rgsd.learning.networks import Actor, gaussian_log_prob
from rgsd.learning.rollout import Rollout
from rgsd.learning.statistics import EpisodeStatistics
from rgsd.learning.transitions import Recorder
from rgsd.learning.warm_start import WarmStart


class Collector:
    """Runs an actor in an environment on a method's episodes.

    Args:
        env: its episodes are begun by the method from now on.
        method: decides what episodes are about.
        actor: the policy; acts with its exploration noise.
        noise_free: fraction of the environments in which it acts without, evenly among their numbers.
    """

    def __init__(self, env: SkillEnv, method: Method, actor: Actor, noise_free: float = 0.0) -> None:
        self.env, self.method, self.actor = env, method, actor
        numbers = env.numbers.double()
        self._noisy = (noise_free * (numbers + 1)).floor() == (noise_free * numbers).floor()
        self.z = torch.zeros(env.num_envs, method.latent_dim, device=env.device)
        self.source = torch.zeros_like(env.clip)
        self._origin = torch.zeros(env.num_envs, 3, device=env.device)  # x, y, yaw where the episode began
        env.set_starts(self._begin)
        self._observation, self._privileged = env.reset(), env.observe_privileged()
        self._mark_origin(torch.ones(env.num_envs, dtype=torch.bool, device=env.device))

    @torch.no_grad()
    def collect(self, steps: int, teacher: WarmStart | None = None) -> tuple[Rollout, EpisodeStatistics]:
        """Advance every environment by `steps` control steps, driven by the actor or by its teacher."""
        env, recorder, statistics = self.env, Recorder(steps), EpisodeStatistics()
        std = self.actor.std
        for _ in range(steps):
            if teacher is not None:
                self.z = teacher.choose_latents(self.z)
                if env.config.clock == "clip_time":  # it shows another clip where the teacher has changed to one
                    self._observation = env.observe()
            observation, z, source, privileged = self._observation, self.z, self.source, self._privileged
            clip, imitation, elapsed, root = env.clip, env.imitation, env.elapsed, env.state.body_pos[:, 0, :2].clone()
            standing = env.standing
            mean = self.actor(observation, z) if teacher is None else teacher.act(observation, z)
            noise = std * env.draws("exploration").normal(mean.shape[1])
            action = mean + torch.where(self._noisy.unsqueeze(1), noise, 0.0)
            origin = self._origin
            result = env.step(action)
            progress = Progress(clip, result.final_frame, elapsed + 1, z, source, imitation)
            next_z, next_source = self.method.maybe_resample(progress, env.draws("latents"))
            # where an episode has ended, the step itself has begun the next one
            ended = result.terminated | result.truncated
            self.z = torch.where(ended.unsqueeze(1), self.z, next_z)
            self.source = torch.where(ended, self.source, next_source)
            travelled = rotations.seen_from(origin[:, :2], origin[:, 2], result.final_root)
            statistics.record(
                terminated=result.terminated,
                truncated=result.truncated,
                fell=result.fell,
                imitation=imitation,
                steps=elapsed + 1,
                travelled=travelled,
            )
            self._mark_origin(ended)
            self._observation, self._privileged = result.observation, result.privileged
            recorder.add(
                observation=observation,
                next_observation=result.final_observation,
                privileged=privileged,
                next_privileged=result.final_privileged,
                z=z,
                next_z=next_z,
                source=source,
                root=root,
                next_root=result.final_root,
                elapsed=elapsed,
                action=action,
                mean=mean,
                log_prob=gaussian_log_prob(action, mean, std),
                clip=clip,
                frame=result.final_frame,
                imitation=imitation,
                standing=standing,
                noisy=self._noisy,
                terminated=result.terminated,
                truncated=result.truncated,
                fell=result.fell,
                worst_body=result.tracking.worst,
                root_error=result.tracking.root,
                heading_error=result.tracking.heading.abs(),
            )
        return Rollout(**recorder.rows()), statistics

    def snapshot(self) -> dict[str, Any]:
        """Everything that the next step depends on, the environment's part included."""
        return {
            "env": self.env.snapshot(),
            "z": self.z.clone(),
            "source": self.source.clone(),
            "origin": self._origin.clone(),
        }

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Go back to a snapshot."""
        self._observation, self._privileged = self.env.restore(snapshot["env"]), self.env.observe_privileged()
        self.z, self.source, self._origin = (
            snapshot[name].to(self.env.device, copy=True) for name in ("z", "source", "origin")
        )

    def _begin(self, ids: Tensor) -> Starts:
        episodes = self.method.begin_episodes(self.env.draws("episodes", ids))
        self.z, self.source = self.z.clone(), self.source.clone()
        self.z[ids] = episodes.z
        self.source[ids] = 0 if episodes.source is None else episodes.source
        return Starts(episodes.clip, episodes.frame, episodes.imitation, episodes.standing)

    def _mark_origin(self, started: Tensor) -> None:
        state = self.env.state
        here = torch.cat((state.body_pos[:, 0, :2], rotations.yaw(state.body_quat[:, 0]).unsqueeze(1)), dim=1)
        self._origin = torch.where(started.unsqueeze(1), here, self._origin)

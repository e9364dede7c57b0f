"""Warm start: before PPO, the actor learns to play its references back, or to do what trained policies do.

Not in the paper. A teacher (`rgsd.learning.teachers`) drives, under the policy's exploration noise (which shows the
student how to come back: DART, Laskey et al. 2017), and the student regresses its actions. From a teacher that itself
finds back to the reference the student takes over more and more of the steps (DAgger, Ross et al. 2011), after half of
the iterations all of them. Under open-loop replay it never drives: an untrained one collapses to a mean pose that shows
no phase, and learns that.

Episodes that imitate play their own clip. The others play one under its latent, or under latents to which its own is
the nearest; those of a method that embeds no clips under the latents that it draws. Where open-loop replay teaches, it
is a random one from the states of another, and at its end a next one: the student learns to change from any skill to
any. A tracker goes on with its own clip, at its end once more: from elsewhere it would fall, and what the student
learns there is to keep going.
They begin it at the frame that is most like the present state (as in motion matching, Clavet 2016): begun
anywhere, it would teach the standing body the mean of all phases, which is to stand, and no forward gait would ever
start. A policy that is shown the time of the clip is told the phase: there they begin anywhere, or it would learn to go
by its posture alone, and from a posture at rest no punch would ever start.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from rgsd.bodies.state import BodyState, posture
from rgsd.envs.skill_env import SkillEnv
from rgsd.learning import distributed
from rgsd.learning.networks import Actor, Critic
from rgsd.learning.ppo import PpoConfig, generalized_advantage
from rgsd.learning.rollout import Minibatch, Rollout
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.learning.teachers import Teachers
from rgsd.motions.library import MotionLibrary
from rgsd.options import FileOnly
from rgsd.randomness import Draws
from rgsd.skills import sphere

_LEAST_SECONDS = 0.5  # of a clip that does not loop are played: its last frame, held, would teach to freeze


@dataclass(frozen=True)
class WarmStartConfig:
    """Cloning of a teacher at the start of a run."""

    teachers: tuple[str, ...] = ()
    """Folders of trained policies (or runs), trackers or policies of latents, to clone: each on the clips that it was
    trained on, the first one where several were; the other clips are replayed open loop. The run keeps copies of
    them."""
    latents: Literal["clips", "voronoi"] = "clips"
    """Under which latents episodes that do not imitate play a clip: its own, or one anywhere on the sphere to which
    its own is the nearest, so that every latent means something when discovery begins."""
    iterations: int = 25
    """Iterations that clone instead of following the policy gradient; 0 for none, as in the paper."""
    epochs: FileOnly[int] = 5
    """Passes over each rollout."""
    minibatches: FileOnly[int] = 8
    """Minibatches a pass."""
    learning_rate: FileOnly[float] = 1e-3
    """Of Adam, at first."""
    final_learning_rate: FileOnly[float] = 1e-3
    """Of Adam at the end; along a cosine in between."""
    anchor_weight: float = 0.0
    """Weight in PPO's loss of KL(policy || teacher) on imitation states, nats: holds gait and phase afterwards."""


class WarmStart:
    """The teacher, and the regression on it.

    Args:
        env: whose episodes are taught.
        actor, critic: trained in place.
        clip_latents: (M, d) latent of every clip, or None for a method without an embedding.
        config: cloning.
        ppo: whose discount and whose decay of advantages the critic's targets have.
        seed: of the shuffling.
        teachers: who teaches the clips that they were trained on; open-loop replay teaches the others.
    """

    def __init__(
        self,
        env: SkillEnv,
        actor: Actor,
        critic: Critic,
        clip_latents: Tensor | None,
        config: WarmStartConfig,
        ppo: PpoConfig,
        seed: int,
        teachers: Sequence[SkillPolicy] = (),
    ) -> None:
        self.env, self.actor, self.critic, self.config = env, actor, critic, config
        self._clip_latents, self._ppo = clip_latents, ppo
        parameters = [*actor.network.parameters(), *critic.network.parameters()]
        self._optimizer = torch.optim.Adam(parameters, lr=config.learning_rate, fused=True)
        self._generator = torch.Generator(env.device).manual_seed(seed)
        library = env.library
        self._teacher = Teachers(library, teachers)
        self._postures = posture(library.states.qpos, library.states.qvel)
        self._beginnings = _beginnings(library, round(_LEAST_SECONDS * env.body.control_hz))
        self._choices = torch.tensor([rows.stop - rows.start for rows in self._beginnings], device=env.device)
        self._begins_standing = library.begins_standing
        self._beginners = self._begins_standing.nonzero().squeeze(1)  # once, for it makes a GPU's host wait
        self._labels: list[Tensor] = []
        self._taught = 0  # iterations that have cloned

    def choose_latents(self, z: Tensor) -> Tensor:
        """The latents (N, d) of the next step: those of the clips that are played, where `z` is not one already."""
        env = self.env
        over = ~env.library.loops[env.clip] & (env.frame >= env.library.lengths[env.clip] - 1)
        fresh = (((env.elapsed == 0) | over) & ~env.imitation).nonzero().squeeze(1)
        draws = env.draws("changes", fresh)
        own, clip = env.clip[fresh], draws.integers(len(env.library))
        recovers, begins = self._teacher.recovers[own], env.elapsed[fresh] == 0
        clip = torch.where(recovers, own, clip)  # no tracker has learned to come from anywhere
        if env.config.clock == "clip_time":
            frame = draws.integers(self._choices[clip])
        else:
            frame = self._most_alike(env.state[fresh], clip)
        # the standing pose is most like a clip's last frame, from which nothing sets off
        frame = torch.where(recovers & begins, env.frame[fresh], frame)
        env.follow(fresh, clip, frame)
        if self._clip_latents is None:
            return z
        if self.config.latents == "clips":
            return torch.where(env.imitation.unsqueeze(1), z, self._clip_latents[env.clip])
        z = z.clone()
        sets_off = recovers & begins & env.standing[fresh] & self._begins_standing[clip]
        z[fresh] = self._draw_latents(env.draws("cells", fresh), clip, sets_off)
        return z

    def _draw_latents(self, draws: Draws, clip: Tensor, sets_off: Tensor) -> Tensor:
        """Latents (n, d) to which the clips (n,) are the nearest: of all, or where a body sets off from the standing
        pose of those that begin there, so that every latent is taught a way to leave it.
        """
        latents = self._clip_latents
        assert latents is not None
        z = sphere.draw_in_voronoi_cell(draws, latents, clip)
        if len(self._beginners) == 0:
            return z
        place = torch.searchsorted(self._beginners, clip).clamp(max=len(self._beginners) - 1)
        setting_off = sphere.draw_in_voronoi_cell(draws, latents[self._beginners], place)
        return torch.where(sets_off.unsqueeze(1), setting_off, z)

    def _most_alike(self, state: BodyState, clip: Tensor) -> Tensor:
        """Frames (n,) of the clips (n,) that are nearest to states (n,) in hinge angles and rates."""
        own, frame = posture(state.qpos, state.qvel), torch.zeros_like(clip)
        for number in clip.unique().tolist():
            chosen = clip == number
            frame[chosen] = torch.cdist(own[chosen], self._postures[self._beginnings[number]]).argmin(dim=1)
        return frame

    def act(self, observation: Tensor, z: Tensor) -> Tensor:
        """The mean actions (N, A) of the present step; the teacher's are kept as labels until `update`."""
        env = self.env
        action = self._teacher.act(observation, env.clip, env.frame + 1)
        self._labels.append(action)
        students = self._teacher.recovers[env.clip]
        students &= env.draws("student").uniform() < 2 * self._taught / self.config.iterations
        return torch.where(students.unsqueeze(1), self.actor(observation, z), action)

    def update(self, rollout: Rollout, values: tuple[Tensor, Tensor], rewards: Tensor) -> dict[str, float]:
        """Learn from a rollout that was taught; `values` (T, N) of its states and their successors, rewards (T, N)."""
        ended, ppo = rollout.terminated | rollout.truncated, self._ppo
        advantage = generalized_advantage(
            (1 - ppo.gamma) * rewards, *values, rollout.terminated, ended, ppo.gamma, ppo.gae_lambda
        )
        action, self._labels = torch.stack(self._labels).flatten(0, 1), []
        observation, z = rollout.observation.flatten(0, 1), rollout.z.flatten(0, 1)
        privileged, returns = rollout.privileged.flatten(0, 1), (advantage + values[0]).flatten()
        self._set_learning_rate(min(self._taught / self.config.iterations, 1.0))
        self._taught += 1
        sums: dict[str, float] = defaultdict(float)
        for _ in range(self.config.epochs):
            order = torch.randperm(rollout.num_samples, generator=self._generator, device=z.device)
            for ids in order.chunk(self.config.minibatches):
                clone = (self.actor(observation[ids], z[ids]) - action[ids]).square().mean()
                value = (self.critic(observation[ids], z[ids], privileged[ids]) - returns[ids]).square().mean()
                self._optimizer.zero_grad(set_to_none=True)
                (clone + value).backward()
                self._optimizer.step()
                sums["Loss/clone"] += float(clone.detach())
                sums["Loss/value"] += float(value.detach())
        if self._taught >= self.config.iterations:
            self._optimizer.state.clear()  # as large as PPO's, in memory and in every checkpoint, and of no more use
        return {k: v / (self.config.epochs * self.config.minibatches) for k, v in sums.items()}

    def _set_learning_rate(self, progress: float) -> None:
        """Along a cosine from the first to the final one, by the fraction of the iterations that is over."""
        first, final = self.config.learning_rate, self.config.final_learning_rate
        for group in self._optimizer.param_groups:
            group["lr"] = final + (first - final) * 0.5 * (1 + math.cos(math.pi * progress))

    def anchor(self, minibatch: Minibatch, mean: Tensor) -> Tensor | None:
        """The term that holds imitation's mean actions (n, A) near the teacher while PPO improves; None at weight 0."""
        if self.config.anchor_weight == 0:
            return None
        action = self._teacher.act(minibatch.observation, minibatch.clip, minibatch.frame)
        divergence = 0.5 * ((mean - action) / self.actor.std.detach()).square().sum(dim=-1)
        follows = minibatch.imitation.float()
        count = distributed.average(follows.sum()).clamp(min=1)
        return self.config.anchor_weight * (follows * divergence).sum() / count

    def state_dict(self) -> dict[str, Any]:
        """Optimiser, generator and how much has been taught."""
        return {
            "optimizer": self._optimizer.state_dict(),
            "generator": self._generator.get_state(),
            "taught": self._taught,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to a saved state."""
        self._optimizer.load_state_dict(state["optimizer"])
        self._generator.set_state(state["generator"])
        self._taught = state["taught"]


def _beginnings(library: MotionLibrary, least: int) -> list[slice]:
    """Rows of each clip at which it may begin: all of a loop's, else those that leave at least `least` frames."""
    starts, lengths = library.offsets.tolist(), library.lengths.tolist()
    ends = [
        length - 1 if m.loop else max(length - least, 1) for m, length in zip(library.motions, lengths, strict=True)
    ]
    return [slice(start, start + end) for start, end in zip(starts, ends, strict=False)]

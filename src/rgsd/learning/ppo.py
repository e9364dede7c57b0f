"""Proximal policy optimization (Schulman et al. 2017), with true values at time limits and hooks for further losses."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic

import torch
from torch import Tensor, nn

from rgsd.learning import distributed
from rgsd.learning.networks import Actor, Critic, gaussian_kl, gaussian_log_prob
from rgsd.learning.precision import use_bfloat16_gradients
from rgsd.learning.transitions import B, Transitions
from rgsd.options import FileOnly


@dataclass(frozen=True)
class PpoConfig:
    """The learner."""

    gamma: float = 0.97
    """Discount per control step, of tasks per decision."""
    gae_lambda: FileOnly[float] = 0.95
    """Decay of the generalized advantage estimate."""
    clip: float = 0.2
    """Largest change of the probability ratio that still earns."""
    epochs: int = 5
    """Passes over each rollout."""
    minibatches: int = 4
    """Minibatches a pass."""
    learning_rate: float = 1e-4
    """Of Adam, at the start."""
    min_learning_rate: FileOnly[float] = 1e-5
    """Lower bound of the adaptive rate."""
    max_learning_rate: FileOnly[float] = 3e-3
    """Upper bound of the adaptive rate."""
    kl_per_action: float = 1e-3
    """Wanted KL divergence an update and action dimension, nats; the rate adapts to it. 0 keeps the rate."""
    entropy_bonus: FileOnly[float] = 0.0
    """Weight of the policy's entropy; only a learned noise feels it."""
    value_weight: FileOnly[float] = 1.0
    """Weight of the critic's loss."""
    max_gradient_norm: FileOnly[float] = 1.0
    """Gradients of each network are scaled down to this norm."""
    bound_weight: FileOnly[float] = 1.0
    """Weight of the squared excess of mean actions beyond [-1, 1], where clipping hides the gradient."""
    bfloat16: FileOnly[bool] = False
    """Whether the critic's loss and the actor's gradients are products of bfloat16 matrices (`learning/precision.py`);
    presets choose it on CPUs that are fast at it. It changes what is learned from the same seed."""
    advantage_per_stream: FileOnly[bool] = True
    """Whether streams, such as imitation and discovery, normalise their advantages apart."""


def generalized_advantage(
    rewards: Tensor, values: Tensor, next_values: Tensor, terminated: Tensor, ended: Tensor, gamma: float, lam: float
) -> Tensor:
    """Advantages (T, N) by GAE (Schulman et al. 2016), from tensors of the same shape.

    `next_values` are those of the states that the steps led to, before any reset: at a time limit the
    true final state is valued; only a terminal state is worth nothing.
    """
    delta = rewards + gamma * next_values * (~terminated) - values
    advantage, carried = torch.zeros_like(rewards), torch.zeros_like(rewards[0])
    for t in range(len(rewards) - 1, -1, -1):
        carried = delta[t] + gamma * lam * (~ended[t]) * carried
        advantage[t] = carried
    return advantage


class Ppo(Generic[B]):
    """Improves an actor and a critic on rollouts.

    Args:
        actor, critic: trained in place.
        config: the learner.
        latents: maps a minibatch to the latents that the losses use.
        extra_losses: further terms of the loss, of a minibatch and the actor's means (n, A) on it; each may be None.
        parameters: what the losses train besides actor and critic: the networks behind `latents`.
        seed: of the shuffling.
    """

    def __init__(
        self,
        actor: Actor,
        critic: Critic,
        config: PpoConfig,
        latents: Callable[[B], Tensor] = lambda minibatch: minibatch.z,
        extra_losses: Sequence[Callable[[B, Tensor], Tensor | None]] = (),
        parameters: Sequence[nn.Parameter] = (),
        seed: int = 0,
    ) -> None:
        self.actor, self.critic, self.config = actor, critic, config
        self._latents, self._extra_losses = latents, extra_losses
        self.learning_rate = config.learning_rate
        if config.bfloat16:
            use_bfloat16_gradients(actor)
        networks = ([*actor.parameters()], [*critic.parameters()], [*parameters])
        self._networks = [trained for group in networks if (trained := [p for p in group if p.requires_grad])]
        everything = [p for network in self._networks for p in network]
        self._optimizer = torch.optim.Adam(everything, lr=config.learning_rate, eps=1e-5, fused=True)
        # in the step itself, when the gradients of all processes have been averaged
        self._optimizer.register_step_pre_hook(self._clip_gradients)
        self._generator = torch.Generator(actor.action_scale.device).manual_seed(seed)

    @torch.no_grad()
    def evaluate_values(self, rollout: Transitions[B]) -> tuple[Tensor, Tensor]:
        """Values (T, N) of the states acted on and of the states that followed."""
        values = self.critic(rollout.observation, rollout.z, rollout.privileged)
        next_values = torch.empty_like(values)
        next_values[:-1] = values[1:]
        # where an episode ended the next row is another episode's; value its true last state
        ended = rollout.terminated | rollout.truncated
        ended[-1] = True
        next_values[ended] = self.critic(
            rollout.next_observation[ended], rollout.next_z[ended], rollout.next_privileged[ended]
        )
        return values, next_values

    def update(self, rollout: Transitions[B], rewards: Tensor) -> dict[str, float]:
        """Several epochs on one rollout with its rewards (T, N); returns metrics to log."""
        config = self.config
        values, next_values = self.evaluate_values(rollout)
        ended = rollout.terminated | rollout.truncated
        # (1 - gamma) makes a value the discounted mean reward: of order one for every horizon
        advantage = generalized_advantage(
            (1 - config.gamma) * rewards,
            values,
            next_values,
            rollout.terminated,
            ended,
            config.gamma,
            config.gae_lambda,
        )
        returns = advantage + values
        advantage = self._normalize(advantage, rollout.advantage_groups)
        std_before = self.actor.std.detach().clone()
        sums: dict[str, Tensor | float] = defaultdict(float)
        count = 0
        for _ in range(config.epochs):
            for batch in rollout.minibatches(advantage, returns, config.minibatches, self._generator):
                for name, value in self._step(batch, std_before).items():
                    sums[name] += value
                count += 1
        explained = 1 - float((returns - values).var() / returns.var().clamp(min=1e-12))
        return {name: float(value) / count for name, value in sums.items()} | {"Loss/explained_variance": explained}

    def state_dict(self) -> dict[str, Any]:
        """Optimiser, rate and generator."""
        return {
            "optimizer": self._optimizer.state_dict(),
            "learning_rate": self.learning_rate,
            "generator": self._generator.get_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to a saved state."""
        self._optimizer.load_state_dict(state["optimizer"])
        self.learning_rate = state["learning_rate"]
        self._generator.set_state(state["generator"])

    def _normalize(self, advantage: Tensor, groups: Sequence[Tensor]) -> Tensor:
        """By group (T, N), or over all of them; 0 outside."""
        if not self.config.advantage_per_stream:
            groups = [torch.stack([*groups]).any(dim=0)]
        normal = torch.zeros_like(advantage)
        for group in groups:
            mean, deviation = distributed.mean_and_deviation(advantage[group])
            normal[group] = (advantage[group] - mean) / (deviation + 1e-8)
        return normal

    def _step(self, batch: B, std_before: Tensor) -> dict[str, Tensor | float]:
        """One gradient step; its metrics stay on the device, but for the KL divergence, which the rate waits for."""
        config, z = self.config, self._latents(batch)
        mean, std = self.actor(batch.observation, z), self.actor.std
        # far beyond what clipping lets through, but finite: one overflow would make every weight NaN
        ratio = torch.exp((gaussian_log_prob(batch.action, mean, std) - batch.log_prob).clamp(-20.0, 20.0))
        clipped = ratio.clamp(1 - config.clip, 1 + config.clip)
        surrogate = -torch.min(ratio * batch.advantage, clipped * batch.advantage).mean()
        with torch.autocast(z.device.type, torch.bfloat16, enabled=config.bfloat16):
            value = self.critic(batch.observation, z, batch.privileged)
        value_loss = (value.float() - batch.returns).square().mean()
        entropy = (torch.log(std) + 0.5 * math.log(2 * math.pi * math.e)).sum()
        bound = (mean.abs() - 1.0).clamp(min=0.0).square().sum(dim=-1).mean()
        loss = (
            surrogate + config.value_weight * value_loss - config.entropy_bonus * entropy + config.bound_weight * bound
        )
        for extra_loss in self._extra_losses:
            extra = extra_loss(batch, mean)
            loss = loss if extra is None else loss + extra
        kl = gaussian_kl(batch.mean, std_before, mean.detach(), std.detach()).mean()
        kl = float(distributed.average(kl))
        self._adapt_rate(kl, mean.shape[-1])
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._optimizer.step()
        return {
            "Loss/surrogate": surrogate.detach(),
            "Loss/value": value_loss.detach(),
            "Loss/bound": bound.detach(),
            "Policy/kl": kl,
            "Loss/learning_rate": self.learning_rate,
            "Policy/clip_fraction": ((ratio.detach() - 1).abs() > config.clip).float().mean(),
            "Policy/entropy": entropy.detach(),
        }

    def _clip_gradients(self, *_: object) -> None:
        for network in self._networks:
            nn.utils.clip_grad_norm_(network, self.config.max_gradient_norm)

    def _adapt_rate(self, kl: float, actions: int) -> None:
        wanted = self.config.kl_per_action * actions
        if wanted > 0:
            if kl > 2 * wanted:
                self.learning_rate = max(self.learning_rate / 1.5, self.config.min_learning_rate)
            elif 0 < kl < wanted / 2:
                self.learning_rate = min(self.learning_rate * 1.5, self.config.max_learning_rate)
            for group in self._optimizer.param_groups:
                group["lr"] = self.learning_rate

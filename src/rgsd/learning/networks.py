"""Actor and critic: multilayer perceptrons of the normalised observation and the latent."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from rgsd.learning.normalization import RunningNormalizer
from rgsd.learning.precision import Linear
from rgsd.options import FileOnly


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of the networks and the size of exploration."""

    actor_hidden: tuple[int, ...] = (256, 256, 128)
    """Widths of the actor's hidden layers."""
    critic_hidden: tuple[int, ...] = (256, 256, 128)
    """Widths of the critic's hidden layers."""
    noise: float = 0.05
    """Standard deviation of the exploration noise at the start, the same for every entry: of skills rad of PD target,
    of tasks of the latent's components."""
    final_noise: float = 0.05
    """Standard deviation after `noise_steps`, in the same unit; geometric in between."""
    noise_steps: FileOnly[int] = 5_000_000
    """Environment steps over which the noise goes from its first to its final value."""
    learn_noise: FileOnly[bool] = False
    """Whether the policy gradient sets the deviation of each joint instead, starting from `noise`."""
    privileged_critic: FileOnly[bool] = True
    """Whether the critic also sees what the actor never does: stream, phase and distance from the reference; of tasks
    the goal's remaining time."""


def mlp(sizes: tuple[int, ...], output_gain: float) -> nn.Sequential:
    """Linear layers with ELU between them, orthogonally initialised; the last with the given gain."""
    layers: list[nn.Module] = []
    for index, (before, after) in enumerate(pairwise(sizes)):
        linear = Linear(before, after)
        last = index == len(sizes) - 2
        nn.init.orthogonal_(linear.weight, output_gain if last else math.sqrt(2))
        nn.init.zeros_(linear.bias)
        layers += [linear] if last else [linear, nn.ELU()]
    return nn.Sequential(*layers)


class Actor(nn.Module):
    """pi(a | s, z): a Gaussian around a network's mean; its deviation follows a schedule or is learned.

    The latent is never normalised by data; it is scaled by sqrt(d), so that its components are of order
    one whatever the dimension of the sphere.
    """

    action_scale: Tensor

    def __init__(self, observation_size: int, latent_dim: int, action_scale: Tensor, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.normalizer = RunningNormalizer(observation_size)
        self.latent_scale = math.sqrt(latent_dim)
        self.network = mlp((observation_size + latent_dim, *config.actor_hidden, len(action_scale)), 0.01)
        self.register_buffer("action_scale", action_scale.float())
        log_noise = torch.full_like(self.action_scale, math.log(config.noise))
        self.log_noise = nn.Parameter(log_noise, requires_grad=config.learn_noise)

    @property
    def std(self) -> Tensor:
        """(A,) standard deviation in units of the action: the noise in rad over each joint's scale."""
        return self.log_noise.exp() / self.action_scale

    def anneal(self, samples: int) -> None:
        """Set the scheduled noise for a run that has seen `samples` environment steps."""
        if not self.config.learn_noise:
            fraction = min(samples / self.config.noise_steps, 1.0)
            logs = math.log(self.config.noise), math.log(self.config.final_noise)
            self.log_noise.data.fill_((1 - fraction) * logs[0] + fraction * logs[1])

    def forward(self, observation: Tensor, z: Tensor) -> Tensor:
        """Mean action (..., A) for observations (..., D) and latents (..., d)."""
        return self.network(torch.cat((self.normalizer(observation), self.latent_scale * z), dim=-1))


class Critic(nn.Module):
    """V(s, z), or V of more than the actor sees."""

    def __init__(self, observation_size: int, latent_dim: int, privileged_size: int, config: NetworkConfig) -> None:
        super().__init__()
        self.normalizer = RunningNormalizer(observation_size)
        self.latent_scale = math.sqrt(latent_dim)
        self.privileged = config.privileged_critic
        extra = privileged_size if config.privileged_critic else 0
        self.network = mlp((observation_size + latent_dim + extra, *config.critic_hidden, 1), 0.1)

    def forward(self, observation: Tensor, z: Tensor, privileged: Tensor) -> Tensor:
        """Values (...,) for observations (..., D), latents (..., d) and the privileged view (..., P)."""
        parts = [self.normalizer(observation), self.latent_scale * z]
        if self.privileged:
            parts.append(privileged)
        return self.network(torch.cat(parts, dim=-1)).squeeze(-1)


def gaussian_log_prob(action: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """log density (...,) of actions (..., A) under independent Gaussians."""
    z = (action - mean) / std
    return (-0.5 * z.square() - torch.log(std) - 0.5 * math.log(2 * math.pi)).sum(dim=-1)


def gaussian_kl(mean: Tensor, std: Tensor, other_mean: Tensor, other_std: Tensor) -> Tensor:
    """KL(N(mean, std) || N(other_mean, other_std)) (...,) of independent Gaussians over (..., A), nats."""
    ratio = (std.square() + (mean - other_mean).square()) / (2 * other_std.square())
    return (torch.log(other_std / std) + ratio - 0.5).sum(dim=-1)

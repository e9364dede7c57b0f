"""A point on a plane: the smallest world in which what a method should bring about is known."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

from rgsd.bodies.body import Body
from rgsd.envs.observation import ObservationLayout
from rgsd.learning.method import Method
from rgsd.learning.networks import Actor, Critic, NetworkConfig, gaussian_log_prob
from rgsd.learning.ppo import Ppo, PpoConfig
from rgsd.learning.rollout import Rollout
from rgsd.motions.library import MotionLibrary
from rgsd.motions.motion import Motion
from rgsd.randomness import Draws, env_keys

STEPS, NUM_ENVS = 12, 96


class PointWorld:
    """Points that start at the origin and move by at most 0.1 along each axis a step, under a policy that learns.

    A method sees a point's place, or its speed, where the tiny body's root velocity would stand in an observation.

    Args:
        body: whose observation is borrowed.
        make_rollout: the fixture.
        method: rewards and learns.
        shows: which of the two.
    """

    def __init__(self, body: Body, make_rollout: Callable[..., Rollout], method: Method, shows: str = "place") -> None:
        torch.manual_seed(0)
        self._make_rollout = make_rollout
        layout = ObservationLayout(body)
        self.method, self._shows, self._size = method, shows, layout.size
        self._entries = layout.indices(("linear_velocity",), body.body_names[:1])[:2]
        network = NetworkConfig(actor_hidden=(32,), critic_hidden=(32,), noise=0.3, privileged_critic=False)
        self.actor = Actor(layout.size, method.latent_dim, torch.ones(2), network)
        critic = Critic(layout.size, method.latent_dim, 1, network)
        config = PpoConfig(gamma=0.9, learning_rate=3e-3, epochs=4, minibatches=1, kl_per_action=0.02)
        extra = (lambda batch, mean: method.extra_loss(batch, mean, self.actor),)
        self._ppo = Ppo(self.actor, critic, config, method.latents, extra, method.parameters())
        self._generator = torch.Generator().manual_seed(0)

    def train(self, iterations: int) -> dict[str, float]:
        """Episodes of 12 steps, and learning from them; returns the last metrics."""
        metrics: dict[str, float] = {}
        keys = env_keys(0, torch.arange(NUM_ENVS))
        for iteration in range(iterations):
            episodes = self.method.begin_episodes(Draws.at(keys, iteration, "episodes"))
            source = torch.zeros_like(episodes.clip) if episodes.source is None else episodes.source
            rollout = self._make_rollout(
                STEPS,
                NUM_ENVS,
                **self._play(episodes.z, noisy=True),
                z=episodes.z.expand(STEPS, -1, -1),
                source=source.expand(STEPS, -1),
                clip=episodes.clip.expand(STEPS, -1),
                imitation=episodes.imitation.expand(STEPS, -1),
                elapsed=torch.arange(STEPS).unsqueeze(1).expand(-1, NUM_ENVS),
                truncated=(torch.arange(STEPS) == STEPS - 1).unsqueeze(1).expand(-1, NUM_ENVS),
            )
            metrics = self._ppo.update(rollout, self.method.rewards(rollout)) | self.method.update(rollout)
        return metrics

    def ends(self, z: Tensor) -> Tensor:
        """(n, 2) where the deterministic policy arrives under latents (n, d)."""
        return self._play(z, noisy=False)["next_root"][-1]

    @torch.no_grad()
    def _play(self, z: Tensor, noisy: bool) -> dict[str, Tensor]:
        place, rows, std = torch.zeros(len(z), 2), [], self.actor.std
        observation = self._observe(place, torch.zeros_like(place))
        for _ in range(STEPS):
            mean = self.actor(observation, z)
            noise = torch.randn(mean.shape, generator=self._generator) if noisy else 0.0
            action = mean + std * noise
            speed = action.clamp(-1.0, 1.0)
            after = place + 0.1 * speed
            following = self._observe(after, speed)
            rows.append(
                {
                    "observation": observation,
                    "next_observation": following,
                    "action": action,
                    "mean": mean,
                    "log_prob": gaussian_log_prob(action, mean, std),
                    "root": place,
                    "next_root": after,
                }
            )
            place, observation = after, following
        return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}

    def _observe(self, place: Tensor, speed: Tensor) -> Tensor:
        observation = torch.zeros(len(place), self._size)
        observation[:, self._entries] = place if self._shows == "place" else speed
        return observation


@pytest.fixture
def point_world(tiny: Body, make_rollout: Callable[..., Rollout]) -> Callable[..., PointWorld]:
    """Makes a world of points for a method: `point_world(method, shows="place")`."""
    return partial(PointWorld, tiny, make_rollout)


@pytest.fixture(scope="session")
def crossing(tiny: Body, tiny_motion: Callable[..., Motion]) -> MotionLibrary:
    """Two clips of the tiny body: straight ahead along x, and sideways along y, at 0.5 m/s."""
    ahead = tiny_motion("ahead", np.zeros((51, 2)), speed=0.5)
    swap = [1, 0]
    qpos, qvel = ahead.qpos.copy(), ahead.qvel.copy()
    qpos[:, :2], qvel[:, :2] = ahead.qpos[:, swap], ahead.qvel[:, swap]
    return MotionLibrary(tiny, [ahead, dataclasses.replace(ahead, name="aside", qpos=qpos, qvel=qvel)])

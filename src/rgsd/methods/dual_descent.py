"""What METRA and LGSD have in common: skills are directions in a learned map phi of states, which a distance bounds.

phi maximises E[(phi(y) - phi(x)).z] under |phi(y) - phi(x)| <= d(x, y) by dual descent; a method says which pairs of
states (x, y) it looks at, and d. The policy is paid (phi(s') - phi(s)).z for every step.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from rgsd.envs.observation import observe
from rgsd.learning import distributed
from rgsd.learning.normalization import RunningScale
from rgsd.learning.replay import Replay
from rgsd.learning.rollout import Rollout
from rgsd.methods.baseline import Baseline
from rgsd.motions.library import MotionLibrary
from rgsd.skills.encoder import EncoderConfig
from rgsd.skills.phi import MetricEncoder

_REPLAYED_ROLLOUTS = 8
Seen = tuple[Tensor, Tensor]
"""What phi is given of states: observations (..., D) and further numbers (..., e)."""


@dataclass(frozen=True)
class MetricConfig:
    """phi and its constraint. Values are those of METRA's official code unless said (docs/metra.md)."""

    encoder: EncoderConfig = EncoderConfig()
    """The network of phi and its feature mask."""
    slack: float = 1e-3
    """epsilon: how much of a pair's room below the bound counts in favour of phi."""
    initial_lambda: float = 30.0
    """The constraint's multiplier at the start."""
    learning_rate: float = 3e-4
    """Of phi's Adam (ours; 1e-4 there, for longer runs)."""
    dual_learning_rate: float = 3e-3
    """Of log lambda's Adam (ours; at 1e-4 it moves one nat in ten thousand minibatches)."""
    samples_per_update: int = 32
    """Environment steps for each gradient step of phi and lambda."""
    batch: int = 256
    """Pairs of a gradient step, half of them from the replay."""
    replay: int = 8192
    """Pairs of earlier rollouts that are kept (ours; a million there)."""
    rsi: float = 0.0
    """Fraction of episodes that begin on reference states; the others begin standing."""


class Pairs(NamedTuple):
    """n pairs of states that an episode went through, x before y."""

    x: Seen
    """(n, D), (n, e)."""
    y: Seen
    """(n, D), (n, e)."""
    z: Tensor
    """(n, d) the episode's latent."""
    bound: Tensor
    """(n,) d(x, y), which |phi(y) - phi(x)| is to keep to."""
    usable: Tensor
    """(n,) bool, which of them phi may learn from."""


class MetricBaseline(Baseline):
    """A baseline that need only say which pairs of states bound phi, and by how much.

    Args:
        library: for the scales of the features, and for starts if some are to be on references.
        phi: trained in place; its normalisation is fitted here.
        config: phi and its constraint.
        seed: of minibatches.
    """

    def __init__(self, library: MotionLibrary, phi: MetricEncoder, config: MetricConfig, seed: int) -> None:
        self.phi, self._fitting = phi, config
        phi.fit_normalization(observe(library.states))
        self._log_lambda = nn.Parameter(torch.tensor(math.log(config.initial_lambda), device=library.device))
        networks = nn.ModuleDict({"phi": phi, "dual": nn.ParameterDict({"log_lambda": self._log_lambda})})
        groups = [
            {"params": [*phi.parameters()], "lr": config.learning_rate},
            {"params": [self._log_lambda], "lr": config.dual_learning_rate},
        ]
        optimizer = torch.optim.Adam(groups)
        super().__init__(library, config.encoder.latent_dim, config.rsi, networks, optimizer, seed)
        self._replay = Replay(config.replay, _REPLAYED_ROLLOUTS, self._generator)
        self._scale = RunningScale(library.device)
        self._starts: list[Tensor] = []  # what phi is given of the states where the episodes began that still run
        self._grounding = self._directions()

    @abstractmethod
    def _pairs(self, rollout: Rollout) -> Pairs:
        """The pairs of a rollout, called once a rollout."""

    def _extra(self, root: Tensor, seconds: Tensor) -> Tensor:
        """What phi sees besides the observation, (..., e) from roots (..., 2) and times (...,): nothing."""
        return root[..., :0]

    @torch.no_grad()
    def rewards(self, rollout: Rollout) -> Tensor:
        """r = (phi(s') - phi(s)).z over its running standard deviation, never centred; 0 for the last step of a fall.

        Half of a centred reward would be negative, and where falls end episodes that teaches falling. The state after
        a fall may be the standing pose that a simulation which blew up was put back to: a leap, not a step.
        """
        return self._scale.divide(self._raw_rewards(rollout))

    def update(self, rollout: Rollout) -> dict[str, float]:
        """Train phi and lambda on a rollout's pairs."""
        crossings = self._crossings(rollout)
        self._scale.update(self._raw_rewards(rollout))
        metrics = self._fit(self._pairs(rollout), rollout.num_samples) | {
            "Metra/lambda": float(self._log_lambda.detach().exp()),
            "Metra/reward_scale": float(self._scale.value),
            "Metra/drift": self.drift(),
        }
        return metrics | {"Metra/crossing": float(crossings.mean())} if len(crossings) else metrics

    def drift(self) -> float:
        """1 minus the mean cosine, over the references' states, of phi's directions now with those at its beginning.

        That beginning is RGSD's encoder if phi is grounded. Place and time, if phi sees them, are taken as 0.
        """
        return 1.0 - float((self._directions() * self._grounding).sum(dim=-1).mean())

    def state_dict(self) -> dict[str, Any]:
        """Networks, optimiser, generator, replay, the reward's scale, the episodes' starts and where phi began."""
        return super().state_dict() | {
            "replay": self._replay.state_dict(),
            "scale": self._scale.value,
            "starts": list(self._starts),
            "grounding": self._grounding,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to a saved state."""
        super().load_state_dict(state)
        self._replay.load_state_dict(state.get("replay", {"parts": [], "next": 0}))  # older checkpoints have none
        self._scale.value = state["scale"].to(self.library.device, copy=True)
        self._starts = [part.to(self.library.device, copy=True) for part in state["starts"]]
        self._grounding = state["grounding"].to(self.library.device, copy=True)

    def _fit(self, pairs: Pairs, samples: int) -> dict[str, float]:
        """Gradient steps in proportion to the samples, of all processes together; the means of what they saw."""
        usable = pairs.usable.nonzero().squeeze(1)
        # nothing is learned, and nothing said, where there is no pair
        if distributed.fewest(len(usable)) == 0:
            return {}
        parts = [*pairs.x, *pairs.y, pairs.z, pairs.bound]
        config, processes = self._fitting, distributed.size()
        updates, batch = max(processes * samples // config.samples_per_update, 1), -(-config.batch // processes)
        old = batch // 2 if len(self._replay) else 0
        sums: dict[str, Tensor] = defaultdict(lambda: torch.zeros((), device=usable.device))
        for chosen in self._passes(len(usable), updates * (batch - old)).chunk(updates):
            rows = [part[usable[chosen]] for part in parts]
            if old:
                rows = [torch.cat(both) for both in zip(rows, self._replay.draw(old), strict=True)]
            for name, value in self._step(*rows).items():
                sums[name] += value / updates
        self._replay.add([part[usable] for part in parts])
        return {name: float(value) for name, value in sums.items()}

    def _step(
        self, x: Tensor, x_extra: Tensor, y: Tensor, y_extra: Tensor, z: Tensor, bound: Tensor
    ) -> dict[str, Tensor]:
        """Ascend E[(phi(y) - phi(x)).z] + lambda E[min(eps, d(x, y)^2 - |phi(y) - phi(x)|^2)]; lambda descends it."""
        step = self.phi(y, y_extra) - self.phi(x, x_extra)
        gain, length = (step * z).sum(dim=-1), step.norm(dim=-1)
        room = (bound.square() - step.square().sum(dim=-1)).clamp(max=self._fitting.slack).mean()
        loss = -gain.mean() - self._log_lambda.detach().exp() * room
        self._minimize(loss + self._log_lambda * room.detach())
        return {
            "Encoder/loss": loss.detach(),
            "Discovery/alignment": (gain / length.clamp(min=1e-8)).detach().mean(),
            "Metra/step_length": length.detach().mean(),
            "Metra/violations": (length.detach() > bound).float().mean(),
        }

    @torch.no_grad()
    def _raw_rewards(self, rollout: Rollout) -> Tensor:
        here, there = self._states(rollout)
        return ((self.phi(*there) - self.phi(*here)) * rollout.z).sum(dim=-1) * ~rollout.terminated

    @torch.no_grad()
    def _crossings(self, rollout: Rollout) -> Tensor:
        """(phi(s_T) - phi(s_0)).z (E,) of the episodes that end in a rollout, in its order.

        The sum of an episode's rewards: as there, the step into a fall is left out.
        """
        here, there = self._states(rollout)
        steps, num_envs = rollout.elapsed.shape
        starts = self._starts or [part[0] for part in here]  # a first rollout begins all of its episodes
        # row 0 are the starts of episodes from before; row t + 1 is the state before step t
        rows = [torch.cat((start.unsqueeze(0), part)) for start, part in zip(starts, here, strict=True)]
        numbers = torch.arange(1, steps + 1, device=rollout.elapsed.device).unsqueeze(1)
        begun = torch.where(rollout.elapsed == 0, numbers, 0).cummax(dim=0).values
        self._starts = [part[begun[-1], torch.arange(num_envs)] for part in rows]
        step, env = (rollout.terminated | rollout.truncated).nonzero(as_tuple=True)
        start = [part[begun[step, env], env] for part in rows]
        fell = rollout.terminated[step, env].unsqueeze(1)
        end = [torch.where(fell, a[step, env], b[step, env]) for a, b in zip(here, there, strict=True)]
        return ((self.phi(*end) - self.phi(*start)) * rollout.z[step, env]).sum(dim=-1)

    @torch.no_grad()
    def _directions(self) -> Tensor:
        """(F, d) where phi points in the references' states."""
        observation = observe(self.library.states)
        extra = self._extra(torch.zeros_like(observation[:, :2]), torch.zeros_like(observation[:, 0]))
        return nn.functional.normalize(self.phi(observation, extra), dim=-1)

    def _states(self, rollout: Rollout) -> tuple[Seen, Seen]:
        """What phi is given of the states before and after each step: observations (T, N, D), extra (T, N, e)."""
        before, dt = rollout.elapsed, self.library.body.control_dt
        return (
            (rollout.observation, self._extra(rollout.root, dt * before)),
            (rollout.next_observation, self._extra(rollout.next_root, dt * (before + 1))),
        )

"""LGSD (Rho et al. 2025) with PPO: METRA with a bound in words: phi may tell states apart as far as language does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch

from rgsd.errors import UsageError
from rgsd.language.distance import LanguageDistance
from rgsd.language.endpoint import EndpointConfig
from rgsd.learning.rollout import Rollout
from rgsd.learning.windows import WindowHistory
from rgsd.methods.dual_descent import MetricBaseline, MetricConfig, Pairs
from rgsd.motions.library import MotionLibrary
from rgsd.skills.phi import MetricEncoder


@dataclass(frozen=True)
class LgsdConfig(MetricConfig):
    """The method; docs/lgsd.md says what is ours."""

    shortest_gap: float = 0.25
    """Least time between the states of a pair, s: neighbouring states share their words."""
    longest_gap: float = 0.75
    """Most time between them, s; drawn uniformly in between, so that no gait's period hides its motion."""
    describer: Literal["rules", "endpoint"] = "rules"
    """What puts states into words: rules, or a language model behind RGSD_LLM_URL."""
    endpoint: EndpointConfig = EndpointConfig()
    """How that model is asked."""


class Lgsd(MetricBaseline):
    """The method behind `rgsd.learning.method.Method`: d(x, y) = d_lang(x, y) for states a gap apart.

    Args:
        library: for the scales of the features, and for starts if some are to be on references.
        phi: trained in place; its normalisation is fitted here.
        distance: d_lang.
        config: the method.
        seed: of pairs and minibatches.

    Raises:
        UsageError: no gap is possible between the shortest and the longest.
    """

    def __init__(
        self, library: MotionLibrary, phi: MetricEncoder, distance: LanguageDistance, config: LgsdConfig, seed: int
    ) -> None:
        self.config, self.distance = config, distance
        hz = library.body.control_hz
        self._gaps = round(config.shortest_gap * hz), round(config.longest_gap * hz)  # control steps
        if not 1 <= self._gaps[0] <= self._gaps[1]:
            raise UsageError(
                f"settings.shortest_gap {config.shortest_gap:g} s and settings.longest_gap {config.longest_gap:g} s: "
                f"the first must be at least a control step ({1 / hz:.3g} s) and not above the second"
            )
        super().__init__(library, phi, config, seed)
        self._history = WindowHistory(self._gaps[1] + 1)

    def update(self, rollout: Rollout) -> dict[str, float]:
        """Train phi and lambda on a rollout's pairs."""
        return super().update(rollout) | self.distance.metrics()

    def state_dict(self) -> dict[str, Any]:
        """What METRA has, the states that pairs reach back to, and what the describer has learned to say."""
        return super().state_dict() | {"history": self._history.state_dict(), "language": self.distance.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to a saved state."""
        super().load_state_dict(state)
        self._history.load_state_dict(state["history"])
        self.distance.load_state_dict(state["language"])

    @torch.no_grad()
    def _pairs(self, rollout: Rollout) -> Pairs:
        """The state after every step but a fall's, and one of its own episode a gap before it."""
        windows = self._history.windows(rollout)
        low, high = self._gaps
        elapsed, device = rollout.elapsed, rollout.elapsed.device
        gap = torch.randint(low, high + 1, elapsed.shape, generator=self._generator, device=device)
        step, env = torch.meshgrid(*(torch.arange(n, device=device) for n in elapsed.shape), indexing="ij")
        # the state after an episode's first step is the first that a window holds
        usable = ((elapsed >= gap) & ~rollout.terminated).flatten()
        x, y = windows[step, env, high - gap].flatten(0, 1), rollout.next_observation.flatten(0, 1)
        bound = torch.zeros_like(usable, dtype=x.dtype)
        bound[usable] = self.distance(x[usable], y[usable])
        self._history.advance(rollout)
        nothing = x[:, :0]
        return Pairs((x, nothing), (y, nothing), rollout.z.flatten(0, 1), bound, usable)

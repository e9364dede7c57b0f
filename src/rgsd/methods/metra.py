"""METRA (Park et al. 2024) with PPO: skills are directions in which a learned map of states can be crossed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from rgsd.learning.rollout import Rollout
from rgsd.methods.dual_descent import MetricBaseline, MetricConfig, Pairs
from rgsd.motions.library import MotionLibrary
from rgsd.skills.contrastive import ContrastiveConfig
from rgsd.skills.phi import MetricEncoder

ExtraInput = Literal["position", "time"]


@dataclass(frozen=True)
class MetraConfig(MetricConfig):
    """The method; docs/metra.md says what is ours."""

    extra: tuple[ExtraInput, ...] = ()
    """What phi sees besides the local state: the root's world x and y in m, and the seconds since the start."""
    grounded: bool = False
    """Whether phi begins as RGSD's pretrained encoder and not at random."""
    contrastive: ContrastiveConfig = ContrastiveConfig()
    """That pretraining."""


class Metra(MetricBaseline):
    """The method behind `rgsd.learning.method.Method`: d(s, s') = 1 for the states before and after a step.

    Args:
        library: for the scales of the features, and for starts if some are to be on references.
        phi: trained in place; its normalisation is fitted here.
        config: the method.
        seed: of minibatches.
    """

    def __init__(self, library: MotionLibrary, phi: MetricEncoder, config: MetraConfig, seed: int) -> None:
        self.config = config
        super().__init__(library, phi, config, seed)

    @torch.no_grad()
    def embed(self, observation: Tensor, root: Tensor, seconds: Tensor) -> Tensor:
        """phi (..., d) of observations (..., D), with the root at (..., 2), m, so long after the start (...,), s."""
        return self.phi(observation, self._extra(root, seconds))

    def _pairs(self, rollout: Rollout) -> Pairs:
        """Every step but those into a fall."""
        here, there = ((seen.flatten(0, 1), extra.flatten(0, 1)) for seen, extra in self._states(rollout))
        usable = (~rollout.terminated).flatten()
        return Pairs(here, there, rollout.z.flatten(0, 1), torch.ones_like(usable, dtype=here[0].dtype), usable)

    def _extra(self, root: Tensor, seconds: Tensor) -> Tensor:
        """(..., e) from roots (..., 2) and times (...,)."""
        parts = {"position": root, "time": seconds.unsqueeze(-1)}
        return torch.cat([root[..., :0], *(parts[name] for name in self.config.extra)], dim=-1)


def extra_size(config: MetraConfig) -> int:
    """e, how many numbers phi sees besides the observation."""
    return sum({"position": 2, "time": 1}[name] for name in config.extra)

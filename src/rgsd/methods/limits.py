"""Which numbers make sense: every setting of a configuration is within its limits, or refused before training begins.

A discount of 2 or a fraction of 1.5 trains without a word, and so does NaN; what it prints then looks like a result.
"""

from __future__ import annotations

import math
from operator import attrgetter
from typing import Any, NamedTuple

from rgsd.errors import UsageError
from rgsd.methods.settings import file_only_names, setting_names


class Limits(NamedTuple):
    """What a number may be."""

    least: float = 0.0
    """The least one."""
    most: float = math.inf
    """The greatest; endless itself is none, unless `endless`."""
    above: bool = False
    """Whether it must be more than `least`."""
    below: bool = False
    """Whether it must be less than `most`."""
    endless: bool = False
    """Whether it may be infinite."""

    def hold(self, number: float) -> bool:
        """Whether a number is within them; NaN never is."""
        low = number > self.least if self.above else number >= self.least
        high = number < self.most if self.below else number <= self.most
        return low and high and (self.endless or math.isfinite(number))

    def __str__(self) -> str:
        if self.least == -math.inf:
            return "a finite number"
        if self.most == math.inf:
            return "a positive number" if self.above else f"a number of {self.least:g} or more"
        ends = f"{'above ' if self.above else ''}{self.least:g} to {'below ' if self.below else ''}{self.most:g}"
        return f"a number from {ends}"


_ANY, _POSITIVE, _FRACTION = Limits(least=-math.inf), Limits(above=True), Limits(most=1.0)
_COUNT, _NEVER_ENDING = Limits(least=1.0), Limits(endless=True)
_OF = {
    _ANY: ("trainer.alive_reward", "settings.diversity_target", "contrastive.hard_negatives"),
    _FRACTION: ("settings.imitation_fraction", "settings.standing_starts", "settings.rsi", "ppo.gae_lambda",
                "noise_free", "batch_fraction"),
    Limits(most=1.0, below=True): ("ppo.gamma",),
    Limits(least=2.0): ("encoder.latent_dim",),
    _NEVER_ENDING: ("margin",),
    # endless switches a criterion or the clipping off
    Limits(above=True, endless=True): ("worst_body_distance", "heading_error", "max_gradient_norm"),
    _COUNT: (
        "num_envs", "steps", "horizon", "noise_steps", "epochs", "minibatches", "batch", "updates", "window", "hidden",
        "actor_hidden", "critic_hidden", "encoder_minibatches", "motion_frames", "shortest_skill", "longest_skill",
        "period", "search_latents", "at_once", "rollouts_per_clip", "num_latents", "variations_per_clip",
        "held_out_latents", "goals", "samples_per_update",
    ),
    _POSITIVE: (
        "minutes", "network.noise", "final_noise", "learning_rate", "min_learning_rate", "max_learning_rate", "clip",
        "kappa", "discovery_seconds",
        "warm_start.final_learning_rate", "initial_lambda", "motion_seconds", "longest_gap", "episode_seconds", "side",
        "radius", "seconds", "speed", "timeout",
    ),
    Limits(): ("contrastive.steps", "settings.encoder_learning_rate", "settings.learning_rate"),  # 0 is without
}  # fmt: skip
_LIMITS = {name: limits for limits, names in _OF.items() for name in names}


def check_limits(config: Any, prefix: str = "--") -> None:
    """Refuse a configuration, a tree of dataclasses, that holds a number which makes no sense.

    Numbers that no limit is known of must be finite and not negative. None, truth values and texts are passed over.

    Args:
        config: what is checked.
        prefix: how the command line calls what stands in it, such as `--config.`; what is no option goes without.

    Raises:
        UsageError: the first such number; the message names its option and what it may be.
    """
    file_only = file_only_names(config)
    for name in setting_names(config):
        value = attrgetter(name)(config)
        limits = limits_of(name)
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, int | float) and not isinstance(number, bool) and not limits.hold(number):
                shown = name if name in file_only else prefix + name.replace("_", "-")
                raise UsageError(f"{shown} is {number}; give {limits}")


def limits_of(name: str) -> Limits:
    """The limits of a setting by its dotted name: those of its longest known ending."""
    parts = name.split(".")
    endings = (".".join(parts[i:]) for i in range(len(parts)))
    return next((_LIMITS[ending] for ending in endings if ending in _LIMITS), Limits())

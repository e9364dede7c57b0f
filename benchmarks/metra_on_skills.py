"""What METRA's phi makes of skills that travel: `rgsd reproduce metra-incompatibility` without learning to act.

    python benchmarks/metra_on_skills.py

The experiment of the paper's section 3 needs a body that goes somewhere, which takes METRA long to learn. Here the
published quadruped's skills act instead: its policy stays as it is, latents are uniform, episodes begin standing, and
phi with its multiplier learns METRA's objective on what they do. The metrics are those of docs/reproduce.md.
"""

from __future__ import annotations

import dataclasses
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import tyro

from rgsd import pretrained
from rgsd.evaluation import incompatibility
from rgsd.evaluation.headlines import over_seeds
from rgsd.learning.collector import Collector
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.methods.metra import ExtraInput, Metra, MetraConfig
from rgsd.methods.presets import make_preset
from rgsd.methods.runs import make_trainer
from rgsd.physics.mujoco_cpu import MujocoCpu
from rgsd.viewing.comparison import comparison_table
from rgsd.viewing.incompatibility import METRICS

_FORMS: dict[str, tuple[ExtraInput, ...]] = {"local": (), "position": ("position",), "time": ("time",)}


def main(samples: int = 1_000_000, seeds: int = 3, latents: int = 200) -> None:
    """Print the table.

    Args:
        samples: control steps that phi sees.
        seeds: how many; they are 0, 1, ...
        latents: random skills that it is measured on.
    """
    rows = {}
    for grounded in (False, True):
        for name, extra in _FORMS.items():
            found = [_measure(extra, grounded, samples, seed, latents) for seed in range(seeds)]
            rows[f"grounded-{name}" if grounded else name] = {
                key: over_seeds([one[key] for one in found]) for key in METRICS
            }
            print(comparison_table(rows, METRICS, "form"), flush=True)


def _measure(extra: tuple[ExtraInput, ...], grounded: bool, samples: int, seed: int, latents: int) -> dict[str, Any]:
    policy, config = SkillPolicy.load(pretrained.find("quadruped")), make_preset("cpu", "metra", "quadruped")
    assert isinstance(config.settings, MetraConfig)
    encoder = dataclasses.replace(config.settings.encoder, latent_dim=policy.latent_dim)
    settings = dataclasses.replace(config.settings, encoder=encoder, extra=extra, grounded=grounded)
    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(dataclasses.replace(config, settings=settings, seed=seed), Path(folder))
    env, method = trainer.env, trainer.method
    assert isinstance(method, Metra)
    collector, seen = Collector(env, method, policy.actor), 0
    while seen < samples:
        rollout, _ = collector.collect(trainer.config.horizon)
        method.update(rollout)
        seen += rollout.num_samples
    return incompatibility.measure(method, policy, env.library, partial(MujocoCpu, env.body), latents, 256)


if __name__ == "__main__":
    tyro.cli(main)

"""How runs of RGSD use the sphere: the spread of mu within clips, the overlap of both streams, variety by z and within.

    python benchmarks/skill_space.py RUN [RUN ...]

Prints a Markdown table, a run a column; what the rows mean is said in `rgsd.evaluation.skill_space` and, of the
encoders, here: `mu untrained`, `mu frozen` and `mu trained` are the concentration of mu within a clip, mean over
clips, for a random encoder, after phase 1, and of the copy that phase 2 has trained.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch

from rgsd.cli.trained import load_trained
from rgsd.envs.observation import ObservationLayout, observe
from rgsd.evaluation.skill_space import SpaceConfig, concentration, measure_space
from rgsd.learning.checkpoint import load_latest_checkpoint
from rgsd.methods.rgsd import Rgsd
from rgsd.methods.runs import make_method
from rgsd.physics.mujoco_cpu import MujocoCpu
from rgsd.skills.encoder import Encoder


def row(run: Path) -> dict[str, float]:
    """All metrics of a run."""
    config, library, policy = load_trained(run)
    if load_latest_checkpoint(run / "checkpoints") is None:
        sys.exit(f"{run / 'checkpoints'}: empty; the trained encoder is in no other place")
    method = make_method(config, library, run)
    if not isinstance(method, Rgsd):
        sys.exit(f"{run}: is a run of {config.method}; give runs of rgsd")
    torch.manual_seed(0)
    untrained = Encoder(method.config.encoder, ObservationLayout(library.body))
    untrained.fit_normalization(observe(library.states))
    encoders = {"untrained": untrained, "frozen": method.frozen, "trained": method.encoder}
    metrics = {}
    for name, encoder in encoders.items():
        lengths = concentration(encoder, library)
        metrics[f"mu {name}"] = sum(lengths) / len(lengths)
    found = measure_space(partial(MujocoCpu, library.body), policy, library, SpaceConfig())
    return metrics | {f"{kind}: {key}": value for kind, part in found.items() for key, value in part.items()}


def main(words: Sequence[str]) -> None:
    """Print the table of the runs that are named."""
    if not words or words[0].startswith("-"):
        sys.exit(__doc__)
    rows = {word: row(Path(word)) for word in words}
    metrics = list(next(iter(rows.values())))
    print(f"| metric | {' | '.join(rows)} |\n|---|{'---|' * len(rows)}")
    for metric in metrics:
        print(f"| {metric} | {' | '.join(f'{found[metric]:.3f}' for found in rows.values())} |")


if __name__ == "__main__":
    main(sys.argv[1:])

"""What LGSD's d_lang makes of pairs of states that a person would call near or far.

    python benchmarks/language_distance.py                                        the quadruped's planned gaits
    python benchmarks/language_distance.py --body smpl --motions ACCAD_FOLDER     clips of the humanoid

Needs the extra `language`. For ten pairs of clips: d_lang at one frame, and its mean over all frames that both have
(time-aligned). Then how often a pair that is far for a person is farther in words than one that is near, how many
states 0.25 to 0.75 s apart share their words, and what the encoder costs.
"""

from __future__ import annotations

import time
from itertools import product
from pathlib import Path
from typing import NamedTuple

import torch
import tyro
from torch import Tensor

from rgsd.bodies.registry import make_body
from rgsd.envs.observation import observe
from rgsd.language.describer import RuleDescriber
from rgsd.language.distance import LanguageDistance
from rgsd.language.embedding import MiniLm
from rgsd.motions.importing import load_motions
from rgsd.motions.library import MotionLibrary
from rgsd.motions.synthesis.quadruped import synthesize_quadruped


class Pair(NamedTuple):
    """Two clips, and how many seconds later the second is looked at."""

    near: bool
    """What a person would say."""
    first: str
    second: str
    later: float = 0.0


PAIRS = {
    "quadruped": (
        Pair(True, "stand", "stand", 0.3),
        Pair(True, "forward_slow", "forward_slow", 0.5),  # a stride later
        Pair(True, "forward_slow", "forward_slow", 0.04),
        Pair(True, "forward_slow", "forward_fast"),
        Pair(False, "forward_slow", "forward_slow", 0.25),  # half a stride: the other legs swing
        Pair(False, "forward_slow", "back"),
        Pair(False, "left", "right"),
        Pair(False, "turn_left", "turn_right"),
        Pair(False, "stand", "forward_fast"),
        Pair(False, "left", "forward_fast"),
    ),
    "smpl": (
        Pair(True, "B3_walk", "B3_walk", 0.07),
        Pair(True, "B3_walk", "B10_walk_left_45"),
        Pair(True, "E1_jab_left", "E1_jab_left", 0.07),
        Pair(True, "B22_sidestep_left", "C24_quick_sidestep_left"),
        Pair(False, "B3_walk", "C3_run"),
        Pair(False, "B3_walk", "B5_walk_backward"),
        Pair(False, "B22_sidestep_left", "B23_sidestep_right"),
        Pair(False, "E1_jab_left", "E2_jab_right"),
        Pair(False, "B3_walk", "E1_jab_left"),
        Pair(False, "C3_run", "C7_run_backward"),
    ),
}


def main(body: str = "quadruped", motions: Path | None = None, at: float = 0.8) -> None:
    """Print a table in Markdown and three metrics.

    Args:
        body: quadruped or smpl.
        motions: where the humanoid's clips are.
        at: the time of the single frame, s.
    """
    made = make_body(body)
    library = MotionLibrary(made, synthesize_quadruped(made) if motions is None else load_motions(motions, made))
    describer, fps = RuleDescriber(made), made.control_hz
    distance = LanguageDistance(describer, MiniLm())
    begun, states = time.perf_counter(), observe(library.states)
    said = describer.describe(states)
    distance(states, states)
    seconds = time.perf_counter() - begun
    found = [(pair, _along(distance, library, pair, fps)) for pair in PAIRS[body]]
    print(f"| a person says | first | second | d_lang at {at:g} s | mean over the clip |\n|---|---|---|---|---|")
    for pair, far in found:
        second = f"{pair.second}, {pair.later:g} s later" if pair.later else pair.second
        words = "near" if pair.near else "far"
        print(f"| {words} | {pair.first} | {second} | {far[round(at * fps)]:.2f} | {far.mean():.2f} |")
    near, far = ([float(d.mean()) for pair, d in found if pair.near is nearness] for nearness in (True, False))
    right = sum(a < b for a, b in product(near, far)) / (len(near) * len(far))
    print(f"\nfar is farther than near in {100 * right:.0f} % of the {len(near) * len(far)} comparisons of means")
    x, y = _neighbours(library, fps)
    d = distance(x, y)
    print(f"states 0.25 to 0.75 s apart: mean d_lang {d.mean():.2f}, {100 * (d == 0).float().mean():.0f} % share words")
    print(f"{len(said.said.unique())} of {len(said.texts)} phrases are said of the clips; encoding: {seconds:.1f} s")


def _along(distance: LanguageDistance, library: MotionLibrary, pair: Pair, fps: float) -> Tensor:
    """d_lang (frames,) of a pair, frame by frame."""
    first, second = (_frames(library, name) for name in (pair.first, pair.second))
    shift = round(pair.later * fps)
    count = min(len(first), len(second) - shift)
    return distance(first[:count], second[shift : shift + count])


def _frames(library: MotionLibrary, name: str) -> Tensor:
    """Observations (frames, D) of a clip."""
    clip = library.names.index(name)
    return observe(library.states[int(library.offsets[clip]) : int(library.offsets[clip + 1])])


def _neighbours(library: MotionLibrary, fps: float) -> tuple[Tensor, Tensor]:
    """Two thousand pairs of states of the same clip, (2000, D) each, as LGSD draws them."""
    generator = torch.Generator().manual_seed(0)
    clip, frame = library.sample(2000, generator, margin=round(0.75 * fps))
    gap = torch.randint(round(0.25 * fps), round(0.75 * fps) + 1, clip.shape, generator=generator)
    observations = observe(library.states)
    return observations[library.row(clip, frame)], observations[library.row(clip, frame + gap)]


if __name__ == "__main__":
    tyro.cli(main)

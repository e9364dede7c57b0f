"""Would mu(s, s') serve better than mu(s), since clips share states? Phase 1 alone, on quadruped and humanoid.

    python benchmarks/pair_encoder.py [--body smpl --motions FOLDER]

The same InfoNCE as `rgsd.skills.contrastive.pretrain` is run on pairs of states some frames apart, and on single states
(a gap of 0, whose second half says nothing new). Then, under the same noise: how often the direction nearest to what a
frame is mapped to is that of its own clip, and the mean cosine with it.
"""

from __future__ import annotations

from dataclasses import replace

import torch
import tyro
from torch import Tensor, nn

from rgsd.bodies.registry import make_body
from rgsd.envs.observation import ObservationLayout, observe
from rgsd.methods.presets import make_preset
from rgsd.methods.rgsd import RgsdConfig
from rgsd.methods.runs import load_library
from rgsd.motions.library import MotionLibrary
from rgsd.skills.contrastive import ContrastiveConfig, info_nce
from rgsd.skills.encoder import Encoder, EncoderConfig


class PairEncoder(nn.Module):
    """mu(s, s'): the features of both states, an MLP, onto the unit sphere.

    Args:
        config: as of `Encoder`, for either state.
        library: the references, which features are normalised by.
    """

    def __init__(self, config: EncoderConfig, library: MotionLibrary) -> None:
        super().__init__()
        layout = ObservationLayout(library.body)
        self.features = Encoder(config, layout)
        self.features.fit_normalization(observe(library.states))
        wide = nn.Linear(2 * self.features.num_features, config.hidden[0])
        self.network = nn.Sequential(wide, *list(self.features.network)[1:])

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Two observations (n, D) to (n, d) unit vectors."""
        both = torch.cat((self.features.features(first), self.features.features(second)), dim=-1)
        return nn.functional.normalize(self.network(both), dim=-1)


def main(body: str = "quadruped", motions: str = "", gaps: tuple[int, ...] = (0, 1, 5, 15), seeds: int = 3) -> None:
    """Print a Markdown table.

    Args:
        body: whose preset is taken.
        motions: a folder of its motions; the preset's own if empty.
        gaps: frames between the two states.
        seeds: how many; they are 0, 1, ...
    """
    config = make_preset("cpu", "rgsd", body)
    assert isinstance(config.settings, RgsdConfig)
    library = load_library(replace(config, motions=motions) if motions else config, make_body(config.body))
    print("| frames between the states | nearest is its own clip | cosine with it |\n|---|---|---|")
    for gap in gaps:
        found = [_measure(library, config.settings, gap, seed) for seed in range(seeds)]
        cells = (
            f"{sum(column) / seeds:.4f} ({', '.join(f'{x:.4f}' for x in column)})"
            for column in zip(*found, strict=True)
        )
        print(f"| {gap} | {' | '.join(cells)} |", flush=True)


def _measure(library: MotionLibrary, settings: RgsdConfig, gap: int, seed: int) -> tuple[float, float]:
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    encoder = PairEncoder(settings.encoder, library)
    floors = ObservationLayout(library.body).floors() * settings.contrastive.noise
    frames = observe(library.states)
    _train(encoder, library, frames, floors, settings.contrastive, gap, generator)
    with torch.no_grad():
        rows = _rows_with_a_second(library, gap)
        clip = library.clip_of_frame[rows]
        mu = encoder(frames[rows], frames[rows + gap])
        directions = nn.functional.normalize(torch.zeros(len(library), mu.shape[1]).index_add(0, clip, mu), dim=-1)
        noisy = encoder(_noisy(frames[rows], floors, generator), _noisy(frames[rows + gap], floors, generator))
        cosines = noisy @ directions.T
        own = cosines.gather(1, clip.unsqueeze(1)).squeeze(1)
        return float((cosines.argmax(dim=1) == clip).float().mean()), float(own.mean())


def _train(
    encoder: PairEncoder,
    library: MotionLibrary,
    frames: Tensor,
    floors: Tensor,
    config: ContrastiveConfig,
    gap: int,
    generator: torch.Generator,
) -> None:
    optimizer = torch.optim.Adam(encoder.parameters(), lr=config.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.steps, config.learning_rate / 10)
    for _ in range(config.steps):
        clip = library.sample(config.batch, generator)[0]
        views = []
        for _ in range(2):
            fraction = torch.rand(len(clip), generator=generator)
            rows = library.row(clip, (fraction * (library.lengths[clip] - gap)).long())
            pair = (_noisy(frames[rows], floors, generator), _noisy(frames[rows + gap], floors, generator))
            views.append(encoder(*pair))
        loss = info_nce(*views, views[1], clip.unsqueeze(1) != clip.unsqueeze(0), config.kappa)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()


def _rows_with_a_second(library: MotionLibrary, gap: int) -> Tensor:
    """Frames of all clips that have another `gap` frames later."""
    row = torch.arange(len(library.clip_of_frame))
    frame = row - library.offsets[library.clip_of_frame]
    return row[frame + gap < library.lengths[library.clip_of_frame]]


def _noisy(state: Tensor, floors: Tensor, generator: torch.Generator) -> Tensor:
    return state + floors * torch.randn(state.shape, generator=generator)


if __name__ == "__main__":
    tyro.cli(main)

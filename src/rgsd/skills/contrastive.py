"""Phase 1 of RGSD: InfoNCE pretraining gives each motion a direction (paper, Algorithm 1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from rgsd.envs.observation import ObservationLayout, observe
from rgsd.errors import UsageError
from rgsd.motions.library import MotionLibrary
from rgsd.options import FileOnly
from rgsd.skills.encoder import Encoder


@dataclass(frozen=True)
class ContrastiveConfig:
    """InfoNCE. Batch, steps, rate and noise are unpublished: they are choices of this project."""

    kappa: float = 10.0
    """Concentration of q(z|s); the temperature is its inverse, T = 1/kappa."""
    steps: int = 600
    """Gradient steps; 0 leaves the encoder as it was made, to be filled from a checkpoint."""
    batch: FileOnly[int] = 256
    """Anchor-positive pairs a step; each pair's negatives are the positives of the other motions in the batch."""
    learning_rate: FileOnly[float] = 1e-3
    """Of Adam, decayed to a tenth along a cosine."""
    noise: FileOnly[float] = 0.5
    """Standard deviation of the noise on anchors and positives, in physical floors (body.feature_scales)."""
    hard_negatives: tuple[float, ...] = ()
    """Factors of speed at which the references' own poses are further negatives, of every motion: 0 0.5 1.5 ask for the
    right speed where posture alone tells the motions apart. None in the paper."""


def info_nce(anchor: Tensor, positive: Tensor, negative: Tensor, allowed: Tensor, kappa: float) -> Tensor:
    """-log( e^(k a.p) / (e^(k a.p) + sum_j e^(k a.n_j)) ), the mean over anchors (paper, Eq. of section 4.1).

    Args:
        anchor, positive: (n, d) unit vectors.
        negative: (k, d) unit vectors.
        allowed: (n, k) bool, which negatives count for which anchor (never one of its own motion).
        kappa: 1/T.
    """
    pull = kappa * (anchor * positive).sum(dim=-1, keepdim=True)
    push = (kappa * anchor @ negative.T).masked_fill(~allowed, -torch.inf)
    return (torch.logsumexp(torch.cat((pull, push), dim=1), dim=1) - pull.squeeze(1)).mean()


def pretrain(
    encoder: Encoder,
    library: MotionLibrary,
    config: ContrastiveConfig,
    seed: int = 0,
    progress: Callable[[int, float], None] | None = None,
) -> dict[str, float]:
    """Train the encoder on the library.

    Args:
        encoder: trained in place; its normalisation is fitted first.
        library: at least two motions.
        config: InfoNCE.
        seed: of batches and noise.
        progress: called with (step, loss) now and then.

    Returns:
        Final metrics: loss, `within_cosine` (mean cosine of states to their motion's direction),
        `between_cosine` (mean cosine between different motions' directions).

    Raises:
        UsageError: fewer than two motions: InfoNCE has no negatives.
    """
    if len(library) < 2:
        raise UsageError(
            f"the library holds {len(library)} motion; InfoNCE takes its negatives from other motions: add one"
        )
    device = library.device
    generator = torch.Generator(device).manual_seed(seed)
    layout = ObservationLayout(library.body)
    frames = observe(library.states)
    floors = layout.floors().to(device)
    false_speeds = [observe(library.states.at_speed(factor)) for factor in config.hard_negatives]
    encoder.fit_normalization(frames)
    optimizer = torch.optim.Adam(encoder.parameters(), lr=config.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.steps, config.learning_rate / 10)
    loss_value = float("nan")
    for step in range(config.steps):
        clip, frame = library.sample(config.batch, generator)
        other = _sample_frame(library, clip, generator)
        anchor_state = _noisy(frames[library.row(clip, frame)], floors, config.noise, generator)
        positive_state = _noisy(frames[library.row(clip, other)], floors, config.noise, generator)
        anchor, positive = encoder(anchor_state), encoder(positive_state)
        negative, allowed = positive, clip.unsqueeze(1) != clip.unsqueeze(0)
        for hard_negatives in false_speeds:
            rows = library.row(*library.sample(config.batch, generator))
            hard_negative = encoder(_noisy(hard_negatives[rows], floors, config.noise, generator))
            negative = torch.cat((negative, hard_negative))
            allowed = torch.cat((allowed, torch.ones_like(allowed[:, : len(hard_negative)])), dim=1)
        loss = info_nce(anchor, positive, negative, allowed, config.kappa)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 50 == 0 or step == config.steps - 1:
            loss_value = float(loss.detach())
            if progress is not None:
                progress(step + 1, loss_value)
    return {"loss": loss_value, **spread(encoder, library)}


@torch.no_grad()
def clip_directions(encoder: Encoder, library: MotionLibrary) -> Tensor:
    """z_m (M, d): the normalised mean of mu over each clip's frames (paper, section 4.2)."""
    return torch.stack([embed_frames(encoder, observe(library.states[rows])) for rows in _clip_rows(library)])


@torch.no_grad()
def embed_frames(encoder: Encoder, observations: Tensor) -> Tensor:
    """The direction (d,) of one motion's observations (T, D)."""
    return torch.nn.functional.normalize(encoder(observations).mean(dim=0), dim=-1)


@torch.no_grad()
def spread(encoder: Encoder, library: MotionLibrary) -> dict[str, float]:
    """Mean cosine of states to their own motion's direction, and between the directions of different motions."""
    directions = clip_directions(encoder, library)
    own = directions[library.clip_of_frame]
    within = (encoder(observe(library.states)) * own).sum(dim=-1).mean()
    cosines = directions @ directions.T
    between = (cosines.sum() - cosines.diagonal().sum()) / (len(library) * (len(library) - 1))
    return {"within_cosine": float(within), "between_cosine": float(between)}


def _clip_rows(library: MotionLibrary) -> list[slice]:
    bounds = library.offsets.tolist()
    return [slice(a, b) for a, b in pairwise(bounds)]


def _sample_frame(library: MotionLibrary, clip: Tensor, generator: torch.Generator) -> Tensor:
    """A further, independent frame of each given clip."""
    fraction = torch.rand(len(clip), generator=generator, device=library.device)
    return (fraction * library.lengths[clip]).long().clamp(max=library.lengths[clip] - 1)


def _noisy(state: Tensor, floors: Tensor, noise: float, generator: torch.Generator) -> Tensor:
    return state + noise * floors * torch.randn(state.shape, generator=generator, device=state.device)

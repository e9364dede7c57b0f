"""Methods by name: the only place that knows them all."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch

from rgsd.envs.observation import ObservationLayout
from rgsd.learning.method import Method
from rgsd.methods.oracle import Oracle, OracleConfig
from rgsd.methods.rgsd import Rgsd, RgsdConfig
from rgsd.motions.library import MotionLibrary
from rgsd.randomness import stream_seed
from rgsd.skills.contrastive import pretrain
from rgsd.skills.encoder import Encoder

MethodConfig = RgsdConfig | OracleConfig
PretrainProgress = Callable[[int, float], None]


class Entry(NamedTuple):
    """A method's settings and how it is built."""

    settings: type[RgsdConfig] | type[OracleConfig]
    """The class of its settings."""
    build: Callable[..., Method]
    """(library, settings, seed, progress) -> method; pretraining, if any, happens here."""


def pretrained_encoder(
    library: MotionLibrary, settings: RgsdConfig, seed: int, progress: PretrainProgress | None = None
) -> Encoder:
    """Phase 1 on a library: a new encoder, trained."""
    torch.manual_seed(stream_seed(seed, "encoder"))
    encoder = Encoder(settings.encoder, ObservationLayout(library.body)).to(library.device)
    pretrain(encoder, library, settings.contrastive, stream_seed(seed, "pretraining"), progress)
    return encoder


def _build_rgsd(
    library: MotionLibrary, settings: RgsdConfig, seed: int, progress: PretrainProgress | None = None
) -> Rgsd:
    return Rgsd(library, pretrained_encoder(library, settings, seed, progress), settings, stream_seed(seed, "episodes"))


def _build_oracle(
    library: MotionLibrary, settings: OracleConfig, seed: int, progress: PretrainProgress | None = None
) -> Oracle:
    return Oracle(library, settings, stream_seed(seed, "episodes"))


METHODS: dict[str, Entry] = {
    "rgsd": Entry(RgsdConfig, _build_rgsd),
    "oracle": Entry(OracleConfig, _build_oracle),
}

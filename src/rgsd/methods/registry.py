"""Methods by name: the only place that knows them all."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch

from rgsd.envs.observation import ObservationLayout
from rgsd.language.describer import RuleDescriber
from rgsd.language.distance import LanguageDistance
from rgsd.language.embedding import MiniLm
from rgsd.language.endpoint import EndpointDescriber
from rgsd.learning.distributed import own_seed
from rgsd.learning.method import Method
from rgsd.methods.ase import Ase, AseConfig, AseNetwork
from rgsd.methods.calm import Calm, CalmConfig
from rgsd.methods.diayn import Diayn, DiaynConfig
from rgsd.methods.lgsd import Lgsd, LgsdConfig
from rgsd.methods.metra import Metra, MetraConfig, extra_size
from rgsd.methods.rgsd import Rgsd, RgsdConfig
from rgsd.methods.tracker import Tracker, TrackerConfig
from rgsd.motions.library import MotionLibrary
from rgsd.randomness import stream_seed
from rgsd.skills.contrastive import pretrain
from rgsd.skills.encoder import Encoder
from rgsd.skills.phi import MetricEncoder
from rgsd.skills.window_networks import Discriminator, WindowEncoder

MethodConfig = RgsdConfig | TrackerConfig | DiaynConfig | MetraConfig | LgsdConfig | AseConfig | CalmConfig
PretrainProgress = Callable[[int, float], None]


class Entry(NamedTuple):
    """A method's settings and how it is built."""

    settings: type[MethodConfig]
    """The class of its settings."""
    build: Callable[..., Method]
    """(library, settings, seed, progress) -> method; pretraining, if any, happens here."""


def pretrained_encoder(
    library: MotionLibrary, settings: RgsdConfig | MetraConfig, seed: int, progress: PretrainProgress | None = None
) -> Encoder:
    """Phase 1 on a library: a new encoder, trained."""
    torch.manual_seed(stream_seed(seed, "encoder"))
    encoder = Encoder(settings.encoder, ObservationLayout(library.body)).to(library.device)
    pretrain(encoder, library, settings.contrastive, stream_seed(seed, "pretraining"), progress)
    return encoder


def _build_rgsd(
    library: MotionLibrary, settings: RgsdConfig, seed: int, progress: PretrainProgress | None = None
) -> Rgsd:
    return Rgsd(library, pretrained_encoder(library, settings, seed, progress), settings, own_seed(seed, "method"))


def _build_tracker(
    library: MotionLibrary, settings: TrackerConfig, seed: int, progress: PretrainProgress | None = None
) -> Tracker:
    return Tracker(library, settings)


def _build_diayn(
    library: MotionLibrary, settings: DiaynConfig, seed: int, progress: PretrainProgress | None = None
) -> Diayn:
    torch.manual_seed(stream_seed(seed, "encoder"))
    encoder = Encoder(settings.encoder, ObservationLayout(library.body)).to(library.device)
    return Diayn(library, encoder, settings, own_seed(seed, "method"))


def _build_metra(
    library: MotionLibrary, settings: MetraConfig, seed: int, progress: PretrainProgress | None = None
) -> Metra:
    torch.manual_seed(stream_seed(seed, "encoder"))
    phi = MetricEncoder(settings.encoder, ObservationLayout(library.body), extra_size(settings)).to(library.device)
    if settings.grounded:
        phi.ground(pretrained_encoder(library, settings, seed, progress))
    return Metra(library, phi, settings, own_seed(seed, "method"))


def _build_lgsd(
    library: MotionLibrary, settings: LgsdConfig, seed: int, progress: PretrainProgress | None = None
) -> Lgsd:
    encoder, asks = MiniLm(), settings.describer == "endpoint"
    describer = EndpointDescriber(library.body, settings.endpoint) if asks else RuleDescriber(library.body)
    torch.manual_seed(stream_seed(seed, "encoder"))
    phi = MetricEncoder(settings.encoder, ObservationLayout(library.body)).to(library.device)
    return Lgsd(library, phi, LanguageDistance(describer, encoder), settings, own_seed(seed, "method"))


def _build_ase(library: MotionLibrary, settings: AseConfig, seed: int, progress: PretrainProgress | None = None) -> Ase:
    torch.manual_seed(stream_seed(seed, "encoder"))
    network = AseNetwork(settings, ObservationLayout(library.body)).to(library.device)
    return Ase(library, network, settings, own_seed(seed, "method"))


def _build_calm(
    library: MotionLibrary, settings: CalmConfig, seed: int, progress: PretrainProgress | None = None
) -> Calm:
    torch.manual_seed(stream_seed(seed, "encoder"))
    layout, mask = ObservationLayout(library.body), settings.encoder
    seen = settings.discriminator.mask(mask, layout)  # both see the same, as in the official code
    encoder = WindowEncoder(mask, seen, layout, settings.motion_frames).to(library.device)
    discriminator = Discriminator(settings.discriminator, mask, layout, mask.latent_dim).to(library.device)
    return Calm(library, encoder, discriminator, settings, own_seed(seed, "method"))


METHODS: dict[str, Entry] = {
    "rgsd": Entry(RgsdConfig, _build_rgsd),
    "diayn": Entry(DiaynConfig, _build_diayn),
    "metra": Entry(MetraConfig, _build_metra),
    "lgsd": Entry(LgsdConfig, _build_lgsd),
    "ase": Entry(AseConfig, _build_ase),
    "calm": Entry(CalmConfig, _build_calm),
    "tracker": Entry(TrackerConfig, _build_tracker),
}

"""`rgsd pretrain`: phase 1 alone, on the motions, without any physics."""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import tyro
from rich.markup import escape
from rich.table import Table

from rgsd.atomic import write_atomically
from rgsd.cli.console import make_console
from rgsd.cli.marked import bold
from rgsd.cli.options import AsJson
from rgsd.cli.settings_file import refuse_file_only, with_file
from rgsd.envs.observation import observe
from rgsd.errors import UsageError
from rgsd.evaluation.landscape import landscape
from rgsd.methods.limits import check_limits
from rgsd.methods.presets import make_preset
from rgsd.methods.registry import pretrained_encoder
from rgsd.methods.rgsd import RgsdConfig
from rgsd.methods.runs import RunConfig, load_library
from rgsd.motions.library import MotionLibrary
from rgsd.skills.contrastive import ContrastiveConfig, clip_directions, spread
from rgsd.skills.encoder import Encoder, EncoderConfig


@dataclasses.dataclass(frozen=True)
class _Choice:
    """What decides on the defaults of all other options."""

    body: str = "quadruped"
    """quadruped, smpl, or the path of an MJCF file."""
    preset: str = "cpu"
    """cpu, gpu or paper."""
    config: Path | None = None
    """YAML file with settings in place of the defaults, in the words of a run's config.yaml and nested as there; the
    rarely needed ones are set here alone. Options win over it."""
    out: Path = Path("runs/pretrain")
    """Folder for the results."""
    as_json: AsJson = False
    """Print the metrics as JSON."""


@dataclasses.dataclass(frozen=True)
class _Settings:
    """Those of rgsd's settings that phase 1 depends on, under their names in `rgsd train`."""

    encoder: EncoderConfig
    """The encoder and its feature mask."""
    contrastive: ContrastiveConfig
    """InfoNCE."""


@dataclasses.dataclass(frozen=True)
class _Phase1:
    """The options of `rgsd train rgsd` that phase 1 depends on."""

    motions: str
    """A file or folder of motions in any readable format; `synthetic`, the quadruped's planned gaits; or `embedded`,
    what comes with rgsd for smpl: ACCAD's clips as a tracker performs them in simulation."""
    clip_set: str
    """A named set of clips to take from `motions`, such as accad20; `all`; or `auto`, a set held whole, else all."""
    clips: tuple[str, ...]
    """Names of the clips to use; all if none."""
    seed: int
    """Of initialisation, batches and noise."""
    settings: _Settings
    """The encoder, and how it is trained."""
    gains: str
    """kp,kd of servos in place of the actuators of an MJCF file; empty for the file's own."""


def pretrain(args: Sequence[str]) -> None:
    """Give each motion a direction on the unit sphere (InfoNCE), and say how well they are told apart.

    Writes `latents.npz` and `landscape.json` to the folder; `rgsd train` does the same at its start, with the same
    options.
    """
    # body and preset decide on the defaults of the other options, so they are read first
    words = [word for word in args if word not in ("--help", "-h")]
    choice, _ = tyro.cli(_Choice, prog="rgsd pretrain", args=words, return_unknown_args=True)
    config = _default(choice)
    refuse_file_only(args, config)
    about = inspect.cleandoc(pretrain.__doc__ or "")
    phase = tyro.cli(options(choice), prog="rgsd pretrain", description=about, args=args)
    check_limits(phase)
    chosen = dataclasses.asdict(phase) | {"settings": dataclasses.replace(config.settings, **vars(phase.settings))}
    _pretrain(dataclasses.replace(config, **chosen), choice.out, choice.as_json)


def _default(choice: _Choice) -> RunConfig:
    """The preset of a choice, with what its file says in place of it."""
    preset = make_preset(choice.preset, "rgsd", choice.body)
    return with_file(preset, choice.config, {"method": "rgsd", "body": preset.body, "preset": choice.preset})


def options(choice: _Choice = _Choice()) -> Callable[..., _Phase1]:
    """What tyro makes all options of, with the defaults of a choice."""
    config = _default(choice)
    assert isinstance(config.settings, RgsdConfig), "the presets are rgsd's"
    settings = _Settings(config.settings.encoder, config.settings.contrastive)
    default = _Phase1(config.motions, config.clip_set, config.clips, config.seed, settings, config.gains)

    def read(
        choice: Annotated[_Choice, tyro.conf.arg(name="")],
        options: Annotated[_Phase1, tyro.conf.arg(name=""), tyro.conf.AvoidSubcommands] = default,
    ) -> _Phase1:
        return options

    return read


def _pretrain(config: RunConfig, out: Path, as_json: bool) -> None:
    if (out / "config.yaml").exists():
        raise UsageError(f"--out {out}: a run lives there; `rgsd landscape {out}` makes its views")
    settings, library = config.settings, load_library(config, config.make_body())
    assert isinstance(settings, RgsdConfig)
    console = make_console(quiet=as_json)
    with console.status("InfoNCE") as status:
        encoder = pretrained_encoder(
            library, settings, config.seed, lambda n, loss: status.update(f"step {n}, loss {loss:.3f}")
        )
    write_encoder_views(encoder, library, out)
    metrics = spread(encoder, library)
    if as_json:
        print(json.dumps(metrics))
        return
    table = Table(title=f"directions of {len(library)} motions in {settings.encoder.latent_dim} dimensions")
    for column in ("clip", "group", "cosine of its frames", "nearest other", "cosine"):
        table.add_column(column)
    directions = clip_directions(encoder, library)
    with torch.no_grad():
        own = (encoder(observe(library.states)) * directions[library.clip_of_frame]).sum(dim=-1)
    cosines = (directions @ directions.T).fill_diagonal_(-2)
    for m, motion in enumerate(library.motions):
        nearest = int(cosines[m].argmax())
        within = float(own[library.clip_of_frame == m].mean())
        table.add_row(
            escape(motion.name),
            escape(motion.group),
            f"{within:.3f}",
            escape(library.names[nearest]),
            f"{float(cosines[m, nearest]):.3f}",
        )
    console.print(table)
    console.print(f"latents.npz and landscape.json are in {bold(out)}", soft_wrap=True)


def write_encoder_views(encoder: Encoder, library: MotionLibrary, folder: Path) -> dict[str, Any]:
    """Write what a person may look at before training, `latents.npz` and `landscape.json`; returns the landscape."""
    arrays = {
        "clip_names": np.array(library.names),
        "group": np.array([motion.group for motion in library.motions]),
        "z": clip_directions(encoder, library).cpu().numpy(),
        "mu": encoder(observe(library.states)).detach().cpu().numpy(),
        "clip": library.clip_of_frame.cpu().numpy(),
    }

    def save(path: Path) -> None:
        with path.open("wb") as file:
            np.savez_compressed(file, **arrays)

    write_atomically(folder / "latents.npz", save)
    content = landscape(lambda observation: encoder(observation).detach(), library)
    text = json.dumps(content)
    write_atomically(folder / "landscape.json", lambda path: path.write_text(text))
    return content

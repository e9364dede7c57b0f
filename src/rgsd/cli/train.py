"""`rgsd train METHOD`: train a skill policy, or go on with one."""

from __future__ import annotations

import dataclasses
import datetime
import fcntl
import inspect
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import torch
import torch.distributed as dist
import tyro
from rich.console import Console
from rich.markup import escape

from rgsd.bodies.registry import is_mjcf
from rgsd.cli.console import make_console
from rgsd.cli.marked import bold
from rgsd.cli.pretrain import write_encoder_views
from rgsd.cli.settings_file import refuse_file_only, with_file
from rgsd.cli.trained import moved
from rgsd.errors import UsageError
from rgsd.evaluation.signs_of_life import SignsOfLife
from rgsd.learning import distributed
from rgsd.learning.checkpoint import load_latest_checkpoint
from rgsd.learning.loop import reached
from rgsd.learning.metrics_log import Logger
from rgsd.learning.trainer import Trainer
from rgsd.methods.presets import make_preset
from rgsd.methods.runs import RunConfig, check_method, make_trainer
from rgsd.motions.library import MotionLibrary
from rgsd.randomness import stream_seed
from rgsd.skills.encoder import Encoder
from rgsd.viewing.progress import TrainingDisplay

_RUNS = Path("runs")


@dataclasses.dataclass(frozen=True)
class _Choice:
    """What decides on the defaults of all other options."""

    method: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="METHOD")]
    """rgsd; a baseline, diayn, metra, lgsd, ase or calm; or tracker (shown the reference, an upper bound)."""
    body: str = "quadruped"
    """quadruped, smpl, or the path of an MJCF file."""
    preset: str = "cpu"
    """cpu (best on two cores), gpu (many environments on MuJoCo Warp, wide networks), paper (RGSD's algorithm as
    printed) or official (a baseline as its authors' code trains it)."""
    config: Path | None = None
    """YAML file with settings in place of the defaults, in the words of a run's config.yaml and nested as there; the
    rarely needed ones are set here alone. Options win over it."""
    out: Path | None = None
    """Folder of the new run; runs/<body>-<method>-<date> if not given."""
    resume: Path | None = None
    """Folder of a run to go on with, by its own configuration; --steps or --minutes move its goal, --motions and
    --body say where its motions and its body's file lie now, and --logger changes who draws its metrics."""


def train(args: Sequence[str]) -> None:
    """Train a policy by METHOD.

    Writes a run folder with config.yaml, metrics.jsonl, TensorBoard events, checkpoints and the policy.
    Ctrl-C stops at the end of an iteration and loses nothing. Under torchrun all its processes train one policy.
    """
    # method, body and preset decide on the defaults of all other options, so they are read first
    wants_help = "--help" in args or "-h" in args
    words = [word for word in args if word not in ("--help", "-h")]
    if wants_help and (not words or words[0].startswith("-")):
        words = ["rgsd", *words]  # help needs no METHOD
    choice, rest = tyro.cli(_Choice, prog="rgsd train", args=words, return_unknown_args=True)
    check_method(choice.method)
    if choice.resume is not None and not wants_help:
        for option in ("--out", "--preset", "--config"):
            if any(word.split("=")[0] == option for word in words):
                raise UsageError(f"{option} cannot be given with --resume: the run keeps its own")
        _resume(choice, rest, "--body" in (word.split("=")[0] for word in words))
        return
    config = _read_config(choice, ["--help", *words] if wants_help else words)
    if config.steps is None and config.minutes is None:
        raise UsageError("--steps or --minutes must say when training ends; for a first look: --minutes 10")
    config = config.with_absolute_paths()
    if choice.out is None and dist.is_torchelastic_launched():
        raise UsageError(
            "under torchrun --out must name the run's folder: every process and every restart must find it"
        )
    folder = choice.out or _new_folder(config)
    if (folder / "config.yaml").exists() and not distributed.was_restarted():
        raise UsageError(
            f"--out {folder}: there is a run already; choose another folder, or go on with --resume {folder}"
        )
    run_training(config, folder)


def _read_config(choice: _Choice, words: Sequence[str]) -> RunConfig:
    """The configuration that all words make of the choice's defaults; help and refusals know every option."""
    refuse_file_only(words, _default(choice))
    defaults = f"Defaults are those of METHOD {choice.method}, body {choice.body} and preset {choice.preset}."
    if choice.config is not None:
        defaults += f" What {choice.config} says is in place of them."
    return tyro.cli(
        options(choice),
        prog="rgsd train",
        description=f"{inspect.cleandoc(train.__doc__ or '')}\n\n{defaults}",
        args=words,
    )


def _default(choice: _Choice) -> RunConfig:
    """The preset of a choice, with what its file says in place of it."""
    preset = make_preset(choice.preset, choice.method, choice.body)
    return with_file(preset, choice.config, {"method": choice.method, "body": preset.body, "preset": choice.preset})


def options(choice: _Choice = _Choice("rgsd")) -> Callable[..., RunConfig]:
    """What tyro makes all options of, with the defaults of a choice."""
    default = _default(choice)

    def read(
        choice: Annotated[_Choice, tyro.conf.arg(name="")],
        config: Annotated[RunConfig, tyro.conf.arg(name=""), tyro.conf.AvoidSubcommands] = default,
    ) -> RunConfig:
        return config

    return read


def run_training(config: RunConfig, folder: Path, console: Console | None = None) -> Trainer:
    """Train a run in its folder, from its latest checkpoint if it has one, with a live display.

    Of the processes that torchrun has started the first one writes and speaks.
    """
    config.check()
    with distributed.joined(config.device) as device, _memory_errors_explained(config):
        if distributed.is_main():
            with claimed(folder):
                return _run_training(config, folder, device, console or make_console(), None)
        silent = Console(quiet=True, force_terminal=False)
        return _run_training(config, folder, device, silent, silent)


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Hold a run's folder, so that no other training writes into it; a kill lets go of it.

    Raises:
        UsageError: another training holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            remedy = "wait for it, or choose another --out"
            raise UsageError(f"{folder}: another training is writing there; {remedy}") from None
        yield
    finally:
        os.close(handle)
        with suppress(OSError):
            folder.rmdir()  # of a run that came to nothing; what holds files stays


@contextmanager
def _memory_errors_explained(config: RunConfig) -> Iterator[None]:
    """Turn the GPU's running out of memory into a word on how many environments may fit."""
    try:
        yield
    except RuntimeError as error:
        # torch's allocator, CUDA's own, cuBLAS's and Warp's have no class of exceptions in common
        if not any(words in str(error) for words in ("out of memory", "ALLOC_FAILED", "Failed to allocate")):
            raise
        # nearly all of the memory is rollouts and physics, in proportion to the environments
        half = config.num_envs // 2
        fewer = half - half % distributed.size()
        remedy = f"train a new one with fewer, such as --num-envs {fewer}" if fewer else "and has one a process"
        raise UsageError(
            f"--num-envs {config.num_envs}: the memory does not suffice ({str(error).split('.')[0]}); "
            f"a run keeps its number of environments, {remedy}"
        ) from error


def _run_training(
    config: RunConfig, folder: Path, device: torch.device, console: Console, display: Console | None
) -> Trainer:
    with console.status("putting the run together"):
        trainer = make_trainer(config, folder, device=device)
    if distributed.is_main():
        config.save(folder)  # not before: a configuration that cannot be built must not take the folder
    if trainer.resume():
        if reached(trainer.samples, trainer.seconds, config.steps, config.minutes):
            trainer.save()  # a kill after the last checkpoint may have left an older policy
            console.print(
                f"{escape(str(folder))} is finished: {trainer.samples:,} steps; --steps or --minutes can move its goal",
                soft_wrap=True,
            )
            return trainer
        console.print(f"going on at iteration {trainer.iteration}, {trainer.samples:,} steps")
    encoder = trainer.method.export().encoder
    if encoder is not None and distributed.is_main():
        _show_landscape(encoder, trainer.env.library, folder, console)
    look = SignsOfLife(trainer.env.library, stream_seed(config.seed, "check"), distributed.own_threads())
    seconds = None if config.minutes is None else 60 * config.minutes
    with TrainingDisplay(total_steps=config.steps, total_seconds=seconds, console=display) as shown:
        done = trainer.run(config.steps, config.minutes, shown.update, lambda: look(trainer.policy()), config.logger)
    word = "trained" if done else "stopped; go on with --resume"
    console.print(
        f"{word}: {trainer.samples:,} steps in {trainer.seconds / 60:.1f} min, in {bold(folder)}", soft_wrap=True
    )
    if not done:
        raise KeyboardInterrupt  # whoever called, a script or the demo, must not take it for finished
    return trainer


def _show_landscape(encoder: Encoder, library: MotionLibrary, folder: Path, console: Console) -> None:
    """One line on where the reward has its peak, looked at before hours of training are spent."""
    mean = write_encoder_views(encoder, library, folder)["mean"]
    speeds = ", ".join(
        f"{speed} times its speed {cosine:.2f}" for speed, cosine in mean["speed"].items() if speed != "1"
    )
    console.print(
        f"cosine along the references {mean['reference']:.2f}; {speeds}; other clips {mean['others'] or 0:.2f}"
    )


def _resume(choice: _Choice, rest: Sequence[str], has_new_body: bool) -> None:
    folder = choice.resume or Path()
    config = RunConfig.load(folder)
    if config.method != choice.method:
        raise UsageError(f"--resume {folder}: that run's method is {config.method}, not {choice.method}")
    change = tyro.cli(_Change, prog=f"rgsd train {choice.method} --resume {folder}", args=rest)
    if change.steps is not None or change.minutes is not None:
        config = dataclasses.replace(config, steps=change.steps, minutes=change.minutes)
    if change.logger is not None:
        config = dataclasses.replace(config, logger=change.logger)
    body = str(Path(choice.body).resolve()) if has_new_body and is_mjcf(choice.body) else None
    if has_new_body and body is None and choice.body != config.body:
        raise UsageError(f"--body {choice.body} cannot be given with --resume: the run keeps its body {config.body}")
    run_training(moved(config, change.motions, body).with_absolute_paths(), folder)


def is_finished(config: RunConfig, folder: Path) -> bool:
    """Whether the run in a folder has a checkpoint at its goal."""
    saved = load_latest_checkpoint(folder / "checkpoints")
    return saved is not None and reached(saved["samples"], saved["seconds"], config.steps, config.minutes)


@dataclasses.dataclass(frozen=True)
class _Change:
    """What may change when a run goes on."""

    steps: int | None = None
    """Environment steps in total; the run's own goal if neither is given."""
    minutes: float | None = None
    """Minutes of training in total."""
    motions: str | None = None
    """Where its motions lie now, if they have moved; a checkpoint takes no others."""
    logger: Logger | None = None
    """What draws the metrics from now on."""


def _new_folder(config: RunConfig) -> Path:
    """runs/<body>-<method>-<date>, numbered where that is taken."""
    name = f"{Path(config.body).stem}-{config.method}-{datetime.date.today():%Y%m%d}"
    candidates = [_RUNS / name, *(_RUNS / f"{name}-{n}" for n in range(2, 1000))]
    return next(folder for folder in candidates if not folder.exists())

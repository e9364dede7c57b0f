"""`rgsd task train RUN` and `rgsd task evaluate TASKRUN`: goals reached in style, by skills that stay as they are."""

from __future__ import annotations

import dataclasses
import datetime
import inspect
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console
from rich.markup import escape

from rgsd.atomic import write_atomically
from rgsd.cli.console import make_console
from rgsd.cli.evaluate import print_metrics
from rgsd.cli.marked import bold
from rgsd.cli.options import AsJson
from rgsd.cli.settings_file import refuse_file_only, with_file
from rgsd.cli.trained import TrainedRun, load_trained
from rgsd.errors import UsageError
from rgsd.evaluation.downstream import DownstreamConfig, Traces, measure, play
from rgsd.evaluation.latent_search import clip_latents
from rgsd.learning.loop import reached
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.methods.runs import RunConfig
from rgsd.physics.mujoco_cpu import MujocoCpu
from rgsd.randomness import stream_seed
from rgsd.tasks.runs import CONFIG, StyleLatents, TaskConfig, load_actor, make_env, make_task_trainer
from rgsd.tasks.style import Style, make_style
from rgsd.viewing.plots import learning_curves
from rgsd.viewing.progress import TrainingDisplay
from rgsd.viewing.run_folder import RunFolder
from rgsd.viewing.task import goal_traces, write_task_film
from rgsd.viewing.theme import png_bytes
from rgsd.viewing.video import FilmUnavailable

_SCHEMA = 2  # of task.json
_RUNS = Path("runs")


@dataclasses.dataclass(frozen=True)
class _Choice:
    """Where it is trained."""

    out: Path | None = None
    """Folder of the new run; runs/<RUN>-<style>-<date> if not given."""
    resume: Path | None = None
    """Folder of a task's run to go on with, by its own configuration; --steps or --minutes move its goal."""
    config: Path | None = None
    """YAML file with settings in place of the defaults, in the words of a task's task.yaml and nested as there; the
    rarely needed ones are set here alone. Options win over it."""
    motions: str | None = None
    """Where RUN's motions lie now, if they have moved."""


@dataclasses.dataclass(frozen=True)
class _Goal:
    """What may change when a run goes on."""

    steps: int | None = None
    """Control steps in total; the run's own goal if neither is given."""
    minutes: float | None = None
    """Minutes of training in total."""


def task_train(args: Sequence[str]) -> None:
    """Train a policy that chooses latents of RUN's skills, which stay as they are, to reach goals in a style.

    Writes task.yaml, style.json, metrics.jsonl, TensorBoard events and checkpoints.
    Ctrl-C stops at the end of an iteration and loses nothing.
    """
    wants_help = "--help" in args or "-h" in args
    words = [word for word in args if word not in ("--help", "-h")]
    skills = words[:1] if words and not words[0].startswith("-") else []
    choice, rest = tyro.cli(_Choice, prog="rgsd task train", args=words[len(skills) :], return_unknown_args=True)
    if choice.resume is not None and not wants_help:
        if skills or choice.out is not None or choice.config is not None:
            raise UsageError("RUN, --out and --config cannot be given with --resume: the task's run keeps its own")
        config, folder = TaskConfig.load(choice.resume), choice.resume
        goal = tyro.cli(_Goal, prog=f"rgsd task train --resume {folder}", args=rest)
        if goal != _Goal():
            config = dataclasses.replace(config, steps=goal.steps, minutes=goal.minutes)
        train_task(config, folder, make_console(), choice.motions)
        return
    if not skills and not wants_help:
        raise UsageError("RUN must come first: the folder of a run whose skills the task uses")
    default = with_file(TaskConfig(), choice.config, {})
    refuse_file_only(words, default)
    config = tyro.cli(
        options(default),
        prog="rgsd task train",
        description=inspect.cleandoc(task_train.__doc__ or ""),
        args=["--help", *words] if wants_help else words,
    )
    folder = choice.out or _new_folder(config)
    if (folder / CONFIG).exists():
        raise UsageError(
            f"--out {folder}: there is a run already; choose another folder, or go on with --resume {folder}"
        )
    train_task(config, folder, make_console(), choice.motions)


def options(default: TaskConfig = TaskConfig()) -> Callable[..., TaskConfig]:  # noqa: B008 (frozen)
    """What tyro makes all options of, with their defaults."""

    def read(
        skills: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")],
        choice: Annotated[_Choice, tyro.conf.arg(name="")],
        config: Annotated[TaskConfig, tyro.conf.arg(name="")] = default,
    ) -> TaskConfig:
        """The configuration of a new task; it reads the choice too, so that help and refusals know every option.

        Args:
            skills: folder of the run whose skills the task uses; not with --resume.
            choice: where the task is trained.
            config: the task.
        """
        # a task must find its skills from wherever it is resumed
        return dataclasses.replace(config, run=str(skills.resolve()))

    return read


def train_task(config: TaskConfig, folder: Path, console: Console, motions: str | None = None) -> None:
    """Train a task in its folder, from its latest checkpoint if it has one, with a live display.

    Args:
        config: the task.
        folder: of its run.
        console: where it tells what it does.
        motions: where the motions of the skills' run lie now, if they have moved.
    """
    config.check()
    trained = load_trained(Path(config.run), motions)
    style = make_style(config.style, trained.library)
    latents = StyleLatents.load(folder)
    if latents is None:
        with console.status("finding the style's latents"):
            latents = find_latents(config, trained, style)
    with console.status("putting the run together"):
        trainer = make_task_trainer(config, trained.policy, trained.library, latents.stacked, folder)
    config.save(folder)
    latents.save(folder)
    if trainer.resume():
        if reached(trainer.samples, trainer.seconds, config.steps, config.minutes):
            console.print(
                f"{folder} is finished: {trainer.samples:,} steps; --steps or --minutes can move its goal",
                soft_wrap=True,
            )
            return
        console.print(f"going on at iteration {trainer.iteration}, {trainer.samples:,} steps")
    shown = "anything goes" if style.free else f"{', '.join(style.clips)} ({', '.join(set(latents.source.values()))})"
    console.print(f"style {escape(style.name)}: {shown}")
    seconds = None if config.minutes is None else 60 * config.minutes
    with TrainingDisplay(total_steps=config.steps, total_seconds=seconds) as display:
        done = trainer.run(config.steps, config.minutes, display.update)
    word = "trained" if done else "stopped; go on with --resume"
    console.print(
        f"{word}: {trainer.samples:,} steps in {trainer.seconds / 60:.1f} min, in {bold(folder)}", soft_wrap=True
    )
    if not done:
        raise KeyboardInterrupt


def find_latents(config: TaskConfig, trained: TrainedRun, style: Style) -> StyleLatents:
    """The latents of a style's clips: the policy's own, embedded, or searched as in the protocol."""
    if style.free:
        return StyleLatents({}, {})
    library = trained.library.select(style.clips)
    seed = stream_seed(config.seed, "latent search")
    z, sources = clip_latents(
        lambda count: MujocoCpu(library.body, count), trained.policy, library, config.search_latents, 64, seed
    )
    named = zip(style.clips, z, strict=True)
    return StyleLatents(dict(named), dict(zip(style.clips, sources, strict=True)))


def task_evaluate(
    run: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="TASKRUN")],
    motions: str | None = None,
    encoder: Path | None = None,
    config: DownstreamConfig = DownstreamConfig(),  # noqa: B008 (frozen)
    video: bool = True,
    as_json: AsJson = False,
) -> None:
    """Measure TASKRUN, and write evaluation/task.json, traces.png, curves.png and a film.

    Args:
        run: a task's run.
        motions: where the motions of its skills' run lie now, if they have moved.
        encoder: another run whose encoder names the nearest clip, so that methods are evaluated alike.
        config: how much is tried.
        video: film as well, which needs offscreen GL.
        as_json: print the metrics as JSON instead of lines.
    """
    console = make_console(quiet=as_json)
    with console.status("evaluating"):
        result, traces = evaluate_task(run, config, motions, encoder)
    print_metrics({key: value for key, value in result.items() if key != "schema"}, console)
    if as_json:
        print(json.dumps(result))
    write_views(run, traces, TaskConfig.load(run), console, video)


def evaluate_task(
    run: Path, config: DownstreamConfig, motions: str | None = None, encoder: Path | None = None
) -> tuple[dict[str, Any], Traces]:
    """Measure a task's run and write evaluation/task.json; arguments as for `task_evaluate`.

    Raises:
        UsageError: nothing has been trained, no environments or goals are asked for, or the other run has no encoder.
    """
    config.check("--config")
    task = TaskConfig.load(run)
    _, library, policy = load_trained(Path(task.run), motions)
    style_encoder = policy.encoder if encoder is None else SkillPolicy.load(encoder, library.body).encoder
    if encoder is not None and style_encoder is None:
        raise UsageError(f"--encoder {encoder}: that run's method has no encoder; give one trained by rgsd")
    style, latents = make_style(task.style, library), StyleLatents.load(run) or StyleLatents({}, {})
    # a second more than all goals can take: nothing but a fall may end an episode
    whole = dataclasses.replace(task, episode_seconds=config.goals * task.field.seconds + 1, margin=math.inf)
    env = make_env(whole, policy, library, config.num_envs, stream_seed(config.seed, "goals"))
    traces = play(env, load_actor(task, env, run), latents.stacked, library, style_encoder, config.goals)
    metrics = measure(traces, style, library, env.decision_seconds)
    result = {
        "schema": _SCHEMA,
        "run": _label(Path(task.run)),
        "method": policy.method,
        "starts": task.starts,
        "latent_source": latents.source,
        "encoder_run": None if style_encoder is None else _label(Path(task.run) if encoder is None else encoder),
        **metrics,
    }
    text = json.dumps(result, indent=2) + "\n"
    write_atomically(run / "evaluation" / "task.json", lambda path: path.write_text(text))
    return result, traces


def write_views(run: Path, traces: Traces, config: TaskConfig, console: Console, video: bool) -> None:
    """Write traces.png, curves.png and, if asked to, the film of a task's run that `evaluate_task` has measured."""
    folder = run / "evaluation"
    for name, figure in (
        ("traces.png", goal_traces(traces, config.field, f"style {config.style}")),
        ("curves.png", learning_curves(RunFolder(run).history)),
    ):
        write_atomically(folder / name, lambda path, figure=figure: path.write_bytes(png_bytes(figure)))
    console.print(f"in {bold(folder)}: task.json, traces.png, curves.png", soft_wrap=True)
    if not video:
        return
    body = RunConfig.load(Path(config.run)).make_body()
    try:
        with console.status("filming"):
            film = write_task_film(folder / "task.mp4", body, traces, config.period, config.style)
        console.print(f"film: {bold(film)}")
    except FilmUnavailable as error:
        console.print(f"[yellow]no film: {escape(str(error))}[/yellow]")


def _label(run: Path) -> str:
    """A run's name, or in a table its row's and its own."""
    return f"{run.parent.name}/{run.name}" if run.name.startswith("seed") else run.name


def _new_folder(config: TaskConfig) -> Path:
    """runs/<RUN>-<style>-<date>, numbered where that is taken."""
    name = f"{Path(config.run).name}-{config.style}-{datetime.date.today():%Y%m%d}"
    candidates = [_RUNS / name, *(_RUNS / f"{name}-{n}" for n in range(2, 1000))]
    return next(folder for folder in candidates if not folder.exists())

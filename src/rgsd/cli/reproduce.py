"""`rgsd reproduce ...`: the paper's table 1, figure 4 and METRA experiment, one command each (docs/reproduce.md)."""

from __future__ import annotations

import dataclasses
import json
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import tyro

from rgsd.atomic import write_atomically
from rgsd.cli.compare import write_comparison
from rgsd.cli.console import make_console
from rgsd.cli.finishing import finish_all, is_evaluated, run_folder
from rgsd.cli.marked import bold
from rgsd.cli.trained import load_trained
from rgsd.errors import UsageError
from rgsd.evaluation import incompatibility
from rgsd.evaluation.headlines import over_seeds
from rgsd.evaluation.paper import FIGURE_4, TABLE_1
from rgsd.evaluation.paths import STARTS, motion_paths
from rgsd.evaluation.protocol import EvaluationConfig
from rgsd.evaluation.sweep import Variant
from rgsd.language.embedding import is_installed
from rgsd.methods.metra import ExtraInput, Metra, MetraConfig
from rgsd.methods.presets import equal_start, from_scratch, make_preset
from rgsd.methods.runs import RunConfig, make_method
from rgsd.motions.embedded import EMBEDDED
from rgsd.motions.library import MotionLibrary
from rgsd.physics.mujoco_cpu import MujocoCpu
from rgsd.viewing.comparison import comparison_table
from rgsd.viewing.incompatibility import METRICS, incompatibility_chart
from rgsd.viewing.maps import path_grid
from rgsd.viewing.run_folder import RunFolder
from rgsd.viewing.theme import png_bytes

METHODS = ("rgsd", *(method for method in TABLE_1 if method != "rgsd"), "lgsd", "tracker")
"""What table 1 trains: the paper's methods, LGSD where its extra is installed, and the tracker as reference row."""
FROM_SCRATCH = "rgsd-from-scratch"
"""RGSD's other row: begun as the baselines are, without the warm start that is ours and not the paper's."""
ONE_LATENT = ", one z"
"""What is added to a method's name in figure 4 where every trajectory has the motion's own latent."""
Start = Literal["scratch", "equal"]
_FORMS: dict[str, tuple[ExtraInput, ...]] = {"local": (), "position": ("position",), "time": ("time",)}
_PANELS = 4  # motions of figure 4


def reproduce_table1(
    minutes_per_method: float | None = None,
    steps: int | None = None,
    start: Start = "scratch",
    body: str = "quadruped",
    motions: str | None = None,
    seeds: int = 3,
    out: Path | None = None,
    preset: str = "cpu",
    evaluation: EvaluationConfig = EvaluationConfig(),  # noqa: B008 (frozen)
) -> None:
    """Train RGSD, its baselines and the tracker alike and compare them, as in the paper's table 1.

    The baselines are DIAYN, METRA, ASE and CALM, and LGSD where the extra `language` is installed. From scratch RGSD
    has a second row, `rgsd-from-scratch`: without the warm start, which the baselines do not have. With an equal start
    every actor is first cloned from the same open-loop replay, those of methods without an embedding under latents as
    they draw them.

    Seed by seed, one run after another, each a folder OUT/METHOD/seedN. After each, OUT has comparison.md (beside the
    paper's numbers, as ranks, on its groups of motions), .json, .png and learning_curves.png. The same command goes on
    after an interruption; more minutes or seeds are caught up on.

    Args:
        minutes_per_method: of training, for each method and seed: a comparison of cost, and of implementations.
        steps: environment steps for each method and seed instead: a comparison at equal samples.
        start: scratch or equal.
        body: quadruped or smpl.
        motions: a file or folder of motions, such as ACCAD's BVH files; the preset's if not given. smpl needs it.
        seeds: how many; they are 0, 1, ...
        out: folder of the table and its runs; runs/table1 or, with an equal start, runs/table1-equal if not given.
        preset: cpu, paper, or official (the baselines as their authors' code trains them, RGSD by preset paper).
        evaluation: how much is rolled out to evaluate a run.
    """
    evaluation.check("--evaluation")
    budget = _budget(minutes_per_method, steps, "--minutes-per-method")
    console, out = make_console(), out or Path("runs/table1-equal" if start == "equal" else "runs/table1")
    trained = [method for method in METHODS if method != "lgsd" or is_installed()]
    if len(trained) < len(METHODS):
        console.print("LGSD is left out: its sentence encoder comes with pip install 'rgsd[language]'", markup=False)
    variants = _variants({method: _config(preset, method, body, motions, budget) for method in trained}, start)
    form, amount = "equal start" if start == "equal" else "from scratch", _amount(budget)
    finished: list[Path] = []
    for run in finish_all(variants, range(seeds), evaluation, out, console):
        finished.append(run)
        write_comparison(finished, out, f"Table 1 on {body}, {form}: {amount} a method and seed")
    console.print((out / "comparison.md").read_text(), soft_wrap=True, highlight=False, markup=False)
    console.print(f"in {bold(out)}; `rgsd reproduce figure4 {out}` draws the paths", soft_wrap=True)


def reproduce_figure4(
    table: Annotated[Path, tyro.conf.Positional],
    clips: tuple[str, ...] = (),
    trajectories: int = 500,
    kappa: float = 100.0,
    seed: int = 0,
    out: Path | None = None,
) -> None:
    """Draw where each method of TABLE, the folder of a table 1, goes under the latents of single motions.

    Each method has two rows: latents drawn around the motion's own, and its own alone, where only the start's noise
    differs. Writes figure4.png (top views beside the reference), figure4.md and figure4.json (FID to the reference, and
    what part of the paths' variance is z's and what the start's).

    Args:
        table: folder of `rgsd reproduce table1`.
        clips: motions; the paper's four if the runs have them, else the first of up to four groups.
        trajectories: of each row and motion, an even number: each drawn latent has two starts.
        kappa: concentration of their latents around the motion's own, or around the best that the search has found.
        seed: of the training whose runs are drawn.
        out: folder for the figure; TABLE if not given.
    """
    if trajectories < 2 or trajectories % STARTS:
        raise UsageError(f"--trajectories {trajectories}: each latent has {STARTS} starts; give a multiple of {STARTS}")
    console, folder = make_console(), out or table
    runs = {method: run_folder(table, method, seed) for method in (*METHODS, FROM_SCRATCH) if method != "tracker"}
    runs = {method: run for method, run in runs.items() if is_evaluated(run)}
    if not runs:
        raise UsageError(f"{table}: no finished run of seed {seed}; `rgsd reproduce table1 --out {table}` makes them")
    found = {}
    references: dict[str, Any] = {}
    for method, run in runs.items():
        with console.status(f"{trajectories} trajectories a motion of {method}"):
            _, whole, policy = load_trained(run)
            library = whole.select(list(clips) or _panels(whole))
            evaluated = RunFolder(run).evaluation["clips"]
            z = torch.tensor([evaluated[name]["z"] for name in library.names])
            simulate = partial(MujocoCpu, library.body)
            for row, around in ((method, kappa), (f"{method}{ONE_LATENT}", None)):
                found[row] = motion_paths(simulate, policy, library, z, around, trajectories, seed)
            shown = RunFolder(run).reference_paths()
            references = {name: shown[name] for name in library.names}
    _write_figure4(found, references, folder, f"seed {seed}, {trajectories} trajectories, kappa {kappa:g}")
    console.print((folder / "figure4.md").read_text(), soft_wrap=True, highlight=False, markup=False)
    console.print(f"in {bold(folder)}: figure4.png, figure4.md, figure4.json", soft_wrap=True)


def reproduce_metra_incompatibility(
    minutes_per_form: float | None = None,
    steps: int | None = None,
    body: str = "quadruped",
    motions: str | None = None,
    seeds: int = 1,
    out: Path = Path("runs/metra-incompatibility"),
    latents: int = 200,
    evaluation: EvaluationConfig = EvaluationConfig(),  # noqa: B008 (frozen)
) -> None:
    """Train METRA's forms and measure why it does not suit references, or whether it does (the paper's section 3).

    phi sees the local state, also the place, or also the time; from a random start and from RGSD's pretrained encoder.
    Runs are OUT/FORM/seedN, as those of table 1. Writes incompatibility.md, .json and .png, and a comparison of the
    forms by the protocol. The same command goes on after an interruption.

    Args:
        minutes_per_form: of training, for each of the six forms and each seed.
        steps: environment steps for each of them instead.
        body: quadruped or smpl.
        motions: a file or folder of motions; the preset's if not given.
        seeds: how many; they are 0, 1, ...
        out: folder of the figures and the runs.
        latents: random skills whose states tell what phi has learned.
        evaluation: how much is rolled out to evaluate a run.
    """
    evaluation.check("--evaluation")
    console = make_console()
    base = _config("cpu", "metra", body, motions, _budget(minutes_per_form, steps, "--minutes-per-form"))
    finished: list[Path] = []
    measured: dict[str, list[dict[str, Any]]] = {}
    for run in finish_all(metra_forms(base), range(seeds), evaluation, out, console):
        finished.append(run)
        with console.status("looking at phi"):
            measured.setdefault(run.parent.name, []).append(_look_at_phi(run, latents))
        write_comparison(finished, out, "METRA's forms by the protocol")
        _write_incompatibility(measured, out)
    console.print((out / "incompatibility.md").read_text(), soft_wrap=True, highlight=False, markup=False)
    console.print(f"in {bold(out)}: incompatibility.md, .json, .png, and comparison.md by the protocol", soft_wrap=True)


def metra_forms(base: RunConfig) -> list[Variant]:
    """The six forms of a METRA run: what phi sees, from a random start and grounded."""
    if not isinstance(base.settings, MetraConfig):
        raise UsageError(f"method is {base.method}; the forms are METRA's")
    forms = []
    for grounded in (False, True):
        for name, extra in _FORMS.items():
            settings = dataclasses.replace(base.settings, extra=extra, grounded=grounded)
            config = dataclasses.replace(base, settings=settings)
            changes = {"settings.extra": list(extra), "settings.grounded": grounded}
            forms.append(Variant(f"grounded-{name}" if grounded else name, changes, config))
    return forms


def _variants(configs: dict[str, RunConfig], start: Start) -> list[Variant]:
    """The rows of a table 1 in one of its two forms.

    Raises:
        UsageError: an equal start of a preset that knows no warm start.
    """
    own, preset = configs["rgsd"], configs["rgsd"].preset
    if start == "equal":
        if preset != "cpu":
            raise UsageError(f"--start equal: preset {preset} has no warm start; give --preset cpu")
        # the tracker is the row above all, and begins as it always does
        return [Variant(name, {}, c if name == "tracker" else equal_start(c)) for name, c in configs.items()]
    variants = [Variant(method, {}, config) for method, config in configs.items()]
    if preset == "cpu":  # the others have no warm start at all
        variants.append(Variant(FROM_SCRATCH, {"trainer.warm_start.iterations": 0}, from_scratch(own)))
    return variants


def _budget(minutes: float | None, steps: int | None, option: str) -> dict[str, Any]:
    """Which of the two ends training, as fields of a run.

    Raises:
        UsageError: neither is given, or both.
    """
    if (minutes is None) == (steps is None):
        given = "neither is" if steps is None else "both are"
        raise UsageError(f"{option} or --steps must say how long each run trains, and {given} given; give one of them")
    return {"minutes": minutes, "steps": steps}


def _amount(budget: dict[str, Any]) -> str:
    return f"{budget['minutes']:g} minutes" if budget["steps"] is None else f"{budget['steps']:,} steps"


def _config(preset: str, method: str, body: str, motions: str | None, budget: dict[str, Any]) -> RunConfig:
    if preset == "official" and method in ("rgsd", "tracker"):
        preset = "paper"  # there is no official code of theirs
    config = dataclasses.replace(make_preset(preset, method, body), **budget)
    config = config if motions is None else dataclasses.replace(config, motions=motions)
    if config.motions == EMBEDDED:
        raise UsageError(f"--motions: what comes with {body} is a tracker's performance; name the clips themselves")
    config.check()
    return config.with_absolute_paths()


def _panels(library: MotionLibrary) -> list[str]:
    """The paper's four motions if all are there, else the first of up to four groups."""
    if all(name in library.names for name in FIGURE_4):
        return list(FIGURE_4)
    return [library.names[members[0]] for members in library.groups.values()][:_PANELS]


def _write_figure4(found: dict[str, Any], references: dict[str, Any], folder: Path, about: str) -> None:
    names = list(references)

    def table(key: str, rows: dict[str, Any]) -> dict[str, Any]:
        return {row: {name: over_seeds([by[name].metrics[key]]) for name in names} for row, by in rows.items()}

    fid = table("fid", found)
    fid["null of as many frames"] = table("fid_null", {"": next(iter(found.values()))})[""]
    paper: dict[str, Any] = {
        f"{method} (paper)": {name: over_seeds([FIGURE_4[name][method]]) for name in names}
        for method in TABLE_1
        if all(name in FIGURE_4 for name in names)
    }
    drawn = {row: by for row, by in found.items() if not row.endswith(ONE_LATENT)}
    parts = {f"{row}, by z": by for row, by in table("variance_by_z", drawn).items()}
    parts |= {f"{row}, by the start": by for row, by in table("variance_by_start", drawn).items()}
    content = {row: {n: by[n].metrics for n in names} for row, by in found.items()}
    captions = {
        row: {n: "no FID" if by[n].metrics["fid"] is None else f"FID {by[n].metrics['fid']:.1f}" for n in names}
        for row, by in found.items()
    }
    paths = {row: {name: by[name].path.numpy() for name in names} for row, by in found.items()}
    picture = png_bytes(path_grid(paths, references, captions))
    text = (
        f"# Figure 4: {about}\n\nFID to the motion; the paper's, if there, by other features: compare ranks.\n\n"
        f"![paths from above, reference black](figure4.png)\n\n{comparison_table(fid | paper, names, 'method')}\n"
        "How far the paths spread, m (root of the variance of a path's points, both axes, unfallen):\n\n"
        f"{comparison_table(table('spread_m', found), names, 'method')}\n"
        "Which part of that variance the latents drawn around the motion's make, and which the start's noise:\n\n"
        f"{comparison_table(dict(sorted(parts.items())), names, 'method')}"
    )
    write_atomically(folder / "figure4.json", lambda path: path.write_text(json.dumps(content, indent=1) + "\n"))
    write_atomically(folder / "figure4.md", lambda path: path.write_text(text))
    write_atomically(folder / "figure4.png", lambda path: path.write_bytes(picture))


def _look_at_phi(run: Path, latents: int) -> dict[str, Any]:
    config, library, policy = load_trained(run)
    method = make_method(config, library, run)
    if not isinstance(method, Metra):
        raise UsageError(f"{run}: is a run of {config.method}, not of metra; choose another --out")
    return incompatibility.measure(method, policy, library, partial(MujocoCpu, library.body), latents, 256)


def _write_incompatibility(measured: dict[str, list[dict[str, Any]]], out: Path) -> None:
    logs = {
        name: [RunFolder(run_folder(out, name, seed)).history for seed in range(len(seeds))]
        for name, seeds in measured.items()
    }
    rows = {
        name: {key: over_seeds([found[key] for found in seeds]) for key in METRICS} for name, seeds in measured.items()
    }
    picture = png_bytes(incompatibility_chart(measured, logs))
    text = (
        "# METRA and references\n\nWhat each metric means, and which claim it tests: docs/reproduce.md.\n\n"
        f"![four panels](incompatibility.png)\n\n{comparison_table(rows, METRICS, 'form')}"
    )
    content = json.dumps({"metrics": rows, "seeds": measured}, indent=1) + "\n"
    write_atomically(out / "incompatibility.json", lambda path: path.write_text(content))
    write_atomically(out / "incompatibility.md", lambda path: path.write_text(text))
    write_atomically(out / "incompatibility.png", lambda path: path.write_bytes(picture))

"""Variants and seeds, one run after another, each trained and evaluated as far as that is not done: what `rgsd sweep`
and `rgsd reproduce` have in common.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from rgsd.atomic import write_atomically
from rgsd.cli.evaluate import evaluate_run
from rgsd.cli.train import is_finished, run_training
from rgsd.errors import UsageError
from rgsd.evaluation.protocol import EvaluationConfig
from rgsd.evaluation.sweep import Variant
from rgsd.learning.loop import DivergedError
from rgsd.methods.runs import RunConfig
from rgsd.viewing.run_folder import RunFolder

_EVALUATED = "evaluated.json"  # in a run's folder: what it was evaluated after, and how


def finish_all(
    variants: Sequence[Variant], seeds: Sequence[int], evaluation: EvaluationConfig, folder: Path, console: Console
) -> Iterator[Path]:
    """Finish every run, seed by seed, so that all variants can soon be compared.

    What is finished is not done again; what was interrupted resumes at its checkpoint. A run whose numbers are none any
    more is left out, and said so.

    Yields:
        The folder of each run that is finished, FOLDER/VARIANT/seedN.

    Raises:
        UsageError: a folder holds a run with other settings.
        KeyboardInterrupt: training was stopped; its checkpoint is written.
    """
    total, done = len(seeds) * len(variants), 0
    diverged: dict[str, str] = {}
    for seed in seeds:
        for variant in variants:
            done += 1
            run = run_folder(folder, variant.name, seed)
            console.rule(f"{done} of {total}: {variant.name}, seed {seed}")
            try:
                _finish(run, dataclasses.replace(variant.config, seed=seed), evaluation, console)
            except DivergedError as error:  # a result of its own, which must not cost the others theirs
                diverged[str(run)] = str(error)
                console.print(f"[red]left out:[/red] {escape(str(error))}", soft_wrap=True)
                continue
            yield run
    for run, why in diverged.items():
        console.print(f"[red]diverged and left out:[/red] {escape(run)}: {escape(why)}", soft_wrap=True)


def run_folder(folder: Path, variant: str, seed: int) -> Path:
    """Where the run of a variant and seed lives."""
    return folder / variant / f"seed{seed}"


def is_evaluated(run: Path) -> bool:
    """Whether a run has been finished here."""
    return (run / _EVALUATED).exists()


def training_cost(run: Path) -> dict[str, float]:
    """`samples` and `minutes` of training that a run had cost when it was evaluated; until now, if that was not here.

    Raises:
        UsageError: the run has not been trained.
    """
    if is_evaluated(run):
        return json.loads((run / _EVALUATED).read_text())["training"]
    return _trained(run)


def evaluate_once(run: Path, how: dict[str, Any], evaluate: Callable[[], object], console: Console) -> None:
    """Evaluate a trained run, unless that was done after as much training and in the same way.

    Args:
        run: its folder.
        how: what says in which way, as JSON can hold it.
        evaluate: does it.
        console: where it is told.
    """
    asked, mark = {"training": _trained(run), **how}, run / _EVALUATED
    if is_evaluated(run) and json.loads(mark.read_text()) == asked:
        console.print("finished before")
        return
    with console.status("evaluating"):
        evaluate()
    write_atomically(mark, lambda path: path.write_text(json.dumps(asked, indent=1) + "\n"))


def _finish(run: Path, config: RunConfig, evaluation: EvaluationConfig, console: Console) -> None:
    if (run / "config.yaml").exists():
        found = RunConfig.load(run)
        if dataclasses.replace(found, steps=config.steps, minutes=config.minutes) != config:
            raise UsageError(f"{run}: was trained with other settings; give another --out, or remove it")
    if not is_finished(config, run):
        run_training(config, run, console)
    how = {"evaluation": dataclasses.asdict(evaluation)}
    evaluate_once(run, how, lambda: evaluate_run(run, evaluation, Console(quiet=True)), console)


def _trained(run: Path) -> dict[str, float]:
    history = RunFolder(run).history
    if not history:
        raise UsageError(f"{run / 'metrics.jsonl'}: holds no iteration; train the run first, or restore the file")
    return {"samples": history[-1]["samples"], "minutes": history[-1]["seconds"] / 60}

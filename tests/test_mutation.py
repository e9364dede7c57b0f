"""The sampler of mutants on a program of five lines, and its list of equal programs."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

PROGRAM = """
def reach(a: int | None, low: float) -> float:
    if a is None or low < -1:
        raise ValueError(f"{low + 1} m")
    return max(low, -low) * a
"""


@pytest.fixture(scope="module")
def mutation() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
        yield importlib.import_module("mutation")


def test_operators_that_run_are_changed_one_at_a_time(mutation: ModuleType) -> None:
    listed = mutation.mutants("reach", PROGRAM)
    assert [(mutant.change, line) for mutant, line in listed] == [
        ("a is None or low < -1 -> a is None and low < -1", 3),
        ("a is None -> a is not None", 3),
        ("low < -1 -> low <= -1", 3),
        ("low < -1 -> low >= -1", 3),
        ("max(low, -low) * a -> max(low, -low) / a", 5),
        ("max -> min", 5),
        ("-low -> low", 5),
    ]
    assert {mutant.where for mutant, _ in listed} == {"reach"}
    names: dict[str, object] = {}
    exec(compile(mutation.changed(PROGRAM, 5), "reach", "exec"), names)
    assert names["reach"](2, 3.0) == -6.0  # pyright: ignore[reportCallIssue]
    assert ast.unparse(mutation.changed(PROGRAM, 5)).count("max") == 0


def test_a_draw_stays_when_other_mutants_go(mutation: ModuleType) -> None:
    pool = [mutant for mutant, _ in mutation.mutants("reach", PROGRAM)]
    drawn = mutation.draw(pool, set(), 4, seed=3)
    assert mutation.draw(pool[::-1], set(), 4, seed=3) == drawn
    without = mutation.draw(pool, {drawn[1]}, 4, seed=3)
    assert without[:3] == [drawn[0], *drawn[2:]]
    assert any(mutation.draw(pool, set(), 4, seed) != drawn for seed in range(3))
    with pytest.raises(SystemExit, match="no such mutant"):
        mutation.draw(pool[1:], {pool[0]}, 4, seed=3)


def test_every_equal_program_is_a_mutant_of_the_core_and_has_a_reason(mutation: ModuleType) -> None:
    pool = {m for file in mutation.CORE for m, _ in mutation.mutants(file, mutation.source(file).read_text())}
    listed = mutation.equal_programs()
    assert set(listed) <= pool
    assert all(listed.values())


def test_a_mutant_is_imported_from_memory_and_noticed(mutation: ModuleType) -> None:
    source = mutation.source("learning/averaging")
    before = source.read_text()
    # in a process of its own, since rgsd must not have been imported
    command = [sys.executable, mutation.__file__, "--files", "learning/averaging", "--count", "1"]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "\nnoticed   learning/averaging.py:" in run.stdout
    assert "score 1.000: 0 of 1 survived" in run.stdout
    assert source.read_text() == before

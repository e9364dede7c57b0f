"""Do the tests notice? One operator of the core is changed at a time, and the module's own tests are run.

`make mutation` takes N mutants by seed, prints those that no test noticed, and fails under a score of 0.9. A mutant is
never written: a forked process imports the changed module from memory, and all files stay as they are. What is
sampled are operators (arithmetic, comparisons, logic, signs) and calls with a counterpart (min and max, sin and cos);
numbers and defaults are not. Programs that are equal in spite of a change stand, with a reason each, in
mutation_equal.toml and are never drawn. Ours is one file; a library would need a plugin for the sample and the tests.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import importlib
import importlib.machinery
import importlib.util
import multiprocessing
import os
import resource
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import CodeType
from typing import IO

import pytest

ROOT = Path(__file__).parents[1]
SOURCE, TESTS = ROOT / "src/rgsd", ROOT / "tests"
EQUAL = Path(__file__).with_name("mutation_equal.toml")
LEAST_SCORE = 0.9
CPU_S, WALL_S = 60, 1800  # that a mutant may take: its tests take five seconds, though more by the clock if all is busy

CORE = (
    "rotations", "bodies/kinematics", "envs/termination", "motions/inverse_kinematics", "motions/retarget",
    "skills/sphere", "skills/contrastive", "learning/ppo", "learning/rollout", "learning/statistics",
    "learning/averaging", "learning/warm_start", "methods/rgsd", "methods/calm", "methods/ase", "methods/metra",
    "methods/dual_descent", "methods/diayn", "methods/clip_sampling", "evaluation/measures", "evaluation/discovery",
    "evaluation/variations", "evaluation/frechet",
)  # fmt: skip
NO_MIRROR = {"methods/dual_descent": "methods/test_metra.py"}  # METRA's and LGSD's common half

BINARY = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
COMPARISONS = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,), ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}  # fmt: skip
_PAIRS = (("min", "max"), ("amin", "amax"), ("argmin", "argmax"), ("any", "all"), ("sin", "cos"))
CALLS = {a: b for pair in _PAIRS for a, b in (pair, pair[::-1])}


@dataclass(frozen=True)
class Mutant:
    """One change of one operator, named so that it is found again wherever in its file the function moves."""

    file: str
    """Below src/rgsd, without .py."""
    where: str
    """Function, with its class; empty for the module's own level."""
    change: str
    """before -> after, of the smallest expression."""
    repeat: int
    """Which of several alike in that function."""


def source(file: str) -> Path:
    """Where a file of `CORE` is."""
    return SOURCE / f"{file}.py"


def equal_programs() -> dict[Mutant, str]:
    """Changes that change nothing that can be seen, each with the reason."""
    listed = tomllib.loads(EQUAL.read_text())["equal"]
    return {Mutant(e["file"], e["where"], e["change"], e.get("repeat", 0)): e["reason"] for e in listed}


def mutants(file: str, text: str) -> list[tuple[Mutant, int]]:
    """All mutants of a module's text, each with its line."""
    found, repeats = [], Counter[tuple[str, str]]()
    for node, where, _, other in _changes(ast.parse(text)):
        change = f"{ast.unparse(node)} -> {ast.unparse(other)}"
        found.append((Mutant(file, where, change, repeats[where, change]), node.lineno))
        repeats[where, change] += 1
    return found


def changed(text: str, number: int) -> ast.Module:
    """The module with the change that `mutants` lists at that place."""
    tree = ast.parse(text)
    node, _, put, other = next(islice(_changes(tree), number, None))
    put(ast.fix_missing_locations(ast.copy_location(other, node)))
    return tree


def draw(pool: list[Mutant], equal: set[Mutant], count: int, seed: int) -> list[Mutant]:
    """The first `count` in an order by seed that stays when other mutants come or go.

    Raises:
        SystemExit: an equal program is listed that is none of the mutants.
    """
    if gone := equal - set(pool):
        sys.exit("\n".join([f"{EQUAL.name}: no such mutant; remove or correct:", *map(str, gone)]))
    order = sorted(set(pool) - equal, key=lambda m: hashlib.sha256(f"{seed} {m}".encode()).digest())
    return order[:count]


def _changes(
    parent: ast.AST, where: str = ""
) -> Iterator[tuple[ast.expr | ast.AugAssign, str, Callable[[ast.AST], None], ast.AST]]:
    """(node, its function, what puts another in its place, the other); not in annotations, nor in what is raised."""
    if isinstance(parent, ast.FunctionDef | ast.ClassDef):
        where = f"{where}.{parent.name}".lstrip(".")
    for name, value in ast.iter_fields(parent):
        if name in ("annotation", "returns") or isinstance(parent, ast.Raise):
            continue
        for place, child in enumerate(value if isinstance(value, list) else [value]):

            def put(other: ast.AST, name: str = name, value: object = value, place: int = place) -> None:
                if isinstance(value, list):
                    value[place] = other
                else:
                    setattr(parent, name, other)

            if isinstance(child, ast.expr | ast.AugAssign):
                yield from ((child, where, put, other) for other in _others(child))
            if isinstance(child, ast.AST):
                yield from _changes(child, where)


def _others(node: ast.expr | ast.AugAssign) -> list[ast.AST]:
    """What may stand in a node's place. A minus of a whole number is part of an index, and a union of dicts no sum."""
    match node:
        case ast.BinOp(left=ast.Dict() | ast.DictComp()) | ast.BinOp(right=ast.Dict() | ast.DictComp()):
            return []
        case ast.AugAssign(value=ast.Dict() | ast.DictComp()):
            return []
        case ast.BinOp(op=op) if type(op) in BINARY:
            return [ast.BinOp(node.left, BINARY[type(op)](), node.right)]
        case ast.AugAssign(op=op) if type(op) in BINARY:
            return [ast.AugAssign(node.target, BINARY[type(op)](), node.value)]
        case ast.Compare(ops=[op]):
            return [ast.Compare(node.left, [other()], node.comparators) for other in COMPARISONS[type(op)]]
        case ast.BoolOp(op=ast.And()):
            return [ast.BoolOp(ast.Or(), node.values)]
        case ast.BoolOp():
            return [ast.BoolOp(ast.And(), node.values)]
        case ast.UnaryOp(operand=ast.Constant(value=int())):
            return []
        case ast.UnaryOp(op=ast.USub() | ast.Invert() | ast.Not()):
            return [node.operand]
        case ast.Attribute(attr=name) if name in CALLS:
            return [ast.Attribute(node.value, CALLS[name], node.ctx)]
        case ast.Name(id=name) if name in CALLS:
            return [ast.Name(CALLS[name], node.ctx)]
    return []


class _Memory(importlib.machinery.SourceFileLoader):
    """Finds and loads one module as its changed tree."""

    def __init__(self, file: str, tree: ast.Module) -> None:
        super().__init__(".".join(("rgsd", *Path(file).parts)), str(source(file)))
        self._tree = tree

    def find_spec(self, name: str, *_: object) -> importlib.machinery.ModuleSpec | None:
        return importlib.util.spec_from_file_location(name, self.path, loader=self) if name == self.name else None

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._tree, self.path, "exec")


class _OwnData:
    """A plugin that leaves out the tests of the facts and motions that may stand beside the repository.

    Whoever has none gets the same score; and they take the most time.
    """

    def pytest_collection_modifyitems(self, items: list[pytest.Function]) -> None:
        items[:] = [item for item in items if "shared" not in item.fixturenames]


def run_tests(file: str, tree: ast.Module | None, output: IO[bytes]) -> bool:
    """Whether a module's tests pass, in a process of their own, with its changed tree, or None for it as it is."""

    def child() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
        for stream in (1, 2):
            os.dup2(output.fileno(), stream)
        sys.path.insert(0, str(SOURCE.parent))
        if tree is not None:
            sys.meta_path.insert(0, _Memory(file, tree))
        mirror = Path(file).with_name(f"test_{Path(file).name}.py")
        test = TESTS / NO_MIRROR.get(file, mirror)
        arguments = ["-x", "-q", "-p", "no:cacheprovider", f"--rootdir={ROOT}", str(test)]
        os._exit(pytest.main(arguments, plugins=[_OwnData()]))

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(WALL_S)
    process.kill()
    process.join()
    return process.exitcode == 0


def main() -> None:
    """Draw, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=120, help="mutants")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--files", nargs="+", default=CORE, help="modules below src/rgsd, without .py")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    # a forked process finds these imported; rgsd must not be among them, since the mutant has to come first
    for library in ("torch", "mujoco.batch", "scipy.optimize"):
        importlib.import_module(library)
    texts = {file: source(file).read_text() for file in options.files}
    pool = {m: (number, line) for f, text in texts.items() for number, (m, line) in enumerate(mutants(f, text))}
    equal = {mutant for mutant in equal_programs() if mutant.file in texts}
    drawn = draw(list(pool), equal, options.count, options.seed)
    print(f"seed {options.seed}: {len(drawn)} of {len(pool)} mutants of {len(texts)} files; {len(equal)} are equal")
    begin, survivors, sound = time.monotonic(), 0, set[str]()
    for mutant in drawn:  # in random order, so that those of a run that is stopped are a sample, too
        file, (number, line) = mutant.file, pool[mutant]
        if file not in sound:
            with tempfile.TemporaryFile() as output:
                if not run_tests(file, None, output):
                    output.seek(0)
                    sys.exit(f"{file}: its tests fail before any change:\n{output.read().decode()}")
            sound.add(file)
        with tempfile.TemporaryFile() as output:
            survived = run_tests(file, changed(texts[file], number), output)
        survivors += survived
        verdict = "SURVIVED" if survived else "noticed "
        print(f"{verdict}  {file}.py:{line} {mutant.where} [{mutant.repeat}]: {mutant.change}", flush=True)
    score, minutes = 1 - survivors / len(drawn), (time.monotonic() - begin) / 60
    print(f"score {score:.3f}: {survivors} of {len(drawn)} survived; {minutes:.1f} minutes")
    sys.exit(score < LEAST_SCORE)


if __name__ == "__main__":
    main()

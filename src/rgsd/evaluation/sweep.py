"""A sweep: which settings and seeds are compared, by which metrics; read from a TOML file (docs/sweep.md)."""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rgsd.errors import UnknownName, UsageError
from rgsd.evaluation.headlines import DEFAULT_METRICS, check_metric
from rgsd.evaluation.protocol import EvaluationConfig
from rgsd.methods.presets import make_preset
from rgsd.methods.runs import RunConfig
from rgsd.methods.settings import flatten, replace_settings

_KEYS: dict[str, type | tuple[type, ...]] = {
    "about": str,
    "method": str,
    "body": str,
    "preset": str,
    "steps": int,
    "minutes": (int, float),
    "seeds": list,
    "metrics": list,
    "base": dict,
    "evaluation": dict,
    "grid": dict,
    "variant": list,
}
_VARIANT_KEYS = ("name", "method", "preset", "set")
_ELSEWHERE = {
    "seed": "give `seeds` at the top of the file",
    "method": "give `method` at the top of the file or beside the variant's name",
    "body": "give `body` at the top of the file; a sweep has one body",
    "preset": "give `preset` at the top of the file or beside the variant's name",
}
_FOLDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.,=+-]*")


@dataclass(frozen=True)
class Variant:
    """One set of settings, trained with every seed."""

    name: str
    """In tables, and of its folder."""
    settings: dict[str, Any]
    """What makes it differ from the others, by dotted name."""
    config: RunConfig
    """All of its settings; the seed is still the preset's."""


@dataclass(frozen=True)
class Sweep:
    """What a file asks for."""

    file: Path
    """Where it was read."""
    about: str
    """A sentence on what is asked, for the head of the table."""
    variants: tuple[Variant, ...]
    """In the file's order."""
    seeds: tuple[int, ...]
    """Each variant is trained with each of them."""
    metrics: tuple[str, ...]
    """Columns of the table (`evaluation.headlines`)."""
    evaluation: EvaluationConfig
    """How much is rolled out to evaluate a run."""


def read_sweep(file: Path) -> Sweep:
    """Read and check a sweep's file; nothing is left to fail after hours but the training itself.

    Raises:
        UsageError: not TOML, an unknown key or setting, a value of the wrong kind, or no end of training; the message
            names the file, the key, the value and the remedy.
    """
    try:
        content = tomllib.loads(file.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: not readable TOML ({error}); mend that line") from None
    try:
        return _sweep(file, content)
    except UsageError as error:
        raise UsageError(f"{file}: {error}") from None


def _sweep(file: Path, content: dict[str, Any]) -> Sweep:
    for key, value in content.items():
        if key not in _KEYS:
            raise UnknownName("key", key, _KEYS)
        if not isinstance(value, _KEYS[key]) or isinstance(value, bool):
            raise UsageError(f"{key} is {value!r}; see the examples in docs/sweep.md")
    seeds = content.get("seeds", [0])
    if not seeds or any(type(seed) is not int for seed in seeds) or len(set(seeds)) < len(seeds):
        raise UsageError(f"seeds is {seeds!r}; give different whole numbers, such as [0, 1, 2]")
    variants = tuple(_variant(content, *plan) for plan in _plans(content))
    names = [variant.name for variant in variants]
    for name in names:
        if not _FOLDER_NAME.fullmatch(name):
            raise UsageError(f"variant '{name}' cannot name a folder; use letters, digits and any of _ . , = + -")
        if names.count(name) > 1:
            raise UsageError(f"there are {names.count(name)} variants '{name}'; give each a name of its own")
    evaluation = replace_settings(EvaluationConfig(), flatten(content.get("evaluation", {})))
    evaluation.check("evaluation")
    return Sweep(
        file,
        content.get("about", ""),
        variants,
        tuple(seeds),
        tuple(check_metric(name) for name in content.get("metrics", DEFAULT_METRICS)),
        evaluation,
    )


def _plans(content: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Name, settings and own keys of every variant: those that are listed, the whole grid, or the base alone."""
    grid, listed = flatten(content.get("grid", {})), content.get("variant", [])
    if grid and listed:
        raise UsageError("both grid and variant are given; choose one of the two")
    for variant in listed:
        if not isinstance(variant, dict) or not isinstance(variant.get("name"), str):
            raise UsageError(f"variant {variant!r} has no name; begin it with [[variant]] and name = '...'")
        unknown = [key for key in variant if key not in _VARIANT_KEYS]
        if unknown:
            raise UnknownName("key of a variant", unknown[0], _VARIANT_KEYS)
        yield variant["name"], flatten(variant.get("set", {})), variant
    for setting, values in grid.items():
        if not isinstance(values, list) or not values:
            raise UsageError(f"grid {setting} is {values!r}; give a list of values")
    for values in itertools.product(*grid.values()) if not listed else ():
        settings = dict(zip(grid, values, strict=True))
        yield _grid_name(settings) or "base", settings, {}


def _variant(content: dict[str, Any], name: str, settings: dict[str, Any], own: dict[str, Any]) -> Variant:
    preset, method = (own.get(k, content.get(k, default)) for k, default in (("preset", "cpu"), ("method", "rgsd")))
    config = make_preset(preset, method, content.get("body", "quadruped"))
    goal = {key: content[key] for key in ("steps", "minutes") if key in content}
    for changes in (goal, flatten(content.get("base", {})), settings):
        for key in _ELSEWHERE.keys() & changes:
            raise UsageError(f"setting {key} is {changes[key]!r}; {_ELSEWHERE[key]}")
        config = replace_settings(config, changes)
    if config.steps is None and config.minutes is None:
        raise UsageError("neither steps nor minutes is given; say when training ends, such as steps = 500_000")
    config.check()
    return Variant(name, settings, config.with_absolute_paths())


def _grid_name(settings: dict[str, Any]) -> str:
    """`imitation_fraction=0.5,alpha=1`: last words of the names, and more of them where two settings share one."""
    last = [setting.rpartition(".")[2] for setting in settings]
    shown = [word if last.count(word) == 1 else name for word, name in zip(last, settings, strict=True)]
    return ",".join(f"{name}={_value_name(value)}" for name, value in zip(shown, settings.values(), strict=True))


def _value_name(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "+".join(map(_value_name, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value).lower()

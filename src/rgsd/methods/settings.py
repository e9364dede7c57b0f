"""Settings by dotted names: `env.worst_body_distance` names one field of a run's configuration, however deep."""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from pathlib import Path
from typing import Any, Literal

import yaml

from rgsd.errors import UnknownName, UsageError
from rgsd.options import FILE_ONLY


def setting_names(config: Any) -> list[str]:
    """The dotted names of all plain fields of a dataclass and of the dataclasses in it."""
    names = []
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        inner = setting_names(value) if dataclasses.is_dataclass(value) else None
        names += [field.name] if inner is None else [f"{field.name}.{name}" for name in inner]
    return names


def file_only_names(config: Any) -> list[str]:
    """The dotted names of those fields that are no options of the command line (`rgsd.options.FileOnly`)."""
    names, hints = [], typing.get_type_hints(type(config), include_extras=True)
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            names += [f"{field.name}.{name}" for name in file_only_names(value)]
        elif FILE_ONLY in getattr(hints[field.name], "__metadata__", ()):
            names.append(field.name)
    return names


def flatten(table: dict[str, Any]) -> dict[str, Any]:
    """Values by dotted name from nested tables, which TOML makes of `env.clock = ...`, though not of `"env.clock"`."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        inner = flatten(value) if isinstance(value, dict) else None
        flat |= {key: value} if inner is None else {f"{key}.{name}": part for name, part in inner.items()}
    return flat


class _Loader(yaml.SafeLoader):
    """Reads 1e-4 as a number, as YAML 1.2 has it; in YAML 1.1 it is a text."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def read_yaml(file: Path) -> dict[str, Any]:
    """The tables of a YAML file with settings, as `config.yaml` nests them.

    Raises:
        UsageError: no such file, or it holds something else; the message says what is wrong with it.
    """
    try:
        content = yaml.load(file.read_text(), _Loader)
    except FileNotFoundError:
        raise UsageError("no such file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"not readable YAML ({error}); mend that line") from None
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise UsageError("holds no settings; write them as in the config.yaml of a run, such as `num_envs: 512`")
    return content


def replace_settings(config: Any, settings: dict[str, Any]) -> Any:
    """A copy of a frozen dataclass with some settings replaced.

    Args:
        config: `RunConfig`, or any other tree of dataclasses.
        settings: values by dotted name, as TOML gives them: a list becomes a tuple, a whole number passes for a float.

    Raises:
        UnknownName: no such setting; the message lists the nearest.
        UsageError: a value of the wrong kind; the message names the setting, the value and what it may be.
    """
    names = setting_names(config)
    for name, value in settings.items():
        if name not in names:
            raise UnknownName("setting", name, names)
        config = _replace(config, name.split("."), value, name)
    return config


def _replace(config: Any, path: list[str], value: Any, name: str) -> Any:
    """A copy with the field at the end of `path` replaced; `name` is the whole of it, for messages."""
    field, rest = path[0], path[1:]
    if rest:
        return dataclasses.replace(config, **{field: _replace(getattr(config, field), rest, value, name)})
    hint = typing.get_type_hints(type(config))[field]
    value = tuple(value) if isinstance(value, list) else value
    if not _fits(value, hint):
        raise UsageError(f"setting {name} is {value!r}; give {_in_words(hint)}")
    return dataclasses.replace(config, **{field: value})


def _fits(value: Any, hint: Any) -> bool:
    """Whether a plain value is of the kind that a field's annotation asks for."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return value in arguments
    if origin is tuple:
        return isinstance(value, tuple) and all(_fits(part, arguments[0]) for part in value)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, part) for part in arguments)
    if hint in (int, float) and isinstance(value, bool):  # a truth value is an int to Python, but not to a reader
        return False
    return isinstance(value, (int, float) if hint is float else hint)


def _in_words(hint: Any) -> str:
    """An annotation as a sentence's end."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return f"one of {', '.join(map(str, arguments))}"
    if origin is tuple:
        return f"a list, each {_in_words(arguments[0])}"
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_in_words(part) for part in arguments if part is not type(None))
    return {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}.get(hint, str(hint))

"""Settings by dotted names, on a run's configuration and on a small tree."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from rgsd.errors import UnknownName, UsageError
from rgsd.methods.rgsd import RgsdConfig
from rgsd.methods.runs import RunConfig
from rgsd.methods.settings import file_only_names, read_yaml, replace_settings, setting_names
from rgsd.options import FileOnly


@dataclass(frozen=True)
class Leaf:
    fraction: FileOnly[float] = 0.5
    widths: tuple[int, ...] = (8, 8)
    form: Literal["round", "flat"] = "round"


@dataclass(frozen=True)
class Tree:
    leaf: Leaf = Leaf()
    on: bool = True
    steps: int | None = None
    name: str = "oak"


def test_names_are_dotted_and_only_of_plain_fields() -> None:
    assert setting_names(Tree()) == ["leaf.fraction", "leaf.widths", "leaf.form", "on", "steps", "name"]


def test_those_of_a_file_alone_are_told_from_the_options() -> None:
    assert file_only_names(Tree()) == ["leaf.fraction"]


def test_numbers_in_yaml_are_what_they_look_like(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("a: {b: 1e-4, c: -2E+3, d: 3.e2}\ne: 7\nf: 1e-4x\ng: [1e-3, 4]\n")
    assert read_yaml(file) == {"a": {"b": 1e-4, "c": -2000.0, "d": 300.0}, "e": 7, "f": "1e-4x", "g": [1e-3, 4]}


@pytest.mark.parametrize(
    ("text", "said"),
    [("a: [", "not readable YAML"), ("", "holds no settings"), ("- 3", "holds no settings"), ("3: 4", "holds no")],
)
def test_a_file_without_settings_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(text)
    with pytest.raises(UsageError, match=said):
        read_yaml(file)


def test_what_is_replaced_is_replaced_and_nothing_else() -> None:
    changes = {"leaf.fraction": 1, "leaf.widths": [16], "leaf.form": "flat", "on": False, "steps": 7}
    assert replace_settings(Tree(), changes) == Tree(Leaf(1, (16,), "flat"), False, 7)
    assert replace_settings(Tree(), {}) == Tree()


def test_a_run_is_replaced_down_to_its_methods_encoder() -> None:
    found = replace_settings(
        RunConfig(), {"env.worst_body_distance": 0.1, "settings.encoder.latent_dim": 3, "body": "b"}
    )
    assert isinstance(found.settings, RgsdConfig)
    assert (found.env.worst_body_distance, found.settings.encoder.latent_dim, found.body) == (0.1, 3, "b")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("env.worst_body_distanc", "env.worst_body_distance"),
        ("imitation_fraction", "settings.imitation_fraction"),
        ("settings.enc.latent_dim", "settings.encoder.latent_dim"),
    ],
)
def test_an_unknown_setting_is_answered_with_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(UnknownName, match=f"unknown setting '{name}'; did you mean {nearest}"):
        replace_settings(RunConfig(), {name: 1})


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("leaf.fraction", "half", "setting leaf.fraction is 'half'; give a number"),
        ("leaf.fraction", True, "setting leaf.fraction is True; give a number"),
        ("leaf.widths", [8, 0.5], "give a list, each a whole number"),
        ("leaf.widths", 8, "give a list, each a whole number"),
        ("leaf.form", "square", "give one of round, flat"),
        ("on", 1, "give true or false"),
        ("steps", 0.5, "give a whole number"),
        ("name", 3, "give a text"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(name: str, value: object, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        replace_settings(Tree(), {name: value})

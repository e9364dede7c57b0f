"""Runs under older names are read as what they are called today."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from rgsd.errors import UsageError
from rgsd.methods.migration import REMOVED, migrate_config, migrate_state
from rgsd.methods.presets import make_preset
from rgsd.methods.runs import RunConfig
from rgsd.methods.settings import replace_settings

RENAMED = {
    "settings.imitation_fraction": 0.9,
    "settings.fraction_of": "samples",
    "settings.clip_sampling": "failures",
    "settings.rsi": "half",
    "settings.contrastive.hard_negatives": [0.0, 0.5],
    "trainer.warm_start.latents": "voronoi",
    "clip_set": "all",
}


def older(content: dict[str, Any]) -> dict[str, Any]:
    """What rgsd wrote before protocol 2 for the run of `RENAMED`."""
    settings = content["settings"]
    for new, old in (
        ("imitation_fraction", "imitation_share"),
        ("fraction_of", "share_of"),
        ("rsi", "reference_starts"),
    ):
        settings[old] = settings.pop(new)
    assert settings.pop("clip_sampling") == "failures"
    settings["practice"] = "losses"
    settings["contrastive"]["decoys"] = settings["contrastive"].pop("hard_negatives")
    content["trainer"]["warm_start"]["latents"] = "cells"
    content["collection"] = content.pop("clip_set")
    return content


def test_an_older_run_is_the_same_run(tmp_path: Path) -> None:
    config = replace_settings(make_preset("cpu", "rgsd", "quadruped"), RENAMED)
    config.save(tmp_path)
    file = tmp_path / "config.yaml"
    content = yaml.safe_load(file.read_text())
    assert migrate_config(content) == content
    file.write_text(yaml.safe_dump(older(content)))
    assert "imitation_share" in file.read_text()
    assert RunConfig.load(tmp_path) == config


def test_the_oracle_is_the_tracker(tmp_path: Path) -> None:
    config = make_preset("cpu", "tracker", "quadruped")
    config.save(tmp_path)
    file = tmp_path / "config.yaml"
    file.write_text(file.read_text().replace("method: tracker", "method: oracle").replace("clip_set:", "collection:"))
    assert RunConfig.load(tmp_path) == config


def test_a_checkpoints_parts_are_renamed() -> None:
    assert migrate_state({"losses": {"lost": 1}, "optimizer": 2}) == {"failures": {"lost": 1}, "optimizer": 2}


def test_what_means_nothing_any_more_is_left_out(tmp_path: Path) -> None:
    for method, keys in (("metra", ("settings", "minibatches")), ("ase", ("settings", "discriminator", "batch"))):
        config = make_preset("cpu", method, "quadruped")
        config.save(tmp_path)
        file = tmp_path / "config.yaml"
        content = yaml.safe_load(file.read_text())
        place = content
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = 20
        file.write_text(yaml.safe_dump(content))
        assert RunConfig.load(tmp_path) == config


def with_removed(folder: Path, changes: dict[str, object]) -> RunConfig:
    """The run as a `config.yaml` has it that still holds what there is no more."""
    config = make_preset("cpu", "rgsd", "quadruped")
    config.save(folder)
    file = folder / "config.yaml"
    content = yaml.safe_load(file.read_text())
    for path, value in (REMOVED | changes).items():
        *tables, name = path.split(".")
        place = content
        for table in tables:
            place = place[table]
        assert name not in place
        place[name] = value
    file.write_text(yaml.safe_dump(content))
    return config


def test_a_run_that_never_felt_a_removed_setting_is_the_same_run(tmp_path: Path) -> None:
    assert with_removed(tmp_path, {}) == RunConfig.load(tmp_path)


def test_a_run_that_felt_one_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with_removed(tmp_path, {"trainer.warm_start.changes": 1.2})
    with pytest.raises(UsageError) as caught:
        RunConfig.load(tmp_path)
    said = "trainer.warm_start.changes is 1.2, a setting that rgsd has no more; put 0.0 there to go on without it, or"
    assert str(caught.value) == f"{tmp_path / 'config.yaml'}: {said} train anew"

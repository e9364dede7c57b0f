"""A run's configuration, its file, and how the pieces come together."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from rgsd.bodies.body import Body
from rgsd.bodies.registry import make_body
from rgsd.errors import UnknownName, UsageError
from rgsd.learning.checkpoint import CheckpointError
from rgsd.learning.networks import NetworkConfig
from rgsd.learning.policy_files import PolicyError
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.learning.trainer import TrainerConfig
from rgsd.learning.warm_start import WarmStartConfig
from rgsd.methods.presets import PRESETS, make_preset
from rgsd.methods.registry import METHODS
from rgsd.methods.rgsd import RgsdConfig
from rgsd.methods.runs import RunConfig, check_method, load_library, make_trainer
from rgsd.methods.settings import replace_settings
from rgsd.methods.tracker import TrackerConfig
from rgsd.motions.clip_sets import CLIP_SETS, SetClip
from rgsd.motions.motion import Motion
from rgsd.skills.contrastive import ContrastiveConfig
from rgsd.skills.encoder import EncoderConfig

# RGSD and the tracker have no official code
AVAILABLE = [(p, m) for p in PRESETS for m in METHODS if p != "official" or m not in ("rgsd", "tracker")]


@pytest.mark.parametrize(("preset", "method"), AVAILABLE)
@pytest.mark.parametrize("body", ["quadruped", "smpl"])
def test_presets_are_complete_and_survive_their_file(tmp_path: Path, preset: str, method: str, body: str) -> None:
    config = dataclasses.replace(make_preset(preset, method, body), steps=100, clips=("a", "b"))
    assert (config.method, config.body) == (method, body)
    assert isinstance(config.settings, METHODS[method].settings)
    config.save(tmp_path)
    assert RunConfig.load(tmp_path) == config


def test_the_papers_preset_keeps_to_the_papers_algorithm() -> None:
    settings = make_preset("paper", "rgsd", "smpl").settings
    assert isinstance(settings, RgsdConfig)
    assert settings.kappa == settings.contrastive.kappa  # one for both phases
    assert isinstance(make_preset("paper", "tracker", "smpl").settings, TrackerConfig)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("cpus", "rgsd", "smpl"), "unknown preset 'cpus'; did you mean cpu"),
        (("cpu", "rsgd", "smpl"), "unknown method 'rsgd'; did you mean rgsd"),
        (("cpu", "rgsd", "quad"), "unknown body 'quad'; did you mean quadruped"),
    ],
)
def test_unknown_names_are_answered_with_the_nearest(names: tuple[str, str, str], said: str) -> None:
    with pytest.raises(UnknownName, match=said):
        make_preset(*names)
    if names[1] != "rgsd":
        with pytest.raises(UnknownName, match=said):
            check_method(names[1])


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("num_env",), 3, "unknown field 'num_env'; did you mean num_envs"),
        (("ppo", "gama"), 0.9, "unknown field 'gama'; did you mean gamma"),
        (("settings", "encoder", "latent_dims"), 4, "unknown field 'latent_dims'; did you mean latent_dim"),
        (("method",), "rgsdd", "not a run's configuration"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(tmp_path: Path, path: tuple[str, ...], value: object, said: str) -> None:
    RunConfig().save(tmp_path)
    file = tmp_path / "config.yaml"
    content = yaml.safe_load(file.read_text())
    node = content
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    file.write_text(yaml.safe_dump(content))
    with pytest.raises(UsageError, match=said) as caught:
        RunConfig.load(tmp_path)
    assert str(file) in str(caught.value)


def test_a_run_from_before_presets_were_recorded_is_the_same_run(tmp_path: Path) -> None:
    config = make_preset("paper", "rgsd", "quadruped")
    config.save(tmp_path)
    assert RunConfig.load(tmp_path).preset == "paper"
    file = tmp_path / "config.yaml"
    content = yaml.safe_load(file.read_text())
    del content["preset"]
    file.write_text(yaml.safe_dump(content))
    assert RunConfig.load(tmp_path).preset == ""
    assert RunConfig.load(tmp_path) == config  # so that a demo or sweep goes on with it


@pytest.mark.parametrize("content", ["", "a: [", "method: rgsd"])
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.yaml").write_text(content)
    with pytest.raises(UsageError, match=r"config.yaml: not a run's configuration"):
        RunConfig.load(tmp_path)


def test_a_folder_without_a_run_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no run of skills; train one with `rgsd train rgsd --out"):
        RunConfig.load(tmp_path)


def test_pretraining_is_not_repeated_where_a_checkpoint_holds_its_outcome(tmp_path: Path) -> None:
    settings = RgsdConfig(EncoderConfig(latent_dim=3, hidden=(8,)), ContrastiveConfig(steps=3, batch=16))
    names = load_library(RunConfig(), make_body("quadruped")).names
    network = NetworkConfig(actor_hidden=(8,), critic_hidden=(8,))
    loop = TrainerConfig(horizon=2)
    config = RunConfig(clips=names[:2], num_envs=2, network=network, trainer=loop, settings=settings)
    steps: list[int] = []
    first = make_trainer(config, tmp_path, lambda step, loss: steps.append(step))
    assert steps
    first.run(steps=4)
    steps.clear()
    again = make_trainer(config, tmp_path, lambda step, loss: steps.append(step))
    assert steps == []
    # what is built on the encoder while the run is put together has that of the checkpoint already
    exported = [trainer.method.export().clip_latents for trainer in (first, again)]
    for name in names[:2]:
        assert torch.equal(exported[0][name], exported[1][name])
    assert again.resume()
    assert again.iterate()["Train/mean_reward"] == first.iterate()["Train/mean_reward"]


def test_a_checkpoint_of_other_motions_is_refused_before_it_is_used(tmp_path: Path) -> None:
    config = RunConfig(method="tracker", num_envs=2, settings=TrackerConfig(), trainer=TrainerConfig(horizon=2))
    names = load_library(config, make_body("quadruped")).names
    make_trainer(dataclasses.replace(config, clips=names[:2]), tmp_path).run(steps=4)
    with pytest.raises(CheckpointError, match="the motions changed since the checkpoint; train anew"):
        make_trainer(dataclasses.replace(config, clips=names[:1]), tmp_path)


def test_planned_gaits_are_the_quadrupeds(tmp_path: Path) -> None:
    names = load_library(RunConfig(), make_body("quadruped")).names
    chosen = load_library(RunConfig(clips=names[1:3]), make_body("quadruped"))
    assert chosen.names == names[1:3]
    with pytest.raises(UsageError, match="gaits are planned for the quadruped, not for 'smpl'"):
        load_library(RunConfig(body="smpl"), make_body("smpl"))
    with pytest.raises(UnknownName, match="unknown clip"):
        load_library(RunConfig(clips=("moonwalk",)), make_body("quadruped"))


def test_the_gpu_preset_without_a_gpu_says_so_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match=r"--device cuda: .* does without by --device cpu"):
        make_trainer(make_preset("gpu", "rgsd", "quadruped"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_paths_are_made_absolute_before_a_run_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = make_preset("cpu", "rgsd", "smpl")
    loop = dataclasses.replace(config.trainer, warm_start=WarmStartConfig(teachers=("tracker/run", "other")))
    config = dataclasses.replace(config, motions="clips", trainer=loop).with_absolute_paths()
    assert config.motions == str(tmp_path / "clips")
    assert config.trainer.warm_start.teachers == (str(tmp_path / "tracker/run"), str(tmp_path / "other"))
    planned = make_preset("cpu", "rgsd", "quadruped")
    assert planned.with_absolute_paths() == planned


def test_a_teacher_that_is_not_there_is_missed_before_anything_is_spent(tmp_path: Path) -> None:
    config = make_preset("cpu", "rgsd", "quadruped")
    loop = dataclasses.replace(config.trainer, warm_start=WarmStartConfig(teachers=(str(tmp_path / "tracker"),)))
    pretrained: list[int] = []
    with pytest.raises(PolicyError, match=r"warm-start.teachers .*tracker: no policy there"):
        make_trainer(
            dataclasses.replace(config, trainer=loop), tmp_path / "run", lambda step, _: pretrained.append(step)
        )
    assert not pretrained
    assert not (tmp_path / "run").exists()


def test_a_run_keeps_an_environment_of_its_teacher(tmp_path: Path) -> None:
    few = {"num_envs": 4, "trainer.horizon": 2, "network.actor_hidden": [8], "network.critic_hidden": [8]}
    tracker = replace_settings(make_preset("cpu", "tracker", "quadruped"), few)
    make_trainer(tracker, tmp_path / "tracker").save()
    few |= {"trainer.warm_start.teachers": [str(tmp_path / "tracker")], "settings.contrastive.steps": 2}
    config = replace_settings(make_preset("cpu", "rgsd", "quadruped"), few)
    trainer = make_trainer(config, tmp_path / "run")
    trainer.run(8, None, lambda metrics: None)
    (tmp_path / "tracker").rename(tmp_path / "elsewhere")
    again = make_trainer(config, tmp_path / "run")
    assert again.resume()
    again.run(16, None, lambda metrics: None)
    taught, copied = (SkillPolicy.load(path) for path in (tmp_path / "elsewhere", tmp_path / "run" / "teachers" / "0"))
    for one, other in zip(taught.actor.parameters(), copied.actor.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_folder_that_holds_a_named_set_says_what_else_it_holds(
    tmp_path: Path,
    tiny: Body,
    tiny_motion: Callable[..., Motion],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for name in ("jab", "step", "long"):
        tiny_motion(name, np.zeros((51, 2))).save(tmp_path / f"{name}.npz")
    pair = (SetClip("jab", "punch", "", None), SetClip("step", "walk", "", None))
    monkeypatch.setitem(CLIP_SETS, "pair", pair)
    config = RunConfig(motions=str(tmp_path))
    assert load_library(config, tiny).names == ("jab", "step")
    assert "pair alone is taken; --clip-set all takes the others too (long)" in caplog.text
    caplog.clear()
    assert set(load_library(dataclasses.replace(config, clip_set="all"), tiny).names) == {"jab", "step", "long"}
    assert caplog.text == ""

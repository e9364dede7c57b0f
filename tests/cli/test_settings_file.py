"""`--config FILE`: what a file may set, what wins over it, and what is said of a file that does not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rgsd.cli import task, train
from rgsd.cli.main import main
from rgsd.methods.presets import make_preset
from rgsd.methods.rgsd import RgsdConfig
from rgsd.methods.runs import RunConfig
from rgsd.methods.settings import replace_settings
from rgsd.tasks.runs import TaskConfig


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The configurations that would have been trained."""
    found: list[Any] = []
    monkeypatch.setattr(train, "run_training", lambda config, folder: found.append(config))
    monkeypatch.setattr(task, "train_task", lambda config, *_: found.append(config))
    return found


def written(folder: Path, text: str) -> str:
    file = folder / "settings.yaml"
    file.write_text(text)
    return str(file)


def test_a_file_sets_what_is_no_option_and_options_win(tmp_path: Path, asked: list[RunConfig]) -> None:
    file = written(tmp_path, "num_envs: 64\nsteps: 9\nppo: {gae_lambda: 0.9, min_learning_rate: 1e-6, gamma: 0.5}\n")
    assert main(["train", "rgsd", "--config", file, "--ppo.gamma", "0.8", "--out", str(tmp_path / "run")]) == 0
    changes = {"num_envs": 64, "steps": 9, "ppo.gae_lambda": 0.9, "ppo.min_learning_rate": 1e-6, "ppo.gamma": 0.8}
    assert asked == [replace_settings(make_preset("cpu", "rgsd", "quadruped"), changes)]


def test_a_runs_config_makes_the_same_run_again(tmp_path: Path, asked: list[RunConfig]) -> None:
    changes = {"steps": 7, "clips": ["left"], "settings.encoder_minibatches": 2, "trainer.warm_start.epochs": 3}
    config = replace_settings(make_preset("paper", "rgsd", "quadruped"), changes)
    config.save(tmp_path)
    words = ["--preset", "paper", "--config", str(tmp_path / "config.yaml"), "--out", str(tmp_path / "run")]
    assert main(["train", "rgsd", *words]) == 0
    assert asked == [config]


def test_older_names_are_taken(tmp_path: Path, asked: list[RunConfig]) -> None:
    file = written(tmp_path, "steps: 7\nsettings: {imitation_share: 0.3, kl_states: imitation}\n")
    assert main(["train", "rgsd", "--config", file, "--out", str(tmp_path / "run")]) == 0
    assert isinstance(asked[0].settings, RgsdConfig)
    assert asked[0].settings.imitation_fraction == 0.3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ppo: {gama: 0.9}", "unknown setting 'ppo.gama'; did you mean ppo.gamma"),
        ("ppo: {gamma: high}", "setting ppo.gamma is 'high'; give a number"),
        ("settings: {kl_states: all}", "settings.kl_states is 'all', a setting that rgsd has no more; put 'imitation'"),
        ("method: ase", "method is ase; give ase in place of rgsd"),
        ("body: smpl", "body is smpl; give --body smpl as well"),
        ("preset: paper", "preset is paper; give --preset paper as well"),
        ("a: [", "not readable YAML"),
        (None, "no such file"),
    ],
)
def test_what_does_not_fit_is_refused_by_file_and_setting(
    text: str | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], asked: list[RunConfig]
) -> None:
    file = str(tmp_path / "none.yaml") if text is None else written(tmp_path, text)
    assert main(["train", "rgsd", "--steps", "7", "--config", file]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert f"--config {file}: {said}" in told
    assert asked == []


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("--ppo.gae-lambda=0.9", "--ppo.gae-lambda is no option; write `ppo: {gae_lambda: VALUE}` into a file"),
        ("--env.no-early-termination", "write `env: {early_termination: VALUE}` into a file"),
        ("--trainer.warm-start.epochs", "write `trainer: {warm_start: {epochs: VALUE}}` into a file"),
    ],
)
def test_what_is_no_option_says_where_it_is_set(word: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "rgsd", "--steps", "7", word]) == 2
    assert line in " ".join(capsys.readouterr().err.split())


def test_a_run_that_goes_on_keeps_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "rgsd", "--resume", str(tmp_path), "--config", "a.yaml"]) == 2
    assert "--config cannot be given with --resume" in capsys.readouterr().err


def test_a_task_takes_a_file_too(tmp_path: Path, asked: list[TaskConfig]) -> None:
    file = written(tmp_path, "period: 3\nppo: {gae_lambda: 0.9}\n")
    words = ["--config", file, "--steps", "7", "--period", "4", "--out", str(tmp_path / "task")]
    assert main(["task", "train", str(tmp_path), *words]) == 0
    changes = {"run": str(tmp_path), "ppo.gae_lambda": 0.9, "period": 4, "steps": 7}
    assert asked == [replace_settings(TaskConfig(), changes)]


def test_phase_1_takes_the_file_of_a_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def stop(library: Any, settings: Any, *_: Any) -> None:
        seen.append(settings)
        raise KeyboardInterrupt

    monkeypatch.setattr("rgsd.cli.pretrain.pretrained_encoder", stop)
    file = written(tmp_path, "num_envs: 3\nsettings: {contrastive: {batch: 12, kappa: 5}}\n")
    words = ["--config", file, "--settings.contrastive.kappa", "6", "--out", str(tmp_path / "out")]
    main(["pretrain", *words])
    assert (seen[0].contrastive.batch, seen[0].contrastive.kappa) == (12, 6)

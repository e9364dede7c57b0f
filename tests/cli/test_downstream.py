"""Goal reaching on the runs of a tiny table: every style and method once, and no more than once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rgsd.bodies.quadruped import make_quadruped
from rgsd.cli import downstream
from rgsd.cli.finishing import finish_all
from rgsd.cli.main import main
from rgsd.errors import UsageError
from rgsd.evaluation.downstream import DownstreamConfig
from rgsd.evaluation.protocol import EvaluationConfig
from rgsd.evaluation.sweep import Variant
from rgsd.methods.presets import make_preset
from rgsd.methods.settings import replace_settings
from rgsd.motions.synthesis.gait import Course, Gait
from rgsd.motions.synthesis.quadruped import synthesize
from rgsd.tasks.runs import TaskConfig
from rgsd.tasks.trainer import LoopConfig

A_MOMENT = 1e-6  # minutes: one iteration
TASK = TaskConfig(num_envs=4, loop=LoopConfig(horizon=4), search_latents=4)
EVALUATION = DownstreamConfig(num_envs=2, goals=1)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of RGSD and METRA, one seed, one iteration, where `rgsd reproduce table1` puts them; one more of RGSD."""
    folder, body = tmp_path_factory.mktemp("table"), make_quadruped()
    for name, course in (("ahead", Course(forward=0.4)), ("left", Course(left=0.3))):
        synthesize(body, name, name, Gait(), course, seconds=0.5).save(folder / "motions" / f"{name}.npz")
    tiny = {
        "motions": str(folder / "motions"),
        "minutes": A_MOMENT,
        "num_envs": 8,
        "trainer.horizon": 4,
        "trainer.warm_start.iterations": 0,
        "network.actor_hidden": [16],
        "network.critic_hidden": [16],
        "settings.encoder.hidden": [16],
        "settings.contrastive.steps": 3,
    }
    variants = [
        Variant(method, {}, replace_settings(make_preset("cpu", method, "quadruped"), tiny))
        for method in ("rgsd", "metra")
    ]
    silent = downstream.Console(quiet=True)
    evaluation = EvaluationConfig(1, 2, 0.1, 1, 1, threads=1)
    assert len([*finish_all(variants, [0], evaluation, folder, silent)]) == 2
    assert len([*finish_all(variants[:1], [1], evaluation, folder, silent)]) == 1
    return folder


def test_every_method_is_tried_in_every_style(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def reproduce(*styles: str, minutes: float = A_MOMENT) -> dict[str, dict[str, dict[str, dict[str, object]]]]:
        downstream.reproduce_downstream(table, minutes, styles, 1, tmp_path, TASK, EVALUATION)
        return json.loads((tmp_path / "downstream.json").read_text())

    found = reproduce("free")
    assert {style: list(rows) for style, rows in found.items()} == {"free": ["rgsd", "metra"]}
    assert found["free"]["metra"]["style_by_travel"]["points"] == [None]
    before = (tmp_path / "free" / "rgsd" / "seed0" / "evaluation" / "task.json").stat().st_mtime_ns
    capsys.readouterr()
    found = reproduce("free", "sidestep")
    assert capsys.readouterr().out.count("finished before") == 2
    assert (tmp_path / "free" / "rgsd" / "seed0" / "evaluation" / "task.json").stat().st_mtime_ns == before
    for method in ("rgsd", "metra"):
        run = tmp_path / "sidestep" / method / "seed0"
        measured = json.loads((run / "evaluation" / "task.json").read_text())
        # METRA has no encoder of single states: RGSD's names the nearest clip for both
        assert (measured["method"], measured["clips"], measured["encoder_run"]) == (method, ["left"], "rgsd/seed0")
        rows = found["sidestep"][method]
        assert rows["fid"]["points"] == [measured["fid"]]
        assert 0 <= rows["style_by_encoder"]["mean"] <= 1  # pyright: ignore[reportOperatorIssue]
        # one iteration of 4 environments, 4 decisions of 5 control steps
        assert rows["training.samples"]["mean"] == 80
    text = (tmp_path / "downstream.md").read_text()
    for name in ("free.png", "free_curves.png", "sidestep.png", "sidestep_curves.png"):
        assert f"({name})" in text
        assert (tmp_path / name).stat().st_size > 1000
    history = tmp_path / "free" / "metra" / "seed0" / "metrics.jsonl"
    seconds = json.loads(history.read_text())["seconds"]
    found = reproduce("free", minutes=1.001 * seconds / 60)  # one more iteration, where that is more than there was
    assert len(history.read_text().splitlines()) == 2
    assert found["free"]["metra"]["training.samples"]["mean"] == 160
    with pytest.raises(UsageError, match=r"free.rgsd.seed0: was trained with other settings"):
        downstream.reproduce_downstream(table, A_MOMENT, ("free",), 1, tmp_path, TaskConfig(), EVALUATION)


def test_only_methods_whose_seeds_are_all_there_take_part(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    downstream.reproduce_downstream(table, A_MOMENT, ("free",), 2, tmp_path, TASK, EVALUATION)
    assert "lacks finished runs of them: diayn, metra, ase" in " ".join(capsys.readouterr().out.split())
    found = json.loads((tmp_path / "downstream.json").read_text())["free"]
    assert list(found) == ["rgsd"]
    assert len(found["rgsd"]["success"]["points"]) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--task.style", "stand"], "--task.style is set by this command; use --minutes-per-task, --styles, --seeds"),
        (["--seeds", "3"], "not all of --seeds 3 of rgsd are finished there"),
        (["--seeds", "1", "--styles", "free", "free"], "--styles free free: name at least one, and each once"),
        (["--seeds", "1", "--styles", "free", "sideways"], "unknown style 'sideways'; did you mean sidestep"),
        (["--seeds", "1", "--styles", "backward"], "no clip of the run travels so"),
        (["--seeds", "1", "--evaluation.goals", "0"], "--evaluation.goals is 0; give a number of 1 or more"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_spent(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    command = ["reproduce", "downstream", str(table), "--minutes-per-task", "1", "--out", str(tmp_path / "out")]
    if "--seeds" not in words:
        words = [*words, "--seeds", "1"]
    assert main([*command, *words]) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()

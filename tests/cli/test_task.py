"""A task on a quadruped that has hardly learned anything: trained, gone on with, measured; and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rgsd.bodies.registry import make_body
from rgsd.cli.main import main
from rgsd.cli.play import prepare
from rgsd.errors import UsageError
from rgsd.motions.synthesis.gait import Course, Gait
from rgsd.motions.synthesis.quadruped import synthesize

TINY = ["--num-envs", "4", "--loop.horizon", "4", "--network.actor-hidden", "16", "--network.critic-hidden", "16"]
ITERATION = 4 * 4 * 5  # environments x decisions x control steps


@pytest.fixture(scope="module")
def skills(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of RGSD of two iterations on two short gaits."""
    folder, body = tmp_path_factory.mktemp("skills"), make_body("quadruped")
    for name, course in (("ahead", Course(forward=0.4)), ("left", Course(left=0.3))):
        synthesize(body, name, name, Gait(), course, seconds=0.6).save(folder / "motions" / f"{name}.npz")
    words = [
        "train", "rgsd", "--out", str(folder / "run"), "--motions", str(folder / "motions"), "--steps", "64",
        "--num-envs", "8", "--trainer.horizon", "4", "--trainer.warm-start.iterations", "1",
        "--settings.contrastive.steps", "3", "--settings.encoder.hidden", "16",
        "--network.actor-hidden", "16", "--network.critic-hidden", "16",
    ]  # fmt: skip
    assert main(words) == 0
    return folder / "run"


def test_a_task_is_trained_gone_on_with_and_measured(
    skills: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "task"
    train = ["task", "train", str(skills), "--style", "sidestep", "--out", str(run), *TINY]
    assert main([*train, "--steps", str(ITERATION)]) == 0
    assert list(json.loads((run / "style.json").read_text())) == ["left"]
    assert main(["task", "train", "--resume", str(run), "--steps", str(2 * ITERATION)]) == 0
    assert "going on at iteration 1" in capsys.readouterr().out
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [row["samples"] for row in rows] == [ITERATION, 2 * ITERATION]
    assert main([*train, "--steps", "99"]) == 2
    assert "there is a run already" in capsys.readouterr().err
    small = ["--config.num-envs", "2", "--config.goals", "1", "--no-video", "--json"]
    assert main(["task", "evaluate", str(run), *small]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result == json.loads((run / "evaluation" / "task.json").read_text())
    assert result["issued"] == 2
    assert 0 <= result["style_by_encoder"] <= 1
    assert result["latent_source"] == {"left": "training"}
    assert {p.name for p in (run / "evaluation").iterdir()} == {"task.json", "traces.png", "curves.png"}
    for path in (run, skills):
        prepare(str(path), None, None, None, tmp_path, 0)  # ready to be played: nothing is missing
    with pytest.raises(UsageError, match="--clip left: a task chooses its own latents"):
        prepare(str(run), None, None, "left", tmp_path, 0)


def test_skills_whose_motions_have_moved(skills: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    moved, task = tmp_path / "moved", tmp_path / "task"
    (skills.parent / "motions").rename(moved)
    train = ["task", "train", str(skills), "--style", "sidestep", "--out", str(task), *TINY, "--steps", str(ITERATION)]
    evaluate = ["task", "evaluate", str(task), "--config.num-envs", "2", "--config.goals", "1", "--no-video", "--json"]
    try:
        assert main(train) == 2
        assert str(skills.parent / "motions") in capsys.readouterr().err
        assert main([*train, "--motions", str(moved)]) == 0
        resume = ["task", "train", "--resume", str(task), "--steps", str(2 * ITERATION)]
        for words in (resume, evaluate):
            assert main(words) == 2
            assert main([*words, "--motions", str(moved)]) == 0
    finally:
        moved.rename(skills.parent / "motions")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--style", "sidestpe"], "unknown style 'sidestpe'; did you mean sidestep"),
        (["--style", "backward"], "no clip of the run travels so"),
        (["--field.radius", "-1"], "--field.radius is -1.0; give a positive number"),
    ],
)
def test_what_cannot_be_trained_is_refused_and_takes_no_folder(
    skills: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert main(["task", "train", str(skills), "--out", str(tmp_path / "task"), "--steps", "10", *TINY, *words]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "task").exists()


def test_help_and_refusals_know_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as status:
        main(["task", "train", "--help"])
    assert status.value.code == 0
    first = [line.strip("│ ").split(" ")[0] for line in capsys.readouterr().out.splitlines()]
    for option in ("RUN", "--out", "--resume", "--motions", "--style", "--minutes"):
        assert option in first
    for misspelt, meant in (("--motion", "--motions"), ("--resum", "--resume"), ("--stile", "--style")):
        with pytest.raises(SystemExit) as status:
            main(["task", "train", "runs/a", misspelt, "x"])
        assert status.value.code == 2
        shown = capsys.readouterr().err
        assert "Perhaps you meant" in shown
        assert f"{meant} " in shown
    assert main(["task", "train", "--minutes", "3"]) == 2
    assert "RUN must come first" in capsys.readouterr().err


def test_a_folder_that_is_no_task_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["task", "evaluate", str(tmp_path)]) == 2
    assert f"{tmp_path / 'task.yaml'}: no such file" in capsys.readouterr().err

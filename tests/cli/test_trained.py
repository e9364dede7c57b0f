"""The commands that use a trained run, where its motions have moved."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from rgsd.bodies.registry import make_body
from rgsd.cli import record
from rgsd.cli.main import main
from rgsd.learning.networks import NetworkConfig
from rgsd.learning.trainer import TrainerConfig
from rgsd.methods.rgsd import RgsdConfig
from rgsd.methods.runs import RunConfig, make_trainer
from rgsd.motions.motion import Motion
from rgsd.motions.synthesis.gait import Course, Gait
from rgsd.motions.synthesis.quadruped import synthesize
from rgsd.skills.contrastive import ContrastiveConfig
from rgsd.skills.encoder import EncoderConfig


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An iteration of training on two short gaits, which lie in `moved/` beside the run afterwards."""
    folder, body = tmp_path_factory.mktemp("runs"), make_body("quadruped")
    for name, course in (("ahead", Course(forward=0.4)), ("turn", Course(turn=1.0))):
        synthesize(body, name, name, Gait(), course, seconds=0.4).save(folder / "motions" / f"{name}.npz")
    config = RunConfig(
        motions=str(folder / "motions"),
        num_envs=2,
        network=NetworkConfig(actor_hidden=(8,), critic_hidden=(8,)),
        trainer=TrainerConfig(horizon=2),
        settings=RgsdConfig(EncoderConfig(latent_dim=3, hidden=(8,)), ContrastiveConfig(steps=3, batch=16)),
    )
    make_trainer(config, folder / "run").run(steps=4)
    config.save(folder / "run")
    (folder / "motions").rename(folder / "moved")
    return folder / "run"


def test_the_landscape_of_motions_that_have_moved(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["landscape", str(run)]) == 2
    assert str(run.parent / "motions") in capsys.readouterr().err
    assert main(["landscape", str(run), "--motions", str(run.parent / "moved"), "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)["clips"]) == {"ahead", "turn"}


def test_a_folder_of_pretraining_has_no_motions_to_move(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["landscape", str(tmp_path), "--motions", "elsewhere"]) == 2
    assert "--motions elsewhere: " in capsys.readouterr().err


def test_a_film_of_motions_that_have_moved(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    captions: list[str] = []

    def render(body: object, qpos: np.ndarray, ghost: object, caption: str) -> list[np.ndarray]:
        captions.append(caption)
        return [np.zeros((4, 4, 3), np.uint8)] * len(qpos)

    monkeypatch.setattr(record, "render_frames", render)
    monkeypatch.setattr(record, "write_mp4", lambda path, frames, fps: None)
    words = ["record", str(run), "--clips", "turn", "--out", str(tmp_path / "film.mp4")]
    assert main(words) == 2
    assert main([*words, "--motions", str(run.parent / "moved")]) == 0
    assert captions == ["turn"]


def test_a_film_of_a_published_policy_under_a_latent_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lengths: list[int] = []

    def render(body: object, qpos: np.ndarray, ghost: object, caption: object) -> list[np.ndarray]:
        lengths.append(len(qpos))
        return [np.zeros((4, 4, 3), np.uint8)] * len(qpos)

    monkeypatch.setattr(record, "render_frames", render)
    monkeypatch.setattr(record, "write_mp4", lambda path, frames, fps: None)
    words = ["record", "quadruped-gaits", "--seconds", "0.4", "--out", str(tmp_path / "film.mp4")]
    assert main([*words, "--z", "0", "-2", "0", "0"]) == 0
    assert lengths == [10]  # 0.4 s at 50 Hz, every second frame
    for more, said in (
        (["--z", "1", "0"], "--z holds 2 numbers; this policy's latents have 4"),
        ([], "a published policy has no motions with it; give --random, --z, or its --motions"),
    ):
        assert main([*words, *more]) == 2
        assert said in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--random", "-2"], "--random is -2"),
        (["--kappa", "-5"], "--kappa is -5; give a positive number"),
        (["--seconds", "nan"], "--seconds is nan; give a positive number"),
        (["--out", "film.gif"], "--out film.gif: the film is an MP4"),
    ],
)
def test_a_film_that_cannot_be_made(words: list[str], said: str, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["record", str(run), *words]) == 2
    assert said in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--config.rollouts-per-clip", "0"], "--config.rollouts-per-clip is 0; give a number of 1 or more"),
        (["--config.num-envs", "0"], "--config.num-envs is 0; give a number of 1 or more"),
        (["--config.discovery-seconds", "-1"], "--config.discovery-seconds is -1.0; give a positive number"),
    ],
)
def test_an_evaluation_of_nothing_is_refused(
    words: list[str], said: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(run), "--motions", str(run.parent / "moved"), *words]) == 2
    assert said in " ".join(capsys.readouterr().err.split())


def test_the_search_for_latents(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["search", str(run), "--motions", str(run.parent / "moved"), "--latents", "4", "2", "--rollouts", "2"]
    assert main([*words, "--json"]) == 0
    content = json.loads((run / "evaluation" / "search.json").read_text())
    assert content == json.loads(capsys.readouterr().out)
    assert content["latents"] == [2, 4]
    for rows in (content["again_cm"], content["least_cm"]):
        assert list(rows["clips"]) == ["ahead", "turn"]
        assert rows["mean"] == pytest.approx(np.mean(list(rows["clips"].values()), axis=0))
    assert main(words) == 0
    heading, _, *lines = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert heading == ["clip", "2", "4"]
    assert lines[0] == ["ahead", *(f"{error:.2f}" for error in content["again_cm"]["clips"]["ahead"])]
    assert main(["search", str(run), "--latents", "0"]) == 2
    assert "--latents 0: give at least 1" in capsys.readouterr().err


QUICK = ["--quick", "--no-video", "--json", "--config.discovery-seconds", "0.2", "--config.threads", "1"]


def test_a_quick_look_from_a_run_that_stays_as_it_is(run: Path, tmp_path: Path) -> None:
    before = sorted(path for path in run.rglob("*") if path.name != "search.json")
    words = ["evaluate", str(run), "--motions", str(run.parent / "moved"), "--out", str(tmp_path / "out"), *QUICK]
    assert main(words) == 0
    assert sorted(path for path in run.rglob("*") if path.name != "search.json") == before
    result = json.loads((tmp_path / "out" / "evaluation" / "evaluation.json").read_text())
    assert result["below_protocol"] == {
        "rollouts_per_clip": 4, "num_latents": 64, "variations_per_clip": 4, "rollouts_per_switch": 0,
        "held_out_latents": 64,
    }  # fmt: skip
    assert result["discovery"]["switching"] is None
    assert result["discovery"]["num_latents"] == 64
    assert "A quick look, with fewer" in (tmp_path / "out" / "evaluation" / "report.html").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--quick", "--config.num-latents", "9"], "--quick sets --config.num-latents to 64; leave one of the two out"),
        (["--out", "{file}/out"], "cannot be written to (Not a directory); choose another place, --out"),
        (["--motions", "{other}"], "--motions {other}: other motions than"),
        (["--body", "{file}.xml"], "{file}.xml"),
    ],
)
def test_what_is_not_evaluated(
    words: list[str], said: str, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The motions are not where they were, which is found later than a place that cannot be written to."""
    body, places = make_body("quadruped"), {"file": str(tmp_path / "file"), "other": str(tmp_path / "other")}
    (tmp_path / "file").write_text("no folder")
    for name in ("ahead", "turn"):
        synthesize(body, name, name, Gait(), Course(forward=-0.2), seconds=0.4).save(tmp_path / "other" / f"{name}.npz")
    out = [] if "--out" in words else ["--out", str(tmp_path / "out")]
    assert main(["evaluate", str(run), *out, *(word.format(**places) for word in words)]) == 2
    assert said.format(**places) in " ".join(capsys.readouterr().err.split())


def test_a_film_has_a_place_before_it_is_made(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("no folder")
    assert main(["record", str(run), "--out", str(tmp_path / "file" / "film.mp4")]) == 2
    assert "cannot be written to" in capsys.readouterr().err


def test_a_policy_alone_is_evaluated_on_its_own_motions(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(run / "policy", tmp_path / "own")
    shutil.copytree(run.parent / "moved", tmp_path / "more")
    body = make_body("quadruped")
    synthesize(body, "left", "left", Gait(), Course(left=0.2), seconds=0.4).save(tmp_path / "more" / "left.npz")
    words = ["evaluate", str(tmp_path / "own"), "--out", str(tmp_path / "out"), *QUICK]
    assert main(words) == 2
    assert "has no motions with it; give its --motions" in capsys.readouterr().err
    assert main([*words, "--motions", str(tmp_path / "more")]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert set(shown) == {"mean", "discovery", "performed_by"}
    assert shown["performed_by"] == []  # planned, and by nobody
    result = json.loads((tmp_path / "out" / "evaluation" / "evaluation.json").read_text())
    assert list(result["clips"]) == ["ahead", "turn"]
    assert result["weights_sha256"] == json.loads((run / "policy" / "policy.json").read_text())["weights_sha256"]
    turned = Motion.load(tmp_path / "more" / "turn.npz")
    turned.qpos[:, 7] += 0.2  # a hinge
    turned.save(tmp_path / "more" / "turn.npz")
    assert main([*words, "--motions", str(tmp_path / "more")]) == 2
    assert "'turn' begins otherwise" in capsys.readouterr().err
    (tmp_path / "more" / "turn.npz").unlink()
    assert main([*words, "--motions", str(tmp_path / "more")]) == 2
    assert "lacks turn, which the policy was trained on" in capsys.readouterr().err


def test_a_training_goes_on_where_its_motions_lie_now(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(run, tmp_path / "run")
    words = ["train", "rgsd", "--resume", str(tmp_path / "run"), "--steps", "8", "--logger", "none"]
    assert main(words) == 2
    capsys.readouterr()
    assert main([*words, "--motions", str(run.parent / "moved")]) == 0
    config = RunConfig.load(tmp_path / "run")
    assert (config.motions, config.logger, config.steps) == (str((run.parent / "moved").resolve()), "none", 8)
    other = ["--body", "smpl"]
    assert main([*words, *other]) == 2
    assert "--body smpl cannot be given with --resume: the run keeps its body quadruped" in capsys.readouterr().err

"""How `rgsd train` explains and asks for its options, and what it makes of a GPU whose memory runs out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rgsd.bodies.mjcf import load_mjcf
from rgsd.bodies.registry import BODIES
from rgsd.cli import train
from rgsd.cli.main import main
from rgsd.errors import UsageError
from rgsd.learning import distributed
from rgsd.methods.presets import PRESETS
from rgsd.methods.registry import METHODS
from rgsd.methods.runs import RunConfig
from rgsd.motions.motion import Motion

OPTIONS = ("--body", "--preset", "--out", "--resume", "--motions", "--minutes", "--settings.kappa")


@pytest.mark.parametrize("words", [[], ["rgsd"], ["--body", "quadruped"], ["rgsd", "--resume", "nowhere"]])
def test_help_explains_every_option_with_the_names_it_takes(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as status:
        main(["train", *words, "--help"])
    assert status.value.code == 0
    shown = capsys.readouterr().out
    first = [line.strip("│ ").split(" ")[0] for line in shown.splitlines()]
    for option in ("METHOD", *OPTIONS):
        assert option in first
    named = set(shown.replace(",", " ").replace(";", " ").replace(".", " ").split())
    assert {*METHODS, *BODIES, *PRESETS} <= named
    assert "Defaults are those of METHOD rgsd, body quadruped and preset cpu." in shown


def test_help_is_short_enough_to_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "rgsd", "--help"])
    first = {line.strip("│ ").split(" ")[0] for line in capsys.readouterr().out.splitlines()}
    options = {word for word in first if word.startswith("--")}
    assert "--ppo.gamma" in options
    assert "--ppo.gae-lambda" not in options
    assert len(options) <= 55


def test_the_defaults_that_help_shows_are_those_of_the_choice(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "diayn", "--body", "smpl", "--help"])
    shown = capsys.readouterr().out
    assert "METHOD diayn, body smpl and preset cpu" in shown
    assert "--settings.imitation-fraction" not in shown  # RGSD's alone


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [("--boddy", "--body STR"), ("--prest", "--preset STR"), ("--resum", "--resume"), ("--ouut", "--out")],
)
def test_a_misspelt_option_is_answered_with_the_nearest(
    misspelt: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as status:
        main(["train", "rgsd", "--steps", "1", misspelt, "x"])
    assert status.value.code == 2
    shown = capsys.readouterr().err
    assert "Perhaps you meant" in shown
    assert meant in shown


def test_the_options_make_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[RunConfig, Path]] = []
    monkeypatch.setattr(train, "run_training", lambda config, folder: asked.append((config, folder)))
    words = ["--body", "smpl", "--preset", "paper", "--out", str(tmp_path / "a"), "--steps", "7", "--seed", "3"]
    assert main(["train", "metra", *words]) == 0
    ((config, folder),) = asked
    assert (config.method, config.body, config.preset) == ("metra", "smpl", "paper")
    assert (config.steps, config.seed, folder) == (7, 3, tmp_path / "a")


def test_without_a_method_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as status:
        main(["train", "--minutes", "3"])
    assert status.value.code == 2
    assert "argument 'method'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "error",
    [
        torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("Failed to allocate 2147483648 bytes on device 'cuda:0'"),  # Warp's
    ],
)
def test_when_the_gpu_is_full_a_run_with_fewer_environments_is_proposed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: RuntimeError
) -> None:
    said = _said_about(error, 4096, tmp_path, monkeypatch)
    assert said.startswith(f"--num-envs 4096: the memory does not suffice ({str(error).split('.')[0]}); ")
    assert said.endswith("a run keeps its number of environments, train a new one with fewer, such as --num-envs 2048")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("num_envs", "remedy"),
    [(20, "such as --num-envs 8"), (4, "and has one a process")],  # half of 20 is 10, and 8 are shared out evenly
)
def test_the_environments_that_are_proposed_can_be_shared_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, num_envs: int, remedy: str
) -> None:
    monkeypatch.setattr(distributed, "size", lambda: 4)
    said = _said_about(torch.cuda.OutOfMemoryError("CUDA out of memory."), num_envs, tmp_path, monkeypatch)
    assert said.endswith(remedy)


def test_other_errors_stay_what_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _fails_with(RuntimeError("shapes"), monkeypatch)
    with pytest.raises(RuntimeError, match=r"^shapes$"):
        train.run_training(RunConfig(steps=1), tmp_path / "run")


def _said_about(error: RuntimeError, num_envs: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    _fails_with(error, monkeypatch)
    with pytest.raises(UsageError) as caught:
        train.run_training(RunConfig(num_envs=num_envs, steps=1), folder / "run")
    return str(caught.value)


def _fails_with(error: RuntimeError, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(train, "make_trainer", full)


def test_a_folder_that_another_training_holds_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two that start within a second have both seen it free."""
    folder = tmp_path / "a[/b]"
    with train.claimed(folder):
        assert main(["train", "rgsd", "--steps", "1", "--out", str(folder)]) == 2
    assert f"{folder}: another training is writing there; wait for it" in " ".join(capsys.readouterr().err.split())
    assert not folder.exists()  # it came to nothing


ROBOT = """<mujoco><option timestep="0.01"/><worldbody><body name="trunk" pos="0 0 .25"><freejoint/>
<geom type="box" size=".1 .1 .05" mass="5"/><body name="leg" pos=".06 0 0"><joint name="hip" axis="0 1 0"/>
<geom type="capsule" fromto="0 0 0 0 0 -.2" size=".03" mass=".1"/></body></body></worldbody>
<actuator><motor joint="hip"/></actuator></mujoco>"""


def test_a_robot_with_motors_takes_gains_and_is_tried_before_it_is_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "hopper.xml"
    file.write_text(ROBOT)
    body = load_mjcf(file, "20,1")
    qpos = np.tile(body.standing_qpos, (20, 1))
    names = body.joint_names, body.body_names
    Motion("still", "hopper", 50.0, *names, qpos, np.zeros((20, body.model.nv))).save(tmp_path / "still.npz")
    words = ["train", "rgsd", "--body", str(file), "--motions", str(tmp_path / "still.npz"), "--steps", "1"]
    assert main([*words, "--out", str(tmp_path / "run")]) == 2
    assert "is no position servo" in " ".join(capsys.readouterr().err.split())
    assert main([*words, "--out", str(tmp_path / "run"), "--gains", "1e6,0"]) == 2
    assert "body 'hopper' blows up after" in " ".join(capsys.readouterr().err.split())

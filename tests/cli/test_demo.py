"""`rgsd demo` whole, in miniature, on a machine that cannot film; and what it prints to try next."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from functools import partial
from pathlib import Path

import pytest

from rgsd.bodies.registry import make_body
from rgsd.cli import demo, evaluate
from rgsd.cli.main import COMMANDS, main
from rgsd.evaluation.protocol import QUICK, EvaluationConfig
from rgsd.learning.networks import NetworkConfig
from rgsd.learning.teachers import load_teacher
from rgsd.learning.warm_start import WarmStartConfig
from rgsd.methods.presets import make_preset
from rgsd.methods.rgsd import RgsdConfig
from rgsd.methods.runs import RunConfig, load_library
from rgsd.viewing.video import GlUnavailable


def tiny_preset(name: str, method: str, body: str) -> RunConfig:
    """The demo's settings with two clips, few environments, and networks and pretraining that cost next to nothing."""
    config = make_preset(name, method, body)
    settings = config.settings
    assert isinstance(settings, RgsdConfig)
    return dataclasses.replace(
        config,
        clips=("forward_slow", "left"),
        num_envs=16,
        network=NetworkConfig(actor_hidden=(16,), critic_hidden=(16,)),
        trainer=dataclasses.replace(config.trainer, horizon=4, warm_start=WarmStartConfig(iterations=1)),
        settings=dataclasses.replace(
            settings,
            contrastive=dataclasses.replace(settings.contrastive, steps=3),
            encoder=dataclasses.replace(settings.encoder, hidden=(16,)),
        ),
    )


def test_without_gl_the_demo_goes_its_whole_way_and_says_where_everything_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_gl(*_: object) -> None:
        raise GlUnavailable("no offscreen OpenGL here")

    few = {"rollouts_per_clip": 2, "discovery_seconds": 0.3, "variations_per_clip": 1, "rollouts_per_switch": 1}
    monkeypatch.setattr(demo, "make_preset", tiny_preset)
    monkeypatch.setattr(demo, "EvaluationConfig", partial(EvaluationConfig, threads=1, **few))
    monkeypatch.setattr(evaluate, "write_showreel", no_gl)
    monkeypatch.setattr(sys, "argv", ["elsewhere/bin/rgsd", "demo"])
    run = tmp_path / "a folder" / "demo"
    assert main(["demo", "--minutes", "0.02", "--out", str(run)]) == 0

    report = run / "evaluation" / "report.html"
    assert "No film was made" in report.read_text()
    assert sorted(file.stem for file in (run / "motions").iterdir()) == ["forward_slow", "left"]
    lines = capsys.readouterr().out.splitlines()
    assert "no film: no offscreen OpenGL here" in lines
    assert lines[-10].startswith("clips   followed for ")
    assert lines[-9].startswith("skills  of 64 random ones ")
    assert lines[-8:-4] == [
        f"report  {report}",
        f"plots   {report.parent / 'plots'}",
        "film    none yet; `elsewhere/bin/rgsd doctor` says what films take",
        "",
    ]
    assert list((report.parent / "plots").glob("*.png"))
    assert lines[-4] == "Try next:"
    words = [shlex.split(line) for line in lines[-3:]]
    assert {(program, command in COMMANDS) for program, command, *_ in words} == {("elsewhere/bin/rgsd", True)}
    assert words[0][1:] == ["play", str(run)]
    assert words[1][1:5] == ["train", "rgsd", "--resume", str(run)]


def test_the_humanoid_begins_from_the_published_tracker_on_the_embedded_motions(
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = demo._config("smpl")
    assert config.motions == "embedded"
    (teacher,) = config.trainer.warm_start.teachers
    library = load_library(config, make_body("smpl"))
    known = load_teacher(Path(teacher), library)  # which refuses a policy that knows none of the clips
    assert set(library.names) <= set(known.clips)
    assert demo._evaluation("smpl", 20.0).below_protocol == QUICK.below_protocol
    assert main(["demo", "--body", "smpl-walks5", "--minutes", "1"]) == 2
    assert "the demo trains quadruped and smpl" in capsys.readouterr().err


def test_the_commands_begin_as_the_program_was_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "my bin" / "rgsd"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)

    def called(word: str, path: Path) -> str:
        monkeypatch.setenv("PATH", str(path))
        monkeypatch.setattr(sys, "argv", [word])
        return demo._program()

    assert called(str(program), program.parent) == "rgsd"  # found by name: the system gives the whole path
    assert called(str(program), tmp_path) == f"'{program}'"
    assert called("/somewhere/rgsd/__main__.py", tmp_path) == f"{shlex.quote(sys.executable)} -m rgsd"

"""`rgsd view`, up to the window: what is played, of which body."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from rgsd.bodies.body import Body
from rgsd.bodies.registry import make_body
from rgsd.cli import view
from rgsd.cli.main import main
from rgsd.methods.presets import make_preset
from rgsd.motions.motion import Motion
from rgsd.viewing.viewer import Take

Played = list[tuple[str, list[str]]]


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    """What would have been played: the body, and the names of the takes."""
    seen: Played = []

    def note(body: Body, takes: Sequence[Take]) -> None:
        seen.append((body.name, [take.name for take in takes]))

    monkeypatch.setattr(view, "play", note)
    return seen


@pytest.fixture
def motions(tmp_path: Path) -> Path:
    """Two clips of the quadruped, standing."""
    body = make_body("quadruped")
    qpos = np.tile(body.standing_qpos, (5, 1))
    for name in ("one", "two"):
        clip = Motion(name, body.name, 50.0, body.joint_names, body.body_names, qpos, np.zeros((5, body.model.nv)))
        clip.save(tmp_path / "motions" / f"{name}.npz")
    return tmp_path / "motions"


def test_a_folder_of_motions_or_one_of_them(motions: Path, played: Played) -> None:
    assert main(["view", str(motions)]) == 0
    assert main(["view", str(motions), "--clips", "two"]) == 0
    assert main(["view", str(motions / "one.npz")]) == 0
    assert played == [("quadruped", ["one", "two"]), ("quadruped", ["two"]), ("quadruped", ["one"])]


def test_a_run_plays_what_was_recorded_on_its_own_body(tmp_path: Path, played: Played) -> None:
    make_preset("cpu", "rgsd", "quadruped").save(tmp_path)
    (tmp_path / "evaluation").mkdir()
    qpos = np.tile(make_body("quadruped").standing_qpos, (6, 1))
    np.savez(
        tmp_path / "evaluation" / "rollouts.npz",
        **{"fps": 50.0, "clip_names": ["left"], "clip_offsets": [0, 6], "qpos": qpos, "discovery_qpos": qpos[None]},
    )
    assert main(["view", str(tmp_path)]) == 0
    assert played == [("quadruped", ["left", "random skill 1"])]


def test_what_cannot_be_played_is_refused(motions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_preset("cpu", "rgsd", "quadruped").save(tmp_path / "run")
    assert main(["view", str(tmp_path / "run")]) == 2
    assert "no evaluation/rollouts.npz to play; run `rgsd evaluate" in capsys.readouterr().err
    assert main(["view", str(tmp_path / "run"), "--body", "dog.xml"]) == 2
    assert "is a run, which keeps its own body" in capsys.readouterr().err
    assert main(["view", str(motions), "--clips", "tow"]) == 2
    assert "unknown clip 'tow'; did you mean two" in capsys.readouterr().err


def test_without_a_display_it_says_what_to_do(
    motions: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert main(["view", str(motions)]) == 2
    assert "rgsd: error: no display to open a window on; without one, `rgsd record RUN`" in capsys.readouterr().err

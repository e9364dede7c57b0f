"""`rgsd play`, up to the browser: what is loaded, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rgsd.bodies.body import BodyError
from rgsd.bodies.registry import make_body
from rgsd.cli.main import main
from rgsd.cli.play import prepare
from rgsd.errors import UnknownName, UsageError
from rgsd.methods.presets import make_preset
from rgsd.motions.motion import Motion


@pytest.fixture
def motions(tmp_path: Path) -> Path:
    """Two clips of the quadruped, standing."""
    body = make_body("quadruped")
    qpos = np.tile(body.standing_qpos, (5, 1))
    for name in ("one", "two"):
        clip = Motion(name, body.name, 50.0, body.joint_names, body.body_names, qpos, np.zeros((5, body.model.nv)))
        clip.save(tmp_path / "motions" / f"{name}.npz")
    return tmp_path / "motions"


def ready(what: Path | str, motions: str | None = None, body: str | None = None, clip: str | None = None) -> None:
    prepare(str(what), motions, body, clip, Path("takes"), 0)


def test_motions_and_published_policies_are_ready_to_be_played(motions: Path) -> None:
    ready(motions)
    ready(motions / "one.npz", clip="one")
    ready("quadruped-gaits", motions=str(motions), clip="turn_left")


def test_what_cannot_be_played_is_refused(motions: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="unknown clip 'tow'; did you mean two"):
        ready(motions, clip="tow")
    with pytest.raises(UnknownName, match="'jump'"):
        ready("quadruped-gaits", clip="jump")
    with pytest.raises(UsageError, match=r"neither a run's folder nor a published policy: .*quadruped-gaits"):
        ready(tmp_path / "nothing")
    with pytest.raises(BodyError, match=r"dog.xml"):  # where a moved body would be looked for
        ready("quadruped-gaits", body="dog.xml")
    make_preset("cpu", "rgsd", "quadruped").save(tmp_path / "run")
    with pytest.raises(ValueError, match=r"policy\.json"):
        ready(tmp_path / "run")


def test_without_viser_it_says_what_to_install(
    motions: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["play", str(motions)]) == 2
    assert "install rgsd with its play extra, `rgsd[play]`" in capsys.readouterr().err

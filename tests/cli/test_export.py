"""`rgsd export`: which policy it takes, and what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from rgsd import pretrained
from rgsd.cli.main import main
from rgsd.learning.skill_policy import SkillPolicy


def test_a_published_policy_and_a_folder_give_the_same_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxscript")
    SkillPolicy.load(pretrained.find("quadruped")).save(tmp_path / "policy")
    assert main(["export", "quadruped-gaits", "--onnx", str(tmp_path / "a")]) == 0
    assert main(["export", str(tmp_path / "policy"), "--onnx", str(tmp_path / "b")]) == 0
    assert f"run it: python {tmp_path / 'a' / 'run.py'}" in capsys.readouterr().out
    for name in ("actor.onnx", "encoder.onnx", "body.xml", "run.py"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_it_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "quadruped-gaits"]) == 2
    assert "give --onnx FOLDER, --web FOLDER, or both" in capsys.readouterr().err
    assert main(["export", "nobody", "--onnx", str(tmp_path)]) == 2
    assert "quadruped-gaits" in capsys.readouterr().err

"""`rgsd motions perform`, with a tracker that has learned nothing and therefore stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from rgsd import pretrained
from rgsd.cli.main import main
from rgsd.methods.presets import make_preset
from rgsd.methods.runs import make_trainer
from rgsd.methods.settings import replace_settings
from rgsd.motions.motion import Motion


def test_what_a_tracker_survives_is_written_with_who_performed_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = {"num_envs": 2, "network.actor_hidden": [8], "network.critic_hidden": [8], "clips": ["stand", "forward_fast"]}
    config, run = replace_settings(make_preset("cpu", "tracker", "quadruped"), few), tmp_path / "run"
    trainer = make_trainer(config, run)
    config.save(run)
    trainer.save()
    words = ["motions", "perform", str(run), "--attempts", "2", "--out"]
    assert main([*words, str(tmp_path / "out")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "left out, as no attempt survived: forward_fast" in said
    (file,) = (tmp_path / "out").iterdir()
    motion = Motion.load(file)
    assert motion.name == "stand"
    assert motion.performer == f"run, weights {trainer.policy().digest}"
    assert motion.source.startswith("performed in simulation: ")
    assert main([*words, str(tmp_path / "again")]) == 0
    assert (tmp_path / "again" / "stand.npz").read_bytes() == file.read_bytes()
    capsys.readouterr()
    assert main([*words, str(tmp_path / "out")]) == 2
    assert "holds npz files, which the new ones would be mixed with" in " ".join(capsys.readouterr().err.split())


def test_who_cannot_perform(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    skilled, out = str(pretrained.find("smpl")), ["--out", str(tmp_path / "out")]
    for words, said in (
        ([skilled, "--motions", "embedded"], "a rgsd policy follows no clip; give a run of `rgsd train tracker`"),
        (["smpl-tracker20"], "a published tracker has no motions with it; give its --motions"),
        (["smpl-tracker20", "--attempts", "0"], "--attempts is 0"),
    ):
        assert main(["motions", "perform", *words, *out]) == 2
        assert said in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()

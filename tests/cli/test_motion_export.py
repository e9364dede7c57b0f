"""`rgsd motions export` of motions and of what an evaluation recorded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rgsd.bodies.body import Body
from rgsd.bodies.quadruped import make_quadruped
from rgsd.bodies.smpl import make_smpl
from rgsd.cli.main import main
from rgsd.methods.runs import RunConfig
from rgsd.motions.formats.bvh import read_bvh
from rgsd.motions.motion import Motion, save_arrays


def still(body: Body, name: str, frames: int = 8) -> Motion:
    qpos = np.tile(body.standing_qpos, (frames, 1))
    rates = np.zeros((frames, body.model.nv))
    return Motion(name, body.name, body.control_hz, body.joint_names, body.body_names, qpos, rates)


def test_motions_go_out_and_come_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    still(make_smpl(), "rest").save(tmp_path / "own" / "rest.npz")
    for form in ("bvh", "npz"):
        out, back = tmp_path / form, tmp_path / f"{form}_back"
        assert main(["motions", "export", str(tmp_path / "own"), "--format", form, "--out", str(out)]) == 0
        assert main(["motions", "import", str(out), "--out", str(back)]) == 0
        assert Motion.load(back / "rest.npz").num_frames == 8
    capsys.readouterr()
    assert main(["motions", "export", str(tmp_path / "own"), "--out", str(tmp_path / "bvh")]) == 2
    assert f"--out {tmp_path / 'bvh'}: holds rest.bvh already" in " ".join(capsys.readouterr().err.split())


def test_rollouts_of_a_run_go_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body, run = make_quadruped(), tmp_path / "run"
    assert main(["motions", "export", str(tmp_path / "run"), "--out", str(tmp_path / "none")]) == 2
    RunConfig().save(run)
    capsys.readouterr()
    assert main(["motions", "export", str(run), "--out", str(tmp_path / "out")]) == 2
    assert f"run `rgsd evaluate {run}` first" in " ".join(capsys.readouterr().err.split())
    poses = np.tile(body.standing_qpos, (9, 1)).astype(np.float32)
    recorded = {"fps": 50.0, "clip_offsets": np.array([0, 4, 9]), "clip_names": np.array(["left", "a/[b]"])}
    save_arrays(run / "evaluation" / "rollouts.npz", recorded | {"qpos": poses, "discovery_qpos": poses[None, :3]})
    assert main(["motions", "export", str(run), "--out", str(tmp_path / "out[/b]")]) == 0
    found = {file.stem: read_bvh(file).num_frames for file in (tmp_path / "out[/b]").iterdir()}
    assert found == {"left": 4, "a_b": 5, "random_skill_1": 3}
    assert "3 files written to" in capsys.readouterr().out


def test_a_robots_motions_take_its_file(
    tmp_path: Path, tiny_motion: Callable[..., Motion], capsys: pytest.CaptureFixture[str]
) -> None:
    tiny_motion("wave", np.zeros((51, 2))).save(tmp_path / "wave.npz")
    assert main(["motions", "export", str(tmp_path / "wave.npz"), "--out", str(tmp_path / "out")]) == 2
    assert "body 'tiny' is not built in; give its file" in " ".join(capsys.readouterr().err.split())

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rgsd.cli.main import main


@pytest.fixture
def source(tmp_path: Path) -> Path:
    poses = np.zeros((10, 72))
    poses[:, 0] = np.pi / 2
    folder = tmp_path / "source"
    folder.mkdir()
    np.savez(folder / "rest_poses.npz", poses=poses, trans=np.zeros((10, 3)), mocap_framerate=30)
    np.savez(folder / "shape.npz", betas=np.zeros(16))
    return folder


def test_imported_motions_are_listed(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["motions", "import", str(source), "--out", str(out), "--json"]) == 0
    files = json.loads(capsys.readouterr().out)["files"]
    assert [file["status"] for file in files] == ["taken", "skipped"]
    assert main(["motions", "list", str(out), "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert (listed["name"], listed["frames"], listed["body"]) == ("rest", 10, "smpl")
    assert set(listed["quality"]) == {"fk_error_cm", "penetration_cm", "skate_cm", "largest_jump_rad"}
    assert main(["motions", "list", str(out)]) == 0
    assert "rest" in capsys.readouterr().out


def test_reasons_are_told(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (source / "dance.pkl").write_bytes(b"")
    assert main(["motions", "import", str(source), "--out", str(tmp_path / "out")]) == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "1 motions written" in words
    assert "dance.pkl: a pickle, which may run foreign code" in words
    assert "shape.npz: no poses and trans" in words
    assert main(["motions", "import", str(source / "dance.pkl"), "--out", str(tmp_path / "out")]) == 2
    assert main(["motions", "import", str(source), "--out", str(tmp_path / "out"), "--body", "smlp"]) == 2
    assert "did you mean smpl" in capsys.readouterr().err


def test_info_tells_the_dialect(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    joints = ("Hips", "LHipJoint", "RHipJoint", "LowerBack")
    blocks = "".join(f"{'JOINT' if i else 'ROOT'} {n} {{ OFFSET 0 0 0 CHANNELS 0 " for i, n in enumerate(joints))
    (tmp_path / "a.bvh").write_text(f"HIERARCHY {blocks} {' }' * 4} MOTION Frames: 3 Frame Time: 0.0083333")
    assert main(["motions", "info", str(tmp_path / "a.bvh"), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["format"], facts["fps"], facts["frames"]) == ("BVH, CMU skeleton", 120.0, 3)
    assert facts["usable"].startswith("no")


def test_planned_gaits_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["motions", "synthesize", "--out", str(tmp_path)]) == 0
    assert len(list(tmp_path.glob("*.npz"))) == 8
    assert main(["motions", "synthesize", "--out", str(tmp_path), "--body", "smpl"]) == 2
    assert "--body smpl: gaits are planned for 'quadruped' alone" in capsys.readouterr().err

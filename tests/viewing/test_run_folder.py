from pathlib import Path

import numpy as np
import pytest

from rgsd.viewing.run_folder import RunFolder, RunFolderError


def test_paths_start_at_the_origin_facing_forward(run_dir: Path) -> None:
    file = run_dir / "evaluation" / "rollouts.npz"
    # start at (2, 3) facing +y and walk 1 m along +y, then 1 m along -x, which is to the left
    xy, half = np.array([[2, 3], [2, 4], [1, 4]], dtype=float), np.sqrt(0.5)
    qpos = np.concatenate([xy, [[0.5, half, 0, 0, half]] * 3], axis=1)
    own = {"clip_names": ["left"], "clip_offsets": [0, 3], "reference_qpos": qpos}
    np.savez(file, root_pos=qpos[None, :, :3], root_yaw=np.full((1, 3), np.pi / 2), **own)
    run, expected = RunFolder(run_dir), np.array([[0, 0], [1, 0], [1, 1]])
    assert run.discovery_paths()[0] == pytest.approx(expected, abs=1e-12)
    assert run.reference_paths()["left"] == pytest.approx(expected, abs=1e-12)


def test_errors_come_from_the_rollouts(run_dir: Path) -> None:
    first, *_ = errors = RunFolder(run_dir).clip_errors()
    assert [e.name for e in errors] == ["walk_forward", "walk_back", "turn_left"]
    assert first.root_m == pytest.approx(np.full((2, 40), 0.1))  # every rollout is 0.1 m to the left,
    assert first.pose_cm == pytest.approx(np.zeros((2, 40)), abs=1e-5)  # in the reference's pose
    assert set(first.levels_cm) == {"static_pose", "open_loop_replay"}
    assert first.group == "walk"


def test_an_empty_folder_is_a_run_without_anything(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert (run.config, run.history, run.evaluation, run.rollouts, run.films, run.clip_errors()) == (
        {},
        [],
        {},
        {},
        [],
        [],
    )


def test_a_line_still_being_written_is_left_out_but_a_broken_one_is_told(run_dir: Path) -> None:
    file = run_dir / "metrics.jsonl"
    text = file.read_text()
    file.write_text(text + '{"iteration": 3')
    assert len(RunFolder(run_dir).history) == 30
    file.write_text('{"iteration"\n' + text)
    with pytest.raises(RunFolderError, match=r"metrics\.jsonl: line 1 is not JSON"):
        _ = RunFolder(run_dir).history


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="no such folder"):
        RunFolder(tmp_path / "nothing")
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "evaluation" / "evaluation.json").write_text("{")
    (tmp_path / "evaluation" / "rollouts.npz").write_text("no archive")
    with pytest.raises(RunFolderError, match=r"evaluation\.json: not readable JSON"):
        _ = RunFolder(tmp_path).evaluation
    with pytest.raises(RunFolderError, match=r"rollouts\.npz: not a readable npz"):
        _ = RunFolder(tmp_path).rollouts


def test_groups_come_from_the_evaluation_or_else_the_embedding(run_dir: Path) -> None:
    np.savez(run_dir / "latents.npz", clip_names=["hop", "turn_left"], group=["jump", "other"])
    groups = {"hop": "jump", "walk_forward": "walk", "walk_back": "walk", "turn_left": "turn"}
    assert RunFolder(run_dir).groups == groups

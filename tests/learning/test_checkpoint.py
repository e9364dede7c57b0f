"""Checkpoints are whole or absent, and logs are cut back to them."""

from __future__ import annotations

import errno
import json
import pickle
from pathlib import Path

import pytest
import torch

from rgsd.atomic import write_atomically
from rgsd.learning.checkpoint import (
    CheckpointError,
    cut_metrics,
    load_latest_checkpoint,
    save_checkpoint,
)


def test_a_full_disk_is_reported_with_the_files_name(tmp_path: Path) -> None:
    def fill(p: Path) -> None:
        p.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left") as caught:
        write_atomically(tmp_path / "file.txt", fill)
    assert caught.value.filename == str(tmp_path / "file.txt")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_old_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(tmp_path, 1, {"iteration": 1})

    def full(self: Path, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left") as caught:
        save_checkpoint(tmp_path, 2, {"iteration": 2})
    assert "checkpoint_00000002.pt" in str(caught.value.filename)
    assert load_latest_checkpoint(tmp_path) == {"iteration": 1}


def test_a_failing_writer_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "file.txt"
    write_atomically(path, lambda p: p.write_text("old"))

    def fail(p: Path) -> None:
        p.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, fail)
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_the_latest_two_are_kept(tmp_path: Path) -> None:
    assert load_latest_checkpoint(tmp_path) is None
    for iteration in (9, 10, 100):
        save_checkpoint(tmp_path, iteration, {"iteration": iteration, "x": torch.ones(2)})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["checkpoint_00000010.pt", "checkpoint_00000100.pt"]
    state = load_latest_checkpoint(tmp_path)
    assert state is not None
    assert state["iteration"] == 100


def test_what_a_killed_writer_left_is_no_checkpoint(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, 1, {"iteration": 1})
    (tmp_path / ".checkpoint_00000002.pt.123.tmp").write_bytes(b"half")
    state = load_latest_checkpoint(tmp_path)
    assert state == {"iteration": 1}


class Payload:
    """Would run code when unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return (exec, ("raise SystemExit",))


@pytest.mark.parametrize(
    "content", [b"", b"not a checkpoint", pickle.dumps(Payload(), protocol=2)], ids=["empty", "text", "code"]
)
def test_damaged_files_and_pickled_code_are_refused(tmp_path: Path, content: bytes) -> None:
    save_checkpoint(tmp_path, 1, {"iteration": 1})
    (tmp_path / "checkpoint_00000002.pt").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"checkpoint_00000002.pt: not a readable .* delete it to resume"):
        load_latest_checkpoint(tmp_path)


def test_the_log_is_cut_at_the_checkpoint_and_at_half_a_line(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    cut_metrics(path, 3)  # no log yet
    assert not path.exists()
    whole = [json.dumps({"iteration": i}) + "\n" for i in range(1, 6)]
    path.write_text("".join(whole))
    cut_metrics(path, 3)
    assert path.read_text() == "".join(whole[:3])
    path.write_text("".join(whole[:2]) + '{"iterat')
    cut_metrics(path, 5)
    assert path.read_text() == "".join(whole[:2])
    cut_metrics(path, 0)
    assert path.read_text() == ""

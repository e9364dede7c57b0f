"""Atomic files: checkpoints that are either whole or absent, and logs that are cut back to them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import torch

from rgsd.atomic import write_atomically

_PATTERN = "checkpoint_*.pt"


class CheckpointError(ValueError):
    """A checkpoint or run folder that cannot be used; the message names the file and the remedy."""


def save_checkpoint(folder: Path, iteration: int, state: dict[str, Any], keep: int = 2) -> Path:
    """Write the state of an iteration and drop all but the latest `keep` checkpoints."""
    path = _path(folder, iteration)
    whole = io.BytesIO()  # torch's own writer reports a full disk as a fault of its archive
    torch.save(state, whole)
    write_atomically(path, lambda p: p.write_bytes(whole.getbuffer()))
    for old in sorted(folder.glob(_PATTERN))[:-keep]:
        old.unlink()
    return path


def load_latest_checkpoint(folder: Path) -> dict[str, Any] | None:
    """The newest checkpoint of a folder, or None if it holds none; pickled code is refused.

    Raises:
        CheckpointError: the file is damaged.
    """
    paths = sorted(folder.glob(_PATTERN))
    return _load(paths[-1], "it") if paths else None


def load_checkpoint(folder: Path, iteration: int) -> dict[str, Any]:
    """The part of one of several processes, which goes with the first one's; pickled code is refused.

    Args:
        folder: of that process, beside the checkpoints of the first.
        iteration: of the first one's checkpoint.

    Raises:
        CheckpointError: the file is damaged or missing.
    """
    return _load(_path(folder, iteration), str(_path(folder.parent, iteration)))


def _path(folder: Path, iteration: int) -> Path:
    return folder / f"checkpoint_{iteration:08d}.pt"


def _load(path: Path, to_delete: str) -> dict[str, Any]:
    try:
        return torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # torch raises many kinds for a damaged file
        # torch's own message runs over many lines and proposes to trust the file
        raise CheckpointError(
            f"{path}: not a readable checkpoint ({type(error).__name__}); "
            f"delete {to_delete} to resume from the one before"
        ) from error


def cut_metrics(path: Path, iteration: int) -> None:
    """Drop the lines of `metrics.jsonl` that come after an iteration, and a last line that is not whole."""
    if not path.exists():
        return
    kept = []
    for line in path.read_text().splitlines():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            break
        if row["iteration"] > iteration:
            break
        kept.append(line + "\n")
    write_atomically(path, lambda p: p.write_text("".join(kept)))

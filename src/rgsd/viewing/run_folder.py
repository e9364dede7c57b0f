"""`RunFolder`: what a finished or running training has left on disk, read for viewing. Everything is optional.

| file | written by | read as |
|---|---|---|
| `config.yaml` | training | `config` |
| `metrics.jsonl` | training, one object an iteration | `history` |
| `policy/policy.json` | training | `policy` |
| `landscape.json` | `rgsd.evaluation.landscape` | `landscape` |
| `latents.npz`: `clip_names` and `group` (M,), `z` (M, d), `mu` (F, d), `clip` (F,) | pretraining | `latents` |
| `evaluation/evaluation.json` | `rgsd.evaluation.protocol` | `evaluation` |
| `evaluation/rollouts.npz` | `rgsd.evaluation.recording` | `rollouts` |
| `evaluation/*.mp4` | `rgsd.viewing.showreel` | `films` |
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
import yaml

from rgsd import rotations
from rgsd.evaluation.measures import heading_local, pose_error, root_error
from rgsd.evaluation.protocol import PROTOCOL_VERSION
from rgsd.learning.policy_files import DESCRIPTION
from rgsd.methods.migration import migrate_config
from rgsd.viewing.plots import ClipErrors, number


class RunFolderError(ValueError):
    """A file of a run that cannot be read; the message names it and the remedy."""


@dataclass(frozen=True)
class RunFolder:
    """A run folder; files are read when first asked for, and a missing one is empty."""

    path: Path
    """The folder; that of a published policy will do."""
    out: Path | None = None
    """Where what is measured lies, if not there: the views of the encoder and the evaluation."""

    @property
    def results(self) -> Path:
        """Where what is measured lies."""
        return self.out or self.path

    def __post_init__(self) -> None:
        if not self.path.is_dir():
            raise RunFolderError(f"{self.path}: no such folder; give one that `rgsd train` made, below runs/")

    @cached_property
    def config(self) -> dict[str, Any]:
        """What was asked of the training."""
        file = self.path / "config.yaml"
        try:
            content = yaml.safe_load(file.read_text()) if file.exists() else {}
        except yaml.YAMLError as error:
            raise RunFolderError(f"{file}: not readable YAML ({error}); restore it or remove it") from None
        return migrate_config(content) if isinstance(content, dict) else {}

    @cached_property
    def history(self) -> list[dict[str, Any]]:
        """Training iterations in order; a last line that is still being written is left out."""
        file = self.path / "metrics.jsonl"
        lines = file.read_text().splitlines() if file.exists() else []
        rows = []
        for i, line in enumerate(lines):
            try:
                rows.append(json.loads(line))
            except ValueError as error:
                if i + 1 < len(lines):
                    raise RunFolderError(f"{file}: line {i + 1} is not JSON ({error}); remove that line") from None
        return rows

    @cached_property
    def policy(self) -> dict[str, Any]:
        """The published policy's description."""
        inside = self.path / "policy" / DESCRIPTION
        return _json(inside if inside.exists() else self.path / DESCRIPTION)

    @cached_property
    def evaluation(self) -> dict[str, Any]:
        """What the protocol measured.

        Raises:
            RunFolderError: by another version of the protocol, whose names and numbers are not those of today.
        """
        file = self.results / "evaluation" / "evaluation.json"
        content = _json(file)
        if content and content.get("protocol") != PROTOCOL_VERSION:
            found, remedy = content.get("protocol"), f"`rgsd evaluate {self.path}` writes it anew"
            raise RunFolderError(f"{file}: protocol is {found}, this rgsd reads {PROTOCOL_VERSION}; {remedy}")
        return content

    @cached_property
    def landscape(self) -> dict[str, Any]:
        """The reward landscape."""
        return _json(self.results / "landscape.json")

    @cached_property
    def latents(self) -> dict[str, np.ndarray]:
        """Embeddings of the clips' frames."""
        return _arrays(self.results / "latents.npz")

    @cached_property
    def rollouts(self) -> dict[str, np.ndarray]:
        """The rollouts behind the evaluation; `rgsd.evaluation.recording` tells the arrays."""
        return _arrays(self.results / "evaluation" / "rollouts.npz")

    @property
    def films(self) -> list[Path]:
        """Videos of the run."""
        return sorted(self.results.glob("evaluation/*.mp4"))

    @cached_property
    def clips(self) -> dict[str, dict[str, Any]]:
        """Metrics of the deterministic policy by clip."""
        return self.evaluation.get("clips") or {}

    @cached_property
    def rows(self) -> dict[str, dict[str, Any]]:
        """The reference rows that were measured, by name."""
        return {name: row for name, row in (self.evaluation.get("reference_rows") or {}).items() if row}

    @property
    def groups(self) -> dict[str, str]:
        """Group of each clip; a clip whose group is not recorded is its own."""
        embedded = [self.latents.get(key, np.array([])).tolist() for key in ("clip_names", "group")]
        groups = dict(zip(*embedded, strict=False))
        evaluated = {name: clip.get("group") or groups.get(name) or name for name, clip in self.clips.items()}
        return groups | evaluated

    def clip_errors(self) -> list[ClipErrors]:
        """Errors of the deterministic rollouts, frame by frame, in the clips' order in the evaluation."""
        data = self.rollouts
        if not data:
            return []
        names = [n for n in self.clips or dict.fromkeys(data["clip"].tolist()) if n in data["clip"]]
        return [self._errors_of(name) for name in names]

    def _errors_of(self, name: str) -> ClipErrors:
        data = self.rollouts
        pose, root = [], []
        for i in np.flatnonzero((data["clip"] == name) & data["deterministic"]):
            part = slice(int(data["offsets"][i]), int(data["offsets"][i + 1]))
            own, reference = (torch.from_numpy(data[f"{p}body_pos"][part]) for p in ("", "reference_"))
            turns = (torch.from_numpy(data[f"{p}root_quat"][part]) for p in ("", "reference_"))
            own_local, local = (heading_local(p, q) for p, q in zip((own, reference), turns, strict=True))
            pose.append(100.0 * pose_error(own_local, local).numpy())
            root.append(root_error(own[:, 0], reference[:, 0]).numpy())
        levels = {row: number(_of_clip(self.rows.get(row), name)) for row in ("static_pose", "open_loop_replay")}
        levels = {row: level for row, level in levels.items() if np.isfinite(level)}
        fps = float(data["fps"])
        return ClipErrors(name, self.groups.get(name, name), fps, np.stack(pose), np.stack(root), levels)

    def reference_paths(self) -> dict[str, np.ndarray]:
        """Root paths (T, 2) of the reference clips in their start's heading frame, m."""
        data = self.rollouts
        if not data:
            return {}
        paths = {}
        for i, name in enumerate(data["clip_names"].tolist()):
            part = slice(int(data["clip_offsets"][i]), int(data["clip_offsets"][i + 1]))
            qpos = torch.from_numpy(data["reference_qpos"][part])
            paths[name] = rotations.seen_from(qpos[0, :2], rotations.yaw(qpos[0, 3:7]), qpos[:, :2]).numpy()
        return paths

    def discovery_paths(self) -> np.ndarray:
        """Root paths (L, T, 2) of the discovery rollouts, each in its start's heading frame, m."""
        xy, yaw = (torch.from_numpy(self.rollouts[key]) for key in ("root_pos", "root_yaw"))
        return rotations.seen_from(xy[:, :1, :2], yaw[:, :1], xy[..., :2]).numpy()


def _of_clip(row: dict[str, Any] | None, name: str) -> object:
    return (row or {}).get("clips", {}).get(name, {}).get("cartesian_error_cm")


def _json(file: Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_text()) if file.exists() else {}
    except ValueError as error:
        raise RunFolderError(f"{file}: not readable JSON ({error}); make it again, or remove it") from None


def _arrays(file: Path) -> dict[str, np.ndarray]:
    if not file.exists():
        return {}
    try:
        with np.load(file, allow_pickle=False) as data:
            return {key: data[key] for key in data.files}
    except (OSError, ValueError, BadZipFile) as error:
        raise RunFolderError(f"{file}: not a readable npz ({error}); make it again, or remove it") from None

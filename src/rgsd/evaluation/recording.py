"""`rollouts.npz`: the rollouts behind an evaluation, for other people's measures and for viewing. No pickles.

Rollouts differ in length, so frames of all lie one after another, as in `MotionLibrary`: imitation rollout i owns
rows `offsets[i]` to `offsets[i + 1]` of every per-frame array.

| array | shape | meaning |
|---|---|---|
| `clip`, `deterministic`, `offsets` | (R,), (R,), (R + 1,) | clip name and policy mode of each rollout; its rows |
| `body_pos`, `reference_body_pos` | (F, B, 3) | world positions, m; bodies are `body_names` |
| `root_quat`, `reference_root_quat` | (F, 4) | wxyz |
| `fps` | () | frames a second |
| `clip_names`, `clip_offsets` | (M,), (M + 1,) | the clips, and their rows of the next two |
| `qpos`, `reference_qpos` | (G, nq) | one deterministic rollout a clip beside its reference |
| `z`, `root_pos`, `root_yaw`, `fell` | (L, d), (L, T, 3), (L, T), (L,) | discovery rollouts |
| `discovery_qpos` | (at most 8, T, nq) | whole poses of the first discovery rollouts |
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rgsd import rotations
from rgsd.evaluation.discovery import Discovery
from rgsd.evaluation.rollouts import Rollouts
from rgsd.motions.library import MotionLibrary
from rgsd.motions.motion import save_arrays


class Recording:
    """Collects rollouts and writes them.

    Args:
        library: the references.
    """

    def __init__(self, library: MotionLibrary) -> None:
        self._library = library
        self._rollouts: list[tuple[int, bool, Tensor, Tensor]] = []
        self._shown: dict[int, Tensor] = {}
        self._discovery: dict[str, Any] = {}

    def add_clip(self, clip: int, rollouts: Rollouts, deterministic: bool) -> None:
        """Keep the rollouts (R, T) of clip number `clip`."""
        for pos, quat in zip(rollouts.states.body_pos, rollouts.root_quat, strict=True):
            self._rollouts.append((clip, deterministic, pos.cpu(), quat.cpu()))
        if deterministic:
            self._shown[clip] = rollouts.states.qpos[0].cpu()

    def add_discovery(self, found: Discovery) -> None:
        """Keep the discovery rollouts."""
        kept = {
            "z": found.z,
            "root_pos": found.root_pos,
            "root_yaw": rotations.yaw(found.root_quat),
            "fell": found.fell,
            "discovery_qpos": found.qpos,
        }
        self._discovery = {name: tensor.cpu().numpy() for name, tensor in kept.items()}

    def save(self, path: Path) -> None:
        """Write everything in one piece."""
        library, shown = self._library, sorted(self._shown)
        clips = [self._reference(clip) for clip, *_ in self._rollouts]
        arrays: dict[str, Any] = {
            "clip": np.array([library.names[clip] for clip, *_ in self._rollouts]),
            "deterministic": np.array([deterministic for _, deterministic, *_ in self._rollouts]),
            "offsets": _offsets([len(pos) for *_, pos, _ in self._rollouts]),
            "body_names": np.array(library.body.body_names),
            "fps": library.body.control_hz,
            "body_pos": torch.cat([pos for *_, pos, _ in self._rollouts]).numpy(),
            "root_quat": torch.cat([quat for *_, quat in self._rollouts]).numpy(),
            "reference_body_pos": library.states.body_pos[torch.cat(clips)].cpu().numpy(),
            "reference_root_quat": library.states.body_quat[torch.cat(clips), 0].cpu().numpy(),
            "clip_names": np.array([library.names[clip] for clip in shown]),
            "clip_offsets": _offsets([len(self._shown[clip]) for clip in shown]),
            "qpos": torch.cat([self._shown[clip] for clip in shown]).numpy(),
            "reference_qpos": library.states.qpos[torch.cat([self._reference(c) for c in shown])].cpu().numpy(),
        }
        save_arrays(path, arrays | self._discovery)

    def _reference(self, clip: int) -> Tensor:
        """Rows of the library that belong to a clip."""
        return torch.arange(int(self._library.offsets[clip]), int(self._library.offsets[clip + 1]))


def _offsets(lengths: list[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)

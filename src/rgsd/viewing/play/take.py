"""`Take`: what was seen, kept frame by frame, and written as npz or as a film."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rgsd.bodies.body import Body
from rgsd.bodies.state import BodyState
from rgsd.errors import UsageError
from rgsd.learning.checkpoint import write_atomically
from rgsd.viewing.video import montage, render_frames, write_mp4

_FILM_HZ = 25.0


class Take:
    """A recording of N bodies.

    Args:
        body: what moves.
        fps: frames a second.
    """

    def __init__(self, body: Body, fps: float) -> None:
        self.body, self.fps = body, fps
        self._qpos: list[np.ndarray] = []
        self._z: list[np.ndarray] = []
        self._ghost: list[np.ndarray | None] = []

    def __len__(self) -> int:
        return len(self._qpos)

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self) / self.fps

    def add(self, state: BodyState, z: np.ndarray, ghost: np.ndarray | None) -> None:
        """Keep one frame: states (N,), latents (N, d), and the pose (nq,) of the first body's ghost."""
        self._qpos.append(state.qpos.double().numpy().copy())
        self._z.append(z.copy())
        self._ghost.append(ghost)

    def write(self, folder: Path, kind: str) -> Path:
        """Write take-<number>.<kind> into a folder, after those that are there.

        npz holds `qpos` (T, N, nq), m and rad; `z` (T, N, d), the latents; `fps`; `body`, its name. No pickles. mp4 is
        a film of all bodies side by side, the first with its ghost.

        Args:
            folder: made if it is not there.
            kind: npz or mp4.

        Raises:
            UsageError: nothing was recorded, or the number of bodies has changed on the way.
            FilmUnavailable: this machine cannot render, or not encode films.
        """
        counts = {len(qpos) for qpos in self._qpos}
        if len(counts) != 1:
            raise UsageError(
                "nothing was recorded; let some time pass"
                if not counts
                else "the number of bodies changed while recording; record each number for itself"
            )
        folder.mkdir(parents=True, exist_ok=True)
        path = next(p for n in range(1, 10**6) if not (p := folder / f"take-{n}.{kind}").exists())
        if kind == "npz":
            write_atomically(path, self._save)
        else:
            self._film(path)
        return path

    def _save(self, path: Path) -> None:
        with path.open("wb") as file:  # given a path, numpy would add a suffix of its own
            np.savez_compressed(
                file, qpos=np.stack(self._qpos), z=np.stack(self._z), fps=self.fps, body=np.array(self.body.name)
            )

    def _film(self, path: Path) -> None:
        stride = max(1, round(self.fps / _FILM_HZ))
        qpos, ghosts = np.stack(self._qpos)[::stride], self._ghost[::stride]
        ghost = None if any(g is None for g in ghosts) else np.stack([g for g in ghosts if g is not None])
        panels = [
            render_frames(self.body, qpos[:, n], ghost if n == 0 else None, size=(480, 360))
            for n in range(qpos.shape[1])
        ]
        write_mp4(path, montage(panels), self.fps / stride)

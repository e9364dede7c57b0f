"""A window that plays a run's rollouts back, for a machine with a display."""

from __future__ import annotations

import importlib
import os
import sys
import time
from itertools import cycle

import mujoco
import numpy as np

from rgsd.bodies.body import Body
from rgsd.viewing.run_folder import RunFolder, RunFolderError


class NoDisplayError(RuntimeError):
    """No window can be opened here; the message says what to do instead."""


def recorded_clips(run: RunFolder) -> dict[str, np.ndarray]:
    """Poses (T, nq) of what can be played: the deterministic rollout of each clip, then random skills by number.

    Raises:
        RunFolderError: nothing was recorded.
    """
    data = run.rollouts
    if not data:
        raise RunFolderError(f"{run.path}: no evaluation/rollouts.npz to play; run `rgsd evaluate {run.path}` first")
    names, offsets = data["clip_names"].tolist(), data["clip_offsets"]
    clips = {name: data["qpos"][offsets[i] : offsets[i + 1]] for i, name in enumerate(names)}
    return clips | {f"random skill {i + 1}": qpos for i, qpos in enumerate(data["discovery_qpos"])}


def play(run: RunFolder, body: Body, only: str | None = None) -> None:
    """Play the recorded rollouts over and over at their own speed, until the window is closed.

    Args:
        run: a run folder with `evaluation/rollouts.npz`.
        body: the run's body.
        only: name of the one to play; None for all in turn.

    Raises:
        NoDisplayError: no display to open a window on.
        RunFolderError: nothing was recorded, or not under that name.
    """
    clips = recorded_clips(run)
    if only is not None and only not in clips:
        raise RunFolderError(f"{run.path}: nothing recorded under '{only}'; choose one of {', '.join(clips)}")
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise NoDisplayError(f"no display to open a window on; film the skills instead with `rgsd record {run.path}`")
    data, period = mujoco.MjData(body.model), 1.0 / float(run.rollouts["fps"])
    window = importlib.import_module("mujoco.viewer")
    with window.launch_passive(body.model, data) as handle:
        for name in cycle([only] if only else clips):
            for qpos in clips[name]:
                if not handle.is_running():
                    return
                begin = time.monotonic()
                data.qpos[:] = qpos
                mujoco.mj_forward(body.model, data)
                handle.sync()
                time.sleep(max(0.0, period - (time.monotonic() - begin)))

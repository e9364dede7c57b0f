"""A window that plays poses back at their own speed, for a machine with a display."""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Sequence
from itertools import cycle
from typing import NamedTuple

import mujoco
import numpy as np

from rgsd.bodies.body import Body
from rgsd.errors import UsageError
from rgsd.viewing.run_folder import RunFolder, RunFolderError


class Take(NamedTuple):
    """Something to play."""

    name: str
    """A clip's, or a random skill's."""
    qpos: np.ndarray
    """(T, nq) poses."""
    fps: float
    """Frames a second."""


def recorded_takes(run: RunFolder) -> list[Take]:
    """What an evaluation recorded: the deterministic rollout of each clip, then random skills by number.

    Raises:
        RunFolderError: nothing was recorded.
    """
    data = run.rollouts
    if not data:
        raise RunFolderError(f"{run.path}: no evaluation/rollouts.npz to play; run `rgsd evaluate {run.path}` first")
    fps, offsets = float(data["fps"]), data["clip_offsets"]
    clips = [
        Take(name, data["qpos"][offsets[i] : offsets[i + 1]], fps) for i, name in enumerate(data["clip_names"].tolist())
    ]
    return clips + [Take(f"random skill {i + 1}", qpos, fps) for i, qpos in enumerate(data.get("discovery_qpos", ()))]


def play(body: Body, takes: Sequence[Take]) -> None:
    """Play takes of a body in turn, over and over, until the window is closed.

    Raises:
        UsageError: no display to open a window on.
    """
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise UsageError(
            "no display to open a window on; without one, `rgsd record RUN` films the skills of a run, and "
            "`rgsd motions render` draws motions"
        )
    data = mujoco.MjData(body.model)
    # imported here: the module needs a display, and the rest of the package must not
    with importlib.import_module("mujoco.viewer").launch_passive(body.model, data) as window:
        for take in cycle(takes):
            for qpos in take.qpos:
                if not window.is_running():
                    return
                begin = time.monotonic()
                data.qpos[:] = qpos
                mujoco.mj_forward(body.model, data)
                window.sync()
                time.sleep(max(0.0, 1.0 / take.fps - (time.monotonic() - begin)))

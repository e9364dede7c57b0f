"""The film of a run: its imitations beside ghosts of their references, then what random latents do."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rgsd.bodies.body import Body
from rgsd.viewing.run_folder import RunFolder, RunFolderError
from rgsd.viewing.video import Camera, Frames, montage, render_frames, write_mp4

_FPS = 25.0  # at most; the film shows every n-th control step
_PANELS = 8  # of each kind
_COLUMNS = 4
_SIZE = (320, 240)
_DISCOVERY_CAMERA = Camera(elevation=-22.0)


def write_showreel(run: RunFolder, body: Body, seconds: float = 2.5) -> Path:
    """Render `evaluation/showreel.mp4` from the run's recorded rollouts.

    The upper rows show up to eight clips imitated by the deterministic policy, the blue ghost being the reference;
    the lower rows up to eight random latents, from the standing pose.

    Args:
        run: a run folder with `evaluation/rollouts.npz`.
        body: the run's body.
        seconds: length of the film, s; shorter clips stay on their last frame.

    Raises:
        RunFolderError: no rollouts were recorded.
        FilmUnavailable: this machine cannot render, or not encode films.
    """
    data = run.rollouts
    if not data:
        raise RunFolderError(f"{run.path}: no evaluation/rollouts.npz to film; run `rgsd evaluate {run.path}` first")
    step = max(1, round(float(data["fps"]) / _FPS))
    times = np.arange(0, round(seconds * float(data["fps"])), step)
    panels = [_imitation(run, body, i, times) for i in _spread(len(data["clip_names"]))]
    panels += [[_blank()]] * (-len(panels) % _COLUMNS)
    discovered = len(data.get("discovery_qpos", ()))  # a tracker discovers nothing
    panels += [_discovery(run, body, i, times) for i in range(min(_PANELS, discovered))]
    path = run.results / "evaluation" / "showreel.mp4"
    write_mp4(path, montage(panels, _COLUMNS), float(data["fps"]) / step)
    return path


def _spread(count: int) -> list[int]:
    """Up to eight of `count` clips, evenly over their order, so that every group has a chance."""
    return sorted({int(i) for i in np.linspace(0, count - 1, min(count, _PANELS))})


def _imitation(run: RunFolder, body: Body, index: int, times: np.ndarray) -> Frames:
    data, name = run.rollouts, str(run.rollouts["clip_names"][index])
    start, end = (int(o) for o in data["clip_offsets"][index : index + 2])
    rows = start + times[times < end - start]
    captions = [f"{name}  {t:.1f} s" for t in (rows - start) / float(data["fps"])]
    return render_frames(body, data["qpos"][rows], data["reference_qpos"][rows], captions, _SIZE)


def _discovery(run: RunFolder, body: Body, index: int, times: np.ndarray) -> Frames:
    data = run.rollouts
    qpos = data["discovery_qpos"][index]
    times = times[times < len(qpos)]
    ending = "  (falls)" if data["fell"][index] else ""
    captions = [f"random skill {index + 1}  {t:.1f} s{ending}" for t in times / float(data["fps"])]
    return render_frames(body, qpos[times], None, captions, _SIZE, _DISCOVERY_CAMERA)


def _blank() -> np.ndarray:
    return np.full((_SIZE[1], _SIZE[0], 3), 24, np.uint8)

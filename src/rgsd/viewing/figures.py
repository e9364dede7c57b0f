"""The figures of a run folder: whichever its files allow, by name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

from rgsd.viewing import maps, plots
from rgsd.viewing.run_folder import RunFolder

_PERTURBATIONS = {"joint": "joints (rad)", "tilt": "tilt (rad)", "height": "height (m)", "velocity": "velocity (m/s)"}


def run_figures(run: RunFolder) -> dict[str, Figure]:
    """Every figure that the files suffice for: `scores`, `errors`, `paths`, `latents`, `landscape`, `curves`."""
    makers: dict[str, tuple[bool, Callable[[RunFolder], Figure]]] = {
        "scores": (bool(run.clips), _scores),
        "errors": (bool(run.rollouts), lambda r: plots.error_along_clips(r.clip_errors())),
        "paths": ("root_pos" in run.rollouts, _paths),
        "latents": (bool(_directions(run)), _latents),
        "landscape": (bool(run.landscape.get("clips")), _landscape),
        "curves": (len(run.history) > 0, lambda r: plots.learning_curves(r.history)),
    }
    return {name: make(run) for name, (possible, make) in makers.items() if possible}


def _scores(run: RunFolder) -> Figure:
    return plots.score_chart(run.clips, {name: row["clips"] for name, row in run.rows.items()}, run.groups)


def _paths(run: RunFolder) -> Figure:
    return maps.root_paths(run.discovery_paths(), run.reference_paths(), run.groups, run.rollouts["fell"])


def _directions(run: RunFolder) -> dict[str, np.ndarray]:
    """z_m (d,) by clip: of the pretraining, else of the evaluation."""
    if run.latents:
        return dict(zip(run.latents["clip_names"].tolist(), run.latents["z"], strict=True))
    return {name: np.array(clip["z"]) for name, clip in run.clips.items() if clip.get("z")}


def _latents(run: RunFolder) -> Figure:
    directions = _directions(run)
    names, z = list(directions), np.stack(list(directions.values()))
    groups = [run.groups.get(n, n) for n in names]
    clips = run.landscape.get("clips", {})
    spread = [np.array(clips[n]["frames"]) for n in names] if all(n in clips for n in names) else None
    if not run.latents:
        return maps.latent_map(names, groups, z, spread)
    mu, owner = run.latents["mu"], run.latents["clip"]
    within = [mu[owner == m] @ z[m] for m in range(len(names))]
    return maps.latent_map(names, groups, z, within, mu, owner)


def _landscape(run: RunFolder) -> Figure:
    clips = run.landscape["clips"]
    names: list[str] = list(clips)
    across = np.array([[clips[a]["reference"] if a == b else clips[a]["others"][b] for b in names] for a in names])
    speeds = {float(s): np.array([clips[n]["speed"][s] for n in names]) for s in clips[names[0]]["speed"]}
    perturbations = {}
    for key, label in _PERTURBATIONS.items():
        sizes = list(clips[names[0]][key])
        # size 0 is the reference itself, where each curve should have its peak
        cosines = [[clips[n]["reference"] for n in names], *([clips[n][key][s] for n in names] for s in sizes)]
        perturbations[label] = (np.array([0.0, *map(float, sizes)]), np.array(cosines))
    along = [np.array(clips[n]["frames"]) for n in names]
    return maps.reward_landscape(names, [run.groups.get(n, n) for n in names], across, along, speeds, perturbations)

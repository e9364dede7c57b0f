"""Single metrics of an evaluation, by name: what a comparison of runs puts into one column.

| name | metric |
|---|---|
| `worst.KEY` | of the clip that does worst by a measure of docs/protocol.md, such as `worst.tracked` |
| `mean.KEY` | the mean over groups |
| `clips.CLIP.KEY` | of one clip by its name; None of a run that has no such clip |
| `discovery.KEY` | of the discovery section; also `discovery.switching.mean`, `.up`, and `discovery.held_out.GAIT` |
| `training.samples`, `training.minutes` | what the run has cost |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from rgsd.errors import UnknownName
from rgsd.evaluation.intervals import student

FEWEST_SEEDS = 5
"""Seeds below which their points are shown instead of an interval (protocol.md)."""


def _farthest_from_one(values: Sequence[float]) -> float:
    return max(values, key=lambda value: abs(value - 1.0))


_WORST: dict[str, Callable[[Sequence[float]], float]] = {
    "cartesian_error_cm": max,
    "best_shift_error_cm": max,
    "skill": min,
    "root_error_m": max,
    "root_error_end_m": max,
    "heading_error_deg": max,
    "tracked": min,
    "survival": min,
    "path_ratio": _farthest_from_one,
    "turn_ratio": _farthest_from_one,
    "alignment": min,
    "action_rate": max,
    "foot_slip_cm": max,
    "foot_lift_ratio": _farthest_from_one,
    "step_rate_ratio": _farthest_from_one,
    "blown_up": max,
    "fid": max,
    "fid_null": max,
}
MEASURES = tuple(_WORST)
"""The measures of a clip, as docs/protocol.md defines them: the columns of an imitation table."""
DISCOVERY = (
    "fall_rate",
    "resting_fraction",
    "direction_coverage",
    "turn_coverage",
    "spread_path_m",
    "spread_pose_cm",
    "fid",
    "switching.mean",
    "switching.up",
)
"""The metrics of discovery that every body has."""
_HELD_OUT, _CLIP = "discovery.held_out.", "clips."
_TRAINING = ("training.samples", "training.minutes")

DEFAULT_METRICS = (
    "worst.tracked",
    "worst.survival",
    "worst.root_error_end_m",
    "worst.path_ratio",
    "worst.foot_lift_ratio",
    "worst.step_rate_ratio",
    "mean.skill",
    "discovery.fall_rate",
    "discovery.direction_coverage",
    "discovery.turn_coverage",
    *_TRAINING,
)
"""What a comparison shows unless it is told otherwise."""


def check_metric(name: str) -> str:
    """The name, if there can be such a metric.

    Raises:
        UnknownName: there cannot; the message lists the nearest.
    """
    known = [f"{kind}.{key}" for kind in ("worst", "mean") for key in _WORST]
    known += [f"discovery.{key}" for key in DISCOVERY] + list(_TRAINING)
    clip, _, key = name.removeprefix(_CLIP).rpartition(".")
    one_clip = name.startswith(_CLIP) and clip != "" and key in MEASURES
    if name not in known and not name.startswith(_HELD_OUT) and not one_clip:
        raise UnknownName("metric", name, [*known, f"{_HELD_OUT}GAIT", *(f"{_CLIP}CLIP.{key}" for key in MEASURES)])
    return name


def metric(name: str, evaluation: Mapping[str, Any], training: Mapping[str, float]) -> float | None:
    """One metric of a run.

    Args:
        name: as in the table above.
        evaluation: the content of `evaluation.json`.
        training: `samples` and `minutes`.

    Returns:
        None where the protocol says null, for discovery of a method that has no latents, and for the fraction of a
        held-out gait of a body that has none.

    Raises:
        UnknownName: no such metric, or no such held-out gait.
    """
    kind, key = check_metric(name).split(".", 1)
    if kind == "training":
        return training[key]
    if kind == "worst":
        return worst(key, evaluation["clips"])
    if name.startswith(_CLIP):
        clip, _, measure = key.rpartition(".")
        return evaluation["clips"].get(clip, {}).get(measure)
    found = evaluation[kind]
    if found is None:
        return None
    if name.startswith(_HELD_OUT):
        gaits, gait = found["held_out"], name.removeprefix(_HELD_OUT)
        if gaits is not None and gait not in gaits:
            raise UnknownName("held-out gait", gait, gaits)
        return None if gaits is None else gaits[gait]
    for part in key.split("."):
        found = found.get(part) if found is not None else None  # an evaluation from before there was the metric
    return found


def worst(key: str, clips: Mapping[str, Mapping[str, Any]]) -> float | None:
    """A measure of the clip that does worst by it; None where it is null for all."""
    values = [clip[key] for clip in clips.values() if clip.get(key) is not None]
    return _WORST[key](values) if values else None


def over_seeds(points: Sequence[float | None]) -> dict[str, Any]:
    """The metric of several seeds: `points`, `mean` without the nulls, and `ci`, null for fewer than five."""
    known = [point for point in points if point is not None]
    mean, interval = student(torch.tensor(known, dtype=torch.double))
    return {"points": list(points), "mean": mean, "ci": interval if len(known) >= FEWEST_SEEDS else None}

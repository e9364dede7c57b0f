"""Runs side by side: whether they may be compared, and their metrics by motion group, row and seed.

Runs that differ in nothing but their seed are one row, with a point for each. The protocol's four reference rows stand
in each table once. docs/reproduce.md tells the form of what `compare` returns.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rgsd.errors import UsageError
from rgsd.evaluation.convergence import Convergence
from rgsd.evaluation.headlines import DEFAULT_METRICS, DISCOVERY, MEASURES, metric, over_seeds, worst

Summary = dict[str, Any]
"""`points` of the seeds, their `mean`, and `ci` or None (`headlines.over_seeds`)."""
Rows = dict[str, dict[str, Summary]]
"""By row and metric."""

MEAN, WORST = "mean of groups", "worst clip"
"""Tables beside those of the motion groups; the worst clip is sought measure by measure."""
REFERENCE_ROWS = ("static_pose", "open_loop_replay", "tracker", "untrained")
"""The rows of the protocol that every table carries."""
VARIATIONS = ("mean_cosine", "cartesian_error_cm", "spread_path_m", "spread_pose_cm", "fall_rate")
"""Metrics of latents drawn around a clip's own, for each concentration."""
SCHEMA_VERSION = 2
"""Version of the form of comparison.json."""

_MUST_AGREE = ("protocol", "feature_set", "body", "rollouts_per_clip")
_ALIKE = 1e-3  # relative: the static pose's error follows from the motions alone, but for rounding


@dataclass(frozen=True)
class EvaluatedRun:
    """A run that has been trained and evaluated."""

    name: str
    """Its folder, for messages."""
    label: str
    """What it shares with its other seeds, in tables where its method alone does not tell it from others."""
    settings: Hashable
    """Everything that it was trained with but the seed."""
    seed: int
    """Of the training."""
    physics: str
    """Digest of what moves."""
    evaluation: Mapping[str, Any]
    """The content of `evaluation.json`."""
    training: Mapping[str, float]
    """`samples` and `minutes`."""
    reward: Convergence
    """Of its mean reward."""

    @property
    def method(self) -> str:
        """The method's name."""
        return self.evaluation["method"]


def compare(runs: Sequence[EvaluatedRun]) -> dict[str, Any]:
    """All tables of a comparison.

    Runs of the tracker make the row `tracker`; without any it is that of the first evaluation which holds one. Static
    pose, open-loop replay and the untrained policy are those of the first run, for they follow from the motions alone,
    or nearly.

    Returns:
        JSON-able. `imitation`: by group, also `MEAN` and `WORST`, then by row and measure; `discovery` by row and
        metric; `variations` by concentration, row and metric; `metrics`, the headlines by row of a policy; `training`
        likewise; and what was compared: `protocol`, `body`, `clips`, `runs`.

    Raises:
        UsageError: no runs, or runs that must not be compared; the message names both and what differs.
    """
    check_comparable(runs)
    rows = group_seeds(runs)
    policies = {name: seeds for name, seeds in rows.items() if name != "tracker"}
    first = runs[0].evaluation
    return {
        "schema": SCHEMA_VERSION,
        **{key: first[key] for key in _MUST_AGREE},
        "clips": list(first["clips"]),
        "runs": {name: {str(run.seed): run.name for run in seeds} for name, seeds in rows.items()},
        "imitation": {
            table: _imitation(table, _references(runs, rows), policies) for table in (*first["groups"], MEAN, WORST)
        },
        "discovery": _discovery(policies),
        "variations": _variations(policies),
        "metrics": {name: _headlines(seeds) for name, seeds in rows.items()},
        "training": {name: _training(seeds) for name, seeds in rows.items()},
    }


def check_comparable(runs: Sequence[EvaluatedRun]) -> None:
    """Refuse runs of different bodies, motions, protocols or amounts of evaluation, and a run that is there twice.

    Raises:
        UsageError: the message names both runs, what differs and the remedy.
    """
    if not runs:
        raise UsageError("nothing to compare; name the folders of runs that `rgsd evaluate` has evaluated")
    first, seen = runs[0], {}
    for run in runs:
        pair = f"{first.name} and {run.name}"
        for key in _MUST_AGREE:
            if run.evaluation[key] != first.evaluation[key]:
                remedy = "choose others" if key == "body" else "evaluate both again, alike"
                raise UsageError(f"{pair}: {key} is {first.evaluation[key]} and {run.evaluation[key]}; {remedy}")
        if run.physics != first.physics:
            raise UsageError(f"{pair}: the body's physics changed between them; train both with one version")
        _check_motions(pair, first.evaluation["clips"], run.evaluation["clips"])
        twin = seen.setdefault((run.settings, run.seed), run.name)
        if twin != run.name:
            raise UsageError(f"{twin} and {run.name}: the same settings and seed {run.seed}; give one of them")
    amounts = {run.name: _discovery_amount(run.evaluation) for run in runs if run.evaluation["discovery"]}
    if len(set(amounts.values())) > 1:
        said = "; ".join(f"{name}: {amount}" for name, amount in amounts.items())
        raise UsageError(f"discovery is of different amounts ({said}); evaluate them again, alike")


def _check_motions(pair: str, clips: Mapping[str, Any], others: Mapping[str, Any]) -> None:
    lacking = sorted(clips.keys() ^ others.keys())
    if lacking:
        raise UsageError(f"{pair}: only one of them has the motion '{lacking[0]}'; train both on the same motions")
    for name, clip in clips.items():
        static_poses = clip["static_pose_error_cm"], others[name]["static_pose_error_cm"]
        if not math.isclose(*static_poses, rel_tol=_ALIKE):
            said = " and ".join(f"{error:.4g} cm" for error in static_poses)
            raise UsageError(
                f"{pair}: motion '{name}' is not the same (its best static pose is off by {said}); train both on one"
            )


def _discovery_amount(evaluation: Mapping[str, Any]) -> str:
    found = evaluation["discovery"]
    more = found.get("held_out_latents")
    return f"{found['num_latents']} latents of {found['seconds']:g} s" + (
        f", {more} for held-out gaits" if more else ""
    )


def group_seeds(runs: Sequence[EvaluatedRun]) -> dict[str, list[EvaluatedRun]]:
    """Runs by row: those that differ only in their seed, under their method's name or, if several, with their label."""
    by_settings: dict[Hashable, list[EvaluatedRun]] = {}
    for run in runs:
        by_settings.setdefault(run.settings, []).append(run)
    variants = list(by_settings.values())
    methods = [seeds[0].method for seeds in variants]
    rows: dict[str, list[EvaluatedRun]] = {}
    for seeds in variants:
        first = seeds[0]
        labelled = first.label if first.label.startswith(first.method) else f"{first.method} {first.label}"
        name = first.method if methods.count(first.method) == 1 else labelled
        rows[f"{name} {first.name}" if name in rows else name] = sorted(seeds, key=lambda run: run.seed)
    return rows


def _references(
    runs: Sequence[EvaluatedRun], rows: Mapping[str, Sequence[EvaluatedRun]]
) -> dict[str, Sequence[Mapping[str, Any]]]:
    """What stands in each reference row: one evaluation's row, or a row for each seed of the tracker."""
    found: dict[str, Sequence[Mapping[str, Any]]] = {}
    for name in REFERENCE_ROWS:
        held = [run.evaluation["reference_rows"][name] for run in runs]
        found[name] = [row for row in held if row is not None][:1]
    if "tracker" in rows:
        found["tracker"] = [run.evaluation for run in rows["tracker"]]
    return {name: seeds for name, seeds in found.items() if seeds}


def _imitation(
    table: str, references: Mapping[str, Sequence[Mapping[str, Any]]], policies: Mapping[str, Sequence[EvaluatedRun]]
) -> Rows:
    """One table: a group's, the mean's or the worst clip's."""
    rows = {**references, **{name: [run.evaluation for run in seeds] for name, seeds in policies.items()}}

    def cell(row: Mapping[str, Any], key: str) -> float | None:
        if table == WORST:
            return worst(key, row["clips"])
        return (row["mean"] if table == MEAN else row["groups"][table]).get(key)

    return {name: {key: over_seeds([cell(row, key) for row in seeds]) for key in MEASURES}
            for name, seeds in rows.items()}  # fmt: skip


def _discovery(policies: Mapping[str, Sequence[EvaluatedRun]]) -> Rows:
    """By row; `references` holds their own coverages and the null of the FID, `untrained` its fractions of gaits."""
    finders = {name: seeds for name, seeds in policies.items() if seeds[0].evaluation["discovery"] is not None}
    if not finders:
        return {}
    first = next(iter(finders.values()))[0].evaluation["discovery"]
    gaits = [f"held_out.{gait}" for gait in first["held_out"] or ()]
    keys = [*DISCOVERY, *gaits]
    own = {"fid": first.get("fid_null")}
    own |= {key: first[f"reference_{key}"] for key in ("direction_coverage", "turn_coverage")}
    untrained = {f"held_out.{gait}": fraction for gait, fraction in (first["untrained_held_out"] or {}).items()}
    rows = {
        name: {key: over_seeds([metric(f"discovery.{key}", r.evaluation, r.training) for r in seeds]) for key in keys}
        for name, seeds in finders.items()
    }
    beside = {"references": own, **({"untrained": untrained} if untrained else {})}
    return {name: {key: over_seeds([row.get(key)]) for key in keys} for name, row in beside.items()} | rows


def _variations(policies: Mapping[str, Sequence[EvaluatedRun]]) -> dict[str, Rows]:
    """By concentration, row and metric: means over all clips."""
    tables: dict[str, Rows] = {}
    for name, seeds in policies.items():
        found = [run.evaluation["discovery"]["variations"] for run in seeds if run.evaluation["discovery"]]
        for kappa in next(iter(found[0].values())) if found else ():
            tables.setdefault(kappa, {})[name] = {
                key: over_seeds([_mean([clip[kappa][key] for clip in clips.values()]) for clips in found])
                for key in VARIATIONS
            }
    return tables


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _headlines(seeds: Sequence[EvaluatedRun]) -> dict[str, Summary]:
    return {name: over_seeds([metric(name, run.evaluation, run.training) for run in seeds]) for name in DEFAULT_METRICS}


def _training(seeds: Sequence[EvaluatedRun]) -> dict[str, Summary]:
    costs = [
        {
            **run.training,
            "steps_per_s": run.training["samples"] / (60 * run.training["minutes"]),
            "reward_90": run.reward.samples,
            "reward_rising": float(run.reward.rising),
        }
        for run in seeds
    ]
    keys = ("samples", "minutes", "steps_per_s", "reward_90", "reward_rising")
    return {key: over_seeds([cost[key] for cost in costs]) for key in keys}

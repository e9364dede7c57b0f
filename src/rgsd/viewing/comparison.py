"""Runs beside each other: tables in Markdown, a chart with a point for every seed, and all their learning curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from rgsd.viewing.page import EN_DASH
from rgsd.viewing.plots import Metrics, number
from rgsd.viewing.theme import ACCENT, INK, MUTED, group_colors, new_figure, shade, styled

Comparison = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""By variant and metric: `points` of the seeds (null where there is none yet), their `mean`, and `ci` or null."""

CURVES = {
    "Train/mean_reward": "reward a step (each method's own)",
    "Imitation/episode_s": "episode of imitation (s)",
    "Discovery/episode_s": "episode of discovery (s)",
    "Discovery/fall_rate": "falls (fraction of discovery episodes)",
    "Discovery/spread_m": "spread of discovery episodes' ends (m)",
    "Discovery/alignment": "alignment of discovery (each method's own)",
}
"""What `run_curves` draws of a skills' run, and its titles."""
TASK_CURVES = {
    "Task/success": "goals reached (fraction)",
    "Task/goals_per_minute": "goals a minute",
    "Task/speed_to_goal": "speed towards the goal (m/s)",
    "Task/falls_per_minute": "falls a minute",
    "Task/style": "similarity to the style's latents",
}
"""What it draws of a task's run."""

_PANELS = 4  # side by side
_SMOOTHING = 20  # points that a running mean leaves of a curve's independent ones


def comparison_table(variants: Comparison, metrics: Sequence[str], head: str = "variant") -> str:
    """A Markdown table, a variant a row: the mean over seeds, then its interval or, of few seeds, the points."""
    lines = [f"| {head} | {' | '.join(metrics)} |", f"|---|{'---|' * len(metrics)}"]
    for name, found in variants.items():
        lines.append(f"| {name} | {' | '.join(_cell(found[metric]) for metric in metrics)} |")
    return "\n".join(lines) + "\n"


def _cell(summary: Mapping[str, Any]) -> str:
    points, interval = summary["points"], summary["ci"]
    if summary["mean"] is None:
        return EN_DASH
    mean = _rounded(summary["mean"])
    if interval is not None:
        known = sum(point is not None for point in points)
        of = "" if known == len(points) else f" ({known} of {len(points)} seeds)"
        return f"{mean} [{', '.join(map(_rounded, interval))}]{of}"
    return f"{mean} ({', '.join(map(_rounded, points))})" if len(points) > 1 else mean


def _rounded(value: float | None) -> str:
    """Three digits; large counts with a letter for thousands and millions."""
    if value is None:
        return EN_DASH
    return EngFormatter(places=2, sep="")(value) if abs(value) >= 1e4 else f"{value:.3g}"


def comparison_chart(variants: Comparison, metrics: Sequence[str]) -> Figure:
    """One panel a metric, one line a variant: seeds as points, their mean as a bar, the interval as a line.

    Raises:
        ValueError: no metrics.
    """
    if not metrics:
        raise ValueError("comparison: no metrics to show; name at least one")
    names = list(variants)
    bands = -(-len(metrics) // _PANELS)
    with styled():
        figure = new_figure(11.0, 0.4 + bands * (0.7 + 0.3 * len(names)))
        for i, key in enumerate(metrics):
            axes = figure.add_subplot(bands, min(_PANELS, len(metrics)), i + 1)
            for y, name in enumerate(names):
                _draw(axes, y, variants[name][key])
            axes.set_title(key, fontsize=8.5)
            axes.set_ylim(len(names) - 0.5, -0.5)
            axes.set_yticks(range(len(names)), names if i % _PANELS == 0 else [""] * len(names), color=INK)
            axes.xaxis.set_major_locator(MaxNLocator(4))
            if axes.get_xlim()[1] >= 1e4:
                axes.xaxis.set_major_formatter(EngFormatter(sep=""))
            axes.grid(axis="y", visible=False)
    return figure


def _draw(axes: Axes, y: int, summary: Mapping[str, Any]) -> None:
    points = np.array([number(point) for point in summary["points"]])
    if summary["ci"] is not None:
        axes.hlines(y, *summary["ci"], color=shade(ACCENT, 0.6), linewidth=4, label="95 % interval")
    axes.plot(points, np.full(len(points), y), "o", color=ACCENT, markersize=5, alpha=0.75, label="seed")
    axes.plot(number(summary["mean"]), y, "|", color=INK, markersize=14, markeredgewidth=2, label="mean")


def run_curves(runs: Mapping[str, Sequence[Sequence[Metrics]]], curves: Mapping[str, str] = CURVES) -> Figure:
    """Learning curves of every run in one figure: a panel a metric, a colour a row, a line a seed.

    Args:
        runs: by row, the seeds' iterations in order, as in `metrics.jsonl`.
        curves: titles of the metrics to draw, by their names in the log.

    Raises:
        ValueError: no log holds any of them.
    """
    logged = {key for seeds in runs.values() for history in seeds for row in history for key in row}
    keys = [key for key in curves if key in logged]
    if not keys:
        raise ValueError("learning curves: no log holds any of their metrics; train at least one iteration")
    colors = group_colors(runs)
    with styled():
        figure = new_figure(11.0, 0.6 + 2.3 * -(-len(keys) // 3))
        for i, key in enumerate(keys):
            axes = figure.add_subplot(-(-len(keys) // 3), min(3, len(keys)), i + 1)
            for name, seeds in runs.items():
                for history in seeds:
                    _curve(axes, history, key, colors[name], name)
            axes.set_title(curves[key], fontsize=8.5)
            axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        figure.supxlabel("samples", fontsize=8.5, color=MUTED)
        lines = {line.get_label(): line for axes in figure.axes for line in axes.lines}
        figure.legend(list(lines.values()), [str(name) for name in lines], loc="outside upper right", ncols=len(lines))
    return figure


def _curve(axes: Axes, history: Sequence[Metrics], key: str, color: str, name: str) -> None:
    """A running mean over a twentieth of the run; a point where there is but one iteration."""
    points = np.array([(number(row.get("samples")), number(row.get(key))) for row in history]).reshape(-1, 2)
    points = points[np.isfinite(points).all(axis=1)]
    if len(points) == 0:
        return
    x, y = points.T
    kernel = np.ones(max(1, len(y) // _SMOOTHING))
    smooth = np.convolve(y, kernel, "same") / np.convolve(np.ones(len(y)), kernel, "same")
    axes.plot(x, smooth, color=color, alpha=0.85, label=name, marker="o" if len(y) == 1 else None)

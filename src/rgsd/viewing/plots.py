"""Figures of a run over time and over clips: learning curves, errors along clips, scores beside reference rows.

Every function takes plain data and returns a matplotlib `Figure`; none touches the disk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from rgsd.viewing.theme import ACCENT, INK, MUTED, REFERENCE_COLORS, group_colors, new_figure, shade, styled

Metrics = Mapping[str, object]
"""Metrics of one iteration or one clip by name; what is not a finite number is passed over."""

_CLOCKS = ("samples", "iteration", "seconds")  # horizontal axes, the most telling first
_MARKERS = {"static_pose": "s", "open_loop_replay": "D", "tracker": "^", "untrained": "X"}
_COLUMNS = 4


def number(value: object) -> float:
    """`value` as a float; NaN for None, text, truth values and anything else without a size."""
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else float("nan")


def learning_curves(history: Sequence[Metrics]) -> Figure:
    """One small panel per logged metric, those of a prefix (`Train/`, `Loss/`, ...) side by side in one colour.

    Metrics of single clips (`Check/survival/walk`) are left out.

    Args:
        history: iterations in order, as in `metrics.jsonl`. A metric may be missing from some iterations.

    Raises:
        ValueError: no iteration holds any metric.
    """
    clock = next((c for c in _CLOCKS if any(c in row for row in history)), None)
    logged = dict.fromkeys(key for row in history for key in row)
    names = [n for n in logged if n not in _CLOCKS and n.count("/") < 2]  # single clips would make dozens of panels
    series = {n: np.array([number(row.get(n)) for row in history]) for n in names}
    series = {n: values for n, values in series.items() if np.isfinite(values).any()}
    if not series:
        raise ValueError("learning curves: no iteration holds any metric; train at least one iteration")
    x = np.array([number(row.get(clock)) for row in history]) if clock else np.arange(len(history), dtype=float)
    colors = group_colors(_prefix(n) for n in series)
    order = sorted(series, key=lambda name: list(colors).index(_prefix(name)))
    lines = -(-len(order) // _COLUMNS)
    with styled():
        figure = new_figure(11.0, 0.35 + 1.75 * lines)
        for i, name in enumerate(order):
            axes = figure.add_subplot(lines, _COLUMNS, i + 1)
            _curve(axes, x, series[name], colors[_prefix(name)])
            axes.set_title(name, fontsize=8.5)
        figure.supxlabel(clock or "row", fontsize=8.5, color=MUTED)
    return figure


def _prefix(name: str) -> str:
    return name.split("/")[0] if "/" in name else ""


def _curve(axes: Axes, x: np.ndarray, y: np.ndarray, color: str) -> None:
    """The raw metric pale, its running mean over 5 % of the run strong."""
    seen = np.isfinite(y) & np.isfinite(x)
    x, y = x[seen], y[seen]
    width = max(1, len(y) // 20)
    if width > 1:
        axes.plot(x, y, color=shade(color, 0.65), linewidth=0.7)
    count = np.convolve(np.ones(len(y)), np.ones(width), "same")
    axes.plot(x, np.convolve(y, np.ones(width), "same") / count, color=color, marker="o" if len(y) == 1 else None)
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.yaxis.set_major_formatter(EngFormatter(sep="") if np.abs(y).max() >= 1e4 else axes.yaxis.get_major_formatter())
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_locator(MaxNLocator(4))


@dataclass(frozen=True)
class ClipErrors:
    """Deviation of one clip's imitation rollouts from the reference, frame by frame; R rollouts, T frames."""

    name: str
    """Clip."""
    group: str
    """Motion group, which colours the curve."""
    fps: float
    """Frames a second."""
    pose_cm: np.ndarray
    """(R, T) heading-local Cartesian error, cm."""
    root_m: np.ndarray
    """(R, T) distance of the roots in the world, m."""
    levels_cm: Mapping[str, float]
    """Mean pose error of reference rows (static pose, open-loop replay, ...), cm, drawn as level lines."""


def error_along_clips(clips: Sequence[ClipErrors]) -> Figure:
    """Pose error (above) and root error (below) against time for each clip: median, and range over rollouts.

    Raises:
        ValueError: `clips` is empty.
    """
    if not clips:
        raise ValueError("error along clips: no imitation rollouts; run `rgsd evaluate` first")
    columns = min(_COLUMNS, len(clips))
    bands = -(-len(clips) // columns)
    colors = group_colors(c.group for c in clips)
    top_cm = 1.1 * max(max(np.nanquantile(c.pose_cm, 0.98), *c.levels_cm.values(), 0.1) for c in clips)
    top_m = 1.1 * max(max(float(np.nanquantile(c.root_m, 0.98)), 0.05) for c in clips)
    with styled():
        figure = new_figure(11.0, 0.3 + 2.9 * bands)
        grid = figure.add_gridspec(2 * bands, columns, height_ratios=[3, 2] * bands)
        for i, clip in enumerate(clips):
            row, column = 2 * (i // columns), i % columns
            pose, root = figure.add_subplot(grid[row, column]), figure.add_subplot(grid[row + 1, column])
            _spread(pose, clip.pose_cm, clip.fps, colors[clip.group])
            _spread(root, clip.root_m, clip.fps, colors[clip.group])
            for label, level in clip.levels_cm.items():
                color = REFERENCE_COLORS.get(label, MUTED)
                pose.axhline(level, color=color, linestyle=(0, (4, 2)), linewidth=1.0, label=label)
            pose.set_title(clip.name)
            pose.set_ylim(0, top_cm)
            root.set_ylim(0, top_m)
            pose.tick_params(labelbottom=False)
            root.set_xlabel("time (s)")
            if column == 0:
                pose.set_ylabel("pose error (cm)")
                root.set_ylabel("root error (m)")
        handles, labels = figure.axes[0].get_legend_handles_labels()
        if handles:
            figure.legend(handles, labels, loc="outside upper right", ncols=len(labels))
    return figure


def _spread(axes: Axes, values: np.ndarray, fps: float, color: str) -> None:
    time = np.arange(values.shape[1]) / fps
    axes.fill_between(time, values.min(axis=0), values.max(axis=0), color=color, alpha=0.15, linewidth=0)
    axes.plot(time, np.median(values, axis=0), color=color)
    axes.set_xlim(0, time[-1] or 1)


_SCORES = (
    ("cartesian_error_cm", "pose error (cm), less is better"),
    ("root_error_m", "root error (m), less is better"),
    ("tracked", "tracked (fraction of frames)"),
    ("path_ratio", "path ratio (1 is the reference)"),
)


def score_chart(
    clips: Mapping[str, Metrics], rows: Mapping[str, Mapping[str, Metrics]], groups: Mapping[str, str]
) -> Figure:
    """Each clip's scores as dots, beside the reference rows' as hollow marks.

    Args:
        clips: metrics by clip, keyed as in protocol.md.
        rows: for each reference row (static pose, open-loop replay, tracker, untrained), metrics by clip.
        groups: group of each clip.

    Raises:
        ValueError: `clips` is empty.
    """
    if not clips:
        raise ValueError("score chart: no clip was evaluated; run `rgsd evaluate` first")
    names = list(clips)
    colors = group_colors(groups.get(n, "") for n in names)
    with styled():
        figure = new_figure(11.0, 1.2 + 0.3 * len(names))
        panels = figure.subplots(1, len(_SCORES), sharey=True)
        for axes, (key, title) in zip(panels, _SCORES, strict=True):
            for y, name in enumerate(names):
                own = number(clips[name].get(key))
                axes.hlines(y, 0, own, color=shade(colors[groups.get(name, "")], 0.6), linewidth=3)
                axes.plot(own, y, "o", color=colors[groups.get(name, "")], markersize=7, zorder=3)
            for row, marker in _MARKERS.items():
                levels = [number(rows.get(row, {}).get(n, {}).get(key)) for n in names]
                if np.isfinite(levels).any():
                    style = {"markerfacecolor": "none", "markeredgecolor": REFERENCE_COLORS[row], "linestyle": ""}
                    axes.plot(levels, range(len(names)), marker, markersize=5.5, zorder=2, label=row, **style)
            axes.set_title(title, fontsize=8.5)
            axes.set_xlim(left=0)
            axes.grid(axis="y", visible=False)
        panels[-1].axvline(1, color=ACCENT, linewidth=0.8, linestyle=":")
        panels[0].set_yticks(range(len(names)), names, color=INK)
        panels[0].set_ylim(len(names) - 0.5, -0.5)
        marks = {label: h for axes in panels for h, label in zip(*axes.get_legend_handles_labels(), strict=True)}
        if marks:
            figure.legend(list(marks.values()), list(marks), loc="outside lower center", ncols=len(marks))
    return figure

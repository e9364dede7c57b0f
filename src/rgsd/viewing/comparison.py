"""Variants of a run beside each other: a table in Markdown, and a chart with a point for every seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from rgsd.viewing.page import EN_DASH
from rgsd.viewing.plots import number
from rgsd.viewing.style import ACCENT, INK, new_figure, shade, styled

Comparison = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""By variant and figure: `points` of the seeds (null where there is none yet), their `mean`, and `ci` or null."""

_PANELS = 4  # side by side


def comparison_table(variants: Comparison, figures: Sequence[str]) -> str:
    """A Markdown table, a variant a row: the mean over seeds, then its interval or, of few seeds, the points."""
    lines = [f"| variant | {' | '.join(figures)} |", f"|---|{'---|' * len(figures)}"]
    for name, found in variants.items():
        lines.append(f"| {name} | {' | '.join(_cell(found[figure]) for figure in figures)} |")
    return "\n".join(lines) + "\n"


def _cell(summary: Mapping[str, Any]) -> str:
    points, interval = summary["points"], summary["ci"]
    if summary["mean"] is None:
        return EN_DASH
    mean = _rounded(summary["mean"])
    if interval is not None:
        return f"{mean} [{', '.join(map(_rounded, interval))}]"
    return f"{mean} ({', '.join(map(_rounded, points))})" if len(points) > 1 else mean


def _rounded(value: float | None) -> str:
    """Three digits; large counts with a letter for thousands and millions."""
    if value is None:
        return EN_DASH
    return EngFormatter(places=2, sep="")(value) if abs(value) >= 1e4 else f"{value:.3g}"


def comparison_chart(variants: Comparison, figures: Sequence[str]) -> Figure:
    """One panel a figure, one line a variant: seeds as points, their mean as a bar, the interval as a line.

    Raises:
        ValueError: no figures.
    """
    if not figures:
        raise ValueError("comparison: no figures to show; name at least one")
    names = list(variants)
    bands = -(-len(figures) // _PANELS)
    with styled():
        figure = new_figure(11.0, 0.4 + bands * (0.7 + 0.3 * len(names)))
        for i, key in enumerate(figures):
            axes = figure.add_subplot(bands, min(_PANELS, len(figures)), i + 1)
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

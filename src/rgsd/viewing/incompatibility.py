"""METRA's forms beside each other (section 3 of the paper): a table and a figure of their latent spaces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from rgsd.viewing.plots import Metrics, number
from rgsd.viewing.theme import ACCENT, INK, WARM, group_colors, new_figure, styled

METRICS = (
    "cycle_fraction",
    "travel_fraction",
    "time_fraction",
    "violations",
    "step_length",
    "longest_step",
    "reference_violations",
    "drift",
)
"""Columns of the table (`evaluation.incompatibility.measure`)."""

Measured = Mapping[str, Sequence[Mapping[str, Any]]]
"""By form, what was measured of each seed."""
Logs = Mapping[str, Sequence[Sequence[Metrics]]]
"""By form, the iterations of each seed."""


def incompatibility_chart(measured: Measured, logs: Logs) -> Figure:
    """Four panels: reward over a cycle, what explains phi, violations and drift by samples; dashed if grounded."""
    colors = group_colors(name.removeprefix("grounded-") for name in measured)
    with styled():
        figure = new_figure(11.0, 7.0)
        (cycle, fractions), (violations, drift) = figure.subplots(2, 2)
        for name, seeds in measured.items():
            style = _style(name, colors)
            for found in seeds:
                curve = mean_curve([c["curve"] for c in found["cycles"].values() if c["curve"] is not None])
                cycle.plot(np.linspace(0, 1, len(curve)), curve, label=name, **style)
            for axes, key in ((violations, "Metra/violations"), (drift, "Metra/drift")):
                for history in logs[name]:
                    x, y = ([number(row.get(column)) for row in history] for column in ("samples", key))
                    axes.plot(x, y, **style)
        cycle.set_title("over one cycle of a reference: |phi(s_t) - phi(s_0)| over phi's way")
        cycle.set_xlabel("fraction of the cycle")
        _fractions(fractions, measured)
        violations.set_title("steps longer than 1 (fraction)")
        drift.set_title("drift of phi's directions from where they began")
        for axes in (violations, drift):
            axes.xaxis.set_major_formatter(EngFormatter(sep=""))
            axes.set_xlabel("samples")
        lines = {line.get_label(): line for line in cycle.lines}
        figure.legend(list(lines.values()), [str(name) for name in lines], loc="outside lower center", ncols=len(lines))
    return figure


def mean_curve(curves: Sequence[Sequence[float]], points: int = 50) -> np.ndarray:
    """Mean (points,) of curves of any length, each stretched to the same length; empty without curves."""
    at = np.linspace(0, 1, points)
    stretched = [np.interp(at, np.linspace(0, 1, len(curve)), curve) for curve in curves]
    return np.mean(stretched, axis=0) if stretched else np.zeros(0)


def _style(name: str, colors: Mapping[str, str]) -> dict[str, Any]:
    return {"color": colors[name.removeprefix("grounded-")], "linestyle": "--" if name.startswith("grounded-") else "-"}


def _fractions(axes: Axes, measured: Measured) -> None:
    """A mark for each seed."""
    for y, seeds in enumerate(measured.values()):
        for found in seeds:
            axes.plot(number(found["travel_fraction"]), y - 0.12, "o", color=ACCENT, label="travel")
            axes.plot(number(found["time_fraction"]), y + 0.12, "s", color=WARM, label="time")
    axes.set_yticks(range(len(measured)), list(measured), color=INK)
    axes.set_ylim(len(measured) - 0.5, -0.5)
    axes.set_xlim(-0.02, 1.02)
    axes.set_title("fraction of phi that travel and time explain")
    marks = {line.get_label(): line for line in axes.lines}
    axes.legend(list(marks.values()), [str(name) for name in marks])

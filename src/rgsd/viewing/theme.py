"""The look of every figure: one palette, one set of matplotlib settings, and PNG bytes out of a figure."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure

INK, MUTED, GRID = "#1f2733", "#6b7686", "#e3e7ec"
"""Colours of text, of secondary text, and of lines that should recede."""
ACCENT, WARM = "#2563a8", "#c8553d"
"""Colours of a curve that belongs to no motion group, and of its counterpart."""
REFERENCE_COLORS = {
    "static_pose": "#8a8f98",
    "open_loop_replay": "#b08a3c",
    "tracker": "#3f7f5f",
    "untrained": "#b5626b",
}
"""Colours of the four reference rows of the protocol."""

_PALETTE = ("#2563a8", "#d97706", "#2f855a", "#9b3d8c", "#c8553d", "#0e8a9a", "#7a6a2b", "#5b5fc7")
_SETTINGS: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8.5,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": "#b6bec9",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.facecolor": "#ffffff",
    "figure.facecolor": "#ffffff",
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "xtick.major.size": 0.0,
    "ytick.major.size": 0.0,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "legend.fontsize": 8.0,
}

SIMILARITY = LinearSegmentedColormap.from_list("similarity", ["#b4532f", "#f0cdb8", "#fbfbf9", "#b9d0e8", "#1f5594"])
"""Diverging map for cosines from -1 (rust) over 0 (white) to 1 (blue)."""
COMPASS = LinearSegmentedColormap.from_list("compass", ["#d97706", "#2f855a", "#2563a8", "#9b3d8c", "#d97706"])
"""Cyclic map for directions from -180 to 180 degrees: back orange, right green, ahead blue, left purple."""


@contextmanager
def styled() -> Iterator[None]:
    """Apply the package's look to the figures drawn inside, and to nothing else."""
    with matplotlib.rc_context(_SETTINGS):
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of `width` by `height` inches that lays itself out; no window system is involved."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def group_colors(groups: Iterable[str]) -> dict[str, str]:
    """A colour for each distinct motion group, in order of appearance; more than eight groups share colours."""
    return {name: _PALETTE[i % len(_PALETTE)] for i, name in enumerate(dict.fromkeys(groups))}


def shade(color: str, amount: float) -> tuple[float, float, float]:
    """`color` mixed with white (`amount` in (0, 1]) or with black (`amount` in [-1, 0))."""
    base, target = np.array(to_rgb(color)), np.ones(3) if amount > 0 else np.zeros(3)
    red, green, blue = (base + (target - base) * abs(amount)).tolist()
    return red, green, blue


def png_bytes(figure: Figure, dpi: int = 130) -> bytes:
    """The figure as a PNG file's content."""
    buffer = io.BytesIO()
    with styled():
        figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()

"""What falls when one motion's latent is replaced by another's in mid-course: a matrix for each row of a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from rgsd.viewing.plots import number
from rgsd.viewing.theme import GRID, MUTED, SIMILARITY, new_figure, styled

_PANELS = 4  # side by side


def switching_grid(rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> Figure:
    """One panel a row: the fraction of falls from each clip's latent (down) to each other's (across), mean over seeds.

    Pairs of which no rollout stood until the change are grey.

    Args:
        rows: by row, the section `discovery.switching` of each seed's evaluation.json.

    Raises:
        ValueError: no rows.
    """
    if not rows:
        raise ValueError("switching: no row has been switched; evaluate a run of a method with latents")
    bands = -(-len(rows) // _PANELS)
    with styled():
        figure = new_figure(11.0, 3.2 * bands)
        panels = figure.subplots(bands, min(_PANELS, len(rows)), squeeze=False).flatten()
        for axes in panels[len(rows) :]:
            axes.set_axis_off()
        for axes, (name, seeds) in zip(panels, rows.items(), strict=False):
            falls = np.array([[[number(value) for value in line] for line in seed["falls"]] for seed in seeds])
            known = ~np.isnan(falls)
            # not nanmean, which warns of pairs that no seed knows
            mean = np.where(known, falls, 0.0).sum(axis=0) / np.where(known.any(axis=0), known.sum(axis=0), np.nan)
            axes.set_facecolor(MUTED)
            axes.imshow(mean, cmap=SIMILARITY.reversed(), vmin=-1.0, vmax=1.0)
            clips = seeds[0]["clips"]
            axes.set_xticks(range(len(clips)), clips, rotation=90, fontsize=6)
            first = axes in panels[::_PANELS]
            axes.set_yticks(range(len(clips)), clips if first else [""] * len(clips), fontsize=6)
            axes.set_title(name)
            axes.grid(visible=False)
        bar = figure.colorbar(panels[0].images[0], ax=panels.tolist(), shrink=0.6, format=PercentFormatter(1.0))
        bar.ax.set_ylim(0.0, 1.0)
        bar.outline.set_edgecolor(GRID)
        bar.set_label("falls after the change")
    return figure

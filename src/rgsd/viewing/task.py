"""A task seen: the ways to the goals from above, and a film with a post where the goal is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle

from rgsd.bodies.body import Body
from rgsd.envs.goal_field import FieldConfig
from rgsd.evaluation.downstream import FELL, MISSED, OPEN, REACHED, Traces
from rgsd.viewing.theme import INK, MUTED, WARM, group_colors, new_figure, shade, styled
from rgsd.viewing.video import Camera, Frames, montage, render_frames, write_mp4

_PANELS, _COLUMNS = 6, 3
_ARROWS = 16  # at most, from side to side of the field
_ENDINGS = {REACHED: "reached", MISSED: "missed", FELL: "fell"}
_FILM_HZ, _FILM_SECONDS, _SIZE = 25.0, 12.0, (400, 300)


def goal_traces(traces: Traces, field: FieldConfig, title: str) -> Figure:
    """Top view of the first six environments: a colour for each goal and the way to it, arrows for the heading.

    A filled goal was reached, an empty one missed; a cross marks a fall. Forward (x) is up the page.

    Args:
        traces: of an evaluation.
        field: the goals' field.
        title: stands above.
    """
    count = min(_PANELS, traces.counts.shape[1])
    columns = min(_COLUMNS, count)
    rows = -(-count // columns)
    with styled():
        figure = new_figure(3.6 * columns, 3.7 * rows + 0.4)
        for env in range(count):
            _panel(figure.add_subplot(rows, columns, env + 1), traces, field, env)
        figure.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold")
        keys = "filled: reached   empty: missed   cross: fell   arrow: heading"
        figure.supxlabel(keys, fontsize=8, color=MUTED)
    return figure


def _panel(axes: Axes, traces: Traces, field: FieldConfig, env: int) -> None:
    half = field.side / 2
    axes.add_patch(Rectangle((-half, -half), field.side, field.side, fill=False, edgecolor="#b6bec9"))
    kept = traces.counts[:, env].numpy()
    position, yaw, goal = (t[:, env].numpy()[kept] for t in (traces.position, traces.yaw, traces.goal))
    outcome = traces.outcome[:, env].numpy()[kept]
    ends = np.flatnonzero(outcome != OPEN)
    colors = list(group_colors(map(str, range(len(ends)))).values())
    start = 0
    for end, color in zip(ends, colors, strict=True):
        # each way begins where the last one ended
        way = _on_page(position[max(start - 1, 0) : end + 1])
        axes.plot(*way.T, color=color, linewidth=1.4)
        filled = color if outcome[end] == REACHED else "none"
        axes.add_patch(Circle(tuple(_on_page(goal[end])), field.radius, facecolor=filled, edgecolor=color))
        if outcome[end] == FELL:
            axes.plot(*_on_page(position[end]), "x", color=WARM, markersize=9, markeredgewidth=2.5, zorder=5)
        start = end + 1
    if len(position):
        axes.plot(*_on_page(position[0]), "o", color=INK, markersize=5, zorder=4)
        shown = _apart(position, field.side / _ARROWS)
        heading = _on_page(np.stack([np.cos(yaw), np.sin(yaw)], axis=1)[shown])
        at = _on_page(position[shown])
        axes.quiver(*at.T, *heading.T, color=shade(INK, 0.25), angles="xy", width=0.004, scale=18, zorder=3)
    endings = [f"{int((outcome == kind).sum())} {word}" for kind, word in _ENDINGS.items() if (outcome == kind).any()]
    axes.set_title(", ".join(endings) or "nothing", fontsize=8.5)
    axes.set(xlim=(-1.08 * half, 1.08 * half), ylim=(-1.08 * half, 1.08 * half), aspect="equal")


def _apart(position: np.ndarray, distance: float) -> list[int]:
    """Indices of places (T, 2) of which each is at least `distance` from the one before it."""
    kept = [0]
    for i in range(1, len(position)):
        if np.linalg.norm(position[i] - position[kept[-1]]) >= distance:
            kept.append(i)
    return kept


def _on_page(xy: np.ndarray) -> np.ndarray:
    """Ground coordinates with x up the page and y to its left: (..., 2)."""
    return np.stack((-xy[..., 1], xy[..., 0]), axis=-1)


def write_task_film(path: Path, body: Body, traces: Traces, period: int, style: str) -> Path:
    """A film of the first environments, each with a post on its goal and a line that says how far it is.

    Args:
        path: the mp4.
        body: what moves.
        traces: of an evaluation.
        period: control steps of a decision.
        style: for the caption.

    Raises:
        FilmUnavailable: this machine cannot render, or not encode films.
    """
    stride = max(1, round(body.control_hz / _FILM_HZ))
    panels = [_film(body, traces, env, period, stride, style) for env in range(traces.qpos.shape[1])]
    write_mp4(path, montage(panels), body.control_hz / stride)
    return path


def _film(body: Body, traces: Traces, env: int, period: int, stride: int, style: str) -> Frames:
    last = min(int(traces.counts[:, env].sum()) * period, round(_FILM_SECONDS * body.control_hz))
    steps = np.arange(0, last, stride)
    qpos = traces.qpos[steps, env].numpy().astype(float)
    goal = traces.goal[steps // period, env].numpy()
    distance = np.linalg.norm(goal - qpos[:, :2], axis=1)
    times = steps / body.control_hz
    captions = [f"{style}  {t:.0f} s  goal at {d:.1f} m" for t, d in zip(times, distance, strict=True)]
    return render_frames(body, qpos, None, captions, _SIZE, Camera(elevation=-25.0), goal)

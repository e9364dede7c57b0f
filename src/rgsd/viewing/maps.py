"""Maps of a run: the sphere of skills, the ground that the skills cover, and the landscape of the reward.

Every function takes plain data and returns a matplotlib `Figure`; none touches the disk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from rgsd.viewing.theme import ACCENT, COMPASS, INK, MUTED, SIMILARITY, group_colors, new_figure, shade, styled

_MAX_POINTS = 4000  # a map of more dots says nothing more
_NEAR = 0.06  # fraction of the frame within which a clip counts as staying in place
_CORE = 99.0  # percent of the paths' end points that the top view frames


def latent_map(
    names: Sequence[str],
    groups: Sequence[str],
    z: np.ndarray,
    spread: Sequence[np.ndarray] | None = None,
    mu: np.ndarray | None = None,
    clip_of_frame: np.ndarray | None = None,
) -> Figure:
    """The hypersphere seen along the principal axes of the clips' directions, and how far each clip spreads.

    Args:
        names: M clips.
        groups: their groups.
        z: (M, d) directions of the clips, unit length.
        spread: for each clip, the cosine of each of its frames with its direction.
        mu: (F, d) embeddings of single frames, unit length, drawn as a cloud.
        clip_of_frame: (F,) which clip each frame belongs to; needed with `mu`.
    """
    axes_of_map = _principal_axes(z)
    points, colors = z @ axes_of_map, group_colors(groups)
    with styled():
        figure = new_figure(11.0, 5.2)
        plane, widths = figure.subplots(1, 2, width_ratios=[5, 4])
        plane.add_patch(Circle((0, 0), 1, facecolor="#f7f8fa", edgecolor="#b6bec9", linewidth=0.8))
        if mu is not None and clip_of_frame is not None:
            step = max(1, len(mu) // _MAX_POINTS)
            dots, owner = mu[::step] @ axes_of_map, clip_of_frame[::step]
            tints = [shade(colors[groups[int(c)]], 0.35) for c in owner]
            plane.scatter(dots[:, 0], dots[:, 1], s=5, c=tints, alpha=0.35, linewidths=0)
        _spread_of_clips(widths, names, [colors[g] for g in groups], spread or [], z)
        for m, name in enumerate(names):
            plane.plot([0, points[m, 0]], [0, points[m, 1]], color=shade(colors[groups[m]], 0.5), linewidth=0.8)
            plane.plot(*points[m], "o", color=colors[groups[m]], markersize=7, markeredgecolor="white")
            _label_outward(plane, name, points[m])
        for group, color in colors.items():
            plane.plot([], [], "o", color=color, label=group or "of no group")
        plane.legend(loc="lower left", ncols=min(5, len(colors)), bbox_to_anchor=(0, -0.12))
        plane.set(xlim=(-1.15, 1.15), ylim=(-1.15, 1.15), aspect="equal", xticks=[], yticks=[])
        plane.spines[:].set_visible(False)
        plane.grid(visible=False)
        plane.set_title(f"Directions of {len(names)} clips in {z.shape[1]}-D, two principal axes")
    return figure


def _label_outward(axes: Axes, text: str, point: np.ndarray) -> None:
    """Text on the side of a point that faces away from the map's centre."""
    x, y = 7 * point / max(float(np.linalg.norm(point)), 1e-9)
    side = "left" if x > 2 else "right" if x < -2 else "center"
    axes.annotate(text, (point[0], point[1]), (x, y), textcoords="offset points", fontsize=7.5, ha=side, va="center")


def _principal_axes(z: np.ndarray) -> np.ndarray:
    """(d, 2) orthonormal axes of greatest second moment about the origin: the sphere's centre stays the centre."""
    _, _, right = np.linalg.svd(z, full_matrices=True)
    axes = np.zeros((z.shape[1], 2))
    axes[:, : min(2, len(right))] = right[:2].T
    return axes


def _spread_of_clips(
    axes: Axes, names: Sequence[str], colors: Sequence[str], within: Sequence[np.ndarray], z: np.ndarray
) -> None:
    """Per clip: quantiles of its frames' cosine with its own direction, and the nearest other clip's cosine."""
    nearest = np.where(np.eye(len(z), dtype=bool), -1.0, z @ z.T).max(axis=1)
    for y, values in enumerate(within):
        low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
        axes.hlines(y, low, high, color=shade(colors[y], 0.45), linewidth=5)
        axes.plot(middle, y, "o", color=colors[y], markersize=6)
    axes.plot(nearest, range(len(names)), "|", color=MUTED, markersize=11, markeredgewidth=1.6)
    axes.set_yticks(range(len(names)), list(names), color=INK)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("cosine with the clip's direction")
    axes.set_title("Frames of a clip (5-95 %, median); tick: nearest other clip", fontsize=9)


def root_paths(
    paths: np.ndarray,
    references: Mapping[str, np.ndarray],
    groups: Mapping[str, str],
    fallen: np.ndarray | None = None,
) -> Figure:
    """Top view of generated root paths (thin, coloured by where they lead) against the references (thick).

    Args:
        paths: (L, T, 2) in the start's heading frame, m.
        references: by clip, (T, 2) in the start's heading frame, m.
        groups: group of each reference clip.
        fallen: (L,) bool; paths that ended in a fall are drawn grey.
    """
    fallen = np.zeros(len(paths), bool) if fallen is None else np.asarray(fallen, bool)
    ends = paths[:, -1]
    reach = np.linalg.norm(np.concatenate([ends, *references.values()]), axis=1)
    radius = max(0.5, 1.08 * float(np.percentile(reach, _CORE)))
    hue = Normalize(-180, 180)
    colors = group_colors(groups.get(n, n) for n in references)
    with styled():
        figure = new_figure(11.0, 5.6)
        discovered, grounded = figure.subplots(1, 2)
        _ground(discovered, radius)
        angle = np.degrees(np.arctan2(ends[:, 1], ends[:, 0]))
        tints = ScalarMappable(hue, COMPASS).to_rgba(angle)
        tints[:, 3] = 0.55
        tints[fallen] = (0.6, 0.6, 0.6, 0.25)
        discovered.add_collection(LineCollection(list(_on_page(paths)), colors=list(tints), linewidths=0.7))
        discovered.scatter(*_on_page(ends[~fallen]).T, s=5, c=tints[~fallen][:, :3], linewidths=0, zorder=3)
        for path in references.values():
            discovered.plot(*_on_page(path).T, color=INK, linewidth=1.6, alpha=0.8, zorder=4)
        discovered.set_title(f"{len(paths)} random skills ({int(fallen.sum())} fell, grey); references black")
        _ground(grounded, radius)
        for name, path in references.items():
            drawn = _on_page(path)
            grounded.plot(*drawn.T, color=colors[groups.get(name, name)], linewidth=2.8)
            grounded.plot(*drawn[-1], "o", color=colors[groups.get(name, name)], markersize=4)
            if np.linalg.norm(path[-1]) > _NEAR * radius:
                _label_outward(grounded, name, drawn[-1])
        staying = [name for name, path in references.items() if np.linalg.norm(path[-1]) <= _NEAR * radius]
        if staying:
            text = f"in place: {', '.join(staying)}"
            grounded.text(0.03, 0.03, text, fontsize=7.5, transform=grounded.transAxes)
        grounded.set_title(f"{len(references)} reference clips")
    return figure


def _on_page(xy: np.ndarray) -> np.ndarray:
    """Ground coordinates with forward up the page and left to its left: (..., 2)."""
    return np.stack((-xy[..., 1], xy[..., 0]), axis=-1)


def _ground(axes: Axes, radius: float) -> None:
    axes.set(xlim=(-radius, radius), ylim=(-radius, radius), aspect="equal")
    axes.set_xlabel("right (m)")
    axes.set_ylabel("forward (m)")
    axes.plot(0, 0, "^", color=INK, markersize=6, zorder=5)


def reward_landscape(
    names: Sequence[str],
    groups: Sequence[str],
    across: np.ndarray,
    along: Sequence[np.ndarray],
    speeds: Mapping[float, np.ndarray],
    perturbations: Mapping[str, tuple[np.ndarray, np.ndarray]],
) -> Figure:
    """Where the frozen encoder's reward has its peak (protocol.md, "The reward landscape").

    Args:
        names: M clips.
        groups: their groups.
        across: (M, M) mean cosine of clip column's frames with clip row's direction.
        along: for each clip, the cosine of each of its frames with its own direction.
        speeds: by playback speed, the (M,) mean cosines of the clips.
        perturbations: by kind with its unit, such as "joints (rad)": sizes (S,) and mean cosines (S, M).
    """
    colors = [group_colors(groups)[g] for g in groups]
    columns = 2 + (len(perturbations) + 1) // 2
    with styled():
        figure = new_figure(11.0, max(5.0, 2.4 + 0.2 * len(names)))
        grid = figure.add_gridspec(2, columns, width_ratios=[2.0] + [1.0] * (columns - 1))
        _heat(figure, figure.add_subplot(grid[:, 0]), names, across)
        curves = [figure.add_subplot(grid[i % 2, 1 + i // 2]) for i in range(2 + len(perturbations))]
        _speed_bars(curves[0], speeds)
        course = curves[1]
        for cosines, color in zip(along, colors, strict=True):
            course.plot(np.linspace(0, 1, len(cosines)), cosines, color=color, linewidth=1.0)
        course.set_title("along each clip")
        course.set_xlabel("fraction of the clip")
        for axes, (kind, (sizes, cosines)) in zip(curves[2:], perturbations.items(), strict=True):
            for column, color in zip(cosines.T, colors, strict=True):
                axes.plot(sizes, column, color=shade(color, 0.5), linewidth=0.8)
            axes.plot(sizes, cosines.mean(axis=1), color=INK, marker="o", markersize=3.5)
            axes.set_title(f"perturbed {kind.split(' (')[0]}")
            axes.set_xlabel(kind)
        drawn = [*along, *speeds.values(), *(cosines for _, cosines in perturbations.values())]
        for axes in curves:
            axes.set_ylim(min(0.0, *(float(np.min(values)) for values in drawn)) - 0.02, 1.03)
    return figure


def _heat(figure: Figure, axes: Axes, names: Sequence[str], across: np.ndarray) -> None:
    image = axes.imshow(across, cmap=SIMILARITY, vmin=-1, vmax=1)
    size = 7.5 if len(names) <= 12 else 5.5
    axes.set_xticks(range(len(names)), list(names), rotation=60, ha="right", rotation_mode="anchor", fontsize=size)
    axes.set_yticks(range(len(names)), list(names), fontsize=size)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    if len(names) <= 12:
        for (i, j), value in np.ndenumerate(across):
            ink = "white" if abs(value) > 0.65 else INK
            axes.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=6.5, color=ink)
    axes.set_title("mean cosine")
    axes.set_xlabel("frames of")
    axes.set_ylabel("z of")
    figure.colorbar(image, ax=axes, shrink=0.7, pad=0.02)


def _speed_bars(axes: Axes, speeds: Mapping[float, np.ndarray]) -> None:
    steps = sorted(speeds)
    means = [float(np.mean(speeds[s])) for s in steps]
    axes.bar(range(len(steps)), means, color=[ACCENT if s == 1 else shade(ACCENT, 0.55) for s in steps], width=0.65)
    for x, step in enumerate(steps):
        values = np.asarray(speeds[step]).ravel()
        axes.plot(np.full(len(values), x), values, ".", color=INK, markersize=3.5, alpha=0.6)
    axes.set_xticks(range(len(steps)), [f"{s:g}×" for s in steps])
    axes.grid(axis="x", visible=False)
    axes.set_title("speed")
    axes.set_ylabel("cosine with z")


def path_grid(
    paths: Mapping[str, Mapping[str, np.ndarray]],
    references: Mapping[str, np.ndarray],
    captions: Mapping[str, Mapping[str, str]],
) -> Figure:
    """Top views, a row a method and a column a motion: generated root paths thin, the reference thick.

    Args:
        paths: by method and motion, (R, T, 2) in the start's heading frame, m.
        references: by motion, (T, 2) likewise.
        captions: by method and motion, what stands above the panel.
    """
    colors = group_colors(paths)
    with styled():
        figure = new_figure(0.5 + 2.4 * len(references), 0.2 + 2.5 * len(paths))
        grid = figure.subplots(len(paths), len(references), squeeze=False)
        for column, (motion, reference) in zip(grid.T, references.items(), strict=True):
            drawn = [reference, *(found[motion].reshape(-1, 2) for found in paths.values())]
            # each for itself: whoever stands still must not crop who travels
            radius = max(0.5, *(1.08 * float(np.percentile(np.abs(points), _CORE)) for points in drawn))
            for axes, (method, found) in zip(column, paths.items(), strict=True):
                _ground(axes, radius)
                axes.set(xlabel="", ylabel="")
                lines = LineCollection(list(_on_page(found[motion])), colors=colors[method], linewidths=0.4, alpha=0.25)
                axes.add_collection(lines)
                axes.plot(*_on_page(reference).T, color=INK, linewidth=2.0, zorder=4)
                axes.set_title(captions[method][motion], fontsize=8.0)
            column[0].annotate(motion, (0.5, 1.22), xycoords="axes fraction", ha="center", fontweight="bold")
        for axes, method in zip(grid[:, 0], paths, strict=True):
            axes.set_ylabel(method, color=colors[method], fontweight="bold", fontsize=10)
    return figure

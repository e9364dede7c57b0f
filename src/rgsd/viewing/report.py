"""The report of a run: one HTML file that can be mailed, with the numbers, figures and films of its folder."""

from __future__ import annotations

from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from rgsd.atomic import write_atomically
from rgsd.motions.clip_sets import CLIP_SETS
from rgsd.motions.embedded import EMBEDDED
from rgsd.viewing import page
from rgsd.viewing.figures import run_figures
from rgsd.viewing.page import Card, Row, shown
from rgsd.viewing.plots import number
from rgsd.viewing.run_folder import RunFolder
from rgsd.viewing.theme import png_bytes


class Column(NamedTuple):
    """One measure in a table."""

    key: str
    """In evaluation.json."""
    name: str
    """In the header."""
    unit: str
    """Below it."""
    digits: int
    """Decimals."""
    best: float | None
    """Bold are, at -inf, the least, at inf the greatest; at None none: a mean of ratios may be one by cancelling."""


_LESS, _MORE = float("-inf"), float("inf")
_POSE = Column("cartesian_error_cm", "pose error", "cm", 1, _LESS)
_ROOT = Column("root_error_m", "root error", "m", 2, _LESS)
_CLIP_COLUMNS = (
    _POSE,
    Column("best_shift_error_cm", "at best shift", "cm", 1, _LESS),
    Column("skill", "skill", "1 = perfect", 2, _MORE),
    _ROOT,
    Column("heading_error_deg", "heading error", "deg", 1, _LESS),
    Column("tracked", "tracked", "fraction", 2, _MORE),
    Column("survival", "survival", "fraction", 2, _MORE),
    Column("path_ratio", "path ratio", "1 = ref.", 2, None),
    Column("turn_ratio", "turn ratio", "1 = ref.", 2, None),
    Column("alignment", "alignment", "cosine", 2, _MORE),
    Column("foot_lift_ratio", "foot lift", "1 = ref.", 2, None),
    Column("step_rate_ratio", "step rate", "1 = ref.", 2, None),
    Column("foot_slip_cm", "foot slip", "cm/frame", 2, _LESS),
    Column("fid", "FID", "set v1", 1, _LESS),
)
_VARIATION_COLUMNS = (
    Column("mean_cosine", "mean cosine", "to z of the clip", 2, None),
    Column("cartesian_error_cm", "pose error", "cm", 1, None),
    Column("spread_path_m", "spread of ends", "m", 2, None),
    Column("spread_pose_cm", "spread of poses", "cm", 1, None),
    Column("fall_rate", "fall rate", "fraction", 2, None),
)
PERFORMED = (
    "Measured on motions that a tracker performed in simulation, not on the clips that it followed: no number here may "
    "be set beside one of the imported clips. Performed by {}."
)
"""What is said wherever such an evaluation is shown."""
_ROWS = ("static_pose", "open_loop_replay", "tracker", "untrained")
_AMOUNTS = {
    "rollouts_per_clip": "{} a clip",
    "num_latents": "{} latents",
    "variations_per_clip": "{} variations of a clip",
    "rollouts_per_switch": "{} of a switch",
    "held_out_latents": "{} latents for unseen gaits",
}
_NONE = {"rollouts_per_switch": "no switching"}
_CAPTIONS = {
    "scores": "Each clip's scores (dots) beside the reference rows (hollow marks).",
    "errors": "Deterministic rollouts from frame 0: median and range over rollouts; dashed levels are reference rows.",
    "paths": "Top view in the start's heading frame, forward up. Left: random latents, coloured by where they lead.",
    "latents": "The skill sphere: directions of the clips, and how closely each clip's frames keep to its own.",
    "landscape": "Cosine of the frozen encoder around the references: the reward should peak at the reference itself.",
    "curves": "Everything that training logged, raw (pale) and averaged over 5 % of the run.",
}


def write_report(run: RunFolder) -> Path:
    """Write `evaluation/report.html`, and its figures as `evaluation/plots/*.png`.

    What the run lacks (an evaluation, a landscape, a film) is left out with a sentence that says how to get it.

    Args:
        run: a run folder, finished or still training.

    Returns:
        The report's path.

    Raises:
        RunFolderError: a file in it cannot be read.
    """
    pictures = {name: png_bytes(figure) for name, figure in run_figures(run).items()}
    for name, png in pictures.items():
        target = run.results / "evaluation" / "plots" / f"{name}.png"
        write_atomically(target, partial(Path.write_bytes, data=png))
    html = page.page(
        f"rgsd: {run.path.resolve().name}",
        _header(run),
        _films(run),
        _imitation(run, pictures),
        _discovery(run, pictures),
        _skills(pictures, run.path),
        _curves(pictures),
        _footer(run),
    )
    path = run.results / "evaluation" / "report.html"
    write_atomically(path, lambda file: file.write_text(html, encoding="utf-8"))
    return path


def _header(run: RunFolder) -> str:
    last = run.history[-1] if run.history else {}
    evaluation = run.evaluation
    body = evaluation.get("body") or run.policy.get("body") or _find(run.config, "body")
    method = run.policy.get("method") or _find(run.config, "method")
    samples, seconds = number(last.get("samples")), number(last.get("seconds"))
    clips = len(run.clips) or len(run.policy.get("clips", []))
    parts = [
        ("method", None if method is None else str(method).upper()),
        ("preset", run.config.get("preset") or None),
        ("motions", _motions(run)),
        ("clips", clips or None),
        ("environments", run.config.get("num_envs")),
        ("reward", _find(run.config.get("settings", {}), "reward")),
        ("samples", f"{samples / 1e6:.2f} M" if samples == samples else None),
        ("training", f"{seconds / 60:.1f} min" if seconds == seconds else None),
        ("latent", f"{run.policy['latent_dim']}-D" if "latent_dim" in run.policy else None),
        ("seed", _find(run.config, "seed")),
        ("protocol", f"version {evaluation['protocol']}" if "protocol" in evaluation else None),
        ("rollouts a clip", evaluation.get("rollouts_per_clip")),
        ("report by", f"rgsd {version('rgsd')}"),
    ]
    references = f"{clips or 'its'} reference motions"
    lead = f"Skills of the {body or 'body'}, learned from {references}; run {run.path.resolve().name}."
    look = page.paragraph(_quick_look(evaluation, run.path), "note") if evaluation.get("below_protocol") else ""
    if evaluation.get("performed_by"):
        look = page.paragraph(PERFORMED.format(", ".join(evaluation["performed_by"])), "note") + look
    return (
        f"<header><h1>Reference-grounded skills</h1>{page.paragraph(lead, 'lead')}{page.facts(parts)}{look}</header>"
        + (page.cards(_headlines(run)) if run.clips else "")
    )


def _quick_look(evaluation: dict[str, Any], path: Path) -> str:
    """What an evaluation has left out of the protocol."""
    fewer = evaluation["below_protocol"]
    said = ", ".join(_AMOUNTS[name].format(count) if count else _NONE[name] for name, count in fewer.items())
    return f"A quick look, with fewer rollouts than the protocol's: {said}. `rgsd evaluate {path}` measures it whole."


def _motions(run: RunFolder) -> str | None:
    """Where the reference motions came from: the planner, rgsd itself, or a file or folder and which set of it."""
    source, asked = run.config.get("motions"), run.config.get("clip_set")
    if not source:
        return None
    if source == "synthetic":
        return "planned gaits"
    if source == EMBEDDED:
        return "embedded motions: the tracker's performance of ACCAD, not the imported clips"
    names = set(run.clips or run.policy.get("clips", []))
    found = next((name for name, clips in CLIP_SETS.items() if {clip.name for clip in clips} == names), None)
    clip_set = found if asked in (None, "auto", "all") else asked
    return f"{clip_set} of {Path(source).name}" if clip_set else Path(source).name


def _find(config: dict[str, Any], key: str) -> object:
    """The plain value of a key anywhere in a nested configuration, the outermost first; None where there is none."""
    value = config.get(key)
    if isinstance(value, (str, int, float)):
        return value
    inner = (_find(part, key) for part in config.values() if isinstance(part, dict))
    return next((found for found in inner if found is not None), None)


def _headlines(run: RunFolder) -> list[Card]:
    mean, found = run.evaluation.get("mean", {}), run.evaluation.get("discovery") or {}
    worst = min(run.clips, key=lambda name: _or(run.clips[name].get("skill"), 1.0))

    def beside(key: str, digits: int, *rows: str) -> str:
        means = {row: run.rows[row]["mean"].get(key) for row in rows if row in run.rows}
        return ", ".join(f"{row.replace('_', ' ')} {shown(value, digits)}" for row, value in means.items())

    cards = [
        Card("pose error", mean.get(_POSE.key), "cm", beside(_POSE.key, 1, "static_pose", "tracker"), 1),
        Card("skill", mean.get("skill"), "", f"worst clip {worst}: {shown(run.clips[worst].get('skill'))}"),
        Card("root error", mean.get(_ROOT.key), "m", beside(_ROOT.key, 2, "open_loop_replay", "tracker")),
        Card("path ratio", mean.get("path_ratio"), "", beside("path_ratio", 2, "open_loop_replay", "tracker")),
        Card(
            "tracked frames", _percent(mean.get("tracked")), "%", beside("tracked", 2, "open_loop_replay", "tracker"), 0
        ),
    ]
    if found:
        own, theirs = (_percent(found.get(f"{whose}direction_coverage")) for whose in ("", "reference_"))
        falls, latents = _percent(found.get("fall_rate")), f"{found.get('num_latents')} latents"
        cards += [
            Card("falls of random skills", falls, "%", latents, 0),
            Card("directions covered", own, "%", f"references {shown(theirs, 0)} %", 0),
        ]
    return cards


def _percent(fraction: object) -> float:
    return 100.0 * number(fraction)


def _or(value: object, default: float) -> float:
    found = number(value)
    return found if found == found else default


def _films(run: RunFolder) -> str:
    if not run.films:
        return page.section("Film", page.paragraph(f"No film was made; `rgsd record {run.path}` makes one.", "note"))
    caption = "Clips imitated by the deterministic policy (blue ghost: the reference), then random skills."
    parts = (page.film(f.read_bytes(), caption if f.stem == "showreel" else f.stem) for f in run.films)
    return page.section("Film", *parts)


def _imitation(run: RunFolder, pictures: dict[str, bytes]) -> str:
    if not run.clips:
        text = f"The run was not evaluated yet; `rgsd evaluate {run.path}` does it."
        return page.section("Imitation", page.paragraph(text, "note"), *_pictures(pictures, "errors"))
    header = [("clip", ""), *((c.name, c.unit) for c in _CLIP_COLUMNS)]
    rows = [Row(name, [shown(clip.get(c.key), c.digits) for c in _CLIP_COLUMNS]) for name, clip in run.clips.items()]
    means = {"mean of the policy": run.evaluation.get("mean", {})}
    if run.evaluation.get("stochastic"):
        means["with exploration noise"] = run.evaluation["stochastic"]["mean"]
    means |= {name: run.rows.get(name, {}).get("mean", {}) for name in _ROWS}
    columns = [_emphasised([mean.get(c.key) for mean in means.values()], c) for c in _CLIP_COLUMNS]
    for i, name in enumerate(means):
        rows.append(Row(name, [column[i] for column in columns], "beside" if i else "sum"))
    note = (
        "Deterministic policy, no early termination, falls included. Bold: best of the means. A dash: not defined. A "
        "fall is a path and a lift, too: read the ratios beside survival."
    )
    broken = [name for name, clip in run.clips.items() if clip.get("blown_up")]
    if broken:
        note += f" The simulation blew up under {', '.join(broken)}: fallen, and frozen from there on."
    return page.section(
        "Imitation",
        page.paragraph(note, "note"),
        page.table(header, rows),
        _comparison(run, _POSE),
        _comparison(run, _ROOT),
        *_pictures(pictures, "scores", "errors"),
    )


def _comparison(run: RunFolder, column: Column) -> str:
    """One measure, clip by clip, of the policy and of every reference row that was measured."""
    rivals = [name for name in _ROWS if name in run.rows]
    rows = []
    for name, clip in run.clips.items():
        values = [clip.get(column.key), *(run.rows[r]["clips"].get(name, {}).get(column.key) for r in rivals)]
        rows.append(Row(name, _emphasised(values, column)))
    header = [("clip", ""), *((name, column.unit) for name in ("policy", *rivals))]
    return f"<h3>{column.name.capitalize()} beside the reference rows</h3>" + page.table(header, rows)


def _emphasised(values: list[object], column: Column) -> list[str]:
    """Cells of values that compete, the best in bold."""
    sizes = [number(v) for v in values]
    known = [v for v in sizes if v == v]
    best = min(known, key=lambda v: _badness(v, column.best), default=None) if column.best is not None else None
    cells = [shown(v, column.digits) for v in values]
    return [f"<b>{c}</b>" if size == best else c for c, size in zip(cells, sizes, strict=True)]


def _badness(value: float, best: float | None) -> float:
    return value if best == _LESS else -value


def _discovery(run: RunFolder, pictures: dict[str, bytes]) -> str:
    found = run.evaluation.get("discovery")
    if not found:
        none = page.paragraph("No discovery rollouts yet.", "note")
        return page.section("Discovery", none, *_pictures(pictures, "paths"))
    distance = (found.get("displacement_m") or {}).get("distance") or {}
    rows = [
        Row("fall rate", [_with_interval(found, "fall_rate"), page.EN_DASH]),
        Row("fraction that ends where it stood", [_with_interval(found, "resting_fraction"), page.EN_DASH]),
        Row("distance travelled, median (m)", [shown(distance.get("q50")), page.EN_DASH]),
        Row("distance travelled, 95 % quantile (m)", [shown(distance.get("q95")), page.EN_DASH]),
        Row("direction coverage", [_with_interval(found, f"{p}direction_coverage") for p in ("", "reference_")]),
        Row("turn coverage", [_with_interval(found, f"{p}turn_coverage") for p in ("", "reference_")]),
        Row("spread of end positions (m)", [_with_interval(found, "spread_path_m"), page.EN_DASH]),
        Row("spread of poses (cm)", [_with_interval(found, "spread_pose_cm", 1), page.EN_DASH]),
        Row("FID to all references", [_with_interval(found, "fid", 1), shown(found.get("fid_null"), 1)]),
    ]
    for name, fraction in (found.get("held_out") or {}).items():
        untrained = (found.get("untrained_held_out") or {}).get(name)
        rows.append(Row(f"fraction that moves like {name}", [shown(fraction, 3), f"untrained {shown(untrained, 3)}"]))
    note = page.paragraph("In brackets: 95 % interval over latents of this one policy.", "note")
    title = f"{found.get('num_latents')} latents, {shown(found.get('seconds'), 1)} s"
    table = page.table([("measure", ""), ("random skills", title), ("references", "where they apply")], rows)
    return page.section("Discovery", *_pictures(pictures, "paths"), note, table, _variations(found), _switching(found))


def _with_interval(metrics: dict[str, Any], key: str, digits: int = 2) -> str:
    """A metric, with its interval in brackets where it has one."""
    interval = metrics.get(f"{key}_ci")
    value = shown(metrics.get(key), digits)
    return value if interval is None else f"{value} [{', '.join(shown(limit, digits) for limit in interval)}]"


def _variations(found: dict[str, Any]) -> str:
    """Means over clips for each concentration; the cosine says what a kappa means in this dimension."""
    by_clip = list((found.get("variations") or {}).values())
    if not by_clip:
        return ""
    rows = []
    for kappa in by_clip[0]:
        values = [[number(clip[kappa].get(c.key)) for clip in by_clip] for c in _VARIATION_COLUMNS]
        known = [[v for v in column if v == v] for column in values]
        means = [sum(column) / len(column) if column else None for column in known]
        rows.append(Row(kappa, [shown(m, c.digits) for m, c in zip(means, _VARIATION_COLUMNS, strict=True)]))
    header = [("kappa", "vMF around a clip's z"), *((c.name, c.unit) for c in _VARIATION_COLUMNS)]
    return "<h3>Variations of the clips, mean over clips</h3>" + page.table(header, rows)


def _switching(found: dict[str, Any]) -> str:
    switching = found.get("switching")
    if not switching:
        return ""
    mean = shown(switching["mean"])
    up = f", of which {shown(switching['up'])} were up at the change" if switching.get("up") is not None else ""
    note = f"Fraction of rollouts{up}, that fall within 2 s after the latent changes; mean over pairs {mean}."
    heading = f"<h3>Switching between skills</h3><p class='note'>{note}</p>"
    return heading + page.heat_table(switching["clips"], switching["falls"])


def _skills(pictures: dict[str, bytes], run_dir: Path) -> str:
    parts = _pictures(pictures, "latents", "landscape")
    if "landscape" not in pictures:
        text = f"No reward landscape yet; `rgsd landscape {run_dir}` makes it in seconds."
        parts.append(page.paragraph(text, "note"))
    return page.section("The space of skills", *parts)


def _curves(pictures: dict[str, bytes]) -> str:
    parts = _pictures(pictures, "curves") or [page.paragraph("No metrics were logged yet.", "note")]
    return page.section("Training", *parts)


def _pictures(pictures: dict[str, bytes], *names: str) -> list[str]:
    return [page.picture(pictures[n], _CAPTIONS[n]) for n in names if n in pictures]


def _footer(run: RunFolder) -> str:
    where = run.path
    commands = page.escape(f"rgsd evaluate {where}\nrgsd landscape {where}\nrgsd record {where}")
    versions = ", ".join(f"{name} {version(name)}" for name in ("rgsd", "mujoco", "torch", "numpy"))
    text = "The run's config.yaml holds every option and the seed; these commands make its numbers anew."
    text = f"{text} Report made with {versions}."
    return f"<footer><h2>Reproduce</h2>{page.paragraph(text, 'note')}<pre>{commands}</pre></footer>"

"""What is told of motions and motion files: tables, and the same as plain facts for `--json`."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from rgsd.motions.clip_sets import get_clip_set
from rgsd.motions.files import MotionFile
from rgsd.motions.formats.bvh import read_bvh
from rgsd.motions.formats.human import dialect
from rgsd.motions.formats.robot import RobotClip
from rgsd.motions.importing import NOT_IN_SET, Imported, is_own, read_source
from rgsd.motions.motion import Motion, MotionError

# metrics of an import and what tables call them
_QUALITY = {
    "fk_error_cm": "error cm",
    "penetration_cm": "depth cm",
    "skate_cm": "skate cm",
    "largest_jump_rad": "jump rad",
    "hidden_jump_rad": "hidden rad",
}


def file_row(found: Imported) -> dict[str, Any]:
    """What became of one file of an import."""
    if found.motion is None:
        return {"path": found.path, "status": "skipped" if found.skipped else "refused", "reason": found.note}
    return {"path": found.path, "status": "taken", "note": found.note, **motion_summary(found.motion)}


def motion_summary(motion: Motion) -> dict[str, Any]:
    """A motion without its frames."""
    return {
        "name": motion.name,
        "group": motion.group,
        "body": motion.body,
        "frames": motion.num_frames,
        "fps": motion.fps,
        "seconds": round(motion.duration, 3),
        "loop": motion.loop,
        "source": motion.source,
        "license": motion.license,
        "performer": motion.performer,
        "quality": motion.quality,
    }


def motion_table(motions: list[Motion], title: str) -> Table:
    """A row a motion: length, path and the metrics of its import; below them the licences."""
    table = Table(title=escape(title), title_justify="left", box=None, padding=(0, 1, 0, 0))
    table.add_column("name", overflow="fold")
    table.add_column("group", no_wrap=True)
    for heading in ("s", "path m", *_QUALITY.values()):
        table.add_column(heading, justify="right", no_wrap=True)
    for motion in motions:
        steps = np.linalg.norm(np.diff(motion.qpos[:, :2], axis=0), axis=1)
        quality = [f"{motion.quality[key]:.2f}" if key in motion.quality else "" for key in _QUALITY]
        table.add_row(
            escape(motion.name),
            escape(motion.group),
            f"{motion.duration:.2f}",
            f"{steps.sum():.2f}",
            *quality,
        )
    licenses = sorted({motion.license for motion in motions if motion.license})
    table.caption = escape("; ".join(licenses))
    return table


def print_notes(console: Console, results: list[Imported], paths: list[Path]) -> None:
    """A table of the files that were skipped or refused, and of those taken of which there is something to say."""
    noted = [found for found in results if found.note and found.note != NOT_IN_SET]
    if not noted:
        return
    counts = Counter(_status(found) for found in noted)
    table = Table(
        title="to note: " + ", ".join(f"{count} {status}" for status, count in counts.items()),
        title_justify="left",
        box=None,
        padding=(0, 1, 0, 0),
    )
    table.add_column("status", no_wrap=True)
    table.add_column("file", overflow="fold")
    table.add_column("note", overflow="fold")
    for found in noted:
        table.add_row(_status(found), escape(_within(found.path, paths)), escape(_bare(found.note, found.path)))
    console.print(table)


def _status(found: Imported) -> str:
    if found.motion is not None:
        return "taken"
    return "skipped" if found.skipped else "refused"


def _within(label: str, paths: list[Path]) -> str:
    """A file's path as seen from the folder or zip that was named, for a narrow column."""
    inside = (label.removeprefix(f"{path}{os.sep}") for path in paths)
    return min(inside, key=len, default=label)


def _bare(message: str, label: str) -> str:
    """An error's message without the file that it begins with."""
    return message.removeprefix(f"{label}: ")


def print_missing(console: Console, clip_set: str, taken: set[str]) -> None:
    """Name the clips of a clip set that were not taken."""
    missing = [clip.name for clip in get_clip_set(clip_set) if clip.name not in taken]
    if missing:
        console.print(f"of {clip_set} not found: {', '.join(missing)}", highlight=False)


def file_facts(found: MotionFile) -> dict[str, Any]:
    """What a file holds, in its own frames, and whether it can be mapped to a body: it is tried."""
    file, label, fault = found
    facts: dict[str, Any] = {"file": label}
    try:
        if fault:
            raise MotionError(fault)
        if is_own(file):
            motion = Motion.load(file)
            return facts | {"format": "rgsd motion", "usable": f"body {motion.body}", **motion_summary(motion)}
        if file.suffix.lower() == ".bvh":
            bvh = read_bvh(file)
            facts |= {"format": f"BVH, {dialect(bvh)} skeleton", **_length(bvh.num_frames, bvh.fps)}
            facts["joints"] = list(bvh.joint_names)
            clip = read_source(file)
        else:
            clip = read_source(file)
            if isinstance(clip, RobotClip):
                usable = f"a robot of {clip.angles.shape[1]} joints"
                facts |= {"format": clip.source.removesuffix(f" {file.name}"), **_length(len(clip.root), clip.fps)}
                return facts | {"usable": f"body of {usable}", "note": clip.note}
            format_name = " ".join(clip.source.split()[:2])  # such as SMPL+H npz; then comes the file
            facts |= {"format": format_name, **_length(len(clip.rotations), clip.fps)}
    except MotionError as error:
        return facts | {"usable": f"no: {_bare(str(error).replace(str(file), label), label)}"}
    note = {"note": clip.note} if clip.note else {}
    return facts | {"usable": "body smpl", **note}


def _length(frames: int, fps: float) -> dict[str, Any]:
    return {"frames": frames, "fps": fps, "seconds": round((frames - 1) / fps, 3)}


def facts_table(facts: list[dict[str, Any]], path: Path) -> Table:
    """A row a file: `file_facts` of those of a folder or zip."""
    table = Table(title=escape(f"{len(facts)} files in {path}"), title_justify="left", box=None, padding=(0, 1, 0, 0))
    table.add_column("file", overflow="fold")
    table.add_column("format", no_wrap=True)
    for heading in ("fps", "s"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("usable", overflow="fold")
    for row in facts:
        length = [f"{row[key]:{form}}" if key in row else "" for key, form in (("fps", "g"), ("seconds", ".2f"))]
        usable = "; ".join(row[key] for key in ("usable", "note") if key in row)
        table.add_row(escape(_within(row["file"], [path])), escape(row.get("format", "")), *length, escape(usable))
    return table

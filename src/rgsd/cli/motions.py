"""`rgsd motions`: import, look at, plan, cut, mirror and draw reference motions."""

from __future__ import annotations

import json as jsonlib
import logging
from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro
from PIL.Image import Image
from rich.markup import escape
from rich.table import Table
from tyro.conf import Positional

from rgsd.atomic import write_atomically
from rgsd.bodies.body import Body
from rgsd.bodies.mirror import Mirror
from rgsd.bodies.registry import BODIES, is_mjcf, make_body
from rgsd.cli.console import make_console
from rgsd.cli.motion_tables import (
    facts_table,
    file_facts,
    file_row,
    motion_summary,
    motion_table,
    print_missing,
    print_notes,
)
from rgsd.cli.options import Switch
from rgsd.errors import UsageError
from rgsd.motions.arrays import Arrays
from rgsd.motions.files import is_archive, motion_files, natural_order
from rgsd.motions.formats.reading import Reading
from rgsd.motions.importing import NOT_IN_SET, import_motions
from rgsd.motions.joining import join
from rgsd.motions.mirroring import mirrored
from rgsd.motions.motion import RATES, Motion, MotionError
from rgsd.motions.skeleton_map import load_map
from rgsd.motions.splitting import split
from rgsd.motions.synthesis.quadruped import medley_quadruped, synthesize_quadruped
from rgsd.motions.trimming import trim_rest

_log = logging.getLogger(__name__)
_PICTURES = {".png": "PNG", ".jpg": "JPEG"}  # Pillow's words for what a name ends in
_ANY_SERVO = "1,0"  # kp,kd: motions are of a robot's hinges, whatever drives them


def motions_import(
    paths: Positional[list[Path]],
    out: Path,
    body: str = "smpl",
    clip_set: str | None = None,
    fps: float | None = None,
    up: Literal["y", "z"] | None = None,
    unit: Literal["m", "cm", "mm"] = "m",
    rate: float | None = None,
    joints: Annotated[Path | None, tyro.conf.arg(name="map")] = None,
    json: Switch = False,
) -> None:
    """Read motion files into rgsd's own npz, and say what was taken, skipped and why, and what is odd about it.

    Readable are BVH of people, AMASS (SMPL+H, SMPL-X) and SMPL npz, DeepMimic txt, npz and csv of robots, and rgsd's
    own npz; one file, a folder, a zip or a tar.

    Args:
        paths: files, folders, zips or tars.
        out: folder that the npz files are written to; it must hold none of their names yet.
        body: body to map to.
        clip_set: take only the clips of this named set, such as accad20.
        fps: rate of the results, 1/s; the body's control rate if not given.
        up: the source's axis that points up, where it is not its format's.
        unit: of the source's positions in npz, csv and txt.
        rate: of the source, 1/s, where its file does not say, or says wrong.
        joints: TOML file that says which joint of a BVH moves which body; `rgsd motions map` proposes one.
        json: print one JSON object instead of tables.
    """
    if not paths:
        raise UsageError("nothing to import; name a motion file, a folder or a zip of them")
    for option, given in (("--fps", fps), ("--rate", rate)):
        if given is not None and not RATES[0] <= given <= RATES[1]:
            raise UsageError(f"{option} {given:g}: give a rate of {RATES[0]:g} to {RATES[1]:g}, 1/s")
    reading = Reading(up, unit, rate, None if joints is None else load_map(joints))
    results = import_motions(paths, moving_body(body), clip_set, fps, reading)
    taken = [found.motion for found in results if found.motion is not None]
    there = [motion.name for motion in taken if (out / f"{motion.name}.npz").exists()]
    if there:
        found = ", ".join(f"{name}.npz" for name in there[:3]) + (", ..." if there[3:] else "")
        raise UsageError(f"--out {out}: holds {found} already; remove what is to be replaced, or choose another folder")
    for motion in taken:
        motion.save(out / f"{motion.name}.npz")
    if json:
        print(jsonlib.dumps({"out": str(out), "files": [file_row(found) for found in results]}))
    else:
        console = make_console()
        console.print(motion_table(taken, f"{len(taken)} motions written to {out}"))
        print_notes(console, results, paths)
        if clip_set:
            others = sum(found.note == NOT_IN_SET for found in results)
            console.print(f"{others} files skipped that are not in {clip_set}", highlight=False)
            print_missing(console, clip_set, {motion.name for motion in taken})
    if not taken:
        raise UsageError(f"nothing could be imported from {', '.join(map(str, paths))}; the reasons are above")


def motions_info(path: Positional[Path], json: Switch = False) -> None:
    """Show what a motion file holds: its format, length, joints and source, and whether a body can take it.

    Of a folder or zip it lists every file that looks like a motion, one line each.

    Args:
        path: a BVH file of any dialect, an npz of AMASS, SMPL or rgsd, a folder or a zip.
        json: print one JSON object instead of text; of a folder or zip a list of them.
    """
    whole = path.is_dir() or is_archive(path)
    facts = [file_facts(file) for file in motion_files(path)]
    if not facts:
        raise UsageError(f"{path}: no file there that looks like a motion, .bvh or .npz")
    if json:
        print(jsonlib.dumps(facts if whole else facts[0]))
        return
    console = make_console()
    if whole:
        console.print(facts_table(facts, path))
        return
    table = Table(show_header=False, box=None)
    for key, value in facts[0].items():
        table.add_row(f"[bold]{key}", escape(", ".join(map(str, value)) if isinstance(value, list) else str(value)))
    console.print(table)


def motions_list(path: Positional[Path], json: Switch = False) -> None:
    """List rgsd's motions in a folder, with the metrics of their import.

    Args:
        path: folder of rgsd's npz files.
        json: print one JSON object instead of a table.
    """
    motions = own_motions(path)
    if json:
        print(jsonlib.dumps([motion_summary(motion) for motion in motions]))
    else:
        make_console().print(motion_table(motions, f"{len(motions)} motions in {path}"))


def motions_synthesize(out: Path, body: str = "quadruped", medley: bool = False) -> None:
    """Plan reference gaits without any recording and write them as npz.

    Args:
        out: folder that the npz files are written to.
        body: body to plan for; only the quadruped has a planner.
        medley: write, instead of the eight clips, one of 14 s in which the gaits follow one another without a cut.
    """
    if body != "quadruped":
        raise UsageError(f"--body {body}: gaits are planned for 'quadruped' alone; import recordings for others")
    planned = make_body(body)
    write_motions([medley_quadruped(planned)] if medley else synthesize_quadruped(planned), out)


def motions_split(path: Positional[Path], out: Path, seconds: float = 2.0, overlap: float = 0.0) -> None:
    """Cut long motions into windows, each of which is trained on as a motion of its own.

    Motions that are no longer than a window are written whole, so that a folder of both kinds stays complete.

    Args:
        path: an rgsd npz file or a folder of them; import others first.
        out: folder that the npz files are written to; it must hold none yet.
        seconds: length of a window.
        overlap: fraction of a window that the next one repeats, at least 0 and below 1.
    """
    windows = [window for motion in own_motions(path) for window in split(motion, seconds, overlap)]
    name, count = Counter(window.name for window in windows).most_common(1)[0]
    if count > 1:
        raise UsageError(f"{path}: {count} of the windows would be '{name}'; rename one of the motions")
    check_empty(out)
    write_motions(windows, out)


def motions_trim(path: Positional[Path], out: Path, still: float = 0.2) -> None:
    """Cut off the rest before a motion's first movement and after its last.

    Loops and motions that rest at neither end are written whole, so that a folder of all kinds stays complete.

    Args:
        path: an rgsd npz file or a folder of them; import others first.
        out: folder that the npz files are written to; it must hold none yet.
        still: a body rests below this root mean square of its hinge rates, rad/s.
    """
    motions = own_motions(path)
    trimmed = [trim_rest(motion, still) for motion in motions]
    check_empty(out)
    write_motions(trimmed, out)
    for before, after in zip(motions, trimmed, strict=True):
        if after is not before:
            print(f"{before.name}: {after.duration:.2f} s of {before.duration:.2f} s")


def motions_mirror(path: Positional[Path], out: Path, body: str | None = None) -> None:
    """Add to motions their mirror images: each NAME with its NAME_mirrored, or the other way round.

    Do it last, after trim and split: by these names a teacher knows what it can teach by mirroring.

    A motion that is its own mirror image, such as a straight walk, gains nothing, and the encoder cannot tell the two
    apart; name the file of one that is not, such as a turn or a punch, or see by `rgsd pretrain` how far they are.

    Args:
        path: an rgsd npz file or a folder of them; import others first.
        out: folder that the npz files are written to; it must hold none yet.
        body: path of the MJCF file, for motions of a body of your own.
    """
    motions = own_motions(path)
    check_empty(out)
    mirror = Mirror(body_of(path, motions, body))
    images = [mirrored(motion, mirror) for motion in motions]
    there = {motion.name for motion in motions}
    twice = [image.name for image in images if image.name in there]
    if twice:
        raise UsageError(f"{path}: holds '{twice[0]}' and its mirror image already; leave one of the two out")
    write_motions([*motions, *images], out)


def motions_join(
    path: Positional[Path],
    out: Path,
    seconds: float = 20.0,
    count: int = 1,
    farthest: float = 1.2,
    seed: int = 0,
    body: str | None = None,
) -> None:
    """Join motions where their postures are most alike: long ones in which one skill follows another.

    For trackers that are to change between skills. Writes joined_1.npz, joined_2.npz, ... and what was joined.

    Args:
        path: an rgsd npz file or a folder of them; import others first.
        out: folder that the npz files are written to; it must hold none yet.
        seconds: length of each.
        count: how many; each begins with another of the motions.
        farthest: largest distance of postures over which a change is made: hinge angles, and a tenth of the rates, rad.
        seed: of the ways.
        body: path of the MJCF file, for motions of a body of your own.
    """
    if count < 1 or seed < 0:
        raise UsageError(f"--count is {count}, --seed {seed}; give at least 1, and 0 or more")
    motions, rng = own_motions(path), np.random.default_rng(seed)
    check_empty(out)
    names = [f"joined_{k}" for k in range(1, count + 1)]
    twice = [motion.name for motion in motions if motion.name in names]
    if twice:
        raise UsageError(f"{path}: holds a motion '{twice[0]}', as one of the joined would be called; rename it")
    moved = body_of(path, motions, body)
    turned = [motions[k % len(motions) :] + motions[: k % len(motions)] for k in range(count)]
    joined = [join(order, moved, name, seconds, farthest, rng) for name, order in zip(names, turned, strict=True)]
    write_motions([*motions, *joined], out)


def motions_render(path: Positional[Path], out: Path, frames: int = 12, body: str | None = None) -> None:
    """Draw motions as a contact sheet: one row a clip, its frames across.

    Args:
        path: an rgsd npz file or a folder of them.
        out: PNG file to write.
        frames: frames across.
        body: path of the MJCF file, for motions of a body of your own.
    """
    from rgsd.viewing.contact_sheet import contact_sheet  # draws with OpenGL, which the other commands do not need

    if frames < 2:
        raise UsageError(f"--frames {frames}: a row needs at least 2")
    check_picture("--out", out)
    motions = own_motions(path)
    sheet = contact_sheet(body_of(path, motions, body), motions, frames)
    write_picture(sheet, out)
    make_console().print(f"{len(motions)} motions drawn to {escape(str(out))}", soft_wrap=True)


def own_motions(path: Path) -> list[Motion]:
    """The motions of an rgsd npz file or of a folder of them.

    Raises:
        MotionError: a file that is none; in a folder it is left out with a warning.
        UsageError: a folder without any.
    """
    if path.is_file():
        return [Motion.load(path)]
    motions = []
    for file in sorted(path.glob("*.npz"), key=natural_order):
        try:
            if "schema_version" in Arrays(file):
                motions.append(Motion.load(file))
        except MotionError as error:  # one damaged file does not hide the others
            _log.warning("left out: %s", error)
    if not motions:
        raise UsageError(f"{path}: no rgsd motions there; make some with `rgsd motions import` or `synthesize`")
    return motions


def body_of(path: Path, motions: list[Motion], given: str | None) -> Body:
    """The body that motions are of.

    Args:
        path: where the motions come from, for the messages.
        motions: at least one.
        given: the body by name or MJCF file; None for a built-in one that they name themselves.

    Raises:
        UsageError: motions of several bodies, or of one that is not built in and whose file was not given.
        MotionError: a motion that does not fit the body.
    """
    names = sorted({motion.body for motion in motions})
    if len(names) > 1:
        raise UsageError(f"{path} holds motions of several bodies ({', '.join(names)}); take one folder for each")
    if given is None and names[0] not in BODIES:
        raise UsageError(f"{path}: body '{names[0]}' is not built in; give its file, --body {names[0]}.xml")
    body = moving_body(given or names[0])
    for motion in motions:
        motion.check(f"{path}: motion '{motion.name}'", body)
    return body


def moving_body(name: str) -> Body:
    """A body by name or file, as motions need it: whatever drives its hinges, or nothing."""
    return make_body(name, _ANY_SERVO if is_mjcf(name) else "")


def check_empty(out: Path) -> None:
    """Refuse a folder whose motions the new ones would be mixed with."""
    if any(out.glob("*.npz")):
        raise UsageError(f"--out {out}: holds npz files, which the new ones would be mixed with; choose another folder")


def check_picture(option: str, out: Path) -> None:
    """Refuse a name that is no picture's, before it is worked for."""
    if out.suffix.lower() not in _PICTURES:
        raise UsageError(f"{option} {out}: the sheet is a picture; give a name that ends in {' or '.join(_PICTURES)}")


def write_picture(picture: Image, out: Path) -> None:
    """Save a picture in the format that its name says."""
    write_atomically(out, lambda path: picture.save(path, format=_PICTURES[out.suffix.lower()]))


def write_motions(motions: list[Motion], out: Path) -> None:
    """Save motions as npz, and say so."""
    for motion in motions:
        motion.save(out / f"{motion.name}.npz")
    make_console().print(motion_table(motions, f"{len(motions)} motions written to {out}"))

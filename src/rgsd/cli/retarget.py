"""`rgsd motions map` and `rgsd motions retarget`: which part follows which, and motions onto a robot."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from rgsd.atomic import write_atomically
from rgsd.bodies.body import Body
from rgsd.bodies.registry import is_mjcf, make_body
from rgsd.cli.console import make_console
from rgsd.cli.motion_tables import print_notes
from rgsd.cli.motions import (
    body_of,
    check_empty,
    check_picture,
    moving_body,
    own_motions,
    write_motions,
    write_picture,
)
from rgsd.errors import UsageError
from rgsd.motions.body_map import load_body_map, propose_body_map
from rgsd.motions.formats.bvh import read_bvh
from rgsd.motions.importing import import_motions, is_own
from rgsd.motions.motion import Motion
from rgsd.motions.robot_retarget import retarget_to_robot
from rgsd.motions.skeletons import find_map, propose_map


def motions_map(file: Positional[Path], out: Path | None = None) -> None:
    """Propose a map: which joint of a BVH moves which SMPL body, or which body of a robot follows which.

    Prints it as TOML, to be looked at, corrected, and given to `motions import` or `motions retarget` by --map.

    Args:
        file: a BVH file, or a robot's MJCF file.
        out: TOML file to write instead.
    """
    if is_mjcf(str(file)):
        robot = moving_body(str(file))
        text = propose_body_map(_source_for(robot), robot).toml()
    else:
        bvh = read_bvh(file)
        text = (find_map(bvh) or propose_map(bvh)).toml()
    if out is None:
        print(text, end="")
    elif out.exists():
        raise UsageError(f"--out {out}: is there already; remove it, or choose another name")
    else:
        write_atomically(out, lambda path: path.write_text(text, encoding="utf-8"))


def motions_retarget(
    path: Positional[Path],
    body: str,
    out: Path,
    parts: Annotated[Path | None, tyro.conf.arg(name="map")] = None,
    fps: float | None = None,
    sheet: Path | None = None,
) -> None:
    """Put motions of people, of the humanoid or of the quadruped onto a robot, by inverse kinematics.

    Args:
        path: what `motions import` reads for the humanoid, or rgsd's npz of the humanoid or the quadruped.
        body: path of the robot's MJCF file.
        out: folder that the npz files are written to; it must hold none yet.
        parts: TOML file that says which body follows which; `rgsd motions map` proposes one, which is taken otherwise.
        fps: rate of the results, 1/s; the motions' own if not given.
        sheet: PNG file for a contact sheet, which needs offscreen GL.
    """
    if not is_mjcf(body):
        raise UsageError(f"--body {body}: give the path of a robot's MJCF file; for 'smpl' use `rgsd motions import`")
    check_empty(out)
    if sheet is not None:
        check_picture("--sheet", sheet)
    robot = moving_body(body)
    motions, source = _motions(path)
    bodies = propose_body_map(source, robot) if parts is None else load_body_map(parts)
    bodies.check(str(parts or body), source, robot)
    made = [retarget_to_robot(motion, source, robot, bodies, fps) for motion in motions]
    write_motions(made, out)
    if sheet is not None:
        from rgsd.viewing.contact_sheet import contact_sheet  # draws with OpenGL, which the rest does not need

        write_picture(contact_sheet(robot, made), sheet)


def _motions(path: Path) -> tuple[list[Motion], Body]:
    """The motions of a path and the body that they are of: rgsd's own as they are, others as the humanoid's."""
    files = [path] if path.is_file() else path.glob("*.npz")
    if any(is_own(file) for file in files):
        motions = own_motions(path)
        return motions, body_of(path, motions, None)
    source = make_body("smpl")
    found = import_motions([path], source)
    print_notes(make_console(), found, [path])
    motions = [file.motion for file in found if file.motion is not None]
    if not motions:
        raise UsageError(f"{path}: holds no motion that could be read; the reasons are above")
    return motions, source


def _source_for(robot: Body) -> Body:
    """The built-in body that a robot is most like: by its feet, a quadruped or a person."""
    return make_body("quadruped" if len(robot.feet) > 3 else "smpl")

"""Bodies by name, or by the path of a user's own file."""

from __future__ import annotations

from pathlib import Path

from rgsd.bodies.body import Body, BodyError
from rgsd.bodies.mjcf import load_mjcf
from rgsd.bodies.quadruped import make_quadruped
from rgsd.bodies.smpl import make_smpl
from rgsd.errors import UnknownName

BODIES = {"smpl": make_smpl, "quadruped": make_quadruped}


def is_mjcf(name: str) -> bool:
    """Whether the name is the path of a user's own MJCF file: it ends in .xml, in whatever case."""
    return name.lower().endswith(".xml")


def make_body(name: str, gains: str = "") -> Body:
    """Build a body by its name, or from the MJCF file whose path the name is.

    Args:
        name: a built-in body's, or the path.
        gains: `kp,kd` of servos that take the place of a file's actuators; see `load_mjcf`.

    Raises:
        UnknownName: no such body; the message lists the nearest.
        BodyError: the file cannot be a body, or bears a built-in body's name.
    """
    if is_mjcf(name):
        path = Path(name)
        if path.stem in BODIES:  # its motions and policies could not be told from the built-in body's
            raise BodyError(f"{path}: '{path.stem}' is a built-in body; give the file another name")
        return load_mjcf(path, gains)
    if name.lower().endswith((".urdf", ".sdf", ".usd", ".usda", ".mjb")):
        raise BodyError(
            f"{name}: no MJCF file; MuJoCo writes one from URDF, MjSpec.from_file('robot.urdf').to_xml(); give its "
            "root <freejoint/> and a keyframe 'home', and save it as .xml"
        )
    if gains:
        raise BodyError(f"--gains {gains}: '{name}' is built in and has its own; leave it out")
    if name not in BODIES:
        raise UnknownName("body", name, BODIES)
    return BODIES[name]()

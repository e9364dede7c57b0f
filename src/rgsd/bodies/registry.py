"""Bodies by name."""

from __future__ import annotations

from rgsd.bodies.body import Body
from rgsd.bodies.quadruped import make_quadruped
from rgsd.bodies.smpl import make_smpl
from rgsd.errors import UnknownName

BODIES = {"smpl": make_smpl, "quadruped": make_quadruped}


def make_body(name: str) -> Body:
    """Build a body by its name.

    Raises:
        UnknownName: no such body; the message lists the nearest.
    """
    if name not in BODIES:
        raise UnknownName("body", name, BODIES)
    return BODIES[name]()

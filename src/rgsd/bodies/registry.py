"""Bodies by name."""

from __future__ import annotations

import difflib

from rgsd.bodies.body import Body
from rgsd.bodies.quadruped import make_quadruped
from rgsd.bodies.smpl import make_smpl

BODIES = {"smpl": make_smpl, "quadruped": make_quadruped}


def make_body(name: str) -> Body:
    """Build a body by its name.

    Raises:
        ValueError: an unknown name; the message lists the nearest.
    """
    if name not in BODIES:
        near = difflib.get_close_matches(name, BODIES, n=1, cutoff=0.3) or list(BODIES)
        raise ValueError(f"no body '{name}'; nearest: {', '.join(near)}")
    return BODIES[name]()

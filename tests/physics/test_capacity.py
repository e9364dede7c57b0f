"""Room for contacts: at least what the body has when it lies there, and the same every time."""

from __future__ import annotations

from rgsd.bodies.body import Body
from rgsd.physics.capacity import measure_capacity


def test_a_box_on_the_ground(tiny: Body) -> None:
    found = measure_capacity(tiny)
    # a face of the box touches in 4 points, each a pyramid of 4 rows; twice that, and the one pair that can touch
    assert (found.contacts, found.constraints) == (2 * 4 + 1, 2 * 4 * 4)
    assert found == measure_capacity(tiny)

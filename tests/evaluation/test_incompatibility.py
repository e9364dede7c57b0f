"""METRA's latent space where its metrics can be told by hand: phi as plain place, time, or the local state."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from rgsd.bodies.body import Body
from rgsd.evaluation.incompatibility import Visited, cycle, cycle_length, explained, measure
from rgsd.evaluation.rollouts import Simulate
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.methods.metra import Metra
from rgsd.motions.library import MotionLibrary
from rgsd.motions.synthesis.gait import Course, Gait
from rgsd.motions.synthesis.quadruped import synthesize


def stand_in(library: MotionLibrary, embed: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Metra:
    method = SimpleNamespace(library=library, embed=embed, drift=lambda: 0.5)
    return method  # pyright: ignore[reportReturnType]


@pytest.fixture(scope="module")
def trot(body: Body) -> MotionLibrary:
    """Two seconds of a trot, which repeats itself after each stride."""
    return MotionLibrary(body, [synthesize(body, "trot", "forward", Gait(), Course(forward=0.4), seconds=2.0)])


def test_a_cycle_in_local_coordinates_pays_nothing_and_travel_pays_it_all(trot: MotionLibrary) -> None:
    seconds = cycle_length(trot, 0) * trot.body.control_dt
    assert seconds / Gait().period == pytest.approx(round(seconds / Gait().period), abs=0.05)
    local = cycle(stand_in(trot, lambda observation, root, time: observation[..., :40]), trot, 0)
    assert local["length"] > 0
    assert local["fraction"] < 0.1
    place = cycle(stand_in(trot, lambda observation, root, time: root), trot, 0)
    assert place["fraction"] > 0.9
    assert place["net"] == pytest.approx(0.4 * seconds, rel=0.1)
    clock = cycle(stand_in(trot, lambda observation, root, time: time.unsqueeze(-1)), trot, 0)
    assert clock["fraction"] == pytest.approx(1.0, abs=1e-4)
    assert clock["curve"][-1] == pytest.approx(1.0, abs=1e-4)
    still = cycle(stand_in(trot, lambda observation, root, time: torch.ones_like(root)), trot, 0)
    assert (still["fraction"], still["curve"]) == (None, None)


def visited(phi: Tensor, root: Tensor) -> Visited:
    return Visited(phi, root, torch.ones(phi.shape[:2], dtype=torch.bool))


def test_what_explains_phi() -> None:
    generator = torch.Generator().manual_seed(0)
    root = torch.randn(50, 20, 2, generator=generator)
    root[:, 0] = 0.0
    turned = root @ torch.tensor([[0.0, 2.0], [-1.0, 0.0]])
    assert explained(visited(turned, root))["travel_fraction"] == pytest.approx(1.0, abs=1e-6)
    noise = torch.randn(50, 20, 2, generator=generator)
    nothing = explained(visited(noise, root))
    # of 1000 random points, two slopes explain about 2 thousandths, 20 means about 20
    assert nothing["travel_fraction"] is not None
    assert nothing["travel_fraction"] < 0.02
    assert nothing["time_fraction"] is not None
    assert nothing["time_fraction"] < 0.06
    clock = torch.arange(20.0).expand(50, -1).unsqueeze(-1)
    assert explained(visited(clock, root))["time_fraction"] == pytest.approx(1.0, abs=1e-6)
    assert explained(visited(torch.ones(50, 20, 2), root)) == {"travel_fraction": None, "time_fraction": None}


def test_states_after_a_fall_do_not_count() -> None:
    phi = torch.tensor([[[0.0], [1.0], [2.0], [90.0]], [[0.0], [1.0], [2.0], [3.0]]])
    found = visited(phi, torch.zeros(2, 4, 2))
    found.standing[0, 3] = False
    assert explained(found)["time_fraction"] == pytest.approx(1.0, abs=1e-6)


def test_a_whole_measurement(puppet: Simulate, library: MotionLibrary, make_policy: Callable[..., SkillPolicy]) -> None:
    # phi is the time in units of 10 ms: every step of 20 ms is 2 long, and breaks the constraint
    method = stand_in(library, lambda observation, root, time: time.unsqueeze(-1) / 0.01)
    found = measure(method, make_policy(), library, puppet, num_latents=5, num_envs=3)
    assert found["violations"] == found["reference_violations"] == 1.0
    assert found["step_length"] == pytest.approx(100 * library.body.control_dt, rel=1e-4)
    assert found["time_fraction"] == pytest.approx(1.0, abs=1e-6)
    assert (found["drift"], found["cycle_fraction"]) == (0.5, pytest.approx(1.0, abs=1e-4))

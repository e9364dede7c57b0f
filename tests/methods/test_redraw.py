"""When a latent changes within an episode, and along which way."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from rgsd.errors import UsageError
from rgsd.methods.redraw import Redraw
from rgsd.randomness import Draws
from rgsd.skills import sphere

NOBODY, DRAWS = torch.zeros(1, dtype=torch.bool), Draws(torch.arange(1))


def test_redraws_come_at_the_rate_and_leave_imitation_alone() -> None:
    # 2 a second at 50 Hz: 1 - exp(-2 / 50) = 0.0392 a step
    redraw, draws = Redraw(2.0, 0.0, 0.02), Draws(torch.arange(4000))
    z = sphere.draw_uniform(draws, 3)
    free = torch.arange(4000) < 2000
    after = redraw.next(z, free, torch.zeros(4000, dtype=torch.bool), draws)
    changed = (after != z).any(dim=1)
    assert not changed[2000:].any()
    assert abs(float(changed[:2000].float().mean()) - (1 - math.exp(-0.04))) < 0.012  # three standard deviations
    np.testing.assert_allclose(after.norm(dim=1), 1, atol=1e-5)


def test_a_change_glides_along_the_great_circle_in_equal_arcs() -> None:
    redraw = Redraw(1.0, 0.08, 0.02)  # four steps
    z, target = torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([[0.0, 1.0, 0.0]])
    redraw.load_state_dict({"target": target, "left": torch.tensor([4])})
    redraw.chance = 0.0  # nothing new is drawn on the way
    for step in range(1, 6):
        z = redraw.next(z, ~NOBODY, NOBODY, DRAWS)
        angle = min(step, 4) * math.pi / 8  # a quarter turn in four, and there it stays
        np.testing.assert_allclose(z, [[math.cos(angle), math.sin(angle), 0.0]], atol=1e-6)


def test_a_new_episode_forgets_the_change_under_way() -> None:
    redraw = Redraw(1.0, 0.08, 0.02)
    redraw.load_state_dict({"target": torch.tensor([[0.0, 1.0]]), "left": torch.tensor([3])})
    redraw.chance = 0.0
    z = torch.tensor([[1.0, 0.0]])
    for begun in (True, False):
        assert torch.equal(redraw.next(z, ~NOBODY, torch.tensor([begun]), DRAWS), z)


def test_it_goes_on_where_it_was() -> None:
    first, draws = Redraw(5.0, 0.1, 0.02), Draws(torch.arange(50))
    z, everyone, nobody = sphere.draw_uniform(draws, 4), torch.ones(50).bool(), torch.zeros(50).bool()
    for _ in range(10):
        z = first.next(z, everyone, nobody, draws)
    other = Redraw(5.0, 0.1, 0.02)
    other.load_state_dict(first.state_dict())
    ahead = [redraw.next(z, everyone, nobody, Draws(torch.arange(50) + 99)) for redraw in (first, other)]
    assert torch.equal(*ahead)


def test_negative_rates_and_times_are_refused() -> None:
    with pytest.raises(UsageError, match=r"--settings\.resample-rate is -1\.0; give 0 or more"):
        Redraw(-1.0, 0.0, 0.02)
    with pytest.raises(UsageError, match=r"--settings\.slerp-seconds is nan"):
        Redraw(1.0, math.nan, 0.02)

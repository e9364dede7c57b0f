"""Goals by hand: what counts as reached, missed and progress, and how a goal looks from where one stands."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from rgsd.envs.goal_field import FieldConfig, GoalField
from rgsd.errors import UsageError

CPU = torch.device("cpu")


@pytest.fixture
def field() -> GoalField:
    """Goals at (3, 4), (1, 0) and (1, 0); reached within half a metre, missed after 2 s."""
    field = GoalField(FieldConfig(side=20.0, radius=0.5, seconds=2.0), 3, 0, CPU)
    field.goal = torch.tensor([[3.0, 4.0], [1.0, 0.0], [1.0, 0.0]])
    return field


def test_progress_and_the_radius(field: GoalField) -> None:
    before = torch.zeros(3, 2)
    # straight at the goal by 1 of 5 m; to 0.5 m before the goal; away from it
    after = torch.tensor([[0.6, 0.8], [0.5, 0.0], [-0.25, 0.0]])
    step = field.settle(before, after, 0.1)
    np.testing.assert_allclose(step.progress, [1.0, 0.5, -0.25], atol=1e-6)
    assert step.reached.tolist() == [False, True, False]
    assert not step.missed.any()


def test_a_goal_is_missed_when_its_time_is_up_but_not_if_it_is_reached_then(field: GoalField) -> None:
    far, near = torch.zeros(3, 2), torch.tensor([[0.0, 0.0], [0.9, 0.0], [0.0, 0.0]])
    for _ in range(19):
        assert not field.settle(far, far, 0.1).missed.any()
    last = field.settle(far, near, 0.1)  # 20 times a tenth
    assert last.missed.tolist() == [True, False, True]
    assert last.reached.tolist() == [False, True, False]


def test_only_those_who_are_told_get_new_goals_all_over_the_field(field: GoalField) -> None:
    field.waited = torch.full((3,), 1.5)
    field.draw(torch.tensor([False, True, False]))
    assert field.goal[0].tolist() == [3.0, 4.0]
    assert field.goal[1].tolist() != [1.0, 0.0]
    assert field.waited.tolist() == [1.5, 0.0, 1.5]
    places = field.uniform(20000)
    assert float(places.abs().max()) <= 10.0
    np.testing.assert_allclose(places.mean(dim=0), 0, atol=0.15)
    np.testing.assert_allclose(places.std(dim=0), 20 / math.sqrt(12), atol=0.1)


def test_a_goal_seen_from_a_place_and_a_heading(field: GoalField) -> None:
    # from (3, 2) the first goal lies 2 m off along y: to the left of who faces x, ahead of who faces y
    position, yaw = torch.tensor([[3.0, 2.0], [1.0, 3.0], [1.0, 0.0]]), torch.tensor([0.0, math.pi / 2, 0.0])
    view = field.view(position, yaw)
    np.testing.assert_allclose(view[0], [0, 1, 2], atol=1e-6)
    np.testing.assert_allclose(view[1], [-1, 0, 3], atol=1e-6)  # right behind who faces y
    assert torch.isfinite(view).all()  # also for who stands on his goal


def test_it_goes_on_where_it_was(field: GoalField) -> None:
    saved = field.snapshot()
    everyone = torch.ones(3, dtype=torch.bool)
    field.draw(everyone)
    drawn = field.goal
    other = GoalField(field.config, 3, 99, CPU)
    other.restore(saved)
    other.draw(everyone)
    assert torch.equal(other.goal, drawn)


def test_a_field_without_size_is_refused() -> None:
    with pytest.raises(UsageError, match=r"--field\.radius is 0"):
        GoalField(FieldConfig(radius=0.0), 1, 0, CPU)

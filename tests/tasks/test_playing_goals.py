"""`rgsd play TASKRUN`, without its page: here, where there are bodies that glide."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from rgsd.learning.networks import Actor
from rgsd.tasks.goal_env import GoalEnv
from rgsd.viewing.play.goals import GoalSession


class Straight(Actor):
    """Chooses the latent that leads straight to the goal: the observation ends in its direction and distance."""

    def __init__(self) -> None:
        torch.nn.Module.__init__(self)

    def forward(self, observation: Tensor, z: Tensor) -> Tensor:
        return observation[:, -3:-1]


def test_the_body_goes_where_one_points(make_env: Callable[..., GoalEnv]) -> None:
    session = GoalSession(make_env(1, side=4.0), Straight())
    session.set_goal(1.0, -1.0)
    assert session.goal == (1.0, -1.0)
    far = session.distance
    for _ in range(25):
        session.advance()
    assert session.distance == pytest.approx(abs(far - 0.5), abs=0.05)  # half a second at 1 m/s
    for _ in range(250):
        session.advance()
    assert session.reached == 1  # once, however long it stays there
    assert session.goal == (1.0, -1.0)


def test_it_wanders_on_if_it_is_to(make_env: Callable[..., GoalEnv]) -> None:
    session = GoalSession(make_env(1, side=4.0), Straight())
    session.wanders = True
    session.set_goal(*session.env.position[0].tolist())
    session.advance()
    assert session.reached == 1
    assert session.distance > 0

import math

import pytest
import torch

from rgsd.errors import UnknownName, UsageError
from rgsd.viewing.play.steering import Steering

X, Y, Z = torch.eye(3)


@pytest.fixture
def steering() -> Steering:
    return Steering({"x": X, "y": Y, "z": Z}, 3)


def test_it_begins_at_the_first_clip_and_glides_along_the_great_circle(steering: Steering) -> None:
    assert torch.equal(steering.z, X[None])
    steering.glide = 2.0
    steering.go_to_clip("y")
    assert torch.equal(steering.z, X[None])  # no time has passed
    steering.advance(1.0)
    # half of the time is half of the quarter circle, whatever the easing
    torch.testing.assert_close(steering.z, torch.tensor([[math.sqrt(0.5), math.sqrt(0.5), 0.0]]))
    steering.advance(1.0)
    assert torch.equal(steering.z, Y[None])


def test_without_glide_it_jumps_and_next_goes_round(steering: Steering) -> None:
    steering.glide = 0.0
    found = []
    for _ in range(3):
        steering.next_clip()
        steering.advance(0.02)
        found.append(int(steering.z[0].argmax()))
    assert found == [1, 2, 0]
    steering.draw()
    steering.next_clip()
    assert steering.chosen.words == "x"  # after something that is no clip: the first


def test_a_blend_lies_on_the_great_circle(steering: Steering) -> None:
    steering.blend("x", "y", 1 / 3)
    # a third of 90 degrees
    angle = math.radians(30)
    torch.testing.assert_close(steering.goal[0], torch.tensor([math.cos(angle), math.sin(angle), 0.0]))
    assert steering.chosen.words == "67% x, 33% y"


def test_a_sequence_goes_on_by_itself_until_something_else_is_chosen(steering: Steering) -> None:
    steering.glide = 0.0
    steering.play_sequence(["y", "x"], 1.0)
    steering.advance(0.5)
    assert torch.equal(steering.z, Y[None])
    steering.advance(0.5)
    assert torch.equal(steering.z, X[None])
    steering.advance(1.0)
    assert torch.equal(steering.z, Y[None])
    steering.go_to(2 * Z)
    for _ in range(5):
        steering.advance(1.0)
    assert torch.equal(steering.z, Z[None])


def test_several_bodies_get_random_directions_and_the_first_is_led(steering: Steering) -> None:
    steering.set_count(3)
    before = steering.z
    assert before.shape == (3, 3)
    torch.testing.assert_close(before.norm(dim=1), torch.ones(3))
    steering.go_to_clip("z")
    steering.advance(10.0)
    assert torch.equal(steering.z, torch.cat((Z[None], before[1:])))
    steering.set_count(1)
    assert torch.equal(steering.z, Z[None])


def test_a_draw_near_keeps_near_and_seeds_repeat(steering: Steering) -> None:
    steering.set_count(200)
    steering.go_to_clip("x")
    steering.advance(10.0)
    steering.kappa = 1000.0
    steering.draw_near()
    # A_3(1000) = coth(1000) - 1/1000 = 0.999
    assert float((steering.goal @ X).mean()) == pytest.approx(0.999, abs=3e-4)
    again = Steering({"x": X}, 3, seed=steering.chosen.seed)
    again.draw()
    assert again.chosen.seed == steering.chosen.seed
    assert torch.equal(again.goal[0], Steering({}, 3, seed=again.chosen.seed).z[0])


def test_what_cannot_be_done_is_refused(steering: Steering) -> None:
    with pytest.raises(UnknownName, match="unknown clip of the policy 'xx'"):
        steering.go_to_clip("xx")
    with pytest.raises(UnknownName, match="'no'"):
        steering.play_sequence(["x", "no"], 1.0)
    with pytest.raises(UsageError, match="needs a clip"):
        steering.play_sequence([], 1.0)
    with pytest.raises(UsageError, match="positive time"):
        steering.play_sequence(["x"], 0.0)
    with pytest.raises(UsageError, match="at least one"):
        steering.set_count(0)
    with pytest.raises(UsageError, match="no clips' directions"):
        Steering({}, 3).next_clip()

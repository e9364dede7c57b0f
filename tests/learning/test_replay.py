"""What a replay keeps, in which order it forgets, and that it goes on from a saved state."""

from __future__ import annotations

import copy

import torch

from rgsd.learning.replay import Replay


def make(capacity: int) -> Replay:
    return Replay(capacity, 8, torch.Generator().manual_seed(0))


def rollout(number: int, rows: int = 50) -> list[torch.Tensor]:
    """Rows that say of which rollout they are, in two parts that belong together."""
    place = torch.arange(rows)
    return [torch.full((rows, 2), float(number)), 100 * number + place]


def kept(replay: Replay) -> dict[int, int]:
    """By rollout, how many different rows of it are drawn."""
    numbers, places = replay.draw(4000)
    assert torch.equal(numbers[:, 0].long(), places // 100)  # the parts belong together
    rows = places.unique() // 100
    return {number: int((rows == number).sum()) for number in rows.unique().tolist()}


def test_each_of_the_last_eight_rollouts_has_an_eighth() -> None:
    replay = make(24)
    for number in range(11):
        replay.add(rollout(number))
        assert len(replay) == 24  # the first one fills it
    assert kept(replay) == dict.fromkeys(range(3, 11), 3)


def test_until_it_is_full_a_rollout_gives_all_that_it_has() -> None:
    replay = make(80)
    for number in range(3):
        replay.add(rollout(number, rows=4))
    assert kept(replay) == dict.fromkeys(range(3), 4)


def test_none_is_kept_without_room() -> None:
    replay = make(0)
    replay.add(rollout(0))
    assert len(replay) == 0


def test_it_goes_on_from_a_saved_state() -> None:
    replay, other = make(16), make(16)
    for number in range(3):
        replay.add(rollout(number))
    other.load_state_dict(copy.deepcopy(replay.state_dict()))
    other._generator.set_state(replay._generator.get_state())
    for number in range(3, 12):
        for one in (replay, other):
            one.add(rollout(number))
        for mine, theirs in zip(replay.draw(30), other.draw(30), strict=True):
            assert torch.equal(mine, theirs)

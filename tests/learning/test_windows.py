"""Windows reach back over rollouts, never over the end of an episode, and stay within a clip."""

from __future__ import annotations

from collections.abc import Callable

import torch

from rgsd.learning.rollout import Rollout
from rgsd.learning.windows import WindowHistory, reference_rows
from rgsd.motions.library import MotionLibrary


def numbered(make_rollout: Callable[..., Rollout], first: int, elapsed: list[int]) -> Rollout:
    """A rollout of one environment whose states after each step are `first`, `first` + 1, ..."""
    steps = len(elapsed)
    states = torch.arange(first, first + steps).float().reshape(steps, 1, 1)
    return make_rollout(steps, 1, next_observation=states, elapsed=torch.tensor(elapsed).unsqueeze(1))


def test_windows_end_in_the_state_after_each_step(make_rollout: Callable[..., Rollout]) -> None:
    history = WindowHistory(3)
    windows, whole = history.windows(numbered(make_rollout, 1, [0, 1, 2, 3, 0]))
    assert windows.shape == (5, 1, 3, 1)
    assert whole[:, 0].tolist() == [False, False, True, True, False]  # the last step begins another episode
    assert windows[2, 0, :, 0].tolist() == [1, 2, 3]
    assert windows[3, 0, :, 0].tolist() == [2, 3, 4]


def test_a_window_goes_on_from_one_rollout_to_the_next(make_rollout: Callable[..., Rollout]) -> None:
    history, first = WindowHistory(4), numbered(make_rollout, 1, [0, 1])
    history.advance(first)
    second = numbered(make_rollout, 3, [2, 3])
    windows, whole = history.windows(second)
    assert whole[:, 0].tolist() == [False, True]
    assert windows[1, 0, :, 0].tolist() == [1, 2, 3, 4]
    history.advance(second)  # shorter than a window, twice
    other = WindowHistory(4)
    other.load_state_dict(history.state_dict())
    for kept in (history, other):
        windows, whole = kept.windows(numbered(make_rollout, 5, [4]))
        assert whole.all()
        assert windows[0, 0, :, 0].tolist() == [2, 3, 4, 5]


def test_reference_windows_stay_within_their_clip(tiny_library: MotionLibrary) -> None:
    clip, frame = torch.tensor([0, 1]), torch.tensor([10, 48])
    rows = reference_rows(tiny_library, clip, frame, torch.tensor([0, 2, 4]))
    # the second clip owns rows 51 to 101
    assert rows.tolist() == [[10, 12, 14], [99, 101, 101]]

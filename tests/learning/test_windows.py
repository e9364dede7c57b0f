"""Windows reach back over rollouts, never over the end of an episode, and stay within a clip."""

from __future__ import annotations

from collections.abc import Callable

import torch

from rgsd.learning.rollout import Rollout
from rgsd.learning.windows import EpisodeWindows, WindowHistory, reference_rows
from rgsd.motions.library import MotionLibrary


def numbered(make_rollout: Callable[..., Rollout], first: int, elapsed: list[int]) -> Rollout:
    """A rollout of one environment whose states after each step are `first`, `first` + 1, ..."""
    steps = len(elapsed)
    states = torch.arange(first, first + steps).float().reshape(steps, 1, 1)
    return make_rollout(steps, 1, next_observation=states, elapsed=torch.tensor(elapsed).unsqueeze(1))


def test_windows_end_in_the_state_after_each_step(make_rollout: Callable[..., Rollout]) -> None:
    history = WindowHistory(3)
    windows = history.windows(numbered(make_rollout, 1, [0, 1, 2, 3, 0]))
    assert windows.shape == (5, 1, 3, 1)
    assert windows[2, 0, :, 0].tolist() == [1, 2, 3]
    assert windows[3, 0, :, 0].tolist() == [2, 3, 4]


def test_a_window_goes_on_from_one_rollout_to_the_next(make_rollout: Callable[..., Rollout]) -> None:
    history, first = WindowHistory(4), numbered(make_rollout, 1, [0, 1])
    history.advance(first)
    second = numbered(make_rollout, 3, [2, 3])
    windows = history.windows(second)
    assert windows[1, 0, :, 0].tolist() == [1, 2, 3, 4]
    history.advance(second)  # shorter than a window, twice
    other = WindowHistory(4)
    other.load_state_dict(history.state_dict())
    for kept in (history, other):
        windows = kept.windows(numbered(make_rollout, 5, [4]))
        assert windows[0, 0, :, 0].tolist() == [2, 3, 4, 5]


def test_an_episodes_first_windows_reach_back_before_its_start(
    make_rollout: Callable[..., Rollout], tiny_library: MotionLibrary
) -> None:
    # what is seen of frame k of clip 1 is 100 + k; clip 1 owns rows 51 to 101
    windows = EpisodeWindows(4, tiny_library, lambda o: o[..., :1])
    windows._reference = torch.arange(-51.0, 102.0).unsqueeze(1) + 100
    # three episodes begin: on frame 10 of clip 1, on its frame 1, and standing; the third begins anew at step 2
    place = torch.tensor([[1.0, 2, 3], [11, 12, 13], [21, 22, 30]])
    after = torch.tensor([[11.0, 12, 13], [21, 22, 23], [31, 32, 33]])
    rollout = make_rollout(
        3,
        3,
        observation=place.unsqueeze(-1),
        next_observation=after.unsqueeze(-1),
        elapsed=torch.tensor([[0, 0, 0], [1, 1, 1], [2, 2, 0]]),
        clip=torch.ones(3, 3, dtype=torch.long),
        frame=torch.tensor([[11, 2, 21], [12, 3, 22], [13, 4, 6]]),
        standing=torch.tensor([[False, False, True], [False, False, True], [False, False, False]]),
    )
    made = windows.windows(rollout)[..., 0]
    assert made[0].tolist() == [[108, 109, 1, 11], [100, 100, 2, 12], [3, 3, 3, 13]]
    assert made[1].tolist() == [[109, 1, 11, 21], [100, 2, 12, 22], [3, 3, 13, 23]]
    # frame 5 of clip 1, of which the start itself, 30, is the noisy picture
    assert made[2].tolist() == [[1, 11, 21, 31], [2, 12, 22, 32], [103, 104, 30, 33]]
    windows.advance(made.unsqueeze(-1))
    other = EpisodeWindows(4, tiny_library, lambda o: o[..., :1])
    other.load_state_dict(windows.state_dict())
    later = make_rollout(
        1,
        3,
        observation=after[2:].unsqueeze(-1),
        next_observation=torch.tensor([[41.0, 42, 43]]).unsqueeze(-1),
        elapsed=torch.tensor([[3, 3, 1]]),
    )
    for kept in (windows, other):
        assert kept.windows(later)[0, ..., 0].tolist() == [[11, 21, 31, 41], [12, 22, 32, 42], [104, 30, 33, 43]]


def test_reference_windows_stay_within_their_clip(tiny_library: MotionLibrary) -> None:
    clip, frame = torch.tensor([0, 1]), torch.tensor([10, 48])
    rows = reference_rows(tiny_library, clip, frame, torch.tensor([0, 2, 4]))
    # the second clip owns rows 51 to 101
    assert rows.tolist() == [[10, 12, 14], [99, 101, 101]]

"""Loss rates by hand, and clips drawn in proportion to them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from rgsd.learning.rollout import Rollout
from rgsd.methods.clip_sampling import FailureRates
from rgsd.randomness import Draws, env_keys

MakeRollout = Callable[..., Rollout]


def lost_rollout(make_rollout: MakeRollout) -> Rollout:
    """Four steps of three environments on the clips 0, 1 and 2, of which the last does not imitate; some episodes
    end."""
    clip = torch.tensor([[0, 1, 2]] * 4)
    imitation = torch.tensor([[True, True, False]] * 4)
    terminated = torch.tensor([[0, 1, 1], [0, 1, 1], [0, 0, 1], [1, 1, 1]]).bool()
    return make_rollout(4, 3, clip=clip, imitation=imitation, terminated=terminated)


def test_probabilities_follow_the_failures_of_imitation(make_rollout: MakeRollout) -> None:
    failures = FailureRates(4, torch.device("cpu"), "failures")
    torch.testing.assert_close(failures.probabilities, torch.full((4,), 0.25).double())  # before anything is known
    failures.record(lost_rollout(make_rollout))
    # lost in 1 of 4 and 3 of 4 steps of imitation; clip 2 only in discovery, clip 3 never seen: rates 1/4, 3/4, 0, 0
    expected = torch.tensor([0.5 / 4 + 0.5 / 4, 0.5 / 4 + 0.5 * 3 / 4, 0.5 / 4, 0.5 / 4]).double()
    torch.testing.assert_close(failures.probabilities, expected)
    # with a second rollout in which nothing is lost, 0.95 of the first one's counts are left:
    calm = lost_rollout(make_rollout)
    calm.terminated[:] = False
    failures.record(calm)
    lost, steps = 0.95 * torch.tensor([1.0, 3.0]), 0.95 * 4 + 4
    rates = lost / steps
    torch.testing.assert_close(failures.probabilities[:2], (0.125 + 0.5 * rates / rates.sum()).double())


def test_the_hardest_have_samples_in_proportion_to_their_rate(make_rollout: MakeRollout) -> None:
    failures = FailureRates(4, torch.device("cpu"), "hardest")
    failures.record(lost_rollout(make_rollout))
    # rates 1/4, 3/4, 0, 0: squares 1 to 9
    expected = torch.tensor([0.125 + 0.05, 0.125 + 0.45, 0.125, 0.125]).double()
    torch.testing.assert_close(failures.probabilities, expected)


def test_clips_are_drawn_by_their_probabilities(make_rollout: MakeRollout) -> None:
    failures = FailureRates(4, torch.device("cpu"), "failures")
    failures.record(lost_rollout(make_rollout))
    drawn = failures.draw(Draws(env_keys(3, torch.arange(20_000))))
    found = torch.bincount(drawn, minlength=4) / 20_000
    # a binomial fraction of 20,000 has a standard deviation of at most 0.0035
    assert found.tolist() == pytest.approx([0.25, 0.5, 0.125, 0.125], abs=0.015)


def test_the_counts_are_kept(make_rollout: MakeRollout) -> None:
    failures, again = FailureRates(4, torch.device("cpu"), "failures"), FailureRates(4, torch.device("cpu"), "failures")
    failures.record(lost_rollout(make_rollout))
    again.load_state_dict(failures.state_dict())
    assert torch.equal(again.probabilities, failures.probabilities)
    before = failures.state_dict()["steps"].clone()
    again.record(lost_rollout(make_rollout))  # what one counts is not the other's
    assert torch.equal(failures.state_dict()["steps"], before)
    assert again.state_dict()["steps"].sum() > before.sum()

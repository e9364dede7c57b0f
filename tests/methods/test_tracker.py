"""The tracker's reward where the answer is known, and its condition."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from rgsd.envs.observation import observe
from rgsd.envs.reference_frames import ReferenceFrames
from rgsd.learning.method import Progress
from rgsd.learning.rollout import Rollout
from rgsd.methods.tracker import Tracker, TrackerConfig
from rgsd.motions.library import MotionLibrary
from rgsd.randomness import Draws

DRAWS = Draws(torch.arange(100))


def along(library: MotionLibrary, clip: int, shown: list[int]) -> Rollout:
    """A rollout over frames 1, 2, ... of a clip, of one environment whose states are those of the frames `shown`."""
    steps = len(shown)
    there = observe(library.state(torch.full((steps,), clip), torch.tensor(shown))).unsqueeze(1)
    zeros, no = torch.zeros(steps, 1), torch.zeros(steps, 1, dtype=torch.bool)
    return Rollout(
        observation=there, next_observation=there, privileged=zeros, next_privileged=zeros, z=zeros, action=zeros,
        next_z=zeros, root=zeros, next_root=zeros, source=no.long(), elapsed=no.long(),
        mean=zeros, log_prob=zeros, clip=torch.full((steps, 1), clip), frame=torch.arange(1, steps + 1).unsqueeze(1),
        imitation=~no, standing=no, noisy=~no, terminated=no, truncated=no, fell=no,
        worst_body=zeros, root_error=zeros.clone(), heading_error=zeros.clone(),
    )  # fmt: skip


@pytest.fixture
def tracker(tiny_library: MotionLibrary) -> Tracker:
    return Tracker(tiny_library, TrackerConfig())


def test_weights_sum_to_one() -> None:
    c = TrackerConfig()
    assert c.position_weight + c.rotation_weight + c.velocity_weight + c.root_weight == pytest.approx(1)


def test_being_at_the_reference_earns_one_and_a_static_pose_less(tracker: Tracker, tiny_library: MotionLibrary) -> None:
    frames = list(range(1, 41))
    np.testing.assert_allclose(tracker.rewards(along(tiny_library, 0, frames)), 1.0, atol=1e-5)
    static_pose = tracker.rewards(along(tiny_library, 0, [25] * 40))
    assert float(static_pose[24]) == pytest.approx(1.0, abs=1e-5)  # at the moment of its own pose
    assert float(static_pose.mean()) < 0.9
    assert float(static_pose.min()) >= 0


def test_the_roots_term_by_hand(tracker: Tracker, tiny_library: MotionLibrary) -> None:
    rollout = along(tiny_library, 0, [1, 2])
    rollout.root_error[:] = torch.tensor([[0.1], [0.0]])
    rollout.heading_error[:] = torch.tensor([[0.2], [10.0]])
    # 0.7 for posture and velocity, and 0.3 exp(-40 (0.01 + 0.04))
    np.testing.assert_allclose(tracker.rewards(rollout).flatten(), [0.7 + 0.3 * math.exp(-2), 0.7], atol=1e-5)


def test_a_clock_behind_the_observation_is_not_compared(tracker: Tracker, tiny_library: MotionLibrary) -> None:
    rollout = along(tiny_library, 0, [1, 2, 9])
    plain = tracker.rewards(rollout)
    rollout.next_observation = torch.cat((rollout.next_observation, torch.full((3, 1, 1), 5.0)), dim=2)
    assert torch.equal(tracker.rewards(rollout), plain)


def test_the_condition_is_the_next_frame(tracker: Tracker, tiny_library: MotionLibrary) -> None:
    frames = ReferenceFrames(tiny_library)
    # 2 hinges, height, two velocities and a 6-D rotation of the root
    assert tracker.latent_dim == frames.size == 2 + 1 + 6 + 6
    clip, frame = torch.tensor([0, 1, 0]), torch.tensor([3, 7, 50])
    progress = Progress(clip, frame, frame, torch.zeros(3, 15), clip, clip.bool())
    assert torch.equal(tracker.maybe_resample(progress, DRAWS)[0], frames.at(clip, torch.tensor([4, 8, 50])))
    episodes = tracker.begin_episodes(DRAWS)
    assert episodes.imitation.all()
    assert torch.equal(episodes.z, frames.at(episodes.clip, episodes.frame + 1))
    # entries that vary come out of unit variance once the actor multiplies them by sqrt(d)
    shown = math.sqrt(15) * frames.at(tiny_library.clip_of_frame, torch.arange(51).repeat(3))
    np.testing.assert_allclose(shown[:, :2].std(dim=0), 1, atol=0.01)
    np.testing.assert_allclose(shown.mean(dim=0), 0, atol=1e-4)


def test_other_clips_are_shown_at_the_scale_of_the_training(tiny_library: MotionLibrary) -> None:
    whole, alone = ReferenceFrames(tiny_library), tiny_library.select(["slide"])
    clip, frame = torch.tensor([1, 1]), torch.tensor([0, 20])
    shown = ReferenceFrames(alone, whole.moments).at(clip - 1, frame)
    torch.testing.assert_close(shown, whole.at(clip, frame))
    # by its own moments the lone clip, whose arms never move, would be shown as something else
    assert not torch.allclose(ReferenceFrames(alone).at(clip - 1, frame), shown)


def test_nothing_of_its_own_is_trained(tracker: Tracker, tiny_library: MotionLibrary) -> None:
    assert tracker.update(along(tiny_library, 0, [1])) == {}
    exported = tracker.export()
    assert exported.condition == "reference"
    assert exported.condition_moments is not None
    assert torch.equal(exported.condition_moments, ReferenceFrames(tiny_library).moments)


def test_lost_clips_are_sampled_more(tiny_library: MotionLibrary) -> None:
    tracker = Tracker(tiny_library, TrackerConfig(clip_sampling="failures"))
    rollout = along(tiny_library, 0, [1, 2])
    rollout.terminated = torch.ones_like(rollout.terminated)  # clip 0 is lost in every step, the others are not seen
    tracker.update(rollout)
    clips = tracker.begin_episodes(Draws(torch.arange(4000))).clip
    # half of the draws uniform over the clips, the other half clip 0
    expected = 0.5 + 0.5 / len(tiny_library)
    assert float((clips == 0).float().mean()) == pytest.approx(expected, abs=0.03)
    copy = Tracker(tiny_library, TrackerConfig(clip_sampling="failures"))
    copy.load_state_dict(tracker.state_dict())
    assert torch.equal(copy.begin_episodes(Draws(torch.arange(4000))).clip, clips)


def test_it_can_learn_to_set_off(tiny_library: MotionLibrary) -> None:
    tracker = Tracker(tiny_library, TrackerConfig(standing_starts=0.5))
    episodes = tracker.begin_episodes(Draws(torch.arange(3000)))
    assert episodes.standing is not None
    assert set(episodes.clip[episodes.standing].tolist()) == {0, 2}  # the two that begin in the standing pose
    assert not episodes.frame[episodes.standing].any()
    assert episodes.imitation.all()
    # it is shown the frame that comes next, wherever it begins
    assert torch.equal(episodes.z, ReferenceFrames(tiny_library).at(episodes.clip, episodes.frame + 1))
    usual = Tracker(tiny_library, TrackerConfig()).begin_episodes(Draws(torch.arange(3000)))
    assert usual.standing is not None
    assert not usual.standing.any()

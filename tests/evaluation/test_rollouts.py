"""Rollouts on a puppet: what is recorded when, who is driven by what, and what a blow-up leaves behind."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from rgsd.bodies.body import Body
from rgsd.envs.open_loop_replay import damping_lag
from rgsd.envs.reference_frames import ReferenceFrames
from rgsd.evaluation import rollouts
from rgsd.evaluation.rollouts import ReplayController, Simulate, SkillController, TrackingController
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.motions.library import MotionLibrary


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def start_of(library: MotionLibrary, *clips: int) -> tuple[Tensor, Tensor, Tensor]:
    clip = torch.tensor(clips)
    state = library.state(clip, torch.zeros_like(clip))
    return state.qpos, state.qvel, clip


def led(library: MotionLibrary, clip: int) -> Tensor:
    """(T, A) what open loop sends of a clip: hinge angles, and kd/kp times their velocities, where the puppet goes."""
    states = rollouts.clip_states(library, clip)
    return states.qpos[:, 7:] + torch.from_numpy(damping_lag(library.body)).float() * states.qvel[:, 6:]


def test_open_loop_replay_shows_the_reference_frame_by_frame(puppet: Simulate, library: MotionLibrary) -> None:
    *start, clip = start_of(library, 0, 1)
    frames = int(library.lengths.min())
    found = rollouts.roll_out(puppet, library.body, ReplayController(library), (start[0], start[1]), frames, clip)
    for row in range(2):
        targets = led(library, row)[1:frames]
        torch.testing.assert_close(found.states.qpos[row, 1:, 7:], targets, atol=1e-5, rtol=0)
        torch.testing.assert_close(found.targets[row], targets, atol=1e-5, rtol=0)
    assert not found.fell.any()


def test_clips_run_to_their_own_end_and_each_once(puppet: Simulate, library: MotionLibrary) -> None:
    for num_envs in (3, 100):
        seen = {}
        for index, found in rollouts.roll_out_clips(
            puppet, library, lambda clip: ReplayController(library), 3, num_envs, seeded()
        ):
            seen[index] = found.states.qpos.shape[:2], found.targets.shape[1]
            error = found.states.qpos[:, 1:, 7:] - led(library, index)[1:]
            assert error.abs().max() < 1e-5
        lengths = library.lengths.tolist()
        assert seen == {i: ((3, lengths[i]), lengths[i] - 1) for i in (0, 1)}


def test_initial_noise_has_the_protocols_size(library: MotionLibrary) -> None:
    qpos, qvel, clip = start_of(library, *([0] * 2000))
    noisy_qpos, noisy_qvel = rollouts.with_noise(library.state(clip, torch.zeros_like(clip)), seeded())
    torch.testing.assert_close(noisy_qpos[:, :7], qpos[:, :7])
    assert abs((noisy_qpos - qpos)[:, 7:].std().item() - 0.01) < 0.0003
    assert abs((noisy_qvel - qvel).std().item() - 0.05) < 0.0015


def test_a_blown_up_copy_has_fallen_and_keeps_its_last_finite_state(
    exploding: Simulate, library: MotionLibrary
) -> None:
    *start, clip = start_of(library, 0, 0)
    found = rollouts.roll_out(exploding, library.body, ReplayController(library), (start[0], start[1]), 6, clip)
    assert found.blown_up.tolist() == [True, False]
    assert found.fell[0].tolist() == [False, False, False, True, True, True]
    assert not found.fell[1].any()
    torch.testing.assert_close(found.states.qpos[0, 3:], found.states.qpos[0, 2].expand(3, -1))
    # a shorter clip that ran beside a longer one has ended before
    assert [found.part(slice(0, 2), frames).blown_up.tolist() for frames in (3, 4)] == [[False, False], [True, False]]


def test_actions_are_clipped_and_mapped_to_targets(
    puppet: Simulate, library: MotionLibrary, make_policy: Callable[..., SkillPolicy]
) -> None:
    body = library.body
    policy = make_policy(lambda o, z, clock: torch.full((len(o), body.num_actions), 7.0))
    *start, clip = start_of(library, 0)
    controller = SkillController(policy, torch.zeros(1, 3))
    found = rollouts.roll_out(puppet, body, controller, (start[0], start[1]), 2, clip)
    expected = torch.tensor(body.action_center + body.action_scale, dtype=torch.float32)
    torch.testing.assert_close(found.targets[0, 0], expected)


def test_the_policy_hears_the_clock_of_the_clip(
    puppet: Simulate, library: MotionLibrary, make_policy: Callable[..., SkillPolicy]
) -> None:
    heard = []

    def script(observation: Tensor, z: Tensor, clock: Tensor) -> Tensor:
        heard.append(clock.item())
        return torch.zeros(1, library.body.num_actions)

    *start, clip = start_of(library, 0)
    controller = SkillController(make_policy(script), torch.zeros(1, 3))
    rollouts.roll_out(puppet, library.body, controller, (start[0], start[1]), 4, clip)
    dt = library.body.control_dt
    torch.testing.assert_close(torch.tensor(heard), torch.tensor([0.0, dt, 2 * dt]))


def test_the_tracker_is_shown_the_next_reference_frame(
    puppet: Simulate, library: MotionLibrary, make_policy: Callable[..., SkillPolicy]
) -> None:
    reference, shown = ReferenceFrames(library), []

    def script(observation: Tensor, z: Tensor, clock: Tensor) -> Tensor:
        shown.append(z[0])
        return torch.zeros(1, library.body.num_actions)

    *start, clip = start_of(library, 1)
    controller = TrackingController(make_policy(script, condition="reference"), library)
    rollouts.roll_out(puppet, library.body, controller, (start[0], start[1]), 4, clip)
    torch.testing.assert_close(torch.stack(shown), reference.at(clip.expand(3), torch.tensor([1, 2, 3])))


def test_a_noise_generator_makes_the_policy_stochastic(
    puppet: Simulate, library: MotionLibrary, make_policy: Callable[..., SkillPolicy]
) -> None:
    policy, z = make_policy(), torch.tensor([[0.0, 0.0, 1.0]])
    *start, clip = start_of(library, 0)

    def targets(noise: torch.Generator | None) -> Tensor:
        controller = SkillController(policy, z, noise)
        return rollouts.roll_out(puppet, library.body, controller, (start[0], start[1]), 30, clip).targets

    mean = targets(None)
    torch.testing.assert_close(mean, targets(None))
    # 0.05 rad is the network's noise; both policies see almost the same states and hardly react to them
    assert abs((targets(seeded()) - mean).std().item() - 0.05) < 0.01


def test_standing_is_the_bodys_own_pose_and_up(body: Body) -> None:
    state = rollouts.standing(body, 2, torch.device("cpu"))
    torch.testing.assert_close(state.qpos, torch.tensor(body.standing_qpos, dtype=torch.float32).expand(2, -1))
    assert not state.body_linvel.any()


def test_observe_frames_is_observe_frame_by_frame(library: MotionLibrary) -> None:
    states = library.states[:6]
    folded = rollouts.observe_frames(states[torch.arange(6).view(2, 3)])
    torch.testing.assert_close(folded.flatten(0, 1), rollouts.observe(states))

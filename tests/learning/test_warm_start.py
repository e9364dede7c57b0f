"""Warm start: the teacher plays clips back, and the student learns its actions."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch

from rgsd.envs.skill_env import EnvConfig, SkillEnv
from rgsd.learning.collector import Collector
from rgsd.learning.method import Method
from rgsd.learning.networks import Actor, Critic, NetworkConfig
from rgsd.learning.ppo import PpoConfig
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.learning.teachers import TrackingTeacher
from rgsd.learning.warm_start import WarmStart, WarmStartConfig
from rgsd.motions.library import MotionLibrary
from rgsd.physics.mujoco_cpu import MujocoCpu

MakeTracker = Callable[..., SkillPolicy]
NETWORK = NetworkConfig(actor_hidden=(32,), critic_hidden=(32,), noise=1e-4)
CONFIG = WarmStartConfig(epochs=60, minibatches=1, learning_rate=5e-3)


def make(
    library: MotionLibrary,
    method: Method,
    config: WarmStartConfig = CONFIG,
    latents: bool = True,
    episodes: EnvConfig = EnvConfig(),  # noqa: B008 (frozen)
    teachers: Sequence[SkillPolicy] = (),
) -> tuple[Collector, WarmStart]:
    """A collector and a teacher; the latent of clip m is -m, so that it can be told from an episode's number."""
    torch.manual_seed(0)
    env = SkillEnv(library, episodes, physics=MujocoCpu(library.body, 16, threads=1), seed=0)
    scale = torch.tensor(env.body.action_scale)
    actor = Actor(env.observation_size, 1, scale, NETWORK)
    critic = Critic(env.observation_size, 1, env.privileged_size, NETWORK)
    z = -torch.arange(float(len(library))).unsqueeze(1) if latents else None
    return Collector(env, method, actor), WarmStart(env, actor, critic, z, config, PpoConfig(), 0, teachers)


def test_imitation_is_driven_by_the_posture_of_its_next_frame(tiny_library: MotionLibrary, numbered: Method) -> None:
    collector, teacher = make(tiny_library, numbered)
    rollout, _ = collector.collect(4, teacher)
    chosen = rollout.imitation
    wanted = tiny_library.state(rollout.clip[chosen], rollout.frame[chosen])
    # led by kd/kp = 0.5/20 s; center 0, scales 1.0 and 0.5 rad, and the range of actions ends at 1
    targets = wanted.qpos[:, 7:] + 0.025 * wanted.qvel[:, 6:]
    torch.testing.assert_close(rollout.mean[chosen], (targets / torch.tensor([1.0, 0.5])).clamp(-1, 1))
    assert (rollout.z[chosen] >= 0).all()  # its own latent


def test_discovery_plays_a_clip_from_any_state_under_that_clips_latent(
    tiny_library: MotionLibrary, numbered: Method
) -> None:
    collector, teacher = make(tiny_library, numbered)
    rollout, _ = collector.collect(4, teacher)
    free = ~rollout.imitation
    played = -rollout.z[..., 0]
    assert torch.equal(played[:, free[0]], played[:1, free[0]].expand(4, -1))  # one clip an episode
    assert set(played[free].tolist()) <= {0.0, 1.0, 2.0}
    assert len(set(played[0][free[0]].tolist())) > 1
    held = rollout.mean[free & (played == 1)]  # clip 1 holds its arms at -0.6 rad
    np.testing.assert_allclose(held, np.tile([-0.6, -1.0], (len(held), 1)), atol=1e-6)


def test_a_change_begins_at_the_frame_most_like_the_state(tiny_library: MotionLibrary, numbered: Method) -> None:
    collector, teacher = make(tiny_library, numbered)
    env = collector.env
    swing, frame = torch.zeros(16, dtype=torch.long), torch.arange(16) + 5  # a frame shows in its angle and rate
    reference = tiny_library.state(swing, frame)
    env.physics.reset(torch.arange(16), reference.qpos, reference.qvel)
    env.imitation, env.elapsed = torch.zeros(16, dtype=torch.bool), torch.zeros(16, dtype=torch.long)
    played = -teacher.choose_latents(collector.z)[:, 0]
    action = teacher.act(env.observe(), collector.z)[played == 0]
    assert 0 < len(action) < 16
    following = tiny_library.state(swing, frame + 1)
    targets = (following.qpos[:, 7:] + 0.025 * following.qvel[:, 6:]) / torch.tensor([1.0, 0.5])
    torch.testing.assert_close(action, targets[played == 0].clamp(-1, 1))


def test_a_clip_that_does_not_loop_is_not_begun_at_its_end(tiny_library: MotionLibrary, numbered: Method) -> None:
    collector, teacher = make(tiny_library, numbered)
    env = collector.env
    last = torch.full((16,), 50)
    reference = tiny_library.state(torch.zeros_like(last), last)  # where the swing is as in its first frame
    env.physics.reset(torch.arange(16), reference.qpos, reference.qvel)
    env.imitation, env.elapsed = torch.zeros(16, dtype=torch.bool), torch.zeros(16, dtype=torch.long)
    swung = teacher.choose_latents(collector.z)[:, 0] == 0
    actions = []
    for _ in range(5):
        env.frame = env.frame + 1
        actions.append(teacher.act(env.observe(), collector.z)[swung, 0])
    # the first frames are being played, and not the last one held
    assert (torch.stack(actions).diff(dim=0).abs() > 1e-3).all()


def test_with_a_clock_clips_begin_anywhere_and_the_clock_says_where(
    tiny_library: MotionLibrary, numbered: Method
) -> None:
    collector, teacher = make(tiny_library, numbered, episodes=EnvConfig(clock="clip_time"))
    env = collector.env
    env.physics.reset(torch.arange(16), *(x[:1].expand(16, -1) for x in (env.state.qpos, env.state.qvel)))
    env.imitation, env.elapsed = torch.zeros(16, dtype=torch.bool), torch.zeros(16, dtype=torch.long)
    rollout, _ = collector.collect(2, teacher)
    assert len(rollout.frame[0].unique()) > 4  # of one and the same state
    seconds = rollout.observation[..., -1]
    torch.testing.assert_close(seconds, (rollout.frame - 1) * tiny_library.body.control_dt)
    swing = rollout.clip == 0
    following = tiny_library.state(rollout.clip, rollout.frame)
    targets = (following.qpos[..., 7:] + 0.025 * following.qvel[..., 6:]) / torch.tensor([1.0, 0.5])
    torch.testing.assert_close(rollout.mean[swing], targets[swing].clamp(-1, 1))


def test_a_loop_is_played_round_and_round(tiny_library: MotionLibrary, numbered: Method) -> None:
    motions = [dataclasses.replace(motion, loop=True) for motion in tiny_library.motions]
    collector, teacher = make(MotionLibrary(tiny_library.body, motions), numbered)
    rollout, _ = collector.collect(60, teacher)
    # after 50 steps a clip of 51 frames is over wherever it began
    free = ~rollout.imitation[0]
    assert (rollout.clip[:, free] == rollout.clip[0, free]).all()
    swinging = rollout.mean[50:, free & (rollout.z[0, :, 0] == 0), 0]
    assert swinging.shape[1] > 0
    assert (swinging.std(dim=0) > 0.1).all()


def test_when_a_clip_that_does_not_loop_is_over_another_is_begun(tiny_library: MotionLibrary, numbered: Method) -> None:
    collector, teacher = make(tiny_library, numbered)
    rollout, _ = collector.collect(60, teacher)
    free = ~rollout.imitation.any(dim=0)
    clip, frame = rollout.clip[:, free], rollout.frame[:, free]
    # `frame` is that which a step led to: none is led beyond the last, 50, and after it comes one near its beginning
    assert int(frame.max()) == 50
    last = (frame[:-1] == 50).nonzero(as_tuple=True)
    assert (frame[1:][last] < 30).all()
    assert len(set(clip[1:][last].tolist())) > 1
    assert (rollout.z[:, free, 0] == -clip).all()


def test_a_tracker_hands_over_to_its_student(
    tiny_library: MotionLibrary, numbered: Method, make_tracker: MakeTracker
) -> None:
    config = dataclasses.replace(CONFIG, iterations=4)
    collector, teacher = make(tiny_library, numbered, config, teachers=[make_tracker(tiny_library)])
    tracker = TrackingTeacher(make_tracker(tiny_library), tiny_library)
    zeros = torch.zeros(8, 16)
    fractions = []
    for _ in range(4):
        rollout, _ = collector.collect(8, teacher)
        flat = (x.flatten(0, 1) for x in (rollout.observation, rollout.clip, rollout.frame))
        taught = tracker.act(*flat).unflatten(0, (8, 16))
        own = collector.actor(rollout.observation, rollout.z).detach()
        by_tracker, by_student = ((rollout.mean - x).abs().amax(dim=-1) < 1e-5 for x in (taught, own))
        assert (by_tracker | by_student).all()
        fractions.append(float(by_student.float().mean()))
        teacher.update(rollout, (zeros, zeros), numbered.rewards(rollout))
    # 0, 1/2 and then all of 128 steps, within four standard deviations of the second
    np.testing.assert_allclose(fractions, [0, 0.5, 1, 1], atol=0.18)
    assert fractions[0] == 0
    assert fractions[2:] == [1, 1]
    _, resumed = make(tiny_library, numbered, config, teachers=[make_tracker(tiny_library)])
    resumed.load_state_dict(teacher.state_dict())
    rollout, _ = collector.collect(2, resumed)
    own = resumed.actor(rollout.observation, rollout.z).detach()
    assert ((rollout.mean - own).abs().amax(dim=-1) < 1e-5).all()  # the fifth of four


def test_a_tracker_needs_no_latents_and_no_clock(
    tiny_library: MotionLibrary, numbered: Method, make_tracker: MakeTracker
) -> None:
    clocked = EnvConfig(clock="clip_time")
    tracker = make_tracker(tiny_library)
    collector, teacher = make(tiny_library, numbered, latents=False, episodes=clocked, teachers=[tracker])
    rollout, _ = collector.collect(4, teacher)
    flat = [x.flatten(0, 1) for x in (rollout.observation, rollout.clip, rollout.frame)]
    taught = TrackingTeacher(make_tracker(tiny_library), tiny_library).act(flat[0][:, :-1], *flat[1:])
    torch.testing.assert_close(rollout.mean.flatten(0, 1), taught)
    assert torch.equal(rollout.z, rollout.source.unsqueeze(-1).float())  # the method's own, the number of the episode


def test_a_tracker_goes_on_with_its_own_clip(
    tiny_library: MotionLibrary, numbered: Method, make_tracker: MakeTracker
) -> None:
    collector, teacher = make(tiny_library, numbered, teachers=[make_tracker(tiny_library.select(["swing"]))])
    begun = collector.env.clip.clone()
    rollout, _ = collector.collect(60, teacher)
    free = ~rollout.imitation.any(dim=0)
    swing = list(tiny_library.names).index("swing")
    own = free & (begun == swing)
    clip, frame = rollout.clip[:, own], rollout.frame[:, own]
    assert own.any()
    assert (clip == swing).all()
    last = (frame[:-1] == 50).nonzero(as_tuple=True)
    assert len(last[0]) > 0
    assert (frame[1:][last] < 40).all()  # at its end it is begun again
    # clips that are replayed open loop change as before
    others = rollout.clip[:, free & (begun != swing)]
    assert len(set(others.flatten().tolist())) > 1


def test_a_tracker_begins_its_clip_where_the_episode_does(
    tiny_library: MotionLibrary, numbered: Method, make_tracker: MakeTracker
) -> None:
    collector, teacher = make(tiny_library, numbered, teachers=[make_tracker(tiny_library)])
    env = collector.env
    env.imitation, env.elapsed = torch.zeros(16, dtype=torch.bool), torch.arange(16) % 2
    env.clip = torch.zeros(16, dtype=torch.long)
    env.frame = torch.full((16,), 7)  # the body stands, which is most like frames 0, 25 and 50
    standing = torch.tensor(env.body.standing_qpos).expand(16, -1)
    env.physics.reset(torch.arange(16), standing, torch.zeros(16, env.body.model.nv))
    teacher.choose_latents(collector.z)
    assert env.frame.tolist() == [7] * 16  # fresh ones as they were; the others run on
    env.frame[1::2] = 50  # these are over
    teacher.choose_latents(collector.z)
    assert env.frame[::2].tolist() == [7] * 8
    assert set(env.frame[1::2].tolist()) <= {0, 25}


def test_from_the_standing_pose_every_latent_is_taught_the_nearest_clip_that_begins_there(
    tiny_library: MotionLibrary, numbered: Method, make_tracker: MakeTracker
) -> None:
    angles = torch.tensor([0.0, 2.0, 4.0]) * torch.pi / 3  # of clips 0, 1, 2; clip 1 does not begin standing
    circle = torch.stack((angles.cos(), angles.sin()), dim=1)
    config = dataclasses.replace(CONFIG, latents="voronoi")
    collector, _ = make(tiny_library, numbered)
    env, networks = collector.env, (collector.actor, Critic(1, 2, 1, NETWORK))
    tracker = make_tracker(tiny_library)
    teacher = WarmStart(env, *networks, circle, config, PpoConfig(), 0, [tracker])
    env.imitation, env.elapsed = torch.zeros(16, dtype=torch.bool), torch.zeros(16, dtype=torch.long)
    cells: dict[bool, set[int]] = {True: set(), False: set()}
    for _ in range(40):
        env.reset()
        env.imitation, env.clip = torch.zeros(16, dtype=torch.bool), 2 * (torch.arange(16) // 8)
        env.standing = torch.arange(16) % 2 == 0
        z = teacher.choose_latents(torch.zeros(16, 2))
        for stands in (True, False):
            chosen = env.standing == stands
            allowed = circle[[0, 2]] if stands else circle
            nearest = (z[chosen] @ allowed.T).argmax(dim=1)
            assert torch.equal(nearest, env.clip[chosen] // 2 if stands else env.clip[chosen])
            cells[stands] |= set((z[chosen] @ circle.T).argmax(dim=1).tolist())
    assert cells == {True: {0, 1, 2}, False: {0, 2}}  # latents of clip 1 are taught from the standing pose alone


def test_the_rate_falls_along_a_cosine(tiny_library: MotionLibrary, numbered: Method) -> None:
    config = dataclasses.replace(CONFIG, iterations=4, epochs=1, learning_rate=1e-3, final_learning_rate=2e-4)
    collector, teacher = make(tiny_library, numbered, config)
    rates = []
    for _ in range(5):
        rollout, _ = collector.collect(2, teacher)
        zeros = torch.zeros(2, 16)
        teacher.update(rollout, (zeros, zeros), numbered.rewards(rollout))
        rates.append(teacher.state_dict()["optimizer"]["param_groups"][0]["lr"])
    # cos of 0, 45, 90, 135 and 180 degrees: 6e-4 + 4e-4 cos
    np.testing.assert_allclose(rates, [1e-3, 8.828e-4, 6e-4, 3.172e-4, 2e-4], rtol=1e-3)


def test_clips_are_played_all_over_their_voronoi_cells(tiny_library: MotionLibrary, numbered: Method) -> None:
    collector, _ = make(tiny_library, numbered)
    env, config = collector.env, dataclasses.replace(CONFIG, latents="voronoi")
    centers = torch.eye(3)
    critic = Critic(env.observation_size, 3, env.privileged_size, NETWORK)
    actor = Actor(env.observation_size, 3, torch.tensor(env.body.action_scale), NETWORK)
    teacher = WarmStart(env, actor, critic, centers, config, PpoConfig(), 0)
    given = torch.nn.functional.normalize(torch.arange(48.0).view(16, 3) + 1, dim=1)
    z = teacher.choose_latents(given)
    free = ~env.imitation
    assert torch.equal(z[~free], given[~free])
    assert torch.equal((z[free] @ centers.T).argmax(dim=1), env.clip[free])
    assert ((z[free] @ centers.T).amax(dim=1) < 0.999).all()  # nearest, and not there
    env.elapsed = env.elapsed + 1
    assert torch.equal(teacher.choose_latents(z), z)  # until the clip is over


def test_the_anchor_holds_to_the_tracker(
    tiny_library: MotionLibrary, numbered: Method, make_tracker: MakeTracker
) -> None:
    config = dataclasses.replace(CONFIG, anchor_weight=0.5)
    collector, teacher = make(tiny_library, numbered, config, teachers=[make_tracker(tiny_library)])
    rollout, _ = collector.collect(2)
    zeros = torch.zeros(2, 16)
    (batch,) = rollout.minibatches(zeros, zeros, 1, torch.Generator().manual_seed(0))
    taught = TrackingTeacher(make_tracker(tiny_library), tiny_library).act(batch.observation, batch.clip, batch.frame)
    divergence = 0.5 * ((batch.mean - taught) / teacher.actor.std).square().sum(dim=-1)
    anchor = teacher.anchor(batch, batch.mean)
    assert anchor is not None
    torch.testing.assert_close(anchor, 0.5 * divergence[batch.imitation].mean())


def test_the_student_learns_what_it_was_shown(tiny_library: MotionLibrary, numbered: Method) -> None:
    collector, teacher = make(tiny_library, numbered)
    zeros = torch.zeros(8, 16)
    for _ in range(3):
        rollout, _ = collector.collect(8, teacher)
        teacher.update(rollout, (zeros, zeros), numbered.rewards(rollout))
    rollout, _ = collector.collect(8, teacher)  # states that it has not been shown
    error = collector.actor(rollout.observation, rollout.z).detach() - rollout.mean
    assert float(error.square().mean()) < 0.03


def test_the_critic_learns_what_episodes_are_worth_up_to_their_ends(
    tiny_library: MotionLibrary, numbered: Method
) -> None:
    still = dataclasses.replace(CONFIG, epochs=2, minibatches=2, learning_rate=0.0, final_learning_rate=0.0)
    collector, teacher = make(tiny_library, numbered, still)
    rollout, _ = collector.collect(2, teacher)
    fall = torch.arange(16).expand(2, -1) < 6  # six fall in either step, the others come to their limit
    rollout = dataclasses.replace(rollout, terminated=fall, truncated=~fall)
    values, following, rewards = (torch.full((2, 16), number) for number in (0.3, 0.5, 2.0))
    with torch.no_grad():
        said = teacher.critic(rollout.observation, rollout.z, rollout.privileged)
        done = teacher.actor(rollout.observation, rollout.z)
    metrics = teacher.update(rollout, (values, following), rewards)
    # gamma 0.97: 0.03 x 2, and 0.97 x 0.5 of the state that followed, but after a fall; the second step adds nothing
    # to the first, which is another episode's, and what was thought of a state nothing to either
    worth = torch.where(fall, 0.06, 0.06 + 0.97 * 0.5)
    assert metrics["Loss/value"] == pytest.approx(float((said - worth).square().mean()), rel=1e-4)
    assert metrics["Loss/clone"] == pytest.approx(float((done - rollout.mean).square().mean()), rel=1e-4)


def test_a_loop_is_not_begun_at_its_last_frame_which_is_its_first(
    tiny_library: MotionLibrary, numbered: Method
) -> None:
    motions = [dataclasses.replace(motion, loop=True) for motion in tiny_library.motions]
    library = MotionLibrary(tiny_library.body, motions)
    collector, teacher = make(library, numbered)
    env = collector.env
    reference = library.state(torch.zeros(16, dtype=torch.long), torch.full((16,), 50))
    env.physics.reset(torch.arange(16), reference.qpos, reference.qvel)
    env.imitation, env.elapsed = torch.zeros(16, dtype=torch.bool), torch.zeros(16, dtype=torch.long)
    teacher.choose_latents(collector.z)
    assert int(env.frame.max()) < 50


def test_the_optimisers_moments_are_kept_until_it_is_over(tiny_library: MotionLibrary, numbered: Method) -> None:
    collector, teacher = make(tiny_library, numbered, dataclasses.replace(CONFIG, iterations=2, epochs=1))
    kept, values = [], torch.zeros(2, 16)
    for _ in range(2):
        rollout, _ = collector.collect(2, teacher)
        teacher.update(rollout, (values, values), numbered.rewards(rollout))
        kept.append(len(teacher.state_dict()["optimizer"]["state"]))
    assert kept == [8, 0]  # weights and biases of two layers, of actor and critic


def test_without_an_embedding_every_episode_is_taught_under_the_latent_that_it_has(
    tiny_library: MotionLibrary, numbered: Method
) -> None:
    collector, teacher = make(tiny_library, numbered, latents=False)
    rollout, _ = collector.collect(3, teacher)
    assert (rollout.z >= 0).all()  # the episodes' own numbers, where a clip's latent would be its number's negative
    free = ~rollout.imitation
    zeros = torch.zeros_like(rollout.log_prob)
    shown = torch.stack(teacher._labels)[free]
    before = (collector.actor(rollout.observation, rollout.z)[free] - shown).square().mean()
    teacher.update(rollout, (zeros, zeros), numbered.rewards(rollout))
    after = (collector.actor(rollout.observation, rollout.z)[free] - shown).square().mean()
    assert float(after.detach()) < 0.9 * float(before.detach())


def test_the_anchor_is_the_divergence_from_open_loop_replay_on_imitation(
    tiny_library: MotionLibrary, numbered: Method
) -> None:
    collector, off = make(tiny_library, numbered)
    rollout, _ = collector.collect(2, off)
    zeros = torch.zeros(2, 16)
    (batch,) = rollout.minibatches(zeros, zeros, 1, torch.Generator().manual_seed(0))
    assert off.anchor(batch, batch.mean) is None
    _, teacher = make(tiny_library, numbered, dataclasses.replace(CONFIG, anchor_weight=0.5))
    student, std = teacher.actor(rollout.observation, rollout.z), teacher.actor.std
    # means were the teacher's; KL of Gaussians of one deviation, weighted, the mean over imitation alone
    divergence = 0.5 * ((student - rollout.mean) / std).square().sum(dim=-1)
    expected = 0.5 * divergence[rollout.imitation].mean()
    anchor = teacher.anchor(batch, teacher.actor(batch.observation, batch.z))
    assert anchor is not None
    torch.testing.assert_close(anchor, expected)

"""Teachers: open-loop replay leads its targets, a tracker is shown the frame; loops go round, other clips end."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mujoco
import numpy as np
import pytest
import torch

from rgsd.bodies.body import Body, BodyError, FallRule
from rgsd.bodies.mirror import Mirror
from rgsd.bodies.registry import make_body
from rgsd.envs.observation import observe
from rgsd.envs.open_loop_replay import OpenLoopReplay, damping_lag
from rgsd.envs.policy_mirror import PolicyMirror
from rgsd.envs.reference_frames import ReferenceFrames
from rgsd.learning import teachers as teaching
from rgsd.learning.policy_files import PolicyError
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.learning.teachers import MirroredTeacher, Skilled, Teachers, TrackingTeacher, load_teacher
from rgsd.motions.library import MotionLibrary
from rgsd.motions.mirroring import mirrored
from rgsd.motions.motion import Motion

MakeTracker = Callable[..., SkillPolicy]
SCALE = torch.tensor([1.0, 0.5])


def looping(library: MotionLibrary) -> MotionLibrary:
    return MotionLibrary(library.body, [dataclasses.replace(motion, loop=True) for motion in library.motions])


def test_the_lag_counts_damping_of_joint_and_actuator() -> None:
    # quadruped: kv 4 in the actuators over kp 160; SMPL: a tenth of kp in the joints
    np.testing.assert_allclose(damping_lag(make_body("quadruped")), 0.025)
    np.testing.assert_allclose(damping_lag(make_body("smpl")), 0.1)


def test_open_loop_replay_is_led_by_the_damping(tiny_library: MotionLibrary) -> None:
    clip, frame = torch.tensor([0, 1]), torch.tensor([7, 50])
    wanted = tiny_library.state(clip, frame)
    # kd/kp = 0.5/20 s; center 0, scales 1.0 and 0.5 rad, and the range of actions ends at 1
    expected = ((wanted.qpos[:, 7:] + 0.025 * wanted.qvel[:, 6:]) / SCALE).clamp(-1, 1)
    open_loop_replay = OpenLoopReplay(tiny_library)
    torch.testing.assert_close(open_loop_replay.act(clip, frame), expected)
    # 51 frames: the one after the last is the last again, or in a loop, whose last is its first, the second one
    beyond = torch.tensor([51, 51])
    assert torch.equal(open_loop_replay.act(clip, beyond), open_loop_replay.act(clip, beyond - 1))
    rounds = OpenLoopReplay(looping(tiny_library))
    assert torch.equal(rounds.act(clip, beyond), rounds.act(clip, torch.tensor([1, 1])))
    # the last itself is shown as it is, and not as the first, from which a recorded loop may differ a little
    assert torch.equal(rounds.act(clip, beyond - 1), open_loop_replay.act(clip, beyond - 1))


def test_a_tracker_goes_by_the_state_and_by_the_frame(tiny_library: MotionLibrary, make_tracker: MakeTracker) -> None:
    policy = make_tracker(tiny_library)
    # at the scale of its own training, whichever clips the student has
    library = tiny_library.select(["swing"])
    tracker = TrackingTeacher(policy, library)
    clip, frame = torch.tensor([0, 0, 0]), torch.tensor([3, 3, 9])
    observation = observe(library.states)[torch.tensor([2, 4, 2])]
    shown = ReferenceFrames(tiny_library).at(clip, frame)
    expected = policy.actor(observation, shown).clamp(-1, 1)
    torch.testing.assert_close(tracker.act(observation, clip, frame), expected)
    assert not torch.allclose(expected[0], expected[1])
    with_a_clock = torch.cat((observation, torch.full((3, 1), 5.0)), dim=1)
    torch.testing.assert_close(tracker.act(with_a_clock, clip, frame), expected)


def test_each_clip_has_its_teacher(tiny_library: MotionLibrary, make_tracker: MakeTracker) -> None:
    both, second = tiny_library, tiny_library.names[1]
    knows_second, knows_all = make_tracker(both.select([second])), make_tracker(both)
    clip, frame = torch.tensor([0, 1, 0, 1]), torch.tensor([3, 3, 9, 20])
    observation = observe(tiny_library.states)[torch.tensor([2, 60, 8, 70])]
    played = OpenLoopReplay(tiny_library).act(clip, frame)
    specialist, generalist = (TrackingTeacher(p, both).act(observation, clip, frame) for p in (knows_second, knows_all))
    # nobody knows the first clip: it is replayed open loop, and the student is not to drive there
    alone = Teachers(tiny_library, [knows_second])
    assert alone.recovers.tolist() == [False, True, False]
    expected = torch.where((clip == 1).unsqueeze(1), specialist, played)
    torch.testing.assert_close(alone.act(observation, clip, frame), expected)
    # two know the second clip: the one that was named first teaches it
    ordered = Teachers(tiny_library, [knows_second, knows_all])
    assert ordered.recovers.all()
    expected = torch.where((clip == 1).unsqueeze(1), specialist, generalist)
    torch.testing.assert_close(ordered.act(observation, clip, frame), expected)
    torch.testing.assert_close(
        Teachers(tiny_library, [knows_all, knows_second]).act(observation, clip, frame), generalist
    )


def test_a_policy_of_latents_teaches_the_clips_that_it_has_directions_for(
    tiny_library: MotionLibrary, make_tracker: MakeTracker, tmp_path: Path
) -> None:
    tracker = make_tracker(tiny_library)
    actor = tracker.actor
    directions = {name: torch.randn(tracker.latent_dim) for name in ("swing", "of another run")}
    policy = SkillPolicy(
        body=tiny_library.body, actor=actor, latent_dim=tracker.latent_dim, method="rgsd", clip_latents=directions
    )
    swing = tiny_library.index("swing")
    other = 1 - swing
    clip, frame = torch.tensor([swing, other, swing]), torch.tensor([3, 3, 9])
    observation = observe(tiny_library.states)[torch.tensor([2, 60, 8])]
    expected = actor(observation, directions["swing"].expand(3, -1)).clamp(-1, 1)
    skilled = Skilled(policy, tiny_library)
    torch.testing.assert_close(skilled.act(observation, clip, frame)[::2], expected[::2])
    with_a_clock = torch.cat((observation, torch.full((3, 1), 5.0)), dim=1)
    torch.testing.assert_close(skilled.act(with_a_clock, clip, frame + 5)[::2], expected[::2])
    # what it does not know is replayed open loop, and the student does not drive there
    teachers = Teachers(tiny_library, [policy])
    assert teachers.recovers.tolist() == [True, False, False]  # "swing" is the first
    expected[1] = OpenLoopReplay(tiny_library).act(clip, frame)[1]
    torch.testing.assert_close(teachers.act(observation, clip, frame), expected)
    policy.save(tmp_path)
    assert load_teacher(tmp_path, tiny_library).clip_latents.keys() == directions.keys()


def test_a_tracker_is_read_from_its_folder(
    tiny_library: MotionLibrary, make_tracker: MakeTracker, tmp_path: Path
) -> None:
    make_tracker(tiny_library).save(tmp_path / "policy")
    assert load_teacher(tmp_path, tiny_library).condition == "reference"
    with pytest.raises(PolicyError, match=r"warm-start.teachers .*nowhere: no policy there; .*rgsd train tracker"):
        load_teacher(tmp_path / "nowhere", tiny_library)
    make_tracker(tiny_library, "elapsed").save(tmp_path / "other")
    with pytest.raises(PolicyError, match=r"other: clock is 'elapsed'.*rgsd train tracker"):
        load_teacher(tmp_path / "other", tiny_library)
    make_tracker(tiny_library, "none", "latent").save(tmp_path / "other")  # of latents, and has none for a clip
    with pytest.raises(PolicyError, match=r"other: it was trained on none \(tracker has none"):
        load_teacher(tmp_path / "other", tiny_library)
    make_tracker(tiny_library.select(["swing"])).save(tmp_path / "other")
    others = [dataclasses.replace(motion, name=f"my {motion.name}") for motion in tiny_library.motions]
    with pytest.raises(PolicyError, match=r"other: it was trained on swing, and of these clips .*none .*--clips"):
        load_teacher(tmp_path / "other", MotionLibrary(tiny_library.body, others))


def test_a_clip_is_taught_by_who_knows_its_mirror_image(tiny_library: MotionLibrary, make_tracker: MakeTracker) -> None:
    """Left and right arm are alike: in a mirrored state, towards a mirrored frame, an action is the other's."""
    body, mirror = tiny_library.body, Mirror(tiny_library.body)
    knows = make_tracker(tiny_library.select(["swing"]))
    image = MotionLibrary(body, [mirrored(tiny_library.motions[0], mirror)])
    assert image.names == ("swing_mirrored",)
    clip, frame = torch.tensor([0, 0, 0]), torch.tensor([3, 9, 20])
    rows = torch.tensor([4, 10, 30])
    teachers = Teachers(image, [knows])
    assert teachers.recovers.tolist() == [True]
    known = TrackingTeacher(knows, tiny_library).act(observe(tiny_library.states)[rows], clip, frame)
    # the arms' targets change places; in units of the action these are of 1.0 and 0.5 rad, and end at 1
    expected = torch.stack((known[:, 1] * 0.5, known[:, 0] * 2.0), dim=1).clamp(-1, 1)
    torch.testing.assert_close(teachers.act(observe(image.states)[rows], clip, frame), expected)
    assert not torch.allclose(known[:, 0], expected[:, 0], atol=1e-3)
    # who knows the clip itself goes before who knows its mirror image
    own = make_tracker(image)
    both = Teachers(image, [knows, own]).act(observe(image.states)[rows], clip, frame)
    torch.testing.assert_close(both, TrackingTeacher(own, image).act(observe(image.states)[rows], clip, frame))


@pytest.fixture
def lopsided() -> Body:
    """Arms that are alike, but that the right one's hinge turns the other way, from another angle and centre."""
    arm = '<geom type="capsule" fromto="0 0 0 0 0 0.2" size="0.02"/></body>'
    model = mujoco.MjModel.from_xml_string(
        '<mujoco><compiler angle="radian"/><worldbody><body name="torso" pos="0 0 0.5"><freejoint/>'
        '<geom type="box" size="0.1 0.1 0.1"/>'
        f'<body name="left" pos="0 0.15 0"><joint name="left" axis="0 1 0"/>{arm}'
        f'<body name="right" pos="0 -0.15 0"><joint name="right" axis="0 -1 0" ref="0.3"/>{arm}'
        "</body></worldbody>"
        '<actuator><position joint="left" kp="1"/><position joint="right" kp="1"/></actuator></mujoco>'
    )
    standing = np.array([0, 0, 0.5, 1, 0, 0, 0, 0, 0.3])
    center, scale = np.array([0.2, -0.1]), np.array([1.0, 0.5])
    return Body("lopsided", model, 1, standing, center, scale, ("torso",), (), FallRule({}))


def test_a_mirrored_teachers_targets_are_its_targets_mirrored(lopsided: Body) -> None:
    qpos = np.tile(lopsided.standing_qpos, (5, 1))
    qpos[:, 7] = np.linspace(0, 0.4, 5)
    qvel = np.zeros((5, lopsided.model.nv))
    clip = Motion("wave", "lopsided", lopsided.control_hz, lopsided.joint_names, lopsided.body_names, qpos, qvel)
    mirror = Mirror(lopsided)
    library, images = (MotionLibrary(lopsided, [motion]) for motion in (clip, mirrored(clip, mirror)))
    # the left arm's 0.4 from 0 is the right arm's -0.4 from its 0.3
    np.testing.assert_allclose(images.motions[0].qpos[-1, 7:], [0.0, -0.1], atol=1e-12)
    said = torch.tensor([[0.5, -0.4], [0.1, 0.3]])
    knows: Any = SimpleNamespace(act=lambda *_: said)
    taught = MirroredTeacher(knows, library, images, PolicyMirror(lopsided)).act(
        observe(images.states)[:2], torch.zeros(2, dtype=torch.long), said
    )
    center, scale = lopsided.action_center, lopsided.action_scale
    # targets of 0.7 and -0.3, 0.3 and 0.05, in mirror image -(-0.6) and 0.3 - 0.7, -(-0.25) and 0.3 - 0.3
    np.testing.assert_allclose(center + scale * taught.numpy(), [[0.6, -0.4], [0.25, 0.0]], atol=1e-6)
    np.testing.assert_allclose(
        center + scale * taught.numpy(), mirror.targets(center + scale * said.numpy()), atol=1e-6
    )


def test_a_mirror_image_that_the_body_does_not_have_is_refused(
    tiny_library: MotionLibrary, make_tracker: MakeTracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_tracker(tiny_library.select(["swing"])).save(tmp_path)
    odd = dataclasses.replace(tiny_library.motions[0], name="swing_mirrored")
    library = MotionLibrary(tiny_library.body, [odd])
    assert load_teacher(tmp_path, library).clips == ("swing",)

    def none(_: object) -> None:
        raise BodyError("body 'tiny': part 'left' has no image")

    monkeypatch.setattr(teaching, "PolicyMirror", none)
    with pytest.raises(
        PolicyError, match=r"swing, which by its name is .* of swing_mirrored, but body 'tiny': .*rename"
    ):
        load_teacher(tmp_path, library)


def test_a_policy_of_latents_teaches_mirror_images_under_its_own_directions(
    tiny_library: MotionLibrary, make_tracker: MakeTracker, tmp_path: Path
) -> None:
    tracker = make_tracker(tiny_library)
    directions = {"slide_mirrored": torch.randn(tracker.latent_dim)}
    policy = SkillPolicy(
        body=tiny_library.body,
        actor=tracker.actor,
        latent_dim=tracker.latent_dim,
        method="rgsd",
        clip_latents=directions,
    )
    policy.save(tmp_path)
    teachers = Teachers(tiny_library, [load_teacher(tmp_path, tiny_library)])
    assert teachers.recovers.tolist() == [False, True, False]  # of swing, slide and still
    rows = torch.tensor([60, 70])  # a box that slides straight on with both arms alike is its own mirror image
    observation = observe(tiny_library.states)[rows]
    known = tracker.actor(observation, directions["slide_mirrored"].expand(2, -1)).clamp(-1, 1)
    expected = torch.stack((known[:, 1] * 0.5, known[:, 0] * 2.0), dim=1).clamp(-1, 1)
    taught = teachers.act(observation, torch.tensor([1, 1]), torch.tensor([3, 9]))
    torch.testing.assert_close(taught, expected, atol=1e-5, rtol=1e-4)

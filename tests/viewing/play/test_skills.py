import math
from pathlib import Path

import numpy as np
import pytest
import torch

from rgsd.envs.observation import observe
from rgsd.errors import UsageError
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.motions.library import MotionLibrary
from rgsd.viewing.play.acting import direction
from rgsd.viewing.play.skills import FIRST_FRAME, SkillSession


@pytest.fixture
def session(policy: SkillPolicy, tiny_library: MotionLibrary) -> SkillSession:
    session = SkillSession(policy, "runs/one", tiny_library)
    session.steering.glide = 0.0
    return session


def test_a_chosen_clip_is_what_the_policy_acts_under_and_sends_its_ghost_along(session: SkillSession) -> None:
    assert session.ghost.clip == "swing"
    session.steering.go_to_clip("slide")
    session.advance()
    assert torch.equal(session.z, torch.eye(4)[1:2])
    assert (session.ghost.clip, session.ghost.frame) == ("slide", 1)
    ghost = session.ghost.qpos
    assert ghost is not None
    # the reference slides at 0.4 m/s, 50 frames a second, from where the body stood
    assert ghost[0] == pytest.approx(0.4 / 50, abs=2e-3)
    session.steering.draw()
    session.advance()
    assert session.ghost.qpos is None


def test_a_ghost_sets_out_where_the_body_stands_and_looks(session: SkillSession) -> None:
    quarter = math.sqrt(0.5)
    root = torch.tensor([3.0, 1.0, 0.1, quarter, 0.0, 0.0, quarter])  # looking along +y
    session.ghost.begin("slide", root)
    for _ in range(50):
        session.ghost.advance(root)
    ghost = session.ghost.qpos
    assert ghost is not None
    np.testing.assert_allclose(ghost[:3], [3.0, 1.4, 0.1], atol=1e-5)  # 1 s at 0.4 m/s
    np.testing.assert_allclose(ghost[3:7], [quarter, 0.0, 0.0, quarter], atol=1e-6)
    session.ghost.advance(root)
    assert session.ghost.frame == 0  # at its end it sets out again


def test_a_push_gives_the_whole_body_its_impulse(session: SkillSession) -> None:
    mass = float(session.body.model.body_mass.sum())
    session.push(3.0, direction("left"))
    velocity = session.state.qvel[0, :3].numpy()
    np.testing.assert_allclose(velocity, [0.0, 3.0 / mass, 0.0], atol=1e-6)


def test_measures_are_of_the_first_body(session: SkillSession) -> None:
    assert session.trace.names == ("height (m)", "speed (m/s)", "mu(s)·z", "swing", "slide", "still")
    session.advance()
    found = session.trace.columns()
    assert found["mu(s)·z"][0] == pytest.approx(found["swing"][0])  # z is the swing's direction
    assert found["height (m)"][0] == pytest.approx(0.1, abs=0.01)
    session.reset()
    assert len(session.trace.columns()["swing"]) == 0


def test_what_it_looks_like_is_the_clip_of_the_greatest_mean_cosine(session: SkillSession) -> None:
    assert session.looks_like() is None  # nothing has been seen yet
    cosines = []
    for _ in range(3):
        session.advance()
        mu = session.policy.encode(observe(session.state[:1]))
        assert mu is not None
        cosines.append(mu[0])  # the clips are the first three axes, so its entries are the cosines
    mean = torch.stack(cosines).mean(dim=0)[:3]
    clip, cosine = session.looks_like() or ("", 0.0)
    assert clip == ("swing", "slide", "still")[int(mean.argmax())]
    assert cosine == pytest.approx(float(mean.max()), abs=1e-6)


def test_who_lies_for_a_while_begins_anew(session: SkillSession) -> None:
    lying = session.state.qpos.clone()
    lying[:, 3:7] = torch.tensor([0.0, 1.0, 0.0, 0.0])  # on its back
    for _ in range(round(1.4 * session.body.control_hz)):
        session.physics.reset(torch.tensor([0]), lying, session.state.qvel)
        session.advance()
        assert bool(session.down[0])
    for _ in range(10):
        session.advance()
    assert not bool(session.down[0])
    session.restarts = False
    for _ in range(round(2.0 * session.body.control_hz)):
        session.physics.reset(torch.tensor([0]), lying, session.state.qvel)
        session.advance()
    assert bool(session.down[0])


def test_the_first_frame_of_a_clip_is_a_place_to_begin(session: SkillSession) -> None:
    session.steering.go_to_clip("slide")
    session.start = FIRST_FRAME
    session.reset()
    np.testing.assert_allclose(session.state.qpos[0, 7:].numpy(), [-0.6, -0.6], atol=1e-6)
    assert float(session.state.qvel[0, 0]) == pytest.approx(0.4, abs=1e-3)


def test_the_command_repeats_what_is_chosen(session: SkillSession) -> None:
    session.steering.go_to_clip("slide")
    assert session.command() == "rgsd record runs/one --z 0.0000 1.0000 0.0000 0.0000 --seconds 1.0"
    session.start = FIRST_FRAME
    for _ in range(100):
        session.advance()
    # 100 steps at 50 Hz under the clip, of which the first began it
    assert session.command() == "rgsd record runs/one --clips slide --seconds 2.0"
    session.start = "standing"
    session.set_count(3)
    assert session.command() == "rgsd record runs/one --random 3 --seed 0 --seconds 1.0"


def test_the_command_of_a_draw_draws_the_same(session: SkillSession, policy: SkillPolicy) -> None:
    session.set_count(3)
    session.steering.draw()
    session.advance()
    seed = session.steering.chosen.seed
    again = policy.sample_z(3, generator=torch.Generator().manual_seed(seed))  # as `rgsd record --random 3` does
    assert torch.equal(session.z, again)


def test_a_recording_holds_every_frame(session: SkillSession, tmp_path: Path) -> None:
    session.set_count(2)
    session.record()
    for _ in range(5):
        session.advance()
    take = session.stop_recording()
    session.advance()
    path = take.write(tmp_path, "npz")
    assert take.write(tmp_path, "npz") != path
    with np.load(path, allow_pickle=False) as found:
        assert found["qpos"].shape == (5, 2, 9)
        assert found["z"].shape == (5, 2, 4)
        assert (float(found["fps"]), str(found["body"])) == (50.0, "tiny")
    with pytest.raises(UsageError, match="nothing was recorded"):
        session.stop_recording().write(tmp_path, "npz")
    session.record()
    session.advance()
    session.set_count(1)
    session.advance()
    with pytest.raises(UsageError, match="number of bodies changed"):
        session.stop_recording().write(tmp_path, "npz")

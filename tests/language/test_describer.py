"""States made by hand, and the words that a person would expect for them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from rgsd.bodies.body import Body
from rgsd.bodies.kinematics import forward_kinematics
from rgsd.bodies.quadruped import make_quadruped
from rgsd.bodies.smpl import make_smpl
from rgsd.envs.observation import observe
from rgsd.language.describer import RuleDescriber

Pose = Callable[[Body, np.ndarray, np.ndarray], None]


def seen(body: Body, pose: Pose) -> Tensor:
    """The observation (1, D) of the standing body after `pose` has changed its qpos and qvel."""
    qpos, qvel = body.standing_qpos.copy(), np.zeros(body.model.nv)
    pose(body, qpos, qvel)
    return observe(forward_kinematics(body, qpos[None], qvel[None]))


def said_of(body: Body, pose: Pose) -> tuple[str, ...]:
    found = RuleDescriber(body).describe(seen(body, pose))
    return tuple(found.texts[int(text)] for text in found.said[0])


def hinge(body: Body, name: str) -> int:
    return body.joint_names.index(name)


@pytest.fixture(scope="module")
def quadruped() -> Body:
    return make_quadruped()


@pytest.fixture(scope="module")
def smpl() -> Body:
    return make_smpl()


def still(body: Body, qpos: np.ndarray, qvel: np.ndarray) -> None:
    pass


STANDING = ("standing at full height", "upright", "staying in place", "staying level", "not turning")


def at_rest(*parts: str) -> tuple[str, ...]:
    return (*(f"{part} in its resting place" for part in parts), *(f"{part} still" for part in parts))


def test_the_standing_pose_is_at_rest_in_every_part(quadruped: Body, smpl: Body) -> None:
    feet = at_rest("front left foot", "front right foot", "rear left foot", "rear right foot")
    assert said_of(quadruped, still) == (*STANDING, *feet)
    parts = at_rest(
        "left knee", "left ankle", "right knee", "right ankle", "chest", "head", "left wrist", "right wrist"
    )
    assert said_of(smpl, still) == (*STANDING, *parts)


def test_pace_and_turn_are_told_in_the_bodys_own_measure(quadruped: Body, smpl: Body) -> None:
    # sqrt(g H) is 1.66 m/s for the quadruped, which stands 0.28 m high, and 3.04 m/s for the humanoid
    def walk(body: Body, qpos: np.ndarray, qvel: np.ndarray) -> None:
        qvel[0], qvel[5] = 0.8, 0.5  # 0.48 and 0.26

    for body in (quadruped, smpl):
        said = said_of(body, walk)
        assert said[2:5] == ("moving forward", "staying level", "turning left")

    def run(body: Body, qpos: np.ndarray, qvel: np.ndarray) -> None:
        qvel[:3] = -1.0, 0.0, -0.5  # 0.60 and 0.33; 0.30 and 0.16

    assert said_of(quadruped, run)[2:4] == ("moving very fast backward", "sinking")
    assert said_of(smpl, run)[2:4] == ("moving backward", "sinking")


def test_words_turn_with_the_body(quadruped: Body) -> None:
    def facing_left(body: Body, qpos: np.ndarray, qvel: np.ndarray) -> None:
        qpos[3:7] = np.cos(np.pi / 4), 0, 0, np.sin(np.pi / 4)
        qvel[1] = 0.3  # along the world's y, where it faces: 0.18

    assert said_of(quadruped, facing_left)[2] == "moving slowly forward"


def test_height_and_tilt(quadruped: Body) -> None:
    def crouching(body: Body, qpos: np.ndarray, qvel: np.ndarray) -> None:
        qpos[2] = 0.2  # 0.71 of 0.28 m

    def nose_down(body: Body, qpos: np.ndarray, qvel: np.ndarray) -> None:
        qpos[3:7] = np.cos(0.2), 0, np.sin(0.2), 0  # 0.4 rad, 23 degrees, about y

    def on_its_side(body: Body, qpos: np.ndarray, qvel: np.ndarray) -> None:
        qpos[2:7] = 0.1, np.cos(np.pi / 4), np.sin(np.pi / 4), 0, 0  # a quarter turn about x: its left goes up

    said = [said_of(quadruped, pose)[:2] for pose in (crouching, nose_down, on_its_side)]
    assert said == [
        ("crouching low", "upright"),
        ("standing at full height", "leaning slightly forward"),
        ("lying close to the ground", "tipped over right"),
    ]


def test_limbs_have_a_place_and_a_swing(quadruped: Body, smpl: Body) -> None:
    def step(body: Body, qpos: np.ndarray, qvel: np.ndarray) -> None:
        # the thigh turns about y: forward where the angle falls
        qpos[7 + hinge(body, "FL_hip")] -= 0.3
        qvel[6 + hinge(body, "RR_hip")] = -4.0

    said = said_of(quadruped, step)
    # the left foot hangs 0.26 m below its hip: 0.3 rad take it 0.08 m ahead, 0.28 of 0.28 m
    assert said[5:9] == (
        "front left foot a little forward",
        *(f"{leg} foot in its resting place" for leg in ("front right", "rear left", "rear right")),
    )
    # 4 rad/s x 0.26 m = 1.04 m/s, 0.63 of 1.66
    assert said[9:] == (
        *(f"{leg} foot still" for leg in ("front left", "front right", "rear left")),
        "rear right foot quickly swinging forward",
    )

    def raise_the_arm(body: Body, qpos: np.ndarray, qvel: np.ndarray) -> None:
        qpos[7 + hinge(body, "L_Shoulder_x")] += np.deg2rad(150)  # from 75 degrees below the T-pose to as many above

    said = said_of(smpl, raise_the_arm)
    assert "left wrist far up" in said
    assert "right wrist in its resting place" in said


def test_any_body_is_described_by_the_names_of_its_parts(tiny: Body) -> None:
    assert said_of(tiny, still) == (*STANDING, *at_rest("left", "right"))
    assert said_of(dataclasses.replace(tiny, key_bodies=()), still) == STANDING
    assert len(RuleDescriber(tiny).describe(seen(tiny, still)).texts) == (4 + 13 + 25 + 3 + 5) + 2 * 26


def test_states_that_look_alike_share_their_words_and_their_numbers(quadruped: Body) -> None:
    def nudge(body: Body, qpos: np.ndarray, qvel: np.ndarray) -> None:
        qpos[2] += 0.005
        qvel[0] = 0.02

    describer = RuleDescriber(quadruped)
    both = torch.cat((seen(quadruped, still), seen(quadruped, nudge)))
    clocked = torch.cat((both, torch.tensor([[0.0], [9.0]])), dim=1)  # entries beyond the observation stay unread
    found = describer.describe(clocked)
    assert torch.equal(found.said[0], found.said[1])
    assert found.said.shape == (2, 13)

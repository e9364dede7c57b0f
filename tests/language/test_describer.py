"""States made by hand, and the words that a person would expect for them."""

from __future__ import annotations

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


STANDING = ("The robot is upright, at full height.", "The robot stays in place.")


def test_the_standing_pose_is_at_rest_in_every_part(quadruped: Body, smpl: Body) -> None:
    for body, parts in (
        (quadruped, ("front left foot", "front right foot", "rear left foot", "rear right foot")),
        (
            smpl,
            (
                "left knee", "left ankle", "right knee", "right ankle", "chest", "head", "left wrist", "right wrist",
            ),
        ),
    ):  # fmt: skip
        rest = tuple(f"Its {part} is in its resting place and keeps still." for part in parts)
        assert RuleDescriber(body).describe(seen(body, still)) == [(*STANDING, *rest)]


def test_pace_and_turn_are_told_in_the_bodys_own_measure(quadruped: Body, smpl: Body) -> None:
    # sqrt(g H) is 1.66 m/s for the quadruped, which stands 0.28 m high, and 3.04 m/s for the humanoid
    def walk(body: Body, qpos: np.ndarray, qvel: np.ndarray) -> None:
        qvel[0], qvel[5] = 0.8, 0.5

    assert RuleDescriber(quadruped).describe(seen(quadruped, walk))[0][1] == (
        "The robot moves forward and turns slowly to the left."  # 0.48
    )
    assert RuleDescriber(smpl).describe(seen(smpl, walk))[0][1] == (
        "The robot moves forward and turns slowly to the left."  # 0.26
    )

    def run(body: Body, qpos: np.ndarray, qvel: np.ndarray) -> None:
        qvel[:3] = -1.0, 0.0, -0.5

    assert RuleDescriber(quadruped).describe(seen(quadruped, run))[0][1] == (
        "The robot moves very fast backward while sinking."  # 0.60, 0.30
    )
    assert RuleDescriber(smpl).describe(seen(smpl, run))[0][1] == "The robot moves backward while sinking."


def test_words_turn_with_the_body(quadruped: Body) -> None:
    def facing_left(body: Body, qpos: np.ndarray, qvel: np.ndarray) -> None:
        qpos[3:7] = np.cos(np.pi / 4), 0, 0, np.sin(np.pi / 4)
        qvel[1] = 0.3  # along the world's y, where it faces: 0.18

    assert RuleDescriber(quadruped).describe(seen(quadruped, facing_left))[0][1] == "The robot moves slowly forward."


def test_height_and_tilt(quadruped: Body) -> None:
    def crouching(body: Body, qpos: np.ndarray, qvel: np.ndarray) -> None:
        qpos[2] = 0.2  # 0.71 of 0.28 m

    def nose_down(body: Body, qpos: np.ndarray, qvel: np.ndarray) -> None:
        qpos[3:7] = np.cos(0.2), 0, np.sin(0.2), 0  # 0.4 rad, 23 degrees, about y

    def on_its_side(body: Body, qpos: np.ndarray, qvel: np.ndarray) -> None:
        qpos[2:7] = 0.1, np.cos(np.pi / 4), np.sin(np.pi / 4), 0, 0  # a quarter turn about x: its left goes up

    said = [RuleDescriber(quadruped).describe(seen(quadruped, pose))[0][0] for pose in (crouching, nose_down)]
    assert said == ["The robot is upright, crouching low.", "The robot leans slightly forward, at full height."]
    assert RuleDescriber(quadruped).describe(seen(quadruped, on_its_side))[0][0] == (
        "The robot has tipped over to the right, close to the ground."
    )


def test_limbs_have_a_place_and_a_swing(quadruped: Body, smpl: Body) -> None:
    def step(body: Body, qpos: np.ndarray, qvel: np.ndarray) -> None:
        # the thigh turns about y: forward where the angle falls
        qpos[7 + hinge(body, "FL_hip")] -= 0.3
        qvel[6 + hinge(body, "RR_hip")] = -4.0

    said = RuleDescriber(quadruped).describe(seen(quadruped, step))[0]
    # the left foot hangs 0.26 m below its hip: 0.3 rad take it 0.08 m ahead, 0.28 of 0.28 m
    assert said[2] == "Its front left foot is a little forward and keeps still."
    assert said[3] == "Its front right foot is in its resting place and keeps still."
    # 4 rad/s x 0.26 m = 1.04 m/s, 0.63 of 1.66
    assert said[5] == "Its rear right foot is in its resting place and swings quickly forward."

    def raise_the_arm(body: Body, qpos: np.ndarray, qvel: np.ndarray) -> None:
        qpos[7 + hinge(body, "L_Shoulder_x")] += np.deg2rad(150)  # from 75 degrees below the T-pose to as many above

    said = RuleDescriber(smpl).describe(seen(smpl, raise_the_arm))[0]
    assert "Its left wrist is far up and keeps still." in said
    assert "Its right wrist is in its resting place and keeps still." in said


def test_any_body_is_described_by_the_names_of_its_parts(tiny: Body) -> None:
    describer = RuleDescriber(tiny)
    assert describer.describe(seen(tiny, still)) == [
        (
            *STANDING,
            "Its left is in its resting place and keeps still.",
            "Its right is in its resting place and keeps still.",
        )
    ]
    assert describer.num_sentences == 4 * 13 + 25 * 3 * 5 + 2 * 13 * 13


def test_states_that_look_alike_share_their_words_and_their_numbers(quadruped: Body) -> None:
    def nudge(body: Body, qpos: np.ndarray, qvel: np.ndarray) -> None:
        qpos[2] += 0.005
        qvel[0] = 0.02

    describer = RuleDescriber(quadruped)
    both = torch.cat((seen(quadruped, still), seen(quadruped, nudge)))
    clocked = torch.cat((both, torch.tensor([[0.0], [9.0]])), dim=1)  # entries beyond the observation stay unread
    first, second = describer.describe(clocked)
    assert first == second
    assert describer.facts(both)[0].tolist() == describer.facts(both)[1].tolist()

"""Coverage, spread and fractions on displacements drawn by hand, and discovery on a puppet."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from rgsd import rotations
from rgsd.evaluation import discovery
from rgsd.evaluation.intervals import wilson
from rgsd.evaluation.rollouts import Simulate
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.motions.library import MotionLibrary


def rays(*degrees: float, length: float = 1.0) -> Tensor:
    angle = torch.tensor(degrees).deg2rad()
    return length * torch.stack((angle.cos(), angle.sin()), dim=1)


def test_displacement_is_seen_from_the_start() -> None:
    # faces left (+y) and goes 2 m along +y: 2 m ahead
    path = torch.tensor([[1.0, 1.0, 0.5], [1.0, 3.0, 0.5]])
    quat = rotations.from_yaw(torch.tensor([math.pi / 2, 0.0]))
    torch.testing.assert_close(discovery.displacement(path, quat), torch.tensor([2.0, 0.0]), atol=1e-6, rtol=0)


def test_a_sidestep_stays_a_sidestep_on_a_bent_path() -> None:
    # on a circle of radius 1 m about the origin, always facing away from it: 1 rad in 1 s is 1 m/s to the left
    angle = torch.linspace(0, 1, 101)
    path = torch.stack((angle.cos(), angle.sin(), torch.zeros(101)), dim=1)
    velocity = discovery.own_velocity(path, rotations.from_yaw(angle), dt=0.01)
    torch.testing.assert_close(velocity, torch.tensor([0.0, 1.0]), atol=0.01, rtol=0)


def covered(bins: Tensor, of: int) -> float:
    return float(discovery.coverage(bins, of))


def test_direction_coverage_counts_sectors_with_five_latents() -> None:
    ahead = rays(-10, -5, 0, 5, 10)  # one sector: it reaches 11.25 degrees to either side
    cases = {
        1 / 16: [ahead, torch.cat((ahead, rays(90, 90, 90, 90))), torch.cat((ahead, rays(*[90] * 5, length=0.49)))],
        2 / 16: [torch.cat((ahead, rays(*[-179, 179] * 3)))],  # behind is one sector
        1.0: [rays(*[22.5 * k for k in range(16) for _ in range(5)])],
        0.0: [torch.zeros(0, 2), torch.full((9, 2), torch.nan)],
    }
    for fraction, moves in cases.items():
        assert [covered(discovery.sectors(m), 16) for m in moves] == [fraction] * len(moves)


def test_turn_coverage_needs_real_turns() -> None:
    assert covered(discovery.turn_bins(torch.full((9,), 29.0)), 8) == 0.0
    assert covered(discovery.turn_bins(torch.tensor([31.0, 35.0, 40.0, 44.0, 44.9])), 8) == 1 / 8
    assert discovery.turn_bins(torch.tensor([30.0, -30.0])).tolist() == [-1, -1]  # as much is no turn yet
    assert discovery.sectors(torch.tensor([[0.5, 0.0], [0.0, -0.5]])).tolist() == [-1, -1]  # and no leaving
    # 200 and 400 degrees lie in the outermost bin
    assert covered(discovery.turn_bins(torch.tensor([200.0, 400.0, 170.0, 150.0, 136.0])), 8) == 1 / 8


def test_coverage_of_many_samples_at_once() -> None:
    bins = torch.tensor([[0, 0, 1, 1], [0, -1, -1, 1]])
    assert discovery.coverage(bins, of=4, least=2).tolist() == [0.5, 0.0]


def test_pairwise_distances_by_hand() -> None:
    # a 3-4-5 triangle of single points
    triangle = torch.tensor([[0.0, 0.0], [3.0, 0.0], [3.0, 4.0]]).unsqueeze(1)
    expected = torch.tensor([[0.0, 3.0, 5.0], [3.0, 0.0, 4.0], [5.0, 4.0, 0.0]])
    torch.testing.assert_close(discovery.pairwise_distances(triangle), expected)
    poses = torch.zeros(2, 40, 3)  # two poses of forty points of which one differs by 0.4 m: 0.4 / 40
    poses[1, 35, 0] = 0.4
    assert discovery.pairwise_distances(poses)[0, 1].item() == pytest.approx(0.01)


def test_fraction_of_a_gait_wants_direction_and_speed() -> None:
    wanted = torch.tensor([1.0, 0.0])
    tries = torch.cat((rays(14), rays(16), rays(0, length=1.19), rays(0, length=1.21), rays(180)))
    assert discovery.fraction_of_gait(tries, wanted, of=10) == 0.2
    assert discovery.fraction_of_gait(tries, torch.tensor([0.05, 0.0]), of=10) is None


def found(library: MotionLibrary, velocity: Tensor, fell: list[bool]) -> discovery.Discovery:
    """Rollouts of 2 s at 10 Hz at constant velocities (L, 2), facing ahead."""
    count, frames, size = len(velocity), 21, 7 + 6 * len(library.body.key_bodies)
    root = torch.zeros(count, frames, 3)
    root[..., :2] = velocity.unsqueeze(1) * 0.1 * torch.arange(frames).view(1, -1, 1)
    quat = rotations.from_yaw(torch.zeros(count, frames))
    return discovery.Discovery(
        dt=0.1,
        z=torch.zeros(count, 3),
        root_pos=root,
        root_quat=quat,
        fell=torch.tensor(fell),
        blown_up=torch.zeros(count, dtype=torch.bool),
        poses=torch.zeros(count, 5, library.body.num_bodies, 3),
        features=torch.zeros(count, frames, size),
        qpos=torch.zeros(0, frames, 19),
    )


def test_fallen_latents_count_as_falls_and_as_nothing_else(library: MotionLibrary) -> None:
    velocity = torch.cat((rays(0, 0, 0, 0, 0), rays(*[90] * 5)))
    case = found(library, velocity, [False] * 5 + [True] * 5)
    result = discovery.measure(case, library)
    assert (result["num_latents"], result["seconds"]) == (10, pytest.approx(2.0))
    assert result["fall_rate"] == 0.5
    assert result["direction_coverage"] == 1 / 16
    assert result["displacement_m"]["ahead"]["q50"] == pytest.approx(2.0)
    assert result["spread_path_m"] == pytest.approx(0.0, abs=1e-5)
    # the walk of 0.6 m leaves by one sector; the turn of 43 degrees fills one bin
    assert result["reference_direction_coverage"] == 1 / 16
    assert result["reference_turn_coverage"] == 1 / 8


def test_spreads_are_mean_distances_between_latents() -> None:
    # ends 0.3 m and 0.4 m along two axes: 0.3, 0.4 and 0.5 apart; in one of three every point of the pose is 0.1 m off
    moves = torch.tensor([[0.0, 0.0], [0.3, 0.0], [0.0, 0.4]])
    poses = torch.zeros(3, 5, 2, 3)
    poses[2, ..., 1] = 0.1
    found = discovery.spreads(moves, poses)
    assert found["spread_path_m"] == pytest.approx(0.4)
    assert found["spread_pose_cm"] == pytest.approx(20 / 3)


def test_who_stays_is_slow_and_does_not_turn_and_has_not_fallen(library: MotionLibrary) -> None:
    # in 2 s: 0.19 m, 0.21 m, nothing, and nothing by one that lies there; then nothing but a turn of 29 and of 31
    case = found(library, torch.cat((rays(0, length=0.095), rays(90, length=0.105), torch.zeros(4, 2))), [False] * 6)
    case.fell[3] = True
    for latent, degrees in ((4, 29.0), (5, -31.0)):
        case.root_quat[latent] = rotations.from_yaw(torch.linspace(0.0, degrees, 21).deg2rad())
    assert discovery.rests(case).tolist() == [True, False, True, False, True, False]
    result = discovery.measure(case, library)
    assert result["resting_fraction"] == 0.5
    assert result["resting_fraction_ci"] == wilson(0.5, 6)


def test_all_fallen_gives_nulls_instead_of_an_error(library: MotionLibrary) -> None:
    result = discovery.measure(found(library, rays(0, 90), [True, True]), library)
    nothing = ("distance", "distance_ci", "ahead", "ahead_ci", "left", "left_ci")
    assert result["displacement_m"] == dict.fromkeys(nothing)
    assert result["spread_path_m"] is None
    assert result["spread_pose_cm"] is None
    assert result["direction_coverage"] == 0.0


def test_gait_fractions_are_of_all_latents(library: MotionLibrary) -> None:
    velocity = torch.cat((rays(0, 5, length=0.6), rays(90, length=0.6), rays(0, length=0.6)))
    fractions, intervals = discovery.gait_fractions(found(library, velocity, [False, False, False, True]), library)
    assert fractions["walk"] == 0.5
    assert fractions["turn"] is intervals["turn"] is None
    assert intervals["walk"] == wilson(0.5, 4)


def test_intervals_are_over_latents(library: MotionLibrary) -> None:
    # half of 40 latents walk 2 m ahead, the others fall
    case = found(library, rays(*[0] * 40), [False, True] * 20)
    result = discovery.measure(case, library)
    assert result["fall_rate_ci"] == wilson(0.5, 40)
    assert result["direction_coverage_ci"] == [1 / 16, 1 / 16]  # in every sample five of 40 are left
    assert result["turn_coverage_ci"] == [0.0, 0.0]
    assert result["displacement_m"]["ahead_ci"]["q50"] == pytest.approx([2.0, 2.0])
    assert result["spread_path_m_ci"] == pytest.approx([0.0, 0.0], abs=1e-6)
    # a sector of five latents, the fewest that count, is kept by about half of the samples
    scarce = found(library, rays(*[0] * 5, *[90] * 35), [False] * 40)
    low, high = discovery.measure(scarce, library)["direction_coverage_ci"]
    assert (low, high) == (1 / 16, 2 / 16)


def test_each_latent_drives_an_environment_of_its_own(
    puppet: Simulate, make_policy: Callable[..., SkillPolicy]
) -> None:
    def script(observation: Tensor, z: Tensor, clock: Tensor) -> Tensor:
        return z[:, :1].expand(-1, 12)  # the latent is the pose

    z = torch.nn.functional.normalize(torch.randn(11, 3, generator=torch.Generator().manual_seed(0)), dim=1)
    result = discovery.discover(puppet, make_policy(script), z, seconds=1.0, num_envs=4, seed=0)
    frames = round(1.0 * make_policy().body.control_hz) + 1
    assert result.root_pos.shape == (11, frames, 3)
    assert result.poses.shape[:2] == (11, 3)  # at 0, 0.5 and 1 s
    assert result.qpos.shape[:2] == (discovery.NUM_SHOWN, frames)
    body = make_policy().body
    actions = (result.qpos[:, -1, 7:] - torch.tensor(body.action_center)) / torch.tensor(body.action_scale)
    torch.testing.assert_close(actions.float(), z[:8, :1].expand(-1, 12), atol=1e-4, rtol=0)

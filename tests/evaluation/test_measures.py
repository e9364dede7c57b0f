"""Each measure on rollouts whose answer a pencil gives."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from rgsd import rotations
from rgsd.evaluation import measures

DT = 0.05


def yaw_quat(*degrees: float) -> Tensor:
    return rotations.from_yaw(torch.tensor(degrees).deg2rad())


def circle(frames: int, radius: float = 1.0) -> tuple[Tensor, Tensor]:
    """A full left-handed turn in `frames` steps: positions (frames + 1, 3) and quaternions (frames + 1, 4)."""
    angle = torch.linspace(0, 2 * math.pi, frames + 1)
    position = torch.stack((radius * angle.sin(), radius * (1 - angle.cos()), torch.ones(frames + 1)), dim=1)
    return position, rotations.from_yaw(angle)


def test_heading_local_undoes_place_and_yaw_but_not_tilt() -> None:
    # root at (5, 2, 1) facing left (+y); a body 1 m ahead of it and 0.5 m up is at (5, 3, 1.5)
    position = torch.tensor([[5.0, 2.0, 1.0], [5.0, 3.0, 1.5]])
    torch.testing.assert_close(
        measures.heading_local(position, yaw_quat(90.0)[0]), torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.5]])
    )


def test_pose_error_is_the_mean_over_all_bodies_root_included() -> None:
    # distances 0, 0.3 and 0.5 (3-4-5 triangle): mean 0.8 / 3
    own = torch.tensor([[0.0, 0.0, 0.0], [0.3, 0.0, 0.0], [0.3, 0.4, 0.0]])
    assert measures.pose_error(own, torch.zeros(3, 3)).item() == pytest.approx(0.8 / 3)


def test_cartesian_error_of_a_static_pose_is_its_mean_distance() -> None:
    # one body swings over 0, 0.1, 0.2, 0.3 m; the static pose holds 0: mean 0.15, halved by the resting root
    reference = torch.zeros(4, 2, 3)
    reference[:, 1, 0] = torch.tensor([0.0, 0.1, 0.2, 0.3])
    assert measures.cartesian_error(torch.zeros(1, 4, 2, 3), reference).tolist() == pytest.approx([0.075])


@pytest.mark.parametrize("late", [-3, 2, 5])
def test_best_shift_finds_a_clip_that_runs_late_or_early(late: int) -> None:
    times = torch.arange(40)
    path = torch.zeros(40, 2, 3)
    path[:, 1, 0] = (0.3 * times).sin()
    moved = torch.zeros(1, 40, 2, 3)
    moved[0, :, 1, 0] = (0.3 * (times - late)).sin()
    assert measures.best_shift_error(moved, path, DT).item() == pytest.approx(0.0, abs=1e-6)
    assert measures.cartesian_error(moved, path).item() > 0.05


def test_best_shift_reaches_no_farther_than_a_quarter_second() -> None:
    ramp = torch.zeros(40, 1, 3)
    ramp[:, 0, 0] = torch.arange(40.0)
    # 8 frames late, 5 allowed at 0.05 s: 3 remain
    late = (ramp - torch.tensor([8.0, 0, 0]))[None]
    assert measures.best_shift_error(late, ramp, DT).item() == pytest.approx(3.0)
    # 7.5 frames of a 30th of a second are allowed, hence 7 and not 8
    assert measures.best_shift_error(late, ramp, 1 / 30).item() == pytest.approx(1.0)


def test_heading_error_goes_the_short_way_round() -> None:
    error = measures.heading_error(yaw_quat(170.0, 10.0)[None], yaw_quat(-170.0, -20.0))
    assert error[0].tolist() == pytest.approx([20.0, 30.0], abs=1e-3)


def test_tracked_looks_at_the_worst_body() -> None:
    reference = torch.zeros(4, 2, 3)
    own = torch.zeros(1, 4, 2, 3)
    own[0, 0, 1, 2] = 0.3  # one body of frame 0 is off by 0.3 m
    own[0, 1, :, 0] = 0.2  # frame 1 is off by 0.2 m as a whole
    assert measures.tracked(own, reference, 0.25).tolist() == [0.75]
    assert measures.tracked(own, reference, 0.15).tolist() == [0.5]


def test_survival_ends_with_the_first_loss_and_does_not_come_back() -> None:
    fine = torch.zeros(4, 8)
    fell = torch.zeros(4, 8, dtype=torch.bool)
    roots, headings = fine.clone(), fine.clone()
    fell[1, 2] = True  # up again from frame 3 on: still lost
    roots[2, 4] = 0.6
    headings[3, 6:] = 50.0
    assert measures.survival(fell, roots, headings).tolist() == [1.0, 0.25, 0.5, 0.75]


def test_at_a_threshold_itself_nothing_is_lost() -> None:
    none = torch.zeros(1, 2, dtype=torch.bool)
    half, turned = torch.full((1, 2), 0.5), torch.full((1, 2), 45.0)
    assert measures.survival(none, half, turned).tolist() == [1.0]
    quarter = torch.zeros(1, 1, 1, 3)
    quarter[..., 0] = 0.25
    assert measures.tracked(quarter, torch.zeros(1, 1, 3), 0.25).tolist() == [1.0]
    line = torch.zeros(21, 3)
    line[10:, 0], line[20:, 0] = 0.25, 0.5  # sampled at 0, 10 and 20: a path of 0.5 m has a ratio
    assert measures.path_ratio(line[None], line, DT).tolist() == [1.0]
    four = bounces(91, 20, 0.05)  # and so have four footfalls
    assert measures.step_rate_ratio(four[None], four).tolist() == [1.0]


def test_best_shift_leaves_half_of_a_short_clip() -> None:
    ramp = torch.zeros(4, 1, 3)
    ramp[:, 0, 0] = torch.arange(4.0)
    # three frames late, of the five allowed by time two leave half of four
    assert measures.best_shift_error((ramp - torch.tensor([3.0, 0, 0]))[None], ramp, DT).item() == pytest.approx(1.0)


def test_path_of_a_circle_is_the_polygon_of_half_second_steps() -> None:
    # 80 frames of 0.05 s make 8 chords of 0.5 s: a regular octagon of circumradius 1, perimeter 16 sin(22.5 deg)
    position, _ = circle(80)
    assert measures.path_length(position, DT).item() == pytest.approx(16 * math.sin(math.pi / 8), rel=1e-5)


def test_swaying_between_samples_is_no_path() -> None:
    sway = torch.zeros(41, 3)
    sway[5:40:10, 1] = 1.0  # off the line only half-way between the samples
    assert measures.path_length(sway, DT).item() == 0.0


def test_path_ratio_counts_distance_and_is_null_for_a_clip_that_stays() -> None:
    line = torch.zeros(21, 3)
    line[:, 0] = torch.linspace(0, 2, 21)
    assert measures.path_ratio(0.5 * line[None], line, DT).tolist() == pytest.approx([0.5])
    assert measures.path_ratio(line[None], 0.2 * line, DT).isnan().all()  # 0.4 m


def test_turn_ratio_counts_full_turns_and_is_null_for_a_straight_clip() -> None:
    _, once = circle(40)
    twice = rotations.from_yaw(torch.linspace(0, 4 * math.pi, 41))
    assert measures.net_yaw(twice).item() == pytest.approx(720.0, abs=0.01)
    assert measures.turn_ratio(twice[None], once).tolist() == pytest.approx([2.0], abs=1e-4)
    assert measures.turn_ratio(twice[None], yaw_quat(*torch.linspace(0, 29, 41).tolist())).isnan().all()


def test_action_rate_is_zero_on_a_ramp_and_four_on_a_zigzag() -> None:
    ramp, zigzag = torch.arange(6.0).view(6, 1), torch.tensor([1.0, -1.0] * 3).view(6, 1)
    assert measures.action_rate(torch.stack((ramp, zigzag))).tolist() == pytest.approx([0.0, 4.0])


def test_foot_slip_counts_only_feet_on_the_ground() -> None:
    feet = torch.zeros(1, 5, 2, 3)
    feet[0, :, 0, 0] = 0.01 * torch.arange(5)  # foot 0 slides 1 cm a frame on the ground
    feet[0, :, 1, 0] = 0.50 * torch.arange(5)  # foot 1 swings, 10 cm up
    feet[0, :, 1, 2] = 0.10
    height = torch.tensor([0.0, 0.0])
    assert measures.foot_slip(feet, height).tolist() == pytest.approx([0.01])
    assert measures.foot_slip(feet + torch.tensor([0.0, 0.0, 1.0]), height).isnan().all()


def test_a_foot_that_lifts_off_or_lands_is_not_in_contact() -> None:
    feet = torch.zeros(1, 5, 1, 3)
    feet[0, :, 0, 0] = torch.tensor([0.0, 0.01, 0.11, 0.41, 0.43])
    feet[0, 2, 0, 2] = 0.10  # in the air in the middle frame: of the four slides the first and the last count
    feet[0, 0, 0, 2] = 0.02  # 2 cm above its standing height is still the ground
    assert measures.foot_slip(feet, torch.zeros(1)).tolist() == pytest.approx([(0.01 + 0.02) / 2])


def bounces(frames: int, period: int, height: float, feet: int = 1) -> Tensor:
    """Heights (frames, feet) of feet on ground at 2 cm that rise to `height` m more in the middle of each period."""
    swing = (2 * math.pi * torch.arange(frames) / period).cos()
    return (0.02 + 0.5 * height * (1 - swing)).unsqueeze(1).expand(-1, feet)


def test_footfalls_counts_every_landing_of_every_foot() -> None:
    # five whole periods of 20 frames from the ground to the ground: five landings a foot
    assert measures.footfalls(bounces(101, 20, 0.05, feet=3)).item() == 15
    # a foot that is up at the end has not landed: four and a half periods
    assert measures.footfalls(bounces(91, 20, 0.05)).item() == 4
    rollouts = torch.stack((bounces(101, 20, 0.05), bounces(101, 50, 0.05), bounces(101, 20, 0.015)))
    assert measures.footfalls(rollouts).tolist() == [5, 2, 0]  # 1.5 cm is a shuffle


def test_a_tremble_at_either_threshold_takes_no_steps() -> None:
    # lift 2.8 cm: swings above 2 cm; then between 1.2 and 2.8 cm for long, and down below 1 cm: one step
    tremble = torch.tensor([0.0] * 10 + [0.012, 0.028] * 20 + [0.0] * 10).unsqueeze(1)
    assert measures.footfalls(tremble).item() == 1
    # on the ground between 0 and 1.8 cm: none
    assert measures.footfalls(torch.tensor([0.0, 0.018] * 30).unsqueeze(1)).item() == 0


def test_a_foot_that_begins_in_between_has_not_landed_when_it_comes_down() -> None:
    # lift 4 cm: swings above 2 cm, has landed below 1 cm; it begins at 1.5 cm, and rises and lands once thereafter
    height = torch.tensor([0.015] * 3 + [0.0] * 20 + [0.04] * 20 + [0.0] * 20).unsqueeze(1)
    assert measures.footfalls(height).item() == 1


def test_a_high_step_may_land_on_a_foot_that_rolls() -> None:
    # lift 16 cm: swings above 8 cm, has landed below 4 cm, and so at 3 cm as well as at 0
    height = torch.tensor([0.0, 0.16, 0.03, 0.16, 0.0]).repeat_interleave(10).unsqueeze(1)
    assert measures.footfalls(height).item() == 2


def test_step_rate_ratio_is_null_for_a_clip_that_hardly_steps() -> None:
    twice, once = bounces(101, 10, 0.05), bounces(101, 20, 0.05)
    assert measures.step_rate_ratio(torch.stack((twice, once, 0 * once)), once).tolist() == [2.0, 1.0, 0.0]
    assert measures.step_rate_ratio(once[None], bounces(101, 34, 0.05)).isnan().all()  # two landings
    assert measures.step_rate_ratio(once[None], 0 * once).isnan().all()


def test_foot_lift_ratio_is_the_median_over_the_feet_that_the_reference_lifts() -> None:
    # the fourth foot of the reference stays down and does not count; of the others one limps, one does nothing
    reference = torch.cat([bounces(200, 20, h) for h in (0.05, 0.05, 0.05, 0.001)], dim=1)
    own = torch.cat([bounces(200, 20, h) for h in (0.04, 0.1, 0.0, 0.5)], dim=1)
    assert measures.foot_lift_ratio(own[None], reference).tolist() == pytest.approx([0.8])
    assert measures.foot_lift_ratio(own[None], 0 * reference).isnan().all()


def test_foot_lift_forgets_one_kick_and_the_start() -> None:
    height = torch.zeros(100, 1)
    height[:3], height[50] = 0.05, 0.3  # four frames of a hundred
    assert measures.foot_lift(height).tolist() == pytest.approx([0.0])

"""The static pose, the measures of one clip and the alignment."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from rgsd.evaluation import imitation
from rgsd.evaluation.imitation import Reference
from rgsd.evaluation.rollouts import Rollouts, clip_states
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.motions.library import MotionLibrary


def as_rollout(library: MotionLibrary, clip: int, shift: float = 0.0) -> Rollouts:
    """One rollout that is the reference itself, moved aside by `shift` m."""
    states = clip_states(library, clip).clone()
    states.body_pos += torch.tensor([0.0, shift, 0.0])
    frames = len(states.qpos)
    fell = torch.zeros(1, frames, dtype=torch.bool)
    return Rollouts(states[None], states.qpos[None, 1:, 7:], fell, torch.zeros_like(fell))


def test_geometric_median_of_a_line_is_the_middle_point() -> None:
    points = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [10.0, 0.0, 0.0]])
    torch.testing.assert_close(imitation.geometric_median(points), points[1], atol=1e-4, rtol=0)


def test_geometric_median_of_a_triangle_is_its_fermat_point() -> None:
    # equilateral: the centroid, which sees all corners under 120 degrees
    corners = torch.tensor([[1.0, 0.0, 0.0], [-0.5, 3**0.5 / 2, 0.0], [-0.5, -(3**0.5) / 2, 0.0]])
    torch.testing.assert_close(imitation.geometric_median(corners), torch.zeros(3), atol=1e-6, rtol=0)


def test_no_frame_of_the_clip_is_a_better_static_pose(library: MotionLibrary) -> None:
    reference = Reference.of(library, 0)
    errors = (reference.local.unsqueeze(0) - reference.local.unsqueeze(1)).norm(dim=-1).mean(dim=(1, 2))
    assert reference.static_pose_error <= errors.min().item() + 1e-7


def test_the_reference_itself_is_perfect(library: MotionLibrary) -> None:
    found = {key: value.item() for key, value in Reference.of(library, 0).measure(as_rollout(library, 0)).items()}
    for key in ("cartesian_error_cm", "best_shift_error_cm", "root_error_m", "root_error_end_m", "heading_error_deg"):
        assert found[key] == pytest.approx(0.0, abs=1e-4), key
    for key in ("skill", "tracked", "survival", "path_ratio", "foot_lift_ratio", "step_rate_ratio"):
        assert found[key] == pytest.approx(1.0, abs=1e-5), key
    assert found["turn_ratio"] != found["turn_ratio"]  # NaN: the walk is straight


def test_a_clip_that_is_moved_aside_is_lost_but_keeps_its_pose(library: MotionLibrary) -> None:
    found = {k: v.item() for k, v in Reference.of(library, 0).measure(as_rollout(library, 0, shift=0.6)).items()}
    assert found["cartesian_error_cm"] == pytest.approx(0.0, abs=1e-4)
    assert found["root_error_m"] == pytest.approx(0.6, abs=1e-5)
    assert found["tracked"] == found["survival"] == 0.0


def test_own_metrics_are_those_of_the_reference_as_a_rollout(library: MotionLibrary) -> None:
    reference = Reference.of(library, 0)
    measured, own = reference.measure(as_rollout(library, 0)), reference.own_metrics()
    assert own["reference_foot_slip_cm"] == pytest.approx(measured["foot_slip_cm"].item())
    assert own["static_pose_error_cm"] > 0.5
    # the planned gait: two strides a second of each of four feet, lifted by 5.5 cm at their highest moment
    assert own["reference_step_rate_hz"] == 8.0
    assert 5.0 < own["reference_foot_lift_cm"] < 5.5


def test_alignment_is_one_with_a_direction_that_the_encoder_always_gives(library: MotionLibrary) -> None:
    z = torch.tensor([[0.6, 0.8]])
    states = as_rollout(library, 1).states
    assert imitation.alignment(lambda o: z.expand(len(o), -1), states, z).tolist() == pytest.approx([1.0])
    assert imitation.alignment(lambda o: z.expand(len(o), -1), states, -z).tolist() == pytest.approx([-1.0])


def test_alignment_is_null_without_encoder(library: MotionLibrary, make_policy: Callable[..., SkillPolicy]) -> None:
    found = imitation.alignment(make_policy().encode, as_rollout(library, 1).states, torch.zeros(1, 3))
    assert found.isnan().all()

"""The Frechet distance against closed forms, and the features against their definition."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from rgsd import rotations
from rgsd.bodies.body import Body
from rgsd.evaluation import frechet
from rgsd.motions.library import MotionLibrary


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_distance_of_diagonal_gaussians_by_hand() -> None:
    # means 3 apart; variances 4 and 1, 9 and 9: 9 + (2 - 1)^2 + (3 - 3)^2 = 10
    a, b = torch.tensor([4.0, 9.0]).diag(), torch.tensor([1.0, 9.0]).diag()
    assert frechet.gaussian_distance(torch.zeros(2), a, torch.tensor([3.0, 0.0]), b) == pytest.approx(10.0, rel=1e-5)


def test_distance_of_correlated_gaussians_agrees_with_scipys_matrix_root() -> None:
    rng = np.random.default_rng(0)
    a, b = (m @ m.T for m in rng.normal(size=(2, 5, 5)))
    expected = np.trace(a + b - 2 * np.real(np.asarray(sqrtm(a @ b))))
    found = frechet.gaussian_distance(torch.zeros(5), torch.from_numpy(a), torch.zeros(5), torch.from_numpy(b))
    assert found == pytest.approx(expected, rel=1e-6)


def test_singular_covariances_are_no_trouble() -> None:
    # a point mass against N(0, 4) along one axis: 2^2
    assert frechet.gaussian_distance(
        torch.zeros(3), torch.zeros(3, 3), torch.zeros(3), torch.tensor([4.0, 0, 0]).diag()
    ) == pytest.approx(4.0)


def test_samples_of_two_gaussians_come_near_the_closed_form() -> None:
    # N(0, 1) and N(2, 9) in one dimension: 4 + (3 - 1)^2 = 8; the larger set is thinned to the smaller
    a = torch.randn(40_000, 1, generator=seeded())
    b = 2 + 3 * torch.randn(20_000, 1, generator=torch.Generator().manual_seed(1))
    assert frechet.frechet_distance(a, b, seeded()) == pytest.approx(8.0, rel=0.03)
    assert frechet.half_distance(a, seeded()) == pytest.approx(0.0, abs=1e-2)


def test_one_frame_has_no_distance() -> None:
    assert frechet.frechet_distance(torch.zeros(1, 2), torch.zeros(9, 2), seeded()) is None


def test_features_ignore_place_and_heading_and_have_the_declared_scales(body: Body, library: MotionLibrary) -> None:
    state = library.states[:5]
    found = frechet.features(body, state)
    assert found.shape == (5, 7 + 6 * len(body.key_bodies))
    turn, offset = rotations.from_yaw(torch.tensor(2.0)), torch.tensor([3.0, -1.0, 0.0])
    moved = dataclasses.replace(
        state,
        body_pos=rotations.rotate(turn, state.body_pos) + offset,
        body_quat=rotations.multiply(turn.expand_as(state.body_quat), state.body_quat),
        body_linvel=rotations.rotate(turn, state.body_linvel),
        body_angvel=rotations.rotate(turn, state.body_angvel),
    )
    torch.testing.assert_close(frechet.features(body, moved), found, atol=1e-4, rtol=1e-4)
    scales = body.feature_scales
    torch.testing.assert_close(found[:, 0], state.body_pos[:, 0, 2] / scales.height)
    # the walk goes ahead at 0.6 m/s
    assert found[2, 3].item() == pytest.approx(0.6 / scales.linear_velocity, rel=0.02)


def test_too_many_key_bodies_are_refused(body: Body, library: MotionLibrary) -> None:
    many = dataclasses.replace(body, key_bodies=body.body_names[:9])
    with pytest.raises(ValueError, match=r"9 key_bodies.*at most 8"):
        frechet.features(many, library.states)

"""The Frechet distance against closed forms, and the features against their definition."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from scipy.spatial.transform import Rotation

from rgsd import rotations
from rgsd.bodies.body import Body
from rgsd.evaluation import frechet
from rgsd.motions.library import MotionLibrary


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_distance_of_diagonal_gaussians_by_hand() -> None:
    # means 3 apart; variances 4 and 1, 9 and 9: 9 + (2 - 1)^2 + (3 - 3)^2 = 10
    a, b = torch.tensor([4.0, 9.0]).diag(), torch.tensor([1.0, 9.0]).diag()
    assert float(frechet.gaussian_distance(torch.zeros(2), a, torch.tensor([3.0, 0.0]), b)) == pytest.approx(10.0)


def test_distance_of_correlated_gaussians_agrees_with_scipys_matrix_root() -> None:
    rng = np.random.default_rng(0)
    a, b = (m @ m.T for m in rng.normal(size=(2, 5, 5)))
    expected = np.trace(a + b - 2 * np.real(np.asarray(sqrtm(a @ b))))
    found = frechet.gaussian_distance(torch.zeros(5), torch.from_numpy(a), torch.zeros(5), torch.from_numpy(b))
    assert float(found) == pytest.approx(expected, rel=1e-6)


def test_singular_covariances_are_no_trouble() -> None:
    # a point mass against N(0, 4) along one axis: 2^2
    found = frechet.gaussian_distance(
        torch.zeros(3), torch.zeros(3, 3), torch.zeros(3), torch.tensor([4.0, 0, 0]).diag()
    )
    assert float(found) == pytest.approx(4.0)


def test_moments_of_frames_that_count_and_of_sets_put_together() -> None:
    frames = torch.tensor([[[0.0, 1.0], [2.0, 1.0], [9.0, 9.0]], [[4.0, 3.0], [6.0, 3.0], [9.0, 9.0]]])
    moments = frechet.Moments.of(frames, torch.tensor([[True, True, False]] * 2))
    mean, covariance = moments.pooled(torch.ones(2)).gaussian()
    assert mean.tolist() == [3.0, 2.0]
    # deviations -3, -1, 1, 3 and -1, -1, 1, 1, over three
    np.testing.assert_allclose(covariance, [[20 / 3, 8 / 3], [8 / 3, 4 / 3]])
    mean, covariance = moments.pooled(torch.tensor([2.0, 0.0])).gaussian()  # the first set twice
    assert mean.tolist() == [1.0, 1.0]
    np.testing.assert_allclose(covariance, [[4 / 3, 0], [0, 0]])


def test_all_frames_of_rollouts_come_near_the_closed_form() -> None:
    # N(0, 1) and N(2, 9) in one dimension: 4 + (3 - 1)^2 = 8
    own = [torch.randn(50, 400, 1, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2)]
    reference = 2 + 3 * torch.randn(20_000, 1, generator=seeded())
    found = frechet.measure([frechet.Moments.of(rollouts) for rollouts in own], reference)
    assert found["fid"] == pytest.approx(8.0, rel=0.03)
    low, high = found["fid_ci"]
    # of 40,000 frames the mean is known to 0.005 and the deviation to 0.0035: d^2 changes by 4 times either
    assert low < found["fid"] < high
    assert 0.04 < high - low < 0.2
    assert found["fid_null"] < 2e-3


def test_the_interval_is_over_rollouts_and_not_over_their_frames() -> None:
    # four rollouts that each hold still at their own place, wide apart: frames are many, trials are four
    still = torch.tensor([-3.0, -1.0, 1.0, 3.0]).view(4, 1, 1).expand(4, 500, 1)
    low, high = frechet.measure([frechet.Moments.of(still)], torch.randn(500, 1, generator=seeded()))["fid_ci"]
    assert high - low > 1.0


def test_the_null_of_few_frames_in_many_dimensions() -> None:
    # what the protocol warns of: 100 frames in 55 dimensions are 16.6 from 100 others of the same distribution; two
    # samples of one set of 100 share frames and lie somewhat nearer
    frames = torch.randn(100, 55, generator=seeded())
    alike = frechet.null_distance(frames, 100)
    assert 12.0 < alike < 16.6
    assert frechet.null_distance(frames, 1600) < 0.7 * alike
    assert frechet.null_distance(frames, 100) == alike


def test_one_frame_has_no_distance() -> None:
    one = frechet.Moments.of(torch.zeros(1, 1, 2))
    nothing = {"fid": None, "fid_ci": None, "fid_null": None}
    assert frechet.measure([one], torch.zeros(9, 2)) == nothing
    assert frechet.measure([frechet.Moments.of(torch.zeros(1, 9, 2))], torch.zeros(1, 2)) == nothing


def test_two_frames_have_a_distance_and_one_rollout_no_interval() -> None:
    # 0 and 2 against 1 and 4: means 1 and 2.5, variances 2 and 4.5; 1.5^2 + (sqrt(2) - sqrt(4.5))^2 = 2.25 + 0.5
    single = frechet.Moments.of(torch.tensor([[[0.0], [2.0]]]))
    reference = torch.tensor([[1.0], [4.0]])
    found = frechet.measure([single], reference)
    assert found["fid"] == pytest.approx(2.75)
    assert found["fid_ci"] is None
    # nor has a pool in which a clip has a single one
    assert frechet.measure([single, frechet.Moments.of(torch.randn(3, 2, 1))], reference)["fid_ci"] is None


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


def test_features_by_hand(body: Body, library: MotionLibrary) -> None:
    state, scales = library.states[10:11], body.feature_scales  # on its way, one leg in the air
    state.body_quat[0, 0] = torch.tensor(Rotation.from_euler("ZYX", [2.0, 0.3, -0.2]).as_quat(scalar_first=True))
    state.body_angvel[0, 0] = torch.tensor([0.1, 0.2, 0.7])
    turn = Rotation.from_quat(state.body_quat[0, 0].numpy(), scalar_first=True)
    ahead = turn.apply([1.0, 0.0, 0.0])
    back = Rotation.from_euler("z", -np.arctan2(ahead[1], ahead[0]))
    position, velocity = state.body_pos[0].numpy(), state.body_linvel[0].numpy()
    keys = body.body_ids(body.key_bodies)
    expected = np.concatenate(
        (
            position[0, 2:] / scales.height,
            back.apply(turn.apply([0.0, 0.0, 1.0]))[:2] / scales.rotation,
            back.apply(velocity[0]) / scales.linear_velocity,
            [0.7 / scales.angular_velocity],
            (back.apply(position[keys] - position[0]) / scales.position).ravel(),
            (back.apply(velocity[keys] - velocity[0]) / scales.linear_velocity).ravel(),
        )
    )
    np.testing.assert_allclose(frechet.features(body, state)[0], expected, atol=1e-4)


def test_too_many_key_bodies_are_refused(body: Body, library: MotionLibrary) -> None:
    many = dataclasses.replace(body, key_bodies=body.body_names[:9])
    with pytest.raises(ValueError, match=r"9 key_bodies.*at most 8"):
        frechet.features(many, library.states)

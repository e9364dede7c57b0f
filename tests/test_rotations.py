"""Quaternions against scipy's rotations and against angles known by heart."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from rgsd import rotations


@pytest.fixture
def pair() -> tuple[Rotation, Rotation]:
    generator = np.random.default_rng(0)
    return Rotation.random(50, rng=generator), Rotation.random(50, rng=generator)


def torch_of(rotation: Rotation) -> Tensor:
    return torch.from_numpy(rotation.as_quat(scalar_first=True))


def same_rotation(ours: Tensor, theirs: Rotation) -> bool:
    return bool(((ours * torch_of(theirs)).sum(-1).abs() > 1 - 1e-12).all())


def test_products_and_inverses(pair: tuple[Rotation, Rotation]) -> None:
    a, b = pair
    assert same_rotation(rotations.multiply(torch_of(a), torch_of(b)), a * b)
    assert same_rotation(rotations.conjugate(torch_of(a)), a.inv())


def test_rotated_vectors(pair: tuple[Rotation, Rotation]) -> None:
    a, _ = pair
    v = np.random.default_rng(1).normal(size=(50, 3))
    np.testing.assert_allclose(rotations.rotate(torch_of(a), torch.from_numpy(v)), a.apply(v), atol=1e-12)
    np.testing.assert_allclose(rotations.rotate_inverse(torch_of(a), torch.from_numpy(v)), a.inv().apply(v), atol=1e-12)
    # one quaternion turns many vectors
    np.testing.assert_allclose(rotations.rotate(torch_of(a)[0], torch.from_numpy(v)), a[0].apply(v), atol=1e-12)


def test_a_quarter_turn_about_the_vertical_by_hand() -> None:
    quarter = rotations.from_yaw(torch.tensor(math.pi / 2))
    half = math.sqrt(0.5)  # cos 45 deg
    np.testing.assert_allclose(quarter, [half, 0, 0, half], atol=1e-7)
    np.testing.assert_allclose(rotations.rotate(quarter, torch.tensor([1.0, 0, 0])), [0, 1, 0], atol=1e-6)


def test_heading_is_the_yaw_of_the_x_axis(pair: tuple[Rotation, Rotation]) -> None:
    a, _ = pair
    x_axis = a.apply([1.0, 0.0, 0.0])
    yaw = np.arctan2(x_axis[:, 1], x_axis[:, 0])
    np.testing.assert_allclose(rotations.yaw(torch_of(a)), yaw, atol=1e-12)
    np.testing.assert_allclose(rotations.yaw(-torch_of(a)), yaw, atol=1e-12)  # q and -q are one rotation
    assert same_rotation(rotations.heading(torch_of(a)), Rotation.from_rotvec(yaw[:, None] * [0, 0, 1]))


def test_tangent_and_normal_are_columns_of_the_matrix(pair: tuple[Rotation, Rotation]) -> None:
    a, _ = pair
    matrix = a.as_matrix()
    expected = np.concatenate([matrix[:, :, 0], matrix[:, :, 2]], axis=1)
    np.testing.assert_allclose(rotations.tangent_normal(torch_of(a)), expected, atol=1e-12)


@pytest.mark.parametrize("leading", [(50,), (5, 10)])
def test_vectors_in_the_heading_frame_lose_the_yaw_alone(
    pair: tuple[Rotation, Rotation], leading: tuple[int, ...]
) -> None:
    a, _ = pair
    vectors = np.random.default_rng(1).normal(size=(50, 4, 3))
    x_axis = a.apply([1.0, 0.0, 0.0])
    back = Rotation.from_rotvec(-np.arctan2(x_axis[:, 1], x_axis[:, 0])[:, None] * [0, 0, 1])
    expected = np.stack([back[i].apply(vectors[i]) for i in range(50)])
    found = rotations.in_heading(torch_of(a).view(*leading, 4), torch.from_numpy(vectors).view(*leading, 4, 3))
    assert found.shape == (*leading, 4, 3)
    np.testing.assert_allclose(found.reshape(50, 4, 3), expected, atol=1e-12)


def test_points_as_seen_from_a_place_and_heading() -> None:
    # who stands at (2, 3) and faces +y has (2, 4) 1 m ahead, and (1, 4) 1 m ahead and 1 m to the left
    path = torch.tensor([[2.0, 3.0], [2.0, 4.0], [1.0, 4.0]])
    quarter = torch.tensor(math.pi / 2)
    seen = rotations.seen_from(path[0], quarter, path)
    np.testing.assert_allclose(seen, [[0, 0], [1, 0], [1, 1]], atol=1e-6)
    # one point for two who stand at the origin: facing -x it lies behind, facing -y to the left
    turned = rotations.seen_from(torch.zeros(2), torch.tensor([math.pi, -math.pi / 2]), torch.tensor([1.0, 0.0]))
    np.testing.assert_allclose(turned, [[-1, 0], [0, 1]], atol=1e-6)


@pytest.mark.parametrize(("angle", "wrapped"), [(0.5, 0.5), (math.pi + 0.1, -math.pi + 0.1), (-7.0, -7 + 2 * math.pi)])
def test_angles_are_folded(angle: float, wrapped: float) -> None:
    assert float(rotations.wrap_angle(torch.tensor(angle))) == pytest.approx(wrapped, abs=1e-6)

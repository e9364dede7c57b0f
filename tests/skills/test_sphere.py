"""The von Mises-Fisher distribution against scipy's Bessel functions and numerical integrals."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import integrate, special, stats
from torch import Tensor

from rgsd.randomness import Draws
from rgsd.skills import sphere


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def axis(dim: int, count: int = 1) -> Tensor:
    return torch.eye(dim)[0].expand(count, -1)


@pytest.mark.parametrize("order", [0.0, 0.5, 3.0, 31.0])
@pytest.mark.parametrize("x", [0.01, 1.0, 20.0, 1000.0])
def test_log_bessel_against_scipy(order: float, x: float) -> None:
    # ive is I scaled by exp(-x), so that neither end overflows
    expected = math.log(special.ive(order, x)) + x
    assert sphere.log_bessel_i(order, x) == pytest.approx(expected, rel=1e-10, abs=1e-9)


@pytest.mark.parametrize("kappa", [0.1, 2.0, 20.0])
def test_density_integrates_to_one(kappa: float) -> None:
    def circle(angle: float) -> float:
        return math.exp(sphere.log_normalizer(2, kappa) + kappa * math.cos(angle))

    def belt(cosine: float) -> float:  # of the 2-sphere: 2 pi times the height
        return 2 * math.pi * math.exp(sphere.log_normalizer(3, kappa) + kappa * cosine)

    assert integrate.quad(circle, -math.pi, math.pi)[0] == pytest.approx(1, abs=1e-8)
    assert integrate.quad(belt, -1, 1)[0] == pytest.approx(1, abs=1e-8)


def test_areas_of_the_first_spheres() -> None:
    areas = [math.exp(sphere.log_area(dim)) for dim in (2, 3, 4)]
    assert areas == pytest.approx([2 * math.pi, 4 * math.pi, 2 * math.pi**2])


@pytest.mark.parametrize(("dim", "kappa", "constant"), [(8, 20.0, -12.2), (64, 20.0, -3.0)])
def test_the_rewards_constant_is_negative(dim: int, kappa: float, constant: float) -> None:
    assert sphere.reward_constant(dim, kappa) == pytest.approx(constant, abs=0.05)

    # -log E[exp(kappa u)] over the uniform sphere, whose cosine u has density ~ (1 - u^2)^((d-3)/2)
    def weight(u: float) -> float:
        return (1 - u * u) ** ((dim - 3) / 2)

    mean = integrate.quad(lambda u: math.exp(kappa * u) * weight(u), -1, 1)[0] / integrate.quad(weight, -1, 1)[0]
    assert sphere.reward_constant(dim, kappa) == pytest.approx(-math.log(mean), abs=1e-6)


@pytest.mark.parametrize(("dim", "expected"), [(8, 0.84), (64, 0.29)])
def test_the_mean_cosine_depends_on_the_dimension(dim: int, expected: float) -> None:
    assert sphere.mean_resultant(dim, 20.0) == pytest.approx(expected, abs=0.005)
    assert sphere.mean_resultant(3, 2.0) == pytest.approx(1 / math.tanh(2) - 1 / 2)  # Langevin's function


def test_kl_against_a_numerical_integral_on_the_circle() -> None:
    kappa, between = 3.0, 0.8
    log_c = sphere.log_normalizer(2, kappa)

    def integrand(angle: float) -> float:
        log_p, log_q = log_c + kappa * math.cos(angle - between), log_c + kappa * math.cos(angle)
        return math.exp(log_p) * (log_p - log_q)

    mu = torch.tensor([math.cos(between), math.sin(between)])
    kl = float(sphere.kl_divergence(mu, torch.tensor([1.0, 0.0]), kappa))
    assert kl == pytest.approx(integrate.quad(integrand, -math.pi, math.pi)[0], rel=1e-6)
    assert float(sphere.kl_divergence(mu, mu, kappa)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(("dim", "kappa"), [(2, 4.0), (3, 20.0), (8, 1.0), (8, 20.0), (64, 20.0)])
def test_draws_have_the_distributions_cosine(dim: int, kappa: float) -> None:
    draws = sphere.sample_vmf(axis(dim, 20_000), kappa, generator())
    np.testing.assert_allclose(draws.norm(dim=1), 1, atol=5e-7)  # to the rounding of single precision
    cosine = draws[:, 0].double().numpy()
    assert cosine.mean() == pytest.approx(sphere.mean_resultant(dim, kappa), abs=0.03)
    # the cosine's density is ~ exp(kappa w) (1 - w^2)^((d-3)/2); on a grid in the angle it has no poles at the ends
    angle = np.linspace(0, math.pi, 20001)
    density = np.exp(kappa * (np.cos(angle) - 1)) * np.sin(angle) ** (dim - 2)
    cdf = integrate.cumulative_trapezoid(density, angle, initial=0)
    result = stats.kstest(np.arccos(np.clip(cosine, -1, 1)), lambda a: np.interp(a, angle, cdf / cdf[-1]))
    assert result.pvalue > 1e-3


def test_draws_are_symmetric_about_the_mean_direction() -> None:
    mean = torch.nn.functional.normalize(torch.tensor([1.0, -2.0, 0.5, 1.0]), dim=0)
    draws = sphere.sample_vmf(mean.expand(8000, -1), 10.0, generator(2))
    sideways = draws - (draws @ mean).unsqueeze(1) * mean
    np.testing.assert_allclose(sideways.mean(dim=0), 0, atol=0.02)
    # the covariance of the tangent part is the same in every direction orthogonal to the mean
    spread = torch.linalg.eigvalsh(sideways.T @ sideways / len(draws))
    assert float(spread[0]) == pytest.approx(0, abs=1e-5)
    np.testing.assert_allclose(spread[1:] / spread[1:].mean(), 1, atol=0.08)


@pytest.mark.parametrize(
    "draws", [sphere.sample_uniform(8000, 5, generator()), sphere.draw_uniform(Draws(torch.arange(8000)), 5)]
)
def test_uniform_draws_prefer_no_direction(draws: Tensor) -> None:
    np.testing.assert_allclose(draws.norm(dim=1), 1, atol=1e-5)
    np.testing.assert_allclose(draws.mean(dim=0), 0, atol=0.02)
    np.testing.assert_allclose(draws.T @ draws / 8000, np.eye(5) / 5, atol=0.02)


def test_a_voronoi_cell_is_drawn_from_evenly() -> None:
    # on the circle, of centers at 0, 90 and 180 degrees, the cells reach from -90 to 45, to 135 and to 270
    centers = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    chosen = torch.arange(3).repeat(3000)
    z = sphere.draw_in_voronoi_cell(Draws(torch.arange(9000)), centers, chosen)
    np.testing.assert_allclose(z.norm(dim=1), 1, atol=1e-5)
    angle = torch.rad2deg(torch.atan2(z[:, 1], z[:, 0]))
    for number, (low, high) in enumerate(((-90, 45), (45, 135), (135, 270))):
        own = angle[chosen == number]
        own = torch.where(own < -90, own + 360, own)
        assert low <= float(own.min()) < float(own.max()) <= high
        # of a uniform distribution over 135 and 90 degrees, within five standard errors of 3,000 draws
        width = high - low
        np.testing.assert_allclose(own.mean(), (low + high) / 2, atol=5 * width / math.sqrt(12 * 3000))
        np.testing.assert_allclose(own.std(), width / math.sqrt(12), rtol=0.05)


def test_a_voronoi_cell_too_small_to_hit_gives_its_center() -> None:
    centers = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.001], [1.0, -0.001]]), dim=1)
    z = sphere.draw_in_voronoi_cell(Draws(torch.arange(4)), centers, torch.zeros(4, dtype=torch.long))
    torch.testing.assert_close(z, centers[:1].expand(4, -1))


def test_interpolation_runs_along_the_great_circle() -> None:
    a, b = torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 1.0, 0.0])
    third = math.pi / 6
    np.testing.assert_allclose(sphere.slerp(a, b, 1 / 3), [math.cos(third), math.sin(third), 0], atol=1e-6)
    np.testing.assert_allclose(sphere.slerp(a, b, 0.0), a, atol=1e-6)
    np.testing.assert_allclose(sphere.slerp(a, b, 1.0), b, atol=1e-6)
    np.testing.assert_allclose(sphere.slerp(a, a, 0.5), a, atol=1e-6)


def test_interpolation_between_neighbours_is_exact_in_double_precision() -> None:
    # 5e-5 rad apart, where the sines' quotient would lose digits: a quarter of the way is at 1.25e-5
    near = torch.tensor([math.cos(5e-5), math.sin(5e-5)], dtype=torch.float64)
    between = sphere.slerp(torch.tensor([1.0, 0.0], dtype=torch.float64), near, 0.25)
    assert math.atan2(*between.flip(0).tolist()) == pytest.approx(1.25e-5, rel=1e-6)


@pytest.mark.parametrize(("dim", "kappa", "said"), [(1, 1.0, "dimension is 1"), (3, 0.0, "kappa is 0")])
def test_impossible_distributions_are_refused(dim: int, kappa: float, said: str) -> None:
    for function in (sphere.log_normalizer, sphere.mean_resultant):
        with pytest.raises(ValueError, match=said):
            function(dim, kappa)
    with pytest.raises(ValueError, match=said):
        sphere.sample_vmf(axis(dim), kappa, generator())

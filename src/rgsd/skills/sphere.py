"""The skill space: the unit hypersphere S^(d-1) and the von Mises-Fisher distribution on it.

q(z | mu) = C_d(kappa) exp(kappa mu.z). Everything is exact: Bessel functions come from their power series
in log space, which converges for every order and argument. kappa means nothing without d: see
`mean_resultant`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rgsd.randomness import Draws


def sample_uniform(count: int, dim: int, generator: torch.Generator) -> Tensor:
    """(count, dim) unit vectors, uniform on the sphere: z = k / |k|, k ~ N(0, I) (RGSD, Algorithm 2)."""
    k = torch.randn(count, dim, generator=generator, device=generator.device)
    return torch.nn.functional.normalize(k, dim=-1)


def draw_uniform(draws: Draws, dim: int) -> Tensor:
    """As `sample_uniform`, one for each of n environments: (n, dim)."""
    return torch.nn.functional.normalize(draws.normal(dim), dim=-1)


def draw_in_voronoi_cell(draws: Draws, centers: Tensor, chosen: Tensor) -> Tensor:
    """Uniform in a Voronoi cell: where, of all centers (M, d), the chosen one (n,) is the nearest; (n, d).

    By rejection: the first of 128 uniform draws that lies there. A cell so small that none does gives its center.
    """
    tries, size = 128, centers.shape[1]
    uniform = torch.nn.functional.normalize(draws.normal(tries * size).view(-1, tries, size), dim=-1)
    inside = (uniform @ centers.T).argmax(dim=-1) == chosen.unsqueeze(1)
    first = uniform[torch.arange(len(chosen), device=chosen.device), inside.byte().argmax(dim=1)]
    return torch.where(inside.any(dim=1, keepdim=True), first, centers[chosen])


def log_bessel_i(order: float, x: float) -> float:
    """log I_order(x), the modified Bessel function of the first kind, for order >= 0 and x > 0."""
    terms = torch.arange(int(2 * x) + 200, dtype=torch.float64)
    logs = (2 * terms + order) * math.log(x / 2) - torch.lgamma(terms + 1) - torch.lgamma(terms + order + 1)
    return float(torch.logsumexp(logs, dim=0))


def log_normalizer(dim: int, kappa: float) -> float:
    """log C_d(kappa) of the density with respect to surface area: (kappa/2pi)^(d/2) / (kappa I_(d/2-1)(kappa)).

    Raises:
        ValueError: dim below 2 or kappa not positive.
    """
    _check(dim, kappa)
    order = dim / 2 - 1
    return order * math.log(kappa) - dim / 2 * math.log(2 * math.pi) - log_bessel_i(order, kappa)


def log_area(dim: int) -> float:
    """log of the surface area of S^(dim-1): the uniform density is its inverse."""
    return math.log(2) + dim / 2 * math.log(math.pi) - math.lgamma(dim / 2)


def reward_constant(dim: int, kappa: float) -> float:
    """log C_d(kappa) - log p(z) for uniform p: what turns kappa mu.z into log q(z|s) - log p(z).

    It equals -log E_uniform[exp(kappa u_1)] and is negative for every kappa > 0: -12.2 at d 8, kappa 20.
    """
    return log_normalizer(dim, kappa) + log_area(dim)


def mean_resultant(dim: int, kappa: float) -> float:
    """A_d(kappa) = I_(d/2)(kappa) / I_(d/2-1)(kappa): the mean cosine between a draw and the mean direction."""
    _check(dim, kappa)
    return math.exp(log_bessel_i(dim / 2, kappa) - log_bessel_i(dim / 2 - 1, kappa))


def kl_divergence(mu: Tensor, reference: Tensor, kappa: float) -> Tensor:
    """KL(vMF(mu, kappa) || vMF(reference, kappa)) = kappa A_d(kappa) (1 - mu.reference), nats.

    Args:
        mu, reference: (..., d) unit vectors.
        kappa: the common concentration.

    Returns:
        (...,).
    """
    scale = kappa * mean_resultant(mu.shape[-1], kappa)
    return scale * (1.0 - (mu * reference).sum(dim=-1))


def sample_vmf(mean: Tensor, kappa: float, generator: torch.Generator) -> Tensor:
    """One draw around each mean direction: Wood's rejection sampling (1994) of the cosine, then a uniform tangent.

    Args:
        mean: (n, d) unit vectors, d >= 2.
        kappa: concentration, > 0.
        generator: of all randomness.

    Returns:
        (n, d) unit vectors.
    """
    count, dim = mean.shape
    _check(dim, kappa)
    b = (dim - 1) / (2 * kappa + math.sqrt(4 * kappa**2 + (dim - 1) ** 2))
    x0 = (1 - b) / (1 + b)
    c = kappa * x0 + (dim - 1) * math.log(1 - x0**2)
    cosine = torch.empty(count, dtype=torch.float64, device=mean.device)
    open_ids = torch.arange(count, device=mean.device)
    while len(open_ids):
        # Beta((d-1)/2, (d-1)/2) as a ratio of Gammas, drawn with the caller's generator
        g1, g2 = (_sample_gamma((dim - 1) / 2, len(open_ids), generator) for _ in range(2))
        beta = g1 / (g1 + g2)
        w = (1 - (1 + b) * beta) / (1 - (1 - b) * beta)
        u = torch.rand(len(open_ids), generator=generator, dtype=torch.float64, device=mean.device)
        accept = kappa * w + (dim - 1) * torch.log(1 - x0 * w) - c >= torch.log(u)
        cosine[open_ids[accept]] = w[accept]
        open_ids = open_ids[~accept]
    # in double precision: near mu the tangent is what little is left of a difference, and at d 2 most of it is rounding
    w, exact = cosine.unsqueeze(1), torch.nn.functional.normalize(mean.double(), dim=-1)
    noise = torch.randn(count, dim, generator=generator, dtype=torch.float64, device=mean.device)
    tangent = torch.nn.functional.normalize(noise - (noise * exact).sum(-1, keepdim=True) * exact, dim=-1)
    drawn = w * exact + torch.sqrt((1 - w**2).clamp(min=0)) * tangent
    return torch.nn.functional.normalize(drawn, dim=-1).to(mean.dtype)


def slerp(a: Tensor, b: Tensor, fraction: float | Tensor) -> Tensor:
    """Great-circle interpolation between unit vectors (..., d): a at fraction 0, b at fraction 1; (..., 1) or one for
    all."""
    angle = torch.arccos((a * b).sum(-1, keepdim=True).clamp(-1, 1))
    straight = a + fraction * (b - a)
    arc = (torch.sin((1 - fraction) * angle) * a + torch.sin(fraction * angle) * b) / torch.sin(angle).clamp(min=1e-6)
    return torch.nn.functional.normalize(torch.where(angle < 1e-4, straight, arc), dim=-1)


def _check(dim: int, kappa: float) -> None:
    if dim < 2:
        raise ValueError(f"dimension is {dim}; a sphere of directions needs at least 2")
    if not kappa > 0:
        raise ValueError(f"kappa is {kappa}; a concentration is positive")


def _sample_gamma(shape: float, count: int, generator: torch.Generator) -> Tensor:
    """Gamma(shape, 1) draws for half-integer shapes: a sum of squared normals, Gamma(k/2) = chi^2_k / 2."""
    degrees = round(2 * shape)
    normal = torch.randn(count, degrees, generator=generator, dtype=torch.float64, device=generator.device)
    return normal.square().sum(dim=1) / 2

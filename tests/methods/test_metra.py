"""METRA's reward, constraint and inputs by hand, and a point that is spread along its latents."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rgsd.envs.observation import ObservationLayout, observe
from rgsd.learning import distributed
from rgsd.learning.rollout import Rollout
from rgsd.methods.metra import Metra, MetraConfig, extra_size
from rgsd.methods.registry import METHODS, pretrained_encoder
from rgsd.motions.library import MotionLibrary
from rgsd.skills.contrastive import ContrastiveConfig
from rgsd.skills.encoder import EncoderConfig
from rgsd.skills.phi import MetricEncoder

MakeRollout = Callable[..., Rollout]
MASK = EncoderConfig(latent_dim=2, hidden=(32,), kinds=("linear_velocity",), bodies=("torso",))


def make(library: MotionLibrary, **settings: Any) -> Metra:
    torch.manual_seed(0)
    config = MetraConfig(MASK, **settings)
    phi = MetricEncoder(MASK, ObservationLayout(library.body), extra_size(config))
    return Metra(library, phi, config, seed=0)


class Plane(nn.Module):
    """A phi that is the first two observation entries; its parameter changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.nothing = nn.Parameter(torch.zeros(()))

    def forward(self, observation: Tensor, extra: Tensor) -> Tensor:
        return observation[..., :2] + 0.0 * self.nothing


@pytest.fixture
def rollout(make_rollout: MakeRollout) -> Rollout:
    """Two steps of two environments: (0.3, 0.4) along x, (0, 2) along y, (1, 0) against x, and a fall."""
    here = torch.zeros(2, 2, 2)
    there = torch.tensor([[[0.3, 0.4], [0.0, 2.0]], [[1.0, 0.0], [9.0, 9.0]]])
    z = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[-1.0, 0.0], [1.0, 0.0]]])
    fall = torch.tensor([[False, False], [False, True]])
    return make_rollout(2, 2, observation=here, next_observation=there, z=z, terminated=fall)


def on_a_plane(library: MotionLibrary, **settings: Any) -> Metra:
    method = make(library, samples_per_update=100, batch=3, replay=0, learning_rate=0.0, **settings)
    method.phi = Plane()  # pyright: ignore[reportAttributeAccessIssue]
    return method


def test_the_reward_is_scaled_and_not_centred(rollout: Rollout, tiny_library: MotionLibrary) -> None:
    method = on_a_plane(tiny_library)
    raw = np.array([[0.3, 2.0], [-1.0, 0.0]])  # the step into the fall earns nothing
    np.testing.assert_allclose(method.rewards(rollout), raw, atol=1e-6)  # as it is until a scale is known
    method.update(rollout)
    np.testing.assert_allclose(method.rewards(rollout), raw / raw.std(ddof=1), atol=1e-6)
    method.update(rollout)  # the same deviation once more
    np.testing.assert_allclose(method.rewards(rollout), raw / raw.std(ddof=1), atol=1e-6)


def test_the_constraint_by_hand(rollout: Rollout, tiny_library: MotionLibrary) -> None:
    method = on_a_plane(tiny_library, initial_lambda=2.0, slack=0.1, dual_learning_rate=0.01)
    metrics = method.update(rollout)
    # of the three steps that did not end in a fall: gains 0.3, 2, -1; lengths 0.5, 2, 1
    # min(0.1, 1 - |d|^2): 0.1, -3, 0
    assert metrics["Encoder/loss"] == pytest.approx(-1.3 / 3 - 2.0 * (-2.9 / 3), abs=1e-5)
    assert metrics["Metra/step_length"] == pytest.approx(3.5 / 3, abs=1e-6)
    assert metrics["Metra/violations"] == pytest.approx(1 / 3)
    assert metrics["Discovery/alignment"] == pytest.approx((0.3 / 0.5 + 1.0 - 1.0) / 3, abs=1e-6)
    # the constraint is violated, so lambda grows; Adam's first step is the rate
    assert metrics["Metra/lambda"] == pytest.approx(2.0 * math.exp(0.01), rel=1e-4)


def test_lambda_shrinks_where_there_is_room(rollout: Rollout, tiny_library: MotionLibrary) -> None:
    method = on_a_plane(tiny_library, initial_lambda=2.0, dual_learning_rate=0.01)
    rollout.next_observation = rollout.next_observation * 0.1
    assert method.update(rollout)["Metra/lambda"] == pytest.approx(2.0 * math.exp(-0.01), rel=1e-4)


def test_lambda_goes_by_how_much_room_there_is(rollout: Rollout, tiny_library: MotionLibrary) -> None:
    method = on_a_plane(tiny_library, initial_lambda=2.0, slack=0.1, dual_learning_rate=0.01)
    method.update(rollout)  # min(0.1, 1 - |d|^2) of lengths 0.5, 2, 1: 0.1, -3, 0
    rollout.next_observation = rollout.next_observation * 0.1
    metrics = method.update(rollout)  # 0.1 of all three
    # Adam's second step of log lambda, whose gradient is the mean room; the first was its rate, upwards
    first, second = -2.9 / 3, 0.1
    mean = (0.09 * first + 0.1 * second) / (1 - 0.9**2)
    square = (0.999e-3 * first**2 + 1e-3 * second**2) / (1 - 0.999**2)
    assert metrics["Metra/lambda"] == pytest.approx(2.0 * math.exp(0.01 - 0.01 * mean / math.sqrt(square)), rel=1e-5)


def test_metrics_are_means_over_the_steps(rollout: Rollout, tiny_library: MotionLibrary) -> None:
    method = make(tiny_library, samples_per_update=1, batch=3, replay=0, learning_rate=0.0)
    method.phi = Plane()  # pyright: ignore[reportAttributeAccessIssue]
    # four steps, each of the three pairs of lengths 0.5, 2 and 1
    assert method.update(rollout)["Metra/step_length"] == pytest.approx(3.5 / 3, abs=1e-6)


def test_further_inputs_are_place_and_time(make_rollout: MakeRollout, tiny_library: MotionLibrary) -> None:
    method = make(tiny_library, extra=("time", "position"))
    size = ObservationLayout(tiny_library.body).size
    rollout = make_rollout(
        1,
        1,
        observation=torch.zeros(1, 1, size),
        root=torch.tensor([[[1.0, 2.0]]]),
        next_root=torch.tensor([[[3.0, 4.0]]]),
        elapsed=torch.tensor([[5]]),
        z=torch.tensor([[[1.0, 0.0]]]),
    )
    here, there = method._states(rollout)
    np.testing.assert_allclose(here[1][0, 0], [0.1, 1.0, 2.0], atol=1e-6)  # 5 steps at 50 Hz
    np.testing.assert_allclose(there[1][0, 0], [0.12, 3.0, 4.0], atol=1e-6)
    assert extra_size(method.config) == 3
    assert float(method.rewards(rollout)) != 0  # though the local state has not changed
    assert float(make(tiny_library).rewards(rollout)) == 0


def test_a_grounded_phi_begins_as_the_pretrained_encoder(tiny_library: MotionLibrary) -> None:
    config = MetraConfig(MASK, extra=("position",), grounded=True, contrastive=ContrastiveConfig(steps=5, batch=32))
    method = METHODS["metra"].build(tiny_library, config, 0)
    loose = METHODS["metra"].build(tiny_library, MetraConfig(MASK, extra=("position",)), 0)
    assert isinstance(method, Metra)
    assert isinstance(loose, Metra)
    encoder = pretrained_encoder(tiny_library, config, 0)
    states = observe(tiny_library.states)
    elsewhere = torch.randn(len(states), 2)
    for far in (torch.zeros(len(states), 2), elsewhere):  # where it is goes unheard at first
        mu = nn.functional.normalize(method.phi(states, far), dim=-1)
        torch.testing.assert_close(mu, encoder(states))
    assert not torch.allclose(loose.phi(states, elsewhere), loose.phi(states, torch.zeros_like(elsewhere)))


def test_a_crossing_is_told_when_its_episode_ends(make_rollout: MakeRollout, tiny_library: MotionLibrary) -> None:
    method = on_a_plane(tiny_library)
    z = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])

    def rollout(x: list[list[float]], elapsed: list[list[int]], **ends: list[list[bool]]) -> Rollout:
        """Three environments that go along the diagonal; step t leads from x[t] to x[t + 1]."""
        place = torch.tensor(x).unsqueeze(-1).expand(-1, -1, 2)
        flags = {name: torch.tensor(flag) for name, flag in ends.items()}
        return make_rollout(
            2, 3, observation=place[:-1], next_observation=place[1:], z=z.expand(2, -1, -1),
            elapsed=torch.tensor(elapsed), **flags,
        )  # fmt: skip

    none = [[False] * 3] * 2
    first = rollout([[1, 5, 0], [2, 6, 0], [3, 7, 0.0]], [[0, 0, 0], [1, 1, 1]], truncated=none, terminated=none)
    assert "Metra/crossing" not in method.update(first)
    # environment 0 comes from 1 to 5 by its time limit; environment 1 from 5, and falls on its way from 8 to 100: 3
    # until then; environment 2 begins anew at its second step and has not ended
    second = rollout(
        [[3, 7, 0], [4, 8, 9], [5, 100, 9.5]],
        [[2, 2, 2], [3, 3, 0]],
        truncated=[[False, False, True], [True, False, False]],
        terminated=[[False, False, False], [False, True, False]],
    )
    # in order of their ends: environment 2 from 0 to what its first step led to, 9; then 4 and 3
    assert method._crossings(second).tolist() == [9.0, 4.0, 3.0]
    assert [float(part[2, 0]) for part in method._starts[:1]] == [9.0]


def test_drift_is_the_turn_of_the_directions(tiny_library: MotionLibrary) -> None:
    method = make(tiny_library)
    assert method.drift() == pytest.approx(0.0, abs=1e-6)
    last = method.phi.network[-1]
    with torch.no_grad():  # every direction reversed: cosine -1
        last.weight.neg_()  # pyright: ignore[reportCallIssue]
        last.bias.neg_()  # pyright: ignore[reportCallIssue]
    assert method.drift() == pytest.approx(2.0, abs=1e-6)


def test_state_goes_on_to_the_bit(rollout: Rollout, tiny_library: MotionLibrary) -> None:
    size = ObservationLayout(tiny_library.body).size
    rollout.observation, rollout.next_observation = torch.randn(2, 2, 2, size).unbind(0)
    method, other = make(tiny_library), make(tiny_library, initial_lambda=3.0)
    method.update(rollout)
    other.load_state_dict(copy.deepcopy(method.state_dict()))
    assert torch.equal(other.rewards(rollout), method.rewards(rollout))
    assert other.update(rollout) == method.update(rollout)


def test_a_point_is_spread_along_its_latents(point_world: Callable[..., Any], crossing: MotionLibrary) -> None:
    world = point_world(make(crossing, dual_learning_rate=0.02, learning_rate=3e-3, samples_per_update=64))
    angles = torch.arange(8) * math.pi / 4
    z = torch.stack((angles.cos(), angles.sin()), dim=1)
    metrics = world.train(60)
    ends = world.ends(z)
    # 12 steps of at most 0.1 an axis: the optimum goes 1.2 along at least one of them
    assert float(ends.norm(dim=1).min()) > 0.8
    # opposite latents lead to opposite places, and eight of them to eight (0.36 to 0.98 apart in seven draws)
    cosine = nn.functional.cosine_similarity(ends, ends.roll(4, dims=0), dim=1)
    assert float(cosine.max()) < -0.8
    assert float(torch.pdist(ends).min()) > 0.25
    assert metrics["Discovery/alignment"] > 0.8
    assert metrics["Metra/step_length"] < 1.2


def test_steps_are_in_proportion_to_the_samples_and_half_of_a_batch_is_replayed(
    make_rollout: MakeRollout, tiny_library: MotionLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = make(tiny_library)  # a step per 32 samples, of 256 pairs
    size = ObservationLayout(tiny_library.body).size
    seen: list[torch.Tensor] = []
    step = method._step
    monkeypatch.setattr(method, "_step", lambda *rows: seen.append(rows[4]) or step(*rows))

    def rollout(sign: float) -> Rollout:
        """20 steps of 48 environments, whose latent says which rollout they are of."""
        here, there = torch.randn(2, 20, 48, size, generator=torch.Generator().manual_seed(1)).unbind(0)
        z = torch.tensor([sign, 0.0]).expand(20, 48, 2)
        return make_rollout(20, 48, observation=here, next_observation=there, z=z)

    method.update(rollout(1.0))
    assert len(seen) == 20 * 48 // 32
    assert {(len(z), float(z[:, 0].mean())) for z in seen} == {(256, 1.0)}
    seen.clear()
    method.update(rollout(-1.0))
    assert len(seen) == 30
    assert {(len(z), float(z[:, 0].mean())) for z in seen} == {(256, 0.0)}  # as many of now as of then
    # with a second process there are steps for its samples, too, and it takes half of each batch
    monkeypatch.setattr(distributed, "size", lambda: 2)
    seen.clear()
    method.update(rollout(1.0))
    assert [len(z) for z in seen] == [128] * 60

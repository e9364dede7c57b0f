"""LGSD's pairs, bound and reward by hand, and a point whose place is told in words."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rgsd.cli.main import main
from rgsd.envs.observation import ObservationLayout
from rgsd.errors import UsageError
from rgsd.language import embedding
from rgsd.language.describer import Descriptions
from rgsd.language.distance import LanguageDistance
from rgsd.learning.rollout import Rollout
from rgsd.methods.lgsd import Lgsd, LgsdConfig
from rgsd.methods.registry import METHODS
from rgsd.motions.library import MotionLibrary
from rgsd.skills.encoder import EncoderConfig
from rgsd.skills.phi import MetricEncoder

MakeRollout = Callable[..., Rollout]
MASK = EncoderConfig(latent_dim=2, hidden=(32,), kinds=("linear_velocity",), bodies=("torso",))


class Grid:
    """A describer that names the cell of a grid in which two entries of an observation lie, a text for each."""

    def __init__(self, entries: Sequence[int], cell: float) -> None:
        self._entries, self._cell = list(entries), cell

    def describe(self, observation: Tensor) -> Descriptions:
        cells = (observation[:, self._entries] / self._cell).round().long()
        distinct, said = cells.unique(return_inverse=True)
        return Descriptions([f"cell {number}" for number in distinct.tolist()], said)

    def metrics(self) -> dict[str, float]:
        return {}

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass


class Ruler:
    """An encoder whose vectors turn by 0.1 rad a cell."""

    def encode(self, texts: Sequence[str]) -> Tensor:
        angles = torch.tensor([0.1 * float(text.split()[1]) for text in texts])
        return torch.stack((angles.cos(), angles.sin()), dim=1)


class Plane(nn.Module):
    """A phi that is the first two observation entries; its parameter changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.nothing = nn.Parameter(torch.zeros(()))

    def forward(self, observation: Tensor, extra: Tensor) -> Tensor:
        return observation[..., :2] + 0.0 * self.nothing


def make(library: MotionLibrary, cell: float = 1.0, entries: Sequence[int] = (0, 1), **settings: Any) -> Lgsd:
    torch.manual_seed(0)
    phi = MetricEncoder(MASK, ObservationLayout(library.body))
    return Lgsd(library, phi, LanguageDistance(Grid(entries, cell), Ruler()), LgsdConfig(MASK, **settings), seed=0)


def on_a_plane(library: MotionLibrary, **settings: Any) -> Lgsd:
    """Pairs are exactly two control steps of 20 ms apart."""
    method = make(
        library,
        samples_per_update=100,
        batch=3,
        replay=0,
        learning_rate=0.0,
        shortest_gap=0.04,
        longest_gap=0.04,
        **settings,
    )
    method.phi = Plane()  # pyright: ignore[reportAttributeAccessIssue]
    return method


def rollout(make_rollout: MakeRollout, x: list[list[float]], elapsed: list[list[int]], fell: bool = False) -> Rollout:
    """Environments that go along x under z = (1, 0); `x` are their places after each step."""
    steps, num_envs = len(x), len(x[0])
    after = torch.zeros(steps, num_envs, 2)
    after[..., 0] = torch.tensor(x)
    fall = torch.zeros(steps, num_envs, dtype=torch.bool)
    fall[-1, -1] = fell
    before = torch.cat((torch.zeros(1, num_envs, 2), after[:-1]))
    z = torch.tensor([1.0, 0.0]).expand(steps, num_envs, 2)
    return make_rollout(
        steps, num_envs, observation=before, next_observation=after, z=z, elapsed=torch.tensor(elapsed), terminated=fall
    )


def chord(cells: float) -> float:
    """Of two facts one is the same, the other turns by 0.1 rad a cell: sqrt(((2 sin(angle / 2))^2 + 0) / 2)."""
    return math.sqrt(2) * math.sin(0.05 * cells)


def test_pairs_lie_a_gap_apart_within_an_episode(make_rollout: MakeRollout, tiny_library: MotionLibrary) -> None:
    method = on_a_plane(tiny_library)
    first = rollout(make_rollout, [[1.0, 1.0], [3.0, 2.0]], [[0, 0], [1, 1]])
    pairs = method._pairs(first)
    assert not pairs.usable.any()  # two states after steps: one step apart
    second = rollout(make_rollout, [[6.0, 5.0], [10.0, 9.0], [0.0, 20.0]], [[2, 2], [3, 0], [4, 1]], fell=True)
    pairs = method._pairs(second)
    # the first environment's steps reach back from 6 to 1, 10 to 3, 0 to 6; the second's only from 5 to 1 before it
    # began anew
    assert pairs.usable.tolist() == [True, True, True, False, True, False]
    x, y = pairs.x[0][pairs.usable, 0], pairs.y[0][pairs.usable, 0]
    assert list(zip(x.tolist(), y.tolist(), strict=True)) == [(1, 6), (1, 5), (3, 10), (6, 0)]
    expected = [chord(5), chord(4), chord(7), chord(6)]
    torch.testing.assert_close(pairs.bound[pairs.usable], torch.tensor(expected))


def test_a_fall_ends_no_pair(make_rollout: MakeRollout, tiny_library: MotionLibrary) -> None:
    method = on_a_plane(tiny_library)
    pairs = method._pairs(rollout(make_rollout, [[1.0], [2.0], [3.0], [9.0]], [[0], [1], [2], [3]], fell=True))
    assert pairs.usable.tolist() == [False, False, True, False]


def test_gaps_are_drawn_between_their_bounds(make_rollout: MakeRollout, tiny_library: MotionLibrary) -> None:
    method = make(tiny_library, shortest_gap=0.04, longest_gap=0.08)  # 2 to 4 steps
    places = [[float(t)] * 500 for t in range(8)]
    pairs = method._pairs(rollout(make_rollout, places, [[t] * 500 for t in range(8)]))
    gaps = (pairs.y[0] - pairs.x[0])[pairs.usable, 0]
    assert set(gaps.tolist()) == {2.0, 3.0, 4.0}
    last = (pairs.y[0][:, 0] == 7) & pairs.usable
    counts = np.bincount((pairs.y[0] - pairs.x[0])[last, 0].long().numpy(), minlength=5)[2:]
    np.testing.assert_allclose(counts / 500, 1 / 3, atol=0.07)


def test_the_constraint_by_hand(make_rollout: MakeRollout, tiny_library: MotionLibrary) -> None:
    method = on_a_plane(tiny_library, cell=0.01, initial_lambda=2.0, slack=0.1, dual_learning_rate=0.01)
    # from 0.01 to 0.06: |dphi| = 0.05, d_lang = sqrt(2) sin(0.25) = 0.350; from 0.02 to 0.52: |dphi| = 0.5,
    # d_lang = sqrt(2) sin(2.5) = 0.846; from 0.06 to 0.0625: |dphi| = 0.0025 within a cell, d_lang = 0
    ways = rollout(
        make_rollout, [[0.01, 0.02, 0.06], [0.0, 0.0, 0.0], [0.06, 0.52, 0.0625]], [[t] * 3 for t in range(3)]
    )
    metrics = method.update(ways)
    steps, bounds = (0.05, 0.5, 0.0025), (chord(5), chord(50), 0.0)
    room = sum(min(0.1, d**2 - step**2) for d, step in zip(bounds, steps, strict=True)) / 3
    assert metrics["Encoder/loss"] == pytest.approx(-sum(steps) / 3 - 2.0 * room, abs=1e-5)
    assert metrics["Metra/step_length"] == pytest.approx(sum(steps) / 3, abs=1e-6)
    assert metrics["Metra/violations"] == pytest.approx(1 / 3)  # the last
    assert metrics["Metra/lambda"] == pytest.approx(2.0 * math.exp(-0.01), rel=1e-4)  # there is room on the whole
    assert metrics["Language/distance"] == pytest.approx(sum(bounds) / 3, abs=1e-5)
    assert metrics["Language/same_words"] == pytest.approx(1 / 3)
    # the reward is METRA's: of every step, 0.01, -0.01 and 0.06 for the first environment
    raw = np.array([[0.01, 0.02, 0.06], [-0.01, -0.02, -0.06], [0.06, 0.52, 0.0625]])
    np.testing.assert_allclose(method.rewards(ways), raw / raw.std(ddof=1), rtol=1e-4)


def test_without_a_pair_nothing_is_learned_nor_said(make_rollout: MakeRollout, tiny_library: MotionLibrary) -> None:
    method = on_a_plane(tiny_library, initial_lambda=2.0)
    metrics = method.update(rollout(make_rollout, [[1.0]], [[0]]))
    assert "Encoder/loss" not in metrics
    assert metrics["Metra/lambda"] == pytest.approx(2.0)
    assert metrics["Language/texts"] == 0


@pytest.mark.parametrize(("shortest", "longest"), [(0.0, 0.5), (0.5, 0.2)])
def test_gaps_that_cannot_be_are_refused(tiny_library: MotionLibrary, shortest: float, longest: float) -> None:
    with pytest.raises(UsageError, match=r"settings\.shortest_gap"):
        make(tiny_library, shortest_gap=shortest, longest_gap=longest)


def test_without_the_extra_nothing_is_begun(tiny_library: MotionLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "_PACKAGES", ("sentence_transformers_of_another_world",))
    with pytest.raises(UsageError, match=r"pip install 'rgsd\[language\]'"):
        METHODS["lgsd"].build(tiny_library, LgsdConfig(MASK), 0)


def test_a_point_is_spread_along_its_latents(point_world: Callable[..., Any], crossing: MotionLibrary) -> None:
    entries = ObservationLayout(crossing.body).indices(("linear_velocity",), ("torso",))[:2]
    # cells of 0.05: the plane of 1.2 either way is told in some fifty words an axis
    method = make(
        crossing,
        0.05,
        entries,
        dual_learning_rate=0.02,
        learning_rate=3e-3,
        shortest_gap=0.04,
        longest_gap=0.1,
        samples_per_update=64,
    )
    world = point_world(method)
    angles = torch.arange(8) * math.pi / 4
    z = torch.stack((angles.cos(), angles.sin()), dim=1)
    metrics = world.train(60)
    ends = world.ends(z)
    assert float(ends.norm(dim=1).min()) > 0.8
    cosine = nn.functional.cosine_similarity(ends, ends.roll(4, dims=0), dim=1)
    assert float(cosine.max()) < -0.8
    assert metrics["Discovery/alignment"] > 0.7
    assert metrics["Metra/step_length"] < 1.2 * metrics["Language/distance"]


def test_the_command_trains_it_and_goes_on(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """A few iterations on the quadruped by the rules' words, with the real encoder where it is installed."""
    if not embedding.is_installed():
        request.getfixturevalue("bag_of_words")
    options = [
        "--num-envs", "4", "--trainer.horizon", "16", "--settings.encoder.hidden", "8", "--steps", "128",
        "--settings.longest-gap", "0.3", "--network.actor-hidden", "8", "--network.critic-hidden", "8",
    ]  # fmt: skip
    run = tmp_path / "run"
    assert main(["train", "lgsd", "--out", str(run), *options]) == 0
    assert main(["train", "lgsd", "--resume", str(run), "--steps", "192"]) == 0
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [row["samples"] for row in rows] == [64, 128, 192]
    assert 0 < rows[-1]["Language/distance"] < 2
    assert rows[-1]["Language/texts"] == 154

"""InfoNCE by hand, and pretraining on a library small enough to see through."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from rgsd.envs.observation import ObservationLayout, observe
from rgsd.motions.library import MotionLibrary
from rgsd.skills import contrastive
from rgsd.skills.contrastive import ContrastiveConfig, clip_directions, embed_frames, info_nce, pretrain, spread
from rgsd.skills.encoder import Encoder, EncoderConfig


def make_encoder(library: MotionLibrary) -> Encoder:
    torch.manual_seed(0)
    return Encoder(EncoderConfig(latent_dim=4, hidden=(32,)), ObservationLayout(library.body))


def test_info_nce_by_hand() -> None:
    anchor = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    positive = torch.tensor([[0.6, 0.8], [0.0, 1.0]])
    negative = torch.tensor([[-1.0, 0.0], [0.0, -1.0], [0.8, 0.6]])
    allowed = torch.tensor([[True, False, False], [True, True, True]])
    # kappa 2. First anchor: e^1.2 against e^-2. Second: e^2 against e^0, e^-2, e^1.2
    first = -math.log(math.exp(1.2) / (math.exp(1.2) + math.exp(-2)))
    second = -math.log(math.exp(2) / (math.exp(2) + 1 + math.exp(-2) + math.exp(1.2)))
    loss = info_nce(anchor, positive, negative, allowed, kappa=2.0)
    assert float(loss) == pytest.approx((first + second) / 2, abs=1e-6)


def test_an_anchor_without_negatives_costs_nothing() -> None:
    z = torch.tensor([[1.0, 0.0]])
    assert float(info_nce(z, z, -z, torch.tensor([[False]]), 10.0)) == pytest.approx(0)


def test_negatives_are_states_of_other_motions(tiny_library: MotionLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    clips: list[Tensor] = []
    masks: list[Tensor] = []
    sample = tiny_library.sample

    def record_clips(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        drawn = sample(*args, **kwargs)
        clips.append(drawn[0])
        return drawn

    def record_mask(anchor: Tensor, positive: Tensor, negative: Tensor, allowed: Tensor, kappa: float) -> Tensor:
        masks.append(allowed)
        assert kappa == 7.0  # 1/T
        return info_nce(anchor, positive, negative, allowed, kappa)

    monkeypatch.setattr(tiny_library, "sample", record_clips)
    monkeypatch.setattr(contrastive, "info_nce", record_mask)
    pretrain(make_encoder(tiny_library), tiny_library, ContrastiveConfig(kappa=7.0, steps=2, batch=64))
    for clip, allowed in zip(clips, masks, strict=True):
        assert torch.equal(allowed, clip.unsqueeze(1) != clip.unsqueeze(0))


def test_pretraining_tells_motions_apart(tiny_library: MotionLibrary) -> None:
    encoder = make_encoder(tiny_library)
    before = spread(encoder, tiny_library)
    reports: list[tuple[int, float]] = []
    config = ContrastiveConfig(steps=150, batch=128, learning_rate=3e-3)
    metrics = pretrain(encoder, tiny_library, config, progress=lambda step, loss: reports.append((step, loss)))
    assert before["between_cosine"] > 0.5  # random features of three similar poses point the same way
    assert metrics["within_cosine"] > 0.85
    assert metrics["between_cosine"] < 0.0  # three motions tend towards a regular triangle, cosine -1/2
    assert [step for step, _ in reports] == [1, 51, 101, 150]
    assert metrics["loss"] == reports[-1][1] < reports[0][1]


def test_pretraining_is_the_same_for_the_same_seed(tiny_library: MotionLibrary) -> None:
    weights = []
    for seed in (0, 0, 1):
        encoder = make_encoder(tiny_library)
        pretrain(encoder, tiny_library, ContrastiveConfig(steps=5, batch=32), seed)
        weights.append(torch.cat([p.flatten() for p in encoder.parameters()]))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_one_motion_has_no_negatives(tiny_library: MotionLibrary) -> None:
    with pytest.raises(ValueError, match="holds 1 motion; InfoNCE takes its negatives from other motions"):
        pretrain(make_encoder(tiny_library), tiny_library.select(["swing"]), ContrastiveConfig(steps=1))


def test_a_motions_direction_is_the_normalised_mean(tiny_library: MotionLibrary) -> None:
    encoder = make_encoder(tiny_library)
    mu = encoder(observe(tiny_library.states)).detach().numpy()
    directions = clip_directions(encoder, tiny_library).numpy()
    for m in range(3):
        mean = mu[51 * m : 51 * (m + 1)].mean(axis=0)
        np.testing.assert_allclose(directions[m], mean / np.linalg.norm(mean), atol=1e-6)
    frames = observe(tiny_library.states[slice(51, 102)])
    np.testing.assert_allclose(embed_frames(encoder, frames), directions[1], atol=1e-6)


def test_spread_by_hand(tiny_library: MotionLibrary) -> None:
    encoder = make_encoder(tiny_library)
    z = clip_directions(encoder, tiny_library)
    mu = encoder(observe(tiny_library.states)).detach()
    within = torch.stack([(mu[51 * m : 51 * m + 51] @ z[m]).mean() for m in range(3)]).mean()
    between = (z[0] @ z[1] + z[0] @ z[2] + z[1] @ z[2]) / 3
    metrics = spread(encoder, tiny_library)
    assert metrics["within_cosine"] == pytest.approx(float(within), abs=1e-6)
    assert metrics["between_cosine"] == pytest.approx(float(between), abs=1e-6)


def test_hard_negatives_make_a_direction_ask_for_its_speed(tiny_library: MotionLibrary) -> None:
    moving = tiny_library.clip_of_frame < 2  # the third clip holds still at its own speed, too
    cosines = {}
    for hard_negatives in ((), (0.0,)):
        encoder = make_encoder(tiny_library)
        pretrain(encoder, tiny_library, ContrastiveConfig(steps=200, batch=64, hard_negatives=hard_negatives))
        own = clip_directions(encoder, tiny_library)[tiny_library.clip_of_frame]
        for factor in (0.0, 1.0):
            with torch.no_grad():
                seen = encoder(observe(tiny_library.states.at_speed(factor)))
            cosines[hard_negatives, factor] = float((seen * own).sum(dim=-1)[moving].mean())
    assert cosines[(0.0,), 1.0] > 0.85
    assert cosines[(0.0,), 0.0] < cosines[(), 0.0] - 0.2


def test_positives_are_other_frames_of_the_clip_and_both_are_noisy(
    tiny_library: MotionLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[Tensor] = []
    seen: list[Tensor] = []
    rates: list[torch.optim.Adam] = []
    row, adam = tiny_library.row, torch.optim.Adam

    def keep_rates(*args: Any, **kwargs: Any) -> torch.optim.Adam:
        rates.append(adam(*args, **kwargs))
        return rates[-1]

    monkeypatch.setattr(tiny_library, "row", lambda clip, frame: rows.append(row(clip, frame)) or rows[-1])
    monkeypatch.setattr(torch.optim, "Adam", keep_rates)
    two = tiny_library.select(["swing", "still"])  # the fewest that there may be
    pretrain(make_encoder(two), two, ContrastiveConfig(steps=1, batch=8))
    encoder = make_encoder(tiny_library)
    encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    pretrain(encoder, tiny_library, ContrastiveConfig(steps=2, batch=2000, noise=0.5, learning_rate=1e-3))
    anchor, positive = rows[0], rows[1]
    assert torch.equal(tiny_library.clip_of_frame[anchor], tiny_library.clip_of_frame[positive])
    for frame in (anchor % 51, positive % 51):
        assert set(frame.tolist()) == set(range(51))
    assert abs(float(torch.corrcoef(torch.stack((anchor % 51, positive % 51)).double())[0, 1])) < 0.1
    # half a floor of Gaussian noise on either, in every entry: of 2,000 the deviation is known to 1.6 %
    for chosen, state in zip(rows[:2], seen[:2], strict=True):
        noise = (state - observe(tiny_library.states)[chosen]) / ObservationLayout(tiny_library.body).floors()
        np.testing.assert_allclose(noise.std(dim=0), 0.5, rtol=0.08)
        np.testing.assert_allclose(noise.mean(dim=0), 0.0, atol=0.06)
    assert rates[-1].param_groups[0]["lr"] == pytest.approx(1e-4)  # a tenth at the end of the cosine

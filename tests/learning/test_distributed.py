"""Two processes on gloo against one: the same moments, the same update, one policy that both have learned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from rgsd.errors import UsageError
from rgsd.learning import distributed
from rgsd.learning.networks import Actor, Critic, NetworkConfig, gaussian_log_prob
from rgsd.learning.normalization import RunningNormalizer, RunningScale
from rgsd.learning.ppo import Ppo, PpoConfig
from rgsd.learning.rollout import Minibatch, Rollout
from rgsd.randomness import stream_seed

MakeRollout = Callable[..., Rollout]
InTwo = Callable[[Callable[[], Any]], list[Any]]


def test_alone_everything_is_the_identity() -> None:
    value = torch.tensor([1.0, 3.0])
    assert distributed.average(value) is value
    assert (distributed.rank(), distributed.size(), distributed.is_main()) == (0, 1, True)
    assert (distributed.fewest(3), distributed.total(3), distributed.own_count(7, "--num-envs")) == (3, 3, 7)
    assert not distributed.anyone(False)
    assert distributed.own_seed(5, "env") == stream_seed(5, "env")
    assert torch.equal(distributed.own_rows(value), value)
    # mean 2; (1 + 1) / 1 unbiased, (1 + 1) / 2 of the rows
    assert [float(x) for x in distributed.mean_and_deviation(value)] == pytest.approx([2.0, 2.0**0.5])
    assert [float(x) for x in distributed.moments(value)] == [2.0, 2.0, 1.0]
    assert float(distributed.mean_and_deviation(value[:1])[1]) == 0.0
    with distributed.joined("cpu") as device:
        assert device == torch.device("cpu")


def test_a_gpu_that_is_not_there_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match=r"--device cuda: .* finds no GPU .* `rgsd doctor` .* --device cpu"):
        distributed.own_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert distributed.own_device("cuda") == torch.device("cuda", 1)
    with distributed.joined("cuda") as device:
        assert (device, torch.get_float32_matmul_precision()) == (torch.device("cuda", 1), "high")
    assert torch.get_float32_matmul_precision() == "highest"  # TF32 does not outlive the training
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(UsageError, match="process 2 of this host has no GPU; torchrun --nproc-per-node 2"):
        distributed.own_device("cuda")


def test_restarts_that_cannot_work_are_refused_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"RUN_ID": "a", "USE_AGENT_STORE": "True", "MAX_RESTARTS": "3"}
    for name, value in given.items():
        monkeypatch.setenv(f"TORCHELASTIC_{name}", value)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="export TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 before torchrun"):
        distributed.joined("cpu").__enter__()


def test_what_two_processes_agree_on(in_two_processes: InTwo) -> None:
    def look() -> dict[str, Any]:
        rank = distributed.rank()
        metrics = {"both": 1.0 + rank} | ({"one": 5.0} if rank else {})
        with pytest.raises(UsageError, match="--num-envs 7: cannot be shared out evenly among 2 processes"):
            distributed.own_count(7, "--num-envs")
        return {
            "metrics": distributed.average_metrics(metrics),
            "fewest": distributed.fewest(3 + rank),
            "total": distributed.total(3 + rank),
            "anyone": [distributed.anyone(rank == 1), distributed.anyone(False)],
            "average": distributed.average(torch.tensor([2.0 * rank, 1.0])).tolist(),
            "fraction": distributed.own_count(8, "--num-envs"),
            "rows": distributed.own_rows(torch.arange(5)).tolist(),
            "seed": distributed.own_seed(5, "env"),
        }

    first, second = in_two_processes(look)
    assert (first.pop("rows"), second.pop("rows")) == ([0, 2, 4], [1, 3])
    assert (first.pop("seed"), second.pop("seed")) == (stream_seed(5, "env"), stream_seed(5, "env/1"))
    assert first == second
    assert first == {
        "metrics": {"both": 1.5, "one": 5.0},
        "fewest": 3,
        "total": 7,
        "anyone": [True, False],
        "average": [1.0, 1.0],
        "fraction": 4,
    }


def test_moments_are_those_of_everything_seen(in_two_processes: InTwo) -> None:
    generator = torch.Generator().manual_seed(0)
    data = 3 + 2 * torch.randn(50, 3, generator=generator)
    parts = [(data[:20], data[20:45]), (data[45:], data[:0])]  # uneven, and then one of them has nothing

    def see() -> dict[str, Any]:
        normalizer, scale = RunningNormalizer(3), RunningScale(torch.device("cpu"))
        for part in parts:
            normalizer.update(part[distributed.rank()])
        scale.update(parts[0][distributed.rank()])
        lone = torch.ones(1 - distributed.rank())
        return {
            **normalizer.state_dict(),
            "scale": scale.value,
            "lone": torch.stack(distributed.mean_and_deviation(lone)),
        }

    first, second = in_two_processes(see)
    assert float(first["count"]) == 50
    torch.testing.assert_close(first["mean"], data.mean(dim=0))
    torch.testing.assert_close(first["variance"], data.var(dim=0, unbiased=False))
    torch.testing.assert_close(first["scale"], data[:45].std())
    assert first["lone"].tolist() == [1.0, 0.0]
    assert all(torch.equal(first[name], second[name]) for name in first)


NETWORK = NetworkConfig(actor_hidden=(16,), critic_hidden=(16,), noise=0.1, learn_noise=True)


def recorded(make_rollout: MakeRollout) -> tuple[Rollout, Tensor]:
    """Six steps of eight environments with all that PPO looks at, unevenly over the environments; and rewards (6,
    8)."""
    generator = torch.Generator().manual_seed(0)
    wide = {
        name: torch.randn(6, 8, size, generator=generator)
        for name, size in (("observation", 1), ("privileged", 1), ("z", 1), ("mean", 2))
    }
    wide["mean"] *= 0.01
    wide["action"] = wide["mean"] + 0.1 * torch.randn(6, 8, 2, generator=generator)
    flags = {
        "imitation": (torch.arange(8) < 3).expand(6, 8),  # two of the even environments, one of the odd ones
        "terminated": torch.rand(6, 8, generator=generator) < 0.2,
    }
    log_prob = gaussian_log_prob(wide["action"], wide["mean"], torch.tensor(0.1))
    return make_rollout(6, 8, log_prob=log_prob, **wide, **flags), torch.randn(6, 8, generator=generator)


def learn_from(rollout: Rollout, rewards: Tensor) -> dict[str, Any]:
    """Two epochs of PPO with clipped gradients and an adaptive rate."""
    torch.manual_seed(0)
    actor, critic = Actor(1, 1, torch.ones(2), NETWORK), Critic(1, 1, 1, NETWORK)

    def extra(_: Minibatch, mean: Tensor) -> Tensor:
        return mean.square().mean()

    ppo = Ppo(
        actor,
        critic,
        PpoConfig(learning_rate=1e-3, epochs=2, minibatches=1, max_gradient_norm=0.1),
        extra_losses=[extra],
    )
    metrics = ppo.update(rollout, rewards)
    weights = torch.cat([p.detach().flatten() for network in (actor, critic) for p in network.parameters()])
    return {"weights": weights, "kl": metrics["Policy/kl"], "rate": ppo.learning_rate}


def test_an_update_of_two_on_one_recorded_batch_is_that_of_one(
    make_rollout: MakeRollout, in_two_processes: InTwo
) -> None:
    rollout, rewards = recorded(make_rollout)

    def learn_from_half() -> dict[str, Any]:
        own = slice(distributed.rank(), None, 2)
        half = Rollout(**{f.name: getattr(rollout, f.name)[:, own] for f in fields(Rollout)})
        return learn_from(half, rewards[:, own])

    first, second = in_two_processes(learn_from_half)
    alone = learn_from(rollout, rewards)
    assert torch.equal(first["weights"], second["weights"])
    # Adam divides by the gradient's size: of 1e-3 a step, rounding of the sums is all that may differ
    torch.testing.assert_close(first["weights"], alone["weights"], rtol=0, atol=2e-6)
    assert (first["kl"], first["rate"]) == pytest.approx((alone["kl"], alone["rate"]), rel=1e-4)
    # the halves alone lead elsewhere, by far more than that
    apart = learn_from(Rollout(**{f.name: getattr(rollout, f.name)[:, ::2] for f in fields(Rollout)}), rewards[:, ::2])
    assert float((apart["weights"] - alone["weights"]).abs().max()) > 1e-4


def test_each_learns_what_the_other_has_seen(make_rollout: MakeRollout, in_two_processes: InTwo) -> None:
    """The best action depends on the latent, and each process only ever meets one latent."""
    network = NetworkConfig(actor_hidden=(32,), critic_hidden=(32,), noise=0.1, privileged_critic=False)

    def learn() -> list[list[float]]:
        torch.manual_seed(0)
        actor, critic = Actor(1, 1, torch.ones(2), network), Critic(1, 1, 1, network)
        ppo = Ppo(actor, critic, PpoConfig(learning_rate=3e-3, epochs=4, minibatches=1, kl_per_action=0.01))
        generator = torch.Generator().manual_seed(distributed.rank())
        z = torch.full((1, 128, 1), 1.0 - 2.0 * distributed.rank())
        best = torch.cat((0.4 * z, -0.2 - 0.2 * z), dim=-1)
        for _ in range(80):
            observation, std = torch.zeros(1, 128, 1), actor.std.detach()
            mean = actor(observation, z).detach()
            action = mean + std * torch.randn(mean.shape, generator=generator)
            done = torch.ones(1, 128, dtype=torch.bool)
            density = gaussian_log_prob(action, mean, std)
            rollout = make_rollout(
                1, 128, observation=observation, z=z, mean=mean, action=action, log_prob=density, terminated=done
            )
            ppo.update(rollout, -(action - best).square().sum(dim=-1))
        return actor(torch.zeros(2, 1), torch.tensor([[1.0], [-1.0]])).tolist()

    first, second = in_two_processes(learn)
    assert first == second
    np.testing.assert_allclose(first, [[0.4, -0.4], [-0.4, 0.0]], atol=0.05)

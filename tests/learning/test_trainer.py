"""Training on the tiny body: its files, its ends, and that going on equals never having stopped."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from rgsd.envs.skill_env import EnvConfig, SkillEnv
from rgsd.learning import distributed
from rgsd.learning.checkpoint import CheckpointError
from rgsd.learning.method import Method
from rgsd.learning.networks import NetworkConfig
from rgsd.learning.ppo import PpoConfig
from rgsd.learning.trainer import Trainer, TrainerConfig
from rgsd.learning.warm_start import WarmStartConfig
from rgsd.methods.ase import AseConfig
from rgsd.methods.baseline import Baseline
from rgsd.methods.calm import CalmConfig
from rgsd.methods.diayn import DiaynConfig
from rgsd.methods.lgsd import LgsdConfig
from rgsd.methods.metra import MetraConfig
from rgsd.methods.registry import METHODS
from rgsd.methods.rgsd import Rgsd, RgsdConfig
from rgsd.methods.tracker import TrackerConfig
from rgsd.motions.library import MotionLibrary
from rgsd.physics.mujoco_cpu import MujocoCpu
from rgsd.skills.contrastive import ContrastiveConfig
from rgsd.skills.encoder import EncoderConfig
from rgsd.skills.window_networks import DiscriminatorConfig

CLOCKWORK = ("seconds", "Perf/steps_per_s", "Perf/collection_fraction")
"""Metrics that no two runs share."""
SMALL = EncoderConfig(latent_dim=3, hidden=(16,))
TAUGHT = ("rgsd", "tracker")
DISCRIMINATOR = DiscriminatorConfig(hidden=(8,), window=3, updates=2, batch_fraction=0.25)
SETTINGS = {
    "rgsd": RgsdConfig(SMALL, ContrastiveConfig(steps=3, batch=32)),
    "tracker": TrackerConfig(),
    "diayn": DiaynConfig(SMALL, rsi=0.5),
    "metra": MetraConfig(SMALL, extra=("position", "time")),
    "lgsd": LgsdConfig(SMALL, shortest_gap=0.04, longest_gap=0.1),
    "ase": AseConfig(SMALL, DISCRIMINATOR, longest_skill=5),
    "calm": CalmConfig(SMALL, motion_seconds=0.4, motion_frames=4, discriminator=DISCRIMINATOR, shortest_skill=2),
}


def make(library: MotionLibrary, folder: Path, method: str = "rgsd", seed: int = 0, **config: Any) -> Trainer:
    """8 environments, 4 steps an iteration, 2 iterations of warm start where there are clips to follow."""
    built: Method = METHODS[method].build(library, SETTINGS[method], seed)
    physics = MujocoCpu(library.body, 8, threads=1)
    episodes, first = EnvConfig(discovery_seconds=0.2, clock="elapsed"), 8 * distributed.rank()
    env = SkillEnv(library, episodes, physics=physics, seed=seed, first_env=first)
    network = NetworkConfig(actor_hidden=(16,), critic_hidden=(16,), noise=0.1, noise_steps=150)
    loop = TrainerConfig(WarmStartConfig(iterations=2 if method in TAUGHT else 0), horizon=4, **config)
    return Trainer(env, built, method, network, PpoConfig(), loop, folder, seed)


def weights(trainer: Trainer) -> torch.Tensor:
    method = trainer.method
    own = {Rgsd: "encoder", Baseline: "_networks"}
    networks = [trainer.actor, trainer.critic, *(getattr(method, n) for c, n in own.items() if isinstance(method, c))]
    state = [tensor.double().flatten() for network in networks for tensor in network.state_dict().values()]
    return torch.cat(state)


def metrics(folder: Path) -> list[dict[str, float]]:
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in row.items() if k not in CLOCKWORK} for row in rows]


def test_a_run_leaves_its_files_and_ends_at_an_iteration(tiny_library: MotionLibrary, tmp_path: Path) -> None:
    trainer = make(tiny_library, tmp_path)
    seen: list[float] = []
    assert trainer.run(steps=100, on_iteration=lambda metrics: seen.append(metrics["samples"]))
    assert seen == [32, 64, 96, 128]  # 8 environments x 4 steps each
    assert (tmp_path / "checkpoints" / "checkpoint_00000004.pt").exists()
    assert (tmp_path / "policy" / "policy.safetensors").exists()
    assert list(tmp_path.glob("events.*"))
    rows = metrics(tmp_path)
    assert [row["iteration"] for row in rows] == [1, 2, 3, 4]
    assert "Loss/clone" in rows[1]
    assert "Loss/surrogate" in rows[2]
    for key in ("Train/mean_reward", "Policy/noise_rad", "Imitation/error_cm", "Encoder/loss", "Perf/blowups"):
        assert key in rows[3], key
    assert "Perf/overflows" not in rows[3]  # C MuJoCo makes room as it needs it
    assert rows[0]["Policy/noise_rad"] == pytest.approx(0.1)
    assert rows[3]["Policy/noise_rad"] < 0.1


@pytest.mark.parametrize(
    ("method", "first"),  # after so many iterations: within the warm start, and after it
    [
        ("rgsd", 1),
        ("rgsd", 4),
        ("tracker", 1),
        ("tracker", 4),
        *((name, 4) for name in ("diayn", "metra", "lgsd", "ase", "calm")),
    ],
)
@pytest.mark.usefixtures("bag_of_words")
def test_going_on_equals_never_having_stopped(
    tiny_library: MotionLibrary, tmp_path: Path, method: str, first: int
) -> None:
    whole = make(tiny_library, tmp_path / "whole", method)
    whole.run(steps=7 * 32)
    make(tiny_library, tmp_path / "parts", method).run(steps=first * 32)
    torch.manual_seed(99)  # whatever else the new process has drawn
    resumed = make(tiny_library, tmp_path / "parts", method)
    assert resumed.resume()
    assert (resumed.iteration, resumed.samples) == (first, first * 32)
    resumed.run(steps=7 * 32)
    assert metrics(tmp_path / "parts") == metrics(tmp_path / "whole")
    assert torch.equal(weights(resumed), weights(whole))
    policies = [(tmp_path / run / "policy" / "policy.safetensors").read_bytes() for run in ("whole", "parts")]
    assert policies[0] == policies[1]


def test_a_checkpoint_of_another_engine_is_refused(
    tiny_library: MotionLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tiny_library, tmp_path).save()
    monkeypatch.setattr(Trainer, "_engine", "MujocoWarp on cuda")
    with pytest.raises(CheckpointError, match=r"is of MujocoCpu on cpu, .* asks for MujocoWarp on cuda"):
        make(tiny_library, tmp_path).resume()


def test_compiled_networks_learn_what_others_do(
    tiny_library: MotionLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[nn.Module] = []

    def traced(network: nn.Module) -> None:
        """As torch.compile does it, but for the C++ compiler and its minute."""
        compiled.append(network)
        network._compiled_call_impl = torch.compile(network._call_impl, backend="eager")

    monkeypatch.setattr(nn.Module, "compile", traced)
    plain, fused = (make(tiny_library, tmp_path / str(fuse), compile=fuse) for fuse in (False, True))
    assert compiled == [fused.actor, fused.critic]
    for trainer in (plain, fused):
        trainer.run(steps=4 * 32)  # two iterations of warm start, two of PPO
    torch.testing.assert_close(weights(fused), weights(plain), rtol=1e-5, atol=1e-6)
    fused.save()
    other = make(tiny_library, tmp_path / "True")
    assert other.resume()  # what is compiled is saved under the same names
    assert torch.equal(weights(other), weights(fused))


def test_what_came_after_the_checkpoint_is_cut_from_the_log(tiny_library: MotionLibrary, tmp_path: Path) -> None:
    make(tiny_library, tmp_path).run(steps=3 * 32)
    with (tmp_path / "metrics.jsonl").open("a") as log:
        log.write('{"iteration": 4, "samples": 128}\n{"iteration": 5, "sam')
    trainer = make(tiny_library, tmp_path)
    assert trainer.resume()
    assert [row["iteration"] for row in metrics(tmp_path)] == [1, 2, 3]


def test_without_a_checkpoint_the_run_starts_anew(tiny_library: MotionLibrary, tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"iteration": 1}\n')
    trainer = make(tiny_library, tmp_path)
    assert not trainer.resume()
    assert trainer.iteration == 0
    assert (tmp_path / "metrics.jsonl").read_text() == ""


def test_a_finished_run_takes_no_further_step(tiny_library: MotionLibrary, tmp_path: Path) -> None:
    make(tiny_library, tmp_path).run(steps=64)
    trainer = make(tiny_library, tmp_path)
    trainer.resume()
    before = weights(trainer)
    assert trainer.run(steps=64)
    assert trainer.iteration == 2
    assert torch.equal(weights(trainer), before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_stop_at_an_iteration_with_a_checkpoint(
    tiny_library: MotionLibrary, tmp_path: Path, number: signal.Signals
) -> None:
    def stop(metrics: dict[str, float]) -> None:
        if metrics["iteration"] == 3:
            os.kill(os.getpid(), number)

    handler = signal.getsignal(number)
    trainer = make(tiny_library, tmp_path)
    assert not trainer.run(steps=100 * 32, on_iteration=stop)
    assert trainer.iteration == 3
    assert (tmp_path / "checkpoints" / "checkpoint_00000003.pt").exists()
    assert signal.getsignal(number) is handler  # whoever calls gets its own handling back


def test_minutes_count_the_loop_and_checkpoints_come_in_between(
    tiny_library: MotionLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = make(tiny_library, tmp_path, checkpoint_minutes=0.05)  # 3 s
    ticks = iter(range(1000))
    # a clock that is looked at when an iteration begins, has collected and ends: 2 s an iteration
    monkeypatch.setattr("rgsd.learning.trainer.time.perf_counter", lambda: float(next(ticks)))
    found: list[int] = []

    def look(metrics: dict[str, float]) -> None:
        found.append(len(list((tmp_path / "checkpoints").glob("*.pt"))))

    assert trainer.run(minutes=0.16, on_iteration=look)  # 9.6 s
    assert (trainer.iteration, trainer.seconds) == (5, 10.0)
    assert found == [0, 0, 1, 1, 2]  # saved after 4 s and 8 s, and at the end
    assert (tmp_path / "checkpoints" / "checkpoint_00000005.pt").exists()


InTwo = Callable[[Callable[[], Any]], list[Any]]


@pytest.mark.parametrize("method", ["rgsd", "calm"])
def test_two_processes_train_one_policy_and_go_on_as_if_never_stopped(
    tiny_library: MotionLibrary, tmp_path: Path, in_two_processes: InTwo, method: str
) -> None:
    def train() -> list[torch.Tensor]:
        whole = make(tiny_library, tmp_path / "whole", method)
        whole.run(steps=4 * 64)
        make(tiny_library, tmp_path / "parts", method).run(steps=2 * 64)
        torch.manual_seed(99)
        resumed = make(tiny_library, tmp_path / "parts", method)
        assert resumed.resume()
        resumed.run(steps=4 * 64)
        return [weights(whole), weights(resumed), whole.env.state.qpos, resumed.env.state.qpos]

    (weights1, resumed1, here1, again1), (weights2, resumed2, here2, again2) = in_two_processes(train)
    assert torch.equal(weights1, weights2)
    assert torch.equal(weights1, resumed1)
    assert torch.equal(weights2, resumed2)
    assert torch.equal(here1, again1)
    assert torch.equal(here2, again2)
    assert not torch.equal(here1, here2)  # each has episodes of its own
    rows = metrics(tmp_path / "whole")
    assert [row["samples"] for row in rows] == [64, 128, 192, 256]  # 2 processes x 8 environments x 4 steps each
    assert rows == metrics(tmp_path / "parts")


def test_a_checkpoint_goes_on_only_whole_and_with_as_many_processes(
    tiny_library: MotionLibrary, tmp_path: Path, in_two_processes: InTwo
) -> None:
    def stop_all() -> int:
        trainer = make(tiny_library, tmp_path, "tracker")

        def stop(metrics: dict[str, float]) -> None:
            if metrics["iteration"] == 2 and not distributed.is_main():
                os.kill(os.getpid(), signal.SIGTERM)  # one of them is told, all stop

        assert not trainer.run(steps=100 * 64, on_iteration=stop)
        return trainer.iteration

    assert in_two_processes(stop_all) == [2, 2]
    with pytest.raises(CheckpointError, match=r"its checkpoint is of 2 process\(es\), this run has 1; .* torchrun"):
        make(tiny_library, tmp_path, "tracker").resume()
    shutil.rmtree(tmp_path / "checkpoints" / "process1")

    def go_on() -> str:
        trainer = make(tiny_library, tmp_path, "tracker")
        if distributed.is_main():
            return str(trainer.resume())
        with pytest.raises(CheckpointError) as caught:
            trainer.resume()
        return str(caught.value)

    first, second = in_two_processes(go_on)
    assert first == "True"
    assert "process1/checkpoint_00000002.pt: not a readable checkpoint (FileNotFoundError)" in second
    assert f"delete {tmp_path / 'checkpoints' / 'checkpoint_00000002.pt'} to resume from the one before" in second


def test_no_entry_of_the_first_observations_is_clipped(tiny_library: MotionLibrary, tmp_path: Path) -> None:
    # the clock goes through 51 frames of 20 ms in each clip: about 0.5 s, variance (51^2 - 1) / 12 of 20 ms squared
    trainer = make(tiny_library, tmp_path)
    normalizer = trainer.actor.normalizer
    assert float(normalizer.mean[-1]) == pytest.approx(0.5)
    assert float(normalizer.variance[-1]) == pytest.approx(2600 / 12 * 0.02**2)
    seconds = torch.zeros(2, len(normalizer.mean))
    seconds[:, -1] = torch.tensor([0.0, 1.0])
    assert normalizer(seconds)[:, -1].abs().max() < 2.0


def test_episodes_do_not_run_in_lockstep(tiny_library: MotionLibrary, tmp_path: Path) -> None:
    trainer = make(tiny_library, tmp_path, "diayn")
    for _ in range(5):  # 20 steps, twice the time limit; without falls all would stand at the same step
        trainer.iterate()
    assert float(trainer.env.elapsed.float().std()) > 1.0

"""`rgsd bench`: what it compares is the same work, and what it prints is the contract."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from rgsd.bodies.quadruped import make_quadruped
from rgsd.bodies.smpl import make_smpl
from rgsd.cli.bench_body import RawBatch, RecordingPhysics, stand_in_motions
from rgsd.cli.bench_gymnasium import OrdinaryEnv
from rgsd.cli.main import main
from rgsd.envs.observation import observe
from rgsd.motions.library import MotionLibrary
from rgsd.motions.motion import Motion
from rgsd.physics.mujoco_cpu import MujocoCpu

CONTRACT = {
    "raw_steps_per_s", "collection_steps_per_s", "loop_steps_per_s",
    "gymnasium_sync_steps_per_s", "gymnasium_async_steps_per_s", "peak_memory_gib",
}  # fmt: skip


def test_json_holds_the_contract_by_body() -> None:
    words = ["bench", "--json", "--bodies", "quadruped", "--num-envs", "8", "--rounds", "1"]
    done = subprocess.run([sys.executable, "-m", "rgsd", *words], capture_output=True, text=True, check=True)
    metrics = json.loads(done.stdout)
    assert list(metrics) == ["quadruped"]
    found = metrics["quadruped"]
    assert set(found) >= CONTRACT
    assert (found["preset"], found["num_envs"], found["rounds"]) == ("cpu", 8, 1)
    assert all(found[name] > 0 for name in CONTRACT)
    # one round: the ratio is that of the rates, and a layer that does more is slower
    assert found["loop_over_raw"] == pytest.approx(found["loop_steps_per_s"] / found["raw_steps_per_s"])
    assert found["loop_steps_per_s"] < found["raw_steps_per_s"]
    assert 0.1 < found["peak_memory_gib"] < 2.0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--rounds", "0"], "--rounds 0: give a positive number"),
        (["--num-envs", "-3", "--rounds", "1"], "--num-envs -3: give a positive number"),
        (["--motions", "x"], "--motions x: motions belong to one body"),
        (
            ["--preset", "gpu", "--bodies", "quadruped"],
            "--preset: its device is cuda, rgsd bench compares engines",
        ),
        (["--bodies", "quadrupd"], "unknown body 'quadrupd'; did you mean quadruped?"),
    ],
)
def test_wrong_options_are_answered_in_one_line(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", *words]) == 2
    assert f"rgsd: error: {message}" in capsys.readouterr().err


def test_the_raw_batch_replays_the_very_same_physics() -> None:
    body = make_quadruped()
    physics, raw = MujocoCpu(body, 3), RawBatch(body, 3)
    generator = torch.Generator().manual_seed(0)
    standing = torch.tensor(body.standing_qpos, dtype=torch.float32)

    def targets() -> torch.Tensor:
        return standing[7:] + 0.2 * torch.randn(3, body.num_actions, generator=generator)

    for _ in range(4):
        physics.step(targets())
    start, recording = physics.snapshot(), RecordingPhysics(physics)
    recording.step(targets())
    recording.reset(torch.tensor([1]), standing[None], torch.full((1, body.model.nv), 0.1))
    recording.step(targets())
    assert recording.num_envs == 3
    assert len(recording.calls) == 3
    assert raw.replay(start, recording.calls) > 0
    for name, array in physics.snapshot().items():
        if name != "blowups":
            assert np.array_equal(raw._state[name], array.numpy()), name


@pytest.mark.parametrize("make", [make_quadruped, make_smpl])
def test_the_ordinary_env_observes_what_skill_env_does(make: object) -> None:
    body = make()  # pyright: ignore
    qpos = body.standing_qpos.copy()
    turn = np.array([np.cos(0.6), 0.1, -0.05, np.sin(0.6)])
    qpos[3:7] = turn / np.linalg.norm(turn)
    qvel = np.random.default_rng(0).normal(size=body.model.nv)
    env = OrdinaryEnv(body, qpos[None], qvel[None])
    physics = MujocoCpu(body, 1)
    state = torch.tensor(np.array([qpos])), torch.tensor(np.array([qvel]))
    physics.reset(torch.tensor([0]), *state)
    assert env.reset(seed=0)[0] == pytest.approx(observe(physics.state)[0].numpy(), abs=1e-5)
    action = np.full(body.num_actions, 0.1)
    physics.step(torch.tensor(body.action_center + body.action_scale * action)[None])
    assert env.step(action)[0] == pytest.approx(observe(physics.state)[0].numpy(), abs=1e-4)


def test_stand_in_motions_are_readable_clips_that_move(tmp_path: Path) -> None:
    body = make_smpl()
    stand_in_motions(body, tmp_path)
    library = MotionLibrary(body, [Motion.load(path, body) for path in sorted(tmp_path.glob("*.npz"))])
    assert library.names == ("sway_1", "sway_2", "sway_3", "sway_4")
    # 0.05 rad at 0.25 Hz times the clip's number: the fastest hinge turns at 0.05 x 2 pi x 0.25 n = 0.0785 n rad/s
    for number, motion in enumerate(library.motions, start=1):
        assert np.abs(motion.qvel[1:-1, 6:]).max() == pytest.approx(0.0785 * number, rel=0.02)
        assert np.abs(motion.qvel[:, :6]).max() == 0.0

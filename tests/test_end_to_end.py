"""The whole path on the CPU: a run that is killed again and again, evaluated, and its policy used."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from rgsd.bodies.registry import make_body
from rgsd.envs.observation import observe
from rgsd.envs.skill_env import SkillEnv
from rgsd.evaluation.protocol import EvaluationConfig, evaluate
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.methods.runs import RunConfig, load_library
from rgsd.motions.synthesis.gait import Course, Gait
from rgsd.motions.synthesis.quadruped import synthesize

ITERATIONS = 20
STEPS = 8 * 4 * ITERATIONS  # environments x control steps x iterations


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two short gaits as files, as `rgsd motions synthesize` would write them."""
    folder, body = tmp_path_factory.mktemp("runs"), make_body("quadruped")
    for name, course in (("ahead", Course(forward=0.4)), ("turn", Course(turn=1.0))):
        synthesize(body, name, name, Gait(), course, seconds=0.6).save(folder / "motions" / f"{name}.npz")
    return folder


def options(folder: Path, run: str) -> list[str]:
    return [
        "rgsd", "--out", str(folder / run), "--motions", str(folder / "motions"), "--steps", str(STEPS),
        "--num-envs", "8", "--trainer.horizon", "4", "--trainer.warm-start.iterations", "2",
        "--trainer.checkpoint-minutes", "0", "--settings.contrastive.steps", "3", "--settings.encoder.hidden", "16",
        "--network.actor-hidden", "16", "--network.critic-hidden", "16",
    ]  # fmt: skip


def start(words: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "rgsd", "train", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"},
    )


def finish(process: subprocess.Popen[str]) -> str:
    try:
        output, _ = process.communicate(timeout=300)
    finally:
        process.kill()  # nothing is left behind where the time was not enough
    assert process.returncode == 0, output
    return output


def kill_when(process: subprocess.Popen[str], reached: Callable[[], bool]) -> None:
    """SIGKILL, which nothing can catch, as soon as a run has got so far (or not at all if it was faster than we)."""
    while not reached() and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()


@pytest.fixture(scope="module")
def run(folder: Path) -> Path:
    finish(start(options(folder, "whole")))
    return folder / "whole"


def test_a_run_killed_at_any_moment_ends_as_if_it_had_not_been(folder: Path, run: Path) -> None:
    killed = folder / "killed"
    resume = ["rgsd", "--resume", str(killed)]

    def checkpoint(number: int) -> Callable[[], bool]:
        return lambda: any(int(p.stem[-8:]) >= number for p in (killed / "checkpoints").glob("checkpoint_*.pt"))

    kill_when(start(options(folder, "killed")), (killed / "config.yaml").exists)  # before the first checkpoint
    kill_when(start(resume), checkpoint(1))  # in the warm start
    kill_when(start(resume), checkpoint(8))
    finish(start(resume))
    for name in ("policy.safetensors", "policy.json"):
        assert (killed / "policy" / name).read_bytes() == (run / "policy" / name).read_bytes()
    rows = [
        [
            (row["iteration"], row["samples"], row["Train/mean_reward"], row["Loss/value"])
            for row in map(json.loads, lines)
        ]
        for lines in ((f / "metrics.jsonl").read_text().splitlines() for f in (killed, run))
    ]
    assert rows[0] == rows[1]
    assert len(rows[0]) == ITERATIONS


def test_going_on_with_a_finished_run_says_so(run: Path) -> None:
    before = (run / "policy" / "policy.safetensors").read_bytes(), (run / "metrics.jsonl").read_bytes()
    assert "finished" in finish(start(["rgsd", "--resume", str(run)]))
    assert before == ((run / "policy" / "policy.safetensors").read_bytes(), (run / "metrics.jsonl").read_bytes())


def test_what_was_trained_is_evaluated(run: Path, tmp_path: Path) -> None:
    settings = RunConfig.load(run)
    library = load_library(settings, make_body(settings.body))
    policy = SkillPolicy.load(run)
    config = EvaluationConfig(
        rollouts_per_clip=2,
        num_latents=4,
        held_out_latents=4,
        discovery_seconds=0.3,
        variations_per_clip=1,
        rollouts_per_switch=1,
        threads=1,
    )
    result = evaluate(policy, library, config, run=run.name, folder=tmp_path)
    assert set(result["clips"]) == {"ahead", "turn"}
    assert result["clips"]["ahead"]["latent_source"] == "training"
    assert json.loads((tmp_path / "evaluation.json").read_text())["method"] == "rgsd"


def test_the_published_policy_acts(run: Path) -> None:
    settings, policy = RunConfig.load(run), SkillPolicy.load(run)
    library = load_library(settings, policy.body)
    env = SkillEnv(library, settings.env, num_envs=4)
    env.reset()
    z = policy.sample_z(4, near="ahead", kappa=100.0, generator=torch.Generator().manual_seed(0))
    for _ in range(5):
        action = policy.act(observe(env.state), z)
        assert action.shape == (4, 12)
        assert torch.isfinite(env.step(action).observation).all()
    torch.testing.assert_close(policy.embed(library.motions[0]), policy.clip_latents["ahead"])

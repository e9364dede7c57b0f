"""Two processes under torchrun, one of which is killed: both start anew and go on from the last checkpoint."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from rgsd.bodies.registry import make_body
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.motions.synthesis.gait import Course, Gait
from rgsd.motions.synthesis.quadruped import synthesize

ITERATIONS = 12
STEPS = 8 * 4 * ITERATIONS  # environments in both processes x control steps x iterations


def start(folder: Path) -> subprocess.Popen[str]:
    words = [
        "--standalone", "--nproc-per-node", "2", "--max-restarts", "1", "-m", "rgsd", "train", "rgsd",
        "--out", str(folder / "run"), "--motions", str(folder / "motions"), "--steps", str(STEPS), "--num-envs", "8",
        "--trainer.horizon", "4", "--trainer.warm-start.iterations", "2", "--trainer.checkpoint-minutes", "0",
        "--settings.contrastive.steps", "3", "--settings.encoder.hidden", "16",
        "--network.actor-hidden", "16", "--network.critic-hidden", "16",
    ]  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200", "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"},
    )


def children(process: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process)], capture_output=True, text=True, check=False)
    return [int(word) for word in found.stdout.split()]


def test_a_killed_process_starts_anew_and_the_run_goes_on(tmp_path: Path) -> None:
    body = make_body("quadruped")
    for name, course in (("ahead", Course(forward=0.4)), ("turn", Course(turn=1.0))):
        synthesize(body, name, name, Gait(), course, seconds=0.6).save(tmp_path / "motions" / f"{name}.npz")
    run, process = tmp_path / "run", start(tmp_path)
    try:
        while not list((run / "checkpoints").glob("checkpoint_*3.pt")) and process.poll() is None:
            time.sleep(0.01)
        os.kill(children(process.pid)[1], signal.SIGKILL)
        output, _ = process.communicate(timeout=300)
    finally:
        process.terminate()  # its processes with it
    assert process.returncode == 0, output
    assert "going on at iteration" in output
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [row["iteration"] for row in rows] == list(range(1, ITERATIONS + 1))
    assert rows[-1]["samples"] == STEPS
    assert SkillPolicy.load(run).method == "rgsd"

"""The folder that `--onnx` writes runs where neither rgsd nor torch can be imported, and does what rgsd does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

from rgsd.evaluation.rollouts import SkillController, roll_out
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.physics.mujoco_cpu import MujocoCpu

_ALONE = "import runpy, sys; sys.modules['torch'] = sys.modules['rgsd'] = None; runpy.run_path(sys.argv.pop(1))"


def test_the_script_walks_as_rgsd_does(quadruped: SkillPolicy, exported: Path) -> None:
    command = [sys.executable, "-I", "-c", _ALONE, str(exported / "run.py"), "forward_fast", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [line[0] for line in lines] == ["1.00", "2.00"]
    found = np.array([[float(x) for x in line[4:7]] for line in lines])

    body, z = quadruped.body, quadruped.clip_latents["forward_fast"].unsqueeze(0)
    # in double precision, as the script starts: from this symmetric stance 1e-8 rad become centimetres within a second
    start = torch.tensor(body.standing_qpos).unsqueeze(0), torch.zeros(1, body.model.nv, dtype=torch.double)
    controller, nobody = SkillController(quadruped, z), torch.zeros(1, dtype=torch.long)
    rollout = roll_out(lambda count: MujocoCpu(body, count), body, controller, start, 101, nobody)
    expected = rollout.root_pos[0, 50::50].numpy()
    assert expected[-1, 0] > 1.0
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_a_random_skill_runs_too(exported: Path) -> None:
    done = subprocess.run([sys.executable, "-I", str(exported / "run.py")], capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == 4  # s

"""How far the page of `rgsd export --web` and C MuJoCo part: one policy, one start, two engines, rounding aside.

    python benchmarks/page_gap.py quadruped-gaits --seconds 10

Needs the extra `web`, Chromium and npm. Both start in the standing pose, in double precision, under each clip's z. What
rounding alone does is shown beside it: C MuJoCo against itself, started 1e-9 rad apart, the median of 16 tries.
"""

from __future__ import annotations

import functools
import http.server
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import mujoco
import numpy as np
import torch
import tyro
from playwright.sync_api import sync_playwright
from torch import Tensor

from rgsd import pretrained
from rgsd.evaluation.rollouts import SkillController, roll_out
from rgsd.export.npm import MUJOCO
from rgsd.export.web import write_page
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.physics.mujoco_cpu import MujocoCpu

_TRIES, _APART = 16, 1e-9
_MOMENTS = (1.0, 4.0, 10.0)  # s
_ROLL_OUT = """async ([z, steps]) => {
  const { Simulation } = await import(location.origin + '/simulation.js');
  const simulation = await Simulation.load(), path = [Array.from(simulation.place).slice(0, 2)];
  const begin = performance.now();
  for (let step = 0; step < steps; step++) {
    await simulation.step(z);
    path.push(Array.from(simulation.place).slice(0, 2));
  }
  return [path, (performance.now() - begin) / 1000];
}"""


def main(name: Annotated[str, tyro.conf.Positional] = "quadruped-gaits", seconds: float = 10.0) -> None:
    """Print a markdown table: distance between the roots on the ground, mm, clip by clip.

    Args:
        name: a published policy.
        seconds: of each rollout.
    """
    policy = SkillPolicy.load(pretrained.find(name))
    hz = policy.body.control_hz
    moments = [t for t in _MOMENTS if t <= seconds]
    heads = [f"{t:g} s, page | {t:g} s, C MuJoCo itself" for t in moments]
    print(f"| clip | travelled, m | {' | '.join(heads)} | times real time |\n|---|---|{'---|---|' * len(heads)}---|")
    with _page(policy) as tab:
        for clip, z in policy.clip_latents.items():
            path, took = tab.evaluate(_ROLL_OUT, [z.tolist(), round(seconds * hz)])
            ours = _paths(policy, z, round(seconds * hz))
            gap = 1e3 * np.linalg.norm(np.array(path) - ours[0], axis=1)
            own = 1e3 * np.median(np.linalg.norm(ours[1:] - ours[0], axis=2), axis=0)
            cells = [f"{gap[round(t * hz)]:.2g} | {own[round(t * hz)]:.2g}" for t in moments]
            travelled = np.linalg.norm(ours[0, -1] - ours[0, 0])
            print(f"| {clip} | {travelled:.2f} | {' | '.join(cells)} | {seconds / took:.0f} |", flush=True)
    print(f"\nMuJoCo {MUJOCO.version} in the page, {mujoco.__version__} here")


def _paths(policy: SkillPolicy, z: Tensor, steps: int) -> np.ndarray:
    """(1 + tries, T, 2) m: the root under C MuJoCo, first from the standing pose itself, then from beside it."""
    body, copies = policy.body, 1 + _TRIES
    qpos = torch.tensor(body.standing_qpos).repeat(copies, 1)
    qpos[1:, 7:] += _APART * torch.randn(_TRIES, body.num_actions, generator=torch.Generator().manual_seed(0)).double()
    start = qpos, torch.zeros(copies, body.model.nv, dtype=torch.double)
    nobody = torch.zeros(copies, dtype=torch.long)
    controller = SkillController(policy, z.expand(copies, -1))
    played = roll_out(lambda count: MujocoCpu(body, count), body, controller, start, steps + 1, nobody)
    return played.root_pos[..., :2].numpy()


@contextmanager
def _page(policy: SkillPolicy) -> Iterator[Any]:
    """A tab of headless Chromium at the origin of the policy's page."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        write_page(policy, Path(folder), "gap")
        handler = functools.partial(_Quiet, directory=folder)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        tab = browser.new_page()
        tab.goto(f"http://127.0.0.1:{server.server_port}/lib/NOTICE.txt")
        yield tab
        browser.close()
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


if __name__ == "__main__":
    tyro.cli(main)

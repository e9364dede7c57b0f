"""The page that `rgsd export --web` writes, in a real browser: it walks as C MuJoCo does, and its buttons steer."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable, Generator
from pathlib import Path

import numpy as np
import pytest
import torch

from rgsd import pretrained
from rgsd.envs.observation import observe
from rgsd.evaluation.rollouts import SkillController, roll_out, standing
from rgsd.export.web import write_page
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.physics.mujoco_cpu import MujocoCpu

from .chromium import CHROMIUM, Page

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium"),
    pytest.mark.skipif(shutil.which("npm") is None, reason="needs npm"),
    pytest.mark.skipif(importlib.util.find_spec("onnxscript") is None, reason="needs the extra export"),
]

_BODIES = {"quadruped": "quadruped-gaits", "smpl": "smpl-walks5"}
_RUN = """(async () => {
  const { Simulation } = await import(location.origin + '/simulation.js');
  const simulation = await Simulation.load(), z = %s, first = Array.from(simulation.observe());
  const path = [Array.from(simulation.data.qpos)];
  for (let step = 0; step < %d; step++) { await simulation.step(z); path.push(Array.from(simulation.data.qpos)); }
  return [first, path];
})()"""


@pytest.fixture(scope="module", params=list(_BODIES))
def policy(request: pytest.FixtureRequest) -> SkillPolicy:
    return SkillPolicy.load(pretrained.find(_BODIES[request.param]))


@pytest.fixture(scope="module")
def page(
    policy: SkillPolicy, serve: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory
) -> Generator[Page]:
    folder = tmp_path_factory.mktemp("page")
    assert write_page(policy, folder, "a page") < 25e6
    with Page(serve(folder), tmp_path_factory.mktemp("profile")) as page:
        page.wait_for("document.getElementById('veil')?.className === 'gone'")
        yield page


def test_a_rollout_in_the_page_is_that_of_c_mujoco(policy: SkillPolicy, page: Page) -> None:
    name, z = next(iter(policy.clip_latents.items()))
    frames = round(2 * policy.body.control_hz)
    first, path = page.evaluate(_RUN % (json.dumps(z.tolist()), frames))
    body, nobody = policy.body, torch.zeros(1, dtype=torch.long)
    np.testing.assert_allclose(first, observe(standing(body, 1, torch.device("cpu")))[0].numpy(), atol=1e-6)
    start = torch.tensor(body.standing_qpos).unsqueeze(0), torch.zeros(1, body.model.nv, dtype=torch.double)
    controller = SkillController(policy, z.unsqueeze(0))
    rollout = roll_out(lambda count: MujocoCpu(body, count), body, controller, start, frames + 1, nobody)
    expected = rollout.states.qpos[0].numpy()
    assert np.linalg.norm(expected[-1, :2]) > 0.5, name  # it has gone somewhere
    np.testing.assert_allclose(np.array(path)[:, :3], expected[:, :3], atol=1e-3)  # m; seen: 1e-6 after 2 s


def test_clips_and_sphere_choose_the_skill_and_the_body_moves(policy: SkillPolicy, page: Page) -> None:
    chosen = "document.querySelector('#clips .chosen')?.textContent ?? null"
    names = list(policy.clip_latents)
    assert page.evaluate(chosen) == names[0]
    page.click("#clips button:nth-child(2)")
    assert page.evaluate(chosen) == names[1]
    page.click("#sphere", 0.5, 0.5)  # the middle of the globe is no clip
    assert page.evaluate(chosen) is None
    page.click("#reset")
    page.wait_for("parseFloat(document.getElementById('state').textContent.split(', ')[1]) > 0.05")  # m from the start
    page.click("#pause")
    assert page.evaluate("document.getElementById('pause').textContent") == "go on"
    page.click("#pause")
    assert page.complaints == []

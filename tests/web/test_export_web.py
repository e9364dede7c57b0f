"""The page that `rgsd export --web` writes, in a real browser: it walks as C MuJoCo does, and its buttons steer."""

from __future__ import annotations

import functools
import http.server
import re
import shutil
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from rgsd import pretrained
from rgsd.envs.observation import observe
from rgsd.evaluation.rollouts import SkillController, roll_out, standing
from rgsd.export.web import write_page
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.physics.mujoco_cpu import MujocoCpu

sync_api = pytest.importorskip("playwright.sync_api")
pytest.importorskip("onnxscript")
pytestmark = pytest.mark.skipif(
    not (shutil.which("chromium") and shutil.which("npm")),
    reason="needs chromium (apt-get install chromium), and npm for the page's libraries",
)

FLAGS = (
    "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
PATIENCE = 120_000  # ms: a renderer in software, beside whatever else this machine does
POLICIES = ("quadruped-gaits", "smpl-walks5")

ROLL_OUT = """async ([z, steps]) => {
  const { Simulation } = await import(location.origin + '/simulation.js');
  const simulation = await Simulation.load(), first = Array.from(simulation.observe()), path = [];
  for (let step = 0; step < steps; step++) { await simulation.step(z); path.push(Array.from(simulation.data.qpos)); }
  return [first, path];
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        sync_api.expect.set_options(timeout=PATIENCE)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="module", params=POLICIES)
def policy(request: pytest.FixtureRequest) -> SkillPolicy:
    return SkillPolicy.load(pretrained.find(request.param))


class _Quiet(http.server.SimpleHTTPRequestHandler):
    """What `python -m http.server` answers with, without its log."""

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def address(policy: SkillPolicy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("page")
    assert write_page(policy, folder, "a page") < 25e6
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def tab(browser: Any) -> Iterator[Any]:
    """A tab in which nothing may be an error."""
    complaints: list[str] = []
    tab = browser.new_page(viewport={"width": 640, "height": 480})
    tab.set_default_timeout(PATIENCE)
    tab.route("**/favicon.ico", lambda route: route.fulfill(status=204))  # which browsers ask for beside a text
    tab.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    yield tab
    tab.close()
    assert complaints == []


def test_a_rollout_in_the_page_is_that_of_c_mujoco(policy: SkillPolicy, address: str, tab: Any) -> None:
    z, steps = next(iter(policy.clip_latents.values())), round(2 * policy.body.control_hz)
    tab.goto(f"{address}/lib/NOTICE.txt")  # a page of the same origin that does nothing of its own
    first, path = tab.evaluate(ROLL_OUT, [z.tolist(), steps])
    body, nobody = policy.body, torch.zeros(1, dtype=torch.long)
    np.testing.assert_allclose(first, observe(standing(body, 1, torch.device("cpu")))[0].numpy(), atol=1e-6)
    # in double precision, as the page starts: the quadruped's symmetric stance makes centimetres of 1e-8 rad
    start = torch.tensor(body.standing_qpos).unsqueeze(0), torch.zeros(1, body.model.nv, dtype=torch.double)
    controller = SkillController(policy, z.unsqueeze(0))
    rollout = roll_out(lambda count: MujocoCpu(body, count), body, controller, start, steps + 1, nobody)
    expected = rollout.root_pos[0, 1:].numpy()
    assert np.linalg.norm(expected[-1, :2]) > 0.5
    np.testing.assert_allclose(np.array(path)[:, :3], expected, atol=1e-3)  # m; docs/export.md says what is usual


def test_clips_and_sphere_choose_the_skill_and_the_body_moves(policy: SkillPolicy, address: str, tab: Any) -> None:
    expect = sync_api.expect
    tab.goto(address)
    tab.locator("#veil").wait_for(state="hidden")
    chosen, names = tab.locator("#clips .chosen"), list(policy.clip_latents)
    expect(chosen).to_have_text(names[0])
    tab.get_by_role("button", name=names[1], exact=True).click()
    expect(chosen).to_have_text(names[1])
    tab.locator("#sphere").click()  # its middle, where no clip is
    expect(chosen).to_have_count(0)
    tab.get_by_role("button", name="restart").click()
    expect(tab.locator("#state")).to_have_text(re.compile(r"s, (0\.[1-9]|[1-9])"))  # m from the start
    tab.get_by_role("button", name="pause").click()
    expect(tab.locator("#pause")).to_have_text("go on")

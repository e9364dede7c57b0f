"""The pages in a real browser, headless Chromium; `make check-web` runs them, and they skip where there is none."""
# ruff: noqa: E402 - what the pages are made with may not be installed

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("viser")
pytest.importorskip("mjviser")
sync_api = pytest.importorskip("playwright.sync_api")
if (CHROMIUM := shutil.which("chromium")) is None:
    pytest.skip("needs chromium: apt-get install chromium", allow_module_level=True)

import viser

from rgsd import pretrained
from rgsd.envs.goal_field import FieldConfig
from rgsd.learning.networks import NetworkConfig
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.motions.synthesis.quadruped import synthesize_quadruped
from rgsd.skills import sphere
from rgsd.tasks.goal_env import GoalEnv
from rgsd.tasks.trainer import make_actor
from rgsd.viewing.play.goal_page import GoalPage
from rgsd.viewing.play.goals import GoalSession
from rgsd.viewing.play.motion_page import MotionPage
from rgsd.viewing.play.motions import MotionSession
from rgsd.viewing.play.page import Page
from rgsd.viewing.play.skill_page import SkillPage
from rgsd.viewing.play.skills import SkillSession

FLAGS = (
    "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
UNDRAWN = """
for (const draw of ['drawArrays', 'drawElements', 'drawArraysInstanced', 'drawElementsInstanced']) {
  WebGL2RenderingContext.prototype[draw] = () => {};
}
window.requestAnimationFrame = (work) => setTimeout(() => work(performance.now()), 200);
"""  # all but the picture: drawing in software takes all that a machine has
PATIENCE = 240_000  # ms: a renderer in software, beside whatever else this machine does; clicks are forced, as a page
# that is drawn once a second never stands still

Visit = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Visit]:
    """Serves a page, plays it, and opens it; nothing may be an error in the browser's console."""
    ends: list[Callable[[], None]] = []
    complaints: list[str] = []

    def open_page(make_page: Callable[[viser.ViserServer], Page], drawn: bool = False) -> Any:
        server = viser.ViserServer("127.0.0.1", 8250, verbose=False)
        played, over = make_page(server), threading.Event()
        thread = threading.Thread(target=played.play, args=(over.is_set,))
        thread.start()
        tab = browser.new_page(viewport={"width": 1000, "height": 500})
        tab.set_default_timeout(PATIENCE)
        if not drawn:
            tab.add_init_script(UNDRAWN)
        tab.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        ends.extend((tab.close, over.set, thread.join, server.stop))
        tab.goto(f"http://127.0.0.1:{server.get_port()}")
        tab.get_by_text("pictures/s").wait_for()
        return tab

    yield open_page
    for end in ends:
        end()
    assert complaints == []


@pytest.fixture(scope="module")
def policy() -> SkillPolicy:
    return SkillPolicy.load(pretrained.find("quadruped-gaits"))


def test_a_click_on_a_clip_moves_the_latent_and_the_body(visit: Visit, policy: SkillPolicy, tmp_path: Path) -> None:
    session = SkillSession(policy, "quadruped-gaits")
    tab = visit(lambda server: SkillPage(server, session, "gaits", tmp_path), drawn=True)
    tab.locator("canvas").first.wait_for()
    session.steering.go_to_clip("stand")
    tab.get_by_role("button", name="forward_fast", exact=True).click(force=True)
    tab.locator("strong", has_text="forward_fast").wait_for()
    before = float(session.state.qpos[0, 0])
    _until(tab, lambda: float(session.z[0] @ policy.clip_latents["forward_fast"]) > 1 - 1e-4)
    _until(tab, lambda: float(session.state.qpos[0, 0]) > before + 0.1)


def test_a_click_on_the_sphere_is_a_click_on_what_one_sees_there(
    visit: Visit, policy: SkillPolicy, tmp_path: Path
) -> None:
    session = SkillSession(policy, "quadruped-gaits")
    pages: list[SkillPage] = []

    def make_page(server: viser.ViserServer) -> SkillPage:
        pages.append(SkillPage(server, session, "gaits", tmp_path))
        return pages[0]

    tab = visit(make_page)
    tab.wait_for_timeout(3000)  # the camera must have arrived
    page = pages[0]
    mark = page.globe.center + page.globe.radius * session.map.place(policy.clip_latents["left"]).numpy()
    tab.mouse.click(*_on_screen(page, tab, mark))
    tab.locator("strong", has_text="left").wait_for()
    tab.mouse.click(*_on_screen(page, tab, page.globe.center))
    tab.locator("strong", has_text="a point of the sphere").wait_for()
    # the middle of the sphere is clicked where its near side faces the eye
    towards = np.asarray(page.server.initial_camera.position) - page.globe.center
    place = session.map.place(session.steering.goal[0]).numpy()
    assert place @ towards / np.linalg.norm(place) / np.linalg.norm(towards) == pytest.approx(1.0, abs=0.01)


def test_a_blend_and_a_sequence_lead_the_latent(visit: Visit, policy: SkillPolicy, tmp_path: Path) -> None:
    session = SkillSession(policy, "quadruped-gaits")
    one, other, third = list(policy.clip_latents)[:3]
    tab = visit(lambda server: SkillPage(server, session, "gaits", tmp_path))
    tab.get_by_text("Blend of two clips").click(force=True)
    _control(tab, "fraction of the second").fill("0.25")
    tab.locator("strong", has_text=f"75% {one}, 25% {other}").wait_for()
    between = sphere.slerp(policy.clip_latents[one], policy.clip_latents[other], 0.25)
    torch.testing.assert_close(session.steering.goal[0], between)
    tab.get_by_text("Sequence of clips").click(force=True)
    _control(tab, "clips").fill(f"{third}, {one}")
    _press(tab, "Play the sequence")
    for clip in (third, one, third):
        tab.locator("strong", has_text=f"{clip}, in a sequence").wait_for()


def test_several_bodies_are_pushed_recorded_and_repeated_by_a_command(
    visit: Visit, policy: SkillPolicy, tmp_path: Path
) -> None:
    session = SkillSession(policy, "quadruped-gaits")
    tab = visit(lambda server: SkillPage(server, session, "gaits", tmp_path))
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.get_by_role("tab", name="Body").click(force=True)
    _control(tab, "bodies").fill("3")
    tab.locator("strong", has_text="random").wait_for()
    assert session.state.qpos.shape[0] == len(session.z.unique(dim=0)) == 3
    _press(tab, "pause")
    _control(tab, "impulse").fill("5")
    tab.wait_for_timeout(1000)  # what is typed is told a little later than what is pressed
    before, mass = session.state.qvel[:, :2].clone(), float(policy.body.model.body_mass.sum())
    _press(tab, "Push")
    _until(tab, lambda: not torch.equal(session.state.qvel[:, :2], before))
    torch.testing.assert_close((session.state.qvel[:, :2] - before).norm(dim=1), torch.full((3,), 5 / mass))
    tab.get_by_role("tab", name="Record").click(force=True)
    _press(tab, "Record")
    for count in (1, 2):
        _press(tab, "one step")
        _until(tab, lambda count=count: session.take is not None and len(session.take) == count)
    _press(tab, "Stop, write npz")
    _until(tab, (tmp_path / "take-1.npz").exists)
    assert np.load(tmp_path / "take-1.npz")["qpos"].shape == (2, 3, policy.body.model.nq)
    _press(tab, "Copy as command")
    assert tab.evaluate("navigator.clipboard.readText()") == session.command()
    assert session.command().startswith("rgsd record quadruped-gaits --random 3 --seed ")


def test_motions_play_are_scrubbed_and_the_next_one_follows(visit: Visit, policy: SkillPolicy) -> None:
    session = MotionSession(policy.body, synthesize_quadruped(policy.body)[:2])
    first, second = session.motions
    tab = visit(lambda server: MotionPage(server, session, "gaits"))
    tab.locator("strong", has_text=first).wait_for()
    _press(tab, "Next motion")
    tab.locator("strong", has_text=second).wait_for()
    frame = session.frame
    _until(tab, lambda: session.frame != frame)
    _control(tab, "frame").fill("7")
    tab.get_by_text("0.14 of").wait_for()  # s, at 50 frames a second
    _press(tab, "one step")
    _until(tab, lambda: session.frame == 8)


def test_a_click_on_the_ground_is_the_goal(visit: Visit, policy: SkillPolicy, tmp_path: Path) -> None:
    torch.manual_seed(0)
    env = GoalEnv(policy, FieldConfig(), num_envs=1)
    session = GoalSession(env, make_actor(env, NetworkConfig((8,), (8,))).requires_grad_(False))
    before = session.goal
    tab = visit(lambda server: GoalPage(server, session, "goals", tmp_path))
    box = tab.locator("canvas").first.bounding_box()
    tab.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 0.9 * box["height"])
    _until(tab, lambda: session.goal != before)
    assert session.distance < 3.0  # it lies near the body that one looks at


def _press(tab: Any, name: str) -> None:
    """A button, wherever it has got to on a panel that is still unfolding."""
    tab.get_by_role("button", name=name, exact=True).dispatch_event("click")


def _control(tab: Any, label: str) -> Any:
    """What one types into beside a label; of a slider, its number."""
    row = tab.locator("label", has_text=label).first.locator("xpath=ancestor::*[contains(@class, 'Flex-root')][1]")
    return row.locator("input").last


def _until(tab: Any, holds: Callable[[], bool]) -> None:
    """Wait for what the page's thread does."""
    end = time.monotonic() + PATIENCE / 1000
    while not holds():
        assert time.monotonic() < end
        tab.wait_for_timeout(50)


def _on_screen(page: SkillPage, tab: Any, point: np.ndarray) -> tuple[float, float]:
    """Pixel at which the camera sees a place (3,): a pinhole whose field of view is the picture's height."""
    camera, box = page.server.initial_camera, tab.locator("canvas").first.bounding_box()
    ahead = np.asarray(camera.look_at) - np.asarray(camera.position)
    ahead = ahead / np.linalg.norm(ahead)
    right = np.cross(ahead, [0.0, 0.0, 1.0])
    right = right / np.linalg.norm(right)
    away = point - np.asarray(camera.position)
    x, y, depth = away @ right, away @ np.cross(right, ahead), away @ ahead
    scale = box["height"] / 2 / np.tan(camera.fov / 2) / depth
    return box["x"] + box["width"] / 2 + scale * x, box["y"] + box["height"] / 2 - scale * y

"""`rgsd play RUN|POLICY|MOTIONS|TASKRUN`: skills, motions or goals in a browser, under one's own hand."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from rich.console import Console

from rgsd import pretrained
from rgsd.cli.marked import bold
from rgsd.cli.motions import body_of, own_motions
from rgsd.cli.trained import load_skills, load_trained
from rgsd.errors import UsageError
from rgsd.learning.policy_files import DESCRIPTION
from rgsd.tasks.runs import CONFIG as TASK_CONFIG
from rgsd.tasks.runs import TaskConfig, load_actor, make_env
from rgsd.viewing.play.goals import GoalSession
from rgsd.viewing.play.motions import MotionSession
from rgsd.viewing.play.skills import SkillSession

if TYPE_CHECKING:
    import viser

    from rgsd.viewing.play.page import Page

MakePage = Callable[["viser.ViserServer"], "Page"]
"""Puts a page on a server."""


def play(
    what: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN|POLICY|MOTIONS|TASKRUN")],
    motions: str | None = None,
    body: str | None = None,
    clip: str | None = None,
    host: str = "127.0.0.1",
    port: int = 8080,
    open: bool = False,  # the option's name
    out: Path = Path("takes"),
    seed: int = 0,
) -> None:
    """Play with a policy's skills, motions, or a task's goals in a browser; Ctrl-C ends it.

    Args:
        what: a run's folder, a published policy such as smpl-walks5, an rgsd npz file or a folder of them, or a task's
            run.
        motions: where a run's motions lie now, if they have moved; for a published policy, motions to show as ghosts.
        body: path of the MJCF file, for motions of a body of your own.
        clip: what is played first, by name.
        host: address to serve on; 0.0.0.0 lets other machines in, without any password.
        port: port to serve on; the next free one if it is taken.
        open: open the page in this machine's browser.
        out: folder for recordings.
        seed: of the first random latents.
    """
    console = Console()
    with console.status("loading"):
        make_page = prepare(what, motions, body, clip, out, seed)
    if importlib.util.find_spec("viser") is None or importlib.util.find_spec("mjviser") is None:
        raise UsageError("playing needs viser and mjviser: install rgsd with its play extra, `rgsd[play]`")
    import viser

    with contextlib.redirect_stdout(io.StringIO()):  # it announces itself in a box
        server = viser.ViserServer(host, port, verbose=False)
    address = f"http://{server.get_host()}:{server.get_port()}"
    page = make_page(server)
    console.print(f"{bold(address)}  (Ctrl-C ends it)", soft_wrap=True)
    if open:
        webbrowser.open(address)
    try:
        page.play()
    finally:
        with contextlib.redirect_stdout(io.StringIO()):
            server.stop()


def prepare(what: str, motions: str | None, body: str | None, clip: str | None, out: Path, seed: int) -> MakePage:
    """Load what is to be played; arguments as for `play`. The browser's libraries are not asked for yet.

    Raises:
        UsageError: nothing of that name, or nothing that can be played.
        PolicyError, MotionError, CheckpointError: it cannot be read.
    """
    path = Path(what)
    is_skill = (path / "config.yaml").exists() or (path / DESCRIPTION).exists() or what in pretrained.published()
    is_task = (path / TASK_CONFIG).exists()
    if not is_skill and not is_task and path.exists():
        return _motions(path, body, clip)
    if body is not None:
        raise UsageError(f"--body {body}: {what} keeps its own body; the option is for motions")
    if is_task:
        if clip is not None:
            raise UsageError(f"--clip {clip}: a task chooses its own latents")
        return _goals(path, motions, out, seed)
    return _skills(what, motions, clip, out, seed)


def _skills(what: str, motions: str | None, clip: str | None, out: Path, seed: int) -> MakePage:
    policy, library = load_skills(what, motions)
    if policy.condition != "latent":
        raise UsageError(
            f"a {policy.method} policy follows a reference and has no latents; `rgsd record {what}` films it"
        )
    session = SkillSession(policy, what, library, seed)
    if clip is not None:
        session.steering.go_to_clip(clip)

    def make_page(server: viser.ViserServer) -> Page:
        from rgsd.viewing.play.skill_page import SkillPage

        return SkillPage(server, session, f"{Path(what).name} · {policy.method}", out)

    return make_page


def _goals(path: Path, motions: str | None, out: Path, seed: int) -> MakePage:
    task = TaskConfig.load(path)
    _, library, policy = load_trained(Path(task.run), motions)
    env = make_env(task, policy, library, 1, seed)
    session = GoalSession(env, load_actor(task, env, path))

    def make_page(server: viser.ViserServer) -> Page:
        from rgsd.viewing.play.goal_page import GoalPage

        return GoalPage(server, session, f"{path.name} · {task.style}", out)

    return make_page


def _motions(path: Path, body: str | None, clip: str | None) -> MakePage:
    found = own_motions(path)
    session = MotionSession(body_of(path, found, body), found)
    if clip is not None:
        session.show(clip)

    def make_page(server: viser.ViserServer) -> Page:
        from rgsd.viewing.play.motion_page import MotionPage

        return MotionPage(server, session, path.name)

    return make_page

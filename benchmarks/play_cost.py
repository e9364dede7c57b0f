"""What `rgsd play` costs this machine, a simulated second: one body and several, with somebody who looks.

    python benchmarks/play_cost.py smpl-walks5 --bodies 1 4

Needs the extra `play`. Another process receives all that a browser would. CPU seconds are of the whole server: policy,
physics, pictures, and what is sent. The page's time goes on by what has been played, not by the clock on the wall: a
busy machine takes longer for the same steps and pictures, and how much of real time it kept is told beside its load.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import tyro
import viser

from rgsd import pretrained
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.viewing.play.skill_page import SkillPage
from rgsd.viewing.play.skills import SkillSession

_TICK = 0.01  # s, as in `Page.play`
_WARM = 2.0  # s before the count begins: the scene is being sent
_LISTENER = """
import asyncio, sys, viser, websockets
async def listen():
    protocol = [f"viser-v{viser.__version__}"]
    async with websockets.connect(f"ws://127.0.0.1:{sys.argv[1]}", subprotocols=protocol, max_size=None) as socket:
        async for _ in socket:
            pass
asyncio.run(listen())
"""


def main(
    name: Annotated[str, tyro.conf.Positional] = "smpl-walks5", bodies: tuple[int, ...] = (1, 4), seconds: float = 10.0
) -> None:
    """Print a markdown table, a row for each number of bodies.

    Args:
        name: a published policy.
        bodies: how many there are, in turn.
        seconds: that each is played, s.
    """
    policy = SkillPolicy.load(pretrained.find(name))
    print("| bodies | CPU s a simulated second | pictures in it | of real time | load |\n|---|---|---|---|---|")
    for count in bodies:
        server = viser.ViserServer("127.0.0.1", 8270, verbose=False)
        session = SkillSession(policy, name)
        page = _Counting(server, session, name, Path("takes"))
        session.set_count(count)
        page.stage.set_count(count)
        listener = subprocess.Popen([sys.executable, "-c", _LISTENER, str(server.get_port())])
        page.play_on(_WARM)
        begun, spent, pictures = time.monotonic(), time.process_time(), page.pictures
        page.play_on(seconds)
        wall, cpu = time.monotonic() - begun, time.process_time() - spent
        assert listener.poll() is None, "nobody looked: the listener has ended"
        shown = (page.pictures - pictures) / seconds
        print(
            f"| {count} | {cpu / seconds:.2f} | {shown:.0f} | {seconds / wall:.0%} | {os.getloadavg()[0]:.1f} |",
            flush=True,
        )
        listener.kill()
        server.stop()


class _Counting(SkillPage):
    """A page that counts its pictures, and whose time is what it has played, s."""

    pictures, now = 0, 0.0

    def show(self) -> None:
        super().show()
        self.pictures += 1

    def play_on(self, seconds: float) -> None:
        """As `play`, for so many simulated seconds."""
        for _ in range(round(seconds / _TICK)):
            begin = time.monotonic()
            self.tick(self.now)
            self.now += _TICK
            time.sleep(max(0.002, _TICK - (time.monotonic() - begin)))


if __name__ == "__main__":
    tyro.cli(main)

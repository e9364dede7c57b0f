"""`MotionPage`: reference motions, scrubbed and at any speed."""

from __future__ import annotations

import viser

from rgsd.viewing.play.motions import MotionSession
from rgsd.viewing.play.page import Page
from rgsd.viewing.play.stage import Stage


class MotionPage(Page):
    """The page of `rgsd play MOTIONS`.

    Args:
        server: with nothing on it yet.
        session: what is played.
        title: stands above the panel.
    """

    def __init__(self, server: viser.ViserServer, session: MotionSession, title: str) -> None:
        super().__init__(server, Stage(server, session.body), 1 / session.motion.fps, title)
        self.session = session
        gui = server.gui
        self._name = gui.add_dropdown("motion", tuple(session.motions))
        self._frame = gui.add_slider("frame", 0, session.motion.num_frames - 1, 1, 0)
        loop = gui.add_checkbox("over and over", True, hint="else the next motion follows")
        self.on_change(self._name, session.show)
        self.on_change(self._frame, self._scrub)
        self.on_change(loop, lambda value: setattr(session, "loops", value))
        self.on_click(gui.add_button("Next motion", icon=viser.Icon.PLAYER_SKIP_FORWARD), session.next)

    def advance(self) -> None:
        self.session.advance()

    def show(self) -> None:
        session = self.session
        self.clock.step_seconds = 1 / session.motion.fps
        self.stage.show(session.state, None, list(session.path[: session.frame + 1, None]))

    def tell(self) -> str:
        session = self.session
        motion = session.motion
        if self._name.value != motion.name:
            self._name.value = motion.name
        self._frame.max = motion.num_frames - 1
        self._frame.value = session.frame
        group = f" · group {motion.group}" if motion.group else ""
        return f"**{motion.name}** · {session.frame / motion.fps:.2f} of {motion.duration:.2f} s{group}"

    def _scrub(self, frame: int) -> None:
        self.clock.paused = True
        self.session.scrub(frame)

"""`GoalPage`: a click on the ground is where the body is to go."""

from __future__ import annotations

from pathlib import Path

import viser

from rgsd.viewing.play.acting_page import ActingPage
from rgsd.viewing.play.goals import GoalSession


class GoalPage(ActingPage):
    """The page of `rgsd play TASKRUN`.

    Args:
        server: with nothing on it yet.
        session: what is played.
        title: stands above the panel.
        out: folder for recordings.
    """

    def __init__(self, server: viser.ViserServer, session: GoalSession, title: str, out: Path) -> None:
        super().__init__(server, session, title, out)
        self.session = session
        server.gui.add_markdown("Click on the ground: that is where it goes.")
        wander = server.gui.add_checkbox("go on to random goals", False)
        self.on_change(wander, lambda value: setattr(session, "wanders", value))
        tabs = server.gui.add_tab_group()
        with tabs.add_tab("Body", viser.Icon.RUN):
            self.add_body_controls()
        with tabs.add_tab("Record", viser.Icon.MOVIE):
            self.add_recording()
        self.add_plots()

        @server.scene.on_click()
        def _(event: viser.SceneClickEvent) -> None:
            self.order(lambda: self._send(event.ray_origin, event.ray_direction))

    def show(self) -> None:
        self.stage.show_goal(*self.session.goal)
        super().show()

    def tell(self) -> str:
        session = self.session
        return f"goal at **{session.distance:.1f} m** · {session.reached} reached · {super().tell()}"

    def _send(self, origin: tuple[float, float, float], ray: tuple[float, float, float]) -> None:
        place = self.stage.on_ground(origin, ray)
        if place is not None:
            self.session.set_goal(*place)

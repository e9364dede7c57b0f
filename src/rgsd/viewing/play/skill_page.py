"""`SkillPage`: bodies whose latents one leads: by clips, by a click on the sphere, by draws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import viser
from matplotlib.colors import to_rgb
from torch import Tensor

from rgsd.viewing.play.acting_page import ActingPage, copyable
from rgsd.viewing.play.globe import Globe
from rgsd.viewing.play.skills import FIRST_FRAME, STANDING, SkillSession
from rgsd.viewing.theme import group_colors

_MOST_BODIES = 9
_SPHERE = np.array([-1.0, 0.0, 0.75])  # its middle, in the body's heights: left of the body, as one sees it


class SkillPage(ActingPage):
    """The page of `rgsd play RUN`.

    Args:
        server: with nothing on it yet.
        session: what is played.
        title: stands above the panel.
        out: folder for recordings.
    """

    def __init__(self, server: viser.ViserServer, session: SkillSession, title: str, out: Path) -> None:
        super().__init__(server, session, title, out)
        self.session = session
        self._buttons: dict[str, viser.GuiButtonHandle] = {}
        self._marked = ""
        height = self.stage.height
        self.globe = Globe(
            server, session.map, height * _SPHERE, 0.42 * height, lambda hit: self.order(lambda: self._pick(hit))
        )
        server.gui.add_markdown("Click on the sphere or a clip: that skill is next. Drag to look around.")
        tabs = server.gui.add_tab_group()
        with tabs.add_tab("Skill", viser.Icon.WORLD):
            self._add_choices()
            self._add_blend()
            self._add_sphere()
        with tabs.add_tab("Body", viser.Icon.RUN):
            self._add_bodies()
            self.add_body_controls()
        with tabs.add_tab("Record", viser.Icon.MOVIE):
            self.add_recording()
            self._command = server.gui.add_html("")
        self.add_plots()

    def show(self) -> None:
        super().show()
        self.globe.show(self.session.z)

    def tell(self) -> str:
        session = self.session
        self._z.value = "  ".join(f"{x:+.2f}" for x in session.z[0].tolist())
        self._fraction.value = round(session.map.fraction(session.steering.goal[0]), 2)
        command = copyable(session.command())
        if command != self._command.content:
            self._command.content = command
        self._mark(session.steering.chosen.clip)
        return f"**{session.steering.chosen.words}** · {super().tell()}"

    def _mark(self, clip: str) -> None:
        """Show by a sign on its button which clip leads; none, if another latent does."""
        if clip == self._marked:
            return
        for name, icon in ((self._marked, None), (clip, viser.Icon.PLAYER_PLAY)):
            if name in self._buttons:
                self._buttons[name].icon = icon
        self._marked = clip

    def _pick(self, hit: str | Tensor) -> None:
        if isinstance(hit, str):
            self.session.steering.go_to_clip(hit)
        else:
            self.session.steering.go_to(self.session.map.towards(self.session.steering.goal[0], hit))

    def _add_choices(self) -> None:
        gui, steering = self.server.gui, self.session.steering
        others = gui.add_button_group("go to", ("next", "random", "near") if steering.clips else ("random", "near"))
        acts = {"next": steering.next_clip, "random": steering.draw, "near": steering.draw_near}
        others.on_click(lambda _: self.order(acts[others.value]))
        kappa = gui.add_slider(
            "log10 kappa",
            0.0,
            4.0,
            0.1,
            float(np.log10(steering.kappa)),
            hint="of 'near': how close it stays to the present skill; 2 is kappa 100, more is closer",
        )
        glide = gui.add_slider("glide (s)", 0.0, 3.0, 0.1, steering.glide, hint="time from one skill to the next")
        self.on_change(kappa, lambda value: setattr(steering, "kappa", 10.0**value))
        self.on_change(glide, lambda value: setattr(steering, "glide", value))
        if steering.clips:
            with gui.add_folder("Clips"):
                self._buttons = {
                    name: self._add_clip(name, color) for name, color in group_colors(steering.clips).items()
                }

    def _add_clip(self, name: str, color: str) -> viser.GuiButtonHandle:
        """A button in the colour of the clip's mark on the sphere and of its curve."""
        red, green, blue = (round(255 * x) for x in to_rgb(color))
        button = self.server.gui.add_button(name, color=(red, green, blue))
        self.on_click(button, lambda: self.session.steering.go_to_clip(name))
        return button

    def _add_blend(self) -> None:
        gui, steering = self.server.gui, self.session.steering
        names = tuple(steering.clips)
        if len(names) < 2:
            return
        with gui.add_folder("Blend of two clips", expand_by_default=False):
            one, other = gui.add_dropdown("from", names), gui.add_dropdown("to", names, initial_value=names[1])
            fraction = gui.add_slider("fraction of the second", 0.0, 1.0, 0.01, 0.5)

        def blend(_: object) -> None:
            steering.blend(one.value, other.value, fraction.value)

        for control in (one, other, fraction):
            self.on_change(control, blend)
        with gui.add_folder("Sequence of clips", expand_by_default=False):
            order = gui.add_text("clips", ", ".join(names), hint="names with commas between them")
            each = gui.add_slider("each (s)", 0.5, 10.0, 0.5, 3.0)
            start = gui.add_button("Play the sequence")

        def play_sequence() -> None:
            steering.play_sequence([word.strip() for word in order.value.split(",") if word.strip()], each.value)

        self.on_click(start, play_sequence)

    def _add_sphere(self) -> None:
        gui, session = self.server.gui, self.session
        with gui.add_folder("Sphere"):
            axes = gui.add_dropdown("axes", tuple(session.map.choices))
            self._fraction = gui.add_slider(
                "in these axes", 0.0, 1.0, 0.01, 1.0, hint="how much of z the picture shows; a click keeps the rest"
            )
            self._z = gui.add_text("z", "", disabled=True)

        def choose(name: str) -> None:
            session.map.choose(name)
            self.globe.redraw()

        self.on_change(axes, choose)
        self.on_change(
            self._fraction,
            lambda value: session.steering.go_to(session.map.with_fraction(session.steering.goal[0], value)),
        )

    def _add_bodies(self) -> None:
        gui, session = self.server.gui, self.session
        count = gui.add_slider("bodies", 1, _MOST_BODIES, 1, 1, hint="several get random directions; the first is led")
        start = gui.add_dropdown("begin in", (STANDING, FIRST_FRAME))
        ghost = gui.add_checkbox("reference as a ghost", True, visible=session.ghost.available)

        def set_count(value: int) -> None:
            wanted = min(max(value, 1), _MOST_BODIES)  # more can be typed than slid
            session.set_count(wanted)
            self.stage.set_count(wanted)

        def begin_in(value: str) -> None:
            session.start = value
            session.reset()

        self.on_change(count, set_count)
        self.on_change(start, begin_in)
        self.on_change(ghost, lambda value: setattr(self, "shows_ghost", value))

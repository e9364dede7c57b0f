"""`ActingPage`: the page of bodies that a policy moves: what one does to them, what is recorded, and live curves."""

from __future__ import annotations

import html
import threading
from pathlib import Path

import numpy as np
import viser
from viser.uplot import Scale

from rgsd.viewing.play.acting import TRACE_SECONDS, Acting, direction
from rgsd.viewing.play.page import Page
from rgsd.viewing.play.stage import Stage
from rgsd.viewing.play.take import Take
from rgsd.viewing.theme import ACCENT, WARM, group_colors
from rgsd.viewing.video import FilmUnavailable

_CURVE, _PLOT_WIDTH = 150, 300  # points of a curve, and the plots' width, pixels
_PUSH = 0.4  # m/s that the push begins with


class ActingPage(Page):
    """A page of acting bodies.

    Args:
        server: with nothing on it yet.
        session: the bodies.
        title: stands above the panel.
        out: folder for recordings.
    """

    def __init__(self, server: viser.ViserServer, session: Acting, title: str, out: Path) -> None:
        super().__init__(server, Stage(server, session.body), session.body.control_dt, title)
        self.acting, self._out = session, out
        self.shows_ghost = self.shows_trail = True
        self._plots: dict[tuple[str, ...], viser.GuiUplotHandle] = {}

    def advance(self) -> None:
        self.acting.advance()

    def show(self) -> None:
        ghost = self.acting.ghost.qpos if self.shows_ghost else None
        self.stage.show(self.acting.state, ghost, list(self.acting.trail) if self.shows_trail else [])

    def tell(self) -> str:
        columns = self.acting.trace.columns()
        length = len(next(iter(columns.values())))
        step = max(1, length // _CURVE)
        times = np.linspace(1 - length, 0, length, dtype=np.float64)[::step] * np.float64(self.acting.body.control_dt)
        if length > 1:
            for names, plot in self._plots.items():
                plot.data = (times, *(columns[name][::step] for name in names))
        fallen = int(self.acting.down.sum())
        of = f" of {len(self.acting.down)}" if len(self.acting.down) > 1 else ""
        alike = self.acting.looks_like()
        looks = f" · looks like {alike[0]} ({alike[1]:.2f})" if alike else ""
        return f"{self.acting.seconds:.1f} s{f' · **{fallen}{of} down**' if fallen else ''}{looks}"

    def add_body_controls(self) -> None:
        """Reset, push, and what is shown."""
        gui = self.server.gui
        mass = float(self.acting.body.model.body_mass.sum())
        self.on_click(gui.add_button("Reset", icon=viser.Icon.REFRESH), self.acting.reset)
        with gui.add_folder("Push"):
            impulse = gui.add_slider(
                "impulse (N s)", 0.0, round(1.5 * mass), round(mass / 100, 2), round(_PUSH * mass, 1)
            )
            towards = gui.add_dropdown("towards", ("left", "right", "ahead", "back"))
            push = gui.add_button("Push", icon=viser.Icon.HAND_STOP)
        self.on_click(push, lambda: self.acting.push(impulse.value, direction(towards.value)))
        restarts = gui.add_checkbox("begin anew after a fall", True)
        trail = gui.add_checkbox("trail", True)
        self.on_change(restarts, lambda value: setattr(self.acting, "restarts", value))
        self.on_change(trail, lambda value: setattr(self, "shows_trail", value))

    def add_recording(self) -> None:
        """Record what goes on, and write it as a film or as arrays."""
        gui = self.server.gui
        begin = gui.add_button("Record", icon=viser.Icon.PLAYER_RECORD)
        film = gui.add_button("Stop, write MP4", icon=viser.Icon.MOVIE, disabled=True)
        arrays = gui.add_button("Stop, write npz", icon=viser.Icon.DATABASE, disabled=True)

        def recording(goes_on: bool) -> None:
            begin.disabled, film.disabled, arrays.disabled = goes_on, not goes_on, not goes_on

        def start() -> None:
            self.acting.record()
            recording(True)

        def stop(kind: str) -> None:
            recording(False)
            take = self.acting.stop_recording()
            # a film takes longer than the page may stand still
            threading.Thread(target=self._write, args=(take, kind), daemon=True).start()

        self.on_click(begin, start)
        self.on_click(film, lambda: stop("mp4"))
        self.on_click(arrays, lambda: stop("npz"))

    def add_plots(self) -> None:
        """Curves of the last seconds, in a panel of their own."""
        names = self.acting.trace.names
        panel = self.server.gui.add_panel()
        with panel.add_tab("Live", viser.Icon.CHART_LINE):
            clips = names[3:]
            if clips:
                self._add_plot(
                    "which clip it looks like: cos(mu(s), z_m)", clips, group_colors(clips), (-1.05, 1.05), 230
                )
            if len(names) > 2:
                self._add_plot("as it was asked: mu(s)·z", names[2:3], {names[2]: WARM}, (-1.05, 1.05))
            for name in names[:2]:
                self._add_plot(name, (name,), {name: ACCENT})
        panel.dock_left()
        panel.set_width(_PLOT_WIDTH)

    def _add_plot(
        self,
        title: str,
        names: tuple[str, ...],
        colors: dict[str, str],
        limits: tuple[float, float] | None = None,
        height: int = 130,
    ) -> None:
        scale = Scale(auto=True) if limits is None else Scale(auto=False, range=limits)
        self._plots[names] = self.server.gui.add_uplot(
            (np.array([-TRACE_SECONDS, 0.0]), *(np.zeros(2) for _ in names)),
            ({"label": "s"}, *({"label": name, "stroke": colors[name], "width": 2} for name in names)),
            title=title,
            scales={"x": Scale(time=False, auto=False, range=(-TRACE_SECONDS, 0.0)), "y": scale},
            legend={"show": len(names) > 1, "live": False},
            height=height,
        )

    def _write(self, take: Take, kind: str) -> None:
        try:
            path = take.write(self._out, kind)
        except (ValueError, OSError, FilmUnavailable) as error:
            self.notify("Nothing was written", str(error))
        else:
            self.notify("Written", f"{take.seconds:.1f} s in {path}")


def copyable(command: str) -> str:
    """HTML of a command line with a button that copies it."""
    shown = html.escape(command, quote=True)
    return (
        f'<div style="padding:0 0.8em 0.6em"><code style="font-size:0.8em;word-break:break-word">{shown}</code><br>'
        f'<button style="margin-top:0.4em;cursor:pointer" data-command="{shown}" '
        "onclick=\"navigator.clipboard.writeText(this.dataset.command); this.textContent='Copied'\">"
        "Copy as command</button></div>"
    )

"""`Page`: what every page has: orders from the browser, time and its controls, and the loop that plays it."""

from __future__ import annotations

import queue
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import viser

from rgsd.errors import UsageError
from rgsd.viewing.play.clock import Clock
from rgsd.viewing.play.stage import Stage
from rgsd.viewing.video import FilmUnavailable

_PICTURES, _WORDS = 1 / 50, 1 / 5  # s between pictures of the scene, and between what is told in words and curves


class Page(ABC):
    """A scene and a panel in a browser.

    What the browser asks for is carried out between two steps, by the thread that plays: nothing else needs a lock.

    Attributes:
        server: what the browser talks to.
        stage: the scene.
        clock: how fast it is played.

    Args:
        server: with nothing on it yet.
        stage: its scene.
        step_seconds: what one step is worth, s.
        title: stands above the panel.
    """

    def __init__(self, server: viser.ViserServer, stage: Stage, step_seconds: float, title: str) -> None:
        self.server, self.stage, self.clock = server, stage, Clock(step_seconds)
        self._orders: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._pictures: list[float] = []
        self._shown = self._told = float("-inf")
        server.gui.configure_theme(show_logo=False, show_share_button=False, brand_color=(37, 99, 168))
        server.gui.set_panel_label(title)
        server.gui.main_panel.dock_right()
        self._status = server.gui.add_markdown("")
        self._add_time()

    @abstractmethod
    def advance(self) -> None:
        """One step."""

    @abstractmethod
    def show(self) -> None:
        """Draw the scene as it is."""

    @abstractmethod
    def tell(self) -> str:
        """Bring words and curves up to date, and return the line of what goes on."""

    def order(self, work: Callable[[], object]) -> None:
        """Carry something out between two steps; what cannot be done is told in the browser."""

        def safely() -> None:
            try:
                work()
            except (UsageError, FilmUnavailable) as error:
                self.notify("That cannot be done", str(error))

        self._orders.put(safely)

    def on_click(self, button: Any, work: Callable[[], object]) -> None:
        """Carry something out when a button is clicked."""
        button.on_click(lambda _: self.order(work))

    def on_change(self, control: Any, work: Callable[[Any], object]) -> None:
        """Carry something out with a control's value when a person, not the program, has changed it."""

        def changed(event: Any) -> None:
            if event.client is not None:
                value = control.value
                self.order(lambda: work(value))

        control.on_update(changed)

    def notify(self, title: str, text: str) -> None:
        """Tell everybody who looks."""
        for client in self.server.get_clients().values():
            client.add_notification(title, text, auto_close_seconds=8.0)

    def tick(self, now: float) -> None:
        """Carry out orders, take the steps that are due at the time `now`, s, and show what has come of it."""
        changed = False
        while not self._orders.empty():
            self._orders.get()()
            changed = True
        for _ in range(self.clock.due(now)):
            self.advance()
            changed = True
        if changed and now - self._shown >= _PICTURES * 0.9:
            self.show()
            self._shown = now
            self._pictures.append(now)
        if now - self._told >= _WORDS:
            self._pictures = [shown for shown in self._pictures if shown > now - 2.0]
            rate = len(self._pictures) / 2
            self._status.content = f"{self.tell()}  \n{rate:.0f} pictures/s"
            self._told = now

    def play(self, until: Callable[[], bool] = lambda: False) -> None:
        """Play in real time until told to stop, or interrupted."""
        self.show()
        while not until():
            begin = time.monotonic()
            self.tick(begin)
            time.sleep(max(0.002, 0.01 - (time.monotonic() - begin)))

    def _add_time(self) -> None:
        gui = self.server.gui
        with gui.add_folder("Time"):
            buttons = gui.add_button_group("play", ("pause", "go on", "one step"))
            speed = gui.add_slider("speed", 0.1, 2.0, 0.1, 1.0, hint="seconds played in a second")
            follow = gui.add_checkbox("camera follows", True)
        acts = {"pause": self._pause, "go on": self._go_on, "one step": self.clock.step_once}
        buttons.on_click(lambda _: self.order(acts[buttons.value]))
        self.on_change(speed, lambda value: setattr(self.clock, "speed", value))
        self.on_change(follow, lambda value: setattr(self.stage, "follows", value))

    def _pause(self) -> None:
        self.clock.paused = True

    def _go_on(self) -> None:
        self.clock.paused = False

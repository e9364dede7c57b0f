"""What a training shows while it runs: a live panel on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Mapping
from itertools import pairwise
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from rgsd.viewing.plots import number

_SHOWN = {
    "Perf/steps_per_s": ("steps/s", ",.0f"),
    "Train/mean_reward": ("reward", ".3f"),
    "Imitation/episode_s": ("imitated, s", ".2f"),
    "Skill/alignment": ("alignment", ".3f"),
    "Imitation/error_cm": ("imitation error, cm", ".2f"),
    "Discovery/alignment": ("discovery alignment", ".3f"),
    "Discovery/fall_rate": ("falls", ".1%"),
    "Discovery/spread_m": ("discovery spread, m", ".2f"),
    "Check/survival": ("check: survival", ".0%"),
    "Check/error_cm": ("check: error, cm", ".1f"),
    "Check/fall_rate": ("check: falls", ".0%"),
    "Task/speed_to_goal": ("speed to goal, m/s", ".2f"),
    "Task/success": ("goals reached", ".1%"),
    "Task/style": ("style", ".2f"),
}
_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 32  # characters of a sparkline
_PLAIN_PERIOD = 10.0  # s between plain lines


def sparkline(values: list[float], width: int = _WIDTH) -> str:
    """At most `width` block characters for the course of values, the least lowest; each is a mean over its part."""
    kept = [v for v in values if v == v]
    if not kept:
        return ""
    count = min(width, len(kept))
    edges = [round(i * len(kept) / count) for i in range(count + 1)]
    means = [sum(kept[a:b]) / (b - a) for a, b in pairwise(edges)]
    low, span = min(means), (max(means) - min(means)) or 1.0
    return "".join(_BARS[round((m - low) / span * (len(_BARS) - 1))] for m in means)


class TrainingDisplay:
    """Shows a training's time, speed and skill; use it in a `with`.

    Args:
        total_steps: samples that the training takes in all.
        total_seconds: seconds that it takes in all; the end is foreseen by whichever is given.
        console: where to write; the terminal's standard output if not given.
    """

    def __init__(
        self, *, total_steps: int | None = None, total_seconds: float | None = None, console: Console | None = None
    ) -> None:
        self._total_steps, self._total_seconds = total_steps, total_seconds
        self._console = console or Console(file=sys.stdout)
        self._courses: dict[str, deque[float]] = {key: deque(maxlen=1000) for key in _SHOWN}
        self._live: Live | None = None
        self._start = self._last_line = 0.0
        self._first: tuple[float, float] | None = None  # seconds and samples of the first update

    def __enter__(self) -> Self:
        self._start = time.monotonic()
        self._last_line = -_PLAIN_PERIOD
        if self._console.is_terminal:
            self._live = Live(console=self._console, refresh_per_second=4)
            self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.__exit__(None, None, None)

    def update(self, metrics: Mapping[str, object]) -> None:
        """Take one iteration's metrics, as written to metrics.jsonl; what is missing is not shown."""
        for key, course in self._courses.items():
            value = number(metrics.get(key))
            if value == value:
                course.append(value)
        elapsed, samples = number(metrics.get("seconds")), number(metrics.get("samples"))
        if elapsed != elapsed:
            elapsed = time.monotonic() - self._start
        if self._first is None and samples == samples:
            self._first = elapsed, samples  # a resumed training begins with many of both
        fraction = self._fraction(elapsed, samples)
        if self._live is not None:
            self._live.update(self._panel(elapsed, samples, fraction))
        elif elapsed - self._last_line >= _PLAIN_PERIOD:
            self._last_line = elapsed
            self._console.print(self._line(elapsed, samples, fraction), highlight=False, soft_wrap=True)

    def _fraction(self, elapsed: float, samples: float) -> float | None:
        """How much of the training is done, in [0, 1]; None where no total is known."""
        if self._total_seconds:
            return min(1.0, elapsed / self._total_seconds)
        if self._total_steps and samples == samples:
            return min(1.0, samples / self._total_steps)
        return None

    def _remaining(self, elapsed: float, samples: float) -> float | None:
        """Seconds to go at the speed of this sitting; None where it cannot be told yet."""
        if self._total_seconds:
            return max(0.0, self._total_seconds - elapsed)
        if self._total_steps and self._first is not None and samples > self._first[1]:
            seconds, done = elapsed - self._first[0], samples - self._first[1]
            return seconds * max(0.0, self._total_steps - samples) / done
        return None

    def _headline(self, elapsed: float, samples: float) -> str:
        remaining = self._remaining(elapsed, samples)
        words = [_clock(elapsed), "" if remaining is None else f"{_clock(remaining)} left"]
        words.append(f"{samples / 1e6:.2f} M samples" if samples == samples else "")
        return "  ".join(w for w in words if w)

    def _line(self, elapsed: float, samples: float, fraction: float | None) -> str:
        metrics = [f"{_SHOWN[k][0]} {course[-1]:{_SHOWN[k][1]}}" for k, course in self._courses.items() if course]
        percent = [] if fraction is None else [f"{fraction:.0%}"]
        return "  ".join([*percent, self._headline(elapsed, samples), *metrics])

    def _panel(self, elapsed: float, samples: float, fraction: float | None) -> Group:
        rows = Table.grid(padding=(0, 2))
        for key, course in self._courses.items():
            if course:
                name, form = _SHOWN[key]
                value, line = Text(f"{course[-1]:{form}}", "bold"), Text(sparkline([*course]), "cyan")
                rows.add_row(Text(name, "dim"), value, line)
        bar = ProgressBar(total=1.0, completed=fraction or 0.0, width=60, pulse=fraction is None)
        return Group(Text(self._headline(elapsed, samples), "bold"), bar, rows)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"

"""`Clock`: how many steps are due at a moment, at a chosen speed, paused or one by one. `Trace`: what has just been."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

_MOST = 8  # steps at once: a machine that cannot keep up plays slower instead of in leaps


class Clock:
    """Real time turned into steps.

    Attributes:
        paused: whether time stands still.
        speed: seconds played a second.

    Args:
        step_seconds: what one step is worth, s.
    """

    def __init__(self, step_seconds: float) -> None:
        self.step_seconds = step_seconds
        self.paused, self.speed = False, 1.0
        self._owed = 0.0
        self._last: float | None = None
        self._single = 0

    def step_once(self) -> None:
        """Pause, and let one step be due."""
        self.paused = True
        self._single += 1

    def due(self, now: float) -> int:
        """How many steps to take at the time `now`, s, of any clock that does not go back."""
        passed = 0.0 if self._last is None else now - self._last
        self._last = now
        if self.paused:
            steps, self._single, self._owed = self._single, 0, 0.0
            return steps
        self._owed += passed * self.speed / self.step_seconds
        steps = int(self._owed)
        self._owed = 0.0 if steps > _MOST else self._owed - steps
        return min(steps, _MOST)


class Trace:
    """The last values of some measures, for plots.

    Args:
        names: of the measures.
        length: how many steps are kept.
    """

    def __init__(self, names: Sequence[str], length: int) -> None:
        self.names = tuple(names)
        self._rows: deque[tuple[float, ...]] = deque(maxlen=length)

    def add(self, values: Sequence[float]) -> None:
        """One step's values, in the order of the names."""
        self._rows.append(tuple(values))

    def clear(self) -> None:
        """Begin anew."""
        self._rows.clear()

    def columns(self) -> dict[str, np.ndarray]:
        """(T,) by name, the latest last."""
        rows = np.array(self._rows, dtype=float).reshape(-1, len(self.names))
        return dict(zip(self.names, rows.T, strict=True))

"""`TrainingLoop`: iterate, log, checkpoint and stop, whatever it is that is trained."""

from __future__ import annotations

import math
import signal
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import Any

from rgsd.learning import distributed
from rgsd.learning.metrics_log import Logger, MetricsLog


class DivergedError(RuntimeError):
    """Learning has come to numbers that are not finite."""


class TrainingLoop(ABC):
    """A training in its run folder, which says what an iteration is and how it is saved.

    Attributes:
        folder: of the run; `checkpoints/`, `metrics.jsonl` and the logger's files go there.
        iteration, samples, seconds: iterations, environment steps and seconds so far, earlier sittings included.

    Args:
        folder: of the run.
        checkpoint_minutes: training time between checkpoints, min.
        check_minutes: training time between checks, min; 0 for none.
    """

    def __init__(self, folder: Path, checkpoint_minutes: float, check_minutes: float = 0.0) -> None:
        self.folder, self._checkpoint_minutes, self._check_minutes = folder, checkpoint_minutes, check_minutes
        self.iteration, self.samples, self.seconds = 0, 0, 0.0

    @abstractmethod
    def iterate(self) -> dict[str, float]:
        """One iteration; counts it and returns its metrics."""

    @abstractmethod
    def save(self) -> None:
        """Write a checkpoint and what is published."""

    def run(
        self,
        steps: int | None = None,
        minutes: float | None = None,
        on_iteration: Callable[[dict[str, float]], None] | None = None,
        check: Callable[[], Mapping[str, float]] | None = None,
        logger: Logger = "tensorboard",
    ) -> bool:
        """Train until a number of environment steps or minutes in total, earlier sittings included.

        Stops early, with a checkpoint, when any process gets SIGINT or SIGTERM.

        Args:
            steps, minutes: the goal.
            on_iteration: told the metrics of each iteration.
            check: looks at what has been learned, in the first process, and gives metrics that join the iteration's;
                its time is not the training's, and it must draw from nothing that the training draws from.
            logger: what draws the metrics, beside `metrics.jsonl`.

        Returns:
            Whether the goal was reached.

        Raises:
            DivergedError: a metric of an iteration is not finite; nothing of it is saved.
        """
        (self.folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        checkpointed = self.seconds
        with (
            _stop_signals() as stop,
            MetricsLog(self.folder, self.iteration, logger) if distributed.is_main() else nullcontext() as log,
        ):
            while not reached(self.samples, self.seconds, steps, minutes) and not distributed.anyone(bool(stop)):
                before = self.seconds
                metrics = self.iterate()
                check_finite(self.iteration, metrics)
                if log is not None:
                    if check is not None and self._is_due(before):
                        metrics |= check()
                    log.write(metrics)
                if on_iteration is not None:
                    on_iteration(metrics)
                if self.seconds - checkpointed > 60 * self._checkpoint_minutes:
                    self.save()
                    checkpointed = self.seconds
            done = reached(self.samples, self.seconds, steps, minutes)
            self.save()
        return done

    def _is_due(self, before: float) -> bool:
        """Whether a whole number of periods of the check has passed since `before`, s; resuming changes no moment."""
        period = 60 * self._check_minutes
        return period > 0 and self.seconds // period > before // period


def check_finite(iteration: int, metrics: Mapping[str, float]) -> None:
    """Stop at numbers that are none: what is learned from them is lost, and a policy of NaN neither moves nor falls.

    Raises:
        DivergedError: a metric is not finite; the message names the first and the remedy.
    """
    for name, value in metrics.items():
        if not math.isfinite(value):
            raise DivergedError(
                f"iteration {iteration}: {name} is {value}; training stopped, and its last checkpoint is from before. "
                "--resume goes on from it and may meet the same again: train anew with a lower --ppo.learning-rate, or "
                "look for what is extreme in the settings or motions"
            )


def reached(samples: int, seconds: float, steps: int | None, minutes: float | None) -> bool:
    """Whether a run has come to its goal, a number of environment steps or of minutes in total."""
    return (steps is not None and samples >= steps) or (minutes is not None and seconds >= 60 * minutes)


@contextmanager
def _stop_signals() -> Iterator[list[int]]:
    """A list that becomes non-empty when SIGINT or SIGTERM arrives; a second one stops at once."""
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)

    before: dict[int, Any] = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                before[number] = signal.signal(number, note)
            except ValueError:  # not the main thread: whoever runs us there stops us by other means
                break
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

import io

import pytest
from rich.console import Console

from rgsd.viewing import progress
from rgsd.viewing.progress import TrainingDisplay, sparkline


class Clock:
    """A clock that a test turns on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress.time, "monotonic", clock)
    return clock


def test_a_sparkline_goes_from_the_least_to_the_greatest() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert sparkline([0, 0, 9, 9, float("nan")], width=2) == "▁█"
    assert sparkline([5.0]) == "▁"
    assert sparkline([]) == ""


def test_plain_lines_come_every_ten_seconds_and_tell_the_rest(clock: Clock) -> None:
    out = io.StringIO()
    with TrainingDisplay(total_steps=5000, console=Console(file=out, width=40)) as display:
        for second in range(0, 25, 5):
            clock.now = 100.0 + second
            display.update({"samples": 1000 + 100 * second, "Discovery/fall_rate": 0.125, "Loss/value": 1.0})
    first, second, third = out.getvalue().splitlines()  # at 0, 10 and 20 s
    assert first.startswith("20%  0:00")
    assert "left" not in first  # no speed yet
    # after 10 s: 2000 of 5000 samples, of which 1000 in 10 s; 3000 to go take 30 s
    assert second == "40%  0:10  0:30 left  0.00 M samples  falls 12.5%"
    assert third.startswith("60%  0:20  0:20 left")


def test_a_resumed_training_foresees_its_end_by_its_own_speed() -> None:
    out = io.StringIO()
    with TrainingDisplay(total_steps=10_000, console=Console(file=out)) as display:
        display.update({"seconds": 3600.0, "samples": 4000})
        display.update({"seconds": 3620.0, "samples": 5000})
    # 1000 in the last 20 s: the 5000 to go take 100 s, whatever the first hour was spent on
    assert out.getvalue().splitlines()[1].startswith("50%  1:00:20  1:40 left")


def test_a_time_budget_counts_down(clock: Clock) -> None:
    out = io.StringIO()
    with TrainingDisplay(total_seconds=4000, console=Console(file=out)) as display:
        clock.now += 100
        display.update({})
    assert out.getvalue().strip() == "2%  1:40  1:05:00 left"


def test_a_terminal_gets_a_live_panel(clock: Clock) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=100, legacy_windows=False)
    with TrainingDisplay(total_seconds=600, console=console) as display:
        for value in (0.1, 0.9):
            display.update({"Skill/alignment": value, "samples": 10})
    assert "alignment" in out.getvalue()
    assert "0.900" in out.getvalue()
    assert "▁█" in out.getvalue()

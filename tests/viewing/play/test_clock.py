import numpy as np

from rgsd.viewing.play.clock import Clock, Trace


def test_steps_come_due_as_time_passes() -> None:
    clock = Clock(0.1)
    assert clock.due(100.0) == 0  # the first look starts it
    assert clock.due(100.25) == 2
    assert clock.due(100.31) == 1  # 0.05 s were left over
    clock.speed = 0.5
    assert clock.due(100.51) == 1


def test_a_slow_machine_plays_slowly_instead_of_in_leaps() -> None:
    clock = Clock(0.1)
    clock.due(0.0)
    assert clock.due(10.0) == 8
    assert clock.due(10.15) == 1  # what was missed is forgotten


def test_paused_it_steps_on_demand_only() -> None:
    clock = Clock(0.1)
    clock.due(0.0)
    clock.paused = True
    assert clock.due(5.0) == 0
    clock.step_once()
    clock.step_once()
    assert [clock.due(6.0), clock.due(7.0)] == [2, 0]
    clock.paused = False
    assert clock.due(7.15) == 1  # the pause is not made up for


def test_a_trace_keeps_the_last_rows() -> None:
    trace = Trace(("a", "b"), 2)
    for step in range(3):
        trace.add((step, -step))
    found = trace.columns()
    np.testing.assert_array_equal(found["a"], [1, 2])
    np.testing.assert_array_equal(found["b"], [-1, -2])
    trace.clear()
    assert len(trace.columns()["a"]) == 0

from collections.abc import Callable

import numpy as np
import pytest

from rgsd.bodies.body import Body
from rgsd.errors import UnknownName
from rgsd.motions.motion import Motion
from rgsd.viewing.play.motions import MotionSession


@pytest.fixture
def session(tiny: Body, tiny_motion: Callable[..., Motion]) -> MotionSession:
    still, slide = tiny_motion("still", np.zeros((51, 2))), tiny_motion("slide", np.zeros((51, 2)), speed=0.5)
    return MotionSession(tiny, [still, slide])


def test_frames_follow_each_other_over_and_over_or_on_to_the_next(session: MotionSession) -> None:
    for _ in range(51):
        session.advance()
    assert (session.motion.name, session.frame) == ("still", 0)
    session.loops = False
    for _ in range(51 + 10):
        session.advance()
    assert (session.motion.name, session.frame) == ("slide", 10)
    # 10 frames at 50 a second and 0.5 m/s
    assert float(session.state.body_pos[0, 0, 0]) == pytest.approx(0.1, abs=1e-6)
    session.next()
    assert session.motion.name == "still"


def test_scrubbing_keeps_within_the_motion(session: MotionSession) -> None:
    session.show("slide")
    session.scrub(25)
    assert float(session.state.qpos[0, 0]) == pytest.approx(0.25)
    session.scrub(1000)
    assert session.frame == 50
    session.scrub(-1)
    assert session.frame == 0
    with pytest.raises(UnknownName, match="unknown clip 'slid'"):
        session.show("slid")

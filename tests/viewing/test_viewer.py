import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import mujoco
import numpy as np
import pytest

from rgsd.bodies import Body
from rgsd.errors import UsageError
from rgsd.viewing.run_folder import RunFolder, RunFolderError
from rgsd.viewing.viewer import Take, play, recorded_takes


def test_what_was_recorded_can_be_played(run_dir: Path, tmp_path: Path) -> None:
    takes = recorded_takes(RunFolder(run_dir))
    assert [t.name for t in takes] == ["walk_forward", "walk_back", "turn_left", "random skill 1", "random skill 2"]
    assert {(take.qpos.shape, take.fps) for take in takes} == {((40, 8), 50.0)}
    with pytest.raises(RunFolderError, match=r"no evaluation/rollouts\.npz to play; run `rgsd evaluate"):
        recorded_takes(RunFolder(tmp_path))


def test_without_a_display_the_remedy_is_a_film(body: Body, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(UsageError, match=r"no display .*`rgsd record RUN` films"):
        play(body, [])


def test_takes_follow_each_other_until_the_window_is_closed(body: Body, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    shown: list[float] = []

    def launch_passive(model: mujoco.MjModel, data: mujoco.MjData) -> nullcontext[SimpleNamespace]:
        """A window that is closed after five frames."""
        return nullcontext(
            SimpleNamespace(is_running=lambda: len(shown) < 5, sync=lambda: shown.append(float(data.qpos[2])))
        )

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setitem(sys.modules, "mujoco.viewer", SimpleNamespace(launch_passive=launch_passive))
    monkeypatch.setattr("time.sleep", pauses.append)
    monkeypatch.setattr("time.monotonic", lambda: 0.0)
    qpos = np.tile(body.standing_qpos, (3, 1))
    qpos[:, 2] = [0.5, 0.6, 0.7]
    play(body, [Take("a", qpos[:2], 50.0), Take("b", qpos[2:], 10.0)])
    assert shown == pytest.approx([0.5, 0.6, 0.7, 0.5, 0.6])
    assert pauses == pytest.approx([0.02, 0.02, 0.1, 0.02, 0.02])

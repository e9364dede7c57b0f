from pathlib import Path

import pytest

from rgsd.bodies import Body
from rgsd.viewing.run_folder import RunFolder, RunFolderError
from rgsd.viewing.viewer import NoDisplayError, play, recorded_clips


def test_what_was_recorded_can_be_played(run_dir: Path) -> None:
    clips = recorded_clips(RunFolder(run_dir))
    assert list(clips) == ["walk_forward", "walk_back", "turn_left", "random skill 1", "random skill 2"]
    assert {qpos.shape for qpos in clips.values()} == {(40, 8)}


def test_without_a_display_the_remedy_is_a_film(run_dir: Path, body: Body, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(NoDisplayError, match="rgsd record"):
        play(RunFolder(run_dir), body)
    with pytest.raises(RunFolderError, match="nothing recorded under 'trot'"):
        play(RunFolder(run_dir), body, only="trot")

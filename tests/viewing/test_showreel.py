from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from rgsd.bodies import Body
from rgsd.viewing import showreel
from rgsd.viewing.run_folder import RunFolder, RunFolderError
from rgsd.viewing.video import GlUnavailable


def test_the_showreel_has_rows_of_imitation_and_discovery(
    run_dir: Path, body: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(showreel, "_SIZE", (64, 48))
    try:
        path = showreel.write_showreel(RunFolder(run_dir), body, seconds=0.2)
    except GlUnavailable as error:
        pytest.skip(str(error))
    # 0.2 s at 25 of 50 frames a second; a row of 3 clips and a blank, a row of 2 random skills
    film = iio.imread(path, plugin="FFMPEG")
    assert film.shape == (5, 96, 256, 3)
    assert film[0, :48, 200:].std() < 3
    assert film[0, :48, :60].std() > 10
    assert RunFolder(run_dir).films == [path]


def test_a_run_that_discovers_nothing_is_filmed_too(run_dir: Path, body: Body, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(showreel, "_SIZE", (64, 48))
    kept = {k: v for k, v in RunFolder(run_dir).rollouts.items() if not k.startswith("discovery")}
    np.savez(run_dir / "evaluation" / "rollouts.npz", **kept)  # pyright: ignore[reportArgumentType]
    try:
        path = showreel.write_showreel(RunFolder(run_dir), body, seconds=0.2)
    except GlUnavailable as error:
        pytest.skip(str(error))
    # the row of 3 clips and a blank alone
    assert iio.imread(path, plugin="FFMPEG").shape == (5, 48, 256, 3)


def test_no_rollouts_no_film(tmp_path: Path, body: Body) -> None:
    with pytest.raises(RunFolderError, match="rgsd evaluate"):
        showreel.write_showreel(RunFolder(tmp_path), body)

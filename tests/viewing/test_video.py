import errno
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from rgsd.bodies import Body
from rgsd.viewing.video import FilmUnavailable, GlUnavailable, montage, render_frames, write_mp4

SIZE = (96, 64)


def poses(body: Body, y: float = 0.0) -> np.ndarray:
    qpos = np.tile(body.standing_qpos, (3, 1))
    qpos[:, 1] += y
    return qpos


@pytest.fixture(scope="module")
def plain(body: Body) -> list[np.ndarray]:
    try:
        return render_frames(body, poses(body), size=SIZE)
    except GlUnavailable as error:
        pytest.skip(str(error))


def test_the_body_is_seen_in_the_middle(plain: list[np.ndarray]) -> None:
    assert [frame.shape for frame in plain] == [(64, 96, 3)] * 3
    red, green, blue = plain[0][26:38, 42:54].reshape(-1, 3).mean(axis=0)  # the trunk is (0.9, 0.1, 0.1)
    assert red > 2 * green
    assert red > 2 * blue


def test_a_ghost_beside_the_body_adds_blue_and_leaves_the_body(body: Body, plain: list[np.ndarray]) -> None:
    haunted = render_frames(body, poses(body), poses(body, 0.5), size=SIZE)
    change = haunted[0].astype(int) - plain[0]
    touched = np.abs(change).max(axis=-1) > 15
    assert 20 < touched.sum() < touched.size / 3
    assert change[touched][:, 2].mean() > change[touched][:, 0].mean() + 10


def test_captions_may_differ_from_frame_to_frame(body: Body, plain: list[np.ndarray]) -> None:
    one, two, three = render_frames(body, poses(body), caption=["a", "a", "WWWWW"], size=SIZE)
    assert np.array_equal(one, two)
    assert not np.array_equal(two, three)
    assert np.array_equal(three[30:], plain[2][30:])  # only the upper strip is written on


def test_poses_that_do_not_fit_are_refused(body: Body) -> None:
    with pytest.raises(ValueError, match=r"ghost_qpos has shape \(2, 8\), expected \(3, 8\)"):
        render_frames(body, poses(body), poses(body)[:2])
    with pytest.raises(ValueError, match="2 texts for 3 poses"):
        render_frames(body, poses(body), caption=["a", "b"])


def test_a_montage_tiles_row_by_row_and_holds_the_last_frame() -> None:
    def panel(*levels: int) -> list[np.ndarray]:
        return [np.full((2, 4, 3), level, np.uint8) for level in levels]

    frames = montage([panel(10, 11), panel(20), panel(30)], columns=2)
    assert [f.shape for f in frames] == [(4, 8, 3)] * 2
    assert frames[1][0, 0, 0] == 11
    assert frames[1][0, 4, 0] == 20
    assert frames[1][2, 0, 0] == 30
    with pytest.raises(ValueError, match="one size"):
        montage([panel(1), []])


def test_a_film_reads_back_with_its_frames_and_even_sides(tmp_path: Path) -> None:
    frames = [np.full((33, 49, 3), 20 * i, np.uint8) for i in range(7)]
    write_mp4(tmp_path / "deep" / "film.mp4", frames, fps=25)
    read = iio.imread(tmp_path / "deep" / "film.mp4", plugin="FFMPEG")
    assert read.shape == (7, 32, 48, 3)
    assert read[:, 16, 24, 0] == pytest.approx(np.arange(7) * 20, abs=6)
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["film.mp4"]
    with pytest.raises(ValueError, match="at least one frame"):
        write_mp4(tmp_path / "none.mp4", [], fps=25)


def test_without_an_encoder_the_film_alone_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(FilmUnavailable, match=r"rgsd\[video\]"):
        write_mp4(tmp_path / "film.mp4", [np.zeros((4, 4, 3), np.uint8)], fps=25)
    assert not list(tmp_path.iterdir())


def test_a_film_that_the_disk_has_no_room_for_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ffmpeg takes a little, leaves half a film, says why and stops, while more pictures come."""
    ffmpeg, film = tmp_path / "ffmpeg", tmp_path / "films" / "film.mp4"
    ffmpeg.write_text(
        '#!/bin/sh\nfor last; do :; done\nhead -c 99 > "$last"\necho "$last: No space left on device" >&2\nexit 228\n'
    )
    ffmpeg.chmod(0o755)
    monkeypatch.setattr("imageio_ffmpeg.get_ffmpeg_exe", lambda: str(ffmpeg))
    film.parent.mkdir()
    film.write_text("old")
    with pytest.raises(OSError, match="No space left on device") as caught:
        write_mp4(film, [np.zeros((400, 400, 3), np.uint8)] * 9, fps=25)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(film))
    assert [(path.name, path.read_text()) for path in film.parent.iterdir()] == [("film.mp4", "old")]


@pytest.mark.parametrize(("asked", "tried"), [("osmesa", ["osmesa"]), ("off", ["egl", "osmesa"])])
def test_without_a_renderer_the_message_says_which_were_tried_and_why(
    body: Body, monkeypatch: pytest.MonkeyPatch, asked: str, tried: list[str]
) -> None:
    def missing(name: str) -> None:
        raise AttributeError(f"no {name}")  # what PyOpenGL raises without libOSMesa

    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("importlib.import_module", missing)
    monkeypatch.setenv("MUJOCO_GL", asked)
    with pytest.raises(GlUnavailable) as caught:
        render_frames(body, poses(body), size=SIZE)
    reasons = "; ".join(f"{choice}: no mujoco.{choice}" for choice in tried)
    assert str(caught.value).startswith(f"no offscreen OpenGL ({reasons}). ")
    assert ("MUJOCO_GL=osmesa allows no other: unset it" in str(caught.value)) == (asked == "osmesa")


def test_glfw_without_a_display_is_no_renderer(body: Body, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("MUJOCO_GL", "glfw")
    for display in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(display, raising=False)
    with pytest.raises(GlUnavailable, match=r"no offscreen OpenGL \(glfw: no display .*MUJOCO_GL=glfw allows no other"):
        render_frames(body, poses(body), size=SIZE)


def test_a_post_stands_where_it_is_asked_for(body: Body) -> None:
    poses = np.tile(body.standing_qpos, (2, 1))
    try:
        plain, posted = (
            render_frames(body, poses, size=(96, 72), posts=p) for p in (None, np.array([[-0.2, 0.3]] * 2))
        )
    except GlUnavailable as error:
        pytest.skip(str(error))
    assert (plain[0] != posted[0]).any(axis=-1).mean() > 0.005

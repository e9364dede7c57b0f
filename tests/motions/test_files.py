"""Folders, archives and links as users have them."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rgsd.motions.files import motion_files
from rgsd.motions.motion import MotionError

BVH = "HIERARCHY"


def labels(path: Path) -> list[str]:
    return [found.label.removeprefix(f"{path}/") for found in motion_files(path)]


def test_links_to_folders_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    data, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    data.mkdir()
    elsewhere.mkdir()
    (elsewhere / "walk.bvh").write_text(BVH)
    (data / "linked").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(data)
    assert labels(data) == ["linked/walk.bvh"]


def test_a_link_to_nothing_and_a_pipe_are_named(tmp_path: Path) -> None:
    (tmp_path / "gone.bvh").symlink_to(tmp_path / "nowhere.bvh")
    os.mkfifo(tmp_path / "pipe.bvh")  # reading it would wait for ever
    gone, pipe = motion_files(tmp_path)
    assert gone.fault == f"{gone.path}: a link to a file that is not there; take it out"
    assert pipe.fault == f"{pipe.path}: neither a file nor a folder; take it out"


@pytest.mark.parametrize(("ending", "mode"), [("tar", "w"), ("tar.bz2", "w:bz2"), ("tgz", "w:gz"), ("TAR.XZ", "w:xz")])
def test_tars_are_folders(tmp_path: Path, ending: str, mode: Any) -> None:
    (tmp_path / "walk.bvh").write_text(BVH)
    with tarfile.open(tmp_path / f"data.{ending}", mode) as archive:
        archive.add(tmp_path / "walk.bvh", "deep/walk.bvh")
        archive.add(tmp_path / "walk.bvh", "../../escaped.bvh")
        archive.add(tmp_path / "walk.bvh", "film.mp4")
    path = tmp_path / f"data.{ending}"
    assert labels(path) == ["deep/walk.bvh", "escaped.bvh"]
    assert not list(tmp_path.parent.glob("escaped.bvh"))


def test_of_a_tar_that_is_cut_off_the_beginning_is_taken(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "data.tar", "w") as archive:
        for name in ("a.bvh", "b.bvh"):
            member = tarfile.TarInfo(name)
            member.size = len(BVH)
            archive.addfile(member, io.BytesIO(BVH.encode()))
    content = (tmp_path / "data.tar").read_bytes()
    (tmp_path / "data.tar").write_bytes(content[: 1024 + 512 + 5])  # a member takes a header and a block of 512
    first, fault = motion_files(tmp_path / "data.tar")
    assert first.label.endswith("a.bvh")
    assert fault.fault.startswith(f"{tmp_path / 'data.tar'}: not a readable tar")


def test_a_damaged_member_of_a_zip_does_not_stop_the_others(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        archive.writestr("a.bvh", "HIERARCHY a")
        archive.writestr("b.bvh", "HIERARCHY b")
    content = (tmp_path / "data.zip").read_bytes()
    (tmp_path / "data.zip").write_bytes(content.replace(b"HIERARCHY a", b"HIERARCHY x"))  # its checksum is a's
    good, bad = motion_files(tmp_path / "data.zip")
    assert (good.label, good.fault) == (f"{tmp_path / 'data.zip'}/b.bvh", "")
    assert bad.fault.startswith(f"{tmp_path / 'data.zip'}/a.bvh: cannot be unpacked (Bad CRC-32")


def test_a_zip_that_holds_itself_has_an_end(tmp_path: Path) -> None:
    inner = b""
    for depth in range(5):
        with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
            archive.writestr("in.zip" if depth else "walk.bvh", inner or BVH)
        inner = (tmp_path / "data.zip").read_bytes()
    (found,) = motion_files(tmp_path / "data.zip")
    assert "lies in archives within archives; unpack them yourself" in found.fault


def test_what_is_larger_than_the_disk_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        archive.writestr("a.bvh", BVH)
    monkeypatch.setattr("shutil.disk_usage", lambda path: _Disk())
    (found,) = motion_files(tmp_path / "data.zip")
    assert "cannot be unpacked (it takes" in found.fault


class _Disk:
    free = 4


def test_digits_of_other_scripts_sort(tmp_path: Path, make_names: Callable[..., None]) -> None:
    make_names("a²", "a٣", "a10", "a9")
    assert labels(tmp_path)[:2] == ["a9.bvh", "a10.bvh"]


@pytest.fixture
def make_names(tmp_path: Path) -> Callable[..., None]:
    def make(*stems: str) -> None:
        for stem in stems:
            (tmp_path / f"{stem}.bvh").write_text(BVH)

    return make


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(MotionError, match="nowhere: no such file or folder"):
        next(motion_files(tmp_path / "nowhere"))

"""npz files as they come: damaged in every way, too large, or with fields that nobody needs."""

from __future__ import annotations

import contextlib
import zipfile
from pathlib import Path

import numpy as np
import pytest

from rgsd.motions.arrays import Arrays, MotionError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    np.savez_compressed(tmp_path / "a.npz", x=np.arange(1000.0), word=np.array("walk"), names=np.array(["a", "b"]))
    return tmp_path / "a.npz"


def refused(path: Path, name: str = "x") -> str:
    with pytest.raises(MotionError) as caught:
        Arrays(path)[name]
    return str(caught.value)


def test_arrays_are_read_by_name(path: Path) -> None:
    arrays = Arrays(path)
    np.testing.assert_array_equal(arrays["x"], np.arange(1000.0))
    assert (arrays.text("word"), arrays.words("names")) == ("walk", ("a", "b"))
    assert ("x" in arrays, "y" in arrays) == (True, False)
    assert refused(path, "y") == f"{path}: lacks y; it holds names, word, x"


def test_objects_are_refused_only_where_they_are_asked_for(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros(3), objects=np.array([{}], dtype=object))
    assert Arrays(tmp_path / "a.npz").real("x").sum() == 0
    assert "objects is not readable (Object arrays cannot be loaded" in refused(tmp_path / "a.npz", "objects")


def test_files_that_are_no_npz_are_named(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(b"")
    assert refused(path) == f"{path}: not a readable npz (it is empty); fetch the file again"
    path.write_bytes(whole[:100])
    assert "not a readable npz (File is not a zip file)" in refused(path)
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    assert "an npy, one array without a name, renamed; save its arrays by name" in refused(path)


def test_every_damaged_byte_is_a_refusal_or_harmless(path: Path) -> None:
    whole = path.read_bytes()
    for place in range(0, len(whole), 61):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        with contextlib.suppress(MotionError):  # whatever else is raised fails the test
            np.testing.assert_array_equal(Arrays(path)["x"], np.arange(1000.0))  # the damage is elsewhere


def test_a_header_that_claims_the_world_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "x.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": (10**13,)})
        file.write(b"\0" * 80)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.write(tmp_path / "x.npy", "x.npy")
    assert "x is not readable (" in refused(tmp_path / "a.npz")


def test_types_are_checked(path: Path) -> None:
    arrays = Arrays(path)
    for read, name, said in (
        (arrays.real, "word", "word is of type <U4, expected numbers; write them as floats"),
        (arrays.number, "x", "expected one number; mend the file"),
        (arrays.words, "word", r"word is of type <U4, shape (), expected a list of names; mend the file"),
        (arrays.text, "names", r"names is of type <U1, shape (2,), expected a text; mend the file"),
    ):
        with pytest.raises(MotionError) as caught:
            read(name)
        assert said in str(caught.value)

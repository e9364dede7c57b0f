"""Files damaged at random, by bytes and by meaning: only our own refusals come out, and what is taken is sound.

A few seconds' worth in the suite; by hand `RGSD_FUZZ=5000 pytest tests/motions/test_fuzz.py -s` for minutes.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rgsd.bodies.body import Body
from rgsd.cli.motion_tables import file_facts
from rgsd.motions.files import motion_files
from rgsd.motions.formats.smpl_clip import SmplClip
from rgsd.motions.importing import import_motions
from rgsd.motions.motion import RATES, Motion

COUNT = int(os.environ.get("RGSD_FUZZ", "60"))
NUMBERS = ("nan", "inf", "-1e308", "1e30", "1e-30", "0", "-1", "1e6", "90", "x", "", "1e400", "0x1f", "1,5")
VALUES = (np.nan, np.inf, -1e308, 1e30, 1e9, 1e-30, 0.0, -1.0, 57.3, 1e4)
Files = dict[str, bytes]


@pytest.fixture
def whole(
    tmp_path: Path,
    make_clip: Callable[..., SmplClip],
    write_accad: Callable[..., SmplClip],
    write_smpl: Callable[..., None],
    tiny_motion: Callable[..., Motion],
) -> Files:
    """One good file of each format and container."""
    folder = tmp_path / "whole"
    folder.mkdir()
    rotations = np.tile(np.eye(3), (6, 24, 1, 1))
    write_accad(folder / "accad.bvh", make_clip(rotations))
    write_smpl(folder / "smplh.npz", columns=156, frames=6)
    write_smpl(folder / "smplx.npz", columns=165, frames=6, rate_key="mocap_frame_rate")
    tiny_motion("swing", np.linspace(0, 1, 102).reshape(51, 2)).save(folder / "own.npz")
    upright = [1.0, 0.0, 0.0, 0.0]
    leg = [*upright, -0.3, *upright, *upright, 0.2]
    row = [0.04, 0.0, 0.9, 0.0, *upright, *upright, *upright, *leg, *leg]
    (folder / "dm.txt").write_text(json.dumps({"Loop": "wrap", "Frames": [row] * 6}))
    np.savetxt(folder / "robot.csv", np.tile([0, 0, 0.1, 0, 0, 0, 1, 0.1, 0.2], (6, 1)), delimiter=",")
    qpos = np.tile([0, 0, 0.1, 1, 0, 0, 0, 0.1, 0.2], (6, 1))
    np.savez(folder / "loco.npz", qpos=qpos, joint_names=np.array(["root", "left", "right"]), frequency=50.0)
    with zipfile.ZipFile(folder / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(folder / "smplh.npz", "a.npz")
        archive.write(folder / "robot.csv", "b.csv")
    with tarfile.open(folder / "all.tar.bz2", "w:bz2") as archive:
        archive.add(folder / "loco.npz", "loco.npz")
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def damaged_bytes(rng: np.random.Generator, content: bytes) -> bytes:
    """A stretch of bytes cut off, taken out, doubled, zeroed or changed."""
    start, end = sorted(int(place) for place in rng.integers(0, len(content) + 1, size=2))
    end = min(end, start + int(rng.integers(1, 64)))
    match int(rng.integers(5)):
        case 0:
            return content[:start]
        case 1:
            return content[:start] + content[end:]
        case 2:
            return content[:end] + content[start:]
        case 3:
            return content[:start] + bytes(end - start) + content[end:]
        case _:
            return content[:start] + rng.bytes(end - start) + content[end:]


def damaged_words(rng: np.random.Generator, content: bytes) -> bytes:
    """A few words of a text replaced by odd numbers, or by other words of it."""
    words = content.decode().split(" ")
    for place in rng.integers(0, len(words), size=int(rng.integers(1, 4))):
        words[place] = str(rng.choice(NUMBERS)) if rng.random() < 0.7 else words[int(rng.integers(len(words)))]
    return " ".join(words).encode()


def damaged_arrays(rng: np.random.Generator, content: bytes) -> bytes:
    """An array dropped, or given another value, shape or type."""
    with np.load(io.BytesIO(content)) as data:
        arrays: dict[str, Any] = dict(data)
    name = str(rng.choice(sorted(arrays)))
    value = arrays[name]
    match int(rng.integers(7)):
        case 0:
            del arrays[name]
        case 1:
            arrays[name] = value[..., :1] if value.ndim else value[None]
        case 2:
            arrays[name] = value[:1] if value.ndim else np.array([value] * 3)
        case 3:
            arrays[name] = np.array([{}], dtype=object)
        case 4:
            arrays[name] = value.astype(str)
        case 5:
            arrays[name] = np.zeros((0, 3))
        case _:
            if value.dtype.kind in "fi":
                changed = np.array(value, dtype=float)
                changed.reshape(-1)[int(rng.integers(max(changed.size, 1))) :: int(rng.integers(1, 9))] = rng.choice(
                    VALUES
                )
                arrays[name] = changed
            else:
                arrays[name] = np.array("\0/../x")
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def damaged(rng: np.random.Generator, name: str, content: bytes) -> bytes:
    kind = rng.random()
    if kind < 0.6 and name.endswith(".npz"):
        return damaged_arrays(rng, content)
    if kind < 0.6 and name.endswith((".bvh", ".txt", ".csv")):
        return damaged_words(rng, content)
    return damaged_bytes(rng, content)


def check_sound(motion: Motion, body: Body) -> None:
    """Finite, of the body, at a possible rate, and not beyond what a number of metres or radians can mean."""
    motion.check("taken", body)
    assert RATES[0] <= motion.fps <= RATES[1]
    assert motion.num_frames <= 10_000
    for values in (motion.qpos, motion.qvel):
        assert np.isfinite(values).all()
        assert np.abs(values).max() <= 1e4


def test_only_refusals_come_out_and_what_is_taken_is_sound(
    whole: Files, tmp_path: Path, smpl: Body, tiny: Body
) -> None:
    rng, told = np.random.default_rng(22), Counter[str]()
    names = list(whole)
    for number in range(COUNT):
        name = names[number % len(names)]
        path = tmp_path / name
        path.write_bytes(damaged(rng, name, whole[name]))
        body = tiny if name.startswith(("own", "robot", "loco")) else smpl
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # overflows are what is being looked for
            for found in motion_files(path):
                file_facts(found)
            results = import_motions([path], body)
        for result in results:
            told["taken" if result.motion else "skipped" if result.skipped else "refused"] += 1
            if result.motion is None:
                assert result.note.startswith(str(path)), result.note
            else:
                check_sound(result.motion, body)
        path.unlink()
    print(f"{COUNT} files: {dict(told)}, unexpected: none")
    assert told["taken"] + told["skipped"] > 0  # damage of every file would show nothing of what is taken
    assert told["refused"] > COUNT / 5


def test_the_whole_files_are_taken(whole: Files, tmp_path: Path, smpl: Body, tiny: Body) -> None:
    for name in whole:
        body = tiny if name.startswith(("own", "robot", "loco")) else smpl
        results = import_motions([tmp_path / "whole" / name], body)
        fits = [result.motion is not None for result in results]
        assert any(fits) or name == "all.tar.bz2", (name, results)  # the robot's clip in it is not the humanoid's

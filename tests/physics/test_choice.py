"""Which physics: the right one by its name, and a word on what to install where it cannot be had."""

from __future__ import annotations

import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import torch

from rgsd.bodies.body import Body
from rgsd.errors import UsageError
from rgsd.physics.choice import WARP_NEEDS, check_warp, make_physics
from rgsd.physics.mujoco_cpu import MujocoCpu


def test_c_mujoco_by_its_name(tiny: Body) -> None:
    assert isinstance(make_physics("cpu", tiny, 2, torch.device("cpu"), threads=1), MujocoCpu)


def test_the_extra_asks_for_the_same() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert project["optional-dependencies"]["gpu"] == [str(wanted) for wanted in WARP_NEEDS]


def test_without_mujoco_warp_the_remedy_is_named(tiny: Body, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", nothing)
    with pytest.raises(UsageError, match=r"mujoco-warp is not installed; pip install 'rgsd\[gpu\]'"):
        make_physics("warp", tiny, 2, torch.device("cpu"))


@pytest.mark.parametrize(
    ("version", "good"), [("3.9.1", False), ("4.0.0", True), ("4.1.0.dev3", True), ("5.0.0", False)]
)
def test_another_mujoco_warp_is_refused(version: str, good: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", lambda name: version if name == "mujoco-warp" else "1.19.0")
    if good:
        check_warp()
    else:
        with pytest.raises(UsageError, match=rf"mujoco-warp {version} is installed, mujoco-warp<5,>=4.0 is needed"):
            check_warp()

"""What all tests share: the facts beside the repository, and settings that must precede heavy imports."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Test processes run side by side on few cores: threads of their own would only hinder each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("MUJOCO_GL", "egl")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of facts and real motions that stands beside the repository; skips where it is absent."""
    folder = Path(__file__).parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip(f"needs {folder}")
    return folder

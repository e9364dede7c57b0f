"""Published policies, which every export is tried on."""

from __future__ import annotations

from pathlib import Path

import pytest

from rgsd import pretrained
from rgsd.export.folder import write_folder
from rgsd.learning.skill_policy import SkillPolicy


@pytest.fixture(scope="session")
def quadruped() -> SkillPolicy:
    """The published policy of the quadruped."""
    return SkillPolicy.load(pretrained.find("quadruped"))


@pytest.fixture(scope="session")
def humanoid() -> SkillPolicy:
    """The published policy of the humanoid that knows most motions."""
    return SkillPolicy.load(pretrained.find("smpl"))


@pytest.fixture(scope="session")
def exported(quadruped: SkillPolicy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `rgsd export --onnx` writes of it; skips where the extra is not installed."""
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    folder = tmp_path_factory.mktemp("exported")
    write_folder(quadruped, folder)
    return folder

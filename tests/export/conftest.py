"""Published policies, which every export is tried on."""

from __future__ import annotations

import pytest

from rgsd import pretrained
from rgsd.learning.skill_policy import SkillPolicy


@pytest.fixture(scope="session")
def quadruped() -> SkillPolicy:
    """The published policy of the quadruped."""
    return SkillPolicy.load(pretrained.find("quadruped"))


@pytest.fixture(scope="session")
def humanoid() -> SkillPolicy:
    """The published policy of the humanoid that knows most motions."""
    return SkillPolicy.load(pretrained.find("smpl"))

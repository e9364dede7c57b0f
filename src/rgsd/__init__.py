"""rgsd: Reference-Grounded Skill Discovery (RGSD, ICLR 2026) on MuJoCo and PyTorch.

policy = rgsd.load("runs/quadruped-rgsd-...")
z = policy.embed(motion)                          # the direction of a motion on the unit sphere
z = policy.sample_z(16, near="left", kappa=100)   # its relatives; without `near`, skills at large
action = policy.act(observation, z)
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rgsd.learning.skill_policy import SkillPolicy


def load(path: str | Path) -> SkillPolicy:
    """Load a trained policy from a run's folder, or from one that holds policy.json and policy.safetensors.

    Raises:
        rgsd.learning.skill_policy.PolicyError: there is none, or not one that this version reads.
    """
    from rgsd.learning.skill_policy import SkillPolicy  # torch takes seconds to import; `rgsd --help` must not

    return SkillPolicy.load(Path(path))

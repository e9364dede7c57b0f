"""rgsd: Reference-Grounded Skill Discovery (RGSD, ICLR 2026) on MuJoCo and PyTorch.

policy = rgsd.load("runs/quadruped-rgsd-...")
z = policy.embed(motion)                          # the direction of a motion on the unit sphere
z = policy.sample_z(16, near="left", kappa=100)   # its relatives; without `near`, skills at large
action = policy.act(observation, z)
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # typing's, without its import: until `rgsd.__main__` has begun an early Ctrl-C shows a traceback

# torch's idle threads (GNU OpenMP) spin for milliseconds by default, on the cores that MuJoCo then wants; read once,
# when torch is first imported
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "5000")

if TYPE_CHECKING:
    from pathlib import Path

    from rgsd.bodies.body import Body
    from rgsd.learning.skill_policy import SkillPolicy


def load(path: str | Path, body: Body | None = None) -> SkillPolicy:
    """Load a trained policy from a run's folder, or from one that holds policy.json and policy.safetensors.

    Args:
        path: the folder.
        body: what it moves, for one that is not built in, such as `rgsd.bodies.mjcf.load_mjcf(Path("robot.xml"))`.

    Raises:
        rgsd.learning.policy_files.PolicyError: there is none, not one that this version reads, or not of this body.
    """
    from pathlib import Path

    from rgsd.learning.skill_policy import SkillPolicy  # torch takes seconds to import; `rgsd --help` must not

    return SkillPolicy.load(Path(path), body)

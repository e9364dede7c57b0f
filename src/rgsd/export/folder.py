"""A policy as a folder of ONNX graphs, the body, and a script that runs them without rgsd."""

from __future__ import annotations

from functools import partial
from importlib import resources
from pathlib import Path

from rgsd.export.mjcf import to_mjcf
from rgsd.export.onnx_graphs import write_onnx
from rgsd.learning.checkpoint import write_atomically
from rgsd.learning.skill_policy import SkillPolicy


def write_folder(policy: SkillPolicy, folder: Path) -> list[Path]:
    """Write actor.onnx, encoder.onnx (of a method that has one), body.xml and run.py; returns them.

    Raises:
        UsageError: a policy or a body that cannot be exported, or the extra `export` is not installed.
    """
    body = to_mjcf(policy.body)
    script = (resources.files("rgsd.export") / "standalone.py").read_text()
    files = write_onnx(policy, folder)
    for name, text in (("body.xml", body), ("run.py", script)):
        write_atomically(folder / name, partial(Path.write_text, data=text))
        files.append(folder / name)
    return files

"""`rgsd export RUN`: a policy to take away, as ONNX or as a page that runs in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from rgsd.bodies.registry import make_body
from rgsd.cli.console import make_console
from rgsd.cli.trained import find_skills
from rgsd.errors import UsageError
from rgsd.export.folder import write_folder
from rgsd.export.web import write_page
from rgsd.learning.skill_policy import SkillPolicy
from rgsd.methods.runs import RunConfig


def export(
    run: Annotated[str, tyro.conf.Positional],
    onnx: Path | None = None,
    web: Path | None = None,
    title: str | None = None,
    body: str | None = None,
) -> None:
    """Write the policy of RUN so that it runs without rgsd and torch.

    Args:
        run: a run's folder, or a published policy's name.
        onnx: folder for ONNX graphs of actor and encoder, the body's MJCF file, and a script that runs them.
        web: folder for a page that runs the policy in the visitor's browser; any file server serves it.
        title: what the page calls it; the run's name if not given.
        body: where the MJCF file of the run's body lies now, if it has moved.
    """
    if onnx is None and web is None:
        raise UsageError("nothing to write; give --onnx FOLDER, --web FOLDER, or both")
    console, policy = make_console(), _load(run, body)
    if onnx is not None:
        files = write_folder(policy, onnx)
        console.print(f"{', '.join(file.name for file in files)}: [bold]{onnx}[/bold]", soft_wrap=True)
        console.print(f"run it: python {onnx / 'run.py'}", soft_wrap=True)
    if web is not None:
        size = write_page(policy, web, title or Path(run).name)
        console.print(f"page of {size / 1e6:.1f} MB: [bold]{web}[/bold]", soft_wrap=True)
        console.print(f"serve it: python -m http.server --directory {web} 8000", soft_wrap=True)


def _load(run: str, body: str | None) -> SkillPolicy:
    """The policy of a run's folder, of a policy's own, or the published one of that name.

    Raises:
        UsageError: there is none.
        PolicyError: a policy that cannot be used, or not of this body.
    """
    folder = find_skills(run)
    if body is None and (folder / "config.yaml").exists():
        body = RunConfig.load(folder).body
    return SkillPolicy.load(folder, None if body is None else make_body(body))

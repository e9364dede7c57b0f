"""The README, the Python page, the quickstart and the tutorials do what they say, run from their own text.

Every block of shell or Python runs in order, in one folder and one namespace; a block with a title is a file of that
name. Of shell, the calls of `rgsd` are run; what other programs do (install, open, look) is left to the reader. What
takes minutes is shortened by replacing words of the text, and words that no longer occur there are a failure, so that
the text stays what is run.
"""

from __future__ import annotations

import re
import shlex
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from rgsd import pretrained
from rgsd.bodies.registry import make_body
from rgsd.cli.main import COMMANDS, main
from rgsd.envs.skill_env import SkillEnv
from rgsd.motions.library import MotionLibrary
from rgsd.motions.synthesis.quadruped import synthesize_quadruped

ROOT = Path(__file__).parents[1]
FENCE = re.compile(
    r'^(?P<indent> *)```(?P<language>\w*)(?: title="(?P<title>[^"]+)")?\n(?P<text>.*?)^(?P=indent)```$',
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    language: str
    title: str | None
    text: str
    line: int
    """Of its first line in the page, from 1."""


def blocks(text: str) -> Iterator[Block]:
    """Yield the fenced blocks of a page in order."""
    for found in FENCE.finditer(text):
        line = text.count("\n", 0, found.start("text")) + 1
        yield Block(found["language"], found["title"], textwrap.dedent(found["text"]), line)


def commands(shell: str) -> Iterator[list[str]]:
    """Yield the words of each call of rgsd in a shell block."""
    for line in shell.replace("\\\n", " ").splitlines():
        for call in line.split("&&"):
            words = shlex.split(call, comments=True)
            if words and words[0] == "rgsd":
                yield words[1:]


def run_page(page: str, shortened: Mapping[str, str], names: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Run a page in the present folder.

    Args:
        page: its path within the repository.
        shortened: words of the text, and what is run in their place.
        names: what the reader is assumed to have at hand in Python.

    Returns:
        The namespace that its Python ends with.
    """
    text = (ROOT / page).read_text()
    for words, instead in shortened.items():
        assert words in text, f"{page} no longer says {words!r}"
        text = text.replace(words, instead)
    namespace = {"__name__": "page"} | dict(names or {})
    for block in blocks(text):
        if block.title is not None:
            Path(block.title).write_text(block.text)
        elif block.language == "sh":
            for words in commands(block.text):
                assert main(words) == 0, f"{page}:{block.line}: rgsd {shlex.join(words)}"
        elif block.language == "python":
            # the lines before it are empty ones, so that a traceback has the page's line numbers
            code = compile("\n" * (block.line - 1) + block.text, str(ROOT / page), "exec", dont_inherit=True)
            exec(code, namespace)
    return namespace


FEW = (
    " --no-video --config.rollouts-per-clip 1 --config.num-latents 2 --config.discovery-seconds 0.1"
    " --config.variations-per-clip 1 --config.rollouts-per-switch 1 --config.threads 1"
)
BRIEF = "--steps 32 --num-envs 8 --trainer.horizon 4"
UNTAUGHT = "--settings.contrastive.steps 3"


def test_blocks_are_found_with_their_lines_titles_and_indent() -> None:
    page = 'one\n\n```sh\nrgsd doctor\n```\n\n??? note\n\n    ```toml title="a.toml"\n    x = 1\n    ```\n'
    shell, file = blocks(page)
    assert (shell.language, shell.title, shell.text, shell.line) == ("sh", None, "rgsd doctor\n", 4)
    assert (file.language, file.title, file.text, file.line) == ("toml", "a.toml", "x = 1\n", 10)


def test_calls_of_rgsd_alone_are_taken_from_a_shell() -> None:
    shell = "make install  # first\nrgsd train rgsd \\\n    --steps 1\nrgsd motions list x && rgsd doctor   # then\n"
    assert list(commands(shell)) == [["train", "rgsd", "--steps", "1"], ["motions", "list", "x"], ["doctor"]]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to run a page in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def give_run(folder: Path) -> None:
    """A run's folder, as far as loading its policy goes."""
    shutil.copytree(pretrained.find("quadruped"), folder)


def record_person(folder: Path) -> None:
    """Two recordings of a person with AMASS's keys, 1 s each: arms that are raised in turn, and a bow."""
    folder.mkdir()
    wave = np.sin(2 * np.pi * np.arange(30) / 30)
    for name, columns, size in (("arms", (3 * 16 + 2, 3 * 17 + 2), 0.8), ("bow", (3 * 3, 3 * 6), 0.4)):
        poses = np.zeros((30, 72))
        poses[:, 0] = np.pi / 2  # SMPL's y axis up into AMASS's z
        poses[:, list(columns)] = size * wave[:, None]
        np.savez(folder / f"{name}.npz", poses=poses, trans=np.zeros((30, 3)), mocap_framerate=30.0)


def gait_and_state() -> dict[str, Any]:
    """A motion, and the state of sixteen environments."""
    body = make_body("quadruped")
    gaits = synthesize_quadruped(body)
    env = SkillEnv(MotionLibrary(body, gaits), num_envs=16)
    env.reset()
    return {"motion": gaits[0], "state": env.state}


def test_readme_in_python(here: Path) -> None:
    give_run(here / "runs" / "mine")
    names = run_page("README.md", {"```sh": "```text"}, gait_and_state())
    assert names["near"].shape == (16, 4)
    assert names["action"].shape == (16, 12)


def test_readme_in_shell(capsys: pytest.CaptureFixture[str]) -> None:
    """Its commands have the options that it gives them; with what for, the tutorials show."""
    calls = [words for block in blocks((ROOT / "README.md").read_text()) for words in commands(block.text)]
    assert calls
    for words in calls:
        name = words[:2] if " ".join(words[:2]) in COMMANDS else words[:1]
        with pytest.raises(SystemExit):
            main([*name, *words[len(name) : len(name) + 1] * (name == ["train"]), "--help"])
        options = {word.strip(",") for word in capsys.readouterr().out.split()}
        assert {word.split("=")[0] for word in words if word.startswith("--")} <= options, words


def test_python_page(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give_run(here / "runs" / "RUN")
    tensordict: Any = ModuleType("tensordict")  # rsl_rl brings the real one
    tensordict.TensorDict = lambda groups, batch_size: groups
    monkeypatch.setitem(sys.modules, "tensordict", tensordict)
    names = run_page(
        "docs/api.md",
        {
            "trainer.run(minutes=10)": "trainer.run(steps=1)",
            "rollouts_per_clip=4, num_latents=64": "rollouts_per_clip=1, num_latents=2, discovery_seconds=0.1, "
            "variations_per_clip=1, rollouts_per_switch=1",
        },
        gait_and_state(),
    )
    assert names["trainer"].iteration == 1
    assert 0 <= names["result"]["discovery"]["fall_rate"] <= 1


def test_quickstart(here: Path) -> None:
    names = run_page(
        "docs/quickstart.md",
        {
            "rgsd demo --minutes 0 --out runs/look": "true",  # tests/cli/test_demo.py plays published policies
            "--minutes 5": f"{BRIEF} {UNTAUGHT} --clips left right --trainer.warm-start.iterations 1",
            "rgsd evaluate runs/first": f"rgsd evaluate runs/first{FEW}",
        },
    )
    assert names["z"].shape == (16, 4)
    assert (here / "gaits.png").exists()
    assert (here / "runs" / "first" / "evaluation" / "report.html").exists()


def test_own_motions(here: Path) -> None:
    record_person(here / "recordings")
    names = run_page(
        "docs/tutorials/own_motions.md",
        {
            "--settings.encoder.latent-dim 4 --out runs/sphere": f"{UNTAUGHT} --out runs/sphere",
            "--minutes 30 --out runs/tracker": f"{BRIEF} --trainer.warm-start.iterations 1 --out runs/tracker",
            "--trainer.warm-start.iterations 120": f"--trainer.warm-start.iterations 1 {BRIEF} {UNTAUGHT}",
            "--minutes 30 --out runs/mine": "--out runs/mine",
            "rgsd evaluate runs/tracker": f"rgsd evaluate runs/tracker{FEW}",
            "--tracker runs/tracker": f"--tracker runs/tracker{FEW}",
            "--random 4 --seconds 8": "--random 1 --seconds 0.1",
        },
    )
    assert set(names["policy"].clip_latents) == {"arms", "bow"}
    assert (here / "runs" / "mine" / "evaluation" / "record.mp4").exists()


def test_own_robot(here: Path) -> None:
    pytest.importorskip("rgsd.motions.robot_retarget")
    names = run_page(
        "docs/tutorials/own_robot.md",
        {
            "--minutes 30": f"{BRIEF} {UNTAUGHT} --clips left right --trainer.warm-start.iterations 1",
            "rgsd evaluate runs/robot": f"rgsd evaluate runs/robot{FEW}",
            "--random 4": "--random 1 --seconds 0.1",
        },
    )
    assert len(names["body"].joint_names) == 12
    assert (here / "runs" / "robot" / "evaluation" / "report.html").exists()

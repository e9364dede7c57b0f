"""The program as a shell meets it: words in; text and exit status out."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from rgsd.cli import doctor
from rgsd.cli.main import COMMANDS, main, without_gl
from rgsd.errors import UnknownName, UsageError, nearest
from rgsd.motions.motion import MotionError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., None]], None]:
    """Replace the function behind `rgsd doctor` by another, so that no real work is done."""
    return lambda function: monkeypatch.setattr(doctor, "doctor", function)


def raising(error: BaseException) -> Callable[[], None]:
    def command() -> None:
        raise error

    return command


# -- the list of commands


def test_help_lists_every_command_and_returns_at_once_without_torch() -> None:
    code = "import sys; from rgsd.cli.main import main; main(['--help']); print({'torch', 'tyro'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for name, command in COMMANDS.items():
        assert f"  {name} " in done.stdout
        assert command.summary in done.stdout
    assert done.stdout.splitlines()[-1] == "set()"


def test_python_m_rgsd_is_the_same_program() -> None:
    done = subprocess.run([sys.executable, "-m", "rgsd", "tain"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "rgsd: error: unknown command 'tain'; did you mean train or pretrain?\n"


def test_group_lists_only_its_own_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["motions"]) == 0
    shown = capsys.readouterr().out
    assert "motions import" in shown
    assert "landscape" not in shown


def test_version_is_that_of_pyproject(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert capsys.readouterr().out == f"rgsd {declared}\n"


def test_commands_name_modules_of_the_cli_folder_with_that_function() -> None:
    # a file is called by a command's first word, but for those that are too long to stand beside their kin
    apart = {
        "reproduce downstream": "downstream",
        "motions export": "motion_export",
        "motions map": "retarget",
        "motions perform": "motion_performance",
        "motions retarget": "retarget",
    }
    for name, command in COMMANDS.items():
        assert command.module == f"rgsd.cli.{apart.get(name, name.split()[0])}"
        assert command.function == name.replace(" ", "_").replace("-", "_")


# -- wrong words


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["evalute", "runs/x"], "unknown command 'evalute'; did you mean evaluate?"),
        (["motions", "rendr"], "unknown command 'motions rendr'; did you mean motions render?"),
    ],
)
def test_unknown_command_answers_with_the_nearest(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert capsys.readouterr().err.startswith(f"rgsd: error: {message[:-1]}")


def test_unknown_option_answers_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refusal:
        main(["doctor", "--jsno"])
    assert refusal.value.code == 2
    shown = capsys.readouterr().err
    assert "--jsno" in shown
    assert "Perhaps you meant" in shown
    assert "--json" in shown


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "train"])
def test_torchrun_is_refused_by_all_commands_but_train(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert main(name.split()) == 2
    refusal = capsys.readouterr().err
    assert refusal.startswith(f"rgsd: error: {name}: 2 processes have been started")
    assert f"call `rgsd {name}` without torchrun" in refusal


def test_train_knows_several_processes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert main(["train", "rgds"]) == 2
    assert "unknown method 'rgds'" in capsys.readouterr().err  # it has come to read its words


def test_a_single_process_of_torchrun_is_like_any_other(
    stand_in: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "1")
    stand_in(lambda: None)
    assert main(["doctor"]) == 0


def test_words_after_the_command_become_typed_arguments(stand_in: Callable[..., None]) -> None:
    seen: list[object] = []

    def command(run: Path, minutes: float = 10.0, resume: bool = False) -> None:
        seen.extend([run, minutes, resume])

    stand_in(command)
    assert main(["doctor", "--run", "runs/a", "--minutes", "0.5", "--resume"]) == 0
    assert seen == [Path("runs/a"), 0.5, True]


# -- errors


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            MotionError("walk.npz: fps is 0, expected a positive number"),
            "walk.npz: fps is 0, expected a positive number",
        ),
        (UsageError("--minutes -1: give a positive number"), "--minutes -1: give a positive number"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "runs/x"), "runs/x: No such file or directory"),
        (
            OSError(errno.ENOSPC, "No space left on device", "runs/a/last.safetensors"),
            "the disk is full while writing runs/a/last.safetensors; free some space or choose another folder",
        ),
    ],
)
def test_errors_of_the_user_are_one_line_and_status_2(
    error: Exception, message: str, stand_in: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in(raising(error))
    assert main(["doctor"]) == 2
    assert capsys.readouterr().err == f"rgsd: error: {message}\n"


def test_debug_shows_the_traceback_of_a_users_error(
    stand_in: Callable[..., None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RGSD_DEBUG", "1")
    stand_in(raising(UsageError("no")))
    assert main(["doctor"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_fault_of_the_program_keeps_its_traceback(stand_in: Callable[..., None]) -> None:
    stand_in(raising(ValueError("shapes (3,) and (4,) do not match")))
    with pytest.raises(ValueError, match="shapes"):
        main(["doctor"])


def test_interrupt_exits_130(stand_in: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    stand_in(raising(KeyboardInterrupt()))
    assert main(["doctor"]) == 130
    assert capsys.readouterr().err == "rgsd: interrupted\n"


@pytest.mark.parametrize(
    ("body", "reader"),
    [
        ("[print(i) for i in range(10**5)]", "head -n 1 > /dev/null"),  # breaks while printing
        ("(time.sleep(0.3), print(1))", "true"),  # the line waits in the buffer until the command is over
    ],
)
def test_a_reader_that_leaves_early_is_no_error(body: str, reader: str) -> None:
    code = f"import time; from rgsd.cli import doctor, main; doctor.doctor = lambda: {body} and None; "
    shell = f"{sys.executable} -c \"{code}raise SystemExit(main.main(['doctor']))\" | {reader}; echo ${{PIPESTATUS[0]}}"
    buffered = {**os.environ, "PYTHONUNBUFFERED": ""}
    done = subprocess.run(["bash", "-c", shell], env=buffered, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("0\n", "")


# -- MUJOCO_GL


def test_a_renderer_that_is_not_there_costs_films_alone(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "rgsd", "motions", "list", str(tmp_path)]
    done = subprocess.run(words, env={**os.environ, "MUJOCO_GL": "nowhere"}, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith(f"rgsd: error: {tmp_path}: no rgsd motions there")


@pytest.mark.parametrize("asked", ["osmesa", None])
def test_the_renderer_that_was_asked_for_is_remembered(asked: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    if asked:
        monkeypatch.setenv("MUJOCO_GL", asked)
    with without_gl():
        assert os.environ["MUJOCO_GL"] == "off"
    assert os.environ.get("MUJOCO_GL") == asked


# -- suggestions


def test_nearest_orders_by_likeness_and_ignores_case() -> None:
    # "rgds" and "rgsd" share r, g and s or d: 2 * 3 / 8 = 0.75; "lgsd" shares g and s or d: 2 * 2 / 8 = 0.5.
    assert nearest("RGDS", ["lgsd", "rgsd", "metra"]) == ["rgsd"]


def test_nearest_knows_a_part_of_a_name() -> None:
    # 2 * 4 / (4 + 17) = 0.38 of the letters: only the containment makes it alike.
    assert nearest("walk", ["B3_walk_turn_right", "C5_punch"]) == ["B3_walk_turn_right"]


def test_unknown_name_lists_few_choices_and_counts_many() -> None:
    assert str(UnknownName("body", "zzz", ["smpl", "quadruped"])) == (
        "unknown body 'zzz'; choose one of quadruped, smpl"
    )
    many = str(UnknownName("clip", "zzz", [f"clip{i:03}" for i in range(500)]))
    assert "none of the 500 known" in many
    assert len(many) < 200


# -- doctor


def test_doctor_json_says_what_it_found(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(doctor, "_render_error", lambda backend: "no GL here" if backend == "egl" else "")
    assert main(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    checks = {check["name"]: check for check in report["checks"]}
    assert report["good"] is True
    assert checks["torch"]["needed"] is True
    assert checks["gymnasium [gym]"]["needed"] is False
    assert checks["offscreen gl"]["found"] == "osmesa rendered a frame"
    assert checks["ffmpeg"]["found"].startswith("encoded 3 of 3 frames")


def test_doctor_names_the_remedy_where_no_frame_can_be_rendered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_RENDER_PROBE", "raise RuntimeError('no display')")
    check = doctor.check_offscreen_gl()
    assert (check.good, check.needed) == (False, False)
    assert check.found == "egl: RuntimeError: no display; osmesa: RuntimeError: no display"
    assert "libegl1" in check.remedy
    assert "libosmesa6" in check.remedy


def test_doctor_fails_where_a_needed_package_lacks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = ["numpy>=1.26", "no-such-thing>=1", 'no-such-extra; extra == "video"', "tyro>=999"]
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: wanted)
    found = {check.name: check for check in doctor.check_packages()}
    assert found["numpy"].good
    assert found["no-such-thing"].remedy == "pip install 'rgsd'"
    assert (found["no-such-extra [video]"].needed, found["no-such-extra [video]"].remedy) == (
        False,
        "pip install 'rgsd[video]'",
    )
    assert found["tyro"].remedy == "pip install 'tyro>=999'"
    for name in ("check_torch", "check_offscreen_gl", "check_ffmpeg"):
        quiet = doctor.Check(name, "", True)
        monkeypatch.setattr(doctor, name, lambda quiet=quiet: [quiet] if quiet.name == "check_torch" else quiet)
    with pytest.raises(SystemExit) as status:
        main(["doctor"])
    assert status.value.code == 1
    assert "no-such-thing" in capsys.readouterr().out


def test_an_interrupt_amid_imports_ends_the_program_without_a_word() -> None:
    """Until a command begins the system's own handler stands; then Python's, by which training ends in order."""
    code = (
        # a shell's background job is born with the signal ignored, which the program leaves as it is
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import rgsd.__main__ as program\n"
        "print(signal.getsignal(signal.SIGINT) is signal.SIG_DFL)\n"
        "program.main(['motions', 'list', 'nowhere'])\n"
        "print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split() == ["True", "True"]

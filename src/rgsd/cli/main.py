"""The program `rgsd`: finds the command, reads its options, and says in one line what went wrong.

A command is a plain typed function in a file of its own; tyro makes the options from its signature and the help from
its docstring. The file is imported only when its command is called, so that `rgsd --help` answers at once.

Exit status: 0 done, 1 a fault of the program, 2 a fault of the command line or of a file, 130 interrupted.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import traceback
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple, NoReturn

from rgsd.errors import UnknownName, UsageError


class Command(NamedTuple):
    """Where a command lives."""

    module: str
    """Imported when the command is called."""
    function: str
    """Its parameters are the options."""
    summary: str
    """One line for the list of commands."""
    takes_words: bool = False
    """Whether the function is given the words themselves, because its options depend on them; `options()` beside it
    gives what has them by default."""
    joins_processes: bool = False
    """Whether processes that torchrun starts do it together."""


COMMANDS: dict[str, Command] = {
    "demo": Command(
        "rgsd.cli.demo", "demo", "the whole path in ten minutes: motions, training, figures, report, video"
    ),
    "motions import": Command("rgsd.cli.motions", "motions_import", "read BVH, AMASS or SMPL files into rgsd motions"),
    "motions info": Command("rgsd.cli.motions", "motions_info", "show what a motion file holds"),
    "motions list": Command("rgsd.cli.motions", "motions_list", "list the motions of a folder"),
    "motions synthesize": Command("rgsd.cli.motions", "motions_synthesize", "plan the quadruped's reference gaits"),
    "motions trim": Command("rgsd.cli.motions", "motions_trim", "cut off the rest at both ends of motions"),
    "motions split": Command("rgsd.cli.motions", "motions_split", "cut long motions into windows, each a motion"),
    "motions mirror": Command("rgsd.cli.motions", "motions_mirror", "add mirror images"),
    "motions join": Command("rgsd.cli.motions", "motions_join", "let one motion follow another in a long one"),
    "motions map": Command("rgsd.cli.retarget", "motions_map", "propose which joint or body follows which"),
    "motions retarget": Command("rgsd.cli.retarget", "motions_retarget", "put motions onto a robot of your own"),
    "motions perform": Command(
        "rgsd.cli.motion_performance", "motions_perform", "let a tracker perform motions in simulation"
    ),
    "motions export": Command("rgsd.cli.motion_export", "motions_export", "write motions or rollouts as BVH or npz"),
    "motions render": Command("rgsd.cli.motions", "motions_render", "draw motions as a contact sheet"),
    "pretrain": Command("rgsd.cli.pretrain", "pretrain", "embed the motions on the sphere, without any physics", True),
    "landscape": Command("rgsd.cli.landscape", "landscape", "show where the encoder's reward has its peak"),
    "train": Command("rgsd.cli.train", "train", "train a skill policy by METHOD, or go on with one", True, True),
    "evaluate": Command("rgsd.cli.evaluate", "evaluate", "measure RUN by the protocol and write its report"),
    "search": Command("rgsd.cli.search", "search", "say what more latents would bring the search for RUN's clips"),
    "task train": Command("rgsd.cli.task", "task_train", "train a policy that reaches goals with RUN's skills", True),
    "task evaluate": Command("rgsd.cli.task", "task_evaluate", "measure TASKRUN: goals, falls and style"),
    "sweep": Command("rgsd.cli.sweep", "sweep", "train and compare the variants and seeds of FILE"),
    "compare": Command("rgsd.cli.compare", "compare", "put evaluated RUNs beside each other, seeds as points"),
    "reproduce table1": Command(
        "rgsd.cli.reproduce", "reproduce_table1", "train and compare all methods, as in the paper's table 1"
    ),
    "reproduce figure4": Command(
        "rgsd.cli.reproduce", "reproduce_figure4", "draw each method's paths for single motions, as in its figure 4"
    ),
    "reproduce metra-incompatibility": Command(
        "rgsd.cli.reproduce",
        "reproduce_metra_incompatibility",
        "show whether METRA suits references",
    ),
    "reproduce downstream": Command(
        "rgsd.cli.downstream", "reproduce_downstream", "reach goals in style with the skills of all methods"
    ),
    "record": Command("rgsd.cli.record", "record", "film the skills of RUN"),
    "play": Command("rgsd.cli.play", "play", "play with skills, motions or goals in a browser"),
    "export": Command("rgsd.cli.export", "export", "write RUN's policy as ONNX, or as a page that runs in a browser"),
    "bench": Command("rgsd.cli.bench", "bench", "measure steps a second and memory on this machine"),
    "doctor": Command("rgsd.cli.doctor", "doctor", "check this machine, or a robot's file, and say what it lacks"),
}
"""Commands by the words that call them. These names are a contract."""


def main(args: Sequence[str] | None = None) -> int:
    """Run `rgsd` and return its exit status.

    Args:
        args: the words after `rgsd`; those of the process if not given.

    Raises:
        SystemExit: tyro has shown a command's help (0) or refused its options (2), or a command gives a status itself.
        Exception: a fault of the program, with its traceback.
    """
    args = sys.argv[1:] if args is None else list(args)
    try:
        _dispatch(args)
        sys.stdout.flush()  # here, where a closed pipe can still be caught
    except KeyboardInterrupt:
        print("rgsd: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader has gone (`rgsd motions list | head`). Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        message = _message_for_the_user(error)
        if message is None:
            raise
        if os.environ.get("RGSD_DEBUG"):
            traceback.print_exc()
        print(f"rgsd: error: {message}", file=sys.stderr)
        return 2
    return 0


def _dispatch(args: Sequence[str]) -> None:
    """Call the command that the first one or two words name, with the options that follow them."""
    if not args or args[0] in ("-h", "--help"):
        print(_help(""))
        return
    if args[0] == "--version":
        print(f"rgsd {version('rgsd')}")
        return
    if args[0] in ("--tyro-print-completion", "--tyro-write-completion"):
        _complete(args)
    name, rest = args[0], args[1:]
    group = f"{name} "
    if any(known.startswith(group) for known in COMMANDS):
        if not rest or rest[0] in ("-h", "--help"):
            print(_help(group))
            return
        name, rest = f"{name} {rest[0]}", rest[1:]
    if name not in COMMANDS:
        words = {known for known in COMMANDS if known.startswith(group)} or {known.split()[0] for known in COMMANDS}
        raise UnknownName("command", name, words)
    command = COMMANDS[name]
    if not command.joins_processes:
        _refuse_processes(name)
    with without_gl():
        function = getattr(import_module(command.module), command.function)
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # as `rgsd.__main__` left it while all was imported
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if command.takes_words:
        function(rest)
    else:
        _call(function, f"rgsd {name}", rest)


def _complete(words: Sequence[str]) -> NoReturn:
    """Let tyro write what a shell completes; seconds, in which every command is imported."""
    from rgsd.cli.completion import complete

    functions: dict[str, Callable[..., object]] = {}
    with without_gl():
        for name, command in COMMANDS.items():
            module = import_module(command.module)
            functions[name] = module.options() if command.takes_words else getattr(module, command.function)
    complete(functions, words)


@contextmanager
def without_gl() -> Generator[None]:
    """Keep MUJOCO_GL from MuJoCo while it is imported.

    MuJoCo loads the renderer that the variable names along with itself, and without that renderer nothing at all would
    run. `rgsd.viewing.video` heeds the variable when a film is asked for; where that fails, the film alone is left out.
    """
    asked = os.environ.get("MUJOCO_GL")
    os.environ["MUJOCO_GL"] = "off"
    try:
        yield
    finally:
        if asked is None:
            del os.environ["MUJOCO_GL"]
        else:
            os.environ["MUJOCO_GL"] = asked


def _refuse_processes(name: str) -> None:
    """Refuse to be one of several processes: each would do the whole work, and all would write the same files."""
    processes = int(os.environ.get("WORLD_SIZE") or 1)
    if processes > 1:
        raise UsageError(
            f"{name}: {processes} processes have been started (WORLD_SIZE is {processes}), but this command runs in "
            f"one; call `rgsd {name}` without torchrun, under which `rgsd train` alone shares its work"
        )


def _call(function: Callable[..., None], prog: str, args: Sequence[str]) -> None:
    """Let tyro turn the words into the function's arguments; it answers `--help` and unknown options itself."""
    import tyro  # takes a fifth of a second, which `rgsd --help` need not spend

    tyro.cli(function, prog=prog, args=args)


def _help(group: str) -> str:
    """Return the list of the commands whose names begin with `group`."""
    shown = {name: command.summary for name, command in COMMANDS.items() if name.startswith(group)}
    width = max(map(len, shown))
    return "\n".join(
        [
            f"usage: rgsd {group}COMMAND [options]",
            "",
            "Turns reference motions into a controllable space of physical skills.",
            "",
            *(f"  {name:<{width}}  {summary}" for name, summary in shown.items()),
            "",
            "`rgsd COMMAND --help` explains the options; `rgsd --version` tells the version;",
            "`rgsd --tyro-print-completion bash` (zsh, fish) prints what the shell completes.",
        ]
    )


def _message_for_the_user(error: Exception) -> str | None:
    """Return what to tell the user, or None if the error is a fault of the program and deserves its traceback.

    An exception class that rgsd defines (`MotionError`, `UsageError`) is addressed to the user, and so is what the
    operating system refuses (a missing file, a full disk); a bare `ValueError` is not.
    """
    if isinstance(error, OSError):
        where = error.filename or Path.cwd()
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return f"the disk is full while writing {where}; free some space or choose another folder"
        return f"{where}: {error.strerror}" if error.strerror else str(error)
    is_ours = type(error).__module__.partition(".")[0] == "rgsd"
    return str(error) if is_ours else None

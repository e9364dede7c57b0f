"""`rgsd --tyro-print-completion bash`: what a shell completes, of all commands and their options.

tyro writes the script, which needs neither rgsd nor torch when it completes. Options that depend on a method, a body or
a preset are those of the defaults.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

from tyro.extras import SubcommandApp


def complete(functions: Mapping[str, Callable[..., object]], words: Sequence[str]) -> NoReturn:
    """Print or write the script, and exit.

    Args:
        functions: by the one or two words of its command, what holds its options.
        words: the option, the shell, and for writing the file.
    """
    app, groups = SubcommandApp(), dict[str, SubcommandApp]()
    for name, function in functions.items():
        group, _, command = name.rpartition(" ")
        if group and group not in groups:
            groups[group] = SubcommandApp()
            app.command(groups[group], name=group)
        (groups[group] if group else app).command(name=command)(function)
    app.cli(prog="rgsd", args=words)
    raise AssertionError("tyro ends the program when it has printed a completion")

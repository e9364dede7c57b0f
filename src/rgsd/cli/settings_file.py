"""`--config FILE`: settings in the words of config.yaml, those among them that are no options of the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from rgsd.errors import UsageError
from rgsd.methods.migration import migrate_config
from rgsd.methods.settings import file_only_names, flatten, read_yaml, replace_settings

_C = TypeVar("_C")


def with_file(config: _C, file: Path | None, chosen: dict[str, str]) -> _C:
    """The configuration with a file's settings in place of its own; options are read after, so that they win.

    Args:
        config: the preset's.
        file: the whole of a run's config.yaml, or any part of it; None for none.
        chosen: what the preset was chosen by, as the command line has it; the file may repeat it.

    Raises:
        UsageError: no such file, or a value that does not fit; the message names file, setting, value and remedy.
    """
    if file is None:
        return config
    try:
        settings = flatten(migrate_config(read_yaml(file)))
        for name, word in chosen.items():
            if (found := settings.pop(name, word)) != word:
                remedy = f"give {found} in place of {word}" if name == "method" else f"give --{name} {found} as well"
                raise UsageError(f"{name} is {found}; {remedy}")
        return replace_settings(config, settings)
    except UsageError as error:
        raise UsageError(f"--config {file}: {error}") from None


def refuse_file_only(words: Sequence[str], config: Any) -> None:
    """Say where a setting is set that is no option, to whom gives it as one.

    Raises:
        UsageError: one of the words names such a setting of the configuration.
    """
    file_only = file_only_names(config)
    for word in words:
        option = word.split("=")[0]
        name = option.removeprefix("--").replace("-", "_").replace(".no_", ".")
        if option.startswith("--") and name in file_only:
            *tables, key = name.split(".")
            line = "".join(f"{table}: {{" for table in tables) + f"{key}: VALUE" + "}" * len(tables)
            raise UsageError(f"{option} is no option; write `{line}` into a file and give that by --config")

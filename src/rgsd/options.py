"""Which settings are options of the command line: all of a configuration but those that are marked by `FileOnly`."""

from __future__ import annotations

from typing import Annotated, TypeVar

import tyro

_T = TypeVar("_T")

FILE_ONLY = "set from Python, or by the file of --config"
"""What marks such a setting among the metadata of its annotation."""
FileOnly = Annotated[tyro.conf.Suppress[tyro.conf.Fixed[_T]], FILE_ONLY]
"""A setting that is rarely needed: no option of the command line, so that help stays short enough to be read."""

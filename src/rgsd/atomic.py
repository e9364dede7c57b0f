"""Files that are either whole or absent, whatever ends the program or fills the disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file beside `path`, sync it, then rename it into place: readers never see half a file.

    Raises:
        OSError: it cannot be written, such as on a full disk; its `filename` is `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name[:_LONGEST]}.{os.getpid()}.tmp")
    try:
        with named(path, temporary):
            write(temporary)
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def named(path: Path, temporary: Path | None = None) -> Iterator[None]:
    """Let an `OSError` name the file that it is about: a full disk names none.

    Args:
        path: the file.
        temporary: what stands for it meanwhile, which nobody should be told of.
    """
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename in (None, str(temporary)):
            error.filename = str(path)
        raise


_LONGEST = 50  # characters of the name that the temporary one keeps: no file system takes more than 255 bytes

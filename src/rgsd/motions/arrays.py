"""Named arrays in a file that a stranger wrote: only those asked for are read, and any damage is one refusal.

An npz is a zip of npy files. What numpy and zipfile raise for a broken one has no class in common (EOFError,
zlib.error, TypeError, NotImplementedError, ...), so whatever they raise becomes a `MotionError` with file and remedy.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np

_MOST_BYTES = 2 << 30  # of one array: ten hours of SMPL-X at 120 Hz; more is a slip or a trap
_NPY = b"\x93NUMPY"


class MotionError(ValueError):
    """A motion that cannot be used; the message names the file, the field, the value and the remedy."""


class Arrays:
    """The arrays of an npz, each read when it is asked for. No pickles.

    Args:
        path: the file.
        remedy: what to do about a file that cannot be read.

    Raises:
        MotionError: it is no npz.
    """

    def __init__(self, path: Path, remedy: str = "fetch the file again") -> None:
        self.path = path
        self._remedy = remedy
        try:
            with zipfile.ZipFile(path) as archive:
                self._members = {i.filename.removesuffix(".npy"): i for i in archive.infolist()}
        except Exception as error:
            raise MotionError(f"{path}: {self._fault(error)}") from None

    @property
    def names(self) -> tuple[str, ...]:
        """What the file holds."""
        return tuple(self._members)

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def __getitem__(self, name: str) -> np.ndarray:
        """An array by name.

        Raises:
            MotionError: it is not there, is damaged, or is an object, which only unpickling foreign code would read.
        """
        if name not in self._members:
            raise MotionError(f"{self.path}: lacks {name}; it holds {', '.join(sorted(self._members)) or 'nothing'}")
        member = self._members[name]
        if member.file_size > _MOST_BYTES:
            raise MotionError(
                f"{self.path}: {name} takes {member.file_size / 2**30:.3g} GiB, at most {_MOST_BYTES >> 30} are read; "
                "cut the clip"
            )
        try:
            with zipfile.ZipFile(self.path) as archive:
                return np.lib.format.read_array(io.BytesIO(archive.read(member)), allow_pickle=False)
        except Exception as error:
            raise MotionError(f"{self.path}: {name} is not readable ({_said(error)}); {self._remedy}") from None

    def real(self, name: str) -> np.ndarray:
        """An array as real numbers.

        Raises:
            MotionError: it holds something else, such as texts or complex numbers.
        """
        found = self[name]
        if found.dtype.kind not in "fiu":
            raise MotionError(f"{self.path}: {name} is of type {found.dtype}, expected numbers; write them as floats")
        return found.astype(float)

    def number(self, name: str) -> float:
        """A single number.

        Raises:
            MotionError: it holds several, or none.
        """
        found = self[name]
        if found.size != 1 or found.dtype.kind not in "fiu":
            shown = np.array2string(found, threshold=4)[:60]
            raise MotionError(f"{self.path}: {name} is {shown}, expected one number; mend the file")
        return float(found.item())

    def words(self, name: str) -> tuple[str, ...]:
        """A list of names.

        Raises:
            MotionError: it is no list of texts.
        """
        found = self[name]
        if found.ndim != 1 or found.dtype.kind not in "US":
            shape = f"type {found.dtype}, shape {found.shape}"
            raise MotionError(f"{self.path}: {name} is of {shape}, expected a list of names; mend the file")
        return tuple(_text(word) for word in found.tolist())

    def text(self, name: str) -> str:
        """A single text.

        Raises:
            MotionError: it is none.
        """
        found = self[name]
        if found.size != 1 or found.dtype.kind not in "US":
            shape = f"type {found.dtype}, shape {found.shape}"
            raise MotionError(f"{self.path}: {name} is of {shape}, expected a text; mend the file")
        return _text(found.item())

    def _fault(self, error: Exception) -> str:
        try:
            with self.path.open("rb") as file:
                start = file.read(len(_NPY))
        except OSError as unreadable:
            return f"cannot be read ({unreadable.strerror})"
        if start == _NPY:
            return (
                "not a readable npz but an npy, one array without a name, renamed; "
                "save its arrays by name with np.savez (poses, trans, mocap_framerate)"
            )
        return f"not a readable npz ({_said(error) if start else 'it is empty'}); {self._remedy}"


def _text(word: str | bytes) -> str:
    return word.decode(errors="replace") if isinstance(word, bytes) else word


def _said(error: Exception) -> str:
    """An error in one line: its own words, or its kind where it has none."""
    return " ".join(str(error).split())[:120] or type(error).__name__


def check_finite(where: object, name: str, values: np.ndarray) -> None:
    """Refuse an array (T, ...) that holds what is no finite number; `where` begins the message.

    Raises:
        MotionError: it does.
    """
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        place = "".join(f", column {column}" for column in bad[0][1:])
        raise MotionError(f"{where}: {name} is not finite first at frame {bad[0][0]}{place}; repair it")

"""Files of npm packages, at versions and with contents that are named here: fetched once by `npm pack`, then kept.

Nothing of a package is run; files are taken out of its archive after the archive's SHA-512 has been compared.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from rgsd.errors import UsageError


@dataclass(frozen=True)
class Package:
    """One package of the npm registry."""

    name: str
    """Its name, scope included."""
    version: str
    """The one version that is taken."""
    license: str
    """SPDX identifier."""
    sha512: str
    """Of its archive, base64, as npm's `dist.integrity` has it."""

    @property
    def archive(self) -> str:
        """Name of the file that `npm pack` writes."""
        return f"{self.name.removeprefix('@').replace('/', '-')}-{self.version}.tgz"


MUJOCO = Package(
    "@mujoco/mujoco", "3.14.0", "Apache-2.0",
    "WPUYidu4Fx8+uM4hQv80SOA0ifpWGrsNJguKs8JBV8SCTxjKQ2/rqsh880nUH0/Vwa8vuefghvCQkkoed3bkUg==",
)  # fmt: skip
ONNXRUNTIME = Package(
    "onnxruntime-web", "1.30.0", "MIT",
    "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ==",
)  # fmt: skip
THREE = Package(
    "three", "0.187.0", "MIT",
    "Qiu7R+Cmh8CstZsY1uJOSWnVlfo7ZtNLV7mF8Jltk3LB3AtDu9cRZlcnRKkAk8Y4z6KKw35z7Y7Urd7jWY8etA==",
)  # fmt: skip


def take(package: Package, names: tuple[str, ...]) -> list[bytes]:
    """The contents of files of a package, by their paths in it.

    Raises:
        UsageError: npm is not here, cannot fetch it, or the archive is another than the one named.
    """
    path = cache_folder() / package.archive
    if not path.exists():
        _fetch(package, path)
    found = base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
    if found != package.sha512:
        raise UsageError(f"{path}: its SHA-512 is {found}, expected {package.sha512}; delete it to fetch it anew")
    with tarfile.open(path) as archive:
        files = [archive.extractfile(f"package/{name}") for name in names]
        return [file.read() for file in files if file is not None]


def cache_folder() -> Path:
    """Where archives are kept: `rgsd/npm` in XDG_CACHE_HOME, or in ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rgsd" / "npm"


def _fetch(package: Package, path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise UsageError(
            f"the page needs {package.name} {package.version}, and npm fetches it, which is not here; install Node.js "
            f"with npm, or put {package.archive} of `npm pack` into {path.parent}"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    command = [npm, "pack", f"{package.name}@{package.version}", "--silent", "--pack-destination", str(path.parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not path.exists():
        said = " ".join((done.stderr or done.stdout).split()) or f"exit status {done.returncode}"
        raise UsageError(f"npm could not fetch {package.name} {package.version}: {said}; try again with a network")

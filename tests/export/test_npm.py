"""Libraries of the page: only the contents that are named, and a word where they cannot be had."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from rgsd.errors import UsageError
from rgsd.export import npm
from rgsd.export.npm import Package, cache_folder, take


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    """A package of two files, as npm would have left it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in (("package/a.js", b"first"), ("package/dist/b.js", b"second")):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    digest = base64.b64encode(hashlib.sha512(packed.getvalue()).digest()).decode()
    made = Package("@some/thing", "1.2.3", "MIT", digest)
    assert made.archive == "some-thing-1.2.3.tgz"
    cache_folder().mkdir(parents=True)
    (cache_folder() / made.archive).write_bytes(packed.getvalue())
    return made


def test_files_are_taken_by_their_paths(package: Package) -> None:
    assert take(package, ("dist/b.js", "a.js")) == [b"second", b"first"]


def test_other_contents_than_those_named_are_refused(package: Package) -> None:
    path = cache_folder() / package.archive
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(UsageError, match=r"some-thing-1\.2\.3\.tgz: its SHA-512 is .*delete it"):
        take(package, ("a.js",))


def test_without_npm_it_says_what_to_install(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    (cache_folder() / package.archive).unlink()
    monkeypatch.setattr(npm.shutil, "which", lambda name: None)
    with pytest.raises(UsageError, match=r"the page needs @some/thing 1\.2\.3.*install Node\.js with npm"):
        take(package, ("a.js",))


def test_what_npm_says_is_passed_on(package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (cache_folder() / package.archive).unlink()
    stand_in = tmp_path / "npm"
    stand_in.write_text("#!/bin/sh\necho no such version >&2\nexit 1\n")
    stand_in.chmod(0o755)
    monkeypatch.setattr(npm.shutil, "which", lambda name: str(stand_in))
    with pytest.raises(UsageError, match=r"npm could not fetch @some/thing 1\.2\.3: no such version"):
        take(package, ("a.js",))

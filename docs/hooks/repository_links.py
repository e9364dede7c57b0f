"""Pages link to files as they lie in the repository, so that links lead somewhere there as well; here they find their
place on the site.

A link may lead to another page, to a page above docs/ (the README, the changelog, a policy's card), to a folder with an
index.md, or to any other file, which the site then holds as it is, under files/. A link to what is not there is left to
MkDocs, which stops.
"""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

from markdown import Markdown
from markdown.extensions import Extension
from markdown.treeprocessors import Treeprocessor
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
_ABOVE = {
    "README.md": "overview.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
}


class _RepositoryLinks(Treeprocessor):
    """Rewrites the links of the page that is being rendered."""

    page: Page
    files: Files
    config: MkDocsConfig

    def run(self, root: Element) -> None:
        for element in root.iter():
            for attribute in ("href", "src"):
                if attribute in element.attrib:
                    element.set(attribute, self._place(element.attrib[attribute]))

    def _place(self, link: str) -> str:
        scheme, host, path, _, fragment = urlsplit(link)
        if scheme or host or not path:
            return link
        here = _repository_path(self.page.file)
        there = posixpath.normpath(posixpath.join(posixpath.dirname(here), path))
        if (ROOT / there).is_dir():
            there += "/index.md"
        if not (ROOT / there).is_file():
            return link
        uri = _site_uri(there)
        if uri not in self.files.src_uris:
            self.files.append(File.generated(self.config, uri, abs_src_path=str(ROOT / there)))
        start = posixpath.dirname(self.page.file.src_uri)
        return posixpath.relpath(uri, start or ".") + (f"#{fragment}" if fragment else "")


class _Extension(Extension):
    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 (Markdown's name)
        md.treeprocessors.register(_links, "repository_links", 1)  # before MkDocs resolves links, at 0


_links = _RepositoryLinks()


def on_config(config: MkDocsConfig) -> None:
    """Add the extension that rewrites links."""
    config.markdown_extensions.append(_Extension())  # pyright: ignore[reportArgumentType]


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add the pages that lie above docs/."""
    cards = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("src/rgsd/pretrained/*/README.md"))
    for path in (*_ABOVE, *cards):
        files.append(File.generated(config, _site_uri(path), abs_src_path=str(ROOT / path)))


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files, **_: Any) -> None:
    """Tell the extension which page is to be rendered next."""
    _links.page, _links.files, _links.config = page, files, config


def _site_uri(path: str) -> str:
    """Where on the site a file of the repository is."""
    if path in _ABOVE:
        return _ABOVE[path]
    if path.startswith("src/rgsd/pretrained/") and path.endswith("/README.md"):
        return f"policies/{Path(path).parent.name}.md"
    return path.removeprefix("docs/") if path.startswith("docs/") else f"files/{path}"


def _repository_path(file: File) -> str:
    """Where in the repository a page of the site is."""
    if file.generated_by is None:
        return f"docs/{file.src_uri}"
    assert file.abs_src_path is not None
    return Path(file.abs_src_path).relative_to(ROOT).as_posix()

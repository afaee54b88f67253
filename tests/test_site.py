"""The site of the documentation builds, its links lead somewhere, and the notebook runs."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
import yaml

import stance

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"


class Page(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors = {""}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.append(value)
            if name == "id" and value:
                self.anchors.add(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "sphinx",
            "-W",
            "--keep-going",
            "-q",
            "-b",
            "html",
            "-d",
            folder / "trees",
            DOCS,
            folder,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return folder


@pytest.mark.slow
def test_every_link_inside_the_site_leads_somewhere(site: Path) -> None:
    pages = {path: Page(path) for path in site.glob("*.html")}
    assert {path.stem for path in pages} >= {path.stem for path in DOCS.glob("*.md")}
    n_checked = 0
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme:
                assert parts.scheme in ("https", "data"), link
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.exists(), f"{path.name} links to {link}"
            if target in pages and parts.fragment:
                assert unquote(parts.fragment) in pages[target].anchors, f"{path.name} links to {link}"
            n_checked += 1
    assert n_checked > 100


@pytest.mark.slow
def test_the_reference_has_every_public_name(site: Path) -> None:
    anchors = Page(site / "api.html").anchors
    for name in stance.__all__:
        names = {f"stance.{name}", f"stance.errors.{name}", f"module-stance.{name}"}
        assert names & anchors, f"the reference lacks {name}"


@pytest.mark.slow
def test_the_notebook_runs_and_shows_what_it_says(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "jupyter", "execute", DOCS / "guide.ipynb", "--output", tmp_path / "run.ipynb"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    stored, fresh = (nbformat.read(path, as_version=4) for path in (DOCS / "guide.ipynb", tmp_path / "run.ipynb"))
    assert [_shown(cell) for cell in stored.cells] == [_shown(cell) for cell in fresh.cells]
    assert sum(bool(_shown(cell)) for cell in fresh.cells) >= 5


def _shown(cell: nbformat.NotebookNode) -> list[str]:
    """What a cell printed and showed, but for views that numbers of the platform may touch."""
    outputs = cell.get("outputs", [])
    return [output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs]


def test_the_citation_names_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors", "license"} <= citation.keys()
    assert citation["version"] == stance.__version__

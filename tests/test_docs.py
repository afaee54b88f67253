"""The README and the documents are true: every example in them runs and prints what they say."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import stance

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FLAGS = doctest.NORMALIZE_WHITESPACE
SETUP = "python3 -m venv .venv && .venv/bin/pip install "


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder like a checkout, in which examples may write files."""
    for name in ("fixtures", "stance", "docs", "training", "benchmarks"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_examples_run(page: Path, reader: Path) -> None:
    failures, _ = doctest.testfile(str(page), module_relative=False, optionflags=FLAGS)
    assert failures == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_shell_examples_run(page: Path, reader: Path) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for command, expected in _shell_examples(page):
        run = subprocess.run(
            ["bash", "-c", command], cwd=reader, env=environment, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, f"{page.name}: {command}: {run.stderr}"
        checker = doctest.OutputChecker()
        flags = FLAGS | doctest.ELLIPSIS
        assert not expected or checker.check_output(expected, run.stdout, flags), f"{command} printed {run.stdout}"


def test_the_readme_runs_by_line_15() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    first = next(number for number, line in enumerate(lines, 1) if line.startswith(SETUP))
    assert first <= 15
    assert lines[first - 1] == f"{SETUP}. && .venv/bin/stance classify fixtures/article.txt"


def test_the_readme_has_one_line_that_runs_the_tests() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if "pytest" in line] == [
        f"{SETUP}-e '.[dev]' && .venv/bin/python -m pytest"
    ]


def test_the_readme_has_the_figures_of_the_shipped_model() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    scores = stance.load().card["cross_validation_natural"]
    for head, name in (("topics", "topics (16, several a paragraph)"), ("tone", "tone (4)")):
        row = f"| {name} | {scores[head]['macro_f1']:.3f} | {scores[head]['calibration_error']:.3f} |"
        assert row in text
    assert f"the {scores['rows']:,} that were drawn at\nrandom" in text


def test_every_file_that_a_page_names_is_there() -> None:
    folders = r"\.ci|docs|fixtures|training|stance|tests|benchmarks"
    for page in [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]:
        for name in re.findall(rf"`((?:{folders})/[\w./-]+)`", page.read_text("utf-8")):
            assert (ROOT / name).exists(), f"{page.name} names {name}"


def test_the_changelog_names_the_version_or_what_comes() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{stance.__version__}]" in text or "## [Unreleased]" in text


def _shell_examples(page: Path) -> list[tuple[str, str]]:
    """Give each command of a page's shell blocks that begins with ``$``, and what it prints."""
    examples = []
    for block in re.findall(r"^```sh\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE):
        for command, output in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, flags=re.MULTILINE):
            examples.append((command, output))
    return examples

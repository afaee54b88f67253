"""What is built from the sources: an archive that holds them all, wheels with the kernel, and without a compiler."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ["LICENSE", "MANIFEST.in", "README.md", "pyproject.toml", "setup.cfg", "setup.py", "stance"]
ASK = "import stance; print(stance.backend(), stance.classify('The ministers signed a trade accord.'))"


def build(source: Path, to: Path, function: str, **environment: str) -> Path:
    """Build an archive or a wheel as pip does, with the tools of this environment."""
    code = f"from setuptools.build_meta import {function}; {function}({str(to)!r})"
    to.mkdir()
    subprocess.run(
        [sys.executable, "-c", code], cwd=source, check=True, capture_output=True, env={**os.environ, **environment}
    )
    (built,) = to.iterdir()
    return built


def answer(wheel: Path, to: Path) -> list[str]:
    """Unpack a wheel and ask what is in it, away from the checkout: the backend, and an answer."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(to)
    # Without `site`, which would run the hooks of an editable install and find its kernel.
    path = os.pathsep.join([str(to), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])
    command = [sys.executable, "-S", "-c", ASK]
    run = subprocess.run(
        command, cwd=to, check=True, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}
    )
    backend, text = run.stdout.split(maxsplit=1)
    return [backend, text]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources as they come out of the source archive."""
    folder = tmp_path_factory.mktemp("build")
    (folder / "checkout").mkdir()
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / "checkout" / name)
    for left in (*(folder / "checkout" / "stance").glob("*.so"), *(folder / "checkout" / "stance").glob("*.c")):
        left.unlink()
    with tarfile.open(build(folder / "checkout", folder / "archive", "build_sdist")) as archive:
        archive.extractall(folder, filter="data")
    (unpacked,) = folder.glob("stance-*")
    return unpacked


@pytest.mark.slow
def test_the_source_archive_builds_with_and_without_a_compiler(unpacked: Path, tmp_path: Path) -> None:
    names = {path.name for path in (unpacked / "stance").iterdir()}
    assert names >= {path.name for path in (ROOT / "stance").glob("*.p*")}
    compiled = build(unpacked, tmp_path / "compiled", "build_wheel")
    assert answer(compiled, tmp_path / "a")[0] == "compiled"
    with zipfile.ZipFile(compiled) as archive:
        assert {f"stance/pages/{path.name}" for path in (ROOT / "stance" / "pages").iterdir()} <= {*archive.namelist()}
    for left in (unpacked / "build", *(unpacked / "stance").glob("*.c")):
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    plain = build(unpacked, tmp_path / "plain", "build_wheel", CC="/bin/false")
    assert answer(plain, tmp_path / "b") == ["python", answer(compiled, tmp_path / "c")[1]]


def test_wheels_are_built_for_every_version_that_is_supported() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        wheels = tomllib.load(file)["tool"]["cibuildwheel"]["build"]
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = setup["metadata"]["classifiers"].split("\n")
    versions = [line.rsplit(" ", 1)[1] for line in lines if "Python :: 3." in line]
    assert wheels == [f"cp{version.replace('.', '')}-*" for version in versions]

"""What the packaging files claim of versions is what the matrix runs, and what CI installs is pinned by hashes."""

from __future__ import annotations

import os
import re
import tomllib
from configparser import ConfigParser
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SETUP = ConfigParser()
SETUP.read(ROOT / "setup.cfg", encoding="utf-8")
TOX = PYPROJECT["tool"]["tox"]
LOCK = (ROOT / ".ci" / "requirements.txt").read_text(encoding="utf-8")
PINNED = {name: Version(number) for name, number in re.findall(r"^([\w.-]+)==(\S+) ", LOCK, flags=re.MULTILINE)}
TOOLS = ("ci", "dev", "docs")
"""The extras that the library does not need: without promises about versions."""


def requirements(section: str, key: str) -> list[Requirement]:
    return [Requirement(line) for line in SETUP[section][key].split("\n") if line]


def pythons() -> list[str]:
    """The versions of Python that the classifiers name, the oldest first."""
    return re.findall(r"Python :: (3\.\d+)", SETUP["metadata"]["classifiers"])


def needed() -> dict[str, list[Requirement]]:
    """What the library needs, and what each of its extras does."""
    extras = {key: requirements("options.extras_require", key) for key in SETUP["options.extras_require"]}
    return {"": requirements("options", "install_requires"), **{k: v for k, v in extras.items() if k not in TOOLS}}


def least(requirement: Requirement) -> Version:
    """The least version that a requirement takes."""
    (specifier,) = requirement.specifier
    assert specifier.operator == ">="
    return Version(specifier.version)


def test_the_build_requirements_are_exact_and_those_of_development() -> None:
    build = {str(Requirement(line)) for line in PYPROJECT["build-system"]["requires"]}
    assert all(re.fullmatch(r"[a-z]+==\d+(\.\d+)+", line) for line in build)
    assert build <= {str(requirement) for requirement in requirements("options.extras_require", "dev")}


def test_the_matrix_has_every_version_of_python_that_is_supported() -> None:
    assert TOX["env_list"] == ["oldest", *(f"py{number.replace('.', '')}" for number in pythons())]
    assert TOX["env"]["oldest"]["base_python"] == [pythons()[0]]
    assert SETUP["options"]["python_requires"] == f">={pythons()[0]}"


def test_the_oldest_versions_of_all_that_the_library_needs_are_run() -> None:
    oldest = TOX["env"]["oldest"]
    assert oldest["uv_resolution"] == "lowest-direct"
    assert sorted(oldest["extras"]) == sorted(needed().keys() - {""})
    assert set(TOX["env_run_base"]["extras"]) <= set(oldest["extras"])


def test_development_installs_what_the_extras_need() -> None:
    dev = {str(requirement) for requirement in requirements("options.extras_require", "dev")}
    for extra, wanted in needed().items():
        assert not extra or {str(requirement) for requirement in wanted} <= dev


@pytest.mark.skipif(os.environ.get("TOX_ENV_NAME") != "oldest", reason="what `tox -e oldest` installs")
@pytest.mark.parametrize("requirement", [*chain.from_iterable(needed().values())], ids=str)
def test_what_is_run_as_the_oldest_is_the_least_version_that_is_claimed(requirement: Requirement) -> None:
    assert Version(version(requirement.name)) == least(requirement)


def test_ci_installs_versions_that_the_extras_allow() -> None:
    wanted = [*requirements("options.extras_require", "dev"), *requirements("options.extras_require", "ci")]
    for requirement in [*needed()[""], *wanted]:
        assert PINNED[canonicalize_name(requirement.name)] in requirement.specifier


def test_every_package_that_ci_installs_has_hashes_and_no_address() -> None:
    packages = re.findall(r"^[\w.-]+==.*\n(?:    --hash=sha256:[0-9a-f]{64}.*\n)+", LOCK, flags=re.MULTILINE)
    assert len(packages) == len(PINNED) == LOCK.count("==")
    assert "://" not in LOCK
    assert not re.search(r"^-", LOCK, flags=re.MULTILINE)

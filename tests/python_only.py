"""A pytest plugin (`-p tests.python_only`) for mutation testing: no compiled kernel, and tests that are quick.

Properties try the same examples in every run, and a failing one is not made smaller. Models that the tests share are
trained once; a process that is forked from one that has them makes them again from their bytes.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from functools import partial
from typing import Any

import pytest
from hypothesis import Phase, settings

TRAINED = {f"{name}_model": b"" for name in ("tiny", "topics", "tone", "two_row", "adapted")}
"""The bytes of those models that were trained."""


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    """Set the stage before anything imports stance."""
    sys.modules["stance._kernel"] = None  # type: ignore[assignment] # importing it fails
    settings.register_profile("quick", derandomize=True, database=None, phases=(Phase.explicit, Phase.generate))
    settings.load_profile("quick")


def pytest_sessionstart() -> None:
    import stance

    assert stance.backend() == "python"


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
    """Put the model that was trained before in place of its training."""
    from stance.parameters import to_bytes

    name = fixturedef.argname
    if TRAINED.get(name):
        fixturedef.func = partial(_again, TRAINED[name])
    value = yield
    if name in TRAINED:
        TRAINED[name] = to_bytes(value.parameters)
    return value


def _again(data: bytes, **_: object) -> object:
    import stance
    from stance.storage import parse

    return stance.Model(parse(data))

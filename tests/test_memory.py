"""Knowing how much memory is left, where it is limited."""

from __future__ import annotations

import subprocess
import sys

import pytest
from conftest import second_copy

from stance import formats, memory
from stance.errors import StanceError

PROGRAM = """
import resource
from stance.memory import is_short, limit
resource.setrlimit(resource.RLIMIT_AS, (1 << 28, -1))
assert limit() == 1 << 28
assert not is_short(1 << 20)
assert is_short(1 << 28)
"""


def test_a_limit_is_known() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)


def test_without_a_limit_nothing_is_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    assert memory.limit() is None
    assert not memory.is_short(1 << 60)
    monkeypatch.setitem(sys.modules, "resource", None)
    assert second_copy(memory, monkeypatch).limit() is None


def test_a_limit_that_leaves_no_room_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "limit", lambda: 1 << 28)
    assert memory.is_short(1 << 60)
    assert not memory.is_short(4096)


def test_pyarrow_is_not_imported_where_it_has_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "pyarrow")
    monkeypatch.setattr(formats, "is_short", lambda n_bytes: True)
    with pytest.raises(MemoryError) as caught:
        formats.import_arrow()
    assert str(caught.value) == (
        "reading and writing Parquet files needs pyarrow, for which 400 MiB are needed at least"
    )
    assert not isinstance(caught.value, StanceError)

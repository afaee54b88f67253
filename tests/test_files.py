"""A file is written whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from conftest import second_copy

from stance import files
from stance.files import replacing


def write(path: str | Path, data: bytes = b"new") -> None:
    with replacing(path) as file:
        file.write(data)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "a.stance"
    path.write_bytes(b"old")

    def fail() -> None:
        with replacing(path) as file:
            file.write(b"half")
            raise error

    with pytest.raises(error):
        fail()
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.stance"]


def test_a_failed_rename_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "replace", refuse)
    with pytest.raises(OSError, match="No space left on device"):
        write(tmp_path / "a.stance")
    assert list(tmp_path.iterdir()) == []


def test_permissions_are_kept_and_new_files_follow_the_mask(tmp_path: Path) -> None:
    path = tmp_path / "a.stance"
    mask = os.umask(0o027)
    try:
        write(path)
        assert path.stat().st_mode & 0o777 == 0o640
        path.chmod(0o600)
        write(path)
        assert path.stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(mask)


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_a_missing_folder_is_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write(tmp_path / "none" / "a.stance")


def test_a_relative_path_is_in_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write("a.stance")
    assert os.listdir(tmp_path) == ["a.stance"]
    assert Path("a.stance").read_bytes() == b"new"


def test_a_file_with_the_longest_name_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("字" * 82 + ".stance")
    write(path)
    assert os.listdir(tmp_path) == [path.name]


def test_a_pipe_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    with pytest.raises(OSError, match="A pipe or a device, which no file can replace") as caught:
        write(path)
    assert caught.value.filename == str(path)
    assert path.is_fifo()
    assert os.listdir(tmp_path) == ["fifo"]


def test_a_folder_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        write(tmp_path / "folder")
    assert os.listdir(tmp_path) == ["folder"]


def abandoned(folder: Path, name: str = "a.stance") -> Path:
    """What a writer that was killed leaves."""
    path = folder / f".{name}.x1y2z3_4.part"
    path.write_bytes(b"half")
    return path


def test_what_a_killed_writer_left_is_removed_by_the_next(tmp_path: Path) -> None:
    abandoned(tmp_path)
    write(tmp_path / "a.stance")
    assert os.listdir(tmp_path) == ["a.stance"]


def test_what_others_write_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "a.stance"
    mine = [abandoned(tmp_path, "b.stance"), tmp_path / ".a.stance.part", tmp_path / ".a.stance.DOWNLOAD.part"]
    for other in mine[1:]:
        other.write_bytes(b"mine")
    with replacing(path) as first:
        first.write(b"first")
        write(path, b"second")
        assert path.read_bytes() == b"second"
    assert path.read_bytes() == b"first"
    assert sorted(tmp_path.iterdir()) == sorted([*mine, path])


def test_links_in_the_place_of_temporary_files_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"mine")
    (tmp_path / ".a.stance.x1y2z3_4.part").symlink_to(tmp_path / "mine")
    write(tmp_path / "a.stance")
    assert (tmp_path / "mine").read_bytes() == b"mine"


@pytest.mark.parametrize("is_removed", [False, True])
def test_who_tidies_up_before_a_new_file_is_locked_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_removed: bool
) -> None:
    made: list[str] = []
    others: list[int] = []
    make = tempfile.mkstemp

    def slowly(**options: Any) -> tuple[int, str]:
        descriptor, path = make(**options)
        if not made:
            others.append(os.open(path, os.O_RDWR))
            fcntl.flock(others[0], fcntl.LOCK_EX)
            os.unlink(path)
            if is_removed:
                os.close(others.pop())
        made.append(path)
        return descriptor, path

    monkeypatch.setattr(files.tempfile, "mkstemp", slowly)
    write(tmp_path / "a.stance")
    assert len(made) == 2
    assert os.listdir(tmp_path) == ["a.stance"]
    assert (tmp_path / "a.stance").read_bytes() == b"new"
    for descriptor in others:
        os.close(descriptor)


def test_a_file_system_without_locks_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(files.fcntl, "flock", refuse)
    left = abandoned(tmp_path)
    write(tmp_path / "a.stance")
    assert sorted(os.listdir(tmp_path)) == [left.name, "a.stance"]


def test_a_folder_that_cannot_be_listed_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr(files.os, "listdir", refuse)
    write(tmp_path / "a.stance")
    assert (tmp_path / "a.stance").read_bytes() == b"new"


def test_a_system_without_locks_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    copy = second_copy(files, monkeypatch)
    left = abandoned(tmp_path)
    with copy.replacing(tmp_path / "a.stance") as file:
        file.write(b"new")
    assert sorted(os.listdir(tmp_path)) == [left.name, "a.stance"]
    assert (tmp_path / "a.stance").read_bytes() == b"new"


def test_an_error_names_the_file_that_was_to_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.stance"

    def refuse(*_: object) -> None:
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setattr(files.os, "fsync", refuse)
    with pytest.raises(OSError, match="Disk quota exceeded") as caught:
        write(path)
    assert str(caught.value) == f"[Errno {errno.EDQUOT}] Disk quota exceeded: '{path}'"
    with pytest.raises(FileNotFoundError) as missing:
        write(tmp_path / "none" / "a.stance")
    assert missing.value.filename == str(tmp_path / "none" / "a.stance")
    assert list(tmp_path.iterdir()) == []

"""A file is written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

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

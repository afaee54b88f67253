"""Writing a file so that the old one or the whole new one is there, never a part.

What is written goes to a temporary file beside it, which its writer keeps locked. Where a writer was killed, its file
stays, and whoever next writes to the same place removes it: a lock ends with the process that holds it.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

try:
    import fcntl
except ImportError:  # Windows: there what a killed writer left stays
    fcntl = None  # type: ignore[assignment]

__all__ = ["replacing"]

ENDING = ".part"


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[IO[bytes]]:
    """Open a temporary file beside `path` that takes its place when the block ends, and is removed when it fails.

    Temporary files of others who were killed while they wrote to `path` are removed first.

    Examples
    --------
    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(f"{folder}/answer.txt") as file:
    ...         _ = file.write(b"42")
    ...     os.listdir(folder)
    ['answer.txt']
    """
    try:
        path = Path(os.path.realpath(path))
    except ValueError as error:  # a null character, or half of one
        raise OSError(errno.EINVAL, f"No file has such a name: {error}", str(path)) from None
    if path.exists() and not path.is_file() and not path.is_dir():
        raise OSError(errno.EINVAL, "A pipe or a device, which no file can replace", str(path))
    prefix = f".{path.name[:50]}."  # 50 characters: a name may have 255 bytes, and a character takes up to 4
    if fcntl is not None:
        _remove_abandoned(path.parent, prefix)
    with _naming(path):
        descriptor, temporary = _locked_file(path.parent, prefix)
    try:
        with io.BufferedWriter(_File(descriptor, path)) as file:
            yield file
            with _naming(path):
                file.flush()
                os.fsync(file.fileno())
                os.chmod(temporary, _mode(path))
                if fcntl is not None:
                    os.replace(temporary, path)  # while it is locked
        if fcntl is None:
            with _naming(path):
                os.replace(temporary, path)  # an open file cannot take another's place there
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


class _File(io.FileIO):
    """A temporary file that is spoken of by the name of the one that it shall replace."""

    def __init__(self, descriptor: int, path: Path) -> None:
        super().__init__(descriptor, "wb")
        self._path = path

    def write(self, data: Any) -> int:
        with _naming(self._path):
            return super().write(data)


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Let an `OSError` name a file, whichever it came from."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def _locked_file(folder: Path, prefix: str) -> tuple[int, str]:
    """Make a temporary file and lock it; another where somebody who tidies up was faster than the lock."""
    while True:
        descriptor, path = tempfile.mkstemp(prefix=prefix, suffix=ENDING, dir=folder)
        if fcntl is None or _is_kept(descriptor):
            return descriptor, path
        os.close(descriptor)


def _is_kept(descriptor: int) -> bool:
    """Lock a new file, and say whether nobody has taken it for an abandoned one before."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # of a file system without locks, where nobody can take it for an abandoned one either
        return True
    return os.fstat(descriptor).st_nlink > 0


def _remove_abandoned(folder: Path, prefix: str) -> None:
    """Remove temporary files that no living process writes."""
    is_temporary = re.compile(rf"{re.escape(prefix)}[a-z0-9_]{{8}}{re.escape(ENDING)}").fullmatch
    with contextlib.suppress(OSError):  # of a folder that can be written to but not read
        for name in filter(is_temporary, os.listdir(folder)):
            _remove_unless_locked(folder / name)


def _remove_unless_locked(path: Path) -> None:
    with contextlib.suppress(OSError):  # it is locked, it has gone meanwhile, or it belongs to somebody else
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(path)
        finally:
            os.close(descriptor)


def _mode(path: Path) -> int:
    """Give the permissions of the file at `path`, or those that a new file gets."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask

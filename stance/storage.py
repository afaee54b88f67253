"""`Parameters` to and from a file: one flat container, no pickle, checked whole before anything is built from it.

`docs/model-format.md` describes the format byte by byte. In short::

    magic 8 bytes | format number u32 | header length u32 | SHA-256 of all that follows, 32 bytes
    header: JSON in UTF-8, padded with spaces to a multiple of 64
    arrays: little-endian, in the order of the header, each beginning at a multiple of 64
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import mmap
import os
import stat
import struct
import tempfile
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from stance.decision import DecisionRule
from stance.errors import ModelFileError, shorten
from stance.parameters import Parameters, packed, require

__all__ = ["FORMAT", "from_bytes", "read", "replacing", "to_bytes", "write"]

MAGIC = b"\x93STANCE\n"
FORMAT = 1
PREFIX = struct.Struct("<8sII32s")
ALIGNMENT = 64
MAX_HEADER = 1 << 24

ARRAYS = {
    "words": "<u1",
    "pairs": "<u4",
    "idf": "<f8",
    "weights": "<i2",
    "subwords": "<u1",
    "subword_weights": "<i2",
    "weight_scale": "<f8",
    "subword_scale": "<f8",
    "intercept": "<f8",
    "topic_slope": "<f8",
    "topic_offset": "<f8",
    "tone_matrix": "<f8",
    "tone_offset": "<f8",
    "thresholds": "<f8",
}
"""The arrays of format 1 in the order in which they stand in the file, with their types."""

SCALARS = {
    "unknown_idf": float,
    "fallback": float,
    "max_topics": int,
    "min_known": float,
    "max_mean_idf": float,
}
RULE = tuple(field.name for field in fields(DecisionRule))
LISTS = ("topics", "tones")
HEADER_KEYS = {*SCALARS, *LISTS, "subword_lengths", "arrays", "card"}


def to_bytes(parameters: Parameters) -> bytes:
    """Give the model file of `parameters`; equal parameters give equal bytes."""
    arrays = {
        name: np.ascontiguousarray(_stored(parameters, name), dtype=np.dtype(dtype)) for name, dtype in ARRAYS.items()
    }
    header = {
        **{name: kind(_stored(parameters, name)) for name, kind in SCALARS.items()},
        **{name: list(getattr(parameters, name)) for name in LISTS},
        "subword_lengths": list(parameters.subword_lengths),
        "arrays": {name: list(array.shape) for name, array in arrays.items()},
        "card": dict(parameters.card),
    }
    encoded = _encoded(header)
    encoded += b" " * (-(PREFIX.size + len(encoded)) % ALIGNMENT)
    content = [encoded]
    for array in arrays.values():
        data = array.tobytes()
        content.append(data + b"\0" * (-len(data) % ALIGNMENT))
    body = b"".join(content)
    return PREFIX.pack(MAGIC, FORMAT, len(encoded), hashlib.sha256(body).digest()) + body


def from_bytes(data: bytes | mmap.mmap, path: str | Path = "<bytes>") -> Parameters:
    """Read a model file that is in memory; the arrays are views of `data`.

    Parameters
    ----------
    data : bytes or mmap
        The whole file.
    path : str or Path
        The name for error messages.

    Raises
    ------
    ModelFileError
        Anything in `data` is not as the format demands.
    """
    try:
        return _parse(memoryview(data))
    except RecursionError as error:
        raise ModelFileError(path, f"the header is nested too deeply: {error}") from None
    except ValueError as error:
        raise ModelFileError(path, str(error)) from None


def read(path: str | Path) -> Parameters:
    """Read a model file, memory-mapped: processes that load the same file share its pages.

    Raises
    ------
    ModelFileError
        There is no such file, it cannot be read, or it is not a sound model file.
    """
    try:
        # O_NONBLOCK: a named pipe in place of the file is refused, not waited for.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "there is a null character in the path"  # which is a ValueError
        raise ModelFileError(path, f"{reason}. Give the path of a file made by Model.save") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ModelFileError(path, "expected a file, but this is a folder, a pipe or a device")
        if status.st_size < PREFIX.size:
            raise ModelFileError(path, f"expected at least {PREFIX.size} bytes, but it has {status.st_size}")
        return from_bytes(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ), path)
    finally:
        os.close(descriptor)


def write(parameters: Parameters, path: str | Path) -> None:
    """Write a model file: the old file or the whole new one is there, never a part.

    Raises
    ------
    OSError
        The folder is missing, full or not writable, or `path` is a folder, a pipe or a device.
    """
    with replacing(path) as file:
        file.write(to_bytes(parameters))


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[IO[bytes]]:
    """Open a temporary file beside `path` that takes its place when the block ends, and is removed when it fails.

    Examples
    --------
    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(f"{folder}/answer.txt") as file:
    ...         _ = file.write(b"42")
    ...     os.listdir(folder)
    ['answer.txt']
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file() and not path.is_dir():
        raise OSError(errno.EINVAL, "A pipe or a device, which no file can replace", str(path))
    # 50 characters: a name may have 255 bytes, and a character takes up to 4.
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name[:50]}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, _mode(path))
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _mode(path: Path) -> int:
    """Give the permissions of the file at `path`, or those that a new file gets."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def _stored(parameters: Parameters, name: str) -> Any:
    """Give one named thing in the form in which the file holds it."""
    if name in ("words", "subwords"):
        return packed(getattr(parameters, name))
    return getattr(parameters.rule if name in RULE else parameters, name)


def _encoded(header: dict[str, Any]) -> bytes:
    """Give the JSON of `header`; raise ValueError where it holds what JSON in UTF-8 cannot."""
    text = json.dumps(header, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8")


def _parse(data: memoryview) -> Parameters:
    require(len(data) >= PREFIX.size, f"expected at least {PREFIX.size} bytes, but it has {len(data)}")
    magic, number, header_length, digest = PREFIX.unpack_from(data)
    require(magic == MAGIC, f"expected it to begin with {MAGIC!r}, but it begins with {bytes(data[:8])!r}")
    require(
        number == FORMAT,
        f"it has format {number}, and this version of stance reads format {FORMAT}: install a newer stance",
    )
    body = data[PREFIX.size :]
    require(header_length <= min(len(body), MAX_HEADER), "the header is longer than the file or than 16 MiB")
    require(hashlib.sha256(body).digest() == digest, "its SHA-256 does not fit its content: the file is damaged")
    require((PREFIX.size + header_length) % ALIGNMENT == 0, f"the arrays do not begin at a multiple of {ALIGNMENT}")
    header = _header(_decoded(body[:header_length], "the header"))
    arrays = _arrays(body[header_length:], header["arrays"])
    return _build(header, arrays)


def _header(text: str) -> dict[str, Any]:
    """Read the header and check its keys."""
    try:
        header = json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise ValueError(f"the header is not JSON: {error}") from None
    require(isinstance(header, dict), "the header is not a JSON object")
    require(set(header) == HEADER_KEYS, f"expected the header's keys to be {sorted(HEADER_KEYS)}")
    assert isinstance(header, dict)
    return header


def _arrays(body: memoryview, shapes: object) -> dict[str, NDArray[Any]]:
    """Lay the arrays over the body; together they must fill it exactly."""
    require(isinstance(shapes, dict) and list(shapes) == sorted(ARRAYS), f"expected the arrays {sorted(ARRAYS)}")
    assert isinstance(shapes, dict)
    arrays = {}
    offset = 0
    for name, dtype in ARRAYS.items():
        shape = shapes[name]
        require(
            isinstance(shape, list)
            and len(shape) in (1, 2)
            and all(type(side) is int and 0 <= side <= len(body) for side in shape),
            f"the shape of {name} is not a list of whole numbers within the file's size, one or two of them",
        )
        count = 1
        for side in shape:
            count *= side
        size = count * np.dtype(dtype).itemsize
        require(offset + size <= len(body), f"{name} goes beyond the end of the file")
        arrays[name] = np.frombuffer(body, dtype, count, offset).reshape(shape)
        offset += size + -size % ALIGNMENT
    require(offset == len(body), f"expected {offset} bytes of arrays, but the file has {len(body)}")
    return arrays


def _build(header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Parameters:
    values: dict[str, Any] = {}
    for name, kind in SCALARS.items():
        value = header[name]
        shown = shorten(repr(value))
        require(type(value) in (int, kind) and abs(value) < 1e308, f"{name} must be a number, but is {shown}")
        values[name] = kind(value)
    for name in LISTS:
        names = header[name]
        require(isinstance(names, list) and all(isinstance(one, str) for one in names), f"{name} must be a list of str")
        values[name] = tuple(names)
    lengths = header["subword_lengths"]
    require(
        isinstance(lengths, list) and len(lengths) == 2 and all(type(one) is int for one in lengths),
        "subword_lengths must be two whole numbers",
    )
    require(isinstance(header["card"], dict), "the card must be a JSON object")
    try:
        _encoded(header)  # what could not be written again is not read
    except ValueError:
        raise ValueError("the header holds an infinite number or half a surrogate pair") from None
    for name in ("words", "subwords"):
        blob = arrays.pop(name)
        require(blob.ndim == 1, f"{name} must have one axis, but has {blob.ndim}")
        values[name] = tuple(_decoded(blob.data, name).split("\n")) if blob.size else ()
    values.update(arrays, subword_lengths=(lengths[0], lengths[1]), card=header["card"])
    rule = DecisionRule(**{name: values.pop(name) for name in RULE})
    parameters = Parameters(**values, rule=rule)
    parameters.check()
    return parameters


def _decoded(data: memoryview, name: str) -> str:
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} is not UTF-8: {error}") from None


def _refuse(constant: str) -> None:
    raise ValueError(f"the header holds {constant}, which is not JSON")

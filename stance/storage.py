"""The model file: one flat container, no pickle, laid out and checked before anything is built from it.

`docs/model-format.md` describes the format byte by byte. In short::

    magic 8 bytes | format number u32 | header length u32 | SHA-256 of all that follows, 32 bytes
    header: JSON in UTF-8, padded with spaces to a multiple of 64
    arrays: little-endian, in the order of the header, each beginning at a multiple of 64

NumPy is not needed here, nor at load: arrays are memory views of the file.
"""

from __future__ import annotations

import json
import mmap
import os
import stat
import struct
import sys
from collections.abc import Mapping

from stance.errors import ModelFileError, shorten

TYPE_CHECKING = False  # `typing` takes milliseconds to import
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

__all__ = ["Contents", "assemble", "check_header", "parse", "read", "require"]

MAGIC = b"\x93STANCE\n"
FORMAT = 1
PREFIX = struct.Struct("<8sII32s")
ALIGNMENT = 64
MAX_HEADER = 1 << 24
MAX_LABELS = 100_000
LARGEST = 1e100
"""No number of an array is greater, and no idf is smaller than 1 / LARGEST, so that no score overflows."""

ARRAYS: dict[str, Any] = {
    "words": "B",
    "pairs": "I",
    "idf": "d",
    "weights": "h",
    "subwords": "B",
    "subword_weights": "h",
    "weight_scale": "d",
    "subword_scale": "d",
    "intercept": "d",
    "topic_slope": "d",
    "topic_offset": "d",
    "tone_matrix": "d",
    "tone_offset": "d",
    "thresholds": "d",
}
"""The arrays of format 1 in the order in which they stand in the file, with their types as `struct` names them."""

TYPE_NAMES = {"B": "uint8", "I": "uint32", "d": "float64", "h": "int16"}
SCALARS = {
    "unknown_idf": float,
    "fallback": float,
    "max_topics": int,
    "min_known": float,
    "max_mean_idf": float,
}
LISTS = ("topics", "tones")
HEADER_KEYS = {*SCALARS, *LISTS, "subword_lengths", "arrays", "card"}


class Contents:
    """What a model file holds: the header's values, and the arrays as views of the file.

    The header is sound, and the shapes fit each other; what the arrays hold is checked by whoever builds something from
    them, also that there are as many words and subwords as the other arrays have rows for.

    Attributes
    ----------
    header : mapping
        The values of the file's header but for its `arrays`; lists as tuples.
    arrays : mapping of str to memoryview
        The arrays of `ARRAYS`, flat, with their types.
    shapes : mapping of str to tuple of int
        Their shapes.
    data : bytes or mmap
        The whole file.
    path : str or Path
        Its name for error messages.
    topics, tones, labels : tuple of str
        The labels; `labels` is the topics, then the tones.
    n_words, n_pairs, n_subwords : int
        The sizes of the vocabulary.
    """

    def __init__(
        self,
        header: Mapping[str, Any],
        arrays: Mapping[str, memoryview],
        shapes: Mapping[str, tuple[int, ...]],
        data: bytes | mmap.mmap,
        path: str | Path,
    ) -> None:
        self.header = header
        self.arrays = arrays
        self.shapes = shapes
        self.data = data
        self.path = path
        self.topics: tuple[str, ...] = header["topics"]
        self.tones: tuple[str, ...] = header["tones"]
        self.labels = self.topics + self.tones
        self.n_pairs = shapes["pairs"][0]
        self.n_words = shapes["weights"][0] - self.n_pairs
        self.n_subwords = shapes["subword_weights"][0]
        self._check_shapes()

    def _check_shapes(self) -> None:
        """Raise ValueError unless the shapes fit the labels and each other."""
        for name in ("words", "subwords"):
            n_axes = len(self.shapes[name])
            require(n_axes == 1, f"{name} must have one axis, but has {n_axes}")
        pairs = self.shapes["pairs"]
        require(pairs[1:] == (2,), f"pairs must be uint32 of shape (n, 2), but is uint32 of shape {pairs}")
        n_topics, n_tones, n_labels = len(self.topics), len(self.tones), len(self.labels)
        n_terms = self.shapes["weights"][0]
        require(self.n_words >= 0, f"there are {self.n_pairs} pairs, but only {n_terms} rows of weights")
        for name, expected in (
            ("idf", (n_terms,)),
            ("weight_scale", (n_labels,)),
            ("subword_scale", (n_labels,)),
            ("intercept", (n_labels,)),
            ("topic_slope", (n_topics,)),
            ("topic_offset", (n_topics,)),
            ("tone_matrix", (n_tones, n_tones)),
            ("tone_offset", (n_tones,)),
            ("thresholds", (n_topics,)),
            ("weights", (n_terms, n_labels)),
            ("subword_weights", (self.n_subwords, n_labels)),
        ):
            kind, shape = TYPE_NAMES[ARRAYS[name]], self.shapes[name]
            require(shape == expected, f"{name} must be {kind} of shape {expected}, but is {kind} of shape {shape}")


def assemble(header: Mapping[str, Any], arrays: Mapping[str, Any]) -> bytes:
    """Give the model file of a header and its arrays; the same in gives the same bytes.

    Parameters
    ----------
    header : mapping
        As for `Contents`.
    arrays : mapping of str to array
        Those of `ARRAYS`: things with a `shape` and `tobytes`, of the right type.

    Raises
    ------
    ValueError
        The header holds what JSON in UTF-8 cannot.
    """
    shapes = {name: list(arrays[name].shape) for name in ARRAYS}
    encoded = _encoded({**header, "arrays": shapes})
    encoded += b" " * (-(PREFIX.size + len(encoded)) % ALIGNMENT)
    content = [encoded]
    for name in ARRAYS:
        data = arrays[name].tobytes()
        content.append(data + b"\0" * (-len(data) % ALIGNMENT))
    body = b"".join(content)
    return PREFIX.pack(MAGIC, FORMAT, len(encoded), _sha256(body)) + body


def parse(data: bytes | mmap.mmap, path: str | Path = "<bytes>", *, is_trusted: bool = False) -> Contents:
    """Lay the arrays over a model file that is in memory.

    Parameters
    ----------
    data : bytes or mmap
        The whole file.
    path : str or Path
        The name for error messages.
    is_trusted : bool
        Whether to go without the SHA-256, which takes more time than all the rest: for the model that comes with the
        package, whose code is not hashed at every import either.

    Raises
    ------
    ModelFileError
        The header or a shape in `data` is not as the format demands.
    """
    try:
        return _parse(data, path, is_trusted)
    except RecursionError as error:
        raise ModelFileError(path, f"the header is nested too deeply: {error}") from None
    except ValueError as error:
        raise ModelFileError(path, str(error)) from None


def read(path: str | Path, *, is_trusted: bool = False) -> Contents:
    """Read a model file, memory-mapped: processes that load the same file share its pages.

    Raises
    ------
    ModelFileError
        There is no such file, it cannot be read, or its header or a shape is not as the format demands.
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
        return parse(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ), path, is_trusted=is_trusted)
    finally:
        os.close(descriptor)


def check_header(header: Mapping[str, Any]) -> None:
    """Raise ValueError, with the reason, unless the labels and the numbers of a header can be used.

    Parameters
    ----------
    header : mapping
        As in `Contents`.
    """
    labels = (*header["topics"], *header["tones"])
    require(0 < len(labels) <= MAX_LABELS, f"expected 1 to {MAX_LABELS} labels, but got {len(labels)}")
    for label in labels:
        shown = shorten(repr(label))
        require(label == label.strip() and bool(label), f"a label must not be empty or padded, but got {shown}")
    require(len(set(labels)) == len(labels), "a label stands twice")
    shortest, longest = header["subword_lengths"]
    require(1 <= shortest <= longest <= 64, f"subword lengths must be 1 to 64, but are {shortest} and {longest}")
    for name, is_sound, wanted in (
        ("unknown_idf", 0 < header["unknown_idf"] < float("inf"), "above 0"),
        ("fallback", header["fallback"] >= 0, "at least 0"),
        ("max_topics", header["max_topics"] >= 0, "at least 0"),
        ("min_known", 0 <= header["min_known"] <= 1, "from 0 to 1"),
        ("max_mean_idf", header["max_mean_idf"] > 0, "above 0"),
    ):
        require(is_sound, f"{name} must be {wanted}, but is {header[name]}")


def require(condition: bool, message: str) -> None:
    """Raise ValueError with `message` unless `condition` holds."""
    if not condition:
        raise ValueError(message)


def _parse(data: bytes | mmap.mmap, path: str | Path, is_trusted: bool) -> Contents:
    require(sys.byteorder == "little", "this machine is big-endian, for which stance cannot lay out the arrays")
    require(len(data) >= PREFIX.size, f"expected at least {PREFIX.size} bytes, but it has {len(data)}")
    magic, number, header_length, digest = PREFIX.unpack_from(data)
    require(magic == MAGIC, f"expected it to begin with {MAGIC!r}, but it begins with {bytes(data[:8])!r}")
    require(
        number == FORMAT,
        f"it has format {number}, and this version of stance reads format {FORMAT}: install a newer stance",
    )
    body = memoryview(data)[PREFIX.size :]
    require(header_length <= min(len(body), MAX_HEADER), "the header is longer than the file or than 16 MiB")
    is_whole = is_trusted or _sha256(body) == digest
    require(is_whole, "its SHA-256 does not fit its content: the file is damaged")
    require((PREFIX.size + header_length) % ALIGNMENT == 0, f"the arrays do not begin at a multiple of {ALIGNMENT}")
    stored = _stored_header(_decoded(body[:header_length], "the header"))
    shapes = _shapes(stored.pop("arrays"), len(body))
    arrays = _arrays(body[header_length:], shapes)
    for name in ("words", "subwords"):
        _decoded(arrays[name], name)
    header = _usable_header(stored)
    check_header(header)
    return Contents(header, arrays, shapes, data, path)


def _stored_header(text: str) -> dict[str, Any]:
    """Read the header and check its keys."""
    try:
        header = json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise ValueError(f"the header is not JSON: {error}") from None
    require(isinstance(header, dict), "the header is not a JSON object")
    require(set(header) == HEADER_KEYS, f"expected the header's keys to be {sorted(HEADER_KEYS)}")
    assert isinstance(header, dict)
    return header


def _shapes(stored: object, size: int) -> dict[str, tuple[int, ...]]:
    """Check that every array has a shape that could be one."""
    require(isinstance(stored, dict) and list(stored) == sorted(ARRAYS), f"expected the arrays {sorted(ARRAYS)}")
    assert isinstance(stored, dict)
    for name in ARRAYS:
        shape = stored[name]
        require(
            isinstance(shape, list)
            and len(shape) in (1, 2)
            and all(type(side) is int and 0 <= side <= size for side in shape),
            f"the shape of {name} is not a list of whole numbers within the file's size, one or two of them",
        )
    return {name: tuple(stored[name]) for name in ARRAYS}


def _arrays(body: memoryview, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, memoryview]:
    """Lay the arrays over the body; together they must fill it exactly."""
    arrays = {}
    offset = 0
    for name, kind in ARRAYS.items():
        size = struct.calcsize(kind)
        for side in shapes[name]:
            size *= side
        require(offset + size <= len(body), f"{name} goes beyond the end of the file")
        arrays[name] = body[offset : offset + size].cast(kind)
        offset += size + -size % ALIGNMENT
    require(offset == len(body), f"expected {offset} bytes of arrays, but the file has {len(body)}")
    return arrays


def _usable_header(stored: dict[str, Any]) -> dict[str, Any]:
    """Check the types of the header's values."""
    header: dict[str, Any] = {}
    for name, kind in SCALARS.items():
        value = stored[name]
        shown = shorten(repr(value))
        require(type(value) in (int, kind) and abs(value) < 1e308, f"{name} must be a number, but is {shown}")
        header[name] = kind(value)
    for name in LISTS:
        names = stored[name]
        require(isinstance(names, list) and all(isinstance(one, str) for one in names), f"{name} must be a list of str")
        header[name] = tuple(names)
    lengths = stored["subword_lengths"]
    require(
        isinstance(lengths, list) and len(lengths) == 2 and all(type(one) is int for one in lengths),
        "subword_lengths must be two whole numbers",
    )
    require(isinstance(stored["card"], dict), "the card must be a JSON object")
    try:
        _encoded(stored)  # what could not be written again is not read
    except ValueError:
        raise ValueError("the header holds an infinite number or half a surrogate pair") from None
    return {**header, "subword_lengths": tuple(lengths), "card": stored["card"]}


def _encoded(header: Mapping[str, Any]) -> bytes:
    """Give the JSON of `header`; raise ValueError where it holds what JSON in UTF-8 cannot."""
    text = json.dumps(header, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8")


def _decoded(data: memoryview, name: str) -> str:
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} is not UTF-8: {error}") from None


def _refuse(constant: str) -> None:
    raise ValueError(f"the header holds {constant}, which is not JSON")


def _sha256(data: memoryview | bytes) -> bytes:
    import hashlib  # which takes milliseconds to import

    return hashlib.sha256(data).digest()

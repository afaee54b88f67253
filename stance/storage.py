"""The model file: one flat container, no pickle, laid out and checked before anything is built from it.

`docs/model-format.md` describes the format byte by byte. In short::

    magic 8 bytes | format number u32 | number of arrays u32 | SHA-256 of all that follows, 32 bytes
    length of each array in bytes, u64
    arrays: little-endian, in the order of `ARRAYS`, each beginning at a multiple of 64

Neither NumPy nor a JSON parser is needed to load and score: arrays are memory views of the file, and the card, which is
JSON and for people, is read when it is asked for, or checked first where the file is a stranger's.
"""

from __future__ import annotations

import errno
import mmap
import os
import stat
import struct
import sys

from stance.errors import ModelFileError, shorten

TYPE_CHECKING = False  # `typing` takes milliseconds to import
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Any

__all__ = ["Contents", "assemble", "check_settings", "parse", "read", "require"]

MAGIC = b"\x93STANCE\n"
FORMAT = 2
PREFIX = struct.Struct("<8sII32s")
ALIGNMENT = 64
MAX_LABELS = 100_000
MAX_CARD = 1 << 24
LARGEST = 1e60
"""No number of an array is greater, and no idf is smaller than 1 / LARGEST, so that no score overflows."""

ARRAYS: dict[str, Any] = {
    "topics": "B",
    "tones": "B",
    "settings": "d",
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
    "card": "B",
}
"""The arrays of format 2 in the order in which they stand in the file, with their types as `struct` names them."""

LENGTHS = struct.Struct(f"<{len(ARRAYS)}Q")
SETTINGS: dict[str, Any] = {
    "shortest_subword": int,
    "longest_subword": int,
    "max_topics": int,
    "unknown_idf": float,
    "fallback": float,
    "min_known": float,
    "max_mean_idf": float,
}
"""The numbers of the array `settings` in their order."""


class Contents:
    """What a model file holds: labels and settings, and the arrays as views of the file.

    Labels and settings are sound, and the arrays' lengths fit each other; what the arrays hold is checked by whoever
    builds something from them, also that there are as many words and subwords as the other arrays have rows for.

    Attributes
    ----------
    topics, tones, labels : tuple of str
        The labels; `labels` is the topics, then the tones.
    settings : mapping of str to (int or float)
        The numbers of `SETTINGS`.
    arrays : mapping of str to memoryview
        The arrays of `ARRAYS`, flat, with their types.
    shapes : mapping of str to tuple of int
        The shapes of those that have two axes.
    data : bytes or mmap
        The whole file.
    path : str or Path
        Its name for error messages.
    n_words, n_pairs, n_subwords : int
        The sizes of the vocabulary.
    """

    def __init__(self, arrays: Mapping[str, memoryview], data: bytes | mmap.mmap, path: str | Path) -> None:
        self.arrays = arrays
        self.data = data
        self.path = path
        self.topics, self.tones = _names(arrays["topics"], "topics"), _names(arrays["tones"], "tones")
        self.labels = self.topics + self.tones
        self.settings = _settings(arrays["settings"])
        check_settings(self.topics, self.tones, self.settings)
        n_labels = len(self.labels)
        self.n_pairs = len(arrays["pairs"]) // 2
        self.n_words = len(arrays["idf"]) - self.n_pairs
        self.n_subwords = len(arrays["subword_weights"]) // n_labels
        self.shapes = {
            "pairs": (self.n_pairs, 2),
            "weights": (self.n_words + self.n_pairs, n_labels),
            "subword_weights": (self.n_subwords, n_labels),
            "tone_matrix": (len(self.tones), len(self.tones)),
        }
        self._check_lengths()
        for name in ("words", "subwords"):
            _decoded(arrays[name], name)
        self._card: Mapping[str, Any] | None = None

    @property
    def card(self) -> Mapping[str, Any]:
        """What the model was trained on and how well it does: JSON values, for people, not for scoring."""
        if self._card is None:
            try:
                self._card = _card(self.arrays["card"])
            except (ValueError, RecursionError) as error:
                raise ModelFileError(self.path, f"the card cannot be read: {error}") from None
        return self._card

    def _check_lengths(self) -> None:
        """Raise ValueError unless the lengths of the arrays fit the labels and each other."""
        n_topics, n_tones, n_labels = len(self.topics), len(self.tones), len(self.labels)
        require(self.n_words >= 0, f"there are {self.n_pairs} pairs, but only {len(self.arrays['idf'])} idf")
        for name, expected in (
            *((name, rows * columns) for name, (rows, columns) in self.shapes.items()),
            ("weight_scale", n_labels),
            ("subword_scale", n_labels),
            ("intercept", n_labels),
            ("topic_slope", n_topics),
            ("topic_offset", n_topics),
            ("tone_offset", n_tones),
            ("thresholds", n_topics),
        ):
            found = len(self.arrays[name])
            require(found == expected, f"{name} must hold {expected} numbers, but holds {found}")


def assemble(
    topics: Sequence[str], tones: Sequence[str], settings: Mapping[str, float], card: object, arrays: Mapping[str, Any]
) -> bytes:
    """Give the model file of labels, settings, a card and arrays; the same in gives the same bytes.

    Parameters
    ----------
    topics, tones : sequence of str
    settings : mapping of str to number
        Those of `SETTINGS`.
    card : mapping
        JSON values.
    arrays : mapping of str to array
        The others of `ARRAYS`: things with `tobytes`, of the right type.

    Raises
    ------
    ValueError
        The card holds what JSON in UTF-8 cannot, or a label half a surrogate pair.
    """
    content = {
        "topics": "\n".join(topics).encode(),
        "tones": "\n".join(tones).encode(),
        "settings": struct.pack(f"<{len(SETTINGS)}d", *(settings[name] for name in SETTINGS)),
        **{name: array.tobytes() for name, array in arrays.items()},
        "card": _encoded(card),
    }
    body = LENGTHS.pack(*(len(content[name]) for name in ARRAYS))
    body += bytes(-(PREFIX.size + len(body)) % ALIGNMENT)
    body += b"".join(content[name] + bytes(-len(content[name]) % ALIGNMENT) for name in ARRAYS)
    return PREFIX.pack(MAGIC, FORMAT, len(ARRAYS), _sha256(body)) + body


def parse(data: bytes | mmap.mmap, path: str | Path = "<bytes>", *, is_trusted: bool = False) -> Contents:
    """Lay the arrays over a model file that is in memory.

    Parameters
    ----------
    data : bytes or mmap
        The whole file.
    path : str or Path
        The name for error messages.
    is_trusted : bool
        Whether to go without the SHA-256, which takes more time than all the rest, and without the card: for the model
        that comes with the package, whose code is not hashed at every import either.

    Raises
    ------
    ModelFileError
        A length, a label, a setting or the card in `data` is not as the format demands.
    """
    try:
        contents = Contents(_arrays(data, is_trusted), data, path)
    except ValueError as error:
        raise ModelFileError(path, str(error)) from None
    if not is_trusted:
        _ = contents.card
    return contents


def read(path: str | Path, *, is_trusted: bool = False) -> Contents:
    """Read a model file, memory-mapped: processes that load the same file share its pages.

    Raises
    ------
    ModelFileError
        There is no such file, it cannot be read, or `parse` refuses it.
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
        return parse(_mapped(descriptor, path), path, is_trusted=is_trusted)
    finally:
        os.close(descriptor)


def _mapped(descriptor: int, path: str | Path) -> mmap.mmap:
    try:
        return mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
    except OSError as error:
        if error.errno == errno.ENOMEM:
            raise MemoryError(f"{path}: there is no room for the model") from None
        raise ModelFileError(path, f"it cannot be mapped: {error.strerror}") from None


def check_settings(topics: Sequence[str], tones: Sequence[str], settings: Mapping[str, float]) -> None:
    """Raise ValueError, with the reason, unless the labels and the settings of a model can be used.

    Parameters
    ----------
    topics, tones : sequence of str
    settings : mapping of str to number
        Those of `SETTINGS`.
    """
    labels = (*topics, *tones)
    require(0 < len(labels) <= MAX_LABELS, f"expected 1 to {MAX_LABELS} labels, but got {len(labels)}")
    for label in labels:
        is_plain = bool(label) and label == label.strip() and "\n" not in label
        require(is_plain, f"a label must not be empty, padded or of two lines, but got {shorten(repr(label))}")
    require(len(set(labels)) == len(labels), "a label stands twice")
    shortest, longest = settings["shortest_subword"], settings["longest_subword"]
    require(1 <= shortest <= longest <= 64, f"subword lengths must be 1 to 64, but are {shortest} and {longest}")
    for name, is_sound, wanted in (
        ("unknown_idf", 0 < settings["unknown_idf"] < float("inf"), "above 0"),
        ("fallback", settings["fallback"] >= 0, "at least 0"),
        ("max_topics", settings["max_topics"] >= 0, "at least 0"),
        ("min_known", 0 <= settings["min_known"] <= 1, "from 0 to 1"),
        ("max_mean_idf", settings["max_mean_idf"] > 0, "above 0"),
    ):
        require(is_sound, f"{name} must be {wanted}, but is {settings[name]}")


def require(condition: bool, message: str) -> None:
    """Raise ValueError with `message` unless `condition` holds."""
    if not condition:
        raise ValueError(message)


def _arrays(data: bytes | mmap.mmap, is_trusted: bool) -> dict[str, memoryview]:
    """Lay the arrays over the file; together they must fill it exactly."""
    require(sys.byteorder == "little", "this machine is big-endian, for which stance cannot lay out the arrays")
    require(len(data) >= PREFIX.size, f"expected at least {PREFIX.size} bytes, but it has {len(data)}")
    magic, number, n_arrays, digest = PREFIX.unpack_from(data)
    require(magic == MAGIC, f"expected it to begin with {MAGIC!r}, but it begins with {bytes(data[:8])!r}")
    remedy = "install a newer stance" if number > FORMAT else "that format was never released, so train it again"
    require(number == FORMAT, f"it has format {number}, and this version of stance reads format {FORMAT}: {remedy}")
    require(n_arrays == len(ARRAYS), f"expected {len(ARRAYS)} arrays, but it has {n_arrays}")
    view = memoryview(data)
    offset = PREFIX.size + LENGTHS.size
    require(len(data) >= offset, f"expected at least {offset} bytes, but it has {len(data)}")
    is_whole = is_trusted or _sha256(view[PREFIX.size :]) == digest
    require(is_whole, "its SHA-256 does not fit its content: the file is damaged")
    arrays = {}
    for (name, kind), length in zip(ARRAYS.items(), LENGTHS.unpack_from(data, PREFIX.size), strict=True):
        offset += -offset % ALIGNMENT
        require(offset + length <= len(data), f"{name} goes beyond the end of the file")
        size = struct.calcsize(kind)
        require(length % size == 0, f"{name} has {length} bytes, which is no multiple of {size}")
        arrays[name] = view[offset : offset + length].cast(kind)
        offset += length
    offset += -offset % ALIGNMENT
    require(offset == len(data), f"expected {offset} bytes, but the file has {len(data)}")
    return arrays


def _names(data: memoryview, name: str) -> tuple[str, ...]:
    """Give the labels that stand in an array with line feeds between."""
    return tuple(_decoded(data, name).split("\n")) if len(data) else ()


def _settings(stored: memoryview) -> dict[str, Any]:
    """Give the settings by name, whole numbers as such."""
    require(len(stored) == len(SETTINGS), f"settings must hold {len(SETTINGS)} numbers, but holds {len(stored)}")
    settings: dict[str, Any] = {}
    for (name, kind), value in zip(SETTINGS.items(), stored, strict=True):
        require(abs(value) < 1e308, f"{name} must be a number, but is {value}")
        require(kind is float or value == int(value), f"{name} must be a whole number, but is {value}")
        settings[name] = kind(value)
    return settings


def _card(data: memoryview) -> dict[str, Any]:
    """Read the card; what could not be written again is not read."""
    import json  # takes milliseconds to import

    require(len(data) <= MAX_CARD, f"it is longer than {MAX_CARD} bytes")
    card = json.loads(_decoded(data, "the card"), parse_constant=_refuse)
    require(isinstance(card, dict), "it is not a JSON object")
    try:
        _encoded(card)
    except ValueError:
        raise ValueError("it holds an infinite number or half a surrogate pair") from None
    assert isinstance(card, dict)
    return card


def _encoded(card: object) -> bytes:
    """Give the JSON of a card; raise ValueError where it holds what JSON in UTF-8 cannot."""
    import json

    return json.dumps(card, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _decoded(data: memoryview, name: str) -> str:
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} is not UTF-8: {error}") from None


def _refuse(constant: str) -> None:
    raise ValueError(f"it holds {constant}, which is not JSON")


def _sha256(data: memoryview | bytes) -> bytes:
    import hashlib  # which takes milliseconds to import

    try:
        return hashlib.sha256(data).digest()
    except ValueError:  # of OpenSSL, where it gets no memory
        raise MemoryError from None

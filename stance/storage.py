"""The model file: one flat container, no pickle, laid out and checked before anything is built from it.

`docs/model-format.md` describes the format byte by byte. In short::

    magic 8 bytes | format number u32 | number of arrays u32 | SHA-256 of all that follows, 32 bytes
    length of each array in bytes, u64
    arrays: little-endian, in the order of `ARRAYS`, each beginning at a multiple of 64

Neither NumPy nor a JSON parser is needed to load and score: arrays are memory views of the file, and the card, which is
JSON and for people, is read when it is asked for, or checked first where the file is a stranger's. A stranger's file is
read into memory, so that what was checked is what is used, whatever becomes of the file meanwhile.
"""

from __future__ import annotations

import errno
import mmap
import os
import stat
import struct
import sys
from codecs import utf_8_decode

from stance.errors import ModelFileError, shorten

TYPE_CHECKING = False  # `typing` takes milliseconds to import
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path
    from typing import Any

__all__ = ["Contents", "assemble", "check_settings", "parse", "read", "require"]

MAGIC = b"\x93STANCE\n"
FORMAT = 2
PREFIX = struct.Struct("<8sII32s")
ALIGNMENT = 64
MAX_BYTES = 1 << 30
MAX_LABELS = 100_000
MAX_CARD = 1 << 22
MAX_VALUES = 200_000
"""Of the card: each may take some 300 bytes of memory."""
MAX_DEPTH = 100
"""Of the card, so that whoever walks through one needs no great stack."""
PIECE = 1 << 20
NO_ROOM = "there is no room for the model"
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
HEADER = PREFIX.size + LENGTHS.size
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
    path : str, Path or None
        What it is called in error messages; None for no name.
    origin : str or None
        The absolute path of the file that it was read from.
    n_words, n_pairs, n_subwords : int
        The sizes of the vocabulary.
    """

    def __init__(self, arrays: Mapping[str, memoryview], data: bytes | mmap.mmap, path: str | Path | None) -> None:
        self.arrays = arrays
        self.data = data
        self.path = path
        self.origin: str | None = None
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
            _check_utf8(arrays[name], name)
        self._card: Mapping[str, Any] | None = None

    @property
    def card(self) -> Mapping[str, Any]:
        """What the model was trained on and how well it does: JSON values, for people, not for scoring."""
        if self._card is None:
            try:
                self._card = _card(self.arrays["card"])
            except ValueError as error:
                raise ModelFileError(self.path, f"the card cannot be read: {error}") from None
            except RecursionError:
                raise ModelFileError(self.path, "the card cannot be read: it is nested too deeply") from None
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
        The others of `ARRAYS`: things with `tobytes`, of the right type, little-endian.

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
    body += b"".join(content[name] + bytes(-len(content[name]) % ALIGNMENT) for name in ARRAYS)
    return PREFIX.pack(MAGIC, FORMAT, len(ARRAYS), _sha256(body)) + body


def parse(data: bytes | mmap.mmap, path: str | Path | None = None, *, is_trusted: bool = False) -> Contents:
    """Lay the arrays over a model file that is in memory.

    Parameters
    ----------
    data : bytes or mmap
        The whole file.
    path : str or Path, optional
        What it is called in error messages.
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
    """Read a model file.

    Parameters
    ----------
    path : str or Path
    is_trusted : bool
        As for `parse`. Such a file is mapped into memory: processes that load it share its pages, and nobody may write
        to it meanwhile.

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
        data = _content(descriptor, is_trusted)
    except ValueError as error:
        raise ModelFileError(path, str(error)) from None
    except MemoryError:
        raise MemoryError(f"{path}: {NO_ROOM}") from None
    except OSError as error:
        if error.errno == errno.ENOMEM:
            raise MemoryError(f"{path}: {NO_ROOM}") from None
        raise ModelFileError(path, f"it cannot be read: {error.strerror}") from None
    finally:
        os.close(descriptor)
    contents = parse(data, path, is_trusted=is_trusted)
    contents.origin = os.path.abspath(path)
    return contents


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


def _content(descriptor: int, is_trusted: bool) -> bytes | mmap.mmap:
    """Read an open file whose header is sound; of one that is not, no more than the header is read."""
    status = os.fstat(descriptor)
    require(stat.S_ISREG(status.st_mode), "expected a file, but this is a folder, a pipe or a device")
    with open(descriptor, "rb", buffering=0, closefd=False) as file:
        header = file.read(HEADER)
        _places(header, status.st_size if len(header) == HEADER else len(header))
        if is_trusted:
            return mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
        file.seek(0)
        return file.read(status.st_size)


def _places(header: bytes, size: int) -> list[slice]:
    """Give where the arrays lie in a file of a number of bytes, which they must fill exactly."""
    require(size >= PREFIX.size, f"expected at least {PREFIX.size} bytes, but it has {size}")
    magic, number, n_arrays, _ = PREFIX.unpack_from(header)
    require(magic == MAGIC, "it does not begin as a model file does")  # and how it does is nobody's business
    remedy = "install a newer stance" if number > FORMAT else "that format was never released, so train it again"
    require(number == FORMAT, f"it has format {number}, and this version of stance reads format {FORMAT}: {remedy}")
    require(n_arrays == len(ARRAYS), f"expected {len(ARRAYS)} arrays, but it has {n_arrays}")
    require(size >= HEADER, f"expected at least {HEADER} bytes, but it has {size}")
    places, offset = [], HEADER
    for (name, kind), length in zip(ARRAYS.items(), LENGTHS.unpack_from(header, PREFIX.size), strict=True):
        width = struct.calcsize(kind)
        require(length % width == 0, f"{name} has {length} bytes, which is no multiple of {width}")
        places.append(slice(offset, offset + length))
        offset += length + -length % ALIGNMENT
    require(offset == size, f"its header tells of {offset} bytes, but it has {size}: it was cut off or damaged")
    require(size <= MAX_BYTES, f"expected at most {MAX_BYTES} bytes, but it has {size}")
    return places


def _arrays(data: bytes | mmap.mmap, is_trusted: bool) -> dict[str, memoryview]:
    """Lay the arrays over the file."""
    places = _places(data[:HEADER], len(data))
    view = memoryview(data)
    is_whole = is_trusted or _sha256(view[PREFIX.size :]) == PREFIX.unpack_from(data)[-1]
    require(is_whole, "its SHA-256 does not fit its content: the file is damaged")
    return {name: _native(view[place], kind) for (name, kind), place in zip(ARRAYS.items(), places, strict=True)}


def _native(stored: memoryview, kind: Any) -> memoryview:
    """Give an array as this machine reads numbers: where it lies, but on a big-endian machine a copy."""
    if sys.byteorder == "little":
        return stored.cast(kind)
    from array import array

    numbers = array(kind, stored.tobytes())
    numbers.byteswap()
    return memoryview(numbers).toreadonly()


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
    text = _decoded(data, "the card")
    require(sum(map(text.count, "[{,")) <= MAX_VALUES, f"it holds more than {MAX_VALUES} values")
    card = json.loads(text, parse_constant=_refuse)
    require(isinstance(card, dict), "it is not a JSON object")
    try:
        _encoded(card)
    except ValueError:
        raise ValueError("it holds an infinite number or half a surrogate pair") from None
    assert isinstance(card, dict)
    _check_depth(card)
    return card


def _check_depth(card: Mapping[str, Any]) -> None:
    """Raise ValueError where values lie in each other more than `MAX_DEPTH` deep."""
    level: list[Any] = [card]
    for _ in range(MAX_DEPTH):
        level = [part for value in level if isinstance(value, dict | list) for part in _within(value)]
    require(not any(isinstance(value, dict | list) for value in level), "it is nested too deeply")


def _within(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def _encoded(card: object) -> bytes:
    """Give the JSON of a card; raise ValueError where it holds what JSON in UTF-8 cannot."""
    import json

    return json.dumps(card, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _check_utf8(data: memoryview, name: str) -> None:
    """Raise ValueError unless an array is UTF-8; it is decoded in pieces, which take little memory."""
    start = 0
    while start < len(data):
        stop = start + PIECE
        try:
            start += utf_8_decode(data[start:stop], "strict", stop >= len(data))[1]
        except UnicodeDecodeError as error:
            raise ValueError(f"{name} is not UTF-8: {error.reason} at byte {start + error.start}") from None


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

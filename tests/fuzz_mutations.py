"""Changes of model files that reach what lies behind the header and the SHA-256: arrays are changed, and fit again."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from random import Random

import numpy as np
from hostile import parts, signed, small

from stance.decision import DecisionRule
from stance.parameters import Parameters, to_bytes
from stance.storage import ARRAYS, FORMAT, HEADER, LARGEST, LENGTHS, PREFIX

NUMBERS = (
    0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 1e-9, 1e9, 1e60, -1e60, 1.0000001e60, 1e-60, 9e-61, 1e61, 5e-324, 1e-300, 1e307,
    1.7e308, math.inf, -math.inf, math.nan, 63.0, 64.0, 65.0, 2.0**31, 2.0**53, 2.0**63, 1e18,
)  # fmt: skip
WHOLE = (0, 1, 2, 3, 7, 8, 255, 256, 2**15 - 1, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1)
SMALL = (0, 1, -1, 127, 128, 32766, 32767, -32767, -32768)
SPECIAL: dict[str, Sequence[float]] = {"d": NUMBERS, "I": WHOLE, "h": SMALL}
WORDS = (
    "a", "aa", "peace", "talks", "talk", "peaceful", "peace talks", "PEACE", "мир", "ß", "i̇", "İ", "Σ", "ς", "ας", "ﬁ",
    "²³", "_", "__", "ab\0", "\0", "\x1b[2J", "\x7f", "\x85", "\u2028", "\ufeff", "😀", "𝔞𝔟", "\U0010ffff",
    "cooperative", "tense", "mixed", "neutral", "seven77", "eight888", "nine99999", "fifteen15151515",
    "sixteen161616161", "x" * 64, "é" * 9, "unknown", " ", " pe", "ce ", "  ", "|", '"', "<b>", "word" * 99,
)  # fmt: skip
VALUES = (
    "null", "0", "-1", "1e308", "true", '""', '"\\u001b[31m"', "[]", "{}", '[{"a": 1}]', '{"a": {"b": []}}', "9" * 400,
    '{"rows": 3, "sha256": "ab"}', '{"topics": {"labels": {"trade": {"f1": 1, "support": 2}}, "macro_f1": 0.5}}',
)  # fmt: skip
NAMES = ("name", "stance", "data", "licence", "cross_validation", "cross_validation_natural", "ü", "", "\x9b")
PER_LABEL = ("weight_scale", "subword_scale", "intercept")
PER_TOPIC = ("topic_slope", "topic_offset", "thresholds")

Arrays = dict[str, bytes]
Mutate = Callable[[bytes, int], bytes]


class Mutations:
    """Changes one file into another.

    Parameters
    ----------
    mutate : callable
        The fuzzer's own changes of bytes: takes them and their greatest length.
    """

    def __init__(self, mutate: Mutate) -> None:
        self._mutate = mutate

    def mutated(self, data: bytes, max_size: int, seed: int) -> bytes:
        """Change a file, most often so that its arrays fit each other, its header fits them, and its hash is right."""
        random = Random(seed)
        if random.random() < 0.05:
            return self._mutate(data, max_size)
        arrays = _parts(data)
        for _ in range(random.choice((1, 1, 2, 3, 8))):
            name = random.choice(list(ARRAYS))
            arrays[name] = self._changed(arrays, name, random)
        return _assembled(arrays, random, data, max_size)

    def crossed(self, data: bytes, other: bytes, max_size: int, seed: int) -> bytes:
        """Take each array from one file or the other, or some of each."""
        random = Random(seed)
        arrays, others = _parts(data), _parts(other)
        for name, array in others.items():
            choice = random.randrange(4)
            if choice == 0:
                arrays[name] = array
            elif choice == 1:
                middle = struct.calcsize(ARRAYS[name]) * random.randrange(1 + len(array) // 8)
                arrays[name] = arrays[name][:middle] + array[middle:]
        return _assembled(arrays, random, data, max_size)

    def _changed(self, arrays: Arrays, name: str, random: Random) -> bytes:
        array, kind = arrays[name], ARRAYS[name]
        if random.random() < 0.15:
            return self._mutate(array or b"\0", len(array) + 64)
        if name == "card":
            return _card(array, random)
        if kind == "B":
            return _strings(array, random)
        width = struct.calcsize(kind)
        numbers = [number for (number,) in struct.iter_unpack(f"<{kind}", array[: len(array) // width * width])]
        for _ in range(random.choice((1, 1, 4, len(numbers)))):
            place = random.randrange(len(numbers) + 1)
            what = random.randrange(6)
            if what == 0 or not numbers:
                numbers.insert(place, random.choice(SPECIAL[kind]))
            elif what == 1:
                del numbers[place : place + random.choice((1, 2, 8))]
            elif what == 2 and kind == "d":
                numbers[place % len(numbers)] = random.gauss(0, 1) * 10 ** random.uniform(-6, 6)
            elif what == 3:
                numbers[place % len(numbers)] = random.choice(numbers)
            else:
                numbers[place % len(numbers)] = random.choice(SPECIAL[kind])
        return struct.pack(f"<{len(numbers)}{kind}", *numbers)


def seeds() -> Iterator[tuple[str, bytes]]:
    """Give sound files of many kinds, to begin with."""

    def settings(shortest: int, longest: int) -> bytes:
        return struct.pack("<7d", shortest, longest, 4, 2.0, 0.1, 0.0, 1e300)

    for name, arrays in (
        ("least", {"words": b"peace", "pairs": b"", "subwords": b"", "tones": b"", "topics": b"trade"}),
        ("no-tones", {"tones": b""}),
        ("no-topics", {"topics": b""}),
        ("no-subwords", {"subwords": b""}),
        ("no-words", {"words": b"", "pairs": b""}),
        ("four-tones", {"tones": b"cooperative\ntense\nmixed\nneutral"}),
        ("long-words", {"words": "\n".join(sorted(WORDS[20:45])).encode()}),
        ("many-labels", {"topics": "\n".join(f"t{place}" for place in range(27)).encode()}),
        ("long-subwords", {"settings": settings(1, 9)}),
        ("short-subwords", {"settings": settings(2, 3), "subwords": b" p\nac\nea\nks"}),
        ("pairs", {"pairs": np.array([[i, j] for i in range(3) for j in range(3)], dtype="<u4").tobytes()}),
    ):
        yield name, signed(_fitting({**parts(to_bytes(small())), **arrays}))
    words = tuple(sorted({f"w{place:02}" for place in range(40)} | {"the", "и"}))
    numbers = np.random.default_rng(0)
    rule = DecisionRule(
        np.full(3, 1.5), np.full(3, -0.5), np.eye(4), np.zeros(4), np.array([0.3, 0.5, 0.7]), fallback=0.2, max_topics=2
    )
    weights, subword_weights = (numbers.integers(-30_000, 30_000, (n, 7)).astype(np.int16) for n in (62, 6))
    larger = Parameters(
        topics=("trade", "war", "law"),
        tones=("cooperative", "tense", "mixed", "neutral"),
        words=words,
        pairs=np.array([[place, place + 1] for place in range(20)], dtype=np.uint32),
        idf=numbers.uniform(1, 9, 62),
        unknown_idf=10.0,
        weights=weights,
        weight_scale=np.full(7, 1e-4),
        subwords=(" w", "0", "the", "w1", "и", "й"),
        subword_lengths=(1, 3),
        subword_weights=subword_weights,
        subword_scale=np.full(7, 1e-5),
        intercept=numbers.normal(size=7),
        rule=rule,
        min_known=0.2,
        max_mean_idf=9.0,
        card={"name": "larger", "data": {"rows": 3, "sha256": "ab"}, "stance": "0", "licence": "none"},
    )
    yield "larger", to_bytes(larger)
    yield "small", to_bytes(replace(small(), min_known=0.0, max_mean_idf=1e9))


def _parts(data: bytes) -> Arrays:
    """The arrays of a file, those of a sound one where its header is none."""
    if len(data) >= HEADER:
        lengths = LENGTHS.unpack_from(data, PREFIX.size)
        if HEADER + sum(length + -length % 64 for length in lengths) == len(data):
            return parts(data)
    return parts(to_bytes(small()))


def _assembled(arrays: Arrays, random: Random, data: bytes, max_size: int) -> bytes:
    """Put a file together, now and then a wrong one; one that came out too long stays as it was."""
    if random.random() < 0.9:
        arrays = _fitting(arrays)
        if random.random() < 0.3:
            arrays = _spoilt(arrays, random)
    what = random.random()
    if what < 0.02:
        made = signed(arrays, number=random.choice((FORMAT, *WHOLE)), n_arrays=random.choice((len(ARRAYS), *WHOLE)))
    elif what < 0.05:
        made = signed(arrays, lengths={random.choice(list(ARRAYS)): random.choice((*WHOLE, 2**63, 2**64 - 64))})
    else:
        made = signed(arrays)
    if what > 0.98:
        place = random.randrange(len(made))
        made = made[:place] + bytes([random.randrange(256)]) + made[place + 1 :]
    return made if len(made) <= max_size else data[:max_size]


def _fitting(arrays: Arrays) -> Arrays:
    """Make the arrays fit each other: as many rows as terms, as many columns as labels, and numbers in their range."""
    arrays = dict(arrays)
    topics = _labels(arrays["topics"], ())
    tones = _labels(arrays["tones"], topics)
    topics = topics or (() if tones else ("trade",))
    words, subwords = (sorted(set(_split(arrays[name])))[:400] for name in ("words", "subwords"))
    for name, strings in (("topics", topics), ("tones", tones), ("words", words), ("subwords", subwords)):
        arrays[name] = "\n".join(strings).encode()
    pairs = np.frombuffer(arrays["pairs"][: len(arrays["pairs"]) // 8 * 8], dtype="<u4").reshape(-1, 2)
    pairs = np.unique(pairs % max(len(words), 1), axis=0)[: 400 * bool(words)]
    arrays["pairs"] = pairs.astype("<u4").tobytes()
    n_topics, n_tones, n_labels, n_terms = len(topics), len(tones), len(topics) + len(tones), len(words) + len(pairs)
    for names, length in (
        (("settings",), 7),
        (("idf",), n_terms),
        (("weights",), n_terms * n_labels),
        (("subword_weights",), len(subwords) * n_labels),
        (PER_LABEL, n_labels),
        (PER_TOPIC, n_topics),
        (("tone_matrix",), n_tones * n_tones),
        (("tone_offset",), n_tones),
    ):
        for name in names:
            arrays[name] = _repeated(arrays[name], ARRAYS[name], length)
    for name in (name for name, kind in ARRAYS.items() if kind == "d"):
        arrays[name] = _in_range(arrays[name], name)
    return arrays


def _spoilt(arrays: Arrays, random: Random) -> Arrays:
    """Put one thing wrong in arrays that fit, which is to be found by itself."""
    name = random.choice([name for name in ARRAYS if arrays[name]])
    array, kind = arrays[name], ARRAYS[name]
    if name in ("words", "subwords") and random.random() < 0.8:
        strings = array.split(b"\n")
        place, other = random.randrange(len(strings)), random.randrange(len(strings))
        strings[place], strings[other] = strings[other], random.choice((strings[place], strings[other], b""))
        return {**arrays, name: b"\n".join(strings)}
    width = struct.calcsize(kind)
    place = random.randrange(len(array) // width) * width
    number = struct.pack(f"<{kind}", random.choice(SPECIAL.get(kind, range(256))))
    after = array[place + random.choice((0, width, width, width, 2 * width)) :]
    return {**arrays, name: array[:place] + number + after}


def _repeated(array: bytes, kind: str, length: int) -> bytes:
    """Cut an array to a length, or begin it again and again."""
    width = struct.calcsize(kind)
    whole = array[: len(array) // width * width] or struct.pack(f"<{kind}", 1)
    return (whole * (length * width // len(whole) + 1))[: length * width]


def _in_range(array: bytes, name: str) -> bytes:
    """Move numbers to where they are allowed."""
    numbers = np.nan_to_num(np.frombuffer(array, dtype="<f8"), nan=1.0, posinf=1e60, neginf=-1e60)
    if name == "settings":
        shortest, longest, most, unknown_idf, fallback, min_known, max_mean_idf = np.abs(numbers).tolist()
        longest = min(max(int(longest), 1), 64)
        numbers = np.array(
            [
                min(max(int(shortest), 1), longest), longest, float(int(most)), max(unknown_idf, 1e-300), fallback,
                min_known % 1, max(max_mean_idf, 1e-300),
            ]
        )  # fmt: skip
        return np.minimum(numbers, 1e307).astype("<f8").tobytes()
    least = {"idf": 1 / LARGEST, "thresholds": 0.0}.get(name, -LARGEST)
    return np.clip(np.abs(numbers) if name == "idf" else numbers, least, LARGEST).astype("<f8").tobytes()


def _split(array: bytes) -> list[str]:
    return [string for string in array.decode("utf-8", "ignore").split("\n") if string]


def _labels(array: bytes, others: tuple[str, ...]) -> tuple[str, ...]:
    labels = dict.fromkeys(label.strip() for label in _split(array))
    return tuple(label for label in labels if label and label not in others)[:40]


def _strings(array: bytes, random: Random) -> bytes:
    """Change labels, words or subwords."""
    strings = array.decode("utf-8", "ignore").split("\n")
    place = random.randrange(len(strings))
    what = random.randrange(7)
    if what == 0:
        strings.insert(place, random.choice(WORDS))
    elif what == 1:
        del strings[place]
    elif what == 2:
        strings[place] = random.choice(WORDS)
    elif what == 3:
        strings[place] += random.choice(strings)
    elif what == 4:
        random.shuffle(strings)
    elif what == 5:
        start = random.randrange(len(strings[place]) + 1)
        strings[place] = strings[place][start : start + random.choice((1, 2, 3, 7, 8, 9))]
    else:
        strings += random.sample(WORDS, 8)
    return "\n".join(strings).encode()


def _card(array: bytes, random: Random) -> bytes:
    """Give a card another member, or change something in it."""
    text = array.decode("utf-8", "ignore")
    name, value = random.choice(NAMES), random.choice(VALUES)
    what = random.randrange(3)
    if what == 0:
        return f'{{"{name}": {value}}}'.replace("\x9b", "\\u009b").encode()
    if what == 1 and text.endswith("}") and len(text) > 2:
        return f'{text[:-1]},"{name}":{value}}}'.encode()
    place = random.randrange(len(text) + 1)
    return (text[:place] + value + text[place + random.choice((0, 1, 4)) :]).encode()

"""Model files as somebody would make them who means harm; `python tests/hostile.py` writes `fixtures/files` again."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import pickle
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import stance
from stance.decision import DecisionRule
from stance.parameters import Parameters, to_bytes
from stance.storage import ARRAYS, FORMAT, LENGTHS, MAGIC, PREFIX, SETTINGS, parse

FOLDER = Path(__file__).resolve().parent.parent / "fixtures" / "files"


def small(**changes: Any) -> Parameters:
    """Two topics, two tones, three words, one pair, two subwords."""
    rule = DecisionRule(np.ones(2), np.zeros(2), np.eye(2), np.zeros(2), np.full(2, 0.5), 0.25, 2)
    parameters = Parameters(
        topics=("trade", "Ж"),
        tones=("yes", "no"),
        words=("peace", "talks", "мир"),
        pairs=np.array([[0, 1]], dtype=np.uint32),
        idf=np.array([1.5, 2.0, 2.5, 3.0]),
        unknown_idf=4.0,
        weights=np.arange(16, dtype=np.int16).reshape(4, 4),
        weight_scale=np.full(4, 0.5),
        subwords=(" pe", "ace"),
        subword_lengths=(3, 5),
        subword_weights=np.ones((2, 4), dtype=np.int16),
        subword_scale=np.full(4, 0.25),
        intercept=np.zeros(4),
        rule=rule,
        min_known=0.1,
        max_mean_idf=3.9,
        card={"note": "ü"},
    )
    return replace(parameters, **changes)


def parts(data: bytes) -> dict[str, bytes]:
    """The arrays of a file by name."""
    offset, arrays = PREFIX.size + LENGTHS.size, {}
    for name, length in zip(ARRAYS, LENGTHS.unpack_from(data, PREFIX.size), strict=True):
        offset += -offset % 64
        arrays[name] = data[offset : offset + length]
        offset += length
    return arrays


def signed(
    arrays: dict[str, bytes], number: int = FORMAT, lengths: dict[str, int] | None = None, n_arrays: int = len(ARRAYS)
) -> bytes:
    """Put a file together again with a right hash, so that what lies behind the hash is reached."""
    body = LENGTHS.pack(*((lengths or {}).get(name, len(array)) for name, array in arrays.items()))
    body += b"".join(array + bytes(-len(array) % 64) for array in arrays.values())
    return PREFIX.pack(MAGIC, number, n_arrays, hashlib.sha256(body).digest()) + body


def with_settings(**changes: float) -> bytes:
    """A file with other settings."""
    arrays = parts(to_bytes(small()))
    values = dict(zip(SETTINGS, struct.unpack("<7d", arrays["settings"]), strict=True)) | changes
    return signed({**arrays, "settings": struct.pack("<7d", *values.values())})


class Bomb:
    """What runs code where it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("import pathlib; pathlib.Path('was-run').touch()",)


def attacks() -> Iterator[tuple[str, bytes]]:
    """Give the name and the content of each file, but for those that are made where they are tried."""
    sound = to_bytes(small())
    arrays = parts(sound)
    yield "empty", b""
    yield "magic-alone", MAGIC
    yield "text", b"label,weight\ntrade,1.0\n" * 10
    yield from _of_other_kinds(sound)
    for number in (0, 1, 3, 2**32 - 1):
        yield f"format-{number}", signed(arrays, number)
    for n_arrays in (0, 17, 19, 2**32 - 1):
        yield f"arrays-{n_arrays}", signed(arrays, n_arrays=n_arrays)
    yield "hash-of-zeros", sound[:16] + bytes(32) + sound[48:]
    yield "hash-of-another", sound[:16] + hashlib.sha256(b"").digest() + sound[48:]
    yield "changed-weight", sound.replace(arrays["weights"], bytes(len(arrays["weights"])))
    yield "more-at-the-end", sound + bytes(64)
    yield from _lengths(arrays)
    yield from _numbers(arrays)
    yield from _vocabularies(arrays)
    yield from _labels(arrays)
    yield from _cards(arrays)


def _of_other_kinds(sound: bytes) -> Iterator[tuple[str, bytes]]:
    yield "pickle", pickle.dumps(Bomb())
    yield "pickle-behind-magic", MAGIC + pickle.dumps(Bomb()) + bytes(200)
    yield "pickle-as-card", signed({**parts(sound), "card": pickle.dumps(Bomb())})
    array = io.BytesIO()
    np.save(array, np.array([Bomb()], dtype=object), allow_pickle=True)
    yield "numpy-objects", array.getvalue()
    yield "gzip", gzip.compress(sound, mtime=0)
    for name, member, content in (("zip-bomb", "weights", bytes(50 << 20)), ("zip-slip", "../../outside", sound)):
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr(zipfile.ZipInfo(member), content, zipfile.ZIP_DEFLATED, 9)
        yield name, archive.getvalue()
        yield f"{name}-behind-model", sound + archive.getvalue()


def _lengths(arrays: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """Give files whose arrays say that they are longer or shorter than they are."""
    for name in ARRAYS:
        for what, length in (("negative", 2**64 - 64), ("huge", 2**63 - 8), ("none", 0)):
            if length != len(arrays[name]):
                yield f"{what}-length-of-{name}", signed(arrays, lengths={name: length})
    longer = {"weights": len(arrays["weights"]) + 64, "subwords": len(arrays["subwords"]) - 64 + 2**64}
    yield "lengths-that-wrap-round", signed(arrays, lengths=longer)
    overlapping = {"idf": len(arrays["idf"]) + 64, "weights": 0}
    yield "lengths-that-shift-arrays", signed(arrays, lengths=overlapping)
    yield "half-a-number", signed({**arrays, "idf": arrays["idf"] + b"\0"})


def _numbers(arrays: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """Give files with numbers that are none, or out of their range."""
    for name in (name for name, kind in ARRAYS.items() if kind == "d" and name != "settings"):
        numbers = np.frombuffer(arrays[name], dtype="<f8")
        for what, value in (("nan", np.nan), ("inf", np.inf), ("minus-inf", -np.inf), ("beyond", 1e61)):
            changed = numbers.copy()
            changed[-1] = value
            yield f"{what}-in-{name}", signed({**arrays, name: changed.tobytes()})
        yield f"one-less-in-{name}", signed({**arrays, name: numbers[:-1].tobytes()})
    for what, value in (("zero", 0.0), ("negative", -1.0), ("least", 5e-324)):
        yield f"{what}-idf", signed({**arrays, "idf": np.array([1.0, value, 1.0, 1.0]).tobytes()})
    yield "negative-threshold", signed({**arrays, "thresholds": np.array([0.5, -0.5]).tobytes()})
    for name in SETTINGS:
        for what, value in (("nan", float("nan")), ("inf", float("inf")), ("negative", -1.0), ("half", 0.5)):
            if not (what == "half" and name in ("unknown_idf", "fallback", "min_known", "max_mean_idf")):
                yield f"{what}-{name}", with_settings(**{name: value})
    yield "subwords-of-a-billion", with_settings(longest_subword=1e9)
    yield "known-beyond-one", with_settings(min_known=1.5)


def _vocabularies(arrays: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """Give files whose words, subwords or pairs are not sorted, or not those that the other arrays are for."""
    for what, words in (
        ("unsorted", "talks\npeace\nмир"),
        ("twice", "peace\npeace\nмир"),
        ("prefix-last", "peace\ntalks\ntalk"),
        ("empty", "\npeace\ntalks"),
        ("empty-last", "peace\ntalks\n"),
        ("fewer", "peace\ntalks"),
        ("more", "peace\ntalks\nwar\nмир"),
        ("none", ""),
    ):
        yield f"words-{what}", signed({**arrays, "words": words.encode()})
    for name in ("words", "subwords"):
        for what, end in (("latin-1", b"\xfc"), ("surrogate", b"\xed\xa0\x80"), ("overlong", b"\xc0\x80")):
            yield f"{name}-{what}", signed({**arrays, name: arrays[name] + end})
    for what, subwords in (("unsorted", "ace\n pe"), ("twice", "ace\nace"), ("fewer", "ace"), ("more", "a\nb\nc")):
        yield f"subwords-{what}", signed({**arrays, "subwords": subwords.encode()})
    for what, pairs in (
        ("beyond", [[0, 3]]),
        ("far-beyond", [[2**32 - 1, 2**32 - 1]]),
        ("fewer", []),
        ("more", [[0, 1], [0, 2]]),
        ("more-than-idf", [[0, 1]] * 9),
    ):
        yield f"pairs-{what}", signed({**arrays, "pairs": np.array(pairs, dtype="<u4").tobytes()})
    yield "pairs-half", signed({**arrays, "pairs": arrays["pairs"][:4]})
    two = {"idf": np.ones(5).tobytes(), "weights": bytes(2 * 5 * 4)}
    for what, pairs in (("unsorted", [[1, 0], [0, 1]]), ("twice", [[0, 1], [0, 1]])):
        yield f"pairs-{what}", signed({**arrays, **two, "pairs": np.array(pairs, dtype="<u4").tobytes()})
    for name in ("weights", "subword_weights"):
        yield f"{name}-fewer", signed({**arrays, name: arrays[name][:-2]})
        yield f"{name}-more", signed({**arrays, name: arrays[name] + bytes(2)})


def _labels(arrays: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    for what, topics in (
        ("twice", b"trade\ntrade"),
        ("empty", b"trade\n"),
        ("padded", b"trade\n war"),
        ("of-no-utf-8", b"trade\n\xff"),
        ("one-less", b"trade"),
        ("one-more", b"trade\nwar\npeace"),
        ("that-are-tones", b"yes\nno"),
    ):
        yield f"topics-{what}", signed({**arrays, "topics": topics})
    yield "no-labels", signed({**arrays, "topics": b"", "tones": b""})


def _cards(arrays: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    for what, card in (
        ("of-no-json", b"{'a': 1}"),
        ("empty", b""),
        ("list", b"[]"),
        ("nested", b"[" * 50_000),
        ("nested-900", b'{"a":' * 900 + b"1" + b"}" * 900),
        ("nan", b'{"a": NaN}'),
        ("infinite", b'{"a": 1e999}'),
        ("long-number", b'{"a": ' + b"9" * 5000 + b"}"),
        ("surrogate", b'{"a": "\\ud800"}'),
        ("of-no-utf-8", b'{"a": "\xff"}'),
        ("twice", b"{}{}"),
    ):
        yield f"card-{what}", signed({**arrays, "card": card})


def reason(data: bytes) -> str:
    """Say why no model is made of a file; "" where one is."""
    try:
        stance.Model(parse(data))
    except stance.ModelFileError as error:
        return error.reason
    return ""


if __name__ == "__main__":
    for old in FOLDER.glob("*.stance"):
        old.unlink()
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "sound.stance").write_bytes(to_bytes(small()))
    with (FOLDER / "reasons.csv").open("w", encoding="utf-8", newline="") as table:
        rows = csv.writer(table, lineterminator="\n")
        rows.writerow(["file", "reason"])
        for name, content in attacks():
            (FOLDER / f"{name}.stance").write_bytes(content)
            rows.writerow([name, reason(content)])

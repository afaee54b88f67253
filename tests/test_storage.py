from __future__ import annotations

import hashlib
import json
import os
import pickle
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import stance
from stance import compiled
from stance.decision import DecisionRule
from stance.errors import ModelFileError
from stance.parameters import Parameters, to_bytes
from stance.storage import Contents, parse, read

PREFIX = struct.Struct("<8sII32s")


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


def parts(data: bytes) -> tuple[dict[str, Any], bytes]:
    length = PREFIX.unpack_from(data)[2]
    return json.loads(data[PREFIX.size : PREFIX.size + length]), data[PREFIX.size + length :]


def signed(header: object, body: bytes, number: int = 1) -> bytes:
    """Put a file together again with a right hash, so that what lies behind the hash is reached."""
    text = (header if isinstance(header, bytes) else json.dumps(header).encode()) + b""
    text += b" " * (-(PREFIX.size + len(text)) % 64)
    digest = hashlib.sha256(text + body).digest()
    return PREFIX.pack(b"\x93STANCE\n", number, len(text), digest) + text + body


def from_bytes(data: bytes) -> Parameters:
    return Parameters.of(parse(data))


def reason(data: bytes) -> str:
    """Why no model can be made of `data`: the same with the kernel and without."""
    with pytest.raises(ModelFileError) as caught:
        stance.Model(parse(data, "x.stance"))
    assert str(caught.value) == f"x.stance: not a usable model file: {caught.value.reason}"
    return caught.value.reason


def kernel_takes(contents: Contents) -> bool:
    """Whether the kernel finds no fault; the check in NumPy where there is no kernel."""
    if stance.backend() == "python":
        return is_sound(contents)
    try:
        compiled.CompiledScorer(contents)
    except ValueError:
        return False
    return True


def is_sound(contents: Contents) -> bool:
    """Whether the check in NumPy finds no fault."""
    try:
        Parameters.of(contents).check()
    except ValueError:
        return False
    return True


def test_reading_gives_what_was_written() -> None:
    before, after = small(), from_bytes(to_bytes(small()))
    for name in ("topics", "tones", "words", "subwords", "subword_lengths", "unknown_idf", "min_known", "max_mean_idf"):
        assert getattr(before, name) == getattr(after, name)
    for name in ("pairs", "idf", "weights", "weight_scale", "subword_weights", "subword_scale", "intercept"):
        assert (getattr(before, name) == getattr(after, name)).all()
    assert after.card == {"note": "ü"}
    assert (after.rule.fallback, after.rule.max_topics) == (0.25, 2)
    assert to_bytes(after) == to_bytes(before)


def test_arrays_lie_at_multiples_of_64() -> None:
    data = to_bytes(small())
    assert (PREFIX.size + PREFIX.unpack_from(data)[2]) % 64 == 0
    assert len(data) % 64 == 0


def test_a_model_without_subwords_pairs_or_words_can_be_kept() -> None:
    bare = small(
        words=(),
        pairs=np.zeros((0, 2), dtype=np.uint32),
        idf=np.zeros(0),
        weights=np.zeros((0, 4), dtype=np.int16),
        subwords=(),
        subword_weights=np.zeros((0, 4), dtype=np.int16),
    )
    after = from_bytes(to_bytes(bare))
    assert (after.words, after.subwords, len(after.pairs)) == ((), (), 0)


@pytest.mark.parametrize("length", range(0, 900, 7))
def test_a_cut_file_is_refused(length: int) -> None:
    data = to_bytes(small())
    assert reason(data[: min(length, len(data) - 1)])


@pytest.mark.parametrize("place", range(PREFIX.size))
def test_a_changed_prefix_is_refused(place: int) -> None:
    data = bytearray(to_bytes(small()))
    data[place] ^= 0x41
    assert reason(bytes(data))


@given(place=st.integers(0, 10_000), flip=st.integers(1, 255))
@settings(deadline=None)
def test_any_changed_byte_is_refused(place: int, flip: int) -> None:
    data = bytearray(to_bytes(small()))
    data[place % len(data)] ^= flip
    assert reason(bytes(data))


def test_prefix_complaints() -> None:
    data = to_bytes(small())
    assert reason(b"") == "expected at least 48 bytes, but it has 0"
    assert reason(pickle.dumps([1] * 50)).startswith("expected it to begin with b'\\x93STANCE\\n', but it begins with")
    header, body = parts(data)
    assert reason(signed(header, body, 2)) == (
        "it has format 2, and this version of stance reads format 1: install a newer stance"
    )
    assert reason(data[:12] + struct.pack("<I", 2**31) + data[16:]) == (
        "the header is longer than the file or than 16 MiB"
    )
    assert reason(data[:-1] + b"x") == "its SHA-256 does not fit its content: the file is damaged"


HEADER_CHANGES: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (lambda header: header.pop("card"), "expected the header's keys to be"),
    (lambda header: header.update(more=1), "expected the header's keys to be"),
    (lambda header: header.update(card=[]), "the card must be a JSON object"),
    (lambda header: header.update(unknown_idf="4"), "unknown_idf must be a number, but is '4'"),
    (lambda header: header.update(unknown_idf=True), "unknown_idf must be a number, but is True"),
    (lambda header: header.update(unknown_idf=0), "unknown_idf must be above 0, but is 0.0"),
    (lambda header: header.update(fallback=-1), "fallback must be at least 0, but is -1.0"),
    (lambda header: header.update(max_topics=1.5), "max_topics must be a number, but is 1.5"),
    (lambda header: header.update(max_topics=-1), "max_topics must be at least 0, but is -1"),
    (lambda header: header.update(min_known=1.5), "min_known must be from 0 to 1, but is 1.5"),
    (lambda header: header.update(max_mean_idf=0), "max_mean_idf must be above 0, but is 0.0"),
    (lambda header: header.update(topics="ab"), "topics must be a list of str"),
    (lambda header: header.update(topics=["a", 1]), "topics must be a list of str"),
    (lambda header: header.update(topics=["a", "a"]), "a label stands twice"),
    (lambda header: header.update(topics=["a", "yes"]), "a label stands twice"),
    (lambda header: header.update(topics=["a", " b"]), "a label must not be empty or padded, but got ' b'"),
    (lambda header: header.update(topics=["a", ""]), "a label must not be empty or padded, but got ''"),
    (lambda header: header.update(topics=["a"]), "weight_scale must be float64 of shape (3,), but is float64 of shape"),
    (lambda header: header.update(topics=[], tones=[]), "expected 1 to 100000 labels, but got 0"),
    (lambda header: header.update(subword_lengths=[3]), "subword_lengths must be two whole numbers"),
    (lambda header: header.update(subword_lengths=[3, 2.5]), "subword_lengths must be two whole numbers"),
    (lambda header: header.update(subword_lengths=[5, 3]), "subword lengths must be 1 to 64, but are 5 and 3"),
    (lambda header: header.update(subword_lengths=[0, 3]), "subword lengths must be 1 to 64, but are 0 and 3"),
    (lambda header: header.update(arrays=[]), "expected the arrays"),
    (lambda header: header["arrays"].pop("idf"), "expected the arrays"),
    (lambda header: header["arrays"].update(idf=[-4]), "the shape of idf is not a list of whole numbers"),
    (lambda header: header["arrays"].update(idf=[4.0]), "the shape of idf is not a list of whole numbers"),
    (lambda header: header["arrays"].update(idf=[True]), "the shape of idf is not a list of whole numbers"),
    (lambda header: header["arrays"].update(idf=4), "the shape of idf is not a list of whole numbers"),
    (lambda header: header["arrays"].update(idf=[10**18]), "the shape of idf is not a list of whole numbers"),
    (lambda header: header["arrays"].update(weights=[100, 100]), "weights goes beyond the end of the file"),
    (lambda header: header["arrays"].update(thresholds=[0]), "bytes of arrays, but the file has"),
    (lambda header: header["arrays"].update(idf=[2, 2]), "idf must be float64 of shape (4,), but is float64 of shape"),
    (lambda header: header["arrays"].update(pairs=[2]), "pairs must be uint32 of shape (n, 2), but is uint32 of shape"),
]


@pytest.mark.parametrize(("change", "expected"), HEADER_CHANGES)
def test_a_header_that_does_not_fit_is_refused(change: Callable[[dict[str, Any]], object], expected: str) -> None:
    header, body = parts(to_bytes(small()))
    change(header)
    assert expected in reason(signed(header, body))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"[]", "the header is not a JSON object"),
        (b"{", "Expecting property name enclosed in double quotes: line 1 column 16 (char 15)"),
        (b'{"a": NaN}', "the header holds NaN, which is not JSON"),
        (b'{"a": -Infinity}', "the header holds -Infinity, which is not JSON"),
        (b"\xff", "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
        (b"[" * 100_000, "maximum recursion depth exceeded"),
    ],
)
def test_a_header_that_is_no_json_is_refused(text: bytes, expected: str) -> None:
    _, body = parts(to_bytes(small()))
    assert expected.split(":")[0] in reason(signed(text, body))


def test_a_number_too_large_for_a_float_is_refused() -> None:
    header, body = parts(to_bytes(small()))
    text = json.dumps(header).replace('"unknown_idf": 4.0', '"unknown_idf": 1e999').encode()
    assert reason(signed(text, body)) == "unknown_idf must be a number, but is inf"


WRONG_PARAMETERS: list[tuple[dict[str, Any], str]] = [
    ({"words": ("talks", "peace", "мир")}, "the words are not sorted, each once"),
    ({"words": ("peace", "peace", "мир")}, "the words are not sorted, each once"),
    ({"subwords": ("ace", " pe")}, "the subwords are not sorted, each once"),
    ({"pairs": np.array([[0, 3]], dtype=np.uint32)}, "a pair names a word that is not there"),
    ({"idf": np.array([1.5, np.nan, 2.5, 3.0])}, "idf holds a number that is not finite"),
    ({"idf": np.array([1.5, 0.0, 2.5, 3.0])}, "idf holds a number that is not above 0"),
    ({"intercept": np.array([0, np.inf, 0, 0])}, "intercept holds a number that is not finite"),
    (
        {
            "pairs": np.array([[1, 0], [0, 1]], dtype=np.uint32),
            "idf": np.ones(5),
            "weights": np.zeros((5, 4), dtype=np.int16),
        },
        "the pairs are not sorted, each once",
    ),
    (
        {"rule": DecisionRule(np.ones(2), np.zeros(2), np.eye(2), np.zeros(2), np.array([0.5, -0.1]), 0.25, 2)},
        "thresholds holds a number below 0",
    ),
]


@pytest.mark.parametrize(("changes", "expected"), WRONG_PARAMETERS)
def test_content_that_does_not_fit_is_refused(changes: dict[str, Any], expected: str) -> None:
    assert reason(to_bytes(small(**changes))) == expected
    with pytest.raises(ValueError, match=f"^{expected}$"):
        stance.Model(small(**changes))


def test_kernel_and_numpy_find_the_same_faults() -> None:
    assert is_sound(parse(to_bytes(small())))
    assert kernel_takes(parse(to_bytes(small())))
    for changes, _ in WRONG_PARAMETERS:
        contents = parse(to_bytes(small(**changes)))
        assert not is_sound(contents)
        assert not kernel_takes(contents)


@pytest.mark.parametrize("words", [b"peace\ntalks ", b"peacetalks", b"a\nb\nc\nd", b"a\nb\nc\nd\ne", b""])
def test_words_that_are_more_or_fewer_than_their_weights_are_refused(words: bytes) -> None:
    header, body = parts(to_bytes(small()))
    header["arrays"]["words"] = [len(words)]
    edited = signed(_sorted(header), words + b"\0" * (-len(words) % 64) + body[64:])
    contents = parse(edited)
    assert not is_sound(contents)
    assert not kernel_takes(contents)
    assert reason(edited).startswith(("idf must be float64 of shape", "a pair names a word that is not there"))


def test_more_pairs_than_terms_are_refused() -> None:
    header, body = parts(to_bytes(small()))
    header["arrays"]["pairs"] = [8, 2]
    header["arrays"]["thresholds"] = [2]
    assert reason(signed(_sorted(header), body)) in (
        "there are 8 pairs, but only 4 rows of weights",
        "thresholds goes beyond the end of the file",
    )


def test_words_that_are_no_utf8_are_refused() -> None:
    header, body = parts(to_bytes(small()))
    assert "codec can't decode byte 0xff" in reason(signed(header, b"\xff" + body[1:]))


def test_a_file_is_read_from_disk(tmp_path: Path) -> None:
    (tmp_path / "a.stance").write_bytes(to_bytes(small()))
    assert to_bytes(Parameters.of(read(tmp_path / "a.stance"))) == to_bytes(small())


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "empty").touch()
    for name, expected in (
        ("none", "No such file or directory. Give the path of a file made by Model.save"),
        ("fifo", "expected a file, but this is a folder, a pipe or a device"),
        (".", "expected a file, but this is a folder, a pipe or a device"),
        ("empty", "expected at least 48 bytes, but it has 0"),
    ):
        with pytest.raises(ModelFileError) as caught:
            read(tmp_path / name)
        assert caught.value.reason == expected


@given(weights=st.lists(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3), min_size=1, max_size=8))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_quantising_is_right_within_half_a_unit(weights: list[list[float]]) -> None:
    table = np.array(weights)
    integers, unit = stance.parameters.quantise(table)
    assert integers.dtype == np.int16
    assert (np.abs(integers * unit - table) <= unit / 2 * (1 + 1e-9) + 1e-300).all()


def test_equal_models_are_equal_bytes_however_they_are_kept(any_model: stance.Model, tmp_path: Path) -> None:
    data = to_bytes(any_model.parameters)
    any_model.save(tmp_path / "a.stance")
    assert (tmp_path / "a.stance").read_bytes() == data
    assert bytes(read(tmp_path / "a.stance").data) == data
    assert to_bytes(pickle.loads(pickle.dumps(any_model)).parameters) == data
    after = from_bytes(data)
    for name in ("pairs", "idf", "weights", "weight_scale", "subword_weights", "subword_scale", "intercept"):
        np.testing.assert_array_equal(getattr(after, name), getattr(any_model.parameters, name), strict=True)
    for name in ("topic_slope", "topic_offset", "tone_matrix", "tone_offset", "thresholds"):
        np.testing.assert_array_equal(getattr(after.rule, name), getattr(any_model.parameters.rule, name), strict=True)


def test_arrays_of_a_file_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "a.stance").write_bytes(to_bytes(small()))
    for parameters in (Parameters.of(read(tmp_path / "a.stance")), from_bytes(to_bytes(small()))):
        with pytest.raises(ValueError, match=r"^assignment destination is read-only$"):
            parameters.idf[0] = 1.0


def test_a_file_cut_at_any_byte_is_refused_with_one_of_three_reasons() -> None:
    data = to_bytes(small())
    header_end = PREFIX.size + PREFIX.unpack_from(data)[2]
    for length in range(len(data)):
        if length < PREFIX.size:
            expected = f"expected at least 48 bytes, but it has {length}"
        elif length < header_end:
            expected = "the header is longer than the file or than 16 MiB"
        else:
            expected = "its SHA-256 does not fit its content: the file is damaged"
        assert reason(data[:length]) == expected


@given(edits=st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 255)), max_size=6))
@settings(deadline=None, max_examples=150)
def test_signed_edits_of_the_content_are_refused_or_give_a_sound_model(edits: list[tuple[int, int]]) -> None:
    """With a repaired hash an edit may be harmless, but nothing else than ModelFileError is ever raised."""
    data = to_bytes(small())
    content = bytearray(data[PREFIX.size :])
    for place, flip in edits:
        content[place % len(content)] ^= flip
    length = PREFIX.unpack_from(data)[2]
    edited = PREFIX.pack(b"\x93STANCE\n", 1, length, hashlib.sha256(content).digest()) + content
    try:
        contents = parse(bytes(edited))
        assert is_sound(contents) == kernel_takes(contents)
        model = stance.Model(contents)
    except ModelFileError:
        assert bytes(edited) != data
    else:
        assert np.isfinite(model.decision_function(["peace talks мир peaceful"])).all()
        assert to_bytes(from_bytes(to_bytes(model.parameters))) == to_bytes(model.parameters)
    assert to_bytes(from_bytes(data)) == data


@pytest.mark.parametrize("name", ["words", "pairs", "weights", "thresholds", "tone_matrix"])
@pytest.mark.parametrize("shape", [None, 4, "4", {}, [], [None], [-1], [1.0], [True], [2**63], [1, 1, 1]])
def test_a_shape_is_one_or_two_whole_numbers_within_the_file(name: str, shape: object) -> None:
    header, body = parts(to_bytes(small()))
    header["arrays"][name] = shape
    assert reason(signed(_sorted(header), body)) == (
        f"the shape of {name} is not a list of whole numbers within the file's size, one or two of them"
    )


def test_a_big_endian_machine_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    data = to_bytes(small())
    monkeypatch.setattr("sys.byteorder", "big")
    assert reason(data) == "this machine is big-endian, for which stance cannot lay out the arrays"


def test_a_shape_with_very_many_sides_is_refused_before_they_are_multiplied() -> None:
    header, body = parts(to_bytes(small()))
    header["arrays"]["words"] = [700] * 1_000_000
    assert reason(signed(_sorted(header), body)).startswith("the shape of words is not a list of whole numbers")


def test_words_stand_on_one_axis() -> None:
    header, body = parts(to_bytes(small()))
    header["arrays"]["words"] = [*header["arrays"]["words"], 1]
    assert reason(signed(_sorted(header), body)) == "words must have one axis, but has 2"


def test_the_header_must_end_where_arrays_may_begin() -> None:
    data = to_bytes(small())
    length = PREFIX.unpack_from(data)[2]
    content = data[PREFIX.size : PREFIX.size + length] + b" " + data[PREFIX.size + length :]
    unaligned = PREFIX.pack(b"\x93STANCE\n", 1, length + 1, hashlib.sha256(content).digest()) + content
    assert reason(unaligned) == "the arrays do not begin at a multiple of 64"


@pytest.mark.parametrize("value", ["1e999", "-1e999", '"\\ud800"', '["\\udfff"]', '{"\\ud83d": 1}'])
def test_a_card_that_could_not_be_saved_again_is_refused(value: str) -> None:
    header, body = parts(to_bytes(small(card={"note": "HERE"})))
    text = _sorted(header).replace(b'"HERE"', value.encode())
    assert reason(signed(text, body)) == "the header holds an infinite number or half a surrogate pair"


def test_half_a_surrogate_pair_in_a_label_is_refused() -> None:
    header, body = parts(to_bytes(small()))
    header["topics"][0] = "\ud800"
    assert reason(signed(_sorted(header), body)) == "the header holds an infinite number or half a surrogate pair"


def test_a_long_wrong_value_is_cut_in_the_message() -> None:
    header, body = parts(to_bytes(small()))
    header["min_known"] = "x" * 1_000_000
    assert reason(signed(_sorted(header), body)) == f"min_known must be a number, but is '{'x' * 58}…"


def test_a_null_character_in_a_path_is_refused() -> None:
    with pytest.raises(ModelFileError) as caught:
        read("a\0b")
    assert caught.value.reason == "there is a null character in the path. Give the path of a file made by Model.save"


def _sorted(header: dict[str, Any]) -> bytes:
    return json.dumps(header, sort_keys=True).encode()

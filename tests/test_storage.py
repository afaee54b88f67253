from __future__ import annotations

import errno
import hashlib
import mmap
import os
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hostile import FOLDER, parts, signed, small, with_settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import stance
from stance import compiled, storage
from stance.decision import DecisionRule
from stance.errors import ModelFileError
from stance.parameters import Parameters, to_bytes
from stance.storage import ARRAYS, LENGTHS, MAX_DEPTH, PREFIX, Contents, parse, read


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


def test_the_same_parameters_are_the_same_bytes_on_every_machine_and_version() -> None:
    digest = "39b50996c91c7bab220d2c5f2e3bff3d9e9250bfa2f7dbd47a536a74b8d0044c"
    assert hashlib.sha256(to_bytes(small())).hexdigest() == digest
    assert stance.Model(small()).digest == digest


def test_arrays_lie_at_multiples_of_64() -> None:
    data = to_bytes(small())
    assert (PREFIX.size + LENGTHS.size) % 64 == 0
    assert len(data) % 64 == 0
    assert signed(parts(data)) == data


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
    assert reason(pickle.dumps([1] * 50)) == "it does not begin as a model file does"
    assert reason(signed(parts(data), 3)) == (
        "it has format 3, and this version of stance reads format 2: install a newer stance"
    )
    assert reason(signed(parts(data), 1)) == (
        "it has format 1, and this version of stance reads format 2: that format was never released, so train it again"
    )
    assert reason(signed(parts(data), n_arrays=2**31)) == "expected 18 arrays, but it has 2147483648"
    assert reason(data[:-1] + b"x") == "its SHA-256 does not fit its content: the file is damaged"


SETTINGS_CHANGES: list[tuple[dict[str, float], str]] = [
    ({"unknown_idf": 0}, "unknown_idf must be above 0, but is 0.0"),
    ({"unknown_idf": float("nan")}, "unknown_idf must be a number, but is nan"),
    ({"unknown_idf": float("inf")}, "unknown_idf must be a number, but is inf"),
    ({"fallback": -1}, "fallback must be at least 0, but is -1.0"),
    ({"max_topics": 1.5}, "max_topics must be a whole number, but is 1.5"),
    ({"max_topics": -1}, "max_topics must be at least 0, but is -1"),
    ({"min_known": 1.5}, "min_known must be from 0 to 1, but is 1.5"),
    ({"max_mean_idf": 0}, "max_mean_idf must be above 0, but is 0.0"),
    ({"shortest_subword": 3.5}, "shortest_subword must be a whole number, but is 3.5"),
    ({"shortest_subword": 6}, "subword lengths must be 1 to 64, but are 6 and 5"),
    ({"shortest_subword": 0}, "subword lengths must be 1 to 64, but are 0 and 5"),
    ({"longest_subword": 65}, "subword lengths must be 1 to 64, but are 3 and 65"),
    ({"max_mean_idf": 1e308}, "max_mean_idf must be a number, but is 1e+308"),
    ({"max_topics": -1e308}, "max_topics must be a number, but is -1e+308"),
    ({"longest_subword": 1e300}, f"subword lengths must be 1 to 64, but are 3 and {int(1e300)}"),
]


@pytest.mark.parametrize(("changes", "expected"), SETTINGS_CHANGES)
def test_settings_that_do_not_fit_are_refused(changes: dict[str, float], expected: str) -> None:
    assert reason(with_settings(**changes)) == expected


ARRAY_CHANGES: list[tuple[dict[str, bytes], str]] = [
    ({"topics": b"a\na"}, "a label stands twice"),
    ({"topics": b"a\nyes"}, "a label stands twice"),
    ({"topics": b"a\n b"}, "a label must not be empty, padded or of two lines, but got ' b'"),
    ({"topics": b"a\n"}, "a label must not be empty, padded or of two lines, but got ''"),
    ({"topics": b"a\n\xff"}, "topics is not UTF-8: 'utf-8' codec can't decode byte 0xff in position 2: "
     "invalid start byte"),
    ({"topics": b"a\n\xed\xa0\x80"}, "topics is not UTF-8: 'utf-8' codec can't decode byte 0xed in position 2: "
     "invalid continuation byte"),
    ({"tones": b"yes\n\xff"}, "tones is not UTF-8: 'utf-8' codec can't decode byte 0xff in position 4: "
     "invalid start byte"),
    ({"topics": b"", "tones": b""}, "expected 1 to 100000 labels, but got 0"),
    ({"topics": b"a"}, "weights must hold 12 numbers, but holds 16"),
    ({"settings": bytes(48)}, "settings must hold 7 numbers, but holds 6"),
    ({"settings": bytes(49)}, "settings has 49 bytes, which is no multiple of 8"),
    ({"words": b"\xff"}, "words is not UTF-8: invalid start byte at byte 0"),
    ({"words": "й".encode() * (1 << 19) + b"\xd0"}, "words is not UTF-8: unexpected end of data at byte 1048576"),
    ({"words": b"a" + "й".encode() * (1 << 19) + b"\xff"}, "words is not UTF-8: invalid start byte at byte 1048577"),
    ({"subwords": b"\xff"}, "subwords is not UTF-8: invalid start byte at byte 0"),
    ({"pairs": bytes(4)}, "pairs must hold 0 numbers, but holds 1"),
    ({"pairs": bytes(8 * 9)}, "there are 9 pairs, but only 4 idf"),
    ({"idf": bytes(16)}, "weights must hold 8 numbers, but holds 16"),
    ({"subword_weights": bytes(2 * 9)}, "subword_weights must hold 8 numbers, but holds 9"),
    ({"weight_scale": bytes(8)}, "weight_scale must hold 4 numbers, but holds 1"),
    ({"thresholds": b""}, "thresholds must hold 2 numbers, but holds 0"),
    ({"tone_matrix": bytes(8)}, "tone_matrix must hold 4 numbers, but holds 1"),
    ({"card": b"[]"}, "the card cannot be read: it is not a JSON object"),
    ({"card": b"{"}, "the card cannot be read: Expecting property name enclosed in double quotes: line 1 column 2 "
     "(char 1)"),
    ({"card": b""}, "the card cannot be read: Expecting value: line 1 column 1 (char 0)"),
    ({"card": b'{"a": NaN}'}, "the card cannot be read: it holds NaN, which is not JSON"),
    ({"card": b'{"a": -Infinity}'}, "the card cannot be read: it holds -Infinity, which is not JSON"),
    ({"card": b"\xff"}, "the card cannot be read: the card is not UTF-8: 'utf-8' codec can't decode byte 0xff in "
     "position 0: invalid start byte"),
    ({"card": b" " * (1 + (1 << 22))}, "the card cannot be read: it is longer than 4194304 bytes"),
    ({"card": b'{"a":[' + b"[]," * 200_000 + b"0]}"}, "the card cannot be read: it holds more than 200000 values"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "expected"), ARRAY_CHANGES)
def test_arrays_that_do_not_fit_are_refused(changes: dict[str, bytes], expected: str) -> None:
    assert reason(signed({**parts(to_bytes(small())), **changes})) == expected


@pytest.mark.parametrize(
    ("limit", "most", "message"),
    [
        ("MAX_BYTES", len(to_bytes(small())), "expected at most {} bytes, but it has 1344"),
        ("MAX_CARD", len('{"note":"XXL"}'), "the card cannot be read: it is longer than {} bytes"),
        ("MAX_VALUES", 1, "the card cannot be read: it holds more than {} values"),
        ("MAX_LABELS", 4, "expected 1 to {} labels, but got 4"),
    ],
)
def test_as_much_as_is_allowed_is_read(limit: str, most: int, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = to_bytes(small(card={"note": "XXL"}))
    monkeypatch.setattr(storage, limit, most)
    assert parse(data).card == {"note": "XXL"}
    monkeypatch.setattr(storage, limit, most - 1)
    assert reason(data) == message.format(most - 1)


@given(data=st.text("aé€𝒜", max_size=9).map(str.encode) | st.binary(max_size=9) | st.just("€é".encode()[:-1]))
@settings(deadline=None)
def test_pieces_are_utf_8_where_the_whole_is(data: bytes) -> None:
    complaint = None
    try:
        data.decode()
    except UnicodeDecodeError as error:
        complaint = f"words is not UTF-8: {error.reason} at byte {error.start}"
    file = signed({**parts(to_bytes(small())), "words": data})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storage, "PIECE", 4)
        if complaint is None:
            assert parse(file).arrays["words"] == data
        else:
            assert reason(file) == complaint


def test_a_card_that_is_nested_too_deeply_is_refused() -> None:
    arrays = {**parts(to_bytes(small())), "card": b"[" * 100_000}
    assert reason(signed(arrays)) == "the card cannot be read: it is nested too deeply"
    for opening, closing in (('{"a":', "}"), ('{"a":[', "]}")):
        n = MAX_DEPTH // len(closing)
        deepest, deeper = (
            signed({**arrays, "card": f"{opening * depth}1{closing * depth}".encode()}) for depth in (n, n + 1)
        )
        assert list(parse(deepest).card) == ["a"]
        assert reason(deeper) == "the card cannot be read: it is nested too deeply"


@pytest.mark.parametrize("name", list(ARRAYS))
@pytest.mark.parametrize("length", [2**64 - 64, 2**63, 10**6])
def test_a_length_beyond_the_file_is_refused(name: str, length: int) -> None:
    arrays = parts(to_bytes(small()))
    told = len(signed(arrays)) + length + -length % 64 - len(arrays[name]) - -len(arrays[name]) % 64
    assert reason(signed(arrays, lengths={name: length})) == (
        f"its header tells of {told} bytes, but it has {len(signed(arrays))}: it was cut off or damaged"
    )


def test_a_file_with_more_than_its_arrays_is_refused() -> None:
    arrays = parts(to_bytes(small()))
    size = len(signed(arrays))
    assert reason(signed({**arrays, "card": arrays["card"] + bytes(64)}, lengths={"card": len(arrays["card"])})) == (
        f"its header tells of {size} bytes, but it has {size + 64}: it was cut off or damaged"
    )


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
        {
            "pairs": np.array([[0, 1], [0, 1]], dtype=np.uint32),
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


@pytest.mark.parametrize(
    "words", [b"peace\ntalks ", b"peacetalks", b"a\nb\nc\nd", b"a\nb\nc\nd\ne", b"\na\nb", b"a\n\nb", b""]
)
def test_words_that_are_more_or_fewer_than_their_weights_are_refused(words: bytes) -> None:
    contents = parse(signed({**parts(to_bytes(small())), "words": words}))
    assert not is_sound(contents)
    assert not kernel_takes(contents)
    assert reason(bytes(contents.data)).startswith(
        (
            "idf must be float64 of shape",
            "a pair names a word that is not there",
            "the words are not sorted",
            "one of the",
        )
    )


def test_a_file_is_read_from_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.stance").write_bytes(to_bytes(small()))
    assert to_bytes(Parameters.of(read(tmp_path / "a.stance"))) == to_bytes(small())
    monkeypatch.chdir(tmp_path)
    assert read("a.stance").origin == str(tmp_path / "a.stance")
    assert parse(to_bytes(small()), "a.stance").origin is None


def test_a_file_is_opened_with_what_the_platform_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.stance").write_bytes(to_bytes(small()))
    asked: list[int] = []
    opened = os.open
    monkeypatch.setattr(os, "open", lambda path, flags: asked.append(flags) or opened(path, os.O_RDONLY))
    monkeypatch.delattr(os, "O_NONBLOCK", raising=False)
    monkeypatch.setattr(os, "O_BINARY", 1 << 40, raising=False)
    read(tmp_path / "a.stance")
    monkeypatch.setattr(os, "O_NONBLOCK", 1 << 41, raising=False)
    monkeypatch.delattr(os, "O_BINARY")
    read(tmp_path / "a.stance")
    assert asked == [os.O_RDONLY | 1 << 40, os.O_RDONLY | 1 << 41]


def test_only_a_trusted_file_is_not_hashed_and_is_mapped(tmp_path: Path) -> None:
    path = tmp_path / "a.stance"
    path.write_bytes(to_bytes(small(card={"note": "one"})).replace(b"one", b"two"))
    with pytest.raises(ModelFileError) as caught:
        read(path)
    assert str(caught.value) == (
        f"{path}: not a usable model file: its SHA-256 does not fit its content: the file is damaged"
    )
    contents = read(path, is_trusted=True)
    assert (contents.card, type(contents.data)) == ({"note": "two"}, mmap.mmap)
    path.write_bytes(to_bytes(small()))
    assert type(read(path).data) is bytes


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
        assert str(caught.value) == f"{tmp_path / name}: not a usable model file: {expected}"


@pytest.mark.parametrize(
    ("failure", "kind", "told"),
    [
        (MemoryError(), MemoryError, "there is no room for the model"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), MemoryError, "there is no room for the model"),
        (
            OSError(errno.EIO, "Input/output error"),
            ModelFileError,
            "not a usable model file: it cannot be read: Input/output error",
        ),
    ],
)
def test_a_model_that_cannot_be_read_is_told(
    monkeypatch: pytest.MonkeyPatch, failure: Exception, kind: type[Exception], told: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr(storage.mmap, "mmap", refuse)
    with pytest.raises(kind) as caught:
        read(FOLDER / "sound.stance", is_trusted=True)
    assert str(caught.value) == f"{FOLDER / 'sound.stance'}: {told}"


def test_what_is_added_to_a_file_while_it_is_read_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.stance").write_bytes(to_bytes(small()))
    fstat = os.fstat

    def growing(descriptor: int) -> os.stat_result:
        status = fstat(descriptor)
        with (tmp_path / "a.stance").open("ab") as file:
            file.write(bytes(64))
        return status

    monkeypatch.setattr(os, "fstat", growing)
    assert read(tmp_path / "a.stance").data == to_bytes(small())


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_files_that_do_not_hold_what_their_size_says_are_refused() -> None:
    for path, expected in (
        ("/proc/self/mem", "it cannot be read: Input/output error"),
        ("/proc/sys/kernel/ostype", "expected at least 48 bytes, but it has 6"),
        ("/proc/self/status", "expected at least 48 bytes, but it has 0"),
    ):
        with pytest.raises(ModelFileError) as caught:
            read(path)
        assert str(caught.value) == f"{path}: not a usable model file: {expected}"


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
    for length in range(len(data)):
        if length < PREFIX.size:
            expected = f"expected at least 48 bytes, but it has {length}"
        elif length < PREFIX.size + LENGTHS.size:
            expected = f"expected at least 192 bytes, but it has {length}"
        else:
            expected = f"its header tells of {len(data)} bytes, but it has {length}: it was cut off or damaged"
        assert reason(data[:length]) == expected


@given(edits=st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 255)), max_size=6))
@settings(deadline=None, max_examples=150)
def test_signed_edits_of_the_content_are_refused_or_give_a_sound_model(edits: list[tuple[int, int]]) -> None:
    """With a repaired hash an edit may be harmless, but nothing else than ModelFileError is ever raised."""
    data = to_bytes(small())
    content = bytearray(data[PREFIX.size :])
    for place, flip in edits:
        content[place % len(content)] ^= flip
    edited = PREFIX.pack(b"\x93STANCE\n", 2, len(ARRAYS), hashlib.sha256(content).digest()) + content
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


def test_a_machine_of_the_other_byte_order_turns_numbers_round(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is turned round here, so that turning it round once more must give the numbers again."""
    arrays = parts(to_bytes(small()))
    turned = {name: np.frombuffer(array, ARRAYS[name]).byteswap().tobytes() for name, array in arrays.items()}
    monkeypatch.setattr("sys.byteorder", {"little": "big", "big": "little"}[sys.byteorder])
    contents = parse(signed(turned))
    monkeypatch.undo()
    expected = parse(signed(arrays))
    assert contents.settings == expected.settings
    assert contents.arrays == expected.arrays
    assert all(array.readonly for array in contents.arrays.values())


def test_a_card_is_written_alike_whatever_the_order_of_its_keys() -> None:
    one, other = {"b": {"y": 1, "x": "ü"}, "a": []}, {"a": [], "b": {"x": "ü", "y": 1}}
    assert to_bytes(small(card=one)) == to_bytes(small(card=other))
    assert parts(to_bytes(small(card=one)))["card"] == '{"a":[],"b":{"x":"ü","y":1}}'.encode()


def test_numbers_of_any_byte_order_are_written_alike() -> None:
    names = ("pairs", "idf", "weights", "weight_scale", "subword_weights", "subword_scale", "intercept")
    turned = {name: (array := getattr(small(), name)).astype(array.dtype.newbyteorder(">")) for name in names}
    assert to_bytes(small(**turned)) == to_bytes(small())


@pytest.mark.parametrize("value", ["1e999", "-1e999", '"\\ud800"', '["\\udfff"]', '{"\\ud83d": 1}'])
def test_a_card_that_could_not_be_saved_again_is_refused(value: str) -> None:
    arrays = parts(to_bytes(small(card={"note": "HERE"})))
    arrays["card"] = arrays["card"].replace(b'"HERE"', value.encode())
    assert reason(signed(arrays)) == "the card cannot be read: it holds an infinite number or half a surrogate pair"


@pytest.mark.parametrize("changes", [{"topics": ("trade", "\ud800")}, {"card": {"note": "\ud800"}}])
def test_half_a_surrogate_pair_is_not_written(changes: dict[str, Any]) -> None:
    with pytest.raises(UnicodeEncodeError, match="surrogates not allowed"):
        stance.Model(small(**changes))


def test_a_trusted_file_is_read_without_its_hash_and_its_card() -> None:
    arrays = parts(to_bytes(small()))
    data = signed({**arrays, "card": b"no JSON"})
    data = data[:16] + bytes(32) + data[48:]
    with pytest.raises(ModelFileError, match=r"^not a usable model file: the card cannot be read: Expecting value"):
        parse(signed({**arrays, "card": b"no JSON"}))
    contents = parse(data, "x.stance", is_trusted=True)
    assert contents.topics == ("trade", "Ж")
    with pytest.raises(
        ModelFileError, match=r"^x\.stance: not a usable model file: the card cannot be read: Expecting"
    ):
        _ = stance.Model(contents).card


def test_a_null_character_in_a_path_is_refused() -> None:
    with pytest.raises(ModelFileError) as caught:
        read("a\0b")
    assert caught.value.reason == "there is a null character in the path. Give the path of a file made by Model.save"

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import FIXTURES
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stance.errors import MissingExtraError, TableError
from stance.formats import table_format
from stance.lines import Row
from stance.table import Table, is_missing
from stance.writer import RowWriter

TABLES = FIXTURES / "tables"
ENDINGS = ["a.csv", "a.csv.gz", "a.tsv", "a.jsonl", "a.ndjson.gz", "a.parquet"]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('\r\n",;\t|\\\0\ufeff\u2028 {'), max_size=12)
NAMES = st.lists(st.text("abcdé' ", min_size=1).filter(str.strip), min_size=1, max_size=4, unique=True)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[dict[str, str]]]:
    names = draw(NAMES)
    rows = draw(st.lists(st.tuples(*[TEXTS] * len(names)), max_size=5))
    return names, [dict(zip(names, row, strict=True)) for row in rows]


def read(path: str | Path, encoding: str | None = None) -> list[Row]:
    with Table(path, encoding) as table:
        return list(table)


def message_of(call: Callable[[], object]) -> str:
    with pytest.raises(TableError) as caught:
        call()
    return str(caught.value)


# Reading -------------------------------------------------------------------------------------------------------------


def test_lines_count_on_after_fields_of_many_lines() -> None:
    rows = read(TABLES / "quoted.csv")
    assert [row.line for row in rows] == [2, 6, 8, 10]
    assert [row.values["text"] for row in rows] == [
        "The first line of a statement.\nThe second line, after a line end.\n\nThe fourth, after an empty one.",
        'She said "never" twice.',
        "Windows ends a line\r\nlike this.",
        "The last row stands on line 10.",
    ]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", '"te\nxt",tone\na,b\n', Row(3, {"te\nxt": "a", "tone": "b"})),
        ("a.tsv", '"te\nxt"\ttone\na\tb\n', Row(3, {"te\nxt": "a", "tone": "b"})),
        ("a.csv", '"a,b,c,d";tone\n1;2\n', Row(2, {"a,b,c,d": "1", "tone": "2"})),
        ("a.TSV", "a,b,c\ttone\n1\t2\n", Row(2, {"a,b,c": "1", "tone": "2"})),
        ("a.tsv", "text,tone\n1,2\n", Row(2, {"text": "1", "tone": "2"})),
        ("a.csv", "text\n" + "a" * 200_000 + "\n", Row(2, {"text": "a" * 200_000})),
    ],
)
def test_headers_and_delimiters(tmp_path: Path, name: str, content: str, expected: Row) -> None:
    (tmp_path / name).write_text(content)
    assert read(tmp_path / name) == [expected]


def test_jsonl_keeps_types_and_skips_empty_lines() -> None:
    rows = read(TABLES / "rows.jsonl")
    assert [row.line for row in rows] == [1, 3, 4, 5]
    assert [row.values.get("topics") for row in rows] == [["trade", "transport"], "diplomacy|security", [], None]


def test_parquet_keeps_types_and_counts_rows_from_one() -> None:
    rows = read(TABLES / "rows.parquet")
    assert [row.line for row in rows] == [1, 2, 3]
    assert rows[0].values == {
        "text": "The ports agreed on one tariff.",
        "topics": ["trade", "transport"],
        "tone": "cooperative",
        "day": dt.date(1999, 5, 1),
        "words": 6,
    }


@pytest.mark.parametrize("encoding", ["utf-8", "UTF_8", "utf8", "utf-8-sig"])
def test_utf8_by_any_name_may_have_its_mark(encoding: str) -> None:
    with Table(TABLES / "bom.csv", encoding) as table:
        assert table.columns == ["text", "tone"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("A.CSV.GZ", "csv"), ("a.b.jsonl", "jsonl"), ("a.ndjson.gz", "jsonl"), (Path("a.parquet"), "parquet"), ("-", "-")],
)
def test_format_is_told_by_the_name(name: str | Path, kind: str) -> None:
    assert table_format(name) == kind


@pytest.mark.parametrize("name", ["a.xlsx", "a", "a.gz", "csv", "a.csv.zip", "a.parquet.gz"])
def test_other_names_are_refused(name: str) -> None:
    assert message_of(lambda: table_format(name)) == (
        f"{name}: expected a name that ends with .csv, .tsv, .jsonl, .ndjson, .parquet "
        "(or .gz or .zst after the text formats)"
    )


def test_closed_table_closes_its_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text\na\n")
    with Table(tmp_path / "a.csv") as table:
        table.require("text", "text")
    with pytest.raises(ValueError, match="closed file"):
        next(iter(table))


def test_table_dropped_half_read_warns_of_nothing() -> None:
    """An unclosed file would be a ResourceWarning, an error here."""
    for name in ("plain.csv", "plain.csv.gz", "utf16.csv", "rows.jsonl", "rows.parquet"):
        assert next(iter(Table(TABLES / name))).values["text"]


QUOTES = "Double the quotes inside a quoted field, and close every quoted field"
SAVE = "Save the file as UTF-8, or name its encoding, such as encoding='cp1252'"
BEGINS = "not proper CSV in the row that begins here"
BAD = {
    "ragged.csv": ":4: expected 3 fields as in the header, but got 5: put a field that holds ',' or a line end in "
    "double quotes",
    "unclosed-quote.csv": f":3: {BEGINS}: unexpected end of data. {QUOTES}",
    "latin1.csv": f":3: expected UTF-8, but byte 8 of the line is 0xe9. {SAVE}",
    "empty.csv": ":1: expected a header line with the names of the columns, but the line is empty",
    "duplicate-column.csv": ":1: the column 'tone' stands twice: rename one",
    "broken.jsonl": ":3: not proper JSON: Expecting ',' delimiter at character 28",
    "not-object.jsonl": ':2: expected a JSON object such as {"text": "…"}, but got ["The envoy left.", "tense"]',
    "truncated.csv.gz": ": cannot be read: Compressed file ended before the end-of-stream marker was reached",
    "not.parquet": ": cannot be read as Parquet: Parquet magic bytes not found in footer. Either the file is corrupted "
    "or this is not a parquet file.",
}


@pytest.mark.parametrize("name", BAD)
def test_bad_table_is_told_with_its_line(name: str) -> None:
    assert message_of(lambda: read(TABLES / name)) == f"{TABLES / name}{BAD[name]}"


@pytest.mark.parametrize(
    ("name", "content", "rest"),
    [
        ("a.csv", b" \t\ntext\n", BAD["empty.csv"]),
        ("a.csv", b'"text"x,tone\n', f":1: {BEGINS}: ',' expected after '\"'. {QUOTES}"),
        (
            "a.csv",
            b"text,tone\n\na\n",
            ":3: expected 2 fields as in the header, but got 1: put a field that holds ',' or a line end in double "
            "quotes",
        ),
        (
            "a.csv",
            b"text,tone\na\rb,c\n",
            f":2: {BEGINS}: a carriage return outside quotes. Put the field in double quotes, or end the lines with "
            "line feeds",
        ),
        ("a.csv", b"\xef\xbb\xbftext,caf\xe9\n", f":1: expected UTF-8, but byte 12 of the line is 0xe9. {SAVE}"),
        ("a.csv.gz", b"text\na\n", ": cannot be read: Not a gzipped file (b'te')"),
        ("a.jsonl", b"", ": expected at least one JSON object, but the file is empty"),
        ("a.jsonl", b"{}\n\n17\n", ':3: expected a JSON object such as {"text": "…"}, but got 17'),
    ],
)
def test_other_bad_content(tmp_path: Path, name: str, content: bytes, rest: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert message_of(lambda: read(tmp_path / name)) == f"{tmp_path / name}{rest}"


def test_cut_utf16_is_a_table_error(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("text\na\n".encode("utf-16")[:-1])
    message = message_of(lambda: read(path))
    assert message.startswith(f"{path}: cannot be read as utf-16: ")
    assert message.endswith("truncated data")


@pytest.mark.parametrize("line", ["[" * 100_000, '{"text": ' + "1" * 5000 + "}"])
def test_json_too_deep_or_too_long_for_python_is_a_table_error(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{"text": "a"}}\n{line}\n')
    assert message_of(lambda: read(path)).startswith(f"{path}:2: not proper JSON: ")


@pytest.mark.parametrize("name", ["gone.csv", "gone.jsonl.gz", "gone.parquet"])
def test_file_that_is_not_there(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    assert message_of(lambda: Table(path)) == f"{path}: cannot be opened: No such file or directory"


def test_every_damage_to_a_gzipped_table_is_a_table_error(tmp_path: Path) -> None:
    """A flipped byte is a zlib.error, a BadGzipFile, an EOFError, or text that is not what it was."""
    whole = (TABLES / "plain.csv.gz").read_bytes()
    path = tmp_path / "a.csv.gz"
    messages = []
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        try:
            read(path)
        except TableError as error:
            messages.append(str(error))
    assert all(message.startswith(str(path)) for message in messages)
    assert any("while decompressing data" in message for message in messages)
    assert any("CRC check failed" in message for message in messages)


@pytest.mark.parametrize("length", [1, 5, 20, 100])
def test_every_cut_of_a_gzipped_table_is_a_table_error(tmp_path: Path, length: int) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes((TABLES / "plain.csv.gz").read_bytes()[:length])
    assert message_of(lambda: read(path)).startswith(f"{path}: cannot be read: ")


def test_damaged_parquet_page_is_a_table_error(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": [f"row {number}" for number in range(5000)]}), path, compression="gzip")
    damaged = bytearray(path.read_bytes())
    damaged[200:2000] = b"\xff" * 1800
    path.write_bytes(damaged)
    assert message_of(lambda: read(path)).startswith(f"{path}: cannot be read as Parquet after row 0: ")


def test_parquet_with_one_name_twice(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table([["a"], ["b"]], names=["text", "text"]), path)
    assert message_of(lambda: Table(path)) == f"{path}: the column 'text' stands twice: rename one"


@pytest.mark.parametrize(
    "use", [lambda: Table(TABLES / "rows.parquet"), lambda: RowWriter("a.parquet", []).__enter__()]
)
def test_parquet_without_pyarrow_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, use: Callable[[], object]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtraError) as caught:
        use()
    assert str(caught.value) == (
        "reading and writing Parquet files needs pyarrow, which is not installed: pip install 'stance[parquet]'"
    )
    assert list(tmp_path.iterdir()) == []


# There and back ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ENDINGS)
@settings(deadline=None, max_examples=30)
@given(table=tables())
@example(table=(["a"], [{"a": ""}, {"a": " "}, {"a": "\r"}, {"a": "\n"}, {"a": "\ufeff"}]))
@example(table=(["a", "b"], [{"a": "x\ry", "b": '"'}, {"a": "\r\n", "b": "\0"}]))
def test_texts_come_back_as_they_were_written(name: str, table: tuple[list[str], list[dict[str, str]]]) -> None:
    columns, rows = table
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        with RowWriter(path, columns) as writer:
            for row in rows:
                writer.write([row])
        if rows or "json" not in name:
            with Table(path) as again:
                assert again.columns == columns
                assert [row.values for row in again] == rows
        else:
            assert message_of(lambda: Table(path)).endswith("but the file is empty")


@pytest.mark.parametrize("quoting", [csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC, csv.QUOTE_MINIMAL])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@settings(deadline=None, max_examples=20)
@given(rows=st.lists(st.lists(TEXTS, min_size=2, max_size=2), max_size=5))
def test_what_the_csv_module_writes_is_read_back(quoting: Any, delimiter: str, rows: list[list[str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.csv")
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter=delimiter, quoting=quoting).writerows([["text", "tone"], *rows])
        assert [list(row.values.values()) for row in read(path)] == rows


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
@settings(deadline=None, max_examples=20)
@given(rows=st.lists(st.lists(TEXTS, min_size=2, max_size=2), max_size=5))
def test_other_encodings_are_read_back(encoding: str, rows: list[list[str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.csv")
        with path.open("w", encoding=encoding, newline="") as file:
            csv.writer(file).writerows([["text", "tone"], *rows])
        again = read(path, None if encoding == "utf-16" else encoding)
        assert [list(row.values.values()) for row in again] == rows


@settings(deadline=None, max_examples=50)
@given(rows=st.lists(st.lists(TEXTS, min_size=2, max_size=2), max_size=5))
def test_every_row_begins_at_its_line(rows: list[list[str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.csv")
        begins = []
        line = 2
        with RowWriter(path, ["text", "tone"]) as writer:
            for text, tone in rows:
                begins.append(line)
                writer.write([{"text": text, "tone": tone}])
                line += 1 + text.count("\n") + tone.count("\n")
        assert [row.line for row in read(path)] == begins


@pytest.mark.parametrize("name", ["a.csv", "a.tsv.gz", "a.jsonl"])
def test_written_bytes_do_not_depend_on_the_time_or_the_batches(tmp_path: Path, name: str) -> None:
    rows = [{"text": f"row {number}", "tone": "é"} for number in range(50)]
    for folder, size in (("one", 50), ("two", 7)):
        (tmp_path / folder).mkdir()
        with RowWriter(tmp_path / folder / name, ["text", "tone"]) as writer:
            for first in range(0, 50, size):
                writer.write(rows[first : first + size])
    one = (tmp_path / "one" / name).read_bytes()
    assert one == (tmp_path / "two" / name).read_bytes()
    assert not name.endswith("gz") or one[4:8] == b"\0\0\0\0"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b'text,tone\n"a, ""b""",\n"c\rd",e\n'),
        ("A.TSV", b'text\ttone\n"a, ""b"""\t\n"c\rd"\te\n'),
        ("a.jsonl", b'{"text": "a, \\"b\\"", "tone": null}\n{"text": "c\\rd", "tone": "e"}\n'),
    ],
)
def test_written_bytes(tmp_path: Path, name: str, content: bytes) -> None:
    with RowWriter(tmp_path / name, ["text", "tone"]) as writer:
        writer.write([{"text": 'a, "b"', "tone": None}, {"text": "c\rd", "tone": "e"}])
    assert (tmp_path / name).read_bytes() == content


def test_name_in_capitals_is_gzipped_too(tmp_path: Path) -> None:
    path = tmp_path / "A.CSV.GZ"
    with RowWriter(path, ["text"]) as writer:
        writer.write([{"text": "a"}])
    assert gzip.decompress(path.read_bytes()) == b"text\na\n"
    assert read(path) == [Row(2, {"text": "a"})]


def test_lone_surrogates_live_through_jsonl_and_are_spelled_out_in_csv(tmp_path: Path) -> None:
    texts = ["\ud800", "a\udfffb", "\\ud800", "\\\ud83d!"]
    for name in ("a.jsonl", "a.csv"):
        with RowWriter(tmp_path / name, ["text"]) as writer:
            writer.write([{"text": text} for text in texts])
    assert [row.values["text"] for row in read(tmp_path / "a.jsonl")] == texts
    assert read(tmp_path / "a.csv")[1].values["text"] == "a\\udfffb"


def test_jsonl_writes_what_json_has_no_word_for_as_text(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with RowWriter(path, ["day"]) as writer:
        writer.write([{"day": dt.date(1999, 5, 1)}, {"other": [1, {"b": None}]}])
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines == [{"day": "1999-05-01"}, {"other": [1, {"b": None}]}]


def test_parquet_without_rows_keeps_its_columns(tmp_path: Path) -> None:
    schema = pa.schema([("text", pa.string()), ("n", pa.int16())])
    with RowWriter(tmp_path / "typed.parquet", ["text", "n"], schema=schema):
        pass
    with RowWriter(tmp_path / "bare.parquet", ["text", "n"]):
        pass
    with Table(tmp_path / "typed.parquet") as typed, Table(tmp_path / "bare.parquet") as bare:
        assert typed.schema == schema
        assert bare.columns == ["text", "n"]
        assert [*typed, *bare] == []


def test_many_batches_of_parquet_are_counted_through(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"n": range(10_000)}), path)
    assert [(row.line, row.values["n"]) for row in read(path)] == [(n + 1, n) for n in range(10_000)]


# Writing goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [None, b"what was there"])
@pytest.mark.parametrize("n_rows", [0, 1, 5000])
@pytest.mark.parametrize("name", ENDINGS)
def test_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, name: str, n_rows: int, before: bytes | None
) -> None:
    if before is not None:
        (tmp_path / name).write_bytes(before)
    with pytest.raises(KeyError), RowWriter(tmp_path / name, ["text"]) as writer:  # noqa: PT012
        writer.write([{"text": "a"}] * n_rows)
        raise KeyError
    left = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert left == ({} if before is None else {name: before})


@pytest.mark.parametrize("name", ENDINGS)
def test_file_appears_when_the_block_ends(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"what was there")
    with RowWriter(path, ["text"]) as writer:
        writer.write([{"text": "a"}])
        assert path.read_bytes() == b"what was there"
    assert [row.values for row in read(path)] == [{"text": "a"}]
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv.gz", "a.parquet"])
def test_keys_that_are_no_columns_are_refused(tmp_path: Path, name: str) -> None:
    def write() -> None:
        with RowWriter(tmp_path / name, ["text"]) as writer:
            writer.write([{"text": "a"}, {"text": "b", "z": 1, "tone": 2}])

    assert message_of(write) == (
        f"{tmp_path / name}: a row has keys that the first row has not: tone, z. Write JSONL instead"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_keys_that_are_absent_are_empty_cells(tmp_path: Path, name: str) -> None:
    with RowWriter(tmp_path / name, ["text", "tone"]) as writer:
        writer.write([{"tone": "b"}, {"text": "a", "tone": "c"}])
    assert [row.values["text"] or "" for row in read(tmp_path / name)] == ["", "a"]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([1, "a"], "Could not convert 'a' with type str: tried to convert to int64"),
        ([2**70], "Python int too large to convert to C long"),
        (["\ud800"], "'utf-8' codec can't encode character '\\ud800' in position 0: surrogates not allowed"),
    ],
)
def test_what_parquet_cannot_hold_is_told(tmp_path: Path, values: list[object], reason: str) -> None:
    path = tmp_path / "a.parquet"

    def write() -> None:
        with RowWriter(path, ["n"]) as writer:
            writer.write([{"n": value} for value in values])

    assert message_of(write) == f"{path}: a column does not fit into Parquet, write JSONL instead: {reason}"
    assert list(tmp_path.iterdir()) == []


def test_folder_in_the_place_of_the_file_is_told_before_the_work(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.mkdir()
    assert message_of(RowWriter(path, ["text"]).__enter__) == f"{path}: cannot be written: it is a folder"
    assert list(path.iterdir()) == []


# Standard input and output, missing values ---------------------------------------------------------------------------


def test_empty_standard_input_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"")))
    assert message_of(lambda: Table("-")) == (
        "-:1: expected a header line with the names of the columns, but the line is empty"
    )


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (b"text\n\xc3\xa9\n", None),
        (b"text\n\xe9\n", "cp1252"),
        ("text\né\n".encode("utf-16"), None),
    ],
)
def test_standard_input_is_decoded_and_stays_open(
    monkeypatch: pytest.MonkeyPatch, data: bytes, encoding: str | None
) -> None:
    buffer = io.BufferedReader(io.BytesIO(data))  # type: ignore[arg-type]
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=buffer))
    assert read("-", encoding) == [Row(2, {"text": "é"})]
    assert not buffer.closed


@pytest.mark.parametrize(("kind", "written"), [("csv", b"text\na\n"), ("jsonl", b'{"text": "a"}\n')])
def test_standard_output_keeps_what_was_written_before_a_failure(
    monkeypatch: pytest.MonkeyPatch, kind: str, written: bytes
) -> None:
    buffer = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=buffer, isatty=lambda: False))
    with pytest.raises(KeyError), RowWriter("-", ["text"], kind) as writer:  # noqa: PT012
        writer.write([{"text": "a"}])
        raise KeyError
    assert buffer.getvalue() == written
    assert not buffer.closed


@pytest.mark.parametrize("value", [None, float("nan"), np.float32("nan"), pd.NaT, pd.NA, np.datetime64("NaT", "s")])
def test_missing_values(value: object) -> None:
    assert is_missing(value) is True


@pytest.mark.parametrize("value", ["", "nan", 0, 0.0, False, [], {}, b"", dt.date(1999, 5, 1), np.array([1, 2])])
def test_values_that_are_there(value: object) -> None:
    assert is_missing(value) is False


def test_a_missing_column_is_named_with_the_nearest() -> None:
    with Table(TABLES / "plain.csv") as table, pytest.raises(TableError) as caught:
        table.require("txt", "--text")
    assert str(caught.value) == (
        f"{TABLES}/plain.csv: expected a column 'txt'. Did you mean 'text'? Available: {', '.join(table.columns)}. "
        "Name the right one with --text="
    )


def test_parquet_without_pyarrow_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtraError) as caught:
        Table(TABLES / "rows.parquet")
    assert str(caught.value) == (
        "reading and writing Parquet files needs pyarrow, which is not installed: pip install 'stance[parquet]'"
    )

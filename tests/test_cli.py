"""The command line: what it reads, writes, says and returns."""

from __future__ import annotations

import csv
import errno
import gzip
import io
import json
import os
import re
import runpy
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
import pytest
from conftest import FIXTURES, Done, Run

import stance
from stance import cli, commands, corpus

PEACE = "The two governments signed a peace treaty and opened talks on trade."
WAR = "Rebels shelled the town and the army fired missiles at the port."
STRANGE = "qqzzvv xxjjkk wwqqpp"
ARTICLE = f"{PEACE}\r\n\r\n{WAR}\r\n\r\n{STRANGE}\r\n"
ANSWERS = ["topics", "tone", "tone_score", "known"]
COMMANDS = [
    "classify",
    "score",
    "train",
    "evaluate",
    "audit",
    "correct",
    "suggest",
    "explain",
    "inspect",
    "diff",
    "report",
]
FORMATS = ".csv, .tsv, .jsonl, .ndjson, .parquet (or .gz or .zst after the text formats)"

on_posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and devices")


def complaint(done: Done) -> str:
    """The one line about bad input."""
    assert (done.code, done.out) == (2, "")
    return message(done)


def message(done: Done) -> str:
    """The one line on standard error."""
    assert re.fullmatch(r"stance: [^\n]+\n", done.err)
    return done.err.removeprefix("stance: ").removesuffix("\n")


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def article(tmp_path: Path) -> Path:
    path = tmp_path / "article.txt"
    path.write_bytes(ARTICLE.encode())
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Five rows, one of them empty, with a column `id`."""
    path = tmp_path / "rows.csv"
    pd.DataFrame({"id": ["1", "2", "3", "4", "5"], "text": [PEACE, WAR, "", STRANGE, 'a "b", c\nd']}).to_csv(
        path, index=False
    )
    return path


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Too few rows for cross-validation."""
    path = tmp_path / "labelled.csv"
    path.write_text(f"text,topics,tone\n{PEACE},diplomacy|trade,cooperative\n{WAR},security,tense\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def two_row_file(two_row_model: stance.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "two-row.stance"
    two_row_model.save(path)
    return path


# Usage ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "start", "end"),
    [
        (["clasify", "a.txt"], "argument COMMAND: invalid choice: 'clasify' (choose from ", "see 'stance --help'"),
        ([], "the following arguments are required: COMMAND; ", "see 'stance --help'"),
        (["--jsn"], "the following arguments are required: COMMAND; ", "see 'stance --help'"),
        (["classify", "--jsn"], "unrecognized arguments: --jsn; ", "see 'stance --help'"),
        (["classify", "--a\nb"], "unrecognized arguments: --a b; ", "see 'stance --help'"),
        (["score"], "the following arguments are required: IN; ", "see 'stance score --help'"),
        (["train", "a.csv"], "the following arguments are required: -o/--output; ", "see 'stance train --help'"),
        (["explain", "a.txt"], "the following arguments are required: --label; ", "see 'stance explain --help'"),
        (
            ["explain", "--label", "trade", "-k", "x"],
            "argument -k: invalid int value: 'x'; ",
            "see 'stance explain --help'",
        ),
    ],
)
def test_wrong_usage_is_told_in_one_line(run: Run, arguments: list[str], start: str, end: str) -> None:
    told = complaint(run(*arguments))
    assert told.startswith(start)
    assert told.endswith(end)


def test_a_wrong_command_is_told_all_commands(run: Run) -> None:
    told = complaint(run("clasify"))
    assert [name for name in COMMANDS if name not in told] == []


def test_the_version_is_printed(run: Run) -> None:
    assert run("--version") == (0, f"stance {stance.__version__}\n", "")


def test_help_names_every_command(run: Run) -> None:
    done = run("--help")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("usage: stance ")
    assert re.findall(r"^    (\w+) ", done.out, re.MULTILINE) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(run: Run, command: str) -> None:
    done = run(command, "--help")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"usage: stance {command} ")


def test_python_m_stance_is_the_command_line(monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    monkeypatch.setattr(sys, "argv", ["stance", "--version"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("stance", run_name="__main__")
    assert ended.value.code == 0
    runpy.run_module("stance.__main__", run_name="imported")
    assert capfd.readouterr() == (f"stance {stance.__version__}\n", "")


# classify ------------------------------------------------------------------------------------------------------------


def test_classify_prints_the_document(run: Run, article: Path) -> None:
    assert run("classify", article) == (0, f"{stance.classify_document(ARTICLE)}\n", "")


@pytest.mark.parametrize("arguments", [[], ["-"]])
def test_classify_reads_standard_input(run: Run, arguments: list[str]) -> None:
    assert run("classify", *arguments, stdin=ARTICLE.encode()) == (0, f"{stance.classify_document(ARTICLE)}\n", "")


def test_classify_names_each_of_several_files(run: Run, article: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text(WAR, encoding="utf-8")
    done = run("classify", article, other)
    assert (done.code, done.err) == (0, "")
    assert done.out == (f"{article}: {stance.classify_document(ARTICLE)}\n{other}: {stance.classify_document(WAR)}\n")


@pytest.mark.parametrize("name", ["article.txt", "article-crlf.txt", "article-hard-wrapped.txt"])
def test_classify_json_has_the_places_of_the_paragraphs(run: Run, name: str) -> None:
    path = FIXTURES / name
    text = path.read_bytes().decode("utf-8")
    done = run("classify", "--json", path, path)
    assert (done.code, done.err) == (0, "")
    one, other = map(json.loads, done.out.splitlines())
    assert one == other == {"path": str(path), **stance.classify_document(text).to_dict()}
    assert len(one["paragraphs"]) > 7
    for paragraph in one["paragraphs"]:
        assert text[paragraph["start"] : paragraph["end"]] == paragraph["text"]


def test_classify_json_of_standard_input_is_named_by_a_dash(run: Run) -> None:
    done = run("classify", "--json", stdin=WAR.encode())
    assert json.loads(done.out) == {"path": "-", **stance.classify_document(WAR).to_dict()}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_classify_knows_byte_order_marks(run: Run, tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "marked.txt"
    path.write_bytes(f"É: {ARTICLE}".encode(encoding))
    assert json.loads(run("classify", "--json", path).out)["paragraphs"][0]["text"] == f"É: {PEACE}"


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16-le", "cp037"])
def test_classify_reads_a_named_encoding(run: Run, tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "named.txt"
    path.write_bytes(f"É: {PEACE}".encode(encoding))
    done = run("classify", "--json", "--encoding", encoding, path)
    assert json.loads(done.out)["paragraphs"][0]["text"] == f"É: {PEACE}"


@pytest.mark.parametrize(
    ("data", "line", "byte", "value", "encoding"),
    [
        (b"caf\xe9", 1, 4, "e9", "utf-8"),
        (b"a\nb\nc \xff d", 3, 7, "ff", "utf-8"),
        (b"\xef\xbb\xbfa\n\xfcb", 2, 6, "fc", "utf-8"),
        (b"\xff\xfea\0\n\0b", 2, 7, "62", "utf-16-le"),
        (b"\xfe\xff\0a\0", 1, 5, "00", "utf-16-be"),
    ],
)
def test_a_wrong_encoding_is_told_with_its_place(
    run: Run, tmp_path: Path, data: bytes, line: int, byte: int, value: str, encoding: str
) -> None:
    path = tmp_path / "wrong.txt"
    path.write_bytes(data)
    assert complaint(run("classify", path)) == (
        f"{path}:{line}: expected {encoding}, but byte {byte} of the file is 0x{value}. "
        "Save the file as UTF-8, or name its encoding, such as --encoding cp1252"
    )


@pytest.mark.parametrize("encoding", ["latin-99", "hex", "rot13"])
def test_an_unknown_encoding_is_told(run: Run, article: Path, encoding: str) -> None:
    told = f"{article}: unknown encoding '{encoding}': use a name such as 'utf-8' or 'cp1252'"
    assert complaint(run("classify", article, "--encoding", encoding)) == told


def test_a_missing_text_file_is_told(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "none.txt"
    assert complaint(run("classify", path)) == f"{path}: cannot be read: No such file or directory"


@on_posix
def test_a_folder_is_no_text_file(run: Run, tmp_path: Path) -> None:
    assert complaint(run("classify", tmp_path)) == f"{tmp_path}: cannot be read: Is a directory"


@pytest.mark.parametrize("data", [b"", b" \n\n\t", b"\xef\xbb\xbf", b"\xff\xfe"])
def test_an_empty_file_has_no_answer(run: Run, data: bytes) -> None:
    done = run("classify", stdin=data)
    assert done == (0, "document of 0 paragraphs\nno answer: empty (0% of the words known)\n", "")


@on_posix
@pytest.mark.parametrize(
    ("variable", "is_coloured"), [("TERM=xterm", True), ("NO_COLOR=1", False), ("TERM=dumb", False)]
)
def test_classify_prints_in_colour_on_a_terminal_only(
    run: Run, article: Path, variable: str, is_coloured: bool
) -> None:
    import pty

    plain = run("classify", article).out
    assert "\x1b" not in plain
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | {"TERM": "xterm"}
    environment |= dict([variable.split("=")])
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        command = [sys.executable, "-m", "stance", "classify", str(article)]
        with subprocess.Popen(command, stdout=theirs, env=environment) as process:
            os.close(theirs)
            printed = b"".join(iter(lambda: read_terminal(terminal), b"")).replace(b"\r\n", b"\n").decode()
        assert process.returncode == 0
    assert ("\x1b[1mdocument of 3 paragraphs\x1b[0m\n" in printed) is is_coloured
    assert re.sub(r"\x1b\[[0-9;]+m", "", printed) == plain


def read_terminal(terminal: io.FileIO) -> bytes:
    """Read what was printed since; nothing at the end."""
    try:
        return terminal.read(4096)
    except OSError:  # the other end was closed
        return b""


def test_an_article_that_is_too_long_is_told(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "ARTICLE_LIMIT", 1 << 20)
    path = tmp_path / "long.txt"
    path.write_bytes(b" " * (1 << 20))
    assert run("classify", path).code == 0
    path.write_bytes(b" " * ((1 << 20) + 1))
    rest = (
        "longer than 1 MiB, which is too much for one article: put many texts into a table, one a row, and use "
        "'stance score'"
    )
    assert complaint(run("classify", path)) == f"{path}: {rest}"
    assert complaint(run("classify", stdin=path.read_bytes())) == f"-: {rest}"


def test_a_terminal_is_asked_for_text(run: Run) -> None:
    done = run("classify", terminal=True)
    assert done.code == 0
    assert message(done) == "reading standard input, end it with Ctrl-D"


def test_a_model_of_ones_own_answers(run: Run, two_row_file: Path, two_row_model: stance.Model) -> None:
    text = "рынок вырос снова"
    done = run("classify", "--model", two_row_file, stdin=text.encode())
    assert done == (0, f"{two_row_model.classify_document(text)}\n", "")


@pytest.mark.parametrize("command", [["classify", "--model"], ["score", "-", "--model"], ["inspect"]])
def test_a_missing_model_is_told(run: Run, tmp_path: Path, command: list[str]) -> None:
    path = tmp_path / "none.stance"
    assert complaint(run(*command, path)) == (
        f"{path}: not a usable model file: No such file or directory. Give the path of a file made by Model.save"
    )


# score ---------------------------------------------------------------------------------------------------------------


def expected_rows(texts: Sequence[str], **options: Any) -> list[dict[str, str]]:
    """The answers as a CSV file has them."""
    frame = stance.score(pd.DataFrame({"text": list(texts)}), **options).drop(columns="text")
    return [
        {name: "" if pd.isna(value) else str(value) for name, value in row.items()} for row in frame.to_dict("records")
    ]


def test_score_writes_the_table_with_answers(run: Run, table: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    assert run("score", table, out) == (0, "", "")
    before = rows_of(table.read_text(encoding="utf-8"))
    after = rows_of(out.read_bytes().decode("utf-8"))
    assert list(after[0]) == ["id", "text", *ANSWERS]
    assert [{name: row[name] for name in ("id", "text")} for row in after] == before
    assert [{name: row[name] for name in ANSWERS} for row in after] == expected_rows([row["text"] for row in before])
    assert names_in(tmp_path) == ["out.csv", "rows.csv"]


def test_score_from_pipe_to_pipe(run: Run, table: Path, tmp_path: Path) -> None:
    run("score", table, tmp_path / "out.csv")
    done = run("score", "-", stdin=table.read_bytes())
    assert (done.code, done.err) == (0, "")
    assert done.out.encode() == (tmp_path / "out.csv").read_bytes()
    assert run("score", "-", "-", stdin=table.read_bytes()) == done


def test_score_of_jsonl_on_standard_input_is_told_by_its_first_line(run: Run) -> None:
    done = run("score", "-", "--json", stdin=b'{"text": "x", "n": [1]}\n')
    assert json.loads(done.out) == {
        "text": "x", "n": [1], "topics": None, "tone": None, "tone_score": None, "known": 0.0,
    }  # fmt: skip


def test_score_json_has_the_same_answers(run: Run, table: Path) -> None:
    plain = rows_of(run("score", table).out)
    rows = [json.loads(line) for line in run("score", table, "--json").out.splitlines()]
    assert [{name: "" if value is None else str(value) for name, value in row.items()} for row in rows] == plain


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "ndjson", "csv.gz", "tsv.gz", "jsonl.gz", "parquet"])
def test_score_reads_back_what_it_wrote_in_every_format(run: Run, table: Path, tmp_path: Path, ending: str) -> None:
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    out = tmp_path / f"out.{ending}"
    assert run("score", table, out) == (0, "", "")
    again = tmp_path / "again.csv"
    done = run("score", out, again)
    assert done.code == 0
    assert message(done) == (
        f"warning: {out}: the answers replace the columns topics, tone, tone_score, known: keep both with --prefix"
    )
    assert again.read_text(encoding="utf-8") == run("score", table).out
    if ending.endswith(".gz"):
        assert gzip.decompress(out.read_bytes())


def test_score_keeps_the_types_of_parquet(run: Run, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    rows, out = FIXTURES / "tables" / "rows.parquet", tmp_path / "out.parquet"
    done = run("score", rows, out, "--prefix", "s_", "--codes", "cap", "--probabilities")
    assert (done.code, done.err) == (0, "")
    before, after = parquet.read_table(rows), parquet.read_table(out)
    assert after.select(before.schema.names).equals(before)
    added = {name: str(after.schema.field(name).type) for name in after.schema.names[len(before.schema.names) :]}
    assert {name: kind for name, kind in added.items() if kind != "double"} == {
        "s_topics": "string", "s_tone": "string", "s_cap": "string",
    }  # fmt: skip
    assert {"s_known", "s_tone_score", "s_p_trade", "s_p_tense"} <= set(added)


def test_score_to_parquet_gives_text_and_numbers_though_no_row_has_an_answer(run: Run, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    out = tmp_path / "out.parquet"
    done = run("score", "-", out, stdin=b"n,text\n1,\n2,\n")
    assert (done.code, done.err) == (0, "")
    assert [str(field.type) for field in parquet.read_schema(out)] == [*["string"] * 4, "double", "double"]


def test_score_probabilities_codes_and_prefix(run: Run, table: Path) -> None:
    options = ["--probabilities", "--codes", "cap", "--codes", "cameo", "--prefix", "x_"]
    done = run("score", table, *options)
    assert (done.code, done.err) == (0, "")
    rows = rows_of(done.out)
    texts = [row["text"] for row in rows]
    wanted = expected_rows(texts, probabilities=True, codes=["cap", "cameo"], prefix="x_")
    assert list(rows[0]) == ["id", "text", *wanted[0]]
    assert [{name: row[name] for name in wanted[0]} for row in rows] == wanted


def test_score_takes_a_scheme_once(run: Run, table: Path) -> None:
    done = run("score", table, "--codes", "cap", "--codes", "cap")
    assert done.out.partition("\n")[0] == f"id,text,{','.join(ANSWERS)},cap"


def test_an_unknown_scheme_is_told(run: Run, table: Path) -> None:
    told = complaint(run("score", table, "--codes", "cap", "--codes", "capp"))
    assert told == "no code scheme 'capp'. Did you mean 'cap'? Available: cap, iptc, plover, cameo"


def test_score_over_its_own_input(run: Run, table: Path, tmp_path: Path) -> None:
    wanted = run("score", table).out
    assert run("score", table, table) == (0, "", "")
    assert table.read_text(encoding="utf-8") == wanted
    assert names_in(tmp_path) == ["rows.csv"]


def test_replaced_columns_are_told_and_replaced(run: Run) -> None:
    done = run("score", "-", stdin=f"tone,text,known\nold,{WAR},old\n".encode())
    assert done.code == 0
    assert message(done) == "warning: -: the answers replace the columns tone, known: keep both with --prefix"
    (row,) = rows_of(done.out)
    assert list(row) == ["tone", "text", "known", "topics", "tone_score"]
    assert (row["tone"], row["known"]) == (str(stance.classify(WAR).tone), str(stance.classify(WAR).known))


def test_what_is_no_text_counts_as_missing_with_a_warning(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "x"}\n\n{"text": 7}\n{"text": null}\n{}\n{"text": ["x"]}\n', encoding="utf-8")
    done = run("score", path, "--json")
    assert done.code == 0
    assert done.err.splitlines() == [
        f"stance: warning: {path}:3: column 'text': expected a text, but got int: it counts as missing",
        f"stance: warning: {path}:6: column 'text': expected a text, but got list: it counts as missing",
    ]
    assert [json.loads(line)["known"] for line in done.out.splitlines()] == [0.0, None, None, None, None]


def test_score_keeps_rows_beyond_a_batch(run: Run, two_row_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "BLOCK_ROWS", 4)
    for count in (0, 3, 4, 5, 8):
        numbers = [str(number) for number in range(count)]
        data = "n,text\n" + "".join(f"{number},рынок вырос\n" for number in numbers)
        done = run("score", "-", "--model", two_row_file, stdin=data.encode())
        assert (done.code, done.err) == (0, "")
        assert [row["n"] for row in rows_of(done.out)] == numbers


def test_score_of_a_header_gives_a_header(run: Run) -> None:
    assert run("score", "-", stdin=b"text\n") == (0, f"text,{','.join(ANSWERS)}\n", "")


def test_score_reads_a_named_encoding(run: Run) -> None:
    done = run("score", "-", "--encoding", "cp1252", stdin="text\nÉvora signed a treaty\n".encode("cp1252"))
    assert (done.code, done.err) == (0, "")
    assert rows_of(done.out)[0]["text"] == "Évora signed a treaty"


def test_the_text_column_can_be_named(run: Run) -> None:
    done = run("score", "-", "--text", "body", stdin=f"body\n{WAR}\n".encode())
    assert rows_of(done.out)[0]["tone"] == stance.classify(WAR).tone


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "no-text-column.csv",
            "expected a column 'text'. Did you mean 'texts'? Available: texts, topics, tone. Name the right one with "
            "--text=",
        ),
        ("not.parquet", None),
        ("truncated.csv.gz", None),
        ("none.csv", "cannot be opened: No such file or directory"),
        ("none.xlsx", f"expected a name that ends with {FORMATS}"),
    ],
)
def test_a_table_that_cannot_be_scored_is_told(run: Run, tmp_path: Path, name: str, told: str | None) -> None:
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    path = FIXTURES / "tables" / name
    found = complaint(run("score", path, tmp_path / "out.csv"))
    assert found.startswith(f"{path}: {told or 'cannot be read'}")
    assert told is None or found == f"{path}: {told}"
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "jsonl", "parquet", "tsv"])
def test_a_broken_row_leaves_no_output_and_the_old_file(run: Run, tmp_path: Path, ending: str) -> None:
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    out = tmp_path / f"out.{ending}"
    data = b"n,text\n" + b"1,x\n" * 3000 + b"1,2,3\n"
    told = (
        "-:3002: expected 2 fields as in the header, but got 3: put a field that holds ',' or a line end in double "
        "quotes"
    )
    assert complaint(run("score", "-", out, stdin=data)) == told
    assert names_in(tmp_path) == []
    out.write_bytes(b"old")
    assert complaint(run("score", "-", out, stdin=data)) == told
    assert names_in(tmp_path) == [out.name]
    assert out.read_bytes() == b"old"


def test_a_ragged_file_leaves_no_output(run: Run, tmp_path: Path) -> None:
    path = FIXTURES / "tables" / "ragged.csv"
    done = run("score", path, tmp_path / "out.csv", "--prefix", "x")
    assert complaint(done).startswith(f"{path}:4: expected 3 fields as in the header, but got 5")
    assert names_in(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("none/out.csv", "cannot be written: No such file or directory"),
        (".", "expected another folder as OUT than that of IN"),
        ("out.xlsx", f"expected a name that ends with {FORMATS}"),
    ],
)
def test_an_output_that_cannot_be_written_is_told(run: Run, table: Path, tmp_path: Path, name: str, told: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    out = tmp_path / name
    assert complaint(run("score", table, out)) == f"{out}: {told}"
    assert names_in(tmp_path) == ["folder.csv", "rows.csv"]


def test_score_does_without_pyarrow_but_for_parquet(
    run: Run, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = run("score", table)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    assert run("score", table) == wanted
    told = complaint(run("score", table, tmp_path / "out.parquet"))
    assert told == (
        "reading and writing Parquet files needs pyarrow, which is not installed: pip install 'stance[parquet]'"
    )
    assert names_in(tmp_path) == ["rows.csv"]


def test_score_of_a_folder_with_bad_rows(run: Run, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text(f"n:text\n1:{WAR}\n2\n", encoding="utf-8")
    out, errors = tmp_path / "out", tmp_path / "errors.csv"
    options = ["--delimiter", ":", "--errors", errors, "--resume"]
    told = f"stance: warning: {errors} names 1 that could not be read\n"
    assert run("score", tmp_path / "in", out, *options) == (0, "", told)
    assert (out / "a.csv").read_text("utf-8").startswith(f"n,text,{','.join(ANSWERS)}\n1,{WAR},security,tense,")
    assert errors.read_text("utf-8").startswith(
        f'file,line,error,row\n{tmp_path / "in" / "a.csv"},3,"expected 2 fields'
    )


def test_score_that_was_interrupted_says_how_to_go_on(
    run: Run, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("stance.columns.Columns.answers", fails)
    done = run("score", table, tmp_path / "out.csv", "--resume")
    assert done == (130, "", "stance: interrupted, the same command goes on from here\n")
    assert run("score", table, tmp_path / "other.csv") == (
        130,
        "",
        "stance: interrupted, what was not finished is not there\n",
    )
    assert names_in(tmp_path) == ["rows.csv"]


def test_score_draws_a_bar_on_a_terminal(run: Run, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    done = run("score", table)
    assert done.code == 0
    assert "5row " in done.err


# train ---------------------------------------------------------------------------------------------------------------


def test_train_writes_the_model_that_train_gives(run: Run, labelled: Path, tmp_path: Path) -> None:
    out = tmp_path / "own.stance"
    done = run("train", labelled, "-o", out)
    assert done.code == 0
    assert done.out == f"wrote {out} (0.0 MB): {stance.load(out)!r}\n"
    assert all(line.startswith("stance: warning: ") for line in done.err.splitlines())
    with pytest.warns(stance.StanceWarning) as warned:
        stance.train(labelled, progress=False).save(tmp_path / "same.stance")
    assert out.read_bytes() == (tmp_path / "same.stance").read_bytes()
    assert [f"stance: warning: {warning.message}" for warning in warned] == done.err.splitlines()
    assert names_in(tmp_path) == ["labelled.csv", "own.stance", "same.stance"]


def test_train_takes_several_files_and_names_of_columns(run: Run, tmp_path: Path) -> None:
    for number, (text, topic, tone) in enumerate([(PEACE, "x", "good"), (WAR, "y", "bad")]):
        (tmp_path / f"{number}.csv").write_text(f"B,T,S,D,text\n{text},{topic},{tone},d{number},no\n", encoding="utf-8")
    out = tmp_path / "own.stance"
    columns = ["--text", "B", "--topics", "T", "--tone", "S", "--group", "D", "--random-state", "3", "--jobs", "1"]
    done = run("train", tmp_path / "0.csv", tmp_path / "1.csv", "-o", out, *columns)
    assert done.code == 0
    model = stance.load(out)
    assert (model.topics, model.tones) == (("x", "y"), ("bad", "good"))
    assert model.card["settings"]["random_state"] == 3
    assert model.card["data"]["rows"] == 2


def test_train_prints_the_scores_of_cross_validation(run: Run, tmp_path: Path) -> None:
    pairs = [(PEACE, "trade,cooperative"), (WAR, "security,tense")]
    lines = [f"{number} {text},{labels}" for number in "abcdefghij" for text, labels in pairs]
    (tmp_path / "rows.csv").write_text("\n".join(["text,topics,tone", *lines]), encoding="utf-8")
    out = tmp_path / "own.stance"
    done = run("train", tmp_path / "rows.csv", "-o", out)
    assert done.code == 0
    scores = stance.load(out).card["cross_validation"]
    assert done.out.splitlines()[1:] == [
        f"topics, cross-validated: macro-F1 {scores['topics']['macro_f1']:.3f}",
        f"tone, cross-validated: macro-F1 {scores['tone']['macro_f1']:.3f}",
    ]
    f1 = scores["tone"]["labels"]["tense"]["f1"]
    (tense,) = [line for line in run("inspect", out).out.splitlines() if line.startswith("tense ")]
    assert tense.split()[:5] == ["tense", "most", "likely", f"{f1:.2f}", "10"]


def test_train_starts_from_a_base(run: Run, tmp_path: Path) -> None:
    pairs = [(PEACE, "ports,cooperative"), (WAR, "security,tense")]
    lines = [f"{number} {text},{labels}" for number in "abcdefghij" for text, labels in pairs]
    rows, out, again = tmp_path / "rows.csv", tmp_path / "own.stance", tmp_path / "again.stance"
    rows.write_text("\n".join(["text,topics,tone", *lines]), encoding="utf-8")
    done = run("train", rows, "-o", out, "--base", "default")
    assert (done.code, done.err) == (0, "")
    model, default = stance.load(out), stance.load()
    assert (model.topics, model.tones) == ((*default.topics, "ports"), default.tones)
    assert model.card["base"]["sha256"] == default.digest
    scores, before = model.card["cross_validation"], model.card["base"]["on_these_rows"]
    assert done.out.splitlines()[1:] == [
        f"topics, cross-validated: macro-F1 {scores['topics']['macro_f1']:.3f} (the base: {before['topics']:.3f})",
        f"tone, cross-validated: macro-F1 {scores['tone']['macro_f1']:.3f} (the base: {before['tone']:.3f})",
    ]
    assert run("train", rows, "-o", again, "--base", out).code == 0
    assert stance.load(again).topics == model.topics
    assert stance.load(again).card["base"]["base"]["sha256"] == default.digest


def test_train_on_a_base_that_is_none_writes_nothing(run: Run, labelled: Path, tmp_path: Path) -> None:
    base = tmp_path / "none.stance"
    told = complaint(run("train", labelled, "-o", tmp_path / "own.stance", "--base", base))
    assert (
        told
        == f"{base}: not a usable model file: No such file or directory. Give the path of a file made by Model.save"
    )
    assert names_in(tmp_path) == ["labelled.csv"]


@pytest.mark.parametrize("name", ["none/own.stance", "folder"])
def test_train_tells_before_training_that_it_cannot_write(
    run: Run, labelled: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder").mkdir()
    monkeypatch.setattr(stance, "train", lambda *_, **__: pytest.fail("trained"))
    told = "it is a folder" if name == "folder" else "there is no such folder"
    out = tmp_path / name
    assert complaint(run("train", labelled, "-o", out)) == f"{out}: cannot be written: {told}"


def test_train_on_a_bad_table_is_told_in_one_line(run: Run, tmp_path: Path) -> None:
    tables = FIXTURES / "tables"
    for name in ("header-only.csv", "empty.csv", "no-text-column.csv", "duplicate-column.csv", "ragged.csv"):
        assert complaint(run("train", tables / name, "-o", tmp_path / "own.stance"))
    assert complaint(run("train", tmp_path / "none.csv", "-o", tmp_path / "own.stance")) == (
        f"{tmp_path / 'none.csv'}: cannot be opened: No such file or directory"
    )
    assert names_in(tmp_path) == []


# evaluate ------------------------------------------------------------------------------------------------------------


def test_evaluate_prints_the_report(run: Run, labelled: Path) -> None:
    report = stance.evaluate(stance.load(), labelled)
    assert run("evaluate", labelled) == (0, f"{report}\n", "")
    done = run("evaluate", labelled, "--json")
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == report.to_dict()


def test_evaluate_takes_several_files_and_a_model(run: Run, labelled: Path, tmp_path: Path) -> None:
    model = tmp_path / "own.stance"
    run("train", labelled, "-o", model)
    done = run("evaluate", labelled, labelled, "--model", model, "--json")
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out)["n_rows"] == 4


def test_evaluate_warns_in_one_line_of_labels_that_the_model_has_not(
    run: Run, labelled: Path, two_row_file: Path
) -> None:
    done = run("evaluate", labelled, "--model", two_row_file)
    assert done.code == 0
    assert done.err.startswith("stance: warning: ")
    assert all(line.startswith("stance: warning: ") for line in done.err.splitlines())


def test_evaluate_without_labels_is_told(run: Run, table: Path) -> None:
    assert complaint(run("evaluate", table)).startswith(f"{table}: expected a label column, 'topics' or 'tone'")


# audit, correct, suggest ---------------------------------------------------------------------------------------------


@pytest.fixture
def doubtful(tmp_path: Path) -> Path:
    """Labelled rows, one with a wrong tone and one without text."""
    path = tmp_path / "doubtful.csv"
    words = {
        "calm": ["tariffs", "exports", "customs", "duties", "imports", "cargo"],
        "harsh": ["shells", "troops", "rebels", "siege"],
    }
    rows = [
        {"id": f"{tone}{n}", "text": f"{words[tone][n % 4]} {words[tone][n % 3 + 1]} report no{n} of day", "tone": tone}
        for tone in words
        for n in range(20)
    ]
    rows[4]["tone"], rows[7]["text"] = "harsh", ""
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def test_audit_writes_findings_and_correct_applies_them(run: Run, doubtful: Path, tmp_path: Path) -> None:
    findings, corrected = tmp_path / "findings.csv", tmp_path / "corrected.csv"
    done = run("audit", doubtful, "-o", findings)
    assert done == (0, f"wrote {findings}: 2 findings\n", "")
    empty, wrong = rows_of(findings.read_text("utf-8"))
    assert (empty["row"], empty["line"], empty["problem"], empty["column"]) == ("7", "9", "empty", "text")
    assert (wrong["file"], wrong["line"], wrong["given"], wrong["suggested"]) == (str(doubtful), "6", "harsh", "calm")
    done = run("correct", doubtful, "--findings", findings, "-o", corrected)
    assert done == (0, f"wrote {corrected}: 39 rows, having looked at 2 findings\n", "")
    rows, before = rows_of(corrected.read_text("utf-8")), rows_of(doubtful.read_text("utf-8"))
    before[4]["tone"] = "calm"
    assert rows == before[:7] + before[8:]
    assert run("audit", corrected).out.count("\n") == 1
    assert run("train", corrected, "-o", tmp_path / "own.stance").code == 0


def test_audit_prints_csv_or_jsonl(run: Run, doubtful: Path) -> None:
    done = run("audit", doubtful, "--jobs", "1", "--topics", "topics")
    assert (done.code, done.err) == (0, "")
    rows = rows_of(done.out)
    expected = stance.audit(doubtful, progress=False)
    assert list(rows[0]) == list(expected.columns)
    done = run("audit", doubtful, "--json")
    assert [json.loads(line) for line in done.out.splitlines()] == expected.to_dict("records")


def test_several_files_are_audited_and_corrected_together(run: Run, doubtful: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    other.write_text('{"text": "customs duties again", "tone": "calm", "tags": ["a", "b"]}\n', encoding="utf-8")
    findings = tmp_path / "findings.csv"
    assert run("audit", doubtful, other, "-o", findings).code == 0
    rows = rows_of(run("correct", doubtful, other, "--findings", findings).out)
    assert len(rows) == 40
    assert rows[-1] == {"id": "", "text": "customs duties again", "tone": "calm", "tags": "a|b"}


def test_suggest_writes_rows_that_train_reads_when_they_are_filled_in(run: Run, tmp_path: Path, labelled: Path) -> None:
    pool, chosen = tmp_path / "pool.csv", tmp_path / "chosen.csv"
    texts = pd.read_csv(FIXTURES / "paragraphs.csv")[["id", "text"]].head(30)
    texts.to_csv(pool, index=False)
    assert run("suggest", pool, "-n", "4", "-o", chosen) == (0, f"wrote {chosen}: 4 rows to label\n", "")
    rows = rows_of(chosen.read_text("utf-8"))
    expected = stance.suggest(stance.load(), pool, 4)
    assert [row["id"] for row in rows] == expected["id"].tolist()
    assert list(rows[0]) == ["id", "text", "topics", "tone", "score", "reason"]
    assert {(row["topics"], row["tone"]) for row in rows} == {("", "")}
    pd.DataFrame(rows).assign(topics="trade", tone="tense").to_csv(chosen, index=False)
    assert run("train", labelled, chosen, "-o", tmp_path / "own.stance").code == 0
    assert stance.load(tmp_path / "own.stance").card["data"]["rows"] == 6


def test_suggest_takes_a_model_and_several_pools(run: Run, two_row_file: Path, tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.csv").write_text(f"body\nрынок {name}{name} площадь\n", encoding="utf-8")
    done = run(
        "suggest", tmp_path / "a.csv", tmp_path / "b.csv", "--text", "body", "--model", two_row_file, "-n", 2, "--json"
    )
    assert (done.code, done.err) == (0, "")
    assert sorted(json.loads(line)["body"] for line in done.out.splitlines()) == [
        "рынок aa площадь",
        "рынок bb площадь",
    ]


def test_bad_input_to_curation_is_told_in_one_line(run: Run, doubtful: Path, labelled: Path, tmp_path: Path) -> None:
    nowhere = tmp_path / "none" / "out.csv"
    for arguments in (["audit", doubtful], ["suggest", doubtful]):
        assert complaint(run(*arguments, "-o", nowhere)) == f"{nowhere}: cannot be written: there is no such folder"
    formats = f"expected a name that ends with {FORMATS}"
    assert complaint(run("suggest", doubtful, "-o", "out.txt")) == f"out.txt: {formats}"
    assert complaint(run("audit", labelled)) == (
        "expected at least 10 different texts or groups, to judge each row by the others, but got 2: add labelled rows"
    )
    assert complaint(run("suggest", doubtful, "-n", "0")) == "expected a number of rows of at least 1, but got 0"
    assert complaint(run("suggest", doubtful, "--text", "body")) == (
        "expected a column 'body'. Available: id, text, tone. Name the right one with text="
    )
    assert complaint(run("correct", doubtful, "--findings", labelled)) == (
        "expected a column 'row'. Available: text, topics, tone. Name the right one with findings="
    )
    assert names_in(tmp_path) == ["doubtful.csv", "labelled.csv"]


# explain -------------------------------------------------------------------------------------------------------------


def test_explain_prints_terms_that_add_up(run: Run) -> None:
    done = run("explain", "--label", "security", "-k", "3", stdin=WAR.encode())
    assert (done.code, done.err) == (0, "")
    model = stance.load()
    terms = model.explain(WAR, "security", k=None)
    lines = done.out.splitlines()
    names = [*(term.term for term in terms[:3]), f"{len(terms) - 3} other terms", "intercept", "decision value"]
    found = [re.fullmatch(r"(.*?) +([+-]\d+\.\d{3})(  \d+ x)?", line) for line in lines]
    matches = [match for match in found if match is not None]
    assert [match[1] for match in matches] == names
    assert len({match.start(2) for match in matches}) == 1
    assert [match[3] for match in matches] == [*(f"  {len(term.spans)} x" for term in terms[:3]), None, None, None]
    values = [float(match[2]) for match in matches]
    assert values[:3] == [round(term.weight, 3) for term in terms[:3]]
    assert sum(values[:-1]) == pytest.approx(values[-1], abs=0.004)
    assert values[-1] == round(model.decision_function([WAR])[0, model.labels.index("security")], 3)


def test_explain_json(run: Run, article: Path) -> None:
    done = run("explain", article, "--label", "tense", "-k", "2", "--json")
    assert (done.code, done.err) == (0, "")
    model = stance.load()
    column = model.labels.index("tense")
    answer = json.loads(done.out)
    assert answer == {
        "label": "tense",
        "decision_value": model.decision_function([ARTICLE])[0, column],
        "intercept": model.intercept_[column],
        "terms": [term.to_dict() for term in model.explain(ARTICLE, "tense", k=2)],
    }
    for term in answer["terms"]:
        for start, end in term["spans"]:
            assert ARTICLE[start:end].lower().split() == term["term"].split()


@pytest.mark.parametrize("k", ["0", "-1"])
def test_explain_may_show_no_term(run: Run, k: str) -> None:
    lines = run("explain", "--label", "tense", "-k", k, stdin=WAR.encode()).out.splitlines()
    count = len(stance.load().explain(WAR, "tense", k=None))
    assert lines[0].startswith(f"{count} other terms ")
    assert len(lines) == 3


def test_explain_of_an_unknown_label_is_told(run: Run, two_row_file: Path) -> None:
    told = complaint(run("explain", "--label", "Рынки", "--model", two_row_file, stdin=b"x"))
    assert told == "there is no label 'Рынки'. Did you mean 'Рынок'? Available: Площадь, Рынок, да, нет"


# inspect -------------------------------------------------------------------------------------------------------------


def test_inspect_says_what_a_model_is(run: Run, two_row_file: Path) -> None:
    from stance.inspecting import Inspection

    done = run("inspect", two_row_file, "-k", "2")
    assert (done.code, done.err) == (0, "")
    assert done.out == f"{Inspection(stance.load(two_row_file), 2)}\n"
    assert run("inspect").out == f"{Inspection(stance.load())}\n"
    assert json.loads(run("inspect", "--json", "-k", "0").out) == Inspection(stance.load(), 0).to_dict()


# diff ----------------------------------------------------------------------------------------------------------------


def test_diff_compares_two_models_on_the_texts_of_a_table(run: Run, two_row_file: Path, tmp_path: Path) -> None:
    from stance.comparing import compare

    (tmp_path / "in.jsonl").write_text(f'{{"body": "{PEACE}"}}\n{{"body": null}}\n{{"body": 7}}\n', encoding="utf-8")
    done = run("diff", "default", two_row_file, tmp_path / "in.jsonl", "--text", "body", "-k", "1")
    assert (done.code, done.err) == (0, "")
    expected = compare(stance.load(), stance.load(two_row_file), [PEACE, "", "7"], 1)
    assert done.out == f"{expected}\n"
    done = run("diff", "default", "default", "-", "--json", stdin=f"text\n{PEACE}\n".encode())
    assert json.loads(done.out)["n_answered"] == [1, 1, 1]
    assert complaint(run("diff", "default", "default", tmp_path / "in.jsonl")) == (
        f"{tmp_path / 'in.jsonl'}: expected a column 'text'. Available: body. Name the right one with --text="
    )


# When things go wrong ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (MemoryError(), 2, "out of memory: score a table in parts, or train on fewer rows"),
        (KeyboardInterrupt(), 130, "interrupted, what was not finished is not there"),
        (OSError(28, "No space left on device"), 2, "writing: No space left on device"),
        (OSError(13, "Permission denied", "a.csv"), 2, "a.csv: Permission denied"),
        (ValueError("two\n  lines"), 2, "two lines"),
    ],
)
def test_whatever_goes_wrong_is_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, told: str
) -> None:
    def fail(path: object) -> NoReturn:
        raise error

    monkeypatch.setattr(stance, "load", fail)
    done = run("inspect")
    assert (done.code, done.out, message(done)) == (code, "", told)


def test_what_fails_while_work_is_interrupted_is_not_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: object) -> NoReturn:
        try:
            raise KeyboardInterrupt
        finally:
            raise OSError(9, "Bad file descriptor")

    monkeypatch.setattr(stance, "load", fail)
    assert run("inspect") == (130, "", "stance: interrupted, what was not finished is not there\n")


def test_ctrl_c_is_heard_before_a_command_begins(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_parser", fail)
    assert run("inspect") == (130, "", "stance: interrupted, what was not finished is not there\n")


def test_want_of_memory_is_told_by_what_it_led_to(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: object) -> NoReturn:
        raise error

    monkeypatch.setattr(stance, "load", fail)
    error: Exception = OSError(errno.ENOMEM, "Cannot allocate memory")
    assert message(run("inspect")) == "out of memory: end other programs, or raise the limit (ulimit -v)"
    error = MemoryError("there is no room for 7 texts")
    assert message(run("inspect")) == "out of memory: there is no room for 7 texts"
    error = RuntimeError("can't start new thread")
    with pytest.raises(RuntimeError, match=r"^can't start new thread$"):
        run("inspect")
    short_of = [cli.SOME << 20]
    monkeypatch.setattr(cli, "is_short", lambda n_bytes: n_bytes in short_of)
    monkeypatch.setattr(cli, "limit", lambda: 300 << 20)
    assert message(run("inspect")) == "out of memory: the limit (ulimit -v) is 300 MiB"
    error = stance.StanceError("something else")
    assert message(run("inspect")) == "something else"
    short_of.append(130 << 20)
    told = "out of memory: 130 MiB are needed at least, and the limit (ulimit -v) leaves less"
    assert message(run("inspect")) == told


@on_posix
def test_sigterm_ends_with_143_and_its_old_handler_comes_back(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def end(path: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(stance, "load", end)
    assert run("inspect") == (143, "", "")
    assert signal.getsignal(signal.SIGTERM) is before


@on_posix
def test_a_closed_pipe_is_no_fault(article: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        assert cli.main(["classify", str(article)]) == 141
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_what_a_full_disk_does_not_take_is_not_written_again(
    article: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert cli.main(["classify", str(article)]) == 2
    assert capfd.readouterr() == ("", "stance: writing: No space left on device\n")


def test_output_that_is_no_file_is_left_as_it_is(article: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    assert cli.main(["classify", str(article)]) == 0
    assert out.getvalue() == f"{stance.classify_document(ARTICLE)}\n"


# In a process of its own ---------------------------------------------------------------------------------------------


def command(*arguments: object) -> list[str]:
    """The command line as a process that heeds Ctrl-C even where its parent does not."""
    program = (
        "import signal, sys\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from stance.cli import main\nsys.exit(main())"
    )
    return [sys.executable, "-c", program, *map(str, arguments)]


def test_python_m_stance_from_pipe_to_pipe() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "stance", "classify", "--json"], input=ARTICLE.encode(), capture_output=True, check=True
    )
    assert done.stderr == b""
    assert json.loads(done.stdout) == {"path": "-", **stance.classify_document(ARTICLE).to_dict()}


def test_the_locale_does_not_count(tmp_path: Path) -> None:
    text = f"É 中 🙂 {PEACE}"
    for options in ([], ["--json"]):
        done = subprocess.run(
            command("classify", *options),
            input=text.encode(),
            capture_output=True,
            check=True,
            env={**os.environ, "PYTHONIOENCODING": "ascii"},
        )
        assert done.stderr == b""
        assert "É 中 🙂" in done.stdout.decode("utf-8")


@on_posix
@pytest.mark.parametrize("name", ["out.csv", "out.jsonl.gz", "-"])
@pytest.mark.parametrize(
    ("number", "code", "told"),
    [("SIGINT", 130, b"stance: interrupted, what was not finished is not there\n"), ("SIGTERM", 143, b"")],
)
def test_score_that_is_stopped_leaves_no_file(
    tmp_path: Path, two_row_file: Path, name: str, number: str, code: int, told: bytes
) -> None:
    out = "-" if name == "-" else tmp_path / name
    arguments = command("score", "-", out, "--model", two_row_file)
    pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(arguments, stdin=pipe, stdout=nowhere, stderr=pipe, bufsize=0) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        # So much more than a pipe holds that it has taken a batch when all is written; the end never comes.
        process.stdin.write(b"n,text\n" + f"{'n' * 100},рынок\n".encode() * 2500)
        assert len(names_in(tmp_path)) == (0 if name == "-" else 1)
        process.send_signal(getattr(signal, number))
        assert process.wait(60) == code
        assert process.stderr.read() == told
    assert names_in(tmp_path) == []


@on_posix
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_score_whose_reader_goes_ends_quietly(tmp_path: Path, two_row_file: Path, options: list[str]) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("text\n" + "рынок вырос\n" * 20_000, encoding="utf-8")
    arguments = command("score", path, "--model", two_row_file, *options)
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("rows", [1, 5000])
@pytest.mark.parametrize("arguments", [["score", "-"], ["score", "-", "--json"], ["classify"]])
def test_a_full_disk_is_told(two_row_file: Path, arguments: list[str], rows: int) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command(*arguments, "--model", two_row_file),
            input=b"text\n" + "рынок вырос\n\n".encode() * rows,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
        )
    assert (done.returncode, done.stderr) == (2, b"stance: writing: No space left on device\n")


def test_score_turns_jsonl_into_parquet_whatever_the_first_rows_hold(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    rows = [{"text": None, "note": None, "n": 1}] * 1500 + [
        {"text": "The ministers signed a treaty.", "note": "x", "n": 2}
    ]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert cli.main(["score", str(source), str(tmp_path / "out.parquet"), "--probabilities"]) == 0
    scored = pd.read_parquet(tmp_path / "out.parquet")
    assert len(scored) == 1501
    assert scored["tone"].isna().sum() == 1500
    assert scored["note"].iloc[-1] == "x"
    assert scored["p_trade"].dtype == "float64"

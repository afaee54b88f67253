"""Files of any size, one or many, with bad rows, stopped at any moment."""

from __future__ import annotations

import errno
import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import stance
from stance import corpus
from stance.columns import Columns
from stance.corpus import Job, score_files
from stance.errors import TableError

PEACE = "The two governments signed a peace treaty and opened talks on trade."
WAR = "Rebels shelled the town and the army fired missiles at the port."
ANSWERS = ["topics", "tone", "tone_score", "known"]
Score = Callable[..., list[str]]


@pytest.fixture
def score(tiny_model: stance.Model) -> Score:
    """Score files, and give what was told."""

    def run(source: object, output: object, **options: Any) -> list[str]:
        told: list[str] = []
        score_files(str(source), str(output), Job(Columns(tiny_model), tell=told.append, **options))
        return told

    return run


def rows(count: int) -> pd.DataFrame:
    texts = [PEACE, WAR, "", f"{PEACE} {WAR}"]
    frame = pd.DataFrame({"n": range(count), "text": [texts[n % 4] for n in range(count)], "x": "a\nb"})
    return frame.astype({"text": "str"})


def write(frame: pd.DataFrame, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = path.name.removesuffix(".gz").removesuffix(".zst").rpartition(".")[2]
    if kind == "parquet":
        frame.to_parquet(path, row_group_size=1000)
        return path
    as_json = {"orient": "records", "lines": True}
    text = (
        frame.to_json(**as_json) if kind == "jsonl" else frame.to_csv(index=False, sep="\t" if kind == "tsv" else ",")
    )
    data = text.encode()
    if path.suffix == ".gz":
        data = gzip.compress(data)
    if path.suffix == ".zst":
        data = pa.compress(data, "zstd", asbytes=True)
    path.write_bytes(data)
    return path


def read(path: Path) -> pd.DataFrame:
    kind = path.name.removesuffix(".gz").removesuffix(".zst").rpartition(".")[2]
    if kind == "parquet":
        return pd.read_parquet(path)
    with pa.input_stream(path, compression="detect" if path.suffix == ".gz" else None) as file:
        if path.suffix == ".zst":
            file = pa.CompressedInputStream(file, "zstd")
        data = file.read()
    if kind == "jsonl":
        return pd.DataFrame([json.loads(line) for line in data.decode().splitlines()])
    return pd.read_csv(pa.BufferReader(data), sep="\t" if kind == "tsv" else ",", keep_default_na=False)


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


FORMATS = ["csv", "csv.gz", "csv.zst", "tsv.gz", "jsonl", "jsonl.zst", "parquet"]


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("resume", [False, True])
def test_every_format_keeps_its_rows(
    score: Score, tmp_path: Path, ending: str, resume: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus, "PART_ROWS", 8192)
    monkeypatch.setattr("stance.writer.GROUP_ROWS", 4096)
    source, out = write(rows(20_000), tmp_path / f"in.{ending}"), tmp_path / f"out.{ending}"
    assert score(source, out, resume=resume) == []
    answers = read(out)
    assert list(answers) == ["n", "text", "x", *ANSWERS]
    assert answers["n"].tolist() == list(range(20_000))
    assert answers["x"].unique().tolist() == ["a\nb"]
    assert answers["tone"].iloc[:2].tolist() == ["cooperative", "tense"]
    assert answers["topics"].iloc[4:].tolist() == answers["topics"].iloc[:-4].tolist()
    assert names(tmp_path) == [f"in.{ending}", f"out.{ending}"]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_replaced_column_is_told_once(score: Score, tmp_path: Path, ending: str) -> None:
    source, out = write(rows(3).assign(tone="old"), tmp_path / f"in.{ending}"), tmp_path / f"out.{ending}"
    assert score(source, out) == [f"warning: {source}: the answers replace the columns tone: keep both with --prefix"]
    assert list(read(out)) == ["n", "text", "x", "tone", "topics", "tone_score", "known"]


@pytest.mark.parametrize("ending", FORMATS)
def test_a_table_without_rows_gets_the_columns(score: Score, tmp_path: Path, ending: str) -> None:
    if ending.startswith("jsonl"):
        return
    source, out = write(rows(0), tmp_path / f"in.{ending}"), tmp_path / f"out.{ending}"
    for resume in (False, True):
        score(source, out, resume=resume)
        assert list(read(out)) == ["n", "text", "x", *ANSWERS]


@pytest.mark.parametrize(("ending", "other"), [("csv", "parquet"), ("jsonl", "csv.gz"), ("parquet", "jsonl")])
def test_a_format_can_become_another(score: Score, tmp_path: Path, ending: str, other: str) -> None:
    source, out = write(rows(3000), tmp_path / f"in.{ending}"), tmp_path / f"out.{other}"
    for resume in (False, True):
        score(source, out, resume=resume)
        assert read(out)["n"].astype(int).tolist() == list(range(3000))


def test_a_key_that_the_first_row_has_not_ends_the_work(score: Score, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "war"}\n{"text": "war", "more": 1}\n')
    with pytest.raises(TableError) as caught:
        score(tmp_path / "in.jsonl", tmp_path / "out.csv")
    assert str(caught.value) == (
        f"{tmp_path / 'out.csv'}: a row has keys that the first row has not: more. Write JSONL instead"
    )
    assert names(tmp_path) == ["in.jsonl"]


def test_files_after_the_first_blocks_share_the_processes(
    tiny_model: stance.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stance.answering.FEW", 1)
    tiny_model.save(tmp_path / "a.stance")
    job = Job(Columns(stance.load(tmp_path / "a.stance")), errors=str(tmp_path / "errors.csv"), tell=lambda told: None)
    for name in ("a.csv", "b.jsonl", "c.csv"):
        write(rows(5000), tmp_path / "in" / name)
    with (tmp_path / "in" / "b.jsonl").open("a") as file:
        file.write("{\n")
    score_files(str(tmp_path / "in"), str(tmp_path / "out"), job)
    for name in ("a.csv", "b.jsonl", "c.csv"):
        answers = read(tmp_path / "out" / name)
        assert answers["n"].tolist() == list(range(5000))
        assert answers["tone"].iloc[:2].tolist() == ["cooperative", "tense"]
    assert read(tmp_path / "errors.csv")["line"].tolist() == [5001]


def test_jsonl_cannot_become_parquet_in_parts(score: Score, tmp_path: Path) -> None:
    source = write(rows(3), tmp_path / "in.jsonl")
    score(source, tmp_path / "out.parquet")
    with pytest.raises(TableError, match=r"with --resume write JSONL, not Parquet$"):
        score(source, tmp_path / "out2.parquet", resume=True)


# Many files ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.csv", "b/c.jsonl.gz", "b/d.parquet"):
        write(rows(5), tmp_path / "in" / name)
    for name in ("notes.txt", "_SUCCESS", ".hidden.csv", "b/_more.csv"):
        (tmp_path / "in" / name).write_text("no table")
    return tmp_path / "in"


@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_becomes_a_folder(score: Score, folder: Path, tmp_path: Path, resume: bool) -> None:
    out = tmp_path / "out"
    assert score(folder, out, resume=resume) == []
    assert names(out) == ["a.csv", "b/c.jsonl.gz", "b/d.parquet"]
    for name in names(out):
        assert list(read(out / name)) == ["n", "text", "x", *ANSWERS]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


def test_a_pattern_names_files(score: Score, folder: Path, tmp_path: Path) -> None:
    score(folder / "*" / "*.gz", tmp_path / "some")
    assert names(tmp_path / "some") == ["b/c.jsonl.gz"]
    score(folder / "**" / "*.[cp]*", tmp_path / "more")
    assert names(tmp_path / "more") == ["a.csv", "b/d.parquet"]
    (folder / "x[1].csv").write_text("text\nno pattern\n")
    score(folder / "x[1].csv", tmp_path / "one.csv")
    assert len(read(tmp_path / "one.csv")) == 1


def test_a_folder_inside_the_folder_is_not_read_again(score: Score, folder: Path) -> None:
    for resume in (False, True, True):
        score(folder, folder / "out", resume=resume)
        assert names(folder / "out") == ["a.csv", "b/c.jsonl.gz", "b/d.parquet"]


def test_one_file_goes_into_a_folder(score: Score, folder: Path, tmp_path: Path) -> None:
    score(folder / "a.csv", f"{tmp_path}/new/")
    score(folder / "b" / "d.parquet", tmp_path / "new")
    assert names(tmp_path / "new") == ["a.csv", "d.parquet"]


@pytest.mark.parametrize(
    ("source", "output", "told"),
    [
        ("in", "-", "expected a folder as OUT, since IN may be many files"),
        ("in/*.csv", "old.csv", "expected another folder as OUT, since IN may be many files"),
        ("in", "in", "expected another folder as OUT, since IN may be many files"),
        ("in/a.csv", "in", "expected another folder as OUT than that of IN"),
        ("empty", "out", "expected CSV, TSV, JSONL or Parquet files, but there is none"),
        ("in/*.xlsx", "out", "expected CSV, TSV, JSONL or Parquet files, but there is none"),
        ("none.csv", "out.csv", "cannot be opened: No such file or directory"),
    ],
)
def test_what_cannot_be_done_is_told(
    score: Score, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, output: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("old.csv").touch()
    before = names(tmp_path)
    with pytest.raises(TableError) as caught:
        score(source, output)
    assert str(caught.value).endswith(f": {told}")
    assert names(tmp_path) == before


# The column with the texts -------------------------------------------------------------------------------------------


def test_a_column_with_a_usual_name_is_found(score: Score, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text(f"id,Body \n1,{WAR}\n")
    assert score(source, tmp_path / "out.csv") == [f"{source}: the texts are taken from the column 'Body '"]
    assert read(tmp_path / "out.csv")["tone"].tolist() == ["tense"]
    source.write_text("body,article\na,b\n")
    with pytest.raises(TableError) as caught:
        score(source, tmp_path / "out.csv")
    assert str(caught.value) == (
        f"{source}: expected a column 'text'. Available: body, article. Name the right one with --text="
    )
    source.write_text("body,text\na,b\n")
    with pytest.raises(TableError, match=r"expected a column 'bodi'\. Did you mean 'body'\?"):
        score(source, tmp_path / "out.csv", text="bodi")
    assert score(source, tmp_path / "out.csv", text="body") == score(source, tmp_path / "out.csv") == []


def test_the_delimiter_is_found_or_given(score: Score, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    for delimiter in ",;\t|":
        source.write_text(f"id{delimiter}text\n1{delimiter}{WAR}\n")
        score(source, tmp_path / "out.csv")
        assert read(tmp_path / "out.csv")["tone"].tolist() == ["tense"]
    source.write_text(f"id:text\n1:{WAR}\n")
    score(source, tmp_path / "out.csv", delimiter=":")
    assert read(tmp_path / "out.csv")["tone"].tolist() == ["tense"]


# Rows that cannot be read --------------------------------------------------------------------------------------------

BAD = b'n,text\n1,"two\nlines"\n2,a,b\n3,caf\xe9\n4,"open\n5,sound\n6,"a"b\n\n7,"x\ny"\n8,"end\n9\n'


@pytest.mark.parametrize("resume", [False, True])
def test_bad_rows_of_csv_are_written_down_and_the_others_scored(score: Score, tmp_path: Path, resume: bool) -> None:
    source, out, errors = tmp_path / "in.csv", tmp_path / "out.csv", tmp_path / "errors.csv"
    source.write_bytes(BAD)
    told = score(source, out, errors=str(errors), resume=resume)
    assert told == [f"warning: {errors} names 6 that could not be read"]
    assert read(out)["n"].tolist() == [1, 5, 7]
    assert read(out)["text"].tolist() == ["two\nlines", "sound", "x\ny"]
    found = read(errors)
    assert set(found["file"]) == {str(source)}
    assert list(zip(found["line"], found["row"], strict=True)) == [
        (4, "2,a,b\n"),
        (5, "3,caf\\xe9\n"),
        (6, '4,"open\n'),
        (8, '6,"a"b\n'),
        (12, '8,"end\n'),
        (13, "9\n"),
    ]
    assert found["error"].iloc[0].startswith("expected 2 fields as in the header, but got 3: put a field that holds")
    assert found["error"].iloc[1].startswith("expected UTF-8, but byte 6 of the line is 0xe9. ")
    assert found["error"].iloc[2].startswith("not proper CSV in the row that begins here: ")
    assert names(tmp_path) == ["errors.csv", "in.csv", "out.csv"]


def test_a_row_may_be_bad_twice(score: Score, tmp_path: Path) -> None:
    source, errors = tmp_path / "in.csv", tmp_path / "errors.csv"
    source.write_bytes(b'n,text\n1,"op\xe9n\n2,sound\n3,"two\nlin\xe9s"\n')
    score(source, tmp_path / "out.csv", errors=str(errors))
    assert read(tmp_path / "out.csv")["n"].tolist() == [2]
    assert read(errors)["line"].tolist() == [2, 4]


def test_bad_rows_of_jsonl_are_written_down_and_the_others_scored(score: Score, tmp_path: Path) -> None:
    source, out, errors = tmp_path / "in.jsonl", tmp_path / "out.jsonl", tmp_path / "errors.csv"
    lines = ['{"text": "a"}', "{", "[1]", '{"text": "b"}', "", '{"text": "caf\udce9"}', '{"n": ' + "9" * 5000 + "}"]
    source.write_bytes("\n".join(lines).encode("utf-8", "surrogateescape"))
    score(source, out, errors=str(errors))
    assert read(out)["text"].tolist() == ["a", "b"]
    found = read(errors)
    assert found["line"].tolist() == [2, 3, 6, 7]
    assert [error.split(":")[0] for error in found["error"]] == [
        "not proper JSON",
        'expected a JSON object such as {"text"',
        "expected UTF-8, but byte 14 of the line is 0xe9. Save the file as UTF-8, or name its encoding, such as "
        "encoding='cp1252'",
        "not proper JSON",
    ]


def test_without_a_file_for_errors_the_first_ends_the_work(score: Score, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(BAD)
    with pytest.raises(TableError, match=r"in\.csv:4: expected 2 fields as in the header, but got 3"):
        score(tmp_path / "in.csv", tmp_path / "out.csv")
    assert names(tmp_path) == ["in.csv"]


@pytest.mark.parametrize("resume", [False, True])
def test_a_file_that_cannot_be_read_is_written_down_and_the_others_scored(
    score: Score, folder: Path, tmp_path: Path, resume: bool
) -> None:
    (folder / "a0.parquet").write_bytes(b"no parquet")
    told = score(folder, tmp_path / "out", errors=str(tmp_path / "errors.csv"), resume=resume)
    assert names(tmp_path / "out") == ["a.csv", "b/c.jsonl.gz", "b/d.parquet"]
    (error,) = read(tmp_path / "errors.csv").to_dict("records")
    assert error["file"] == str(folder / "a0.parquet")
    assert error["error"].startswith(f"{folder / 'a0.parquet'}: cannot be read as Parquet: ")
    assert told == [
        f"warning: {error['error']}",
        f"warning: {tmp_path / 'errors.csv'} names 1 that could not be read",
    ]


def test_a_row_without_end_spoils_its_own_line_alone(
    score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stance.lines.LONGEST_ROW", 1000)
    source, out, errors = tmp_path / "in.csv", tmp_path / "out.csv", tmp_path / "errors.csv"
    source.write_text('n,text\n0,"open\n' + "".join(f"{n},some words\n" for n in range(1, 500)))
    score(source, out, errors=str(errors))
    assert read(out)["n"].tolist() == list(range(1, 500))
    assert read(errors)["error"].tolist() == [
        "not proper CSV in the row that begins here: a row of more than 1,000 characters. Double the quotes inside a "
        "quoted field, and close every quoted field"
    ]


def test_the_time_left_is_told_from_the_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"x" * 100)
    share = iter([0.5, 0.75, 0.5, 1.0])
    table: Any = SimpleNamespace(share_read=lambda: next(share))
    with corpus._Progress([str(tmp_path / "a"), str(tmp_path / "b")]) as progress:
        totals = []
        for number in (0, 0, 1, 1):
            progress.advance(number, table, 10)
            totals.append(progress._bar.total)
    assert totals == [None, 70, 40, 40]  # 10 rows, then as many for each 25 bytes; 150 bytes are left


# To be continued -----------------------------------------------------------------------------------------------------


def test_what_is_done_is_not_done_again(
    score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_model: stance.Model
) -> None:
    monkeypatch.setattr(corpus, "PART_ROWS", 1024)
    for name in ("a", "b", "c"):
        write(rows(3000), tmp_path / "in" / f"{name}.csv")
    before = Columns.answers
    fail_after(monkeypatch, 5000)
    with pytest.raises(KeyboardInterrupt):
        score(tmp_path / "in", tmp_path / "out", resume=True)
    assert names(tmp_path / "out") == ["a.csv"]
    monkeypatch.setattr(Columns, "answers", before)
    again: list[int] = []
    monkeypatch.setattr(Columns, "answers", lambda self, texts: again.append(len(texts)) or before(self, texts))
    score(tmp_path / "in", tmp_path / "out", resume=True)
    assert sum(again) <= 9000 - 3000 - 1024
    for name in ("a", "b", "c"):
        assert read(tmp_path / "out" / f"{name}.csv")["n"].tolist() == list(range(3000))
    assert not (tmp_path / "out.partial").exists()


def fail_after(monkeypatch: pytest.MonkeyPatch, n_texts: int) -> None:
    """Let scoring be interrupted when so many texts have been scored."""
    before, scored = Columns.answers, [0]

    def answers(self: Columns, texts: list[str]) -> Any:
        scored[0] += len(texts)
        if scored[0] > n_texts:
            raise KeyboardInterrupt
        return before(self, texts)

    monkeypatch.setattr(Columns, "answers", answers)


def test_other_work_is_not_continued(score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "PART_ROWS", 1024)
    source, out = write(rows(9000), tmp_path / "in.csv"), tmp_path / "out.csv"
    with monkeypatch.context() as patched:
        fail_after(patched, 7000)
        with pytest.raises(KeyboardInterrupt):
            score(source, out, resume=True)
    told = f"{out}.partial: what stands here is of other files, another model or other options: delete the folder"
    with pytest.raises(TableError) as caught:
        score(source, out, resume=True, text="n")
    assert str(caught.value) == f"{told} to begin anew"
    write(rows(9001), source)
    with pytest.raises(TableError, match="what stands here is of other files"):
        score(source, out, resume=True)
    shutil.rmtree(f"{out}.partial")
    score(source, out, resume=True)
    assert len(read(out)) == 9001


def test_nothing_is_kept_where_nothing_was_done(score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, out = write(rows(3), tmp_path / "in.csv"), tmp_path / "out.csv"
    with pytest.raises(TableError, match="expected a column 'texts'"):
        score(source, out, resume=True, text="texts")
    fail_after(monkeypatch, 0)
    with pytest.raises(KeyboardInterrupt):
        score(source, out, resume=True)
    assert names(tmp_path) == ["in.csv"]


def test_a_folder_of_that_name_that_is_no_jobs_is_left_as_it_is(score: Score, tmp_path: Path) -> None:
    source = write(rows(3), tmp_path / "in.csv")
    write(rows(3), tmp_path / "out.csv.partial" / "mine.csv")
    with pytest.raises(
        TableError, match=r"out\.csv\.partial: expected no such folder, or one of a stopped job: rename it$"
    ):
        score(source, tmp_path / "out.csv", resume=True)
    assert names(tmp_path) == ["in.csv", "out.csv.partial/mine.csv"]
    with pytest.raises(TableError, match=r"none\.csv: cannot be opened: No such file or directory$"):
        score(tmp_path / "none.csv", tmp_path / "x.csv", resume=True)
    with pytest.raises(TableError, match=r"in\.csv/x\.csv\.partial: cannot be written: Not a directory$"):
        score(source, source / "x.csv", resume=True)


def test_a_full_disk_at_the_end_loses_nothing(score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: Path, target: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    source, out = write(rows(3000), tmp_path / "in.csv"), tmp_path / "out.csv"
    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", fails)
        with pytest.raises(TableError, match=r"out\.csv: cannot be written: No space left on device$"):
            score(source, out, resume=True)
    assert not out.exists()
    monkeypatch.setattr(Columns, "answers", None)  # nothing is scored again
    score(source, out, resume=True)
    assert len(read(out)) == 3000


def test_what_was_piped_cannot_be_continued(score: Score, tmp_path: Path) -> None:
    for pair in (("-", tmp_path / "out.csv"), (tmp_path / "in.csv", "-")):
        with pytest.raises(
            TableError, match=r"^-: expected files as IN and OUT: what has been piped cannot be continued$"
        ):
            score(*pair, resume=True)


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["csv.gz", "parquet"])
def test_killed_at_any_moment_it_goes_on_without_a_lost_or_doubled_row(
    tmp_path: Path, tiny_model: stance.Model, ending: str
) -> None:
    n_rows = 300_000 if ending == "csv.gz" else 100_000
    source = write(rows(n_rows), tmp_path / f"in.{ending}")
    if ending == "csv.gz":
        with gzip.open(source, "ab") as file:
            file.write(b"bad,row\n")
    out, errors = tmp_path / f"out.{ending}", tmp_path / "errors.csv"
    program = "\n".join(
        [
            "import sys, time",
            "from stance import answering, cli, corpus",
            "from stance.columns import Columns",
            "corpus.PART_ROWS = 8192",
            "answering.FEW = 16",
            "answers = Columns.answers",
            "Columns.answers = lambda self, texts: time.sleep(3e-5 * len(texts)) or answers(self, texts)",
            "sys.exit(cli.main(sys.argv[1:]))",
        ]
    )
    tiny_model.save(tmp_path / "a.stance")
    arguments = ["score", source, out, "--model", tmp_path / "a.stance", "--resume", "--errors", errors]
    generator, n_killed, n_with_children = random.Random(ending), 0, 0
    while True:
        process = subprocess.Popen([sys.executable, "-c", program, *map(str, arguments)], stderr=subprocess.PIPE)
        try:
            _, told = process.communicate(timeout=generator.uniform(0.3, 1.0) if n_killed < 8 else 120)
            assert process.returncode == 0, told
            break
        except subprocess.TimeoutExpired:
            children = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            assert psutil.wait_procs(children, 10)[1] == []
            n_killed += 1
            n_with_children += bool(children)
            assert not out.exists() or len(read(out)) == n_rows
    assert n_killed >= 2
    assert n_with_children >= (ending == "csv.gz")
    answers = read(out)
    assert answers["n"].astype(str).tolist() == [str(n) for n in range(n_rows)]
    assert answers["known"].notna().all()
    assert read(errors)["row"].tolist() == (["bad,row\n"] if ending == "csv.gz" else [])
    assert names(tmp_path) == ["a.stance", "errors.csv", f"in.{ending}", f"out.{ending}"]


@pytest.mark.slow
@pytest.mark.parametrize("target", ["all", "a worker"])
def test_interrupted_while_processes_work_it_says_so_in_a_line(
    tmp_path: Path, tiny_model: stance.Model, target: str
) -> None:
    source, out = write(rows(500_000), tmp_path / "in.csv"), tmp_path / "out.csv"
    tiny_model.save(tmp_path / "a.stance")
    arguments = ["score", source, out, "--model", tmp_path / "a.stance"]
    process = subprocess.Popen(
        [sys.executable, "-m", "stance", *map(str, arguments)], stderr=subprocess.PIPE, start_new_session=True
    )
    while len(children := psutil.Process(process.pid).children()) < 2:
        time.sleep(0.01)
    time.sleep(0.5)
    if target == "all":
        os.killpg(process.pid, signal.SIGINT)
    else:
        children[-1].kill()
    told = process.communicate(timeout=60)[1].decode()
    assert (process.returncode, told) == {
        "all": (130, "stance: interrupted, what was not finished is not there\n"),
        "a worker": (
            2,
            "stance: a process that scored was ended from outside, for want of memory perhaps: try again, with "
            "--resume to keep what is done\n",
        ),
    }[target]
    assert psutil.wait_procs(children, 10)[1] == []
    assert names(tmp_path) == ["a.stance", "in.csv"]


def test_rows_of_a_large_group_are_read_page_by_page(tmp_path: Path) -> None:
    path = write(rows(20_000), tmp_path / "in.parquet")
    assert pq.ParquetFile(path).metadata.num_row_groups == 20
    with stance.table.Table(path) as table:
        sizes = [len(batch) for batch in table.record_batches(512)]
    assert sum(sizes) == 20_000
    assert max(sizes) <= 512
    with stance.table.Table(path) as table:
        rest = pa.Table.from_batches(table.record_batches(512, 1300))
    assert rest["n"].to_pylist() == list(range(1300, 20_000))


def test_a_date_that_python_cannot_hold_is_told(score: Score, tmp_path: Path) -> None:
    table = pa.table({"text": ["a", "b"], "when": pa.array([0, 2**58], pa.timestamp("us"))})
    pq.write_table(table, tmp_path / "in.parquet")
    with pytest.raises(TableError, match=r"in\.parquet: cannot be read as Parquet after row 0: "):
        score(tmp_path / "in.parquet", tmp_path / "out.csv")
    score(tmp_path / "in.parquet", tmp_path / "out.parquet")
    assert pq.read_table(tmp_path / "out.parquet")["when"].equals(table["when"])

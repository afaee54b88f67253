"""Text files cut into blocks: wherever they are cut, the same rows, answers and complaints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import stance
from stance import answering, table
from stance.answering import Answered, Task, Workers, answered
from stance.columns import Columns
from stance.errors import ModelFileError, TableError
from stance.lines import BadRow
from stance.table import Table
from stance.writer import TextFormat

PEACE = "The two governments signed a peace treaty."
Whole = tuple[bytes, list[BadRow], str | None, int]


def whole(blocks: Iterator[Answered]) -> Whole:
    """All that came of some blocks, up to the first error: lines, bad rows, the error, and where they end."""
    lines, bad, end = b"", [], 0
    for block in blocks:
        lines += block.batch.rows or b""
        bad += block.batch.bad
        end = block.batch.end
        if block.error is not None:
            return lines, bad, str(block.error), 0
    return lines, bad, None, end


def answer(model: stance.Model, path: Path, n_lines: int, keep_bad: bool, begin: int = 0) -> Whole:
    columns = Columns(model)
    with Workers(columns) as workers, Table(path, tolerant=keep_bad) as rows:
        output = TextFormat("out.csv", rows.kind, [*rows.columns, *columns.kinds])
        task = Task(rows.layout, "text", keep_bad, output)
        return whole(workers.answered(rows.blocks(n_lines, begin), task))


pieces = st.sampled_from(['"', '""', ",", "\n", "\r\n", "\r", "a", "war", '"x\ny"', "é", "1,", '\n"', '"\n'])
as_csv = st.lists(pieces, max_size=40).map(lambda found: "n,text\n" + "".join(found))
as_json = st.lists(
    st.sampled_from(['{"text": "war"}', '{"text": 3, "n": 1}', "[1]", '{"n": "a"}', "{", "", '{"text": null}']),
    max_size=12,
).map(lambda found: '{"text": "a"}\n' + "\n".join(found))


@pytest.mark.parametrize("keep_bad", [False, True])
@given(content=st.one_of(as_csv, as_json), n_lines=st.integers(1, 4), data=st.data())
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_wherever_a_file_is_cut_its_answers_are_the_same(
    tiny_model: stance.Model,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: str,
    n_lines: int,
    data: st.DataObject,
    keep_bad: bool,
) -> None:
    path = tmp_path / ("in.csv" if content.startswith("n,") else "in.jsonl")
    path.write_bytes(content.encode())
    monkeypatch.setattr(table, "MOST_BLOCKS", data.draw(st.integers(1, 2)))
    expected = answer(tiny_model, path, 1000, keep_bad)
    assert answer(tiny_model, path, n_lines, keep_bad) == expected


@given(content=as_csv, n_lines=st.integers(1, 3))
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_work_goes_on_where_any_block_ended(
    tiny_model: stance.Model, tmp_path: Path, content: str, n_lines: int
) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(content.encode())
    columns = Columns(tiny_model)
    with Workers(columns) as workers, Table(path, tolerant=True) as rows:
        task = Task(rows.layout, "text", True, TextFormat("out.csv", "csv", [*rows.columns, *columns.kinds]))
        blocks = list(workers.answered(rows.blocks(n_lines, 0), task))
    for done in range(1, len(blocks) + 1):
        rest = answer(tiny_model, path, n_lines, True, blocks[done - 1].batch.end)
        assert rest[:3] == whole(iter(blocks[done:]))[:3]


def test_long_lines_make_short_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "BLOCK", 1000)
    path = tmp_path / "in.csv"
    path.write_text("text\n" + f"{'x' * 400}\n" * 9)
    with Table(path) as rows:
        assert [len(list(block.lines)) for block in rows.blocks(1000, 0)] == [3, 3, 3]


@pytest.fixture
def kept_model(tiny_model: stance.Model, tmp_path: Path) -> stance.Model:
    """A model that other processes can load."""
    tiny_model.save(tmp_path / "a.stance")
    return stance.load(tmp_path / "a.stance")


def test_processes_give_the_same_answers(
    kept_model: stance.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f'{n},"{PEACE}"' for n in range(200)]
    lines[70] = '70,"' + "peace " * 100_000 + '"'  # more than `csv` takes if it is not told to
    lines[120] = "120"
    lines[150:153] = ['150,"open', "and", 'closed"']
    path = tmp_path / "in.csv"
    path.write_text("\n".join(["n,text", *lines]))
    in_threads = answer(kept_model, path, 2, True)
    assert [bad.line for bad in in_threads[1]] == [122]
    monkeypatch.setattr(answering, "FEW", 5)
    monkeypatch.setattr(table, "MOST_BLOCKS", 1)
    assert answer(kept_model, path, 2, True) == in_threads
    assert answer(kept_model, path, 2, False)[2:] == (
        f"{path}:122: expected 2 fields as in the header, but got 1: put a field that holds ',' or a line end in "
        "double quotes",
        0,
    )


def test_another_process_loads_the_same_model_or_says_that_it_is_another(kept_model: stance.Model) -> None:
    path = str(kept_model.path)
    columns = answering.loaded(path, kept_model.digest, True, ("cap",), "s_")
    assert columns.kinds == Columns(kept_model, True, ("cap",), "s_").kinds
    assert columns.model.digest == kept_model.digest
    stance.load().save(path)
    with pytest.raises(ModelFileError) as caught:
        answering.loaded(path, kept_model.digest)
    assert str(caught.value) == f"{path}: not a usable model file: it is not the file that it was when this began"


def test_a_row_that_cannot_be_written_is_an_error_of_its_block(tiny_model: stance.Model, tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text('{"text": "war"}\n{"text": "war", "more": 1}\n')
    with Table(path) as rows:
        (block,) = rows.blocks(10, 0)
        done = answered(
            block, Task(rows.layout, "text", False, TextFormat("o.csv", "csv", ["text"])), Columns(tiny_model)
        )
    assert done is not None
    assert done.batch.rows is None
    assert isinstance(done.error, TableError)
    assert str(done.error).startswith("o.csv: a row has keys that the first row has not: known, ")

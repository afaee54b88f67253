"""Arrow tables and streams in, the same with answers out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

import stance
from stance.columns import BATCH

PEACE = "The two governments signed a peace treaty and opened talks on trade."
WAR = "Rebels shelled the town and the army fired missiles at the port."
TEXTS = [PEACE, None, WAR, "", "qqzzvv xxjjkk"]


def table(kind: Any = None) -> pa.Table:
    return pa.table({"n": range(5), "text": pa.array(TEXTS, kind or pa.string()), "x": [[1], None, [], [2], [3]]})


def expected(model: stance.Model, **options: Any) -> dict[str, list[Any]]:
    answers = model.score(pd.DataFrame({"text": TEXTS}), **options).drop(columns="text")
    return {name: [None if pd.isna(value) else value for value in answers[name]] for name in answers}


KINDS = [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_table_has_the_same_answers(any_model: stance.Model, kind: Any) -> None:
    rows = table(kind)
    answers = any_model.score(rows, probabilities=True, codes="cap", prefix="s_")
    assert isinstance(answers, pa.Table)
    assert answers.select(rows.column_names).equals(rows)
    assert answers.drop_columns(rows.column_names).to_pydict() == expected(
        any_model, probabilities=True, codes="cap", prefix="s_"
    )
    assert set(answers.schema.types[3:]) <= {pa.string(), pa.float64()}


def test_a_batch_gives_a_batch(tiny_model: stance.Model) -> None:
    (batch,) = table().to_batches()
    answers = tiny_model.score(batch)
    assert isinstance(answers, pa.RecordBatch)
    assert answers.to_pydict() == tiny_model.score(table()).to_pydict()


def test_a_reader_gives_a_reader_that_reads_as_it_is_read(tiny_model: stance.Model) -> None:
    taken: list[int] = []

    def batches() -> Iterator[pa.RecordBatch]:
        for number in range(100):
            taken.append(number)
            yield from table().to_batches()

    reader = tiny_model.score(pa.RecordBatchReader.from_batches(table().schema, batches()))
    assert isinstance(reader, pa.RecordBatchReader)
    assert taken == []
    assert reader.schema == tiny_model.score(table()).schema
    assert reader.read_next_batch().to_pydict() == tiny_model.score(table()).to_pydict()
    assert len(taken) < 100
    assert reader.read_all().num_rows == 99 * 5


def test_an_iterator_gives_an_iterator(tiny_model: stance.Model) -> None:
    answers = tiny_model.score(iter(table().to_batches(2)))
    assert iter(answers) is answers
    whole = pa.Table.from_batches(list(answers))
    assert whole.to_pydict() == tiny_model.score(table()).to_pydict()
    assert list(tiny_model.score(iter([]))) == []


def test_an_iterator_of_something_else_is_told(tiny_model: stance.Model) -> None:
    with pytest.raises(TypeError, match=r"^expected an iterator of RecordBatches of pyarrow, but it gave str$"):
        list(tiny_model.score(iter([PEACE])))


def test_more_rows_than_a_batch_keep_their_order(tiny_model: stance.Model) -> None:
    rows = pa.table({"text": [PEACE, WAR, None] * BATCH})
    tones = tiny_model.score(rows)["tone"].to_pylist()
    assert tones == [tiny_model.classify(PEACE).tone, tiny_model.classify(WAR).tone, None] * BATCH


def test_a_replaced_column_stays_in_its_place(tiny_model: stance.Model) -> None:
    rows = pa.table({"tone": [1], "text": [PEACE], "known": ["x"]})
    with pytest.warns(stance.StanceWarning, match=r"^the answers replace the columns 'tone', 'known' of the frame: "):
        answers = tiny_model.score(rows)
    assert answers.column_names == ["tone", "text", "known", "topics", "tone_score"]
    assert answers["tone"].to_pylist() == [tiny_model.classify(PEACE).tone]
    assert answers.schema.field("known").type == pa.float64()


def test_a_table_without_rows_gets_the_columns(any_model: stance.Model) -> None:
    for rows in (table()[:0], pa.table({"text": pa.nulls(0)})):
        assert any_model.score(rows).schema.names[len(rows.schema) :] == list(any_model.score(table()).schema.names[3:])


@pytest.mark.parametrize("kind", [pa.int64(), pa.binary(), pa.list_(pa.string())], ids=str)
def test_a_column_that_holds_no_texts_is_told(tiny_model: stance.Model, kind: Any) -> None:
    rows = pa.table({"text": pa.nulls(2, kind)})
    for data in (rows, rows.to_batches()[0], rows.to_reader()):
        with pytest.raises(stance.TableError) as caught:
            tiny_model.score(data)
        assert str(caught.value) == (
            f"column 'text': expected texts, but the column holds {kind}: "
            "name the right one with text=, or make it text"
        )


def test_a_column_that_stands_twice_is_told(tiny_model: stance.Model) -> None:
    rows = pa.Table.from_arrays([pa.array([PEACE]), pa.array([WAR])], names=["text", "text"])
    with pytest.raises(stance.TableError, match=r"^column 'text': expected one such column, but the frame has several"):
        tiny_model.score(rows)

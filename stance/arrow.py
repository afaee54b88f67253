"""Scoring Arrow tables and streams of record batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from stance.columns import BATCH, Columns, no_texts
from stance.parallel import in_order, shown

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "check_texts",
    "score_batch",
    "score_batches",
    "score_reader",
    "score_table",
    "scored",
    "with_answers",
]


def score_table(table: pa.Table, text: str, columns: Columns, progress: bool | None) -> pa.Table:
    """Score a table."""
    import pyarrow as pa

    schema = _scored_schema(table.schema, text, columns)
    batches = shown(table.to_batches(BATCH), len(table), progress)
    return pa.Table.from_batches(_all_scored(batches, text, columns), schema)


def score_batch(batch: pa.RecordBatch, text: str, columns: Columns, progress: bool | None) -> pa.RecordBatch:
    """Score one batch."""
    _scored_schema(batch.schema, text, columns)
    return scored(batch, text, columns)


def score_reader(
    reader: pa.RecordBatchReader, text: str, columns: Columns, progress: bool | None
) -> pa.RecordBatchReader:
    """Score what a reader gives, as it is read."""
    import pyarrow as pa

    schema = _scored_schema(reader.schema, text, columns)
    return pa.RecordBatchReader.from_batches(schema, _all_scored(reader, text, columns))


def score_batches(
    batches: Iterator[pa.RecordBatch], text: str, columns: Columns, progress: bool | None
) -> Iterator[pa.RecordBatch]:
    """Score batches, as they are asked for."""
    import pyarrow as pa

    def checked() -> Iterator[pa.RecordBatch]:
        seen = None
        for batch in batches:
            if not isinstance(batch, pa.RecordBatch):
                raise TypeError(f"expected an iterator of RecordBatches of pyarrow, but it gave {type(batch).__name__}")
            if batch.schema != seen:
                _scored_schema(batch.schema, text, columns)
                seen = batch.schema
            yield batch

    return _all_scored(checked(), text, columns)


def check_texts(schema: pa.Schema, text: str) -> None:
    """Raise `TableError` where a column of a table cannot hold texts.

    Parameters
    ----------
    schema : pyarrow.Schema
    text : str
        The column.
    """
    import pyarrow as pa

    kind = schema.field(text).type
    values = kind.value_type if pa.types.is_dictionary(kind) else kind
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)
    if not any(is_text(values) for is_text in texts):
        raise no_texts(text, kind)


def with_answers(schema: pa.Schema, columns: Columns) -> pa.Schema:
    """Give the schema of a table with its answers.

    Parameters
    ----------
    schema : pyarrow.Schema
        That of the table.
    columns : Columns
    """
    import pyarrow as pa

    for name in columns.kinds:
        field = pa.field(name, _type(columns, name))
        place = schema.get_field_index(name)
        schema = schema.append(field) if place < 0 else schema.set(place, field)
    return schema


def scored(batch: pa.RecordBatch, text: str, columns: Columns) -> pa.RecordBatch:
    """Give a batch, whose schema was looked at, with its answers."""
    import pyarrow as pa

    for name, values in columns.answers(batch.column(text).to_pylist()).items():
        column = pa.array(values, _type(columns, name), from_pandas=True)
        place = batch.schema.get_field_index(name)
        batch = batch.append_column(name, column) if place < 0 else batch.set_column(place, name, column)
    return batch


def _scored_schema(schema: pa.Schema, text: str, columns: Columns) -> pa.Schema:
    """Look at the schema of a table, and give it with the answers."""
    columns.check(schema.names, text)
    check_texts(schema, text)
    return with_answers(schema, columns)


def _all_scored(batches: Iterable[pa.RecordBatch], text: str, columns: Columns) -> Iterator[pa.RecordBatch]:
    return in_order(partial(scored, text=text, columns=columns), batches)


def _type(columns: Columns, name: str) -> Any:
    import pyarrow as pa

    return pa.string() if columns.kinds[name] is str else pa.float64()

"""Scoring Arrow tables and streams of record batches."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from stance.columns import Columns, no_texts
from stance.parallel import in_order, shown

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["BATCH", "score_batch", "score_batches", "score_reader", "score_table", "scored", "scored_schema"]

BATCH = 8192
"""The most rows of a table that are scored at a time."""


def score_table(table: pa.Table, text: str, columns: Columns, progress: bool | None) -> pa.Table:
    """Score a table."""
    import pyarrow as pa

    schema = scored_schema(table.schema, text, columns)
    batches = shown(table.to_batches(BATCH), len(table), progress)
    return pa.Table.from_batches(in_order(partial(scored, text=text, columns=columns), batches), schema)


def score_batch(batch: pa.RecordBatch, text: str, columns: Columns, progress: bool | None) -> pa.RecordBatch:
    """Score one batch."""
    scored_schema(batch.schema, text, columns)
    return scored(batch, text, columns)


def score_reader(
    reader: pa.RecordBatchReader, text: str, columns: Columns, progress: bool | None
) -> pa.RecordBatchReader:
    """Score what a reader gives, as it is read."""
    import pyarrow as pa

    schema = scored_schema(reader.schema, text, columns)
    return pa.RecordBatchReader.from_batches(schema, in_order(partial(scored, text=text, columns=columns), reader))


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
                scored_schema(batch.schema, text, columns)
                seen = batch.schema
            yield batch

    return in_order(partial(scored, text=text, columns=columns), checked())


def scored_schema(schema: pa.Schema, text: str, columns: Columns) -> pa.Schema:
    """Give the schema of a table with its answers, having looked at that of the table.

    Parameters
    ----------
    schema : pyarrow.Schema
    text : str
        The column with the texts.
    columns : Columns

    Raises
    ------
    TableError
        There is no such column, or it holds no texts.
    """
    import pyarrow as pa

    columns.check(schema.names, text)
    kind = schema.field(text).type
    values = kind.value_type if pa.types.is_dictionary(kind) else kind
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)
    if not any(is_text(values) for is_text in texts):
        raise no_texts(text, kind)
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


def _type(columns: Columns, name: str) -> Any:
    import pyarrow as pa

    return pa.string() if columns.kinds[name] is str else pa.float64()

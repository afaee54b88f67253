"""Scoring tables that are spread over a cluster by Dask or Spark. The model goes once to each worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from stance.arrow import scored
from stance.columns import Columns, no_texts
from stance.frame import score_pandas

if TYPE_CHECKING:
    import dask.dataframe as dd
    import pyarrow as pa
    import pyspark.sql as ps

__all__ = ["score_dask", "score_spark"]


def score_dask(frame: dd.DataFrame, text: str, columns: Columns, progress: bool | None) -> dd.DataFrame:
    """Score a frame of Dask when it is computed, partition by partition."""
    from dask.base import tokenize
    from dask.delayed import delayed

    meta = score_pandas(frame._meta, text, columns, False)
    # One task, which a worker that needs it fetches once, and which any other can take over when it dies.
    options = (columns.probabilities, columns.schemes, columns.prefix)
    name = f"stance-{columns.model.digest}-{tokenize(options)}"
    shared = delayed(columns, name=name, pure=True, traverse=False)
    answers: dd.DataFrame = frame.map_partitions(_scored_partition, text, shared, meta=meta)  # type: ignore[no-untyped-call]
    return answers


def _scored_partition(part: Any, text: str, columns: Columns) -> Any:
    return score_pandas(part, text, columns, False)


def score_spark(frame: ps.DataFrame, text: str, columns: Columns, progress: bool | None) -> ps.DataFrame:
    """Score a frame of Spark when an action asks for it, batch by batch."""
    from pyspark.sql.types import DoubleType, NullType, StringType, StructField, StructType

    columns.check(frame.columns, text)
    kind = frame.schema[text].dataType
    if not isinstance(kind, StringType | NullType):
        raise no_texts(text, kind.simpleString())
    fields = {field.name: field for field in frame.schema.fields}
    for name, holds in columns.kinds.items():
        fields[name] = StructField(name, StringType() if holds is str else DoubleType())
    answered = partial(_answered, text=text, shared=_shared(frame, columns))
    return frame.mapInArrow(answered, StructType(list(fields.values())))


def _answered(batches: Iterator[pa.RecordBatch], text: str, shared: Callable[[], Columns]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield scored(batch, text, shared())


def _shared(frame: ps.DataFrame, columns: Columns) -> Callable[[], Columns]:
    """Send the columns once to each worker; over Spark Connect, which cannot, with the work."""
    if "connect" in type(frame).__module__:
        return lambda: columns
    shared = frame.sparkSession.sparkContext.broadcast(columns)
    return lambda: shared.value

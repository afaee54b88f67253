"""Scoring a table of any library that `stance` knows: the same kind comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from stance import arrow, cluster
from stance.columns import Columns, check_schemes
from stance.frame import score_lazy, score_pandas, score_polars

if TYPE_CHECKING:
    from stance.model import Model

__all__ = ["score"]

Table = TypeVar("Table")
WAYS: dict[str, Callable[[Any, str, Columns, bool | None], Any]] = {
    "pandas.DataFrame": score_pandas,
    "polars.DataFrame": score_polars,
    "polars.LazyFrame": score_lazy,
    "pyarrow.Table": arrow.score_table,
    "pyarrow.RecordBatch": arrow.score_batch,
    "pyarrow.RecordBatchReader": arrow.score_reader,
    "dask.DataFrame": cluster.score_dask,
    "pyspark.DataFrame": cluster.score_spark,
}


def score(
    frame: Table,
    text: str = "text",
    *,
    model: Model,
    probabilities: bool = False,
    codes: str | Iterable[str] | None = None,
    prefix: str = "",
    progress: bool | None = None,
) -> Table:
    """Label the rows of a table; `stance.score` describes it."""
    columns = Columns(model, probabilities, check_schemes(codes), prefix)
    way = next((WAYS[kind] for kind in _kinds(frame) if kind in WAYS), None)
    if way is None and isinstance(frame, Iterator):
        way = arrow.score_batches
    if way is None:
        raise TypeError(
            "expected a DataFrame of pandas, polars, Dask or PySpark, or a Table, a RecordBatch or an iterator of "
            f"RecordBatches of pyarrow, but got {type(frame).__name__}"
        )
    scored: Table = way(frame, text, columns, progress)
    return scored


def _kinds(data: object) -> Iterator[str]:
    """Name the classes of a table and the packages that they are of; to tell them needs no import."""
    for kind in type(data).__mro__:
        if not kind.__module__.startswith("pyspark.pandas"):  # whose DataFrame is not Spark's
            yield f"{kind.__module__.partition('.')[0]}.{kind.__name__}"

"""Scoring data frames of pandas and polars."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from stance.columns import BATCH, Column, Columns, no_texts, plain
from stance.errors import StanceWarning
from stance.parallel import in_order, shown
from stance.table import is_missing

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

__all__ = ["score_lazy", "score_pandas", "score_polars"]


def score_pandas(frame: pd.DataFrame, text: str, columns: Columns, progress: bool | None) -> pd.DataFrame:
    """Score a frame of pandas."""
    import pandas as pd

    columns.check(frame.columns, text)
    answers = _answers(_texts(frame[text].tolist(), text), columns, progress)
    kind = pd.StringDtype(na_value=float("nan"))  # what "str" is in pandas 3
    return frame.assign(
        **{
            name: pd.Series(values, frame.index, kind if columns.kinds[name] is str else None)
            for name, values in answers.items()
        }
    )


def score_polars(frame: pl.DataFrame, text: str, columns: Columns, progress: bool | None) -> pl.DataFrame:
    """Score a frame of polars."""
    import polars as pl

    types = _polars_types(frame.schema, text, columns)
    answers = _answers(frame[text].cast(pl.String).to_list(), columns, progress)
    return frame.with_columns(pl.Series(name, plain(values), types[name]) for name, values in answers.items())


def score_lazy(frame: pl.LazyFrame, text: str, columns: Columns, progress: bool | None) -> pl.LazyFrame:
    """Score a lazy frame of polars when it is collected."""
    schema = frame.collect_schema()
    types = {**schema, **_polars_types(schema, text, columns)}
    return frame.map_batches(
        partial(_quietly, text=text, columns=columns),
        schema=types,
        projection_pushdown=False,  # the text is read, whatever is asked for
        slice_pushdown=True,
        streamable=True,
    )


def _quietly(part: pl.DataFrame, text: str, columns: Columns) -> pl.DataFrame:
    """Score a part of a lazy frame, of whose columns a warning has been given."""
    with warnings.catch_warnings(action="ignore", category=StanceWarning):
        return score_polars(part, text, columns, False)


def _polars_types(schema: pl.Schema, text: str, columns: Columns) -> dict[str, Any]:
    """Give the types of the answers, having looked at those of the rows."""
    import polars as pl

    columns.check(schema, text)
    if schema[text].base_type() not in (pl.String, pl.Categorical, pl.Enum, pl.Null):
        raise no_texts(text, schema[text])
    return {name: pl.String() if kind is str else pl.Float64() for name, kind in columns.kinds.items()}


def _answers(texts: list[str | None], columns: Columns, progress: bool | None) -> dict[str, Column]:
    """Give the answers for all texts, in threads."""
    batches = (texts[start : start + BATCH] for start in range(0, max(len(texts), 1), BATCH))
    parts = list(in_order(columns.answers, shown(batches, len(texts), progress)))
    return {name: np.concatenate([part[name] for part in parts]) for name in columns.kinds}


def _texts(values: Sequence[object], column: str) -> list[str | None]:
    """Give the texts of a column; what is no text counts as missing, with a warning."""
    if set(map(type, values)) == {str}:
        return list(values)  # type: ignore[arg-type]
    texts = [value if isinstance(value, str) else None for value in values]
    strange = [row for row, value in enumerate(values) if texts[row] is None and not is_missing(value)]
    if strange:
        first = strange[0]
        warnings.warn(
            f"row {first}: column {column!r}: expected a text of type str, but got {type(values[first]).__name__}; "
            f"{len(strange)} such rows count as missing",
            StanceWarning,
            stacklevel=5,  # the caller of `Model.score`
        )
    return texts

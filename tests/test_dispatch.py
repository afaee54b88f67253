"""What kinds of table there are."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import stance


class DataFrame:
    """Stands for the frames of other libraries."""

    columns = ("text",)


class Frame(pd.DataFrame):
    """A frame of pandas with something added."""


PandasOnSpark = type("DataFrame", (), {"__module__": "pyspark.pandas.frame"})


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (DataFrame(), "DataFrame"),
        (PandasOnSpark(), "DataFrame"),
        (pd.Series(["a"]), "Series"),
        (["a"], "list"),
        ({"text": ["a"]}, "dict"),
        ("rows.csv", "str"),
        (None, "NoneType"),
    ],
)
def test_what_is_no_table_is_told(tiny_model: stance.Model, value: Any, name: str) -> None:
    with pytest.raises(TypeError) as caught:
        tiny_model.score(value)
    assert str(caught.value) == (
        "expected a DataFrame of pandas, polars, Dask or PySpark, or a Table, a RecordBatch or an iterator of "
        f"RecordBatches of pyarrow, but got {name}"
    )


def test_what_inherits_from_a_frame_is_one(tiny_model: stance.Model) -> None:
    assert tiny_model.score(Frame({"text": ["The two governments signed a peace treaty."]}))["tone"].notna().all()

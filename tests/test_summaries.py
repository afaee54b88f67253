"""Shares of topics and tones and the balance of tone, by groups."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

import stance
from stance.errors import TableError

TONES = ["cooperative", "tense", "mixed", "neutral"]


def scored(n: int = 300, seed: int = 0) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    sets = ["trade", "trade|security", "", "security", "own", None]
    frame = pd.DataFrame(
        {
            "topics": generator.choice(np.array(sets, dtype=object), n),
            "tone": generator.choice(np.array(TONES, dtype=object), n),
            "tone_score": generator.uniform(-1, 1, n),
            "source": generator.choice(["b", "a"], n),
            "date": pd.Timestamp("2024-01-29") + pd.to_timedelta(generator.integers(0, 5, n), "D"),
        }
    )
    frame.loc[frame["topics"].isna(), ["tone", "tone_score"]] = [None, float("nan")]
    return frame


def figures(table: pd.DataFrame, **wanted: Any) -> pd.DataFrame:
    for column, value in wanted.items():
        table = table[table[column] == value]
    return table.reset_index(drop=True)


def test_shares_are_those_of_the_rows() -> None:
    frame = scored()
    table = stance.summary(frame, by="source")
    assert list(table) == ["source", "measure", "topic", "tone", "n", "value", "low", "high"]
    assert table["source"].is_monotonic_increasing
    for source, rows in frame.groupby("source"):
        some = rows[rows["topics"].notna()]
        (answered,) = figures(table, source=source, measure="answered").to_dict("records")
        assert (answered["n"], answered["value"]) == (len(rows), len(some) / len(rows))
        shares = figures(table, source=source, measure="topic share")
        assert shares["topic"].tolist() == ["security", "trade", "own"]
        assert shares["n"].tolist() == [len(some)] * 3
        for topic, value in zip(shares["topic"], shares["value"], strict=True):
            assert value == pytest.approx(some["topics"].str.contains(topic).mean())
        for topic in ("", "trade"):
            among = some[some["topics"].str.contains(topic)]
            tones = figures(table, source=source, measure="tone share", topic=topic)
            assert tones["tone"].tolist() == TONES
            assert tones["n"].unique().tolist() == [len(among)]
            assert tones["value"].tolist() == pytest.approx([(among["tone"] == tone).mean() for tone in TONES])
            (balance,) = figures(table, source=source, measure="tone balance", topic=topic).to_dict("records")
            assert balance["value"] == pytest.approx(among["tone_score"].mean())
            assert balance["n"] == len(among)


@settings(deadline=None, max_examples=40)
@given(hits=st.integers(0, 40), misses=st.integers(0, 40), confidence=st.sampled_from([0.5, 0.9, 0.95, 0.999]))
def test_shares_have_wilsons_interval(hits: int, misses: int, confidence: float) -> None:
    if hits + misses == 0:
        return
    frame = pd.DataFrame({"topics": ["trade"] * hits + [""] * misses + [None], "tone": None})
    table = figures(stance.summary(frame, confidence=confidence), measure="topic share")
    if hits == 0:
        assert table.empty
        return
    interval = binomtest(hits, hits + misses).proportion_ci(confidence, method="wilson")
    assert (table["low"][0], table["high"][0]) == pytest.approx((interval.low, interval.high), abs=1e-9)


def test_the_balance_has_the_interval_of_a_bootstrap() -> None:
    frame = scored(500)
    (row,) = figures(stance.summary(frame), measure="tone balance", topic="").to_dict("records")
    score = frame["tone_score"].dropna()
    half = 1.96 * score.std() / math.sqrt(len(score))
    assert row["low"] == pytest.approx(score.mean() - half, abs=0.15 * half)
    assert row["high"] == pytest.approx(score.mean() + half, abs=0.15 * half)
    narrow = figures(stance.summary(frame, confidence=0.5), measure="tone balance", topic="")
    assert row["low"] < narrow["low"][0] < row["value"] < narrow["high"][0] < row["high"]


def test_the_balance_of_one_row_may_lie_anywhere() -> None:
    frame = pd.DataFrame({"topics": ["trade"], "tone": ["tense"], "tone_score": [-1.0]})
    balance = figures(stance.summary(frame), measure="tone balance")
    assert balance[["value", "low", "high"]].to_numpy().tolist() == [[-1, -1, 1]] * 2


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000), by=st.sampled_from([(), "source", "month", ["source", "week"], "day"]))
def test_intervals_hold_the_value_and_shares_stay_between_0_and_1(seed: int, by: Any) -> None:
    table = stance.summary(scored(60, seed), by)
    assert (table["low"] <= table["value"] + 1e-9).all()
    assert (table["value"] <= table["high"] + 1e-9).all()
    shares = table[table["measure"] != "tone balance"]
    assert shares[["low", "value", "high"]].stack().between(0, 1).all()
    names = [by] if isinstance(by, str) else list(by)
    assert not table.duplicated([*names, "measure", "topic", "tone"]).any()
    tones = figures(table, measure="tone share").groupby([*names, "topic"])["value"].sum()
    assert tones.to_numpy() == pytest.approx(1)


def test_the_same_rows_give_the_same_table_in_any_order() -> None:
    frame = scored()
    table = stance.summary(frame, ["month", "source"])
    pd.testing.assert_frame_equal(stance.summary(frame.sample(frac=1, random_state=1), ["month", "source"]), table)
    pd.testing.assert_frame_equal(stance.summary(pl.from_pandas(frame), ["month", "source"]), table, check_dtype=False)
    pd.testing.assert_frame_equal(stance.summary(pa.table(frame), ["month", "source"]), table, check_dtype=False)


@pytest.mark.parametrize(
    ("by", "groups"),
    [
        ("year", ["2024"]),
        ("quarter", ["2024Q1"]),
        ("month", ["2024-01", "2024-02"]),
        ("week", ["2024-W05"]),
        ("day", ["2024-01-29", "2024-01-30", "2024-01-31", "2024-02-01", "2024-02-02"]),
    ],
)
def test_dates_are_grouped_by_period(by: str, groups: list[str]) -> None:
    frame = scored()
    assert stance.summary(frame, by)[by].unique().tolist() == groups
    as_text = frame.assign(when=frame["date"].dt.strftime("%Y-%m-%dT10:00Z")).drop(columns="date")
    assert stance.summary(as_text, by, date="when")[by].unique().tolist() == groups


def test_a_column_named_as_a_period_is_a_column() -> None:
    assert stance.summary(scored().assign(month="May"), "month")["month"].unique().tolist() == ["May"]


def test_rows_of_no_group_are_left_out() -> None:
    frame = scored()
    frame.loc[:99, "source"] = None
    frame.loc[100:149, "date"] = pd.NaT
    table = stance.summary(frame, ["source", "month"])
    assert figures(table, measure="answered")["n"].sum() == 150
    assert figures(stance.summary(frame), measure="answered")["n"].tolist() == [300]


def test_models_of_one_head_have_its_measures() -> None:
    frame = scored()
    assert set(stance.summary(frame[["topics"]])["measure"]) == {"answered", "topic share"}
    toned = stance.summary(frame[["tone", "tone_score"]])
    assert set(toned["measure"]) == {"answered", "tone share", "tone balance"}
    assert set(toned["topic"]) == {""}
    assert set(stance.summary(frame[["tone"]])["measure"]) == {"answered", "tone share"}


def test_no_rows_give_no_figures() -> None:
    assert stance.summary(scored(0), "source").empty
    assert stance.summary(scored(0)).empty


def test_what_score_gives_is_taken(tiny_model: stance.Model) -> None:
    rows = pd.DataFrame(
        {"text": ["Rebels shelled the town and the army fired missiles at the port.", None], "x": [1, 1]}
    )
    table = stance.summary(tiny_model.score(rows, prefix="s_"), "x", prefix="s_")
    assert figures(table, measure="answered")["value"].tolist() == [0.5]
    assert figures(table, measure="tone share", topic="")["tone"].tolist() == ["tense"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"by": "sauce"}, "expected a column 'sauce'. Did you mean 'source'? Available: "),
        ({"by": "month", "date": "when"}, "expected a column 'when'. Available: "),
        ({"prefix": "s_"}, "expected a column 's_tone'. Did you mean 'tone'? Available: "),
        ({"by": "month", "date": "tone"}, "column 'tone': expected dates such as 2024-05-17: "),
    ],
)
def test_what_is_missing_is_told(options: dict[str, Any], told: str) -> None:
    with pytest.raises(TableError) as caught:
        stance.summary(scored(), **options)
    assert str(caught.value).startswith(told)


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_a_confidence_is_between_0_and_1(confidence: float) -> None:
    with pytest.raises(ValueError, match=rf"^expected a confidence between 0 and 1, but got {confidence}$"):
        stance.summary(scored(), confidence=confidence)

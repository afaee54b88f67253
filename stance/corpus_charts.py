"""Scored rows over time: the shares of topics and tones, the balance of tone, and how many have an answer."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from stance.drawing import Line, draw
from stance.page import Chart, signed, tone_class
from stance.summaries import summary

__all__ = ["Course", "interval", "over_time"]

FREQUENCIES = {"day": "D", "week": "W", "month": "M", "quarter": "Q", "year": "Y"}
N_PERIODS = 60
"""The most that a chart has, but for years."""
ROWS_A_PERIOD = 5
"""The fewest in the mean: with less, longer periods are taken."""
N_TICKS = 6
WIDE, SMALL = (10.5, 3), (3.1, 1.9)


@dataclass(frozen=True, slots=True)
class Course:
    """What changed over time.

    Attributes
    ----------
    period : str
        The length of the periods: "day", "week", "month", "quarter" or "year".
    answered : Chart
        The share of rows that have an answer.
    topics : list of Chart
        The share of each topic.
    tones : list of Chart
        The share of each tone.
    balance : Chart or None
        The mean tone score, of all rows and of those with each topic; None where there is no tone score.
    """

    period: str
    answered: Chart
    topics: list[Chart]
    tones: list[Chart]
    balance: Chart | None


def over_time(frame: pd.DataFrame, topics: Mapping[str, str], tones: Mapping[str, str]) -> Course | None:
    """Draw what changed over time.

    Parameters
    ----------
    frame : DataFrame
        Scored rows with their `date`, which may be missing.
    topics, tones : mapping of str to str
        Those that are drawn, with the names that the page's filter has for them.

    Returns
    -------
    Course or None
        None where all dates lie within one day.
    """
    dates = frame["date"].dropna()
    period = _period(dates)
    if period is None:
        return None
    table = summary(frame, by=period)
    drawing = _Drawing(table, period, _places(table[period].unique().tolist(), period))
    everywhere = drawing.where(measure="answered")
    answered = drawing.chart([(everywhere, "accent", "")], "Share of rows with an answer", (0, 1), True)
    by_topic = [("topic share", topic, "", key, "accent") for topic, key in topics.items()]
    by_tone = [("tone share", "", tone, key, tone_class(tone, tuple(tones))) for tone, key in tones.items()]
    return Course(period, answered, drawing.shares(by_topic), drawing.shares(by_tone), drawing.balance(topics))


def interval(figures: Mapping[Hashable, Any], is_share: bool) -> str:
    """Give the value of a row of `stance.summary` with its interval, for print.

    Examples
    --------
    >>> interval({"value": 0.5, "low": 0.25, "high": 0.75}, True)
    '50 % (25 to 75)'
    >>> interval({"value": 0.5, "low": -0.25, "high": 0.75}, False)
    '+0.50 (−0.25 to +0.75)'
    """
    values = [figures[name] for name in ("value", "low", "high")]
    if is_share:
        return "{:.0f} % ({:.0f} to {:.0f})".format(*(100 * value for value in values))
    return "{} ({} to {})".format(*map(signed, values))


class _Drawing:
    """Draws figures by period."""

    def __init__(self, table: pd.DataFrame, period: str, places: Mapping[str, int]) -> None:
        self.table = table
        self.period = period
        self.places = places
        first, last = min(places.values()), max(places.values())
        self.range = first - 0.3, last + 0.3
        names = {place: name for name, place in places.items()}
        step = -(-(last - first) // (N_TICKS - 1))
        self.ticks = {float(place): names[place] for place in range(first, last + 1, step) if place in names}
        self.few = {float(first): names[first], float(last): names[last]}

    def where(self, **wanted: str) -> pd.DataFrame:
        """Give the figures with some measure, topic and tone."""
        table = self.table
        for column, value in wanted.items():
            table = table[table[column] == value]
        return table

    def chart(
        self,
        series: Sequence[tuple[pd.DataFrame, str, str]],
        shows: str,
        y_range: tuple[float, float],
        is_share: bool,
        size: tuple[float, float] = WIDE,
        key: str = "",
        title: str = "",
    ) -> Chart:
        """Draw some figures, each with a colour and the name that the page's filter has for it."""
        lines = [Line(self.range, (0, 0), "faint", style="--")] if y_range[0] < 0 else []
        lines += [self._line(*one) for one in series]
        words = f"{shows} by {self.period}, with 95 % intervals; {self._said(series[0][0], is_share)}"
        ticks = self.few if size is SMALL else self.ticks
        svg = draw(lines, words, size, self.range, y_range, ticks, is_share=(False, is_share))
        rows = []
        for figures, *_ in series:
            for row in figures.to_dict("records"):
                label = ", ".join(filter(None, (row["topic"], row["tone"])))
                rows.append((row[self.period], label, f"{row['n']:,}", interval(row, is_share)))
        return Chart(svg, (self.period, "label", "rows", "share" if is_share else "tone score"), rows, key, title)

    def shares(self, labels: Sequence[tuple[str, str, str, str, str]]) -> list[Chart]:
        """Draw the share of each label, all to one scale: given as measure, topic, tone, the filter's name, colour."""
        found = [self.where(measure=measure, topic=topic, tone=tone) for measure, topic, tone, *_ in labels]
        top = min(1.0, 1.05 * max((float(rows["high"].max()) for rows in found), default=1.0))
        return [
            self.chart([(rows, colour, "")], f"Share of {topic or tone}", (0, top), True, SMALL, key, topic or tone)
            for rows, (_, topic, tone, key, colour) in zip(found, labels, strict=True)
        ]

    def balance(self, topics: Mapping[str, str]) -> Chart | None:
        """Draw the mean tone score, among all rows and among those with each topic."""
        among = {topic: self.where(measure="tone balance", topic=topic) for topic in ("", *topics)}
        if among[""].empty:
            return None
        series = [(rows, "accent" if topic else "ink", topics.get(topic, "")) for topic, rows in among.items()]
        return self.chart(series, "Mean tone score", (-1, 1), False)

    def _line(self, figures: pd.DataFrame, colour: str, key: str) -> Line:
        first, last = min(self.places.values()), max(self.places.values())
        at = figures.set_index(figures[self.period].map(self.places))[["value", "low", "high"]]
        if last - first < 10 * N_PERIODS:  # a period without rows is a gap
            at = at.reindex(range(first, last + 1))
        band = at["low"].tolist(), at["high"].tolist()
        return Line(at.index.tolist(), at["value"].tolist(), colour, band, marker=".", key=key)

    def _said(self, figures: pd.DataFrame, is_share: bool) -> str:
        """Say what the first line shows."""
        if figures.empty:
            return "no rows"
        rows = figures.to_dict("records")
        low, high = min(rows, key=lambda row: row["value"]), max(rows, key=lambda row: row["value"])
        return (
            f"lowest {interval(low, is_share)} in {low[self.period]}, "
            f"highest {interval(high, is_share)} in {high[self.period]}"
        )


def _period(dates: pd.Series[Any]) -> str | None:
    """Choose the shortest period that the dates fill without too many periods or too few rows in each."""
    if dates.empty:
        return None
    lengths = {}
    for name, frequency in FREQUENCIES.items():
        ordinals = dates.dt.to_period(frequency).astype("int64")
        lengths[name] = 1 + int(ordinals.max() - ordinals.min())
    several = [name for name, n_periods in lengths.items() if n_periods > 1]
    for name in several:
        if lengths[name] <= N_PERIODS and len(dates) >= ROWS_A_PERIOD * lengths[name]:
            return name
    return several[-1] if several else None


def _places(names: Sequence[str], period: str) -> dict[str, int]:
    """Give the place in time of each period, in periods."""
    if period == "week":
        days = pd.to_datetime(pd.Series(names) + "-1", format="%G-W%V-%u")
        return dict(zip(names, days.dt.to_period("W").astype("int64").tolist(), strict=True))
    return {name: pd.Period(name, FREQUENCIES[period]).ordinal for name in names}

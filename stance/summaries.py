"""The table that analysts plot: shares of topics and tones and the balance of tone, by month, source or the like."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from stance.errors import TableError
from stance.table import SEPARATOR, missing_column, text_series
from stance.taxonomy import TONES, TOPICS, in_order_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["summary"]

PERIODS = {"year": "Y", "quarter": "Q", "month": "M", "week": "W", "day": "D"}
BINS = 41
"""Of the tone score, for the bootstrap: each row counts as the mean of its bin."""
DRAWS = 1000
ALL = ""


def summary(
    scored: pd.DataFrame,
    by: str | Sequence[str] = (),
    *,
    date: str = "date",
    prefix: str = "",
    confidence: float = 0.95,
    random_state: int = 0,
) -> pd.DataFrame:
    """Summarise scored rows by groups, with intervals.

    Parameters
    ----------
    scored : pandas.DataFrame
        Rows with the columns that `stance.score` adds. A frame of polars and a table of Arrow are taken too.
    by : str or sequence of str
        The columns to group by; none gives one group. "year", "quarter", "month", "week" and "day", where there is no
        such column, group by the period of `date`.
    date : str
        The column with dates, or texts such as 2024-05-17.
    prefix : str
        What stands before the names of the answers, as for `stance.score`.
    confidence : float
        Of the intervals, between 0 and 1.
    random_state : int
        The same rows with the same `random_state` give the same table.

    Returns
    -------
    pandas.DataFrame
        A tidy frame, sorted by group: the columns of `by`; `measure`; `topic` and `tone`, "" for all; `n`, the rows
        that the figure is over; `value`; `low` and `high`, its interval. The measures:

        - *answered*: the share of rows that have an answer; the others are over these.
        - *topic share*: the share of rows with `topic`.
        - *tone share*: the share of rows with `tone`, among all and among those with each topic.
        - *tone balance*: the mean of `tone_score`, from -1 to 1, among all and among those with each topic.

        Rows whose group is missing are left out.

    Raises
    ------
    TableError
        A column is missing, or dates cannot be read.
    ValueError
        `confidence` is not between 0 and 1.

    Notes
    -----
    Shares have Wilson's interval (E. B. Wilson, *Probable inference, the law of succession, and statistical inference*,
    JASA 22, 1927), which keeps between 0 and 1 and is right for few rows. The interval of the balance is a percentile
    bootstrap (B. Efron, *Bootstrap methods: another look at the jackknife*, Annals of Statistics 7, 1979) of 1,000
    draws, of a single row the whole range. Neither knows that a classifier errs: `stance.evaluate` says how much.

    Examples
    --------
    >>> import pandas as pd, stance
    >>> rows = pd.DataFrame({
    ...     "text": ["Troops shelled the border town.", "The central bank cut interest rates."],
    ...     "date": ["2024-03-01", "2024-03-09"],
    ... })
    >>> table = stance.summary(stance.score(rows), by="month")
    >>> table[(table["measure"] == "topic share") & (table["value"] > 0)][["month", "topic", "n", "value"]]
         month     topic  n  value
    1  2024-03  security  2    0.5
    2  2024-03   economy  2    0.5
    """
    import pandas as pd

    if not 0 < confidence < 1:
        raise ValueError(f"expected a confidence between 0 and 1, but got {confidence}")
    frame: pd.DataFrame = scored if isinstance(scored, pd.DataFrame) else scored.to_pandas()
    if not {prefix + "topics", prefix + "tone"} & set(frame.columns):
        raise missing_column(f"{prefix}tone", "prefix", map(str, frame.columns))
    names = [by] if isinstance(by, str) else list(by)
    keys = pd.DataFrame({name: _key(frame, name, date) for name in names}, index=frame.index)
    kept = keys.notna().all(axis=1)
    frame, keys = frame[kept], keys[kept]
    groups = keys.drop_duplicates().sort_values(names).reset_index(drop=True) if names else pd.DataFrame(index=[0])
    if names:
        place = {key: number for number, key in enumerate(groups.itertuples(index=False, name=None))}
        group = np.array([place[key] for key in keys.itertuples(index=False, name=None)], dtype=np.int64)
    else:
        group = np.zeros(len(frame), dtype=np.int64)
    counted = _Counted(frame, group, len(groups), prefix)
    level = 1 - (1 - confidence) / 2
    figures = pd.concat(counted.figures(level, np.random.default_rng(random_state)), ignore_index=True)
    figures = figures.sort_values("group", kind="stable", ignore_index=True)
    return pd.concat([groups.iloc[figures["group"]].reset_index(drop=True), figures.drop(columns="group")], axis=1)


def _key(frame: pd.DataFrame, name: str, date: str) -> pd.Series[Any]:
    """Give the values of a column to group by, or the period of each row's date."""
    import pandas as pd

    if name in frame.columns or name not in PERIODS:
        if name not in frame.columns:
            raise missing_column(name, "by", map(str, frame.columns))
        return frame[name]
    if date not in frame.columns:
        raise missing_column(date, "date", map(str, frame.columns))
    try:
        dates = pd.to_datetime(frame[date], format="ISO8601").dt.tz_localize(None)
    except (ValueError, TypeError) as error:
        raise TableError(f"expected dates such as 2024-05-17: {error}", column=date) from None
    if name == "week":
        iso = dates.dt.isocalendar()
        return (iso["year"].astype("str") + "-W" + iso["week"].astype("str").str.zfill(2)).where(dates.notna())
    return dates.dt.to_period(PERIODS[name]).astype("str").where(dates.notna())


class _Counted:
    """Rows of scored frames, counted by group."""

    def __init__(self, frame: pd.DataFrame, group: NDArray[np.int64], n_groups: int, prefix: str) -> None:
        self.n_groups = n_groups
        answered = np.zeros(len(frame), dtype=bool)
        for name in ("topics", "tone"):
            if prefix + name in frame.columns:
                answered |= frame[prefix + name].notna().to_numpy()
        self.n_rows = np.bincount(group, minlength=n_groups)
        self.n_answered = np.bincount(group[answered], minlength=n_groups)
        self.group = group[answered]
        self.frame = frame[answered]
        self.prefix = prefix
        self.topics, self.with_topic = self._topics()

    def _topics(self) -> tuple[list[str], NDArray[np.bool_]]:
        """Give the topics, in the order of the codebook, and which row has which: shape (n_topics, n_rows)."""
        import pandas as pd

        if self.prefix + "topics" not in self.frame.columns:
            return [], np.zeros((0, len(self.frame)), dtype=bool)
        codes, sets = pd.factorize(self.frame[self.prefix + "topics"])
        split = [set(str(cell).split(SEPARATOR)) - {""} for cell in sets]
        topics = in_order_of(TOPICS, set().union(*split))
        member = np.array([[topic in some for some in [*split, ()]] for topic in topics], dtype=bool)
        return topics, member.reshape(len(topics), len(split) + 1)[:, codes]

    def figures(self, level: float, generator: np.random.Generator) -> Iterator[pd.DataFrame]:
        """Give the rows of the table, a measure after the other."""
        yield self._shares("answered", ALL, ALL, self.n_answered, self.n_rows, level)
        n_with = [np.bincount(self.group[rows], minlength=self.n_groups) for rows in self.with_topic]
        for topic, n_rows in zip(self.topics, n_with, strict=True):
            yield self._shares("topic share", topic, ALL, n_rows, self.n_answered, level)
        everything = np.ones(len(self.frame), dtype=bool)
        among = [(ALL, everything), *zip(self.topics, self.with_topic, strict=True)]
        if self.prefix + "tone" in self.frame.columns:
            tone = self.frame[self.prefix + "tone"].to_numpy(dtype=object)
            toned = self.frame[self.prefix + "tone"].notna().to_numpy()
            for topic, rows in among:
                n_rows = np.bincount(self.group[rows & toned], minlength=self.n_groups)
                for name in in_order_of(TONES, set(tone[toned])):
                    n_toned = np.bincount(self.group[rows & (tone == name)], minlength=self.n_groups)
                    yield self._shares("tone share", topic, name, n_toned, n_rows, level)
        if self.prefix + "tone_score" in self.frame.columns:
            score = self.frame[self.prefix + "tone_score"].to_numpy(dtype=np.float64)
            for topic, rows in among:
                yield self._balance(topic, rows & ~np.isnan(score), score, level, generator)

    def _shares(
        self, measure: str, topic: str, tone: str, hits: NDArray[np.int64], n_rows: NDArray[np.int64], level: float
    ) -> pd.DataFrame:
        """Give shares with Wilson's intervals, for the groups that have rows."""
        n = np.maximum(n_rows, 1)
        z, share = float(ndtri(level)), hits / n
        middle = (share + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
        low, high = np.where(hits == 0, 0.0, middle - half), np.where(hits == n, 1.0, middle + half)
        return self._table(measure, topic, tone, n_rows, share, low, high)

    def _balance(
        self,
        topic: str,
        rows: NDArray[np.bool_],
        score: NDArray[np.float64],
        level: float,
        generator: np.random.Generator,
    ) -> pd.DataFrame:
        """Give means with bootstrap intervals, for the groups that have rows."""
        place = np.minimum(((score[rows] + 1) / 2 * BINS).astype(np.int64), BINS - 1)
        place += self.group[rows] * BINS
        counts = np.bincount(place, minlength=self.n_groups * BINS).reshape(self.n_groups, BINS)
        sums = np.bincount(place, score[rows], minlength=self.n_groups * BINS).reshape(self.n_groups, BINS)
        n_rows = counts.sum(axis=1)
        value = sums.sum(axis=1) / np.maximum(n_rows, 1)
        bounds = np.tile([[-1.0], [1.0]], self.n_groups)  # one row says nothing of how far others lie from it
        for group in np.flatnonzero(n_rows > 1):
            some = counts[group] > 0
            draws = generator.multinomial(n_rows[group], counts[group][some] / n_rows[group], DRAWS)
            means = draws @ (sums[group][some] / counts[group][some]) / n_rows[group]
            bounds[:, group] = np.quantile(means, [1 - level, level])
        return self._table("tone balance", topic, ALL, n_rows, value, *bounds)

    def _table(
        self,
        measure: str,
        topic: str,
        tone: str,
        n_rows: NDArray[np.int64],
        value: NDArray[np.float64],
        low: NDArray[np.float64],
        high: NDArray[np.float64],
    ) -> pd.DataFrame:
        import pandas as pd

        group = np.flatnonzero(n_rows)
        labels = {"topic": text_series([topic] * len(group)), "tone": text_series([tone] * len(group))}
        figures = {"n": n_rows[group], "value": value[group], "low": low[group], "high": high[group]}
        return pd.DataFrame({"group": group, "measure": measure, **labels, **figures})

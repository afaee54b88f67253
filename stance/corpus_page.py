"""The page of a scored corpus: topics and tones, over time too, and the paragraphs to read first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from stance.corpus_charts import interval, over_time
from stance.errors import TableError, shorten
from stance.extremes import extremes
from stance.page import clean, render, tone_class
from stance.results import none_if_nan
from stance.summaries import summary
from stance.table import SEPARATOR, is_missing, missing_column
from stance.taxonomy import TONES, in_order_of

__all__ = ["USUAL_DATES", "corpus_page"]

USUAL_DATES = ("date", "datetime", "published", "published_at", "publication_date", "created_at", "timestamp", "day")
"""What a column with dates is called, most of all."""
N_TOPICS = 20
"""So many topics, the commonest, have charts and can be chosen."""
N_PARAGRAPHS = 400
"""About so many paragraphs are in each of the two lists."""
LONGEST = 1_000
"""Characters of a paragraph that are shown."""
STACKED = ("tense", "mixed", "neutral", "cooperative")
"""The order of tones in a bar, so that colours that are hard to tell apart do not touch."""


def corpus_page(
    scored: pd.DataFrame,
    title: str = "Corpus",
    *,
    text: str = "text",
    date: str | None = None,
    prefix: str = "",
    lines: Sequence[int] | None = None,
) -> str:
    r"""Make a page of a scored corpus.

    Parameters
    ----------
    scored : DataFrame
        Rows with the columns that `stance.score` adds.
    title : str
        The heading of the page.
    text : str
        The column with the texts.
    date : str, optional
        The column with dates such as 2024-05-17; by default one of a usual name, such as `date`, where there is one.
    prefix : str
        What stands before the names of the answers, as for `stance.score`.
    lines : sequence of int, optional
        The line of each row in its file; by default the rows are counted from 1.

    Returns
    -------
    str
        HTML that loads nothing: with the topics and their tones, both over time where there are dates, all with
        intervals, and for each topic and tone the most cooperative and the most tense paragraphs, to be filtered. Its
        size does not grow with the number of rows.

    Raises
    ------
    TableError
        A column is missing, or holds no dates or no numbers.
    MissingExtraError
        Jinja or Matplotlib is not installed.

    Examples
    --------
    >>> import pandas as pd, stance
    >>> rows = pd.DataFrame({"text": ["Troops shelled the border town.", "The central bank cut interest rates."]})
    >>> page = corpus_page(stance.score(rows), "Two rows")
    >>> "<h1 dir=\"auto\">Two rows</h1>" in page, page.count("Troops shelled the border town.")
    (True, 1)
    """
    frame, dates = _normal(scored, text, date, prefix)
    frame["place"] = (
        [f"row {row}" for row in range(1, len(frame) + 1)] if lines is None else [f"line {line}" for line in lines]
    )
    figures = summary(frame)
    shares = figures[figures["measure"] == "topic share"].sort_values("value", ascending=False, kind="stable")
    topics = {name: f"t{place}" for place, name in enumerate(shares["topic"].head(N_TOPICS))}
    tones = {name: f"s{place}" for place, name in enumerate(in_order_of(TONES, frame["tone"].dropna().unique()))}
    return render(
        "corpus.html",
        "corpus.js",
        title=title,
        kind="Corpus",
        n_rows=len(frame),
        n_missing=int((frame["text"] == "").sum()),
        n_answered=int(frame["answered"].sum()),
        answered=_figure(figures, "answered", is_share=True),
        balance=_figure(figures, "tone balance", is_share=False),
        dates=dates,
        n_undated=int(frame["date"].isna().sum()),
        n_other_topics=len(shares) - len(topics),
        topics=topics,
        tones=[(tone, tone_class(tone, tuple(tones)), key) for tone, key in tones.items()],
        rows=[_topic_row(figures, name, key, tuple(tones)) for name, key in {"": "", **topics}.items()],
        course=over_time(frame, topics, tones) if len(frame) else None,
        lists=_lists(frame, topics, tones),
    )


def _normal(scored: pd.DataFrame, text: str, date: str | None, prefix: str) -> tuple[pd.DataFrame, str | None]:
    """Give the rows with the names and kinds of columns that are used here, and the name of the column of dates."""
    columns = list(map(str, scored.columns))
    if text not in columns:
        raise missing_column(text, "text", columns)
    if not {prefix + "topics", prefix + "tone"} & set(columns):
        raise missing_column(f"{prefix}tone", "prefix", columns)
    texts = scored[text].astype(object)
    found: dict[str, Any] = {"text": texts.where(texts.map(lambda value: isinstance(value, str)), "")}
    tone = pd.Series(None, scored.index, dtype=object)
    if prefix + "tone" in columns:
        tone = pd.Series([_label(cell) or None for cell in scored[prefix + "tone"]], scored.index, dtype=object)
    answered = tone.notna()
    if prefix + "topics" in columns:
        topics = pd.Series([_label(cell) for cell in scored[prefix + "topics"]], scored.index, dtype=object)
        # Text files write no answer as they write no topics: then the tone tells, or where there is none the text.
        answered |= topics.notna() & ((topics != "") | (tone.isna().all() & (found["text"] != "")))
        found["topics"] = topics.where(topics.notna(), "").where(answered, None)
    found |= {"tone": tone, "answered": answered}
    if prefix + "tone_score" in columns:
        found["tone_score"] = _numbers(scored[prefix + "tone_score"])
    name = date or next((name for name in USUAL_DATES if name in columns), None)
    if name is not None and name not in columns:
        raise missing_column(name, "date", columns)
    found["date"] = pd.Series(pd.NaT, scored.index) if name is None else _dates(scored[name], date is not None)
    found["when"] = "" if name is None else scored[name].map(_date_text).where(found["date"].notna(), "")
    return pd.DataFrame(found), name if found["date"].notna().any() else None


def _label(cell: object) -> str | None:
    """Give the labels of a cell as text; a list of them is joined."""
    if isinstance(cell, list | tuple | np.ndarray):
        return clean(SEPARATOR.join(map(str, cell)))
    return None if is_missing(cell) else clean(str(cell))


def _numbers(values: pd.Series[Any]) -> pd.Series[Any]:
    """Read tone scores, which text files have as text."""
    numbers = pd.to_numeric(values, errors="coerce")
    wrong = values[numbers.isna() & values.notna() & (values != "")]
    if len(wrong):
        got = shorten(repr(wrong.iloc[0]))
        raise TableError(f"expected numbers from -1 to 1, but got {got}", column=str(values.name))
    return numbers.astype("float64")


def _dates(values: pd.Series[Any], is_asked_for: bool) -> pd.Series[Any]:
    """Read dates; what is none counts as missing, unless the column was asked for and has none at all."""
    texts = values.map(_date_text).astype("string").str.strip()
    dates = pd.to_datetime(texts, format="ISO8601", errors="coerce", utc=True).dt.tz_localize(None)
    given = texts[texts.notna() & (texts != "")]
    if is_asked_for and len(given) and dates.isna().all():
        got = shorten(repr(given.iloc[0]))
        raise TableError(f"expected dates such as 2024-05-17, but got {got}", column=str(values.name))
    return dates


def _date_text(value: object) -> str | None:
    """Give a date as text; a year that was made a float for the sake of missing ones is whole."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return None if is_missing(value) else clean(str(value))


def _figure(figures: pd.DataFrame, measure: str, topic: str = "", *, is_share: bool) -> str | None:
    """Give a figure with its interval, for print; None where there is none."""
    found = figures[(figures["measure"] == measure) & (figures["topic"] == topic)]
    return interval(found.to_dict("records")[0], is_share) if len(found) else None


def _topic_row(figures: pd.DataFrame, topic: str, key: str, tones: tuple[str, ...]) -> dict[str, Any]:
    """Give a row of the table of topics; the topic "" is all rows."""
    share = figures[(figures["measure"] == "tone share") & (figures["topic"] == topic)]
    found = dict(zip(share["tone"], share["value"], strict=True))
    order = [tone for tone in STACKED if tone in found] + [tone for tone in found if tone not in STACKED]
    own = figures[(figures["measure"] == "topic share") & (figures["topic"] == topic)]
    return {
        "topic": topic,
        "key": key,
        "share": _figure(figures, "topic share", topic, is_share=True),
        "n_rows": round(float(own["n"].iloc[0] * own["value"].iloc[0])) if len(own) else None,
        "tones": [(tone, found[tone], tone_class(tone, tones)) for tone in order if found[tone] > 0],
        "balance": _figure(figures, "tone balance", topic, is_share=False),
    }


def _lists(frame: pd.DataFrame, topics: Mapping[str, str], tones: Mapping[str, str]) -> list[dict[str, Any]]:
    """Choose the paragraphs to read first: one list for each end of the tone score, one where there is none."""
    rows = frame[frame["answered"] & (frame["text"] != "")].drop_duplicates("text")
    sets = rows["topics"].str.split(SEPARATOR, regex=False) if "topics" in rows else pd.Series([[]] * len(rows))
    given = sets.tolist()
    member = np.array([[topic in some for some in given] for topic in topics], dtype=bool).reshape(
        len(topics), len(rows)
    )
    tone = rows["tone"].map({name: place for place, name in enumerate(tones)}).fillna(-1).to_numpy().astype(np.int64)
    score = rows["tone_score"].to_numpy() if "tone_score" in rows else np.full(len(rows), np.nan)
    if np.isnan(score).all():
        chosen = extremes(score, member, tone, N_PARAGRAPHS)
        return [_list("Paragraphs", rows, given, score, chosen, topics, tones)]
    lists = []
    for title, sign, other in (("Most cooperative", 1, "tense"), ("Most tense", -1, "cooperative")):
        side = np.flatnonzero((rows["tone"] != other).to_numpy() & ~np.isnan(score))
        chosen = side[extremes(sign * score[side], member[:, side], tone[side], N_PARAGRAPHS)]
        lists.append(_list(title, rows, given, score, chosen, topics, tones))
    return lists


def _list(
    title: str,
    rows: pd.DataFrame,
    given: Sequence[Sequence[str]],
    score: np.ndarray[Any, np.dtype[np.float64]],
    chosen: np.ndarray[Any, np.dtype[np.int64]],
    topics: Mapping[str, str],
    tones: Mapping[str, str],
) -> dict[str, Any]:
    """Give some rows as the template takes them."""
    paragraphs = []
    for row in chosen.tolist():
        record = rows.iloc[row]
        tone = record["tone"] if isinstance(record["tone"], str) else None
        names = [name for name in given[row] if name]
        paragraphs.append(
            {
                "row": row,
                "text": shorten(record["text"], LONGEST),
                "place": record["place"],
                "date": shorten(record["when"]),
                "topics": names,
                "keys": " ".join(topics[name] for name in names if name in topics) or ("" if names else "none"),
                "tone": tone,
                "tone_key": "" if tone is None else tones[tone],
                "tone_class": "" if tone is None else tone_class(tone, tuple(tones)),
                "score": none_if_nan(float(score[row])),
            }
        )
    return {"title": title, "paragraphs": paragraphs}

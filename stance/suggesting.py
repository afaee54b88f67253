"""`suggest`: the rows of a pool that are most worth labelling next."""

from __future__ import annotations

import operator
import warnings

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from stance.counting import Corpus
from stance.errors import StanceWarning, TableError
from stance.labelled import Source, read_frame, text_of
from stance.model import Model
from stance.similarity import word_features
from stance.table import missing_column

__all__ = ["suggest"]

CONSIDERED = 10
"""So many rows are considered for each that is chosen: those that are worth most by themselves."""
NAMED = 2
"""How many labels a reason names."""
ADDED = ("score", "reason")


def suggest(model: Model, pool: Source, n: int, text: str = "text", *, encoding: str | None = None) -> pd.DataFrame:
    """Choose the rows of a pool that are most worth labelling next.

    Parameters
    ----------
    model : Model
        Trained on what is labelled so far.
    pool : path, sequence of paths, or pandas.DataFrame
        Rows without labels: CSV, TSV, JSONL (these also gzipped) or Parquet files, or a frame, which is not changed.
    n : int
        How many rows to choose.
    text : str
        The column with the texts.
    encoding : str, optional
        The encoding of text files, by default UTF-8.

    Returns
    -------
    DataFrame
        The chosen rows with their columns, in order, the one that is worth most first; and the columns `topics` and
        `tone`, as far as the model has them, with empty cells to fill in (a column that is there already stays),
        `score`, which is 1 for a row of the pool in the mean and falls from row to row, and `reason`. The order of the
        pool does not count. Never chosen are rows without an answer by the model, and of rows with the same text all
        but the first.

    Raises
    ------
    TableError
        The pool cannot be read, lacks the column, or has something else than texts in it.
    ValueError
        `n` is less than 1.

    Warns
    -----
    StanceWarning
        There are fewer such rows than `n`, or the pool has a column `score` or `reason`, which is replaced.

    Notes
    -----
    A row is worth most where the model is in doubt (uncertainty sampling: D. Lewis and W. Gale, 1994), by the variance
    p (1 - p) of each label, divided by the root of how often the model expects the label in the pool, so that rare
    labels count for more. The sum over the topics and that over the tones, each divided by its mean over the pool,
    count alike. Rows are chosen one by one; what a row is worth is multiplied with one less its cosine to the nearest
    row chosen before, by TF-IDF of words (after J. Carbonell and J. Goldstein, 1998).

    Examples
    --------
    >>> import pandas as pd, stance
    >>> pool = pd.DataFrame({"text": ["The two sides signed a peace treaty.", "", "The party disputed the tariffs."]})
    >>> stance.suggest(stance.load(), pool, 1).columns.tolist()
    ['text', 'topics', 'tone', 'score', 'reason']
    """
    n = operator.index(n)
    if n < 1:
        raise ValueError(f"expected a number of rows of at least 1, but got {n}")
    frame = read_frame(pool, encoding)
    texts = _texts(frame, text)
    replaced = [name for name in ADDED if name in frame.columns]
    if replaced:
        _warn(f"columns of the pool are replaced: {', '.join(map(repr, replaced))}")
    rows, probabilities = _answered(model, texts)
    if len(rows) < n:
        _warn(f"expected {n} different texts to choose, but the pool has {len(rows)} with ground for an answer")
    if not rows:
        return _table(frame, model, [], [], [])
    worth = _worth(probabilities, len(model.topics))
    total = worth.sum(axis=1)
    first = np.argsort(-total, kind="stable")[: CONSIDERED * n]
    features = word_features(Corpus.read([texts[rows[place]] for place in first.tolist()]))
    chosen, scores = _different(total[first], features, n)
    places = first[chosen].tolist()
    return _table(
        frame, model, [rows[place] for place in places], scores, _reasons(model, probabilities, worth, places)
    )


def _texts(frame: pd.DataFrame, column: str) -> list[str]:
    """Give the texts of a column, "" for a missing one."""
    if column not in frame.columns:
        raise missing_column(column, "text", map(str, frame.columns))
    texts = []
    for row, value in enumerate(frame[column].tolist()):
        try:
            texts.append(text_of(value))
        except TypeError as error:
            raise TableError(str(error), line=row, column=column) from None
    return texts


def _answered(model: Model, texts: list[str]) -> tuple[list[int], NDArray[np.float64]]:
    """Give the rows that have an answer, of equal texts the first, sorted by text; and their probabilities."""
    first: dict[str, int] = {}
    for row, text in enumerate(texts):
        first.setdefault(text, row)
    ordered = sorted(first)
    probabilities = model.predict_proba(ordered)
    answered = np.flatnonzero(~np.isnan(probabilities).any(axis=1))
    return [first[ordered[place]] for place in answered.tolist()], probabilities[answered]


def _worth(probabilities: NDArray[np.float64], n_topics: int) -> NDArray[np.float64]:
    """Give what each label adds to what a row is worth, shape (n_rows, n_labels)."""
    expected = np.maximum(probabilities.mean(axis=0), 1 / len(probabilities))
    worth: NDArray[np.float64] = probabilities * (1 - probabilities) / np.sqrt(expected)
    heads = [head for head in (slice(0, n_topics), slice(n_topics, None)) if worth[:, head].sum() > 0]
    shares = np.zeros_like(worth)
    for head in heads:
        shares[:, head] = worth[:, head] / worth[:, head].sum(axis=1).mean() / len(heads)
    return shares


def _different(worth: NDArray[np.float64], features: sparse.csr_array, n: int) -> tuple[list[int], list[float]]:
    """Choose rows one by one, each by its worth times how far it is from the nearest one that has been chosen."""
    others = features.T.tocsc()
    chosen: list[int] = []
    scores: list[float] = []
    distance = np.ones(len(worth))
    for _ in range(min(n, len(worth))):
        values = worth * distance
        values[chosen] = -1.0
        best = int(values.argmax())
        chosen.append(best)
        scores.append(float(values[best]))
        cosine = np.asarray((features @ others[:, [best]]).todense()).ravel()
        distance = np.minimum(distance, np.maximum(1 - cosine, 0.0))
    return chosen, scores


def _reasons(
    model: Model, probabilities: NDArray[np.float64], worth: NDArray[np.float64], places: list[int]
) -> list[str]:
    """Name the labels that each row is worth most for."""
    reasons = []
    for place in places:
        labels = np.argsort(-worth[place], kind="stable")[:NAMED].tolist()
        said = [f"{model.labels[label]!r} has probability {probabilities[place, label]:.2f}" for label in labels]
        reasons.append(f"in doubt: {', '.join(said)}")
    return reasons


def _table(frame: pd.DataFrame, model: Model, rows: list[int], scores: list[float], reasons: list[str]) -> pd.DataFrame:
    """Give the chosen rows with columns to fill in, scores and reasons."""
    heads = (("topics", model.topics), ("tone", model.tones))
    empty = {name: "" for name, labels in heads if labels and name not in frame.columns}
    return frame.iloc[rows].assign(**empty, score=np.round(scores, 4), reason=reasons)


def _warn(message: str) -> None:
    warnings.warn(message, StanceWarning, stacklevel=3)  # the caller of `suggest`

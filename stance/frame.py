"""Scoring tables: the answers for many texts as columns, and data frames with those columns added."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from stance.errors import StanceWarning, TableError, did_you_mean
from stance.results import Answers, none_if_nan
from stance.table import SEPARATOR, is_missing, missing_column
from stance.taxonomy import SCHEMES
from stance.taxonomy import codes as codes_of

if TYPE_CHECKING:
    import pandas as pd

    from stance.model import Model

__all__ = ["answer_columns", "answer_names", "check_schemes", "plain", "score"]

BATCH = 8192
Column = list[str | None] | NDArray[np.float64]
TEXT_COLUMNS = frozenset({"topics", "tone", *SCHEMES})


def score(
    frame: pd.DataFrame,
    text: str = "text",
    *,
    model: Model,
    probabilities: bool = False,
    codes: str | Iterable[str] | None = None,
    prefix: str = "",
    progress: bool | None = None,
) -> pd.DataFrame:
    """Label the rows of a data frame; `stance.score` describes it."""
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        raise TypeError(f"expected a pandas DataFrame, but got {type(frame).__name__}: build one with pandas.DataFrame")
    names = [name for name in frame.columns if isinstance(name, str)]
    if text not in names:
        raise missing_column(text, "text", map(str, frame.columns))
    if names.count(text) > 1:
        raise TableError("expected one such column, but the frame has several: rename the others", column=text)
    schemes = check_schemes(codes)
    replaced = [name for name in answer_names(model, probabilities, schemes, prefix) if name in names]
    if replaced:
        warnings.warn(
            f"the answers replace the columns {', '.join(map(repr, replaced))} of the frame: "
            "keep both with prefix='stance_'",
            StanceWarning,
            stacklevel=3,
        )
    texts = _texts(frame[text].tolist(), text)
    parts: list[dict[str, Column]] = []
    disable = None if progress is None else not progress
    with tqdm(total=len(texts), desc="scoring", unit="row", leave=False, disable=disable) as bar:
        for start in range(0, max(len(texts), 1), BATCH):
            part = texts[start : start + BATCH]
            parts.append(answer_columns(model, part, probabilities, schemes, prefix))
            bar.update(len(part))
    return frame.assign(**{name: _series([part[name] for part in parts], frame.index) for name in parts[0]})


def _series(parts: Sequence[Column], index: pd.Index) -> pd.Series[Any]:
    """Join the parts of a column; one of str holds NaN for missing, as pandas 3 does by default."""
    import pandas as pd

    values: list[Any] | NDArray[np.float64]
    if isinstance(parts[0], list):
        values = [value for part in parts for value in part]
        return pd.Series(values, index, pd.StringDtype(na_value=float("nan")))
    values = np.concatenate(parts)  # type: ignore[arg-type]
    return pd.Series(values, index)


def answer_names(model: Model, probabilities: bool, schemes: Sequence[str], prefix: str = "") -> list[str]:
    """Give the names of the columns that scoring adds.

    Parameters
    ----------
    model : Model
        Without topics there is no `topics` column; without tones, no `tone` and no `tone_score`.
    probabilities : bool
        Whether there is a column ``p_LABEL`` for each label.
    schemes : sequence of str
        One column each, named as the scheme.
    prefix : str
        What stands before every name.
    """
    names = ["topics"] if model.topics else []
    names += ["tone", "tone_score"] if model.tones else []
    names += ["known", *schemes]
    if probabilities:
        names += [f"p_{label}" for label in model.labels]
    return [prefix + name for name in names]


def answer_columns(
    model: Model,
    texts: Sequence[str | None],
    probabilities: bool = False,
    schemes: Sequence[str] = (),
    prefix: str = "",
) -> dict[str, Column]:
    """Give the answers for some texts as columns.

    Parameters
    ----------
    model : Model
    texts : sequence of (str or None)
        None is a missing text: all its answers are None.
    probabilities, schemes, prefix
        As for `answer_names`.

    Returns
    -------
    dict of str to (list of (str or None), or ndarray of float64)
        The columns of `answer_names`, each as long as `texts`; None or NaN where there is no answer.
    """
    answers = model.answers([text or "" for text in texts])
    n_texts, n_labels = len(texts), len(model.labels)
    values = np.asarray(answers.probabilities).reshape(n_texts, n_labels)
    known = np.array(answers.known)
    if None in texts:
        known[[text is None for text in texts]] = np.nan
    columns: dict[str, Column] = {"known": known}
    if model.topics:
        columns["topics"] = _named(answers, False, SEPARATOR.join)
    if model.tones:
        columns["tone"] = [model.tones[tone] if tone >= 0 else None for tone in answers.tones]
        columns["tone_score"] = _tone_scores(model, values)
    for scheme in schemes:
        columns[scheme] = _named(answers, True, partial(_codes, scheme))
    columns.update((f"p_{label}", values[:, column]) for column, label in enumerate(model.labels))
    return {prefix + name: columns[name] for name in answer_names(model, probabilities, schemes)}


def _codes(scheme: str, labels: Iterable[str]) -> str:
    return SEPARATOR.join(codes_of(labels, scheme))


def plain(column: Column) -> list[Any]:
    """Give a column as a list with None where there is no answer."""
    return column if isinstance(column, list) else [none_if_nan(value) for value in column.tolist()]


def _named(answers: Answers, with_tone: bool, name: Callable[[list[str]], str]) -> list[str | None]:
    """Give a name to the labels of each text, once for each set of labels; None where there is no answer."""
    topics, tones = answers.labels
    most = len(answers.topics) // max(len(answers), 1)
    given = np.asarray(answers.topics).reshape(len(answers), most).T.tolist()
    names: dict[tuple[int, ...], str | None] = {}
    named = []
    for key in zip(answers.reasons, answers.tones, *given, strict=True):
        if key not in names:
            labels = [topics[topic] for topic in key[2:] if topic >= 0]
            labels += [tones[key[1]]] if with_tone and key[1] >= 0 else []
            names[key] = None if key[0] else name(labels)
        named.append(names[key])
    return named


def _tone_scores(model: Model, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give P(cooperative) - P(tense) of each row; NaN where the model has no such tones."""
    if "cooperative" not in model.tones or "tense" not in model.tones:
        return np.full(len(probabilities), np.nan)
    cooperative, tense = model.labels.index("cooperative"), model.labels.index("tense")
    scores: NDArray[np.float64] = probabilities[:, cooperative] - probabilities[:, tense]
    return scores


def check_schemes(codes: str | Iterable[str] | None) -> tuple[str, ...]:
    """Give the code schemes asked for, each once, or raise ValueError for one that there is not."""
    if codes is None:
        return ()
    schemes = (codes,) if isinstance(codes, str) else tuple(dict.fromkeys(codes))
    for scheme in schemes:
        if scheme not in SCHEMES:
            raise ValueError(f"no code scheme {scheme!r}{did_you_mean(scheme, SCHEMES)}")
    return schemes


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
            stacklevel=4,
        )
    return texts

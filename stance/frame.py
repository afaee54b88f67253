"""Scoring tables: the answers for many texts as columns, and data frames with those columns added."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from stance.errors import StanceWarning, TableError, did_you_mean
from stance.results import none_if_nan
from stance.table import SEPARATOR, is_missing, missing_column
from stance.taxonomy import SCHEMES
from stance.taxonomy import codes as codes_of

if TYPE_CHECKING:
    import pandas as pd

    from stance.model import Model

__all__ = ["answer_columns", "answer_names", "check_schemes", "score"]

BATCH = 1024
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
    columns: dict[str, list[Any]] = {name: [] for name in answer_names(model, probabilities, schemes, prefix)}
    disable = None if progress is None else not progress
    with tqdm(total=len(texts), desc="scoring", unit="row", leave=False, disable=disable) as bar:
        for start in range(0, len(texts), BATCH):
            part = texts[start : start + BATCH]
            for name, values in answer_columns(model, part, probabilities, schemes, prefix).items():
                columns[name].extend(values)
            bar.update(len(part))
    dtypes = {name: _dtype(name.removeprefix(prefix)) for name in columns}
    return frame.assign(**{name: pd.Series(values, frame.index, dtypes[name]) for name, values in columns.items()})


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
) -> dict[str, list[Any]]:
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
    dict of str to list
        The columns of `answer_names`, each as long as `texts`; None where there is no answer.
    """
    answers = model.answers([text or "" for text in texts])
    given: list[list[str] | None] = []
    tones: list[str | None] = []
    for row, reason in enumerate(answers.abstained):
        tone = answers.tones[row]
        given.append(None if reason is not None else [model.topics[topic] for topic in answers.topics[row]])
        tones.append(None if tone is None else model.tones[tone])
    known = [None if text is None else value for text, value in zip(texts, answers.known.tolist(), strict=True)]
    columns: dict[str, list[Any]] = {
        "topics": [None if topics is None else SEPARATOR.join(topics) for topics in given],
        "tone": list(tones),
        "tone_score": [none_if_nan(value) for value in model.tone_scores(answers.probabilities).tolist()],
        "known": known,
    }
    for scheme in schemes:
        columns[scheme] = [
            None if topics is None else SEPARATOR.join(codes_of([*topics, *([tone] if tone else [])], scheme))
            for topics, tone in zip(given, tones, strict=True)
        ]
    if probabilities:
        for column, label in enumerate(model.labels):
            columns[f"p_{label}"] = [none_if_nan(value) for value in answers.probabilities[:, column].tolist()]
    wanted = answer_names(model, probabilities, schemes)
    return {prefix + name: columns[name] for name in wanted}


def check_schemes(codes: str | Iterable[str] | None) -> tuple[str, ...]:
    """Give the code schemes asked for, each once, or raise ValueError for one that there is not."""
    if codes is None:
        return ()
    schemes = (codes,) if isinstance(codes, str) else tuple(dict.fromkeys(codes))
    for scheme in schemes:
        if scheme not in SCHEMES:
            raise ValueError(f"no code scheme {scheme!r}{did_you_mean(scheme, SCHEMES)}")
    return schemes


def _dtype(name: str) -> Any:
    """Give the pandas type of an answer column: a str column holds NaN for missing, as pandas 3 does by default."""
    import pandas as pd

    return pd.StringDtype(na_value=float("nan")) if name in TEXT_COLUMNS else "float64"


def _texts(values: Sequence[object], column: str) -> list[str | None]:
    """Give the texts of a column; what is no text counts as missing, with a warning."""
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

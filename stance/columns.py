"""The answers for many texts as columns, whatever kind of table they are added to."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stance.errors import StanceWarning, TableError, did_you_mean
from stance.results import Answers, none_if_nan
from stance.table import SEPARATOR, missing_column
from stance.taxonomy import SCHEMES
from stance.taxonomy import codes as codes_of

if TYPE_CHECKING:
    from stance.model import Model

__all__ = ["BATCH", "Column", "Columns", "check_schemes", "no_texts", "plain"]

Column = NDArray[Any]
"""Of float64, NaN where there is no answer; or of str, None where there is none."""
BATCH = 8192
"""The most rows of a table in memory that are scored at a time."""
TEXTS = frozenset({"topics", "tone", *SCHEMES})


@dataclass(frozen=True, eq=False)
class Columns:
    """The columns that scoring adds.

    Attributes
    ----------
    model : Model
        Without topics there is no `topics` column; without tones, no `tone` and no `tone_score`.
    probabilities : bool
        Whether there is a column ``p_LABEL`` for each label.
    schemes : tuple of str
        One column of codes each, named as the scheme.
    prefix : str
        What stands before every name.
    """

    model: Model
    probabilities: bool = False
    schemes: tuple[str, ...] = ()
    prefix: str = ""

    def __post_init__(self) -> None:
        """Raise `TableError` for a prefix that no column can have."""
        if any("\ud800" <= character <= "\udfff" for character in self.prefix):
            raise TableError(f"expected a prefix of whole characters, but got {self.prefix!r}")

    @cached_property
    def kinds(self) -> dict[str, type]:
        """The names of the columns, in order, and what they hold: str or float."""
        names = ["topics"] if self.model.topics else []
        names += ["tone", "tone_score"] if self.model.tones else []
        names += ["known", *self.schemes]
        names += [f"p_{label}" for label in self.model.labels] if self.probabilities else []
        return {self.prefix + name: str if name in TEXTS else float for name in names}

    def check(self, names: Iterable[object], text: str) -> None:
        """Look at the columns of a table before it is scored.

        Parameters
        ----------
        names : iterable
            Its columns.
        text : str
            The one with the texts.

        Raises
        ------
        TableError
            There is no such column, or more than one.

        Warns
        -----
        StanceWarning
            An answer replaces a column.
        """
        names = list(names)
        if text not in names:
            raise missing_column(text, "text", map(str, names))
        if names.count(text) > 1:
            raise TableError("expected one such column, but the frame has several: rename the others", column=text)
        replaced = [name for name in self.kinds if name in names]
        if replaced:
            warnings.warn(
                f"the answers replace the columns {', '.join(map(repr, replaced))} of the frame: "
                "keep both with prefix='stance_'",
                StanceWarning,
                stacklevel=5,  # the caller of `Model.score`
            )

    def answers(self, texts: Sequence[str | None]) -> dict[str, Column]:
        """Give the answers for some texts.

        Parameters
        ----------
        texts : sequence of (str or None)
            None is a missing text: all its answers are missing.

        Returns
        -------
        dict of str to ndarray, each of shape (n_texts,)
        """
        model = self.model
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
            columns["tone"] = np.array([*model.tones, None], dtype=object)[np.asarray(answers.tones)]
            columns["tone_score"] = _tone_scores(model, values)
        for scheme in self.schemes:
            columns[scheme] = _named(answers, True, partial(_codes, scheme))
        columns.update((f"p_{label}", values[:, column]) for column, label in enumerate(model.labels))
        return {name: columns[name.removeprefix(self.prefix)] for name in self.kinds}


def check_schemes(codes: str | Iterable[str] | None) -> tuple[str, ...]:
    """Give the code schemes asked for, each once, or raise ValueError for one that there is not."""
    if codes is None:
        return ()
    schemes = (codes,) if isinstance(codes, str) else tuple(dict.fromkeys(codes))
    for scheme in schemes:
        if scheme not in SCHEMES:
            raise ValueError(f"no code scheme {scheme!r}{did_you_mean(scheme, SCHEMES)}")
    return schemes


def plain(column: Column) -> list[Any]:
    """Give a column as a list with None where there is no answer."""
    values = column.tolist()
    return values if column.dtype == object else [none_if_nan(value) for value in values]


def no_texts(column: str, kind: object) -> TableError:
    """Build the error for a column that holds no texts."""
    return TableError(
        f"expected texts, but the column holds {kind}: name the right one with text=, or make it text", column=column
    )


def _codes(scheme: str, labels: Iterable[str]) -> str:
    return SEPARATOR.join(codes_of(labels, scheme))


def _named(answers: Answers, with_tone: bool, name: Callable[[list[str]], str]) -> Column:
    """Give a name to the labels of each text, once for each set of labels; None where there is no answer."""
    topics, tones = answers.labels
    most = len(answers.topics) // max(len(answers), 1)
    given = np.asarray(answers.topics).reshape(len(answers), most)
    # Each set of labels as one number, in a system with a digit for each place; made small before it would overflow.
    numbers = np.asarray(answers.tones, dtype=np.int64) + 1 if with_tone else np.zeros(len(answers), dtype=np.int64)
    numbers = np.where(np.asarray(answers.reasons) > 0, -1, numbers)
    silent = numbers < 0
    for place in range(most):
        if numbers.max(initial=0) > 2**31:
            numbers = np.unique(numbers, return_inverse=True)[1]
        numbers = numbers * (len(topics) + 1) + given[:, place] + 1
    numbers[silent] = -1
    _, first, code = np.unique(numbers, return_index=True, return_inverse=True)
    names: list[str | None] = []
    for row in first.tolist():
        labels = [topics[topic] for topic in given[row].tolist() if topic >= 0]
        labels += [tones[answers.tones[row]]] if with_tone and answers.tones[row] >= 0 else []
        names.append(None if silent[row] else name(labels))
    return np.array([*names, None], dtype=object)[code]


def _tone_scores(model: Model, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give P(cooperative) - P(tense) of each row; NaN where the model has no such tones."""
    if "cooperative" not in model.tones or "tense" not in model.tones:
        return np.full(len(probabilities), np.nan)
    cooperative, tense = model.labels.index("cooperative"), model.labels.index("tense")
    scores: NDArray[np.float64] = probabilities[:, cooperative] - probabilities[:, tense]
    return scores

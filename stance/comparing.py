"""How two models differ on a corpus: what each gives, how often they agree, and where they are farthest apart."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stance.model import BATCH, Model
from stance.terminal import one_line, printable

__all__ = ["Comparison", "LabelComparison", "compare"]


@dataclass(frozen=True, slots=True)
class LabelComparison:
    """How two models differ in one label.

    Attributes
    ----------
    label, head : str
        The head is "topics" or "tone".
    first, second : int or None
        How many texts each model gives it to; None where the model has no such label.
    both : int
        How many texts both give it to.
    kappa : float or None
        Cohen's kappa (J. Cohen, 1960): their agreement beyond chance, at most 1; None where one has no such label, or
        where both give it to all texts or to none.
    difference : float or None
        Mean absolute difference of the probabilities, over the texts that both answer.
    """

    label: str
    head: str
    first: int | None
    second: int | None
    both: int
    kappa: float | None
    difference: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """How two models differ on some texts; prints as a table.

    Attributes
    ----------
    n_texts : int
    n_answered : tuple of (int, int, int)
        How many texts the first model answers, the second, and both.
    same_topics, same_tone : int or None
        Of those that both answer, how many get the same topics, and the same tone; None where a model has no such head.
    labels : list of LabelComparison
        Those of the first model, then those that only the second has.
    farthest : list of dict
        The texts whose probabilities differ most in one label: ``text``, ``label``, ``first``, ``second``.
    """

    n_texts: int
    n_answered: tuple[int, int, int]
    same_topics: int | None
    same_tone: int | None
    labels: list[LabelComparison]
    farthest: list[dict[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """Give the figures as plain types that `json.dumps` takes."""
        return asdict(self)

    def __str__(self) -> str:
        first, second, both = self.n_answered
        lines = [f"{self.n_texts:,} texts: A answers {first:,}, B {second:,}, both {both:,}"]
        for name, same in (("topics", self.same_topics), ("tone", self.same_tone)):
            if same is not None and both:
                lines.append(f"the same {name} for {same:,} of {both:,} ({same / both:.1%})")
        width = max(len("label"), *(len(row.label) for row in self.labels))
        lines += ["", f"{'label':<{width}} {'A':>8} {'B':>8} {'both':>8} {'kappa':>6} {'|pA-pB|':>8}"]
        lines += [_line(row, width) for row in self.labels]
        if self.farthest:
            lines += ["", "farthest apart"]
        for row in self.farthest:
            lines.append(f"{row['label']:<{width}} {row['first']:8.2f} {row['second']:8.2f} {one_line(row['text'])}")
        return printable("\n".join(lines))


def compare(first: Model, second: Model, texts: Iterable[str], k: int = 5) -> Comparison:
    """Compare two models on texts, which are looked at in batches.

    Parameters
    ----------
    first, second : Model
        Of any labels; those with the same name are compared.
    texts : iterable of str
    k : int
        How many texts to name on which they are farthest apart.

    Returns
    -------
    Comparison

    Examples
    --------
    >>> import stance
    >>> model = stance.load()
    >>> compare(model, model, ["Peace talks resumed.", "Troops shelled the town."]).same_tone
    2
    """
    labels = [
        *(("topics", label) for label in dict.fromkeys([*first.topics, *second.topics])),
        *(("tone", label) for label in dict.fromkeys([*first.tones, *second.tones])),
    ]
    counts = _Counts(labels)
    farthest: list[tuple[float, int, dict[str, Any]]] = []
    for batch in _batches(texts):
        one, other = _Given.of(first, batch, labels), _Given.of(second, batch, labels)
        gaps = np.nan_to_num(np.abs(one.probabilities - other.probabilities))
        for row in np.argsort(-gaps.max(axis=1), kind="stable")[:k].tolist():
            column = int(gaps[row].argmax())
            found = {
                "text": batch[row],
                "label": labels[column][1],
                "first": float(one.probabilities[row, column]),
                "second": float(other.probabilities[row, column]),
            }
            if gaps[row, column]:
                heapq.heappush(farthest, (float(gaps[row, column]), -counts.n_texts - row, found))
        while len(farthest) > k:
            heapq.heappop(farthest)
        counts.add(one, other, gaps)
    return Comparison(
        n_texts=counts.n_texts,
        n_answered=(counts.n_first, counts.n_second, counts.n_both),
        same_topics=counts.n_same["topics"] if first.topics and second.topics else None,
        same_tone=counts.n_same["tone"] if first.tones and second.tones else None,
        labels=[counts.label(column, first, second) for column in range(len(labels))],
        farthest=[found for _, _, found in sorted(farthest, key=lambda item: item[:2], reverse=True)],
    )


Label = tuple[str, str]
"""A head and a label of it."""


@dataclass(frozen=True, eq=False)
class _Given:
    """What a model gives to some texts, in the columns of both models' labels."""

    answered: NDArray[np.bool_]
    given: NDArray[np.bool_]
    probabilities: NDArray[np.float64]

    @classmethod
    def of(cls, model: Model, texts: list[str], labels: list[Label]) -> _Given:
        """Ask a model; where it has no such label or no answer, the probability is NaN."""
        answers = model.answers(texts)
        n_topics = len(model.topics)
        own = [("topics", label) for label in model.topics] + [("tone", label) for label in model.tones]
        columns = np.array([labels.index(label) for label in own])
        given = np.zeros((len(texts), len(labels)), dtype=bool)
        probabilities = np.full(given.shape, np.nan)
        probabilities[:, columns] = np.asarray(answers.probabilities).reshape(len(texts), -1)
        places = [np.asarray(answers.topics).reshape(len(texts), -1)] if n_topics else []
        tones = np.asarray(answers.tones)
        places.append(np.where(tones < 0, -1, tones + n_topics)[:, np.newaxis])
        rows, which = np.nonzero(np.hstack(places) >= 0)
        given[rows, columns[np.hstack(places)[rows, which]]] = True
        return cls(np.asarray(answers.reasons) == 0, given, probabilities)


class _Counts:
    """What is counted over all texts."""

    def __init__(self, labels: list[Label]) -> None:
        self._labels = labels
        self.n_texts = self.n_first = self.n_second = self.n_both = 0
        self.n_same = {"topics": 0, "tone": 0}
        self._first, self._second, self._given_by_both = (np.zeros(len(labels), dtype=np.int64) for _ in range(3))
        self._gaps = np.zeros(len(labels))

    def add(self, one: _Given, other: _Given, gaps: NDArray[np.float64]) -> None:
        both = one.answered & other.answered
        self.n_texts += len(both)
        self.n_first += int(one.answered.sum())
        self.n_second += int(other.answered.sum())
        self.n_both += int(both.sum())
        self._first += one.given.sum(axis=0)
        self._second += other.given.sum(axis=0)
        self._given_by_both += (one.given & other.given).sum(axis=0)
        self._gaps += gaps.sum(axis=0)
        for head in self.n_same:
            columns = [column for column, label in enumerate(self._labels) if label[0] == head]
            same = (one.given[:, columns] == other.given[:, columns]).all(axis=1)
            self.n_same[head] += int((both & same).sum())

    def label(self, column: int, first: Model, second: Model) -> LabelComparison:
        head, label = self._labels[column]
        by_first, by_second = int(self._first[column]), int(self._second[column])
        by_both = int(self._given_by_both[column])
        has_first, has_second = (
            label in (model.topics if head == "topics" else model.tones) for model in (first, second)
        )
        is_shared = has_first and has_second
        return LabelComparison(
            label=label,
            head=head,
            first=by_first if has_first else None,
            second=by_second if has_second else None,
            both=by_both,
            kappa=_kappa(by_first, by_second, by_both, self.n_texts) if is_shared else None,
            difference=float(self._gaps[column]) / self.n_both if is_shared and self.n_both else None,
        )


def _kappa(first: int, second: int, both: int, n: int) -> float | None:
    """Give Cohen's kappa of two judges who say yes so many times; None where chance alone makes them agree."""
    by_chance = (first * second + (n - first) * (n - second)) / n**2 if n else 1.0
    if by_chance == 1:
        return None
    return ((n - first - second + 2 * both) / n - by_chance) / (1 - by_chance)


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    source = iter(texts)
    while batch := list(itertools.islice(source, BATCH)):
        yield batch


def _line(row: LabelComparison, width: int) -> str:
    first, second = ("none" if count is None else f"{count:,}" for count in (row.first, row.second))
    kappa = "" if row.kappa is None else f"{row.kappa:.2f}"
    difference = "" if row.difference is None else f"{row.difference:.3f}"
    return f"{row.label:<{width}} {first:>8} {second:>8} {row.both:>8,} {kappa:>6} {difference:>8}".rstrip()

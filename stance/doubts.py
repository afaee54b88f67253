"""What is doubtful in labelled rows: texts without ground, labels that are probably wrong, near duplicates."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from stance.calibration import MIN_EXAMPLES
from stance.counting import Corpus
from stance.errors import MissingExtraError, StanceWarning, TrainingError, listed
from stance.labelled import Labelled
from stance.learning import MIN_GROUPS, CrossValidation, fit
from stance.similarity import near_pairs, word_features
from stance.table import SEPARATOR

__all__ = ["Doubt", "Validated", "cell_of", "import_judge", "near_duplicates", "without_ground"]

NEAR = 0.8
"""Texts with this cosine or more are nearly the same: 99 in 100 keep it when a tenth of their words is changed."""
USUAL = 0.9
"""At least such a share of the texts is in the language of the rows."""
UNFAMILIAR = 0.5
"""How far from the usual words to unknown ones a text's words are from which on it is unfamiliar."""

Judge: TypeAlias = Callable[..., NDArray[np.bool_]]
"""`cleanlab.filter.find_label_issues`."""


@dataclass(frozen=True)
class Doubt:
    """A finding before it is written down: the place of its row among the ordered ones, and what is said of it."""

    place: int
    problem: str
    role: str
    suggested: str
    score: float
    reason: str


def import_judge() -> Judge:
    """Import what finds wrong labels, or raise `MissingExtraError`."""
    try:
        from cleanlab.filter import find_label_issues
    except ImportError:
        raise MissingExtraError("finding wrong labels", "cleanlab", "curate") from None
    judge: Judge = find_label_issues
    return judge


def without_ground(corpus: Corpus) -> Iterator[Doubt]:
    """Find texts without words, and those whose words are mostly in no other text."""
    has_words = corpus.lengths > 0
    for place in np.flatnonzero(~has_words).tolist():
        yield Doubt(place, "empty", "text", "", 1.0, "there is no word in it")
    if not has_words.any():
        return
    n_others = len(has_words) - 1
    in_others = np.bincount(corpus.counts.indices, minlength=len(corpus.tokens)) - 1  # of the texts that have the word
    rarity = np.log((1.0 + n_others) / (1.0 + in_others))
    mean = (corpus.counts @ rarity) / np.maximum(corpus.lengths, 1)
    usual = np.quantile(mean[has_words], USUAL)
    to_unknown = np.log(1.0 + n_others) - usual
    if to_unknown <= 0:  # most texts share no word with another: which of them is unfamiliar, nobody can say
        return
    distance = (mean - usual) / to_unknown
    for place in np.flatnonzero(has_words & (distance > UNFAMILIAR)).tolist():
        reason = "hardly any of its words is in another row: it may be in another language"
        yield Doubt(place, "unfamiliar", "text", "", float(distance[place]), reason)


@dataclass(frozen=True, eq=False)
class Validated:
    """What models say of rows that they have not seen.

    Attributes
    ----------
    validation : CrossValidation
    places : ndarray of int64, shape (n_rows,)
        The place of each of its rows among the ordered ones.
    is_judged : ndarray of bool, shape (n_rows,)
        Whether the labels of a row can be judged by its words.
    """

    validation: CrossValidation
    places: NDArray[np.int64]
    is_judged: NDArray[np.bool_]

    @classmethod
    def of(
        cls, labelled: Labelled, silent: set[int], random_state: int, n_jobs: int, progress: bool | None
    ) -> Validated:
        """Cross-validate; the findings say what `stance.train` would warn of."""
        with warnings.catch_warnings(action="ignore", category=StanceWarning):
            _, validation = fit(labelled, random_state, n_jobs, progress, every_fold=True)
        if validation is None:
            n_groups = len(set(labelled.documents()))
            raise TrainingError(
                f"expected at least {MIN_GROUPS} different texts or groups, to judge each row by the others, "
                f"but got {n_groups}: add labelled rows"
            )
        _warn_of_rare_labels(validation)
        places = [place for _, place in validation.labelled.places]
        return cls(validation, np.array(places), np.array([place not in silent for place in places]))

    @property
    def _topics(self) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """The topics given, and their probabilities."""
        given = self.validation.targets.topics
        return given, self.validation.probabilities[:, : given.shape[1]]

    @property
    def _tones(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The place of the tone given, and the probabilities of all."""
        return self.validation.targets.tones, self.validation.probabilities[:, len(self.validation.topics) :]

    def wrong_topics(self, judge: Judge) -> Iterator[Doubt]:
        """Find rows with topics that are probably wrong, each topic on its own."""
        given, probabilities = self._topics
        names = self.validation.topics
        wrong = np.zeros_like(given)
        for topic in np.flatnonzero(_examples(given[self.is_judged]) >= MIN_EXAMPLES).tolist():
            truth, here = given[self.is_judged, topic].astype(np.int64), probabilities[self.is_judged, topic]
            both = np.column_stack([1 - here, here])
            wrong[self.is_judged, topic] = judge(truth, both, filter_by="confident_learning", n_jobs=1)
        doubt = np.where(given, 1 - probabilities, probabilities)
        for row in np.flatnonzero(wrong.any(axis=1)).tolist():
            topics = sorted(np.flatnonzero(wrong[row]).tolist(), key=lambda topic: -doubt[row, topic])
            suggested = sorted(names[topic] for topic in np.flatnonzero(given[row] ^ wrong[row]).tolist())
            said = [
                f"{names[topic]!r} is {'given' if given[row, topic] else 'not given'} but has probability "
                f"{probabilities[row, topic]:.2f}"
                for topic in topics
            ]
            yield Doubt(
                int(self.places[row]),
                "wrong label",
                "topics",
                SEPARATOR.join(suggested),
                float(doubt[row, topics[0]]),
                f"judged by the other rows: {', '.join(said)}",
            )

    def wrong_tones(self, judge: Judge) -> Iterator[Doubt]:
        """Find rows whose tone is probably wrong."""
        given, probabilities = self._tones
        names = self.validation.tones
        counts = np.bincount(given[given >= 0], minlength=len(names))
        rows = np.flatnonzero((given >= 0) & self.is_judged)
        rows = rows[counts[given[rows]] >= MIN_EXAMPLES]
        if len(np.unique(given[rows])) < 2:
            return
        wrong = judge(given[rows], probabilities[rows], filter_by="low_self_confidence", n_jobs=1)
        for row in rows[wrong].tolist():
            best = int(np.argmax(np.where(np.arange(len(names)) == given[row], -1.0, probabilities[row])))
            reason = (
                f"judged by the other rows: {names[given[row]]!r} is given but has probability "
                f"{probabilities[row, given[row]]:.2f}, and {names[best]!r} has {probabilities[row, best]:.2f}"
            )
            score = float(1 - probabilities[row, given[row]])
            yield Doubt(int(self.places[row]), "wrong label", "tone", names[best], score, reason)

    def doubts(self, role: str, n_rows: int) -> NDArray[np.float64]:
        """Give how probable it is that the label of each row is wrong; 0 for a row without one."""
        doubt = np.zeros(n_rows)
        if role == "topics":
            given, probabilities = self._topics
            doubt[self.places] = np.where(given, 1 - probabilities, probabilities).max(axis=1, initial=0.0)
        else:
            tones, probabilities = self._tones
            rows = np.flatnonzero(tones >= 0)
            doubt[self.places[rows]] = 1 - probabilities[rows, tones[rows]]
        return doubt


def near_duplicates(labelled: Labelled, corpus: Corpus, validated: Validated, where: Sequence[str]) -> Iterator[Doubt]:
    """Find rows with nearly the same text as another with other labels: of the two, the one that is more doubtful."""
    copies: dict[tuple[object, ...], list[int]] = {}
    heads = [cells for cells in (labelled.topics, labelled.tones) if cells is not None]
    for place, key in enumerate(zip(labelled.texts, *heads, strict=True)):
        copies.setdefault(key, []).append(place)
    groups = list(copies.values())  # rows that are alike in all are compared once, however many they are
    pairs = near_pairs(word_features(corpus)[[places[0] for places in groups]], NEAR)
    for role, cells in (("topics", labelled.topics), ("tone", labelled.tones)):
        if cells is None:
            continue
        doubt = validated.doubts(role, len(labelled))
        for first, second, cosine in zip(*(part.tolist() for part in pairs), strict=True):
            one, other = groups[first][0], groups[second][0]
            if cells[one] is None or cells[other] is None or cells[one] == cells[other]:
                continue
            suspects, kept = (groups[first], other) if doubt[one] > doubt[other] else (groups[second], one)
            label = cell_of(cells[kept])
            reason = f"nearly the same text as {where[kept]}, which has {label!r}"
            for suspect in suspects:
                yield Doubt(suspect, "near duplicate", role, label, cosine, reason)


def _examples(given: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Count for each topic the rows with it, or those without where they are fewer."""
    examples: NDArray[np.int64] = np.minimum(given.sum(axis=0), (~given).sum(axis=0))
    return examples


def _warn_of_rare_labels(validation: CrossValidation) -> None:
    counts = [*_examples(validation.targets.topics).tolist()]
    counts += [int((validation.targets.tones == tone).sum()) for tone in range(len(validation.tones))]
    names = [*validation.topics, *validation.tones]
    rare = [f"{name!r} ({count})" for name, count in zip(names, counts, strict=True) if count < MIN_EXAMPLES]
    if rare:
        warnings.warn(
            f"too few rows with a label, or without it, to judge it (fewer than {MIN_EXAMPLES}): {listed(rare)}",
            StanceWarning,
            stacklevel=4,  # the caller of `audit`
        )


def cell_of(labels: tuple[str, ...] | str | None) -> str:
    """Give the cell of a table for a tone, or for topics."""
    return SEPARATOR.join(labels) if isinstance(labels, tuple) else labels or ""

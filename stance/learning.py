"""`train`: from labelled rows to a `Model`."""

from __future__ import annotations

import operator
import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import repeat
from typing import Any, Protocol

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from stance.adapting import adapt, labels_with
from stance.calibration import MIN_EXAMPLES, Mixture, fit_rule
from stance.counting import SUBWORD_LENGTHS, Corpus
from stance.errors import StanceWarning, TrainingError, listed, shorten
from stance.evaluation import Report
from stance.heads import DEFAULT_STRENGTH, MAX_TERMS, Fold, Taught, Trainer, Unseen
from stance.labelled import Labelled, Source, Targets
from stance.model import Model
from stance.parameters import Parameters, quantise
from stance.taxonomy import TONES, TOPICS, in_order_of
from stance.version import VERSION

__all__ = ["CrossValidation", "Teacher", "cross_validate", "fit", "folds_of", "train"]

MANY_ROWS = 50_000
"""With more texts than this, one fold of five is enough to calibrate on, and subwords of one length beside words and
pairs."""
SUBWORD_LENGTHS_OF_MANY = (4, 4)
N_FOLDS = 5
MIN_GROUPS = 10
"""With fewer different texts than this there is no cross-validation."""
SMALL = 200
"""With fewer texts than this, a word that only one of them has is kept too."""
EVERY_TEXT = "every text will get it"
NEAR = 0.85
"""A new label this near to one of the base, by `difflib`, may be the same."""


def train(
    data: Source,
    text: str = "text",
    topics: str | None = "topics",
    tone: str | None = "tone",
    *,
    base: Model | None = None,
    group: str | None = "group",
    encoding: str | None = None,
    random_state: int = 0,
    n_jobs: int = -1,
    progress: bool | None = None,
) -> Model:
    """Train a model on labelled rows.

    Parameters
    ----------
    data : path, sequence of paths, or pandas.DataFrame
        Labelled rows: CSV, TSV, JSONL (these also gzipped) or Parquet files, or a frame.
    text : str
        The column with the texts. Rows without text are left out, with a warning.
    topics : str or None
        The column with the topics: labels with ``|`` between, or lists of labels; an empty cell means none. A table
        without the column, or None, gives a model of tone only.
    tone : str or None
        The column with the tone, one label a row; rows with an empty cell teach topics only. A table without the
        column, or None, gives a model of topics only.
    base : Model, optional
        A model to start from, such as ``stance.load()``: the rows correct its labels and may add some. Labels that no
        row has stay as they are; so do all where correcting them makes them no better on rows held out. Rows that have
        none of the base's tones replace its tones.
    group : str or None
        A column that names the document of a row: rows of one document stay in one fold. Rows with the same text do
        so anyway.
    encoding : str, optional
        The encoding of text files, by default UTF-8.
    random_state : int
        The same rows, in any order, with the same `random_state` give the same model, byte for byte; on a processor of
        another kind, for which BLAS adds in another order, calibration may differ in the 15th digit.
    n_jobs : int
        Fits at the same time; -1 for one a core. It does not change the model.
    progress : bool, optional
        Whether to show a progress bar; by default where standard error is a terminal.

    Returns
    -------
    Model
        Its `card` holds the scores from cross-validation.

    Raises
    ------
    TableError
        The table cannot be read or lacks a column.
    TrainingError
        There are fewer than two rows with text, no word in any of them, no label at all, or a topic and a tone of the
        same name.
    TypeError
        `base` is not a Model.

    Warns
    -----
    StanceWarning
        Rows without text, rows with the same text and other labels, labels too rare to cross-validate, a tone column
        with one label, too few rows to cross-validate; with a base: a new topic or tone that is spelt almost like one
        of the base, and rows of which the base knows too few words.

    Notes
    -----
    Words and pairs are weighted by sublinear TF-IDF, subwords by linear TF-IDF over the root of the text's length. Each
    topic has a logistic regression of its own, tone a multinomial one. The penalty is chosen by log-loss on a fold;
    calibration and thresholds come from decision values of five-fold cross-validation (`stance.calibration`). How a
    base is corrected, `stance.adapting` says.

    Examples
    --------
    >>> import pandas as pd, stance
    >>> rows = pd.DataFrame({
    ...     "text": ["Tariffs on steel rise.", "The vaccine is safe.", "Steel exports fall.", "A virus spreads."],
    ...     "topics": ["trade", "health", "trade", "health"],
    ... })
    >>> import warnings
    >>> with warnings.catch_warnings(action="ignore"):
    ...     model = stance.train(rows)
    >>> model.topics, model.tones
    (('trade', 'health'), ())

    With a base, the labels of the rows are added to those that it has:

    >>> with warnings.catch_warnings(action="ignore"):
    ...     model = stance.train(rows.assign(topics=["tariffs", "", "tariffs", ""]), base=stance.load())
    >>> model.topics[-2:], model.tones
    (('culture', 'tariffs'), ('cooperative', 'tense', 'mixed', 'neutral'))
    """
    if not isinstance(base, Model | None):
        raise TypeError(f"expected base to be a Model, such as stance.load(), but got {type(base).__name__}")
    labelled = Labelled.read(data, text, topics, tone, group, encoding)
    if base is not None:
        return _adapted(labelled, base, random_state, n_jobs, progress)
    return fit(labelled, random_state, n_jobs, progress)[0]


def _adapted(labelled: Labelled, base: Model, random_state: int, n_jobs: int, progress: bool | None) -> Model:
    """Start from a base: the whole of `train` after reading."""
    random_state = operator.index(random_state)
    labelled = _usable(labelled).ordered()
    own_topics, own_tones = _label_names(labelled)
    topics, tones = labels_with(base, own_topics, own_tones)
    _check_distinct(topics, tones)
    folds = folds_of(labelled, random_state, N_FOLDS)
    is_old = set(own_tones) <= set(base.tones)
    _warn_of_one_tone(own_tones, "the tones of the base stay as they are" if is_old else EVERY_TEXT)
    _warn_of_contradictions(labelled)
    _warn_of_new_labels(labelled, base, topics, tones)
    _warn_of_strangers(labelled, base)
    if folds:
        own = topics[len(base.topics) :], () if set(tones) & set(base.tones) else tones
        _warn_of_rare_labels(labelled, Targets.of(labelled, *own)[0], *own)
    else:
        _warn_of_few_rows(
            labelled, "labels of the base stay as they are, new ones are not calibrated and have 0.5 as threshold"
        )
    with threadpool_limits(1):
        return adapt(labelled, base, topics, tones, folds, random_state, n_jobs, progress)


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """The answers that rows got from heads and rules that were not fitted on them.

    Attributes
    ----------
    topics, tones : tuple of str
        The labels.
    labelled : Labelled
        The rows, in the order of the arrays.
    targets : Targets
        Their labels.
    probabilities : ndarray of float64, shape (n_rows, n_labels)
        Calibrated by a rule fitted on the other folds.
    given : list of tuple of int
        The topics given by that rule.
    """

    topics: tuple[str, ...]
    tones: tuple[str, ...]
    labelled: Labelled
    targets: Targets
    probabilities: NDArray[np.float64]
    given: list[tuple[int, ...]]

    def report(self, rows: Sequence[int] | None = None) -> Report:
        """Judge all rows, or some of them."""
        chosen = np.arange(len(self.given)) if rows is None else np.array(rows, dtype=np.int64)
        given = [self.given[row] for row in chosen.tolist()]
        return Report.of(self.topics, self.tones, self.targets.take(chosen), self.probabilities[chosen], given)


class Teacher(Protocol):
    """What labels texts that nobody labelled, having seen some rows.

    Attributes
    ----------
    texts : sequence of str
        The texts. None of them may be one of the labelled rows.
    weight : float
        How many labelled rows each counts as.
    """

    texts: Sequence[str]
    weight: float

    def label(self, labelled: Labelled, targets: Targets) -> NDArray[np.float32]:
        """Give the probability of each label for each text, learned from these rows: shape (n_texts, n_labels)."""
        ...


def fit(
    labelled: Labelled,
    random_state: int = 0,
    n_jobs: int = -1,
    progress: bool | None = None,
    teacher: Teacher | None = None,
    max_terms: int = MAX_TERMS,
    every_fold: bool = False,
) -> tuple[Model, CrossValidation | None]:
    """Train a model on labelled rows, and give the cross-validation too: the whole of `train` after reading.

    Parameters
    ----------
    labelled : Labelled
    random_state, n_jobs, progress
        As for `train`.
    teacher : Teacher, optional
        Labels more texts for the heads to learn from. For each fold it sees no row but those that the fold trains on;
        a `Mixture` that corrects its habits, calibration, thresholds and scores come from labelled rows alone.
    max_terms : int
        Of the words, of the pairs and of the subwords, the most that the model keeps.
    every_fold : bool
        Whether the cross-validation has every row, however many there are.

    Returns
    -------
    model : Model
    cross_validation : CrossValidation or None
        None where the rows are too few for one.
    """
    random_state = operator.index(random_state)
    labelled = _usable(labelled).ordered()
    topic_names, tone_names = _label_names(labelled)
    _warn_of_one_tone(tone_names, EVERY_TEXT)
    targets, _ = Targets.of(labelled, topic_names, tone_names)
    n_texts = len(labelled)
    subword_lengths = SUBWORD_LENGTHS_OF_MANY if n_texts > MANY_ROWS else SUBWORD_LENGTHS
    texts = labelled.texts if teacher is None else [*labelled.texts, *teacher.texts]
    reading = (
        delayed(Corpus.read)(texts, subword_lengths),
        delayed(folds_of)(labelled, random_state, N_FOLDS if every_fold else None),
    )
    corpus, folds, digest = Parallel(n_jobs, prefer="threads")([*reading, delayed(labelled.digest)()])
    _warn_of_contradictions(labelled)
    if folds:
        _warn_of_rare_labels(labelled, targets, topic_names, tone_names)
    else:
        _warn_of_few_rows(labelled, "probabilities are not calibrated and every threshold is 0.5")
    if not corpus.tokens:
        raise TrainingError(f"expected texts with words, but none of the {n_texts} has one of two or more letters")
    trainer = Trainer(corpus, targets, 1 if n_texts < SMALL else 2, n_jobs, at_once=True, max_terms=max_terms)
    disable = None if progress is None else not progress
    # One thread a fit: sums then do not depend on the number of threads.
    with tqdm(total=len(folds) + 2, desc="training", leave=False, disable=disable) as steps, threadpool_limits(1):
        first = [delayed(trainer.search)(fold, random_state) for fold in folds[:1]]
        first += [delayed(trainer.vocabulary)(np.arange(len(texts)))] if n_texts > MANY_ROWS else []
        found = list(trainer.together(first))
        strengths = found.pop(0) if folds else (DEFAULT_STRENGTH, DEFAULT_STRENGTH)
        trainer = trainer.sharing(*found) if found else trainer
        steps.update()
        unseen = Unseen.empty(len(topic_names) + len(tone_names))
        jobs = [
            delayed(trainer.hold_out)(*fold, strengths, _taught(teacher, labelled, targets, fold[0])) for fold in folds
        ]
        everything = np.arange(n_texts)
        last = delayed(trainer.fit)(everything, strengths, _taught(teacher, labelled, targets, everything))
        *held_out, (vocabulary, (weights, intercept)) = _counted(trainer.together([*jobs, last]), steps)
        for part in held_out:
            unseen = unseen.joined(part)
        decisions, truth = unseen.decisions, targets.take(unseen.rows)
        is_mixed = teacher is not None and bool(folds)
        if is_mixed:
            mixture = Mixture.fit(decisions, truth)
            decisions = mixture.mixed(decisions)
            weights, intercept = weights @ mixture.matrix, mixture.mixed(intercept)
        rule = fit_rule(decisions, truth, targets.max_topics)
        validation = None
        if folds:
            validation = cross_validate(labelled, unseen, targets, topic_names, tone_names, is_mixed)
        steps.update()
    card: dict[str, Any] = {
        "data": {"rows": n_texts, "sha256": digest},
        "stance": VERSION,
        "settings": {"C": dict(zip(("topics", "tone"), strengths, strict=True)), "random_state": random_state},
    }
    if validation is not None:
        card["cross_validation"] = validation.report().to_dict(curves=False)
    n_terms = len(vocabulary.idf)
    term_weights, weight_scale = quantise(weights[:n_terms] * vocabulary.idf[:, np.newaxis])
    subword_weights, subword_scale = quantise(weights[n_terms:] * vocabulary.subword_units[:, np.newaxis])
    parameters = Parameters(
        topics=topic_names,
        tones=tone_names,
        words=tuple(corpus.tokens[word] for word in vocabulary.words),
        pairs=vocabulary.pairs.astype(np.uint32),
        idf=vocabulary.idf,
        unknown_idf=vocabulary.unknown_idf,
        weights=term_weights,
        weight_scale=weight_scale,
        subwords=tuple(corpus.subwords[subword] for subword in vocabulary.subwords),
        subword_lengths=subword_lengths,
        subword_weights=subword_weights,
        subword_scale=subword_scale,
        intercept=intercept,
        rule=rule,
        min_known=unseen.min_known,
        max_mean_idf=unseen.max_mean_idf(vocabulary.unknown_idf),
        card=card,
    )
    return Model(parameters), validation


def _taught(teacher: Teacher | None, labelled: Labelled, targets: Targets, rows: NDArray[np.int64]) -> Taught | None:
    """Ask the teacher, who has seen some rows; its texts come after the labelled ones in the corpus."""
    if teacher is None:
        return None
    truth = teacher.label(labelled.take(rows.tolist()), targets.take(rows))
    return Taught(len(labelled) + np.arange(len(teacher.texts)), truth, teacher.weight)


def _counted(fits: Iterator[Any], steps: tqdm[Any]) -> Iterator[Any]:
    """Give the results of fits, each with a step of the progress bar; the last one's comes with the end of all."""
    for number, result in enumerate(fits):
        if number:
            steps.update()
        yield result


def _usable(labelled: Labelled) -> Labelled:
    """Leave out the rows without text, with a warning, and raise where too few are left."""
    kept = [row for row, text in enumerate(labelled.texts) if text.strip()]
    if len(kept) < len(labelled):
        first = next(row for row, text in enumerate(labelled.texts) if not text.strip())
        _warn(f"{labelled.where(first)}no text; {len(labelled) - len(kept)} such rows are left out")
    if len(kept) < 2:
        raise TrainingError(f"expected at least 2 rows with text, but got {len(kept)}: add labelled rows")
    return labelled.take(kept)


def _label_names(labelled: Labelled) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give the topics and the tones, those of the codebook first and in its order."""
    topics = tuple(in_order_of(TOPICS, {topic for row in labelled.topics or [] for topic in row}))
    tones = tuple(in_order_of(TONES, {tone for tone in labelled.tones or [] if tone is not None}))
    for name in (*topics, *tones):
        if "\n" in name or any("\ud800" <= character <= "\udfff" for character in name):
            raise TrainingError(f"expected labels of one line and of whole characters, but got {shorten(repr(name))}")
    _check_distinct(topics, tones)
    if not topics and not tones:
        raise TrainingError("expected at least one labelled row, but every label cell is empty")
    return topics, tones


def _check_distinct(topics: Sequence[str], tones: Sequence[str]) -> None:
    both = set(topics) & set(tones)
    if both:
        raise TrainingError(f"expected different names for topics and tones, but both have {listed(sorted(both))}")


def folds_of(labelled: Labelled, random_state: int, n_used: int | None = None) -> list[Fold]:
    """Divide the rows into folds by document or text, and give some of them; none where there are too few rows."""
    documents = labelled.documents()
    groups = {document: place for place, document in enumerate(sorted(set(documents)))}
    if len(groups) < MIN_GROUPS:
        return []
    fold_of_group = np.random.default_rng(random_state).permutation(len(groups)) % N_FOLDS
    fold_of_row = fold_of_group[[groups[document] for document in documents]]
    n_used = n_used or (1 if len(labelled) > MANY_ROWS else N_FOLDS)
    return [(np.flatnonzero(fold_of_row != fold), np.flatnonzero(fold_of_row == fold)) for fold in range(n_used)]


def cross_validate(
    labelled: Labelled,
    unseen: Unseen,
    targets: Targets,
    topic_names: tuple[str, ...],
    tone_names: tuple[str, ...],
    is_mixed: bool = False,
) -> CrossValidation:
    """Turn cross-validated decisions into answers, each fold by a mixture, if any, and a rule fitted on the others.

    Parameters
    ----------
    labelled : Labelled
    unseen : Unseen
        Decision values of rows that the heads were not fitted on.
    targets : Targets
        The labels of all rows.
    topic_names, tone_names : tuple of str
    is_mixed : bool
        Whether there is a mixture.
    """
    truth = targets.take(unseen.rows)
    folds = unseen.fold if unseen.fold.any() else np.arange(len(unseen.fold)) % 2
    probabilities = np.zeros_like(unseen.decisions)
    given: list[tuple[int, ...]] = [()] * len(folds)
    for fold in np.unique(folds):
        here, there = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        decisions = unseen.decisions
        if is_mixed:
            decisions = Mixture.fit(decisions[there], truth.take(there)).mixed(decisions)
        rule = fit_rule(decisions[there], truth.take(there), targets.max_topics)
        probabilities[here] = rule.probabilities(decisions[here])
        for row, chosen in zip(here.tolist(), rule.topics(probabilities[here]), strict=True):
            given[row] = chosen
    return CrossValidation(topic_names, tone_names, labelled.take(unseen.rows.tolist()), truth, probabilities, given)


def _warn(message: str) -> None:
    warnings.warn(message, StanceWarning, stacklevel=5)  # the caller of `train`


def _warn_of_one_tone(tones: Sequence[str], what_follows: str) -> None:
    if len(tones) == 1:
        _warn(f"the tone column has only the label {tones[0]!r}: {what_follows}")


def _warn_of_new_labels(labelled: Labelled, base: Model, topics: Sequence[str], tones: Sequence[str]) -> None:
    """Warn of new labels that may be others of the base, misspelt."""
    known = {_plain(name): name for name in base.labels}
    for column, names in (("topics", topics), ("tone", tones)):
        for name in names:
            close = get_close_matches(_plain(name), known, n=1, cutoff=NEAR) if name not in base.labels else []
            if close:
                row = min(_having(labelled, name), key=lambda row: labelled.places[row][1])
                _warn(
                    f"{labelled.where(row, column)}the label {name!r} is new, but the base has {known[close[0]]!r}: "
                    "rename it if it is the same"
                )


def _plain(name: str) -> str:
    return name.casefold().replace("_", "-").replace(" ", "-")


def _warn_of_strangers(labelled: Labelled, base: Model) -> None:
    """Warn where the base knows too few words of the rows to be of use."""
    n_strange = int(np.count_nonzero(base.answers(labelled.texts).reasons))
    if 2 * n_strange > len(labelled):
        _warn(
            f"the base has no ground for an answer on {n_strange} of {len(labelled)} rows: it knows too few of their "
            "words to be of use; train without a base, or with one of their language"
        )


def _warn_of_contradictions(labelled: Labelled) -> None:
    """Warn of rows with the same text and other labels; they all stay, and the heads learn the mixture."""
    if len(set(labelled.texts)) == len(labelled):
        return
    for column, values in (("topics", labelled.topics), ("tone", labelled.tones)):
        if values is None:
            continue
        rows_of: dict[str, list[int]] = defaultdict(list)
        for row in sorted(range(len(labelled)), key=lambda row: labelled.places[row][1]):
            if values[row] is not None:
                rows_of[labelled.texts[row]].append(row)
        pairs = [
            (rows[0], other) for rows in rows_of.values() for other in rows[1:] if values[other] != values[rows[0]]
        ]
        if pairs:
            one, other = min(pairs, key=lambda pair: labelled.places[pair[1]][1])
            _warn(
                f"{labelled.where(other, column)}the same text as {labelled.where(one).rstrip(': ')}, but labelled "
                f"{_shown(values[other])} instead of {_shown(values[one])}; {len(pairs)} such rows, all are kept"
            )


def _shown(value: object) -> str:
    return repr("|".join(value) if isinstance(value, tuple) else value)


def _warn_of_few_rows(labelled: Labelled, what_follows: str) -> None:
    _warn(
        f"{len(labelled)} rows are too few to cross-validate (at least {MIN_GROUPS} different texts or groups are "
        f"needed): {what_follows}"
    )


def _warn_of_rare_labels(
    labelled: Labelled, targets: Targets, topic_names: tuple[str, ...], tone_names: tuple[str, ...]
) -> None:
    counts = [*targets.topics.sum(axis=0).tolist(), *((targets.tones == tone).sum() for tone in range(len(tone_names)))]
    rare = [
        (name, count) for name, count in zip([*topic_names, *tone_names], counts, strict=True) if count < MIN_EXAMPLES
    ]
    if rare:
        name = rare[0][0]
        column = "topics" if name in topic_names else "tone"
        row = min(_having(labelled, name), key=lambda row: labelled.places[row][1])
        _warn(
            f"{labelled.where(row, column)}too few rows to cross-validate (fewer than {MIN_EXAMPLES}): "
            f"{listed(f'{label!r} ({count})' for label, count in rare)}. Such a topic shares the calibration and the "
            "median threshold of the others; with such a tone, tone is not calibrated"
        )


def _having(labelled: Labelled, name: str) -> list[int]:
    """Give the rows that have a label."""
    topics, tones = labelled.topics or repeat(()), labelled.tones or repeat(None)
    return [row for row, had in enumerate(zip(topics, tones, strict=False)) if name in had[0] or name == had[1]]

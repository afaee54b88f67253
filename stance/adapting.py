"""`adapt`: a model made from another, the base, by learning from some rows what the base gets wrong on them.

What a label of the base starts from is what the base says, calibrated; a linear correction is added to it. The L2
penalty pulls the correction to nothing, which is a Gaussian prior around the base's weights (C. Chelba and A. Acero,
2004). A label that the base does not have starts from its share of the rows. The correction sees the words, pairs and
subwords of the base, and what the base says for each of its labels, so that a new label can lean on old ones (stacked
generalisation: D. Wolpert, 1992). All of it is linear, so it goes into the weights.

The strength is chosen by cross-validated log-loss, for the topics of the base, for new topics and for tone. No
correction is among the choices: then the base's labels keep every bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy import sparse
from tqdm import tqdm

from stance.calibration import fit_rule
from stance.counting import Corpus, Vocabulary, inverse_frequency
from stance.decision import DecisionRule
from stance.evaluation import Report
from stance.heads import Fold, Unseen, fit_correction, odds, tone_intercepts
from stance.labelled import Labelled, Targets
from stance.model import Model
from stance.parameters import Parameters, quantise
from stance.version import VERSION

__all__ = ["adapt", "labels_with"]

STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
"""The values tried for C, beside no correction."""
DEFAULT_STRENGTH = 1.0
"""Of new labels, where there are too few rows to choose one."""
WORTH_OF_BASE = 0.5
"""The root mean square norm of what the base says, as features; that of terms and that of subwords is 1."""
EVENNESS = 0.5
"""A row counts for tone as the share of its tone to minus this power, so that rare tones are not unlearned."""
SMALLEST_DEVIATION = 1e-9

Array = NDArray[np.float64]


def adapt(
    labelled: Labelled,
    base: Model,
    topics: tuple[str, ...],
    tones: tuple[str, ...],
    folds: Sequence[Fold],
    random_state: int = 0,
    n_jobs: int = -1,
    progress: bool | None = None,
) -> Model:
    """Correct a base by labelled rows; `stance.train` describes it.

    Parameters
    ----------
    labelled : Labelled
        Rows with text, in an order that does not depend on that of the table.
    base : Model
    topics, tones : tuple of str
        The labels of the new model: those of `labels_with`.
    folds : sequence of Fold
        Rows to fit on and rows to judge by, each row once. Without folds the labels of the base are not corrected, and
        new ones not calibrated.
    random_state : int
        What the folds were drawn with, for the card.
    n_jobs, progress
        As for `stance.train`.

    Returns
    -------
    Model
    """
    task = _Task.of(labelled, base, topics, tones)
    disable = None if progress is None else not progress
    with tqdm(total=len(task.heads) * (len(folds) + 1), desc="training", leave=False, disable=disable) as steps:
        jobs = [delayed(task.held_out)(head, *fold) for head in task.heads for fold in folds]
        parts = list(_counted(jobs, n_jobs, steps))
        strengths = [DEFAULT_STRENGTH if head.is_new else 0.0 for head in task.heads]
        decisions = task.given.copy()
        for place, head in enumerate(task.heads if folds else ()):
            choices = np.repeat(task.given[np.newaxis][:, :, head.columns], 1 + len(STRENGTHS), axis=0)
            for number, (_, rows) in enumerate(folds):
                choices[1:, rows] = parts[place * len(folds) + number]
            best = int(np.argmin([head.loss(choice) for choice in choices]))
            strengths[place], decisions[:, head.columns] = (0.0, *STRENGTHS)[best], choices[best]
        everything = np.arange(len(labelled))
        jobs = [
            delayed(task.fit)(head, everything, strength) for head, strength in zip(task.heads, strengths, strict=True)
        ]
        corrections = list(_counted(jobs, n_jobs, steps))
    chosen = {head.name: strength for head, strength in zip(task.heads, strengths, strict=True)}
    card: dict[str, Any] = {
        "base": _facts(base),
        "data": {"rows": len(labelled), "sha256": labelled.digest()},
        "stance": VERSION,
        "settings": {"C": chosen, "random_state": random_state},
    }
    if folds:
        card["cross_validation"] = task.report(decisions, folds).to_dict(curves=False)
        card["base"]["on_these_rows"] = task.macro_f1_of_base(labelled)
    judged = everything if folds else everything[:0]
    rule = task.rule(decisions[judged], judged)
    return Model(task.parameters(corrections, strengths, rule, card))


def labels_with(base: Model, topics: Sequence[str], tones: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give the labels of a base, and after them those that only the rows have.

    A text has one tone, so rows that have none of the base's tones have a scale of their own, which replaces the
    base's.

    Parameters
    ----------
    base : Model
    topics, tones : sequence of str
        The labels of the rows.
    """
    kept = base.tones if not tones or set(tones) & set(base.tones) else ()
    new_topics = tuple(topic for topic in topics if topic not in base.topics)
    return base.topics + new_topics, kept + tuple(tone for tone in tones if tone not in kept)


@dataclass(frozen=True, eq=False)
class _Head:
    """Labels that share a strength.

    Attributes
    ----------
    name : str
    columns : ndarray of int64, shape (n,)
        The labels, as places among those of the new model.
    truth : ndarray of float32, shape (n_rows, n)
    counts : ndarray of float32, shape (n_rows,)
        How many rows each row counts as; 0 where it has no tone.
    is_tone, is_new : bool
        Whether a row has just one of the labels, and whether the base has none of them.
    """

    name: str
    columns: NDArray[np.int64]
    truth: NDArray[np.float32]
    counts: NDArray[np.float32]
    is_tone: bool
    is_new: bool

    def loss(self, decisions: Array) -> float:
        """Give the log-loss, in all."""
        if self.is_tone:
            lost = np.logaddexp.reduce(decisions, axis=1) - (decisions * self.truth).sum(axis=1)
        else:
            lost = np.logaddexp(0, np.where(self.truth > 0, -decisions, decisions)).sum(axis=1)
        return float(lost @ self.counts)


@dataclass(frozen=True, eq=False)
class _Task:
    """The rows as a base sees them.

    Attributes
    ----------
    base : Parameters
    targets : Targets
    topics, tones : tuple of str
        The labels of the new model.
    source : ndarray of int64, shape (n_labels,)
        The place of each label of the new model among those of the base, -1 for a new one.
    term_rows : ndarray of int64
        The terms of the base that the rows have, as rows of its weights, subwords after all others.
    term_units : ndarray of float64
        What the weights of features are multiplied with to be a model's: inverse document frequencies, units.
    features : csr_array of float32, shape (n_rows, n_terms + n_labels_of_base)
        The terms, and what the base says.
    weights, intercepts : ndarray of float64, shape (n_all_terms, n_labels_of_base) and (n_labels_of_base,)
        Of the base, its calibration included.
    said : ndarray of float64, shape (n_rows, n_labels_of_base)
        What the base says: the logarithm of a topic's odds.
    means, units : ndarray of float64, shape (n_labels_of_base,)
        What is taken off what the base says, and what it is multiplied with then.
    given, starts : ndarray of float64, shape (n_rows, n_labels) and (n_labels,)
        The decision values without a correction, and those of new labels alone, which are the same for every text.
    heads : tuple of _Head
        What there is to correct.
    familiarity : Unseen
        How well the base knows the words of the rows.
    """

    base: Parameters
    targets: Targets
    topics: tuple[str, ...]
    tones: tuple[str, ...]
    source: NDArray[np.int64]
    term_rows: NDArray[np.int64]
    term_units: Array
    features: sparse.csr_array
    weights: Array
    intercepts: Array
    said: Array
    means: Array
    units: Array
    given: Array
    starts: Array
    heads: tuple[_Head, ...]
    familiarity: Unseen

    @classmethod
    def of(cls, labelled: Labelled, model: Model, topics: tuple[str, ...], tones: tuple[str, ...]) -> _Task:
        """Count the rows' terms, and ask the base."""
        base, rows = model.parameters, np.arange(len(labelled))
        targets, _ = Targets.of(labelled, topics, tones)
        corpus = Corpus.read(labelled.texts, base.subword_lengths)
        terms, term_rows = _known_terms(corpus, base)
        counted = terms.transform(corpus, rows)
        n_terms = len(terms.idf)
        subword_units = _units(counted[:, n_terms:])
        counted.data *= np.concatenate([np.ones(n_terms), subword_units]).astype(np.float32)[counted.indices]
        weights, intercepts, calibration = _calibrated(base)
        offset = np.concatenate([base.rule.topic_offset, base.rule.tone_offset])
        said = model.decision_function(labelled.texts) @ calibration + offset
        means = said.mean(axis=0)
        units = WORTH_OF_BASE / np.sqrt(len(means)) / np.maximum(said.std(axis=0), SMALLEST_DEVIATION)
        as_features = sparse.csr_array(((said - means) * units).astype(np.float32))
        kept = (*base.topics, *(base.tones if set(tones) & set(base.tones) else ()))
        source = np.array([base.labels.index(label) if label in kept else -1 for label in (*topics, *tones)])
        starts = _starts(targets, source, said)
        given = np.where(source >= 0, said[:, source], starts)
        known, mean_idf = terms.familiarity(corpus, rows)
        return cls(
            base,
            targets,
            topics,
            tones,
            source,
            term_rows,
            np.concatenate([terms.idf, subword_units]),
            sparse.hstack([counted, as_features], format="csr"),
            weights,
            intercepts,
            said,
            means,
            units,
            given,
            starts,
            tuple(_heads(targets, source)),
            replace(Unseen.empty(0), known=known, mean_idf=mean_idf),
        )

    def fit(self, head: _Head, rows: NDArray[np.int64], strength: float) -> Array:
        """Fit the correction of a head on some rows, shape (n_features + 1, n): the last row holds the intercepts."""
        if not strength:
            return np.zeros((self.features.shape[1] + 1, len(head.columns)))
        rows = rows[head.counts[rows] > 0]
        given = self.given[rows][:, head.columns]
        return fit_correction(self.features[rows], head.truth[rows], given, head.counts[rows], strength, head.is_tone)

    def held_out(self, head: _Head, train_rows: NDArray[np.int64], test_rows: NDArray[np.int64]) -> Array:
        """Fit on some rows and score others with each strength, shape (n_strengths, n_test_rows, n)."""
        given = self.given[test_rows][:, head.columns]
        features = self.features[test_rows]
        fits = (self.fit(head, train_rows, strength) for strength in STRENGTHS)
        return np.stack([given + features @ fit[:-1] + fit[-1] for fit in fits])

    def rule(self, decisions: Array, rows: NDArray[np.int64]) -> DecisionRule:
        """Fit what new labels need on decision values of rows held out; those of the base are calibrated already."""
        n_topics, truth = len(self.topics), self.targets.take(rows)
        is_new = self.source < 0
        new_topics = np.flatnonzero(is_new[:n_topics])
        has_own_tones = bool(is_new[n_topics:].all())
        n_tones = len(self.tones) if has_own_tones else 0
        columns = np.concatenate([new_topics, n_topics + np.arange(n_tones)])
        max_topics = max(self.base.rule.max_topics, self.targets.max_topics)
        own = fit_rule(decisions[:, columns], Targets(truth.topics[:, new_topics], truth.tones, n_tones), max_topics)
        n_old = len(self.base.topics)
        return DecisionRule(
            np.concatenate([np.ones(n_old), own.topic_slope]),
            np.concatenate([np.zeros(n_old), own.topic_offset]),
            own.tone_matrix if has_own_tones else np.eye(len(self.tones)),
            own.tone_offset if has_own_tones else np.zeros(len(self.tones)),
            np.concatenate([self.base.rule.thresholds, own.thresholds]),
            self.base.rule.fallback if n_old else own.fallback,
            max_topics,
        )

    def report(self, decisions: Array, folds: Sequence[Fold]) -> Report:
        """Judge decision values of rows held out, each fold by a rule fitted on the others."""
        probabilities = np.zeros_like(decisions)
        given: list[tuple[int, ...]] = [()] * len(decisions)
        for others, rows in folds:
            rule = self.rule(decisions[others], others)
            probabilities[rows] = rule.probabilities(decisions[rows])
            for row, chosen in zip(rows.tolist(), rule.topics(probabilities[rows]), strict=True):
                given[row] = chosen
        return _judged(self.topics, self.tones, self.targets, probabilities, given)

    def macro_f1_of_base(self, labelled: Labelled) -> dict[str, float]:
        """Judge the base on the rows, by its own labels: macro-F1 of topics and of tone, where there is any."""
        base = self.base
        targets, _ = Targets.of(labelled, base.topics, base.tones)
        n_topics, n_tones = len(base.topics), len(base.tones)
        rule = replace(
            base.rule,
            topic_slope=np.ones(n_topics),
            topic_offset=np.zeros(n_topics),
            tone_matrix=np.eye(n_tones),
            tone_offset=np.zeros(n_tones),
        )
        probabilities = rule.probabilities(self.said)
        report = _judged(base.topics, base.tones, targets, probabilities, rule.topics(probabilities))
        heads = {"topics": report.topics, "tone": report.tone}
        return {name: head.macro_f1 for name, head in heads.items() if head is not None}

    def parameters(
        self, corrections: Sequence[Array], strengths: Sequence[float], rule: DecisionRule, card: dict[str, Any]
    ) -> Parameters:
        """Put the corrections into the weights; labels without one keep what they have."""
        base, n_topics, n_labels = self.base, len(self.topics), len(self.source)
        is_changed = self.source < 0
        correction = np.zeros((self.features.shape[1] + 1, n_labels))
        for head, strength, found in zip(self.heads, strengths, corrections, strict=True):
            is_changed[head.columns] |= strength > 0
            correction[:, head.columns] = found
        is_changed[n_topics:] |= is_changed[n_topics:].any()  # tones share a calibration
        changed, kept = np.flatnonzero(is_changed), np.flatnonzero(~is_changed)
        old = self.source[kept]
        weights, intercepts = self._unfolded(correction, changed)
        terms, subwords = quantise(weights[: len(base.idf)]), quantise(weights[len(base.idf) :])

        def merged(new: NDArray[Any], of_base: NDArray[Any]) -> NDArray[Any]:
            both = np.empty((*of_base.shape[:-1], n_labels), dtype=of_base.dtype)
            both[..., changed], both[..., kept] = new, of_base[..., old]
            return both

        slope, offset = rule.topic_slope.copy(), rule.topic_offset.copy()
        slope[kept[kept < n_topics]] = base.rule.topic_slope[old[kept < n_topics]]
        offset[kept[kept < n_topics]] = base.rule.topic_offset[old[kept < n_topics]]
        rule = replace(rule, topic_slope=slope, topic_offset=offset)
        if not is_changed[n_topics:].any():
            rule = replace(rule, tone_matrix=base.rule.tone_matrix, tone_offset=base.rule.tone_offset)
        return replace(
            base,
            topics=self.topics,
            tones=self.tones,
            weights=merged(terms[0], base.weights),
            weight_scale=merged(terms[1], base.weight_scale),
            subword_weights=merged(subwords[0], base.subword_weights),
            subword_scale=merged(subwords[1], base.subword_scale),
            intercept=merged(intercepts, base.intercept),
            rule=rule,
            min_known=min(base.min_known, self.familiarity.min_known),
            max_mean_idf=max(base.max_mean_idf, self.familiarity.max_mean_idf(base.unknown_idf)),
            card=card,
        )

    def _unfolded(self, correction: Array, columns: NDArray[np.int64]) -> tuple[Array, Array]:
        """Give weights of all terms, shape (n_all_terms, n), and intercepts for some labels of the new model."""
        n_terms, source = len(self.term_rows), self.source[columns]
        by_label = correction[n_terms:-1, columns] * self.units[:, np.newaxis]
        weights = self.weights @ by_label
        weights[self.term_rows] += correction[:n_terms, columns] * self.term_units[:, np.newaxis]
        intercepts = (self.intercepts - self.means) @ by_label + correction[-1, columns]
        weights[:, source >= 0] += self.weights[:, source[source >= 0]]
        return weights, intercepts + np.where(source >= 0, self.intercepts[source], self.starts[columns])


def _counted(jobs: list[Any], n_jobs: int, steps: tqdm[Any]) -> Iterator[Array]:
    """Do fits at the same time, and give the results in order, each with a step of the progress bar."""
    for result in Parallel(n_jobs, prefer="threads", return_as="generator")(jobs):
        steps.update()
        yield result


def _judged(
    topics: tuple[str, ...], tones: tuple[str, ...], truth: Targets, probabilities: Array, given: list[tuple[int, ...]]
) -> Report:
    """Judge answers; topics only where some row has one."""
    if truth.topics.any():
        return Report.of(topics, tones, truth, probabilities, given)
    return Report.of((), tones, truth, probabilities[:, len(topics) :], given)


def _facts(base: Model) -> dict[str, Any]:
    """Give what a card says of the base: its digest, and what its own card says of where it is from."""
    told = ("name", "licence", "sources", "data", "base")
    return {"sha256": base.digest, **{name: base.card[name] for name in told if name in base.card}}


def _known_terms(corpus: Corpus, base: Parameters) -> tuple[Vocabulary, NDArray[np.int64]]:
    """Give those terms of a base that a corpus has, each subword worth 1, and their rows in the base's weights."""
    row_of = {word: row for row, word in enumerate(base.words)}
    words = np.array([place for place, token in enumerate(corpus.tokens) if token in row_of], dtype=np.int64)
    word_rows = np.array([row_of[corpus.tokens[place]] for place in words.tolist()], dtype=np.int64)
    place_of = np.full(len(base.words), -1, dtype=np.int64)
    place_of[word_rows] = np.arange(len(words))
    pairs = place_of[base.pairs.astype(np.int64)]
    pair_rows = np.flatnonzero((pairs >= 0).all(axis=1))
    row_of = {subword: row for row, subword in enumerate(base.subwords)}
    subwords = np.array([place for place, name in enumerate(corpus.subwords) if name in row_of], dtype=np.int64)
    subword_rows = [row_of[corpus.subwords[place]] for place in subwords.tolist()]
    term_rows = np.concatenate([word_rows, len(base.words) + pair_rows])
    vocabulary = Vocabulary(
        words, pairs[pair_rows], base.idf[term_rows], base.unknown_idf, subwords, np.ones(len(subwords))
    )
    rows = np.concatenate([term_rows, np.array(subword_rows, dtype=np.int64) + len(base.idf)])
    return vocabulary, rows


def _units(block: sparse.csr_array) -> Array:
    """Give inverse document frequencies of columns, so that the block's rows have a root mean square norm of 1."""
    n_rows, n_columns = block.shape
    idf = inverse_frequency(np.bincount(block.indices, minlength=n_columns), n_rows)
    squares = np.bincount(block.indices, weights=block.data.astype(np.float64) ** 2, minlength=n_columns)
    return idf / (np.sqrt((idf**2 * squares).sum() / n_rows) or 1.0)


def _calibrated(base: Parameters) -> tuple[Array, Array, Array]:
    """Give the weights and intercepts of a base with its calibration, and what decision values are multiplied with."""
    n_topics, rule = len(base.topics), base.rule
    calibration = np.zeros((len(base.labels), len(base.labels)))
    calibration[:n_topics, :n_topics] = np.diag(rule.topic_slope)
    calibration[n_topics:, n_topics:] = rule.tone_matrix.T
    blocks = [base.weights * base.weight_scale, base.subword_weights * base.subword_scale]
    offset = np.concatenate([rule.topic_offset, rule.tone_offset])
    return np.vstack(blocks) @ calibration, base.intercept @ calibration + offset, calibration


def _starts(targets: Targets, source: NDArray[np.int64], said: Array) -> Array:
    """Give the decision value that each new label starts from, by its share of the rows; 0 for the others."""
    n_rows, n_topics = targets.topics.shape
    starts = np.array([odds(n, n_rows) for n in targets.topics.sum(axis=0).tolist()])
    toned, shared = targets.tones >= 0, source[n_topics:]
    if (shared < 0).all():
        of_tones = tone_intercepts(targets)
    else:
        # The base's tones have no common zero: the new one is to have its share beside them in the mean.
        level = np.logaddexp.reduce(said[np.ix_(toned, shared[shared >= 0])], axis=1).mean() if toned.any() else 0.0
        counts = np.bincount(targets.tones[toned], minlength=targets.n_tones)
        of_tones = np.array([level + odds(n, int(toned.sum())) for n in counts.tolist()])
    return np.where(source < 0, np.concatenate([starts, of_tones]), 0.0)


def _heads(targets: Targets, source: NDArray[np.int64]) -> Iterator[_Head]:
    """Give what there is to learn: labels that some rows have, and others not."""
    n_rows, n_topics = targets.topics.shape
    n_true = targets.topics.sum(axis=0)
    is_learned = (n_true > 0) & (n_true < n_rows)
    for name, is_new in (("topics", False), ("new topics", True)):
        columns = np.flatnonzero(is_learned & ((source[:n_topics] < 0) == is_new))
        if len(columns):
            truth = targets.topics[:, columns].astype(np.float32)
            yield _Head(name, columns, truth, np.ones(n_rows, dtype=np.float32), False, is_new)
    present, counts = np.unique(targets.tones[targets.tones >= 0], return_counts=True)
    if len(present) > 1:
        truth = (targets.tones[:, np.newaxis] == present).astype(np.float32)
        worth = (counts / counts.sum()) ** -EVENNESS
        worth *= counts.sum() / (worth @ counts)  # 1 in the mean
        is_new = bool((source[n_topics:] < 0).all())
        yield _Head("tone", n_topics + present, truth, (truth @ worth).astype(np.float32), True, is_new)

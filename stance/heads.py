"""Fitting the linear heads on some rows of a corpus, and scoring the others: the work inside a cross-validation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from stance.calibration import two_columns
from stance.counting import Corpus, Vocabulary, matrix_of
from stance.labelled import Targets

try:
    import stance._solver as solver
except ImportError:  # there was no C compiler when stance was installed
    solver = None

__all__ = [
    "DEFAULT_STRENGTH",
    "MAX_TERMS",
    "Fold",
    "Taught",
    "Trainer",
    "Unseen",
    "fit_correction",
    "fit_heads",
    "odds",
    "tone_intercepts",
]

PARTS = 8
"""Texts that share a vocabulary are counted in so many parts."""
MAX_TERMS = 200_000
"""Of the words, of the pairs and of the subwords, the most that a model keeps."""
STRENGTHS = (1.0, 3.0, 10.0, 30.0, 100.0)
"""The values tried for C, the inverse strength of the L2 penalty."""
DEFAULT_STRENGTH = 10.0
SEARCH_ROWS = 5_000
SEARCH_TOPICS = 8
PASSES = (4, 100)
FEWEST_TAUGHT_PASSES = 8
"""Probabilities are learned more slowly than labels."""
VISITS = 200_000
"""The compiled solver makes as many passes as give so many visits to rows, but at least 4, or 8 with a teacher, and at
most 100."""
TOLERANCE = 1e-4
"""It stops before where no probability is farther than this from its row's."""
SKLEARN_TOLERANCE = 1e-5
"""scikit-learn's own, 1e-4, stops short of the minimum."""
FUNCTION_TOLERANCE = 1e-12
"""SciPy's own, 2e-9, does so too."""

Fold = tuple[NDArray[np.int64], NDArray[np.int64]]
Heads = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Unseen:
    """Decision values and familiarity of texts that the heads were not fitted on.

    Attributes
    ----------
    rows : ndarray of int64, shape (n,)
        The texts, as places in the corpus.
    fold : ndarray of int64, shape (n,)
        The fold that held each text out.
    decisions : ndarray of float64, shape (n, n_labels)
        Decision values.
    known, mean_idf : ndarray of float64, shape (n_with_tokens,)
        Share of known tokens and mean inverse document frequency, of the texts that have tokens.
    """

    rows: NDArray[np.int64]
    fold: NDArray[np.int64]
    decisions: NDArray[np.float64]
    known: NDArray[np.float64]
    mean_idf: NDArray[np.float64]

    @classmethod
    def empty(cls, n_labels: int) -> Unseen:
        """Give no texts at all."""
        nothing = np.zeros(0, dtype=np.int64)
        return cls(nothing, nothing, np.zeros((0, n_labels)), np.zeros(0), np.zeros(0))

    def joined(self, other: Unseen) -> Unseen:
        """Give these texts and those that another fold held out."""
        fold = other.fold + self.fold.max(initial=-1) + 1
        return Unseen(
            np.concatenate([self.rows, other.rows]),
            np.concatenate([self.fold, fold]),
            np.vstack([self.decisions, other.decisions]),
            np.concatenate([self.known, other.known]),
            np.concatenate([self.mean_idf, other.mean_idf]),
        )

    @property
    def min_known(self) -> float:
        """Half the share of known tokens that all but one text in a thousand reach."""
        return 0.5 * float(np.quantile(self.known, 0.001)) if len(self.known) else 0.0

    def max_mean_idf(self, unknown_idf: float) -> float:
        """Give a point a third of the way from what all but one text in a thousand stay below to unknown words only."""
        usual = float(np.quantile(self.mean_idf, 0.999)) if len(self.mean_idf) else unknown_idf
        return usual + (unknown_idf - usual) / 3


@dataclass(frozen=True, eq=False)
class Taught:
    """Texts that a teacher labelled, which are learned from and never judged by.

    Attributes
    ----------
    rows : ndarray of int64, shape (n,)
        The texts, as places in the corpus.
    truth : ndarray of float32, shape (n, n_labels)
        The teacher's probability of each topic, then of each tone.
    weight : float
        How many labelled texts each counts as.
    """

    rows: NDArray[np.int64]
    truth: NDArray[np.float32]
    weight: float


@dataclass(frozen=True, eq=False)
class Trainer:
    """Fits vocabulary and heads on some rows of a corpus.

    Attributes
    ----------
    corpus : Corpus
    targets : Targets
        The labels of all texts of the corpus.
    min_df : int
        As for `Vocabulary.fit`.
    n_jobs : int
        Fits at the same time: heads, or where all heads are fitted at once, folds.
    at_once : bool
        Whether all heads are fitted at once by the compiled solver, where there is one, instead of one by one by
        scikit-learn.
    max_terms : int
        As for `Vocabulary.fit`.
    shared : tuple of (Vocabulary, csr_array), optional
        A vocabulary for every fit and the features of all texts, so that no fit has to count them again.
    """

    corpus: Corpus
    targets: Targets
    min_df: int
    n_jobs: int
    at_once: bool = False
    max_terms: int = MAX_TERMS
    shared: tuple[Vocabulary, sparse.csr_array] | None = None

    def vocabulary(self, rows: NDArray[np.int64]) -> Vocabulary:
        """Choose the vocabulary from some texts."""
        return Vocabulary.fit(self.corpus, rows, self.min_df, self.max_terms)

    def sharing(self, vocabulary: Vocabulary) -> Trainer:
        """Give a trainer that counts all texts once, several parts of them at the same time, for all its fits."""
        rows = np.array_split(np.arange(len(self.corpus.lengths)), PARTS)
        parts = list(self.together(delayed(vocabulary.transform)(self.corpus, part) for part in rows))
        starts = np.concatenate([[0], np.cumsum(np.concatenate([np.diff(part.indptr) for part in parts]))])
        arrays = [[part.data for part in parts], [part.indices for part in parts]]
        data, indices = self.together(delayed(np.concatenate)(array) for array in arrays)
        shape = (len(self.corpus.lengths), parts[0].shape[1])
        return replace(self, shared=(vocabulary, matrix_of((data, indices, starts), shape)))

    def _features(self, vocabulary: Vocabulary, rows: NDArray[np.int64]) -> sparse.csr_array:
        if self.shared is None:
            return vocabulary.transform(self.corpus, rows)
        features = self.shared[1]
        return features if len(rows) == features.shape[0] else features[rows]

    def fit(
        self, rows: NDArray[np.int64], strengths: tuple[float, float], taught: Taught | None = None
    ) -> tuple[Vocabulary, Heads]:
        """Fit on some rows, and on what a teacher says of others; the weights have shape (n_features, n_labels)."""
        texts = rows if taught is None else np.concatenate([rows, taught.rows])
        vocabulary = self.shared[0] if self.shared else self.vocabulary(texts)
        features = self._features(vocabulary, texts)
        return vocabulary, self._heads(features, self.targets.take(rows), strengths, taught)

    def hold_out(
        self,
        train_rows: NDArray[np.int64],
        test_rows: NDArray[np.int64],
        strengths: tuple[float, float],
        taught: Taught | None = None,
    ) -> Unseen:
        """Fit on some rows and score others."""
        vocabulary, (weights, intercepts) = self.fit(train_rows, strengths, taught)
        decisions = self._features(vocabulary, test_rows) @ weights + intercepts
        known, mean_idf = vocabulary.familiarity(self.corpus, test_rows)
        return Unseen(test_rows, np.zeros(len(test_rows), dtype=np.int64), decisions, known, mean_idf)

    def search(self, fold: Fold, random_state: int) -> tuple[float, float]:
        """Choose C for the topics and for tone by log-loss on the test rows of a fold, fitting on a sample."""
        generator = np.random.default_rng(random_state)
        train_rows, test_rows = (np.sort(generator.permutation(rows)[:SEARCH_ROWS]) for rows in fold)
        frequent = np.argsort(-self.targets.topics[train_rows].sum(axis=0), kind="stable")[:SEARCH_TOPICS]
        targets = Targets(self.targets.topics[:, frequent], self.targets.tones, self.targets.n_tones)
        trainer = replace(self, targets=targets)
        vocabulary = self.vocabulary(train_rows)
        train_features, test_features = (vocabulary.transform(self.corpus, rows) for rows in (train_rows, test_rows))
        truth = targets.take(test_rows)

        def losses_of(strength: float) -> tuple[float, float]:
            weights, intercepts = trainer._heads(train_features, targets.take(train_rows), (strength, strength))
            return _log_losses(test_features @ weights + intercepts, truth)

        losses = list(self.together(delayed(losses_of)(strength) for strength in STRENGTHS))
        best_topics, best_tone = np.argmin(losses, axis=0).tolist()
        return STRENGTHS[best_topics], STRENGTHS[best_tone]

    def together(self, jobs: Iterable[Any]) -> Iterator[Any]:
        """Do several fits (`joblib.delayed`), at the same time where each takes one thread; in order, one by one."""
        n_jobs = self.n_jobs if self.at_once and solver is not None else 1
        found: Iterator[Any] = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")(jobs)
        return found

    def _heads(
        self, features: sparse.csr_array, targets: Targets, strengths: tuple[float, float], taught: Taught | None = None
    ) -> Heads:
        if self.at_once and solver is not None and features.shape[1]:
            fewest = PASSES[0] if taught is None else FEWEST_TAUGHT_PASSES
            passes = min(max(fewest, VISITS // len(self.corpus.lengths)), PASSES[1])
            return fit_heads(features, targets, taught, strengths, passes)
        if taught is not None:
            raise RuntimeError("learning from a teacher needs the compiled solver: install stance with a C compiler")
        columns = [targets.topics[:, topic].astype(np.int64) for topic in range(targets.topics.shape[1])]
        jobs = [delayed(_topic_head)(features, column, strengths[0]) for column in columns]
        if targets.n_tones:
            # The tone head takes longest, so it begins first.
            jobs.insert(0, delayed(_tone_head)(features, targets, strengths[1]))
        heads = list(Parallel(n_jobs=self.n_jobs, prefer="threads")(jobs))
        heads = heads[1:] + heads[:1] if targets.n_tones else heads
        return np.vstack([head[0] for head in heads]).T, np.concatenate([head[1] for head in heads])


def fit_heads(
    features: sparse.csr_array, targets: Targets, taught: Taught | None, strengths: tuple[float, float], passes: int
) -> Heads:
    """Fit all heads in passes over the rows.

    Parameters
    ----------
    features : csr_array of float32, shape (n_rows, n_features)
    targets : Targets
        The labels of the first rows, or of all.
    taught : Taught or None
        What a teacher says of the rows after them.
    strengths : (float, float)
        C of the topics and of tone.
    passes : int

    Returns
    -------
    weights : ndarray of float64, shape (n_features, n_labels)
    intercepts : ndarray of float64, shape (n_labels,)
    """
    n_topics = targets.topics.shape[1]
    n_true = targets.topics.sum(axis=0)
    learned = np.flatnonzero((n_true > 0) & (n_true < len(targets.topics)))
    present = np.unique(targets.tones[targets.tones >= 0])
    present = present if len(present) > 1 else present[:0]
    outputs = np.concatenate([learned, n_topics + present])
    weights = np.zeros((features.shape[1], n_topics + targets.n_tones))
    intercepts = np.concatenate([[odds(n, len(targets.topics)) for n in n_true.tolist()], tone_intercepts(targets)])
    topics = targets.topics[:, learned].astype(np.float32)
    tones = (targets.tones[:, np.newaxis] == present).astype(np.float32)
    counts = np.ones(features.shape[0], dtype=np.float32)
    if taught is not None:
        topics = np.vstack([topics, taught.truth[:, learned]])
        tones = np.vstack([tones, taught.truth[:, n_topics + present]])
        counts[len(targets.topics) :] = taught.weight
    if len(outputs):
        fitted = solver.fit(
            features.data,
            features.indices.astype(np.int32, copy=False),
            features.indptr.astype(np.int64),
            np.ascontiguousarray(topics),
            np.ascontiguousarray(tones),
            counts,
            np.zeros((0, len(outputs)), dtype=np.float32),
            features.shape[1],
            *strengths,
            passes,
            TOLERANCE,
        )
        weights[:, outputs], intercepts[outputs] = fitted[:-1], fitted[-1]
    return weights, intercepts


def fit_correction(
    features: sparse.csr_array,
    truth: NDArray[np.float32],
    given: NDArray[np.float64],
    counts: NDArray[np.float32],
    strength: float,
    is_tone: bool,
) -> NDArray[np.float64]:
    """Fit what is to be added to decision values that rows have already.

    Parameters
    ----------
    features : csr_array of float32, shape (n_rows, n_features)
    truth : ndarray of float32, shape (n_rows, n_labels)
        1 where a row has the label.
    given : ndarray of float64, shape (n_rows, n_labels)
        The decision values that the rows have.
    counts : ndarray of float32, shape (n_rows,)
        How many rows each counts as.
    strength : float
        C.
    is_tone : bool
        Whether the labels share a softmax, instead of a sigmoid for each.

    Returns
    -------
    ndarray of float64, shape (n_features + 1, n_labels)
        Weights, and in the last row intercepts; they have a penalty too.
    """
    if solver is None:
        return _correction_in_numpy(features, truth, given, counts, strength, is_tone)
    truth, none = np.ascontiguousarray(truth), np.zeros((len(truth), 0), dtype=np.float32)
    fitted = solver.fit(
        features.data,
        features.indices.astype(np.int32, copy=False),
        features.indptr.astype(np.int64),
        *((none, truth) if is_tone else (truth, none)),
        counts,
        given.astype(np.float32, order="C"),
        features.shape[1],
        strength,
        strength,
        min(max(PASSES[0], VISITS // len(truth)), PASSES[1]),
        TOLERANCE,
    )
    return np.asarray(fitted, dtype=np.float64)


def _correction_in_numpy(
    features: sparse.csr_array,
    truth: NDArray[np.float32],
    given: NDArray[np.float64],
    counts: NDArray[np.float32],
    strength: float,
    is_tone: bool,
) -> NDArray[np.float64]:
    """Do the same without the compiled solver, by L-BFGS."""
    columns = sparse.hstack([features, np.ones((len(truth), 1))], format="csr")
    worth = strength * counts[:, np.newaxis].astype(np.float64)

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights = flat.reshape(columns.shape[1], -1)
        values = given + columns @ weights
        zero = np.logaddexp.reduce(values, axis=1, keepdims=True) if is_tone else np.logaddexp(0, values)
        probabilities = np.exp(values - zero)
        lost = (worth * (zero * (truth if is_tone else 1) - truth * values)).sum()
        slope = columns.T @ (worth * (probabilities - truth)) + weights
        return float(lost + flat @ flat / 2), slope.ravel()

    start = np.zeros(columns.shape[1] * truth.shape[1])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 1000, "ftol": FUNCTION_TOLERANCE})
    return np.asarray(found.x, dtype=np.float64).reshape(columns.shape[1], -1)


def odds(n_true: int, n_texts: int) -> float:
    """Give the logarithm of the odds with one imagined text for the topic and one against."""
    return float(np.log((n_true + 1) / (n_texts - n_true + 1)))


def tone_intercepts(targets: Targets) -> NDArray[np.float64]:
    """Give the logarithm of each tone's frequency, and to a tone that no text here has, one imagined text in all."""
    labelled = targets.tones[targets.tones >= 0]
    counts = np.bincount(labelled, minlength=targets.n_tones)
    missing = -np.log(len(labelled) + targets.n_tones) if targets.n_tones else 0.0
    with np.errstate(divide="ignore"):
        return np.where(counts, np.log(counts / max(len(labelled), 1)), missing)


def _topic_head(features: sparse.csr_array, target: NDArray[np.int64], strength: float) -> Heads:
    """Fit one topic: weights of shape (1, n_features) and one intercept."""
    n_true = int(target.sum())
    if n_true in (0, len(target)) or not features.shape[1]:
        # Nothing to tell apart, or to tell it by.
        return np.zeros((1, features.shape[1])), np.array([odds(n_true, len(target))])
    head = LogisticRegression(C=strength, tol=SKLEARN_TOLERANCE, max_iter=1000).fit(features, target)
    return head.coef_.astype(np.float64), head.intercept_.astype(np.float64)


def _tone_head(features: sparse.csr_array, targets: Targets, strength: float) -> Heads:
    """Fit tone: weights of shape (n_tones, n_features) and as many intercepts."""
    labelled = targets.tones >= 0
    present = np.unique(targets.tones[labelled])
    weights = np.zeros((targets.n_tones, features.shape[1]))
    intercepts = tone_intercepts(targets)
    if len(present) < 2 or not features.shape[1]:
        return weights, intercepts
    head = LogisticRegression(C=strength, tol=SKLEARN_TOLERANCE, max_iter=1000)
    head.fit(features[labelled], targets.tones[labelled])
    weights[present], intercepts[present] = two_columns(head.coef_, head.intercept_)
    return weights, intercepts


def _log_losses(decisions: NDArray[np.float64], truth: Targets) -> tuple[float, float]:
    """Give the mean log-loss of the topics and of tone; 0 where there is nothing to lose."""
    n_topics = truth.topics.shape[1]
    signed = np.where(truth.topics, decisions[:, :n_topics], -decisions[:, :n_topics])
    labelled = truth.tones >= 0
    logits = decisions[labelled, n_topics:]
    chosen = np.take_along_axis(logits, truth.tones[labelled][:, np.newaxis], axis=1) if truth.n_tones else logits
    missed = np.logaddexp.reduce(logits, axis=1, keepdims=True) - chosen if truth.n_tones else logits
    return (
        float(np.logaddexp(0, -signed).mean()) if signed.size else 0.0,
        float(missed.mean()) if missed.size else 0.0,
    )

"""Fitting a `DecisionRule` to decision values from cross-validation: calibration, thresholds, the fallback."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from stance.decision import DecisionRule
from stance.labelled import Targets

__all__ = ["MIN_EXAMPLES", "Mixture", "fit_rule", "two_columns"]

MIN_EXAMPLES = 5
"""A label with fewer texts for it, or against it, is too rare to have its own calibration and threshold."""
UNTUNED_THRESHOLD = 0.5
NEVER = 2.0
WORTH_OF_SILENCE = 0.0005
"""So much micro-F1 may be lost for giving no topic rather than a doubtful one: see `_fallback`."""
NEWTON_STEPS = 100
SMALLEST_STEP = 1e-9


def fit_rule(decisions: NDArray[np.float64], targets: Targets, max_topics: int) -> DecisionRule:
    """Fit calibration and thresholds.

    Parameters
    ----------
    decisions : ndarray of float64, shape (n_texts, n_labels)
        Decision values of texts that the heads were not fitted on; there may be none.
    targets : Targets
        The true labels of the same texts.
    max_topics : int
        The most topics given to one text.

    Returns
    -------
    DecisionRule
        A topic's threshold is the mean of two: the one with the best F1 on these texts, and the one with the best F1
        to be expected if the probabilities are right (Z. Lipton et al., 2014), which varies less on rare labels. A
        topic too rare for that shares one calibration with all topics and has their median threshold.
    """
    n_topics = targets.topics.shape[1]
    slope, offset = np.ones(n_topics), np.zeros(n_topics)
    thresholds = np.full(n_topics, UNTUNED_THRESHOLD)
    examples = np.minimum(targets.topics.sum(axis=0), (~targets.topics).sum(axis=0))
    common = examples >= MIN_EXAMPLES
    if not common.all() and targets.topics.any() and not targets.topics.all():
        slope[:], offset[:] = _platt(decisions[:, :n_topics].ravel(), targets.topics.ravel())
    for topic in np.flatnonzero(common).tolist():
        slope[topic], offset[topic] = _platt(decisions[:, topic], targets.topics[:, topic])
    matrix, shift = _matrix_scaling(decisions[:, n_topics:], targets.tones, targets.n_tones)
    untuned = DecisionRule(slope, offset, matrix, shift, thresholds, NEVER, max_topics)
    probabilities = untuned.probabilities(decisions)
    for topic in np.flatnonzero(common).tolist():
        thresholds[topic] = _threshold(probabilities[:, topic], targets.topics[:, topic])
    if common.any():
        thresholds[~common] = np.median(thresholds[common])
    fallback = _fallback(probabilities[:, :n_topics], targets.topics, thresholds)
    return DecisionRule(slope, offset, matrix, shift, thresholds, fallback, max_topics)


@dataclass(frozen=True, eq=False)
class Mixture:
    """A linear map of the decision values of one row to better ones, by what the labels say of each other.

    Heads that learned from a teacher have its habits too; this corrects them by labelled rows alone. It is linear, so
    it goes into the heads' weights and costs nothing afterwards (stacked generalisation: D. Wolpert, 1992).

    Attributes
    ----------
    matrix : ndarray of float64, shape (n_labels, n_labels)
    offset : ndarray of float64, shape (n_labels,)
    """

    matrix: NDArray[np.float64]
    offset: NDArray[np.float64]

    @classmethod
    def fit(cls, decisions: NDArray[np.float64], targets: Targets) -> Mixture:
        """Fit each topic's value to all values; tones, and topics with too few rows, keep their own.

        Parameters
        ----------
        decisions : ndarray of float64, shape (n_rows, n_labels)
            Of rows that the heads were not fitted on.
        targets : Targets
            Their labels.
        """
        matrix, offset = np.eye(decisions.shape[1]), np.zeros(decisions.shape[1])
        units = np.maximum(decisions.std(axis=0), SMALLEST_STEP)
        for topic, truth in enumerate(targets.topics.T):
            if min(truth.sum(), (~truth).sum()) >= MIN_EXAMPLES:
                head = LogisticRegression(C=1.0, max_iter=1000).fit(decisions / units, truth)
                matrix[:, topic], offset[topic] = head.coef_[0] / units, head.intercept_[0]
        return cls(matrix, offset)

    def mixed(self, decisions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the better values, shape (n_rows, n_labels)."""
        found: NDArray[np.float64] = decisions @ self.matrix + self.offset
        return found


def two_columns(
    weights: NDArray[np.float64], intercepts: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give a two-class head, which scikit-learn holds as one row, as one row a class with the same softmax.

    Parameters
    ----------
    weights : ndarray, shape (1, n_features) or (n_classes, n_features)
    intercepts : ndarray, shape (1,) or (n_classes,)
    """
    if len(weights) > 1:
        return weights, intercepts
    return np.vstack([-weights, weights]) / 2, np.concatenate([-intercepts, intercepts]) / 2


def _platt(decisions: NDArray[np.float64], truth: NDArray[np.bool_]) -> tuple[float, float]:
    """Fit P = expit(slope * decision + offset) with Platt's softened targets.

    By Newton's method with a line search (H.-T. Lin, C.-J. Lin and R. Weng, 2007): two numbers need no general solver.
    """
    n_true = int(truth.sum())
    n_false = len(truth) - n_true
    target = np.where(truth, (n_true + 1) / (n_true + 2), 1 / (n_false + 2))
    columns = np.column_stack([decisions, np.ones(len(decisions))])

    def loss(line: NDArray[np.float64]) -> float:
        values = columns @ line
        return float((np.logaddexp(0, values) - target * values).sum())

    line, least = np.zeros(2), loss(np.zeros(2))
    for _ in range(NEWTON_STEPS):
        given = 0.5 + 0.5 * np.tanh(0.5 * (columns @ line))
        curvature = columns.T @ (columns * (given * (1 - given))[:, np.newaxis]) + 1e-12 * np.eye(2)
        step = np.linalg.solve(curvature, columns.T @ (given - target))
        while (found := loss(line - step)) > least and np.abs(step).max() > SMALLEST_STEP:
            step = step / 2
        if np.abs(step).max() <= SMALLEST_STEP:
            break
        line, least = line - step, found
    # A falling line would turn the head's order round; with so little data a flat one is the most to be believed.
    return max(float(line[0]), 1e-3), float(line[1])


def _matrix_scaling(
    decisions: NDArray[np.float64], tones: NDArray[np.int64], n_tones: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit P = softmax(matrix @ decisions + offset); the identity where there are too few texts of a tone."""
    if n_tones < 2 or np.bincount(tones[tones >= 0], minlength=n_tones).min() < MIN_EXAMPLES:
        return np.eye(n_tones), np.zeros(n_tones)
    labelled = tones >= 0
    head = LogisticRegression(C=1.0, max_iter=1000).fit(decisions[labelled], tones[labelled])
    return two_columns(head.coef_, head.intercept_)


def _threshold(probabilities: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    """Choose the threshold of one topic."""
    order = np.argsort(-probabilities, kind="stable")
    ordered = probabilities[order]
    n_given = np.arange(1, len(ordered) + 1)
    seen = 2 * np.cumsum(truth[order]) / (n_given + truth.sum())
    expected = 2 * np.cumsum(ordered) / (n_given + ordered.sum())
    best_seen = int(seen.argmax())
    between = (ordered[best_seen] + ordered[min(best_seen + 1, len(ordered) - 1)]) / 2
    return float((between + ordered[expected.argmax()]) / 2)


def _fallback(probabilities: NDArray[np.float64], truth: NDArray[np.bool_], thresholds: NDArray[np.float64]) -> float:
    """Choose the probability from which the best topic is given where none reached its threshold.

    Text of no topic at all is rarer among labelled rows than among what a model will meet, so of the choices that are
    as good by micro-F1 as the best one, but for next to nothing, it is the highest.
    """
    if truth.size == 0:
        return NEVER
    reached = probabilities >= thresholds
    without = np.flatnonzero(~reached.any(axis=1))
    best = probabilities[without].argmax(axis=1)
    top = probabilities[without, best]
    hit = truth[without, best]
    n_right, n_given, n_true = int((reached & truth).sum()), int(reached.sum()), int(truth.sum())
    choices = np.append(np.arange(0.05, 1.0, 0.05), NEVER)
    scores = [2 * (n_right + hit[top >= low].sum()) / (n_given + (top >= low).sum() + n_true or 1) for low in choices]
    as_good = np.flatnonzero(np.array(scores) >= max(scores) - WORTH_OF_SILENCE)
    return float(choices[as_good[-1]])

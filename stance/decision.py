"""`DecisionRule`: from decision values to calibrated probabilities, and from those to labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["DecisionRule"]


@dataclass(frozen=True, eq=False)
class DecisionRule:
    """Calibration and thresholds.

    Attributes
    ----------
    topic_slope, topic_offset : ndarray of float64, shape (n_topics,)
        P(topic) = expit(slope * decision + offset): Platt scaling.
    tone_matrix, tone_offset : ndarray of float64, shape (n_tones, n_tones) and (n_tones,)
        P(tone) = softmax(matrix @ decisions + offset): matrix scaling.
    thresholds : ndarray of float64, shape (n_topics,)
        A topic is given from this probability on.
    fallback : float
        Where no topic reaches its threshold, the most probable one is given from this probability on; above 1 never.
    max_topics : int
        The most topics given to one text.
    """

    topic_slope: NDArray[np.float64]
    topic_offset: NDArray[np.float64]
    tone_matrix: NDArray[np.float64]
    tone_offset: NDArray[np.float64]
    thresholds: NDArray[np.float64]
    fallback: float
    max_topics: int

    def probabilities(self, decisions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Calibrate decision values.

        Parameters
        ----------
        decisions : ndarray of float64, shape (n_texts, n_labels)
            Topics, then tones.

        Returns
        -------
        ndarray of float64, shape (n_texts, n_labels)
        """
        n_topics = len(self.thresholds)
        probabilities = np.empty_like(decisions)
        scaled = self.topic_slope * decisions[:, :n_topics] + self.topic_offset
        probabilities[:, :n_topics] = 0.5 + 0.5 * np.tanh(0.5 * scaled)
        if len(self.tone_offset):
            # Not a matrix product: BLAS may add in another order for another number of rows.
            logits = (decisions[:, np.newaxis, n_topics:] * self.tone_matrix).sum(axis=2) + self.tone_offset
            odds = np.exp(logits - logits.max(axis=1, keepdims=True))
            probabilities[:, n_topics:] = odds / odds.sum(axis=1, keepdims=True)
        return probabilities

    def topics(self, probabilities: NDArray[np.float64]) -> list[tuple[int, ...]]:
        """Apply the thresholds.

        Parameters
        ----------
        probabilities : ndarray of float64, shape (n_texts, n_labels)
            Rows of NaN get no topic.

        Returns
        -------
        list of tuple of int
            The columns of the topics given to each text, most probable first.
        """
        given: list[tuple[int, ...]] = [()] * len(probabilities)
        n_topics = len(self.thresholds)
        if n_topics == 0:
            return given
        values = probabilities[:, :n_topics]
        reached = values >= self.thresholds
        falls_back = ~reached.any(axis=1) & (values.max(axis=1) >= self.fallback)
        reached[falls_back, values[falls_back].argmax(axis=1)] = True
        for row in np.flatnonzero(reached.any(axis=1)).tolist():
            columns = np.flatnonzero(reached[row])
            order = columns[np.argsort(-values[row, columns], kind="stable")]
            given[row] = tuple(order[: self.max_topics].tolist())
        return given

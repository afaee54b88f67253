"""`DecisionRule`: from decision values to calibrated probabilities, and from those to labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["DecisionRule", "pooled_tone", "pooled_topics"]

SHARE = 0.2 - 1e-9
"""A document has a topic, or conveys cooperation or tension, when this share of its known words is in paragraphs that
have or convey it: a fifth, less what adding up rounded shares may lose."""


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


def pooled_topics(shares: Sequence[float], probabilities: Sequence[float], max_topics: int) -> list[int]:
    """Choose a document's topics.

    Parameters
    ----------
    shares : sequence of float, length n_topics
        The share of the document that is in paragraphs with the topic.
    probabilities : sequence of float, length n_topics
        The topic's mean probability, for the order.
    max_topics : int
        The most topics given.

    Returns
    -------
    list of int
        The topics with a share of a fifth or more; where there is none, the one with the greatest share above 0.

    Examples
    --------
    >>> pooled_topics([0.3, 0.8, 0.1], [0.4, 0.7, 0.1], 4)
    [1, 0]
    """
    chosen = [topic for topic, share in enumerate(shares) if share >= SHARE]
    if not chosen and any(shares):
        chosen = [max(range(len(shares)), key=lambda topic: shares[topic])]
    return sorted(chosen, key=lambda topic: -probabilities[topic])[:max_topics]


def pooled_tone(tones: Sequence[str], shares: Sequence[float], probabilities: Sequence[float]) -> int | None:
    """Choose a document's tone.

    Parameters
    ----------
    tones : sequence of str
        The tone labels.
    shares : sequence of float, length n_tones
        The share of the document that is in paragraphs of the tone.
    probabilities : sequence of float, length n_tones
        The tone's mean probability, which decides between equal shares.

    Returns
    -------
    int or None
        With the four tones of the codebook: a fifth or more in cooperative or mixed paragraphs makes the document
        cooperative, a fifth or more in tense or mixed ones tense, both mixed, neither neutral. With other labels, the
        tone with the greatest share. None where there are no tones.

    Examples
    --------
    >>> pooled_tone(["cooperative", "tense", "mixed", "neutral"], [0.3, 0.3, 0.0, 0.4], [0.3, 0.3, 0.0, 0.4])
    2
    """
    if not tones:
        return None
    if set(tones) != {"cooperative", "tense", "mixed", "neutral"}:
        return max(range(len(tones)), key=lambda tone: (shares[tone], probabilities[tone]))
    share = dict(zip(tones, shares, strict=True))
    cooperative = share["cooperative"] + share["mixed"] >= SHARE
    tense = share["tense"] + share["mixed"] >= SHARE
    names = {(True, True): "mixed", (True, False): "cooperative", (False, True): "tense", (False, False): "neutral"}
    return tones.index(names[cooperative, tense])

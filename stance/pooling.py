"""From the answers for its paragraphs to one answer for a document."""

from __future__ import annotations

from struct import Struct

from stance.results import NO_LABELS, REASONS, Answers, Classification, tone_score

TYPE_CHECKING = False  # `typing` takes milliseconds to import
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["pooled", "pooled_tone", "pooled_topics"]

SHARE = 0.2 - 1e-9
"""A document has a topic, or conveys cooperation or tension, when this share of its known words is in paragraphs that
have or convey it: a fifth, less what adding up rounded shares may lose."""


def pooled(answers: Answers, max_topics: int) -> Classification:
    """Give one answer for all texts together, as `Model.classify_document` describes.

    Parameters
    ----------
    answers : Answers
        Those of a document's paragraphs.
    max_topics : int
        The most topics given.
    """
    n_tokens = sum(answers.n_tokens)
    n_known = [known * n for known, n in zip(answers.known, answers.n_tokens, strict=True)]
    known = float(sum(n_known) / max(n_tokens, 1))
    rows = [row for row, reason in enumerate(answers.reasons) if not reason]
    if not rows:
        reasons = {REASONS[reason] for reason in answers.reasons} or {"empty"}
        reason = reasons.pop() if len(reasons) == 1 else "too little known text"
        return Classification.of(((), None, float("nan"), known, reason, NO_LABELS, b"", None, None))
    topics, tones = answers.labels
    total = sum(n_known[row] for row in rows)
    n_labels = len(topics) + len(tones)
    probabilities = [0.0] * n_labels
    shares = [0.0] * n_labels
    for row in rows:
        weight = float(n_known[row] / total)
        for label in range(n_labels):
            probabilities[label] += weight * float(answers.probabilities[row * n_labels + label])
        for topic in answers.topics_of(row):
            shares[topic] += weight
        if tones:
            shares[len(topics) + answers.tones[row]] += weight
    split = len(topics)
    tone = pooled_tone(tones, shares[split:], probabilities[split:])
    given = pooled_topics(shares[:split], probabilities[:split], max_topics)
    values = Struct(f"{len(probabilities)}d").pack(*probabilities)
    score = tone_score(tones, probabilities[split:])
    names = tuple(topics[topic] for topic in given), None if tone is None else tones[tone]
    return Classification.of((*names, score, known, None, answers.labels, values, None, None))


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

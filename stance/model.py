"""`Model`: answers for texts and documents, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stance import storage
from stance.compiled import scorer
from stance.decision import pooled_tone, pooled_topics
from stance.errors import LabelError
from stance.parameters import Parameters
from stance.results import Classification, Document, Paragraph, TermWeight
from stance.scoring import Scores
from stance.text import check_text, check_texts, paragraph_spans

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

__all__ = ["Answers", "Model"]

BATCH = 1024


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers for some texts as columns.

    Attributes
    ----------
    probabilities : ndarray of float64, shape (n_texts, n_labels)
        Calibrated; a row of NaN where there is no answer.
    topics : list of tuple of int
        The columns of the topics given to each text, most probable first.
    tones : list of (int or None)
        The place in `Model.tones` of each text's tone.
    abstained : list of (str or None)
        Why there is no answer.
    known : ndarray of float64, shape (n_texts,)
        Share of known tokens.
    n_tokens : ndarray of int64, shape (n_texts,)
        Number of tokens.
    """

    probabilities: NDArray[np.float64]
    topics: list[tuple[int, ...]]
    tones: list[int | None]
    abstained: list[str | None]
    known: NDArray[np.float64]
    n_tokens: NDArray[np.int64]


class Model:
    """A trained classifier of topics, of tone, or of both.

    Made by `stance.train` or `stance.load`, never changed afterwards, and safe to use from many threads.

    Parameters
    ----------
    parameters : Parameters
        What it scores with; checked here.

    Attributes
    ----------
    topics, tones, labels : tuple of str
        The labels; `labels` is the topics, then the tones, the order of every array's columns.
    intercept_ : ndarray of float64, shape (n_labels,)
        The decision values of a text without a known term.
    thresholds : mapping of str to float
        The probability from which on each topic is given.
    card : mapping
        What the model was trained on and how well it does.

    Examples
    --------
    >>> import stance
    >>> model = stance.load()
    >>> model.tones
    ('cooperative', 'tense', 'mixed', 'neutral')
    >>> model.predict_proba(["The army fired a missile.", "Inflation fell to 2 percent."]).shape
    (2, 20)
    """

    def __init__(self, parameters: Parameters) -> None:
        parameters.check()
        self.parameters = parameters
        self.topics = parameters.topics
        self.tones = parameters.tones
        self.labels = parameters.labels
        self.intercept_ = parameters.intercept
        self.thresholds: Mapping[str, float] = dict(zip(self.topics, parameters.rule.thresholds.tolist(), strict=True))
        self.card = parameters.card
        self._scorer = scorer(parameters)
        self._poles = _poles(self.tones)

    def __repr__(self) -> str:
        n_terms = len(self.parameters.words) + len(self.parameters.pairs)
        return (
            f"<stance.Model: {len(self.topics)} topics, {len(self.tones)} tones, {n_terms:,} words and pairs, "
            f"{len(self.parameters.subwords):,} subwords>"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return _from_bytes, (storage.to_bytes(self.parameters),)

    # Scores ----------------------------------------------------------------------------------------------------------

    def decision_function(self, texts: Iterable[str]) -> NDArray[np.float64]:
        """Give the decision values, before calibration.

        Parameters
        ----------
        texts : iterable of str

        Returns
        -------
        ndarray of float64, shape (n_texts, n_labels)
            For a text without a known term, the intercepts.

        Raises
        ------
        TextTypeError
            A text is not a str.
        """
        return self._scorer.score(check_texts(texts)).decisions

    def predict_proba(self, texts: Iterable[str]) -> NDArray[np.float64]:
        """Give the calibrated probabilities.

        Parameters
        ----------
        texts : iterable of str

        Returns
        -------
        ndarray of float64, shape (n_texts, n_labels)
            Each topic's column on its own, from 0 to 1; the tones' columns add up to 1. A row of NaN where the model
            has no ground for an answer: `classify` says why in `abstained`.

        Raises
        ------
        TextTypeError
            A text is not a str.

        Notes
        -----
        Topics: Platt scaling (J. Platt, 1999). Tone: matrix scaling (C. Guo et al., 2017). Both are fitted on decision
        values from cross-validation.
        """
        return self.answers(check_texts(texts)).probabilities

    def answers(self, texts: Sequence[str]) -> Answers:
        """Give the answers for texts as columns; `texts` must hold nothing but str."""
        scores = self._scorer.score(texts)
        rule = self.parameters.rule
        probabilities = rule.probabilities(scores.decisions)
        abstained = [self._reason(text, scores, row) for row, text in enumerate(texts)]
        silent = np.array([reason is not None for reason in abstained], dtype=bool)
        probabilities[silent] = np.nan
        n_topics = len(self.topics)
        tones: list[int | None] = [None] * len(texts)
        if self.tones:
            for row in np.flatnonzero(~silent).tolist():
                tones[row] = int(probabilities[row, n_topics:].argmax())
        return Answers(probabilities, rule.topics(probabilities), tones, abstained, scores.known, scores.n_tokens)

    def _reason(self, text: str, scores: Scores, row: int) -> str | None:
        """Say why there is no ground for an answer, or None where there is."""
        if scores.n_tokens[row] == 0:
            return "no words" if text.strip() else "empty"
        if scores.known[row] == 0 or scores.known[row] < self.parameters.min_known:
            return "too little known text"
        if scores.mean_idf[row] > self.parameters.max_mean_idf:
            return "unfamiliar language"
        return None

    # Answers ---------------------------------------------------------------------------------------------------------

    def classify(self, text: str) -> Classification:
        """Label one paragraph.

        Parameters
        ----------
        text : str
            Any str: a text that the model has no ground to judge gets no label, and the reason in `abstained`.

        Returns
        -------
        Classification

        Raises
        ------
        TextTypeError
            `text` is not a str.

        Examples
        --------
        >>> import stance
        >>> stance.load().classify("Hackers stole passwords from the ministry's network.").topics[0]
        'cybersecurity'
        """
        return self._classifications(self.answers([check_text(text)]))[0]

    def classify_many(self, texts: Iterable[str]) -> list[Classification]:
        """Label many paragraphs.

        Parameters
        ----------
        texts : iterable of str

        Returns
        -------
        list of Classification
            As many as there are texts, in their order; each the same as `classify` gives for that text alone.

        Raises
        ------
        TextTypeError
            A text is not a str; the message names its position.
        """
        checked = check_texts(texts)
        results: list[Classification] = []
        for start in range(0, len(checked), BATCH):
            results.extend(self._classifications(self.answers(checked[start : start + BATCH])))
        return results

    def classify_document(self, text: str) -> Document:
        """Label an article: each of its paragraphs, and the whole.

        Parameters
        ----------
        text : str
            An article. Paragraphs are divided by blank lines, or stand one a line, or are hard-wrapped;
            `stance.text.paragraph_spans` says how they are told apart.

        Returns
        -------
        Document
            The whole is pooled from the paragraphs that have an answer, each weighted by its number of known words.
            Probabilities, tones and tone score are weighted means. A topic is given when a fifth of the weight is in
            paragraphs that have it (where none has so much, the one with most). The document conveys cooperation when
            a fifth of the weight is in cooperative or mixed paragraphs, and tension likewise; both make it mixed,
            neither neutral. With other tone labels than these, the tone is the one with most weight.

        Raises
        ------
        TextTypeError
            `text` is not a str.
        """
        spans = paragraph_spans(check_text(text))
        answers = self.answers([text[start:end] for start, end in spans])
        paragraphs = tuple(
            Paragraph(text[start:end], start, end, classification)
            for (start, end), classification in zip(spans, self._classifications(answers), strict=True)
        )
        return Document(paragraphs, self._pool(answers))

    def score(self, frame: pd.DataFrame, text: str = "text", **options: Any) -> pd.DataFrame:
        """Label the rows of a data frame: `stance.score` with this model; it describes the options."""
        from stance.frame import score

        return score(frame, text, model=self, **options)

    def explain(self, text: str, label: str, k: int | None = 10) -> tuple[TermWeight, ...]:
        """Say which terms of a text speak for and against a label.

        Parameters
        ----------
        text : str
        label : str
            A topic or a tone.
        k : int, optional
            How many terms to give, the weightiest first; None for all.

        Returns
        -------
        tuple of TermWeight
            All terms' weights and the label's intercept (`intercept_`) add up to the label's decision value.

        Raises
        ------
        TextTypeError
            `text` is not a str.
        LabelError
            The model has no such label.

        Examples
        --------
        >>> import stance
        >>> model = stance.load()
        >>> text = "The central bank raised interest rates."
        >>> terms = model.explain(text, "economy", k=None)
        >>> total = sum(term.weight for term in terms) + model.intercept_[model.labels.index("economy")]
        >>> bool(abs(total - model.decision_function([text])[0, model.labels.index("economy")]) < 1e-9)
        True
        """
        if label not in self.labels:
            raise LabelError(label, self.labels)
        return tuple(self._scorer.explain(check_text(text), self.labels.index(label))[:k])

    # Files and other forms -------------------------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Write the model to a file; the same model gives the same bytes.

        Parameters
        ----------
        path : str or Path
            The file, by custom ending in ``.stance``. An old one is replaced only when the new one is whole.

        Raises
        ------
        OSError
            The folder is missing, full or not writable.
        """
        storage.write(self.parameters, path)

    def to_sklearn(self) -> Pipeline:
        """Give the model as a fitted scikit-learn Pipeline with the same decision values.

        Returns
        -------
        sklearn.pipeline.Pipeline
            Takes a list of str. Its `decision_function` has the columns of `labels`. Calibration, thresholds and
            abstention are not part of it.
        """
        from stance.pipeline import to_sklearn

        return to_sklearn(self.parameters)

    # Inside ----------------------------------------------------------------------------------------------------------

    def _classifications(self, answers: Answers) -> list[Classification]:
        return [
            self._classification(
                answers.probabilities[row],
                answers.topics[row],
                answers.tones[row],
                float(answers.known[row]),
                answers.abstained[row],
            )
            for row in range(len(answers.abstained))
        ]

    def _classification(
        self,
        probabilities: NDArray[np.float64],
        topics: Sequence[int],
        tone: int | None,
        known: float,
        abstained: str | None,
    ) -> Classification:
        if abstained is not None:
            return Classification((), None, float("nan"), {}, {}, known, abstained)
        values = probabilities.tolist()
        n_topics = len(self.topics)
        return Classification(
            tuple(self.topics[topic] for topic in topics),
            None if tone is None else self.tones[tone],
            float(self.tone_scores(probabilities[np.newaxis])[0]),
            dict(zip(self.topics, values[:n_topics], strict=True)),
            dict(zip(self.tones, values[n_topics:], strict=True)),
            known,
            None,
        )

    def tone_scores(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give P(cooperative) - P(tense) of each row of probabilities; NaN where the model has no such tones.

        Parameters
        ----------
        probabilities : ndarray of float64, shape (n_texts, n_labels)

        Returns
        -------
        ndarray of float64, shape (n_texts,)
        """
        if self._poles is None:
            return np.full(len(probabilities), np.nan)
        cooperative, tense = (len(self.topics) + pole for pole in self._poles)
        scores: NDArray[np.float64] = probabilities[:, cooperative] - probabilities[:, tense]
        return scores

    def _pool(self, answers: Answers) -> Classification:
        """Give one answer for all of `answers` together, as `classify_document` describes."""
        rows = [row for row, reason in enumerate(answers.abstained) if reason is None]
        if not rows:
            reasons = set(answers.abstained) or {"empty"}
            reason = reasons.pop() if len(reasons) == 1 else "too little known text"
            known = float(answers.known @ answers.n_tokens) / max(int(answers.n_tokens.sum()), 1)
            return Classification((), None, float("nan"), {}, {}, known, reason)
        n_known = answers.known * answers.n_tokens
        weights = n_known[rows] / n_known[rows].sum()
        probabilities = weights @ answers.probabilities[rows]
        shares = np.zeros(len(self.labels))
        for row, weight in zip(rows, weights.tolist(), strict=True):
            tone = answers.tones[row]
            shares[list(answers.topics[row])] += weight
            if tone is not None:
                shares[len(self.topics) + tone] += weight
        topic_shares, tone_shares = np.split(shares, [len(self.topics)])
        topic_means, tone_means = np.split(probabilities, [len(self.topics)])
        return self._classification(
            probabilities,
            pooled_topics(topic_shares.tolist(), topic_means.tolist(), self.parameters.rule.max_topics),
            pooled_tone(self.tones, tone_shares.tolist(), tone_means.tolist()),
            float(n_known.sum() / answers.n_tokens.sum()),
            None,
        )


def _poles(tones: Sequence[str]) -> tuple[int, int] | None:
    if "cooperative" in tones and "tense" in tones:
        return tones.index("cooperative"), tones.index("tense")
    return None


def _from_bytes(data: bytes) -> Model:
    return Model(storage.from_bytes(data))

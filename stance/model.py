"""`Model`: answers for texts and documents, and why."""

from __future__ import annotations

from itertools import repeat
from types import MappingProxyType

from stance.compiled import scorer
from stance.errors import LabelError
from stance.once import once
from stance.pooling import pooled
from stance.results import Answers, Classification, Document, Fixed, Paragraph, TermWeight
from stance.storage import Contents, parse
from stance.text import check_text, check_texts, paragraph_spans

TYPE_CHECKING = False  # `typing` takes milliseconds to import
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path
    from typing import Any, TypeVar

    import numpy as np
    from numpy.typing import NDArray
    from sklearn.pipeline import Pipeline

    from stance.compiled import CompiledScorer
    from stance.parameters import Parameters
    from stance.scoring import Scorer

    Table = TypeVar("Table")

__all__ = ["Model"]

BATCH = 1024


class Model(Fixed):
    """A trained classifier of topics, of tone, or of both.

    Made by `stance.train` or `stance.load`, never changed afterwards, and safe to use from many threads: no attribute
    can be set or deleted, and what it gives out is a copy or cannot be written to. `copy.copy` and `copy.deepcopy` give
    the model itself. It is pickled with the bytes of its file, which are checked when it is unpickled as those of a
    file are, so it works in any process on any machine that has stance.

    Parameters
    ----------
    source : Parameters or Contents
        What it scores with; checked here.

    Attributes
    ----------
    topics, tones, labels : tuple of str
        The labels; `labels` is the topics, then the tones, the order of every array's columns.
    thresholds : mapping of str to float
        The probability from which on each topic is given.
    card : mapping
        What the model was trained on and how well it does; a copy each time.

    Examples
    --------
    >>> import stance
    >>> model = stance.load()
    >>> model.tones
    ('cooperative', 'tense', 'mixed', 'neutral')
    >>> model.predict_proba(["The army fired a missile.", "Inflation fell to 2 percent."]).shape
    (2, 20)
    """

    __slots__ = (
        "__weakref__", "_classify", "_contents", "_parameters", "_scorer", "labels", "thresholds", "tones", "topics"
    )  # fmt: skip
    topics: tuple[str, ...]
    tones: tuple[str, ...]
    labels: tuple[str, ...]
    thresholds: Mapping[str, float]
    _contents: Contents
    _parameters: Callable[[], Parameters]
    _scorer: Scorer | CompiledScorer
    _classify: Callable[[str], Classification]

    def __init__(self, source: Parameters | Contents) -> None:
        contents = source if isinstance(source, Contents) else source.contents()
        fastest = scorer(contents)
        self._set(
            topics=contents.topics,
            tones=contents.tones,
            labels=contents.labels,
            thresholds=MappingProxyType(dict(zip(contents.topics, contents.arrays["thresholds"], strict=True))),
            _contents=contents,
            _parameters=once(lambda: _parameters_of(contents)),
            _scorer=fastest,
            _classify=fastest.classify,
        )

    def __repr__(self) -> str:
        contents = self._contents
        return (
            f"<stance.Model: {len(self.topics)} topics, {len(self.tones)} tones, "
            f"{contents.n_words + contents.n_pairs:,} words and pairs, {contents.n_subwords:,} subwords>"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return _from_bytes, (bytes(self._contents.data),)

    @property
    def card(self) -> Mapping[str, Any]:
        """What the model was trained on and how well it does; a copy each time."""
        from copy import deepcopy

        return deepcopy(self._contents.card)

    @property
    def path(self) -> str | None:
        """The file that the model was loaded from; None where it was trained or came from another process."""
        return self._contents.origin

    @property
    def n_bytes(self) -> int:
        """The size of the model's file."""
        return len(self._contents.data)

    @property
    def digest(self) -> str:
        """The SHA-256 of the model's file, in hex digits."""
        from hashlib import sha256

        return sha256(self._contents.data).hexdigest()

    @property
    def parameters(self) -> Parameters:
        """The numbers and words that the model is made of, as NumPy arrays; they cannot be written to."""
        return self._parameters()

    @property
    def intercept_(self) -> NDArray[np.float64]:
        """The decision values of a text without a known term, shape (n_labels,)."""
        return self.parameters.intercept

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
        return self._table(self.answers(check_texts(texts)).decisions)

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
        return self._table(self.answers(check_texts(texts)).probabilities)

    def answers(self, texts: Sequence[str]) -> Answers:
        """Give the answers for texts as columns; `texts` must hold nothing but str."""
        return self._scorer.score(texts)

    def _table(self, column: Any) -> NDArray[np.float64]:
        """Give a column of `Answers` with one row a text."""
        import numpy as np

        return np.asarray(column).reshape(-1, len(self.labels))

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
        if type(text) is not str:
            check_text(text)
        return self._classify(text)

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
            batch = checked[start : start + BATCH]
            answers = self.answers(batch)
            results.extend(map(answers.classification, range(len(batch)), batch, repeat(self._scorer.explain)))
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
        parts = [text[start:end] for start, end in spans]
        answers = self.answers(parts)
        paragraphs = tuple(
            Paragraph(part, *span, answers.classification(row, part, self._scorer.explain))
            for row, (part, span) in enumerate(zip(parts, spans, strict=True))
        )
        return Document(paragraphs, pooled(answers, self._contents.settings["max_topics"]))

    def score(self, frame: Table, text: str = "text", **options: Any) -> Table:
        """Label the rows of a table: `stance.score` with this model; it describes the options."""
        from stance.dispatch import score

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
        from stance.files import replacing

        with replacing(path) as file:
            file.write(self._contents.data)

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


def _parameters_of(contents: Contents) -> Parameters:
    from copy import deepcopy
    from dataclasses import replace

    from stance.parameters import Parameters

    return replace(Parameters.of(contents), card=deepcopy(contents.card))


def _from_bytes(data: bytes) -> Model:
    return Model(parse(data, "<pickled model>"))

"""What comes out: `Classification`, `Paragraph`, `Document`, `TermWeight`, and the columns of many answers; all frozen.

They are plain classes, not dataclasses, whose import alone takes longer than the first answer.
"""

from __future__ import annotations

from struct import Struct

TYPE_CHECKING = False  # `typing` takes milliseconds to import
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, NoReturn, Self, TypeAlias

    Explain: TypeAlias = Callable[[str, int], list["TermWeight"]]
    """`Scorer.explain` of the model that gave an answer."""
    Labels: TypeAlias = tuple[tuple[str, ...], tuple[str, ...]]
    Answer: TypeAlias = tuple[
        tuple[str, ...], str | None, float, float, str | None, Labels, bytes, str | None, Explain | None
    ]
    """Topics, tone, tone score, known share, why there is no answer, the names of all topics and tones, and the float64
    bytes of their probabilities: what the kernel gives for one text. Then the text and what explains it, for the views;
    None where they are not known."""

__all__ = ["Answers", "Classification", "Document", "Fixed", "Paragraph", "TermWeight", "tone_score"]

REASONS = (None, "empty", "no words", "too little known text", "unfamiliar language")
"""Why there is no answer, by the numbers of `Answers.reasons`; the first is: there is one."""
NO_LABELS: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())


class Fixed:
    """What is never changed, so that a copy of it is the same object."""

    __slots__ = ()

    def _set(self, **values: object) -> None:
        """Fill slots; for the class's own methods only."""
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a {type(self).__name__} cannot be changed: {name!r} stays as it is")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a {type(self).__name__} cannot be changed: {name!r} stays as it is")


class Frozen(Fixed):
    """A value with the fields that `__match_args__` names: equal by them, and never changed."""

    __slots__ = ()
    __match_args__: tuple[str, ...] = ()

    def _fields(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.__match_args__)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._fields() == other._fields()

    def __hash__(self) -> int:
        return hash(self._fields())

    def __repr__(self) -> str:
        fields = zip(self.__match_args__, self._fields(), strict=True)
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in fields)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._fields()


class Answers(Frozen):
    """The answers for some texts as columns, flat and rows first; L labels, at most K topics a text.

    Attributes
    ----------
    labels : tuple of (tuple of str)
        The names of the topics, and those of the tones.
    decisions : buffer of float64, n_texts * L
        Decision values.
    probabilities : buffer of float64, n_texts * L
        Calibrated; NaN where there is no answer.
    topics : buffer of int32, n_texts * K
        The places of the topics given to each text, most probable first, then -1.
    tones : buffer of int32, n_texts
        The place of each text's tone; -1 where there is none.
    reasons : buffer of uint8, n_texts
        Why there is no answer, as a place in `REASONS`; 0 where there is one.
    known : buffer of float64, n_texts
        Share of tokens in the vocabulary; 0 for a text without tokens.
    mean_idf : buffer of float64, n_texts
        Mean inverse document frequency of the tokens; that of an unknown word for a text without tokens.
    n_tokens : buffer of int64, n_texts
        Number of tokens.
    """

    __match_args__ = (
        "labels", "decisions", "probabilities", "topics", "tones", "reasons", "known", "mean_idf", "n_tokens"
    )  # fmt: skip
    __slots__ = (
        "decisions", "known", "labels", "mean_idf", "n_tokens", "probabilities", "reasons", "tones", "topics"
    )  # fmt: skip
    labels: tuple[tuple[str, ...], tuple[str, ...]]
    decisions: Any
    probabilities: Any
    topics: Any
    tones: Any
    reasons: Any
    known: Any
    mean_idf: Any
    n_tokens: Any

    def __init__(self, *columns: Any) -> None:
        self._set(**dict(zip(self.__match_args__, columns, strict=True)))

    def __len__(self) -> int:
        return len(self.reasons)

    def topics_of(self, row: int) -> tuple[int, ...]:
        """Give the places of the topics of one text, most probable first."""
        most = len(self.topics) // len(self)
        return tuple(int(topic) for topic in self.topics[row * most : (row + 1) * most] if topic >= 0)

    def row(self, row: int, text: str | None = None, explain: Explain | None = None) -> Answer:
        """Give the answer for one text with its labels' names; `text` and `explain` are passed on."""
        reason, known = self.reasons[row], float(self.known[row])
        if reason:
            return (), None, float("nan"), known, REASONS[reason], NO_LABELS, b"", text, explain
        topics, tones = self.labels
        n_labels = len(topics) + len(tones)
        values = self.probabilities[row * n_labels : (row + 1) * n_labels]
        given = tuple([topics[topic] for topic in self.topics_of(row)])
        tone = tones[self.tones[row]] if tones else None
        score = tone_score(tones, values[len(topics) :])
        return given, tone, score, known, None, self.labels, values.tobytes(), text, explain

    def classification(self, row: int, text: str | None = None, explain: Explain | None = None) -> Classification:
        """Give the answer for one text."""
        return Classification.of(self.row(row, text, explain))


def tone_score(tones: Sequence[str], probabilities: Sequence[float]) -> float:
    """Give P(cooperative) - P(tense); NaN where there are no such tones."""
    if "cooperative" not in tones or "tense" not in tones:
        return float("nan")
    return float(probabilities[tones.index("cooperative")] - probabilities[tones.index("tense")])


class Classification(Frozen):
    """The answer for one text.

    Attributes
    ----------
    topics : tuple of str
        The topics given, most probable first; empty when none applies or when the model abstains.
    tone : str or None
        The tone; None when the model abstains or has no tone head.
    tone_score : float
        P(cooperative) + P(mixed) - P(tense) - P(mixed), which is P(cooperative) - P(tense): from -1 (tense) to
        1 (cooperative). NaN when the model abstains or has no such tones.
    probabilities : mapping of str to float
        The calibrated probability of every topic; empty when the model abstains.
    tones : mapping of str to float
        The calibrated probability of every tone, adding up to 1; empty when the model abstains.
    known : float
        Share of the text's tokens that are in the model's vocabulary, from 0 to 1.
    abstained : str or None
        Why there is no answer: "empty", "no words", "too little known text", "unfamiliar language"; None when there
        is one.

    Notes
    -----
    It prints as lines with bars; in a notebook it shows the text too, shaded by what each word adds. For that an answer
    keeps its text and its model, which are no part of it otherwise: a pickled one leaves them behind.

    Examples
    --------
    >>> import stance
    >>> answer = stance.classify("The two ministers signed a trade agreement.")
    >>> answer.tone
    'cooperative'
    >>> "trade" in answer.topics
    True
    >>> stance.classify("   ").abstained
    'empty'
    """

    __slots__ = ("_answer",)
    _answer: Answer
    __match_args__ = ("topics", "tone", "tone_score", "probabilities", "tones", "known", "abstained")

    def __init__(
        self,
        topics: tuple[str, ...],
        tone: str | None,
        tone_score: float,
        probabilities: Mapping[str, float],
        tones: Mapping[str, float],
        known: float,
        abstained: str | None,
    ) -> None:
        labels = tuple(probabilities), tuple(tones)
        values = [*probabilities.values(), *tones.values()]
        packed = Struct(f"{len(values)}d").pack(*values)
        self._set(_answer=(topics, tone, tone_score, known, abstained, labels, packed, None, None))

    @staticmethod
    def of(answer: Answer) -> Classification:
        """Wrap an answer; its mappings are made when they are asked for, which takes as long as scoring a text."""
        wrapped = _new(Classification)
        _set_answer(wrapped, answer)
        return wrapped

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics given, most probable first."""
        return self._answer[0]

    @property
    def tone(self) -> str | None:
        """The tone."""
        return self._answer[1]

    @property
    def tone_score(self) -> float:
        """P(cooperative) - P(tense)."""
        return self._answer[2]

    @property
    def probabilities(self) -> Mapping[str, float]:
        """The calibrated probability of every topic."""
        labels, values = self._answer[5:7]
        return dict(zip(labels[0], memoryview(values).cast("d"), strict=False))

    @property
    def tones(self) -> Mapping[str, float]:
        """The calibrated probability of every tone, adding up to 1."""
        labels, values = self._answer[5:7]
        return dict(zip(labels[1], memoryview(values).cast("d")[len(labels[0]) :], strict=True))

    @property
    def known(self) -> float:
        """Share of the text's tokens that are in the model's vocabulary."""
        return self._answer[3]

    @property
    def abstained(self) -> str | None:
        """Why there is no answer."""
        return self._answer[4]

    def to_dict(self) -> dict[str, Any]:
        """Give the answer as plain types that `json.dumps` takes; a NaN becomes None."""
        return {
            "topics": list(self.topics),
            "tone": self.tone,
            "tone_score": none_if_nan(self.tone_score),
            "probabilities": self.probabilities,
            "tones": self.tones,
            "known": self.known,
            "abstained": self.abstained,
        }

    @property
    def _source(self) -> tuple[str | None, Explain | None]:
        """The text and what explains it, for the views; None where they are not known, as after pickling."""
        return self._answer[7:]

    def __str__(self) -> str:
        from stance.terminal import shown

        return shown(self)

    def _repr_html_(self) -> str:
        """Give the answer as HTML for notebooks, with the text and the terms that decided, where they are known."""
        from stance.notebook import classification_html

        return classification_html(self)


_new = object.__new__
_set_answer = Classification.__dict__["_answer"].__set__


class Paragraph(Frozen):
    """One paragraph of a document, with its place and its answer.

    Attributes
    ----------
    text : str
        The paragraph as it stands in the document: ``document_text[start:end] == text``.
    start, end : int
        Its place in the document's text, in characters.
    classification : Classification
        Its answer; `topics`, `tone` and `tone_score` are passed through.
    """

    __match_args__ = ("text", "start", "end", "classification")
    __slots__ = ("classification", "end", "start", "text")
    text: str
    start: int
    end: int
    classification: Classification

    def __init__(self, text: str, start: int, end: int, classification: Classification) -> None:
        self._set(text=text, start=start, end=end, classification=classification)

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics of the paragraph, most probable first."""
        return self.classification.topics

    @property
    def tone(self) -> str | None:
        """The tone of the paragraph."""
        return self.classification.tone

    @property
    def tone_score(self) -> float:
        """The tone score of the paragraph, from -1 to 1."""
        return self.classification.tone_score

    def to_dict(self) -> dict[str, Any]:
        """Give the paragraph as plain types that `json.dumps` takes."""
        return {"start": self.start, "end": self.end, "text": self.text, **self.classification.to_dict()}


class Document(Frozen):
    """An article: its paragraphs and what they say together.

    Attributes
    ----------
    paragraphs : tuple of Paragraph
        The paragraphs in order.
    classification : Classification
        The answer for the whole document, pooled from its paragraphs; `topics`, `tone`, `tone_score`,
        `probabilities`, `tones`, `known` and `abstained` are passed through. `Model.classify_document` says how.
    """

    __match_args__ = ("paragraphs", "classification")
    __slots__ = ("classification", "paragraphs")
    paragraphs: tuple[Paragraph, ...]
    classification: Classification

    def __init__(self, paragraphs: tuple[Paragraph, ...], classification: Classification) -> None:
        self._set(paragraphs=paragraphs, classification=classification)

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics of the document, most probable first."""
        return self.classification.topics

    @property
    def tone(self) -> str | None:
        """The tone of the document."""
        return self.classification.tone

    @property
    def tone_score(self) -> float:
        """The tone score of the document, from -1 to 1."""
        return self.classification.tone_score

    @property
    def probabilities(self) -> Mapping[str, float]:
        """The pooled probability of every topic."""
        return self.classification.probabilities

    @property
    def tones(self) -> Mapping[str, float]:
        """The pooled probability of every tone."""
        return self.classification.tones

    @property
    def known(self) -> float:
        """Share of the document's tokens that are in the model's vocabulary."""
        return self.classification.known

    @property
    def abstained(self) -> str | None:
        """Why there is no answer for the document; None when there is one."""
        return self.classification.abstained

    def to_dict(self) -> dict[str, Any]:
        """Give the document as plain types that `json.dumps` takes."""
        return {
            **self.classification.to_dict(),
            "paragraphs": [paragraph.to_dict() for paragraph in self.paragraphs],
        }

    def __str__(self) -> str:
        from stance.terminal import shown

        return shown(self)

    def _repr_html_(self) -> str:
        """Give the document as HTML for notebooks, paragraph by paragraph, with the terms that decided."""
        from stance.notebook import document_html

        return document_html(self)


class TermWeight(Frozen):
    """What one term of a text adds to a label's decision value.

    Attributes
    ----------
    term : str
        A word, or two neighbouring words with a space between, in lower case.
    weight : float
        What it adds: above 0 speaks for the label, below 0 against it. The subwords of a word count with the word.
    spans : tuple of (int, int)
        Where the term stands in the text, in characters: ``text[start:end]``.
    """

    __match_args__ = ("term", "weight", "spans")
    __slots__ = ("spans", "term", "weight")
    term: str
    weight: float
    spans: tuple[tuple[int, int], ...]

    def __init__(self, term: str, weight: float, spans: tuple[tuple[int, int], ...]) -> None:
        self._set(term=term, weight=weight, spans=spans)

    def to_dict(self) -> dict[str, Any]:
        """Give the term as plain types that `json.dumps` takes."""
        return {"term": self.term, "weight": self.weight, "spans": [list(span) for span in self.spans]}


def none_if_nan(value: float) -> float | None:
    """Give None for NaN, which JSON does not have."""
    return None if value != value else value

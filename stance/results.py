"""What comes out: `Classification`, `Paragraph`, `Document` and `TermWeight`, all frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Classification", "Document", "Paragraph", "TermWeight"]


@dataclass(frozen=True, slots=True)
class Classification:
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

    Examples
    --------
    >>> import stance
    >>> answer = stance.classify("The two ministers signed a trade agreement that cuts tariffs on steel.")
    >>> answer.tone
    'cooperative'
    >>> "trade" in answer.topics
    True
    >>> stance.classify("   ").abstained
    'empty'
    """

    topics: tuple[str, ...]
    tone: str | None
    tone_score: float
    probabilities: Mapping[str, float]
    tones: Mapping[str, float]
    known: float
    abstained: str | None

    def to_dict(self) -> dict[str, Any]:
        """Give the answer as plain types that `json.dumps` takes; a NaN becomes None."""
        return {
            "topics": list(self.topics),
            "tone": self.tone,
            "tone_score": none_if_nan(self.tone_score),
            "probabilities": dict(self.probabilities),
            "tones": dict(self.tones),
            "known": self.known,
            "abstained": self.abstained,
        }

    def __str__(self) -> str:
        if self.abstained is not None:
            return f"no answer: {self.abstained} ({self.known:.0%} of the words known)"
        lines = []
        if self.probabilities:
            given = ", ".join(f"{name} {self.probabilities[name]:.2f}" for name in self.topics)
            lines.append(f"topics  {given or 'none'}")
        if self.tone is not None:
            lines.append(f"tone    {self.tone} {self.tones[self.tone]:.2f}{scale_text(self.tone_score)}")
        lines.append(f"known   {self.known:.0%} of the words")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Paragraph:
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

    text: str
    start: int
    end: int
    classification: Classification

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


@dataclass(frozen=True, slots=True)
class Document:
    """An article: its paragraphs and what they say together.

    Attributes
    ----------
    paragraphs : tuple of Paragraph
        The paragraphs in order.
    classification : Classification
        The answer for the whole document, pooled from its paragraphs; `topics`, `tone`, `tone_score`,
        `probabilities`, `tones`, `known` and `abstained` are passed through. `Model.classify_document` says how.
    """

    paragraphs: tuple[Paragraph, ...]
    classification: Classification

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
        n_paragraphs = len(self.paragraphs)
        parts = [f"document of {n_paragraphs} paragraph{'s' * (n_paragraphs != 1)}"]
        if self.abstained is not None:
            parts.append(str(self.classification))
        else:
            if self.probabilities:
                parts.append(f"topics  {', '.join(self.topics) or 'none'}")
            if self.tone is not None:
                parts.append(f"tone    {self.tone}{scale_text(self.tone_score)}")
        for number, paragraph in enumerate(self.paragraphs, 1):
            parts.append(f"\n[{number}] {first_words(paragraph.text)}\n{paragraph.classification}")
        return "\n".join(parts)


@dataclass(frozen=True, slots=True)
class TermWeight:
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

    term: str
    weight: float
    spans: tuple[tuple[int, int], ...]

    def to_dict(self) -> dict[str, Any]:
        """Give the term as plain types that `json.dumps` takes."""
        return {"term": self.term, "weight": self.weight, "spans": [list(span) for span in self.spans]}


def none_if_nan(value: float) -> float | None:
    """Give None for NaN, which JSON does not have."""
    return None if value != value else value


def scale_text(tone_score: float) -> str:
    """Give the tone score for print; nothing where it is NaN."""
    return "" if tone_score != tone_score else f"  (score {tone_score:+.2f})"


def first_words(text: str, width: int = 72) -> str:
    """Give the beginning of `text` on one line of at most `width` characters."""
    line = " ".join(text[: 4 * width].split())
    return line if len(line) <= width else line[: width - 1].rstrip() + "…"

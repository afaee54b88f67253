"""The page of an article: its paragraphs, the words that decided, and its tone from beginning to end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stance.drawing import Line, draw
from stance.model import Model
from stance.page import Chart, render, signed, tone_class
from stance.results import Classification, Document, Paragraph, none_if_nan
from stance.views import contributions, parts

__all__ = ["article_page"]

N_SHADED = 200
"""So many paragraphs show their words' weights."""
N_VERSIONS = 8
"""So many labels of a paragraph can be chosen."""
N_TERMS = 6
"""So many words for and against a label are named."""
N_MARKED = 400
"""Up to so many paragraphs the chart has a mark for each."""
LIKELY = 0.1
"""Topics from this probability on are shown though they are not given; the likeliest is shown whatever it has."""
FAINT = 0.15
"""Of the weightiest word's weight: words with no more are not shaded."""
SIGNS = {"tense": "v", "cooperative": "^", "mixed": "D", "neutral": "o"}


def article_page(model: Model, text: str, title: str = "Article") -> str:
    r"""Make a page of an article.

    Parameters
    ----------
    model : Model
    text : str
        The article; `Model.classify_document` says how it is split.
    title : str
        The heading of the page.

    Returns
    -------
    str
        HTML that loads nothing: with the answer for the whole, the tone along the text, and each paragraph with its
        probabilities and its words, shaded by what they add to the label that is chosen.

    Raises
    ------
    TextTypeError
        `text` is not a str.
    MissingExtraError
        Jinja or Matplotlib is not installed.

    Examples
    --------
    >>> import stance
    >>> page = article_page(stance.load(), "Rebels shelled the town.\n\nThe minister praised the aid agreement.")
    >>> page.count("<article"), "shelled</mark>" in page
    (2, True)
    """
    document = model.classify_document(text)
    paragraphs = document.paragraphs
    return render(
        "article.html",
        title=title,
        kind="Article",
        versions=N_VERSIONS,
        n_paragraphs=len(paragraphs),
        n_silent=sum(paragraph.classification.abstained is not None for paragraph in paragraphs),
        n_shaded=N_SHADED,
        known=document.known,
        whole=_answer(document.classification),
        tones=[(tone, tone_class(tone, model.tones)) for tone in model.tones],
        course=_course(document),
        paragraphs=[
            {
                "text": paragraph.text,
                "answer": _answer(paragraph.classification),
                "versions": list(_versions(model, paragraph)) if place < N_SHADED else [],
            }
            for place, paragraph in enumerate(paragraphs)
        ],
    )


def _answer(answer: Classification) -> dict[str, Any]:
    """Give an answer as the template takes it: bars as name, value, colour, and whether it is given."""
    tones = tuple(answer.tones)
    topics = sorted(answer.probabilities.items(), key=lambda item: (item[0] not in answer.topics, -item[1]))
    shown = [(name, value) for name, value in topics if name in answer.topics or value >= LIKELY] or topics[:1]
    return {
        "abstained": answer.abstained,
        "topics": [(name, value, "topic", name in answer.topics) for name, value in shown],
        "tone": answer.tone,
        "tone_class": None if answer.tone is None else tone_class(answer.tone, tones),
        "score": none_if_nan(answer.tone_score),
        "tones": [(name, value, tone_class(name, tones), name == answer.tone) for name, value in answer.tones.items()],
    }


def _course(document: Document) -> Chart | None:
    """Draw the tone along the text; None where there is no tone score."""
    answers = [paragraph.classification for paragraph in document.paragraphs]
    scores = [answer.tone_score for answer in answers]
    if all(none_if_nan(score) is None for score in scores):
        return None
    numbers = range(1, len(scores) + 1)
    lines = [Line([0.5, len(scores) + 0.5], [0, 0], "faint", style="--"), Line(numbers, scores, "ink")]
    if len(scores) <= N_MARKED:
        for tone in dict.fromkeys(answer.tone for answer in answers if answer.tone is not None):
            places = [number for number, answer in zip(numbers, answers, strict=True) if answer.tone == tone]
            colour, sign = tone_class(tone, tuple(answers[places[0] - 1].tones)), SIGNS.get(tone, "s")
            lines.append(Line(places, [scores[place - 1] for place in places], colour, style="", marker=sign))
    words = f"Line of the tone score of {len(scores)} paragraphs: {_range(scores)}."
    svg = draw(lines, words, (10.5, 2.8), (0.5, len(scores) + 0.5), (-1.05, 1.05), None, "paragraph", "tone score")
    rows = [
        (str(number), answer.tone or "no answer", "" if answer.abstained else signed(answer.tone_score))
        for number, answer in zip(numbers, answers, strict=True)
    ]
    return Chart(svg, ("paragraph", "tone", "tone score"), rows)


def _range(scores: list[float]) -> str:
    known = {score: number for number, score in enumerate(scores, 1) if none_if_nan(score) is not None}
    low, high = min(known), max(known)
    return f"lowest {signed(low)} in paragraph {known[low]}, highest {signed(high)} in paragraph {known[high]}"


def _versions(model: Model, paragraph: Paragraph) -> Iterator[Mapping[str, Any]]:
    """Give the text with its words shaded, for the tone and for each topic that it has."""
    answer = paragraph.classification
    tone = () if answer.tone is None else (answer.tone,)
    for label in (*tone, *answer.topics)[:N_VERSIONS]:
        words = contributions(model, paragraph.text, label)
        yield {
            "label": label,
            "class": tone_class(label, tuple(answer.tones)) if label in tone else "topic",
            "parts": [
                (part, ("for" if added > 0 else "against") if share else "", share)
                for part, added, share in parts(paragraph.text, words, FAINT)
            ],
            "terms": _terms(paragraph.text, words),
        }


def _terms(text: str, words: list[tuple[int, int, float]]) -> list[tuple[str, list[tuple[str, float]]]]:
    """Give the weightiest words for and against a label, each once with all that it adds."""
    total: dict[str, float] = {}
    for start, end, added in words:
        word = text[start:end].lower()
        total[word] = total.get(word, 0.0) + added
    ranked = sorted(total.items(), key=lambda item: item[1])
    against = [item for item in ranked[:N_TERMS] if item[1] < 0]
    return [("For", [item for item in ranked[::-1][:N_TERMS] if item[1] > 0]), ("Against", against)]

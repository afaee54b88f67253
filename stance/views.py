"""How an answer looks in a notebook: HTML that shows the text with the terms that decided."""

from __future__ import annotations

from collections.abc import Iterable

from stance.model import Model
from stance.results import TermWeight

__all__ = ["contributions", "spread"]


def contributions(model: Model, text: str, label: str) -> list[tuple[int, int, float]]:
    """Say what each word of a text adds to a label's decision value.

    Parameters
    ----------
    model : Model
    text : str
    label : str
        A topic or a tone.

    Returns
    -------
    list of (int, int, float)
        First and past-the-last character of each word that is a term or part of one, in order and without overlap,
        and what it adds. All of them and the label's intercept add up to the label's decision value.

    Raises
    ------
    TextTypeError
        `text` is not a str.
    LabelError
        The model has no such label.

    Examples
    --------
    >>> import stance
    >>> text = "Talks on wheat failed, and exports fell."
    >>> parts = contributions(stance.load(), text, "trade")
    >>> [text[start:end] for start, end, added in sorted(parts, key=lambda part: -part[2])[:2]]
    ['exports', 'wheat']
    """
    return spread(model.explain(text, label, k=None))


def spread(terms: Iterable[TermWeight]) -> list[tuple[int, int, float]]:
    """Spread the weights of a text's terms over its words.

    Parameters
    ----------
    terms : iterable of TermWeight
        All terms of the text.

    Returns
    -------
    list of (int, int, float)
        First and past-the-last character of each word, in order, and its part of the weights, which add up to the
        same sum. A term that stands in several places has an equal part in each; of a pair each word has half.

    Examples
    --------
    >>> spread([TermWeight("peace talks", 0.5, ((0, 11),)), TermWeight("talks", 0.25, ((6, 11),)),
    ...         TermWeight("peace", 1.0, ((0, 5), (15, 20)))])
    [(0, 5, 0.75), (6, 11, 0.5), (15, 20, 0.5)]
    """
    words: dict[tuple[int, int], float] = {}
    pairs = []
    for term in terms:
        part = term.weight / len(term.spans)
        if " " in term.term:
            pairs.append((term.spans, part / 2))
        else:
            words |= dict.fromkeys(term.spans, part)
    starts = {span[0]: span for span in words}
    ends = {span[1]: span for span in words}
    for spans, half in pairs:  # each of the two words is a term too, whatever it adds by itself
        for start, end in spans:
            words[starts[start]] += half
            words[ends[end]] += half
    return [(start, end, words[start, end]) for start, end in sorted(words)]

"""Terms in a text: what each word adds to a label, and HTML in which it is shaded by that.

Text keeps the colour that the page has, and shades let the page's background through, so that light and dark pages do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import TypeAlias

from stance.model import Model
from stance.results import TermWeight
from stance.terminal import one_line, printable

__all__ = ["contributions", "escaped", "parts", "shaded", "spread", "swatch"]

Span: TypeAlias = tuple[int, int, float]

FOR, AGAINST = "13,148,136", "219,39,119"
"""Red, green and blue of the shades of words that speak for a label and of those that speak against it."""
DARKEST = 0.45
"""Opacity of the strongest word's shade: text on it keeps a contrast of 4.5 to 1 (WCAG 2.2, 1.4.3)."""
FAINTEST = 0.1
"""A word that adds no more than this share of what the strongest adds is not shaded."""


def contributions(model: Model, text: str, label: str) -> list[Span]:
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


def spread(terms: Iterable[TermWeight]) -> list[Span]:
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


def shaded(text: str, spans: Sequence[Span], label: str) -> str:
    """Give a text as HTML, its words shaded by what they add to a label.

    Parameters
    ----------
    text : str
    spans : sequence of (int, int, float)
        Those of `contributions`.
    label : str

    Returns
    -------
    str
        The text, escaped, with a ``<mark>`` around each word that adds more than a tenth of what the strongest adds.
        A title says how much; what speaks against the label is underlined with dots.

    Examples
    --------
    >>> print(shaded("Talks & trade", [(0, 5, 0.01), (8, 13, 1.5)], "trade"))
    Talks &amp; <mark title="+1.50 for trade" style="color:inherit;background:rgba(13,148,136,0.45)">trade</mark>
    """
    return "".join(
        _mark(part, added, share, label) if share else escaped(part)
        for part, added, share in parts(text, spans, FAINTEST)
    )


def parts(text: str, spans: Sequence[Span], faintest: float) -> Iterator[tuple[str, float, float]]:
    """Cut a text at the words that count.

    Parameters
    ----------
    text : str
    spans : sequence of (int, int, float)
        Those of `contributions`.
    faintest : float
        A word that adds no more than this share of what the strongest adds does not count.

    Yields
    ------
    (str, float, float)
        A part of the text, what it adds, and that as a share of what the strongest adds, from 0 to 1; 0 and 0 for what
        lies between the words.

    Examples
    --------
    >>> list(parts("Talks on trade", [(0, 5, -0.5), (6, 8, 0.01), (9, 14, 1.0)], 0.1))
    [('Talks', -0.5, 0.5), (' on ', 0.0, 0.0), ('trade', 1.0, 1.0)]
    """
    strongest = max((abs(added) for *_, added in spans), default=0.0)
    done = 0
    for start, end, added in spans:
        if abs(added) > faintest * strongest:
            if start > done:
                yield text[done:start], 0.0, 0.0
            yield text[start:end], added, abs(added) / strongest
            done = end
    if done < len(text):
        yield text[done:], 0.0, 0.0


def swatch(is_for: bool, share: float) -> str:
    """Give the style of a word that speaks for or against a label, with a share of the strongest word's weight."""
    colour, line = (FOR, "") if is_for else (AGAINST, ";text-decoration:underline dotted")
    return f"color:inherit;background:rgba({colour},{DARKEST * share:.2f}){line}"


def escaped(text: str) -> str:
    """Give a text as HTML; control characters, which HTML does not have, become U+FFFD."""
    return escape(printable(text))


def _mark(word: str, added: float, share: float, label: str) -> str:
    title = f"{added:+.2f} {'for' if added > 0 else 'against'} {escaped(one_line(label))}"
    return f'<mark title="{title}" style="{swatch(added > 0, share)}">{escaped(word)}</mark>'

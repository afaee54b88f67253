r"""From text to tokens, pairs of tokens and subwords: what a model counts.

A token is a run of two or more word characters of the lower-cased text, as in scikit-learn's text vectorizers
(``(?u)\\b\\w\\w+\\b``). A pair is two neighbouring tokens. A subword is a run of characters of one token with a space
put before and after it, as in ``analyzer="char_wb"``; it never crosses a token.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

__all__ = ["TOKEN_PATTERN", "subwords", "token_spans", "tokens"]

TOKEN_PATTERN = r"(?u)\b\w\w+\b"
SLICE = 1 << 20
"""Characters of a text that are tokenised at a time, so that memory stays bounded on a huge text."""

_find_tokens = re.compile(TOKEN_PATTERN).findall
_iterate_tokens = re.compile(TOKEN_PATTERN).finditer
_find_space = re.compile(r"\s").search


def tokens(text: str) -> list[str]:
    """Split `text` into its tokens, in order.

    Examples
    --------
    >>> tokens("The U.S. and Türkiye signed a deal.")
    ['the', 'and', 'türkiye', 'signed', 'deal']
    """
    return _find_tokens(text.lower())


def token_slices(text: str) -> Iterator[list[str]]:
    """Yield the tokens of `text` in lists of bounded length, cut only at white space.

    Lower-casing looks at neighbouring letters (the Greek final sigma) but never across white space, so the slices
    together hold the same tokens as the whole.

    Examples
    --------
    >>> [len(part) for part in token_slices("peace talks " * 100_000)]
    [174763, 25237]
    """
    start = 0
    while len(text) - start > SLICE:
        space = _find_space(text, start + SLICE)
        if space is None:
            break
        yield tokens(text[start : space.start()])
        start = space.start()
    yield tokens(text[start:])


def token_spans(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield the tokens of `text`, each with its first and past-the-last character in `text`.

    Examples
    --------
    >>> list(token_spans("Oil, gas"))
    [('oil', 0, 3), ('gas', 5, 8)]
    """
    lowered = text.lower()
    found = ((match.group(), match.start(), match.end()) for match in _iterate_tokens(lowered))
    if len(lowered) == len(text):
        yield from found
        return
    # A few characters (only U+0130 today) become longer in lower case: map every place back to the original.
    starts = []
    length = 0
    for character in text:
        starts.append(length)
        length += len(character.lower())

    def original(place: int) -> int:
        return bisect_right(starts, place) - 1

    for token, start, end in found:
        yield token, original(start), original(end - 1) + 1


def subwords(token: str, shortest: int, longest: int) -> Iterator[str]:
    """Yield the character n-grams of one token, as scikit-learn's ``analyzer="char_wb"`` does.

    Parameters
    ----------
    token : str
        One token.
    shortest, longest : int
        Least and greatest number of characters of an n-gram, the two spaces around the token included.

    Yields
    ------
    str
        The n-grams, shorter ones first, repeated ones as often as they stand in the token. A token with its spaces
        that is shorter than an n-gram counts once, whole.

    Examples
    --------
    >>> list(subwords("deal", 4, 5))
    [' dea', 'deal', 'eal ', ' deal', 'deal ']
    >>> list(subwords("un", 3, 5))
    [' un', 'un ', ' un ']
    """
    padded = f" {token} "
    for length in range(shortest, longest + 1):
        yield padded[:length]
        if length >= len(padded):
            break
        for start in range(1, len(padded) - length + 1):
            yield padded[start : start + length]

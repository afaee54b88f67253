"""Checking one text, and splitting an article into its paragraphs with exact offsets."""

from __future__ import annotations

import itertools

from stance.errors import TextTypeError

TYPE_CHECKING = False  # `typing` takes milliseconds to import
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["LINE_ENDS", "check_text", "check_texts", "paragraph_spans"]

WRAP_WIDTH = 132
"""Lines longer than this are paragraphs, not hard-wrapped copy: the widest line that terminals and printers had."""
WRAPPED_SHARE = 0.6
"""A block is hard-wrapped when at least this share of its lines, but the last, had no room for the next word."""

LINE = r"[^\r\n\u2028\u2029]+"
LINE_ENDS = ("\n", "\r\n", "\r", "\u2028", "\u2029")
"""What ends a line."""
SENTENCE_ENDS = tuple(".!?…。！？")
CLOSING = "'\"’”»)]"

Span = tuple[int, int]


def check_text(text: object, position: int | None = None) -> str:
    """Give `text` back if it is a str, or raise `TextTypeError`."""
    if not isinstance(text, str):
        raise TextTypeError(text, position)
    return text


def check_texts(texts: object) -> list[str]:
    """Give `texts` back as a list of str, or raise `TextTypeError` naming the first that is not.

    Raises
    ------
    TextTypeError
        `texts` holds something that is not a str.
    TypeError
        `texts` is one str (a likely slip) or is not iterable.
    """
    if isinstance(texts, str):
        raise TypeError("expected several texts, but got one str: use classify(text), or put it in a list")
    if hasattr(texts, "columns"):
        raise TypeError("expected several texts, but got a data frame: use score(frame), or pass its text column")
    if not hasattr(texts, "__iter__"):
        raise TypeError(f"expected several texts, such as a list of str, but got {type(texts).__name__}")
    checked = list(texts)
    if not set(map(type, checked)) <= {str}:
        for position, text in enumerate(checked):
            check_text(text, position)
    return checked


def paragraph_spans(text: str) -> list[Span]:
    r"""Find the paragraphs of an article.

    Blank lines divide the text into blocks. A block of several lines is taken either as one paragraph a line or as
    hard-wrapped copy. It is hard-wrapped when most of its lines were broken because the next word had no room; then a
    paragraph ends at a line that was not full and that ends a sentence, or before a line that is indented.

    Parameters
    ----------
    text : str
        An article. Line ends may be LF, CRLF, CR, or the Unicode line and paragraph separators.

    Returns
    -------
    list of (int, int)
        First and past-the-last character of each paragraph, in order; white space around a paragraph is left out.

    Examples
    --------
    >>> text = "One paragraph.\n\nAnother one.\r\n"
    >>> [text[start:end] for start, end in paragraph_spans(text)]
    ['One paragraph.', 'Another one.']
    """
    blocks = list(_blocks(text))
    width = _wrap_width([_columns(text, line) for block in blocks for line in block])
    spans: list[Span] = []
    for block in blocks:
        spans.extend(_wrapped_paragraphs(text, block, width) if _is_wrapped(text, block, width) else block)
    return spans


def _stripped(text: str, start: int, end: int) -> Span:
    """Narrow a span so that it neither begins nor ends with white space."""
    line = text[start:end]
    inner = line.strip()
    if not inner:
        return start, start
    start += len(line) - len(line.lstrip())
    return start, start + len(inner)


def _blocks(text: str) -> Iterator[list[Span]]:
    """Yield the lines that hold more than white space, in groups with blank lines between."""
    import re  # which takes milliseconds, and one paragraph does without

    block: list[Span] = []
    last = 0
    for match in re.finditer(LINE, text):  # which leaps over empty lines, however many there are
        line = _stripped(text, *match.span())
        is_filled = line[0] < line[1]
        if block and not (is_filled and text[last : match.start()] in LINE_ENDS):
            yield block
            block = []
        if is_filled:
            block.append(line)
        last = match.end()
    if block:
        yield block


def _wrap_width(lengths: Sequence[int]) -> int:
    """Give the length that nine lines in ten do not exceed: the wrap width, if the text was wrapped."""
    return sorted(lengths)[(len(lengths) * 9 - 1) // 10] if lengths else 0


def _has_room(text: str, line: Span, following: Span, width: int) -> bool:
    """Say whether the first word of the following line would have fitted on `line`."""
    first_word = text[following[0] : following[1]].split(None, 1)[0]
    return _columns(text, line) + 1 + len(first_word) <= width


def _is_wrapped(text: str, block: list[Span], width: int) -> bool:
    """Say whether the lines of a block were broken by a fixed width, one of them inside a sentence."""
    if width > WRAP_WIDTH or all(_ends_sentence(text, line) for line in block[:-1]):
        return False
    full = sum(not _has_room(text, line, following, width) for line, following in itertools.pairwise(block))
    return full >= WRAPPED_SHARE * (len(block) - 1)


def _wrapped_paragraphs(text: str, block: list[Span], width: int) -> Iterator[Span]:
    """Join the lines of a hard-wrapped block into paragraphs."""
    start = block[0][0]
    for line, following in itertools.pairwise(block):
        ends = _has_room(text, line, following, width) and _ends_sentence(text, line)
        if ends or (_is_indented(text, following) and not _is_indented(text, line)):
            yield start, line[1]
            start = following[0]
    yield start, block[-1][1]


def _ends_sentence(text: str, line: Span) -> bool:
    """Say whether `line` ends with the mark of a sentence's end, closing quotes and brackets aside."""
    return text[line[0] : line[1]].rstrip(CLOSING).endswith(SENTENCE_ENDS)


def _is_indented(text: str, line: Span) -> bool:
    """Say whether white space other than a line end stands before `line`."""
    return _indent(text, line) != ""


def _columns(text: str, line: Span) -> int:
    """Count the columns that `line` takes, its indentation included."""
    return len(_indent(text, line).expandtabs()) + line[1] - line[0]


def _indent(text: str, line: Span) -> str:
    """Give the white space other than a line end that stands before `line`."""
    start = line[0]
    while start > 0 and text[start - 1] in " \t\u00a0\u3000":
        start -= 1
    return text[start : line[0]]

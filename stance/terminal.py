"""How an answer looks in a terminal: lines that are lined up, in colour where it is wanted."""

from __future__ import annotations

import os
import sys
from unicodedata import category, east_asian_width

from stance.results import Classification, Document

TYPE_CHECKING = False  # `typing` takes milliseconds to import
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO, TypeAlias

    Pen: TypeAlias = Callable[[str, str], str]
    """Writes a text in the colour of a name."""

__all__ = ["one_line", "plain", "printable", "shown", "takes_colour"]

CODES = {
    "heading": "1",
    "field": "2",
    "label": "1",
    "bar": "94",
    "silent": "33",
    "cooperative": "1;36",
    "tense": "1;31",
    "mixed": "1;33",
}
"""Escape codes (ECMA-48, SGR) of the names that pens know: of the 16 colours that each user sets for themselves."""
WIDTH = 20
"""Characters of a full bar."""
SPOILT = "\N{REPLACEMENT CHARACTER}"
TURNS = dict.fromkeys((0x0D, *range(0x202A, 0x202F), *range(0x2066, 0x206A)), SPOILT)
"""What goes back to the beginning of a line, or turns the direction of all that follows (Unicode Standard Annex 9)."""
EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")


def takes_colour(stream: TextIO) -> bool:
    """Say whether to print in colour: to a terminal that has it, where NO_COLOR (no-color.org) is not set."""
    if not stream.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return sys.platform != "win32" or "WT_SESSION" in os.environ  # older consoles of Windows print the codes


def shown(answer: Classification | Document, colour: bool = False) -> str:
    """Give an answer as lines of text.

    Parameters
    ----------
    answer : Classification or Document
    colour : bool
        Whether to put escape codes for colours into it.

    Returns
    -------
    str
        The topics and the tone, each with its probability, a bar, and the tone's place between tense and cooperative.
        A document's paragraphs follow, each with the beginning of its text. Nothing that a text or a label holds
        reaches the terminal as a control character.

    Examples
    --------
    >>> tones = {"cooperative": 0.88, "tense": 0.02, "mixed": 0.04, "neutral": 0.06}
    >>> print(shown(Classification(("trade",), "cooperative", 0.86, {"trade": 0.75, "energy": 0.1}, tones, 1.0, None)))
    topics  trade        0.75  ███████████████
    tone    cooperative  0.88  tense ──────────┼────────●─ cooperative  +0.86
    known   100% of the words
    """
    pen = _coloured if colour else _plain
    if isinstance(answer, Classification):
        return "\n".join(_lines(answer, _names_width([answer]), pen))
    parts = [answer.classification, *(paragraph.classification for paragraph in answer.paragraphs)]
    width, n_paragraphs = _names_width(parts), len(answer.paragraphs)
    lines = [pen(f"document of {n_paragraphs} paragraph{'s' * (n_paragraphs != 1)}", "heading")]
    lines += _lines(answer.classification, width, pen, is_whole=True)
    for number, paragraph in enumerate(answer.paragraphs, 1):
        lines += ["", pen(f"[{number}] {one_line(paragraph.text)}", "heading")]
        lines += _lines(paragraph.classification, width, pen)
    return "\n".join(lines)


def one_line(text: str, width: int = 72) -> str:
    """Give the beginning of `text` on one line of at most `width` characters, as `plain` gives it."""
    line = plain(" ".join(text[: 4 * width].split()))
    return line if len(line) <= width else line[: width - 1].rstrip() + "…"


def plain(text: str) -> str:
    r"""Put U+FFFD for what `printable` replaces, for carriage returns, and for what turns the direction of writing.

    Examples
    --------
    >>> plain("war \x1b[31m \u202e")
    'war �[31m �'
    """
    return printable(text).translate(TURNS)


def printable(text: str) -> str:
    """Put U+FFFD for each control character but tabs and line ends, and for each half of a character."""
    return "".join(
        SPOILT if category(character) in ("Cc", "Cs") and character not in "\t\n\r" else character for character in text
    )


def _plain(text: str, name: str) -> str:
    return text


def _coloured(text: str, name: str) -> str:
    return f"\x1b[{CODES[name]}m{text}\x1b[0m" if text and name in CODES else text


def _lines(answer: Classification, width: int, pen: Pen, is_whole: bool = False) -> list[str]:
    """Give the lines of one answer, its labels in a column of `width`.

    A whole document's tone is not its most probable one, but follows from those of its paragraphs: it stands without
    its probability.
    """
    if answer.abstained is not None:
        return [pen(f"no answer: {one_line(answer.abstained)}", "silent") + f" ({answer.known:.0%} of the words known)"]
    lines: list[str] = []
    probabilities = answer.probabilities
    for topic in answer.topics:
        bar = pen(_bar(probabilities[topic]), "bar")
        lines.append(_row("" if lines else "topics", topic, "label", f"{probabilities[topic]:.2f}  {bar}", width, pen))
    if probabilities and not lines:
        lines.append(f"{pen('topics', 'field')}  none")
    if answer.tone is not None:
        probability, score = answer.tones[answer.tone], answer.tone_score
        picture = pen(_bar(probability), "bar") if score != score else _scale(score, answer.tone, pen)
        shown_probability = "    " if is_whole else f"{probability:.2f}"
        lines.append(_row("tone", answer.tone, answer.tone, f"{shown_probability}  {picture}", width, pen))
    return [*lines, f"{pen('known', 'field')}   {answer.known:.0%} of the words"]


def _row(field: str, label: str, name: str, rest: str, width: int, pen: Pen) -> str:
    label = one_line(label, 40)
    line = f"{pen(field, 'field')}{' ' * (8 - len(field))}{pen(label, name)}{' ' * (width - _columns(label))}  {rest}"
    return line.rstrip()


def _bar(probability: float) -> str:
    """Draw a probability."""
    eighths = round(min(max(0.0, probability), 1.0) * 8 * WIDTH)
    return "█" * (eighths // 8) + EIGHTHS[eighths % 8]


def _scale(score: float, tone: str, pen: Pen) -> str:
    """Draw the place of a tone score between tense and cooperative."""
    line = ["─"] * (WIDTH + 1)
    line[WIDTH // 2] = "┼"
    place = round((min(max(-1.0, score), 1.0) + 1) / 2 * WIDTH)
    dot = pen("●", tone)
    return f"tense {''.join([*line[:place], dot, *line[place + 1 :]])} cooperative  {score:+z.2f}"


def _names_width(answers: list[Classification]) -> int:
    """Give the width of the column that takes all labels given."""
    labels = [label for answer in answers for label in (*answer.topics, answer.tone or "")]
    return max((_columns(one_line(label, 40)) for label in labels), default=0)


def _columns(text: str) -> int:
    """Count the columns that `text` takes: two for a wide character, none for one that joins another."""
    return sum(
        1 + (east_asian_width(character) in ("W", "F"))
        for character in text
        if category(character) not in ("Mn", "Me", "Cf")
    )

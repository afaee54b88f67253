"""A page of HTML that holds all it needs: templates, style and script in one, every text escaped."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stance.errors import MissingExtraError
from stance.taxonomy import TONES

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["Chart", "clean", "render", "signed", "tone_class"]

UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
"""Characters that HTML may not hold, or that nobody would see."""
N_OTHER_TONES = 4
"""Colours for tones that the codebook does not have."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture, what it shows in words, and its numbers.

    Attributes
    ----------
    svg : str
        As of `stance.drawing.draw`, which has the words too.
    header : sequence of str
        The names of the numbers' columns.
    rows : sequence of sequences of str
        The numbers, as they are to be read.
    key : str
        What the page's filter knows it by; "" where it is always shown.
    title : str
        Stands above it.
    """

    svg: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    key: str = ""
    title: str = ""


def render(template: str, script: str = "", **values: Any) -> str:
    """Fill a template of ``stance/pages/``.

    Parameters
    ----------
    template : str
        Its name.
    script : str
        The name of the page's script, the only one that a browser will run in it; "" for none.
    **values
        What it asks for. Text is escaped, and what could not be seen is shown.

    Returns
    -------
    str
        The page, in characters that UTF-8 has.

    Raises
    ------
    MissingExtraError
        Jinja is not installed.
    """
    templates = _templates()
    source = (Path(__file__).parent / "pages" / script).read_text(encoding="utf-8") if script else ""
    digest = b64encode(sha256(source.encode("utf-8")).digest()).decode("ascii")
    allowed = f"'sha256-{digest}'" if script else "'none'"
    return templates.get_template(template).render(script=source, allowed=allowed, **values)


def clean(text: str) -> str:
    r"""Show what cannot be seen: control characters as their signs, lone surrogates and the like as U+FFFD.

    Parameters
    ----------
    text : str

    Examples
    --------
    >>> clean("a\x00b\r\nc\ud800")
    'a␀b\nc�'
    """
    return UNSEEN.sub(_sign, text.replace("\r\n", "\n").replace("\r", "\n"))


def signed(value: float) -> str:
    """Give a number with its sign and two digits, for print.

    Parameters
    ----------
    value : float

    Examples
    --------
    >>> signed(-0.5), signed(0.25), signed(-0.001)
    ('−0.50', '+0.25', '0.00')
    """
    text = f"{value:+.2f}".replace("-", "−")
    return text[1:] if float(text[1:]) == 0 else text


def tone_class(tone: str, tones: Sequence[str]) -> str:
    """Give the name of a tone's colour: its own for the tones of the codebook, else one by its place.

    Parameters
    ----------
    tone : str
    tones : sequence of str
        All tones that there are.

    Examples
    --------
    >>> tone_class("tense", ["tense", "ironic"]), tone_class("ironic", ["tense", "ironic"])
    ('tense', 'other1')
    """
    if tone in {known.name for known in TONES}:
        return tone
    return f"other{list(tones).index(tone) % N_OTHER_TONES}"


def _sign(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else "\ufffd"


@cache
def _templates() -> Environment:
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError:
        raise MissingExtraError("a report", "jinja2", "report") from None
    templates = Environment(
        loader=PackageLoader("stance", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalized,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["number"] = "{:,}".format
    templates.filters["share"] = lambda value: f"{value:.0%}"
    templates.filters["three"] = lambda value: f"{value:.3f}"
    templates.filters["two"] = lambda value: f"{value:.2f}"
    templates.filters["signed"] = signed
    return templates


def _finalized(value: object) -> object:
    """Clean a text; what is markup already has been."""
    return clean(value) if type(value) is str else value

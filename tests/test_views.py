"""Terms in a text: what each word adds, and how it is shaded."""

from __future__ import annotations

import itertools
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_contracts import TEXTS, nasty, on_any_model
from test_notebook import Page

import stance
from stance.results import TermWeight
from stance.terminal import printable
from stance.views import contributions, escaped, shaded, spread, swatch

MARK = re.compile(
    r'<mark title="([+-]\d+\.\d\d) (for|against) [^"]*" style="color:inherit;background:rgba\(([\d.,]+)\)'
)


@on_any_model
@given(text=nasty)
def test_contributions_are_words_in_order_that_add_up_to_the_decision_value(any_model: stance.Model, text: str) -> None:
    values = any_model.decision_function([text])[0]
    for column, label in enumerate(any_model.labels):
        found = contributions(any_model, text, label)
        assert all(0 <= start < end <= len(text) for start, end, _ in found)
        assert all(one[1] <= other[0] for one, other in itertools.pairwise(found))
        total = math.fsum(added for _, _, added in found) + any_model.intercept_[column]
        assert total == pytest.approx(values[column], abs=1e-9)


@pytest.mark.parametrize("text", TEXTS)
def test_contributions_stand_on_the_words_of_the_terms(any_model: stance.Model, text: str) -> None:
    for label in any_model.labels:
        spans = [span for term in any_model.explain(text, label, k=None) for span in term.spans]
        found = [(start, end) for start, end, _ in contributions(any_model, text, label)]
        assert set(found) <= set(spans)
        assert {start for start, _ in spans} == {start for start, _ in found}
        assert {end for _, end in spans} == {end for _, end in found}


def test_a_label_that_the_model_lacks_has_no_contributions(default_model: stance.Model) -> None:
    with pytest.raises(stance.LabelError):
        contributions(default_model, "Peace talks resumed.", "peace")


def test_a_pair_is_halved_between_its_words_and_a_term_shared_by_its_places() -> None:
    terms = [
        TermWeight("talks resumed", -1.0, ((6, 19),)),
        TermWeight("peace talks", 0.5, ((0, 11), (21, 34))),
        TermWeight("talks", 0.25, ((6, 11), (29, 34))),
        TermWeight("peace", 1.0, ((0, 5), (21, 26), (40, 45), (50, 55))),
        TermWeight("resumed", 0.0, ((12, 19),)),
    ]
    assert spread(terms) == [
        (0, 5, 0.375), (6, 11, -0.25), (12, 19, -0.5), (21, 26, 0.375), (29, 34, 0.25), (40, 45, 0.25), (50, 55, 0.25),
    ]  # fmt: skip
    assert spread([]) == []


# Shades --------------------------------------------------------------------------------------------------------------


def test_a_shaded_text() -> None:
    spans = [(0, 5, 2.0), (8, 16, -1.0), (17, 20, 0.1), (21, 24, 0.0)]
    assert shaded('Peace & "quotes" <b> the', spans, "a<b") == (
        '<mark title="+2.00 for a&lt;b" style="color:inherit;background:rgba(13,148,136,0.45)">Peace</mark> &amp; '
        '<mark title="-1.00 against a&lt;b" style="color:inherit;background:rgba(219,39,119,0.23);'
        'text-decoration:underline dotted">&quot;quotes&quot;</mark> &lt;b&gt; the'
    )
    assert shaded("<none>", [], "trade") == shaded("<none>", [(1, 5, 0.0)], "trade") == "&lt;none&gt;"


@on_any_model
@given(text=nasty)
def test_shades_are_in_proportion_to_what_the_words_add(any_model: stance.Model, text: str) -> None:
    for label in any_model.labels:
        spans = contributions(any_model, text, label)
        html = shaded(text, spans, label)
        assert Page(html).text == printable(text)
        strongest = max((abs(added) for *_, added in spans), default=0.0)
        expected = [added for *_, added in spans if abs(added) > strongest / 10]
        found = MARK.findall(html)
        assert len(found) == html.count("<mark") == len(expected)
        for added, (weight, side, colour) in zip(expected, found, strict=True):
            assert (weight, side) == (f"{added:+.2f}", "for" if added > 0 else "against")
            assert float(colour.split(",")[3]) == pytest.approx(0.45 * abs(added) / strongest, abs=0.0051)


@pytest.mark.parametrize(
    ("ink", "paper"), [("333333", "ffffff"), ("000000", "f5f5f5"), ("cccccc", "1e1e1e"), ("e0e0e0", "111111")]
)
@pytest.mark.parametrize("is_for", [True, False])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_text_on_every_shade_can_be_read_on_light_and_dark_pages(
    ink: str, paper: str, is_for: bool, share: float
) -> None:
    found = re.search(r"rgba\(([\d.,]+)\)", swatch(is_for, share))
    assert found is not None
    *colour, opacity = map(float, found[1].split(","))
    under = bytes.fromhex(paper)
    mixed = [opacity * over + (1 - opacity) * below for over, below in zip(colour, under, strict=True)]
    assert contrast(list(bytes.fromhex(ink)), mixed) >= 4.5


@given(st.text())
def test_escaped_text_is_the_text(text: str) -> None:
    assert Page(escaped(text)).text == printable(text)
    assert not set(escaped(text)) & set("<>\"'\0")


def contrast(one: list[float] | list[int], other: list[float] | list[int]) -> float:
    """Contrast ratio of two colours (WCAG 2.2)."""
    light, dark = sorted(map(luminance, (one, other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: list[float] | list[int]) -> float:
    shares = [value / 255 for value in colour]
    red, green, blue = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue

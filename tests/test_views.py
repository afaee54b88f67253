"""Answers in a notebook: what is shaded, what is escaped, and whole pages of a few."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from test_contracts import TEXTS, nasty, on_any_model

import stance
from stance.results import TermWeight
from stance.views import contributions, spread


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

"""Answers: frozen, picklable, printable, JSON."""

from __future__ import annotations

import json
import math
import pickle
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import stance
from stance.results import Classification, Document, Paragraph, TermWeight, none_if_nan
from stance.terminal import shown

NAN = float("nan")
ANSWER = Classification(
    topics=("trade", "energy"),
    tone="cooperative",
    tone_score=0.625,
    probabilities={"trade": 0.91, "energy": 0.5, "health": 0.01},
    tones={"cooperative": 0.75, "tense": 0.125, "neutral": 0.125},
    known=0.875,
    abstained=None,
)
NO_TOPIC = Classification((), "neutral", -0.25, {"trade": 0.1}, {"neutral": 0.996, "tense": 0.004}, 1.0, None)
TOPICS_ONLY = Classification(("trade",), None, NAN, {"trade": 0.987}, {}, 0.5, None)
TONE_ONLY = Classification((), "да", NAN, {}, {"да": 0.6, "нет": 0.4}, 0.5, None)
SILENT = Classification((), None, NAN, {}, {}, 0.126, "too little known text")
EMPTY = Classification((), None, NAN, {}, {}, 0.0, "empty")
PARAGRAPH = Paragraph("Steel flows.", 3, 15, ANSWER)
DOCUMENT = Document((PARAGRAPH, Paragraph("A " * 50, 17, 117, SILENT)), ANSWER)
TERM = TermWeight("free trade", 1.5, ((0, 10), (20, 30)))
EVERY: list[Any] = [
    ANSWER, NO_TOPIC, TOPICS_ONLY, TONE_ONLY, SILENT, EMPTY, PARAGRAPH, DOCUMENT, Document((), EMPTY), TERM,
]  # fmt: skip


@pytest.mark.parametrize("result", EVERY)
def test_results_are_frozen_and_have_no_other_attributes(result: Any) -> None:
    for name in (*result.__match_args__, *result.__slots__, "more"):
        message = rf"^a {type(result).__name__} cannot be changed: '{name}' stays as it is$"
        with pytest.raises(AttributeError, match=message):
            setattr(result, name, None)
        with pytest.raises(AttributeError, match=message):
            delattr(result, name)
    assert not hasattr(result, "__dict__")


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("result", EVERY)
def test_results_come_back_from_pickle(result: Any, protocol: int) -> None:
    copy = pickle.loads(pickle.dumps(result, protocol))
    assert type(copy) is type(result)
    assert repr(copy) == repr(result)


@pytest.mark.parametrize("result", EVERY)
def test_to_dict_goes_through_json_and_back(result: Any) -> None:
    plain = result.to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


@pytest.mark.parametrize("result", EVERY)
def test_a_result_is_its_fields(result: Any) -> None:
    fields = {name: getattr(result, name) for name in result.__match_args__}
    assert repr(result) == f"{type(result).__name__}({', '.join(f'{name}={fields[name]!r}' for name in fields)})"
    assert repr(type(result)(**fields)) == repr(result)


def test_equal_answers_are_equal() -> None:
    fields = {name: getattr(ANSWER, name) for name in ANSWER.__match_args__}
    assert Classification(**fields) == ANSWER
    assert Classification(**{**fields, "known": 0.5}) != ANSWER
    assert ANSWER != TERM
    assert tuple(fields.values()) != ANSWER
    assert TermWeight(TERM.term, TERM.weight, TERM.spans) == TERM
    assert hash(TERM) == hash(TermWeight(TERM.term, TERM.weight, TERM.spans))


def test_answers_can_be_matched() -> None:
    match ANSWER:
        case Classification(topics, "cooperative", score):
            assert (topics, score) == (("trade", "energy"), 0.625)
        case _:
            pytest.fail("no match")


def test_a_wrapped_answer_is_the_answer() -> None:
    labels = ("trade", "energy", "health"), ("cooperative", "tense", "neutral")
    values = struct.pack("6d", 0.91, 0.5, 0.01, 0.75, 0.125, 0.125)
    answer = ("trade", "energy"), "cooperative", 0.625, 0.875, None, labels, values, None, None
    assert Classification.of(answer) == ANSWER


def test_classification_to_dict() -> None:
    assert ANSWER.to_dict() == {
        "topics": ["trade", "energy"],
        "tone": "cooperative",
        "tone_score": 0.625,
        "probabilities": {"trade": 0.91, "energy": 0.5, "health": 0.01},
        "tones": {"cooperative": 0.75, "tense": 0.125, "neutral": 0.125},
        "known": 0.875,
        "abstained": None,
    }
    assert SILENT.to_dict() == {
        "topics": [],
        "tone": None,
        "tone_score": None,
        "probabilities": {},
        "tones": {},
        "known": 0.126,
        "abstained": "too little known text",
    }


def test_to_dict_gives_copies() -> None:
    plain = ANSWER.to_dict()
    plain["probabilities"]["trade"] = 0.0
    plain["tones"].clear()
    assert (ANSWER.probabilities["trade"], len(ANSWER.tones)) == (0.91, 3)


def test_paragraph_document_and_term_to_dict() -> None:
    assert PARAGRAPH.to_dict() == {"start": 3, "end": 15, "text": "Steel flows.", **ANSWER.to_dict()}
    assert DOCUMENT.to_dict() == {
        **ANSWER.to_dict(),
        "paragraphs": [paragraph.to_dict() for paragraph in DOCUMENT.paragraphs],
    }
    assert TERM.to_dict() == {"term": "free trade", "weight": 1.5, "spans": [[0, 10], [20, 30]]}


def test_paragraph_passes_its_answer_through() -> None:
    assert (PARAGRAPH.topics, PARAGRAPH.tone, PARAGRAPH.tone_score) == (("trade", "energy"), "cooperative", 0.625)


def test_document_passes_its_answer_through() -> None:
    for name in Classification.__match_args__:
        assert getattr(DOCUMENT, name) == getattr(ANSWER, name)


@given(st.floats())
def test_only_nan_becomes_none(value: float) -> None:
    assert none_if_nan(value) is None if math.isnan(value) else none_if_nan(value) == value


@pytest.mark.parametrize("result", [ANSWER, DOCUMENT])
def test_a_result_that_was_made_by_hand_has_views_without_a_model(result: Any) -> None:
    assert str(result) == shown(result)
    assert "<mark" not in result._repr_html_()


def test_an_answer_is_the_same_with_and_without_its_text(default_model: stance.Model) -> None:
    text = "The two ministers signed a trade agreement."
    answer = default_model.classify(text)
    assert answer._source[0] is text
    copy = pickle.loads(pickle.dumps(answer))
    assert copy == answer
    assert repr(copy) == repr(answer)
    assert copy.to_dict() == answer.to_dict()
    assert copy._source == (None, None)


def test_all_answers_of_a_model_know_their_text_and_how_to_explain_it(any_model: stance.Model) -> None:
    texts = ["The two ministers signed a trade agreement.", "рынок вырос", ""]
    document = any_model.classify_document("\n\n".join(texts))
    answers = [*map(any_model.classify, texts), *any_model.classify_many(texts)]
    answers += [paragraph.classification for paragraph in document.paragraphs]
    for text, answer in zip([*texts, *texts, *texts[:2]], answers, strict=True):
        found, explain = answer._source
        assert found == text
        assert explain is not None
        for column, label in enumerate(any_model.labels):
            assert tuple(explain(text, column)) == any_model.explain(text, label, k=None)
    assert document.classification._source == (None, None)

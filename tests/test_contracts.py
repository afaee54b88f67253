"""What holds for every kind of model: tiny, default, topics only, tone only, two rows, one made from another."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import stance

TEXTS = [
    "The two governments signed a trade agreement and praised the talks.",
    "Rebels shelled the town; the ministry condemned the attack and warned of sanctions.",
    "жители пришли на рынок, рынок вырос",
    "",
    " \n\t",
    "!!! ??? …",
    "a b c",
    "qwertyuiop asdfghjkl",
    "İSTANBUL’DA ΑΣ. ΣΑΣ ﬀ ß ŉ",
    "\ud800 lone \udfff surrogates and the war \x00 NUL",
    "peace " * 5000,
    "x" * 20000,
    "‮right to left‬ العربية عربي 中文字符 हिन्दी 🙂🙂",
]
nasty = st.one_of(
    st.text(max_size=200),
    st.text(alphabet=st.characters(categories=["L", "M", "N", "Cs", "Cc", "Zs", "P"]), max_size=80),
    st.lists(
        st.sampled_from(["the", "war", "peace", "talks", "İ", "ΑΣ", "trade", "рынок", "a", ".", "\n"]), max_size=40
    ).map(" ".join),
)
on_any_model = settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def same(one: stance.Classification, other: stance.Classification) -> bool:
    return repr(one) == repr(other)


def test_decision_values_have_a_row_a_text_and_a_column_a_label(any_model: stance.Model) -> None:
    values = any_model.decision_function(TEXTS)
    assert values.shape == (len(TEXTS), len(any_model.labels))
    assert values.dtype == np.float64
    assert np.isfinite(values).all()
    assert any_model.labels == any_model.topics + any_model.tones


def test_a_text_without_known_terms_has_the_intercepts(any_model: stance.Model) -> None:
    assert (any_model.decision_function(["", "!!!"]) == any_model.intercept_).all()


def test_probabilities_are_missing_exactly_where_the_model_abstains(any_model: stance.Model) -> None:
    probabilities = any_model.predict_proba(TEXTS)
    for row, answer in enumerate(any_model.classify_many(TEXTS)):
        if answer.abstained is None:
            assert ((probabilities[row] >= 0) & (probabilities[row] <= 1)).all()
            assert not any_model.tones or probabilities[row, len(any_model.topics) :].sum() == pytest.approx(
                1, abs=1e-12
            )
        else:
            assert np.isnan(probabilities[row]).all()


@pytest.mark.parametrize("text", ["", "   ", "\n\t\r\n", "\u3000\u2028"])
def test_blank_text_is_empty(any_model: stance.Model, text: str) -> None:
    answer = any_model.classify(text)
    assert (answer.abstained, answer.topics, answer.tone, answer.known) == ("empty", (), None, 0.0)


def test_unknown_words_get_no_label(any_model: stance.Model) -> None:
    answer = any_model.classify("qqzzvv xxjjkk wwqqpp")
    assert answer.abstained == "too little known text"
    assert (answer.topics, answer.tone, dict(answer.probabilities), dict(answer.tones)) == ((), None, {}, {})
    assert np.isnan(answer.tone_score)


@on_any_model
@given(texts=st.lists(nasty, max_size=6))
def test_a_text_has_one_answer_alone_or_in_any_batch(any_model: stance.Model, texts: list[str]) -> None:
    answers = any_model.classify_many([*TEXTS[:3], *texts])[3:]
    assert len(answers) == len(texts)
    for text, answer in zip(texts, answers, strict=True):
        assert same(answer, any_model.classify(text))


@on_any_model
@given(text=nasty)
def test_an_answer_agrees_with_its_probabilities(any_model: stance.Model, text: str) -> None:
    answer = any_model.classify(text)
    assert 0 <= answer.known <= 1
    json.dumps(answer.to_dict(), allow_nan=False)
    assert str(answer)
    if answer.abstained is not None:
        return
    rule = any_model.parameters.rule
    assert tuple(answer.probabilities) == any_model.topics
    assert tuple(answer.tones) == any_model.tones
    assert len(answer.topics) <= rule.max_topics
    values = [answer.probabilities[topic] for topic in answer.topics]
    assert values == sorted(values, reverse=True)
    reached = {topic for topic, value in answer.probabilities.items() if value >= any_model.thresholds[topic]}
    if reached:
        assert set(answer.topics) <= reached
    else:
        assert len(answer.topics) <= 1
        assert all(value >= rule.fallback for value in values)
    if any_model.tones:
        assert answer.tone is not None
        assert answer.tones[answer.tone] == max(answer.tones.values())
    else:
        assert answer.tone is None


@on_any_model
@given(text=nasty)
def test_explanations_add_up(any_model: stance.Model, text: str) -> None:
    values = any_model.decision_function([text])[0]
    for column, label in enumerate(any_model.labels):
        terms = any_model.explain(text, label, k=None)
        total = sum(term.weight for term in terms) + any_model.intercept_[column]
        assert total == pytest.approx(values[column], abs=1e-9)
        assert any_model.explain(text, label, k=3) == terms[:3]


@on_any_model
@given(text=nasty)
def test_scikit_learn_gives_the_same_decision_values(any_model: stance.Model, text: str) -> None:
    pipeline = any_model.to_sklearn()
    texts = [text, *TEXTS]
    assert np.abs(pipeline.decision_function(texts) - any_model.decision_function(texts)).max() < 1e-9


@on_any_model
@given(text=st.lists(nasty, max_size=5).map("\n\n".join))
def test_a_document_holds_its_paragraphs_at_their_places(any_model: stance.Model, text: str) -> None:
    document = any_model.classify_document(text)
    for paragraph in document.paragraphs:
        assert text[paragraph.start : paragraph.end] == paragraph.text
        assert same(paragraph.classification, any_model.classify(paragraph.text))
    if len(document.paragraphs) == 1:
        only = document.paragraphs[0]
        assert (document.topics, document.tone, document.abstained) == (
            only.topics,
            only.tone,
            only.classification.abstained,
        )
    json.dumps(document.to_dict(), allow_nan=False)


def test_a_saved_model_answers_the_same_and_saves_the_same(any_model: stance.Model, tmp_path: Path) -> None:
    any_model.save(tmp_path / "one.stance")
    loaded = stance.load(tmp_path / "one.stance")
    loaded.save(tmp_path / "two.stance")
    assert (tmp_path / "one.stance").read_bytes() == (tmp_path / "two.stance").read_bytes()
    assert (loaded.decision_function(TEXTS) == any_model.decision_function(TEXTS)).all()
    assert all(map(same, loaded.classify_many(TEXTS), any_model.classify_many(TEXTS)))
    assert loaded.card == any_model.card


def test_a_pickled_model_answers_the_same(any_model: stance.Model) -> None:
    copy = pickle.loads(pickle.dumps(any_model))
    assert (copy.decision_function(TEXTS) == any_model.decision_function(TEXTS)).all()


def test_a_frame_keeps_its_rows(any_model: stance.Model) -> None:
    # dtype object: pandas strings kept by pyarrow cannot hold lone surrogates.
    frame = pd.DataFrame({"text": [*TEXTS, None]}, index=[7] * (len(TEXTS) + 1), dtype=object)
    scored = any_model.score(frame, probabilities=True, progress=False)
    assert (scored.index == frame.index).all()
    assert scored["text"].isna().sum() == 1
    for row, answer in enumerate(any_model.classify_many(TEXTS)):
        for label, value in {**answer.probabilities, **answer.tones}.items():
            assert scored[f"p_{label}"].iloc[row] == value
        if any_model.topics:
            given_topics = scored["topics"].iloc[row]
            assert pd.isna(given_topics) if answer.abstained else given_topics == "|".join(answer.topics)
    assert scored.drop(columns="text").iloc[-1].isna().all()


def test_a_model_says_what_it_is(any_model: stance.Model) -> None:
    assert repr(any_model).startswith(f"<stance.Model: {len(any_model.topics)} topics, {len(any_model.tones)} tones, ")
    assert set(any_model.thresholds) == set(any_model.topics)

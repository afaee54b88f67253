from __future__ import annotations

import pickle
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.utils.validation import check_is_fitted

import stance
from stance.features import tokens
from stance.pipeline import SubwordVectorizer, spaced_tokens, to_sklearn

TEXTS = [
    "The two governments signed a trade agreement and praised the talks.",
    "Rebels shelled the town; the ministry condemned the attack.",
    "жители пришли на рынок, рынок вырос",
    "İzmir ΑΣ. ΣΑΣ x\x00y \ud800",
    "",
]


@pytest.fixture(scope="module")
def one_label_model() -> stance.Model:
    rows = pd.DataFrame({"text": ["steel exports rise", "the vaccine is safe"], "topics": ["trade", ""]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stance.StanceWarning)
        return stance.train(rows, progress=False)


def test_the_pipeline_is_fitted_and_names_its_classes(any_model: stance.Model) -> None:
    pipeline = any_model.to_sklearn()
    check_is_fitted(pipeline)
    assert pipeline.classes_.tolist() == list(any_model.labels)
    assert pipeline["heads"].n_classes_ == len(any_model.labels)
    assert pipeline["heads"].multilabel_


def test_decision_values_are_the_models(any_model: stance.Model) -> None:
    found = any_model.to_sklearn().decision_function(TEXTS)
    np.testing.assert_allclose(found, any_model.decision_function(TEXTS), rtol=0, atol=1e-9)


def test_a_label_is_predicted_where_its_decision_value_is_above_0(any_model: stance.Model) -> None:
    predicted = any_model.to_sklearn().predict(TEXTS)
    assert (predicted == (any_model.decision_function(TEXTS) > 0)).all()


def test_probabilities_are_those_of_uncalibrated_logistic_regressions(any_model: stance.Model) -> None:
    expected = 1 / (1 + np.exp(-any_model.decision_function(TEXTS)))
    np.testing.assert_allclose(any_model.to_sklearn().predict_proba(TEXTS), expected, atol=1e-12)


def test_features_are_named(tiny_model: stance.Model) -> None:
    parameters = tiny_model.parameters
    names = tiny_model.to_sklearn()["features"].get_feature_names_out()
    words = parameters.words
    pairs = [f"{words[one]} {words[two]}" for one, two in parameters.pairs]
    terms = [f"terms__{term}" for term in [*words, *pairs]]
    assert names.tolist() == terms + [f"subwords__{subword}" for subword in parameters.subwords]


def test_a_pickled_pipeline_gives_the_same_values(tiny_model: stance.Model) -> None:
    pipeline = tiny_model.to_sklearn()
    copy = pickle.loads(pickle.dumps(pipeline))
    assert (copy.decision_function(TEXTS) == pipeline.decision_function(TEXTS)).all()


def test_one_label_is_a_binary_target(one_label_model: stance.Model) -> None:
    texts = ["steel exports rise again", "vaccine is safe", ""]
    pipeline = one_label_model.to_sklearn()
    values = one_label_model.decision_function(texts)
    np.testing.assert_allclose(pipeline.decision_function(texts), values[:, 0], atol=1e-12)
    assert pipeline.predict(texts).tolist() == [1, 0, 0]
    assert pipeline.classes_.tolist() == [0, 1]
    assert pipeline.predict_proba(texts).shape == (3, 2)


def test_a_model_without_subwords_has_one_block(tiny_model: stance.Model) -> None:
    parameters = tiny_model.parameters
    n_labels = len(parameters.labels)
    without = replace(parameters, subwords=(), subword_weights=np.zeros((0, n_labels), dtype=np.int16))
    pipeline = to_sklearn(without)
    assert [name for name, _ in pipeline["features"].transformer_list] == ["terms"]
    expected = stance.Model(without).decision_function(TEXTS)
    np.testing.assert_allclose(pipeline.decision_function(TEXTS), expected, atol=1e-9)


def test_the_features_can_teach_another_classifier(tiny_model: stance.Model) -> None:
    """Fitting again changes the idf of the terms and the heads, not the columns."""
    pipeline = clone(tiny_model.to_sklearn())
    targets = np.array([[1, 0], [0, 1], [1, 0], [0, 1], [0, 0]])
    pipeline.fit(TEXTS, targets)
    n_terms = len(tiny_model.parameters.words) + len(tiny_model.parameters.pairs)
    assert pipeline["features"].transform(TEXTS).shape == (5, n_terms + len(tiny_model.parameters.subwords))
    assert (pipeline.predict(TEXTS[:2]) == targets[:2]).all()


@pytest.mark.parametrize("vocabulary", [None, ["pea", "eace", " the"]])
def test_subwords_are_counted_inside_tokens_over_the_root_of_their_number(vocabulary: list[str] | None) -> None:
    texts = [*TEXTS, "peace, a peace-treaty"]
    ours = SubwordVectorizer(analyzer="char_wb", ngram_range=(3, 5), vocabulary=vocabulary)
    theirs = CountVectorizer(analyzer="char_wb", ngram_range=(3, 5), vocabulary=vocabulary, lowercase=False)
    counts = theirs.fit_transform([" ".join(tokens(text)) for text in texts]).toarray()
    expected = counts / np.sqrt([max(len(tokens(text)), 1) for text in texts])[:, np.newaxis]
    np.testing.assert_allclose(ours.fit_transform(texts).toarray(), expected, rtol=1e-12)
    np.testing.assert_allclose(ours.fit(texts).transform(iter(texts)).toarray(), expected, rtol=1e-12)
    assert ours.get_feature_names_out().tolist() == theirs.get_feature_names_out().tolist()


def test_spaced_tokens() -> None:
    assert spaced_tokens("The U.S. and\nTürkiye, 9/11") == "the and türkiye 11"

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hostile import small
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import stance
from stance import features, scoring
from stance.compiled import CompiledScorer
from stance.decision import DecisionRule
from stance.features import subwords, tokens
from stance.parameters import Parameters
from stance.scoring import Scorer

MakeScorer = Callable[[Parameters], Scorer | CompiledScorer]
WORDS = ["The", "the", "war", "prime", "minister", "peace", "qqzzvv", "рынок", "вырос", "İzmir", "ΑΣ.", "_", "!", "\n"]
some_text = st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join) | st.text(max_size=60)
on_any_model = settings(
    deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture(params=[Scorer, CompiledScorer])
def make_scorer(request: pytest.FixtureRequest) -> MakeScorer:
    """Both ways to score."""
    if request.param is CompiledScorer and stance.backend() == "python":
        pytest.skip("the kernel was not built")
    return (lambda parameters: CompiledScorer(parameters.contents())) if request.param is CompiledScorer else Scorer


def decisions(scorer: Scorer | CompiledScorer, texts: list[str]) -> np.ndarray:
    """The decision values, shape (n_texts, n_labels)."""
    answers = scorer.score(texts)
    n_labels = len(answers.labels[0]) + len(answers.labels[1])
    return np.asarray(answers.decisions).reshape(len(texts), n_labels)


def without_subwords(parameters: Parameters) -> Parameters:
    n_labels = len(parameters.labels)
    return replace(parameters, subwords=(), subword_weights=np.zeros((0, n_labels), dtype=np.int16))


def with_few_subwords(parameters: Parameters) -> Parameters:
    """Leave most words without a subword."""
    return replace(parameters, subwords=parameters.subwords[::500], subword_weights=parameters.subword_weights[::500])


def without_pairs(parameters: Parameters) -> Parameters:
    n_words = len(parameters.words)
    return replace(
        parameters,
        pairs=np.zeros((0, 2), dtype=np.uint32),
        idf=parameters.idf[:n_words],
        weights=parameters.weights[:n_words],
    )


def test_scikit_learn_agrees_on_every_paragraph(default_model: stance.Model, paragraphs: pd.DataFrame) -> None:
    texts = paragraphs["text"].tolist()
    ours = default_model.decision_function(texts)
    theirs = default_model.to_sklearn().decision_function(texts)
    assert np.abs(ours - theirs).max() < 1e-9


def test_a_score_follows_the_formula(tiny_model: stance.Model, paragraphs: pd.DataFrame) -> None:
    """The sum of the docstring, written out for one text and one label."""
    parameters = tiny_model.parameters
    text = paragraphs["text"].iloc[200]
    found = tokens(text)
    words = {word: row for row, word in enumerate(parameters.words)}
    pairs = {tuple(pair): len(words) + row for row, pair in enumerate(parameters.pairs.tolist())}
    rows = [words[token] for token in found if token in words]
    rows += [
        pairs[words[one], words[two]]
        for one, two in pairwise(found)
        if one in words and two in words and (words[one], words[two]) in pairs
    ]
    values = {row: 1 + np.log(rows.count(row)) for row in rows}
    norm = np.sqrt(sum((value * parameters.idf[row]) ** 2 for row, value in values.items()))
    terms = sum(value / norm * parameters.weights[row, 0] * parameters.weight_scale[0] for row, value in values.items())
    grams = {gram: row for row, gram in enumerate(parameters.subwords)}
    weights = parameters.subword_weights[:, 0].astype(float)
    inside = sum(weights[grams[gram]] for token in found for gram in subwords(token, 3, 5) if gram in grams)
    inside *= parameters.subword_scale[0] / np.sqrt(len(found))
    expected = parameters.intercept[0] + terms + inside
    assert tiny_model.decision_function([text])[0, 0] == pytest.approx(expected, abs=1e-9)


def test_known_and_mean_idf_are_over_all_tokens(tiny_model: stance.Model) -> None:
    parameters = tiny_model.parameters
    scores = Scorer(parameters).score(["the qqzzvv the", "", "qqzzvv"])
    the = parameters.idf[parameters.words.index("the")]
    assert scores.known.tolist() == [pytest.approx(2 / 3), 0.0, 0.0]
    assert scores.mean_idf[0] == pytest.approx((2 * the + parameters.unknown_idf) / 3)
    assert scores.mean_idf[1:].tolist() == [parameters.unknown_idf] * 2
    assert scores.n_tokens.tolist() == [3, 0, 1]


@pytest.mark.parametrize(
    ("text", "changes", "reason"),
    [
        ("", {}, "empty"),
        (" \n\u3000", {}, "empty"),
        ("a !", {}, "no words"),
        ("qqzzvv", {"min_known": 0.0}, "too little known text"),
        ("peace qqzzvv", {"min_known": 0.5}, None),
        ("peace qqzzvv qqzzvv", {"min_known": 0.5}, "too little known text"),
        ("peace qqzzvv qqzzvv", {"min_known": 0.0}, None),
        ("peace talks", {"max_mean_idf": 1.75}, None),
        ("peace talks", {"max_mean_idf": 1.5}, "unfamiliar language"),
        ("peace qqzzvv", {"max_mean_idf": 2.75}, None),
        ("peace talks talks qqzzvv", {"max_mean_idf": 2.25}, "unfamiliar language"),
    ],
)
def test_there_is_an_answer_where_there_is_ground_for_one(
    text: str, changes: dict[str, float], reason: str | None, make_scorer: MakeScorer
) -> None:
    scorer = make_scorer(small(**{"max_mean_idf": 4.0, **changes}))
    answer = scorer.classify(text)
    assert answer.abstained == reason
    assert (answer.tone is None) == (reason is not None)
    assert np.isnan(np.asarray(scorer.score([text]).probabilities)).all() == (reason is not None)


def test_where_there_is_no_answer_the_places_of_labels_are_minus_one(make_scorer: MakeScorer) -> None:
    answers = make_scorer(small()).score(["", "peace talks", "!"])
    assert [list(answers.topics[:2]), list(answers.topics[4:])] == [[-1, -1]] * 2
    assert (answers.tones[0], answers.tones[1] >= 0, answers.tones[2]) == (-1, True, -1)


@pytest.mark.parametrize(
    ("thresholds", "fallback", "max_topics", "topics"),
    [
        ([0.5, 0.5], 2.0, 2, ("trade", "Ж")),
        ([0.5, 0.5], 2.0, 1, ("trade",)),
        ([0.5, 0.5], 0.0, 0, ()),
        ([0.6, 0.5], 0.5, 2, ("Ж",)),
        ([0.6, 0.6], 0.5, 2, ("trade",)),
        ([0.6, 0.6], 0.51, 2, ()),
    ],
)
def test_what_just_reaches_a_bound_is_given_and_of_equals_the_first(
    thresholds: list[float], fallback: float, max_topics: int, topics: tuple[str, ...], make_scorer: MakeScorer
) -> None:
    """Without slopes and offsets all topics have the probability 0.5, and so have both tones."""
    zero = np.zeros(2)
    rule = DecisionRule(zero, zero, np.zeros((2, 2)), zero, np.array(thresholds), fallback, max_topics)
    answer = make_scorer(small(rule=rule)).classify("peace talks")
    assert (answer.topics, answer.tone, answer.probabilities) == (topics, "yes", {"trade": 0.5, "Ж": 0.5})


def test_columns_have_the_types_that_are_promised(make_scorer: MakeScorer) -> None:
    answers = make_scorer(small()).score(["peace talks", "", "мир"])
    types = {name: np.asarray(getattr(answers, name)).dtype for name in answers.__match_args__[1:]}
    assert types == {
        "decisions": np.float64,
        "probabilities": np.float64,
        "topics": np.int32,
        "tones": np.int32,
        "reasons": np.uint8,
        "known": np.float64,
        "mean_idf": np.float64,
        "n_tokens": np.int64,
    }


def test_threads_give_the_answers_of_one(
    default_model: stance.Model, paragraphs: pd.DataFrame, make_scorer: MakeScorer
) -> None:
    texts = paragraphs["text"].tolist()
    fresh = make_scorer(default_model.parameters)
    with ThreadPoolExecutor(8) as pool:
        parts = list(pool.map(lambda text: decisions(fresh, [text])[0], texts * 2))
    expected = decisions(make_scorer(default_model.parameters), texts)
    assert (np.array(parts) == np.vstack([expected, expected])).all()


def test_explanations_name_each_term_once_at_its_places(default_model: stance.Model, paragraphs: pd.DataFrame) -> None:
    for text in paragraphs["text"].iloc[:40]:
        terms = default_model.explain(text, "tense", k=None)
        assert len({term.term for term in terms}) == len(terms)
        weights = [abs(term.weight) for term in terms]
        assert weights == sorted(weights, reverse=True)
        for term in terms:
            for start, end in term.spans:
                assert " ".join(tokens(text[start:end])) == term.term


def test_a_pair_needs_both_words_side_by_side(default_model: stance.Model) -> None:
    names = {term.term for term in default_model.explain("Prime minister, qqzzvv; foreign minister.", "politics", None)}
    assert {"prime minister", "foreign minister"} <= names
    assert "minister foreign" not in names
    assert not any("qqzzvv" in name and " " in name for name in names)


def test_scikit_learn_agrees_on_every_paragraph_for_any_model(
    any_model: stance.Model, paragraphs: pd.DataFrame
) -> None:
    texts = [*paragraphs["text"].iloc[::5], "", "!", "qqzzvv", "the " * 3000]
    theirs = any_model.to_sklearn().decision_function(texts)
    assert np.abs(any_model.decision_function(texts) - theirs).max() < 1e-9


@on_any_model
@given(texts=st.lists(some_text, min_size=1, max_size=8))
def test_scikit_learn_agrees_on_any_text(any_model: stance.Model, texts: list[str]) -> None:
    theirs = any_model.to_sklearn().decision_function(texts)
    assert np.abs(any_model.decision_function(texts) - theirs).max() < 1e-9


@pytest.mark.parametrize(
    "change",
    [with_few_subwords, without_subwords, without_pairs, lambda whole: without_pairs(without_subwords(whole))],
)
def test_models_that_lack_pairs_or_subwords_score_as_scikit_learn(
    tiny_model: stance.Model, paragraphs: pd.DataFrame, change: object
) -> None:
    assert callable(change)
    model = stance.Model(change(tiny_model.parameters))
    texts = [*paragraphs["text"].iloc[150:200], "", "qqzzvv"]
    theirs = model.to_sklearn().decision_function(texts)
    assert np.abs(model.decision_function(texts) - theirs).max() < 1e-9
    for text in texts[-5:]:
        values = model.decision_function([text])[0]
        for column, label in enumerate(model.labels):
            terms = model.explain(text, label, k=None)
            assert sum(term.weight for term in terms) + model.intercept_[column] == pytest.approx(
                values[column], abs=1e-9
            )


def test_without_subwords_an_unknown_word_has_no_part_in_the_score(
    tiny_model: stance.Model, make_scorer: MakeScorer
) -> None:
    model = stance.Model(without_subwords(tiny_model.parameters))
    assert (decisions(make_scorer(model.parameters), ["qqzzvv zzwarshipszz"]) == model.intercept_).all()
    assert model.explain("qqzzvv zzwarshipszz", model.labels[0], k=None) == ()


@on_any_model
@given(texts=st.lists(some_text, min_size=1, max_size=8), data=st.data())
def test_a_text_scores_the_same_to_the_bit_alone_or_in_any_batch(
    any_model: stance.Model, make_scorer: MakeScorer, texts: list[str], data: st.DataObject
) -> None:
    together = make_scorer(any_model.parameters).score(texts)
    order = data.draw(st.permutations(range(len(texts))))
    fresh = make_scorer(any_model.parameters)
    shuffled = decisions(fresh, [texts[row] for row in order])
    assert (shuffled == decisions(make_scorer(any_model.parameters), texts)[order]).all()
    for row in reversed(range(len(texts))):
        alone = fresh.score([texts[row]])
        assert repr(alone.row(0)) == repr(together.row(row))
        assert repr(alone.classification(0)) == repr(fresh.classify(texts[row]))
        assert (alone.mean_idf[0], alone.n_tokens[0]) == (together.mean_idf[row], together.n_tokens[row])


def test_an_answer_keeps_its_text_and_what_explains_it(any_model: stance.Model, make_scorer: MakeScorer) -> None:
    scorer = make_scorer(any_model.parameters)
    for text in ("The two ministers signed a trade accord.", "", "рынок вырос снова"):
        assert scorer.classify(text)._source == (text, scorer.explain)


def test_no_text_gives_no_row(any_model: stance.Model, make_scorer: MakeScorer) -> None:
    scores = make_scorer(any_model.parameters).score([])
    assert len(scores) == len(scores.decisions) == len(scores.topics) == len(scores.known) == len(scores.n_tokens) == 0
    assert any_model.decision_function([]).shape == any_model.predict_proba([]).shape == (0, len(any_model.labels))
    assert any_model.classify_many([]) == []


def test_one_word_scores_with_its_own_subwords_first_and_later(tiny_model: stance.Model) -> None:
    parameters = tiny_model.parameters
    grams = {gram: row for row, gram in enumerate(parameters.subwords)}
    scorer = Scorer(parameters)
    for row in range(0, len(parameters.words), 40):
        word = parameters.words[row]
        own = [grams[gram] for gram in subwords(word, *parameters.subword_lengths) if gram in grams]
        expected = parameters.intercept + parameters.weights[row] * parameters.weight_scale / parameters.idf[row]
        expected += parameters.subword_weights[own].sum(axis=0, dtype=np.int64) * parameters.subword_scale
        first, later = (decisions(scorer, [word])[0] for _ in range(2))
        np.testing.assert_allclose(first, expected, atol=1e-12)
        assert (first == later).all()


def test_subwords_of_a_known_word_are_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: list[str] = []

    def watched(token: str, *lengths: int) -> Iterator[str]:
        looked_up.append(token)
        return subwords(token, *lengths)

    monkeypatch.setattr(scoring, "subwords", watched)
    scorer = Scorer(small())
    for text in ("peace talks", "", "talks qqzzvv", "peace"):
        scorer.score([text])
    assert looked_up == ["peace", "talks", "qqzzvv"]


def test_long_texts_score_the_same_in_slices(
    tiny_model: stance.Model, paragraphs: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [
        *paragraphs["text"].iloc[:20],
        "qqzzvv prime minister " * 30,
        "prime ! ? ! ? ! ? ! minister " * 5,
        "the war " * 200,
    ]
    whole = Scorer(tiny_model.parameters).score(texts)
    monkeypatch.setattr(features, "SLICE", 9)
    sliced = Scorer(tiny_model.parameters).score(texts)
    assert (sliced.decisions == whole.decisions).all()
    assert (sliced.known == whole.known).all()
    assert (sliced.n_tokens == whole.n_tokens).all()


def test_threads_sharing_one_new_model_give_the_answers_of_one(
    tiny_model: stance.Model, paragraphs: pd.DataFrame
) -> None:
    texts = paragraphs["text"].iloc[:100].tolist()
    expected = tiny_model.decision_function(texts)
    for _ in range(3):
        fresh = stance.Model(tiny_model.parameters)
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(fresh.decision_function, [texts] * 8))
        assert all((values == expected).all() for values in found)


@on_any_model
@given(text=some_text)
def test_explanations_list_the_terms_of_the_text_with_every_place(any_model: stance.Model, text: str) -> None:
    parameters = any_model.parameters
    found = tokens(text)
    counts = Counter([*found, *(f"{one} {two}" for one, two in pairwise(found))])
    known = {*parameters.words, *(" ".join(parameters.words[word] for word in pair) for pair in parameters.pairs)}
    grams = set(parameters.subwords)
    with_gram = {token for token in found if grams.intersection(subwords(token, *parameters.subword_lengths))}
    terms = any_model.explain(text, any_model.labels[0], k=None)
    names = [term.term for term in terms]
    assert sorted(names) == sorted((counts.keys() & known) | with_gram)
    assert terms == tuple(sorted(terms, key=lambda term: (-abs(term.weight), term.term)))
    for term in terms:
        assert len(term.spans) == counts[term.term]
        assert list(term.spans) == sorted(set(term.spans))
        for start, end in term.spans:
            # The final sigma depends on the letters around it.
            own = " ".join(tokens(text[start:end])).replace("ς", "σ")
            assert own == term.term.replace("ς", "σ")


@on_any_model
@given(text=some_text)
def test_explained_weights_add_up_for_every_label(any_model: stance.Model, text: str) -> None:
    values = any_model.decision_function([text])[0]
    for column, label in enumerate(any_model.labels):
        total = sum(term.weight for term in any_model.explain(text, label, k=None)) + any_model.intercept_[column]
        assert total == pytest.approx(values[column], abs=1e-9)


def test_terms_of_equal_weight_are_sorted_by_name(tiny_model: stance.Model) -> None:
    parameters = without_subwords(tiny_model.parameters)
    model = stance.Model(replace(parameters, weights=np.zeros_like(parameters.weights)))
    names = [term.term for term in model.explain("The war; the minister and the country.", model.labels[0], k=None)]
    assert len(names) >= 4
    assert names == sorted(names)

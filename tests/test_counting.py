from __future__ import annotations

import sys
import threading
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from conftest import second_copy
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

import stance
from stance import counting
from stance.counting import SUBWORD_LENGTHS, Corpus, Vocabulary
from stance.features import subwords, tokens
from stance.pipeline import spaced_tokens
from stance.scoring import Scorer


@pytest.fixture(scope="module")
def texts(paragraphs: pd.DataFrame) -> list[str]:
    return [*paragraphs["text"].iloc[:80], "", "qq", "İstanbul ΑΣ. the the the"]


@pytest.fixture(scope="module")
def corpus(texts: list[str]) -> Corpus:
    return Corpus.read(texts)


def test_the_stream_holds_the_tokens_in_order(texts: list[str], corpus: Corpus) -> None:
    for row, text in enumerate(texts):
        stream = corpus.stream[corpus.bounds[row] : corpus.bounds[row + 1]]
        assert [corpus.tokens[place] for place in stream] == tokens(text)
    assert corpus.tokens == sorted(set(corpus.tokens))


@pytest.mark.parametrize("min_df", [1, 2, 3])
def test_words_and_pairs_equal_scikit_learns(texts: list[str], corpus: Corpus, min_df: int) -> None:
    rows = np.arange(0, len(texts), 2)
    others = np.arange(1, len(texts), 2)
    theirs = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=min_df).fit([texts[row] for row in rows])
    ours = Vocabulary.fit(corpus, rows, min_df, 10**6)
    words = [corpus.tokens[word] for word in ours.words]
    names = words + [f"{words[one]} {words[two]}" for one, two in ours.pairs]
    assert sorted(names) == sorted(theirs.vocabulary_)
    columns = [theirs.vocabulary_[name] for name in names]
    np.testing.assert_allclose(ours.idf, theirs.idf_[columns], rtol=1e-12)
    for chosen in (rows, others):
        expected = theirs.transform([texts[row] for row in chosen]).toarray()[:, columns]
        found = ours.transform(corpus, chosen).toarray()[:, : len(names)]
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_subwords_equal_scikit_learns_counts(texts: list[str], corpus: Corpus) -> None:
    rows = np.arange(len(texts))
    vocabulary = Vocabulary.fit(corpus, rows, 2, 10**6)
    names = [corpus.subwords[gram] for gram in vocabulary.subwords]
    counter = CountVectorizer(analyzer="char_wb", ngram_range=SUBWORD_LENGTHS, preprocessor=spaced_tokens)
    counts = counter.fit_transform(texts).toarray()
    frequency = (counts > 0).sum(axis=0)
    kept = {name for name, column in counter.vocabulary_.items() if frequency[column] >= 3}
    assert set(names) == kept
    columns = [counter.vocabulary_[name] for name in names]
    scaled = counts[:, columns] / np.sqrt(np.maximum(corpus.lengths, 1))[:, np.newaxis] * vocabulary.subword_units
    found = vocabulary.transform(corpus, rows).toarray()[:, len(vocabulary.idf) :]
    np.testing.assert_allclose(found, scaled, rtol=1e-5, atol=1e-7)
    assert np.sqrt((scaled**2).sum(axis=1).mean()) == pytest.approx(1)


def test_the_most_frequent_are_kept_where_there_are_too_many(texts: list[str], corpus: Corpus) -> None:
    rows = np.arange(len(texts))
    vocabulary = Vocabulary.fit(corpus, rows, 1, 25)
    assert (len(vocabulary.words), len(vocabulary.pairs), len(vocabulary.subwords)) == (25, 25, 25)
    frequency = np.bincount(corpus.counts.indices, minlength=len(corpus.tokens))
    assert frequency[vocabulary.words].min() >= np.sort(frequency)[-25]
    assert (np.diff(vocabulary.words) > 0).all()


def test_subwords_may_have_other_lengths(texts: list[str]) -> None:
    corpus = Corpus.read(texts, (4, 4))
    assert set(corpus.subwords) == {gram for token in corpus.tokens for gram in subwords(token, 4, 4)}
    rows = np.arange(len(texts))
    vocabulary = Vocabulary.fit(corpus, rows, 1, 10**6)
    assert len(vocabulary.subwords) == len(corpus.subwords)
    assert vocabulary.transform(corpus, rows).shape == (len(texts), len(vocabulary.idf) + len(corpus.subwords))


def test_familiarity_is_over_texts_with_tokens(texts: list[str], corpus: Corpus) -> None:
    vocabulary = Vocabulary.fit(corpus, np.arange(80), 1, 10**6)
    known, mean_idf = vocabulary.familiarity(corpus, np.arange(80, 83))
    assert known.tolist() == pytest.approx([0.0, 3 / 5])
    assert mean_idf[0] == pytest.approx(vocabulary.unknown_idf)


def test_texts_without_tokens_are_rows_of_zeros() -> None:
    corpus = Corpus.read(["", "!!"])
    rows = np.arange(2)
    vocabulary = Vocabulary.fit(corpus, rows, 1, 10)
    assert vocabulary.transform(corpus, rows).shape == (2, 0)


WORDS = ["peace", "war", "talks", "the", "İzmir", "ΑΣ", "ab", "a", ".", "The"]
small_texts = st.lists(
    st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join),
    min_size=1,
    max_size=8,
)


@given(texts=small_texts, min_df=st.integers(1, 3), data=st.data())
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.filter_too_much])
def test_any_rows_of_any_texts_are_weighted_as_scikit_learn_does(
    texts: list[str], min_df: int, data: st.DataObject
) -> None:
    rows = np.array(data.draw(st.lists(st.sampled_from(range(len(texts))), min_size=1, unique=True)))
    corpus = Corpus.read(texts)
    ours = Vocabulary.fit(corpus, rows, min_df, 10**6)
    assume(len(ours.words))
    theirs = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=min_df)
    theirs.fit([texts[row] for row in rows])
    words = [corpus.tokens[word] for word in ours.words]
    names = words + [f"{words[one]} {words[two]}" for one, two in ours.pairs]
    assert sorted(names) == sorted(theirs.vocabulary_)
    columns = [theirs.vocabulary_[name] for name in names]
    np.testing.assert_allclose(ours.idf, theirs.idf_[columns], rtol=1e-12)
    found = ours.transform(corpus, np.arange(len(texts))).toarray()[:, : len(names)]
    np.testing.assert_allclose(found, theirs.transform(texts).toarray()[:, columns], atol=1e-6)


@given(texts=small_texts, min_df=st.integers(1, 3), max_terms=st.integers(1, 6))
@settings(deadline=None, max_examples=100)
def test_a_cut_keeps_the_most_frequent_and_of_equals_the_first(texts: list[str], min_df: int, max_terms: int) -> None:
    corpus = Corpus.read(texts)
    rows = np.arange(len(texts))
    vocabulary = Vocabulary.fit(corpus, rows, min_df, max_terms)

    def most_frequent(found: list[set[tuple[str, ...]]], least: int) -> list[tuple[str, ...]]:
        frequency = {name: sum(name in names for names in found) for names in found for name in names}
        ranked = sorted((-count, name) for name, count in frequency.items() if count >= least)
        return sorted(name for _, name in ranked[:max_terms])

    by_text = [tokens(text) for text in texts]
    words = [corpus.tokens[word] for word in vocabulary.words]
    assert [(word,) for word in words] == most_frequent([{(token,) for token in found} for found in by_text], min_df)
    pairs = [{pair for pair in pairwise(found) if set(pair) <= set(words)} for found in by_text]
    assert [(words[one], words[two]) for one, two in vocabulary.pairs] == most_frequent(pairs, min_df)
    grams = [{(gram,) for token in found for gram in subwords(token, *SUBWORD_LENGTHS)} for found in by_text]
    least = min_df + 1 if min_df > 1 else 1
    assert [(corpus.subwords[gram],) for gram in vocabulary.subwords] == most_frequent(grams, least)


def test_subwords_are_weighted_by_idf_and_scaled_to_a_mean_square_of_one(texts: list[str], corpus: Corpus) -> None:
    rows = np.arange(0, len(texts), 2)
    vocabulary = Vocabulary.fit(corpus, rows, 2, 10**6)
    theirs = TfidfVectorizer(
        analyzer="char_wb", ngram_range=SUBWORD_LENGTHS, preprocessor=spaced_tokens, min_df=3, norm=None
    )
    expected = theirs.fit_transform([texts[row] for row in rows]).toarray()
    expected /= np.sqrt(np.maximum(corpus.lengths[rows], 1))[:, np.newaxis]
    scale = np.sqrt((expected**2).sum(axis=1).mean())
    assert [corpus.subwords[gram] for gram in vocabulary.subwords] == theirs.get_feature_names_out().tolist()
    np.testing.assert_allclose(vocabulary.subword_units, theirs.idf_ / scale, rtol=1e-6)
    found = vocabulary.transform(corpus, rows).toarray()[:, len(vocabulary.idf) :]
    np.testing.assert_allclose(found, expected / scale, rtol=1e-5, atol=1e-7)


def test_rows_come_in_the_order_asked_for(texts: list[str], corpus: Corpus) -> None:
    vocabulary = Vocabulary.fit(corpus, np.arange(60), 1, 10**6)
    whole = vocabulary.transform(corpus, np.arange(len(texts)))
    rows = np.array([70, 3, 82, 80, 11])
    assert (vocabulary.transform(corpus, rows).toarray() == whole.toarray()[rows]).all()
    assert whole.dtype == np.float32


def test_the_vocabulary_is_of_the_chosen_rows_alone(texts: list[str], corpus: Corpus) -> None:
    among_all = Vocabulary.fit(corpus, np.arange(10, 40), 2, 500)
    own = Corpus.read(texts[10:40])
    alone = Vocabulary.fit(own, np.arange(30), 2, 500)
    assert [corpus.tokens[word] for word in among_all.words] == [own.tokens[word] for word in alone.words]
    assert (among_all.pairs == alone.pairs).all()
    assert (among_all.idf == alone.idf).all()
    assert among_all.unknown_idf == alone.unknown_idf == pytest.approx(np.log(31) + 1)
    assert [corpus.subwords[gram] for gram in among_all.subwords] == [own.subwords[gram] for gram in alone.subwords]
    np.testing.assert_allclose(among_all.subword_units, alone.subword_units, rtol=1e-6)


def test_the_corpus_counts_tokens_and_spells_them(texts: list[str], corpus: Corpus) -> None:
    counter = CountVectorizer().fit(texts)
    assert corpus.tokens == counter.get_feature_names_out().tolist()
    assert (corpus.counts.toarray() == counter.transform(texts).toarray()).all()
    assert corpus.lengths.tolist() == [len(tokens(text)) for text in texts]
    speller = CountVectorizer(analyzer="char_wb", ngram_range=SUBWORD_LENGTHS, lowercase=False).fit(corpus.tokens)
    assert corpus.subwords == speller.get_feature_names_out().tolist()
    assert corpus.spelling is not None
    assert (corpus.spelling.toarray() == speller.transform(corpus.tokens).toarray()).all()


def test_familiarity_is_what_scoring_says(tiny_model: stance.Model, paragraphs: pd.DataFrame) -> None:
    taught, others = paragraphs["text"].iloc[:120].tolist(), [*paragraphs["text"].iloc[120:160], "", "qqzzvv"]
    corpus = Corpus.read([*taught, *others])
    vocabulary = Vocabulary.fit(corpus, np.arange(120), 1, 10**6)
    known, mean_idf = vocabulary.familiarity(corpus, np.arange(120, 162))
    scores = Scorer(tiny_model.parameters).score([text for text in others if text])
    np.testing.assert_allclose(known, scores.known, rtol=1e-12)
    np.testing.assert_allclose(mean_idf, scores.mean_idf, rtol=1e-12)


def test_training_and_scoring_see_the_same_features(tiny_model: stance.Model, paragraphs: pd.DataFrame) -> None:
    parameters = tiny_model.parameters
    texts = [*paragraphs["text"].iloc[:160], "", "qqzzvv", "peace " * 50]
    corpus = Corpus.read(texts)
    vocabulary = Vocabulary.fit(corpus, np.arange(120), 1, 10**6)
    assert [corpus.tokens[word] for word in vocabulary.words] == list(parameters.words)
    assert (vocabulary.pairs == parameters.pairs).all()
    assert [corpus.subwords[gram] for gram in vocabulary.subwords] == list(parameters.subwords)
    terms = parameters.weights * parameters.weight_scale / vocabulary.idf[:, np.newaxis]
    inside = parameters.subword_weights * parameters.subword_scale / vocabulary.subword_units[:, np.newaxis]
    expected = vocabulary.transform(corpus, np.arange(len(texts))) @ np.vstack([terms, inside]) + parameters.intercept
    np.testing.assert_allclose(tiny_model.decision_function(texts), expected, atol=1e-5)


@pytest.mark.parametrize("texts", [[], [""], ["", "a b"]])
def test_nothing_to_learn_from_gives_an_empty_vocabulary(texts: list[str]) -> None:
    corpus = Corpus.read(texts)
    rows = np.arange(len(texts))
    vocabulary = Vocabulary.fit(corpus, rows, 1, 10)
    assert (corpus.tokens, corpus.subwords, corpus.counts.shape) == ([], [], (len(texts), 0))
    assert (len(vocabulary.words), vocabulary.pairs.shape, len(vocabulary.idf)) == (0, (0, 2), 0)
    assert vocabulary.transform(corpus, rows).shape == (len(texts), 0)
    assert [part.tolist() for part in vocabulary.familiarity(corpus, rows)] == [[], []]


# Compiled or not ------------------------------------------------------------------------------------------------------

needs_compiler = pytest.mark.skipif(counting.compiled is None, reason="the counting pass was not compiled")
PIECES = ["the", "War", "prime minister", "x", "İ", "İİzmir", "ΑΣ", "ΣΑΣ.", "ß", "ﬁ", "ǅ", "_", "9", "²³", "рынок"]
PIECES += ["中文字符", "🙂", "𝒜𝒷", "𐐀𐐁", "\ud800", "ab\udc00cd", "\x00", "\n", " ", ".", "é", "e\u0301", "\u200b", "ⅷ"]
nasty = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=30).map("".join),
    st.lists(st.sampled_from(PIECES), max_size=30).map(" ".join),
    st.text(max_size=80),
    st.text(alphabet=st.characters(categories=["L", "M", "N", "Pc", "Cs", "Zs"]), max_size=60),
)


def assert_same_matrix(one: sparse.csr_array, other: sparse.csr_array) -> None:
    assert one.shape == other.shape
    assert one.dtype == other.dtype == np.float32
    for name in ("indptr", "indices"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    np.testing.assert_allclose(one.data, other.data, rtol=1e-6)


def assert_same_corpus(one: Corpus, other: Corpus) -> None:
    assert one.tokens == other.tokens
    assert one.subwords == other.subwords
    np.testing.assert_array_equal(one.stream, other.stream)
    np.testing.assert_array_equal(one.bounds, other.bounds)
    assert (one.stream.dtype, one.bounds.dtype) == (other.stream.dtype, other.bounds.dtype) == (np.int32, np.int64)
    assert_same_matrix(one.counts, other.counts)
    assert_same_matrix(one.spelling, other.spelling)


def assert_same(
    texts: list[str], rows: np.ndarray, lengths: tuple[int, int] = SUBWORD_LENGTHS, most: int = 10**6
) -> None:
    """What the compiled code and the Python code give is the same at every step."""
    corpus = Corpus.read(texts, lengths)
    vocabulary = Vocabulary.fit(corpus, rows, 2, most)
    everything = np.arange(len(texts))
    features = [vocabulary.transform(corpus, chosen) for chosen in (rows, everything)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "compiled", None)
        assert_same_corpus(corpus, Corpus.read(texts, lengths))
        theirs = Vocabulary.fit(corpus, rows, 2, most)
        for name in ("words", "pairs", "idf", "subwords"):
            np.testing.assert_array_equal(getattr(vocabulary, name), getattr(theirs, name))
        np.testing.assert_allclose(vocabulary.subword_units, theirs.subword_units, rtol=1e-12)
        for ours, chosen in zip(features, (rows, everything), strict=True):
            assert_same_matrix(ours, vocabulary.transform(corpus, chosen))


@needs_compiler
@given(texts=st.lists(nasty, max_size=8), data=st.data())
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_any_texts_are_counted_the_same_with_and_without_a_compiler(texts: list[str], data: st.DataObject) -> None:
    texts = texts * 2  # so that something is kept
    rows = data.draw(st.lists(st.sampled_from(range(len(texts))), unique=True)) if texts else []
    assert_same(texts, np.array(rows, dtype=np.int64))


@needs_compiler
@pytest.mark.parametrize("most", [10, 10**6])
@pytest.mark.parametrize("lengths", [(3, 5), (4, 4), (1, 9)])
def test_paragraphs_are_counted_the_same(texts: list[str], lengths: tuple[int, int], most: int) -> None:
    assert_same(texts, np.arange(0, len(texts), 2)[::-1].copy(), lengths, most)


@needs_compiler
@pytest.mark.parametrize(
    "text",
    [
        "x" * 100_000,
        "é" * 9_999 + " trade",
        "peace talks " * 200_000,
        "Σ" * 9_999,
        " ".join(map(str, range(9, 99_999))),
    ],
    ids=["one word", "one word of two bytes", "many words", "sigma", "many different words"],
)
def test_huge_texts_are_counted_the_same(text: str) -> None:
    assert_same([text, "peace talks", text[:50_000]], np.arange(3))


@needs_compiler
def test_more_texts_than_are_read_at_a_time_are_counted_the_same() -> None:
    assert_same([f"text number{number % 1000} of many{number % 7} Σ" for number in range(2500)], np.arange(2500))


@needs_compiler
def test_texts_may_be_of_a_kind_of_str_and_of_no_other_type() -> None:
    class Named(str):
        __slots__ = ()

    assert_same_corpus(Corpus.read([Named("peace ΑΣ"), np.str_("talks")]), Corpus.read(["peace ΑΣ", "talks"]))
    with pytest.raises(TypeError, match=r"^expected a text of type str, but got int$"):
        Corpus.read(["fine", 7])  # type: ignore[list-item]


@needs_compiler
def test_a_list_may_change_while_it_is_read(paragraphs: pd.DataFrame) -> None:
    texts = paragraphs["text"].tolist() * 20
    expected = Corpus.read(texts)
    stop = threading.Event()

    def change() -> None:
        while not stop.is_set():
            texts.append("".join(["x", "y"]))
            texts.pop()

    thread = threading.Thread(target=change)
    thread.start()
    try:
        found = Corpus.read(texts[: len(expected.lengths)])
    finally:
        stop.set()
        thread.join()
    assert_same_corpus(found, expected)


def test_without_a_compiler_python_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "stance._counting", None)
    copy = second_copy(counting, monkeypatch)
    assert copy.compiled is None
    assert copy.Corpus.read(["peace talks", "peace"]).tokens == ["peace", "talks"]

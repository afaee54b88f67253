"""The compiled kernel gives the sums of the NumPy scorer on any text, and the NumPy scorer is there without it."""

from __future__ import annotations

import importlib
import sys
import threading
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import stance
from stance import compiled
from stance.parameters import Parameters
from stance.results import Classification
from stance.scoring import Scorer

needs_kernel = pytest.mark.skipif(stance.backend() == "python", reason="the kernel was not built")
READY_AFTER = 32
PIECES = [
    "the",
    "War",
    "prime minister",
    "İ",
    "İİzmir",
    "ΑΣ",
    "ΣΑΣ.",
    "ß",
    "ﬁ",
    "ǅ",
    "ŉ",
    "_",
    "9",
    "²³",
    "рынок",
    "中文字符",
]
PIECES += ["हिन्दी", "العربية", "🙂", "𝒜𝒷", "𐐀𐐁", "\ud800", "\x00", "\n", " ", ".", "é", "e\u0301", "\u200b", "ⅷ", "㊿"]
nasty = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=30).map("".join),
    st.lists(st.sampled_from(PIECES), max_size=30).map(" ".join),
    st.text(max_size=80),
    st.text(alphabet=st.characters(categories=["L", "M", "N", "Pc", "Cs", "Zs"]), max_size=60),
)


def assert_same(parameters: Parameters, texts: Sequence[str]) -> None:
    """The kernel gives the answers of NumPy: all at once, and one by one, before and after it built its tables."""
    theirs = Scorer(parameters).score(texts)
    kernel = compiled.CompiledScorer(parameters.contents())
    for ours in (kernel.score(texts), *(kernel.score(texts) for _ in range(READY_AFTER // max(len(texts), 1) + 1))):
        for name in ("decisions", "known", "mean_idf", "probabilities"):
            np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-9, atol=1e-9)
        for name in ("labels", "topics", "tones", "reasons", "n_tokens"):
            assert list(getattr(ours, name)) == list(getattr(theirs, name))
    for row, text in enumerate(texts):
        assert repr(kernel.classify(text)) == repr(ours.classification(row))
        assert Classification.of(ours.row(row)).topics == Classification.of(theirs.row(row)).topics


@needs_kernel
@given(texts=st.lists(nasty, min_size=1, max_size=8))
@settings(
    deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_any_text_scores_the_same(any_model: stance.Model, texts: list[str]) -> None:
    assert_same(any_model.parameters, texts)


@needs_kernel
def test_paragraphs_and_other_languages_score_the_same(default_model: stance.Model, paragraphs: pd.DataFrame) -> None:
    texts = [*paragraphs["text"], *pd.read_csv("fixtures/languages.csv")["text"]]
    assert_same(default_model.parameters, texts)


@needs_kernel
@pytest.mark.parametrize(
    "text",
    [
        "x" * 500_000,
        "é" * 300_000 + " trade",
        "peace talks " * 70_000,
        "\ud800" * 100_000,
        "中" * 200_000,
        "Σ" * 99_999,
    ],
    ids=["one word", "one word of two bytes", "many words", "surrogates", "three bytes", "sigma"],
)
def test_huge_texts_score_the_same(tiny_model: stance.Model, text: str) -> None:
    assert_same(tiny_model.parameters, [text])


@needs_kernel
@pytest.mark.parametrize("lengths", [(1, 1), (1, 4), (2, 9), (4, 7), (5, 5), (7, 64)])
def test_subwords_of_any_length_score_the_same(tiny_model: stance.Model, lengths: tuple[int, int]) -> None:
    from dataclasses import replace

    from stance.features import subwords

    words = ["un", "warship", "überläufer", "中文字符", "𐐀𐐁", "peace"]
    grams = tuple(sorted({gram for word in words for gram in subwords(word, *lengths)}))
    generator = np.random.default_rng(0)
    weights = generator.integers(-9999, 9999, (len(grams), len(tiny_model.labels)), dtype=np.int16)
    parameters = replace(tiny_model.parameters, subwords=grams, subword_weights=weights, subword_lengths=lengths)
    texts = [*words, " ".join(words), "warships überläuferin xy"]
    assert_same(parameters, texts)


@needs_kernel
def test_words_whose_subwords_add_up_to_more_than_a_chunk_can_hold_score_the_same(tiny_model: stance.Model) -> None:
    from dataclasses import replace

    from stance.features import subwords

    word = "".join(chr(97 + place * place % 26) for place in range(400))
    grams = tuple(sorted(set(subwords(word, 3, 5))))
    parameters = replace(
        tiny_model.parameters,
        words=(word,),
        pairs=np.zeros((0, 2), dtype=np.uint32),
        idf=np.ones(1),
        weights=np.full((1, len(tiny_model.labels)), 32767, dtype=np.int16),
        subwords=grams,
        subword_weights=np.full((len(grams), len(tiny_model.labels)), 32767, dtype=np.int16),
    )
    assert_same(parameters, [word, f"{word} " * 300, "short words"])


@needs_kernel
@pytest.mark.parametrize("n_topics", [1, 4, 7, 8, 9, 12, 17, 20, 24, 25, 60])
def test_any_number_of_labels_scores_the_same(n_topics: int) -> None:
    generator = np.random.default_rng(n_topics)
    words = [f"word{number}" for number in range(60)]
    rows = pd.DataFrame(
        {
            "text": [" ".join(generator.choice(words, 12)) for _ in range(3 * n_topics)],
            "topics": [f"topic {number % n_topics}" for number in range(3 * n_topics)],
        }
    )
    with warnings.catch_warnings(action="ignore"):
        model = stance.train(rows, progress=False)
    assert len(model.topics) == n_topics
    assert_same(model.parameters, [*rows["text"], "word1 word2 word1 word2 words", "", "word"])


@needs_kernel
def test_a_list_may_change_while_it_is_scored(default_model: stance.Model, paragraphs: pd.DataFrame) -> None:
    texts = paragraphs["text"].tolist() * 20
    expected = default_model.decision_function(texts)
    stop = threading.Event()

    def change(mine: list[str]) -> None:
        while not stop.is_set():
            mine[0] = mine[0][::-1]
            mine.append("".join(["x", "y"]))
            mine.pop()

    mine = list(texts)
    thread = threading.Thread(target=change, args=(mine,))
    thread.start()
    try:
        found = default_model.decision_function(mine)
    finally:
        stop.set()
        thread.join()
    assert len(found) - len(texts) in (0, 1)  # one more where it began between the other thread's append and pop
    assert (found[1 : len(texts)] == expected[1:]).all()


@needs_kernel
def test_many_threads_give_the_answers_of_one(default_model: stance.Model, paragraphs: pd.DataFrame) -> None:
    texts = paragraphs["text"].tolist()
    scorer = compiled.CompiledScorer(default_model.parameters.contents())
    expected = scorer.score(texts)
    with ThreadPoolExecutor(16) as pool:
        for found in pool.map(lambda _: scorer.score(texts), range(64)):
            assert found == expected
        for row, found in enumerate(pool.map(scorer.classify, texts)):
            assert repr(found) == repr(expected.classification(row))


@needs_kernel
def test_what_is_no_text_is_refused(tiny_model: stance.Model) -> None:
    with pytest.raises(TypeError, match=r"^expected a text of type str, but got int$"):
        compiled.CompiledScorer(tiny_model.parameters.contents()).score(["fine", 7])  # type: ignore[list-item]


def test_without_the_kernel_numpy_scores(monkeypatch: pytest.MonkeyPatch, tiny_model: stance.Model) -> None:
    monkeypatch.setitem(sys.modules, "stance._kernel", None)
    try:
        importlib.reload(compiled)
        assert compiled.backend() == "python"
        assert isinstance(compiled.scorer(tiny_model.parameters.contents()), Scorer)
    finally:
        monkeypatch.undo()
        importlib.reload(compiled)

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from stance import features

word_like = st.text(alphabet=st.characters(categories=["L", "N", "M", "Pc", "Zs", "Po", "Cs"]), max_size=60)
mixed = st.lists(st.sampled_from(["İstanbul", "ΑΣ", "ΑΣ.", "Σ", "ß", "ﬁ", "a", "_x_", "9/11", "x\x00y", "\ud800"])).map(
    " ".join
)
sklearn_tokens = CountVectorizer().build_analyzer()


@given(text=word_like | mixed | st.text())
@settings(deadline=None, max_examples=300)
def test_tokens_are_those_of_scikit_learn(text: str) -> None:
    assert features.tokens(text) == sklearn_tokens(text)


@given(text=word_like | mixed | st.text())
@settings(deadline=None, max_examples=300)
def test_spans_lead_back_to_the_text(text: str) -> None:
    spans = list(features.token_spans(text))
    assert [token for token, _, _ in spans] == features.tokens(text)
    last = 0
    for token, start, end in spans:
        assert last <= start < end <= len(text)
        # The final sigma depends on the letters around it.
        own = text[start:end].lower().replace("ς", "σ")
        assert token.replace("ς", "σ") in own
        last = start


def test_spans_are_right_after_a_character_that_grows_in_lower_case() -> None:
    text = "İİ İzmir and peace"
    assert [text[start:end] for _, start, end in features.token_spans(text)] == ["zmir", "and", "peace"]


@given(text=mixed)
@settings(deadline=None)
def test_slices_hold_the_tokens_of_the_whole(text: str) -> None:
    before = features.SLICE
    features.SLICE = 5
    try:
        slices = list(features.token_slices(text))
    finally:
        features.SLICE = before
    assert [token for part in slices for token in part] == features.tokens(text)


def test_a_long_text_is_tokenised_in_slices() -> None:
    slices = list(features.token_slices("peace talks " * 200_000))
    assert len(slices) > 1
    assert sum(map(len, slices)) == 400_000


def test_a_huge_word_is_one_token() -> None:
    assert [len(part) for part in features.token_slices("x" * 3_000_000)] == [1]


@given(token=st.from_regex(r"\w{2,12}", fullmatch=True), shortest=st.integers(1, 5), more=st.integers(0, 4))
@settings(deadline=None, max_examples=200)
def test_subwords_are_those_of_scikit_learn(token: str, shortest: int, more: int) -> None:
    grams = CountVectorizer(
        analyzer="char_wb", ngram_range=(shortest, shortest + more), lowercase=False
    ).build_analyzer()
    assert list(features.subwords(token, shortest, shortest + more)) == grams(token)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The U.S. and Türkiye", ["the", "and", "türkiye"]),
        ("COVID-19, 2020", ["covid", "19", "2020"]),
        ("العربية 中文字符", ["العربية", "中文字符"]),
        ("a b c", []),
    ],
)
def test_tokens_of_known_texts(text: str, expected: list[str]) -> None:
    assert features.tokens(text) == expected


def test_the_token_pattern_is_scikit_learns() -> None:
    assert CountVectorizer().token_pattern == features.TOKEN_PATTERN


@given(
    text=st.text(alphabet=st.sampled_from("aΑΣσς'.İ \n\u2028\u3000\x85"), max_size=80) | st.text(),
    size=st.integers(1, 20),
)
@settings(deadline=None, max_examples=300)
def test_slices_of_any_length_hold_the_tokens_of_the_whole(text: str, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(features, "SLICE", size)
        slices = list(features.token_slices(text))
    assert [token for part in slices for token in part] == features.tokens(text)


def test_a_final_sigma_at_the_end_of_a_slice_stays_final(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "SLICE", 7)
    assert list(features.token_slices("ΟΔΥΣΣΕΥΣ ΣΑΣ ΑΣ")) == [["οδυσσευς"], ["σας", "ας"]]


@given(text=st.text(alphabet=st.sampled_from("aİiΣ\u0307'. _1"), max_size=30))
@settings(deadline=None, max_examples=300)
def test_spans_hold_their_token_and_no_other_letter(text: str) -> None:
    for token, start, end in features.token_spans(text):
        own = text[start:end].lower().replace("ς", "σ")
        # A token that ends with İ leaves its combining dot out.
        assert own in (token.replace("ς", "σ"), token.replace("ς", "σ") + "\u0307")

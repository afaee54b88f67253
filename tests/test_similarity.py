"""Near pairs: all of them and no others, as comparing every text with every other gives."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stance import similarity
from stance.counting import Corpus
from stance.similarity import near_pairs, word_features

texts = st.lists(st.lists(st.sampled_from(["peace", "war", "trade", "sea", "vote", "!"]), max_size=8).map(" ".join))


@settings(deadline=None, max_examples=60)
@given(texts.filter(bool), st.sampled_from([0.3, 0.5, 0.8, 1.0]))
def test_no_pair_is_missed_and_none_is_made_up(some: list[str], threshold: float) -> None:
    features = word_features(Corpus.read(some))
    first, second, cosine = near_pairs(features, threshold)
    everything = np.triu((features @ features.T).toarray(), 1)
    expected = np.argwhere(everything >= threshold - 1e-6)
    assert np.column_stack([first, second]).tolist() == expected.tolist()
    np.testing.assert_allclose(cosine, everything[first, second], atol=1e-9)
    assert cosine.max(initial=0) <= 1


def test_features_are_not_changed() -> None:
    features = word_features(Corpus.read(["war and peace", "peace and war", "war"]))
    before = features.toarray()
    near_pairs(features, 0.5)
    np.testing.assert_array_equal(features.toarray(), before)


def test_rows_are_compared_in_blocks(paragraphs: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    features = word_features(Corpus.read([*paragraphs["text"][:30], *paragraphs["text"][20:40]]))
    whole = near_pairs(features, 0.9)
    monkeypatch.setattr(similarity, "BLOCK", 7)
    for part, again in zip(whole, near_pairs(features, 0.9), strict=True):
        np.testing.assert_array_equal(part, again)
    assert list(zip(*whole[:2], strict=True)) == [(20 + place, 30 + place) for place in range(10)]

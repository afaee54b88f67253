"""Texts that are nearly the same, found by the words that they share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer

from stance.counting import Corpus

__all__ = ["near_pairs", "word_features"]

BLOCK = 1024
"""Rows that are compared with all others at a time."""
SLACK = 1e-6
"""Of sums of float32."""

Pairs = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]


def word_features(corpus: Corpus) -> sparse.csr_array:
    """Weight the words of each text by sublinear TF-IDF; the rows have norm 1, or 0 for a text without words.

    Parameters
    ----------
    corpus : Corpus

    Returns
    -------
    csr_array of float64, shape (n_texts, n_tokens)
    """
    if not corpus.tokens:
        return corpus.counts.astype(np.float64)
    return sparse.csr_array(TfidfTransformer(sublinear_tf=True).fit_transform(corpus.counts.astype(np.float64)))


def near_pairs(features: sparse.csr_array, threshold: float) -> Pairs:
    """Find all pairs of rows whose cosine is at least `threshold`.

    Parameters
    ----------
    features : csr_array, shape (n_rows, n_features)
        Without negative numbers; the rows have norm 1 or 0.
    threshold : float
        From 0 (exclusive) to 1.

    Returns
    -------
    first, second : ndarray of int64, shape (n_pairs,)
        The rows of each pair, the lower one first, in order.
    cosine : ndarray of float64, shape (n_pairs,)

    Notes
    -----
    Two rows that are so near share a feature that is rare: with the features of a row from the rarest to the most
    frequent, one of those after which the rest has a norm below `threshold` (R. Bayardo, Y. Ma and R. Srikant, 2007).
    So only rows that share one of these are compared, and no pair is missed.

    Examples
    --------
    >>> texts = ["rebels shelled the harbour town", "talks on trade began", "rebels shelled the harbour city"]
    >>> first, second, _ = near_pairs(word_features(Corpus.read(texts)), 0.5)
    >>> first.tolist(), second.tolist()
    ([0], [2])
    """
    rare = _rare_part(features, threshold)
    others = rare.T.tocsr()
    found: list[Pairs] = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))]
    for start in range(0, features.shape[0], BLOCK):
        shared = (rare[start : start + BLOCK] @ others).tocoo()
        is_pair = shared.row + start < shared.col
        first, second = shared.row[is_pair].astype(np.int64) + start, shared.col[is_pair].astype(np.int64)
        cosine = np.asarray(features[first].multiply(features[second]).sum(axis=1)).ravel()
        near = cosine >= threshold - SLACK
        found.append((first[near], second[near], np.minimum(cosine[near], 1.0)))
    first, second, cosine = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((second, first))
    return first[order], second[order], cosine[order]


def _rare_part(features: sparse.csr_array, threshold: float) -> sparse.csr_array:
    """Keep the rarest features of each row: those after which what is left has a norm below `threshold`."""
    frequency = np.bincount(features.indices, minlength=features.shape[1])
    rank = np.empty(features.shape[1], dtype=np.int64)
    rank[np.argsort(frequency, kind="stable")] = np.arange(features.shape[1])
    ranked = sparse.csr_array((features.data**2, rank[features.indices], features.indptr.copy()), shape=features.shape)
    ranked.sort_indices()
    sums = np.concatenate([[0.0], np.cumsum(ranked.data)])
    left = np.repeat(sums[ranked.indptr[1:]], np.diff(ranked.indptr)) - sums[:-1]
    is_rare = left >= threshold**2 - SLACK
    ranked.data = is_rare.astype(np.float32)
    ranked.eliminate_zeros()
    return ranked

"""From many texts to a sparse matrix: the vocabulary, its weights, and the training side of `stance.features`.

Texts are tokenised once (`Corpus.read`); every fold of a cross-validation then fits its own `Vocabulary` on some of
the rows. The block of words and pairs equals ``TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)``; the block of
subwords equals ``CountVectorizer(analyzer="char_wb")`` over the tokens, divided by the square root of the number of
tokens and scaled to be worth as much as the first. Since a subword lies inside one token, the subwords of all texts are
the product of two small matrices: texts by tokens, and tokens by subwords.

The loops are compiled (`_counting.pyx`); where there is no C compiler the code here does the same work.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from stance.features import subwords, token_slices

try:
    import stance._counting as compiled
except ImportError:  # there was no C compiler when stance was installed
    compiled = None

__all__ = ["Corpus", "Vocabulary", "inverse_frequency", "matrix_of"]

SUBWORD_LENGTHS = (3, 5)
"""Least and greatest number of characters of a subword, the two spaces around the token included."""

Numbered: TypeAlias = "tuple[list[str], NDArray[np.int32], NDArray[np.int64]]"
"""Strings, each once, and rows of their numbers: all rows one after the other, and where each begins."""
Parts: TypeAlias = "tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.int64]]"
"""A sparse matrix by rows: its numbers, their columns, and where each row begins."""


@dataclass(frozen=True, eq=False)
class Corpus:
    """Tokenised texts.

    Attributes
    ----------
    tokens : list of str
        Every token of the texts once, sorted by code point.
    stream : ndarray of int32, shape (n_tokens_in_all,)
        The tokens of all texts one after the other, as places in `tokens`.
    bounds : ndarray of int64, shape (n_texts + 1,)
        Text i is ``stream[bounds[i]:bounds[i + 1]]``.
    counts : csr_array of float32, shape (n_texts, len(tokens))
        How often each token stands in each text.
    spelling : csr_array of float32, shape (len(tokens), n_subwords)
        How often each subword stands in each token.
    subwords : list of str
        The columns of `spelling`, sorted by code point.
    """

    tokens: list[str]
    stream: NDArray[np.int32]
    bounds: NDArray[np.int64]
    counts: sparse.csr_array
    spelling: sparse.csr_array
    subwords: list[str]

    @classmethod
    def read(cls, texts: Sequence[str], subword_lengths: tuple[int, int] = SUBWORD_LENGTHS) -> Corpus:
        """Tokenise `texts`.

        Parameters
        ----------
        texts : sequence of str
        subword_lengths : (int, int)
            Least and greatest number of characters of a subword.
        """
        numbered = _number_tokens(texts) if compiled is None else compiled.read(tuple(texts))
        tokens, stream, bounds = _in_order(*numbered)
        counts = _counted(stream, bounds, len(tokens))
        spelling, names = _spelling(tokens, subword_lengths)
        return cls(tokens, stream, bounds, counts, spelling, names)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Number of tokens of each text, shape (n_texts,)."""
        return np.diff(self.bounds)


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The terms and subwords kept from some texts, and what each is worth.

    Attributes
    ----------
    words : ndarray of int64, shape (n_words,)
        The kept tokens as places in `Corpus.tokens`, ascending.
    pairs : ndarray of int64, shape (n_pairs, 2)
        The kept pairs as places in `words`, sorted.
    idf : ndarray of float64, shape (n_words + n_pairs,)
    unknown_idf : float
        The inverse document frequency of a word that no text has.
    subwords : ndarray of int64, shape (n_subwords,)
        The kept subwords as places in `Corpus.subwords`, ascending.
    subword_units : ndarray of float64, shape (n_subwords,)
        What a subword's count is multiplied with: its inverse document frequency times the block's scale.
    """

    words: NDArray[np.int64]
    pairs: NDArray[np.int64]
    idf: NDArray[np.float64]
    unknown_idf: float
    subwords: NDArray[np.int64]
    subword_units: NDArray[np.float64]

    @classmethod
    def fit(cls, corpus: Corpus, rows: NDArray[np.int64], min_df: int, max_terms: int) -> Vocabulary:
        """Choose the vocabulary from some texts of a corpus.

        Parameters
        ----------
        corpus : Corpus
        rows : ndarray of int64
            The texts to look at.
        min_df : int
            A word or pair is kept when at least so many texts have it; a subword, when one more than that have it
            (`min_df` 1 keeps all).
        max_terms : int
            Of the words, of the pairs and of the subwords, the most that are kept: those in most texts.
        """
        n_texts = len(rows)
        frequency = _document_frequency(corpus.counts[rows])
        words = _kept(frequency, min_df, max_terms)
        keys, pair_frequency = _pair_frequency(corpus, rows, words, min_df)
        kept_pairs = _kept(pair_frequency, min_df, max_terms)
        pairs = np.column_stack([keys[kept_pairs] >> 32, keys[kept_pairs] & 0xFFFFFFFF])
        idf = inverse_frequency(np.concatenate([frequency[words], pair_frequency[kept_pairs]]), n_texts)
        grams, units = _fit_subwords(corpus, rows, min_df + (min_df > 1), max_terms)
        return cls(words, pairs, idf, float(inverse_frequency(np.zeros(1), n_texts)[0]), grams, units)

    def transform(self, corpus: Corpus, rows: NDArray[np.int64]) -> sparse.csr_array:
        """Give the features of some texts of a corpus.

        Returns
        -------
        csr_array of float32, shape (len(rows), n_words + n_pairs + n_subwords)
        """
        shape = (len(rows), len(self.idf) + len(self.subwords))
        if compiled is not None:
            return matrix_of(self._weighed(corpus, rows), shape)
        terms = self._term_counts(corpus, rows)
        terms.data = (1.0 + np.log(terms.data, dtype=np.float64)) * self.idf[terms.indices]
        norms = np.sqrt(np.bincount(_row_of(terms), weights=terms.data**2, minlength=len(rows)))
        terms.data = (terms.data / np.repeat(norms, np.diff(terms.indptr))).astype(np.float32)
        block = _subword_counts(corpus, rows, self.subwords)
        block.data = (block.data * self.subword_units[block.indices]).astype(np.float32)
        return sparse.hstack([terms, block], format="csr")

    def _weighed(self, corpus: Corpus, rows: NDArray[np.int64]) -> Parts:
        """Do the work of `transform` in compiled code."""
        most = int(corpus.counts.data.max(initial=1) * 1.000001) + 1  # counts above 2**24 are rounded
        sublinear = np.concatenate([[0.0], 1.0 + np.log(np.arange(1.0, most + 1))])
        keys = self.pairs[:, 0] << 32 | self.pairs[:, 1]
        place = _places(len(corpus.tokens), self.words)
        spelling = _parts(corpus.spelling[:, self.subwords])
        parts: Parts = compiled.weigh(
            corpus.stream, corpus.bounds, rows, place, keys, self.idf, sublinear, *spelling, self.subword_units
        )
        return parts

    def _term_counts(self, corpus: Corpus, rows: NDArray[np.int64]) -> sparse.csr_array:
        """Count the kept words and pairs in some texts."""
        keys = self.pairs[:, 0] << 32 | self.pairs[:, 1]
        pairs, row, column = _pairs_of(corpus, rows, self.words)
        at = np.searchsorted(keys, pairs)
        at[at == len(keys)] = -1
        place = np.where(keys[at] == pairs, at, -1) if len(keys) else np.full(len(pairs), -1)
        kept = np.flatnonzero(place[column] >= 0)
        pair_counts = sparse.csr_array(
            (np.ones(len(kept), dtype=np.float32), (row[kept], place[column[kept]])), shape=(len(rows), len(keys))
        )
        return sparse.hstack([corpus.counts[rows][:, self.words], pair_counts], format="csr")

    def familiarity(self, corpus: Corpus, rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give the share of known tokens and the mean inverse document frequency of some texts that have tokens.

        Returns
        -------
        known, mean_idf : ndarray of float64, shape (n_texts_with_tokens,)
        """
        rows = rows[corpus.lengths[rows] > 0]
        idf = np.full(len(corpus.tokens), self.unknown_idf)
        idf[self.words] = self.idf[: len(self.words)]
        is_known = np.zeros(len(corpus.tokens))
        is_known[self.words] = 1.0
        counts = corpus.counts[rows]
        return counts @ is_known / corpus.lengths[rows], counts @ idf / corpus.lengths[rows]


def _number_tokens(texts: Sequence[str]) -> Numbered:
    """Give numbers to the tokens of each text in the order in which they are first met."""
    places: dict[str, int] = {}
    stream = array("i")
    bounds = array("q", [0])
    for text in texts:
        for part in token_slices(text):
            stream.extend([places.setdefault(token, len(places)) for token in part])
        bounds.append(len(stream))
    return list(places), np.array(stream, dtype=np.int32), np.array(bounds, dtype=np.int64)


def _number_subwords(tokens: Sequence[str], lengths: tuple[int, int]) -> Numbered:
    """Give numbers to the subwords of each token in the order in which they are first met."""
    places: dict[str, int] = {}
    stream = array("i")
    bounds = array("q", [0])
    for token in tokens:
        stream.extend([places.setdefault(gram, len(places)) for gram in subwords(token, *lengths)])
        bounds.append(len(stream))
    return list(places), np.array(stream, dtype=np.int32), np.array(bounds, dtype=np.int64)


def _in_order(strings: list[str], stream: NDArray[np.int32], bounds: NDArray[np.int64]) -> Numbered:
    """Give numbers by code point instead."""
    order = sorted(range(len(strings)), key=strings.__getitem__)
    rank = np.empty(len(strings), dtype=np.int32)
    rank[order] = np.arange(len(strings), dtype=np.int32)
    return [strings[place] for place in order], rank[stream], bounds


def _counted(stream: NDArray[np.int32], bounds: NDArray[np.int64], n_columns: int) -> sparse.csr_array:
    """Count the numbers of each row."""
    shape = (len(bounds) - 1, n_columns)
    if compiled is not None:
        return matrix_of(compiled.count(stream, bounds, n_columns), shape)
    counts = sparse.csr_array((np.ones(len(stream), dtype=np.float32), stream.copy(), bounds.copy()), shape=shape)
    counts.sum_duplicates()
    return counts


def _spelling(tokens: list[str], lengths: tuple[int, int]) -> tuple[sparse.csr_array, list[str]]:
    """Count the subwords of each token."""
    numbered = _number_subwords(tokens, lengths) if compiled is None else compiled.spell(tokens, *lengths)
    names, stream, bounds = _in_order(*numbered)
    return _counted(stream, bounds, len(names)), names


def _document_frequency(counts: sparse.csr_array) -> NDArray[np.int64]:
    return np.bincount(counts.indices, minlength=counts.shape[1])


def inverse_frequency(frequency: NDArray[np.generic], n_texts: int) -> NDArray[np.float64]:
    """Inverse document frequency as in scikit-learn: ln((1 + n) / (1 + df)) + 1."""
    return np.log((1.0 + n_texts) / (1.0 + frequency.astype(np.float64))) + 1.0


def _kept(frequency: NDArray[np.int64], min_df: int, max_terms: int) -> NDArray[np.int64]:
    """Give the columns that are frequent enough, the most frequent where there are too many; ties go to the first."""
    kept = np.flatnonzero(frequency >= min_df)
    if len(kept) > max_terms:
        kept = np.sort(kept[np.argsort(-frequency[kept], kind="stable")[:max_terms]])
    return kept


def _places(n: int, chosen: NDArray[np.int64]) -> NDArray[np.int32]:
    """Give the place of each of n things among the chosen ones, -1 where it is not there."""
    place = np.full(n, -1, dtype=np.int32)
    place[chosen] = np.arange(len(chosen), dtype=np.int32)
    return place


def matrix_of(parts: Parts, shape: tuple[int, int]) -> sparse.csr_array:
    """Give a sparse matrix over three arrays; SciPy would copy columns that have another type than starts."""
    values, columns, starts = parts
    starts_type = np.int32 if len(columns) < 1 << 31 else np.int64
    return sparse.csr_array((values, columns, starts.astype(starts_type)), shape=shape)


def _parts(matrix: sparse.csr_array) -> Parts:
    return matrix.data, matrix.indices.astype(np.int32, copy=False), matrix.indptr.astype(np.int64)


def _pair_frequency(
    corpus: Corpus, rows: NDArray[np.int64], words: NDArray[np.int64], min_df: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find the pairs of neighbouring kept words that at least `min_df` texts have.

    Returns
    -------
    keys : ndarray of int64
        The pairs as ``first << 32 | second`` in places of `words`, ascending.
    frequency : ndarray of int64
        How many of the texts have each.
    """
    if compiled is not None:
        keys, frequency = compiled.pair_frequency(
            corpus.stream, corpus.bounds, rows, _places(len(corpus.tokens), words), min_df
        )
        order = np.argsort(keys)
        return keys[order], frequency[order]
    pairs, row, column = _pairs_of(corpus, rows, words)
    in_texts = np.unique(row * len(pairs) + column)
    frequency = np.bincount(in_texts % max(len(pairs), 1), minlength=len(pairs))
    return pairs[frequency >= min_df], frequency[frequency >= min_df]


def _pairs_of(
    corpus: Corpus, rows: NDArray[np.int64], words: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Find the pairs of neighbouring kept words of some texts, each text once.

    Returns
    -------
    pairs : ndarray of int64
        Each pair that occurs, ascending.
    row, column : ndarray of int64
        For each place where a pair stands, its text's place in `rows` and its own in `pairs`.
    """
    stream = _places(len(corpus.tokens), words)[corpus.stream].astype(np.int64)
    text = np.repeat(np.arange(len(corpus.lengths)), corpus.lengths)
    chosen = np.full(len(corpus.lengths), -1, dtype=np.int64)
    chosen[rows] = np.arange(len(rows))
    first, second = stream[:-1], stream[1:]
    is_pair = (first >= 0) & (second >= 0) & (text[:-1] == text[1:]) & (chosen[text[:-1]] >= 0)
    pairs, column = np.unique(first[is_pair] << 32 | second[is_pair], return_inverse=True)
    return pairs, chosen[text[:-1][is_pair]], column


def _fit_subwords(
    corpus: Corpus, rows: NDArray[np.int64], min_df: int, max_terms: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Choose the subwords and their units, so that the block's rows have a root mean square norm of 1."""
    if compiled is not None:
        parts = _parts(corpus.spelling)
        n_subwords = len(corpus.subwords)
        frequency, squares = compiled.subword_frequency(corpus.stream, corpus.bounds, rows, *parts, n_subwords)
    else:
        counts = _subword_counts(corpus, rows, np.arange(len(corpus.subwords)))
        frequency = _document_frequency(counts)
        squares = np.bincount(counts.indices, weights=counts.data.astype(np.float64) ** 2, minlength=len(frequency))
    kept = _kept(frequency, min_df, max_terms)
    units = inverse_frequency(frequency[kept], len(rows))
    mean_square = float((units**2 * squares[kept]).sum()) / max(len(rows), 1)
    return kept, units / (np.sqrt(mean_square) or 1.0)


def _subword_counts(corpus: Corpus, rows: NDArray[np.int64], kept: NDArray[np.int64]) -> sparse.csr_array:
    """Count some subwords in some texts, divided by the square root of the number of tokens."""
    counts = (corpus.counts[rows] @ corpus.spelling[:, kept]).tocsr()
    counts.sort_indices()
    counts.data /= np.repeat(np.sqrt(np.maximum(corpus.lengths[rows], 1)), np.diff(counts.indptr))
    return counts


def _row_of(matrix: sparse.csr_array) -> NDArray[np.int64]:
    """Give the row of each stored number of a matrix."""
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))

"""From text to decision values, in NumPy: one text at a time, so that a text's answer never depends on its batch.

The decision value of a text for one label is

    intercept + sum over terms of (1 + ln count) * weight / norm + sum over subwords of count * weight / sqrt(n)

where the terms are the words and pairs of the vocabulary, a term's weight includes its idf, `norm` is the Euclidean
norm of the terms' (1 + ln count) * idf, and `n` is the number of tokens. Subwords never cross a token and their counts
are linear, so a token's subword weights are added up once and kept: a word met before costs no further look-up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from stance.features import subwords, token_slices, token_spans
from stance.parameters import Parameters
from stance.results import REASONS, Answers, Classification, TermWeight

__all__ = ["Scorer"]

UNKNOWN = -1


class Scorer:
    """Look-up tables over `Parameters`, and the scoring of texts with them.

    Safe to use from many threads: what it remembers between texts can be computed twice but not wrongly.

    Parameters
    ----------
    parameters : Parameters
        Checked parameters.
    """

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self._words = {word: row for row, word in enumerate(parameters.words)}
        pairs = zip(*parameters.pairs.T.tolist(), strict=True)
        self._pairs = {pair: row for row, pair in enumerate(pairs, len(self._words))}
        self._subwords = {subword: row for row, subword in enumerate(parameters.subwords)}
        # Rows of subword weights added up for each known word, filled when the word is first met.
        self._folded = np.zeros((len(self._words), len(parameters.labels)), dtype=np.int64)
        self._is_folded = np.zeros(len(self._words), dtype=bool)

    def score(self, texts: Sequence[str]) -> Answers:
        """Score each of `texts`.

        Parameters
        ----------
        texts : sequence of str

        Returns
        -------
        Answers
            Row i belongs to text i.
        """
        parameters, rule = self.parameters, self.parameters.rule
        n_texts, most_topics = len(texts), min(rule.max_topics, len(parameters.topics))
        decisions = np.tile(parameters.intercept, (n_texts, 1))
        known = np.zeros(n_texts)
        mean_idf = np.full(n_texts, parameters.unknown_idf)
        n_tokens = np.zeros(n_texts, dtype=np.int64)
        reasons = np.zeros(n_texts, dtype=np.uint8)
        for row, text in enumerate(texts):
            words, pairs, unknown = self._count(text)
            n_known = sum(words.values())
            n = n_known + sum(unknown.values())
            if n:
                decisions[row] += self._decisions(words, pairs, unknown, n)
                idf_sum = float(self._tally(words) @ parameters.idf[list(words)])
                known[row] = n_known / n
                mean_idf[row] = (idf_sum + (n - n_known) * parameters.unknown_idf) / n
                n_tokens[row] = n
            reasons[row] = REASONS.index(self._why_not(text, n, known[row], mean_idf[row]))
        probabilities = rule.probabilities(decisions)
        probabilities[reasons > 0] = np.nan
        topics = np.full((n_texts, most_topics), -1, dtype=np.int32)
        for row, given in enumerate(rule.topics(probabilities)):
            topics[row, : len(given)] = given
        tones = np.full(n_texts, -1, dtype=np.int32)
        if parameters.tones:
            tones[reasons == 0] = probabilities[reasons == 0, len(parameters.topics) :].argmax(axis=1)
        labels = parameters.topics, parameters.tones
        columns = decisions.ravel(), probabilities.ravel(), topics.ravel(), tones, reasons, known, mean_idf, n_tokens
        return Answers(labels, *columns)

    def classify(self, text: str) -> Classification:
        """Score one text."""
        return self.score([text]).classification(0, text, self.explain)

    def explain(self, text: str, label: int) -> list[TermWeight]:
        """Split the decision value of `text` for one label among its words and pairs.

        Parameters
        ----------
        text : str
        label : int
            The label's column.

        Returns
        -------
        list of TermWeight
            Every term that is in the vocabulary or has a subword in it, weightiest first; their weights and the
            intercept add up to the decision value.
        """
        words, pairs, unknown = self._count(text)
        rows, values = self._values(words, pairs)
        column = self.parameters.weights[rows, label] * self.parameters.weight_scale[label] * values
        weights = dict(zip(map(self.parameters.term, rows), column.tolist(), strict=True))
        if self._subwords:
            unit = self.parameters.subword_scale[label] / np.sqrt(max(words.total() + unknown.total(), 1))
            for row in words:
                name = self.parameters.words[row]
                weights[name] += float(self._fold([row])[0, label] * words[row] * unit)
            for token, count in unknown.items():
                row_weights = self._token_row(token)
                if row_weights is not None:
                    weights[token] = float(row_weights[label] * count * unit)
        spans = _places(text, weights)
        terms = [TermWeight(name, weight, tuple(spans[name])) for name, weight in weights.items()]
        return sorted(terms, key=lambda term: (-abs(term.weight), term.term))

    def _decisions(
        self, words: Counter[int], pairs: Counter[int], unknown: Counter[str], n: int
    ) -> NDArray[np.float64]:
        """Give what the terms of a text of `n` tokens add to the intercepts."""
        rows, values = self._values(words, pairs)
        total: NDArray[np.float64] = values @ self.parameters.weights[rows] * self.parameters.weight_scale
        if self._subwords:
            total += self._subword_sum(words, unknown) * (self.parameters.subword_scale / np.sqrt(n))
        return total

    def _why_not(self, text: str, n: int, known: float, mean_idf: float) -> str | None:
        """Say why there is no ground for an answer, or None where there is."""
        if n == 0:
            return "no words" if text.strip() else "empty"
        if known == 0 or known < self.parameters.min_known:
            return "too little known text"
        return "unfamiliar language" if mean_idf > self.parameters.max_mean_idf else None

    def _count(self, text: str) -> tuple[Counter[int], Counter[int], Counter[str]]:
        """Count the known words and pairs by row, and the unknown tokens."""
        words: Counter[int] = Counter()
        pairs: Counter[int] = Counter()
        unknown: Counter[str] = Counter()
        last = UNKNOWN
        for part in token_slices(text):
            rows = [self._words.get(token, UNKNOWN) for token in part]
            words.update(rows)
            pairs.update(self._pair_rows(last, rows))
            if UNKNOWN in words:
                unknown.update(token for token, row in zip(part, rows, strict=True) if row == UNKNOWN)
                del words[UNKNOWN]
            last = rows[-1] if rows else last
        return words, pairs, unknown

    def _pair_rows(self, last: int, rows: list[int]) -> Iterator[int]:
        """Yield the rows of the known pairs among neighbouring `rows`, which follow row `last`."""
        get = self._pairs.get
        for pair in zip([last, *rows], rows, strict=False):
            row = get(pair)
            if row is not None:
                yield row

    def _values(self, words: Counter[int], pairs: Counter[int]) -> tuple[list[int], NDArray[np.float64]]:
        """Give the rows of the terms and what their weights are multiplied by."""
        rows = [*words, *pairs]
        if not rows:
            return rows, np.zeros(0)
        counts = np.concatenate([self._tally(words), self._tally(pairs)])
        values = 1.0 + np.log(counts)
        weighted = values * self.parameters.idf[rows]
        return rows, values / np.sqrt(weighted @ weighted)

    @staticmethod
    def _tally(counter: Counter[int]) -> NDArray[np.float64]:
        return np.fromiter(counter.values(), dtype=np.float64, count=len(counter))

    def _subword_sum(self, words: Counter[int], unknown: Counter[str]) -> NDArray[np.float64]:
        """Add up the subword weights of all tokens, in units of `subword_scale`."""
        total = self._tally(words) @ self._fold(list(words))
        for token, count in unknown.items():
            row = self._token_row(token)
            if row is not None:
                total += row * count
        return total

    def _fold(self, rows: list[int]) -> NDArray[np.int64]:
        """Give the added-up subword weights of known words, remembering them."""
        for row in np.array(rows)[~self._is_folded[rows]].tolist():
            folded = self._token_row(self.parameters.words[row])
            if folded is not None:
                self._folded[row] = folded
            self._is_folded[row] = True
        return self._folded[rows]

    def _token_row(self, token: str) -> NDArray[np.int64] | None:
        """Add up the weights of a token's subwords; None where it has none in the vocabulary."""
        grams = subwords(token, *self.parameters.subword_lengths)
        rows = Counter(self._subwords[gram] for gram in grams if gram in self._subwords)
        if not rows:
            return None
        counts = np.array(list(rows.values()))
        return counts @ self.parameters.subword_weights[list(rows)].astype(np.int64)


def _places(text: str, terms: Iterable[str]) -> dict[str, list[tuple[int, int]]]:
    """Find where some words and pairs stand in a text, in characters."""
    places: dict[str, list[tuple[int, int]]] = {term: [] for term in terms}
    last, last_start = "", 0
    for token, start, end in token_spans(text):
        if token in places:
            places[token].append((start, end))
        pair = f"{last} {token}"
        if pair in places:
            places[pair].append((last_start, end))
        last, last_start = token, start
    return places

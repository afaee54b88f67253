"""A model as a fitted scikit-learn pipeline with the same decision values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import LabelBinarizer

from stance.features import TOKEN_PATTERN, tokens
from stance.parameters import Parameters

__all__ = ["SubwordVectorizer", "to_sklearn"]


class SubwordVectorizer(CountVectorizer):  # type: ignore[misc]
    """Count the character n-grams inside tokens, divided by the square root of the text's number of tokens.

    A CountVectorizer with ``analyzer="char_wb"`` that sees the tokens with single spaces between them. It takes the
    same parameters.
    """

    def build_preprocessor(self) -> Any:
        """Give the function that turns a text into its tokens with spaces between."""
        return spaced_tokens

    def fit_transform(self, raw_documents: Iterable[str], y: object = None) -> sparse.csr_matrix:
        """Learn the n-grams of the texts and count them, as `fit` and `transform` do."""
        texts = list(raw_documents)
        return per_root_length(super().fit_transform(texts, y), texts)

    def transform(self, raw_documents: Iterable[str]) -> sparse.csr_matrix:
        """Count the n-grams of each text.

        Parameters
        ----------
        raw_documents : iterable of str

        Returns
        -------
        csr_matrix of float64, shape (n_texts, n_subwords)
        """
        texts = list(raw_documents)
        return per_root_length(super().transform(texts), texts)


def per_root_length(counts: sparse.csr_matrix, texts: list[str]) -> sparse.csr_matrix:
    """Divide the counts of each text by the square root of its number of tokens."""
    n_tokens = np.array([len(tokens(text)) for text in texts], dtype=np.float64)
    return sparse.csr_matrix(sparse.diags(1 / np.sqrt(np.maximum(n_tokens, 1))) @ counts)


def spaced_tokens(text: str) -> str:
    """Give the tokens of a text with single spaces between them."""
    return " ".join(tokens(text))


def to_sklearn(parameters: Parameters) -> Pipeline:
    """Build the pipeline; `Model.to_sklearn` describes it."""
    words = list(parameters.words)
    terms = words + [f"{words[first]} {words[second]}" for first, second in parameters.pairs.tolist()]
    by_term = TfidfVectorizer(
        token_pattern=TOKEN_PATTERN,
        ngram_range=(1, 2),
        sublinear_tf=True,
        vocabulary={term: column for column, term in enumerate(terms)},
    )
    by_term.idf_ = parameters.idf
    blocks: list[tuple[str, Any]] = [("terms", by_term)]
    weights = parameters.weights * parameters.weight_scale / parameters.idf[:, np.newaxis]  # the vectorizer multiplies
    if parameters.subwords:
        blocks.append(
            (
                "subwords",
                SubwordVectorizer(
                    analyzer="char_wb",
                    ngram_range=parameters.subword_lengths,
                    vocabulary={subword: column for column, subword in enumerate(parameters.subwords)},
                ),
            )
        )
        weights = np.vstack([weights, parameters.subword_weights * parameters.subword_scale])
    return Pipeline([("features", FeatureUnion(blocks)), ("heads", _heads(parameters, weights))])


def _heads(parameters: Parameters, weights: np.ndarray[Any, Any]) -> OneVsRestClassifier:
    """Build the fitted linear heads, one a label."""
    heads = OneVsRestClassifier(LogisticRegression())
    heads.label_binarizer_ = LabelBinarizer(sparse_output=True)
    if len(parameters.labels) > 1:
        heads.label_binarizer_.fit(np.eye(len(parameters.labels), dtype=np.int64))
        heads.label_binarizer_.classes_ = np.array(parameters.labels, dtype=object)
    else:  # scikit-learn takes one label for a binary target: 1 is the label, 0 its absence
        heads.label_binarizer_.fit([0, 1])
    vars(heads)["classes_"] = heads.label_binarizer_.classes_  # an attribute in new releases, a property in old ones
    heads.estimators_ = []
    for column, intercept in enumerate(parameters.intercept.tolist()):
        head = LogisticRegression()
        head.classes_ = np.array([0, 1])
        head.coef_ = weights[np.newaxis, :, column]
        head.intercept_ = np.array([intercept])
        head.n_features_in_ = len(weights)
        heads.estimators_.append(head)
    heads.n_features_in_ = len(weights)
    return heads

"""`Parameters`: the plain numbers and words that a model is made of, and the check that they fit together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stance.decision import DecisionRule
from stance.storage import LARGEST, Contents, assemble, check_settings, parse, require

__all__ = ["Parameters", "quantise", "to_bytes"]

WEIGHT_MAX = 32767
TERM_ARRAYS = ("pairs", "idf", "weights", "subword_weights", "weight_scale", "subword_scale", "intercept")
RULE_ARRAYS = ("topic_slope", "topic_offset", "tone_matrix", "tone_offset", "thresholds")


@dataclass(frozen=True, eq=False)
class Parameters:
    """Everything a model scores with. `check` says whether it fits together.

    Attributes
    ----------
    topics, tones : tuple of str
        The labels; either may be empty, not both. `n_labels` is their number together, topics first.
    words : tuple of str
        The tokens of the vocabulary, sorted by code point, each once.
    pairs : ndarray of uint32, shape (n_pairs, 2)
        Pairs of neighbouring tokens as places in `words`, sorted, each once.
    idf : ndarray of float64, shape (n_words + n_pairs,)
        Inverse document frequency of each word, then of each pair.
    unknown_idf : float
        The inverse document frequency of a word that no training text has.
    weights : ndarray of int16, shape (n_words + n_pairs, n_labels)
        What a term adds to each label, its idf included, in units of `weight_scale`.
    weight_scale : ndarray of float64, shape (n_labels,)
        The unit of `weights` for each label.
    subwords : tuple of str
        Character n-grams inside tokens, sorted by code point, each once; empty where a model has none.
    subword_lengths : tuple of (int, int)
        Least and greatest length of a subword in characters.
    subword_weights : ndarray of int16, shape (n_subwords, n_labels)
        What a subword adds to each label, in units of `subword_scale`.
    subword_scale : ndarray of float64, shape (n_labels,)
        The unit of `subword_weights` for each label.
    intercept : ndarray of float64, shape (n_labels,)
        The decision value of a text with no known term.
    rule : DecisionRule
        Calibration and thresholds.
    min_known : float
        A text with a smaller share of known tokens gets no answer.
    max_mean_idf : float
        A text whose tokens have a greater mean inverse document frequency gets no answer: it lacks the common words
        of the language that the model was trained on.
    card : mapping
        What the model was trained on and how well it does: JSON values, for people, not for scoring.
    """

    topics: tuple[str, ...]
    tones: tuple[str, ...]
    words: tuple[str, ...]
    pairs: NDArray[np.uint32]
    idf: NDArray[np.float64]
    unknown_idf: float
    weights: NDArray[np.int16]
    weight_scale: NDArray[np.float64]
    subwords: tuple[str, ...]
    subword_lengths: tuple[int, int]
    subword_weights: NDArray[np.int16]
    subword_scale: NDArray[np.float64]
    intercept: NDArray[np.float64]
    rule: DecisionRule
    min_known: float
    max_mean_idf: float
    card: Mapping[str, Any] = field(default_factory=dict)

    @property
    def labels(self) -> tuple[str, ...]:
        """The topics, then the tones: the order of every array's label axis."""
        return self.topics + self.tones

    @property
    def settings(self) -> dict[str, float]:
        """The single numbers, as the model file holds them."""
        shortest, longest = self.subword_lengths
        return {
            "shortest_subword": shortest,
            "longest_subword": longest,
            "max_topics": self.rule.max_topics,
            "unknown_idf": float(self.unknown_idf),
            "fallback": float(self.rule.fallback),
            "min_known": float(self.min_known),
            "max_mean_idf": float(self.max_mean_idf),
        }

    @classmethod
    def of(cls, contents: Contents) -> Parameters:
        """Give what a model file holds; the arrays are views of it. Nothing is checked that `Contents` does not."""
        settings = contents.settings
        arrays: dict[str, Any] = {
            name: np.asarray(contents.arrays[name]).reshape(contents.shapes.get(name, -1))
            for name in (*TERM_ARRAYS, *RULE_ARRAYS)
        }
        for name in ("words", "subwords"):
            blob = contents.arrays[name].tobytes()
            arrays[name] = tuple(blob.decode().split("\n")) if blob else ()
        rule = DecisionRule(
            **{name: arrays.pop(name) for name in RULE_ARRAYS},
            fallback=settings["fallback"],
            max_topics=settings["max_topics"],
        )
        return cls(
            topics=contents.topics,
            tones=contents.tones,
            subword_lengths=(settings["shortest_subword"], settings["longest_subword"]),
            unknown_idf=settings["unknown_idf"],
            min_known=settings["min_known"],
            max_mean_idf=settings["max_mean_idf"],
            card=contents.card,
            rule=rule,
            **arrays,
        )

    def term(self, row: int) -> str:
        """Give the word, or the two words with a space between, of one row of `weights`."""
        n_words = len(self.words)
        if row < n_words:
            return self.words[row]
        first, second = self.pairs[row - n_words].tolist()
        return f"{self.words[first]} {self.words[second]}"

    def contents(self) -> Contents:
        """Check everything, and give it as a model file holds it; equal parameters give equal bytes.

        Raises
        ------
        ValueError
            As for `check`; or the card holds what JSON in UTF-8 cannot.
        """
        self.check()
        return parse(to_bytes(self))

    def check(self) -> None:
        """Raise ValueError, with the reason, unless everything fits together.

        Raises
        ------
        ValueError
            A label twice or empty, a shape or type that does not fit, a vocabulary out of order, a number that is
            not finite or out of its range.
        """
        check_settings(self.topics, self.tones, self.settings)
        self._check_vocabulary()
        n_topics, n_tones, n_labels = len(self.topics), len(self.tones), len(self.labels)
        n_terms = len(self.words) + len(self.pairs)
        for owner, name, shape in (
            (self, "idf", (n_terms,)),
            (self, "weight_scale", (n_labels,)),
            (self, "subword_scale", (n_labels,)),
            (self, "intercept", (n_labels,)),
            (self.rule, "topic_slope", (n_topics,)),
            (self.rule, "topic_offset", (n_topics,)),
            (self.rule, "tone_matrix", (n_tones, n_tones)),
            (self.rule, "tone_offset", (n_tones,)),
            (self.rule, "thresholds", (n_topics,)),
        ):
            array = getattr(owner, name)
            _check_array(name, array, np.float64, shape)
            require(bool(np.isfinite(array).all()), f"{name} holds a number that is not finite")
            require(bool((np.abs(array) <= LARGEST).all()), f"{name} holds a number beyond {LARGEST:g}")
        _check_array("weights", self.weights, np.int16, (n_terms, n_labels))
        _check_array("subword_weights", self.subword_weights, np.int16, (len(self.subwords), n_labels))
        require(bool((self.idf > 0).all()), "idf holds a number that is not above 0")
        require(bool((self.idf >= 1 / LARGEST).all()), f"idf holds a number below {1 / LARGEST:g}")
        require(bool((self.rule.thresholds >= 0).all()), "thresholds holds a number below 0")

    def _check_vocabulary(self) -> None:
        for name, terms in (("words", self.words), ("subwords", self.subwords)):
            require(_strictly_ascending(terms), f"the {name} are not sorted, each once")
            require("" not in terms, f"one of the {name} is empty")
            require("\n" not in "".join(terms), f"one of the {name} holds a line feed")
        require(
            self.pairs.dtype == np.uint32 and self.pairs.ndim == 2 and self.pairs.shape[1] == 2,
            f"pairs must be uint32 of shape (n, 2), but is {self.pairs.dtype} of shape {self.pairs.shape}",
        )
        if len(self.pairs):
            require(int(self.pairs.max()) < len(self.words), "a pair names a word that is not there")
            keys = self.pairs[:, 0].astype(np.uint64) << np.uint64(32) | self.pairs[:, 1]
            require(bool((keys[1:] > keys[:-1]).all()), "the pairs are not sorted, each once")


def to_bytes(parameters: Parameters) -> bytes:
    """Give the model file of checked parameters."""
    arrays: dict[str, NDArray[Any]] = {name: getattr(parameters, name) for name in TERM_ARRAYS}
    arrays |= {name: getattr(parameters.rule, name) for name in RULE_ARRAYS}
    arrays = {name: array.astype(array.dtype.newbyteorder("<"), copy=False) for name, array in arrays.items()}
    arrays |= {name: _packed(getattr(parameters, name)) for name in ("words", "subwords")}
    return assemble(parameters.topics, parameters.tones, parameters.settings, dict(parameters.card), arrays)


def quantise(weights: NDArray[np.floating[Any]]) -> tuple[NDArray[np.int16], NDArray[np.float64]]:
    """Round each column of `weights` to 16-bit integers and a unit.

    Parameters
    ----------
    weights : ndarray of float, shape (n_terms, n_labels)

    Returns
    -------
    integers : ndarray of int16, shape (n_terms, n_labels)
    unit : ndarray of float64, shape (n_labels,)
        ``integers * unit`` is within half a unit of `weights`.

    Examples
    --------
    >>> quantise(np.array([[1.0, 0.0], [-0.5, 0.0]]))[0].tolist()
    [[32767, 0], [-16384, 0]]
    """
    largest = np.abs(weights).max(axis=0, initial=0.0).astype(np.float64)
    unit = np.where(largest > 1 / LARGEST, largest / WEIGHT_MAX, 1.0)
    return np.rint(weights / unit).astype(np.int16), unit


def _packed(strings: Sequence[str]) -> NDArray[np.uint8]:
    """Give strings as the model file holds them: UTF-8, line feeds between."""
    return np.frombuffer("\n".join(strings).encode(), dtype=np.uint8)


def _check_array(name: str, array: NDArray[Any], dtype: type, shape: tuple[int, ...]) -> None:
    require(
        array.dtype == dtype and array.shape == shape,
        f"{name} must be {np.dtype(dtype)} of shape {shape}, but is {array.dtype} of shape {array.shape}",
    )


def _strictly_ascending(names: tuple[str, ...]) -> bool:
    return all(first < second for first, second in pairwise(names))

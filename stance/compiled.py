"""Which code scores: the compiled kernel where it was built, the same sums in NumPy where it was not."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from stance.parameters import Parameters, packed
from stance.results import TermWeight
from stance.scoring import Scorer, Scores

try:
    from stance._kernel import Kernel
except ImportError:  # there was no C compiler when stance was installed
    Kernel = None

__all__ = ["CompiledScorer", "backend", "scorer"]


def backend() -> str:
    """Say which code scores.

    Returns
    -------
    str
        "compiled" where the kernel was built when stance was installed, "python" otherwise. The answers are the same.

    Examples
    --------
    >>> import stance
    >>> stance.backend() in ("compiled", "python")
    True
    """
    return "python" if Kernel is None else "compiled"


def scorer(parameters: Parameters) -> Scorer | CompiledScorer:
    """Give the fastest scorer that there is for `parameters`."""
    return Scorer(parameters) if Kernel is None else CompiledScorer(parameters)


class CompiledScorer:
    """Scores as `Scorer` does, by the compiled kernel, without the GIL.

    Parameters
    ----------
    parameters : Parameters
        Checked parameters.
    """

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self._kernel: Any = Kernel(
            packed(parameters.words),
            len(parameters.words),
            *map(np.ascontiguousarray, (parameters.pairs, parameters.idf)),
            parameters.unknown_idf,
            *map(np.ascontiguousarray, (parameters.weights, parameters.weight_scale)),
            packed(parameters.subwords),
            len(parameters.subwords),
            *parameters.subword_lengths,
            *map(np.ascontiguousarray, (parameters.subword_weights, parameters.subword_scale, parameters.intercept)),
        )

    def score(self, texts: Sequence[str]) -> Scores:
        """Score each of `texts`: `Scorer.score`."""
        n_texts = len(texts)
        scores = Scores(
            np.empty((n_texts, len(self.parameters.labels))),
            np.empty(n_texts),
            np.empty(n_texts),
            np.empty(n_texts, dtype=np.int64),
        )
        self._kernel.score(tuple(texts), scores.decisions, scores.known, scores.mean_idf, scores.n_tokens)
        return scores

    def explain(self, text: str, label: int) -> list[TermWeight]:
        """Split the decision value of `text` among its terms: `Scorer.explain`."""
        return self._explainer.explain(text, label)

    @cached_property
    def _explainer(self) -> Scorer:
        return Scorer(self.parameters)

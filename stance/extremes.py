"""The rows of a scored table that are worth reading first: the most cooperative and the most tense of every kind."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["extremes"]


def extremes(
    score: NDArray[np.float64], topics: NDArray[np.bool_], tone: NDArray[np.int64], n_rows: int
) -> NDArray[np.int64]:
    """Choose the rows with the highest score, of all and of each topic with each tone.

    Parameters
    ----------
    score : ndarray of float64, shape (n_texts,)
        NaN where there is none: these rows come last.
    topics : ndarray of bool, shape (n_topics, n_texts)
    tone : ndarray of int64, shape (n_texts,)
        The place of each row's tone, -1 where it has none.
    n_rows : int
        About how many to choose: each topic with each tone has an equal part, and one row at least.

    Returns
    -------
    ndarray of int64
        The rows, the highest score first; of equal scores the first.

    Examples
    --------
    >>> extremes(np.array([0.1, 0.9, 0.5]), np.array([[True, True, False]]), np.array([0, 0, 1]), 2).tolist()
    [1, 2]
    """
    order = np.argsort(np.nan_to_num(-score, nan=np.inf), kind="stable")
    cells: list[NDArray[np.bool_]] = []
    for rows in (*topics, ~topics.any(axis=0)):
        cells += [rows & (tone == place) for place in range(-1, int(tone.max(initial=-1)) + 1)]
    cells = [cell for cell in cells if cell.any()]
    part = max(1, n_rows // max(len(cells), 1))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    chosen: set[int] = set()
    for cell in cells:
        chosen.update(_first(rank[cell], part))
    return order[sorted(chosen)]


def _first(ranks: NDArray[np.int64], n: int) -> Sequence[int]:
    return (np.partition(ranks, n - 1)[:n] if len(ranks) > n else ranks).tolist()  # type: ignore[no-any-return]

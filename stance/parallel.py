"""Doing work in threads, in order and with bounded memory."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sized
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from tqdm import tqdm

__all__ = ["in_order", "n_cores", "shown"]

Item = TypeVar("Item")
Part = TypeVar("Part", bound=Sized)
Result = TypeVar("Result")


def in_order(work: Callable[[Item], Result], items: Iterable[Item], n_threads: int | None = None) -> Iterator[Result]:
    """Apply a function to items in threads, and give the results in the order of the items.

    Parameters
    ----------
    work : callable
    items : iterable
        Taken as they are needed: no more than two for each thread are ahead of what was given.
    n_threads : int, optional
        By default one a core.

    Examples
    --------
    >>> list(in_order(str.upper, "abc"))
    ['A', 'B', 'C']
    """
    n_threads = n_threads or n_cores()
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(n_threads) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > 2 * n_threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def shown(parts: Iterable[Part], n_rows: int, progress: bool | None) -> Iterator[Part]:
    """Give parts of a table one after the other, with a progress bar over their rows.

    Parameters
    ----------
    parts : iterable
    n_rows : int
        Of all parts together.
    progress : bool, optional
        By default where standard error is a terminal.
    """
    disable = None if progress is None else not progress
    with tqdm(total=n_rows, desc="scoring", unit="row", leave=False, disable=disable) as bar:
        for part in parts:
            yield part
            bar.update(len(part))


def n_cores() -> int:
    """Give the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

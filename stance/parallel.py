"""Doing work in threads, or in the processes of `stance.processes`, in order and with bounded memory."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sized
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Protocol, TypeVar

from tqdm import tqdm

__all__ = ["Pending", "Pool", "in_order", "n_cores", "shown"]

Item = TypeVar("Item")
Part = TypeVar("Part", bound=Sized)
Result = TypeVar("Result")
Given = TypeVar("Given", covariant=True)


class Pending(Protocol[Given]):
    """Work that has been handed over, as `concurrent.futures.Future`."""

    def result(self) -> Given:
        """Wait for its result, or raise what it raised."""

    def cancel(self) -> bool:
        """Say that nobody will ask for it."""


class Pool(Protocol):
    """What works, as `concurrent.futures.Executor`."""

    def submit(self, work: Callable[[Item], Result], item: Item, /) -> Pending[Result]:
        """Hand over work."""


def in_order(
    work: Callable[[Item], Result], items: Iterable[Item], n_threads: int | None = None, pool: Pool | None = None
) -> Iterator[Result]:
    """Apply a function to items in threads, and give the results in the order of the items.

    Parameters
    ----------
    work : callable
    items : iterable
        Taken as they are needed: no more than two for each core are ahead of what was given. Where it fails, the
        results of the items before come first.
    n_threads : int, optional
        By default one a core.
    pool : Pool, optional
        What works in the place of threads.

    Examples
    --------
    >>> list(in_order(str.upper, "abc"))
    ['A', 'B', 'C']
    """
    n_threads = n_threads or n_cores()
    waiting: deque[Pending[Result]] = deque()
    failure: Exception | None = None
    threads = ThreadPoolExecutor(n_threads)  # which starts none before it is asked
    workers: Pool = pool or threads
    try:
        items = iter(items)
        while True:
            try:
                item = next(items)
            except StopIteration:
                break
            except Exception as error:
                failure = error
                break
            waiting.append(_submitted(workers, work, item))
            if len(waiting) > 2 * n_threads:
                yield _result(waiting.popleft(), threads)
        while waiting:
            yield _result(waiting.popleft(), threads)
    finally:
        for pending in waiting:
            pending.cancel()
        # Not waited for: whoever stops halfway may be the garbage collector, within the start of another thread.
        threads.shutdown(wait=False)
    if failure is not None:
        raise failure


def _submitted(pool: Pool, work: Callable[[Item], Result], item: Item) -> Pending[Result]:
    try:
        return pool.submit(work, item)
    except RuntimeError as error:  # which is all that `threading` raises
        if "start new thread" not in str(error):
            raise
        raise MemoryError(f"{error}: memory or the number of processes is limited (ulimit -a)") from None


def _result(pending: Pending[Result], threads: ThreadPoolExecutor) -> Result:
    """Wait for a result, but not for a thread that died because it had not even the memory to say so."""
    while isinstance(pending, Future) and not wait([pending], timeout=1).done:
        if not all(thread.is_alive() for thread in threads._threads):
            raise MemoryError("a thread ended for want of memory")
    return pending.result()


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

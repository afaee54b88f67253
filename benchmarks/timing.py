"""Timing several ways of doing the same work, turn by turn, so that a busy moment of the machine meets them all."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from time import perf_counter
from typing import TypeVar

__all__ = ["median_seconds", "p50_seconds", "timed"]

Result = TypeVar("Result")


def median_seconds(ways: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Give the median time of each way.

    Parameters
    ----------
    ways : mapping of str to callable
    repeats : int
        Timed calls of each way, after one that is not timed.

    Returns
    -------
    dict of str to float
        Seconds.
    """
    for way in ways.values():
        way()
    rounds = [{name: timed(way)[0] for name, way in ways.items()} for _ in range(repeats)]
    return {name: median(seconds[name] for seconds in rounds) for name in ways}


def p50_seconds(ways: Mapping[str, tuple[Callable[[str], object], Sequence[str]]], repeats: int) -> dict[str, float]:
    """Give the time that half of the texts do not exceed, each text in a call of its own.

    Parameters
    ----------
    ways : mapping of str to (callable, sequence of str)
        What to call, and the texts to call it with.
    repeats : int
        Timed passes over the texts; before each, a fifth of them is answered untimed, so that nobody pays for what the
        one before left in the caches.

    Returns
    -------
    dict of str to float
        Seconds: the median over the passes.
    """
    rounds = [
        {name: median(_each_seconds(call, texts)) for name, (call, texts) in ways.items()} for _ in range(repeats)
    ]
    return {name: median(seconds[name] for seconds in rounds) for name in ways}


def timed(work: Callable[[], Result]) -> tuple[float, Result]:
    """Time one call, without the garbage collector, and give the seconds and what it gave."""
    gc.collect()
    gc.disable()
    start = perf_counter()
    result = work()
    seconds = perf_counter() - start
    gc.enable()
    return seconds, result


def _each_seconds(call: Callable[[str], object], texts: Sequence[str]) -> list[float]:
    gc.collect()
    gc.disable()
    for text in texts[: len(texts) // 5 + 1]:
        call(text)
    seconds = []
    for text in texts:
        start = perf_counter()
        call(text)
        seconds.append(perf_counter() - start)
    gc.enable()
    return seconds

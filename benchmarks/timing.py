"""Timing several ways of doing the same work, turn by turn, so that a busy moment of the machine meets them all."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Mapping
from statistics import median
from time import perf_counter

__all__ = ["call_seconds", "median_seconds", "p50_seconds"]


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
    rounds = [{name: call_seconds(way) for name, way in ways.items()} for _ in range(repeats)]
    return {name: median(seconds[name] for seconds in rounds) for name in ways}


def p50_seconds(ways: Mapping[str, tuple[Callable[[str], object], Iterable[str]]], repeats: int) -> dict[str, float]:
    """Give the time that half of the texts do not exceed, each text in a call of its own.

    Parameters
    ----------
    ways : mapping of str to (callable, iterable of str)
        What to call, and the texts to call it with.
    repeats : int
        Timed passes over the texts, after one call that is not timed.

    Returns
    -------
    dict of str to float
        Seconds: the median over the passes.
    """
    for call, texts in ways.values():
        call(next(iter(texts)))
    rounds = [
        {name: median(_each_seconds(call, texts)) for name, (call, texts) in ways.items()} for _ in range(repeats)
    ]
    return {name: median(seconds[name] for seconds in rounds) for name in ways}


def call_seconds(way: Callable[[], object]) -> float:
    """Time one call, without the garbage collector."""
    gc.collect()
    gc.disable()
    start = perf_counter()
    way()
    seconds = perf_counter() - start
    gc.enable()
    return seconds


def _each_seconds(call: Callable[[str], object], texts: Iterable[str]) -> list[float]:
    gc.collect()
    gc.disable()
    seconds = []
    for text in texts:
        start = perf_counter()
        call(text)
        seconds.append(perf_counter() - start)
    gc.enable()
    return seconds

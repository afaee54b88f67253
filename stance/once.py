"""What is made when it is first asked for: once, however many threads ask at the same time."""

from __future__ import annotations

import os
from _thread import RLock  # that of `threading`, which takes a millisecond to import

TYPE_CHECKING = False  # `typing` takes milliseconds to import
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    Made = TypeVar("Made")

__all__ = ["once"]


def once(make: Callable[[], Made]) -> Callable[[], Made]:
    """Give a function that makes something when it is first called, and gives the same each time.

    While one thread makes it, the others wait. Where that fails, the next one tries again.

    Parameters
    ----------
    make : callable

    Examples
    --------
    >>> first = once(list)
    >>> first() is first()
    True
    """
    made: list[Made] = []
    locks: dict[int, RLock] = {}

    def get() -> Made:
        return made[0] if made else first()

    def first() -> Made:
        # A lock for each process: a fork must not wait for a thread that held the lock and is not in it.
        with locks.setdefault(os.getpid(), RLock()):
            if not made:
                value = make()
                made.append(value)  # after that of a signal's handler that asked meanwhile, if any: that one stays
            return made[0]

    return get

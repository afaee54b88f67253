"""How much memory is left, where it is limited as by ``ulimit -v``.

Much native code does not survive the want of memory: OpenBLAS ends the process, and pyarrow can crash, while they are
imported. So whoever is about to import them looks first.
"""

from __future__ import annotations

try:
    import resource
except ImportError:  # Windows, which has no such limits
    resource = None  # type: ignore[assignment]

__all__ = ["is_short", "limit"]


def limit() -> int | None:
    """Give the limit of the memory of this process in bytes, None where there is none."""
    if resource is None:
        return None
    soft = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if soft == resource.RLIM_INFINITY else soft


def is_short(n_bytes: int) -> bool:
    """Say whether memory is limited and less than this is left of it.

    Examples
    --------
    >>> from stance.memory import is_short, limit
    >>> is_short(1) and limit() is None
    False
    """
    if limit() is None:
        return False
    import mmap

    try:
        mmap.mmap(-1, n_bytes).close()  # pages that are never written to are not used
    except (OSError, MemoryError):
        return True
    return False

"""Processes that work side by side. Whichever ends, by whatever hand, the others learn of it at once.

Those of `concurrent.futures` share one pipe: when one of them is killed while it writes there, all wait for ever.
"""

from __future__ import annotations

import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import cycle
from multiprocessing import get_context
from multiprocessing.connection import Connection
from queue import SimpleQueue
from types import TracebackType
from typing import Any

from stance.errors import StanceError
from stance.parallel import n_cores

__all__ = ["Processes", "serve", "shared"]


class Processes:
    """A process for each core, which take turns: a `stance.parallel.Pool`.

    Parameters
    ----------
    make : callable
        Makes in each of them, when it is first asked for, what `shared` gives there.
    """

    def __init__(self, make: Callable[[], object]) -> None:
        with _without_interrupts():
            self._all = [_Process(make) for _ in range(n_cores())]
        self._turns = cycle(self._all)

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for process in self._all:
            process.end()

    def submit(self, work: Callable[[Any], Any], item: Any) -> _Pending:
        """Hand over work to the next in turn."""
        return next(self._turns).submit(work, item)


class _Process:
    """A process, and what it has been asked for, in order."""

    def __init__(self, make: Callable[[], object]) -> None:
        # Not forked: a copy of a process with threads may wait for ever for a lock that one of them held.
        context = get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, make), daemon=True)
        self._process.start()
        theirs.close()  # so that nobody but the process holds that end
        self._asked: deque[_Pending] = deque()

    def submit(self, work: Callable[[Any], Any], item: Any) -> _Pending:
        try:
            self._connection.send((work, item))
        except OSError:
            raise _ended() from None
        pending = _Pending(self)
        self._asked.append(pending)
        return pending

    def receive(self, pending: _Pending) -> tuple[bool, Any]:
        """Wait for the answer to something; the answers before it are of no use any more."""
        try:
            while self._asked.popleft() is not pending:
                self._connection.recv()
            answer: tuple[bool, Any] = self._connection.recv()
        except (EOFError, OSError):
            raise _ended() from None
        return answer

    def end(self) -> None:
        self._connection.close()
        self._process.join()


class _Pending:
    """Work that a process was asked for: a `stance.parallel.Pending`."""

    def __init__(self, process: _Process) -> None:
        self._process = process

    def result(self) -> Any:
        is_done, answer = self._process.receive(self)
        if not is_done:
            raise answer
        return answer

    def cancel(self) -> bool:
        return False


_shared: list[Callable[[], object]] = []


def serve(connection: Connection, make: Callable[[], object]) -> None:
    """Do work, in a process of its own, until there is nobody left to ask for it.

    Parameters
    ----------
    connection : Connection
        Gives pairs of a function and what to apply it to; takes whether that went well, and the result or the error.
    make : callable
        Makes what `shared` gives.
    """
    _shared[:] = [cache(make)]
    asked: SimpleQueue[tuple[Callable[[Any], Any], Any] | None] = SimpleQueue()
    # Always read, so that who asks never waits while this waits to answer.
    threading.Thread(target=_listen, args=(connection, asked.put), daemon=True).start()
    while (job := asked.get()) is not None:
        work, item = job
        try:
            answer = True, work(item)
        except Exception as error:
            answer = False, error
        try:
            connection.send(answer)
        except (OSError, MemoryError):
            break


def _listen(connection: Connection, put: Callable[[Any], None]) -> None:
    try:
        while True:
            put(connection.recv())
    except (EOFError, OSError, MemoryError):
        pass
    finally:  # whatever it was: there is nobody left to listen
        put(None)


def shared() -> Any:
    """Give, in one of `Processes`, what they share."""
    return _shared[0]()


def _ended() -> StanceError:
    return StanceError(
        "a process that scored was ended from outside, for want of memory perhaps: try again, with --resume to keep "
        "what is done"
    )


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Let processes that are started never hear of Ctrl-C, which is for the one that started them."""
    if threading.current_thread() is not threading.main_thread():  # where nobody may say so
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)

"""Work in other processes, in order, whatever becomes of them."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from functools import partial
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import pytest

import stance
from stance.parallel import in_order, n_cores
from stance.processes import Processes, _listen, serve, shared

ENDED = (
    "a process that scored was ended from outside, for want of memory perhaps: try again, with --resume to keep what "
    "is done"
)


def made(folder: Path) -> int:
    """Say in a file of its own that it was made here."""
    (folder / f"{os.getpid()}.{time.monotonic_ns()}").touch()
    return os.getpid()


def seen(number: int) -> tuple[int, int, int]:
    return number, shared(), os.getpid()


def failing(number: int) -> int:
    if number % 3 == 0:
        raise ZeroDivisionError(number)
    return number


def killed(number: int) -> bytes:
    if number == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return bytes(10_000_000)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("made")


@pytest.fixture(scope="module")
def processes(folder: Path) -> Iterator[Processes]:
    with Processes(partial(made, folder)) as pool:
        yield pool


def test_results_come_in_order_from_all_processes_which_share_what_each_made_once(
    processes: Processes, folder: Path
) -> None:
    results = list(in_order(seen, range(50), pool=processes))
    assert [number for number, _, _ in results] == list(range(50))
    assert all(made_in == process != os.getpid() for _, made_in, process in results)
    assert len({process for _, _, process in results}) == n_cores()
    assert sorted(path.stem for path in folder.iterdir()) == sorted({str(process) for _, _, process in results})


def test_an_error_comes_back_and_what_was_asked_for_meanwhile_is_forgotten(processes: Processes) -> None:
    for _ in range(3):
        results = in_order(failing, range(1, 50), pool=processes)
        assert [next(results), next(results)] == [1, 2]
        with pytest.raises(ZeroDivisionError, match=r"^3$"):
            next(results)
    assert list(in_order(abs, range(-9, 0), pool=processes)) == list(range(9, 0, -1))


def test_large_items_and_results_go_through(processes: Processes) -> None:
    items = [bytes([number]) * 3_000_000 for number in range(9)]
    assert list(in_order(bytes.upper, items, pool=processes)) == items


def test_a_process_that_is_killed_is_told(folder: Path) -> None:
    told = r"^a process that scored was ended from outside"
    with Processes(partial(made, folder)) as pool, pytest.raises(stance.StanceError, match=told):
        pool.submit(killed, 5).result()
    with Processes(partial(made, folder)) as pool:
        results = in_order(killed, range(1000), pool=pool)
        with pytest.raises(stance.StanceError) as caught:
            list(results)
        assert str(caught.value) == ENDED
        with pytest.raises(stance.StanceError, match=told):
            list(in_order(abs, range(1000), pool=pool))


def test_they_can_be_started_where_signals_cannot_be_set(folder: Path) -> None:
    found: list[int] = []

    def run() -> None:
        with Processes(partial(made, folder)) as pool:
            found.extend(in_order(abs, [-1, -2], pool=pool))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [1, 2]


def served(*jobs: Any, answers: int) -> list[Any]:
    """What a process does, in a thread of this one: as many answers as are waited for before the other end closes."""
    ours, theirs = Pipe()
    thread = threading.Thread(target=serve, args=(theirs, partial(int, "7")))
    thread.start()
    for job in jobs:
        ours.send(job)
    got = [ours.recv() for _ in range(answers)]
    ours.close()
    thread.join(10)
    assert not thread.is_alive()
    return got


def test_a_process_works_until_nobody_is_left_to_ask() -> None:
    (well, ill) = served((abs, -3), (failing, 3), answers=2)
    assert well == (True, 3)
    assert ill[0] is False
    assert isinstance(ill[1], ZeroDivisionError)
    assert served((seen, 1), answers=1)[0][1][:2] == (1, 7)
    assert served((time.sleep, 0.2), (time.sleep, 0), answers=0) == []


def test_a_process_without_memory_to_hear_what_is_asked_ends() -> None:
    class Deaf:
        def recv(self) -> None:
            raise MemoryError

    asked: list[Any] = []
    _listen(Deaf(), asked.append)
    assert asked == [None]

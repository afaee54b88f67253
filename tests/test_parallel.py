"""Work in threads, in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from stance.parallel import in_order, n_cores, shown


def test_results_come_in_the_order_of_the_items() -> None:
    def late(number: int) -> int:
        time.sleep(0.01 if number % 3 == 0 else 0)
        return -number

    assert list(in_order(late, range(50), 4)) == [-number for number in range(50)]
    assert list(in_order(str, [])) == []


def test_no_more_items_are_taken_than_are_needed() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    results = in_order(str, items(), 2)
    assert taken == []
    assert [next(results) for _ in range(3)] == ["0", "1", "2"]
    assert len(taken) <= 3 + 2 * 2 + 1
    results.close()
    assert len(taken) <= 3 + 2 * 2 + 1


def test_an_error_comes_where_its_result_would_and_ends_the_work() -> None:
    done: list[int] = []

    def odd(number: int) -> int:
        if number == 3:
            raise ZeroDivisionError
        done.append(number)
        return number

    results = in_order(odd, range(1000), 2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert len(done) < 20


def test_threads_work_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=10)
    assert len(list(in_order(lambda number: both.wait(), range(2), 2))) == 2


def test_there_is_a_core() -> None:
    assert n_cores() >= 1


def test_a_bar_counts_rows(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(shown(["ab", "cde"], 5, True)) == ["ab", "cde"]
    assert "0/5" in capsys.readouterr().err
    assert list(shown(["ab"], 2, None)) == ["ab"]
    assert capsys.readouterr().err == ""

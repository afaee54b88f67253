"""Work that is killed again and again: run by `test_faults` in a process of its own, which has one thread and may fork.

``python faults.py HOW WORK FOLDER`` prints how many rounds found the old file, and how many the new one. HOW is
``random`` (killed after a random part of the usual time), ``interrupt`` (Ctrl-C then) or ``line`` (killed before each
line). Nothing but what is imported is shared by the rounds: each works in a child.
"""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import stance
from stance import cli, corpus, files, outputs, writer
from stance.formats import import_arrow

BEFORE = 99
"""The exit code where Ctrl-C came before the command line was called, or after."""
INTERRUPTED = (
    (0, ""),
    (130, "stance: interrupted, what was not finished is not there\n"),
    (130, "stance: interrupted, the same command goes on from here\n"),
)
FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
OLD = b"what was there before"


def save(folder: Path) -> None:
    stance.load().save(folder / "out.stance")


def train(folder: Path) -> int:
    return cli.main(["train", str(folder / "in.csv"), "--output", str(folder / "out.stance"), "--jobs", "1"])


def score(folder: Path, ending: str, *options: str) -> int:
    """Score a table in many blocks and parts."""
    corpus.BLOCK_ROWS, corpus.ARROW_ROWS, corpus.PART_ROWS, writer.GROUP_ROWS = 16, 16, 32, 32
    source = folder / ("in.parquet" if ending == "parquet" else "in.csv")
    return cli.main(["score", str(source), str(folder / f"out.{ending}"), "--model", str(folder / "model"), *options])


def to_parquet(folder: Path) -> None:
    import pandas as pd

    pd.read_csv(folder / "in.csv", keep_default_na=False).to_parquet(folder / "in.parquet")


def prepare(work: str, folder: Path) -> tuple[Callable[[], int | None], Path]:
    """Give what is to be done, and the file that it writes."""
    name, _, ending = work.partition(".")
    if name == "save":
        return lambda: save(folder), folder / "out.stance"
    lines = (FIXTURES / "paragraphs.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "in.csv").write_text("".join(lines[: 24 if name == "train" else 80]), encoding="utf-8")
    if name == "train":
        import sklearn.linear_model  # which no child has to do, nor the other imports

        from stance import learning

        learning.N_FOLDS = 2
        assert sklearn
        return lambda: train(folder), folder / "out.stance"
    shutil.copy(FIXTURES / "models" / "format-2.stance", folder / "model")
    if ending == "parquet":
        import pandas as pd  # which pyarrow imports

        import_arrow()
        assert pd
        assert ended(forked(lambda: to_parquet(folder))) == 0
    options = ["--resume"] if name == "resume" else []
    return lambda: score(folder, ending, *options), folder / f"out.{ending}"


def forked(work: Callable[[], int | None], told: str = os.devnull) -> int:
    """Begin work in a child, which writes what it tells to a file, and give its number."""
    threads = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
    threads = [name for name in threads if name != "jemalloc_bg_thd"]  # pyarrow's, which a child does without
    assert len(threads) == 1, f"a child would be forked from a process with threads: {threads}"
    child = os.fork()
    if child == 0:
        code = 1
        try:
            for stream, name in ((1, os.devnull), (2, told)):
                os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
            code = work() or 0
        except KeyboardInterrupt:
            code = BEFORE
        finally:
            os._exit(code)
    return child


def ended(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def strays(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if name.endswith(files.ENDING)]


def ended_at_random(
    work: Callable[[], int | None], target: Path, number: signal.Signals, rounds: int
) -> tuple[int, int]:
    """End the work after random parts of its usual time; give how many rounds left the old file, and the new one.

    What is usual follows the machine, which may be busy: it is more after a round that left the old file, else less.
    """
    times = []
    target.write_bytes(OLD)
    for _ in range(4):
        start = time.monotonic()
        assert ended(forked(work)) == 0
        times.append(time.monotonic() - start)
    new, usual = target.read_bytes(), min(times)
    left = sorted(os.listdir(target.parent))
    generator = random.Random(0)
    found = {OLD: 0, new: 0}
    told = target.parent / "told"
    n_inside = 0
    for _ in range(rounds):
        target.write_bytes(OLD)
        child = forked(work, str(told))
        time.sleep(generator.uniform(0, 1.5) * usual)
        os.kill(child, number)
        code = ended(child)
        content = target.read_bytes()
        found[content] += 1  # nothing else
        usual *= 1.1 if content == OLD else 1 / 1.1
        assert len(strays(target.parent)) <= 1  # which the next writer removes: Ctrl-C may come just when it was made
        if number != signal.SIGKILL and code not in (BEFORE, -signal.SIGINT):
            lines = [line for line in told.read_text().splitlines(True) if "warning: " not in line]
            assert (code, "".join(lines)) in INTERRUPTED, (code, lines)
            n_inside += code == 130
    told.unlink()
    assert n_inside > 0 or number == signal.SIGKILL
    assert ended(forked(work)) == 0
    assert target.read_bytes() == new
    assert sorted(os.listdir(target.parent)) == left
    return found[OLD], found[new]


def killed_at_every_line(work: Callable[[], int | None], target: Path, source: str) -> tuple[int, int]:
    """Kill the work before the first line of what keeps files whole, then before the second, and so on to the last."""

    def stop_at(number: int) -> None:
        met: Counter[int] = Counter()
        lines = itertools.count()

        def trace(frame: FrameType, event: str, _: object) -> object:
            if frame.f_code.co_filename != source:
                return None
            met[frame.f_lineno] += event == "line"
            if event == "line" and met[frame.f_lineno] <= 2 and next(lines) == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return trace

        sys.settrace(trace)
        work()

    assert ended(forked(work)) == 0
    new = target.read_bytes()
    left = sorted(os.listdir(target.parent))
    found = {OLD: 0, new: 0}
    for number in itertools.count():
        target.write_bytes(OLD)
        code = ended(forked(lambda number=number: stop_at(number)))
        found[target.read_bytes()] += 1
        assert len(strays(target.parent)) <= 1
        if code == 0:
            return found[OLD], found[new]
        assert code == -signal.SIGKILL
        assert ended(forked(work)) == 0
        assert target.read_bytes() == new
        assert sorted(os.listdir(target.parent)) == left
    raise AssertionError("never ended")


if __name__ == "__main__":
    how, kind, place = sys.argv[1:]
    work, target = prepare(kind, Path(place))
    if how == "random":
        print(*ended_at_random(work, target, signal.SIGKILL, 200))
    elif how == "interrupt":
        print(*ended_at_random(work, target, signal.SIGINT, 50))
    else:
        source = outputs if kind.startswith("resume") else files
        print(*killed_at_every_line(work, target, str(source.__file__)))

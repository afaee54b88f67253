"""Scoring the rows of a text file: blocks of lines in, lines with answers out, in threads or in processes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from types import TracebackType
from typing import Any

from stance.columns import Columns, plain
from stance.errors import ModelFileError, TableError, place
from stance.lines import BadRow, Layout, Lines, OpenRowError, Row, rows_of
from stance.model import Model
from stance.outputs import Batch
from stance.parallel import in_order
from stance.processes import Processes, shared
from stance.storage import read
from stance.table import is_missing
from stance.writer import TextFormat

__all__ = ["Answered", "Task", "Workers", "answered", "loaded"]

FEW = 32
"""So many blocks are done before it pays to start processes."""


@dataclass(frozen=True)
class Task:
    """How to answer the blocks of a file.

    Attributes
    ----------
    layout : Layout
        How it is to be read.
    text : str
        The column with the texts.
    keep_bad : bool
        Whether rows that cannot be read are kept; otherwise the first is an error.
    output : TextFormat or None
        How the rows are written; as they are, where it is None.
    """

    layout: Layout
    text: str
    keep_bad: bool
    output: TextFormat | None


@dataclass(frozen=True, eq=False)
class Answered:
    """A block with its answers, what the user should know of it, and the error that ended it, if any."""

    batch: Batch
    notes: list[str]
    error: TableError | None


def answered(block: Lines, task: Task, columns: Columns | None = None, more: bool = True) -> Answered | None:
    """Answer a block of lines.

    Parameters
    ----------
    block : Lines
    task : Task
    columns : Columns, optional
        By default those that the processes share.
    more : bool
        Whether other lines may follow.

    Returns
    -------
    Answered or None
        None where the block ends inside a row.
    """
    columns = columns or shared()
    rows: list[Row] = []
    bad: list[BadRow] = []
    error = None
    notes: list[str] = []
    try:
        for row in rows_of(block, task.layout, bad.append if task.keep_bad else None, more):
            rows.append(row)
    except OpenRowError:
        return None
    except TableError as complaint:
        error = complaint
    texts = [_text(row, task, notes) for row in rows]
    answers = columns.answers(texts)
    for row, values in zip(rows, zip(*map(plain, answers.values()), strict=True), strict=True):
        row.values.update(zip(answers, values, strict=True))
    out = [row.values for row in rows]
    written = None
    try:
        written = out if task.output is None else task.output.encoded(out)
    except TableError as complaint:
        error = complaint
    return Answered(Batch(written, len(rows), block.number + len(list(block.lines)), bad), notes, error)


def _text(row: Row, task: Task, notes: list[str]) -> str | None:
    """Give the text of a row, None where it is missing; what is no text counts as missing, with a note."""
    value = row.values.get(task.text)
    if isinstance(value, str):
        return value
    if not is_missing(value):
        where = place(task.layout.path, row.line, task.text)
        notes.append(f"warning: {where}expected a text, but got {type(value).__name__}: it counts as missing")
    return None


class Workers:
    """Threads for the first blocks of all files, processes for the others: only then does it pay to start them.

    Rows that are not yet written as text, being meant for Parquet, stay in threads: to send them would take as long.
    So do all where the model was not loaded from a file: each process loads it from there.

    Parameters
    ----------
    columns : Columns
        What is added to the rows.
    """

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._n_few = FEW
        self._files = ExitStack()
        self._processes: Processes | None = None

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._files.__exit__(kind, error, at)

    def answered(self, blocks: Iterator[Lines], task: Task) -> Iterator[Answered]:
        """Answer the blocks of a file, in order.

        Raises
        ------
        StanceError
            A process was ended from outside.
        """
        taken: deque[Lines] = deque()
        answers = self._answers(_noted(blocks, taken), task)
        for answer in answers:
            block = taken.popleft()
            n_more, more = 1, True
            while answer is None:  # a row goes on in the next block: its own answer is of no use
                following = []
                for _ in islice(answers, n_more):
                    following.append(taken.popleft())
                more = len(following) == n_more
                block = _joined([block, *following])
                n_more *= 2
                answer = answered(block, task, self._columns, more)
            yield answer

    def _answers(self, blocks: Iterator[Lines], task: Task) -> Iterator[Answered | None]:
        here = partial(answered, task=task, columns=self._columns)
        path = self._columns.model.path
        if task.output is None or path is None:
            yield from in_order(here, blocks)
            return
        yield from in_order(here, self._few(blocks))
        first = next(blocks, None)
        if first is None:
            return
        if self._processes is None:
            self._processes = self._files.enter_context(Processes(self._again(path)))
        yield from in_order(partial(answered, task=task), chain([first], blocks), pool=self._processes)

    def _again(self, path: str) -> Callable[[], Columns]:
        columns = self._columns
        return partial(loaded, path, columns.model.digest, columns.probabilities, columns.schemes, columns.prefix)

    def _few(self, blocks: Iterator[Lines]) -> Iterator[Lines]:
        while self._n_few and (block := next(blocks, None)) is not None:
            self._n_few -= 1
            yield block


def loaded(path: str, digest: str, *options: Any) -> Columns:
    """Make, in another process, the columns of a model that was loaded from a file."""
    model = Model(read(path))
    if model.digest != digest:
        raise ModelFileError(path, "it is not the file that it was when this began")
    return Columns(model, *options)


def _noted(blocks: Iterator[Lines], taken: deque[Lines]) -> Iterator[Lines]:
    for block in blocks:
        taken.append(block)
        yield block


def _joined(blocks: list[Lines]) -> Lines:
    wrong = {number: what for block in blocks for number, what in block.wrong.items()}
    return Lines(blocks[0].number, [line for block in blocks for line in block.lines], wrong)

"""From the lines of a CSV or JSONL file to its rows, with the line in every complaint."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from stance.errors import TableError, place, shorten

__all__ = ["BadRow", "Layout", "Lines", "Numbered", "OpenRowError", "Row", "csv_error", "csv_reader", "rows_of"]

LONGEST_ROW = 1 << 26
"""In characters: a quote that is not closed for so long spoils its own line alone."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table: its line, counted from 1 (in Parquet its row, counted from 1), and its values by column."""

    line: int
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that could not be read: the line where it begins, what is wrong with it, and what stands there."""

    line: int
    error: str
    row: str


@dataclass(frozen=True, slots=True)
class Layout:
    """How the lines of a file make rows: its kind, "csv" or "jsonl", and of CSV the columns and the delimiter."""

    path: str
    kind: str
    columns: list[str]
    delimiter: str = ","


@dataclass(slots=True)
class Lines:
    """Some lines of a file.

    Attributes
    ----------
    number : int
        That of the first.
    lines : iterable of str
    wrong : mapping of int to str
        What is wrong with lines that could not be decoded, by their numbers.
    """

    number: int
    lines: Iterable[str]
    wrong: Mapping[int, str] = field(default_factory=dict)


class OpenRowError(Exception):
    """The lines end inside a row."""


def rows_of(lines: Lines, layout: Layout, bad: Callable[[BadRow], None] | None, more: bool = False) -> Iterator[Row]:
    """Give the rows that some lines make.

    Parameters
    ----------
    lines : Lines
    layout : Layout
    bad : callable or None
        Takes each `BadRow`, and the reading goes on after it; without it the first raises `TableError`.
    more : bool
        Whether these may not be the last lines of the file: then `OpenRowError` is raised where they end inside a row.
    """
    rows = _csv_rows(lines, layout, more) if layout.kind == "csv" else _jsonl_rows(lines, layout)
    for row in rows:
        if isinstance(row, Row):
            yield row
            continue
        complaint, number, text = row
        if bad is None:
            raise complaint
        bad(BadRow(number, str(complaint).removeprefix(place(layout.path, number)), text))


Complaint = tuple[TableError, int, str]
"""What is wrong with a row, the line where it begins, and what stands there."""


class Numbered:
    """The lines of a file for a CSV reader, which can be given back."""

    def __init__(self, lines: Lines) -> None:
        self._lines = iter(lines.lines)
        self._back: list[str] = []
        self._length = 0
        self.number = lines.number
        self.taken: list[str] = []
        self.ended = False

    def __iter__(self) -> Numbered:
        return self

    def __next__(self) -> str:
        line = self._back.pop() if self._back else next(self._lines, None)
        self.ended = line is None
        if line is None:
            raise StopIteration
        self.taken.append(line)
        self._length += len(line)
        if self._length > LONGEST_ROW and len(self.taken) > 1:
            raise csv.Error(f"a row of more than {LONGEST_ROW:,} characters")
        return line

    def begin(self) -> None:
        """Begin a row."""
        self.number += len(self.taken)
        self.taken = []
        self._length = 0

    def back_but_one(self) -> None:
        """Give back the lines of this row but the first."""
        self._back += reversed(self.taken[1:])
        del self.taken[1:]


def _csv_rows(lines: Lines, layout: Layout, more: bool) -> Iterator[Row | Complaint]:
    numbered, columns = Numbered(lines), layout.columns
    reader = csv_reader(numbered, layout.delimiter)
    while True:
        numbered.begin()
        complaint: TableError | None
        try:
            fields = next(reader, None)
        except csv.Error as error:
            if numbered.ended and more:
                raise OpenRowError from None
            complaint = csv_error(error, layout.path, numbered.number)
            numbered.back_but_one()  # one line is spoilt, the next may be sound
        else:
            if fields is None:
                return
            if not fields:
                continue
            complaint = _wrong_fields(fields, layout, numbered, lines.wrong)
            if complaint is None:
                yield Row(numbered.number, dict(zip(columns, fields, strict=True)))
                continue
        yield complaint, numbered.number, "".join(numbered.taken)


def _wrong_fields(fields: list[str], layout: Layout, numbered: Numbered, wrong: Mapping[int, str]) -> TableError | None:
    """Say what is wrong with a row that was read, if anything."""
    if wrong:
        for number in range(numbered.number, numbered.number + len(numbered.taken)):
            if number in wrong:
                return TableError(wrong[number], layout.path, numbered.number)
    if len(fields) != len(layout.columns):
        return TableError(
            f"expected {len(layout.columns)} fields as in the header, but got {len(fields)}: put a field that "
            f"holds {layout.delimiter!r} or a line end in double quotes",
            layout.path,
            numbered.number,
        )
    return None


def csv_reader(lines: Iterable[str], delimiter: str) -> Any:
    """Give a reader of `csv` that takes fields of any length and no quote where none may be."""
    csv.field_size_limit(2**31 - 1)  # the most that every platform takes
    return csv.reader(lines, delimiter=delimiter, strict=True)


def csv_error(error: csv.Error, path: str, line: int) -> TableError:
    """Say what is wrong with a row that the reader could not take apart."""
    cause = f"{error}. Double the quotes inside a quoted field, and close every quoted field"
    if "new-line character" in str(error):  # which speaks to who opened the file, not to who wrote it
        cause = "a carriage return outside quotes. Put the field in double quotes, or end the lines with line feeds"
    return TableError(f"not proper CSV in the row that begins here: {cause}", path, line)


def _jsonl_rows(lines: Lines, layout: Layout) -> Iterator[Row | Complaint]:
    for number, line in enumerate(lines.lines, lines.number):
        if not line.strip():
            continue
        try:
            if number in lines.wrong:
                raise TableError(lines.wrong[number], layout.path, number)
            values = json.loads(line)
            if not isinstance(values, dict):
                got = shorten(line.strip())
                message = f'expected a JSON object such as {{"text": "…"}}, but got {got}'
                raise TableError(message, layout.path, number)
        except json.JSONDecodeError as error:
            message = f"not proper JSON: {error.msg} at character {error.colno}"
            yield TableError(message, layout.path, number), number, line
        except TableError as error:
            yield error, number, line
        except (ValueError, RecursionError) as error:  # too many digits, too many brackets
            yield TableError(f"not proper JSON: {error}", layout.path, number), number, line
        else:
            yield Row(number, values)

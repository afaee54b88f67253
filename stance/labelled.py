"""Labelled rows: read from files or a frame, checked, ordered, and turned into targets."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import islice, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stance.errors import TableError, did_you_mean, place, shorten
from stance.table import SEPARATOR, Table, is_missing, missing_column, repeated_column

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Labelled", "Source", "Targets", "read_frame", "split_labels", "text_of"]

Source: TypeAlias = "str | Path | Sequence[str | Path] | pd.DataFrame"

_Cells: TypeAlias = tuple[Sequence[int], dict[str, list[object]]]
"""The line of each row, and the cells of each column."""

DIGESTED = 1_000
"""Rows that are hashed together."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """Labelled rows.

    Attributes
    ----------
    texts : list of str
    topics : list of tuple of str, or None
        The topics of each row, sorted; None where the table has no such column.
    tones : list of (str or None), or None
        The tone of each row, None where a row has none; None where the table has no such column.
    groups : list of str, or None
        The document of each row, empty where a row has none; None where the table has no such column.
    places : list of (str or None, int)
        The file and line of each row; for a frame None and the row counted from 0.
    columns : mapping of str to str
        The table's own names of the columns "text", "topics", "tone" and "group", as far as it has them.
    """

    texts: list[str] = field(default_factory=list)
    topics: list[tuple[str, ...]] | None = None
    tones: list[str | None] | None = None
    groups: list[str] | None = None
    places: list[tuple[str | None, int]] = field(default_factory=list)
    columns: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.texts)

    def where(self, row: int, role: str | None = None) -> str:
        """Say where a row, or its text, topics or tone, stands: ``file:line: column 'name': ``."""
        path, line = self.places[row]
        return place(path, line, None if role is None else self.columns.get(role, role))

    def take(self, rows: Sequence[int]) -> Labelled:
        """Give some of the rows, in the order of `rows`."""
        return Labelled(
            [self.texts[row] for row in rows],
            None if self.topics is None else [self.topics[row] for row in rows],
            None if self.tones is None else [self.tones[row] for row in rows],
            None if self.groups is None else [self.groups[row] for row in rows],
            [self.places[row] for row in rows],
            self.columns,
        )

    def ordered(self) -> Labelled:
        """Give the rows sorted by what they hold, so that their order in the table does not count."""

        def rest(row: int) -> tuple[Any, ...]:
            return (
                self.topics[row] if self.topics is not None else (),
                (self.tones[row] or "") if self.tones is not None else "",
                self.groups[row] if self.groups is not None else "",
            )

        rows: Iterable[int] = range(len(self))
        if len(set(self.texts)) < len(self):
            rows = sorted(rows, key=rest)
        return self.take(sorted(rows, key=self.texts.__getitem__))

    def documents(self) -> list[str]:
        """Give what each row must share a fold with: its group, or its text but for case and white space."""
        texts = [" ".join(text.lower().split()) for text in self.texts]
        return texts if self.groups is None else [group or text for group, text in zip(self.groups, texts, strict=True)]

    def digest(self) -> str:
        """Give the SHA-256 of the rows' texts and labels, in their order."""
        digest = hashlib.sha256()
        rows = zip(self.texts, self.topics or repeat(None), self.tones or repeat(None), strict=False)
        while some := list(islice(rows, DIGESTED)):  # which is faster than row by row
            digest.update(json.dumps(some).encode("ascii") + b"\n")
        return digest.hexdigest()

    @classmethod
    def read(
        cls,
        data: Source,
        text: str = "text",
        topics: str | None = "topics",
        tone: str | None = "tone",
        group: str | None = "group",
        encoding: str | None = None,
    ) -> Labelled:
        """Read labelled rows.

        Parameters
        ----------
        data : path, sequence of paths, or pandas.DataFrame
        text, topics, tone, group : str
            The columns. One of the two label columns may be absent; so may `group`. None leaves a column out.
        encoding : str, optional
            The encoding of text files.

        Returns
        -------
        Labelled
            One row a row of the table, in order; a row without text has the text ``""``.

        Raises
        ------
        TableError
            A file cannot be read, a column is missing, or a value is of the wrong kind.
        """
        names = {"text": text, "topics": topics, "tone": tone, "group": group}
        with contextlib.ExitStack() as files:
            parts = [_opened(one, encoding, files) for one in _sources(data)]
            available = [name for _, columns, _ in parts for name in columns]
            for path, columns, _ in parts:
                _check_columns(names, columns, path)
            used = {role: name for role, name in names.items() if name is not None and name in available}
            read: dict[str, list[Any]] = {role: [] for role in used}
            places: list[tuple[str | None, int]] = []
            for path, _, cells_of in parts:
                lines, cells = cells_of(used)
                first = len(places)
                places.extend((path, line) for line in lines)
                # Column by column is faster than row by row.
                for role, column in read.items():
                    try:
                        for cell in cells[role]:
                            column.append(_VALUE[role](cell))
                    except TypeError as error:
                        raise TableError(str(error), path, places[first + len(column)][1], used[role]) from None
        return cls(read["text"], read.get("topics"), read.get("tone"), read.get("group"), places, used)


@dataclass(frozen=True, eq=False)
class Targets:
    """What the heads are to learn, or what they are judged by.

    Attributes
    ----------
    topics : ndarray of bool, shape (n_rows, n_topics)
    tones : ndarray of int64, shape (n_rows,)
        The place of each row's tone among the tones, -1 where it has none.
    n_tones : int
        How many tones there are.
    """

    topics: NDArray[np.bool_]
    tones: NDArray[np.int64]
    n_tones: int

    @classmethod
    def of(cls, labelled: Labelled, topics: Sequence[str], tones: Sequence[str]) -> tuple[Targets, dict[str, int]]:
        """Give the labels of some rows as arrays.

        Parameters
        ----------
        labelled : Labelled
        topics, tones : sequence of str
            The labels that count.

        Returns
        -------
        targets : Targets
        others : dict of str to int
            The labels of the rows that are not among these, each with the first row that has it.
        """
        topic_place = {name: column for column, name in enumerate(topics)}
        tone_place = {name: column for column, name in enumerate(tones)}
        topic_table = np.zeros((len(labelled), len(topics)), dtype=bool)
        tone_column = np.full(len(labelled), -1, dtype=np.int64)
        others: dict[str, int] = {}
        for row, names in enumerate(labelled.topics or () if topics else ()):
            for name in names:
                if name in topic_place:
                    topic_table[row, topic_place[name]] = True
                else:
                    others.setdefault(name, row)
        for row, tone in enumerate(labelled.tones or () if tones else ()):
            if tone in tone_place:
                tone_column[row] = tone_place[tone]
            elif tone is not None:
                others.setdefault(tone, row)
        return cls(topic_table, tone_column, len(tones)), others

    @property
    def max_topics(self) -> int:
        """The most topics that a row has."""
        return int(self.topics.sum(axis=1).max(initial=0))

    def take(self, rows: NDArray[np.int64]) -> Targets:
        """Give some of the rows."""
        return Targets(self.topics[rows], self.tones[rows], self.n_tones)


def read_frame(data: Source, encoding: str | None = None) -> pd.DataFrame:
    """Give the rows of tables with all their columns; of text files every cell is text.

    Parameters
    ----------
    data : path, sequence of paths, or pandas.DataFrame
        A frame is given back as it is.
    encoding : str, optional
        The encoding of text files.

    Raises
    ------
    TableError
        A file cannot be read.
    """
    import pandas as pd

    sources = _sources(data)
    if not isinstance(sources[0], str | Path):
        frame: pd.DataFrame = sources[0]
        return frame
    rows: list[Mapping[str, Any]] = []
    columns: dict[str, None] = {}
    for source in sources:
        with Table(source, encoding) as table:
            columns.update(dict.fromkeys(table.columns))
            rows += [row.values for row in table]
    return pd.DataFrame(rows, columns=list(columns), dtype=object)


def split_labels(value: object) -> tuple[str, ...]:
    """Give the labels of one cell, sorted, each once.

    Parameters
    ----------
    value : str, int, sequence of str, or a missing value
        Labels with a vertical bar between, or a sequence of labels.

    Examples
    --------
    >>> split_labels("trade| energy |")
    ('energy', 'trade')
    >>> split_labels(None)
    ()
    """
    if isinstance(value, str):
        return _split_cell(value)
    has_parts = hasattr(value, "__iter__") and not isinstance(value, bytes | Mapping)
    return _names_of(value if has_parts else [value])  # type: ignore[arg-type]


@lru_cache(maxsize=10_000)
def _split_cell(cell: str) -> tuple[str, ...]:
    """Give the labels of a cell with text; the same few cells come again and again."""
    return _names_of(cell.split(SEPARATOR))


def _names_of(parts: Iterable[object]) -> tuple[str, ...]:
    return tuple(sorted({name for name in map(_name_of, parts) if name}))


def _sources(data: object) -> list[Any]:
    if isinstance(data, str | Path):
        return [data]
    if hasattr(data, "columns") and hasattr(data, "iloc"):
        return [data]
    if isinstance(data, Sequence) and data and all(isinstance(one, str | Path) for one in data):
        return list(data)
    raise TypeError(f"expected a path, a list of paths or a pandas DataFrame, but got {type(data).__name__}")


def _opened(
    source: Any, encoding: str | None, files: contextlib.ExitStack
) -> tuple[str | None, list[str], Callable[[Mapping[str, str]], _Cells]]:
    """Give a source's path, its columns, and what reads the cells of those that are used."""
    if isinstance(source, str | Path):
        table = files.enter_context(Table(source, encoding))
        return table.path, table.columns, partial(_cells_of_table, table)
    columns = [str(name) for name in source.columns]
    return None, columns, partial(_cells_of_frame, source, columns)


def _cells_of_table(table: Table, used: Mapping[str, str]) -> _Cells:
    lines: list[int] = []
    cells: dict[str, list[object]] = {role: [] for role in used}
    for row in table:
        lines.append(row.line)
        for role, name in used.items():
            cells[role].append(row.values.get(name))
    return lines, cells


def _cells_of_frame(frame: pd.DataFrame, columns: list[str], used: Mapping[str, str]) -> _Cells:
    cells = {role: frame.iloc[:, columns.index(name)].tolist() for role, name in used.items()}
    return range(len(frame)), cells


def _check_columns(names: Mapping[str, str | None], columns: Sequence[str], path: str | None) -> None:
    """Raise unless the text column, a label column and every column named other than by default are there, once."""
    for role, name in names.items():
        if name is not None and columns.count(name) > 1:
            raise repeated_column(name, path)
        if name is not None and name not in columns and (role == "text" or name != role):
            raise missing_column(name, role, columns, path)
    wanted = [name for role, name in names.items() if role in ("topics", "tone") and name is not None]
    if not any(name in columns for name in wanted):
        raise TableError(
            f"expected a label column, {' or '.join(map(repr, wanted)) or 'but both are None'}"
            f"{did_you_mean(wanted[0] if wanted else '', columns)}. Name them with topics= and tone=",
            path,
        )


def text_of(value: object) -> str:
    """Give the text of a cell, "" where it is missing, or raise TypeError."""
    if isinstance(value, str):
        return value
    if is_missing(value):
        return ""
    raise TypeError(f"expected a text of type str, but got {type(value).__name__}: {shorten(repr(value))}")


def _name_of(value: object) -> str:
    """Give a label's name; numbers are names too, and a missing value is an empty one."""
    if isinstance(value, str):
        return value.strip()
    if is_missing(value):
        return ""
    if hasattr(value, "__index__"):
        return str(int(value))
    if isinstance(value, float) and value.is_integer():  # whole numbers in a column with missing values
        return str(int(value))
    raise TypeError(f"expected a label, but got {type(value).__name__}: {shorten(repr(value))}")


def _group_of(value: object) -> str:
    return "" if is_missing(value) else str(value)


_VALUE: dict[str, Callable[[Any], object]] = {
    "text": text_of,
    "topics": split_labels,
    "tone": lambda value: _name_of(value) or None,
    "group": _group_of,
}
"""What a cell of each column is turned into."""

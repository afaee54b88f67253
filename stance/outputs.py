"""Where scored files go: each appears whole; what is done can be kept, so that stopped work is continued."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain, count, islice
from pathlib import Path
from types import TracebackType
from typing import Any

from stance.errors import TableError
from stance.files import replacing
from stance.formats import STANDARD, import_arrow, table_format
from stance.lines import BadRow
from stance.table import Table
from stance.writer import RowWriter

__all__ = ["Batch", "KeptOutputs", "Outputs"]

ERROR_COLUMNS = ("file", "line", "error", "row")
JOB = "job.json"


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows that have been scored, in a form that `RowWriter` takes.

    Attributes
    ----------
    rows
    n_rows : int
    end : int
        Where the next batch begins: the number of its first line, or row.
    bad : list of BadRow
        Rows among them that could not be read.
    """

    rows: Any
    n_rows: int
    end: int
    bad: list[BadRow] = field(default_factory=list)


class Outputs:
    """Writes each file in one go; one that is not finished does not appear.

    Parameters
    ----------
    pairs : sequence of (str, str)
        The files that are read and written.
    errors : str or None
        The CSV file for rows that could not be read.

    Attributes
    ----------
    n_bad : int
        How many rows that file holds, when all is done.
    """

    def __init__(self, pairs: Sequence[tuple[str, str]], errors: str | None) -> None:
        self.pairs = pairs
        self.n_bad = 0
        self._errors = None if errors is None else RowWriter(errors, ERROR_COLUMNS)
        self._files = ExitStack()

    def __enter__(self) -> Outputs:
        if self._errors is not None:
            self._files.enter_context(self._errors)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._files.__exit__(kind, error, at)

    def has(self, number: int) -> bool:
        """Say whether a file has been finished."""
        return False

    def begin(self, number: int) -> int:
        """Give where to go on with a file: the `end` of its last batch that has been written, or 0."""
        return 0

    def write(self, number: int, batches: Iterator[Batch], writer: Callable[..., RowWriter], per_part: int) -> None:
        """Write what is left of a file.

        Parameters
        ----------
        number : int
            Which of the pairs.
        batches : iterator of Batch
            What comes after the parts that have been finished.
        writer : callable
            Gives a writer for a path, and whether to write a header.
        per_part : int
            Batches of a part.
        """
        with writer(self.pairs[number][1]) as file:
            for batch in batches:
                file.write(batch.rows)
                self.write_bad(number, batch.bad)

    def write_bad(self, number: int, bad: Sequence[BadRow]) -> None:
        """Write down rows that could not be read."""
        if self._errors is not None:
            self._errors.write([_error(self.pairs[number][0], row) for row in bad])
            self.n_bad += len(bad)


class KeptOutputs(Outputs):
    """Writes each file in parts, which are kept until all are done, and joins them.

    Beside the output stands a folder ``OUT.partial`` with the parts, their errors, and what the job is. A part is a
    file that appears whole, so whatever moment the work is stopped at, the parts say where to go on.

    Parameters
    ----------
    pairs, errors
        As for `Outputs`.
    output : str
        The file or folder that was asked for.
    facts : dict
        What the answers depend on.
    """

    def __init__(
        self, pairs: Sequence[tuple[str, str]], output: str, errors: str | None, facts: dict[str, object]
    ) -> None:
        if STANDARD in (pairs[0][0], output):
            raise TableError("expected files as IN and OUT: what has been piped cannot be continued", STANDARD)
        super().__init__(pairs, errors)
        self._folder = Path(f"{output.rstrip('/')}.partial")
        self._facts = json.loads(json.dumps({**facts, "files": [[*pair, *_state(pair[0])] for pair in pairs]}))

    def __enter__(self) -> Outputs:
        job = self._folder / JOB
        if not job.exists():
            if self._folder.exists() and any(not path.name.startswith(".") for path in self._folder.iterdir()):
                raise TableError("expected no such folder, or one of a stopped job: rename it", self._folder)
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise TableError(f"cannot be written: {error.strerror}", self._folder) from None
            with replacing(job) as file:
                file.write(json.dumps(self._facts, indent=1).encode())
        elif json.loads(job.read_bytes()) != self._facts:
            raise TableError(
                "what stands here is of other files, another model or other options: delete the folder to begin anew",
                self._folder,
            )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is not None:
            if not any(path.name[0].isdigit() for path in self._folder.iterdir()):
                self._remove()  # nothing has been done
            return
        if self._errors is not None:
            with self._errors:
                for file in sorted(self._folder.glob("*.errors.csv")):
                    with Table(file) as table:
                        rows = [row.values for row in table]
                    self._errors.write(rows)
                    self.n_bad += len(rows)
        self._remove()

    def _remove(self) -> None:
        """Remove the folder, and last what says whose it is: stopped halfway, the same job can begin anew."""
        for path in sorted(self._folder.iterdir(), key=lambda path: path.name == JOB):
            path.unlink()
        self._folder.rmdir()

    def has(self, number: int) -> bool:
        """Say whether a file has been finished."""
        return self._path(number, "done").exists()

    def begin(self, number: int) -> int:
        """Give where to go on with a file."""
        n_parts = self._n_parts(number)
        return int(self._end(number, n_parts - 1).read_text()) if n_parts else 0

    def write(self, number: int, batches: Iterator[Batch], writer: Callable[..., RowWriter], per_part: int) -> None:
        """Write what is left of a file, part by part, and join all parts."""
        part = self._n_parts(number)
        while (first := next(batches, None)) is not None or part == 0:
            bad: list[BadRow] = []
            end = 0
            with writer(str(self._part(number, part)), header=part == 0) as file:
                for batch in chain([first] if first is not None else [], islice(batches, per_part - 1)):
                    file.write(batch.rows)
                    bad += batch.bad
                    end = batch.end
                # Before the part, which says that all three are there.
                self._write_bad(number, f"{part:06}", bad)
                self._end(number, part).write_text(str(end))
            part += 1
        self._join(number)

    def write_bad(self, number: int, bad: Sequence[BadRow]) -> None:
        """Write down that a file could not be read."""
        self._write_bad(number, "file", bad)
        self._path(number, "done").touch()

    def _write_bad(self, number: int, part: str, bad: Sequence[BadRow]) -> None:
        with RowWriter(self._path(number, f"{part}.errors.csv"), ERROR_COLUMNS) as file:
            file.write([_error(self.pairs[number][0], row) for row in bad])

    def _join(self, number: int) -> None:
        out = self.pairs[number][1]
        parts = [self._part(number, part) for part in range(self._n_parts(number))]
        joined = self._path(number, "joined")
        try:
            with replacing(joined) as file:
                if table_format(out) == "parquet":
                    _join_parquet(parts, file)
                else:
                    for part in parts:
                        with part.open("rb") as source:
                            shutil.copyfileobj(source, file, 1 << 20)
            joined.replace(out)
        except OSError as error:
            raise TableError(f"cannot be written: {error.strerror}", out) from None
        self._path(number, "done").touch()
        for part in parts:
            part.unlink()

    def _n_parts(self, number: int) -> int:
        return next(part for part in count() if not self._part(number, part).exists())

    def _end(self, number: int, part: int) -> Path:
        return self._path(number, f"{part:06}.end")

    def _part(self, number: int, part: int) -> Path:
        # Named as the output is, so that its format and compression are the same.
        return self._path(number, f"{part:06}.{Path(self.pairs[number][1]).name}")

    def _path(self, number: int, name: str) -> Path:
        return self._folder / f"{number:06}.{name}"


def _state(path: str) -> tuple[int, int]:
    """Give what tells whether a file has changed: its size and when it was written."""
    try:
        facts = Path(path).stat()
    except OSError as error:
        raise TableError(f"cannot be opened: {error.strerror}", path) from None
    return facts.st_size, facts.st_mtime_ns


def _error(path: str, bad: BadRow) -> dict[str, Any]:
    values = (path, bad.line or "", bad.error, bad.row)
    return dict(zip(ERROR_COLUMNS, values, strict=True))


def _join_parquet(parts: Sequence[Path], file: Any) -> None:
    """Write the row groups of Parquet files to one."""
    parquet = import_arrow().parquet
    with parquet.ParquetFile(parts[0]) as first:
        schema = first.schema_arrow
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        for part in parts:
            with parquet.ParquetFile(part) as source:
                for group in range(source.num_row_groups):
                    writer.write_table(source.read_row_group(group))

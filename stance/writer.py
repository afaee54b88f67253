"""Tables out: CSV, JSONL and Parquet files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import csv
import gzip
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any

from stance.errors import TableError, listed
from stance.files import replacing
from stance.formats import STANDARD, import_arrow, is_gzip, is_tsv, is_zstd, table_format
from stance.terminal import plain

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["RowWriter", "TextFormat"]


GROUP_ROWS = 1 << 15
"""The rows of a row group that is written from record batches."""


class _LineFeeds:
    r"""Ends with ``\n`` the rows that `csv.writer` ends with ``\r\n``, so that it quotes both (Python < 3.13)."""

    def __init__(self) -> None:
        self.rows: list[str] = []

    def write(self, row: str) -> None:
        self.rows.append(row.removesuffix("\r\n") + "\n")


@dataclass(frozen=True)
class TextFormat:
    """How rows become the lines of a CSV or JSONL file.

    Attributes
    ----------
    path : str
        The file, for messages and to tell CSV from TSV.
    kind : str
        "csv" or "jsonl".
    columns : sequence of str
        The columns of a CSV file, in order.
    """

    path: str
    kind: str
    columns: Sequence[str]

    def header(self) -> bytes:
        """Give the names of the columns of a CSV file."""
        return self._csv([self.columns]) if self.kind == "csv" else b""

    def encoded(self, rows: Sequence[Mapping[str, Any]]) -> bytes:
        """Give the lines for some rows, all with the same keys as `columns` (a JSONL row may lack some)."""
        if self.kind == "jsonl":
            return _encoded(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows)
        check_keys(rows, self.columns, self.path)
        return self._csv([row.get(name) for name in self.columns] for row in rows)

    def _csv(self, rows: Iterable[Sequence[Any]]) -> bytes:
        lines = _LineFeeds()
        csv.writer(lines, delimiter="\t" if is_tsv(self.path) else ",").writerows(rows)
        return _encoded(lines.rows)


def _encoded(lines: Iterable[str]) -> bytes:
    return "".join(lines).encode("utf-8", "backslashreplace")


def check_keys(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], path: str) -> None:
    """Raise `TableError` for a row with keys that are no columns."""
    known = set(columns)
    for row in rows:
        if not row.keys() <= known:
            extra = listed(sorted(row.keys() - known))
            raise TableError(f"a row has keys that the first row has not: {extra}. Write JSONL instead", path)


def _standard_output() -> Any:
    return _Screen(sys.stdout.buffer) if sys.stdout.isatty() else sys.stdout.buffer


class _LeftOpen:
    """A file that others cannot close."""

    closed = False

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        return self._file.write(data)

    def close(self) -> None:
        pass


class _Screen:
    """A terminal, to which nothing is written that would steer it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        return self._file.write(plain(data.decode("utf-8")).encode("utf-8"))


class RowWriter:
    """Writes rows to a CSV, JSONL or Parquet file that appears, whole, when the block ends without an error.

    Parameters
    ----------
    path : str or Path
        The file, its format told by its name; ``-`` is standard output, written as it goes; where that is a terminal,
        without control characters.
    columns : sequence of str
        The columns of a CSV or Parquet file, in order.
    kind : str, optional
        The format for standard output: "csv" or "jsonl".
    schema : pyarrow.Schema, optional
        The types of a Parquet file's columns, or of some; those of the others are found from the first rows.
    header : bool
        Whether a CSV file begins with the names of the columns.
    """

    def __init__(
        self,
        path: str | Path,
        columns: Sequence[str],
        kind: str = "csv",
        schema: pa.Schema | None = None,
        header: bool = True,
    ) -> None:
        self._header = header
        self.path = str(path)
        self.columns = list(columns)
        self.kind = kind if self.path == STANDARD else table_format(path)
        self._schema = schema
        self._files = contextlib.ExitStack()
        self._parquet: Any = None
        self._is_typed = False
        self._gathered: list[pa.RecordBatch] = []
        self._writing: Future[None] | None = None

    def __enter__(self) -> RowWriter:
        if self.kind == "parquet":
            import_arrow()
        if self.path != STANDARD and Path(self.path).is_dir():
            raise TableError("cannot be written: it is a folder", self.path)
        try:
            file = _standard_output() if self.path == STANDARD else self._files.enter_context(replacing(self.path))
        except OSError as error:
            raise TableError(f"cannot be written: {error.strerror}", self.path) from None
        if is_gzip(self.path):
            file = self._files.enter_context(gzip.GzipFile(fileobj=file, mode="wb", mtime=0))
        if is_zstd(self.path):
            pa = import_arrow("writing zstd files")
            file = self._files.enter_context(pa.CompressedOutputStream(_LeftOpen(file), "zstd"))
        self._file = file
        if self.kind == "parquet":
            self._behind = ThreadPoolExecutor(1)
            self._files.push(self._end_parquet)
        else:
            self._format = TextFormat(self.path, self.kind, self.columns)
            if self._header:
                self._file.write(self._format.header())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._files.__exit__(kind, error, at)

    def _end_parquet(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if error is None and (self._gathered or self._parquet is None):
            self._flush()
        self._behind.shutdown()
        if error is None:
            self._end_writing()
        if self._parquet is not None:
            self._parquet.close()

    def write(self, rows: list[dict[str, Any]] | bytes | pa.RecordBatch) -> None:
        """Write some rows, all with the same keys as `columns` (a JSONL row may lack some).

        Parameters
        ----------
        rows : list of dict, bytes or pyarrow.RecordBatch
            Bytes are what `TextFormat` gives. A record batch goes into Parquet alone, and has the writer's schema.
        """
        if isinstance(rows, bytes):
            self._file.write(rows)
        elif isinstance(rows, list) and self.kind != "parquet":
            self._file.write(self._format.encoded(rows))
        else:
            self._write_batch(self._batch(rows) if isinstance(rows, list) else rows)

    def _write_batch(self, batch: pa.RecordBatch) -> None:
        """Gather batches up to a row group that is worth its overhead, and write it while others are gathered."""
        self._gathered.append(batch)
        if sum(map(len, self._gathered)) >= GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        pa = import_arrow()
        if not self._gathered:
            self._gathered.append(self._batch([]))  # an empty table is a file too
        if self._parquet is None:
            self._parquet = pa.parquet.ParquetWriter(self._file, self._schema, compression="zstd")
        self._end_writing()
        table = pa.Table.from_batches(self._gathered, self._schema)
        self._writing = self._behind.submit(self._parquet.write_table, table)
        self._gathered = []

    def _end_writing(self) -> None:
        if self._writing is not None:
            self._writing.result()
            self._writing = None

    def _batch(self, rows: Sequence[Mapping[str, Any]]) -> pa.RecordBatch:
        pa = import_arrow()
        check_keys(rows, self.columns, self.path)
        try:
            columns = {name: [row.get(name) for row in rows] for name in self.columns}
            if not self._is_typed:
                self._schema = self._full_schema(pa, columns)
                self._is_typed = True
            return pa.RecordBatch.from_pydict(columns, schema=self._schema)
        except (pa.ArrowException, OverflowError, UnicodeError) as error:
            message = f"a column does not fit into Parquet, write JSONL instead: {error}"
            raise TableError(message, self.path) from None

    def _full_schema(self, pa: Any, columns: dict[str, list[Any]]) -> Any:
        """Give every column a type: the one it was given, or else that of its first values; text if all are missing."""
        types = {} if self._schema is None else dict(zip(self._schema.names, self._schema.types, strict=True))
        for name, values in columns.items():
            if name not in types:
                found = pa.array(values).type
                types[name] = pa.string() if pa.types.is_null(found) else found
        return pa.schema([(name, types[name]) for name in self.columns])

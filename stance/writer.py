"""Tables out: CSV, JSONL and Parquet files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any

from stance.errors import TableError, listed
from stance.files import replacing
from stance.table import STANDARD, import_arrow, is_gzip, is_tsv, is_zstd, table_format

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["RowWriter"]


GROUP_ROWS = 1 << 15
"""The rows of a row group that is written from record batches."""


class _LineFeeds:
    r"""Ends with ``\n`` the rows that `csv.writer` ends with ``\r\n``, so that it quotes both (Python < 3.13)."""

    def __init__(self, text: IO[str]) -> None:
        self._text = text

    def write(self, row: str) -> None:
        self._text.write(row.removesuffix("\r\n") + "\n")


class _LeftOpen:
    """A file that others cannot close."""

    closed = False

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        return self._file.write(data)

    def close(self) -> None:
        pass


class RowWriter:
    """Writes rows to a CSV, JSONL or Parquet file that appears, whole, when the block ends without an error.

    Parameters
    ----------
    path : str or Path
        The file, its format told by its name; ``-`` is standard output, written as it goes.
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
        self._known = set(columns)
        self.kind = kind if self.path == STANDARD else table_format(path)
        self._schema = schema
        self._files = contextlib.ExitStack()
        self._parquet: Any = None
        self._gathered: list[pa.RecordBatch] = []
        self._writing: Future[None] | None = None

    def __enter__(self) -> RowWriter:
        if self.kind == "parquet":
            import_arrow()
        if self.path != STANDARD and Path(self.path).is_dir():
            raise TableError("cannot be written: it is a folder", self.path)
        try:
            file = sys.stdout.buffer if self.path == STANDARD else self._files.enter_context(replacing(self.path))
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
            self._text = io.TextIOWrapper(file, encoding="utf-8", errors="backslashreplace", newline="")
            self._files.callback(self._text.detach)
            delimiter = "\t" if is_tsv(self.path) else ","
            self._csv = csv.writer(_LineFeeds(self._text), delimiter=delimiter)
            if self.kind == "csv" and self._header:
                self._csv.writerow(self.columns)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._files.__exit__(kind, error, at)

    def _end_parquet(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if error is None and self._gathered:
            self._flush()
        self._behind.shutdown()
        if error is None:
            self._end_writing()
        if error is None and self._parquet is None:
            self.write([])  # an empty table is a file too
        if self._parquet is not None:
            self._parquet.close()

    def write(self, rows: Sequence[Mapping[str, Any]] | pa.RecordBatch) -> None:
        """Write some rows, all with the same keys as `columns` (a JSONL row may lack some).

        Parameters
        ----------
        rows : sequence of mapping, or pyarrow.RecordBatch
            A record batch goes into Parquet alone, and has the writer's schema.
        """
        if self.kind == "parquet" and not isinstance(rows, Sequence):
            self._write_batch(rows)
            return
        if self.kind == "jsonl":
            self._text.writelines(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows)
            return
        for row in rows:
            if not row.keys() <= self._known:
                extra = listed(sorted(row.keys() - self._known))
                message = f"a row has keys that the first row has not: {extra}. Write JSONL instead"
                raise TableError(message, self.path)
        if self.kind == "csv":
            self._csv.writerows([row.get(name) for name in self.columns] for row in rows)
        else:
            self._write_parquet(rows)

    def _write_batch(self, batch: pa.RecordBatch) -> None:
        """Gather batches up to a row group that is worth its overhead, and write it while others are gathered."""
        self._gathered.append(batch)
        if sum(map(len, self._gathered)) >= GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        pa = import_arrow()
        if self._parquet is None:
            self._parquet = pa.parquet.ParquetWriter(self._file, self._schema)
        self._end_writing()
        table = pa.Table.from_batches(self._gathered, self._schema)
        self._writing = self._behind.submit(self._parquet.write_table, table)
        self._gathered = []

    def _end_writing(self) -> None:
        if self._writing is not None:
            self._writing.result()
            self._writing = None

    def _write_parquet(self, rows: Sequence[Mapping[str, Any]]) -> None:
        pa = import_arrow()
        try:
            columns = {name: [row.get(name) for row in rows] for name in self.columns}
            if self._parquet is None:
                self._schema = self._full_schema(pa, columns)
            table = pa.Table.from_pydict(columns, schema=self._schema)
        except (pa.ArrowException, OverflowError, UnicodeError) as error:
            message = f"a column does not fit into Parquet, write JSONL instead: {error}"
            raise TableError(message, self.path) from None
        if self._parquet is None:
            self._parquet = pa.parquet.ParquetWriter(self._file, table.schema)
        if rows:
            self._parquet.write_table(table)

    def _full_schema(self, pa: Any, columns: dict[str, list[Any]]) -> Any:
        """Give every column a type: the one it was given, or else that of its first values; text if all are missing."""
        types = {} if self._schema is None else dict(zip(self._schema.names, self._schema.types, strict=True))
        for name, values in columns.items():
            if name not in types:
                found = pa.array(values).type
                types[name] = pa.string() if pa.types.is_null(found) else found
        return pa.schema([(name, types[name]) for name in self.columns])

"""Tables in: CSV, JSONL and Parquet files, row by row, with the line in every complaint."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import itertools
import os
import re
import sys
import weakref
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any

from stance.errors import TableError, did_you_mean, shorten
from stance.formats import STANDARD, import_arrow, is_gzip, is_tsv, is_zstd, table_format
from stance.lines import BadRow, Layout, Lines, Numbered, Row, csv_error, csv_reader, rows_of

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = [
    "SEPARATOR",
    "Table",
    "is_missing",
    "missing_column",
    "repeated_column",
    "rows_of_batch",
    "text_series",
    "unknown_encoding",
]

SEPARATOR = "|"
"""What stands between the topics of one row."""
DELIMITERS = ",;\t|"
BOMS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
BATCH = 4096
PAGE = 1 << 20
BLOCK, MOST_BLOCKS = 1 << 20, 4
"""The characters of a block of lines, and how many times as large one may be whose last row seems not to end."""


class Table:
    """A file of rows, read one after the other.

    Parameters
    ----------
    path : str or Path
        A CSV, TSV, JSONL or Parquet file, the first three also compressed by gzip or zstd, told by its name; ``-`` is
        standard input.
    encoding : str, optional
        The encoding of a text file; by default UTF-8, or UTF-16 where the file begins with its mark.
    delimiter : str, optional
        What stands between the fields of a CSV file; by default that of ``, ; | tab`` which its header has most of.
    tolerant : bool
        Whether lines that cannot be decoded are given all the same, marked as wrong; by default the first raises
        `TableError`.

    Attributes
    ----------
    kind : str
        "csv", "jsonl" or "parquet".
    columns : list of str
        The names of the columns; of a JSONL file, the keys of its first row.
    schema : pyarrow.Schema or None
        The types of the columns of a Parquet file.
    layout : Layout
        Of a text file.

    Raises
    ------
    TableError
        There is no such file, it is empty, or its header cannot be used; while iterating: a row cannot be read.
    """

    def __init__(
        self,
        path: str | Path,
        encoding: str | None = None,
        delimiter: str | None = None,
        tolerant: bool = False,
    ) -> None:
        self.path = str(path)
        self._encoding = encoding
        self._delimiter = delimiter
        self._tolerant = tolerant
        self._raw: IO[bytes] | None = None
        self._parquet: Any = None
        self._n_read = 0
        self._wrong: dict[int, str] = {}  # what is wrong with lines that could not be decoded
        self._lines: Lines
        self._files = contextlib.ExitStack()
        weakref.finalize(self, self._files.close)  # a table that is dropped half read closes its file
        self.schema: pa.Schema | None = None
        self.columns: list[str]
        self.layout: Layout
        self.kind = table_format(path)
        try:
            if self.kind == "parquet":
                self._open_parquet()
            else:
                self._open_text()
        except BaseException:
            self._files.close()
            raise

    def __enter__(self) -> Table:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._files.close()

    def __iter__(self) -> Iterator[Row]:
        return rows_of(self._lines, self.layout, None) if self._parquet is None else self._parquet_rows()

    def share_read(self) -> float | None:
        """Give the share of a file that has been read; None where it cannot be told."""
        if self._parquet is not None:
            return self._n_read / self._parquet.metadata.num_rows if self._n_read else None
        if self._raw is None:
            return None
        size = os.fstat(self._raw.fileno()).st_size
        return self._raw.tell() / size if size else None

    def require(self, column: str, option: str) -> None:
        """Raise `TableError` unless there is such a column.

        Parameters
        ----------
        column : str
            Its name.
        option : str
            The parameter that names it, for the message.
        """
        if column not in self.columns:
            raise missing_column(column, option, self.columns, self.path)

    def _open_parquet(self) -> None:
        parquet = import_arrow().parquet
        self._open_binary()  # a file that is not there is told as for the other formats
        try:
            # Page by page, so that a row group need not fit into memory.
            options = {"buffer_size": PAGE, "pre_buffer": False}
            self._parquet = self._files.enter_context(parquet.ParquetFile(self.path, **options))
        except Exception as error:  # pyarrow raises OSError, ArrowInvalid and more for one broken file
            raise TableError(f"cannot be read as Parquet: {shorten(str(error), 200)}", self.path) from None
        self.schema = self._parquet.schema_arrow
        self.columns = list(self.schema.names)
        self._check_names(None)

    def _parquet_rows(self) -> Iterator[Row]:
        number = 0
        for batch in self.record_batches(BATCH):
            for values in rows_of_batch(batch, number, self.path):
                number += 1
                yield Row(number, values)

    def record_batches(self, size: int, begin: int = 0) -> Iterator[pa.RecordBatch]:
        """Give the rows of a Parquet file as columns, some rows at a time.

        Parameters
        ----------
        size : int
            The most rows of a batch.
        begin : int
            How many rows to leave out.
        """
        assert self._parquet is not None
        try:
            for batch in self._parquet.iter_batches(size, use_threads=False):
                self._n_read += len(batch)
                if self._n_read > begin:
                    yield batch.slice(max(len(batch) - self._n_read + begin, 0))
        except Exception as error:  # pyarrow raises OSError, ArrowInvalid and more
            message = f"cannot be read as Parquet after row {self._n_read}: {shorten(str(error), 200)}"
            raise TableError(message, self.path) from None

    def blocks(self, n_lines: int, begin: int) -> Iterator[Lines]:
        """Give the lines of a text file, some at a time; a row seldom stands in two blocks.

        Parameters
        ----------
        n_lines : int
            So many make a block; less where they are long, more where a quote is open at its end.
        begin : int
            The number of the line to begin with, if it is not the first after the header.
        """
        number, source = self._lines.number, iter(self._lines.lines)
        for _ in itertools.islice(source, max(begin - number, 0)):
            number += 1
        lines: list[str] = []
        size, is_open = 0, False
        failure = None
        try:
            for line in source:
                lines.append(line)
                size += len(line)
                is_open ^= self.kind == "csv" and bool(line.count('"') % 2)
                fullness = max(len(lines) / n_lines, size / BLOCK)
                if fullness >= (MOST_BLOCKS if is_open else 1):
                    yield self._block(number, lines)
                    number += len(lines)
                    lines, size, is_open = [], 0, False
        except TableError as error:  # what stands before comes first
            failure = error
        if lines:
            yield self._block(number, lines)
        if failure is not None:
            raise failure

    def _block(self, number: int, lines: list[str]) -> Lines:
        numbers = range(number, number + len(lines)) if self._wrong else ()
        return Lines(number, lines, {line: self._wrong.pop(line) for line in numbers if line in self._wrong})

    def _check_names(self, line: int | None) -> None:
        if len(set(self.columns)) < len(self.columns):
            twice = next(name for name in self.columns if self.columns.count(name) > 1)
            raise repeated_column(twice, self.path, line)

    def _open_text(self) -> None:
        lines = self._decoded_lines(self._open_binary())
        if self.kind == STANDARD:
            first = next(lines, "")
            self.kind = "jsonl" if first.lstrip().startswith("{") else "csv"
            lines = itertools.chain([first] if first else [], lines)
        if self.kind == "jsonl":
            self._open_jsonl(lines)
        else:
            self._open_csv(lines)

    def _open_binary(self) -> IO[bytes]:
        if self.path == STANDARD:
            return sys.stdin.buffer
        try:
            raw = self._files.enter_context(Path(self.path).open("rb"))  # noqa: SIM115
        except OSError as error:
            raise TableError(f"cannot be opened: {error.strerror}", self.path) from None
        except ValueError as error:  # a null character, or half of one
            raise TableError(f"cannot be opened: no file has such a name: {error}", self.path) from None
        self._raw = raw
        if is_gzip(self.path):
            return self._files.enter_context(io.BufferedReader(gzip.GzipFile(fileobj=raw)))
        if is_zstd(self.path):
            unpacked = import_arrow("reading zstd files").CompressedInputStream(raw, "zstd")
            return self._files.enter_context(io.BufferedReader(unpacked))
        return raw

    def _decoded_lines(self, file: IO[bytes]) -> Iterator[str]:
        """Decode the lines of a file, one by one, so that a complaint has the line and the column."""
        encoding = self._encoding or "utf-8-sig"
        if "\0" in encoding:  # which Python does not look up
            raise unknown_encoding(encoding, self.path)
        try:
            if self._encoding is None and hasattr(file, "peek"):
                encoding = BOMS.get(file.peek(2)[:2], encoding)
            if encoding.lower().replace("_", "-") in ("utf-8", "utf8", "utf-8-sig"):
                for number, line in enumerate(file, 1):
                    yield self._decoded(line, number)
            else:
                text = io.TextIOWrapper(file, encoding=encoding, newline="")
                self._files.callback(text.detach)  # which would close standard input otherwise
                yield from iter(text.readline, "")  # not from `text`, which a dropped generator would close
        except LookupError:
            raise unknown_encoding(encoding, self.path) from None
        except UnicodeError as error:
            raise TableError(f"cannot be read as {encoding}: {error}", self.path) from None
        except (OSError, EOFError, zlib.error) as error:
            raise TableError(f"cannot be read: {error}", self.path) from None

    def _decoded(self, line: bytes, number: int) -> str:
        try:
            return line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            byte = error.start + len(line) - len(error.object)  # the byte order mark is not in `error.object`
            message = (
                f"expected UTF-8, but byte {byte + 1} of the line is 0x{line[byte]:02x}. "
                "Save the file as UTF-8, or name its encoding, such as encoding='cp1252'"
            )
            if not self._tolerant or number == 1:
                raise TableError(message, self.path, number) from None
            self._wrong[number] = message
            return line.decode("utf-8", errors="backslashreplace")

    def _open_csv(self, lines: Iterator[str]) -> None:
        """Read the header of a CSV file; the rows come later."""
        first = next(lines, "")
        if not first.strip():
            raise TableError(
                "expected a header line with the names of the columns, but the line is empty", self.path, 1
            )
        bare = re.sub('"[^"]*"?', "", first)
        delimiter = self._delimiter or max(DELIMITERS, key=bare.count)
        if self._delimiter is None and is_tsv(self.path) and ("\t" in bare or delimiter not in bare):
            delimiter = "\t"
        numbered = Numbered(Lines(1, itertools.chain([first], lines)))
        try:
            self.columns = next(csv_reader(numbered, delimiter))
        except csv.Error as error:
            raise csv_error(error, self.path, 1) from None
        self._check_names(1)
        self.layout = Layout(self.path, self.kind, self.columns, delimiter)
        self._lines = Lines(1 + len(numbered.taken), lines, self._wrong)

    def _open_jsonl(self, lines: Iterator[str]) -> None:
        """Look at the first row of a JSONL file."""
        taken: list[str] = []
        layout = Layout(self.path, self.kind, [])
        read = Lines(1, _noted(lines, taken), self._wrong)
        first = next(rows_of(read, layout, _ignore if self._tolerant else None), None)
        if first is None:
            raise TableError("expected at least one JSON object, but the file is empty", self.path)
        self.columns = list(first.values)
        self.layout = layout
        self._lines = Lines(1, itertools.chain(taken, lines), self._wrong)


def _noted(lines: Iterable[str], taken: list[str]) -> Iterator[str]:
    """Give lines, and note which were taken."""
    for line in lines:
        taken.append(line)
        yield line


def _ignore(bad: BadRow) -> None:
    """Take a bad row that will be met again."""


def rows_of_batch(batch: pa.RecordBatch, begin: int, path: str) -> list[dict[str, Any]]:
    """Give the rows of some columns, or raise `TableError`.

    Parameters
    ----------
    batch : pyarrow.RecordBatch
    begin : int
        How many rows of the file come before.
    path : str
        The file.
    """
    try:
        rows: list[dict[str, Any]] = batch.to_pylist()
    except Exception as error:  # ValueError for a date that Python cannot hold
        message = f"cannot be read as Parquet after row {begin}: {shorten(str(error), 200)}"
        raise TableError(message, path) from None
    return rows


def is_missing(value: object) -> bool:
    """Say whether a cell holds no value: None, NaN, NaT or pandas.NA."""
    if value is None:
        return True
    try:
        return bool(value != value)  # NaN and NaT differ from themselves
    except (TypeError, ValueError):
        return type(value).__name__ == "NAType"


def text_series(values: Sequence[object]) -> pd.Series[Any]:
    """Give texts as a column of pandas: of objects where there is half a character, which Arrow cannot hold."""
    import pandas as pd

    try:
        return pd.Series(values)
    except UnicodeEncodeError:
        return pd.Series(values, dtype=object)


def missing_column(column: str, option: str, columns: Iterable[str], path: str | None = None) -> TableError:
    """Build the error for a column that is not there."""
    return TableError(
        f"expected a column {column!r}{did_you_mean(column, columns)}. Name the right one with {option}=", path
    )


def repeated_column(column: str, path: str | None = None, line: int | None = None) -> TableError:
    """Build the error for a column whose name another column has too."""
    return TableError(f"the column {column!r} stands twice: rename one", path, line)


def unknown_encoding(encoding: str | None, path: str) -> TableError:
    """Build the error for an encoding that Python does not know."""
    return TableError(f"unknown encoding {encoding!r}: use a name such as 'utf-8' or 'cp1252'", path)

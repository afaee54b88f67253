"""Tables in: CSV, JSONL and Parquet files, row by row, with the line in every complaint."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import itertools
import json
import os
import re
import sys
import weakref
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any

from stance.errors import MissingExtraError, TableError, did_you_mean, listed, place, shorten

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "BadRow",
    "Row",
    "Table",
    "import_arrow",
    "is_gzip",
    "is_missing",
    "is_tsv",
    "is_zstd",
    "missing_column",
    "repeated_column",
    "table_format",
    "unknown_encoding",
    "without_compression",
]

SEPARATOR = "|"
"""What stands between the topics of one row."""
STANDARD = "-"
"""The name for standard input or output."""
DELIMITERS = ",;\t|"
LONGEST_ROW = 1 << 26
"""In characters: where rows may be bad, a quote that is not closed for so long spoils its own line alone."""
BOMS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
BATCH = 4096
PAGE = 1 << 20


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
    bad : callable, optional
        Takes each `BadRow` of a text file, and the reading goes on after it; by default the first raises `TableError`.

    Attributes
    ----------
    kind : str
        "csv", "jsonl" or "parquet".
    columns : list of str
        The names of the columns; of a JSONL file, the keys of its first row.
    schema : pyarrow.Schema or None
        The types of the columns of a Parquet file.

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
        bad: Callable[[BadRow], None] | None = None,
    ) -> None:
        self.path = str(path)
        self._encoding = encoding
        self._delimiter = delimiter
        self._bad = bad
        self._raw: IO[bytes] | None = None
        self._parquet: Any = None
        self._n_read = 0
        self._undecoded: dict[int, str] = {}  # what is wrong with lines that bad rows are to be made of
        self._files = contextlib.ExitStack()
        weakref.finalize(self, self._files.close)  # a table that is dropped half read closes its file
        self.schema: pa.Schema | None = None
        self.columns: list[str]
        self._rows: Iterator[Row]
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
        return self._rows

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
        self._rows = self._parquet_rows()

    def _parquet_rows(self) -> Iterator[Row]:
        number = 0
        for batch in self.record_batches(BATCH):
            try:
                rows = batch.to_pylist()
            except Exception as error:  # ValueError for a date that Python cannot hold
                message = f"cannot be read as Parquet after row {number}: {shorten(str(error), 200)}"
                raise TableError(message, self.path) from None
            for values in rows:
                number += 1
                yield Row(number, values)

    def record_batches(self, size: int) -> Iterator[pa.RecordBatch]:
        """Give the rows of a Parquet file as columns, some rows at a time.

        Parameters
        ----------
        size : int
            The most rows of a batch.
        """
        assert self._parquet is not None
        try:
            for batch in self._parquet.iter_batches(size, use_threads=False):
                self._n_read += len(batch)
                yield batch
        except Exception as error:  # as above
            message = f"cannot be read as Parquet after row {self._n_read}: {shorten(str(error), 200)}"
            raise TableError(message, self.path) from None

    def _check_names(self, line: int | None) -> None:
        if len(set(self.columns)) < len(self.columns):
            twice = next(name for name in self.columns if self.columns.count(name) > 1)
            raise repeated_column(twice, self.path, line)

    def _open_text(self) -> None:
        lines = self._lines(self._open_binary())
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
        self._raw = raw
        if is_gzip(self.path):
            return self._files.enter_context(io.BufferedReader(gzip.GzipFile(fileobj=raw)))
        if is_zstd(self.path):
            unpacked = import_arrow("reading zstd files").CompressedInputStream(raw, "zstd")
            return self._files.enter_context(io.BufferedReader(unpacked))
        return raw

    def _lines(self, file: IO[bytes]) -> Iterator[str]:
        """Decode the lines of a file, one by one, so that a complaint has the line and the column."""
        encoding = self._encoding or "utf-8-sig"
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
            if self._bad is None or number == 1:
                raise TableError(message, self.path, number) from None
            self._undecoded[number] = message
            return line.decode("utf-8", errors="backslashreplace")

    def _open_csv(self, lines: Iterator[str]) -> None:
        """Read the header of a CSV file; the rows come later."""
        csv.field_size_limit(2**31 - 1)  # the most that every platform takes
        first = next(lines, "")
        if not first.strip():
            raise TableError(
                "expected a header line with the names of the columns, but the line is empty", self.path, 1
            )
        bare = re.sub('"[^"]*"?', "", first)
        delimiter = self._delimiter or max(DELIMITERS, key=bare.count)
        if self._delimiter is None and is_tsv(self.path) and ("\t" in bare or delimiter not in bare):
            delimiter = "\t"
        numbered = _Numbered(itertools.chain([first], lines))
        reader = csv.reader(numbered, delimiter=delimiter, strict=True)
        try:
            self.columns = next(reader)
        except csv.Error as error:
            raise self._csv_error(error, 1) from None
        self._check_names(1)
        self._rows = self._csv_rows(reader, self.columns, numbered)

    def _csv_rows(self, reader: Any, header: list[str], lines: _Numbered) -> Iterator[Row]:
        """Yield the rows of a CSV file."""
        while True:
            lines.begin()
            complaint: TableError | None
            try:
                fields = next(reader, None)
            except csv.Error as error:
                complaint = self._csv_error(error, lines.number)
                lines.back_but_one()  # one line is spoilt, the next may be sound
            else:
                if fields is None:
                    return
                if not fields:
                    continue
                complaint = self._wrong_fields(fields, header, reader.dialect.delimiter, lines)
                if complaint is None:
                    yield Row(lines.number, dict(zip(header, fields, strict=True)))
                    continue
            self._reject(complaint, lines.number, "".join(lines.taken))

    def _wrong_fields(
        self, fields: list[str], header: list[str], delimiter: str, lines: _Numbered
    ) -> TableError | None:
        """Say what is wrong with a row that was read, if anything."""
        if self._undecoded:
            for number in range(lines.number, lines.number + len(lines.taken)):
                if number in self._undecoded:
                    return TableError(self._undecoded.pop(number), self.path, lines.number)
        if len(fields) != len(header):
            return TableError(
                f"expected {len(header)} fields as in the header, but got {len(fields)}: put a field that "
                f"holds {delimiter!r} or a line end in double quotes",
                self.path,
                lines.number,
            )
        return None

    def _csv_error(self, error: csv.Error, line: int) -> TableError:
        cause = f"{error}. Double the quotes inside a quoted field, and close every quoted field"
        if "new-line character" in str(error):  # which speaks to who opened the file, not to who wrote it
            cause = "a carriage return outside quotes. Put the field in double quotes, or end the lines with line feeds"
        return TableError(f"not proper CSV in the row that begins here: {cause}", self.path, line)

    def _open_jsonl(self, lines: Iterator[str]) -> None:
        """Read the first row of a JSONL file; the others come later."""
        rows = self._jsonl_rows(lines)
        first = next(rows, None)
        if first is None:
            raise TableError("expected at least one JSON object, but the file is empty", self.path)
        self.columns = list(first.values)
        self._rows = itertools.chain([first], rows)

    def _jsonl_rows(self, lines: Iterator[str]) -> Iterator[Row]:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                if number in self._undecoded:
                    raise TableError(self._undecoded.pop(number), self.path, number)
                values = json.loads(line)
                if not isinstance(values, dict):
                    got = shorten(line.strip())
                    message = f'expected a JSON object such as {{"text": "…"}}, but got {got}'
                    raise TableError(message, self.path, number)
            except json.JSONDecodeError as error:
                complaint = TableError(f"not proper JSON: {error.msg} at character {error.colno}", self.path, number)
            except TableError as error:
                complaint = error
            except (ValueError, RecursionError) as error:  # too many digits, too many brackets
                complaint = TableError(f"not proper JSON: {error}", self.path, number)
            else:
                yield Row(number, values)
                continue
            self._reject(complaint, number, line)

    def _reject(self, complaint: TableError, line: int, row: str) -> None:
        """Hand over a bad row, or raise what is wrong with it where nobody takes it."""
        if self._bad is None:
            raise complaint
        self._bad(BadRow(line, str(complaint).removeprefix(place(self.path, line)), row))


class _Numbered:
    """The lines of a file for a CSV reader, which can be given back."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._back: list[str] = []
        self._length = 0
        self.number = 1
        self.taken: list[str] = []

    def __iter__(self) -> _Numbered:
        return self

    def __next__(self) -> str:
        line = self._back.pop() if self._back else next(self._lines)
        self.taken.append(line)
        self._length += len(line)
        if self._length > LONGEST_ROW:
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


def is_missing(value: object) -> bool:
    """Say whether a cell holds no value: None, NaN, NaT or pandas.NA."""
    if value is None:
        return True
    try:
        return bool(value != value)  # NaN and NaT differ from themselves
    except (TypeError, ValueError):
        return type(value).__name__ == "NAType"


def table_format(path: str | Path) -> str:
    """Tell the format of a table from its name: "csv", "jsonl", "parquet", or "-" for standard input and output."""
    name = str(path).lower()
    if name == STANDARD:
        return STANDARD
    endings = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
    bare = without_compression(name)
    kind = endings.get(Path(bare).suffix)
    if kind is None or (kind == "parquet" and bare != name):
        message = f"expected a name that ends with {listed(endings)} (or .gz or .zst after the text formats)"
        raise TableError(message, path)
    return kind


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


def import_arrow(feature: str = "reading and writing Parquet files") -> Any:
    """Import pyarrow with pyarrow.parquet, or raise `MissingExtraError`."""
    try:
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError(feature, "pyarrow", "parquet") from None
    return pyarrow


def is_gzip(path: str) -> bool:
    """Say whether a file is gzipped, by its name."""
    return path.lower().endswith(".gz")


def is_zstd(path: str) -> bool:
    """Say whether a file is compressed by zstd, by its name."""
    return path.lower().endswith(".zst")


def without_compression(path: str) -> str:
    """Give a name without the ending that tells the compression."""
    return path[: -len(Path(path).suffix)] if is_gzip(path) or is_zstd(path) else path


def is_tsv(path: str) -> bool:
    """Say whether a text table has tabs between its fields, by its name."""
    return without_compression(path.lower()).endswith(".tsv")

"""Tables in: CSV, JSONL and Parquet files, row by row, with the line in every complaint."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import itertools
import json
import re
import sys
import weakref
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any

from stance.errors import MissingExtraError, TableError, did_you_mean, listed, shorten

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "Row",
    "Table",
    "import_parquet",
    "is_gzip",
    "is_missing",
    "is_tsv",
    "missing_column",
    "repeated_column",
    "table_format",
    "unknown_encoding",
]

SEPARATOR = "|"
"""What stands between the topics of one row."""
STANDARD = "-"
"""The name for standard input or output."""
DELIMITERS = ",;\t"
BOMS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
BATCH = 4096


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table: its line, counted from 1 (in Parquet its row, counted from 1), and its values by column."""

    line: int
    values: dict[str, Any]


class Table:
    """A file of rows, read one after the other.

    Parameters
    ----------
    path : str or Path
        A CSV, TSV, JSONL or Parquet file, the first three also gzipped, told by its name; ``-`` is standard input.
    encoding : str, optional
        The encoding of a text file; by default UTF-8, or UTF-16 where the file begins with its mark.

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

    def __init__(self, path: str | Path, encoding: str | None = None) -> None:
        self.path = str(path)
        self._encoding = encoding
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
        parquet = import_parquet()
        self._open_binary()  # a file that is not there is told as for the other formats
        try:
            file = self._files.enter_context(parquet.ParquetFile(self.path))
        except Exception as error:  # pyarrow raises OSError, ArrowInvalid and more for one broken file
            raise TableError(f"cannot be read as Parquet: {shorten(str(error), 200)}", self.path) from None
        self.schema = file.schema_arrow
        self.columns = list(file.schema_arrow.names)
        self._check_names(None)
        self._rows = self._parquet_rows(file)

    def _parquet_rows(self, file: Any) -> Iterator[Row]:
        batches = (batch.to_pylist() for batch in file.iter_batches(BATCH))
        number = 0
        try:
            for number, values in enumerate(itertools.chain.from_iterable(batches), 1):
                yield Row(number, values)
        except Exception as error:  # as above, and ValueError for a date that Python cannot hold
            message = f"cannot be read as Parquet after row {number}: {shorten(str(error), 200)}"
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
            return self._files.enter_context(_opened(self.path))
        except OSError as error:
            raise TableError(f"cannot be opened: {error.strerror}", self.path) from None

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
            place = error.start + len(line) - len(error.object)  # the byte order mark is not in `error.object`
            raise TableError(
                f"expected UTF-8, but byte {place + 1} of the line is 0x{line[place]:02x}. "
                "Save the file as UTF-8, or name its encoding, such as encoding='cp1252'",
                self.path,
                number,
            ) from None

    def _open_csv(self, lines: Iterator[str]) -> None:
        """Read the header of a CSV file; the rows come later."""
        csv.field_size_limit(2**31 - 1)  # the most that every platform takes
        first = next(lines, "")
        if not first.strip():
            raise TableError(
                "expected a header line with the names of the columns, but the line is empty", self.path, 1
            )
        bare = re.sub('"[^"]*"?', "", first)
        delimiter = max(DELIMITERS, key=bare.count)
        if is_tsv(self.path) and ("\t" in bare or delimiter not in bare):
            delimiter = "\t"
        reader = csv.reader(itertools.chain([first], lines), delimiter=delimiter, strict=True)
        try:
            self.columns = next(reader)
        except csv.Error as error:
            raise self._csv_error(error, 1) from None
        self._check_names(1)
        self._rows = self._csv_rows(reader, self.columns, reader.line_num + 1)

    def _csv_rows(self, reader: Any, header: list[str], begins: int) -> Iterator[Row]:
        """Yield the rows of a CSV file, of which the first begins at line `begins`."""
        try:
            for fields in reader:
                if fields:
                    if len(fields) != len(header):
                        raise TableError(
                            f"expected {len(header)} fields as in the header, but got {len(fields)}: put a field that "
                            f"holds {reader.dialect.delimiter!r} or a line end in double quotes",
                            self.path,
                            begins,
                        )
                    yield Row(begins, dict(zip(header, fields, strict=True)))
                begins = reader.line_num + 1
        except csv.Error as error:
            raise self._csv_error(error, begins) from None

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
                values = json.loads(line)
            except json.JSONDecodeError as error:
                message = f"not proper JSON: {error.msg} at character {error.colno}"
                raise TableError(message, self.path, number) from None
            except (ValueError, RecursionError) as error:  # too many digits, too many brackets
                raise TableError(f"not proper JSON: {error}", self.path, number) from None
            if not isinstance(values, dict):
                got = shorten(line.strip())
                raise TableError(f'expected a JSON object such as {{"text": "…"}}, but got {got}', self.path, number)
            yield Row(number, values)


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
    kind = endings.get(Path(name.removesuffix(".gz")).suffix)
    if kind is None or (kind == "parquet" and name.endswith(".gz")):
        raise TableError(f"expected a name that ends with {listed(endings)} (or .gz after the text formats)", path)
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


def import_parquet() -> Any:
    """Import pyarrow.parquet, or raise `MissingExtraError`."""
    try:
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError("reading and writing Parquet files", "pyarrow", "parquet") from None
    return pyarrow.parquet


@contextlib.contextmanager
def _opened(path: str) -> Iterator[IO[bytes]]:
    """Open a file for reading, unzipped where its name says that it is gzipped."""
    with Path(path).open("rb") as file:
        if is_gzip(path):
            with gzip.GzipFile(fileobj=file) as zipped, io.BufferedReader(zipped) as unzipped:
                yield unzipped
        else:
            yield file


def is_gzip(path: str) -> bool:
    """Say whether a file is gzipped, by its name."""
    return path.lower().endswith(".gz")


def is_tsv(path: str) -> bool:
    """Say whether a text table has tabs between its fields, by its name."""
    return path.lower().removesuffix(".gz").endswith(".tsv")

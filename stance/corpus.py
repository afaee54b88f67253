"""Scoring files of any size: a batch at a time, one file or many."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from stance.answering import Answered, Task, Workers
from stance.arrow import check_texts, scored, with_answers
from stance.columns import Columns
from stance.errors import TableError, listed
from stance.formats import STANDARD, import_arrow, table_format
from stance.lines import BadRow
from stance.outputs import Batch, KeptOutputs, Outputs
from stance.parallel import in_order
from stance.table import Table, rows_of_batch
from stance.writer import RowWriter, TextFormat

__all__ = ["Job", "score_files", "text_column"]

BLOCK_ROWS, ARROW_ROWS = 1024, 4096
"""Rows of a batch: lines of text, and columns."""
PART_ROWS = 1 << 18
"""So many rows are written to a file of their own where the work may be continued."""
USUAL_NAMES = ("text", "body", "content", "paragraph", "sentence", "article", "message")
"""What a column with texts is called, most of all."""


@dataclass(frozen=True, eq=False)
class Job:
    """How files are to be scored.

    Attributes
    ----------
    columns : Columns
        What is added.
    text : str or None
        The column with the texts; by default ``text``, or else the one column with another usual name.
    encoding, delimiter : str or None
        Of text files; by default they are found.
    errors : str or None
        A CSV file for rows, and of several files those, that cannot be read; without it the first one ends the work.
    resume : bool
        Whether to keep what is done beside the output until all is done, and to go on from there.
    kind : str
        The format of standard output: "csv" or "jsonl".
    tell : callable
        Takes what the user should know.
    """

    columns: Columns
    text: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    errors: str | None = None
    resume: bool = False
    kind: str = "csv"
    tell: Callable[[str], None] = print

    def facts(self) -> dict[str, object]:
        """Give what the answers depend on, so that a stopped job is continued with nothing else."""
        columns = self.columns
        options = {"probabilities": columns.probabilities, "codes": columns.schemes, "prefix": columns.prefix}
        reading = {"text": self.text, "encoding": self.encoding, "delimiter": self.delimiter, "errors": self.errors}
        return {"model": columns.model.digest, **options, **reading}


def score_files(source: str, output: str, job: Job) -> None:
    """Score a table, or the tables that a pattern names or a folder holds.

    Parameters
    ----------
    source : str
        A file, a pattern such as ``news/*.csv``, a folder, or ``-``.
    output : str
        A file or ``-``; for a pattern or a folder a folder, which gets a file of the same name for each.
    job : Job

    Raises
    ------
    TableError
        Something cannot be read or written. What was being written is not there then.
    """
    pairs = _pairs(source, output)
    if job.resume:
        outputs: Outputs = KeptOutputs(pairs, output, job.errors, job.facts())
    else:
        outputs = Outputs(pairs, job.errors)
    with Workers(job.columns) as workers, outputs, _Progress([path for path, _ in pairs]) as progress:
        for number, (_, out) in enumerate(pairs):
            if outputs.has(number):
                continue
            try:
                if out != output:
                    Path(out).parent.mkdir(parents=True, exist_ok=True)
                _score_file(number, outputs, job, workers, partial(progress.advance, number))
            except TableError as error:
                if job.errors is None or len(pairs) == 1:
                    raise
                outputs.write_bad(number, [BadRow(error.line or 0, str(error), "")])
                job.tell(f"warning: {error}")
    if outputs.n_bad:
        job.tell(f"warning: {job.errors} names {outputs.n_bad:,} that could not be read")


def text_column(table: Table, text: str | None, tell: Callable[[str], None]) -> str:
    """Find the column with the texts.

    Parameters
    ----------
    table : Table
    text : str or None
        Its name; by default ``text``, or else the one column with another usual name.
    tell : callable
        Takes what the user should know.

    Raises
    ------
    TableError
        There is none.
    """
    wanted = text or "text"
    if text is None and wanted not in table.columns:
        usual = [name for name in table.columns if name.strip().lower() in USUAL_NAMES]
        if len(usual) == 1:
            tell(f"{table.path}: the texts are taken from the column {usual[0]!r}")
            return usual[0]
    table.require(wanted, "--text")
    return wanted


class _Progress:
    """A bar that tells the time left from the bytes that have been read: nobody knows the number of rows."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._sizes = [Path(path).stat().st_size if Path(path).is_file() else 0 for path in paths]
        self._bar = tqdm(unit="row", disable=None, smoothing=0.05)
        self._n_rows = 0  # a bar that is not shown counts nothing
        self._first: tuple[int, float] | None = None

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def advance(self, number: int, table: Table, rows: int) -> None:
        """Count some rows, of a file that is being read."""
        self._n_rows += rows
        n_bytes = sum(self._sizes[:number]) + self._sizes[number] * (table.share_read() or 0)
        n_rows, begin = self._first or (self._n_rows, n_bytes)  # what was skipped took no time to speak of
        self._first = n_rows, begin
        if n_bytes > begin:
            rate = (self._n_rows - n_rows) / (n_bytes - begin)
            self._bar.total = max(self._n_rows, round(n_rows + rate * (sum(self._sizes) - begin)))
        self._bar.update(rows)


def _pairs(source: str, output: str) -> list[tuple[str, str]]:
    """Pair the files to read with the files to write."""
    folder = Path(source)
    if source == STANDARD or not (folder.is_dir() or (glob.has_magic(source) and not folder.exists())):
        into = output != STANDARD and source != STANDARD and (Path(output).is_dir() or output.endswith("/"))
        if into and Path(output).resolve() == folder.resolve().parent:
            raise TableError("expected another folder as OUT than that of IN", output)
        return [(source, str(Path(output, folder.name)) if into else output)]
    if folder.is_dir():
        found = sorted(folder.rglob("*"))
    else:
        folder = Path(*_fixed(Path(source).parts))
        found = sorted(Path(path) for path in glob.glob(source, recursive=True))
    if output == STANDARD:
        raise TableError("expected a folder as OUT, since IN may be many files", source)
    target = Path(output)
    if target.exists() and (not target.is_dir() or target.resolve() == folder.resolve()):
        raise TableError("expected another folder as OUT, since IN may be many files", output)
    own = {target, Path(f"{target}.partial")}
    inside = [path for path in found if path.is_file() and not own.intersection(path.parents) and _is_table(path)]
    if not inside:
        raise TableError("expected CSV, TSV, JSONL or Parquet files, but there is none", source)
    return [(str(path), str(target / path.relative_to(folder))) for path in inside]


def _fixed(parts: tuple[str, ...]) -> list[str]:
    """Give the folders of a pattern that come before the first one with a wildcard."""
    magic = next(place for place, part in enumerate(parts) if glob.has_magic(part))
    return list(parts[:magic])


def _is_table(path: Path) -> bool:
    """Say whether a file of a folder is a table: hidden ones, and such as ``_SUCCESS``, are not."""
    try:
        return not path.name.startswith((".", "_")) and bool(table_format(path))
    except TableError:
        return False


def _score_file(
    number: int, outputs: Outputs, job: Job, workers: Workers, advance: Callable[[Table, int], None]
) -> None:
    path, out = outputs.pairs[number]
    with Table(path, job.encoding, job.delimiter, job.errors is not None) as table:
        text = text_column(table, job.text, job.tell)
        replaced = [name for name in job.columns.kinds if name in table.columns]
        if replaced:
            job.tell(
                f"warning: {table.path}: the answers replace the columns {listed(replaced)}: keep both with --prefix"
            )
        columns = table.columns + [name for name in job.columns.kinds if name not in table.columns]
        kind = job.kind if out == STANDARD else table_format(out)
        if kind == "parquet" and table.kind == "jsonl" and job.resume:
            message = "the types of its columns are known at its end alone: with --resume write JSONL, not Parquet"
            raise TableError(message, path)
        schema = with_answers(_schema(table), job.columns) if kind == "parquet" else None
        output = None if kind == "parquet" else TextFormat(out, kind, columns)
        begin = outputs.begin(number)
        if table.kind != "parquet":
            task = Task(table.layout, text, job.errors is not None, output)
            per_part = PART_ROWS // BLOCK_ROWS
            batches = _answered_blocks(workers.answered(table.blocks(BLOCK_ROWS, begin), task), job.tell)
        else:
            check_texts(table.schema, text)
            per_part = PART_ROWS // ARROW_ROWS
            batches = _answered_batches(table, text, job.columns, output, begin)
        outputs.write(
            number,
            _counted(batches, partial(advance, table)),
            partial(RowWriter, columns=columns, kind=job.kind, schema=schema),
            per_part,
        )


def _answered_blocks(blocks: Iterator[Answered], tell: Callable[[str], None]) -> Iterator[Batch]:
    """Give what blocks of lines became, and tell what is to be known of it."""
    for block in blocks:
        for note in block.notes:
            tell(note)
        if block.batch.rows is not None:
            yield block.batch
        if block.error is not None:
            raise block.error


def _answered_batches(
    table: Table, text: str, columns: Columns, output: TextFormat | None, begin: int
) -> Iterator[Batch]:
    """Score a Parquet file as columns, from some row on, in threads."""
    batches = table.record_batches(ARROW_ROWS if output is None else BLOCK_ROWS, begin)
    for batch in in_order(partial(scored, text=text, columns=columns), batches):
        rows = batch if output is None else output.encoded(rows_of_batch(batch, begin, table.path))
        begin += len(batch)
        yield Batch(rows, len(batch), begin)


def _counted(batches: Iterator[Batch], advance: Callable[[int], None]) -> Iterator[Batch]:
    """Give batches, and count the rows of each when the next is asked for."""
    for batch in batches:
        yield batch
        advance(batch.n_rows)


def _schema(table: Table) -> Any:
    """Give the types of the input as a Parquet file would have them, as far as they are known."""
    if table.schema is not None:
        return table.schema
    pa = import_arrow()
    return pa.schema([(name, pa.string()) for name in table.columns if table.kind == "csv"])

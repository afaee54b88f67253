"""The command line: ``stance COMMAND``, as ``stance --help`` lists them.

Answers go to standard output, everything else to standard error. The exit code is 0 when all went well, 2 on bad input
or usage (with one line that says what to do), 130 when interrupted and 143 when told to end.
"""

from __future__ import annotations

import argparse
import errno
import io
import os
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import NoReturn, TextIO

import stance
from stance import commands
from stance.commands import tell
from stance.errors import StanceError, StanceWarning
from stance.formats import STANDARD
from stance.memory import is_short, limit

__all__ = ["main"]

SOME = 64
"""MiB: where less is left of a limit, what went wrong is put down to that."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        The arguments after the program's name; by default those of the process.

    Returns
    -------
    int
        The exit code.
    """
    _open_closed_streams()
    options = argparse.Namespace()
    try:
        options = _parser().parse_args(arguments)
        with warnings.catch_warnings():
            warnings.simplefilter("default", StanceWarning)
            warnings.showwarning = _show_warning
            return _run(options)
    except KeyboardInterrupt:
        resumes = getattr(options, "resume", False)
        tell(
            f"interrupted, {'the same command goes on from here' if resumes else 'what was not finished is not there'}"
        )
        return 130


def _open_closed_streams() -> None:
    """Let no file that is opened take the number of a standard stream that is closed; to use that one is an error."""
    if sys.stdin is None:
        sys.stdin = os.fdopen(os.open(os.devnull, os.O_WRONLY))
    if sys.stdout is None:
        # Without a buffer, which would be written once more at exit.
        sys.stdout = io.TextIOWrapper(io.FileIO(os.open(os.devnull, os.O_RDONLY), "w"), write_through=True)
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")


def _run(options: argparse.Namespace) -> int:
    """Run a command, and turn what goes wrong into a line and an exit code."""
    before = signal.signal(signal.SIGTERM, _end)
    # So many threads are of no use here, and OpenBLAS takes room for each.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if isinstance(sys.stdout, io.TextIOWrapper):
        # As tables are: whatever the locale, there is no letter that cannot be written.
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        if is_short(options.room << 20):
            needed = f"{options.room} MiB are needed at least"
            return _complain(f"out of memory: {needed}, and the limit (ulimit -v) leaves less")
        options.run(options)
        sys.stdout.flush()
    except Exception as error:
        if isinstance(error.__context__, KeyboardInterrupt):  # on whose way something else failed too
            raise error.__context__ from None
        return _failed(error)
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


def _failed(error: Exception) -> int:
    """Say in a line what went wrong, and give the exit code."""
    if isinstance(error, BrokenPipeError):
        _drop_output()  # the reader has gone: there is nobody to tell
        return 141
    if isinstance(error, MemoryError):
        return _complain(f"out of memory: {str(error) or 'score a table in parts, or train on fewer rows'}")
    if getattr(error, "errno", None) == errno.ENOMEM:
        return _complain("out of memory: end other programs, or raise the limit (ulimit -v)")
    is_known = isinstance(error, (StanceError, TypeError, ValueError, OSError)) and not isinstance(error, ImportError)
    if not is_known and is_short(SOME << 20):
        return _complain(f"out of memory: the limit (ulimit -v) is {(limit() or 0) >> 20} MiB")
    if isinstance(error, (StanceError, TypeError, ValueError)):
        return _complain(str(error))
    if isinstance(error, OSError):
        try:
            sys.stdout.flush()
        except OSError:
            _drop_output()
        return _complain(f"{error.filename or 'writing'}: {error.strerror}")
    raise error


def _drop_output() -> None:
    """Let nothing that standard output could not take be written to it again at exit, which would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Parser(argparse.ArgumentParser):
    """A parser that complains in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(_complain(f"{message}; see '{self.prog} --help'"))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="stance", description="Topics and tone of paragraphs about international affairs.")
    parser.add_argument("--version", action="version", version=f"stance {stance.__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(run: Callable[[argparse.Namespace], None], room: int) -> argparse.ArgumentParser:
        """Add a command with the name and the description of the function that does it, and the MiB that it takes."""
        text = run.__doc__
        added: argparse.ArgumentParser = subparsers.add_parser(run.__name__, help=text, description=text)
        added.set_defaults(run=run, room=room)
        added.add_argument("--encoding", metavar="NAME", help="the encoding of text files (default: UTF-8)")
        return added

    def with_model(added: argparse.ArgumentParser) -> None:
        added.add_argument("--model", metavar="FILE", help="a model file (default: the one that comes with stance)")

    def with_json(added: argparse.ArgumentParser, text: str = "print JSON") -> None:
        added.add_argument("--json", action="store_true", help=text)

    def with_rows(added: argparse.ArgumentParser, name: str = "data", kind: str = "labelled rows") -> None:
        added.add_argument(name, nargs="+", metavar=name.upper(), help=f"{kind}: CSV, TSV, JSONL or Parquet files")
        added.add_argument("--text", default="text", metavar="COLUMN", help="the texts (default: text)")

    def with_labels(added: argparse.ArgumentParser) -> None:
        with_rows(added)
        added.add_argument("--topics", default="topics", metavar="COLUMN", help="the topics (default: topics)")
        added.add_argument("--tone", default="tone", metavar="COLUMN", help="the tone (default: tone)")

    def with_fits(added: argparse.ArgumentParser) -> None:
        added.add_argument(
            "--group", default="group", metavar="COLUMN", help="the document of each row (default: group)"
        )
        added.add_argument("--random-state", type=int, default=0, metavar="N", help="seed (default: 0)")
        added.add_argument(
            "--jobs", type=int, default=-1, metavar="N", help="heads fitted at a time (default: one a core)"
        )

    def with_output(added: argparse.ArgumentParser) -> None:
        added.add_argument(
            "-o", "--output", default=STANDARD, metavar="FILE", help="the table to write (default: standard output)"
        )
        with_json(added, "write JSONL to standard output (default: CSV)")

    classify = command(commands.classify, 12)
    classify.add_argument("files", nargs="*", metavar="FILE", help="text files (default: standard input)")
    with_model(classify)
    with_json(classify, "print one JSON object a file")

    score = command(commands.score, 200)
    score.add_argument(
        "input",
        metavar="IN",
        help="a CSV, TSV, JSONL or Parquet file, a pattern or a folder of such; - for standard input",
    )
    score.add_argument("output", nargs="?", default=STANDARD, metavar="OUT", help="the same (default: standard output)")
    score.add_argument("--text", metavar="COLUMN", help="the column with the texts (default: text, or of a usual name)")
    score.add_argument("--delimiter", metavar="C", help="what stands between fields of CSV (default: it is found)")
    score.add_argument("--errors", metavar="FILE", help="write rows that cannot be read to this CSV file, and go on")
    score.add_argument("--resume", action="store_true", help="keep what is done beside OUT, and go on from there")
    score.add_argument("--probabilities", action="store_true", help="add a column p_LABEL for each label")
    score.add_argument(
        "--codes", action="append", metavar="SCHEME", help="add a column of codes: cap, iptc, plover, cameo"
    )
    score.add_argument("--prefix", default="", help="what stands before the names of the added columns")
    with_model(score)
    with_json(score, "write JSONL to standard output (default: CSV)")

    train = command(commands.train, 650)
    with_labels(train)
    train.add_argument("-o", "--output", required=True, metavar="FILE", help="the model file to write")
    train.add_argument("--base", metavar="FILE", help="a model file to start from; 'default' for the one of stance")
    with_fits(train)

    evaluate = command(commands.evaluate, 620)
    with_labels(evaluate)
    with_model(evaluate)
    with_json(evaluate)

    audit = command(commands.audit, 1400)
    with_labels(audit)
    with_fits(audit)
    with_output(audit)

    correct = command(commands.correct, 520)
    with_rows(correct)
    correct.add_argument("--findings", required=True, metavar="FILE", help="what 'stance audit' wrote, looked through")
    with_output(correct)

    suggest = command(commands.suggest, 520)
    with_rows(suggest, "pool", "rows without labels")
    suggest.add_argument("-n", type=int, default=100, metavar="N", help="how many rows (default: 100)")
    with_model(suggest)
    with_output(suggest)

    explain = command(commands.explain, 150)
    explain.add_argument("file", nargs="?", default=STANDARD, metavar="FILE", help="a text (default: standard input)")
    explain.add_argument("--label", required=True, help="a topic or a tone")
    explain.add_argument("-k", type=int, default=10, metavar="N", help="how many terms to show (default: 10)")
    with_model(explain)
    with_json(explain)

    inspect = command(commands.inspect, 130)
    inspect.add_argument("model", nargs="?", metavar="MODEL", help="a model file (default: the one of stance)")
    inspect.add_argument("-k", type=int, default=5, metavar="N", help="how many terms of each label (default: 5)")
    with_json(inspect)

    diff = command(commands.diff, 240)
    diff.add_argument("first", metavar="A", help="a model file, or default for the one that comes with stance")
    diff.add_argument("second", metavar="B", help="another")
    diff.add_argument("data", metavar="DATA", help="texts: a CSV, TSV, JSONL or Parquet file, - for standard input")
    diff.add_argument("--text", default="text", metavar="COLUMN", help="the texts (default: text)")
    diff.add_argument("-k", type=int, default=5, metavar="N", help="how many texts to name that differ (default: 5)")
    with_json(diff)

    report = command(commands.report, 510)
    report.add_argument("input", metavar="IN", help="a text file, or a CSV, TSV, JSONL or Parquet file, scored or not")
    report.add_argument("-o", "--output", default=STANDARD, metavar="PAGE", help="HTML (default: standard output)")
    report.add_argument("--evaluate", action="store_true", help="judge the model by the labels of IN")
    report.add_argument("--title", help="the heading (default: the name of IN)")
    report.add_argument("--text", metavar="COLUMN", help="the texts (default: text, or of a usual name)")
    report.add_argument("--date", metavar="COLUMN", help="dates such as 2024-05-17 (default: one of a usual name)")
    report.add_argument("--prefix", help="what stands before the names of the columns with answers")
    report.add_argument("--topics", metavar="COLUMN", help="with --evaluate: the topics (default: topics)")
    report.add_argument("--tone", metavar="COLUMN", help="with --evaluate: the tone (default: tone)")
    with_model(report)
    return parser


def _complain(message: str) -> int:
    tell(message)
    return 2


def _warn(message: object) -> None:
    tell(f"warning: {message}")


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    _warn(message)


def _end(number: int, frame: object) -> NoReturn:
    """End as if an exception had come, so that half-written files are removed."""
    sys.exit(128 + number)

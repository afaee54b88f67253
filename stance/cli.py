"""The command line: ``stance COMMAND``, as ``stance --help`` lists them.

Answers go to standard output, everything else to standard error. The exit code is 0 when all went well, 2 on bad input
or usage (with one line that says what to do), 130 when interrupted and 143 when told to end.
"""

from __future__ import annotations

import argparse
import errno
import io
import json
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

import stance
from stance.errors import StanceError, StanceWarning, TableError
from stance.files import replacing
from stance.formats import STANDARD, table_format
from stance.table import BOMS, SEPARATOR, is_missing, unknown_encoding

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["main"]

ARTICLE_LIMIT = 64 << 20
"""The most bytes that are read as one article."""
BATCH = 1024
DEFAULT = "default"
"""What `--base` calls the model that comes with stance."""


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
    options = _parser().parse_args(arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("default", StanceWarning)
        warnings.showwarning = _show_warning
        return _run(options)


def _run(options: argparse.Namespace) -> int:
    """Run a command, and turn what goes wrong into a line and an exit code."""
    before = signal.signal(signal.SIGTERM, _end)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # As tables are: whatever the locale, there is no letter that cannot be written.
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        options.run(options)
        sys.stdout.flush()
    except (StanceError, TypeError, ValueError) as error:
        return _complain(str(error))
    except BrokenPipeError:
        # The reader has gone: there is nobody to tell, and nothing to flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        return _complain(f"{error.filename or 'writing'}: {error.strerror}")
    except MemoryError:
        return _complain("out of memory: score a table in parts, or train on fewer rows")
    except KeyboardInterrupt:
        resumes = getattr(options, "resume", False)
        _tell(f"interrupted, {'the same command goes on from here' if resumes else 'no file was written'}")
        return 130
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


# Commands ------------------------------------------------------------------------------------------------------------


def _classify(options: argparse.Namespace) -> None:
    from stance.terminal import shown, takes_colour

    model = stance.load(options.model)
    colour = takes_colour(sys.stdout)
    for path in options.files or [STANDARD]:
        document = model.classify_document(_read_text(path, options.encoding))
        if options.json:
            print(json.dumps({"path": path, **document.to_dict()}, ensure_ascii=False))
        else:
            print(f"{path}: " * (len(options.files) > 1) + shown(document, colour))


def _score(options: argparse.Namespace) -> None:
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")  # the others keep more than they need
    from stance.columns import Columns, check_schemes
    from stance.corpus import Job, score_files

    job = Job(
        Columns(stance.load(options.model), options.probabilities, check_schemes(options.codes), options.prefix),
        options.text,
        options.encoding,
        options.delimiter,
        options.errors,
        options.resume,
        "jsonl" if options.json else "csv",
        _tell,
    )
    score_files(options.input, options.output, job)


def _train(options: argparse.Namespace) -> None:
    _check_output(Path(options.output))
    model = stance.train(
        _sources(options.data),
        options.text,
        options.topics,
        options.tone,
        base=None if options.base is None else stance.load(None if options.base == DEFAULT else options.base),
        group=options.group,
        encoding=options.encoding,
        random_state=options.random_state,
        n_jobs=options.jobs,
    )
    model.save(options.output)
    print(f"wrote {options.output} ({Path(options.output).stat().st_size / 1e6:.1f} MB): {model!r}")
    scores = model.card.get("cross_validation") or {}
    before = model.card.get("base", {}).get("on_these_rows", {})
    for head in ("topics", "tone"):
        if scores.get(head):
            beside = f" (the base: {before[head]:.3f})" if head in before else ""
            print(f"{head}, cross-validated: macro-F1 {scores[head]['macro_f1']:.3f}{beside}")


def _check_output(path: Path) -> None:
    """Raise `OSError` now, rather than after the training, for a file that cannot be written."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "cannot be written: it is a folder", str(path))
    if not path.resolve().parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "cannot be written: there is no such folder", str(path))


def _check_table(path: str) -> None:
    """Raise now for a table that cannot be written."""
    if table_format(path) != STANDARD:
        _check_output(Path(path))


def _evaluate(options: argparse.Namespace) -> None:
    report = stance.evaluate(
        stance.load(options.model),
        _sources(options.data),
        options.text,
        options.topics,
        options.tone,
        encoding=options.encoding,
    )
    print(json.dumps(report.to_dict(), ensure_ascii=False) if options.json else report)


def _audit(options: argparse.Namespace) -> None:
    _check_table(options.output)
    findings = stance.audit(
        _sources(options.data),
        options.text,
        options.topics,
        options.tone,
        group=options.group,
        encoding=options.encoding,
        random_state=options.random_state,
        n_jobs=options.jobs,
    )
    _write(findings, options, "findings")


def _correct(options: argparse.Namespace) -> None:
    from stance.labelled import read_frame

    findings = read_frame(options.findings)
    rows = stance.correct(_sources(options.data), findings, options.text, encoding=options.encoding)
    _write(rows, options, f"rows, having looked at {len(findings)} findings")


def _suggest(options: argparse.Namespace) -> None:
    _check_table(options.output)
    model = stance.load(options.model)
    rows = stance.suggest(model, _sources(options.pool), options.n, options.text, encoding=options.encoding)
    _write(rows, options, "rows to label")


def _sources(paths: list[str]) -> str | list[str]:
    return paths if len(paths) > 1 else paths[0]


def _write(frame: pd.DataFrame, options: argparse.Namespace, what: str) -> None:
    """Write a frame to a table, or to standard output."""
    from stance.writer import RowWriter

    columns = [str(name) for name in frame.columns]
    rows = [map(_value, row) for row in frame.astype(object).itertuples(index=False)]
    with RowWriter(options.output, columns, "jsonl" if options.json else "csv") as file:
        file.write([dict(zip(columns, row, strict=True)) for row in rows])
    if options.output != STANDARD:
        print(f"wrote {options.output}: {len(frame)} {what}")


def _value(cell: Any) -> Any:
    """Give a cell as tables have it: None where it is missing, labels with a bar between."""
    if isinstance(cell, list):
        return SEPARATOR.join(map(str, cell))
    return None if is_missing(cell) else cell


def _explain(options: argparse.Namespace) -> None:
    model = stance.load(options.model)
    text = _read_text(options.file, options.encoding)
    terms = model.explain(text, options.label, k=None)
    column = model.labels.index(options.label)
    intercept = float(model.intercept_[column])
    decision = float(model.decision_function([text])[0, column])
    shown = terms[: max(options.k, 0)]
    if options.json:
        answer = {
            "label": options.label,
            "decision_value": decision,
            "intercept": intercept,
            "terms": [term.to_dict() for term in shown],
        }
        print(json.dumps(answer, ensure_ascii=False))
        return
    others = f"{len(terms) - len(shown)} other terms"
    width = max(len(name) for name in [*(term.term for term in shown), others, "decision value"])
    for term in shown:
        print(f"{term.term:<{width}} {term.weight:+8.3f}  {len(term.spans)} x")
    rest = sum(term.weight for term in terms[len(shown) :])
    print(f"{others:<{width}} {rest:+8.3f}")
    print(f"{'intercept':<{width}} {intercept:+8.3f}")
    print(f"{'decision value':<{width}} {decision:+8.3f}")


def _inspect(options: argparse.Namespace) -> None:
    from stance.inspecting import Inspection

    facts = Inspection(stance.load(options.model), max(options.k, 0))
    print(json.dumps(facts.to_dict(), ensure_ascii=False) if options.json else facts)


def _diff(options: argparse.Namespace) -> None:
    from tqdm import tqdm

    from stance.comparing import compare
    from stance.table import Table, is_missing

    first, second = (stance.load(None if name == "default" else name) for name in (options.first, options.second))
    with Table(options.data, options.encoding) as table:
        table.require(options.text, "--text")
        values = (row.values.get(options.text) for row in table)
        texts = ("" if is_missing(value) else str(value) for value in values)
        found = compare(first, second, tqdm(texts, unit="row", disable=None, leave=False), max(options.k, 0))
    print(json.dumps(found.to_dict(), ensure_ascii=False) if options.json else found)


def _report(options: argparse.Namespace) -> None:
    from stance.report import corpus_report, kind_of

    if options.output != STANDARD:
        _check_output(Path(options.output))
    said = {name: getattr(options, name) for name in ("text", "date", "prefix", "topics", "tone")}
    kind = kind_of(options.input, options.evaluate, **said)
    title = options.title or ("Report" if options.input == STANDARD else Path(options.input).name)
    model = partial(stance.load, options.model)
    named = {name: value for name, value in said.items() if value is not None}
    if kind == "article":
        from stance.article_page import article_page

        page = article_page(model(), _read_text(options.input, options.encoding), title)
    elif kind == "evaluation":
        page = stance.evaluate(model(), options.input, **named, encoding=options.encoding).to_html(title)
    else:
        anew = options.model is not None
        page = corpus_report(options.input, title, model, anew, _tell, **named, encoding=options.encoding)
    if options.output == STANDARD:
        print(page)
        return
    with replacing(options.output) as file:
        file.write(page.encode("utf-8"))
    print(f"wrote {options.output} ({len(page.encode('utf-8')) / 1e3:,.0f} kB)")


# Reading -------------------------------------------------------------------------------------------------------------


def _read_text(path: str, encoding: str | None) -> str:
    """Read one article, from a file or standard input."""
    try:
        if path == STANDARD:
            if sys.stdin.isatty():
                _tell("reading standard input, end it with Ctrl-D")
            data = sys.stdin.buffer.read(ARTICLE_LIMIT + 1)
        else:
            with Path(path).open("rb") as file:
                data = file.read(ARTICLE_LIMIT + 1)
    except OSError as error:
        raise TableError(f"cannot be read: {error.strerror}", path) from None
    if len(data) > ARTICLE_LIMIT:
        raise TableError(
            f"longer than {ARTICLE_LIMIT >> 20} MiB, which is too much for one article: put many texts into a table, "
            "one a row, and use 'stance score'",
            path,
        )
    try:
        return data.decode(encoding or BOMS.get(data[:2], "utf-8-sig"))
    except LookupError:
        raise unknown_encoding(encoding, path) from None
    except UnicodeDecodeError as error:
        start = error.start + len(data) - len(error.object)  # the byte order mark is not in `error.object`
        line = data.count(b"\n", 0, start) + 1
        raise TableError(
            f"expected {error.encoding}, but byte {start + 1} of the file is 0x{data[start]:02x}. "
            "Save the file as UTF-8, or name its encoding, such as --encoding cp1252",
            path,
            line,
        ) from None


# Talking -------------------------------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    """A parser that complains in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(_complain(f"{message}; see '{self.prog} --help'"))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="stance", description="Topics and tone of paragraphs about international affairs.")
    parser.add_argument("--version", action="version", version=f"stance {stance.__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        added: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
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

    classify = command("classify", _classify, "Label an article and each of its paragraphs.")
    classify.add_argument("files", nargs="*", metavar="FILE", help="text files (default: standard input)")
    with_model(classify)
    with_json(classify, "print one JSON object a file")

    score = command("score", _score, "Label every row of a table.")
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

    train = command("train", _train, "Train a model on labelled rows.")
    with_labels(train)
    train.add_argument("-o", "--output", required=True, metavar="FILE", help="the model file to write")
    train.add_argument("--base", metavar="FILE", help="a model file to start from; 'default' for the one of stance")
    with_fits(train)

    evaluate = command("evaluate", _evaluate, "Judge a model on labelled rows.")
    with_labels(evaluate)
    with_model(evaluate)
    with_json(evaluate)

    audit = command("audit", _audit, "Find labelled rows whose label is probably wrong.")
    with_labels(audit)
    with_fits(audit)
    with_output(audit)

    correct = command("correct", _correct, "Put the labels that an audit suggested into the rows.")
    with_rows(correct)
    correct.add_argument("--findings", required=True, metavar="FILE", help="what 'stance audit' wrote, looked through")
    with_output(correct)

    suggest = command("suggest", _suggest, "Choose the rows that are most worth labelling next.")
    with_rows(suggest, "pool", "rows without labels")
    suggest.add_argument("-n", type=int, default=100, metavar="N", help="how many rows (default: 100)")
    with_model(suggest)
    with_output(suggest)

    explain = command("explain", _explain, "Say which terms of a text speak for and against a label.")
    explain.add_argument("file", nargs="?", default=STANDARD, metavar="FILE", help="a text (default: standard input)")
    explain.add_argument("--label", required=True, help="a topic or a tone")
    explain.add_argument("-k", type=int, default=10, metavar="N", help="how many terms to show (default: 10)")
    with_model(explain)
    with_json(explain)

    inspect = command("inspect", _inspect, "Say what a model is.")
    inspect.add_argument("model", nargs="?", metavar="MODEL", help="a model file (default: the one of stance)")
    inspect.add_argument("-k", type=int, default=5, metavar="N", help="how many terms of each label (default: 5)")
    with_json(inspect)

    diff = command("diff", _diff, "Say how two models differ on a corpus.")
    diff.add_argument("first", metavar="A", help="a model file, or default for the one that comes with stance")
    diff.add_argument("second", metavar="B", help="another")
    diff.add_argument("data", metavar="DATA", help="texts: a CSV, TSV, JSONL or Parquet file, - for standard input")
    diff.add_argument("--text", default="text", metavar="COLUMN", help="the texts (default: text)")
    diff.add_argument("-k", type=int, default=5, metavar="N", help="how many texts to name that differ (default: 5)")
    with_json(diff)

    report = command("report", _report, "Write a page about an article, a table of texts, or how good a model is.")
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


def _tell(message: str) -> None:
    """Print a message to standard error, on one line."""
    print(f"stance: {' '.join(message.split())}", file=sys.stderr)


def _complain(message: str) -> int:
    _tell(message)
    return 2


def _warn(message: object) -> None:
    _tell(f"warning: {message}")


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

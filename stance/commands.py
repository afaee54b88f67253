"""What each command of the command line does with its options; `stance.cli` says what the options are."""

from __future__ import annotations

import argparse
import errno
import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import stance
from stance.errors import TableError
from stance.files import replacing
from stance.formats import STANDARD, table_format
from stance.table import BOMS, SEPARATOR, Table, is_missing, unknown_encoding
from stance.terminal import one_line, plain, shown, takes_colour
from stance.text import LINE_ENDS

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "audit",
    "classify",
    "correct",
    "diff",
    "evaluate",
    "explain",
    "inspect",
    "report",
    "score",
    "suggest",
    "tell",
    "train",
]

ARTICLE_LIMIT = 64 << 20
"""The most bytes that are read as one article."""
LINE_LIMIT = 1_000_000
"""The most lines of one: each may be a paragraph, whose answer takes about a thousand bytes of memory."""
ESCAPES = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}
"""The control characters that JSON may hold as they are."""
PAGE = 1 << 20
DEFAULT = "default"
"""What the model that comes with stance is called where a file is expected."""


def classify(options: argparse.Namespace) -> None:
    """Label an article and each of its paragraphs."""
    model = stance.load(options.model)
    colour = takes_colour(sys.stdout)
    for path in options.files or [STANDARD]:
        document = model.classify_document(_read_article(path, options.encoding))
        if options.json:
            _print_json({"path": path, **document.to_dict()})
        else:
            print(f"{plain(path)}: " * (len(options.files) > 1) + shown(document, colour))


def score(options: argparse.Namespace) -> None:
    """Label every row of a table."""
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
        tell,
    )
    score_files(options.input, options.output, job)


def train(options: argparse.Namespace) -> None:
    """Train a model on labelled rows."""
    _check_output(Path(options.output))
    model = stance.train(
        _sources(options.data),
        options.text,
        options.topics,
        options.tone,
        base=None if options.base is None else _named(options.base),
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
    if not os.access(path.resolve().parent, os.W_OK):
        raise PermissionError(errno.EACCES, "cannot be written: its folder is read-only", str(path))


def _check_table(path: str) -> None:
    """Raise now for a table that cannot be written."""
    if table_format(path) != STANDARD:
        _check_output(Path(path))


def evaluate(options: argparse.Namespace) -> None:
    """Judge a model on labelled rows."""
    report = stance.evaluate(
        stance.load(options.model),
        _sources(options.data),
        options.text,
        options.topics,
        options.tone,
        encoding=options.encoding,
    )
    _show(report, options.json)


def audit(options: argparse.Namespace) -> None:
    """Find labelled rows whose label is probably wrong."""
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


def correct(options: argparse.Namespace) -> None:
    """Put the labels that an audit suggested into the rows."""
    from stance.labelled import read_frame

    findings = read_frame(options.findings)
    rows = stance.correct(_sources(options.data), findings, options.text, encoding=options.encoding)
    _write(rows, options, f"rows, having looked at {len(findings)} findings")


def suggest(options: argparse.Namespace) -> None:
    """Choose the rows that are most worth labelling next."""
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


def explain(options: argparse.Namespace) -> None:
    """Say which terms of a text speak for and against a label."""
    model = stance.load(options.model)
    text = _read_text(options.file, options.encoding)
    terms = model.explain(text, options.label, k=None)
    column = model.labels.index(options.label)
    intercept = float(model.intercept_[column])
    decision = float(model.decision_function([text])[0, column])
    chosen = terms[: max(options.k, 0)]
    if options.json:
        answer = {
            "label": options.label,
            "decision_value": decision,
            "intercept": intercept,
            "terms": [term.to_dict() for term in chosen],
        }
        _print_json(answer)
        return
    others = f"{len(terms) - len(chosen)} other terms"
    names = [one_line(term.term, 40) for term in chosen]
    width = max(map(len, [*names, others, "decision value"]))
    for name, term in zip(names, chosen, strict=True):
        print(f"{name:<{width}} {term.weight:+8.3f}  {len(term.spans)} x")
    rest = sum(term.weight for term in terms[len(chosen) :])
    print(f"{others:<{width}} {rest:+8.3f}")
    print(f"{'intercept':<{width}} {intercept:+8.3f}")
    print(f"{'decision value':<{width}} {decision:+8.3f}")


def inspect(options: argparse.Namespace) -> None:
    """Say what a model is."""
    from stance.inspecting import Inspection

    facts = Inspection(stance.load(options.model), max(options.k, 0))
    _show(facts, options.json)


def diff(options: argparse.Namespace) -> None:
    """Say how two models differ on a corpus."""
    from tqdm import tqdm

    from stance.comparing import compare

    first, second = _named(options.first), _named(options.second)
    with Table(options.data, options.encoding) as table:
        table.require(options.text, "--text")
        values = (row.values.get(options.text) for row in table)
        texts = ("" if is_missing(value) else str(value) for value in values)
        found = compare(first, second, tqdm(texts, unit="row", disable=None, leave=False), max(options.k, 0))
    _show(found, options.json)


def report(options: argparse.Namespace) -> None:
    """Write a page about an article, a table of texts, or how good a model is."""
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

        page = article_page(model(), _read_article(options.input, options.encoding), title)
    elif kind == "evaluation":
        page = stance.evaluate(model(), options.input, **named, encoding=options.encoding).to_html(title)
    else:
        anew = options.model is not None
        page = corpus_report(options.input, title, model, anew, tell, **named, encoding=options.encoding)
    if options.output == STANDARD:
        print(page)
        return
    written = page.encode("utf-8")
    with replacing(options.output) as file:
        file.write(written)
    print(f"wrote {options.output} ({len(written) / 1e3:,.0f} kB)")


def _named(name: str) -> stance.Model:
    """Load the model of a file, or the one that comes with stance by its name."""
    return stance.load(None if name == DEFAULT else name)


def tell(message: str) -> None:
    """Print a message to standard error, on one line and without control characters."""
    print(f"stance: {plain(' '.join(message.split()))}", file=sys.stderr)


def _show(facts: Any, is_json: bool) -> None:
    """Print what has a form as text and one as JSON."""
    if is_json:
        _print_json(facts.to_dict())
    else:
        print(facts)


def _print_json(value: object) -> None:
    """Print a value as JSON, in which no character is a control character."""
    print(json.dumps(value, ensure_ascii=False).translate(ESCAPES))


def _read_article(path: str, encoding: str | None) -> str:
    """Read an article whose paragraphs are to be answered one by one."""
    text = _read_text(path, encoding)
    n_lines = 1 + sum(map(text.count, LINE_ENDS)) - 2 * text.count("\r\n")
    if n_lines > LINE_LIMIT:
        raise TableError(
            f"expected at most {LINE_LIMIT:,} lines in one article, but got {n_lines:,}: put many texts into a table, "
            "one a row, and use 'stance score'",
            path,
        )
    return text


def _read_some(file: IO[bytes]) -> bytes:
    """Read one byte more than is allowed, at most; `read` alone would take room for so many at once."""
    data = bytearray()
    while len(data) <= ARTICLE_LIMIT and (page := file.read(min(PAGE, ARTICLE_LIMIT + 1 - len(data)))):
        data += page
    return bytes(data)


def _read_text(path: str, encoding: str | None) -> str:
    """Read one text, from a file or standard input."""
    try:
        if path == STANDARD:
            if sys.stdin.isatty():
                tell("reading standard input, end it with Ctrl-D")
            data = _read_some(sys.stdin.buffer)
        else:
            with Path(path).open("rb") as file:
                data = _read_some(file)
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

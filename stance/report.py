"""Reports on files: which kind of page a file gets, and the page of a table of texts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from stance.corpus import text_column
from stance.corpus_page import USUAL_DATES, corpus_page
from stance.errors import TableError
from stance.formats import STANDARD, table_format
from stance.model import Model
from stance.table import Table

__all__ = ["corpus_report", "kind_of"]

ANSWERS = ("topics", "tone", "tone_score")
TAKEN = {"article": (), "corpus": ("text", "date", "prefix"), "evaluation": ("text", "topics", "tone")}
"""What can be said about each kind of report."""


def kind_of(path: str, is_labelled: bool, **options: str | None) -> str:
    """Tell the kind of report that a file gets.

    Parameters
    ----------
    path : str
        A table, by its name, is a corpus; all else is an article.
    is_labelled : bool
        Whether a model is to be judged by the labels of the file.
    **options : str or None
        What was said about the columns.

    Returns
    -------
    str
        "article", "corpus" or "evaluation".

    Raises
    ------
    TableError
        An option does not go with this kind.

    Examples
    --------
    >>> kind_of("talks.txt", False), kind_of("talks.csv", False), kind_of("talks.csv", True)
    ('article', 'corpus', 'evaluation')
    """
    kind = "evaluation" if is_labelled else "corpus" if _is_table(path) else "article"
    for name, value in options.items():
        if value is not None and name not in TAKEN[kind]:
            others = " or ".join(other for other in TAKEN if name in TAKEN[other])
            raise TableError(f"expected no --{name}, which goes with a report of kind {others}, not {kind}", path)
    return kind


def _is_table(path: str) -> bool:
    try:
        return table_format(path) != STANDARD
    except TableError:
        return False


def corpus_report(
    path: str,
    title: str,
    load: Callable[[], Model],
    anew: bool,
    tell: Callable[[str], None],
    *,
    text: str | None = None,
    date: str | None = None,
    prefix: str = "",
    encoding: str | None = None,
) -> str:
    """Make the page of a table of texts, which is scored on the way where it has no answers.

    Parameters
    ----------
    path : str
        A CSV, TSV, JSONL or Parquet file.
    title : str
        The heading of the page.
    load : callable
        Gives the model, if it is needed.
    anew : bool
        Whether the texts are scored even where there are answers.
    tell : callable
        Takes what the user should know.
    text, date, prefix
        As for `corpus_page`; the column with the texts is found, where it has a usual name.
    encoding : str, optional
        The encoding of a text file, by default UTF-8.

    Returns
    -------
    str
        HTML.

    Raises
    ------
    TableError
        The table cannot be read, or lacks a column.
    """
    with Table(path, encoding) as table:
        text = text_column(table, text, tell)
        if date is not None:
            table.require(date, "--date")
        answers = [prefix + name for name in ANSWERS if prefix + name in table.columns]
        if anew or not {prefix + "topics", prefix + "tone"} & set(answers):
            answers = []
        wanted = dict.fromkeys([text, *answers, *([date] if date else USUAL_DATES)])
        cells: dict[str, list[Any]] = {name: [] for name in wanted if name in table.columns}
        lines = []
        for row in table:
            lines.append(row.line)
            for name, column in cells.items():
                column.append(row.values.get(name))
    frame = pd.DataFrame(cells, dtype=object)
    if not answers:
        frame = load().score(frame, text, prefix=prefix)
    numbers = None if table.kind == "parquet" else lines
    try:
        return corpus_page(frame, title, text=text, date=date, prefix=prefix, lines=numbers)
    except TableError as error:
        raise TableError(str(error), path) from None

"""`audit` and `correct`: labelled rows whose label is probably wrong, and the rows with better labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import pandas as pd

from stance.counting import Corpus
from stance.doubts import Doubt, Validated, cell_of, import_judge, near_duplicates, without_ground
from stance.errors import TableError, shorten
from stance.labelled import Labelled, Source, read_frame
from stance.table import is_missing, missing_column, text_series

__all__ = ["Finding", "audit", "correct"]


@dataclass(frozen=True)
class Finding:
    """What is doubtful in a row.

    Attributes
    ----------
    row : int
        The row, counted from 0 over all data.
    file : str or None
        The file that it came from; None for a frame.
    line : int or None
        Its line there.
    text : str
    problem : str
        "wrong label", "near duplicate", "empty" or "unfamiliar".
    column : str
        The column that it is about, by the table's own name.
    given : str
        What stands there, topics with ``|`` between; "" for a text.
    suggested : str
        What should stand there, by the other rows; "" for a text.
    score : float
        How sure that is, from 0 to 1: the probability that the label is wrong, the cosine of the duplicates, how far
        the words are from the usual ones, or 1 for an empty row.
    reason : str
    """

    row: int
    file: str | None
    line: int | None
    text: str
    problem: str
    column: str
    given: str
    suggested: str
    score: float
    reason: str


def audit(
    data: Source,
    text: str = "text",
    topics: str | None = "topics",
    tone: str | None = "tone",
    *,
    group: str | None = "group",
    encoding: str | None = None,
    random_state: int = 0,
    n_jobs: int = -1,
    progress: bool | None = None,
) -> pd.DataFrame:
    """Find labelled rows whose label is probably wrong.

    Parameters
    ----------
    data, text, topics, tone, group, encoding, random_state, n_jobs, progress
        As for `stance.train`. `n_jobs` does not change what is found; the order of the rows does neither.

    Returns
    -------
    DataFrame
        One row a finding, the surest first; its columns are the attributes of `stance.curate.Finding`. A row has at
        most one finding for its topics and one for its tone. Each is to be looked at: many labels that seem wrong are
        right.

    Raises
    ------
    MissingExtraError
        cleanlab is not installed.
    TableError
        The table cannot be read or lacks a column.
    TrainingError
        There are fewer than 10 different texts or groups, or `stance.train` could not learn from the rows.

    Warns
    -----
    StanceWarning
        Labels of so few rows that they are not judged.

    Notes
    -----
    Each row is judged by heads and a calibration that have not seen it (five-fold cross-validation, a group in one
    fold). How many labels are wrong, and which, is found by confident learning (C. Northcutt, L. Jiang and I. Chuang,
    2021), each topic on its own. Near duplicates are texts whose words have a cosine of at least 0.8 by TF-IDF. A text
    is unfamiliar when its words are mostly in no other row: when their mean inverse document frequency, without the
    text itself, is past the middle between what nine in ten texts stay below and that of unknown words.

    Examples
    --------
    >>> import pandas as pd, stance
    >>> rows = pd.read_csv("fixtures/paragraphs.csv").head(150)
    >>> rows.loc[7, ["text", "tone"]] = None, "tense"
    >>> import warnings
    >>> with warnings.catch_warnings(action="ignore"):
    ...     findings = stance.audit(rows)
    >>> findings[["row", "problem", "score"]].head(1)
       row problem  score
    0    7   empty    1.0
    """
    judge = import_judge()
    whole = Labelled.read(data, text, topics, tone, group, encoding)
    rows = [row for _, row in _numbered(whole).ordered().places]
    labelled = _numbered(whole.take(rows))
    corpus = Corpus.read(labelled.texts)
    silent = list(without_ground(corpus))
    validated = Validated.of(labelled, {doubt.place for doubt in silent}, random_state, n_jobs, progress)
    doubts = [
        *silent,
        *validated.wrong_topics(judge),
        *validated.wrong_tones(judge),
        *near_duplicates(labelled, corpus, validated, [whole.where(row).removesuffix(": ") for row in rows]),
    ]
    return _table(whole, rows, doubts)


def correct(data: Source, findings: pd.DataFrame, text: str = "text", *, encoding: str | None = None) -> pd.DataFrame:
    """Put suggested labels into the rows that were audited, and leave out the rows without ground.

    Parameters
    ----------
    data : path, sequence of paths, or pandas.DataFrame
        The rows that were audited; a frame is not changed.
    findings : DataFrame
        Of `stance.audit`, without those that you do not agree with; `suggested` may have been edited.
    text : str
        The column with the texts.
    encoding : str, optional
        The encoding of text files, by default UTF-8.

    Returns
    -------
    DataFrame
        The rows with all their columns, for `stance.train`. A row with a finding about its text is left out.

    Raises
    ------
    TableError
        The table cannot be read, or the findings are not of these rows.

    Examples
    --------
    >>> import pandas as pd, stance
    >>> rows = pd.DataFrame({"text": ["Tariffs rise.", "..."], "tone": ["cooperative", "tense"]})
    >>> findings = rows.assign(row=[0, 1], column=["tone", "text"], suggested=["tense", ""])
    >>> stance.correct(rows, findings)
                text   tone
    0  Tariffs rise.  tense
    """
    names = ["row", "text", "column", "suggested"]
    for name in names:
        if name not in findings.columns:
            raise missing_column(name, "findings", map(str, findings.columns))
    frame = read_frame(data, encoding)
    if text not in frame.columns:
        raise missing_column(text, "text", map(str, frame.columns))
    texts = frame[text].tolist()
    cells: dict[str, list[Any]] = {}
    left_out = set()
    for row, said, column, suggested in findings[names].itertuples(index=False):
        place = _place_of(row, texts, said)
        if column not in frame.columns:
            raise TableError(f"the findings have a column that the rows have not: {shorten(repr(column))}", line=place)
        if column == text:
            left_out.add(place)
        else:
            cells.setdefault(column, frame[column].tolist())[place] = None if is_missing(suggested) else suggested
    changed = frame.assign(**{name: pd.Series(values, frame.index, object) for name, values in cells.items()})
    return changed.iloc[[place for place in range(len(frame)) if place not in left_out]]


def _place_of(row: object, texts: Sequence[object], said: object) -> int:
    """Give the row of a finding, having checked that it has the finding's text."""
    number = str(row)
    is_number = number.isascii() and number.isdigit() and len(number) <= len(str(len(texts)))
    place = int(number) if is_number else len(texts)
    found = texts[place] if place < len(texts) else None
    if place >= len(texts) or ("" if is_missing(found) else found) != ("" if is_missing(said) else said):
        raise TableError(
            f"the findings have a row {shorten(number)} with the text {shorten(repr(said))}, but the data has not: "
            "name what was audited, all of it in the same order"
        )
    return place


def _numbered(labelled: Labelled) -> Labelled:
    """Give the rows with their numbers as places."""
    return replace(labelled, places=[(None, row) for row in range(len(labelled))])


def _table(whole: Labelled, rows: Sequence[int], doubts: Sequence[Doubt]) -> pd.DataFrame:
    """Write down the findings, the surest first; of a row and column one, of a near duplicate where there is one."""
    first: dict[tuple[int, str], Doubt] = {}
    for doubt in sorted(doubts, key=lambda doubt: (doubt.problem == "wrong label", *_rank(doubt))):
        first.setdefault((doubt.place, doubt.role), doubt)
    findings = []
    for doubt in sorted(first.values(), key=_rank):
        row = rows[doubt.place]
        path, line = whole.places[row]
        given = {"topics": whole.topics, "tone": whole.tones}.get(doubt.role)
        findings.append(
            Finding(
                row,
                path,
                None if path is None else line,
                whole.texts[row],
                doubt.problem,
                whole.columns[doubt.role],
                "" if given is None else cell_of(given[row]),
                doubt.suggested,
                round(doubt.score, 4),
                doubt.reason,
            )
        )
    names = [field.name for field in fields(Finding)]
    return pd.DataFrame({name: text_series([getattr(finding, name) for finding in findings]) for name in names})


def _rank(doubt: Doubt) -> tuple[float, int, str, str]:
    return -doubt.score, doubt.place, doubt.role, doubt.suggested

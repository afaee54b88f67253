"""The functions of `stance` that use the default model, and `load`."""

from __future__ import annotations

import os

from stance import storage
from stance.model import Model
from stance.once import once
from stance.results import Classification, Document

TYPE_CHECKING = False  # `typing` takes milliseconds to import
if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import TypeVar

    Table = TypeVar("Table")

__all__ = ["classify", "classify_document", "classify_many", "load", "score"]


def load(path: str | Path | None = None) -> Model:
    """Load a model.

    Parameters
    ----------
    path : str or Path, optional
        A file made by `Model.save`; by default the model that comes with the package, which is loaded once.

    Returns
    -------
    Model

    Raises
    ------
    ModelFileError
        There is no such file, or it is not a sound model file. Nothing is built from a file before all of it was
        checked, and nothing in a file can run code.

    Examples
    --------
    >>> import stance
    >>> stance.load() is stance.load()
    True
    """
    return _default() if path is None else Model(storage.read(path))


def load_default() -> Model:
    """Load the model that comes with the package, once more."""
    return Model(storage.read(os.path.join(os.path.dirname(__file__), "models", "default.stance"), is_trusted=True))


_default = once(load_default)


def classify(text: str) -> Classification:
    """Label one paragraph with the default model: `Model.classify`.

    Examples
    --------
    >>> import stance
    >>> stance.classify("The ministry condemned the attack and threatened sanctions.").tone
    'tense'
    """
    return _default().classify(text)


def classify_many(texts: Iterable[str]) -> list[Classification]:
    """Label many paragraphs with the default model: `Model.classify_many`.

    Examples
    --------
    >>> import stance
    >>> [answer.abstained for answer in stance.classify_many(["", "Peace talks resumed."])]
    ['empty', None]
    """
    return _default().classify_many(texts)


def classify_document(text: str) -> Document:
    r"""Label an article with the default model: `Model.classify_document`.

    Examples
    --------
    >>> import stance
    >>> document = stance.classify_document("Rebels shelled the town.\n\nThe minister praised the aid agreement.")
    >>> [(paragraph.start, paragraph.end, paragraph.tone) for paragraph in document.paragraphs]
    [(0, 24, 'tense'), (26, 65, 'cooperative')]
    """
    return _default().classify_document(text)


def score(
    frame: Table,
    text: str = "text",
    *,
    model: Model | None = None,
    probabilities: bool = False,
    codes: str | Iterable[str] | None = None,
    prefix: str = "",
    progress: bool | None = None,
) -> Table:
    """Label the rows of a table.

    Parameters
    ----------
    frame : table
        A DataFrame of pandas, polars, Dask or PySpark; a LazyFrame of polars; a Table, RecordBatch, RecordBatchReader
        or iterator of RecordBatches of pyarrow. It is not changed.
    text : str
        The column with the texts.
    model : Model, optional
        By default the model that comes with the package.
    probabilities : bool
        Whether to add a column ``p_LABEL`` with the probability of each label.
    codes : str or iterable of str, optional
        Schemes of `stance.taxonomy` ("cap", "iptc", "plover", "cameo"); each adds a column of its name with the codes
        of the answer, ``|`` between.
    prefix : str
        What stands before the names of the added columns.
    progress : bool, optional
        Whether to show a progress bar; by default where standard error is a terminal. None for what is not in memory.

    Returns
    -------
    table of the same kind
        The table with the columns `topics` (labels with ``|`` between, "" for none), `tone`, `tone_score` and `known`:
        the same index, the same rows, the same order. A missing text has missing answers; so has a text that the
        model has no ground to judge, but for `known`. With Dask, Spark, a LazyFrame, a reader or an iterator nothing is
        scored before it is asked for, a part at a time.

    Raises
    ------
    TypeError
        `frame` is no table of these kinds.
    TableError
        There is no such column, or it cannot hold texts.
    ValueError
        There is no such scheme.

    Warns
    -----
    StanceWarning
        An added column replaces one of the frame, or the text column holds something that is not text.

    Examples
    --------
    >>> import pandas as pd, stance
    >>> texts = ["The court sentenced the trafficker to ten years in prison.", None]
    >>> frame = pd.DataFrame({"text": texts}, index=[7, 8])
    >>> stance.score(frame, codes="cap")[["topics", "tone", "cap"]]
        topics     tone  cap
    7  justice  neutral   12
    8      NaN      NaN  NaN
    """
    return (load() if model is None else model).score(
        frame, text, probabilities=probabilities, codes=codes, prefix=prefix, progress=progress
    )

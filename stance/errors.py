"""The exceptions that `stance` raises.

::

    Exception
    └── StanceError                 everything below; catch this one to catch them all
        ├── TextTypeError           a text that is not a `str`            (also a TypeError)
        ├── LabelError              a label that there is not             (also a ValueError)
        ├── TableError              a table that cannot be read           (also a ValueError)
        ├── TrainingError           a table that cannot be learned from   (also a ValueError)
        ├── ModelFileError          a file that is not a sound model      (also a ValueError)
        └── MissingExtraError       an optional package is not installed  (also an ImportError)

    UserWarning
    └── StanceWarning               the work goes on, but the user should know

Messages are built inside the classes, so that every place that raises one says the same four things: what was
expected, what came, where, and what to do.
"""

from __future__ import annotations

import copyreg

TYPE_CHECKING = False  # `typing` takes milliseconds to import
if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import Any

__all__ = [
    "LabelError",
    "MissingExtraError",
    "ModelFileError",
    "StanceError",
    "StanceWarning",
    "TableError",
    "TextTypeError",
    "TrainingError",
]

SHOWN = 20
"""How many names a message lists before it says "and N more"."""


class StanceError(Exception):
    """The base of every exception that `stance` raises on purpose."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the message as it is, so that an exception comes back whole from a worker process."""
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class StanceWarning(UserWarning):
    """Something in the data that the user should know of, though the work goes on."""


class TextTypeError(StanceError, TypeError):
    """A text that is not a `str`.

    Parameters
    ----------
    value : object
        What came instead.
    position : int or None
        Its place in the sequence of texts, counted from 0, where there is a sequence.
    """

    def __init__(self, value: object, position: int | None = None) -> None:
        self.value = value
        self.position = position
        where = "" if position is None else f" at position {position}"
        super().__init__(
            f"expected a text of type str{where}, but got {type(value).__name__}: {shorten(repr(value))}. "
            "Missing texts are allowed in `score`; elsewhere pass '' for a missing text."
        )


class LabelError(StanceError, ValueError):
    """A label that there is not, in a model or in the taxonomy.

    Parameters
    ----------
    label : str
        The label asked for.
    known : iterable of str
        The labels that there are.
    """

    def __init__(self, label: object, known: Iterable[str]) -> None:
        self.label = label
        self.known = tuple(known)
        super().__init__(f"there is no label {label!r}{did_you_mean(label, self.known)}")


class TableError(StanceError, ValueError):
    """A table that cannot be read or lacks what is needed.

    Parameters
    ----------
    message : str
        What was expected, what came, and what to do.
    path : str, Path or None
        The file; None for a data frame.
    line, column : int, str or None
        Where in it: the line counted from 1 (the header is line 1), and the column's name.
    """

    def __init__(
        self,
        message: str,
        path: str | Path | None = None,
        line: int | None = None,
        column: str | None = None,
    ) -> None:
        self.path = None if path is None else str(path)
        self.line = line
        self.column = column
        super().__init__(f"{place(path, line, column)}{message}")


class TrainingError(StanceError, ValueError):
    """A table that was read but that no model can be learned from."""


class ModelFileError(StanceError, ValueError):
    """A file that is not a sound model file.

    Parameters
    ----------
    path : str, Path or None
        The file; None for one in memory.
    reason : str
        What was expected and what came.
    """

    def __init__(self, path: str | Path | None, reason: str) -> None:
        self.path = None if path is None else str(path)
        self.reason = reason
        super().__init__(f"{place(path)}not a usable model file: {reason}")


class MissingExtraError(StanceError, ImportError):
    """A feature needs a package that is not installed.

    Parameters
    ----------
    feature : str
        What the user asked for.
    package : str
        The package that does it.
    extra : str
        The name of the extra that installs it.
    """

    def __init__(self, feature: str, package: str, extra: str) -> None:
        self.package = package
        self.extra = extra
        super().__init__(f"{feature} needs {package}, which is not installed: pip install 'stance[{extra}]'")


def place(path: object = None, line: int | None = None, column: str | None = None) -> str:
    """Say where: ``file:line: column 'name': ``, leaving out what is not known.

    Examples
    --------
    >>> place("a.csv", 7, "tone")
    "a.csv:7: column 'tone': "
    >>> place()
    ''
    """
    parts = []
    if path is not None:
        parts.append(str(path) if line is None else f"{path}:{line}")
    elif line is not None:
        parts.append(f"row {line}")
    if column is not None:
        parts.append(f"column {column!r}")
    return "".join(f"{part}: " for part in parts)


def shorten(text: str, limit: int = 60) -> str:
    """Cut `text` to `limit` characters, with an ellipsis where something was cut.

    Examples
    --------
    >>> shorten("abcdef", 4)
    'abc…'
    """
    return text if len(text) <= limit else text[: limit - 1] + "…"


def listed(names: Iterable[object]) -> str:
    """List `names` for a message, the first 20 of them.

    Examples
    --------
    >>> listed(["a", "b"])
    'a, b'
    """
    shown = [str(name) for name in names]
    more = f" and {len(shown) - SHOWN} more" if len(shown) > SHOWN else ""
    return ", ".join(shown[:SHOWN]) + more


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Suggest the nearest of `known` and list them all.

    Examples
    --------
    >>> did_you_mean("trad", ["trade", "health"])
    ". Did you mean 'trade'? Available: trade, health"
    """
    from difflib import get_close_matches  # which takes milliseconds to import

    known = list(known)
    close = get_close_matches(str(name), known, n=1)
    hint = f". Did you mean {close[0]!r}?" if close else "."
    return f"{hint} Available: {listed(known) or 'none'}"

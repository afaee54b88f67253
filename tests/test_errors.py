"""What the exceptions say, what they are, and that they come back whole from a worker process."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest

from stance import errors
from stance.errors import (
    LabelError,
    MissingExtraError,
    ModelFileError,
    StanceError,
    StanceWarning,
    TableError,
    TextTypeError,
    TrainingError,
    did_you_mean,
    listed,
    place,
    shorten,
)

EXAMPLES = [
    (
        TextTypeError(3),
        TypeError,
        "expected a text of type str, but got int: 3. "
        "Missing texts are allowed in `score`; elsewhere pass '' for a missing text.",
    ),
    (
        TextTypeError(None, 0),
        TypeError,
        "expected a text of type str at position 0, but got NoneType: None. "
        "Missing texts are allowed in `score`; elsewhere pass '' for a missing text.",
    ),
    (
        TextTypeError(["a" * 100], 7),
        TypeError,
        f"expected a text of type str at position 7, but got list: ['{'a' * 57}…. "
        "Missing texts are allowed in `score`; elsewhere pass '' for a missing text.",
    ),
    (
        LabelError("trad", iter(["health", "trade"])),
        ValueError,
        "there is no label 'trad'. Did you mean 'trade'? Available: health, trade",
    ),
    (LabelError(5, ["health"]), ValueError, "there is no label 5. Available: health"),
    (LabelError("health", []), ValueError, "there is no label 'health'. Available: none"),
    (TableError("it is wrong"), ValueError, "it is wrong"),
    (TableError("it is wrong", "a.csv"), ValueError, "a.csv: it is wrong"),
    (TableError("it is wrong", Path("a.csv"), 7, "tone"), ValueError, "a.csv:7: column 'tone': it is wrong"),
    (TableError("it is wrong", line=0, column="tone"), ValueError, "row 0: column 'tone': it is wrong"),
    (TrainingError("too few rows"), ValueError, "too few rows"),
    (
        ModelFileError(Path("a.stance"), "it is empty"),
        ValueError,
        "a.stance: not a usable model file: it is empty",
    ),
    (
        MissingExtraError("reading Parquet", "pyarrow", "parquet"),
        ImportError,
        "reading Parquet needs pyarrow, which is not installed: pip install 'stance[parquet]'",
    ),
]


@pytest.mark.parametrize(("error", "builtin", "message"), EXAMPLES)
def test_message_and_kinds(error: StanceError, builtin: type[Exception], message: str) -> None:
    assert str(error) == message
    assert isinstance(error, StanceError)
    assert isinstance(error, builtin)


@pytest.mark.parametrize("error", [error for error, _, _ in EXAMPLES])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickled_error_comes_back_whole(error: StanceError, protocol: int) -> None:
    again = pickle.loads(pickle.dumps(error, protocol))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


def test_copied_error_keeps_its_notes() -> None:
    error = LabelError("trad", ["trade"])
    error.add_note("asked for in the third call")
    again = copy.copy(error)
    assert str(again) == str(error)
    assert again.__notes__ == ["asked for in the third call"]


def test_errors_carry_what_their_messages_say() -> None:
    text = TextTypeError(3, 1)
    assert (text.value, text.position) == (3, 1)
    label = LabelError("trad", iter(["trade"]))
    assert (label.label, label.known) == ("trad", ("trade",))
    table = TableError("wrong", Path("a.csv"), 7, "tone")
    assert (table.path, table.line, table.column) == ("a.csv", 7, "tone")
    assert TableError("wrong").path is None
    model = ModelFileError(Path("a.stance"), "empty")
    assert (model.path, model.reason) == ("a.stance", "empty")
    extra = MissingExtraError("reading", "pyarrow", "parquet")
    assert (extra.package, extra.extra) == ("pyarrow", "parquet")


def test_public_names_are_the_exceptions_and_the_warning() -> None:
    kinds = [getattr(errors, name) for name in errors.__all__]
    assert [kind for kind in kinds if not issubclass(kind, StanceError)] == [StanceWarning]
    assert issubclass(StanceWarning, UserWarning)
    assert errors.__all__ == sorted(errors.__all__)


def test_tree_in_the_docstring_names_every_class() -> None:
    assert errors.__doc__ is not None
    assert [name for name in errors.__all__ if name not in errors.__doc__] == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), ""),
        (("a.csv",), "a.csv: "),
        (("a.csv", 7), "a.csv:7: "),
        (("a.csv", None, "tone"), "a.csv: column 'tone': "),
        ((None, 0), "row 0: "),
        ((None, None, "it's"), 'column "it\'s": '),
    ],
)
def test_place(arguments: tuple[object, ...], expected: str) -> None:
    assert place(*arguments) == expected  # type: ignore[arg-type]


def test_shorten_keeps_what_fits_and_marks_what_does_not() -> None:
    assert shorten("a" * 60) == "a" * 60
    assert shorten("a" * 61) == "a" * 59 + "…"
    assert shorten("abc", 2) == "a…"


def test_list_of_names_stops_at_twenty() -> None:
    names = [f"n{number}" for number in range(23)]
    assert listed(names[:20]) == ", ".join(names[:20])
    assert listed(names) == ", ".join(names[:20]) + " and 3 more"
    assert listed([1, None]) == "1, None"
    assert listed([]) == ""


def test_suggestion_is_the_nearest_name_or_none() -> None:
    assert did_you_mean("tones", iter(["topics", "tone"])) == ". Did you mean 'tone'? Available: topics, tone"
    assert did_you_mean("xyz", ["topics", "tone"]) == ". Available: topics, tone"

"""Which code scores: the compiled kernel where it was built, the same sums in NumPy where it was not."""

from __future__ import annotations

from stance.errors import ModelFileError, place
from stance.once import once
from stance.results import REASONS, Answers, Classification
from stance.storage import NO_ROOM, Contents

TYPE_CHECKING = False  # `typing` takes milliseconds to import
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from stance.results import TermWeight
    from stance.scoring import Scorer

try:
    from stance._kernel import Kernel
except ImportError:  # there was no C compiler when stance was installed
    Kernel = None

__all__ = ["CompiledScorer", "backend", "scorer"]

COLUMNS: Any = "ddiiBddq"
"""The types of the columns of `Answers`."""


def backend() -> str:
    """Say which code scores.

    Returns
    -------
    str
        "compiled" where the kernel was built when stance was installed, "python" otherwise. The answers are the same.

    Examples
    --------
    >>> import stance
    >>> stance.backend() in ("compiled", "python")
    True
    """
    return "python" if Kernel is None else "compiled"


def scorer(contents: Contents) -> Scorer | CompiledScorer:
    """Give the fastest scorer that there is.

    Raises
    ------
    ModelFileError
        The vocabulary is out of order or a number is out of its range.
    """
    if Kernel is not None:
        try:
            return CompiledScorer(contents)
        except ValueError:
            pass  # the check below says what is wrong
        except MemoryError:
            raise MemoryError(f"{place(contents.path)}{NO_ROOM}") from None
    return _checked(contents)


def _checked(contents: Contents) -> Scorer:
    """Give the scorer in NumPy."""
    from stance.parameters import Parameters
    from stance.scoring import Scorer

    parameters = Parameters.of(contents)
    try:
        parameters.check()
    except ValueError as error:
        raise ModelFileError(contents.path, str(error)) from None
    return Scorer(parameters)


class Explainer:
    """Explains as `Scorer` does, by one that is made when it is first asked, and NumPy imported with it."""

    def __init__(self, contents: Contents) -> None:
        self._scorer = once(lambda: _checked(contents))

    def explain(self, text: str, label: int) -> list[TermWeight]:
        """Split the decision value of `text` among its terms: `Scorer.explain`."""
        return self._scorer().explain(text, label)


class CompiledScorer:
    """Scores as `Scorer` does, by the compiled kernel, without the GIL.

    Parameters
    ----------
    contents : Contents
        What a model file holds.

    Raises
    ------
    ValueError
        The vocabulary is out of order or a number is out of its range; without a message.
    """

    def __init__(self, contents: Contents) -> None:
        self._labels = contents.topics, contents.tones
        self.explain = Explainer(contents).explain  # not this scorer's, which holds the kernel that holds it
        kernel: Any = Kernel(contents, REASONS, Classification, self.explain)
        self._score = kernel.score
        self.classify = kernel.classify  # `Scorer.classify`

    def score(self, texts: Sequence[str]) -> Answers:
        """Score each of `texts`: `Scorer.score`."""
        columns = zip(self._score(tuple(texts)), COLUMNS, strict=True)
        return Answers(self._labels, *(memoryview(column).cast(kind) for column, kind in columns))

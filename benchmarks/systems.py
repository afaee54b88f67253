"""The systems that are compared, each with the same texts in the form that suits it best."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import stance
from benchmarks.timing import timed

__all__ = [
    "FASTEST",
    "KERNEL",
    "RICH",
    "SKLEARN",
    "VADER",
    "System",
    "fasttext_line",
    "fasttext_probabilities",
    "fasttext_system",
    "sklearn_system",
    "stance_system",
    "trained_fasttext",
    "vader_system",
    "write_fasttext",
]

KERNEL = "stance"
SKLEARN = "scikit-learn pipeline"
FASTEST = "fastText, words, 16 dimensions"
RICH = "fastText, words, pairs and subwords, 100 dimensions"
VADER = "VADER"


@dataclass(frozen=True)
class System:
    """One system under test.

    Attributes
    ----------
    name : str
    texts : list of str
        The texts in the form that the system takes.
    batch : callable
        Answers a list of texts.
    single : callable
        Answers one text.
    """

    name: str
    texts: list[str]
    batch: Callable[[list[str]], object]
    single: Callable[[str], object]


def stance_system(texts: Sequence[str]) -> System:
    """Give stance: decision values for a batch; the whole answer, as a user gets it, for one text."""
    return System(KERNEL, list(texts), stance.load().decision_function, stance.classify)


def sklearn_system(texts: Sequence[str]) -> System:
    """Give the default model as a scikit-learn pipeline, which has the same decision values."""
    pipeline = stance.load().to_sklearn()
    return System(SKLEARN, list(texts), pipeline.decision_function, lambda text: pipeline.decision_function([text]))


def vader_system(texts: Sequence[str]) -> System:
    """Give VADER, which has no batch of its own."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    score = SentimentIntensityAnalyzer().polarity_scores
    return System(VADER, list(texts), lambda texts: [score(text) for text in texts], score)


def fasttext_system(name: str, model: Any, texts: Sequence[str]) -> System:
    """Give fastText answering with its likeliest label; it wants a text on one line."""
    lines = [" ".join(text.splitlines()) for text in texts]
    # For one text the C++ object under the Python class, whose own `predict` fails under NumPy 2 and is slower.
    inner = model.f
    return System(
        name, lines, lambda lines: model.predict(lines, k=1), lambda line: inner.predict(line + "\n", 1, 0.0, "strict")
    )


def write_fasttext(file: Path, texts: Sequence[str], labels: Sequence[Sequence[str]]) -> None:
    """Write the file that fastText trains on.

    Parameters
    ----------
    file : Path
    texts : sequence of str
    labels : sequence of sequence of str
        The labels of each text.
    """
    with file.open("w", encoding="utf-8") as rows:
        for text, names in zip(texts, labels, strict=True):
            marks = "".join(f"__label__{name} " for name in names)
            rows.write(f"{marks}{fasttext_line(text)}\n")


def trained_fasttext(texts: Sequence[str], labels: Sequence[Sequence[str]], **settings: Any) -> tuple[float, Any]:
    """Train fastText, from a file that is written beforehand.

    Parameters
    ----------
    texts : sequence of str
    labels : sequence of sequence of str
        The labels of each text.
    **settings
        Of ``fasttext.train_supervised``.

    Returns
    -------
    seconds : float
        What the training took.
    model : the model of fastText
    """
    import fasttext

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.txt"
        write_fasttext(file, texts, labels)
        return timed(lambda: fasttext.train_supervised(str(file), verbose=0, **settings))


def fasttext_probabilities(model: Any, texts: Sequence[str], names: Sequence[str]) -> NDArray[np.float64]:
    """Give the probability of each label by a fastText model, 0 where it does not know the label.

    Parameters
    ----------
    model : a model of fastText
    texts : sequence of str
    names : sequence of str
        The labels.

    Returns
    -------
    ndarray of float64, shape (n_texts, n_labels)
    """
    column = {f"__label__{name}": place for place, name in enumerate(names)}
    probabilities = np.zeros((len(texts), len(names)))
    for row, text in enumerate(texts):
        for probability, label in model.f.predict(fasttext_line(text) + "\n", -1, 0.0, "strict"):
            if label in column:
                probabilities[row, column[label]] = probability
    return probabilities


def fasttext_line(text: str) -> str:
    r"""Divide a text into tokens with spaces between, as fastText wants it.

    Examples
    --------
    >>> fasttext_line("The U.N. met;\ntalks go on.")
    'the met talks go on'
    """
    return " ".join(re.findall(r"\w\w+", text.lower()))

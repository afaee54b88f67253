"""Judge `stance.train` without settings on other people's labelled texts: ``python -m benchmarks.retraining``.

Each set has a published division into training and test rows. Beside stance stand scikit-learn and fastText as most
would use them, and figures that others published. Prints a table, and writes it to `docs/method.md` and `results.json`.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline

import stance
from benchmarks.publish import conditions, conditions_line, publish, rounded, shown
from benchmarks.systems import fasttext_probabilities, trained_fasttext
from benchmarks.texts import published_parts
from benchmarks.timing import timed
from training.rows import CORPORA, ROOT

METHOD = ROOT / "docs" / "method.md"
SETTINGS = {"epoch": 25, "lr": 0.5, "wordNgrams": 2, "bucket": 500_000, "thread": 1, "seed": 0}
"""Of fastText: near those of its own tutorial on text classification."""
DEFAULT_THRESHOLD = 0.5


@dataclass(frozen=True)
class Dataset:
    """Labelled texts, divided.

    Attributes
    ----------
    name : str
    train, test : DataFrame
        Columns text and labels, a tuple of str.
    has_several : bool
        Whether a text may have several labels, or none; otherwise it has one.
    published : str
        What others reached.
    """

    name: str
    train: pd.DataFrame
    test: pd.DataFrame
    has_several: bool
    published: str

    @property
    def labels(self) -> list[str]:
        """Give the labels that rows of both parts have."""
        both = ({label for labels in part["labels"] for label in labels} for part in (self.train, self.test))
        return sorted(set.intersection(*both))


Given = list[tuple[str, ...]]
Learn = Callable[[Dataset], tuple[float, Given]]
"""Learns from the training rows, and gives the seconds that took and the labels of the test rows."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and publish."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.retraining", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--corpora", type=Path, default=CORPORA, help="folder with the bench_*.csv.gz files")
    options = parser.parse_args(arguments)
    rows = []
    for dataset in datasets(options.corpora):
        for name, learn in SYSTEMS.items():
            seconds, given = learn(dataset)
            rows.append({"set": dataset.name, "system": name, "seconds": rounded(seconds), **scores(dataset, given)})
            print(rows[-1], file=sys.stderr)
        rows.append({"set": dataset.name, "system": f"published: {dataset.published}"})
    results = {"conditions": conditions("fasttext-wheel"), "rows": rows}
    publish("retraining", results, "retraining", block(results), METHOD)
    print(block(results))
    return 0


def datasets(corpora: Path) -> list[Dataset]:
    """Read the sets."""
    return [
        _dataset(
            corpora, "Reuters-21578, Lewis split", "bench_reuters.csv.gz", "topics", True, "SVM, micro-F1 about 0.86"
        ),
        _dataset(
            corpora, "PLV, 4 quad classes", "bench_plv.csv.gz", "quad", False, "NLI zero-shot, macro-F1 0.858 to 0.896"
        ),
        _dataset(corpora, "SIB-200, English, 7 topics", "bench_sib200.csv.gz", "topic", False, "none known"),
    ]


def _dataset(corpora: Path, name: str, file: str, column: str, has_several: bool, published: str) -> Dataset:
    parts = published_parts(corpora / file)
    for part in parts:
        part["labels"] = [tuple(cell.split("|")) if cell else () for cell in part[column]]
    return Dataset(name, *parts, has_several, published)


def scores(dataset: Dataset, given: Given) -> dict[str, float]:
    """Judge the labels that were given, over those that rows of both parts have."""
    truth, answer = (_table(dataset.labels, labels) for labels in (dataset.test["labels"], given))
    return {
        f"{mean}_f1": float(f1_score(truth, answer, average=mean, zero_division=0.0)) for mean in ("micro", "macro")
    }


def _table(names: list[str], rows: Sequence[tuple[str, ...]]) -> NDArray[np.bool_]:
    return np.array([[name in labels for name in names] for labels in rows])


def by_stance(dataset: Dataset) -> tuple[float, Given]:
    """Train stance, with several labels as topics and with one as tone."""
    column = "topics" if dataset.has_several else "tone"
    table = pd.DataFrame(
        {"text": dataset.train["text"], column: ["|".join(labels) for labels in dataset.train["labels"]]}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stance.StanceWarning)  # labels of few rows, texts that stand twice
        seconds, model = timed(lambda: stance.train(table, progress=False))
    answers = model.classify_many(dataset.test["text"])
    return seconds, [answer.topics if dataset.has_several else (answer.tone or "",) for answer in answers]


def by_sklearn(dataset: Dataset) -> tuple[float, Given]:
    """Train scikit-learn with its defaults."""
    if not dataset.has_several:
        pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression())
        labels = [labels[0] for labels in dataset.train["labels"]]
        seconds, _ = timed(lambda: pipeline.fit(dataset.train["text"], labels))
        return seconds, [(label,) for label in pipeline.predict(dataset.test["text"])]
    names = sorted({label for labels in dataset.train["labels"] for label in labels})
    pipeline = make_pipeline(TfidfVectorizer(), OneVsRestClassifier(LogisticRegression()))
    seconds, _ = timed(lambda: pipeline.fit(dataset.train["text"], _table(names, dataset.train["labels"])))
    given = pipeline.predict(dataset.test["text"])
    return seconds, [tuple(names[place] for place in np.flatnonzero(row)) for row in given]


def by_fasttext(dataset: Dataset) -> tuple[float, Given]:
    """Train fastText, with words and pairs: a label from 0.5 on, or the likeliest."""
    names = sorted({name for labels in dataset.train["labels"] for name in labels})
    marks = {name: name.replace(" ", "_") for name in names}
    marked = [[marks[name] for name in labels] for labels in dataset.train["labels"]]
    loss = "ova" if dataset.has_several else "softmax"
    seconds, model = trained_fasttext(dataset.train["text"], marked, loss=loss, **SETTINGS)
    probabilities = fasttext_probabilities(model, dataset.test["text"], list(marks.values()))
    if not dataset.has_several:
        return seconds, [(names[place],) for place in probabilities.argmax(axis=1)]
    return seconds, [tuple(names[place] for place in np.flatnonzero(row >= DEFAULT_THRESHOLD)) for row in probabilities]


SYSTEMS: dict[str, Learn] = {
    "stance.train, no settings": by_stance,
    "scikit-learn, library defaults": by_sklearn,
    "fastText, words and pairs, 25 epochs": by_fasttext,
}


def block(results: dict[str, Any]) -> str:
    """Write the table."""
    lines = ["| set | system | micro-F1 | macro-F1 | training, s |", "| --- | --- | --- | --- | --- |"]
    for row in results["rows"]:
        figures = (
            [f"{row['micro_f1']:.3f}", f"{row['macro_f1']:.3f}", shown(row["seconds"])]
            if "seconds" in row
            else [""] * 3
        )
        lines.append(f"| {row['set']} | {row['system']} | {' | '.join(figures)} |")
    return (
        "\n".join(lines)
        + f"\n\nTraining once, on all cores but for fastText.\n{conditions_line(results['conditions'])}"
    )


if __name__ == "__main__":
    sys.exit(main())

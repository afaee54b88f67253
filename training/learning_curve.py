"""Measure whether more labelled rows would help: ``python -m training.learning_curve``.

The default model is built from ever more of the labelled rows, with a teacher that has seen no others, and judged on
the rows drawn at random that it did not learn from. The teacher is without the transformer that learns the labels,
which would have to be trained anew for each number of rows.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

import stance
from stance.evaluation import Report
from stance.learning import N_FOLDS
from training.embeddings import embed
from training.rows import CORPORA, natural_rows, taught_texts, training_rows
from training.teacher import TRANSFORMER, Embed, student, teacher_of

__all__ = ["learning_curve"]

SIZES = (1000, 2000, 4000, 8000)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the scores for each number of rows."""
    parser = argparse.ArgumentParser(prog="python -m training.learning_curve", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--corpora", type=Path, default=CORPORA, help="folder with the texts")
    options = parser.parse_args(arguments)
    rows = training_rows(options.corpora)
    taught = taught_texts(options.corpora, rows["text"])
    table = learning_curve(options.corpora, rows, taught, partial(embed, TRANSFORMER))
    print(table.to_string(index=False, float_format="{:.3f}".format))
    return 0


def learning_curve(corpora: Path, rows: pd.DataFrame, taught: pd.DataFrame, embed: Embed) -> pd.DataFrame:
    """Give the scores by the number of labelled rows.

    Parameters
    ----------
    corpora : Path
    rows, taught : DataFrame
        As of `training_rows` and `taught_texts`.
    embed : callable
        Gives the embeddings of texts.

    Returns
    -------
    DataFrame
        Columns rows, judged, topics macro-F1, topics mAP, tone macro-F1, tone accuracy. The last row is of the
        cross-validation with all rows.
    """
    order = np.random.default_rng(0).permutation(len(rows))
    records = []
    with warnings.catch_warnings(action="ignore", category=stance.StanceWarning):
        for size in SIZES:
            seen = rows.iloc[np.sort(order[:size])].reset_index(drop=True)
            rest = rows.iloc[order[size:]]
            judged = rest[(rest["how"] == "natural") & ~rest["text"].isin(seen["text"])]
            model, _ = student(seen, teacher_of(corpora, seen, taught, embed))
            records.append({"rows": size, **_scores(stance.evaluate(model, judged, progress=False))})
        _, validation = student(rows, teacher_of(corpora, rows, taught, embed))
    size = len(rows) * (N_FOLDS - 1) // N_FOLDS
    records.append({"rows": size, **_scores(validation.report(natural_rows(validation.labelled, rows)))})
    return pd.DataFrame(records)


def _scores(report: Report) -> dict[str, float]:
    """Give the figures of a row of the table."""
    assert report.topics is not None
    assert report.tone is not None
    return {
        "judged": report.n_rows,
        "topics macro-F1": report.topics.macro_f1,
        "topics mAP": report.topics.mean_average_precision,
        "tone macro-F1": report.tone.macro_f1,
        "tone accuracy": report.tone.accuracy,
    }


if __name__ == "__main__":
    sys.exit(main())

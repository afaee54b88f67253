"""Measure what is lost on sources and years that a model has not seen: ``python -m training.transfer``.

Each source in turn is left out of the training, its texts that nobody labelled too, and judged by a model that learned
from the others; so are the later years. Beside it stand the same rows in cross-validation, where the model knows their
source. Judged are the rows drawn at random. The teacher is without the transformer that learned the labels. It takes
some minutes.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pandas as pd

import stance
from stance.evaluation import Report
from training.embeddings import embed
from training.rows import CORPORA, natural_rows, taught_texts, text_dates, training_rows
from training.teacher import TRANSFORMER, student, teacher_of

LEFT_OUT = ("wikipedia", "ungdc", "whitehouse", "wikinews")
FIRST_LATE_YEAR = "2018"
COLUMNS = ("topics macro-F1", "topics micro-F1", "tone macro-F1", "tone accuracy")

Mask = Callable[[pd.DataFrame], "pd.Series[bool]"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a row for each source that is left out, and for the later years."""
    parser = argparse.ArgumentParser(prog="python -m training.transfer", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--corpora", type=Path, default=CORPORA, help="folder with the texts")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore", stance.StanceWarning)  # a text twice with other labels, labels that are now rare
    print(pd.DataFrame(transfers(options.corpora)).to_string(index=False, float_format="{:.3f}".format))
    return 0


def transfers(corpora: Path) -> Iterator[dict[str, object]]:
    """Give the scores with and without what is left out, with and without a teacher."""
    dates = text_dates(corpora)
    rows = training_rows(corpora)
    rows["date"] = rows["id"].map(dates).fillna("")
    taught = taught_texts(corpora, rows["text"])
    by_transformer = partial(embed, TRANSFORMER)
    left_out: dict[str, Mask] = {name: lambda table, name=name: table["source"] == name for name in LEFT_OUT}
    left_out[f"{FIRST_LATE_YEAR} and later"] = lambda table: table["date"] >= FIRST_LATE_YEAR
    for with_teacher in (False, True):
        teacher = teacher_of(corpora, rows, taught, by_transformer) if with_teacher else None
        _, validation = student(rows, teacher)
        natural = natural_rows(validation.labelled, rows)
        lines = [line for _, line in validation.labelled.places]
        for name, is_out in left_out.items():
            out, seen = is_out(rows), rows[~is_out(rows)].reset_index(drop=True)
            some = taught[~is_out(taught)].reset_index(drop=True)
            teacher = teacher_of(corpora, seen, some, by_transformer) if with_teacher else None
            model, _ = student(seen, teacher)
            judged = out & (rows["how"] == "natural")
            yield {
                "left out": name,
                "teacher": "yes" if with_teacher else "no",
                "rows": int(judged.sum()),
                **_scores(validation.report([row for row in natural if out[lines[row]]]), "seen: "),
                **_scores(stance.evaluate(model, rows[judged], progress=False), "unseen: "),
            }
            print(f"{name}, {'with' if with_teacher else 'without'} a teacher: done", file=sys.stderr)


def _scores(report: Report, prefix: str) -> dict[str, float]:
    assert report.topics is not None
    assert report.tone is not None
    scores = (report.topics.macro_f1, report.topics.micro_f1, report.tone.macro_f1, report.tone.accuracy)
    return {prefix + column: score for column, score in zip(COLUMNS, scores, strict=True)}


if __name__ == "__main__":
    sys.exit(main())

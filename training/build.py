"""Build the model that comes with stance, and its card: ``python -m training.build``.

The labels are in `labels.csv`, by the id of their text; `sources.csv` says where the texts are from. The texts are not
part of the project: they are looked for in a folder, by default ``../shared/corpora``. A teacher labels those that
nobody labelled (`teacher.py`); it needs ``pip install -r training/requirements.txt``. Without the texts,
``--fixtures-only`` builds a smaller model from the paragraphs that were written for this project.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pandas as pd

import stance
from stance.labelled import Labelled
from stance.learning import fit
from training.card import card_text
from training.embeddings import MPNET, embed
from training.rows import (
    CORPORA,
    ROOT,
    MissingTextsError,
    editors_marks,
    fixture_rows,
    natural_rows,
    source_facts,
    training_rows,
    unlabelled_texts,
)
from training.teacher import Embed, Teacher

TRANSFORMER = MPNET
MAX_TERMS = 60_000
"""Of the words, of the pairs and of the subwords."""
KEPT_SCORES = ("labels", "macro_f1", "micro_f1", "mean_average_precision", "accuracy", "calibration_error")
KEPT_LABEL_SCORES = ("precision", "recall", "f1", "average_precision", "support")


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the model and write it and its card."""
    parser = argparse.ArgumentParser(prog="python -m training.build", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--corpora", type=Path, default=CORPORA, help="folder with the texts")
    parser.add_argument("--fixtures-only", action="store_true", help="build from the project's own paragraphs alone")
    parser.add_argument("--without-teacher", action="store_true", help="learn from the labelled rows alone")
    parser.add_argument("--output", type=Path, default=ROOT / "stance" / "models" / "default.stance")
    options = parser.parse_args(arguments)
    unlabelled = teacher = None
    try:
        rows = fixture_rows() if options.fixtures_only else training_rows(options.corpora)
        if not (options.fixtures_only or options.without_teacher):
            unlabelled = unlabelled_texts(options.corpora, rows["text"])
            teacher = teacher_of(options.corpora, rows, unlabelled, partial(embed, TRANSFORMER))
    except MissingTextsError as error:
        print(error, file=sys.stderr)
        return 2
    except (ImportError, PackageNotFoundError) as error:
        print(f"The teacher needs more packages ({error}): pip install -r training/requirements.txt", file=sys.stderr)
        return 2
    with warnings.catch_warnings():
        # One text in the sources may stand twice with two annotators' labels; both count.
        warnings.simplefilter("default", stance.StanceWarning)
        model, validation = fit(Labelled.read(rows, group=None), teacher=teacher, max_terms=MAX_TERMS)
    assert validation is not None
    natural = natural_rows(validation.labelled, rows)
    card = {
        "name": "stance default" if not options.fixtures_only else "stance, fixtures only",
        "licence": "MIT; the licences of the texts it was trained on are listed under sources",
        "sources": source_facts(rows, unlabelled),
        "teacher": teacher_facts(teacher),
        "data": model.card["data"],
        "settings": model.card["settings"],
        "cross_validation": short_scores(validation.report()),
        "cross_validation_natural": short_scores(validation.report(natural)) if natural else None,
    }
    model = stance.Model(replace(model.parameters, card=card))
    model.save(options.output)
    digest = hashlib.sha256(options.output.read_bytes()).hexdigest()
    facts = card_text(model, digest, options.output.stat().st_size, validation, natural, rows)
    options.output.with_suffix(".md").write_text(facts, encoding="utf-8")
    print(f"wrote {options.output} ({options.output.stat().st_size / 1e6:.1f} MB) and its card")
    print(validation.report(natural or None))
    return 0


def teacher_of(corpora: Path, rows: pd.DataFrame, unlabelled: pd.DataFrame, embed: Embed) -> Teacher:
    """Give the teacher that labels the unlabelled texts."""
    labelled = rows["text"].drop_duplicates()
    marks = editors_marks(corpora, pd.concat([labelled, unlabelled["text"]], ignore_index=True))
    return Teacher(labelled.tolist(), unlabelled["text"].tolist(), marks, embed)


def teacher_facts(teacher: Teacher | None) -> dict[str, object] | None:
    """Say what the teacher is, for the card."""
    if teacher is None:
        return None
    return {
        "transformer": TRANSFORMER.name,
        "packages": list(TRANSFORMER.packages),
        "sha256": TRANSFORMER.sha256,
        "licence": TRANSFORMER.licence,
        "texts": len(teacher.texts),
        "weight": teacher.weight,
    }


def short_scores(report: stance.Report) -> dict[str, object]:
    """Give the figures of a report that the model file keeps, rounded."""
    facts = report.to_dict()
    short: dict[str, object] = {"rows": report.n_rows}
    for head in ("topics", "tone"):
        kept = {name: value for name, value in facts[head].items() if name in KEPT_SCORES}
        labels = {
            label: {name: round(scores[name], 6) for name in KEPT_LABEL_SCORES}
            for label, scores in kept.pop("labels").items()
        }
        short[head] = {**{name: round(value, 6) for name, value in kept.items()}, "labels": labels}
    return short


if __name__ == "__main__":
    sys.exit(main())

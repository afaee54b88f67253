"""Build the model that comes with stance, and its card: ``python -m training.build``.

The labels are in `labels.csv`, by the id of their text; `sources.csv` says where the texts are from. The texts are not
part of the project: they are looked for in a folder, by default ``../shared/corpora``. A teacher labels those that
nobody labelled (`teacher.py`); it needs ``pip install -r training/requirements.txt``. Without the texts,
``--fixtures-only`` builds a smaller model from the paragraphs that were written for this project.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pandas as pd

import stance
from training.card import card_text
from training.charts import draw_learning_curve, draw_precision_recall, draw_reliability
from training.embeddings import Transformer, embed
from training.learning_curve import learning_curve
from training.rows import (
    CORPORA,
    ROOT,
    MissingTextsError,
    fixture_rows,
    natural_rows,
    source_facts,
    taught_texts,
    training_rows,
)
from training.teacher import RECIPE, TRANSFORMER, student, teacher_of, tuned_on_folds

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
    taught = teacher = None
    try:
        import_module("matplotlib")  # before the long work, not after it
        rows = fixture_rows() if options.fixtures_only else training_rows(options.corpora)
        if not (options.fixtures_only or options.without_teacher):
            taught = taught_texts(options.corpora, rows["text"])
            tuned = tuned_on_folds(rows, taught)
            teacher = teacher_of(options.corpora, rows, taught, partial(embed, TRANSFORMER), tuned)
    except MissingTextsError as error:
        print(error, file=sys.stderr)
        return 2
    except (ImportError, PackageNotFoundError) as error:
        print(f"The build needs more packages ({error}): pip install -r training/requirements.txt", file=sys.stderr)
        return 2
    with warnings.catch_warnings():
        # One text in the sources may stand twice with two annotators' labels; both count.
        warnings.simplefilter("default", stance.StanceWarning)
        model, validation = student(rows, teacher)
    natural = natural_rows(validation.labelled, rows)
    card = {
        "name": "stance default" if not options.fixtures_only else "stance, fixtures only",
        "licence": "MIT; the licences of the texts it was trained on are listed under sources",
        "sources": source_facts(rows, taught),
        "teacher": teacher_facts(taught),
        "data": model.card["data"],
        "stance": model.card["stance"],
        "settings": model.card["settings"],
        "cross_validation": short_scores(validation.report()),
        "cross_validation_natural": short_scores(validation.report(natural)) if natural else None,
    }
    model = stance.Model(replace(model.parameters, card=card))
    model.save(options.output)
    curve = None
    if taught is not None:
        curve = learning_curve(options.corpora, rows, taught, partial(embed, TRANSFORMER))
        draw_learning_curve(curve, _beside(options.output, "learning-curve"))
    judged = natural or range(len(validation.given))
    draw_reliability(validation, judged, _beside(options.output, "reliability"))
    draw_precision_recall(validation, judged, _beside(options.output, "precision-recall"))
    facts = card_text(model, options.output, validation, natural, rows, curve, options.corpora)
    options.output.with_suffix(".md").write_text(facts, encoding="utf-8")
    print(f"wrote {options.output} ({options.output.stat().st_size / 1e6:.1f} MB) and its card")
    print(validation.report(natural or None))
    return 0


def _beside(output: Path, chart: str) -> Path:
    return output.with_name(f"{output.stem}-{chart}.svg")


def teacher_facts(taught: pd.DataFrame | None) -> dict[str, object] | None:
    """Say what the teacher is and what it labels, for the card."""
    if taught is None:
        return None
    return {
        "embeddings": _facts(TRANSFORMER),
        "fine_tuned": _facts(RECIPE.transformer),
        "frozen_layers": RECIPE.n_frozen,
        "texts": len(taught),
        "kinds": {str(kind): int(count) for kind, count in taught["kind"].value_counts().sort_index().items()},
    }


def _facts(transformer: Transformer) -> dict[str, object]:
    return {
        "name": transformer.name,
        "packages": list(transformer.packages),
        "sha256": transformer.sha256,
        "licence": transformer.licence,
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

"""Build the model that comes with stance, and its card: ``python -m training.build``.

The labels are in `labels.csv`, by the id of their text; `sources.csv` says where the texts are from. The texts are not
part of the project: they are looked for in a folder, by default ``../shared/corpora``. Without them,
``--fixtures-only`` builds a smaller model from the paragraphs that were written for this project.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

import stance
from stance.labelled import Labelled
from stance.learning import CrossValidation, fit
from training.card import card_text

ROOT = Path(__file__).resolve().parent.parent
TEXT_FILES = ("labelled.csv.gz", "pool.csv.gz")
KEPT_SCORES = ("labels", "macro_f1", "micro_f1", "mean_average_precision", "accuracy", "calibration_error")
KEPT_LABEL_SCORES = ("precision", "recall", "f1", "average_precision", "support")


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the model and write it and its card."""
    parser = argparse.ArgumentParser(prog="python -m training.build", description=__doc__.split("\n", 1)[0])
    parser.add_argument(
        "--corpora", type=Path, default=ROOT.parent / "shared" / "corpora", help="folder with the texts"
    )
    parser.add_argument("--fixtures-only", action="store_true", help="build from the project's own paragraphs alone")
    parser.add_argument("--output", type=Path, default=ROOT / "stance" / "models" / "default.stance")
    options = parser.parse_args(arguments)
    rows = fixture_rows()
    if not options.fixtures_only:
        labels = pd.read_csv(ROOT / "training" / "labels.csv", keep_default_na=False)
        texts = read_texts(options.corpora)
        missing = labels[~labels["id"].isin(texts)]
        if len(missing):
            print(missing_message(missing, options.corpora), file=sys.stderr)
            return 2
        rows = pd.concat([labels.assign(text=labels["id"].map(texts)), rows], ignore_index=True)
    with warnings.catch_warnings():
        # One text in the sources may stand twice with two annotators' labels; both count.
        warnings.simplefilter("default", stance.StanceWarning)
        model, validation = fit(Labelled.read(rows, group=None))
    assert validation is not None
    natural = natural_rows(validation, rows)
    card = {
        "name": "stance default" if not options.fixtures_only else "stance, fixtures only",
        "licence": "MIT; the licences of the texts it was trained on are listed under sources",
        "sources": source_facts(rows),
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


def fixture_rows() -> pd.DataFrame:
    """Give the paragraphs that were written for this project."""
    rows = pd.read_csv(ROOT / "fixtures" / "paragraphs.csv", keep_default_na=False)
    return rows[["id", "text", "topics", "tone"]].assign(source="fixtures", how="written")


def read_texts(corpora: Path) -> dict[str, str]:
    """Read the texts of the corpora that are there, by id."""
    texts: dict[str, str] = {}
    for name in TEXT_FILES:
        if (corpora / name).exists():
            table = pd.read_csv(corpora / name, usecols=["id", "text"], keep_default_na=False)
            texts.update((key, text) for key, text in table.itertuples(index=False) if text_id(text) == key)
    return texts


def text_id(text: str) -> str:
    """Give the id of a text: 12 hex digits of the SHA-1 of the text with single spaces.

    Examples
    --------
    >>> text_id(" one  paragraph") == text_id("one paragraph")
    True
    """
    return hashlib.sha1(" ".join(text.split()).encode("utf-8")).hexdigest()[:12]


def missing_message(missing: pd.DataFrame, corpora: Path) -> str:
    """Say which texts are missing and where they are from."""
    sources = pd.read_csv(ROOT / "training" / "sources.csv", index_col="source")
    lines = [
        f"{len(missing):,} of the labelled texts are not in {corpora}: expected {' or '.join(TEXT_FILES)} there, "
        "gzipped CSV with the columns id and text."
    ]
    for source, count in missing["source"].value_counts().items():
        origin = sources.loc[source]
        first = missing.loc[missing["source"] == source, "id"].iloc[0]
        lines.append(
            f"  {count:,} from {origin['name']}: {origin['repository']} at {origin['commit']} "
            f"({origin['licence']}), such as id {first}"
        )
    lines.append("Name the folder with --corpora, or build a smaller model with --fixtures-only.")
    return "\n".join(lines)


def natural_rows(validation: CrossValidation, rows: pd.DataFrame) -> list[int]:
    """Give the rows of the cross-validation that were drawn at random."""
    how = rows["how"].tolist()
    return [row for row, (_, line) in enumerate(validation.labelled.places) if how[line] == "natural"]


def source_facts(rows: pd.DataFrame) -> list[dict[str, object]]:
    """Give each source with its licence and its number of rows."""
    sources = pd.read_csv(ROOT / "training" / "sources.csv")
    counts = rows["source"].value_counts()
    facts = sources[sources["source"].isin(counts.index)].to_dict("records")
    return [{**fact, "rows": int(counts[fact["source"]])} for fact in facts]


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

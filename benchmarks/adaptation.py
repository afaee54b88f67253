"""Measure what a base and some labelled rows of one's own give together: ``python -m benchmarks.adaptation``.

Each source in turn is left out of a base, which then learns from some rows of it (`stance.train` with `base`); beside
it stand the base alone and the rows alone. The bases learn from labelled rows only, without the teacher of the default
model. Then the default model learns labels of other people's sets, which it has never seen. Prints the tables, and
writes them to `docs/adapting.md` and `results.json`.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import f1_score

import stance
from benchmarks.publish import conditions, conditions_line, publish, rounded
from benchmarks.texts import published_parts
from training.rows import CORPORA, ROOT, training_rows
from training.transfer import LEFT_OUT

PAGE = ROOT / "docs" / "adapting.md"
SIZES = (50, 200, 800)
DRAWS = 5
COLUMNS = ("topics macro-F1", "topics micro-F1", "tone macro-F1", "tone accuracy")
WAYS = ("base", "alone", "both")
TONE_OF = {"verbal_cooperation": "cooperative", "material_cooperation": "cooperative"}
"""The tone of PLV's quad classes; the others are tense."""


@dataclass(frozen=True)
class Dataset:
    """Texts with one label each.

    Attributes
    ----------
    name : str
    train, test : DataFrame
        Columns text and label.
    column : str
        Whether it is learned as topics or as tone.
    """

    name: str
    train: pd.DataFrame
    test: pd.DataFrame
    column: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and publish."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.adaptation", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--corpora", type=Path, default=CORPORA, help="folder with the texts")
    parser.add_argument("--draws", type=int, default=DRAWS, help="draws of own rows (default: %(default)s)")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore", stance.StanceWarning)  # labels of few rows, texts that stand twice
    sources = list(left_out(training_rows(options.corpora), options.draws))
    sets = [row for dataset in datasets(options.corpora) for row in of_others(dataset, options.draws)]
    results = {"draws": options.draws, "sources": sources, "sets": sets, "conditions": conditions()}
    written = block(results)
    print(written)
    publish("adaptation", results, "adaptation", written, PAGE)
    return 0


def left_out(rows: pd.DataFrame, draws: int) -> Iterator[dict[str, Any]]:
    """Give the scores on each source that its base has not seen, the means over some draws of own rows."""
    for source in LEFT_OUT:
        is_out = rows["source"] == source
        base = _trained(rows[~is_out])
        parts = [divided(rows[is_out], draw) for draw in range(draws)]
        of_base = [_scores(base, test) for _, test in parts]
        for size in SIZES:
            ways = {
                "base": of_base,
                "alone": [_scores(_trained(own[:size]), test) for own, test in parts],
                "both": [_scores(_trained(own[:size], base), test) for own, test in parts],
            }
            means = {
                way: [rounded(mean(column)) for column in zip(*scores, strict=True)] for way, scores in ways.items()
            }
            yield {"source": source, "rows": size, "judged": len(parts[0][1]), **means}
            print(f"{source}, {size} rows: done", file=sys.stderr)


def divided(rows: pd.DataFrame, draw: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Divide the rows of a source into own rows, in the order in which they are taken, and rows to judge by.

    Half of the rows that were drawn at random are judged; the other half is taken first, then the rows that were
    chosen.
    """
    generator = np.random.default_rng(draw)
    natural = generator.permutation(np.flatnonzero(rows["how"] == "natural"))
    chosen = generator.permutation(np.flatnonzero(rows["how"] != "natural"))
    half = len(natural) // 2
    return rows.iloc[np.concatenate([natural[half:], chosen])], rows.iloc[natural[:half]]


def datasets(corpora: Path) -> list[Dataset]:
    """Read the sets of others."""
    sib = [part.rename(columns={"topic": "label"}) for part in published_parts(corpora / "bench_sib200.csv.gz")]
    plv = [part.rename(columns={"quad": "label"}) for part in published_parts(corpora / "bench_plv.csv.gz")]
    toned = [part.assign(label=[TONE_OF.get(quad, "tense") for quad in part["label"]]) for part in plv]
    return [
        Dataset("SIB-200, English, 7 topics", *sib, "topics"),
        Dataset("PLV, 4 quad classes as tones", *plv, "tone"),
        Dataset("PLV, cooperative and tense", *toned, "tone"),
    ]


def of_others(dataset: Dataset, draws: int) -> Iterator[dict[str, Any]]:
    """Give the macro-F1 with the default model as base, without, and of the default model where it has the labels."""
    labels = sorted(set(dataset.test["label"]))
    default = stance.load()
    knows_them = set(labels) <= set(default.labels)
    base = rounded(macro_f1(default, dataset.test, labels)) if knows_them else None
    for size in (*(size for size in SIZES if size < len(dataset.train)), len(dataset.train)):
        some = [
            dataset.train.sample(size, random_state=draw) for draw in range(draws if size < len(dataset.train) else 1)
        ]
        own = [frame.rename(columns={"label": dataset.column}) for frame in some]
        alone = mean(macro_f1(_trained(frame), dataset.test, labels) for frame in own)
        both = mean(macro_f1(_trained(frame, default), dataset.test, labels) for frame in own)
        yield {"set": dataset.name, "rows": size, "base": base, "alone": rounded(alone), "both": rounded(both)}


def macro_f1(model: stance.Model, rows: pd.DataFrame, labels: Sequence[str]) -> float:
    """Judge the most probable of some labels; a text without an answer counts as wrong."""
    known = [label for label in labels if label in model.labels]
    columns = [model.labels.index(label) for label in known]
    probabilities = model.predict_proba(rows["text"])[:, columns]
    answered = np.isfinite(probabilities).all(axis=1)
    best = np.nan_to_num(probabilities).argmax(axis=1)
    given = [known[place] if has_one else "" for place, has_one in zip(best, answered, strict=True)]
    return float(f1_score(rows["label"], given, labels=list(labels), average="macro", zero_division=0.0))


def _trained(rows: pd.DataFrame, base: stance.Model | None = None) -> stance.Model:
    return stance.train(rows, group=None, base=base, progress=False)


def _scores(model: stance.Model, rows: pd.DataFrame) -> tuple[float, ...]:
    report = stance.evaluate(model, rows, progress=False)
    assert report.topics is not None
    assert report.tone is not None
    return report.topics.macro_f1, report.topics.micro_f1, report.tone.macro_f1, report.tone.accuracy


def block(results: dict[str, Any]) -> str:
    """Write the tables."""
    lines = [f"| left out | own rows | {' | '.join(COLUMNS)} |", f"| --- | --- |{' --- |' * len(COLUMNS)}"]
    for row in results["sources"]:
        cells = [" / ".join(f"{row[way][column]:.3f}" for way in WAYS) for column in range(len(COLUMNS))]
        lines.append(f"| {row['source']} | {row['rows']} | {' | '.join(cells)} |")
    judged = {row["source"]: row["judged"] for row in results["sources"]}
    lines += [
        "",
        "Each cell: the base alone / the rows alone / both. Judged on rows drawn at random: "
        + ", ".join(f"{count} of {source}" for source, count in judged.items())
        + f". Means of {results['draws']} draws.",
        "",
        "| set | own rows | the default model alone | the rows alone | both |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in results["sets"]:
        base = "" if row["base"] is None else f"{row['base']:.3f}"
        lines.append(f"| {row['set']} | {row['rows']:,} | {base} | {row['alone']:.3f} | {row['both']:.3f} |")
    return "\n".join([*lines, "", f"Macro-F1 on the published test rows.\n{conditions_line(results['conditions'])}"])


if __name__ == "__main__":
    sys.exit(main())

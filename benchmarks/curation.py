"""Judge `stance.audit` and `stance.suggest` on the labelled rows of the corpora: ``python -m benchmarks.curation``.

Wrong labels, near duplicates and rows in other languages are planted and looked for; rows are labelled in the order in
which `stance.suggest` gives them, and at random. Prints tables, and writes them with a chart to `docs/curation.md` and
`results.json`.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import stance
from benchmarks.publish import conditions, conditions_line, publish
from training.charts import BLUE, GREY, svg_figure
from training.rows import CORPORA, LABELLED, ROOT

CURATION = ROOT / "docs" / "curation.md"
CHART = ROOT / "docs" / "curation.svg"
SHARE = 0.05
"""Of the rows that get a wrong label."""
CHANGED = (0.05, 0.1, 0.2, 0.3)
"""Shares of words that are changed in near duplicates."""
N_COPIES = 500
START, STEP, END = 500, 250, 2500
SEEDS = (10, 11, 12, 13, 14)
"""Others than the two with which ways to choose were compared."""
PLANTING_SEED = 1
N_FOLDS = 5
N_RARE = 6
"""The rarest topics, of 16, whose gain is shown on its own."""
MEASURES = {"topics": "topics", "rare": "rare topics", "tone": "tone"}
POOLS = {
    "not chosen": ("natural", "other"),
    "all": ("natural", "other", "enriched", "rare", "tone", "uncertain"),
}
"""How the rows of each pool came to be labelled: without those that were chosen for being rare or in doubt, and all."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and publish."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.curation", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--corpora", type=Path, default=CORPORA, help="folder with labelled.csv.gz")
    options = parser.parse_args(arguments)
    rows = gold_rows(options.corpora)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stance.StanceWarning)  # labels of few rows
        results = {
            "conditions": conditions("cleanlab"),
            "rows": len(rows),
            "labels": [wrong_tones(rows), wrong_topics(rows)],
            "duplicates": [near_duplicates(rows, share) for share in CHANGED],
            "languages": languages(rows),
            "rare": rare_topics(rows),
            "curves": [run for pool in POOLS for seed in SEEDS for run in learning_curves(rows, pool, seed)],
        }
    draw_curves(results["curves"], CHART)
    publish("curation", results, "curation", block(results), CURATION)
    print(block(results))
    return 0


def gold_rows(corpora: Path) -> pd.DataFrame:
    """Read the labelled rows."""
    rows = pd.read_csv(corpora / LABELLED, dtype=str, keep_default_na=False)
    return rows[["text", "topics", "tone", "how"]]


# Audit ----------------------------------------------------------------------------------------------------------------


def wrong_tones(rows: pd.DataFrame, seed: int = PLANTING_SEED) -> dict[str, Any]:
    """Plant wrong tones and look for them."""
    generator = np.random.default_rng(seed)
    planted = generator.permutation(len(rows))[: round(SHARE * len(rows))].tolist()
    names = sorted(set(rows["tone"]) - {""})
    tones = rows["tone"].tolist()
    for row in planted:
        tones[row] = str(generator.choice([name for name in names if name != tones[row]]))
    return {"what": "tone: another one", **_found(rows.assign(tone=tones), "tone", planted)}


def wrong_topics(rows: pd.DataFrame, seed: int = PLANTING_SEED) -> dict[str, Any]:
    """Plant rows in which a topic is dropped, added or swapped, and look for them."""
    generator = np.random.default_rng(seed)
    planted = generator.permutation(len(rows))[: round(SHARE * len(rows))].tolist()
    cells = [set(cell.split("|")) - {""} for cell in rows["topics"]]
    names = sorted(set().union(*cells))
    for row in planted:
        others = [name for name in names if name not in cells[row]]
        way = str(generator.choice(["drop", "add", "swap"] if cells[row] else ["add"]))
        if way != "add":
            cells[row].remove(str(generator.choice(sorted(cells[row]))))
        if way != "drop":
            cells[row].add(str(generator.choice(others)))
    changed = rows.assign(topics=["|".join(sorted(cell)) for cell in cells])
    return {"what": "topics: one dropped, added or swapped", **_found(changed, "topics", planted)}


def _found(rows: pd.DataFrame, column: str, planted: Sequence[int]) -> dict[str, Any]:
    """Audit rows and judge the findings about a column: the first ones, as many as were planted, and all."""
    findings = stance.audit(rows.drop(columns="how"), progress=False)
    found = findings.loc[findings["column"] == column, "row"].tolist()
    first = found[: len(planted)]
    right = set(planted)
    return {
        "planted": len(planted),
        "precision": len(right.intersection(first)) / len(first),
        "recall": len(right.intersection(first)) / len(planted),
        "findings": len(found),
        "precision_of_all": len(right.intersection(found)) / len(found),
        "recall_of_all": len(right.intersection(found)) / len(planted),
    }


def near_duplicates(
    rows: pd.DataFrame, share: float, n_copies: int = N_COPIES, seed: int = PLANTING_SEED
) -> dict[str, Any]:
    """Plant copies with changed words and another tone, and look for them.

    Half of the changed words are left out, half are replaced by words of other rows.
    """
    generator = np.random.default_rng(seed)
    copied = rows.iloc[generator.permutation(len(rows))[:n_copies]]
    words = " ".join(rows["text"].iloc[:n_copies]).split()
    names = sorted(set(rows["tone"]) - {""})
    texts, tones = [], []
    for text, tone in zip(copied["text"], copied["tone"], strict=True):
        kept = []
        for word in text.split():
            dice = generator.random()
            if dice >= share:
                kept.append(word)
            elif dice >= share / 2:
                kept.append(str(generator.choice(words)))
        texts.append(" ".join(kept))
        tones.append(str(generator.choice([name for name in names if name != tone])))
    whole = pd.concat([rows, copied.assign(text=texts, tone=tones)], ignore_index=True)
    findings = stance.audit(whole[["text", "tone"]], progress=False)
    near = findings[findings["problem"] == "near duplicate"]
    sources = dict(zip(range(len(rows), len(whole)), copied.index.tolist(), strict=True))
    hits = set(near["row"]).intersection([*sources, *copied.index])
    found = sum(copy in hits or source in hits for copy, source in sources.items())
    return {"changed": share, "planted": len(copied), "found": found, "others": len(set(near["row"]) - hits)}


def languages(rows: pd.DataFrame) -> dict[str, Any]:
    """Plant the texts of `fixtures/languages.csv` and look for them."""
    foreign = pd.read_csv(ROOT / "fixtures" / "languages.csv", keep_default_na=False)
    whole = pd.concat([rows, foreign[["text"]].assign(tone="neutral")], ignore_index=True)
    findings = stance.audit(whole[["text", "tone"]], progress=False)
    unfamiliar = findings.loc[findings["problem"] == "unfamiliar", "row"]
    found = int((unfamiliar >= len(rows)).sum())
    return {"planted": len(foreign), "found": found, "others": len(unfamiliar) - found}


# Suggest --------------------------------------------------------------------------------------------------------------

Choose = Callable[[stance.Model, pd.DataFrame, int, np.random.Generator], list[int]]
"""Chooses some rows of a pool, by their index."""


def by_suggest(model: stance.Model, pool: pd.DataFrame, n: int, generator: np.random.Generator) -> list[int]:
    """Choose what `stance.suggest` does."""
    return stance.suggest(model, pool[["text"]], n).index.tolist()


def at_random(model: stance.Model, pool: pd.DataFrame, n: int, generator: np.random.Generator) -> list[int]:
    """Choose at random."""
    return generator.choice(pool.index.to_numpy(), n, replace=False).tolist()


WAYS: dict[str, Choose] = {"suggest": by_suggest, "random": at_random}


def rare_topics(rows: pd.DataFrame) -> list[str]:
    """Give the rarest topics of the rows that were drawn at random."""
    counts = rows.loc[rows["how"] == "natural", "topics"].str.split("|").explode().value_counts()
    return sorted(counts.drop("", errors="ignore").index[-N_RARE:])


def learning_curves(
    rows: pd.DataFrame, pool: str, seed: int, sizes: Sequence[int] = range(START, END + 1, STEP)
) -> list[dict[str, Any]]:
    """Label ever more rows of a pool in each way, and judge each time on held-back rows that were drawn at random.

    Parameters
    ----------
    rows : DataFrame
        As of `gold_rows`.
    pool : str
        One of `POOLS`.
    seed : int
        Of the fold that is held back, the rows to begin with, and the random choices.
    sizes : sequence of int
        How many rows are labelled each time.
    """
    rows = rows.drop_duplicates("text").reset_index(drop=True)
    is_held_back = np.random.default_rng(seed).permutation(len(rows)) % N_FOLDS == 0
    test = rows[is_held_back & (rows["how"] == "natural")]
    unlabelled = rows[~is_held_back & rows["how"].isin(POOLS[pool])]
    rare = rare_topics(rows)
    runs = []
    for way, choose in WAYS.items():
        generator = np.random.default_rng(seed)
        chosen = generator.choice(unlabelled.index.to_numpy(), sizes[0], replace=False).tolist()
        for size, following in zip(sizes, [*sizes[1:], sizes[-1]], strict=True):
            model = stance.train(unlabelled.loc[sorted(chosen), ["text", "topics", "tone"]], progress=False)
            runs.append({"pool": pool, "seed": seed, "way": way, "labelled": size, **_scores(model, test, rare)})
            print(runs[-1], file=sys.stderr)
            if following > size:
                chosen += choose(model, unlabelled.drop(index=chosen), following - size, generator)
    return runs


def _scores(model: stance.Model, test: pd.DataFrame, rare: Sequence[str]) -> dict[str, float]:
    report = stance.evaluate(model, test, progress=False)
    assert report.topics is not None
    assert report.tone is not None
    f1 = {name: scores.f1 for name, scores in report.topics.labels.items()}
    return {
        "topics": report.topics.macro_f1,
        "rare": float(np.mean([f1.get(name, 0.0) for name in rare])),
        "tone": report.tone.macro_f1,
    }


# Showing --------------------------------------------------------------------------------------------------------------


def means(curves: Sequence[Mapping[str, Any]], pool: str) -> pd.DataFrame:
    """Give the means over the seeds: a row for each number of labelled rows, columns (measure, way)."""
    table = pd.DataFrame(curves)
    return table[table["pool"] == pool].pivot_table(index="labelled", columns="way", values=list(MEASURES))


def gains(curves: Sequence[Mapping[str, Any]], pool: str) -> pd.DataFrame:
    """Give the gain of `suggest` over random choice for each seed, in the mean over the curve after its beginning."""
    table = pd.DataFrame(curves)
    later = table[(table["pool"] == pool) & (table["labelled"] > table["labelled"].min())]
    by_seed = later.groupby(["way", "seed"])[list(MEASURES)].mean()
    return by_seed.loc["suggest"] - by_seed.loc["random"]


def draw_curves(curves: Sequence[Mapping[str, Any]], file: Path) -> None:
    """Draw the learning curves of the first pool: the mean, and each seed.

    Parameters
    ----------
    curves : sequence of mapping
        As of `learning_curves`.
    file : Path
        The SVG file to write; the same figures give the same bytes.
    """
    pool = next(iter(POOLS))
    mean, table = means(curves, pool), pd.DataFrame([run for run in curves if run["pool"] == pool])
    with svg_figure(file, 1, len(MEASURES), (8.6, 3.2)) as grid:
        for axes, (measure, title) in zip(grid, MEASURES.items(), strict=True):
            for way, label, colour in (("suggest", "by stance.suggest", BLUE), ("random", "at random", GREY)):
                for _, run in table[table["way"] == way].groupby("seed"):
                    axes.plot(run["labelled"], run[measure], color=colour, linewidth=0.6, alpha=0.35)
                axes.plot(mean.index, mean[measure, way], color=colour, marker="o", markersize=3, label=label)
            axes.set(title=title, xlabel="labelled rows", ylabel="macro-F1")
            axes.legend(loc="lower right", frameon=False)


def block(results: Mapping[str, Any]) -> str:
    """Write the tables."""
    parts = [_labels_table(results), _planted_texts(results)]
    parts += [_curve_table(results["curves"], pool) for pool in POOLS]
    parts.append(f"The rare topics are {', '.join(results['rare'])}.\n{conditions_line(results['conditions'])}")
    return "\n\n".join(parts)


def _labels_table(results: Mapping[str, Any]) -> str:
    lines = [
        "| wrong labels | planted | first findings, as many: right | all findings | right | planted found |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in results["labels"]:
        figures = [row["planted"], f"{row['precision']:.3f}", f"{row['findings']:,}"]
        figures += [f"{row['precision_of_all']:.3f}", f"{row['recall_of_all']:.3f}"]
        lines.append(f"| {row['what']} | {' | '.join(map(str, figures))} |")
    return "\n".join(lines)


def _planted_texts(results: Mapping[str, Any]) -> str:
    lines = ["| words changed | near duplicates planted | found | other rows found |", "| --- | --- | --- | --- |"]
    for row in results["duplicates"]:
        lines.append(f"| {row['changed']:.0%} | {row['planted']} | {row['found']} | {row['others']} |")
    foreign = results["languages"]
    said = (
        f"Of {foreign['planted']} rows in 30 other languages {foreign['found']} were found, and of the "
        f"{results['rows']:,} others {foreign['others']}."
    )
    return "\n".join([*lines, "", said])


def _curve_table(curves: Sequence[Mapping[str, Any]], pool: str) -> str:
    titles = [f"{title}, {way}" for title in MEASURES.values() for way in ("suggested", "at random")]
    lines = [f"| labelled, pool: {pool} | {' | '.join(titles)} |", f"| --- {'| --- ' * len(titles)}|"]
    for size, row in means(curves, pool).iterrows():
        figures = [f"{row[measure, way]:.3f}" for measure in MEASURES for way in WAYS]
        lines.append(f"| {size:,} | {' | '.join(figures)} |")
    gain = gains(curves, pool)
    said = [
        f"{title} {gain[measure].mean():+.3f} ({gain[measure].min():+.3f} to {gain[measure].max():+.3f})"
        for measure, title in MEASURES.items()
    ]
    return "\n".join(
        [*lines, "", f"Gain, mean over the curve (least to most of the {len(gain)} seeds): {', '.join(said)}."]
    )


if __name__ == "__main__":
    sys.exit(main())

"""Measure tone by one four-way head and by two yes/no heads, on the same folds: ``python -m training.tone_heads``."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score

from stance.calibration import fit_rule
from stance.counting import Corpus
from stance.heads import Trainer
from stance.labelled import Labelled, Targets
from stance.learning import folds_of
from training.rows import CORPORA, natural_rows, training_rows

TONES = ("cooperative", "tense", "mixed", "neutral")
STRENGTH = 3.0


def main() -> None:
    """Print macro-F1 and accuracy of both, on the rows drawn at random."""
    parser = argparse.ArgumentParser(prog="python -m training.tone_heads")
    parser.add_argument("--corpora", type=Path, default=CORPORA, help="folder with the texts")
    options = parser.parse_args()
    rows = training_rows(options.corpora)
    labelled = Labelled.read(rows, topics=None, group=None).ordered()
    natural = natural_rows(labelled, rows)
    four, _ = Targets.of(labelled, (), TONES)
    names = [TONES[tone] for tone in four.tones]
    is_cooperative = np.array([name in ("cooperative", "mixed") for name in names])
    is_tense = np.array([name in ("tense", "mixed") for name in names])
    two = Targets(np.column_stack([is_cooperative, is_tense]), np.full(len(names), -1), 0)
    corpus = Corpus.read(labelled.texts)
    folds = folds_of(labelled, 0)
    four_way = np.zeros((len(names), 4))
    yes_no = np.zeros((len(names), 2))
    for train_rows, test_rows in folds:
        for targets, decisions in ((four, four_way), (two, yes_no)):
            trainer = Trainer(corpus, targets, 2, -1)
            decisions[test_rows] = trainer.hold_out(train_rows, test_rows, (STRENGTH, STRENGTH)).decisions
    half = yes_no / 2
    cooperative, tense = half[:, 0], half[:, 1]
    # The softmax of these four is the product of the two independent probabilities.
    joined = np.column_stack([cooperative - tense, tense - cooperative, cooperative + tense, -cooperative - tense])
    for name, decisions in (("one four-way head", four_way), ("two yes/no heads", joined)):
        given = _calibrated(decisions, four, folds)
        scores = f1_score(four.tones[natural], given[natural], average="macro")
        print(f"{name}: macro-F1 {scores:.3f}, accuracy {(given == four.tones)[natural].mean():.3f}")


def _calibrated(
    decisions: NDArray[np.float64], targets: Targets, folds: list[tuple[NDArray[np.int64], NDArray[np.int64]]]
) -> NDArray[np.int64]:
    given = np.zeros(len(decisions), dtype=np.int64)
    for train_rows, test_rows in folds:
        rule = fit_rule(decisions[train_rows], targets.take(train_rows), 0)
        given[test_rows] = rule.probabilities(decisions[test_rows]).argmax(axis=1)
    return given


if __name__ == "__main__":
    main()

"""Check that stance scores alike in its three ways: ``python -m benchmarks.equality``.

The compiled kernel, the same sums in NumPy, and the model as a scikit-learn pipeline, over every paragraph there is.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

import stance
from benchmarks.processes import NO_KERNEL, ask_without_kernel
from benchmarks.texts import CORPORA, all_texts

TOLERANCE = 1e-9
CHUNK = 1_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, print the greatest differences, and fail where one is too great or a label differs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.equality", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--corpora", type=Path, default=CORPORA, help="folder with the texts")
    parser.add_argument("--texts", type=int, help="how many paragraphs; by default all of them")
    options = parser.parse_args(arguments)
    if stance.backend() != "compiled":
        print(NO_KERNEL, file=sys.stderr)
        return 2
    texts, origin = all_texts(options.corpora)
    texts = texts[: options.texts]
    pipeline = stance.load().to_sklearn()
    greatest = np.zeros(2)
    n_other_labels = 0
    chunks = [texts[start : start + CHUNK] for start in range(0, len(texts), CHUNK)]
    others = ask_without_kernel("benchmarks.equality", "answers", chunks)
    for chunk, other in tqdm(zip(chunks, others, strict=True), total=len(chunks), unit_scale=CHUNK, unit=" texts"):
        ours = answers(chunk)
        decisions = np.array(ours["decisions"])
        differences = (decisions - other["decisions"], decisions - pipeline.decision_function(chunk))
        greatest = np.maximum(greatest, [np.abs(difference).max() for difference in differences])
        n_other_labels += sum(one != another for one, another in zip(ours["labels"], other["labels"], strict=True))
    print(f"{len(texts):,} different {origin}, {decisions.shape[1]} decision values each")
    print(f"kernel and NumPy: greatest difference {greatest[0]:.2g}; other labels in {n_other_labels:,} texts")
    print(f"kernel and scikit-learn: greatest difference {greatest[1]:.2g}")
    agree = bool((greatest <= TOLERANCE).all()) and n_other_labels == 0
    return 0 if agree else 1


def answers(texts: list[str]) -> dict[str, Any]:
    """Give the decision values and the labels of texts, in what JSON can hold."""
    labels = [[*answer.topics, answer.tone, answer.abstained] for answer in stance.classify_many(texts)]
    return {"decisions": stance.load().decision_function(texts).tolist(), "labels": labels}


if __name__ == "__main__":
    sys.exit(main())

"""What a model makes of texts that are turned round, and of other countries in the same text.

``python -m training.robustness`` prints what it finds for the shipped model; the card has the main figures.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd

import stance

__all__ = ["country_shifts", "reversals"]

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
COUNTRIES = (
    *("Armenia", "Australia", "Brazil", "Britain", "Canada", "Chile", "China", "Cuba", "Egypt", "France", "Georgia"),
    *("Germany", "Ghana", "Greece", "India", "Indonesia", "Iran", "Iraq", "Israel", "Italy", "Japan", "Kenya"),
    *("Mexico", "Nigeria", "Norway", "Pakistan", "Peru", "Poland", "Russia", "Serbia", "Spain", "Syria", "Turkey"),
    *("Ukraine", "Vietnam"),
)


def reversals(model: stance.Model) -> pd.DataFrame:
    """Say of how many pairs in `fixtures/reversals.csv` the cooperative text has the greater tone score.

    Parameters
    ----------
    model : Model

    Returns
    -------
    DataFrame
        A row for each kind of pair, and ``all``: `pairs`, and the share that is `ordered` rightly.
    """
    pairs = pd.read_csv(FIXTURES / "reversals.csv")
    scores = {side: _tone_scores(model, pairs[side].tolist()) for side in ("cooperative", "tense")}
    pairs["ordered"] = scores["cooperative"] > scores["tense"]
    table = pairs.groupby("kind")["ordered"].agg(["size", "mean"])
    table.loc["all"] = [len(pairs), pairs["ordered"].mean()]
    return table.set_axis(["pairs", "ordered"], axis=1).astype({"pairs": int})


def country_shifts(model: stance.Model) -> pd.DataFrame:
    """Say how far the tone score of a paragraph moves when the country that it names becomes another.

    Parameters
    ----------
    model : Model

    Returns
    -------
    DataFrame
        A row for each of `COUNTRIES` that is put in, those that move it farthest first: the `median` of the distances
        and the mean `shift`, below 0 towards tense. The paragraphs are those of `fixtures/paragraphs.csv` that name
        just one of these countries.
    """
    name = re.compile(rf"\b({'|'.join(COUNTRIES)})\b")
    texts = [text for text in pd.read_csv(FIXTURES / "paragraphs.csv")["text"] if len(set(name.findall(text))) == 1]
    before = _tone_scores(model, texts)
    shifts = {}
    for country in COUNTRIES:
        moves = _tone_scores(model, [name.sub(country, text) for text in texts]) - before
        moves = moves[moves != 0]  # a text that named the country already has not moved
        shifts[country] = {"median": np.median(np.abs(moves)), "shift": moves.mean()}
    return pd.DataFrame.from_dict(shifts, orient="index").sort_values("median", ascending=False)


def _tone_scores(model: stance.Model, texts: list[str]) -> np.ndarray:
    return np.array([answer.tone_score for answer in model.classify_many(texts)])


def main() -> int:
    """Print both tables."""
    model = stance.load()
    print(reversals(model).to_string(float_format="{:.2f}".format))
    print(f"\nmoved by another country's name\n{country_shifts(model).to_string(float_format='{:+.3f}'.format)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

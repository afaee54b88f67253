"""The shipped model's answers for 300 texts, none of which taught it; `python tests/test_golden.py` writes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import stance
from stance.scoring import Scorer

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
GOLDEN = FIXTURES / "golden.csv"
TOLERANCE = 1e-6


def texts() -> pd.DataFrame:
    """The texts, in order, with where each stands and the labels that a reader gave it, if one did."""
    kinds = pd.read_csv(FIXTURES / "kinds.csv", keep_default_na=False).rename(columns={"topics": "wanted_topics"})
    kinds = kinds.rename(columns={"tone": "wanted_tone"}).assign(file="kinds.csv", place=range(len(kinds)))
    labels = pd.read_csv(FIXTURES / "article-labels.csv", keep_default_na=False)
    articles = []
    for name, expected in labels.groupby("article"):
        paragraphs = stance.classify_document((FIXTURES / str(name)).read_bytes().decode("utf-8")).paragraphs
        text = [paragraph.text for paragraph in paragraphs]
        wanted = {"wanted_topics": list(expected["topics"]), "wanted_tone": list(expected["tone"])}
        articles.append(pd.DataFrame({"text": text, "file": name, "place": range(len(text)), **wanted}))
    off_topic = pd.read_csv(FIXTURES / "off-topic.csv")
    off_topic = off_topic.assign(file="off-topic.csv", place=range(len(off_topic)), wanted_topics="", wanted_tone="")
    languages = pd.read_csv(FIXTURES / "languages.csv").iloc[:37]
    languages = languages.assign(file="languages.csv", place=range(37), wanted_topics="", wanted_tone="")
    columns = ["file", "place", "wanted_topics", "wanted_tone", "text"]
    return pd.concat([kinds, *articles, off_topic, languages], ignore_index=True)[columns]


def answers(rows: pd.DataFrame, model: stance.Model) -> pd.DataFrame:
    """What a model answers, in the columns of the kept file."""
    found = model.classify_many(rows["text"])
    given = {
        "topics": ["|".join(answer.topics) for answer in found],
        "tone": [answer.tone or "" for answer in found],
        "abstained": [answer.abstained or "" for answer in found],
        "known": [answer.known for answer in found],
    }
    decisions = pd.DataFrame(model.decision_function(rows["text"]), columns=[f"d_{label}" for label in model.labels])
    probabilities = pd.DataFrame(model.predict_proba(rows["text"]), columns=[f"p_{label}" for label in model.labels])
    return pd.concat([rows.drop(columns="text"), pd.DataFrame(given), decisions, probabilities], axis=1)


@pytest.fixture(scope="module")
def kept() -> pd.DataFrame:
    text = ["file", "wanted_topics", "wanted_tone", "topics", "tone", "abstained"]
    return pd.read_csv(GOLDEN, dtype=dict.fromkeys(text, "object"), na_values={}).fillna(dict.fromkeys(text, ""))


def test_the_shipped_model_answers_as_it_did(kept: pd.DataFrame, default_model: stance.Model) -> None:
    assert len(kept) == 300
    found = answers(texts(), default_model)
    assert list(found) == list(kept)
    numbers = ["known", *(name for name in kept if name.startswith(("d_", "p_")))]
    assert len(numbers) == 41
    for name in kept:
        if name not in numbers:
            assert list(found[name]) == list(kept[name]), name
    np.testing.assert_allclose(found[numbers].to_numpy(), kept[numbers].to_numpy(), rtol=0, atol=TOLERANCE)


def test_so_do_the_sums_in_numpy(kept: pd.DataFrame, default_model: stance.Model) -> None:
    scored = Scorer(default_model.parameters).score(list(texts()["text"]))
    for prefix, column in (("d_", scored.decisions), ("p_", scored.probabilities)):
        expected = kept[[name for name in kept if name.startswith(prefix)]].to_numpy()
        np.testing.assert_allclose(np.asarray(column).reshape(expected.shape), expected, rtol=0, atol=TOLERANCE)


def test_the_kept_answers_are_those_of_a_reader_for_the_most_part(kept: pd.DataFrame) -> None:
    read = kept[kept["wanted_tone"] != ""]
    assert len(read) == 223
    assert (read["tone"] == read["wanted_tone"]).mean() >= 0.75
    topical = read[read["wanted_topics"] != ""]
    shares_one = [
        bool({*a.split("|")} & {*b.split("|")})
        for a, b in zip(topical["topics"], topical["wanted_topics"], strict=True)
    ]
    assert np.mean(shares_one) >= 0.85
    assert (kept.loc[kept["file"] == "languages.csv", "abstained"] != "").mean() >= 0.95


if __name__ == "__main__":
    answers(texts(), stance.load()).to_csv(GOLDEN, index=False, float_format="%.8f", lineterminator="\n")

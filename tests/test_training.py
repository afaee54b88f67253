"""The recipe of the shipped model: its labels, its sources, what it says when texts are missing, the small build."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd
import pytest
from conftest import FIXTURES

import stance
from stance.taxonomy import TONES, TOPICS
from training import build
from training.robustness import COUNTRIES, country_shifts, reversals

LABELS = pd.read_csv(build.ROOT / "training" / "labels.csv", keep_default_na=False)
SOURCES = pd.read_csv(build.ROOT / "training" / "sources.csv")


def test_the_labels_hold_no_text() -> None:
    assert list(LABELS.columns) == ["id", "topics", "tone", "source", "how"]
    assert LABELS["id"].str.fullmatch("[0-9a-f]{12}").all()
    assert LABELS["id"].is_unique


def test_the_labels_are_those_of_the_codebook() -> None:
    topics = {topic.name for topic in TOPICS}
    assert {name for cell in LABELS["topics"] if cell for name in cell.split("|")} == topics
    assert set(LABELS["tone"]) == {tone.name for tone in TONES}


def test_every_source_is_named_with_repository_commit_and_licence() -> None:
    assert {*LABELS["source"], "fixtures"} == set(SOURCES["source"])
    assert SOURCES.notna().all(axis=None)


def test_missing_texts_are_said_by_source(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "model.stance"
    assert build.main(["--corpora", str(tmp_path), "--output", str(output)]) == 2
    message = capsys.readouterr().err.splitlines()
    assert message[0] == (
        f"13,640 of the labelled texts are not in {tmp_path}: expected labelled.csv.gz or pool.csv.gz there, gzipped "
        "CSV with the columns id and text."
    )
    assert len(message) == 2 + LABELS["source"].nunique()
    assert message[1].startswith(
        "  5,668 from Wikipedia Portal:Current events: github.com/ianrastall/current-events-context at 4ff6f7d "
        "(CC-BY-SA-4.0), such as id "
    )
    assert message[-1] == "Name the folder with --corpora, or build a smaller model with --fixtures-only."
    assert not output.exists()


def test_a_text_counts_only_under_its_own_id(tmp_path: Path) -> None:
    rows = pd.DataFrame({"id": [build.text_id("one text"), build.text_id("another")], "text": ["one text", "changed"]})
    rows.to_csv(tmp_path / "pool.csv.gz", index=False)
    assert build.read_texts(tmp_path) == {build.text_id("one text"): "one text"}


@pytest.mark.slow
def test_a_smaller_model_is_built_from_the_fixtures_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "small.stance"
    assert build.main(["--fixtures-only", "--output", str(output), "--corpora", str(tmp_path / "none")]) == 0
    model = stance.load(output)
    assert model.topics == tuple(topic.name for topic in TOPICS)
    assert model.card["data"]["rows"] == len(pd.read_csv(FIXTURES / "paragraphs.csv"))
    card = output.with_suffix(".md").read_text(encoding="utf-8")
    assert hashlib.sha256(output.read_bytes()).hexdigest() in card


def test_the_shipped_card_is_that_of_the_shipped_file() -> None:
    folder = build.ROOT / "stance" / "models"
    content = (folder / "default.stance").read_bytes()
    card = (folder / "default.md").read_text(encoding="utf-8")
    assert len(content) < 10_000_000
    assert f"File: {len(content):,} bytes, SHA-256 `{hashlib.sha256(content).hexdigest()}`" in card
    for source in SOURCES.itertuples():
        assert source.name in card
        assert source.licence in card
    scores = stance.load().card["cross_validation_natural"]
    for head in ("topics", "tone"):
        for label, values in scores[head]["labels"].items():
            assert f"\n| {label} | {values['precision']:.3f} | {values['recall']:.3f} |" in card


def test_the_shipped_model_is_as_good_as_is_promised() -> None:
    scores = stance.load().card["cross_validation_natural"]
    assert scores["topics"]["macro_f1"] >= 0.77
    assert scores["tone"]["macro_f1"] >= 0.71
    assert scores["topics"]["calibration_error"] <= 0.04
    assert scores["tone"]["calibration_error"] <= 0.04


def test_reversed_sentences_are_pairs_of_their_kind() -> None:
    pairs = pd.read_csv(FIXTURES / "reversals.csv")
    assert len(pairs) >= 150
    assert pairs["kind"].value_counts().min() >= 20
    both = pd.concat([pairs["cooperative"], pairs["tense"]])
    assert both.is_unique
    for one, other in zip(pairs["cooperative"].str.split(), pairs["tense"].str.split(), strict=True):
        assert len(set(one) & set(other)) >= 3


def test_the_shipped_model_orders_reversed_sentences_and_looks_past_countries(default_model: stance.Model) -> None:
    table = reversals(default_model)
    assert table.loc["all", "pairs"] == table["pairs"].drop("all").sum() >= 150
    assert table.loc["all", "ordered"] >= 0.85
    shifts = country_shifts(default_model)
    assert set(shifts.index) == set(COUNTRIES)
    assert 0 < shifts["median"].median() < 0.1
    assert shifts["median"].is_monotonic_decreasing

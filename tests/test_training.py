"""The recipe of the shipped model: its labels, its sources, what it says when texts are missing, the small build."""

from __future__ import annotations

import hashlib
import random
import re
import string
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import FIXTURES

import stance
from stance import heads
from stance.labelled import Labelled, Targets
from stance.learning import CrossValidation
from stance.taxonomy import TONES, TOPICS
from training import build, charts, embeddings, finetuning, learning_curve, robustness, transfer
from training import teacher as teaching
from training.embeddings import Transformer, folder_of
from training.finetuning import Recipe, Shown
from training.robustness import COUNTRIES, DISTURBANCES, country_shifts, disturbances, kinds, refusals, reversals
from training.rows import (
    ROOT,
    editors_marks,
    fixture_rows,
    read_texts,
    some_sentences,
    taught_texts,
    text_dates,
    text_id,
)
from training.teacher import Teacher, Tuned, shown_by_folds, tuned_on_folds

LABELS = pd.read_csv(ROOT / "training" / "labels.csv", keep_default_na=False)
SOURCES = pd.read_csv(ROOT / "training" / "sources.csv")
needs_solver = pytest.mark.skipif(heads.solver is None, reason="the solver was not compiled")


def test_the_labels_hold_no_text() -> None:
    assert list(LABELS.columns) == ["id", "topics", "tone", "source", "how"]
    assert LABELS["id"].str.fullmatch("[0-9a-f]{12}").all()
    assert LABELS["id"].is_unique


def test_the_errors_that_were_read_are_of_labelled_rows_and_counted_in_the_card() -> None:
    errors = pd.read_csv(ROOT / "training" / "errors.csv")
    assert errors["head"].value_counts().to_dict() == {"tone": 150, "topics": 150}
    assert set(errors["id"]) <= set(LABELS["id"])
    assert not errors.duplicated(["id", "head"]).any()
    card = (ROOT / "stance" / "models" / "default.md").read_text(encoding="utf-8")
    for (_, kind), count in errors.groupby(["head", "kind"]).size().items():
        assert f"| {kind} | {count} |" in card


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
    rows = pd.DataFrame({"id": [text_id("one text"), text_id("another")], "text": ["one text", "changed"]})
    rows.to_csv(tmp_path / "pool.csv.gz", index=False)
    assert read_texts(tmp_path) == {text_id("one text"): "one text"}


def test_taught_texts_are_those_that_nobody_labelled_and_those_written(tmp_path: Path) -> None:
    pool = pd.DataFrame({"text": ["one text", "One  TEXT", "another", "another", "a third"]})
    pool["id"] = ["a", "b", "c", "d", "e"]
    pool["source"] = ["FRUS", "FRUS", "whitehouse.gov blog (x)", "FRUS", "English Wikinews (y)"]
    pool["date"] = ["1961", "1961", "2021-03", "", "2020-01-02"]
    pool["heading"] = ["", "", "Floods", "", "Vote"]
    pool.to_csv(tmp_path / "pool.csv.gz", index=False)
    pool[["id", "text", "date"]].head(1).to_csv(tmp_path / "labelled.csv.gz", index=False)
    events = pd.DataFrame(
        {
            "text": ["A  third", "one text", "a fourth"],
            "category": ["politics", "law", "law"],
            "heading": ["War", "Trial", ""],
            "date": "2022-03-04",
        }
    )
    events.to_csv(tmp_path / "current_events.csv.gz", index=False)
    taught = taught_texts(tmp_path, pd.Series(["ONE text"]))
    written = pd.read_csv(FIXTURES / "writings.csv", keep_default_na=False)
    assert taught.loc[:2, ["kind", "text", "source", "date"]].to_dict("list") == {
        "kind": ["paragraph", "paragraph", "item"],
        "text": ["another", "a third", "a fourth"],
        "source": ["whitehouse", "wikinews", "wikipedia"],
        "date": ["2021-03", "2020-01-02", "2022-03-04"],
    }
    assert taught["text"].tolist()[3:] == written["text"].tolist()
    assert taught.loc[:2, ["topics", "tone"]].eq("").all(axis=None)
    assert taught.loc[3:, ["topics", "tone"]].to_numpy().tolist() == written[["topics", "tone"]].to_numpy().tolist()
    assert set(taught.loc[3:, "source"]) == {"fixtures"}
    left = taught[:2]
    marks = editors_marks(tmp_path, left["text"])
    assert marks.to_dict("list") == {"category": ["", "politics"], "heading": ["", "War"]}
    assert text_dates(tmp_path) == {"a": "1961", "b": "1961", "c": "2021-03", "d": "", "e": "2020-01-02"}


def test_some_sentences_are_taken_of_each_paragraph_that_has_several() -> None:
    three = [
        "The two ministers met in Rome on Monday.",
        '"We shall meet again in the autumn."',
        "So they said to us all.",
    ]
    texts = pd.DataFrame({"text": [" ".join(three), "Short. Too short. Hm.", "No end"], "kind": "paragraph"})
    chosen = some_sentences(texts)
    assert sorted(chosen["text"]) == sorted(three)
    assert set(chosen["kind"]) == {"sentence"}
    assert some_sentences(texts.assign(kind="item")).empty
    many = pd.DataFrame(
        {
            "text": [" ".join(f"There were {number} of them on day {day}." for day in "abcde") for number in range(60)],
            "kind": "paragraph",
        }
    )
    some = some_sentences(many)["text"]
    assert len(some) == 180
    assert {text[-2] for text in some} == set("abcde")
    assert sorted(some_sentences(many.sample(frac=1, random_state=0))["text"]) == sorted(some)


def embed_by_letters(texts: Sequence[str]) -> np.ndarray:
    """Stand in for a transformer: how often each letter comes."""
    return np.array([[text.lower().count(letter) for letter in string.ascii_lowercase] for text in texts], np.float32)


TWO_TOPICS = ("security", "trade")


def rows_and_targets() -> tuple[Labelled, Targets]:
    rows = fixture_rows()
    labelled = Labelled.read(rows, group=None)
    return labelled, Targets.of(labelled, TWO_TOPICS, tuple(tone.name for tone in TONES))[0]


def taught_by(texts: Sequence[str], kind: Sequence[str] | str = "paragraph") -> pd.DataFrame:
    """Make texts that nobody labelled."""
    return pd.DataFrame({"text": texts, "kind": kind, "source": "fixtures", "date": "", "topics": "", "tone": ""})


@needs_solver
def test_a_teacher_labels_by_words_meaning_and_editors_marks() -> None:
    labelled, targets = rows_and_targets()
    asked = ["The troops shelled the border town.", "Steel tariffs were cut.", "The parties met."]
    known = "A tariff war, with troops."
    taught = taught_by(asked)
    taught.loc[3] = {"text": known, "topics": "trade|security", "tone": "mixed"}
    marked = ["security" if topics == ("security",) else "" for topics in labelled.topics or []]
    marks = pd.DataFrame({"category": [*marked, "", "", "security", ""], "heading": ""})
    marks.loc[len(marks) - 3, "heading"] = "Tariffs"
    marks.loc[:5, "heading"] = "Tariffs talks"  # a heading counts from three texts on
    teacher = Teacher(labelled.texts, taught, marks, embed_by_letters, TWO_TOPICS)
    assert teacher.texts == [*asked, known]
    assert teacher.weight == 1
    given = teacher.label(labelled, targets)
    assert given.shape == (4, 6)
    assert given[3].tolist() == [1, 1, 0, 0, 1, 0]
    assert given.dtype == np.float32
    np.testing.assert_allclose(given[:, 2:].sum(axis=1), 1.0, rtol=1e-5)
    security, trade = given[:, 0], given[:, 1]
    assert security[0] > security[1]
    assert trade[1] > trade[0]
    unmarked = Teacher(labelled.texts, taught, marks.assign(category=""), embed_by_letters, TWO_TOPICS)
    assert security[2] > 2 * unmarked.label(labelled, targets)[2, 0]


@needs_solver
def test_a_teacher_learns_only_from_the_rows_that_it_is_shown() -> None:
    labelled, targets = rows_and_targets()
    marks = pd.DataFrame({"category": [""] * (len(labelled) + 1), "heading": ["Tariffs"] * (len(labelled) + 1)})
    teacher = Teacher(labelled.texts, taught_by(["Steel tariffs were cut."]), marks, embed_by_letters, TWO_TOPICS)
    shown = np.flatnonzero(~targets.topics[:, 1])
    blind = teacher.label(labelled.take(shown.tolist()), targets.take(shown))
    assert blind[0, 1] < 0.01 < teacher.label(labelled, targets)[0, 1]


@needs_solver
def test_a_teacher_hears_transformers_that_saw_no_more_than_it_may() -> None:
    labelled, targets = rows_and_targets()
    marks = pd.DataFrame({"category": "", "heading": "Tariffs"}, range(len(labelled) + 1))
    everything = frozenset(labelled.texts)
    fewer = everything.difference(labelled.texts[:1])
    sure = np.array([[9.0, -9, 9, -9, -9, -9]])

    def says(tuned: Sequence[Tuned], shown: Labelled) -> list[float]:
        asked = taught_by(["Steel tariffs were cut."])
        teacher = Teacher(labelled.texts, asked, marks, embed_by_letters, TWO_TOPICS, tuned=tuned)
        return teacher.label(shown, targets.take(np.arange(len(shown))))[0].tolist()

    alone = says([], labelled)
    assert says([Tuned(everything, sure)], labelled)[:3] > alone[:3]
    assert says([Tuned(everything, sure), Tuned(fewer, sure)], labelled) == says([Tuned(fewer, sure)], labelled)
    part = labelled.take(range(len(labelled) - 1))
    assert says([Tuned(everything, sure)], part) == says([], part)


def test_each_fold_shows_its_rows_and_the_written_texts() -> None:
    rows = fixture_rows()
    taught = taught_by(["Steel tariffs were cut.", "A border war began."])
    taught.loc[1, ["topics", "tone"]] = "security", "tense"
    folds = shown_by_folds(rows, taught)
    assert len(folds) == 5
    for shown in folds:
        assert shown.texts[-1] == "A border war began."
        assert shown.topics[-1].sum() == 1
        assert len(shown.texts) == len(shown.topics) == len(shown.tones) > 0.75 * len(rows)
        assert "Steel tariffs were cut." not in shown.texts
    for text in rows["text"].head(20):
        assert sum(text in shown.texts for shown in folds) == 4


def test_transformers_are_trained_once_and_know_what_they_saw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[int] = []

    def train(recipe: Recipe, shown: Shown) -> dict[str, Any]:
        trained.append(len(shown.texts))
        return {"n_seen": np.array(len(shown.texts))}

    def decide(recipe: Recipe, weights: Sequence[dict[str, Any]], texts: list[str]) -> list[Any]:
        return [np.full((len(texts), 20), some["n_seen"]) for some in weights]

    monkeypatch.setattr(finetuning, "CACHE", tmp_path)
    monkeypatch.setattr(finetuning, "_trained", train)
    monkeypatch.setattr(finetuning, "_decisions", decide)
    rows, taught = fixture_rows(), taught_by(["Steel tariffs were cut."])
    tuned = [tuned_on_folds(rows, taught) for _ in range(2)][1]
    assert len(trained) == len(tuned) == 5
    for some, n_seen in zip(tuned, trained, strict=True):
        assert len(some.shown) == n_seen == some.decisions[0, 0]


def test_batches_hold_every_text_once_and_texts_of_like_length() -> None:
    lengths = [(7 * place) % 1000 for place in range(1700)]
    batches = finetuning._batches(lengths, random.Random(0))
    assert sorted(row for batch in batches for row in batch) == list(range(1700))
    assert max(map(len, batches)) == finetuning.BATCH
    assert np.median([np.ptp([lengths[row] for row in batch]) for batch in batches]) < 50


class Installed:
    """A file of an installed package."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def locate(self) -> Path:
        return self.path


def test_a_transformer_is_put_together_from_parts_and_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = b"weights" * 100
    archive = tmp_path / "tiny.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("tiny/model.safetensors", weights)
    content = archive.read_bytes()
    half = len(content) // 2
    parts = {"part-2": tmp_path / "tiny.zip.002", "part-1": tmp_path / "tiny.zip.001"}
    parts["part-1"].write_bytes(content[:half])
    parts["part-2"].write_bytes(content[half:])
    monkeypatch.setattr(embeddings, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(embeddings.metadata, "files", lambda name: [Installed(parts[name])])
    tiny = Transformer("tiny", tuple(parts), hashlib.sha256(weights).hexdigest(), "MIT")
    assert (folder_of(tiny) / "model.safetensors").read_bytes() == weights
    whole = {"whole": tmp_path / "cache" / "tiny" / "model.safetensors"}
    monkeypatch.setattr(embeddings.metadata, "files", lambda name: [Installed(whole[name])])
    assert folder_of(replace(tiny, packages=("whole",))) == tmp_path / "cache" / "tiny"
    with pytest.raises(ValueError, match=r"^expected weights with the SHA-256 0000, but those in .*tiny have [0-9a-f]"):
        folder_of(replace(tiny, packages=("whole",), sha256="0000"))


def test_embeddings_are_kept_and_stand_in_the_order_of_the_texts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    class Model:
        def encode(self, texts: list[str], **options: object) -> Any:
            asked.append(texts)
            return SimpleNamespace(float=lambda: SimpleNamespace(numpy=lambda: embed_by_letters(texts)))

    monkeypatch.setattr(embeddings, "CACHE", tmp_path)
    monkeypatch.setattr(embeddings, "PART", 2)
    monkeypatch.setattr(embeddings, "_loaded", lambda transformer: Model())
    texts = ["banana", "a", "cabbage", "bb", "abc"]
    tiny = Transformer("tiny", (), "", "")
    for _ in range(2):
        np.testing.assert_array_equal(embeddings.embed(tiny, texts), embed_by_letters(texts))
        embeddings._known.cache_clear()  # as in another process
    assert asked == [["a", "bb"], ["abc", "banana"], ["cabbage"]]
    np.testing.assert_array_equal(embeddings.embed(tiny, ["a", "new", "a"]), embed_by_letters(["a", "new", "a"]))
    assert asked[3:] == [["new"]]


def test_the_build_says_what_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*arguments: object) -> None:
        raise PackageNotFoundError("some-weights")

    monkeypatch.setattr(build, "training_rows", lambda corpora: fixture_rows())
    monkeypatch.setattr(build, "taught_texts", lambda corpora, labelled: None)
    monkeypatch.setattr(build, "tuned_on_folds", fails)
    assert build.main(["--output", str(tmp_path / "model.stance")]) == 2
    assert capsys.readouterr().err == (
        "The build needs more packages (No package metadata was found for some-weights): "
        "pip install -r training/requirements.txt\n"
    )


@needs_solver
@pytest.mark.slow
def test_a_model_is_built_with_a_teacher(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = pd.read_csv(FIXTURES / "reversals.csv")["tense"].tolist()
    taught = taught_by(asked, ["paragraph", "item", "sentence", "written", "off-topic"] * (len(asked) // 5))
    monkeypatch.setattr(build, "training_rows", lambda corpora: fixture_rows().assign(how="natural"))
    monkeypatch.setattr(build, "taught_texts", lambda corpora, labelled: taught)
    monkeypatch.setattr(
        teaching, "editors_marks", lambda corpora, texts: pd.DataFrame({"category": "", "heading": "News"}, texts.index)
    )
    monkeypatch.setattr(build, "embed", lambda transformer, texts: embed_by_letters(texts))
    monkeypatch.setattr(build, "tuned_on_folds", lambda rows, taught: [])
    monkeypatch.setattr(learning_curve, "SIZES", (100, 200))
    output = tmp_path / "taught.stance"
    assert build.main(["--output", str(output)]) == 0
    card = stance.load(output).card
    assert card["data"]["rows"] == len(fixture_rows())
    assert card["teacher"]["texts"] == 5 * card["teacher"]["kinds"]["item"] == len(taught)
    assert [source["taught"] for source in card["sources"]] == [len(taught)]
    written = output.with_suffix(".md").read_text(encoding="utf-8")
    for transformer in (card["teacher"]["embeddings"], card["teacher"]["fine_tuned"]):
        assert transformer["name"] in written
    shown = re.findall(r"!\[.*?\]\((.*?)\)", written)
    assert shown == [f"taught-{chart}.svg" for chart in ("reliability", "precision-recall", "learning-curve")]
    assert all((tmp_path / chart).exists() for chart in shown)
    capsys.readouterr()


@needs_solver
@pytest.mark.slow
def test_more_rows_are_learned_from_step_by_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = fixture_rows().assign(how=["natural", "other"] * 230)
    learned: list[set[str]] = []

    def teacher_of(corpora: Path, rows: pd.DataFrame, taught: pd.DataFrame, embed: Any) -> Teacher:
        learned.append(set(rows["text"]))
        return teaching.teacher_of(corpora, rows, taught, embed)

    monkeypatch.setattr(
        teaching, "editors_marks", lambda corpora, texts: pd.DataFrame({"category": "", "heading": "News"}, texts.index)
    )
    monkeypatch.setattr(learning_curve, "teacher_of", teacher_of)
    monkeypatch.setattr(learning_curve, "SIZES", (100, 300))
    monkeypatch.setattr(learning_curve, "training_rows", lambda corpora: rows)
    monkeypatch.setattr(learning_curve, "taught_texts", lambda corpora, labelled: taught_by(["Talks ", "A war "] * 2))
    monkeypatch.setattr(learning_curve, "embed", lambda transformer, texts: embed_by_letters(texts))
    assert learning_curve.main(["--corpora", str(tmp_path)]) == 0
    assert [len(texts) for texts in learned] == [100, 300, len(rows["text"])]
    assert learned[0] < learned[1]
    taught = taught_by(["Talks began."])
    table = learning_curve.learning_curve(tmp_path, rows, taught, embed_by_letters)
    natural = rows[rows["how"] == "natural"]
    assert table["rows"].tolist() == [100, 300, len(rows) * 4 // 5]
    unseen = [(~natural["text"].isin(texts)).sum() for texts in learned[:2]]
    assert table["judged"].tolist() == [*unseen, len(natural)]
    assert table["tone macro-F1"].between(0.2, 1).all()


def test_charts_show_what_was_answered(tmp_path: Path) -> None:
    labelled, targets = rows_and_targets()
    n_rows = len(labelled)
    probabilities = np.hstack([targets.topics * 0.8 + 0.1, np.eye(4)[targets.tones] * 0.6 + 0.1])
    given = [tuple(np.flatnonzero(row).tolist()) for row in targets.topics]
    tones = tuple(tone.name for tone in TONES)
    validation = CrossValidation(TWO_TOPICS, tones, labelled, targets, probabilities, given)
    rows = range(0, n_rows, 2)
    charts.draw_reliability(validation, rows, tmp_path / "a.svg")
    charts.draw_precision_recall(validation, rows, tmp_path / "b.svg")
    table = pd.DataFrame({"rows": [10, 100], "topics macro-F1": [0.25, 0.5], "tone macro-F1": [0.125, 0.375]})
    charts.draw_learning_curve(table, tmp_path / "c.svg")
    texts = {name: (tmp_path / f"{name}.svg").read_text(encoding="utf-8") for name in "abc"}
    for name, words in (
        ("a", ["expected calibration error 0.100", "expected calibration error 0.300", "measured, 95 %"]),
        ("b", [*TWO_TOPICS, *tones, "recall", "precision"]),
        ("c", ["0.250", "0.500", "0.125", "0.375", "10", "100"]),
    ):
        for word in words:
            assert f"<!-- {word} -->" in texts[name]
    charts.draw_reliability(validation, rows, tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_text(encoding="utf-8") == texts["a"]


@needs_solver
@pytest.mark.slow
def test_what_is_left_out_is_neither_seen_nor_taught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = fixture_rows().assign(how="natural")
    rows["source"] = np.where(np.arange(len(rows)) % 3, "kept", "left")
    taught = taught_by(["Talks began.", "Shells fell."]).assign(source=["kept", "left"])
    seen: list[tuple[set[str], list[str]]] = []

    def teacher_of(corpora: Path, rows: pd.DataFrame, taught: pd.DataFrame, embed: Any) -> Teacher:
        seen.append((set(rows["source"]), taught["text"].tolist()))
        return teaching.teacher_of(corpora, rows, taught, embed)

    monkeypatch.setattr(
        teaching,
        "editors_marks",
        lambda corpora, texts: pd.DataFrame({"category": "", "heading": "News desk"}, texts.index),
    )
    monkeypatch.setattr(transfer, "LEFT_OUT", ("left",))
    monkeypatch.setattr(transfer, "FIRST_LATE_YEAR", "2020")
    monkeypatch.setattr(transfer, "training_rows", lambda corpora: rows)
    monkeypatch.setattr(transfer, "taught_texts", lambda corpora, labelled: taught)
    monkeypatch.setattr(transfer, "text_dates", lambda corpora: dict.fromkeys(rows["id"][::2], "2021-01-01"))
    monkeypatch.setattr(transfer, "embed", lambda transformer, texts: embed_by_letters(texts))
    monkeypatch.setattr(transfer, "teacher_of", teacher_of)
    assert transfer.main(["--corpora", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines[1:]] == [
        ["left", "no", str((rows["source"] == "left").sum())],
        ["2020", "and", "later"],
        ["left", "yes", str((rows["source"] == "left").sum())],
        ["2020", "and", "later"],
    ]
    both = taught["text"].tolist()
    assert seen == [({"kept", "left"}, both), ({"kept"}, both[:1]), ({"kept", "left"}, both)]


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
    folder = ROOT / "stance" / "models"
    content = (folder / "default.stance").read_bytes()
    card = (folder / "default.md").read_text(encoding="utf-8")
    assert len(content) < 10_000_000
    assert f"File: {len(content):,} bytes, SHA-256 `{hashlib.sha256(content).hexdigest()}`" in card
    for source in SOURCES.itertuples():
        assert source.name in card
        assert source.licence in card
    facts = stance.load().card
    assert sum(source["rows"] for source in facts["sources"]) == facts["data"]["rows"]
    assert sum(source["taught"] for source in facts["sources"]) == facts["teacher"]["texts"] > 40_000
    scores = stance.load().card["cross_validation_natural"]
    for head in ("topics", "tone"):
        for label, values in scores[head]["labels"].items():
            assert f"\n| {label} | {values['precision']:.3f} | {values['recall']:.3f} |" in card


def test_the_shipped_model_is_as_good_as_is_promised() -> None:
    scores = stance.load().card["cross_validation_natural"]
    assert scores["topics"]["macro_f1"] >= 0.80
    assert min(label["f1"] for label in scores["topics"]["labels"].values()) >= 0.60
    assert scores["tone"]["macro_f1"] >= 0.75
    assert scores["tone"]["accuracy"] >= 0.79
    assert scores["topics"]["calibration_error"] <= 0.03
    assert scores["tone"]["calibration_error"] <= 0.03


def test_reversed_sentences_are_pairs_of_their_kind() -> None:
    pairs = pd.read_csv(FIXTURES / "reversals.csv")
    assert len(pairs) >= 150
    assert pairs["kind"].value_counts().min() >= 20
    both = pd.concat([pairs["cooperative"], pairs["tense"]])
    assert both.is_unique
    for one, other in zip(pairs["cooperative"].str.split(), pairs["tense"].str.split(), strict=True):
        assert len(set(one) & set(other)) >= 3


def test_the_shipped_model_reads_kinds_of_text_that_it_was_not_taught(default_model: stance.Model) -> None:
    suite = pd.read_csv(FIXTURES / "kinds.csv", keep_default_na=False)
    table = kinds(default_model)
    assert table["texts"].to_dict() == {**suite["kind"].value_counts().to_dict(), "all": len(suite)}
    assert table["refused"].sum() == 0
    assert table.loc["all", "tone"] >= 0.75
    assert table.loc["all", "topics"] >= 0.73
    assert (table["topics, second annotator"] > 0.9).all()


def test_english_is_not_refused(default_model: stance.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [
        "The ministers signed a trade accord.",
        "1 2 33 44 555 666 7777 8888 99999 101010",
        "Die Minister haben sich geeinigt.",
    ]
    pd.DataFrame({"text": texts}).to_csv(tmp_path / "some.csv.gz")
    monkeypatch.setattr(robustness, "ENGLISH", ("some.csv.gz",))
    found = refusals(default_model, tmp_path).loc["some.csv.gz"]
    assert found.tolist() == [3, pytest.approx(2 / 3), 2, 0.5]


def test_the_shipped_model_reads_text_as_it_arrives(default_model: stance.Model) -> None:
    table = disturbances(default_model)
    assert set(table.index) == set(DISTURBANCES)
    assert (table.pop("texts") > 80).all()
    for same in ("capitals", "in quotation marks", "a list"):
        assert table.loc[same].tolist() == [1, 1]
    much = table.drop("ten times over")
    assert much.min().min() >= 0.9
    assert table.loc["ten times over"].min() >= 0.6
    assert table.max().max() == 1 > table.min().max()
    texts = {name: disturbed("The organisation’s defence programme grew.") for name, disturbed in DISTURBANCES.items()}
    assert len(set(texts.values())) == len(texts)
    assert texts["American spelling"] == "The organization’s defense program grew."
    assert texts["typos in a third of the long words"] == "The oragnisation’s defence programme grew."


def test_the_shipped_model_orders_reversed_sentences_and_looks_past_countries(default_model: stance.Model) -> None:
    table = reversals(default_model)
    assert table.loc["all", "pairs"] == table["pairs"].drop("all").sum() >= 150
    assert table.loc["all", "ordered"] >= 0.85
    shifts = country_shifts(default_model)
    assert set(shifts.index) == set(COUNTRIES)
    assert 0 < shifts["median"].median() < 0.1
    assert shifts["median"].is_monotonic_decreasing

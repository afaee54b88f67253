from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import warnings
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits

import stance
from stance import heads, learning
from stance.errors import StanceWarning, TrainingError
from stance.heads import Trainer
from stance.labelled import Labelled, Targets
from stance.learning import CrossValidation, fit, folds_of
from stance.parameters import to_bytes

ROOT = Path(__file__).resolve().parent.parent
WORDS = ["treaty", "troops", "tariff", "vaccine", "border", "election", "harvest", "missile", "reform", "summit"]
TOO_FEW = (
    "{} rows are too few to cross-validate (at least 10 different texts or groups are needed): probabilities are not "
    "calibrated and every threshold is 0.5"
)
TOO_RARE = (
    "too few rows to cross-validate (fewer than 5): {}. Such a topic shares the calibration and the median threshold "
    "of the others; with such a tone, tone is not calibrated"
)


def frame(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame(columns)


def trained(data: Any, **options: Any) -> tuple[stance.Model, list[str]]:
    """The model and the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = stance.train(data, **{"n_jobs": 1, "progress": False, **options})
    assert all(warning.category is StanceWarning for warning in caught)
    return model, [str(warning.message) for warning in caught]


def bytes_of(data: Any, **options: Any) -> bytes:
    return to_bytes(trained(data, **options)[0].parameters)


def complaint(data: Any) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StanceWarning)
        with pytest.raises(TrainingError) as caught:
            stance.train(data, progress=False)
    return str(caught.value)


def made_rows(n_rows: int = 30) -> pd.DataFrame:
    """Rows whose first words say their labels; each label is common."""
    generator = np.random.default_rng(0)
    kinds = np.arange(n_rows) % 3
    return frame(
        text=[" ".join([WORDS[kind], *generator.choice(WORDS, 6)]) for kind in kinds],
        topics=[["trade", "security|Überblick", ""][kind] for kind in kinds],
        tone=[["cooperative", "tense", "gemischt"][kind] for kind in kinds],
    )


ROWS = made_rows()
PLAIN = Labelled.read(ROWS)


@pytest.fixture(scope="module")
def made() -> tuple[stance.Model, CrossValidation]:
    """The model of the rows and its cross-validation."""
    model, validation = fit(PLAIN, 0, 1, False)
    assert validation is not None
    return model, validation


# The least there is to learn from -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "topics", "tones"),
    [
        ({"topics": ["trade", "health"]}, ("trade", "health"), ()),
        ({"tone": ["tense", "neutral"]}, (), ("tense", "neutral")),
        ({"topics": ["trade", ""], "tone": ["tense", "neutral"]}, ("trade",), ("tense", "neutral")),
        ({"topics": ["trade", "health"], "tone": ["", None]}, ("trade", "health"), ()),
        ({"topics": ["", None], "tone": ["tense", "neutral"]}, (), ("tense", "neutral")),
    ],
)
def test_two_rows_are_enough(columns: dict[str, Any], topics: tuple[str, ...], tones: tuple[str, ...]) -> None:
    model, messages = trained(frame(text=["tariffs rise", "viruses spread"], **columns))
    assert (model.topics, model.tones) == (topics, tones)
    assert messages == [TOO_FEW.format(2)]
    answers = model.classify_many(["tariffs rise", "viruses spread"])
    wanted = [({*filter(None, [row])}) for row in columns.get("topics", [])]
    assert [set(answer.topics) for answer in answers] == (wanted or [set(), set()])
    assert [answer.tone for answer in answers] == [name or None for name in columns.get("tone", ["", ""])]


def test_too_few_rows_leave_the_probabilities_as_they_are() -> None:
    data = frame(text=["tariffs rise", "viruses spread"], topics=["trade", "health"], tone=["tense", "neutral"])
    model = trained(data)[0]
    expected = (np.ones(2), np.zeros(2), np.eye(2), np.zeros(2), np.full(2, 0.5), 2.0, 1)
    for value, wanted in zip(astuple(model.parameters.rule), expected, strict=True):
        np.testing.assert_array_equal(value, wanted)
    assert model.parameters.min_known == 0
    assert model.parameters.max_mean_idf == model.parameters.unknown_idf
    assert "cross_validation" not in model.card


def test_nine_texts_are_too_few_and_ten_are_enough() -> None:
    rows = frame(text=WORDS, tone=["tense", "neutral"] * 5)
    assert trained(rows.iloc[:9])[1] == [TOO_FEW.format(9)]
    model, messages = trained(rows)
    assert messages == []
    assert model.card["cross_validation"]["n_rows"] == 10


@pytest.mark.parametrize(("topic", "shown"), [("oil\ngas", r"'oil\\ngas'"), ("oil\ud800", r"'oil\\ud800'")])
def test_labels_that_no_file_can_hold_are_refused(topic: str, shown: str) -> None:
    rows = frame(text=["peace talks", "oil and gas"], topics=pd.Series(["peace", topic], dtype=object))
    with pytest.raises(
        stance.TrainingError, match=f"^expected labels of one line and of whole characters, but got {shown}$"
    ):
        stance.train(rows)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (frame(text=[], topics=[]), "expected at least 2 rows with text, but got 0: add labelled rows"),
        (frame(text=["peace"], topics=["a"]), "expected at least 2 rows with text, but got 1: add labelled rows"),
        (
            frame(text=["peace", " \n", None], tone=["a", "b", "c"]),
            "expected at least 2 rows with text, but got 1: add labelled rows",
        ),
        (
            frame(text=["peace", "war"], topics=["", None], tone=[None, " "]),
            "expected at least one labelled row, but every label cell is empty",
        ),
        (
            frame(text=["peace", "war"], topics=["", "|"]),
            "expected at least one labelled row, but every label cell is empty",
        ),
        (
            frame(text=["peace", "war"], topics=["x|z|y", "w"], tone=["y", "x"]),
            "expected different names for topics and tones, but both have x, y",
        ),
        (
            frame(text=["a b", "?!"], topics=["x", "y"], tone=["u", "v"]),
            "expected texts with words, but none of the 2 has one of two or more letters",
        ),
    ],
)
def test_what_cannot_be_learned_from_is_said(data: pd.DataFrame, message: str) -> None:
    assert complaint(data) == message


# Labels ---------------------------------------------------------------------------------------------------------------


def test_labels_may_be_named_in_any_language() -> None:
    data = frame(
        text=["жители пришли", "рынок вырос", "και πάλι", "سلام جديد"],
        topics=["торговля", "贸易|هجرة", "Ελλάδα", "two words"],
        tone=["спокойно", "緊張", "🙂", "N/A-tone"],
    )
    model = trained(data)[0]
    assert model.topics == ("two words", "Ελλάδα", "торговля", "هجرة", "贸易")
    assert model.tones == ("N/A-tone", "спокойно", "緊張", "🙂")
    assert set(model.classify("рынок вырос").topics) == {"贸易", "هجرة"}
    assert model.classify("και πάλι").tone == "🙂"


def test_labels_of_the_codebook_come_first_and_in_its_order(made: tuple[stance.Model, CrossValidation]) -> None:
    assert made[0].topics == ("security", "trade", "Überblick")
    assert made[0].tones == ("cooperative", "tense", "gemischt")


def test_the_card_counts_rows_and_names_the_settings(made: tuple[stance.Model, CrossValidation]) -> None:
    card = made[0].card
    assert card["data"] == {"rows": 30, "sha256": PLAIN.ordered().digest()}
    assert set(card["settings"]) == {"C", "random_state"}
    assert json.loads(json.dumps(card, allow_nan=False)) == card


def test_no_text_gets_more_topics_than_a_row_had(made: tuple[stance.Model, CrossValidation]) -> None:
    assert made[0].parameters.rule.max_topics == 2


def test_a_single_tone_is_given_to_every_text() -> None:
    model, messages = trained(frame(text=WORDS, tone=["tense", *[""] * 9]))
    assert messages == [
        "the tone column has only the label 'tense': every text will get it",
        "row 0: column 'tone': " + TOO_RARE.format("'tense' (1)"),
    ]
    assert {(answer.tone, answer.tones["tense"]) for answer in model.classify_many(WORDS)} == {("tense", 1.0)}


def test_a_topic_of_every_row_is_given_to_every_text() -> None:
    data = frame(text=WORDS, topics=["all|odd", "all"] * 5)
    model, messages = trained(data)
    assert messages == []
    assert all("all" in answer.topics for answer in model.classify_many(WORDS))
    assert not model.parameters.weights[:, model.labels.index("all")].any()
    assert model.parameters.weights[:, model.labels.index("odd")].any()
    report = model.card["cross_validation"]["topics"]
    assert report["labels"]["all"]["f1"] == 1


def test_labels_too_rare_to_cross_validate_are_named() -> None:
    data = frame(text=WORDS, topics=["a|b"] * 4 + ["b"] * 5 + ["c"], tone=["u"] * 9 + ["v"])
    model, messages = trained(data)
    assert messages == ["row 0: column 'topics': " + TOO_RARE.format("'a' (4), 'c' (1), 'v' (1)")]
    assert model.labels == ("a", "b", "c", "u", "v")
    np.testing.assert_array_equal(model.parameters.rule.tone_matrix, np.eye(2))


def test_a_rare_tone_is_named_with_its_row() -> None:
    messages = trained(frame(text=WORDS, tone=["u"] * 9 + ["v"]))[1]
    assert messages == ["row 9: column 'tone': " + TOO_RARE.format("'v' (1)")]


def test_tones_missing_from_training_folds_are_no_trouble() -> None:
    # Texts of one group are held out together, and here a group has a tone for itself.
    data = ROWS.assign(group=[f"g{number % 10}" for number in range(30)])
    data.loc[data["group"] == "g3", "tone"] = "seltsam"
    model, messages = trained(data)
    assert messages == [f"row 3: column 'tone': {TOO_RARE.format(repr('seltsam') + ' (3)')}"]
    tone = model.card["cross_validation"]["tone"]
    assert tone["labels"]["seltsam"] == {
        "precision": 0,
        "recall": 0,
        "f1": 0,
        "average_precision": pytest.approx(tone["labels"]["seltsam"]["average_precision"]),
        "support": 3,
    }


def test_folds_whose_training_texts_have_no_word_are_no_trouble() -> None:
    data = frame(
        text=["?", "!", ".", ";", ":", "-", "/", "(", ")", "treaty"],
        topics=["x"] * 5 + ["y"] * 5,
        tone=["u", "v"] * 5,
    )
    assert trained(data)[0].classify("treaty").abstained is None


# Warnings -------------------------------------------------------------------------------------------------------------


def test_rows_without_text_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("text,topics\npeace treaty,x\n,y\n  ,y\nwar,z\n", encoding="utf-8")
    model, messages = trained(path)
    assert messages == [f"{path}:3: no text; 2 such rows are left out", TOO_FEW.format(2)]
    assert model.topics == ("x", "z")
    assert to_bytes(model.parameters) == bytes_of(frame(text=["peace treaty", "war"], topics=["x", "z"]))


def test_contradicting_rows_are_named_and_kept() -> None:
    data = frame(
        text=["war", "peace", "war", "war", "peace"],
        topics=["x", "y", "x|z", "x", "y"],
        tone=["u", "v", None, "v", "v"],
    )
    model, messages = trained(data)
    assert messages == [
        "row 2: column 'topics': the same text as row 0, but labelled 'x|z' instead of 'x'; 1 such rows, all are kept",
        "row 3: column 'tone': the same text as row 0, but labelled 'v' instead of 'u'; 1 such rows, all are kept",
        TOO_FEW.format(5),
    ]
    assert model.card["data"]["rows"] == 5


def test_rows_that_agree_are_no_contradiction() -> None:
    data = frame(text=["war", "war", "war", "peace"], topics=["x|z", "z|x", ["z", "x"], ""], tone=["u", "u", "", "v"])
    assert trained(data)[1] == [TOO_FEW.format(4)]


def test_warnings_point_to_the_call_of_train() -> None:
    data = frame(text=["war", "war", None], topics=["x", "y", "z"], tone=["u", "u", "u"])
    with pytest.warns(StanceWarning) as caught:
        stance.train(data, progress=False)
    assert [Path(warning.filename).name for warning in caught] == [Path(__file__).name] * 4


@pytest.mark.parametrize(("progress", "is_shown"), [(True, True), (False, False)])
def test_progress_is_shown_on_standard_error(
    capsys: pytest.CaptureFixture[str], progress: bool, is_shown: bool
) -> None:
    trained(frame(text=["war", "peace"], topics=["x", "y"]), progress=progress)
    captured = capsys.readouterr()
    assert ("training" in captured.err) == is_shown
    assert captured.out == ""


# The same rows, the same model ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def same(made: tuple[stance.Model, CrossValidation]) -> bytes:
    return to_bytes(made[0].parameters)


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_the_rows_does_not_count(same: bytes, seed: int) -> None:
    assert bytes_of(ROWS.sample(frac=1, random_state=seed)) == same


def test_the_order_of_contradicting_rows_and_groups_does_not_count() -> None:
    rows = made_rows(14).assign(group=[*"abcdefghijkl", None, ""])
    rows.loc[1, "text"] = rows.loc[0, "text"]
    assert bytes_of(rows.iloc[::-1]) == bytes_of(rows)


def test_the_number_of_jobs_does_not_count(same: bytes) -> None:
    assert bytes_of(ROWS, n_jobs=2) == same
    assert bytes_of(ROWS, n_jobs=-1) == same


def test_the_number_of_cores_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    # Sums over many threads come out another way than over one.
    threads: set[int] = set()
    fit_rule, fit_heads = learning.fit_rule, Trainer.fit

    def note() -> None:
        threads.update(pool["num_threads"] for pool in threadpool_info())

    def watched_rule(*arguments: Any) -> Any:
        note()
        return fit_rule(*arguments)

    def watched_heads(*arguments: Any) -> Any:
        note()
        return fit_heads(*arguments)

    monkeypatch.setattr(learning, "fit_rule", watched_rule)
    monkeypatch.setattr(Trainer, "fit", watched_heads)
    with threadpool_limits(2):
        trained(ROWS)
    assert threads == {1}


def test_a_frame_and_files_of_the_same_rows_give_the_same_model(same: bytes, tmp_path: Path) -> None:
    ROWS.to_csv(tmp_path / "rows.csv", index=False)
    ROWS.to_json(tmp_path / "rows.jsonl", orient="records", lines=True)
    ROWS.iloc[:11].to_csv(tmp_path / "first.tsv", index=False, sep="\t")
    ROWS.iloc[11:].to_json(tmp_path / "second.jsonl", orient="records", lines=True)
    lists = ROWS.assign(topics=[cell.split("|") for cell in ROWS["topics"]])
    assert bytes_of(tmp_path / "rows.csv") == same
    assert bytes_of(str(tmp_path / "rows.jsonl")) == same
    assert bytes_of([tmp_path / "second.jsonl", tmp_path / "first.tsv"]) == same
    assert bytes_of(lists) == same


def test_other_names_of_the_columns_give_the_same_model(same: bytes) -> None:
    rows = ROWS.rename(columns={"text": "Absatz", "topics": "Themen", "tone": "Ton"})
    assert bytes_of(rows, text="Absatz", topics="Themen", tone="Ton") == same


def test_the_hash_seed_does_not_count(same: bytes, tmp_path: Path) -> None:
    ROWS.to_csv(tmp_path / "rows.csv", index=False)
    program = (
        "import hashlib, sys, stance\nfrom stance.parameters import to_bytes\n"
        "model = stance.train(sys.argv[1], progress=False)\n"
        "print(hashlib.sha256(to_bytes(model.parameters)).hexdigest())"
    )
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, str(tmp_path / "rows.csv")],
        env={**os.environ, "PYTHONHASHSEED": seed},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == hashlib.sha256(same).hexdigest()


def test_another_random_state_gives_another_model(same: bytes) -> None:
    model = trained(ROWS, random_state=1)[0]
    assert to_bytes(model.parameters) != same
    assert model.card["settings"]["random_state"] == 1


def test_a_random_state_of_numpy_is_a_whole_number_too(same: bytes) -> None:
    assert bytes_of(ROWS, random_state=np.int64(0)) == same


@pytest.mark.parametrize("random_state", [None, 0.5])
def test_a_random_state_that_is_no_whole_number_is_refused(random_state: Any) -> None:
    message = f"^'{type(random_state).__name__}' object cannot be interpreted as an integer$"
    with pytest.raises(TypeError, match=message):
        stance.train(ROWS, random_state=random_state)


# Folds ----------------------------------------------------------------------------------------------------------------


@given(
    groups=st.lists(st.sampled_from(["", *"abcdefghijklmnop"]), min_size=20, max_size=60),
    random_state=st.integers(0, 2**32),
)
@settings(deadline=None, max_examples=60)
def test_folds_divide_the_rows_and_keep_documents_together(groups: list[str], random_state: int) -> None:
    texts = [f"text {number // 2}" if number % 4 else f"  TEXT\n{number // 2}" for number in range(len(groups))]
    labelled = Labelled(texts, None, [None] * len(texts), groups, [(None, row) for row in range(len(texts))])
    documents = labelled.documents()
    folds = folds_of(labelled, random_state)
    assert len(folds) == (5 if len(set(documents)) >= 10 else 0)
    if not folds:
        return
    assert sorted(row for _, test in folds for row in test) == list(range(len(texts)))
    sizes = []
    for train, test in folds:
        assert sorted([*train, *test]) == list(range(len(texts)))
        held_out = {documents[row] for row in test}
        assert not held_out & {documents[row] for row in train}
        sizes.append(len(held_out))
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(("n_documents", "n_folds"), [(1, 0), (9, 0), (10, 5), (11, 5)])
def test_there_are_folds_from_ten_documents_on(n_documents: int, n_folds: int) -> None:
    grouped = replace(PLAIN, groups=[f"g{number % n_documents}" for number in range(len(PLAIN))])
    assert len(folds_of(grouped, 0)) == n_folds


def test_folds_depend_on_the_random_state_alone() -> None:
    one, again, other = ([test.tolist() for _, test in folds_of(PLAIN, state)] for state in (0, 0, 1))
    assert one == again != other


class Teaching:
    """A teacher that gives every text the labels that are most frequent in the rows it has seen."""

    texts: ClassVar = ["A pact on grain was signed.", "Shells fell on the port."]
    weight = 0.5

    def __init__(self) -> None:
        self.seen: list[list[str]] = []

    def label(self, labelled: Labelled, targets: Targets) -> np.ndarray:
        self.seen.append(labelled.texts)
        tones = np.bincount(targets.tones[targets.tones >= 0], minlength=targets.n_tones) / len(targets.tones)
        return np.tile(np.concatenate([targets.topics.mean(axis=0), tones]), (2, 1)).astype(np.float32)


@pytest.mark.skipif(heads.solver is None, reason="the solver was not compiled")
def test_a_teacher_sees_only_what_its_fold_trains_on() -> None:
    teacher = Teaching()
    model, validation = fit(PLAIN, 0, 1, False, teacher)
    assert validation is not None
    ordered = PLAIN.ordered()
    folds = folds_of(ordered, 0)
    assert teacher.seen == [*([ordered.texts[row] for row in train] for train, _ in folds), ordered.texts]
    # It taught words that no labelled row has, and was judged by none of its texts.
    assert {"grain", "shells"} <= set(model.parameters.words)
    assert sorted(validation.labelled.texts) == ordered.texts
    assert model.card["data"]["rows"] == len(PLAIN)
    again = fit(PLAIN, 0, 2, False, Teaching())[0]
    np.testing.assert_array_equal(again.parameters.weights, model.parameters.weights)


def test_documents_and_equal_texts_are_held_out_together(monkeypatch: pytest.MonkeyPatch) -> None:
    held_out: list[tuple[np.ndarray, np.ndarray]] = []
    hold_out = Trainer.hold_out

    def watched(self: Trainer, train_rows: np.ndarray, test_rows: np.ndarray, *rest: Any) -> Any:
        held_out.append((train_rows, test_rows))
        return hold_out(self, train_rows, test_rows, *rest)

    monkeypatch.setattr(Trainer, "hold_out", watched)
    rows = ROWS.assign(group=[f"g{number % 7}" if number < 21 else "" for number in range(30)])
    rows.loc[22:24, "text"] = ["Same text", "same  TEXT", "same text"]
    labelled = Labelled.read(rows).ordered()
    _, validation = fit(Labelled.read(rows), 0, 1, False)
    documents = labelled.documents()
    assert documents.count("same text") == 3
    assert len(held_out) == 5
    for train, test in held_out:
        assert not {documents[row] for row in train} & {documents[row] for row in test}
    assert validation is not None
    assert validation.labelled.texts == [labelled.texts[row] for _, test in held_out for row in test]


def test_a_group_column_may_have_another_name_or_be_left_out(same: bytes) -> None:
    rows = ROWS.assign(group=[f"g{number % 10}" for number in range(30)])
    grouped = bytes_of(rows)
    assert grouped != same
    assert bytes_of(rows.rename(columns={"group": "document"}), group="document") == grouped
    assert bytes_of(rows, group=None) == same


def test_too_few_groups_are_not_cross_validated() -> None:
    rows = ROWS.assign(group=[f"g{number % 9}" for number in range(30)])
    model, messages = trained(rows)
    assert messages == [TOO_FEW.format(30)]
    assert "cross_validation" not in model.card


# Cross-validation -----------------------------------------------------------------------------------------------------


def test_every_row_is_judged_once(made: tuple[stance.Model, CrossValidation]) -> None:
    model, validation = made
    assert sorted(validation.labelled.texts) == sorted(ROWS["text"])
    assert validation.probabilities.shape == (30, 6)
    assert (validation.topics, validation.tones) == (model.topics, model.tones)
    np.testing.assert_allclose(validation.probabilities[:, 3:].sum(axis=1), 1)
    for row, names in enumerate(validation.labelled.topics or []):
        assert tuple(np.flatnonzero(validation.targets.topics[row])) == tuple(sorted(map(model.topics.index, names)))


def test_the_card_has_the_scores_of_the_cross_validation(made: tuple[stance.Model, CrossValidation]) -> None:
    model, validation = made
    assert model.card["cross_validation"] == validation.report().to_dict(curves=False)
    assert model.card["cross_validation"]["n_rows"] == 30


def test_some_rows_can_be_judged_alone(made: tuple[stance.Model, CrossValidation]) -> None:
    validation = made[1]
    tense = [row for row, tone in enumerate(validation.labelled.tones or []) if tone == "tense"]
    report = validation.report(tense)
    assert report.n_rows == len(tense) == 10
    assert report.tone is not None
    chosen = validation.probabilities[tense, 3:].argmax(axis=1)
    assert report.tone.accuracy == (chosen == 1).mean()
    assert report.topics is not None
    assert report.topics.labels["security"].support == 10
    assert report.topics.labels["trade"].support == 0


def test_labels_that_words_tell_are_learned() -> None:
    clear = frame(text=[f"{WORDS[number % 3]} {WORDS[number // 3]} now" for number in range(30)], tone=[*"uvw"] * 10)
    model, messages = trained(clear)
    assert messages == []
    assert model.card["cross_validation"]["tone"]["accuracy"] > 0.7
    assert [answer.tone for answer in model.classify_many(["treaty now", "troops now", "tariff now"])] == [*"uvw"]


def test_labels_at_random_score_as_chance_does() -> None:
    # A leak from the held-out rows would show as a score that is too good.
    generator = np.random.default_rng(0)
    texts = [" ".join(generator.choice(WORDS, 6)) + f" unique{number}" for number in range(120)]
    model, _ = trained(frame(text=texts, tone=generator.choice(["u", "v"], 120)))
    assert 0.35 < model.card["cross_validation"]["tone"]["accuracy"] < 0.65


# Many rows ------------------------------------------------------------------------------------------------------------


def test_with_many_rows_one_fold_is_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "MANY_ROWS", 30)
    assert len(folds_of(PLAIN.ordered(), 0)) == 5
    monkeypatch.setattr(learning, "MANY_ROWS", 29)
    folds = folds_of(PLAIN.ordered(), 0)
    assert len(folds) == 1
    model, validation = fit(PLAIN, 0, 1, False)
    assert validation is not None
    ordered = PLAIN.ordered()
    assert validation.labelled.texts == [ordered.texts[row] for row in folds[0][1]]
    assert model.card["cross_validation"]["n_rows"] == len(folds[0][1]) == 6
    assert np.isfinite(validation.probabilities).all()


def test_with_many_rows_every_fold_is_held_out_where_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    _, few = fit(PLAIN, 0, 1, False)
    monkeypatch.setattr(learning, "MANY_ROWS", 0)
    assert [len(test) for _, test in folds_of(PLAIN.ordered(), 0, 5)] == [6] * 5
    _, validation = fit(PLAIN, 0, 1, False, every_fold=True)
    assert few is not None
    assert validation is not None
    assert validation.labelled.texts == few.labelled.texts
    assert sorted(validation.labelled.texts) == sorted(PLAIN.texts)


def test_held_out_rows_are_judged_by_a_rule_from_the_other_half(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "MANY_ROWS", 0)
    seen: list[int] = []
    fit_rule = learning.fit_rule

    def watched(decisions: np.ndarray, *rest: Any) -> Any:
        seen.append(len(decisions))
        return fit_rule(decisions, *rest)

    monkeypatch.setattr(learning, "fit_rule", watched)
    fit(PLAIN, 0, 1, False)
    assert sorted(seen) == [3, 3, 6]


@pytest.mark.parametrize(("many", "lengths"), [(30, (3, 5)), (29, (4, 4))])
def test_with_many_rows_subwords_are_of_one_length(
    monkeypatch: pytest.MonkeyPatch, many: int, lengths: tuple[int, int]
) -> None:
    monkeypatch.setattr(learning, "MANY_ROWS", many)
    model, _ = trained(ROWS)
    assert model.parameters.subword_lengths == lengths
    # A token with its spaces may be shorter than a subword, and is then one itself.
    assert {len(name) for name in model.parameters.subwords} == set(range(lengths[0], lengths[1] + 1))
    assert model.classify(ROWS["text"][1]).tone == "tense"


def test_with_many_rows_the_order_of_rows_and_the_jobs_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "MANY_ROWS", 0)
    expected = bytes_of(ROWS)
    assert bytes_of(ROWS.sample(frac=1, random_state=1)) == expected
    assert bytes_of(ROWS, n_jobs=2) == expected
    assert bytes_of(ROWS, n_jobs=-1) == expected


def test_with_many_rows_the_labels_are_learned_as_with_few(monkeypatch: pytest.MonkeyPatch) -> None:
    few = trained(ROWS)[0].classify_many(ROWS["text"])
    monkeypatch.setattr(learning, "MANY_ROWS", 0)
    many = trained(ROWS)[0].classify_many(ROWS["text"])
    assert np.mean([one.tone == other.tone for one, other in zip(few, many, strict=True)]) > 0.9


def test_with_many_rows_a_word_of_one_text_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = ROWS.assign(text=[*ROWS["text"][:-1], "treaty hapax"])
    assert "hapax" in trained(rows)[0].parameters.words
    monkeypatch.setattr(learning, "SMALL", 30)
    words = trained(rows)[0].parameters.words
    assert "hapax" not in words
    assert "treaty" in words


# What a model is made of ----------------------------------------------------------------------------------------------


def test_the_model_has_the_decision_values_of_the_heads(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted: list[Any] = []
    fit_heads = Trainer.fit

    def watched(self: Trainer, rows: np.ndarray, *rest: Any) -> Any:
        fitted.append((self, rows, *fit_heads(self, rows, *rest)))
        return fitted[-1][2:]

    monkeypatch.setattr(Trainer, "fit", watched)
    model, _ = fit(PLAIN, 0, 1, False)
    trainer, rows, vocabulary, (weights, intercepts) = fitted[-1]
    assert len(rows) == 30
    decisions = vocabulary.transform(trainer.corpus, rows) @ weights + intercepts
    np.testing.assert_allclose(model.decision_function(PLAIN.ordered().texts), decisions, atol=2e-3)


def test_a_warning_names_the_column_as_the_table_does() -> None:
    rows = ROWS.rename(columns={"topics": "subject"})
    rows = pd.concat([rows, rows.iloc[:1].assign(subject="qq")], ignore_index=True)
    with pytest.warns(stance.StanceWarning) as caught:
        stance.train(rows, topics="subject", progress=False)
    messages = [str(warning.message) for warning in caught]
    assert sum("column 'subject': the same text as row 0, but labelled 'qq'" in message for message in messages) == 1
    assert not any("column 'topics'" in message for message in messages)


def test_contradictions_are_named_in_a_table_with_one_kind_of_label() -> None:
    rows = frame(text=[*WORDS, WORDS[0]], tone=["tense", "neutral"] * 5 + ["neutral"])
    messages = [message for message in trained(rows)[1] if "the same text as" in message]
    assert len(messages) == 1
    assert messages[0].startswith(
        "row 10: column 'tone': the same text as row 0, but labelled 'neutral' instead of 'tense'"
    )

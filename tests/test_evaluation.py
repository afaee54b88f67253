from __future__ import annotations

import json
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    confusion_matrix,
    f1_score,
    precision_recall_curve,
    precision_recall_fscore_support,
)

import stance
from stance import evaluation
from stance.errors import StanceWarning, TableError
from stance.evaluation import Bin, Coverage, LabelScores, Point, Report, evaluate, expected_calibration_error
from stance.labelled import Targets

SEEDS = st.integers(0, 2**32 - 1)
TOPICS = ("a", "b", "c", "d")
TONES = ("u", "v", "w")


def answers(seed: int, n_rows: int = 40, absent: float = 0.1) -> tuple[Targets, np.ndarray, list[tuple[int, ...]]]:
    """Labels at random, and answers that know something of them; topic d and tone w are on no row."""
    generator = np.random.default_rng(seed)
    topics = generator.random((n_rows, 4)) < [0.5, 0.3, 0.1, 0.0]
    tones = generator.integers(-1, 2, n_rows)
    probabilities = np.column_stack([generator.random((n_rows, 4)), generator.dirichlet([1, 1, 1], n_rows)])
    probabilities[:, :4] = 0.7 * probabilities[:, :4] + 0.3 * topics
    probabilities[generator.random(n_rows) < absent] = np.nan
    given = [tuple(np.flatnonzero(row >= 0.5).tolist()) for row in probabilities[:, :4]]
    return Targets(topics, tones, 3), probabilities, given


def chosen_of(given: list[tuple[int, ...]], n_topics: int = 4) -> np.ndarray:
    return np.array([[topic in row for topic in range(n_topics)] for row in given])


def frame(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame(columns)


@pytest.fixture(scope="module")
def model() -> stance.Model:
    """Two topics and two tones, from a row each."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StanceWarning)
        return stance.train(
            frame(text=["peace treaty", "steel tariff"], topics=["x", "y"], tone=["u", "v"]), progress=False
        )


@pytest.fixture(scope="module")
def only_topics() -> stance.Model:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StanceWarning)
        return stance.train(frame(text=["peace treaty", "steel tariff"], topics=["x", "y"]), progress=False)


@pytest.fixture(scope="module")
def tone_only() -> stance.Model:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StanceWarning)
        return stance.train(frame(text=["peace treaty", "steel tariff"], tone=["u", "v"]), progress=False)


# Topics ---------------------------------------------------------------------------------------------------------------


@given(seed=SEEDS)
@settings(deadline=None, max_examples=30)
def test_topics_are_scored_as_scikit_learn_does(seed: int) -> None:
    truth, probabilities, given_topics = answers(seed)
    report = Report.of(TOPICS, TONES, truth, probabilities, given_topics).topics
    assert report is not None
    chosen = chosen_of(given_topics)
    by_label = precision_recall_fscore_support(truth.topics, chosen, zero_division=0)
    for scores, *expected in zip(report.labels.values(), *by_label, strict=True):
        assert [scores.precision, scores.recall, scores.f1, scores.support] == pytest.approx(expected)
    present = truth.topics.any(axis=0)
    macro = [values[present].mean() for values in by_label[:3]]
    assert [report.macro_precision, report.macro_recall, report.macro_f1] == pytest.approx(macro)
    micro = precision_recall_fscore_support(truth.topics, chosen, average="micro", zero_division=0)[:3]
    assert [report.micro_precision, report.micro_recall, report.micro_f1] == pytest.approx(micro)


@given(seed=SEEDS)
@settings(deadline=None, max_examples=30)
def test_average_precision_is_that_of_scikit_learn(seed: int) -> None:
    truth, probabilities, given_topics = answers(seed)
    report = Report.of(TOPICS, (), truth, probabilities[:, :4], given_topics).topics
    assert report is not None
    ranked = np.where(np.isnan(probabilities), -1, probabilities)
    expected = [
        average_precision_score(truth.topics[:, topic], ranked[:, topic]) if truth.topics[:, topic].any() else 0.0
        for topic in range(4)
    ]
    assert [scores.average_precision for scores in report.labels.values()] == pytest.approx(expected)
    present = truth.topics.any(axis=0)
    assert report.mean_average_precision == pytest.approx(np.array(expected)[present].mean())


def test_a_topic_of_no_row_does_not_count_in_the_means() -> None:
    truth = Targets(np.array([[True, False], [False, False]]), np.array([-1, -1]), 0)
    report = Report.of(("a", "b"), (), truth, np.array([[0.9, 0.9], [0.1, 0.1]]), [(0, 1), ()]).topics
    assert report is not None
    assert report.labels["b"] == LabelScores(0.0, 0.0, 0.0, 0.0, 0)
    assert (report.macro_precision, report.macro_recall, report.macro_f1) == (1, 1, 1)
    assert report.mean_average_precision == 1
    assert report.micro_precision == 0.5


def test_without_any_label_every_score_is_zero() -> None:
    truth = Targets(np.zeros((2, 1), dtype=bool), np.array([-1, -1]), 1)
    report = Report.of(("a",), ("u",), truth, np.array([[0.2, 1.0], [0.1, 1.0]]), [(), ()])
    assert report.tone is None
    assert report.topics is not None
    assert (report.topics.macro_f1, report.topics.micro_f1, report.topics.mean_average_precision) == (0, 0, 0)


def test_a_row_without_an_answer_is_a_row_without_topics() -> None:
    truth = Targets(np.array([[True], [True]]), np.array([-1, -1]), 0)
    report = Report.of(("a",), (), truth, np.array([[0.9], [np.nan]]), [(0,), ()])
    assert (report.n_rows, report.n_abstained) == (2, 1)
    assert report.topics is not None
    assert report.topics.labels["a"].recall == 0.5
    # Only answers are judged for calibration.
    assert report.topics.calibration_error == pytest.approx(0.1)
    assert report.topics.calibration_error_by_label == {"a": pytest.approx(0.1)}


@given(seed=SEEDS)
@settings(deadline=None, max_examples=20)
def test_the_calibration_of_topics_is_over_all_decisions(seed: int) -> None:
    truth, probabilities, given_topics = answers(seed)
    report = Report.of(TOPICS, TONES, truth, probabilities, given_topics).topics
    assert report is not None
    answered = ~np.isnan(probabilities[:, 0])
    sure, right = probabilities[answered, :4], truth.topics[answered]
    assert report.calibration_error == pytest.approx(slow_calibration_error(sure.ravel(), right.ravel()))
    expected = {name: slow_calibration_error(sure[:, topic], right[:, topic]) for topic, name in enumerate(TOPICS)}
    assert report.calibration_error_by_label == pytest.approx(expected)


# Tone -----------------------------------------------------------------------------------------------------------------


@given(seed=SEEDS)
@settings(deadline=None, max_examples=30)
def test_tone_is_scored_as_scikit_learn_does(seed: int) -> None:
    truth, probabilities, given_topics = answers(seed)
    report = Report.of(TOPICS, TONES, truth, probabilities, given_topics).tone
    assert report is not None
    toned = truth.tones >= 0
    tones, values = truth.tones[toned], probabilities[toned, 4:]
    chosen = np.where(np.isnan(values[:, 0]), 3, np.nan_to_num(values).argmax(axis=1))
    by_label = precision_recall_fscore_support(tones, chosen, labels=[0, 1, 2], zero_division=0)
    for scores, *expected in zip(report.labels.values(), *by_label, strict=True):
        assert [scores.precision, scores.recall, scores.f1, scores.support] == pytest.approx(expected)
    assert report.accuracy == pytest.approx(accuracy_score(tones, chosen))
    present = sorted(set(tones))
    assert report.macro_f1 == pytest.approx(f1_score(tones, chosen, labels=present, average="macro", zero_division=0))
    counts = confusion_matrix(tones, chosen, labels=[0, 1, 2, 3])[:3]
    has_gap = bool(counts[:, 3].any())
    columns = [*TONES, "(no answer)"] if has_gap else TONES
    assert [list(row) for row in report.confusion.values()] == [list(columns)] * 3
    assert [list(row.values()) for row in report.confusion.values()] == counts[:, : 3 + has_gap].tolist()


@given(seed=SEEDS)
@settings(deadline=None, max_examples=20)
def test_the_calibration_of_tone_is_that_of_the_given_tone(seed: int) -> None:
    truth, probabilities, given_topics = answers(seed)
    report = Report.of(TOPICS, TONES, truth, probabilities, given_topics).tone
    assert report is not None
    judged = (truth.tones >= 0) & ~np.isnan(probabilities[:, 0])
    values = probabilities[judged, 4:]
    right = values.argmax(axis=1) == truth.tones[judged]
    assert report.calibration_error == pytest.approx(slow_calibration_error(values.max(axis=1), right))


def test_a_row_without_an_answer_has_a_wrong_tone() -> None:
    truth = Targets(np.zeros((3, 0), dtype=bool), np.array([0, 0, -1]), 2)
    report = Report.of((), ("u", "v"), truth, np.array([[0.8, 0.2], [np.nan, np.nan], [0.5, 0.5]]), [()] * 3)
    assert (report.n_rows, report.n_abstained, report.topics) == (3, 1, None)
    assert report.tone is not None
    assert report.tone.accuracy == 0.5
    assert report.tone.labels["u"].support == 2
    assert report.tone.labels["u"].precision == 1
    assert report.tone.confusion == {
        "u": {"u": 1, "v": 0, "(no answer)": 1},
        "v": {"u": 0, "v": 0, "(no answer)": 0},
    }
    assert report.tone.macro_f1 == pytest.approx(2 / 3)


def test_where_nothing_is_answered_nothing_is_right() -> None:
    truth = Targets(np.array([[True], [False]]), np.array([0, 1]), 2)
    report = Report.of(("a",), ("u", "v"), truth, np.full((2, 3), np.nan), [(), ()])
    assert report.n_abstained == 2
    assert report.topics is not None
    assert report.tone is not None
    assert (report.topics.micro_f1, report.topics.calibration_error) == (0, 0)
    assert (report.tone.accuracy, report.tone.calibration_error) == (0, 0)
    assert report.tone.coverage[-1] == Coverage(1.0, 0.0, 0.0)
    json.dumps(report.to_dict(), allow_nan=False)


# Coverage -------------------------------------------------------------------------------------------------------------


@given(seed=SEEDS, n_rows=st.integers(1, 40))
@settings(deadline=None, max_examples=30)
def test_the_curve_takes_the_surest_first_and_ends_with_all(seed: int, n_rows: int) -> None:
    truth, probabilities, given_topics = answers(seed, n_rows)
    report = Report.of(TOPICS, TONES, truth, probabilities, given_topics)
    assert report.topics is not None
    ends = [(report.topics.coverage, report.topics.micro_f1)]
    if report.tone is not None:
        ends.append((report.tone.coverage, report.tone.accuracy))
    for curve, score in ends:
        assert [point.coverage for point in curve] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
        confidences = [point.confidence for point in curve]
        assert confidences == sorted(confidences, reverse=True)
        assert all(0 <= confidence <= 1 for confidence in confidences)
        assert curve[-1].score == pytest.approx(score)


def test_a_point_of_the_curve_scores_its_share_of_the_rows() -> None:
    sure = [0.95, 0.6, 0.9, 0.8, 0.7]
    truth = Targets(np.zeros((5, 0), dtype=bool), np.array([0, 0, 1, 0, 1]), 2)
    probabilities = np.column_stack([sure, 1 - np.array(sure)])
    report = Report.of((), ("u", "v"), truth, probabilities, [()] * 5).tone
    assert report is not None
    scores = {point.coverage: (point.confidence, point.score) for point in report.coverage}
    assert scores[0.1] == scores[0.2] == (0.95, 1.0)
    assert scores[0.4] == (0.9, 0.5)
    assert scores[0.6] == (0.8, pytest.approx(2 / 3))
    assert scores[0.8] == (0.7, 0.5)
    assert scores[1.0] == (0.6, 0.6)


def test_a_row_is_as_sure_of_its_topics_as_of_the_least_sure_one() -> None:
    truth = Targets(np.array([[True, False], [True, True]]), np.array([-1, -1]), 0)
    report = Report.of(("a", "b"), (), truth, np.array([[0.99, 0.4], [0.8, 0.3]]), [(0,), (0,)]).topics
    assert report is not None
    assert report.coverage[4] == Coverage(0.5, 0.7, pytest.approx(2 / 3))
    assert report.coverage[9] == Coverage(1.0, 0.6, pytest.approx(4 / 5))


# Expected calibration error -------------------------------------------------------------------------------------------


def slow_calibration_error(confidence: Any, is_right: Any) -> float:
    bins: dict[int, list[tuple[float, bool]]] = {}
    for value, right in zip(confidence, is_right, strict=True):
        bins.setdefault(min(int(value * 15), 14), []).append((value, right))
    error = 0.0
    for members in bins.values():
        mean = sum(value for value, _ in members) / len(members)
        accuracy = sum(right for _, right in members) / len(members)
        error += abs(mean - accuracy) * len(members) / max(len(confidence), 1)
    return error


@given(pairs=st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=80))
@settings(deadline=None, max_examples=100)
def test_calibration_error_is_that_of_a_slow_loop(pairs: list[tuple[float, bool]]) -> None:
    confidence, is_right = np.array([value for value, _ in pairs]), np.array([right for _, right in pairs], dtype=bool)
    error = expected_calibration_error(confidence, is_right)
    assert error == pytest.approx(slow_calibration_error(confidence, is_right), abs=1e-12)
    assert 0 <= error <= 1


@pytest.mark.parametrize(
    ("confidence", "is_right", "error"),
    [
        ([], [], 0.0),
        ([1.0], [True], 0.0),
        ([1.0], [False], 1.0),
        ([0.0, 1.0], [False, True], 0.0),
        ([0.75] * 4, [True, True, True, False], 0.0),
        ([0.1, 0.9], [True, True], 0.5),
    ],
)
def test_calibration_errors_by_hand(confidence: list[float], is_right: list[bool], error: float) -> None:
    got = expected_calibration_error(np.array(confidence), np.array(is_right, dtype=bool))
    assert got == pytest.approx(error)


# The report as text and as plain types --------------------------------------------------------------------------------

BY_HAND = Report.of(
    ("macro", "Ελλάδα"),
    ("u", "v"),
    Targets(np.array([[True, False], [True, True], [False, False], [False, True]]), np.array([0, 1, -1, 1]), 2),
    np.array([[0.9, 0.2, 0.7, 0.3], [0.8, 0.4, 0.2, 0.8], [0.1, 0.6, 0.6, 0.4], [np.nan] * 4]),
    [(0,), (0,), (1,), ()],
)
PRINTED = """\
4 rows, 1 of them without an answer

TOPICS
        precision  recall    F1  average precision support
macro       1.000   1.000 1.000              1.000       2
Ελλάδα      0.000   0.000 0.000              0.500       2
macro       0.500   0.500 0.500              0.750       \x20
micro       0.667   0.500 0.571                          \x20

expected calibration error 0.300

coverage  confidence  micro-F1
     50%       0.600     0.800
     60%       0.600     0.800
     70%       0.600     0.667
     80%       0.600     0.667
     90%       0.000     0.571
    100%       0.000     0.571

TONE
   precision  recall    F1  average precision  support
u      1.000   1.000 1.000              1.000        1
v      1.000   0.500 0.667              0.833        2

accuracy 0.667, macro-F1 0.833, expected calibration error 0.250

true tone (rows) by given tone (columns)
   u  v  (no answer)
u  1  0            0
v  0  1            1

coverage  confidence  accuracy
     50%       0.700     1.000
     60%       0.700     1.000
     70%       0.700     1.000
     80%       0.700     1.000
     90%       0.000     0.667
    100%       0.000     0.667"""


def test_a_report_prints_as_tables() -> None:
    assert str(BY_HAND) == PRINTED


def test_a_report_of_one_kind_of_label_prints_that_alone() -> None:
    head, topics, tone = PRINTED.partition("\n\nTOPICS")[0], *PRINTED.split("\n\nTOPICS")[1].split("\n\nTONE")
    assert str(Report(4, 1, BY_HAND.topics, None)) == f"{head}\n\nTOPICS{topics}"
    assert str(Report(4, 1, None, BY_HAND.tone)) == f"{head}\n\nTONE{tone}"
    assert str(Report(12345, 0, None, None)) == "12,345 rows, 0 of them without an answer"


def test_the_settings_of_pandas_do_not_change_what_is_printed() -> None:
    with pd.option_context("display.precision", 1, "display.max_rows", 1, "display.max_columns", 1):
        assert str(BY_HAND) == PRINTED


def test_plain_types_by_hand() -> None:
    report = BY_HAND.to_dict()
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert set(report) == {"n_rows", "n_abstained", "topics", "tone"}
    assert report["topics"]["labels"]["macro"] == {
        "precision": 1.0,
        "recall": 1.0,
        "f1": 1.0,
        "average_precision": 1.0,
        "support": 2,
    }
    assert report["tone"]["confusion"]["v"] == {"u": 0, "v": 1, "(no answer)": 1}
    assert report["tone"]["coverage"][-1] == {"coverage": 1.0, "confidence": 0.0, "score": pytest.approx(2 / 3)}


@given(seed=SEEDS, n_rows=st.integers(0, 20))
@settings(deadline=None, max_examples=30)
def test_every_report_is_plain_json(seed: int, n_rows: int) -> None:
    report = Report.of(TOPICS, TONES, *answers(seed, n_rows, 0.3))
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False)) == report.to_dict()
    assert str(report).startswith(f"{n_rows} rows, ")
    assert "nan" not in str(report).lower()


# Judging a model ------------------------------------------------------------------------------------------------------


def test_a_model_is_judged_by_its_answers(default_model: stance.Model, paragraphs: pd.DataFrame) -> None:
    rows = paragraphs.iloc[:50]
    report = evaluate(default_model, rows, progress=False)
    found = default_model.classify_many(rows["text"])
    assert report.n_abstained == sum(answer.abstained is not None for answer in found)
    assert report.tone is not None
    assert report.topics is not None
    right = [answer.tone == tone for answer, tone in zip(found, rows["tone"], strict=True)]
    assert report.tone.accuracy == pytest.approx(np.mean(right))
    true = [set(filter(None, cell.split("|"))) for cell in rows["topics"]]
    n_right = sum(len(names.intersection(answer.topics)) for names, answer in zip(true, found, strict=True))
    assert report.topics.micro_recall == pytest.approx(n_right / sum(map(len, true)))
    assert report.topics.micro_precision == pytest.approx(n_right / sum(len(answer.topics) for answer in found))


def test_batches_do_not_change_the_report(
    monkeypatch: pytest.MonkeyPatch, default_model: stance.Model, paragraphs: pd.DataFrame
) -> None:
    rows = paragraphs.iloc[:20]
    whole = evaluate(default_model, rows, progress=False)
    monkeypatch.setattr(evaluation, "BATCH", 7)
    assert evaluate(default_model, rows, progress=False) == whole


def test_a_frame_and_a_file_give_the_same_report(model: stance.Model, tmp_path: Path) -> None:
    rows = frame(Absatz=["peace treaty", "stéél tariff"], Themen=["x", "x|y"], Ton=["u", ""])
    names = {"text": "Absatz", "topics": "Themen", "tone": "Ton"}
    rows.to_csv(tmp_path / "rows.csv", index=False, encoding="latin-1")
    report = evaluate(model, rows, **names)
    assert report.topics is not None
    assert report.topics.labels["x"].support == 2
    assert evaluate(model, tmp_path / "rows.csv", **names, encoding="latin-1") == report


@pytest.mark.parametrize("columns", [{"topics": ["x", "y"]}, {"tone": ["u", "v"]}])
def test_a_table_with_one_label_column_is_judged_by_that(model: stance.Model, columns: dict[str, Any]) -> None:
    report = evaluate(model, frame(text=["peace treaty", "steel tariff"], **columns))
    assert (report.topics is not None) == ("topics" in columns)
    assert (report.tone is not None) == ("tone" in columns)
    assert report.topics is None or report.topics.micro_f1 == 1
    assert report.tone is None or report.tone.accuracy == 1


def test_a_label_column_can_be_left_out(model: stance.Model) -> None:
    rows = frame(text=["peace treaty", "steel tariff"], topics=["x", "y"], tone=["u", "v"])
    assert evaluate(model, rows, tone=None) == evaluate(model, rows.drop(columns="tone"))
    assert evaluate(model, rows, topics=None) == evaluate(model, rows.drop(columns="topics"))


def test_a_model_of_topics_leaves_the_tones_alone(only_topics: stance.Model) -> None:
    report = evaluate(only_topics, frame(text=["peace treaty", ""], topics=["x", "y"], tone=["u", "v"]))
    assert report.tone is None
    assert report.n_abstained == 1
    assert report.topics is not None
    assert report.topics.micro_recall == 0.5


def test_a_table_without_what_the_model_gives_is_refused(
    only_topics: stance.Model, tone_only: stance.Model, tmp_path: Path
) -> None:
    message = "expected a column for {0}, the only labels that the model has, but got none. Name it with {0}="
    path = tmp_path / "rows.csv"
    path.write_text("text,tone\npeace,u\n", encoding="utf-8")
    with pytest.raises(TableError) as caught:
        evaluate(only_topics, path)
    assert str(caught.value) == f"{path}: {message.format('topics')}"
    with pytest.raises(TableError) as caught:
        evaluate(tone_only, frame(text=["peace"], topics=["x"]))
    assert str(caught.value) == message.format("tone")


def test_labels_that_the_model_does_not_have_are_left_out(model: stance.Model, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("text,topics,tone\npeace treaty,x,u\nsteel tariff,y|z,q\nsteel tariff,q2,v\n", encoding="utf-8")
    with pytest.warns(StanceWarning) as caught:
        report = evaluate(model, path)
    assert [str(warning.message) for warning in caught] == [
        f"{path}:3: labels that the model does not have are left out: q, q2, z"
    ]
    assert Path(caught[0].filename).name == Path(__file__).name
    assert report.n_rows == 3
    assert report.topics is not None
    assert report.tone is not None
    assert {name: scores.support for name, scores in report.topics.labels.items()} == {"x": 1, "y": 1}
    # The row with the tone q has none.
    assert report.tone.accuracy == 1
    assert sum(scores.support for scores in report.tone.labels.values()) == 2


def test_a_label_of_the_other_kind_is_left_out_too(model: stance.Model) -> None:
    with pytest.warns(StanceWarning) as caught:
        evaluate(model, frame(text=["peace treaty", "war"], topics=["x", "u"], tone=["y", "v"]))
    assert [str(warning.message) for warning in caught] == [
        "row 0: labels that the model does not have are left out: u, y"
    ]


def test_missing_texts_are_rows_without_an_answer(model: stance.Model) -> None:
    rows = frame(text=["peace treaty", None, math.nan, ""], topics=["x", "x", "", "y"], tone=["u", "u", "v", None])
    report = evaluate(model, rows)
    assert (report.n_rows, report.n_abstained) == (4, 3)
    assert report.topics is not None
    assert report.tone is not None
    assert (report.topics.micro_precision, report.topics.micro_recall) == (1, pytest.approx(1 / 3))
    assert report.tone.accuracy == pytest.approx(1 / 3)
    assert report.tone.confusion["v"] == {"u": 0, "v": 0, "(no answer)": 1}


def test_no_rows_give_an_empty_report(model: stance.Model) -> None:
    report = evaluate(model, frame(text=[], topics=[], tone=[]))
    assert report == Report(0, 0, None, None)
    assert str(report) == "0 rows, 0 of them without an answer"
    assert report.to_dict() == {"n_rows": 0, "n_abstained": 0, "topics": None, "tone": None}


def test_the_text_column_must_be_there(model: stance.Model) -> None:
    with pytest.raises(TableError) as caught:
        evaluate(model, frame(text=["peace"], topics=["x"]), text="absatz")
    assert str(caught.value) == ("expected a column 'absatz'. Available: text, topics. Name the right one with text=")


@pytest.mark.parametrize("progress", [True, False])
def test_progress_is_shown_on_standard_error(
    model: stance.Model, capsys: pytest.CaptureFixture[str], progress: bool
) -> None:
    evaluate(model, frame(text=["peace"], topics=["x"]), progress=progress)
    captured = capsys.readouterr()
    assert ("scoring" in captured.err) == progress
    assert captured.out == ""


@settings(deadline=None, max_examples=30)
@given(SEEDS)
def test_curves_lie_on_those_of_scikit_learn_and_agree_with_the_rest(seed: int) -> None:
    truth, probabilities, given = answers(seed)
    report = Report.of(TOPICS, TONES, truth, probabilities, given)
    assert report.topics is not None
    assert list(report.topics.curves.precision_recall) == [
        name for name, scores in report.topics.labels.items() if scores.support
    ]
    for name, points in report.topics.curves.precision_recall.items():
        column = TOPICS.index(name)
        ranked = np.nan_to_num(probabilities[:, column], nan=-1)
        precision, recall, _ = precision_recall_curve(truth.topics[:, column], ranked)
        curve = set(zip(recall.tolist(), precision.tolist(), strict=True))
        assert {(point.recall, point.precision) for point in points} <= curve
        assert [point.recall for point in points] == sorted({point.recall for point in points})
        assert points[-1].recall == 1
        best = {round(one * 50): max(p for r, p in curve if round(r * 50) == round(one * 50)) for one, _ in curve}
        assert [point.precision for point in points] == [best[step] for step in sorted(best)]
    bins = report.topics.curves.reliability
    n_answered = int(np.isfinite(probabilities[:, 0]).sum())
    assert sum(part.n for part in bins) == n_answered * len(TOPICS)
    error = sum(part.n * abs(part.confidence - part.accuracy) for part in bins) / max(n_answered * len(TOPICS), 1)
    assert error == pytest.approx(report.topics.calibration_error)


def test_reliability_by_hand() -> None:
    tones = np.array([0, 1, 0])
    probabilities = np.array([[0.95, 0.05], [0.99, 0.01], [0.45, 0.55]])
    report = Report.of((), ("u", "v"), Targets(np.zeros((3, 0), dtype=bool), tones, 2), probabilities, [(), (), ()])
    assert report.tone is not None
    assert report.tone.curves.reliability == [Bin(0.55, 0.0, 1), Bin(0.97, 0.5, 2)]
    assert report.tone.curves.precision_recall["v"] == [Point(0.0, 1.0), Point(1.0, pytest.approx(1 / 3))]


def test_plain_types_do_without_the_curves_where_they_are_not_wanted(model: stance.Model) -> None:
    rows = frame(text=["peace treaty", "steel tariff"], topics=["x", "y"])
    report = evaluate(model, rows, progress=False)
    facts = report.to_dict()
    assert set(facts["topics"].pop("curves")) == {"precision_recall", "reliability"}
    assert report.to_dict(curves=False) == facts
    assert facts["tone"] is None

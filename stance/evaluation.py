"""`evaluate`: how right and how honest a model is on labelled rows, as a `Report`."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, precision_recall_curve
from tqdm import tqdm

from stance.errors import StanceWarning, TableError, listed
from stance.labelled import Labelled, Source, Targets
from stance.model import BATCH, Model
from stance.terminal import plain

__all__ = [
    "Bin",
    "Coverage",
    "Curves",
    "LabelScores",
    "Point",
    "Report",
    "ToneReport",
    "TopicsReport",
    "evaluate",
    "expected_calibration_error",
]

N_BINS = 15
COVERAGES = tuple(tenth / 10 for tenth in range(1, 11))
N_POINTS = 50
"""Steps of recall in a precision-recall curve."""


@dataclass(frozen=True, slots=True)
class LabelScores:
    """How well one label is given.

    Attributes
    ----------
    precision, recall, f1 : float
        0 where there is nothing to divide by.
    average_precision : float
        Area under the precision-recall curve of the label's probability; 0 where no row has the label.
    support : int
        Number of rows with the label.
    """

    precision: float
    recall: float
    f1: float
    average_precision: float
    support: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """How right the answers are when only the surest are taken.

    Attributes
    ----------
    coverage : float
        Share of the rows taken, the surest first.
    confidence : float
        The confidence of the least sure of them.
    score : float
        Their accuracy (tone) or micro-F1 (topics).
    """

    coverage: float
    confidence: float
    score: float


@dataclass(frozen=True, slots=True)
class Bin:
    """Decisions of about the same confidence.

    Attributes
    ----------
    confidence : float
        Their mean probability.
    accuracy : float
        The share of them that are right.
    n : int
        How many there are.
    """

    confidence: float
    accuracy: float
    n: int


@dataclass(frozen=True, slots=True)
class Point:
    """A point of a precision-recall curve.

    Attributes
    ----------
    recall, precision : float
    """

    recall: float
    precision: float


@dataclass(frozen=True, slots=True)
class Curves:
    """What can be drawn of one head.

    Attributes
    ----------
    precision_recall : dict of str to list of Point
        For each label that some row has, as its probability's threshold falls: around every fiftieth of recall the
        point with the best precision. Rows without an answer come last.
    reliability : list of Bin
        Those of the expected calibration error's 15 bins that hold decisions.
    """

    precision_recall: dict[str, list[Point]]
    reliability: list[Bin]


@dataclass(frozen=True, slots=True)
class TopicsReport:
    """How well topics are given.

    Attributes
    ----------
    labels : dict of str to LabelScores
    macro_precision, macro_recall, macro_f1 : float
        Means over the labels that some row has.
    micro_precision, micro_recall, micro_f1 : float
        Over all decisions of all rows.
    mean_average_precision : float
        Mean over the labels that some row has.
    calibration_error : float
        Expected calibration error over all decisions, 15 bins of equal width.
    calibration_error_by_label : dict of str to float
        The same for each label on its own.
    coverage : list of Coverage
        A row's confidence is that of its least sure decision.
    curves : Curves
    """

    labels: dict[str, LabelScores]
    macro_precision: float
    macro_recall: float
    macro_f1: float
    micro_precision: float
    micro_recall: float
    micro_f1: float
    mean_average_precision: float
    calibration_error: float
    calibration_error_by_label: dict[str, float]
    coverage: list[Coverage]
    curves: Curves


@dataclass(frozen=True, slots=True)
class ToneReport:
    """How well tone is given, over the rows that have one.

    Attributes
    ----------
    labels : dict of str to LabelScores
    accuracy, macro_f1 : float
        A row without an answer counts as wrong; the mean is over the labels that some row has.
    calibration_error : float
        Expected calibration error of the given tone's probability, 15 bins of equal width.
    confusion : dict of str to dict of str to int
        Number of rows by true tone and given tone; "(no answer)" is a given tone too where it occurs.
    coverage : list of Coverage
        A row's confidence is the probability of its tone.
    curves : Curves
    """

    labels: dict[str, LabelScores]
    accuracy: float
    macro_f1: float
    calibration_error: float
    confusion: dict[str, dict[str, int]]
    coverage: list[Coverage]
    curves: Curves


@dataclass(frozen=True, slots=True)
class Report:
    """How well a model does on labelled rows; prints as tables.

    Attributes
    ----------
    n_rows : int
        Number of rows judged.
    n_abstained : int
        Of these, how many got no answer; they count as rows without topics and without a right tone.
    topics : TopicsReport or None
        None where the model or the table has no topics.
    tone : ToneReport or None
        None where the model or the table has no tone.
    """

    n_rows: int
    n_abstained: int
    topics: TopicsReport | None
    tone: ToneReport | None

    @classmethod
    def of(
        cls,
        topic_names: Sequence[str],
        tone_names: Sequence[str],
        truth: Targets,
        probabilities: NDArray[np.float64],
        given: Sequence[tuple[int, ...]],
    ) -> Report:
        """Compare answers with the truth.

        Parameters
        ----------
        topic_names, tone_names : sequence of str
            Empty where there is nothing to judge.
        truth : Targets
        probabilities : ndarray of float64, shape (n_rows, n_topics + n_tones)
            Rows of NaN where there is no answer.
        given : sequence of tuple of int
            The topics given to each row.
        """
        n_topics = len(topic_names)
        answered: NDArray[np.bool_] = np.isfinite(probabilities.sum(axis=1))
        topics = tone = None
        if n_topics and len(given):
            topics = _topics_report(topic_names, truth.topics, probabilities[:, :n_topics], given, answered)
        toned = truth.tones >= 0
        if tone_names and toned.any():
            tone = _tone_report(tone_names, truth.tones[toned], probabilities[toned, n_topics:], answered[toned])
        return cls(len(given), int((~answered).sum()), topics, tone)

    def to_dict(self, curves: bool = True) -> dict[str, Any]:
        """Give the report as plain types that `json.dumps` takes.

        Parameters
        ----------
        curves : bool
            Whether the curves are among them, which are longer than all the rest.
        """
        facts = asdict(self)
        for head in () if curves else ("topics", "tone"):
            (facts[head] or {}).pop("curves", None)
        return facts

    def to_html(self, title: str = "Evaluation") -> str:
        """Make a page of the report.

        Parameters
        ----------
        title : str
            The heading of the page.

        Returns
        -------
        str
            HTML that loads nothing: with the scores of each label, the confusion of tones, and how calibration,
            precision, recall and coverage go together.

        Raises
        ------
        MissingExtraError
            Jinja or Matplotlib is not installed.
        """
        from stance.evaluation_page import evaluation_page

        return evaluation_page(self, title)

    def __str__(self) -> str:
        parts = [f"{self.n_rows:,} rows, {self.n_abstained:,} of them without an answer"]
        if self.topics is not None:
            parts.append(_topics_text(self.topics))
        if self.tone is not None:
            parts.append(_tone_text(self.tone))
        return plain("\n\n".join(parts))


def evaluate(
    model: Model,
    data: Source,
    text: str = "text",
    topics: str | None = "topics",
    tone: str | None = "tone",
    *,
    encoding: str | None = None,
    progress: bool | None = None,
) -> Report:
    """Judge a model on labelled rows.

    Parameters
    ----------
    model : Model
    data : path, sequence of paths, or pandas.DataFrame
        Labelled rows, as for `stance.train`; not those that the model was trained on.
    text, topics, tone : str
        The columns.
    encoding : str, optional
        The encoding of text files, by default UTF-8.
    progress : bool, optional
        Whether to show a progress bar; by default where standard error is a terminal.

    Returns
    -------
    Report

    Raises
    ------
    TableError
        The table cannot be read, lacks a column, or has no label column that the model can be judged by.

    Warns
    -----
    StanceWarning
        A label of the table is not in the model: it is left out, and a row with such a tone has none.

    Examples
    --------
    >>> import pandas as pd, stance
    >>> rows = pd.DataFrame({"text": ["The two sides signed a peace treaty."], "tone": ["cooperative"]})
    >>> stance.evaluate(stance.load(), rows).tone.accuracy
    1.0
    """
    labelled = Labelled.read(data, text, topics, tone, None, encoding)
    topic_names = model.topics if labelled.topics is not None else ()
    tone_names = model.tones if labelled.tones is not None else ()
    if not topic_names and not tone_names:
        role = "topics" if model.topics else "tone"
        raise TableError(
            f"expected a column for {role}, the only labels that the model has, but got none. Name it with {role}=",
            data if isinstance(data, str | Path) else None,
        )
    truth, others = Targets.of(labelled, topic_names, tone_names)
    if others:
        warnings.warn(
            f"{labelled.where(min(others.values()))}labels that the model does not have are left out: "
            f"{listed(sorted(others))}",
            StanceWarning,
            stacklevel=2,
        )
    columns = np.array([label in topic_names or label in tone_names for label in model.labels], dtype=bool)
    probabilities = np.zeros((len(labelled), int(columns.sum())))
    given: list[tuple[int, ...]] = []
    disable = None if progress is None else not progress
    with tqdm(total=len(labelled), desc="scoring", unit="row", leave=False, disable=disable) as bar:
        for start in range(0, len(labelled), BATCH):
            texts = labelled.texts[start : start + BATCH]
            answers = model.answers(texts)
            found = np.asarray(answers.probabilities).reshape(-1, len(model.labels))
            probabilities[start : start + BATCH] = found[:, columns]
            given.extend(map(answers.topics_of, range(len(answers))))
            bar.update(len(texts))
    return Report.of(topic_names, tone_names, truth, probabilities, given)


def expected_calibration_error(confidence: NDArray[np.float64], is_right: NDArray[np.bool_]) -> float:
    """Give the mean distance between confidence and accuracy over 15 bins of equal width.

    Parameters
    ----------
    confidence : ndarray of float64, shape (n,)
        Probabilities from 0 to 1.
    is_right : ndarray of bool, shape (n,)

    Returns
    -------
    float
        Each bin weighted by its number of answers (C. Guo et al., 2017); 0 where there are none.

    Examples
    --------
    >>> round(expected_calibration_error(np.array([0.9, 0.9]), np.array([True, False])), 3)
    0.4
    """
    if not len(confidence):
        return 0.0
    return sum(part.n * abs(part.confidence - part.accuracy) for part in _bins(confidence, is_right)) / len(confidence)


def _bins(confidence: NDArray[np.float64], is_right: NDArray[np.bool_]) -> list[Bin]:
    """Give the bins of equal width that hold something."""
    bins = np.minimum((confidence * N_BINS).astype(np.int64), N_BINS - 1)
    n_in = np.bincount(bins, minlength=N_BINS)
    said = np.bincount(bins, confidence, N_BINS) / np.maximum(n_in, 1)
    was = np.bincount(bins, is_right.astype(np.float64), N_BINS) / np.maximum(n_in, 1)
    return [Bin(*part) for part in zip(said.tolist(), was.tolist(), n_in.tolist(), strict=True) if part[2]]


def _topics_report(
    names: Sequence[str],
    truth: NDArray[np.bool_],
    probabilities: NDArray[np.float64],
    given: Sequence[tuple[int, ...]],
    answered: NDArray[np.bool_],
) -> TopicsReport:
    chosen = np.zeros_like(truth)
    for row, columns in enumerate(given):
        chosen[row, list(columns)] = True
    labels = {
        name: _label_scores(truth[:, column], chosen[:, column], probabilities[:, column])
        for column, name in enumerate(names)
    }
    present = [scores for scores in labels.values() if scores.support]
    micro = _precision_recall_f1(truth.ravel(), chosen.ravel())
    sure = probabilities[answered]
    certainty = np.full(len(truth), -1.0)
    certainty[answered] = np.maximum(sure, 1 - sure).min(axis=1)

    def micro_f1(rows: NDArray[np.int64]) -> float:
        return _precision_recall_f1(truth[rows].ravel(), chosen[rows].ravel())[2]

    return TopicsReport(
        labels=labels,
        macro_precision=_mean([scores.precision for scores in present]),
        macro_recall=_mean([scores.recall for scores in present]),
        macro_f1=_mean([scores.f1 for scores in present]),
        micro_precision=micro[0],
        micro_recall=micro[1],
        micro_f1=micro[2],
        mean_average_precision=_mean([scores.average_precision for scores in present]),
        calibration_error=expected_calibration_error(sure.ravel(), truth[answered].ravel()),
        calibration_error_by_label={
            name: expected_calibration_error(sure[:, column], truth[answered, column])
            for column, name in enumerate(names)
        },
        coverage=_coverage(certainty, micro_f1),
        curves=Curves(_precision_recall(names, truth, probabilities), _bins(sure.ravel(), truth[answered].ravel())),
    )


def _tone_report(
    names: Sequence[str],
    truth: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    answered: NDArray[np.bool_],
) -> ToneReport:
    chosen = np.full(len(truth), len(names))
    chosen[answered] = probabilities[answered].argmax(axis=1)
    confidence = np.full(len(truth), -1.0)
    confidence[answered] = probabilities[answered].max(axis=1)
    is_right = chosen == truth
    labels = {
        name: _label_scores(truth == tone, chosen == tone, probabilities[:, tone]) for tone, name in enumerate(names)
    }
    counts = np.zeros((len(names), len(names) + 1), dtype=np.int64)
    np.add.at(counts, (truth, chosen), 1)
    shown = [*names, "(no answer)"] if counts[:, -1].any() else names
    return ToneReport(
        labels=labels,
        accuracy=float(is_right.mean()),
        macro_f1=_mean([scores.f1 for scores in labels.values() if scores.support]),
        calibration_error=expected_calibration_error(confidence[answered], is_right[answered]),
        confusion={
            name: dict(zip(shown, row[: len(shown)], strict=True))
            for name, row in zip(names, counts.tolist(), strict=True)
        },
        coverage=_coverage(confidence, lambda rows: float(is_right[rows].mean())),
        curves=Curves(
            _precision_recall(names, truth[:, None] == range(len(names)), probabilities),
            _bins(confidence[answered], is_right[answered]),
        ),
    )


def _label_scores(
    truth: NDArray[np.bool_], chosen: NDArray[np.bool_], probabilities: NDArray[np.float64]
) -> LabelScores:
    precision, recall, f1 = _precision_recall_f1(truth, chosen)
    support = int(truth.sum())
    # A row without an answer ranks last.
    ranked = np.nan_to_num(probabilities, nan=-1.0)
    average_precision = float(average_precision_score(truth, ranked)) if support else 0.0
    return LabelScores(precision, recall, f1, average_precision, support)


def _precision_recall(
    names: Sequence[str], truth: NDArray[np.bool_], probabilities: NDArray[np.float64]
) -> dict[str, list[Point]]:
    """Give the precision-recall curve of each label that some row has."""
    curves = {}
    for column, name in enumerate(names):
        if truth[:, column].any():
            ranked = np.nan_to_num(probabilities[:, column], nan=-1.0)
            precision, recall, _ = precision_recall_curve(truth[:, column], ranked)
            _, starts = np.unique(-np.round(recall * N_POINTS), return_index=True)  # recall falls along the curve
            best = [
                int(start + part.argmax()) for start, part in zip(starts, np.split(precision, starts[1:]), strict=True)
            ]
            curves[name] = [Point(float(recall[place]), float(precision[place])) for place in reversed(best)]
    return curves


def _precision_recall_f1(truth: NDArray[np.bool_], chosen: NDArray[np.bool_]) -> tuple[float, float, float]:
    right, n_given, n_true = int((truth & chosen).sum()), int(chosen.sum()), int(truth.sum())
    return right / max(n_given, 1), right / max(n_true, 1), 2 * right / max(n_given + n_true, 1)


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else 0.0


def _coverage(confidence: NDArray[np.float64], score: Any) -> list[Coverage]:
    """Score the surest tenth of the rows, the surest two tenths, and so on."""
    order = np.argsort(-confidence, kind="stable")
    curve = []
    for coverage in COVERAGES:
        rows = order[: max(1, round(coverage * len(order)))]
        curve.append(Coverage(coverage, max(float(confidence[rows[-1]]), 0.0), score(rows)))
    return curve


def _label_table(labels: dict[str, LabelScores]) -> pd.DataFrame:
    return pd.DataFrame.from_dict({name: asdict(scores) for name, scores in labels.items()}, orient="index").rename(
        columns={"f1": "F1", "average_precision": "average precision"}
    )


def _table_text(table: pd.DataFrame) -> str:
    return table.to_string(float_format=lambda value: f"{value:.3f}", na_rep="")


def _coverage_text(coverage: list[Coverage], score: str) -> str:
    table = pd.DataFrame([asdict(point) for point in coverage[4:]]).rename(columns={"score": score})
    return table.to_string(index=False, formatters={"coverage": "{:.0%}".format}, float_format="{:.3f}".format)


def _topics_text(report: TopicsReport) -> str:
    table = _label_table(report.labels)
    table["support"] = table["support"].astype(str)
    macro = [report.macro_precision, report.macro_recall, report.macro_f1, report.mean_average_precision, ""]
    micro = [report.micro_precision, report.micro_recall, report.micro_f1, np.nan, ""]
    # Not `table.loc`: a topic may be called "macro".
    table = pd.concat([table, pd.DataFrame([macro, micro], index=["macro", "micro"], columns=table.columns)])
    return (
        f"TOPICS\n{_table_text(table)}\n\nexpected calibration error {report.calibration_error:.3f}\n\n"
        f"{_coverage_text(report.coverage, 'micro-F1')}"
    )


def _tone_text(report: ToneReport) -> str:
    confusion = pd.DataFrame.from_dict(report.confusion, orient="index")
    return (
        f"TONE\n{_table_text(_label_table(report.labels))}\n\n"
        f"accuracy {report.accuracy:.3f}, macro-F1 {report.macro_f1:.3f}, "
        f"expected calibration error {report.calibration_error:.3f}\n\n"
        f"true tone (rows) by given tone (columns)\n{confusion.to_string()}\n\n"
        f"{_coverage_text(report.coverage, 'accuracy')}"
    )

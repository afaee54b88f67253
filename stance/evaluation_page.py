"""The page of an evaluation: the scores of each label, and how far its probabilities can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from stance.drawing import Line, draw
from stance.page import Chart, render, tone_class

if TYPE_CHECKING:
    from stance.evaluation import Bin, Coverage, LabelScores, Point, Report, ToneReport, TopicsReport

__all__ = ["evaluation_page"]

SQUARE, SMALL = (4.6, 3.4), (3.1, 2.4)
FEWEST = 10
"""A bin with fewer decisions says nothing, and is not drawn; its numbers are given."""


def evaluation_page(report: Report, title: str = "Evaluation") -> str:
    """Make a page of an evaluation: `Report.to_html`.

    Parameters
    ----------
    report : Report
    title : str
        The heading of the page.

    Returns
    -------
    str
        HTML that loads nothing.

    Raises
    ------
    MissingExtraError
        Jinja or Matplotlib is not installed.

    Examples
    --------
    >>> import pandas as pd, stance
    >>> rows = pd.DataFrame({"text": ["The two sides signed a peace treaty."], "tone": ["cooperative"]})
    >>> page = evaluation_page(stance.evaluate(stance.load(), rows))
    >>> page.count("<svg"), "Topics" in page
    (3, False)
    """
    return render(
        "evaluation.html",
        title=title,
        kind="Evaluation",
        report=report,
        heads=[head for head in (_topics(report.topics), _tone(report.tone)) if head],
        confusion=_confusion(report.tone),
    )


def _topics(topics: TopicsReport | None) -> dict[str, Any] | None:
    """Give what the template shows of topics."""
    if topics is None:
        return None
    return {
        "title": "Topics",
        "tiles": [
            ("Macro-F1", topics.macro_f1),
            ("Micro-F1", topics.micro_f1),
            ("Mean average precision", topics.mean_average_precision),
            ("Expected calibration error", topics.calibration_error),
        ],
        "labels": topics.labels,
        "calibration_errors": topics.calibration_error_by_label,
        "totals": [
            (
                "macro",
                (topics.macro_precision, topics.macro_recall, topics.macro_f1, topics.mean_average_precision),
            ),
            ("micro", (topics.micro_precision, topics.micro_recall, topics.micro_f1, None)),
        ],
        "reliability": _reliability(topics.curves.reliability, "each topic of each row"),
        "coverage": _coverage(topics.coverage, "micro-F1"),
        "precision_recall": _precision_recall(topics.curves.precision_recall, topics.labels, "accent"),
    }


def _tone(tone: ToneReport | None) -> dict[str, Any] | None:
    """Give what the template shows of tone."""
    if tone is None:
        return None
    return {
        "title": "Tone",
        "tiles": [
            ("Macro-F1", tone.macro_f1),
            ("Accuracy", tone.accuracy),
            ("Expected calibration error", tone.calibration_error),
        ],
        "labels": tone.labels,
        "calibration_errors": {},
        "totals": [],
        "reliability": _reliability(tone.curves.reliability, "the likeliest tone of each row"),
        "coverage": _coverage(tone.coverage, "accuracy"),
        "precision_recall": _precision_recall(tone.curves.precision_recall, tone.labels, ""),
    }


def _confusion(tone: ToneReport | None) -> dict[str, Any] | None:
    """Give the table of true and given tones: each cell with its share of the row."""
    if tone is None:
        return None
    rows = []
    for name, counts in tone.confusion.items():
        total = max(sum(counts.values()), 1)
        rows.append((name, [(count, count / total, name == given) for given, count in counts.items()]))
    return {"given": list(next(iter(tone.confusion.values()))), "rows": rows}


def _reliability(bins: Sequence[Bin], what: str) -> Chart:
    """Draw how often an answer is right beside the probability that it has."""
    drawn = [part for part in bins if part.n >= FEWEST]
    lines = [Line((0, 1), (0, 1), "faint", style="--")]
    lines.append(Line([part.confidence for part in drawn], [part.accuracy for part in drawn], marker="o"))
    worst = max(drawn, key=lambda part: abs(part.confidence - part.accuracy), default=None)
    words = (
        f"Reliability of {what}: the share that is right by the probability given; on the dashed line they are equal"
    )
    if worst is not None:
        words += f". Farthest from it: {worst.accuracy:.0%} right at a probability of {worst.confidence:.0%}"
    labels = "probability that the model gives", "share that is right"
    svg = draw(lines, words, SQUARE, (0, 1), (0, 1.02), None, *labels, is_share=(True, True))
    rows = [(f"{part.confidence:.3f}", f"{part.accuracy:.3f}", f"{part.n:,}") for part in bins]
    return Chart(svg, ("mean probability", "share that is right", "decisions"), rows, title=f"Reliability, {what}")


def _coverage(coverage: Sequence[Coverage], score: str) -> Chart:
    """Draw how right the answers are when only the surest are taken."""
    line = Line([point.coverage for point in coverage], [point.score for point in coverage], marker="o")
    first, last = coverage[0], coverage[-1]
    words = (
        f"{score} by the share of rows that are answered, the surest first: "
        f"{first.score:.3f} at {first.coverage:.0%}, {last.score:.3f} at {last.coverage:.0%}"
    )
    labels = "share of rows that are answered", score
    svg = draw([line], words, SQUARE, (0, 1.02), (0, 1.02), None, *labels, is_share=(True, False))
    rows = [(f"{point.coverage:.0%}", f"{point.confidence:.3f}", f"{point.score:.3f}") for point in coverage]
    return Chart(svg, ("rows answered", "least confidence", score), rows, title="Coverage")


def _precision_recall(curves: dict[str, list[Point]], labels: dict[str, LabelScores], colour: str) -> list[Chart]:
    """Draw the precision-recall curve of each label, with a dot where the model decides."""
    charts = []
    for name, points in curves.items():
        scores, shade = labels[name], colour or tone_class(name, tuple(labels))
        recall, precision = [point.recall for point in points], [point.precision for point in points]
        dot = Line([scores.recall], [scores.precision], "ink", style="", marker="o")
        words = (
            f"Precision by recall of {name}: average precision {scores.average_precision:.3f}; the model decides at "
            f"precision {scores.precision:.3f} and recall {scores.recall:.3f}"
        )
        lines = [Line(recall, precision, shade), dot]
        svg = draw(lines, words, SMALL, (0, 1.04), (0, 1.04), None, "recall", "precision")
        rows = [(f"{point.recall:.3f}", f"{point.precision:.3f}") for point in points]
        charts.append(Chart(svg, ("recall", "precision"), rows, title=name))
    return charts

"""The charts of a model's card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve

from stance.evaluation import expected_calibration_error
from stance.learning import CrossValidation

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_learning_curve", "draw_precision_recall", "draw_reliability", "svg_figure"]

BLUE, AMBER, GREY = "#1f6f8b", "#c9772b", "#8a8a8a"
STYLE = {"font.size": 9, "axes.grid": True, "grid.color": "#e2e2e2", "axes.axisbelow": True}
STYLE |= {"axes.spines.top": False, "axes.spines.right": False}
BINS = 15
FEWEST_IN_BIN = 10
"""A bin with fewer decisions says nothing, and is not drawn."""


def draw_reliability(validation: CrossValidation, rows: Sequence[int], file: Path) -> None:
    """Draw how often an answer is right beside the probability it has, for all decisions on topics, and for tone.

    Parameters
    ----------
    validation : CrossValidation
    rows : sequence of int
        The rows that are judged.
    file : Path
        The SVG file to write; the same answers give the same bytes.
    """
    topics, tones, truth = _parts(validation, rows)
    toned = truth.tones >= 0
    right = tones[toned].argmax(axis=1) == truth.tones[toned]
    with svg_figure(file, 1, 2, (8.6, 4.0)) as (left, other):
        _reliability(left, topics.ravel(), truth.topics.ravel(), "topics: each topic of each row")
        _reliability(other, tones[toned].max(axis=1), right, "tone: the likeliest of each row")


def _reliability(axes: Axes, confidence: NDArray[np.float64], is_right: NDArray[np.bool_], title: str) -> None:
    edges = np.linspace(0, 1, BINS + 1)
    places = np.clip(np.digitize(confidence, edges) - 1, 0, BINS - 1)
    n_in = np.bincount(places, minlength=BINS)
    drawn = n_in >= FEWEST_IN_BIN
    n_in = n_in[drawn]
    said = np.bincount(places, confidence, BINS)[drawn] / n_in
    was = np.bincount(places, is_right, BINS)[drawn] / n_in
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--", label="what would be right")
    bars = 1.96 * np.sqrt(was * (1 - was) / n_in)
    axes.errorbar(said, was, yerr=bars, color=BLUE, marker="o", markersize=4, linewidth=1.4, label="measured, 95 %")
    error = expected_calibration_error(confidence, is_right)
    axes.set(title=title, xlabel="probability that the model gives", ylabel="share that is right", xlim=(0, 1))
    axes.set_ylim(0, 1)
    axes.text(0.97, 0.05, f"expected calibration error {error:.3f}", ha="right", transform=axes.transAxes)
    axes.legend(loc="upper left", frameon=False)


def draw_precision_recall(validation: CrossValidation, rows: Sequence[int], file: Path) -> None:
    """Draw precision over recall for each topic and each tone, with a dot where the model decides.

    Parameters
    ----------
    validation, rows, file
        As for `draw_reliability`.
    """
    topics, tones, truth = _parts(validation, rows)
    n_topics, n_tones = topics.shape[1], tones.shape[1]
    given = np.zeros(topics.shape, dtype=bool)
    for place, row in enumerate(rows):
        given[place, list(validation.given[row])] = True
    columns = [(name, topics[:, j], truth.topics[:, j], given[:, j]) for j, name in enumerate(validation.topics)]
    chosen = tones.argmax(axis=1)
    columns += [(name, tones[:, j], truth.tones == j, chosen == j) for j, name in enumerate(validation.tones)]
    n_rows = -(-(n_topics + n_tones) // 4)
    with svg_figure(file, n_rows, 4, (8.6, 1.9 * n_rows), sharex=True, sharey=True) as grid:
        for place, (axes, (name, scores, true, chosen_here)) in enumerate(zip(grid, columns, strict=False)):
            colour = BLUE if place < n_topics else AMBER
            axes.set_title(name, fontsize=9)
            axes.set(xlim=(0, 1), ylim=(0, 1.02))
            if true.any():
                precision, recall, _ = precision_recall_curve(true, scores)
                axes.plot(recall, precision, color=colour, linewidth=1.4)
            if true.any() and chosen_here.any():
                right = (true & chosen_here).sum()
                axes.plot(right / true.sum(), right / chosen_here.sum(), "o", color=colour, markersize=5)
        for axes in grid[len(columns) :]:
            axes.set_axis_off()
        grid[0].figure.supxlabel("recall", fontsize=9)
        grid[0].figure.supylabel("precision", fontsize=9)


def draw_learning_curve(table: pd.DataFrame, file: Path) -> None:
    """Draw macro-F1 over the number of labelled rows.

    Parameters
    ----------
    table : DataFrame
        As of `training.learning_curve.learning_curve`.
    file : Path
        The SVG file to write; the same figures give the same bytes.
    """
    with svg_figure(file, 1, 1, (6.2, 3.8)) as (axes,):
        for column, label, colour in (
            ("topics macro-F1", "topics, macro-F1", BLUE),
            ("tone macro-F1", "tone, macro-F1", AMBER),
        ):
            axes.plot(table["rows"], table[column], marker="o", color=colour, label=label)
            for rows, score in zip(table["rows"], table[column], strict=True):
                axes.annotate(f"{score:.3f}", (rows, score), textcoords="offset points", xytext=(0, 7), ha="center")
        axes.set_xscale("log")
        axes.set_xticks(table["rows"], [f"{rows:,}" for rows in table["rows"]])
        axes.minorticks_off()
        axes.margins(y=0.15)
        axes.set(xlabel="labelled rows that it learned from", ylabel="on rows drawn at random that it did not see")
        axes.legend(loc="lower right", frameon=False)


def _parts(validation: CrossValidation, rows: Sequence[int]) -> tuple[NDArray[np.float64], NDArray[np.float64], Any]:
    """Give the probabilities of topics, those of tones, and the labels of some rows."""
    chosen = np.array(rows, dtype=np.int64)
    probabilities, n_topics = validation.probabilities[chosen], len(validation.topics)
    return probabilities[:, :n_topics], probabilities[:, n_topics:], validation.targets.take(chosen)


@contextmanager
def svg_figure(
    file: Path, n_rows: int, n_columns: int, size: tuple[float, float], style: Mapping[str, Any] = STYLE, **options: Any
) -> Iterator[Any]:
    """Give the axes of a figure, row by row, and write it when they are drawn; the same drawing gives the same bytes.

    Parameters
    ----------
    file : Path
        The SVG file.
    n_rows, n_columns : int
    size : (float, float)
        Width and height, in inches.
    style : mapping
        Of Matplotlib's settings.
    **options
        Of `Figure.subplots`.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "stance", "font.family": "DejaVu Sans", **style}):
        figure = Figure(figsize=size, facecolor="white", layout="constrained")
        yield figure.subplots(n_rows, n_columns, squeeze=False, **options).ravel().tolist()
        figure.savefig(file, format="svg", metadata={"Date": None})

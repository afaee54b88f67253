"""The charts: microseconds a paragraph of each system, in the README; how right each is, in `docs/method.md`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.publish import shown
from training.charts import svg_figure

__all__ = ["draw", "draw_accuracy"]

BATCH, SINGLE = "#1f6f8b", "#e0a458"
SHIFT = 0.19
"""Of a bar from the middle of its system, in systems."""


def draw(systems: dict[str, dict[str, float]], file: Path) -> None:
    """Draw the chart.

    Parameters
    ----------
    systems : dict of str to dict
        ``batch`` and ``single`` of each system, in microseconds a paragraph.
    file : Path
        The SVG file to write; the same figures give the same bytes.
    """
    names = sorted(systems, key=lambda name: systems[name]["batch"], reverse=True)
    with _bars(file, len(names), 0.72, "upper right") as axes:
        for kind, label, colour, shift in (
            ("batch", "many texts at once", BATCH, SHIFT),
            ("single", "one text, median", SINGLE, -SHIFT),
        ):
            values = [systems[name][kind] for name in names]
            places = [place + shift for place in range(len(names))]
            bars = axes.barh(places, values, height=0.36, color=colour, label=label)
            axes.bar_label(bars, labels=list(map(shown, values)), padding=3)
        axes.set_yticks(range(len(names)), [",\n".join(name.rsplit(", ", 1)) for name in names])
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.set_xlim(1, 3 * max(max(figures.values()) for figures in systems.values()))
        axes.set_xlabel("microseconds a paragraph, one thread (logarithmic: shorter is faster)")


def draw_accuracy(rows: Sequence[Mapping[str, Any]], file: Path) -> None:
    """Draw macro-F1 of topics and tone of each system, where it has them.

    Parameters
    ----------
    rows : sequence of mapping
        Each with ``system`` and, where the system answers that, ``topics_macro_f1`` and ``tone_macro_f1``.
    file : Path
        The SVG file to write; the same figures give the same bytes.
    """
    rows = list(reversed(rows))
    with _bars(file, len(rows), 0.6, "upper right") as axes:
        for column, label, colour, shift in (
            ("topics_macro_f1", "topics", BATCH, SHIFT),
            ("tone_macro_f1", "tone", SINGLE, -SHIFT),
        ):
            bars = [(place + shift, row[column]) for place, row in enumerate(rows) if column in row]
            places, values = zip(*bars, strict=True)
            drawn = axes.barh(places, values, height=0.36, color=colour, label=label)
            axes.bar_label(drawn, fmt="%.3f", padding=3)
        axes.set_yticks(range(len(rows)), [row["system"].replace(", ", ",\n", 1) for row in rows])
        axes.set_xlim(0, 1)
        axes.set_xlabel("macro-F1 in five-fold cross-validation, on rows drawn at random")


@contextmanager
def _bars(file: Path, n_systems: int, inches: float, legend: str) -> Iterator[Any]:
    """Give axes for two bars a system, each system so many inches high, and write the chart when they are drawn."""
    with svg_figure(file, 1, 1, (8.6, inches * n_systems + 1.1), {"font.size": 10}) as (axes,):
        yield axes
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color="#dddddd")
        axes.set_axisbelow(True)
        axes.legend(loc=legend, frameon=True, facecolor="white", edgecolor="none")

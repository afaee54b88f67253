"""The chart of the README: microseconds a paragraph of each system, in a batch and one by one."""

from __future__ import annotations

from pathlib import Path

from benchmarks.publish import shown

__all__ = ["draw"]

BATCH, SINGLE = "#1f6f8b", "#e0a458"
STYLE = {"svg.hashsalt": "stance", "font.family": "DejaVu Sans", "font.size": 10}


def draw(systems: dict[str, dict[str, float]], file: Path) -> None:
    """Draw the chart.

    Parameters
    ----------
    systems : dict of str to dict
        ``batch`` and ``single`` of each system, in microseconds a paragraph.
    file : Path
        The SVG file to write; the same figures give the same bytes.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    names = sorted(systems, key=lambda name: systems[name]["batch"], reverse=True)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.6, 0.72 * len(names) + 1.1), facecolor="white", layout="constrained")
        axes = figure.add_subplot()
        for kind, label, colour, shift in (
            ("batch", "many texts at once", BATCH, 0.19),
            ("single", "one text, median", SINGLE, -0.19),
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
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color="#dddddd")
        axes.set_axisbelow(True)
        axes.legend(loc="upper right", frameon=True, facecolor="white", edgecolor="none")
        figure.savefig(file, format="svg", metadata={"Date": None})

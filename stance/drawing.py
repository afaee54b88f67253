"""Charts as SVG that stands in a page: its colours are the page's, its text is text."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from typing import TYPE_CHECKING, Any

from stance.errors import MissingExtraError
from stance.page import clean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Line", "draw"]

COLOURS = ("ink", "faint", "accent", "tense", "cooperative", "mixed", "neutral", "other0", "other1", "other2", "other3")
"""The page's style says what they are, in light and in dark."""
STANDS_FOR = {name: f"#fe01{place:02x}" for place, name in enumerate(COLOURS)}
"""What Matplotlib is told instead, and what is looked for in what it draws."""
STYLE: Any = {
    "axes.axisbelow": True,
    "axes.edgecolor": STANDS_FOR["faint"],
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.labelcolor": STANDS_FOR["ink"],
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "grid.alpha": 0.45,
    "grid.color": STANDS_FOR["faint"],
    "grid.linewidth": 0.6,
    "svg.fonttype": "none",
    "svg.hashsalt": "stance",
    "text.color": STANDS_FOR["ink"],
    "xtick.color": STANDS_FOR["faint"],
    "xtick.labelcolor": STANDS_FOR["ink"],
    "ytick.color": STANDS_FOR["faint"],
    "ytick.labelcolor": STANDS_FOR["ink"],
}
PIXELS = 1.25
"""On the screen for each point of a chart."""
LEAST_WIDTH = 640
"""In pixels: a wide chart becomes no narrower, so that its text can be read on a telephone; the page scrolls it."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a chart.

    Attributes
    ----------
    x, y : sequence of float
        NaN in `y` makes a gap.
    colour : str
        One of `COLOURS`.
    band : (sequence of float, sequence of float), optional
        The ends of the interval of each value.
    style : str
        Of Matplotlib: "-", "--" or "" for no line.
    marker : str
        Of Matplotlib, or "" for none.
    key : str
        What the page's filter knows it by; "" where it is always shown.
    """

    x: Sequence[float]
    y: Sequence[float]
    colour: str = "accent"
    band: tuple[Sequence[float], Sequence[float]] | None = None
    style: str = "-"
    marker: str = ""
    key: str = ""


def draw(
    lines: Sequence[Line],
    words: str,
    size: tuple[float, float],
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    x_ticks: Mapping[float, str] | None = None,
    x_label: str = "",
    y_label: str = "",
    is_share: tuple[bool, bool] = (False, False),
) -> str:
    """Draw lines.

    Parameters
    ----------
    lines : sequence of Line
    words : str
        What the chart shows, for who does not see it.
    size : (float, float)
        Width and height, in inches.
    x_range, y_range : (float, float)
        What the axes go over.
    x_ticks : mapping of float to str, optional
        Where the marks of the x axis stand, and what they say.
    x_label, y_label : str
        What the axes show.
    is_share : (bool, bool)
        Whether the values of each axis are shares, to be written in per cent.

    Returns
    -------
    str
        An ``svg`` element. The same lines give the same text.

    Raises
    ------
    MissingExtraError
        Matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
    except ImportError:
        raise MissingExtraError("a report", "matplotlib", "report") from None
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots()
        for line in lines:
            _draw_line(axes, line)
        axes.set(xlim=x_range, ylim=y_range, xlabel=x_label, ylabel=y_label)
        for axis, share in zip((axes.xaxis, axes.yaxis), is_share, strict=True):
            axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
            if share:
                axis.set_major_formatter(PercentFormatter(1, decimals=None, symbol=" %"))
        if x_ticks is not None:
            axes.set_xticks(list(x_ticks), list(x_ticks.values()))
        return _inlined(figure, words)


def _draw_line(axes: Axes, line: Line) -> None:
    colour = STANDS_FOR[line.colour]
    parts = []
    if line.band is not None:
        parts.append(axes.fill_between(line.x, *line.band, color=colour, alpha=0.18, linewidth=0))
    form = {"color": colour, "linestyle": line.style or "none", "marker": line.marker or "none"}
    parts += axes.plot(line.x, line.y, linewidth=1.6, markersize=5, **form)  # type: ignore[arg-type]
    if line.key:
        for part in parts:
            part.set_gid(f"series {line.key}")


def _inlined(figure: Figure, words: str) -> str:
    """Give a figure as an element for a page: without its own fonts and colours, and with names of its own."""
    file = io.StringIO()
    figure.savefig(file, format="svg", transparent=True, metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :]
    inside = svg[svg.index(">") + 1 :]
    inside = re.sub(r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>|<!--.*?-->", "", inside, flags=re.DOTALL)
    for colour, stand_in in STANDS_FOR.items():
        inside = inside.replace(stand_in, f"var(--{colour})")
    inside = re.sub(r"font-family: [^;\"]*;? ?|(?<=font: )([\d.]+px) [^;\"]*", r"\1", inside)
    inside = re.sub(r'id="series ([^"]*)"', r'data-series="\1"', inside)
    inside = re.sub(r"(\.\d\d)\d+", r"\1", inside)
    used = set(re.findall(r'(?:url\(#|xlink:href="#)([\w.-]+)', inside))
    own = "c" + sha256((clean(words) + inside).encode("utf-8")).hexdigest()[:8]

    def name(found: re.Match[str]) -> str:
        return f' id="{own}{found[1]}"' if found[1] in used else ""

    inside = re.sub(r' id="([^"]*)"', name, inside)
    inside = re.sub(r'(url\(#|xlink:href="#)(?=[\w.-])', rf"\g<1>{own}", inside)
    inside = re.sub(r"\s*\n\s*", "\n", inside)
    width, height = (72 * inches for inches in figure.get_size_inches())
    least = f"; min-width: {LEAST_WIDTH}px" if width * PIXELS > LEAST_WIDTH else ""
    box = f'viewBox="0 0 {width:g} {height:g}" style="width: {width * PIXELS:g}px{least}"'
    return f'<svg class="chart" role="img" aria-label="{escape(clean(words))}" {box}>{inside.strip()}'

"""Where the figures go: `results.json`, and the README between two marks."""

from __future__ import annotations

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from training.rows import ROOT

__all__ = ["RESULTS", "conditions", "conditions_line", "publish", "read_results", "replace_block", "rounded", "shown"]

RESULTS = ROOT / "benchmarks" / "results.json"
README = ROOT / "README.md"


def conditions(*packages: str) -> dict[str, Any]:
    """Give the machine, and the versions of Python and of the packages."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in ("stance", "numpy", "pandas", "scikit-learn", *packages)},
    }


def conditions_line(conditions: dict[str, Any]) -> str:
    """Say on what machine and with which versions the figures were measured."""
    packages = ", ".join(f"{name} {number}" for name, number in conditions["packages"].items())
    return (
        f"{conditions['cpu']}, {conditions['cores']} cores, {conditions['system']}; "
        f"Python {conditions['python']}, {packages}."
    )


def publish(key: str, results: dict[str, Any], marker: str, block: str, page: Path | None = None) -> None:
    """Keep `results` in `results.json` under `key`, and put `block` into a page, by default the README, at `marker`."""
    page = page or README
    written = replace_block(page.read_text(encoding="utf-8"), marker, block)
    everything = dict(sorted({**(read_results() if RESULTS.exists() else {}), key: results}.items()))
    RESULTS.write_text(json.dumps(everything, indent=2) + "\n", encoding="utf-8")
    page.write_text(written, encoding="utf-8")


def read_results() -> dict[str, Any]:
    """Read `results.json`."""
    results: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return results


def replace_block(page: str, marker: str, block: str) -> str:
    r"""Replace what stands between two marks of a page.

    Parameters
    ----------
    page : str
    marker : str
        The marks are the lines ``<!-- marker: begin -->`` and ``<!-- marker: end -->``.
    block : str

    Returns
    -------
    str

    Raises
    ------
    ValueError
        The page does not have each of the marks once, the first before the second.

    Examples
    --------
    >>> replace_block("<!-- a: begin -->\nold\n<!-- a: end -->", "a", "new")
    '<!-- a: begin -->\nnew\n<!-- a: end -->'
    """
    begin, end = f"<!-- {marker}: begin -->", f"<!-- {marker}: end -->"
    if not (page.count(begin) == page.count(end) == 1 and page.index(begin) < page.index(end)):
        raise ValueError(f"expected the lines {begin} and {end} once each, in this order")
    return f"{page[: page.index(begin)]}{begin}\n{block}\n{page[page.index(end) :]}"


def rounded(value: float) -> float:
    """Round to four significant digits."""
    return float(f"{value:.4g}")


def shown(value: float) -> str:
    """Write a figure with about three significant digits.

    Examples
    --------
    >>> [shown(value) for value in (17837.5, 396.4, 13.67, 4.123, 0.5)]
    ['17,838', '396', '13.7', '4.12', '0.50']
    """
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f}"


def _cpu() -> str:
    """Name the processor."""
    facts = Path("/proc/cpuinfo")
    if facts.exists():
        for line in facts.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()

"""Measure the speed of stance beside other systems: ``python -m benchmarks.speed``.

Prints a table, and writes it to the README, `results.json` and `speed.svg`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

import pandas as pd
from threadpoolctl import threadpool_limits

import stance
from benchmarks.chart import draw
from benchmarks.processes import NO_KERNEL, ask_without_kernel, describe_install, run_cold
from benchmarks.publish import RESULTS, conditions, conditions_line, publish, rounded, shown
from benchmarks.systems import (
    FASTEST,
    KERNEL,
    RICH,
    SKLEARN,
    VADER,
    System,
    fasttext_system,
    sklearn_system,
    stance_system,
    vader_system,
    write_fasttext,
)
from benchmarks.texts import CORPORA, pool_texts
from benchmarks.timing import median_seconds, p50_seconds
from stance.api import load_default

CHART = RESULTS.with_name("speed.svg")
WITHOUT_KERNEL = "stance without its kernel"
FASTTEXT_SETTINGS = {
    FASTEST: {"dim": 16},
    # A tenth of the customary buckets: the table then fits into caches better, which is in fastText's favour.
    RICH: {"dim": 100, "wordNgrams": 2, "minn": 3, "maxn": 5, "bucket": 200_000},
}


@dataclass(frozen=True)
class Comparison:
    """One row of the table.

    Attributes
    ----------
    what : str
        What is measured, and its unit.
    figure : float
        What stance takes.
    peer : str
        What stands beside it; empty for nothing.
    peer_figure : float or None
        What the peer takes.
    aim : float
        What the ratio is to be; without a peer, what the figure is to be.
    is_overhead : bool
        Whether the ratio says how many times as long stance takes, which is to be at most `aim`; otherwise it says how
        many times as fast stance is, which is to be at least `aim`.
    """

    what: str
    figure: float
    peer: str
    peer_figure: float | None
    aim: float
    is_overhead: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Give the row with rounded figures and the ratio."""
        ratio = None
        if self.peer_figure is not None:
            ratio = self.figure / self.peer_figure if self.is_overhead else self.peer_figure / self.figure
        row = {**asdict(self), "ratio": ratio}
        return {name: rounded(value) if type(value) is float else value for name, value in row.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and publish."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--corpora", type=Path, default=CORPORA, help="folder with pool.csv.gz")
    parser.add_argument("--texts", type=int, default=20_000, help="paragraphs in a batch")
    parser.add_argument("--single-texts", type=int, default=1_000, help="paragraphs answered one by one")
    parser.add_argument("--repeats", type=int, default=7, help="timed repeats, of which the median counts")
    parser.add_argument(
        "--python",
        type=Path,
        default=sys.executable,
        help="interpreter for cold starts, with stance (normal install) and fastText; by default the running one",
    )
    options = parser.parse_args(arguments)
    if stance.backend() != "compiled":
        print(NO_KERNEL, file=sys.stderr)
        return 2
    python = str(options.python.absolute())  # not resolved: the link is what makes it the interpreter of its folder
    texts, origin = pool_texts(options.corpora)
    sample = texts[: options.texts]
    with tempfile.TemporaryDirectory() as folder:
        models = train_fasttext(texts, Path(folder))
        systems = [
            stance_system(sample),
            sklearn_system(sample),
            *(fasttext_system(name, model, sample) for name, model in models.items()),
            vader_system(sample),
        ]
        figures = measure(systems, options.single_texts, options.repeats)
        question = {"texts": sample, "n_single": options.single_texts, "repeats": options.repeats}
        (figures[WITHOUT_KERNEL],) = ask_without_kernel("benchmarks.speed", "measure_stance", [question])
        files = {name: Path(folder) / f"{number}.bin" for number, name in enumerate(models)}
        for name, model in models.items():
            model.save_model(str(files[name]))
        rows = [
            *between_systems(figures),
            *inside_stance(texts, options.repeats),
            *cold_starts(python, sample[0], files, options.repeats),
        ]
    results = {
        "conditions": conditions("fasttext-wheel", "vaderSentiment"),
        "texts": (
            f"{len(sample):,} {origin}, {mean(len(text.split()) for text in sample):.0f} words in the mean; "
            f"two threads and frames: all {len(texts):,}"
        ),
        "n_single": min(options.single_texts, len(sample)),
        "repeats": options.repeats,
        "cold_start": describe_install(python),
        "systems": {name: {kind: rounded(us) for kind, us in both.items()} for name, both in figures.items()},
        "rows": [row.to_dict() for row in rows],
    }
    publish("speed", results, "benchmark", block(results))
    draw(results["systems"], CHART)
    print(block(results))
    return 0


def train_fasttext(texts: list[str], folder: Path) -> dict[str, Any]:
    """Train fastText with each of the settings, on the likeliest topic by the default model."""
    import fasttext

    model = stance.load()
    best = model.decision_function(texts)[:, : len(model.topics)].argmax(axis=1)
    file = folder / "rows.txt"
    write_fasttext(file, texts, [[model.topics[topic]] for topic in best.tolist()])
    return {
        name: fasttext.train_supervised(str(file), epoch=1, verbose=0, **settings)
        for name, settings in FASTTEXT_SETTINGS.items()
    }


def measure(systems: list[System], n_single: int, repeats: int) -> dict[str, dict[str, float]]:
    """Give the microseconds a paragraph of each system, in a batch and one by one."""
    with threadpool_limits(1):
        batch = median_seconds({system.name: partial(system.batch, system.texts) for system in systems}, repeats)
        single = p50_seconds({system.name: (system.single, system.texts[:n_single]) for system in systems}, repeats)
    return {
        system.name: {"batch": batch[system.name] / len(system.texts) * 1e6, "single": single[system.name] * 1e6}
        for system in systems
    }


def measure_stance(question: dict[str, Any]) -> dict[str, float]:
    """Measure stance alone, for a process without the kernel."""
    return measure([stance_system(question["texts"])], question["n_single"], question["repeats"])[KERNEL]


def between_systems(figures: dict[str, dict[str, float]]) -> list[Comparison]:
    """Compare stance with the other systems."""
    batch, single = "many texts at once, µs a paragraph", "one text, µs"
    plan = [
        ("batch", batch, KERNEL, [(SKLEARN, 25), (FASTEST, 3), (RICH, 10)]),
        ("single", single, KERNEL, [(SKLEARN, 500), (FASTEST, 3), (RICH, 10), (VADER, 30)]),
        ("batch", f"without the kernel, {batch}", WITHOUT_KERNEL, [(SKLEARN, 2)]),
        ("single", f"without the kernel, {single}", WITHOUT_KERNEL, [(SKLEARN, 25)]),
    ]
    return [
        Comparison(what, figures[ours][kind], peer, figures[peer][kind], aim)
        for kind, what, ours, peers in plan
        for peer, aim in peers
    ]


def inside_stance(texts: list[str], repeats: int) -> list[Comparison]:
    """Compare stance with itself: two threads, a whole data frame, the loading of the model."""
    model = stance.load()
    frame = pd.DataFrame({"text": texts})
    half = len(texts) // 2
    with ThreadPoolExecutor(2) as threads:
        seconds = median_seconds(
            {
                "one": lambda: model.decision_function(texts),
                "two": lambda: list(threads.map(model.decision_function, (texts[:half], texts[half:]))),
                "frame": lambda: stance.score(frame, progress=False),
            },
            repeats,
        )
    loading = median_seconds({"load": load_default}, repeats)["load"]
    one, two, whole = (seconds[way] / len(texts) * 1e6 for way in ("one", "two", "frame"))
    return [
        Comparison("many texts at once on two threads, µs a paragraph", two, "stance on one thread", one, 1.7),
        Comparison("`stance.score(frame)`, µs a row", whole, "its scores alone", one, 1.5, is_overhead=True),
        Comparison("loading the default model, ms", loading * 1e3, "", None, 5, is_overhead=True),
    ]


def cold_starts(python: str, text: str, fasttext_files: dict[str, Path], repeats: int) -> list[Comparison]:
    """Compare new processes up to their first answer."""
    line = " ".join(text.splitlines()) + "\n"
    codes = {"stance": f"import stance; stance.classify({text!r})", "python": "pass"}
    codes |= {
        name: f"import fasttext; fasttext.load_model({str(file)!r}).f.predict({line!r}, 1, 0.0, 'strict')"
        for name, file in fasttext_files.items()
    }
    ways = {name: partial(run_cold, python, code) for name, code in codes.items()}
    ms = {name: seconds * 1e3 for name, seconds in median_seconds(ways, 3 * repeats).items()}
    what = "a new process to its first answer, ms"
    return [
        Comparison(what, ms["stance"], "`python -c pass`", ms["python"], 3, is_overhead=True),
        *(Comparison(what, ms["stance"], name, ms[name], 10) for name in fasttext_files),
    ]


def block(results: dict[str, Any]) -> str:
    """Write the table and what was measured how, as the README has it."""
    lines = [
        "| measured | stance | beside it | takes | ratio: stance is | aim |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [_line(row) for row in results["rows"]]
    return "\n".join(lines) + (
        f"\n\nMedian of {results['repeats']} repeats, one thread unless said; {results['texts']}; one text: the median "
        f"over {results['n_single']:,} of them; new processes: {results['cold_start']}, files in the disk cache.\n"
        f"{conditions_line(results['conditions'])}"
    )


def _line(row: dict[str, Any]) -> str:
    bound = f"{'at most' if row['is_overhead'] else 'at least'} {row['aim']:g}"
    if row["ratio"] is None:
        return f"| {row['what']} | {shown(row['figure'])} | | | | {bound} |"
    unit = "times as long" if row["is_overhead"] else "times as fast"
    return (
        f"| {row['what']} | {shown(row['figure'])} | {row['peer']} | {shown(row['peer_figure'])} "
        f"| {shown(row['ratio'])} {unit} | {bound} |"
    )


if __name__ == "__main__":
    sys.exit(main())

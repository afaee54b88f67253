"""Time `stance score` on files: ``python -m benchmarks.throughput``.

Each run is a command of its own, from an empty process to the file on disk. Beside it stand the same job by pandas,
scikit-learn and joblib, and by fastText in a loop, and the time that scoring alone takes, with the same threads.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
import psutil

import stance
from benchmarks.publish import conditions, conditions_line, publish, rounded, shown
from benchmarks.systems import RICH, SKLEARN, fasttext_line, trained_fasttext
from benchmarks.texts import CORPORA, pool_texts
from benchmarks.timing import median_seconds
from stance.columns import BATCH
from stance.labelled import Labelled
from stance.learning import fit
from stance.parallel import in_order
from training.rows import ROOT

PAGE = ROOT / "docs" / "scale.md"
CHART = ROOT / "docs" / "scale.svg"
SETTINGS = {"epoch": 5, "dim": 100, "wordNgrams": 2, "minn": 3, "maxn": 5, "bucket": 500_000, "thread": 2}
SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000, 25_000_000)
COST_ROWS, REPEATS = 10_000, 5
LOOK_EVERY = 0.1
"""Seconds between two looks at the memory."""
SLOW_ROWS = 20_000
"""For what is so slow that fewer rows are enough."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and publish."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--corpora", type=Path, default=CORPORA, help="folder with the texts")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the files (default: 1,000,000)")
    parser.add_argument("--most", type=int, default=SIZES[-1], help="rows of the largest file")
    options = parser.parse_args(arguments)
    texts, origin = pool_texts(options.corpora)
    with tempfile.TemporaryDirectory() as folder:
        results = {
            "conditions": conditions("pyarrow", "fasttext-wheel"),
            "texts": origin,
            **compared(texts, options.rows, Path(folder)),
            "growth": growth(texts, options.most, Path(folder)),
            "costs": costs(texts),
        }
    publish("throughput", results, "throughput", block(results), PAGE)
    draw_growth(results["growth"], CHART)
    print(block(results))
    return 0


def compared(texts: list[str], n_rows: int, folder: Path) -> dict[str, Any]:
    """Time the command and what stands beside it, in rows a second."""
    frame = table(texts, n_rows)
    frame.to_parquet(folder / "in.parquet", row_group_size=100_000)
    frame.to_csv(folder / "in.csv", index=False)
    frame.to_json(folder / "in.jsonl", orient="records", lines=True)
    some = folder / "some.parquet"
    frame.head(SLOW_ROWS).to_parquet(some)
    kernel = kernel_seconds(frame["text"].tolist())
    rows = []
    for source, output in (("parquet", "parquet"), ("csv", "csv"), ("jsonl", "jsonl"), ("csv", "parquet")):
        seconds, peak = command(folder / f"in.{source}", folder / f"out.{output}")
        what = source if source == output else f"{source} to {output}"
        rows.append(_figures(f"`stance score`, {what}", n_rows, seconds, peak))
        print(rows[-1], file=sys.stderr)
    for name, job in ((f"pandas, {SKLEARN}, joblib", by_sklearn), (f"pandas, {RICH} in a loop", by_fasttext)):
        seconds = job(some, folder / "out.parquet", texts)
        rows.append(_figures(f"{name}, parquet", SLOW_ROWS, seconds))
    rows.append(_figures("scoring alone, texts in memory", n_rows, kernel))
    one = kernel_seconds(frame["text"].tolist(), n_threads=1)
    rows.append(_figures("the same in one thread", n_rows, one))
    ratios = {"times_the_kernel": rounded(rows[0]["seconds"] / kernel), "times_one": rounded(rows[0]["seconds"] / one)}
    return {"rows": n_rows, "systems": rows, **ratios}


def growth(texts: list[str], most: int, folder: Path) -> list[dict[str, Any]]:
    """Time the command on ever more rows."""
    found = []
    for n_rows in SIZES:
        if n_rows > most:
            break
        path = folder / "in.parquet"
        write_large(texts, n_rows, path)
        seconds, peak = command(path, folder / "out.parquet")
        print(f"{n_rows:,} rows: {seconds:.2f} s, {peak:.0f} MB", file=sys.stderr)
        found.append({"megabytes": rounded(path.stat().st_size / 1e6), **_figures("", n_rows, seconds, peak)})
    return found


def costs(texts: list[str]) -> list[dict[str, Any]]:
    """Time one text of a batch, by its length, and by the labels and the vocabulary of the model."""
    some = texts[:COST_ROWS]
    ways: dict[str, tuple[stance.Model, list[str]]] = {}
    for times in (1, 2, 4, 8):
        joined = [" ".join(some[place : place + times]) for place in range(0, len(some), times)]
        words = round(sum(len(text.split()) for text in joined) / len(joined))
        ways[f"the default model, texts of {words} words"] = stance.load(), joined
    topics = [answer.topics for answer in stance.classify_many(some)]
    for n_topics in (1, 4, 16):
        ways[f"{n_topics} topics, at most 10,000 terms of each kind"] = _trained(some, topics, n_topics, 10_000), some
    for n_terms in (1_000, 100_000):
        ways[f"16 topics, at most {n_terms:,} terms of each kind"] = _trained(some, topics, 16, n_terms), some
    calls = {name: partial(model.answers, many) for name, (model, many) in ways.items()}
    seconds = median_seconds(calls, REPEATS)
    return [
        {"what": name, "microseconds": rounded(1e6 * seconds[name] / len(many))} for name, (_, many) in ways.items()
    ]


def _trained(texts: list[str], topics: Sequence[Sequence[str]], n_topics: int, n_terms: int) -> stance.Model:
    """Train a model on some of the topics."""
    kept = stance.load().topics[:n_topics]
    cells = ["|".join(topic for topic in row if topic in kept) for row in topics]
    frame = pd.DataFrame({"text": texts, "topics": cells})
    return fit(Labelled.read(frame), max_terms=n_terms)[0]


def table(texts: list[str], n_rows: int) -> pd.DataFrame:
    """Make rows with an id, a date, a source and a text, which comes again every so many rows."""
    number = pd.Series(range(n_rows))
    return pd.DataFrame(
        {
            "id": number,
            "date": (pd.Timestamp("2000-01-01") + pd.to_timedelta(number % 9000, "D")).dt.strftime("%Y-%m-%d"),
            "source": number.mod(7).map(lambda source: f"source {source}"),
            "text": [texts[place % len(texts)] for place in range(n_rows)],
        }
    )


def write_large(texts: list[str], n_rows: int, path: Path) -> None:
    """Write a table of any number of rows, a group at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    part = pa.Table.from_pandas(table(texts, min(n_rows, 100_000)), preserve_index=False)
    with pq.ParquetWriter(path, part.schema) as writer:
        for begin in range(0, n_rows, 100_000):
            writer.write_table(part.slice(0, n_rows - begin))


def command(source: Path, output: Path) -> tuple[float, float]:
    """Run ``stance score``, and give the seconds and the peak memory in MB of all its processes together."""
    begin = time.perf_counter()
    running = psutil.Popen(
        [sys.executable, "-m", "stance", "score", str(source), str(output)], stderr=subprocess.DEVNULL
    )
    peak = 0
    while True:
        try:
            code = running.wait(timeout=LOOK_EVERY)
            break
        except psutil.TimeoutExpired:
            peak = max(peak, _memory(running))
    seconds = time.perf_counter() - begin
    assert code == 0, f"stance score {source} ended with {code}"
    return seconds, peak / 1e6


def _memory(process: psutil.Process) -> int:
    """Give the bytes that a process and those it started hold; what several share counts once."""
    total = 0
    for one in [process, *process.children(recursive=True)]:
        with contextlib.suppress(psutil.Error):  # it has just ended
            total += one.memory_full_info().pss
    return total


def kernel_seconds(texts: list[str], n_threads: int | None = None) -> float:
    """Time scoring alone, by default in as many threads as the command has."""
    model = stance.load()
    parts = [texts[begin : begin + BATCH] for begin in range(0, len(texts), BATCH)]
    begin = time.perf_counter()
    for _ in in_order(model.answers, parts, n_threads):
        pass
    return time.perf_counter() - begin


def by_sklearn(source: Path, output: Path, texts: list[str]) -> float:
    """Do the job as most would: read a frame, score parts of it in processes, write a frame."""
    pipeline = stance.load().to_sklearn()
    begin = time.perf_counter()
    frame = pd.read_parquet(source)
    parts = [frame["text"].iloc[place : place + 1000].tolist() for place in range(0, len(frame), 1000)]
    values = joblib.Parallel(n_jobs=-1)(joblib.delayed(pipeline.decision_function)(part) for part in parts)
    frame[list(stance.load().labels)] = [row for part in values for row in part]
    frame.to_parquet(output)
    return time.perf_counter() - begin


def by_fasttext(source: Path, output: Path, texts: list[str]) -> float:
    """Read a frame, ask fastText for each text, write a frame."""
    some = texts[:SLOW_ROWS]
    tones = [[answer.tone or "none"] for answer in stance.classify_many(some)]
    _, model = trained_fasttext(some, tones, **SETTINGS)
    begin = time.perf_counter()
    frame = pd.read_parquet(source)
    frame["tone"] = [model.f.predict(fasttext_line(text) + "\n", 1, 0.0, "strict")[0][1] for text in frame["text"]]
    frame.to_parquet(output)
    return time.perf_counter() - begin


def block(results: dict[str, Any]) -> str:
    """Write the tables of the page."""
    lines = [
        "| what | rows | seconds | rows a second | peak memory, MB |",
        "| --- | --- | --- | --- | --- |",
        *(_line(row["what"], row) for row in results["systems"]),
        "",
        f"From Parquet to Parquet the whole command takes {shown(results['times_one'])} times as long as scoring alone "
        f"in one thread, {shown(results['times_the_kernel'])} times as long as in as many threads as it has. The texts "
        f"are {results['texts']}, again and again.",
        "",
        "| Parquet file, MB | rows | seconds | rows a second | peak memory, MB |",
        "| --- | --- | --- | --- | --- |",
        *(_line(shown(row["megabytes"]), row) for row in results["growth"]),
        "",
        "| one text of a batch, on one core | microseconds |",
        "| --- | --- |",
        *(f"| {row['what']} | {shown(row['microseconds'])} |" for row in results["costs"]),
        "",
        conditions_line(results["conditions"]),
    ]
    return "\n".join(lines)


def draw_growth(rows: list[dict[str, Any]], chart: Path) -> None:
    """Draw the seconds and the memory by the number of rows."""
    from training.charts import svg_figure

    with svg_figure(chart, 1, 2, (7.5, 3.2)) as axes:
        n_rows = [row["rows"] for row in rows]
        for axis, key, label in zip(axes, ("seconds", "peak"), ("seconds", "peak memory, MB"), strict=True):
            axis.plot(n_rows, [row[key] for row in rows], marker="o")
            axis.set(xscale="log", xlabel="rows", ylabel=label)
        axes[0].set(yscale="log")
        axes[1].set(ylim=(0, 320))
        axes[1].axhline(300, linestyle="--", linewidth=0.8)


def _figures(what: str, n_rows: int, seconds: float, peak: float | None = None) -> dict[str, Any]:
    figures = {"what": what, "rows": n_rows, "seconds": rounded(seconds), "per_second": rounded(n_rows / seconds)}
    return figures if peak is None else {**figures, "peak": rounded(peak)}


def _line(what: str, row: dict[str, Any]) -> str:
    peak = shown(row["peak"]) if "peak" in row else ""
    return f"| {what} | {row['rows']:,} | {shown(row['seconds'])} | {row['per_second']:,.0f} | {peak} |"


if __name__ == "__main__":
    sys.exit(main())

"""The benchmarks without their timings: what they publish is what they measured, and they import no peer needlessly."""

from __future__ import annotations

import gzip
import importlib
import re
import sys
import warnings
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

import stance
from benchmarks import accuracy, adaptation, curation, publish, retraining, speed, throughput, training
from benchmarks.publish import replace_block, shown
from benchmarks.texts import made_texts, pool_texts
from stance.labelled import Labelled
from stance.learning import fit, folds_of
from training.rows import fixture_rows

ROOT = Path(__file__).resolve().parent.parent
PEERS = ("fasttext", "vaderSentiment", "textblob", "sentence_transformers", "torch", "transformers", "matplotlib")
MODULES = (
    "accuracy",
    "adaptation",
    "chart",
    "curation",
    "equality",
    "processes",
    "publish",
    "retraining",
    "speed",
    "systems",
    "texts",
    "throughput",
    "timing",
    "training",
)
PAGE = "before\n<!-- m: begin -->\nold\n<!-- m: end -->\nafter\n"


def block_of_the_readme(marker: str, page: str = "README.md") -> str:
    page = (ROOT / page).read_text(encoding="utf-8")
    found = re.search(f"<!-- {marker}: begin -->\n(.*)\n<!-- {marker}: end -->", page, flags=re.DOTALL)
    assert found
    return found[1]


def cells(block: str) -> list[list[str]]:
    """The rows of a Markdown table, without its head."""
    lines = [line for line in block.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def number(cell: str) -> float:
    return float(cell.split(" times")[0].replace(",", ""))


def test_the_readme_shows_the_measured_speed() -> None:
    results = publish.read_results()["speed"]
    table = block_of_the_readme("benchmark")
    assert len(cells(table)) == len(results["rows"])
    for row, (what, figure, peer, peer_figure, ratio, _) in zip(results["rows"], cells(table), strict=True):
        assert (what, peer) == (row["what"], row["peer"])
        assert number(figure) == pytest.approx(row["figure"], rel=0.01, abs=0.006)
        if peer:
            assert number(peer_figure) == pytest.approx(row["peer_figure"], rel=0.01, abs=0.006)
            assert number(ratio) == pytest.approx(row["ratio"], rel=0.01, abs=0.006)
    assert table == speed.block(results)


def test_the_page_on_scale_shows_the_measured_throughput() -> None:
    results = publish.read_results()["throughput"]
    assert block_of_the_readme("throughput", "docs/scale.md") == throughput.block(results)
    rates = {row["what"]: row["per_second"] for row in results["systems"]}
    assert rates["`stance score`, parquet"] > 100_000
    assert rates["`stance score`, csv"] > 60_000
    peaks = [row["peak"] for row in [*results["systems"], *results["growth"]] if "peak" in row]
    assert max(peaks) < 300
    assert results["growth"][-1]["megabytes"] > 5000
    assert [row["rows"] for row in results["growth"]] == list(throughput.SIZES)


def test_the_command_is_timed_on_ever_more_rows(tmp_path: Path) -> None:
    rows = throughput.growth(["Troops shelled the town.", "Talks began."], 10_000, tmp_path)
    assert [row["rows"] for row in rows] == [1000, 10_000]
    assert all(row["per_second"] > 0 and 10 < row["peak"] < 300 for row in rows)
    assert len(pd.read_parquet(tmp_path / "out.parquet")) == 10_000
    throughput.draw_growth(rows, tmp_path / "chart.svg")
    assert "peak memory, MB" in (tmp_path / "chart.svg").read_text("utf-8")


def test_the_readme_shows_the_measured_training() -> None:
    results = publish.read_results()["training"]
    table = block_of_the_readme("benchmark-training")
    for row, (system, seconds, macro_f1, ratio) in zip(results["rows"], cells(table), strict=True):
        assert system == row["system"]
        assert number(seconds) == pytest.approx(row["seconds"], rel=0.01, abs=0.006)
        assert number(macro_f1) == pytest.approx(row["macro_f1"], abs=0.0006)
        assert number(ratio) == pytest.approx(row["ratio"], rel=0.01, abs=0.006)
    assert table == training.block(results)


def test_the_method_shows_the_measured_retraining() -> None:
    results = publish.read_results()["retraining"]
    assert block_of_the_readme("retraining", "docs/method.md") == retraining.block(results)
    reached = {row["set"].split(",")[0]: row for row in results["rows"] if row["system"].startswith("stance")}
    assert reached["Reuters-21578"]["micro_f1"] >= 0.86
    assert reached["Reuters-21578"]["macro_f1"] >= 0.48
    assert reached["PLV"]["macro_f1"] >= 0.79


def test_the_page_on_adapting_shows_what_was_measured() -> None:
    results = publish.read_results()["adaptation"]
    assert block_of_the_readme("adaptation", "docs/adapting.md") == adaptation.block(results)
    for row in results["sources"]:
        topics, tone = (0, 1), 2
        assert all(row["both"][column] > row["alone"][column] for column in (*topics, tone))
        assert all(row["both"][column] > row["base"][column] - 0.002 for column in topics)
        assert row["both"][tone] > row["base"][tone] - 0.011
    for row in results["sets"]:
        assert row["both"] > max(row["alone"], row["base"] or 0)


def labelled_rows(n_rows: int, source: str, seed: int) -> pd.DataFrame:
    """Rows whose texts say their labels, half of them drawn at random."""
    table = fixture_rows().sample(n_rows, random_state=seed)
    return table.assign(source=source, how=["natural", "chosen"] * (n_rows // 2))


@pytest.mark.filterwarnings("ignore::stance.StanceWarning")
def test_a_source_is_left_out_and_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adaptation, "LEFT_OUT", ("one",))
    monkeypatch.setattr(adaptation, "SIZES", (20, 40))
    rows = pd.concat([labelled_rows(200, "other", 0), labelled_rows(80, "one", 1)], ignore_index=True)
    found = list(adaptation.left_out(rows, 2))
    assert [(row["source"], row["rows"], row["judged"]) for row in found] == [("one", 20, 20), ("one", 40, 20)]
    for row in found:
        assert all(0 <= score <= 1 for way in adaptation.WAYS for score in row[way])
        assert row["base"] == found[0]["base"]
        assert row["both"][1] > row["alone"][1]


def test_own_rows_and_rows_to_judge_by_are_others() -> None:
    rows = labelled_rows(80, "one", 1)
    own, test = adaptation.divided(rows, 0)
    assert (len(own), len(test)) == (60, 20)
    assert set(own["text"]) | set(test["text"]) == set(rows["text"])
    assert set(test["how"]) == set(own["how"][:20]) == {"natural"}
    assert set(own["how"][20:]) == {"chosen"}
    other, _ = adaptation.divided(rows, 1)
    assert list(other["text"]) != list(own["text"])


@pytest.mark.filterwarnings("ignore::stance.StanceWarning")
def test_sets_of_others_are_learned_with_the_default_model_as_base(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench_file(tmp_path / "bench_sib200.csv.gz", "topic", ["art", "health"])
    bench_file(tmp_path / "bench_plv.csv.gz", "quad", ["verbal_cooperation", "material_conflict"])
    sets = adaptation.datasets(tmp_path)
    assert [sorted(set(dataset.test["label"])) for dataset in sets] == [
        ["art", "health"],
        ["material_conflict", "verbal_cooperation"],
        ["cooperative", "tense"],
    ]
    monkeypatch.setattr(adaptation, "SIZES", (10, 100))
    for dataset in sets:
        found = list(adaptation.of_others(dataset, 1))
        assert [row["rows"] for row in found] == [10, 24]
        assert found[-1]["both"] == 1
        assert (found[-1]["base"] is not None) == dataset.name.endswith("tense")


def test_the_page_on_curation_shows_what_was_measured() -> None:
    results = publish.read_results()["curation"]
    assert block_of_the_readme("curation", "docs/curation.md") == curation.block(results)
    tone, topics = results["labels"]
    assert tone["precision"] > 0.5
    assert topics["precision"] > 0.5
    assert {run["seed"] for run in results["curves"]} == set(curation.SEEDS)
    assert {run["pool"] for run in results["curves"]} == set(curation.POOLS)
    assert curation.CHART.read_text(encoding="utf-8").startswith("<?xml")


def test_wrong_labels_are_planted_and_counted() -> None:
    rows = fixture_rows().assign(how="natural").head(200)
    tone = curation.wrong_tones(rows)
    assert tone["planted"] == 10
    assert tone["precision"] == tone["recall"] > 0
    assert tone["recall_of_all"] >= tone["recall"]
    assert round(tone["precision_of_all"] * tone["findings"]) == round(tone["recall_of_all"] * 10)
    assert curation.wrong_topics(rows)["recall_of_all"] > 0.4
    assert curation.near_duplicates(rows, 0.1, n_copies=10) == {
        "changed": 0.1,
        "planted": 10,
        "found": 10,
        "others": 0,
    }


def test_curves_are_of_the_same_rows_to_begin_with(tmp_path: Path) -> None:
    rows = fixture_rows().assign(how=["natural", "enriched"] * 230)
    with warnings.catch_warnings(action="ignore", category=stance.StanceWarning):
        runs = [run for pool in curation.POOLS for run in curation.learning_curves(rows, pool, 0, (80, 120))]
    assert [(run["way"], run["labelled"]) for run in runs] == [
        ("suggest", 80),
        ("suggest", 120),
        ("random", 80),
        ("random", 120),
    ] * 2
    for first in (0, 4):
        assert runs[first]["tone"] == runs[first + 2]["tone"]
        assert runs[first + 1]["tone"] != runs[first + 3]["tone"]
    gain = curation.gains(runs, "all")
    assert gain["tone"].tolist() == pytest.approx([runs[5]["tone"] - runs[7]["tone"]])
    curation.draw_curves(runs, tmp_path / "chart.svg")
    assert "labelled rows" in (tmp_path / "chart.svg").read_text("utf-8")


def test_the_method_shows_the_measured_accuracy() -> None:
    results = publish.read_results()["accuracy"]
    assert block_of_the_readme("accuracy", "docs/method.md") == accuracy.block(results)
    ours = next(row for row in results["rows"] if row["system"] == "stance, the default model")
    scores = stance.load().card["cross_validation_natural"]
    assert ours["topics_macro_f1"] == pytest.approx(scores["topics"]["macro_f1"], abs=1e-6)
    assert ours["tone_accuracy"] == pytest.approx(scores["tone"]["accuracy"], abs=1e-6)
    chart = (ROOT / "docs" / "accuracy.svg").read_text(encoding="utf-8")
    for row in results["rows"]:
        assert all(
            f"<!-- {row[column]:.3f} -->" in chart for column in ("topics_macro_f1", "tone_macro_f1") if column in row
        )


def test_answers_with_and_without_probabilities_are_judged_on_the_rows_drawn_at_random() -> None:
    rows = fixture_rows().assign(how=["natural", "other"] * 230)
    task = accuracy.Task.of(rows)
    truth = np.full((len(rows), len(task.topics) + len(task.tones)), -1.0)
    truth[:, : len(task.topics)][task.targets.topics] = 1.0
    truth[np.arange(len(rows)), len(task.topics) + task.targets.tones] = 1.0
    for judged in (task.plain, task.tuned):
        report = judged(truth)
        assert report.n_rows == 230
        scores = accuracy.scores(report)
        assert list(scores) == list(accuracy.COLUMNS)
        assert min(scores.values()) == 1.0
    by_words = accuracy.scores(task.plain(accuracy.key_words(task)))
    assert 0.3 < by_words["topics_macro_f1"] < 0.9
    polarity = accuracy.lexicon(task, lambda text: 1.0 if "signed" in text else -1.0, 0.5)
    assert {task.tones[tone] for tone in polarity[:, len(task.topics) :].argmax(axis=1)} == {"cooperative", "tense"}
    learned = accuracy.scores(task.tuned(task.held_out(partial(accuracy.sklearn_defaults, task))))
    assert 0.2 < learned["topics_macro_f1"] < 1.0


def test_a_cross_validation_gives_its_decisions_back_in_the_order_of_the_rows() -> None:
    rows = fixture_rows()
    task = accuracy.Task.of(rows)
    _, validation = fit(Labelled.read(rows, group=None))
    assert validation is not None
    decisions = task.decisions_of(validation)
    found = dict(zip(validation.labelled.texts, validation.probabilities, strict=True))
    for row in range(0, len(rows), 50):
        expected = found[task.texts[row]]
        np.testing.assert_allclose(expit(decisions[row, :16]), expected[:16], rtol=1e-6)
        np.testing.assert_allclose(np.exp(decisions[row, 16:]), expected[16:], rtol=1e-6)


def test_fasttext_gets_the_labels_of_each_head() -> None:
    task = accuracy.Task.of(fixture_rows())
    some = np.array([3, 1, 2])
    (texts, topics, all_topics), (toned, tones, all_tones) = accuracy.fasttext_rows(task, some)
    assert texts == toned == [task.texts[3], task.texts[1], task.texts[2]]
    assert (all_topics, all_tones) == (task.topics, task.tones)
    assert topics == [list(task.labelled.topics[row]) or ["none"] for row in some]
    assert tones == [[task.labelled.tones[row]] for row in some]


def test_the_first_fold_is_divided_for_what_learned_from_the_others() -> None:
    task = accuracy.Task.of(fixture_rows().assign(how="natural"))
    parts = task.first_fold()
    unseen = folds_of(task.labelled, 0)[0][1]
    assert sorted(np.concatenate(parts)) == sorted(unseen)
    report = task.tuned(np.where(task.targets.topics[:, :1], 1.0, -1.0) * np.ones(20), parts)
    assert report.n_rows == len(unseen)


def bench_file(path: Path, column: str, labels: list[str]) -> None:
    """A set whose texts say their labels, twelve rows of each for training and two for the test."""
    rows = [(f"{label} word{n % 5} again", label, "train" if n < 12 else "test") for label in labels for n in range(14)]
    pd.DataFrame(rows, columns=["text", column, "split"]).to_csv(path, index=False)


def test_sets_are_read_trained_on_and_judged(tmp_path: Path) -> None:
    bench_file(tmp_path / "bench_reuters.csv.gz", "topics", ["grain|wheat", "oil", ""])
    bench_file(tmp_path / "bench_plv.csv.gz", "quad", ["peace", "war"])
    bench_file(tmp_path / "bench_sib200.csv.gz", "topic", ["art", "health"])
    sets = retraining.datasets(tmp_path)
    assert [dataset.labels for dataset in sets] == [["grain", "oil", "wheat"], ["peace", "war"], ["art", "health"]]
    assert [(len(dataset.train), len(dataset.test)) for dataset in sets] == [(36, 6), (24, 4), (24, 4)]
    for dataset in sets:
        for learn in (retraining.by_stance, retraining.by_sklearn):
            seconds, given = learn(dataset)
            assert 0 < seconds < 60
            assert len(given) == len(dataset.test)
        assert retraining.scores(dataset, retraining.by_stance(dataset)[1])["micro_f1"] == 1
        assert retraining.scores(dataset, [()] * len(dataset.test)) == {"micro_f1": 0, "macro_f1": 0}


def test_ratios_are_those_of_the_figures() -> None:
    for row in publish.read_results()["speed"]["rows"]:
        if row["ratio"] is not None:
            pair = (row["figure"], row["peer_figure"])
            over, under = pair if row["is_overhead"] else pair[::-1]
            assert row["ratio"] == pytest.approx(over / under, rel=1e-3)


def test_the_chart_shows_the_measured_figures() -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"]({speed.CHART.relative_to(ROOT).as_posix()})" in page
    chart = speed.CHART.read_text(encoding="utf-8")
    assert ElementTree.fromstring(chart).tag == "{http://www.w3.org/2000/svg}svg"
    drawn = re.findall(r"<!-- (.*?) -->", chart)  # matplotlib draws text as outlines, and says in a comment which
    for figures in publish.read_results()["speed"]["systems"].values():
        assert shown(figures["batch"]) in drawn
        assert shown(figures["single"]) in drawn


def test_made_texts_are_the_same_each_time() -> None:
    texts = made_texts(300)
    assert texts == made_texts(300)
    assert texts[:100] == made_texts(100)
    assert len(set(texts)) == 300
    assert texts != made_texts(300, seed=1)


def test_texts_are_made_where_there_is_no_pool(tmp_path: Path) -> None:
    texts, origin = pool_texts(tmp_path)
    assert len(texts) == 5_000
    assert origin == "paragraphs made from the sentences of `fixtures/`"


def test_texts_are_read_where_there_is_a_pool(tmp_path: Path) -> None:
    (tmp_path / "pool.csv.gz").write_bytes(gzip.compress(b"text\none\ntwo\none\n \n"))
    texts, origin = pool_texts(tmp_path)
    assert sorted(texts) == ["one", "two"]
    assert origin == "real paragraphs of the pool"


def test_a_block_is_replaced_between_its_marks() -> None:
    page = replace_block(PAGE, "m", "new\nlines")
    assert page == "before\n<!-- m: begin -->\nnew\nlines\n<!-- m: end -->\nafter\n"
    assert replace_block(page, "m", "old") == PAGE


@pytest.mark.parametrize(
    "page",
    ["", "<!-- m: begin -->\n", "<!-- m: end -->\n<!-- m: begin -->\n", PAGE + PAGE],
    ids=["no marks", "no end", "end before begin", "twice"],
)
def test_a_page_without_its_marks_is_refused(page: str) -> None:
    with pytest.raises(
        ValueError, match=r"^expected the lines <!-- m: begin --> and <!-- m: end --> once each, in this order$"
    ):
        replace_block(page, "m", "new")


def test_nothing_is_written_where_the_marks_are_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readme, results = tmp_path / "README.md", tmp_path / "results.json"
    readme.write_text("no marks", encoding="utf-8")
    monkeypatch.setattr(publish, "README", readme)
    monkeypatch.setattr(publish, "RESULTS", results)
    with pytest.raises(ValueError, match="expected the lines"):
        publish.publish("speed", {}, "benchmark", "block")
    assert not results.exists()
    readme.write_text(PAGE, encoding="utf-8")
    publish.publish("one", {"a": 1}, "m", "first")
    publish.publish("two", {"b": 2}, "m", "second")
    assert publish.read_results() == {"one": {"a": 1}, "two": {"b": 2}}
    assert "\nsecond\n" in readme.read_text(encoding="utf-8")


def test_importing_the_benchmarks_needs_no_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    for peer in PEERS:
        monkeypatch.setitem(sys.modules, peer, None)
    for module in MODULES:
        monkeypatch.delitem(sys.modules, f"benchmarks.{module}", raising=False)
    for module in MODULES:
        importlib.import_module(f"benchmarks.{module}")


def test_the_list_of_modules_is_whole() -> None:
    files = {file.stem for file in (ROOT / "benchmarks").glob("*.py")} - {"__init__"}
    assert files == set(MODULES)

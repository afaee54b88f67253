"""Judge other ways to the same answers on the rows and folds of the default model: ``python -m benchmarks.accuracy``.

Every system learns from four fifths of the labelled rows and answers the rest; judged are the rows drawn at random.
Prints a table, and writes it to `docs/method.md` and `results.json`. It needs the corpora, and what
`training/requirements.txt` and `benchmarks/requirements.txt` list.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Memory, Parallel, delayed
from numpy.typing import NDArray
from scipy.special import expit, logit, softmax
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import stance
from benchmarks.chart import draw_accuracy
from benchmarks.publish import conditions, conditions_line, publish
from benchmarks.systems import fasttext_probabilities, trained_fasttext, write_fasttext
from stance.evaluation import Report
from stance.heads import Fold, Unseen
from stance.labelled import Labelled, Targets
from stance.learning import N_FOLDS, CrossValidation, cross_validate, fit, folds_of
from training.embeddings import CACHE, MINILM, MPNET, embed
from training.finetuning import Recipe, Shown, fine_tuned
from training.rows import CORPORA, ROOT, natural_rows, taught_texts, training_rows
from training.teacher import RECIPE, TRANSFORMER, shown_by_folds, student, teacher_of, tuned_on_folds

METHOD = ROOT / "docs" / "method.md"
CHART = ROOT / "docs" / "accuracy.svg"
COLUMNS = {
    "topics_macro_f1": "topics macro-F1",
    "topics_micro_f1": "micro-F1",
    "topics_mean_average_precision": "mAP",
    "weakest_topic_f1": "weakest topic",
    "tone_macro_f1": "tone macro-F1",
    "tone_accuracy": "accuracy",
    "tone_accuracy_at_80": "at 80 % coverage",
}
TOPICS_COLUMNS = ("topics_macro_f1", "topics_micro_f1", "weakest_topic_f1")
TONE_COLUMNS = ("tone_macro_f1", "tone_accuracy")
"""Of answers without probabilities."""
EMBEDDING_STRENGTH = 10.0
"""C on embeddings and singular vectors; 3 and 30 were tried with MiniLM, and are no better."""
LATENT = 256
FASTTEXT = {"epoch": 25, "lr": 0.5, "wordNgrams": 2, "minn": 3, "maxn": 5, "bucket": 500_000}
TUNED = ("epoch", "lr", "wordNgrams", "minn", "maxn", "bucket", "dim")
AUTOTUNE_SECONDS = 300
EPOCHS = 4
"""Of the transformer that is fine-tuned end to end."""
FIRST_FOLD = ", first fold"
"""What stands behind the name of a system that was judged on the first fold alone."""
FINE_TUNED = (
    "A transformer that learns with all its layers takes a quarter of an hour a fold, so it was tried on the first "
    "alone. Beside it stand others on the same rows, a fifth of those above."
)
KEYWORDS = {
    "diplomacy": "ambassador summit talks minister treaty bilateral envoy diplomatic embassy relations negotiations",
    "security": "military attack troops killed soldiers terrorist bomb missile army war defence insurgents ceasefire",
    "nuclear": "nuclear uranium warhead plutonium enrichment nonproliferation denuclearization reactor atomic",
    "trade": "trade tariff tariffs exports imports export wto customs goods dumping",
    "economy": "economy economic growth inflation jobs unemployment budget tax debt investment bank gdp",
    "technology": "technology internet satellite space software telecommunications artificial spacecraft nasa robot",
    "cybersecurity": "cyber hackers hacking malware ransomware cyberattack hacked phishing cybersecurity",
    "climate": "climate emissions warming carbon environment environmental earthquake hurricane flood pollution",
    "energy": "energy oil gas pipeline electricity opec renewable coal solar petroleum",
    "health": "health covid pandemic virus vaccine hospital disease coronavirus medical cholera ebola patients",
    "human-rights": "rights torture freedom censorship dissidents discrimination minorities women persecution",
    "migration": "migrants migration refugees asylum immigration immigrants deportation visa border",
    "humanitarian": "humanitarian aid relief famine hunger victims poverty displaced rescue development disaster",
    "politics": "election elections parliament president party vote opposition coup government resign referendum",
    "justice": "court trial police sentenced arrested prison judge convicted charges murder corruption prosecutors",
    "culture": "film music religion church religious award festival sport football olympic art pope museum",
}
"""Words by which an analyst may look for each topic, written down from the codebook without a look at the texts."""

Decide = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float64]]
"""Learns from some rows and gives the decision values of others, shape (n_rows, n_labels)."""


@dataclass(frozen=True, eq=False)
class Task:
    """The labelled rows, in the order and the folds of the default model.

    Attributes
    ----------
    rows : DataFrame
    labelled : Labelled
    topics, tones : tuple of str
    targets : Targets
    """

    rows: pd.DataFrame
    labelled: Labelled
    topics: tuple[str, ...]
    tones: tuple[str, ...]
    targets: Targets

    @classmethod
    def of(cls, rows: pd.DataFrame) -> Task:
        """Order the rows as `fit` does."""
        labelled = Labelled.read(rows, group=None).ordered()
        topics, tones = stance.load().topics, stance.load().tones
        return cls(rows, labelled, topics, tones, Targets.of(labelled, topics, tones)[0])

    @property
    def folds(self) -> list[Fold]:
        """Give the folds: the rows that are learned from, and those that are judged."""
        return folds_of(self.labelled, 0)

    @property
    def texts(self) -> list[str]:
        """Give the texts of all rows."""
        return self.labelled.texts

    def some(self, rows: NDArray[np.int64]) -> list[str]:
        """Give the texts of some rows."""
        return [self.texts[row] for row in rows]

    def held_out(self, decide: Decide) -> NDArray[np.float64]:
        """Give the decision values of all rows, each learned from the other folds."""
        decisions = np.zeros((len(self.texts), len(self.topics) + len(self.tones)))
        for seen, unseen in self.folds:
            decisions[unseen] = decide(seen, unseen)
        return decisions

    def first_fold(self) -> list[NDArray[np.int64]]:
        """Divide the rows that the first fold holds out, for judging what learned from the others alone."""
        _, unseen = self.folds[0]
        return np.array_split(np.random.default_rng(0).permutation(unseen), N_FOLDS)

    def decisions_of(self, validation: CrossValidation) -> NDArray[np.float64]:
        """Give the logarithms of the odds of topics, and of the probabilities of tones, from a cross-validation."""
        probabilities, n_topics = np.clip(validation.probabilities, 1e-9, 1 - 1e-9), len(self.topics)
        decisions = np.empty_like(probabilities)
        order = np.concatenate([unseen for _, unseen in self.folds])
        decisions[order] = np.hstack([logit(probabilities[:, :n_topics]), np.log(probabilities[:, n_topics:])])
        return decisions

    def tuned(self, decisions: NDArray[np.float64], folds: Sequence[NDArray[np.int64]] | None = None) -> Report:
        """Judge decision values with the calibration and the thresholds of stance, fitted on the other folds.

        Parameters
        ----------
        decisions : ndarray, shape (n_rows, n_labels)
            Of rows that were not learned from.
        folds : sequence of ndarray of int, optional
            Rows that are calibrated together; by default those of the default model.
        """
        folds = [unseen for _, unseen in self.folds] if folds is None else folds
        rows = np.concatenate(folds)
        fold = np.repeat(np.arange(len(folds)), [len(part) for part in folds])
        held_out = Unseen(rows, fold, decisions[rows], np.zeros(0), np.zeros(0))
        validation = cross_validate(self.labelled, held_out, self.targets, self.topics, self.tones)
        return validation.report(natural_rows(validation.labelled, self.rows))

    def plain(self, decisions: NDArray[np.float64]) -> Report:
        """Judge decision values as they are: a topic above 0, the greatest tone."""
        n_topics = len(self.topics)
        values = [expit(decisions[:, :n_topics]), softmax(decisions[:, n_topics:], axis=1)]
        natural = np.array(natural_rows(self.labelled, self.rows))
        given = [tuple(np.flatnonzero(row).tolist()) for row in decisions[natural, :n_topics] > 0]
        return Report.of(self.topics, self.tones, self.targets.take(natural), np.hstack(values)[natural], given)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and publish."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--corpora", type=Path, default=CORPORA, help="folder with the texts")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore", stance.StanceWarning)  # one text stands twice with other labels
    rows = []
    for name, columns, report in reports(options.corpora):
        figures = scores(report)
        rows.append({"system": name, **{column: figures[column] for column in columns}})
        print(rows[-1], file=sys.stderr)
    results = {
        "conditions": conditions("fasttext-wheel", "vaderSentiment", "textblob"),
        "rows": [row for row in rows if not row["system"].endswith(FIRST_FOLD)],
        "first_fold": [row for row in rows if row["system"].endswith(FIRST_FOLD)],
    }
    publish("accuracy", results, "accuracy", block(results), METHOD)
    draw_accuracy(results["rows"], CHART)
    print(block(results))
    return 0


def reports(corpora: Path) -> Iterator[tuple[str, Iterable[str], Report]]:
    """Judge each system: its name, the columns of the table that its answers allow, its report."""
    rows = training_rows(corpora)
    task = Task.of(rows)
    taught_rows = taught_texts(corpora, rows["text"])
    teacher = teacher_of(corpora, rows, taught_rows, partial(embed, TRANSFORMER), tuned_on_folds(rows, taught_rows))
    _, taught = student(rows, teacher)
    _, alone = fit(Labelled.read(rows, group=None))
    assert alone is not None
    yield "VADER, its customary thresholds", TONE_COLUMNS, task.plain(lexicon(task, vader(), 0.05))
    yield "TextBlob, the sign of its polarity", TONE_COLUMNS, task.plain(lexicon(task, textblob(), 0.0))
    yield "key words", TOPICS_COLUMNS, task.plain(key_words(task))
    yield "scikit-learn, library defaults", COLUMNS, task.plain(task.held_out(partial(sklearn_defaults, task)))
    yield "scikit-learn, latent semantic analysis", COLUMNS, task.tuned(task.held_out(partial(latent, task)))
    for name, settings in (
        ("fastText, words, pairs and subwords", (FASTTEXT, FASTTEXT)),
        ("fastText, autotuned", autotuned(task)),
    ):
        yield name, COLUMNS, task.tuned(task.held_out(partial(by_fasttext, settings, task)))
    frozen = {}
    for transformer in (MINILM, MPNET):
        name = f"{transformer.name}, frozen, logistic regression"
        frozen[name] = task.held_out(partial(by_embeddings, embed(transformer, task.texts), task))
        yield name, COLUMNS, task.tuned(frozen[name])
        both = (frozen[name] + task.decisions_of(alone)) / 2
        yield f"{transformer.name} and stance, the labelled rows alone: mean of both", COLUMNS, task.tuned(both)
    name = f"{RECIPE.transformer.name}, its upper half fine-tuned"
    frozen[name] = by_upper_half(task, taught_rows)
    yield name, COLUMNS, task.tuned(frozen[name])
    yield "stance, the labelled rows alone", COLUMNS, alone.report(natural_rows(alone.labelled, rows))
    yield "stance, the default model", COLUMNS, taught.report(natural_rows(taught.labelled, rows))
    seen, unseen = task.folds[0]
    decisions = np.zeros((len(task.texts), len(task.topics) + len(task.tones)))
    targets = task.targets.take(seen)
    whole = Recipe(MINILM, 0, EPOCHS, targets.topics.shape[1], targets.n_tones)
    shown = Shown(task.some(seen), targets.topics, targets.tones)
    decisions[unseen] = fine_tuned(whole, [shown], task.some(unseen))[0]
    yield f"{MINILM.name}, fine-tuned end to end{FIRST_FOLD}", COLUMNS, task.tuned(decisions, task.first_fold())
    for name, decisions in frozen.items():
        yield f"{name}{FIRST_FOLD}", COLUMNS, task.tuned(decisions, task.first_fold())
    held_out = set(task.some(unseen))
    some = [row for row in natural_rows(taught.labelled, rows) if taught.labelled.texts[row] in held_out]
    yield f"stance, the default model{FIRST_FOLD}", COLUMNS, taught.report(some)


def by_upper_half(task: Task, taught: pd.DataFrame) -> NDArray[np.float64]:
    """Give the decision values of the transformer that is part of the teacher, each learned from the other folds."""
    found = fine_tuned(RECIPE, shown_by_folds(task.rows, taught), task.texts)
    decisions = np.zeros(found[0].shape)
    for (_, unseen), values in zip(task.folds, found, strict=True):
        decisions[unseen] = values[unseen]
    return decisions


def scores(report: Report) -> dict[str, float]:
    """Give the figures of the table."""
    topics, tone = report.topics, report.tone
    assert topics is not None
    assert tone is not None
    (at_80,) = (point.score for point in tone.coverage if point.coverage == 0.8)
    return {
        "topics_macro_f1": topics.macro_f1,
        "topics_micro_f1": topics.micro_f1,
        "topics_mean_average_precision": topics.mean_average_precision,
        "weakest_topic_f1": min(label.f1 for label in topics.labels.values()),
        "tone_macro_f1": tone.macro_f1,
        "tone_accuracy": tone.accuracy,
        "tone_accuracy_at_80": at_80,
    }


def lexicon(task: Task, polarity: Callable[[str], float], limit: float) -> NDArray[np.float64]:
    """Take polarity above the limit for cooperative, below it for tense, else neutral; such lexica know no mixture."""
    values = np.array([polarity(text) for text in task.texts])
    tones = np.where(values > limit, "cooperative", np.where(values < -limit, "tense", "neutral"))
    decisions = np.full((len(tones), len(task.topics) + len(task.tones)), -1.0)
    decisions[np.arange(len(tones)), [len(task.topics) + task.tones.index(tone) for tone in tones]] = 1.0
    return decisions


def vader() -> Callable[[str], float]:
    """Give VADER's compound score."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyzer = SentimentIntensityAnalyzer()
    return lambda text: float(analyzer.polarity_scores(text)["compound"])


def textblob() -> Callable[[str], float]:
    """Give TextBlob's polarity."""
    from textblob import TextBlob

    return lambda text: float(TextBlob(text).sentiment.polarity)


def key_words(task: Task) -> NDArray[np.float64]:
    """Take a topic as given where one of its words stands."""
    tokens = [set(re.findall(r"\w+", text.lower())) for text in task.texts]
    found = [[not words.isdisjoint(KEYWORDS[topic].split()) for topic in task.topics] for words in tokens]
    return np.hstack([np.where(found, 1.0, -1.0), np.zeros((len(found), len(task.tones)))])


def by_heads(task: Task, seen: NDArray[np.int64], train: Any, test: Any, strength: float) -> NDArray[np.float64]:
    """Fit scikit-learn's logistic regression for each topic and for tone."""
    targets = task.targets.take(seen)
    toned = targets.tones >= 0

    def head(topic: int) -> NDArray[np.float64]:
        fitted = LogisticRegression(C=strength, max_iter=1000)
        if topic < targets.topics.shape[1]:
            return fitted.fit(train, targets.topics[:, topic]).decision_function(test)[:, np.newaxis]
        return fitted.fit(train[toned], targets.tones[toned]).decision_function(test)

    return np.hstack(Parallel(n_jobs=-1)(delayed(head)(topic) for topic in range(len(task.topics) + 1)))


def sklearn_defaults(task: Task, seen: NDArray[np.int64], unseen: NDArray[np.int64]) -> NDArray[np.float64]:
    """Train scikit-learn as its tutorial does."""
    vectoriser = TfidfVectorizer()
    train, test = vectoriser.fit_transform(task.some(seen)), vectoriser.transform(task.some(unseen))
    return by_heads(task, seen, train, test, 1.0)


def latent(task: Task, seen: NDArray[np.int64], unseen: NDArray[np.int64]) -> NDArray[np.float64]:
    """Train on the singular vectors of TF-IDF."""
    vectoriser = make_pipeline(TfidfVectorizer(sublinear_tf=True, min_df=2), TruncatedSVD(LATENT, random_state=0))
    train, test = vectoriser.fit_transform(task.some(seen)), vectoriser.transform(task.some(unseen))
    return by_heads(task, seen, train, test, EMBEDDING_STRENGTH)


def by_embeddings(
    vectors: NDArray[np.float32], task: Task, seen: NDArray[np.int64], unseen: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Train on embeddings."""
    return by_heads(task, seen, vectors[seen], vectors[unseen], EMBEDDING_STRENGTH)


def autotuned(task: Task) -> tuple[dict[str, Any], dict[str, Any]]:
    """Let fastText look for its settings, for topics and for tone, on the rows that the first fold learns from.

    It learns from four fifths of them and judges itself by the rest, for `AUTOTUNE_SECONDS` each. The settings are kept
    in `.cache/`.
    """
    seen = np.random.default_rng(0).permutation(task.folds[0][0])
    cut = len(seen) * 4 // 5
    kept = Memory(CACHE, verbose=0).cache(_autotuned)
    parts = zip(fasttext_rows(task, seen[:cut]), fasttext_rows(task, seen[cut:]), ("ova", "softmax"), strict=True)
    jobs = [delayed(kept)(texts, labels, *judged[:2], loss) for (texts, labels, _), judged, loss in parts]
    topics, tones = Parallel(n_jobs=2)(jobs)
    return topics, tones


def _autotuned(
    texts: list[str], labels: list[list[str]], judged: list[str], judged_labels: list[list[str]], loss: str
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "judged.txt"
        write_fasttext(file, judged, judged_labels)
        options = {"autotuneValidationFile": str(file), "autotuneDuration": AUTOTUNE_SECONDS}
        _, model = trained_fasttext(texts, labels, loss=loss, thread=1, **options)
    found = model.f.getArgs()
    return {name: getattr(found, name) for name in TUNED}


def fasttext_rows(task: Task, rows: NDArray[np.int64]) -> list[tuple[list[str], list[list[str]], Sequence[str]]]:
    """Give texts, labels and all labels of some rows, for topics, then for tone."""
    targets = task.targets.take(rows)
    toned = np.flatnonzero(targets.tones >= 0)
    topics = [[task.topics[topic] for topic in np.flatnonzero(row)] or ["none"] for row in targets.topics]
    tones = [[task.tones[targets.tones[row]]] for row in toned]
    return [(task.some(rows), topics, task.topics), (task.some(rows[toned]), tones, task.tones)]


def by_fasttext(
    settings: Sequence[dict[str, Any]], task: Task, seen: NDArray[np.int64], unseen: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Train fastText, one against all for the topics and a softmax for tone."""
    values = []
    for (texts, labels, names), loss, some in zip(fasttext_rows(task, seen), ("ova", "softmax"), settings, strict=True):
        _, model = trained_fasttext(texts, labels, loss=loss, thread=2, **some)
        values.append(fasttext_probabilities(model, task.some(unseen), names))
    topics_part, tones_part = (np.clip(part, 1e-6, 1 - 1e-6) for part in values)
    return np.hstack([logit(topics_part), np.log(tones_part)])


def block(results: dict[str, Any]) -> str:
    """Write the table."""
    tables = [
        _table(results["rows"]),
        FINE_TUNED,
        _table(results["first_fold"]),
        conditions_line(results["conditions"]),
    ]
    return "\n\n".join(tables)


def _table(rows: Sequence[dict[str, Any]]) -> str:
    lines = [f"| system | {' | '.join(COLUMNS.values())} |", "| --- |" + " --- |" * len(COLUMNS)]
    for row in rows:
        figures = [f"{row[column]:.3f}" if column in row else "" for column in COLUMNS]
        lines.append(f"| {row['system'].removesuffix(FIRST_FOLD)} | {' | '.join(figures)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())

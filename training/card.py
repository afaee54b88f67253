"""The card of a model: what it is, in Markdown, every figure from the run that built it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pandas as pd

import stance
from stance.evaluation import Coverage, Report
from stance.learning import CrossValidation
from training.robustness import FIXTURES, country_shifts, disturbances, kinds, refusals, reversals
from training.rows import ROOT


def card_text(
    model: stance.Model,
    output: Path,
    validation: CrossValidation,
    natural: list[int],
    rows: pd.DataFrame,
    curve: pd.DataFrame | None,
    corpora: Path,
) -> str:
    """Write the card.

    Parameters
    ----------
    model : Model
    output : Path
        The model's file, beside which the charts are.
    validation : CrossValidation
    natural : list of int
        The rows of the validation that were drawn at random; empty where it has none.
    rows : DataFrame
        The training rows.
    curve : DataFrame or None
        As of `training.learning_curve.learning_curve`, where it was measured.
    corpora : Path
        The folder with the texts.
    """
    size, digest = output.stat().st_size, hashlib.sha256(output.read_bytes()).hexdigest()
    everything = validation.report()
    honest = validation.report(natural) if natural else everything
    judged = "the rows drawn at random" if natural else "all rows"
    parts = [
        f"# {model.card['name']}",
        f"{len(model.topics)} topics and {len(model.tones)} tones of English paragraphs about international affairs.\n"
        f"File: {size:,} bytes, SHA-256 `{digest}`. Format: `docs/model-format.md`. Licence: {model.card['licence']}.",
        "This page and its charts are written by `python -m training.build`, which built the model. Every score is "
        "from that run, but where another command is named.",
        "## Meant for",
        "Paragraphs of English news, diplomatic and government prose: finding those on a topic, and following how "
        "topics and the tone between states and other actors change over many texts and a long time. Its "
        "probabilities are calibrated, so shares of a corpus can be estimated from them, and the surest answers be "
        "taken alone; every score can be taken apart into the words that made it (`stance explain`).",
        "## Data",
        _sources(model),
        "Labels follow `docs/codebook.md`. The annotators were language models that followed the codebook, one to a "
        "row. Where two of them judged 1,205 of these paragraphs independently, topics agreed with macro-F1 0.950 and "
        "tone in 93.4 % of rows (kappa 0.906), which is a ceiling for these figures. The texts themselves are not in "
        "the project; `training/labels.csv` has the labels by id.",
        f"{len(rows):,} rows in all. Some were chosen by key words or by a model to have more of the rare labels, so "
        f"the scores on {judged} are the honest ones ({honest.n_rows:,} rows).",
        f"## Scores: five-fold cross-validation, judged on {judged}",
        _topics_table(honest),
        _tone_table(honest),
        _coverage_table(honest),
        f"![Reliability of topics and tone]({output.stem}-reliability.svg)",
        f"![Precision and recall of each topic and tone]({output.stem}-precision-recall.svg)",
        "## On all rows",
        _summary(everything),
        *_learning_curve(curve, output),
        *_errors(),
        "## What it was tried on",
        _abstention(model),
        *_refusals(model, corpora),
        _robustness(model),
        _disturbances(model),
        _kinds(model),
        "## How it was built",
        _teacher(model),
        "Words and pairs of words weighted by sublinear TF-IDF, character 3-to-5-grams inside words by linear TF-IDF; "
        "one L2-penalised logistic regression a topic, a multinomial one for tone; the penalty chosen by log-loss; "
        "calibration (Platt scaling for topics, matrix scaling for tone) and a threshold a topic from decision "
        f"values of the cross-validation. C is {model.card['settings']['C']['topics']:g} for topics and "
        f"{model.card['settings']['C']['tone']:g} for tone. {len(model.parameters.words):,} words, "
        f"{len(model.parameters.pairs):,} pairs, {len(model.parameters.subwords):,} character n-grams; "
        "weights in 16 bits.",
        "## Known weaknesses",
        _weaknesses(honest),
        "## Not meant for",
        "Judging persons, or single decisions about people or payments without a reader. Languages other than English. "
        "Text that is no prose about public affairs. Years, sources and kinds of text that are far from those above: "
        "score some labelled rows of your own with `stance evaluate` first.",
    ]
    return "\n\n".join(parts) + "\n"


def _sources(model: stance.Model) -> str:
    table = pd.DataFrame(model.card["sources"])[["name", "rows", "taught", "licence", "repository", "commit"]]
    return _markdown(table, [str, "{:,}".format, "{:,}".format, str, str, str])


def _teacher(model: stance.Model) -> str:
    teacher = model.card["teacher"]
    if teacher is None:
        return "From the labelled rows alone."
    embeddings, tuned = teacher["embeddings"], teacher["fine_tuned"]
    counts = {kind: f"{count:,}" for kind, count in teacher["kinds"].items()}
    return (
        f"From the labelled rows; from {counts['paragraph']} paragraphs and {counts['item']} short items of the same "
        f"sources that nobody labelled, and {counts['sentence']} single sentences of these paragraphs; and from "
        f"{counts['written']} texts that were written for this project, with their writer's labels "
        "(`fixtures/writings.csv`: headlines, posts, treaties, cables, press, texts that differ in what turns their "
        f"tone), and {counts['off-topic']} that are no public affairs (recipes, code, verse, ...). These are the "
        'column "taught" above; each counts as a labelled row. To what nobody labelled a teacher gave probabilities. '
        "It is the mean of three: logistic regressions on the same features and on embeddings by "
        f"{embeddings['name']} ({embeddings['licence']}), which see the categories and story headings of editors where "
        f"there are some, and {tuned['name']} ({tuned['licence']}), whose layers above the first "
        f"{teacher['frozen_layers']} learned the labels. In each fold of the cross-validation all three "
        "learned from that fold's training rows and the written texts only; for the shipped model the mean of the five "
        "transformers of the folds takes the place of the third. Calibration, thresholds and scores come from labelled "
        "rows alone."
    )


def _topics_table(report: Report) -> str:
    assert report.topics is not None
    topics = report.topics
    records = [
        (name, s.precision, s.recall, s.f1, s.average_precision, topics.calibration_error_by_label[name], s.support)
        for name, s in topics.labels.items()
    ]
    columns = ["topic", "precision", "recall", "F1", "average precision", "calibration error", "rows"]
    number = "{:.3f}".format
    table = _markdown(pd.DataFrame(records, columns=columns), [str, *[number] * 5, str])
    return (
        f"{table}\n\nTopics: macro-F1 **{topics.macro_f1:.3f}**, micro-F1 {topics.micro_f1:.3f}, mean average "
        f"precision {topics.mean_average_precision:.3f}, expected calibration error {topics.calibration_error:.3f} "
        "(15 bins, all decisions together)."
    )


def _tone_table(report: Report) -> str:
    assert report.tone is not None
    tone = report.tone
    records = [
        (name, s.precision, s.recall, s.f1, s.average_precision, s.support, *tone.confusion[name].values())
        for name, s in tone.labels.items()
    ]
    columns = ["tone", "precision", "recall", "F1", "average precision", "rows"]
    given = [f"given {name}" for name in next(iter(tone.confusion.values()))]
    number = "{:.3f}".format
    table = _markdown(
        pd.DataFrame(records, columns=[*columns, *given]), [str, *[number] * 4, *[str] * (1 + len(given))]
    )
    return (
        f"{table}\n\nTone: macro-F1 **{tone.macro_f1:.3f}**, accuracy {tone.accuracy:.3f}, expected calibration error "
        f"{tone.calibration_error:.3f} (15 bins)."
    )


def _coverage_table(report: Report) -> str:
    assert report.topics is not None
    assert report.tone is not None

    def points(coverage: list[Coverage]) -> list[tuple[float, float]]:
        return [(point.coverage, point.score) for point in coverage]

    records = [
        (share, topics, tone)
        for (share, topics), (_, tone) in zip(points(report.topics.coverage), points(report.tone.coverage), strict=True)
    ]
    columns = ["surest share of the rows", "topics micro-F1", "tone accuracy"]
    number = "{:.3f}".format
    return _markdown(pd.DataFrame(records, columns=columns), ["{:.0%}".format, number, number])


def _summary(report: Report) -> str:
    assert report.topics is not None
    assert report.tone is not None
    return (
        f"{report.n_rows:,} rows: topics macro-F1 {report.topics.macro_f1:.3f}, micro-F1 {report.topics.micro_f1:.3f}, "
        f"expected calibration error {report.topics.calibration_error:.3f}; tone macro-F1 {report.tone.macro_f1:.3f}, "
        f"accuracy {report.tone.accuracy:.3f}, expected calibration error {report.tone.calibration_error:.3f}."
    )


def _abstention(model: stance.Model) -> str:
    foreign = pd.read_csv(FIXTURES / "languages.csv")
    silent = [answer.abstained is not None for answer in model.classify_many(foreign["text"])]
    off_topic = pd.read_csv(FIXTURES / "off-topic.csv")
    answers = model.classify_many(off_topic["text"])
    plain = [not set(answer.topics) - {"culture"} for answer in answers]
    neutral = [answer.tone in ("neutral", None) for answer in answers]
    return (
        f"`fixtures/languages.csv`, {len(foreign)} paragraphs in {foreign['language'].nunique()} other languages: no "
        f"answer to {sum(silent)} of them. `fixtures/off-topic.csv`, {len(off_topic)} English texts that are no public "
        f"affairs (recipes, match reports, code, verse, diaries): {sum(plain)} get no topic or `culture` alone, "
        f"{sum(neutral)} are neutral or get no answer. This flatters: which of the 40 failed before was known when "
        "the last written texts of no public affairs were asked for, and when the lower limit for doubtful topics was "
        "chosen."
    )


def _robustness(model: stance.Model) -> str:
    pairs = reversals(model)
    shifts = country_shifts(model)
    kinds = ", ".join(f"{kind} {share:.0%}" for kind, share in pairs["ordered"].drop("all").items())
    worst = ", ".join(f"{name} {row['median']:.2f} ({row['shift']:+.2f})" for name, row in shifts.head(3).iterrows())
    return (
        f"`fixtures/reversals.csv`, {pairs.loc['all', 'pairs']} pairs of sentences that differ in what turns their "
        "tone round (signed, rejected; lifted, imposed; with and without a not): the cooperative one has the greater "
        f"tone score in {pairs.loc['all', 'ordered']:.0%} ({kinds}). Another country's name in the same paragraph "
        f"moves the tone score by {shifts['median'].median():.2f} in the median; most by {worst}, in brackets the mean "
        "direction. `python -m training.robustness` has the whole tables."
    )


def _disturbances(model: stance.Model) -> str:
    table = disturbances(model).reset_index(names="written").round(3)
    number = "{:.3f}".format
    return (
        "The same paragraphs of `fixtures/paragraphs.csv`, written otherwise: how many that changes, the share of "
        "these that keeps its tone, and the mean overlap of the topics.\n\n"
        + _markdown(table, [str, str, number, number])
    )


def _kinds(model: stance.Model) -> str:
    table = kinds(model).reset_index(names="kind")
    number = "{:.3f}".format
    return (
        "Other kinds of text (`fixtures/kinds.csv`), written for this test by a language model that saw none of the "
        "texts that the model learned from, though like those of `fixtures/writings.csv` they are a language model's; "
        "a second annotator gave the same tone to all of them. Tone is the accuracy, topics the micro-F1.\n\n"
        + _markdown(table, [str, str, str, number, number, number])
    )


def _refusals(model: stance.Model, corpora: Path) -> list[str]:
    if not (corpora / "pool.csv.gz").exists():
        return []
    table = refusals(model, corpora).reset_index(names="English texts")
    share = "{:.3%}".format
    return [
        "English that gets no answer. In some texts of Reuters-21578, more than a tenth of the characters are digits; "
        "the others are of words.\n\n" + _markdown(table, [str, "{:,}".format, share, "{:,}".format, share])
    ]


def _learning_curve(curve: pd.DataFrame | None, output: Path) -> list[str]:
    if curve is None:
        return []
    number = "{:.3f}".format
    table = _markdown(curve, ["{:,}".format, "{:,.0f}".format, number, number, number, number])
    before, last = curve.iloc[-2], curve.iloc[-1]
    gained = {name: last[name] - before[name] for name in ("topics macro-F1", "tone macro-F1")}
    return [
        "## Would more labels help?",
        "The same recipe with fewer labelled rows, judged on the rows drawn at random that it did not learn from "
        "(`python -m training.learning_curve`); the last line is of a cross-validation, whose folds learn from four "
        "fifths of the rows. The teacher is without the transformer that learned the labels, so the scores are below "
        "those above.",
        table,
        f"From {before['rows']:,.0f} to {last['rows']:,.0f} rows topics moved by {gained['topics macro-F1']:+.3f} and "
        f"tone by {gained['tone macro-F1']:+.3f}.",
        f"![Scores by the number of labelled rows]({output.stem}-learning-curve.svg)",
    ]


def _errors() -> list[str]:
    """Count the kinds of errors that were read."""
    errors = pd.read_csv(ROOT / "training" / "errors.csv", keep_default_na=False)
    parts = ["## Errors, read"]
    for head, what in (("tone", "wrong tones"), ("topics", "rows with other topics than the annotator's")):
        some = errors[errors["head"] == head]
        counts = some["kind"].value_counts()
        table = pd.DataFrame({"kind": counts.index, "rows": counts.to_numpy()})
        parts += [
            f"{len(some)} {what}, drawn at random from those of the cross-validation of the model before this one, "
            "whose teacher had no transformer that learned the labels, and read one by one by a language model "
            "(`training/errors.csv` has their ids).",
            _markdown(table, [str, str]),
        ]
    return parts


def _weaknesses(report: Report) -> str:
    assert report.topics is not None
    assert report.tone is not None
    topics = sorted(report.topics.labels.items(), key=lambda item: item[1].f1)[:3]
    weakest = ", ".join(f"`{name}` ({scores.f1:.2f})" for name, scores in topics)
    tone, scores = min(report.tone.labels.items(), key=lambda item: item[1].f1)
    return "\n".join(
        [
            f"- The weakest topics by F1 are {weakest}.",
            f"- The weakest tone is `{tone}` ({scores.f1:.2f}); the table above says what it is taken for.",
            "- It counts words and pairs: negation beyond two neighbouring words is not seen, irony never.",
            "- A short sentence with words of both kinds (an agreement that cuts tariffs) may be taken for `mixed`.",
            "- On kinds of text that are far from its sources it is less right than the scores above, as the table of "
            "kinds says.",
            "- A text that says the same again and again is judged more extremely: subwords are counted linearly.",
            "- The sources are few. On text of other kinds and years expect lower scores than these: on a source that "
            "was left out, topics lost 0.05 to 0.14 of macro-F1 and tone 0.04 to 0.12 (`python -m training.transfer`).",
        ]
    )


def _markdown(table: pd.DataFrame, formats: list[Callable[[object], str]]) -> str:
    lines = ["| " + " | ".join(table.columns) + " |", "|" + " --- |" * len(table.columns)]
    for values in table.itertuples(index=False):
        cells = [form(value) for form, value in zip(formats, values, strict=True)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)

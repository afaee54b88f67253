"""Any text, through every public function and every command: one answer for one text, or an error of ours."""

from __future__ import annotations

import base64
import contextlib
import csv
import inspect
import itertools
import json
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from unicodedata import category

import numpy as np
import pandas as pd
import pytest
from conftest import Run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_compiled import needs_kernel
from test_notebook import Page

import stance
from stance import cli, commands
from stance.columns import Columns
from stance.scoring import Scorer

WHITE = [*range(9, 14), *range(28, 33), 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F]
NASTY: dict[str, str] = {
    "nothing": "",
    "halves of characters": "\ud800 half a \udfff pair \udc80 of war\ud83d",
    "halves that do not join": "the \ud83d\ude00 war of two halves",
    "null characters": "the war\x00\x00and the peace\x00",
    "control characters": "the war " + "".join(map(chr, [*range(1, 32), *range(127, 160)])) + " ended",
    "escape codes": "\x1b[31mwar\x1b[0m \x1b]0;title\x07\x1b[2J\x1b[H\x9b31m\x1b]8;;http://e.org\x1b\\talks\x1b]8;;\x1b\\",
    "backspaces": "peace\b\b\b\b\bwar\r\rtalks\x0c\x0b",
    "directions": "\u202ethe war\u202c \u2066talks\u2069 \u200f\u200e\u061c שלום العربية عن الحرب",
    "directions left open": "\u202e\u202d\u2067\u2066 treaty of peace",
    "a flood of marks": "".join(letter + "\u0301\u0316\u0489\u20dd" * 40 for letter in "the war"),
    "marks alone": "\u0301" * 1000,
    "emoji": "👨‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿 🇺🇦🇷🇺 👍🏽 ❤️‍🔥 #️⃣ war",
    "halves of emoji": "🇺 🇦🇷 \u200d\u200d\ufe0f 🏽",
    "tag characters": "talks" + "".join(chr(0xE0000 + ord(letter)) for letter in "hidden") + "\U000e007f\U000e0001",
    "noncharacters": "\ufffe\uffff\ufdd0\U0001ffff\U0010ffff war \ufffd",
    "private use": "\ue000\uf8ff\U000f0000\U00100000 war",
    "of no width": "wa\u200br pe\u00adace t\u2060alks \ufeff \u180e \u034f",
    "byte order marks": "\ufeffthe war\ufeff\ufffe",
    "separators": "the war\u2028and\u2029the peace\x85treaty\x1c\x1d\x1e",
    "a script": "<script>alert('war')</script><img src=x onerror=\"alert(1)\">&lt;&amp;&#0;</p></textarea><!--]]>",
    "markup": "</style></title><svg/onload=alert(1)>\"'`=<a href=javascript:alert(1)>war</a><!DOCTYPE x [<!ENTITY",
    "templates": "{{ 7*7 }} {% raw %} ${7*7} #{7} <%= 7 %> {0.__class__} war",
    "a formula": "=cmd|'/C calc'!A0 war",
    "formulas": "@SUM(1+1)*cmd|' /C calc'!A0\t+1-1\r\n-2+3",
    "a link": '=HYPERLINK("http://e.org?"&A1,"war")',
    "a table": 'a,"b";c\td|e\r\nf\n"""",,;;\r"war',
    "a quote": '"',
    "a quote left open": 'the "war',
    "a database": "Robert'); DROP TABLE wars;-- /* */ UNION SELECT 1 \\x00 ' OR 'war'='war",
    "json": '{"text": "war \\ud800", "topics": [null, 1e400, NaN, {"__proto__": 1}]}',
    "broken json": '{"text": "war, [[[[[[ \\u00 \\',
    "base64": base64.b64encode(bytes(range(256)) * 8).decode(),
    "formats": "%s%s%n%x %(war)s {} {0} {war!r:>9} %% %1$s \\N{BULLET} \\u0000 $^{\\frac{war}$",
    "a path": "../../../../etc/passwd\x00.csv C:\\con\\nul file:///war ~ $HOME `id` $(id) ; rm -rf / war",
    "an option": "--help",
    "a dash": "-",
    "a url": "https://user:pa%00ss@xn--e1afmkfd.example:99999/war?a=b#c",
    "casing": "İSTANBUL ı ß ẞ ﬁ ﬃ ŉ ΐ ǰ ΑΣ ΑΣ. ΣΑΣ·Σ Σ ǅ ǆ K Å ſ ᾳ ᾼ ᲀ Ꭰ ꭰ Ω",
    "dotted": "İİİİ aİb İ.İ Aİ̇",
    "sigma": "ΣΣΣ ΑΣ\u0301 ΑΣ\u00adΑ Σ\u0345 Α:Σ:Α ΟΔΥΣΣΕΥΣ",
    "numbers": "²³ ½ Ⅷ ㊿ ٣٤٥ ১২ 𝟘𝟙 ๑๒ 1e400 -inf nan NaN Infinity 0x1p-1074",
    "a missing value": "nan",
    "another": "None",
    "chinese": "两国政府签署了和平条约并就贸易问题展开谈判。" * 20,
    "japanese": "両国は平和条約に署名した。ハンカクｶﾅ",
    "thai": "รัฐบาลทั้งสองลงนามในสนธิสัญญาสันติภาพ" * 10,
    "hindi": "हिन्दी में युद्ध और शांति क्ष्म्य",
    "letters beyond": "𐐀𐐁 𝒲𝒶𝓇 𝔭𝔢𝔞𝔠𝔢 𞤀𞤁 𠀀𠀁 𒀀",
    "full width": "ＷＡＲ　ａｎｄ　ｐｅａｃｅ",
    "korean": "전쟁과 평화 \u1112\u1161\u11ab ㅎㅏㄴ",
    "mixed scripts": "wаr реасе ｗar w\u0430r",
    "white space of every kind": "".join(map(chr, [*WHITE, 0x3000])),
    "much white space": " \t" * 5000,
    "line ends": "\n" * 5000,
    "line ends of every kind": "\r\n\r\r\n\u2028\u2029" * 100,
    "punctuation": "!\"#$%&'()*+,-./:;<=>?@[\\]^`{|}~¡¿…‽—“”„«»※" * 20,
    "underscores": "_ __ ___ _war_ " + "_" * 3000,
    "a letter": "w",
    "letters": "a b c d e f g",
    "one word": "x" * 100_000,
    "one word of two bytes a letter": "é" * 50_000 + " war",
    "a long line": "the war and the peace talks, " * 5000,
    "many lines": "war\n" * 2000,
    "many paragraphs": "peace\n\n" * 300,
    "the same again and again": "war " * 20_000,
    "brackets": "[" * 20_000 + "]" * 20_000,
    "quotes": '"' * 9999,
    "labels": "|trade||energy|",
    "a tab": "\t",
    "a carriage return": "\r",
    "backslashes": "\\" * 999 + "n",
    "plain words": "The two governments signed a trade agreement and praised the talks.",
}
TEXTS = list(NASTY.values())
WHOLE = [text for text in TEXTS if not re.search("[\ud800-\udfff]", text)]
"""Those that UTF-8 has."""
FEW = [NASTY[name] for name in ("halves of characters", "escape codes", "directions", "a script", "a table", "a path")]
"""For what takes long: all are run where slow tests are."""
few_or_all = pytest.mark.parametrize(
    "rows", [pytest.param(FEW, id="few"), pytest.param(TEXTS, id="all", marks=pytest.mark.slow)]
)
WORDS = [text[:99] for text in TEXTS if text.strip()]
"""For names of columns, labels and files."""

PIECES = '\ud800\x00\u202e\u0301İΣß中\u200d\u2028\r\n\t",;|=<&_'
texts = st.one_of(
    st.sampled_from([text for text in TEXTS if len(text) < 1000]),
    st.text(st.characters(), max_size=60),
    st.lists(st.sampled_from([*PIECES, "war", "peace talks "])).map("".join),
)
on_any_text = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
needs_resource = pytest.mark.skipif(sys.platform == "win32", reason="the peak of memory is told by POSIX")


def same(one: object, other: object) -> bool:
    return repr(one) == repr(other)


@contextlib.contextmanager
def refused_or_done(*documented: type[Exception]) -> Iterator[None]:
    """Let a call go well, or raise what the library says that it raises: a `StanceError`, or what is named here."""
    with (
        contextlib.suppress(stance.StanceError, *documented),
        warnings.catch_warnings(action="ignore", category=stance.StanceWarning),
    ):
        yield


def controls(text: str) -> set[str]:
    """What steers a terminal, or cannot be written."""
    return {letter for letter in text if category(letter) in ("Cc", "Cs") and letter != "\n"}


# One answer for one text ---------------------------------------------------------------------------------------------


@on_any_text
@given(parts=st.lists(texts, max_size=5))
def test_a_text_has_one_answer_whatever_it_is_asked_by(default_model: stance.Model, parts: list[str]) -> None:
    answers = default_model.classify_many(parts)
    assert [repr(default_model.classify(text)) for text in parts] == [*map(repr, answers)]
    assert [*map(repr, default_model.classify_many(parts[::-1]))] == [*map(repr, answers[::-1])]
    scored = stance.score(pd.DataFrame({"text": pd.Series(parts, dtype=object)}), progress=False)
    assert len(scored) == len(parts)
    values = default_model.predict_proba(parts)
    for row, answer in enumerate(answers):
        assert_row(answer, scored.drop(columns="text").iloc[row].to_dict())
        expected = [*answer.probabilities.values(), *answer.tones.values()] or [float("nan")] * values.shape[1]
        np.testing.assert_array_equal(values[row], expected)


def assert_row(answer: stance.Classification, row: Mapping[str, Any]) -> None:
    """The row of a scored table, of whatever kind, has the answer."""
    known = {name: None if pd.isna(value) or value == "" else value for name, value in row.items()}
    score = known["tone_score"]
    assert float(known["known"]) == answer.known
    assert known["tone"] == answer.tone
    assert (known["topics"] or "") == "|".join(answer.topics)
    assert score is None if answer.abstained else float(score) == answer.tone_score


@on_any_text
@given(text=texts)
def test_a_document_of_one_paragraph_has_the_answer_of_its_text(default_model: stance.Model, text: str) -> None:
    document = default_model.classify_document(text)
    answer = default_model.classify(text)
    if len(document.paragraphs) <= 1:
        assert same(document.classification, answer)
    for paragraph in document.paragraphs:
        assert text[paragraph.start : paragraph.end] == paragraph.text
        assert same(paragraph.classification, default_model.classify(paragraph.text))


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)
def test_a_nasty_text_has_one_answer(default_model: stance.Model, two_row_model: stance.Model, text: str) -> None:
    for model in (default_model, two_row_model):
        answer = model.classify(text)
        assert same(answer, model.classify_many([TEXTS[0], text, TEXTS[-1]])[1])
        document = model.classify_document(text)
        if len(document.paragraphs) <= 1:
            assert same(document.classification, answer)


@needs_kernel
@pytest.mark.parametrize("name", ["default", "two_row", "adapted"])
def test_python_gives_the_answers_of_the_kernel(request: pytest.FixtureRequest, name: str) -> None:
    model: stance.Model = request.getfixturevalue(f"{name}_model")
    python = Scorer(model.parameters)
    for text in TEXTS:
        ours, theirs = model.classify(text), python.classify(text)
        assert (set(ours.topics), ours.tone, ours.known, ours.abstained) == (
            set(theirs.topics),
            theirs.tone,
            theirs.known,
            theirs.abstained,
        )
        assert dict(ours.probabilities) == pytest.approx(dict(theirs.probabilities), abs=1e-12)
        assert dict(ours.tones) == pytest.approx(dict(theirs.tones), abs=1e-12)
        in_our_order = [theirs.probabilities[topic] for topic in ours.topics]
        assert in_our_order == pytest.approx(sorted(in_our_order, reverse=True), abs=1e-12)


@pytest.mark.parametrize("source", ["csv", "tsv", "jsonl", "parquet"])
@pytest.mark.parametrize("target", ["csv", "jsonl", "parquet"])
def test_files_give_the_answer_of_each_text_and_lose_no_row(
    default_model: stance.Model, tmp_path: Path, source: str, target: str
) -> None:
    halves = source == target == "jsonl"  # JSON alone can write half a character
    given_texts = TEXTS if halves else WHOLE
    before, after = tmp_path / f"in.{source}", tmp_path / f"out.{target}"
    write_table(before, given_texts)
    assert cli.main(["score", str(before), str(after)]) == 0
    rows = read_table(after)
    expected = (
        json.loads(json.dumps(given_texts)) if halves else given_texts
    )  # JSON joins halves that stand side by side
    assert [row.pop("text") for row in rows] == expected
    for row, answer in zip(rows, default_model.classify_many(given_texts), strict=True):
        assert_row(answer, row)


def write_table(path: Path, rows: Sequence[str]) -> None:
    if path.suffix == ".parquet":
        pd.DataFrame({"text": rows}).to_parquet(path, index=False)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps({"text": text}) + "\n" for text in rows), encoding="utf-8")
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            delimiter = "\t" if path.suffix == ".tsv" else ","
            csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(
                [["text"], *([text] for text in rows)]
            )


def read_table(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        import pyarrow.parquet

        found: list[dict[str, Any]] = pyarrow.parquet.read_table(path).to_pylist()
        return found
    if path.suffix == ".jsonl":
        with path.open(encoding="utf-8", newline="\n") as file:
            return [json.loads(line) for line in file]
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# Every public function -----------------------------------------------------------------------------------------------


def labelled(rows: Sequence[str] = TEXTS) -> pd.DataFrame:
    """Rows with nasty texts, groups and names, and labels that can be learned."""
    words = [text[:60].strip().replace("\n", " ").replace("\r", " ").strip() for text in rows]
    whole = [word.encode("utf-8", "ignore").decode().strip() or "none" for word in words]
    cells = {"text": rows, "topics": whole, "group": rows, "tone": [f"tone {row % 2}" for row in range(len(rows))]}
    return pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in cells.items()})


def frame_of(rows: Sequence[str], **columns: object) -> pd.DataFrame:
    return pd.DataFrame({"text": pd.Series(rows, dtype=object)}).assign(**columns)


def as_objects(values: Sequence[object] = TEXTS) -> pd.Series[Any]:
    return pd.Series(values, dtype=object)


def check_answer(answer: stance.Classification, model: stance.Model) -> None:
    assert set(answer.topics) <= set(model.topics)
    assert answer.tone is None or answer.tone in model.tones
    assert 0 <= answer.known <= 1
    assert (answer.abstained is None) == bool(answer.probabilities or answer.tones)
    json.dumps(answer.to_dict(), allow_nan=False)
    assert not controls(str(answer))
    Page(answer._repr_html_().partition("</style>")[2])


def classified(model: stance.Model) -> None:
    for text in TEXTS:
        check_answer(model.classify(text), model)


def classified_many(model: stance.Model) -> None:
    answers = model.classify_many(TEXTS)
    assert len(answers) == len(TEXTS)
    for answer in answers:
        check_answer(answer, model)


def classified_documents(model: stance.Model) -> None:
    for text in [*TEXTS, "\n\n".join(text for text in TEXTS if len(text) < 1000)]:
        document = model.classify_document(text)
        assert not controls(str(document))
        Page(document._repr_html_().partition("</style>")[2])
        json.dumps(document.to_dict(), allow_nan=False)


def scored(model: stance.Model) -> None:
    import polars as pl
    import pyarrow as pa

    frame = frame_of([*TEXTS, None])  # type: ignore[list-item]
    assert len(model.score(frame, probabilities=True, codes="cap", progress=False)) == len(frame)
    for table in (pl.DataFrame({"text": WHOLE}), pa.table({"text": WHOLE}), pl.LazyFrame({"text": WHOLE})):
        found = model.score(table, progress=False)
        assert len(found.collect() if isinstance(found, pl.LazyFrame) else found) == len(WHOLE)
    for word in WORDS:
        with refused_or_done():
            model.score(frame.head(2), word, progress=False)
        with refused_or_done():
            assert f"{word}known" in model.score(frame.head(2), prefix=word, progress=False)
        with refused_or_done():
            model.score(pa.table({"text": ["war"]}), prefix=word, progress=False)
        with refused_or_done(ValueError):
            model.score(frame.head(2), codes=word, progress=False)


def probabilities_given(model: stance.Model) -> None:
    values = model.predict_proba(TEXTS)
    assert values.shape == (len(TEXTS), len(model.labels))
    assert ((values >= 0) & (values <= 1) | np.isnan(values)).all()


def decisions_given(model: stance.Model) -> None:
    assert np.isfinite(model.decision_function(TEXTS)).all()


def answers_given(model: stance.Model) -> None:
    assert len(model.answers(TEXTS)) == len(TEXTS)


def explained(model: stance.Model) -> None:
    for text in TEXTS:
        label = model.labels[len(text) % len(model.labels)]
        terms = model.explain(text, label, k=None)
        total = sum(term.weight for term in terms) + model.intercept_[model.labels.index(label)]
        assert total == pytest.approx(model.decision_function([text])[0, model.labels.index(label)], abs=1e-9)
        for term in terms:
            assert term.spans
            assert json.dumps(term.to_dict(), allow_nan=False)
            if text.isascii():
                assert {text[start:end].lower() for start, end in term.spans if " " not in term.term} <= {term.term}
    for word in WORDS:
        with pytest.raises(stance.LabelError):
            model.explain("war", word)


def saved(model: stance.Model, folder: Path) -> None:
    for word in WORDS:
        with refused_or_done(OSError):
            model.save(str(folder / "none" / word))


def loaded(folder: Path) -> None:
    (folder / "text.stance").write_bytes("\n".join(WHOLE).encode())
    for path in [*WORDS, str(folder / "text.stance")]:
        with pytest.raises(stance.ModelFileError):
            stance.load(path)


def as_pipeline(model: stance.Model) -> None:
    found = model.to_sklearn().decision_function(TEXTS)
    np.testing.assert_allclose(found, model.decision_function(TEXTS), atol=1e-9)


def trained() -> None:
    with warnings.catch_warnings(action="ignore", category=stance.StanceWarning):
        model = stance.train(labelled(), progress=False)
        stance.train(labelled(), progress=False, base=model)
    classified_many(model)
    for word in WORDS:
        labels = {"topics": as_objects([word, ""]), "tone": ["a", "b"], "group": as_objects([word] * 2)}
        rows = frame_of(["the war", "peace talks"], **labels)
        with refused_or_done():
            stance.train(rows, progress=False)
        for role in ("text", "topics", "tone", "group"):
            with pytest.raises(stance.StanceError):
                stance.train(rows, progress=False, **{role: word})
        for path in (word, f"{word}.csv", f"{word}.jsonl"):
            with pytest.raises(stance.StanceError):
                stance.train(path)
        with refused_or_done():
            stance.train("fixtures/paragraphs.csv", encoding=word, text=word)


def report_on(rows: Sequence[str]) -> stance.Report:
    with warnings.catch_warnings(action="ignore", category=stance.StanceWarning):
        return stance.evaluate(stance.train(labelled(rows), progress=False), labelled(rows), progress=False)


def evaluated(model: stance.Model) -> None:
    report = report_on(TEXTS)
    assert report.n_rows == len(TEXTS)
    for word in WORDS:
        with pytest.raises(stance.TableError):
            stance.evaluate(model, labelled(), topics=word)
    assert not controls(str(report))
    assert "\u202e" not in str(report)
    json.dumps(report.to_dict(), allow_nan=False)


def as_page() -> None:
    assert_harmless(report_on([*FEW, "war"]).to_html("".join(WORDS)))


def audited() -> None:
    with warnings.catch_warnings(action="ignore", category=stance.StanceWarning):
        findings = stance.audit(labelled(), progress=False)
    assert findings["score"].between(0, 1).all()
    rows = findings["row"].tolist()
    assert findings["text"].tolist() == [TEXTS[row] for row in rows]
    assert {"empty"} <= set(findings["problem"])


def corrected() -> None:
    rows = labelled()
    findings = pd.DataFrame(
        {"row": range(len(TEXTS)), "text": as_objects(), "column": "tone", "suggested": as_objects(TEXTS[::-1])}
    )
    assert stance.correct(rows, findings)["tone"].tolist() == TEXTS[::-1]
    for word in [*WORDS, "9" * 5000]:
        for name in ("row", "column", "text"):
            with pytest.raises(stance.TableError) as caught:
                stance.correct(rows, findings.head(1).assign(**{name: as_objects([word])}))
            assert len(str(caught.value)) < 1000
        with pytest.raises(stance.TableError):
            stance.correct(rows, findings, text=word)


def suggested(model: stance.Model) -> None:
    with warnings.catch_warnings(action="ignore", category=stance.StanceWarning):
        found = stance.suggest(model, frame_of(TEXTS), len(TEXTS))
    assert set(found["text"]) <= set(TEXTS)
    for word in WORDS:
        with pytest.raises(stance.StanceError):
            stance.suggest(model, frame_of(TEXTS), 1, text=word)
        with pytest.raises(stance.StanceError):
            stance.suggest(model, f"{word}.csv", 1)


def summarised() -> None:
    rows = stance.score(frame_of(TEXTS, source=as_objects(), date=as_objects()), progress=False)
    table = stance.summary(rows, by="source")
    assert set(table["source"]) == set(TEXTS)
    answered = table[table["measure"] == "answered"]
    assert answered["n"].sum() == len(TEXTS)
    for column in ("topics", "tone"):
        shown = stance.summary(rows.assign(**{column: as_objects()}))
        assert shown["low"].between(-1, 1).all()
    with pytest.raises(stance.TableError):
        stance.summary(rows, by="month")
    for word in WORDS:
        for options in ({"by": word}, {"by": "month", "date": word}, {"prefix": word}):
            with pytest.raises(stance.TableError):
                stance.summary(rows, **options)  # type: ignore[arg-type]


def looked_up() -> None:
    for word in TEXTS:
        with pytest.raises(stance.LabelError):
            stance.taxonomy.find(word)


def coded() -> None:
    assert stance.taxonomy.codes(TEXTS, "cap") == ()
    for word in TEXTS:
        with pytest.raises(ValueError, match="no scheme"):
            stance.taxonomy.codes(["trade"], word)


def put_in_order() -> None:
    assert stance.taxonomy.in_order_of(stance.taxonomy.TOPICS, [*TEXTS, "trade"]) == ["trade", *sorted(set(TEXTS))]


def values_made() -> None:
    for text in TEXTS:
        answer = stance.Classification((text,), text, 0.5, {text: 0.9}, {text: 1.0}, 1.0, None)
        paragraph = stance.Paragraph(text, 0, len(text), answer)
        for value in (
            answer,
            stance.Classification((), None, float("nan"), {}, {}, 0.0, text),
            stance.Document((paragraph,), answer),
        ):
            assert not controls(str(value))
            Page(value._repr_html_().partition("</style>")[2])
        for part in (
            answer,
            paragraph,
            stance.Document((paragraph,), answer),
            stance.TermWeight(text, 0.5, ((0, 1),)),
        ):
            assert json.loads(json.dumps(part.to_dict()))


MODEL: dict[str, Callable[[stance.Model], object]] = {
    "classify": classified,
    "classify_document": classified_documents,
    "classify_many": classified_many,
    "decision_function": decisions_given,
    "explain": explained,
    "predict_proba": probabilities_given,
    "score": scored,
    "answers": answers_given,
    "to_sklearn": as_pipeline,
}
"""What takes texts, of a model; those of the module are these of the default model."""
OTHERS: dict[str, Callable[[], object]] = {
    "audit": audited,
    "correct": corrected,
    "summary": summarised,
    "train": trained,
    "codes": coded,
    "find": looked_up,
    "in_order_of": put_in_order,
    "to_dict": values_made,
    "to_html": as_page,
}
LONG = {"train": pytest.mark.slow, "to_html": pytest.mark.slow}
WITH_MODEL: dict[str, Callable[[stance.Model], object]] = {
    "evaluate": evaluated,
    "suggest": suggested,
}
WITH_FILES = {"load", "save"}
TAKE_NO_TEXT = {"backend", "of", "card", "digest", "intercept_", "n_bytes", "parameters", "path"}
"""`of` makes answers and reports from those of others."""


def test_every_public_function_has_a_nasty_case() -> None:
    kinds = (stance.Model, stance.Report, stance.Classification, stance.Document, stance.Paragraph, stance.TermWeight)
    public = {name for name in stance.__all__ if inspect.isfunction(getattr(stance, name))}
    public |= {name for name in stance.taxonomy.__all__ if inspect.isfunction(getattr(stance.taxonomy, name))}
    public |= {name for kind in kinds for name in vars(kind) if not name.startswith("_")}
    fields = {"topics", "tone", "tone_score", "probabilities", "tones", "known", "abstained"}
    fields |= {name for kind in kinds for name in inspect.get_annotations(kind)}
    cases = MODEL.keys() | OTHERS.keys() | WITH_MODEL.keys() | WITH_FILES | TAKE_NO_TEXT
    assert public - fields == cases


@pytest.mark.parametrize("name", MODEL)
@pytest.mark.parametrize("kind", ["default", "two_row"])
def test_a_model_takes_any_text(request: pytest.FixtureRequest, name: str, kind: str) -> None:
    MODEL[name](request.getfixturevalue(f"{kind}_model"))


@pytest.mark.parametrize("name", [pytest.param(name, marks=LONG.get(name, ())) for name in OTHERS])
def test_functions_take_any_text(name: str) -> None:
    OTHERS[name]()


@pytest.mark.parametrize("name", WITH_MODEL)
def test_functions_of_a_model_take_any_text(tiny_model: stance.Model, name: str) -> None:
    WITH_MODEL[name](tiny_model)


def test_paths_may_be_any_text(tiny_model: stance.Model, tmp_path: Path) -> None:
    saved(tiny_model, tmp_path)
    loaded(tmp_path)


@pytest.mark.parametrize("path", ["a\x00b", "\ud800"])
def test_a_name_that_no_file_can_have_is_told(tiny_model: stance.Model, path: str) -> None:
    with pytest.raises(OSError, match="No file has such a name: ") as caught:
        tiny_model.save(path)
    assert caught.value.filename == path
    with pytest.raises(stance.TableError) as told:
        stance.train(f"{path}.csv")
    assert str(told.value).startswith(f"{path}.csv: cannot be opened: no file has such a name: ")


def test_an_encoding_with_a_null_character_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("text\nwar\n", encoding="utf-8")
    with pytest.raises(stance.TableError) as caught:
        stance.train(tmp_path / "rows.csv", encoding="a\x00b")
    told = f"{tmp_path}/rows.csv: unknown encoding 'a\\x00b': use a name such as 'utf-8' or 'cp1252'"
    assert str(caught.value) == told


def test_a_prefix_with_half_a_character_is_refused(tiny_model: stance.Model) -> None:
    with pytest.raises(stance.TableError) as caught:
        Columns(tiny_model, prefix="\ud800_")
    assert str(caught.value) == "expected a prefix of whole characters, but got '\\ud800_'"


# Pages ---------------------------------------------------------------------------------------------------------------


class Tags(HTMLParser):
    """The tags and attributes of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: set[tuple[str, str]] = set()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found |= {(tag, name) for name, _ in [("", ""), *attributes]}


def assert_harmless(page: str) -> None:
    """No text of anybody has become a tag, an attribute or a control character."""
    assert not controls(page.replace("\t", ""))
    assert not re.search("[\ufdd0-\ufdef\ufffe\uffff]", page)
    found = Tags(page).found
    assert not {name for _, name in found if name.startswith("on") or name in ("src", "srcdoc", "action")}
    assert {tag for tag, name in found if name == "href"} <= {"a", "link", "use"}
    assert not {tag for tag, _ in found} & {"img", "iframe", "object", "embed", "base", "textarea"}
    assert page.count("<script") <= 1
    assert "javascript:alert(1)>" not in page


def test_the_page_of_an_article_shows_any_text(default_model: stance.Model) -> None:
    from stance.article_page import article_page

    text = "\n\n".join(text for text in TEXTS if len(text) < 3000)
    assert_harmless(article_page(default_model, text, "".join(WORDS)))


@few_or_all
def test_the_page_of_a_corpus_shows_any_text(rows: list[str]) -> None:
    from stance.corpus_page import corpus_page

    scored = stance.score(frame_of(rows, date=as_objects(rows)), progress=False)
    own = scored.assign(topics=as_objects(rows), tone=as_objects(rows), tone_score=0.5)
    for table in (scored, own):
        assert_harmless(corpus_page(table, "".join(WORDS)))
    for word in WORDS:
        for options in ({"text": word}, {"date": word}, {"prefix": word}):
            with pytest.raises(stance.TableError):
                corpus_page(scored, **options)  # type: ignore[arg-type]
    with pytest.raises(stance.TableError):
        corpus_page(scored, date="date")


# The command line ----------------------------------------------------------------------------------------------------


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


ARGUMENTS: dict[str, Sequence[Sequence[str]]] = {
    "classify": [["TEXT"], ["--model", "TEXT"], ["--encoding", "TEXT", "FILE"], ["FILE"], ["FILE", "FILE"], ["--json"]],
    "score": [
        ["TEXT"],
        ["TEXT.csv"],
        ["TABLE", "TEXT"],
        ["TABLE", "--text", "TEXT"],
        ["TABLE", "--prefix", "TEXT"],
        ["TABLE", "--delimiter", "TEXT"],
        ["TABLE", "--codes", "TEXT"],
        ["-"],
        ["-", "--text", "TEXT", "--json"],
    ],
    "train": [["TEXT.csv", "-o", "OUT"], ["TABLE", "-o", "OUT", "--topics", "TEXT"], ["TABLE", "-o", "none/TEXT"]],
    "evaluate": [["TEXT.jsonl"], ["TABLE", "--tone", "TEXT"]],
    "audit": [["TEXT.csv"], ["TABLE", "--group", "TEXT"], ["TABLE", "-o", "none/TEXT.csv"]],
    "correct": [["TABLE", "--findings", "TEXT"], ["TABLE", "--findings", "TABLE", "--text", "TEXT"]],
    "suggest": [["TEXT"], ["TABLE", "-n", "1"], ["TABLE", "--text", "TEXT"]],
    "explain": [["--label", "TEXT"], ["--label", "tense", "FILE"], ["--label", "tense", "--json"]],
    "inspect": [["TEXT"], ["-k", "TEXT"]],
    "diff": [
        ["TEXT", "default", "TABLE"],
        ["default", "default", "TABLE"],
        ["default", "default", "TABLE", "--text", "TEXT"],
    ],
    "report": [["FILE", "--title", "TEXT"], ["TABLE", "--date", "TEXT"], ["TEXT.csv"], ["TEXT", "-o", "none/TEXT"]],
}
"""What is said to each command: TEXT is the text, FILE holds it, TABLE has it in a row; standard input has it too."""
WRITE_TABLES = {"score", "suggest", "audit", "correct"}


def test_every_command_has_nasty_arguments() -> None:
    assert set(ARGUMENTS) == {name for name in commands.__all__ if name != "tell"}


@few_or_all
@pytest.mark.parametrize("command", ARGUMENTS)
def test_a_command_ends_well_or_in_one_clear_line(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, rows: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for text in (text[:300] for text in rows if text):
        Path("article.txt").write_bytes(encoded(text))
        write_table(Path("rows.jsonl"), [text, "the war"])
        said = text.replace("\x00", "")  # which no argument can hold
        for parts in ARGUMENTS[command]:
            names = [part.replace("FILE", "article.txt").replace("TABLE", "rows.jsonl") for part in parts]
            arguments = [name.replace("OUT", "made.stance").replace("TEXT", said) for name in names]
            code, out, err = run(command, *arguments, stdin=encoded(text))
            assert code in (0, 2), (text, arguments, err)
            assert not controls(err), (text, arguments)
            assert not re.search("[\u202a-\u202e\u2066-\u2069]", err)
            assert all(line.startswith("stance: ") for line in err.splitlines())
            if code == 2:
                assert out == "" or command == "classify"
                assert sum("stance: warning" not in line for line in err.splitlines()) == 1, err
            if command not in WRITE_TABLES:
                assert not controls(out if command != "report" else out.replace("\t", "")), (text, arguments)
            if "--json" in arguments and code == 0:
                for line in filter(None, out.split("\n")):
                    json.loads(line)
        for made in Path().glob("made.stance"):
            made.unlink()


def test_a_terminal_is_shown_tables_without_control_characters(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = b'{"text": "war \\u001b[31m \\u202e \\u009b31m\\tpeace"}\n'
    _, before, _ = run("score", "-", "--json", stdin=rows)
    assert json.loads(before)["text"] == "war \x1b[31m \u202e \x9b31m\tpeace"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    code, out, _ = run("score", "-", stdin=rows)
    assert code == 0
    assert out.splitlines()[1].startswith("war �[31m � �31m\tpeace,")


def test_a_term_of_any_length_takes_a_line(run: Run) -> None:
    code, out, _ = run("explain", "--label", "tense", stdin=b"war" * 100_000 + b" war")
    assert code == 0
    assert max(map(len, out.splitlines())) < 80
    assert f"{'war' * 13}…" in out


def test_an_article_of_too_many_lines_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "LINE_LIMIT", 5)
    assert run("classify", stdin=b"a\n\r\n\rb\xe2\x80\xa8c")[0] == 0
    code, out, err = run("classify", stdin=b"a\n\r\n\rb\xe2\x80\xa8c\xe2\x80\xa9")
    assert (code, out) == (2, "")
    assert err == (
        "stance: -: expected at most 5 lines in one article, but got 6: put many texts into a table, one a row, and "
        "use 'stance score'\n"
    )


# Size ----------------------------------------------------------------------------------------------------------------

PEAK = """
import resource, sys
import stance
sentence = "The two governments signed a trade agreement, but rebels shelled the town. "
text = {text}
model = stance.load()
model.classify("war")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
answer = {call}
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print((peak - before) * (1 if sys.platform == "darwin" else 1024), len(text))
"""
HUGE = {
    "100 MB of words": "sentence * (100_000_000 // len(sentence))",
    "100 MB of paragraphs": "(sentence * 9 + chr(10) * 2) * (100_000_000 // (9 * len(sentence) + 2))",
    "100 MB of line ends": "chr(10) * 100_000_000",
    "100 MB in one word": "'x' * 100_000_000",
    "10 million letters in one word": "''.join(chr(97 + n * n % 26) for n in range(10_000_000))",
    "50 million letters of two bytes": "'\u0436\u0438 war ' * 7_000_000",
}


@needs_resource
@needs_kernel
@pytest.mark.slow
@pytest.mark.parametrize("call", ["model.classify(text)", "model.classify_document(text)"])
@pytest.mark.parametrize("text", HUGE.values(), ids=HUGE)
def test_a_huge_text_takes_a_few_times_its_size_of_memory(text: str, call: str) -> None:
    program = PEAK.format(text=text, call=call)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    peak, length = map(int, done.stdout.split())
    assert peak < 6 * length + 50_000_000


@pytest.mark.slow
def test_a_word_of_ten_million_letters_is_explained(default_model: stance.Model) -> None:
    text = "".join(map(chr, np.random.default_rng(0).integers(97, 123, 10_000_000))) + " war"
    terms = default_model.explain(text, "tense", k=None)
    assert {term.term for term in terms} == {"war", text.removesuffix(" war")}
    value = default_model.decision_function([text])[0, default_model.labels.index("tense")]
    total = sum(term.weight for term in terms) + default_model.intercept_[default_model.labels.index("tense")]
    assert total == pytest.approx(value, abs=1e-9)


@pytest.mark.slow
def test_a_huge_file_gets_an_answer_or_a_clear_line(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "huge.txt"
    path.write_bytes(b"The war went on. " * (60_000_000 // 17))
    assert run("classify", path)[0] == 0
    path.write_bytes(b"x" * 10_000_000)
    assert run("classify", path)[1].startswith("document of 1 paragraph\nno answer: ")
    os.truncate(path, 2 << 30)  # without taking room on the disk
    for arguments in (["classify"], ["explain", "--label", "tense"], ["report"]):
        code, out, err = run(*arguments, path)
        assert (code, out) == (2, "")
        assert err == (
            f"stance: {path}: longer than 64 MiB, which is too much for one article: put many texts into a table, "
            "one a row, and use 'stance score'\n"
        )


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_table_may_hold_a_text_of_100_megabytes(
    run: Run, default_model: stance.Model, tmp_path: Path, ending: str
) -> None:
    given_texts = ["the war", "The talks of peace went on. " * (100_000_000 // 28), "trade"]
    write_table(tmp_path / f"in.{ending}", given_texts)
    assert run("score", tmp_path / f"in.{ending}", tmp_path / f"out.{ending}") == (0, "", "")
    rows = read_table(tmp_path / f"out.{ending}")
    assert [row["text"] == text for row, text in zip(rows, given_texts, strict=True)] == [True] * 3
    for row, answer in zip(rows, default_model.classify_many(given_texts), strict=True):
        assert_row(answer, row)


def test_long_texts_are_looked_up_in_tables_as_many_texts_are(default_model: stance.Model) -> None:
    """However long the first text is, its answer is that of a model that has seen many."""
    text = "The two governments signed a trade agreement, but rebels shelled the town. " * 3000
    new = stance.Model(default_model._contents)
    assert [repr(new.classify(part)) for part in (text, text[:400])] == [
        repr(default_model.classify(part)) for part in (text, text[:400])
    ]
    other = stance.Model(default_model._contents)
    assert same(other.classify_many([text, *itertools.repeat("war", 3)])[0], default_model.classify(text))

"""`stance.audit` and `stance.correct`: what is found, in what order, and what becomes of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import FIXTURES

import stance
from stance.curate import Finding
from stance.labelled import read_frame

pytestmark = pytest.mark.filterwarnings("ignore:too few rows with a label:stance.StanceWarning")

COLUMNS = ["row", "file", "line", "text", "problem", "column", "given", "suggested", "score", "reason"]
WORDS = {
    "trade": "tariffs exports customs duties imports cargo",
    "war": "shells troops rebels missiles trenches artillery",
    "health": "vaccine virus hospital patients doctors clinic",
}
TONES = {"trade": "calm", "war": "harsh", "health": "calm"}


def made(n: int = 60, seed: int = 0) -> pd.DataFrame:
    """Rows whose words say their labels, with `n` of them for each of three topics."""
    generator = np.random.default_rng(seed)
    rows = []
    for topic, words in WORDS.items():
        for number in range(n):
            text = " ".join([*generator.choice(words.split(), 4), *generator.choice([*"abcdefghij"], 3), f"n{number}"])
            rows.append({"text": f"{text} in the report of the day", "topics": topic, "tone": TONES[topic]})
    return pd.DataFrame(rows)


def audited(data: Any, **options: Any) -> pd.DataFrame:
    return stance.audit(data, progress=False, **options)


def test_planted_labels_come_first_and_are_told_right() -> None:
    rows = made()
    rows.loc[3, "tone"], rows.loc[70, "tone"] = "harsh", "calm"
    rows.loc[5, "topics"], rows.loc[80, "topics"], rows.loc[130, "topics"] = "war", "", "health|trade"
    findings = audited(rows)
    assert findings.columns.tolist() == COLUMNS
    assert list(Finding.__annotations__) == COLUMNS
    assert findings["score"].is_monotonic_decreasing
    found = findings.head(5).set_index("row")
    assert sorted(found.index) == [3, 5, 70, 80, 130]
    assert set(found["problem"]) == {"wrong label"}
    assert found.loc[[3, 5, 70, 80, 130], "column"].tolist() == ["tone", "topics", "tone", "topics", "topics"]
    assert found.loc[[3, 5, 70, 80, 130], "given"].tolist() == ["harsh", "war", "calm", "", "health|trade"]
    assert found.loc[[3, 5, 70, 80, 130], "suggested"].tolist() == ["calm", "trade", "harsh", "war", "health"]
    assert found.loc[80, "reason"].startswith(
        "judged by the other rows: 'war' is not given but has probability 0.9"
    ) or found.loc[80, "reason"].startswith("judged by the other rows: 'war' is not given but has probability 1.0")
    assert found.loc[3, "reason"].startswith("judged by the other rows: 'harsh' is given but has probability 0.0")
    assert (found["text"] == rows["text"].loc[found.index]).all()
    assert found["file"].isna().all()
    assert found["line"].isna().all()


def test_most_tones_that_are_planted_in_the_fixtures_are_found(paragraphs: pd.DataFrame) -> None:
    generator = np.random.default_rng(0)
    planted = generator.permutation(len(paragraphs))[:23].tolist()
    tones = paragraphs["tone"].tolist()
    for row in planted:
        tones[row] = str(generator.choice(sorted(set(paragraphs["tone"]) - {tones[row]})))
    findings = audited(paragraphs.assign(tone=tones), topics=None)
    assert set(findings["column"]) == {"tone"}
    assert len(set(findings["row"]) & set(planted)) >= 14
    assert len(set(findings["row"].head(23)) & set(planted)) >= 8


@pytest.mark.parametrize(("left_out", "columns"), [("tone", {"topics"}), ("topics", {"tone"})])
def test_either_label_column_may_be_absent(left_out: str, columns: set[str]) -> None:
    rows = made(20)
    rows.loc[3, ["topics", "tone"]] = "war", "harsh"
    findings = audited(rows.drop(columns=left_out))
    assert set(findings["column"]) == columns
    assert 3 in set(findings["row"])
    with_none = audited(rows, **{left_out: None})
    pd.testing.assert_frame_equal(findings, with_none)


def test_labels_may_be_any_names_in_any_language() -> None:
    rows = made(20).rename(columns={"text": "текст", "topics": "тема", "tone": "тон"})
    rows["тон"] = rows["тон"].map({"calm": "спокойно", "harsh": "резко"})
    rows.loc[3, "тон"] = "резко"
    first = audited(rows, text="текст", topics="тема", tone="тон").iloc[0]
    assert first[["row", "column", "given", "suggested"]].tolist() == [3, "тон", "резко", "спокойно"]


def test_neither_the_order_of_the_rows_nor_the_number_of_jobs_counts() -> None:
    rows = made(20)
    rows.loc[[3, 25], "tone"] = "harsh", "calm"
    rows.loc[50, "text"] = ""
    rows.loc[59] = rows.loc[58].replace({"calm": "harsh"})
    findings = audited(rows, n_jobs=1)
    pd.testing.assert_frame_equal(findings, audited(rows, n_jobs=2))
    order = np.random.default_rng(1).permutation(len(rows))
    again = audited(rows.iloc[order])
    again["row"] = order[again["row"]]
    columns = [name for name in COLUMNS if name != "reason"]  # which names the other row of a pair by its number
    pd.testing.assert_frame_equal(findings[columns], again[columns])


def test_rows_without_words_and_in_other_languages_are_found(paragraphs: pd.DataFrame) -> None:
    foreign = pd.read_csv(FIXTURES / "languages.csv").iloc[::9]
    strange = pd.DataFrame({"text": ["", " \n", None, "1, 2: 3!", *foreign["text"]], "tone": "neutral"})
    rows = pd.concat([paragraphs[["text", "tone"]], strange], ignore_index=True)
    findings = audited(rows)
    n = len(paragraphs)
    empty = findings[findings["problem"] == "empty"]
    assert sorted(empty["row"]) == [n, n + 1, n + 2, n + 3]
    assert empty["text"].tolist() == ["", "", " \n", "1, 2: 3!"]
    assert set(empty["score"]) == {1.0}
    assert set(empty["reason"]) == {"there is no word in it"}
    unfamiliar = findings[findings["problem"] == "unfamiliar"]
    assert sorted(unfamiliar["row"]) == list(range(n + 4, len(rows)))
    assert unfamiliar["score"].between(0.5, 1).all()
    assert set(unfamiliar["reason"]) == {"hardly any of its words is in another row: it may be in another language"}
    assert set(findings.loc[findings["row"] >= n, "column"]) == {"text"}
    assert set(findings.loc[findings["column"] == "text", ["given", "suggested"]].to_numpy().ravel()) == {""}


def test_no_text_is_unfamiliar_where_no_two_share_a_word() -> None:
    words = [f"{first}{second}{third}" for first in "abcde" for second in "fghij" for third in "klmno"]
    texts = [" ".join(words[row * 5 : row * 5 + 5]) for row in range(25)]
    rows = pd.DataFrame({"text": texts, "tone": ["calm", "harsh", "calm", "calm", "harsh"] * 5})
    assert "unfamiliar" not in set(audited(rows)["problem"])


def test_near_duplicates_with_other_labels_are_found(paragraphs: pd.DataFrame) -> None:
    rows = paragraphs[["text", "topics", "tone"]].copy()
    copy = rows.iloc[[10, 11, 12]].reset_index(drop=True)
    copy["text"] = [text.replace(" the ", " this ", 1).upper() for text in copy["text"]]
    copy.loc[0, "tone"] = next(tone for tone in ("tense", "neutral") if tone != copy.loc[0, "tone"])
    copy.loc[1, "topics"] = "culture"
    findings = audited(pd.concat([rows, copy], ignore_index=True))
    near = findings[findings["problem"] == "near duplicate"].sort_values("column")
    assert near["column"].tolist() == ["tone", "topics"]
    n = len(rows)
    for (_, found), pair in zip(near.iterrows(), [{10, n}, {11, n + 1}], strict=True):
        assert found["row"] in pair
        (other,) = pair - {found["row"]}
        assert found["reason"] == f"nearly the same text as row {other}, which has {found['suggested']!r}"
        assert 0.8 <= found["score"] <= 1
        assert found["given"] != found["suggested"]


def test_rows_that_are_alike_in_all_are_no_finding_of_each_other_but_share_theirs() -> None:
    rows = made(20)
    text = "tariffs exports cargo a b c n70 in the report of the day"
    copies = pd.DataFrame({"text": text, "topics": "trade", "tone": ["harsh"] * 30 + ["calm"]})
    findings = audited(pd.concat([rows, copies], ignore_index=True))
    near = findings[findings["problem"] == "near duplicate"]
    assert sorted(near["row"]) in ([90], list(range(60, 90)))
    assert near["reason"].nunique() == 1


def test_a_file_is_named_with_its_lines(tmp_path: Path) -> None:
    rows = made(20)
    rows.loc[3, "tone"] = "harsh"
    rows.loc[59, "text"] = ""
    rows.head(30).to_csv(tmp_path / "a.csv", index=False)
    rows.tail(30).to_json(tmp_path / "b.jsonl", orient="records", lines=True)
    paths = [tmp_path / "a.csv", tmp_path / "b.jsonl"]
    findings = audited(paths)
    found = findings.set_index(["row", "column"])
    assert found.loc[(3, "tone"), ["file", "line"]].tolist() == [str(paths[0]), 5]
    assert found.loc[(59, "text"), ["file", "line"]].tolist() == [str(paths[1]), 30]


def test_a_row_has_one_finding_a_column(paragraphs: pd.DataFrame) -> None:
    rows = pd.concat([paragraphs.head(60)] * 2, ignore_index=True)
    rows.loc[60:, "tone"] = rows.loc[60:, "tone"].map(lambda tone: "tense" if tone == "neutral" else "neutral")
    findings = audited(rows)
    assert not findings.duplicated(["row", "column"]).any()
    assert (findings["problem"] == "near duplicate").any()


def test_sound_rows_have_no_findings() -> None:
    findings = audited(made(20))
    assert findings.empty
    assert findings.columns.tolist() == COLUMNS


def test_one_tone_alone_is_not_judged() -> None:
    rows = made(20).assign(tone="calm")
    assert "tone" not in set(audited(rows)["column"])


@pytest.mark.filterwarnings("default")
def test_labels_of_few_rows_are_named() -> None:
    rows = made(20)
    rows.loc[[0, 1], "topics"] = "rare"
    rows.loc[[30, 31, 32], "tone"] = "odd"
    with pytest.warns(stance.StanceWarning) as caught:
        findings = audited(rows)
    assert [str(warning.message) for warning in caught] == [
        "too few rows with a label, or without it, to judge it (fewer than 5): 'rare' (2), 'odd' (3)"
    ]
    assert caught[0].filename == __file__
    assert not (findings["given"] == "odd").any()


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(stance.TrainingError) as caught:
        audited(made(3))
    assert str(caught.value) == (
        "expected at least 10 different texts or groups, to judge each row by the others, but got 9: add labelled rows"
    )
    with pytest.raises(
        stance.TrainingError, match=r"^expected at least 2 rows with text, but got 0: add labelled rows$"
    ):
        audited(pd.DataFrame({"text": ["", ""], "tone": ["a", "b"]}))


def test_a_missing_column_is_named() -> None:
    with pytest.raises(
        stance.TableError, match=r"^expected a column 'body'\. Available: text, topics, tone\. Name the"
    ):
        audited(made(4), text="body")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cleanlab.filter", None)
    with pytest.raises(stance.MissingExtraError) as caught:
        audited(made(4))
    assert str(caught.value) == (
        "finding wrong labels needs cleanlab, which is not installed: pip install 'stance[curate]'"
    )


def test_rows_of_a_group_are_judged_together() -> None:
    rows = made(20).assign(group=[f"g{number % 9}" for number in range(60)])
    with pytest.raises(stance.TrainingError, match=r"but got 9: add labelled rows$"):
        audited(rows)
    assert audited(rows, group=None).empty


# Correcting -----------------------------------------------------------------------------------------------------------


def test_corrected_rows_have_what_was_suggested() -> None:
    rows = made(20).assign(id=range(100, 160))
    rows.index = pd.Index(range(7, 67))
    before = rows.copy()
    rows.loc[10, "tone"] = before.loc[10, "tone"] = "harsh"
    rows.loc[15, "topics"] = before.loc[15, "topics"] = "war"
    rows.loc[20, "text"] = before.loc[20, "text"] = None
    findings = audited(rows)
    better = stance.correct(rows, findings)
    pd.testing.assert_frame_equal(rows, before)
    assert better.columns.tolist() == rows.columns.tolist()
    assert better.index.tolist() == [label for label in rows.index if label != 20]
    assert (better.loc[10, "tone"], better.loc[15, "topics"]) == ("calm", "trade")
    assert (better.drop(index=[10, 15]) == rows.drop(index=[10, 15, 20])).all(axis=None)
    assert audited(better).empty


def test_findings_may_come_from_a_file(tmp_path: Path) -> None:
    rows = made(20)
    rows.loc[3, "topics"] = "trade|war"
    rows.loc[4, "text"] = ""
    rows.to_csv(tmp_path / "rows.csv", index=False)
    findings = audited(tmp_path / "rows.csv")
    findings.to_csv(tmp_path / "findings.csv", index=False)
    for read in (pd.read_csv(tmp_path / "findings.csv"), read_frame(tmp_path / "findings.csv")):
        better = stance.correct(tmp_path / "rows.csv", read)
        assert better["topics"].iloc[3] == "trade"
        assert len(better) == 59


def test_a_finding_may_suggest_no_label() -> None:
    rows = made(4)
    findings = rows.head(1).assign(row=0, column="topics", suggested=None)
    assert stance.correct(rows, findings)["topics"].iloc[0] is None


@pytest.mark.parametrize(
    ("change", "text", "message"),
    [
        ({"row": 12}, "text", "the findings have a row 12 with the text 'a b', but the data has not: name what was "),
        ({"row": "x"}, "text", "the findings have a row x with the text 'a b', but the data has not: name what was "),
        ({"text": "c"}, "text", "the findings have a row 0 with the text 'c', but the data has not: name what was au"),
        ({"column": "tune"}, "text", "row 0: the findings have a column that the rows have not: 'tune'"),
        ({}, "body", "expected a column 'body'. Available: text, tone. Name the right one with text="),
    ],
)
def test_findings_of_other_rows_are_refused(change: dict[str, object], text: str, message: str) -> None:
    rows = pd.DataFrame({"text": ["a b", None], "tone": ["x", "y"]})
    findings = pd.DataFrame([{"row": 0, "text": "a b", "column": "tone", "suggested": "y", **change}])
    with pytest.raises(stance.TableError) as caught:
        stance.correct(rows, findings, text)
    assert str(caught.value).startswith(message)


def test_findings_without_a_column_are_refused() -> None:
    with pytest.raises(stance.TableError) as caught:
        stance.correct(made(4), pd.DataFrame({"row": [0], "text": ["a"], "column": ["tone"]}))
    assert str(caught.value) == (
        "expected a column 'suggested'. Available: row, text, column. Name the right one with findings="
    )

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import FIXTURES
from hypothesis import given, settings
from hypothesis import strategies as st

from stance.errors import TableError
from stance.labelled import Labelled, Targets, read_frame, split_labels

TABLES = FIXTURES / "tables"
LABELS = st.sampled_from(["", "a", "b", "a|b"])
ROWS = st.lists(st.tuples(st.text(max_size=3), LABELS, st.sampled_from([None, "x", "y"]), st.text(max_size=1)))


def labelled_of(rows: list[tuple[Any, ...]]) -> Labelled:
    return Labelled.read(pd.DataFrame(rows, columns=["text", "topics", "tone", "group"], dtype=object))


def message_of(data: Any, **options: Any) -> str:
    with pytest.raises(TableError) as caught:
        Labelled.read(data, **options)
    return str(caught.value)


@given(st.lists(st.text("abc é|", max_size=5)))
def test_labels_are_sorted_and_stand_once(names: list[str]) -> None:
    labels = split_labels("|".join(names))
    assert labels == tuple(sorted(set(labels)))
    assert set(labels) == {part.strip() for part in "|".join(names).split("|")} - {""}
    assert split_labels(list(labels)) == split_labels("|".join(labels)) == labels


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"ab", "expected a label, but got bytes: b'ab'"),
        ({"trade": False}, "expected a label, but got dict: {'trade': False}"),
        ([["a"]], "expected a label, but got list: ['a']"),
        (1.5, "expected a label, but got float: 1.5"),
        (float("inf"), "expected a label, but got float: inf"),
        (object, "expected a label, but got type: <class 'object'>"),
    ],
)
def test_what_is_no_label_is_told(value: object, message: str) -> None:
    with pytest.raises(TypeError) as caught:
        split_labels(value)
    assert str(caught.value) == message


@settings(deadline=None, max_examples=40)
@given(ROWS, st.randoms(use_true_random=False))
def test_order_of_the_rows_does_not_count(rows: list[tuple[Any, ...]], random: Any) -> None:
    shuffled = random.sample(rows, len(rows))
    one, other = labelled_of(rows).ordered(), labelled_of(shuffled).ordered()
    assert (one.texts, one.topics, one.tones, one.groups) == (other.texts, other.topics, other.tones, other.groups)
    assert one.digest() == other.digest()


@settings(deadline=None, max_examples=40)
@given(ROWS.filter(bool), st.data())
def test_taken_rows_are_the_rows_of_the_table(rows: list[tuple[Any, ...]], data: st.DataObject) -> None:
    places = data.draw(st.lists(st.integers(0, len(rows) - 1)))
    taken, expected = labelled_of(rows).take(places), labelled_of([rows[place] for place in places])
    assert (taken.texts, taken.topics, taken.tones, taken.groups) == (
        expected.texts,
        expected.topics,
        expected.tones,
        expected.groups,
    )
    assert taken.places == [(None, place) for place in places]
    assert taken.columns == {"text": "text", "topics": "topics", "tone": "tone", "group": "group"}


def test_equal_texts_are_ordered_by_their_topics_then_tone_then_group() -> None:
    rows = [
        ("b", "a|b", "", ""),
        ("b", "a", "x", "z"),
        ("b", "a", "x", "y"),
        ("b", "a", "x", ""),
        ("b", "a", "A", ""),
        ("b", "a", "", "z"),
        ("b", "", "x", ""),
        ("a", "c", "x", "z"),
    ]
    ordered = labelled_of(rows).ordered()
    assert ordered.places == [(None, place) for place in range(7, -1, -1)]
    assert ordered.tones == ["x", "x", None, "A", "x", "x", "x", None]


@pytest.mark.parametrize("absent", ["topics", "tone", "group"])
def test_equal_texts_are_ordered_by_the_columns_that_there_are(absent: str) -> None:
    rows = pd.DataFrame({"text": ["b"] * 2, "topics": ["z", "y"], "tone": ["z", "y"], "group": ["z", "y"]})
    assert Labelled.read(rows.drop(columns=absent)).ordered().places == [(None, 1), (None, 0)]


def test_columns_that_are_absent_stay_absent() -> None:
    table = pd.DataFrame({"text": ["b", "a"], "tone": ["x", "y"]})
    labelled = Labelled.read(table).ordered()
    assert (labelled.texts, labelled.topics, labelled.tones, labelled.groups) == (["a", "b"], None, ["y", "x"], None)
    labelled = Labelled.read(table.rename(columns={"tone": "topics"})).ordered()
    assert (labelled.topics, labelled.tones) == ([("y",), ("x",)], None)


def test_digest_tells_every_label_apart() -> None:
    table = {"text": ["\ud800"], "topics": ["a"], "tone": ["x"]}
    changes: list[dict[str, list[str]]] = [{}, {"text": ["b"]}, {"topics": ["b"]}, {"tone": ["b"]}, {"tone": [""]}]
    digests = [Labelled.read(pd.DataFrame({**table, **change}, dtype=object)).digest() for change in changes]
    assert len(set(digests)) == len(digests)


def test_rows_without_a_group_are_documents_of_their_own() -> None:
    labelled = Labelled.read(TABLES / "extra-columns.csv")
    assert labelled.groups == ["a1", "a1", ""]
    assert labelled.documents() == ["a1", "a1", "the committee met."]
    table = pd.DataFrame({"text": ["A  b", "c", "C"], "tone": ["x", "y", "x"], "group": [np.nan, 1, None]})
    assert Labelled.read(table).documents() == ["a b", "1.0", "c"]


def test_groups_in_one_of_two_files_do_not_join_the_rows_of_the_other() -> None:
    labelled = Labelled.read([TABLES / "extra-columns.csv", TABLES / "plain.csv"])
    assert labelled.groups == ["a1", "a1", "", "", "", ""]
    assert len(set(labelled.documents())) == 5


def test_file_without_a_label_column_that_another_has() -> None:
    labelled = Labelled.read([TABLES / "bom.csv", TABLES / "plain.csv"])
    assert labelled.topics == [(), ("trade", "transport"), (), ("diplomacy",)]
    assert labelled.where(1) == f"{TABLES / 'plain.csv'}:2: "


@pytest.mark.parametrize(
    "column",
    [
        pd.array([1, None], dtype="Int64"),
        pd.array(["1", pd.NA], dtype="string"),
        pd.Categorical(["1", None]),
        pd.array([1.0, np.nan]),
    ],
)
def test_labels_of_every_pandas_type(column: Any) -> None:
    labelled = Labelled.read(pd.DataFrame({"text": pd.array(["a", pd.NA], dtype="string"), "tone": column}))
    assert (labelled.texts, labelled.tones) == (["a", ""], ["1", None])


def test_parquet_and_jsonl_lists() -> None:
    labelled = Labelled.read(TABLES / "rows.parquet")
    assert labelled.topics == [("trade", "transport"), ("diplomacy",), ()]
    assert labelled.tones == ["cooperative", "tense", None]
    labelled = Labelled.read(TABLES / "rows.jsonl")
    assert labelled.topics == [("trade", "transport"), ("diplomacy", "security"), (), ()]
    assert labelled.tones == ["cooperative", "tense", None, "neutral"]
    assert labelled.texts[3] == ""


def test_columns_of_any_name() -> None:
    labelled = Labelled.read(TABLES / "cyrillic.csv", "текст", "темы", "тон")
    assert labelled.topics == [("порты", "торговля"), ("дипломатия",)]
    table = pd.DataFrame({0: ["a"], 1: ["x"]})
    assert Labelled.read(table, "0", None, "1").tones == ["x"]


def test_encoding_is_handed_on() -> None:
    assert "café" in Labelled.read(TABLES / "latin1.csv", encoding="latin-1").texts[1]
    path = TABLES / "plain.csv"
    assert message_of(path, encoding="utf-9") == (
        f"{path}: unknown encoding 'utf-9': use a name such as 'utf-8' or 'cp1252'"
    )


def test_header_alone_has_no_rows() -> None:
    labelled = Labelled.read(TABLES / "header-only.csv")
    assert (len(labelled), labelled.topics, labelled.tones) == (0, [], [])


def test_contradictions_are_all_kept() -> None:
    labelled = Labelled.read(TABLES / "contradictions.csv")
    assert labelled.tones == ["cooperative", "tense", "tense"]
    assert labelled.documents()[0] == labelled.documents()[2]


def test_missing_columns_are_told_whole() -> None:
    path = TABLES / "no-text-column.csv"
    assert message_of(path) == (
        f"{path}: expected a column 'text'. Did you mean 'texts'? Available: texts, topics, tone. "
        "Name the right one with text="
    )
    assert message_of(path, text="texts", group="document") == (
        f"{path}: expected a column 'document'. Available: texts, topics, tone. Name the right one with group="
    )
    assert message_of([TABLES / "plain.csv", path]) == message_of(path)


def test_label_columns_that_are_missing_are_told_whole() -> None:
    table = pd.DataFrame({"text": ["a"], "tones": ["x"]})
    assert message_of(table) == (
        "expected a label column, 'topics' or 'tone'. Available: text, tones. Name them with topics= and tone="
    )
    assert message_of(table, topics=None) == (
        "expected a label column, 'tone'. Did you mean 'tones'? Available: text, tones. "
        "Name them with topics= and tone="
    )
    assert message_of(table, topics=None, tone=None) == (
        "expected a label column, but both are None. Available: text, tones. Name them with topics= and tone="
    )


def test_column_of_a_frame_that_stands_twice_is_told() -> None:
    table = pd.DataFrame([["a", "x", "y", 1, 2]], columns=["text", "tone", "tone", "other", "other"])
    assert message_of(table) == "the column 'tone' stands twice: rename one"
    table.columns = pd.Index(["text", "tone", "topics", "other", "other"])
    assert Labelled.read(table).tones == ["x"]


def test_values_of_the_wrong_kind_are_told_with_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    for row, rest in [
        ('{"text": 5, "tone": "x"}', "column 'text': expected a text of type str, but got int: 5"),
        ('{"text": "a", "tone": ["x"]}', "column 'tone': expected a label, but got list: ['x']"),
        ('{"text": "a", "topics": {"b": 0}}', "column 'topics': expected a label, but got dict: {'b': 0}"),
    ]:
        path.write_text(f'{{"text": "a", "topics": [], "tone": "x"}}\n\n{row}\n')
        assert message_of(path) == f"{path}:3: {rest}"


@pytest.mark.parametrize(
    ("data", "kind"), [(5, "int"), ([], "list"), ([5], "list"), ({"text": ["a"]}, "dict"), (iter([]), "list_iterator")]
)
def test_data_of_another_kind_is_refused(data: Any, kind: str) -> None:
    with pytest.raises(TypeError) as caught:
        Labelled.read(data)
    assert str(caught.value) == f"expected a path, a list of paths or a pandas DataFrame, but got {kind}"


def test_targets_without_a_head_know_no_other_labels_of_it() -> None:
    labelled = labelled_of([("a", "x|z", "p", ""), ("b", "z", None, ""), ("c", "w", "r", "")])
    targets, others = Targets.of(labelled, [], ["p", "q"])
    assert (targets.topics.shape, targets.tones.tolist(), targets.n_tones, others) == ((3, 0), [0, -1, -1], 2, {"r": 2})
    targets, others = Targets.of(labelled, ["z"], [])
    assert (targets.topics.tolist(), targets.tones.tolist()) == ([[True], [True], [False]], [-1, -1, -1])
    assert others == {"x": 0, "w": 2}
    assert targets.take(np.array([2, 0])).topics.tolist() == [[False], [True]]


def test_targets_of_a_table_without_labels_of_a_head() -> None:
    labelled = Labelled.read(pd.DataFrame({"text": ["a"], "tone": ["p"]}))
    targets, others = Targets.of(labelled, ["z"], ["p"])
    assert (targets.topics.tolist(), targets.tones.tolist(), others) == ([[False]], [0], {})


# Whole rows -----------------------------------------------------------------------------------------------------------


def test_whole_rows_are_read_from_files_of_several_kinds(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,n\nx,01\ny,\n", encoding="utf-8")
    (tmp_path / "b.jsonl").write_text('{"text": "z", "tags": ["p", "q"]}\n', encoding="utf-8")
    frame = read_frame([tmp_path / "a.csv", tmp_path / "b.jsonl"])
    assert frame.columns.tolist() == ["text", "n", "tags"]
    assert frame["text"].tolist() == ["x", "y", "z"]
    assert frame["n"].tolist()[:2] == ["01", ""]
    assert frame["tags"].tolist()[2] == ["p", "q"]
    assert read_frame(frame) is frame


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(TypeError, match=r"^expected a path, a list of paths or a pandas DataFrame, but got dict$"):
        read_frame({})  # type: ignore[arg-type]

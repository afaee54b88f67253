"""Frames of pandas and polars in, the same rows with answers out."""

from __future__ import annotations

import datetime
import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from conftest import FIXTURES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import stance
from stance.columns import BATCH, Columns
from stance.frame import _quietly
from stance.taxonomy import codes

PEACE = "The two governments signed a peace treaty and opened talks on trade."
WAR = "Rebels shelled the town and the army fired missiles at the port."
STRANGE = "qqzzvv xxjjkk wwqqpp"
TEXTS = [PEACE, WAR, STRANGE, "", "!!!"]
ANSWERS = ["topics", "tone", "tone_score", "known"]


def scored(model: stance.Model, texts: list[Any], **options: Any) -> pd.DataFrame:
    return model.score(pd.DataFrame({"text": pd.Series(texts, dtype=object)}), **options)


def expected(model: stance.Model, texts: list[str]) -> pd.DataFrame:
    """All columns for texts, from `classify_many`."""
    rows = []
    for answer in model.classify_many(texts):
        silent = answer.abstained is not None
        row: dict[str, Any] = {}
        if model.topics:
            row["topics"] = None if silent else "|".join(answer.topics)
        if model.tones:
            row |= {"tone": answer.tone, "tone_score": answer.tone_score}
        row["known"] = answer.known
        probabilities = {**answer.probabilities, **answer.tones}
        row |= {f"p_{label}": probabilities.get(label, float("nan")) for label in model.labels}
        rows.append(row)
    frame = pd.DataFrame(rows)
    text = pd.StringDtype(na_value=float("nan"))  # what "str" is in pandas 3
    return frame.astype({name: text for name in ("topics", "tone") if name in frame})


# Rows ----------------------------------------------------------------------------------------------------------------


def test_answers_are_those_of_classify_many(any_model: stance.Model, paragraphs: pd.DataFrame) -> None:
    texts = [*TEXTS, *paragraphs["text"].iloc[:60]]
    answers = any_model.score(pd.DataFrame({"text": texts}), probabilities=True).drop(columns="text")
    pd.testing.assert_frame_equal(answers, expected(any_model, texts), check_exact=True)


def test_more_rows_than_a_batch_keep_their_order(two_row_model: stance.Model) -> None:
    texts = ["рынок вырос", "жители пришли", ""] * BATCH
    answers = scored(two_row_model, texts)
    pd.testing.assert_frame_equal(
        answers.drop(columns="text"), pd.concat([answers.iloc[:3]] * BATCH, ignore_index=True).drop(columns="text")
    )
    assert answers["text"].tolist() == texts
    assert answers["topics"].iloc[:3].nunique() == 2


@pytest.mark.parametrize(
    "index",
    [
        pd.RangeIndex(5, 0, -1),
        pd.Index([7, 7, 7, 8, 7]),
        pd.Index(["a", "b", "a", "", "ж"], name="name"),
        pd.Index([1.5, np.nan, np.nan, 2.0, 3.0]),
        pd.MultiIndex.from_tuples([("a", 1), ("a", 1), ("b", 2), ("b", 3), ("c", 1)], names=["one", "two"]),
        pd.to_datetime(["2020-01-01"] * 5),
        pd.CategoricalIndex(list("abcab")),
        pd.Index([None, None, "a", (1, 2), 3], dtype=object),
    ],
)
def test_the_index_is_kept_whatever_it_is(tiny_model: stance.Model, index: pd.Index) -> None:
    frame = pd.DataFrame({"text": TEXTS}, index=index)
    answers = tiny_model.score(frame)
    pd.testing.assert_index_equal(answers.index, index)
    pd.testing.assert_frame_equal(answers[["text"]], frame)
    pd.testing.assert_frame_equal(
        answers.reset_index(drop=True), tiny_model.score(frame.reset_index(drop=True)), check_like=False
    )


@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(st.integers(0, 3), st.sampled_from([*TEXTS, None, float("nan"), pd.NA])), max_size=12))
def test_rows_are_answered_each_on_its_own(tiny_model: stance.Model, rows: list[tuple[int, Any]]) -> None:
    frame = pd.DataFrame({"text": pd.Series([text for _, text in rows], dtype=object)})
    frame.index = pd.Index([number for number, _ in rows], dtype="int64")
    answers = tiny_model.score(frame, probabilities=True)
    assert answers.index.tolist() == [number for number, _ in rows]
    for place in range(len(rows)):
        alone = tiny_model.score(frame.iloc[[place]], probabilities=True)
        pd.testing.assert_frame_equal(answers.iloc[[place]], alone)


@pytest.mark.parametrize("dtype", [object, "str", "float64", "category"])
def test_a_frame_without_rows_gets_the_columns(any_model: stance.Model, dtype: Any) -> None:
    frame = pd.DataFrame({"text": pd.Series([], dtype=dtype)})
    answers = any_model.score(frame, probabilities=True, codes="cap")
    full = any_model.score(pd.DataFrame({"text": [PEACE]}), probabilities=True, codes="cap")
    assert len(answers) == 0
    assert answers.dtypes.drop("text").to_dict() == full.dtypes.drop("text").to_dict()


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA, pd.NaT, np.float32("nan"), np.datetime64("NaT", "s")])
def test_a_missing_text_has_missing_answers_without_a_warning(tiny_model: stance.Model, missing: object) -> None:
    answers = scored(tiny_model, [PEACE, missing, WAR], probabilities=True, codes=stance.taxonomy.SCHEMES)
    assert answers.drop(columns="text").iloc[1].isna().all()
    pd.testing.assert_frame_equal(
        answers.iloc[[0, 2]].reset_index(drop=True),
        scored(tiny_model, [PEACE, WAR], probabilities=True, codes=stance.taxonomy.SCHEMES),
    )


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (7, "int"),
        (2.5, "float"),
        (True, "bool"),
        (b"peace", "bytes"),
        (["peace"], "list"),
        (np.array(["a", "b"]), "ndarray"),
        (datetime.date(2020, 1, 1), "date"),
        (pd.Timestamp("2020-01-01"), "Timestamp"),
    ],
)
def test_what_is_no_text_counts_as_missing_with_a_warning(tiny_model: stance.Model, value: object, name: str) -> None:
    with pytest.warns(stance.StanceWarning) as caught:
        answers = scored(tiny_model, [None, PEACE, value, value])
    assert [str(warning.message) for warning in caught] == [
        f"row 2: column 'text': expected a text of type str, but got {name}; 2 such rows count as missing"
    ]
    assert answers[ANSWERS].iloc[2:].isna().all(axis=None)
    assert answers["tone"].iloc[1] == tiny_model.classify(PEACE).tone


def test_a_row_without_an_answer_has_only_what_is_known(default_model: stance.Model) -> None:
    answers = scored(default_model, ["", "!!!", STRANGE, f"{STRANGE} peace"], probabilities=True)
    assert answers["known"].tolist() == [0, 0, 0, 0.25]
    assert answers.drop(columns=["text", "known"]).isna().all(axis=None)


def test_no_topic_is_not_the_same_as_no_answer(default_model: stance.Model) -> None:
    texts = pd.read_csv(FIXTURES / "off-topic.csv")["text"].tolist()
    answered = zip(texts, default_model.classify_many(texts), strict=True)
    plain = next(text for text, answer in answered if answer.abstained is None and answer.topics == ())
    answers = scored(default_model, [plain, STRANGE], codes=["cap", "cameo"])
    assert answers["topics"].iloc[0] == ""
    assert answers["cap"].iloc[0] == ""
    assert answers[["topics", "cap", "cameo"]].iloc[1].isna().all()


# Columns -------------------------------------------------------------------------------------------------------------


def test_each_model_adds_its_columns(
    tiny_model: stance.Model, topics_model: stance.Model, tone_model: stance.Model
) -> None:
    assert list(scored(tiny_model, TEXTS)) == ["text", *ANSWERS]
    assert list(scored(topics_model, TEXTS)) == ["text", "topics", "known"]
    assert list(scored(tone_model, TEXTS)) == ["text", "tone", "tone_score", "known"]
    assert list(scored(topics_model, TEXTS, probabilities=True, codes="iptc"))[1:] == [
        *("topics", "known", "iptc"),
        *(f"p_{topic}" for topic in topics_model.topics),
    ]
    assert list(scored(tone_model, TEXTS, probabilities=True, codes="cameo"))[1:] == [
        *("tone", "tone_score", "known", "cameo"),
        *(f"p_{tone}" for tone in tone_model.tones),
    ]


def test_tones_of_ones_own_have_no_score(two_row_model: stance.Model) -> None:
    answers = scored(two_row_model, ["рынок вырос снова"])
    assert answers["tone"].tolist() == ["нет"]
    assert answers["tone_score"].isna().all()


@pytest.mark.parametrize("prefix", ["", "stance_", "p_"])
def test_types_are_text_and_float(tiny_model: stance.Model, prefix: str) -> None:
    answers = scored(tiny_model, TEXTS, probabilities=True, codes=["cap", "plover"], prefix=prefix)
    for name in ("topics", "tone", "cap", "plover"):
        assert answers[prefix + name].dtype == pd.StringDtype(na_value=np.nan)
    for name in ("tone_score", "known", *(f"p_{label}" for label in tiny_model.labels)):
        assert answers[prefix + name].dtype == np.float64


def test_the_prefix_stands_before_every_added_column(tiny_model: stance.Model) -> None:
    plain = scored(tiny_model, TEXTS, probabilities=True, codes=["cap"])
    prefixed = scored(tiny_model, TEXTS, probabilities=True, codes=["cap"], prefix="s.")
    assert list(prefixed) == ["text", *(f"s.{name}" for name in plain.columns[1:])]
    prefixed.columns = plain.columns
    pd.testing.assert_frame_equal(prefixed, plain)


def test_probabilities_are_those_of_the_model(tiny_model: stance.Model) -> None:
    answers = scored(tiny_model, TEXTS, probabilities=True)
    names = [f"p_{label}" for label in tiny_model.labels]
    np.testing.assert_array_equal(answers[names].to_numpy(), tiny_model.predict_proba(TEXTS))
    assert answers[names].isna().all(axis=1).tolist() == [False, False, True, True, True]


@pytest.mark.parametrize("scheme", stance.taxonomy.SCHEMES)
def test_codes_are_those_of_the_labels(default_model: stance.Model, paragraphs: pd.DataFrame, scheme: str) -> None:
    texts = paragraphs["text"].iloc[:40].tolist()
    answers = scored(default_model, texts, codes=scheme)
    for answer, given_codes in zip(default_model.classify_many(texts), answers[scheme], strict=True):
        assert answer.tone is not None
        assert given_codes == "|".join(codes([*answer.topics, answer.tone], scheme))
    assert answers[scheme].str.len().max() > 0


@pytest.mark.parametrize(
    ("asked", "given_columns"),
    [
        (None, []),
        ([], []),
        ("plover", ["plover"]),
        (("cameo", "cap"), ["cameo", "cap"]),
        (iter(["cap", "iptc"]), ["cap", "iptc"]),
        (["cap", "cameo", "cap"], ["cap", "cameo"]),
    ],
)
def test_codes_asked_for_have_a_column_each(tiny_model: stance.Model, asked: Any, given_columns: list[str]) -> None:
    assert list(scored(tiny_model, [PEACE], codes=asked))[5:] == given_columns


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("capp", "no code scheme 'capp'. Did you mean 'cap'? Available: cap, iptc, plover, cameo"),
        (["cap", "zzz"], "no code scheme 'zzz'. Available: cap, iptc, plover, cameo"),
        ("", "no code scheme ''. Available: cap, iptc, plover, cameo"),
        ([5], "no code scheme 5. Available: cap, iptc, plover, cameo"),
    ],
)
def test_an_unknown_scheme_is_told(tiny_model: stance.Model, asked: Any, message: str) -> None:
    with pytest.raises(ValueError, match=r"^no code scheme") as caught:
        scored(tiny_model, [PEACE], codes=asked)
    assert str(caught.value) == message


def test_a_label_that_no_scheme_has_gives_no_code(two_row_model: stance.Model) -> None:
    answers = scored(two_row_model, ["рынок вырос снова", None], codes=stance.taxonomy.SCHEMES)
    assert answers[list(stance.taxonomy.SCHEMES)].iloc[0].tolist() == [""] * 4
    assert answers[list(stance.taxonomy.SCHEMES)].iloc[1].isna().all()


# The frame -----------------------------------------------------------------------------------------------------------


def test_the_frame_is_not_changed(tiny_model: stance.Model) -> None:
    frame = pd.DataFrame({"tone": [1, 2], "text": [PEACE, None], "rest": [[1], {}]}, index=[3, 3])
    before = frame.copy(deep=True)
    with pytest.warns(stance.StanceWarning):
        answers = tiny_model.score(frame, probabilities=True)
    pd.testing.assert_frame_equal(frame, before)
    answers.loc[:, "rest"] = 0
    pd.testing.assert_frame_equal(frame, before)


def test_other_columns_are_kept_in_their_order(tiny_model: stance.Model) -> None:
    frame = pd.DataFrame([[1, PEACE, 2.5, 3]], columns=["z", "text", 5, ("a", "b")])
    answers = tiny_model.score(frame)
    assert list(answers) == ["z", "text", 5, ("a", "b"), *ANSWERS]
    assert answers.iloc[0, :4].tolist() == [1, PEACE, 2.5, 3]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["tone"], "'tone'"),
        (["known", "p_trade", "topics"], "'topics', 'known', 'p_trade'"),
        (["tone", "tone"], "'tone'"),
    ],
)
def test_replaced_columns_are_told(tiny_model: stance.Model, names: list[str], told: str) -> None:
    frame = pd.DataFrame([[PEACE] + ["old"] * len(names)] * 2, columns=["text", *names])
    with pytest.warns(stance.StanceWarning) as caught:
        answers = tiny_model.score(frame, probabilities=True)
    assert [str(warning.message) for warning in caught] == [
        f"the answers replace the columns {told} of the frame: keep both with prefix='stance_'"
    ]
    assert not (answers.drop(columns="text") == "old").any(axis=None)
    assert list(answers)[: len(names) + 1] == ["text", *names]


def test_a_prefix_keeps_both(tiny_model: stance.Model) -> None:
    frame = pd.DataFrame({"text": [PEACE], "tone": ["old"]})
    answers = tiny_model.score(frame, prefix="stance_")
    assert answers["tone"].tolist() == ["old"]
    assert answers["stance_tone"].tolist() == [tiny_model.classify(PEACE).tone]


def test_the_text_column_may_have_any_name(tiny_model: stance.Model) -> None:
    answers = tiny_model.score(pd.DataFrame({"Text body": TEXTS}), "Text body")
    pd.testing.assert_frame_equal(answers[ANSWERS], scored(tiny_model, TEXTS)[ANSWERS])


@pytest.mark.parametrize(
    ("columns", "text", "message"),
    [
        (
            ["texts", "tone"],
            "text",
            "expected a column 'text'. Did you mean 'texts'? Available: texts, tone. Name the right one with text=",
        ),
        (["a"], "body", "expected a column 'body'. Available: a. Name the right one with text="),
        ([0, 1], "0", "expected a column '0'. Did you mean '0'? Available: 0, 1. Name the right one with text="),
        ([], "text", "expected a column 'text'. Available: none. Name the right one with text="),
        (
            pd.MultiIndex.from_tuples([("a", "b")]),
            "text",
            "expected a column 'text'. Available: ('a', 'b'). Name the right one with text=",
        ),
    ],
)
def test_a_missing_text_column_is_told(tiny_model: stance.Model, columns: Any, text: str, message: str) -> None:
    with pytest.raises(stance.TableError) as caught:
        tiny_model.score(pd.DataFrame([["x"] * len(columns)], columns=columns), text)
    assert str(caught.value) == message


def test_a_text_column_that_stands_twice_is_told(tiny_model: stance.Model) -> None:
    with pytest.raises(stance.TableError) as caught:
        tiny_model.score(pd.DataFrame([["a", "b"]], columns=["text", "text"]))
    assert str(caught.value) == "column 'text': expected one such column, but the frame has several: rename the others"
    assert caught.value.column == "text"


@pytest.mark.parametrize("dtype", ["str", "string", "string[python]", "string[pyarrow]", "category", object])
def test_texts_of_every_pandas_type_are_read(tiny_model: stance.Model, dtype: Any) -> None:
    if dtype == "string[pyarrow]":
        pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"text": pd.Series([PEACE, None, STRANGE, PEACE], dtype=dtype)})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answers = tiny_model.score(frame)
    assert answers["text"].dtype == frame["text"].dtype
    pd.testing.assert_frame_equal(answers[ANSWERS], scored(tiny_model, [PEACE, None, STRANGE, PEACE])[ANSWERS])


def test_a_part_of_a_frame_can_be_scored(tiny_model: stance.Model) -> None:
    frame = pd.DataFrame({"text": TEXTS})
    pd.testing.assert_frame_equal(tiny_model.score(frame[frame.index % 2 == 0]), tiny_model.score(frame).iloc[::2])


def test_scoring_twice_gives_the_same(tiny_model: stance.Model) -> None:
    once = scored(tiny_model, TEXTS)
    with pytest.warns(stance.StanceWarning, match=r"^the answers replace the columns 'topics', 'tone', 'tone_score', "):
        twice = tiny_model.score(once)
    pd.testing.assert_frame_equal(once, twice)


# Progress ------------------------------------------------------------------------------------------------------------


def test_a_progress_bar_is_drawn_when_asked_for(tiny_model: stance.Model, capsys: pytest.CaptureFixture[str]) -> None:
    scored(tiny_model, TEXTS, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "scoring" in err
    assert "0/5" in err


@pytest.mark.parametrize("progress", [None, False])
def test_no_progress_bar_is_drawn_elsewhere(
    tiny_model: stance.Model, capsys: pytest.CaptureFixture[str], progress: bool | None
) -> None:
    scored(tiny_model, TEXTS, progress=progress)
    assert capsys.readouterr() == ("", "")


# Polars --------------------------------------------------------------------------------------------------------------


def as_polars(answers: pd.DataFrame) -> pl.DataFrame:
    return pl.DataFrame({name: [None if pd.isna(x) else x for x in answers[name]] for name in answers})


@pytest.mark.parametrize("kind", [pl.String(), pl.Categorical(), pl.Enum([PEACE, WAR, STRANGE, "", "!!!"])])
def test_a_polars_frame_has_the_same_answers(any_model: stance.Model, kind: Any) -> None:
    texts = [PEACE, None, *TEXTS]
    rows = pl.DataFrame({"n": range(7), "text": pl.Series(texts, dtype=kind), "x": [[1], None] * 3 + [[]]})
    answers = any_model.score(rows, probabilities=True, codes="cap", prefix="s_")
    assert answers.select(rows.columns).equals(rows)
    expected = scored(any_model, texts, probabilities=True, codes="cap", prefix="s_").drop(columns="text")
    assert answers.drop(rows.columns).equals(as_polars(expected), null_equal=True)
    lazily = any_model.score(rows.lazy(), probabilities=True, codes="cap", prefix="s_")
    assert isinstance(lazily, pl.LazyFrame)
    assert lazily.collect_schema() == answers.schema
    assert lazily.collect().equals(answers)
    assert (
        lazily.filter(pl.col("s_known") == 0)
        .select("n")
        .collect()
        .equals(answers.filter(pl.col("s_known") == 0).select("n"))
    )
    assert lazily.head(2).collect().equals(answers.head(2))


def test_a_lazy_frame_is_scored_when_it_is_collected(tiny_model: stance.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = tiny_model.score(pl.LazyFrame({"text": [PEACE, WAR] * BATCH}))

    def fails(self: Columns, texts: list[str | None]) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Columns, "answers", fails)
    with pytest.raises((ZeroDivisionError, pl.exceptions.ComputeError), match=r"ZeroDivision|^$"):
        frame.collect()


def test_a_lazy_frame_warns_of_replaced_columns_once(tiny_model: stance.Model) -> None:
    with pytest.warns(stance.StanceWarning, match=r"^the answers replace the columns 'tone' of the frame: ") as caught:
        frame = tiny_model.score(pl.LazyFrame({"text": [PEACE], "tone": [1]}))
    assert len(caught) == 1
    assert frame.collect()["tone"].to_list() == [tiny_model.classify(PEACE).tone]
    part = pl.DataFrame({"text": [PEACE], "tone": [1]})
    assert _quietly(part, "text", Columns(tiny_model)).equals(frame.collect())  # here, not in a thread of polars


@pytest.mark.parametrize("rows", [pl.DataFrame({"text": [1, 2]}), pl.LazyFrame({"text": [[PEACE]]})])
def test_a_polars_column_that_holds_no_texts_is_told(tiny_model: stance.Model, rows: Any) -> None:
    kind = rows.collect_schema()["text"]
    with pytest.raises(stance.TableError) as caught:
        tiny_model.score(rows)
    assert str(caught.value) == (
        f"column 'text': expected texts, but the column holds {kind}: name the right one with text=, or make it text"
    )


def test_a_polars_frame_without_rows_gets_the_columns(any_model: stance.Model) -> None:
    answers = any_model.score(pl.DataFrame({"text": []}), codes="cap")
    assert len(answers) == 0
    assert answers.schema == {
        "text": pl.Null(),
        **any_model.score(pl.DataFrame({"text": [""]}), codes="cap").drop("text").schema,
    }

"""`stance.suggest`: which rows, in what order, with what beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import FIXTURES

import stance


def test_as_many_rows_as_asked_for_come_back_in_order(any_model: stance.Model, paragraphs: pd.DataFrame) -> None:
    pool = paragraphs[["id", "text"]].iloc[100:140]
    if any_model.labels[0] == "Площадь":
        pool = pd.DataFrame({"id": "x", "text": [f"площадь рынок {name}" for name in ("вырос", "снова", "люди")]})
    chosen = stance.suggest(any_model, pool, 3)
    assert len(chosen) == 3
    heads = [name for name, labels in (("topics", any_model.topics), ("tone", any_model.tones)) if labels]
    assert chosen.columns.tolist() == ["id", "text", *heads, "score", "reason"]
    assert (chosen[heads] == "").all(axis=None)
    assert (chosen["text"] == pool["text"].loc[chosen.index]).all()
    assert chosen["score"].is_monotonic_decreasing
    assert (chosen["score"] > 0).all()
    assert (
        chosen["reason"]
        .str.fullmatch(r"in doubt: '[\w-]+' has probability \d\.\d\d, '[\w-]+' has probability .*")
        .all()
    )


def test_the_pool_is_not_changed_and_its_order_does_not_count(paragraphs: pd.DataFrame) -> None:
    pool = paragraphs[["text"]].head(60)
    before = pool.copy()
    chosen = stance.suggest(stance.load(), pool, 10)
    pd.testing.assert_frame_equal(pool, before)
    again = stance.suggest(stance.load(), pool.sample(frac=1, random_state=0), 10)
    pd.testing.assert_frame_equal(chosen, again)
    fewer = stance.suggest(stance.load(), pool, 4)
    assert set(fewer.index) & set(chosen.index)


def test_what_is_in_doubt_comes_before_what_is_not() -> None:
    model = stance.load()
    sure = ["The central bank raised interest rates to slow inflation.", "The two sides signed a peace treaty."]
    doubtful = "Some say the plan may help, others that it may hurt; the mayor of the town has yet to speak of it."
    chosen = stance.suggest(model, pd.DataFrame({"text": [*sure, doubtful]}), 1)
    assert chosen["text"].tolist() == [doubtful]
    (reason,) = chosen["reason"]
    values = model.predict_proba([doubtful])[0]
    for label in (part.split("'")[1] for part in reason.removeprefix("in doubt: ").split(", ")):
        assert f"{label!r} has probability {values[model.labels.index(label)]:.2f}" in reason


def test_rows_that_are_nearly_the_same_are_not_chosen_together() -> None:
    base = "Some say the plan may help, others that it may hurt; the mayor of the town has yet to speak of it."
    near = [base.replace("town", name) for name in ("city", "port", "county")]
    other = "Troops may or may not have crossed the river, a spokesman told reporters after the talks on grain."
    chosen = stance.suggest(stance.load(), pd.DataFrame({"text": [base, *near, other]}), 2)
    assert other in set(chosen["text"])


def test_rows_without_an_answer_and_doubles_are_never_chosen() -> None:
    foreign = pd.read_csv(FIXTURES / "languages.csv")["text"].iloc[4]
    texts = ["", None, "1 : 3", foreign, "Talks on the border began.", "Talks on the border began.", "A vote was held."]
    with pytest.warns(stance.StanceWarning) as caught:
        chosen = stance.suggest(stance.load(), pd.DataFrame({"text": texts}), 5)
    assert sorted(chosen.index) == [4, 6]
    assert [str(warning.message) for warning in caught] == [
        "expected 5 different texts to choose, but the pool has 2 with ground for an answer"
    ]
    assert caught[0].filename == __file__


@pytest.mark.filterwarnings("ignore:expected 2 different texts:stance.StanceWarning")
def test_a_pool_with_nothing_to_choose_gives_no_rows() -> None:
    for pool in (pd.DataFrame({"text": []}), pd.DataFrame({"text": ["", None]})):
        chosen = stance.suggest(stance.load(), pool, 2)
        assert chosen.empty
        assert chosen.columns.tolist() == ["text", "topics", "tone", "score", "reason"]


def test_label_columns_stay_and_others_of_its_own_are_replaced_with_a_warning() -> None:
    pool = pd.DataFrame({"text": ["A vote was held.", "Talks began."], "tone": ["tense", ""], "score": [5, 6]})
    with pytest.warns(stance.StanceWarning) as caught:
        chosen = stance.suggest(stance.load(), pool, 2)
    assert [str(warning.message) for warning in caught] == ["columns of the pool are replaced: 'score'"]
    assert caught[0].filename == __file__
    assert chosen.columns.tolist() == ["text", "tone", "score", "topics", "reason"]
    assert sorted(chosen["tone"]) == ["", "tense"]
    assert chosen["score"].max() < 3


def test_files_are_read_as_they_come(tmp_path: Path, paragraphs: pd.DataFrame) -> None:
    pool = paragraphs[["id", "text"]].head(30)
    pool.head(10).to_csv(tmp_path / "a.csv", index=False)
    pool.tail(20).drop(columns="id").to_json(tmp_path / "b.jsonl", orient="records", lines=True)
    chosen = stance.suggest(stance.load(), [tmp_path / "a.csv", tmp_path / "b.jsonl"], 5)
    expected = stance.suggest(stance.load(), pool, 5)
    pd.testing.assert_frame_equal(
        chosen[["text", "score", "reason"]], expected[["text", "score", "reason"]], check_dtype=False
    )
    assert chosen["id"].isna().tolist() == [row >= 10 for row in chosen.index]


def test_labels_that_the_model_is_sure_of_everywhere_count_for_nothing(two_row_model: stance.Model) -> None:
    from stance.suggesting import _worth

    probabilities = np.array([[0.0, 1.0, 0.25, 0.75], [0.0, 1.0, 0.5, 0.5]])
    worth = _worth(probabilities, 2)
    assert (worth[:, :2] == 0).all()
    assert worth.sum(axis=1).mean() == pytest.approx(1)
    assert worth[1].sum() > worth[0].sum()


@pytest.mark.parametrize(
    ("pool", "n", "error", "message"),
    [
        (pd.DataFrame({"text": ["a"]}), 0, ValueError, "expected a number of rows of at least 1, but got 0"),
        (
            pd.DataFrame({"body": ["a"]}),
            1,
            stance.TableError,
            "expected a column 'text'. Available: body. Name the right",
        ),
        (
            pd.DataFrame({"text": ["a", 5]}),
            1,
            stance.TableError,
            "row 1: column 'text': expected a text of type str, but got int: 5",
        ),
        (["a", 5], 1, TypeError, "expected a path, a list of paths or a pandas DataFrame, but got list"),
    ],
)
def test_what_cannot_be_chosen_from_is_refused(pool: object, n: int, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        stance.suggest(stance.load(), pool, n)
    assert str(caught.value).startswith(message)

"""The answers as columns, without a table."""

from __future__ import annotations

import numpy as np
import pytest

import stance
from stance import columns as module
from stance.columns import Columns, check_schemes, plain

PEACE = "The two governments signed a peace treaty and opened talks on trade."
WAR = "Rebels shelled the town and the army fired missiles at the port."


def test_answers_are_in_the_columns_named(any_model: stance.Model) -> None:
    columns = Columns(any_model, True, (), "x_")
    answers = columns.answers([PEACE, None, ""])
    assert list(answers) == list(columns.kinds)
    lists = {name: plain(values) for name, values in answers.items()}
    assert {len(values) for values in lists.values()} == {3}
    assert [lists[name][1] for name in lists] == [None] * len(lists)
    assert lists["x_known"][2] == 0
    assert not any(value != value for values in lists.values() for value in values)
    for name, kind in columns.kinds.items():
        assert {type(value) for value in lists[name]} <= {kind, type(None)}
    empty = Columns(any_model, True, ("cap",)).answers([])
    assert {len(values) for values in empty.values()} == {0}


def test_topics_are_those_of_classify_many_however_many_there_are(default_model: stance.Model) -> None:
    texts = [PEACE, WAR, "", *[f"{PEACE} {word}" for word in ("hackers", "vaccine", "refugees", "oil", "warming")]] * 3
    topics = Columns(default_model).answers(texts)["topics"]
    expected = [None if answer.abstained else "|".join(answer.topics) for answer in default_model.classify_many(texts)]
    assert topics.tolist() == expected


def test_sets_of_labels_that_one_number_cannot_hold_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"t{number}" for number in range(2000)]
    generator = np.random.default_rng(0)
    given = np.array([generator.permutation(2000)[:12] for _ in range(50)] * 2, dtype=np.int32)
    given[3, 5:] = -1
    answers = stance.results.Answers((names, ["a"]), [], [], given.ravel(), [0] * 100, [0] * 99 + [1], [], [], [])
    monkeypatch.setattr(stance.results.Answers, "__len__", lambda self: 100, raising=False)
    named = module._named(answers, True, "|".join)
    assert named.tolist() == [
        *("|".join([*(names[topic] for topic in row if topic >= 0), "a"]) for row in given.tolist()[:99]),
        None,
    ]


def test_schemes_are_checked() -> None:
    assert check_schemes(None) == ()
    assert check_schemes("cap") == ("cap",)
    assert check_schemes(["plover", "cap", "plover"]) == ("plover", "cap")

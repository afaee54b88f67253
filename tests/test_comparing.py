"""Two models beside each other: what is counted is what they give."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hostile import small
from sklearn.metrics import cohen_kappa_score

import stance
from stance import comparing
from stance.comparing import compare

TEXTS = ["Peace talks resumed.", "Troops shelled the town.", "", "qqzzvv xxjjkk", "Exports of grain fell."]


def test_a_model_does_not_differ_from_itself(any_model: stance.Model, paragraphs: pd.DataFrame) -> None:
    texts = [*TEXTS, *paragraphs["text"][:50]]
    found = compare(any_model, any_model, texts)
    answers = any_model.classify_many(texts)
    n_answered = sum(answer.abstained is None for answer in answers)
    assert found.n_texts == len(texts)
    assert found.n_answered == (n_answered,) * 3
    assert found.same_topics == (n_answered if any_model.topics else None)
    assert found.same_tone == (n_answered if any_model.tones else None)
    assert found.farthest == []
    assert [row.label for row in found.labels] == list(any_model.labels)
    for row in found.labels:
        n_given = sum(row.label in (*answer.topics, answer.tone) for answer in answers)
        assert (row.first, row.second, row.both) == (n_given,) * 3
        assert row.kappa == (None if n_given in (0, len(texts)) else 1)
        assert row.difference == (0 if n_answered else None)


def test_what_two_models_give_is_counted(
    default_model: stance.Model, tiny_model: stance.Model, paragraphs: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "BATCH", 64)
    texts = [*TEXTS, *paragraphs["text"]]
    found = compare(default_model, tiny_model, texts, k=3)
    ours, theirs = default_model.classify_many(texts), tiny_model.classify_many(texts)
    pairs = [(one, other) for one, other in zip(ours, theirs, strict=True) if not one.abstained and not other.abstained]
    assert found.n_answered[2] == len(pairs)
    assert found.same_topics == sum(set(one.topics) == set(other.topics) for one, other in pairs)
    assert found.same_tone == sum(one.tone == other.tone for one, other in pairs)
    by_label = {row.label: row for row in found.labels}
    for label in default_model.labels:
        given = [[label in (*answer.topics, answer.tone) for answer in answers] for answers in (ours, theirs)]
        row = by_label[label]
        assert (row.first, row.second) == (sum(given[0]), sum(given[1]))
        assert row.both == sum(map(min, *given))
        assert row.kappa == pytest.approx(cohen_kappa_score(*given))
        probabilities = [[{**answer.probabilities, **answer.tones}[label] for answer in pair] for pair in pairs]
        assert row.difference == pytest.approx(np.abs(np.diff(probabilities)).mean())
    values = [[list({**answer.probabilities, **answer.tones}.values()) for answer in pair] for pair in pairs]
    gaps = np.abs(np.diff(np.array(values), axis=1)).max(axis=(1, 2))
    shown = [abs(row["first"] - row["second"]) for row in found.farthest]
    assert shown == pytest.approx(sorted(gaps, reverse=True)[:3])
    for row in found.farthest:
        answer = default_model.classify(row["text"])
        assert row["first"] == pytest.approx({**answer.probabilities, **answer.tones}[row["label"]])


def test_labels_that_one_has_not_are_counted_but_not_compared(
    topics_model: stance.Model, tone_model: stance.Model, two_row_model: stance.Model
) -> None:
    found = compare(topics_model, tone_model, TEXTS)
    assert (found.same_topics, found.same_tone) == (None, None)
    assert [row.head for row in found.labels] == ["topics"] * len(topics_model.topics) + ["tone"] * len(
        tone_model.tones
    )
    for row in found.labels:
        assert (row.first is None) == (row.head == "tone")
        assert (row.second is None) == (row.head == "topics")
        assert (row.both, row.kappa, row.difference) == (0, None, None)
    assert found.farthest == []
    other = compare(topics_model, two_row_model, TEXTS)
    assert other.same_topics == 0
    assert other.n_answered[1:] == (0, 0)


def test_it_prints_as_a_table_and_as_json(default_model: stance.Model, two_row_model: stance.Model) -> None:
    found = compare(default_model, two_row_model, ["Troops shelled the town.", "рынок вырос снова", ""])
    assert json.loads(json.dumps(found.to_dict()))["n_answered"] == [1, 1, 0]
    lines = str(found).splitlines()
    assert lines[:3] == [
        "3 texts: A answers 1, B 1, both 0",
        "",
        "label                A        B     both  kappa  |pA-pB|",
    ]
    assert "security             1     none        0" in lines
    assert "Рынок             none        1        0" in lines
    same = str(compare(default_model, default_model, ["Troops shelled the town."])).splitlines()
    assert same[:3] == [
        "1 texts: A answers 1, B 1, both 1",
        "the same topics for 1 of 1 (100.0%)",
        "the same tone for 1 of 1 (100.0%)",
    ]
    assert str(compare(default_model, default_model, [])).startswith("0 texts: A answers 0, B 0, both 0\n\n")


def test_the_texts_that_are_farthest_apart_are_shown(default_model: stance.Model, tiny_model: stance.Model) -> None:
    lines = str(compare(default_model, tiny_model, TEXTS, k=2)).splitlines()
    place = lines.index("farthest apart")
    assert len(lines) == place + 3
    assert lines[place + 1].endswith(tuple(TEXTS))


def test_nothing_of_a_label_reaches_the_terminal_as_a_control_character() -> None:
    model = stance.Model(small(topics=("tr\x1b[2Jade", "Ж"), min_known=0.0, max_mean_idf=1e9))
    lines = str(compare(model, model, ["peace talks"])).splitlines()
    assert [line.split()[0] for line in lines[4:]] == ["label", "tr\ufffd[2Jade", "Ж", "yes", "no"]

"""What is told of a model is what it holds."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hostile import small

import stance
from stance.inspecting import Inspection


def test_the_terms_of_a_label_are_those_with_the_greatest_coefficients(any_model: stance.Model) -> None:
    parameters = any_model.parameters
    rows = {parameters.term(row): row for row in range(len(parameters.idf))}
    inspection = Inspection(any_model, 7)
    for place, label in enumerate(any_model.labels):
        coefficients = parameters.weights[:, place] / parameters.idf
        expected = np.sort(coefficients[coefficients > 0])[::-1][:7]
        np.testing.assert_allclose(coefficients[[rows[term] for term in inspection.terms(label)]], expected)


def test_no_terms_are_named_that_speak_against_a_label(two_row_model: stance.Model) -> None:
    assert (
        set(Inspection(two_row_model, 99).terms("Площадь")) & set(Inspection(two_row_model, 99).terms("Рынок")) == set()
    )
    assert Inspection(two_row_model, 0).terms("Рынок") == []


def test_the_facts_are_those_of_the_model(any_model: stance.Model) -> None:
    facts = Inspection(any_model).to_dict()
    assert json.loads(json.dumps(facts)) == facts
    assert [row["label"] for row in facts["labels"]] == list(any_model.labels)
    assert {
        row["label"]: row["threshold"] for row in facts["labels"] if row["head"] == "topics"
    } == any_model.thresholds
    assert facts["card"] == any_model.card
    assert facts["sha256"] == any_model.digest
    assert facts["bytes"] == len(bytes(any_model._contents.data))
    assert facts["words"] == len(any_model.parameters.words)


def test_the_default_model_tells_where_it_comes_from() -> None:
    model = stance.load()
    lines = str(Inspection(model)).splitlines()
    scores = model.card["cross_validation_natural"]
    assert lines[0] == "stance default"
    assert lines[1] == f"file      {model.path} (format 2, {model.n_bytes / 1e6:.1f} MB, SHA-256 {model.digest[:16]})"
    assert lines[2].startswith("holds     16 topics, 4 tones, ")
    assert lines[3].startswith(f"trained   on {model.card['data']['rows']:,} rows (SHA-256 ")
    assert lines[4].startswith("licence   MIT; ")
    topics, tone = scores["topics"], scores["tone"]
    assert lines[6] == (
        f"natural   topics macro-F1 {topics['macro_f1']:.3f}, tone macro-F1 {tone['macro_f1']:.3f}, accuracy "
        f"{tone['accuracy']:.3f}; cross-validated on {scores['rows']:,} rows"
    )
    table = {line.split()[0]: line for line in lines[8:29]}
    assert list(table) == ["label", *model.labels]
    f1 = model.card["cross_validation"]["topics"]["labels"]["nuclear"]
    assert table["nuclear"].split(None, 5)[:5] == [
        "nuclear", "from", f"{model.thresholds['nuclear']:.2f}", f"{f1['f1']:.2f}", f"{f1['support']:,}",
    ]  # fmt: skip
    assert table["tense"].split()[:3] == ["tense", "most", "likely"]
    assert sum(line.startswith("sources: ") for line in lines) == len(model.card["sources"])


def test_a_trained_model_names_its_maker_and_a_bare_one_has_nothing_to_tell(two_row_model: stance.Model) -> None:
    lines = str(Inspection(two_row_model)).splitlines()
    assert lines[0] == "a model"
    assert lines[1].startswith("file      none (format 2, 0.0 MB, SHA-256 ")
    assert lines[3] == (
        f"trained   on 2 rows (SHA-256 {two_row_model.card['data']['sha256'][:16]}), by stance {stance.__version__}"
    )
    assert [line.split("  ")[0] for line in lines[5:10]] == ["label", "Площадь", "Рынок", "да", "нет"]
    assert lines[6].split()[1:3] == ["from", f"{two_row_model.thresholds['Площадь']:.2f}"]
    bare = stance.Model(replace(two_row_model.parameters, card={"made": {"by": ["me"]}}))
    assert [line for line in str(Inspection(bare, 0)).splitlines() if not line.startswith(("file", "holds"))] == [
        "a model",
        "",
        "label    given          F1    rows  speaks for it",
        f"Площадь  from {bare.thresholds['Площадь']:.2f}",
        f"Рынок    from {bare.thresholds['Рынок']:.2f}",
        "да       most likely",
        "нет      most likely",
        "",
        "made: by ['me']",
    ]


@pytest.mark.parametrize(
    ("card", "told"),
    [
        ({"name": 7, "data": 1, "cross_validation": True}, ["a model"]),
        ({"data": {"rows": "many"}, "cross_validation": {"topics": 1, "tone": []}}, ["a model"]),
        ({"data": {"rows": 10**400}, "cross_validation": {"topics": {"macro_f1": 10**400}}}, ["a model"]),
        ({"data": {"rows": 3}, "cross_validation": [1]}, ["a model", "trained   on 3 rows"]),
        ({"data": {"rows": 3, "sha256": 4}}, ["a model", "trained   on 3 rows (SHA-256 4)"]),
        (
            {"name": "", "cross_validation": {"tone": {"accuracy": 1, "labels": {"yes": {"f1": "x"}}}, "rows": []}},
            ["a model", "scores    accuracy 1.000"],
        ),
        (
            {"name": "a\x1b[2Jb", "licence": "\x9b\x07", "more\0": [None, {"a\x7f": ["\x1b"]}]},
            ["a\ufffd[2Jb", "licence   \ufffd\ufffd", "more\ufffd: None", "more\ufffd: a\ufffd ['\\x1b']"],
        ),
    ],
)
def test_a_card_may_hold_anything(card: dict[str, object], told: list[str]) -> None:
    parameters = small(topics=("tr\x1b[0made", "Ж"), card=card)
    inspection = Inspection(stance.Model(parameters), 1)
    facts = inspection.to_dict()
    assert json.loads(json.dumps(facts)) == facts
    assert [row["f1"] for row in facts["labels"]] == [None] * 4
    lines = str(inspection).splitlines()
    shown = [line for line in lines if line and not line.startswith(("file ", "holds "))]
    table = [
        "label      given          F1    rows  speaks for it",
        "tr\ufffd[0made  from 0.50                  peace talks",
    ]
    assert [line for line in shown if line in told] == told
    assert [line for line in shown if line in table] == table
    assert len(shown) == len(told) + 5

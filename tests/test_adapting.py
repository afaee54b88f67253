from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

import stance
from stance import heads
from stance.adapting import labels_with
from stance.errors import StanceWarning, TrainingError
from stance.parameters import to_bytes

WORDS = ["treaty", "troops", "tariff", "vaccine", "border", "election", "harvest", "missile", "reform", "summit"]
FEW = (
    "{} rows are too few to cross-validate (at least 10 different texts or groups are needed): labels of the base stay "
    "as they are, new ones are not calibrated and have 0.5 as threshold"
)
needs_compiler = pytest.mark.skipif(heads.solver is None, reason="there is no compiled solver")


def made_rows(n_rows: int, seed: int, labels: dict[str, dict[str, str]]) -> pd.DataFrame:
    """Rows whose first word says their labels: for each column the label of each word."""
    generator = np.random.default_rng(seed)
    firsts = [list(next(iter(labels.values())))[row % len(next(iter(labels.values())))] for row in range(n_rows)]
    texts = [" ".join([first, *generator.choice(WORDS[4:], 6)]) for first in firsts]
    return pd.DataFrame({"text": texts, **{name: [of[first] for first in firsts] for name, of in labels.items()}})


TOPICS = {"treaty": "diplomacy", "troops": "security", "tariff": "trade", "vaccine": "health"}
TONES = {"treaty": "cooperative", "troops": "tense", "tariff": "tense", "vaccine": "neutral"}
OTHER = {"treaty": "diplomacy", "troops": "diplomacy", "tariff": "Zölle", "vaccine": ""}


def adapted(rows: pd.DataFrame, base: Any, **options: Any) -> tuple[stance.Model, list[str]]:
    """The model and the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = stance.train(rows, **{"base": base, "progress": False, "n_jobs": 1, **options})
    assert all(warning.category is StanceWarning for warning in caught)
    assert all(warning.filename == __file__ for warning in caught)
    return model, [str(warning.message) for warning in caught]


@pytest.fixture(scope="module")
def base() -> stance.Model:
    return stance.train(made_rows(80, 0, {"topics": TOPICS, "tone": TONES}), progress=False)


@pytest.fixture(scope="module")
def other(base: stance.Model) -> stance.Model:
    """The base after rows that call troops diplomacy and tariffs by another name."""
    model, messages = adapted(made_rows(60, 1, {"topics": OTHER}), base)
    assert messages == []
    return model


def test_rows_change_a_label_and_add_one(base: stance.Model, other: stance.Model) -> None:
    assert other.topics == ("diplomacy", "security", "trade", "health", "Zölle")
    assert base.classify("troops election border").probabilities["diplomacy"] < 0.1
    for word, topic in OTHER.items():
        found = other.classify(f"{word} election border").probabilities
        for name in ("diplomacy", "Zölle"):
            assert found[name] > 0.9 if name == topic else found[name] < 0.1


def test_labels_that_no_row_has_keep_every_bit(base: stance.Model, other: stance.Model) -> None:
    before, after = base.parameters, other.parameters
    assert after.tones == before.tones
    for name in ("security", "trade", "health", *base.tones):
        old, new = base.labels.index(name), other.labels.index(name)
        assert (after.weights[:, new] == before.weights[:, old]).all()
        assert (after.subword_weights[:, new] == before.subword_weights[:, old]).all()
        for array in ("weight_scale", "subword_scale", "intercept"):
            assert getattr(after, array)[new] == getattr(before, array)[old]
    for array in ("topic_slope", "topic_offset"):
        assert (getattr(after.rule, array)[1:4] == getattr(before.rule, array)[1:4]).all()
    assert (after.rule.thresholds[:4] == before.rule.thresholds).all()
    assert (after.rule.tone_matrix == before.rule.tone_matrix).all()
    assert (after.rule.tone_offset == before.rule.tone_offset).all()
    assert after.rule.fallback == before.rule.fallback
    texts = made_rows(20, 2, {"topics": TOPICS})["text"]
    assert (other.predict_proba(texts)[:, [1, 2, 3, -3, -2, -1]] == base.predict_proba(texts)[:, 1:]).all()


def test_topics_stay_where_there_is_a_tone_alone(base: stance.Model) -> None:
    tones = {"treaty": "tense", "troops": "cooperative", "tariff": "cooperative", "vaccine": "neutral"}
    model, messages = adapted(made_rows(60, 1, {"tone": tones}), base)
    assert messages == []
    assert (model.topics, model.tones) == (base.topics, base.tones)
    assert list(model.card["settings"]["C"]) == ["tone"]
    assert [model.classify(f"{word} election border").tone for word in tones] == list(tones.values())
    texts = made_rows(20, 2, {"topics": TOPICS})["text"]
    assert (model.decision_function(texts)[:, :4] == base.decision_function(texts)[:, :4]).all()
    assert model.thresholds == base.thresholds


def test_a_correction_adds_up_to_what_was_learned(base: stance.Model, other: stance.Model) -> None:
    """What folds into the weights gives the probabilities that the rows had: right on nearly all of them."""
    rows = made_rows(60, 1, {"topics": OTHER})
    probabilities = other.predict_proba(rows["text"])
    for name in ("diplomacy", "Zölle"):
        truth = rows["topics"] == name
        column = other.labels.index(name)
        assert ((probabilities[:, column] > 0.5) == truth).mean() > 0.95


def test_rows_that_say_nothing_new_change_nothing(base: stance.Model) -> None:
    """Labels drawn as the base says they are: it cannot be improved, and keeps every bit."""
    rows = made_rows(200, 5, {"topics": TOPICS})
    generator = np.random.default_rng(0)
    probabilities = base.predict_proba(rows["text"])
    drawn = generator.random((200, 4)) < probabilities[:, :4]
    rows["topics"] = ["|".join(np.array(base.topics)[row]) for row in drawn]
    rows["tone"] = [generator.choice(base.tones, p=row / row.sum()) for row in probabilities[:, 4:]]
    model, messages = adapted(rows, base)
    assert messages == []
    assert model.card["settings"]["C"] == {"topics": 0.0, "tone": 0.0}
    texts = [*rows["text"], "an unknown harvest", ""]
    assert (model.decision_function(texts) == base.decision_function(texts)).all()
    assert model.classify_many(texts[:-2]) == base.classify_many(texts[:-2])
    scores = model.card["cross_validation"]
    assert scores["topics"]["macro_f1"] == model.card["base"]["on_these_rows"]["topics"]
    assert scores["tone"]["macro_f1"] == model.card["base"]["on_these_rows"]["tone"]


def test_the_card_names_the_base_and_the_rows(base: stance.Model, other: stance.Model) -> None:
    card = other.card
    assert list(card) == ["base", "cross_validation", "data", "settings", "stance"]
    assert card["base"] == {
        "sha256": base.digest,
        "data": base.card["data"],
        "on_these_rows": {"topics": pytest.approx(0.5, abs=0.5)},
    }
    assert card["data"]["rows"] == 60
    assert card["settings"]["random_state"] == 0
    assert list(card["settings"]["C"]) == ["new topics", "topics"]
    assert card["cross_validation"]["topics"]["labels"]["Zölle"]["support"] == 15
    again, _ = adapted(made_rows(60, 3, {"topics": OTHER}), other)
    assert again.card["base"]["base"]["sha256"] == base.digest


def test_the_card_keeps_the_licences_of_the_default_model() -> None:
    default = stance.load()
    model, _ = adapted(made_rows(12, 0, {"topics": OTHER}), default)
    for name in ("name", "licence", "sources"):
        assert model.card["base"][name] == default.card[name]
    assert model.card["base"]["sha256"] == default.digest


def test_neither_the_order_of_rows_nor_the_number_of_jobs_counts(base: stance.Model, other: stance.Model) -> None:
    rows = made_rows(60, 1, {"topics": OTHER})
    for some, options in ((rows.iloc[::-1], {}), (rows.sample(frac=1, random_state=0), {"n_jobs": 2})):
        assert to_bytes(adapted(some, base, **options)[0].parameters) == to_bytes(other.parameters)
    changed, _ = adapted(rows, base, random_state=1)
    assert changed.card["settings"]["random_state"] == 1


# Which labels a model has then ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("topics", "tones", "expected"),
    [
        ((), (), ()),
        (("trade", "x", "a"), (), ("x", "a")),
        ((), ("tense", "ironic"), ("ironic",)),
    ],
)
def test_labels_of_the_rows_come_after_those_of_the_base(
    base: stance.Model, topics: tuple[str, ...], tones: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    with_topics, with_tones = labels_with(base, topics, tones)
    new = expected if topics else (), expected if tones else ()
    assert (with_topics, with_tones) == (base.topics + new[0], base.tones + new[1])


def test_a_tone_can_be_added(base: stance.Model) -> None:
    tones = {"treaty": "cooperative", "troops": "tense", "tariff": "ironic", "vaccine": "neutral"}
    model, messages = adapted(made_rows(80, 1, {"tone": tones}), base)
    assert messages == []
    assert model.tones == ("cooperative", "tense", "neutral", "ironic")
    for word, tone in tones.items():
        answer = model.classify(f"{word} election border")
        assert answer.tone == tone
        assert sum(answer.tones.values()) == pytest.approx(1)


def test_tones_that_are_all_others_take_the_place_of_the_bases(base: stance.Model) -> None:
    tones = {"treaty": "froh", "troops": "ernst", "tariff": "ernst", "vaccine": "froh"}
    model, messages = adapted(made_rows(60, 1, {"tone": tones}), base)
    assert messages == []
    assert (model.topics, model.tones) == (base.topics, ("ernst", "froh"))
    assert [model.classify(f"{word} election border").tone for word in tones] == list(tones.values())


def test_a_base_without_tones_learns_some(topics_model: stance.Model) -> None:
    model, messages = adapted(made_rows(60, 1, {"tone": TONES}), topics_model)
    assert [message[:42] for message in messages] == ["the base has no ground for an answer on 60"]
    assert (model.topics, model.tones) == (topics_model.topics, ("cooperative", "tense", "neutral"))
    assert model.card["base"]["on_these_rows"] == {}
    assert model.card["cross_validation"]["topics"] is None


def test_a_base_without_topics_learns_some(tone_model: stance.Model, paragraphs: pd.DataFrame) -> None:
    rows = paragraphs.iloc[60:160][["text"]].assign(
        topics=["war" if "war" in t else "" for t in paragraphs["text"][60:160]]
    )
    model, messages = adapted(rows, tone_model)
    assert messages == []
    assert (model.topics, model.tones) == (("war",), tone_model.tones)
    assert model.parameters.rule.max_topics == 1


def test_a_base_of_other_labels_keeps_them(two_row_model: stance.Model) -> None:
    rows = pd.DataFrame({"text": ["рынок упал", "площадь пуста"], "topics": ["Рынок", "Площадь"]})
    model, messages = adapted(rows, two_row_model)
    assert messages == [FEW.format(2)]
    assert model.labels == two_row_model.labels
    assert (model.decision_function(rows["text"]) == two_row_model.decision_function(rows["text"])).all()


# Where the rows are few or strange ------------------------------------------------------------------------------------


def test_too_few_rows_leave_the_base_as_it_is_and_add_labels(base: stance.Model) -> None:
    rows = pd.DataFrame(
        {"text": ["troops troops", "tariff tariff"], "topics": ["diplomacy", "new"], "tone": ["tense", "bad"]}
    )
    model, messages = adapted(rows, base)
    assert messages == [FEW.format(2)]
    assert (model.topics, model.tones) == ((*base.topics, "new"), (*base.tones, "bad"))
    assert model.thresholds["new"] == 0.5
    assert "cross_validation" not in model.card
    assert "on_these_rows" not in model.card["base"]
    values = model.decision_function(["tariff tariff", "troops troops"])
    assert (values[:, :4] == base.decision_function(["tariff tariff", "troops troops"])[:, :4]).all()
    assert values[0, 4] > values[1, 4]


def test_rare_new_topics_are_named(base: stance.Model) -> None:
    rows = made_rows(40, 1, {"topics": TOPICS})
    rows.loc[3, "topics"] = "health|rare"
    model, messages = adapted(rows, base)
    assert messages == [
        "row 3: column 'topics': too few rows to cross-validate (fewer than 5): 'rare' (1). Such a topic shares the "
        "calibration and the median threshold of the others; with such a tone, tone is not calibrated"
    ]
    assert model.topics[-1] == "rare"


def test_a_topic_that_all_rows_have_is_given_by_its_share(base: stance.Model) -> None:
    rows = made_rows(40, 1, {"tone": TONES}).assign(topics="everywhere")
    model, messages = adapted(rows, base)
    assert messages == []
    assert model.classify("treaty border").probabilities["everywhere"] > 0.9


def test_labels_spelt_almost_like_one_of_the_base_are_named(base: stance.Model) -> None:
    rows = made_rows(40, 1, {"topics": {**TOPICS, "troops": "Securty"}, "tone": {**TONES, "vaccine": "Neutral"}})
    model, messages = adapted(rows, base)
    assert messages == [
        "row 1: column 'topics': the label 'Securty' is new, but the base has 'security': rename it if it is the same",
        "row 3: column 'tone': the label 'Neutral' is new, but the base has 'neutral': rename it if it is the same",
    ]
    assert (model.topics[-1], model.tones[-1]) == ("Securty", "Neutral")


def test_one_tone_is_told(base: stance.Model) -> None:
    rows = made_rows(40, 1, {"topics": TOPICS})
    model, messages = adapted(rows.assign(tone="tense"), base)
    assert messages == ["the tone column has only the label 'tense': the tones of the base stay as they are"]
    assert (model.decision_function(rows["text"])[:, 4:] == base.decision_function(rows["text"])[:, 4:]).all()
    model, messages = adapted(rows.assign(tone="ironic"), base)
    assert messages == ["the tone column has only the label 'ironic': every text will get it"]
    assert model.tones == ("ironic",)


def test_rows_of_another_language_are_told_and_taken() -> None:
    rows = pd.DataFrame(
        {"text": [f"жители пришли на площадь номер {n}" for n in "абвгдежзиклм"], "topics": ["а", "б"] * 6}
    )
    model, messages = adapted(rows, stance.load())
    assert messages == [
        "the base has no ground for an answer on 12 of 12 rows: it knows too few of their words to be of use; train "
        "without a base, or with one of their language"
    ]
    assert model.topics[-2:] == ("а", "б")


def test_the_base_answers_more_texts_where_rows_are_stranger(base: stance.Model) -> None:
    rows = made_rows(40, 1, {"topics": TOPICS})
    rows["text"] += " quite other words than those of the base stand here"
    text = rows["text"][0]
    model, _ = adapted(rows, base)
    assert base.classify(text).abstained is not None
    assert model.classify(text).abstained is None
    assert model.parameters.min_known < base.parameters.min_known


@pytest.mark.parametrize("given", ["default", 3])
def test_a_base_must_be_a_model(given: object) -> None:
    with pytest.raises(TypeError) as caught:
        stance.train(made_rows(20, 0, {"topics": TOPICS}), base=given, progress=False)  # type: ignore[arg-type]
    kind = type(given).__name__
    assert str(caught.value) == f"expected base to be a Model, such as stance.load(), but got {kind}"


def test_a_name_cannot_be_a_topic_of_the_base_and_a_tone_of_the_rows(base: stance.Model) -> None:
    with pytest.raises(TrainingError) as caught:
        adapted(made_rows(20, 0, {"tone": {**TONES, "troops": "trade"}}), base)
    assert str(caught.value) == "expected different names for topics and tones, but both have trade"


@needs_compiler
def test_without_a_compiler_the_answers_are_the_same(base: stance.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = made_rows(40, 1, {"topics": OTHER, "tone": TONES})
    compiled, _ = adapted(rows, base)
    monkeypatch.setattr(heads, "solver", None)
    plain, _ = adapted(rows, base)
    assert plain.card["settings"] == compiled.card["settings"]
    difference = np.abs(plain.predict_proba(rows["text"]) - compiled.predict_proba(rows["text"]))
    assert difference.max() < 0.02

"""Parameters that do not fit together are refused with the reason; those that fit give finite answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import stance
from stance.decision import DecisionRule
from stance.parameters import Parameters, quantise
from stance.storage import LARGEST, check_settings

RULE = DecisionRule(np.ones(1), np.zeros(1), np.eye(2), np.zeros(2), np.full(1, 0.5), 0.3, 2)
SOUND = Parameters(
    topics=("oil",),
    tones=("yes", "no"),
    words=("army", "fired"),
    pairs=np.array([[0, 1]], dtype=np.uint32),
    idf=np.array([1.0, 2.0, 3.0]),
    unknown_idf=4.0,
    weights=np.ones((3, 3), dtype=np.int16),
    weight_scale=np.ones(3),
    subwords=(" ar", "my "),
    subword_lengths=(3, 5),
    subword_weights=np.ones((2, 3), dtype=np.int16),
    subword_scale=np.ones(3),
    intercept=np.zeros(3),
    rule=RULE,
    min_known=0.0,
    max_mean_idf=9.0,
)
NAN, INF = float("nan"), float("inf")


def many_labels(number: int) -> tuple[str, ...]:
    return tuple(map(str, range(number)))


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"topics": (), "tones": ()}, "expected 1 to 100000 labels, but got 0"),
    ({"topics": many_labels(100_000)}, "expected 1 to 100000 labels, but got 100002"),
    ({"topics": ("yes",)}, "a label stands twice"),
    ({"tones": ("no", "no")}, "a label stands twice"),
    ({"topics": ("",)}, "a label must not be empty, padded or of two lines, but got ''"),
    ({"topics": ("oil\n",)}, "a label must not be empty, padded or of two lines, but got 'oil\\n'"),
    ({"topics": ("oil\ngas",)}, "a label must not be empty, padded or of two lines, but got 'oil\\ngas'"),
    ({"topics": (" " + "x" * 99,)}, f"a label must not be empty, padded or of two lines, but got ' {'x' * 57}…"),
    ({"words": ("fired", "army")}, "the words are not sorted, each once"),
    ({"words": ("army", "army")}, "the words are not sorted, each once"),
    ({"words": ("", "army")}, "one of the words is empty"),
    ({"words": ("army", "b\nc")}, "one of the words holds a line feed"),
    ({"subwords": ("my ", " ar")}, "the subwords are not sorted, each once"),
    ({"subwords": ("", "my ")}, "one of the subwords is empty"),
    ({"subwords": ("\nar", "my ")}, "one of the subwords holds a line feed"),
    ({"pairs": np.array([[0, 2]], np.uint32)}, "a pair names a word that is not there"),
    ({"pairs": np.array([[1, 0], [0, 1]], np.uint32)}, "the pairs are not sorted, each once"),
    ({"pairs": np.array([[0, 1], [0, 1]], np.uint32)}, "the pairs are not sorted, each once"),
    ({"pairs": np.array([[0, 0], [1, 1], [1, 0]], np.uint32)}, "the pairs are not sorted, each once"),
    ({"pairs": np.array([[0, 1]])}, "pairs must be uint32 of shape (n, 2), but is int64 of shape (1, 2)"),
    ({"pairs": np.zeros(2, np.uint32)}, "pairs must be uint32 of shape (n, 2), but is uint32 of shape (2,)"),
    ({"pairs": np.zeros((1, 3), np.uint32)}, "pairs must be uint32 of shape (n, 2), but is uint32 of shape (1, 3)"),
    ({"subword_lengths": (0, 5)}, "subword lengths must be 1 to 64, but are 0 and 5"),
    ({"subword_lengths": (5, 3)}, "subword lengths must be 1 to 64, but are 5 and 3"),
    ({"subword_lengths": (3, 65)}, "subword lengths must be 1 to 64, but are 3 and 65"),
    ({"idf": np.ones(2)}, "idf must be float64 of shape (3,), but is float64 of shape (2,)"),
    ({"idf": np.ones(3, np.float32)}, "idf must be float64 of shape (3,), but is float32 of shape (3,)"),
    ({"idf": np.array([1.0, 0.0, 1.0])}, "idf holds a number that is not above 0"),
    ({"idf": np.array([1.0, 1e-61, 1.0])}, "idf holds a number below 1e-60"),
    ({"weights": np.ones((2, 3), np.int16)}, "weights must be int16 of shape (3, 3), but is int16 of shape (2, 3)"),
    ({"weights": np.ones((3, 3))}, "weights must be int16 of shape (3, 3), but is float64 of shape (3, 3)"),
    (
        {"subword_weights": np.ones((2, 2), np.int16)},
        "subword_weights must be int16 of shape (2, 3), but is int16 of shape (2, 2)",
    ),
    ({"unknown_idf": 0.0}, "unknown_idf must be above 0, but is 0.0"),
    ({"unknown_idf": NAN}, "unknown_idf must be above 0, but is nan"),
    ({"unknown_idf": INF}, "unknown_idf must be above 0, but is inf"),
    ({"min_known": -0.1}, "min_known must be from 0 to 1, but is -0.1"),
    ({"min_known": 1.1}, "min_known must be from 0 to 1, but is 1.1"),
    ({"min_known": NAN}, "min_known must be from 0 to 1, but is nan"),
    ({"max_mean_idf": 0.0}, "max_mean_idf must be above 0, but is 0.0"),
    ({"max_mean_idf": NAN}, "max_mean_idf must be above 0, but is nan"),
    ({"rule": replace(RULE, thresholds=np.array([-0.1]))}, "thresholds holds a number below 0"),
    ({"rule": replace(RULE, fallback=-0.1)}, "fallback must be at least 0, but is -0.1"),
    ({"rule": replace(RULE, fallback=NAN)}, "fallback must be at least 0, but is nan"),
    ({"rule": replace(RULE, max_topics=-1)}, "max_topics must be at least 0, but is -1"),
]
FLOATS = ["idf", "weight_scale", "subword_scale", "intercept"]
RULE_FLOATS = ["topic_slope", "topic_offset", "tone_matrix", "tone_offset", "thresholds"]


def complaint(parameters: Parameters) -> str:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the callers compare the whole message
        parameters.check()
    return str(caught.value)


def with_number(name: str, number: float) -> Parameters:
    """The sound parameters with another number at the end of one array."""
    owner = SOUND if name in FLOATS else RULE
    array = getattr(owner, name).copy()
    array.flat[-1] = number
    if name in FLOATS:
        return replace(SOUND, **{name: array})
    return replace(SOUND, rule=replace(RULE, **{name: array}))


def test_sound_parameters_pass() -> None:
    SOUND.check()
    assert SOUND.labels == ("oil", "yes", "no")


def test_terms_are_the_words_then_the_pairs() -> None:
    some = replace(SOUND, pairs=np.array([[0, 1], [1, 0]], np.uint32))
    assert [some.term(row) for row in range(4)] == ["army", "fired", "army fired", "fired army"]


def test_a_vocabulary_may_lack_pairs_subwords_or_all() -> None:
    bare: dict[str, Any] = {
        "pairs": np.zeros((0, 2), np.uint32),
        "idf": np.ones(2),
        "weights": np.ones((2, 3), np.int16),
    }
    replace(SOUND, **bare).check()
    bare |= {"subwords": (), "subword_weights": np.ones((0, 3), np.int16)}
    replace(SOUND, **bare).check()
    bare |= {"words": (), "idf": np.ones(0), "weights": np.ones((0, 3), np.int16)}
    replace(SOUND, **bare).check()
    assert complaint(replace(SOUND, words=())) == "a pair names a word that is not there"


@pytest.mark.parametrize(
    ("changes", "message"), WRONG, ids=lambda value: " ".join(value) if isinstance(value, dict) else ""
)
def test_what_does_not_fit_is_refused_with_the_reason(changes: dict[str, Any], message: str) -> None:
    assert complaint(replace(SOUND, **changes)) == message


@pytest.mark.parametrize(
    "changes",
    [
        {"subword_lengths": (1, 64)},
        {"subword_lengths": (4, 4)},
        {"unknown_idf": 1e-9},
        {"max_mean_idf": 1e-9},
        {"min_known": 0.0},
        {"min_known": 1.0},
        {"rule": replace(RULE, fallback=0.0)},
        {"rule": replace(RULE, max_topics=0)},
        {"rule": replace(RULE, thresholds=np.zeros(1))},
        {"pairs": np.array([[1, 1]], np.uint32)},
        {
            "pairs": np.array([[0, 0], [0, 1], [1, 0]], np.uint32),
            "idf": np.ones(5),
            "weights": np.ones((5, 3), np.int16),
        },
    ],
    ids=lambda changes: " ".join(changes),
)
def test_what_just_fits_is_taken(changes: dict[str, Any]) -> None:
    replace(SOUND, **changes).check()


def test_one_label_is_enough_and_a_hundred_thousand_are_not_too_many() -> None:
    check_settings(("oil",), (), SOUND.settings)
    check_settings((), ("yes",), SOUND.settings)
    check_settings(many_labels(99_999), ("yes",), SOUND.settings)
    with pytest.raises(ValueError, match=r"^expected 1 to 100000 labels, but got 100001$"):
        check_settings(many_labels(100_000), ("yes",), SOUND.settings)


@pytest.mark.parametrize("name", FLOATS + RULE_FLOATS)
def test_numbers_that_are_not_finite_or_could_overflow_are_refused(name: str) -> None:
    for number in (NAN, INF, -INF):
        assert complaint(with_number(name, number)) == f"{name} holds a number that is not finite"
    assert complaint(with_number(name, 1.1e60)) == f"{name} holds a number beyond 1e+60"


@pytest.mark.parametrize("name", RULE_FLOATS)
def test_arrays_of_the_rule_must_have_their_shape(name: str) -> None:
    shape = getattr(RULE, name).shape
    wrong = replace(SOUND, rule=replace(RULE, **{name: np.ones(4)}))
    assert complaint(wrong) == f"{name} must be float64 of shape {shape}, but is float64 of shape (4,)"


def test_a_model_checks_its_parameters() -> None:
    with pytest.raises(ValueError, match=r"^a label stands twice$"):
        stance.Model(replace(SOUND, topics=("yes",)))


@pytest.mark.parametrize("idf", [1 / 1e60, 1.0, 1e60])
@pytest.mark.parametrize("large", [1.0, -1e60, 1e60])
def test_the_most_extreme_numbers_allowed_give_finite_answers(idf: float, large: float) -> None:
    """Warnings are errors here, so nothing overflows on the way either."""
    rule = replace(RULE, topic_slope=np.full(1, large), tone_matrix=np.array([[large, -large], [large, large]]))
    parameters = replace(
        SOUND,
        idf=np.array([idf, 1.0, idf]),
        max_mean_idf=1e300,
        weights=np.full((3, 3), 32767, dtype=np.int16),
        weight_scale=np.full(3, large),
        subword_scale=np.full(3, large),
        intercept=np.full(3, large),
        rule=rule,
    )
    texts = ["army", "army fired unknown " * 50]
    model = stance.Model(parameters)
    assert np.isfinite(model.decision_function(texts)).all()
    probabilities = model.predict_proba(texts)
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    np.testing.assert_allclose(probabilities[:, 1:].sum(axis=1), 1, atol=1e-12)


@given(
    weights=arrays(
        np.float64,
        st.tuples(st.integers(0, 6), st.integers(0, 4)),
        elements=st.floats(-1e100, 1e100) | st.floats(-1e-300, 1e-300) | st.floats(-1, 1),
    )
)
@settings(deadline=None, max_examples=200)
def test_quantising_is_within_half_a_unit(weights: np.ndarray) -> None:
    integers, unit = quantise(weights)
    assert (integers.dtype, integers.shape) == (np.int16, weights.shape)
    assert (unit.dtype, unit.shape) == (np.float64, weights.shape[1:])
    assert (unit > 0).all()
    assert (np.abs(integers * unit - weights) <= unit * (0.5 + 1e-9)).all()


def test_a_column_of_next_to_nothing_is_quantised_to_nothing() -> None:
    integers, unit = quantise(np.array([[0.0, 1 / LARGEST, 1.5e-60, -2.5e-60], [0.0, -1 / LARGEST, 0.0, 0.0]]))
    assert integers.tolist() == [[0, 0, 32767, -32767], [0, 0, 0, 0]]
    assert unit.tolist() == [1.0, 1.0, 1.5e-60 / 32767, 2.5e-60 / 32767]
    assert quantise(np.zeros((0, 2), np.float32))[1].tolist() == [1.0, 1.0]


@given(weights=arrays(np.float64, (4, 3), elements=st.floats(-1e6, 1e6)))
@settings(deadline=None, max_examples=50)
def test_quantising_uses_the_whole_range_and_can_be_repeated(weights: np.ndarray) -> None:
    integers, unit = quantise(weights)
    largest = np.abs(weights).max(axis=0)
    assert (np.abs(integers).max(axis=0)[largest > 1e-60] == 32767).all()
    assert (quantise(integers * unit)[0] == integers).all()

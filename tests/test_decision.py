from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from stance.decision import DecisionRule

RULE = DecisionRule(
    np.array([1.0, 2.0, 0.5]),
    np.array([0.0, -1.0, 1.0]),
    np.array([[1.0, 0.5], [-0.5, 2.0]]),
    np.array([0.1, -0.1]),
    np.array([0.5, 0.6, 0.7]),
    0.3,
    2,
)
NAN = float("nan")


@given(decisions=arrays(np.float64, (4, 5), elements=st.floats(-1e6, 1e6)))
@settings(deadline=None)
def test_probabilities_are_probabilities(decisions: np.ndarray) -> None:
    values = RULE.probabilities(decisions)
    assert ((values >= 0) & (values <= 1)).all()
    np.testing.assert_allclose(values[:, 3:].sum(axis=1), 1, atol=1e-12)


def test_probabilities_follow_the_formulas() -> None:
    decisions = np.array([[0.2, -0.4, 3.0, 1.0, 2.0]])
    values = RULE.probabilities(decisions)[0]
    np.testing.assert_allclose(values[:3], 1 / (1 + np.exp(-(RULE.topic_slope * decisions[0, :3] + RULE.topic_offset))))
    odds = np.exp(RULE.tone_matrix @ decisions[0, 3:] + RULE.tone_offset)
    np.testing.assert_allclose(values[3:], odds / odds.sum())


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        ([0.5, 0.1, 0.1], (0,)),
        ([0.5, 0.6, 0.1], (1, 0)),
        ([0.9, 0.8, 0.95], (2, 0)),
        ([0.1, 0.55, 0.2], (1,)),
        ([0.1, 0.2, 0.29], ()),
        ([0.1, 0.2, 0.3], (2,)),
        ([0.5, 0.6, 0.69], (1, 0)),
        ([0.8, 0.8, 0.0], (0, 1)),
        ([NAN, NAN, NAN], ()),
    ],
    ids=[
        "one",
        "ordered",
        "at most two",
        "fallback",
        "none",
        "just the fallback",
        "just the thresholds",
        "tie",
        "no answer",
    ],
)
def test_topics_by_threshold_fallback_and_limit(probabilities: list[float], expected: tuple[int, ...]) -> None:
    assert RULE.topics(np.array([[*probabilities, 0.5, 0.5]])) == [expected]


def test_of_many_equal_topics_the_first_come_first() -> None:
    n_topics = 100
    none = np.zeros(0)
    rule = DecisionRule(np.ones(n_topics), np.zeros(n_topics), np.eye(0), none, np.full(n_topics, 0.25), 2.0, n_topics)
    values = np.tile([0.5, 0.75, 0.1, 0.5], n_topics // 4)
    more, equal = (np.flatnonzero(values == value).tolist() for value in (0.75, 0.5))
    assert rule.topics(values[np.newaxis]) == [(*more, *equal)]


def test_a_rule_without_topics_gives_none() -> None:
    rule = DecisionRule(np.ones(0), np.zeros(0), np.eye(2), np.zeros(2), np.zeros(0), 2.0, 0)
    assert rule.topics(np.array([[0.4, 0.6]])) == [()]


def test_a_rule_without_tones_calibrates_topics_alone() -> None:
    rule = DecisionRule(np.ones(1), np.zeros(1), np.eye(0), np.zeros(0), np.full(1, 0.5), 2.0, 1)
    assert rule.probabilities(np.array([[0.0]])).tolist() == [[0.5]]


@given(
    low=arrays(np.float64, (1, 5), elements=st.floats(-1e6, 1e6)),
    step=st.floats(0, 1e6),
    topic=st.integers(0, 2),
)
@settings(deadline=None)
def test_a_topic_is_more_probable_the_higher_its_decision_value(low: np.ndarray, step: float, topic: int) -> None:
    high = low.copy()
    high[0, topic] += step
    before, after = RULE.probabilities(low)[0], RULE.probabilities(high)[0]
    assert after[topic] >= before[topic]
    assert np.delete(after, topic).tolist() == np.delete(before, topic).tolist()


@given(decisions=arrays(np.float64, (3, 5), elements=st.floats(-1e150, 1e150)))
@settings(deadline=None)
def test_huge_decision_values_give_probabilities_without_a_warning(decisions: np.ndarray) -> None:
    values = RULE.probabilities(decisions)
    assert ((values >= 0) & (values <= 1)).all()
    np.testing.assert_allclose(values[:, 3:].sum(axis=1), 1, atol=1e-12)
    for row in range(3):
        assert RULE.probabilities(decisions[row : row + 1]).tolist() == values[row : row + 1].tolist()


@given(probabilities=arrays(np.float64, (4, 5), elements=st.floats(0, 1) | st.just(NAN)))
@settings(deadline=None)
def test_topics_are_those_that_reach_their_threshold(probabilities: np.ndarray) -> None:
    for row, given_topics in zip(probabilities, RULE.topics(probabilities), strict=True):
        reached = [topic for topic in range(3) if row[topic] >= RULE.thresholds[topic]]
        expected = sorted(reached, key=lambda topic: -row[topic])
        if not reached and max(row[:3]) >= RULE.fallback and not np.isnan(row[:3]).any():
            expected = [int(np.argmax(row[:3]))]
        assert given_topics == tuple(expected[: RULE.max_topics])


def test_no_texts_give_no_rows() -> None:
    assert RULE.probabilities(np.zeros((0, 5))).shape == (0, 5)
    assert RULE.topics(np.zeros((0, 5))) == []

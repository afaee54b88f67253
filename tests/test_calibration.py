from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from stance import calibration
from stance.calibration import MIN_EXAMPLES, Mixture, fit_rule, two_columns
from stance.decision import DecisionRule
from stance.evaluation import expected_calibration_error
from stance.labelled import Targets

SEEDS = st.integers(0, 2**32 - 1)


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """As in `train`: many small sums are faster so."""
    with threadpool_limits(1):
        yield


def of_topics(topics: np.ndarray) -> Targets:
    return Targets(topics, np.full(len(topics), -1), 0)


def of_tones(tones: np.ndarray, n_tones: int) -> Targets:
    return Targets(np.zeros((len(tones), 0), dtype=bool), tones, n_tones)


def examples(seed: int, n_texts: int = 60, n_topics: int = 4) -> tuple[np.ndarray, Targets]:
    """Decisions that know something of the topics, of which the last is too rare."""
    generator = np.random.default_rng(seed)
    decisions = generator.normal(-0.5, 2, (n_texts, n_topics))
    topics = generator.random(decisions.shape) < expit(decisions)
    topics[:, -1] = False
    topics[generator.choice(n_texts, MIN_EXAMPLES - 1, replace=False), -1] = True
    return decisions, of_topics(topics)


def micro_f1(rule: DecisionRule, probabilities: np.ndarray, truth: np.ndarray) -> float:
    chosen = np.zeros_like(truth)
    for row, columns in enumerate(rule.topics(probabilities)):
        chosen[row, list(columns)] = True
    return 2 * (chosen & truth).sum() / max(chosen.sum() + truth.sum(), 1)


# Mixtures of decision values ------------------------------------------------------------------------------------------


def test_a_mixture_learns_what_labels_say_of_each_other() -> None:
    generator = np.random.default_rng(0)
    first, second = generator.normal(0, 1, (2, 4000))
    # The second topic is there where both values are high, but its own head looks at one alone.
    topics = np.column_stack([first > 0, first + second + generator.normal(0, 0.3, 4000) > 0, np.zeros(4000)]) > 0
    decisions = np.column_stack([first, second, generator.normal(0, 1, 4000), first - second])
    mixture = Mixture.fit(decisions, Targets(topics, generator.integers(0, 1, 4000), 1))
    mixed = mixture.mixed(decisions)
    assert ((mixed[:, 1] > 0) == topics[:, 1]).mean() > 0.9 > ((decisions[:, 1] > 0) == topics[:, 1]).mean() + 0.1
    # A topic without examples and tones keep their values.
    np.testing.assert_array_equal(mixed[:, 2:], decisions[:, 2:])


def test_mixing_the_weights_is_mixing_the_decision_values() -> None:
    decisions, targets = examples(4)
    mixture = Mixture.fit(decisions, targets)
    features = np.random.default_rng(1).normal(0, 1, (7, 5))
    weights, intercepts = np.random.default_rng(2).normal(0, 1, (5, 4)), np.arange(4.0)
    np.testing.assert_allclose(
        features @ (weights @ mixture.matrix) + mixture.mixed(intercepts),
        mixture.mixed(features @ weights + intercepts),
    )


# Thresholds -----------------------------------------------------------------------------------------------------------


@given(
    yes=st.lists(st.floats(2, 4), min_size=MIN_EXAMPLES, max_size=20),
    no=st.lists(st.floats(-4, -2), min_size=MIN_EXAMPLES, max_size=20),
)
@settings(deadline=None, max_examples=40)
def test_what_can_be_separated_is_separated(yes: list[float], no: list[float]) -> None:
    decisions = np.array([*yes, *no])[:, np.newaxis]
    truth = np.arange(len(decisions))[:, np.newaxis] < len(yes)
    rule = fit_rule(decisions, of_topics(truth), 1)
    assert rule.topics(rule.probabilities(decisions)) == [(0,)] * len(yes) + [()] * len(no)


@given(seed=SEEDS)
@settings(deadline=None, max_examples=25)
def test_a_threshold_is_the_mean_of_the_best_seen_and_the_best_expected(seed: int) -> None:
    decisions, targets = examples(seed, n_topics=2)
    truth = targets.topics[:, 0]
    assume(min(truth.sum(), (~truth).sum()) >= MIN_EXAMPLES)
    rule = fit_rule(decisions, targets, 2)
    values = rule.probabilities(decisions)[:, 0]
    ordered = sorted(values, reverse=True)
    seen, expected = [], []
    for low in ordered:
        given_rows = values >= low
        seen.append(2 * (given_rows & truth).sum() / (given_rows.sum() + truth.sum()))
        expected.append(2 * values[given_rows].sum() / (given_rows.sum() + values.sum()))
    best = int(np.argmax(seen))
    between = (ordered[best] + ordered[min(best + 1, len(ordered) - 1)]) / 2
    assert rule.thresholds[0] == pytest.approx((between + ordered[int(np.argmax(expected))]) / 2)


# Topics ---------------------------------------------------------------------------------------------------------------


@given(
    decisions=arrays(np.float64, (15, 2), elements=st.floats(-30, 30)),
    topics=arrays(np.bool_, (15, 2)),
)
@settings(deadline=None, max_examples=60)
def test_a_greater_decision_never_makes_a_topic_less_probable(decisions: np.ndarray, topics: np.ndarray) -> None:
    rule = fit_rule(decisions, of_topics(topics), 2)
    assert (rule.topic_slope > 0).all()
    assert np.isfinite(rule.topic_offset).all()
    assert ((rule.thresholds >= 0) & (rule.thresholds <= 1)).all()


def test_heads_that_are_always_wrong_get_a_flat_line() -> None:
    decisions = np.repeat([[3.0], [-3.0]], 10, axis=0)
    rule = fit_rule(decisions, of_topics(decisions < 0), 1)
    assert rule.topic_slope.tolist() == [1e-3]


def test_the_line_fits_the_softened_targets_of_platt() -> None:
    decisions, targets = examples(3)
    rule = fit_rule(decisions, targets, 4)
    for topic in range(3):
        truth = targets.topics[:, topic]
        soft = np.where(truth, (truth.sum() + 1) / (truth.sum() + 2), 1 / ((~truth).sum() + 2))
        missed = rule.probabilities(decisions)[:, topic] - soft
        # At the minimum of the log-loss both of its derivatives vanish.
        assert missed.sum() == pytest.approx(0, abs=1e-2)
        assert (missed * decisions[:, topic]).sum() == pytest.approx(0, abs=1e-2)


def test_a_line_that_is_not_yet_found_is_the_best_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    decisions, targets = examples(3)
    found = fit_rule(decisions, targets, 4)
    monkeypatch.setattr(calibration, "NEWTON_STEPS", 1)
    begun = fit_rule(decisions, targets, 4)
    assert (begun.topic_slope > 1e-3).all()
    assert (begun.topic_slope < found.topic_slope).any()


def test_topics_are_calibrated_on_new_texts() -> None:
    generator = np.random.default_rng(0)

    def draw(n_texts: int) -> tuple[np.ndarray, np.ndarray]:
        decisions = generator.normal(0, 1.5, (n_texts, 2))
        return decisions, generator.random(decisions.shape) < expit([3.0, 0.5] * decisions + [-2.0, 1.0])

    decisions, topics = draw(4000)
    rule = fit_rule(decisions, of_topics(topics), 2)
    np.testing.assert_allclose(rule.topic_slope, [3.0, 0.5], rtol=0.1)
    np.testing.assert_allclose(rule.topic_offset, [-2.0, 1.0], rtol=0.1)
    decisions, topics = draw(4000)
    probabilities = rule.probabilities(decisions)
    for topic in range(2):
        assert expected_calibration_error(probabilities[:, topic], topics[:, topic]) < 0.03
        assert expected_calibration_error(expit(decisions[:, topic]), topics[:, topic]) > 0.08


def test_rare_topics_share_one_line_and_the_median_threshold() -> None:
    decisions, targets = examples(1, n_topics=5)
    targets.topics[:, 3] = True
    targets.topics[: MIN_EXAMPLES - 1, 3] = False  # too rarely absent
    rule = fit_rule(decisions, targets, 5)
    pooled = fit_rule(decisions.reshape(-1, 1), of_topics(targets.topics.reshape(-1, 1)), 1)
    for rare in (3, 4):
        assert rule.topic_slope[rare] == pooled.topic_slope[0]
        assert rule.topic_offset[rare] == pooled.topic_offset[0]
        assert rule.thresholds[rare] == np.median(rule.thresholds[:3])
    assert len(set(rule.topic_slope[:3])) == 3


def test_a_topic_with_just_enough_texts_has_its_own_line() -> None:
    decisions, targets = examples(1)
    targets.topics[np.flatnonzero(~targets.topics[:, -1])[0], -1] = True
    alone = fit_rule(decisions[:, -1:], of_topics(targets.topics[:, -1:]), 1)
    rule = fit_rule(decisions, targets, 4)
    assert (rule.topic_slope[-1], rule.topic_offset[-1]) == (alone.topic_slope[0], alone.topic_offset[0])
    assert rule.thresholds[-1] == alone.thresholds[0]


def test_where_all_topics_are_rare_the_thresholds_stay() -> None:
    decisions, targets = examples(1, n_topics=1)
    rule = fit_rule(decisions, targets, 1)
    assert rule.thresholds.tolist() == [0.5]
    assert rule.topic_slope[0] != 1


@pytest.mark.parametrize("value", [True, False])
def test_topics_of_all_texts_or_of_none_are_not_calibrated(value: bool) -> None:
    rule = fit_rule(np.arange(20.0).reshape(10, 2), of_topics(np.full((10, 2), value)), 2)
    assert rule.topic_slope.tolist() == [1, 1]
    assert rule.topic_offset.tolist() == [0, 0]
    assert rule.thresholds.tolist() == [0.5, 0.5]


@given(seed=SEEDS)
@settings(deadline=None, max_examples=20)
def test_the_order_of_the_topics_does_not_count(seed: int) -> None:
    decisions, targets = examples(seed)
    order = np.random.default_rng(seed).permutation(4)
    rule = fit_rule(decisions, targets, 4)
    other = fit_rule(decisions[:, order], of_topics(targets.topics[:, order]), 4)
    for name in ("topic_slope", "topic_offset", "thresholds"):
        np.testing.assert_allclose(getattr(other, name), getattr(rule, name)[order], rtol=1e-2, atol=1e-3)


# The fallback ---------------------------------------------------------------------------------------------------------


@given(seed=SEEDS)
@settings(deadline=None, max_examples=25)
def test_the_fallback_is_the_greatest_of_its_grid_that_is_as_good_as_the_best(seed: int) -> None:
    decisions, targets = examples(seed)
    rule = fit_rule(decisions, targets, 4)
    probabilities = rule.probabilities(decisions)
    grid = [*np.arange(0.05, 1.0, 0.05), 2.0]
    scores = [micro_f1(replace(rule, fallback=low), probabilities, targets.topics) for low in grid]
    as_good = max(scores) - calibration.WORTH_OF_SILENCE
    assert rule.fallback == max(low for low, score in zip(grid, scores, strict=True) if score >= as_good)


def test_there_is_a_fallback_where_every_text_has_a_topic() -> None:
    generator = np.random.default_rng(0)
    truth = np.eye(4, dtype=bool)[generator.integers(0, 4, 200)]
    decisions = generator.normal(0, 1, truth.shape) + truth
    rule = fit_rule(decisions, of_topics(truth), 1)
    probabilities = rule.probabilities(decisions)
    assert rule.fallback < 1
    without = micro_f1(replace(rule, fallback=2.0), probabilities, truth)
    assert micro_f1(rule, probabilities, truth) > without


def test_there_is_no_fallback_where_it_changes_nothing() -> None:
    decisions = np.repeat([[5.0, -5.0], [-5.0, 5.0]], 10, axis=0)
    assert fit_rule(decisions, of_topics(decisions > 0), 2).fallback > 1


# Tone -----------------------------------------------------------------------------------------------------------------


def test_tones_are_calibrated_on_new_texts() -> None:
    generator = np.random.default_rng(0)
    matrix = np.array([[3.0, 0.0, 0.5], [0.0, 3.0, 0.0], [-0.5, 0.0, 2.0]])

    def draw(n_texts: int) -> tuple[np.ndarray, np.ndarray]:
        decisions = generator.normal(0, 1.5, (n_texts, 3))
        odds = softmax(decisions @ matrix.T + [0.5, 0.0, -0.5], axis=1)
        return decisions, (generator.random((n_texts, 1)) > odds.cumsum(axis=1)).sum(axis=1).clip(max=2)

    decisions, tones = draw(4000)
    rule = fit_rule(decisions, of_tones(tones, 3), 0)
    decisions, tones = draw(4000)
    probabilities = rule.probabilities(decisions)
    right = probabilities.argmax(axis=1) == tones
    assert expected_calibration_error(probabilities.max(axis=1), right) < 0.03
    raw = softmax(decisions, axis=1)
    assert expected_calibration_error(raw.max(axis=1), raw.argmax(axis=1) == tones) > 0.05


def test_rows_without_a_tone_do_not_count() -> None:
    generator = np.random.default_rng(0)
    decisions = generator.normal(0, 1, (60, 3))
    tones = generator.integers(0, 3, 60)
    tones[40:] = -1
    rule, other = (fit_rule(decisions[:n], of_tones(tones[:n], 3), 0) for n in (60, 40))
    np.testing.assert_array_equal(rule.tone_matrix, other.tone_matrix)
    np.testing.assert_array_equal(rule.tone_offset, other.tone_offset)
    assert not np.array_equal(rule.tone_matrix, np.eye(3))


@pytest.mark.parametrize(("n_rare", "is_calibrated"), [(0, False), (MIN_EXAMPLES - 1, False), (MIN_EXAMPLES, True)])
def test_with_a_rare_tone_tone_is_not_calibrated(n_rare: int, is_calibrated: bool) -> None:
    tones = np.array([0] * 20 + [1] * 20 + [2] * n_rare)
    decisions = np.random.default_rng(0).normal(0, 1, (len(tones), 3))
    rule = fit_rule(decisions, of_tones(tones, 3), 0)
    assert (rule.tone_matrix.tolist() != np.eye(3).tolist()) == is_calibrated
    assert (rule.tone_offset.tolist() != [0, 0, 0]) == is_calibrated


def test_a_single_tone_stays_as_it_is() -> None:
    rule = fit_rule(np.zeros((20, 1)), of_tones(np.zeros(20, dtype=np.int64), 1), 0)
    assert rule.tone_matrix.tolist() == [[1]]
    assert rule.probabilities(np.array([[7.0]])).tolist() == [[1]]


@pytest.mark.parametrize("n_classes", [2, 3])
def test_two_classes_get_a_row_each_with_the_same_probabilities(n_classes: int) -> None:
    generator = np.random.default_rng(0)
    features, target = generator.normal(0, 1, (50, 4)), np.arange(50) % n_classes
    head = LogisticRegression().fit(features, target)
    weights, intercepts = two_columns(head.coef_, head.intercept_)
    assert weights.shape == (n_classes, 4)
    np.testing.assert_allclose(softmax(features @ weights.T + intercepts, axis=1), head.predict_proba(features))


# Nothing to learn from ------------------------------------------------------------------------------------------------


def test_without_rows_nothing_is_calibrated() -> None:
    targets = Targets(np.zeros((0, 2), dtype=bool), np.zeros(0, dtype=np.int64), 3)
    rule = fit_rule(np.zeros((0, 5)), targets, 4)
    expected = (np.ones(2), np.zeros(2), np.eye(3), np.zeros(3), np.full(2, 0.5), 2.0, 4)
    for value, wanted in zip(astuple(rule), expected, strict=True):
        np.testing.assert_array_equal(value, wanted)


def test_without_topics_there_is_no_fallback() -> None:
    rule = fit_rule(np.zeros((20, 2)), of_tones(np.arange(20) % 2, 2), 0)
    assert rule.thresholds.shape == (0,)
    assert (rule.fallback, rule.max_topics) == (2.0, 0)
    assert rule.topics(rule.probabilities(np.zeros((1, 2)))) == [()]

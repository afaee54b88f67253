from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from conftest import second_copy
from joblib import delayed
from scipy import sparse
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from threadpoolctl import threadpool_limits

from stance import heads
from stance.counting import Corpus, Vocabulary
from stance.heads import STRENGTHS, Taught, Trainer, Unseen
from stance.labelled import Targets

WORDS = [f"{first}{second}" for first in ("ba", "de", "fi", "go") for second in ("ka", "lo", "mu", "ne", "pi", "ru")]
N_TEXTS = 60
ROWS = np.arange(N_TEXTS)
FOLD = (ROWS[ROWS % 3 != 0], ROWS[ROWS % 3 == 0])


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """As in `train`: many small sums are faster so."""
    with threadpool_limits(1):
        yield


def corpus_of(seed: int = 0) -> Corpus:
    generator = np.random.default_rng(seed)
    return Corpus.read([" ".join(generator.choice(WORDS, 8)) for _ in ROWS])


def targets_of(corpus: Corpus, n_topics: int = 3, n_tones: int = 3, noise: float = 0.1) -> Targets:
    """Labels that some words speak for; each tenth row has no tone."""
    generator = np.random.default_rng(1)
    counts = corpus.counts.toarray()
    topics = (counts[:, :n_topics] > 0) ^ (generator.random((N_TEXTS, n_topics)) < noise)
    tones = counts[:, 4 : 4 + max(n_tones, 1)].argmax(axis=1)
    tones[::10] = -1
    return Targets(topics, tones if n_tones else np.full(N_TEXTS, -1), n_tones)


CORPUS = corpus_of()
TARGETS = targets_of(CORPUS)
TRAINER = Trainer(CORPUS, TARGETS, 1, 1)


def with_topics(topics: np.ndarray) -> Trainer:
    return Trainer(CORPUS, Targets(topics, np.full(N_TEXTS, -1), 0), 1, 1)


def with_tones(tones: np.ndarray, n_tones: int) -> Trainer:
    return Trainer(CORPUS, Targets(np.zeros((N_TEXTS, 0), dtype=bool), tones, n_tones), 1, 1)


# Fitting --------------------------------------------------------------------------------------------------------------


def test_the_heads_are_those_of_scikit_learn_on_the_same_features() -> None:
    vocabulary, (weights, intercepts) = TRAINER.fit(ROWS, (3.0, 30.0))
    features = vocabulary.transform(CORPUS, ROWS)
    decisions = features @ weights + intercepts
    for topic in range(3):
        head = LogisticRegression(C=3.0, tol=1e-5, max_iter=1000).fit(features, TARGETS.topics[:, topic])
        np.testing.assert_allclose(decisions[:, topic], head.decision_function(features), atol=1e-5)
    labelled = TARGETS.tones >= 0
    head = LogisticRegression(C=30.0, tol=1e-5, max_iter=1000).fit(features[labelled], TARGETS.tones[labelled])
    np.testing.assert_allclose(decisions[:, 3:], head.decision_function(features), atol=1e-5)


def test_two_tones_have_the_probabilities_of_the_binary_head() -> None:
    tones = (TARGETS.tones == 1).astype(np.int64)
    vocabulary, (weights, intercepts) = with_tones(tones, 2).fit(ROWS, (1.0, 10.0))
    features = vocabulary.transform(CORPUS, ROWS)
    head = LogisticRegression(C=10.0, tol=1e-5, max_iter=1000).fit(features, tones)
    np.testing.assert_allclose(
        softmax(features @ weights + intercepts, axis=1), head.predict_proba(features), atol=1e-6
    )


def test_only_the_rows_asked_for_are_learned_from() -> None:
    train_rows, test_rows = FOLD
    topics, tones = TARGETS.topics.copy(), TARGETS.tones.copy()
    topics[test_rows] = ~topics[test_rows]
    tones[test_rows] = -1
    other = Trainer(CORPUS, Targets(topics, tones, 3), 1, 1)
    for one, two in zip(TRAINER.fit(train_rows, (10.0, 10.0))[1], other.fit(train_rows, (10.0, 10.0))[1], strict=True):
        np.testing.assert_array_equal(one, two)


def test_the_number_of_jobs_does_not_change_the_heads() -> None:
    two_jobs = Trainer(CORPUS, TARGETS, 1, 2)
    for one, two in zip(TRAINER.fit(ROWS, (10.0, 10.0))[1], two_jobs.fit(ROWS, (10.0, 10.0))[1], strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_vocabulary_keeps_what_enough_texts_have() -> None:
    rare = Corpus.read(["peace treaty"] * 2 + ["peace talks"])
    targets = Targets(np.array([[True], [False], [True]]), np.full(3, -1), 0)
    for min_df, words in ((1, ["peace", "talks", "treaty"]), (2, ["peace", "treaty"])):
        vocabulary = Trainer(rare, targets, min_df, 1).fit(np.arange(3), (1.0, 1.0))[0]
        assert [rare.tokens[word] for word in vocabulary.words] == words


def test_a_vocabulary_keeps_at_most_so_many_terms_of_a_kind() -> None:
    vocabulary, (weights, _) = replace(TRAINER, max_terms=7).fit(ROWS, (1.0, 1.0))
    assert (len(vocabulary.words), len(vocabulary.pairs), len(vocabulary.subwords)) == (7, 7, 7)
    assert weights.shape == (21, 6)


# Labels that tell nothing apart ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "odds"), [(True, N_TEXTS + 1), (False, 1 / (N_TEXTS + 1))])
def test_a_topic_of_all_texts_or_of_none_has_only_an_intercept(value: bool, odds: float) -> None:
    topics = np.column_stack([TARGETS.topics[:, 0], np.full(N_TEXTS, value)])
    weights, intercepts = with_topics(topics).fit(ROWS, (1.0, 1.0))[1]
    assert weights[:, 0].any()
    assert not weights[:, 1].any()
    assert intercepts[1] == pytest.approx(np.log(odds))


def test_a_tone_that_no_text_has_counts_as_one_imagined_text_in_all() -> None:
    tones = np.where(TARGETS.tones == 2, -1, TARGETS.tones)
    weights, intercepts = with_tones(tones, 3).fit(ROWS, (1.0, 10.0))[1]
    two_tones, of_two = with_tones(tones, 2).fit(ROWS, (1.0, 10.0))[1]
    np.testing.assert_array_equal(weights[:, :2], two_tones)
    np.testing.assert_array_equal(intercepts[:2], of_two)
    assert not weights[:, 2].any()
    assert intercepts[2] == pytest.approx(-np.log((tones >= 0).sum() + 3))


@pytest.mark.parametrize("n_tones", [1, 2])
def test_one_tone_has_only_an_intercept(n_tones: int) -> None:
    weights, intercepts = with_tones(np.zeros(N_TEXTS, dtype=np.int64), n_tones).fit(ROWS, (1.0, 1.0))[1]
    assert not weights.any()
    np.testing.assert_allclose(intercepts, [0, -np.log(N_TEXTS + 2)][:n_tones])


def test_where_no_text_has_a_tone_all_tones_are_alike() -> None:
    weights, intercepts = with_tones(np.full(N_TEXTS, -1), 3).fit(ROWS, (1.0, 1.0))[1]
    assert not weights.any()
    np.testing.assert_allclose(softmax(intercepts), [1 / 3] * 3)


def test_without_a_word_to_tell_by_there_is_the_frequency_of_the_labels() -> None:
    texts = Corpus.read(["a", "!", "b", "treaty"])
    targets = Targets(np.array([[True], [True], [False], [False]]), np.array([0, 1, 1, 2]), 3)
    unseen = Trainer(texts, targets, 1, 1).hold_out(np.arange(3), np.array([3]), (1.0, 1.0))
    assert expit(unseen.decisions[0, 0]) == pytest.approx(3 / 5)
    np.testing.assert_allclose(np.exp(unseen.decisions[0, 1:]), [1 / 3, 2 / 3, 1 / 6])


# All heads at once ----------------------------------------------------------------------------------------------------

needs_compiler = pytest.mark.skipif(heads.solver is None, reason="the solver was not compiled")
AT_ONCE = replace(TRAINER, at_once=True)


@pytest.fixture
def _exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the solver go on until it is at the minimum."""
    monkeypatch.setattr(heads, "PASSES", (3000, 3000))
    monkeypatch.setattr(heads, "TOLERANCE", 1e-5)


def with_ones(features: sparse.csr_array) -> sparse.csr_array:
    """The features with that of the intercept, which the solver gives a penalty too."""
    return sparse.hstack([features, np.ones((features.shape[0], 1))], format="csr")


@needs_compiler
@pytest.mark.usefixtures("_exact")
@pytest.mark.parametrize("strengths", [(1.0, 1.0), (3.0, 30.0), (100.0, 100.0)])
@pytest.mark.parametrize(("n_topics", "n_tones"), [(3, 3), (1, 0), (0, 3), (15, 4), (17, 3)])
def test_the_solver_finds_the_minimum_that_scikit_learn_finds(
    strengths: tuple[float, float], n_topics: int, n_tones: int
) -> None:
    targets = targets_of(CORPUS, n_topics, n_tones)
    vocabulary, (weights, intercepts) = Trainer(CORPUS, targets, 1, 1, True).fit(ROWS, strengths)
    features = vocabulary.transform(CORPUS, ROWS)
    decisions = features @ weights + intercepts
    assert decisions.shape == (N_TEXTS, n_topics + n_tones)
    options = {"fit_intercept": False, "max_iter": 10_000, "tol": 1e-8}
    for topic in range(n_topics):
        head = LogisticRegression(C=strengths[0], **options).fit(with_ones(features), targets.topics[:, topic])
        np.testing.assert_allclose(decisions[:, topic], head.decision_function(with_ones(features)), atol=0.02)
    if n_tones > 2:
        labelled = targets.tones >= 0
        head = LogisticRegression(C=strengths[1], **options).fit(with_ones(features)[labelled], targets.tones[labelled])
        expected = head.predict_proba(with_ones(features))
        np.testing.assert_allclose(softmax(decisions[:, n_topics:], axis=1), expected, atol=0.003)


@needs_compiler
@pytest.mark.usefixtures("_exact")
def test_of_two_tones_the_solver_fits_the_difference() -> None:
    # A softmax of two whose weights are +v and -v is a sigmoid of 2v; |v|^2 + |v|^2 is half of |2v|^2: twice the C.
    tones = (TARGETS.tones == 1).astype(np.int64)
    vocabulary, (weights, intercepts) = replace(with_tones(tones, 2), at_once=True).fit(ROWS, (1.0, 5.0))[0:2]
    features = with_ones(vocabulary.transform(CORPUS, ROWS))
    head = LogisticRegression(C=10.0, fit_intercept=False, max_iter=10_000, tol=1e-8).fit(features, tones)
    found = softmax(vocabulary.transform(CORPUS, ROWS) @ weights + intercepts, axis=1)
    np.testing.assert_allclose(found, head.predict_proba(features), atol=0.003)


def fitted(rows: np.ndarray, topics: np.ndarray, tones: np.ndarray, counts: np.ndarray, strength: float) -> np.ndarray:
    """Let the solver fit some rows of the corpus, and give its decision values for all."""
    features = Vocabulary.fit(CORPUS, ROWS, 1, 100).transform(CORPUS, ROWS)
    some = features[rows]
    truth = (np.ascontiguousarray(part, dtype=np.float32) for part in (topics, tones, counts))
    parts = some.data, some.indices.astype(np.int32), some.indptr.astype(np.int64)
    nothing = np.zeros((0, topics.shape[1] + tones.shape[1]), dtype=np.float32)
    weights = heads.solver.fit(*parts, *truth, nothing, features.shape[1], strength, strength, 3000, 1e-5)
    return features @ weights[:-1] + weights[-1]


@needs_compiler
@pytest.mark.parametrize("strength", [0.3, 3.0])
def test_a_probability_is_learned_as_so_many_rows_for_and_against(strength: float) -> None:
    # Of four rows with the same text three are for it: one row with the truth 3/4 that counts as four.
    generator = np.random.default_rng(5)
    quarters = generator.integers(0, 5, (N_TEXTS, 2))
    many = np.repeat(ROWS, 4)
    is_for = np.tile(np.arange(4), N_TEXTS)[:, np.newaxis] < np.repeat(quarters, 4, axis=0)
    tones = np.column_stack([is_for[:, 0], ~is_for[:, 0], np.zeros(len(many))])
    apart = fitted(many, is_for, tones, np.ones(len(many)), strength)
    soft = quarters / 4
    soft_tones = np.column_stack([soft[:, 0], 1 - soft[:, 0], np.zeros(N_TEXTS)])
    together = fitted(ROWS, soft, soft_tones, np.full(N_TEXTS, 4.0), strength)
    np.testing.assert_allclose(expit(together[:, :2]), expit(apart[:, :2]), atol=0.003)
    np.testing.assert_allclose(softmax(together[:, 2:], axis=1), softmax(apart[:, 2:], axis=1), atol=0.003)


@needs_compiler
@pytest.mark.parametrize("weight", [100.0, 1000.0])
def test_tones_that_are_almost_given_by_the_row_alone_are_found(weight: float) -> None:
    # The steps of a row that counts much are long, and its probabilities flat: the way there must not run in a circle.
    generator = np.random.default_rng(6)
    truth = generator.dirichlet([0.3] * 4, N_TEXTS)
    found = fitted(ROWS, np.zeros((N_TEXTS, 0)), truth, np.full(N_TEXTS, weight), 10.0)
    np.testing.assert_allclose(softmax(found, axis=1), truth, atol=0.03)


@needs_compiler
def test_heads_learn_from_a_teacher_too() -> None:
    labelled, others = FOLD
    truth = np.hstack([TARGETS.topics, TARGETS.tones[:, np.newaxis] == np.arange(3)]).astype(np.float32)
    vocabulary, (weights, intercepts) = AT_ONCE.fit(labelled, (3.0, 3.0), Taught(others, truth[others], 1.0))
    rows = np.concatenate([labelled, others])
    of_all, (expected, expected_intercepts) = AT_ONCE.fit(rows, (3.0, 3.0))
    np.testing.assert_array_equal(vocabulary.words, of_all.words)
    np.testing.assert_allclose(weights, expected, atol=1e-5)
    np.testing.assert_allclose(intercepts, expected_intercepts, atol=1e-5)


def test_learning_from_a_teacher_needs_the_solver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "solver", None)
    with pytest.raises(RuntimeError, match=r"^learning from a teacher needs the compiled solver: install stance with "):
        AT_ONCE.fit(FOLD[0], (1.0, 1.0), Taught(FOLD[1], np.zeros((len(FOLD[1]), 6), dtype=np.float32), 1.0))


@needs_compiler
def test_a_few_passes_come_near_the_minimum() -> None:
    train_rows, test_rows = FOLD
    exact = TRAINER.hold_out(train_rows, test_rows, (3.0, 3.0)).decisions
    near = AT_ONCE.hold_out(train_rows, test_rows, (3.0, 3.0)).decisions
    assert np.abs(expit(near[:, :3]) - expit(exact[:, :3])).max() < 0.1
    assert (near[:, 3:].argmax(axis=1) == exact[:, 3:].argmax(axis=1)).mean() > 0.9


@needs_compiler
@pytest.mark.parametrize("noise", [0.0, 0.4])
def test_the_search_works_with_all_heads_at_once(noise: float) -> None:
    trainer = Trainer(CORPUS, targets_of(CORPUS, noise=noise), 1, 1, True)
    best = losses(trainer).argmin(axis=0)
    for n_jobs in (1, 2):
        assert replace(trainer, n_jobs=n_jobs).search(FOLD, 0) == (STRENGTHS[best[0]], STRENGTHS[best[1]])


@needs_compiler
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_features_that_are_shared_are_those_that_a_fit_would_count(n_jobs: int) -> None:
    trainer = replace(AT_ONCE, n_jobs=n_jobs)
    sharing = trainer.sharing(trainer.vocabulary(ROWS))
    vocabulary, features = sharing.shared or pytest.fail("nothing is shared")
    assert (features != vocabulary.transform(CORPUS, ROWS)).nnz == 0
    for one, other in zip(sharing.fit(ROWS, (3.0, 3.0))[1], AT_ONCE.fit(ROWS, (3.0, 3.0))[1], strict=True):
        np.testing.assert_array_equal(one, other)
    assert sharing.fit(FOLD[0], (3.0, 3.0))[0] is vocabulary
    shared, own = (trainer.hold_out(*FOLD, (3.0, 3.0)).decisions for trainer in (sharing, AT_ONCE))
    np.testing.assert_allclose(expit(shared), expit(own), atol=0.1)


@needs_compiler
def test_fits_at_the_same_time_are_the_fits_one_after_the_other() -> None:
    jobs = [delayed(AT_ONCE.fit)(rows, (10.0, 10.0)) for rows in (ROWS, *FOLD)]
    both = [list(replace(AT_ONCE, n_jobs=n_jobs).together(jobs)) for n_jobs in (1, 2)]
    for (_, one), (_, other) in zip(*both, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])


@needs_compiler
@pytest.mark.parametrize("value", [True, False])
def test_at_once_a_topic_of_all_texts_or_of_none_has_only_an_intercept(value: bool) -> None:
    topics = np.column_stack([np.full(N_TEXTS, value), TARGETS.topics[:, 0]])
    (weights, intercepts), (expected, others) = (
        replace(with_topics(topics), at_once=at_once).fit(ROWS, (1.0, 1.0))[1] for at_once in (True, False)
    )
    assert weights[:, 1].any()
    np.testing.assert_array_equal(weights[:, 0], expected[:, 0])
    assert intercepts[0] == others[0]


@needs_compiler
@pytest.mark.parametrize(
    "tones",
    [np.where(TARGETS.tones == 1, -1, TARGETS.tones), np.zeros(N_TEXTS, dtype=np.int64), np.full(N_TEXTS, -1)],
    ids=["one is missing", "one alone", "none"],
)
def test_at_once_tones_that_no_text_has_are_as_with_scikit_learn(tones: np.ndarray) -> None:
    (weights, intercepts), (expected, others) = (
        replace(with_tones(tones, 3), at_once=at_once).fit(ROWS, (1.0, 1.0))[1] for at_once in (True, False)
    )
    np.testing.assert_array_equal(weights.any(axis=0), expected.any(axis=0))
    np.testing.assert_array_equal(intercepts[~expected.any(axis=0)], others[~expected.any(axis=0)])


def test_at_once_texts_without_words_have_the_frequency_of_the_labels() -> None:
    texts = Corpus.read(["a", "!", "b", "treaty"])
    targets = Targets(np.array([[True], [True], [False], [False]]), np.array([0, 1, 1, 2]), 3)
    expected, found = (
        Trainer(texts, targets, 1, 1, at_once).hold_out(np.arange(3), np.array([3]), (1.0, 1.0)).decisions
        for at_once in (False, True)
    )
    np.testing.assert_array_equal(found, expected)


def test_without_a_compiler_scikit_learn_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "solver", None)
    for one, two in zip(TRAINER.fit(ROWS, (3.0, 3.0))[1], AT_ONCE.fit(ROWS, (3.0, 3.0))[1], strict=True):
        np.testing.assert_array_equal(one, two)
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "stance._solver", None)
    assert second_copy(heads, monkeypatch).solver is None


# Scoring what was held out --------------------------------------------------------------------------------------------


def test_what_was_held_out_is_scored_by_a_fit_on_the_others() -> None:
    train_rows, test_rows = FOLD
    unseen = TRAINER.hold_out(train_rows, test_rows, (3.0, 10.0))
    vocabulary, (weights, intercepts) = TRAINER.fit(train_rows, (3.0, 10.0))
    np.testing.assert_array_equal(unseen.rows, test_rows)
    np.testing.assert_array_equal(unseen.fold, np.zeros(len(test_rows)))
    np.testing.assert_allclose(unseen.decisions, vocabulary.transform(CORPUS, test_rows) @ weights + intercepts)
    known, mean_idf = vocabulary.familiarity(CORPUS, test_rows)
    np.testing.assert_array_equal(unseen.known, known)
    np.testing.assert_array_equal(unseen.mean_idf, mean_idf)


def test_a_tone_that_only_held_out_texts_have_is_scored_without_a_complaint() -> None:
    train_rows, test_rows = FOLD
    tones = np.where(np.isin(ROWS, test_rows[:2]), 2, TARGETS.tones.clip(0, 1))
    unseen = with_tones(tones, 3).hold_out(train_rows, test_rows, (1.0, 1.0))
    assert np.isfinite(unseen.decisions).all()
    assert (unseen.decisions.argmax(axis=1) != 2).all()


def test_texts_without_words_have_no_familiarity_but_are_scored() -> None:
    texts = Corpus.read(["peace treaty", "war", "!", "peace war unheard"])
    targets = Targets(np.array([[True], [False], [True], [False]]), np.full(4, -1), 0)
    unseen = Trainer(texts, targets, 1, 1).hold_out(np.array([0, 1]), np.array([2, 3]), (1.0, 1.0))
    assert unseen.decisions.shape == (2, 1)
    np.testing.assert_allclose(unseen.known, [2 / 3])


# Choosing the penalty -------------------------------------------------------------------------------------------------


def losses(trainer: Trainer) -> np.ndarray:
    """The log-loss of the topics and of tone on the test rows, for every strength."""
    test = trainer.targets.take(FOLD[1])
    rows = []
    for strength in STRENGTHS:
        decisions = trainer.hold_out(*FOLD, (strength, strength)).decisions
        n_topics = test.topics.shape[1]
        topics = [
            log_loss(test.topics[:, topic], expit(decisions[:, topic]), labels=[0, 1]) for topic in range(n_topics)
        ]
        labelled = test.tones >= 0
        tone = 0.0
        if test.n_tones:
            chances = softmax(decisions[labelled, n_topics:], axis=1)
            tone = log_loss(test.tones[labelled], chances, labels=range(test.n_tones))
        rows.append((np.mean(topics) if topics else 0.0, tone))
    return np.array(rows)


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.4])
def test_the_strengths_have_the_least_log_loss_on_the_fold(noise: float) -> None:
    trainer = Trainer(CORPUS, targets_of(CORPUS, noise=noise), 1, 1)
    best = losses(trainer).argmin(axis=0)
    assert trainer.search(FOLD, 0) == (STRENGTHS[best[0]], STRENGTHS[best[1]])


def test_clear_labels_take_a_smaller_penalty_than_noise() -> None:
    clear, noisy = (Trainer(CORPUS, targets_of(CORPUS, noise=noise), 1, 1).search(FOLD, 0)[0] for noise in (0.0, 0.4))
    assert clear > noisy


@pytest.mark.parametrize(("n_topics", "n_tones"), [(3, 0), (0, 3), (0, 2)])
def test_the_search_works_with_one_kind_of_label(n_topics: int, n_tones: int) -> None:
    trainer = Trainer(CORPUS, targets_of(CORPUS, n_topics, n_tones), 1, 1)
    best = losses(trainer).argmin(axis=0)
    kind = 0 if n_topics else 1
    assert trainer.search(FOLD, 0)[kind] == STRENGTHS[best[kind]]


def test_the_search_works_where_the_fold_has_no_tone_to_judge_by() -> None:
    tones = np.where(np.isin(ROWS, FOLD[1]), -1, TARGETS.tones)
    trainer = Trainer(CORPUS, Targets(TARGETS.topics, tones, 3), 1, 1)
    assert trainer.search(FOLD, 0)[0] == TRAINER.search(FOLD, 0)[0]


def test_the_search_looks_at_a_sample_of_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[np.ndarray] = []
    transform = Vocabulary.transform

    def watched(self: Vocabulary, corpus: Corpus, rows: np.ndarray) -> object:
        seen.append(rows)
        return transform(self, corpus, rows)

    monkeypatch.setattr(Vocabulary, "transform", watched)
    monkeypatch.setattr(heads, "SEARCH_ROWS", 15)
    first = TRAINER.search(FOLD, 0)
    assert [len(rows) for rows in seen] == [15, 15]
    assert set(seen[0]) <= set(FOLD[0])
    assert set(seen[1]) <= set(FOLD[1])
    assert TRAINER.search(FOLD, 0) == first
    np.testing.assert_array_equal(seen[2], seen[0])
    TRAINER.search(FOLD, 1)
    assert not np.array_equal(seen[4], seen[0])


def test_the_search_looks_at_the_most_frequent_topics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "SEARCH_TOPICS", 1)
    generator = np.random.default_rng(0)
    rare_and_clear = CORPUS.counts.toarray()[:, 0] > 0
    frequent_and_random = generator.random(N_TEXTS) < 0.5
    assert frequent_and_random[FOLD[0]].sum() > rare_and_clear[FOLD[0]].sum()
    both = with_topics(np.column_stack([rare_and_clear, frequent_and_random])).search(FOLD, 0)
    assert both == with_topics(frequent_and_random[:, np.newaxis]).search(FOLD, 0)
    assert both != with_topics(rare_and_clear[:, np.newaxis]).search(FOLD, 0)


# What held-out texts say of unfamiliar ones ---------------------------------------------------------------------------


def test_joining_numbers_the_folds() -> None:
    part = Unseen(np.array([4, 7]), np.zeros(2, dtype=np.int64), np.ones((2, 3)), np.array([0.5]), np.array([2.0]))
    unseen = Unseen.empty(3).joined(part).joined(part).joined(part)
    assert unseen.rows.tolist() == [4, 7] * 3
    assert unseen.fold.tolist() == [0, 0, 1, 1, 2, 2]
    assert unseen.decisions.shape == (6, 3)
    assert unseen.known.tolist() == [0.5] * 3
    assert unseen.mean_idf.tolist() == [2.0] * 3


def test_the_limits_come_from_the_least_familiar_texts() -> None:
    known = np.linspace(0.2, 1.0, 1001)
    mean_idf = np.linspace(1.0, 5.0, 1001)
    unseen = Unseen(ROWS, ROWS, np.zeros((N_TEXTS, 1)), known, mean_idf)
    assert unseen.min_known == pytest.approx(0.5 * 0.2008)
    assert unseen.max_mean_idf(7.0) == pytest.approx(4.996 + (7.0 - 4.996) / 3)


def test_without_held_out_texts_no_text_is_too_unfamiliar() -> None:
    unseen = Unseen.empty(2)
    assert unseen.decisions.shape == (0, 2)
    assert unseen.min_known == 0
    assert unseen.max_mean_idf(7.0) == 7


@needs_compiler
@pytest.mark.usefixtures("_exact")
@pytest.mark.parametrize("is_tone", [False, True])
@pytest.mark.parametrize("strength", [0.1, 1.0, 10.0])
def test_a_correction_is_the_same_with_the_solver_and_without(
    is_tone: bool, strength: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = np.random.default_rng(0)
    features = Vocabulary.fit(CORPUS, ROWS, 1, 100).transform(CORPUS, ROWS)
    truth = np.eye(3, dtype=np.float32)[generator.integers(0, 3, len(ROWS))]
    if not is_tone:
        truth[0] = 1
    given = generator.normal(0, 2, (len(ROWS), 3))
    counts = generator.uniform(0.5, 2, len(ROWS)).astype(np.float32)
    compiled = heads.fit_correction(features, truth, given, counts, strength, is_tone)
    monkeypatch.setattr(heads, "solver", None)
    plain = heads.fit_correction(features, truth, given, counts, strength, is_tone)
    assert compiled.shape == plain.shape == (features.shape[1] + 1, 3)
    np.testing.assert_allclose(compiled, plain, atol=0.01 * max(1, np.abs(plain).max()))
    # At the minimum the weights are what the rows' residuals put into them.
    values = given + features @ plain[:-1] + plain[-1]
    probabilities = softmax(values, axis=1) if is_tone else expit(values)
    residuals = strength * counts[:, np.newaxis] * (truth - probabilities)
    np.testing.assert_allclose(plain[-1], residuals.sum(axis=0), atol=0.003)
    np.testing.assert_allclose(plain[:-1], features.T @ residuals, atol=0.003)

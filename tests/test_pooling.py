"""One answer for a document from the answers for its paragraphs."""

from __future__ import annotations

import math
from array import array
from itertools import chain
from typing import Any

import pytest

from stance.pooling import SHARE, pooled, pooled_tone, pooled_topics
from stance.results import REASONS, Answers

TOPICS = ("trade", "war")
FOUR = ["cooperative", "tense", "mixed", "neutral"]
NAN = float("nan")


def answered(topics: list[int], tone: int, probabilities: list[float], known: float, n_tokens: int) -> tuple[Any, ...]:
    """A paragraph with an answer."""
    return probabilities, [*topics, -1, -1][:2], tone, 0, known, n_tokens


def silent(reason: str, known: float = 0.0, n_tokens: int = 0) -> tuple[Any, ...]:
    """A paragraph without an answer."""
    return [NAN] * 6, [-1, -1], -1, REASONS.index(reason), known, n_tokens


def of(*rows: tuple[Any, ...]) -> Answers:
    """The answers for some paragraphs, of a model with two topics and the four tones."""
    probabilities, topics, tones, reasons, known, n_tokens = zip(*rows, strict=True) if rows else ((),) * 6
    return Answers(
        (TOPICS, tuple(FOUR)),
        array("d", [0.0] * 6 * len(rows)),
        array("d", chain(*probabilities)),
        array("i", chain(*topics)),
        array("i", tones),
        bytes(reasons),
        array("d", known),
        array("d", [1.0] * len(rows)),
        array("q", n_tokens),
    )


def test_paragraphs_weigh_as_much_as_their_known_words() -> None:
    answer = pooled(
        of(
            answered([0], 0, [0.75, 0.25, 0.5, 0.25, 0.125, 0.125], 0.5, 8),
            silent("unfamiliar language", 0.25, 20),
            answered([1], 1, [0.25, 0.5, 0.0, 0.75, 0.125, 0.125], 1.0, 12),
        ),
        4,
    )
    assert answer.to_dict() == {
        "topics": ["war", "trade"],
        "tone": "mixed",
        "tone_score": 0.125 - 0.625,
        "probabilities": {"trade": 0.375, "war": 0.4375},
        "tones": {"cooperative": 0.125, "tense": 0.625, "mixed": 0.125, "neutral": 0.125},
        "known": 21 / 40,
        "abstained": None,
    }


def test_topics_and_tones_of_several_paragraphs_add_up() -> None:
    values = [0.5, 0.25, 0.0, 0.0, 0.0, 1.0]
    some = [answered([0], 3, values, 1.0, 1)] + [answered([1], 1, values, 1.0, 1)] * 2
    rest = [answered([], 3, values, 1.0, 1)] * 7
    answer = pooled(of(*some, *rest), 4)
    assert (answer.topics, answer.tone) == (("war",), "tense")
    answer = pooled(of(*some, *rest, rest[0]), 4)
    assert (answer.topics, answer.tone) == (("war",), "neutral")


def test_a_document_has_the_most_probable_of_its_topics_where_it_may_have_one() -> None:
    both = of(answered([1, 0], 3, [0.5, 0.75, 0.0, 0.0, 0.0, 1.0], 0.5, 2))
    assert pooled(both, 1).topics == ("war",)
    assert pooled(both, 2).topics == ("war", "trade")


def test_a_model_without_tones_or_topics_gives_the_others() -> None:
    rest = bytes(1), array("d", [0.5]), array("d", [1.0]), array("q", [4])
    values = array("d", [0.75, 0.25])
    answer = pooled(Answers((TOPICS, ()), values, values, array("i", [0, -1]), array("i", [-1]), *rest), 4)
    assert (answer.topics, answer.probabilities) == (("trade",), {"trade": 0.75, "war": 0.25})
    assert (answer.tone, answer.tones, math.isnan(answer.tone_score)) == (None, {}, True)
    answer = pooled(Answers(((), ("да", "нет")), values, values, array("i"), array("i", [0]), *rest), 4)
    assert (answer.topics, answer.probabilities, answer.tone, answer.tones) == ((), {}, "да", {"да": 0.75, "нет": 0.25})


@pytest.mark.parametrize(
    ("rows", "reason", "known"),
    [
        ([], "empty", 0.0),
        ([silent("empty")], "empty", 0.0),
        ([silent("too little known text", 1.0, 1)], "too little known text", 1.0),
        ([silent("no words")] * 2, "no words", 0.0),
        (
            [silent("unfamiliar language", 0.5, 4), silent("unfamiliar language", 0.25, 12)],
            "unfamiliar language",
            0.3125,
        ),
        ([silent("unfamiliar language", 0.5, 4), silent("no words")], "too little known text", 0.5),
    ],
)
def test_a_document_without_an_answer_has_the_reason_of_its_paragraphs(
    rows: list[tuple[Any, ...]], reason: str, known: float
) -> None:
    answer = pooled(of(*rows), 4)
    assert (answer.abstained, answer.known) == (reason, known)
    assert (answer.topics, answer.tone, answer.probabilities, answer.tones) == ((), None, {}, {})
    assert math.isnan(answer.tone_score)


@pytest.mark.parametrize(
    ("shares", "expected"),
    [([0.2, 0.5, 0.19], [1, 0]), ([0.1, 0.15, 0.0], [1]), ([0.0, 0.0, 0.0], []), ([0.3, 0.3, 0.4], [2, 0])],
)
def test_a_document_has_the_topics_of_a_fifth_of_it(shares: list[float], expected: list[int]) -> None:
    assert pooled_topics(shares, shares, 2) == expected


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ([0.2, 0.1, 0.0, 0.7], "cooperative"),
        ([0.1, 0.2, 0.0, 0.7], "tense"),
        ([0.2, 0.2, 0.0, 0.6], "mixed"),
        ([0.0, 0.0, 0.2, 0.8], "mixed"),
        ([0.1, 0.0, 0.1, 0.8], "cooperative"),
        ([0.1, 0.1, 0.0, 0.8], "neutral"),
    ],
)
def test_a_document_has_the_tones_of_a_fifth_of_it(shares: list[float], expected: str) -> None:
    place = pooled_tone(FOUR, shares, shares)
    assert place is not None
    assert FOUR[place] == expected


def test_other_tone_labels_go_by_the_greatest_share() -> None:
    assert pooled_tone(["a", "b", "c"], [0.4, 0.4, 0.2], [0.1, 0.3, 0.6]) == 1
    assert pooled_tone([], [], []) is None


@pytest.mark.parametrize("n_paragraphs", range(1, 60))
def test_a_fifth_in_equal_paragraphs_is_a_fifth_however_it_is_rounded(n_paragraphs: int) -> None:
    share = 0.0
    for _ in range(n_paragraphs):
        share += 1 / (5 * n_paragraphs)
    assert pooled_topics([share, 1 - share], [0.5, 0.9], 2) == [1, 0]
    assert pooled_tone(FOUR, [share, 0.0, 0.0, 1 - share], [0.5, 0.0, 0.0, 0.5]) == FOUR.index("cooperative")


def test_a_document_has_at_most_so_many_topics() -> None:
    assert pooled_topics([0.5, 0.5], [0.6, 0.7], 1) == [1]
    assert pooled_topics([0.5, 0.5], [0.6, 0.7], 0) == []


def test_the_order_of_the_tones_does_not_matter() -> None:
    assert pooled_tone(FOUR[::-1], [0.5, 0.0, 0.0, 0.5], [0.5, 0.0, 0.0, 0.5]) == 3


def test_a_share_counts_from_the_bound_on() -> None:
    assert pooled_topics([SHARE, 1 - SHARE], [0.5, 0.9], 2) == [1, 0]
    assert pooled_tone(FOUR, [SHARE, 0.0, 0.0, 1 - SHARE], [0.0] * 4) == FOUR.index("cooperative")
    assert pooled_tone(FOUR, [0.0, SHARE, 0.0, 1 - SHARE], [0.0] * 4) == FOUR.index("tense")

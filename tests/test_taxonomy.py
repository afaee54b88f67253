"""The taxonomy: its labels, its codes, how they are looked up, and that docs/codebook.md says the same."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from stance.errors import LabelError
from stance.taxonomy import GOLDSTEIN, SCHEMES, TONES, TOPICS, Tone, Topic, codes, find

CODEBOOK = Path(__file__).parents[1] / "docs" / "codebook.md"

TOPIC_NAMES = (
    "diplomacy",
    "security",
    "nuclear",
    "trade",
    "economy",
    "technology",
    "cybersecurity",
    "climate",
    "energy",
    "health",
    "human-rights",
    "migration",
    "humanitarian",
    "politics",
    "justice",
    "culture",
)
TONE_NAMES = ("cooperative", "tense", "mixed", "neutral")
ALL_NAMES = (
    "diplomacy, security, nuclear, trade, economy, technology, cybersecurity, climate, energy, health, human-rights, "
    "migration, humanitarian, politics, justice, culture, cooperative, tense, mixed, neutral"
)

ENTRIES: tuple[Topic | Tone, ...] = (*TOPICS, *TONES)

every_entry = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
every_topic = pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip().strip("|").split("|")]


def table(heading: str) -> dict[str, list[str]]:
    """The rows of the table under one heading of the codebook: first cell -> the other cells."""
    section = CODEBOOK.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [cells(line) for line in section.splitlines() if line.startswith("|")]
    return {row[0].strip("`"): row[1:] for row in rows[2:]}


class TestLabels:
    def test_topics_are_the_codebooks_in_its_order(self) -> None:
        assert tuple(topic.name for topic in TOPICS) == TOPIC_NAMES

    def test_tones_are_the_codebooks_in_its_order(self) -> None:
        assert tuple(tone.name for tone in TONES) == TONE_NAMES

    @every_entry
    def test_definition_is_one_sentence(self, entry: Topic | Tone) -> None:
        assert re.fullmatch(r"[A-Z][^.]{40,}\.", entry.definition)

    def test_definitions_differ(self) -> None:
        assert len({entry.definition for entry in ENTRIES}) == 20

    @pytest.mark.parametrize("entry", [TOPICS[0], TONES[0]], ids=["topic", "tone"])
    def test_entries_are_frozen(self, entry: Topic | Tone) -> None:
        with pytest.raises(dataclasses.FrozenInstanceError):
            entry.name = "other"  # type: ignore[misc]


class TestTopicCodes:
    @every_topic
    def test_cap_codes_are_major_topics(self, topic: Topic) -> None:
        assert [code for code in topic.cap if not re.fullmatch(r"[1-9]|1[0-9]|2[0-3]", code)] == []

    def test_only_cybersecurity_has_no_cap_code(self) -> None:
        assert [topic.name for topic in TOPICS if not topic.cap] == ["cybersecurity"]

    @every_topic
    def test_iptc_codes_are_media_topics(self, topic: Topic) -> None:
        assert topic.iptc
        assert [code for code in topic.iptc if not re.fullmatch(r"medtop:\d{8}", code)] == []

    @every_topic
    def test_plover_codes_are_contexts(self, topic: Topic) -> None:
        assert topic.plover
        assert [code for code in topic.plover if not re.fullmatch(r"[a-z]+(_[a-z]+)*", code)] == []

    @every_topic
    @pytest.mark.parametrize("scheme", ["cap", "iptc", "plover"])
    def test_no_code_twice_in_a_topic(self, topic: Topic, scheme: str) -> None:
        given = getattr(topic, scheme)
        assert len(set(given)) == len(given)

    def test_no_iptc_code_in_two_topics(self) -> None:
        given = [code for topic in TOPICS for code in topic.iptc]
        assert len(set(given)) == len(given)

    @pytest.mark.parametrize(
        ("name", "cap", "iptc", "plover"),
        [
            (
                "diplomacy",
                ("19",),
                ("medtop:20000638", "medtop:20000639", "medtop:20000640", "medtop:20000641"),
                ("diplomatic",),
            ),
            ("economy", ("1", "5", "15"), ("medtop:04000000",), ("economic", "inequality")),
            ("cybersecurity", (), ("medtop:20001361", "medtop:20000086"), ("cyber", "misinformation")),
            ("humanitarian", ("19", "13"), ("medtop:20000643", "medtop:03000000"), ("human_security", "disasters")),
        ],
    )
    def test_codes_of_some_topics(
        self, name: str, cap: tuple[str, ...], iptc: tuple[str, ...], plover: tuple[str, ...]
    ) -> None:
        topic = find(name)
        assert isinstance(topic, Topic)
        assert (topic.cap, topic.iptc, topic.plover) == (cap, iptc, plover)


class TestToneCodes:
    cooperative, tense, mixed, neutral = TONES

    def test_every_cameo_root_has_exactly_one_tone(self) -> None:
        roots = [*self.cooperative.cameo, *self.tense.cameo, *self.neutral.cameo]
        assert sorted(roots) == [f"{number:02}" for number in range(1, 21)]

    @pytest.mark.parametrize(
        ("tone", "first", "last"), [("neutral", 1, 2), ("cooperative", 3, 8), ("tense", 9, 20), ("mixed", 3, 20)]
    )
    def test_cameo_roots_of_a_tone(self, tone: str, first: int, last: int) -> None:
        assert codes([tone], "cameo") == tuple(f"{number:02}" for number in range(first, last + 1))

    def test_quad_classes(self) -> None:
        assert [tone.quad for tone in TONES] == [(1, 2), (3, 4), (1, 2, 3, 4), (0,)]

    def test_plover_event_types(self) -> None:
        assert self.cooperative.plover == ("AGREE", "CONSULT", "SUPPORT", "CONCEDE", "COOPERATE", "AID", "RETREAT")
        assert self.tense.plover == (
            "REQUEST",
            "ACCUSE",
            "REJECT",
            "THREATEN",
            "PROTEST",
            "SANCTION",
            "MOBILIZE",
            "COERCE",
            "ASSAULT",
        )
        assert self.neutral.plover == ()

    def test_mixed_is_cooperative_then_tense(self) -> None:
        assert self.mixed.cameo == self.cooperative.cameo + self.tense.cameo
        assert self.mixed.plover == self.cooperative.plover + self.tense.plover

    def test_goldstein_scores(self) -> None:
        scores = [0, 3, 4, 1, 3.5, 6, 7, 5, -2, -5, -2, -4, -6, -6.5, -7.2, -4, -7, -9, -10, -10]
        assert dict(GOLDSTEIN) == {f"{number:02}": score for number, score in enumerate(scores, start=1)}

    def test_goldstein_cannot_be_changed(self) -> None:
        with pytest.raises(TypeError):
            GOLDSTEIN["01"] = 1.0  # type: ignore[index]


class TestCodes:
    def test_schemes(self) -> None:
        assert SCHEMES == ("cap", "iptc", "plover", "cameo")

    def test_order_of_first_appearance(self) -> None:
        assert codes(["energy", "nuclear", "economy"], "cap") == ("8", "16", "1", "5", "15")

    def test_a_code_of_two_labels_comes_once(self) -> None:
        assert codes(["humanitarian", "security", "diplomacy", "nuclear"], "cap") == ("19", "13", "16")

    def test_a_label_given_twice_counts_once(self) -> None:
        assert codes(["trade", "trade"], "plover") == ("economic",)

    def test_plover_takes_topics_and_tones(self) -> None:
        assert codes(["health", "cooperative"], "plover") == (
            "health",
            "AGREE",
            "CONSULT",
            "SUPPORT",
            "CONCEDE",
            "COOPERATE",
            "AID",
            "RETREAT",
        )

    @pytest.mark.parametrize("scheme", ["cap", "iptc"])
    def test_tones_have_no_topic_codes(self, scheme: str) -> None:
        assert codes(TONE_NAMES, scheme) == ()

    def test_topics_have_no_cameo_codes(self) -> None:
        assert codes(TOPIC_NAMES, "cameo") == ()

    @pytest.mark.parametrize("scheme", SCHEMES)
    def test_unknown_labels_give_no_code(self, scheme: str) -> None:
        known = ["trade", "tense"]
        assert codes(["football", *known, "", "Trade"], scheme) == codes(known, scheme) != ()

    def test_no_labels(self) -> None:
        assert codes([], "cap") == ()

    def test_any_iterable(self) -> None:
        assert codes((name for name in ("energy", "health")), "cap") == ("8", "3")

    def test_unknown_scheme(self) -> None:
        with pytest.raises(
            ValueError,
            match=re.escape("no scheme 'itpc'. Did you mean 'iptc'? Available: cap, iptc, plover, cameo") + "$",
        ):
            codes(["trade"], "itpc")

    def test_unknown_scheme_like_none(self) -> None:
        with pytest.raises(
            ValueError,
            match=re.escape("no scheme 'name'. Did you mean 'cameo'? Available: cap, iptc, plover, cameo") + "$",
        ):
            codes([], "name")

    def test_one_string_is_not_several_labels(self) -> None:
        with pytest.raises(TypeError) as caught:
            codes("trade", "cap")
        assert str(caught.value) == "expected several labels, but got one string: 'trade'. Pass a list: ['trade']"


class TestFind:
    @every_entry
    def test_finds_every_label(self, entry: Topic | Tone) -> None:
        assert find(entry.name) is entry

    def test_near_miss(self) -> None:
        with pytest.raises(LabelError) as caught:
            find("human rights")
        assert str(caught.value) == (
            f"there is no label 'human rights'. Did you mean 'human-rights'? Available: {ALL_NAMES}"
        )

    def test_far_miss(self) -> None:
        with pytest.raises(LabelError) as caught:
            find("zzz")
        assert str(caught.value) == f"there is no label 'zzz'. Available: {ALL_NAMES}"
        assert caught.value.label == "zzz"
        assert caught.value.known == TOPIC_NAMES + TONE_NAMES


class TestCodebook:
    """The tables of docs/codebook.md hold what the module holds."""

    def test_topics(self) -> None:
        assert table("Topics") == {topic.name: [topic.definition] for topic in TOPICS}

    def test_topic_codes(self) -> None:
        assert table("Codes of topics") == {
            topic.name: [
                ", ".join(topic.cap) or "none",
                ", ".join(code.removeprefix("medtop:") for code in topic.iptc),
                ", ".join(topic.plover),
            ]
            for topic in TOPICS
        }

    def test_tones(self) -> None:
        assert {name: row[-1] for name, row in table("Tone").items()} == {tone.name: tone.definition for tone in TONES}

    def test_tone_codes(self) -> None:
        assert table("Codes of tones") == {
            tone.name: [
                ", ".join(tone.cameo),
                ", ".join(tone.plover) or "none",
                ", ".join(str(quad) for quad in tone.quad),
            ]
            for tone in TONES
        }

    def test_goldstein(self) -> None:
        assert table("Goldstein scores") == {root: [f"{score:g}"] for root, score in GOLDSTEIN.items()}

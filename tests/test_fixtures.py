"""The data written for the project is what its README says, and the shipped model answers it sensibly."""

from __future__ import annotations

import re

import pandas as pd
from conftest import FIXTURES

import stance
from stance.taxonomy import TONES, TOPICS
from training.rows import text_id

TOPIC_NAMES = [topic.name for topic in TOPICS]
TONE_NAMES = [tone.name for tone in TONES]


def test_there_are_enough_paragraphs_of_every_label(paragraphs: pd.DataFrame) -> None:
    assert len(paragraphs) >= 400
    topics = paragraphs["topics"].str.split("|").explode().value_counts()
    assert all(topics[name] >= 30 for name in TOPIC_NAMES)
    tones = paragraphs["tone"].value_counts()
    assert all(tones[name] >= 60 for name in TONE_NAMES)
    assert set(tones.index) == set(TONE_NAMES)
    assert set(topics.index) == {*TOPIC_NAMES, ""}


def test_paragraphs_are_told_apart_by_the_id_of_their_text(paragraphs: pd.DataFrame) -> None:
    assert paragraphs["id"].is_unique
    assert paragraphs["text"].map(text_id).equals(paragraphs["id"])


def test_topics_stand_in_the_codebooks_order_and_are_at_most_four(paragraphs: pd.DataFrame) -> None:
    for cell in paragraphs["topics"]:
        names = cell.split("|") if cell else []
        assert names == [name for name in TOPIC_NAMES if name in names]
        assert len(names) <= 4


def test_voices_countries_and_years_vary(paragraphs: pd.DataFrame) -> None:
    assert paragraphs["voice"].nunique() >= 5
    assert paragraphs["country"].nunique() >= 100
    assert paragraphs["year"].between(1945, 2026).all()
    assert paragraphs["year"].nunique() >= 50


def words_in_a_row(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[place : place + 8]) for place in range(len(words) - 7)}


def test_writings_and_kinds_are_labelled_and_told_apart() -> None:
    for name, column in (("writings", "group"), ("kinds", "kind")):
        table = pd.read_csv(FIXTURES / f"{name}.csv", keep_default_na=False)
        assert table["id"].is_unique
        assert table["text"].map(text_id).equals(table["id"])
        assert table[column].value_counts().min() >= 16
        assert set(table["tone"]) == set(TONE_NAMES)
        for cell in table["topics"]:
            assert cell == "|".join(topic for topic in TOPIC_NAMES if topic in cell.split("|"))
        topics = table["topics"].str.split("|").explode().value_counts()
        assert all(topics[topic] >= 12 for topic in TOPIC_NAMES)


def test_no_text_that_is_judged_by_was_taught(paragraphs: pd.DataFrame) -> None:
    learned = pd.concat([paragraphs["text"], pd.read_csv(FIXTURES / "writings.csv")["text"]])
    taught = set().union(*learned.map(words_in_a_row))
    reversals = pd.read_csv(FIXTURES / "reversals.csv")
    others = [pd.read_csv(FIXTURES / name)["text"] for name in ("kinds.csv", "off-topic.csv")]
    for texts in (*others, reversals["cooperative"], reversals["tense"]):
        for text in texts:
            assert not words_in_a_row(text) & taught, text


def test_articles_come_out_as_labelled_for_the_most_part(default_model: stance.Model) -> None:
    """The articles are not in the training data."""
    labels = pd.read_csv(FIXTURES / "article-labels.csv", keep_default_na=False)
    n_right_tone = n_common_topic = n_topical = 0
    for name, expected in labels.groupby("article"):
        text = (FIXTURES / str(name)).read_bytes().decode("utf-8")
        document = default_model.classify_document(text)
        assert len(document.paragraphs) == len(expected) >= 8
        for paragraph, first_words, topics, tone in zip(
            document.paragraphs, expected["first_words"], expected["topics"], expected["tone"], strict=True
        ):
            assert paragraph.text.split()[:5] == first_words.split()
            n_right_tone += paragraph.tone == tone
            n_topical += bool(topics)
            n_common_topic += bool(topics) and bool(set(paragraph.topics) & set(topics.split("|")))
    assert n_right_tone >= 0.7 * len(labels)
    assert n_common_topic >= 0.8 * n_topical


def test_other_languages_get_no_answer(default_model: stance.Model) -> None:
    foreign = pd.read_csv(FIXTURES / "languages.csv")
    assert foreign["language"].nunique() == 30
    answered = [
        language
        for language, answer in zip(foreign["language"], default_model.classify_many(foreign["text"]), strict=True)
        if answer.abstained is None
    ]
    assert len(answered) <= 0.02 * len(foreign), answered


def test_english_is_answered(default_model: stance.Model, paragraphs: pd.DataFrame) -> None:
    answers = default_model.classify_many(paragraphs["text"])
    assert [answer.abstained for answer in answers if answer.abstained] == []


def test_off_topic_english_is_neutral_for_the_most_part(default_model: stance.Model) -> None:
    texts = pd.read_csv(FIXTURES / "off-topic.csv")["text"]
    tones = [answer.tone for answer in default_model.classify_many(texts)]
    assert sum(tone in ("neutral", None) for tone in tones) >= 0.9 * len(tones)

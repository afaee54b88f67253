"""Answers in a terminal: lined up, in colour only where it is wanted, and without anybody's control characters."""

from __future__ import annotations

import io
import re
from unicodedata import category, east_asian_width

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_contracts import TEXTS, nasty, on_any_model
from test_results import ANSWER, DOCUMENT, EMPTY, NAN, NO_TOPIC, SILENT, TONE_ONLY, TOPICS_ONLY

import stance
from stance.results import Classification, Document, Paragraph
from stance.terminal import one_line, plain, printable, shown, takes_colour

CODE = re.compile(r"\x1b\[[0-9;]+m")
labels = st.text(min_size=1, max_size=60)


class Stream(io.StringIO):
    """A terminal, or not."""

    def __init__(self, is_terminal: bool) -> None:
        super().__init__()
        self.is_terminal = is_terminal

    def isatty(self) -> bool:
        return self.is_terminal


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (
            ANSWER,
            "topics  trade        0.91  ██████████████████▎\n"
            "        energy       0.50  ██████████\n"
            "tone    cooperative  0.75  tense ──────────┼─────●──── cooperative  +0.62\n"
            "known   88% of the words",
        ),
        (
            NO_TOPIC,
            "topics  none\n"
            "tone    neutral  1.00  tense ────────●─┼────────── cooperative  -0.25\n"
            "known   100% of the words",
        ),
        (TOPICS_ONLY, "topics  trade  0.99  ███████████████████▊\nknown   50% of the words"),
        (TONE_ONLY, "tone    да  0.60  ████████████\nknown   50% of the words"),
        (SILENT, "no answer: too little known text (13% of the words known)"),
        (EMPTY, "no answer: empty (0% of the words known)"),
    ],
)
def test_an_answer_as_text(answer: Classification, text: str) -> None:
    assert str(answer) == text


def test_a_document_as_text() -> None:
    assert str(DOCUMENT) == (
        "document of 2 paragraphs\n"
        "topics  trade        0.91  ██████████████████▎\n"
        "        energy       0.50  ██████████\n"
        "tone    cooperative        tense ──────────┼─────●──── cooperative  +0.62\n"
        "known   88% of the words\n"
        "\n"
        "[1] Steel flows.\n"
        "topics  trade        0.91  ██████████████████▎\n"
        "        energy       0.50  ██████████\n"
        "tone    cooperative  0.75  tense ──────────┼─────●──── cooperative  +0.62\n"
        "known   88% of the words\n"
        "\n"
        f"[2] {'A ' * 35}A…\n"
        "no answer: too little known text (13% of the words known)"
    )


def test_documents_of_no_and_of_one_paragraph_as_text() -> None:
    assert str(Document((), EMPTY)) == "document of 0 paragraphs\nno answer: empty (0% of the words known)"
    one = Document((Paragraph("Да.", 0, 3, TONE_ONLY),), TONE_ONLY)
    assert str(one) == (
        "document of 1 paragraph\ntone    да        ████████████\nknown   50% of the words\n"
        "\n[1] Да.\ntone    да  0.60  ████████████\nknown   50% of the words"
    )


def test_a_document_in_colour() -> None:
    assert shown(Document((Paragraph("Steel flows.", 0, 12, SILENT),), NO_TOPIC), colour=True) == (
        "\x1b[1mdocument of 1 paragraph\x1b[0m\n"
        "\x1b[2mtopics\x1b[0m  none\n"
        "\x1b[2mtone\x1b[0m    neutral        tense ────────●─┼────────── cooperative  -0.25\n"
        "\x1b[2mknown\x1b[0m   100% of the words\n"
        "\n"
        "\x1b[1m[1] Steel flows.\x1b[0m\n"
        "\x1b[33mno answer: too little known text\x1b[0m (13% of the words known)"
    )
    assert shown(ANSWER, colour=True) == (
        "\x1b[2mtopics\x1b[0m  \x1b[1mtrade\x1b[0m        0.91  \x1b[94m██████████████████▎\x1b[0m\n"
        "        \x1b[1menergy\x1b[0m       0.50  \x1b[94m██████████\x1b[0m\n"
        "\x1b[2mtone\x1b[0m    \x1b[1;36mcooperative\x1b[0m  0.75  "
        "tense ──────────┼─────\x1b[1;36m●\x1b[0m──── cooperative  +0.62\n"
        "\x1b[2mknown\x1b[0m   88% of the words"
    )


@pytest.mark.parametrize("text", TEXTS)
def test_answers_of_every_model_are_lined_up_and_without_codes(any_model: stance.Model, text: str) -> None:
    document = any_model.classify_document(f"{text}\n\n{TEXTS[0]}")
    for answer in (document, any_model.classify(text)):
        assert is_safe(str(answer))
        assert CODE.sub("", shown(answer, colour=True)) == str(answer)
        assert len(starts_of_probabilities(str(answer))) == (answer.abstained is None)


@on_any_model
@given(text=st.lists(nasty, max_size=3).map("\n\n".join))
def test_no_text_brings_control_characters_into_a_terminal(any_model: stance.Model, text: str) -> None:
    assert is_safe(str(any_model.classify_document(text)))


@settings(deadline=None)
@given(
    topics=st.dictionaries(labels, st.floats(), min_size=1, max_size=4),
    tone=labels,
    probability=st.floats(0, 1),
    score=st.floats(-1, 1) | st.just(NAN),
)
def test_labels_of_any_letters_are_lined_up(
    topics: dict[str, float], tone: str, probability: float, score: float
) -> None:
    answer = Classification(tuple(topics), tone, score, topics, {tone: probability}, 1.0, None)
    rows = str(answer).splitlines()[:-1]
    assert len(rows) == len(topics) + 1
    assert is_safe(str(answer))
    values = [f"{value:.2f}" for value in topics.values()]
    values.append(f"{probability:.2f}" + "  tense" * (score == score))
    starts = {columns(row[: row.rindex(value)]) for row, value in zip(rows, values, strict=True)}
    assert starts == {8 + max(columns(one_line(label, 40)) for label in (*topics, tone)) + 2}


@given(st.floats(0, 1))
def test_a_bar_is_as_long_as_the_probability_in_eighths_of_a_letter(probability: float) -> None:
    line = str(Classification(("a",), None, NAN, {"a": probability}, {}, 1.0, None)).splitlines()[0]
    bar = line[len("topics  a  0.00  ") :]
    eighths = [" ▏▎▍▌▋▊▉█".index(character) for character in bar]
    assert sum(eighths) == round(probability * 160)
    assert all(part == 8 for part in eighths[:-1])


@pytest.mark.parametrize(
    ("score", "line"),
    [
        (-1.0, "tense ●─────────┼────────── cooperative  -1.00"),
        (-0.001, "tense ──────────●────────── cooperative  +0.00"),
        (0.125, "tense ──────────┼●───────── cooperative  +0.12"),
        (1.0, "tense ──────────┼─────────● cooperative  +1.00"),
    ],
)
def test_a_tone_has_its_place_between_tense_and_cooperative(score: float, line: str) -> None:
    answer = Classification((), "mixed", score, {}, {"mixed": 0.5}, 1.0, None)
    assert str(answer).splitlines()[0] == f"tone    mixed  0.50  {line}"


def test_wide_and_joining_letters_take_their_columns() -> None:
    topics = ("貿易", "e\u0301nergie", "a\x1b[31m")
    answer = Classification(topics, None, NAN, dict.fromkeys(topics, 0.0), {}, 1.0, None)
    assert str(answer) == (
        "topics  貿易     0.00\n        e\u0301nergie  0.00\n        a�[31m   0.00\nknown   100% of the words"
    )


# Colour --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("is_terminal", "platform", "variables", "expected"),
    [
        (True, "linux", {}, True),
        (True, "linux", {"TERM": "xterm", "NO_COLOR": ""}, True),
        (True, "linux", {"NO_COLOR": "0"}, False),
        (True, "linux", {"TERM": "dumb"}, False),
        (False, "linux", {"TERM": "xterm"}, False),
        (True, "win32", {}, False),
        (True, "win32", {"WT_SESSION": "1"}, True),
    ],
)
def test_colour_is_for_terminals_that_have_it_and_people_who_want_it(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool, platform: str, variables: dict[str, str], expected: bool
) -> None:
    for name in ("NO_COLOR", "TERM", "WT_SESSION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("stance.terminal.sys.platform", platform)
    assert takes_colour(Stream(is_terminal)) is expected


# Text ----------------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(text=st.text(), width=st.integers(2, 30))
def test_one_line_is_one_line_that_begins_the_text(text: str, width: int) -> None:
    line = one_line(text, width)
    assert len(line) <= width
    assert plain(" ".join(text.split())).startswith(line.removesuffix("…"))
    assert line == " ".join(line.split())
    assert is_safe(line)


@given(st.text(st.characters(categories=["Cc", "Cs", "L", "Cf"])))
def test_printable_text_keeps_its_length_and_its_line_ends(text: str) -> None:
    found = printable(text)
    assert len(found) == len(text)
    for before, after in zip(text, found, strict=True):
        is_kept = before in "\t\n\r" or category(before) not in ("Cc", "Cs")
        assert after == (before if is_kept else "\N{REPLACEMENT CHARACTER}")


@given(st.text(st.characters(categories=["Cc", "Cs", "L", "Cf"])))
def test_plain_text_neither_goes_back_on_its_line_nor_turns_it(text: str) -> None:
    turns = "\r\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    expected = "".join("\N{REPLACEMENT CHARACTER}" if letter in turns else letter for letter in printable(text))
    assert plain(text) == expected


def test_marks_that_only_join_or_lean_stay_as_they_are() -> None:
    text = "👨\u200d👩\u200d👧 \u200f\u200e\u061c שלום ❤\ufe0f a\u0301"
    assert plain(text) == one_line(text) == text


def is_safe(text: str) -> bool:
    """Say whether a text holds no control character but line ends, and nothing that cannot be written."""
    return all(category(character) not in ("Cc", "Cs") for character in text.replace("\n", ""))


def starts_of_probabilities(text: str) -> set[int]:
    """Give the places in their lines in which probabilities begin."""
    found = re.finditer(r"^(?:topics|tone  |      )  .*?  (?=\d\.\d\d  )", text, flags=re.MULTILINE)
    return {len(match.group()) for match in found}


def columns(text: str) -> int:
    """Give the width of a text in a terminal."""
    joining = sum(category(character) in ("Mn", "Me", "Cf") for character in text)
    wide = [east_asian_width(character) in ("W", "F") and category(character) not in ("Mn", "Me") for character in text]
    return len(text) - joining + sum(wide)

"""Answers in a notebook: all of the text and nothing but the text, shaded for the labels given."""

from __future__ import annotations

import pickle
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_contracts import TEXTS, nasty, on_any_model
from test_results import ANSWER, EMPTY, NAN, SILENT

import stance
from stance.notebook import STYLE
from stance.results import Classification, Document, Paragraph, TermWeight
from stance.terminal import one_line, printable

TAGS = re.compile("b|bdi|circle|details|div|g|hr|i|mark|p|path|span|style|summary|svg|text|title")
ATTRIBUTES = re.compile(
    "aria-hidden|aria-label|class|c[xy]|d|dir|fill|font-size|height|open|r|role|stroke(-opacity|-width)?|style|title|"
    "viewbox|width|y"
)
EMPTY_TAGS = {"hr", "path"}
TONES = {"cooperative": 0.7, "tense": 0.1, "mixed": 0.1, "neutral": 0.1}
hostile = st.one_of(
    nasty,
    st.lists(
        st.sampled_from(
            ["<script>alert(1)</script>", '"', "'", "&amp;", "</p>", "<!--", "]]>", "war", "peace talks", "שלום", "\0"]
        )
    ).map(" ".join),
)


class Page(HTMLParser):
    """HTML that is checked while it is read: known tags and attributes, each tag closed in its turn."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.texts: list[str] = []
        self.open: list[str] = []
        self.shaded_for: list[str] = []
        self.is_open: list[bool] = []
        self.said: list[str] = []
        self._is_text = False
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        named = dict(attributes)
        assert TAGS.fullmatch(tag)
        assert all(map(ATTRIBUTES.fullmatch, named))
        assert "url" not in (named.get("style") or "")
        if tag not in EMPTY_TAGS:
            self.open.append(tag)
        if tag == "p":
            self._is_text = named.get("class") == "text"
            if self._is_text:
                assert named["dir"] == "auto"
                self.texts.append("")
        if tag == "details":
            self.is_open.append("open" in named)
        if tag == "mark" and self._is_text:
            self.shaded_for.append(str(named["title"]))
        if named.get("role") == "img":
            self.said.append(str(named["aria-label"]))

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert tag in EMPTY_TAGS
        self.handle_starttag(tag, attributes)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self._is_text = self._is_text and tag != "p"

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.text += data
        if self._is_text:
            self.texts[-1] += data

    def handle_comment(self, data: str) -> None:
        pytest.fail(f"a comment: {data}")

    def handle_decl(self, decl: str) -> None:
        pytest.fail(f"a declaration: {decl}")


def html_of(answer: Classification | Document) -> str:
    """HTML without the style."""
    html = answer._repr_html_()
    assert html.startswith(f'{STYLE}\n<div class="stance">\n')
    assert html.endswith("\n</div>")
    return html.removeprefix(f'{STYLE}\n<div class="stance">\n').removesuffix("\n</div>")


def explained(
    text: str | None, topics: tuple[str, ...] = ("trade",), tone: str | None = "cooperative"
) -> Classification:
    """An answer that knows its text, whose first word speaks for each label and whose second against it."""

    def explain(text: str, label: int) -> list[TermWeight]:
        return [TermWeight("free", 1.0 + label, ((0, 4),)), TermWeight("trade", -0.5 - label / 2, ((5, 10),))]

    values = {"trade": 0.9, "energy": 0.25, "health": 0.05, "culture": 0.04, "justice": 0.03}
    made = Classification(topics, tone, 0.6 if tone else NAN, values, TONES if tone else {}, 0.875, None)
    return Classification.of((*made._answer[:7], text, explain))


# What holds for every model ------------------------------------------------------------------------------------------


@on_any_model
@given(text=hostile)
def test_an_answer_shows_all_of_its_text_and_nothing_else(any_model: stance.Model, text: str) -> None:
    answer = any_model.classify(text)
    page = Page(answer._repr_html_())
    labels = [label for label in (*answer.topics, answer.tone) if label is not None]
    assert page.texts == [printable(text)] * max(len(labels), 1)
    assert page.is_open == [label in (*answer.topics[:1], answer.tone) for label in labels]
    assert {title.split(" ", 2)[2] for title in page.shaded_for} <= {one_line(label) for label in labels}
    assert len(page.said) == (answer.tone_score == answer.tone_score)


@on_any_model
@given(text=st.lists(hostile, max_size=4).map("\n\n".join))
def test_a_document_shows_every_paragraph(any_model: stance.Model, text: str) -> None:
    document = any_model.classify_document(text)
    page = Page(document._repr_html_())
    expected = []
    for paragraph in document.paragraphs:
        n_labels = len(paragraph.topics) + (paragraph.tone is not None)
        expected += [printable(paragraph.text)] * max(n_labels, 1)
    assert page.texts == expected
    scored = [paragraph for paragraph in document.paragraphs if paragraph.tone_score == paragraph.tone_score]
    assert len(page.said) == len(scored) + (document.tone_score == document.tone_score) + (len(scored) > 1)


@pytest.mark.parametrize("text", TEXTS)
def test_an_answer_from_another_process_shows_bars_without_text(any_model: stance.Model, text: str) -> None:
    answer = pickle.loads(pickle.dumps(any_model.classify(text)))
    page = Page(answer._repr_html_())
    assert page.texts == page.shaded_for == page.is_open == []
    for topic in answer.topics:
        assert f"{topic}{answer.probabilities[topic]:.2f}" in page.text
    if answer.abstained is not None:
        assert f"no answer: {answer.abstained} ({answer.known:.0%} of the words known)" in page.text


def test_paragraphs_from_another_process_show_their_text_without_shades(default_model: stance.Model) -> None:
    document = pickle.loads(pickle.dumps(default_model.classify_document(f"{TEXTS[0]}\n\n{TEXTS[1]}")))
    page = Page(document._repr_html_())
    assert page.texts == TEXTS[:2]
    assert page.shaded_for == page.is_open == []


# Whole answers -------------------------------------------------------------------------------------------------------


def bar(name: str, value: str, width: str, kind: str = "bar") -> str:
    return (
        f'<span class="row"><span class="name">{name}</span><span class="value">{value}</span>'
        f'<span class="{kind}" aria-hidden="true"><i style="width:{width}"></i></span></span>'
    )


def other(name: str, value: str, width: str) -> str:
    return f"<div>{bar(f'<bdi>{name}</bdi>', value, width, 'bar other')}</div>"


def shades(label: str, weight: str, against: str) -> str:
    over, under = "color:inherit;background:rgba(13,148,136,0.45)", "color:inherit;background:rgba(219,39,119,0.{})"
    under += ";text-decoration:underline dotted"
    return (
        f'<p dir="auto" class="text"><mark title="{weight} for {label}" style="{over}">Free</mark> '
        f'<mark title="{against} against {label}" style="{under.format(23)}">trade</mark> &lt;b&gt;</p>'
        f'<p class="note"><mark style="{over}">for it</mark>: <bdi>free</bdi>&nbsp;{weight}; '
        f'<mark style="{under.format(45)}">against it</mark>: <bdi>trade</bdi>&nbsp;{against}</p>'
    )


def scale(score: str, left: str) -> str:
    said = f"tone score {score}, from -1, tense, to +1, cooperative"
    return (
        f'<div><span class="row"><span class="name">tense to cooperative</span><span class="value">{score}</span>'
        f'<span class="scale" role="img" aria-label="{said}" title="{said}"><i style="left:{left}"></i>'
        "</span></span></div>"
    )


OTHER_TOPICS = [other("energy", "0.25", "25%"), other("health", "0.05", "5%"), other("culture", "0.04", "4%")]
OTHER_TONES = [other("tense", "0.10", "10%"), other("mixed", "0.10", "10%"), other("neutral", "0.10", "10%")]


def test_an_answer_with_its_text() -> None:
    assert html_of(explained("Free trade <b>")).split("\n") == [
        "<p>topics</p>",
        f"<details open><summary>{bar('<b><bdi>trade</bdi></b>', '0.90', '90%')}</summary>"
        f"{shades('trade', '+1.00', '-0.50')}</details>",
        *OTHER_TOPICS,
        "<p>tone</p>",
        f"<details open><summary>{bar('<b><bdi>cooperative</bdi></b>', '0.70', '70%')}</summary>"
        f"{shades('cooperative', '+6.00', '-3.00')}</details>",
        *OTHER_TONES,
        scale("+0.60", "80%"),
        "<p>88% of the words known</p>",
    ]


def test_an_answer_without_its_text() -> None:
    assert html_of(ANSWER).split("\n") == [
        "<p>topics</p>",
        f"<div>{bar('<b><bdi>trade</bdi></b>', '0.91', '91%')}</div>",
        f"<div>{bar('<b><bdi>energy</bdi></b>', '0.50', '50%')}</div>",
        other("health", "0.01", "1%"),
        "<p>tone</p>",
        f"<div>{bar('<b><bdi>cooperative</bdi></b>', '0.75', '75%')}</div>",
        other("tense", "0.12", "12.5%"),
        other("neutral", "0.12", "12.5%"),
        scale("+0.62", "81.25%"),
        "<p>88% of the words known</p>",
    ]
    assert html_of(SILENT) == "<p>no answer: too little known text (13% of the words known)</p>"


def test_a_text_without_a_label_is_shown_without_shades() -> None:
    text = '<p dir="auto" class="text">Free &quot;trade&quot;</p>'
    known = "<p>88% of the words known</p>"
    found = html_of(explained('Free "trade"', (), None)).split("\n")
    assert found[:2] == [text, "<p>topics: none</p>"]
    assert found[-1] == known
    assert len(found) == 6


def test_a_document() -> None:
    parts = [explained("Free trade <b>"), explained("Free trade <b>", (), "tense"), EMPTY]
    paragraphs = tuple(Paragraph("Free trade <b>", 0, 14, answer) for answer in parts)
    mean = ", with the mean of their probabilities in the paragraphs"
    name, tense = "<b><bdi>trade</bdi></b>", "tone: <b><bdi>tense</bdi></b>"
    tone = bar("tone: <b><bdi>cooperative</bdi></b>", "0.70", "70%")
    found = html_of(Document(paragraphs, ANSWER)).split("\n")
    line = found.pop(11)
    assert found == [
        "<p><b>document of 3 paragraphs</b></p>",
        f"<p>topics{mean}</p>",
        *html_of(ANSWER).split("\n")[1:4],
        f"<p>tone{mean}</p>",
        *html_of(ANSWER).split("\n")[5:],
        "<hr><p><b>[1]</b></p>",
        f"<details open><summary>{bar(name, '0.90', '90%')}</summary>{shades('trade', '+1.00', '-0.50')}</details>",
        f"<details><summary>{tone}</summary>{shades('cooperative', '+6.00', '-3.00')}</details>",
        scale("+0.60", "80%"),
        "<hr><p><b>[2]</b></p>",
        "<p>topics: none</p>",
        f"<details open><summary>{bar(tense, '0.10', '10%')}</summary>{shades('tense', '+7.00', '-3.50')}</details>",
        scale("+0.60", "80%"),
        "<hr><p><b>[3]</b></p>",
        '<p>no answer: empty (0% of the words known)</p><p dir="auto" class="text">Free trade &lt;b&gt;</p>',
    ]
    assert line == (
        '<svg viewBox="0 0 620 90" width="620" role="img" aria-label="tone along the article, from -1, tense, to +1, '
        'cooperative: lowest +0.60 in paragraph 1, highest +0.60 in paragraph 1">'
        '<g fill="currentColor" font-size="12"><text y="14">cooperative</text><text y="84">tense</text></g>'
        '<g fill="none" stroke="currentColor"><path d="M90 45H610" stroke-opacity=".4"/>'
        '<path d="M90.0 24.0L610.0 24.0" stroke-width="1.5"/></g>'
        '<circle cx="90.0" cy="24.0" r="3.5" fill="#3b82f6"><title>paragraph 1: +0.60</title></circle>'
        '<circle cx="610.0" cy="24.0" r="3.5" fill="#3b82f6"><title>paragraph 2: +0.60</title></circle></svg>'
    )


# What is left out ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("length", "more"), [(50_001, "and 1 more character"), (51_234, "and 1,234 more characters")])
def test_of_a_very_long_text_the_beginning_is_shown_without_shades(length: int, more: str) -> None:
    page = Page(explained("free trade"[:5] * (length // 5) + "x" * (length % 5))._repr_html_())
    assert [len(text) for text in page.texts] == [50_000]
    assert more in page.text
    assert page.shaded_for == []


@pytest.mark.parametrize(("n_paragraphs", "more"), [(3, "and 1 more paragraph"), (1203, "and 1,201 more paragraphs")])
def test_of_a_very_long_document_the_first_paragraphs_are_shown(n_paragraphs: int, more: str) -> None:
    document = Document((Paragraph("a " * 20_000, 0, 40_000, SILENT),) * n_paragraphs, ANSWER)
    page = Page(document._repr_html_())
    assert page.texts == ["a " * 20_000] * 2
    assert page.text.rstrip("\n").endswith(more)


def test_a_document_that_fits_is_shown_whole() -> None:
    document = Document((Paragraph("a " * 25_000, 0, 50_000, SILENT), Paragraph("b", 0, 1, SILENT)), ANSWER)
    assert len(Page(document._repr_html_()).texts) == 2


# The line of tone ----------------------------------------------------------------------------------------------------


def toned(*scores: float) -> Document:
    answers = [Classification((), "mixed", score, {}, {"mixed": 1.0}, 1.0, None) for score in scores]
    return Document(tuple(Paragraph("a", 0, 1, answer) for answer in answers), EMPTY)


def test_the_line_of_tone_is_broken_where_a_paragraph_has_no_tone() -> None:
    html = html_of(toned(NAN, -1.0, 0.0, NAN, NAN, 1.0))
    assert '<path d="M194.0 80.0L298.0 45.0M610.0 10.0" stroke-width="1.5"/>' in html
    assert re.findall(r'fill="(#\w+)"><title>(.*?)</title>', html) == [
        ("#ea580c", "paragraph 2: -1.00"), ("#3b82f6", "paragraph 3: +0.00"), ("#3b82f6", "paragraph 6: +1.00")
    ]  # fmt: skip
    assert "lowest -1.00 in paragraph 2, highest +1.00 in paragraph 6" in html


@pytest.mark.parametrize("scores", [(), (0.5,), (NAN, NAN), (NAN, 0.5, NAN)])
def test_there_is_no_line_through_fewer_than_two_points(scores: tuple[float, ...]) -> None:
    assert "<svg" not in html_of(toned(*scores))


def test_a_point_stands_for_several_paragraphs_of_a_long_article() -> None:
    html = html_of(toned(*[1.0, 0.0, NAN] * 134, *[-1.0] * 3))
    titles = re.findall(r"<title>(.*?)</title>", html)
    assert len(titles) == 135
    assert titles[0] == "paragraphs 1 to 3: +0.50"
    assert titles[-1] == "paragraphs 403 to 405: -1.00"
    assert re.findall(r"<title>(.*?)</title>", html_of(toned(*[0.0] * 201)))[-1] == "paragraph 201: +0.00"

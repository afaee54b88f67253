"""Reports: pages of articles, corpora and evaluations that hold all they need, with every text escaped."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import FIXTURES
from hypothesis import given, settings
from hypothesis import strategies as st

import stance
from stance import cli, page
from stance.article_page import N_SHADED, article_page
from stance.corpus_charts import over_time
from stance.corpus_page import LONGEST, N_PARAGRAPHS, N_TOPICS, corpus_page
from stance.drawing import Line, draw
from stance.errors import MissingExtraError, TableError
from stance.extremes import extremes
from stance.page import UNSEEN, clean, tone_class

PEACE = "The two governments signed a peace treaty and opened talks on trade."
WAR = "Rebels shelled the town and the army fired missiles at the port."
STRANGE = "qqzzvv xxjjkk wwqqpp"
NASTY = (
    "<script>alert(1)</script> & \"quoted\" 'text' </p></style> \u202eשלום\u202c مرحبا "
    "\x00\x07\x7f\ud800 {{ 7 * 7 }} $x^2$"
)
VOID = {"meta", "link", "input", "br"}
PAGES = Path(stance.__file__).parent / "pages"

Run = Callable[..., tuple[int, str, str]]


class Parsed(HTMLParser):
    """The elements of a page and their text; fails where one is not closed, or closed that was not open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.open: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = (tag, dict(attrs), [""])
        assert len(dict(attrs)) == len(attrs), f"an attribute of {tag} stands twice"
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), [""]))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        for _, _, text in self.open:
            text[0] += data

    def texts(self, tag: str, of: str | None = None) -> list[str]:
        """The texts of all elements of a kind, or of those of a class."""
        return [
            text[0]
            for name, attributes, text in self.elements
            if name == tag and (of is None or of in (attributes.get("class") or "").split())
        ]

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes, _ in self.elements if name == tag]


def parsed(html: str) -> Parsed:
    """A page that is sound: whole, in UTF-8, without what loads something, and with what makes it accessible."""
    html.encode("utf-8")
    assert html.startswith("<!DOCTYPE html>\n")
    assert not UNSEEN.search(html)
    found = Parsed(html)
    assert found.all("html") == [{"lang": "en"}]
    loading = {"img", "iframe", "object", "embed", "base", "audio", "video"}
    assert {tag for tag, _, _ in found.elements} & loading == set()
    addresses = [
        value for _, attributes, _ in found.elements for name, value in attributes.items()
        if name in ("src", "href", "xlink:href", "action", "srcset")
    ]  # fmt: skip
    assert [value for value in addresses if value is None or not value.startswith(("#", "data:,"))] == []
    assert re.findall(r"url\((?!#)|@import|https?://|fe01", html) == []
    assert all(not name.startswith("on") for _, attributes, _ in found.elements for name in attributes)
    ids = [attributes["id"] for _, attributes, _ in found.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    for _, attributes, _ in found.elements:
        for name in ("for", "aria-labelledby"):
            assert name not in attributes or attributes[name] in ids
    used = re.findall(r'(?:url\(#|href="#)([\w.-]+)', html)
    assert set(used) <= set(ids)
    for tag, attributes, _ in found.elements:
        if tag == "svg":
            assert attributes["role"] == "img"
            assert attributes["aria-label"]
    levels = [int(tag[1]) for tag, _, _ in found.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    return found


def scored(n: int, seed: int = 0, days: int = 400) -> pd.DataFrame:
    """Rows with answers at random."""
    generator = np.random.default_rng(seed)
    sets = np.array(["trade", "trade|security", "", "security", "own <b>", None], dtype=object)
    frame = pd.DataFrame(
        {
            "text": [f"text {row} & <i>more</i>" for row in range(n)],
            "topics": generator.choice(sets, n),
            "tone": generator.choice(np.array(["cooperative", "tense", "mixed", "neutral"], dtype=object), n),
            "tone_score": generator.uniform(-1, 1, n),
            "date": pd.Timestamp("2023-01-29") + pd.to_timedelta(generator.integers(0, days, n), "D"),
        }
    )
    frame.loc[frame["topics"].isna(), ["tone", "tone_score"]] = [None, float("nan")]
    return frame


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    def run(*arguments: object, stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode("utf-8"))))
        code = cli.main(["report", *map(str, arguments)])
        out, err = capfd.readouterr()
        return code, out, err

    return run


# Pages ---------------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=[])))
def test_what_cannot_be_seen_is_shown(text: str) -> None:
    shown = clean(text)
    assert not UNSEEN.search(shown)
    assert clean(shown) == shown
    assert shown.encode("utf-8").decode("utf-8") == shown
    ends = text.count("\r\n")
    assert len(shown) == len(text) - ends


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from([PEACE, WAR, STRANGE, NASTY]) | st.text(max_size=30), max_size=5).map("\n\n".join))
def test_any_article_is_escaped_and_shown_whole(text: str) -> None:
    model = stance.load()
    html = article_page(model, text, text[:20])
    found = parsed(html)
    document = model.classify_document(text)
    shown = found.texts("p", "text")
    for paragraph in document.paragraphs:
        answer = paragraph.classification
        n_labels = len(answer.topics) + (answer.tone is not None)
        assert shown[: max(n_labels, 1)] == [clean(paragraph.text)] * max(n_labels, 1)
        shown = shown[max(n_labels, 1) :]
    assert shown == []
    assert found.all("script") == []
    assert found.texts("h1") == [clean(text[:20])]


def test_nothing_nasty_in_a_corpus_gets_out(default_model: stance.Model) -> None:
    frame = pd.DataFrame(
        {
            "text": [NASTY, f"{PEACE} {NASTY}"],
            "topics": [f"trade|{NASTY[:30]}", "trade"],
            "tone": ["tense", NASTY],
            "date": ["2024-01-01", f"2024-03-05{NASTY}"],
        },
        dtype=object,
    )
    found = parsed(corpus_page(frame, NASTY))
    assert found.texts("p", "text") == [clean(NASTY), clean(f"{PEACE} {NASTY}")]
    assert found.texts("script") == [(PAGES / "corpus.js").read_text("utf-8")]
    assert clean(NASTY[:30]) in found.texts("option")
    assert clean(NASTY) in found.texts("option")
    assert found.texts("title") == [clean(NASTY)]


def test_a_page_allows_its_own_script_alone() -> None:
    policies = [
        next(a["content"] for a in parsed(html).all("meta") if a.get("http-equiv") == "Content-Security-Policy")
        for html in (article_page(stance.load(), PEACE), corpus_page(scored(10)))
    ]
    assert "script-src 'none'" in str(policies[0])
    assert re.search(r"script-src 'sha256-[\w+/]{43}='", str(policies[1]))
    assert all(str(policy).startswith("default-src 'none'; ") for policy in policies)


def test_every_kind_of_model_has_every_kind_of_page(any_model: stance.Model, paragraphs: pd.DataFrame) -> None:
    text = f"{PEACE}\n\n{STRANGE}\n\nжители пришли на площадь снова\n\n{WAR}"
    found = parsed(article_page(any_model, text))
    assert len(found.all("article")) == 4
    assert len(found.all("svg")) == ("tense" in any_model.tones)
    rows = paragraphs[["text", "year"]].head(80)
    rows = any_model.score(pd.concat([rows, rows.head(2).assign(text=["жители пришли на площадь", "рынок вырос"])]))
    found = parsed(corpus_page(rows, date="year"))
    assert len(found.all("select")) == bool(any_model.topics) + bool(any_model.tones)
    few = pd.DataFrame({"text": ["жители пришли на площадь", WAR]})
    if any_model.topics:
        few["topics"] = any_model.topics[0]
    if any_model.tones:
        few["tone"] = any_model.tones[0]
    found = parsed(stance.evaluate(any_model, few, progress=False).to_html("<Two> rows"))
    assert found.texts("h1") == ["<Two> rows"]
    expected = ["Topics"] * bool(any_model.topics) + ["Tone"] * bool(any_model.tones)
    assert found.texts("h2") == expected


def test_the_same_input_gives_the_same_page(default_model: stance.Model) -> None:
    assert article_page(default_model, WAR) == article_page(default_model, WAR)
    assert corpus_page(scored(50)) == corpus_page(scored(50))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_signs_stand_out_from_the_ground(scheme: str) -> None:
    css = (PAGES / "page.css").read_text("utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", css, re.DOTALL)[:2]
    colours = {name: value for part in (light, dark if scheme == "dark" else "") for name, value in _colours(part)}
    grounds = [colours["ground"], colours["sheet"]]
    for ground in grounds:
        assert min(_contrast(colours[name], ground) for name in ("ink", "soft", "cooperative")) >= 4.5
        labels = ["accent", "tense", "cooperative", "mixed", "neutral", "other0", "other1", "other2", "other3", "faint"]
        assert min(_contrast(colours[name], ground) for name in labels) >= 3
        for label in ("accent", "tense", "cooperative", "mixed", "neutral"):
            shade = _mix(colours[label], ground, 0.42 if scheme == "dark" else 0.38)
            assert _contrast(colours["ink"], shade) >= 4.5
        assert _contrast(colours["ink"], _mix(colours["cooperative"], ground, 0.5)) >= 4.5


def _colours(css: str) -> list[tuple[str, str]]:
    return re.findall(r"--([\w]+): (#[0-9a-f]{6})", css)


def _channels(colour: str) -> list[int]:
    return [int(colour[place : place + 2], 16) for place in (1, 3, 5)]


def _mix(colour: str, ground: str, share: float) -> str:
    pairs = zip(_channels(colour), _channels(ground), strict=True)
    return "#" + "".join(f"{round(share * one + (1 - share) * other):02x}" for one, other in pairs)


def _contrast(one: str, other: str) -> float:
    """The contrast ratio of the Web Content Accessibility Guidelines."""

    def luminance(colour: str) -> float:
        parts = [value / 255 for value in _channels(colour)]
        linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("package", "what"), [("jinja2", "jinja2"), ("matplotlib", "matplotlib")])
def test_a_missing_package_is_told(monkeypatch: pytest.MonkeyPatch, package: str, what: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    page._templates.cache_clear()
    with pytest.raises(MissingExtraError) as caught:
        article_page(stance.load(), PEACE)
    assert str(caught.value) == f"a report needs {what}, which is not installed: pip install 'stance[report]'"
    page._templates.cache_clear()


def test_tones_of_others_have_colours_by_their_place() -> None:
    tones = [str(number) for number in range(6)]
    assert [tone_class(tone, tones) for tone in tones] == [f"other{place}" for place in (0, 1, 2, 3, 0, 1)]


# Charts --------------------------------------------------------------------------------------------------------------


def test_a_chart_has_the_pages_colours_and_its_text_as_text() -> None:
    line = Line([0, 1], [0.2, 0.4], "tense", ([0.1, 0.3], [0.3, 0.5]), marker="v", key="t3")
    svg = draw([line], "<words>", (3, 2), (0, 1), (0, 1), {0: "2024-01"}, "when", "share", (False, True))
    assert svg == draw([line], "<words>", (3, 2), (0, 1), (0, 1), {0: "2024-01"}, "when", "share", (False, True))
    assert 'aria-label="&lt;words&gt;"' in svg
    assert "var(--tense)" in svg
    assert svg.count('data-series="t3"') == 2
    texts = Parsed(svg).texts("text")
    assert texts == ["2024-01", "when", "0 %", "20 %", "40 %", "60 %", "80 %", "100 %", "share"]
    assert "font-family" not in svg
    assert "#fe01" not in svg
    other = draw([Line([0, 1], [0.2, 0.4])], "<words>", (3, 2), (0, 1), (0, 1))
    ids = [set(re.findall(r'id="([^"]+)"', one)) for one in (svg, other)]
    assert ids[0]
    assert not ids[0] & ids[1]


# Articles ------------------------------------------------------------------------------------------------------------


def test_an_article_shows_labels_probabilities_and_what_decided(default_model: stance.Model) -> None:
    text = (FIXTURES / "article.txt").read_text("utf-8")
    document = default_model.classify_document(text)
    html = article_page(default_model, text, "Rabat and Lisbon")
    found = parsed(html)
    assert found.texts("p", "facts")[0].strip() == (
        "9 paragraphs, 0 of them without an answer; the model knows 98% of the words."
    )
    assert found.texts("h3")[0] == "Topics: diplomacy, trade, cybersecurity, security"
    assert found.texts("h3")[1] == "Tone: mixed, score 0.00"
    labels = [label for paragraph in document.paragraphs for label in (paragraph.tone, *paragraph.topics)]
    assert found.texts("label") == labels
    assert len([one for one in found.all("input") if "checked" in one]) == 9
    assert "threatened</mark>" in html
    assert "For: threatened +0.70, rejected +0.60, accused +0.58" in " ".join(found.texts("p", "terms"))
    (svg,) = found.all("svg")
    assert str(svg["aria-label"]) == (
        "Line of the tone score of 9 paragraphs: lowest −0.95 in paragraph 4, highest +0.89 in paragraph 6."
    )
    assert len(html) < 150_000


def test_an_article_without_an_answer_says_why(default_model: stance.Model) -> None:
    found = parsed(article_page(default_model, STRANGE))
    assert "No answer: too little known text." in found.texts("p")
    assert found.all("svg") == []
    found = parsed(article_page(default_model, ""))
    assert "No answer: empty." in found.texts("p")
    assert found.all("article") == []


def test_of_a_long_article_the_first_paragraphs_are_shaded(two_row_model: stance.Model, tiny_model: Any) -> None:
    text = "\n\n".join([WAR] * (N_SHADED + 1))
    found = parsed(article_page(tiny_model, text))
    assert len(found.all("article")) == N_SHADED + 1
    assert found.texts("p", "text")[-1] == WAR
    assert f"Only the first {N_SHADED} paragraphs are shaded." in " ".join(found.texts("p", "note"))
    html = article_page(tiny_model, "\n\n".join([WAR] * 401))
    assert html.count("var(--tense)") < 200


def test_a_topic_that_is_not_given_is_shown_beside(default_model: stance.Model) -> None:
    text = "Beat two eggs with the sugar and bake for ten minutes."
    answer = default_model.classify(text)
    assert answer.topics == ()
    found = parsed(article_page(default_model, text))
    assert "Topics: none" in found.texts("h3")
    likeliest = max(answer.probabilities, key=lambda name: answer.probabilities[name])
    assert likeliest in found.texts("dt")


# Corpora -------------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(0, 60),
    n_rows=st.integers(1, 30),
    n_tones=st.integers(0, 3),
    digits=st.integers(0, 2),
)
def test_the_extremes_are_those_of_each_topic_with_each_tone(
    seed: int, n: int, n_rows: int, n_tones: int, digits: int
) -> None:
    generator = np.random.default_rng(seed)
    score = generator.uniform(-1, 1, n).round(digits)
    score[generator.random(n) < 0.1] = np.nan
    topics = generator.random((3, n)) < 0.3
    tone = generator.integers(-1, n_tones, n)
    chosen = extremes(score, topics, tone, n_rows).tolist()
    order = sorted(range(n), key=lambda row: (np.isnan(score[row]), -np.nan_to_num(score[row]), row))
    assert chosen == [row for row in order if row in set(chosen)]
    kinds = [topics[0], topics[1], topics[2], ~topics.any(axis=0)]
    cells = [[row for row in order if kind[row] and tone[row] == one] for kind in kinds for one in range(-1, n_tones)]
    cells = [cell for cell in cells if cell]
    part = max(1, n_rows // max(len(cells), 1))
    assert set(chosen) == {row for cell in cells for row in cell[:part]}


def test_a_corpus_shows_the_figures_of_the_summary() -> None:
    frame = scored(600)
    found = parsed(corpus_page(frame, "Six hundred"))
    n_answered = int(frame["topics"].notna().sum())
    assert found.texts("dd")[:2] == [
        f"{n_answered}83 % (80 to 86)" if n_answered == 499 else found.texts("dd")[0],
        found.texts("dd")[1],
    ]
    figures = stance.summary(frame)
    share = figures[(figures["measure"] == "topic share") & (figures["topic"] == "trade")].iloc[0]
    shown = f"{share['value']:.0%}".replace("%", " %")
    assert any(text.startswith(f"{shown} (") for text in found.texts("td"))
    assert found.texts("option")[:2] == ["all", found.texts("th")[6]]
    assert len(found.all("svg")) == 1 + 4 + 3 + 1
    assert found.texts("h2")[1] == "By week"
    bars = [one["aria-label"] for tag, one, _ in found.elements if tag == "div" and one.get("role") == "img"]
    assert len(bars) == 4
    assert re.fullmatch(r"tense \d+%, mixed \d+%, neutral \d+%, cooperative \d+%", str(bars[0]))


def test_every_topic_and_tone_has_its_most_extreme_paragraphs() -> None:
    frame = scored(3000)
    found = parsed(corpus_page(frame))
    shown = found.texts("p", "text")
    assert len(shown) <= 2 * N_PARAGRAPHS
    answered = frame[frame["topics"].notna()]
    for _, rows in answered.groupby(["topics", "tone"]):
        if rows["tone"].iloc[0] != "tense":
            assert clean(rows.loc[rows["tone_score"].idxmax(), "text"]) in shown
        if rows["tone"].iloc[0] != "cooperative":
            assert clean(rows.loc[rows["tone_score"].idxmin(), "text"]) in shown


@pytest.mark.slow
def test_a_page_does_not_grow_with_its_rows() -> None:
    small, large = scored(5_000), scored(50_000)
    assert len(corpus_page(large)) < 1.2 * len(corpus_page(small)) < 1_500_000


def test_a_long_or_repeated_paragraph_is_shown_in_part_and_once() -> None:
    frame = pd.DataFrame(
        {"text": ["word " * 1000, "again", "again"], "tone": "tense", "tone_score": [-0.9, -0.5, -0.5]}
    )
    found = parsed(corpus_page(frame))
    assert [len(text) for text in found.texts("p", "text")] == [LONGEST, 5]


def test_rare_topics_are_counted_but_not_drawn() -> None:
    frame = pd.DataFrame(
        {"text": [f"text {row}" for row in range(60)], "topics": [f"t{row % 25}" for row in range(60)]}
    )
    found = parsed(corpus_page(frame))
    assert "5 rarer topics are left out." in found.texts("p", "note")
    assert len(found.texts("option")) == N_TOPICS + 2


@pytest.mark.parametrize(
    ("days", "n", "period"),
    [
        (1, 100, None),
        (3, 2, "day"),
        (50, 500, "day"),
        (300, 500, "week"),
        (1500, 600, "month"),
        (4000, 600, "quarter"),
        (9000, 600, "year"),
        (90_000, 600, "year"),
        (300_000, 600, "year"),
    ],
)
def test_the_periods_are_as_short_as_rows_allow(days: int, n: int, period: str | None) -> None:
    frame = scored(n)
    frame["date"] = np.datetime64("1800-01-02", "s") + np.linspace(0, days - 1, n).round().astype("timedelta64[D]")
    course = over_time(frame, {"trade": "t0"}, {"tense": "s0"})
    assert (None if course is None else course.period) == period


def test_a_period_without_rows_is_a_gap() -> None:
    frame = scored(400)
    frame["date"] = pd.to_datetime(["2024-01-05", "2024-02-05", "2024-06-05", None] * 100)
    course = over_time(frame, {}, {})
    assert course is not None
    assert course.period == "week"
    assert [row[0] for row in course.answered.rows] == ["2024-W01", "2024-W06", "2024-W23"]
    found = parsed(corpus_page(frame))
    assert "The dates are those of the column date. 100 rows have no date that can be read" in " ".join(
        found.texts("p", "note")
    )


def test_dates_of_one_day_show_nothing_over_time() -> None:
    found = parsed(corpus_page(scored(20, days=1)))
    assert "All dates of the column date lie within one day: nothing is shown over time." in found.texts("p", "note")
    assert found.all("svg") == []


@pytest.mark.parametrize(
    "dates",
    [
        [2021, 2022],
        [2021.0, 2022.0],
        ["2021", "2022"],
        ["2021-03-01T10:00:00+02:00", "2022-03-01T10:00:00Z"],
        [pd.Timestamp("2021-01-01", tz="UTC"), pd.Timestamp("2022-01-01", tz="UTC")],
        [pd.Timestamp("2021-01-01").date(), pd.Timestamp("2022-01-01").date()],
    ],
)
def test_dates_of_many_kinds_are_read(dates: Sequence[Any]) -> None:
    frame = pd.DataFrame({"text": ["a", "b"], "tone": "tense", "day": dates})
    assert "By year" in parsed(corpus_page(frame)).texts("h2")


def test_a_column_of_a_usual_name_without_dates_is_not_used() -> None:
    frame = pd.DataFrame({"text": ["a", "b"], "tone": "tense", "day": ["Monday", "Tuesday"]})
    found = parsed(corpus_page(frame))
    assert found.texts("h2") == ["Topics and their tone", "Paragraphs to read first"]


def test_missing_answers_are_known_however_a_file_writes_them() -> None:
    texts = ["a", "b", "c", None]
    as_text = pd.DataFrame({"text": texts, "topics": ["trade", "", "", ""], "tone": ["tense", "neutral", "", ""]})
    as_null = pd.DataFrame(
        {"text": texts, "topics": [["trade"], [], None, None], "tone": ["tense", "neutral", None, float("nan")]}
    )
    assert corpus_page(as_text) == corpus_page(as_null)
    tiles = parsed(corpus_page(as_text)).texts("dd")
    assert tiles[:2] == ["250 % (15 to 85)", "21 of them without a text"]
    topics_alone = parsed(corpus_page(as_text[["text", "topics"]])).texts("dd")
    assert topics_alone[0].startswith("375 % (")


def test_rows_without_a_tone_score_are_listed_as_they_come() -> None:
    found = parsed(corpus_page(pd.DataFrame({"text": ["b", "a"], "topics": ["trade", ""]}), lines=[2, 7]))
    assert found.texts("h3") == ["Paragraphs"]
    assert [text.split(", ")[-1] for text in found.texts("span", "plain")] == ["line 2", "line 7"]


def test_no_rows_give_a_page_all_the_same() -> None:
    for frame in (scored(0), pd.DataFrame({"text": [], "topics": []}), pd.DataFrame({"text": ["x"], "tone": [None]})):
        assert "None." in parsed(corpus_page(frame)).texts("p", "nothing")


@pytest.mark.parametrize(
    ("frame", "options", "told"),
    [
        ({"text": ["a"]}, {}, "expected a column 'tone'. Available: text. Name the right one with prefix="),
        ({"tone": ["a"]}, {}, "expected a column 'text'. Available: tone. Name the right one with text="),
        (
            {"text": ["a"], "tone": ["tense"]},
            {"date": "when"},
            "expected a column 'when'. Available: text, tone. Name the right one with date=",
        ),
        (
            {"text": ["a"], "tone": ["tense"], "tone_score": ["much"]},
            {},
            "column 'tone_score': expected numbers from -1 to 1, but got 'much'",
        ),
        (
            {"text": ["a"], "tone": ["tense"], "when": ["Monday"]},
            {"date": "when"},
            "column 'when': expected dates such as 2024-05-17, but got 'Monday'",
        ),
    ],
)
def test_a_corpus_that_cannot_be_shown_is_told(frame: Any, options: Any, told: str) -> None:
    with pytest.raises(TableError) as caught:
        corpus_page(pd.DataFrame(frame), **options)
    assert str(caught.value) == told


# Evaluations ---------------------------------------------------------------------------------------------------------


def test_an_evaluation_shows_its_figures(tiny_model: stance.Model, paragraphs: pd.DataFrame) -> None:
    report = stance.evaluate(tiny_model, paragraphs.iloc[120:], progress=False)
    html = report.to_html()
    found = parsed(html)
    assert report.topics is not None
    assert report.tone is not None
    assert found.texts("dd")[0] == f"{report.topics.macro_f1:.3f}"
    scores = report.tone.labels["tense"]
    row = "".join(f"{value:.3f}" for value in (scores.precision, scores.recall, scores.f1, scores.average_precision))
    assert f"tense{row}{scores.support}" in found.texts("tr")
    assert found.texts("td", "right") == [str(report.tone.confusion[tone][tone]) for tone in tiny_model.tones]
    assert len(found.all("svg")) == 4 + len(report.topics.curves.precision_recall) + 4
    assert str(found.all("svg")[1]["aria-label"]).startswith("micro-F1 by the share of rows that are answered")
    assert found.texts("h1") == ["Evaluation"]
    assert len(html) < 400_000


def test_an_evaluation_of_nothing_says_so() -> None:
    assert "There was nothing to judge." in parsed(stance.Report(0, 0, None, None).to_html()).texts("p")


# The command line ----------------------------------------------------------------------------------------------------


def test_the_command_writes_a_page_of_an_article(run: Run, tmp_path: Path) -> None:
    article, out = tmp_path / "talks.txt", tmp_path / "page.html"
    article.write_text(f"{PEACE}\n\n{WAR}", encoding="utf-8")
    code, told, err = run(article, "-o", out)
    html = out.read_text("utf-8")
    assert (code, told, err) == (0, f"wrote {out} ({len(html.encode('utf-8')) / 1e3:,.0f} kB)\n", "")
    assert html == article_page(stance.load(), f"{PEACE}\n\n{WAR}", "talks.txt")
    assert run(article, "--title", "Talks")[1] == article_page(stance.load(), f"{PEACE}\n\n{WAR}", "Talks") + "\n"
    assert run("-", stdin=WAR)[1] == article_page(stance.load(), WAR, "Report") + "\n"


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_the_command_scores_on_the_way(run: Run, tmp_path: Path, ending: str) -> None:
    frame = pd.DataFrame({"body": [PEACE, None, WAR], "published": ["2024-01-01", "2024-01-02", "2024-05-01"]})
    path, out = tmp_path / f"rows.{ending}", tmp_path / "page.html"
    write: dict[str, Callable[[], Any]] = {
        "csv": lambda: frame.to_csv(path, index=False),
        "jsonl": lambda: frame.to_json(path, orient="records", lines=True),
        "parquet": lambda: frame.to_parquet(path),
    }
    write[ending]()
    code, _, err = run(path, "-o", out)
    assert (code, err) == (0, f"stance: {path}: the texts are taken from the column 'body'\n")
    lines = {"csv": [2, 3, 4], "jsonl": [1, 2, 3], "parquet": None}[ending]
    scored = stance.score(frame, "body", progress=False)
    expected = corpus_page(scored, f"rows.{ending}", text="body", lines=lines)
    if ending != "csv":
        assert out.read_text("utf-8") == expected
    found = parsed(out.read_text("utf-8"))
    assert found.texts("h2")[1] == "By quarter"
    assert found.texts("dd")[1] == "11 of them without a text"


def test_the_command_takes_answers_that_are_there(run: Run, tmp_path: Path, two_row_model: stance.Model) -> None:
    path, out, model = tmp_path / "rows.csv", tmp_path / "page.html", tmp_path / "two.stance"
    two_row_model.save(model)
    stance.score(pd.DataFrame({"text": [PEACE, "жители пришли на площадь"]}), prefix="s_", progress=False).to_csv(
        path, index=False
    )
    assert run(path, "-o", out, "--prefix", "s_")[0] == 0
    assert "cooperative" in parsed(out.read_text("utf-8")).texts("option")
    assert run(path, "-o", out, "--prefix", "s_", "--model", model)[0] == 0
    assert "да" in parsed(out.read_text("utf-8")).texts("option")
    assert run(path, "-o", out)[0] == 0
    assert "cooperative" in parsed(out.read_text("utf-8")).texts("option")


def test_the_command_judges_a_model(run: Run, tmp_path: Path, paragraphs: pd.DataFrame) -> None:
    path, out = tmp_path / "rows.csv", tmp_path / "page.html"
    paragraphs.head(20).rename(columns={"tone": "mood"}).to_csv(path, index=False)
    assert run(path, "--evaluate", "--tone", "mood", "-o", out)[0] == 0
    report = stance.evaluate(stance.load(), paragraphs.head(20), progress=False)
    assert out.read_text("utf-8") == report.to_html("rows.csv")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["{}/a.txt", "--date", "d"],
            "{}/a.txt: expected no --date, which goes with a report of kind corpus, not article",
        ),
        (
            ["{}/a.csv", "--tone", "t"],
            "{}/a.csv: expected no --tone, which goes with a report of kind evaluation, not corpus",
        ),
        (
            ["{}/a.txt", "--text", "t"],
            "{}/a.txt: expected no --text, which goes with a report of kind corpus or evaluation, not article",
        ),
        (
            ["{}/a.csv", "--date", "dat"],
            "{}/a.csv: expected a column 'dat'. Did you mean 'date'? Available: text, date. "
            "Name the right one with --date=",
        ),
        (["{}/a.csv", "--date", "text"], "{}/a.csv: column 'text': expected dates such as 2024-05-17, but got 'one'"),
        (["{}/none.txt"], "{}/none.txt: cannot be read: No such file or directory"),
        (["{}/none.csv"], "{}/none.csv: cannot be opened: No such file or directory"),
        (["{}/a.csv", "-o", "{}"], "{}: cannot be written: it is a folder"),
        (["{}/a.csv", "-o", "{}/no/page.html"], "{}/no/page.html: cannot be written: there is no such folder"),
    ],
)
def test_what_the_command_cannot_do_is_told(run: Run, tmp_path: Path, arguments: list[str], told: str) -> None:
    (tmp_path / "a.txt").write_text(WAR, encoding="utf-8")
    (tmp_path / "a.csv").write_text("text,date\none,2024-01-01\n", encoding="utf-8")
    done = run(*[argument.format(tmp_path) for argument in arguments])
    assert done == (2, "", f"stance: {told.format(tmp_path)}\n")


def test_nothing_is_left_where_a_report_fails(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('text,date\none,2024-01-01\n"two', encoding="utf-8")
    assert run(tmp_path / "a.csv", "-o", tmp_path / "page.html")[0] == 2
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]

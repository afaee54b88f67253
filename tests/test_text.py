from __future__ import annotations

import textwrap
from functools import cache
from itertools import pairwise

import pandas as pd
import pytest
from conftest import FIXTURES
from hypothesis import given, settings
from hypothesis import strategies as st

from stance.errors import TextTypeError
from stance.text import check_text, check_texts, paragraph_spans

ARTICLES = ["article.txt", "article-hard-wrapped.txt", "article-crlf.txt"]
BREAKS = ["\n\n", "\n \t\n", "\r\n\r\n", "\r\r", "\u2029\u2029"]


def paragraphs_of(text: str) -> list[str]:
    return [text[start:end] for start, end in paragraph_spans(text)]


@pytest.mark.parametrize("name", ARTICLES)
def test_the_articles_split_as_they_were_written(name: str) -> None:
    text = (FIXTURES / name).read_bytes().decode("utf-8")
    labels = pd.read_csv(FIXTURES / "article-labels.csv")
    expected = labels.loc[labels["article"] == name, "first_words"].tolist()
    assert [" ".join(paragraph.split()[:5]) for paragraph in paragraphs_of(text)] == expected


@given(text=st.text(alphabet=st.sampled_from("ab. \t\r\n\u2028\u2029\u00a0İ"), max_size=200) | st.text(max_size=200))
@settings(deadline=None)
def test_every_character_but_white_space_is_in_one_paragraph(text: str) -> None:
    spans = paragraph_spans(text)
    last = 0
    outside = ""
    for start, end in spans:
        assert last <= start < end <= len(text)
        assert text[start:end] == text[start:end].strip()
        outside += text[last:start]
        last = end
    assert not (outside + text[last:]).strip()


@pytest.mark.parametrize("blank", BREAKS)
def test_blank_lines_divide_paragraphs(blank: str) -> None:
    assert paragraphs_of(f"  One.{blank}Two.{blank}{blank}Three. ") == ["One.", "Two.", "Three."]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\u2028"])
def test_one_paragraph_a_line(end: str) -> None:
    lines = ["Short headline", "A much longer line that says what happened, and to whom, in some detail.", "The end."]
    assert paragraphs_of(end.join(lines)) == lines


@given(
    rows=st.lists(st.integers(0, 459), min_size=2, max_size=5, unique=True),
    width=st.integers(50, 90),
)
@settings(deadline=None, max_examples=60)
def test_hard_wrapped_copy_gives_its_paragraphs_back(paragraphs: pd.DataFrame, rows: list[int], width: int) -> None:
    wrapped = []
    for text in paragraphs["text"].iloc[rows]:
        lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
        if len(lines) > 3 and len(lines[-1]) < width - 25 and text.endswith((".", "”", '"', "?", "'")):
            wrapped.append("\n".join(lines))
    inner_ends = [
        line for text in wrapped for line in text.split("\n")[:-1] if line.endswith((".", "?", "!", '"', "'"))
    ]
    if wrapped and all(len(line) > width - 5 for line in inner_ends):
        assert paragraphs_of("\n".join(wrapped)) == wrapped


def test_a_full_line_that_ends_a_sentence_does_not_end_a_wrapped_paragraph() -> None:
    copy = (
        "The committee met on Tuesday and heard eleven witnesses about it.\n"
        "It will meet again on Thursday, when the minister is expected to\n"
        "answer.\n"
        "The report is due in May, two months after the date that had been\n"
        "announced."
    )
    assert [paragraph.split()[:2] for paragraph in paragraphs_of(copy)] == [["The", "committee"], ["The", "report"]]


def test_an_indented_line_begins_a_wrapped_paragraph() -> None:
    copy = (
        "The ship left harbour at dawn with forty tonnes of grain for the\n"
        "camps along the northern coast, and the crews of two others now\n"
        "  waited for permits that the port office had promised them some\n"
        "weeks before the storm."
    )
    assert [paragraph.split()[0] for paragraph in paragraphs_of(copy)] == ["The", "waited"]


def test_a_list_of_headlines_is_not_taken_for_wrapped_copy() -> None:
    lines = ["Oil falls", "Talks on the river dam resume in Khartoum after a pause of months", "Vote delayed", "Rain"]
    assert paragraphs_of("\n".join(lines)) == lines


@pytest.mark.parametrize("indent", ["", " ", "   ", "\t", "\u3000", "\u00a0 "])
@pytest.mark.parametrize(("columns", "is_full"), [(34, False), (35, True)])
def test_a_line_is_full_where_the_next_word_would_not_have_fitted(indent: str, columns: int, is_full: bool) -> None:
    widest = "x" * 40
    first = "a" * (columns - len(indent.expandtabs()))
    inner = [f"{first}\n{indent}words after"] if is_full else [first, "words after"]
    assert paragraphs_of(f"{widest}\n\n{indent}{first}\n{indent}words after") == [widest, *inner]


@pytest.mark.parametrize(("width", "is_wrapped"), [(131, True), (132, True), (133, False)])
def test_only_lines_of_up_to_132_columns_are_taken_for_wrapped(width: int, is_wrapped: bool) -> None:
    lines = ["a" * width, "b" * width, "c" * 20]
    assert paragraphs_of("\n".join(lines)) == (["\n".join(lines)] if is_wrapped else lines)


@pytest.mark.parametrize(("n_full", "is_wrapped"), [(2, False), (3, True)])
def test_three_full_lines_of_five_make_wrapped_copy(n_full: int, is_wrapped: bool) -> None:
    lines = ["a word " * (6 if number < n_full else 4) + "at" for number in range(5)] + ["the end"]
    assert paragraphs_of("\n".join(lines)) == (["\n".join(lines)] if is_wrapped else lines)


def test_full_lines_that_each_end_a_sentence_stay_apart() -> None:
    lines = [f"{'x' * 39}.", f"{'y' * 38}.”", f"{'z' * 38}?)", "and more"]
    assert paragraphs_of("\n".join(lines)) == lines
    lines[1] = "y" * 40
    assert paragraphs_of("\n".join(lines)) == ["\n".join(lines)]


@pytest.mark.parametrize("end", [*".!?…。！？", *(f".{mark}" for mark in "'\"’”»)]"), "?”)", f".{'”' * 30}"])
def test_a_line_with_room_that_ends_a_sentence_ends_a_wrapped_paragraph(end: str) -> None:
    full = "a word " * 8 + "at"
    lines = [full, f"short{end}", full, full, "the end"]
    assert paragraphs_of("\n".join(lines)) == ["\n".join(lines[:2]), "\n".join(lines[2:])]
    lines[1] = f"short{end} more"
    assert paragraphs_of("\n".join(lines)) == ["\n".join(lines)]


@pytest.mark.parametrize("indent", [" ", "  ", "\t", "\u3000"])
@pytest.mark.parametrize("after", ["", " ", "\n "])
def test_white_space_at_the_end_of_the_text_does_not_indent_its_first_line(indent: str, after: str) -> None:
    lines = ["x" * 60, "y" * 60, "the last line"]
    copy = f"\n{indent}".join(lines)
    assert paragraphs_of(f"{indent}{copy}{after}") == [copy]
    assert paragraphs_of(f"{copy}{after}") == [lines[0], copy.removeprefix(f"{lines[0]}\n{indent}")]


@pytest.mark.parametrize(("n_lines", "is_widest"), [(9, True), (10, False), (11, True), (20, False)])
def test_the_width_is_what_nine_lines_in_ten_do_not_exceed(n_lines: int, is_widest: bool) -> None:
    first, second = "a" * 60, "words after"
    others = ["x" * 40] * (n_lines - 2 - (n_lines + 9) // 10) + ["x" * 70] * ((n_lines + 9) // 10)
    inner = [first, second] if is_widest else [f"{first}\n{second}"]
    assert paragraphs_of("\n\n".join([*others, f"{first}\n{second}"])) == [*others, *inner]


def test_blank_lines_do_not_count_however_many() -> None:
    words = ["x" * length for length in (40, 40, 40, 40, 40, 40, 70, 70)]
    for blank in ("\n" * 2, "\n" * 5):
        assert paragraphs_of(blank.join([*words, f"{'a' * 60}\nwords after"])) == [*words, "a" * 60, "words after"]


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\r\n \t"])
def test_blank_text_has_no_paragraph(text: str) -> None:
    assert paragraph_spans(text) == []


def test_one_huge_line_is_one_paragraph() -> None:
    text = "word " * 200_000
    assert paragraph_spans(text) == [(0, len(text) - 1)]


@pytest.mark.parametrize(
    ("value", "came"),
    [(None, "NoneType: None"), (b"x", "bytes: b'x'"), (1.5, "float: 1.5"), (["x" * 99], f"list: ['{'x' * 57}…")],
)
def test_what_is_no_text_is_named(value: object, came: str) -> None:
    with pytest.raises(TextTypeError) as caught:
        check_text(value)
    assert str(caught.value) == (
        f"expected a text of type str, but got {came}. "
        "Missing texts are allowed in `score`; elsewhere pass '' for a missing text."
    )


def test_what_is_no_text_is_named_with_its_position() -> None:
    with pytest.raises(TextTypeError, match=r"^expected a text of type str at position 1, but got int: 7\.") as caught:
        check_texts(["fine", 7])
    assert (caught.value.position, caught.value.value) == (1, 7)


def test_one_text_is_not_taken_for_many() -> None:
    with pytest.raises(TypeError) as caught:
        check_texts("one text")
    assert str(caught.value) == "expected several texts, but got one str: use classify(text), or put it in a list"
    with pytest.raises(TypeError) as caught:
        check_texts(5)
    assert str(caught.value) == "expected several texts, such as a list of str, but got int"


any_text = (
    st.text(alphabet=st.sampled_from("abΣ.!” \t\n\r\u2028\u2029\x0b\x85\u00a0\u3000\ud800"), max_size=120) | st.text()
)
LINE_ENDS = "\r\n\u2028\u2029"


@given(text=any_text)
@settings(deadline=None, max_examples=200)
def test_paragraphs_are_divided_by_line_ends_only(text: str) -> None:
    spans = paragraph_spans(text)
    for (_, end), (start, _) in pairwise(spans):
        assert set(text[end:start]) & set(LINE_ENDS)


@given(one=any_text, other=any_text)
@settings(deadline=None, max_examples=200)
def test_no_paragraph_crosses_a_blank_line(one: str, other: str) -> None:
    spans = paragraph_spans(f"{one}\n \n{other}")
    assert not any(start < len(one) < end for start, end in spans)


@given(text=st.text(alphabet=st.sampled_from("abc. \t\n"), max_size=200), end=st.sampled_from(["\r\n", "\r", "\u2028"]))
@settings(deadline=None, max_examples=200)
def test_all_line_ends_are_worth_the_same(text: str, end: str) -> None:
    assert paragraphs_of(text.replace("\n", end)) == [part.replace("\n", end) for part in paragraphs_of(text)]


@cache
def wrapped_fixtures(width: int, indent: str = "") -> list[tuple[str, str]]:
    """Every fourth paragraph and its wrapped copy."""
    texts = pd.read_csv(FIXTURES / "paragraphs.csv")["text"].iloc[::4]
    return [(text, "\n".join(textwrap.wrap(text, width, initial_indent=indent))) for text in texts]


def words_of(paragraph: str) -> str:
    """Leave out the white space: copy may be broken after a hyphen."""
    return "".join(paragraph.split())


@given(data=st.data(), width=st.integers(50, 90), between=st.sampled_from(["\n", "\n\n", "\n\n\n"]))
@settings(deadline=None, max_examples=60)
def test_wrapped_paragraphs_with_a_short_last_line_come_back(data: st.DataObject, width: int, between: str) -> None:
    short = [pair for pair in wrapped_fixtures(width) if len(pair[1].split("\n")[-1]) <= 0.6 * width]
    chosen = data.draw(st.lists(st.sampled_from(short), min_size=1, max_size=6))
    end = data.draw(st.sampled_from(["\n", "\r\n", "\r", "\u2028"]))
    copy = between.join(wrapped for _, wrapped in chosen).replace("\n", end)
    assert list(map(words_of, paragraphs_of(copy))) == [words_of(text) for text, _ in chosen]


@given(data=st.data(), width=st.integers(50, 90), indent=st.integers(2, 8), with_tab=st.booleans())
@settings(deadline=None, max_examples=60)
def test_wrapped_paragraphs_with_a_first_line_indent_come_back(
    data: st.DataObject, width: int, indent: int, with_tab: bool
) -> None:
    spaces = " " * (8 if with_tab else indent)
    chosen = data.draw(st.lists(st.sampled_from(wrapped_fixtures(width, spaces)), min_size=1, max_size=6))
    copy = "\n".join(wrapped for _, wrapped in chosen).replace(spaces, "\t" if with_tab else spaces)
    assert list(map(words_of, paragraphs_of(copy))) == [words_of(text) for text, _ in chosen]


@given(data=st.data(), width=st.integers(50, 90))
@settings(deadline=None, max_examples=30)
def test_wrapped_paragraphs_that_are_indented_throughout_come_back(data: st.DataObject, width: int) -> None:
    short = [pair for pair in wrapped_fixtures(width) if len(pair[1].split("\n")[-1]) <= 0.6 * width]
    chosen = data.draw(st.lists(st.sampled_from(short), min_size=1, max_size=6))
    copy = textwrap.indent("\n".join(wrapped for _, wrapped in chosen), "    ")
    assert list(map(words_of, paragraphs_of(copy))) == [words_of(text) for text, _ in chosen]


@given(
    rows=st.lists(st.integers(0, 459), min_size=1, max_size=6), end=st.sampled_from(["\n", "\n\n", "\r\n", "\u2029"])
)
@settings(deadline=None, max_examples=40)
def test_paragraphs_of_one_line_come_back_as_they_are(paragraphs: pd.DataFrame, rows: list[int], end: str) -> None:
    texts = paragraphs["text"].iloc[rows].tolist()
    assert paragraphs_of(end.join(texts)) == texts
    assert paragraphs_of(f"A headline without a full stop\n{end.join(texts)}")[1:] == texts


def test_headlines_of_many_lengths_stay_apart() -> None:
    lines = [
        "Rabat and Lisbon edge towards a trade pact as gas row sours the mood",
        "Kenya holds its lending rate",
        "UN envoy arrives in Juba for talks with both commanders",
        "Floods in Sindh",
        "Turkish lira falls to a new low against the dollar",
        "Vaccines reach Bamako",
    ]
    assert paragraphs_of("\n".join(lines)) == lines


def test_texts_are_read_once_from_any_iterable() -> None:
    assert check_texts(text for text in ("a", "b")) == ["a", "b"]
    assert check_texts(pd.Series(["a", "b"], index=[5, 5])) == ["a", "b"]
    assert check_texts(()) == []
    assert check_text("\ud800") == "\ud800"
    assert check_texts(["a", type("Text", (str,), {})("b")]) == ["a", "b"]


def test_a_frame_is_not_taken_for_its_column_names() -> None:
    with pytest.raises(TypeError) as caught:
        check_texts(pd.DataFrame({"text": ["a"]}))
    assert str(caught.value) == (
        "expected several texts, but got a data frame: use score(frame), or pass its text column"
    )

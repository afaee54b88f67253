"""How an answer looks in a notebook: HTML with the text, the terms that decided, and bars.

It needs nothing from outside, no script and no identifiers, so that any number of answers can stand in one page. It has
the colours of the page, light or dark; what a colour says is also said by a word, a number or a line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from stance.results import Classification, Document, TermWeight
from stance.terminal import one_line
from stance.views import FOR, escaped, shaded, spread, swatch

__all__ = ["classification_html", "document_html"]

LIMIT = 50_000
"""Characters of a text, and of the paragraphs of a document, that are shown."""
NEXT_BEST = 3
"""Labels that were not given but are shown."""
NAMED = 5
"""Terms that are named for a label, and as many against it."""
MOST_POINTS = 200
"""Points of a line of tone: each stands for as many paragraphs as it must."""
LINE_WIDTH, LINE_HEIGHT, LINE_START = 620, 90, 90
TENSE, COOPERATIVE = "#ea580c", "#3b82f6"

STYLE = f"""<style>
.stance{{max-width:52em;line-height:1.5}}
.stance p{{margin:.3em 0}}
.stance p.text{{margin-left:1.2em;white-space:pre-wrap;overflow-wrap:anywhere}}
.stance p.note{{margin:.3em 0 .8em 1.2em;font-size:.9em}}
.stance mark{{border-radius:.2em;print-color-adjust:exact;-webkit-print-color-adjust:exact}}
.stance summary{{cursor:pointer}}
.stance div{{padding-left:1.2em}}
.stance .row{{display:inline-flex;gap:.8em;align-items:center;width:calc(100% - 1.4em)}}
.stance .name{{flex:0 0 12em;overflow-wrap:anywhere}}
.stance .value{{flex:0 0 3.2em;text-align:right;font-variant-numeric:tabular-nums}}
.stance .bar,.stance .scale{{flex:0 1 20em;height:.7em;border-radius:.2em;background:rgba(128,128,128,.25);
print-color-adjust:exact;-webkit-print-color-adjust:exact}}
.stance .bar i{{display:block;height:100%;border-radius:.2em;background:rgb({FOR})}}
.stance .other i{{background:rgba(128,128,128,.8)}}
.stance .scale{{position:relative;background:linear-gradient(90deg,{TENSE},rgba(128,128,128,.25),{COOPERATIVE})}}
.stance .scale i{{position:absolute;top:-.25em;width:.3em;height:1.2em;margin-left:-.15em;border-radius:.15em;
background:currentColor}}
.stance svg{{display:block;max-width:100%;height:auto}}
.stance hr{{border:0;border-top:1px solid rgba(128,128,128,.4);margin:.8em 0}}
</style>"""
"""Stands in each answer, since each may be shown without the others."""


def classification_html(answer: Classification) -> str:
    """Give an answer as HTML.

    Parameters
    ----------
    answer : Classification

    Returns
    -------
    str
        Each label given with a bar for its probability and the text shaded for it, where text and model are known
        (they are not after pickling); the next-best labels with bars; the place between tense and cooperative.
    """
    return _page(_answer(answer))


def document_html(document: Document) -> str:
    """Give a document as HTML.

    Parameters
    ----------
    document : Document

    Returns
    -------
    str
        The answer for the whole, a line of the tone along the article, and each paragraph shaded for its labels, up
        to so many characters that a notebook still opens.
    """
    n_paragraphs, room = len(document.paragraphs), LIMIT
    parts = [f"<p><b>document of {n_paragraphs} paragraph{'s' * (n_paragraphs != 1)}</b></p>"]
    parts += _answer(document.classification, is_whole=True)
    parts.append(_tone_line([paragraph.tone_score for paragraph in document.paragraphs]))
    for number, paragraph in enumerate(document.paragraphs, 1):
        if room < 0:
            left = n_paragraphs - number + 1
            parts.append(f"<hr><p>and {left:,} more paragraph{'s' * (left != 1)}</p>")
            break
        parts += [f"<hr><p><b>[{number}]</b></p>", *_answer(paragraph.classification, paragraph.text)]
        room -= len(paragraph.text)
    return _page(parts)


def _page(parts: Iterable[str]) -> str:
    return "\n".join([STYLE, '<div class="stance">', *filter(None, parts), "</div>"])


def _answer(answer: Classification, part: str | None = None, is_whole: bool = False) -> Iterator[str]:
    """Yield what is shown of an answer; less of that for a part of a document, whose text is given."""
    text, explain = answer._source
    text = text if part is None else part
    if answer.abstained is not None:
        yield f"<p>no answer: {escaped(answer.abstained)} ({answer.known:.0%} of the words known)</p>{_plain(text)}"
        return
    if text is None or explain is None or len(text) > LIMIT:
        shades = [""] * (len(answer.topics) + 1)
        yield _plain(text)
    else:
        labels = (*answer.probabilities, *answer.tones)
        given = [label for label in (*answer.topics, answer.tone) if label is not None]
        shades = [_shades(text, explain(text, labels.index(label)), label) for label in given]
        yield "" if given else _plain(text)
    mean = ", with the mean of their probabilities in the paragraphs" if is_whole else ""
    if answer.probabilities:
        if part is None or not answer.topics:
            yield f"<p>topics{mean if answer.topics else ': none'}</p>"
        for place, topic in enumerate(answer.topics):
            yield _given(_name(topic, True), answer.probabilities[topic], shades[place], place == 0)
        yield from _next_best(answer.probabilities, answer.topics) if part is None else ()
    if answer.tone is not None:
        if part is None:
            yield f"<p>tone{mean}</p>"
        name = ("" if part is None else "tone: ") + _name(answer.tone, True)
        yield _given(name, answer.tones[answer.tone], shades[-1], part is None or not answer.topics)
        yield from _next_best(answer.tones, (answer.tone,)) if part is None else ()
        yield _scale(answer.tone_score)
    if part is None:
        yield f"<p>{answer.known:.0%} of the words known</p>"


def _given(name: str, probability: float, shades: str, is_open: bool) -> str:
    """Give a label, which opens the text shaded for it where there is one."""
    row = _bar(name, probability, "bar")
    return f"<details{' open' * is_open}><summary>{row}</summary>{shades}</details>" if shades else f"<div>{row}</div>"


def _next_best(values: Mapping[str, float], given: Sequence[str]) -> Iterator[str]:
    """Yield the most probable of the labels that were not given."""
    others = sorted((label for label in values if label not in given), key=lambda label: -values[label])
    for label in others[:NEXT_BEST]:
        yield f"<div>{_bar(_name(label), values[label], 'bar other')}</div>"


def _plain(text: str | None) -> str:
    """Give a text without shades, or as much of it as is shown."""
    if text is None:
        return ""
    left = len(text) - LIMIT
    more = f"<p>and {left:,} more character{'s' * (left != 1)}</p>" if left > 0 else ""
    return f'<p dir="auto" class="text">{escaped(text[:LIMIT])}</p>{more}'


def _shades(text: str, terms: Sequence[TermWeight], label: str) -> str:
    """Give a text shaded for a label, and the names of the terms that say most for and against it."""
    sides = []
    for side, sign in (("for", 1), ("against", -1)):
        named = [term for term in terms if sign * term.weight > 0.005][:NAMED]
        if named:
            names = ", ".join(f"{_name(term.term)}&nbsp;{term.weight:+.2f}" for term in named)
            sides.append(f'<mark style="{swatch(sign > 0, 1)}">{side} it</mark>: {names}')
    note = f'<p class="note">{"; ".join(sides)}</p>' if sides else ""
    return f'<p dir="auto" class="text">{shaded(text, spread(terms), label)}</p>{note}'


# Pictures ------------------------------------------------------------------------------------------------------------


def _bar(name: str, probability: float, kind: str) -> str:
    return (
        f'<span class="row"><span class="name">{name}</span><span class="value">{probability:.2f}</span>'
        f'<span class="{kind}" aria-hidden="true"><i style="width:{_percent(probability)}"></i></span></span>'
    )


def _scale(score: float) -> str:
    """Draw the place of a tone score between tense and cooperative; nothing where there is none."""
    if score != score:
        return ""
    said = f"tone score {score:+z.2f}, from -1, tense, to +1, cooperative"
    return (
        f'<div><span class="row"><span class="name">tense to cooperative</span><span class="value">{score:+z.2f}</span>'
        f'<span class="scale" role="img" aria-label="{said}" title="{said}">'
        f'<i style="left:{_percent((score + 1) / 2)}"></i></span></span></div>'
    )


def _tone_line(scores: Sequence[float]) -> str:
    """Draw the tone scores along an article; where one is missing, the line is broken."""
    points = _points(scores)
    if len(points) < 2:
        return ""
    step = (LINE_WIDTH - LINE_START - 10) / points[-1][0]
    lines, dots = [], []
    for number, (place, score, which) in enumerate(points):
        x, y = LINE_START + step * place, (1 - score) / 2 * (LINE_HEIGHT - 20) + 10
        goes_on = number and points[number - 1][0] == place - 1
        lines.append(f"{'L' if goes_on else 'M'}{x:.1f} {y:.1f}")
        dots.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{TENSE if score < 0 else COOPERATIVE}">'
            f"<title>{which}: {score:+z.2f}</title></circle>"
        )
    (_, least, lowest), (_, most, highest) = (side(points, key=lambda point: point[1]) for side in (min, max))
    said = (
        f"tone along the article, from -1, tense, to +1, cooperative: lowest {least:+z.2f} in {lowest}, "
        f"highest {most:+z.2f} in {highest}"
    )
    return (
        f'<svg viewBox="0 0 {LINE_WIDTH} {LINE_HEIGHT}" width="{LINE_WIDTH}" role="img" aria-label="{said}">'
        f'<g fill="currentColor" font-size="12"><text y="14">cooperative</text>'
        f'<text y="{LINE_HEIGHT - 6}">tense</text></g><g fill="none" stroke="currentColor">'
        f'<path d="M{LINE_START} {LINE_HEIGHT / 2:g}H{LINE_WIDTH - 10}" stroke-opacity=".4"/>'
        f'<path d="{"".join(lines)}" stroke-width="1.5"/></g>{"".join(dots)}</svg>'
    )


def _points(scores: Sequence[float]) -> list[tuple[int, float, str]]:
    """Give the place of each point of a line, the mean score there, and which paragraphs it stands for."""
    each = max(-(-len(scores) // MOST_POINTS), 1)
    points = []
    for place, first in enumerate(range(0, len(scores), each)):
        there = [score for score in scores[first : first + each] if score == score]
        last = min(first + each, len(scores))
        which = f"paragraph {last}" if last == first + 1 else f"paragraphs {first + 1} to {last}"
        if there:
            points.append((place, sum(there) / len(there), which))
    return points


def _name(label: str, is_given: bool = False) -> str:
    """Give a label or a term, whatever its direction of writing."""
    name = f"<bdi>{escaped(one_line(label))}</bdi>"
    return f"<b>{name}</b>" if is_given else name


def _percent(share: float) -> str:
    return f"{100 * min(max(0.0, share), 1.0):.4g}%"

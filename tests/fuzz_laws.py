"""What must hold for any bytes as a model file and for any text; the fuzzers look for what breaks it."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Sequence
from dataclasses import fields, replace
from functools import cache
from typing import Any

import numpy as np
from hostile import reason
from numpy.typing import NDArray

import stance
from stance.compiled import CompiledScorer
from stance.inspecting import Inspection
from stance.parameters import RULE_ARRAYS, TERM_ARRAYS, Parameters, to_bytes
from stance.results import Answers
from stance.scoring import Scorer
from stance.storage import parse
from stance.terminal import printable, shown

CLOSE = 1e-9
"""The difference that sums may have, relative to what was added up."""
TINY = 1e-300
"""What sums of numbers next to 0, which have few digits, may differ by."""
READY_AFTER = 32
"""Texts after which the kernel builds its tables."""


def check_model_file(data: bytes) -> str | None:
    """Load a file, and use the model where one comes out; give the reason where it is refused."""
    model, said = _loaded(data)
    if model is None:
        return said
    with np.errstate(all="raise", under="ignore"):
        parameters = model.parameters
        parameters.check()
        texts = texts_of(parameters)
        assert len(texts) < READY_AFTER / 2
        _check_answers(model, parameters, texts)
        _check_explanations(model, texts)
        check_document(model, "\n\n".join(texts))
        _check_what_is_told(model, texts)
    _check_copies(model, data)
    return None


def _loaded(data: bytes) -> tuple[stance.Model | None, str]:
    """Load a file that is on no disk; from memory there comes the same."""
    model, said = None, ""
    descriptor = os.memfd_create("model")
    try:
        os.write(descriptor, data)
        model = stance.load(f"/proc/self/fd/{descriptor}")
    except stance.ModelFileError as error:
        said = error.reason
    finally:
        os.close(descriptor)
    assert reason(data) == said
    return model, said


def texts_of(parameters: Parameters) -> list[str]:
    """Give texts of a model's own words, pairs and subwords, and of none."""
    words = [word[:80] for word in parameters.words[:40]]
    pairs = [parameters.term(len(parameters.words) + row)[:160] for row in range(min(len(parameters.pairs), 20))]
    subwords = [subword[:80] for subword in parameters.subwords[:40]]
    known = " ".join(words)
    return [
        "",
        " \t\r\n",
        "?!",
        known,
        known.upper(),
        " ".join(pairs),
        " ".join([*words, *reversed(words), *pairs]),
        " ".join(f"{subword.strip()} x{subword.strip()}y" for subword in subwords),
        "".join(subwords),
        f"İ ΑΣ ǅ ß {known} \ud800 😀 мир {' '.join(subwords)}",
        " ".join(words[:3] * 40),
        (f"{known} unknown {' '.join(pairs)}. " * 300)[:5000],
    ]


def _check_answers(model: stance.Model, parameters: Parameters, texts: list[str]) -> None:
    """Compare the kernel with the scorer in NumPy, before it has tables and with them, one by one and together."""
    assert isinstance(model._scorer, CompiledScorer) == (stance.backend() == "compiled")
    first = model.answers(texts)
    check_equal(first, Scorer(parameters).score(texts), parameters, texts)
    alone = [model.classify(text) for text in texts]
    model.answers(texts * 2)
    second = model.answers(texts)
    assert all(np.array_equal(*pair, equal_nan=True) for pair in zip(_columns(first), _columns(second), strict=True))
    assert list(map(repr, model.classify_many(texts))) == list(map(repr, alone))
    assert list(map(repr, map(model.classify, texts))) == list(map(repr, alone))


def _columns(answers: Answers) -> list[NDArray[Any]]:
    return [np.asarray(getattr(answers, name)) for name in Answers.__match_args__[1:]]


def check_equal(found: Answers, expected: Answers, parameters: Parameters, texts: Sequence[str]) -> None:
    """Check the kernel's answers, and that those in NumPy differ by what adding up in another order may do."""
    shape = len(texts), len(parameters.labels)
    decisions, probabilities = (np.asarray(column).reshape(shape) for column in (found.decisions, found.probabilities))
    reasons = np.asarray(found.reasons)
    is_answered = reasons == 0
    assert np.isfinite(decisions).all()
    assert np.isnan(probabilities[~is_answered]).all()
    assert ((probabilities[is_answered] >= 0) & (probabilities[is_answered] <= 1)).all()
    assert np.array_equal(found.n_tokens, expected.n_tokens)
    assert np.array_equal(found.known, expected.known)
    assert np.allclose(found.mean_idf, expected.mean_idf, rtol=CLOSE, atol=0)
    is_sure = ~np.isclose(expected.mean_idf, parameters.max_mean_idf, rtol=CLOSE, atol=0)
    assert np.array_equal(reasons[is_sure], np.asarray(expected.reasons)[is_sure])
    # The rule, on the very same probabilities: no rounding comes between.
    assert list(map(found.topics_of, range(len(texts)))) == parameters.rule.topics(probabilities)
    tones = np.full(len(texts), -1)
    if parameters.tones:
        tones[is_answered] = probabilities[is_answered, len(parameters.topics) :].argmax(axis=1)
    assert np.array_equal(found.tones, tones)
    others = np.asarray(expected.decisions).reshape(shape)
    likelihoods = np.asarray(expected.probabilities).reshape(shape)
    is_answered &= np.asarray(expected.reasons) == 0
    if not (
        np.allclose(decisions, others, rtol=CLOSE, atol=0)
        and np.allclose(probabilities[is_answered], likelihoods[is_answered], rtol=0, atol=CLOSE)
    ):
        sizes, logits = _sizes(parameters, texts)
        assert (np.abs(decisions - others) <= CLOSE * sizes + TINY).all()
        gaps = np.abs(probabilities - likelihoods) - CLOSE * (1 + logits)
        assert (gaps[is_answered] <= 0).all()


def _sizes(parameters: Parameters, texts: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give how much was added up, signs aside, for each decision value, and for what a probability is computed of."""
    names = ("weight_scale", "subword_scale", "intercept")
    changes: dict[str, Any] = {name: np.abs(getattr(parameters, name)) for name in names}
    for name in ("weights", "subword_weights"):
        changes[name] = np.abs(np.maximum(getattr(parameters, name), -32767))
    sizes = np.asarray(Scorer(replace(parameters, **changes)).score(texts).decisions).reshape(len(texts), -1)
    sizes = sizes * (1 + 1e-4)  # for the weights that are -32768
    rule, n_topics = parameters.rule, len(parameters.topics)
    logits = np.empty_like(sizes)
    logits[:, :n_topics] = sizes[:, :n_topics] * np.abs(rule.topic_slope) + np.abs(rule.topic_offset)
    tones = sizes[:, n_topics:] @ np.abs(rule.tone_matrix).T + np.abs(rule.tone_offset)
    logits[:, n_topics:] = 2 * tones.max(axis=1, keepdims=True, initial=0)
    return sizes, logits


def _check_explanations(model: stance.Model, texts: list[str]) -> None:
    """What the terms of a text add, and the intercept, come to the decision value."""
    some = [texts[6], texts[9]]
    decisions = model.decision_function(some)
    for column in {0, len(model.labels) - 1}:
        for row, text in enumerate(some):
            terms = model.explain(text, model.labels[column], k=None)
            intercept = float(model.intercept_[column])
            gap = abs(sum((term.weight for term in terms), intercept) - decisions[row, column])
            if gap > CLOSE * sum((abs(term.weight) for term in terms), abs(intercept)):
                assert gap <= CLOSE * _sizes(model.parameters, [text])[0][0, column] + TINY
            assert all(0 <= start < end <= len(text) for term in terms for start, end in term.spans)
            assert all(term.spans for term in terms)


def check_document(model: stance.Model, text: str) -> None:
    """The paragraphs of an article are slices of it, in order, and each is answered as it is alone."""
    document = model.classify_document(text)
    last = 0
    for paragraph in document.paragraphs:
        assert last <= paragraph.start < paragraph.end <= len(text)
        assert text[paragraph.start : paragraph.end] == paragraph.text == paragraph.text.strip()
        last = paragraph.end
    parts = [paragraph.text for paragraph in document.paragraphs]
    assert "".join("".join(parts).split()) == "".join(text.split())
    answers = [paragraph.classification for paragraph in document.paragraphs]
    assert list(map(repr, answers)) == list(map(repr, model.classify_many(parts)))
    whole = document.classification
    assert all(0 <= value <= 1 + CLOSE for value in [*whole.probabilities.values(), *whole.tones.values()])


def _check_what_is_told(model: stance.Model, texts: list[str]) -> None:
    """Whatever stands in a file can be shown, and nothing of it reaches a terminal as a control character."""
    inspection = Inspection(model)
    for told in (str(inspection), *(shown(model.classify(text)) for text in texts[3:7])):
        assert printable(told) == told
    facts = inspection.to_dict()
    assert json.loads(json.dumps(facts)) == facts
    json.dumps(model.classify(texts[6]).to_dict(), allow_nan=False)
    model.classify(texts[6])._repr_html_()


def _check_copies(model: stance.Model, data: bytes) -> None:
    """A model is its file, and its parameters make one again."""
    assert bytes(pickle.loads(pickle.dumps(model))._contents.data) == data
    again = to_bytes(model.parameters)
    other = Parameters.of(parse(again))
    other.check()
    assert to_bytes(other) == again
    for owner, same, names in (
        (model.parameters, other, TERM_ARRAYS),
        (model.parameters.rule, other.rule, RULE_ARRAYS),
    ):
        assert all(getattr(owner, name).tobytes() == getattr(same, name).tobytes() for name in names)
    for field in fields(Parameters):
        if field.name not in (*TERM_ARRAYS, "rule"):
            assert getattr(other, field.name) == getattr(model.parameters, field.name)


def text_of(data: bytes) -> str:
    """Make a text of bytes: the first says whether they are UTF-8 or UTF-32, and how often the text is repeated."""
    kind, data = data[0] if data else 0, data[1:]
    if kind & 1:
        units = np.frombuffer(data[: len(data) // 4 * 4], dtype="<u4") % 0x110000
        text = "".join(map(chr, units.tolist()))
    else:
        try:
            text = data.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            text = data.decode("latin-1")
    return text * (1 << (kind >> 1 & 7) if len(text) < 100 else 1)


def check_text(data: bytes) -> None:
    """Classify a text with the model that comes with stance, by each way that there is."""
    text = text_of(data)
    model, scorer, parameters = _default()
    with np.errstate(all="raise", under="ignore"):
        expected = scorer.score([text])
        for one in (model, _without_tables()):
            found = one.answers([text])
            check_equal(found, expected, parameters, [text])
            assert found.topics_of(0) == expected.topics_of(0)
            assert found.tones[0] == expected.tones[0]
            assert np.abs(np.asarray(found.decisions) - np.asarray(expected.decisions)).max() <= CLOSE
        assert repr(model.classify(text)) == repr(found.classification(0))
        check_document(model, text)


@cache
def _default() -> tuple[stance.Model, Scorer, Parameters]:
    model = stance.load()
    model.answers([""] * READY_AFTER)
    return model, Scorer(model.parameters), model.parameters


_fresh: list[stance.Model] = []


def _without_tables() -> stance.Model:
    """Give the same model, whose kernel has no tables yet."""
    if not _fresh:
        contents = _default()[0]._contents
        _fresh.extend([stance.Model(contents)] * (READY_AFTER - 2))
    return _fresh.pop()

"""The public names, and the functions that use the default model."""

from __future__ import annotations

import importlib
import json
import pickle
import pkgutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import stance

PUBLIC = [
    "Classification",
    "Document",
    "LabelError",
    "MissingExtraError",
    "Model",
    "ModelFileError",
    "Paragraph",
    "Report",
    "StanceError",
    "StanceWarning",
    "TableError",
    "TermWeight",
    "TextTypeError",
    "TrainingError",
    "audit",
    "backend",
    "classify",
    "classify_document",
    "classify_many",
    "correct",
    "evaluate",
    "load",
    "score",
    "suggest",
    "summary",
    "taxonomy",
    "train",
]
TEXTS = ["Peace talks resumed in Geneva.", "", "qqzzvv xxjjkk", "The army fired a missile at the port."]
ARTICLE = "Rebels shelled the town.\n\n \n\nThe minister praised the aid agreement.\r\n"
MISSING = "Missing texts are allowed in `score`; elsewhere pass '' for a missing text."

Take = Callable[[Any], Any]


def same(one: object, other: object) -> bool:
    """Equal, with NaN equal to NaN."""
    return repr(one) == repr(other)


def everything() -> list[str]:
    return [f"stance.{module.name}" for module in pkgutil.iter_modules(stance.__path__) if module.name != "__main__"]


# Names ---------------------------------------------------------------------------------------------------------------


def test_the_public_names_are_these() -> None:
    assert stance.__all__ == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_resolves_and_is_listed(name: str) -> None:
    assert getattr(stance, name) is getattr(stance, name)
    assert name in dir(stance)


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_documented(name: str) -> None:
    assert (getattr(stance, name).__doc__ or "").strip()


def test_dir_is_sorted_and_lists_late_names_before_they_are_used() -> None:
    program = "import sys, stance; print(dir(stance) == sorted(dir(stance)), {'train', 'Report'} <= set(dir(stance)))"
    program += "; print('sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "True True\nFalse\n"


def test_star_import_gives_the_public_names() -> None:
    program = (
        "from stance import *; import stance; print(all(globals()[n] is getattr(stance, n) for n in stance.__all__))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_there_is_no_other_name() -> None:
    with pytest.raises(AttributeError) as caught:
        stance.clasify  # noqa: B018
    assert str(caught.value) == "module 'stance' has no attribute 'clasify'"


def test_the_version_is_three_numbers() -> None:
    assert [part.isdecimal() for part in stance.__version__.split(".")] == [True] * 3


@pytest.mark.parametrize("first", [[], ["train", "score", "evaluate"]])
def test_functions_stay_functions_after_every_module_was_imported(first: list[str]) -> None:
    program = (
        f"import importlib, stance\nfor name in {first}: getattr(stance, name)\n"
        f"for name in {everything()}: importlib.import_module(name)\n"
        "print([type(getattr(stance, name)).__name__ for name in "
        "('backend', 'classify', 'classify_document', 'classify_many', 'evaluate', 'load', 'score', 'train')])\n"
        "print(type(stance.taxonomy).__name__, type(stance.Report).__name__)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == f"{['function'] * 8}\nmodule type\n"


def test_every_name_that_a_module_lists_is_there() -> None:
    for module in map(importlib.import_module, everything()):
        assert [name for name in module.__all__ if not hasattr(module, name)] == []


# Models --------------------------------------------------------------------------------------------------------------


def test_the_default_model_is_loaded_once() -> None:
    assert stance.load() is stance.load()
    assert stance.load(None) is stance.load()
    assert isinstance(stance.load(), stance.Model)


@pytest.mark.parametrize("kind", [str, Path])
def test_a_model_file_is_loaded_each_time(tiny_model: stance.Model, tmp_path: Path, kind: Take) -> None:
    path = tmp_path / "tiny.stance"
    tiny_model.save(path)
    one, other = stance.load(kind(path)), stance.load(kind(path))
    assert one is not other
    assert (one.decision_function(TEXTS) == other.decision_function(TEXTS)).all()
    assert (one.decision_function(TEXTS) == tiny_model.decision_function(TEXTS)).all()


def test_a_missing_model_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "none.stance"
    with pytest.raises(stance.ModelFileError) as caught:
        stance.load(path)
    assert str(caught.value) == (
        f"{path}: not a usable model file: No such file or directory. Give the path of a file made by Model.save"
    )


def test_the_default_model_is_of_the_taxonomy(default_model: stance.Model) -> None:
    assert set(default_model.topics) == {topic.name for topic in stance.taxonomy.TOPICS}
    assert default_model.tones == tuple(tone.name for tone in stance.taxonomy.TONES)


# Functions -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", TEXTS)
def test_classify_is_the_default_models(default_model: stance.Model, text: str) -> None:
    assert same(stance.classify(text), default_model.classify(text))


def test_classify_many_is_the_default_models(default_model: stance.Model) -> None:
    assert same(stance.classify_many(TEXTS), default_model.classify_many(TEXTS))
    assert same(stance.classify_many(TEXTS), [stance.classify(text) for text in TEXTS])


@pytest.mark.parametrize("many", [tuple, iter, pd.Series, np.array, dict.fromkeys])
def test_classify_many_takes_any_iterable(many: Take) -> None:
    assert same(stance.classify_many(many(TEXTS)), stance.classify_many(TEXTS))


@pytest.mark.parametrize("none", [[], (), iter([]), pd.Series([], dtype=object)])
def test_of_no_texts_come_no_answers(none: Any) -> None:
    assert stance.classify_many(none) == []


def test_classify_document_is_the_default_models(default_model: stance.Model) -> None:
    document = stance.classify_document(ARTICLE)
    assert same(document, default_model.classify_document(ARTICLE))
    assert [ARTICLE[paragraph.start : paragraph.end] for paragraph in document.paragraphs] == [
        "Rebels shelled the town.",
        "The minister praised the aid agreement.",
    ]


def test_score_is_the_default_models(default_model: stance.Model, tiny_model: stance.Model) -> None:
    frame = pd.DataFrame({"body": TEXTS})
    options: dict[str, Any] = {"probabilities": True, "codes": "cap", "prefix": "x_", "progress": False}
    ours = stance.score(frame, "body", **options)
    pd.testing.assert_frame_equal(ours, default_model.score(frame, "body", **options))
    pd.testing.assert_frame_equal(
        stance.score(frame, text="body", model=tiny_model), tiny_model.score(frame, text="body")
    )
    assert "x_p_trade" in ours


def test_a_str_subclass_is_a_text() -> None:
    assert same(stance.classify(np.str_(TEXTS[0])), stance.classify(TEXTS[0]))


@pytest.mark.parametrize("text", TEXTS)
def test_answers_are_picklable_and_json_safe(text: str) -> None:
    for result in (stance.classify(text), stance.classify_document(text), *stance.load().explain(text, "trade")):
        assert same(pickle.loads(pickle.dumps(result)), result)
        assert json.loads(json.dumps(result.to_dict(), allow_nan=False)) == result.to_dict()


# Wrong texts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "got"),
    [
        (None, "NoneType: None"),
        (b"peace", "bytes: b'peace'"),
        (7, "int: 7"),
        (float("nan"), "float: nan"),
        (["peace"], "list: ['peace']"),
        (Path("a.txt"), f"{type(Path()).__name__}: {Path('a.txt')!r}"),
        (["x" * 99], f"list: ['{'x' * 57}…"),
    ],
)
@pytest.mark.parametrize(
    "take", [stance.classify, stance.classify_document, lambda value: stance.load().explain(value, "trade")]
)
def test_a_text_that_is_no_str_is_told(take: Take, value: object, got: str) -> None:
    with pytest.raises(stance.TextTypeError) as caught:
        take(value)
    assert str(caught.value) == f"expected a text of type str, but got {got}. {MISSING}"
    assert caught.value.value is value
    assert caught.value.position is None


def predict_proba(texts: Any) -> Any:
    return stance.load().predict_proba(texts)


def decision_function(texts: Any) -> Any:
    return stance.load().decision_function(texts)


@pytest.mark.parametrize("take", [stance.classify_many, predict_proba, decision_function])
@pytest.mark.parametrize(
    ("texts", "position", "got"),
    [
        (["a", None], 1, "NoneType: None"),
        ([b"a", None], 0, "bytes: b'a'"),
        (b"a", 0, "int: 97"),
        (("a", "b", 2.5), 2, "float: 2.5"),
        ({"a": 1, 5: 2}, 1, "int: 5"),
    ],
)
def test_the_place_of_a_text_that_is_no_str_is_told(take: Take, texts: Any, position: int, got: str) -> None:
    with pytest.raises(stance.TextTypeError) as caught:
        take(texts)
    assert str(caught.value) == f"expected a text of type str at position {position}, but got {got}. {MISSING}"
    assert caught.value.position == position


@pytest.mark.parametrize("take", [stance.classify_many, predict_proba, decision_function])
def test_one_str_is_not_several_texts(take: Take) -> None:
    with pytest.raises(TypeError) as caught:
        take("peace")
    assert str(caught.value) == "expected several texts, but got one str: use classify(text), or put it in a list"


@pytest.mark.parametrize("take", [stance.classify_many, predict_proba, decision_function])
@pytest.mark.parametrize(("value", "name"), [(None, "NoneType"), (7, "int"), (object(), "object")])
def test_what_cannot_be_iterated_is_not_several_texts(take: Take, value: object, name: str) -> None:
    with pytest.raises(TypeError) as caught:
        take(value)
    assert str(caught.value) == f"expected several texts, such as a list of str, but got {name}"

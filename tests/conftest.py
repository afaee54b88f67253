"""The models that the tests share, each trained once a session."""

from __future__ import annotations

import importlib.util
import io
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pandas as pd
import pytest

import stance
from stance import cli

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"


@pytest.fixture(scope="session")
def paragraphs() -> pd.DataFrame:
    """The paragraphs written for the project."""
    return pd.read_csv(FIXTURES / "paragraphs.csv", keep_default_na=False)


@pytest.fixture(scope="session")
def default_model() -> stance.Model:
    return stance.load()


@pytest.fixture(scope="session")
def tiny_model(paragraphs: pd.DataFrame) -> stance.Model:
    """Topics and tone from 120 paragraphs, some labels too rare to cross-validate."""
    return _trained(paragraphs.iloc[:120])


@pytest.fixture(scope="session")
def topics_model(paragraphs: pd.DataFrame) -> stance.Model:
    return _trained(paragraphs.iloc[:60], tone=None)


@pytest.fixture(scope="session")
def tone_model(paragraphs: pd.DataFrame) -> stance.Model:
    return _trained(paragraphs.iloc[:60], topics=None)


@pytest.fixture(scope="session")
def two_row_model() -> stance.Model:
    """The least there is to learn from, with labels that no codebook has."""
    rows = pd.DataFrame(
        {
            "text": ["жители пришли на площадь", "рынок вырос снова"],
            "topics": ["Площадь", "Рынок"],
            "tone": ["да", "нет"],
        }
    )
    return _trained(rows)


@pytest.fixture(scope="session")
def adapted_model(tiny_model: stance.Model, paragraphs: pd.DataFrame) -> stance.Model:
    """The tiny model after 60 paragraphs of its labels and a new one."""
    rows = paragraphs.iloc[120:180]
    has_new = rows["text"].str.contains("port")
    return _trained(rows.assign(topics=rows["topics"].where(~has_new, rows["topics"] + "|ports")), base=tiny_model)


@pytest.fixture(params=["default", "tiny", "topics", "tone", "two_row", "adapted"])
def any_model(request: pytest.FixtureRequest) -> stance.Model:
    """Every kind of model, one after the other: what holds for it holds for all."""
    model: stance.Model = request.getfixturevalue(f"{request.param}_model")
    return model


class Done(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]


class Terminal(io.TextIOWrapper):
    """Standard input that somebody types."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def run(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in this process: its code, what it wrote and what it said."""

    def run(*arguments: object, stdin: bytes = b"", terminal: bool = False) -> Done:
        wrapper = Terminal if terminal else io.TextIOWrapper
        monkeypatch.setattr(sys, "stdin", wrapper(io.BufferedReader(io.BytesIO(stdin)), encoding="utf-8"))
        try:
            code = cli.main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = int(end.code or 0)
        sys.stdout.flush()
        out, err = capfdbinary.readouterr()
        return Done(code, out.decode("utf-8"), err.decode("utf-8"))

    return run


def _trained(rows: pd.DataFrame, **options: Any) -> stance.Model:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stance.StanceWarning)
        return stance.train(rows, progress=False, **options)


def second_copy(module: ModuleType, patch: pytest.MonkeyPatch) -> ModuleType:
    """The module run once more, beside the one that others have imported."""
    spec = importlib.util.spec_from_file_location("second_copy", str(module.__file__))
    assert spec is not None
    assert spec.loader is not None
    copy = importlib.util.module_from_spec(spec)
    patch.setitem(sys.modules, "second_copy", copy)
    spec.loader.exec_module(copy)
    return copy

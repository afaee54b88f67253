"""Model files of every released format load for ever and give the answers that they gave."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import FIXTURES

import stance

KEPT = sorted((FIXTURES / "models").glob("*.stance"))


def test_there_is_a_kept_file_of_format_2() -> None:
    assert (FIXTURES / "models" / "format-2.stance") in KEPT


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.name)
def test_a_kept_file_gives_its_answers(path: Path, tmp_path: Path) -> None:
    model = stance.load(path)
    expected = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    texts = [answer["text"] for answer in expected]
    decisions = np.array([answer["decisions"] for answer in expected])
    assert np.abs(model.decision_function(texts) - decisions).max() < 1e-9
    for answer, kept in zip(model.classify_many(texts), expected, strict=True):
        assert (list(answer.topics), answer.tone, answer.abstained) == (kept["topics"], kept["tone"], kept["abstained"])
        for label, value in {**kept["probabilities"], **kept["tones"]}.items():
            assert {**answer.probabilities, **answer.tones}[label] == pytest.approx(value, abs=1e-9)
    model.save(tmp_path / "again.stance")
    assert (tmp_path / "again.stance").read_bytes() == path.read_bytes()

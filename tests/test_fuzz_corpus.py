"""What the fuzzers found worth keeping, and the hostile files, keep the laws; so do some files that were never seen."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from conftest import FIXTURES
from fuzz_laws import check_model_file, check_text
from fuzz_mutations import Mutations, seeds
from hostile import FOLDER

MODEL_FILES = [*sorted((FIXTURES / "fuzz" / "model-files").iterdir()), *sorted(FOLDER.glob("*.stance"))]
TEXTS = sorted((FIXTURES / "fuzz" / "texts").iterdir())


def name(path: Path) -> str:
    return path.stem[:12]


@pytest.mark.parametrize("path", MODEL_FILES, ids=name)
def test_a_kept_model_file_is_refused_or_keeps_the_laws(path: Path) -> None:
    check_model_file(path.read_bytes())


@pytest.mark.parametrize("path", TEXTS, ids=name)
def test_a_kept_text_keeps_the_laws(path: Path) -> None:
    check_text(path.read_bytes())


def test_the_files_to_begin_with_are_sound() -> None:
    assert [check_model_file(data) for _, data in seeds()] == [None] * 13


def test_changed_files_keep_the_laws_and_most_get_past_the_header() -> None:
    random = Random(0)

    def changed(data: bytes, max_size: int) -> bytes:
        place = random.randrange(len(data))
        return data[:place] + random.randbytes(1) + data[place + 1 :]

    mutations = Mutations(changed)
    files = [data for _, data in seeds()]
    reasons = []
    for seed in range(150):
        data = mutations.mutated(random.choice(files), 8192, seed)
        if seed % 3 == 0:
            data = mutations.crossed(data, random.choice(files), 8192, seed)
        assert len(data) <= 8192
        reasons.append(check_model_file(data))
        if reasons[-1] is None:
            files.append(data)
    assert reasons.count(None) >= 75
    assert len(set(reasons)) >= 15

"""The same rows give the same model file, byte for byte, in whatever process, order and machine setting."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from conftest import FIXTURES

ROOT = FIXTURES.parent
N_CORES = len(os.sched_getaffinity(0))
PROGRAM = """
import os, sys
cores = int(sys.argv.pop(1))
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
from stance.cli import main
sys.exit(main(sys.argv[1:]))
"""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
SETTINGS: dict[str, tuple[int, dict[str, str]]] = {
    "another hash seed": (N_CORES, {"PYTHONHASHSEED": "12345"}),
    "hashes at random, one core": (1, {"PYTHONHASHSEED": "random"}),
    "one thread": (N_CORES, dict.fromkeys(THREADS, "1")),
    "seven threads": (N_CORES, dict.fromkeys(THREADS, "7")),
    "Turkish, without UTF-8 mode": (N_CORES, {"LC_ALL": "tr_TR.UTF-8", "PYTHONUTF8": "0", "TZ": "Asia/Tokyo"}),
}


def trained(rows: Path, output: Path, cores: int, setting: dict[str, str], *options: str) -> str:
    """Train at the command line in a process of its own; give the SHA-256 of the file."""
    subprocess.run(
        [sys.executable, "-c", PROGRAM, str(cores), "train", str(rows), "--output", str(output), *options],
        env={**os.environ, **setting, "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
    )
    return hashlib.sha256(output.read_bytes()).hexdigest()


@pytest.mark.slow
@pytest.mark.parametrize("base", [False, True], ids=["from nothing", "from a base"])
def test_a_model_is_the_same_bytes_whatever_the_process_is_like(base: bool, tmp_path: Path) -> None:
    rows = pd.read_csv(FIXTURES / "paragraphs.csv")
    options = ["--base", "default"] if base else []
    in_order = tmp_path / "in-order.csv"
    rows.to_csv(in_order, index=False)
    expected = trained(in_order, tmp_path / "first.stance", N_CORES, {}, *options)
    for seed, (name, (cores, setting)) in enumerate(SETTINGS.items()):
        shuffled = tmp_path / f"{name}.csv"
        rows.sample(frac=1, random_state=seed).to_csv(shuffled, index=False)
        found = trained(shuffled, tmp_path / "again.stance", cores, setting, *options)
        assert found == expected, name

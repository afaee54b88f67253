"""Whoever made it, a model file is sound, or refused with one error, in a second and 100 MB, and that is all."""

from __future__ import annotations

import csv
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
from hostile import FOLDER, attacks, parts, small

import stance
from stance.parameters import to_bytes
from stance.scoring import Scorer
from stance.storage import HEADER, LENGTHS, MAX_BYTES, PREFIX

with (FOLDER / "reasons.csv").open(encoding="utf-8", newline="") as table:
    REASONS = {row["file"]: row["reason"] for row in csv.DictReader(table)}

TRIAL = """
import json, resource, signal, sys
import numpy
import stance, stance.decision, stance.parameters, stance.scoring

def stop(number, frame):
    raise SystemExit("a second was not enough")

signal.signal(signal.SIGPROF, stop)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 100_000_000, used + 100_000_000))
for path in sys.stdin.read().splitlines():
    signal.setitimer(signal.ITIMER_PROF, 1)
    try:
        stance.load(path)
    except stance.ModelFileError as error:
        print(json.dumps([path, error.path, error.reason]))
    else:
        print(json.dumps([path, None, None]))
"""
"""Loads files where memory and processor time end at what is promised; anything but a ModelFileError ends it."""


def tried(paths: list[Path], folder: Path) -> dict[Path, str | None]:
    """Load files in a process of their own; give the reason for which each was refused, None where it was not."""
    run = subprocess.run(
        [sys.executable, "-c", TRIAL],
        input="\n".join(map(str, paths)),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(stance.__file__).parent.parent), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, ""), run.stderr
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    assert all(named in (path, None) for path, named, _ in answers)
    assert [Path(path) for path, _, _ in answers] == paths
    return {Path(path): reason for path, _, reason in answers}


def sparse(path: Path, content: bytes, size: int) -> Path:
    """Make a file of a size that takes no room on the disk."""
    path.write_bytes(content)
    os.truncate(path, size)
    return path


def header(size: int) -> bytes:
    """The header of a file of a size, of which its card is nearly all; the hash is wrong."""
    sound = to_bytes(small())
    lengths = [len(array) for array in parts(sound).values()]
    lengths[-1] += size - len(sound)
    return sound[: PREFIX.size] + LENGTHS.pack(*lengths) + sound[HEADER:]


def test_the_kept_files_are_those_that_are_made() -> None:
    made = dict(attacks())
    assert sorted(made) == sorted(REASONS)
    for name, content in made.items():
        kept = (FOLDER / f"{name}.stance").read_bytes()
        # zlib may pack otherwise, and NumPy 1 pickles otherwise.
        assert kept == content or name.startswith(("zip-", "gzip", "numpy-objects")), name
    assert (FOLDER / "sound.stance").read_bytes() == to_bytes(small())
    assert {path.stem for path in FOLDER.glob("*.stance")} == {*made, "sound"}


def test_each_kept_file_is_refused_with_its_reason(tmp_path: Path) -> None:
    expected = {FOLDER / f"{name}.stance": reason for name, reason in REASONS.items()}
    assert len(expected) >= 200
    assert tried([*expected, FOLDER / "sound.stance"], tmp_path) == {**expected, FOLDER / "sound.stance": None}
    assert os.listdir(tmp_path) == []  # no code in them was run


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    sound = to_bytes(small())
    body = np.random.default_rng(0).choice(np.arange(HEADER, len(sound)), 200, replace=False).tolist()
    expected: dict[Path, str | None] = {}
    for length in [*range(HEADER), *body]:
        path = tmp_path / f"{length}.stance"
        path.write_bytes(sound[:length])
        least = PREFIX.size if length < PREFIX.size else HEADER
        expected[path] = (
            f"expected at least {least} bytes, but it has {length}"
            if length < HEADER
            else f"its header tells of {len(sound)} bytes, but it has {length}: it was cut off or damaged"
        )
    assert tried(list(expected), tmp_path) == expected


def test_a_file_with_any_byte_of_its_header_changed_is_refused(tmp_path: Path) -> None:
    sound = to_bytes(small())
    for place in range(HEADER):
        for flip in (0x01, 0x80, 0xFF):
            changed = bytearray(sound)
            changed[place] ^= flip
            (tmp_path / f"{place}-{flip}.stance").write_bytes(changed)
    paths = sorted(tmp_path.iterdir())
    found = tried(paths, tmp_path)
    assert all(found.values())
    beginnings = ("it does not begin as", "it has format", "expected 18 arrays", "its SHA-256", "its header tells")
    for path, reason in found.items():
        assert reason is not None
        place = int(path.stem.split("-")[0])
        kind = (place >= 8) + (place >= 12) + (place >= 16) + (place >= 48)
        assert reason.startswith(beginnings[kind]) or (
            kind == 4 and ("which is no multiple of" in reason or reason.startswith("its SHA-256"))
        )


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "to-itself").symlink_to("to-itself")
    (tmp_path / "to-nothing").symlink_to("nothing")
    (tmp_path / "to-folder").symlink_to("folder")
    (tmp_path / "to-zeros").symlink_to("/dev/zero")
    (tmp_path / "secret").write_text("the password is sesame, and it is long enough for a header")
    (tmp_path / "to-secret").symlink_to("secret")
    (tmp_path / "to-sound").symlink_to(FOLDER / "sound.stance")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
    no_file = "expected a file, but this is a folder, a pipe or a device"
    remedy = "Give the path of a file made by Model.save"
    expected = {
        "folder": no_file,
        "pipe": no_file,
        "to-itself": f"Too many levels of symbolic links. {remedy}",
        "to-nothing": f"No such file or directory. {remedy}",
        "to-folder": no_file,
        "to-zeros": no_file,
        "to-secret": "it does not begin as a model file does",
        "to-sound": None,
        "socket": f"No such device or address. {remedy}",
    }
    assert tried([tmp_path / name for name in expected], tmp_path) == {
        tmp_path / name: reason for name, reason in expected.items()
    }
    if Path("/sys/kernel/mm/transparent_hugepage/enabled").exists():  # it says that it has 4,096 bytes
        path = Path("/sys/kernel/mm/transparent_hugepage/enabled")
        length = len(path.read_bytes())
        assert tried([path], tmp_path) == {path: f"expected at least 48 bytes, but it has {length}"}


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    expected = {
        sparse(tmp_path / "zeros", b"", 1 << 40): "it does not begin as a model file does",
        sparse(tmp_path / "sound-begin", to_bytes(small()), 1 << 40): (
            "its header tells of 1344 bytes, but it has 1099511627776: it was cut off or damaged"
        ),
        sparse(tmp_path / "as-it-says", header(1 << 40), 1 << 40): (
            f"expected at most {MAX_BYTES} bytes, but it has 1099511627776"
        ),
        sparse(tmp_path / "wrong-hash", header(90 << 20), 90 << 20): (
            "its SHA-256 does not fit its content: the file is damaged"
        ),
    }
    assert tried(list(expected), tmp_path) == expected


def test_a_file_that_changes_after_it_was_loaded_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.stance"
    path.write_bytes(to_bytes(small()))
    model = stance.load(path)
    before = model.decision_function(["peace talks"] * 40)
    with path.open("r+b") as file:
        file.write(b"\xff" * len(to_bytes(small())))
    os.truncate(path, 0)
    assert (model.decision_function(["peace talks"] * 40) == before).all()
    assert model.card == {"note": "ü"}


def crowded(n_keys: int, length: int) -> list[str]:
    """Words of a length that all belong into one of 512 buckets of the kernel's table."""
    numbers = np.arange(700 * n_keys, dtype=np.uint64)
    letters = np.stack([97 + numbers // np.uint64(26**i) % np.uint64(26) for i in range(length)], axis=1)
    shifts = np.arange(length, dtype=np.uint64) * np.uint64(8)
    keys = (letters.astype(np.uint64) << shifts).sum(axis=1, dtype=np.uint64) | np.uint64(length << 56)
    places = (keys * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(55)
    chosen = letters[places == 7][:n_keys].astype(np.uint8)
    return sorted(bytes(row).decode() for row in chosen)


def test_words_that_crowd_in_the_kernels_table_get_the_same_answers() -> None:
    words = crowded(1_400, 7)
    assert len(words) == 1_400
    pairs = np.zeros((0, 2), dtype=np.uint32)
    weights = np.random.default_rng(1).integers(-999, 999, (1_400, 4)).astype(np.int16)
    for changes in (
        {"words": tuple(words), "pairs": pairs, "idf": np.full(1_400, 2.0), "weights": weights},
        {"subwords": tuple(words), "subword_weights": weights, "subword_lengths": (7, 7)},
    ):
        parameters = small(**changes)
        model = stance.Model(parameters)
        texts = [" ".join(words[i : i + 20]) for i in range(0, 1_400, 20)]
        expected = Scorer(parameters).score(texts).decisions
        assert np.allclose(np.asarray(model.answers(texts).decisions), np.asarray(expected), rtol=0, atol=1e-9)
        assert model.classify(texts[0]).known == model.classify_many(texts)[0].known


def test_numbers_at_the_edge_of_their_range_give_finite_answers() -> None:
    most = 1e60
    rule = small().rule
    edges = small(
        weights=np.full((4, 4), 32767, dtype=np.int16),
        weight_scale=np.array([most, -most, most, -most]),
        subword_weights=np.full((2, 4), -32768, dtype=np.int16),
        subword_scale=np.full(4, most),
        intercept=np.full(4, -most),
        idf=np.array([most, 1 / most, most, 1 / most]),
        unknown_idf=1e307,
        rule=type(rule)(
            np.full(2, most), np.full(2, -most), np.full((2, 2), most), np.full(2, most), np.full(2, most), 1e300, 2
        ),
    )
    model = stance.Model(edges)
    for text in (
        "peace talks",
        "talks",
        "peace",
        "мир",
        "peaceful talks unknown unknown",
        " ".join(["peace talks"] * 999),
    ):
        assert np.isfinite(model.decision_function([text])).all()
        answer = model.classify(text)
        assert all(0 <= value <= 1 for value in {**answer.probabilities, **answer.tones}.values())
        expected = Scorer(edges).score([text])
        assert np.allclose(model.decision_function([text]), np.asarray(expected.decisions).reshape(1, -1), rtol=1e-9)

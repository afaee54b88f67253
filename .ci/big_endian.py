"""What `.ci/big-endian` runs on the big-endian machine."""

from __future__ import annotations

import csv
import json
import sys

import numpy as np
from hostile import FOLDER, reason, small

import stance
from stance.parameters import to_bytes

FIXTURES = FOLDER.parent

assert sys.byteorder == "big"
assert to_bytes(small()) == (FOLDER / "sound.stance").read_bytes()
with (FOLDER / "reasons.csv").open(encoding="utf-8") as table:
    expected = {row["file"]: row["reason"] for row in csv.DictReader(table)}
assert {name: reason((FOLDER / f"{name}.stance").read_bytes()) for name in expected} == expected

for path in (FIXTURES / "models").glob("*.stance"):
    model = stance.load(path)
    assert to_bytes(model.parameters) == path.read_bytes()
    answers = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    found = model.decision_function([answer["text"] for answer in answers])
    assert np.abs(found - [answer["decisions"] for answer in answers]).max() < 1e-9

model = stance.load()
with (FIXTURES / "golden.csv").open(encoding="utf-8") as table:
    golden = list(csv.DictReader(table))
with (FIXTURES / "kinds.csv").open(encoding="utf-8") as table:
    texts = [row["text"] for row in csv.DictReader(table)]
for kept, text in zip(golden, texts, strict=False):
    answer = model.classify(text)
    assert ("|".join(answer.topics), answer.tone or "") == (kept["topics"], kept["tone"])
    found = model.decision_function([text])[0]
    assert np.abs(found - [float(kept[f"d_{label}"]) for label in model.labels]).max() < 1e-6
print("big-endian: hostile files refused, kept models read and written, answers as they were")

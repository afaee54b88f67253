"""What a model is: its labels and the terms that speak for them, its size, origin and scores."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stance.model import Model
from stance.storage import FORMAT
from stance.terminal import plain

__all__ = ["Inspection"]

SHOWN_ELSEWHERE = ("data", "licence", "name", "stance", "cross_validation", "cross_validation_natural")
"""What the lines at the top and the table of labels show of a card."""


class Inspection:
    """The facts about a model; prints as lines and a table.

    Parameters
    ----------
    model : Model
    k : int
        How many terms to name for each label.

    Examples
    --------
    >>> import stance
    >>> Inspection(stance.load(), 3).terms("nuclear")
    ['nuclear', 'missile', 'test ban']
    """

    def __init__(self, model: Model, k: int = 5) -> None:
        self._model = model
        self._k = k

    def terms(self, label: str) -> list[str]:
        """Give the words and pairs that speak most for a label.

        Those with the greatest coefficients of the TF-IDF features, as is usual for linear models: what a term adds to
        the decision value where it is met, its inverse document frequency taken out, which favours the rarest.
        """
        coefficients = self._coefficients[:, self._model.labels.index(label)]
        order = np.argsort(-coefficients, kind="stable")[: self._k]
        return [self._model.parameters.term(row) for row in order.tolist() if coefficients[row] > 0]

    @cached_property
    def _coefficients(self) -> NDArray[np.float64]:
        parameters = self._model.parameters
        return parameters.weights / parameters.idf[:, np.newaxis]

    def to_dict(self) -> dict[str, Any]:
        """Give the facts as plain types that `json.dumps` takes."""
        model, parameters, card = self._model, self._model.parameters, self._model.card
        return {
            "name": card.get("name"),
            "path": model.path,
            "format": FORMAT,
            "bytes": model.n_bytes,
            "sha256": model.digest,
            "words": len(parameters.words),
            "pairs": len(parameters.pairs),
            "subwords": len(parameters.subwords),
            "labels": [
                {
                    "label": label,
                    "head": "topics" if label in model.thresholds else "tone",
                    "threshold": model.thresholds.get(label),
                    "f1": _score(model, card, label, "f1"),
                    "support": _score(model, card, label, "support"),
                    "terms": self.terms(label),
                }
                for label in model.labels
            ],
            "card": card,
        }

    def __str__(self) -> str:
        facts = self.to_dict()
        card = facts["card"]
        lines = [facts["name"] or "a model"]
        size = f"format {FORMAT}, {facts['bytes'] / 1e6:.1f} MB, SHA-256 {facts['sha256'][:16]}"
        lines.append(f"file      {facts['path'] or 'none'} ({size})")
        lines.append(
            f"holds     {len(self._model.topics)} topics, {len(self._model.tones)} tones, {facts['words']:,} words, "
            f"{facts['pairs']:,} pairs, {facts['subwords']:,} subwords"
        )
        if "data" in card:
            maker = f", by stance {card['stance']}" if "stance" in card else ""
            lines.append(f"trained   on {card['data']['rows']:,} rows (SHA-256 {card['data']['sha256'][:16]}){maker}")
        if "licence" in card:
            lines.append(f"licence   {card['licence']}")
        for key, name in (("cross_validation", "scores    "), ("cross_validation_natural", "natural   ")):
            if card.get(key):
                lines.append(f"{name}{_scores(card[key])}")
        lines += ["", *_table(facts["labels"]), ""]
        for name, value in card.items():
            if name not in SHOWN_ELSEWHERE:
                lines += [f"{name}: {_plain(part)}" for part in (value if isinstance(value, list) else [value])]
        return plain("\n".join(lines)).rstrip()


def _score(model: Model, card: Mapping[str, Any], label: str, score: str) -> float | None:
    """Give a label's score from cross-validation, if the card has it."""
    head = "topics" if label in model.thresholds else "tone"
    scores = (card.get("cross_validation") or {}).get(head) or {"labels": {}}
    found: float | None = scores["labels"].get(label, {}).get(score)
    return found


def _scores(validation: Mapping[str, Any]) -> str:
    topics, tone = validation.get("topics"), validation.get("tone")
    parts = [f"topics macro-F1 {topics['macro_f1']:.3f}"] if topics else []
    parts += [f"tone macro-F1 {tone['macro_f1']:.3f}, accuracy {tone['accuracy']:.3f}"] if tone else []
    n_rows = validation.get("rows", validation.get("n_rows"))
    return f"{', '.join(parts)}; cross-validated on {n_rows:,} rows"


def _table(labels: list[dict[str, Any]]) -> list[str]:
    width = max(len("label"), *(len(row["label"]) for row in labels))
    lines = [f"{'label':<{width}}  {'given':<11}  {'F1':>4}  {'rows':>6}  speaks for it"]
    for row in labels:
        given = "most likely" if row["threshold"] is None else f"from {row['threshold']:.2f}"
        f1 = "" if row["f1"] is None else f"{row['f1']:.2f}"
        support = "" if row["support"] is None else f"{row['support']:,}"
        lines.append(f"{row['label']:<{width}}  {given:<11}  {f1:>4}  {support:>6}  {', '.join(row['terms'])}".rstrip())
    return lines


def _plain(value: object) -> str:
    """Write a value of the card in one line."""
    if not isinstance(value, Mapping):
        return str(value)
    return ", ".join(f"{name} {_plain(part)}" for name, part in value.items())

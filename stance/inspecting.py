"""What a model is: its labels and the terms that speak for them, its size, origin and scores."""

from __future__ import annotations

import sys
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

    A card may hold anything: the lines at the top leave out what is not in the form in which `stance.train` writes it.
    Nothing of a file reaches the terminal as a control character.

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
        lines = [facts["name"] if facts["name"] and isinstance(facts["name"], str) else "a model"]
        size = f"format {FORMAT}, {facts['bytes'] / 1e6:.1f} MB, SHA-256 {facts['sha256'][:16]}"
        lines.append(f"file      {facts['path'] or 'none'} ({size})")
        lines.append(
            f"holds     {len(self._model.topics)} topics, {len(self._model.tones)} tones, {facts['words']:,} words, "
            f"{facts['pairs']:,} pairs, {facts['subwords']:,} subwords"
        )
        rows = _number(card, "data", "rows")
        if rows is not None:
            digest = f" (SHA-256 {str(card['data']['sha256'])[:16]})" if "sha256" in card["data"] else ""
            maker = f", by stance {card['stance']}" if "stance" in card else ""
            lines.append(f"trained   on {rows:,} rows{digest}{maker}")
        if "licence" in card:
            lines.append(f"licence   {card['licence']}")
        for key, name in (("cross_validation", "scores    "), ("cross_validation_natural", "natural   ")):
            scores = _scores(card.get(key))
            if scores:
                lines.append(f"{name}{scores}")
        lines += ["", *_table(facts["labels"]), ""]
        for name, value in card.items():
            if name not in SHOWN_ELSEWHERE:
                lines += [f"{name}: {_plain(part)}" for part in (value if isinstance(value, list) else [value])]
        return plain("\n".join(lines)).rstrip()


def _number(card: object, *names: str) -> float | None:
    """Give the number that stands in a card under some names, each within the last; None where there is no such."""
    for name in names:
        card = card.get(name) if isinstance(card, Mapping) else None
    return card if isinstance(card, int | float) and abs(card) <= sys.float_info.max else None


def _score(model: Model, card: Mapping[str, Any], label: str, score: str) -> float | None:
    """Give a label's score from cross-validation, if the card has it."""
    head = "topics" if label in model.thresholds else "tone"
    return _number(card, "cross_validation", head, "labels", label, score)


def _scores(validation: object) -> str:
    """Give the scores of a cross-validation, those that the card has."""
    parts = [
        f"{name} {value:.3f}"
        for name, head, score in (
            ("topics macro-F1", "topics", "macro_f1"),
            ("tone macro-F1", "tone", "macro_f1"),
            ("accuracy", "tone", "accuracy"),
        )
        if (value := _number(validation, head, score)) is not None
    ]
    rows = _number(validation, "rows") or _number(validation, "n_rows")
    return ", ".join(parts) + (f"; cross-validated on {rows:,} rows" if parts and rows else "")


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

"""Topics and tone of paragraphs about international affairs.

>>> import stance
>>> answer = stance.classify("Parliament ratified the free trade agreement with its neighbours.")
>>> answer.topics[0], answer.tone
('trade', 'cooperative')
"""

from __future__ import annotations

from stance.api import classify, classify_document, classify_many, load, score
from stance.compiled import backend
from stance.errors import (
    LabelError,
    MissingExtraError,
    ModelFileError,
    StanceError,
    StanceWarning,
    TableError,
    TextTypeError,
    TrainingError,
)
from stance.model import Model
from stance.results import Classification, Document, Paragraph, TermWeight
from stance.version import VERSION

TYPE_CHECKING = False  # `typing` takes milliseconds to import
if TYPE_CHECKING:
    from typing import Any

    from stance import taxonomy
    from stance.curate import audit, correct
    from stance.evaluation import Report, evaluate
    from stance.learning import train
    from stance.suggesting import suggest
    from stance.summaries import summary

__version__ = VERSION

__all__ = [
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

_LATE = {
    "Report": "stance.evaluation",
    "audit": "stance.curate",
    "correct": "stance.curate",
    "evaluate": "stance.evaluation",
    "suggest": "stance.suggesting",
    "summary": "stance.summaries",
    "taxonomy": "stance.taxonomy",
    "train": "stance.learning",
}
"""Names whose modules import what scoring does without, such as scikit-learn and pandas."""


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _LATE:
        raise AttributeError(f"module 'stance' has no attribute {name!r}")
    module = import_module(_LATE[name])
    globals()[name] = module if name == "taxonomy" else getattr(module, name)
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATE})

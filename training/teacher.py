"""The teacher of the default model, which labels the texts of the corpora that nobody labelled.

It is a mean for each label, learned from the labelled rows that it is shown: of a logistic regression on words, pairs
and subwords; of one on a transformer's embeddings; and of a smaller transformer whose upper layers were trained on the
labels. The first two also see what the student will not: the category and the story heading under which editors put a
text, where they did.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import expit, softmax
from sklearn.feature_extraction.text import TfidfVectorizer

from stance.counting import Corpus, Vocabulary
from stance.heads import MAX_TERMS, fit_heads
from stance.labelled import Labelled, Targets
from stance.learning import CrossValidation, fit, folds_of
from stance.model import Model
from stance.taxonomy import TONES, TOPICS
from training.embeddings import MINILM, MPNET
from training.finetuning import Recipe, Shown, fine_tuned
from training.rows import OFF_TOPIC, editors_marks

__all__ = [
    "RECIPE",
    "TRANSFORMER",
    "Embed",
    "Teacher",
    "Tuned",
    "shown_by_folds",
    "student",
    "teacher_of",
    "tuned_on_folds",
]

Embed = Callable[[Sequence[str]], NDArray[np.float32]]

TRANSFORMER = MPNET
RECIPE = Recipe(MINILM, 3, 3, len(TOPICS), len(TONES))
STUDENT_TERMS = 60_000
"""The most words, pairs and subwords, each, that the student keeps."""
WORD_STRENGTHS = (10.0, 3.0)
MEANING_STRENGTHS = (2.0, 1.0)
"""C of the topics and of tone."""
WORD_PASSES, MEANING_PASSES = 15, 25
HEADING_UNIT = 0.7
"""What headings are worth beside the other words; categories are worth 1."""
MARK_UNIT = 0.5
"""What categories and headings are worth beside embeddings."""


@dataclass(frozen=True, eq=False)
class Tuned:
    """What a transformer that was trained on some labelled texts says of those to be labelled.

    Attributes
    ----------
    shown : frozenset of str
        The labelled texts that it was trained on.
    decisions : ndarray of float32, shape (n_taught, n_labels)
        0 for those that have labels already.
    """

    shown: frozenset[str]
    decisions: NDArray[np.float32]


class Teacher:
    """Labels texts, having seen some labelled rows (see `stance.learning.Teacher`).

    Parameters
    ----------
    labelled : sequence of str
        All texts that it may be shown with labels.
    taught : DataFrame
        The texts that it labels, as of `training.rows.taught_texts`: those with a tone have their labels already, which
        it learns from and gives as they are.
    marks : DataFrame
        Columns category and heading, one row for each of both, the labelled first.
    embed : callable
        Gives the embeddings of texts.
    topics, tones : sequence of str
        The labels.
    tuned : sequence of Tuned
        Heard are those that saw no labelled text but those that the teacher is shown; the mean, where there are more.
    """

    def __init__(
        self,
        labelled: Sequence[str],
        taught: pd.DataFrame,
        marks: pd.DataFrame,
        embed: Embed,
        topics: Sequence[str] = tuple(topic.name for topic in TOPICS),
        tones: Sequence[str] = tuple(tone.name for tone in TONES),
        tuned: Sequence[Tuned] = (),
    ) -> None:
        self.texts = taught["text"].tolist()
        self._tuned = tuned
        self.weight = 1.0
        everything = [*labelled, *self.texts]
        self._known = np.flatnonzero(taught["tone"] != "")
        self._truth = _written(taught, topics, tones)[1]
        self._place = {text: place for place, text in enumerate(labelled)}
        self._asked = np.arange(len(labelled), len(everything))
        self._corpus = Corpus.read(everything)
        categories = pd.get_dummies(marks["category"], dtype=np.float32).drop(columns="", errors="ignore")
        headings = TfidfVectorizer(sublinear_tf=True, min_df=3, dtype=np.float32).fit_transform(marks["heading"])
        self._marks = sparse.hstack(
            [sparse.csr_array(categories.to_numpy(np.float32)), sparse.csr_array(HEADING_UNIT * headings)],
            dtype=np.float32,
        ).tocsr()
        embeddings = np.vstack([embed(labelled), embed(self.texts)])
        spread = np.maximum(embeddings.std(axis=0), 1e-4)  # one dimension of MiniLM hardly moves
        embeddings = (embeddings - embeddings.mean(axis=0)) / (spread * math.sqrt(embeddings.shape[1]))
        self._meaning = sparse.hstack([sparse.csr_array(embeddings), MARK_UNIT * self._marks], format="csr")

    def label(self, labelled: Labelled, targets: Targets) -> NDArray[np.float32]:
        """Give the probability of each label for each text, learned from these rows: shape (n_texts, n_labels)."""
        shown = np.array([self._place[text] for text in labelled.texts])
        seen = np.concatenate([shown, self._asked[self._known]])
        known = self._truth
        targets = Targets(
            np.vstack([targets.topics, known.topics]), np.concatenate([targets.tones, known.tones]), targets.n_tones
        )
        both = [delayed(self._by_words)(seen, targets), delayed(self._by_meaning)(seen, targets)]
        parts = Parallel(n_jobs=2, prefer="threads")(both)
        heard = [tuned.decisions for tuned in self._tuned if tuned.shown <= set(labelled.texts)]
        decisions = np.mean([*parts, np.mean(heard, axis=0)] if heard else parts, axis=0)
        n_topics = targets.topics.shape[1]
        given = np.hstack([expit(decisions[:, :n_topics]), softmax(decisions[:, n_topics:], axis=1)])
        given[self._known] = np.hstack([known.topics, known.tones[:, np.newaxis] == np.arange(known.n_tones)])
        return given.astype(np.float32)

    def _by_words(self, seen: NDArray[np.int64], targets: Targets) -> NDArray[np.float64]:
        vocabulary = Vocabulary.fit(self._corpus, seen, min_df=2, max_terms=MAX_TERMS)

        def features(rows: NDArray[np.int64]) -> sparse.csr_array:
            return sparse.hstack([vocabulary.transform(self._corpus, rows), self._marks[rows]], format="csr")

        weights, intercepts = fit_heads(features(seen), targets, None, WORD_STRENGTHS, WORD_PASSES)
        return np.asarray(features(self._asked) @ weights + intercepts)

    def _by_meaning(self, seen: NDArray[np.int64], targets: Targets) -> NDArray[np.float64]:
        weights, intercepts = fit_heads(self._meaning[seen], targets, None, MEANING_STRENGTHS, MEANING_PASSES)
        return np.asarray(self._meaning[self._asked] @ weights + intercepts)


def teacher_of(
    corpora: Path, rows: pd.DataFrame, taught: pd.DataFrame, embed: Embed, tuned: Sequence[Tuned] = ()
) -> Teacher:
    """Give the teacher of the default model.

    Parameters
    ----------
    corpora : Path
    rows, taught : DataFrame
        As of `training.rows.training_rows` and `taught_texts`.
    embed : callable
        Gives the embeddings of texts.
    tuned : sequence of Tuned
        As of `tuned_on_folds`.
    """
    labelled = rows["text"].drop_duplicates()
    marks = editors_marks(corpora, pd.concat([labelled, taught["text"]], ignore_index=True))
    return Teacher(labelled.tolist(), taught, marks, embed, tuned=tuned)


def shown_by_folds(rows: pd.DataFrame, taught: pd.DataFrame) -> list[Shown]:
    """Give what each fold of the labelled rows trains on, with the written texts, but for those that are off topic.

    Parameters
    ----------
    rows, taught : DataFrame
        As of `training.rows.training_rows` and `taught_texts`.
    """
    labelled = Labelled.read(rows, group=None).ordered()
    topics, tones = [topic.name for topic in TOPICS], [tone.name for tone in TONES]
    targets, _ = Targets.of(labelled, topics, tones)
    written, known = _written(taught[taught["kind"] != OFF_TOPIC], topics, tones)
    return [
        Shown(
            [*labelled.take(seen.tolist()).texts, *written],
            np.vstack([targets.topics[seen], known.topics]),
            np.concatenate([targets.tones[seen], known.tones]),
        )
        for seen, _ in folds_of(labelled, 0)
    ]


def tuned_on_folds(rows: pd.DataFrame, taught: pd.DataFrame) -> list[Tuned]:
    """Train a transformer on what each fold trains on, and let it label the texts that are to be taught.

    Parameters
    ----------
    rows, taught : DataFrame
        As of `training.rows.training_rows` and `taught_texts`.
    """
    shown, labelled = shown_by_folds(rows, taught), frozenset(rows["text"])
    asked = np.flatnonzero(taught["tone"] == "")
    found = fine_tuned(RECIPE, shown, taught["text"].iloc[asked].tolist())
    tuned = []
    for some, values in zip(shown, found, strict=True):
        decisions = np.zeros((len(taught), values.shape[1]), dtype=np.float32)
        decisions[asked] = values
        tuned.append(Tuned(labelled.intersection(some.texts), decisions))
    return tuned


def _written(taught: pd.DataFrame, topics: Sequence[str], tones: Sequence[str]) -> tuple[list[str], Targets]:
    """Give those of the taught texts that have labels."""
    written = Labelled.read(taught[taught["tone"] != ""], group=None)
    return written.texts, Targets.of(written, topics, tones)[0]


def student(rows: pd.DataFrame, teacher: Teacher | None) -> tuple[Model, CrossValidation]:
    """Train a model of the size of the default one, from labelled rows and what a teacher says, if there is one."""
    model, validation = fit(Labelled.read(rows, group=None), teacher=teacher, max_terms=STUDENT_TERMS)
    assert validation is not None
    return model, validation

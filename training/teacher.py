"""The teacher of the default model, which labels the texts of the corpora that nobody labelled.

It is the mean of two logistic regressions for each label, fitted on the labelled rows that it is shown: one on words,
pairs and subwords, one on a transformer's embeddings. Both also see what the student will not: the category and the
story heading under which editors put a text, where they did.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
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
from stance.learning import CrossValidation, fit
from stance.model import Model
from stance.taxonomy import TONES, TOPICS
from training.embeddings import MPNET
from training.rows import editors_marks

__all__ = ["TRANSFORMER", "Embed", "Teacher", "student", "teacher_of"]

Embed = Callable[[Sequence[str]], NDArray[np.float32]]

TRANSFORMER = MPNET
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
    """

    def __init__(
        self,
        labelled: Sequence[str],
        taught: pd.DataFrame,
        marks: pd.DataFrame,
        embed: Embed,
        topics: Sequence[str] = tuple(topic.name for topic in TOPICS),
        tones: Sequence[str] = tuple(tone.name for tone in TONES),
    ) -> None:
        self.texts = taught["text"].tolist()
        self.weight = 1.0
        everything = [*labelled, *self.texts]
        self._known = np.flatnonzero(taught["tone"] != "")
        self._truth, _ = Targets.of(Labelled.read(taught.iloc[self._known], group=None), topics, tones)
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
        decisions = np.mean(Parallel(n_jobs=2, prefer="threads")(both), axis=0)
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


def teacher_of(corpora: Path, rows: pd.DataFrame, taught: pd.DataFrame, embed: Embed) -> Teacher:
    """Give the teacher of the default model.

    Parameters
    ----------
    corpora : Path
    rows, taught : DataFrame
        As of `training.rows.training_rows` and `taught_texts`.
    embed : callable
        Gives the embeddings of texts.
    """
    labelled = rows["text"].drop_duplicates()
    marks = editors_marks(corpora, pd.concat([labelled, taught["text"]], ignore_index=True))
    return Teacher(labelled.tolist(), taught, marks, embed)


def student(rows: pd.DataFrame, teacher: Teacher | None) -> tuple[Model, CrossValidation]:
    """Train a model of the size of the default one, from labelled rows and what a teacher says, if there is one."""
    model, validation = fit(Labelled.read(rows, group=None), teacher=teacher, max_terms=STUDENT_TERMS)
    assert validation is not None
    return model, validation

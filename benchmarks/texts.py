"""The texts that the benchmarks run on: real ones where they are beside the checkout, else made ones."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pandas as pd

from training.rows import CORPORA, ROOT, text_id

__all__ = ["CORPORA", "all_texts", "made_texts", "pool_texts", "published_parts"]

MADE = "paragraphs made from the sentences of `fixtures/`"


def pool_texts(corpora: Path = CORPORA) -> tuple[list[str], str]:
    """Give the paragraphs of the pool, or made ones where there is no pool.

    Parameters
    ----------
    corpora : Path
        The folder to look for ``pool.csv.gz`` in.

    Returns
    -------
    texts : list of str
        Different from each other, in an order that looks random and is always the same.
    origin : str
        What they are, for the reader of the figures.
    """
    pool = corpora / "pool.csv.gz"
    if not pool.exists():
        return made_texts(5_000), MADE
    return _distinct([pool]), "real paragraphs of the pool"


def all_texts(corpora: Path = CORPORA) -> tuple[list[str], str]:
    """Give the paragraphs of every corpus in the folder and of `fixtures/`, or made ones: see `pool_texts`."""
    files = sorted(corpora.glob("*.csv.gz"))
    if not files:
        return made_texts(110_000), MADE
    own = [ROOT / "fixtures" / name for name in ("paragraphs.csv", "off-topic.csv", "languages.csv")]
    return _distinct([*files, *own]), "paragraphs of all corpora and `fixtures/`"


def published_parts(path: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the training and the test rows of a set that others have divided, every cell as text."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    train, test = (table[table["split"] == part].reset_index(drop=True) for part in ("train", "test"))
    return train, test


def made_texts(count: int, seed: int = 0) -> list[str]:
    """Make paragraphs by recombining the sentences of `fixtures/paragraphs.csv`.

    Parameters
    ----------
    count : int
    seed : int

    Returns
    -------
    list of str
        Each of three to five sentences, different from each other; the same for the same arguments.

    Examples
    --------
    >>> made_texts(2) == made_texts(2)
    True
    """
    paragraphs = pd.read_csv(ROOT / "fixtures" / "paragraphs.csv", keep_default_na=False)["text"]
    sentences = [sentence for text in paragraphs for sentence in re.split(r"(?<=[.!?]) ", text)]
    generator = random.Random(seed)
    texts: dict[str, None] = {}
    while len(texts) < count:
        texts[" ".join(generator.sample(sentences, generator.randint(3, 5)))] = None
    return list(texts)


def _distinct(files: list[Path]) -> list[str]:
    texts = {text for file in files for text in pd.read_csv(file, usecols=["text"], keep_default_na=False)["text"]}
    return sorted(filter(str.strip, texts), key=text_id)

"""The rows that the default model is made from: labels by the id of their text, and the texts from the corpora."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pandas as pd

from stance.labelled import Labelled

__all__ = [
    "CORPORA",
    "OFF_TOPIC",
    "ROOT",
    "MissingTextsError",
    "editors_marks",
    "fixture_rows",
    "natural_rows",
    "read_texts",
    "some_sentences",
    "source_facts",
    "taught_texts",
    "text_dates",
    "text_id",
    "training_rows",
    "unlabelled_texts",
]

ROOT = Path(__file__).resolve().parent.parent
CORPORA = ROOT.parent / "shared" / "corpora"
OFF_TOPIC = "off-topic"
"""What the texts in `fixtures/writings.csv` are that are no public affairs."""
LABELLED, POOL, EVENTS = "labelled.csv.gz", "pool.csv.gz", "current_events.csv.gz"

SOURCE_OF = {
    "Wikipedia": "wikipedia",
    "UN General Debate": "ungdc",
    "whitehouse.gov": "whitehouse",
    "English Wikinews": "wikinews",
    "FRUS": "frus",
}
"""How the names of the sources begin in the corpora, and what `sources.csv` calls them."""
SENTENCE_END = re.compile(r"""(?:(?<=[.!?])|(?<=[.!?]["')\]]))\s+(?=[A-Z"'(])""")
SHORTEST_SENTENCE = 6
"""In words."""
SENTENCES = 3
"""Of a paragraph."""


class MissingTextsError(Exception):
    """Texts that the labels belong to are not in the corpora."""


def training_rows(corpora: Path) -> pd.DataFrame:
    """Give all labelled rows: those of the corpora and those that were written for this project.

    Returns
    -------
    DataFrame
        Columns id, text, topics, tone, source, how.

    Raises
    ------
    MissingTextsError
        Its message says which texts are missing, and where they are from.
    """
    labels = pd.read_csv(ROOT / "training" / "labels.csv", keep_default_na=False)
    texts = read_texts(corpora)
    missing = labels[~labels["id"].isin(texts)]
    if len(missing):
        raise MissingTextsError(_missing_message(missing, corpora))
    return pd.concat([labels.assign(text=labels["id"].map(texts)), fixture_rows()], ignore_index=True)


def fixture_rows() -> pd.DataFrame:
    """Give the paragraphs that were written for this project."""
    rows = pd.read_csv(ROOT / "fixtures" / "paragraphs.csv", keep_default_na=False)
    return rows[["id", "text", "topics", "tone"]].assign(source="fixtures", how="written")


def read_texts(corpora: Path) -> dict[str, str]:
    """Read the texts of the corpora that are there, by id."""
    texts: dict[str, str] = {}
    for name in (LABELLED, POOL):
        if (corpora / name).exists():
            table = pd.read_csv(corpora / name, usecols=["id", "text"], keep_default_na=False)
            texts.update((key, text) for key, text in table.itertuples(index=False) if text_id(text) == key)
    return texts


def text_id(text: str) -> str:
    """Give the id of a text: 12 hex digits of the SHA-1 of the text with single spaces.

    Examples
    --------
    >>> text_id(" one  paragraph") == text_id("one paragraph")
    True
    """
    return hashlib.sha1(" ".join(text.split()).encode("utf-8")).hexdigest()[:12]


def taught_texts(corpora: Path, labelled: pd.Series[str]) -> pd.DataFrame:
    """Give all texts that the default model learns from beside the labelled rows.

    Parameters
    ----------
    corpora : Path
    labelled : Series of str

    Returns
    -------
    DataFrame
        Columns kind (paragraph, item, sentence, written or off-topic), text, source (as in `sources.csv`), date, topics
        and tone.
        Only what was written for this project has topics and a tone; a teacher is to label the others. No text is one
        of the labelled ones or stands twice, but for case and white space.
    """
    unlabelled = unlabelled_texts(corpora)
    sentences = some_sentences(unlabelled)
    written = pd.read_csv(ROOT / "fixtures" / "writings.csv", keep_default_na=False)
    kinds = written["group"].where(written["group"] == OFF_TOPIC, "written")
    written = written[["text", "topics", "tone"]].assign(kind=kinds, source="fixtures", date="")
    taught = pd.concat([unlabelled, sentences, written], ignore_index=True)
    plain = taught["text"].map(_plain)
    taught = taught[~plain.isin(set(labelled.map(_plain))) & ~plain.duplicated()].reset_index(drop=True)
    return taught.fillna({"topics": "", "tone": ""})


def unlabelled_texts(corpora: Path) -> pd.DataFrame:
    """Give the paragraphs of the pool and the items of current events.

    Returns
    -------
    DataFrame
        Columns kind (paragraph or item), text, source (as in `sources.csv`) and date.
    """
    pool = pd.read_csv(corpora / POOL, usecols=["text", "source", "date"], dtype=str, keep_default_na=False)
    pool["source"] = pool["source"].map(_short_source)
    events = pd.read_csv(corpora / EVENTS, usecols=["text", "date"], dtype=str, keep_default_na=False)
    return pd.concat([pool.assign(kind="paragraph"), events.assign(kind="item", source="wikipedia")], ignore_index=True)


def some_sentences(texts: pd.DataFrame) -> pd.DataFrame:
    """Give up to `SENTENCES` sentences of each paragraph that has several, so that a model knows short texts too.

    Parameters
    ----------
    texts : DataFrame
        As of `unlabelled_texts`.

    Returns
    -------
    DataFrame
        The same columns. Sentences of fewer than 6 words are left out. Which they are depends on the paragraph alone,
        as if drawn at random.
    """
    paragraphs = texts[texts["kind"] == "paragraph"].drop_duplicates("text")
    return paragraphs.assign(kind="sentence", text=paragraphs["text"].map(_sentences)).explode("text").dropna()


def text_dates(corpora: Path) -> dict[str, str]:
    """Give the date of each text, by id: a year, or a year with month and day."""
    parts = [
        pd.read_csv(corpora / name, usecols=["id", "date"], dtype=str, keep_default_na=False)
        for name in (LABELLED, POOL)
    ]
    return dict(pd.concat(parts).itertuples(index=False))


def editors_marks(corpora: Path, texts: pd.Series[str]) -> pd.DataFrame:
    """Give the category and the story heading under which editors put each text; empty where nobody did.

    Parameters
    ----------
    corpora : Path
    texts : Series of str

    Returns
    -------
    DataFrame
        Columns category and heading, one row a text.
    """
    events = pd.read_csv(corpora / EVENTS, keep_default_na=False)
    pool = pd.read_csv(corpora / POOL, usecols=["text", "heading"], keep_default_na=False)
    category = dict(zip(events["text"].map(_plain), events["category"], strict=True))
    headed = pd.concat([pool, events[["text", "heading"]]])
    heading = dict(zip(headed["text"].map(_plain), headed["heading"], strict=True))
    plain = texts.map(_plain)
    return pd.DataFrame({"category": plain.map(category).fillna(""), "heading": plain.map(heading).fillna("")})


def natural_rows(labelled: Labelled, rows: pd.DataFrame) -> list[int]:
    """Give the places of the labelled rows, which were read from `rows`, that were drawn at random."""
    how = rows["how"].tolist()
    return [row for row, (_, line) in enumerate(labelled.places) if how[line] == "natural"]


def source_facts(rows: pd.DataFrame, taught: pd.DataFrame | None) -> list[dict[str, object]]:
    """Give each source with its licence, its number of labelled rows, and of the taught texts."""
    sources = pd.read_csv(ROOT / "training" / "sources.csv")
    counts = rows["source"].value_counts()
    n_taught = counts[:0] if taught is None else taught["source"].value_counts()
    facts = sources[sources["source"].isin(counts.index)].to_dict("records")
    return [
        {**fact, "rows": int(counts[fact["source"]]), "taught": int(n_taught.get(fact["source"], 0))} for fact in facts
    ]


def _short_source(name: str) -> str:
    """Give the name that `sources.csv` has for a source of the corpora."""
    return next(short for beginning, short in SOURCE_OF.items() if name.startswith(beginning))


def _sentences(text: str) -> list[str]:
    """Give some sentences of a text in a row, the first after the last; none where it has just one long enough."""
    sentences = [part for part in SENTENCE_END.split(text) if len(part.split()) >= SHORTEST_SENTENCE]
    first = int(text_id(text), 16) % max(len(sentences), 1)
    return [*sentences[first:], *sentences[:first]][:SENTENCES] if len(sentences) > 1 else []


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def _missing_message(missing: pd.DataFrame, corpora: Path) -> str:
    """Say which texts are missing and where they are from."""
    sources = pd.read_csv(ROOT / "training" / "sources.csv", index_col="source")
    lines = [
        f"{len(missing):,} of the labelled texts are not in {corpora}: expected {LABELLED} or {POOL} there, "
        "gzipped CSV with the columns id and text."
    ]
    for source, count in missing["source"].value_counts().items():
        origin = sources.loc[source]
        first = missing.loc[missing["source"] == source, "id"].iloc[0]
        lines.append(
            f"  {count:,} from {origin['name']}: {origin['repository']} at {origin['commit']} "
            f"({origin['licence']}), such as id {first}"
        )
    lines.append("Name the folder with --corpora, or build a smaller model with --fixtures-only.")
    return "\n".join(lines)

"""What a model makes of texts turned round, of other countries in the same text, and of other kinds of text.

``python -m training.robustness`` prints what it finds for the shipped model; the card has the main figures.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import f1_score

import stance
from training.rows import CORPORA, ROOT

__all__ = ["FIXTURES", "country_shifts", "disturbances", "kinds", "refusals", "reversals"]

FIXTURES = ROOT / "fixtures"
COUNTRIES = (
    *("Armenia", "Australia", "Brazil", "Britain", "Canada", "Chile", "China", "Cuba", "Egypt", "France", "Georgia"),
    *("Germany", "Ghana", "Greece", "India", "Indonesia", "Iran", "Iraq", "Israel", "Italy", "Japan", "Kenya"),
    *("Mexico", "Nigeria", "Norway", "Pakistan", "Peru", "Poland", "Russia", "Serbia", "Spain", "Syria", "Turkey"),
    *("Ukraine", "Vietnam"),
)


def reversals(model: stance.Model) -> pd.DataFrame:
    """Say of how many pairs in `fixtures/reversals.csv` the cooperative text has the greater tone score.

    Parameters
    ----------
    model : Model

    Returns
    -------
    DataFrame
        A row for each kind of pair, and ``all``: `pairs`, and the share that is `ordered` rightly.
    """
    pairs = pd.read_csv(FIXTURES / "reversals.csv")
    scores = {side: _tone_scores(model, pairs[side].tolist()) for side in ("cooperative", "tense")}
    pairs["ordered"] = scores["cooperative"] > scores["tense"]
    table = pairs.groupby("kind")["ordered"].agg(["size", "mean"])
    table.loc["all"] = [len(pairs), pairs["ordered"].mean()]
    return table.set_axis(["pairs", "ordered"], axis=1).astype({"pairs": int})


def country_shifts(model: stance.Model) -> pd.DataFrame:
    """Say how far the tone score of a paragraph moves when the country that it names becomes another.

    Parameters
    ----------
    model : Model

    Returns
    -------
    DataFrame
        A row for each of `COUNTRIES` that is put in, those that move it farthest first: the `median` of the distances
        and the mean `shift`, below 0 towards tense. The paragraphs are those of `fixtures/paragraphs.csv` that name
        just one of these countries.
    """
    name = re.compile(rf"\b({'|'.join(COUNTRIES)})\b")
    texts = [text for text in pd.read_csv(FIXTURES / "paragraphs.csv")["text"] if len(set(name.findall(text))) == 1]
    before = _tone_scores(model, texts)
    shifts = {}
    for country in COUNTRIES:
        moves = _tone_scores(model, [name.sub(country, text) for text in texts]) - before
        moves = moves[moves != 0]  # a text that named the country already has not moved
        shifts[country] = {"median": np.median(np.abs(moves)), "shift": moves.mean()}
    return pd.DataFrame.from_dict(shifts, orient="index").sort_values("median", ascending=False)


def disturbances(model: stance.Model) -> pd.DataFrame:
    """Say how often the answer stays when a paragraph is written otherwise.

    Parameters
    ----------
    model : Model

    Returns
    -------
    DataFrame
        A row for each of `DISTURBANCES`: how many `texts` of `fixtures/paragraphs.csv` it changes, and of these the
        share that keep their `tone`, and the mean overlap (Jaccard index) of their `topics`.
    """
    texts = pd.read_csv(FIXTURES / "paragraphs.csv")["text"].tolist()
    answers = dict(zip(texts, model.classify_many(texts), strict=True))
    rows = {}
    for name, disturbed in DISTURBANCES.items():
        changed = {text: other for text in texts if (other := disturbed(text)) != text}
        pairs = list(zip(map(answers.__getitem__, changed), model.classify_many(changed.values()), strict=True))
        rows[name] = {
            "texts": len(pairs),
            "tone": np.mean([one.tone == other.tone for one, other in pairs]),
            "topics": np.mean([_overlap(set(one.topics), set(other.topics)) for one, other in pairs]),
        }
    return pd.DataFrame.from_dict(rows, orient="index").astype({"texts": int})


def kinds(model: stance.Model) -> pd.DataFrame:
    """Judge a model on the kinds of text in `fixtures/kinds.csv`, which it has not learned from.

    Parameters
    ----------
    model : Model

    Returns
    -------
    DataFrame
        A row for each kind, and ``all``: `texts`, how many get no answer (`refused`), the accuracy of the `tone` and
        the micro-F1 of the `topics`, and the latter of a second annotator.
    """
    suite = pd.read_csv(FIXTURES / "kinds.csv", keep_default_na=False)
    rows = {}
    for kind, some in [*suite.groupby("kind", sort=False), ("all", suite)]:
        report = stance.evaluate(model, some, progress=False)
        assert report.topics is not None
        assert report.tone is not None
        first, second = (some[column].str.get_dummies() for column in ("topics", "second_topics"))
        rows[kind] = {
            "texts": report.n_rows,
            "refused": report.n_abstained,
            "tone": report.tone.accuracy,
            "topics": report.topics.micro_f1,
            "topics, second annotator": f1_score(*first.align(second, fill_value=0), average="micro"),
        }
    return pd.DataFrame.from_dict(rows, orient="index").astype({"texts": int, "refused": int})


def refusals(model: stance.Model, corpora: Path = CORPORA) -> pd.DataFrame:
    """Say how much English text of the corpora gets no answer.

    Parameters
    ----------
    model : Model
    corpora : Path

    Returns
    -------
    DataFrame
        A row for each of the files: `texts`, and the share that is `refused`; the same for texts in which fewer than a
        tenth of the characters are digits (`texts of words`, `refused of words`), as tables of figures are hardly
        English.
    """
    rows = {}
    for name in ENGLISH:
        texts = pd.read_csv(corpora / name, usecols=["text"], keep_default_na=False)["text"]
        refused = pd.Series([answer.abstained is not None for answer in model.classify_many(texts)])
        wordy = texts.str.count(r"[0-9]") < texts.str.len() / 10
        rows[name] = {
            "texts": len(texts),
            "refused": refused.mean(),
            "texts of words": int(wordy.sum()),
            "refused of words": refused[wordy].mean(),
        }
    return pd.DataFrame.from_dict(rows, orient="index").astype({"texts": int, "texts of words": int})


def _overlap(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one | other) if one | other else 1.0


def _html(text: str) -> str:
    """Leave over what a page had: tags, entities, attributes."""
    words = [f"{word}&nbsp;" if place % 7 == 6 else f"{word} " for place, word in enumerate(text.split())]
    return f'<p class="body">{"".join(words)}</p><br/><a href="#top">'


def _bullets(text: str) -> str:
    """Make each sentence an item of a list."""
    return "\n".join(f"  • {sentence}" for sentence in re.split(r"(?<=[.!?]) ", text))


def _typos(text: str) -> str:
    """Swap two letters inside every third long word."""
    words = text.split(" ")
    for place in [place for place, word in enumerate(words) if len(word) > 5][::3]:
        word = words[place]
        words[place] = word[:2] + word[3] + word[2] + word[4:]
    return " ".join(words)


def _american(text: str) -> str:
    """Write as Americans do."""
    for british, american in SPELLINGS.items():
        text = re.sub(rf"\b{british}", american, text)
    return text


def _other_names(text: str) -> str:
    """Write names as other newsrooms do, and without accents."""
    for name, other in NAMES.items():
        text = re.sub(rf"\b{name}", other, text)
    return "".join(part for part in unicodedata.normalize("NFD", text) if not unicodedata.combining(part))


ENGLISH = ("pool.csv.gz", "bench_plv.csv.gz", "bench_sib200.csv.gz", "bench_reuters.csv.gz")
NAMES = {
    **{"Kyiv": "Kiev", "Kharkiv": "Kharkov", "Lviv": "Lvov", "Odesa": "Odessa", "Zelensky": "Zelenskiy"},
    **{"Beijing": "Peking", "Guangzhou": "Canton", "Nanjing": "Nanking", "Mumbai": "Bombay", "Kolkata": "Calcutta"},
    **{"Chennai": "Madras", "Yangon": "Rangoon", "Myanmar": "Burma", "Tehran": "Teheran", "Mecca": "Makkah"},
    **{"Gaddafi": "Qadhafi", "Hezbollah": "Hizbullah", "Qaeda": "Qaida", "Houthi": "Huthi", "Taliban": "Taleban"},
    **{"Mohammed": "Muhammad", "Mohamed": "Mohammad", "Hussein": "Husayn", "Ahmed": "Ahmad", "Abdullah": "Abdallah"},
    **{"Sergei": "Sergey", "Yuri": "Yury", "Dmitri": "Dmitry", "Alexander": "Aleksandr", "Koran": "Qur'an"},
    **{"Sana'a": "Sanaa", "Ivory Coast": "Côte d'Ivoire", "East Timor": "Timor-Leste", "Cape Verde": "Cabo Verde"},
    **{"Swaziland": "Eswatini", "Czechia": "Czech Republic", "Turkey": "Türkiye", "Viet Nam": "Vietnam"},
}
"""How names begin, and how others write them."""
SPELLINGS = {
    "defence": "defense",
    "programme": "program",
    "labour": "labor",
    "centre": "center",
    "neighbour": "neighbor",
    "favour": "favor",
    "harbour": "harbor",
    "colour": "color",
    "honour": "honor",
    "organis": "organiz",
    "recognis": "recogniz",
    "criticis": "criticiz",
    "apologis": "apologiz",
    "minimis": "minimiz",
    "authoris": "authoriz",
    "licence": "license",
    "travell": "travel",
    "metre": "meter",
    "kilometre": "kilometer",
    "grey": "gray",
}
"""How words begin in British and in American spelling."""
DISTURBANCES: dict[str, Callable[[str], str]] = {
    "capitals": str.upper,
    "in quotation marks": lambda text: f"“{text}”",
    "a list": _bullets,
    "left over of HTML": _html,
    "as a post": lambda text: f"RT @newsdesk: {text} #news #world https://t.co/Ab3xYz",
    "typos in a third of the long words": _typos,
    "American spelling": _american,
    "names spelt otherwise, no accents": _other_names,
    "ten times over": lambda text: " ".join([text] * 10),
}


def _tone_scores(model: stance.Model, texts: list[str]) -> np.ndarray:
    return np.array([answer.tone_score for answer in model.classify_many(texts)])


def main() -> int:
    """Print the tables."""
    model = stance.load()
    print(f"kept when written otherwise\n{disturbances(model).to_string(float_format='{:.3f}'.format)}\n")
    print(f"other kinds of text\n{kinds(model).to_string(float_format='{:.3f}'.format)}\n")
    if CORPORA.exists():
        print(f"English without an answer\n{refusals(model).to_string(float_format='{:.4f}'.format)}\n")
    print(reversals(model).to_string(float_format="{:.2f}".format))
    print(f"\nmoved by another country's name\n{country_shifts(model).to_string(float_format='{:+.3f}'.format)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

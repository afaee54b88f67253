"""The 16 topics and the 4 tones: what each means, and its codes in four schemes that others use.

========== ============================================ ==================== ==========================
scheme     what it is                                   gives codes to       looks like
========== ============================================ ==================== ==========================
``cap``    Comparative Agendas Project, major topics    topics               ``"19"``
``iptc``   IPTC Media Topics                            topics               ``"medtop:20000638"``
``plover`` PLOVER, contexts and event types             topics and tones     ``"diplomatic"``, ``"AGREE"``
``cameo``  CAMEO, two-digit root codes                  tones                ``"03"``
========== ============================================ ==================== ==========================

A code says that the label lies within it or largely overlaps it. It is a bridge between data sets, not an equation:
several labels share a code, and counts made through it are not counts made by that scheme's own coders.

Notes
-----
Sources of the codes: the PLOVER manual and CAMEO2PLOVER-2021 (openeventdata/PLOVER), the quad classes of
openeventdata/phoenix_pipeline, IPTC Media Topics, and the Comparative Agendas Project.

Where the sources disagree:

- Phoenix puts CAMEO roots 01 and 02 in a class of their own, 0, which is `neutral` here. GDELT has no neutral class.
  PLOVER drops both roots, so `neutral` has no PLOVER event type.
- CAMEO root 16 (reduce relations) is verbal conflict in Phoenix and material conflict in PLOVER. It is `tense` either
  way.
- PLOVER's REQUEST, DEMAND in drafts of its manual, is conflict by class and 0 by score. Here it is `tense`, by class.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from stance.errors import LabelError, did_you_mean

__all__ = ["GOLDSTEIN", "SCHEMES", "TONES", "TOPICS", "Tone", "Topic", "codes", "find", "in_order_of"]

SCHEMES = ("cap", "iptc", "plover", "cameo")
"""The schemes that `codes` knows."""


@dataclass(frozen=True, slots=True)
class Topic:
    """What a paragraph is about.

    Attributes
    ----------
    name : str
        The label.
    definition : str
        What falls under it.
    cap : tuple of str
        Major topics of the Comparative Agendas Project.
    iptc : tuple of str
        IPTC Media Topics, as ``medtop:`` and eight digits.
    plover : tuple of str
        PLOVER contexts.

    Examples
    --------
    >>> find("trade").cap
    ('18',)
    """

    name: str
    definition: str
    cap: tuple[str, ...]
    iptc: tuple[str, ...]
    plover: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tone:
    """The state of relations that a paragraph conveys.

    Attributes
    ----------
    name : str
        The label.
    definition : str
        What falls under it.
    cameo : tuple of str
        CAMEO root codes, two digits each.
    plover : tuple of str
        PLOVER event types.
    quad : tuple of int
        Quad classes: 0 neutral (Phoenix), 1 verbal and 2 material cooperation, 3 verbal and 4 material conflict.

    Examples
    --------
    >>> find("cooperative").quad
    (1, 2)
    """

    name: str
    definition: str
    cameo: tuple[str, ...]
    plover: tuple[str, ...]
    quad: tuple[int, ...]


TOPICS: tuple[Topic, ...] = (
    Topic(
        name="diplomacy",
        definition="How states and international organisations deal with each other: envoys, official visits, "
        "negotiations, treaties, recognition, statements of foreign ministries, votes at the United Nations.",
        cap=("19",),
        iptc=("medtop:20000638", "medtop:20000639", "medtop:20000640", "medtop:20000641"),
        plover=("diplomatic",),
    ),
    Topic(
        name="security",
        definition="Armies and armed force: wars and clashes, defence plans, manoeuvres, arms deals, alliances, "
        "peacekeepers, terrorism, spies.",
        cap=("16",),
        iptc=("medtop:16000000", "medtop:20000598", "medtop:20000604", "medtop:20000103"),
        plover=("military", "intelligence", "territory", "peacekeeping", "terrorism"),
    ),
    Topic(
        name="nuclear",
        definition="Weapons of mass destruction and the missile programmes that go with them: building, testing, "
        "spreading, inspecting and limiting them.",
        cap=("16",),
        iptc=("medtop:20000635", "medtop:20000078"),
        plover=("cbrn",),
    ),
    Topic(
        name="trade",
        definition="Goods and services crossing borders and what helps or stops them: tariffs, trade deals, supply "
        "chains, export controls, embargoes and other economic sanctions.",
        cap=("18",),
        iptc=("medtop:20000373", "medtop:20000374", "medtop:20000376", "medtop:20000377", "medtop:20000642"),
        plover=("economic",),
    ),
    Topic(
        name="economy",
        definition="How an economy does and is run: growth, prices, work, public money, debt, currencies, banks, "
        "markets, investors, industries and firms.",
        cap=("1", "5", "15"),
        iptc=("medtop:04000000",),
        plover=("economic", "inequality"),
    ),
    Topic(
        name="technology",
        definition="Science and what is built on it: research, computers, artificial intelligence, chips, "
        "telecommunications, spaceflight.",
        cap=("17",),
        iptc=("medtop:13000000",),
        plover=("technology",),
    ),
    Topic(
        name="cybersecurity",
        definition="Attacks through networks and the defence against them: break-ins, malicious software, spying by "
        "computer, leaked data, covert campaigns to sway opinion online.",
        cap=(),  # CAP has no topic of its own for it; the nearest are 16 (defense) and 17 (technology).
        iptc=("medtop:20001361", "medtop:20000086"),
        plover=("cyber", "misinformation"),
    ),
    Topic(
        name="climate",
        definition="The warming climate and the state of nature: emissions, pollution, species, water, and extreme "
        "weather where it is told as a matter of climate.",
        cap=("7",),
        iptc=("medtop:06000000", "medtop:20000418"),
        plover=("environment",),
    ),
    Topic(
        name="energy",
        definition="Fuels and power: oil, gas and coal, pipelines, grids, renewable sources, nuclear plants that make "
        "electricity.",
        cap=("8",),
        iptc=("medtop:20000256", "medtop:20000257", "medtop:20000265"),
        plover=("natural_resource",),
    ),
    Topic(
        name="health",
        definition="Illness and care: outbreaks, vaccination, medicines, hospitals and how countries run them.",
        cap=("3",),
        iptc=("medtop:07000000",),
        plover=("health",),
    ),
    Topic(
        name="human-rights",
        definition="The rights of persons and their denial: civil and political freedoms, a free press, repression, "
        "people jailed for their politics, discrimination, the rights of women and of minorities.",
        cap=("2",),
        iptc=("medtop:20000587", "medtop:20000592"),
        plover=("human_rights", "rights_freedoms", "repression", "gender", "lgbt"),
    ),
    Topic(
        name="migration",
        definition="People who leave their homes or cross borders to stay: refugees and asylum, the displaced, rules "
        "on immigration, trafficking of people.",
        cap=("9",),
        iptc=("medtop:20000634", "medtop:20000645", "medtop:20000771"),
        plover=("migration", "asylum", "trafficking"),
    ),
    Topic(
        name="humanitarian",
        definition="People in need and the help they get: relief, rescue, hunger, poverty, accidents and natural "
        "disasters, aid for development.",
        cap=("19", "13"),
        iptc=("medtop:20000643", "medtop:03000000"),
        plover=("human_security", "disasters"),
    ),
    Topic(
        name="politics",
        definition="Power within one country: elections, parties, who holds office, parliament and its laws, coups, "
        "protest in the streets.",
        cap=("20",),
        iptc=("medtop:11000000", "medtop:20000574", "medtop:20000621"),
        plover=(
            "executive",
            "legislative",
            "election",
            "political_institutions",
            "pro_democracy",
            "pro_autocracy",
        ),
    ),
    Topic(
        name="justice",
        definition="Law applied: crime and corruption, police work, trials and verdicts, national courts and "
        "international tribunals.",
        cap=("12",),
        iptc=("medtop:02000000", "medtop:20000128"),
        plover=("legal", "crime", "corruption", "illegal_drugs", "reparations"),
    ),
    Topic(
        name="culture",
        definition="How people live, believe and remember: religion, schooling, the arts, the media business, sport, "
        "history, family and daily life.",
        cap=("6", "23"),
        iptc=("medtop:01000000", "medtop:05000000", "medtop:12000000", "medtop:15000000"),
        plover=("religion_ethnicity",),
    ),
)
"""The topics, in the order of the codebook."""

COOPERATIVE = Tone(
    name="cooperative",
    definition="The actors draw together: they agree, help, praise, make up, keep talking to good effect, or bind "
    "themselves to act jointly.",
    cameo=("03", "04", "05", "06", "07", "08"),
    plover=("AGREE", "CONSULT", "SUPPORT", "CONCEDE", "COOPERATE", "AID", "RETREAT"),
    quad=(1, 2),
)
TENSE = Tone(
    name="tense",
    definition="The actors are at odds: they accuse, refuse, warn, protest, punish, force or fight each other, or one "
    "is alarmed by what another does.",
    cameo=("09", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19", "20"),
    plover=(
        "REQUEST",
        "ACCUSE",
        "REJECT",
        "THREATEN",
        "PROTEST",
        "SANCTION",
        "MOBILIZE",
        "COERCE",
        "ASSAULT",
    ),
    quad=(3, 4),
)
MIXED = Tone(
    name="mixed",
    definition="Both at once: allies who close ranks against a third party, or partners who quarrel and still agree "
    "on something.",
    cameo=COOPERATIVE.cameo + TENSE.cameo,
    plover=COOPERATIVE.plover + TENSE.plover,
    quad=COOPERATIVE.quad + TENSE.quad,
)
NEUTRAL = Tone(
    name="neutral",
    definition="Neither: figures, background, routine, events of nature, contacts of which nothing more is told.",
    cameo=("01", "02"),
    plover=(),  # PLOVER dropped both roots.
    quad=(0,),
)

TONES: tuple[Tone, ...] = (COOPERATIVE, TENSE, MIXED, NEUTRAL)
"""The tones, in the order of the codebook."""

GOLDSTEIN: Mapping[str, float] = MappingProxyType(
    {
        "01": 0.0,
        "02": 3.0,
        "03": 4.0,
        "04": 1.0,
        "05": 3.5,
        "06": 6.0,
        "07": 7.0,
        "08": 5.0,
        "09": -2.0,
        "10": -5.0,
        "11": -2.0,
        "12": -4.0,
        "13": -6.0,
        "14": -6.5,
        "15": -7.2,
        "16": -4.0,
        "17": -7.0,
        "18": -9.0,
        "19": -10.0,
        "20": -10.0,
    }
)
"""The Goldstein score of each CAMEO root code, on a scale from -10 (conflict) to 10 (cooperation)."""

ENTRIES: tuple[Topic | Tone, ...] = (*TOPICS, *TONES)
BY_NAME: Mapping[str, Topic | Tone] = MappingProxyType({entry.name: entry for entry in ENTRIES})


def codes(labels: Iterable[str], scheme: str) -> tuple[str, ...]:
    """Give the codes of some labels in one scheme.

    Parameters
    ----------
    labels : iterable of str
        Topics, tones or both. A label that the taxonomy does not have, such as one of a model trained on other
        labels, gives no code.
    scheme : str
        "cap" or "iptc" for topics, "cameo" for tones, "plover" for both: contexts for topics, event types for tones.

    Returns
    -------
    tuple of str
        Each code once, in order of first appearance.

    Raises
    ------
    ValueError
        If there is no such scheme.
    TypeError
        If `labels` is one string rather than several labels.

    Examples
    --------
    >>> codes(["nuclear", "energy", "security"], "cap")
    ('16', '8')
    >>> codes(["diplomacy", "neutral"], "cameo")
    ('01', '02')
    """
    if scheme not in SCHEMES:
        raise ValueError(f"no scheme {scheme!r}{did_you_mean(scheme, SCHEMES)}")
    if isinstance(labels, str):
        raise TypeError(f"expected several labels, but got one string: {labels!r}. Pass a list: [{labels!r}]")
    # A topic has no attribute for "cameo", nor a tone for "cap" or "iptc": those labels give nothing.
    found = (code for label in labels for code in getattr(BY_NAME.get(label), scheme, ()))
    return tuple(dict.fromkeys(found))


def find(label: str) -> Topic | Tone:
    """Look up one topic or tone by its name.

    Parameters
    ----------
    label : str
        The name of a topic or a tone.

    Returns
    -------
    Topic or Tone
        Its definition and its codes.

    Raises
    ------
    LabelError
        If the taxonomy has no such label.

    Examples
    --------
    >>> find("neutral").cameo
    ('01', '02')
    """
    try:
        return BY_NAME[label]
    except KeyError:
        raise LabelError(label, BY_NAME) from None


def in_order_of(known: Sequence[Topic | Tone], names: Iterable[str]) -> list[str]:
    """Order labels: those of the codebook first and in its order, then the others by name.

    Parameters
    ----------
    known : sequence of Topic or Tone
        `TOPICS` or `TONES`.
    names : iterable of str

    Examples
    --------
    >>> in_order_of(TOPICS, ["sport", "trade", "art", "security"])
    ['security', 'trade', 'art', 'sport']
    """
    names = set(names)
    first = [label.name for label in known if label.name in names]
    return first + sorted(names.difference(first))

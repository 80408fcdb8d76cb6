"""Define unknown values with their gaps, cause keys of holds, and rules for tax numbers and
spellings.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from difflib import SequenceMatcher
from enum import StrEnum
from functools import lru_cache
from typing import Final

from grammar import nodes
from grammar.text.characters import in_words, invisible, mistaken, skeleton
from grammar.text.finding_codes import ErrorClass
from grammar.text.problem import Span
from rules.values.canonical import OneText, sha256_hex

UNITS: Final = "units"
"""The mapping table that the units of an item are looked up in."""

KEPT_KEYS: Final = 20_000

LONGEST_KEY: Final = 500
"""Characters of a key that is stored: PostgreSQL indexes 2,700 bytes."""

NOWHERE = Span("", 1, 1, 1, 1)

CLASS = "e_invoice_class"
"""The rule of a classification that is none."""

RING = ArithmeticError("the field needs itself")

NO_BASE = ArithmeticError("the item has no base unit")

_NO_DAY = re.compile("date value out of range")

_ENDLESS = re.compile("days=(-?[0-9]+); must have magnitude <= [0-9]+")
"""What Python says of days beyond the calendar, and of durations."""

_SAID_NOW = re.compile(
    r"(?<= cannot be worked out: )(?:it leads to a day before the year 1 or after 9999"
    r"|a duration of (-?[0-9]+) days is longer than can be counted)(?=\.)"
)

READ_ON = date(2026, 11, 20)
"""The day on which these tables were compared with their sources."""

CANCEL_WINDOW = timedelta(hours=72)
"""So long after it was marked valid its issuer may cancel an e-Invoice; then a note corrects it
(the FAQ of the MyInvois SDK). Rules may be stricter, and name their own window.
"""

CANCEL_MARGIN = timedelta(hours=1)
"""The end of that window that is no longer counted on: a call may wait, and clocks differ."""

PERSONS = ("IG",)

PERSONS_BEFORE = ("OG", "SG")

OTHERS = ("C", "CS", "D", "F", "FA", "PT", "TA", "TC", "TN", "TR", "TP", "J", "LE")

LONGEST_TIN = 14

GENERAL_TINS = {
    "EI00000000010": "the general public, or a Malaysian buyer who gives no number",
    "EI00000000020": "a foreign buyer without a number",
    "EI00000000030": "a foreign supplier in a self-billed document",
    "EI00000000040": "the government, a local authority or an exempt body",
}

CLASSES = {
    "001": "breastfeeding equipment",
    "002": "child care, kindergarten",
    "003": "computer, smartphone, tablet",
    "004": "consolidated e-Invoice",
    "005": "construction materials",
    "006": "disbursement",
    "007": "donation",
    "008": "e-commerce, to the buyer",
    "009": "e-commerce, self-billed",
    "010": "education fees",
    "011": "consignment, consignor",
    "012": "consignment, consignee",
    "013": "gym membership",
    "014": "insurance, education and medical",
    "015": "insurance, takaful or life",
    "016": "interest and financing",
    "017": "internet",
    "018": "land and building",
    "019": "learning disability",
    "020": "medical examination, vaccination",
    "021": "medical, serious disease",
    "022": "others",
    "023": "petroleum operations",
    "024": "private retirement scheme",
    "025": "motor vehicle",
    "026": "books, journals, newspapers",
    "027": "reimbursement",
    "028": "rental of a motor vehicle",
    "029": "charging of an electric vehicle",
    "030": "repair and maintenance",
    "031": "research and development",
    "032": "foreign income",
    "033": "self-billed, betting and gaming",
    "034": "self-billed, import of goods",
    "035": "self-billed, import of services",
    "036": "self-billed, others",
    "037": "self-billed, money to agents, dealers, distributors",
    "038": "sports equipment and fees",
    "039": "equipment for a disabled person",
    "040": "voluntary provident fund",
    "041": "dental",
    "042": "fertility",
    "043": "nursing and day care",
    "044": "vouchers, gift cards, loyalty points",
    "045": "self-billed, other than money to agents, dealers, distributors",
}

_PERSON = re.compile(rf"(?:{'|'.join(PERSONS)})[0-9]{{1,12}}")

_OTHER = re.compile(rf"(?:{'|'.join(OTHERS)})[1-9][0-9]*0")

_PARTS = re.compile(r"([A-Z]+)([0-9]+)")

_ALIKE: Final = 0.6

_LOOKS_SAME: Final = 95  # below 100: what only looks the same is never chosen for anybody


class CauseKind(StrEnum):
    """Name what the rest of a cause key identifies."""

    APPROVE = "approve"  # a rule that asks for consent
    AWAY = "away"  # a connection that was out of reach for too long
    COMPANY = "company"  # a company that records name and their source is not bound to
    CREDENTIAL = "credential"  # a connection that refuses our key
    DUPLICATE = "duplicate"  # a value that two documents have
    FIELD = "field"  # a field of the record
    GONE = "gone"  # a route whose document is no longer in the target
    IDENTITY = "identity"  # a number that came under two ids
    INACTIVE = "inactive"  # CONNECTION:KIND, a party that was switched off in a target
    LATER = "later"  # a route whose document comes first; of a silent gap, never stored
    LISTED = "listed"  # TARGET:KIND:CODE, a code that a target does not list
    MANUAL = "manual"  # a number that somebody may have typed into the target
    MAPPING = "mapping"  # TABLE:KEY, an entry that is missing or of no use
    OTHER = ""  # none of these: a text that only an older version writes
    PERIOD = "period"  # TARGET:YYYY-MM, a month that is closed there
    RATE = "rate"  # TARGET:NUM/DEN:BASE:UNIT|ITEM, a rate of ours that nobody confirmed for it
    ROUNDING = "rounding"  # a target that rounds otherwise than the rules say
    RULE = "rule"  # a rule
    STALE = "stale"  # a route whose document holds another content
    STATUS = "status"  # a status that the rules do not know
    TOTALS = "totals"  # CONNECTION:KIND:DAY, documents whose total in the target is another one
    TARGET = "target"  # CONNECTION:WORD, what a target said when it refused
    UNCERTAIN = "uncertain"  # a connection that gave no clear answer
    UNIT = "unit"  # UNIT|ITEM, a conversion that is missing


_KINDS: Final = {kind.value: kind for kind in CauseKind}

MISSING_ENTRY: Final = (CauseKind.MAPPING, CauseKind.UNIT)
"""The kinds of causes that an entry of a mapping table answers."""


class HowCleared(StrEnum):
    """The three ways in which a hold ends."""

    ITSELF = "itself"
    NEVER = "never"
    BY = "by"


@dataclass(frozen=True, slots=True)
class Clearing(OneText):
    """Store how a hold ends: by a change (`itself`), by a new version of the record only (`never`),
    or also by a team's release (`by:TEAM`).
    """

    how: HowCleared
    team: str = ""

    def __str__(self) -> str:
        return f"{self.how.value}:{self.team}" if self.how is HowCleared.BY else self.how.value

    @classmethod
    def parse(cls, text: str) -> Clearing:
        """Return the value of a stored text. Raises ValueError if the text is invalid."""
        how, colon, team = text.partition(":")
        found = cls(HowCleared(how), team)
        if bool(colon) is not (found.how is HowCleared.BY):
            message = f"{text!r} does not say what ends a hold: itself, never or by:TEAM"
            raise ValueError(message)
        return found

    @classmethod
    def by(cls, team: str) -> Clearing:
        """Return the clearing that lets a person of this team release the hold."""
        return cls(HowCleared.BY, team)

    @property
    def by_people(self) -> bool:
        """Check whether a person may release the hold."""
        return self.how is HowCleared.BY


ITSELF: Final = Clearing(HowCleared.ITSELF)

NEVER: Final = Clearing(HowCleared.NEVER)


@dataclass(frozen=True, slots=True)
class CauseKey(OneText):
    """What holds of one cause have in common: its kind and what that names.

    The stored text is `kind:named`, and stays as it is: str(CauseKey.parse(text)) == text.
    """

    kind: CauseKind
    named: str

    def __str__(self) -> str:
        return self.named if self.kind is CauseKind.OTHER else f"{self.kind.value}:{self.named}"

    @classmethod
    @lru_cache(maxsize=KEPT_KEYS)
    def parse(cls, text: str) -> CauseKey:
        """Return the key of a stored text. Cached, because a page reads thousands of keys."""
        word, colon, named = text.partition(":")
        kind = _KINDS.get(word) if colon and word else None
        return cls(kind, named) if kind is not None else cls(CauseKind.OTHER, text)

    @classmethod
    def mapping(cls, table: str, entry: str) -> CauseKey:
        """Return the key of a mapping table entry."""
        return cls(CauseKind.MAPPING, f"{table}:{entry}")

    @classmethod
    def unit(cls, unit: str, item: str) -> CauseKey:
        """Return the key of a unit conversion for one item."""
        return cls(CauseKind.UNIT, f"{unit}|{item}")

    @classmethod
    def period(cls, target: str, month: str) -> CauseKey:
        """Return the key of a target's month, written YYYY-MM."""
        return cls(CauseKind.PERIOD, f"{target}:{month}")

    @classmethod
    def listed(cls, target: str, kind: str, code: str) -> CauseKey:
        """Return the key of a code that a target does not list."""
        return cls(CauseKind.LISTED, f"{target}:{kind}:{code}")

    @classmethod
    def rate(cls, target: str, unit: str, item: str, worth: tuple[str, int, int]) -> CauseKey:
        """Return the key of a unit rate: (base unit, num, den) for 1 of the item's unit."""
        base, num, den = worth
        return cls(CauseKind.RATE, f"{target}:{num}/{den}:{base}:{unit}|{item}")

    @property
    def rate_of(self) -> tuple[str, tuple[str, int, int]]:
        """The `UNIT|ITEM` of a rate and its value as (base unit, num, den)."""
        _, worth, base, entry = self.named.split(":", 3)
        num, _, den = worth.partition("/")
        return entry, (base, int(num), int(den))

    @property
    def table(self) -> str | None:
        """The mapping table with the missing entry, or None for other causes."""
        if self.kind is CauseKind.UNIT:
            return UNITS
        return self.named.partition(":")[0] if self.kind is CauseKind.MAPPING else None

    @property
    def entry(self) -> str:
        """The key of that entry: `AB-1` of `mapping:item:AB-1`, `BOX|AB-1` of `unit:BOX|AB-1`."""
        return self.named.partition(":")[2] if self.kind is CauseKind.MAPPING else self.named

    @property
    def unit_and_item(self) -> tuple[str, str]:
        """The unit and the item of a unit entry."""
        unit, _, item = self.entry.partition("|")
        return unit, item

    @property
    def kept(self) -> CauseKey:
        """The key as stored: a very long key keeps its beginning and a hash of the whole."""
        if len(self.named) <= LONGEST_KEY:
            return self
        whole = sha256_hex(self.named)
        return CauseKey(self.kind, f"{self.named[: LONGEST_KEY - len(whole) - 1]}…{whole}")

    @property
    def month(self) -> str:
        """The month of a period."""
        return self.named.rpartition(":")[2]


@dataclass(frozen=True, slots=True)
class Gap:
    """One reason why a value is unknown, ready to be said to its owner.

    `kind`: field (an optional one), required (said already when the record was read), map, unit,
    fact, const, limit, code (a text that stands in no table of codes), later (known once the
    record's other document is there).
    """

    kind: str
    rule: str
    code: str
    error_class: ErrorClass
    owner: str
    message: str
    cause_key: CauseKey
    cause_label: str
    would_pass: str
    span: Span

    @property
    def silent(self) -> bool:
        """Whether the gap makes no finding: another place reports it, or nothing is wrong."""
        return self.kind in {"required", "later"}


class Unknown:
    """A value that is not there. Never equal to anything, never true, never false."""

    __slots__ = ("gaps",)

    def __init__(self, *gaps: Gap) -> None:
        self.gaps = gaps

    def __repr__(self) -> str:
        return f"Unknown({', '.join(str(g.cause_key) for g in self.gaps)})"

    def __bool__(self) -> bool:
        raise TypeError("an unknown is neither true nor false")


def join_unknowns(*values: object) -> Unknown:
    """Return an Unknown with the gaps of all unknown values, without repetition."""
    gaps = [g for v in values if type(v) is Unknown for g in v.gaps]
    return Unknown(*dict.fromkeys(gaps))


def all_of(values: Iterable[object]) -> bool | Unknown:
    """Return Kleene's AND: False if any value is False, else unknown if any value is unknown."""
    unknown = []
    for value in values:
        if value is False:
            return False
        if type(value) is Unknown:
            unknown.append(value)
    return join_unknowns(*unknown) if unknown else True


def any_of(values: Iterable[object]) -> bool | Unknown:
    """Return Kleene's OR: True if any value is True, else unknown if any value is unknown."""
    unknown = []
    for value in values:
        if value is True:
            return True
        if type(value) is Unknown:
            unknown.append(value)
    return join_unknowns(*unknown) if unknown else False


def negation(value: object) -> bool | Unknown:
    """Return Kleene's NOT: an unknown value stays unknown."""
    return value if type(value) is Unknown else not value


def explain_unknown(reason: BaseException) -> str:
    """Return why a value cannot be computed, without Python's own error text."""
    if not isinstance(reason, ArithmeticError):
        return "the values do not fit together"
    if isinstance(reason, ZeroDivisionError):
        return "it divides by zero"
    said = str(reason)
    if _NO_DAY.fullmatch(said):
        return "it leads to a day before the year 1 or after 9999"
    endless = _ENDLESS.fullmatch(said)
    if endless is not None:
        return f"a duration of {endless[1]} days is longer than can be counted"
    return said if said and not said.startswith("[") else "the result has more than 38 digits"


def restore_first_wording(text: str) -> str:
    """Return the text with the reasons as first versions wrote them; the oldest digest covers
    words.
    """

    def first(now: re.Match[str]) -> str:
        days = now[1]
        return f"days={days}; must have magnitude <= 999999999" if days else _NO_DAY.pattern

    return _SAID_NOW.sub(first, text)


def limit_gap(rule: str, owner: str, source: str, reason: BaseException, span: Span) -> Gap:
    """Return the gap of a value that cannot be computed within the bounds."""
    words = explain_unknown(reason)
    return Gap(
        kind="limit",
        rule=rule,
        code="EVA01",
        error_class="business_rule",
        owner=owner,
        message=f"{source} cannot be worked out: {words}.",
        cause_key=CauseKey(CauseKind.RULE, rule),
        cause_label=f"{rule} cannot be worked out",
        would_pass="it can be worked out exactly",  # noqa: S106
        span=span,
    )


def fact_gap(name: str, owner: str, message: str = "", span: Span = NOWHERE) -> Gap:
    """Return the gap of a fact without a known value."""
    return Gap(
        kind="fact",
        rule=name,
        code="FCT01",
        error_class="missing_field",
        owner=owner,
        message=message or f"{name} is not known.",
        cause_key=CauseKey(CauseKind.FIELD, name),
        cause_label=message or f"{name} is not known",
        would_pass=f"{name} is known",
        span=span,
    )


def class_gap(code: str, owner: str, source: str, span: Span) -> Gap:
    """Return the gap of a classification that the tax office does not list."""
    near = class_advice(code)
    label = f'"{code[:40]}" is no classification of the e-Invoice'
    return Gap(
        kind="code",
        rule=CLASS,
        code="VAL02",
        error_class="bad_value",
        owner=owner,
        message=f"{label}{f', {near}' if near else ''}.",
        cause_key=CauseKey(CauseKind.RULE, source),
        cause_label=label,
        would_pass=f"it is one of 001 to 045{f', {near}' if near else ''}",
        span=span,
    )


def later_gap(route: str) -> Gap:
    """Return the silent gap of a document number that does not exist yet."""
    key = CauseKey(CauseKind.LATER, route)
    return replace(fact_gap(f"number_of({route})", ""), kind="later", cause_key=key)


def const_gap(const: nodes.Const, owner: str) -> Gap:
    """Return the gap of a const before its first day."""
    message = f"{const.name} has no value before {min(row.since for row in const.rows)}."
    return replace(fact_gap(const.name, owner, message, const.span), kind="const")


class NearSpellings:
    """Find known words with a similar spelling. The index is built at the first lookup."""

    __slots__ = ("_looks", "_loose", "_words")

    def __init__(self, words: Iterable[str]) -> None:
        self._words = words
        self._loose: dict[str, list[str]] | None = None
        self._looks: dict[str, list[str]] = {}

    def near(self, word: str) -> tuple[str, ...]:
        """Those that differ from a word by case, spaces or special characters alone, and then those
        that only look the same, each in order; never the word itself.
        """
        if self._loose is None:
            self._loose = {}
            for known in sorted(self._words):
                self._loose.setdefault(loose_key(known), []).append(known)
                self._looks.setdefault(skeleton(known), []).append(known)
        same = [known for known in self._loose.get(loose_key(word), ()) if known != word]
        looks = self._looks.get(skeleton(word), ())
        return (*same, *(known for known in looks if known not in same and mistaken(word, known)))


def describe_near_spelling(word: str, known: str) -> str:
    """In what a word is near to a known one, as the end of a sentence about that.

    >>> describe_near_spelling("abc-01", "ABC-01"), describe_near_spelling("ABC-O1", "ABC-01")
    ('it differs by case', 'it looks the same (O for 0)')
    """
    if loose_key(word) == loose_key(known):
        return f"it differs by {_listed(spelling_differences(word, known))}"
    return f"it looks the same ({mistaken(word, known)})"


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def is_tin(text: str) -> bool:
    """Check whether a text has the form of a Malaysian tax identification number.

    >>> is_tin("C25845632020"), is_tin("CS0123450"), is_tin("EI00000000010")
    (True, False, True)
    """
    if text in GENERAL_TINS:
        return True
    fits = _PERSON.fullmatch(text) or _OTHER.fullmatch(text)
    return bool(fits) and len(text) <= LONGEST_TIN


def tin_advice(text: str) -> str:
    """Return what is wrong with a tax number and a suggested correction.

    >>> tin_advice("C25845632021")
    'it ends in 0; perhaps C258456320210'
    """
    steps, wanted = _correct_tin(text)
    return "; ".join([*steps, f"perhaps {wanted}"] if is_tin(wanted) else steps)


def near_tin(text: str) -> str:
    """Return the tax number that a text of another form probably means, or blank.

    >>> near_tin("c 2584563202-1"), near_tin("N/A")
    ('C258456320210', '')
    """
    _, wanted = _correct_tin(text)
    return wanted if is_tin(wanted) else ""


def _correct_tin(text: str) -> tuple[list[str], str]:
    """Return what is wrong with a tax number, and its text without that."""
    steps = list[str]()
    wanted = re.sub(r"[\s-]", "", text).upper()
    if wanted != text:
        steps.append("capitals without spaces and hyphens")
    parts = _PARTS.fullmatch(wanted)
    if parts is None:
        return [*steps, "letters, then digits"], ""
    prefix, digits = parts[1], parts[2]
    if prefix in PERSONS_BEFORE:
        steps.append(f"{PERSONS[0]} stands in place of {prefix}")
        prefix = PERSONS[0]
    if prefix not in (*PERSONS, *OTHERS):
        return [*steps, f"no tax number begins with {prefix}"], ""
    if prefix in OTHERS:
        if digits.startswith("0"):
            steps.append("no zero behind the letters")
            digits = digits.lstrip("0")
        if not digits.endswith("0"):
            steps.append("it ends in 0")
            digits += "0"
    wanted = prefix + digits
    if len(wanted) > LONGEST_TIN:
        steps.append(f"{LONGEST_TIN} characters at most")
    return steps, wanted


def class_advice(text: str) -> str:
    """Return a suggestion for an invalid classification code, or an empty text.

    >>> class_advice(" 22"), class_advice("046")
    ('perhaps 022', '')
    """
    digits = "".join(text.split())
    padded = digits.zfill(3)
    return f"perhaps {padded}" if digits.isdecimal() and padded in CLASSES else ""


def fold_key(key: str, how: Collection[str]) -> str:
    """Return a key as a map with these match words compares it.

    >>> fold_key(" C-77 ", ("trimmed", "any_case"))
    'c-77'
    """
    if "any_punctuation" in how:
        key = _bare(key)
    elif "trimmed" in how:
        key = key.strip()
    return key.casefold() if "any_case" in how else key


def _bare(text: str) -> str:
    """Letters with their marks, and digits; a text that has none of them stays as it is.

    Marks count: without its vowel signs a Tamil name would be another name.
    """
    plain = unicodedata.normalize("NFKC", text)
    return "".join(c for c in plain if unicodedata.category(c)[0] in "LMN") or plain.strip()


def match_key(text: str) -> str:
    """Return the letters and digits of a name in one case, equal for all its spellings.

    >>> match_key("KEDAI MAJU (M) SDN. BHD.") == match_key("Kedai-Maju (M) Sdn Bhd ")
    True
    """
    return fold_key(text, ("any_case", "any_punctuation"))


def spelling_differences(left: str, right: str) -> tuple[str, ...]:
    """In what two near keys differ: invisible characters, `case`, `spaces`, `special characters`.

    >>> spelling_differences("abc-01 ", "ABC-01")
    ('case', 'spaces')
    """
    mine, theirs = invisible(left), invisible(right)
    hidden = tuple(p for p in (*mine, *theirs) if p not in mine or p not in theirs)
    found = [in_words(hidden)] if hidden else []
    for name in _FLATTEN:
        others = [flatten for other, flatten in _FLATTEN.items() if other != name]
        if _apply(left, others) != _apply(right, others):
            found.append(name)
    if not found and left != right:
        found.append("special characters")  # such as a ligature, which case alone evens out, too
    return tuple(found)


def _apply(text: str, steps: Sequence[Callable[[str], str]]) -> str:
    for step in steps:
        text = step(text)
    return text


def loose_key(text: str) -> str:
    """Return the letters and digits of a text in one case, without spaces."""
    return _only_words(_no_spaces(text)).casefold()


def _only_words(text: str) -> str:
    plain_text = unicodedata.normalize("NFKC", text)
    return "".join(c for c in plain_text if c.isalnum() or c.isspace())


def _no_spaces(text: str) -> str:
    return "".join(c for c in text if not (c.isspace() or unicodedata.category(c) in {"Cf", "Zs"}))


def rate_similarity(wanted: str, known: str) -> tuple[str, int]:
    """Why two keys could mean the same, and how much; ("", 0) when they do not: C-118 is not C-101,
    however much alike they are. M1LK and MILK look the same, which counts before their digits.
    """
    if _letters(wanted) == _letters(known):
        return " and ".join(spelling_differences(wanted, known)) or "spelling", 100
    if signs := mistaken(wanted, known):
        return f"looks the same: {signs}", _LOOKS_SAME
    if digits_of(wanted) != digits_of(known):
        return "", 0
    matcher = SequenceMatcher(a=wanted.casefold(), b=known.casefold(), autojunk=False)
    if matcher.real_quick_ratio() < _ALIKE or matcher.quick_ratio() < _ALIKE:
        return "", 0
    ratio = matcher.ratio()
    return ("similar", min(99, int(ratio * 100))) if ratio >= _ALIKE else ("", 0)


def _letters(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())


def digits_of(text: str) -> str:
    """Return the digits of a key in their order. Keys with different digits are never similar."""
    return "".join(c for c in text if c.isdecimal())


_FLATTEN: dict[str, Callable[[str], str]] = {
    "case": str.casefold,
    "spaces": _no_spaces,
    "special characters": _only_words,
}

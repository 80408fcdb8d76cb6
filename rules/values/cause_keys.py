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
"""The rule of an invalid classification code."""

RING = ArithmeticError("the field needs itself")

NO_BASE = ArithmeticError("the item has no base unit")

_NO_DAY = re.compile("date value out of range")

_ENDLESS = re.compile("days=(-?[0-9]+); must have magnitude <= [0-9]+")
"""Match Python's error texts for days beyond the calendar and for durations."""

READ_ON = date(2026, 11, 20)
"""The day on which these tables were compared with their sources."""

CANCEL_WINDOW = timedelta(hours=72)
"""How long after validation an issuer may cancel an e-Invoice; afterwards only a note corrects it
(FAQ of the MyInvois SDK). Rules may set their own, stricter window.
"""

CANCEL_MARGIN = timedelta(hours=1)
"""The end of that window that is not used: a call may wait, and clocks differ."""

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

_LOOKS_SAME: Final = 95  # below 100: a key that only looks identical is never chosen automatically


class CauseKind(StrEnum):
    """Name what the rest of a cause key identifies."""

    APPROVE = "approve"  # a rule that asks for consent
    AWAY = "away"  # a connection that was out of reach for too long
    COMPANY = "company"  # a company that records name and their source is not bound to
    CREDENTIAL = "credential"  # a connection that refuses the product's key
    DUPLICATE = "duplicate"  # a value that two documents have
    FIELD = "field"  # a field of the record
    GONE = "gone"  # a route whose document is no longer in the target
    IDENTITY = "identity"  # a number that came under two ids
    INACTIVE = "inactive"  # CONNECTION:KIND, a party that was switched off in a target
    LATER = "later"  # a route whose document comes first; of a silent gap, never stored
    LISTED = "listed"  # TARGET:KIND:CODE, a code that a target does not list
    MANUAL = "manual"  # a number that somebody may have typed into the target
    MAPPING = "mapping"  # TABLE:KEY, an entry that is missing or of no use
    OTHER = ""  # any other text: only older versions write it
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
"""The causes that a new mapping entry resolves."""


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
        clearing = cls(HowCleared(how), team)
        if bool(colon) is not (clearing.how is HowCleared.BY):
            message = f"{text!r} does not say what ends a hold: itself, never or by:TEAM"
            raise ValueError(message)
        return clearing

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
    """Identify the common cause of several holds by its kind and the subject that it names.

    The stored text is `kind:named` and never changes: str(CauseKey.parse(text)) == text.
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
        """The key of the mapping entry: `AB-1` of `mapping:item:AB-1`, `BOX|AB-1` of
        `unit:BOX|AB-1`.
        """
        return self.named.partition(":")[2] if self.kind is CauseKind.MAPPING else self.named

    @property
    def unit_and_item(self) -> tuple[str, str]:
        """The unit and the item of a unit entry."""
        unit, _, item = self.entry.partition("|")
        return unit, item

    @property
    def kept(self) -> CauseKey:
        """The key as stored: a very long key keeps its beginning and a hash of all its text."""
        if len(self.named) <= LONGEST_KEY:
            return self
        digest = sha256_hex(self.named)
        return CauseKey(self.kind, f"{self.named[: LONGEST_KEY - len(digest) - 1]}…{digest}")

    @property
    def month(self) -> str:
        """The month of a period."""
        return self.named.rpartition(":")[2]


@dataclass(frozen=True, slots=True)
class Gap:
    """Give a reason why a value is unknown, worded for its owner.

    `kind`: field (an optional field), required (already reported when the record was read), map,
    unit, fact, const, limit, code (a text that no code table lists), later (known once the record's
    other document exists).
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
        """Whether the gap makes no finding: another finding reports it, or nothing is wrong."""
        return self.kind in {"required", "later"}


class Unknown:
    """Represent a missing value. It equals nothing and is neither true nor false."""

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
    python_text = str(reason)
    if _NO_DAY.fullmatch(python_text):
        return "it leads to a day before the year 1 or after 9999"
    duration_error = _ENDLESS.fullmatch(python_text)
    if duration_error is not None:
        return f"a duration of {duration_error[1]} days is longer than can be counted"
    return (
        python_text
        if python_text and not python_text.startswith("[")
        else "the result has more than 38 digits"
    )


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
        """Return the similar words, never the word itself: first those that differ only by case,
        spaces or special characters, then those that only look identical. Each group is sorted.
        """
        if self._loose is None:
            self._loose = {}
            for candidate in sorted(self._words):
                self._loose.setdefault(loose_key(candidate), []).append(candidate)
                self._looks.setdefault(skeleton(candidate), []).append(candidate)
        close_words = [
            candidate for candidate in self._loose.get(loose_key(word), ()) if candidate != word
        ]
        lookalikes = self._looks.get(skeleton(word), ())
        return (
            *close_words,
            *(
                candidate
                for candidate in lookalikes
                if candidate not in close_words and mistaken(word, candidate)
            ),
        )


def describe_near_spelling(word: str, known_word: str) -> str:
    """Return how a word differs from a similar known word, as the end of a sentence.

    >>> describe_near_spelling("abc-01", "ABC-01"), describe_near_spelling("ABC-O1", "ABC-01")
    ('it differs by case', 'it looks the same (O for 0)')
    """
    if loose_key(word) == loose_key(known_word):
        return f"it differs by {_listed(spelling_differences(word, known_word))}"
    return f"it looks the same ({mistaken(word, known_word)})"


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
    steps, corrected = _correct_tin(text)
    return "; ".join([*steps, f"perhaps {corrected}"] if is_tin(corrected) else steps)


def near_tin(text: str) -> str:
    """Return the tax number that a text of another form probably means, or blank.

    >>> near_tin("c 2584563202-1"), near_tin("N/A")
    ('C258456320210', '')
    """
    _, corrected = _correct_tin(text)
    return corrected if is_tin(corrected) else ""


def _correct_tin(text: str) -> tuple[list[str], str]:
    """Return what is wrong with a tax number, and its text without that."""
    steps = list[str]()
    corrected = re.sub(r"[\s-]", "", text).upper()
    if corrected != text:
        steps.append("capitals without spaces and hyphens")
    parts = _PARTS.fullmatch(corrected)
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
    corrected = prefix + digits
    if len(corrected) > LONGEST_TIN:
        steps.append(f"{LONGEST_TIN} characters at most")
    return steps, corrected


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
        key = _letters_and_digits(key)
    elif "trimmed" in how:
        key = key.strip()
    return key.casefold() if "any_case" in how else key


def _letters_and_digits(text: str) -> str:
    """Return the letters with their marks and the digits, or the stripped text if it has none.

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


def spelling_differences(left_key: str, right_key: str) -> tuple[str, ...]:
    """Return how two similar keys differ: invisible characters, `case`, `spaces` or `special
    characters`.

    >>> spelling_differences("abc-01 ", "ABC-01")
    ('case', 'spaces')
    """
    left_invisible, right_invisible = invisible(left_key), invisible(right_key)
    hidden = tuple(
        p
        for p in (*left_invisible, *right_invisible)
        if p not in left_invisible or p not in right_invisible
    )
    differences = [in_words(hidden)] if hidden else []
    for name in _FLATTEN:
        others = [flatten for other, flatten in _FLATTEN.items() if other != name]
        if _apply(left_key, others) != _apply(right_key, others):
            differences.append(name)
    if not differences and left_key != right_key:
        differences.append(
            "special characters"
        )  # such as a ligature, which case alone evens out, too
    return tuple(differences)


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


def rate_similarity(key: str, known_key: str) -> tuple[str, int]:
    """Return why two keys could mean one record, and a score from 0 to 100; ("", 0) if they do not.

    C-118 is never similar to C-101. M1LK and MILK look identical, which counts before their digits.
    """
    if _letters(key) == _letters(known_key):
        return " and ".join(spelling_differences(key, known_key)) or "spelling", 100
    if signs := mistaken(key, known_key):
        return f"looks the same: {signs}", _LOOKS_SAME
    if digits_of(key) != digits_of(known_key):
        return "", 0
    matcher = SequenceMatcher(a=key.casefold(), b=known_key.casefold(), autojunk=False)
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

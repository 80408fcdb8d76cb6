"""What holds are grouped by: the key of their cause; and what ends a hold.

Here: both as values, built from their parts and read from their stored text, in one place only.
Not here: the rows of causes (holding/platform/states.py) and who may let a hold go
(holding/approvals/separation.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from rules.values.canonical import OneText, sha256_hex

UNITS: Final = "units"
"""The mapping table that the units of an item are looked up in."""


class CauseKind(StrEnum):
    """What the rest of a key names."""

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

KEPT_KEYS: Final = 20_000
LONGEST_KEY: Final = 500
"""Characters of a key that is stored: PostgreSQL indexes 2,700 bytes."""


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
        """The key whose stored text this is; made once, for a page reads thousands."""
        word, colon, named = text.partition(":")
        kind = _KINDS.get(word) if colon and word else None
        return cls(kind, named) if kind is not None else cls(CauseKind.OTHER, text)

    @classmethod
    def mapping(cls, table: str, entry: str) -> CauseKey:
        """An entry of a mapping table."""
        return cls(CauseKind.MAPPING, f"{table}:{entry}")

    @classmethod
    def unit(cls, unit: str, item: str) -> CauseKey:
        """A conversion of a unit, for one item."""
        return cls(CauseKind.UNIT, f"{unit}|{item}")

    @classmethod
    def period(cls, target: str, month: str) -> CauseKey:
        """A month of a target, as YYYY-MM."""
        return cls(CauseKind.PERIOD, f"{target}:{month}")

    @classmethod
    def listed(cls, target: str, kind: str, code: str) -> CauseKey:
        """A code of a kind that a target does not list."""
        return cls(CauseKind.LISTED, f"{target}:{kind}:{code}")

    @classmethod
    def rate(cls, target: str, unit: str, item: str, worth: tuple[str, int, int]) -> CauseKey:
        """What 1 of a unit of an item is worth in its base unit: (base unit, num, den)."""
        base, num, den = worth
        return cls(CauseKind.RATE, f"{target}:{num}/{den}:{base}:{unit}|{item}")

    @property
    def rate_of(self) -> tuple[str, tuple[str, int, int]]:
        """The `UNIT|ITEM` of a rate, and what it is worth."""
        _, worth, base, entry = self.named.split(":", 3)
        num, _, den = worth.partition("/")
        return entry, (base, int(num), int(den))

    @property
    def table(self) -> str | None:
        """The mapping table in which its entry is missing, if that is the cause."""
        if self.kind is CauseKind.UNIT:
            return UNITS
        return self.named.partition(":")[0] if self.kind is CauseKind.MAPPING else None

    @property
    def entry(self) -> str:
        """The key of that entry: `AB-1` of `mapping:item:AB-1`, `BOX|AB-1` of `unit:BOX|AB-1`."""
        return self.named.partition(":")[2] if self.kind is CauseKind.MAPPING else self.named

    @property
    def unit_and_item(self) -> tuple[str, str]:
        """The two parts of the entry of a unit."""
        unit, _, item = self.entry.partition("|")
        return unit, item

    @property
    def kept(self) -> CauseKey:
        """The key as it is stored: of a very long one the beginning, and the hash of all of it."""
        if len(self.named) <= LONGEST_KEY:
            return self
        whole = sha256_hex(self.named)
        return CauseKey(self.kind, f"{self.named[: LONGEST_KEY - len(whole) - 1]}…{whole}")

    @property
    def month(self) -> str:
        """The month of a period."""
        return self.named.rpartition(":")[2]


class HowCleared(StrEnum):
    """The three ways in which a hold ends."""

    ITSELF = "itself"
    NEVER = "never"
    BY = "by"


@dataclass(frozen=True, slots=True)
class Clearing(OneText):
    """What ends a hold: a change (`itself`), a new version of the record alone (`never`), or the
    word of a team (`by:TEAM`) as well.
    """

    how: HowCleared
    team: str = ""

    def __str__(self) -> str:
        return f"{self.how.value}:{self.team}" if self.how is HowCleared.BY else self.how.value

    @classmethod
    def parse(cls, text: str) -> Clearing:
        """That whose stored text this is; ValueError where it is none."""
        how, colon, team = text.partition(":")
        found = cls(HowCleared(how), team)
        if bool(colon) is not (found.how is HowCleared.BY):
            message = f"{text!r} does not say what ends a hold: itself, never or by:TEAM"
            raise ValueError(message)
        return found

    @classmethod
    def by(cls, team: str) -> Clearing:
        """A person of this team may let it go."""
        return cls(HowCleared.BY, team)

    @property
    def by_people(self) -> bool:
        """Whether a person may let it go."""
        return self.how is HowCleared.BY


ITSELF: Final = Clearing(HowCleared.ITSELF)
NEVER: Final = Clearing(HowCleared.NEVER)

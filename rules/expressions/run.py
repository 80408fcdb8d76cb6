"""The state of one evaluation while it goes on.

Here: Run: the typed content, the world, what was looked up so far, the steps left. Not here: the
look-ups (lookups.py), the closures that use it (interpreter.py), decisions (decisions/record.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from rules.facts.units import Conversion
from rules.facts.world import Facts, World
from rules.outcomes.outcome import Use
from rules.values.unknown import Unknown

if TYPE_CHECKING:
    from rules.expressions.billed_parts import Shares
    from rules.expressions.shared_reads import Once

STEPS = 400_000
"""How many list elements one evaluation may visit."""


class StepsError(ArithmeticError):
    """An evaluation visited more elements than it may."""


class RetreatError(Exception):
    """Rules asked in one go met an error: the record is judged again, one rule after the other."""


class Telling(NamedTuple):
    """How much of the story is told.

    `story`: whether anybody reads words: messages, values, what would pass. `whole`: whether what
    passes is told, too: its values, proofs, the lineage. `bare`: whether messages say amounts as
    bare numbers, as the first versions did, of whose words the older digests are made.
    """

    story: bool
    whole: bool
    bare: bool = False


WHOLE = Telling(story=True, whole=True)
BRIEF = Telling(story=True, whole=False)
SILENT = Telling(story=False, whole=False)
FIRST_WORDS = Telling(story=True, whole=True, bare=True)


@dataclass(slots=True)
class RouteRun:
    """What a rule may ask about the route it is judged for."""

    name: str = ""
    target: str = ""
    seq: int = 1
    number: Any = None
    day: Any = None  # the date of the document, or Unknown
    period: Any = None
    closed: date | None = None  # the day whose period is locked: its own, or an earlier document's
    bill: Shares | None = None  # what of each line this document bills
    theirs: frozenset[str] = frozenset()  # fields that the people in the target own

    @property
    def is_due(self) -> bool:
        """Whether there is something to bill; always, where nothing is billed in parts."""
        return self.bill is None or self.bill.due


Drafted: TypeAlias = tuple[Any, RouteRun]
"""A document that is made (documents/fields.py: Draft), and what was known of its route."""


class Run:
    """One evaluation. Lives as long as the call, shared with nobody."""

    __slots__ = (
        "bare",
        "clean",
        "clock",
        "conversions",
        "drafts",
        "entries",
        "facts",
        "head",
        "held",
        "home",
        "item",
        "line",
        "lines",
        "lookups",
        "memo",
        "now",
        "once",
        "root",
        "route",
        "row_uses",
        "seen",
        "steps",
        "stepwise",
        "story",
        "texts",
        "today",
        "uses",
        "version",
        "whole",
        "world",
    )

    def __init__(
        self, *, content: Any, facts: Facts, world: World, now: datetime, today: date
    ) -> None:
        self.head: dict[str, Any] = content.head
        self.lines: list[dict[str, Any]] = content.lines
        self.facts, self.world, self.now, self.today = facts, world, now, today
        self.line: dict[str, Any] = {}
        self.item: dict[str, Any] = {}
        self.home: Run = self  # whose row `item` is: a linked record's, inside a list of them
        self.root: Run = self  # the run that counts the steps
        self.held: dict[str, str] = dict(facts.held_of_family)  # route -> who decides about it
        self.uses: list[Use] = []
        self.row_uses: dict[tuple[int, str], tuple[Use, ...]] = {}
        self.lookups: dict[tuple[str, str], tuple[Any, Use | None]] = {}
        self.conversions: dict[tuple[str, str], tuple[Conversion | Unknown, tuple[Use, ...]]] = {}
        self.memo: dict[Any, Any] = {}
        self.texts: dict[str | tuple[str, int], str] = {}  # operands as people read them
        self.clock: set[str] = set()
        self.steps = STEPS
        self.stepwise = False  # whether each condition is asked for itself
        self.story, self.whole, self.bare = WHOLE
        self.seen: dict[str, int] = {}  # by route, what fails, where a glance saw all of it
        self.drafts: dict[str, Drafted] | None = None  # by route, where a glance makes them
        self.entries: list[tuple[Any, Any]] = []  # what was remembered: values, and what says so
        self.clean = not content.gaps  # whether every field that is not optional has a value
        self.version = 0
        self.once: Once | None = None  # what it shares with another program's run
        self.route = RouteRun()

    def close(self) -> None:
        """Drop what it refers to when nobody asks any more: what refers to itself is freed late."""
        del self.home, self.root

    def spend(self, steps: int) -> None:
        """Count visited elements; too many end the evaluation of the rule that asks."""
        self.root.steps -= steps
        if self.root.steps < 0:
            raise StepsError("the rule visits too many lines")

    @property
    def long(self) -> bool:
        """Whether so much was visited that the words of the story could make the difference."""
        return STEPS - self.steps > STEPS // 200

    def all_uses(self) -> tuple[Use, ...]:
        """Every mapping and unit entry that was read, each once, in a fixed order: by table and key
        where people read them, else by id.
        """
        told = [use for _, use in self.lookups.values() if use is not None]
        entries = dict(zip(map(id, self.entries), self.entries, strict=True)).values()
        for _, uses in (*self.conversions.values(), *entries):  # most of them several times
            if uses.__class__ is tuple:
                told += uses
            elif uses is not None:  # nothing was found: another value stands in for it
                told.append(uses)
        each = dict(zip(map(id, told), told, strict=True)).values()
        found = sorted(each, key=_PLACE if self.whole else _ENTRY)
        if len(set(map(_ENTRY, found))) < len(found):  # may be one entry twice
            return tuple({_PLACE(one): one for one in found}.values())
        return tuple(found)


_PLACE, _ENTRY = attrgetter("table", "key", "entry_id"), attrgetter("entry_id")

"""Two rule sets that look at the same stored records, each in its world.

Here: Past (one stored record), Side, and TwoSides, which says what both say of a record, or of many
in one go. Pure. Not here: counting it (backtest.py), reading records (portal/backtest).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from operator import attrgetter
from typing import NamedTuple

from rules.expressions.shared_reads import Alike, Once
from rules.facts.world import Facts, Subject, World
from rules.outcomes.summary import Glance
from rules.programs.program import Program

AT_ONCE = 32
"""So many records are judged by one side before the other: few enough to stay in the processor's
caches until the second comes to them.
"""
States = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Past:
    """One stored record with all that was known when it was judged.

    `states` is what became of it: route -> state of its posting; `where` is its file and line.
    """

    subject: Subject
    facts: Facts
    now: datetime
    states: States = ()
    revision: int | None = None  # of the stored world; None: the entries of the rule files
    known: tuple[str, ...] | None = None  # targets whose state was known; None: all
    where: tuple[str, int] = ("", 0)


class Bad(NamedTuple):
    """A stored record that could not be read or judged."""

    where: tuple[str, int]
    message: str


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two rule sets, and the world in which it judges a stored record. `facts`: what it
    would have known of the record, where that is not what was stored.
    """

    program: Program
    world: Callable[[Past], World]
    facts: Callable[[Past], Facts] = attrgetter("facts")


Both = tuple[Glance, Glance]
"""What the old side says of a record, and the new one."""


class _Opened(NamedTuple):
    """A record with the worlds of both sides, and what they share of it."""

    past: Past
    before: tuple[Facts, World]
    after: tuple[Facts, World]
    once: Once | None


_UNREAD = LookupError()
"""What is said of a record that is none."""


class TwoSides:
    """Both, and what they read and say alike."""

    def __init__(self, old: Side, new: Side) -> None:
        self.old, self.new = old, new
        self._alike = Alike(old.program.ruleset, new.program.ruleset)

    def each(self, pasts: Iterable[Past | Bad]) -> Iterator[tuple[Past | Bad, Both | Exception]]:
        """What both say of each record. Several are read before the first is judged, and judged by
        one side before the other: what goes over many in one go stays in the processor's caches.
        """
        rest = iter(pasts)
        while some := list(islice(rest, AT_ONCE)):
            opened = [self._opened(past) for past in some if isinstance(past, Past)]
            begun = [self._begun(one) for one in opened]
            told = iter([self._ended(one) for one in begun])
            for past in some:
                yield past, (_UNREAD if isinstance(past, Bad) else next(told))

    def seen(self, past: Past) -> Both:
        """What both say of a record, which is read once where they read it alike."""
        told = self._ended(self._begun(self._opened(past)))
        if isinstance(told, Exception):
            raise told
        return told

    def _opened(self, past: Past) -> _Opened | Exception:
        """The worlds of a record, and its content where both sides read it alike."""
        try:
            before, after = ((side.facts(past), side.world(past)) for side in (self.old, self.new))
            same = all(one is other for one, other in zip(before, after, strict=True))
            once = self._alike.once(past.subject.kind) if same else None
            if once is not None:
                self.old.program.read(past.subject, once)
        except Exception as error:  # noqa: BLE001 - the others are judged
            return error
        return _Opened(past, before, after, once)

    def _begun(self, one: _Opened | Exception) -> tuple[_Opened, Glance] | Exception:
        """The same, and what the old side says of it."""
        if isinstance(one, Exception):
            return one
        past = one.past
        try:
            return one, self.old.program.glance(past.subject, *one.before, past.now, one.once)
        except Exception as error:  # noqa: BLE001 - the others are judged
            return error

    def _ended(self, begun: tuple[_Opened, Glance] | Exception) -> Both | Exception:
        """What both say, or why one of them could not."""
        if isinstance(begun, Exception):
            return begun
        one, was = begun
        past = one.past
        try:
            return was, self.new.program.glance(past.subject, *one.after, past.now, one.once)
        except Exception as error:  # noqa: BLE001 - the others are judged
            return error

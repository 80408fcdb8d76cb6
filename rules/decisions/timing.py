"""When a document may go: open periods, the hour of a run, earlier decisions.

Here: PeriodProgram of one route, whether the target is open for a document and the earlier ones
that it touches; at once, or at the first such hour after a day; and waiting while somebody decides
about what is posted. Not here: what a rule makes of it (expressions/checks.py,
amendments/decision_tables.py).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from grammar import nodes as n
from rules.expressions.run import Run
from rules.outcomes.outcome import STOPS, Decision
from rules.types.outside_schemas import Schemas
from rules.types.symbol_table import Index
from rules.values.unknown import Unknown, fact_gap

if TYPE_CHECKING:
    from rules.decisions.routes import RouteProgram


MOMENTS = 64
"""Of so many moments it is kept which day they are of: a batch is judged at one."""
_CHANGES = frozenset({"update", "void", "credit_note"})


def followed_first(routes: list[RouteProgram]) -> list[RouteProgram]:
    """The routes, each behind the one that it comes after; else as they are written."""
    named = {route.name: route for route in routes}
    found: dict[str, RouteProgram] = {}

    def add(route: RouteProgram, behind: frozenset[str]) -> None:
        before = named.get(str(route.post.after)) if route.post.after else None
        if before is not None and before.name not in behind:  # the checks refuse a ring
            add(before, behind | {route.name})
        found.setdefault(route.name, route)

    for route in routes:
        add(route, frozenset({route.name}))
    return list(found.values())


def who_decides(decision: Decision) -> str:
    """Who decides about what is posted on a route, by which rule; empty where nobody has to."""
    changes = any(step.action in _CHANGES for step in decision.plan)
    for one in decision.findings:
        if one.severity in STOPS and (changes or one.error_class == "stale_version"):
            return f"held for {one.owner} ({one.rule})"
    return ""


def due(value: date | datetime, at: time, zone: ZoneInfo) -> datetime:
    """The first `at` after the day of a value, in the zone, as a UTC moment; behind the last day of
    the calendar there is none, and that day stands for it.

    >>> due(date(2026, 11, 18), time(2, 0), ZoneInfo("Asia/Kuala_Lumpur")).isoformat()
    '2026-11-18T18:00:00+00:00'
    """
    try:
        day = value.astimezone(zone).date() if isinstance(value, datetime) else value
        return datetime.combine(day + timedelta(days=1), at, tzinfo=zone).astimezone(UTC)
    except OverflowError:
        return datetime.combine(date.max, time(0), tzinfo=zone).astimezone(UTC)


@lru_cache(maxsize=MOMENTS)
def day_in(now: datetime, zone: ZoneInfo) -> date:
    """The day that a moment is of."""
    return now.astimezone(zone).date()


@lru_cache(maxsize=MOMENTS)
def next_midnight(now: datetime, zone: ZoneInfo) -> datetime:
    """The moment at which `today` changes."""
    day = now.astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(day, time(0), tzinfo=zone).astimezone(UTC)


class Turn:
    """When it is a document's turn: at its hour, and once the one that it comes after is there."""

    def __init__(self, post: n.Post, zone: ZoneInfo) -> None:
        self.zone = zone
        self.daily = post.timing if isinstance(post.timing, n.Daily) else None
        self.after = str(post.after) if post.after else None

    def hour(self, run: Run) -> datetime | None:
        """From when on it may go; None where that is at once, or where the record is not dated."""
        if self.daily is None:
            return None
        value = run.head.get(self.daily.by)
        return due(value, self.daily.at, self.zone) if isinstance(value, date) else None

    def is_early(self, run: Run) -> bool | None:
        """Whether its hour is still to come; None where the record is not dated."""
        if self.daily is None:
            return False
        moment = self.hour(run)
        return None if moment is None else moment > run.now

    def number_before(self, run: Run) -> str:
        """The number of the document that it comes after; empty where that is not posted."""
        return run.facts.documents_of_family.get(self.after or "") or ""

    def held_before(self, run: Run) -> str:
        """Who decides about that document; empty where nobody does."""
        return run.held.get(self.after or "") or "" if self.number_before(run) else ""

    def follows(self, run: Run) -> bool:
        """Whether it may go as far as the document before it goes."""
        return self.after is None or bool(self.number_before(run) and not self.held_before(run))


class PeriodProgram:
    """The periods of one route's documents."""

    def __init__(
        self,
        index: Index,
        post: n.Post,
        schemas: Schemas | None,
        missing: n.Missing | None,
        owner: str,
    ) -> None:
        words = missing.say.replace("{field}", "period") if missing else ""
        span = missing.span if missing else post.span
        self.unknown = Unknown(fact_gap("period", owner, words, span))
        self.target = post.route.target
        self.touched = _touched(index, post, schemas)

    def __call__(self, run: Run, day: Any) -> Any:
        """`open` or `locked` for a document of this day, which is noted where it is locked."""
        state = run.world.targets.get(self.target)
        if state is None or not state.known:
            return self.unknown
        if not isinstance(day, date):
            return day
        run.route.closed = self._closed(run, day, state.locked_through)
        return "locked" if run.route.closed else "open"

    def _closed(self, run: Run, day: date, until: date | None) -> date | None:
        """The first of the document's own day and those that it touches that is not open."""
        if until is None or day <= until:
            return day if until else None
        days = [run.facts.days_of_family.get(route) for route in self.touched]
        return next((one for one in days if one is not None and one <= until), None)


def _touched(index: Index, post: n.Post, schemas: Schemas | None) -> tuple[str, ...]:
    """The routes of the earlier documents that the target touches with this one."""
    known = schemas.document(post.route.target, post.route.document) if schemas else None
    found: list[str] = []
    after = post.after if getattr(known, "touches_earlier", False) else None
    while after is not None and str(after) not in found:
        found.append(str(after))
        earlier = index.routes().get(str(after))
        after = earlier.after if earlier else None
    return tuple(found)

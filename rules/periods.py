"""Periods: whether the target is open for a document, and for the earlier ones that it touches.

Here: PeriodProgram of one route. Not here: what a rule makes of it (checks.py, tables.py).
"""

from __future__ import annotations

from datetime import date
from typing import Any

from grammar import nodes as n
from rules.gaps import fact_gap
from rules.index import Index
from rules.run import Run
from rules.schema import Schemas
from rules.unknown import Unknown


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
        earlier = (run.facts.days_of_family.get(route) for route in self.touched)
        days = (day, *(found for found in earlier if found is not None))
        until = state.locked_through
        run.route.closed = next((d for d in days if until is not None and d <= until), None)
        return "locked" if run.route.closed else "open"


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

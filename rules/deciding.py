"""Whether somebody decides about what is posted, so that what comes after it waits.

Here: in which order the routes of a record are asked, and what one decision keeps back. Not here:
the wait itself (weighing.py), what other records of a family say (facts.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rules.outcome import Decision

if TYPE_CHECKING:
    from rules.routes import RouteProgram

_STOPS = frozenset({"reject", "hold", "approve"})
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
        if one.severity in _STOPS and (changes or one.error_class == "stale_version"):
            return f"held for {one.owner} ({one.rule})"
    return ""

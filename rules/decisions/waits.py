"""What a posting waits for, in the words people read: an hour, another document, something to bill.

Here: turn, with the verdicts that tell of it; which of several waits is told; until when an outcome
holds. Not here: when it is a document's turn (timing.py).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from rules.decisions.timing import next_midnight
from rules.expressions.run import Run
from rules.outcomes.findings import Said, keep
from rules.outcomes.outcome import HIT, PASS, UNKNOWN, Decision, Verdict, Wait
from rules.values.unknown import Gap

if TYPE_CHECKING:
    from rules.decisions.routes import RouteProgram

_NOW_HOLDS = timedelta(minutes=15)
_OPEN = frozenset({"ready", "waiting", "held"})


def turn(route: RouteProgram, run: Run, said: Said, asked: dict[Gap, list[int]]) -> list[Wait]:
    """The hour, another document, something to bill; what is missing of it goes to `asked`."""
    if not run.route.is_due:
        return [Wait("bill", None, None, "waits until there is something to bill")]
    return [w for w in (_until(route, run, said, asked), _after(route, run, said)) if w is not None]


def last(waits: list[Wait]) -> Wait | None:
    """The one that is told: another document before any hour."""
    return max(waits, key=lambda wait: wait.kind == "for", default=None)


def later(asked: dict[Gap, list[int]]) -> Wait:
    """The wait for a document whose number is not there yet."""
    found = next((g for g in asked if g.kind == "later"), None)
    return Wait("for", None, found.cause_key.named if found else None, "waits")


def valid_until(run: Run, decisions: list[Decision], zone: ZoneInfo) -> datetime | None:
    """When decisions may change by themselves: an hour comes, or what they say of today or now."""
    moments, moves = [], False
    for one in decisions:
        if one.wait is not None and one.wait.until is not None:
            moments.append(one.wait.until)
        moves = moves or bool(one.plan) or one.state in _OPEN
    if moves and run.clock:
        if "today" in run.clock:
            moments.append(next_midnight(run.now, zone))
        if "now" in run.clock:
            moments.append(run.now + _NOW_HOLDS)
    return min(moments) if moments else None


def _until(route: RouteProgram, run: Run, said: Said, asked: dict[Gap, list[int]]) -> Wait | None:
    due = route.turn
    if due.daily is None:
        return None
    moment, by, span = due.hour(run), due.daily.by, due.daily.span
    shown = f"{moment.astimezone(due.zone):%Y-%m-%d %H:%M}" if moment is not None else ""
    waits = due.is_early(run)
    result = UNKNOWN if waits is None else HIT if waits else PASS
    operands = ((by, "(missing)"),) if moment is None else (("due", shown),)
    said.verdicts.append(
        Verdict("timing", "timing", route.name, result, span, operands, None, shown)
    )
    if moment is None:
        keep(asked, run.head.get(by), None)
    return Wait("until", moment, None, f"waits until {shown}") if waits else None


def _after(route: RouteProgram, run: Run, said: Said) -> Wait | None:
    after = route.post.after
    if after is None:
        return None
    number, held = route.turn.number_before(run), route.turn.held_before(run)
    follows = route.turn.follows(run)
    shown = f"{number}, {held}" if held else number or "(not posted)"
    result = PASS if follows else HIT
    said.verdicts.append(
        Verdict("after", "after", route.name, result, after.span, ((str(after), shown),))
    )
    if follows:
        return None
    text = f"waits while {after} {number} is {held}" if held else f"waits for {after}"
    return Wait("for", None, str(after), text)

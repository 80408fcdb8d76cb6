"""What a route comes to in one word, and how strict that word is.

Here: Words (ready, waiting, to approve, held, …, read from a glance), stricter, has_posted. Not
here: how a glance comes about (glance.py), what is counted of it (backtest.py).
"""

from __future__ import annotations

from collections.abc import Callable

from grammar import nodes as n
from rules.glance import RouteGlance, Rule

APPROVE = "to approve"
NO_ROUTE = "no route"
_STRICT = {
    "ready": 0,
    "posted": 0,
    "waiting": 1,
    APPROVE: 2,
    "held": 3,
    "dropped": 4,
    "ignored": 4,
    NO_ROUTE: 5,
}
_POSTED = frozenset({"posted", "reversed"})
_WAITS = frozenset({"when", "timing", "after"})


class Words:
    """The words of one program: a held route that only lacks an approval is `to approve`."""

    def __init__(self, rules: tuple[Rule, ...], ruleset: n.Ruleset) -> None:
        warns = {("check", c.name) for c in ruleset.checks if c.action.kind == "warn"}
        if all(d.action.kind == "warn" for d in ruleset.duplicates):
            warns.add(("duplicates", ""))
        asks = _bits(rules, lambda r: r.kind == "approve")
        stops = _bits(rules, lambda r: (r.kind, r.name) not in warns) & ~asks
        self._asks = asks
        self._stops_unknown = stops
        self._stops_failed = stops & ~_bits(rules, lambda r: r.kind in _WAITS)

    def word_of(self, seen: RouteGlance) -> str:
        """The word of one route."""
        if seen.state != "held" or not (seen.fail | seen.unknown) & self._asks:
            return seen.state
        stopped = seen.fail & self._stops_failed or seen.unknown & self._stops_unknown
        return seen.state if stopped else APPROVE


def stricter(would: str, was: str) -> bool:
    """Whether the first word lets less through than the second."""
    return _STRICT[would] > _STRICT[was]


def has_posted(state: str) -> bool:
    """Whether a posting in this state has reached the target."""
    return state in _POSTED


def _bits(rules: tuple[Rule, ...], wanted: Callable[[Rule], bool]) -> int:
    return sum(1 << i for i, rule in enumerate(rules) if wanted(rule))

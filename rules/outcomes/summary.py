"""An outcome in brief, for many records: states, amount, and the numbers of rules.

Here: Glance, RouteGlance, the numbers of a program's rules (Numbers), the state of a route in one
word and how strict that word is. A glance always says what the outcome of the same record says. Not
here: how the outcome is worked out (decisions/record.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from grammar import nodes as n
from rules.outcomes.outcome import Outcome, Verdict, VerdictKind
from rules.values.posting_states import PostingState

KINDS: Final[tuple[VerdictKind, ...]] = (
    "gate",
    "when",
    "field",
    "check",
    "units",
    "rounding",
    "codes",
    "duplicates",
    "approve",
    "timing",
    "after",
    "map",
    "change",
)
"""Every kind of verdict, in the order in which a route meets them."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What bit i of a glance speaks of: Program.rules[i]; an empty name means any other."""

    kind: VerdictKind
    name: str


@dataclass(frozen=True, slots=True)
class RouteGlance:
    """The state of one route, and the rules that did not pass, as bits: bit i is Program.rules[i].

    `fail` leaves out what somebody released; `unknown` are rules that nobody could answer.
    """

    route: str
    state: PostingState  # as Decision.state
    fail: int
    unknown: int


@dataclass(frozen=True, slots=True)
class Glance:
    """One record under all its routes; `amount` is that of the outcome, None where unknown."""

    routes: tuple[RouteGlance, ...]
    amount: Decimal | None


class Numbers:
    """The rules of a ruleset, numbered: checks, approvals and maps by name, the rest by kind."""

    def __init__(self, ruleset: n.Ruleset) -> None:
        self.rules = tuple(dict.fromkeys(_rules(ruleset)))
        self._bits = {(r.kind, r.name): 1 << i for i, r in enumerate(self.rules)}

    def bit(self, kind: VerdictKind, name: str) -> int:
        """The bit of a rule that verdicts of this kind and name belong to."""
        return self._bits.get((kind, name)) or self._bits[kind, ""]

    def renumbered(
        self, seen: RouteGlance, other: Numbers, checks: AbstractSet[str]
    ) -> RouteGlance | None:
        """The same by the numbers of another program, of whose rules these checks and all that are
        no checks are the same; None where another check has something to say.
        """
        found = [0, 0]
        for i, bits in enumerate((seen.fail, seen.unknown)):
            rules = [rule for number, rule in enumerate(self.rules) if bits >> number & 1]
            if any(rule.kind == "check" and rule.name not in checks for rule in rules):
                return None
            for rule in rules:
                found[i] |= other.bit(rule.kind, rule.name)
        return RouteGlance(seen.route, seen.state, *found)

    def glance(self, outcome: Outcome) -> Glance:
        """What an outcome says at a glance."""
        fail: dict[str, int] = {}
        unknown: dict[str, int] = {}
        for verdict in outcome.verdicts:
            into = self._into(verdict, fail, unknown)
            if into is not None:
                bit = self.bit(verdict.kind, verdict.rule)
                into[verdict.route] = into.get(verdict.route, 0) | bit
        routes = tuple(
            RouteGlance(d.route, d.state, fail.get(d.route, 0), unknown.get(d.route, 0))
            for d in outcome.decisions
        )
        return Glance(routes, outcome.amount)

    @staticmethod
    def _into(
        verdict: Verdict, fail: dict[str, int], unknown: dict[str, int]
    ) -> dict[str, int] | None:
        if verdict.released:
            return None
        return {"hit": fail, "unknown": unknown}.get(verdict.result)


def _rules(ruleset: n.Ruleset) -> Iterator[Rule]:
    named = {
        "check": [c.name for c in ruleset.checks],
        "approve": [f"approve by {a.role}" for a in ruleset.approvals],
        "map": [m.name for m in ruleset.maps],
    }
    for kind in KINDS:
        for name in named.get(kind, ()):
            yield Rule(kind, name)
        yield Rule(kind, "")


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
        if seen.state != PostingState.HELD or not (seen.fail | seen.unknown) & self._asks:
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

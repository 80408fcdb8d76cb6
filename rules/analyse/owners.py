"""Does everything that may go wrong have an owner who exists?

Here: roles that are named, actions that fit where they stand. Not here: names (names.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from grammar import nodes as n
from grammar.problem import Problem, Span
from rules.analyse.places import problem, tables
from rules.index import Index
from rules.types import did_you_mean

_HOLDS = ("hold", "review")
_ANSWERS = (*_HOLDS, "warn", "reject")
_EDITS = (*_HOLDS, "block", "ignore")


def check(index: Index) -> Iterator[Problem]:
    """Roles and actions of all declarations."""
    for role, span in roles(index):
        if role not in index.roles:
            hint = did_you_mean(role, index.roles)
            yield problem("OWN01", f"no role '{role}' is declared", hint, span)
    for action, allowed, where in _actions(index):
        if action.kind not in allowed:
            message = f"'{action.kind.replace('_', ' ')}' cannot stand {where}"
            words = ", ".join(f"{a} {'by' if a == 'review' else 'for'} …" for a in _HOLDS)
            more = [a for a in allowed if a not in _HOLDS]
            yield problem("OWN02", message, f"Use {', '.join([words, *more])}.", action.span)


def _actions(index: Index) -> Iterator[tuple[n.Action, tuple[str, ...], str]]:
    rules = index.ruleset
    missing = [s.missing for s in rules.sources] + [t.missing for t in rules.targets]
    missing += [m.missing for m in rules.maps] + [u.missing for u in rules.units]
    for said in missing:
        yield said.action, _HOLDS, "behind 'missing'"
    for check_ in rules.checks:
        yield check_.action, _ANSWERS, "behind the 'else' of a check"
    for duplicates in rules.duplicates:
        yield duplicates.action, _ANSWERS, "behind the 'else' of duplicates"
    for link in rules.links:
        yield link.action, _HOLDS, "behind 'at most'"
    for target in rules.targets:
        yield target.tolerance_action, (*_HOLDS, "warn"), "behind 'tolerance'"
    for reversal in rules.reversals:
        if reversal.we_own is not None:
            yield reversal.we_own, _EDITS, "behind 'we own the rest'"
    for post in rules.posts:
        yield post.we_own, _EDITS, "behind 'we own the rest'"


def roles(index: Index) -> Iterator[tuple[str, Span]]:
    """Every role that is named, and where."""
    rules = index.ruleset
    named: list[tuple[str | None, Span]] = [(a.role, a.span) for a, _, _ in _actions(index)]
    named += [(row.owner, row.span) for gate in rules.gates for row in gate.rows]
    named += [(c.clears.role, c.clears.span) for c in rules.checks]
    named += [(a.role, a.span) for a in rules.approvals]
    for table in tables(index):
        answers = [row.action for row in table.rows]
        actions = [a.then if isinstance(a, n.TryAgain) else a for a in answers]
        named += [(a.role, a.span) for a in actions]
    named += [(p.bill.action.role, p.bill.action.span) for p in rules.posts if p.bill]
    outcomes = [e.outcome for test in rules.tests for e in test.expects]
    named += [(o.role, o.span) for o in outcomes if o is not None]
    yield from ((role, span) for role, span in named if role is not None)

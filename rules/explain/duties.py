"""Who looks after what: every team with the rules that send something to it.

Here: owned_by. Not here: whether the teams exist (analyse/owners.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from grammar import nodes as n
from rules.explain.actions import becoming
from rules.explain.nouns import a, listed, plain
from rules.index import Index


def owned_by(index: Index) -> dict[str, tuple[str, ...]]:
    """Team -> what it is called for, each once."""
    found: dict[str, dict[str, None]] = {}
    for role, what in _duties(index.ruleset):
        if role is not None:
            found.setdefault(role, {})[what] = None
    return {role: tuple(things) for role, things in found.items()}


def _duties(rules: n.Ruleset) -> Iterator[tuple[str | None, str]]:
    for source in rules.sources:
        yield source.missing.action.role, f"what {source.name} leaves blank"
    for target in rules.targets:
        yield target.missing.action.role, f"what {target.name} cannot tell"
        yield target.tolerance_action.role, f"differences of amounts in {target.name}"
    for table in rules.maps:
        yield table.missing.action.role, f"missing entries of the table “{plain(table.name)}”"
    for units in rules.units:
        yield units.missing.action.role, "missing units"
    for link in rules.links:
        yield link.action.role, f"too many {plain(link.name)} of {a(link.record)}"
    yield from _of_rules(rules)
    yield from _of_tables(rules)
    for post in rules.posts:
        yield post.we_own.role, f"changes by hand in {becoming(post.route)}"


def _of_rules(rules: n.Ruleset) -> Iterator[tuple[str | None, str]]:
    for gate in rules.gates:
        for row in gate.rows:
            states = listed([f"“{plain(s.name)}”" for s in row.states], "or")
            yield row.owner, f"{a(gate.record)} that is {states}"
    for check in rules.checks:
        yield check.action.role, f"the check “{plain(check.name)}”"
        if check.clears.role != check.action.role:
            yield check.clears.role, f"releases of the check “{plain(check.name)}”"
    for one in rules.duplicates:
        yield one.action.role, f"duplicates of {_any(one.records)}"
    for approve in rules.approvals:
        yield approve.role, f"approval of {a(approve.record)}"


def _of_tables(rules: n.Ruleset) -> Iterator[tuple[str | None, str]]:
    for edit in rules.edits:
        yield from ((r, f"changes of {a('posted ' + edit.record)}") for r in _roles(edit.table))
    for cancel in rules.cancels:
        whose = _any(cancel.records)
        yield from ((r, f"cancels of {whose} that is posted") for r in _roles(cancel.table))
    for retry in rules.retries:
        yield from ((r, f"failed pushes to {retry.target}") for r in _roles(retry.table))


def _any(records: tuple[n.Word, ...]) -> str:
    return listed([a(word.name) for word in records], "or")


def _roles(table: n.Table) -> Iterator[str | None]:
    for row in table.rows:
        action = row.action.then if isinstance(row.action, n.TryAgain) else row.action
        yield action.role

"""Actions as the end of a sentence, and the rules that each team owns.

Here: what is done with a record, in words, and owned_by. Not here: whether the teams exist
(checker/declarations.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from grammar import nodes as n
from rules.types.phrases import Phrases
from rules.types.symbol_table import Index
from rules.types.terms import a, listed, spoken
from rules.values.names import plain


def action(
    done: n.Action | n.TryAgain, words: Phrases, where: str = "the accounting system"
) -> str:
    """What is done; `where` is the target that it would be done in."""
    if isinstance(done, n.TryAgain):
        first = f"first after {spoken(done.pause)}, then at longer intervals"
        times = f"{done.times} times" if done.times > 1 else "once"
        return f"it is retried up to {times}, {first}; after that {action(done.then, words)}"
    team = words.role(done.role)
    return {
        "hold": f"it is put on hold for {team}",
        "review": f"it is put on hold for {team}, and the posted document is not changed",
        "warn": "it is posted with this warning",
        "reject": "it is rejected and never posted",
        "block": f"nothing is done in {where}, and the hold cannot be released",
        "ignore": "the document stays as it is",
        "drop": "it is cancelled before posting",
        "wait": "it waits",
        "update": "the document is changed in place",
        "void": f"the document is voided in {where}",
        "new_document": "an additional document is posted",
        "credit_note": "a credit note reverses the document",
        "credit_and_new": "a credit note reverses the document, and a new document is posted",
        "look_up": "it is looked up there first, and sent again only if it is not found",
    }.get(done.kind, plain(done.kind))


def targets_of(records: list[str], index: Index) -> str:
    """Where documents of these records go."""
    names = [post.route.target for name in records for post in index.posts.get(name, ())]
    return listed(list(dict.fromkeys(names))) or "the accounting system"


def but_for(routes: Iterable[n.RouteName | None]) -> str:
    """What a general declaration leaves to the narrowed ones beside it."""
    own = [f"as {becoming(route)}" for route in routes if route is not None]
    return f" (but not {listed(own, 'or')})" if own else ""


def becoming(route: n.RouteName) -> str:
    """What a route makes: `an invoice in autocount`."""
    return f"{a(route.document)} in {route.target}"


def owned_by(index: Index) -> dict[str, tuple[str, ...]]:
    """Team -> what it is called for, each once."""
    found: dict[str, dict[str, None]] = {}
    for role, what in _duties(index.ruleset):
        if role is not None:
            found.setdefault(role, {})[what] = None
    return {role: tuple(things) for role, things in found.items()}


def _duties(rules: n.Ruleset) -> Iterator[tuple[str | None, str]]:
    for source in rules.sources:
        yield source.missing.action.role, f"blank fields from {source.name}"
    for target in rules.targets:
        yield target.missing.action.role, f"what {target.name} does not report"
        yield target.tolerance_action.role, f"differences of amounts in {target.name}"
    for table in rules.maps:
        yield table.missing.action.role, f"missing entries of the table “{plain(table.name)}”"
    for units in rules.units:
        yield units.missing.action.role, "missing units"
    yield from _alone(rules)
    for link in rules.links:
        yield link.action.role, f"too many {plain(link.name)} of {a(link.record)}"
    yield from _of_rules(rules)
    yield from _of_tables(rules)
    for post in rules.posts:
        yield post.we_own.role, f"manual changes of {becoming(post.route)}"


def _alone(rules: n.Ruleset) -> Iterator[tuple[str, str]]:
    """What one team alone may do."""
    for record in rules.records:
        for field in record.fields:
            if isinstance(field, n.Field) and field.completed is not None:
                yield field.completed.role, f"a blank {plain(field.name)} of {whose(record)}"
    for table in rules.maps:
        if table.kept is not None:
            yield table.kept.role, f"the entries of the table “{plain(table.name)}”"
    for units in rules.units:
        if units.kept is not None:
            yield units.kept.role, "the entries of the units"


def whose(record: n.Record) -> str:
    """A record, or a line of one, with its article."""
    return f"a line of {a(record.parent)}" if record.parent else a(record.name)


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
        yield from ((r, f"cancellations of {whose} after posting") for r in _roles(cancel.table))
    for retry in rules.retries:
        yield from ((r, f"failed postings to {retry.target}") for r in _roles(retry.table))


def _any(records: tuple[n.Word, ...]) -> str:
    return listed([a(word.name) for word in records], "or")


def _roles(table: n.Table) -> Iterator[str | None]:
    for row in table.rows:
        action = row.action.then if isinstance(row.action, n.TryAgain) else row.action
        yield action.role

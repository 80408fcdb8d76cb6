"""Has whatever is posted an answer to what comes later: an edit, a cancel, a late approval?

Here: records without a table, and what an early gate row asks for: a group, a row and a test for
the approval that is still to come. Not here: rows of tables (tables.py), groups (edit_groups.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from grammar import nodes as n
from grammar.problem import Problem
from rules.analyse.places import problem
from rules.index import Index

_APPROVAL = "approv"


def check(index: Index) -> Iterator[Problem]:
    """What is posted and has no answer to what comes later."""
    for record in index.posts:
        if record in index.records:
            yield from _tables(record, index)
    for gate in index.ruleset.gates:
        if gate.record in index.records:
            for row in gate.rows:
                if row.early:
                    yield from _early(gate, row, index)


def _tables(record: str, index: Index) -> Iterator[Problem]:
    """One problem for each table that is not there, at the first route that needs it."""
    edits, cancels = [], []
    for post in index.posts[record]:
        route = str(post.route)
        gate = index.gate(record, route)
        cancelled = any(row.word == "cancel" for row in gate.rows) if gate else False
        edits += [post] if index.edit(record, route) is None else []
        cancels += [post] if cancelled and index.cancel(record, route) is None else []
    if edits:
        message = f"{record} is posted to {_routes(edits)}, but nothing says what a later edit does"
        hint = f"Declare 'on edit of {record}': groups of its fields, and a row for each case."
        yield problem("EDT08", message, hint, edits[0].span)
    if cancels:
        message = f"{record} is posted to {_routes(cancels)} and can be cancelled"
        message += ", but nothing says what happens then"
        hint = f"Declare 'on cancel of {record}' with a row for each case."
        yield problem("CAN01", message, hint, cancels[0].span)


def _routes(posts: list[n.Post]) -> str:
    return " and ".join(str(post.route) for post in posts)


def _early(gate: n.Gate, row: n.GateRow, index: Index) -> Iterator[Problem]:
    """What is posted early is approved later: that needs an answer of its own, and a test."""
    record, states = gate.record, {state.name for state in row.states}
    what = f"{record} goes early as {row.states[0].name}"
    approvals = [
        name
        for name, field in index.fields[record].items()
        if isinstance(field, n.Field) and name.startswith(_APPROVAL)
    ]
    if not approvals:
        message = f"{what}, but no field tells its approval"
        hint = f"Declare what the source sends: {_APPROVAL}ed_version whole optional"
        yield problem("EDT09", message, hint, row.span)
        return
    routes = [p.route for p in index.posts.get(record, []) if gate.route in (None, p.route)]
    edits = {id(e): e for r in routes if (e := index.edit(record, str(r))) is not None}
    for edit in edits.values():
        yield from _own_row(edit, what, approvals)
    if edits and not any(_tells(t, record, states, approvals, index) for t in index.ruleset.tests):
        message = f"{what}, but no test tells of its approval after that"
        hint = f"Add a test: given … with status = {row.states[0].name}, then {approvals[0]} = …"
        yield problem("TST06", message, hint, row.span)


def _own_row(edit: n.Edit, what: str, approvals: list[str]) -> Iterator[Problem]:
    """The approval changes nothing else: a group of its own, with a row of its own."""
    own = {g.name for g in edit.groups if g.fields and {w.name for w in g.fields} <= set(approvals)}
    at = edit.table.head.index("changed") if "changed" in edit.table.head else None
    if not own:
        message = f"{what}, but its approval has no group of its own"
        hint = f"Give it one, and a row: approval = {approvals[0]}"
        yield problem("EDT09", message, hint, edit.span)
    elif at is not None and not any(_only(row, at, own) for row in edit.table.rows):
        name = min(own)
        message = f"{what}, but the group '{name}' has no row of its own"
        cells = [name if number == at else "-" for number in range(len(edit.table.head))]
        hint = f"Split it off: | {' | '.join(cells)} | … |"
        yield problem("EDT09", message, hint, edit.table.span)


def _only(row: n.TableRow, at: int, own: set[str]) -> bool:
    cell = row.cells[at] if at < len(row.cells) else None
    return isinstance(cell, n.Among) and all(
        isinstance(value, n.Word) and value.name in own for value in cell.values
    )


def _tells(test: n.Test, record: str, states: set[str], approvals: list[str], index: Index) -> bool:
    """Whether a test begins with an early status and approves the record in a later step."""
    sample, status = index.samples.get(test.given), index.status_field(record)
    if sample is None or sample.record != record or status is None:
        return False
    given = {pair.name: pair.value for pair in sample.sets}
    given |= {fact.name: fact.value for fact in test.facts if isinstance(fact, n.IsValue)}
    at_first = given.get(status.name)
    later = {f.name for step in test.steps for f in step.facts if isinstance(f, n.IsValue)}
    return isinstance(at_first, n.Word) and at_first.name in states and bool(later & set(approvals))

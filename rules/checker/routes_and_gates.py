"""Check that every status has a gate answer, every route can go, and later changes are handled."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import NamedTuple

from grammar import nodes
from grammar.text.problem import Problem, Span
from rules.checker.places import Look, make_problem, records_of
from rules.checker.ranges import Cuts, claim_of
from rules.types.functions import did_you_mean
from rules.types.symbol_table import DOCUMENT_NUMBER, Index, Scope, looked_up_in, outside_part
from rules.values.wording import format_expression

# Words need no schema of the source; after a false alarm the author writes `early`.
CHANGING = frozenset({"draft", "pending", "unpaid", "unapproved", "unconfirmed"})
"""First words of statuses that a record passes through before it is settled."""

_APPROVAL = "approv"

_IN_TARGET = f"Write {DOCUMENT_NUMBER}, or fields of the target."


def check_gates(index: Index) -> Iterator[Problem]:
    """Yield uncovered statuses, ambiguous spellings and records without a gate."""
    seen: dict[tuple[str, str], Span] = {}
    for gate in index.ruleset.gates:
        key = (gate.record, str(gate.route or ""))
        if key in seen:
            message = f"{gate.record} has this gate already"
            yield make_problem("GAT05", message, f"It stands in {seen[key]}.", gate.span)
        seen.setdefault(key, gate.span)
        if gate.record in index.judged:
            yield from _gate(gate, index)
    for record, posts in index.posts.items():
        bare = [p for p in posts if index.gate(record, str(p.route)) is None]
        if record in index.records and bare:
            message = f"{record} is posted to {bare[0].route}, but has no gate"
            hint = f"Declare 'gate {record}' with a row for each status."
            yield make_problem("GAT04", message, hint, bare[0].span)


def _gate(gate: nodes.Gate, index: Index) -> Iterator[Problem]:
    field = index.status_field(gate.record)
    if field is None:
        message = f"{gate.record} has no field with statuses"
        yield make_problem("GAT06", message, "Declare it: status one of …", gate.span)
        return
    known = [s.name for s in field.states]
    seen: dict[str, Span] = {}
    for row in gate.rows:
        for state in row.states:
            if state.name not in known:
                message = f"'{state.name}' is no status of {gate.record}"
                yield make_problem("GAT03", message, did_you_mean(state.name, known), state.span)
            elif state.name in seen:
                message = f"the status '{state.name}' has a row already"
                hint = f"It stands in {seen[state.name]}: keep one of them."
                yield make_problem("GAT02", message, hint, state.span)
            elif row.word == "ready" and not row.early and _changing(state.name):
                message = f"'{state.name}' can still change, and the gate lets it go"
                hint = f"Let it wait, or say that it is meant: early {state.name}"
                yield make_problem("GAT08", message, hint, state.span)
            seen.setdefault(state.name, state.span)
    open_ = [name for name in known if name not in seen]
    if open_:
        many = "statuses have" if len(open_) > 1 else "status has"
        message = f"{len(open_)} {many} no row: {', '.join(open_)}"
        hint = f"Add a row, for example: wait {', '.join(open_)}"
        yield make_problem("GAT01", message, hint, gate.span)


def _changing(status: str) -> bool:
    return status.split("_")[0] in CHANGING


def check_going(index: Index) -> Iterator[Problem]:
    """Yield routes that never post, and conditions without effect."""
    for post in index.ruleset.posts:
        if post.record in index.records:
            yield from _route(post, index)
    for approve in index.ruleset.approvals:
        if approve.when is not None and approve.record in index.records:
            yield from _approval(approve, approve.when, index)


def _route(post: nodes.Post, index: Index) -> Iterator[Problem]:
    gate, status = index.gate(post.record, str(post.route)), index.status_field(post.record)
    ready = [s.name for row in gate.rows if row.word == "ready" for s in row.states] if gate else []
    what = f"no {post.record} ever goes to {post.route}"
    if gate is not None and not ready:
        message = f"{what}: its gate has no ready status"
        yield make_problem("POS20", message, "Give a status a ready row.", gate.span, "warning")
    if post.when is None:
        return
    when = claim_of(post.when, Scope(index, post.record))
    cuts = Cuts(index, [when])
    allowed = cuts.allowed(when)
    column = cuts.columns.get(status.name) if status else None
    wanted = allowed.cases.get(status.name) if status else None
    if allowed.impossible:
        message = f"{what}: no '{allowed.impossible}' fits its when"
        yield make_problem("POS20", message, "Widen the condition.", post.when.span, "warning")
    elif column is not None and wanted is not None and ready:
        lets = sum(1 << at for at, name in enumerate(column.labels) if name in ready)
        if not wanted & lets:
            message = f"{what}: its when fits none of the statuses that its gate lets go"
            hint = f"The gate lets go {', '.join(ready)}."
            yield make_problem("POS20", message, hint, post.when.span, "warning")
    if cuts.fits_all(allowed):
        yield _says_nothing(post.when)


def _approval(approve: nodes.Approve, when: nodes.Expr, index: Index) -> Iterator[Problem]:
    claim = claim_of(when, Scope(index, approve.record))
    cuts = Cuts(index, [claim])
    allowed = cuts.allowed(claim)
    never = allowed.impossible
    if never:
        message = f"the approval of {approve.record} is never asked for: no '{never}' fits its when"
        yield make_problem("LOG02", message, "Widen the condition behind when.", when.span)
    elif cuts.fits_all(allowed):
        yield _says_nothing(when)


def _says_nothing(when: nodes.Expr) -> Problem:
    message = f"'{format_expression(when)}' never fails: every value fits it"
    return make_problem(
        "LOG04", message, "Leave the when out, or correct it.", when.span, "warning"
    )


def check_answers(index: Index) -> Iterator[Problem]:
    """Yield posted documents without an answer to later changes."""
    for record in index.posts:
        if record in index.records:
            yield from _tables(record, index)
    for gate in index.ruleset.gates:
        if gate.record in index.records:
            for row in gate.rows:
                if row.early:
                    yield from _early(gate, row, index)


def _tables(record: str, index: Index) -> Iterator[Problem]:
    """Yield one problem for each missing table, at the first route that needs it."""
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
        yield make_problem("EDT08", message, hint, edits[0].span)
    if cancels:
        routes = _routes(cancels)
        message = (
            f"{record} is posted to {routes} and can be cancelled, but nothing says what"
            " happens then"
        )
        hint = f"Declare 'on cancel of {record}' with a row for each case."
        yield make_problem("CAN01", message, hint, cancels[0].span)


def _routes(posts: list[nodes.Post]) -> str:
    return " and ".join(str(post.route) for post in posts)


def _early(gate: nodes.Gate, row: nodes.GateRow, index: Index) -> Iterator[Problem]:
    """Yield early postings without an answer to their later approval, and without a test."""
    record, states = gate.record, {state.name for state in row.states}
    what = f"{record} goes early as {row.states[0].name}"
    approvals = [
        name
        for name, field in index.fields[record].items()
        if isinstance(field, nodes.Field) and name.startswith(_APPROVAL)
    ]
    if not approvals:
        message = f"{what}, but no field tells its approval"
        hint = f"Declare what the source sends: {_APPROVAL}ed_version whole optional"
        yield make_problem("EDT09", message, hint, row.span)
        return
    routes = [p.route for p in index.posts.get(record, []) if gate.route in (None, p.route)]
    edits = {id(e): e for r in routes if (e := index.edit(record, str(r))) is not None}
    for edit in edits.values():
        yield from _own_row(edit, what, approvals)
    if edits and not any(_tells(t, record, states, approvals, index) for t in index.ruleset.tests):
        message = f"{what}, but no test tells of its approval after that"
        hint = f"Add a test: given … with status = {row.states[0].name}, then {approvals[0]} = …"
        yield make_problem("TST06", message, hint, row.span)


def _own_row(edit: nodes.Edit, what: str, approvals: list[str]) -> Iterator[Problem]:
    """Yield approvals without their own group and row."""
    own = {g.name for g in edit.groups if g.fields and {w.name for w in g.fields} <= set(approvals)}
    at = edit.table.head.index("changed") if "changed" in edit.table.head else None
    if not own:
        message = f"{what}, but its approval has no group of its own"
        hint = f"Give it one, and a row: approval = {approvals[0]}"
        yield make_problem("EDT09", message, hint, edit.span)
    elif at is not None and not any(_only(row, at, own) for row in edit.table.rows):
        name = min(own)
        message = f"{what}, but the group '{name}' has no row of its own"
        cells = [name if number == at else "-" for number in range(len(edit.table.head))]
        hint = f"Split it off: | {' | '.join(cells)} | … |"
        yield make_problem("EDT09", message, hint, edit.table.span)


def _only(row: nodes.TableRow, at: int, own: set[str]) -> bool:
    cell = row.cells[at] if at < len(row.cells) else None
    return isinstance(cell, nodes.Among) and all(
        isinstance(value, nodes.Word) and value.name in own for value in cell.values
    )


def _tells(
    test: nodes.Test, record: str, states: set[str], approvals: list[str], index: Index
) -> bool:
    """Check whether a test begins with an early status and approves the record later."""
    sample, status = index.samples.get(test.given), index.status_field(record)
    if sample is None or sample.record != record or status is None:
        return False
    given = {pair.name: pair.value for pair in sample.sets}
    given |= {fact.name: fact.value for fact in test.facts if isinstance(fact, nodes.IsValue)}
    at_first = given.get(status.name)
    later = {f.name for step in test.steps for f in step.facts if isinstance(f, nodes.IsValue)}
    return (
        isinstance(at_first, nodes.Word)
        and at_first.name in states
        and bool(later & set(approvals))
    )


def check_duplicates(look: Look) -> Iterator[Problem]:
    """Yield duplicate comparisons of fields that are missing or unknown on arrival."""
    for declared in look.index.ruleset.duplicates:
        posted = [p for word in declared.records for p in look.index.posts.get(word.name, [])]
        posted = [p for p in posted if declared.route in (None, p.route)]
        filled = {assign.name for post in posted for assign in post.fields}
        for unique in declared.uniques:
            wrong = [f for f in unique.fields if f not in {*filled, DOCUMENT_NUMBER}]
            if unique.where == "number_in_target" and wrong:
                message = f"'{wrong[0]}' is nothing that is looked for in a target"
                near = get_close_matches(wrong[0], [DOCUMENT_NUMBER], cutoff=0.7)
                hint = did_you_mean(wrong[0], near) if near else _IN_TARGET
                yield make_problem("NAM01", message, hint, unique.span)
            elif unique.where == "target" and wrong and posted:
                message = f"'{wrong[0]}' is no field that {posted[0].route} fills in"
                yield make_problem("POS11", message, did_you_mean(wrong[0], filled), unique.span)
            for record in records_of(declared.records, look.index):
                for field, table in zip(unique.fields, unique.like, strict=True):
                    yield from _key(Key(record, field, table), unique, look)


class Key(NamedTuple):
    """A field that is compared, and the map whose match decides; blank where none is named."""

    record: str
    field: str
    table: str


def _key(key: Key, unique: nodes.Unique, look: Look) -> Iterator[Problem]:
    index = look.index
    field = index.fields[key.record].get(key.field)
    if key.table and key.table not in index.maps:
        hint = did_you_mean(key.table, index.maps)
        yield make_problem("NAM05", f"there is no map '{key.table}'", hint, unique.span)
    elif key.table and unique.where != "history":
        message = f"'as {key.table}' cannot stand here: a target compares what is written there"
        yield make_problem("DUP03", message, "Leave it out.", unique.span)
    elif field is None or unique.where != "history":
        return
    elif isinstance(field, nodes.Computed) and (of := outside_part(field, key.record, index)):
        yield _unstored(key, of, unique, index)
    elif isinstance(field, nodes.Field) and (message := _no_mark_of(field, key.record, index)):
        hint = "Compare what tells one record from others."
        rest = field.type == "one_of" and len(unique.fields) > 1
        yield make_problem("DUP03", message, hint, unique.span, "warning" if rest else "error")
    elif key.table and isinstance(field, nodes.Field) and field.type != "text":
        message = f"'{key.field}' is no text, so {key.table} cannot match it"
        yield make_problem("DUP03", message, "Only a text is a key of a map.", unique.span)
    elif not key.table:
        yield from _raw(key, unique, look)


def _no_mark_of(field: nodes.Field, record: str, index: Index) -> str:
    """Return why a record's field does not identify the record, or blank if it may."""
    if field.type == "many":
        return f"'{field.name}' is a list: no two are compared"
    if field is index.status_field(record):
        return f"'{field.name}' goes on with its record: it tells no record from another"
    return ""


def _raw(key: Key, unique: nodes.Unique, look: Look) -> Iterator[Problem]:
    """Yield fields beside a map that accepts several of their spellings."""
    maps = looked_up_in(look.index, key.record, key.field, look.saying(look.index.maps))
    lax = [one for one in maps if {*one.match} - {"exact"}]
    if lax:
        words = ", ".join(word.replace("_", " ") for word in lax[0].match)
        message = f"'{key.field}' is a key of {lax[0].name}, which matches {words}"
        hint = f"Write {key.field} as {lax[0].name}."
        yield make_problem("DUP02", f"{message}: say that here, too", hint, unique.span, "warning")


def _unstored(key: Key, of: nodes.Call | nodes.Name, unique: nodes.Unique, index: Index) -> Problem:
    """Return the problem of a field that is known only after the record was stored."""
    hint = "Compare a field that comes with the record."
    if isinstance(of, nodes.Call) and of.name in index.maps:
        hint = (
            f"Compare the field that the map looks up: {format_expression(of.args[0])} as "
            f"{of.name}."
        )
    message = (
        f"nothing is found by '{key.field}': {format_expression(of)} is not known when a record "
        "comes"
    )
    return make_problem("DUP03", message, hint, unique.span)

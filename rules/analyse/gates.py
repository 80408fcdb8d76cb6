"""Has every status of every posted record exactly one answer?

Here: gates against the statuses of their record. Not here: what a gate does (rules/gates.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from grammar import nodes as n
from grammar.problem import Problem, Span
from rules.analyse.places import problem
from rules.index import Index
from rules.types import did_you_mean

CHANGING = frozenset({"draft", "pending", "unpaid", "unapproved", "unconfirmed"})
"""First words of statuses that a record passes through before it is settled."""


def check(index: Index) -> Iterator[Problem]:
    """Coverage of statuses, spellings that mean two statuses, records without a gate."""
    seen: dict[tuple[str, str], Span] = {}
    for gate in index.ruleset.gates:
        key = (gate.record, str(gate.route or ""))
        if key in seen:
            message = f"{gate.record} has this gate already"
            yield problem("GAT05", message, f"It stands in {seen[key]}.", gate.span)
        seen.setdefault(key, gate.span)
        if gate.record in index.records:
            yield from _gate(gate, index)
    for record, posts in index.posts.items():
        bare = [p for p in posts if index.gate(record, str(p.route)) is None]
        if record in index.records and bare:
            message = f"{record} is posted to {bare[0].route}, but has no gate"
            hint = f"Declare 'gate {record}' with a row for each status."
            yield problem("GAT04", message, hint, bare[0].span)
    for record_node in index.ruleset.records:
        for field in record_node.fields:
            if isinstance(field, n.Field) and field.type == "one_of":
                yield from _spellings(field)


def _gate(gate: n.Gate, index: Index) -> Iterator[Problem]:
    field = index.status_field(gate.record)
    if field is None:
        message = f"{gate.record} has no field with statuses"
        yield problem("GAT06", message, "Declare it: status one of …", gate.span)
        return
    known = [s.name for s in field.states]
    seen: dict[str, Span] = {}
    for row in gate.rows:
        for state in row.states:
            if state.name not in known:
                message = f"'{state.name}' is no status of {gate.record}"
                yield problem("GAT03", message, did_you_mean(state.name, known), state.span)
            elif state.name in seen:
                message = f"the status '{state.name}' has a row already"
                hint = f"It stands in {seen[state.name]}: keep one of them."
                yield problem("GAT02", message, hint, state.span)
            elif row.word == "ready" and not row.early and _changing(state.name):
                message = f"'{state.name}' can still change, and the gate lets it go"
                hint = f"Let it wait, or say that it is meant: early {state.name}"
                yield problem("GAT08", message, hint, state.span)
            seen.setdefault(state.name, state.span)
    open_ = [name for name in known if name not in seen]
    if open_:
        many = "statuses have" if len(open_) > 1 else "status has"
        message = f"{len(open_)} {many} no row: {', '.join(open_)}"
        hint = f"Add a row, for example: wait {', '.join(open_)}"
        yield problem("GAT01", message, hint, gate.span)


def _changing(status: str) -> bool:
    return status.split("_")[0] in CHANGING


def _spellings(field: n.Field) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for state in field.states:
        for word in (state.name, *state.aliases):
            folded = word.strip().casefold()
            if seen.get(folded, state.name) != state.name:
                message = f'"{word}" means {seen[folded]} and {state.name}'
                hint = "Spellings are compared trimmed and in any case: give it to one status."
                yield problem("GAT07", message, hint, state.span)
            seen.setdefault(folded, state.name)

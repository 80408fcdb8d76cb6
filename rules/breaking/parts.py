"""Every part of a ruleset that tests can prove.

Here: gates, checks, duplicates, approvals, consts, maps, units, owners of what is missing. Not
here: tables (`tables.py`), routes and computed fields (`routes.py`), running tests (`measure.py`).
Texts for people, clearing and rows of CSV files are no parts: no test speaks of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from grammar import nodes as n
from rules.breaking.part import GONE, Part, part
from rules.breaking.routes import of_fields, of_routes
from rules.breaking.tables import of_tables
from rules.breaking.values import others
from rules.index import Index
from rules.words import say


def parts(ruleset: n.Ruleset) -> tuple[Part, ...]:
    """All parts, in the order of the text."""
    index = Index(ruleset)
    found = [*_gates(ruleset), *_checks(ruleset), *_duplicates(ruleset), *_approvals(ruleset)]
    found += [*of_tables(ruleset), *of_routes(index), *of_fields(index)]
    found += [*_consts(ruleset), *_maps(ruleset), *_units(ruleset), *_owners(ruleset)]
    return tuple(sorted(found, key=lambda p: (p.span, p.kind, p.name)))


def _gates(ruleset: n.Ruleset) -> Iterator[Part]:
    """Each status moved to another word."""
    for gate in ruleset.gates:
        route = f" for {gate.route}" if gate.route else ""
        for row in gate.rows:
            word = "wait" if row.word == "ready" else "ready"
            for state in row.states:
                left = tuple(other for other in row.states if other is not state)
                moved = n.GateRow(word, (state,), None, None, row.span)
                rows = [replace(row, states=left) if other is row else other for other in gate.rows]
                way = replace(gate, rows=(*(r for r in rows if r.states), moved))
                said = "early" if row.early else row.word
                name = f"gate {gate.record}{route}: {said} {state.name}"
                yield Part("statuses of gates", name, state.span, gate, (way,))


def _checks(ruleset: n.Ruleset) -> Iterator[Part]:
    """Each check failing always, each of its facts always true, and the check without its when."""
    for check in ruleset.checks:
        name = f"check {check.name}"
        never = replace(check, requires=(_literal(check, value=False),))
        yield Part("checks that pass", name, check.span, check, (never,))
        for fact in check.requires:
            said = f"{name}: {say(fact)}"
            yield part("checks that fail", said, check, fact, (_literal(fact, value=True),))
        if check.when is not None:
            said = f"{name}: when {say(check.when)}"
            yield part("checks that do not apply", said, check, check.when, (GONE,))


def _duplicates(ruleset: n.Ruleset) -> Iterator[Part]:
    for declared in ruleset.duplicates:
        name = f"duplicates of {', '.join(word.name for word in declared.records)}"
        for unique in declared.uniques:
            fields = ", ".join(unique.fields) or "document_number"
            said = f"{name}: by {fields} in {unique.where.removeprefix('number_in_')}"
            alone = len(declared.uniques) == 1
            way = GONE if alone else _left_out(declared, unique)
            yield Part("duplicates", said, unique.span, declared, (way,))


def _left_out(declared: n.Duplicates, unique: n.Unique) -> n.Duplicates:
    return replace(declared, uniques=tuple(u for u in declared.uniques if u is not unique))


def _approvals(ruleset: n.Ruleset) -> Iterator[Part]:
    for approve in ruleset.approvals:
        name = f"approve {approve.record}{f' for {approve.route}' if approve.route else ''}"
        yield Part("approvals that are asked for", name, approve.span, approve, (GONE,))
        if approve.when is not None:
            said = f"{name}: when {say(approve.when)}"
            yield part("approvals that are not needed", said, approve, approve.when, (GONE,))


def _consts(ruleset: n.Ruleset) -> Iterator[Part]:
    for const in ruleset.consts:
        for row in const.rows:
            ways = tuple(replace(row, value=value) for value in others(row.value))
            yield part("consts", f"const {const.name} from {row.since}", const, row, ways)


def _maps(ruleset: n.Ruleset) -> Iterator[Part]:
    for table in ruleset.maps:
        for row in table.rows:
            ways = tuple(replace(row, value=value) for value in others(row.value))
            yield part("rows of maps", f'map {table.name}: "{row.key}"', table, row, ways)


def _units(ruleset: n.Ruleset) -> Iterator[Part]:
    for units in ruleset.units:
        for row in units.rows:
            of = f' of "{row.item}"' if row.item else ""
            way = replace(row, base_count=row.base_count * 7)
            yield part("rows of units", f"units: {row.unit}{of}", units, row, (way,))


def _owners(ruleset: n.Ruleset) -> Iterator[Part]:
    """What is missing with another owner."""
    named: tuple[n.Source | n.Target | n.Map | n.Units, ...]
    named = (*ruleset.sources, *ruleset.targets, *ruleset.maps, *ruleset.units)
    for declared in named:
        action = declared.missing.action
        role = next((r.name for r in ruleset.roles if r.name != action.role), None)
        if role is not None:
            kind = type(declared).__name__.lower()
            name = f"{kind} {getattr(declared, 'name', '')}".strip()
            way = (replace(action, role=role),)
            yield part("owners of what is missing", f"{name}: missing", declared, action, way)


def _literal(node: Any, *, value: bool) -> n.Literal:
    return n.Literal("yes_no", value, node.span)

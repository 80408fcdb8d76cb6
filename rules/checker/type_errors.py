"""Check the types of expressions, maps, consts, links and units."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from itertools import pairwise

from grammar import nodes
from grammar.text.problem import Problem, Span
from rules.checker.places import Place, make_problem, used_names, with_checks
from rules.expressions.lists import PERSONAL
from rules.facts import Bases, UnitEntry, convert, load_seeds
from rules.types.functions import did_you_mean
from rules.types.inference import field_type, infer, resolve_list
from rules.types.symbol_table import RESERVED, Index, Scope
from rules.values.kinds import NUMERIC, Type, are_comparable, say_type

_YEARS = range(1900, 2101)
"""Of a day that somebody may mean."""

MOST = 1_000
"""How many records a link may promise at most: each evaluation reads them all."""

_Needs = dict[tuple[str, str], set[tuple[str, str]]]
"""Computed field -> what its expression names; each a record kind and a name in it."""


def check_entries(index: Index) -> Iterator[Problem]:
    """Yield the problems of rows in maps and constants."""
    for table in index.ruleset.maps:
        yield from _kinds(tuple(r.value for r in table.rows), f"map '{table.name}'")
        plain = nodes.Map(table.name, table.match, None, table.rows, table.missing, table.span)
        yield from load_seeds(nodes.Ruleset(maps=(plain,)), {}).problems
        if "exact" in table.match and len(table.match) > 1:
            message = f"map '{table.name}' matches exact and not exact"
            yield make_problem("MAP14", message, "Say exact alone, or leave it out.", table.span)
    for const in index.ruleset.consts:
        yield from _kinds(tuple(r.value for r in const.rows), f"const '{const.name}'")
        seen: set[date] = set()
        for row in const.rows:
            if row.since in seen:
                message = f"const '{const.name}' has two values from {row.since}"
                yield make_problem("TAB10", message, "Keep one of them.", row.span)
            seen.add(row.since)
        yield from _days(const)


def _days(const: nodes.Const) -> Iterator[Problem]:
    """Yield unlikely days: centuries away, or out of order."""
    for row in const.rows:
        if row.since.year not in _YEARS:
            message = f"const '{const.name}' counts from {row.since}, centuries away"
            hint = f"Correct the year, or write from {_YEARS[0]}-01-01 for what always counted."
            yield make_problem("TAB11", message, hint, row.span, "warning")
    for above, row in pairwise(const.rows):
        if row.since < above.since and {above.since.year, row.since.year} <= {*_YEARS}:
            message = f"const '{const.name}': {row.since} stands below {above.since}"
            hint = "Put the rows in the order of their days, or correct the day."
            yield make_problem("TAB11", message, hint, row.span, "warning")


def _kinds(values: tuple[nodes.Literal, ...], what: str) -> Iterator[Problem]:
    for value in values[1:]:
        if value.kind != values[0].kind:
            message = f"{what} holds a {values[0].kind} and a {value.kind}"
            yield make_problem("MAP13", message, "All its values are of one kind.", value.span)
            return


def check_links(index: Index) -> Iterator[Problem]:
    """Yield all problems of links."""
    seen: dict[tuple[str, str], nodes.Link] = {}
    for link in index.ruleset.links:
        at = (link.record, link.name)
        if at in seen:
            message = f"the link '{link.name}' of {link.record} is declared twice"
            yield make_problem(
                "NAM20", message, f"It stands in {seen[at].span} already.", link.span
            )
        seen.setdefault(at, link)
        yield from _taken(link, index)
        unknown = [r for r in (link.record, link.other) if r not in index.records]
        for name in unknown:
            hint = did_you_mean(name, index.records)
            yield make_problem("NAM07", f"there is no record '{name}'", hint, link.span)
        if not unknown:
            yield from _join(link, index)
            yield from _asks(link, index)
        if not 1 <= link.most <= MOST:
            message = f"a link to at most {link.most} records"
            hint = f"Write a number from 1 to {MOST}: it bounds every evaluation."
            yield make_problem("LNK03", message, hint, link.span)


def _taken(link: nodes.Link, index: Index) -> Iterator[Problem]:
    field = index.fields.get(link.record, {}).get(link.name)
    if field is not None or link.name in RESERVED or link.name in index.consts:
        message = f"'{link.name}' means something else in {link.record} already"
        yield make_problem("NAM21", message, "Give the link another name.", link.span)


def _join(link: nodes.Link, index: Index) -> Iterator[Problem]:
    sides = ((link.other, link.theirs), (index.joining(link), link.ours))
    found = []
    for record, name in sides:
        known = {
            k: f for k, f in index.fields.get(record, {}).items() if isinstance(f, nodes.Field)
        }
        field = known.get(name)
        if not record or (field and field.type == "many"):
            message = f"'{name}' of {record} is a list" if record else f"{link.record} has no lines"
            yield make_problem("LNK02", message, "Join by a field with one value.", link.span)
        elif field is None:
            hint = did_you_mean(name, known)
            yield make_problem("NAM01", f"{record} stores no field '{name}'", hint, link.span)
        else:
            found.append(field_type(field, record, Scope(index, record)))
    if len(found) == 2 and not are_comparable(*found):
        left, right = (say_type(kind) for kind in found)
        message = f"'{link.theirs}' is {left}, '{link.ours}' is {right}: they are never equal"
        yield make_problem("LNK02", message, "Join by fields of one type.", link.span)


def _asks(link: nodes.Link, index: Index) -> Iterator[Problem]:
    """Yield conditions of a link on fields that the other record lacks."""
    names = set(used_names(link.where))
    for name in [p for p in PERSONAL if p in names]:
        message = f"'{name}' belongs to the record that is checked, not to the linked one"
        yield make_problem("LNK04", message, "Ask it in the rule that uses the link.", link.span)
    for name in sorted(names & index.links.get(link.other, {}).keys()):
        message = f"'{name}' is a link of {link.other}: a link cannot follow another"
        yield make_problem("LNK05", message, f"Ask about the fields of {link.other}.", link.span)
    scope, needs = Scope.of_link(index, link), _needs(index)
    for part in nodes.walk(link.where):
        if isinstance(part, nodes.Name):
            yield from _follows(part, scope, needs)
        elif isinstance(part, nodes.Compare):
            yield from _whose(part, scope)


def _follows(name: nodes.Name, scope: Scope, needs: _Needs) -> Iterator[Problem]:
    """Yield conditions on the judged record that need one of its links."""
    ref = scope.resolve(name.path)
    if ref is None or ref.kind != "own":
        return
    links = scope.index.links.get(ref.record, {})
    found = [field for _, field in _all_of((ref.record, ref.name), needs) if field in links]
    if found:
        message = f"'{ref.name}' of {ref.record} is worked out from its link '{found[0]}'"
        yield make_problem("LNK05", message, f"Ask about other fields of {ref.record}.", name.span)


def _whose(node: nodes.Compare, scope: Scope) -> Iterator[Problem]:
    """Yield comparisons of two fields of the other record where the judged record has the name."""
    sides = [s for s in (node.left, node.right) if isinstance(s, nodes.Name) and len(s.path) == 1]
    found = [scope.resolve(side.path) for side in sides]
    if len(sides) < 2 or any(ref is None or ref.kind != "head" for ref in found):
        return
    both = [s for s in reversed(sides) if s.path[0] in scope.index.fields.get(scope.judged, {})]
    for side in both[:1]:
        message = f"'{side.path[0]}' is a field of {scope.record} and of {scope.judged}"
        own = f"{scope.judged}.{side.path[0]}"
        if node.left == node.right:
            hint = f"Write {own} for that of the {scope.judged}."
            yield make_problem("NAM04", f"{message}: both sides are the same", hint, side.span)
        else:
            hint = f"The one of {scope.record} is meant; write {own} for the other."
            yield make_problem("NAM04", message, hint, side.span, "warning")


def check_units(index: Index) -> Iterator[Problem]:
    """Yield repeated bases and units, and chains without an end."""
    for units in index.ruleset.units:
        yield from _bases(units)
        yield from _rows(units)


def _bases(units: nodes.Units) -> Iterator[Problem]:
    seen: dict[str | None, Span] = {}
    for base in units.bases:
        if base.item in seen:
            whose = f'"{base.item}"' if base.item else "all items"
            message = f"{whose} has a base unit already"
            yield make_problem("UOM06", message, f"It stands in {seen[base.item]}.", base.span)
        seen.setdefault(base.item, base.span)


def _rows(units: nodes.Units) -> Iterator[Problem]:
    found = load_seeds(
        nodes.Ruleset(
            units=(nodes.Units(units.bases, units.rows, None, units.missing, units.span),)
        ),
        {},
    )
    yield from found.problems
    entries = {k: UnitEntry(0, num, den, to) for k, (num, den, to) in found.units.items()}
    bases = Bases(units.bases)
    seen: dict[tuple[str, str | None], nodes.UnitRow] = {}
    for row in units.rows:
        before = seen.get((row.unit, row.item))
        base = bases.of(row.item or "")
        if before is not None:
            hint = f"It stands in {before.span} already: keep one of them."
            yield make_problem("UOM03", f"'{row.unit}' has a factor already", hint, row.span)
        elif row.unit in (base, row.base_unit):
            itself = f"'{row.unit}' is counted in itself, which is no factor"
            message = f"'{row.unit}' is the base unit and has no factor"
            message = message if row.unit == base else itself
            yield make_problem("UOM07", message, "Leave this row out.", row.span)
        elif row.count > 0 and row.base_count > 0:
            yield from _chain(row, base, bases, entries)
        seen.setdefault((row.unit, row.item), row)


def _chain(
    row: nodes.UnitRow, base: str | None, bases: Bases, entries: dict[str, UnitEntry]
) -> Iterator[Problem]:
    if base is None or convert(row.unit, row.item or "", bases, entries) is None:
        of = f' of "{row.item}"' if row.item else ""
        message = f"'{row.unit}'{of} does not lead to the base unit {base or ''}".rstrip()
        hint = f"Say what 1 {row.base_unit} is, down to the base unit."
        yield make_problem("UOM05", message, hint, row.span)


def check_types(index: Index) -> Iterator[Problem]:
    """Yield all problems of types and names in expressions outside checks."""
    for place in with_checks((), index):
        yield from wrong_types(place)
    yield from _rings(index)


def wrong_types(place: Place) -> Iterator[Problem]:
    """Yield the problems of types and names in one expression."""
    found: list[Problem] = []
    kind = infer(place.expr, place.scope, found.append)
    if place.what == "message":
        for one in found[:1]:
            yield replace(one, code="MSG01", message=f"in the message: {one.message}")
        return
    yield from found
    if place.what == "condition" and kind.kind not in {"yesno", "any"}:
        hint = "Compare it with something, or ask whether it is known."
        yield make_problem("TYP02", "this is neither yes nor no", hint, place.expr.span)
    if place.what == "posting":
        yield from _posted(place, kind)


def _posted(place: Place, kind: Type) -> Iterator[Problem]:
    span = place.expr.span
    if kind.kind == "many":
        yield make_problem("TYP08", "a list cannot be posted", "Post one of its sums.", span)
    elif kind.kind in NUMERIC and kind.level == "fraction":
        message = "a division reaches the document without being rounded"
        yield make_problem("TYP20", message, "Write round(…, 0.01) around it.", span)
    elif kind.kind == "money" and kind.level == "product":
        message = "an amount that was multiplied reaches the document without being rounded"
        yield make_problem("TYP21", message, "Write round(…, 0.01) around it.", span, "warning")


def _needs(index: Index) -> _Needs:
    return {
        (record.name, field.name): set(_needed(field.expr, record, index))
        for record in index.ruleset.records
        for field in record.fields
        if isinstance(field, nodes.Computed)
    }


def _all_of(field: tuple[str, str], needs: _Needs) -> set[tuple[str, str]]:
    """Return everything that a field needs, directly or through other fields."""
    seen, todo = set[tuple[str, str]](), [field]
    while todo:
        more = needs.get(todo.pop(), set()) - seen
        seen |= more
        todo += more
    return seen


def _rings(index: Index) -> Iterator[Problem]:
    """Yield computed fields that need themselves."""
    needs = _needs(index)
    for record_name, name in needs:
        if (record_name, name) in _all_of((record_name, name), needs):
            span = index.fields[record_name][name].span
            hint = "A computed field may not need itself, not even by way of others."
            yield make_problem("TYP11", f"the field '{name}' needs itself", hint, span)


def _needed(expr: object, record: nodes.Record, index: Index) -> Iterator[tuple[str, str]]:
    owner = record.parent or record.name
    lines = index.line_records.get(owner)
    line_name = lines.name if lines else ""
    if isinstance(expr, nodes.Name):
        many = index.lines_field(owner)
        if len(expr.path) == 2 and many is not None and expr.path[0] in {"line", many.name}:
            yield (line_name, expr.path[1])
        yield (owner, expr.path[0])
        return
    if isinstance(expr, nodes.Call) and expr.where is not None:
        arg = expr.args[0] if expr.args else None
        over = resolve_list(arg.path, Scope(index, owner)) if isinstance(arg, nodes.Name) else None
        for name in _bare(expr.where) if over is not None and over.link is None else ():
            yield (line_name, name)
    for part in nodes.inner(expr):
        yield from _needed(part, record, index)


def _bare(expr: object) -> Iterator[str]:
    if isinstance(expr, nodes.Name):
        if len(expr.path) == 1:
            yield expr.path[0]
        return
    for part in nodes.inner(expr):
        yield from _bare(part)

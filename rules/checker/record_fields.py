"""Whether the fields of records are declared once, marked as they can be, and called as outside.

Here: fields, statuses and their spellings, marks, consts without a day to read them at, and names
against the schemas that the caller hands over: of connectors, of what a source sends. Not here:
routes and their documents (schema_fit.py), what a gate says of a status (routes_and_gates.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from grammar import nodes as n
from grammar.text.problem import Problem, Span
from rules.checker.memory import Look
from rules.checker.places import problem, uses, with_checks
from rules.types.functions import did_you_mean
from rules.types.outside_schemas import Schemas
from rules.types.symbol_table import RESERVED, Index


def check_fields(index: Index) -> Iterator[Problem]:
    """Fields, statuses and marks, without anything outside."""
    for record in index.ruleset.records:
        seen: set[str] = set()
        for field in record.fields:
            if field.name in seen:
                message = f"the field '{field.name}' of {record.name} is declared twice"
                yield problem("NAM20", message, "Keep one of them.", field.span)
            seen.add(field.name)
            yield from _taken(field, record, index)
            if isinstance(field, n.Field):
                yield from _states(field)
        yield from _origin(record, index)
        yield from _marks(record)


def _taken(field: n.Field | n.Computed, record: n.Record, index: Index) -> Iterator[Problem]:
    name = field.name
    if name in RESERVED:
        message = f"'{name}' is a fact of the language and cannot be a field of {record.name}"
        yield problem("NAM21", message, "Give the field another name.", field.span)
    elif name in index.consts:
        message = f"'{name}' is a const too, so it could be read in two ways"
        yield problem("NAM21", message, "Give one of them another name.", field.span)
    if isinstance(field, n.Field) and field.type == "many" and field.of not in index.records:
        hint = did_you_mean(field.of or "", index.records)
        yield problem("NAM07", f"there is no record '{field.of}'", hint, field.span)


def _states(field: n.Field) -> Iterator[Problem]:
    """Statuses that are declared twice, and spellings that mean two of them."""
    first: dict[str, Span] = {}
    meant: dict[str, str] = {}
    for state in field.states:
        if state.name in first:
            message = f"the status '{state.name}' of {field.name} is declared twice"
            hint = f"It stands in {first[state.name]} already: give that one all spellings."
            yield problem("NAM20", message, hint, state.span)
        first.setdefault(state.name, state.span)
        for word in (state.name, *state.aliases):
            folded = word.strip().casefold()
            if meant.get(folded, state.name) != state.name:
                message = f'"{word}" means {meant[folded]} and {state.name}'
                hint = "Spellings are compared trimmed and in any case: give it to one status."
                yield problem("GAT07", message, hint, state.span)
            meant.setdefault(folded, state.name)


def _origin(record: n.Record, index: Index) -> Iterator[Problem]:
    """The source, or the record whose lines these are."""
    if record.parent is not None and record.parent not in index.records:
        hint = did_you_mean(record.parent, index.records)
        yield problem("NAM07", f"there is no record '{record.parent}'", hint, record.span)
    if record.source is not None and record.source not in index.sources:
        hint = did_you_mean(record.source, index.sources)
        yield problem("NAM08", f"there is no source '{record.source}'", hint, record.span)


_ONCE: Mapping[str, tuple[str, str]] = {
    "family": ("NAM22", "One field says the family: the number that several records share."),
    "dated": ("NAM23", "One day decides: mark that one, and take the mark from the other."),
}
_DAYS = ("date", "moment")


def _marks(record: n.Record) -> Iterator[Problem]:
    """Marks that stand too often, not at all, or at a field that cannot have them."""
    marked: dict[str, list[n.Field]] = {"key": [], "family": [], "dated": []}
    for field in record.fields:
        if isinstance(field, n.Field) and field.mark in marked:
            marked[field.mark].append(field)
    keys = marked.pop("key")
    if len(keys) > 1 or (record.parent is None and not keys):
        message = f"{record.name} has {len(keys)} key fields"
        yield problem("NAM22", message, "Mark exactly one field as key.", record.span)
    for field in [one for one in marked["dated"] if one.type not in _DAYS]:
        marked["dated"].remove(field)
        message = f"'{field.name}' is marked dated and has no day: its type is {field.type}"
        yield problem("NAM23", message, "Mark a field that is a date or a moment.", field.span)
    for mark, fields in marked.items():
        for second in fields[1:]:
            code, hint = _ONCE[mark]
            message = f"'{second.name}' is marked {mark}, and '{fields[0].name}' is so already"
            yield problem(code, message, hint, second.span)


def check_dated(look: Look) -> Iterator[Problem]:
    """Consts are read at a day, which the record must name."""
    index, consts = look.index, look.index.consts.keys()
    reading = look.saying(consts)
    told: set[str] = set()
    for place in with_checks(reading, index):
        record = place.scope.record
        wanted = consts & set(uses(place.expr))
        if wanted and record not in told and index.marked(record, "dated") is None:
            told.add(record)
            message = f"{record} has no dated field, but its rules read {sorted(wanted)[0]}"
            hint = "Mark the field whose day decides as dated."
            yield problem("NAM23", message, hint, place.expr.span)


def check_names_outside(index: Index, schemas: Schemas) -> Iterator[Problem]:
    """All names that something outside gives."""
    yield from _called(index.sources, {kind.source for kind in schemas.kinds})
    yield from _called(index.targets, {document.target for document in schemas.documents})
    for record in index.ruleset.records:
        yield from _record(record, index, schemas)


def _called(declared: Mapping[str, n.Source | n.Target], names: set[str]) -> Iterator[Problem]:
    """Names that are nearly those of a connector; any other is one's own."""
    for name in declared.keys() - names:
        near = get_close_matches(name, sorted(names - declared.keys()), 1, 0.7)
        if near:
            message = f"no connector is called '{name}'"
            yield problem("NAM27", message, f"Did you mean '{near[0]}'?", declared[name].span)


def _record(record: n.Record, index: Index, schemas: Schemas) -> Iterator[Problem]:
    owner = index.records.get(record.parent or "") or record
    known = schemas.kind(owner.source or "", owner.name)
    if known is None:
        kinds = [k.kind for k in schemas.kinds if k.source == owner.source]
        if kinds and record is owner:
            message = f"{record.source} sends no '{record.name}'"
            yield problem("NAM24", message, did_you_mean(record.name, kinds), record.span)
        return
    fields = {f.name: f for f in (known.fields if record is owner else known.lines)}
    many = {"lines"} if record is owner else set()
    for field in record.fields:
        if isinstance(field, n.Field) and field.name not in fields.keys() | many:
            message = f"{owner.source} sends no field '{field.name}' with {record.name}"
            hint = did_you_mean(field.name, {*fields, *many})
            yield problem("NAM25", message, hint, field.span)

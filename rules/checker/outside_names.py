"""Whether sources, targets, records and their fields are called as the outside calls them.

Here: names against the schemas that the caller hands over: of connectors, of what a source sends.
Not here: routes and their documents (schema_fit.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from grammar import nodes as n
from grammar.text.problem import Problem
from rules.checker.places import problem
from rules.types.functions import did_you_mean
from rules.types.outside_schemas import Schemas
from rules.types.symbol_table import Index


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

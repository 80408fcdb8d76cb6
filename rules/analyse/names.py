"""Is every name declared, once, and not taken by something else?

Here: declarations and fields given twice, names of facts, records, sources and time zones that do
not exist, keys. Not here: names in expressions (types.py), roles (owners.py), routes (posts.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from grammar import nodes as n
from grammar.problem import Problem, Span
from rules.analyse.places import places, problem, uses
from rules.functions import NAMES
from rules.index import RESERVED, Index
from rules.types import did_you_mean


def check(index: Index) -> Iterator[Problem]:
    """All problems of declared names."""
    yield from _twice(index)
    yield from _zones(index)
    yield from _records(index)
    yield from _references(index)
    yield from _dated(index)


def _twice(index: Index) -> Iterator[Problem]:
    rules = index.ruleset
    groups: tuple[tuple[str, Iterable[tuple[str, Span]]], ...] = (
        ("role", ((d.name, d.span) for d in rules.roles)),
        ("source", ((d.name, d.span) for d in rules.sources)),
        ("target", ((d.name, d.span) for d in rules.targets)),
        ("record", ((d.name, d.span) for d in rules.records)),
        ("check", ((d.name, d.span) for d in rules.checks)),
        ("sample", ((d.name, d.span) for d in rules.samples)),
        ("test", ((d.title, d.span) for d in rules.tests)),
        (
            "map or const",
            chain(((m.name, m.span) for m in rules.maps), ((c.name, c.span) for c in rules.consts)),
        ),
        ("route", ((str(d.route), d.route.span) for d in rules.posts)),
    )
    for what, named in groups:
        seen: dict[str, Span] = {}
        for name, span in named:
            if name in seen:
                message = f"the {what} '{name}' is declared twice"
                yield problem("NAM20", message, f"It stands in {seen[name]} already.", span)
            seen.setdefault(name, span)
    for second in rules.units[1:]:
        hint = f"It stands in {rules.units[0].span} already: put all rows there."
        yield problem("NAM20", "units are declared twice", hint, second.span)


def _records(index: Index) -> Iterator[Problem]:
    for record in index.ruleset.records:
        seen: set[str] = set()
        for field in record.fields:
            if field.name in seen:
                message = f"the field '{field.name}' of {record.name} is declared twice"
                yield problem("NAM20", message, "Keep one of them.", field.span)
            seen.add(field.name)
            yield from _taken(field, record, index)
        yield from _marks(record, index)


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


def _marks(record: n.Record, index: Index) -> Iterator[Problem]:
    if record.parent is not None:
        if record.parent not in index.records:
            hint = did_you_mean(record.parent, index.records)
            yield problem("NAM07", f"there is no record '{record.parent}'", hint, record.span)
        return
    if record.source is not None and record.source not in index.sources:
        hint = did_you_mean(record.source, index.sources)
        yield problem("NAM08", f"there is no source '{record.source}'", hint, record.span)
    keys = [f for f in record.fields if isinstance(f, n.Field) and f.mark == "key"]
    if len(keys) != 1:
        message = f"{record.name} has {len(keys)} key fields"
        yield problem("NAM22", message, "Mark exactly one field as key.", record.span)


def _zones(index: Index) -> Iterator[Problem]:
    """Time zones that nobody knows."""
    for source in index.ruleset.sources:
        try:
            ZoneInfo(source.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            message = f"there is no time zone '{source.zone}'"
            hint = 'Write a name of the IANA list: "Asia/Kuala_Lumpur", "Asia/Singapore", "UTC".'
            yield problem("NAM26", message, hint, source.span)


def _references(index: Index) -> Iterator[Problem]:
    """Records and routes that declarations speak of."""
    rules = index.ruleset
    words = [(w.name, w.span) for c in rules.checks for w in c.records]
    words += [(w.name, w.span) for d in rules.duplicates for w in d.records]
    names = [(g.record, g.span) for g in rules.gates]
    names += [(a.record, a.span) for a in rules.approvals]
    names += [(p.record, p.span) for p in rules.posts]
    for name, span in (*words, *names):
        if name not in index.records:
            hint = did_you_mean(name, index.records)
            yield problem("NAM07", f"there is no record '{name}'", hint, span)
    routes = index.routes()
    narrowed = [g.route for g in rules.gates] + [c.route for c in rules.checks]
    narrowed += [d.route for d in rules.duplicates]
    back = {str(reversal.route) for reversal in rules.reversals}
    narrowed += [a.route for a in rules.approvals if str(a.route) not in back]
    for route in narrowed:
        if route is not None and str(route) not in routes:
            hint = did_you_mean(str(route), routes)
            yield problem("NAM06", f"nothing is posted to '{route}'", hint, route.span)
    for table in rules.maps:
        if table.name in NAMES:
            message = f"'{table.name}' is a function of the language"
            yield problem("NAM21", message, "Give the map another name.", table.span)


def _dated(index: Index) -> Iterator[Problem]:
    """Consts are read at a day, which the record must name."""
    told: set[str] = set()
    for place in places(index):
        record = place.scope.record
        wanted = set(uses(place.expr)) & set(index.consts)
        if wanted and record not in told and index.marked(record, "dated") is None:
            told.add(record)
            message = f"{record} has no dated field, but its rules read {sorted(wanted)[0]}"
            hint = "Mark the field whose day decides as dated."
            yield problem("NAM23", message, hint, place.expr.span)

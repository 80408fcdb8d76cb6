"""What a sample or a test writes, as it stands in the canonical body of a record.

Here: bodies and values, and the tables as far as rows are written in the rules. Not here: the world
of a test (test_world.py).
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from grammar import nodes as n
from rules.types.symbol_table import Index
from rules.values.canonical import moment_text, number_text


def inline(ruleset: n.Ruleset) -> n.Ruleset:
    """The ruleset's tables with the rows written in the rules only."""
    maps = tuple(n.Map(m.name, m.match, None, m.rows, m.missing, m.span) for m in ruleset.maps)
    units = tuple(n.Units(u.bases, u.rows, None, u.missing, u.span) for u in ruleset.units)
    return n.Ruleset(maps=maps, units=units)


def body_of(sample: n.Sample, index: Index, zone: Any) -> dict[str, Any]:
    """The body that a sample writes."""
    body = {pair.name: plain(pair.value, zone) for pair in sample.sets}
    many = index.lines_field(sample.record)
    if many is not None:
        body[many.name] = [{p.name: plain(p.value, zone) for p in line} for line in sample.lines]
    return body


def plain(value: n.Value, zone: Any) -> Any:
    """A written value as it stands in a canonical body."""
    if isinstance(value, n.Word):
        return value.name
    held = value.value
    if isinstance(held, datetime):
        return moment_text(held if held.tzinfo else held.replace(tzinfo=zone))
    if isinstance(held, Decimal):
        return number_text(held) if value.kind == "percent" else format(held, "f")
    if isinstance(held, date):
        return held.isoformat()
    return held

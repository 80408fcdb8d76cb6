"""Which maps look a field up, and so which spellings of it are one key; what is no key at all.

Here: looked_up_in, match_of, of_elsewhere. Not here: what two spellings have in common
(values/spelling.py), the entries of a map (they come with the world).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from grammar import nodes as n
from rules.types.symbol_table import FACTS, Index


def looked_up_in(
    index: Index, record: str, field: str, checks: Iterable[n.Check] | None = None
) -> tuple[n.Map, ...]:
    """The maps in which rules about a record look this field of its header up, by name.

    `checks` are those that may ask a map, for a caller that knows the others; else all.
    """
    about = _about(index, record, index.ruleset.checks if checks is None else checks)
    asked = {call.name for node in about for call in _calls(node, field)}
    return tuple(index.maps[name] for name in sorted(asked & index.maps.keys()))


def match_of(index: Index, record: str, field: str, table: str) -> frozenset[str]:
    """The match words by which two values of a field are the same: those of the named map, else of
    all that look it up. There are none where it is compared as it is written.
    """
    named = index.maps.get(table)
    maps = (named,) if named is not None else looked_up_in(index, record, field)
    return frozenset(word for one in maps for word in one.match) - {"exact"}


def _about(index: Index, record: str, checks: Iterable[n.Check]) -> Iterator[object]:
    """Everything that is said of a record and its lines, each as nodes; of checks these."""
    rules, lines = index.ruleset, index.line_records.get(record)
    yield from (f for r in (index.records.get(record), lines) if r is not None for f in r.fields)
    yield from (c for c in checks if any(word.name == record for word in c.records))
    for shelf in (rules.approvals, rules.posts, rules.reversals):
        yield from (one for one in shelf if one.record == record)


def _calls(node: object, field: str) -> Iterator[n.Call]:
    """The calls that are given the field. Behind `where` the name is one of the list."""
    if isinstance(node, n.Call):
        if any(isinstance(arg, n.Name) and arg.path == (field,) for arg in node.args):
            yield node
        node = node.args
    for part in n.inner(node):
        yield from _calls(part, field)


_OF_WORLD = frozenset({"in_base", "price_in_base", "base_unit", "number_of", "was"})


def of_elsewhere(field: n.Computed, record: str, index: Index) -> n.Call | n.Name | None:
    """The first part of a computed field that is not in the record itself: what a map or the units
    say, a linked record, a fact. None where all of it comes with the record.
    """
    return _elsewhere(field, record, index, set())


def _elsewhere(
    field: n.Computed, record: str, index: Index, seen: set[str]
) -> n.Call | n.Name | None:
    seen.add(field.name)
    fields, links = index.fields[record], index.links.get(record, {})
    for node in n.walk(field.expr):
        if isinstance(node, n.Call) and (node.name in index.maps or node.name in _OF_WORLD):
            return node
        if not isinstance(node, n.Name):
            continue
        name = node.path[0]
        if name in links or (name in FACTS and name not in fields):
            return node
        inner = fields.get(name)
        if isinstance(inner, n.Computed) and name not in seen:
            found = _elsewhere(inner, record, index, seen)
            if found is not None:
                return found
    return None

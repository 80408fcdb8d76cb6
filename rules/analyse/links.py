"""Can every link be followed, and does it end?

Here: the two records of a link, the fields that join them, what it may ask of the other record, its
bound. Not here: the type of its `where` (types.py), its owner (owners.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from grammar import nodes as n
from grammar.problem import Problem
from rules.analyse.places import problem, uses
from rules.index import RESERVED, Index, Scope
from rules.kinds import comparable, say_type
from rules.links import PERSONAL
from rules.types import did_you_mean, field_type

MOST = 1_000
"""How many records a link may promise at most: each evaluation reads them all."""


def check(index: Index) -> Iterator[Problem]:
    """All problems of links."""
    seen: dict[tuple[str, str], n.Link] = {}
    for link in index.ruleset.links:
        at = (link.record, link.name)
        if at in seen:
            message = f"the link '{link.name}' of {link.record} is declared twice"
            yield problem("NAM20", message, f"It stands in {seen[at].span} already.", link.span)
        seen.setdefault(at, link)
        yield from _taken(link, index)
        unknown = [r for r in (link.record, link.other) if r not in index.records]
        for name in unknown:
            hint = did_you_mean(name, index.records)
            yield problem("NAM07", f"there is no record '{name}'", hint, link.span)
        if not unknown:
            yield from _join(link, index)
            yield from _asks(link, index)
        if not 1 <= link.most <= MOST:
            message = f"a link to at most {link.most} records"
            hint = f"Write a number from 1 to {MOST}: it bounds every evaluation."
            yield problem("LNK03", message, hint, link.span)


def _taken(link: n.Link, index: Index) -> Iterator[Problem]:
    field = index.fields.get(link.record, {}).get(link.name)
    if field is not None or link.name in RESERVED or link.name in index.consts:
        message = f"'{link.name}' means something else in {link.record} already"
        yield problem("NAM21", message, "Give the link another name.", link.span)


def _join(link: n.Link, index: Index) -> Iterator[Problem]:
    sides = ((link.other, link.theirs), (link.record, link.ours))
    found = []
    for record, name in sides:
        known = {k: f for k, f in index.fields[record].items() if isinstance(f, n.Field)}
        field = known.get(name)
        if field is None:
            hint = did_you_mean(name, known)
            yield problem("NAM01", f"{record} stores no field '{name}'", hint, link.span)
        elif field.type == "many":
            message = f"'{name}' of {record} is a list"
            yield problem("LNK02", message, "Join by a field with one value.", link.span)
        else:
            found.append(field_type(field, record, Scope(index, record)))
    if len(found) == len(sides) and not comparable(*found):
        left, right = (say_type(kind) for kind in found)
        message = f"'{link.theirs}' is {left}, '{link.ours}' is {right}: they are never equal"
        yield problem("LNK02", message, "Join by fields of one type.", link.span)


def _asks(link: n.Link, index: Index) -> Iterator[Problem]:
    """What a `where` asks of the other record must stand in that record."""
    names = set(uses(link.where))
    for name in [p for p in PERSONAL if p in names]:
        message = f"'{name}' belongs to the record that is judged, not to the linked one"
        yield problem("LNK04", message, "Ask it in the rule that uses the link.", link.span)
    for name in sorted(names & index.links.get(link.other, {}).keys()):
        message = f"'{name}' is a link of {link.other}: a link cannot follow another"
        yield problem("LNK05", message, f"Ask about the fields of {link.other}.", link.span)

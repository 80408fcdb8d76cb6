"""What rules look for among other records and other rules did not: by other values, or at all.

Here: newly_asked, the names of such keys by kind of record. What a judging has found is stored by
these names, so rules that ask by another meaning find nothing of theirs there. Pure. Not here:
looking for it among stored records (holding/trials/other_records.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from grammar.nodes import Ruleset
from rules.programs.program import Program

OF_LINKS: Final = "link:"
OF_DUPLICATES: Final = "dup:"
OF_DOCUMENTS: Final = "doc:"

Names = Mapping[str, frozenset[str]]


@lru_cache(maxsize=64)
def newly_asked(before: Program | None, now: Program) -> Names:
    """Kind of record -> the names under which `now` asks for others of it, and `before` does not or
    means other ones: of links, of what is unique in history, of the numbers of documents. Without
    `before` it is all of them.
    """
    known = dict(_meanings(before)) if before is not None else {}
    found = defaultdict[str, set[str]](set)
    for (kind, name), means in _meanings(now):
        if known.get((kind, name)) != means:
            found[kind].add(name)
    return {kind: frozenset(names) for kind, names in found.items()}


def _meanings(program: Program) -> Iterator[tuple[tuple[str, str], Any]]:
    """Kind and name of each key, and all that its value is made of."""
    ruleset = program.ruleset
    for link in ruleset.links:
        joins = (link.ours, link.of_lines, link.other, link.theirs)
        yield (link.record, f"{OF_LINKS}{link.record}.{link.name}"), joins
    fields = _fields(ruleset)
    for declared in ruleset.duplicates:
        for kind in (word.name for word in declared.records):
            for number, unique in enumerate(declared.uniques):
                if unique.where == "history":
                    name = f"{OF_DUPLICATES}{declared.route or '*'}:{kind}.{number}"
                    match = tuple(m.match for m in ruleset.maps if m.name in unique.like)
                    yield (kind, name), (unique, match, fields.get(kind), program.edition)
    for post in ruleset.posts:
        yield (post.record, f"{OF_DOCUMENTS}{post.route}"), (post.number, fields.get(post.record))


def _fields(ruleset: Ruleset) -> Mapping[str, tuple[Any, ...]]:
    """Kind of record -> its declaration and that of its lines: a key may be of a computed field."""
    found: dict[str, tuple[Any, ...]] = {}
    for record in ruleset.records:
        kind = record.parent or record.name
        found[kind] = (*found.get(kind, ()), record)
    return found

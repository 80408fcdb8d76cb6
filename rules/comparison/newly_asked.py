"""What rules look for among other records and other rules did not: by other values, or at all.

Here: newly_asked, the names of such keys by kind of record. What a judging has found is stored by
these names, so rules that ask by another meaning find nothing of theirs there. Pure. Not here:
looking for it among stored records (holding/trials/shadows.py).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from grammar.nodes import Computed, Ruleset
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
    for declared in ruleset.duplicates:
        for kind in (word.name for word in declared.records):
            for number, unique in enumerate(declared.uniques):
                if unique.where == "history":
                    name = f"{OF_DUPLICATES}{declared.route or '*'}:{kind}.{number}"
                    match = tuple(m.match for m in ruleset.maps if m.name in unique.like)
                    made_of = _fields(ruleset, kind, unique.fields)
                    yield (kind, name), (unique, match, made_of, program.edition)
    for post in ruleset.posts:
        words = _WORD.findall(post.number or "")
        key = (post.record, f"{OF_DOCUMENTS}{post.route}")
        yield key, (post.number, _fields(ruleset, post.record, words))


_WORD: Final = re.compile(r"\w+")


def _fields(ruleset: Ruleset, kind: str, names: Collection[str]) -> tuple[Any, ...]:
    """The fields of these names; where one of them is worked out, all of which it may be."""
    own = [record for record in ruleset.records if record.name == kind]
    named = tuple(field for one in own for field in one.fields if field.name in names)
    if not any(isinstance(field, Computed) for field in named):
        return named
    return tuple(record for record in ruleset.records if kind in (record.name, record.parent))

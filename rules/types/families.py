"""Families: records of several kinds whose documents go to a target one after the other.

Here: which kinds share one, by which field, and through which link. Not here: what waits for what
(decisions/timing.py), which documents a family has (they come with the facts).
"""

from __future__ import annotations

from collections.abc import Mapping

from grammar import nodes as n
from rules.types.symbol_table import Index


class Families:
    """The families of a ruleset. Kinds that share theirs with no other kind are left out."""

    def __init__(self, index: Index) -> None:
        self._of: dict[str, tuple[str, str]] = {}  # kind -> (kind it is named after, field)
        self.links: set[tuple[str, str]] = set()  # record kind, name of the link that names it
        for record in index.ruleset.records:
            field = index.marked(record.name, "family")
            if record.source and field is not None:
                self._of[record.name] = (self._named_after(index, record.name, field), field.name)
        for head in {head for head, _ in self._of.values()} - self._of.keys():
            key = index.marked(head, "key")
            if key is not None:
                self._of[head] = (head, key.name)

    def of(self, body: Mapping[str, object], kind: str) -> tuple[str, str] | None:
        """(kind it is named after, value); None where it is a family of its own."""
        head, field = self._of.get(kind, ("", ""))
        value = body.get(field)
        if isinstance(value, bool) or not isinstance(value, str | int):
            return None
        text = str(value).strip()
        return (head, text) if text else None

    def share(self, kind: str, other: str) -> bool:
        """Whether records of these kinds can be of one family."""
        heads = [self._of.get(name, (name, ""))[0] for name in (kind, other)]
        return heads[0] == heads[1]

    def _named_after(self, index: Index, kind: str, field: n.Field) -> str:
        for link in index.links.get(kind, {}).values():
            key = index.marked(link.other, "key")
            if link.of_lines:
                continue
            if isinstance(key, n.Field) and (link.ours, link.theirs) == (field.name, key.name):
                self.links.add((kind, link.name))
                return link.other
        return kind

"""Families: which records belong together, and go to a target one after the other.

Here: Families, from the marks `family` and `key` of record kinds. A family is named after the kind
whose key it repeats, as a link says: the family of a delivery of order 1001 is the order 1001. Not
here: what a family is for (holding), how links find records (links.py).
"""

from __future__ import annotations

from collections.abc import Mapping

from grammar import nodes as n
from rules.index import Index


class Families:
    """The families of a ruleset. Kinds that share theirs with no other kind are left out."""

    def __init__(self, index: Index) -> None:
        self._of: dict[str, tuple[str, str]] = {}  # kind -> (kind it is named after, field)
        for record in index.ruleset.records:
            field = index.marked(record.name, "family")
            if record.source and field is not None:
                self._of[record.name] = (_named_after(index, record.name, field.name), field.name)
        for head in {head for head, _ in self._of.values()} - self._of.keys():
            key = index.marked(head, "key")
            if key is not None:
                self._of[head] = (head, key.name)

    def of(self, body: Mapping[str, object], kind: str) -> tuple[str, str] | None:
        """(kind it is named after, value); None where it is a family by itself."""
        head, field = self._of.get(kind, ("", ""))
        value = body.get(field)
        if isinstance(value, bool) or not isinstance(value, str | int):
            return None
        text = str(value).strip()
        return (head, text) if text else None


def _named_after(index: Index, kind: str, field: str) -> str:
    for link in index.links.get(kind, {}).values():
        key = index.marked(link.other, "key")
        if isinstance(key, n.Field) and (link.ours, link.theirs) == (field, key.name):
            return link.other
    return kind

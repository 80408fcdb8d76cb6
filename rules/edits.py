"""Which stored fields of a record differ from what was posted, and in which groups they stand.

Here: EditedFields, GroupProgram. Values are compared as they are read, lines by their key: an edit
back and forth is no difference, nor is another spelling of a status. Not here: what a change is
answered with (posted.py).
"""

from __future__ import annotations

from typing import Any

from grammar import nodes as n
from rules.bills import line_key
from rules.facts import PostingFact
from rules.index import Index
from rules.reading import Reader
from rules.run import Run
from rules.unknown import Unknown


class EditedFields:
    """The stored fields of one record kind, compared between two contents."""

    def __init__(self, index: Index, record: str) -> None:
        self.reader = Reader(index, record)
        many = index.lines_field(record)
        lines = index.line_records.get(record)
        key = index.marked(lines.name, "key") if lines else None
        self.lines = many.name if many else ""
        self.key = key.name if key else ""
        self.head = _stored(index, record)
        self.line = _stored(index, lines.name) if lines else ()

    def of(self, run: Run, posting: PostingFact) -> tuple[str, ...] | None:
        """The names of the fields that differ; None where nobody knows what was posted."""
        if posting.body is None:
            return () if posting.version == run.version else None
        before = self.reader.read(posting.body)
        found = [f for f in self.head if not _same(before.head.get(f), run.head.get(f))]
        if self.lines and self._by_key(before.lines) != self._by_key(run.lines):
            found.append(self.lines)
        return tuple(dict.fromkeys(found))

    def _by_key(self, rows: list[dict[str, Any]]) -> list[Any]:
        """The stored values of all lines, in the order of their keys."""
        found = [
            (line_key(row.get(self.key), number), [_value(row.get(f)) for f in self.line])
            for number, row in enumerate(rows, start=1)
        ]
        return sorted(found, key=lambda line: line[0])


class GroupProgram:
    """The groups of one `on edit` table."""

    def __init__(self, groups: tuple[n.Group, ...]) -> None:
        self.of = {word.name: g.name for g in groups for word in g.fields}

    def changed(self, fields: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
        """The groups in which something changed, each with its changed fields."""
        found: dict[str, tuple[str, ...]] = {}
        for field in fields:
            group = self.of.get(field)
            if group is not None:
                found[group] = (*found.get(group, ()), field)
        return found


def _stored(index: Index, record: str) -> tuple[str, ...]:
    fields = index.fields[record].values()
    return tuple(f.name for f in fields if isinstance(f, n.Field) and f.type != "many")


def _value(value: Any) -> Any:
    return None if type(value) is Unknown else value


def _same(before: Any, now: Any) -> bool:
    return bool(_value(before) == _value(now))

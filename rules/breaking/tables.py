"""The parts of decision tables: each row with another answer, each group without its fields.

Here: on edit, on cancel, retry. Not here: everything else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from grammar import nodes as n
from rules.breaking.part import Part, part
from rules.difference import show

Declared = n.Edit | n.Cancel | n.Retry


def of_tables(ruleset: n.Ruleset) -> Iterator[Part]:
    """All rows and groups."""
    role = ruleset.roles[0].name if ruleset.roles else ""
    for edit in ruleset.edits:
        name = f"on edit of {edit.record}"
        for group in edit.groups:
            way = (replace(group, fields=()),)
            yield part("groups of edits", f"{name}: {group.name}", edit, group, way)
        yield from _rows("rows of edits", name, edit, role)
    for cancel in ruleset.cancels:
        name = f"on cancel of {', '.join(word.name for word in cancel.records)}"
        yield from _rows("rows of cancels", name, cancel, role)
    for retry in ruleset.retries:
        yield from _rows("rows of retries", f"retry {retry.target}", retry, role)


def _rows(kind: str, name: str, declared: Declared, role: str) -> Iterator[Part]:
    for row in declared.table.rows:
        answer = _other(row.action, role, retry=isinstance(declared, n.Retry))
        said = f"{name}: {show(row)}"
        yield part(kind, said, declared, row, (replace(row, action=answer),))


def _other(action: n.Action | n.TryAgain, role: str, *, retry: bool) -> n.Action:
    """Another answer of such a table."""
    person, other = ("hold", "look_up") if retry else ("review", "block")
    if isinstance(action, n.Action) and action.kind == other:
        return n.Action(person, role, action.span)
    return n.Action(other, None, action.span)

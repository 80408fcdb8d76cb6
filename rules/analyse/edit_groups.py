"""Is every stored field of a record in exactly one group of its edit table?

Here: the groups of `on edit`. Not here: the rows (tables.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from grammar import nodes as n
from grammar.problem import Problem, Span
from rules.analyse.places import problem
from rules.analyse.tables import BUILT_IN
from rules.index import Index
from rules.types import did_you_mean


def check(index: Index) -> Iterator[Problem]:
    """All problems of groups."""
    for edit in index.ruleset.edits:
        if edit.record in index.records:
            yield from _names(edit)
            yield from _fields(edit, index)


def _names(edit: n.Edit) -> Iterator[Problem]:
    seen: dict[str, Span] = {}
    for group in edit.groups:
        if group.name in BUILT_IN:
            message = f"the group '{group.name}' exists by itself"
            hint = "Give this group another name; the built-in one only needs its row."
            yield problem("EDT05", message, hint, group.span)
        elif group.name in seen:
            message = f"the group '{group.name}' is given twice"
            yield problem("EDT05", message, f"It stands in {seen[group.name]}.", group.span)
        seen.setdefault(group.name, group.span)
    if edit.groups and "changed" not in edit.table.head:
        message = "the table does not ask which group changed"
        yield problem("EDT07", message, "Its first column is 'changed'.", edit.table.span)


def _fields(edit: n.Edit, index: Index) -> Iterator[Problem]:
    fields = index.fields[edit.record]
    stored = {k: f for k, f in fields.items() if isinstance(f, n.Field)}
    seen: dict[str, str] = {}
    for group in edit.groups:
        for word in group.fields:
            field = stored.get(word.name)
            if field is None:
                what = "works out" if word.name in fields else "has no"
                message = f"{edit.record} {what} '{word.name}': only stored fields are in groups"
                yield problem("EDT04", message, did_you_mean(word.name, stored), word.span)
            elif field.mark == "key":
                message = f"'{word.name}' is the key of {edit.record}: with another it is another"
                yield problem("EDT03", message, "Take it out of the group.", word.span)
            elif word.name in seen:
                message = f"'{word.name}' is in the group '{seen[word.name]}' already"
                yield problem("EDT02", message, "Keep it in one of them.", word.span)
            seen.setdefault(word.name, group.name)
    left = [k for k, f in stored.items() if f.mark != "key" and k not in seen]
    if left:
        many = "fields are" if len(left) > 1 else "field is"
        message = f"{len(left)} {many} in no group: {', '.join(left)}"
        last = edit.groups[-1].name if edit.groups else "rest"
        hint = f"Put it into a group, for example: {last} = …, {', '.join(left)}"
        yield problem("EDT01", message, hint, edit.span)

"""Which fields of a record a person may correct, for one finding.

Here: the fields that the finding speaks of and that its rule leaves to a person, and reading what
the person wrote. Not here: who that person is, and what becomes of the correction (holding).

A blank, unreadable or unmapped value may be completed by the owner that the rules name for it. What
a check or a table looks at may be corrected where a team may release the finding as well: who may
let it pass may also set it right. What tells records apart, says their status or names people (a
user, or whoever an approval excludes) is never corrected here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from grammar import nodes as n
from rules.outcomes.outcome import Finding
from rules.types.symbol_table import Index, Scope
from rules.values.cause_keys import NEVER, CauseKind
from rules.values.kinds import BadValueError, read_text

NEVER_MARKS: Final = frozenset({"key", "family"})
NEVER_TYPES: Final = frozenset({"one_of", "many", "user"})
COMPLETED: Final = frozenset({"MIS01", "VAL01"})
LINE: Final = "line"


@dataclass(frozen=True, slots=True)
class Correctable:
    """A field that may be corrected: its place in the body, its name in the rules, its value."""

    path: str
    name: str
    field: n.Field
    value: Any
    line: int | None = None

    @property
    def label(self) -> str:
        """How people read it, as in the list of values beside it: `line.sku line 1`."""
        return self.name if self.line is None else f"{self.name} line {self.line}"


def correctable(
    ruleset: n.Ruleset, record: str, body: Mapping[str, Any], finding: Finding
) -> tuple[Correctable, ...]:
    """The fields that may be corrected for a finding, in the order of the record."""
    index = Index(ruleset)
    if record not in index.records or finding.clears == NEVER:
        return ()
    excluded = {(name,) for one in ruleset.approvals if one.record == record for name in one.never}
    names = set(_named(index, record, finding)) - excluded
    head = index.records[record]
    lines = index.line_records.get(record)
    found = [
        Correctable(field.name, field.name, field, body.get(field.name))
        for field in head.fields
        if isinstance(field, n.Field) and (field.name,) in names and _free(field)
    ]
    return (*found, *_of_lines(index, record, lines, body, names, finding))


def typed(field: n.Field, text: str) -> Any:
    """What a person wrote, as it stands in a body; ValueError where it is none of the type."""
    plain = text.strip()
    try:
        read = read_text(field, plain)
    except (BadValueError, ArithmeticError) as problem:
        raise ValueError(plain) from problem
    if field.type == "yesno":
        return read
    return int(plain) if field.type == "whole" else plain


def _free(field: n.Field) -> bool:
    return field.mark not in NEVER_MARKS and field.type not in NEVER_TYPES


def _of_lines(
    index: Index,
    record: str,
    lines: n.Record | None,
    body: Mapping[str, Any],
    names: set[tuple[str, ...]],
    finding: Finding,
) -> Iterator[Correctable]:
    """The fields of the lines that the finding names, or of all of them."""
    many = index.lines_field(record)
    rows = body.get(many.name) if many else None
    if lines is None or many is None or not isinstance(rows, list):
        return
    for number, row in enumerate(rows, start=1):
        if (finding.lines and number not in finding.lines) or not isinstance(row, Mapping):
            continue
        for field in lines.fields:
            if isinstance(field, n.Field) and (LINE, field.name) in names and _free(field):
                path = f"{many.name}[{number - 1}].{field.name}"
                name = f"{LINE}.{field.name}"
                yield Correctable(path, name, field, row.get(field.name), number)


def _named(index: Index, record: str, finding: Finding) -> Iterator[tuple[str, ...]]:
    """The stored fields that a finding is about."""
    key = finding.cause_key
    if finding.code in COMPLETED and key.kind is CauseKind.FIELD:
        yield tuple(key.named.split("."))
        return
    if key.table is not None:
        yield from _asked(index, record, key.table if key.kind is CauseKind.MAPPING else "")
        return
    if not finding.clears.by_people:
        return
    for check in index.ruleset.checks:
        if check.name == finding.rule:
            scope = Scope(index, record, line=check.each_line)
            yield from _fields(scope, (check.when, *check.requires))


def _asked(index: Index, record: str, table: str) -> Iterator[tuple[str, ...]]:
    """What a map, or with "" the units, are asked with, wherever the rules of the record ask."""
    asked = {table} if table else {"in_base", "price_in_base"}
    scope = Scope(index, record, line=True)
    parts: list[Any] = [post for post in index.ruleset.posts if post.record == record]
    parts += [
        check for check in index.ruleset.checks if any(w.name == record for w in check.records)
    ]
    parts += [index.records[record], *(r for r in index.ruleset.records if r.parent == record)]
    for node in n.walk(tuple(parts)):
        if isinstance(node, n.Call) and node.name in asked:
            yield from _fields(scope, node.args[1:2] if not table else node.args)


def _fields(scope: Scope, parts: Any) -> Iterator[tuple[str, ...]]:
    """Stored fields that an expression reads, through what is computed of them."""
    waiting: list[tuple[Scope, Any]] = [(scope, parts)]
    seen: set[tuple[str, ...]] = set()
    while waiting:
        here, part = waiting.pop()
        for node in n.walk(part):
            if not isinstance(node, n.Name):
                continue
            ref = here.resolve(node.path)
            if ref is None or ref.field is None or ref.kind not in ("head", "line", "list"):
                continue
            of_line = ref.kind != "head"
            name = (LINE, ref.name) if of_line else (ref.name,)
            if name in seen:
                continue
            seen.add(name)
            if isinstance(ref.field, n.Computed):
                waiting.append((Scope(scope.index, scope.record, line=True), ref.field.expr))
            elif ref.record in ("", scope.record, scope.line_record):
                yield name

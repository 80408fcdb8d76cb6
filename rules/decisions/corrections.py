"""Find the fields that a person may correct or complete for one finding, and who may do it.

A blank or unreadable field is completed by the team that the record names (`completed by`). A field
that a check or a table reads may be corrected by the team that may release the finding. Keys,
statuses and users are never set here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from grammar import nodes
from rules.outcomes import Finding
from rules.types.symbol_table import Index, Scope, never_completed
from rules.values.cause_keys import NEVER, CauseKind
from rules.values.kinds import BadValueError, read_text
from rules.values.wording import readable_name

COMPLETED: Final = frozenset({"MIS01", "VAL01", "VAL06"})
INTAKE_CODES: Final = frozenset({"SUM01", "VAL04"})
PROOFS: Final = frozenset({"RND02", "RND06"})
"""The target would make another total or tax of the lines."""
SUMS: Final = frozenset({"SUM01"}) | PROOFS
"""A stated amount is not what its parts come to: its owner may correct any of them."""
OF_TOTAL: Final = ("total", "tax_total")
TARGET_LIMIT: Final = "VAL05"
PRICE_LIMITS: Final = frozenset({"target_limits:UnitPrice", "target_limits:Discount"})
"""Causes of holds that a price and a discount of the same line amount end: 3 pieces at 2.005 are 3
at 2.01 less 0.01.
"""
LINE: Final = "line"
LINE_AMOUNTS: Final = ("qty", "price", "discount", "amount")
LINE_TAX: Final = "tax_amount"


class Setter(StrEnum):
    """Who may set a field."""

    OWNER = "owner"  # the team that has the hold
    NAMED = "named"  # the team that the record names for it
    NOBODY = "nobody"  # it is blank, and set right where it comes from


@dataclass(frozen=True, slots=True)
class Correctable:
    """A field that a finding is about: its place in the body, its name in the rules, its value, and
    who may set it.
    """

    path: str
    name: str
    field: nodes.Field
    value: Any
    setter: Setter
    line: int | None = None

    @property
    def role(self) -> str:
        """The team that the record names for it, if it is theirs; else ""."""
        completed = self.field.completed if self.setter is Setter.NAMED else None
        return completed.role if completed is not None else ""

    @property
    def gap(self) -> bool:
        """Check whether the source sent no usable value, so that the field's own clause decides."""
        return self.setter is not Setter.OWNER

    @property
    def label(self) -> str:
        """What people call it: `TIN`, `discount of line 1`."""
        name = readable_name(self.name.removeprefix(nodes.OF_LINE))
        return name if self.line is None else f"{name} of line {self.line}"


def correctable_fields(
    ruleset: nodes.Ruleset,
    record: str,
    body: Mapping[str, Any],
    finding: Finding,
    came: Mapping[str, Any] | None = None,
) -> tuple[Correctable, ...]:
    """Return the fields that a finding concerns, in the record's order, that people may correct.

    Fields that no user may set are excluded. `came`: the body as its source sent it, if people
    changed it since.
    """
    came = body if came is None else came
    index = Index(ruleset)
    if record not in index.records or finding.clears == NEVER:
        return ()
    excluded = {name for one in ruleset.approvals if one.record == record for name in one.never}
    asked = _Asked(set(_named(index, record, finding)), finding, frozenset(excluded))
    found = []
    for field in index.records[record].fields:
        value = body.get(field.name)
        setter = asked.setter((field.name,), field, value, came.get(field.name))
        if isinstance(field, nodes.Field) and setter is not None:
            found.append(Correctable(field.name, field.name, field, value, setter))
    return (*found, *_of_lines(index, record, body, came, asked))


@dataclass(frozen=True, slots=True)
class _Asked:
    """The fields that a finding concerns, and who may set each."""

    names: set[tuple[str, ...]]
    finding: Finding
    excluded: frozenset[str]

    def setter(
        self, name: tuple[str, ...], field: nodes.Field | nodes.Computed, value: Any, came: Any
    ) -> Setter | None:
        """Return who may set a field; None if it is not concerned or belongs to the source.

        `came`: the value as the source sent it.
        """
        if not isinstance(field, nodes.Field) or name not in self.names:
            return None
        finding = self.finding
        gap = finding.code in COMPLETED or finding.cause_key.table is not None
        theirs = Setter.OWNER if gap or finding.clears.by_people else None
        sent = finding.code in INTAKE_CODES | SUMS | {TARGET_LIMIT}
        # A blank discount is one of 0.00: after its price it has to be correctable, too.
        sent = sent or (name == (LINE, "discount") and finding.clears.by_people)
        if sent:  # the source sent a value, so its field was not left blank
            theirs = Setter.OWNER
        free = not never_completed(field, self.excluded if len(name) == 1 else ())
        if sent:
            return theirs if free else None
        blank = _blank(value) or (field.completed is not None and _blank(came))
        if not blank and finding.code not in COMPLETED:
            return theirs if free else None
        return Setter.NAMED if free and field.completed is not None else Setter.NOBODY


def _blank(value: Any) -> bool:
    return value is None or not str(value).strip()


def parse_typed(field: nodes.Field, text: str) -> Any:
    """Return typed text as a body stores it; raise ValueError if it does not fit the type."""
    plain = text.strip()
    try:
        read = read_text(field, plain)
    except (BadValueError, ArithmeticError) as problem:
        raise ValueError(plain) from problem
    if field.type == "yesno":
        return read
    return int(plain) if field.type == "whole" else plain


def _of_lines(
    index: Index, record: str, body: Mapping[str, Any], came: Mapping[str, Any], asked: _Asked
) -> Iterator[Correctable]:
    """Yield the fields of the lines that the finding names, or of all lines."""
    many, lines = index.lines_field(record), index.line_records.get(record)
    rows = body.get(many.name) if many else None
    if lines is None or many is None or not isinstance(rows, list):
        return
    named, sent = asked.finding.lines, came.get(many.name)
    first = sent if isinstance(sent, list) and len(sent) == len(rows) else rows
    for number, row in enumerate(rows, start=1):
        if (named and number not in named) or not isinstance(row, Mapping):
            continue
        sent_row = first[number - 1]
        for field in lines.fields:
            value = row.get(field.name)
            setter = asked.setter((LINE, field.name), field, value, sent_row.get(field.name))
            if isinstance(field, nodes.Field) and setter is not None:
                path = f"{many.name}[{number - 1}].{field.name}"
                name = f"{LINE}.{field.name}"
                yield Correctable(path, name, field, value, setter, number)


def _named(index: Index, record: str, finding: Finding) -> Iterator[tuple[str, ...]]:
    """Yield the stored fields that a finding concerns."""
    key = finding.cause_key
    if finding.code == TARGET_LIMIT:
        yield from ((LINE, name) for name in LINE_AMOUNTS if key.named in PRICE_LIMITS)
        return
    if finding.code in SUMS:  # the difference may lie in any line
        yield from ((name,) for name in OF_TOTAL)
        yield from ((LINE, name) for name in LINE_AMOUNTS)
    if finding.code in PROOFS:
        yield LINE, LINE_TAX
    if finding.code in COMPLETED | INTAKE_CODES and key.kind is CauseKind.FIELD:
        yield tuple(key.named.split("."))
        return
    if key.table is not None:
        yield from _asked(index, record, key.table if key.kind is CauseKind.MAPPING else "")
        return
    for check in index.ruleset.checks:
        if check.name == finding.rule:
            scope = Scope(index, record, line=check.each_line)
            yield from _fields(scope, (check.when, *check.requires))


def _asked(index: Index, record: str, table: str) -> Iterator[tuple[str, ...]]:
    """Yield the keys that the record's rules look up in a map, or in the units for a blank name."""
    asked = {table} if table else {"in_base", "price_in_base"}
    scope = Scope(index, record, line=True)
    parts: list[Any] = [post for post in index.ruleset.posts if post.record == record]
    parts += [
        check for check in index.ruleset.checks if any(w.name == record for w in check.records)
    ]
    parts += [index.records[record], *(r for r in index.ruleset.records if r.parent == record)]
    for node in nodes.walk(tuple(parts)):
        if isinstance(node, nodes.Call) and node.name in asked:
            yield from _fields(scope, node.args[1:2] if not table else node.args)


def _fields(scope: Scope, parts: Any) -> Iterator[tuple[str, ...]]:
    """Yield the stored fields that an expression reads, also through computed fields."""
    waiting: list[tuple[Scope, Any]] = [(scope, parts)]
    seen: set[tuple[str, ...]] = set()
    while waiting:
        here, part = waiting.pop()
        for node in nodes.walk(part):
            if not isinstance(node, nodes.Name):
                continue
            ref = here.resolve(node.path)
            if ref is None or ref.field is None or ref.kind not in ("head", "line", "list"):
                continue
            of_line = ref.kind != "head"
            name = (LINE, ref.name) if of_line else (ref.name,)
            if name in seen:
                continue
            seen.add(name)
            if isinstance(ref.field, nodes.Computed):
                waiting.append((Scope(scope.index, scope.record, line=True), ref.field.expr))
            elif ref.record in ("", scope.record, scope.line_record):
                yield name

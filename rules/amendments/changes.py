"""What is posted and no longer matches its record: the fields, their groups, the finding.

Here: which stored fields of a record differ from what was posted, and compare: without `on edit` or
`on cancel` a change or a cancellation after posting is a finding for a person, and the posted
document stays as it is. Not here: the tables (posted_documents.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from grammar import nodes as n
from grammar.text.amounts import separated
from grammar.text.problem import Span
from rules.documents.fields import Draft
from rules.expressions.billed_parts import line_key
from rules.expressions.record_reading import Reader
from rules.expressions.run import Run
from rules.facts.world import PostingFact
from rules.outcomes.findings import Said
from rules.outcomes.outcome import HIT, PASS, Finding, GateSaid, Verdict
from rules.types.symbol_table import Index
from rules.values.cause_keys import CauseKey, CauseKind, Clearing
from rules.values.names import term
from rules.values.unknown import Unknown

_Line: TypeAlias = tuple[str, dict[str, Any]]


class EditedFields:
    """The stored fields of one record kind, compared between two contents."""

    def __init__(self, index: Index, record: str, apart: Iterable[str] = ()) -> None:
        """`apart` are the fields of lines that are compared by themselves: `price`."""
        self.reader = Reader(index, record)
        many = index.lines_field(record)
        lines = index.line_records.get(record)
        key = index.marked(lines.name, "key") if lines else None
        self.lines = many.name if many else ""
        self.key = key.name if key else ""
        self.head = _stored(index, record)
        stored = _stored(index, lines.name) if lines else ()
        self.apart = tuple(f for f in stored if f in set(apart))
        self.together = tuple(f for f in stored if f not in self.apart)

    def of(self, run: Run, posting: PostingFact) -> tuple[str, ...] | None:
        """The names of the fields that differ; None where nobody knows what was posted.

        A field of the lines that is compared alone differs where a line that is there still
        says another: `line.price`. All else about the lines is told by the field that holds them.
        """
        if posting.body is None:
            return () if posting.version == run.version else None
        before = self.reader.read(posting.body)
        found = [f for f in self.head if not _same(before.head.get(f), run.head.get(f))]
        if self.lines:
            was, now = self._by_key(before.lines), self._by_key(run.lines)
            if _of(was, self.together) != _of(now, self.together):
                found.append(self.lines)
            keys = {key for key, _ in was} & {key for key, _ in now}
            stay = [[line for line in lines if line[0] in keys] for lines in (was, now)]
            found += [
                f"{n.OF_LINE}{f}" for f in self.apart if _of(stay[0], [f]) != _of(stay[1], [f])
            ]
        return tuple(dict.fromkeys(found))

    def _by_key(self, rows: list[dict[str, Any]]) -> list[_Line]:
        """All lines in the order of their keys."""
        found = [(line_key(row.get(self.key), at), row) for at, row in enumerate(rows, start=1)]
        return sorted(found, key=lambda line: line[0])


class GroupProgram:
    """The groups of one `on edit` table; `apart` are the fields of lines that they name."""

    def __init__(self, groups: tuple[n.Group, ...]) -> None:
        self.of = {word.name: g.name for g in groups for word in g.fields}
        self.apart = tuple(f.removeprefix(n.OF_LINE) for f in self.of if f.startswith(n.OF_LINE))

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


def _of(lines: list[_Line], fields: Iterable[str]) -> list[Any]:
    """What some lines say in some of their fields."""
    return [(key, [_value(row.get(f)) for f in fields]) for key, row in lines]


def _value(value: Any) -> Any:
    return None if type(value) is Unknown else value


def _same(before: Any, now: Any) -> bool:
    return bool(_value(before) == _value(now))


RULE = "change"
_SHOWN = 8


def compare(
    run: Run,
    posting: PostingFact,
    *,
    gate: GateSaid,
    draft: Draft,
    theirs: frozenset[str],
    owner: str,
    span: Span,
) -> Said:
    """One verdict: nothing differs, or a finding that names what does; `theirs` may differ."""
    route = posting.route
    changes = _status_change(gate) or _differences(posting.content, draft, theirs)
    released = bool(changes) and (route, RULE) in run.facts.releases
    changes = changes if run.bare else [separated(one) for one in changes]
    text = f"{posting.number} is posted, but {'; '.join(changes)}." if changes else ""
    operands = (("posted as", posting.number), ("posted version", str(posting.version)))
    result = HIT if changes else PASS
    said = Said([Verdict(RULE, "change", route, result, span, operands, None, text, released)])
    if changes and not released:
        said.findings.append(
            Finding(
                code="STL01",
                error_class="stale_version",
                rule=RULE,
                route=route,
                severity="hold",
                owner=owner,
                message=f"{text} The posted document stays until a person decides.",
                clears=Clearing.by(owner),
                cause_key=CauseKey(CauseKind.STALE, route),
                cause_label=f"Changed after posting to {term(route)}",
                would_pass=f"the record says again what {posting.number} says",
                span=span,
            )
        )
    return said


def _status_change(gate: GateSaid) -> list[str]:
    if gate == "cancel":
        return ["the record is cancelled now"]
    return ["the record may not go any more"] if gate in {"hold", "wait", "ignore"} else []


def _differences(
    content: Mapping[str, object] | None, draft: Draft, theirs: frozenset[str]
) -> list[str]:
    """What the draft says otherwise than the posted content; unknown fields are named too."""
    if content is None:
        return []
    old_fields, old_lines = content.get("fields"), content.get("lines")
    found = _fields(old_fields, draft.fields, "", theirs)
    lines: list[Any] = list(old_lines) if isinstance(old_lines, list | tuple) else []
    if len(lines) != len(draft.lines):
        found.append(f"it has {len(draft.lines)} lines instead of {len(lines)}")
    for number, (old, new) in enumerate(zip(lines, draft.lines, strict=False), start=1):
        found += _fields(old, new, f"line {number} ", theirs)
    more = len(found) - _SHOWN
    return found[:_SHOWN] + ([f"{more} more"] if more > 0 else [])


def _fields(old: object, new: Mapping[str, str], prefix: str, theirs: frozenset[str]) -> list[str]:
    before: Mapping[str, object] = old if isinstance(old, Mapping) else {}
    names = dict.fromkeys([*new, *before])
    return [
        f"{prefix}{name} was {before.get(name, '(missing)')}, is {new.get(name, '(missing)')}"
        for name in names
        if before.get(name) != new.get(name) and name not in theirs
    ]

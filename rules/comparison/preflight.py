"""Find the master data of a target that rules name, and the records without a usable entry."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from grammar import nodes
from rules.documents.unusual import LISTS as CODES
from rules.facts import World
from rules.outcomes import Decision, Finding, Outcome
from rules.types.functions import expand_parts, resolve_formula
from rules.types.symbol_table import FieldSchema, Index, Schemas, Scope
from rules.values.cause_keys import CauseKey, NearSpellings
from rules.values.wording import MISSING as BLANK
from rules.values.wording import format_expression

NOT_SENT = frozenset({"ignored", "dropped"})
MISSING = "mapping_missing"
WHOLE = {**CODES, "payment_method": "payment_method", "payment_term": "payment_term"}
"""The kinds of which a target that lists any lists all: what a field refers to -> the list."""
LISTS = {**WHOLE, "item": "item"}
"""The kinds of which a target may list its codes, by the words of its state."""
_QUOTES = 2
SHOWN = 20
"""So many record numbers are kept for an entry; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One field of a route that names master data of its target, and what fills it.

    `tables` are the maps it is looked up in, `results` those of them whose entries are the value;
    without any, `fixed` says whether the rules write the value or take it from the record.
    """

    record: str
    route: str
    target: str
    kind: str
    field: str
    required: bool
    tables: tuple[str, ...]
    results: tuple[str, ...]
    fixed: bool
    formula: str


def references(ruleset: nodes.Ruleset, schemas: Schemas) -> tuple[Reference, ...]:
    """All of them, in the order of the rules."""
    index = Index(ruleset)
    return tuple(ref for post in ruleset.posts for ref in _of_post(post, index, schemas))


def _of_post(post: nodes.Post, index: Index, schemas: Schemas) -> Iterator[Reference]:
    known = schemas.document(post.route.target, post.route.document)
    if known is None or post.record not in index.records:
        return
    fields: dict[str, FieldSchema] = {f.name: f for f in (*known.lines, *known.header)}
    head = Scope(index, post.record, document=True)
    line = Scope(index, post.record, line=True, document=True)
    for assigns, scope in ((post.fields, head), (post.line_fields, line)):
        for assign in assigns:
            kind = getattr(fields.get(assign.name), "refers", "")
            if kind:
                parts = tuple(expand_parts(assign.expr, scope))
                yield Reference(
                    record=post.record,
                    route=str(post.route),
                    target=post.route.target,
                    kind=kind,
                    field=assign.name,
                    required=fields[assign.name].required,
                    tables=_tables(parts, index),
                    results=_tables(tuple(_results(assign.expr, scope)), index),
                    fixed=all(_fixed(part, index) for part in parts),
                    formula=format_expression(assign.expr),
                )


def fixed_on(reference: Reference, ruleset: nodes.Ruleset, day: date) -> str | None:
    """What the rules alone say in a field for records of a day: a const, or a text. None where a
    record or a map says it, or where a const has not begun.
    """
    if reference.tables or not reference.fixed:
        return None
    const = next((c for c in ruleset.consts if c.name == reference.formula), None)
    if const is None:
        text = reference.formula
        return text[1:-1] if text[:1] == text[-1:] == '"' and text.count('"') == _QUOTES else None
    rows = [row for row in const.rows if row.since <= day]
    return str(max(rows, key=lambda row: row.since).value.value) if rows else None


def _tables(parts: Sequence[nodes.Expr], index: Index) -> tuple[str, ...]:
    named = (p.name for p in parts if isinstance(p, nodes.Call) and p.name in index.maps)
    return tuple(dict.fromkeys(named))


def _results(expr: nodes.Expr, scope: Scope) -> Iterator[nodes.Expr]:
    """Yield each expression whose value may be that of the field, without what it looks up by."""
    behind = resolve_formula(expr, scope)
    if isinstance(behind, nodes.Otherwise):
        yield from _results(behind.expr, scope)
        yield from _results(behind.default, scope)
    else:
        yield behind


def _fixed(part: nodes.Expr, index: Index) -> bool:
    if isinstance(part, nodes.Name):
        return len(part.path) == 1 and part.path[0] in index.consts
    return True


@dataclass(frozen=True, slots=True)
class Lack:
    """One key without a usable entry: how many records it blocks, and whose it is."""

    table: str
    key: str
    code: str
    owner: str
    message: str
    records: int


@dataclass(frozen=True, slots=True)
class Unlisted:
    """A value that would be sent, and that the target does not list: it would refuse it. `near`:
    what it lists that people take for this one.
    """

    target: str
    kind: str
    value: str
    records: int
    near: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Beyond:
    """A document that its target could not take: the first of those with this cause.

    `owner` is who can change it, blank where that is whoever writes the rules.
    """

    code: str
    cause: str
    number: str
    message: str
    owner: str
    records: int = 1


@dataclass(slots=True)
class Group:
    """The records that one entry was found for, however they spell it."""

    records: int = 0
    numbers: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Need:
    """One kind of master data in one target: what fills it, and what it blocks."""

    target: str
    kind: str
    required: bool
    references: tuple[Reference, ...]
    records: int
    blocked: int

    @property
    def tables(self) -> tuple[str, ...]:
        """The maps it is looked up in."""
        return tuple(dict.fromkeys(table for ref in self.references for table in ref.tables))


class Tally:
    """Counts outcomes; each record once for every kind, table and key that it needs."""

    def __init__(self, known: Sequence[Reference], kinds: Sequence[str]) -> None:
        self._known, self._kinds = known, kinds
        self._records: Counter[tuple[str, str]] = Counter()
        self._blocked: Counter[tuple[str, str]] = Counter()
        self._lacks: dict[tuple[str, CauseKey], tuple[Finding, int]] = {}
        self._unlisted: Counter[tuple[str, str, str]] = Counter()
        self._listed: dict[tuple[str, str], frozenset[str]] = {}
        self._beyond: dict[tuple[str, str], Beyond] = {}
        self.groups: dict[tuple[str, str, str], Group] = {}
        self.records = 0
        self.blocked = 0

    def add(self, kind: str, outcome: Outcome, world: World, beyond: Sequence[Beyond] = ()) -> None:
        """Count one record of a kind, judged in a world, and its documents beyond a limit."""
        self.records += 1
        sent = [d for d in outcome.decisions if d.state not in NOT_SENT]
        lacking = [f for d in sent for f in d.findings if _is_lack(f)]
        unlisted = set(self._strangers(kind, outcome, {d.route for d in sent}, world))
        self.blocked += bool(lacking or unlisted or beyond)
        for limit in {(one.code, one.cause): one for one in reversed(beyond)}.values():
            first = self._beyond.get((limit.code, limit.cause))
            counted = replace(first, records=first.records + 1) if first else limit
            self._beyond[limit.code, limit.cause] = counted
        self._records.update({at for d in sent for at in self._needs(kind, d, None)})
        blocked = {at for d in sent for at in self._needs(kind, d, _tables_of(d))}
        self._blocked.update(blocked | {(target, of) for target, of, _ in unlisted})
        self._unlisted.update(unlisted)
        for at, finding in {(f.rule, f.cause_key): f for f in lacking}.items():
            self._lacks[at] = (finding, self._lacks.get(at, (finding, 0))[1] + 1)
        for entry in dict.fromkeys((u.table, u.key, u.value) for u in outcome.used):
            group = self.groups.setdefault(entry, Group())
            group.records += 1
            if len(group.numbers) < SHOWN:
                group.numbers.append(outcome.number)

    def _needs(
        self, kind: str, decision: Decision, lacking: frozenset[str] | None
    ) -> Iterator[tuple[str, str]]:
        for ref in self._known:
            if (ref.record, ref.route) == (kind, decision.route) and (
                lacking is None or lacking.intersection(ref.tables)
            ):
                yield ref.target, ref.kind

    def _strangers(
        self, kind: str, outcome: Outcome, sent: set[str], world: World
    ) -> Iterator[tuple[str, str, str]]:
        """What the document would say and its target does not list, where it lists such codes."""
        named = {(r.route, r.field): r for r in self._known if r.record == kind and r.kind in LISTS}
        for entry in outcome.lineage:
            ref = named.get((entry.route, entry.field))
            if ref is None or entry.route not in sent or entry.value == BLANK:
                continue
            state = world.targets.get(ref.target)
            listed = state.codes.get(LISTS[ref.kind]) if state else None
            if listed and entry.value not in listed:
                self._listed[ref.target, ref.kind] = listed
                yield ref.target, ref.kind, entry.value

    def beyond(self) -> tuple[Beyond, ...]:
        """The documents that a target could not take, those of most records first."""
        return tuple(sorted(self._beyond.values(), key=lambda b: (-b.records, b.code, b.cause)))

    def unlisted(self) -> tuple[Unlisted, ...]:
        """What the targets do not list, those that block most first."""
        known = {at: NearSpellings(codes) for at, codes in self._listed.items()}
        found = (
            Unlisted(target, kind, value, records, known[target, kind].near(value))
            for (target, kind, value), records in self._unlisted.items()
        )
        return tuple(sorted(found, key=lambda u: (-u.records, u.target, u.kind, u.value)))

    def needs(self) -> tuple[Need, ...]:
        """Every kind of every target that the rules post to, in the order of the kinds."""
        targets = dict.fromkeys(ref.target for ref in self._known)
        return tuple(self._need(target, kind) for target in targets for kind in self._kinds)

    def _need(self, target: str, kind: str) -> Need:
        own = tuple(r for r in self._known if (r.target, r.kind) == (target, kind))
        at = (target, kind)
        required = any(ref.required for ref in own)
        return Need(target, kind, required, own, self._records[at], self._blocked[at])

    def lacks(self) -> tuple[Lack, ...]:
        """The keys without an entry, those that block most first."""
        found = (
            Lack(table, _key(f), f.code, f.owner, f.message, records)
            for (table, _), (f, records) in self._lacks.items()
        )
        return tuple(sorted(found, key=lambda lack: (-lack.records, lack.table, lack.key)))


def _tables_of(decision: Decision) -> frozenset[str]:
    return frozenset(f.rule for f in decision.findings if _is_lack(f))


def _is_lack(finding: Finding) -> bool:
    """Whether an entry is missing here; what is missing in the target is told beside it."""
    return finding.error_class == MISSING and finding.cause_key.table is not None


def _key(finding: Finding) -> str:
    """The key of a cause such as `mapping:item:ABC-01`."""
    return finding.cause_key.entry

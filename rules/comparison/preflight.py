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
"""Kinds that a target lists completely or not at all: what a field refers to -> the list."""
LISTS = {**WHOLE, "item": "item"}
"""Kinds whose codes a target may list, by the names in its state."""
_QUOTES = 2
SHOWN = 20
"""How many record numbers are kept per entry."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Describe one field of a route that names its target's master data, and its source.

    `tables` are the maps used to look it up, `results` the maps whose entries are the value;
    without any, `fixed` is True if the rules write the value.
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
    """Return all references, in the order of the rules."""
    index = Index(ruleset)
    return tuple(ref for post in ruleset.posts for ref in _references_of_post(post, index, schemas))


def _references_of_post(post: nodes.Post, index: Index, schemas: Schemas) -> Iterator[Reference]:
    schema = schemas.document(post.route.target, post.route.document)
    if schema is None or post.record not in index.records:
        return
    fields: dict[str, FieldSchema] = {f.name: f for f in (*schema.lines, *schema.header)}
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
    """Return the value that the rules alone give a field on a day, from a const or a text.

    None if a record or a map gives it, or the const has not begun.
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
    """Yield each expression whose value may become the field's, without its lookup keys."""
    formula = resolve_formula(expr, scope)
    if isinstance(formula, nodes.Otherwise):
        yield from _results(formula.expr, scope)
        yield from _results(formula.default, scope)
    else:
        yield formula


def _fixed(part: nodes.Expr, index: Index) -> bool:
    if isinstance(part, nodes.Name):
        return len(part.path) == 1 and part.path[0] in index.consts
    return True


@dataclass(frozen=True, slots=True)
class Lack:
    """Describe one key without a usable entry: how many records it blocks, and its owner."""

    table: str
    key: str
    code: str
    owner: str
    message: str
    records: int


@dataclass(frozen=True, slots=True)
class Unlisted:
    """Describe a value that the document would contain and the target does not list, and would
    refuse.

    `near` are listed values that people confuse with it.
    """

    target: str
    kind: str
    value: str
    records: int
    near: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Beyond:
    """Describe a document that its target could not accept: the first with this cause.

    `owner` can change it; blank if that is the author of the rules.
    """

    code: str
    cause: str
    number: str
    message: str
    owner: str
    records: int = 1


@dataclass(slots=True)
class Group:
    """Count the records for which one entry was found, in any spelling."""

    records: int = 0
    numbers: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Need:
    """Describe one kind of master data in one target: its references, and the records that it
    blocks.
    """

    target: str
    kind: str
    required: bool
    references: tuple[Reference, ...]
    records: int
    blocked: int

    @property
    def tables(self) -> tuple[str, ...]:
        """The maps used to look it up."""
        return tuple(dict.fromkeys(table for ref in self.references for table in ref.tables))


class Tally:
    """Count outcomes: each record once for every kind, table and key that it needs."""

    def __init__(self, references: Sequence[Reference], kinds: Sequence[str]) -> None:
        self._references, self._kinds = references, kinds
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
        for limit in {
            (limit_case.code, limit_case.cause): limit_case for limit_case in reversed(beyond)
        }.values():
            first = self._beyond.get((limit.code, limit.cause))
            counted = replace(first, records=first.records + 1) if first else limit
            self._beyond[limit.code, limit.cause] = counted
        self._records.update({place for d in sent for place in self._needs(kind, d, None)})
        blocked = {place for d in sent for place in self._needs(kind, d, _tables_of(d))}
        self._blocked.update(blocked | {(target, other_kind) for target, other_kind, _ in unlisted})
        self._unlisted.update(unlisted)
        for place, finding in {(f.rule, f.cause_key): f for f in lacking}.items():
            self._lacks[place] = (finding, self._lacks.get(place, (finding, 0))[1] + 1)
        for entry in dict.fromkeys((u.table, u.key, u.value) for u in outcome.used):
            group = self.groups.setdefault(entry, Group())
            group.records += 1
            if len(group.numbers) < SHOWN:
                group.numbers.append(outcome.number)

    def _needs(
        self, kind: str, decision: Decision, lacking: frozenset[str] | None
    ) -> Iterator[tuple[str, str]]:
        for ref in self._references:
            if (ref.record, ref.route) == (kind, decision.route) and (
                lacking is None or lacking.intersection(ref.tables)
            ):
                yield ref.target, ref.kind

    def _strangers(
        self, kind: str, outcome: Outcome, sent: set[str], world: World
    ) -> Iterator[tuple[str, str, str]]:
        """Yield the document's values that its target does not list, if it lists such codes."""
        named = {
            (r.route, r.field): r for r in self._references if r.record == kind and r.kind in LISTS
        }
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
        """Return the documents that a target could not accept, documents with most records
        first.
        """
        return tuple(sorted(self._beyond.values(), key=lambda b: (-b.records, b.code, b.cause)))

    def unlisted(self) -> tuple[Unlisted, ...]:
        """Return the values that the targets do not list, those that block most first."""
        spellings = {place: NearSpellings(codes) for place, codes in self._listed.items()}
        unlisted = (
            Unlisted(target, kind, value, records, spellings[target, kind].near(value))
            for (target, kind, value), records in self._unlisted.items()
        )
        return tuple(sorted(unlisted, key=lambda u: (-u.records, u.target, u.kind, u.value)))

    def needs(self) -> tuple[Need, ...]:
        """Return every kind of every target that the rules post to, in the order of the kinds."""
        targets = dict.fromkeys(ref.target for ref in self._references)
        return tuple(self._need(target, kind) for target in targets for kind in self._kinds)

    def _need(self, target: str, kind: str) -> Need:
        references = tuple(r for r in self._references if (r.target, r.kind) == (target, kind))
        place = (target, kind)
        required = any(ref.required for ref in references)
        return Need(target, kind, required, references, self._records[place], self._blocked[place])

    def lacks(self) -> tuple[Lack, ...]:
        """Return the keys without an entry, those that block most first."""
        lacks = (
            Lack(table, _key(f), f.code, f.owner, f.message, records)
            for (table, _), (f, records) in self._lacks.items()
        )
        return tuple(sorted(lacks, key=lambda lack: (-lack.records, lack.table, lack.key)))


def _tables_of(decision: Decision) -> frozenset[str]:
    return frozenset(f.rule for f in decision.findings if _is_lack(f))


def _is_lack(finding: Finding) -> bool:
    """Check whether a mapping entry is missing. Values that a target does not list are counted
    separately.
    """
    return finding.error_class == MISSING and finding.cause_key.table is not None


def _key(finding: Finding) -> str:
    """Return the key of a cause such as `mapping:item:ABC-01`."""
    return finding.cause_key.entry

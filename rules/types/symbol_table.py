"""Index the declarations of a ruleset by name and resolve paths in a scope."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final, Protocol, TypeVar

from grammar import nodes
from grammar.nodes import (
    Cancel,
    Computed,
    Const,
    Edit,
    Field,
    Gate,
    Link,
    Post,
    Record,
    Reversal,
    Ruleset,
    Source,
    Target,
)
from grammar.text.problem import Problem, Span
from rules.values.kinds import Type
from rules.values.wording import format_expression

FACTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "period": ("one_of", ("open", "locked")),
    "today": ("date", ()),
    "now": ("moment", ()),
    "first_seen": ("moment", ()),
    "last_editor": ("user", ()),
    "e_invoice_issuer": ("one_of", ("us", "platform", "unknown")),
    "e_invoice_age": ("duration", ()),
    "target_edited": ("yesno", ()),
}
"""Facts of this version of the language: name -> type and, for words, their domain."""

TABLE_FACTS = ("changed", "error", "tries")
"""Facts that only the columns of decision tables name."""

LATER_FACTS = (*TABLE_FACTS, "approval")
"""Facts whose names are taken, but which no expression names."""

BUILT_IN_GROUPS = ("not_ready", "overbilled")
"""Groups of changes that exist by themselves; the second where a route bills."""

DOCUMENT_NUMBER = "document_number"

DUE = "due"

RESERVED = {*FACTS, *LATER_FACTS, DOCUMENT_NUMBER, "line", "seen"}

CURRENCY = "currency"
"""The field in which a record says its own currency, where it need not be that of its source."""

R = TypeVar("R", Gate, Edit, Cancel)

_OF_WORLD = frozenset({"in_base", "price_in_base", "base_unit", "number_of", "was"})

UNIT, ITEM = "unit", "item"

_PLACES = {"in_base": (None, UNIT, ITEM), "price_in_base": (None, UNIT, ITEM), "base_unit": (ITEM,)}

_NAMED = {
    UNIT: frozenset({"uom", "unit", "units", "measure"}),
    ITEM: frozenset({"sku", "item", "product", "article", "code", "stock"}),
}

_CLEAR = frozenset({"uom", "sku"})
"""Words that mean nothing else; a unit may be a flat that is let, and a measure an action."""

_OTHER = {UNIT: ITEM, ITEM: UNIT}

_A = {UNIT: "a unit", ITEM: "an item"}

Where = tuple[str, str]
"""A field: the record that it stands in, and its name."""

_MARKS: Final = {"key": "tells records apart", "family": "tells which records belong together"}

_TYPES: Final = {
    "one_of": "is what the source says of its state",
    "many": "is all lines at once",
    "user": "names a person of the source",
}


class _Named(Protocol):
    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=_Named)


class Index:
    """The declarations of a ruleset by name; of a name given twice, the first."""

    def __init__(self, ruleset: Ruleset) -> None:
        self.ruleset = ruleset
        self.roles = _by_name(ruleset.roles)
        self.consts: dict[str, Const] = _by_name(ruleset.consts)
        self.sources: dict[str, Source] = _by_name(ruleset.sources)
        self.targets: dict[str, Target] = _by_name(ruleset.targets)
        self.records: dict[str, Record] = _by_name(ruleset.records)
        self.judged = {k: r for k, r in self.records.items() if r.parent is None}  # without lines
        self.maps = _by_name(ruleset.maps)
        self.samples = _by_name(ruleset.samples)
        self.fields = {r.name: _by_name(r.fields) for r in ruleset.records}
        self.computed_types: dict[tuple[str, str], object] = {}  # filled by inference.py
        self.places: tuple[Any, ...] | None = None  # filled by checker/places.py
        self.conversions: object = None  # filled by Conversions.of
        self.posts: dict[str, list[Post]] = {}
        for post in ruleset.posts:
            self.posts.setdefault(post.record, []).append(post)
        self.links: dict[str, dict[str, Link]] = {}
        for link in ruleset.links:
            if link.other in self.records:
                self.links.setdefault(link.record, {}).setdefault(link.name, link)
        self.line_records: dict[str, Record] = {}
        for record in ruleset.records:
            if record.parent is not None:
                self.line_records.setdefault(record.parent, record)

    def routes(self) -> dict[str, Post]:
        """Route name -> its declaration."""
        found: dict[str, Post] = {}
        for post in self.ruleset.posts:
            found.setdefault(str(post.route), post)
        return found

    def joining(self, link: Link) -> str:
        """Return the record whose field a link joins by: itself or its lines; blank without one."""
        lines = self.line_records.get(link.record)
        return link.record if not link.of_lines else lines.name if lines else ""

    def edit(self, record: str, route: str) -> Edit | None:
        """Return the answers to a posted document's changes: the narrowed table, or the general
        one.
        """
        found = [e for e in self.ruleset.edits if e.record == record]
        return _narrowest(found, route)

    def cancel(self, record: str, route: str) -> Cancel | None:
        """Return the answers to a posted document's cancellation: the narrowed table, or the
        general one.
        """
        found = [c for c in self.ruleset.cancels if any(w.name == record for w in c.records)]
        return _narrowest(found, route)

    def reversal(self, record: str, route: str) -> Reversal | None:
        """Return the route that reverses a route's postings, or None."""
        found = (r for r in self.ruleset.reversals if r.record == record)
        return next((r for r in found if str(r.reversing) == route), None)

    def lines_field(self, record: str) -> Field | None:
        """Return the record's field with its lines, or None."""
        fields = self.fields.get(record, {}).values()
        return next((f for f in fields if isinstance(f, Field) and f.type == "many"), None)

    def status_field(self, record: str) -> Field | None:
        """Return the gate's field: `status`, or else the only field of its type."""
        fields = [
            f
            for f in self.fields.get(record, {}).values()
            if isinstance(f, Field) and f.type == "one_of"
        ]
        return next((f for f in fields if f.name == "status"), fields[0] if fields else None)

    def spelled(self, states: tuple[str, ...], text: str) -> str | None:
        """Return the status that a source means by a text; case and outer blanks are ignored."""
        folded = text.strip().casefold()
        for field in (f for record in self.ruleset.records for f in record.fields):
            declared = field.states if isinstance(field, Field) else ()
            if tuple(s.name for s in declared) == states:
                for state in declared:
                    if folded in {w.strip().casefold() for w in (state.name, *state.aliases)}:
                        return state.name
        return None

    def marked(self, record: str, mark: str) -> Field | None:
        """Return the record's field with this mark, or None."""
        fields = self.fields.get(record, {}).values()
        return next((f for f in fields if isinstance(f, Field) and f.mark == mark), None)

    def gate(self, record: str, route: str) -> Gate | None:
        """Return a record's gate for a route: the narrowed one, or else the general one."""
        return _narrowest([g for g in self.ruleset.gates if g.record == record], route)


def _by_name(declarations: Iterable[N]) -> dict[str, N]:
    found: dict[str, N] = {}
    for node in declarations:
        found.setdefault(node.name, node)
    return found


def _narrowest(found: list[R], route: str) -> R | None:
    """Return the declaration for this route, or else the one for all routes."""
    own = next((d for d in found if d.route is not None and str(d.route) == route), None)
    return own or next((d for d in found if d.route is None), None)


def stored_currency(index: Index, record: str) -> bool:
    """Check whether records of a kind state their own currency."""
    field = index.fields.get(record, {}).get(CURRENCY)
    return isinstance(field, Field) and field.type == "text"


def stored_type(field: Field, record: str, index: Index) -> Type:
    """Return a stored field's type.

    An amount is in its source's currency unless each record states its own.
    """
    states = tuple(s.name for s in field.states)
    if field.type != "money":
        return Type(field.type, states)
    declared = index.records.get(record)
    owner = index.records.get(declared.parent or record) if declared else None
    source = index.sources.get(owner.source or "") if owner else None
    known = source is not None and owner is not None and not stored_currency(index, owner.name)
    return Type("money", currency=source.currency if source is not None and known else "")


@dataclass(frozen=True, slots=True)
class Ref:
    """What a path means: the value's place and its declaration."""

    kind: str  # head line item list own const fact number due
    name: str
    field: Field | Computed | None = None
    record: str = ""


@dataclass(frozen=True, slots=True)
class Scope:
    """The visible names: the record, whether on a line, whether inside `where`.

    `judged` is the kind whose records a link lists others for. In its `where` the judged record's
    fields are visible too, by name where the other kind has none of that name, and as
    `refund.total`.
    """

    index: Index
    record: str
    line: bool = False
    item: str | None = None
    document: bool = False
    bills: bool = False
    judged: str = ""

    @staticmethod
    def of_link(index: Index, link: Link) -> Scope:
        """Return the scope of a link's `where`."""
        return Scope(index, link.other, judged=link.record)

    @property
    def line_record(self) -> str:
        """The record kind of the lines here."""
        found = self.index.line_records.get(self.record)
        return found.name if found else ""

    def inside(self, item: str) -> Scope:
        """Return the scope of `where` over a list of `item`."""
        return replace(self, item=item)

    def resolve(self, path: tuple[str, ...]) -> Ref | None:
        """Return what a path means here, or None."""
        if len(path) == 1:
            return self._bare(path[0])
        if len(path) != 2:
            return None
        if path[0] == "line":
            own = self._field("line", self.line_record, path[1]) if self.line else None
            due = Ref("due", "due") if self.line and self.bills and path[1] == DUE else None
            return own or due
        owner = self._field("head", self.record, path[0])
        if owner is not None and isinstance(owner.field, Field) and owner.field.type == "many":
            return self._field("list", owner.field.of or self.line_record, path[1])
        return self._field("own", self.judged, path[1]) if path[0] == self.judged else None

    def _bare(self, name: str) -> Ref | None:
        own = (
            self._field("item", self.item, name)
            if self.item is not None
            else self._field("head", self.record, name)
        )
        if own is not None:
            return own
        if name in self.index.consts:
            return Ref("const", name)
        if name in FACTS:
            return Ref("fact", name)
        if name == DOCUMENT_NUMBER and self.document:
            return Ref("number", name)
        return self._field("own", self.judged, name)

    def _field(self, kind: str, record: str, name: str) -> Ref | None:
        found = self.index.fields.get(record, {}).get(name)
        return Ref(kind, name, found, record) if found is not None else None

    def names(self) -> list[str]:
        """Return all names that are valid here, for "did you mean"."""
        own = self.index.fields.get(self.item or self.record, {})
        lines = self.index.fields.get(self.line_record, {}) if self.line else {}
        judged = self.index.fields.get(self.judged, {})
        told = [f"{self.judged}.{name}" if name in own else name for name in judged]
        return [*own, *told, *(f"line.{n}" for n in lines), *self.index.consts, *FACTS]


def looked_up_in(
    index: Index, record: str, field: str, checks: Iterable[nodes.Check] | None = None
) -> tuple[nodes.Map, ...]:
    """Return the maps in which rules about a record look this header field up, by name.

    `checks` limits the checks, for a caller that knows the others; by default all.
    """
    about = _about(index, record, index.ruleset.checks if checks is None else checks)
    asked = {call.name for node in about for call in _calls(node, field)}
    return tuple(index.maps[name] for name in sorted(asked & index.maps.keys()))


def _about(index: Index, record: str, checks: Iterable[nodes.Check]) -> Iterator[object]:
    """Yield every declaration about a record and its lines as nodes, with these checks only."""
    rules, lines = index.ruleset, index.line_records.get(record)
    yield from (f for r in (index.records.get(record), lines) if r is not None for f in r.fields)
    yield from (c for c in checks if any(word.name == record for word in c.records))
    for shelf in (rules.approvals, rules.posts, rules.reversals):
        yield from (one for one in shelf if one.record == record)


def _calls(node: object, field: str) -> Iterator[nodes.Call]:
    """Yield the calls whose argument is the field; behind `where` the name is one of the list."""
    if isinstance(node, nodes.Call):
        if any(isinstance(arg, nodes.Name) and arg.path == (field,) for arg in node.args):
            yield node
        node = node.args
    for part in nodes.inner(node):
        yield from _calls(part, field)


def match_words(index: Index, record: str, field: str, table: str) -> frozenset[str]:
    """Return the match words that make two values of a field equal.

    They come from the named map, or else from all maps that look the field up; none if values are
    compared as written.
    """
    named = index.maps.get(table)
    maps = (named,) if named is not None else looked_up_in(index, record, field)
    return frozenset(word for one in maps for word in one.match) - {"exact"}


def outside_part(
    field: nodes.Computed, record: str, index: Index
) -> nodes.Call | nodes.Name | None:
    """Return a computed field's first part from outside the record, or None.

    Outside parts are maps, units, linked records and facts.
    """
    return _elsewhere(field, record, index, set())


def _elsewhere(
    field: nodes.Computed, record: str, index: Index, seen: set[str]
) -> nodes.Call | nodes.Name | None:
    seen.add(field.name)
    fields, links = index.fields[record], index.links.get(record, {})
    for node in nodes.walk(field.expr):
        if isinstance(node, nodes.Call) and (node.name in index.maps or node.name in _OF_WORLD):
            return node
        if not isinstance(node, nodes.Name):
            continue
        name = node.path[0]
        if name in links or (name in FACTS and name not in fields):
            return node
        inner = fields.get(name)
        if isinstance(inner, nodes.Computed) and name not in seen:
            found = _elsewhere(inner, record, index, seen)
            if found is not None:
                return found
    return None


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
        """Return (kind it is named after, value), or None for a family of its own."""
        head, field = self._of.get(kind, ("", ""))
        value = body.get(field)
        if isinstance(value, bool) or not isinstance(value, str | int):
            return None
        text = str(value).strip()
        return (head, text) if text else None

    def share(self, kind: str, other: str) -> bool:
        """Check whether records of these kinds can be in one family."""
        heads = [self._of.get(name, (name, ""))[0] for name in (kind, other)]
        return heads[0] == heads[1]

    def _named_after(self, index: Index, kind: str, field: nodes.Field) -> str:
        for link in index.links.get(kind, {}).values():
            key = index.marked(link.other, "key")
            if link.of_lines:
                continue
            if isinstance(key, nodes.Field) and (link.ours, link.theirs) == (field.name, key.name):
                self.links.add((kind, link.name))
                return link.other
        return kind


@dataclass(frozen=True, slots=True)
class Conversions:
    """The unit conversions of computed and posted fields.

    `votes` count how often a field is used as unit or item; `quantities` are the stored fields that
    in_base converts, `prices` those that price_in_base converts or that are multiplied by a raw
    quantity.
    """

    votes: Counter[tuple[Where, str]]
    quantities: frozenset[Where]
    prices: frozenset[Where]

    @staticmethod
    def of(index: Index) -> Conversions:
        """Return a ruleset's conversions, computed once."""
        if not isinstance(index.conversions, Conversions):
            index.conversions = _found(index)
        return index.conversions

    def converts(self, record: str) -> bool:
        """Check whether anything names the unit of a record's lines."""
        return any(of == UNIT and where[0] == record for where, of in self.votes)

    def counted(self, record: str) -> set[str]:
        """Return a record's stored fields that in_base converts."""
        return {name for owner, name in self.quantities if owner == record}

    def is_unit(self, expr: nodes.Expr, scope: Scope) -> bool:
        """Check whether an expression is the unit that a record names."""
        where = _field(expr, scope)
        return where is not None and self.votes[where, UNIT] > 0

    def elsewhere(self, expr: nodes.Expr, scope: Scope, call: nodes.Call) -> str:
        """Return an argument's role by all other calls, or blank if they do not show it."""
        where = _field(expr, scope)
        votes = self.votes - Counter(_votes(call, scope))
        units, items = (votes[where, of] if where else 0 for of in (UNIT, ITEM))
        return "" if units == items else UNIT if units > items else ITEM


def _found(index: Index) -> Conversions:
    votes: Counter[tuple[Where, str]] = Counter()
    firsts: dict[str, set[Where]] = {name: set() for name in _PLACES}
    products: list[tuple[Where | None, Where | None]] = []
    for expr, scope in _formulas(index):
        for part in nodes.walk(expr):
            if isinstance(part, nodes.Call) and part.name in _PLACES:
                votes.update(_votes(part, scope))
                where = _stored(part.args[0], scope) if part.args else None
                firsts[part.name] |= {where} if where else set()
            elif isinstance(part, nodes.Arith) and part.op == "*":
                products.append((_stored(part.left, scope), _stored(part.right, scope)))
    quantities, prices = frozenset(firsts["in_base"]), firsts["price_in_base"]
    told = {record for record, _ in prices}
    for left, right in products:
        for one, other in ((left, right), (right, left)):
            if one in quantities and other is not None and other[0] not in told:
                prices.add(other)
    return Conversions(votes, quantities, frozenset(prices))


def _formulas(index: Index) -> Iterator[tuple[nodes.Expr, Scope]]:
    """Yield the formulas of records and documents with their visible names."""
    for record in index.ruleset.records:
        scope = Scope(index, record.parent or record.name, line=record.parent is not None)
        yield from ((f.expr, scope) for f in record.fields if isinstance(f, nodes.Computed))
    for post in index.ruleset.posts:
        head = Scope(index, post.record)
        yield from ((assign.expr, head) for assign in post.fields)
        yield from ((assign.expr, replace(head, line=True)) for assign in post.line_fields)


def _votes(call: nodes.Call, scope: Scope) -> Iterator[tuple[Where, str]]:
    for arg, of in zip(call.args, _PLACES[call.name], strict=False):
        where = _field(arg, scope) if of else None
        if where is not None and of is not None:
            yield where, of


def _field(expr: nodes.Expr, scope: Scope) -> Where | None:
    ref = scope.resolve(expr.path) if isinstance(expr, nodes.Name) else None
    return (ref.record, ref.name) if ref is not None and ref.field is not None else None


def _stored(expr: nodes.Expr, scope: Scope) -> Where | None:
    ref = scope.resolve(expr.path) if isinstance(expr, nodes.Name) else None
    stored = ref is not None and isinstance(ref.field, nodes.Field)
    return (ref.record, ref.name) if ref is not None and stored else None


def find_misplaced_units(call: nodes.Call, scope: Scope) -> Iterator[Problem]:
    """Yield units used as items in a conversion, and items used as units."""
    places = [(arg, of) for arg, of in zip(call.args, _PLACES[call.name], strict=False) if of]
    known = Conversions.of(scope.index)
    for tells in (_by_itself, known.elsewhere):
        wrong = [(arg, of) for arg, of in places if tells(arg, scope, call) == _OTHER[of]]
        alone = len(wrong) == 1 and len(places) > 1 and places[0][0] != places[1][0]
        if wrong and (not alone or _is_clear(wrong[0][0])):
            yield from _told(call, wrong)
            return


def _by_itself(expr: nodes.Expr, scope: Scope, _: nodes.Call) -> str:
    """Return an argument's role by its name or by the table of units, or blank if unknown."""
    if isinstance(expr, nodes.Literal):
        return _of_literal(expr, scope.index.ruleset.units)
    where = _field(expr, scope)
    return _only_name(where[1]) if where else ""


def _of_literal(expr: nodes.Literal, units: tuple[nodes.Units, ...]) -> str:
    """Return the role of a literal that the table of units names."""
    told = [(row.item, row.unit) for table in units for row in table.bases]
    told += [(row.item, row.unit) for table in units for row in table.rows]
    if any(expr.value == item for item, _ in told):
        return ITEM
    return UNIT if any(expr.value == unit for _, unit in told) else ""


def _only_name(name: str) -> str:
    words = {*name.split("_")}
    found = [of for of, said in _NAMED.items() if words & said]
    return found[0] if len(found) == 1 else ""


def _is_clear(expr: nodes.Expr) -> bool:
    return isinstance(expr, nodes.Literal) or bool(
        _CLEAR & {*re.split(r"\W|_", format_expression(expr))}
    )


def _told(call: nodes.Call, wrong: list[tuple[nodes.Expr, str]]) -> Iterator[Problem]:
    if len(wrong) > 1:
        turned = replace(call, args=(call.args[0], call.args[2], call.args[1]))
        message = f"'{call.name}' has unit and item the wrong way round"
        yield Problem("TYP08", message, f"Write {format_expression(turned)}.", call.span)
        return
    ((arg, of),) = wrong
    message = f"'{call.name}' wants {_A[of]} here: {format_expression(arg)} is {_A[_OTHER[of]]}"
    yield Problem("TYP08", message, f"Give {_A[of]}, not {_A[_OTHER[of]]}.", arg.span)


class FieldSchema(Protocol):
    """One field of a document or of a record kind."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def type(self) -> str: ...  # noqa: D102
    @property
    def required(self) -> bool: ...  # noqa: D102
    @property
    def max_length(self) -> int | None: ...  # noqa: D102
    @property
    def places(self) -> int | None: ...  # noqa: D102


class Amounts(Protocol):
    """How the amounts of a line and of a document are made; a blank name is no field.

    `amount` is quantity times price less discount; its tax is added, beside or inside (`tax_is`);
    `inclusive` is the header field with the word that includes the tax; `by_code` rounds each tax
    code's sum; `rate` is the tax code's rate; `moves` limits the target's own tax adjustment per
    line; `listed` marks documents whose rates are the target's listed ones.
    """

    @property
    def amount(self) -> str: ...  # noqa: D102
    @property
    def tax(self) -> str: ...  # noqa: D102
    @property
    def code(self) -> str: ...  # noqa: D102
    @property
    def quantity(self) -> str: ...  # noqa: D102
    @property
    def price(self) -> str: ...  # noqa: D102
    @property
    def discount(self) -> str: ...  # noqa: D102
    @property
    def tax_is(self) -> str: ...  # noqa: D102
    @property
    def inclusive(self) -> tuple[str, bool | str] | None: ...  # noqa: D102
    @property
    def by_code(self) -> bool: ...  # noqa: D102
    @property
    def rate(self) -> str: ...  # noqa: D102
    @property
    def moves(self) -> Decimal: ...  # noqa: D102
    @property
    def listed(self) -> bool: ...  # noqa: D102


class DocumentSchema(Protocol):
    """One document type of a target, and which of its fields carry number, date, party, total."""

    @property
    def target(self) -> str: ...  # noqa: D102
    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def header(self) -> Sequence[FieldSchema]: ...  # noqa: D102
    @property
    def lines(self) -> Sequence[FieldSchema]: ...  # noqa: D102
    @property
    def number_field(self) -> str: ...  # noqa: D102
    @property
    def number_max(self) -> int: ...  # noqa: D102
    @property
    def date_field(self) -> str: ...  # noqa: D102
    @property
    def party_field(self) -> str: ...  # noqa: D102
    @property
    def total_field(self) -> str | None: ...  # noqa: D102


class KindSchema(Protocol):
    """One kind of record of a source, with the fields its canonical body may have."""

    @property
    def source(self) -> str: ...  # noqa: D102
    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def fields(self) -> Sequence[FieldSchema]: ...  # noqa: D102
    @property
    def lines(self) -> Sequence[FieldSchema]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Schemas:
    """All document types and record kinds that the caller's connectors know."""

    documents: tuple[DocumentSchema, ...]
    kinds: tuple[KindSchema, ...]

    def document(self, target: str, name: str) -> DocumentSchema | None:
        """Return the schema of one target document, if known."""
        found = (d for d in self.documents if d.target == target and d.name == name)
        return next(found, None)

    def kind(self, source: str, kind: str) -> KindSchema | None:
        """Return the schema of one record kind, if known."""
        return next((k for k in self.kinds if k.source == source and k.kind == kind), None)


def never_completed(field: nodes.Field, excluded: Collection[str]) -> str:
    """Return why people never set a field, or blank; `excluded` are fields behind `never` of
    approvals.
    """
    why = _MARKS.get(field.mark or "") or _TYPES.get(field.type, "")
    return why or ("keeps its people from approving" if field.name in excluded else "")


def wrongly_completed(ruleset: nodes.Ruleset) -> Iterator[tuple[str, str, Span]]:
    """Yield name, reason and place of fields that a team should complete although people never set
    them.
    """
    for record in ruleset.records:
        approvals = (one for one in ruleset.approvals if one.record == record.name)
        excluded = {name for one in approvals for name in one.never}
        for field in record.fields:
            clause = field.completed if isinstance(field, nodes.Field) else None
            if isinstance(field, nodes.Field) and clause is not None:
                why = never_completed(field, excluded)
                if why:
                    yield field.name, why, clause.span

"""A ruleset by name, and what a path means in a place of it.

Here: Index (declarations by name) and Scope (which names are visible where). Not here: types of
expressions (inference.py), values (expressions/interpreter.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

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
from grammar.text.editions import NEWEST, Edition
from rules.values.kinds import Type

FACTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "period": ("one_of", ("open", "locked")),
    "today": ("date", ()),
    "now": ("moment", ()),
    "first_seen": ("moment", ()),
    "last_editor": ("user", ()),
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


class _Named(Protocol):
    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=_Named)
R = TypeVar("R", Gate, Edit, Cancel)


def _by_name(nodes: Iterable[N]) -> dict[str, N]:
    found: dict[str, N] = {}
    for node in nodes:
        found.setdefault(node.name, node)
    return found


def _narrowest(found: list[R], route: str) -> R | None:
    """The declaration for this route, or else the one for all routes."""
    own = next((d for d in found if d.route is not None and str(d.route) == route), None)
    return own or next((d for d in found if d.route is None), None)


class Index:
    """The declarations of a ruleset by name; of a name given twice, the first."""

    def __init__(self, ruleset: Ruleset, edition: Edition = NEWEST) -> None:
        self.ruleset, self.edition = ruleset, edition
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
        self.conversions: object = None  # filled by conversions.py
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
        """The record whose field a link joins by: itself, or its lines; "" where it has none."""
        lines = self.line_records.get(link.record)
        return link.record if not link.of_lines else lines.name if lines else ""

    def edit(self, record: str, route: str) -> Edit | None:
        """What happens when something posted changes: the narrowed table, or the general one."""
        found = [e for e in self.ruleset.edits if e.record == record]
        return _narrowest(found, route)

    def cancel(self, record: str, route: str) -> Cancel | None:
        """What happens when something posted is cancelled: the narrowed table, or the general."""
        found = [c for c in self.ruleset.cancels if any(w.name == record for w in c.records)]
        return _narrowest(found, route)

    def reversal(self, record: str, route: str) -> Reversal | None:
        """The route that takes postings of a route back."""
        found = (r for r in self.ruleset.reversals if r.record == record)
        return next((r for r in found if str(r.reversing) == route), None)

    def lines_field(self, record: str) -> Field | None:
        """The field of a record that holds its lines."""
        fields = self.fields.get(record, {}).values()
        return next((f for f in fields if isinstance(f, Field) and f.type == "many"), None)

    def status_field(self, record: str) -> Field | None:
        """The field a gate speaks of: `status`, or else the only one of its type."""
        fields = [
            f
            for f in self.fields.get(record, {}).values()
            if isinstance(f, Field) and f.type == "one_of"
        ]
        return next((f for f in fields if f.name == "status"), fields[0] if fields else None)

    def spelled(self, states: tuple[str, ...], text: str) -> str | None:
        """The status that a source means by a text, compared as records are: trimmed, any case."""
        folded = text.strip().casefold()
        for field in (f for record in self.ruleset.records for f in record.fields):
            declared = field.states if isinstance(field, Field) else ()
            if tuple(s.name for s in declared) == states:
                for state in declared:
                    if folded in {w.strip().casefold() for w in (state.name, *state.aliases)}:
                        return state.name
        return None

    def marked(self, record: str, mark: str) -> Field | None:
        """The field of a record with this mark."""
        fields = self.fields.get(record, {}).values()
        return next((f for f in fields if isinstance(f, Field) and f.mark == mark), None)

    def gate(self, record: str, route: str) -> Gate | None:
        """The gate of a record for a route: the narrowed one, or else the general one."""
        return _narrowest([g for g in self.ruleset.gates if g.record == record], route)


def stored_currency(index: Index, record: str) -> bool:
    """Whether records of a kind say their own currency."""
    field = index.fields.get(record, {}).get(CURRENCY)
    return isinstance(field, Field) and field.type == "text"


def stored_type(field: Field, record: str, index: Index) -> Type:
    """The type of a stored field; an amount is in the currency of its source, unless each record
    says its own.
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
    """What a path means: where the value is, and which declaration says so."""

    kind: str  # head line item list own const fact number due
    name: str
    field: Field | Computed | None = None
    record: str = ""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which names are visible: of which record, on a line or not, inside `where` or not.

    `judged` is the kind whose records a link lists others for: in its `where` their fields are
    visible, too, by their names where the other kind has none of that name, and as `refund.total`.
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
        """What the `where` of a link may name."""
        return Scope(index, link.other, judged=link.record)

    @property
    def line_record(self) -> str:
        """The record kind of the lines here."""
        found = self.index.line_records.get(self.record)
        return found.name if found else ""

    def inside(self, item: str) -> Scope:
        """The scope of `where` over a list of `item`."""
        return replace(self, item=item)

    def resolve(self, path: tuple[str, ...]) -> Ref | None:
        """What a path means here, or None if it means nothing."""
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
        """All names that could stand here, for "did you mean"."""
        own = self.index.fields.get(self.item or self.record, {})
        lines = self.index.fields.get(self.line_record, {}) if self.line else {}
        judged = self.index.fields.get(self.judged, {})
        told = [f"{self.judged}.{name}" if name in own else name for name in judged]
        return [*own, *told, *(f"line.{n}" for n in lines), *self.index.consts, *FACTS]

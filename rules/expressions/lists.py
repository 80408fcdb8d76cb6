"""Compile aggregates over lines and links, bills in parts, and the links between records."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from grammar import nodes
from rules.expressions.run import MOST_LINES, Closure, Content, Reader, Run
from rules.outcomes import Finding
from rules.types.functions import AGGREGATES
from rules.types.inference import Listed, resolve_list
from rules.types.symbol_table import Index, Ref, Scope
from rules.values import kinds
from rules.values.canonical import number_text
from rules.values.cause_keys import (
    NOWHERE,
    CauseKey,
    CauseKind,
    Clearing,
    Gap,
    Unknown,
    all_of,
    any_of,
    join_unknowns,
    limit_gap,
)
from rules.values.kinds import CONTEXT, Number, add, divide, multiply, round_half_up, subtract

if TYPE_CHECKING:
    from rules.expressions.compiler import Compiler

Row = dict[str, Any]

Rows = Sequence[tuple[Run, list[Row]]]
"""Lists of rows, each with the run of the record that they belong to."""

BILL_RULE = "bill"

NOTHING = Decimal(0)

_TWICE = ArithmeticError("two lines have one key")

PERSONAL = (
    "period",
    "document_number",
    "number_of",
    "changed",
    "approval",
    "last_editor",
    "e_invoice_issuer",
    "was",
)
"""Names about the judged record or its route. A link must not read them from other records."""


class Lists:
    """Compile aggregates for one Compiler."""

    def __init__(self, compiler: Compiler) -> None:
        self.compiler = compiler
        self._known: dict[nodes.Call, Closure] = {}
        self.keys: dict[nodes.Call, object] = {}  # under which a run caches the result
        self._links: dict[nodes.Link, LinkProgram] = {}

    def aggregate(self, node: nodes.Call, scope: Scope) -> Closure:
        """Return the closure of one aggregate, computed once per record unless it reads `line`."""
        if node not in self._known:
            self._known[node] = self._aggregate(node, scope)
        return self._known[node]

    def _aggregate(self, node: nodes.Call, scope: Scope) -> Closure:
        arg = node.args[0]
        assert isinstance(arg, nodes.Name)  # noqa: S101
        listed = resolve_list(arg.path, scope)
        assert listed is not None  # noqa: S101
        where = self._where(node, scope, listed.record)
        field = self._field(listed.record, listed.field) if listed.field else None
        inner = self._over(listed, self._bodies(".".join(arg.path[:-1]))[node.name](where, field))
        if node.where is not None and mentions_line(node.where):
            return inner
        key = self.keys.setdefault(node, object())

        def cached(run: Run) -> Any:
            if key not in run.memo:
                outer_uses, run.uses = run.uses, []
                run.memo[key] = (inner(run), tuple(dict.fromkeys(run.uses)))
                run.uses = outer_uses
            value, uses = run.memo[key]
            run.uses.extend(uses)
            return value

        return cached

    def _over(self, listed: Listed, body: Callable[[Run, Rows], Any]) -> Closure:
        """Return the aggregate over the record's own lines, or over linked records."""
        if listed.link is None:
            return lambda run: body(run, [(run, run.shown)])
        if listed.link not in self._links:
            self._links[listed.link] = LinkProgram(self.compiler, listed.link)
        link = self._links[listed.link]

        def of_linked(run: Run) -> Any:
            linked = link.runs(run)
            if isinstance(linked, Unknown):
                return linked
            return body(run, [(r, r.shown if listed.lines else [r.head]) for r in linked])

        return of_linked

    def _where(self, node: nodes.Call, scope: Scope, item: str) -> Closure | None:
        if node.where is None:
            return None
        return self.compiler.expr(node.where, scope.inside(item))

    def _field(self, item: str, name: str) -> Closure:
        declared = self.compiler.index.fields[item][name]
        return self.compiler.ref(Ref("item", name, declared, item))

    def _bodies(self, list_name: str) -> dict[str, Callable[..., Callable[[Run, Rows], Any]]]:
        return {
            "sum": _sum,
            "count": _count,
            "any": lambda where, _: lambda run, rows: any_of(_answers(run, rows, where)),
            "all": lambda where, _: lambda run, rows: all_of(_answers(run, rows, where)),
            "latest": lambda where, field: _latest(where, field, list_name, self.compiler.owner),
        }


def _sum(where: Closure | None, field: Closure) -> Callable[[Run, Rows], Any]:
    def add_up(run: Run, rows: Rows) -> Any:
        total: Any = Decimal(0)
        unknown = []
        for _ in _each(run, rows):
            is_included = True if where is None else where(run)
            value: Any = field(run) if is_included is True else is_included
            if type(value) is Unknown:
                unknown.append(value)
            elif is_included is True:
                total = kinds.add(total, value)
        return join_unknowns(*unknown) if unknown else total

    return add_up


def _each(run: Run, rows: Rows) -> Iterator[Row]:
    """Yield each row, set as the element that a bare name refers to inside `where`."""
    outer = run.item, run.home
    for home, record_rows in rows:
        run.spend(len(record_rows))
        for row in record_rows:
            run.item, run.home = row, home
            yield row
    run.item, run.home = outer


def _count(where: Closure | None, _: Closure | None) -> Callable[[Run, Rows], Any]:
    return lambda run, rows: count_answers(_answers(run, rows, where))


def _answers(run: Run, rows: Rows, where: Closure | None) -> list[Any]:
    return [True if where is None else where(run) for _ in _each(run, rows)]


def _latest(
    where: Closure | None, field: Closure, list_name: str, owner: str
) -> Callable[[Run, Rows], Any]:
    empty = Unknown(_empty_gap(list_name, owner))

    def latest(run: Run, rows: Rows) -> Any:
        value: Any = empty
        for _ in _each(run, rows):
            is_included = True if where is None else where(run)
            if is_included is not False:
                value = field(run) if is_included is True else is_included
        return value

    return latest


def _empty_gap(list_name: str, owner: str) -> Gap:
    message = f"{list_name} is empty, so there is no latest."
    return Gap(
        kind="field",
        rule=list_name,
        code="MIS01",
        error_class="missing_field",
        owner=owner,
        message=message,
        cause_key=CauseKey(CauseKind.FIELD, list_name),
        cause_label=message,
        would_pass=f"{list_name} has a row",
        span=NOWHERE,
    )


def mentions_line(expr: Any) -> bool:
    """Check whether an expression reads its current line."""
    if isinstance(expr, nodes.Name):
        return expr.path[0] == "line"
    return any(mentions_line(part) for part in nodes.inner(expr))


def is_costly(node: Any) -> bool:
    """Check whether a line expression iterates over a list again, which costs steps each time."""
    if isinstance(node, nodes.Call) and node.where is not None:
        return node.name in AGGREGATES and mentions_line(node.where)
    return any(is_costly(part) for part in nodes.inner(node))


def names_in(node: Any) -> set[str]:
    """Return the names and functions in an expression, or in several."""
    return {".".join(path) for path in nodes.mentioned(node)}


def count_answers(answers: list[Any]) -> Any:
    """Return the number of True answers, or the Unknown of all unknown answers."""
    unknown = [a for a in answers if type(a) is Unknown]
    return join_unknowns(*unknown) if unknown else Decimal(sum(a is True for a in answers))


@dataclass(frozen=True, slots=True)
class Share:
    """A line's quantities: billed before this document, billed by it, and ordered; each may be
    Unknown.
    """

    before: Any
    now: Any
    ordered: Any

    @property
    def unknown(self) -> Unknown | None:
        """The Unknown of the unknown quantities, or None if all are known."""
        values = (self.before, self.now, self.ordered)
        return join_unknowns(*values) if any(type(v) is Unknown for v in values) else None


@dataclass(slots=True)
class Shares:
    """The quantities that one document bills: a share for each line of the record, by the id of
    the line's row.
    """

    places: Decimal
    rows: dict[int, Share] = dataclasses.field(default_factory=dict)
    keys: dict[int, str] = dataclasses.field(default_factory=dict)
    final: bool = False  # the remainder is never billed
    earlier_amount: Callable[[Run, Any], Any] | None = (
        None  # the header amount on earlier documents
    )

    @property
    def due(self) -> bool:
        """Whether the document bills anything, as far as known."""
        return any(type(s.now) is Unknown or s.now > 0 for s in self.rows.values())

    @property
    def rest(self) -> bool | Unknown:
        """Whether a quantity remains to be billed after this document."""
        gaps = [s.unknown for s in self.rows.values() if s.unknown is not None]
        known_shares = [s for s in self.rows.values() if s.unknown is None]
        remains = any(add(s.before, max(s.now, NOTHING)) < s.ordered for s in known_shares)
        return True if remains else join_unknowns(*gaps) if gaps else False

    @property
    def was_complete(self) -> bool:
        """Whether the full order was billed before this document, so that it bills additions
        only.
        """
        known_shares = [s for s in self.rows.values() if s.unknown is None]
        begun = any(s.before > 0 for s in known_shares)
        return begun and all(s.before >= s.ordered for s in known_shares)

    def billed(self) -> dict[str, Decimal]:
        """Return the quantity that this document bills, by line key."""
        return {
            self.keys[row]: share.now
            for row, share in self.rows.items()
            if isinstance(share.now, Decimal) and share.now > 0
        }

    def open(self, *, after: bool) -> dict[str, Decimal]:
        """Return the unbilled quantity by line key, after this document or before it."""
        open_quantities = {}
        for row, share in self.rows.items():
            if share.unknown is None and not self.final:
                billed = add(share.before, max(share.now, NOTHING)) if after else share.before
                remainder = subtract(share.ordered, billed)
                if remainder > 0 and isinstance(remainder, Decimal):
                    open_quantities[self.keys[row]] = remainder
        return open_quantities

    def leaves_out(self, row: Mapping[str, Any]) -> bool:
        """Check whether nothing of a line is due."""
        share = self.rows.get(id(row))
        return share is not None and type(share.now) is not Unknown and share.now <= 0

    def never_bills(self, row: Mapping[str, Any]) -> bool:
        """Check whether no document ever bills a line, because its ordered quantity is 0 or
        less.
        """
        share = self.rows.get(id(row))
        if share is None or share.unknown is not None:
            return False
        return bool(max(share.ordered, share.now) <= 0)


class BillProgram:
    """Evaluate the `bill` clause of one route."""

    def __init__(self, compiler: Compiler, bill: nodes.Bill, places: Decimal) -> None:
        scope = Scope(compiler.index, compiler.record, line=True)
        owner_names = {"rule": BILL_RULE, "owner": compiler.owner}
        self.bill = bill
        self.places = places
        self.owner = compiler.owner
        self.quantity = compiler.guarded(bill.expr, scope, **owner_names)
        self.ordered = compiler.guarded(bill.of, scope, **owner_names)
        lines = compiler.index.line_records.get(compiler.record)
        key = compiler.index.marked(lines.name, "key") if lines else None
        self.key = key.name if key else ""

    def keyed_lines(self, run: Run) -> list[tuple[str, dict[str, Any]]]:
        """Return the record's lines with their keys. A line without a key uses its line number."""
        keyed_lines = []
        for number, row in enumerate(run.lines, start=1):
            keyed_lines.append((line_key(row.get(self.key), number), row))
        return keyed_lines

    def due(self, run: Run, before: Mapping[str, Decimal]) -> Shares:
        """Return what a new document bills: each quantity less what was billed before."""
        shares = self._no_shares()
        for key, row in self._lines(run, shares):
            quantity, ordered = self._ask(run, row)
            billed = before.get(key, NOTHING)
            shares.rows[id(row)] = self._share(billed, self._less(quantity, billed), ordered)
        return shares

    def again(
        self, run: Run, before: Mapping[str, Decimal], own_quantities: Mapping[str, Decimal]
    ) -> Shares:
        """Return what a document bills that is created again with its own quantities."""
        shares = self._no_shares()
        for key, row in self._lines(run, shares):
            _, ordered = self._ask(run, row)
            billed, own_quantity = before.get(key, NOTHING), own_quantities.get(key, NOTHING)
            shares.rows[id(row)] = self._share(billed, own_quantity, ordered)
        return shares

    def over(self, run: Run, before: Mapping[str, Decimal]) -> bool | Unknown:
        """Check whether more is billed than allowed. A removed line must not be billed at all."""
        billed_by_key = dict(before)
        answers = []
        for key, row in self.keyed_lines(run):
            billed = billed_by_key.pop(key, NOTHING)
            if billed > 0:
                quantity, _ = self._ask(run, row)
                answers.append(quantity if type(quantity) is Unknown else quantity < billed)
        if any(billed > 0 for billed in billed_by_key.values()) or True in answers:
            return True
        gaps = [a for a in answers if type(a) is Unknown]
        return join_unknowns(*gaps) if gaps else False

    def remains(self, run: Run, route: str) -> list[Finding]:
        """Return the finding of an unbilled remainder that `else` assigns to a person, until it is
        released.
        """
        shares, action = run.route.bill, self.bill.action
        if shares is None or action.kind not in {"hold", "review", "warn"}:
            return []
        if (route, BILL_RULE) in run.facts.releases:
            return []
        try:
            remainder = shares.rest
        except ArithmeticError:
            return []  # the lines have their own findings
        return [self._rest_finding(route)] if remainder is True else []

    def _rest_finding(self, route: str) -> Finding:
        action = self.bill.action
        owner = action.role or self.owner
        return Finding(
            code="BIL01",
            error_class="business_rule",
            rule=BILL_RULE,
            route=route,
            severity="warn" if action.kind == "warn" else "hold",
            owner=owner,
            message="A rest remains to be billed.",
            clears=Clearing.by(owner),
            cause_key=CauseKey(CauseKind.RULE, BILL_RULE),
            cause_label="A rest remains to be billed",
            would_pass="everything that was ordered is billed",  # noqa: S106 - no password
            span=action.span,
        )

    def _no_shares(self) -> Shares:
        return Shares(self.places, final=self.bill.action.kind == "drop")

    def _lines(self, run: Run, shares: Shares) -> list[tuple[str, dict[str, Any]]]:
        """Return the lines by key. The share of lines with a duplicate key is unknown."""
        lines = self.keyed_lines(run)
        keys = Counter(key for key, _ in lines)
        unique_lines = []
        for key, row in lines:
            shares.keys[id(row)] = key
            if keys[key] > 1:
                gap = limit_gap(BILL_RULE, self.owner, f"line {key}", _TWICE, self.bill.span)
                shares.rows[id(row)] = Share(NOTHING, Unknown(gap), NOTHING)
            else:
                unique_lines.append((key, row))
        return unique_lines

    def _share(self, before: Decimal, now: Any, ordered: Any) -> Share:
        """Return the share of one line, unknown if its remainder before or after is out of
        bounds.
        """
        share = Share(before, now, ordered)
        if share.unknown is None:
            for billed in (before, add(before, max(now, NOTHING))):
                remainder = self._less(ordered, billed)
                if type(remainder) is Unknown:
                    return Share(before, remainder, ordered)
        return share

    def _less(self, quantity: Any, billed: Number) -> Any:
        try:
            return quantity if type(quantity) is Unknown else subtract(quantity, billed)
        except ArithmeticError as error:
            return Unknown(limit_gap(BILL_RULE, self.owner, "line.due", error, self.bill.span))

    def _ask(self, run: Run, row: dict[str, Any]) -> tuple[Any, Any]:
        run.line = row
        return self.quantity(run), self.ordered(run)


def line_key(value: Any, number: int) -> str:
    """Return a line's key as text, or its line number if it has no key."""
    if value is None or type(value) is Unknown:
        return str(number)
    return number_text(value) if isinstance(value, Decimal) else str(value).strip()


def due_quantity(run: Run) -> Any:
    """Return `line.due`: the quantity that this document bills of the line."""
    return _line_share(run).now


def _line_share(run: Run) -> Share:
    bill = run.route.bill
    share = bill.rows.get(id(run.line)) if bill is not None else None
    return share or Share(Unknown(), Unknown(), Unknown())


def part_of_line(run: Run, value: Any) -> Any:
    """Return `due_of(x)` on a line: the part of x that this document bills."""
    share = _line_share(run)
    gaps = share.unknown
    if type(value) is Unknown or gaps is not None:
        return join_unknowns(value, gaps)
    cumulative = proportional_part(value, add(share.before, share.now), share.ordered, _places(run))
    return CONTEXT.subtract(
        cumulative, proportional_part(value, share.before, share.ordered, _places(run))
    )


def _places(run: Run) -> Decimal:
    return run.route.bill.places if run.route.bill is not None else Decimal("0.01")


def part_of_head(run: Run, value: Any, amount: Callable[[Run], Any]) -> Any:
    """Return `due_of(x)` in the header: the final document bills all of x that no earlier document
    bills.

    `value` is x, and `amount` computes it from the record as it was earlier.
    """
    bill = run.route.bill
    remains = False if bill is None or bill.final else bill.rest
    if type(value) is Unknown or type(remains) is Unknown:
        return join_unknowns(value, remains)
    billed = (
        bill.earlier_amount(run, amount)
        if bill is not None and bill.earlier_amount and not remains
        else None
    )
    if type(billed) is Unknown:
        return billed
    if remains or (billed is None and bill is not None and bill.was_complete):
        return NOTHING
    rounded = round_half_up(value, _places(run))
    return rounded if not billed else CONTEXT.subtract(rounded, round_half_up(billed, _places(run)))


def lines_ever_billed(run: Run) -> list[dict[str, Any]] | None:
    """Return the lines that a partial bill shows, or None if the route has no partial bills.

    A line without an ordered quantity is in no part, even if the record counts its amount.
    """
    bill = run.route.bill
    if bill is None:
        return None
    run.spend(len(run.lines))
    return [row for row in run.lines if not bill.never_bills(row)]


def proportional_part(value: Number, quantity: Number, total: Number, places: Decimal) -> Decimal:
    """Return the part of a value that belongs to a quantity of the total quantity, rounded.

    >>> proportional_part(Decimal("10.01"), Decimal(2), Decimal(3), Decimal("0.01"))
    Decimal('6.67')
    """
    if not quantity:
        return NOTHING
    return round_half_up(divide(multiply(value, quantity), total), places)


class LinkProgram:
    """Evaluate one link of one record kind: turn the linked bodies in the facts into runs."""

    def __init__(self, compiler: Compiler, link: nodes.Link) -> None:
        self.link = link
        self.owner = link.action.role or compiler.owner
        self.other = compiler.of(link.other)
        self.currencies = compiler.currencies
        self.reader = Reader(compiler.index, link.other)
        scope = Scope(compiler.index, link.other)
        own_scope = Scope(compiler.index, compiler.record)
        self.own_value = None if link.of_lines else compiler.field(link.ours, own_scope)
        self.other_value = self.other.field(link.theirs, scope)
        self.where: Closure | None = None
        if link.where is not None:
            where_scope = Scope.of_link(compiler.index, link)
            self.where = self.other.guarded(link.where, where_scope, link.name, self.owner)
        key, dated = (compiler.index.marked(link.other, mark) for mark in ("key", "dated"))
        self.key = key.name if key else ""
        self.dated = dated.name if dated else ""

    def runs(self, run: Run) -> list[Run] | Unknown:
        """Return the linked records' runs, oldest first; Unknown if a record's link is unknown."""
        if self not in run.memo:
            run.memo[self] = self._gather(run)
        runs: list[Run] | Unknown = run.memo[self]
        return runs

    def _gather(self, run: Run) -> list[Run] | Unknown:
        if run.root is not run:
            return Unknown(self._gap("the links of a linked record are not followed"))
        join_values = self._join_values(run)
        if type(join_values) is Unknown:
            return join_values
        linked, unsure = [], []
        for body in run.facts.links.get(self.link.name, ()):
            inner = self._read(body, run)
            belongs = inner if type(inner) is Unknown else self._belongs(inner, join_values)
            if type(belongs) is Unknown:
                unsure.append(belongs)
            elif belongs:
                linked.append(inner)
        if unsure:
            return join_unknowns(*unsure)
        if len(linked) > self.link.most:
            return Unknown(
                self._gap(f"{len(linked)} records, at most {self.link.most} are allowed")
            )
        return sorted(linked, key=self._age)

    def _join_values(self, run: Run) -> frozenset[Any] | Unknown:
        """Return the values that join records: one of the header, or one per line. Blank values
        join nothing.
        """
        if self.own_value is None:
            run.spend(len(run.lines))
            line_values = (row.get(self.link.ours) for row in run.lines)
            return frozenset(
                value for value in line_values if value is not None and type(value) is not Unknown
            )
        value = self.own_value(run)
        return value if type(value) is Unknown else frozenset((value,))

    def _read(self, body: Mapping[str, object], run: Run) -> Any:
        content = self.reader.read(body)
        run.spend(1 + len(content.lines))
        if content.too_many_lines:
            return Unknown(self._gap(f"one of them has more than {MOST_LINES} lines"))
        record_label = f"{self.link.other} {_number_text(content.head.get(self.key))}"
        content = _name_record(content, record_label)
        currency = self.currencies.of(run.head)
        self.other.currencies.linked(
            content, currency, link=self.link, owner=self.owner, record_label=record_label
        )
        inner = Run(
            content=content,
            facts=run.facts,
            world=run.world,
            now=run.now,
            today=run.now.astimezone(self.other.zone).date(),
        )
        inner.root = run
        inner.lookups, inner.conversions, inner.clock = run.lookups, run.conversions, run.clock
        return inner

    def _belongs(self, inner: Run, join_values: Any) -> Any:
        value = self.other_value(inner)
        if type(value) is Unknown:
            return value
        if value not in join_values:
            return False
        return True if self.where is None else self.where(inner)

    def _age(self, inner: Run) -> tuple[bool, str, str]:
        """Return a sort key by date. Unknown dates sort last, so that the latest is then unknown
        too.
        """
        dated = inner.head.get(self.dated)
        date_text = dated.isoformat() if isinstance(dated, date | datetime) else ""
        return (not date_text, date_text, _number_text(inner.head.get(self.key)))

    def _gap(self, why: str) -> Gap:
        name = self.link.name
        message = f"{name} cannot be listed: {why}."
        return Gap(
            kind="limit",
            rule=name,
            code="LNK01",
            error_class="business_rule",
            owner=self.owner,
            message=message,
            cause_key=CauseKey(CauseKind.RULE, name),
            cause_label=f"{name} cannot be listed",
            would_pass=f"there are at most {self.link.most} {name}",
            span=self.link.span,
        )


def _number_text(value: Any) -> str:
    return "(no number)" if value is None or type(value) is Unknown else str(value)


def _name_record(content: Content, record_label: str) -> Content:
    """Return the content of a linked record whose gaps name that record."""
    gaps_by_place = {(gap.rule, line): gap for gap, line in content.gaps}
    for number, row in enumerate((content.head, *content.lines)):
        for name, value in row.items():
            if type(value) is Unknown:
                gaps = (gaps_by_place.get((gap.rule, number or None), gap) for gap in value.gaps)
                row[name] = Unknown(*(_with_record_name(gap, record_label) for gap in gaps))
    return content


def _with_record_name(gap: Gap, record_label: str) -> Gap:
    kind = "fact" if gap.kind == "required" else gap.kind
    return replace(gap, kind=kind, message=f"{record_label}: {gap.message}")


def family_keys(
    index: Index, body: Mapping[str, object], kind: str
) -> Iterator[tuple[str, str, str]]:
    """Yield (link name, key value, required kind) for each link that joins this record.

    Two records belong together if name and value are equal. The required kind is blank on the
    linked side.
    """
    for links in index.links.values():
        for link in links.values():
            name = f"link:{link.record}.{link.name}"
            if link.record == kind:
                for value in _join_values(link, body):
                    yield from _link_key(name, value, link.other)
            if link.other == kind:
                yield from _link_key(name, body.get(link.theirs), "")


def _join_values(link: nodes.Link, body: Mapping[str, object]) -> Iterator[object]:
    """Yield the values that join a record: one value of its own, or the values of its lines without
    repetition.
    """
    if not link.of_lines:
        yield body.get(link.ours)
        return
    lines = body.get("lines")
    rows = [row for row in lines if isinstance(row, Mapping)] if isinstance(lines, list) else []
    line_values = (row.get(link.ours) for row in rows)
    yield from dict.fromkeys(value for value in line_values if isinstance(value, str | int))


def _link_key(name: str, value: object, other_kind: str) -> Iterator[tuple[str, str, str]]:
    if isinstance(value, str) and value.strip():
        yield name, value.strip(), other_kind
    elif isinstance(value, int) and not isinstance(value, bool):
        yield name, str(value), other_kind


def checks_reading_links(index: Index, kind: str) -> frozenset[str]:
    """Return the names of a kind's checks that read linked records, as far as the rules show."""
    record_checks = (c for c in index.ruleset.checks if any(w.name == kind for w in c.records))
    return frozenset(
        c.name for c in record_checks if reads_links(index, kind, (c.when, *c.requires))
    )


def reads_links(index: Index, kind: str, expressions: object) -> bool:
    """Check whether expressions read the linked records of a kind, also through computed fields."""
    links, lines = index.links.get(kind, {}), index.line_records.get(kind)
    fields = [*index.records[kind].fields, *(lines.fields if lines else ())]
    formulas: dict[str, list[nodes.Expr]] = {}
    for field in fields:
        if isinstance(field, nodes.Computed):
            formulas.setdefault(field.name, []).append(field.expr)
    used_words, pending = set[str](), [expressions] if links else []
    while pending:
        words = {word for path in nodes.mentioned(pending.pop()) for word in path} - used_words
        used_words |= words
        pending += [formula for word in words for formula in formulas.get(word, ())]
    return not used_words.isdisjoint(links)

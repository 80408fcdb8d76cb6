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
from grammar.text.vocabulary import Edition
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
"""Rows, each list with the run of the record that it belongs to."""

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
"""What is asked of the judged record or of its route: a link may not ask it of other records."""


class Lists:
    """Compiles aggregates for one Compiler."""

    def __init__(self, compiler: Compiler) -> None:
        self.compiler = compiler
        self._known: dict[nodes.Call, Closure] = {}
        self.keys: dict[nodes.Call, object] = {}  # under which a run keeps what was worked out
        self._links: dict[nodes.Link, LinkProgram] = {}

    def aggregate(self, node: nodes.Call, scope: Scope) -> Closure:
        """The closure of one aggregate; worked out once a record unless it looks at `line`."""
        if node not in self._known:
            self._known[node] = self._aggregate(node, scope)
        return self._known[node]

    def _aggregate(self, node: nodes.Call, scope: Scope) -> Closure:
        arg = node.args[0]
        assert isinstance(arg, nodes.Name)  # noqa: S101
        over = resolve_list(arg.path, scope)
        assert over is not None  # noqa: S101
        where = self._where(node, scope, over.record)
        field = self._field(over.record, over.field) if over.field else None
        inner = self._over(over, self._bodies(".".join(arg.path[:-1]))[node.name](where, field))
        if node.where is not None and mentions_line(node.where):
            return inner
        key = self.keys.setdefault(node, object())

        def once(run: Run) -> Any:
            if key not in run.memo:
                outer, run.uses = run.uses, []
                run.memo[key] = (inner(run), tuple(dict.fromkeys(run.uses)))
                run.uses = outer
            value, uses = run.memo[key]
            run.uses.extend(uses)
            return value

        return once

    def _over(self, over: Listed, body: Callable[[Run, Rows], Any]) -> Closure:
        """The aggregate over the record's own lines, or over what is linked."""
        if over.link is None:
            return lambda run: body(run, [(run, run.shown)])
        if over.link not in self._links:
            self._links[over.link] = LinkProgram(self.compiler, over.link)
        link = self._links[over.link]

        def of_linked(run: Run) -> Any:
            linked = link.runs(run)
            if isinstance(linked, Unknown):
                return linked
            return body(run, [(r, r.shown if over.lines else [r.head]) for r in linked])

        return of_linked

    def _where(self, node: nodes.Call, scope: Scope, item: str) -> Closure | None:
        if node.where is None:
            return None
        return self.compiler.expr(node.where, scope.inside(item))

    def _field(self, item: str, name: str) -> Closure:
        declared = self.compiler.index.fields[item][name]
        return self.compiler.ref(Ref("item", name, declared, item))

    def _bodies(self, many: str) -> dict[str, Callable[..., Callable[[Run, Rows], Any]]]:
        return {
            "sum": _sum,
            "count": _count,
            "any": lambda where, _: lambda run, rows: any_of(_answers(run, rows, where)),
            "all": lambda where, _: lambda run, rows: all_of(_answers(run, rows, where)),
            "latest": lambda where, field: _latest(where, field, many, self.compiler.owner),
        }


def _sum(where: Closure | None, field: Closure) -> Callable[[Run, Rows], Any]:
    def add_up(run: Run, rows: Rows) -> Any:
        total: Any = Decimal(0)
        unknown = []
        for _ in _each(run, rows):
            wanted = True if where is None else where(run)
            value: Any = field(run) if wanted is True else wanted
            if type(value) is Unknown:
                unknown.append(value)
            elif wanted is True:
                total = kinds.add(total, value)
        return join_unknowns(*unknown) if unknown else total

    return add_up


def _each(run: Run, rows: Rows) -> Iterator[Row]:
    """Each row in turn as the element that a bare name means inside `where`."""
    outer = run.item, run.home
    for home, of_one in rows:
        run.spend(len(of_one))
        for row in of_one:
            run.item, run.home = row, home
            yield row
    run.item, run.home = outer


def _count(where: Closure | None, _: Closure | None) -> Callable[[Run, Rows], Any]:
    return lambda run, rows: count_answers(_answers(run, rows, where))


def _answers(run: Run, rows: Rows, where: Closure | None) -> list[Any]:
    return [True if where is None else where(run) for _ in _each(run, rows)]


def _latest(
    where: Closure | None, field: Closure, many: str, owner: str
) -> Callable[[Run, Rows], Any]:
    nothing = Unknown(_empty_gap(many, owner))

    def latest(run: Run, rows: Rows) -> Any:
        value: Any = nothing
        for _ in _each(run, rows):
            wanted = True if where is None else where(run)
            if wanted is not False:
                value = field(run) if wanted is True else wanted
        return value

    return latest


def _empty_gap(many: str, owner: str) -> Gap:
    message = f"{many} is empty, so there is no latest."
    return Gap(
        kind="field",
        rule=many,
        code="MIS01",
        error_class="missing_field",
        owner=owner,
        message=message,
        cause_key=CauseKey(CauseKind.FIELD, many),
        cause_label=message,
        would_pass=f"{many} has a row",
        span=NOWHERE,
    )


def mentions_line(expr: Any) -> bool:
    """Whether an expression looks at the line it stands in."""
    if isinstance(expr, nodes.Name):
        return expr.path[0] == "line"
    return any(mentions_line(part) for part in nodes.inner(expr))


def is_costly(node: Any) -> bool:
    """Whether an expression on a line goes over a list again, which counts as steps each time."""
    if isinstance(node, nodes.Call) and node.where is not None:
        return node.name in AGGREGATES and mentions_line(node.where)
    return any(is_costly(part) for part in nodes.inner(node))


def names_in(node: Any) -> set[str]:
    """The names and functions of an expression, or of several."""
    return {".".join(path) for path in nodes.mentioned(node)}


def count_answers(answers: list[Any]) -> Any:
    """How many answers are yes, or the Unknown of those that nobody could give."""
    unknown = [a for a in answers if type(a) is Unknown]
    return join_unknowns(*unknown) if unknown else Decimal(sum(a is True for a in answers))


@dataclass(frozen=True, slots=True)
class Share:
    """Of one line: billed before this document, by this document, and in all; or Unknown."""

    before: Any
    now: Any
    whole: Any

    @property
    def unknown(self) -> Unknown | None:
        """Why it cannot be said, if it cannot."""
        values = (self.before, self.now, self.whole)
        return join_unknowns(*values) if any(type(v) is Unknown for v in values) else None


@dataclass(slots=True)
class Shares:
    """What one document bills: a share for each line of the record, by the line's row."""

    places: Decimal
    rows: dict[int, Share] = dataclasses.field(default_factory=dict)
    keys: dict[int, str] = dataclasses.field(default_factory=dict)
    final: bool = False  # the rest is never billed
    strict: bool = True  # what no part bills is missed; rules of earlier editions do not ask
    had: Callable[[Run, Any], Any] | None = None  # what earlier documents bill of the header

    @property
    def due(self) -> bool:
        """Whether it bills anything, as far as is known."""
        return any(type(s.now) is Unknown or s.now > 0 for s in self.rows.values())

    @property
    def rest(self) -> bool | Unknown:
        """Whether something remains to be billed after it."""
        gaps = [s.unknown for s in self.rows.values() if s.unknown is not None]
        known = [s for s in self.rows.values() if s.unknown is None]
        remains = any(add(s.before, max(s.now, NOTHING)) < s.whole for s in known)
        return True if remains else join_unknowns(*gaps) if gaps else False

    @property
    def was_complete(self) -> bool:
        """Whether all that was ordered was billed before it: what comes on top of an order."""
        known = [s for s in self.rows.values() if s.unknown is None]
        begun = self.strict and any(s.before > 0 for s in known)
        return begun and all(s.before >= s.whole for s in known)

    def billed(self) -> dict[str, Decimal]:
        """Line key -> quantity, of what it bills."""
        return {
            self.keys[row]: share.now
            for row, share in self.rows.items()
            if isinstance(share.now, Decimal) and share.now > 0
        }

    def open(self, *, after: bool) -> dict[str, Decimal]:
        """Line key -> quantity that was not billed yet: after this document, or before it."""
        found = {}
        for row, share in self.rows.items():
            if share.unknown is None and not self.final:
                had = add(share.before, max(share.now, NOTHING)) if after else share.before
                left = subtract(share.whole, had)
                if left > 0 and isinstance(left, Decimal):
                    found[self.keys[row]] = left
        return found

    def leaves_out(self, row: Mapping[str, Any]) -> bool:
        """Whether nothing of a line is due."""
        share = self.rows.get(id(row))
        return share is not None and type(share.now) is not Unknown and share.now <= 0

    def never_bills(self, row: Mapping[str, Any]) -> bool:
        """Whether no document ever bills a line: nothing, or less, was ordered of it."""
        share = self.rows.get(id(row))
        if not self.strict or share is None or share.unknown is not None:
            return False
        return bool(max(share.whole, share.now) <= 0)


class BillProgram:
    """The `bill` clause of one route."""

    def __init__(self, compiler: Compiler, bill: nodes.Bill, places: Decimal) -> None:
        scope = Scope(compiler.index, compiler.record, line=True)
        make = {"rule": BILL_RULE, "owner": compiler.owner}
        self.bill = bill
        self.places = places
        self.strict = compiler.index.edition >= Edition.FIFTH
        self.owner = compiler.owner
        self.quantity = compiler.guarded(bill.expr, scope, **make)
        self.whole = compiler.guarded(bill.of, scope, **make)
        lines = compiler.index.line_records.get(compiler.record)
        key = compiler.index.marked(lines.name, "key") if lines else None
        self.key = key.name if key else ""

    def keyed(self, run: Run) -> list[tuple[str, dict[str, Any]]]:
        """The lines of the record with their keys; a line without one has its place."""
        found = []
        for number, row in enumerate(run.lines, start=1):
            found.append((line_key(row.get(self.key), number), row))
        return found

    def due(self, run: Run, before: Mapping[str, Decimal]) -> Shares:
        """What a new document bills: the quantity less what is billed before it."""
        shares = self._no_shares()
        for key, row in self._lines(run, shares):
            quantity, whole = self._ask(run, row)
            had = before.get(key, NOTHING)
            shares.rows[id(row)] = self._share(had, self._less(quantity, had), whole)
        return shares

    def again(self, run: Run, before: Mapping[str, Decimal], own: Mapping[str, Decimal]) -> Shares:
        """What a document bills that is made again with its own quantities."""
        shares = self._no_shares()
        for key, row in self._lines(run, shares):
            _, whole = self._ask(run, row)
            had, mine = before.get(key, NOTHING), own.get(key, NOTHING)
            shares.rows[id(row)] = self._share(had, mine, whole)
        return shares

    def over(self, run: Run, before: Mapping[str, Decimal]) -> bool | Unknown:
        """Whether more is billed than may be now; a line that is gone may not be billed at all."""
        left = dict(before)
        answers = []
        for key, row in self.keyed(run):
            had = left.pop(key, NOTHING)
            if had > 0:
                quantity, _ = self._ask(run, row)
                answers.append(quantity if type(quantity) is Unknown else quantity < had)
        if any(had > 0 for had in left.values()) or True in answers:
            return True
        gaps = [a for a in answers if type(a) is Unknown]
        return join_unknowns(*gaps) if gaps else False

    def remains(self, run: Run, route: str) -> list[Finding]:
        """The finding of a rest that `else` gives to a person, until somebody lets it pass; in
        rules of earlier editions nobody could.
        """
        shares, action = run.route.bill, self.bill.action
        if shares is None or action.kind not in {"hold", "review", "warn"}:
            return []
        if self.strict and (route, BILL_RULE) in run.facts.releases:
            return []
        try:
            rest = shares.rest
        except ArithmeticError:
            return []  # the lines say so themselves
        return [self._rest_finding(route)] if rest is True else []

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
        return Shares(self.places, final=self.bill.action.kind == "drop", strict=self.strict)

    def _lines(self, run: Run, shares: Shares) -> list[tuple[str, dict[str, Any]]]:
        """The lines by key; a key that two lines have says nothing of either."""
        lines = self.keyed(run)
        keys = Counter(key for key, _ in lines)
        found = []
        for key, row in lines:
            shares.keys[id(row)] = key
            if keys[key] > 1:
                gap = limit_gap(BILL_RULE, self.owner, f"line {key}", _TWICE, self.bill.span)
                shares.rows[id(row)] = Share(NOTHING, Unknown(gap), NOTHING)
            else:
                found.append((key, row))
        return found

    def _share(self, before: Decimal, now: Any, whole: Any) -> Share:
        """The share of one line; unknown where its rest before or after is out of bounds."""
        share = Share(before, now, whole)
        if share.unknown is None:
            for had in (before, add(before, max(now, NOTHING))):
                left = self._less(whole, had)
                if type(left) is Unknown:
                    return Share(before, left, whole)
        return share

    def _less(self, quantity: Any, had: Number) -> Any:
        try:
            return quantity if type(quantity) is Unknown else subtract(quantity, had)
        except ArithmeticError as reason:
            return Unknown(limit_gap(BILL_RULE, self.owner, "line.due", reason, self.bill.span))

    def _ask(self, run: Run, row: dict[str, Any]) -> tuple[Any, Any]:
        run.line = row
        return self.quantity(run), self.whole(run)


def line_key(value: Any, number: int) -> str:
    """The key of a line as text; a line without one has its place."""
    if value is None or type(value) is Unknown:
        return str(number)
    return number_text(value) if isinstance(value, Decimal) else str(value).strip()


def due_quantity(run: Run) -> Any:
    """`line.due`: what this document bills of the line."""
    return _share(run).now


def _share(run: Run) -> Share:
    bill = run.route.bill
    found = bill.rows.get(id(run.line)) if bill is not None else None
    return found or Share(Unknown(), Unknown(), Unknown())


def part_of_line(run: Run, value: Any) -> Any:
    """`due_of(x)` on a line: what of x falls on this document."""
    share = _share(run)
    gaps = share.unknown
    if type(value) is Unknown or gaps is not None:
        return join_unknowns(value, gaps)
    until = proportional_part(value, add(share.before, share.now), share.whole, _places(run))
    return CONTEXT.subtract(
        until, proportional_part(value, share.before, share.whole, _places(run))
    )


def _places(run: Run) -> Decimal:
    return run.route.bill.places if run.route.bill is not None else Decimal("0.01")


def part_of_head(run: Run, value: Any, amount: Callable[[Run], Any]) -> Any:
    """`due_of(x)` in the header: with the document that completes the bill, all of x that is on
    none before it. `value` is x, and `amount` gives it of the record as it was.
    """
    bill = run.route.bill
    rest = False if bill is None or bill.final else bill.rest
    if type(value) is Unknown or type(rest) is Unknown:
        return join_unknowns(value, rest)
    had = bill.had(run, amount) if bill is not None and bill.had and not rest else None
    if type(had) is Unknown:
        return had
    if rest or (had is None and bill is not None and bill.was_complete):
        return NOTHING
    whole = round_half_up(value, _places(run))
    return whole if not had else CONTEXT.subtract(whole, round_half_up(had, _places(run)))


def lines_ever_billed(run: Run) -> list[dict[str, Any]] | None:
    """The lines that some part of a bill shows; None where nothing is billed in parts.

    A line of which nothing was ordered is in no part, however much the record counts it for.
    """
    bill = run.route.bill
    if bill is None:
        return None
    run.spend(len(run.lines))
    return [row for row in run.lines if not bill.never_bills(row)]


def proportional_part(value: Number, quantity: Number, whole: Number, places: Decimal) -> Decimal:
    """The part of a value that belongs to a quantity of the whole, rounded.

    >>> proportional_part(Decimal("10.01"), Decimal(2), Decimal(3), Decimal("0.01"))
    Decimal('6.67')
    """
    if not quantity:
        return NOTHING
    return round_half_up(divide(multiply(value, quantity), whole), places)


class LinkProgram:
    """One link of one record kind: from the bodies in the facts to runs of the linked records."""

    def __init__(self, compiler: Compiler, link: nodes.Link) -> None:
        self.link = link
        self.owner = link.action.role or compiler.owner
        self.other = compiler.of(link.other)
        self.currencies = compiler.currencies
        self.reader = Reader(compiler.index, link.other)
        scope = Scope(compiler.index, link.other)
        here = Scope(compiler.index, compiler.record)
        self.ours = None if link.of_lines else compiler.field(link.ours, here)
        self.theirs = self.other.field(link.theirs, scope)
        self.where: Closure | None = None
        if link.where is not None:
            asked = Scope.of_link(compiler.index, link)
            self.where = self.other.guarded(link.where, asked, link.name, self.owner)
        key, dated = (compiler.index.marked(link.other, mark) for mark in ("key", "dated"))
        self.key = key.name if key else ""
        self.dated = dated.name if dated else ""

    def runs(self, run: Run) -> list[Run] | Unknown:
        """The linked records, oldest first; unknown if one of them may belong here or not."""
        if self not in run.memo:
            run.memo[self] = self._gather(run)
        found: list[Run] | Unknown = run.memo[self]
        return found

    def _gather(self, run: Run) -> list[Run] | Unknown:
        if run.root is not run:
            return Unknown(self._gap("the links of a linked record are not followed"))
        ours = self._wanted(run)
        if type(ours) is Unknown:
            return ours
        found, unsure = [], []
        for body in run.facts.links.get(self.link.name, ()):
            inner = self._read(body, run)
            belongs = inner if type(inner) is Unknown else self._belongs(inner, ours)
            if type(belongs) is Unknown:
                unsure.append(belongs)
            elif belongs:
                found.append(inner)
        if unsure:
            return join_unknowns(*unsure)
        if len(found) > self.link.most:
            return Unknown(self._gap(f"{len(found)} records, at most {self.link.most} are allowed"))
        return sorted(found, key=self._age)

    def _wanted(self, run: Run) -> frozenset[Any] | Unknown:
        """The values by which records are joined: one, or one a line; a blank one joins nothing."""
        if self.ours is None:
            run.spend(len(run.lines))
            told = (row.get(self.link.ours) for row in run.lines)
            return frozenset(one for one in told if one is not None and type(one) is not Unknown)
        one = self.ours(run)
        return one if type(one) is Unknown else frozenset((one,))

    def _read(self, body: Mapping[str, object], run: Run) -> Any:
        content = self.reader.read(body)
        run.spend(1 + len(content.lines))
        if content.too_many_lines:
            return Unknown(self._gap(f"one of them has more than {MOST_LINES} lines"))
        whose = f"{self.link.other} {_said(content.head.get(self.key))}"
        content = _loud(content, whose)
        ours = self.currencies.of(run.head)
        self.other.currencies.linked(content, ours, link=self.link, owner=self.owner, whose=whose)
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

    def _belongs(self, inner: Run, ours: Any) -> Any:
        theirs = self.theirs(inner)
        if type(theirs) is Unknown:
            return theirs
        if theirs not in ours:
            return False
        return True if self.where is None else self.where(inner)

    def _age(self, inner: Run) -> tuple[bool, str, str]:
        """Unknown days come last, so that the latest of them is unknown too."""
        day = inner.head.get(self.dated)
        text = day.isoformat() if isinstance(day, date | datetime) else ""
        return (not text, text, _said(inner.head.get(self.key)))

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


def _said(value: Any) -> str:
    return "(no number)" if value is None or type(value) is Unknown else str(value)


def _loud(content: Content, whose: str) -> Content:
    """The content of a linked record; what it lacks is said here too, with its number."""
    exact = {(gap.rule, line): gap for gap, line in content.gaps}
    for number, row in enumerate((content.head, *content.lines)):
        for name, value in row.items():
            if type(value) is Unknown:
                gaps = (exact.get((gap.rule, number or None), gap) for gap in value.gaps)
                row[name] = Unknown(*(_said_here(gap, whose) for gap in gaps))
    return content


def _said_here(gap: Gap, whose: str) -> Gap:
    kind = "fact" if gap.kind == "required" else gap.kind
    return replace(gap, kind=kind, message=f"{whose}: {gap.message}")


def family_keys(
    index: Index, body: Mapping[str, object], kind: str
) -> Iterator[tuple[str, str, str]]:
    """How this record is found by links: (name of the key, its value, the kind that is wanted).

    Two records belong together where name and value are equal; the kind wanted is empty on the
    side that is only found.
    """
    for links in index.links.values():
        for link in links.values():
            name = f"link:{link.record}.{link.name}"
            if link.record == kind:
                for value in _ours(link, body):
                    yield from _key(name, value, link.other)
            if link.other == kind:
                yield from _key(name, body.get(link.theirs), "")


def _ours(link: nodes.Link, body: Mapping[str, object]) -> Iterator[object]:
    """What a record is joined by: a value of its own, or those of its lines, each once."""
    if not link.of_lines:
        yield body.get(link.ours)
        return
    lines = body.get("lines")
    rows = [row for row in lines if isinstance(row, Mapping)] if isinstance(lines, list) else []
    told = (row.get(link.ours) for row in rows)
    yield from dict.fromkeys(one for one in told if isinstance(one, str | int))


def _key(name: str, value: object, wanted: str) -> Iterator[tuple[str, str, str]]:
    if isinstance(value, str) and value.strip():
        yield name, value.strip(), wanted
    elif isinstance(value, int) and not isinstance(value, bool):
        yield name, str(value), wanted


def checks_reading_links(index: Index, kind: str) -> frozenset[str]:
    """The names of the checks of a kind that look at what its links join, as far as one can see."""
    found = (c for c in index.ruleset.checks if any(w.name == kind for w in c.records))
    return frozenset(c.name for c in found if reads_links(index, kind, (c.when, *c.requires)))


def reads_links(index: Index, kind: str, asked: object) -> bool:
    """Whether expressions look at what the links of a kind join, also through computed fields."""
    links, lines = index.links.get(kind, {}), index.line_records.get(kind)
    fields = [*index.records[kind].fields, *(lines.fields if lines else ())]
    formulas: dict[str, list[nodes.Expr]] = {}
    for field in fields:
        if isinstance(field, nodes.Computed):
            formulas.setdefault(field.name, []).append(field.expr)
    told, waiting = set[str](), [asked] if links else []
    while waiting:
        words = {word for path in nodes.mentioned(waiting.pop()) for word in path} - told
        told |= words
        waiting += [formula for word in words for formula in formulas.get(word, ())]
    return not told.isdisjoint(links)

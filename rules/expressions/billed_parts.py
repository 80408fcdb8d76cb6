"""Bills in parts: what of each line falls on one document.

Here: BillProgram (what is due of each line), Shares (what one document bills), `line.due` and
`due_of`. The parts of an amount are rounded cumulatively, so that they add up to the whole. Not
here: which documents are made (decisions/posting_steps.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from grammar import nodes as n
from grammar.text.editions import Edition
from rules.outcomes.outcome import Finding
from rules.types.symbol_table import Scope
from rules.values.canonical import number_text
from rules.values.cause_keys import CauseKey, CauseKind, Clearing
from rules.values.numbers import CONTEXT, Number, add, divide, multiply, round_half_up, subtract
from rules.values.unknown import Unknown, join, limit_gap

if TYPE_CHECKING:
    from rules.expressions.compiler import Compiler
    from rules.expressions.run import Run

RULE = "bill"
NOTHING = Decimal(0)
_TWICE = ArithmeticError("two lines have one key")


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
        return join(*values) if any(type(v) is Unknown for v in values) else None


@dataclass(slots=True)
class Shares:
    """What one document bills: a share for each line of the record, by the line's row."""

    places: Decimal
    rows: dict[int, Share] = field(default_factory=dict)
    keys: dict[int, str] = field(default_factory=dict)
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
        return True if remains else join(*gaps) if gaps else False

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

    def __init__(self, compiler: Compiler, bill: n.Bill, places: Decimal) -> None:
        scope = Scope(compiler.index, compiler.record, line=True)
        make = {"rule": RULE, "owner": compiler.owner}
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
        return join(*gaps) if gaps else False

    def remains(self, run: Run, route: str) -> list[Finding]:
        """The finding of a rest that `else` gives to a person, until somebody lets it pass; in
        rules of earlier editions nobody could.
        """
        shares, action = run.route.bill, self.bill.action
        if shares is None or action.kind not in {"hold", "review", "warn"}:
            return []
        if self.strict and (route, RULE) in run.facts.releases:
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
            rule=RULE,
            route=route,
            severity="warn" if action.kind == "warn" else "hold",
            owner=owner,
            message="A rest remains to be billed.",
            clears=Clearing.by(owner),
            cause_key=CauseKey(CauseKind.RULE, RULE),
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
                gap = limit_gap(RULE, self.owner, f"line {key}", _TWICE, self.bill.span)
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
            return Unknown(limit_gap(RULE, self.owner, "line.due", reason, self.bill.span))

    def _ask(self, run: Run, row: dict[str, Any]) -> tuple[Any, Any]:
        run.line = row
        return self.quantity(run), self.whole(run)


def line_key(value: Any, number: int) -> str:
    """The key of a line as text; a line without one has its place."""
    if value is None or type(value) is Unknown:
        return str(number)
    return number_text(value) if isinstance(value, Decimal) else str(value).strip()


def due(run: Run) -> Any:
    """`line.due`: what this document bills of the line."""
    return _share(run).now


def part_of_line(run: Run, value: Any) -> Any:
    """`due_of(x)` on a line: what of x falls on this document."""
    share = _share(run)
    gaps = share.unknown
    if type(value) is Unknown or gaps is not None:
        return join(value, gaps)
    until = part(value, add(share.before, share.now), share.whole, _places(run))
    return CONTEXT.subtract(until, part(value, share.before, share.whole, _places(run)))


def part_of_head(run: Run, value: Any, amount: Callable[[Run], Any]) -> Any:
    """`due_of(x)` in the header: with the document that completes the bill, all of x that is on
    none before it. `value` is x, and `amount` gives it of the record as it was.
    """
    bill = run.route.bill
    rest = False if bill is None or bill.final else bill.rest
    if type(value) is Unknown or type(rest) is Unknown:
        return join(value, rest)
    had = bill.had(run, amount) if bill is not None and bill.had and not rest else None
    if type(had) is Unknown:
        return had
    if rest or (had is None and bill is not None and bill.was_complete):
        return NOTHING
    whole = round_half_up(value, _places(run))
    return whole if not had else CONTEXT.subtract(whole, round_half_up(had, _places(run)))


def ever_billed(run: Run) -> list[dict[str, Any]] | None:
    """The lines that some part of a bill shows; None where nothing is billed in parts.

    A line of which nothing was ordered is in no part, however much the record counts it for.
    """
    bill = run.route.bill
    if bill is None:
        return None
    run.spend(len(run.lines))
    return [row for row in run.lines if not bill.never_bills(row)]


def part(value: Number, quantity: Number, whole: Number, places: Decimal) -> Decimal:
    """The part of a value that belongs to a quantity of the whole, rounded.

    >>> part(Decimal("10.01"), Decimal(2), Decimal(3), Decimal("0.01"))
    Decimal('6.67')
    """
    if not quantity:
        return NOTHING
    return round_half_up(divide(multiply(value, quantity), whole), places)


def _share(run: Run) -> Share:
    bill = run.route.bill
    found = bill.rows.get(id(run.line)) if bill is not None else None
    return found or Share(Unknown(), Unknown(), Unknown())


def _places(run: Run) -> Decimal:
    return run.route.bill.places if run.route.bill is not None else Decimal("0.01")

"""Prove the unit conversions of each line against the units table and the target's item set-up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from grammar import nodes
from grammar.text.problem import Span
from rules.documents.fields import Draft, LineColumns, conversions_of, formula_of, in_base_unit
from rules.expressions.checks import Operands
from rules.expressions.compiler import Compiler
from rules.expressions.run import Closure, EmptyLine, Lookup, Run, is_left_out
from rules.facts import (
    Conversion,
    ItemUnits,
    TargetState,
    find_unit_clash,
    identity_conversion,
    price_proof,
    quantity_proof,
    total_proof,
)
from rules.outcomes import HIT, PASS, UNKNOWN, Finding, Said, UnitDifference, UnitSource, Verdict
from rules.types.symbol_table import Index, Schemas, Scope
from rules.values.cause_keys import ITSELF, CauseKey, Unknown
from rules.values.kinds import Number, multiply, scale, show
from rules.values.wording import MISSING

UNIT_PROOF_RULE: Final = "units"

UNIT_MISMATCH_RULE = "uom_mismatch"

CONFIRMED_RATE_RULE, CONFIRMED_RATE_CODE = "rate_confirmed", "UOM09"


class ProofProgram:
    """All conversions that the rules of one record kind make on its lines."""

    def __init__(self, compiler: Compiler, exprs: Iterator[nodes.Expr]) -> None:
        found: dict[tuple[nodes.Expr, nodes.Expr], dict[str, nodes.Call]] = {}
        for expr in exprs:
            for call in find_conversions(expr):
                found.setdefault((call.args[1], call.args[2]), {}).setdefault(call.name, call)
        scope = Scope(compiler.index, compiler.record, line=True)
        self.units = compiler.units
        self.calls = tuple(next(iter(calls.values())) for calls in found.values())
        self.proofs = [_Proof(compiler, calls, scope) for calls in found.values()]

    def judge(self, run: Run, route: str) -> Said:
        """A verdict for each line and conversion."""
        said = Said()
        if self.units is None or not self.proofs:
            return said
        run.spend(len(run.lines))
        for number, row in enumerate(run.lines, start=1):
            if row.__class__ is EmptyLine:
                continue
            run.line = row
            told = [p.verdict(run, route, number) for p in self.proofs]
            said.verdicts += [verdict for verdict in told if verdict is not None]
        return said


class _Proof:
    """One conversion: of a quantity, and of the price that belongs to it."""

    def __init__(self, compiler: Compiler, calls: dict[str, nodes.Call], scope: Scope) -> None:
        some = next(iter(calls.values()))
        self.span = some.span
        self.compiler = compiler
        self.unit = compiler.guarded(some.args[1], scope, UNIT_PROOF_RULE, "")
        self.item = compiler.guarded(some.args[2], scope, UNIT_PROOF_RULE, "")
        self.quantity = self._value(calls.get("in_base"), scope)
        self.price = self._value(calls.get("price_in_base"), scope)

    def _value(self, call: nodes.Call | None, scope: Scope) -> Closure | None:
        return self.compiler.guarded(call.args[0], scope, UNIT_PROOF_RULE, "") if call else None

    def verdict(self, run: Run, route: str, line: int) -> Verdict | None:
        """The words of the conversion on the current line; None where nobody reads that it is."""
        unit, item = self.unit(run), self.item(run)
        by: Any = None
        if type(unit) is not Unknown and type(item) is not Unknown and self.compiler.units:
            by = self.compiler.units.get(run, unit, item)
        if not isinstance(by, Conversion):
            shown = tuple(
                (name, MISSING if type(v) is Unknown else v)
                for name, v in (("unit", unit), ("item", item))
            )
            return Verdict(UNIT_PROOF_RULE, "units", route, UNKNOWN, self.span, shown, line)
        if not run.whole:
            return None
        try:
            operands = self._operands(run, by)
        except ArithmeticError:
            operands = (("factor", by.factor),)
        text = "; ".join(words for _, words in operands)
        return Verdict(UNIT_PROOF_RULE, "units", route, PASS, self.span, operands, line, text)

    def _operands(self, run: Run, by: Conversion) -> tuple[tuple[str, str], ...]:
        quantity: Any = self.quantity(run) if self.quantity else Unknown()
        price: Any = self.price(run) if self.price else Unknown()
        found: list[tuple[str, str]] = []
        if type(quantity) is not Unknown:
            pieces = scale(quantity, by.num, by.den)
            found.append(("conversion", quantity_proof(quantity, pieces, by)))
        if type(price) is not Unknown:
            base_price = scale(price, by.den, by.num)
            found.append(("price", price_proof(price, base_price, by)))
        if len(found) == 2:
            before, after = multiply(quantity, price), multiply(pieces, base_price)
            found.append(("line total", total_proof(before, after)))
        return tuple(found) or (("factor", by.factor),)


def find_conversions(node: Any) -> Iterator[nodes.Call]:
    """The conversions inside an expression."""
    if isinstance(node, nodes.Call) and node.name in {"in_base", "price_in_base"}:
        if len(node.args) == 3:
            yield node
        return
    for part in nodes.inner(node):
        yield from find_conversions(part)


def line_exprs(index: Index, record: str, posts: list[nodes.Post]) -> Iterator[nodes.Expr]:
    """The expressions that are worked out on a line."""
    lines = index.line_records.get(record)
    for field in lines.fields if lines else ():
        if isinstance(field, nodes.Computed):
            yield field.expr
    for post in posts:
        for assign in post.line_fields:
            yield assign.expr


@dataclass(frozen=True, slots=True)
class _Posted:
    """One line, as it is counted from the source to the target."""

    item: str
    code: str
    by: Conversion
    out: Conversion | Unknown
    unit: str
    set_up: ItemUnits | None
    came: str  # `5 CTN × 12 = 60 PCS`, or nothing
    goes: str
    quantity: Number | None
    before: Number | None
    equal: bool


@dataclass(frozen=True, slots=True)
class _Problem:
    """The two of the four that differ, and how, in words."""

    text: str
    differ: tuple[UnitSource, UnitSource]


class AgreementProgram:
    """The units of one route's lines."""

    def __init__(
        self, compiler: Compiler, post: nodes.Post, columns: LineColumns, proofs: ProofProgram
    ) -> None:
        self.columns, self.units = columns, compiler.units
        self.route, self.target = str(post.route), post.route.target
        missing = compiler.units.declared.missing.action.role if compiler.units else None
        self.owner = missing or compiler.owner
        scope = Scope(compiler.index, compiler.record, line=True)
        assigned = next(a for a in post.line_fields if a.name == columns.quantity)
        self.span = assigned.span
        whole, calls = conversions_of(assigned.expr, scope, proofs.calls)
        self.converts = calls is not proofs.calls
        self.certain = whole and post.bill is None and in_base_unit(post, columns, calls, scope)
        self.rates = RateProgram(self.route, self.target, self.owner, self.span)
        self._named(compiler, post, scope)
        self.counted = []
        for call in calls:
            ask = [compiler.guarded(arg, scope, UNIT_MISMATCH_RULE, "") for arg in call.args]
            only = whole and post.bill is None and call.name == "in_base"
            self.counted.append(_Counted(ask[1], ask[2], ask[0] if only else None))

    def _named(self, compiler: Compiler, post: nodes.Post, scope: Scope) -> None:
        """Where the posted unit comes out of a map, the target has words of its own for units."""
        self.words: Lookup | None = None
        assigned = formula_of(post, self.columns.unit, scope)
        if isinstance(assigned, nodes.Call) and assigned.name in compiler.lookups:
            self.words = compiler.lookups[assigned.name]
            self.ours = compiler.guarded(assigned.args[0], scope, UNIT_MISMATCH_RULE, "")

    @staticmethod
    def of(
        compiler: Compiler, post: nodes.Post, proofs: ProofProgram, schemas: Schemas | None
    ) -> AgreementProgram | None:
        """The units of a route; None where its lines have no item or no quantity."""
        columns = LineColumns.of(post, schemas)
        return AgreementProgram(compiler, post, columns, proofs) if columns else None

    def judge(self, run: Run, draft: Draft) -> Said:
        """A verdict for each posted line, and a finding where two of the four differ."""
        said = Said()
        state = run.world.targets.get(self.target)
        items = state.items if state is not None and state.known else {}
        run.spend(len(run.lines))
        if not (run.whole or items) and self.certain and not self.asks(run):
            return said
        sent = iter(draft.lines)
        for number, row in enumerate(run.lines, start=1):
            if is_left_out(run, row):
                continue
            run.line = row
            for posted in self._posted(run, next(sent, {}), items):
                self._say(said, posted, number, whole=run.whole)
                told = posted.set_up
                if state and self.converts and is_unconfirmed(posted.by, posted.item, told, state):
                    said.add(self.rates.judge(posted.by, posted.item, state, number))
        return said

    def asks(self, run: Run) -> bool:
        """Whether a line is converted by a rate that nobody confirmed; all of it is known."""
        state, units = run.world.targets.get(self.target), self.units
        if state is None or state.confirmed is None or units is None or not self.converts:
            return False
        for row in run.lines:
            if is_left_out(run, row):
                continue
            run.line = row
            for counted in self.counted:
                unit, item = counted.unit(run), counted.item(run)
                by = units.get(run, unit, item) if isinstance(unit, str) else None
                if isinstance(by, Conversion) and is_unconfirmed(by, str(item), None, state):
                    return True
        run.line = {}
        return False

    def _posted(
        self, run: Run, sent: Mapping[str, str], items: Mapping[str, ItemUnits]
    ) -> Iterator[_Posted]:
        """How the current line is counted; nothing of what is missing, which is said elsewhere."""
        columns = self.columns
        code, quantity = sent.get(columns.item), _number(sent.get(columns.quantity))
        if code is None or quantity is None or (columns.unit and columns.unit not in sent):
            return
        set_up = items.get(code)
        for counted in self.counted:
            unit, item = counted.unit(run), counted.item(run)
            if type(unit) is Unknown or type(item) is Unknown or self.units is None:
                continue
            by = self.units.get(run, unit, item)
            if isinstance(by, Conversion):
                goes_in = self._goes_in(run, sent, by.base if self.converts else unit)
                out = self._out(run, goes_in, item, by)
                came = counted.quantity(run) if counted.quantity else None
                there = self._in_our_words(run, set_up, (by.unit, by.base, goes_in))
                yield _line(item, code, by, out, goes_in, there, came, quantity)
        if not self.counted and columns.unit:
            alone = identity_conversion(sent[columns.unit])
            yield _line(code, code, alone, alone, alone.unit, set_up, None, quantity)

    def _goes_in(self, run: Run, sent: Mapping[str, str], otherwise: str) -> str:
        """The posted unit in the words of the rules."""
        ours = self.ours(run) if self.words is not None else sent.get(self.columns.unit)
        return ours if isinstance(ours, str) and ours else otherwise

    def _in_our_words(
        self, run: Run, set_up: ItemUnits | None, units: tuple[str, ...]
    ) -> ItemUnits | None:
        """The item set-up with our words for its units."""
        if self.words is None or set_up is None:
            return set_up
        names = {unit: self.words.get(run, unit) for unit in units}
        theirs = {unit: name for unit, name in names.items() if isinstance(name, str)}
        rates = {unit: set_up.rate(name) for unit, name in theirs.items()}
        told = {u: (r.numerator, r.denominator) for u, r in rates.items() if r is not None}
        base = next((u for u, name in theirs.items() if name == set_up.base), set_up.base)
        return ItemUnits(base, told)

    def _out(self, run: Run, unit: str, item: str, by: Conversion) -> Conversion | Unknown:
        """What 1 of the posted unit is in the base unit, by the rules."""
        if unit == by.base:
            return identity_conversion(unit)
        return by if unit == by.unit or self.units is None else self.units.get(run, unit, item)

    # ---- in words -----------------------------------------------------------------------------

    def _say(self, said: Said, posted: _Posted, line: int, *, whole: bool) -> None:
        problem = self._problem(posted)
        if not problem and not whole:
            return
        operands = self._operands(posted, whole=bool(problem))
        text = f"{problem.text} ({_four(operands)})." if problem else ""
        result = HIT if problem else PASS
        units = _difference(posted, problem) if problem else None
        said.verdicts.append(
            Verdict(
                UNIT_MISMATCH_RULE,
                "units",
                self.route,
                result,
                self.span,
                operands,
                line,
                text,
                units=units,
            )
        )
        if problem:
            said.findings.append(self._finding(posted, text, line))

    def _problem(self, posted: _Posted) -> _Problem | None:
        """The two that differ; None where all agree."""
        by, out = posted.by, posted.out
        if not isinstance(out, Conversion):
            text = f"{posted.item} is posted in {posted.unit}, for which no factor is known"
            return _Problem(text, (UnitSource.UNITS_TABLE, UnitSource.DOCUMENT))
        if not posted.equal:
            text = f"{posted.came} come in, but {posted.goes} go out"
            return _Problem(text, (UnitSource.RECORD, UnitSource.DOCUMENT))
        theirs = find_unit_clash(by, out, posted.set_up) if posted.set_up else None
        if theirs is None:
            return None
        mine = out if theirs.has_unit and theirs.unit == out.unit != out.base else by
        text = f"{posted.item}: {mine} in the rules, but {theirs.text} in {self.target}"
        ours = UnitSource.UNITS_TABLE if theirs.has_unit else UnitSource.DOCUMENT
        return _Problem(text, (UnitSource.ITEM_SET_UP, ours))

    def _operands(self, posted: _Posted, *, whole: bool) -> Operands:
        found = [("before", posted.came), ("after", posted.goes)]
        if whole or posted.set_up is not None:
            found.append(("item set-up", _set_up_words(posted)))
        if whole:
            found.append(("source", f"{posted.by.unit} of {posted.item}"))
            found.append(("units", str(posted.by)))
            found.append(("mapping", f"{posted.code} in {posted.unit}"))
        return tuple((name, words) for name, words in found if words)

    def _finding(self, posted: _Posted, text: str, line: int) -> Finding:
        by = posted.by
        return Finding(
            code="UOM08",
            error_class="mapping_missing",
            rule=UNIT_MISMATCH_RULE,
            route=self.route,
            severity="hold",
            owner=self.owner,
            message=text,
            clears=ITSELF,
            cause_key=CauseKey.unit(by.unit, posted.item),
            cause_label=f"{by.unit} of {posted.item} is counted in two ways",
            would_pass=(
                f"units table, mapping and {self.target} say the same of {by.unit} of {posted.item}"
            ),
            span=self.span,
            lines=(line,),
        )


@dataclass(frozen=True, slots=True)
class _Counted:
    """What the rules count on a line: in which unit, of which item, and how much comes in."""

    unit: Closure
    item: Closure
    quantity: Closure | None  # only where just this is posted


def _number(text: str | None) -> Decimal | None:
    try:
        return Decimal(text) if text is not None else None
    except ArithmeticError:
        return None


def _line(
    item: str,
    code: str,
    by: Conversion,
    out: Conversion | Unknown,
    unit: str,
    set_up: ItemUnits | None,
    came: Any,
    quantity: Decimal,
) -> _Posted:
    before = after = None
    first = second = ""
    received = came if isinstance(came, Number) else None
    if received is not None:
        before = scale(received, by.num, by.den)
        first = quantity_proof(received, before, by)
    if isinstance(out, Conversion):
        after = scale(quantity, out.num, out.den)
        second = quantity_proof(quantity, after, out)
    equal = before is None or after is None or before == after
    return _Posted(item, code, by, out, unit, set_up, first, second, received, before, equal)


def _four(operands: Operands) -> str:
    told = dict(operands)
    return "; ".join(
        f"{name} {told[name]}" for name in ("source", "units", "item set-up", "mapping")
    )


def _difference(posted: _Posted, problem: _Problem) -> UnitDifference:
    by, received, set_up = posted.by, posted.quantity, posted.set_up
    rate = set_up.rate(by.unit) if set_up and set_up.base == by.base else None
    there = scale(received, rate.numerator, rate.denominator) if received and rate else None
    return UnitDifference(
        unit=by.unit,
        item=posted.item,
        differ=problem.differ,
        quantity=show(received) if received is not None else "",
        base=by.base,
        here=_whole(posted.before),
        there=_whole(there),
    )


def _whole(value: Number | None) -> int | None:
    return int(value) if value is not None and value == int(value) else None


def _set_up_words(posted: _Posted) -> str:
    if posted.set_up is None:
        return "not told"
    told = ((unit, posted.set_up.rate(unit)) for unit in (posted.by.unit, posted.unit))
    rates = [f"1 {unit} = {rate} {posted.set_up.base}" for unit, rate in told if rate is not None]
    return rates[0] if rates else f"{posted.set_up.base} only"


def is_unconfirmed(
    by: Conversion, item: str, set_up: ItemUnits | None, state: TargetState | None
) -> bool:
    """Whether nobody has said of the target that the rate holds there: not it, and no person.

    Asked where confirmations are asked for, of a quantity that was converted. A rate that was
    confirmed and is another one now is open again.
    """
    # A target that reports no rates does not confirm them by its silence.
    if state is None or state.confirmed is None or by.unit == by.base:
        return False
    if set_up is not None and set_up.rate(by.unit) is not None:
        return False
    told = state.confirmed.get(f"{by.unit}|{item}")
    if told is None:
        return True
    base, num, den = told
    return base != by.base or Fraction(num, den) != Fraction(by.num, by.den)


@dataclass(frozen=True, slots=True)
class RateProgram:
    """What is said of a rate that is open, in one route."""

    route: str
    target: str
    owner: str
    span: Span

    def judge(self, by: Conversion, item: str, state: TargetState, line: int) -> Said:
        """A hold, one cause for an item, its unit and this rate; it ends when the rate is confirmed
        or the target tells it.
        """
        before = (state.confirmed or {}).get(f"{by.unit}|{item}")
        mine = f"1 {by.unit} of {item} is {by.factor} {by.base}"
        if before is None:
            text = f"It is not confirmed that {mine} in {self.target}, which tells no such rate."
        else:
            base, num, den = before
            worth = f"{num if den == 1 else f'{num}/{den}'} {base}"
            text = f"{mine} in the units table now, and {worth} was confirmed for {self.target}."
        shown = (("units", str(by)), ("confirmed", "no" if before is None else worth))
        text = f"{text} Nothing was sent."
        verdict = Verdict(
            CONFIRMED_RATE_RULE, "units", self.route, HIT, self.span, shown, line, text
        )
        return Said([verdict], [self._finding(by, item, mine, text, line)])

    def _finding(self, by: Conversion, item: str, mine: str, text: str, line: int) -> Finding:
        return Finding(
            code=CONFIRMED_RATE_CODE,
            error_class="mapping_missing",
            rule=CONFIRMED_RATE_RULE,
            route=self.route,
            severity="hold",
            owner=self.owner,
            message=text,
            clears=ITSELF,
            # The rate is part of the key, so a confirmation is valid only for the rate that was
            # shown.
            cause_key=CauseKey.rate(self.target, by.unit, item, (by.base, by.num, by.den)),
            cause_label=f"Not confirmed for {self.target}: {mine}",
            would_pass=(
                f"look the item up in {self.target} and confirms on the page of that "
                f"connection that {mine}"
            ),
            span=self.span,
            lines=(line,),
        )

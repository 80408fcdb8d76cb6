"""Whether everybody who counts a posted line counts it alike.

Here: AgreementProgram: for each line of a document the quantity that came in and the quantity that
goes out, both in base units with the rate used; and whether source unit, units table, item set-up
of the target and mapping agree. Not here: the factors (facts/units.py), the set-up as a fact
(facts/world.py), a rate that the target cannot tell (confirmed_rates.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from grammar import nodes as n
from rules.documents.columns import Columns, conversions_of, formula_of, in_base_unit
from rules.documents.confirmed_rates import RateProgram, is_open
from rules.documents.fields import Draft
from rules.documents.unit_proofs import ProofProgram
from rules.expressions.compiler import Compiler
from rules.expressions.conditions import Operands
from rules.expressions.lookups import Closure, Lookup
from rules.expressions.run import Run
from rules.facts.units import Conversion, clash, itself, quantity_proof
from rules.facts.world import ItemUnits
from rules.outcomes.findings import Said
from rules.outcomes.outcome import HIT, PASS, Finding, UnitDifference, UnitSource, Verdict
from rules.types.outside_schemas import Schemas
from rules.types.symbol_table import Scope
from rules.values.cause_keys import ITSELF, CauseKey
from rules.values.numbers import Number, scale, show
from rules.values.unknown import Unknown

RULE = "uom_mismatch"


@dataclass(frozen=True, slots=True)
class _Counted:
    """What the rules count on a line: in which unit, of which item, and how much comes in."""

    unit: Closure
    item: Closure
    quantity: Closure | None  # only where just this is posted


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
        self, compiler: Compiler, post: n.Post, columns: Columns, proofs: ProofProgram
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
            ask = [compiler.guarded(arg, scope, RULE, "") for arg in call.args]
            only = whole and post.bill is None and call.name == "in_base"
            self.counted.append(_Counted(ask[1], ask[2], ask[0] if only else None))

    def _named(self, compiler: Compiler, post: n.Post, scope: Scope) -> None:
        """Where the posted unit comes out of a map, the target has words of its own for units."""
        self.words: Lookup | None = None
        assigned = formula_of(post, self.columns.unit, scope)
        if isinstance(assigned, n.Call) and assigned.name in compiler.lookups:
            self.words = compiler.lookups[assigned.name]
            self.ours = compiler.guarded(assigned.args[0], scope, RULE, "")

    @staticmethod
    def of(
        compiler: Compiler, post: n.Post, proofs: ProofProgram, schemas: Schemas | None
    ) -> AgreementProgram | None:
        """The units of a route; None where its lines have no item or no quantity."""
        columns = Columns.of(post, schemas)
        return AgreementProgram(compiler, post, columns, proofs) if columns else None

    def judge(self, run: Run, draft: Draft) -> Said:
        """A verdict for each posted line, and a finding where two of the four differ."""
        said = Said()
        state = run.world.targets.get(self.target)
        items = state.items if state is not None and state.known else {}
        run.spend(len(run.lines))
        if not (run.whole or items) and self.certain and not self.asks(run):
            return said
        sent, bill = iter(draft.lines), run.route.bill
        for number, row in enumerate(run.lines, start=1):
            if bill is not None and bill.leaves_out(row):
                continue
            run.line = row
            for posted in self._posted(run, next(sent, {}), items):
                self._say(said, posted, number, whole=run.whole)
                told = posted.set_up
                if state and self.converts and is_open(posted.by, posted.item, told, state):
                    said.add(self.rates.judge(posted.by, posted.item, state, number))
        return said

    def asks(self, run: Run) -> bool:
        """Whether a line is converted by a rate that nobody confirmed; all of it is known."""
        state, units = run.world.targets.get(self.target), self.units
        if state is None or state.confirmed is None or units is None or not self.converts:
            return False
        for row in run.lines:
            run.line = row
            for counted in self.counted:
                unit, item = counted.unit(run), counted.item(run)
                by = units.get(run, unit, item) if isinstance(unit, str) else None
                if isinstance(by, Conversion) and is_open(by, str(item), None, state):
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
            alone = itself(sent[columns.unit])
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
            return itself(unit)
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
            Verdict(RULE, "units", self.route, result, self.span, operands, line, text, units=units)
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
        theirs = clash(by, out, posted.set_up) if posted.set_up else None
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
            rule=RULE,
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


def _number(text: str | None) -> Decimal | None:
    try:
        return Decimal(text) if text is not None else None
    except ArithmeticError:
        return None


def _set_up_words(posted: _Posted) -> str:
    if posted.set_up is None:
        return "not told"
    told = ((unit, posted.set_up.rate(unit)) for unit in (posted.by.unit, posted.unit))
    rates = [f"1 {unit} = {rate} {posted.set_up.base}" for unit, rate in told if rate is not None]
    return rates[0] if rates else f"{posted.set_up.base} only"


def _four(operands: Operands) -> str:
    told = dict(operands)
    return "; ".join(
        f"{name} {told[name]}" for name in ("source", "units", "item set-up", "mapping")
    )

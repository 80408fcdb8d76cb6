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
    """Prove all unit conversions that the rules of one record kind make on its lines."""

    def __init__(self, compiler: Compiler, exprs: Iterator[nodes.Expr]) -> None:
        calls_by_operands: dict[tuple[nodes.Expr, nodes.Expr], dict[str, nodes.Call]] = {}
        for expr in exprs:
            for call in find_conversions(expr):
                calls_by_operands.setdefault((call.args[1], call.args[2]), {}).setdefault(
                    call.name, call
                )
        scope = Scope(compiler.index, compiler.record, line=True)
        self.units = compiler.units
        self.calls = tuple(next(iter(calls.values())) for calls in calls_by_operands.values())
        self.proofs = [_Proof(compiler, calls, scope) for calls in calls_by_operands.values()]

    def judge(self, run: Run, route: str) -> Said:
        """Return a verdict for each line and conversion."""
        judged = Said()
        if self.units is None or not self.proofs:
            return judged
        run.spend(len(run.lines))
        for number, row in enumerate(run.lines, start=1):
            if row.__class__ is EmptyLine:
                continue
            run.line = row
            verdicts = [p.verdict(run, route, number) for p in self.proofs]
            judged.verdicts += [verdict for verdict in verdicts if verdict is not None]
        return judged


class _Proof:
    """Prove one conversion, of a quantity and of its price."""

    def __init__(self, compiler: Compiler, calls: dict[str, nodes.Call], scope: Scope) -> None:
        first_call = next(iter(calls.values()))
        self.span = first_call.span
        self.compiler = compiler
        self.unit = compiler.guarded(first_call.args[1], scope, UNIT_PROOF_RULE, "")
        self.item = compiler.guarded(first_call.args[2], scope, UNIT_PROOF_RULE, "")
        self.quantity = self._value(calls.get("in_base"), scope)
        self.price = self._value(calls.get("price_in_base"), scope)

    def _value(self, call: nodes.Call | None, scope: Scope) -> Closure | None:
        return self.compiler.guarded(call.args[0], scope, UNIT_PROOF_RULE, "") if call else None

    def verdict(self, run: Run, route: str, line: int) -> Verdict | None:
        """Return the verdict on the current line's conversion, or None if it succeeds and no trace
        is needed.
        """
        unit, item = self.unit(run), self.item(run)
        conversion: Any = None
        if type(unit) is not Unknown and type(item) is not Unknown and self.compiler.units:
            conversion = self.compiler.units.get(run, unit, item)
        if not isinstance(conversion, Conversion):
            unit_operands = tuple(
                (name, MISSING if type(v) is Unknown else v)
                for name, v in (("unit", unit), ("item", item))
            )
            return Verdict(UNIT_PROOF_RULE, "units", route, UNKNOWN, self.span, unit_operands, line)
        if not run.whole:
            return None
        try:
            operands = self._operands(run, conversion)
        except ArithmeticError:
            operands = (("factor", conversion.factor),)
        text = "; ".join(words for _, words in operands)
        return Verdict(UNIT_PROOF_RULE, "units", route, PASS, self.span, operands, line, text)

    def _operands(self, run: Run, conversion: Conversion) -> tuple[tuple[str, str], ...]:
        quantity: Any = self.quantity(run) if self.quantity else Unknown()
        price: Any = self.price(run) if self.price else Unknown()
        operands: list[tuple[str, str]] = []
        if type(quantity) is not Unknown:
            pieces = scale(quantity, conversion.num, conversion.den)
            operands.append(("conversion", quantity_proof(quantity, pieces, conversion)))
        if type(price) is not Unknown:
            base_price = scale(price, conversion.den, conversion.num)
            operands.append(("price", price_proof(price, base_price, conversion)))
        if len(operands) == 2:
            before, after = multiply(quantity, price), multiply(pieces, base_price)
            operands.append(("line total", total_proof(before, after)))
        return tuple(operands) or (("factor", conversion.factor),)


def find_conversions(node: Any) -> Iterator[nodes.Call]:
    """Yield the conversions inside an expression."""
    if isinstance(node, nodes.Call) and node.name in {"in_base", "price_in_base"}:
        if len(node.args) == 3:
            yield node
        return
    for part in nodes.inner(node):
        yield from find_conversions(part)


def line_exprs(index: Index, record: str, posts: list[nodes.Post]) -> Iterator[nodes.Expr]:
    """Yield the expressions that are evaluated on a line."""
    lines = index.line_records.get(record)
    for field in lines.fields if lines else ():
        if isinstance(field, nodes.Computed):
            yield field.expr
    for post in posts:
        for assign in post.line_fields:
            yield assign.expr


@dataclass(frozen=True, slots=True)
class _Posted:
    """One line's quantities and units, from the source to the target."""

    item: str
    code: str
    by: Conversion
    out: Conversion | Unknown
    unit: str
    set_up: ItemUnits | None
    came: str  # `5 CTN × 12 = 60 PCS`, or blank
    goes: str
    quantity: Number | None
    before: Number | None
    equal: bool


@dataclass(frozen=True, slots=True)
class _Problem:
    """Name the two unit sources that differ, and how, in words."""

    text: str
    differ: tuple[UnitSource, UnitSource]


class AgreementProgram:
    """Compare the units of one route's lines between record, units table, document and target."""

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
        is_conversion, calls = conversions_of(assigned.expr, scope, proofs.calls)
        self.converts = calls is not proofs.calls
        self.certain = (
            is_conversion and post.bill is None and in_base_unit(post, columns, calls, scope)
        )
        self.rates = RateProgram(self.route, self.target, self.owner, self.span)
        self._set_unit_words(compiler, post, scope)
        self.counted = []
        for call in calls:
            closures = [compiler.guarded(arg, scope, UNIT_MISMATCH_RULE, "") for arg in call.args]
            is_posted = is_conversion and post.bill is None and call.name == "in_base"
            self.counted.append(
                _Counted(closures[1], closures[2], closures[0] if is_posted else None)
            )

    def _set_unit_words(self, compiler: Compiler, post: nodes.Post, scope: Scope) -> None:
        """Set the lookup that gives the target's word for a unit, if the posted unit comes from a
        map.
        """
        self.words: Lookup | None = None
        assigned = formula_of(post, self.columns.unit, scope)
        if isinstance(assigned, nodes.Call) and assigned.name in compiler.lookups:
            self.words = compiler.lookups[assigned.name]
            self.own_unit = compiler.guarded(assigned.args[0], scope, UNIT_MISMATCH_RULE, "")

    @staticmethod
    def of(
        compiler: Compiler, post: nodes.Post, proofs: ProofProgram, schemas: Schemas | None
    ) -> AgreementProgram | None:
        """Return the comparison of a route, or None if its lines have no item or no quantity."""
        columns = LineColumns.of(post, schemas)
        return AgreementProgram(compiler, post, columns, proofs) if columns else None

    def judge(self, run: Run, draft: Draft) -> Said:
        """Return a verdict for each posted line, and a finding if two unit sources differ."""
        judged = Said()
        state = run.world.targets.get(self.target)
        items = state.items if state is not None and state.known else {}
        run.spend(len(run.lines))
        if not (run.whole or items) and self.certain and not self.asks(run):
            return judged
        sent = iter(draft.lines)
        for number, row in enumerate(run.lines, start=1):
            if is_left_out(run, row):
                continue
            run.line = row
            for posted in self._posted(run, next(sent, {}), items):
                self._add_verdict(judged, posted, number, is_traced=run.whole)
                set_up = posted.set_up
                if (
                    state
                    and self.converts
                    and is_unconfirmed(posted.by, posted.item, set_up, state)
                ):
                    judged.add(self.rates.judge(posted.by, posted.item, state, number))
        return judged

    def asks(self, run: Run) -> bool:
        """Check whether a line of a complete document is converted by an unconfirmed rate."""
        state, units = run.world.targets.get(self.target), self.units
        if state is None or state.confirmed is None or units is None or not self.converts:
            return False
        for row in run.lines:
            if is_left_out(run, row):
                continue
            run.line = row
            for counted in self.counted:
                unit, item = counted.unit(run), counted.item(run)
                conversion = units.get(run, unit, item) if isinstance(unit, str) else None
                if isinstance(conversion, Conversion) and is_unconfirmed(
                    conversion, str(item), None, state
                ):
                    return True
        run.line = {}
        return False

    def _posted(
        self, run: Run, document_row: Mapping[str, str], items: Mapping[str, ItemUnits]
    ) -> Iterator[_Posted]:
        """Yield the current line's conversions. A missing part yields nothing, because another rule
        reports it.
        """
        columns = self.columns
        code, quantity = document_row.get(columns.item), _number(document_row.get(columns.quantity))
        if code is None or quantity is None or (columns.unit and columns.unit not in document_row):
            return
        set_up = items.get(code)
        for counted in self.counted:
            unit, item = counted.unit(run), counted.item(run)
            if type(unit) is Unknown or type(item) is Unknown or self.units is None:
                continue
            conversion = self.units.get(run, unit, item)
            if isinstance(conversion, Conversion):
                posted_unit = self._posted_unit(
                    run, document_row, conversion.base if self.converts else unit
                )
                posted_conversion = self._posted_conversion(run, posted_unit, item, conversion)
                received = counted.quantity(run) if counted.quantity else None
                own_set_up = self._in_rule_words(
                    run, set_up, (conversion.unit, conversion.base, posted_unit)
                )
                yield _count_line(
                    item,
                    code,
                    conversion,
                    posted_conversion,
                    posted_unit,
                    own_set_up,
                    received,
                    quantity,
                )
        if not self.counted and columns.unit:
            identity = identity_conversion(document_row[columns.unit])
            yield _count_line(code, code, identity, identity, identity.unit, set_up, None, quantity)

    def _posted_unit(self, run: Run, document_row: Mapping[str, str], otherwise: str) -> str:
        """Return the posted unit in the words of the rules."""
        unit = self.own_unit(run) if self.words is not None else document_row.get(self.columns.unit)
        return unit if isinstance(unit, str) and unit else otherwise

    def _in_rule_words(
        self, run: Run, set_up: ItemUnits | None, units: tuple[str, ...]
    ) -> ItemUnits | None:
        """Return the item's units in the words of the rules."""
        if self.words is None or set_up is None:
            return set_up
        names = {unit: self.words.get(run, unit) for unit in units}
        target_names = {unit: name for unit, name in names.items() if isinstance(name, str)}
        rates = {unit: set_up.rate(name) for unit, name in target_names.items()}
        known_rates = {
            unit_name: (r.numerator, r.denominator)
            for unit_name, r in rates.items()
            if r is not None
        }
        base = next(
            (unit_name for unit_name, name in target_names.items() if name == set_up.base),
            set_up.base,
        )
        return ItemUnits(base, known_rates)

    def _posted_conversion(
        self, run: Run, unit: str, item: str, conversion: Conversion
    ) -> Conversion | Unknown:
        """Return the conversion of the posted unit to the base unit, by the rules."""
        if unit == conversion.base:
            return identity_conversion(unit)
        return (
            conversion
            if unit == conversion.unit or self.units is None
            else self.units.get(run, unit, item)
        )

    # ---- in words -----------------------------------------------------------------------------

    def _add_verdict(self, judged: Said, posted: _Posted, line: int, *, is_traced: bool) -> None:
        problem = self._problem(posted)
        if not problem and not is_traced:
            return
        operands = self._operands(posted, is_traced=bool(problem))
        text = f"{problem.text} ({_four_sources(operands)})." if problem else ""
        result = HIT if problem else PASS
        units = _difference(posted, problem) if problem else None
        judged.verdicts.append(
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
            judged.findings.append(self._finding(posted, text, line))

    def _problem(self, posted: _Posted) -> _Problem | None:
        """Return the two unit sources that differ, or None if all agree."""
        conversion, posted_conversion = posted.by, posted.out
        if not isinstance(posted_conversion, Conversion):
            text = f"{posted.item} is posted in {posted.unit}, for which no factor is known"
            return _Problem(text, (UnitSource.UNITS_TABLE, UnitSource.DOCUMENT))
        if not posted.equal:
            text = f"{posted.came} come in, but {posted.goes} go out"
            return _Problem(text, (UnitSource.RECORD, UnitSource.DOCUMENT))
        clash = (
            find_unit_clash(conversion, posted_conversion, posted.set_up) if posted.set_up else None
        )
        if clash is None:
            return None
        rule_conversion = (
            posted_conversion
            if clash.has_unit and clash.unit == posted_conversion.unit != posted_conversion.base
            else conversion
        )
        text = f"{posted.item}: {rule_conversion} in the rules, but {clash.text} in {self.target}"
        other_source = UnitSource.UNITS_TABLE if clash.has_unit else UnitSource.DOCUMENT
        return _Problem(text, (UnitSource.ITEM_SET_UP, other_source))

    def _operands(self, posted: _Posted, *, is_traced: bool) -> Operands:
        operands = [("before", posted.came), ("after", posted.goes)]
        if is_traced or posted.set_up is not None:
            operands.append(("item set-up", _set_up_words(posted)))
        if is_traced:
            operands.append(("source", f"{posted.by.unit} of {posted.item}"))
            operands.append(("units", str(posted.by)))
            operands.append(("mapping", f"{posted.code} in {posted.unit}"))
        return tuple((name, words) for name, words in operands if words)

    def _finding(self, posted: _Posted, text: str, line: int) -> Finding:
        conversion = posted.by
        return Finding(
            code="UOM08",
            error_class="mapping_missing",
            rule=UNIT_MISMATCH_RULE,
            route=self.route,
            severity="hold",
            owner=self.owner,
            message=text,
            clears=ITSELF,
            cause_key=CauseKey.unit(conversion.unit, posted.item),
            cause_label=f"{conversion.unit} of {posted.item} is counted in two ways",
            would_pass=(
                f"units table, mapping and {self.target} say the same of {conversion.unit} of "
                f"{posted.item}"
            ),
            span=self.span,
            lines=(line,),
        )


@dataclass(frozen=True, slots=True)
class _Counted:
    """Evaluate a line's unit, item and incoming quantity."""

    unit: Closure
    item: Closure
    quantity: Closure | None  # None unless the document posts exactly this quantity


def _number(text: str | None) -> Decimal | None:
    try:
        return Decimal(text) if text is not None else None
    except ArithmeticError:
        return None


def _count_line(
    item: str,
    code: str,
    conversion: Conversion,
    posted_conversion: Conversion | Unknown,
    unit: str,
    set_up: ItemUnits | None,
    quantity_in: Any,
    quantity: Decimal,
) -> _Posted:
    before = after = None
    proof_in = proof_out = ""
    received = quantity_in if isinstance(quantity_in, Number) else None
    if received is not None:
        before = scale(received, conversion.num, conversion.den)
        proof_in = quantity_proof(received, before, conversion)
    if isinstance(posted_conversion, Conversion):
        after = scale(quantity, posted_conversion.num, posted_conversion.den)
        proof_out = quantity_proof(quantity, after, posted_conversion)
    is_equal = before is None or after is None or before == after
    return _Posted(
        item,
        code,
        conversion,
        posted_conversion,
        unit,
        set_up,
        proof_in,
        proof_out,
        received,
        before,
        is_equal,
    )


def _four_sources(operands: Operands) -> str:
    words_by_name = dict(operands)
    return "; ".join(
        f"{name} {words_by_name[name]}" for name in ("source", "units", "item set-up", "mapping")
    )


def _difference(posted: _Posted, problem: _Problem) -> UnitDifference:
    conversion, received, set_up = posted.by, posted.quantity, posted.set_up
    rate = set_up.rate(conversion.unit) if set_up and set_up.base == conversion.base else None
    target_count = scale(received, rate.numerator, rate.denominator) if received and rate else None
    return UnitDifference(
        unit=conversion.unit,
        item=posted.item,
        differ=problem.differ,
        quantity=show(received) if received is not None else "",
        base=conversion.base,
        here=_as_count(posted.before),
        there=_as_count(target_count),
    )


def _as_count(value: Number | None) -> int | None:
    return int(value) if value is not None and value == int(value) else None


def _set_up_words(posted: _Posted) -> str:
    if posted.set_up is None:
        return "not told"
    rates_by_unit = ((unit, posted.set_up.rate(unit)) for unit in (posted.by.unit, posted.unit))
    rates = [
        f"1 {unit} = {rate} {posted.set_up.base}"
        for unit, rate in rates_by_unit
        if rate is not None
    ]
    return rates[0] if rates else f"{posted.set_up.base} only"


def is_unconfirmed(
    conversion: Conversion, item: str, set_up: ItemUnits | None, state: TargetState | None
) -> bool:
    """Check whether neither the target nor a person confirms a conversion rate.

    False if the target needs no confirmation or the unit is the base unit. A rate that changed
    after its confirmation is unconfirmed again.
    """
    # A target that reports no rates does not confirm them by its silence.
    if state is None or state.confirmed is None or conversion.unit == conversion.base:
        return False
    if set_up is not None and set_up.rate(conversion.unit) is not None:
        return False
    confirmed = state.confirmed.get(f"{conversion.unit}|{item}")
    if confirmed is None:
        return True
    base, num, den = confirmed
    return base != conversion.base or Fraction(num, den) != Fraction(conversion.num, conversion.den)


@dataclass(frozen=True, slots=True)
class RateProgram:
    """Hold a record if an unconfirmed conversion rate converts one of its lines in a route."""

    route: str
    target: str
    owner: str
    span: Span

    def judge(self, conversion: Conversion, item: str, state: TargetState, line: int) -> Said:
        """Return a hold whose cause is the item, its unit and this rate. It ends when the rate is
        confirmed or the target reports it.
        """
        confirmed = (state.confirmed or {}).get(f"{conversion.unit}|{item}")
        rate_text = f"1 {conversion.unit} of {item} is {conversion.factor} {conversion.base}"
        if confirmed is None:
            text = (
                f"It is not confirmed that {rate_text} in {self.target}, which tells no such rate."
            )
        else:
            base, num, den = confirmed
            confirmed_text = f"{num if den == 1 else f'{num}/{den}'} {base}"
            text = (
                f"{rate_text} in the units table now, and {confirmed_text} was confirmed for "
                f"{self.target}."
            )
        operands = (
            ("units", str(conversion)),
            ("confirmed", "no" if confirmed is None else confirmed_text),
        )
        text = f"{text} Nothing was sent."
        verdict = Verdict(
            CONFIRMED_RATE_RULE, "units", self.route, HIT, self.span, operands, line, text
        )
        return Said([verdict], [self._finding(conversion, item, rate_text, text, line)])

    def _finding(
        self, conversion: Conversion, item: str, rate_text: str, text: str, line: int
    ) -> Finding:
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
            cause_key=CauseKey.rate(
                self.target,
                conversion.unit,
                item,
                (conversion.base, conversion.num, conversion.den),
            ),
            cause_label=f"Not confirmed for {self.target}: {rate_text}",
            would_pass=(
                f"look the item up in {self.target} and confirms on the page of that "
                f"connection that {rate_text}"
            ),
            span=self.span,
            lines=(line,),
        )

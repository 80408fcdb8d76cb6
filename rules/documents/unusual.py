"""Hold unusual documents: no lines, negative amounts, unlisted codes, amounts that differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from operator import eq
from typing import Any, NamedTuple

from grammar import nodes
from grammar.text.characters import in_words, invisible, separated, shown, without_invisible
from grammar.text.problem import Span
from grammar.text.vocabulary import Edition
from rules.documents.fields import Draft, FieldProgram, Shape
from rules.documents.rounding import PER_LINE, RoundingProgram, TaxProgram
from rules.documents.totals import (
    CurrencyProgram,
    LineAmountProgram,
    OwnTotal,
    OwnTotalProgram,
    TotalFields,
    not_compared,
)
from rules.expressions.compiler import Compiler, LineSums, WantedValues
from rules.expressions.lists import mentions_line
from rules.expressions.run import UNIT_PRICES, Closure, EmptyLine, Run, is_left_out
from rules.outcomes import HIT, NOT_APPLICABLE, Document, Finding, Said, Verdict
from rules.types.symbol_table import Index, Schemas, Scope
from rules.values.canonical import number_text
from rules.values.cause_keys import ITSELF, CauseKey, CauseKind, Clearing, Unknown
from rules.values.kinds import CONTEXT, Number, is_simple, round_all
from rules.values.wording import document_text

NO_LINES, QUANTITIES, TOTALS = "no_lines", "negative_quantities", "negative_totals"

UNUSUAL = (NO_LINES, QUANTITIES, TOTALS)
"""The words of `allows`, and the rules that hold what no word allows."""

UNUSUAL_CODE = "VAL03"

NO_QUANTITY, NO_QUANTITY_CODE = "no_quantity", "VAL07"
"""The rule that holds a line of 0 pieces which has an amount."""

_TITLES = {
    NO_LINES: "Without lines",
    QUANTITIES: "A negative quantity",
    TOTALS: "A negative total",
}

_NUMBERS = (Decimal, Fraction)

Columns = Sequence[Sequence[Number]]

LISTED_CODES_RULE, LISTED_CODE, UNSEEN = "listed_codes", "LST01", "VAL01"

LISTS: Mapping[str, str] = {"account": "account", "tax": "tax_code", "currency": "currency"}
"""What a field refers to -> the kind of list in which a target tells such codes."""

NOUNS = {"account": "account", "tax_code": "tax code", "currency": "currency"}

_NONE: frozenset[str] = frozenset()


def possible_unusual(index: Index, record: str) -> frozenset[str]:
    """Which of it the records of a kind can have at all."""
    found = {TOTALS}
    if index.lines_field(record) is not None:
        found.add(NO_LINES)
    if _quantities(index, record):
        found.add(QUANTITIES)
    return frozenset(found)


def _quantities(index: Index, record: str) -> tuple[str, ...]:
    lines = index.line_records.get(record)
    fields = lines.fields if lines is not None else ()
    return tuple(f.name for f in fields if isinstance(f, nodes.Field) and f.type == "quantity")


def _amounts(index: Index, record: str) -> tuple[str, ...]:
    """Return the stored amounts of a line, without the price of a piece."""
    lines = index.line_records.get(record)
    fields = (f for f in (lines.fields if lines else ()) if isinstance(f, nodes.Field))
    return tuple(f.name for f in fields if f.type == "money" and f.name not in UNIT_PRICES)


def line_count_checks(index: Index, record: str) -> frozenset[Span]:
    """Where checks of a record kind count its lines."""
    lines = index.lines_field(record)
    mine = (c for c in index.ruleset.checks if any(word.name == record for word in c.records))
    asked = (one for c in mine for one in c.requires)
    return frozenset(one.span for one in asked if lines and _counts(one, lines.name))


def _counts(expr: Any, lines: str) -> bool:
    if isinstance(expr, nodes.Call) and expr.name == "count" and expr.where is None:
        return any(isinstance(one, nodes.Name) and one.path == (lines,) for one in expr.args)
    return any(_counts(part, lines) for part in nodes.inner(expr))


def is_held_without_lines(said: Said, counting: frozenset[Span]) -> bool:
    """Whether something stops a record and says that it has no lines: these rules, or a check where
    it counts them.
    """
    stops = {f.rule for f in said.findings if f.severity in {"hold", "reject"}}
    failed = [v for v in said.verdicts if v.result == HIT and v.rule in stops]
    return any(v.rule == NO_LINES or v.span in counting for v in failed)


class Unusual:
    """The question of one route; in rules of earlier editions nobody asks it."""

    def __init__(
        self, compiler: Compiler, post: nodes.Post, shape: Shape, schemas: Schemas | None
    ) -> None:
        index, record = compiler.index, compiler.record
        self.route, self.record, self.owner = str(post.route), record, compiler.owner
        self.asked = index.edition >= Edition.THIRD
        self.allowed = post.allows.what if post.allows is not None else ()
        self.span = post.span
        self.said_at = post.allows.span if post.allows is not None else post.span
        self.listed = index.lines_field(record) is not None
        self.quantities = _quantities(index, record)
        self.totals = list(self._totals(compiler, post, shape, schemas))
        self.asks_quantity = index.edition >= Edition.EIGHTH
        self.amounts = _amounts(index, record) if self.asks_quantity else ()

    @staticmethod
    def _totals(
        compiler: Compiler, post: nodes.Post, shape: Shape, schemas: Schemas | None
    ) -> Iterator[tuple[str, Any]]:
        """The total of the record, and that of the document where it is made in another way."""
        scope = Scope(compiler.index, compiler.record, document=True)
        name = _stated(compiler.index, compiler.record, schemas)
        if name:
            yield name, compiler.field(name, scope)
        given = next((a for a in post.fields if a.name == shape.amount), None)
        if given is None or post.bill is not None:
            return
        if not (isinstance(given.expr, nodes.Name) and given.expr.path == (name,)):
            yield given.name, compiler.guarded(given.expr, scope, TOTALS, "")

    def seen(self, run: Run) -> bool:
        """Whether there is anything that a word must allow."""
        if not self.asked:
            return False
        if self.listed and not run.shown:
            return True
        for name in self.quantities:
            for row in run.shown:
                value = row[name]
                if not (value.__class__ is Decimal and value > 0) and self._is_unusual(value):
                    return True
        for _, closure in self.totals:
            value = closure(run)
            if not (value.__class__ is Decimal and value >= 0) and _below(value):
                return True
        return False

    def judge(self, run: Run) -> Said:
        """A finding for each that no word allows, and a verdict also for what one allows."""
        said = Said()
        for rule, found, lines in self._found(run) if self.asked else ():
            allowed = rule in self.allowed
            released = (self.route, rule) in run.facts.releases
            shown = ((_TITLES[rule], found),)  # counted by a digest, so it stays as it is
            text = found if run.bare else separated(found)
            span = self.said_at if allowed else self.span
            result = NOT_APPLICABLE if allowed else HIT
            told = f"{text} The rules allow it: {_words(rule)}." if allowed else text
            line = lines[0] if lines else None
            said.verdicts.append(
                Verdict(rule, "field", self.route, result, span, shown, line, told, released)
            )
            if not allowed and not released:
                said.findings.append(self._finding(rule, text, lines))
        if self.asks_quantity:
            said.add(self._judge_quantities(run))
        return said

    def _is_unusual(self, value: Any) -> bool:
        return _below(value) or (self.asks_quantity and isinstance(value, _NUMBERS) and not value)

    def _judge_quantities(self, run: Run) -> Said:
        """Hold lines of 0 pieces that have an amount: no document can show one."""
        lines = [
            (number, row)
            for number, row in enumerate(run.lines, start=1)
            if row.__class__ is not EmptyLine
            and any(
                isinstance(row[name], _NUMBERS) and not row[name] for name in self.quantities[:1]
            )
            and any(isinstance(row[name], _NUMBERS) and row[name] for name in self.amounts)
        ]
        if not lines:
            return Said()
        number, row = lines[0]
        amount = next(v for v in map(row.get, self.amounts) if isinstance(v, _NUMBERS) and v)
        text = f"Line {number} has 0 pieces and an amount of {_shown(amount)}."
        label = "0 pieces with an amount"
        shown = ((label, text),)
        verdict = Verdict(NO_QUANTITY, "field", self.route, HIT, self.span, shown, number, text)
        finding = Finding(
            code=NO_QUANTITY_CODE,
            error_class="bad_value",
            rule=NO_QUANTITY,
            route=self.route,
            severity="hold",
            owner=self.owner,
            message=f"{text} Correct the quantity or the amount in the source.",
            clears=ITSELF,
            cause_key=CauseKey(CauseKind.RULE, NO_QUANTITY),
            cause_label=label,
            would_pass="the line has a quantity, or no amount",  # noqa: S106
            span=self.span,
            lines=tuple(number for number, _ in lines),
        )
        return Said([verdict], [finding])

    def _found(self, run: Run) -> Iterator[tuple[str, str, tuple[int, ...]]]:
        """The rule, what was found in words, and the lines where it is."""
        if self.listed and not run.shown:
            yield NO_LINES, f"This {self.record.replace('_', ' ')} has no lines.", ()
        for name in self.quantities:
            below = [(no, row[name]) for no, row in enumerate(run.lines, 1) if _below(row[name])]
            if below:
                no, value = below[0]
                others = len(below) - 1
                more = f", and on {others} more line{'s'[: others - 1]}" if others else ""
                text = f"The {name.replace('_', ' ')} is {number_text(value)} on line {no}{more}."
                yield QUANTITIES, text, tuple(no for no, _ in below)
                break
        for name, closure in self.totals:
            value = closure(run)
            if _below(value):
                yield TOTALS, f"The {name.replace('_', ' ')} is {_shown(value)}.", ()
                break

    def _finding(self, rule: str, text: str, lines: tuple[int, ...]) -> Finding:
        message = f"{text} Nothing is posted so unless the rules or a person allow it."
        return Finding(
            code=UNUSUAL_CODE,
            error_class="bad_value",
            rule=rule,
            route=self.route,
            severity="hold",
            owner=self.owner,
            message=message,
            clears=Clearing.by(self.owner),
            cause_key=CauseKey(CauseKind.RULE, rule),
            cause_label=_TITLES[rule],
            would_pass=f"it is not so, or the route says: allows {_words(rule)}",
            span=self.span,
            lines=lines,
        )


def _stated(index: Index, record: str, schemas: Schemas | None) -> str:
    """The field in which a record states its total, or its only amount; blank where in none."""
    own = TotalFields.of(index, record, schemas)
    own = own.read(index, record) if own is not None else None
    if own is not None:
        return own.total
    field = index.fields[record].get("amount")
    return "amount" if isinstance(field, nodes.Field) and field.type == "money" else ""


def _below(value: Any) -> bool:
    return isinstance(value, _NUMBERS) and value < 0


def _words(rule: str) -> str:
    return rule.replace("_", " ")


def _shown(value: Any) -> str:
    return number_text(value, 2) if isinstance(value, Decimal) else str(value)


@dataclass(frozen=True)
class AmountsProgram:
    """The proofs of one route; each is None where its documents do not show what it is about."""

    route: str
    total: RoundingProgram | None
    own: OwnTotalProgram | None
    lines: LineAmountProgram | None
    tax: TaxProgram | None
    uncompared: nodes.Uncompared | None
    told: OwnTotal | None
    compiler: Compiler
    currency: CurrencyProgram
    counting: frozenset[Span] | None = None  # checks of lines; None: without lines is asked twice

    @staticmethod
    def of(
        compiler: Compiler,
        post: nodes.Post,
        *,
        shape: Shape,
        schemas: Schemas | None,
        target: nodes.Target | None,
    ) -> AmountsProgram:
        """The proofs of a route; `shape` names the header fields of its documents."""
        total = shape.total
        index, record = compiler.index, compiler.record
        known = schemas.document(post.route.target, post.route.document) if schemas else None
        own = TotalFields.of(index, record, schemas)
        own = own.read(index, record) if own else None
        told = OwnTotal(compiler, own) if own else None
        compared = told if post.uncompared is None else None
        return AmountsProgram(
            str(post.route),
            RoundingProgram.of(
                compiler, post, known=known, total=total, target=target, told=compared
            ),
            OwnTotalProgram.of(compiler, post, total=total, target=target, told=compared),
            LineAmountProgram.of(compiler, post, known, target),
            TaxProgram.of(compiler, post, known=known, total=total, target=target, told=compared),
            post.uncompared,
            told,
            compiler,
            CurrencyProgram(
                compiler,
                post,
                stated=_stated(index, record, schemas),
                named=shape.currency,
                amount=shape.amount,
            ),
            line_count_checks(index, record) if index.edition >= Edition.SIXTH else None,
        )

    @cached_property
    def asked(self) -> tuple[nodes.Expr, ...]:
        """The expressions of each line whose values `is_exact` wants."""
        total = self.total.asked if self.total is not None else ()
        lines = self.lines.asked if self.lines is not None else ()
        shown = self.total is not None and self.total.shows_lines
        return (*total, *(lines[:1] if shown else lines))

    @cached_property
    def known(self) -> Closure | None:
        """What gives the amounts as `is_exact` wants them; None where each is asked for itself."""
        return self.compiler.known(WantedValues(amounts=self.asked, summed=self.summed))

    @cached_property
    def summed(self) -> LineSums | None:
        """How the values of `asked` are added up on the way; None where that takes more."""
        total, lines = self.total, self.lines
        if total is None or not total.asked or total.target.rounding != PER_LINE:
            return None
        if not is_simple(total.target.places) or (lines is not None and not total.shows_lines):
            return None
        columns = len(total.asked)
        shown = (columns if total.parts.holds_tax else 1) if lines is not None else 0
        return LineSums(total.target.places, columns, shown)

    def is_exact(self, run: Run, amounts: list[Number] | Decimal) -> bool:
        """Whether there is nothing to say, by these values of `asked`, line after line, or by
        what they come to.
        """
        if (self.tax is not None and not self.tax.is_exact(run)) or self.currency.differs(run):
            return False
        if isinstance(amounts, Decimal):
            total = self.total
            return (total is None or total.is_exact(run, amounts)) and (
                self.own is None or self.own.is_exact(run)
            )
        columns, mine = self._columns(amounts)
        return (
            (self.total is None or self.total.is_exact(run, columns[:mine]))
            and (self.own is None or self.own.is_exact(run))
            and self._line_by_line(amounts)
        )

    def _columns(self, amounts: list[Number]) -> tuple[Columns, int]:
        """The values of each expression of `asked`, and how many of these are for the total."""
        wide, mine = len(self.asked), len(self.total.asked) if self.total is not None else 0
        return [amounts[at::wide] for at in range(wide)], mine

    def _line_by_line(self, amounts: list[Number] | Decimal) -> bool:
        """Whether the amount of every line is just what its parts, or the first columns, make;
        of what was added up that was seen on the way.
        """
        total, lines = self.total, self.lines
        if lines is None or isinstance(amounts, Decimal):
            return True
        columns, mine = self._columns(amounts)
        if total is None or not total.shows_lines:
            return lines.is_exact(zip(*columns[mine:], strict=True))
        made = columns[:mine] if total.parts.holds_tax else columns[:1]
        first, *others = [round_all(column, total.target.places) for column in made]
        for column in others:
            first = list(map(CONTEXT.add, first, column))
        return all(map(eq, columns[mine], first))

    def judge(self, run: Run, said: Said) -> Said:
        """What is wrong with the amounts, and what the sum of the lines was compared with.

        `said` is what other rules said of the record: what they found is not found twice.
        """
        found, amounts = Said(), self._known_amounts(run)
        if amounts is not None and self.is_exact(run, amounts):
            return found
        found.add(self.currency.judge(run, self.amount(run)))
        if self.uncompared is not None and self.told is not None:
            found.add(not_compared(run, self.route, self.uncompared, self.told))
        if self.total is not None:
            differs = self.total.judge(run, said)
            asked_once = self.counting is not None and not run.shown and differs.findings
            if asked_once and is_held_without_lines(said, self.counting or frozenset()):
                differs = Said(differs.verdicts)  # they come to nothing, and that is said
            found.add(differs)
        if self.own is not None:
            found.add(self.own.judge(run, said))
        if self.tax is not None:
            found.add(self.tax.judge(run, said, found))
        if self.lines is not None and (amounts is None or not self._line_by_line(amounts)):
            found.add(self.lines.judge(run))
        return found

    def _known_amounts(self, run: Run) -> list[Number] | Decimal | None:
        """The values of `asked`, or their sum; None where one is unknown, or each is told."""
        told = run.whole or run.stepwise or run.route.bill is not None
        if told or not run.clean or self.known is None:
            return None
        try:
            found: list[Number] | Decimal | None = self.known(run)
        except (ArithmeticError, TypeError, ValueError, RecursionError):
            return None
        return found

    def amount(self, run: Run) -> Decimal | None:
        """What the books will show for the document; None where its lines do not say it."""
        try:
            return self.total.amount(run) if self.total is not None else None
        except ArithmeticError:
            return None  # the proof of the total has said so


@dataclass(frozen=True, slots=True)
class _Named:
    """One field of the document that names a code: in which list, and who is asked for it."""

    name: str
    title: str
    kind: str
    owner: str
    span: Span
    program: FieldProgram | None
    raw: bool
    """Whether records give it as it is: what a map leads to has only characters that are seen."""
    lasting: bool
    """Whether it is the same on every line."""

    def good(self, lists: Mapping[str, frozenset[str]]) -> frozenset[str]:
        """Codes that are not wrong, whatever they are made of."""
        return frozenset() if self.raw or self.kind not in NOUNS else lists.get(self.kind, _NONE)

    def wrong(self, code: str, lists: Mapping[str, frozenset[str]]) -> bool:
        """Whether a document may not name this code."""
        if not code:
            return False
        listed = lists.get(self.kind) if self.kind in NOUNS else None
        if listed is not None and code not in listed:
            return True
        return self.raw and bool(invisible(code))


class _Asked(NamedTuple):
    """The lists of a target, and the fields of the header and of the lines that stand in them, each
    with the codes that it may name for certain.
    """

    lists: Mapping[str, frozenset[str]]
    head: list[tuple[_Named, frozenset[str]]]
    line: list[tuple[_Named, frozenset[str]]]


@dataclass(frozen=True, slots=True)
class _Stranger:
    """A code that its target does not list, in the field and on the lines where it was met."""

    field: _Named
    code: str
    lines: tuple[int, ...]


class ListedCodes:
    """The codes of one route's documents; in rules of earlier editions nobody compares them."""

    def __init__(
        self,
        compiler: Compiler,
        route: nodes.RouteName,
        programs: Iterable[FieldProgram],
        schemas: Schemas | None,
        span: Span,
    ) -> None:
        books = compiler.index.targets.get(route.target)
        owner = (books.tolerance_action.role if books else "") or compiler.owner
        known = schemas.document(route.target, route.document) if schemas else None
        self.route, self.target = str(route), route.target
        self.places: Mapping[str, str] = dict(getattr(known, "lists", ()))
        asked = known is not None and compiler.index.edition >= Edition.THIRD
        fields = (*known.header, *known.lines) if known is not None and asked else ()
        unseen = compiler.index.edition >= Edition.FOURTH
        filled = {p.name: p for p in programs}
        named: dict[str, _Named] = {}
        for field in fields:
            refers, program = getattr(field, "refers", ""), filled.get(field.name)
            raw = unseen and program is not None and _is_raw(program, compiler)
            if refers in LISTS or (refers and raw):
                kind = LISTS.get(refers, refers)
                title = getattr(field, "title", "") or field.name
                team = _keeper(program, compiler) or owner
                place = program.span if program is not None else span
                lasting = program is not None and not mentions_line(program.expr)
                named[field.name] = _Named(
                    field.name, title, kind, team, place, program, raw, lasting
                )
        self.named = named
        self._asked: tuple[object, _Asked] = (self, _Asked({}, [], []))  # of no state yet

    def differs(self, run: Run) -> bool:
        """Whether the document, of which all is known, would name a code that is not listed."""
        asked = self._stated(run)
        lists = asked.lists
        found = any(_strange(field, run, lists) for field, _ in asked.head)
        lasting = [field for field, _ in asked.line if field.lasting]
        every = [field for field, _ in asked.line if not field.lasting]
        for row in run.lines[: 1 if lasting else 0]:
            run.line = row
            found = found or any(_strange(field, run, lists) for field in lasting)
        for row in run.lines if every and not found else ():
            run.line = row
            if any(_strange(field, run, lists) for field in every):
                found = True
                break
        run.line = {}
        return found

    def has_stranger(
        self, run: Run, fields: Mapping[str, str], lines: Iterable[Mapping[str, str]]
    ) -> bool:
        """The same of the texts of the document."""
        asked = self._stated(run)
        lists, line = asked.lists, asked.line
        for field, good in asked.head:
            code = fields.get(field.name, "")
            if code not in good and field.wrong(code, lists):
                return True
        first = True
        for row in lines if line else ():
            for field, good in line:
                if first or not field.lasting:
                    code = row.get(field.name, "")
                    if code not in good and field.wrong(code, lists):
                        return True
            first = False
        return False

    def _stated(self, run: Run) -> _Asked:
        """What is compared with this state of the target, which many records meet."""
        state = run.world.targets.get(self.target) if self.named else None
        of, asked = self._asked
        if of is not state:
            asked = self._ask(run)
            self._asked = (state, asked)
        return asked

    def _ask(self, run: Run) -> _Asked:
        """The lists of this state of the target, and the fields that are compared with them."""
        lists = self._lists(run)
        named = [f for f in self.named.values() if f.program and (f.raw or f.kind in lists)]
        head, line = (
            [(f, f.good(lists)) for f in named if f.program and f.program.of_line is of_line]
            for of_line in (False, True)
        )
        return _Asked(lists, head, line)

    def of_draft(self, run: Run, draft: Draft) -> Said:
        """What is said of a document that is about to be made, with the lines of the record."""
        if not self.has_stranger(run, draft.fields, draft.lines):
            return Said()
        rows = [no for no, row in enumerate(run.lines, start=1) if not is_left_out(run, row)]
        return self.judge(run, draft.fields, list(zip(rows, draft.lines, strict=False)))

    def of_document(self, run: Run, document: Document) -> Said:
        """What is said of a document that takes another back."""
        return self.judge(run, document.fields, list(enumerate(document.lines, start=1)))

    def judge(
        self, run: Run, fields: Mapping[str, str], rows: Iterable[tuple[int, Mapping[str, str]]]
    ) -> Said:
        """A hold for each code that is not listed, which nobody can release: it would be refused.

        It ends when a later reading of the target lists the code, or the document names another.
        """
        said = Said()
        for found in self._strangers([(0, fields), *rows], self._lists(run)):
            finding = self._finding(found)
            operands = ((found.field.title, shown(found.code)),)
            line = found.lines[0] if found.lines else None
            span, text = found.field.span, finding.message
            said.verdicts.append(
                Verdict(LISTED_CODES_RULE, "codes", self.route, HIT, span, operands, line, text)
            )
            said.findings.append(finding)
        return said

    def _lists(self, run: Run) -> Mapping[str, frozenset[str]]:
        """What the target listed when it was last asked; a kind of which it told none is left out.

        A reading that is old still counts: until there is another, the target is taken to be as it
        was.
        """
        state = run.world.targets.get(self.target) if self.named else None
        return {kind: codes for kind, codes in state.codes.items() if codes} if state else {}

    def _strangers(
        self, rows: Iterable[tuple[int, Mapping[str, str]]], lists: Mapping[str, frozenset[str]]
    ) -> list[_Stranger]:
        """Each code once, with all lines that name it."""
        found: dict[tuple[str, str], _Stranger] = {}
        for line, row in rows:
            for field in self.named.values():
                code = row.get(field.name, "")
                if field.wrong(code, lists):
                    at = field.kind, code
                    one = found.get(at) or _Stranger(field, code, ())
                    more = (line,) if line and line not in one.lines else ()
                    found[at] = replace(one, lines=one.lines + more)
        return list(found.values())

    # ---- in words -----------------------------------------------------------------------------

    def _finding(self, found: _Stranger) -> Finding:
        field, code = found.field, found.code
        hidden = invisible(code) if field.raw else ()
        if hidden:
            name, seen = shown(code), without_invisible(code)
            label = f"The document names {field.title} as {name}"
            return replace(
                self._made(found, label),
                code=UNSEEN,
                error_class="bad_value",
                message=f"The document names {field.title} as {name}, which holds "
                f"{in_words(hidden)}. Nothing was sent.",
                would_pass=f"the source or the rules write it without that: {seen}",
            )
        noun, place = NOUNS[field.kind], self.places.get(field.kind, "")
        there = f"{self.target}, {place}" if place else self.target
        message = (
            f"{self.target} does not list the {noun} {code}, which the document names as "
            f"{field.title}. Nothing was sent."
        )
        label = f"{self.target} does not list the {noun} {code}"
        would_pass = (
            f"{noun} {code} is added there ({there}) and the connection is tested again, or "
            "the document names a code that is listed"
        )
        return replace(self._made(found, label), message=message, would_pass=would_pass)

    def _made(self, found: _Stranger, label: str) -> Finding:
        """What is the same in both findings; `label`: what those of one cause have in common."""
        return Finding(
            code=LISTED_CODE,
            error_class="mapping_missing",
            rule=LISTED_CODES_RULE,
            route=self.route,
            severity="hold",
            owner=found.field.owner,
            message="",
            clears=ITSELF,
            cause_key=CauseKey.listed(self.target, found.field.kind, found.code),
            cause_label=label,
            would_pass="",
            span=found.field.span,
            lines=found.lines,
        )


def _is_raw(program: FieldProgram, compiler: Compiler) -> bool:
    """Whether a field is anything but what one map leads to, or a word of the rules themselves."""
    of, maps = program.expr, compiler.index.maps
    if program.type.kind not in {"text", "user"}:
        return False
    return not (isinstance(of, nodes.Literal) or (isinstance(of, nodes.Call) and of.name in maps))


def _keeper(program: FieldProgram | None, compiler: Compiler) -> str:
    """The team that is asked for entries of the map that fills a field; blank where none does."""
    maps = compiler.index.maps
    parts = program.parts() if program is not None else ()
    named = (part.name for part in parts if isinstance(part, nodes.Call) and part.name in maps)
    return next((maps[name].missing.action.role or "" for name in named), "")


def _strange(field: _Named, run: Run, lists: Mapping[str, frozenset[str]]) -> bool:
    """Whether a field of the header, or of the current line, names a code that it may not."""
    program = field.program
    value: Any = program.closure(run) if program is not None else ""
    if type(value) is Unknown or program is None:
        return False
    return field.wrong(value if type(value) is str else document_text(value, program.type), lists)

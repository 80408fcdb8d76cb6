"""Run decision tables: edits, cancellations, reversals, retries, and what was billed before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from grammar import nodes
from grammar.text.characters import separated
from grammar.text.problem import Span
from rules.documents.fields import (
    DocumentProgram,
    Draft,
    FieldProgram,
    NumberTemplate,
    sum_line_amounts,
)
from rules.expressions.compiler import Compiler, sum_billed
from rules.expressions.lists import BillProgram, Shares, line_key
from rules.expressions.run import COMPARE, Closure, Reader, RouteRun, Run, constant, is_left_out
from rules.facts import PostingFact
from rules.outcomes import HIT, PASS, Document, Finding, GateSaid, Said, Verdict, keep_gaps
from rules.types.inference import field_type
from rules.types.symbol_table import BUILT_IN_GROUPS, FACTS, Index, Schemas, Scope
from rules.values.cause_keys import (
    CauseKey,
    CauseKind,
    Clearing,
    Unknown,
    all_of,
    fact_gap,
    join_unknowns,
)
from rules.values.kinds import Type
from rules.values.wording import format_expression, format_value, readable_term

Cell = Callable[[Any, Any], Any]

_UNKNOWN = Unknown()

_FACTS = {
    "changed": Type("one_of", BUILT_IN_GROUPS),
    "error": Type("one_of"),
    "tries": Type("whole"),
    **{name: Type(*FACTS[name]) for name in ("period", "e_invoice_age")},
}

LONGEST = timedelta(days=1)

DAY = "2026-11-20"
"""How a day is written, which a moment begins with."""

_Line: TypeAlias = tuple[str, dict[str, Any]]

CHANGE_RULE = "change"

_SHOWN = 8

Documents = tuple[PostingFact, ...]

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Hit:
    """A table's result for one case: its row, or why no row is certain."""

    row: nodes.TableRow | None
    gaps: Unknown | None
    operands: tuple[tuple[str, str], ...]


class TableProgram:
    """One decision table; `compiler` reads fields and consts, and is None where there is no record.

    `latest` is the value of a const where there is no record whose day could choose it.
    """

    def __init__(
        self,
        table: nodes.Table,
        compiler: Compiler | None,
        latest: Mapping[str, Any] | None = None,
    ) -> None:
        self.span = table.span
        self._scope = Scope(compiler.index, compiler.record) if compiler else None
        self._compiler, self._latest = compiler, latest or {}
        self._zone = compiler.zone if compiler else ZoneInfo("UTC")
        self._columns = [(name, *self._column(name)) for name in table.head]
        self._rows = [
            (
                row,
                [
                    self._cell(c, of)
                    for c, (_, of, _) in zip(row.cells, self._columns, strict=False)
                ],
            )
            for row in table.rows
        ]

    def find(self, values: Mapping[str, Any], run: Any) -> Hit:
        """Return the certain row for a case: its own facts, and its record's run if it has one."""
        have = [
            values.get(name, _UNKNOWN) if closure is None else closure(run)
            for name, _, closure in self._columns
        ]
        operands = tuple(
            (name, format_value(value, of, self._zone))
            for (name, of, _), value in zip(self._columns, have, strict=True)
        )
        unsure = []
        for row, cells in self._rows:
            answer = all_of([cell(run, v) for cell, v in zip(cells, have, strict=False)])
            if answer is True:
                return Hit(row, None, operands)
            if type(answer) is Unknown:
                unsure.append(answer)
        return Hit(None, join_unknowns(*unsure) if unsure else None, operands)

    def _column(self, name: str) -> tuple[Type, Closure | None]:
        """Return a column's type, and its reader where it is no fact of the case."""
        if name in _FACTS:
            return _FACTS[name], None
        ref = self._scope.resolve((name,)) if self._scope else None
        if ref is None or self._compiler is None or self._scope is None:
            return Type("any"), constant(Unknown())
        if ref.field is not None:
            of = field_type(ref.field, ref.record, self._scope)
        else:
            of = Type(*FACTS[name]) if name in FACTS else Type("any")
        return of, self._compiler.guarded(nodes.Name((name,), self.span), self._scope, name, "")

    def _cell(self, cell: nodes.Cell, of: Type) -> Cell:
        if isinstance(cell, nodes.Any_):
            return _any
        if isinstance(cell, nodes.Compared):
            return _compared(COMPARE[cell.op], self._value(cell.value, of))
        return _among([self._value(v, of) for v in cell.values])

    def _value(self, value: nodes.Value, of: Type) -> Closure:
        """Return a cell's value: a word of the column, a constant or a literal."""
        if isinstance(value, nodes.Literal):
            return constant(value.value)
        if of.kind == "one_of":
            return constant(value.name)
        if self._compiler is not None and value.name in self._compiler.index.consts:
            scope = Scope(self._compiler.index, self._compiler.record)
            return self._compiler.expr(nodes.Name((value.name,), value.span), scope)
        return constant(self._latest.get(value.name, value.name))


def _any(_: Any, __: Any) -> bool:
    return True


def _compared(op: Callable[[Any, Any], bool], right: Closure) -> Cell:
    def compare(run: Any, left: Any) -> Any:
        other = right(run)
        if type(left) is Unknown or type(other) is Unknown:
            return join_unknowns(left, other)
        return op(left, other)

    return compare


def _among(values: list[Closure]) -> Cell:
    def among(run: Any, left: Any) -> Any:
        if type(left) is Unknown:
            return left
        others = [v(run) for v in values]
        if left in [o for o in others if type(o) is not Unknown]:
            return True
        gaps = [o for o in others if type(o) is Unknown]
        return join_unknowns(*gaps) if gaps else False

    return among


def latest_consts(consts: Mapping[str, nodes.Const]) -> dict[str, Any]:
    """Return every constant's newest value."""
    return {
        name: max(const.rows, key=lambda r: r.since).value.value for name, const in consts.items()
    }


@dataclass(frozen=True, slots=True)
class RetryAnswer:
    """What to do now: `try_again` after a pause, or an action with its team.

    `again` is the row's retry rule, also when its tries are used up.
    """

    kind: str  # try_again look_up hold review warn ignore drop wait block reject
    role: str | None
    pause: timedelta | None
    again: nodes.TryAgain | None
    span: Span


class RetryProgram:
    """One `retry` declaration."""

    def __init__(self, index: Index, declared: nodes.Retry) -> None:
        self.table = TableProgram(declared.table, None, latest_consts(index.consts))

    def answer(self, error_class: str, tries: int) -> RetryAnswer | None:
        """Return the answer to an error after a number of tries, or None without a row."""
        hit = self.table.find({"error": error_class, "tries": Decimal(tries)}, None)
        if hit.row is None:
            return None
        action, span = hit.row.action, hit.row.span
        if not isinstance(action, nodes.TryAgain):
            return RetryAnswer(action.kind, action.role, None, None, span)
        if tries >= action.times:
            return RetryAnswer(action.then.kind, action.then.role, None, action, span)
        doubled = 2 ** min(max(tries - 1, 0), 17)  # 1s, doubled so often, is longer than a day
        pause = min(min(action.pause, LONGEST) * doubled, LONGEST)
        return RetryAnswer("try_again", None, pause, action, span)


class ReversalProgram:
    """One route that takes the postings of another back."""

    def __init__(
        self,
        compiler: Compiler,
        reversal: nodes.Reversal,
        original: DocumentProgram,
        schemas: Schemas | None,
        owner: str,
    ) -> None:
        head = Scope(compiler.index, compiler.record, document=True)
        line = replace(head, line=True)
        self.reversal, self.name = reversal, str(reversal.route)
        self.original, self.owner, self.span = original, owner, reversal.span
        self.head = [FieldProgram(compiler, a, head, owner) for a in reversal.fields]
        self.line = [FieldProgram(compiler, a, line, owner) for a in reversal.line_fields]
        self.number = NumberTemplate(compiler, reversal.number, reversal.span, head)
        self.fields = EditedFields(compiler.index, compiler.record)
        known = (
            schemas.document(reversal.route.target, reversal.route.document) if schemas else None
        )
        shape = original.shape
        self.date = known.date_field if known else shape.date
        self.party = known.party_field if known else shape.party
        self.amount = (known.total_field if known else None) or shape.amount
        own = any(format_expression(a.expr) == "document_number" for a in reversal.fields)
        self.numbered = () if own else original.numbered

    @property
    def programs(self) -> tuple[FieldProgram, ...]:
        """Return the fields that the mirror document sets itself; the others come from its
        original.
        """
        return (*self.head, *self.line)

    def mirror(self, run: Run, posting: PostingFact, seq: int) -> tuple[Document | None, Draft]:
        """Return the document that reverses a posting, and the draft with its gaps."""
        outer = run.route
        run.route = RouteRun(self.name, self.reversal.route.target, seq=seq, day=run.today)
        run.line = {}
        try:
            run.route.number = self.number.fill(run, posting.number)
            draft = self._draft(run, posting)
            return self._document(run, draft, posting), draft
        finally:
            run.route = outer

    def _draft(self, run: Run, posting: PostingFact) -> Draft:
        content = posting.content
        draft = Draft(is_filled=True)
        if content is None:
            words = f"what {posting.number} says in the target"
            keep_gaps(draft.gaps, Unknown(fact_gap(words, self.owner, span=self.span)), None)
            return draft
        draft.fields = _row(content.get("fields"))
        number = run.route.number
        if type(number) is Unknown:
            keep_gaps(draft.gaps, number, None)
        else:
            draft.fields.update({f: number for f in self.numbered if f in draft.fields})
        for program in self.head:
            program.fill(run, draft, draft.fields, None, self.name)
        self._date_anew(run, draft)
        lines = content.get("lines")
        rows = self._rows(run, posting)
        for at, old in enumerate(lines if isinstance(lines, list | tuple) else ()):
            run.line = rows[at] if at < len(rows) else self.fields.reader.blank_line()
            filled = _row(old)
            for program in self.line:
                program.fill(run, draft, filled, at + 1, self.name)
            draft.lines.append(filled)
        return draft

    def _date_anew(self, run: Run, draft: Draft) -> None:
        """Set the new day of a document that a person gave to its predecessor."""
        given = run.facts.dated.get(self.name)
        told = draft.fields.get(self.date, "")
        if given is not None and _day(told, run.today) == given.instead_of:
            draft.fields[self.date] = given.day.isoformat() + told[len(DAY) :]

    def _rows(self, run: Run, posting: PostingFact) -> list[dict[str, Any]]:
        """Return the record's lines behind the lines of the posted document."""
        if not posting.billed:
            posted = (posting.content or {}).get("lines")
            every = isinstance(posted, list | tuple) and len(posted) == len(run.lines)
            return run.lines if every else [r for r in run.lines if not is_left_out(run, r)]
        by_key = {
            line_key(row.get(self.fields.key), at): row for at, row in enumerate(run.lines, start=1)
        }
        return [by_key.get(key) or self.fields.reader.blank_line() for key in posting.billed]

    def _document(self, run: Run, draft: Draft, posting: PostingFact) -> Document | None:
        if draft.gaps:
            return None
        original = self.original
        currency = draft.fields.get(original.shape.currency, original.currency_of(run))
        return Document(
            target=self.reversal.route.target,
            document=self.reversal.route.document,
            number=run.route.number,
            date=_day(draft.fields.get(self.date, ""), run.today),
            party=draft.fields.get(self.party, ""),
            currency=currency,
            amount=self._amount(draft, posting),
            fields=draft.fields,
            lines=tuple(draft.lines),
        )

    def _amount(self, draft: Draft, posting: PostingFact) -> Decimal:
        """Return the reversed amount: the whole posting, unless the route sets another."""
        told = (posting.content or {}).get("amount")
        if not self.line and self.amount not in {f.name for f in self.head} and told is not None:
            return Decimal(str(told))
        return _amount(draft.fields.get(self.amount, ""), draft.lines)


def _row(value: object) -> dict[str, str]:
    return {str(k): str(v) for k, v in value.items()} if isinstance(value, Mapping) else {}


def _day(text: str, otherwise: date) -> date:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return otherwise


def _amount(text: str, lines: Sequence[dict[str, str]]) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        return sum_line_amounts(lines)


class EditedFields:
    """The stored fields of one record kind, compared between two contents."""

    def __init__(self, index: Index, record: str, apart: Iterable[str] = ()) -> None:
        """Create the comparison; `apart` are line fields with their own comparison, such as
        `price`.
        """
        self.reader = Reader(index, record)
        many = index.lines_field(record)
        lines = index.line_records.get(record)
        key = index.marked(lines.name, "key") if lines else None
        self.lines = many.name if many else ""
        self.key = key.name if key else ""
        self.head = _stored(index, record)
        stored = _stored(index, lines.name) if lines else ()
        self.apart = tuple(f for f in stored if f in set(apart))
        self.together = tuple(f for f in stored if f not in self.apart)

    def of(self, run: Run, posting: PostingFact) -> tuple[str, ...] | None:
        """Return the names of the fields that differ, or None if the posted content is unknown.

        A line field with its own comparison differs where a remaining line changed it:
        `line.price`. All other line changes appear under the field that holds the lines.
        """
        if posting.body is None:
            return () if posting.version == run.version else None
        before = self.reader.read(posting.body)
        found = [f for f in self.head if not _same(before.head.get(f), run.head.get(f))]
        if self.lines:
            was, now = self._by_key(before.lines), self._by_key(run.lines)
            if _of(was, self.together) != _of(now, self.together):
                found.append(self.lines)
            # An added or removed line changes no price; the field of the lines reports it.
            keys = {key for key, _ in was} & {key for key, _ in now}
            stay = [[line for line in lines if line[0] in keys] for lines in (was, now)]
            found += [
                f"{nodes.OF_LINE}{f}" for f in self.apart if _of(stay[0], [f]) != _of(stay[1], [f])
            ]
        return tuple(dict.fromkeys(found))

    def _by_key(self, rows: list[dict[str, Any]]) -> list[_Line]:
        """Return all lines in the order of their keys."""
        found = [(line_key(row.get(self.key), at), row) for at, row in enumerate(rows, start=1)]
        return sorted(found, key=lambda line: line[0])


def _stored(index: Index, record: str) -> tuple[str, ...]:
    fields = index.fields[record].values()
    return tuple(f.name for f in fields if isinstance(f, nodes.Field) and f.type != "many")


def _same(before: Any, now: Any) -> bool:
    return bool(_value(before) == _value(now))


def _value(value: Any) -> Any:
    return None if type(value) is Unknown else value


def _of(lines: list[_Line], fields: Iterable[str]) -> list[Any]:
    """Return the values of some lines in some fields."""
    return [(key, [_value(row.get(f)) for f in fields]) for key, row in lines]


class GroupProgram:
    """The groups of one `on edit` table; `apart` are the fields of lines that they name."""

    def __init__(self, groups: tuple[nodes.Group, ...]) -> None:
        self.of = {word.name: g.name for g in groups for word in g.fields}
        self.apart = tuple(
            f.removeprefix(nodes.OF_LINE) for f in self.of if f.startswith(nodes.OF_LINE)
        )

    def changed(self, fields: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
        """Return the groups with a change, each with its changed fields."""
        found: dict[str, tuple[str, ...]] = {}
        for field in fields:
            group = self.of.get(field)
            if group is not None:
                found[group] = (*found.get(group, ()), field)
        return found


def compare_posted(
    run: Run,
    posting: PostingFact,
    *,
    gate: GateSaid,
    draft: Draft,
    theirs: frozenset[str],
    owner: str,
    span: Span,
) -> Said:
    """Return one verdict: no difference, or a finding that names the differences.

    Fields of the target (`theirs`) may differ.
    """
    route = posting.route
    changes = _status_change(gate) or _differences(posting.content, draft, theirs)
    released = bool(changes) and (route, CHANGE_RULE) in run.facts.releases
    changes = [separated(change) for change in changes]
    text = f"{posting.number} is posted, but {'; '.join(changes)}." if changes else ""
    operands = (("posted as", posting.number), ("posted version", str(posting.version)))
    result = HIT if changes else PASS
    said = Said(
        [Verdict(CHANGE_RULE, "change", route, result, span, operands, None, text, released)]
    )
    if changes and not released:
        said.findings.append(
            Finding(
                code="STL01",
                error_class="stale_version",
                rule=CHANGE_RULE,
                route=route,
                severity="hold",
                owner=owner,
                message=f"{text} The posted document stays until a person decides.",
                clears=Clearing.by(owner),
                cause_key=CauseKey(CauseKind.STALE, route),
                cause_label=f"Changed after posting to {readable_term(route)}",
                would_pass=f"the record says again what {posting.number} says",
                span=span,
            )
        )
    return said


def _status_change(gate: GateSaid) -> list[str]:
    if gate == "cancel":
        return ["the record is cancelled now"]
    return ["the record may not go any more"] if gate in {"hold", "wait", "ignore"} else []


def _differences(
    content: Mapping[str, object] | None, draft: Draft, theirs: frozenset[str]
) -> list[str]:
    """Return where the draft differs from the posted content; unknown fields are included."""
    if content is None:
        return []
    old_fields, old_lines = content.get("fields"), content.get("lines")
    found = _fields(old_fields, draft.fields, "", theirs)
    lines: list[Any] = list(old_lines) if isinstance(old_lines, list | tuple) else []
    if len(lines) != len(draft.lines):
        found.append(f"it has {len(draft.lines)} lines instead of {len(lines)}")
    for number, (old, new) in enumerate(zip(lines, draft.lines, strict=False), start=1):
        found += _fields(old, new, f"line {number} ", theirs)
    more = len(found) - _SHOWN
    return found[:_SHOWN] + ([f"{more} more"] if more > 0 else [])


def _fields(old: object, new: Mapping[str, str], prefix: str, theirs: frozenset[str]) -> list[str]:
    before: Mapping[str, object] = old if isinstance(old, Mapping) else {}
    names = dict.fromkeys([*new, *before])
    return [
        f"{prefix}{name} was {before.get(name, '(missing)')}, is {new.get(name, '(missing)')}"
        for name in names
        if before.get(name) != new.get(name) and name not in theirs
    ]


class BilledBefore:
    """Compute what earlier documents have billed."""

    def __init__(self, bill: BillProgram, reader: Reader) -> None:
        self.bill, self.reader = bill, reader

    def remember(self, shares: Shares, standing: Documents) -> Shares:
        """Return the shares of a new document after the shares of other documents, oldest first."""
        if standing:
            shares.earlier_amount = partial(self._had, standing)
        return shares

    def _had(self, standing: Documents, run: Run, amount: Closure) -> Any:
        """Return how much of an amount the documents have, or why it is unknown.

        None where a document's origin is unknown.
        """
        line = run.line
        try:
            for last in range(len(standing), 0, -1):
                then = self._as_posted(run, standing[last - 1])
                if then is None:
                    return None
                complete = self._completes(then, standing[:last])
                if type(complete) is Unknown:
                    return complete
                if complete:
                    return amount(then)
        finally:
            run.line = line
        return _ZERO

    def never_completed(self, run: Run, standing: Documents) -> bool:
        """Check whether no document completed its record, so that no header amount was billed."""
        line = run.line
        try:
            for last in range(len(standing), 0, -1):
                then = self._as_posted(run, standing[last - 1])
                if then is None or self._completes(then, standing[:last]) is not False:
                    return False
        finally:
            run.line = line
        return True

    def _completes(self, then: Run, documents: Documents) -> bool | Unknown:
        """Check whether documents bill all of the record as it was."""
        billed, gaps, left = sum_billed(documents), [], False
        for key, row in self.bill.keyed_lines(then):
            then.line = row
            whole = self.bill.ordered(then)
            if type(whole) is Unknown:
                gaps.append(whole)
            elif billed.get(key, _ZERO) < whole:
                left = True
        return (
            False if left else join_unknowns(*gaps) if gaps else any(n > 0 for n in billed.values())
        )

    def _as_posted(self, run: Run, document: PostingFact) -> Run | None:
        """Return the record as a document shows it; its linked records are current."""
        if document.body is None:
            return run if document.version == run.version else None
        key = ("as posted", document.route, document.seq)
        if key not in run.memo:
            run.memo[key] = self._read(run, document)
        then: Run = run.memo[key]
        return then

    def _read(self, run: Run, document: PostingFact) -> Run:
        content = self.reader.read(document.body or {})
        run.spend(1 + len(content.lines))
        then = Run(content=content, facts=run.facts, world=run.world, now=run.now, today=run.today)
        then.version, then.route = document.version, run.route
        then.lookups, then.conversions = run.lookups, run.conversions
        then.uses, then.entries, then.clock = run.uses, run.entries, run.clock
        return then

"""Judge the rules about the document to send: checks, duplicates, approvals, periods."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final, TypeVar
from zoneinfo import ZoneInfo

from grammar import nodes
from grammar.text.characters import in_currency, shown, without_invisible
from grammar.text.problem import Span
from rules.decisions.barred_documents import judge_barred
from rules.documents.fields import Draft
from rules.documents.rounding import ROUNDING, RoundingMethodProgram
from rules.documents.unit_proofs import UNIT_PROOF_RULE as PROOFS
from rules.documents.unit_proofs import AgreementProgram, ProofProgram
from rules.documents.unusual import AmountsProgram, ListedCodes, UnusualProgram
from rules.expressions.checks import (
    SEVERITY,
    CheckProgram,
    Operand,
    Row,
    compile_message,
    operand_texts,
)
from rules.expressions.compiler import CheckGroup, Compiler, Rows
from rules.expressions.run import RetreatError, Run
from rules.facts import Conflict, Facts
from rules.outcomes import (
    HIT,
    NOT_APPLICABLE,
    PASS,
    STOPS,
    UNKNOWN,
    Decision,
    Finding,
    Said,
    Verdict,
    VerdictKind,
    VerdictResult,
    gap_finding,
    keep_gaps,
)
from rules.types.symbol_table import Index, Schemas, Scope, match_words
from rules.values.canonical import dumps, sha256_hex
from rules.values.cause_keys import (
    ITSELF,
    CauseKey,
    CauseKind,
    Clearing,
    Gap,
    Unknown,
    fact_gap,
    fold_key,
    join_unknowns,
    limit_gap,
)
from rules.values.wording import NotExactError, document_text, parse_message, readable_name

if TYPE_CHECKING:
    from rules.decisions.route_rules import RouteProgram

Shared = dict[str, Said]

T = TypeVar("T", Rows, int)

DUPLICATE_CODE: Final = "IDN01"

DUPLICATE_RULE: Final = "duplicates"

IDENTITY: Final = "identity"
"""The rule of a conflict of identity. It is released on its own, apart from duplicates."""

LONGEST_KEY = 160

LONGEST_NUMBER = 191
"""Of a number in the key of a cause, so that the whole key has 200 signs at most."""

MOMENTS = 64
"""Of so many moments it is kept which day they are of: a batch is judged at one."""

_CHANGES = frozenset({"update", "void", "credit_note"})

OWN_COMPANY_CODE: Final = "IDN02"

SUMS_DIFFER: Final = "SUM01"

NOT_IN_SOURCE: Final = "SRC01"

INTAKE_RULE: Final = "intake"
"""How the rules begin of what a connector found wrong with a field; no rule file declares them."""

_LINE_PATH: Final = re.compile(r"lines\[(\d+)\]\.")

OWN_COMPANY_RULE: Final = "own_company"

COMPANY: Final = "company"
"""The word of such a conflict among the facts (rules/facts.py)."""


class DuplicateProgram:
    """One duplicates declaration of one record kind."""

    def __init__(self, compiler: Compiler, declared: nodes.Duplicates) -> None:
        self.declared = declared
        self.scope = Scope(compiler.index, compiler.record, document=True)
        self.route = str(declared.route) if declared.route else "*"
        self.owner = declared.action.role or compiler.owner
        self.severity = SEVERITY.get(declared.action.kind, "hold")
        parts, _ = parse_message(declared.say, declared.span)
        self.message, self.label = compile_message(compiler, parts, self.scope)
        self.fields = [
            tuple(self._operand(compiler, f, u) for f in u.fields) if u.where == "history" else ()
            for u in declared.uniques
        ]
        self.record = compiler.record
        self.match = [self._matches(compiler, u) for u in declared.uniques]

    def _matches(self, compiler: Compiler, unique: nodes.Unique) -> tuple[frozenset[str], ...]:
        """Return the match words by which each field's values are compared."""
        keys = zip(unique.fields, unique.like, strict=True)
        return tuple(match_words(compiler.index, compiler.record, f, table) for f, table in keys)

    def _operand(self, compiler: Compiler, name: str, unique: nodes.Unique) -> Operand:
        return Operand(compiler, nodes.Name((name,), unique.span), self.scope)

    def key_name(self, number: int) -> str:
        """Return the name of the n-th link key, `unique … in history`."""
        return f"dup:{self.route}:{self.record}.{number}"

    def key_value(self, number: int, run: Run) -> str | Unknown:
        """Return the key's canonical value, or why it is unknown."""
        values = [(o.label, o.closure(run), o) for o in self.fields[number]]
        if any(type(v) is Unknown for _, v, _ in values):
            return join_unknowns(*(v for _, v, _ in values))
        match = self.match[number]
        texts = [
            (label, without_invisible(document_text(v, o.type)).strip()) for label, v, o in values
        ]
        folded = {
            label: fold_key(text, how) for (label, text), how in zip(texts, match, strict=True)
        }
        text = dumps(folded)
        return text if len(text) <= LONGEST_KEY else f"sha256:{sha256_hex(text)}"

    def link_keys(self, run: Run) -> list[tuple[str, str]]:
        """Return names and values of all known link keys."""
        found = []
        for number, unique in enumerate(self.declared.uniques):
            if unique.where == "history":
                value = self.key_value(number, run)
                if isinstance(value, str):
                    found.append((self.key_name(number), value))
        return found

    def judge(self, run: Run, route: str, fields: Mapping[str, str]) -> Said:
        """Return a verdict for each unique and one finding; `fields` is the document so far."""
        said = Said()
        released = (route, DUPLICATE_RULE) in run.facts.releases
        same: list[tuple[str, tuple[str, ...]]] = []
        gaps: dict[Gap, list[int]] = {}
        for number, unique in enumerate(self.declared.uniques):
            value, others = self._ask(number, unique, run, route, fields)
            result = _compared(value, others)
            if result in (PASS, NOT_APPLICABLE) and not run.whole:
                continue
            if result != NOT_APPLICABLE:
                keep_gaps(gaps, value, None)
            operands = operand_texts(self.fields[number], run) or _shown(unique, fields)
            text = ""
            if others:
                same.append((str(value), others))
                text = f"The same: {', '.join(others[:5])}"
                operands += (("same as", ", ".join(others[:5])),)
            said.verdicts.append(
                Verdict(
                    DUPLICATE_RULE,
                    "duplicates",
                    route,
                    result,
                    unique.span,
                    operands,
                    None,
                    text,
                    released and result == HIT,
                )
            )
        if same and not released:
            said.findings.append(self._finding(run, route, same))
        said.findings += [gap_finding(g, route) for g in gaps if not g.silent]
        return said

    def _ask(
        self, number: int, unique: nodes.Unique, run: Run, route: str, fields: Mapping[str, str]
    ) -> tuple[Any, tuple[str, ...]]:
        """Return the value that must be unique, and the other records with it."""
        if unique.where == "history":
            others = run.facts.history.get(self.key_name(number), ())
            if not (others or run.whole) and self._is_known(number, run):
                return "", ()
            try:
                value = self.key_value(number, run)
            except (ArithmeticError, TypeError, NotExactError):
                value = Unknown()
            if isinstance(value, Unknown):
                return value, ()
            shown = " / ".join(t for _, t in operand_texts(self.fields[number], run))
            return shown, others
        if unique.where == "number_in_target":
            mine = run.route.number
            if type(mine) is Unknown or mine is None:
                return Unknown(), ()
            same = [d for d in run.facts.documents if d.route == route and d.number == mine]
            return mine, tuple(d.record or d.number for d in same)
        if any(f not in fields for f in unique.fields):
            return Unknown(), ()
        same = [
            d
            for d in run.facts.documents
            if d.route == route
            and all(d.fields.get(f, "").strip() == fields[f].strip() for f in unique.fields)
        ]
        shown = " / ".join(fields[f] for f in unique.fields)
        return shown, tuple(d.record or d.number or shown for d in same)

    def _is_known(self, number: int, run: Run) -> bool:
        """Check whether the n-th key has a value that can be stored."""
        try:
            values = [type(o.closure(run)) for o in self.fields[number]]
        except (ArithmeticError, TypeError):
            return False
        return Unknown not in values and Fraction not in values

    def _finding(self, run: Run, route: str, same: list[tuple[str, tuple[str, ...]]]) -> Finding:
        value, others = same[0]
        return Finding(
            code="DUP01",
            error_class="duplicate",
            rule=DUPLICATE_RULE,
            route=route,
            severity=self.severity,
            owner=self.owner,
            message=f"{self.message(run)} The same: {', '.join(others[:5])}.",
            clears=Clearing.by(self.owner),
            cause_key=CauseKey(CauseKind.DUPLICATE, value[:120]),
            cause_label=self.label,
            would_pass=f"no other has {value[:120]}",
            span=self.declared.span,
        )


class DocumentRules:
    """One route's rules that are evaluated before sending."""

    def __init__(
        self,
        route: str,
        *,
        checks: list[CheckProgram],
        common: CheckGroup | None,
        own: CheckGroup | None,
        duplicates: list[DuplicateProgram],
        proofs: ProofProgram,
        agreement: AgreementProgram | None,
        amounts: AmountsProgram,
        told: RoundingMethodProgram | None,
        listed: ListedCodes,
        unusual: UnusualProgram,
        source: str,
        owner: str,
        span: Span,
    ) -> None:
        self.route, self.owner, self.span = route, owner, span
        self.source = source
        self.checks, self.duplicates, self.proofs = checks, duplicates, proofs
        self.agreement, self.amounts, self.told = agreement, amounts, told
        self.common, self.own, self.unusual, self.listed = common, own, unusual, listed

    def rules(self, run: Run, shared: Shared, said: Said, *, goes: bool = True) -> None:
        """Add the results of checks and conversions, and what bars the record."""
        together = not run.stepwise and self.common is not None and self.own is not None
        rows = self._rows(run) if together and run.whole else None
        concern = self._concern(run) if together and not run.whole else -1
        for check in self.checks:
            if check.bit & concern:
                said.add(self._check(check, run, shared, rows))
        said.add(self._proved(run, shared))
        if goes:
            said.add(self.unusual.judge(run))
            said.add(self.barred(run, self.route))

    def barred(self, run: Run, route: str) -> Said:
        """Return why no document of a route may go to its target."""
        source, owner, span = self.source, self.owner, self.span
        return judge_barred(run, route, source=source, owner=owner, span=span)

    def failed(self, run: Run, shared: Shared, said: Said, bits: int) -> None:
        """Add the results of these checks, where a glance found nothing else to report."""
        for check in self.checks:
            if check.bit & bits:
                said.add(self._check(check, run, shared, None))

    def _concern(self, run: Run) -> int:
        """Return the bits of the checks that did not simply pass."""

        def not_passed(checks: CheckGroup) -> int:
            fail, unknown = checks.bits(run)
            return fail | unknown

        return self._in_one_go(run, not_passed, int.__or__)

    def _rows(self, run: Run) -> Rows:
        """Return the rows of all checks."""
        return self._in_one_go(run, lambda checks: checks.rows(run), dict.__or__)

    def _in_one_go(self, run: Run, ask: Callable[[CheckGroup], T], both: Callable[[T, T], T]) -> T:
        """Return the results of all routes' checks, evaluated once per record, with this route's
        own.
        """
        assert self.common is not None and self.own is not None  # noqa: S101, PT018
        try:
            if self.common not in run.memo:
                run.memo[self.common] = ask(self.common)
            common: T = run.memo[self.common]
            return both(common, ask(self.own))
        except (ArithmeticError, TypeError, RecursionError) as reason:
            raise RetreatError from reason

    def document(self, run: Run, draft: Draft, said: Said) -> None:
        """Add the document's findings: codes, units, total, and whether it exists already."""
        units = self.agreement
        if self.told is not None and draft.is_filled:
            said.add(self.told.judge(run))
        if draft.is_filled:
            said.add(self.listed.of_draft(run, draft))
        if units is not None and draft.is_filled:
            said.add(self._safe(lambda: units.judge(run, draft), PROOFS, run))
        if draft.is_filled:
            said.add(self._safe(lambda: self.amounts.judge(run, said), ROUNDING, run))
        for duplicate in self.duplicates:
            said.add(duplicate.judge(run, self.route, draft.fields))

    def _check(self, check: CheckProgram, run: Run, shared: Shared, rows: Rows | None) -> Said:
        def ask() -> Said:
            found = self._asked(check, run) if rows is None else rows[check.first]
            return check.judge(run, self.route, found)

        name = check.check.name
        if not check.everywhere or check.clears.by_people:
            return self._safe(ask, "check", run, check)
        if name not in shared:
            shared[name] = self._safe(ask, "check", run, check)
            return shared[name]
        return shared[name].for_route(self.route)

    def _asked(self, check: CheckProgram, run: Run) -> list[Row]:
        """Return a check's rows, evaluated once per record where all routes share them."""
        if not check.everywhere:
            return check.ask(run)
        if check not in run.memo:
            run.memo[check] = check.ask(run)
        found: list[Row] = run.memo[check]
        return found

    def _proved(self, run: Run, shared: Shared) -> Said:
        if PROOFS in shared:
            return shared[PROOFS].for_route(self.route)
        shared[PROOFS] = self._safe(lambda: self.proofs.judge(run, self.route), PROOFS, run)
        return shared[PROOFS]

    def _safe(
        self,
        ask: Callable[[], Said],
        kind: VerdictKind,
        run: Run,
        check: CheckProgram | None = None,
    ) -> Said:
        """Return a rule's result; too many steps become its finding."""
        try:
            return ask()
        except ArithmeticError as reason:
            span = check.check.span if check else self.span
            owner = check.owner if check else self.owner
            rule = check.check.name if check else kind
            gap = limit_gap(rule, owner, rule, reason, span)
            verdict = Verdict(rule, kind, self.route, UNKNOWN, span, (), None, gap.message)
            run.line = {}
            return Said([verdict], [gap_finding(gap, self.route)])


def duplicate_findings(facts: Facts, route: str, *, owner: str, span: Span) -> list[Finding]:
    """Return one finding for each conflict, unless a person accepted it."""
    if (route, IDENTITY) in facts.releases:
        return []
    mine = [conflict for conflict in facts.conflicts if conflict.what != COMPANY]
    return [_finding(conflict, route, owner, span) for conflict in mine]


def _finding(conflict: Conflict, route: str, owner: str, span: Span) -> Finding:
    others, mine = ", ".join(map(shown, conflict.others)), shown(conflict.mine)
    if conflict.what == "number":
        message = f"It was {others} before and calls itself {mine} now, under the same id."
        label, would_pass = "Another number under the same id", f"its number is {others} again"
    else:
        message = f"{mine} came under another id, too: {others}. Which of them is it?"
        label, would_pass = "The same number under another id", "only one of the ids has the number"
    return Finding(
        code=DUPLICATE_CODE,
        error_class="stale_version" if conflict.what == "number" else "duplicate",
        rule=IDENTITY,
        route=route,
        severity="hold",
        owner=owner,
        message=message,
        clears=Clearing.by(owner),
        cause_key=CauseKey(CauseKind.IDENTITY, conflict.mine[:LONGEST_NUMBER]),
        cause_label=label,
        would_pass=would_pass,
        span=span,
    )


def _compared(value: object, others: tuple[str, ...]) -> VerdictResult:
    """Return a comparison's result.

    A comparison with a blank optional part does not apply: two sales without a customer do not
    share one.
    """
    if type(value) is not Unknown:
        return HIT if others else PASS
    return NOT_APPLICABLE if any(gap.kind == "field" for gap in value.gaps) else UNKNOWN


def _shown(unique: nodes.Unique, fields: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((f, fields.get(f, "(missing)")) for f in unique.fields)


def order_by_dependency(routes: list[RouteProgram]) -> list[RouteProgram]:
    """Return the routes, each after the route that it depends on, otherwise as written."""
    named = {route.name: route for route in routes}
    found: dict[str, RouteProgram] = {}

    def add(route: RouteProgram, behind: frozenset[str]) -> None:
        before = named.get(str(route.post.after)) if route.post.after else None
        if before is not None and before.name not in behind:  # the checks refuse a ring
            add(before, behind | {route.name})
        found.setdefault(route.name, route)

    for route in routes:
        add(route, frozenset({route.name}))
    return list(found.values())


def who_decides(decision: Decision) -> str:
    """Return who decides about a route's posted document and by which rule, or blank."""
    changes = any(step.action in _CHANGES for step in decision.plan)
    for one in decision.findings:
        if one.severity in STOPS and (changes or one.error_class == "stale_version"):
            return f"held for {one.owner} ({one.rule})"
    return ""


def daily_due(value: date | datetime, at: time, zone: ZoneInfo) -> datetime:
    """Return the first `at` after a value's day in the zone, as a UTC moment.

    The last day of the calendar has no next day and is used itself.

    >>> daily_due(date(2026, 11, 18), time(2, 0), ZoneInfo("Asia/Kuala_Lumpur")).isoformat()
    '2026-11-18T18:00:00+00:00'
    """
    try:
        day = value.astimezone(zone).date() if isinstance(value, datetime) else value
        return datetime.combine(day + timedelta(days=1), at, tzinfo=zone).astimezone(UTC)
    except OverflowError:
        return datetime.combine(date.max, time(0), tzinfo=zone).astimezone(UTC)


@lru_cache(maxsize=MOMENTS)
def day_in(now: datetime, zone: ZoneInfo) -> date:
    """Return a moment's day in a zone."""
    return now.astimezone(zone).date()


@lru_cache(maxsize=MOMENTS)
def next_midnight(now: datetime, zone: ZoneInfo) -> datetime:
    """Return the moment when `today` changes."""
    day = now.astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(day, time(0), tzinfo=zone).astimezone(UTC)


class PostingTurn:
    """When it is a document's turn: at its hour, and once the one that it comes after is there."""

    def __init__(self, post: nodes.Post, zone: ZoneInfo) -> None:
        self.zone = zone
        self.daily = post.timing if isinstance(post.timing, nodes.Daily) else None
        self.after = str(post.after) if post.after else None

    def hour(self, run: Run) -> datetime | None:
        """Return from when it may be posted; None for at once or without a date."""
        if self.daily is None:
            return None
        value = run.head.get(self.daily.by)
        return daily_due(value, self.daily.at, self.zone) if isinstance(value, date) else None

    def is_early(self, run: Run) -> bool | None:
        """Check whether its hour is still to come; None without a date."""
        if self.daily is None:
            return False
        moment = self.hour(run)
        return None if moment is None else moment > run.now

    def number_before(self, run: Run) -> str:
        """Return the number of the document that it follows; blank if that is not posted."""
        return run.facts.documents_of_family.get(self.after or "") or ""

    def held_before(self, run: Run) -> str:
        """Return who decides about that document, or blank."""
        return run.held.get(self.after or "") or "" if self.number_before(run) else ""

    def follows(self, run: Run) -> bool:
        """Check whether the document before it allows it."""
        return self.after is None or bool(self.number_before(run) and not self.held_before(run))


class PeriodProgram:
    """The periods of one route's documents."""

    def __init__(
        self,
        index: Index,
        post: nodes.Post,
        schemas: Schemas | None,
        missing: nodes.Missing | None,
        owner: str,
    ) -> None:
        words = missing.say.replace("{field}", "period") if missing else ""
        span = missing.span if missing else post.span
        self.unknown = Unknown(fact_gap("period", owner, words, span))
        self.target = post.route.target
        self.touched = _touched(index, post, schemas)

    def __call__(self, run: Run, day: Any) -> Any:
        """`open` or `locked` for a document of this day, which is noted where it is locked."""
        state = run.world.targets.get(self.target)
        if state is None or not state.known:
            return self.unknown
        if not isinstance(day, date):
            return day
        run.route.closed = self._closed(run, day, state.locked_through)
        return "locked" if run.route.closed else "open"

    def _closed(self, run: Run, day: date, until: date | None) -> date | None:
        """Return the first closed day among its own day and the days of documents it changes."""
        if until is None or day <= until:
            return day if until else None
        days = [run.facts.days_of_family.get(route) for route in self.touched]
        return next((one for one in days if one is not None and one <= until), None)


def _touched(index: Index, post: nodes.Post, schemas: Schemas | None) -> tuple[str, ...]:
    """Return the routes of earlier documents that the target changes along with this one."""
    known = schemas.document(post.route.target, post.route.document) if schemas else None
    found: list[str] = []
    after = post.after if getattr(known, "touches_earlier", False) else None
    while after is not None and str(after) not in found:
        found.append(str(after))
        earlier = index.routes().get(str(after))
        after = earlier.after if earlier else None
    return tuple(found)


def own_company_findings(facts: Facts, route: str, *, owner: str, span: Span) -> list[Finding]:
    """Return at most one finding, which cannot be released: the record belongs to other books."""
    return [
        Finding(
            code=OWN_COMPANY_CODE,
            error_class="bad_value",
            rule=OWN_COMPANY_RULE,
            route=route,
            severity="hold",
            owner=owner,
            message=f"It is of company {conflict.mine}, and its source is bound to {bound}.",
            clears=ITSELF,
            cause_key=CauseKey(CauseKind.COMPANY, conflict.mine),
            cause_label=f"Record of another company: {conflict.mine}",
            would_pass=f"it names company {bound}, or none",
            span=span,
        )
        for conflict in facts.conflicts
        if conflict.what == COMPANY
        for bound in conflict.others
    ]


def intake_findings(
    run: Run, route: str, *, owner: str, sums_owner: str, span: Span
) -> list[Finding]:
    """Return a finding for each field that the connector could not read, for sums that differ, and
    for a record that its source no longer shows.

    A newer version without the fault ends it, and so does a correction of the field. The owner may
    release sums that differ, a value that is no amount, or a missing record, for this content only.
    `sums_owner` has the hold of sums that differ.
    """
    return [
        one
        for one in _intake(run, route, (owner, sums_owner), span)
        if not (one.clears.by_people and (route, one.rule) in run.facts.releases)
    ]


def _intake(run: Run, route: str, owners: tuple[str, str], span: Span) -> list[Finding]:
    currency = run.head.get("currency")
    money = partial(in_currency, currency=currency if isinstance(currency, str) else "")
    found: dict[tuple[str, str, tuple[int, ...]], Finding] = {}
    for fault in run.faults:
        field = _LINE_PATH.sub("line.", fault.get("field", "")) or fault.get("where", "")
        row = _LINE_PATH.match(fault.get("field", ""))
        lines = (int(row[1]) + 1,) if row else ()
        name = readable_name(field.removeprefix("line."))
        name = f"{name} of line {lines[0]}" if lines else name
        cell = f"{fault['column']} in {fault.get('where', '')}" if fault.get("column") else name
        differs = fault["code"] == SUMS_DIFFER
        owner = owners[differs]
        label, would_pass = _fault_words(fault["code"], name)
        finding = Finding(
            code=fault["code"],
            error_class="bad_value",
            rule=f"{INTAKE_RULE} {field}",
            route=route,
            severity="hold",
            owner=owner,
            message=_differing(fault, money) if differs else _unread(fault, cell),
            clears=Clearing.by(owner) if differs or fault.get("release") else ITSELF,
            cause_key=CauseKey(CauseKind.FIELD, field[:LONGEST_NUMBER]),
            cause_label=label,
            would_pass=would_pass,
            span=span,
            lines=lines,
        )
        found.setdefault((finding.code, field, lines), finding)
    return list(found.values())


def _fault_words(code: str, name: str) -> tuple[str, str]:
    """Return the label of a fault's cause and the condition under which the record passes.

    `name` is the field as people read it.
    """
    if code == SUMS_DIFFER:
        return f"The {name} and its parts differ", f"{name} is what its parts come to"
    if code == NOT_IN_SOURCE:
        return "The source no longer shows it", "The source shows it again"
    return f"Unreadable: {name}", f"{name} can be read"


def _differing(fault: Mapping[str, str], money: Callable[[Decimal], str]) -> str:
    stated, computed = Decimal(fault["stated"]), Decimal(fault["computed"])
    difference = money(abs(stated - computed))
    message = f"{money(stated)} stated, {money(computed)} computed: {difference}."
    return f"{message} {fault['message']}" if fault.get("message") else message


def _unread(fault: Mapping[str, str], name: str) -> str:
    words = f"{fault['message']} {fault.get('hint', '')}".strip()
    if fault["code"] == NOT_IN_SOURCE:
        return words
    value = f" (“{shown(fault['value'][:60])}”)" if fault.get("value") else ""
    return f"{name}{value}: {words}"

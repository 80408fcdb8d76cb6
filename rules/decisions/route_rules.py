"""Judge one route of a record kind: its gate, its rules and its approvals, in a fixed order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from grammar import nodes
from grammar.text.problem import Span
from rules.decisions import document_rules
from rules.decisions.decision_tables import BilledBefore, ReversalProgram, compare_posted
from rules.decisions.document_rules import (
    DocumentRules,
    DuplicateProgram,
    PeriodProgram,
    PostingTurn,
    Shared,
)
from rules.decisions.posted_documents import (
    Answer,
    Case,
    PostedProgram,
    TargetEditProgram,
    agreeing_postings,
)
from rules.decisions.verdict import Judged, Planner, Unsent, Weighing
from rules.documents.fields import DocumentProgram, Draft
from rules.documents.rounding import RoundingMethodProgram
from rules.documents.unit_proofs import AgreementProgram, ProofProgram
from rules.documents.unusual import AmountsProgram, ListedCodes, UnusualProgram
from rules.expressions.checks import (
    CheckProgram,
    Condition,
    Message,
    Operand,
    compile_message,
    operand_texts,
)
from rules.expressions.compiler import (
    CheckGroup,
    Compiler,
    billed_quantities,
    live_postings,
    next_seq,
    sum_billed,
)
from rules.expressions.lists import BillProgram, Shares
from rules.expressions.run import Closure, RouteRun, Run
from rules.facts import PostingFact
from rules.outcomes import (
    HIT,
    NEEDS_APPROVAL,
    NOT_APPLICABLE,
    PASS,
    UNKNOWN,
    ApprovalNeed,
    Finding,
    GateSaid,
    Said,
    Verdict,
    gap_finding,
    keep_gaps,
)
from rules.phrases import join_words
from rules.types.symbol_table import FACTS, Schemas, Scope
from rules.values.cause_keys import (
    CauseKey,
    CauseKind,
    Clearing,
    Gap,
    Unknown,
    later_gap,
    limit_gap,
)
from rules.values.wording import comparison_clause, parse_message, readable_name

_CENT = Decimal("0.01")

_WITHDRAWN = frozenset({"cancel", "hold", "wait", "ignore"})

Lives = tuple[PostingFact, ...]

ASKS: Final = "So it needs an approval."
"""What is said behind why it is not known whether it does."""

GATE_RULE: Final = "gate"

EARLY = "goes early: this status can still change"
"""What the verdict of a gate says of a status that may go before its record is settled."""


@dataclass(slots=True)
class Frame:
    """What is known of a route before a document is made."""

    gate: GateSaid
    applies: Any
    said: Said
    base: list[Finding]
    shared: Shared


class RouteProgram:
    """One route of one record kind."""

    def __init__(
        self,
        compiler: Compiler,
        post: nodes.Post,
        checks: list[CheckProgram],
        common: CheckGroup | None,
        proofs: ProofProgram,
        schemas: Schemas | None,
    ) -> None:
        index, record = compiler.index, compiler.record
        self.post, self.name, self.compiler = post, str(post.route), compiler
        target = index.targets.get(post.route.target)
        self.missing = target.missing if target else None
        self.target_owner = (self.missing.action.role or "") if self.missing else compiler.owner
        self.sums_owner = (target.tolerance_action.role if target else "") or compiler.owner
        status = index.status_field(record)
        self.status = status.name if status else ""
        self.gate = GateProgram(compiler, index.gate(record, self.name), self.status)
        self.duplicates = [
            DuplicateProgram(compiler, d)
            for d in index.ruleset.duplicates
            if d.route in (None, post.route) and any(w.name == record for w in d.records)
        ]
        self.approvals = _compile_approvals(compiler, record, (None, post.route))
        back = index.reversal(record, self.name)
        self.undoing = _compile_approvals(compiler, record, (back.route,)) if back else []
        scope = Scope(index, record)
        make = {"rule": "when", "owner": compiler.owner}
        self.when = Condition(compiler, post.when, scope, **make) if post.when else None
        self.line_amount = _line_amount(compiler, post.span)
        self.document = DocumentProgram(compiler, post, schemas, self.target_owner)
        amounts = AmountsProgram.of(
            compiler, post, shape=self.document.shape, schemas=schemas, target=target
        )
        self.document.comes_to = amounts.amount
        mine = [c for c in checks if c.check.route in (None, post.route)]
        self.asking = DocumentRules(
            self.name,
            checks=mine,
            common=common,
            own=compiler.together([c for c in mine if not c.everywhere]),
            duplicates=self.duplicates,
            proofs=proofs,
            agreement=AgreementProgram.of(compiler, post, proofs, schemas),
            amounts=amounts,
            told=RoundingMethodProgram(self.name, target, compiler.owner) if target else None,
            listed=ListedCodes(
                compiler, post.route, (*self.document.head, *self.document.line), schemas, post.span
            ),
            unusual=UnusualProgram(compiler, post, self.document.shape, schemas),
            source=index.records[record].source or "",
            owner=compiler.owner,
            span=post.span,
        )
        self.turn = PostingTurn(post, compiler.zone)
        self.period = PeriodProgram(index, post, schemas, self.missing, self.target_owner)
        places = target.places if target else _CENT
        self.bill = BillProgram(compiler, post.bill, places) if post.bill else None
        self._once_posted(schemas)

    def _once_posted(self, schemas: Schemas | None) -> None:
        """Create the rules about posted documents."""
        compiler, owner = self.compiler, self.target_owner
        words = self.missing.say if self.missing else ""
        day = self.document.shape.date
        self.posted = PostedProgram(
            compiler, self.name, day_field=day, period=self.period, owner=owner, words=words
        )
        reader = self.posted.fields.reader
        self.before = BilledBefore(self.bill, reader) if self.bill is not None else None
        self.edits = TargetEditProgram(self.post, compiler.owner)
        known = (
            schemas.document(self.post.route.target, self.post.route.document) if schemas else None
        )
        fields = (*known.header, *known.lines) if known else ()
        total = self.document.shape.amount
        self.worked_out = frozenset(
            f.name for f in fields if not getattr(f, "sent", True) and f.name != total
        )
        back = compiler.index.reversal(compiler.record, self.name)
        self.reversal = (
            ReversalProgram(compiler, back, self.document, schemas, owner) if back else None
        )
        self.mirrored = (
            ListedCodes(compiler, back.route, self.reversal.programs, schemas, back.span)
            if back and self.reversal
            else None
        )

    def decide(
        self, run: Run, *, gaps: dict[Gap, list[int]], status_word: str, shared: Shared
    ) -> Judged:
        """Return this route's decision."""
        gate = self.gate.word(run)
        lives = live_postings(run.facts.postings, self.name)
        seq = lives[-1].seq if lives else next_seq(run.facts.postings, self.name)
        self._enter(run, gate, seq, self._due(run, billed_quantities(run.facts, self.name), lives))
        said = self.gate.judge(run, self.name, status_word)
        applies = self._applies(run, said)
        for gap, lines in gaps.items():
            said.verdicts.append(self._field_verdict(gap, lines))
        base = [gap_finding(g, self.name, lines=tuple(ls)) for g, ls in gaps.items()]
        owner = self.compiler.owner
        base += document_rules.intake_findings(
            run, self.name, owner=owner, sums_owner=self.sums_owner, span=self.post.span
        )
        base += document_rules.own_company_findings(
            run.facts, self.name, owner=owner, span=self.post.span
        )
        base += document_rules.duplicate_findings(
            run.facts, self.name, owner=owner, span=self.post.span
        )
        frame = Frame(gate, applies, said, base, shared)
        if not lives:
            judged = Unsent(self, run, said, base, shared).decided(gate, applies)
            return _with_open(judged, run.route.bill, gate)
        judged = self._once_lives(run, frame, lives)
        gone = gate in _WITHDRAWN or applies is False
        return replace(judged, decision=replace(judged.decision, withdrawn=gone))

    # ---- what is posted -----------------------------------------------------------------------

    def _once_lives(self, run: Run, frame: Frame, lives: Lives) -> Judged:
        """Return the decision by the record's table, in parts, or by comparison with the record."""
        table = self.posted.table(frame.gate)
        if table is not None:
            over = (
                self.bill.over(run, billed_quantities(run.facts, self.name)) if self.bill else False
            )
            newest = self._newest(run, frame, lives)
            agreeing = agreeing_postings(run, lives, newest, self.worked_out)
            case = Case(frame.gate, frame.applies, over, agreeing)
            answer = self.posted.judge(run, table, lives, case)
            return self._answered(run, frame, lives, answer, newest)
        if self.bill is not None:
            return self._kept_in_parts(run, frame, lives)
        self.asking.rules(run, frame.shared, frame.said)
        draft = self.draft(run)
        self.asking.document(run, draft, frame.said)
        changed = self._compared(run, frame, lives[-1:], [draft])
        judged = Weighing(self, run, frame.said, frame.base, draft).posted(changed)
        return _with_open(judged, run.route.bill, frame.gate)

    def _compared(self, run: Run, frame: Frame, lives: Lives, drafts: list[Draft]) -> Said:
        """Return the comparison of the record with what is posted, where no table decides."""
        word = frame.gate if frame.applies is not False else "wait"
        owner, span, theirs = self.compiler.owner, self.post.span, self.edits.theirs
        found = Said()
        for posting, draft in zip(lives, drafts, strict=True):
            found.add(
                compare_posted(
                    run, posting, gate=word, draft=draft, theirs=theirs, owner=owner, span=span
                )
            )
        newest = {}
        if self._compares_newest(run, frame):
            newest = {p.seq: draft for p, draft in zip(lives, drafts, strict=True)}
        found.add(self.edits.judge(run, lives, newest))
        return found

    def _compares_newest(self, run: Run, frame: Frame) -> bool:
        """Check whether an edit in the target is compared with the record as it is now, too."""
        goes = frame.gate == "ready" and frame.applies is True
        return bool(run.facts.target_edited) and goes

    def _newest(self, run: Run, frame: Frame, lives: Lives) -> Mapping[int, Draft]:
        """Return by posting the document as the record would make it now, for edited documents."""
        if not self._compares_newest(run, frame):
            return {}
        edited = {(edit.route, edit.seq) for edit in run.facts.target_edited}
        before = run.route
        try:
            return {
                posting.seq: self.again(run, posting, lives)
                for posting in lives
                if (posting.route, posting.seq) in edited
            }
        finally:
            run.route = before

    def _kept_in_parts(self, run: Run, frame: Frame, lives: Lives) -> Judged:
        """Return the decision without a table for a route in parts: keep what is posted, post what
        is due.
        """
        drafts = [self.again(run, posting, lives) for posting in lives]
        changed = self._compared(run, frame, lives, drafts)
        if changed.findings:
            return Weighing(self, run, frame.said, frame.base, drafts[-1]).posted(changed)
        return self._answered(run, frame, lives, Answer(said=changed))

    def _answered(
        self,
        run: Run,
        frame: Frame,
        lives: Lives,
        answer: Answer,
        newest: Mapping[int, Draft] | None = None,
    ) -> Judged:
        """Return what happens to posted documents; nothing happens where a person decides."""
        planner = Planner(self, run, lives, answer.acts)
        # What takes an edited document back has the posted amounts: the edit needs a decision.
        staying = {posting.seq for posting in planner.staying}
        right = {seq: draft for seq, draft in (newest or {}).items() if seq in staying}
        credited = frozenset(planner.credited())
        answer.said.add(self.edits.judge(run, lives, right, credited))
        answer.said.add(self.edits.judge_stored(run, lives, credited))
        frame.said.verdicts += answer.said.verdicts
        findings = [*answer.said.findings, *frame.base]
        if answer.stops:
            left = self._due(run, billed_quantities(run.facts, self.name), lives)
            judged = Weighing(self, run, frame.said, findings, Draft()).carried(planner, new=False)
            return _with_open(judged, left, frame.gate)
        planner.correct()
        shares = self._due(run, planner.before(), planner.standing)
        may_go = frame.gate == "ready" and frame.applies is True
        new = planner.wants_new(shares, may_go=may_go)
        draft = planner.updates[-1] if planner.updates else Draft()
        if new:
            self._enter(run, frame.gate, next_seq(run.facts.postings, self.name), shares)
            draft = self.draft(run)
        if draft.is_filled:
            self.asking.rules(run, frame.shared, frame.said)
            self.asking.document(run, draft, frame.said)
        judged = Weighing(self, run, frame.said, findings, draft).carried(planner, new=new)
        return _with_open(judged, shares, frame.gate)

    def again(self, run: Run, posting: PostingFact, lives: Lives) -> Draft:
        """Return a posted document made again from the current record; the target's fields are
        kept.
        """
        earlier = sum_billed(tuple(p for p in lives if p.seq < posting.seq))
        bill = self.bill
        shares = bill.again(run, earlier, posting.billed) if bill is not None else None
        self._enter(run, None, posting.seq, shares)
        run.route.number = posting.number
        draft = self.draft(run)
        content: Mapping[str, object] = posting.content or {}
        shown = self.edits.shows(run, posting)
        before = [content.get("fields"), *_rows(content.get("lines"))]
        for line, (row, old) in enumerate(zip([draft.fields, *draft.lines], before, strict=False)):
            for name in self.edits.theirs & set(row):
                kept = old.get(name, row[name]) if isinstance(old, Mapping) else row[name]
                row[name] = shown.get((line or None, name), str(kept))
        return draft

    # ---- the document that is spoken of -------------------------------------------------------

    def _due(self, run: Run, before: Mapping[str, Decimal], standing: Lives) -> Shares | None:
        if self.bill is None or self.before is None:
            return None
        return self.before.remember(self.bill.due(run, before), standing)

    def _enter(self, run: Run, gate: GateSaid | None, seq: int, bill: Shares | None) -> None:
        theirs = self.edits.theirs
        run.route = RouteRun(
            self.name, self.post.route.target, seq=seq, bill=bill, target_owned=theirs
        )
        run.line = {}
        document = self.document
        run.route.number = self._value(lambda: document.number(run), "number")
        run.route.day = self._value(lambda: document.day(run), "date")
        if (gate == "wait" or not run.route.is_due) and type(run.route.day) is Unknown:
            run.route.day = Unknown(later_gap(self.name))  # no document yet, so no date to miss
        run.route.period = self.period(run, run.route.day)

    def _value(self, ask: Callable[[], Any], what: str) -> Any:
        try:
            return ask()
        except (ArithmeticError, TypeError, ValueError, RecursionError) as reason:
            return Unknown(self._limit(what, reason))

    def _limit(self, rule: str, reason: BaseException) -> Gap:
        return limit_gap(rule, self.compiler.owner, rule, reason, self.post.span)

    def _applies(self, run: Run, said: Said) -> Any:
        if self.when is None:
            return True
        answer = self.when.run(run)
        result = UNKNOWN if type(answer) is Unknown else PASS if answer else NOT_APPLICABLE
        said.verdicts.append(
            Verdict(
                "when",
                "when",
                self.name,
                result,
                self.when.span,
                operand_texts(self.when.operands, run),
            )
        )
        return answer

    def _field_verdict(self, gap: Gap, lines: list[int]) -> Verdict:
        line = lines[0] if lines else None
        shown = ((gap.rule, "(missing)" if gap.code == "MIS01" else "(not readable)"),)
        return Verdict(gap.rule, "field", self.name, UNKNOWN, gap.span, shown, line, gap.message)

    def draft(self, run: Run) -> Draft:
        """Return the document of the current record, as far as it can be made."""
        try:
            return self.document.draft(run)
        except ArithmeticError as reason:
            draft = Draft()
            keep_gaps(draft.gaps, Unknown(self._limit("document", reason)), None)
            return draft


def _with_open(judged: Judged, shares: Shares | None, gate: GateSaid) -> Judged:
    """Return what remains to be billed of a posted record once its plan is carried out."""
    if shares is None or gate in {"cancel", "ignore"}:
        return judged
    left = shares.open(after=any(step.action == "create" for step in judged.decision.plan))
    return replace(judged, decision=replace(judged.decision, open=left))


def _rows(lines: object) -> list[Any]:
    return list(lines) if isinstance(lines, list | tuple) else []


def _line_amount(compiler: Compiler, span: Span) -> Closure | None:
    """Return the closure of the amount of a line, or None if lines have no such field."""
    lines = compiler.index.line_records.get(compiler.record)
    if lines is None or "amount" not in compiler.index.fields[lines.name]:
        return None
    scope = Scope(compiler.index, compiler.record, line=True)
    return compiler.guarded(nodes.Name(("line", "amount"), span), scope, "lines", compiler.owner)


def _compile_approvals(
    compiler: Compiler, record: str, routes: tuple[nodes.RouteName | None, ...]
) -> list[ApprovalProgram]:
    """Return the programs of a record kind's approve declarations for these routes."""
    return [
        ApprovalProgram(compiler, declared)
        for declared in compiler.index.ruleset.approvals
        if declared.record == record and declared.route in routes
    ]


class ApprovalProgram:
    """One approve declaration of one record kind."""

    def __init__(self, compiler: Compiler, declared: nodes.Approve) -> None:
        scope = Scope(compiler.index, compiler.record)
        self.declared = declared
        self.rule = f"approve by {declared.role}"
        make = {"rule": self.rule, "owner": declared.role}
        self.when = Condition(compiler, declared.when, scope, **make) if declared.when else None
        self.never = [
            Operand(compiler, nodes.Name((name,), declared.span), scope) for name in declared.never
        ]
        parts, _ = parse_message(declared.say, declared.span)
        self.message, self.label = compile_message(compiler, parts, scope)
        fields = [
            of for name, of in zip(declared.never, self.never, strict=True) if name not in FACTS
        ]
        self.maker = fields[0] if fields else None
        role = compiler.index.roles.get(declared.role)
        self.title = role.title if role else declared.role

    def asks(self, run: Run) -> Any:
        """Return whether an approval is needed: True, False or unknown."""
        return True if self.when is None else self.when.run(run)

    def judge(self, run: Run, route: str) -> tuple[Said, ApprovalNeed | None]:
        """Return the verdict, and the need with its finding; an unknown `when` needs approval."""
        asks = self.asks(run)
        result = UNKNOWN if type(asks) is Unknown else HIT if asks else PASS
        if result == PASS and not run.whole:
            return Said(), None
        span = self.when.span if self.when else self.declared.span
        operands = operand_texts(self.when.operands, run) if self.when else ()
        text = "" if result == PASS else self._words(run, asks)
        said = Said([Verdict(self.rule, "approve", route, result, span, operands, None, text)])
        if result == PASS:
            return said, None
        said.findings.append(self._finding(route, text))
        said.findings += [
            replace(
                gap_finding(gap, route),
                message=f"{gap.message} Who made this must not approve it.",
            )
            for gap in self.nameless(run)
        ]
        people = tuple(o.text(run) for o in self.never if type(o.closure(run)) is not Unknown)
        return said, ApprovalNeed(self.rule, self.declared.role, people, text)

    def _words(self, run: Run, asks: Any) -> str:
        """Return the words of the rules, or why the condition is unknown."""
        known = type(asks) is not Unknown
        why = {} if known else dict.fromkeys(gap.message for gap in asks.gaps if not gap.silent)
        return f"{' '.join(why)} {ASKS}" if why else self.message(run)

    def nameless(self, run: Run) -> list[Gap]:
        """Return why the record's maker is unknown, so that four eyes cannot be enforced.

        The first field behind `never` names the maker. Others may be blank, because a record need
        not have been edited or approved in its source.
        """
        made: dict[Gap, list[int]] = {}
        if self.maker is not None:
            keep_gaps(made, self.maker.closure(run), None)
        return [gap for gap in made if not gap.silent]

    def _finding(self, route: str, text: str) -> Finding:
        return Finding(
            code=NEEDS_APPROVAL,
            error_class="business_rule",
            rule=self.rule,
            route=route,
            severity="approve",
            owner=self.declared.role,
            message=text,
            clears=Clearing.by(self.declared.role),
            cause_key=CauseKey(CauseKind.APPROVE, self.rule),
            cause_label=self.label,
            would_pass=f"{self.title} approves it",
            span=self.declared.span,
        )


class GateProgram:
    """One gate of one record kind; a record kind without a gate lets everything through."""

    def __init__(self, compiler: Compiler, gate: nodes.Gate | None, status: str) -> None:
        self.record = compiler.record
        self.status = status
        self.rows: dict[str, nodes.GateRow] = {}
        self.messages: dict[int, tuple[Message, str]] = {}
        scope = Scope(compiler.index, compiler.record)
        for row in gate.rows if gate else ():
            for state in row.states:
                self.rows.setdefault(state.name, row)
            parts, _ = parse_message(row.say or "", row.span)
            self.messages[id(row)] = compile_message(compiler, parts, scope)

    def word(self, run: Run) -> GateSaid:
        """Return the gate's word for the record's status."""
        if not self.rows:
            return "ready"
        row = self._row(run)
        return row.word if row else "unknown"

    def _row(self, run: Run) -> nodes.GateRow | None:
        state = run.head.get(self.status)
        return self.rows.get(state) if isinstance(state, str) else None

    def judge(self, run: Run, route: str, status_word: str) -> Said:
        """Return the gate's verdict, and its finding if it holds the record."""
        said = Said()
        if not self.rows:
            return said
        row = self._row(run)
        state = run.head.get(self.status)
        shown = state if isinstance(state, str) else status_word or "(missing)"
        operands: tuple[tuple[str, str], ...] = ((self.status, shown),)
        if status_word and status_word != shown:
            operands += (("source word", status_word),)
        span = row.span if row else next(iter(self.rows.values())).span
        held = row is not None and gate_holds(row)
        released = held and (route, GATE_RULE) in run.facts.releases
        result = UNKNOWN if row is None else PASS if gate_passes(row) else HIT
        message, label = self.messages[id(row)] if row is not None else (None, "")
        text = message(run) if message and held else EARLY if row and row.early else ""
        said.verdicts.append(
            Verdict(GATE_RULE, "gate", route, result, span, operands, None, text, released)
        )
        if row is not None and held and not released:
            label = label or f"{self.record} is {shown}"
            said.findings.append(self._finding(row, route, shown, text, label))
        return said

    def _finding(
        self, row: nodes.GateRow, route: str, state: str, message: str, label: str
    ) -> Finding:
        ready = [s for s, r in self.rows.items() if r.word == "ready"]
        passes = comparison_clause(
            readable_name(self.status), "=", join_words([readable_name(s) for s in ready], "or")
        )
        return Finding(
            code="HLD01",
            error_class="business_rule",
            rule=GATE_RULE,
            route=route,
            severity="hold",
            owner=row.owner or "",
            message=message,
            clears=Clearing.by(str(row.owner)),
            cause_key=CauseKey(CauseKind.RULE, f"gate:{self.record}:{state}"),
            cause_label=label,
            would_pass=passes,
            span=row.span,
        )


def gate_passes(row: nodes.GateRow) -> bool:
    """Check whether a gate allows a record in these statuses."""
    return row.word == "ready"


def gate_holds(row: nodes.GateRow) -> bool:
    """Check whether a gate holds a record in these statuses for a person, until it is released."""
    return row.word == "hold"

"""One route of a record kind: every rule that speaks of it, asked in a fixed order.

Here: RouteProgram.decide: what is judged when, and for which document. Not here: reading the record
(record.py), the single rules, what all of them weigh up to (verdict.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from grammar import nodes as n
from rules.amendments.billed_before import BilledBefore
from rules.amendments.changes import compare
from rules.amendments.posted_documents import Answer, Case, PostedProgram
from rules.amendments.reversals import ReversalProgram
from rules.amendments.target_edits import TargetEditProgram
from rules.decisions import duplicates, own_company
from rules.decisions.document_rules import Asking, Shared
from rules.decisions.duplicates import DuplicateProgram
from rules.decisions.gates import ApprovalProgram, GateProgram
from rules.decisions.posting_steps import Planner
from rules.decisions.timing import PeriodProgram, Turn
from rules.decisions.verdict import Judged, Unsent, Weighing
from rules.documents.agreement import AgreementProgram
from rules.documents.amounts import AmountsProgram
from rules.documents.fields import DocumentProgram, Draft
from rules.documents.listed_codes import ListedCodes
from rules.documents.target_rounding import RoundingTold
from rules.documents.unit_proofs import ProofProgram
from rules.documents.unusual import Unusual
from rules.expressions.billed_parts import BillProgram, Shares
from rules.expressions.calls import billed, live, next_seq, summed
from rules.expressions.checks import CheckProgram
from rules.expressions.compiler import Compiler, Together
from rules.expressions.conditions import Condition, texts
from rules.expressions.run import RouteRun, Run
from rules.facts.world import PostingFact
from rules.outcomes.findings import Said, gap_finding, keep
from rules.outcomes.outcome import NOT_APPLICABLE, PASS, UNKNOWN, Finding, GateSaid, Verdict
from rules.types.outside_schemas import Schemas
from rules.types.symbol_table import Scope
from rules.values.unknown import Gap, Unknown, later_gap, limit_gap

_CENT = Decimal("0.01")
_WITHDRAWN = frozenset({"cancel", "hold", "wait", "ignore"})
Lives = tuple[PostingFact, ...]


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
        post: n.Post,
        checks: list[CheckProgram],
        common: Together | None,
        proofs: ProofProgram,
        schemas: Schemas | None,
    ) -> None:
        index, record = compiler.index, compiler.record
        self.post, self.name, self.compiler = post, str(post.route), compiler
        target = index.targets.get(post.route.target)
        self.missing = target.missing if target else None
        self.target_owner = (self.missing.action.role or "") if self.missing else compiler.owner
        status = index.status_field(record)
        self.status = status.name if status else ""
        self.gate = GateProgram(compiler, index.gate(record, self.name), self.status)
        self.duplicates = [
            DuplicateProgram(compiler, d)
            for d in index.ruleset.duplicates
            if d.route in (None, post.route) and any(w.name == record for w in d.records)
        ]
        self.approvals = [
            ApprovalProgram(compiler, a)
            for a in index.ruleset.approvals
            if a.record == record and a.route in (None, post.route)
        ]
        back = index.reversal(record, self.name)
        self.undoing = [
            ApprovalProgram(compiler, a)
            for a in index.ruleset.approvals
            if back is not None and a.record == record and a.route == back.route
        ]
        scope = Scope(index, record)
        make = {"rule": "when", "owner": compiler.owner}
        self.when = Condition(compiler, post.when, scope, **make) if post.when else None
        self.document = DocumentProgram(compiler, post, schemas, self.target_owner)
        amounts = AmountsProgram.of(
            compiler, post, total=self.document.shape.total, schemas=schemas, target=target
        )
        self.document.comes_to = amounts.amount
        mine = [c for c in checks if c.check.route in (None, post.route)]
        self.asking = Asking(
            self.name,
            checks=mine,
            common=common,
            own=compiler.together([c for c in mine if not c.everywhere]),
            duplicates=self.duplicates,
            proofs=proofs,
            agreement=AgreementProgram.of(compiler, post, proofs, schemas),
            amounts=amounts,
            told=RoundingTold(self.name, target, compiler.owner) if target else None,
            listed=ListedCodes(
                compiler, post.route, (*self.document.head, *self.document.line), schemas, post.span
            ),
            unusual=Unusual(compiler, post, self.document.shape, schemas),
            owner=compiler.owner,
            span=post.span,
        )
        self.turn = Turn(post, compiler.zone)
        self.period = PeriodProgram(index, post, schemas, self.missing, self.target_owner)
        places = target.places if target else _CENT
        self.bill = BillProgram(compiler, post.bill, places) if post.bill else None
        self._once_posted(schemas)

    def _once_posted(self, schemas: Schemas | None) -> None:
        """The rules that speak of what is posted."""
        compiler, owner = self.compiler, self.target_owner
        words = self.missing.say if self.missing else ""
        day = self.document.shape.date
        self.posted = PostedProgram(
            compiler, self.name, day_field=day, period=self.period, owner=owner, words=words
        )
        reader = self.posted.fields.reader
        self.before = BilledBefore(self.bill, reader) if self.bill is not None else None
        self.edits = TargetEditProgram(self.post, compiler.owner)
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
        """The decision for this route."""
        gate = self.gate.word(run)
        lives = live(run.facts.postings, self.name)
        seq = lives[-1].seq if lives else next_seq(run.facts.postings, self.name)
        self._enter(run, gate, seq, self._due(run, billed(run.facts, self.name), lives))
        said = self.gate.judge(run, self.name, status_word)
        applies = self._applies(run, said)
        for gap, lines in gaps.items():
            said.verdicts.append(self._field_verdict(gap, lines))
        base = [gap_finding(g, self.name, lines=tuple(ls)) for g, ls in gaps.items()]
        owner = self.compiler.owner
        base += own_company.findings(run.facts, self.name, owner=owner, span=self.post.span)
        span, edition = self.post.span, self.compiler.index.edition
        base += duplicates.findings(run.facts, self.name, owner=owner, span=span, edition=edition)
        frame = Frame(gate, applies, said, base, shared)
        if not lives:
            judged = Unsent(self, run, said, base, shared).decided(gate, applies)
            return _with_open(judged, run.route.bill, gate)
        judged = self._once_lives(run, frame, lives)
        gone = gate in _WITHDRAWN or applies is False
        return replace(judged, decision=replace(judged.decision, withdrawn=gone))

    # ---- what is posted -----------------------------------------------------------------------

    def _once_lives(self, run: Run, frame: Frame, lives: Lives) -> Judged:
        """By the table that speaks of it, in parts, or beside the record as it is now."""
        table = self.posted.table(frame.gate)
        if table is not None:
            over = self.bill.over(run, billed(run.facts, self.name)) if self.bill else False
            case = Case(frame.gate, frame.applies, over)
            return self._answered(run, frame, lives, self.posted.judge(run, table, lives, case))
        if self.bill is not None:
            return self._kept_in_parts(run, frame, lives)
        self.asking.rules(run, frame.shared, frame.said)
        draft = self.draft(run)
        self.asking.document(run, draft, frame.said)
        changed = self._compared(run, frame, lives[-1:], [draft])
        judged = Weighing(self, run, frame.said, frame.base, draft).posted(changed)
        return _with_open(judged, run.route.bill, frame.gate)

    def _compared(self, run: Run, frame: Frame, lives: Lives, drafts: list[Draft]) -> Said:
        """Without a table: what the record says now against what is posted."""
        word = frame.gate if frame.applies is not False else "wait"
        owner, span, theirs = self.compiler.owner, self.post.span, self.edits.theirs
        found = Said()
        for posting, draft in zip(lives, drafts, strict=True):
            found.add(
                compare(run, posting, gate=word, draft=draft, theirs=theirs, owner=owner, span=span)
            )
        found.add(self.edits.judge(run, lives))
        return found

    def _kept_in_parts(self, run: Run, frame: Frame, lives: Lives) -> Judged:
        """Without a table, but billed in parts: what is posted stays, and then what is due goes."""
        drafts = [self.again(run, posting, lives) for posting in lives]
        changed = self._compared(run, frame, lives, drafts)
        if changed.findings:
            return Weighing(self, run, frame.said, frame.base, drafts[-1]).posted(changed)
        return self._answered(run, frame, lives, Answer(said=changed))

    def _answered(self, run: Run, frame: Frame, lives: Lives, answer: Answer) -> Judged:
        """What is done about what is posted; where a person decides, nothing is done."""
        answer.said.add(self.edits.judge(run, lives))
        frame.said.verdicts += answer.said.verdicts
        findings = [*answer.said.findings, *frame.base]
        planner = Planner(self, run, lives, answer.acts)
        if answer.stops:
            left = self._due(run, billed(run.facts, self.name), lives)
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
        if draft.made:
            self.asking.rules(run, frame.shared, frame.said)
            self.asking.document(run, draft, frame.said)
        judged = Weighing(self, run, frame.said, findings, draft).carried(planner, new=new)
        return _with_open(judged, shares, frame.gate)

    def again(self, run: Run, posting: PostingFact, lives: Lives) -> Draft:
        """A posted document made again of the record as it is; what is theirs stays theirs."""
        earlier = summed(tuple(p for p in lives if p.seq < posting.seq))
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
        run.route = RouteRun(self.name, self.post.route.target, seq=seq, bill=bill, theirs=theirs)
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
                "when", "when", self.name, result, self.when.span, texts(self.when.operands, run)
            )
        )
        return answer

    def _field_verdict(self, gap: Gap, lines: list[int]) -> Verdict:
        line = lines[0] if lines else None
        shown = ((gap.rule, "(missing)" if gap.code == "MIS01" else "(not readable)"),)
        return Verdict(gap.rule, "field", self.name, UNKNOWN, gap.span, shown, line, gap.message)

    def draft(self, run: Run) -> Draft:
        """The document of the record as it is, as far as it can be made."""
        try:
            return self.document.draft(run)
        except ArithmeticError as reason:
            draft = Draft()
            keep(draft.gaps, Unknown(self._limit("document", reason)), None)
            return draft


def _with_open(judged: Judged, shares: Shares | None, gate: GateSaid) -> Judged:
    """What remains to be billed of a record that goes on, once its plan is carried out."""
    if shares is None or gate in {"cancel", "ignore"}:
        return judged
    left = shares.open(after=any(step.action == "create" for step in judged.decision.plan))
    return replace(judged, decision=replace(judged.decision, open=left))


def _rows(lines: object) -> list[Any]:
    return list(lines) if isinstance(lines, list | tuple) else []

"""What the rules answer about a document that is posted: on edit, on cancel, edited in the target.

Here: PostedProgram, strictest: every changed group is looked up for every live posting, and the
strictest answer counts; the order of groups and rows never does. Not here: what is then done, step
by step (decisions/posting_steps.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from grammar import nodes as n
from grammar.text.editions import Edition
from grammar.text.problem import Span
from rules.amendments.changes import EditedFields, GroupProgram
from rules.amendments.decision_tables import TableProgram
from rules.amendments.header_left import HeaderLeft
from rules.amendments.names_before import NamesBefore
from rules.expressions.calls import age
from rules.expressions.compiler import Compiler
from rules.expressions.run import Run
from rules.facts.world import PostingFact
from rules.outcomes.findings import Said, gap_finding
from rules.outcomes.outcome import HIT, PASS, UNKNOWN, Finding, GateSaid, Verdict
from rules.values.cause_keys import NEVER, CauseKey, CauseKind, Clearing
from rules.values.names import plain, term
from rules.values.unknown import Unknown, fact_gap

CANCEL, NOT_READY, OVERBILLED = "cancel", "not_ready", "overbilled"
STRICTNESS = (
    "ignore",
    "drop",
    "wait",
    "warn",
    "update",
    "new_document",
    "credit_note",
    "void",
    "credit_and_new",
    "reject",
    "look_up",
    "review",
    "hold",
    "block",
)
"""From the weakest answer to the strictest."""
STOPS = frozenset({"reject", "look_up", "review", "hold", "block"})
ASKS = STOPS | {"warn"}
LEAVES = frozenset({"ignore", "drop", "wait", "warn"})
"""Answers under which a posting stays as it is, and nobody looks at it."""
_REASONS = {
    CANCEL: "the record is cancelled now",
    NOT_READY: "the record may not go any more",
    OVERBILLED: "it bills more than it may now",
}


@dataclass(frozen=True, slots=True)
class Act:
    """The answer for one posting."""

    action: n.Action
    posting: PostingFact
    rule: str
    span: Span
    reason: str


@dataclass(slots=True)
class Answer:
    """The answers for all live postings of a route, and what was said on the way."""

    acts: list[Act] = field(default_factory=list)
    said: Said = field(default_factory=Said)

    @property
    def stops(self) -> bool:
        """Whether a person decides, so that nothing else is carried out."""
        return any(act.action.kind in STOPS for act in self.acts)


@dataclass(frozen=True, slots=True)
class Case:
    """What is known of the record now: its gate word, whether the route applies, what is billed."""

    gate: GateSaid
    applies: Any
    over: Any


class PostedProgram:
    """The tables of one route. `day_field` is the date of its document in the target."""

    def __init__(
        self,
        compiler: Compiler,
        route: str,
        *,
        day_field: str,
        period: Callable[[Run, Any], Any],
        owner: str,
        words: str,
    ) -> None:
        index, record = compiler.index, compiler.record
        self.route, self.owner = route, compiler.owner
        self.day_field, self.period = day_field, period
        self.target_owner, self.words = owner, words
        self.strict = index.edition >= Edition.FIFTH
        status = index.status_field(record)
        self.status = status.name if status else ""
        edit, cancel = index.edit(record, route), index.cancel(record, route)
        self.edit = TableProgram(edit.table, compiler) if edit else None
        self.cancel = TableProgram(cancel.table, compiler) if cancel else None
        self.groups = GroupProgram(edit.groups if edit else ())
        self.fields = EditedFields(index, record, self.groups.apart)
        post = index.routes()[route]
        self.names = NamesBefore(compiler, post)
        self.header = HeaderLeft(compiler, post, tabled=self.edit is not None)

    def table(self, gate: GateSaid) -> TableProgram | None:
        """The table that says what happens to what is posted, if one does."""
        return self.cancel if gate == "cancel" else self.edit

    def judge(
        self, run: Run, table: TableProgram, lives: tuple[PostingFact, ...], case: Case
    ) -> Answer:
        """The strictest answers for each live posting."""
        answer = Answer()
        for posting in lives:
            values = {
                "period": self.period(run, self._day(posting)),
                "e_invoice_age": age(run, posting, self.target_owner, self.words),
            }
            groups = (
                {CANCEL: ()} if case.gate == "cancel" else self._groups(run, posting, case, answer)
            )
            acts = []
            for group, fields in groups.items():
                facts = {**values, "changed": group}
                acts += self._look_up(run, table, posting, group, fields, facts, answer)
            before = len(answer.acts)
            for act in strictest(acts):
                self._count(run, act, answer)
            if LEAVES.issuperset(act.action.kind for act in answer.acts[before:]):
                named = self.names.judge(run, posting)
                answer.said.add(named)
        return answer

    def _day(self, posting: PostingFact) -> Any:
        """The date that the posted document carries."""
        fields = (posting.content or {}).get("fields")
        text = fields.get(self.day_field) if isinstance(fields, Mapping) else None
        try:
            return date.fromisoformat(str(text)[:10])
        except ValueError:
            return Unknown(
                fact_gap("period", self.target_owner, self.words.replace("{field}", "period"))
            )

    def _groups(
        self, run: Run, posting: PostingFact, case: Case, answer: Answer
    ) -> dict[str, tuple[str, ...]]:
        """The groups that are looked up for a posting, with the fields that changed."""
        fields = self.fields.of(run, posting)
        unsure = [v for v in (case.applies, case.over) if type(v) is Unknown]
        if fields is None:
            unsure.append(Unknown(fact_gap("changed", self.owner)))
        for gap in (g for value in unsure for g in value.gaps if not g.silent):
            answer.said.findings.append(gap_finding(gap, self.route))
        found = self.groups.changed(fields or ())
        if case.gate in {"hold", "wait", "ignore"} or case.applies is False:
            found[NOT_READY] = self._status(run) if case.gate != "ready" else ()
        if case.over is True:
            found[OVERBILLED] = ()
        return found

    def _status(self, run: Run) -> tuple[str, ...]:
        """The status for which it may not go; nothing for who compares words of before."""
        status = run.head.get(self.status) if not run.bare else None
        return (status,) if isinstance(status, str) else ()

    def _look_up(
        self,
        run: Run,
        table: TableProgram,
        posting: PostingFact,
        group: str,
        fields: tuple[str, ...],
        facts: Mapping[str, Any],
        answer: Answer,
    ) -> list[Act]:
        """The answer for one group, with its verdict; a finding where no row is certain."""
        hit = table.find(facts, run)
        reason = _REASONS.get(group) or f"{group} changed: {', '.join(map(_said, fields))}"
        if group == NOT_READY and fields:
            reason = f"its status is {plain(fields[0])} now"
        text = f"{posting.number} is posted, but {reason}."
        action = hit.row.action if hit.row else None
        if self.strict and group == OVERBILLED and isinstance(action, n.Action):
            action = self._mends(action)
        found = []
        if isinstance(action, n.Action) and hit.row is not None:
            found.append(Act(action, posting, group, hit.row.span, text))
        elif hit.gaps is not None:
            answer.said.findings += [
                gap_finding(g, self.route) for g in hit.gaps.gaps if not g.silent
            ]
        else:
            owner = n.Action("hold", self.owner, table.span)
            found.append(
                Act(owner, posting, group, table.span, f"{text} No row of the table answers.")
            )
        kind = found[0].action.kind if found else ""
        result = UNKNOWN if not found else PASS if kind == "ignore" else HIT
        answer.said.verdicts.append(
            Verdict(
                group,
                "change",
                self.route,
                result,
                found[0].span if found else table.span,
                (("posted as", posting.number), *hit.operands),
                None,
                text if result == HIT else "",
                kind in ASKS and (self.route, group) in run.facts.releases,
            )
        )
        return found

    def _mends(self, action: n.Action) -> n.Action:
        """What is done where too much is billed: a document that is made again bills as much."""
        held = n.Action("hold", self.owner, action.span)
        return held if action.kind == "update" else action

    def _count(self, run: Run, act: Act, answer: Answer) -> None:
        """Keep an answer, with its finding where a person is asked and has not released it."""
        if act.action.kind in ASKS:
            if act.action.kind != "block" and (self.route, act.rule) in run.facts.releases:
                return
            answer.said.findings.append(self._finding(act))
        answer.acts.append(act)

    def _finding(self, act: Act) -> Finding:
        kind, owner = act.action.kind, act.action.role or self.owner
        block = kind == "block"
        say = "It may not be changed any more." if block else "It stays until a person decides."
        return Finding(
            code="STL02" if block else "STL01",
            error_class="stale_version",
            rule=act.rule,
            route=self.route,
            severity="warn" if kind == "warn" else "hold",
            owner=owner,
            message=f"{act.reason} {say}",
            clears=NEVER if block else Clearing.by(owner),
            cause_key=CauseKey(CauseKind.STALE, self.route),
            cause_label=f"Changed after posting to {term(self.route)}",
            would_pass=f"the record says again what {act.posting.number} says",
            span=act.span,
        )


def _said(field: str) -> str:
    """A changed field as people read it: `line price` is one of the lines."""
    return plain(field)


def strictest(acts: Iterable[Act]) -> tuple[Act, ...]:
    """The strictest of some answers; of equally strict ones one for each role that is asked."""
    ranked = sorted(
        acts, key=lambda a: (-STRICTNESS.index(a.action.kind), a.action.role or "", a.rule)
    )
    best = [a for a in ranked if a.action.kind == ranked[0].action.kind]
    by_role: dict[str | None, Act] = {}
    for act in best:
        by_role.setdefault(act.action.role, act)
    return tuple(by_role.values())

"""What the tables must hold after a judging, as plain data.

Here: planned postings, voided approvals, which holds should be open and what becomes of those that
are, and the plan that has them all. Not here: how they are worked out (plan.py), how they are
written (finish.py).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from grammar.text.finding_codes import ErrorClass
from holding.approvals.consent import counting
from holding.approvals.voiding import Voided
from holding.evaluation.batch import (
    Batch,
    Case,
    HoldRow,
    Judgment,
    Key,
    Listed,
    same_hold,
)
from holding.lifecycle.causes import TOTALS
from holding.lifecycle.stored_postings import PostingRow
from holding.store import bulk
from holding.tables.row_states import HoldState, RecordState
from rules.outcomes.findings import title_of
from rules.outcomes.outcome import NEEDS_APPROVAL, Document, Finding, Outcome, Severity
from rules.values.cause_keys import CauseKey, CauseKind, Clearing
from rules.values.posting_states import PostingState
from rules.values.read_only import read_only


@read_only(frozen=True, slots=True, kw_only=True)
class Planned:
    """A posting as it should stand; `id` is None for a new one."""

    id: int | None
    route: str
    seq: int
    before: PostingState | None
    state: PostingState
    reason: str
    hash: str
    number: str
    content: Mapping[str, Any] | None
    bills: list[list[str]] | None
    reverses_id: int | None
    connection_id: int
    doc_type: str
    amount: int | None
    currency: str
    book: int | None
    doc_date: date | None
    party: str
    due_at: datetime | None
    finished_at: datetime | None
    tries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting:
    """What is planned for a posting that stays posted: an update, a void, or nothing any more
    (`given_up`).
    """

    id: int
    action: str
    content: Mapping[str, Any] | None
    hash: str
    bills: list[list[str]] | None
    due_at: datetime | None
    reason: str
    tries: int = 0
    given_up: bool = False


@read_only(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A hold that should be open."""

    route: str
    seq: int
    code: str
    error_class: ErrorClass
    severity: Severity
    rule: str
    at_rule: str
    message: str
    would_pass: str
    clears: Clearing
    cause_key: CauseKey
    cause_label: str
    team_id: int | None
    number: str
    doc_type: str
    doc_date: date | None
    connection_id: int | None

    @property
    def key(self) -> Key:
        """What it is over judgings."""
        return same_hold(self.route, self.seq, self.code, self.rule, self.cause_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """An open hold that should be closed, and how."""

    hold: HoldRow
    state: HoldState
    why: str
    person_id: int | None


@read_only(frozen=True, slots=True, kw_only=True)
class Stored:
    """A judging as it is kept: what it looked at and what came out."""

    facts: bulk.Encoded
    codes: bulk.Encoded
    hash: str


@dataclass(slots=True, kw_only=True)
class Plan:
    """Everything to write for one case. `withdrawn`: posting id -> whether its source would not
    have it posted any more, of those of which that is news.
    """

    judged: Judgment
    stored: Stored
    listed: Listed | None = None
    postings: list[Planned] = field(default_factory=list)
    acting: list[Acting] = field(default_factory=list)
    silenced: list[PostingRow] = field(default_factory=list)
    wanted: dict[Key, Wanted] = field(default_factory=dict)
    kept: list[HoldRow] = field(default_factory=list)
    closed: list[Closed] = field(default_factory=list)
    voided: list[Voided] = field(default_factory=list)
    withdrawn: dict[int, bool] = field(default_factory=dict)
    state: RecordState = RecordState.HELD

    @property
    def case(self) -> Case:
        """The record it is for."""
        return self.judged.case

    def due(self, moment: datetime) -> datetime:
        """A moment to send something at, but not while the act that released it can be undone."""
        return max(moment, self.case.undo_until or moment)

    @property
    def book(self) -> int | None:
        """The money of its holds in the company's currency."""
        return self.listed.book if self.listed else None


def want(
    batch: Batch,
    made: Plan,
    findings: Iterable[Finding],
    seq: int,
    document: Document | None,
    *,
    route: str = "",
) -> None:
    """Ask for a hold for each finding; two findings that are the same hold make one.

    `route` is where it is asked, if not the finding's own.
    """
    outcome = made.judged.outcome
    for finding in findings:
        way = batch.routes[route or finding.route]
        wanted = Wanted(
            route=way.name,
            seq=seq,
            code=finding.code,
            error_class=finding.error_class,
            severity=finding.severity,
            rule=finding.rule,
            at_rule=f"{finding.span.file}:{finding.span.line}:{finding.span.column}",
            message=_message(finding, outcome),
            would_pass=finding.would_pass,
            clears=finding.clears,
            cause_key=_cause(batch, finding).kept,
            cause_label=title_of(finding),
            team_id=batch.team(finding.owner),
            number=document.number if document else outcome.number if outcome else "",
            doc_type=way.document,
            doc_date=document.date if document else outcome.doc_date if outcome else None,
            connection_id=batch.targets[way.target].id,
        )
        made.wanted.setdefault(wanted.key, wanted)


def _message(finding: Finding, outcome: Outcome | None) -> str:
    """What it says; of an approval all reasons for which the team is asked."""
    if finding.code != NEEDS_APPROVAL or outcome is None:
        return finding.message
    asked = (one for one in outcome.decisions if finding in one.findings)
    needs = (need for one in asked for need in one.approvals if need.rule == finding.rule)
    return " ".join(dict.fromkeys((finding.message, *(need.message for need in needs))))


def _cause(batch: Batch, finding: Finding) -> CauseKey:
    """What holds of this finding have in common; approvals by one team are of several rules."""
    if finding.code != NEEDS_APPROVAL:
        return finding.cause_key
    asked = batch.judge.approval_at(finding.span)
    return CauseKey(CauseKind.APPROVE, f"{finding.rule}: {asked}")


def give_up(made: Plan, sent: Sequence[PostingRow], named: Collection[tuple[str, int]]) -> None:
    """A change that is planned on a document and no longer asked for is taken off it."""
    for row in sent:
        planned = row.state == PostingState.POSTED and row.hash != row.standing_hash
        if planned and row.standing and (row.route, row.seq) not in named:
            made.acting.append(
                Acting(
                    id=row.id,
                    action=row.standing_action,
                    content=row.standing,
                    hash=row.standing_hash,
                    bills=row.bills,
                    due_at=None,
                    reason="",
                    given_up=True,
                )
            )


def compare(batch: Batch, made: Plan) -> None:
    """Which open holds stay and which are closed; those still wanted keep their row."""
    staying = {hold.id for hold in made.kept}
    posted = {row.id for row in made.case.postings if row.state == PostingState.POSTED}
    for hold in made.case.holds:
        if hold.id in staying:
            continue
        of_reading = hold.code == TOTALS and hold.posting_id in posted
        if hold.key in made.wanted or of_reading:  # what a reading opened a reading ends
            made.kept.append(hold)
        else:
            made.closed.append(_close(batch, made, hold))


def _close(batch: Batch, made: Plan, hold: HoldRow) -> Closed:
    """Approved, when a person consented to this content; else cleared, with what changed."""
    if hold.code == NEEDS_APPROVAL:
        hashes = {p.id: p.hash for p in made.postings} | {a.id: a.hash for a in made.acting}
        here = hold.posting_id or 0
        for one in counting(made.case.approvals, here, hashes.get(here, "")):
            if hold.rule == one.level:
                why = f"{one.person} approved exactly this content"
                return Closed(hold=hold, state=HoldState.APPROVED, why=why, person_id=one.person_id)
    return Closed(
        hold=hold, state=HoldState.CLEARED, why=_why(batch, made.case, hold), person_id=None
    )


def _why(batch: Batch, case: Case, hold: HoldRow) -> str:
    posting = next((row for row in case.postings if row.id == hold.posting_id), None)
    if posting is None or posting.version_id != case.version_id:
        return f"version {case.subject.version} no longer has it"
    key = hold.cause_key
    if key.kind is CauseKind.CREDENTIAL and hold.changed_revision > hold.revision:
        return f"the credentials of {key.named} were accepted again"
    if hold.revision != batch.revision:
        return (
            f"rules, mappings or data of the accounting system changed (revision {batch.revision})"
        )
    return "what is known about it changed"

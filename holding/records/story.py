"""Everything stored about one record that its story is told from.

Here: loading it, with the decision that was sent (or the newest one) replayed, and the words for
moments and rule lines. Not here: the answers (`seven_answers.py`), the timeline (`trace.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, ScalarSelect, func, select
from sqlalchemy.orm import Session

from grammar.nodes import Ruleset
from grammar.text.problem import Span
from holding.access.people import asked_names
from holding.db.models import (
    Approval,
    Attempt,
    Company,
    Connection,
    Evaluation,
    Posting,
    Push,
    Record,
    Request,
    RulesetVersion,
    Version,
)
from holding.db.models.columns import RecordState
from holding.db.together import KEPT, Question, Together
from holding.programs.replay import judged_once
from holding.records import accepted_differences
from holding.records.accepted_differences import Accepted
from holding.records.since_sent import Since, since_sent
from holding.records.story_holds import HeldBy, holds_of
from holding.rulesets.publication import asked_files
from rules.outcomes.outcome import Decision, Lineage, Outcome, Verdict
from rules.values.posting_states import PostingState

NOT_RECORDED = "not recorded"


@dataclass(frozen=True, slots=True)
class Proof:
    """Where an answer can be checked: a kind of row (or `rule`), its id, and words for the link."""

    kind: str
    id: str
    label: str

    @property
    def is_table(self) -> bool:
        """Whether it is a mapping table, by its name."""
        return self.kind == "table"

    @property
    def is_rule(self) -> bool:
        """Whether the id is the place of a rule."""
        return self.kind == "rule"


@dataclass(frozen=True, slots=True)
class Sent:
    """The request that carried a posting to its target, as one attempt of one push."""

    push: Push
    attempt: Attempt
    request: Request


@dataclass(frozen=True, slots=True)
class Case:
    """One record, the posting that the questions are about, and what it was decided by."""

    company: Company
    record: Record
    source: Connection
    versions: tuple[Version, ...]
    posting: Posting | None
    target: Connection | None
    evaluation: Evaluation | None
    outcome: Outcome | None
    rules: RulesetVersion | None
    files: Mapping[str, str]
    approvals: tuple[Approval, ...]
    holds: tuple[HeldBy, ...]
    sent: tuple[Sent, ...]
    since: Since  # what happened since it was first sent
    accepted: tuple[Accepted, ...]  # in what the posting differs by somebody's word
    people: Mapping[int, str]

    @property
    def version(self) -> Version | None:
        """The version that was decided on."""
        wanted = self.evaluation.version_id if self.evaluation else self.record.version_id
        return next((v for v in self.versions if v.id == wanted), None)

    @property
    def decision(self) -> Decision | None:
        """What the evaluation decided about the posting's route."""
        if self.outcome is None:
            return None
        route = self.route
        return next((d for d in self.outcome.decisions if d.route == route), None)

    @property
    def number(self) -> str:
        """The number of the document that was decided; blank before it has one."""
        document = self.decision.document if self.decision else None
        return document.number if document else ""

    @property
    def route(self) -> str:
        """The route that the questions are about."""
        if self.posting is not None:
            return self.posting.route
        decisions = self.outcome.decisions if self.outcome else ()
        return decisions[0].route if decisions else ""

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What the rules said for this route, or for all routes at once."""
        found, mine = self.outcome.verdicts if self.outcome else (), {self.route, "", "*"}
        return tuple(v for v in found if v.route in mine)

    @property
    def lineage(self) -> tuple[Lineage, ...]:
        """Where the values of this route's document come from."""
        found, mine = self.outcome.lineage if self.outcome else (), {self.route, ""}
        return tuple(row for row in found if row.route in mine)

    @property
    def last_sent(self) -> Sent | None:
        """The request that brought what stands in the target, else the last one."""
        standing = self.posting.posted_push_id if self.posting else None
        of_push = [s for s in self.sent if standing is None or s.push.id == standing]
        return of_push[-1] if of_push else None

    @property
    def sent_at(self) -> datetime | None:
        """When the posting was first sent."""
        return self.posting.sent_at if self.posting else None

    @property
    def over(self) -> bool:
        """Whether nothing was posted and, as things stand, nothing will be."""
        state = self.posting.state if self.posting else self.record.state
        return state in {PostingState.DROPPED, PostingState.IGNORED, RecordState.REFERENCE}

    @property
    def decided_status(self) -> str:
        """The status that was decided on; blank where the source gave none."""
        return (self.outcome.status or self.outcome.status_word) if self.outcome else ""

    @property
    def status_since(self) -> str:
        """What the source says since the document was sent; blank while it says the same."""
        sent, now = self.version if self.sent_at else None, self.record.status
        changed = sent is not None and sent.id != self.record.version_id
        return now if changed and now != self.decided_status else ""

    def when(self, moment: datetime) -> str:
        """A moment as the company's people write it."""
        return when(moment, self.company)

    def person(self, person_id: int | None) -> str:
        """A person's name."""
        return self.people.get(person_id or 0, NOT_RECORDED)


def when(moment: datetime, company: Company) -> str:
    """A moment in the company's zone, to the minute."""
    return moment.astimezone(ZoneInfo(company.zone)).strftime("%Y-%m-%d %H:%M")


def place(span: Span) -> str:
    """A rule's place as FILE:LINE."""
    return f"{span.file}:{span.line}"


def consts_of(ruleset: Ruleset | None) -> frozenset[str]:
    """The names of its consts."""
    return frozenset(const.name for const in ruleset.consts) if ruleset else frozenset()


def is_constant(row: Lineage, consts: frozenset[str]) -> bool:
    """Whether nothing of the record went into the value, only words and consts of the rules."""
    return all(name in consts for name, _ in row.reads)


def line_of(files: Mapping[str, str], span: Span) -> str:
    """The text of the line a rule begins in, without its indent."""
    lines = files.get(span.file, "").split("\n")
    return lines[span.line - 1].strip() if 0 < span.line <= len(lines) else ""


def rule_proof(files: Mapping[str, str], span: Span) -> Proof:
    """A link to a rule line, in the words of the file."""
    return Proof("rule", place(span), line_of(files, span))


def load(session: Session, record_id: int, posting_id: int | None = None) -> Case | None:
    """The case of a record; without a posting named, of the one furthest on its way."""
    record = session.get(Record, record_id)
    if record is None:
        return None
    page = Together(session, KEPT)
    holds = page.ask(holds_of(session, record.id))
    kept = page.ask(accepted_differences.asked_of_records(record.company_id, [record.id]))
    asked_versions = page.ask(_versions(record))
    postings = page.ask(_postings(record)).value
    versions, posting = asked_versions.value, _posting(postings, posting_id)
    judged, approvals = page.ask(_judged(record, posting)), page.ask(_approvals(posting))
    sent, since = page.ask(_sent(posting)), since_sent(page, posting, postings)
    evaluation, rules = judged.value
    who = [key for one in approvals.value for key in (one.person_id, one.for_person_id)]
    who += [one.person_id for one in versions]
    who += [rules.author_id, rules.published_by_id] if rules else []
    people = page.ask(asked_names(who))
    files = page.ask(asked_files(rules.id)) if rules else None
    return Case(
        company=session.get_one(Company, record.company_id),
        record=record,
        source=session.get_one(Connection, record.source_id),
        versions=versions,
        posting=posting,
        target=session.get(Connection, posting.connection_id) if posting else None,
        evaluation=evaluation,
        outcome=replayed(session, evaluation) if evaluation else None,
        rules=rules,
        files=files.value if files else {},
        approvals=approvals.value,
        holds=holds.value,
        sent=sent.value,
        since=since,
        accepted=_accepted(kept.value.get(record.id, ()), posting),
        people=people.value,
    )


def _accepted(found: Sequence[Accepted], posting: Posting | None) -> tuple[Accepted, ...]:
    route, number = (posting.route, posting.number) if posting else ("", "")
    return tuple(one for one in found if (one.route, one.document) == (route, number))


def replayed(session: Session, evaluation: Evaluation) -> Outcome | None:
    """What an evaluation said; None when the rules failed on it or its facts are not kept."""
    return judged_once(session, evaluation.id) if replayable(evaluation) else None


def replayable(evaluation: Evaluation) -> bool:
    """Whether the rules came to an outcome on facts that are still kept."""
    return evaluation.facts is not None and "error" not in evaluation.outcome


def _postings(record: Record) -> Question[Sequence[Posting]]:
    query = select(Posting).where(Posting.record_id == record.id)
    return list((yield query.order_by(Posting.id)).scalars())


def _posting(found: Sequence[Posting], posting_id: int | None) -> Posting | None:
    if posting_id is not None:
        return next((p for p in found if p.id == posting_id), None)
    for group in (
        [p for p in found if p.state == PostingState.POSTED],
        [p for p in found if p.sent_at is not None],
        [p for p in found if p.state not in {PostingState.DROPPED, PostingState.IGNORED}],
        list(found),
    ):
        if group:
            return group[-1] if group[0].sent_at is not None else group[0]
    return None


def _judged(
    record: Record, posting: Posting | None
) -> Question[tuple[Evaluation | None, RulesetVersion | None]]:
    """The judging of what was sent, else the newest, and the rules that it went by."""
    push_id = (posting.posted_push_id or posting.push_id) if posting else None
    rows = yield (
        select(Evaluation, RulesetVersion)
        .join(RulesetVersion, RulesetVersion.id == Evaluation.ruleset_version_id)
        .where(Evaluation.id == judged_by(record.id, push_id))
    )
    return rows.first() or (None, None)


def judged_by(record_id: int, push_id: int | ScalarSelect[int] | None) -> ColumnElement[int]:
    """The id of the judging that a push went by; without one, of the record's newest."""
    sent = select(Push.evaluation_id).where(Push.id == push_id)
    newest = select(func.max(Evaluation.id)).where(Evaluation.record_id == record_id)
    return func.coalesce(sent.scalar_subquery(), newest.scalar_subquery())


def _approvals(posting: Posting | None) -> Question[tuple[Approval, ...]]:
    if posting is None:
        return ()
    query = select(Approval).where(Approval.posting_id == posting.id)
    return tuple((yield query.order_by(Approval.id)).scalars())


def _versions(record: Record) -> Question[tuple[Version, ...]]:
    query = select(Version).where(Version.record_id == record.id)
    return tuple((yield query.order_by(Version.no)).scalars())


def _sent(posting: Posting | None) -> Question[tuple[Sent, ...]]:
    if posting is None:
        return ()
    rows = yield (
        select(Push, Attempt, Request)
        .join(Attempt, Attempt.push_id == Push.id)
        .join(Request, Request.id == Attempt.request_id)
        .where(Push.posting_id == posting.id, Request.kind == "push")
        .order_by(Attempt.id)
    )
    return tuple(Sent(push, attempt, request) for push, attempt, request in rows)

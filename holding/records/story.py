"""Load everything stored about one record that its answers and evidence packet need."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import dropwhile
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, ScalarSelect, func, select
from sqlalchemy.orm import Session

from grammar.nodes import Ruleset
from grammar.text.problem import Span
from holding.access.people import names_of
from holding.approvals.consent import counts
from holding.db.bulk import Columns, known, of
from holding.db.kept_plans import KEPT
from holding.db.models import (
    Approval,
    Attempt,
    Company,
    Connection,
    Evaluation,
    Event,
    Posting,
    Push,
    Reading,
    Record,
    Request,
    RulesetVersion,
    Version,
)
from holding.db.models.columns import PushState, RecordState
from holding.db.models.decisions import WHOLE_RECORD
from holding.db.models.postings import ENDED
from holding.db.refusal import listed
from holding.platform.unit_changes import CHANGED
from holding.programs.replay import replay_for_page
from holding.records import accepted_differences
from holding.records.accepted_differences import Accepted
from holding.records.story_holds import HeldBy, holds_of
from holding.rulesets.publication import files_of
from rules.outcomes import Decision, Lineage, Outcome, Verdict
from rules.values.canonical import PostingState
from rules.values.wording import readable_term

NOT_RECORDED = "not recorded"

NOBODY_ASKED: Final = "Nobody was asked, because it is not posted."


@dataclass(frozen=True, slots=True)
class Taken:
    """A push that its target accepted: action, version and time of the answer."""

    id: int
    posting_id: int
    number: str
    action: str
    closed_at: datetime
    version_no: int
    reverses_id: int | None


_TAKEN = Columns(
    Taken(
        id=of(Push.id),
        posting_id=of(Push.posting_id),
        number=of(Push.number),
        action=of(Push.action),
        closed_at=known(Push.closed_at),
        version_no=of(Version.no),
        reverses_id=of(Posting.reverses_id),
    ),
    {"version_no": "version.no"},
)


@dataclass(frozen=True, slots=True)
class Proof:
    """Where an answer can be checked: a kind of row (or `rule`), its id, and a link text."""

    kind: str
    id: str
    label: str

    @property
    def is_table(self) -> bool:
        """Whether it is a mapping table, given by name."""
        return self.kind == "table"

    @property
    def is_hash(self) -> bool:
        """Whether its label is a hash."""
        return self.kind in {"content", "request", "ruleset"}

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
class SeenThere:
    """A reading of a document in its target: unchanged, or the differences in words.

    `by` names the user who changed it, if the target reports that. `changed`: the target names a
    user, or an earlier reading found it as it was sent; else it may never have been stored so.
    """

    posting_id: int
    at: datetime
    same: bool
    words: str
    by: str
    changed: bool = True


@dataclass(frozen=True, slots=True)
class Recounted:
    """The target changed the unit of a document's item since it was posted."""

    event_id: int
    at: datetime
    item: str
    before: str
    now: str


@dataclass(frozen=True, slots=True)
class Since:
    """Everything after sending a document: its changes, what reversed and what replaced it.

    `numbers` maps posting ids to numbers. `ended`: nothing waits to be sent. `drifts`: a current
    document differs from what was sent, by its last reading.
    """

    taken: tuple[Taken, ...] = ()
    seen: tuple[SeenThere, ...] = ()
    recounted: tuple[Recounted, ...] = ()
    numbers: tuple[tuple[int, str], ...] = ()
    ended: bool = True
    drifts: bool = False

    @property
    def first(self) -> Taken | None:
        """The push that posted the first document."""
        return self.taken[0] if self.taken else None


@dataclass(frozen=True, slots=True)
class Case:
    """One record, the posting in question, and what decided it."""

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
    reverses: str = ""  # the number of the document that the posting reverses
    lines: bool = True  # whether its answers name the file, line and hash of rules and content

    @property
    def version(self) -> Version | None:
        """The version that was decided."""
        wanted = self.evaluation.version_id if self.evaluation else self.record.version_id
        return next((v for v in self.versions if v.id == wanted), None)

    @property
    def decision(self) -> Decision | None:
        """The evaluation's decision about the posting's route."""
        if self.outcome is None:
            return None
        route = self.route
        return next((d for d in self.outcome.decisions if d.route == route), None)

    @property
    def unknown_because(self) -> str:
        """Why the evaluation has no known outcome; blank if it has one or nothing was evaluated."""
        if self.evaluation is None or self.outcome is not None:
            return ""
        return unknown_because(self.evaluation.outcome)

    @property
    def number(self) -> str:
        """The number of the decided document; blank before it has one."""
        document = self.decision.document if self.decision else None
        return document.number if document else ""

    @property
    def route(self) -> str:
        """The route in question."""
        if self.posting is not None:
            return self.posting.route
        decisions = self.outcome.decisions if self.outcome else ()
        return decisions[0].route if decisions else ""

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The verdicts for this route, or for all routes."""
        found, mine = self.outcome.verdicts if self.outcome else (), {self.route, "", "*"}
        return tuple(v for v in found if v.route in mine)

    @property
    def lineage(self) -> tuple[Lineage, ...]:
        """The origin of this route's document values."""
        found, mine = self.outcome.lineage if self.outcome else (), {self.route, ""}
        return tuple(row for row in found if row.route in mine)

    @property
    def last_sent(self) -> Sent | None:
        """The request that created the current document in the target, otherwise the last one."""
        standing = self.posting.posted_push_id if self.posting else None
        of_push = [s for s in self.sent if standing is None or s.push.id == standing]
        return of_push[-1] if of_push else None

    @property
    def key_tail(self) -> str:
        """Return the end of the key that the current document was sent with; blank for none."""
        return self.last_sent.request.key_tail if self.last_sent else ""

    @property
    def sent_at(self) -> datetime | None:
        """The time at which the posting was first sent, or None."""
        return self.posting.sent_at if self.posting else None

    @property
    def over(self) -> bool:
        """Whether nothing was posted and nothing will be."""
        state = self.posting.state if self.posting else self.record.state
        return state in {PostingState.DROPPED, PostingState.IGNORED, RecordState.REFERENCE}

    @property
    def decided_status(self) -> str:
        """The status that was decided on; blank if the source gave none."""
        return (self.outcome.status or self.outcome.status_word) if self.outcome else ""

    @property
    def status_since(self) -> str:
        """The source's new status since sending; blank if unchanged."""
        sent, now = self.version if self.sent_at else None, self.record.status
        changed = sent is not None and sent.id != self.record.version_id
        return now if changed and now != self.decided_status else ""

    def when(self, moment: datetime) -> str:
        """Format a time in the company's time zone."""
        return format_time(moment, self.company)

    def place(self, span: Span) -> str:
        """Return a rule's place as FILE:LINE, or its title where lines are hidden."""
        if self.lines:
            return rule_place(span)
        names = (v.rule for v in self.verdicts if v.span == span and v.rule)
        name = next(names, "")
        return f"“{readable_term(name)}”" if name else "the rules"

    def person(self, person_id: int | None) -> str:
        """Return a person's name."""
        return self.people.get(person_id or 0, NOT_RECORDED)


def unknown_because(outcome: Mapping[str, Any]) -> str:
    """Return why a stored evaluation has no result."""
    if "error" not in outcome:
        return "what was checked is no longer stored, or cannot be checked again"
    return _NO_RESULT.get(outcome["error"], _NO_RESULT["EVA02"])


_NO_RESULT: Final[Mapping[str, str]] = {
    "EVA02": "the rules failed on this record",
    "EVA03": "the workers that checked this record ended",
    "EVA04": "the result of the check could not be stored",
    "EVA05": "the rules name an accounting system that has no connection",
}


def format_time(moment: datetime, company: Company) -> str:
    """Format a time in the company's time zone, to the minute."""
    return moment.astimezone(ZoneInfo(company.zone)).strftime("%Y-%m-%d %H:%M")


def rule_place(span: Span) -> str:
    """Return a rule's place as FILE:LINE."""
    return f"{span.file}:{span.line}"


def consts_of(ruleset: Ruleset | None) -> frozenset[str]:
    """Return the names of the rule set's constants."""
    return frozenset(const.name for const in ruleset.consts) if ruleset else frozenset()


def is_constant(row: Lineage, consts: frozenset[str]) -> bool:
    """Check whether a value uses only words and constants of the rules, nothing of the record."""
    return all(name in consts for name, _ in row.reads)


def line_of(files: Mapping[str, str], span: Span) -> str:
    """Return the text of a rule's first line, without indent."""
    lines = files.get(span.file, "").split("\n")
    return lines[span.line - 1].strip() if 0 < span.line <= len(lines) else ""


def rule_proof(files: Mapping[str, str], span: Span) -> Proof:
    """Return a link to a rule line, with its text."""
    return Proof("rule", rule_place(span), line_of(files, span))


def load_case(session: Session, record_id: int, posting_id: int | None = None) -> Case | None:
    """Load the case of a record, by default for its current document."""
    record = session.get(Record, record_id)
    if record is None:
        return None
    versions, postings = _load_versions(session, record), _load_postings(session, record)
    posting = _posting(postings, posting_id)
    push_id = _find_deciding_push(session, posting)
    evaluation, rules = _load_evaluation(session, record, push_id)
    approvals = _load_approvals(session, posting)
    accepted = accepted_differences.accepted_of_records(session, record.company_id, [record.id])
    person_ids = [key for one in approvals for key in (one.person_id, one.for_person_id)]
    person_ids += [one.person_id for one in versions]
    person_ids += [rules.author_id, rules.published_by_id] if rules else []
    people = names_of(session, person_ids)
    return Case(
        company=session.get_one(Company, record.company_id),
        record=record,
        source=session.get_one(Connection, record.source_id),
        versions=versions,
        posting=posting,
        target=session.get(Connection, posting.connection_id) if posting else None,
        evaluation=evaluation,
        outcome=replay_for_page(session, evaluation.id) if evaluation else None,
        rules=rules,
        files=files_of(session, rules.id) if rules else {},
        approvals=approvals,
        holds=tuple(one for one in holds_of(session, record.id) if _concerns(one, posting)),
        sent=_load_sent(session, posting),
        since=since_sent(session, posting, postings),
        accepted=_accepted(accepted.get(record.id, ()), posting),
        people=people,
        reverses=next((p.number for p in postings if posting and p.id == posting.reverses_id), ""),
    )


def _load_versions(session: Session, record: Record) -> tuple[Version, ...]:
    query = select(Version).where(Version.record_id == record.id)
    return tuple(session.scalars(query.order_by(Version.no), execution_options=KEPT))


def _load_postings(session: Session, record: Record) -> Sequence[Posting]:
    query = select(Posting).where(Posting.record_id == record.id)
    return list(session.scalars(query.order_by(Posting.id), execution_options=KEPT))


def _concerns(held: HeldBy, posting: Posting | None) -> bool:
    """Check whether a hold was about this document, or about the whole record."""
    hold = held.hold
    if posting is None or hold.posting_id == posting.id:
        return True
    return hold.posting_id is None and hold.route in {WHOLE_RECORD, posting.route}


def _posting(found: Sequence[Posting], posting_id: int | None) -> Posting | None:
    """Return a document by its id; without one, the last posted document that reverses none, or
    the one that is furthest along.
    """
    if posting_id is not None:
        return next((p for p in found if p.id == posting_id), None)
    originals = [p for p in found if p.reverses_id is None]
    for group in (
        [p for p in originals if p.state == PostingState.POSTED],
        [p for p in originals if p.sent_at is not None],
        [p for p in found if p.state not in {PostingState.DROPPED, PostingState.IGNORED}],
        list(found),
    ):
        if group:
            return group[-1] if group[0].sent_at is not None else group[0]
    return None


def _find_deciding_push(session: Session, posting: Posting | None) -> int | None:
    """Return the push whose evaluation made the content that was sent, or None.

    Content that a person had sent again as it was posted was made by the evaluation of its first
    push: the later one found nothing to do.
    """
    last = (posting.posted_push_id or posting.push_id) if posting else None
    if posting is None or last is None or posting.action != "update":
        return last
    query = select(Push.id, Push.content).where(Push.posting_id == posting.id, Push.id <= last)
    rows = [
        (row.id, row.content)
        for row in session.execute(query.order_by(Push.id), execution_options=KEPT)
    ]
    sent = dict(rows)[last]
    first: int = next(key for key, content in rows if content == sent)
    return first


def _load_evaluation(
    session: Session, record: Record, push_id: int | None
) -> tuple[Evaluation | None, RulesetVersion | None]:
    """Return the evaluation of what was sent, otherwise the newest, with its rule version."""
    rows = session.execute(
        select(Evaluation, RulesetVersion)
        .join(RulesetVersion, RulesetVersion.id == Evaluation.ruleset_version_id)
        .where(Evaluation.id == evaluation_id_of(record.id, push_id)),
        execution_options=KEPT,
    )
    return rows.first() or (None, None)


def _load_approvals(session: Session, posting: Posting | None) -> tuple[Approval, ...]:
    if posting is None:
        return ()
    query = select(Approval).where(Approval.posting_id == posting.id)
    return tuple(session.scalars(query.order_by(Approval.id), execution_options=KEPT))


def _load_sent(session: Session, posting: Posting | None) -> tuple[Sent, ...]:
    if posting is None:
        return ()
    rows = session.execute(
        select(Push, Attempt, Request)
        .join(Attempt, Attempt.push_id == Push.id)
        .join(Request, Request.id == Attempt.request_id)
        .where(Push.posting_id == posting.id, Request.kind == "push")
        .order_by(Attempt.id),
        execution_options=KEPT,
    )
    return tuple(Sent(push, attempt, request) for push, attempt, request in rows)


def _accepted(found: Sequence[Accepted], posting: Posting | None) -> tuple[Accepted, ...]:
    route, number = (posting.route, posting.number) if posting else ("", "")
    return tuple(one for one in found if (one.route, one.document) == (route, number))


def evaluation_id_of(record_id: int, push_id: int | ScalarSelect[int] | None) -> ColumnElement[int]:
    """Return the id of a push's evaluation, otherwise of the record's newest one, as SQL."""
    sent = select(Push.evaluation_id).where(Push.id == push_id)
    newest = select(func.max(Evaluation.id)).where(Evaluation.record_id == record_id)
    return func.coalesce(sent.scalar_subquery(), newest.scalar_subquery())


def answer_approved(case: Case, ruleset: Ruleset | None) -> tuple[str, str, list[Proof]]:
    """Return the answer, its tone and its proofs."""
    evidence = _evidence(case)
    valid = [a for a in case.approvals if counts(a, content_hash(case))]
    approve_verdicts = [v for v in case.verdicts if v.kind == "approve"]
    spans = [v.span for v in approve_verdicts]
    if valid:
        names = "; ".join(f"{approver_name(case, a)}, {case.when(a.at)}" for a in valid)
        said, tone = f"{names}.", "good"
        if case.lines:
            said = f"{names}, content hash {content_hash(case)[:12]}."
        given_levels = {a.level for a in valid}
        if missing := [
            v.rule for v in approve_verdicts if v.result != "pass" and v.rule not in given_levels
        ]:
            said = f"{said} Not yet: {listed(missing)}."
            tone = "bad" if case.sent_at else "plain"
    elif any(v.result in {"hit", "unknown"} for v in approve_verdicts):
        said = f"Not approved yet. Approval is required: {_places(case, spans)}."
        tone = "bad" if case.sent_at else "plain"
    elif approve_verdicts:
        said, tone = f"No approval required by {_places(case, spans)}.", "good"
    elif is_approval_undecided(case, ruleset):
        spans = _approve_spans(case, ruleset)
        not_yet = f"Not decided yet: {_places(case, spans)} is checked when nothing is missing."
        said, tone = NOBODY_ASKED if case.over else not_yet, "plain"
    else:
        spans = _post_spans(case, ruleset)
        said, tone = f"No approval required by {_places(case, spans) or 'the rules'}.", "good"
    proofs = [*(rule_proof(case.files, span) for span in spans), *evidence]
    return f"{said}{_fallen(case)} {_in_source(case)}", tone, proofs


def _evidence(case: Case) -> list[Proof]:
    """Return the hashes of planned and sent content, and the approvals."""
    proofs = []
    if case.posting is not None and content_hash(case):
        proofs.append(Proof("content", str(case.posting.id), f"content hash {content_hash(case)}"))
    if case.last_sent is not None:
        request = case.last_sent.request
        proofs.append(Proof("request", str(request.id), f"request hash {request.sha256}"))
    return proofs + [Proof("approval", str(a.id), f"approval {a.id}") for a in case.approvals]


def content_hash(case: Case) -> str:
    """Return the hash of what was sent, otherwise of what is planned."""
    sent = case.last_sent
    return sent.push.hash if sent else case.posting.hash if case.posting else ""


def approver_name(case: Case, approval: Approval) -> str:
    """Return a name such as Siti, or Siti for Lim."""
    name = case.person(approval.person_id)
    whose = approval.for_person_id
    return f"{name} for {case.person(whose)}" if whose is not None else name


def _places(case: Case, spans: list[Span]) -> str:
    return listed(list(dict.fromkeys(case.place(span) for span in spans)))


def _approve_spans(case: Case, ruleset: Ruleset | None) -> list[Span]:
    return [
        rule.span
        for rule in (ruleset.approvals if ruleset else ())
        if rule.record == case.record.type and (rule.route is None or str(rule.route) == case.route)
    ]


def _post_spans(case: Case, ruleset: Ruleset | None) -> list[Span]:
    return [post.span for post in ruleset.posts if str(post.route) == case.route] if ruleset else []


def _fallen(case: Case) -> str:
    """Describe the approvals that are void, with what changed."""
    fallen = [(one, one.voided_at) for one in case.approvals]
    return "".join(f" {_fell(case, one, at)}" for one, at in fallen if at is not None)


def _fell(case: Case, approval: Approval, at: datetime) -> str:
    sentence = f"The approval by {approver_name(case, approval)} of {case.when(approval.at)}"
    if approval.voided_by_id is not None:
        return f"{sentence} was undone {case.when(at)}."
    fields = listed(approval.voided_fields or [])
    why = f"changed {fields}" if fields else "the approver had also prepared or changed the record"
    return f"{sentence} is void since {case.when(at)}: {why}."


def _in_source(case: Case) -> str:
    body = (case.version.body if case.version else None) or {}
    name, version = body.get("approved_by"), body.get("approved_version")
    if not name:
        return "In the source: not recorded."
    if version:
        return f"In the source: {name} (its version {version})."
    return f"In the source: {name}."


def is_approval_undecided(case: Case, ruleset: Ruleset | None) -> bool:
    """Check whether an approval rule may apply that was not reached yet."""
    reached = case.sent_at is not None or any(v.kind == "approve" for v in case.verdicts)
    return not reached and bool(_approve_spans(case, ruleset))


def since_sent(session: Session, posting: Posting | None, postings: Sequence[Posting]) -> Since:
    """Return everything after this document was posted; empty without a posting."""
    if posting is None:
        return Since()
    own = [one for one in postings if posting.id in (one.id, one.reverses_id)]
    about = own + _replacing(posting, own, postings)
    seen = _load_seen(session, {one.id for one in own if one.reading_id is not None})
    all_taken = _load_taken(session, {one.id for one in about if one.sent_at is not None})
    taken = tuple(dropwhile(lambda one: one.posting_id != posting.id, all_taken))
    last = {look.posting_id: look for look in seen}
    standing = {one.id for one in about if one.state == PostingState.POSTED}
    return Since(
        taken=taken,
        seen=seen,
        recounted=_load_recounted(session, posting.record_id, posting.id),
        numbers=tuple((one.id, one.number) for one in about),
        ended=all(one.state in ENDED for one in about),
        drifts=any(not look.same for key, look in last.items() if key in standing),
    )


def _replacing(
    posting: Posting, own: Sequence[Posting], postings: Sequence[Posting]
) -> list[Posting]:
    """Return the documents that came after a reversed one, in its route."""
    reversers = [one.id for one in own if one.id != posting.id]
    after = min(reversers, default=posting.id)
    if posting.reverses_id is not None or posting.state != PostingState.REVERSED:
        return []
    return [
        one
        for one in postings
        if one.id > after and one.route == posting.route and one.reverses_id is None
    ]


def _load_seen(session: Session, posting_ids: Collection[int]) -> tuple[SeenThere, ...]:
    """Return readings that differed, and later readings without a difference.

    A first reading without a difference is left out.
    """
    if not posting_ids:
        return ()
    query = select(Reading).where(Reading.posting_id.in_(posting_ids), Reading.kind == "standing")
    readings: dict[int, list[SeenThere]] = {}
    stood: set[int] = set()
    for row in session.scalars(query.order_by(Reading.id), execution_options=KEPT):
        before = readings.setdefault(row.posting_id, [])
        words, by = str(row.body["words"]), str(row.body.get("by", ""))
        changed = bool(by) or row.posting_id in stood
        if row.same:
            stood.add(row.posting_id)
        if row.same and (not before or before[-1].same):
            continue
        before.append(SeenThere(row.posting_id, row.at, row.same, words, by, changed=changed))
    return tuple(
        sorted(
            (one for of_posting in readings.values() for one in of_posting), key=lambda one: one.at
        )
    )


def _load_taken(session: Session, posting_ids: Collection[int]) -> tuple[Taken, ...]:
    if not posting_ids:
        return ()
    query = (
        _TAKEN.select()
        .join(Posting, Posting.id == Push.posting_id)
        .join(Evaluation, Evaluation.id == Push.evaluation_id)
        .join(Version, Version.id == Evaluation.version_id)
        .where(Push.posting_id.in_(posting_ids), Push.state == PushState.ACCEPTED)
        .where(Push.closed_at.is_not(None))
        .order_by(Push.closed_at, Push.id)
    )
    return _TAKEN.each(session.execute(query, execution_options=KEPT))


def _load_recounted(session: Session, record_id: int, posting_id: int) -> tuple[Recounted, ...]:
    query = select(Event).where(Event.record_id == record_id, Event.act == CHANGED)
    rows = session.scalars(query.order_by(Event.id), execution_options=KEPT)
    return tuple(
        Recounted(row.id, row.at, *(str(row.body[name]) for name in ("item", "before", "now")))
        for row in rows
        if row.posting_id == posting_id
    )

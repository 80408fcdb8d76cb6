"""Prepare claimed postings: check them again and store the push before its call."""

from bisect import bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from itertools import accumulate
from typing import Any, Literal

from sqlalchemy import Select, and_, bindparam, exists, func, or_, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from connectors.contract import (
    Action,
    FileLimits,
    Found,
    OutgoingDocument,
    Payload,
    Settings,
    Target,
)
from connectors.contract.pulls import ImportedByHand
from connectors.contract.targets import Deferring
from connectors.transport import strict_json
from holding.approvals import consent
from holding.approvals.consent import posting_hash
from holding.connections import sale_issuers
from holding.connections.channel import Channel, Desk
from holding.db import bulk
from holding.db.bulk import JointWrites
from holding.db.database import remember
from holding.db.models import (
    Company,
    Connection,
    Evaluation,
    Hold,
    Posting,
    Push,
    Record,
    RulesetVersion,
    Version,
)
from holding.db.models.columns import Moment, PushState, is_word
from holding.db.models.decisions import HOLD_OPEN, WHOLE_RECORD
from holding.platform.changes import has_pending_mark, wake_records
from holding.platform.events import PUSH, REQUEST, SEALED, Fact, join_events, seal_row
from holding.platform.states import RESTORES, UNSEEN, Step, join_record_states, join_steps
from holding.posting import holds, runs, store_results
from holding.posting import push as push_rows
from holding.posting.claims import (
    POISON_CRASHES,
    RUNNING,
    SENDABLE,
    STOPPED,
    TOGETHER,
    TWIN_COMES,
    Claim,
    lock_families,
    return_later,
    return_posting,
)
from holding.posting.evidence import (
    action_of,
    push_key,
    request_key,
    target_owned_fields,
    without_target_fields,
)
from holding.posting.holds import TOO_LARGE, Trouble
from holding.posting.push import (
    DRAWN,
    Flight,
    Member,
    ReservedIds,
    add_flight,
    add_lookup,
    push_lease,
    read_reserved_ids,
)
from holding.posting.store_results import skipped_unseen
from holding.programs.world import note_hash
from rules.outcomes import Document
from rules.values.canonical import PostingState, revive, sha256_hex

Looked = Mapping[int, Found]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A posting that may be sent as it is. Two checks are equal if nothing changed between them.

    `standing`: the document in the target, for an update or void. `theirs`: the fields that people
    in the target own. `drawn`: the ids reserved by a check under locks.
    """

    claim: Claim
    record_id: int
    evaluation_id: int
    action: Action
    document: Document
    standing: Document | None
    theirs: frozenset[str]
    hash: str
    lock: int
    key: str
    no: int
    posting: Posting = field(compare=False, repr=False)
    brought: ReservedIds | None = field(compare=False, repr=False)

    @property
    def drawn(self) -> ReservedIds:
        """Return the reserved ids; raise RuntimeError after a check without locks."""
        if self.brought is None:
            raise RuntimeError("a push is written after a look under locks alone")
        return self.brought

    @property
    def sent(self) -> Document:
        """Return the document of a call; an update leaves out the target's own fields."""
        return (
            without_target_fields(self.document, self.theirs)
            if self.action == "update"
            else self.document
        )


@dataclass(frozen=True, slots=True)
class NotNow:
    """A posting that is not ours any more or will be evaluated again; this is no error.

    `judge`: its rules are not in force any more, or could not evaluate its record. `rest`: a worker
    must first check whether a mapping change affects it.
    """

    judge: bool = False
    rest: bool = False


Verdict = Checked | Trouble | NotNow

_earlier = aliased(Push)

_MINE = _earlier.posting_id == Posting.id

_LAST_PUSH = select(func.max(_earlier.no)).where(_MINE).correlate(Posting).scalar_subquery()

_ACCEPTED = exists().where(_MINE, is_word(_earlier.state, PushState.ACCEPTED))

_QUIET = and_(
    Record.version_id == Posting.version_id,
    Record.lease_until.is_(None),
    or_(Record.due_at.is_(None), Record.due_at > bindparam("now", type_=Moment())),
    ~TWIN_COMES,
)

_BUSY = exists().where(
    Push.connection_id == Posting.connection_id,
    Push.family == Posting.family,
    text(f"push.{Push.OPEN}"),
)


@dataclass(frozen=True, slots=True)
class Examined:
    """Postings that may be sent, each with its rendered trace."""

    good: tuple[Checked, ...]
    stories: Mapping[int, bytes]

    def only(self, posting_ids: Collection[int]) -> "Examined":
        """Return the postings with these ids."""
        good = tuple(checked for checked in self.good if checked.claim.posting_id in posting_ids)
        return Examined(good, self.stories)

    @property
    def claims(self) -> list[Claim]:
        """Return the claims of these postings."""
        return [checked.claim for checked in self.good]

    def parted(self, count: int) -> "tuple[Examined, Examined]":
        """Return the first `count` postings and the remaining ones."""
        return Examined(self.good[:count], self.stories), Examined(self.good[count:], self.stories)

    def __add__(self, others: "Examined") -> "Examined":
        return Examined(self.good + others.good, {**self.stories, **others.stories})


def check_claims(
    desk: Desk, channel: Channel, claims: Sequence[Claim], *, in_file: bool
) -> Examined:
    """Check claimed postings; hold or return those that must not be sent.

    A returned posting is due at once, or in a file after a pause in which the rest of the run is
    sent.
    """
    with desk.database.read() as session:
        remember(session)  # what the look has read is what the stories are told from
        verdicts = check_postings(session, channel, claims, lock=False, now=desk.clock.now())
        good = tuple(verdict for verdict in verdicts.values() if isinstance(verdict, Checked))
        # told here, so that no write waits for the replay
        traces = desk.trace(session, {checked.evaluation_id for checked in good})
    stories = {checked.claim.posting_id: traces[checked.evaluation_id] for checked in good}
    _turn_down(desk, channel, claims, verdicts, in_file=in_file)
    return Examined(good, stories)


def _turn_down(
    desk: Desk,
    channel: Channel,
    claims: Sequence[Claim],
    verdicts: Mapping[int, Verdict],
    *,
    in_file: bool,
) -> None:
    """Hold postings that must not be sent, and return postings that cannot be sent now."""
    refused_claims = [
        claim for claim in claims if not isinstance(verdicts[claim.posting_id], Checked)
    ]
    if not refused_claims:
        return
    pause = pause_length(desk) if in_file else timedelta()
    with desk.database.write() as session:
        lock_families(session, channel.company_id, [claim.family for claim in refused_claims])
        now = desk.clock.now()
        for claim in refused_claims:
            verdict = verdicts[claim.posting_id]
            if isinstance(verdict, NotNow) and verdict.judge:
                _have_judged(session, claim, now + pause if in_file else None, now)
            elif isinstance(verdict, NotNow):
                return_posting(
                    session, claim, now + (pause_length(desk) if verdict.rest else pause)
                )
            elif isinstance(verdict, Trouble):
                store_results.stop_claim(session, channel, claim, verdict, now)


def _have_judged(session: Session, claim: Claim, due: datetime | None, now: datetime) -> None:
    """Return the claim and wake its record; the evaluation sets the next due time."""
    return_posting(session, claim, due)
    record = select(Posting.record_id).where(Posting.id == claim.posting_id)
    wake_records(session, session.scalars(record).all(), now)


def pause_length(desk: Desk) -> timedelta:
    """Return how long a posting that cannot be sent now is left alone."""
    return desk.lease / 4


def store_call(
    desk: Desk,
    channel: Channel,
    examined: Examined,
    *,
    run_id: int | None,
    name: str = "",
    looked: Looked | None = None,
) -> tuple[Flight | None, Examined]:
    """Store one call for these postings and return it with the remaining postings.

    With a `name` the call is one file of as many postings as the target accepts. The postings are
    checked again in the transaction that commits the call, so only checked content is sent. Without
    a `run_id` the call joins the run of immediate pushes. Returns no call when no posting is left.
    """
    desk.renew()
    while examined.good:
        documents = [checked.sent for checked in examined.good]
        action = examined.good[0].action  # a file has creates alone, a call one document
        count, payload = first_call(
            channel.target, documents, channel.settings, name=name, action=action
        )
        part, remaining = examined.parted(max(1, count))
        if count == 0:
            trouble = too_large_trouble(channel.target, documents[0], payload, channel.name)
            _stop(desk, channel, part.claims[0], trouble)
            examined = remaining
            continue
        try:
            flight = _commit(desk, channel, part, payload, run_id, name, looked or {})
        except IntegrityError:  # another push of the family was opened: somebody was faster
            return_later(desk, part.claims, after=pause_length(desk))
            return None, remaining
        if flight is not None:
            strict_json.fault_point("push.after_intent")
            return flight, remaining
        examined = check_claims(desk, channel, part.claims, in_file=bool(name)) + remaining
    return None, examined


def _stop(desk: Desk, channel: Channel, claim: Claim, trouble: Trouble) -> None:
    """Hold one posting that no call can carry."""
    with desk.database.write() as session:
        lock_families(session, channel.company_id, [claim.family])
        store_results.stop_claim(session, channel, claim, trouble, desk.clock.now())


def _commit(
    desk: Desk,
    channel: Channel,
    examined: Examined,
    payload: Payload,
    run_id: int | None,
    name: str,
    looked: Looked,
) -> Flight | None:
    """Store the call in one transaction; return None if a posting changed since it was checked."""
    if name:
        strict_json.fault_point("export.after_file")
    with desk.database.write() as session:
        at = desk.clock.now()
        verdicts = check_postings(session, channel, examined.claims, lock=True, now=at)
        good = [verdict for verdict in verdicts.values() if isinstance(verdict, Checked)]
        if tuple(good) != examined.good:
            return None
        strict_json.fault_point("push.before_intent")
        writes, request = JointWrites(session), {REQUEST: sha256_hex(payload.body)}
        first = good[0].drawn
        if run_id is None:
            last, new = first.run_id, first.new_run_id
            doc_type = good[0].claim.doc_type
            run_id = runs.join_immediate_run(writes, channel, doc_type, last, new, at)
        members = add_pushes(session, desk, channel, good, examined.stories, call=(writes, request))
        states = {checked.record_id: checked.drawn.record_state for checked in good}
        join_record_states(writes, {key: after for key, after in states.items() if after})
        looked_up_members = [member for member in members if member.claim.posting_id in looked]
        if looked_up_members:
            writes.write()  # a look is an attempt of its push, and a request before this one
        for member in looked_up_members:
            answer = looked[member.claim.posting_id]
            add_lookup(session, channel, member, answer, kind="lookup", key=member.key, now=at)
        return add_flight(
            session,
            desk,
            channel,
            members=members,
            payload=payload,
            key=request_key(checked.key for checked in good),
            name=name,
            run_id=run_id,
            request_id=None if looked_up_members else first.request_id,
            tries={member.push_id: int(member.claim.posting_id in looked) for member in members},
            writes=writes,
        )


def add_pushes(
    session: Session,
    desk: Desk,
    channel: Channel,
    good: Sequence[Checked],
    stories: Mapping[int, bytes],
    *,
    call: tuple[JointWrites, Mapping[str, str]] | None = None,
) -> tuple[Member, ...]:
    """Insert the push rows, their lines and the new posting states, and return the members.

    With a `call` its writes are combined and its bytes are sealed; without one the rows are written
    at once. The postings must be locked and checked.
    """
    now = desk.clock.now()
    writes, request = call or (JointWrites(session), {})
    rows = [_push_row(checked, stories[checked.posting.id], now) for checked in good]
    members = tuple(_member(checked) for checked in good)
    writes.insert(Push, rows)
    documents = [pair for pair in zip(members, good, strict=True) if pair[1].action != "void"]
    billed_lines = [(of.push_id, of.document, checked.posting.bills) for of, checked in documents]
    push_rows.join_lines(writes, billed_lines)
    join_steps(writes, [_on_its_way(checked, now, now + push_lease(desk)) for checked in good])
    pairs = zip(good, rows, strict=True)
    join_events(writes, [_sending(channel, checked, row, request, now) for checked, row in pairs])
    if call is None:
        writes.write()
    return members


def _push_row(checked: Checked, story: bytes, now: datetime) -> dict[str, Any]:
    posting = checked.posting
    return {
        "id": checked.drawn.push_id,
        "posting_id": posting.id,
        "no": checked.no,
        "connection_id": posting.connection_id,
        "family": posting.family,
        "action": posting.action,
        "hash": posting.hash,
        "number": posting.number,
        "key": checked.key,
        "content": posting.content,
        "trace": story,
        "evaluation_id": checked.evaluation_id,
        "state": PushState.SENDING,
        "due_at": checked.claim.since,
        "made_at": now,
    }


def _member(checked: Checked) -> Member:
    return Member(
        claim=checked.claim,
        record_id=checked.record_id,
        push_id=checked.drawn.push_id,
        action=checked.action,
        document=checked.document,
        standing=checked.standing,
        theirs=checked.theirs,
        key=checked.key,
    )


def _on_its_way(checked: Checked, now: datetime, until: datetime) -> Step:
    posting, first = checked.posting, {"sent_at": now} if checked.action == "create" else {}
    columns = {"push_id": checked.drawn.push_id, "lease_until": until, **first}
    return Step(posting.id, posting.state, checked.lock, PostingState.SENDING, columns)


def _sending(
    channel: Channel,
    checked: Checked,
    push: Mapping[str, Any],
    request: Mapping[str, str],
    now: datetime,
) -> Fact:
    """Return the event of a document's call or mere look-up, with the seal of its push."""
    posting = checked.posting
    action = checked.action if request else "look up"
    body = {
        "say": _said(action, posting.number, channel.name, posting.hash[:12]),
        "push": push["id"],
        "hash": posting.hash,
        "key": checked.key,
        SEALED: seal_row(PUSH, push),
        **request,
    }
    return Fact(
        company_id=channel.company_id,
        at=now,
        act="posting.sending",
        record_id=checked.record_id,
        posting_id=posting.id,
        fence=checked.claim.fence,
        body=body,
    )


def _said(action: Action | Literal["look up"], number: str, target: str, hash_: str) -> str:
    """Return the event's sentence."""
    if action == "look up":
        return f"{number} was looked up in {target}, and nothing was sent."
    if action == "void":
        return f"Voiding {number} in {target} (hash {hash_})."
    what = f"the change of {number}" if action == "update" else number
    return f"Sending {what} to {target} (hash {hash_})."


def check_postings(
    session: Session, channel: Channel, claims: Sequence[Claim], *, lock: bool, now: datetime
) -> dict[int, Verdict]:
    """Return a verdict for each claimed posting. With `lock` the verdict holds until the commit."""
    if lock:
        # After waiting, a statement that locks and reads at once would see the earlier rows.
        lock_families(session, channel.company_id, [claim.family for claim in claims])
    rows_by_id = _look_around(session, channel, claims, lock=lock, now=now)
    verdicts: dict[int, Verdict] = {}
    sending: set[int] = set()
    numbers: dict[tuple[str, str], Posting] = {}
    for claim in claims:
        row = rows_by_id.get(claim.posting_id)
        verdict = _verdict(channel, claim, row) if row is not None else NotNow()
        if isinstance(verdict, Checked) and claim.family in sending:
            verdict = NotNow()  # one at a time for each family
        if isinstance(verdict, Checked) and row is not None and verdict.action == "create":
            posting_id, other_posting, of_record = claim.posting_id, row.elsewhere, row.of_record
            trouble = holds.posted_elsewhere(
                session, posting_id, other_posting, of_record=of_record
            )
            verdict = trouble or verdict
        if isinstance(verdict, Checked) and verdict.action == "create":
            verdict = holds.restored_trouble(session, channel, verdict.posting) or verdict
        if isinstance(verdict, Checked) and not channel.shows(verdict.posting.doc_type):
            verdict = _unseen(session, verdict)
        if isinstance(verdict, Checked) and verdict.action == "create":
            posting = verdict.posting
            first = numbers.setdefault((posting.doc_type, posting.number.lower()), posting)
            verdict = _beside(verdict, first)
        if isinstance(verdict, Checked):
            sending.add(claim.family)
        verdicts[claim.posting_id] = verdict
    _hold_other_case(session, channel, verdicts)
    return verdicts


def _beside(checked: Checked, first: Posting) -> Verdict:
    """Return the verdict of a new document beside the first of its round with this number.

    Another spelling waits for the next round, which knows whether the target takes both for one.
    """
    if first.id == checked.posting.id:
        return checked
    if first.number != checked.posting.number:
        return NotNow()
    return _taken(f"{checked.posting.number} is another document's number, too.")


def _hold_other_case(session: Session, channel: Channel, verdicts: dict[int, Verdict]) -> None:
    """Replace the verdict of a new document whose number we sent before in another case.

    An import into AutoCount overwrites the document of a taken number, whatever the case of its
    letters, and AutoCount On The Go refuses it only once its account book works off the queue. In
    other targets the number is looked up before a create.
    """
    is_import = isinstance(channel.target, ImportedByHand)
    if not is_import and not isinstance(channel.target, Deferring):
        return
    creates = {
        (verdict.posting.doc_type, verdict.posting.number.lower()): posting_id
        for posting_id, verdict in verdicts.items()
        if isinstance(verdict, Checked) and verdict.action == "create"
    }
    lower = func.lower(Posting.number)
    query = select(Posting.id, Posting.doc_type, Posting.number).where(
        Posting.connection_id == channel.connection_id,
        Posting.doc_type.in_({doc_type for doc_type, _ in creates}),
        Posting.sent_at.is_not(None),
        lower.in_([number for _, number in creates]),
    )
    for other in session.execute(query) if creates else ():
        posting_id = creates.get((other.doc_type, other.number.lower()))
        if posting_id is not None and posting_id != other.id:
            words = f"{channel.name} takes it for the number of {other.number}, sent by Clearpost."
            if is_import:
                words = (
                    f"{channel.name} takes it for the number of {other.number}, posted by"
                    " Clearpost: an import would overwrite that document."
                )
            verdicts[posting_id] = _taken(words)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """A claimed posting with what surrounds it.

    `quiet`: no evaluation or similar record is pending. `marked`: a mapping change may affect it.
    `held`: a hold is open, or its route or connection is stopped. `outdated`: it was evaluated by
    other rules, or not at all. `barred`: by the settings of now it would make a second e-Invoice,
    or book a sale twice.
    """

    posting: Posting
    standing: Any
    made_by: Any
    theirs: frozenset[str]
    quiet: bool
    marked: bool
    held: bool
    busy: bool
    outdated: bool
    barred: bool
    taken: bool
    elsewhere: int | None
    of_record: bool
    not_approved: str
    pushes: int
    accepted: bool
    brought: ReservedIds | None


def _look_around(
    session: Session, channel: Channel, claims: Sequence[Claim], *, lock: bool, now: datetime
) -> dict[int, _Seen]:
    """Return the claimed postings whose fence is ours with their surroundings."""
    fences = {claim.posting_id: claim.fence for claim in claims}
    parameters = {"now": now, "postings": list(fences)} | (
        runs.continued_run_values(now) if lock else {}
    )
    result = session.execute(_surrounded(lock), parameters)
    rows = [row for row in result if row.Posting.fence == fences[row.Posting.id]]
    lacking = consent.lacking(session, [(row.Posting, row.outcome) for row in rows])
    for row in rows:
        note_hash(session, row.rules, row.rules_hash)
    routes = {(row.rules, row.Posting.route) for row in rows}
    owned_fields = {key: target_owned_fields(session, channel.target, *key) for key in routes}
    return {
        row.Posting.id: _Seen(
            posting=row.Posting,
            standing=row.standing,
            made_by=row.made_by,
            theirs=owned_fields[row.rules, row.Posting.route],
            quiet=bool(row.quiet),
            marked=bool(row.marked),
            held=bool(row.held),
            busy=bool(row.busy),
            outdated=bool(row.outdated),
            barred=not lock and _is_barred(session, channel, row.Posting),
            taken=bool(row.taken),
            elsewhere=row.elsewhere,
            of_record=bool(row.of_record),
            not_approved=lacking.get(row.Posting.id, ""),
            pushes=row.pushes or 0,
            accepted=bool(row.accepted),
            brought=read_reserved_ids(row) if lock else None,
        )
        for row in rows
    }


def _is_barred(session: Session, channel: Channel, posting: Posting) -> bool:
    """Check by the present settings whether the source or the target bars the document.

    The query without locks has loaded all of these rows. A change of a setting makes the record
    due, which the check under locks sees.
    """
    if posting.action == "void":
        return False
    record = session.get_one(Record, posting.record_id)
    source = session.get_one(Connection, record.source_id)
    body = session.get_one(Version, posting.version_id).body or {}
    target = (channel.connector, channel.settings)
    return sale_issuers.is_barred(source, record.type, body, target, posting.doc_type)


@cache
def _surrounded(lock: bool) -> Select[Any]:
    """Return the query for postings with the columns of `_Seen`.

    Without a lock it also loads the rows that the replay for the trace needs
    (holding/programs/replay.py).
    """
    other, stands, source = aliased(Posting), aliased(Push), aliased(Connection)
    hold = exists().where(Hold.posting_id == Posting.id, HOLD_OPEN)
    is_held = or_(hold, STOPPED, ~RUNNING)
    not_judged = exists().where(
        Hold.record_id == Posting.record_id, Hold.route == WHOLE_RECORD, HOLD_OPEN
    )
    outdated = or_(Evaluation.ruleset_version_id != Company.ruleset_version_id, not_judged)
    is_taken = exists().where(
        other.connection_id == Posting.connection_id,
        other.doc_type == Posting.doc_type,
        other.number == Posting.number,
        other.sent_at.is_not(None),
        other.id != Posting.id,
    )
    query = (
        select(
            Posting,
            Evaluation.outcome.label("outcome"),
            Evaluation.ruleset_version_id.label("rules"),
            RulesetVersion.hash.label("rules_hash"),
            stands.content.label("standing"),
            stands.evaluation_id.label("made_by"),
            _QUIET.label("quiet"),
            has_pending_mark().label("marked"),
            is_held.label("held"),
            _BUSY.label("busy"),
            outdated.label("outdated"),
            is_taken.label("taken"),
            holds.SENT_ELSEWHERE.label("elsewhere"),
            holds.RECORD_ELSEWHERE.label("of_record"),
            _LAST_PUSH.label("pushes"),
            _ACCEPTED.label("accepted"),
        )
        .join(Record, Record.id == Posting.record_id)
        .join(Company, Company.id == Posting.company_id)
        .join(Evaluation, Evaluation.id == Posting.evaluation_id)
        .join(RulesetVersion, RulesetVersion.id == Evaluation.ruleset_version_id)
        .outerjoin(stands, stands.id == Posting.posted_push_id)
        .where(bulk.among_given(Posting.id, "postings"), SENDABLE)
        .order_by(Posting.id)
        .execution_options(populate_existing=True)
    )
    if lock:
        return query.add_columns(*DRAWN).with_for_update(of=Posting, key_share=True)
    return (
        query.add_columns(Evaluation, Version, Record, source)
        .join(Version, Version.id == Evaluation.version_id)
        .join(source, source.id == Record.source_id)
    )


def _verdict(channel: Channel, claim: Claim, row: _Seen) -> Verdict:
    posting = row.posting
    # `marked`: a changed mapping may concern it, and the sweep has not looked at it yet.
    if posting.content is None or not row.quiet or row.held or row.busy or row.marked:
        return NotNow(rest=row.marked)
    if row.outdated or row.barred:
        return NotNow(judge=True)
    document: Document = revive(Document, posting.content)
    current_hash = posting_hash(
        posting.connection_id, channel.company_there, document, posting.action
    )
    if current_hash != posting.hash or document.number != posting.number:
        words = f"{posting.number} is not what was checked: its stored content was changed since."
        return _own(holds.CONTENT_CHANGED, words)
    restores = posting.reason == RESTORES and posting.content == row.standing  # approved before
    if row.not_approved and not restores:
        return _own(holds.NOT_APPROVED, f"{posting.number} is not {row.not_approved}.")
    if row.taken or (posting.action == "create" and row.accepted):
        return _taken(f"{posting.number} was already sent.")
    if posting.crashes >= POISON_CRASHES:
        lone_crashes = posting.crashes - TOGETHER
        words = f"{posting.number}: workers ended {lone_crashes} times while preparing it alone."
        return _own(holds.WORKERS_DIED, words)
    no = row.pushes + 1
    return Checked(
        claim=claim,
        record_id=posting.record_id,
        # Content that is sent again is of the version that made it, so later changes still count.
        evaluation_id=row.made_by if posting.reason == RESTORES else posting.evaluation_id,
        action=action_of(posting.action),
        document=document,
        standing=revive(Document, row.standing) if row.standing else None,
        theirs=row.theirs,
        hash=posting.hash,
        lock=posting.lock,
        key=push_key(posting, no),
        no=no,
        posting=posting,
        brought=row.brought,
    )


def _own(code: str, words: str) -> Trouble:
    return Trouble(code=code, error_class="business_rule", words=words)


def _taken(words: str) -> Trouble:
    return Trouble(code=holds.NUMBER_TAKEN, error_class="duplicate", words=words)


def _unseen(session: Session, doc: Checked) -> Checked | Trouble:
    """Hold a posting that was skipped before because it may exist unseen in the target."""
    if not skipped_unseen(session, doc.posting):
        return doc
    words = f"{doc.posting.number} was sent before without a clear answer, and was skipped then."
    return Trouble(code=UNSEEN, error_class="duplicate", words=words)


def first_call(
    target: Target,
    documents: Sequence[OutgoingDocument],
    settings: Settings,
    *,
    name: str,
    action: Action,
) -> tuple[int, Payload]:
    """Return how many of these documents fit into one call, and that call. With a `name` the call
    is a file.

    The count is 0 if the first document alone is too large; the returned call must then not be
    made.
    """

    @cache
    def built(count: int) -> Payload:
        return target.build(
            documents[:count], settings, batch=bool(name), batch_name=name, action=action
        )

    if not built(1).file_name and (not name or _singly(target, documents[0])):
        return 1, built(1)  # no file, and a call of its own
    rows = [target.rows_of(document) for document in documents]
    count = count_fitting(rows, target.file_limits, lambda count: len(built(count).body))
    return count, built(max(1, count))


def _singly(target: Target, document: OutgoingDocument) -> bool:
    return any(schema.singly for schema in target.documents if schema.name == document.document)


def count_fitting(rows: Sequence[int], limits: FileLimits, size_of: Callable[[int], int]) -> int:
    """Return how many documents fit into one file. `size_of` returns the bytes of the first n."""
    most = min(len(rows), limits.documents)
    if limits.rows is not None:
        most = bisect_right(list(accumulate(rows[:most])), limits.rows)
    # The size is measured, because compression varies too much for a useful upper bound.
    if limits.bytes is None or most == 0 or size_of(most) <= limits.bytes:
        return most
    return bisect_right(range(1, most), limits.bytes, key=size_of)


def too_large_trouble(
    target: Target, document: OutgoingDocument, call: Payload, system: str
) -> Trouble:
    """Return why this document fits into no file and what a person can do.

    `system` is the target's name.
    """
    rows, limits = target.rows_of(document), target.file_limits
    if limits.rows is not None and rows > limits.rows:
        words = f"{document.number} has {rows:,} lines; a file for {system} takes {limits.rows:,}."
    else:
        words = (
            f"{document.number} makes a file of {len(call.body):,} bytes; {system} takes "
            f"{limits.bytes or 0:,}."
        )
    return Trouble(
        code=TOO_LARGE,
        error_class="bad_value",
        words=f"{words} A document goes in one file as a whole, so it was not sent.",
    )

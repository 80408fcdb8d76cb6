"""Prepare claimed postings: check them again and store the push before its call."""

from bisect import bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from itertools import accumulate
from typing import Any, Unpack

from sqlalchemy import Select, and_, bindparam, exists, func, or_, select, text, update
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
from connectors.transport import strict_json
from connectors.transport.http import Http, HttpAnswer, HttpFailure, Through
from connectors.transport.http import RequestOptions as Given
from holding.approvals import consent
from holding.approvals.consent import posting_hash
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
    Run,
    Version,
)
from holding.db.models.columns import Moment, PushState, is_word, moment, table_of
from holding.db.models.decisions import HOLD_OPEN, WHOLE_RECORD
from holding.platform.changes import is_marked, wake_records
from holding.platform.events import PUSH, REQUEST, SEALED, Fact, join_events, seal
from holding.platform.states import UNSEEN, Step, join_record_states, join_steps
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
    give_back,
    lock_families,
    put_back,
)
from holding.posting.evidence import action_of, ours, push_key, request_key, theirs_of
from holding.posting.holds import TOO_LARGE, Trouble
from holding.posting.push import (
    DRAWN,
    Drawn,
    Flight,
    Member,
    add_flight,
    add_look,
    drawn,
    push_lease,
    start_within,
)
from holding.posting.store_results import skipped_unseen
from holding.programs.world import note_meaning
from rules.outcomes import Document
from rules.values.canonical import PostingState, revive, sha256_hex

Looked = Mapping[int, Found]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A posting that may be sent as it stands; equal to a later look when nothing moved since.

    `standing` is what stands in the target, where it is updated or made void; `theirs` are the
    fields that people there own; `drawn` comes with a look under locks.
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
    brought: Drawn | None = field(compare=False, repr=False)

    @property
    def drawn(self) -> Drawn:
        """What the look brought; RuntimeError after one without locks: nothing follows that."""
        if self.brought is None:
            raise RuntimeError("a push is written after a look under locks alone")
        return self.brought

    @property
    def sent(self) -> Document:
        """What a call would carry: an update leaves alone what is theirs."""
        return ours(self.document, self.theirs) if self.action == "update" else self.document


@dataclass(frozen=True, slots=True)
class NotNow:
    """Not ours any more, or about to be judged again: no fault, and nothing to say to anybody.

    `judge`: the rules it was judged by are not in force any more, or cannot judge its record.
    `rest`: a worker has to look first whether a change of a mapping has it judged again.
    """

    judge: bool = False
    rest: bool = False


Verdict = Checked | Trouble | NotNow

_earlier = aliased(Push)

_MINE = _earlier.posting_id == Posting.id

_LAST_PUSH = select(func.max(_earlier.no)).where(_MINE).correlate(Posting).scalar_subquery()

_ACCEPTED = exists().where(_MINE, is_word(_earlier.state, PushState.ACCEPTED))

_POSTING, _RUN = table_of(Posting), table_of(Run)

_HELD = (
    select(_POSTING.c.id, _POSTING.c.fence)
    .where(bulk.among_given(_POSTING.c.id, "ids"), _POSTING.c.lease_until.is_not(None))
    .order_by(_POSTING.c.id)
    .with_for_update(skip_locked=True, key_share=True)
)

_RENEW = (
    update(_POSTING)
    .where(bulk.among_given(_POSTING.c.id, "ids"))
    .values(lease_until=moment("until"))
)

_RENEW_RUN = (
    update(_RUN)
    .where(_RUN.c.id == bindparam("run"), _RUN.c.fence == bindparam("ours"))
    .where(_RUN.c.lease_until.is_not(None))
    .values(lease_until=moment("until"))
)


@dataclass(frozen=True, slots=True)
class Examined:
    """Postings that may go out, each with its story rendered for keeping."""

    good: tuple[Checked, ...]
    stories: Mapping[int, bytes]

    def only(self, wanted: Collection[int]) -> "Examined":
        """Those of some postings."""
        good = tuple(one for one in self.good if one.claim.posting_id in wanted)
        return Examined(good, self.stories)

    @property
    def claims(self) -> list[Claim]:
        """The rights to them."""
        return [one.claim for one in self.good]

    def parted(self, count: int) -> "tuple[Examined, Examined]":
        """The first so many, and the others."""
        return Examined(self.good[:count], self.stories), Examined(self.good[count:], self.stories)

    def __add__(self, others: "Examined") -> "Examined":
        return Examined(self.good + others.good, {**self.stories, **others.stories})


def examine(desk: Desk, channel: Channel, claims: Sequence[Claim], *, in_file: bool) -> Examined:
    """Look at claimed postings; those that may not be sent are held, or given back: due at once,
    or, where they go in a file, after a rest in which the others of the run go.
    """
    with desk.database.read() as session:
        remember(session)  # what the look has read is what the stories are told from
        verdicts = check(session, channel, claims, lock=False, now=desk.clock.now())
        good = tuple(one for one in verdicts.values() if isinstance(one, Checked))
        # told here, so that no write waits for the replay
        told = desk.trace(session, {one.evaluation_id for one in good})
    stories = {one.claim.posting_id: told[one.evaluation_id] for one in good}
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
    """Hold what must not be sent; give back what cannot be sent now."""
    bad = [claim for claim in claims if not isinstance(verdicts[claim.posting_id], Checked)]
    if not bad:
        return
    rest = rest_of(desk) if in_file else timedelta()
    with desk.database.write() as session:
        lock_families(session, channel.company_id, [claim.family for claim in bad])
        now = desk.clock.now()
        for claim in bad:
            verdict = verdicts[claim.posting_id]
            if isinstance(verdict, NotNow) and verdict.judge:
                _have_judged(session, claim, now + rest if in_file else None, now)
            elif isinstance(verdict, NotNow):
                put_back(session, claim, now + (rest_of(desk) if verdict.rest else rest))
            elif isinstance(verdict, Trouble):
                store_results.stopped(session, channel, claim, verdict, now)


def _have_judged(session: Session, claim: Claim, due: datetime | None, now: datetime) -> None:
    """Give it back until its record was judged: that says whether and when it is due, unless a run
    comes back to it.
    """
    put_back(session, claim, due)
    record = select(Posting.record_id).where(Posting.id == claim.posting_id)
    wake_records(session, session.scalars(record).all(), now)


def rest_of(desk: Desk) -> timedelta:
    """How long what cannot go now is left alone."""
    return desk.lease / 4


def intend(
    desk: Desk,
    channel: Channel,
    examined: Examined,
    *,
    run_id: int | None,
    name: str = "",
    looked: Looked | None = None,
) -> tuple[Flight | None, Examined]:
    """Write down one call for these postings, as JSON or (with a `name`) as one file of the first
    of them, as many as the target takes in one; and what is left for the next.

    What is sent is what was examined, and it is looked at again in the transaction that commits
    the intent. No call when nothing is left to send. Without a `run_id` it is of the run of what
    goes at once, which is made or found in the same commit.
    """
    desk.renew()
    while examined.good:
        documents = [one.sent for one in examined.good]
        action = examined.good[0].action  # a file has creates alone, a call one document
        count, payload = first_call(
            channel.target, documents, channel.settings, name=name, action=action
        )
        part, rest = examined.parted(max(1, count))
        if count == 0:
            found = too_large(channel.target, documents[0], payload, channel.name)
            _stop(desk, channel, part.claims[0], found)
            examined = rest
            continue
        try:
            flight = _commit(desk, channel, part, payload, run_id, name, looked or {})
        except IntegrityError:  # another push of the family was opened: somebody was faster
            give_back(desk, part.claims, after=rest_of(desk))
            return None, rest
        if flight is not None:
            strict_json.point("push.after_intent")
            return flight, rest
        examined = examine(desk, channel, part.claims, in_file=bool(name)) + rest
    return None, examined


def _stop(desk: Desk, channel: Channel, claim: Claim, found: Trouble) -> None:
    """Hold one posting that no call can carry."""
    with desk.database.write() as session:
        lock_families(session, channel.company_id, [claim.family])
        store_results.stopped(session, channel, claim, found, desk.clock.now())


def _commit(
    desk: Desk,
    channel: Channel,
    examined: Examined,
    payload: Payload,
    run_id: int | None,
    name: str,
    looked: Looked,
) -> Flight | None:
    """The one commit; None when a posting is not any more what it was a moment ago."""
    if name:
        strict_json.point("export.after_file")
    with desk.database.write() as session:
        at = desk.clock.now()
        verdicts = check(session, channel, examined.claims, lock=True, now=at)
        good = [one for one in verdicts.values() if isinstance(one, Checked)]
        if tuple(good) != examined.good:
            return None
        strict_json.point("push.before_intent")
        writes, request = JointWrites(session), {REQUEST: sha256_hex(payload.body)}
        first = good[0].drawn
        if run_id is None:
            last, new = first.run_id, first.new_run_id
            doc_type = good[0].claim.doc_type
            run_id = runs.join_immediate_run(writes, channel, doc_type, last, new, at)
        members = add_pushes(session, desk, channel, good, examined.stories, call=(writes, request))
        states = {one.record_id: one.drawn.record_state for one in good}
        join_record_states(writes, {key: after for key, after in states.items() if after})
        seen = [one for one in members if one.claim.posting_id in looked]
        if seen:
            writes.write()  # a look is an attempt of its push, and a request before this one
        for one in seen:
            found = looked[one.claim.posting_id]
            add_look(session, channel, one, found, kind="lookup", key=one.key, now=at)
        return add_flight(
            session,
            desk,
            channel,
            members=members,
            payload=payload,
            key=request_key(one.key for one in good),
            name=name,
            run_id=run_id,
            request_id=None if seen else first.request_id,
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
    """The push rows, their lines, the postings on their way: with the other writes of their `call`,
    whose bytes it seals, or at once where none is made. The postings are locked and were looked at,
    so that none can have moved.
    """
    now = desk.clock.now()
    writes, request = call or (JointWrites(session), {})
    rows = [_push_row(one, stories[one.posting.id], now) for one in good]
    members = tuple(_member(one) for one in good)
    writes.insert(Push, rows)
    sent = [pair for pair in zip(members, good, strict=True) if pair[1].action != "void"]
    billed = [(of.push_id, of.document, one.posting.bills) for of, one in sent]
    push_rows.join_lines(writes, billed)
    join_steps(writes, [_on_its_way(one, now, now + push_lease(desk)) for one in good])
    told = zip(good, rows, strict=True)
    join_events(writes, [_sending(channel, one, row, request, now) for one, row in told])
    if call is None:
        writes.write()
    return members


def _push_row(one: Checked, story: bytes, now: datetime) -> dict[str, Any]:
    posting = one.posting
    return {
        "id": one.drawn.push_id,
        "posting_id": posting.id,
        "no": one.no,
        "connection_id": posting.connection_id,
        "family": posting.family,
        "action": posting.action,
        "hash": posting.hash,
        "number": posting.number,
        "key": one.key,
        "content": posting.content,
        "trace": story,
        "evaluation_id": posting.evaluation_id,
        "state": PushState.SENDING,
        "made_at": now,
    }


def _member(one: Checked) -> Member:
    return Member(
        claim=one.claim,
        record_id=one.record_id,
        push_id=one.drawn.push_id,
        action=one.action,
        document=one.document,
        standing=one.standing,
        theirs=one.theirs,
        key=one.key,
    )


def _on_its_way(one: Checked, now: datetime, until: datetime) -> Step:
    first = {"sent_at": now} if one.action == "create" else {}
    columns = {"push_id": one.drawn.push_id, "lease_until": until, **first}
    return Step(one.posting.id, one.posting.state, one.lock, PostingState.SENDING, columns)


def _sending(
    channel: Channel,
    one: Checked,
    push: Mapping[str, Any],
    request: Mapping[str, str],
    now: datetime,
) -> Fact:
    """The event of what is about to be sent, with the seal of its push."""
    posting = one.posting
    said = {
        "say": _said(one.action, posting.number, channel.name, posting.hash[:12]),
        "push": push["id"],
        "hash": posting.hash,
        "key": one.key,
        SEALED: seal(PUSH, push),
        **request,
    }
    return Fact(
        company_id=channel.company_id,
        at=now,
        act="posting.sending",
        record_id=one.record_id,
        posting_id=posting.id,
        fence=one.claim.fence,
        body=said,
    )


def _said(action: Action, number: str, target: str, hash_: str) -> str:
    """What the event says of it."""
    if action == "void":
        return f"Voiding {number} in {target} (hash {hash_})."
    what = f"the change of {number}" if action == "update" else number
    return f"Sending {what} to {target} (hash {hash_})."


def check(
    session: Session, channel: Channel, claims: Sequence[Claim], *, lock: bool, now: datetime
) -> dict[int, Verdict]:
    """What may be done with each claimed posting; with `lock`, it stays so until the commit."""
    if lock:
        lock_families(session, channel.company_id, [claim.family for claim in claims])
    around = _look_around(session, channel, claims, lock=lock, now=now)
    verdicts: dict[int, Verdict] = {}
    sending: set[int] = set()
    numbers: set[tuple[str, str]] = set()
    for claim in claims:
        seen = around.get(claim.posting_id)
        verdict = _verdict(channel, claim, seen) if seen is not None else NotNow()
        if isinstance(verdict, Checked) and claim.family in sending:
            verdict = NotNow()  # one at a time for each family
        if isinstance(verdict, Checked) and seen is not None and verdict.action == "create":
            here, there, of_record = claim.posting_id, seen.elsewhere, seen.of_record
            both = holds.found(session, here, there, of_record=of_record)
            verdict = both or verdict
        if isinstance(verdict, Checked) and not channel.shows(verdict.posting.doc_type):
            verdict = _unseen(session, verdict)
        if isinstance(verdict, Checked) and verdict.action == "create":
            called = (verdict.posting.doc_type, verdict.posting.number)
            if called in numbers:
                verdict = _taken(f"{verdict.posting.number} is another document's number, too.")
            numbers.add(called)
        if isinstance(verdict, Checked):
            sending.add(claim.family)
        verdicts[claim.posting_id] = verdict
    return verdicts


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """A claimed posting: is the record `quiet` and what is like it, or `marked` by a change of a
    mapping; `held`, or its route or connection stopped; `outdated`: judged by other rules or not.
    """

    posting: Posting
    standing: Any
    theirs: frozenset[str]
    quiet: bool
    marked: bool
    held: bool
    busy: bool
    outdated: bool
    taken: bool
    elsewhere: int | None
    of_record: bool
    not_approved: str
    pushes: int
    accepted: bool
    brought: Drawn | None


def _look_around(
    session: Session, channel: Channel, claims: Sequence[Claim], *, lock: bool, now: datetime
) -> dict[int, _Seen]:
    """The claimed postings that may be sent and are under our fence, in one query or two."""
    fences = {claim.posting_id: claim.fence for claim in claims}
    given = {"now": now, "postings": list(fences)} | (runs.joined_since(now) if lock else {})
    found = session.execute(_surrounded(lock), given)
    rows = [row for row in found if row.Posting.fence == fences[row.Posting.id]]
    lacking = consent.lacking(session, [(row.Posting, row.outcome) for row in rows])
    for row in rows:
        note_meaning(session, row.rules, row.rules_hash, row.rules_edition)
    ways = {(row.rules, row.Posting.route) for row in rows}
    theirs = {way: theirs_of(session, channel.target, *way) for way in ways}
    return {
        row.Posting.id: _Seen(
            posting=row.Posting,
            standing=row.standing,
            theirs=theirs[row.rules, row.Posting.route],
            quiet=bool(row.quiet),
            marked=bool(row.marked),
            held=bool(row.held),
            busy=bool(row.busy),
            outdated=bool(row.outdated),
            taken=bool(row.taken),
            elsewhere=row.elsewhere,
            of_record=bool(row.of_record),
            not_approved=lacking.get(row.Posting.id, ""),
            pushes=row.pushes or 0,
            accepted=bool(row.accepted),
            brought=drawn(row) if lock else None,
        )
        for row in rows
    }


@cache
def _surrounded(lock: bool) -> Select[Any]:
    """Postings with what `_Seen` says of them. Without a lock also the rows by which each is judged
    again for its story, which the session then has (holding/programs/replay.py).
    """
    other, stands, source = aliased(Posting), aliased(Push), aliased(Connection)
    quiet = and_(
        Record.version_id == Posting.version_id,
        Record.lease_until.is_(None),
        or_(Record.due_at.is_(None), Record.due_at > bindparam("now", type_=Moment())),
        ~TWIN_COMES,
    )
    hold = exists().where(Hold.posting_id == Posting.id, HOLD_OPEN)
    held = or_(hold, STOPPED, ~RUNNING)
    busy = exists().where(
        Push.connection_id == Posting.connection_id,
        Push.family == Posting.family,
        text(f"push.{Push.OPEN}"),
    )
    not_judged = exists().where(
        Hold.record_id == Posting.record_id, Hold.route == WHOLE_RECORD, HOLD_OPEN
    )
    outdated = or_(Evaluation.ruleset_version_id != Company.ruleset_version_id, not_judged)
    taken = exists().where(
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
            RulesetVersion.edition.label("rules_edition"),
            stands.content.label("standing"),
            quiet.label("quiet"),
            is_marked().label("marked"),
            held.label("held"),
            busy.label("busy"),
            outdated.label("outdated"),
            taken.label("taken"),
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


def _verdict(channel: Channel, claim: Claim, seen: _Seen) -> Verdict:
    posting = seen.posting
    if posting.content is None or not seen.quiet or seen.held or seen.busy or seen.marked:
        return NotNow(rest=seen.marked)
    if seen.outdated:
        return NotNow(judge=True)
    document: Document = revive(Document, posting.content)
    found = posting_hash(posting.connection_id, channel.company_there, document, posting.action)
    if found != posting.hash or document.number != posting.number:
        words = f"{posting.number} is not what was checked: its stored content was changed since."
        return _own(holds.CONTENT_CHANGED, words)
    if seen.not_approved:
        return _own(holds.NOT_APPROVED, f"{posting.number} is not {seen.not_approved}.")
    if seen.taken or (posting.action == "create" and seen.accepted):
        return _taken(f"{posting.number} was already sent.")
    if posting.crashes >= POISON_CRASHES:
        alone = posting.crashes - TOGETHER
        words = f"{posting.number}: workers ended {alone} times while preparing it alone."
        return _own(holds.WORKERS_DIED, words)
    no = seen.pushes + 1
    return Checked(
        claim=claim,
        record_id=posting.record_id,
        evaluation_id=posting.evaluation_id,
        action=action_of(posting.action),
        document=document,
        standing=revive(Document, seen.standing) if seen.standing else None,
        theirs=seen.theirs,
        hash=posting.hash,
        lock=posting.lock,
        key=push_key(posting, no),
        no=no,
        posting=posting,
        brought=seen.brought,
    )


def _own(code: str, words: str) -> Trouble:
    return Trouble(code=code, error_class="business_rule", words=words)


def _taken(words: str) -> Trouble:
    return Trouble(code=holds.NUMBER_TAKEN, error_class="duplicate", words=words)


def _unseen(session: Session, one: Checked) -> Checked | Trouble:
    """What may be there already, unseen, goes only when who looked there says that it is not."""
    if not skipped_unseen(session, one.posting):
        return one
    words = f"{one.posting.number} was sent before without a clear answer, and was skipped then."
    return Trouble(code=UNSEEN, error_class="duplicate", words=words)


def first_call(
    target: Target,
    documents: Sequence[OutgoingDocument],
    settings: Settings,
    *,
    name: str,
    action: Action,
) -> tuple[int, Payload]:
    """How many of these, from the first on, go in one call, and that call; with a `name` as a file.
    0 beside a call that must not be made: the first document alone is more than a file carries.
    """

    @cache
    def built(count: int) -> Payload:
        return target.build(
            documents[:count], settings, batch=bool(name), batch_name=name, action=action
        )

    if not built(1).file_name and (not name or _singly(target, documents[0])):
        return 1, built(1)  # no file, and a call of its own
    rows = [target.rows_of(one) for one in documents]
    count = how_many(rows, target.file_limits, lambda count: len(built(count).body))
    return count, built(max(1, count))


def _singly(target: Target, document: OutgoingDocument) -> bool:
    return any(one.singly for one in target.documents if one.name == document.document)


def how_many(rows: Sequence[int], limits: FileLimits, size_of: Callable[[int], int]) -> int:
    """Of documents with so many rows each, how many from the first on one file carries: as many as
    all limits allow. `size_of` says how many bytes the file of the first so many has.
    """
    most = min(len(rows), limits.documents)
    if limits.rows is not None:
        most = bisect_right(list(accumulate(rows[:most])), limits.rows)
    if limits.bytes is None or most == 0 or size_of(most) <= limits.bytes:
        return most
    return bisect_right(range(1, most), limits.bytes, key=size_of)


def too_large(target: Target, document: OutgoingDocument, call: Payload, there: str) -> Trouble:
    """Why this document cannot go in any file, and what a person can do about it; `there` is what
    people call the target.
    """
    rows, limits = target.rows_of(document), target.file_limits
    if limits.rows is not None and rows > limits.rows:
        words = f"{document.number} has {rows:,} lines; a file for {there} takes {limits.rows:,}."
    else:
        words = (
            f"{document.number} makes a file of {len(call.body):,} bytes; {there} takes "
            f"{limits.bytes or 0:,}."
        )
    return Trouble(
        code=TOO_LARGE,
        error_class="bad_value",
        words=f"{words} A document goes in one file as a whole, so it was not sent.",
    )


def keeping(desk: Desk, claims: Sequence[Claim], *, run: tuple[int, int] | None = None) -> Desk:
    """The desk of a turn with these claims, and perhaps a run and its fence: before it looks
    something up, and whenever it is told to, it renews what would not last for one more call.
    """
    kept = _Kept(desk, claims, run)
    return replace(desk, http=_Renewing(desk.http, kept.renew), renew=kept.renew)


class _Kept:
    """The leases of one turn, and when the first of them ends by the clock that never jumps."""

    def __init__(self, desk: Desk, claims: Sequence[Claim], run: tuple[int, int] | None) -> None:
        self._desk, self._run = desk, run
        self._fences = {claim.posting_id: claim.fence for claim in claims}
        self._until = self._in(desk.lease)

    def renew(self) -> None:
        """Make them last for a call that begins now, if they do not."""
        if self._until >= self._in(start_within(self._desk) + self._desk.answer):
            return
        self._until = self._in(push_lease(self._desk))
        desk = self._desk
        with desk.database.write() as session:
            now = desk.clock.now()
            found = session.execute(_HELD, {"ids": sorted(self._fences)})
            ours = [key for key, fence in found if fence == self._fences[key]]
            session.execute(_RENEW, {"ids": ours, "until": now + push_lease(desk)})
            if self._run is not None:
                run_id, fence = self._run
                given = {"run": run_id, "ours": fence, "until": now + desk.lease + desk.answer}
                session.execute(_RENEW_RUN, given)

    def _in(self, length: timedelta) -> float:
        return self._desk.clock.monotonic() + length.total_seconds()


class _Renewing(Through):
    """Every call that changes nothing begins with leases that outlast it."""

    def __init__(self, http: Http, renew: Callable[[], None]) -> None:
        super().__init__(http)
        self._renew = renew

    def request(self, method: str, url: str, **given: Unpack[Given]) -> HttpAnswer | HttpFailure:
        """The call, as the other session makes it."""
        if not given.get("push"):
            self._renew()
        return super().request(method, url, **given)

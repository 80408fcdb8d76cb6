"""Send prepared postings to a target and read its answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Select, and_, bindparam, exists, or_, select, text, update
from sqlalchemy.orm import Session

from connectors.contract import Answer, Found, ItemSetup, Kept, Payload, Sent
from connectors.contract.targets import TellsItems
from connectors.transport import strict_json
from holding.connections import breaker, limits, master_data
from holding.connections.channel import Channel, Desk, renewed_after_all
from holding.db import bulk
from holding.db.bulk import JointWrites
from holding.db.models import (
    Attempt,
    Connection,
    Evaluation,
    Posting,
    Push,
    Record,
    Request,
    Revision,
)
from holding.db.models.columns import AttemptState, PostingWait, PushState, RequestState, table_of
from holding.platform.events import SealedCall
from holding.platform.states import move_posting, move_push
from holding.posting import holds, push, store_results
from holding.posting.claims import (
    QUIET,
    STOPPED,
    TOLD,
    Claim,
    lock_families,
    put_back,
    put_back_each,
    stay_in_line,
    take,
)
from holding.posting.evidence import request_key
from holding.posting.holds import REFUSED, Trouble
from holding.posting.prepare import Checked, Examined, add_pushes, check, examine
from holding.posting.push import Case, Flight, Member, add_flight, add_look, push_lease
from holding.posting.store_results import Taken, posted_each
from rules.decisions.verdict import READY
from rules.values.canonical import PostingState, dumps, plain, sha256_hex

Told = Mapping[str, ItemSetup | None]

_POSTING = table_of(Posting)

_SAY = (
    update(_POSTING)
    .where(_POSTING.c.id == bindparam("this"), _POSTING.c.fence == bindparam("ours"))
    .values(reason=bindparam("say"), waits=bindparam("waits_for"))
)

WHOLE_FILE = (400, 413)  # the file itself was the trouble, not a document in it

UNCLEAR = ("temporary", "uncertain")

QUOTA = "quota_exceeded"

TURNED_AWAY = (405, 409)  # such calls are not taken at all, or not under this key

_ATTEMPT_KEYS = ("push_id", "request_id", "fence")

_SENDING = (("state", (AttemptState.SENDING,)),)

AUTHORIZATION_FAILED: Final = "authorization_failed"

SENT_WHOLE = 2


def with_items(desk: Desk, channel: Channel, examined: Examined, *, in_file: bool) -> Examined:
    """Those whose items the target has told of lately, and as they were judged by.

    The others keep their places: they wait for an answer, or to be judged by the one that came.
    """
    target = channel.target
    if not isinstance(target, TellsItems) or not examined.good:
        return examined
    named = {one.claim.posting_id: _codes(channel, one) for one in examined.good}
    wanted = _unknown(desk, channel, named)
    if not wanted:
        return _parted(desk, channel, examined, named, frozenset(), frozenset())
    asked = wanted[: target.items_at_once]
    told = target.items(asked, channel.settings, channel.secret, desk.http)
    if isinstance(told, Found) and told.key_refused:
        return _key_refused(desk, channel, examined, told)
    changed = _keep(desk, channel, len(asked), told)
    answered = frozenset() if isinstance(told, Found) else frozenset(told)
    left = _parted(desk, channel, examined, named, frozenset(wanted) - answered, changed)
    if answered:
        count = len(examined.good) - len(left.good)
        with desk.database.write() as session:
            steps = int(not left.good) if in_file else count
            limits.refund(session, channel, steps, in_file=in_file)
    return left


def _codes(channel: Channel, one: Checked) -> frozenset[str]:
    """The items that a document names; what is made void is not counted any more."""
    field = master_data.item_field(channel.target.documents, one.document.document)
    if not field or one.action == "void":
        return frozenset()
    return frozenset(line[field] for line in one.document.lines if line.get(field))


def _unknown(desk: Desk, channel: Channel, named: Mapping[int, frozenset[str]]) -> list[str]:
    """The items to ask for, those of the document that waits longest first."""
    codes = dict.fromkeys(code for found in named.values() for code in sorted(found))
    since = desk.clock.now() - timedelta(minutes=desk.settings.item_minutes)
    with desk.database.read() as session:
        fresh = master_data.asked_since(session, channel.connection_id, codes, since)
    return [code for code in codes if code not in fresh]


def _parted(
    desk: Desk,
    channel: Channel,
    examined: Examined,
    named: Mapping[int, frozenset[str]],
    unknown: frozenset[str],
    changed: frozenset[str],
) -> Examined:
    """Those that go on; what names an unknown item waits, what names a changed one is judged."""
    going: list[Checked] = []
    judged: list[Claim] = []
    waiting: dict[Claim, str] = {}
    for one in examined.good:
        codes = named[one.claim.posting_id]
        if codes & unknown:
            waiting[one.claim] = min(codes & unknown)
        elif codes & changed:
            judged.append(one.claim)
        else:
            going.append(one)
    if judged:
        stay_in_line(desk, judged)
    _wait(desk, channel, waiting, soon=bool(going or judged))
    _go_on(desk, [one.claim for one in going if one.posting.waits is PostingWait.ITEM_SETUP])
    return examined.only([one.claim.posting_id for one in going])


def _wait(desk: Desk, channel: Channel, waiting: Mapping[Claim, str], *, soon: bool) -> None:
    """Say what each waits for; it is asked for with the next round, or a little later."""
    if not waiting:
        return
    with desk.database.write() as session:
        now = desk.clock.now()
        for claim, code in waiting.items():
            put_back(session, claim, now if soon else now + desk.lease / 4)
            say = f"Waits until {channel.name} says how it counts {code}."
            session.execute(_SAY, _told(claim, say, PostingWait.ITEM_SETUP))


def _told(claim: Claim, say: str, waits: PostingWait | None) -> dict[str, object]:
    return {"this": claim.posting_id, "ours": claim.fence, "say": say, "waits_for": waits}


def _go_on(desk: Desk, waited: Sequence[Claim]) -> None:
    """What they waited for is answered."""
    if not waited:
        return
    with desk.database.write() as session:
        for claim in waited:
            session.execute(_SAY, _told(claim, READY, None))


def _key_refused(desk: Desk, channel: Channel, examined: Examined, found: Found) -> Examined:
    """The first carries the exception, unless another key was made meanwhile; none goes on."""
    first, *others = examined.good
    claims = [one.claim for one in others]
    if renewed_after_all(desk, channel):
        stay_in_line(desk, [first.claim, *claims])
    else:
        story = examined.stories[first.claim.posting_id]
        met(desk, channel, first.claim, found, story, claims)
    return examined.only([])


def _keep(desk: Desk, channel: Channel, calls: int, told: Told | Found) -> frozenset[str]:
    """Store what was told; the items that are not as they were judged by."""
    with desk.database.write() as session:
        now = desk.clock.now()
        limits.spend(session, channel, calls)
        if isinstance(told, Found):
            limits.heard(session, channel, [told], now)
            breaker.failed(session, channel.connection_id, now, desk.pace)
            return frozenset()
        connection = session.get_one(Connection, channel.connection_id)
        return master_data.keep_items(session, connection, told, now)


@dataclass(frozen=True, slots=True)
class Half:
    """Pushes of a file that was refused, which go out again by themselves."""

    of: Flight
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Landed:
    """What an answer came to: the halves to send next, when the file itself was refused; whether
    all of it was taken and nobody waited for that, and whether the run is ended with it.
    """

    halves: list[Half]
    quiet: bool
    run_ended: bool


def fly(desk: Desk, flight: Flight, *, ends_run: bool = False) -> Landed:
    """Make the call and commit its answer; halves of a refused file follow, whatever came back.
    With `ends_run`, nothing more of its run is to be sent now.

    Each half is written down when its turn comes, so that however long those before it took, it
    has the time of a call of its own. What a worker that dies leaves of them is looked up.
    """
    landed = land(desk, flight, call(desk, flight), ends_run=ends_run)
    waiting = list(landed.halves)
    while waiting:
        one = take_half(desk, waiting.pop(0))
        if one is not None:
            strict_json.point("push.after_intent")
            waiting += land(desk, one, call(desk, one)).halves
    return landed


def call(desk: Desk, flight: Flight) -> Sent:
    """One call, unless this worker slept past the time in which it may begin."""
    if desk.clock.monotonic() > flight.deadline:
        answer = Answer(
            kind="uncertain",
            error_class="uncertain",
            words="The worker was away too long between writing this down and sending it.",
        )
        answers = (answer,) * len(flight.members)
        return Sent(answers=answers, status=None, headers={}, body=b"", seconds=0.0)
    channel = flight.channel
    return channel.target.send(
        flight.payload, channel.settings, channel.secret, flight.key, desk.http
    )


def land(desk: Desk, flight: Flight, sent: Sent, *, ends_run: bool = False) -> Landed:
    """Commit what came back."""
    all_taken = all(is_taken(answer) for answer in sent.answers)
    run_id = flight.run_id if ends_run and all_taken else None
    with desk.database.write() as session:
        now = desk.clock.now()
        if any(answer.error_class == AUTHORIZATION_FAILED for answer in sent.answers):
            breaker.keep_key(session, flight.channel.connection_id)
        families = [member.claim.family for member in flight.members]
        lock_families(session, flight.channel.company_id, families, run_id=run_id)
        writes = JointWrites(session)
        call = _join_answer(writes, flight, sent, now)
        if _file_refused(flight, sent):
            landed = Landed(_split(session, flight), quiet=False, run_ended=False)
            writes.write()
        else:
            luck = desk.chance.random()  # one for all: what was sent together is tried together
            answers = _one_exception(session, flight, sent.answers, now)
            first = Case(
                session, desk, flight.channel, flight.members[0], now, luck=luck, call=call
            )
            cases = [replace(first, member=member) for member in flight.members]
            told = list(zip(cases, answers, strict=True))
            ours = _settle(writes, flight.request_id, told, run_id)
            writes.write()
            left = [one.record_id for one in flight.members if one.record_id not in first.stated]
            holds.settle(session, left, first.causes)
            taken = all_taken and ours == len(told)
            landed = Landed([], taken and not first.woken, taken and run_id is not None)
        judge_channel(session, desk, flight, sent.answers, now)
        strict_json.point("push.before_answer_commit")
    strict_json.point("push.after_answer_commit")
    return landed


def _join_answer(writes: JointWrites, flight: Flight, sent: Sent, now: datetime) -> SealedCall:
    silent = all(answer.kind == "uncertain" for answer in sent.answers)
    answered = sha256_hex(sent.body)
    told = {
        "id": flight.request_id,
        "state": RequestState.UNANSWERED if silent else RequestState.ANSWERED,
        "answered_at": now,
        "status": sent.status,
        "answer": sent.body,
        "answer_sha256": answered,
    }
    writes.update(Request, [told])
    return flight.request_id, sha256_hex(flight.payload.body), answered


def _file_refused(flight: Flight, sent: Sent) -> bool:
    return (
        len(flight.members) > 1
        and sent.status in WHOLE_FILE
        and all(answer.kind == "refused" for answer in sent.answers)
    )


def _split(session: Session, flight: Flight) -> list[Half]:
    """Two smaller parts of the same pushes, which go out one after the other."""
    session.execute(
        update(Attempt)
        .where(Attempt.request_id == flight.request_id, Attempt.state == AttemptState.SENDING)
        .values(
            state=AttemptState.SPLIT,
            error="The file was refused as a whole and sent again in halves.",
        )
    )
    middle = len(flight.members) // 2
    return [Half(flight, flight.members[:middle]), Half(flight, flight.members[middle:])]


def _one_exception(
    session: Session, flight: Flight, answers: Sequence[Answer], now: datetime
) -> list[Answer]:
    """A refused key is one exception, which the first document carries; the others wait."""
    refused = [at for at, one in enumerate(answers) if one.error_class == AUTHORIZATION_FAILED]
    if not refused:
        return list(answers)
    news = breaker.shut(session, flight.channel.connection_id, now, flight.channel.key_id)
    waiting = refused[1:] if news else refused
    return [
        replace(one, kind="temporary") if at in waiting else one for at, one in enumerate(answers)
    ]


def _settle(
    writes: JointWrites,
    request_id: int,
    told: Sequence[tuple[Case, Answer]],
    ends_run: int | None,
) -> int:
    """Each document's answer: its push, its posting, its attempt; how many were still ours. What
    was taken is written with the other writes, anything else one by one.
    """
    taken = [(case, _taken(answer)) for case, answer in told if is_taken(answer)]
    done = posted_each(taken, writes, ends_run=ends_run)
    ours = [
        (case, answer)
        for case, answer in told
        if (case.member.push_id in done if is_taken(answer) else apply(case, answer))
    ]
    ended = [_ended(case, request_id, answer) for case, answer in ours]
    writes.update(Attempt, ended, keys=_ATTEMPT_KEYS, still=_SENDING)
    return len(ours)


def _taken(answer: Answer) -> Taken:
    return Taken(
        target_ref=answer.target_ref,
        words=answer.words,
        existing=answer.existing,
        total=answer.total,
        besides=answer.besides,
    )


def _ended(case: Case, request_id: int, answer: Answer) -> dict[str, object]:
    """What an attempt of ours came to."""
    kept = (*answer.kept, *_kept_total(case, answer))
    return {
        "push_id": case.member.push_id,
        "request_id": request_id,
        "fence": case.member.claim.fence,
        "state": AttemptState.EXISTING
        if answer.existing and answer.kind == "accepted"
        else answer.kind,
        "error_class": answer.error_class,
        "error": None if answer.kind == "accepted" else answer.words,
        "target_ref": answer.target_ref,
        "proof": dumps(plain(kept)) if kept else None,
    }


def _kept_total(case: Case, answer: Answer) -> tuple[Kept, ...]:
    """What the target keeps as the total, where that is another and the answer names no field."""
    document = case.member.document
    kept = holds.in_minor(document, answer.total)
    field = case.channel.total_field(document.document)
    found = holds.beside(field, document, kept)
    return tuple(one for one in found if one not in answer.kept)


def apply(case: Case, answer: Answer, *, looked: bool = False) -> bool:
    """What the answer does; False when another worker has the posting by now.

    `looked`: a look-up told it, so it is the last word on whatever went out before.
    """
    if is_taken(answer):
        return bool(posted_each([(case, _taken(answer))]))
    if answer.existing:
        return store_results.other_content(case, answer)
    if answer.kind == "temporary" and (looked or not _was_in_doubt(case)):
        of_all = answer.code == QUOTA or answer.error_class == AUTHORIZATION_FAILED
        return (
            store_results.waits(case, answer) if of_all else store_results.again_later(case, answer)
        )
    if answer.kind == "awaiting":
        return push.parked(case, answer.words)
    if answer.kind in UNCLEAR or (not looked and _turned_away(case, answer)):
        return push.doubtful(case, answer.words)
    return store_results.refused(case, answer)


def _was_in_doubt(case: Case) -> bool:
    """A push that once went out without an answer keeps its key until a look-up tells."""
    silent = select(Attempt.id).where(
        Attempt.push_id == case.member.push_id, Attempt.state == AttemptState.UNCERTAIN
    )
    return case.session.scalar(silent.limit(1)) is not None


def _turned_away(case: Case, answer: Answer) -> bool:
    """Whether the repeat of a call, which alone can tell what became of the first, was refused
    before anybody looked at its key: that says nothing of the first.
    """
    away = answer.error_class == AUTHORIZATION_FAILED or answer.status in TURNED_AWAY
    return away and not case.channel.shows(case.member.document.document) and _was_in_doubt(case)


def is_taken(answer: Answer) -> bool:
    """Whether the target has the document now, with this content."""
    same = answer.existing and answer.same_content is not False
    return answer.kind == "accepted" or (answer.kind == "skipped" and same)


def judge_channel(
    session: Session, desk: Desk, flight: Flight, answers: Sequence[Answer], now: datetime
) -> None:
    """What these answers say of the target itself."""
    channel = flight.channel
    made = (one for one, answer in zip(flight.members, answers, strict=True) if _counts(answer))
    counted = sum(channel.counts(one.document.document) for one in made)
    row = limits.count(session, channel, now, counted)
    if any(answer.code == QUOTA for answer in answers):
        limits.exhausted(session, channel, now)
    limits.heard(session, channel, [one for one in answers if one.code != QUOTA], now)
    if any(_kept_there(channel, answer) for answer in answers):
        breaker.test_soon(session, channel.connection_id, now)
    if any(answer.error_class == AUTHORIZATION_FAILED for answer in answers):
        breaker.shut(session, channel.connection_id, now, channel.key_id)
    elif all(answer.kind in UNCLEAR and answer.code != QUOTA for answer in answers):
        breaker.failed(session, channel.connection_id, now, desk.pace)
    elif not breaker.goes_on(row):
        breaker.answered(session, channel.connection_id, now)


def _counts(answer: Answer) -> bool:
    return answer.kind == "accepted" and not answer.existing


def _kept_there(channel: Channel, answer: Answer) -> bool:
    """Whether its key is paused and the target keeps the call until it is active."""
    tells = channel.target.form.tells
    return tells is not None and answer.status == tells.kept_while_paused is not None


def met(
    desk: Desk, channel: Channel, claim: Claim, found: Found, story: bytes, waiting: Sequence[Claim]
) -> None:
    """A look at this document met it; the others wait for a key."""
    with desk.database.write() as session:
        now = desk.clock.now()
        breaker.keep_key(session, channel.connection_id)
        put_back_each(session, ((other, other.due_at) for other in waiting))
        one = check(session, channel, [claim], lock=True, now=now)[claim.posting_id]
        breaker.shut(session, channel.connection_id, now, channel.key_id)
        if not isinstance(one, Checked) or not _untold(session, channel):
            put_back(session, claim, claim.due_at)
            return
        stories = {claim.posting_id: story}
        (member,) = add_pushes(session, desk, channel, [one], stories)
        add_look(session, channel, member, found, kind="lookup", key=one.key, now=now)
        case = Case(session, desk, channel, member, now)
        said = Answer(kind="refused", error_class=AUTHORIZATION_FAILED, words=found.words)
        store_results.refused(case, said)
        holds.settle(session, [member.record_id], case.causes)


def _untold(session: Session, channel: Channel) -> bool:
    """Whether the key is refused, and no open exception says so."""
    query = select(Connection.id).where(Connection.id == channel.connection_id, ~TOLD)
    return breaker.refused(session, channel.connection_id) and session.scalar(query) is not None


def tell(desk: Desk, channel: Channel, words: str = "") -> int:
    """No document has met it yet: the first that waits carries it, and nothing is sent. How many
    were told of it: one, or none.
    """
    with desk.database.read() as session:
        if not _untold(session, channel):
            return 0
    with desk.database.write() as session:
        now = desk.clock.now()
        ids = session.scalars(_first(channel), {"now": now}).all()
        claims = take(session, desk, ids, now)
    told = 0
    for one in examine(desk, channel, claims, in_file=False).good:
        told += _held(desk, channel, one.claim, words)
    return told


def _first(channel: Channel) -> Select[int]:
    """The first document that waits: what is due by a clock comes before what a run sends."""
    return (
        select(Posting.id)
        .where(Posting.connection_id == channel.connection_id, Posting.state == PostingState.READY)
        .where(Posting.company_id == channel.company_id, text(f"posting.{Posting.OPEN}"))
        .where(Posting.lease_until.is_(None), QUIET, ~STOPPED)
        .order_by(Posting.due_at.is_(None), Posting.due_at, Posting.id)
        .limit(1)
        .with_for_update(skip_locked=True, key_share=True)
    )


def _held(desk: Desk, channel: Channel, claim: Claim, words: str) -> bool:
    with desk.database.write() as session:
        now = desk.clock.now()
        breaker.keep_key(session, channel.connection_id)
        one = check(session, channel, [claim], lock=True, now=now)[claim.posting_id]
        breaker.locked(session, channel.connection_id)  # of many workers, one tells
        if not isinstance(one, Checked) or not _untold(session, channel):
            put_back(session, claim, claim.due_at)
            return False
        posting = one.posting
        untested = session.get_one(Connection, channel.connection_id).untested_since is not None
        found = Trouble(
            code=REFUSED,
            error_class=AUTHORIZATION_FAILED,
            words=_untested(channel) if untested else words or _refused(channel),
            owner=store_results.follow_up(
                session, posting, AUTHORIZATION_FAILED, posting.tries + 1
            ).owner,
        )
        store_results.stopped(session, channel, claim, found, now)
        return True


def _untested(channel: Channel) -> str:
    why = "since its settings were last changed"
    return f"No connection test of {channel.name} has passed {why}, so nothing is sent there."


def _refused(channel: Channel) -> str:
    return f"{channel.name} does not accept the API key."


def again(
    desk: Desk, channel: Channel, request_id: int, members: Sequence[Member]
) -> Flight | None:
    """The same pushes once more, same numbers and keys; same bytes where nobody dropped out. They
    stay doubts while the connection is paused. What its record does not say any more is not sent:
    nothing of it arrived, so the record is judged, and that says what goes.
    """
    with desk.database.write() as session:
        families = [one.claim.family for one in members]
        lock_families(session, channel.company_id, families)
        if not limits.running(session, channel):
            now = desk.clock.now()
            put_back_each(session, ((one.claim, now) for one in members))
            return None
        old = session.get_one(Request, request_id)
        name = old.headers.get(":batch", "")
        moved = _moved_on(session, members)
        _have_judged(session, desk, channel, [m for m in members if m.claim.posting_id in moved])
        mine = tuple(one for one in members if _take_up(session, desk, one))
        if not mine:
            return None
        payload = _file_of(channel, mine, name)
        key = request_key(one.key for one in mine)
        if key == old.key and old.body is not None:  # a newer program may write a sheet otherwise
            payload = replace(payload, body=old.body)
        flight = add_flight(
            session,
            desk,
            channel,
            members=mine,
            payload=payload,
            key=key,
            name=name,
            run_id=old.run_id,
            parent_id=request_id,
        )
        holds.settle(session, [one.record_id for one in mine], ())
        limits.spend(session, channel, _cost(channel, name))
    return flight


def _moved_on(session: Session, members: Sequence[Member]) -> frozenset[int]:
    """The postings of records that something happened to since they were sent, or to what they
    were judged by; and those of a route that stopped.

    A record that was woken is judged in vain until the answer, and stays due. One that is due when
    its decision runs out, or since then, is due by the clock alone: what was sent stays right.
    """
    woken = or_(Evaluation.valid_until.is_(None), Record.due_at < Evaluation.valid_until)
    ruled_anew = exists().where(
        Revision.company_id == Posting.company_id, Revision.at >= Push.made_at
    )
    changed = or_(
        Record.version_id != Posting.version_id,
        and_(Record.due_at.is_not(None), woken),
        Record.lease_until.is_not(None),
        ruled_anew,
        STOPPED,
    )
    query = (
        select(Posting.id)
        .join(Record, Record.id == Posting.record_id)
        .join(Push, Push.id == Posting.push_id)
        .join(Evaluation, Evaluation.id == Push.evaluation_id)
        .where(bulk.among(Posting.id, [one.claim.posting_id for one in members]), changed)
    )
    return frozenset(session.scalars(query))


def _have_judged(session: Session, desk: Desk, channel: Channel, moved: Sequence[Member]) -> None:
    """Their pushes are over, and they stand as before them."""
    now, causes = desk.clock.now(), set[int]()
    for one in moved:
        store_results.overtaken(Case(session, desk, channel, one, now, causes))
    holds.settle(session, [one.record_id for one in moved], causes)


def _take_up(session: Session, desk: Desk, member: Member) -> bool:
    """An uncertain push goes on its way again, under our fence."""
    posting = session.scalars(
        select(Posting)
        .where(Posting.id == member.claim.posting_id, Posting.fence == member.claim.fence)
        .with_for_update(key_share=True)
    ).one_or_none()
    if posting is None or posting.state != PostingState.UNCERTAIN:
        return False
    if not move_push(session, member.push_id, PushState.SENDING):
        return False
    return move_posting(
        session,
        posting.id,
        expected=PostingState.UNCERTAIN,
        to=PostingState.SENDING,
        lock=posting.lock,
        due_at=None,
        lease_owner=desk.owner,
        lease_until=desk.clock.now() + push_lease(desk),
    )


def _file_of(channel: Channel, members: Sequence[Member], name: str) -> Payload:
    documents = [one.sent for one in members]
    action = members[0].action
    return channel.target.build(
        documents, channel.settings, batch=bool(name), batch_name=name, action=action
    )


def _cost(channel: Channel, name: str) -> int:
    """What the call counts for; one with a `name` is a file or a batch."""
    pace = channel.target.pace
    return (pace.to_batch if name else None) or pace.sending(channel.settings)


def parted(members: Sequence[Member], sends: int) -> list[Sequence[Member]]:
    """Those of a call as they are sent again: together, as they were; in halves when that failed
    twice, for one of it may be the trouble.
    """
    if len(members) == 1 or sends < SENT_WHOLE:
        return [members]
    middle = len(members) // 2
    return [members[:middle], members[middle:]]


def take_half(desk: Desk, half: Half) -> Flight | None:
    """The call of a half, of those in it that are still ours; None when none is."""
    desk.renew()
    before, channel = half.of, half.of.channel
    with desk.database.write() as session:
        lock_families(session, channel.company_id, [one.claim.family for one in half.members])
        mine = tuple(one for one in half.members if _still_ours(session, desk, one))
        if not mine:
            return None
        limits.spend(session, channel, _cost(channel, before.name))
        return add_flight(
            session,
            desk,
            channel,
            members=mine,
            payload=_file_of(channel, mine, before.name),
            key=request_key(one.key for one in mine),
            name=before.name,
            run_id=before.run_id,
            parent_id=before.request_id,
        )


def _still_ours(session: Session, desk: Desk, member: Member) -> bool:
    """Whether no other worker has it; then its lease begins again."""
    posting, fence = member.claim.posting_id, member.claim.fence
    kept = session.scalar(
        update(Posting)
        .where(Posting.id == posting, Posting.fence == fence, Posting.state == PostingState.SENDING)
        .values(lease_owner=desk.owner, lease_until=desk.clock.now() + push_lease(desk))
        .returning(Posting.id)
        .execution_options(synchronize_session=False)
    )
    return kept is not None

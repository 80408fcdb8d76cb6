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
from holding.connections.connections import untested_words
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
    lease_postings,
    lock_families,
    requeue_unscheduled,
    return_posting,
    return_postings,
)
from holding.posting.evidence import request_key
from holding.posting.holds import REFUSED, Trouble
from holding.posting.prepare import Checked, Examined, Verdict, check_claims, check_postings
from holding.posting.push import Case, Flight, Member, add_flight, log_late_answer, push_lease
from holding.posting.store_results import AcceptedDocument, mark_all_posted
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


def check_items(desk: Desk, channel: Channel, examined: Examined, *, in_file: bool) -> Examined:
    """Return the postings whose items the target reported recently and unchanged.

    Missing items are queried first. The other postings keep their places in the queue: they wait
    for the answer, or are evaluated again with it.
    """
    target = channel.target
    if not isinstance(target, TellsItems) or not examined.good:
        return examined
    codes_by_posting = {doc.claim.posting_id: _codes(channel, doc) for doc in examined.good}
    missing_codes = _unknown(desk, channel, codes_by_posting)
    if not missing_codes:
        return _parted(desk, channel, examined, codes_by_posting, frozenset(), frozenset())
    queried_codes = missing_codes[: target.items_at_once]
    answer = target.items(queried_codes, channel.settings, channel.secret, desk.http)
    if isinstance(answer, Found) and answer.key_refused:
        return _key_refused(desk, channel, examined, answer)
    if isinstance(answer, Found) and answer.lookup_refused:
        return _items_refused(desk, channel, examined, frozenset(queried_codes), answer)
    changed = _keep(desk, channel, len(queried_codes), answer)
    known_codes = frozenset() if isinstance(answer, Found) else frozenset(answer)
    ready = _parted(
        desk, channel, examined, codes_by_posting, frozenset(missing_codes) - known_codes, changed
    )
    if known_codes:
        count = len(examined.good) - len(ready.good)
        with desk.database.write() as session:
            steps = int(not ready.good) if in_file else count
            limits.refund(session, channel, steps, in_file=in_file)
    return ready


def _codes(channel: Channel, doc: Checked) -> frozenset[str]:
    """Return the items that a document names; a void counts none."""
    field = master_data.item_field(channel.target.documents, doc.document.document)
    if not field or doc.action == "void":
        return frozenset()
    return frozenset(line[field] for line in doc.document.lines if line.get(field))


def _unknown(desk: Desk, channel: Channel, named: Mapping[int, frozenset[str]]) -> list[str]:
    """Return the items to query, starting with the document that waits longest."""
    codes = dict.fromkeys(code for group in named.values() for code in sorted(group))
    since = desk.clock.now() - timedelta(minutes=desk.settings.item_minutes)
    with desk.database.read() as session:
        fresh = master_data.recently_asked(session, channel.connection_id, codes, since)
    return [code for code in codes if code not in fresh]


def _parted(
    desk: Desk,
    channel: Channel,
    examined: Examined,
    named: Mapping[int, frozenset[str]],
    unknown: frozenset[str],
    changed: frozenset[str],
) -> Examined:
    """Return the postings that go on.

    Those with an unknown item wait; those with a changed item are evaluated again.
    """
    ready: list[Checked] = []
    outdated: list[Claim] = []
    waiting: dict[Claim, str] = {}
    for doc in examined.good:
        codes = named[doc.claim.posting_id]
        if codes & unknown:
            waiting[doc.claim] = min(codes & unknown)
        elif codes & changed:
            outdated.append(doc.claim)
        else:
            ready.append(doc)
    if outdated:
        requeue_unscheduled(desk, outdated)
    _wait(desk, channel, waiting, soon=bool(ready or outdated))
    _go_on(desk, [doc.claim for doc in ready if doc.posting.waits is PostingWait.ITEM_SETUP])
    return examined.only([doc.claim.posting_id for doc in ready])


def _wait(desk: Desk, channel: Channel, waiting: Mapping[Claim, str], *, soon: bool) -> None:
    """Store what each posting waits for.

    Its items are queried in the next round, or a little later.
    """
    if not waiting:
        return
    with desk.database.write() as session:
        now = desk.clock.now()
        for claim, code in waiting.items():
            return_posting(session, claim, now if soon else now + desk.lease / 4)
            say = f"Waits until {channel.name} says how it counts {code}."
            session.execute(_SAY, _told(claim, say, PostingWait.ITEM_SETUP))


def _told(claim: Claim, say: str, waits: PostingWait | None) -> dict[str, object]:
    return {"this": claim.posting_id, "ours": claim.fence, "say": say, "waits_for": waits}


def _go_on(desk: Desk, waited: Sequence[Claim]) -> None:
    """Clear the wait reason of postings whose items are known now."""
    if not waited:
        return
    with desk.database.write() as session:
        for claim in waited:
            session.execute(_SAY, _told(claim, READY, None))


def _key_refused(desk: Desk, channel: Channel, examined: Examined, answer: Found) -> Examined:
    """Hold the first posting because the key is refused, unless it was just renewed.

    No posting goes on.
    """
    first, *others = examined.good
    claims = [doc.claim for doc in others]
    if renewed_after_all(desk, channel):
        requeue_unscheduled(desk, [first.claim, *claims])
    else:
        note_key_wait(desk, channel, first.claim, answer, claims)
    return examined.only([])


def _items_refused(
    desk: Desk, channel: Channel, examined: Examined, codes: frozenset[str], answer: Found
) -> Examined:
    """Hold the postings whose items the target refuses to show; the others stay in the queue."""
    with desk.database.write() as session:
        limits.spend(session, channel, len(codes))
    for doc in examined.good:
        if not _codes(channel, doc) & codes:
            requeue_unscheduled(desk, [doc.claim])
            continue
        with desk.database.write() as session:
            owner = store_results.decide_retry(session, doc.posting, AUTHORIZATION_FAILED, 1).owner
            trouble = holds.refused_lookup(channel.name, doc.document.number, answer, owner)
            store_results.stop_claim(session, channel, doc.claim, trouble, desk.clock.now())
    return examined.only([])


def _keep(desk: Desk, channel: Channel, calls: int, items_answer: Told | Found) -> frozenset[str]:
    """Store the answered items and return those that changed."""
    with desk.database.write() as session:
        now = desk.clock.now()
        limits.spend(session, channel, calls)
        if isinstance(items_answer, Found):
            limits.note_answers(session, channel, [items_answer], now)
            breaker.failed(session, channel.connection_id, now, desk.pace)
            return frozenset()
        connection = session.get_one(Connection, channel.connection_id)
        return master_data.keep_items(session, connection, items_answer, now)


@dataclass(frozen=True, slots=True)
class FileHalf:
    """Pushes of a refused file, which are sent again on their own."""

    of: Flight
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class SendResult:
    """The result of a sent call.

    `halves`: what to send next after a file was refused. `quiet`: everything was accepted and
    nothing waited for it. `run_ended`: the run ended with this call.
    """

    halves: list[FileHalf]
    quiet: bool
    run_ended: bool


def send_flight(desk: Desk, flight: Flight, *, ends_run: bool = False) -> SendResult:
    """Make the call and store its answer, then send the halves of a refused file.

    With `ends_run` nothing else of its run will be sent now. Each half is stored when its turn
    comes, so it gets the full time of a call. If the worker dies, remaining pushes are looked up.
    """
    result = store_answers(desk, flight, make_call(desk, flight), ends_run=ends_run)
    waiting = list(result.halves)
    while waiting:
        half_flight = open_half(desk, waiting.pop(0))
        if half_flight is not None:
            strict_json.fault_point("push.after_intent")
            waiting += store_answers(desk, half_flight, make_call(desk, half_flight)).halves
    return result


def make_call(desk: Desk, flight: Flight) -> Sent:
    """Make one call, unless this worker slept past the flight's deadline."""
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


def store_answers(desk: Desk, flight: Flight, sent: Sent, *, ends_run: bool = False) -> SendResult:
    """Store the answers of a call."""
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
            result = SendResult(_split(session, flight), quiet=False, run_ended=False)
            writes.write()
        else:
            chance = desk.chance.random()  # one for all: what was sent together is tried together
            answers = _one_exception(session, flight, sent.answers, now)
            first = Case(
                session, desk, flight.channel, flight.members[0], now, luck=chance, call=call
            )
            cases = [replace(first, member=member) for member in flight.members]
            case_answers = list(zip(cases, answers, strict=True))
            late_cases = _settle(writes, flight.request_id, case_answers, run_id)
            writes.write()
            for case in late_cases:
                log_late_answer(case)
            remaining_records = [
                member.record_id
                for member in flight.members
                if member.record_id not in first.stated
            ]
            holds.settle_holds(session, remaining_records, first.causes)
            is_complete = all_taken and not late_cases
            result = SendResult(
                [], is_complete and not first.woken, is_complete and run_id is not None
            )
        judge_channel(session, desk, flight, sent.answers, now)
        strict_json.fault_point("push.before_answer_commit")
    strict_json.fault_point("push.after_answer_commit")
    return result


def _join_answer(writes: JointWrites, flight: Flight, sent: Sent, now: datetime) -> SealedCall:
    is_unanswered = all(answer.kind == "uncertain" for answer in sent.answers)
    answered = sha256_hex(sent.body)
    request_values = {
        "id": flight.request_id,
        "state": RequestState.UNANSWERED if is_unanswered else RequestState.ANSWERED,
        "answered_at": now,
        "status": sent.status,
        "answer": sent.body,
        "answer_sha256": answered,
    }
    writes.update(Request, [request_values])
    return flight.request_id, sha256_hex(flight.payload.body), answered


def _file_refused(flight: Flight, sent: Sent) -> bool:
    return (
        len(flight.members) > 1
        and sent.status in WHOLE_FILE
        and all(answer.kind == "refused" for answer in sent.answers)
    )


def _split(session: Session, flight: Flight) -> list[FileHalf]:
    """Return the pushes in two halves and mark their attempts as split."""
    session.execute(
        update(Attempt)
        .where(Attempt.request_id == flight.request_id, Attempt.state == AttemptState.SENDING)
        .values(
            state=AttemptState.SPLIT,
            error="The file was refused as a whole and sent again in halves.",
        )
    )
    middle = len(flight.members) // 2
    return [FileHalf(flight, flight.members[:middle]), FileHalf(flight, flight.members[middle:])]


def _one_exception(
    session: Session, flight: Flight, answers: Sequence[Answer], now: datetime
) -> list[Answer]:
    """Return answers in which one document reports the refused key, and the others are temporary
    refusals.
    """
    refused = [
        at for at, answer in enumerate(answers) if answer.error_class == AUTHORIZATION_FAILED
    ]
    if not refused:
        return list(answers)
    is_first_refusal = breaker.shut(
        session, flight.channel.connection_id, now, flight.channel.key_id
    )
    waiting = refused[1:] if is_first_refusal else refused
    return [
        replace(answer, kind="temporary") if at in waiting else answer
        for at, answer in enumerate(answers)
    ]


def _settle(
    writes: JointWrites,
    request_id: int,
    case_answers: Sequence[tuple[Case, Answer]],
    ends_run: int | None,
) -> list[Case]:
    """Store each document's answer and return the cases that another worker took over meanwhile.

    Accepted documents are written with the other writes, all others one by one.
    """
    accepted = [(case, _taken(answer)) for case, answer in case_answers if is_taken(answer)]
    accepted_pushes = mark_all_posted(accepted, writes, ends_run=ends_run)
    owned = [
        (case, answer)
        for case, answer in case_answers
        if (
            case.member.push_id in accepted_pushes
            if is_taken(answer)
            else apply_answer(case, answer)
        )
    ]
    attempt_rows = [_ended(case, request_id, answer) for case, answer in owned]
    writes.update(Attempt, attempt_rows, keys=_ATTEMPT_KEYS, still=_SENDING)
    owned_pushes = {case.member.push_id for case, _ in owned}
    return [case for case, _ in case_answers if case.member.push_id not in owned_pushes]


def _taken(answer: Answer) -> AcceptedDocument:
    return AcceptedDocument(
        target_ref=answer.target_ref,
        words=answer.words,
        existing=answer.existing,
        total=answer.total,
        besides=answer.besides,
    )


def _ended(case: Case, request_id: int, answer: Answer) -> dict[str, object]:
    """Return the values of an attempt that ended."""
    changed_values = (*answer.kept, *_kept_total(case, answer), *_kept_tax(case, answer))
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
        "proof": dumps(plain(changed_values)) if changed_values else None,
    }


def _kept_total(case: Case, answer: Answer) -> tuple[Kept, ...]:
    """Return the total that the target stored, if it differs and the answer does not name it."""
    document = case.member.document
    target_total = holds.target_total_minor(document, answer.total)
    field = case.channel.total_field(document.document)
    totals = holds.different_total(field, document, target_total)
    return tuple(total for total in totals if total not in answer.kept)


def _kept_tax(case: Case, answer: Answer) -> tuple[Kept, ...]:
    """Return the tax that the target stored, if it is not the document's."""
    document = case.member.document
    return holds.different_tax(case.channel.tax_field(document.document), document, answer.tax)


def apply_answer(case: Case, answer: Answer, *, looked: bool = False) -> bool:
    """Apply an answer to its posting; return False when another worker holds the posting.

    `looked`: the answer comes from a lookup, so it decides about everything sent before.
    """
    if is_taken(answer):
        return bool(mark_all_posted([(case, _taken(answer))]))
    if answer.existing:
        return store_results.mark_number_taken(case, answer)
    if answer.kind == "temporary" and (looked or not _was_in_doubt(case)):
        concerns_connection = answer.code == QUOTA or answer.error_class == AUTHORIZATION_FAILED
        return (
            store_results.wait_for_connection(case, answer)
            if concerns_connection
            else store_results.retry_later(case, answer)
        )
    if answer.kind == "awaiting":
        return push.mark_accepted(case, answer.words, key_paused=answer.code == "key_paused")
    if answer.kind in UNCLEAR or (not looked and _turned_away(case, answer)):
        return push.mark_uncertain(case, answer.words)
    return store_results.mark_refused(case, answer)


def _was_in_doubt(case: Case) -> bool:
    """Check whether the push was once sent without an answer.

    It keeps its key until a lookup decides.
    """
    query = select(Attempt.id).where(
        Attempt.push_id == case.member.push_id, Attempt.state == AttemptState.UNCERTAIN
    )
    return case.session.scalar(query.limit(1)) is not None


def _turned_away(case: Case, answer: Answer) -> bool:
    """Check whether a repeated call was refused before the target looked at its key.

    Such a refusal shows nothing about the first call, where only the repeat can show it.
    """
    is_refused = answer.error_class == AUTHORIZATION_FAILED or answer.status in TURNED_AWAY
    return (
        is_refused and not case.channel.shows(case.member.document.document) and _was_in_doubt(case)
    )


def is_taken(answer: Answer) -> bool:
    """Check whether the target has the document now, with this content."""
    is_same_content = answer.existing and answer.same_content is not False
    return answer.kind == "accepted" or (answer.kind == "skipped" and is_same_content)


def judge_channel(
    session: Session, desk: Desk, flight: Flight, answers: Sequence[Answer], now: datetime
) -> None:
    """Update limits and breaker of the connection from these answers."""
    channel = flight.channel
    accepted = (
        member for member, answer in zip(flight.members, answers, strict=True) if _counts(answer)
    )
    document_count = sum(channel.counts(member.document.document) for member in accepted)
    row = limits.count_documents(session, channel, now, document_count)
    if any(answer.code == QUOTA for answer in answers):
        limits.mark_exhausted(session, channel, now)
    limits.note_answers(
        session, channel, [answer for answer in answers if answer.code != QUOTA], now
    )
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
    """Check whether the target holds back the call because its key is paused."""
    tells = channel.target.form.tells
    return tells is not None and answer.status == tells.kept_while_paused is not None


def note_key_wait(
    desk: Desk, channel: Channel, claim: Claim, lookup_result: Found, waiting: Sequence[Claim]
) -> None:
    """Hold the document whose lookup met a refused key, and return the other claims.

    No push is stored: nothing was sent, and the push history shows what was.
    """
    with desk.database.write() as session:
        now = desk.clock.now()
        breaker.keep_key(session, channel.connection_id)
        return_postings(session, ((other, other.due_at) for other in waiting))
        verdict = check_postings(session, channel, [claim], lock=True, now=now)[claim.posting_id]
        breaker.shut(session, channel.connection_id, now, channel.key_id)
        words = f"{channel.name} refused the API key at a look-up, so nothing was sent."
        _hold_for_key(session, channel, verdict, claim, f"{words} {lookup_result.words}", now)


def _untold(session: Session, channel: Channel) -> bool:
    """Check whether the key is refused and no open hold reports it."""
    query = select(Connection.id).where(Connection.id == channel.connection_id, ~TOLD)
    return breaker.refused(session, channel.connection_id) and session.scalar(query) is not None


def log_key_wait(desk: Desk, channel: Channel, words: str = "") -> int:
    """Hold the first waiting document for a refused key; nothing is sent.

    Return how many documents report it: one or none.
    """
    with desk.database.read() as session:
        if not _untold(session, channel):
            return 0
    with desk.database.write() as session:
        now = desk.clock.now()
        ids = session.scalars(_first(channel), {"now": now}).all()
        claims = lease_postings(session, desk, ids, now)
    count = 0
    for checked in check_claims(desk, channel, claims, in_file=False).good:
        count += _held(desk, channel, checked.claim, words)
    return count


def _first(channel: Channel) -> Select[int]:
    """Return the query for the first waiting document: scheduled documents before documents of a
    run.
    """
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
        verdict = check_postings(session, channel, [claim], lock=True, now=now)[claim.posting_id]
        breaker.locked(session, channel.connection_id)  # only one of many workers reports it
        connection = session.get_one(Connection, channel.connection_id)
        if connection.untested_since is not None:
            words = untested_words(connection)
        words = words or f"{channel.name} does not accept the API key."
        return _hold_for_key(session, channel, verdict, claim, words, now)


def _hold_for_key(
    session: Session,
    channel: Channel,
    verdict: Verdict,
    claim: Claim,
    words: str,
    now: datetime,
) -> bool:
    """Hold the posting if no open hold reports the refused key yet, else return its claim."""
    if not isinstance(verdict, Checked) or not _untold(session, channel):
        return_posting(session, claim, claim.due_at)
        return False
    posting = verdict.posting
    trouble = Trouble(
        code=REFUSED,
        error_class=AUTHORIZATION_FAILED,
        words=words,
        owner=store_results.decide_retry(
            session, posting, AUTHORIZATION_FAILED, posting.tries + 1
        ).owner,
    )
    store_results.stop_claim(session, channel, claim, trouble, now)
    return True


def resend(
    desk: Desk, channel: Channel, request_id: int, members: Sequence[Member]
) -> Flight | None:
    """Send these pushes once more, with unchanged numbers and keys.

    The bytes are unchanged too if no push dropped out. A push whose record changed is not resent:
    no document arrived, so the record is evaluated again. Pushes stay uncertain while the
    connection is paused.
    """
    with desk.database.write() as session:
        families = [member.claim.family for member in members]
        lock_families(session, channel.company_id, families)
        if not limits.is_running(session, channel):
            now = desk.clock.now()
            return_postings(session, ((member.claim, now) for member in members))
            return None
        request = session.get_one(Request, request_id)
        name = request.headers.get(":batch", "")
        changed_postings = _moved_on(session, members)
        _have_judged(
            session, desk, channel, [m for m in members if m.claim.posting_id in changed_postings]
        )
        owned = tuple(member for member in members if _take_up(session, desk, member))
        if not owned:
            return None
        payload = _file_of(channel, owned, name)
        key = request_key(member.key for member in owned)
        if (
            key == request.key and request.body is not None
        ):  # a newer program may write a sheet otherwise
            payload = replace(payload, body=request.body)
        flight = add_flight(
            session,
            desk,
            channel,
            members=owned,
            payload=payload,
            key=key,
            name=name,
            run_id=request.run_id,
            parent_id=request_id,
        )
        holds.settle_holds(session, [member.record_id for member in owned], ())
        limits.spend(session, channel, _cost(channel, name))
    return flight


def _moved_on(session: Session, members: Sequence[Member]) -> frozenset[int]:
    """Return the postings whose record, rules or mappings changed since they were sent, or whose
    route stopped.

    A woken record stays due until the answer. A record that is due only because its decision
    expires has not changed.
    """
    is_woken = or_(Evaluation.valid_until.is_(None), Record.due_at < Evaluation.valid_until)
    has_new_revision = exists().where(
        Revision.company_id == Posting.company_id, Revision.at >= Push.made_at
    )
    changed = or_(
        Record.version_id != Posting.version_id,
        and_(Record.due_at.is_not(None), is_woken),
        Record.lease_until.is_not(None),
        has_new_revision,
        STOPPED,
    )
    query = (
        select(Posting.id)
        .join(Record, Record.id == Posting.record_id)
        .join(Push, Push.id == Posting.push_id)
        .join(Evaluation, Evaluation.id == Push.evaluation_id)
        .where(bulk.among(Posting.id, [member.claim.posting_id for member in members]), changed)
    )
    return frozenset(session.scalars(query))


def _have_judged(session: Session, desk: Desk, channel: Channel, moved: Sequence[Member]) -> None:
    """Close the pushes of changed records; their postings return to their earlier state."""
    now, causes = desk.clock.now(), set[int]()
    for member in moved:
        store_results.mark_overtaken(Case(session, desk, channel, member, now, causes))
    holds.settle_holds(session, [member.record_id for member in moved], causes)


def _take_up(session: Session, desk: Desk, member: Member) -> bool:
    """Move an uncertain push back to sending under our fence; return whether that worked."""
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
    documents = [member.sent for member in members]
    action = members[0].action
    return channel.target.build(
        documents, channel.settings, batch=bool(name), batch_name=name, action=action
    )


def _cost(channel: Channel, name: str) -> int:
    """Return the number of calls to charge; a `name` means a file or batch."""
    pace = channel.target.pace
    return (pace.to_batch if name else None) or pace.sending(channel.settings)


def split_members(members: Sequence[Member], sends: int) -> list[Sequence[Member]]:
    """Return the groups in which a call's pushes are resent.

    They stay together at first. After two failures they are halved, because a single push may be
    the cause.
    """
    if len(members) == 1 or sends < SENT_WHOLE:
        return [members]
    middle = len(members) // 2
    return [members[:middle], members[middle:]]


def open_half(desk: Desk, half: FileHalf) -> Flight | None:
    """Store the call of a half with the pushes that are still ours, or return None."""
    # Stored only when its turn comes: if the worker dies first, the pushes of the refused file are
    # looked up and none is lost.
    desk.renew()
    first_flight, channel = half.of, half.of.channel
    with desk.database.write() as session:
        lock_families(session, channel.company_id, [member.claim.family for member in half.members])
        owned = tuple(member for member in half.members if _still_ours(session, desk, member))
        if not owned:
            return None
        limits.spend(session, channel, _cost(channel, first_flight.name))
        return add_flight(
            session,
            desk,
            channel,
            members=owned,
            payload=_file_of(channel, owned, first_flight.name),
            key=request_key(member.key for member in owned),
            name=first_flight.name,
            run_id=first_flight.run_id,
            parent_id=first_flight.request_id,
        )


def _still_ours(session: Session, desk: Desk, member: Member) -> bool:
    """Extend the lease if no other worker took the posting; return whether it is ours."""
    row_id, fence = member.claim.posting_id, member.claim.fence
    posting_id = session.scalar(
        update(Posting)
        .where(Posting.id == row_id, Posting.fence == fence, Posting.state == PostingState.SENDING)
        .values(lease_owner=desk.owner, lease_until=desk.clock.now() + push_lease(desk))
        .returning(Posting.id)
        .execution_options(synchronize_session=False)
    )
    return posting_id is not None

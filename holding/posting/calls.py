"""The call, and what becomes of its answer.

Here: the deadline, the one call, the commit of its answer, halving a file that was refused as a
whole. Not here: what was written down before (holding/posting/intent.py), look-ups
(holding/posting/doubt_resolution.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from connectors.contract import Answer, Kept, Sent
from connectors.transport import fault_points
from holding.audit.seals import SealedCall
from holding.connections import breaker, limits
from holding.connections.channel import Channel, Desk
from holding.journal import kept_totals, target_holds
from holding.journal.posting_claims import lock_families
from holding.journal.push_rows import Flight
from holding.posting import push, results
from holding.posting.follow_up_calls import Half, take_half
from holding.posting.push import Case
from holding.posting.taken_documents import Taken, posted_each
from holding.store.joint_writes import JointWrites
from holding.tables import Attempt, Request
from holding.tables.row_states import AttemptState, RequestState
from rules.values.canonical import dumps, plain, sha256_hex

WHOLE_FILE = (400, 413)  # the file itself was the trouble, not a document in it
UNCLEAR = ("temporary", "uncertain")
QUOTA = "quota_exceeded"
KEY_REFUSED = "authorization_failed"
TURNED_AWAY = (405, 409)  # such calls are not taken at all, or not under this key

_ATTEMPT_KEYS = ("push_id", "request_id", "fence")
_SENDING = (("state", (AttemptState.SENDING,)),)


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
            fault_points.point("push.after_intent")
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
        if any(answer.error_class == KEY_REFUSED for answer in sent.answers):
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
            target_holds.settle(session, left, first.causes)
            taken = all_taken and ours == len(told)
            landed = Landed([], taken and not first.woken, taken and run_id is not None)
        judge_channel(session, desk, flight, sent.answers, now)
        fault_points.point("push.before_answer_commit")
    fault_points.point("push.after_answer_commit")
    return landed


def _one_exception(
    session: Session, flight: Flight, answers: Sequence[Answer], now: datetime
) -> list[Answer]:
    """A refused key is one exception, which the first document carries; the others wait."""
    refused = [at for at, one in enumerate(answers) if one.error_class == KEY_REFUSED]
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
    kept = kept_totals.in_minor(document, answer.total)
    field = case.channel.total_field(document.document)
    found = kept_totals.beside(field, document, kept)
    return tuple(one for one in found if one not in answer.kept)


def apply(case: Case, answer: Answer, *, looked: bool = False) -> bool:
    """What the answer does; False when another worker has the posting by now.

    `looked`: a look-up told it, so it is the last word on whatever went out before.
    """
    if is_taken(answer):
        return bool(posted_each([(case, _taken(answer))]))
    if answer.existing:
        return results.other_content(case, answer)
    if answer.kind == "temporary" and (looked or not _was_in_doubt(case)):
        of_all = answer.code == QUOTA or answer.error_class == KEY_REFUSED
        return results.waits(case, answer) if of_all else results.again_later(case, answer)
    if answer.kind == "awaiting":
        return push.parked(case, answer.words)
    if answer.kind in UNCLEAR or (not looked and _turned_away(case, answer)):
        return push.doubtful(case, answer.words)
    return results.refused(case, answer)


def is_taken(answer: Answer) -> bool:
    """Whether the target has the document now, with this content."""
    same = answer.existing and answer.same_content is not False
    return answer.kind == "accepted" or (answer.kind == "skipped" and same)


def _taken(answer: Answer) -> Taken:
    return Taken(
        target_ref=answer.target_ref,
        words=answer.words,
        existing=answer.existing,
        total=answer.total,
        besides=answer.besides,
    )


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
    if any(answer.error_class == KEY_REFUSED for answer in answers):
        breaker.shut(session, channel.connection_id, now, channel.key_id)
    elif all(answer.kind in UNCLEAR and answer.code != QUOTA for answer in answers):
        breaker.failed(session, channel.connection_id, now, desk.pace)
    elif not breaker.goes_on(row):
        breaker.answered(session, channel.connection_id, now)


def _kept_there(channel: Channel, answer: Answer) -> bool:
    """Whether its key is paused and the target keeps the call until it is active."""
    tells = channel.target.form.tells
    return tells is not None and answer.status == tells.kept_while_paused is not None


def _counts(answer: Answer) -> bool:
    return answer.kind == "accepted" and not answer.existing


def _turned_away(case: Case, answer: Answer) -> bool:
    """Whether the repeat of a call, which alone can tell what became of the first, was refused
    before anybody looked at its key: that says nothing of the first.
    """
    away = answer.error_class == KEY_REFUSED or answer.status in TURNED_AWAY
    return away and not case.channel.shows(case.member.document.document) and _was_in_doubt(case)


def _was_in_doubt(case: Case) -> bool:
    """A push that once went out without an answer keeps its key until a look-up tells."""
    silent = select(Attempt.id).where(
        Attempt.push_id == case.member.push_id, Attempt.state == AttemptState.UNCERTAIN
    )
    return case.session.scalar(silent.limit(1)) is not None


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

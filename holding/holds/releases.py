"""Release holds, or reject the posting behind a hold."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, exists, select
from sqlalchemy.orm import Session

from holding.access.actors import Actor, Voice, may, voices
from holding.access.operations import NOTHING_SENT, once, undoable
from holding.access.people import who_may
from holding.approvals import separation, step_up
from holding.approvals.consent import content_hash
from holding.approvals.separation import ACT, outside, own_hand, teams_of
from holding.db.models import Connection, Hold, Posting, Push, Team
from holding.db.models.columns import HoldState, PushState
from holding.db.models.postings import TO_SEND_STATES
from holding.db.refusal import Refusal, plural
from holding.holds.futile_releases import refuse_futile_releases
from holding.holds.holds import (
    Accepting,
    Desk,
    Done,
    Each,
    ViewedDesk,
    apply_to_one_hold,
    done_with,
    read_done,
    sealed_decisions,
    store_decisions,
)
from holding.platform.changes import wake_families, wake_linked, wake_records
from holding.platform.events import Fact, record_events
from holding.platform.states import (
    GONE,
    close_holds,
    holds_beside,
    move_posting,
    move_push,
    settle_closed,
    state_label,
)
from rules.outcomes import NEEDS_APPROVAL
from rules.values.canonical import PostingState, in_sentence
from rules.values.wording import clears_when, readable_name

SEND_AGAIN: Final = "send again"

LOOK_AGAIN: Final = "have another look at"


def release(
    session: Session,
    actor: Actor,
    hold_id: int,
    reason: str,
    now: datetime,
    op: str | None = None,
    *,
    seen: int | None = None,
) -> Done | Refusal:
    """Release one finding for the record's current content. The next evaluation treats it as
    released.

    `seen` is the version the user looked at, when the amount of a change is decided.
    """

    def ask() -> Each | Refusal:
        return release_each(session, actor, [hold_id], reason, now, op, seen=seen)

    return apply_to_one_hold(session, actor, now, op, ("release", hold_id, reason), ask)


def release_each(
    session: Session,
    actor: Actor,
    hold_ids: Iterable[int],
    reason: str,
    now: datetime,
    op: str | None = None,
    *,
    seen: int | None = None,
) -> Each | Refusal:
    """Release several findings; one that may not be released is left with its reason.

    They are evaluated again when the undo time is over. For a change after posting, what the target
    keeps is stored.
    """
    refusal = _allowed(session, actor, reason)
    if refusal:
        return refusal
    desk = Desk(session, actor, hold_ids)
    accepting = Accepting(desk, seen)
    names = _releasing(desk, accepting)
    good, refused_holds = desk.each(names.ask)
    if refusal := _unproved(desk, good, now):
        return refusal
    why, done_results = reason.strip(), []
    for voice, holds in names.by_voice(good):
        decided = store_decisions(desk, holds, voice, "release", why, now, op)
        accepting.keep(holds, decided)
        close_holds(session, holds, voice, state=HoldState.RELEASED, why=why, now=now)
        says = [
            accepting.say(h, voice.name)
            or f"{voice.name} released {h.number} ({readable_name(h.rule or h.code)})"
            for h in holds
        ]
        results = [done_with(h, f"{say}: {why}") for h, say in zip(holds, says, strict=True)]
        sealed = sealed_decisions(desk, decided)
        desk.tell(results, "hold.released", now, op, actor=voice, reason=why, sealed=sealed)
        done_results += results
    stays = dict(NOTHING_SENT) if all(map(accepting.of, good)) else None
    later = (
        undoable(session, op, _released(done_results, accepting), now, stood=stays)
        if done_results
        else now
    )
    records = sorted({hold.record_id for hold in good})
    wake_records(session, records, later)
    wake_families(session, records, later)
    settle_closed(session, good)
    return Each(tuple(done_results), tuple(refused_holds))


def release_refusals(
    session: Session, actor: Actor, hold_ids: Iterable[int]
) -> Mapping[int, Refusal]:
    """Return by id the holds that this user cannot release together, as `release_each` decides."""
    desk = ViewedDesk(session, actor, hold_ids)
    if refusal := may(actor, ACT):
        return dict.fromkeys(desk.wanted, refusal)
    return desk.refusals(_releasing(desk, Accepting(desk)).ask)


def _releasing(desk: Desk, accepting: Accepting) -> "_Names":
    """Return the names in which the user releases each hold of the desk."""
    teams = teams_of(desk.session, desk.holds.values())
    futile = refuse_futile_releases(desk.session, desk.holds.values())
    return _Names(
        desk,
        lambda hold, voice: (
            _releasable(desk, hold, teams, voice)
            or _own_hand(desk, hold, voice, "release")
            or accepting.refusal(hold)
            or futile.get(hold.id)
        ),
    )


def _unproved(desk: Desk, holds: Sequence[Hold], now: datetime) -> Refusal | None:
    """Refuse much money without a fresh second factor; else keep its proof for the events."""
    amounts = step_up.hold_amounts(
        desk.session, desk.company_id, holds, desk.postings, desk.records
    )
    proof = step_up.check(desk.session, desk.actor, amounts, now)
    if isinstance(proof, Refusal):
        return proof
    desk.proof = proof
    return None


def reject(
    session: Session,
    actor: Actor,
    hold_id: int,
    reason: str,
    now: datetime,
    op: str | None = None,
) -> Done | Refusal:
    """Reject a posting: it is ignored, with the reason, until a new version arrives."""

    def act(desk: Desk, hold: Hold, voice: Voice) -> Done | Refusal:
        return _rejected(desk, hold, voice, reason.strip(), now, op)

    return decide_one(
        session, actor, hold_id, reason, now, op, verb="reject", may=_rejectable, act=act
    )


def decide_one(
    session: Session,
    actor: Actor,
    hold_id: int,
    reason: str,
    now: datetime,
    op: str | None,
    *,
    verb: str,
    more: tuple[object, ...] = (),
    may: Callable[[Desk, Hold], Refusal | None],
    act: Callable[[Desk, Hold, Voice], Done | Refusal],
) -> Done | Refusal:
    """Decide about one hold, by a user who may decide, gives a reason and took no part in it.

    `more` adds parameters to the idempotency key.
    """

    def decided() -> Done | Refusal:
        refusal = _allowed(session, actor, reason)
        if refusal:
            return refusal
        desk = Desk(session, actor, [hold_id])
        names = _Names(
            desk, lambda hold, voice: may(desk, hold) or _own_hand(desk, hold, voice, verb)
        )
        good, refused_holds = desk.each(names.ask)
        if good and _sends(good[0], verb) and (unproved := _unproved(desk, good, now)):
            return unproved
        return act(desk, good[0], names.of[hold_id]) if good else refused_holds[0].refusal

    request = (verb, hold_id, reason, *more)
    return once(session, actor, op, asked=request, now=now, act=decided, read=read_done)


def _sends(hold: Hold, verb: str) -> bool:
    """Check whether a decision may lead to a document being sent."""
    return verb == SEND_AGAIN or (verb == LOOK_AGAIN and hold.code not in GONE)


def _rejected(
    desk: Desk, hold: Hold, voice: Voice, why: str, now: datetime, op: str | None
) -> Done | Refusal:
    posting = desk.postings[hold.posting_id or 0]
    if hold.code in GONE:
        say = f"{voice.name} skipped {posting.number}, which is not there: {why}"
        unpost_vanished(desk, hold, voice, say, now, op)
    moved = move_posting(
        desk.session,
        posting.id,
        expected=posting.state,
        to=PostingState.IGNORED,
        lock=posting.lock,
        reason=f"rejected by {voice.name}: {why}",
        due_at=None,
    )
    if not moved:
        return Refusal(
            code="posting.moved",
            message=f"{hold.number or 'This record'} was changed by another user or process "
            "meanwhile.",
            hint="Load the page again.",
        )
    sealed = sealed_decisions(desk, store_decisions(desk, [hold], voice, "reject", why, now, op))
    siblings = holds_beside(desk.session, hold)
    close_holds(
        desk.session, siblings, voice, state=HoldState.CLEARED, why=f"rejected: {why}", now=now
    )
    result = done_with(hold, f"{voice.name} rejected {posting.number}: {why}")
    desk.tell([result], "posting.rejected", now, op, actor=voice, reason=why, sealed=sealed)
    wake_linked(desk.session, [hold.record_id], now)  # its duplicates stand alone now
    wake_families(desk.session, [hold.record_id], now)
    if desk.session.scalar(_WAITS, {"record": hold.record_id}):  # perhaps for this one
        wake_records(desk.session, [hold.record_id], now)
    settle_closed(desk.session, siblings)
    if hold.code not in GONE:  # taken back, it would be sent again
        undoable(desk.session, op, f"{posting.number} rejected", now, stood=dict(NOTHING_SENT))
    return result


_WAITS = select(
    exists().where(Posting.record_id == bindparam("record"), Posting.state == PostingState.WAITING)
)


class _Names:
    """The name in which the user acts on each hold: the first of their voices that is allowed."""

    def __init__(self, desk: Desk, ask: Callable[[Hold, Voice], Refusal | None]) -> None:
        self._voices, self._ask = voices(desk.actor, ACT), ask
        self.of: dict[int, Voice] = {}

    def ask(self, hold: Hold) -> Refusal | None:
        """Return None if one voice is allowed, otherwise the first voice's refusal."""
        first = None
        for voice in self._voices:
            refusal = self._ask(hold, voice)
            if refusal is None:
                self.of[hold.id] = voice
                return None
            first = first or refusal
        return first

    def by_voice(self, holds: Sequence[Hold]) -> list[tuple[Voice, list[Hold]]]:
        """Return the holds of each voice."""
        holds_by_voice = {
            voice: [h for h in holds if self.of[h.id] == voice] for voice in self._voices
        }
        return [
            (voice, holds_of_voice)
            for voice, holds_of_voice in holds_by_voice.items()
            if holds_of_voice
        ]


def _allowed(session: Session, actor: Actor, reason: str) -> Refusal | None:
    """Refuse a user without permission, or a blank reason."""
    refusal = may(actor, ACT)
    if refusal:
        others = who_may(session, actor.company_id or 0, ACT)
        return replace(refusal, hint=separation.could_instead(others))
    if not reason.strip():
        return Refusal(code="reason.missing", message="Enter a reason.", status=422)
    return None


def _releasable(desk: Desk, hold: Hold, teams: Mapping[int, Team], voice: Voice) -> Refusal | None:
    if hold.code == NEEDS_APPROVAL:
        return Refusal(
            code="hold.approval",
            message="This document needs an approval, not a release.",
            hint="Approve it under To approve.",
            status=409,
        )
    if not hold.clears.by_people:
        return Refusal(
            code="hold.clears_itself",
            message="You cannot release this hold, because only a change clears it.",
            hint=clears_when(hold.would_pass),
        )
    team = teams.get(hold.id)
    if team is None or desk.in_team(team.id, voice.answers):
        return None
    return outside(team, desk.who(ACT, team.id))


def _rejectable(desk: Desk, hold: Hold) -> Refusal | None:
    posting = desk.postings.get(hold.posting_id or 0)
    if posting is not None and (posting.state in TO_SEND_STATES or hold.code in GONE):
        return None
    state = in_sentence(state_label(posting.state)) if posting else "not made yet"
    return Refusal(
        code="hold.not_rejectable",
        message=f"You cannot reject this document, because it is {state}.",
        hint="Correct it in the accounting system, or in the source.",
    )


def _own_hand(desk: Desk, hold: Hold, voice: Voice, verb: str) -> Refusal | None:
    """Refuse a user who took part in the posting, or a substitute of such a user."""
    hands = desk.hands.get(hold.posting_id or 0, {})
    return own_hand(hands, voice, verb, lambda: desk.who(ACT, hold.team_id, hands))


def _released(results: Sequence[Done], accepting: Accepting) -> str:
    if len(results) == 1:
        return accepting.short(results[0].hold_id) or f"{results[0].number} released"
    return plural(len(results), "released", "released")


SENT_AGAIN: Final = "posting.sent_again"

_NEVER_THERE = {
    "posted_push_id": None,
    "target_ref": None,
    "posted_at": None,
    "read_at": None,
    "read_due_at": None,
    "reading_id": None,
    "e_invoice_at": None,
    "tries": 0,
    "action": "create",
}
"""Columns of a posting as before its first push; `sent_at` stays, so its number stays taken."""


def unpost_vanished(
    desk: Desk, hold: Hold, voice: Voice, say: str, now: datetime, op: str | None
) -> None:
    """Make the vanished document of a hold ready to be created again.

    Its accepted pushes end as dropped, with an event of this text each. The next push has another
    number and so another idempotency key: a target would answer a repeated key without storing
    anything. It is looked up before it is sent.
    """
    session, posting = desk.session, desk.postings[hold.posting_id or 0]
    connection = session.get_one(Connection, posting.connection_id)
    company_there = str(connection.settings.get("company_id", ""))
    accepted = select(Push).where(Push.posting_id == posting.id, Push.state == PushState.ACCEPTED)
    pushes = session.scalars(accepted.order_by(Push.no)).all()
    for push in pushes:
        move_push(session, push.id, PushState.DROPPED, error=hold.message, error_class="uncertain")
    columns: dict[str, Any] = dict(_NEVER_THERE)
    if posting.content is not None:
        columns["hash"] = content_hash(
            posting.connection_id, company_there, posting.content, "create"
        )
    if not move_posting(
        session,
        posting.id,
        expected=PostingState.POSTED,
        to=PostingState.READY,
        lock=posting.lock,
        due_at=now,
        **columns,
    ):
        message = f"posting {posting.id} moved under our lock"
        raise RuntimeError(message)
    session.refresh(posting)
    record_events(session, [_fact(desk, hold, push, voice, say, now, op) for push in pushes])


def _fact(
    desk: Desk, hold: Hold, push: Push, voice: Voice, say: str, now: datetime, op: str | None
) -> Fact:
    """Return the event for an accepted push that counts as lost, because its document vanished."""
    return Fact(
        company_id=desk.company_id,
        at=now,
        actor=voice,
        act=SENT_AGAIN,
        record_id=hold.record_id,
        posting_id=hold.posting_id,
        object=f"hold:{hold.id}",
        operation_id=op,
        body={
            "say": say,
            "push": push.id,
            "hold": hold.id,
            "code": hold.code,
            **desk.proof,
        },
    )


def send_again(
    session: Session,
    actor: Actor,
    hold_id: int,
    reason: str,
    now: datetime,
    op: str | None = None,
) -> Done | Refusal:
    """Send a document again that the target accepted and does not have, after a lookup.

    The latest version is evaluated first; an approval of unchanged content still counts.
    """

    def act(desk: Desk, hold: Hold, voice: Voice) -> Done | Refusal:
        why = reason.strip()
        say = f"{voice.name} had {hold.number} sent again: {why}"
        unpost_vanished(desk, hold, voice, say, now, op)
        close_holds(
            session, [hold], voice, state=HoldState.CLEARED, why=f"sent again: {why}", now=now
        )
        wake_records(session, [hold.record_id], now)
        settle_closed(session, [hold])
        return done_with(hold, say)

    return decide_one(
        session, actor, hold_id, reason, now, op, verb=SEND_AGAIN, may=_vanished, act=act
    )


def _vanished(desk: Desk, hold: Hold) -> Refusal | None:
    """Refuse a hold whose document is not missing in the target."""
    posting = desk.postings.get(hold.posting_id or 0)
    if hold.code in GONE and posting is not None and posting.state == PostingState.POSTED:
        return None
    words = "You cannot send this document again, because it was not found missing."
    return Refusal("hold.not_gone", words, "Check it again in the accounting system.")

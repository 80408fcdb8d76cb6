"""Approve exactly one content of a posting.

The approval is bound to the posting's hash and never comes from a person who worked on the record.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, event, select
from sqlalchemy.orm import Session

from connectors.transport.strict_json import fault_point
from holding.access import operations
from holding.access.actors import Actor, may
from holding.access.operations import NOTHING_SENT, once, undoable
from holding.access.people import who_may
from holding.access.reach import within
from holding.approvals import separation, step_up
from holding.approvals.candidates import (
    ACT,
    WAITING,
    Consent,
    Desk,
    Left,
    SetChanged,
    agreed,
    changed,
    set_hash,
)
from holding.approvals.sent_amounts import amount_of
from holding.db import bulk
from holding.db.models import Approval, Evaluation, Posting, Record
from holding.db.models.columns import HoldState
from holding.db.refusal import Refusal, money, plural
from holding.platform.changes import wake_records
from holding.platform.events import APPROVAL, SEALED, Fact, record_events, seal_row
from holding.platform.states import close_holds, move_postings, settle_closed
from holding.programs.world import program

__all__ = ["Approved", "Left", "SetChanged", "answered", "approve", "set_hash", "touched_by"]


@dataclass(frozen=True, slots=True)
class Approved:
    """The approved postings, the ready ones among them, those left out, and those that wait for
    more approvals.
    """

    done: tuple[int, ...]
    ready: tuple[int, ...]
    refused: tuple[Left, ...]
    waiting: tuple[Left, ...] = ()

    @property
    def forbidden(self) -> Refusal | None:
        """Return the refusal of the whole if nothing was approved, because every document needs
        other people.
        """
        if self.done or not self.refused or any(left.status != 403 for left in self.refused):
            return None
        reasons = "; ".join(sorted({left.reason for left in self.refused}))
        count = plural(len(self.refused), "document is", "documents are")
        return Refusal(
            "approval.own_hand",
            f"Nothing was approved: {count} not yours to approve.",
            f"{reasons[0].upper()}{reasons[1:]}.",
            403,
        )


def approve(
    session: Session,
    actor: Actor,
    posting_ids: Iterable[int],
    reason: str,
    now: datetime,
    op: str | None = None,
    sethash: str | None = None,
    *,
    seen: Mapping[int, str] | None = None,
) -> Approved | Refusal:
    """Approve postings as they are, each with its own result.

    `seen` is what the person reviewed (posting id -> hash) and `sethash` its hash. If the set
    changed, nothing is approved.
    """
    company_id = actor.company_id or 0
    refusal = may(actor, ACT)
    if refusal:
        others = who_may(session, company_id, ACT)
        return replace(refusal, hint=separation.could_instead(others))
    if not reason.strip():
        return Refusal(code="reason.missing", message="An approval needs a reason.", status=422)
    wanted = sorted(set(posting_ids))

    def act() -> Approved | Refusal:
        postings = _locked(session, actor, wanted)
        refused = changed(postings, wanted, sethash, seen, lambda gone: agreed(session, gone)[1])
        if refused is not None:
            return refused
        given = _approve_each(session, actor, postings, wanted, reason.strip(), now, op)
        fault_point("approve.before_commit")
        event.listen(
            session, "after_commit", lambda _: fault_point("approve.after_commit"), once=True
        )
        return given

    asked = ("approve", wanted, reason, sethash, seen)
    return once(session, actor, op, asked=asked, now=now, act=act, read=_read)


def answered(session: Session, actor: Actor, op: str) -> Approved | None:
    """Return the stored result of this form if it was an approval, else None."""
    return operations.answered(session, actor, op, ("done", "ready", "refused"), _read)


def touched_by(session: Session, posting: Posting) -> dict[int, str]:
    """Return the people who may not approve this posting, each with what they did."""
    return separation.touched(session, [posting])[posting.id]


def _read(stored: Mapping[str, Any]) -> Approved:
    return Approved(
        done=tuple(stored["done"]),
        ready=tuple(stored["ready"]),
        refused=tuple(Left(**left) for left in stored["refused"]),
        waiting=tuple(Left(**left) for left in stored.get("waiting", ())),
    )


def _locked(session: Session, actor: Actor, ids: Sequence[int]) -> dict[int, Posting]:
    """Lock the records in id order and return the postings that the person sees."""
    parameters = {"company": actor.company_id or 0, "ids": list(ids)}
    session.execute(_LOCK, parameters)
    query = _POSTINGS.where(*within(actor.reach, Posting))
    return {posting.id: posting for posting in session.scalars(query, parameters)}


_MINE = (Posting.company_id == bindparam("company"), bulk.among_given(Posting.id, "ids"))
_LOCK = (
    select(Record.id)
    .where(Record.id.in_(select(Posting.record_id).where(*_MINE)))
    .order_by(Record.id)
    .with_for_update(key_share=True)
)
_POSTINGS = select(Posting).where(*_MINE).execution_options(populate_existing=True)


def _approve_each(
    session: Session,
    actor: Actor,
    postings: Mapping[int, Posting],
    wanted: Sequence[int],
    reason: str,
    now: datetime,
    op: str | None,
) -> Approved | Refusal:
    desk = Desk(session, actor, list(postings.values()))
    answers = [desk.consent(key, postings.get(key)) for key in wanted]
    consents = [one for one in answers if isinstance(one, Consent)]
    amounts = step_up.posting_amounts(
        session, actor.company_id or 0, [one.posting for one in consents]
    )
    proof = step_up.check(session, actor, amounts, now)
    if isinstance(proof, Refusal):
        return proof
    _write(session, consents, reason, now, op, proof)
    refused = tuple(one for one in answers if isinstance(one, Left))
    _log_refused(session, actor, postings, refused, now, op)
    ready = [one.posting for one in consents if desk.open(one.posting) == [one.hold]]
    later = _until(session, consents, now, op, sends=bool(ready))
    ready = [one for one in ready if not desk.judged_soon(one, now)]
    alone = [one for one in ready if desk.alone(one)]
    wake_records(session, {one.record_id for one in ready if one not in alone}, later)
    # Only an evaluation knows whether the hour, or the document before it, has come.
    in_turn = _in_turn(session, alone)
    wake_records(session, {one.record_id for one in alone if one.id in in_turn}, now)
    gone = _let_go(session, [one for one in alone if one.id not in in_turn], later)
    settle_closed(session, [one.hold for one in consents])
    return Approved(
        done=tuple(one.posting.id for one in consents),
        ready=gone,
        refused=refused,
        waiting=tuple(
            Left(one.posting.id, one.posting.number, f"still waits: {hold.rule}", level=hold.rule)
            for one in consents
            for hold in desk.asked(one.posting)
            if hold is not one.hold
        ),
    )


def _write(
    session: Session,
    consents: Sequence[Consent],
    reason: str,
    now: datetime,
    op: str | None,
    proof: Mapping[str, str],
) -> None:
    """Insert one approval for each posting, close its hold and record an event."""
    rows: list[dict[str, Any]] = [
        {
            "posting_id": one.posting.id,
            "hash": one.posting.hash,
            "content": one.posting.content or {},
            "level": one.hold.rule,
            "person_id": one.voice.person_id,
            "for_person_id": one.voice.for_person_id,
            "reason": reason,
            "at": now,
            "operation_id": op,
        }
        for one in consents
    ]
    bulk.insert_rows(session, Approval, rows)
    for voice in dict.fromkeys(one.voice for one in consents):
        holds = [one.hold for one in consents if one.voice == voice]
        close_holds(session, holds, voice, state=HoldState.APPROVED, why=reason, now=now)
    sealed = [seal_row(APPROVAL, row) for row in rows]
    sealed_consents = zip(consents, sealed, strict=True)
    more = [(one, {SEALED: digest, **proof}) for one, digest in sealed_consents]
    record_events(session, [_said(one, reason, now, op, extra) for one, extra in more])


def _said(
    one: Consent, reason: str, now: datetime, op: str | None, more: Mapping[str, str]
) -> Fact:
    sent = amount_of(one.posting)
    sum_text = money(sent.amount, sent.currency)
    approved = f"{one.voice.name} approved {one.posting.number}, {sum_text}"
    sentence = f"{approved} (hash {one.posting.hash[:12]})"
    return Fact(
        company_id=one.posting.company_id,
        at=now,
        actor=one.voice,
        act="posting.approved",
        record_id=one.posting.record_id,
        posting_id=one.posting.id,
        operation_id=op,
        body={
            "say": f"{sentence}: {reason}",
            "reason": reason,
            "hash": one.posting.hash,
            "amount": sent.amount,
            "currency": sent.currency,
            "levels": [one.hold.rule],
            "for": one.voice.for_person_id,
            **more,
        },
    )


def _log_refused(
    session: Session,
    actor: Actor,
    postings: Mapping[int, Posting],
    refused: Sequence[Left],
    now: datetime,
    op: str | None,
) -> None:
    """Record an event for each approval that was refused."""
    facts = []
    for left in refused:
        posting = postings.get(left.posting_id)
        if posting is None:
            continue  # another company's, or out of the person's reach
        sent = amount_of(posting)
        sum_text = money(sent.amount, sent.currency)
        facts.append(
            Fact(
                company_id=posting.company_id,
                at=now,
                actor=actor,
                act="approval.refused",
                record_id=posting.record_id,
                posting_id=posting.id,
                operation_id=op,
                body={
                    "say": f"{actor.name} could not approve {posting.number}, {sum_text}."
                    f' The answer was: "{left.reason}".',
                    "reason": left.reason,
                    "status": left.status,
                    "amount": sent.amount,
                    "currency": sent.currency,
                },
            )
        )
    record_events(session, facts)


def _until(
    session: Session, consents: Sequence[Consent], now: datetime, op: str | None, *, sends: bool
) -> datetime:
    """Return until when this can be undone. `sends`: at least one document is not held for another
    cause.
    """
    numbers = [one.posting.number for one in consents]
    if not numbers:
        return now
    many = plural(len(numbers), "approved", "approved")
    say = f"{numbers[0]} approved" if len(numbers) == 1 else many
    return undoable(session, op, say, now, stood=None if sends else dict(NOTHING_SENT))


def _let_go(session: Session, postings: Sequence[Posting], due_at: datetime) -> tuple[int, ...]:
    """Make held postings ready, due after the undo period."""
    due = {posting.id: due_at for posting in postings}
    moved = move_postings(session, postings, to=WAITING, due=due)
    return tuple(posting.id for posting in postings if posting.id in moved)


def _in_turn(session: Session, postings: Sequence[Posting]) -> set[int]:
    """Return the ids of those that wait for a daily run, or come after another document."""
    rows = session.execute(
        select(Posting.id, Posting.route, Evaluation.ruleset_version_id)
        .join(Evaluation, Evaluation.id == Posting.evaluation_id)
        .where(bulk.among(Posting.id, [posting.id for posting in postings]))
    ).all()
    routes = {
        (version_id, route.name)
        for version_id in {row.ruleset_version_id for row in rows}
        for route in program(session, version_id).routes
        if route.timing == "daily" or route.after is not None
    }
    return {row.id for row in rows if (row.ruleset_version_id, row.route) in routes}

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
        if self.done or not self.refused or any(refusal.status != 403 for refusal in self.refused):
            return None
        reasons = "; ".join(sorted({refusal.reason for refusal in self.refused}))
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
    ids = sorted(set(posting_ids))

    def act() -> Approved | Refusal:
        postings = _locked(session, actor, ids)
        refused = changed(
            postings, ids, sethash, seen, lambda moved_on: agreed(session, moved_on)[1]
        )
        if refused is not None:
            return refused
        approved = _approve_each(session, actor, postings, ids, reason.strip(), now, op)
        fault_point("approve.before_commit")
        event.listen(
            session, "after_commit", lambda _: fault_point("approve.after_commit"), once=True
        )
        return approved

    request = ("approve", ids, reason, sethash, seen)
    return once(session, actor, op, asked=request, now=now, act=act, read=_read)


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
        refused=tuple(Left(**fields) for fields in stored["refused"]),
        waiting=tuple(Left(**fields) for fields in stored.get("waiting", ())),
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
    ids: Sequence[int],
    reason: str,
    now: datetime,
    op: str | None,
) -> Approved | Refusal:
    desk = Desk(session, actor, list(postings.values()))
    answers = [desk.consent(key, postings.get(key)) for key in ids]
    consents = [answer for answer in answers if isinstance(answer, Consent)]
    amounts = step_up.posting_amounts(
        session, actor.company_id or 0, [consent.posting for consent in consents]
    )
    proof = step_up.check(session, actor, amounts, now)
    if isinstance(proof, Refusal):
        return proof
    _write(session, consents, reason, now, op, proof)
    refused = tuple(answer for answer in answers if isinstance(answer, Left))
    _log_refused_approvals(session, actor, postings, refused, now, op)
    ready = [
        consent.posting for consent in consents if desk.open(consent.posting) == [consent.hold]
    ]
    later = _until(session, consents, now, op, sends=bool(ready))
    ready = [posting for posting in ready if not desk.judged_soon(posting, now)]
    sole_postings = [posting for posting in ready if desk.alone(posting)]
    wake_records(
        session, {posting.record_id for posting in ready if posting not in sole_postings}, later
    )
    # Only an evaluation knows whether the hour, or the document before it, has come.
    in_turn = _in_turn(session, sole_postings)
    wake_records(
        session, {posting.record_id for posting in sole_postings if posting.id in in_turn}, now
    )
    released = _let_go(
        session, [posting for posting in sole_postings if posting.id not in in_turn], later
    )
    settle_closed(session, [consent.hold for consent in consents])
    return Approved(
        done=tuple(consent.posting.id for consent in consents),
        ready=released,
        refused=refused,
        waiting=tuple(
            Left(
                consent.posting.id,
                consent.posting.number,
                f"still waits: {hold.rule}",
                level=hold.rule,
            )
            for consent in consents
            for hold in desk.asked(consent.posting)
            if hold is not consent.hold
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
            "posting_id": consent.posting.id,
            "hash": consent.posting.hash,
            "content": consent.posting.content or {},
            "level": consent.hold.rule,
            "person_id": consent.voice.person_id,
            "for_person_id": consent.voice.for_person_id,
            "reason": reason,
            "at": now,
            "operation_id": op,
        }
        for consent in consents
    ]
    bulk.insert_rows(session, Approval, rows)
    for voice in dict.fromkeys(consent.voice for consent in consents):
        holds = [consent.hold for consent in consents if consent.voice == voice]
        close_holds(session, holds, voice, state=HoldState.APPROVED, why=reason, now=now)
    sealed = [seal_row(APPROVAL, row) for row in rows]
    sealed_consents = zip(consents, sealed, strict=True)
    more = [(consent, {SEALED: digest, **proof}) for consent, digest in sealed_consents]
    record_events(
        session, [_approval_fact(consent, reason, now, op, extra) for consent, extra in more]
    )


def _approval_fact(
    consent: Consent, reason: str, now: datetime, op: str | None, more: Mapping[str, str]
) -> Fact:
    sent = amount_of(consent.posting)
    sum_text = money(sent.amount, sent.currency)
    approved = f"{consent.voice.name} approved {consent.posting.number}, {sum_text}"
    sentence = f"{approved} (hash {consent.posting.hash[:12]})"
    return Fact(
        company_id=consent.posting.company_id,
        at=now,
        actor=consent.voice,
        act="posting.approved",
        record_id=consent.posting.record_id,
        posting_id=consent.posting.id,
        operation_id=op,
        body={
            "say": f"{sentence}: {reason}",
            "reason": reason,
            "hash": consent.posting.hash,
            "amount": sent.amount,
            "currency": sent.currency,
            "levels": [consent.hold.rule],
            "for": consent.voice.for_person_id,
            **more,
        },
    )


def _log_refused_approvals(
    session: Session,
    actor: Actor,
    postings: Mapping[int, Posting],
    refused: Sequence[Left],
    now: datetime,
    op: str | None,
) -> None:
    """Log an event for each posting whose approval was refused; unknown postings are skipped."""
    facts = []
    for refusal in refused:
        posting = postings.get(refusal.posting_id)
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
                    f' The answer was: "{refusal.reason}".',
                    "reason": refusal.reason,
                    "status": refusal.status,
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
    numbers = [consent.posting.number for consent in consents]
    if not numbers:
        return now
    approved_count = plural(len(numbers), "approved", "approved")
    say = f"{numbers[0]} approved" if len(numbers) == 1 else approved_count
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

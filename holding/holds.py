"""What people do with a hold: release it, reject its posting, give it to somebody.

Here: those three acts, each once a form, with its event and its wake in one transaction. Not here:
opening and clearing by a judging (`evaluation.py`), approvals (`approvals.py`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding import duties
from holding.closing import beside, close, settle
from holding.events import Acting, record_event
from holding.lifecycle import move_posting
from holding.models import Hold, Membership, Person, Posting, Record, Release, Team, Version
from holding.operations import once
from holding.people import in_team, who_may
from holding.refusal import Refusal
from holding.roles import Actor, Voice, may, voices
from holding.wakes import wake_records

ACT: Final = "posting.approve"
APPROVAL: Final = "APP01"
REJECTABLE: Final = ("waiting", "held", "ready", "failed")


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a hold: the record it stood on and a sentence for the page."""

    hold_id: int
    record_id: int
    say: str


def release(
    session: Session,
    actor: Actor,
    hold_id: int,
    reason: str,
    now: datetime,
    op: str | None = None,
) -> Done | Refusal:
    """Let one finding pass for this content of the record; the next judging sees it as released."""

    def act(hold: Hold) -> Done | Refusal:
        voice = _releasing(session, actor, hold)
        if isinstance(voice, Refusal):
            return voice
        _remember(session, voice, hold, "release", reason.strip(), now)
        close(session, [hold], voice, state="released", why=reason.strip(), now=now)
        say = f"{voice.name} released {hold.rule or hold.code}: {reason.strip()}"
        _tell(session, voice, hold, "hold.released", say, now, op)
        wake_records(session, [hold.record_id], now)
        settle(session, [hold])
        return Done(hold_id=hold.id, record_id=hold.record_id, say=say)

    return _act(session, actor, hold_id, reason, now, op, act)


def reject(
    session: Session,
    actor: Actor,
    hold_id: int,
    reason: str,
    now: datetime,
    op: str | None = None,
) -> Done | Refusal:
    """Not this one: the posting is ignored, with the reason, until a new version arrives."""

    def act(hold: Hold) -> Done | Refusal:
        posting = _posting(session, hold)
        if posting is None or posting.state not in REJECTABLE:
            state = posting.state if posting else "not made yet"
            return Refusal(
                code="hold.not_rejectable",
                message=f"The document is {state}; only what was not sent can be rejected.",
                hint="What stands in the target is corrected there, or by a new version.",
            )
        voice = next(iter(voices(actor, ACT)))
        refusal = _hands(session, voice, hold, "reject")
        if refusal:
            return refusal
        said = f"rejected by {voice.name}: {reason.strip()}"
        moved = move_posting(
            session,
            posting.id,
            expected=posting.state,
            to="ignored",
            lock=posting.lock,
            reason=said,
            due_at=None,
        )
        if not moved:
            return _faster(hold)
        _remember(session, voice, hold, "reject", reason.strip(), now)
        siblings = beside(session, hold)
        why = f"rejected: {reason.strip()}"
        close(session, siblings, voice, state="cleared", why=why, now=now)
        say = f"{voice.name} rejected {posting.number}: {reason.strip()}"
        _tell(session, voice, hold, "posting.rejected", say, now, op)
        settle(session, siblings)
        return Done(hold_id=hold.id, record_id=hold.record_id, say=say)

    return _act(session, actor, hold_id, reason, now, op, act)


def assign(
    session: Session,
    actor: Actor,
    hold_id: int,
    person_id: int | None,
    now: datetime,
    op: str | None = None,
) -> Done | Refusal:
    """Give a hold to a person of the company, or with None back to its team; it stays open."""

    def act() -> Done | Refusal:
        refusal = may(actor, "hold.assign")
        if refusal:
            return refusal
        hold = _locked(session, actor, hold_id)
        if hold is None or hold.state != "open":
            return _gone(hold)
        name = _member(session, hold.company_id, person_id) if person_id else "its team"
        if name is None:
            return Refusal(
                code="person.unknown", message="There is no such person here.", status=404
            )
        hold.person_id = person_id
        hold.lock += 1
        session.flush()
        say = f"{actor.name} gave {hold.rule or hold.code} to {name}."
        _tell(session, actor, hold, "hold.assigned", say, now, op)
        return Done(hold_id=hold.id, record_id=hold.record_id, say=say)

    return once(session, op, person_id=actor.person_id, now=now, act=act, read=_read)


def _act(
    session: Session,
    actor: Actor,
    hold_id: int,
    reason: str,
    now: datetime,
    op: str | None,
    act: Callable[[Hold], Done | Refusal],
) -> Done | Refusal:
    """What release and reject share: permission, reason, one answer a form, an open hold."""

    def inner() -> Done | Refusal:
        refusal = may(actor, ACT)
        if refusal:
            others = who_may(session, actor.company_id or 0, ACT)
            hint = f"{duties.could(others)}."
            return Refusal(refusal.code, refusal.message, hint, refusal.status)
        if not reason.strip():
            return Refusal(code="reason.missing", message="This needs a reason.", status=422)
        hold = _locked(session, actor, hold_id)
        if hold is None or hold.state != "open":
            return _gone(hold)
        return act(hold)

    return once(session, op, person_id=actor.person_id, now=now, act=inner, read=_read)


def _read(stored: Mapping[str, Any]) -> Done:
    return Done(**stored)


def _locked(session: Session, actor: Actor, hold_id: int) -> Hold | None:
    """The hold, with its record locked first, if it is one of the actor's company."""
    hold = session.get(Hold, hold_id)
    if hold is None or hold.company_id != actor.company_id:
        return None
    session.get(Record, hold.record_id, with_for_update={"key_share": True})
    return session.get(Hold, hold_id, populate_existing=True)


def _gone(hold: Hold | None) -> Refusal:
    if hold is None:
        return Refusal(code="hold.unknown", message="There is no such hold.", status=404)
    return Refusal(
        code="hold.closed",
        message=f"This hold is {hold.state} already: {hold.closed_why or 'a change cleared it'}.",
        hint="Load the page again.",
    )


def _faster(hold: Hold) -> Refusal:
    return Refusal(
        code="posting.moved",
        message=f"The document of {hold.number or 'this record'} moved on meanwhile.",
        hint="Load the page again.",
    )


def _releasing(session: Session, actor: Actor, hold: Hold) -> Voice | Refusal:
    """In whose name the actor releases it: the first that may."""
    refused = None
    for voice in voices(actor, ACT):
        no = _releasable(session, voice, hold) or _hands(session, voice, hold, "release")
        if no is None:
            return voice
        refused = refused or no
    return refused or _gone(hold)


def _releasable(session: Session, voice: Voice, hold: Hold) -> Refusal | None:
    if hold.code == APPROVAL:
        return Refusal(
            code="hold.approval",
            message="This asks for an approval, not for a release.",
            status=409,
        )
    if not hold.clears.startswith("by:"):
        return Refusal(
            code="hold.clears_itself",
            message="Only a change clears this hold; nobody can release it.",
            hint=hold.would_pass,
        )
    team = session.scalar(
        select(Team).where(
            Team.company_id == hold.company_id, Team.name == hold.clears.removeprefix("by:")
        )
    )
    if team is None or in_team(session, team.id, voice.answers):
        return None
    others = who_may(session, hold.company_id, ACT, team_id=team.id)
    return Refusal(
        code="hold.team",
        message=f"This is released by {team.shown}, and you are not in it.",
        hint=f"{duties.could(others)} release it.",
        status=403,
    )


def _posting(session: Session, hold: Hold) -> Posting | None:
    """The hold's posting as it is now, under the lock of its record."""
    if hold.posting_id is None:
        return None
    return session.get(Posting, hold.posting_id, populate_existing=True)


def _hands(session: Session, voice: Voice, hold: Hold, verb: str) -> Refusal | None:
    """Refuse who had a hand in it, and who stands in for such a person; earlier releases do not
    count against a further one.
    """
    posting = _posting(session, hold)
    if posting is None:
        return None
    hands = duties.touched(session, [posting], releases=False, makers=False)[posting.id]
    if voice.person_id in hands:
        said = f"You {hands[voice.person_id]}"
    elif voice.lent and voice.lent.person_id in hands:
        said = f"{voice.lent.name}, for whom you stand in, {hands[voice.lent.person_id]}"
    else:
        return None
    others = who_may(session, hold.company_id, ACT, team_id=hold.team_id, but=hands)
    return Refusal(
        code="hold.own_hand",
        message=f"{said}, so you cannot {verb} this.",
        hint=f"{duties.could(others)}.",
        status=403,
    )


def _remember(
    session: Session, voice: Voice, hold: Hold, kind: str, reason: str, now: datetime
) -> None:
    """Keep the decision beside the very content it was made for."""
    content = session.scalar(
        select(Version.sha256)
        .join(Record, Record.version_id == Version.id)
        .where(Record.id == hold.record_id)
    )
    session.add(
        Release(
            record_id=hold.record_id,
            route=hold.route,
            seq=hold.seq,
            code=hold.code,
            cause_id=hold.cause_id,
            content_sha256=content or "",
            rule=hold.rule,
            kind=kind,
            person_id=voice.person_id,
            for_person_id=voice.for_person_id,
            reason=reason,
            at=now,
        )
    )
    session.flush()


def _member(session: Session, company_id: int, person_id: int) -> str | None:
    query = (
        select(Person.name)
        .join(Membership, Membership.person_id == Person.id)
        .where(Membership.company_id == company_id, Person.id == person_id, Person.active)
    )
    return session.scalar(query.limit(1))


def _tell(
    session: Session,
    actor: Acting,
    hold: Hold,
    act: str,
    say: str,
    now: datetime,
    op: str | None,
) -> None:
    record_event(
        session,
        company_id=hold.company_id,
        at=now,
        actor=actor,
        act=act,
        record_id=hold.record_id,
        posting_id=hold.posting_id,
        object=f"hold:{hold.id}",
        operation_id=op,
        body={"say": say, "hold": hold.id, "rule": hold.rule, "code": hold.code},
    )

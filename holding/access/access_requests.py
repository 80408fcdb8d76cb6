"""Access that people ask for, and what an administrator says to it.

Here: asking, declining, what waits; a role that allows the act ends the request. Not here: giving
roles (`people.py`), which role allows what (`actors.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import ColumnElement, Select, func, select, update
from sqlalchemy.orm import Session, aliased

from holding.access.actors import ACTS, Actor, may
from holding.access.role_words import ACT_LABELS
from holding.db.bulk import Columns, of
from holding.db.models import AccessRequest, Membership, Person
from holding.db.refusal import Refusal
from holding.platform.events import record_event

DECIDES: Final = "people.admin"
MIN_REASON: Final = 3
MAX_REASON: Final = 500
OWN: Final = 20  # so many of one's own are told, the newest first


class Answer(StrEnum):
    """How a request stands."""

    WAITS = "waits"
    GRANTED = "granted"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class Requested:
    """What somebody asked for; `said`: why it was declined."""

    id: int
    person_id: int
    person: str
    act: str
    reason: str
    asked_at: datetime
    ended_at: datetime | None
    by: str | None
    granted: bool | None
    said: str

    @property
    def answer(self) -> Answer:
        """How it stands."""
        if self.ended_at is None:
            return Answer.WAITS
        return Answer.GRANTED if self.granted else Answer.DECLINED


_by = aliased(Person, name="other")
_REQUESTED = Columns(
    Requested(
        id=of(AccessRequest.id),
        person_id=of(AccessRequest.person_id),
        person=of(Person.name),
        act=of(AccessRequest.act),
        reason=of(AccessRequest.reason),
        asked_at=of(AccessRequest.asked_at),
        ended_at=of(AccessRequest.ended_at),
        by=of(_by.name),
        granted=of(AccessRequest.granted),
        said=of(AccessRequest.answer),
    ),
    {"person": "person.name", "by": "other.name", "said": "access_request.answer"},
)
_OPEN = AccessRequest.ended_at.is_(None)


def ask(session: Session, actor: Actor, act: str, reason: str, now: datetime) -> Refusal | None:
    """Ask an administrator for a role that allows an act."""
    why = " ".join(reason.split())
    if act not in ACTS:
        return Refusal("access.unknown", "Choose what you want to be allowed.", "", 422)
    if len(why) < MIN_REASON or len(why) > MAX_REASON:
        return Refusal("access.reason", "Enter what you need it for, in a sentence.", "", 422)
    if may(actor, act) is None:
        words = f"You can {ACT_LABELS[act]} already."
        return Refusal("access.had", words, "", 409)
    session.get_one(Person, actor.person_id, with_for_update=True)  # else two at once ask twice
    mine = (AccessRequest.company_id == actor.company_id, AccessRequest.act == act)
    open_ = select(AccessRequest.id).where(*mine, AccessRequest.person_id == actor.person_id, _OPEN)
    if session.scalar(open_) is not None:
        words = f"You have asked to {ACT_LABELS[act]} already."
        return Refusal("access.asked", words, "An administrator decides.", 409)
    row = AccessRequest(
        company_id=actor.company_id, person_id=actor.person_id, act=act, reason=why, asked_at=now
    )
    session.add(row)
    session.flush()
    say = f"{actor.name} asked to be allowed to {ACT_LABELS[act]}: {why}"
    _tell(session, actor, "access.asked", say, row, now)
    return None


def decline(
    session: Session, actor: Actor, request_id: int, reason: str, now: datetime
) -> str | Refusal:
    """Say no, and why; the name of who asked."""
    if refused := may(actor, DECIDES):
        return refused
    why = " ".join(reason.split())
    if len(why) < MIN_REASON or len(why) > MAX_REASON:
        return Refusal("access.reason", "Enter why, for whoever asked.", "", 422)
    row = session.get(AccessRequest, request_id, with_for_update=True)
    if row is None or row.company_id != actor.company_id or row.ended_at is not None:
        return Refusal("access.over", "This request was answered already.", "", 409)
    row.ended_at, row.ended_by_id, row.granted, row.answer = now, actor.person_id, False, why
    name = session.get_one(Person, row.person_id).name
    say = f"{actor.name} declined the request of {name} to {ACT_LABELS[row.act]}: {why}"
    _tell(session, actor, "access.declined", say, row, now)
    return name


def settle(
    session: Session, company_id: int, person_id: int, role: str, actor: Actor, now: datetime
) -> None:
    """A person was given a role: what they had asked for and can do by it is granted."""
    session.execute(
        update(AccessRequest)
        .where(AccessRequest.company_id == company_id, AccessRequest.person_id == person_id, _OPEN)
        .where(AccessRequest.act.in_([act for act, roles in ACTS.items() if role in roles]))
        .values(ended_at=now, ended_by_id=actor.person_id, granted=True)
        .execution_options(synchronize_session=False)
    )


def waiting(session: Session, company_id: int) -> Sequence[Requested]:
    """What waits for an administrator, the oldest first."""
    query = _with_names().where(*_waits(company_id)).order_by(AccessRequest.id)
    return _REQUESTED.each(session.execute(query))


def count(company_id: int) -> Select[int]:
    """How many wait."""
    return select(func.count()).select_from(AccessRequest).where(*_waits(company_id))


def own(session: Session, actor: Actor) -> Sequence[Requested]:
    """What somebody asked for themselves, the newest first."""
    mine = (
        AccessRequest.company_id == actor.company_id,
        AccessRequest.person_id == actor.person_id,
    )
    query = _with_names().where(*mine).order_by(AccessRequest.id.desc()).limit(OWN)
    return _REQUESTED.each(session.execute(query))


def _with_names() -> Select[Requested]:
    query = _REQUESTED.select().join(Person, Person.id == AccessRequest.person_id)
    return query.outerjoin(_by, _by.id == AccessRequest.ended_by_id)


def _waits(company_id: int) -> tuple[ColumnElement[bool], ...]:
    """Who left the company waits for nothing."""
    member = select(Membership.role).where(
        Membership.company_id == AccessRequest.company_id,
        Membership.person_id == AccessRequest.person_id,
    )
    return AccessRequest.company_id == company_id, _OPEN, member.exists()


def _tell(
    session: Session, actor: Actor, act: str, say: str, row: AccessRequest, now: datetime
) -> None:
    body = {"say": say, "person": row.person_id, "act": row.act, "reason": row.answer or row.reason}
    record_event(
        session,
        company_id=row.company_id,
        at=now,
        actor=actor,
        act=act,
        object=f"access:{row.id}",
        body=body,
    )

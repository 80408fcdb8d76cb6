"""Whose a hold is, and until when it is snoozed.

Here: giving holds to a person or back to their team, snoozing them, opening them again when that
time is over, and removing a person from the company, whose holds go back to their teams. Not here:
which team a rule names (judging).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, delete, exists, select, update
from sqlalchemy.orm import Session

from holding.access import operations as tokens
from holding.access.actors import Actor, may, reach_of, roles_of
from holding.access.operations import undoable
from holding.access.people import ACT, empty_team, takers
from holding.access.reach import EVERYTHING, Reach
from holding.db import bulk
from holding.db.models import Company, FormerMember, Hold, Membership, Person, Team, TeamMember
from holding.db.models import Session as SignIn
from holding.db.models.columns import NOW, HoldState
from holding.db.models.decisions import HOLD_OPEN
from holding.db.refusal import Refusal
from holding.exceptions.holds import Desk, Done, Each, alone, beyond, changed_hold, done
from holding.exceptions.restored_assignments import as_they_stand
from holding.platform.events import Fact, record_event, record_events

LONGEST_SNOOZE: Final = timedelta(days=14)


def assign(
    session: Session,
    actor: Actor,
    hold_id: int,
    person_id: int | None,
    now: datetime,
    op: str | None = None,
    seen: int | None = None,
) -> Done | Refusal:
    """Give a hold to a person of the company, or with None back to its team; it stays open.

    `seen` is the lock of the hold that the person looked at: when somebody was faster, nothing is
    changed and the answer has what both wanted.
    """

    def ask() -> Each | Refusal:
        return assign_each(session, actor, [hold_id], person_id, now, op, seen={hold_id: seen})

    return alone(session, actor, now, op, ("assign", hold_id, person_id, seen), ask)


def assign_each(
    session: Session,
    actor: Actor,
    hold_ids: Iterable[int],
    person_id: int | None,
    now: datetime,
    op: str | None = None,
    *,
    seen: Mapping[int, int | None] | None = None,
) -> Each | Refusal:
    """The same for many holds, each with its own answer."""
    refusal = may(actor, ACT)
    if refusal:
        return refusal
    return give(
        Desk(session, actor, hold_ids),
        person_id,
        now,
        op,
        seen=seen or {},
        act="hold.assigned",
        say=lambda hold, name: f"{actor.name} assigned {hold.number} to {name}.",
        undone="assignment",
    )


def give(
    desk: Desk,
    person_id: int | None,
    now: datetime,
    op: str | None,
    *,
    seen: Mapping[int, int | None],
    act: str,
    say: Callable[[Hold, str], str],
    undone: str = "",
) -> Each | Refusal:
    """Let a person have the holds of a desk; `say` words it for the trace, and `undone` what is
    taken back, if it can be.
    """
    here = takers(desk.session, desk.company_id, [person_id]) if person_id else {}
    name = here.get(person_id) if person_id else "its team"
    if name is None:
        return Refusal(
            code="person.unknown",
            message="No user of this company can take it.",
            hint="Choose a finance user or an approver.",
            status=404,
        )
    what = _What(
        act=act,
        mine=f"assign it to {name}",
        say=lambda hold: say(hold, name),
        columns={"person_id": person_id},
        reach=reach_of(desk.session, desk.company_id, person_id or 0),
        did=f"assigned to {name}" if person_id else "back with the team",
        undone=undone,
    )
    return _each(desk, what, seen, now, op)


def snooze(
    session: Session,
    actor: Actor,
    hold_id: int,
    until: datetime,
    now: datetime,
    op: str | None = None,
    seen: int | None = None,
) -> Done | Refusal:
    """Put a hold aside until a moment, at most 14 days on; it stays open, owned and counted."""

    def ask() -> Each | Refusal:
        return snooze_each(session, actor, [hold_id], until, now, op, seen={hold_id: seen})

    return alone(session, actor, now, op, ("snooze", hold_id, until, seen), ask)


def snooze_each(
    session: Session,
    actor: Actor,
    hold_ids: Iterable[int],
    until: datetime,
    now: datetime,
    op: str | None = None,
    *,
    seen: Mapping[int, int | None] | None = None,
) -> Each | Refusal:
    """The same for many holds, each with its own answer."""
    refusal = may(actor, ACT)
    if refusal:
        return refusal
    if not now < until <= now + LONGEST_SNOOZE:
        return Refusal(
            code="snooze.until",
            message="Choose a snooze date within the next two weeks.",
            hint="Choose a day from tomorrow on.",
            status=422,
        )
    desk = Desk(session, actor, hold_ids)
    shown = _shown(session, desk.company_id, until)
    what = _What(
        act="hold.snoozed",
        mine=f"snooze it until {shown}",
        say=lambda hold: f"{actor.name} snoozed {hold.number} until {shown}.",
        columns={"snoozed_until": until},
        did=f"snoozed until {shown}",
        undone="snoozing",
    )
    return _each(desk, what, seen or {}, now, op)


_RESTED = (
    update(Hold)
    .where(Hold.snoozed_until.is_not(None), Hold.snoozed_until <= NOW)
    .values(snoozed_until=None, lock=Hold.lock + 1)
    .returning(Hold.id, Hold.company_id, Hold.record_id, Hold.posting_id, Hold.state)
    .execution_options(synchronize_session=False)
)


def wake_rested(session: Session, now: datetime) -> int:
    """Let holds that rested long enough come back to the list; how many."""
    woken = [row for row in session.execute(_RESTED, {"now": now}) if row.state == HoldState.OPEN]
    record_events(
        session,
        [
            Fact(
                company_id=row.company_id,
                at=now,
                act="hold.rested",
                record_id=row.record_id,
                posting_id=row.posting_id,
                object=f"hold:{row.id}",
                body={"say": "Snooze ended: the hold is back in the list."},
            )
            for row in woken
        ],
    )
    return len(woken)


def hand_over(
    session: Session, actor: Actor, person: Person, now: datetime, *, why: str = "left",
    but: Iterable[ColumnElement[bool]] = (),
) -> int:  # fmt: skip
    """Holds of somebody who leaves, or takes none (`but` these) any more, go back to their teams;
    how many.
    """
    mine = [Hold.company_id == (actor.company_id or 0), Hold.person_id == person.id, HOLD_OPEN]
    mine += [~one for one in but]
    ids = list(session.scalars(select(Hold.id).where(*mine).order_by(Hold.id)))
    desk = Desk(session, actor, ids)
    held = [hold for hold in desk.holds.values() if hold.person_id == person.id]
    _set(session, held, person_id=None)
    teams = {
        team.id: empty_team(session, team.id) or team.shown
        for team in session.scalars(select(Team).where(Team.company_id == desk.company_id))
    }
    made = [
        done(hold, f"{person.name} {why}; {hold.number} is with {teams[hold.team_id or 0]} again.")
        for hold in held
    ]
    desk.tell(made, "hold.handed_over", now, None)
    bulk.forget(session, Hold, ids)
    return len(made)


@dataclass(frozen=True, slots=True, kw_only=True)
class _What:
    """One thing that is done with holds: its event, its words and the columns it writes."""

    act: str
    mine: str  # what the person wanted, should somebody have been faster
    say: Callable[[Hold], str]
    columns: Mapping[str, object]
    did: str  # what the bar says that takes it back
    undone: str  # what is then taken back; empty: it cannot be
    reach: Reach = EVERYTHING  # of who is to have them


def _each(
    desk: Desk, what: _What, seen: Mapping[int, int | None], now: datetime, op: str | None
) -> Each:
    """Do it with each hold of the desk that still is what was looked at."""
    good, left = desk.each(
        lambda hold: (
            changed_hold(desk.session, hold, seen.get(hold.id), what.mine)
            or beyond(desk, hold, what.reach, what.mine)
        )
    )
    _set(desk.session, good, **what.columns)
    made = [done(hold, what.say(hold)) for hold in good]
    desk.tell(made, what.act, now, op)
    if good and what.undone:
        said = f"{good[0].number if len(good) == 1 else len(good)} {what.did}"
        before = as_they_stand(what.undone, good)
        undoable(desk.session, op, said, now, stood=before)
    bulk.forget(desk.session, Hold, [hold.id for hold in good])
    return Each(tuple(made), tuple(left))


def _set(session: Session, holds: Iterable[Hold], **columns: object) -> None:
    """Write these columns; the loaded rows are forgotten by the caller, who still reads them."""
    session.execute(
        update(Hold)
        .where(bulk.among(Hold.id, [hold.id for hold in holds]))
        .values(lock=Hold.lock + 1, **columns)
        .execution_options(synchronize_session=False)
    )


def _shown(session: Session, company_id: int, moment: datetime) -> str:
    zone = ZoneInfo(session.get_one(Company, company_id).zone)
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"


def leave(
    session: Session, actor: Actor, company_id: int, person_id: int, now: datetime
) -> int | Refusal:
    """Take all roles and teams of a person in a company; how many holds went back to their teams.

    Who belongs to no company any more cannot sign in.
    """
    if actor.person_id == person_id:
        return Refusal(
            code="person.self",
            message="You cannot remove yourself.",
            hint="Ask another admin, or use the command line.",
            status=403,
        )
    company, person = session.get_one(Company, company_id), session.get(Person, person_id)
    if person is None or not roles_of(session, company.id, person.id):
        words = f"That person has no role in {company.name}."  # who it is, is another company's
        return Refusal("person.stranger", words, status=404)
    mine = select(Team.id).where(Team.company_id == company.id)
    session.execute(
        delete(TeamMember).where(TeamMember.person_id == person.id, TeamMember.team_id.in_(mine))
    )
    session.execute(
        delete(Membership).where(
            Membership.company_id == company.id, Membership.person_id == person.id
        )
    )
    why = f"{person.name} left {company.name}"
    tokens.end_all(session, actor, person.id, why, now, company_id=company.id)
    handed = hand_over(session, replace(actor, company_id=company.id), person, now)
    session.merge(FormerMember(company_id=company.id, person_id=person.id, left_at=now))
    if not session.scalar(select(exists().where(Membership.person_id == person.id))):
        person.active = False
        session.execute(
            update(SignIn)
            .where(SignIn.person_id == person.id, SignIn.revoked_at.is_(None))
            .values(revoked_at=now)
        )
    record_event(
        session,
        company_id=company.id,
        at=now,
        actor=actor,
        act="person.left",
        body={"say": f"{person.name} left {company.name}.", "person": person.id, "holds": handed},
    )
    return handed

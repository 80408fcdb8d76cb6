"""Assign, snooze and hand over holds, and apply one action to many holds at once."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, delete, exists, select, update
from sqlalchemy.orm import Session

from holding.access import operations
from holding.access import people as teams
from holding.access.actors import Actor, may, reach_of, roles_of
from holding.access.operations import once, undoable
from holding.access.people import ACT, empty_team, takers
from holding.access.reach import EVERYTHING, Reach, within
from holding.approvals import separation
from holding.db import bulk
from holding.db.models import (
    Company,
    Connection,
    FormerMember,
    Hold,
    Membership,
    Note,
    Person,
    Record,
    Team,
    TeamMember,
)
from holding.db.models import Session as SignIn
from holding.db.models.columns import NOW, HoldState
from holding.db.models.decisions import HOLD_OPEN
from holding.db.refusal import Refusal
from holding.holds import locked_periods, releases, retries
from holding.holds.holds import (
    Desk,
    Done,
    Each,
    Left,
    apply_to_one_hold,
    changed_hold,
    done_with,
    lock_records,
    read_each,
    refuse_out_of_reach,
)
from holding.holds.locked_periods import Ways, load_ways, no_period_refusal, refuse_blank_reason
from holding.holds.restored_assignments import state_before
from holding.platform.events import Fact, record_event, record_events
from holding.programs.posted_differences import ACCEPTED, CODES
from rules.decisions.posted_documents import TARGET_EDIT_RULE

LONGEST_SNOOZE: Final = timedelta(days=14)

_RESTED = (
    update(Hold)
    .where(Hold.snoozed_until.is_not(None), Hold.snoozed_until <= NOW)
    .values(snoozed_until=None, lock=Hold.lock + 1)
    .returning(Hold.id, Hold.company_id, Hold.record_id, Hold.posting_id, Hold.state)
    .execution_options(synchronize_session=False)
)

Act = Literal["release", "retry", "assign", "snooze", "date"]

MOST: Final = 1000

NEEDS: Final[Mapping[str, str]] = {
    "release": separation.ACT,
    "retry": retries.RETRY_ACT,
    "assign": teams.ACT,
    "snooze": teams.ACT,
    "date": locked_periods.DATE,
}

_ALONE: Final[Mapping[str, tuple[str, ...]]] = {"release": (ACCEPTED,), "retry": CODES}
"""Actions that decide these finding codes one hold at a time: each such difference has its own
amount.
"""

Seen = Mapping[int, tuple[int, int]]  # hold id -> its lock and its record's version


def assign(
    session: Session,
    actor: Actor,
    hold_id: int,
    person_id: int | None,
    now: datetime,
    op: str | None = None,
    seen: int | None = None,
) -> Done | Refusal:
    """Assign a hold to a user of the company, or with None back to its team. The hold stays open.

    `seen` is the hold's lock when the user looked at it. If another user was faster, nothing
    changes and the refusal names both changes.
    """

    def ask() -> Each | Refusal:
        return assign_each(session, actor, [hold_id], person_id, now, op, seen={hold_id: seen})

    return apply_to_one_hold(session, actor, now, op, ("assign", hold_id, person_id, seen), ask)


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
    """Assign several holds; each has its own result."""
    refusal = may(actor, ACT)
    if refusal:
        return refusal
    return give_holds(
        Desk(session, actor, hold_ids),
        person_id,
        now,
        op,
        seen=seen or {},
        act="hold.assigned",
        say=lambda hold, name: f"{actor.name} assigned {hold.number} to {name}.",
        undone="assignment",
    )


def give_holds(
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
    """Assign the holds of a desk to a user, with the event's wording and the name of its undo."""
    takers_by_id = takers(desk.session, desk.company_id, [person_id]) if person_id else {}
    name = takers_by_id.get(person_id) if person_id else "its team"
    if name is None:
        return Refusal(
            code="person.unknown",
            message="No user of this company can take it.",
            hint="Choose a finance user or an approver.",
            status=404,
        )
    change = _What(
        act=act,
        mine=f"assign it to {name}",
        say=lambda hold: say(hold, name),
        columns={"person_id": person_id},
        reach=reach_of(desk.session, desk.company_id, person_id or 0),
        did=f"assigned to {name}" if person_id else "back with the team",
        undone=undone,
    )
    return _each(desk, change, seen, now, op)


@dataclass(frozen=True, slots=True, kw_only=True)
class _What:
    """One change of holds: its event, its texts and the columns it writes."""

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
    """Apply a change to each hold of the desk that is unchanged since the user looked at it."""
    good, refused_holds = desk.each(
        lambda hold: (
            changed_hold(desk.session, hold, seen.get(hold.id), what.mine)
            or refuse_out_of_reach(desk, hold, what.reach, what.mine)
        )
    )
    _set(desk.session, good, **what.columns)
    results = [done_with(hold, what.say(hold)) for hold in good]
    desk.tell(results, what.act, now, op)
    if good and what.undone:
        summary = f"{good[0].number if len(good) == 1 else len(good)} {what.did}"
        before = state_before(what.undone, good)
        undoable(desk.session, op, summary, now, stood=before)
    bulk.forget(desk.session, Hold, [hold.id for hold in good])
    return Each(tuple(results), tuple(refused_holds))


def _set(session: Session, holds: Iterable[Hold], **columns: object) -> None:
    """Update columns of holds. The caller still reads the loaded rows, and expires them itself."""
    session.execute(
        update(Hold)
        .where(bulk.among(Hold.id, [hold.id for hold in holds]))
        .values(lock=Hold.lock + 1, **columns)
        .execution_options(synchronize_session=False)
    )


def snooze(
    session: Session,
    actor: Actor,
    hold_id: int,
    until: datetime,
    now: datetime,
    op: str | None = None,
    seen: int | None = None,
) -> Done | Refusal:
    """Hide a hold until a time, at most 14 days ahead. It stays open, owned and counted."""

    def ask() -> Each | Refusal:
        return snooze_each(session, actor, [hold_id], until, now, op, seen={hold_id: seen})

    return apply_to_one_hold(session, actor, now, op, ("snooze", hold_id, until, seen), ask)


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
    """Hide several holds until a time; each has its own result."""
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
    until_text = _shown(session, desk.company_id, until)
    what = _What(
        act="hold.snoozed",
        mine=f"snooze it until {until_text}",
        say=lambda hold: f"{actor.name} snoozed {hold.number} until {until_text}.",
        columns={"snoozed_until": until},
        did=f"snoozed until {until_text}",
        undone="snoozing",
    )
    return _each(desk, what, seen or {}, now, op)


def _shown(session: Session, company_id: int, moment: datetime) -> str:
    zone = ZoneInfo(session.get_one(Company, company_id).zone)
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"


def wake_rested(session: Session, now: datetime) -> int:
    """End snoozes whose time has passed, and return how many open holds came back."""
    woken_rows = [
        row for row in session.execute(_RESTED, {"now": now}) if row.state == HoldState.OPEN
    ]
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
            for row in woken_rows
        ],
    )
    return len(woken_rows)


def hand_over(
    session: Session, actor: Actor, person: Person, now: datetime, *, why: str = "left",
    but: Iterable[ColumnElement[bool]] = (),
) -> int:  # fmt: skip
    """Return the holds of a user who leaves to their teams, and return how many.

    Holds that match a condition in `but` stay with the user.
    """
    conditions = [
        Hold.company_id == (actor.company_id or 0),
        Hold.person_id == person.id,
        HOLD_OPEN,
    ]
    conditions += [~condition for condition in but]
    ids = list(session.scalars(select(Hold.id).where(*conditions).order_by(Hold.id)))
    desk = Desk(session, actor, ids)
    person_holds = [hold for hold in desk.holds.values() if hold.person_id == person.id]
    _set(session, person_holds, person_id=None)
    teams = {
        team.id: empty_team(session, team.id) or team.shown
        for team in session.scalars(select(Team).where(Team.company_id == desk.company_id))
    }
    handed = [
        done_with(
            hold, f"{person.name} {why}; {hold.number} is with {teams[hold.team_id or 0]} again."
        )
        for hold in person_holds
    ]
    desk.tell(handed, "hold.handed_over", now, None)
    bulk.forget(session, Hold, ids)
    return len(handed)


def remove_member(
    session: Session, actor: Actor, company_id: int, person_id: int, now: datetime
) -> int | Refusal:
    """Remove a user's roles and teams in a company, and return how many holds went back to teams.

    A user without any company can no longer sign in.
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
    own_teams = select(Team.id).where(Team.company_id == company.id)
    session.execute(
        delete(TeamMember).where(
            TeamMember.person_id == person.id, TeamMember.team_id.in_(own_teams)
        )
    )
    session.execute(
        delete(Membership).where(
            Membership.company_id == company.id, Membership.person_id == person.id
        )
    )
    why = f"{person.name} left {company.name}"
    operations.end_all(session, actor, person.id, why, now, company_id=company.id)
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


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a hold: the user it goes to, and the reason."""

    person_id: int | None
    reason: str


def ask_to_reopen(
    session: Session,
    actor: Actor,
    hold_id: int,
    question: Question,
    now: datetime,
    op: str | None = None,
) -> Done | Refusal:
    """Send a user the request to reopen the locked period, with all its open holds.

    The holds end by themselves when the target opens the period.
    """

    def act() -> Each | Refusal:
        refusal = may(actor, ACT) or refuse_blank_reason(question.reason)
        period_holds = None if refusal else _of(session, actor, hold_id)
        if refusal or period_holds is None:
            return refusal or no_period_refusal()
        ids, period = period_holds
        t_month = period.month
        words = f"to open {t_month} in {period.target}"
        answer = _pass_on(session, actor, ids, question, "period.asked", words, now, op)
        if isinstance(answer, Refusal) or not answer.done:
            return answer
        return replace(answer, done=answer.done[:1])

    return apply_to_one_hold(session, actor, now, op, ("reopen", hold_id, question), act)


def _of(session: Session, actor: Actor, hold_id: int) -> tuple[list[int], Ways] | None:
    """Return all open holds in the hold's locked period, and the options for them."""
    hold = session.scalar(select(Hold).where(Hold.id == hold_id, *within(actor.reach, Hold)))
    if hold is None or hold.company_id != actor.company_id or hold.state != HoldState.OPEN:
        return None
    period = load_ways(session, hold.id)
    siblings = (Hold.cause_id == hold.cause_id, HOLD_OPEN, Hold.id != hold.id)
    query = select(Hold.id).where(*siblings).order_by(Hold.id).limit(MOST - 1)
    return ([hold_id, *session.scalars(query)], period) if period else None


def _pass_on(
    session: Session,
    actor: Actor,
    ids: Iterable[int],
    question: Question,
    act: str,
    words: str,
    now: datetime,
    op: str | None,
) -> Each | Refusal:
    """Assign holds to a user with a question, which is stored as a note on each record."""
    desk, why = Desk(session, actor, ids), question.reason.strip()
    if not question.person_id:
        return Refusal("person.missing", "Choose a person.", status=422)
    answer = give_holds(
        desk,
        question.person_id,
        now,
        op,
        seen={},
        act=act,
        say=lambda _, name: f"{actor.name} asked {name} {words}: {why}",
    )
    if isinstance(answer, Refusal):
        return answer
    notes = [
        {
            "record_id": assigned.record_id,
            "hold_id": assigned.hold_id,
            "person_id": actor.person_id,
            "kind": "note",
            "body": assigned.say,
            "at": now,
        }
        for assigned in answer.done
    ]
    bulk.insert_rows(session, Note, notes)
    return answer


def ask_to_redirect(
    session: Session,
    actor: Actor,
    hold_id: int,
    question: Question,
    now: datetime,
    op: str | None = None,
) -> Done | Refusal:
    """Send a user the request to decide about this one document, which may belong elsewhere."""

    def act() -> Each | Refusal:
        refusal = may(actor, ACT) or refuse_blank_reason(question.reason)
        locked_document = None if refusal else _of(session, actor, hold_id)
        if refusal or locked_document is None:
            return refusal or no_period_refusal()
        words = "to decide where it goes"
        return _pass_on(session, actor, [hold_id], question, "period.redirected", words, now, op)

    return apply_to_one_hold(session, actor, now, op, ("redirect", hold_id, question), act)


def ask_source(
    session: Session,
    actor: Actor,
    hold_id: int,
    question: Question,
    now: datetime,
    op: str | None = None,
) -> Done | Refusal:
    """Send a user the request to correct the record in its source, because the target is right.

    The hold ends by itself when the record equals what the target shows.
    """

    def act() -> Each | Refusal:
        refusal = may(actor, ACT) or refuse_blank_reason(question.reason)
        if refusal:
            return refusal
        source = session.scalar(
            select(Connection.name)
            .join(Record, Record.source_id == Connection.id)
            .join(Hold, Hold.record_id == Record.id)
            .where(Hold.id == hold_id, Hold.rule == TARGET_EDIT_RULE, HOLD_OPEN)
            .where(Hold.company_id == actor.company_id, *within(actor.reach, Hold))
        )
        if source is None:
            return Refusal("hold.not_edited", "This document was not changed by hand.")
        words = f"to correct it in {source}"
        return _pass_on(session, actor, [hold_id], question, "hold.source_asked", words, now, op)

    return apply_to_one_hold(session, actor, now, op, ("source", hold_id, question), act)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What to do with which holds, as the user looked at them."""

    act: Act
    seen: Seen
    reason: str = ""
    person_id: int | None = None
    until: datetime | None = None
    day: date | None = None  # None: the first open one of each
    opened: bool = False  # a retry asks whether the person has opened the messages


@dataclass(frozen=True, slots=True)
class SetChanged(Refusal):
    """The refusal when some holds changed since the user looked; `changes` lists what became of
    each.
    """

    changes: tuple[Left, ...] = ()


def allowed_acts(actor: Actor) -> list[str]:
    """Return the actions that a user may perform."""
    return [act for act, need in NEEDS.items() if may(actor, need) is None]


def apply_to_holds(
    session: Session, actor: Actor, wish: Wish, now: datetime, op: str, *, as_seen: bool = False
) -> Each | Refusal:
    """Apply an action to each hold. A hold that cannot be changed is left with a reason.

    With `as_seen`, nothing is changed unless every hold is as the user saw it (`SetChanged`).
    """
    if len(wish.seen) > MOST:
        return Refusal(
            code="many.too_many",
            message=f"At most {MOST:,} at once; these are {len(wish.seen):,}.",
            hint="Narrow the filter.",
            status=422,
        )

    def act() -> Each | Refusal:
        moved = _moved(session, actor, wish.seen)
        if as_seen and (changes := (*moved.values(), *_closed(session, actor, wish.seen))):
            return _changed(changes)
        unmoved_ids = [hold_id for hold_id in wish.seen if hold_id not in moved]
        answer = _act(session, actor, wish, unmoved_ids, now, op)
        if isinstance(answer, Refusal):
            return answer
        return replace(answer, left=(*moved.values(), *answer.left))

    request = ("many", wish)
    return once(session, actor, op, asked=request, now=now, act=act, read=read_each)


def _moved(session: Session, actor: Actor, reviewed: Seen) -> dict[int, Left]:
    """Return the open holds that changed since the user looked at them, with the refusal."""
    lock_records(session, actor.company_id or 0, list(reviewed))
    query = (
        select(Hold.id, Hold.lock, Hold.number, Hold.state, Record.version_id)
        .join(Record, Record.id == Hold.record_id)
        .where(Hold.company_id == (actor.company_id or 0), bulk.among(Hold.id, list(reviewed)))
        .where(*within(actor.reach, Hold))
        .order_by(Record.id, Hold.id)
    )
    changed = Refusal(
        code="hold.moved",
        message="It changed while you were reviewing it.",
        hint="Look at it again.",
    )
    return {
        row.id: Left(row.id, row.number, changed)
        for row in session.execute(query)
        if row.state == HoldState.OPEN and reviewed[row.id] != (row.lock, row.version_id)
    }


def _closed(session: Session, actor: Actor, reviewed: Seen) -> list[Left]:
    """Return the holds that are no longer open, with the refusal."""
    query = (
        select(Hold.id, Hold.number)
        .where(Hold.company_id == (actor.company_id or 0), bulk.among(Hold.id, list(reviewed)))
        .where(Hold.state != HoldState.OPEN, *within(actor.reach, Hold))
        .order_by(Hold.id)
    )
    over = Refusal("hold.closed", "It is no longer on hold.", "Nothing is left to do.")
    return [Left(row.id, row.number, over) for row in session.execute(query)]


def _changed(changes: tuple[Left, ...]) -> SetChanged:
    """Return the refusal of the whole action because some holds changed."""
    return SetChanged(
        code="many.changed",
        message="The list changed while you were reviewing it. Nothing was done.",
        hint="Look at what changed, then do it with what is there now.",
        status=409,
        changes=changes,
    )


def _act(
    session: Session, actor: Actor, wish: Wish, ids: list[int], now: datetime, op: str
) -> Each | Refusal:
    if wish.act in _ALONE:
        single_only = _alone(session, actor, ids, _ALONE[wish.act])
        other_ids = [hold_id for hold_id in ids if hold_id not in single_only]
        if wish.act == "release":
            answer = releases.release_each(session, actor, other_ids, wish.reason, now, op)
        else:
            answer = retries.retry_each(session, actor, other_ids, now, op, opened=wish.opened)
        if isinstance(answer, Refusal):
            return answer
        return replace(answer, left=(*single_only.values(), *answer.left))
    if wish.act == "assign":
        return assign_each(session, actor, ids, wish.person_id, now, op)
    if wish.act == "date":
        return locked_periods.change_dates(session, actor, ids, wish.day, wish.reason, now, op)
    return snooze_each(session, actor, ids, wish.until or now, now, op)


def _alone(
    session: Session, actor: Actor, ids: list[int], codes: tuple[str, ...]
) -> dict[int, Left]:
    """Return the holds that must be decided one by one, as each difference has its own amount."""
    query = select(Hold.id, Hold.number).where(
        Hold.company_id == (actor.company_id or 0),
        bulk.among(Hold.id, ids),
        Hold.code.in_(codes),
        *within(actor.reach, Hold),
    )
    return {
        hold_id: Left(
            hold_id,
            number,
            Refusal(
                code="difference.alone",
                message=f"{number} changed after posting, so its difference is decided on its own.",
                hint="Open it to see what is posted against what the source says now.",
            ),
        )
        for hold_id, number in session.execute(query.order_by(Hold.id))
    }


def refusal_if_none_done(answer: Each) -> Refusal | None:
    """Return a refusal when nothing was done because no hold is the user's to decide."""
    return (
        None
        if answer.done
        else separation.none_of([left_hold.refusal for left_hold in answer.left])
    )


def earlier_answer(session: Session, actor: Actor, op: str) -> Each | None:
    """Return the stored answer of this user's form, if there is one."""
    return operations.answered(session, actor, op, ("done", "left"), read_each)

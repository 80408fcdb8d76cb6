"""Resolve holds of a locked period by giving the document another date.

Requests to reopen the period are in `assignments.py`. The next evaluation closes the hold.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.access.actors import Actor, may
from holding.access.operations import undoable
from holding.db import bulk
from holding.db.models import Cause, Company, Connection, Dating, Evaluation, Hold, Posting
from holding.db.models.postings import UNSENT_STATES
from holding.db.refusal import Refusal
from holding.holds.holds import Desk, Done, Each, ViewedDesk, apply_to_one_hold, done_with
from holding.platform.changes import wake_records
from holding.programs import world
from rules.values.wording import month_name

DATE: Final = "record.edit"
LOCKED: Final = "period_locked"


@dataclass(frozen=True, slots=True)
class Ways:
    """The options for a document of a locked period.

    `month` is its name, such as October 2026. `first_open` is the first date that the document may
    have. `stuck` explains why another date does not help.
    """

    target: str
    month: str
    day: date | None
    first_open: date | None
    stuck: str

    @property
    def locked_through(self) -> date | None:
        """The last locked day, if another date helps."""
        return self.first_open - timedelta(days=1) if self.first_open else None


def load_ways(session: Session, hold_id: int) -> Ways | None:
    """Return the options for this hold, or None if no locked period caused it."""
    hold = session.get_one(Hold, hold_id)
    if hold.error_class != LOCKED:
        return None
    posting = session.get(Posting, hold.posting_id or 0)
    month = month_name(session.get_one(Cause, hold.cause_id).key.month)
    target = session.get(Connection, hold.connection_id or 0)
    until = world.locked_through(session, target.id) if target else None
    return _ways(hold, posting, until, target.name if target else "the accounting system", month)


def first_days(session: Session, hold_ids: Iterable[int]) -> dict[int, date]:
    """Return the date that each hold's document would get; holds without an open date are left
    out.
    """
    wanted_holds = bulk.among(Hold.id, sorted(set(hold_ids)))
    holds = {hold.id: hold for hold in session.scalars(select(Hold).where(wanted_holds))}
    wanted_postings = bulk.among(
        Posting.id, sorted({hold.posting_id or 0 for hold in holds.values()})
    )
    postings = {
        posting.id: posting for posting in session.scalars(select(Posting).where(wanted_postings))
    }
    ways_by_hold = _all_ways(session, holds, postings).items()
    return {
        hold_id: hold_ways.first_open
        for hold_id, hold_ways in ways_by_hold
        if hold_ways and hold_ways.first_open
    }


def _all_ways(
    session: Session, holds_by_id: Mapping[int, Hold], postings: Mapping[int, Posting]
) -> dict[int, Ways | None]:
    """Return the options for several holds, with few queries."""
    holds = [hold for hold in holds_by_id.values() if hold.error_class == LOCKED]
    keys = bulk.among(Cause.id, sorted({hold.cause_id for hold in holds}))
    months = dict(session.execute(select(Cause.id, Cause.key).where(keys)).all())
    targets = {
        target_id: (session.get_one(Connection, target_id), until)
        for target_id in sorted({hold.connection_id or 0 for hold in holds} - {0})
        for until in [world.locked_through(session, target_id)]
    }
    ways_by_hold: dict[int, Ways | None] = dict.fromkeys(holds_by_id)
    for hold in holds:
        target, until = targets.get(hold.connection_id or 0, (None, None))
        month = month_name(months[hold.cause_id].month)
        name = target.name if target else "the accounting system"
        ways_by_hold[hold.id] = _ways(hold, postings.get(hold.posting_id or 0), until, name, month)
    return ways_by_hold


def _ways(hold: Hold, posting: Posting | None, until: date | None, target: str, month: str) -> Ways:
    content = posting.content if posting else None
    day = date.fromisoformat(content["date"]) if content else None
    if hold.of_push and day is not None:
        until = max(until or day, day)  # it was refused, whatever we were told
    stuck = _stuck(posting, day, until, target)
    first = until + timedelta(days=1) if until and not stuck else None
    return Ways(target, month, day, first, stuck)


def _stuck(posting: Posting | None, day: date | None, until: date | None, target: str) -> str:
    if posting is None or day is None:
        return "The document is not known yet: clear its other holds first."
    if posting.state not in UNSENT_STATES:
        return f"You cannot change the date, because the document is already in {target}."
    if until is None or until == date.max:
        return f"{target} does not report its first open date."
    if day > until:
        return (
            f"The document date {day} is open, but an earlier document that it follows "
            "is in a locked period."
        )
    return ""


def change_date(
    session: Session,
    actor: Actor,
    hold_id: int,
    day: date | None,
    reason: str,
    now: datetime,
    op: str | None = None,
) -> Done | Refusal:
    """Give the hold's document another date; None means the first open one."""

    def ask() -> Each | Refusal:
        return change_dates(session, actor, [hold_id], day, reason, now, op)

    return apply_to_one_hold(session, actor, now, op, ("date", hold_id, day, reason), ask)


def change_dates(
    session: Session,
    actor: Actor,
    hold_ids: Iterable[int],
    day: date | None,
    reason: str,
    now: datetime,
    op: str | None = None,
) -> Each | Refusal:
    """Change the date of several documents; each has its own result."""
    refusal = may(actor, DATE) or refuse_blank_reason(reason)
    if refusal:
        return refusal
    desk = Desk(session, actor, hold_ids)
    good, refused_holds = desk.each(_dating(desk, day, now))
    ways_by_hold = _all_ways(session, desk.holds, desk.postings)
    why = reason.strip()
    days = {hold.id: _days(ways_by_hold[hold.id], day) for hold in good}
    _keep(desk, days, why, now, op)
    changed = [
        done_with(hold, f"{actor.name} dated {hold.number} {new} instead of {old}: {why}")
        for hold, (old, new) in zip(good, days.values(), strict=True)
    ]
    desk.tell(changed, "posting.dated", now, op)
    summary = f"{changed[0].number} dated" if len(changed) == 1 else f"{len(changed)} dated"
    later = undoable(session, op, summary, now) if changed else now
    wake_records(session, {hold.record_id for hold in good}, later)
    return Each(tuple(changed), tuple(refused_holds))


def date_refusals(
    session: Session, actor: Actor, hold_ids: Iterable[int], now: datetime
) -> Mapping[int, Refusal]:
    """Return by id the holds whose document this user cannot give its first open date."""
    desk = ViewedDesk(session, actor, hold_ids)
    if refusal := may(actor, DATE):
        return dict.fromkeys(desk.wanted, refusal)
    return desk.refusals(_dating(desk, None, now))


def _dating(desk: Desk, day: date | None, now: datetime) -> Callable[[Hold], Refusal | None]:
    """Return the check whether the user can give a hold's document a date."""
    zone = ZoneInfo(desk.session.get_one(Company, desk.company_id).zone)
    today = now.astimezone(zone).date()
    ways_by_hold = _all_ways(desk.session, desk.holds, desk.postings)
    return lambda hold: _not_theirs(desk, hold) or _no_day(ways_by_hold[hold.id], day, today)


def _days(options: Ways | None, day: date | None) -> tuple[date, date]:
    """Return the document's current date and its new date."""
    old, first = (options.day, options.first_open) if options else (None, None)
    if old is None or first is None:
        message = "what has no other day was left"
        raise ValueError(message)
    return old, day or first


def _keep(
    desk: Desk, days: Mapping[int, tuple[date, date]], reason: str, now: datetime, op: str | None
) -> None:
    """Store the old and new date of each document, and void earlier dates."""
    session, holds = desk.session, [desk.holds[hold_id] for hold_id in days]
    of_records = bulk.among(Dating.record_id, sorted({hold.record_id for hold in holds}))
    standing = {
        (row.record_id, row.route): row
        for row in session.scalars(select(Dating).where(of_records, Dating.voided_at.is_(None)))
    }
    judged = _judged_at(desk) if standing else {}
    rows = {}
    for hold in holds:
        old, new = days[hold.id]
        before = standing.get((hold.record_id, hold.route))
        if before is not None:
            before.voided_at = now
            if before.day == old or judged[hold.posting_id or 0] <= before.at:
                old = before.instead_of  # the rules say that one, as far as anybody knows
        rows[hold.record_id, hold.route] = {
            "record_id": hold.record_id,
            "route": hold.route,
            "instead_of": old,
            "day": new,
            "person_id": desk.actor.person_id,
            "reason": reason,
            "at": now,
            "operation_id": op,
        }
    for hold in holds:
        hold.lock += 1  # whoever saw it with its day before does not date it once more
    session.flush()
    bulk.insert_rows(session, Dating, list(rows.values()))


def _judged_at(desk: Desk) -> dict[int, datetime]:
    """Return by posting id when its current date was evaluated."""
    query = (
        select(Posting.id, Evaluation.at)
        .join(Evaluation, Evaluation.id == Posting.evaluation_id)
        .where(bulk.among(Posting.id, list(desk.postings)))
    )
    return dict(desk.session.execute(query).all())


def _not_theirs(desk: Desk, hold: Hold) -> Refusal | None:
    if desk.in_team(hold.team_id, desk.actor.person_id):
        return None
    return Refusal(
        code="period.team",
        message="You cannot act on this hold, because it belongs to another team.",
        hint=f"{desk.who(DATE, hold.team_id)} change its date.",
        status=403,
    )


def _no_day(options: Ways | None, day: date | None, today: date) -> Refusal | None:
    """Return why this document cannot have this date."""
    if options is None:
        return no_period_refusal()
    if options.first_open is None:
        return Refusal(
            "period.stuck",
            options.stuck,
            "Ask for the month to be opened, or ask a colleague to decide.",
        )
    new_day = day or options.first_open
    if new_day < options.first_open:
        return Refusal(
            code="period.locked",
            message=f"{new_day} is also locked in {options.target}.",
            hint=f"The first open day is {options.first_open}.",
            status=422,
        )
    if new_day > max(today, options.first_open):
        return Refusal(
            "period.later", f"{new_day} is in the future.", "Choose today or an earlier date.", 422
        )
    return None


def refuse_blank_reason(reason: str) -> Refusal | None:
    """Refuse a blank reason."""
    if reason.strip():
        return None
    return Refusal("reason.missing", "Enter a reason.", status=422)


def no_period_refusal() -> Refusal:
    """Return the refusal for a hold that no locked period caused."""
    return Refusal("period.none", "No locked period holds this.", "Load the page again.")

"""I6 to I8: nothing waits without end, without an owner or without a reason.

Here: calls, leases, due marks and holds. Not here: what was sent (effects.py).
"""

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import Select, and_, exists, func, null, or_, select, text

from holding.db import leases as failure_counts
from holding.db.models import (
    Attempt,
    Cause,
    Company,
    Connection,
    Delivery,
    Evaluation,
    Hold,
    MappingEntry,
    Posting,
    PostingUse,
    Push,
    Record,
    Request,
    Run,
    Schedule,
    Singleton,
)
from holding.db.models.columns import PushState, RecordState
from holding.db.models.decisions import HOLD_OPEN
from holding.db.models.postings import IN_FLIGHT_STATES, TO_SEND_STATES
from holding.db.models.records import RECORD_STATES
from holding.integrity.journal_and_ledgers import Breach, Look
from holding.integrity.tally_kept import wrong_tally
from holding.platform.changes import is_marked
from holding.platform.states import counted
from rules.values.posting_states import PostingState

AFTER_DEADLINE = timedelta(seconds=60)
WORKED_ON: tuple[type[Record | Posting | Run | Delivery], ...] = (Record, Posting, Run, Delivery)


def no_call_forgotten(look: Look) -> Iterator[Breach]:
    """I6: a call whose time is long over was marked as a doubt."""
    late = look.now - AFTER_DEADLINE - look.lease - look.sweep
    query = (
        select(Push.number, Posting.record_id, func.max(Request.deadline_at))
        .join(Posting, Posting.push_id == Push.id)
        .join(Attempt, Attempt.push_id == Push.id)
        .join(Request, Request.id == Attempt.request_id)
        .join(Connection, Connection.id == Push.connection_id)
        .where(
            Posting.company_id == look.company_id,
            Push.state.in_((PushState.INTENT, PushState.SENDING)),
        )
        .where(Connection.paused_at.is_(None), Request.kind == "push")
        .group_by(Push.number, Posting.record_id)
        .having(func.max(Request.deadline_at) < late)
    )
    for number, record_id, deadline in look.session.execute(query):
        say = (
            f"{number} was to be answered by {deadline:%Y-%m-%d %H:%M:%S} and was not asked again."
        )
        yield Breach("I6", say, (record_id,))


def no_lease_forgotten(look: Look) -> Iterator[Breach]:
    """I7: no lease outlived its worker by far, none ends in the far future; somebody comes back."""
    longest = look.lease + look.answer
    ended = look.now - 2 * longest - look.sweep
    far = look.now + 2 * longest
    for table in WORKED_ON:
        record = Record.id if table is Record else Posting.record_id
        query = (
            select(table.id, table.lease_owner, table.lease_until)
            .add_columns((record if table in (Record, Posting) else null()).label("about"))
            .where(table.company_id == look.company_id, text("lease_until IS NOT NULL"))
            .where(or_(table.lease_until < ended, table.lease_until > far))
        )
        for row in look.session.execute(query):
            say = f"The lease of {row.lease_owner} on {table.__tablename__} {row.id} ends at"
            about = (row.about,) if row.about else ()
            yield Breach("I7", f"{say} {row.lease_until:%Y-%m-%d %H:%M:%S}.", about)
    duties = select(Singleton).where(Singleton.until > far, ~failure_counts.is_count())
    for duty in look.session.scalars(duties):
        yield Breach("I7", f"{duty.owner} has the duty {duty.name} until {duty.until:%Y-%m-%d}.")
    for left in (_left_records(look), _left_postings(look)):
        for row in look.session.execute(left):
            say = f"{row.number} is {row.state}, and neither a due time nor a worker will come back"
            yield Breach("I7", f"{say} to it.", (row.record_id,))
    for row in look.session.execute(_changed_postings(look)):
        say = f"{row.number} was made with a mapping that was changed, and is not checked again."
        yield Breach("I7", say, (row.record_id,))


def _left_records(look: Look) -> Select[str, str, int]:
    """Not judged, and not due."""
    return (
        select(Record.number, Record.state, Record.id.label("record_id"))
        .join(Company, Company.id == Record.company_id)
        .where(Record.company_id == look.company_id, Company.ruleset_version_id.is_not(None))
        .where(Record.state == RecordState.RECEIVED, Record.version_id.is_not(None))
        .where(Record.due_at.is_(None), Record.lease_until.is_(None))
    )


def _left_postings(look: Look) -> Select[str, str, int]:
    """On their way or ready to go, and not due; a daily route waits for its hour, a batch for its
    turn.
    """
    daily = exists().where(
        Schedule.company_id == Posting.company_id, Schedule.route == Posting.route, Schedule.active
    )
    batch = exists().where(
        Run.connection_id == Posting.connection_id, Run.ended_at.is_(None), Run.kind != "immediate"
    )
    record = exists().where(
        Record.id == Posting.record_id,
        or_(Record.due_at.is_not(None), Record.lease_until.is_not(None)),
    )
    return select(Posting.number, Posting.state, Posting.record_id).where(
        Posting.company_id == look.company_id,
        Posting.due_at.is_(None),
        Posting.lease_until.is_(None),
        or_(
            Posting.state.in_(IN_FLIGHT_STATES),
            and_(Posting.state == PostingState.READY, ~daily, ~batch, ~record),
        ),
    )


def _changed_postings(look: Look) -> Select[str, int]:
    """Not sent, made with an entry that ended after its record was last judged, and nobody is going
    to judge it again or to look at it.
    """
    last = select(func.max(Evaluation.revision)).where(Evaluation.record_id == Posting.record_id)
    used = exists().where(
        PostingUse.posting_id == Posting.id,
        MappingEntry.id == PostingUse.entry_id,
        MappingEntry.to_revision > last.correlate(Posting).scalar_subquery(),
    )
    return (
        select(Posting.number, Posting.record_id)
        .join(Record, Record.id == Posting.record_id)
        .where(Posting.company_id == look.company_id, Posting.state.in_(TO_SEND_STATES))
        .where(Record.due_at.is_(None), Record.lease_until.is_(None), used, ~is_marked())
    )


def holds_have_owner(look: Look) -> Iterator[Breach]:
    """I8: what is held says why, whose it is and since when; the counters of causes and the tally
    are true.
    """
    bare = select(Hold.number, Hold.code, Hold.record_id).where(
        Hold.company_id == look.company_id,
        HOLD_OPEN,
        or_(
            Hold.error_class == "",
            Hold.message == "",
            and_(Hold.team_id.is_(None), Hold.person_id.is_(None)),
        ),
    )
    for number, code, record_id in look.session.execute(bare):
        yield Breach(
            "I8", f"The hold {code} of {number} has no class, words or owner.", (record_id,)
        )
    yield from _wrong_states(look)
    yield from _wrong_counts(look)
    yield from wrong_tally(look)


def _wrong_states(look: Look) -> Iterator[Breach]:
    """The state of a record follows from its postings and its open holds."""
    held = exists().where(Hold.record_id == Record.id, HOLD_OPEN)
    query = (
        select(
            Record.id,
            Record.number,
            Record.state,
            Posting.state.label("posting_state"),
            Posting.reverses_id,
            held.label("held"),
        )
        .outerjoin(Posting, Posting.record_id == Record.id)
        .where(Record.company_id == look.company_id, Record.state != RecordState.RECEIVED)
        .order_by(Record.id)
    )
    found: dict[tuple[int, str, str], set[str]] = {}
    for row in look.session.execute(query):
        states = found.setdefault((row.id, row.number, row.state), set())
        states |= {counted(row.posting_state, row.reverses_id)} if row.posting_state else set()
        states |= {"held"} if row.held else set()
    for (record_id, number, state), states in found.items():
        settled = state == RecordState.REFERENCE and not states
        meant = next((one for one in RECORD_STATES if one in states), RecordState.WAITING)
        if state != meant and not settled:
            say = f"{number} is {state}, but what it became and what holds it make it {meant}."
            yield Breach("I8", say, (record_id,))


def _wrong_counts(look: Look) -> Iterator[Breach]:
    counted = (
        select(Hold.cause_id, func.count(func.distinct(Hold.record_id)).label("records"))
        .where(Hold.company_id == look.company_id, HOLD_OPEN)
        .group_by(Hold.cause_id)
        .subquery()
    )
    live = func.coalesce(counted.c.records, 0)
    query = (
        select(Cause.label, Cause.records, live)
        .outerjoin(counted, counted.c.cause_id == Cause.id)
        .where(Cause.company_id == look.company_id, Cause.records != live)
    )
    for label, told, true in look.session.execute(query):
        yield Breach("I8", f"“{label}” counts {told} records; {true} are held by it.")

"""The safety stop: when one change moves far more than usual, its route stops and asks.

Here: the sums of each change on each route, the limit, the stop, and what people decide. Not here:
which postings a change moved (change_impact.py), who is kept from sending
(holding/journal/posting_claims.py).

The limit is the company's own figure, else three times what the route posts on a usual day, and at
least a hundred records or 100,000.00 in the books.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from holding.access.actors import SYSTEM, Actor, may
from holding.access.people import names_of
from holding.audit.events import record_event
from holding.evaluation.batch import Batch
from holding.evaluation.change_impact import moved_by_changes
from holding.evaluation.plan_parts import Plan
from holding.lifecycle.changes import locked_company
from holding.refusal import Refusal
from holding.store import bulk
from holding.tables import Company, Connection, Posting, Revision, RouteStop, RulesetVersion
from holding.tables.row_states import StopState
from holding.words import money, plural

SETTING: Final = "safety_stop"  # key of company.settings: {"records": whole, "book": minor units}
LEAST_RECORDS: Final = 100
LEAST_BOOK: Final = 100_000_00
USUAL_DAYS: Final = 30
TIMES: Final = 3


@dataclass(frozen=True, slots=True)
class Limit:
    """Safety limit for a single change on one route, in records and in minor units of the books."""

    records: int
    book: int


def count(session: Session, batch: Batch, plans: Sequence[Plan], now: datetime) -> None:
    """Add what this judging moved through changes; stop a route whose change went over its limit.

    Called last in the finish of a judging: nothing that it made ready can be sent before the stop.
    """
    moves = moved_by_changes(session, batch, plans)
    if moves and not session.get_one(Company, batch.company_id).live:
        return  # nothing is sent, and whoever takes it live is shown count and money
    for route, revision in sorted(moves):
        records, book = moves[route, revision]
        stop = _counting(session, batch.company_id, route, revision)
        stop.records += records
        stop.book += book
        if stop.state == StopState.COUNTING:
            _consider(session, stop, now)
    session.flush()


def limit_of(session: Session, company_id: int, route: str, now: datetime) -> Limit:
    """The company's own figures; what it left open follows from what is usual on the route."""
    records, book = own_limit(session, company_id)
    if records is not None and book is not None:
        return Limit(records, book)
    usual = _usual(session, company_id, route, now)
    return Limit(records or usual.records, book or usual.book)


def own_limit(session: Session, company_id: int) -> tuple[int | None, int | None]:
    """The company's own figures: records, minor units of the books; None = what is usual."""
    own = session.get_one(Company, company_id).settings.get(SETTING) or {}
    return own.get("records"), own.get("book")


def set_limit(
    session: Session,
    actor: Actor,
    company_id: int,
    *,
    records: int | None,
    book: int | None,
    now: datetime,
) -> Refusal | None:
    """Give the company its own limit; None = what is usual on each route."""
    if refusal := may(actor, "connection.admin"):
        return refusal
    company = locked_company(session, company_id)
    company.settings = {**company.settings, SETTING: {"records": records, "book": book}}
    told = [
        plural(records, "record") if records is not None else "",
        money(book, company.currency) if book is not None else "",
    ]
    words = " or ".join(word for word in told if word) or "what is usual for each posting rule"
    record_event(
        session,
        company_id=company_id,
        at=now,
        actor=actor,
        act="stop.limit",
        body={
            "say": f"{actor.name} set the safety stop to {words}.",
            "records": records,
            "book": book,
        },
    )
    return None


def resume(
    session: Session, actor: Actor, stop_id: int, reason: str, now: datetime
) -> str | Refusal:
    """Let the route go on, never by who made the change; the name of the route."""
    stop = _decided(session, actor, stop_id, reason)
    if isinstance(stop, Refusal):
        return stop
    if refusal := _own_change(session, actor, stop):
        return refusal
    stop.state, stop.resumed_at, stop.resumed_by_id = StopState.RESUMED, now, actor.person_id
    stop.resumed_why = reason.strip()
    say = f"{actor.name} resumed {stop.route}: {reason.strip()}"
    _tell(session, stop, actor, now, "route.resumed", say)
    return stop.route


def keep(session: Session, actor: Actor, stop_id: int, reason: str, now: datetime) -> str | Refusal:
    """Leave the route stopped, and say why, for the others; the name of the route."""
    stop = _decided(session, actor, stop_id, reason)
    if isinstance(stop, Refusal):
        return stop
    stop.kept_at, stop.kept_by_id, stop.kept_why = now, actor.person_id, reason.strip()
    say = f"{actor.name} keeps {stop.route} stopped: {reason.strip()}"
    _tell(session, stop, actor, now, "route.kept", say)
    return stop.route


def _counting(session: Session, company_id: int, route: str, revision: int) -> RouteStop:
    """The row of this change on this route, locked."""
    query = select(RouteStop).where(
        RouteStop.company_id == company_id,
        RouteStop.route == route,
        RouteStop.revision == revision,
    )
    values = {"company_id": company_id, "route": route, "revision": revision}
    values |= {"state": StopState.COUNTING, "records": 0, "book": 0}
    bulk.insert_once(session, RouteStop, values)
    locked = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    return session.scalars(locked).one()


def _consider(session: Session, stop: RouteStop, now: datetime) -> None:
    if stop.most_records is None or stop.most_book is None:
        if _surely_allowed(session, stop):
            return
        limit = limit_of(session, stop.company_id, stop.route, now)
        stop.most_records, stop.most_book = limit.records, limit.book
    if stop.records <= stop.most_records and stop.book <= stop.most_book:
        return
    stop.state, stop.stopped_at = StopState.STOPPED, now
    say = (
        f"Posting of {stop.route} stopped for a decision: a single change affects"
        f" {amount_of(session, stop)}. Change: {cause_of(session, stop)}."
    )
    _tell(session, stop, SYSTEM, now, "route.stopped", say)


def _surely_allowed(session: Session, stop: RouteStop) -> bool:
    """Whether it is within any limit, so that nobody needs to ask what is usual."""
    records, book = own_limit(session, stop.company_id)
    return stop.records <= (records or LEAST_RECORDS) and stop.book <= (book or LEAST_BOOK)


def amount_of(session: Session, stop: RouteStop) -> str:
    """How much it is, in words."""
    currency = session.get_one(Company, stop.company_id).currency
    return f"{plural(stop.records, 'record')}, {money(stop.book, currency)}"


def cause_of(session: Session, stop: RouteStop) -> str:
    """The change behind it, in words."""
    found = session.get_one(Revision, (stop.company_id, stop.revision))
    by = names_of(session, [found.person_id]).get(found.person_id or 0, "Clearpost")
    return f"{found.what} (revision {found.no}, {by})"


def _usual(session: Session, company_id: int, route: str, now: datetime) -> Limit:
    book = func.coalesce(func.sum(Posting.book), 0).label("book")
    targets = select(Connection.id).where(Connection.company_id == company_id)
    query = select(func.count().label("records"), book).where(
        Posting.connection_id.in_(targets),
        Posting.route == route,
        Posting.posted_at > now - timedelta(days=USUAL_DAYS),
    )
    found = session.execute(query).one()
    return Limit(
        max(LEAST_RECORDS, TIMES * int(found.records) // USUAL_DAYS),
        max(LEAST_BOOK, TIMES * int(found.book) // USUAL_DAYS),
    )


def _decided(session: Session, actor: Actor, stop_id: int, reason: str) -> RouteStop | Refusal:
    if refusal := may(actor, "stop.decide"):
        return refusal
    if not reason.strip():
        return Refusal("reason.missing", "Enter a reason.", "Say why, for the others.", 422)
    stop = session.scalars(
        select(RouteStop)
        .where(RouteStop.id == stop_id, RouteStop.company_id == actor.company_id)
        .with_for_update(key_share=True)
    ).one_or_none()
    if stop is None:
        return Refusal("stop.unknown", "There is no such stop.", status=404)
    if stop.state != StopState.STOPPED:
        by = names_of(session, [stop.resumed_by_id]).get(stop.resumed_by_id or 0, "another user")
        why = f"{by} resumed {stop.route} already: {stop.resumed_why}"
        return Refusal("stop.over", why, "Nothing was changed.", 409)
    return stop


def _own_change(session: Session, actor: Actor, stop: RouteStop) -> Refusal | None:
    found = session.get_one(Revision, (stop.company_id, stop.revision))
    writers = select(RulesetVersion.author_id).where(
        RulesetVersion.company_id == stop.company_id, RulesetVersion.revision == stop.revision
    )
    if actor.person_id not in {found.person_id, *session.scalars(writers)}:
        return None
    return Refusal(
        "stop.own",
        f"You cannot resume {stop.route}, because you made the change that stopped it.",
        "Another person must review it and resume.",
        403,
    )


def _tell(
    session: Session, stop: RouteStop, actor: Actor, now: datetime, act: str, say: str
) -> None:
    body: dict[str, Any] = {
        "say": say,
        "route": stop.route,
        "revision": stop.revision,
        "records": stop.records,
        "book": stop.book,
    }
    record_event(
        session,
        company_id=stop.company_id,
        at=now,
        actor=actor,
        act=act,
        object=f"route:{stop.route}",
        body=body,
    )

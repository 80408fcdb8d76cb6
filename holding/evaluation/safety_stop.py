"""The safety stop: stop a route when one change moves far more documents than usual."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from holding.access.actors import SYSTEM, Actor, may
from holding.access.people import names_of
from holding.db import bulk
from holding.db.bulk import whole_sum
from holding.db.models import (
    Company,
    Connection,
    MappingEntry,
    Posting,
    Revision,
    RouteStop,
    RulesetVersion,
)
from holding.db.models.columns import HoldState, StopState
from holding.db.refusal import Refusal, money, plural
from holding.evaluation.batch import Batch, Plan
from holding.mappings.entry_changes import restoring_entries
from holding.platform.changes import PostingRow, lock_company
from holding.platform.events import record_event
from rules.values.canonical import PostingState

SETTING_NAME: Final = (
    "safety_stop"  # key of company.settings: {"records": whole, "book": minor units}
)

LEAST_RECORDS: Final = 100

LEAST_BOOK: Final = 100_000_00

USUAL_DAYS: Final = 30

TIMES: Final = 3

Moves = dict[tuple[str, int], tuple[int, int]]  # (route, revision) -> records, book


@dataclass(frozen=True, slots=True)
class Limit:
    """Safety limit for a single change on one route, in records and in minor units of the books."""

    records: int
    book: int


def count_moves(session: Session, batch: Batch, plans: Sequence[Plan], now: datetime) -> None:
    """Count the documents that each change moved, and stop a route if a change exceeds its limit.

    A change is a revision of mappings or rules. It moves a document that becomes ready, or ready
    with other content, only because of the change. For a company that is not live, nothing is
    counted. Call this last when a batch is stored: then nothing that the batch made ready is sent
    before the stop.
    """
    moves = moved_by_changes(session, batch, plans)
    if moves and not session.get_one(Company, batch.company_id).live:
        return  # nothing is sent, and going live shows the user number and amount
    for route, revision in sorted(moves):
        records, book = moves[route, revision]
        stop = _counting(session, batch.company_id, route, revision)
        stop.records += records
        stop.book += book
        if stop.state == StopState.COUNTING:
            _stop_above_limit(session, stop, now)
    session.flush()


def _counting(session: Session, company_id: int, route: str, revision: int) -> RouteStop:
    """Return the locked counter row of this change on this route."""
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


def _stop_above_limit(session: Session, stop: RouteStop, now: datetime) -> None:
    """Stop the route if the change exceeds its limit, which is computed once for each change."""
    if stop.most_records is None or stop.most_book is None:
        if _surely_allowed(session, stop):
            return
        limit = limit_of(session, stop.company_id, stop.route, now)
        stop.most_records, stop.most_book = limit.records, limit.book
    if stop.records <= stop.most_records and stop.book <= stop.most_book:
        return
    # The whole route stops: records that arrive next would be posted with the same wrong value.
    stop.state, stop.stopped_at = StopState.STOPPED, now
    say = (
        f"Posting of {stop.route} stopped for a decision: a single change affects"
        f" {amount_text(session, stop)}. Change: {cause_text(session, stop)}."
    )
    _tell(session, stop, SYSTEM, now, "route.stopped", say)


def _surely_allowed(session: Session, stop: RouteStop) -> bool:
    """Check whether the change is below every possible limit, which avoids a query."""
    records, book = own_limit(session, stop.company_id)
    return stop.records <= (records or LEAST_RECORDS) and stop.book <= (book or LEAST_BOOK)


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


def limit_of(session: Session, company_id: int, route: str, now: datetime) -> Limit:
    """Return the company's own limit; missing figures follow the usual amount of the route."""
    records, book = own_limit(session, company_id)
    if records is not None and book is not None:
        return Limit(records, book)
    usual = _usual(session, company_id, route, now)
    return Limit(records or usual.records, book or usual.book)


def _usual(session: Session, company_id: int, route: str, now: datetime) -> Limit:
    book = func.coalesce(whole_sum(Posting.book), 0).label("book")
    targets = select(Connection.id).where(Connection.company_id == company_id)
    query = select(func.count().label("records"), book).where(
        Posting.connection_id.in_(targets),
        Posting.route == route,
        Posting.posted_at > now - timedelta(days=USUAL_DAYS),
    )
    totals = session.execute(query).one()
    return Limit(
        max(LEAST_RECORDS, TIMES * int(totals.records) // USUAL_DAYS),
        max(LEAST_BOOK, TIMES * int(totals.book) // USUAL_DAYS),
    )


def own_limit(session: Session, company_id: int) -> tuple[int | None, int | None]:
    """Return the company's own limits in records and in minor units of the books.

    None means the usual amount.
    """
    limits = session.get_one(Company, company_id).settings.get(SETTING_NAME) or {}
    return limits.get("records"), limits.get("book")


def set_limit(
    session: Session,
    actor: Actor,
    company_id: int,
    *,
    records: int | None,
    book: int | None,
    now: datetime,
) -> Refusal | None:
    """Set the company's own limit. None means the usual amount of each route."""
    if refusal := may(actor, "connection.admin"):
        return refusal
    company = lock_company(session, company_id)
    company.settings = {**company.settings, SETTING_NAME: {"records": records, "book": book}}
    limit_texts = [
        plural(records, "record") if records is not None else "",
        money(book, company.currency) if book is not None else "",
    ]
    words = (
        " or ".join(word for word in limit_texts if word) or "what is usual for each posting rule"
    )
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


def resume_route(
    session: Session, actor: Actor, stop_id: int, reason: str, now: datetime
) -> str | Refusal:
    """Resume a stopped route and return its name. The author of the change may not do this."""
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
    revision = session.get_one(Revision, (stop.company_id, stop.revision))
    writers = select(RulesetVersion.author_id).where(
        RulesetVersion.company_id == stop.company_id, RulesetVersion.revision == stop.revision
    )
    if actor.person_id not in {revision.person_id, *session.scalars(writers)}:
        return None
    return Refusal(
        "stop.own",
        f"You cannot resume {stop.route}, because you made the change that stopped it.",
        "Another person must review it and resume.",
        403,
    )


def keep_stopped(
    session: Session, actor: Actor, stop_id: int, reason: str, now: datetime
) -> str | Refusal:
    """Keep the route stopped with a reason for others, and return its name."""
    stop = _decided(session, actor, stop_id, reason)
    if isinstance(stop, Refusal):
        return stop
    stop.kept_at, stop.kept_by_id, stop.kept_why = now, actor.person_id, reason.strip()
    say = f"{actor.name} keeps {stop.route} stopped: {reason.strip()}"
    _tell(session, stop, actor, now, "route.kept", say)
    return stop.route


def amount_text(session: Session, stop: RouteStop) -> str:
    """Return the number of records and the amount as text."""
    currency = session.get_one(Company, stop.company_id).currency
    return f"{plural(stop.records, 'record')}, {money(stop.book, currency)}"


def cause_text(session: Session, stop: RouteStop) -> str:
    """Return the change that caused the stop as text."""
    revision = session.get_one(Revision, (stop.company_id, stop.revision))
    by = names_of(session, [revision.person_id]).get(revision.person_id or 0, "Clearpost")
    return f"{revision.what} (revision {revision.no}, {by})"


def moved_by_changes(session: Session, batch: Batch, plans: Sequence[Plan]) -> Moves:
    """Return (route, revision) -> number and amount of the documents that this change moved."""
    moves = [move for plan in plans if plan.case.postings for move in _of_plan(batch, plan)]
    entries = _fresh_entries(session, moves) if moves else {}
    undone = restoring_entries(session, batch.company_id, list(entries))
    sums: defaultdict[tuple[str, int], list[_Move]] = defaultdict(list)
    for move in moves:
        revision = _find_moving_revision(batch, move, entries, undone)
        if revision:
            sums[move.route, revision].append(move)
    return {
        key: (len({m.plan.case.record_id for m in route_moves}), sum(m.book for m in route_moves))
        for key, route_moves in sums.items()
    }


@dataclass(frozen=True, slots=True)
class _Move:
    """A posting that becomes ready, or ready with other content, without a new record version.

    `since` is the revision of its earlier evaluation.
    """

    plan: Plan
    route: str
    since: int
    book: int


def _of_plan(batch: Batch, plan: Plan) -> Iterator[_Move]:
    rows = {(row.route, row.seq): row for row in plan.case.postings}
    by_id = {row.id: row for row in plan.case.postings}
    newest = max(plan.case.postings, key=lambda row: row.revision)
    for posting in plan.postings:
        row = rows.get((posting.route, posting.seq))
        if posting.state != PostingState.READY or not _goes_otherwise(row, posting.hash):
            continue
        before = row or newest
        fresh = before.version_id != plan.case.version_id  # a new version moves without a change
        if not fresh and before.revision < batch.revision and not _consented(plan, posting.route):
            yield _Move(plan, posting.route, before.revision, posting.book or 0)
    for acting in plan.acting:
        row = by_id[acting.id]
        if acting.due_at is not None and row.hash != acting.hash and row.revision < batch.revision:
            yield _Move(plan, row.route, row.revision, plan.book or 0)


def _goes_otherwise(row: PostingRow | None, hash_: str) -> bool:
    return row is None or row.state != PostingState.READY or row.hash != hash_


def _consented(plan: Plan, route: str) -> bool:
    """Check whether a person approved or released the document, so that no change moved it."""
    facts = plan.case.facts
    released = any(of == route for of, _ in (*facts.releases, *facts.edits_released))
    return released or any(
        closed_hold.state == HoldState.APPROVED and closed_hold.hold.route == route
        for closed_hold in plan.closed
    )


def _fresh_entries(session: Session, moved: Sequence[_Move]) -> dict[int, int]:
    """Return entry id -> revision of used entries that are newer than the earlier evaluations."""
    oldest = min(move.since for move in moved)
    used = {
        use.entry_id
        for move in moved
        if move.plan.judged.outcome is not None
        for use in move.plan.judged.outcome.used
    }
    query = select(MappingEntry.id, MappingEntry.from_revision).where(
        bulk.among(MappingEntry.id, sorted(used)), MappingEntry.from_revision > oldest
    )
    return dict(session.execute(query).all()) if used else {}


def _find_moving_revision(
    batch: Batch, move: _Move, entries: Mapping[int, int], undone: Collection[int]
) -> int:
    """Return the revision of the newest change that moved the posting, or 0.

    A mapping entry's revision takes precedence over the rules' revision. An entry in `undone`
    restores a value that was agreed before, so it does not count.
    """
    uses = move.plan.judged.outcome.used if move.plan.judged.outcome else ()
    entry_by_revision = {
        entries[use.entry_id]: use.entry_id for use in uses if use.entry_id in entries
    }
    revision = max(entry_by_revision, default=0)
    if revision > move.since:
        return 0 if entry_by_revision[revision] in undone else revision
    return batch.rules_revision if batch.rules_revision > move.since else 0

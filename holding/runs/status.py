"""Show the status of each connection by document type, the stopped routes and the latest runs."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Select, and_, exists, func, select, text
from sqlalchemy.orm import Session, aliased

from holding.connections.limits import is_near_limit
from holding.db.bulk import Columns, known, of, whole_sum
from holding.db.kept_plans import KEPT
from holding.db.models import (
    Company,
    Connection,
    ConnectionKey,
    Person,
    Posting,
    Revision,
    RouteStop,
    Run,
    Throttle,
)
from holding.db.models.columns import BreakerState, KeyState, RunState, StopState, is_word
from holding.db.models.rules import ROUTE_STOPPED
from holding.db.refusal import Sums, by_key, of_posting, plural
from holding.programs.world import program, target_connections
from rules.values.canonical import PostingState

OVER = 20

_OPEN: Final = f"posting.{Posting.OPEN}"

_by, _kept = aliased(Person, name="by"), aliased(Person, name="kept_by")

_resumed = aliased(Person, name="resumed_by")

_READY = (
    Posting.company_id == RouteStop.company_id,
    Posting.route == RouteStop.route,
    is_word(Posting.state, PostingState.READY),
    text(f"posting.{Posting.OPEN}"),  # by the index of what is open
)

_still_waiting = select(func.count()).where(*_READY).correlate(RouteStop).scalar_subquery()


@dataclass(frozen=True, slots=True)
class StopRow:
    """A stopped route: its change, the amounts, what waits, and what people decided."""

    id: int
    route: str
    state: StopState
    records: int
    book: int
    most_records: int
    most_book: int
    stopped_at: datetime
    revision: int
    kind: str
    what: str
    reason: str | None
    by: str | None
    kept_by: str | None
    kept_at: datetime | None
    kept_why: str | None
    resumed_by: str | None
    resumed_at: datetime | None
    resumed_why: str | None
    waiting: int
    waiting_money: Sums

    @property
    def of_rules(self) -> bool:
        """Return whether a rule change caused the stop; otherwise a mapping entry did."""
        return self.kind == "rules"


STOP = Columns(
    StopRow(
        id=of(RouteStop.id),
        route=of(RouteStop.route),
        state=of(RouteStop.state),
        records=of(RouteStop.records),
        book=of(RouteStop.book),
        most_records=known(RouteStop.most_records),
        most_book=known(RouteStop.most_book),
        stopped_at=known(RouteStop.stopped_at),
        revision=of(RouteStop.revision),
        kind=of(Revision.kind),
        what=of(Revision.what),
        reason=of(Revision.reason),
        by=of(_by.name),
        kept_by=of(_kept.name),
        kept_at=of(RouteStop.kept_at),
        kept_why=of(RouteStop.kept_why),
        resumed_by=of(_resumed.name),
        resumed_at=of(RouteStop.resumed_at),
        resumed_why=of(RouteStop.resumed_why),
        waiting=of(_still_waiting.label("waiting")),
        waiting_money={},
    ),
    {"by": "by.name", "kept_by": "kept_by.name", "resumed_by": "resumed_by.name"},
)


@dataclass(frozen=True, slots=True)
class Pill:
    """The status of a connection in a few words. `detail` is the whole error for a tooltip."""

    text: str
    tone: str
    detail: str = ""
    stops: bool = False  # nothing goes out of the whole connection
    unused: bool = False  # a stopped document type that never ran and of which nothing waits


NOT_LIVE = Pill("Not live yet", "paused", "Nothing is sent before go live.", stops=True)

WORST: Final = ("bad", "paused", "near", "busy", "good", "never")
"""Tones of pills, what asks for somebody first."""

_NEVER: Final = datetime.min.replace(tzinfo=UTC)

NEW_KEY = (
    "The accounting system does not accept the API key. An "
    "administrator corrects its permissions there or enters a new "
    "key, then tests the connection."
)

KEY_NEEDED = (
    "The connection has another host than the one its key was given for. An admin stores the key"
    " again (clearpost connection key), then tests it here."
)

NOT_CONNECTED = (
    "No person has allowed it in the accounting system yet, or it was disconnected, so nothing is"
    " sent. An admin connects it here."
)

NOT_TESTED = (
    "No connection test has passed with its present settings and key, so nothing is sent. An admin"
    " tests it here and follows the step that failed."
)

ASKED_AGAIN = (
    "It does not respond. Clearpost asks again automatically, and what waits is then sent."
)

NEEDS_ADMIN: Final = frozenset({NEW_KEY, KEY_NEEDED, NOT_CONNECTED, NOT_TESTED})
"""Details of stops that last until an admin acts."""

NO_QUOTA = (
    "The monthly document quota is used up. Documents wait until next month, or "
    "until the plan is upgraded in the accounting system."
)

LITTLE_QUOTA = "When the month's documents are used up, the rest waits for the next month."

NEVER_SYNCED: Final = "Never synced"

NO_RULE: Final = "No posting rule"

PILL_WORDS = (
    NEVER_SYNCED,
    "Syncing",
    "Last sync",
    "Failed",
    "Not live yet",
    "Paused",
    "API key rejected",
    "Out of reach",
    "Quota",
    "Key needed",
    "Not connected",
    "Not tested OK",
)
"""How the text of each status begins; each has a help page."""

Place = tuple[int, str]
"""A connection and a document type of it."""

RUN_KINDS: Final = ("immediate", "daily", "manual")

UNDER_WAY: Final = (RunState.DUE, RunState.RUNNING)


@dataclass(frozen=True, slots=True)
class LastRun:
    """A run's size, progress and error."""

    connection_id: int
    doc_type: str
    kind: str
    state: RunState
    done: int
    total: int
    counts: Mapping[str, Any]
    error: str | None
    made_at: datetime
    ended_at: datetime | None


_LAST = Columns(
    LastRun(
        connection_id=known(Run.connection_id),
        doc_type=known(Run.doc_type),
        kind=of(Run.kind),
        state=of(Run.state),
        done=of(Run.done),
        total=of(Run.total),
        counts=of(Run.counts),
        error=of(Run.error),
        made_at=of(Run.made_at),
        ended_at=of(Run.ended_at),
    )
)


def stopped_routes(session: Session, company_id: int) -> frozenset[str]:
    """Return the routes that are stopped now."""
    query = select(RouteStop.route).where(RouteStop.company_id == company_id, ROUTE_STOPPED)
    return frozenset(session.scalars(query))


def list_stops(
    session: Session, company_id: int
) -> tuple[tuple[StopRow, ...], tuple[StopRow, ...]]:
    """Return the open stops, oldest first, and the latest ended ones."""
    rows = _rows().where(RouteStop.company_id == company_id)
    open_stops = rows.where(ROUTE_STOPPED).order_by(RouteStop.id)
    ended_stops = rows.where(
        RouteStop.state == StopState.RESUMED, RouteStop.stopped_at.is_not(None)
    )
    ended_stops = ended_stops.order_by(RouteStop.resumed_at.desc(), RouteStop.id.desc()).limit(OVER)
    money = _money(session, company_id)
    stopped = (
        replace(row, waiting_money=money.get(row.route, {}))
        for row in STOP.each(session.execute(open_stops))
    )
    return tuple(stopped), STOP.each(session.execute(ended_stops))


def _rows() -> Select[Any]:
    return (
        STOP.select()
        .join(
            Revision,
            and_(Revision.company_id == RouteStop.company_id, Revision.no == RouteStop.revision),
        )
        .outerjoin(_by, _by.id == Revision.person_id)
        .outerjoin(_kept, _kept.id == RouteStop.kept_by_id)
        .outerjoin(_resumed, _resumed.id == RouteStop.resumed_by_id)
    )


def _money(session: Session, company_id: int) -> dict[str, Sums]:
    """Return stopped route -> the amounts that wait."""
    currency, minor = of_posting()
    query = (
        select(Posting.route, currency, whole_sum(minor))
        .join(RouteStop, and_(*_READY))
        .where(RouteStop.company_id == company_id, ROUTE_STOPPED)
        .group_by(Posting.route, currency)
    )
    return by_key((route, code, found) for route, code, found in session.execute(query))


def load_pills(
    session: Session, company_id: int, wanted: Collection[Place]
) -> Mapping[Place, Pill]:
    """Return the status of each (connection, document type)."""
    if not wanted:
        return {}
    zone = session.get_one(Company, company_id).zone
    stops = stop_pills(session, {connection_id for connection_id, _ in wanted}, zone)
    runs = _load_newest_runs(session, wanted)
    waiting = _count_ready(session, [company_id], stops) if stops else {}
    return {
        place: combine(stops.get(place[0]), run_pill(runs.get(place), zone), waiting.get(place, 0))
        for place in wanted
    }


def posted_places(session: Session, company_id: int) -> frozenset[Place]:
    """Return each (connection, document type) that a rule in force posts or takes back."""
    company = session.get_one(Company, company_id)
    if company.ruleset_version_id is None:
        return frozenset()
    ruleset = program(session, company.ruleset_version_id).ruleset
    connections = target_connections(session, company_id)
    routes = [post.route for post in ruleset.posts]
    routes += [reversal.route for reversal in ruleset.reversals]
    return frozenset(
        (connections[route.target].id, route.document)
        for route in routes
        if route.target in connections
    )


def without_unposted(made: Mapping[Place, Pill], posted: Collection[Place]) -> dict[Place, Pill]:
    """Leave out document types that no rule posts and that never ran.

    A connection with only such types keeps the first, whose text then states it.
    """
    kept = {
        place: pill
        for place, pill in made.items()
        if place in posted or not (pill.unused or NEVER_SYNCED in pill.text)
    }
    connections = {connection_id for connection_id, _ in kept}
    for place, pill in made.items():
        if place[0] not in connections:
            connections.add(place[0])
            kept[place] = replace(pill, text=pill.text.replace(NEVER_SYNCED, NO_RULE))
    return kept


def combine(stop: Pill | None, ran: Pill, waiting: int) -> Pill:
    """Return the pill of a stop, with the number of waiting documents and the last run."""
    if stop is None:
        return ran
    if stop.stops:
        unused = ran.text == NEVER_SYNCED and not waiting
        return replace(stop, text=f"{stop.text} · {waiting:,} waiting", unused=unused)
    tone, detail = (ran.tone if ran.detail else stop.tone), f"{ran.detail} {stop.detail}"
    return Pill(f"{stop.text} · {ran.text}", tone, detail.strip())


def run_pill(run: LastRun | None, zone: str) -> Pill:
    """Return the status of a run."""
    if run is None:
        return Pill("Never synced", "never")
    if run.state in UNDER_WAY:
        # begun, and nothing was answered yet: not even how many there are is counted
        return Pill(f"Syncing… {run.done:,} of {run.total:,}" if run.total else "Syncing", "busy")
    when = _when(run.ended_at or run.made_at, zone)
    if run.state == RunState.FAILED:
        return Pill(f"Failed {when}", "bad", run.error or "")
    rows = run.counts.get("posted", 0) + run.counts.get("existing", 0)
    failed = run.counts.get("failed", 0)
    summary = f"Last sync {when} · {plural(rows, 'document')}"
    return Pill(f"{summary}, {failed:,} on hold", "near") if failed else Pill(summary, "good")


def _when(moment: datetime, zone: str) -> str:
    local = moment.astimezone(ZoneInfo(zone))
    return f"{local.month}/{local.day} {local:%H:%M}"


def stop_pills(session: Session, ids: Collection[int], zone: str) -> dict[int, Pill]:
    """Return why connections are stopped or soon will be, by connection id."""
    own_keys = ConnectionKey.connection_id == Connection.id
    has_key = exists().where(own_keys).label("ended")
    waits = exists().where(own_keys, ConnectionKey.state == KeyState.NEW).label("waits")
    rows = session.execute(
        select(Connection, Throttle, has_key, waits, Company.live)
        .join(Company, Company.id == Connection.company_id)
        .outerjoin(Throttle, Throttle.connection_id == Connection.id)
        .where(Connection.id.in_(ids)),
        execution_options=KEPT,
    )
    stops = {
        one.id: NOT_LIVE if not live else _stop(one, row, zone, _without_key(one, had, new=new))
        for one, row, had, new, live in rows
    }
    return {id_: stop for id_, stop in stops.items() if stop}


def _stop(
    connection: Connection, throttle: Throttle | None, zone: str, lacks: tuple[str, str] | None
) -> Pill | None:
    row = throttle or Throttle(breaker=BreakerState.CLOSED)
    status: tuple[str, datetime | None, str, str] | None = None
    if connection.paused_at is not None:
        status = ("Paused", connection.paused_at, "paused", connection.pause_reason or "")
    elif lacks is not None:
        status = (lacks[0], None, "bad", lacks[1])
    elif row.breaker != BreakerState.CLOSED:
        if connection.untested_since is not None:
            words = ("Not tested OK", NOT_TESTED)
        elif row.open_until is None:
            words = ("API key rejected", NEW_KEY)
        else:
            words = ("Out of reach since", ASKED_AGAIN)
        status = (words[0], row.opened_at, "bad", words[1])
    elif row.quota_limit is not None and row.quota_used >= row.quota_limit:
        status = (f"Quota of {row.quota_limit:,} used up", None, "bad", NO_QUOTA)
    elif row.quota_limit is not None and is_near_limit(row.quota_limit, row.quota_used):
        return Pill(f"Quota {row.quota_used:,} of {row.quota_limit:,} used", "near", LITTLE_QUOTA)
    if status is None:
        return None
    text, since, tone, detail = status
    return Pill(f"{text} {_when(since, zone)}" if since else text, tone, detail, stops=True)


def _without_key(connection: Connection, had: bool, *, new: bool) -> tuple[str, str] | None:
    """Return what a connection without an active key needs, or None."""
    if connection.key_id is not None or not had:
        return None
    return ("Not connected", NOT_CONNECTED) if new else ("Key needed", KEY_NEEDED)


def _count_ready(
    session: Session, companies: Collection[int], ids: Collection[int]
) -> dict[Place, int]:
    """Return how many documents are ready to send, by place, from the index of open postings."""
    rows = session.execute(
        select(Posting.connection_id, Posting.doc_type, func.count())
        .where(Posting.company_id.in_(companies), text(_OPEN))
        .where(Posting.connection_id.in_(ids), Posting.state == PostingState.READY)
        .group_by(Posting.connection_id, Posting.doc_type),
        execution_options=KEPT,
    )
    return {(connection_id, doc_type): count for connection_id, doc_type, count in rows}


def of_companies(
    session: Session, wanted: Mapping[int, Collection[Place]], zones: Mapping[int, str]
) -> dict[int, tuple[Place, Pill]]:
    """Return company -> its worst pill and the pill's place; the newest run wins a tie.

    `wanted`: the (connection, document type) pairs of each company. A company without any has no
    pill.
    """
    company_of = {place: company_id for company_id, places in wanted.items() for place in places}
    if not company_of:
        return {}
    ids_by_zone: dict[str, set[int]] = defaultdict(set)
    for place, company_id in company_of.items():
        ids_by_zone[zones[company_id]].add(place[0])
    stopped: dict[int, Pill] = {}
    for zone, ids in ids_by_zone.items():
        stopped |= stop_pills(session, ids, zone)
    runs = _load_newest_runs(session, list(company_of))
    waiting = _count_ready(session, list(wanted), list(stopped)) if stopped else {}
    worst: dict[int, tuple[Place, Pill]] = {}
    for place in sorted(company_of, key=lambda one: _ended(runs.get(one)), reverse=True):
        last = run_pill(runs.get(place), zones[company_of[place]])
        pill = combine(stopped.get(place[0]), last, waiting.get(place, 0))
        current = worst.get(company_of[place])
        if current is None or WORST.index(pill.tone) < WORST.index(current[1].tone):
            worst[company_of[place]] = place, pill
    return worst


def _ended(run: LastRun | None) -> datetime:
    return _NEVER if run is None else run.ended_at or run.made_at


def last_run(session: Session, connection_id: int, doc_type: str) -> LastRun | None:
    """Return the newest run that sends, or None."""
    place = (connection_id, doc_type)
    return _load_newest_runs(session, [place]).get(place)


def _load_newest_runs(session: Session, wanted: Collection[Place]) -> dict[Place, LastRun]:
    """Return the newest sending run of each place, by index."""
    newest = [
        select(Run.id)
        .where(Run.connection_id == connection_id, Run.doc_type == doc_type)
        .where(Run.kind.in_(RUN_KINDS))
        .order_by(Run.id.desc())
        .limit(1)
        .scalar_subquery()
        for connection_id, doc_type in wanted
    ]
    rows = session.execute(
        _LAST.select().where(Run.id.in_(newest)).order_by(Run.id), execution_options=KEPT
    )
    return {(run.connection_id, run.doc_type): run for run in _LAST.each(rows)}

"""Show due and running work by queue: checks, documents and lookups of each target."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Label,
    Select,
    Text,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    null,
    select,
    text,
    union_all,
)
from sqlalchemy.orm import Session, aliased

from holding.db.bulk import whole_sum
from holding.db.kept_plans import KEPT
from holding.db.models import (
    Attempt,
    Company,
    Connection,
    Evaluation,
    Hold,
    Posting,
    Record,
    Request,
)
from holding.db.models.columns import DUE, LEASED, AttemptState, among_words
from holding.db.models.decisions import HOLD_OPEN
from holding.db.models.postings import ENDED, IN_FLIGHT_STATES
from holding.db.refusal import Sums, added, by_key
from holding.platform.states import GONE
from rules.values.canonical import PostingState

AGES: Final = (
    ("under 10 s", timedelta(seconds=10)),
    ("10 s to 1 min", timedelta(minutes=1)),
    ("1 to 10 min", timedelta(minutes=10)),
    ("10 min to 1 h", timedelta(hours=1)),
    ("over 1 h", timedelta.max),
)
"""How old due work is: the words, and the age that it has not reached yet."""

_LOOKING: Final = case((among_words(Posting.state, IN_FLIGHT_STATES), 1), else_=0)

WINDOW: Final = timedelta(minutes=10)

NEWEST: Final = 300
"""So many evaluations, and calls of a target, are looked at."""

SHORT: Final = timedelta(minutes=1)
"""What became due so lately that nothing came of it yet does not stand still."""

ON_THE_WAY: Final = (AttemptState.SENDING, AttemptState.SPLIT)
"""Attempts of which nothing came yet, or that went again in parts."""


class Part(StrEnum):
    """The work that a queue holds."""

    CHECKS = "checks"
    DOCUMENTS = "documents"
    LOOK_UPS = "look-ups"


Place = tuple[Part, str]
"""A queue, by its part and its connection."""


@dataclass(frozen=True, slots=True)
class _Done:
    """How many of the newest were done in the window, how many were looked at, since when."""

    done: int
    looked: int
    since: datetime | None

    def seconds(self, now: datetime) -> float:
        """Return the measured seconds: the whole window, unless only the newest rows count."""
        if self.looked < NEWEST or self.since is None:
            return WINDOW.total_seconds()
        return max(1.0, (now - self.since).total_seconds())


_NOTHING: Final = _Done(0, 0, None)

_KINDS: Final = {Part.DOCUMENTS: ("push",), Part.LOOK_UPS: ("lookup", "poll")}
"""Kinds of calls in which documents of a queue are done."""

_OPEN: Final = f"posting.{Posting.OPEN}"

_GROUPS: Final = {
    PostingState.READY: "ready",
    PostingState.POSTED: "posted",
    PostingState.HELD: "held",
    PostingState.FAILED: "held",
    PostingState.UNCERTAIN: "held",
}

_COUNTED: Final = tuple(
    tuple(state for state, group in _GROUPS.items() if group == name) for name in ("ready", "held")
)

_ON_THE_WAY: Final = tuple(state for state in PostingState if state not in (*ENDED, *_GROUPS))

MOST: Final = 10_000
"""Of a type so many that are ready are counted, and so many on hold: there may be a million."""


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue of a company; `connection` is blank for checks.

    `ages` counts due rows by `AGES`. A row is due when its time has come and it has no lease, even
    if its target is paused or out of reach.
    """

    part: Part
    connection: str
    due: int
    in_hand: int
    oldest_at: datetime | None
    ages: tuple[int, ...]
    connection_id: int = 0

    def oldest(self, now: datetime) -> float:
        """Return the seconds since the oldest row became due; 0 without one."""
        return max(0.0, (now - self.oldest_at).total_seconds()) if self.oldest_at else 0.0


def load_queues(session: Session, company_id: int, now: datetime) -> tuple[Queue, ...]:
    """Return a company's queues: its checks, then two per target in order of names."""
    checks = _load_checks(session, company_id, now)
    targets = _list_targets(session, company_id)
    if not targets:
        return (checks,)
    due, in_hand = _load_due(session, company_id, now), _count_in_hand(session, company_id)
    none = (0, None, *(0 for _ in AGES))

    def of_target(id_: int, name: str, part: Part, flag: int) -> Queue:
        figures = due.get((id_, flag), none)
        queue = _queue(part, name, figures, in_hand.get((id_, flag), 0))
        return replace(queue, connection_id=id_)

    return (
        checks,
        *(
            of_target(id_, name, part, flag)
            for id_, name in targets
            for part, flag in ((Part.DOCUMENTS, 0), (Part.LOOK_UPS, 1))
        ),
    )


def _load_checks(session: Session, company_id: int, now: datetime) -> Queue:
    """Return the queue of records that wait for a check."""
    of_company = (
        Record.company_id + 0 == company_id
    )  # by no index of the company's rows: few are leased
    leased = select(func.count()).where(of_company, text(f"record.{LEASED}"))
    in_hand = leased.scalar_subquery().label("in_hand")
    due = (
        select(in_hand, func.count(), func.min(Record.due_at), *_ages(Record.due_at, now))
        .join(Company, Company.id == Record.company_id)
        .where(Record.company_id == company_id, Company.ruleset_version_id.is_not(None))
        .where(text(f"record.{DUE}"), Record.due_at <= now)
    )
    leased_count, *row = session.execute(due, execution_options=KEPT).one()
    return _queue(Part.CHECKS, "", row, leased_count)


def _ages(due_at: Any, now: datetime) -> list[ColumnElement[int]]:
    """Return one sum for each of `AGES`, the youngest first, so that each row counts once."""
    bounds = [now - age for _, age in AGES[:-1]]
    age_sums, younger = [], None
    for bound in [*bounds, None]:
        inside = []
        if bound is not None:
            inside.append(due_at > bound)
        if younger is not None:
            inside.append(due_at <= younger)
        age_sums.append(_sum(inside))
        younger = bound
    return age_sums


def _sum(inside: Sequence[ColumnElement[bool]]) -> ColumnElement[int]:
    return whole_sum(case((and_(*inside), 1), else_=0))


def _queue(part: Part, connection: str, row: Sequence[Any], in_hand: int) -> Queue:
    count, oldest, *ages = row
    return Queue(
        part,
        connection,
        count,
        in_hand,
        oldest,
        tuple(int(count_of_age or 0) for count_of_age in ages),
    )


def _list_targets(session: Session, company_id: int) -> list[tuple[int, str]]:
    """Return id and name of the company's targets in order of names."""
    rows = session.execute(
        _ids(company_id).add_columns(Connection.name).order_by(Connection.name),
        execution_options=KEPT,
    )
    return [(row.id, row.name) for row in rows]


def _ids(company_id: int) -> Select[Any]:
    return select(Connection.id).where(
        Connection.company_id == company_id, Connection.side == "target"
    )


def _load_due(
    session: Session, company_id: int, now: datetime
) -> dict[tuple[int, int], Sequence[Any]]:
    """Return due documents by (target, look-up): count, oldest time, ages."""
    of_company = Posting.connection_id.in_(_ids(company_id))
    sent = among_words(Posting.state, (PostingState.READY, *IN_FLIGHT_STATES))
    rows = session.execute(
        select(
            Posting.connection_id,
            _LOOKING.label("looking"),
            func.count(),
            func.min(Posting.due_at),
            *_ages(Posting.due_at, now),
        )
        .where(of_company, text(f"posting.{DUE}"), Posting.due_at <= now, sent)
        .group_by(Posting.connection_id, text("looking")),
        execution_options=KEPT,
    )
    return {(row[0], row[1]): tuple(row[2:]) for row in rows}


def _count_in_hand(session: Session, company_id: int) -> dict[tuple[int, int], int]:
    """Return the number of leased documents by (target, look-up)."""
    rows = session.execute(
        select(Posting.connection_id, _LOOKING.label("looking"), func.count())
        .where((Posting.connection_id + 0).in_(_ids(company_id)), text(f"posting.{LEASED}"))
        .group_by(Posting.connection_id, text("looking")),
        execution_options=KEPT,
    )
    return {(row[0], row[1]): row[2] for row in rows}


def by_age(queues: Sequence[Queue]) -> tuple[tuple[str, int], ...]:
    """Return the count of due rows by age over all of these queues."""
    sums = [sum(column) for column in zip(*(queue.ages for queue in queues), strict=True)]
    return tuple((words, count) for (words, _), count in zip(AGES, sums, strict=True))


@dataclass(frozen=True, slots=True)
class Pace:
    """Rows done in a number of seconds; `stopped` marks due rows without progress for minutes.

    `empty_in`: seconds until the queue is empty; None if unknown.
    """

    done: int
    seconds: float
    stopped: bool = False
    empty_in: float | None = None

    @property
    def a_second(self) -> float:
        """The number of finished items a second."""
        return self.done / self.seconds if self.seconds else 0.0


def measure_paces(
    session: Session, company_id: int, queues: Sequence[Queue], now: datetime
) -> Mapping[Place, Pace]:
    """Return the pace of each queue."""
    done = {(Part.CHECKS, ""): _count_checked(session, company_id, now)}
    targets = {queue.connection_id: queue.connection for queue in queues if queue.connection_id}
    for connection_id, name in targets.items():
        calls = _count_called(session, connection_id, now)
        done |= {(part, name): figures for part, figures in calls.items()}
    places = [(queue.part, queue.connection) for queue in queues]
    return {
        place: _pace(queue, done.get(place, _NOTHING), now)
        for place, queue in zip(places, queues, strict=True)
    }


def _count_checked(session: Session, company_id: int, now: datetime) -> _Done:
    """Return how many of the installation's newest checks concern the company."""
    last = select(func.max(Evaluation.id) - NEWEST).scalar_subquery()  # a search, not a scan
    newest = select(Evaluation.record_id, Evaluation.at).where(Evaluation.id > last).subquery()
    checked = whole_sum(case((Record.company_id == company_id, 1), else_=0))
    rows = session.execute(
        select(checked, func.count(), func.min(newest.c.at))
        .join_from(newest, Record, Record.id == newest.c.record_id)
        .where(newest.c.at > now - WINDOW)
    )
    done, looked, since = rows.one()
    return _Done(int(done or 0), looked, since)


def _count_called(session: Session, connection_id: int, now: datetime) -> dict[Part, _Done]:
    """Return the number of documents in a target's newest calls, by part."""
    newest = (
        select(Request.id, Request.kind, Request.made_at)
        .where(Request.connection_id == connection_id)
        .order_by(Request.id.desc())
        .limit(NEWEST)
        .subquery()
    )
    came = ~among_words(Attempt.state, ON_THE_WAY)
    rows = session.execute(
        select(
            newest.c.kind,
            whole_sum(case((came, 1), else_=0)).label("done"),
            func.count(newest.c.id.distinct()).label("looked"),
            func.min(newest.c.made_at).label("since"),
        )
        .join_from(newest, Attempt, Attempt.request_id == newest.c.id)
        .where(newest.c.made_at > now - WINDOW)
        .group_by(newest.c.kind)
    )
    rows_by_kind = {row.kind: row for row in rows}
    looked = sum(row.looked for row in rows_by_kind.values())
    since = min((row.since for row in rows_by_kind.values()), default=None)
    return {
        part: _Done(
            sum(int(rows_by_kind[kind].done) for kind in kinds if kind in rows_by_kind),
            looked,
            since,
        )
        for part, kinds in _KINDS.items()
    }


def _pace(queue: Queue, done: _Done, now: datetime) -> Pace:
    seconds, waits = done.seconds(now), queue.due + queue.in_hand
    if not done.done:
        late = queue.due > 0 and queue.oldest(now) >= SHORT.total_seconds()
        return Pace(0, seconds, stopped=late)
    return Pace(done.done, seconds, empty_in=waits * seconds / done.done if waits else None)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One document type of a target: its ready, held, posted and vanished documents.

    Posted documents count for the latest document days; `vanished` ones were accepted and are not
    there. At most MOST open documents are counted; with `more`, their money is incomplete and not
    shown.
    """

    doc_type: str
    route: str
    ready: int
    ready_money: Sums
    posted: int
    posted_money: Sums
    held: int
    held_money: Sums
    vanished: int = 0
    vanished_money: Sums = field(default_factory=dict)

    @property
    def more_ready(self) -> bool:
        """Whether more are ready than were counted."""
        return self.ready > MOST

    @property
    def more_held(self) -> bool:
        """Whether more are held than were counted."""
        return self.held > MOST


def load_endpoints(
    session: Session, company_id: int, connection_id: int, doc_types: Sequence[str], since: date
) -> tuple[Endpoint, ...]:
    """Return one line per type with open documents or recent postings."""
    rows = session.execute(
        _of_target(company_id, connection_id, tuple(doc_types), since), execution_options=KEPT
    )
    lines_by_type: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row.state == PostingState.REVERSED:
            continue
        line = lines_by_type.setdefault(row.doc_type, {"route": row.route})
        if group := _GROUPS.get(row.state):
            line[group] = line.get(group, 0) + row.postings
            amounts = [(None, "", row.book), (None, row.currency, row.minor)]
            row_money = by_key(amounts).get(None, {})
            money = f"{group}_money"
            line[money] = added([line.get(money, {}), row_money])
    lost_rows = session.execute(_vanished(company_id, connection_id, since), execution_options=KEPT)
    for row in lost_rows:
        line = lines_by_type.get(row.doc_type, {})
        if line.get("posted"):
            lost_money = by_key([(None, "", row.book), (None, row.currency, row.minor)]).get(
                None, {}
            )
            line["posted"] -= row.postings
            line["vanished"] = line.get("vanished", 0) + row.postings
            line["vanished_money"] = added([line.get("vanished_money", {}), lost_money])
            subtracted = {currency: -minor for currency, minor in lost_money.items()}
            line["posted_money"] = added([line["posted_money"], subtracted])
    names = dict.fromkeys((*_GROUPS.values(), "vanished"))
    return tuple(
        Endpoint(
            doc_type=doc_type,
            route=line["route"],
            **{name: line.get(name, 0) for name in names},
            **{f"{name}_money": line.get(f"{name}_money", {}) for name in names},
        )
        for doc_type, line in lines_by_type.items()
    )


def _vanished(company_id: int, connection_id: int, since: date) -> Select[*tuple[Any, ...]]:
    """Return the query of posted documents that a reading did not find in the target."""
    open_holds = select(Hold.posting_id).where(Hold.company_id == company_id, HOLD_OPEN)
    # For a list of codes PostgreSQL reads all open holds instead of the index by code.
    lost = union_all(*(open_holds.where(Hold.code == code) for code in sorted(GONE)))
    keys = (Posting.doc_type, Posting.currency)
    return (
        select(*keys, *_sums(Posting))
        .where(Posting.id.in_(lost), Posting.connection_id == connection_id)
        .where(Posting.state == PostingState.POSTED, Posting.doc_date >= since)
        .group_by(*keys)
    )


@lru_cache(maxsize=256)
def _of_target(
    company_id: int, connection_id: int, doc_types: tuple[str, ...], since: date
) -> Select[*tuple[Any, ...]]:
    """Return the cached statement, because building it takes longer than running it."""
    figures = union_all(*_figures(connection_id, doc_types, since)).subquery()
    other = aliased(Posting)
    route = select(other.route).where(
        other.company_id == company_id,
        other.connection_id == connection_id,
        other.doc_type == figures.c.doc_type,
    )
    newest = route.order_by(other.doc_date.desc()).limit(1).scalar_subquery().label("route")
    return select(figures, newest).order_by(figures.c.doc_type, figures.c.state)


def _figures(
    connection_id: int, doc_types: Sequence[str], since: date
) -> list[Select[*tuple[Any, ...]]]:
    """Return the selects of the figures.

    Open documents are counted in an index by type and state; documents that wait for their gate are
    many and appear in no figure. Posted ones are summed day by day in index order, because SQLite
    would otherwise sort every document.
    """
    columns = (Posting.doc_type, Posting.state, Posting.currency, Posting.book, Posting.amount)
    documents = select(*columns).where(Posting.connection_id == connection_id)
    keys = (Posting.doc_type, Posting.state, Posting.currency)
    booked = select(*keys, *_sums(Posting)).where(Posting.connection_id == connection_id)
    booked = booked.where(text(f"posting.{Posting.BOOKED}"), Posting.doc_date >= since)
    return [
        booked.group_by(Posting.doc_date, *keys),
        *(
            _summed(
                documents.where(text(_OPEN), Posting.doc_type == doc_type)
                .where(among_words(Posting.state, states))
                .limit(MOST + 1),
                doc_type,
            )
            for doc_type in doc_types
            for states in _COUNTED
        ),
        *(_of_the_rest(connection_id, doc_type) for doc_type in doc_types),
    ]


def _sums(columns: Any) -> tuple[Label[Any], ...]:
    """Return the columns for the number of documents and their money."""
    in_own = whole_sum(case((columns.book.is_(None), columns.amount))).label("minor")
    return func.count().label("postings"), whole_sum(columns.book).label("book"), in_own


def _summed(documents: Select[*tuple[Any, ...]], doc_type: str) -> Select[*tuple[Any, ...]]:
    """Return number and money of one type's documents by state and currency."""
    columns = documents.subquery().c
    keys = (columns.state, columns.currency)
    return select(literal(doc_type, Text).label("doc_type"), *keys, *_sums(columns)).group_by(*keys)


def _of_the_rest(connection_id: int, doc_type: str) -> Select[*tuple[Any, ...]]:
    """Return a line without figures where documents of this type are open in another state."""
    some = select(Posting.id).where(Posting.connection_id == connection_id, text(_OPEN))
    some = some.where(Posting.doc_type == doc_type, among_words(Posting.state, _ON_THE_WAY))
    waiting = literal(PostingState.WAITING, Posting.state.type)
    name, nothing, none = literal(doc_type, Text), literal("", Text), cast(null(), BigInteger)
    line: Select[*tuple[Any, ...]] = select(name, waiting, nothing, literal(0), none, none)
    return line.where(exists(some))

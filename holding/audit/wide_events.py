"""The events of no one record that explain why a record waited: of its connections and its rules.

Here: which they are, and which of them fell into a time in which the record stood still for
something. Not here: the events of the record itself (holding/records/trace.py), those around a
failure (holding/escalation/recent_changes.py).
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from sqlalchemy import Text, and_, cast, func, or_, select

from holding.store.together import Question
from holding.tables import Event, Posting, Record, Version
from holding.tables.records import FINAL_STATES
from holding.tables.row_states import RecordState

MOST: Final = 200
"""Of one record, the newest: a connection that comes and goes all year tells no more after that."""
_OF_RULES: Final = ("rules.published", "rules.rolled_back")
_OF_ROUTE: Final = ("route.stopped", "route.resumed", "route.kept", "route.superseded")
_OF_CONNECTION: Final = (
    "connection.paused",
    "connection.resumed",
    "connection.away",
    "connection.back",
    "connection.refused",
    "connection.quota",
    "connection.key",
)
_ARRIVED: Final = frozenset({"record.received", "record.changed", "record.conflict"})
"""What came late (`record.stale`) is not judged: nothing of it is to come."""
_SETTLED: Final = frozenset({*FINAL_STATES, RecordState.REFERENCE})


def wide_events(record_id: int) -> Question[list[Event]]:
    """The newest events of its source, its targets, its routes and the rules since it first came,
    oldest first.
    """
    first = select(func.min(Version.at)).where(Version.record_id == record_id)
    company = select(Record.company_id).where(Record.id == record_id)
    source = select("connection:" + cast(Record.source_id, Text)).where(Record.id == record_id)
    mine = Posting.record_id == record_id
    targets = select("connection:" + cast(Posting.connection_id, Text)).where(mine)
    routes = select("route:" + Posting.route).where(mine)
    of_connection = or_(Event.object == source.scalar_subquery(), Event.object.in_(targets))
    rows = yield (
        select(Event)
        .where(Event.company_id == company.scalar_subquery(), Event.record_id.is_(None))
        .where(Event.at >= first.scalar_subquery())
        .where(
            or_(
                Event.act.in_(_OF_RULES),
                and_(Event.act.in_(_OF_CONNECTION), of_connection),
                and_(Event.act.in_(_OF_ROUTE), Event.object.in_(routes)),
            )
        )
        .order_by(Event.at.desc(), Event.id.desc())
        .limit(MOST)
    )
    return list(rows.scalars())[::-1]


def while_it_waited(
    wide: Iterable[Event], own: Sequence[Event], state: RecordState
) -> Iterator[Event]:
    """Those that came while something of the record was to come, by its own events (in order);
    after the last of them, by its state now.
    """
    times = list(_open_times(own, state))
    return (one for one in wide if any(_within(one, start, end) for start, end in times))


def _within(event: Event, start: Event, end: Event | None) -> bool:
    place = (event.at, event.id)
    return (start.at, start.id) < place and (end is None or place < (end.at, end.id))


def _open_times(own: Sequence[Event], state: RecordState) -> Iterator[tuple[Event, Event | None]]:
    """Each pair of events of a record between which something was to come; None: until now."""
    waits = more = False
    for event, following in zip(own, [*own[1:], None], strict=True):
        next_act = following.act if following is not None else ""
        if event.act in _ARRIVED:
            waits = True
        elif event.act == "record.judged":
            waits = event.body["state"] not in _SETTLED
            more = event.body["state"] in {RecordState.HELD, RecordState.WAITING}
        elif event.act == "posting.posted":
            waits = more or next_act in {"posting.sending", "record.judged"}
        elif event.act == "posting.rejected":
            waits = False
        stood = waits or next_act.startswith("hold.")
        if stood if following is not None else state not in _SETTLED:
            yield event, following

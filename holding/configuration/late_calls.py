"""Sources whose webhooks come long after the change that they tell of: their own queue is late.

Here: how many came late lately, by source, and the longest that one took. Not here: what else makes
things wait (holding/workload/long_waits.py), sources that are asked: their interval would count.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from sqlalchemy import Select, bindparam, select

from holding.db import bulk
from holding.db.models import Connection, Delivery, Event, Record, Version
from holding.db.models.columns import Moment, moment_of
from holding.db.together import Given, Question, at_most

LONG: Final = timedelta(minutes=10)
LATELY: Final = timedelta(hours=1)
HISTORY: Final = timedelta(hours=6)
"""What changed at its source longer ago than this was sent on purpose: it did not wait there."""
LAST_EVENTS: Final = 500  # so far back is looked for late arrivals
HOOK: Final = "webhook"
Late = Mapping[str, tuple[int, timedelta]]
"""Name of a source -> how many changes it told late, and how late the latest of them was."""
_SINCE: Final = bindparam("calls_since", type_=Moment)


def late_calls(company_id: int, now: datetime) -> Question[Late]:
    """Which sources told changes late in the last hour."""
    told = (yield Given(_lately(company_id), {_SINCE.key: now - LATELY})).scalar()
    late: dict[str, tuple[int, timedelta]] = {}
    for name, at, stamp in json.loads(told or "[]"):
        length = _after(moment_of(at), stamp)
        if LONG < length <= HISTORY:
            count, longest = late.get(name, (0, length))
            late[name] = (count + 1, max(longest, length))
    return late


@lru_cache(maxsize=256)
def _lately(company_id: int) -> Select[str]:
    """In one row, so that the columns of what is asked with it are not there hundreds of times."""
    lately = (
        select(Event.record_id)
        .where(Event.company_id == company_id)
        .order_by(Event.id.desc())
        .limit(at_most(LAST_EVENTS))
        .subquery()
    )
    return (
        select(bulk.json_rows(Connection.name, Version.at, Version.stamp))
        .select_from(Record)
        .join(Version, Version.id == Record.version_id)
        .join(Delivery, Delivery.id == Version.delivery_id)
        .join(Connection, Connection.id == Record.source_id)
        .where(Record.company_id + 0 == company_id)  # by the events, not by all of the company
        .where(Record.id.in_(select(lately.c.record_id)))
        .where(Version.at > _SINCE, Version.stamp.is_not(None), Delivery.kind == HOOK)
    )


def _after(at: datetime, stamp: str) -> timedelta:
    """How long after its change a version arrived; nothing where the stamp is no moment, or one
    without its zone: that could be hours off.
    """
    try:
        made = datetime.fromisoformat(stamp)
    except ValueError:
        return timedelta()
    return at - made if made.tzinfo else timedelta()

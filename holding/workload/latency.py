"""How long a record takes from its arrival until its document stands in the target.

Here: the time of each of the latest records, and the median and p95 of them. A record that a person
had to decide, and one that waited for the run of the day, says nothing about the machine: it is
left out. Not here: what waits now (long_waits.py).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from math import ceil
from typing import Any, Final

from sqlalchemy import Float, Select, bindparam, exists, func, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from holding.db.bulk import json_rows
from holding.db.models import Attempt, Hold, Posting, Record, Request, Run, Version
from holding.db.models.columns import Moment
from holding.db.together import Given, Question, at_most

WINDOW: Final = timedelta(days=1)
MOST: Final = 500
"""So many of the newest records are looked at: a page must not wait for a day of a large shop."""
_SINCE: Final = bindparam("latency_since", type_=Moment)
AT_ONCE: Final = "immediate"  # the kind of a run of documents that go as soon as they may


@dataclass(frozen=True, slots=True)
class Latency:
    """Of so many records: half of them took no longer than `median`, 95 % no longer than `p95`;
    in seconds. Both are None where none was measured.
    """

    records: int
    median: float | None
    p95: float | None


class seconds_between(FunctionElement[float]):  # noqa: N801 - it stands in a select as a function does
    """So long after the first moment the second one was, to the millisecond.

    Two moments of each of many rows take the program longer to read than one number.
    """

    type = Float()
    inherit_cache = True
    name = "seconds_between"


@compiles(seconds_between)
def _seconds_between(element: seconds_between, compiler: SQLCompiler, **options: Any) -> str:
    first, second = (compiler.process(one, **options) for one in element.clauses)
    if compiler.dialect.name == "sqlite":
        return f"round((julianday({second}) - julianday({first})) * 86400, 3)"
    return f"CAST(EXTRACT(EPOCH FROM ({second}) - ({first})) AS FLOAT)"


def latency(company_id: int, now: datetime) -> Question[Latency]:
    """Of the newest records of the last day."""
    found = sorted((yield from each(company_id, now)))
    return Latency(len(found), rank(found, 0.5), rank(found, 0.95))


def each(company_id: int, now: datetime) -> Question[list[float]]:
    """Seconds that each record took, until the last of its documents was posted."""
    told = (yield Given(_each(company_id), {_SINCE.key: now - WINDOW})).scalar()
    return [max(0.0, seconds) for (seconds,) in json.loads(told or "[]")]


@lru_cache(maxsize=256)
def _each(company_id: int) -> Select[str]:
    """In one row: hundreds, each with the columns of what is asked with it, would take longer."""
    newest = (
        select(Record.id)
        .where(Record.company_id == company_id, Record.seen_at > _SINCE)
        .order_by(Record.seen_at.desc(), Record.id.desc())
        .limit(at_most(MOST))
        .subquery()
    )
    by_a_run = exists().where(
        Attempt.push_id == Posting.posted_push_id,
        Request.id == Attempt.request_id,
        Run.id == Request.run_id,
        Run.kind != AT_ONCE,
    )
    took = seconds_between(func.min(Version.at), func.max(Posting.posted_at)).label("took")
    each = (
        select(took)
        .select_from(Posting)
        .join(newest, newest.c.id == Posting.record_id)
        .join(Version, Version.id == Posting.version_id)
        .where(Posting.posted_at.is_not(None), Posting.posted_push_id.is_not(None))
        .where(~exists().where(Hold.record_id == Posting.record_id), ~by_a_run)
        .group_by(Posting.record_id)
        .subquery()
    )
    return select(json_rows(each.c.took))


def rank(ordered: Sequence[float], share: float) -> float | None:
    """The value that this share of all does not exceed, by nearest rank; None of nothing."""
    return ordered[max(0, ceil(share * len(ordered)) - 1)] if ordered else None

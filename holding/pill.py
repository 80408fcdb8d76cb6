"""The status of a connection for each document type, in a few words.

Here: the texts that the users know. Not here: what a run or the breaker does (holding/pushing).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from holding.models import Company, Connection, Posting, Run, Throttle

Place = tuple[int, str]  # connection, document type
RUN_KINDS = ("immediate", "daily", "manual")
UNDER_WAY = ("due", "running")
NEW_KEY = (
    "The target does not accept our key. An admin mends its permissions there or stores a new one"
    " (clearpost connection key), then tests it here."
)
ASKED_AGAIN = "Nobody answers there. It is asked again by itself, and what waits then goes on."
NO_QUOTA = "The target takes no more documents this month, unless its plan is changed there."


@dataclass(frozen=True, slots=True)
class Pill:
    """The status of a connection in a few words; `detail` is the whole error, for a tooltip."""

    text: str
    tone: str
    detail: str = ""
    stops: bool = False  # nothing goes out of the whole connection


def pills(session: Session, company_id: int, wanted: Collection[Place]) -> Mapping[Place, Pill]:
    """Of each (connection, document type): what stops it now, else how its last run went."""
    if not wanted:
        return {}
    zone = session.get_one(Company, company_id).zone
    stopped = _stopped(session, {connection_id for connection_id, _ in wanted}, zone)
    waiting = _waiting(session, stopped) if stopped else {}
    runs = _last_runs(session, wanted)
    found: dict[Place, Pill] = {}
    for place in wanted:
        stop = stopped.get(place[0])
        if stop is not None:
            text = f"{stop.text} · {waiting.get(place, 0):,} waiting"
            found[place] = replace(stop, text=text)
        else:
            found[place] = _of_run(runs.get(place), zone)
    return found


def pill(session: Session, company_id: int, connection_id: int, doc_type: str) -> Pill:
    """That of one document type."""
    place = (connection_id, doc_type)
    return pills(session, company_id, [place])[place]


def _of_run(run: Run | None, zone: str) -> Pill:
    if run is None:
        return Pill("Never synced", "never")
    if run.state in UNDER_WAY:
        return Pill(f"Syncing… {run.done:,} of {run.total:,}", "busy")
    when = _when(run.ended_at or run.made_at, zone)
    if run.state == "failed":
        return Pill(f"Failed {when}", "bad", run.error or "")
    rows = run.counts.get("posted", 0) + run.counts.get("existing", 0)
    failed = run.counts.get("failed", 0)
    held = f", {failed:,} held" if failed else ""
    return Pill(f"Last sync {when} · {rows:,} {'row' if rows == 1 else 'rows'}{held}", "good")


def last_run(session: Session, connection_id: int, doc_type: str) -> Run | None:
    """The newest run that sends."""
    place = (connection_id, doc_type)
    return _last_runs(session, [place]).get(place)


def _last_runs(session: Session, wanted: Collection[Place]) -> dict[Place, Run]:
    """The newest run that sends, of each place that has one; each is found by the index."""
    newest = [
        select(Run.id)
        .where(Run.connection_id == connection_id, Run.doc_type == doc_type)
        .where(Run.kind.in_(RUN_KINDS))
        .order_by(Run.id.desc())
        .limit(1)
        .scalar_subquery()
        for connection_id, doc_type in wanted
    ]
    runs = session.scalars(select(Run).where(Run.id.in_(newest)).order_by(Run.id))
    return {(run.connection_id or 0, run.doc_type or ""): run for run in runs}


def _stopped(session: Session, ids: Collection[int], zone: str) -> dict[int, Pill]:
    """Why nothing goes out of a connection: paused by a person, or stopped by the target."""
    rows = session.execute(
        select(Connection, Throttle)
        .outerjoin(Throttle, Throttle.connection_id == Connection.id)
        .where(Connection.id.in_(ids))
    )
    return {one.id: stop for one, row in rows if (stop := _stop(one, row, zone))}


def _stop(connection: Connection, throttle: Throttle | None, zone: str) -> Pill | None:
    row = throttle or Throttle(breaker="closed")
    found: tuple[str, datetime | None, str, str] | None = None
    if connection.paused_at is not None:
        found = ("Paused", connection.paused_at, "paused", connection.pause_reason or "")
    elif row.breaker != "closed":
        refused = row.open_until is None
        words = ("Key refused", NEW_KEY) if refused else ("Out of reach since", ASKED_AGAIN)
        found = (words[0], row.opened_at, "bad", words[1])
    elif row.quota_limit is not None and row.quota_used >= row.quota_limit:
        found = (f"Quota of {row.quota_limit:,} used up", None, "bad", NO_QUOTA)
    if found is None:
        return None
    text, since, tone, detail = found
    return Pill(f"{text} {_when(since, zone)}" if since else text, tone, detail, stops=True)


def _waiting(session: Session, ids: Collection[int]) -> dict[Place, int]:
    """How many documents wait to be sent, by place."""
    rows = session.execute(
        select(Posting.connection_id, Posting.doc_type, func.count())
        .where(Posting.connection_id.in_(ids), Posting.state == "ready")
        .group_by(Posting.connection_id, Posting.doc_type)
    )
    return {(connection_id, doc_type): count for connection_id, doc_type, count in rows}


def _when(moment: datetime, zone: str) -> str:
    local = moment.astimezone(ZoneInfo(zone))
    return f"{local.month}/{local.day} {local:%H:%M}"

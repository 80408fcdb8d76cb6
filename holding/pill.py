"""The status of a connection for one document type, in a few words.

Here: the texts that the users know. Not here: what a run or the breaker does (holding/pushing).
"""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from holding.models import Company, Connection, Posting, Run, Throttle

RUN_KINDS = ("immediate", "daily", "manual")
UNDER_WAY = ("due", "running")
NEW_KEY = "The target does not accept our key. Renew it or its permissions, then test it here."
ASKED_AGAIN = "Nobody answers there. It is asked again by itself, and what waits then goes on."
NO_QUOTA = "The target takes no more documents this month, unless its plan is changed there."


@dataclass(frozen=True, slots=True)
class Pill:
    """The status of a connection in a few words; `detail` is the whole error, for a tooltip."""

    text: str
    tone: str
    detail: str = ""


def pill(session: Session, company_id: int, connection_id: int, doc_type: str) -> Pill:
    """What stops it now, else how the last run went."""
    company = session.get_one(Company, company_id)
    stopped = _stopped(session, connection_id, doc_type, company.zone)
    if stopped is not None:
        return stopped
    run = last_run(session, connection_id, doc_type)
    if run is None:
        return Pill("Never synced", "never")
    if run.state in UNDER_WAY:
        return Pill(f"Syncing… {run.done:,} of {run.total:,}", "busy")
    when = _when(run.ended_at or run.made_at, company.zone)
    if run.state == "failed":
        return Pill(f"Failed {when}", "bad", run.error or "")
    rows = run.counts.get("posted", 0) + run.counts.get("existing", 0)
    failed = run.counts.get("failed", 0)
    held = f", {failed:,} held" if failed else ""
    return Pill(f"Last sync {when} · {rows:,} {'row' if rows == 1 else 'rows'}{held}", "good")


def last_run(session: Session, connection_id: int, doc_type: str) -> Run | None:
    """The newest run that sends."""
    query = (
        select(Run)
        .where(Run.connection_id == connection_id, Run.doc_type == doc_type)
        .where(Run.kind.in_(RUN_KINDS))
        .order_by(Run.id.desc())
    )
    return session.scalars(query.limit(1)).one_or_none()


def _stopped(session: Session, connection_id: int, doc_type: str, zone: str) -> Pill | None:
    """Why nothing goes out, and how much waits: paused by a person, or stopped by the target."""
    connection = session.get_one(Connection, connection_id)
    row = session.get(Throttle, connection_id) or Throttle(breaker="closed")
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
    when = f" {_when(since, zone)}" if since else ""
    return Pill(
        f"{text}{when} · {_waiting(session, connection_id, doc_type):,} waiting", tone, detail
    )


def _waiting(session: Session, connection_id: int, doc_type: str) -> int:
    query = select(func.count()).where(
        Posting.connection_id == connection_id,
        Posting.doc_type == doc_type,
        Posting.state == "ready",
    )
    return session.scalar(query) or 0


def _when(moment: datetime, zone: str) -> str:
    local = moment.astimezone(ZoneInfo(zone))
    return f"{local.month}/{local.day} {local:%H:%M}"

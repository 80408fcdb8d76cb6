"""Whose turn it is to work on an uploaded file, and what follows when workers die with it.

Here: claiming under a lease, giving back, giving up with a reason. Not here: the work
(upload_turns.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any, Final

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from connectors.kit.delivery_limits import MEGABYTE
from holding.db.leases import DEATHS_ALONE
from holding.db.models import Connection, Upload
from holding.db.models.columns import NOW, UploadState
from holding.platform.events import record_event
from holding.uploads.check_result import CheckResult

_READING: Final = timedelta(minutes=2)  # for each megabyte of a file, beside the usual lease


@dataclass(frozen=True, slots=True)
class UploadTurn:
    """The right to work on one file, and what it was when that was taken.

    `owner` is of this turn alone: a database may give the number of a file that was forgotten to
    the next one, whose fence begins again.
    """

    upload_id: int
    company_id: int
    source_id: int
    connector: str
    kind: str
    person_id: int | None
    name: str
    body: bytes
    state: UploadState
    chosen: Mapping[str, str]
    taken: int
    with_unknown: bool
    result: Mapping[str, Any] | None
    fence: int
    owner: str


def due_companies(session: Session, now: datetime) -> list[int]:
    """Companies with a file to be checked or imported now."""
    query = select(Upload.company_id).where(_FREE).distinct().order_by(Upload.company_id)
    return list(session.scalars(query, {"now": now}))


_FREE = and_(
    Upload.due_at.is_not(None),
    Upload.due_at <= NOW,
    or_(Upload.lease_until.is_(None), Upload.lease_until < NOW),
)


def claim(
    session: Session, company_id: int, owner: str, now: datetime, lease: timedelta
) -> UploadTurn | None:
    """The file that has waited longest; one with which workers died again and again is given up."""
    query = (
        select(Upload)
        .where(Upload.company_id == company_id, _FREE)
        .order_by(Upload.due_at, Upload.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = session.scalars(query, {"now": now}).first()
    if row is None or row.body is None:
        return None
    row.crashes += row.lease_until is not None
    if row.crashes >= DEATHS_ALONE:
        words = "Reading this file was interrupted three times."
        give_up(session, row, words, "Split it into smaller files, then upload those.", now)
        return None
    mine = f"{owner} {token_hex(8)}"
    row.lease_owner, row.fence = mine, row.fence + 1
    row.lease_until = now + lease + _READING * (1 + len(row.body) // MEGABYTE)
    return UploadTurn(
        upload_id=row.id,
        company_id=row.company_id,
        source_id=row.source_id,
        connector=session.get_one(Connection, row.source_id).connector,
        kind=row.kind,
        person_id=row.person_id,
        name=row.name,
        body=row.body,
        state=row.state,
        chosen=row.chosen,
        taken=row.taken,
        with_unknown=row.with_unknown,
        result=row.result,
        fence=row.fence,
        owner=mine,
    )


def give_up(session: Session, row: Upload, words: str, hint: str, now: datetime) -> None:
    """Give the file up, and say why. What is in already stays, so it is no file to be forgotten."""
    begun = row.state is UploadState.IMPORTING
    row.state = UploadState.FAILED if not begun else UploadState.DONE
    row.result = {**(row.result or CheckResult(counts={}, money={}).to_json())}
    row.result["refused"] = [words, hint]
    row.due_at, row.ended_at = None, now
    give_back(row)
    if begun:
        name = session.get_one(Connection, row.source_id).name
        say = f"The import of {row.name} for {name} ended after {row.taken:,} orders. {words}"
        tell(session, row, "upload.ended", say, now)


def tell(session: Session, row: Upload, act: str, say: str, now: datetime) -> None:
    """Leave an event of an upload."""
    record_event(
        session,
        company_id=row.company_id,
        at=now,
        actor=None,
        act=act,
        object=f"upload:{row.id}",
        body={"say": say},
    )


def still_ours(session: Session, turn: UploadTurn) -> Upload | None:
    """The row, held until the end of this transaction, unless somebody took it or forgot it."""
    query = (
        select(Upload)
        .where(Upload.id == turn.upload_id, Upload.company_id == turn.company_id)
        .where(Upload.fence == turn.fence, Upload.lease_owner == turn.owner)
        .where(Upload.state == turn.state)
    )
    row = session.scalar(query.with_for_update())
    return row if row is not None and row.lease_until is not None else None


def give_back(row: Upload) -> None:
    """End the lease in order."""
    row.lease_owner = row.lease_until = None
    row.crashes = 0

"""What people decided about holds, kept beside the very content it was decided for.

Here: the rows of releases and rejections. Not here: who may decide what (holds.py), and what
follows from it (closing.py, evaluation.py).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import select, update

from holding import bulk
from holding.desk import Desk
from holding.models import Hold, Record, Release, Version
from holding.roles import Voice

_FINDING: Final = ("record_id", "route", "seq", "code", "cause_id")
"""What a decision is about, besides the content of the record."""


def remember(
    desk: Desk,
    holds: Sequence[Hold],
    voice: Voice,
    kind: str,
    why: str,
    now: datetime,
    op: str | None,
) -> dict[int, int]:
    """Keep a decision about each hold; hold id -> id of the decision."""
    rows = [
        {
            "record_id": hold.record_id,
            "route": hold.route,
            "seq": hold.seq,
            "code": hold.code,
            "cause_id": hold.cause_id,
            "content_sha256": desk.contents.get(hold.record_id, ""),
            "rule": hold.rule,
            "kind": kind,
            "person_id": voice.person_id,
            "for_person_id": voice.for_person_id,
            "reason": why,
            "at": now,
            "operation_id": op,
        }
        for hold in holds
    ]
    _make_way(desk, holds, voice, now)
    made = bulk.insert(desk.session, Release, rows, returning=("id", *_FINDING))
    ids = {tuple(finding): decision for decision, *finding in made}
    return {hold.id: ids[tuple(getattr(hold, name) for name in _FINDING)] for hold in holds}


def _make_way(desk: Desk, holds: Sequence[Hold], voice: Voice, now: datetime) -> None:
    """Void what was decided before about these findings and this content: it counts no longer, or
    they would not be open.
    """
    same = (getattr(Release, name) == getattr(Hold, name) for name in _FINDING)
    open_again = select(Hold.id).where(bulk.among(Hold.id, [hold.id for hold in holds]), *same)
    content = select(Version.sha256).join(Record, Record.version_id == Version.id)
    desk.session.execute(
        update(Release)
        .where(bulk.among(Release.record_id, sorted({hold.record_id for hold in holds})))
        .where(Release.voided_at.is_(None), open_again.exists())
        .where(
            Release.content_sha256
            == content.where(Record.id == Release.record_id).scalar_subquery()
        )
        .values(voided_at=now, voided_by_id=voice.person_id)
        .execution_options(synchronize_session=False)
    )

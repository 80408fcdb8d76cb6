"""What people decided about a hold, kept beside the very content it was decided for.

Here: releases, accepting that a target keeps what it has although the record changed since, and why
a retry decides nothing of that. Not here: the difference itself (programs/posted_differences.py),
who may release (releases.py), where it is shown (holding/records/accepted_differences.py).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from holding.access.actors import Voice
from holding.db import bulk
from holding.db.models import AcceptedDifference, Hold, Record, Release, Version
from holding.db.refusal import Refusal
from holding.exceptions.holds import Desk
from holding.platform import row_seals
from holding.platform.row_seals import Sealed
from holding.programs import posted_differences
from holding.programs.posted_differences import Difference
from rules.values.clauses import clears_when

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
    made = bulk.insert_rows(desk.session, Release, rows, returning=("id", *_FINDING))
    ids = {tuple(finding): decision for decision, *finding in made}
    return {hold.id: ids[tuple(getattr(hold, name) for name in _FINDING)] for hold in holds}


def sealed_decisions(desk: Desk, decided: Mapping[int, int]) -> dict[int, Sealed]:
    """What the event about each hold seals: the decision, and what it left as it was."""
    keys = {row_seals.RELEASE: decided.values(), row_seals.ACCEPTED: decided.values()}
    rows = row_seals.seals(desk.session, desk.company_id, keys).get(row_seals.ROWS, [])
    of: dict[int, Any] = {}
    for row in rows:
        of.setdefault(row[1], []).append(row)
    return {hold_id: {row_seals.ROWS: of[key]} for hold_id, key in decided.items() if key in of}


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


def not_by_retry(session: Session, hold: Hold) -> Refusal | None:
    """Why a retry does not clear a change after posting; whatever could end the hold has its
    record checked again anyway. Only what cannot be compared yet needs a new check.
    """
    if hold.code not in posted_differences.CODES:
        return None
    if posted_differences.posted_difference(session, hold.record_id, hold.route) is None:
        return None
    return Refusal(
        code="retry.posted",
        message=f"You cannot retry {hold.number}, because it is posted: a new check finds the same"
        " difference.",
        hint=clears_when(hold.would_pass),
    )


class Accepting:
    """The differences of some holds, worked out once each; `seen` is the version looked at."""

    def __init__(self, desk: Desk, seen: int | None = None) -> None:
        self.desk, self.seen = desk, seen
        self._found: dict[int, Difference | None] = {}

    def of(self, hold: Hold) -> Difference | None:
        """What a hold is about; nothing where it is about no change after posting."""
        if hold.code != posted_differences.ACCEPTED:
            return None
        if hold.id not in self._found:
            found = posted_differences.posted_difference(
                self.desk.session, hold.record_id, hold.route
            )
            self._found[hold.id] = found
        return self._found[hold.id]

    def refusal(self, hold: Hold) -> Refusal | None:
        """Why the difference cannot be accepted: nobody can say it, or it is not the one that was
        looked at.
        """
        if hold.code != posted_differences.ACCEPTED:
            return None
        found = self.of(hold)
        if found is None:
            return Refusal(
                code="difference.unknown",
                message=f"What is posted of {hold.number} cannot be compared with the record now.",
                hint="Retry it, so that the record is checked again.",
            )
        if found.newest and self.seen in (None, found.version):
            return None
        return Refusal(
            code="difference.moved",
            message=f"{found.source} changed {found.number} again; nothing was accepted.",
            hint="Look at the new difference, then decide.",
        )

    def say(self, hold: Hold, name: str) -> str | None:
        """What somebody accepted, in a sentence without its reason."""
        found = self.of(hold)
        return f"{name} accepted the difference: {found.kept}" if found is not None else None

    def short(self, hold_id: int) -> str:
        """The same for the bar where it can be taken back; nothing where it is no difference."""
        found = self._found.get(hold_id)
        return f"Difference of {found.number} accepted" if found is not None else ""

    def keep(self, holds: Sequence[Hold], releases: Mapping[int, int]) -> None:
        """Write down what was accepted, by hold id -> release id."""
        rows = [
            {
                "company_id": hold.company_id,
                "release_id": releases[hold.id],
                "record_id": hold.record_id,
                "posting_id": one.posting_id,
                "push_id": one.push_id,
                "version_no": found.version,
                "posted": one.posted,
                "wanted": one.wanted,
            }
            for hold in holds
            if (found := self.of(hold)) is not None
            for one in found.documents
            if one.rows or one.posted != one.wanted
        ]
        bulk.insert_rows(self.desk.session, AcceptedDifference, rows)

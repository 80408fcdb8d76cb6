"""A record that its source deleted: its last content, under the word of the source for such a one.

Here: that content as one more version to receive. Not here: what the rules make of the word.

A source that tells of a deletion tells the id alone, and no moment. So the moment is that of its
arrival: a change that was made before it and comes after it is older, and revives nothing.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from connectors.contract import IncomingRecord
from connectors.contract.sources import Withdrawn
from holding.tables import Record, Version


def as_records(
    session: Session, source_id: int, withdrawn: Sequence[Withdrawn], now: datetime
) -> list[IncomingRecord]:
    """The records to receive. What is not known is nothing to withdraw, and what has the word
    already is left as it is.
    """
    found = []
    for one in withdrawn:
        given = {"source": source_id, "kind": one.kind, "external_id": one.external_id}
        body = session.scalars(_LAST, given).first()
        if body is not None and body.get("status") != one.status:
            stamp = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            found.append(
                IncomingRecord(
                    kind=one.kind,
                    external_id=one.external_id,
                    number=str(body["number"]),
                    stamp=stamp,
                    body={**body, "status": one.status, "updated_at": stamp},
                )
            )
    return found


_LAST = (
    select(Version.body)
    .join(Record, Record.id == Version.record_id)
    .where(Record.source_id == bindparam("source"), Record.type == bindparam("kind"))
    .where(Record.external_id == bindparam("external_id"))
    .where(Version.corrects_id.is_(None), Version.stale.is_(False))
    .order_by(Version.no.desc())
    .limit(1)
)

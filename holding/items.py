"""Which items of a target are asked for, and what is known of them.

Here: the codes that unsent documents name, in turns, and joining answers to what was known. Not
here: the call (connectors), keeping it (`snapshots.py`), what rules say of it (rules/agreement).
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors.kit.contract import ItemSetup
from connectors.kit.schema import DocumentSchema
from holding.models import Posting, Snapshot, SnapshotItem
from holding.snapshots import FRESH, ITEM

LOOKED_AT = 500  # unsent documents, the newest first
UNSENT = ("waiting", "held", "ready", "failed")


def known(session: Session, connection_id: int) -> dict[str, ItemSetup]:
    """What the target told of its items so far."""
    query = (
        select(SnapshotItem.code, SnapshotItem.body)
        .join(Snapshot, Snapshot.id == SnapshotItem.snapshot_id)
        .where(Snapshot.connection_id == connection_id, Snapshot.kind == ITEM)
        .where(SnapshotItem.to_revision.is_(None))
        .order_by(SnapshotItem.code)
    )
    return {code: setup_of(body) for code, body in session.execute(query)}


def setup_of(body: Mapping[str, Any]) -> ItemSetup:
    """An item as it is kept."""
    rates = {unit: (num, den) for unit, (num, den) in body["rates"].items()}
    return ItemSetup(body["unit"], rates)


def wanted(
    session: Session,
    connection_id: int,
    documents: Iterable[DocumentSchema],
    have: Mapping[str, ItemSetup],
    *,
    most: int,
    now: datetime,
) -> list[str]:
    """The codes to ask for now: new ones first, then the known ones by turns."""
    fields = {
        one.name: next((f.name for f in one.lines if f.refers == "item"), "") for one in documents
    }
    query = (
        select(Posting.doc_type, Posting.content)
        .where(Posting.connection_id == connection_id, Posting.state.in_(UNSENT))
        .where(Posting.content.is_not(None))
        .order_by(Posting.id.desc())
        .limit(LOOKED_AT)
    )
    named = {
        line[fields[doc_type]]
        for doc_type, content in session.execute(query)
        for line in (content or {}).get("lines", ())
        if fields.get(doc_type) and line.get(fields[doc_type])
    }
    new = sorted(named - have.keys())[:most]
    old, rest = sorted(have), most - len(new)
    start = int(now.timestamp() // FRESH.total_seconds()) * rest % len(old) if old and rest else 0
    return new + (old[start:] + old[:start])[:rest]

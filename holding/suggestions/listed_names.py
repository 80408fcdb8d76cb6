"""The names of codes that a target told whole, and which tax codes a company may choose from.

Here: reading them. Not here: the codes themselves and the search among them (choices.py), keeping
what was told (holding/connections/master_data.py).
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.db.models import Snapshot, SnapshotItem
from holding.programs.world import target_connections
from rules.documents.listed_codes import LISTS


def names(session: Session, snapshot_id: int) -> dict[str, str]:
    """Code -> its name, of those that have one."""
    query = select(SnapshotItem.code, SnapshotItem.body).where(
        SnapshotItem.snapshot_id == snapshot_id, SnapshotItem.to_revision.is_(None)
    )
    return {code: str(body["name"]) for code, body in session.execute(query) if body.get("name")}


def tax_codes(session: Session, company_id: int, target: str) -> dict[str, str]:
    """Tax code -> its name or blank, of a target by its name or connector; empty: none are told."""
    row = target_connections(session, company_id).get(target)
    if row is None:
        return {}
    query = (
        select(SnapshotItem.code, SnapshotItem.body)
        .join(Snapshot, Snapshot.id == SnapshotItem.snapshot_id)
        .where(Snapshot.connection_id == row.id, Snapshot.kind == LISTS["tax"])
        .where(SnapshotItem.to_revision.is_(None))
        .order_by(SnapshotItem.code)
    )
    return {code: str(body.get("name", "")) for code, body in session.execute(query)}

"""Lists that grow with no record: entries of a mapping table, and events of the trail."""

from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.db import bulk
from holding.db.models import Company, MappingEntry, MappingTable
from holding.db.models.rules import ALWAYS
from holding.platform import events
from holding.platform.events import Fact, record_events

TABLE: Final = "item"


def grow_lists(session: Session, company_id: int, rows: int, now: datetime) -> None:
    """So many entries more in the table of items, and so many sealed events more."""
    table = session.scalars(
        select(MappingTable.id)
        .where(MappingTable.company_id == company_id)
        .where(MappingTable.name == TABLE)
    ).one()
    told = {"table_id": table, "num": None, "den": None, "valid_from": ALWAYS, "valid_to": None,
            "from_revision": session.get_one(Company, company_id).revision, "to_revision": None,
            "person_id": None, "reason": "taken over", "at": now}  # fmt: skip
    keys = [f"ZZ-{n:05}" for n in range(rows)]
    bulk.insert_rows(
        session, MappingEntry, [{**told, "key": key, "value": f"V{key}"} for key in keys]
    )
    say = {"say": "An item was taken over."}
    facts = [
        Fact(company_id=company_id, at=now, actor=None, act="mapping.changed", body=say)
        for _ in range(rows)
    ]
    record_events(session, facts)
    events.link_events(session, company_id, all_events=True)

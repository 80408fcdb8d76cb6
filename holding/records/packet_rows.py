"""Collect a record's stored rows for its evidence packet, with the seals that prove them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.access.actors import Hide, changes
from holding.db.models import Event, EventLink, RowSeal
from holding.platform.events import Head
from holding.platform.row_trail import ACT, SEALS, canonical_text, hashes_of, key_of, seal_texts
from holding.platform.sealed_tables import OF_RECORD, Cover
from holding.records.packet_file import StoredRow, row_hashes

MOST_TEXT: Final = 16_000_000
"""Longest text of all seals in a packet, in characters."""

LEFT_OUT: Final = "Seals of the record's rows: together they are larger than 16 MB."


@dataclass(frozen=True, slots=True)
class RowProof:
    """The rows and their seals, the places of the events that sealed them, and what is left out."""

    content: dict[str, Any]
    places: tuple[int, ...]
    left_out: tuple[str, ...] = ()


def collect_rows(
    session: Session, company_id: int, record_id: int, *, head: Head, hide: Hide, personal: bool
) -> RowProof:
    """Return the record's sealed rows as stored, with every seal up to a head of the chain.

    The values of a row that contains a secret, and of every row without personal data, are None.
    A seal is hashed together with the other seals of its event, so these are in the packet, too.
    """
    rows = {
        cover.table: {
            key_of(cover, row): _hashed_parts(cover, row, hide) if personal else None
            for row in _stored_rows(session, cover, record_id)
        }
        for cover in OF_RECORD
    }
    content: dict[str, Any] = {"rows": rows, "seals": []}
    places = []
    for event_id, seq, first, last in _sealing_events(session, company_id, record_id, head):
        texts = seal_texts(session, company_id, first, last)
        content["seals"].append({"event": event_id, "texts": texts})
        places.append(seq)
    if sum(len(text) for seal in content["seals"] for text in seal["texts"]) > MOST_TEXT:
        return RowProof({**content, "seals": []}, (), (LEFT_OUT,))
    return RowProof(content, tuple(places))


def _stored_rows(session: Session, cover: Cover, record_id: int) -> list[dict[str, Any]]:
    query = cover.rows.where(cover.owner == record_id)
    return [dict(row) for row in session.execute(query).mappings()]


def _hashed_parts(cover: Cover, row: Mapping[str, Any], hide: Hide) -> StoredRow | None:
    """Return a row's values in the three parts that are hashed: fixed, state and clearable columns.

    None if `hide` would mask a value, or if the values do not give the row's stored hashes.
    """
    fixed = {name: row[name] for name in cover.fixed if name not in cover.added or row[name]}
    parts = (
        fixed,
        {name: row[name] for name in cover.state},
        [{name: row[name]} for name in cover.cleared],
    )
    values: StoredRow = json.loads(canonical_text(parts))
    # what the packet cannot hash to the same value would look like an edited row
    same = ".".join(row_hashes(values)) == hashes_of(cover, row)
    return values if same and not changes(hide, values) else None


def _sealing_events(
    session: Session, company_id: int, record_id: int, head: Head
) -> list[tuple[int, int, int, int]]:
    """Return id, place, first and last seal of each event that sealed rows of the record."""
    seals = session.execute(
        select(RowSeal.id, RowSeal.at).where(RowSeal.record_id == record_id).order_by(RowSeal.id)
    ).all()
    query = (
        select(Event.id, Event.body, EventLink.seq)
        .join(EventLink, EventLink.event_id == Event.id)
        .where(Event.company_id == company_id, Event.record_id.is_(None), Event.act == ACT)
        .where(Event.at.in_({seal.at for seal in seals}), EventLink.seq <= head.seq)
        .order_by(Event.id)
    )
    events = []
    for event in session.execute(query):
        first, last, _ = event.body[SEALS]
        if any(first <= seal.id <= last for seal in seals):
            events.append((event.id, event.seq, first, last))
    return events

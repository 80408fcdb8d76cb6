"""What is stored of records before more arrives of them.

Here: their ids, the versions they have, and whether a content is one of these. Not here: making
versions (holding/intake/versions.py).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from connectors.contract import IncomingRecord
from holding.intake.deliveries import is_ahead, later
from holding.store import bulk
from holding.tables import Record, Version
from holding.tables.columns import table_of
from rules.values.canonical import dumps, sha256_hex

Key = tuple[str, str]
"""Kind and id of a record, as its source has them."""


@dataclass(slots=True)
class Stored:
    """What is stored of one record; `sha256`: what its source said last, `newest_stamp`: the newest
    moment by which what arrives is put in order.
    """

    record_id: int
    family: int = 0
    no: int = 0
    sha256: str = ""
    newest_stamp: str | None = None
    corrected: bool = False
    seen: set[tuple[str | None, str]] = field(default_factory=set)

    def has(self, stamp: str | None, digest: str) -> bool:
        """Whether this content makes no version: it is the newest, or came before as it is."""
        return digest == self.sha256 or (stamp is not None and (stamp, digest) in self.seen)


def ids_of(session: Session, source_id: int, keys: Collection[Key]) -> dict[Key, int]:
    """The ids of those of these records that are there."""
    kinds, external_ids = sorted({kind for kind, _ in keys}), [one for _, one in keys]
    given = {"source": source_id, "kinds": kinds, "external_ids": external_ids}
    return {(row.type, row.external_id): row.id for row in session.execute(_IDS, given)}


_RECORD, _VERSION = table_of(Record), table_of(Version)
_IDS = (
    select(_RECORD.c.type, _RECORD.c.external_id, _RECORD.c.id)
    .where(_RECORD.c.source_id == bindparam("source"))
    .where(bulk.among_given(_RECORD.c.type, "kinds"))
    .where(bulk.among_given(_RECORD.c.external_id, "external_ids"))
)


def stored(
    session: Session, ids: Mapping[Key, int], fresh: set[int], *, locked: bool = True
) -> dict[int, Stored]:
    """What is stored of the records. They stay locked, so that version numbers have no gaps, unless
    nothing is to be written.
    """
    old = sorted(set(ids.values()) - fresh)
    found = {record_id: Stored(record_id) for record_id in ids.values()}
    if not old:
        return found
    current: dict[int, int | None] = {}
    for record in session.execute(_LOCK if locked else _PLAIN, {"ids": old}):
        current[record.id], found[record.id].family = record.version_id, record.family
    for row in session.execute(_VERSIONS, {"ids": old}):
        known = found[row.record_id]
        known.no = max(known.no, row.no)
        known.seen.add((row.stamp, row.sha256))
        if row.id == current[row.record_id]:
            known.corrected = row.corrects_id is not None
        if row.corrects_id is None and not row.stale:
            known.sha256 = row.sha256
        counts = row.stamp is not None and not is_ahead(row.stamp, row.at)
        if counts and later(row.stamp, known.newest_stamp):
            known.newest_stamp = row.stamp
    return found


_PLAIN = (
    select(_RECORD.c.id, _RECORD.c.version_id, _RECORD.c.family)
    .where(bulk.among_given(_RECORD.c.id, "ids"))
    .order_by(_RECORD.c.id)
)
_LOCK = _PLAIN.with_for_update(key_share=True)
_VERSIONS = (
    select(
        _VERSION.c.id,
        _VERSION.c.record_id,
        _VERSION.c.no,
        _VERSION.c.sha256,
        _VERSION.c.stamp,
        _VERSION.c.stale,
        _VERSION.c.corrects_id,
        _VERSION.c.at,
    )
    .where(bulk.among_given(_VERSION.c.record_id, "ids"))
    .order_by(_VERSION.c.record_id, _VERSION.c.no)
)


def unseen(
    session: Session, source_id: int, records: Iterable[IncomingRecord]
) -> Sequence[IncomingRecord]:
    """Those of these that would make a version; the others are here already, content and all.

    They were asked for, so they are what the source says now: of two contents of one moment, which
    webhooks may bring in either order, the one that is shown counts again, as told a little later.
    """
    all_ = list(records)
    ids = ids_of(session, source_id, {(one.kind, one.external_id) for one in all_}) if all_ else {}
    known = stored(session, ids, set(), locked=False)
    found = []
    for one in all_:
        record_id = ids.get((one.kind, one.external_id))
        before = known[record_id] if record_id is not None else None
        digest = sha256_hex(dumps(one.body))
        if before is None or not before.has(one.stamp, digest):
            found.append(one)
        elif digest != before.sha256 and one.stamp == before.newest_stamp:
            found += _told_again(one)
    return found


def _told_again(one: IncomingRecord) -> list[IncomingRecord]:
    """The same a moment later, so that it is the newest; nothing where its stamp is no moment."""
    try:
        moment = datetime.fromisoformat(one.stamp or "")
    except ValueError:
        return []
    return [replace(one, stamp=(moment + _A_MOMENT).isoformat())]


_A_MOMENT: Final = timedelta(microseconds=1)

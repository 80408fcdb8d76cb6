"""What a change of a mapping reaches, looked through from the newest: some at once, the rest later.

Here: waking records that wait for a cause or have unsent documents made with an entry, the mark of
what was not looked at yet, and its turns. Not here: which causes and entries a change reaches
(holding/mappings/entries.py), what is not sent meanwhile (holding/posting/prepare.py).

Why nothing is missed: the mark is of the transaction of the change, and says down to which number
was looked. What is judged after the change has its value, so what gets a higher number later needs
no look. Each turn wakes and moves the mark in one transaction.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session

from holding.audit.events import Fact, record_events
from holding.lifecycle.changes import UNSENT, wake_records
from holding.lifecycle.entry_uses import END, MOST
from holding.store import bulk
from holding.store.database import Database
from holding.store.together import Question, answer
from holding.tables import Hold, Posting, PostingUse, WakeMark
from holding.tables.decisions import HOLD_OPEN

TURNS: Final = 20  # of one sweep
LOOKS: Final = 10  # of one turn, each at MOST, as long as it finds fewer than MOST records


@dataclass(frozen=True, slots=True)
class Told:
    """What the event of each woken record says, and who caused it: it is an actor as well."""

    body: Mapping[str, Any]
    person_id: int | None
    name: str
    via: str
    operation_id: str | None


@dataclass(frozen=True, slots=True)
class Reached:
    """The records that a change wakes at once, and what is marked for later."""

    records: frozenset[int]
    left: tuple[WakeMark, ...]


def look_first(
    session: Session, company_id: int, causes: Iterable[int], entries: Iterable[int]
) -> Reached:
    """The newest of what waits for these causes or was made with these entries."""
    sought = [
        *(WakeMark(company_id=company_id, cause_id=one, below=END) for one in causes),
        *(WakeMark(company_id=company_id, entry_id=one, below=END) for one in entries),
    ]
    records = frozenset(key for mark in sought for key in _look(session, mark))
    return Reached(records, tuple(mark for mark in sought if mark.below))


def wake_reached(
    session: Session, company_id: int, reached: Reached, told: Told, now: datetime
) -> None:
    """Wake what was found at once, and leave marks of the rest."""
    for mark in reached.left:
        mark.told = asdict(told)
    session.add_all(reached.left)
    _wake(session, company_id, reached.records, told, now)


def wake_later(database: Database, now: datetime) -> int:
    """Go on with what is marked, the oldest change first; how many records were woken."""
    woken = 0
    for _ in range(TURNS):
        with database.read() as session:
            if session.scalar(_FIRST) is None:
                break
        with database.write() as session:
            woken += _turn(session, now)
    return woken


_FIRST: Final = select(WakeMark.id).order_by(WakeMark.id).limit(1)


def _turn(session: Session, now: datetime) -> int:
    """A transaction's part of the oldest mark."""
    mark = session.scalars(
        select(WakeMark).order_by(WakeMark.id).limit(1).with_for_update()
    ).one_or_none()
    if mark is None:
        return 0
    records: set[int] = set()
    for _ in range(LOOKS):
        records |= _look(session, mark)
        if not mark.below or len(records) >= MOST:
            break
    if not mark.below:
        session.delete(mark)
    _wake(session, mark.company_id, records, Told(**mark.told), now)
    return len(records)


def _look(session: Session, mark: WakeMark) -> set[int]:
    """The records of what stands next below the mark, which moves; 0: nothing more does."""
    seen = (
        select(Hold.id.label("number"), Hold.record_id)
        .where(Hold.cause_id == mark.cause_id, HOLD_OPEN, Hold.id < mark.below)
        .order_by(Hold.id.desc())
        if mark.cause_id is not None
        else select(PostingUse.posting_id.label("number"))
        .where(PostingUse.entry_id == mark.entry_id, PostingUse.posting_id < mark.below)
        .order_by(PostingUse.posting_id.desc())
    )
    rows = session.execute(seen.limit(MOST)).all()
    numbers = [row.number for row in rows]
    mark.below = numbers[-1] if len(rows) == MOST else 0
    if mark.cause_id is not None:
        return {row.record_id for row in rows}
    unsent = select(Posting.record_id).where(bulk.among(Posting.id, numbers), UNSENT)
    return set(session.scalars(unsent))


def _wake(
    session: Session, company_id: int, records: Collection[int], told: Told, now: datetime
) -> None:
    """Make them due; each has an event that says why."""
    wake_records(session, sorted(records), now)
    record_events(session, _facts(company_id, records, told, now))


def _facts(company_id: int, records: Collection[int], told: Told, now: datetime) -> Iterator[Fact]:
    for record_id in sorted(records):
        yield Fact(
            company_id=company_id,
            at=now,
            actor=told,
            act="record.woken",
            record_id=record_id,
            operation_id=told.operation_id,
            body=told.body,
        )


def is_marked() -> ColumnElement[bool]:
    """Whether a posting of a row was made with an entry that was changed since, and nobody has
    looked at it yet: it may be another document by now.
    """
    return exists().where(
        WakeMark.company_id == Posting.company_id,
        WakeMark.below > Posting.id,
        PostingUse.entry_id == WakeMark.entry_id,
        PostingUse.posting_id == Posting.id,
    )


def pending(session: Session, company_id: int, entries: Collection[int]) -> bool:
    """Whether documents of one of these entries are still to be looked at."""
    return answer(session, asked_pending(company_id, entries))


def asked_pending(company_id: int, entries: Collection[int]) -> Question[bool]:
    """The same, asked with other questions."""
    mine = (WakeMark.company_id == company_id, bulk.among(WakeMark.entry_id, sorted(entries)))
    return (yield select(WakeMark.id).where(*mine).limit(1)).first() is not None

"""Causes with their counters: what many holds have in common.

Here: finding or making causes, keeping how many records wait and for how much, and closing open
holds by hand, with what follows from it for records and causes. Not here: opening holds, and
closing them in a judging.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, or_, select, text, update
from sqlalchemy.orm import Session

from grammar.text.finding_codes import ErrorClass
from holding.audit.events import Acting
from holding.lifecycle.states import HOLD_MOVES, allowed, refresh
from holding.store import bulk
from holding.tables import Cause, Hold
from holding.tables.columns import table_of
from holding.tables.decisions import HOLD_OPEN
from holding.tables.row_states import HoldState
from rules.values.canonical import dumps
from rules.values.cause_keys import CauseKey

INACTIVE = "TGT06"
"""The code of a hold for a party that is switched off in the target."""
TOTALS = "TGT07"
"""The code of a hold for another total in the target than a retry brought there."""
WITHDRAWN = "TGT09"
"""The code of a hold for what stood in a file that a person withdrew."""
UNSEEN = "TGT10"
"""The code of a hold for what may have been made in a target that shows no such documents."""
ADD = (
    "UPDATE cause AS t SET records = t.records + v.records, book = t.book + v.book"
    " FROM v WHERE t.id = v.id"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseSpec:
    """A cause as a finding names it."""

    key: CauseKey
    error_class: ErrorClass
    label: str
    rule: str
    team_id: int | None


def ensure(
    session: Session, company_id: int, specs: Sequence[CauseSpec], now: datetime
) -> dict[CauseKey, int]:
    """Cause key -> id; missing ones are made, in key order."""
    by_key = {spec.key: spec for spec in specs}
    known = ids_of(session, company_id, by_key)
    fresh = [
        _row(company_id, by_key[key], now) for key in sorted(by_key, key=str) if key not in known
    ]
    if fresh:
        bulk.insert(session, Cause, fresh, ignore=True)
        known = ids_of(session, company_id, by_key)
    return known


def ids_of(session: Session, company_id: int, keys: Collection[CauseKey]) -> dict[CauseKey, int]:
    """The ids of the causes that are there."""
    given = {"company": company_id, "keys": [str(key) for key in keys]}
    return dict(session.execute(_IDS, given).all()) if keys else {}


_CAUSE = table_of(Cause)
_IDS = select(_CAUSE.c.key, _CAUSE.c.id).where(
    _CAUSE.c.company_id == bindparam("company"), bulk.among_given(_CAUSE.c.key, "keys")
)


def add(
    session: Session,
    deltas: Mapping[int, tuple[int, int]],
    labels: Mapping[int, str] | None = None,
) -> None:
    """Change counters by (records, book) for each cause id, locked in id order. Comes last.

    A cause whose label came out otherwise this time (newer rules, another limit) is renamed.
    """
    rows = [{"id": i, "records": n, "book": b} for i, (n, b) in sorted(deltas.items()) if n or b]
    renamed = _renamed(session, labels or {})
    lock(session, sorted({row["id"] for row in (*rows, *renamed)}))
    bulk.update(session, Cause, renamed)
    if not rows:
        return
    columns = {"id": "bigint", "records": "bigint", "book": "bigint"}
    statement = f"{bulk.given(session, 'v', columns)} {ADD}"
    session.execute(text(statement), {"rows": dumps(rows)})


def moved(session: Session, company_id: int, begin: Collection[CauseKey], revision: int) -> None:
    """Note this revision as the latest change of the causes whose keys begin so. Comes last."""
    mine = or_(*map(begins, begin))
    ids = select(Cause.id).where(Cause.company_id == company_id, mine)
    session.execute(
        update(Cause)
        .where(Cause.id.in_(ids), Cause.changed_revision < revision)
        .values(changed_revision=revision)
        .execution_options(synchronize_session=False)
    )


def begins(key: CauseKey) -> ColumnElement[bool]:
    """The condition that the key of a cause begins as this one does."""
    return Cause.key.startswith(str(key), autoescape=True)


def recount(session: Session, cause_ids: Collection[int]) -> None:
    """Count again what is open under these causes; for acts that touch few holds. Comes last."""
    session.flush()
    wanted = sorted(set(cause_ids))
    if not wanted:
        return
    lock(session, wanted)
    live = select(Hold.cause_id, Hold.record_id, Hold.book).where(
        bulk.among(Hold.cause_id, wanted), HOLD_OPEN
    )
    records: dict[int, dict[int, int]] = {cause_id: {} for cause_id in wanted}
    for cause_id, record_id, book in session.execute(live):
        records[cause_id][record_id] = book or 0
    rows = [
        {"id": cause_id, "records": len(found), "book": sum(found.values())}
        for cause_id, found in records.items()
    ]
    bulk.update(session, Cause, rows)
    bulk.forget(session, Cause, wanted)


def _renamed(session: Session, labels: Mapping[int, str]) -> list[dict[str, Any]]:
    query = select(Cause.id, Cause.label).where(bulk.among(Cause.id, labels))
    known = dict(session.execute(query).all()) if labels else {}
    return [{"id": i, "label": label} for i, label in labels.items() if known[i] != label]


def lock(session: Session, cause_ids: Sequence[int]) -> None:
    """Lock causes in id order."""
    if not cause_ids:
        return
    session.execute(_LOCK, {"ids": list(cause_ids)}).all()


_LOCK = (
    select(_CAUSE.c.id)
    .where(bulk.among_given(_CAUSE.c.id, "ids"))
    .order_by(_CAUSE.c.id)
    .with_for_update(key_share=True)
)


def _row(company_id: int, spec: CauseSpec, now: datetime) -> dict[str, object]:
    table = spec.key.table
    return {
        "company_id": company_id,
        "class": spec.error_class,
        "key": spec.key,
        "label": spec.label,
        "rule": spec.rule,
        "team_id": spec.team_id,
        "table_name": table,
        "value": spec.key.entry if table is not None else None,
        "changed_revision": 0,
        "opened_at": now,
        "records": 0,
        "book": 0,
    }


def close(
    session: Session,
    holds: Sequence[Hold],
    actor: Acting,
    *,
    state: HoldState,
    why: str,
    now: datetime,
) -> None:
    """Close holds that are open; their records are locked, so nobody can be faster.

    A move that the table does not have is our own fault and raises.
    """
    if not allowed(HOLD_MOVES, HoldState.OPEN, state):
        message = f"an open hold never becomes {state}"
        raise ValueError(message)
    session.execute(
        update(Hold)
        .where(bulk.among(Hold.id, [hold.id for hold in holds]), HOLD_OPEN)
        .values(
            state=state,
            closed_at=now,
            closed_by_id=actor.person_id,
            closed_why=why,
            lock=Hold.lock + 1,
        )
        .execution_options(synchronize_session=False)
    )


def settle(session: Session, closed: Sequence[Hold]) -> None:
    """After holds were closed: the states of their records and the counters of their causes."""
    record_ids = sorted({hold.record_id for hold in closed})
    cause_ids = sorted({hold.cause_id for hold in closed})
    refresh(session, record_ids)
    recount(session, cause_ids)


def beside(session: Session, hold: Hold) -> Sequence[Hold]:
    """All open holds of the hold's posting, itself included."""
    query = select(Hold).where(
        Hold.record_id == hold.record_id,
        Hold.route == hold.route,
        Hold.seq == hold.seq,
        HOLD_OPEN,
    )
    return session.scalars(query.order_by(Hold.id)).all()

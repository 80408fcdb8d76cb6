"""A record that its source deleted: its last content, under the word of the source for such a one.

Here: that content as one more version to receive, and which payments of orders a changed payout
leaves out. Not here: what the rules make of the word.

A source that tells of a deletion tells the id alone, and no moment. So the moment is that of its
arrival: a change that was made before it and comes after it is older, and revives nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from connectors.contract import IncomingRecord
from connectors.contract.sources import Withdrawn
from holding.intake.deliveries import later
from holding.tables import Record, Version


def as_records(
    session: Session, source_id: int, withdrawn: Sequence[Withdrawn], now: datetime
) -> list[IncomingRecord]:
    """The records to receive. What is not known is nothing to withdraw, and what has the word
    already is left as it is.
    """
    stamp = _said(now)
    found = []
    for one in withdrawn:
        last = _last(session, source_id, one.kind, one.external_id)
        if last is not None and last.body.get("status") != one.status:
            found.append(_withdrawn(last, one.status, stamp))
    return found


PAYOUT: Final = "payout"
ORDER_PAYMENT: Final = "order_payment"
WITHDRAWN: Final = "withdrawn"
MOST_VERSIONS: Final = 2**31 - 1


def left_out(
    session: Session, source_id: int, records: Sequence[IncomingRecord], now: datetime
) -> list[IncomingRecord]:
    """What payouts paid of orders that a newer state of them has no sale of any more: a shop says
    nothing of such a payment, and it would stand as paid. One that another payout pays by now is
    that one's.

    It is withdrawn as of the moment of that state, where the shop tells one: whichever payout has
    the sale later pays it, however late either of both arrives. A state that does not name its
    sales, such as one of a file without that column, says nothing of any payment: the next that
    does is compared with the last that did.
    """
    given = {one.external_id: one for one in records if one.kind == ORDER_PAYMENT}
    states: dict[str, list[IncomingRecord]] = {}
    for one in records:
        if one.kind == PAYOUT:
            states.setdefault(one.external_id, []).append(one)
    found = []
    for key, arrived in states.items():
        newest, lost = _lost([*_before(session, source_id, key), *arrived])
        for sale in lost:
            last = _last(session, source_id, ORDER_PAYMENT, sale)
            paid = _newer(last, given.get(sale))
            mine = paid is not None and paid.body.get("payout") == newest.number
            if paid is not None and mine and paid.body.get("status") != WITHDRAWN:
                found.append(_withdrawn(paid, WITHDRAWN, newest.stamp or _said(now)))
    return found


def _before(session: Session, source_id: int, key: str) -> list[IncomingRecord]:
    """What was told of a payout before, the last that names its sales and all after it."""
    states = []
    for one in _told(session, source_id, PAYOUT, key):
        states.append(one)
        if _names_sales(one.body):
            break
    return states[::-1]


def _lost(states: Sequence[IncomingRecord]) -> tuple[IncomingRecord, list[str]]:
    """The newest of the states of one payout, and the sales that only others of them have; none
    where the newest does not name its own.
    """
    newest, sales = states[0], set[str]()
    for one in states:
        newest = _newer(newest, one) or one
        sales |= _sales(one.body)
    return newest, sorted(sales - _sales(newest.body)) if _names_sales(newest.body) else []


def _newer(known: IncomingRecord | None, told: IncomingRecord | None) -> IncomingRecord | None:
    """Which of both counts: what is told, unless it is of an earlier moment than what is known."""
    if known is None or told is None:
        return told or known
    late = bool(known.stamp and told.stamp and later(known.stamp, told.stamp))
    return known if late else told


def _names_sales(body: Mapping[str, Any]) -> bool:
    """Whether each line says what it is, and each sale its id."""
    parts = [(one.get("part"), one.get("line_id")) for one in _lines(body)]
    return all(part and (name or part != "sale") for part, name in parts)


def _sales(body: Mapping[str, Any]) -> set[str]:
    told = [one.get("line_id") for one in _lines(body) if one.get("part") == "sale"]
    return {str(name) for name in told if name}


def _lines(body: Mapping[str, Any]) -> list[Any]:
    lines = body.get("lines")
    return lines if isinstance(lines, list) else []


def _said(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _withdrawn(last: IncomingRecord, status: str, stamp: str) -> IncomingRecord:
    """The same content under this word, as of that moment."""
    return replace(last, stamp=stamp, body={**last.body, "status": status, "updated_at": stamp})


def _last(session: Session, source_id: int, kind: str, external_id: str) -> IncomingRecord | None:
    """What the source said last of a record; None where nothing is known of it."""
    return next(_told(session, source_id, kind, external_id), None)


def _told(
    session: Session, source_id: int, kind: str, external_id: str
) -> Iterator[IncomingRecord]:
    """What the source said of a record, the last first, up to what is not kept any more."""
    given = {"source": source_id, "kind": kind, "external_id": external_id, "below": MOST_VERSIONS}
    while row := session.execute(_TOLD, given).first():
        if row.body is None:
            return
        yield IncomingRecord(
            kind=kind,
            external_id=external_id,
            number=str(row.body["number"]),
            stamp=row.stamp,
            body=row.body,
        )
        given["below"] = row.no


_TOLD = (
    select(Version.no, Version.body, Version.stamp)
    .join(Record, Record.id == Version.record_id)
    .where(Record.source_id == bindparam("source"), Record.type == bindparam("kind"))
    .where(Record.external_id == bindparam("external_id"))
    .where(Version.corrects_id.is_(None), Version.stale.is_(False))
    .where(Version.no < bindparam("below"))
    .order_by(Version.no.desc())
    .limit(1)
)

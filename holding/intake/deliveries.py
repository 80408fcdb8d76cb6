"""A delivery as it arrives: kept once however often it comes, and read into the first columns.

Here: the columns of a record at its first version, its family, which of two versions is later, and
the event of each. Not here: what the rules make of it; from the first judging on only the judging
writes these columns.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import Text, bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from connectors.contract import IncomingRecord
from holding.audit.events import record_event
from holding.programs.world import Judge
from holding.refusal import Refusal
from holding.store import bulk
from holding.tables import Company, Connection, Delivery, Record
from holding.tables.columns import to_minor
from holding.tables.row_states import RecordState
from rules.values.canonical import sha256_hex


def later(stamp: str, other: str | None) -> bool:
    """Whether a change stamp comes after another; after none, each does."""
    return other is None or _order(stamp) > _order(other)


def story(
    noun: str,
    number: str,
    source: str,
    version: Mapping[str, Any],
    *,
    is_new: bool,
    replaces: bool,
) -> tuple[str, str]:
    """The act and the sentence for a version of a record, such as an order, that was stored;
    `replaces`: a correction ends.
    """
    no = version["no"]
    if is_new and no == 1:
        noun = noun.capitalize()
        return "record.received", f"{noun} {number} arrived from {source}."
    if version["stale"]:
        say = (
            f"Version {no} of {noun} {number} arrived late: a newer one is here, so it is not"
            " checked."
        )
        return "record.stale", say
    ends = " It takes the place of the correction made here." if replaces else ""
    if version["reason"]:
        say = (
            f"Version {no} of {noun} {number} arrived with the same change stamp as the one before."
        )
        return "record.conflict", say + ends
    return "record.changed", f"Version {no} of {noun} {number} arrived from {source}.{ends}"


def is_ahead(stamp: str, arrived: datetime) -> bool:
    """Whether a change stamp is of a moment that had not come when it arrived, by more than a clock
    in another zone explains. It orders nothing: whatever changed until then would be taken for
    older, a cancellation too.
    """
    moment = _moment(stamp)
    return moment is not None and moment > arrived + _WRONG_ZONE


_WRONG_ZONE = timedelta(days=1)


def _order(stamp: str) -> str:
    """Stamps that are moments compare as moments, others as text."""
    moment = _moment(stamp)
    return stamp if moment is None else moment.isoformat(timespec="microseconds")


def _moment(stamp: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


_COUNT = (
    update(Delivery)
    .where(Delivery.id == bindparam("delivery"))
    .values(times=Delivery.times + 1)
    .execution_options(synchronize_session=False)
)
_newest = select(func.max(Delivery.id)).where(Delivery.source_id == bindparam("source"))
_KNOWN = select(Delivery).where(
    Delivery.source_id == bindparam("source"),
    or_(
        Delivery.key == bindparam("key"),
        Delivery.signature == bindparam("signature", type_=Text()),
        Delivery.id == _newest.scalar_subquery(),
    ),
)
"""The delivery of a source with this key, the one with this signature, and its newest."""


def held(session: Session, company_id: int, source_id: int) -> tuple[Company, Connection]:
    """The company, held steady (a publish waits until this delivery is in), and its source."""
    company, source = session.execute(_HELD, {"company": company_id, "source": source_id}).one()
    return company, source


_HELD = (
    select(Company, Connection)
    .join(Connection, Connection.company_id == Company.id)
    .where(Company.id == bindparam("company"), Connection.id == bindparam("source"))
    .with_for_update(read=True, of=Company)
)


def keep(session: Session, delivery: Delivery) -> Delivery | Refusal:
    """Keep the delivery, or count it when it was here before."""
    known = _again(session, delivery)
    if known is not None:
        return known
    values = {
        c.key: getattr(delivery, c.key)
        for c in Delivery.__table__.columns
        if getattr(delivery, c.key) is not None
    }
    made = bulk.insert_once(session, Delivery, values | {"times": 1})
    if made is None:  # the same key came in at the same moment
        return _again(session, delivery) or _other_body(session, delivery)
    delivery.id, delivery.times = made, 1
    return delivery


def _again(session: Session, delivery: Delivery) -> Delivery | Refusal | None:
    """The delivery with this key or this signature, or the source's last one if it has this body;
    counted up. Where an id is not signed anybody may have written it, so the signature comes first.
    """
    given = {
        "source": delivery.source_id,
        "key": delivery.key,
        "signature": delivery.signature,
    }
    found = {one.key: one for one in session.scalars(_KNOWN, given)}
    proved: dict[str | None, Delivery] = {
        one.signature: one for one in found.values() if one.signature
    }
    same = proved.get(delivery.signature) or found.get(delivery.key)
    known = same or next(iter(found.values()), None)
    if known is None:
        return None
    if known.sha256 != delivery.sha256:
        return _other_body(session, delivery) if same is not None else None
    session.execute(_COUNT, {"delivery": known.id})
    session.refresh(known)
    return known


def _other_body(session: Session, delivery: Delivery) -> Refusal:
    message = f"Delivery {delivery.key} was received before, with another content."
    record_event(
        session,
        company_id=delivery.company_id,
        at=delivery.received_at,
        actor=None,
        act="delivery.conflict",
        object=f"connection:{delivery.source_id}",
        body={"say": f"{message} The second one was not taken.", "sha256": delivery.sha256},
    )
    return Refusal(
        code="delivery.conflict",
        message=message,
        hint="Send changed content under a new delivery id.",
    )


FAMILY_BITS = 63
_PARTIES = ("customer", "supplier")
_DAYS = (
    *("ordered_on", "delivered_on", "refunded_on", "received_on", "arrived_on"),
    *("settled_on", "paid_on"),
)
_AMOUNTS = ("total", "amount", "net")


def new_record(
    company: Company, source: Connection, record: IncomingRecord, family: int, now: datetime
) -> dict[str, Any]:
    """The row of a new record."""
    body = record.body
    names = tuple(f"{party}_name" for party in _PARTIES)
    currency = text_of(body, "currency") or company.currency
    amount = _minor(_first(body, _AMOUNTS), currency)
    return {
        "company_id": company.id,
        "source_id": source.id,
        "type": record.kind,
        "external_id": record.external_id,
        "number": record.number,
        "family": family,
        "status": text_of(body, "status"),
        "state": RecordState.RECEIVED,
        "party": _first(body, (*names, *_PARTIES)),
        "party_key": _first(body, _PARTIES)[: Record.LONGEST_PARTY],
        "branch": text_of(body, "branch"),
        "doc_date": _day(_first(body, _DAYS)),
        "amount": amount,
        "currency": currency,
        "book": amount if currency == company.currency else None,
        "priority": 100,
        "seen_at": now,
        "due_at": now,
        "lock": 0,
    }


def text_of(body: Mapping[str, object], name: str) -> str:
    """A text of the body; "" when it has none by that name."""
    value = body.get(name)
    return value if isinstance(value, str) else ""


def _first(body: Mapping[str, object], names: Iterable[str]) -> str:
    """The first of these texts that the body has."""
    return next((text for name in names if (text := text_of(body, name))), "")


def _minor(value: object, currency: str) -> int | None:
    try:
        return to_minor(Decimal(str(value)), currency)
    except (InvalidOperation, ValueError, OverflowError):
        return None


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        return None


def family_of(
    company_id: int,
    source_id: int,
    kind: str,
    external_id: str,
    body: Mapping[str, object],
    judge: Judge | None,
) -> int:
    """The number of a record's family: the first 63 bits of a hash, so no table is needed.

    The rules say who belongs together; without them, and for who has nobody, it is the record.
    """
    named = judge.family(dict(body), kind) if judge is not None else None
    own = f"{source_id}|{kind}|{external_id}"
    digest = sha256_hex(f"{company_id}|{'|'.join(named) if named else own}")
    return int(digest[:16], 16) >> (64 - FAMILY_BITS)

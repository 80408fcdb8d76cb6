"""The columns of a record at its first version, so that lists can show it before it is judged.

Here: reading them from a canonical body, and the family. Not here: what the rules make of it; from
the first judging on only the judging writes these columns.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.kit.contract import IncomingRecord
from holding.models import Company, Connection
from holding.types import to_minor
from holding.worlds import Judge
from rules.canonical import sha256_hex

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
        "state": "received",
        "party": _first(body, (*names, *_PARTIES)),
        "party_key": _first(body, _PARTIES),
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

"""The columns of a record at its first version, so that lists can show it before it is judged.

Here: reading them from a canonical body, and the family. Not here: what the rules make of it; from
the first judging on only the judging writes these columns.
"""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.kit.contract import IncomingRecord
from holding.models import Company, Connection
from holding.types import to_minor
from rules.canonical import sha256_hex

FAMILY_BITS = 63


def new_record(
    company: Company, source: Connection, record: IncomingRecord, now: datetime
) -> dict[str, Any]:
    """The row of a new record."""
    body = record.body
    currency = text_of(body, "currency") or company.currency
    amount = _minor(body.get("total"), currency)
    return {
        "company_id": company.id,
        "source_id": source.id,
        "type": record.kind,
        "external_id": record.external_id,
        "number": record.number,
        "family": family_of(company.id, source.id, record.external_id),
        "status": text_of(body, "status"),
        "state": "received",
        "party": text_of(body, "customer_name") or text_of(body, "customer"),
        "party_key": text_of(body, "customer"),
        "branch": text_of(body, "branch"),
        "doc_date": _day(body.get("ordered_on")),
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


def family_of(company_id: int, source_id: int, external_id: str) -> int:
    """The number of a record's family: the first 63 bits of a hash, so no table is needed."""
    digest = sha256_hex(f"{company_id}|{source_id}|{external_id}")
    return int(digest[:16], 16) >> (64 - FAMILY_BITS)

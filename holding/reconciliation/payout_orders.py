"""A payout as people read it: its totals, a page of its entries, and the orders that these name.

Here: what the newest version of a payout says, and a query for the orders that are here. Not here:
whether it adds up or may be posted (the rules), the page (portal/pages/records.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from grammar.text.amounts import in_currency
from holding.db import bulk
from holding.db.models import Record

KIND: Final = "payout"
ORDER: Final = "order"
SIZE: Final = 25
_TOTALS: Final = (
    ("gross", "Sold"),
    ("refunds", "Refunded"),
    ("fees", "Fees"),
    ("fee_tax", "Tax on fees"),
    ("adjustments", "Adjustments"),
    ("net", "Paid out"),
    ("deposit", "Bank deposit"),
)
_PARTS: Final = {
    "sale": "Sale",
    "refund": "Refund",
    "fee": "Fee",
    "fee_tax": "Tax on fee",
    "adjustment": "Adjustment",
}


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One entry; `external_id` is that of its order where that is here, `named` whether it names
    one at all.
    """

    pos: int
    part: str
    name: str
    order: str
    amount: str
    named: bool
    external_id: str | None


@dataclass(frozen=True, slots=True)
class _Orders:
    """Orders that are here, by their id and by their number. They are kept apart, for the number of
    one may be the id of another.
    """

    by_id: Mapping[str, str]
    by_number: Mapping[str, str]

    def of(self, line: Mapping[str, Any]) -> str | None:
        """The id of the order that an entry names; an id says more than a number."""
        found = self.by_id.get(str(line.get("order_id") or ""))
        return found or self.by_number.get(str(line.get("order_number") or ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutCard:
    """The totals with their words, how they stand to the deposit, and one page of entries."""

    currency: str
    totals: Sequence[tuple[str, str]]
    beside: str
    entries: Sequence[EntryRow]
    page: int
    pages: int
    count: int


def card(session: Session, record_id: int, body: Mapping[str, Any], page: int) -> PayoutCard:
    """The payout with this page of its entries, the first where there is no such page."""
    lines = [one for one in body.get("lines") or () if isinstance(one, Mapping)]
    pages = max(1, -(-len(lines) // SIZE))
    page = page if 1 <= page <= pages else 1
    shown = lines[(page - 1) * SIZE : page * SIZE]
    currency = str(body.get("currency") or "")
    here = _orders(session, record_id, shown)
    return PayoutCard(
        currency=currency,
        totals=[(words, _said(body.get(name))) for name, words in _TOTALS],
        beside=beside(currency, body.get("net"), body.get("deposit")),
        entries=[_entry(line, here) for line in shown],
        page=page,
        pages=pages,
        count=len(lines),
    )


def beside(currency: str, net: object, deposit: object) -> str:
    """What is paid out, beside what the bank received, in words."""
    told, received = _amount(net), _amount(deposit)
    if told is not None and received is None and told < 0:
        return "The bank paid this out. Its amount was not entered: enter it with a minus."
    if told is None or received is None:
        return "What the bank received was not entered."
    off = received - told
    if not off:
        return "Equal to the bank deposit."
    word = "less" if off > 0 else "more"
    return f"{in_currency(abs(off), currency)} {word} than the bank deposit."


def _entry(line: Mapping[str, Any], here: _Orders) -> EntryRow:
    names = [str(line[name]) for name in ("order_number", "order_id") if line.get(name)]
    part = str(line.get("part") or "")
    return EntryRow(
        pos=int(line.get("pos") or 0),
        part=_PARTS.get(part, part),
        name=str(line.get("name") or ""),
        order=names[0] if names else "",
        amount=_said(line.get("amount")),
        named=bool(names),
        external_id=here.of(line),
    )


def _orders(session: Session, record_id: int, lines: Sequence[Mapping[str, Any]]) -> _Orders:
    """The orders of the same source that these lines name."""
    ids = sorted({str(one["order_id"]) for one in lines if one.get("order_id")})
    numbers = sorted({str(one["order_number"]) for one in lines if one.get("order_number")})
    own = select(Record.source_id).where(Record.id == record_id).scalar_subquery()
    named = or_(bulk.among(Record.external_id, ids), bulk.among(Record.number, numbers))
    query = select(Record.external_id, Record.number).where(
        Record.source_id == own, Record.type == ORDER, named
    )
    found = session.execute(query.order_by(Record.id)).all() if ids or numbers else ()
    return _Orders(
        by_id={external_id: external_id for external_id, _ in found},
        by_number={number: external_id for external_id, number in found},
    )


def _amount(told: object) -> Decimal | None:
    try:
        return Decimal(str(told)) if told is not None else None
    except InvalidOperation:
        return None


def _said(told: object) -> str:
    amount = _amount(told)
    return "not told" if amount is None else f"{amount:,.2f}"

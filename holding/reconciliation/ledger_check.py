"""Compare postings with a target's ledger: lost documents, duplicates, and orders of a payout."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from grammar.text.characters import in_currency
from holding.db import bulk
from holding.db.models import Connection, Posting, Push, Record
from holding.posting.evidence import KEY_MARK

THERE = ("posted", "reversed")

Meant = tuple[int, str, int]  # record, route, seq: what one document stands for

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
class Comparison:
    """Counts, and one sentence for each error; `strangers` are other programs' documents, no
    error.
    """

    lost: int
    doubled: int
    details: tuple[str, ...]
    strangers: tuple[str, ...] = ()

    @property
    def strange(self) -> int:
        """The number of documents that other programs created."""
        return len(self.strangers)


def compare_ledger(
    session: Session,
    company_id: int,
    ledger_path: Path,
    sent_numbers: Sequence[str] | None = None,
) -> Comparison:
    """Compare postings with a ledger file; `sent_numbers` are ids of all submitted records, if
    known.

    Lost: posted here but missing there, or there but not posted here, or submitted but missing
    here. Doubled: several documents for one record and route, or one number and customer. A
    document is another program's if its number was never sent and its key has another form. Without
    keys it counts as lost.
    """
    ours = _ours(session, company_id)
    theirs: dict[Meant | tuple[str, str], int] = defaultdict(int)
    strangers: list[str] = []
    for line in _created(ledger_path, _companies_there(session, company_id)):
        number, party, key = (str(line.get(name, "")) for name in ("number", "party", "key"))
        if number not in ours.meant and key and not key.startswith(KEY_MARK):
            strangers.append(f"{number} of {party}: sent by another program, with the key {key}")
            continue
        theirs[ours.meant.get(number, (number, party))] += 1
    lost = [
        *(f"{n} is posted here, not there" for m, n in ours.posted.items() if m not in theirs),
        *(f"{_name(m)} exists there, not posted here" for m in theirs if m not in ours.posted),
        *(
            f"{one} was given in and is not here"
            for one in _missing(session, company_id, sent_numbers)
        ),
    ]
    doubles = {what: count - 1 for what, count in theirs.items() if count > 1}
    doubled_texts = [
        f"{_name(what)} exists there {more + 1} times" for what, more in doubles.items()
    ]
    return Comparison(len(lost), sum(doubles.values()), (*lost, *doubled_texts), tuple(strangers))


@dataclass(frozen=True, slots=True)
class _Ours:
    """The database's view: which posting each number belongs to, and which are posted."""

    meant: Mapping[str, Meant]
    posted: Mapping[Meant, str]


def _ours(session: Session, company_id: int) -> _Ours:
    postings = session.execute(
        select(
            Posting.id, Posting.record_id, Posting.route, Posting.seq, Posting.number, Posting.state
        ).where(Posting.company_id == company_id)
    ).all()
    by_id: dict[int, Meant] = {row.id: (row.record_id, row.route, row.seq) for row in postings}
    pushed = session.execute(
        select(Push.number, Push.posting_id)
        .join(Posting, Posting.id == Push.posting_id)
        .where(Posting.company_id == company_id)
    )
    meant = {number: by_id[posting_id] for number, posting_id in pushed}
    posted = {by_id[row.id]: row.number for row in postings if row.state in THERE}
    return _Ours(meant=meant, posted=posted)


def _created(path: Path, companies: frozenset[str]) -> Iterator[Mapping[str, Any]]:
    """Yield the ledger lines that created a document which was not deleted there afterwards.

    An incomplete last line is skipped.
    """
    raws = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    lines = [json.loads(raw) for raw in raws if raw.endswith(b"\n") and raw.strip()]
    deleted = {_place(line) for line in lines if line.get("effect") == "deleted"}
    for line in lines:
        is_created = line.get("effect") == "created" and line.get("company") in companies
        if is_created and _place(line) not in deleted:
            yield line


def _place(line: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the company, type and id of a ledger line's document."""
    return tuple(line.get(name) for name in ("company", "type", "id"))


def _companies_there(session: Session, company_id: int) -> frozenset[str]:
    query = select(Connection.settings).where(
        Connection.company_id == company_id, Connection.side == "target"
    )
    return frozenset(str(found.get("company_id", "")) for found in session.scalars(query))


def _name(what: tuple[Any, ...]) -> str:
    return " of ".join(map(str, what)) if len(what) == 2 else f"the document of record {what[0]}"


def _missing(session: Session, company_id: int, sent: Sequence[str] | None) -> list[str]:
    query = select(Record.external_id).where(Record.company_id == company_id)
    known = set(session.scalars(query)) if sent else set()
    return sorted(set(sent or ()) - known)


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One payout entry; `external_id` is its order's id if the order exists here.

    `named`: the entry names an order.
    """

    pos: int
    part: str
    name: str
    order: str
    amount: str
    named: bool
    external_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutCard:
    """The totals with labels, their comparison with the deposit, and one page of entries."""

    currency: str
    totals: Sequence[tuple[str, str]]
    beside: str
    entries: Sequence[EntryRow]
    page: int
    pages: int
    count: int


def payout_card(session: Session, record_id: int, body: Mapping[str, Any], page: int) -> PayoutCard:
    """Return the payout with this page of its entries, or the first page."""
    lines = [one for one in body.get("lines") or () if isinstance(one, Mapping)]
    pages = max(1, -(-len(lines) // SIZE))
    page = page if 1 <= page <= pages else 1
    shown = lines[(page - 1) * SIZE : page * SIZE]
    currency = str(body.get("currency") or "")
    here = _orders(session, record_id, shown)
    return PayoutCard(
        currency=currency,
        totals=[(words, _said(body.get(name))) for name, words in _TOTALS],
        beside=deposit_text(currency, body.get("net"), body.get("deposit")),
        entries=[_entry(line, here) for line in shown],
        page=page,
        pages=pages,
        count=len(lines),
    )


@dataclass(frozen=True, slots=True)
class _Orders:
    """Known orders by id and by number, kept apart because one's number may be another's id."""

    by_id: Mapping[str, str]
    by_number: Mapping[str, str]

    def of(self, line: Mapping[str, Any]) -> str | None:
        """Return the id of the order that an entry names; an id comes before a number."""
        order_id = self.by_id.get(str(line.get("order_id") or ""))
        return order_id or self.by_number.get(str(line.get("order_number") or ""))


def _orders(session: Session, record_id: int, lines: Sequence[Mapping[str, Any]]) -> _Orders:
    """Return the orders of the payout's source that these lines name."""
    ids = sorted({str(one["order_id"]) for one in lines if one.get("order_id")})
    numbers = sorted({str(one["order_number"]) for one in lines if one.get("order_number")})
    own_source = select(Record.source_id).where(Record.id == record_id).scalar_subquery()
    named = or_(bulk.among(Record.external_id, ids), bulk.among(Record.number, numbers))
    query = select(Record.external_id, Record.number).where(
        Record.source_id == own_source, Record.type == ORDER, named
    )
    order_rows = session.execute(query.order_by(Record.id)).all() if ids or numbers else ()
    return _Orders(
        by_id={external_id: external_id for external_id, _ in order_rows},
        by_number={number: external_id for external_id, number in order_rows},
    )


def _said(told: object) -> str:
    amount = _amount(told)
    return "not told" if amount is None else f"{amount:,.2f}"


def _amount(told: object) -> Decimal | None:
    try:
        return Decimal(str(told)) if told is not None else None
    except InvalidOperation:
        return None


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


def deposit_text(currency: str, net: object, deposit: object) -> str:
    """Compare the payout with the bank deposit, in words."""
    paid_out, received = _amount(net), _amount(deposit)
    if paid_out is not None and received is None and paid_out < 0:
        return "The bank paid this out. Its amount was not entered: enter it with a minus."
    if paid_out is None or received is None:
        return "What the bank received was not entered."
    difference = received - paid_out
    if not difference:
        return "Equal to the bank deposit."
    word = "less" if difference > 0 else "more"
    return f"{in_currency(abs(difference), currency)} {word} than the bank deposit."

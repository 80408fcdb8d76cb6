"""A small shop with real rules, for tests of the services: its files, its orders, its people."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec

from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import IncomingRecord
from holding.access import actors as holding_actors
from holding.access import people
from holding.access.actors import Actor
from holding.db.database import Database
from holding.db.models import Company, Hold, Posting, Record, Team
from holding.db.refusal import Refusal
from holding.evaluation.evaluate_due import judge_due
from holding.intake import receive as versions
from holding.rulesets import publication
from holding.rulesets.recorded_backtests import Published
from tests.support.clock import SetClock
from tests.support.factories import connection_named, make_person
from tests.support.kept import kept

RULES = """\
language 1

role accounts     "Accounts team"
role sales_admin  "Sales administration"

const sales_account
    from 2024-01-01 = "40000"

source netshop
    currency  MYR
    zone      "Asia/Kuala_Lumpur"
    missing   hold for sales_admin  say "NetShop left {field} blank, or wrote something unknown."

target aiaccount
    rounding   per line then sum to 0.01
    tolerance  1000.00  else hold for accounts
    missing    hold for accounts  say "AiAccount could not tell {field}."

record order from netshop
    number      text     key
    status      one of paid, pending, cancelled
    ordered_on  date     dated
    customer    text      completed by sales_admin
    created_by  text     optional
    total       money
    lines       many order_line

record order_line of order
    pos     whole     key
    sku     text
    name    text
    uom     text
    qty     quantity
    price   money
    pieces  = in_base(line.qty, line.uom, line.sku)
    amount  = round(line.qty * line.price, 0.01)

map debtor
    match    trimmed, any case
    csv      "maps/debtors.csv" from "customer" to "debtor"
    missing  hold for sales_admin  say "Customer {key} is no debtor."

map item
    match    exact
    csv      "maps/items.csv" from "sku" to "item"
    missing  hold for sales_admin  say "SKU {key} is not an item."

map discount
    match    exact
    "none"   -> 0%
    "staff"  -> 10%
    missing  hold for sales_admin  say "No discount {key}."

units
    base     PCS
    1 BOX                = 12 PCS
    1 CTN                = 4 BOX
    1 CTN    of "TEA-1"  = 40 PCS
    missing  hold for sales_admin  say "Nobody said how many pieces a {uom} of {item} is."

gate order
    ready   paid
    wait    pending
    cancel  cancelled

check adds_up on order
    require  sum(lines.amount) = total
    else     hold for accounts
    say      "The lines of {number} do not add up to {total}."
    clears   by accounts

duplicates of order for aiaccount.sales_invoice
    unique by number in history
    else     hold for accounts
    say      "{number} is here already."

approve order for aiaccount.sales_invoice
    when     total > 1000.00
    by       accounts
    never    created_by
    say      "RM {total} is above the limit."

post order to aiaccount.sales_invoice as "{number}"
    immediately
    we own  the rest  else review by accounts
    InvoiceNumber  = document_number
    InvoiceDate    = ordered_on
    Customer       = debtor(customer)
    Currency       = "MYR"
    Reference      = number
    Total          = total
    each line
        LineNo       = line.pos
        SKU          = item(line.sku)
        Description  = line.name
        Quantity     = line.pieces
        UOM          = base_unit(line.sku)
        UnitPrice    = round(price_in_base(line.price, line.uom, line.sku), 0.0001)
        AccountCode  = sales_account
        TaxCode      = "NT"
        LineTotal    = line.amount

on edit of order
    billed  = lines, total, ordered_on, customer
    rest    = status, created_by
    | changed           | do                    |
    | billed, not_ready | review by sales_admin |
    | rest              | ignore                |

on cancel of order
    | period | do                    |
    | -      | review by sales_admin |
"""
ITEMS = "sku,item\nTEA-1,TEA-1\nCUP-4,CUP-4\n"
DEBTORS = "customer,debtor\nC-77,Aisyah Rahman\nC-78,Boon & Co\n"
FILES = {"shop.rules": RULES, "maps/items.csv": ITEMS, "maps/debtors.csv": DEBTORS}

ROUTE = "aiaccount.sales_invoice"
PEOPLE = {
    "chan": ("consultant",),
    "pua": ("publisher",),
    "farah": ("finance",),
    "lim": ("approver",),
    "tan": ("approver",),
    "vera": ("viewer",),
    "adam": ("admin",),
}


def order(number: str, **changes: Any) -> dict[str, Any]:
    """An order of 2 CTN of tea, RM 192.00, that nothing holds."""
    return {
        "number": number,
        "status": "paid",
        "ordered_on": "2026-11-18",
        "updated_at": "2026-11-18T06:30:00Z",
        "customer": "C-77",
        "created_by": "mei.ling",
        "total": "192.00",
        "lines": [line()],
    } | changes


def line(**changes: Any) -> dict[str, Any]:
    """2 CTN of tea at 96.00."""
    plain = {"pos": 1, "sku": "TEA-1", "name": "Tea", "uom": "CTN", "qty": "2", "price": "96.00"}
    return plain | changes


@dataclass
class Shop:
    """The shop on one database, driven as its people and workers do."""

    database: Database
    company: Company
    clock: SetClock
    actors: dict[str, Actor]
    deliveries: int = 0

    def actor(self, name: str) -> Actor:
        return self.actors[name]

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def publish(self, files: dict[str, str] | None = None) -> Published:
        with self.database.write() as session:
            change = publication.push_change(
                session, self.company.id, self.actor("chan"), files or FILES, "Rules", self.now
            )
            assert isinstance(change, int), change
            published = publication.publish_change(session, change, self.actor("pua"), self.now)
            assert isinstance(published, Published), published
            return published

    def receive(
        self, *bodies: dict[str, Any], stamp: str | None = None, by: Actor | None = None
    ) -> Refusal | None:
        """One delivery with these orders, perhaps by hand; the external id is the number."""
        records = [incoming("order", body, stamp or body["updated_at"]) for body in bodies]
        return self.deliver(records, by)

    def deliver(self, records: list[IncomingRecord], by: Actor | None = None) -> Refusal | None:
        """One delivery with these records, perhaps by hand."""
        self.deliveries += 1
        with self.database.write() as session:
            answer = versions.receive(
                session,
                company_id=self.company.id,
                source_id=connection_named(session, self.company, "netshop").id,
                delivery_key=f"delivery-{self.deliveries}",
                kind="webhook",
                headers={},
                raw=str(self.deliveries).encode(),
                records=records,
                now=self.now,
                by=by,
            )
        if by is None:
            assert isinstance(answer, versions.Receipt), answer
        return answer if isinstance(answer, Refusal) else None

    def receive_as(self, kind: str, body: dict[str, Any], *, stamp: str) -> None:
        """One delivery with a record of another kind."""
        self.deliver([incoming(kind, body, stamp)])

    def judge(self) -> int:
        """Judge what is due; how many records."""
        judged = 0
        while True:
            done = judge_due(self.database, self.clock, company_id=self.company.id, owner="test")
            if not done.count:
                return judged
            judged += done.count

    def record(self, session: Session, number: str) -> Record:
        query = select(Record).where(Record.company_id == self.company.id, Record.number == number)
        return session.scalars(query).one()

    def posting(self, session: Session, number: str) -> Posting:
        record = self.record(session, number)
        return session.scalars(select(Posting).where(Posting.record_id == record.id)).one()

    def holds(self, session: Session, number: str) -> list[Hold]:
        """The open holds of an order."""
        record = self.record(session, number)
        query = select(Hold).where(Hold.record_id == record.id, Hold.state == "open")
        return list(session.scalars(query.order_by(Hold.id)))

    def states(self) -> dict[str, str]:
        """Order number -> state of its record."""
        with self.database.read() as session:
            rows = session.execute(
                select(Record.number, Record.state).where(Record.company_id == self.company.id)
            )
            return {row.number: row.state for row in rows}


def incoming(kind: str, body: dict[str, Any], stamp: str) -> IncomingRecord:
    """A record as it arrives; its external id is its number."""
    number = body["number"]
    return IncomingRecord(kind=kind, external_id=number, number=number, stamp=stamp, body=body)


P = ParamSpec("P")


def start(make: Callable[P, Shop]) -> Callable[P, Shop]:
    """A start of tests, which is made once (tests/support/kept.py).

    Of a shop, or of a database, a company and a clock; whatever else it is given is told by itself.
    """
    names = signature(make)

    @wraps(make)
    def started(*args: P.args, **kwargs: P.kwargs) -> Shop:
        given = names.bind(*args, **kwargs).arguments
        shop = given.pop("shop", None) or Shop(
            given.pop("database"), given.pop("company"), given.pop("clock"), {}
        )
        made: list[Shop] = []

        def anew() -> tuple[datetime, dict[str, Actor], int]:
            made.append(make(*args, **kwargs))
            return made[0].now, dict(made[0].actors), made[0].deliveries

        targets = tuple(type(one).__qualname__ for one in registry._TARGETS)
        before = (shop.now, shop.company.id, repr(shop.actors), shop.deliveries, targets)
        name = (make.__module__, make.__qualname__, repr(given), before)
        now, actors, deliveries = kept(shop.database, name, anew)
        if made:
            return made[0]
        shop.clock.set(now)
        shop.actors.update(actors)
        shop.deliveries = deliveries
        return shop

    return started


@start
def open_shop(database: Database, company: Company, clock: SetClock) -> Shop:
    """The shop with its people; lim and tan are in the accounts team."""
    actors = {}
    with database.write() as session:
        for name, roles in PEOPLE.items():
            person = make_person(session, company, f"{name}@kedai.my", *roles)
            actor = holding_actors.actor_of(session, person.id, company.id)
            assert actor is not None
            actors[name] = actor
        for name in ("lim", "tan"):
            person_id = actors[name].person_id or 0
            people.add_to_team(session, company_id=company.id, name="accounts", person_id=person_id)
        assert session.scalars(select(Team.name)).all() == ["accounts"]
    return Shop(database, company, clock, actors)

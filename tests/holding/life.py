"""The life of posted documents in tests: a shop whose target is books in memory."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connectors import registry
from holding.access.actors import SYSTEM
from holding.connections.channel import Desk
from holding.connections.connections import set_key
from holding.db.models import Event, Posting, Record
from holding.platform import states
from holding.runs.dispatch import push_due
from tests.holding.desks import KEYS, make_desk
from tests.holding.shop import RULES, Shop, line, order, start
from tests.support.books import Books
from tests.support.factories import connection_named
from tests.support.simulator import DEMO_KEY

TABLES = """
on edit of order for aiaccount.sales_invoice
    money  = total, lines, customer, ordered_on
    other  = status, created_by
    | changed   | total     | do                  |
    | money     | <= 500.00 | update              |
    | money     | > 500.00  | credit note and new |
    | not_ready | -         | review by accounts  |
    | other     | -         | ignore              |

on cancel of order for aiaccount.sales_invoice
    | total     | do          |
    | <= 500.00 | void        |
    | > 500.00  | credit note |

post order to aiaccount.credit_note reversing aiaccount.sales_invoice as "CN-{reversed}"
    InvoiceNumber  = document_number
    InvoiceDate    = today
    Reason         = "Changed in the shop"
"""
NUMBERED = RULES.replace('as "{number}"', 'as "{number}-{posting}"')
SMALL: dict[str, Any] = {"total": "96.00", "lines": [line(qty="1")]}
LARGE: dict[str, Any] = {"total": "960.00", "lines": [line(qty="10")]}


class Life:
    """One shop whose target can change and void; work is done until nothing is due."""

    def __init__(self, shop: Shop, books: Books, desk: Desk) -> None:
        self.shop, self.books, self.desk = shop, books, desk

    def arrive(self, number: str, **changes: Any) -> None:
        """The next version of an order, judged and carried out."""
        self.shop.clock.advance(60)
        stamp = self.shop.now.isoformat()
        self.shop.receive(order(number, updated_at=stamp, **changes))
        self.work()

    def work(self) -> None:
        """Judge and push until both have nothing to do."""
        for _ in range(20):
            judged = self.shop.judge()
            pushed = push_due(
                self.desk.database,
                self.desk.clock,
                company_id=self.shop.company.id,
                owner="test",
                desk=self.desk,
            )
            if not judged and not pushed.count:  # type: ignore[union-attr]
                break
        else:
            pytest.fail("it never ends")
        self._states_are_true()

    def _states_are_true(self) -> None:
        """What is stored of each record's state is what its postings and holds say."""
        before = self.shop.states()
        with self.shop.database.write() as session:
            ours = Record.company_id == self.shop.company.id
            ids = session.scalars(select(Record.id).where(ours)).all()
            assert len(ids) == len(before)
            states.refresh_record_states(session, ids)
        assert self.shop.states() == before

    def postings(self, number: str) -> list[tuple[str, int, str, str]]:
        """(document, seq, state, number) of everything that an order became."""
        with self.shop.database.read() as session:
            record = self.shop.record(session, number)
            rows = session.scalars(
                select(Posting).where(Posting.record_id == record.id).order_by(Posting.id)
            )
            return [(p.doc_type, p.seq, p.state, p.number) for p in rows]

    def open(self, number: str) -> list[str]:
        """What waits of an order, in words."""
        with self.shop.database.read() as session:
            record = self.shop.record(session, number)
            waiting = select(Posting.reason).where(Posting.state == "waiting")
            mine = waiting.where(Posting.record_id == record.id).order_by(Posting.id)
            return list(session.scalars(mine))

    def told(self, act: str) -> list[str]:
        with self.shop.database.read() as session:
            events = session.scalars(select(Event).where(Event.act == act).order_by(Event.id))
            return [event.body["say"] for event in events]

    def held(self, number: str) -> list[str]:
        with self.shop.database.read() as session:
            return [hold.code for hold in self.shop.holds(session, number)]


Begun = Callable[[dict[str, str]], Life]
"""Begins the life of a shop under rules (a fixture)."""


def begin(shop: Shop, folder: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str]) -> Life:
    """The shop under these rules, with books in memory."""
    books = Books()
    monkeypatch.setattr(registry, "_TARGETS", (books,))
    monkeypatch.setenv("CLEARPOST_ENV", "test")
    monkeypatch.setenv("CLEARPOST_UNDO_SECONDS", "0")
    shop = under(shop, files)
    desk = make_desk(shop.database, shop.clock, folder)
    return Life(shop, books, desk)


@start
def under(shop: Shop, files: dict[str, str]) -> Shop:
    """Its target has a key, and these rules are in force."""
    with shop.database.write() as session:
        target = connection_named(session, shop.company, "aiaccount")
        set_key(session, SYSTEM, target.id, DEMO_KEY, now=shop.now, keys=KEYS)
    shop.publish(files)
    return shop

"""A payment of an order that a changed payout leaves out: its source says nothing of it."""

from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from connectors.contract import IncomingRecord
from holding.db.database import Database
from holding.db.models import Company, Record, Version
from holding.intake.receive import Receipt, receive
from tests.support.clock import SetClock
from tests.support.factories import make_connection

NUMBERS = count()


class Till:
    """A shop whose payouts arrive."""

    def __init__(self, database: Database, company: Company, clock: SetClock) -> None:
        self.database, self.company, self.clock = database, company, clock
        with database.write() as session:
            self.source = make_connection(session, company, "shopify", side="source").id

    def arrive(self, *records: IncomingRecord) -> Receipt:
        with self.database.write() as session:
            told = receive(
                session,
                company_id=self.company.id,
                source_id=self.source,
                delivery_key=f"d-{next(NUMBERS)}",
                kind="pull",
                headers={},
                raw=str(next(NUMBERS)).encode(),
                records=records,
                now=self.clock.now(),
            )
        assert isinstance(told, Receipt), told
        return told

    def payments(self) -> dict[str, list[str]]:
        """Each payment with the words that it had, one after the other."""
        with self.database.read() as session:
            rows = (
                session.query(Record.external_id, Version.body)
                .join(Version, Version.record_id == Record.id)
                .filter(Record.type == "order_payment")
                .order_by(Version.id)
                .all()
            )
        found: dict[str, list[str]] = {}
        for key, body in rows:
            found.setdefault(key, []).append((body or {})["status"])
        return found

    def stands(self) -> dict[str, tuple[str, str]]:
        """Each payment as it stands: its word, and the payout that it is part of."""
        with self.database.read() as session:
            rows = (
                session.query(Record.external_id, Version.body)
                .join(Version, Version.id == Record.version_id)
                .filter(Record.type == "order_payment")
                .all()
            )
        return {key: (body["status"], body["payout"]) for key, body in rows}


@pytest.fixture
def till(database: Database, company: Company, clock: SetClock) -> Till:
    return Till(database, company, clock)


def payout(number: str, *sales: str, stamp: str | None = None) -> IncomingRecord:
    lines = [{"pos": at, "line_id": one, "part": "sale"} for at, one in enumerate(sales, 1)]
    fee = {"pos": 9, "line_id": "F", "part": "fee"}
    body: dict[str, Any] = {"number": number, "status": "paid", "lines": [*lines, fee]}
    return IncomingRecord(kind="payout", external_id=number, number=number, stamp=stamp, body=body)


def unnamed(whole: IncomingRecord, word: str = "line_id") -> IncomingRecord:
    """The same as a file without that column tells it."""
    lines: Any = whole.body["lines"]
    return replace(whole, body={**whole.body, "lines": [{**line, word: None} for line in lines]})


def payment(sale: str, of: str, stamp: str | None = None) -> IncomingRecord:
    body: dict[str, Any] = {"number": sale, "status": "paid", "payout": of, "amount": "9.00"}
    body |= {} if stamp is None else {"updated_at": stamp}
    return IncomingRecord(
        kind="order_payment", external_id=sale, number=sale, stamp=stamp, body=body
    )


def told(number: str, *sales: str, stamp: str) -> tuple[IncomingRecord, ...]:
    """A payout with what it pays, as a shop tells it that knows when each changed."""
    return payout(number, *sales, stamp=stamp), *(payment(one, number, stamp) for one in sales)


FIRST, SECOND, THIRD = (f"2026-11-19T0{hour}:00:00Z" for hour in (1, 2, 3))


def test_a_sale_that_leaves_its_payout_withdraws_what_it_paid_once(till: Till) -> None:
    till.arrive(payout("P1", "1", "2"), payment("1", "P1"), payment("2", "P1"))
    assert till.payments() == {"1": ["paid"], "2": ["paid"]}
    assert till.arrive(payout("P1", "1")).new_versions == 2
    assert till.payments() == {"1": ["paid"], "2": ["paid", "withdrawn"]}
    assert till.arrive(payout("P1", "1")).new_versions == 0
    till.clock.advance(60)
    till.arrive(payout("P1", "1", "2"), payout("P1", "1"))
    assert till.payments()["2"] == ["paid", "withdrawn"], "it has the word already"
    with till.database.read() as session:
        body = session.query(Version.body).filter_by(status="withdrawn").scalar()
    assert body is not None
    assert (body["amount"], body["payout"]) == ("9.00", "P1"), "all else is as it was"


@pytest.mark.parametrize("whole_again", [True, False])
@pytest.mark.parametrize("word", ["line_id", "part"])
def test_a_state_that_does_not_name_its_sales_withdraws_none(
    till: Till, word: str, *, whole_again: bool
) -> None:
    """A file without that column; the next that has it is compared with the last that had it."""
    till.arrive(payout("P1", "1", "2"), payment("1", "P1"), payment("2", "P1"))
    till.arrive(unnamed(payout("P1", "1", "2"), word))
    assert till.payments() == {"1": ["paid"], "2": ["paid"]}
    if whole_again:
        till.arrive(payout("P1", "1", "2"))
    till.arrive(payout("P1", "1"))
    assert till.payments() == {"1": ["paid"], "2": ["paid", "withdrawn"]}


def test_what_was_withdrawn_before_a_state_that_names_none_stays_so(till: Till) -> None:
    till.arrive(payout("P1", "1", "2"), payment("1", "P1"), payment("2", "P1"))
    till.arrive(payout("P1", "1", "2", "3"), payment("3", "P1"))
    till.arrive(payout("P1", "1", "2"))
    till.arrive(unnamed(payout("P1", "1", "2")))
    till.arrive(payout("P1", "2"))
    assert till.payments() == {
        "1": ["paid", "withdrawn"],
        "2": ["paid"],
        "3": ["paid", "withdrawn"],
    }


def test_an_older_state_than_one_that_names_none_withdraws_nothing(till: Till) -> None:
    till.arrive(*told("P1", "1", "2", stamp=FIRST))
    till.arrive(unnamed(payout("P1", "1", "2", stamp=THIRD)))
    till.arrive(payout("P1", "1", stamp=SECOND))
    assert till.payments() == {"1": ["paid"], "2": ["paid"]}


def test_a_sale_that_another_payout_pays_by_now_is_that_ones(till: Till) -> None:
    till.arrive(payout("P1", "1", "2"), payment("1", "P1"), payment("2", "P1"))
    till.arrive(payout("P2", "2"), payment("2", "P2"))
    till.arrive(payout("P1", "1"))
    assert till.payments() == {"1": ["paid"], "2": ["paid", "paid"]}


def test_a_sale_that_moves_within_one_delivery_is_not_withdrawn(till: Till) -> None:
    till.arrive(payout("P1", "1", "2"), payment("1", "P1"), payment("2", "P1"))
    till.arrive(payout("P1", "1"), payout("P2", "2"), payment("2", "P2"))
    assert till.payments() == {"1": ["paid"], "2": ["paid", "paid"]}


def test_an_older_state_of_a_payout_withdraws_nothing(till: Till) -> None:
    late, early = "2026-11-20T02:00:00Z", "2026-11-20T01:00:00Z"
    till.arrive(payout("P1", "1", "2", stamp=late), payment("1", "P1"), payment("2", "P1"))
    till.arrive(payout("P1", "1", stamp=early))
    assert till.payments() == {"1": ["paid"], "2": ["paid"]}


def test_a_sale_that_comes_back_is_paid_again(till: Till) -> None:
    till.arrive(payout("P1", "1", "2"), payment("1", "P1"), payment("2", "P1"))
    till.arrive(payout("P1", "1"))
    till.clock.advance(60)
    till.arrive(payout("P1", "1", "2"), payment("2", "P1"))
    assert till.payments()["2"] == ["paid", "withdrawn", "paid"]


def test_a_sale_that_moves_is_paid_however_late_either_payout_arrives(till: Till) -> None:
    """It is withdrawn as of the moment at which its payout changed, not of the arrival."""
    till.arrive(*told("P1", "1", "2", stamp=FIRST))
    till.arrive(*told("P1", "1", stamp=SECOND))
    assert till.stands() == {"1": ("paid", "P1"), "2": ("withdrawn", "P1")}
    till.arrive(*told("P2", "2", stamp=THIRD))
    assert till.stands() == {"1": ("paid", "P1"), "2": ("paid", "P2")}


def test_a_sale_comes_back_to_the_payout_that_left_it_out(till: Till) -> None:
    till.arrive(*told("P1", "1", "2", stamp=FIRST))
    till.arrive(*told("P1", "1", stamp=SECOND))
    till.arrive(*told("P1", "1", "2", stamp=THIRD))
    assert till.stands()["2"] == ("paid", "P1")


def test_a_state_of_the_same_moment_counts_like_a_newer_one(till: Till) -> None:
    till.arrive(*told("P1", "1", "2", stamp=FIRST))
    till.arrive(*told("P1", "1", stamp=FIRST))
    assert till.stands() == {"1": ("paid", "P1"), "2": ("withdrawn", "P1")}


def test_of_two_states_in_one_delivery_the_newer_one_counts(till: Till) -> None:
    first, second = told("P1", "1", "2", stamp=FIRST), told("P1", "1", stamp=SECOND)
    till.arrive(*first, *second)
    assert till.stands() == {"1": ("paid", "P1"), "2": ("withdrawn", "P1")}


def test_a_state_between_two_that_arrives_late_brings_nothing_back(till: Till) -> None:
    till.arrive(*told("P1", "1", "2", stamp=FIRST))
    till.arrive(*told("P1", "1", stamp=THIRD))
    till.arrive(*told("P1", "1", "2", "3", stamp=SECOND))
    assert till.stands() == {
        "1": ("paid", "P1"),
        "2": ("withdrawn", "P1"),
        "3": ("withdrawn", "P1"),
    }

"""F29: lookups that the target refuses, and one document on which it fails."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from holding.connections import breaker
from holding.db.models import Connection, Hold, Posting
from tests.faults.amounts import Done, amount
from tests.faults.yard import nothing_wrong
from tests.support.house import House

COUNT = amount(2, 20, 200)


def held_numbers(house: House, code: str) -> list[str]:
    """Return the numbers of the documents with an open hold of this code."""
    query = select(Hold.number).where(Hold.code == code, Hold.state == "open")
    with house.database.read() as session:
        return [str(number) for number in session.scalars(query.order_by(Hold.number))]


def is_failing(house: House) -> bool:
    with house.database.read() as session:
        query = select(Connection.id).where(Connection.side == "target")
        return breaker.failing(session, session.scalars(query).one())


@pytest.mark.sqlite
def test_f29_refused_look_ups_hold_their_documents_and_leave_the_connection_up(
    house_of: Callable[..., House], done: Done
) -> None:
    house = house_of("--dedupe", "nothing")
    house.target.control("faults", fault="timeout_after", count=COUNT)
    house.target.control("reads", status=400)
    sent = house.orders(COUNT)
    with house.working("--no-redis"):
        house.wait_until(lambda _: len(held_numbers(house, "TGT03")) == COUNT)
    assert not is_failing(house)
    house.target.control("reads", status=0)
    house.drain({"posted": COUNT}, seconds=120)
    done.faults += COUNT
    assert held_numbers(house, "TGT03") == []
    assert len(house.target.lines("created")) == COUNT
    nothing_wrong(house, sent, done)


@pytest.mark.sqlite
def test_f29_a_document_on_which_the_target_fails_is_held_among_good_ones(
    house_of: Callable[..., House], done: Done
) -> None:
    house = house_of("--dedupe", "nothing")
    [bad] = house.orders(1)
    number = f"IV-{bad.removeprefix('x-')}"
    house.target.control("faults", fault="html_502", count=9, number=number)
    with house.working("--no-redis"):
        house.wait_until(lambda _: bool(failures(house, number)))
        house.orders(COUNT)
        house.wait_until(lambda _: held_numbers(house, "TGT12") == [number])
    house.drain({"posted": COUNT, "failed": 1}, seconds=120)
    done.faults += 2
    assert len(house.target.lines("created")) == COUNT
    assert not is_failing(house)


def failures(house: House, number: str) -> list[Posting]:
    """Return the document's posting once its first call has ended without an answer."""
    query = select(Posting).where(Posting.number == number, Posting.state == "uncertain")
    with house.database.read() as session:
        return list(session.scalars(query))

"""A text that is longer than an index of PostgreSQL can hold breaks nothing: its record is held,
listed and cleared like any other.
"""

import random
import string

import pytest
from sqlalchemy import select

from connectors.contract import IncomingRecord
from connectors.kit.canonical_record import LONGEST_ID, Cell, RawRecord, canonical, orders_of
from holding.db.database import Database
from holding.db.models import Company, Hold, Record
from tests.holding.shop import Shop, line, open_shop, order
from tests.support.clock import SetClock
from tests.support.zones import SHOP_ZONE

LONG = "".join(random.Random(1).choices(string.ascii_letters + string.digits, k=20_000))

WIDE = "".join(map(chr, random.Random(2).choices(range(0x4E00, 0x9FA5), k=3_900)))


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    return open_shop(database, company, clock)


@pytest.mark.parametrize(
    "field", ["customer", "created_by", "status", "line.sku", "line.uom", "line.name"]
)
def test_its_record_is_judged_as_any_other(shop: Shop, field: str) -> None:
    shop.publish()
    of_line = {field[5:]: LONG} if field.startswith("line.") else {}
    changes = {} if of_line else {field: LONG}
    shop.receive(order("NS-1", lines=[line(**of_line)], **changes), order("NS-2"))
    assert shop.judge() == 2
    with shop.database.read() as session:
        long = shop.record(session, "NS-1")
        assert len(long.party_key) <= Record.LONGEST_PARTY
        assert shop.record(session, "NS-2").state == "ready"
        held = session.scalars(select(Hold).where(Hold.record_id == long.id)).all()
        assert (long.state, bool(held)) == ("held", True)
        assert all(len(hold.message) < 400 for hold in held)


@pytest.mark.parametrize("field", ["customer", "created_by", "line.sku", "line.uom", "line.name"])
def test_the_longest_text_of_wide_letters_is_judged(shop: Shop, field: str) -> None:
    shop.publish()
    of_line = {field[5:]: WIDE} if field.startswith("line.") else {}
    shop.receive(order("NS-1", lines=[line(**of_line)], **({} if of_line else {field: WIDE})))
    assert shop.judge() == 1
    with shop.database.read() as session:
        found = shop.record(session, "NS-1")
        assert found.state in {"held", "ready"}
        assert len(found.party_key) <= Record.LONGEST_PARTY


def test_an_amount_beyond_the_books_is_held_in_words(shop: Shop) -> None:
    shop.publish()
    shop.receive(order("NS-1", total="999999999999999999.99"))
    assert shop.judge() == 1
    with shop.database.read() as session:
        (hold,) = session.scalars(select(Hold)).all()
        words = "999999999999999999.99 MYR is more than the books can hold."
        assert hold.message == f"The rules failed on this record: {words}"


def test_who_has_it_as_a_party_is_found_by_how_it_begins(shop: Shop) -> None:
    shop.publish()
    shop.receive(order("NS-1", customer=LONG))
    with shop.database.read() as session:
        assert shop.record(session, "NS-1").party_key == LONG[: Record.LONGEST_PARTY]


@pytest.mark.parametrize(("length", "taken"), [(LONGEST_ID, True), (LONGEST_ID + 1, False)])
def test_an_id_has_an_end(length: int, taken: bool) -> None:
    head = {"number": Cell("here", "NS-1"), "status": Cell("here", "paid")}
    raw = RawRecord(Cell("order.id", "9" * length), head, ())
    found = canonical(orders_of("netshop"), raw, SHOP_ZONE)
    assert isinstance(found, IncomingRecord) == taken
    if not isinstance(found, IncomingRecord):
        (error,) = found
        assert (error.where, error.message) == (
            "order.id",
            "The id of the order is longer than 200 characters.",
        )

"""What the trail says of a judging."""

from sqlalchemy import select

from holding.db.database import Database
from holding.db.models import Company, Event, Hold
from tests.holding.shop import open_shop, order
from tests.support.clock import SetClock


def test_what_keeps_a_document_back_is_told_once(
    database: Database, company: Company, clock: SetClock
) -> None:
    shop = open_shop(database, company, clock)
    shop.publish()
    shop.receive(order("NS-10", total="1.00"))
    shop.judge()
    with database.read() as session:
        message = session.scalars(select(Hold.message)).one()
        body = session.scalars(select(Event.body).where(Event.act == "record.judged")).one()
    told = body["say"]
    assert f"is on hold ({message})" in told
    assert told.count(message) == 1

"""The lists that a target tells: their age on its page, and reading them at once."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from holding.db.models import Connection, ListReading
from holding.db.models.columns import ListKind
from tests.portal.reading import one, plain

pytestmark = pytest.mark.sqlite
PAGE = "/c/kedai/connections/aiaccount"


@pytest.fixture
def told(database, clock):
    """The target told its customers two days ago, and has not answered since."""
    with database.write() as session:
        query = select(Connection.id).where(Connection.name == "aiaccount")
        mine = session.scalars(query.order_by(Connection.id)).first()
        now = clock.now()
        session.add(
            ListReading(
                connection_id=mine,
                kind=ListKind.CUSTOMER,
                done_at=now - timedelta(days=2),
                done_found=1_234,
                due_at=now + timedelta(minutes=4),
                wrong="It is away.",
                wrong_since=now - timedelta(hours=30),
            )
        )
        session.add(
            ListReading(connection_id=mine, kind=ListKind.ITEM, due_at=now, pages=3, cursor="3001")
        )
        session.add_all(
            ListReading(connection_id=mine, kind=kind, due_at=now, done_at=now, done_found=7)
            for kind in (ListKind.INVOICE, ListKind.BILL)
        )


def test_the_page_has_their_age_and_why_they_are_old(visit, told):
    page = plain(visit("farah").text(PAGE))
    assert "AiAccount has not told its lists since" in page
    assert "It is away." in page
    assert "Customers 1,234, read 2026-11-18" in page
    assert ", old." in page
    assert "Items Not read yet. Being read: 3 pages so far." in page
    for kind in ("invoices", "bills"):
        assert f"Unpaid {kind} 7, read 2026-11-20" in page


def test_who_operates_has_them_read_at_once(visit, told, database):
    dues = "SELECT count(DISTINCT due_at) FROM list_reading"
    visit("vera").post(f"{PAGE}/lists", {}, status=403)
    assert one(database, dues) == 2
    done = visit("olga").post(f"{PAGE}/lists", {}, status=303)
    assert done.headers["Location"].endswith("#lists")
    assert one(database, dues) == 1
    assert one(database, "SELECT count(*) FROM event WHERE act = 'lists.asked'") == 1


def test_a_target_without_lists_has_no_such_part(visit):
    olga = visit("olga")
    assert "Customers, suppliers, items" not in olga.text(PAGE)
    refused = olga.post(f"{PAGE}/lists", {}, status=409).get_data(as_text=True)
    assert "No list of AiAccount can be read yet." in plain(refused)

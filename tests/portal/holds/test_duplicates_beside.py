"""A possible duplicate stands beside the record that it may be a copy of, with what differs."""

import re

import pytest
from sqlalchemy import select

from connectors.contract.pulls import IncomingRecord
from holding.db.database import Database
from holding.db.models import Company
from tests.holding.shop import Shop, order
from tests.portal.reading import hold_of, one, plain
from tests.portal.seed import LATER, SCRIPT
from tests.support.clock import SetClock

pytestmark = pytest.mark.sqlite


@pytest.fixture
def hold(database: Database, clock: SetClock) -> int:
    """The hold of SO-10241 as it came once more, under another id and for another buyer."""
    with database.read() as session:
        company = session.scalars(select(Company).where(Company.code == "kedai")).one()
    shop = Shop(database, company, clock, {}, deliveries=900)
    seen = {"updated_at": "2026-11-19T22:30:00Z"}
    body = order("SO-10241", customer="C-77", customer_name=SCRIPT, **seen)
    copy = IncomingRecord(
        kind="order", external_id="SO-10241-A", number="SO-10241", stamp=LATER, body=body
    )
    shop.deliver([copy])
    shop.judge()
    query = "SELECT hold.id FROM hold JOIN record ON record.id = record_id WHERE code = 'DUP01'"
    found: int = one(database, f"{query} AND external_id = 'SO-10241-A'")
    return found


def beside(page: str) -> str:
    return page[page.index('id="twin_1"') :].partition("</div>")[0]


def test_both_records_stand_side_by_side_with_what_differs(visit, hold):
    page = visit("lim").text(f"/c/kedai/holding/{hold}")
    found = beside(page)
    assert 'href="/c/kedai/records/netshop/order/SO-10241"' in found
    assert re.search(r"Customer C-77 C-78 ", plain(found))
    assert re.search(r"\d+ other fields agree", plain(found))
    assert "Total" not in plain(found)  # it is the same
    assert "Updated at 2026-11-20 06:30:00 " in plain(found), "in the zone of the company"
    assert page.index('id="twin_1"') < page.index('class="acts"')
    assert 'id="twin_2"' not in page
    assert SCRIPT not in page


def test_personal_values_of_neither_are_shown_to_who_may_not_see_them(visit, hold):
    sees = plain(beside(visit("lim").text(f"/c/kedai/holding/{hold}")))
    hidden = plain(beside(visit("olga").text(f"/c/kedai/holding/{hold}")))
    assert "script" in sees
    assert "script" not in hidden
    assert "•••" in hidden


def test_a_hold_for_another_reason_has_nothing_beside_it(visit, database):
    page = visit("lim").text(f"/c/kedai/holding/{hold_of(database, 'SO-10203')}")
    assert 'id="twin_' not in page

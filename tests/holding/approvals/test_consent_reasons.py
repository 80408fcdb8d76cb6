"""One team that approves for several reasons: each is a group of its own, and it is asked once."""

import pytest
from sqlalchemy import select

from holding.approvals.approve import Approved
from holding.db.database import Database
from holding.db.models import Cause, Company, Hold
from tests.holding.consent import approve
from tests.holding.shop import FILES, RULES, Shop, line, open_shop, order
from tests.support.clock import SetClock

TOTAL = """
approve order for aiaccount.sales_invoice
    when     total > 1000.00
    by       accounts
    never    created_by
    say      "RM {total} is above the limit."
"""
BUYER = """
approve order for aiaccount.sales_invoice
    when     customer = "C-78"
    by       accounts
    say      "{customer} buys on credit."
"""
LARGE = {"total": "1200.00", "lines": [line(price="600.00")]}


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    found = open_shop(database, company, clock)
    assert TOTAL in RULES
    found.publish({**FILES, "shop.rules": RULES + BUYER})
    found.receive(
        order("NS-1", **LARGE),
        order("NS-2", customer="C-78"),
        order("NS-3", customer="C-78", **LARGE),
    )
    found.judge()
    return found


def groups(shop: Shop) -> dict[str, tuple[int, list[str]]]:
    """Title of a group -> how many records it counts, and the numbers of those that it has."""
    with shop.database.read() as session:
        query = select(Cause.label, Cause.records, Hold.number)
        rows = session.execute(
            query.join(Hold, Hold.cause_id == Cause.id)
            .where(Cause.company_id == shop.company.id, Hold.state == "open")
            .order_by(Hold.number)
        ).all()
        return {
            row.label: (row.records, [one.number for one in rows if one.label == row.label])
            for row in rows
        }


LIMIT, CREDIT = "RM total is above the limit.", "The customer buys on credit."


def test_each_reason_is_a_group_and_a_document_is_asked_about_once(shop: Shop) -> None:
    assert groups(shop) == {LIMIT: (2, ["NS-1", "NS-3"]), CREDIT: (1, ["NS-2"])}
    with shop.database.read() as session:
        (both,) = shop.holds(session, "NS-3")
        assert both.message == "RM 1,200.00 is above the limit. C-78 buys on credit."
    done = approve(shop, "NS-3")
    assert isinstance(done, Approved)
    assert (len(done.done), done.waiting) == (1, ())
    shop.judge()
    assert shop.states() == {"NS-1": "held", "NS-2": "held", "NS-3": "ready"}
    assert groups(shop) == {LIMIT: (1, ["NS-1"]), CREDIT: (1, ["NS-2"])}


def test_a_hold_keeps_its_age_where_another_reason_comes_first(shop: Shop) -> None:
    with shop.database.read() as session:
        (before,) = shop.holds(session, "NS-3")
    shop.clock.advance(3600)
    shop.publish({**FILES, "shop.rules": RULES.replace(TOTAL, "") + BUYER})
    shop.judge()
    assert groups(shop) == {CREDIT: (2, ["NS-2", "NS-3"])}
    with shop.database.read() as session:
        (after,) = shop.holds(session, "NS-3")
        assert (after.id, after.opened_at) == (before.id, before.opened_at)
        assert after.cause_id != before.cause_id
        assert after.message == "C-78 buys on credit."
        assert session.get_one(Cause, before.cause_id).records == 0


def test_other_words_keep_the_group(shop: Shop) -> None:
    with shop.database.read() as session:
        before = {hold.cause_id for hold in shop.holds(session, "NS-1")}
    worded = RULES.replace("is above the limit", "is a lot")
    shop.publish({**FILES, "shop.rules": worded + BUYER})
    shop.judge()
    with shop.database.read() as session:
        assert {hold.cause_id for hold in shop.holds(session, "NS-1")} == before
    assert set(groups(shop)) == {"RM total is a lot.", CREDIT}

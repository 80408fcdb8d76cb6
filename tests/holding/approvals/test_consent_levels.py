"""Several levels of approval, each another person's."""

import pytest
from sqlalchemy import select

from holding.approvals.approve import Approved
from holding.db.database import Database
from holding.db.models import Approval, Company
from holding.records import trace
from tests.holding.approvals.test_consent_order import counts_no_more
from tests.holding.consent import approve, large_shop, why_not
from tests.holding.shop import FILES, RULES, Shop, line, order, start
from tests.support.clock import SetClock


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    return large_shop(database, company, clock)


SECOND = """
approve order for aiaccount.sales_invoice
    when     total > 1500.00
    by       sales_admin
    say      "RM {total} is for two."
"""


@pytest.fixture
@start
def two_levels(shop: Shop) -> Shop:
    shop.publish({**FILES, "shop.rules": RULES + SECOND})
    shop.judge()
    return shop


def test_each_level_is_another_persons(two_levels: Shop) -> None:
    first = approve(two_levels, "NS-1")
    assert isinstance(first, Approved)
    assert (len(first.done), first.ready) == (1, ())
    assert [left.reason for left in first.waiting] == ["still waits: approve by sales_admin"]
    assert two_levels.states()["NS-1"] == "held"
    with two_levels.database.read() as session:
        told = trace.answer_questions(session, two_levels.record(session, "NS-1").id)[1]
        assert "Not yet: approve by sales_admin." in told.text
        assert told.tone == "plain"
    assert why_not(approve(two_levels, "NS-1")) == [
        "you approved it at another level; Tan can approve"
    ]
    second = approve(two_levels, "NS-1", who="tan")
    assert isinstance(second, Approved)
    assert (len(second.ready), second.waiting) == (1, ())
    two_levels.publish({**FILES, "shop.rules": RULES + SECOND})
    two_levels.judge()
    assert two_levels.states() == {"NS-1": "ready", "NS-2": "held", "NS-3": "ready"}


def test_a_change_voids_every_level(two_levels: Shop) -> None:
    approve(two_levels, "NS-1")
    approve(two_levels, "NS-1", who="tan")
    more, later = [line(price="970.00")], "2026-11-19T00:00:00Z"
    two_levels.receive(order("NS-1", total="1940.00", lines=more, updated_at=later))
    two_levels.judge()
    with two_levels.database.read() as session:
        assert [row.voided_at is None for row in session.scalars(select(Approval))] == [False] * 2
        levels = {hold.rule for hold in two_levels.holds(session, "NS-1")}
        assert levels == {"approve by accounts", "approve by sales_admin"}


@pytest.mark.parametrize("what", ["hash", "voided_at"])
def test_only_what_counts_at_one_level_stands_against_the_next(two_levels: Shop, what: str) -> None:
    approve(two_levels, "NS-1")
    assert why_not(approve(two_levels, "NS-1"))
    counts_no_more(two_levels, what)
    assert why_not(approve(two_levels, "NS-1")) == []

"""QuickBooks stores another total than was sent: a technical fault, and no change by a person."""

import pytest
from sqlalchemy import select

from holding.company.diagnosis import Topic, diagnose
from holding.db.models import Hold, Posting, Push, Release
from holding.db.together import answer
from holding.holds.holds import Done
from holding.holds.restored_documents import overwrite_edit
from holding.reconciliation.stored_faults import faults_query
from tests.holding.posting.test_quickbooks_cells import House, database_url, house, running
from tests.holding.quickbooks_cells import parent

__all__ = ["database_url", "house", "running"]  # fixtures
pytestmark = pytest.mark.sqlite


def test_another_total_is_named_everywhere(house: House) -> None:
    house.sim.control("company", other_totals=True)
    house.deliver(parent())
    house.shop.clock.advance(120)
    house.work()
    assert house.effects() == [("created", "Q900-1")]
    with house.shop.database.read() as session:
        [posting] = session.scalars(select(Posting))
        assert (posting.state, posting.amount) == ("posted", 7_711_000)
        [hold] = session.scalars(select(Hold).where(Hold.state == "open"))
        assert (hold.code, hold.error_class) == ("TGT16", "uncertain")
        assert "RM 77,111.00; RM 77,110.00 was sent" in hold.message
        [push] = session.scalars(select(Push))
        assert (push.state, push.error) == ("accepted", hold.message)
        [group] = answer(session, faults_query(house.shop.company.id, house.target))
        assert group.message == hold.message
        found = diagnose(session, house.target, house.shop.now)
        assert [(one.topic, one.words) for one in found] == [(Topic.NO_RECORDS, hold.message)]


def test_an_approver_has_it_sent_again(house: House) -> None:
    house.sim.control("company", other_totals=True)
    house.deliver(parent())
    house.shop.clock.advance(120)
    house.work()
    lim, database = house.shop.actor("lim"), house.shop.database
    with database.write() as session:
        [hold] = session.scalars(select(Hold).where(Hold.state == "open"))
        made = overwrite_edit(session, lim, hold.id, "The total was right", house.shop.now)
    assert isinstance(made, Done), made
    house.work()
    house.shop.clock.advance(120)
    house.work()
    assert house.effects() == [("created", "Q900-1"), ("updated", "Q900-1")]
    assert house.holds() == {}
    with database.read() as session:
        assert session.scalars(select(Release)).all() == [], "a later fault is held again"

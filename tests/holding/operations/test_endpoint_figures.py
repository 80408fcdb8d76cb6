"""What the page of a target says of each type of document, by the states of its documents."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select, update

from holding.db.database import Database
from holding.db.models import Company, Posting
from holding.operations import queues
from holding.operations.queues import Endpoint, load_endpoints
from rules.values.canonical import PostingState
from tests.holding.shop import Shop, open_shop, order, start
from tests.support.clock import SetClock
from tests.support.databases import any_move


@pytest.fixture
@start
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    """Two orders that are ready."""
    found = open_shop(database, company, clock)
    found.publish()
    found.receive(order("NS-1"), order("NS-2"))
    found.judge()
    return found


def lines(shop: Shop, *states: PostingState, since: date = date(2026, 1, 1)) -> list[Endpoint]:
    with shop.database.write() as session:
        ids = session.scalars(select(Posting.id).order_by(Posting.id)).all()
        with any_move(session):
            for key, state in zip(ids, states, strict=True):
                session.execute(update(Posting).where(Posting.id == key).values(state=state))
        first = session.get_one(Posting, ids[0])
        types = (first.doc_type, "sales_receipt")
        return list(load_endpoints(session, first.company_id, first.connection_id, types, since))


def test_ready_held_and_posted_are_counted_each(shop: Shop) -> None:
    (line,) = lines(shop, PostingState.READY, PostingState.UNCERTAIN)
    assert (line.ready, line.held, line.posted) == (1, 1, 0)
    assert line.ready_money == line.held_money != {}
    assert line.route
    (line,) = lines(shop, PostingState.POSTED, PostingState.HELD)
    assert (line.ready, line.held, line.posted) == (0, 1, 1)


def test_of_very_many_it_is_said_that_there_are_more(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "MOST", 1)
    (line,) = lines(shop, PostingState.READY, PostingState.READY)
    assert (line.ready, line.more_ready, line.more_held) == (2, True, False)
    (line,) = lines(shop, PostingState.HELD, PostingState.UNCERTAIN)
    assert (line.held, line.more_held) == (2, True)
    (line,) = lines(shop, PostingState.READY, PostingState.HELD)
    assert (line.more_ready, line.more_held) == (False, False)


def test_what_only_waits_has_a_line_without_figures(shop: Shop) -> None:
    (line,) = lines(shop, PostingState.WAITING, PostingState.WAITING)
    assert (line.ready, line.held, line.posted, line.held_money) == (0, 0, 0, {})
    assert line.route


def test_what_ended_or_was_posted_long_ago_has_none(shop: Shop) -> None:
    assert lines(shop, PostingState.DROPPED, PostingState.IGNORED) == []
    later = date(2027, 1, 1)
    assert lines(shop, PostingState.POSTED, PostingState.REVERSED, since=later) == []


def test_what_was_taken_back_is_not_posted(shop: Shop) -> None:
    assert lines(shop, PostingState.REVERSED, PostingState.REVERSED) == []
    (line,) = lines(shop, PostingState.REVERSED, PostingState.POSTED)
    assert (line.ready, line.held, line.posted) == (0, 0, 1)


def test_what_was_posted_on_several_days_is_one_sum(shop: Shop) -> None:
    (line,) = lines(shop, PostingState.POSTED, PostingState.POSTED)
    with shop.database.write() as session:
        last = session.scalars(select(Posting).order_by(Posting.id.desc()).limit(1)).one()
        assert last.doc_date is not None
        last.doc_date += timedelta(days=3)
    (again,) = lines(shop, PostingState.POSTED, PostingState.POSTED)
    assert (again.posted, again.posted_money) == (2, line.posted_money)
    assert sum(line.posted_money.values()) > 0

"""An approver sees the total of the content that the approval is bound to, wherever it is shown."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from connectors import registry
from holding.access import actors as holding_actors
from holding.approvals.sent_amounts import content_amount, sent_amount
from holding.db.models import Approval, Company, Event, Person, Posting
from holding.db.models.columns import from_minor, to_minor
from holding.operations import digests, failures
from holding.worklist import filters, groups, open_holds
from holding.worklist.filters import Filter
from rules.values.canonical import PostingState
from tests.holding.desks import make_desk
from tests.holding.life import NUMBERED, TABLES, Life, under
from tests.holding.shop import FILES, Shop, line
from tests.portal.api.test_api import call, key, waiting
from tests.portal.listing import read_csv, read_xlsx
from tests.portal.reading import plain
from tests.support.books import Books

__all__ = ["call", "key"]  # fixtures
pytestmark = pytest.mark.sqlite
UPDATES = TABLES.replace("500.00 ", "9500.00")
LOW = {"total": "448.00", "lines": [line(qty="1", price="448.00")]}
HIGH = {"total": "1792.00", "lines": [line(qty="4", price="448.00")]}


@pytest.fixture
def life(database, clock, tmp_path, monkeypatch) -> Life:
    """The seeded company under rules whose edits update, with books in memory."""
    books = Books()
    monkeypatch.setattr(registry, "_TARGETS", (books,))
    monkeypatch.setenv("CLEARPOST_UNDO_SECONDS", "0")
    people = {}
    with database.read() as session:
        company = session.scalars(select(Company).where(Company.code == "kedai")).one()
        for name in ("chan", "pua"):
            query = select(Person.id).where(Person.email == f"{name}@kedai.my")
            actor = holding_actors.actor_of(session, session.scalars(query).one(), company.id)
            assert actor
            people[name] = actor
    shop = Shop(database, company, clock, people, deliveries=900)
    shop = under(shop, FILES | {"shop.rules": NUMBERED + UPDATES})
    return Life(shop, books, make_desk(database, clock, tmp_path))


@pytest.fixture
def asked(life: Life) -> int:
    """A posted document of RM 448.00 whose update to RM 1,792.00 waits for an approval."""
    life.arrive("A-1", **LOW)
    life.arrive("A-1", **HIGH)
    assert life.held("A-1") == ["APP01"]
    with life.shop.database.read() as session:
        return life.shop.posting(session, "A-1").id


def test_each_place_shows_the_total_of_the_approved_content(visit, call, key, life, asked):
    lim, shop = visit("lim"), life.shop
    with shop.database.read() as session:
        hold = shop.holds(session, "A-1")[0]
        hold_id, cause = hold.id, hold.cause_id
    inbox = lim.text("/c/kedai/holding/inbox")
    part = inbox[inbox.index(f'id="asked_{asked}"') :].partition("</section>")[0]
    assert "Approve A-1, RM 1,792.00" in plain(part)
    assert "posted now: RM 448.00" in plain(part)
    assert re.search(r"Total.*<del>448\.00</del>\s*<ins>1792\.00</ins>", part)
    for url in (f"/c/kedai/holding/approve?posting={asked}", f"/c/kedai/holding/{hold_id}"):
        page = plain(lim.text(url))
        assert "RM 1,792.00" in page
        assert "posted now: RM 448.00" in page
    group = plain(lim.text(f"/c/kedai/holding?view=approve&open={cause}"))
    assert "RM 1,792.00 posted now: RM 448.00" in group
    for list_name, view in (("holding/inbox", ""), ("holding", "?view=approve")):
        for kind, read in (("csv", read_csv), ("xlsx", read_xlsx)):
            rows = read(lim.get(f"/c/kedai/{list_name}.{kind}{view}").data).rows
            row = next(one for one in rows if one["Record"] == "A-1")
            assert (float(row["Amount"]), float(row["Posted now"])) == (1792, 448)
    (told,) = [one for one in waiting(call, key("lim")) if one["posting"] == asked]
    assert (told["amount"], told["posted_now"], told["currency"]) == (179200, 44800, "MYR")


def test_every_sum_is_that_of_its_rows(visit, call, key, life, asked):
    """The update, a refused order and a part in another currency, in each place that adds up."""
    life.books.moods = ["refuse"]
    life.arrive("A-2", **LOW)
    lim, shop = visit("lim"), life.shop
    company = shop.company.id
    with shop.database.read() as session:
        actor_id = session.scalars(select(Person.id).where(Person.name == "Lim")).one()
        cause = shop.holds(session, "A-1")[0].cause_id
        held = filters.load_held(session, company, actor_id)
        of_cause = Filter("all", causes=(cause,), person_id=actor_id)
        rows = filters.load_members(session, company, of_cause, cause, limit=500)
        by_hand = sum(row.amount for row in rows if row.currency == "MYR")
        assert 179200 in [row.amount for row in rows]
        totals = filters.load_totals(session, company, of_cause, held)
        (group,) = groups.list_groups(session, company, of_cause, held)
        (sent,) = [g for g in digests.of_team(session, company, None).groups if g.cause_id == cause]
        hold = shop.holds(session, "A-1")[0]
        same = failures._same(session, hold)
    for sums in (totals.money, group.money, sent.money, same[1]):
        assert sum(sums.values()) == by_hand
    assert group.book == by_hand
    (told,) = [one for one in waiting(call, key("lim")) if one["posting"] == asked]
    assert told["amount"] in [row.amount for row in rows]
    listed = read_csv(lim.get(f"/c/kedai/holding.csv?view=all&cause={cause}").data).rows
    assert round(100 * sum(float(row["Amount"]) for row in listed)) == by_hand


def test_the_whole_company_adds_up_to_its_rows(life, asked):
    life.books.moods = ["refuse"]
    life.arrive("A-2", **LOW)
    shop = life.shop
    with shop.database.read() as session:
        held = filters.load_held(session, shop.company.id, None)
        rows = open_holds.list_holds(
            session, filters.hold_terms(shop.company.id, Filter("all")), after=None, most=1000
        )
        whole = filters.load_totals(session, shop.company.id, Filter("all"), held)
        digest = digests.of_team(session, shop.company.id, None)
    greatest: dict[int, int] = {}
    for row in rows:
        if row.amount is not None and row.currency == "MYR":
            greatest[row.record_id] = max(row.amount, greatest.get(row.record_id, row.amount))
    assert whole.money == digest.money
    assert whole.money.get("", 0) == sum(greatest.values())


def test_the_dialog_shows_what_an_update_changes(visit, life, asked):
    page = visit("lim").text(f"/c/kedai/holding/approve?posting={asked}")
    part = page[page.index(f'id="chosen_{asked}"') :].partition("</li>")[0]
    assert "posted now: RM 448.00" in plain(part)
    assert re.search(r"Total.*<del>448\.00</del>\s*<ins>1792\.00</ins>", part, re.DOTALL)
    assert "1 line" in plain(part)
    assert "2026-11-18" in part


def test_what_was_approved_is_what_is_posted_and_the_event_names_it(visit, life, asked):
    lim, shop = visit("lim"), life.shop
    page = lim.text(f"/c/kedai/holding/approve?posting={asked}")
    form = re.findall(r'name="(seen|sethash)" value="([^"]+)"', page)
    data = {name: [v for n, v in form if n == name] for name, _ in form}
    form = {**data, "reason": "checked it", "op": "a-1"}
    done = lim.post("/c/kedai/holding/approve", form, status=303)
    assert "1 approved, RM 1,792.00." in plain(lim.text(done.location))
    with shop.database.read() as session:
        approval = session.scalars(select(Approval).where(Approval.posting_id == asked)).one()
        assert approval.hash == session.get_one(Posting, asked).hash
        assert content_amount(approval.content, "") == (179200, "MYR")
        event = session.scalars(select(Event).where(Event.act == "posting.approved")).all()[-1]
    assert (event.body["amount"], event.body["currency"]) == (179200, "MYR")
    life.work()
    assert life.books.effects[-1] == ("update", "A-1-1")
    with shop.database.read() as session:
        assert session.get_one(Posting, asked).amount == 179200
    assert "posted now" not in lim.text("/c/kedai/holding/inbox")


@given(
    minor=st.integers(-(10**12), 10**12),
    stored=st.none() | st.integers(-(10**12), 10**12),
    state=st.sampled_from(list(PostingState)),
    currency=st.sampled_from(["MYR", "JPY", "KWD"]),
)
def test_the_amount_is_the_total_of_the_content(minor, stored, state, currency):
    content = {"amount": str(from_minor(minor, currency)), "currency": currency}
    sent = sent_amount(content, state, stored, "MYR")
    assert (sent.amount, sent.currency) == (minor, currency)
    assert sent.posted_now == (stored if state == PostingState.POSTED else None)


def test_a_content_without_a_total_keeps_the_stored_amount():
    sent = sent_amount(None, PostingState.HELD, 12, "MYR")
    assert (sent.amount, sent.currency, sent.posted_now) == (12, "MYR", None)
    assert to_minor(from_minor(12, "MYR"), "MYR") == 12

"""Above the company's limit a decision needs a code of the second factor from a moment ago."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from holding.access.actors import BY_PROGRAM, Actor
from holding.approvals import step_up
from holding.approvals.approve import Approved
from holding.db.database import Database
from holding.db.models import Company, Event, Hold, Posting, Record
from holding.db.refusal import Refusal
from holding.holds import assignments, releases
from holding.holds.holds import Done, Each
from holding.platform.event_log import PROVED_AT
from tests.holding.access.factors import enrolled
from tests.holding.consent import approve, ids, large_shop
from tests.holding.shop import Shop, open_shop, order
from tests.support.clock import SetClock

WHY = "the auditors asked for it"


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    """NS-1 and NS-2, RM 1,920.00 each, wait for an approval."""
    return large_shop(database, company, clock)


def limited(shop: Shop, limit: int | None) -> Refusal | None:
    with shop.database.write() as session:
        return step_up.set_limit(session, shop.actor("adam"), limit, WHY, shop.now)


def with_factor(shop: Shop, name: str = "lim", ago: timedelta | None = None) -> Actor:
    """The person with an app, and with the code of that long ago."""
    actor = shop.actor(name)
    with shop.database.write() as session:
        enrolled(session, actor.person_id or 0, shop.now)
    return actor if ago is None else replace(actor, proved_at=shop.now - ago)


def code_of(answer: object) -> str:
    assert isinstance(answer, Refusal), answer
    return answer.code


@pytest.mark.parametrize(("limit", "numbers"), [(None, 2), (192_000, 1), (384_000, 2)])
def test_up_to_the_limit_no_code_is_needed(shop: Shop, limit: int | None, numbers: int) -> None:
    if limit is not None:
        limited(shop, limit)
    answer = approve(shop, *("NS-1", "NS-2")[:numbers])
    assert isinstance(answer, Approved)
    assert len(answer.done) == numbers


@pytest.mark.parametrize(("limit", "numbers"), [(191_999, 1), (383_999, 2), (0, 1)])
def test_above_the_limit_nothing_is_approved_without_one(
    shop: Shop, limit: int, numbers: int
) -> None:
    """What is decided at once counts together: a list is much money, too."""
    limited(shop, limit)
    numbered = ("NS-1", "NS-2")[:numbers]
    assert code_of(approve(shop, *numbered)) == "step_up.set_up"
    actor = with_factor(shop)
    assert code_of(approve(shop, *numbered, who=actor)) == "step_up.code"
    assert shop.states()["NS-1"] == "held"


@pytest.mark.parametrize(
    ("ago", "goes"),
    [(timedelta(0), True), (timedelta(minutes=10), True), (timedelta(minutes=10, seconds=1), False),
     (timedelta(seconds=-1), False)],
)  # fmt: skip
def test_a_code_is_good_for_ten_minutes(shop: Shop, ago: timedelta, goes: bool) -> None:
    limited(shop, 100_000)
    answer = approve(shop, "NS-1", who=with_factor(shop, ago=ago))
    assert isinstance(answer, Approved) == goes


def test_the_event_names_when_the_factor_was_proved(shop: Shop) -> None:
    limited(shop, 100_000)
    approve(shop, "NS-1", who=with_factor(shop, ago=timedelta(minutes=5)))
    moment = shop.now - timedelta(minutes=5)
    with shop.database.read() as session:
        body = session.scalars(select(Event.body).where(Event.act == "posting.approved")).one()
        assert body[PROVED_AT] == moment.isoformat(timespec="seconds")


def test_below_the_limit_the_event_names_no_factor(shop: Shop) -> None:
    limited(shop, 1_000_000)
    approve(shop, "NS-1", who=with_factor(shop, ago=timedelta(0)))
    with shop.database.read() as session:
        body = session.scalars(select(Event.body).where(Event.act == "posting.approved")).one()
        assert PROVED_AT not in body


def test_a_program_is_refused_above_the_limit(shop: Shop) -> None:
    limited(shop, 100_000)
    program = replace(with_factor(shop, ago=timedelta(0)), via=BY_PROGRAM, proved_at=None)
    assert code_of(approve(shop, "NS-1", who=program)) == "step_up.token"


@pytest.fixture
def odd(database: Database, company: Company, clock: SetClock) -> Shop:
    """ODD-1 and ODD-2 are on hold for their totals, RM 500.00 and RM 700.00."""
    shop = open_shop(database, company, clock)
    shop.publish()
    shop.receive(order("ODD-1", total="500.00"), order("ODD-2", total="700.00"))
    shop.judge()
    return shop


def holds_of(shop: Shop) -> list[Hold]:
    with shop.database.read() as session:
        return list(session.scalars(select(Hold).where(Hold.rule == "adds_up").order_by(Hold.id)))


def release(shop: Shop, actor: Actor) -> Done | Refusal:
    with shop.database.write() as session:
        wanted = holds_of(shop)[0].id
        return releases.release(session, actor, wanted, "agreed", shop.now)


def test_a_release_above_the_limit_needs_a_code(odd: Shop) -> None:
    limited(odd, 19_199)
    actor = with_factor(odd)
    assert code_of(release(odd, actor)) == "step_up.code"
    assert holds_of(odd)[0].state == "open"
    done = release(odd, replace(actor, proved_at=odd.now))
    assert isinstance(done, Done)
    with odd.database.read() as session:
        body = session.scalars(select(Event.body).where(Event.act == "hold.released")).one()
        assert body[PROVED_AT] == odd.now.isoformat(timespec="seconds")
        assert body["reason"] == "agreed"


def many(shop: Shop, actor: Actor) -> Each | Refusal:
    with shop.database.write() as session:
        seen = {one.id: (one.lock, one.version_id) for one in _locks(shop)}
        wish = assignments.Wish(act="release", seen=seen, reason="agreed")
        return assignments.apply_to_holds(session, actor, wish, shop.now, "form-1")


def _locks(shop: Shop) -> list[Any]:
    with shop.database.read() as session:
        query = select(Hold.id, Hold.lock, Record.version_id).join(
            Record, Record.id == Hold.record_id
        )
        return list(session.execute(query.where(Hold.rule == "adds_up")))


def test_a_group_counts_as_a_whole(odd: Shop) -> None:
    amounts = _totals(odd)
    limited(odd, sum(amounts) - 1)
    actor = with_factor(odd)
    assert code_of(many(odd, actor)) == "step_up.code"
    answer = many(odd, replace(actor, proved_at=odd.now))
    assert isinstance(answer, Each)
    assert len(answer.done) == 2


def test_a_group_up_to_the_limit_needs_none(odd: Shop) -> None:
    limited(odd, sum(_totals(odd)))
    answer = many(odd, odd.actor("lim"))
    assert isinstance(answer, Each)
    assert len(answer.done) == 2


def _totals(shop: Shop) -> list[int]:
    with shop.database.read() as session:
        postings = list(session.scalars(select(Posting)))
        amounts = step_up.posting_amounts(session, shop.company.id, postings)
        return [amount or 0 for amount in amounts]


# ---- amounts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "currency", "rate", "wanted"),
    [
        (-5_000, "MYR", None, 5_000),
        (10_000, "SGD", "3.475", 34_750),
        (10_000, "JPY", "0.031", 31_000),
        (10_000, "SGD", None, None),
        (None, "MYR", None, None),
        (10**15, "SGD", "1000000000", None),
    ],
)
def test_an_amount_in_the_currency_of_the_books(
    amount: int | None, currency: str, rate: str | None, wanted: int | None
) -> None:
    number = Decimal(rate) if rate else None
    assert step_up.in_base(amount, currency, number, "MYR") == wanted


@pytest.mark.parametrize(
    ("fields", "goes"),
    [
        ({"ExchangeRate": "0.5"}, True),
        ({"CurrencyRate": "0.6"}, False),
        ({}, False),
        ({"ExchangeRate": "zero"}, False),
        ({"ExchangeRate": "0"}, False),
    ],
)
def test_a_foreign_document_counts_by_its_own_rate(
    shop: Shop, fields: dict[str, str], goes: bool
) -> None:
    """1,920.00 at 0.5 is 960.00; one without a usable rate is above every limit."""
    limited(shop, 100_000)
    with shop.database.write() as session:
        posting = session.get_one(Posting, ids(shop, "NS-1")[0])
        content = dict(posting.content or {})
        content |= {"currency": "SGD", "fields": {**content["fields"], **fields}}
        posting.content = content
    assert isinstance(approve(shop, "NS-1"), Approved) == goes


@given(st.lists(st.integers(0, 10**9), min_size=1), st.integers(0, 10**10))
def test_a_decision_needs_a_code_exactly_when_its_sum_exceeds_the_limit(
    amounts: list[int], limit: int
) -> None:
    assert step_up.exceeds(amounts, limit) == (sum(amounts) > limit)
    assert step_up.exceeds([*amounts, None], limit)


# ---- the setting -------------------------------------------------------------------------------


def test_the_limit_is_set_with_a_reason_by_an_administrator(shop: Shop) -> None:
    assert limited(shop, 500_000) is None
    assert code_of(limited(shop, 500_000)) == "company.same"
    assert limited(shop, None) is None
    with shop.database.write() as session:
        refusal = step_up.set_limit(session, shop.actor("lim"), 1, WHY, shop.now)
        assert isinstance(refusal, Refusal)
        assert refusal.status == 403
        blank = step_up.set_limit(session, shop.actor("adam"), 1, " ", shop.now)
        assert code_of(blank) == "company.reason"
        query = select(Event.body).where(Event.act == "company.step_up_set").order_by(Event.id)
        values = [(one["before"], one["after"]) for one in session.scalars(query)]
        assert values == [(None, 500_000), (500_000, None)]

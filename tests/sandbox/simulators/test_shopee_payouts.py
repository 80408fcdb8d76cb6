"""Payouts of the stand-in of Shopee, as its source reads them: by day, by week, withheld."""

import json
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.contract.pulls import Page
from sandbox.simulators.base.server import Request
from sandbox.simulators.base.shop import Life
from tests.sandbox.simulators.test_marketplaces import SETTINGS, Sent, shop_of
from tests.support.zones import SHOP_ZONE

BEGAN = datetime.fromisoformat("2026-11-15T16:00:00+00:00")  # Monday 00:00 in Kuala Lumpur


@pytest.fixture
def sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sent:
    found = shop_of(tmp_path, "shopee", Life(), monkeypatch)
    found.clock.set(BEGAN + timedelta(hours=10))
    assert found.renew().kind == "renewed"
    return found


def release(sent: Sent, **given: Any) -> list[dict[str, Any]]:
    body = json.dumps(given).encode()
    request = Request(method="POST", path="/_sim/release", query={}, headers={}, body=body)
    reply = sent.shop.handle(request)
    assert reply.status == 200, reply.content
    found: list[dict[str, Any]] = json.loads(reply.encoded())["escrows"]
    return found


def later(sent: Sent, **given: float) -> None:
    """Time goes by, and the key is exchanged meanwhile."""
    sent.clock.advance(timedelta(**given))
    assert sent.renew().kind == "renewed"


def read(sent: Sent, cursor: str = "", way: str = "day") -> tuple[list[Page], str]:
    """All pages where payouts are asked for, and the cursor behind them."""
    settings = {**SETTINGS["shopee"], "payouts": way, "payout_currency": "MYR"}
    cursor, more, found = cursor or sent.source.begin(BEGAN), True, []
    while more:
        page = sent.source.page(cursor, settings, sent.key, SHOP_ZONE, sent)
        assert isinstance(page, Page), page
        found.append(page)
        cursor, more = page.after, page.more
    return found, cursor


def kinds(pages: list[Page], kind: str) -> list[Any]:
    every = [one for page in pages for pulled in page.found for one in pulled.records]
    assert not [one for page in pages for pulled in page.found for one in pulled.errors]
    return [one for one in every if one.kind == kind]


def test_what_was_released_of_each_day_is_a_payout_that_comes_to_what_is_listed(
    sent: Sent,
) -> None:
    net = {}
    for day in range(3):
        for number in range(1, 4):
            sent.shop.act("create", day * 10 + number, {"buyer": number})
        sent.shop.act("refund", day * 10 + 2, {"pieces": 1})
        made = release(sent, bears="1.50")
        assert len(made) == 3
        listed = [Decimal(str(one["listed"]["payout_amount"])) for one in made]
        net[f"2026-11-{16 + day}"] = sum(listed)
        later(sent, days=1)
    pages, cursor = read(sent)
    found = kinds(pages, "payout")
    assert {one.number: Decimal(one.body["net"]) for one in found} == net
    for one in found:
        assert sum(Decimal(x["amount"]) for x in one.body["lines"]) == Decimal(one.body["net"])
        assert one.body["adjustments"] == "0.00"
        assert Decimal(one.body["refunds"]) > 0
    payments = {one.external_id for one in kinds(pages, "order_payment")}
    orders = {one.external_id for one in kinds(pages, "order")}
    assert {name.partition("@")[0] for name in payments} == orders
    assert kinds(read(sent, cursor)[0], "payout") == [], "each day is read once"


def test_a_return_is_read_with_what_shopee_bore_of_it(sent: Sent) -> None:
    sent.shop.act("create", 1, {"platform_voucher": 5})
    sent.shop.act("refund", 1, {"pieces": 1, "amount": "10.00"})
    release(sent)
    later(sent, days=1, hours=2)
    pages, _ = read(sent)
    (back,), (payout,) = kinds(pages, "refund"), kinds(pages, "payout")
    share = Decimal(back.body["platform_share"])
    assert share > 0
    assert Decimal(back.body["total"]) == Decimal("10.00") + share
    assert payout.body["refunds"] == back.body["total"]
    assert sum(Decimal(line["amount"]) for line in back.body["lines"]) == Decimal("10.00") + share


def test_a_day_that_is_not_over_waits(sent: Sent) -> None:
    sent.shop.act("create", 1, {})
    release(sent)
    pages, cursor = read(sent)
    assert kinds(pages, "payout") == []
    later(sent, hours=15, minutes=59)  # two hours after midnight there, less a minute
    pages, cursor = read(sent, cursor)
    assert kinds(pages, "payout") == []
    later(sent, minutes=1)
    assert [one.number for one in kinds(read(sent, cursor)[0], "payout")] == ["2026-11-16"]


def test_a_week_is_one_payout_read_over_many_pages(sent: Sent) -> None:
    for number in range(1, 131):
        sent.shop.act("create", number, {})
        if not number % 20:
            release(sent)
            later(sent, days=1)
    release(sent)
    sent.asked.clear()
    later(sent, days=2)
    pages, _ = read(sent, way="week")
    (found,) = kinds(pages, "payout")
    assert found.number == "2026-11-16-22"
    assert len(kinds(pages, "order_payment")) == 130
    assert sent.asked.count("/api/v2/payment/get_escrow_list") == 2
    assert sent.asked.count("/api/v2/payment/get_escrow_detail_batch") == 6, "3 of them for orders"


def test_payouts_are_not_asked_for_unless_wanted_and_then_from_now_on(sent: Sent) -> None:
    sent.shop.act("create", 1, {})
    release(sent)
    later(sent, days=3)
    pages, cursor = read(sent, way="no")
    assert not any("escrow_list" in path for path in sent.asked)
    pages, cursor = read(sent, cursor)
    assert kinds(pages, "payout") == [], "what is older may be booked already"
    sent.shop.act("create", 2, {})
    later(sent, days=1)
    release(sent)
    later(sent, days=1)
    assert [one.number for one in kinds(read(sent, cursor)[0], "payout")] == ["2026-11-20"]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("rest_error", "Something wrong. Please try later."),
        ("rest_html", "Shopee answered 502"),
        ("rest_too_many", "more often than it allows"),
        ("rest_limit", "more often than it allows"),
        ("rest_refused", "does not accept the key"),
        ("rest_missing", "does not show its income"),
    ],
)
def test_payouts_that_fail_stop_no_orders_and_come_whole_once_they_can(
    sent: Sent, fault: str, words: str
) -> None:
    sent.shop.act("create", 1, {})
    release(sent)
    later(sent, days=1)
    settings = {**SETTINGS["shopee"], "payouts": "day", "payout_currency": "MYR"}
    cursor = sent.source.begin(BEGAN)
    for _ in range(2):  # orders, returns
        page = sent.source.page(cursor, settings, sent.key, SHOP_ZONE, sent)
        assert isinstance(page, Page), page
        cursor = page.after
    sent.plan(fault)
    page = sent.source.page(cursor, settings, sent.key, SHOP_ZONE, sent)
    assert isinstance(page, Page), page
    assert not page.more
    assert page.wrong is not None
    assert words in page.wrong.words
    assert page.wrong.pause == {"rest_too_many": 20.0, "rest_limit": 60.0}.get(fault)
    sent.shop.act("create", 2, {})
    pages, cursor = read(sent, page.after)
    assert {one.number for one in kinds(pages, "order")} >= {"2611000002CP"}
    assert pages[0].wrong is not None
    assert pages[-1].wrong is None
    assert len(kinds(pages, "payout")) == 1
    assert read(sent, cursor)[0][0].wrong is None


def test_what_shopee_states_beside_its_own_amounts_is_an_adjustment(sent: Sent) -> None:
    sent.shop.act("create", 1, {})
    release(sent, off="-0.37")
    later(sent, days=1)
    (found,) = kinds(read(sent)[0], "payout")
    assert found.body["adjustments"] == "-0.37"
    assert Decimal(found.body["net"]) == sum(Decimal(x["amount"]) for x in found.body["lines"])

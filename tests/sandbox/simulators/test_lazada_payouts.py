"""Payouts of the stand-in of Lazada, as its source reads them: paid later, failing, many."""

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

BEGAN = datetime.fromisoformat("2026-11-15T16:00:00+00:00")
WANTED = {**SETTINGS["lazada"], "payouts": "yes"}


@pytest.fixture
def sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sent:
    found = shop_of(tmp_path, "lazada", Life(), monkeypatch)
    found.clock.set(BEGAN + timedelta(hours=10))
    assert found.renew().kind == "renewed"
    return found


def close(sent: Sent, **given: Any) -> dict[str, Any]:
    body = json.dumps(given).encode()
    request = Request(method="POST", path="/_sim/statement", query={}, headers={}, body=body)
    reply = sent.shop.handle(request)
    assert reply.status == 200, reply.content
    found: dict[str, Any] = json.loads(reply.encoded())["statement"]
    return found


def read(sent: Sent, cursor: str = "", **settings: str) -> tuple[list[Page], str]:
    """All pages where payouts are asked for, and the cursor behind them."""
    cursor, more, found = cursor or sent.source.begin(BEGAN), True, []
    while more:
        page = sent.source.page(cursor, {**WANTED, **settings}, sent.key, SHOP_ZONE, sent)
        assert isinstance(page, Page), page
        found.append(page)
        cursor, more = page.after, page.more
    return found, cursor


def kinds(pages: list[Page], kind: str) -> list[Any]:
    every = [one for page in pages for pulled in page.found for one in pulled.records]
    assert not [one for page in pages for pulled in page.found for one in pulled.errors]
    return [one for one in every if one.kind == kind]


def test_each_statement_is_a_payout_of_its_own_orders_and_is_told_again_once_it_is_paid(
    sent: Sent,
) -> None:
    for number in (1, 2):
        sent.shop.act("create", number, {"items": [{"sku": "MUG", "quantity": 2}]})
    sent.shop.act("refund", 2, {"pieces": 1})
    first = close(sent, paid=False, reference="IBG-1")
    sent.clock.advance(timedelta(days=1))
    sent.shop.act("create", 3, {})
    second = close(sent)
    pages, cursor = read(sent)
    found = {one.number: one.body for one in kinds(pages, "payout")}
    assert list(found) == [one["shown"]["statement_number"] for one in (first, second)]
    for told in (first, second):
        body = found[told["shown"]["statement_number"]]
        assert f"{body['net']} MYR" == told["shown"]["payout"]
        assert body["adjustments"] == "0.00"
        assert sum(Decimal(one["amount"]) for one in body["lines"]) == Decimal(body["net"])
    assert [body["status"] for body in found.values()] == ["not_paid", "paid"]
    assert next(iter(found.values()))["refunds"] == "25.00"
    orders = {one.body["order_id"]: one.body["total"] for one in kinds(pages, "order")}
    paid = {one.body["order_id"]: one.body["amount"] for one in kinds(pages, "order_payment")}
    assert {key: Decimal(told) for key, told in paid.items()} == {
        key: Decimal(told) for key, told in orders.items()
    }

    sent.clock.advance(timedelta(days=3))
    again = kinds(read(sent, cursor)[0], "payout")
    assert [one.number for one in again] == list(found), "the first is not paid yet"
    close(sent, number=first["shown"]["statement_number"], paid=True)
    pages, cursor = read(sent, cursor)
    assert kinds(pages, "payout")[0].body["deposited_on"] == "2026-11-20"
    assert [one.number for one in kinds(read(sent, cursor)[0], "payout")] == list(found)[1:]


def test_payouts_are_not_asked_for_unless_wanted_and_then_from_that_day_on(sent: Sent) -> None:
    sent.shop.act("create", 1, {})
    close(sent)
    sent.clock.advance(timedelta(days=1))
    pages, cursor = read(sent, payouts="no")
    assert kinds(pages, "payout") == []
    assert not any("finance" in path for path in sent.asked)
    assert kinds(read(sent, cursor)[0], "payout") == [], "what is older may be booked already"


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("rest_error", "Service temporarily unavailable"),
        ("rest_html", "Lazada answered 502"),
        ("rest_too_many", "more often than it allows"),
        ("rest_refused", "does not accept the key"),
    ],
)
def test_payouts_that_fail_stop_no_orders_and_come_whole_once_they_can(
    sent: Sent, fault: str, words: str
) -> None:
    sent.shop.act("create", 1, {})
    close(sent)
    page = sent.source.page(sent.source.begin(BEGAN), WANTED, sent.key, SHOP_ZONE, sent)
    assert isinstance(page, Page), page
    assert page.more
    sent.plan(fault)
    page = sent.source.page(page.after, WANTED, sent.key, SHOP_ZONE, sent)
    assert isinstance(page, Page), page
    assert not page.more
    assert page.wrong is not None
    assert words in page.wrong.words
    sent.shop.act("create", 2, {})
    pages, cursor = read(sent, page.after)
    assert len(kinds(pages, "order")) == 2
    assert pages[0].wrong is not None
    assert pages[-1].wrong is None
    assert len(kinds(pages, "payout")) == 1
    assert read(sent, cursor)[0][0].wrong is None


def test_what_is_paid_out_beside_its_transactions_is_an_adjustment(sent: Sent) -> None:
    sent.shop.act("create", 1, {})
    close(sent, off="-0.37")
    (found,) = kinds(read(sent)[0], "payout")
    assert found.body["adjustments"] == "-0.37"

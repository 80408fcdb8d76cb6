"""Payouts of the stand-in of Shopify, as its source reads them: by page, changed, not shown."""

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.contract import IncomingRecord
from connectors.contract.pulls import Page
from sandbox.simulators.base.server import Reply, Request
from sandbox.simulators.base.shop import Life
from tests.sandbox.simulators.test_shopify import SECRET, SETTINGS, Sent, shop_of, source
from tests.support.zones import SHOP_ZONE


@pytest.fixture
def sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sent:
    return shop_of(tmp_path, Life(), monkeypatch)


def control(sent: Sent, act: str, **given: Any) -> dict[str, Any]:
    """What somebody does in the shop's own pages."""
    body = json.dumps(given).encode()
    path = f"/_sim/{act}"
    request = Request(method="POST", path=path, query={}, headers={}, body=body)
    reply = sent.shop.handle(request)
    assert reply.status == 200, reply.content
    found: dict[str, Any] = json.loads(reply.encoded())
    return found


def with_payouts(sent: Sent, cursor: str = "") -> tuple[list[Page], str]:
    """All pages where payouts are asked for, and the cursor behind them."""
    cursor = cursor or source().begin(sent.clock.now() - timedelta(days=30))
    settings, found, more = {**SETTINGS, "payouts": "yes"}, [], True
    while more:
        page = source().page(cursor, settings, SECRET, SHOP_ZONE, sent)  # type: ignore[arg-type]
        assert isinstance(page, Page), page
        found.append(page)
        cursor, more = page.after, page.more
    return found, cursor


def paid(pages: list[Page]) -> list[IncomingRecord]:
    every = [one for page in pages for pulled in page.found for one in pulled.records]
    assert not [one for page in pages for pulled in page.found for one in pulled.errors]
    return [one for one in every if one.kind == "payout"]


def test_payouts_are_read_with_all_they_are_made_of(sent: Sent) -> None:
    for number in range(1, 8):
        sent.shop.act("create", number, {"items": [{"sku": "MUG", "quantity": 2}]})
    sent.shop.act("refund", 2, {"pieces": 1})
    for number in range(1, 8):  # more than a page of payouts
        control(sent, "payout", orders=[number])
    pages, cursor = with_payouts(sent)
    found = paid(pages)
    assert len(found) == 7
    for one in found:
        lines: Any = one.body["lines"]
        assert sum(Decimal(line["amount"]) for line in lines) == Decimal(str(one.body["net"]))
    assert [one.body["refunds"] for one in found if one.body["refunds"] != "0.00"] == ["27.50"]
    kinds = [one.kind for page in pages for pulled in page.found for one in pulled.records]
    assert kinds.count("order_payment") == 7

    first = found[-1].number
    control(sent, "payout", id=int(first), fee="0.05")  # a fee is changed later
    again, _ = with_payouts(sent, cursor)
    (anew,) = [one for one in paid(again) if one.number == first]
    assert anew.body != found[-1].body
    sent.clock.advance(timedelta(days=15))
    _, later = with_payouts(sent, cursor)
    assert paid(with_payouts(sent, later)[0]) == []


def test_payouts_are_not_asked_for_unless_wanted(sent: Sent) -> None:
    sent.shop.act("create", 1, {})
    control(sent, "payout")
    assert {one.kind for page in sent.read() for x in page.found for one in x.records} == {"order"}


def test_a_shop_that_shows_no_payouts_is_told_once_and_its_orders_go_on(sent: Sent) -> None:
    sent.shop.act("create", 1, {})
    whole = sent.shop.handle
    sent.shop.handle = (  # type: ignore[method-assign]
        lambda request: (
            Reply(status=404, content={}) if "shopify_payments" in request.path else whole(request)
        )
    )
    pages, _ = with_payouts(sent)
    errors = [one for page in pages for pulled in page.found for one in pulled.errors]
    assert [one.where for one in errors] == ["payouts"]
    assert "read_shopify_payments_payouts" in errors[0].hint
    assert [one.kind for page in pages for x in page.found for one in x.records] == ["order"]
    assert not pages[-1].more


def test_a_payout_of_many_entries_is_read_to_its_end(
    sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.sources.shopify.connector._MOST", 2)
    for number in range(1, 6):
        sent.shop.act("create", number, {"items": [{"sku": "MUG", "quantity": 1}]})
    control(sent, "payout")
    (whole,) = paid(with_payouts(sent)[0])
    lines: Any = whole.body["lines"]
    assert [line["part"] for line in lines].count("sale") == 5
    assert sum(Decimal(line["amount"]) for line in lines) == Decimal(str(whole.body["net"]))


def test_a_page_of_payouts_that_shopify_no_longer_knows_stops_neither_them_nor_orders(
    sent: Sent,
) -> None:
    """The worker ended between two pages, and Shopify's name of the second ran out meanwhile."""
    for number in range(1, 8):
        sent.shop.act("create", number, {"items": [{"sku": "MUG", "quantity": 2}]})
        control(sent, "payout", orders=[number])
    settings, whole = {**SETTINGS, "payouts": "yes"}, sent.shop.handle
    cursor = source().begin(sent.clock.now() - timedelta(days=30))
    for _ in range(2):  # the orders, and the first page of payouts
        page = source().page(cursor, settings, SECRET, SHOP_ZONE, sent)  # type: ignore[arg-type]
        assert isinstance(page, Page), page
        cursor = page.after
    assert page.more
    assert len(paid([page])) == 5
    sent.shop.act("create", 8, {"items": [{"sku": "MUG", "quantity": 2}]})
    sent.shop.handle = (  # type: ignore[method-assign]
        lambda request: (
            Reply(status=400, content={"errors": "Invalid cursor."})
            if "page_info" in request.query
            else whole(request)
        )
    )
    sent.clock.advance(timedelta(days=3))
    told, cursor = with_payouts(sent, cursor)
    assert [page.found for page in told] == [()], "this reading ends, as if nothing were there"
    sent.shop.handle = whole  # type: ignore[method-assign]
    again, _ = with_payouts(sent, cursor)
    assert len(paid(again)) == 7
    orders = {x.external_id for one in again[0].found for x in one.records if x.kind == "order"}
    assert len(orders) == 8, "the order that came meanwhile, too"


def failing(sent: Sent, reply: Reply, where: str = "shopify_payments") -> Any:
    """What answers while the side of payouts fails."""
    whole = sent.shop.handle
    sent.shop.handle = (  # type: ignore[method-assign]
        lambda request: reply if where in request.path else whole(request)
    )
    return whole


@pytest.mark.parametrize(
    ("status", "words", "pause"),
    [
        (500, "Shopify answered with the status 500.", None),
        (429, "Shopify was asked more often than it allows.", 2.0),
        (200, "Shopify answered with something that is not a list of payouts.", None),
    ],
)
@pytest.mark.parametrize("where", ["shopify_payments/payouts", "balance/transactions"])
def test_payouts_that_fail_for_long_stop_no_orders_and_come_whole_once_they_can(
    sent: Sent, status: int, words: str, pause: float | None, where: str
) -> None:
    words = words.replace("payouts", "transactions") if "transactions" in where else words
    sent.shop.act("create", 1, {})
    control(sent, "payout", orders=[1])
    whole = failing(sent, Reply(status=status, content={}), where)
    cursor = ""
    for number in (2, 3):
        pages, cursor = with_payouts(sent, cursor)
        orders = {x.external_id for page in pages for one in page.found for x in one.records}
        assert len(orders) == number - 1
        assert [page.more for page in pages] == [True, False]
        wrong = pages[-1].wrong
        assert wrong is not None
        assert wrong.sentence == f"Payouts could not be read; orders go on. {words}"
        assert wrong.pause == pause
        sent.clock.advance(timedelta(minutes=1))
        sent.shop.act("create", number, {})
    first = pages[0].wrong
    assert first is not None, "nothing says that all can be read, before it can"
    assert first.words == wrong.words

    sent.shop.handle = whole  # type: ignore[method-assign]
    pages, cursor = with_payouts(sent, cursor)
    assert len(paid(pages)) == 1
    assert pages[-1].wrong is None
    assert with_payouts(sent, cursor)[0][0].wrong is None


def test_what_fails_at_a_later_page_of_payouts_is_told_until_all_were_read(sent: Sent) -> None:
    for number in range(1, 8):
        sent.shop.act("create", number, {})
        control(sent, "payout", orders=[number])
    whole = failing(sent, Reply(status=500, content={}))
    _, cursor = with_payouts(sent)
    sent.shop.handle = whole  # type: ignore[method-assign]
    pages, _ = with_payouts(sent, cursor)
    assert [page.wrong is None for page in pages] == [False, False, True]

"""Asking a WooCommerce shop: nothing is left out while it sells, and the cursor never drifts."""

import json
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from connectors.contract.pulls import NoPage
from connectors.registry import sources
from connectors.sources.woocommerce.connector import PAGE
from connectors.transport.http import HttpAnswer, HttpFailure
from sandbox.simulators.base.server import Ledger, Request
from sandbox.simulators.base.shop import Life
from sandbox.simulators.woocommerce.api import Keys, WooBooks, WooCommerce
from tests.support.clock import SetClock
from tests.support.zones import SHOP_ZONE

KEY = "hush:ck_1:cs_1"
SETTINGS = {"base_url": "https://shop.example/"}


class Line:
    """The way to a shop in this process; `meanwhile` happens after each answer."""

    def __init__(self, shop, meanwhile=lambda: None):
        self.shop, self.meanwhile = shop, meanwhile

    def now(self):
        return self.shop.now()

    def request(self, method, url, *, headers, body=None, push=False):
        del body, push
        parts = urlsplit(url)
        lower = {name.lower(): value for name, value in headers.items()}
        query = dict(parse_qsl(parts.query))
        request = Request(method=method, path=parts.path, query=query, headers=lower, body=b"")
        reply = self.shop.handle(request)
        told = {name.lower(): value for name, value in reply.headers.items()}
        self.meanwhile()
        return HttpAnswer(
            status=reply.status, headers=told, body=reply.encoded(), seconds=0.0, at=self.now()
        )


@pytest.fixture
def shop(tmp_path):
    keys = Keys(hook="hush", consumer="ck_1", secret="cs_1")
    books, ledger = WooBooks(withhold=0, seed=0), Ledger(tmp_path / "ledger.jsonl")
    return WooCommerce(books, ledger, SetClock(), to="", life=Life(), keys=keys, a_minute=0)


def act(shop, deed="act", **given):
    raw = json.dumps(given).encode()
    told = Request(method="POST", path=f"/_sim/{deed}", query={}, headers={}, body=raw)
    assert shop.handle(told).status == 200


def sell(shop, numbers, step=1.0):
    for number in numbers:
        act(shop, id=number)
        shop._clock.advance(step)


def ask(cursor, line, key=KEY):
    return sources()["woocommerce"].page(cursor, SETTINGS, key, SHOP_ZONE, line)


def read(cursor, line):
    """The numbers of a whole reading in their order, and the cursor behind it."""
    found, more = [], True
    while more:
        page = ask(cursor, line)
        assert not isinstance(page, NoPage), page
        found += [one.number for pulled in page.found for one in pulled.records]
        cursor, more = page.after, page.more
    return found, cursor


def since(shop, minutes=0.0):
    return sources()["woocommerce"].begin(shop.now() - timedelta(minutes=minutes))


def test_all_pages_in_the_order_of_their_changes(shop):
    cursor = since(shop)
    sell(shop, range(1, 121))
    found, cursor = read(cursor, Line(shop))
    assert list(dict.fromkeys(found)) == [str(n) for n in range(1, 121)]
    act(shop, act="edit", id=3)
    again, _ = read(cursor, Line(shop))
    assert again[-1] == "3"
    assert len(set(again)) == 120  # the last ten minutes: each is known, and makes nothing


def test_orders_that_move_between_the_pages_leave_nobody_out(shop):
    cursor = since(shop)
    sell(shop, range(1, 121))
    turns = iter([(1, 2, 3), (52, 53), ()])

    def meanwhile():
        for number in next(turns, ()):
            act(shop, act="edit", id=number)

    found, _ = read(cursor, Line(shop, meanwhile))
    assert set(found) == {str(n) for n in range(1, 121)}
    assert found.count("1") == 2


def test_more_orders_of_one_second_than_a_page_has(shop):
    cursor = since(shop)
    sell(shop, range(1, 2 * PAGE + 11), step=0.0)
    shop._clock.advance(5)
    sell(shop, [900])
    found, _ = read(cursor, Line(shop))
    assert set(found) == {str(n) for n in (*range(1, 2 * PAGE + 11), 900)}


def test_the_trash_is_read_too(shop):
    cursor = since(shop)
    sell(shop, [1, 2])
    act(shop, act="delete", id=1)
    line = Line(shop)
    bodies = {}
    for _ in range(2):
        page = ask(cursor, line)
        bodies |= {r.number: r.body["status"] for one in page.found for r in one.records}
        cursor = page.after
    assert bodies == {"1": "trash", "2": "processing"}
    assert page.more is False


def test_idle_readings_leave_the_cursor_where_it_is_and_never_before_its_start(shop):
    act(shop, id=1)
    shop._clock.advance(60)
    cursor = start = since(shop)
    line = Line(shop)
    for _ in range(5):
        found, cursor = read(cursor, line)
        assert (found, cursor) == ([], start)
        shop._clock.advance(900)
    act(shop, id=2)
    found, cursor = read(cursor, line)
    assert found == ["2"]
    kept = cursor
    for _ in range(5):
        shop._clock.advance(900)
        found, cursor = read(cursor, line)
        assert (found, cursor) == (["2"], kept)


def test_a_change_that_was_stored_a_little_late_is_seen(shop):
    sell(shop, [1])
    cursor = since(shop, minutes=60)
    _, cursor = read(cursor, Line(shop))
    late = (shop.now() - timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%S")
    act(shop, id=2, fields={"date_modified_gmt": late})
    shop.books.orders[2]["date_modified_gmt"] = late
    found, _ = read(cursor, Line(shop))
    assert "2" in found


def test_an_order_with_its_refunds_is_one_thing(shop):
    sell(shop, [1])
    act(shop, act="refund", id=1, amount="2.00")
    page = ask(since(shop, minutes=1), Line(shop))
    [one] = page.found
    assert [record.kind for record in one.records] == ["order", "refund"]
    assert json.loads(one.raw)["refunds"][0]["total"] == "-2.00"


def test_one_that_cannot_be_read_stands_beside_the_others(shop):
    sell(shop, [1, 2])
    shop.books.orders[1]["total"] = "twelve"
    page = ask(since(shop, minutes=1), Line(shop))
    bad, good = page.found
    assert good.problems == ()
    assert [len(one.faults) > 0 for one in bad.records] == [True]
    assert bad.problems[0].where == "orders[0].total"


@pytest.mark.parametrize(
    ("fault", "words", "hint", "pause"),
    [
        ("rest_refused", "The shop answered 401: ", "WooCommerce > Settings > Advanced", None),
        ("rest_error", "The shop answered 500: ", "", None),
        ("rest_html", "The shop answered 502: no reason given", "", None),
        ("rest_too_many", "The shop answered 429: Too many requests.", "", 20.0),
    ],
)
def test_no_page_says_why(shop, fault, words, hint, pause):
    act(shop, "faults", fault=fault)
    told = ask(since(shop), Line(shop))
    assert isinstance(told, NoPage)
    assert told.words.startswith(words)
    assert hint in told.hint
    assert told.pause == pause
    assert not isinstance(ask(since(shop), Line(shop)), NoPage)


def test_a_key_without_its_halves_is_told_before_anything_is_sent(shop):
    told = ask(since(shop), Line(shop), key="hush")
    assert isinstance(told, NoPage)
    assert "SECRET:ck_…:cs_…" in told.hint
    assert [one for one in shop.ledger.lines() if one["call"] == "asked"] == []
    wrong = ask(since(shop), Line(shop), key="hush:ck_1:cs_2")
    assert wrong.words == "The shop answered 401: Sorry, you cannot list resources."


@pytest.mark.parametrize("body", [b"{}", b"<html>", b'"x"'])
def test_an_answer_that_is_no_list_is_told(body):
    class Other:
        def now(self):
            return SetClock().now()

        def request(self, *_, **__):
            return HttpAnswer(status=200, headers={}, body=body, seconds=0.0, at=self.now())

    told = ask(sources()["woocommerce"].begin(SetClock().now()), Other())
    assert told.words == "The shop answered something that is not a list of orders."


def test_a_shop_that_is_away_is_told_in_its_own_words():
    class Away:
        def request(self, *_, **__):
            return HttpFailure(kind="not_sent", words="No connection to shop.", seconds=0.0)

    told = ask(sources()["woocommerce"].begin(SetClock().now()), Away())
    assert told == NoPage(words="No connection to shop.")


def test_refunds_are_read_with_their_lines_and_their_day(shop):
    cursor = since(shop)
    act(shop, id=1, lines=[{"sku": "CUP-GLASS-20", "quantity": 3}])
    shop._clock.advance(90_000)
    act(shop, act="refund", id=1, lines=[{"sku": "CUP-GLASS-20", "quantity": 2}])
    shop._clock.advance(60)
    act(shop, act="refund", id=1, amount="1.00")
    found = [r for one in ask(cursor, Line(shop)).found for r in one.records]
    assert [(one.kind, one.number) for one in found] == [
        ("order", "1"),
        ("refund", "R-7010"),
        ("refund", "R-7011"),
    ]
    goods, amount = (one.body for one in found[1:])
    assert (goods["total"], goods["lines_known"]) == ("21.78", True)
    assert goods["refunded_on"] > found[0].body["ordered_on"]
    (line,) = goods["lines"]
    told = {name: line[name] for name in ("line_id", "sku", "qty", "amount", "tax", "tax_amount")}
    assert told == {
        "line_id": "301",
        "sku": "CUP-GLASS-20",
        "qty": "2",
        "amount": "19.80",
        "tax": "MY-SST-1",
        "tax_amount": "1.98",
    }
    assert [one["part"] for one in amount["lines"]] == ["adjustment"]


def test_a_shop_that_shows_no_refunds_leaves_them_with_their_amounts(shop):
    cursor = since(shop)
    act(shop, id=1)
    act(shop, act="refund", id=1, amount="1.00")

    class Blind(Line):
        """A shop whose list of refunds is not there."""

        def request(self, method, url, **options):
            hidden = url.replace("/refunds", "/none")
            return super().request(method, hidden, **options)

    found = [r for one in ask(cursor, Blind(shop)).found for r in one.records]
    assert [(one.number, one.body.get("lines_known")) for one in found] == [
        ("1", None),
        ("R-7010", False),
    ]


def test_a_list_of_refunds_that_fails_makes_the_page_come_again(shop):
    cursor = since(shop)
    act(shop, id=1)
    act(shop, act="refund", id=1, amount="1.00")

    class Broken(Line):
        """A shop that answers 503 when it is asked for refunds."""

        def request(self, method, url, **options):
            answer = super().request(method, url, **options)
            return replace(answer, status=503) if "/refunds" in url else answer

    assert isinstance(ask(cursor, Broken(shop)), NoPage)

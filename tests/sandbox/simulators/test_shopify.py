"""The stand-in of Shopify, and its reader beside it: neither wrote what the other reads."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from connectors.contract import Accepted, IncomingRecord
from connectors.contract.pulls import NoPage, Page
from connectors.registry import sources
from connectors.sources.shopify.connector import Shopify as Source
from connectors.transport.http import HttpAnswer, HttpFailure
from connectors.transport.strict_json import loads
from sandbox.simulators.base.server import Ledger, Reply, Request
from sandbox.simulators.base.shop import Life, Webhook
from sandbox.simulators.shopify.api import FAULTS, ORDERS, TRIES, Keys, Shopify, ShopifyBooks
from tests.connectors.recorded import recorded
from tests.support.clock import SetClock
from tests.support.zones import SHOP_ZONE

KEYS = Keys(secret="hush", token="shpat_1")
SECRET = "hush:shpat_1"
SETTINGS = {"base_url": "https://kedai.myshopify.com/"}
Record = tuple[str, str, str | None]


@dataclass
class Sent:
    """A shop whose webhooks are kept here; `status` is what who hears them answers."""

    shop: Shopify
    clock: SetClock
    hooks: list[Webhook] = field(default_factory=list)
    status: int = 202

    def now(self) -> datetime:
        """By the clock of both."""
        return self.clock.now()

    def request(self, method: str, url: str, *, headers: Mapping[str, str]) -> HttpAnswer:
        """The way from the source to the shop, without a wire."""
        parts = urlsplit(url)
        lower = {name.lower(): value for name, value in headers.items()}
        query = dict(parse_qsl(parts.query))
        reply = self.shop.handle(
            Request(method=method, path=parts.path, query=query, headers=lower, body=b"")
        )
        told = {name.lower(): value for name, value in reply.headers.items()}
        body, now = reply.encoded(), self.clock.now()
        return HttpAnswer(status=reply.status, headers=told, body=body, seconds=0.0, at=now)

    def read(self, cursor: str = "", *, key: str = SECRET) -> Iterator[Page]:
        """All pages from a cursor on."""
        cursor = cursor or source().begin(self.clock.now() - timedelta(days=30))
        more = True
        while more:
            page = source().page(cursor, SETTINGS, key, SHOP_ZONE, self)  # type: ignore[arg-type]
            assert isinstance(page, Page), page
            yield page
            cursor, more = page.after, page.more

    def none(self, *, key: str = SECRET) -> NoPage:
        """Why there is no page."""
        cursor = source().begin(self.clock.now())
        page = source().page(cursor, SETTINGS, key, SHOP_ZONE, self)  # type: ignore[arg-type]
        assert isinstance(page, NoPage), page
        return page


def source() -> Source:
    found = sources()["shopify"]
    assert isinstance(found, Source)
    return found


def shop_of(folder: Path, life: Life, monkeypatch: pytest.MonkeyPatch, bucket: int = 900) -> Sent:
    clock = SetClock()
    books, ledger = ShopifyBooks(withhold=0, seed=0), Ledger(folder / "ledger.jsonl")
    shop = Shopify(
        books, ledger, clock, to="http://hooks.example/", life=life, keys=KEYS, bucket=bucket
    )
    found = Sent(shop, clock)

    class Heard:
        status = 202

        def __enter__(self) -> "Heard":
            if found.status >= 300:
                raise OSError("nobody is there")
            return self

        def __exit__(self, *_: object) -> None:
            """Nothing is open."""

    def heard(request: Any, timeout: float) -> Heard:
        del timeout
        headers = {name.title(): value for name, value in request.header_items()}
        topic = headers["X-Shopify-Topic"]
        found.hooks.append(Webhook(topic=topic, headers=headers, raw=request.data, forged={}))
        return Heard()

    monkeypatch.setattr("sandbox.simulators.base.shop.urllib.request.urlopen", heard)
    return found


@pytest.fixture
def sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sent:
    return shop_of(tmp_path, Life(), monkeypatch)


def accepted(hook: Webhook) -> Accepted:
    answer = source().accept(hook.headers, hook.raw, [SECRET], SetClock().now(), SHOP_ZONE)
    assert isinstance(answer, Accepted), answer
    assert answer.errors == (), (hook.topic, answer.errors)
    return answer


def newest(records: list[IncomingRecord]) -> dict[tuple[str, str], dict[str, object]]:
    """The last state of each record, by its stamp."""
    ordered = sorted(records, key=lambda one: datetime.fromisoformat(one.stamp or ""))
    return {(one.kind, one.external_id): one.body for one in ordered}


def test_a_shops_month_is_the_same_by_webhook_and_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = {"twice": 3, "late": 5, "forged": 2}
    sent = shop_of(tmp_path, Life(orders=52, mixed=True, seed=5, faults=faults), monkeypatch)
    sent.shop.play()
    heard: list[IncomingRecord] = []
    forged = 0
    for hook in sent.hooks:
        told = source().accept(hook.headers, hook.raw, [SECRET], sent.clock.now(), SHOP_ZONE)
        forged += not isinstance(told, Accepted)
        heard += accepted(hook).records if isinstance(told, Accepted) else ()
    assert forged >= 2
    pages = list(sent.read())
    assert len(pages) == 2
    asked = [record for page in pages for one in page.found for record in one.records]
    assert [error for page in pages for one in page.found for error in one.errors] == []
    assert newest(asked) == newest(heard)
    kinds = {kind for kind, _ in newest(asked)}
    assert kinds == {"order", "delivery", "refund"}
    words = {body["status"] for (kind, _), body in newest(asked).items() if kind == "order"}
    assert {"paid", "cancelled", "delivered", "refunded_partly"} <= words


def test_the_reading_goes_on_where_it_ended_and_a_little_before(sent: Sent) -> None:
    for number in (1, 2, 3):
        sent.shop.act("create", number, {})
        sent.clock.advance(timedelta(hours=1))
    (page,) = sent.read()
    assert [len(one.records) for one in page.found] == [1, 1, 1]
    assert [number_of(one.raw) for one in page.found] == ["#1001", "#1002", "#1003"]
    (again,) = sent.read(page.after)
    assert [number_of(one.raw) for one in again.found] == ["#1003"]
    sent.shop.act("cancel", 1, {})
    (later,) = sent.read(again.after)
    assert [number_of(one.raw) for one in later.found] == ["#1003", "#1001"]
    assert later.found[-1].records[0].body["status"] == "cancelled"


def test_a_change_that_is_stored_a_little_late_is_read_all_the_same(sent: Sent) -> None:
    sent.shop.act("create", 1, {})
    early = sent.shop.books.orders[1]["updated_at"]
    sent.clock.advance(timedelta(minutes=9))
    sent.shop.act("create", 2, {})
    (page,) = sent.read()
    sent.shop.act("create", 3, {})
    sent.shop.books.orders[3]["updated_at"] = early
    (later,) = sent.read(page.after)
    assert "#1003" in [number_of(one.raw) for one in later.found]


def number_of(raw: bytes) -> object:
    found = loads(raw)
    assert isinstance(found, dict)
    return found["name"]


def test_what_changes_between_two_pages_is_on_a_later_one(sent: Sent) -> None:
    for number in range(1, 53):
        sent.shop.act("create", number, {})
        sent.clock.advance(timedelta(seconds=5))
    pages = sent.read()
    first = next(pages)
    assert first.more
    sent.shop.act("edit", 1, {})
    rest = [number_of(one.raw) for page in pages for one in page.found]
    assert rest == [f"#{1000 + number}" for number in [51, 52, 1]]


def test_a_page_that_shopify_no_longer_knows_is_asked_for_from_the_start(sent: Sent) -> None:
    sent.shop.act("create", 1, {})
    since = (sent.clock.now() - timedelta(days=1)).isoformat()
    first, second = sent.read(json.dumps([since, "bm90aGluZw==", ""]))
    assert (first.found, first.more) == ((), True)
    assert len(second.found) == 1


def test_what_cannot_be_read_is_told_beside_the_others(sent: Sent) -> None:
    sent.shop.act("create", 1, {})
    sent.shop.books.orders[1] |= {"total_price": "1.00", "current_total_price": "1.00"}
    sent.shop.act("create", 2, {})
    (page,) = sent.read()
    assert [bool(pulled.problems) for pulled in page.found] == [True, False]
    (held,) = page.found[0].records
    (fault,) = held.faults
    assert (fault["code"], fault["stated"]) == ("SUM01", "1.00")
    assert held.errors[0].where == "orders[0].total_price"


@pytest.mark.parametrize(
    ("fault", "words", "pause"),
    [
        ("rest_error", "Shopify answered with the status 500.", None),
        ("rest_html", "Shopify answered with the status 502.", None),
        ("rest_too_many", "Shopify was asked more often than it allows.", 2.0),
        ("rest_refused", "Shopify does not accept the access token.", None),
    ],
)
def test_a_question_that_fails_is_told_in_words(
    sent: Sent, fault: str, words: str, pause: float | None
) -> None:
    assert fault in FAULTS
    plan = json.dumps({"fault": fault}).encode()
    request = Request(method="POST", path="/_sim/faults", query={}, headers={}, body=plan)
    assert sent.shop.handle(request).status == 200
    told = sent.none()
    assert (told.words, told.pause) == (words, pause)
    assert list(sent.read())


def test_without_a_token_or_with_a_wrong_one_nothing_is_shown(sent: Sent) -> None:
    assert "no token" in sent.none(key="hush").words
    assert "access token" in sent.none(key="hush:other").words


def test_an_answer_that_is_no_list_and_no_answer(
    sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        sent.shop, "handle", lambda _: Reply(status=200, content={"orders": {"id": 1}})
    )
    assert "not a list of orders" in sent.none().words
    monkeypatch.setattr(sent.shop, "handle", lambda _: Reply(status=404, content={}))
    assert "no shop" in sent.none().words
    gone = HttpFailure(kind="no_answer", words="It did not answer in time.", seconds=1.0)
    monkeypatch.setattr(sent, "request", lambda *_, **__: gone)
    assert sent.none().words == "It did not answer in time."


def test_a_page_that_is_too_long_is_asked_for_in_smaller_ones(
    sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 8):
        sent.shop.act("create", number, {})
        sent.clock.advance(timedelta(seconds=5))
    asked: list[str] = []
    answer = sent.request

    def short(method: str, url: str, *, headers: Mapping[str, str]) -> HttpAnswer | HttpFailure:
        asked.append(dict(parse_qsl(urlsplit(url).query))["limit"])
        if asked[-1] == "50":
            return HttpFailure(kind="no_answer", words="Too long.", seconds=1.0, status=200)
        return answer(method, url, headers=headers)

    monkeypatch.setattr(sent, "request", short)
    assert [len(page.found) for page in sent.read()] == [5, 2]
    assert asked == ["50", "5", "50", "5"]


def test_the_bucket_of_calls_leaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = shop_of(tmp_path, Life(), monkeypatch, bucket=2)
    assert list(sent.read())
    assert list(sent.read())
    assert sent.none().pause == 2.0
    sent.clock.advance(timedelta(seconds=1))
    assert list(sent.read())


def test_a_webhook_that_nobody_took_comes_again_as_it_was_eight_times(sent: Sent) -> None:
    sent.status = 500
    sent.shop.act("create", 1, {})
    first = sent.hooks[0]
    for _ in range(10):
        sent.shop.act("edit", 1, {})
    assert [hook.raw for hook in sent.hooks].count(first.raw) == 1 + TRIES
    sent.status = 202
    sent.shop.act("complete", 1, {})
    count = len(sent.hooks)
    sent.shop.act("refund", 1, {})
    assert [hook.topic for hook in sent.hooks[count:]] == ["refunds/create", "orders/updated"]


def test_one_event_has_one_id_under_each_of_its_topics(sent: Sent) -> None:
    sent.shop.act("create", 1, {})
    sent.shop.act("refund", 1, {"restock": "no_restock", "shipping": True})
    created, refund, updated = (hook.headers for hook in sent.hooks)
    assert refund["X-Shopify-Event-Id"] == updated["X-Shopify-Event-Id"]
    assert created["X-Shopify-Event-Id"] != updated["X-Shopify-Event-Id"]
    assert len({one["X-Shopify-Webhook-Id"] for one in (created, refund, updated)}) == 3
    (alone,) = accepted(sent.hooks[1]).records
    assert alone.body["restock"] == "none"
    assert alone in accepted(sent.hooks[2]).records


def test_refunded_shipping_is_one_line_in_both_forms_of_the_api(sent: Sent) -> None:
    totals = []
    for number, form in ((1, True), (2, "adjustment")):
        items = [{"sku": "MUG", "quantity": 2}]
        sent.shop.act("create", number, {"items": items})
        sent.shop.act("refund", number, {"shipping": form})
        (alone,) = accepted(sent.hooks[-2]).records
        assert [line["part"] for line in alone.body["lines"]] == ["goods", "shipping"]
        totals.append(alone.body["total"])
    assert totals[0] == totals[1]
    (line,) = sent.shop.books.orders[1]["refunds"][0]["refund_shipping_lines"]
    assert line.keys() == {"id", "shipping_line", "subtotal_amount_set", "tax_amount_set"}


def test_the_shop_goes_on_where_its_ledger_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    life = Life(orders=4, mixed=True, seed=2)
    whole = shop_of(tmp_path, life, monkeypatch)
    whole.shop.play()
    again = shop_of(tmp_path, life, monkeypatch)
    assert again.shop.books.orders == whole.shop.books.orders
    again.shop.play()
    assert again.hooks == []


def test_T33b_the_shop_uses_no_word_that_was_not_recorded(sent: Sent) -> None:
    known = {
        path
        for name in ("order", "order-refunded")
        for path in _paths(json.loads(recorded("shopify", name)["deliver"][0].body))
    }
    for act in ("create", "edit", "complete", "refund"):
        order = sent.shop.act(act, 1, {"shipping": "adjustment"} if act == "refund" else {})
    assert _paths(order) - known == {("closed_at",), ("order_number",), *_VARIANTS}
    assert sent.shop.books.orders[1]["id"] > 2**53


_VARIANTS = {("refunds", "refund_line_items", "line_item", "variant_id"),
             ("fulfillments", "line_items", "variant_id"),
             *(("fulfillments", "line_items", "tax_lines", word)
               for word in ("price", "rate", "title"))}  # fmt: skip


def _paths(value: object, at: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    """Where each value stands, whatever its place in a list."""
    if isinstance(value, list):
        return {path for inner in value for path in _paths(inner, at)}
    if isinstance(value, dict):
        return {path for word, inner in value.items() for path in _paths(inner, (*at, word))}
    return {at}


def test_where_it_is_asked_from_is_the_address_of_the_api() -> None:
    assert ORDERS == "/admin/api/2025-10/orders.json"

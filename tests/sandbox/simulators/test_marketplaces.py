"""The stand-ins of Shopee and Lazada, and their readers beside them: neither wrote what the other
reads.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from connectors.contract import Accepted, IncomingRecord
from connectors.contract.pulls import NoPage, Page
from connectors.registry import sources
from connectors.transport.http import HttpAnswer
from sandbox.simulators.base.market import ENOUGH, FAULTS, App, Market, MarketBooks
from sandbox.simulators.base.server import Ledger, Reply, Request
from sandbox.simulators.base.shop import Life, Webhook
from sandbox.simulators.lazada.api import Lazada
from sandbox.simulators.lazada.finance import LazadaBooks
from sandbox.simulators.shopee.api import Shopee, ShopeeBooks
from tests.support.clock import SetClock
from tests.support.zones import SHOP_ZONE

TO = "https://clearpost.example/hooks/kedai/shop"
MAKE: dict[str, type[Market]] = {"shopee": Shopee, "lazada": Lazada}
BOOKS: dict[str, type[MarketBooks]] = {"shopee": ShopeeBooks, "lazada": LazadaBooks}
NUMBER = {"shopee": "2001234", "lazada": "123456"}
SETTINGS = {
    name: {
        "base_url": "https://market.example",
        "token_url": "https://market.example",
        "partner_id": NUMBER[name],
        "app_key": NUMBER[name],
        "shop_id": "88",
    }
    for name in MAKE
}
LASTS = {"shopee": timedelta(hours=4), "lazada": timedelta(days=7)}


@dataclass
class Sent:
    """A seller whose webhooks are kept here, asked without a wire."""

    name: str
    shop: Market
    clock: SetClock
    key: str = "hush:refresh-0"
    status: int = 202
    hooks: list[Webhook] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @property
    def source(self) -> Any:
        return sources()[self.name].bound(SETTINGS[self.name], TO)  # type: ignore[attr-defined]

    def now(self) -> Any:
        return self.clock.now()

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None
    ) -> HttpAnswer:
        parts = urlsplit(url)
        lower = {name.lower(): value for name, value in headers.items()}
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.asked.append(parts.path)
        reply: Reply = self.shop.handle(
            Request(method=method, path=parts.path, query=query, headers=lower, body=body or b"")
        )
        told = {name.lower(): value for name, value in reply.headers.items()}
        raw = reply.encoded()
        return HttpAnswer(
            status=reply.status, headers=told, body=raw, seconds=0.0, at=self.clock.now()
        )

    def renew(self) -> Any:
        told = self.source.renew(SETTINGS[self.name], self.key, self)
        self.key = told.secret or self.key
        return told

    def page(self, cursor: str) -> Page | NoPage:
        found: Page | NoPage = self.source.page(
            cursor, SETTINGS[self.name], self.key, SHOP_ZONE, self
        )
        return found

    def read(self, cursor: str = "") -> Iterator[Page]:
        """All pages from a cursor on."""
        cursor = cursor or self.source.begin(self.clock.now() - timedelta(days=40))
        more = True
        while more:
            page = self.page(cursor)
            assert isinstance(page, Page), page
            yield page
            cursor, more = page.after, page.more

    def none(self) -> NoPage:
        page = self.page(self.source.begin(self.clock.now()))
        assert isinstance(page, NoPage), page
        return page

    def plan(self, fault: str) -> None:
        assert fault in FAULTS
        body = json.dumps({"fault": fault}).encode()
        path = "/_sim/faults"
        told = self.shop.handle(Request(method="POST", path=path, query={}, headers={}, body=body))
        assert told.status == 200

    def accept(self, hook: Webhook) -> Any:
        return self.source.accept(hook.headers, hook.raw, [self.key], self.clock.now(), SHOP_ZONE)


def shop_of(folder: Path, name: str, life: Life, monkeypatch: pytest.MonkeyPatch) -> Sent:
    clock = SetClock()
    app = App(number=NUMBER[name], secret="hush", lasts=LASTS[name])
    books, ledger = BOOKS[name](withhold=0, seed=0), Ledger(folder / f"{name}.jsonl")
    shop = MAKE[name](books, ledger, clock, to=TO, life=life, app=app, per_minute=900)
    found = Sent(name, shop, clock)

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
        found.hooks.append(Webhook(topic="", headers=headers, raw=request.data, forged={}))
        return Heard()

    monkeypatch.setattr("sandbox.simulators.base.shop.urllib.request.urlopen", heard)
    return found


@pytest.fixture(params=sorted(MAKE))
def sent(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sent:
    found = shop_of(tmp_path, request.param, Life(), monkeypatch)
    assert found.renew().kind == "renewed"
    return found


def newest(pages: list[Page]) -> dict[tuple[str, str], dict[str, object]]:
    """The records of pages, each once."""
    told: list[IncomingRecord] = []
    for page in pages:
        assert [error for one in page.found for error in one.errors] == []
        told += [record for one in page.found for record in one.records]
    return {(one.kind, one.external_id): one.body for one in told}


@pytest.mark.parametrize("name", sorted(MAKE))
def test_a_sellers_month_is_read_whole_and_every_webhook_says_only_to_ask(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = {"twice": 3, "late": 5, "forged": 2, "drop": 2}
    life = Life(orders=130, mixed=True, seed=5, faults=faults)
    sent = shop_of(tmp_path, name, life, monkeypatch)
    sent.shop.play()
    sent.renew()
    answers = [sent.accept(hook) for hook in sent.hooks]
    good = [one for one in answers if isinstance(one, Accepted)]
    assert len(answers) - len(good) == 2
    assert [one.changed for one in good[1:]] == [True] * (len(good) - 1)
    assert not good[0].changed  # what tries the address
    assert all(one.records == () for one in good)
    assert len({one.delivery_id for one in good}) < len(good)
    sent.clock.advance(timedelta(minutes=1))
    found = newest(list(sent.read()))
    orders = {key: body for (kind, key), body in found.items() if kind == "order"}
    assert len(orders) == 130
    assert all(body["lines"] for body in orders.values())
    words = {body["status"] for body in orders.values()}
    assert {"paid", "cancelled", "delivered"} <= words
    assert {kind for kind, _ in found} == {"order", "refund"}


def test_more_orders_of_one_second_than_a_page_has_are_read(sent: Sent) -> None:
    for number in range(1, 121):
        sent.shop.act("create", number, {})
    pages = list(sent.read())
    assert len(newest(pages)) == 120
    assert len(pages) < 60


def test_what_changes_between_two_pages_is_left_out_by_none(sent: Sent) -> None:
    for number in range(1, 121):
        sent.shop.act("create", number, {})
        sent.clock.advance(timedelta(seconds=7))
    pages: list[Page] = []
    for page in sent.read():
        pages.append(page)
        sent.clock.advance(timedelta(seconds=2))
        sent.shop.act("complete", len(pages), {})
    found = newest(pages)
    assert len(found) == 120
    again = newest(list(sent.read(pages[-1].after)))
    states = {**found, **again}
    assert [body["status"] for body in states.values()].count("delivered") == len(pages)


def test_the_reading_goes_on_where_it_ended_and_a_little_before(sent: Sent) -> None:
    for number in (1, 2, 3):
        sent.shop.act("create", number, {})
        sent.clock.advance(timedelta(hours=1))
    pages = list(sent.read())
    assert len(newest(pages)) == 3
    idle = list(sent.read(pages[-1].after))
    assert len(newest(idle)) <= 1
    sent.shop.act("cancel", 1, {})
    later = newest(list(sent.read(idle[-1].after)))
    assert "cancelled" in [body["status"] for body in later.values()]


def test_an_order_that_is_listed_and_not_shown_is_told(sent: Sent) -> None:
    for number in (1, 2):
        sent.shop.act("create", number, {})
    sent.plan("rest_missing")
    found = [one for page in sent.read() for one in page.found]
    (incomplete,) = [pulled for pulled in found if pulled.problems]
    assert incomplete.problems[0].message.endswith(".")
    # Shopee tells no content; of Lazada's order only the pieces are missing. Both are held.
    (held,) = (*incomplete.records, *incomplete.missing)
    assert held.faults
    assert bool(incomplete.missing) == (sent.name == "shopee")
    assert len(newest(list(sent.read()))) == 2


@pytest.mark.parametrize(
    ("fault", "words", "pause"),
    [
        ("rest_error", "answered 200", None),
        ("rest_html", "answered 502", None),
        ("rest_too_many", "more often than it allows", 20.0),
        ("rest_limit", "more often than it allows", 60.0),
        ("rest_refused", "does not accept the key", None),
    ],
)
def test_a_question_that_fails_is_told_in_words(
    sent: Sent, fault: str, words: str, pause: float | None
) -> None:
    sent.plan(fault)
    told = sent.none()
    assert words in told.words
    assert told.words.endswith(".")
    assert told.pause == pause
    assert told.key_refused == (fault == "rest_refused")
    assert list(sent.read())


def test_the_key_is_exchanged_once_and_ends(sent: Sent) -> None:
    assert not sent.source.is_due(sent.key, sent.now())
    assert not sent.source.may_be_over(sent.key, sent.now())
    sent.clock.advance(timedelta(minutes=11))
    assert sent.source.may_be_over(sent.key, sent.now())
    sent.clock.advance(LASTS[sent.name] - timedelta(minutes=11, seconds=1))
    assert sent.source.is_due(sent.key, sent.now())
    assert list(sent.read())
    sent.clock.advance(timedelta(seconds=1))
    assert sent.none().key_refused
    old = sent.key
    assert sent.renew().kind == "renewed"
    assert list(sent.read())
    sent.key = old
    assert sent.renew().kind == "refused"  # each refresh token is taken once
    assert sent.none().key_refused


@pytest.mark.parametrize("fault", ["rest_error", "rest_html", "rest_too_many", "rest_limit"])
def test_an_exchange_that_is_not_answered_may_be_tried_again(sent: Sent, fault: str) -> None:
    sent.plan(fault)
    assert sent.renew().kind == "away"
    assert sent.renew().kind == "renewed"


@pytest.mark.parametrize("key", ["hush", "hush:", ":x", "hush:r:a", "hush:r:a:soon", "a:b:c:1:2"])
def test_a_key_that_is_written_otherwise_is_told_before_anything_is_sent(
    sent: Sent, key: str
) -> None:
    sent.asked.clear()
    sent.key = key
    assert "does not say how to ask" in sent.none().words
    assert sent.source.renew(SETTINGS[sent.name], key, sent).kind == "refused"
    assert sent.asked == []


def test_another_secret_asks_for_nothing(sent: Sent) -> None:
    sent.key = sent.key.replace("hush", "guessed")
    told = sent.none()
    assert "sign" in told.words.lower()


def test_webhooks_that_nobody_takes_are_switched_off(sent: Sent) -> None:
    sent.status = 500
    for number in range(1, 10):
        sent.shop.act("create", number, {})
    assert len(sent.hooks) == ENOUGH
    sent.status = 202
    sent.shop.act("create", 10, {})
    assert len(sent.hooks) == ENOUGH
    assert len(newest(list(sent.read()))) == 10  # asking needs no webhook


def test_the_seller_goes_on_where_its_ledger_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    life = Life(orders=4, mixed=True, seed=2)
    for name in MAKE:
        whole = shop_of(tmp_path, name, life, monkeypatch)
        whole.shop.play()
        whole.renew()
        again = shop_of(tmp_path, name, life, monkeypatch)
        assert again.shop.books.orders == whole.shop.books.orders
        assert (again.shop.access, again.shop.refresh) == ("access-1", "refresh-1")
        again.shop.play()
        assert len(again.hooks) == 1  # only what tries the address

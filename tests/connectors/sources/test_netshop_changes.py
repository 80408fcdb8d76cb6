"""Asking NetShop for what changed: nothing is left out, and what goes wrong is said."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from connectors.contract.pulls import NoPage, Page
from connectors.registry import sources
from connectors.sources.netshop import connector
from connectors.transport.http import HttpAnswer, HttpFailure
from sandbox.simulators.base.server import Ledger, Request
from sandbox.simulators.base.shop import Life
from sandbox.simulators.netshop.api import NetShop, NetShopBooks
from sandbox.simulators.netshop.deliveries import (
    sample_delivery,
    sample_payout,
    sample_purchase,
    sample_settlement,
)
from tests.connectors.recorded import BASE, Tape, recorded
from tests.support.clock import SetClock
from tests.support.zones import SHOP_ZONE

SETTINGS = {"base_url": "https://netshop.example/"}
SOURCE: Any = sources()["netshop"]


class Line:
    """The way to NetShop in this process; `meanwhile` happens after each answer."""

    def __init__(self, shop: NetShop, meanwhile: Any = lambda: None) -> None:
        self.shop, self.meanwhile = shop, meanwhile

    def now(self):
        return self.shop.now()

    def request(self, method, url, *, headers, body=None, push=False):
        del body, push
        parts = urlsplit(url)
        request = Request(
            method=method,
            path=parts.path,
            query=dict(parse_qsl(parts.query)),
            headers={name.lower(): value for name, value in headers.items()},
            body=b"",
            target=f"{parts.path}?{parts.query}",
        )
        reply = self.shop.handle(request)
        told = {name.lower(): value for name, value in reply.headers.items()}
        self.meanwhile()
        return HttpAnswer(
            status=reply.status, headers=told, body=reply.encoded(), seconds=0.0, at=self.now()
        )


@pytest.fixture
def shop(tmp_path) -> NetShop:
    books, ledger = NetShopBooks(withhold=0, seed=0), Ledger(tmp_path / "ledger.jsonl")
    return NetShop(books, ledger, SetClock(), to="", life=Life(), secret="hush")


def act(shop: NetShop, deed: str = "act", **given: Any) -> None:
    raw = json.dumps(given).encode()
    path = f"/_sim/{deed}"
    told = Request(method="POST", path=path, query={}, headers={}, body=raw)
    assert shop.handle(told).status == 200


def ask(line: Any, cursor: str, secret: str = "hush") -> Page | NoPage:
    told: Page | NoPage = SOURCE.page(cursor, SETTINGS, secret, SHOP_ZONE, line)
    return told


def start(shop: NetShop) -> str:
    began: str = SOURCE.begin(shop.now() - timedelta(minutes=1))
    return began


def read_all(line: Any, cursor: str) -> tuple[list[Any], str, int]:
    found, pages, more = [], 0, True
    while more:
        page = ask(line, cursor)
        assert isinstance(page, Page), page
        assert all(one.problems == () for one in page.found)
        found += [record for one in page.found for record in one.records]
        cursor, more, pages = page.after, page.more, pages + 1
    return found, cursor, pages


def test_the_recorded_questions_are_asked_and_their_answers_read(monkeypatch) -> None:
    monkeypatch.setattr(connector.secrets, "token_hex", lambda _: "0011223344556677")
    first, later = recorded("netshop-changes", "changes").values()
    tape, settings = Tape([*first, *later]), {"base_url": BASE}
    began = SOURCE.begin(tape.now() - timedelta(days=1))
    page = SOURCE.page(began, settings, "hush", SHOP_ZONE, tape)
    assert [(one.kind, one.number) for told in page.found for one in told.records] == [
        ("order", "NS-10231"),
        ("refund", "RF-1"),
        ("settlement", "ST-88"),
    ]
    assert (page.after, page.more) == ("c-42/7", True)
    page = SOURCE.page(page.after, settings, "hush", SHOP_ZONE, tape)
    assert (page.found, page.after, page.more) == ([], "c-42/9", False)


def test_everything_shows_once_and_the_place_goes_on(shop) -> None:
    assert ask(Line(shop), start(shop)) == Page(found=[], after="c-0", more=False)
    for number in range(1, 121):
        act(shop, act="create", id=number)
    act(shop, act="refund", id=3, amount="1.00")
    records, cursor, pages = read_all(Line(shop), start(shop))
    assert pages == 3
    orders = [one.number for one in records if one.kind == "order"]
    assert orders == [f"NS-{n}" for n in range(1, 121) if n != 3] + ["NS-3"]
    assert [one.number for one in records if one.kind == "refund"] == ["RF-3"]
    assert read_all(Line(shop), cursor)[0] == []
    act(shop, act="cancel", id=7)
    (again,), _, _ = read_all(Line(shop), cursor)
    assert (again.number, again.body["status"]) == ("NS-7", "cancelled")


def test_nothing_is_left_out_while_it_sells(shop) -> None:
    """What is read already is changed between two pages, and new ones come in."""
    for number in range(1, 80):
        act(shop, act="create", id=number)
    numbers = iter(range(80, 90))

    def meanwhile() -> None:
        number = next(numbers, None)
        if number is not None:
            act(shop, act="create", id=number)
            act(shop, act="edit", id=number - 79)

    line = Line(shop, meanwhile)
    records, cursor, _ = read_all(line, start(shop))
    line.meanwhile = lambda: None
    records += read_all(line, cursor)[0]
    newest = {one.number: one.body["version"] for one in records}
    assert newest == {one["number"]: one["version"] for one in shop.books.orders.values()}


def test_what_is_older_than_the_beginning_is_not_asked_for(shop) -> None:
    act(shop, act="create", id=1)
    act(shop, "clock", offset_seconds=120)
    act(shop, act="create", id=2)
    records, _, _ = read_all(Line(shop), SOURCE.begin(shop.now() - timedelta(seconds=60)))
    assert [one.number for one in records] == ["NS-2"]


def test_it_tells_what_is_entered_beside_orders(shop) -> None:
    for kind, record in (
        ("delivery", sample_delivery()),
        ("purchase", sample_purchase()),
        ("settlement", sample_settlement()),
        ("payout", sample_payout()),
    ):
        act(shop, "tell", kind=kind, record=record)
    records, _, _ = read_all(Line(shop), start(shop))
    kinds = [one.kind for one in records]
    assert kinds == ["delivery", "purchase", "settlement", "payout", "order_payment"]
    for wrong in ({"kind": "order", "record": {"id": 1}}, {"kind": "payout", "record": {}}):
        raw = json.dumps(wrong).encode()
        told = Request(method="POST", path="/_sim/tell", query={}, headers={}, body=raw)
        assert shop.handle(told).status == 400


def test_a_change_that_cannot_be_read_stops_no_other(shop) -> None:
    act(shop, act="create", id=1, fields={"total": "much"})
    act(shop, act="create", id=2)
    page = ask(Line(shop), start(shop))
    assert isinstance(page, Page)
    bad, good = page.found
    assert [one.where for one in bad.problems] == ["order.total"]
    assert [(one.number, one.body.get("total")) for one in bad.records] == [("NS-1", None)]
    assert json.loads(bad.raw)["order"]["id"] == 1
    assert [one.number for one in good.records] == ["NS-2"]


@pytest.mark.parametrize(
    ("fault", "words", "hint", "pause"),
    [
        ("rest_error", "NetShop answered 500: Internal error", "", None),
        ("rest_html", "NetShop answered 502: no reason given", "", None),
        ("rest_too_many", "NetShop answered 429: Too many questions", "", 20.0),
        ("rest_refused", "NetShop answered 401: The secret was replaced", "secret", None),
        ("rest_forbidden", "NetShop answered 403", "secret", None),
        ("rest_again", "NetShop says that there is more, and gives the same place", "Ask", None),
    ],
)
def test_what_goes_wrong_is_said_and_the_next_question_goes_on(
    shop, fault, words, hint, pause
) -> None:
    act(shop, act="create", id=1)
    act(shop, "faults", fault=fault)
    told = ask(Line(shop), "c-0")
    assert isinstance(told, NoPage)
    assert told.words.startswith(words)
    assert hint in told.hint
    assert told.pause == pause
    assert [one.number for one in read_all(Line(shop), "c-0")[0]] == ["NS-1"]


def test_what_is_planned_for_one_order_is_met_where_it_is_told(shop) -> None:
    act(shop, act="create", id=1)
    _, cursor, _ = read_all(Line(shop), start(shop))
    act(shop, "faults", fault="rest_error", number="NS-2")
    assert read_all(Line(shop), cursor)[0] == []
    act(shop, act="create", id=2)
    told = ask(Line(shop), cursor)
    assert isinstance(told, NoPage)
    assert told.words == "NetShop answered 500: Internal error"
    assert [one.number for one in read_all(Line(shop), cursor)[0]] == ["NS-2"]


def test_who_signs_wrong_is_not_answered(shop) -> None:
    act(shop, act="create", id=1)
    told = ask(Line(shop), "c-0", secret="other")
    assert isinstance(told, NoPage)
    assert "The signature does not match" in told.words
    line = Line(shop)
    line.now = lambda: shop.now() - timedelta(seconds=301)
    told = ask(line, "c-0")
    assert isinstance(told, NoPage)
    assert "The timestamp is too far away" in told.words


class Says:
    """Answers every question with the same."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def now(self):
        return SetClock().now()

    def request(self, *_: object, **__: object) -> Any:
        return self.answer


def answered(body: bytes, status: int = 200, **headers: str) -> Says:
    now = SetClock().now()
    return Says(HttpAnswer(status=status, headers=headers, body=body, seconds=0.1, at=now))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html></html>",
        b"[]",
        b'{"changes": [], "next": "c-1", "more": fal',
        b'{"next": "c-1", "more": false}',
        b'{"changes": {}, "next": "c-1", "more": false}',
        b'{"changes": [], "more": false}',
        b'{"changes": [], "next": "", "more": false}',
        b'{"changes": [], "next": 7, "more": false}',
        b'{"changes": [], "next": "c-1"}',
        b'{"changes": [], "next": "c-1", "more": "no"}',
        b'{"changes": [], "next": "' + b"c" * 201 + b'", "more": false}',
    ],
)
def test_an_answer_that_is_no_list_of_changes_moves_nothing(body) -> None:
    told = ask(answered(body), "c-1")
    assert isinstance(told, NoPage)
    assert told.words == "NetShop answered something that is not a list of changes."


def test_other_answers_say_what_they_are() -> None:
    told = ask(answered(b"", 302, location="https://other.example"), "c-1")
    assert isinstance(told, NoPage)
    assert told.words == "NetShop answered 302: no reason given"
    told = ask(answered(b"", 404), "c-1")
    assert isinstance(told, NoPage)
    assert told.hint == "Has NetShop put up the list of changes at this address?"
    told = ask(answered(b"", 429), "c-1")
    assert isinstance(told, NoPage)
    assert told.pause == 60.0
    cut = HttpFailure(kind="no_answer", words="The answer was cut.", seconds=0.1)
    assert ask(Says(cut), "c-1") == NoPage(words="The answer was cut.")
    page = ask(answered(b'{"changes": [1, {}], "next": "c-2", "more": false}'), "c-1")
    assert isinstance(page, Page)
    assert [[one.where for one in told.problems] for told in page.found] == [
        ["changes[0]"],
        ["changes[1]"],
    ]


@pytest.mark.parametrize(
    ("fault", "step", "code"),
    [
        ("", "", ""),
        ("rest_refused", "Key accepted", "key.refused"),
        ("rest_forbidden", "Permission", "key.permission"),
        ("rest_error", "Reach", ""),
        ("rest_html", "Reach", ""),
    ],
)
def test_the_connection_test_names_the_step(shop, fault, step, code) -> None:
    if fault:
        act(shop, "faults", fault=fault)
    report = SOURCE.test(SETTINGS, "hush", SHOP_ZONE, Line(shop))
    failed = [one for one in report.steps if one.ok is False]
    assert report.ok is (not fault)
    if code:
        assert [(one.name, one.code) for one in failed] == [(step, code)]
        assert all(one.hint for one in failed)


def test_the_connection_test_finds_that_there_is_no_list() -> None:
    for body, status in ((b"", 404), (b"{}", 200), (b"<html></html>", 200)):
        report = SOURCE.test(SETTINGS, "hush", SHOP_ZONE, answered(body, status))
        (failed,) = (one for one in report.steps if one.ok is False)
        assert (failed.name, failed.code) == ("Shop", "company.unknown")
        assert "/clearpost/changes" in failed.hint


def test_a_restart_goes_on_where_it_was(shop, tmp_path) -> None:
    act(shop, act="create", id=1)
    _, cursor, _ = read_all(Line(shop), start(shop))
    act(shop, "tell", kind="settlement", record=sample_settlement())
    books, ledger = NetShopBooks(withhold=0, seed=0), Ledger(tmp_path / "ledger.jsonl")
    again = NetShop(books, ledger, SetClock(), to="", life=Life(), secret="hush")
    assert [one.kind for one in read_all(Line(again), cursor)[0]] == ["settlement"]
    act(again, "reset")
    assert read_all(Line(again), "c-0")[0] == []

"""The recorded answers of Shopee and Lazada, word by word: each says something or is spare; and
what others published of them.
"""

import json
from datetime import datetime

import pytest

from connectors.contract import Accepted, SourceRefusal
from connectors.contract.pulls import NoPage, Page
from connectors.transport.http import HttpAnswer
from tests.connectors.marketplaces import (
    KEY,
    NOW,
    SETTINGS,
    WIRE,
    accept,
    read,
    recorded_return,
    source_of,
)
from tests.connectors.recorded import Tape, recorded
from tests.support.published_samples import published
from tests.support.zones import SHOP_ZONE

BEGAN = "2026-11-19T23:00:00+00:00"
SPARE = {
    "shopee": {"error", "message", "region", "request_id", "actual_shipping_fee"}
    | {"actual_shipping_fee_confirmed", "item_sku"},
    "lazada": {"order_number", "price", "shipping_fee", "statuses", "items_count"}
    | {"voucher_amount", "voucher_platform"},
}
"""Words that another one stands before, that repeat what the lines say, or that say 0 here."""
UNREAD_OF_RETURN = {"create_time", "error", "item_sku", "message", "more", "request_id"}


@pytest.mark.parametrize("name", sorted(SPARE))
def test_T33c_a_word_that_only_one_side_has_is_found(name):
    """Each word of the order under another name: what is read is another record, or none."""
    text = (WIRE / name / f"order.{name}.json").read_text("utf-8")
    assert survivors(name, text) == SPARE[name]


def test_T33c_a_word_of_a_return_that_only_one_side_has_is_found():
    text = (WIRE / "shopee" / "refund.shopee.json").read_text("utf-8")
    assert survivors("shopee", text) == UNREAD_OF_RETURN
    assert recorded_return()["item"][0]["amount"] == 1  # it counts pieces


def survivors(name, text):
    right = read(name, text.encode()).records
    found = set()
    for word in sorted(set(words_of(json.loads(text)))):
        answer = read(name, text.replace(f'"{word}":', f'"{word}x":').encode())
        if getattr(answer, "records", None) == right and not getattr(answer, "errors", ()):
            found.add(word)
    return found


def words_of(value):
    """The words that say something."""
    for inner in value if isinstance(value, list) else ():
        yield from words_of(inner)
    for word, inner in value.items() if isinstance(value, dict) else ():
        if inner not in (None, "", []) or word in ("error", "message"):
            yield word
            yield from words_of(inner)


@pytest.mark.parametrize("name", sorted(SPARE))
def test_the_recorded_questions_are_asked_byte_by_byte(name):
    source = source_of(name)
    cursor, more, found, steps = source.begin(datetime.fromisoformat(BEGAN)), True, [], 0
    calls = [
        call for step in ("orders", "returns") for call in recorded(name, "asking").get(step, ())
    ]
    tape = Tape(calls)
    while more:
        page = source.page(cursor, SETTINGS[name], KEY, SHOP_ZONE, tape)
        assert isinstance(page, Page), page
        cursor, more, steps = page.after, page.more, steps + 1
        found += page.found
    assert tape.calls == []
    assert [error for one in found for error in one.problems] == []
    whole = [one for pulled in found for one in pulled.records]
    files = [WIRE / name / f"{kind}.{name}.json" for kind in ("order", "refund")]
    files = [file for file in files if file.exists()]
    assert whole == [one for file in files for one in read(name, file.read_bytes()).records]
    again = source.begin(datetime.fromisoformat(BEGAN))
    assert json.loads(cursor) != json.loads(again)  # the next one begins a little before now
    assert json.loads(cursor)[0] >= json.loads(again)[0]


@pytest.mark.parametrize("name", sorted(SPARE))
def test_the_recorded_exchange_of_the_key_is_asked_byte_by_byte(name):
    tape = Tape(recorded(name, "asking")["renew"])
    told = source_of(name).renew(SETTINGS[name], "hush:ref", tape)
    assert tape.calls == []
    end = int(NOW.timestamp()) + {"shopee": 14_400, "lazada": 604_800}[name]
    assert (told.kind, told.secret) == ("renewed", f"hush:ref-2:tok-2:{end}")
    assert "ref-2" not in repr(told)


class Answers:
    """Whoever is asked answers this."""

    def __init__(self, body):
        self.body = body

    def now(self):
        return NOW

    def request(self, method, url, *, headers, body=None, push=False):
        del method, url, headers, body, push
        return HttpAnswer(status=200, headers={}, body=self.body, seconds=0.1, at=NOW)


def test_every_published_answer_of_shopee_is_a_record_or_a_clear_refusal():
    found = []
    for file in published("shopee"):
        raw = file.read_bytes()
        told = read("shopee", raw)
        if isinstance(told, SourceRefusal):
            assert told.message
            assert told.hint
        else:
            assert told.records or all(one.message and one.hint for one in told.problems), file
            found += [
                (file.stem, one.kind, one.body.get("status", ""))
                for one in told.records
                if not one.faults
            ]
        page = source_of("shopee").page(
            source_of("shopee").begin(NOW), SETTINGS["shopee"], KEY, SHOP_ZONE, Answers(raw)
        )
        assert isinstance(page, Page) or (page.words and page.words.endswith("."))
    assert found == [("order.get_order_detail", "order", "delivered")]


def test_the_published_order_of_shopee_keeps_its_amounts():
    (file,) = [one for one in published("shopee") if one.stem == "order.get_order_detail"]
    (order,) = read("shopee", file.read_bytes()).records
    lines = [(one["part"], one["amount"]) for one in order.body["lines"]]
    assert (order.body["total"], order.body["currency"]) == ("32119.00", "VND")
    assert lines == [("goods", "48000.00"), ("shipping", "5000.00"), ("adjustment", "-20881.00")]
    assert order.body["lines"][0]["discount"] == "252000.00"


def test_every_published_webhook_of_lazada_is_taken_and_orders_are_asked_for():
    asked = {}
    for file in published("lazada"):
        told = accept("lazada", json.loads(file.read_bytes()))
        assert isinstance(told, Accepted), file
        asked[file.stem] = told.changed
        assert read("lazada", file.read_bytes()).code == "no_order"
    assert {name for name, changed in asked.items() if changed} == {
        "push-type0-unpaid",
        "push-type14-delivered",
    }
    assert len(asked) == 9


@pytest.mark.parametrize("name", sorted(SPARE))
@pytest.mark.parametrize(
    "body", [b"", b"[]", b"<html>", b'{"response":[]}', b'{"code":"0","data":[]}', b"null"]
)
def test_an_answer_that_is_none_is_told(name, body):
    source = source_of(name)
    page = source.page(source.begin(NOW), SETTINGS[name], KEY, SHOP_ZONE, Answers(body))
    assert isinstance(page, NoPage)
    assert page.words.endswith(".")


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("shopee", b'{"error":"error_param","message":"Wrong.","response":{"order_list":[]}}'),
        ("lazada", b'{"code":"E001","message":"Wrong.","data":{"orders":[]}}'),
    ],
)
def test_an_error_with_an_empty_list_beside_it_is_an_error(name, body):
    source = source_of(name)
    page = source.page(source.begin(NOW), SETTINGS[name], KEY, SHOP_ZONE, Answers(body))
    assert isinstance(page, NoPage)
    assert page.words.endswith("answered 200: Wrong.")

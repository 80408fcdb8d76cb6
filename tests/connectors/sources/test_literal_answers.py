"""What shops answer and the words of their orders, as they travel, become what the sheet says."""

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from connectors.contract.pulls import NoPage
from connectors.registry import sources
from connectors.transport.http import HttpAnswer
from tests.connectors import marketplaces, shopify, woocommerce
from tests.connectors.source_answers import ADDRESS, ANSWERS, AWAY, BUSY, KEY, WORDS
from tests.support.zones import SHOP_ZONE

NOW = datetime(2026, 11, 20, 2, tzinfo=UTC)
SHEET = Path(__file__).resolve().parents[4] / "shared" / "contracts" / "sources.md"
AT = "https://recorded.example"
PULLING = {
    **{name: (told, marketplaces.KEY) for name, told in marketplaces.SETTINGS.items()},
    "shopify": ({"base_url": AT}, "hush:shpat_1"),
    "woocommerce": ({"base_url": AT}, "hush:ck_1:cs_1"),
}
"""Settings and key of each source that is asked."""
HINTS = {
    KEY: ("enter the key again", "enter its token again", "Make a key with read access"),
    ADDRESS: ("Enter it as https://", "Is the address that of the shop"),
}


class Line:
    """Answers each question with the same bytes."""

    def __init__(self, status, body):
        self.told = HttpAnswer(status=status, headers={}, body=body.encode(), seconds=0.1, at=NOW)

    def now(self):
        return NOW

    def request(self, *_, **__):
        return self.told


def follows(found):
    """What has to follow an answer that shows no page."""
    if found.pause is not None:
        return BUSY
    hinted = (word for word, hints in HINTS.items() if any(one in found.hint for one in hints))
    return next(hinted, AWAY)


def asked(name, status, body):
    settings, key = PULLING[name]
    source = sources()[name]
    return source.page(source.begin(NOW), settings, key, SHOP_ZONE, Line(status, body))


@pytest.mark.parametrize(
    ("name", "status", "body", "wanted"), [(row[0], *row[3:]) for row in ANSWERS]
)
def test_an_answer_is_followed_by_what_the_sheet_says(name, status, body, wanted):
    found = asked(name, status, body)
    assert isinstance(found, NoPage), found
    assert follows(found) == wanted, found
    assert found.words
    assert (found.key_refused and wanted != KEY) is False, "only a key is exchanged anew"


@pytest.mark.parametrize("name", PULLING)
def test_what_nobody_knows_is_no_page_and_blames_neither_key_nor_pace(name):
    for status in (200, 400, 402, 405, 410, 418, 451, 500):
        for body in ("", "[1]x", '"text"', "null", '{"news":"something"}'):
            found = asked(name, status, body)
            assert isinstance(found, NoPage), (status, body)
            assert follows(found) in (AWAY, ADDRESS), (status, body, found)


def order_of(name, place, word):
    """The status of the record that the shop's own sample becomes with this word in it."""
    if name == "woocommerce":
        unpaid = woocommerce.order(status=word, date_paid_gmt=None)
        return woocommerce.body(unpaid)["status"]
    if name == "shopify" and place == "restock_type":
        told = shopify.body("order-refunded")
        told["refunds"][0]["refund_line_items"][0]["restock_type"] = word
        lines = shopify.record(told, "refund").body["lines"]
        return next(one["restock"] for one in lines if one["part"] == "goods")
    if name == "shopify" and place == "cancelled_at":
        unpaid = shopify.body(cancelled_at=word, financial_status="voided")
        return shopify.record(unpaid).body["status"]
    if name == "shopify":
        more = {"financial_status": "paid", "fulfillment_status": word or None}
        return shopify.record(shopify.body(**(more if "+" in place else {place: word}))).body[
            "status"
        ]
    if place == "order_status":
        told = {**marketplaces.recorded_order(name), "order_status": word}
    elif name == "shopee":
        told = {**marketplaces.recorded_return(), "status": word}
    else:
        told = marketplaces.recorded_order(name)
        for piece in told["order_items"]:
            piece["status"] = word
    files = {"shopee": {"order_status": "order_list"}.get(place, "return"), "lazada": ""}
    content = {"response": {files[name]: [told]}} if files[name] else {"orders": [told]}
    return marketplaces.records(name, content)[0].body["status"]


@pytest.mark.parametrize(("name", "place", "word", "ours"), [(row[0], *row[3:]) for row in WORDS])
def test_a_word_of_a_shop_is_ours_as_the_sheet_says(name, place, word, ours):
    assert order_of(name, place, word) == ours


def test_there_are_forty_of_each_with_a_place_in_the_sheet():
    for rows in (ANSWERS, WORDS):
        assert len(rows) >= 40
        told = Counter((row[0], *row[3:5]) for row in rows)
        assert [one for one, count in told.items() if count > 1] == []
        assert {row[2] for row in rows} <= set("VKO")
    assert {row[0] for row in ANSWERS} == set(PULLING)
    if not SHEET.exists():
        pytest.skip(f"{len(ANSWERS) + len(WORDS)} places are not compared: the sheet is not here")
    sections = {part.split(".")[0]: part for part in SHEET.read_text("utf-8").split("\n## ")[1:]}
    assert {row[1] for row in (*ANSWERS, *WORDS)} <= sections.keys()
    missing = [row for row in WORDS if row[2] != "O" and row[4] and row[4] not in sections[row[1]]]
    assert [row for row in missing if row[3] != "cancelled_at"] == []
    stated = [row for row in ANSWERS if row[2] != "O"]
    words = ("error_auth", "IllegalAccessToken")
    assert [w for row in stated for w in words if w in row[4] and w in sections[row[1]]] == [*words]


class Returns:
    """A Shopee that has no order and more returns than it lists; keeps until when it was asked."""

    def __init__(self):
        self.ends = []

    def now(self):
        return NOW

    def request(self, method, url, **_):
        body = {"more": False, "next_cursor": "", "order_list": [], "escrow_list": []}
        if "/returns/" in url:
            self.ends.append(parse_qs(urlsplit(url).query)["update_time_to"][0])
            listed = [marketplaces.recorded_return()]
            body = {"more": len(self.ends) == 1, "return": listed}
        told = json.dumps({"error": "", "message": "", "response": body}).encode()
        return HttpAnswer(status=200, headers={}, body=told, seconds=0.1, at=NOW)


def test_returns_of_shopee_are_asked_for_in_half_the_time_where_it_has_more():
    settings, key = PULLING["shopee"]
    source, shop = sources()["shopee"], Returns()
    cursor = source.begin(NOW)
    for _ in range(6):
        found = source.page(cursor, settings, key, SHOP_ZONE, shop)
        assert not isinstance(found, NoPage), found
        cursor = found.after
        if len(shop.ends) == 2:
            break
    first, second = shop.ends
    assert int(second) < int(first)

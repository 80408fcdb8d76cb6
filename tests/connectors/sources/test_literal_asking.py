"""What Shopify and WooCommerce are asked, and what they answer, as recorded calls: a word of a
question that is written otherwise is found, though a stand-in might take it.

Not here: Shopee and Lazada (test_marketplace_words.py), NetShop (test_netshop_changes.py).
"""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.contract.pulls import Page
from connectors.registry import sources
from tests.connectors import shopify, woocommerce
from tests.connectors.recorded import BASE, Tape, recorded
from tests.support.zones import SHOP_ZONE

KEYS = {"shopify": "hush:shpat_1", "woocommerce": "hush:ck_1:cs_1"}
SETTINGS = {"shopify": {"base_url": BASE, "payouts": "yes"}, "woocommerce": {"base_url": BASE}}
SINCE = {
    "shopify": datetime(2026, 11, 18, 10, tzinfo=UTC),
    "woocommerce": datetime(2026, 11, 19, 2, tzinfo=UTC),
}
PAYOUTS = Path(__file__).parents[1] / "wire" / "shopify" / "payout.shopify.json"


def delivered(name):
    """Return the same as a webhook and as a file; refunds of WooCommerce as the shop lists them."""
    if name == "woocommerce":
        listed = json.loads(recorded("woocommerce-asking", "asking")["orders"][1].answer)
        return woocommerce.accept(woocommerce.order(refunds=listed[::-1])).records
    whole = sources()["shopify"].read("a.shopify.json", PAYOUTS.read_bytes(), SHOP_ZONE)
    return (*shopify.accept(shopify.body()).records, *whole.records)


@pytest.mark.parametrize("name", KEYS)
def test_the_recorded_questions_are_asked_byte_by_byte(name):
    source, steps = sources()[name], recorded(f"{name}-asking", "asking")
    tape = Tape([call for step, calls in steps.items() if step != "later" for call in calls])
    cursor, more, found = source.begin(SINCE[name]), True, []
    while more:
        page = source.page(cursor, SETTINGS[name], KEYS[name], SHOP_ZONE, tape)
        assert isinstance(page, Page), page
        assert page.wrong is None
        cursor, more = page.after, page.more
        found += page.found
    assert tape.calls == []
    assert [error for one in found for error in one.problems] == []
    assert [one for pulled in found for one in pulled.records] == list(delivered(name))
    tape = Tape(steps["later"])
    page = source.page(cursor, SETTINGS[name], KEYS[name], SHOP_ZONE, tape)
    assert (page.found, tape.calls) == ([], [])


def test_one_page_of_shopify_is_kept_as_it_came():
    (call, _) = recorded("shopify-asking", "asking")["orders"]
    source = sources()["shopify"]
    cursor = source.begin(SINCE["shopify"])
    page = source.page(cursor, SETTINGS["shopify"], KEYS["shopify"], SHOP_ZONE, Tape([call]))
    assert [json.loads(one.raw) for one in page.found] == json.loads(call.answer)["orders"]

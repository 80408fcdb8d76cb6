"""The recorded deliveries of Shopify, word by word: each says something or is spare."""

import json

import pytest

from connectors.registry import sources
from tests.connectors import shopify
from tests.connectors.recorded import names, recorded
from tests.connectors.shopify import NOW, SECRET, sent
from tests.support.zones import SHOP_ZONE

SPARE = {"current_quantity", "first_name", "gift_card", "last_name", "test"}
UNREAD = {
    "order": SPARE | {"created_at"},
    "order-refunded": SPARE,
    "fulfillment": set(),
    "refund": {"created_at", "price", "test"},
}
"""Words that another one stands before, or that say only what is usual: no test, no gift card."""


def read(headers, raw):
    return sources()["shopify"].accept(headers, raw, [SECRET], NOW, SHOP_ZONE)


@pytest.mark.parametrize("name", names("shopify"))
def test_the_recorded_delivery_is_read(name):
    (call,) = recorded("shopify", name)["deliver"]
    answer = read(call.headers, call.content)
    assert answer.problems == ()
    kinds = {"fulfillment": ["delivery"], "order-refunded": ["order", "delivery", "refund"]}
    assert [one.kind for one in answer.records] == kinds.get(name, [name])


@pytest.mark.parametrize("name", names("shopify"))
def test_T33c_a_word_that_only_one_side_has_is_found(name):
    """Each word of the delivery under another name: what is read is another record, or none."""
    (call,) = recorded("shopify", name)["deliver"]
    right, topic = read(call.headers, call.content).records, call.headers["X-Shopify-Topic"]
    survived = set()
    for word in sorted(set(_words(json.loads(call.body)))):
        changed = call.body.replace(f'"{word}":', f'"{word}x":').encode()
        answer = read(*sent(changed, topic=topic))
        if getattr(answer, "records", None) == right:
            survived.add(word)
    assert survived == UNREAD[name]


def _words(value):
    """The words that say something."""
    for inner in value if isinstance(value, list) else ():
        yield from _words(inner)
    for word, inner in value.items() if isinstance(value, dict) else ():
        if inner not in (None, "", []):
            yield word
            yield from _words(inner)


def test_the_channel_and_the_ways_to_reach_the_buyer_are_read_by_their_own_words():
    found = shopify.record(shopify.body(source_name="pos", phone="+60111111111")).body
    assert (found["channel"], found["phone"]) == ("pos", "+60111111111")
    found = shopify.record(shopify.body(phone=None)).body
    assert (found["phone"], found["email"]) == ("+60123456789", "aisyah@example.com")


def test_a_delivered_line_has_its_full_name_before_its_title():
    told = shopify.body("fulfillment")
    told["line_items"][0] |= {"name": "Tee - Black / M", "title": "Tee"}
    for name, wanted in (("Tee - Black / M", "Tee - Black / M"), ("", "Tee")):
        told["line_items"][0]["name"] = name
        (found,) = shopify.accept(told, topic="fulfillments/create").records
        assert found.body["lines"][0]["name"] == wanted

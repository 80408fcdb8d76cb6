"""Shopee: what a webhook may do, and what a file holds."""

import json

import pytest

from connectors.contract import Accepted, SourceRefusal
from tests.connectors.marketplaces import (
    ADDRESS,
    NOW,
    SECRET,
    accept,
    errors,
    read,
    recorded_order,
    recorded_return,
    records,
    signed,
    source_of,
    webhook,
)
from tests.connectors.recorded import recorded
from tests.support.zones import SHOP_ZONE


def order(**changed):
    return {**recorded_order("shopee"), **changed}


def item(**changed):
    return {**recorded_order("shopee")["item_list"][0], **changed}


def test_the_signature_vector_of_a_webhook():
    """`https://clearpost.example/hooks/shopee|{"code":3}` with the key `partnerkey`."""
    vector = "d0b2d325e5d04f344209aefc040af04f6ccff7562114eb644ba358d09f001d1d"
    source = source_of("shopee").bound({}, "https://clearpost.example/hooks/shopee")
    told = source.accept({"Authorization": vector}, b'{"code":3}', ["partnerkey"], NOW, SHOP_ZONE)
    assert isinstance(told, Accepted)


def test_the_recorded_webhook_is_taken_at_its_address_only():
    (call,) = recorded("shopee", "order")["deliver"]
    told = source_of("shopee").accept(call.headers, call.content, [SECRET], NOW, SHOP_ZONE)
    assert isinstance(told, Accepted)
    assert (told.changed, told.records, told.signature) == (
        True,
        (),
        call.headers["Authorization"],
    )
    for address in (ADDRESS.format("lazada"), ADDRESS.format("shopee") + "/", ""):
        source = source_of("shopee").bound({}, address)
        refused = source.accept(call.headers, call.content, [SECRET], NOW, SHOP_ZONE)
        assert isinstance(refused, SourceRefusal)
        assert refused.code == "bad_signature"
        assert "address" in refused.hint


@pytest.mark.parametrize(
    ("changed", "asks"),
    [
        ({}, True),
        ({"code": 4, "data": {"ordersn": "1", "tracking_no": "T"}}, True),
        ({"code": 29, "data": {"return_sn": "1"}}, True),
        ({"code": 99, "data": {"order_sn": "1"}}, True),
        ({"code": 1, "data": {"shop_id": 88}}, False),
        ({"code": 3, "data": {}}, False),
        ({"code": 3, "data": "2511190001"}, False),
        ({"shop_id": 99}, False),
        ({"shop_id": "88"}, True),
    ],
)
def test_only_a_webhook_of_this_shop_that_names_an_order_has_it_asked(changed, asks):
    told = accept("shopee", webhook("shopee", **changed))
    assert isinstance(told, Accepted)
    assert (told.changed, told.records, told.ping) == (asks, (), False)


def test_the_webhook_that_tries_the_address_is_a_ping_once_it_is_signed():
    ping = webhook("shopee", code=0, data={"verify_info": "This is a Verification message"})
    told = accept("shopee", ping)
    assert isinstance(told, Accepted)
    assert (told.ping, told.changed) == (True, False)
    raw = json.dumps(ping).encode()
    assert accept("shopee", raw, secret="guessed").status == 401
    nobody = source_of("shopee").accept({}, raw, [SECRET], NOW, SHOP_ZONE)
    assert nobody.status == 401


@pytest.mark.parametrize("code", [None, "3", True, 3.5])
def test_a_webhook_without_a_code_is_none(code):
    assert accept("shopee", webhook("shopee", code=code)).code == "no_webhook"


def test_another_partner_key_signs_nothing():
    headers = signed("shopee", b"{}", "ref")
    told = source_of("shopee").accept(headers, b"{}", ["hush:ref:tok:1"], NOW, SHOP_ZONE)
    assert told.status == 401


@pytest.mark.slow
def test_a_file_is_an_answer_or_one_order_and_its_own_delivery():
    answer = read("shopee", {"response": {"order_list": [order()], "return": [recorded_return()]}})
    assert isinstance(answer, Accepted)
    assert [one.kind for one in answer.records] == ["order", "refund"]
    assert answer.delivery_id.startswith("file-")
    assert [one.kind for one in records("shopee", order())] == ["order"]
    assert [one.kind for one in records("shopee", recorded_return())] == ["refund"]
    assert read("shopee", {"orders": []}).code == "no_order"
    assert read("shopee", b"{").status == 400
    many = {"order_list": [order()] * 5_001}
    assert read("shopee", many).status == 413
    assert "at most 5,000 lines" in str(errors("shopee", order(item_list=[item()] * 5_001)))


def test_a_large_order_is_read_whole():
    goods = [item(order_item_id=at, item_name="茶杯" * 20) for at in range(1_000)]
    (told,) = records("shopee", order(item_list=goods, total_amount=99_008.00))
    assert len(told.body["lines"]) == 1_001

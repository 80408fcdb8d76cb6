"""A payout of Shopify Payments: its entries, its totals, and what it pays of each order."""

import copy
import json
from typing import Any

import pytest

from connectors.contract import Accepted, SourceRefusal
from connectors.registry import sources
from connectors.transport.strict_json import loads
from tests.connectors.recorded import WIRE
from tests.support.zones import SHOP_ZONE

FILE = WIRE / "shopify" / "payout.shopify.json"
PAYOUT: dict[str, Any] = json.loads(FILE.read_text("utf-8"))["payouts"][0]
ORDER = "9007199254740993"


def read(payout: dict[str, Any]) -> Accepted | SourceRefusal:
    raw = json.dumps({"payouts": [payout]}).encode()
    return sources()["shopify"].read("x.shopify.json", raw, SHOP_ZONE)


def changed(**fields: Any) -> dict[str, Any]:
    return {**copy.deepcopy(PAYOUT), **fields}


def records(payout: dict[str, Any]) -> dict[str, dict[str, Any]]:
    answer = read(payout)
    assert isinstance(answer, Accepted), answer
    assert answer.problems == ()
    return {one.kind: one.body for one in answer.records}


def wrong(payout: dict[str, Any]) -> dict[str, str]:
    answer = read(payout)
    assert isinstance(answer, Accepted), answer
    return {one.where: one.message for one in answer.problems}


def test_a_payout_tells_its_totals_and_an_entry_for_each_movement() -> None:
    told = records(PAYOUT)["payout"]
    lines = told.pop("lines")
    assert told == {
        "number": "128000000001",
        "status": "paid",
        "deposited_on": "2026-11-20",
        "currency": "MYR",
        "bank_ref": "TRACE-9",
        "gross": "116.90",
        "refunds": "54.45",
        "fees": "3.89",
        "fee_tax": "0.00",
        "adjustments": "-10.00",
        "net": "48.56",
    }
    shown = [(x["line_id"], x["part"], x.get("order_id"), x["amount"]) for x in lines]
    assert shown == [
        ("501", "sale", ORDER, "116.90"),
        ("501", "fee", ORDER, "-3.39"),
        ("502", "refund", ORDER, "-54.45"),
        ("503", "adjustment", None, "-10.00"),
        ("503", "fee", None, "-0.50"),
    ]
    assert sum(float(x["amount"]) for x in lines) == pytest.approx(48.56)


def test_what_it_pays_of_an_order_is_a_record_of_its_own() -> None:
    assert records(PAYOUT)["order_payment"] == {
        "number": "501",
        "status": "paid",
        "payout": "128000000001",
        "order_id": ORDER,
        "paid_on": "2026-11-20",
        "currency": "MYR",
        "amount": "116.90",
    }


def test_what_shopify_states_is_kept_although_its_entries_say_otherwise() -> None:
    """Whether both agree is for the rules: a person is to see it."""
    summary = {**PAYOUT["summary"], "charges_fee_amount": "3.40"}
    assert records(changed(summary=summary))["payout"]["fees"] == "3.90"
    assert records(changed(amount="48.55"))["payout"]["net"] == "48.55"
    without = changed()
    del without["summary"]
    assert records(without)["payout"]["fees"] == "3.89"


def test_what_cannot_be_a_payout_is_told_with_its_place() -> None:
    bare = changed()
    del bare["transactions"]
    assert wrong(bare) == {
        "payouts[0].transactions": "The payout comes without what it is made of."
    }
    strange = changed()
    strange["transactions"][1]["currency"] = "SGD"
    assert list(wrong(strange)) == ["payouts[0].transactions[1].currency"]
    twice = changed()
    twice["transactions"].append(twice["transactions"][1])
    assert list(wrong(twice)) == ["payouts[0].transactions[4]"]
    blank = changed()
    del blank["transactions"][1]["amount"], blank["amount"]
    assert set(wrong(blank)) == {"payouts[0].transactions[1].amount", "payouts[0].amount"}


def test_a_payout_of_test_payments_makes_no_record() -> None:
    trial = changed()
    trial["transactions"][1]["test"] = True
    answer = read(trial)
    assert isinstance(answer, Accepted)
    assert (answer.records, answer.problems) == ((), ())


@pytest.mark.parametrize("word", ["amount", "fee", "type", "source_order_id", "id"])
def test_another_word_in_an_entry_is_another_record_or_none(word: str) -> None:
    renamed = json.loads(json.dumps(PAYOUT).replace(f'"{word}":', f'"{word}x":'))
    assert loads(json.dumps(renamed).encode())
    answer = read(renamed)
    assert isinstance(answer, Accepted)
    assert {one.kind: one.body for one in answer.records} != records(PAYOUT)

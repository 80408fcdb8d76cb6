"""Refunds of NetShop: each is a record, and the order takes their words."""

import json
from typing import Any

import pytest

from connectors.contract import Accepted, SourceRefusal
from connectors.registry import sources
from sandbox.simulators.netshop.deliveries import delivery, sample_order
from tests.connectors.recorded import names, recorded
from tests.connectors.sources.test_netshop import NOW, SECRET, accept
from tests.support.zones import SHOP_ZONE


def refund(status: str = "Refunded", amount: object = "118.80", **more: Any) -> dict[str, Any]:
    return {"id": "RF-1", "status": status, "amount": amount, "items": [], **more}


def read(**changed: Any) -> Accepted | SourceRefusal:
    sent = delivery([sample_order(**changed)], event_id="evt_1", secret=SECRET, now=NOW)
    told: Accepted | SourceRefusal = accept(sent)
    return told


def status_of(**changed: Any) -> object:
    answer = read(**changed)
    assert isinstance(answer, Accepted)
    assert answer.problems == ()
    return answer.records[0].body["status"]


def test_the_sheets_own_refund_is_two_records() -> None:
    (call,) = recorded("netshop", "refund")["deliver"]
    source = sources()["netshop"]
    answer = source.accept(call.headers, call.content, ["hush"], MOMENT, SHOP_ZONE)
    assert isinstance(answer, Accepted)
    assert answer.problems == ()
    assert [(one.kind, one.external_id, one.number, one.body) for one in answer.records] == [
        ("order", "10231", "NS-10231", ORDER),
        ("refund", "RF-1", "RF-1", REFUND),
    ]
    assert {one.stamp for one in answer.records} == {"2026-11-20T01:00:00Z"}


@pytest.mark.parametrize("kind", names("netshop"))
def test_each_record_says_of_which_company_it_is(kind: str) -> None:
    """By this word a record of another company is held; a refund has that of its order."""
    (call,) = recorded("netshop", kind)["deliver"]
    told = json.loads(call.body)
    part = "order" if kind == "refund" else kind
    told[part]["company_code"] = "toko"
    answer = sources()["netshop"].read("a.netshop.json", json.dumps(told).encode(), SHOP_ZONE)
    assert isinstance(answer, Accepted), answer
    codes = {one.kind: one.body.get("company_code") for one in answer.records}
    assert codes[kind] == "toko"
    assert set(codes.values()) == {"toko"}


MOMENT = NOW.fromtimestamp(1763600000, NOW.tzinfo)
ORDER = {
    "number": "NS-10231",
    "status": "Refunded + Items Returned, in part",
    "paid_at": "2026-11-19T06:03:11Z",
    "updated_at": "2026-11-20T01:00:00Z",
    "channel": "FPX",
    "channel_fee": "1.20",
    "currency": "MYR",
    "customer": "88",
    "customer_name": "Aisyah Rahman",
    "tin": "IG24680135790",
    "total": "108.90",
    "refunded_total": "54.45",
    "lines": [
        {
            "pos": 1,
            "sku": "TEE-BLK-M",
            "name": "Tee, black, M",
            "qty": "2",
            "price": "49.50",
            "tax": "9.90",
        }
    ],
}
REFUND = {
    "number": "RF-1",
    "status": "Refunded + Items Returned",
    "order_id": "10231",
    "order_number": "NS-10231",
    "refunded_on": "2026-11-20",
    "updated_at": "2026-11-20T01:00:00Z",
    "currency": "MYR",
    "customer": "88",
    "customer_name": "Aisyah Rahman",
    "tin": "IG24680135790",
    "restock": "returned",
    "total": "54.45",
    "lines": [{"pos": 1, "sku": "TEE-BLK-M", "qty": "1"}],
}


@pytest.mark.parametrize(
    ("words", "amount", "status", "restock"),
    [
        ("Refunded", "118.80", "Refunded", "none"),
        ("Refunded", "118.79", "Refunded, in part", "none"),
        ("Refunded", "0.01", "Refunded, in part", "none"),
        ("Refunded + Items Returned", "118.80", "Refunded + Items Returned", "returned"),
        ("Refunded + Items Returned", "1", "Refunded + Items Returned, in part", "returned"),
        ("refunded", "118.80", "Unknown refund: refunded", "unknown"),
        ("Refunded ", "118.80", "Unknown refund: Refunded ", "unknown"),
        (
            "Refunded  + Items Returned",
            "1",
            "Unknown refund: Refunded  + Items Returned",
            "unknown",
        ),
        ("Refunded + items returned", "1", "Unknown refund: Refunded + items returned", "unknown"),
        ("Refund pending", "5.00", "Unknown refund: Refund pending", "unknown"),
    ],
)
def test_the_words_are_compared_exactly(words: str, amount: str, status: str, restock: str) -> None:
    answer = read(status="Completed", refund=refund(words, amount))
    assert isinstance(answer, Accepted)
    assert answer.problems == ()
    order, back = answer.records
    assert order.body["status"] == status
    assert (back.body["status"], back.body["restock"]) == (words, restock)


def test_several_refunds_are_added_up() -> None:
    first, second = refund(amount="100.00"), refund(amount="18.80", id="RF-2")
    assert status_of(refunds=[first]) == "Refunded, in part"
    assert status_of(refunds=[first, second]) == "Refunded"
    back = refund("Refunded + Items Returned", "18.80", id="RF-2")
    assert status_of(refunds=[first, back]) == "Refunded + Items Returned"
    assert status_of(refund=first, refunds=[back]) == "Refunded + Items Returned"
    answer = read(refunds=[first, refund("back", "1", id="RF-2")])
    assert isinstance(answer, Accepted)
    assert [one.number for one in answer.records] == ["NS-10231", "RF-1", "RF-2"]
    assert answer.records[0].body["status"] == "Unknown refund: back"
    assert answer.records[0].body["refunded_total"] == "101.00"


def test_what_was_cancelled_stays_so_and_no_refund_changes_nothing() -> None:
    for word in ("cancelled", "Cancelled", " CANCELLED"):  # the rules read each of them alike
        assert status_of(status=word, refund=refund(amount="5.00")) == word
    assert status_of(status="Void", refund=refund()) == "Refunded"
    for none in ({"refund": None}, {"refunds": []}, {}):
        answer = read(status="Completed", **none)
        assert isinstance(answer, Accepted)
        (order,) = answer.records
        assert order.body["status"] == "Completed"
        assert "refunded_total" not in order.body


def test_a_refund_that_is_told_twice_counts_once() -> None:
    """The latest one may stand beside the list of all; another content under its id is wrong."""
    first, second = refund(amount="5.00"), refund(amount="4.00", id="RF-2")
    answer = read(refund=second, refunds=[first, second])
    assert isinstance(answer, Accepted)
    assert [one.number for one in answer.records] == ["NS-10231", "RF-2", "RF-1"]
    assert answer.records[0].body["status"] == "Refunded, in part"
    assert answer.records[0].body["refunded_total"] == "9.00"
    strange = read(refund=second, refunds=[first, {**second, "amount": "3.00"}])
    assert isinstance(strange, Accepted)
    assert [(one.kind, len(one.faults)) for one in strange.records] == [
        ("order", 0),
        ("refund", 1),
        ("refund", 0),
    ]
    assert "refunded_total" not in strange.records[0].body


def test_the_longest_words_still_make_a_status() -> None:
    assert len(str(status_of(refund=refund("x" * 100)))) == 100


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"refund": "Refunded"}, "order.refund"),
        ({"refund": []}, "order.refund"),
        ({"refunds": {}}, "order.refunds"),
        ({"refund": refund(amount=None)}, "order.refund.amount"),
        ({"refund": refund(amount="all")}, "order.refund.amount"),
        ({"refund": refund(id=None)}, "order.refund.id"),
        ({"refund": refund(status=None)}, "order.refund.status"),
        ({"refund": refund(status=["Refunded"])}, "order.refund.status"),
        ({"refund": refund(items="all")}, "order.refund.items"),
        ({"refund": refund(refunded_at="yesterday")}, "order.refund.refunded_at"),
        ({"refund": refund(updated_at="2026-11-20T09:00:00")}, "order.refund.updated_at"),
        ({"refund": refund(), "total": "much"}, "order.total"),
    ],
)
def test_a_refund_that_cannot_be_read_is_held_by_itself(wrong: dict[str, Any], where: str) -> None:
    """The order is stored, too, and never says that less was given back than was."""
    answer = read(**wrong)
    assert isinstance(answer, Accepted)
    assert where in {one.where for one in answer.problems}
    order = answer.records[0]
    assert order.kind == "order"
    if where.startswith("order.refund.") and not where.endswith((".id", ".items")):
        assert not order.faults
    if where.endswith("amount"):
        assert "refunded_total" not in order.body


def test_a_refund_has_its_own_day_number_and_state() -> None:
    told = {"refunded_at": "2026-11-20T17:30:00Z", "number": "CN-7"}
    answer = read(refund=refund(**told, updated_at="2026-11-21T09:00:00+08:00"))
    assert isinstance(answer, Accepted)
    back = answer.records[1]
    assert (back.external_id, back.number, back.stamp) == ("RF-1", "CN-7", "2026-11-21T01:00:00Z")
    assert back.body["refunded_on"] == "2026-11-21"
    answer = read(refund=refund(updated_at="2026-11-21T17:00:00Z"))
    assert isinstance(answer, Accepted)
    assert answer.records[1].body["refunded_on"] == "2026-11-22"


def test_positions_are_those_that_are_told_or_the_order_of_the_list() -> None:
    items = [{"sku": "A", "qty": 1}, {"sku": "B", "qty": 2}]
    answer = read(items=items)
    assert isinstance(answer, Accepted)
    lines: Any = answer.records[0].body["lines"]
    assert [one["pos"] for one in lines] == [1, 2]
    answer = read(items=[{**items[0], "pos": 7}, {**items[1], "pos": 5}])
    assert isinstance(answer, Accepted)
    lines = answer.records[0].body["lines"]
    assert [one["pos"] for one in lines] == [7, 5]
    answer = read(items=[{**items[0], "pos": 7}, items[1]])
    assert isinstance(answer, Accepted)
    assert [one.where for one in answer.problems] == ["order.items[1].pos"]

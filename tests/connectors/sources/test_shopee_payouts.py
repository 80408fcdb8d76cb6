"""Payouts of Shopee: what was released of some days, and which days come next."""

import copy
import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from connectors.contract import Accepted, Settings
from connectors.contract.pulls import NoPage, Page
from connectors.sources.shopee.calls import next_days
from connectors.transport.http import HttpAnswer
from tests.connectors.marketplaces import KEY, NOW, SETTINGS, WIRE, errors, read, source_of
from tests.connectors.recorded import Tape, recorded
from tests.support.zones import SHOP_ZONE

FILE = WIRE / "shopee" / "payout.shopee.json"
PAYOUT: dict[str, Any] = json.loads(FILE.read_text("utf-8"))["payouts"][0]
WANTED = {**SETTINGS["shopee"], "payouts": "day", "payout_currency": "MYR"}
MIDNIGHT = "2026-11-18T16:00:00+00:00"  # in Kuala Lumpur


def changed(**fields: Any) -> dict[str, Any]:
    return {**copy.deepcopy(PAYOUT), **fields}


def records(payout: dict[str, Any]) -> list[Any]:
    answer = read("shopee", {"payouts": [payout]})
    assert isinstance(answer, Accepted), answer
    assert answer.problems == ()
    return list(answer.records)


def wrong(payout: dict[str, Any]) -> dict[str, str]:
    return errors("shopee", {"payouts": [payout]})


def test_a_payout_tells_its_days_its_totals_and_an_entry_for_each_amount() -> None:
    told = records(PAYOUT)[0].body
    lines = told.pop("lines")
    assert told == {
        "number": "2026-11-19",
        "status": "released",
        "first_day": "2026-11-19",
        "last_day": "2026-11-19",
        "currency": "MYR",
        "gross": "128.00",
        "refunds": "49.50",
        "fees": "14.63",
        "fee_tax": "0.77",
        "adjustments": "-1.00",
        "net": "62.10",
    }
    assert {one["order_id"] for one in lines} == {"2511190001", "2511190002"}
    assert {one["order_number"] for one in lines} == {one["order_id"] for one in lines}
    shown = [(one["part"], one["name"], one["amount"]) for one in lines]
    assert shown == [
        ("sale", "Sale", "108.00"),
        ("fee", "Commission fee", "-2.19"),
        ("fee", "Service fee", "-3.29"),
        ("fee", "Seller transaction fee", "-2.15"),
        ("fee_tax", "Escrow tax", "-0.46"),
        ("fee_tax", "Shipping fee sst", "-0.31"),
        ("refund", "Seller return refund", "-49.50"),
        ("fee", "Actual shipping fee, less what Shopee bears of it", "-5.20"),
        ("adjustment", "Parcel overweight", "-1.00"),
        ("sale", "Sale", "20.00"),
        ("fee", "Commission fee", "-1.80"),
    ]
    assert sum(Decimal(one["amount"]) for one in lines) == Decimal("62.10")


def test_what_it_pays_of_each_order_is_a_record_of_its_own() -> None:
    first, second = (one for one in records(PAYOUT) if one.kind == "order_payment")
    assert first.body == {
        "number": "2511190001@2026-11-19",
        "status": "released",
        "payout": "2026-11-19",
        "order_id": "2511190001",
        "order_number": "2511190001",
        "first_day": "2026-11-19",
        "last_day": "2026-11-19",
        "currency": "MYR",
        "amount": "108.00",
    }
    assert (second.external_id, second.body["amount"]) == ("2511190002@2026-11-19", "20.00")


@pytest.mark.parametrize(
    ("field", "parts"), [("commission_fee", "fees"), ("some_new_fee", "adjustments")]
)
def test_what_shopees_amounts_leave_of_what_it_states_is_an_entry_that_says_so(
    field: str, parts: str
) -> None:
    """An amount that is not known here, or was changed: the net is what Shopee pays."""
    payout = changed()
    payout["escrow_details"][1]["order_income"][field] = 1.79
    told = records(payout)[0].body
    assert told["net"] == "62.10"
    rest = [one for one in told["lines"] if one["name"] == "Not told apart by Shopee"]
    assert [(one["part"], one["amount"]) for one in rest] == (
        [("adjustment", "-0.01")] if parts == "fees" else []
    )
    assert told["adjustments"] == ("-1.01" if parts == "fees" else "-1.00")


def test_no_fee_is_negative_whatever_shopee_bears() -> None:
    """What exceeds the carrier's charge is no fee that was given back."""
    payout = changed()
    payout["escrow_details"][0]["order_income"] |= {"shopee_shipping_rebate": 9.00}
    payout["escrow_list"][0]["payout_amount"] = 50.90
    told = records(payout)[0].body
    assert all(Decimal(one["amount"]) < 0 for one in told["lines"] if one["part"] == "fee")
    more = [one["amount"] for one in told["lines"] if "above the carrier" in one["name"]]
    assert (more, told["adjustments"]) == (["1.80"], "0.80")


def test_a_compensation_for_lost_goods_is_no_sale_and_no_fee() -> None:
    payout = changed()
    payout["escrow_details"][1]["order_income"]["seller_lost_compensation"] = 20.00
    payout["escrow_list"][1]["payout_amount"] = 38.20
    told = records(payout)[0].body
    assert (told["adjustments"], told["gross"]) == ("19.00", "128.00")


def test_what_cannot_be_a_payout_is_told_with_its_place() -> None:
    listed = "payouts[0].escrow_list"
    assert list(wrong(changed(escrow_list=[]))) == [listed]
    assert wrong(changed(escrow_details=PAYOUT["escrow_details"][:1])) == {
        f"{listed}[1].order_sn": "The income of order 2511190002 is not here."
    }
    twice = changed(escrow_list=[*PAYOUT["escrow_list"], PAYOUT["escrow_list"][0]])
    assert any("same id" in words for words in wrong(twice).values())
    blank = changed()
    del blank["escrow_list"][0]["payout_amount"]
    assert list(wrong(blank)) == [f"{listed}[0].payout_amount"]
    words = changed()
    words["escrow_details"][0]["order_income"]["commission_fee"] = "little"
    assert list(wrong(words)) == ["payouts[0].escrow_details[0].order_income.commission_fee"]
    unsaid = changed()
    del unsaid["escrow_details"][1]["order_income"]["buyer_total_amount"]
    assert list(wrong(unsaid)) == [f"{listed}[1].order_sn"]
    assert list(wrong(changed(escrow_list="all"))) == [listed]


SPARE = {"buyer_user_name", "return_order_sn_list", "escrow_amount", "original_price", "date"}
SPARE |= {"escrow_release_time"}


def test_another_word_is_another_record_or_none() -> None:
    text = FILE.read_text("utf-8")
    right = read("shopee", text.encode())
    assert isinstance(right, Accepted)
    words = {word for word in json.loads(text, object_pairs_hook=_words)["all"] if word}
    survived = set()
    for word in words:
        told = read("shopee", text.replace(f'"{word}":', f'"{word}x":').encode())
        if isinstance(told, Accepted) and (told.records, told.problems) == (right.records, ()):
            survived.add(word)
    assert survived == SPARE | {"drc_adjustable_refund"}, "the last is zero here"


def _words(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Every word of an object and of those inside it, under `all`."""
    inner = {"all": {word for word, _ in pairs} - {"all"}}
    for word, value in pairs:
        if word == "all":
            inner["all"] |= value
        for one in value if isinstance(value, list) else [value]:
            inner["all"] |= one["all"] if isinstance(one, dict) else set()
    return inner


# ---- asking ----


def last_reading(settings: Settings, http: Any) -> Page | NoPage:
    """What follows the orders and returns of a reading that began at midnight."""
    began = int(datetime.fromisoformat(MIDNIGHT).timestamp())
    cursor = json.dumps([began, began, began, 2, "", began, began, ""])
    found: Page | NoPage = source_of("shopee").page(  # type: ignore[attr-defined]
        cursor, settings, KEY, SHOP_ZONE, http
    )
    return found


def test_the_recorded_questions_are_asked_byte_by_byte() -> None:
    tape = Tape(recorded("shopee", "asking")["payouts"])
    page = last_reading(WANTED, tape)
    assert isinstance(page, Page), page
    assert tape.calls == []
    assert (page.more, page.wrong) == (True, None)
    (whole,) = page.found
    assert list(whole.records) == records(PAYOUT)
    assert json.loads(page.after)[6] == int(datetime.fromisoformat(MIDNIGHT).timestamp()) + 86_400


class Answers:
    """Whoever is asked answers these, one after the other; the last of them again and again."""

    def __init__(self, *bodies: object) -> None:
        self.bodies, self.asked = list(bodies), 0

    def now(self) -> datetime:
        return NOW

    def request(self, method: str, url: str, *, headers: Any, body: Any = None) -> HttpAnswer:
        del method, url, headers, body
        body = self.bodies[min(self.asked, len(self.bodies) - 1)]
        self.asked += 1
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return HttpAnswer(status=200, headers={}, body=raw, seconds=0.1, at=NOW)


LIST = {"error": "", "response": {"more": False, "escrow_list": PAYOUT["escrow_list"]}}


@pytest.mark.parametrize(
    ("bodies", "words"),
    [
        ([b""], "Shopee answered 200: no reason given."),
        ([b"<html>"], "Shopee answered 200: no reason given."),
        ([b'{"error": "", "response": {"escrow'], "Shopee answered 200: no reason given."),
        ([{"response": []}], "Shopee answered 200: no reason given."),
        ([{"response": {"escrow_list": "all"}}], "something that is not a list of escrows."),
        ([{"response": {}}], "something that is not a list of escrows."),
        ([{"error": "error_auth", "message": "No permission."}], "No permission."),
        ([{"error": "error_server", "message": "Wrong."}], "Shopee answered 200: Wrong."),
        ([{"error": "error_rate_limit"}], "more often than it allows."),
        ([LIST, {"response": {}}], "Shopee answered 200: no reason given."),
        ([LIST, {"response": [{"order_sn": "1"}]}], "something that is not a list of incomes."),
        ([LIST, {"response": [1]}], "does not show its income, nor that of 1 more."),
        (
            [LIST, {"response": [{"escrow_detail": PAYOUT["escrow_details"][0]}]}],
            "Shopee lists order 2511190002 as released and does not show its income.",
        ),
    ],
)
def test_a_payout_that_cannot_be_read_is_told_and_asked_for_again_behind_the_orders(
    bodies: list[object], words: str
) -> None:
    page = last_reading(WANTED, Answers(*bodies))
    assert isinstance(page, Page), page
    assert (page.found, page.more) == ((), False)
    assert page.wrong is not None
    assert page.wrong.words.startswith("Payouts could not be read; orders go on. ")
    assert words in page.wrong.words
    after = json.loads(page.after)
    assert (after[3], after[6]) == (0, int(datetime.fromisoformat(MIDNIGHT).timestamp()))


def test_days_without_money_make_no_payout_and_are_not_asked_for_again() -> None:
    page = last_reading(WANTED, Answers({"response": {"more": False, "escrow_list": []}}))
    assert isinstance(page, Page), page
    assert (page.found, page.more) == ((), True)
    assert json.loads(page.after)[6] == int(datetime.fromisoformat(MIDNIGHT).timestamp()) + 86_400


def test_a_payout_of_more_orders_than_a_record_may_hold_is_told() -> None:
    """Shopee goes on to say that there is more."""

    class Endless(Answers):
        def request(self, method: str, url: str, **named: Any) -> HttpAnswer:
            at = self.asked * 100
            rows = [
                {"order_sn": str(at + n), "payout_amount": 1, "escrow_release_time": 1}
                for n in range(100)
            ]
            self.bodies = [{"response": {"more": True, "escrow_list": rows}}]
            return super().request(method, url, **named)

    http = Endless({})
    page = last_reading(WANTED, http)
    assert isinstance(page, Page), page
    (told,) = page.found
    (held,) = told.records
    assert "at most 5,000 lines; this one has 20,000." in told.problems[0].message
    assert (held.body["net"], held.body["lines"], len(held.faults)) == ("10000.00", [], 1)
    assert http.asked == 100


def test_fees_of_so_many_orders_that_each_alone_is_too_much_are_joined_by_order() -> None:
    """Nine lines an order; nothing of the totals and of what pays an order changes."""
    many: dict[str, list[Any]] = {"escrow_list": [], "escrow_details": []}
    for number in range(600):
        for name, rows in many.items():
            row = copy.deepcopy(PAYOUT[name][0])
            rows.append({**row, "order_sn": f"26{number:04}"})
    told = records(changed(**many))
    lines: Any = told[0].body["lines"]
    assert len(lines) == 600 * 5
    assert {one["part"]: one["amount"] for one in lines if one["order_id"] == "260007"} == {
        "sale": "108.00",
        "refund": "-49.50",
        "fee": "-12.83",
        "fee_tax": "-0.77",
        "adjustment": "-1.00",
    }
    assert told[0].body["fees"] == "7698.00"
    assert len(told) == 601
    large = {name: [*rows, *_more(rows)] for name, rows in many.items()}
    assert list(wrong(changed(**large))) == ["payouts[0].escrow_list.lines"]


def _more(rows: list[Any]) -> list[Any]:
    return [{**row, "order_sn": f"27{row['order_sn']}"} for row in rows] + [
        {**row, "order_sn": f"28{row['order_sn']}"} for row in rows
    ]


# ---- days ----

UNTIL = datetime(2026, 11, 20, 2, tzinfo=NOW.tzinfo)


def days(after: str, way: str, now: datetime = UNTIL, start: str = "") -> Any:
    moment = int(datetime.fromisoformat(after).timestamp())
    found = next_days(moment, {"payouts": way, "payouts_from": start}, SHOP_ZONE, now)
    return found and (found.number, found.first, found.last)


@pytest.mark.parametrize(
    ("after", "start", "number"),
    [
        ("2026-11-17T00:00:00+08:00", "", "2026-11-17"),
        ("2026-11-17T00:00:01+08:00", "", "2026-11-18"),
        ("2026-11-17T23:00:00+08:00", "2026-11-16", "2026-11-18"),
        ("2026-11-17T00:00:00+08:00", "2026-11-19", "2026-11-19"),
        ("2026-11-19T00:00:00+08:00", "", "2026-11-19"),
        ("2026-11-20T00:00:00+08:00", "", None),
        ("2026-11-18T12:00:00+08:00", "2026-12-01", None),
    ],
)
def test_the_next_day_is_whole_and_over(after: str, start: str, number: str | None) -> None:
    day = date.fromisoformat(number) if number else None
    assert days(after, "day", start=start) == (number and (number, day, day))


@pytest.mark.parametrize(
    ("after", "start", "number"),
    [
        ("2026-11-02T00:00:00+08:00", "", "2026-11-02-08"),
        ("2026-11-02T00:00:01+08:00", "", "2026-11-09-15"),
        ("2026-11-05T12:00:00+08:00", "", "2026-11-09-15"),
        ("2026-11-05T12:00:00+08:00", "2026-11-03", "2026-11-09-15"),
        ("2026-11-01T00:00:00+08:00", "2026-11-05", "2026-11-05-08"),
        ("2026-11-01T00:00:00+08:00", "2026-11-08", "2026-11-08"),
        ("2026-11-16T00:00:00+08:00", "", None),
    ],
)
def test_a_week_is_the_same_days_whoever_asks(after: str, start: str, number: str | None) -> None:
    """The sweep begins anywhere: it may make no other payout of the same money."""
    found = days(after, "week", start=start)
    assert (found and found[0]) == number


def test_a_day_is_left_alone_for_two_hours_after_its_end() -> None:
    at = "2026-11-19T00:00:00+08:00"
    end = datetime(2026, 11, 19, 18, tzinfo=NOW.tzinfo)
    assert days(at, "day", end) is not None
    assert days(at, "day", end.replace(hour=17, minute=59)) is None

"""Payouts of Lazada: a statement, the transactions of its days, and what they come to."""

import copy
import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from connectors.contract import Accepted
from connectors.contract.pulls import Page
from connectors.sources.lazada.calls import period
from connectors.sources.lazada.connector import next_start
from connectors.transport.http import HttpAnswer
from tests.connectors.marketplaces import KEY, NOW, SETTINGS, WIRE, errors, read, source_of
from tests.connectors.recorded import Tape, recorded
from tests.support.zones import SHOP_ZONE

FILE = WIRE / "lazada" / "payout.lazada.json"
STATEMENT: dict[str, Any] = json.loads(FILE.read_text("utf-8"))["statements"][0]
ROWS: list[dict[str, Any]] = STATEMENT["transactions"]
ORDER = "9007199254740993"


def changed(**fields: Any) -> dict[str, Any]:
    return {**copy.deepcopy(STATEMENT), **fields}


def records(statement: dict[str, Any]) -> dict[str, dict[str, Any]]:
    answer = read("lazada", {"statements": [statement]})
    assert isinstance(answer, Accepted), answer
    assert answer.problems == ()
    return {one.kind: one.body for one in answer.records}


def wrong(statement: dict[str, Any]) -> dict[str, str]:
    return errors("lazada", {"statements": [statement]})


def test_a_statement_tells_its_days_its_totals_and_an_entry_for_each_movement() -> None:
    told = records(STATEMENT)["payout"]
    lines = told.pop("lines")
    assert told == {
        "number": "MY1042-2026-1116",
        "status": "paid",
        "deposited_on": "2026-11-18",
        "first_day": "2026-11-09",
        "last_day": "2026-11-15",
        "currency": "MYR",
        "bank_ref": "IBG-88",
        "gross": "107.00",
        "refunds": "49.50",
        "fees": "12.27",
        "fee_tax": "0.34",
        "adjustments": "-2.00",
        "net": "42.89",
    }
    assert [(one["part"], one["name"], one["amount"]) for one in lines] == [
        ("sale", "Sale", "107.00"),
        ("fee", "Commission", "-3.96"),
        ("fee_tax", "Commission", "-0.32"),
        ("fee", "Payment Fee", "-2.14"),
        ("fee_tax", "Payment Fee", "-0.17"),
        ("fee", "Shipping Fee Charged by Lazada", "-8.00"),
        ("refund", "Reversal Item Price", "-49.50"),
        ("fee", "Reversal Commission", "1.83"),
        ("fee_tax", "Reversal Commission", "0.15"),
        ("adjustment", "Not told apart by Lazada", "-2.00"),
    ]
    assert {one.get("order_id") for one in lines} == {ORDER, None}
    assert [one["line_id"] for one in lines][:2] == ["MY1042-A1", "MY1042-A3"]
    assert lines[-1]["line_id"] == "MY1042-2026-1116"
    assert sum(Decimal(one["amount"]) for one in lines) == Decimal("42.89")


def test_what_it_pays_of_an_order_is_one_record_whatever_pieces_it_has() -> None:
    assert records(STATEMENT)["order_payment"] == {
        "number": "MY1042-A1",
        "status": "paid",
        "payout": "MY1042-2026-1116",
        "order_id": ORDER,
        "order_number": ORDER,
        "paid_on": "2026-11-18",
        "first_day": "2026-11-09",
        "last_day": "2026-11-15",
        "currency": "MYR",
        "amount": "107.00",
    }
    turned = records(changed(transactions=[*reversed(ROWS)]))["order_payment"]
    assert turned["number"] == "MY1042-A1", "in whatever order Lazada tells its rows"


def test_an_order_whose_pieces_are_in_two_statements_is_paid_twice_in_part() -> None:
    """Pieces that arrive in two weeks: the second payment takes nothing from the first."""
    first, second = ({**ROWS[0], "amount": amount} for amount in ("60.00", "39.00"))
    second |= {"transaction_number": "MY1042-B7", "orderItem_no": "602"}
    told = [
        changed(statement_number=number, payout=f"{row['amount']} MYR", transactions=[row])
        for number, row in (("S1", first), ("S2", second))
    ]
    answer = read("lazada", {"statements": told})
    assert isinstance(answer, Accepted), answer
    paid = [one for one in answer.records if one.kind == "order_payment"]
    assert len({one.external_id for one in paid}) == 2
    assert [(one.body["order_id"], one.body["amount"]) for one in paid] == [
        (ORDER, "60.00"),
        (ORDER, "39.00"),
    ]


def test_the_sellers_own_vouchers_lessen_the_sale_and_are_no_fee() -> None:
    voucher = {
        **ROWS[0],
        "transaction_type": "Orders-Marketing Fees",
        "fee_name": "Promotional Charges Vouchers",
        "transaction_number": "MY1042-A9",
        "amount": "-11.00",
    }
    back = {**voucher, "fee_name": "Reversal Promotional Charges Vouchers", "amount": "5.50"}
    told = records(changed(transactions=[*ROWS, voucher, back]))
    before = records(STATEMENT)["payout"]
    assert (told["payout"]["gross"], told["order_payment"]["amount"]) == ("96.00", "96.00")
    assert (told["payout"]["refunds"], told["payout"]["fees"]) == ("44.00", before["fees"])


def test_a_statement_that_is_not_paid_has_no_day_at_the_bank() -> None:
    told = records(changed(paid="0"))["payout"]
    assert told["status"] == "not_paid"
    assert "deposited_on" not in told


def test_what_belongs_to_no_order_is_an_adjustment() -> None:
    rent = {**ROWS[2], "transaction_type": "Other Debits-Non Order Related", "order_no": ""}
    told = records(changed(transactions=[*ROWS[:2], rent, *ROWS[3:]]))["payout"]
    assert [one["amount"] for one in told["lines"] if one["part"] == "adjustment"] == [
        "-4.28",
        "-2.00",
    ]
    assert told["fees"] == "8.31"


def test_what_cannot_be_a_payout_is_told_with_its_place() -> None:
    assert list(wrong(changed(payout="42.89"))) == ["statements[0].payout"]
    assert list(wrong(changed(payout=""))) == ["statements[0].payout"]
    bare = changed()
    del bare["transactions"][2]["amount"]
    assert list(wrong(bare)) == ["statements[0].transactions[2].amount"]
    nameless = changed()
    nameless["transactions"][0]["order_no"] = nameless["transactions"][1]["order_no"] = ""
    assert "statements[0].transactions[0].order_no" in wrong(nameless)
    assert "at most 5,000 lines" in str(wrong(changed(transactions=[ROWS[0]] * 5_001)))
    assert list(wrong(changed(transactions="all"))) == ["statements[0].transactions"]


SPARE = {"opening_balance", "item_revenue", "shipment_fee", "shipment_fee_credit", "fees_total"}
SPARE |= {"other_revenue_total", "refunds", "fees_on_refunds_total", "guarantee_deposit"}
SPARE |= {"subtotal1", "subtotal2", "closing_balance", "created_at", "orderItem_no", "comment"}
SPARE |= {"transaction_date", "paid_status", "reference", "WHT_amount", "WHT_included_in_amount"}


def test_another_word_is_another_record_or_none() -> None:
    text = FILE.read_text("utf-8")
    right = read("lazada", text.encode())
    assert isinstance(right, Accepted)
    survived = set()
    for word in {*STATEMENT, *ROWS[0]}:
        told = read("lazada", text.replace(f'"{word}":', f'"{word}x":').encode())
        if isinstance(told, Accepted) and (told.records, told.problems) == (right.records, ()):
            survived.add(word)
    assert survived == SPARE


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("11 May 2016 - 17 May 2016", (date(2016, 5, 11), date(2016, 5, 17))),
        ("9 Nov 2026 - 9 Nov 2026", (date(2026, 11, 9), date(2026, 11, 9))),
        ("31 Nov 2026 - 9 Dec 2026", None),
        ("11 Mai 2016 - 17 Mai 2016", None),
        ("11 May 2016", None),
        ("", None),
        (None, None),
    ],
)
def test_the_days_of_a_statement(text: object, days: object) -> None:
    assert period(text) == days


# ---- asking ----


def last_reading(http: Any, since: str = "2026-11-16") -> Page:
    cursor = json.dumps([1, 1, 0, since, 0, ""])
    settings = {**SETTINGS["lazada"], "payouts": "yes"}
    page = source_of("lazada").page(cursor, settings, KEY, SHOP_ZONE, http)  # type: ignore[attr-defined]
    assert isinstance(page, Page), page
    return page


def test_the_recorded_questions_are_asked_byte_by_byte_and_other_weeks_left_out() -> None:
    tape = Tape(recorded("lazada", "asking")["payouts"])
    page = last_reading(tape)
    assert tape.calls == []
    assert (page.more, page.wrong) == (True, None)
    (whole,) = page.found
    assert {one.kind: one.body for one in whole.records} == records(STATEMENT)
    assert json.loads(page.after)[3:] == ["2026-11-16", 1, ""]


class Answers:
    """Whoever is asked answers these, one after the other; the last of them again and again."""

    def __init__(self, *bodies: object) -> None:
        self.bodies, self.asked = list(bodies), [""]

    def now(self) -> datetime:
        return NOW

    def request(self, method: str, url: str, *, headers: Any, body: Any = None) -> HttpAnswer:
        del method, headers, body
        told = self.bodies[min(len(self.asked) - 1, len(self.bodies) - 1)]
        self.asked.append(url)
        raw = told if isinstance(told, bytes) else json.dumps(told).encode()
        return HttpAnswer(status=200, headers={}, body=raw, seconds=0.1, at=NOW)


LIST = {"code": "0", "data": [{k: v for k, v in STATEMENT.items() if k != "transactions"}]}


@pytest.mark.parametrize(
    ("bodies", "words"),
    [
        ([b""], "Lazada answered 200: no reason given."),
        ([b"<html>"], "Lazada answered 200: no reason given."),
        ([b'{"code": "0", "data": [{'], "Lazada answered 200: no reason given."),
        ([{"code": "0", "data": {}}], "something that is not a list of statements."),
        ([{"code": "0", "data": [{"payout": "1.00 MYR"}]}], "not a list of statements."),
        ([{"code": "IllegalAccessToken", "message": "No."}], "does not accept the key: No."),
        ([{"code": "ApiCallLimit"}], "more often than it allows."),
        ([LIST, {"code": "0", "data": "all"}], "not a list of transactions."),
        ([LIST, {"code": "1000014", "message": "Wrong."}], "Lazada answered 200: Wrong."),
    ],
)
def test_a_payout_that_cannot_be_read_is_told_and_asked_for_again_behind_the_orders(
    bodies: list[object], words: str
) -> None:
    page = last_reading(Answers(*bodies))
    assert (page.found, page.more) == ((), False)
    assert page.wrong is not None
    assert page.wrong.words.startswith("Payouts could not be read; orders go on. ")
    assert words in page.wrong.words
    after = json.loads(page.after)
    assert after[3:5] == ["2026-11-16", None]


def test_a_statement_of_more_transactions_than_a_record_may_have_is_held_with_its_amount() -> None:
    rows = [{**ROWS[0], "transaction_number": f"MY1042-X{n:05}"} for n in range(20_500)]
    pages = [{"code": "0", "data": rows[at : at + 500]} for at in range(0, len(rows), 500)]
    page = last_reading(Answers(LIST, *pages))
    ((held,),) = [one.records for one in page.found]
    assert (held.number, held.body["net"]) == ("MY1042-2026-1116", "42.89")
    assert [one["message"] for one in held.faults] == [
        "A record has at most 5,000 lines; this one has 20,000."
    ]


def test_a_transaction_that_moves_to_the_next_page_meanwhile_is_paid_once() -> None:
    """What is new stands first in the list, and pushes the last of a page to the next one."""
    others = [{**ROWS[0], "transaction_number": f"MY1042-X{n:03}"} for n in range(499)]
    others = [{**one, "statement": "16 Nov 2026 - 22 Nov 2026"} for one in others]
    first = [*others, ROWS[0]]
    pages = [LIST, {"code": "0", "data": first}, {"code": "0", "data": ROWS}]
    (whole,) = last_reading(Answers(*pages)).found
    assert {one.kind: one.body for one in whole.records} == records(STATEMENT)
    assert [one["transaction_number"] for one in json.loads(whole.raw)["transactions"]] == [
        one["transaction_number"] for one in ROWS
    ]


def test_transactions_that_differ_in_their_numbers_alone_are_two() -> None:
    twin = {**ROWS[0], "transaction_number": "MY1042-A2"}
    (whole,) = last_reading(Answers(LIST, {"code": "0", "data": [*ROWS, twin]})).found
    told = {one.kind: one.body for one in whole.records}
    amount, before = Decimal(ROWS[0]["amount"]), Decimal("107.00")
    assert Decimal(told["order_payment"]["amount"]) == before + amount


def test_a_statement_of_more_than_a_week_is_asked_for_from_its_first_day() -> None:
    month = [{**one, "statement": "16 Oct 2026 - 15 Nov 2026"} for one in ROWS]
    http = Answers(LIST, {"code": "0", "data": month})
    (whole,) = last_reading(http).found
    assert [("start_time=2026-10-16" in url) for url in http.asked[2:]] == [False, True]
    assert whole.records[0].body["first_day"] == "2026-10-16"


def test_a_statement_without_transactions_is_an_adjustment_that_a_person_sees() -> None:
    (whole,) = last_reading(Answers(LIST, {"code": "0", "data": []})).found
    assert (whole.records[0].body["gross"], whole.records[0].body["adjustments"]) == (
        "0.00",
        "42.89",
    )


@pytest.mark.parametrize(
    ("told", "again"),
    [
        ([("2026-11-02", "1"), ("2026-11-16", "1")], "2026-11-16"),
        ([("2026-11-02", "0"), ("2026-11-16", "1")], "2026-11-02"),
        ([("2026-01-05", "0"), ("2026-11-16", "1")], "2026-09-21"),
        ([], "2026-11-01"),
    ],
)
def test_what_is_not_paid_yet_is_asked_for_again(told: list[tuple[str, str]], again: str) -> None:
    listed = [{"created_at": f"{day} 02:00:00", "paid": paid} for day, paid in told]
    found = next_start(list(listed), date(2026, 11, 1), date(2026, 11, 20))
    assert found.isoformat() == again


def moved(*rows: tuple[str, str, str]) -> dict[str, Any]:
    """Return a statement of one order with these types, names and amounts."""
    about = {"order_no": ORDER, "VAT_in_amount": "0", "statement": ROWS[0]["statement"]}
    listed = [
        {
            **about,
            "transaction_type": kind,
            "fee_name": name,
            "amount": amount,
            "transaction_number": f"T{at}",
        }
        for at, (kind, name, amount) in enumerate(rows)
    ]
    net = sum((Decimal(amount) for _, _, amount in rows), Decimal(0))
    return changed(transactions=listed, payout=f"{net} MYR")


SOLD = ("Orders-Sales", "Item Price Credit", "50.00")
CARRIED = ("Orders-Logistics", "Shipping Fee Charged by Lazada", "-5.00")


@pytest.mark.parametrize(
    ("rows", "totals"),
    [
        ([("Orders-Marketing Fees", "LazCoins Discount", "-2.00")], ("48.00", "0.00", "0.00")),
        (
            [CARRIED, ("Orders-Logistics", "Shipping Fee Voucher (by Lazada)", "3.00")],
            ("50.00", "2.00", "0.00"),
        ),
        (
            [CARRIED, ("Orders-Logistics", "Auto Shipping Fee Subsidy by Lazada", "6.00")],
            ("50.00", "0.00", "1.00"),
        ),
        (
            [("Orders-Logistics", "Shipping Fee (Paid By Customer)", "4.00")],
            ("54.00", "0.00", "0.00"),
        ),
    ],
)
def test_who_bears_coins_and_shipping(
    rows: list[tuple[str, str, str]], totals: tuple[str, str, str]
) -> None:
    told = records(moved(SOLD, *rows))["payout"]
    assert (told["gross"], told["fees"], told["adjustments"]) == totals

"""A receipt tied to the invoices that it pays: what is sent, done and refused."""

import json

import pytest

from connectors.registry import targets
from tests.connectors.sample_documents import (
    autocount_invoice,
    autocount_knock_off,
)
from tests.connectors.simulator_processes import Bench
from tests.support.zones import BOOKS


@pytest.fixture
def bench(autocount_sim, autocount, http):
    found = Bench(autocount, autocount_sim, http, "autocount knock-off")
    found.afresh()
    return found


def status(bench, number: str) -> str:
    return next(
        one["master"]["status"]
        for one in bench.sim.show("documents")
        if one["master"]["docNo"] == number
    )


def body(*lines: tuple[str, str], total: str):
    document = autocount_knock_off(pays=lines, amount=total)
    payload = targets()["autocount"].build([document], BOOKS, batch=False, batch_name="")
    return json.loads(payload.body) if payload.body else payload.refused[0]


def test_each_invoice_is_a_debit_and_the_receipt_the_credit_of_all():
    told = body(("NS-7", "118.80"), ("NS-7b", "0.00"), ("NS-8", "100.00"), total="218.80")
    assert told["details"] == [
        {"docNo": "NS-7", "docType": "IV", "knockOffAmount": 118.80},
        {"docNo": "NS-8", "docType": "IV", "knockOffAmount": 100.00},
        {"docNo": "OR-1", "docType": "OR", "knockOffAmount": -218.80},
    ], "a line of 0, such as that of a fee, ties nothing"


@pytest.mark.parametrize(
    ("lines", "total", "words"),
    [
        (
            (("NS-7", "118.80"),),
            "118.81",
            "The invoices take 118.80 of the receipt, Total is 118.81.",
        ),
        ((("NS-7", "0.00"),), "0.00", "Nothing of the receipt is tied"),
        ((("NS-7", "118.80"), ("NS-8", "-1.00")), "117.80", "Amount of line 2 is below 0: -1.00."),
        ((), "0.00", "The document has no lines."),
        ((("", "1.00"),), "1.00", "InvoiceNo of line 1 is blank"),
    ],
)
def test_what_cannot_be_tied_is_refused_before_it_is_sent(lines, total, words):
    refusal = body(*lines, total=total)
    assert refusal.code == "preflight"
    assert words in refusal.words


def test_several_invoices_are_paid_by_one_receipt(bench):
    (answer,) = bench.send(bench.make()).answers
    assert (answer.kind, answer.words) == ("accepted", "Accepted, and read back.")
    assert [status(bench, number) for number in ("NS-7", "NS-8", "OR-1")] == [
        "Paid",
        "Partially Paid",
        "Partially Applied",
    ]
    twice = bench.make("KO-2", pays=(("NS-7", "18.80"),), amount="18.80")
    assert "outstanding amount 0.00" in bench.send(twice, key="cp-2").answers[0].words
    rest = bench.make("KO-2", pays=(("NS-8", "18.80"),), amount="18.80")
    assert bench.send(rest, key="cp-2").answers[0].kind == "accepted"
    assert [status(bench, number) for number in ("NS-8", "OR-1")] == ["Paid", "Fully Applied"]
    void = bench.send(autocount_invoice("NS-7"), action="void").answers[0]
    assert void.words == "Invoice has been knocked off."
    assert bench.look_up(bench.make()).kind == "equal"
    assert bench.look_up(bench.changed()).kind == "different"


@pytest.mark.parametrize(
    ("changed", "error_class", "words"),
    [
        ({"pays": (("NS-9", "218.80"),)}, "mapping_missing", "(InvoiceKey = NS-9) not exists"),
        ({"ReceiptNo": "OR-9"}, "mapping_missing", "Receipt (ReceiptKey = OR-9) not exists"),
        ({"DebtorCode": "300-X999"}, "mapping_missing", "Account (AccountKey = 300-X999)"),
        ({"DebtorCode": "300-K210"}, "business_rule", "NS-7 is not a document of 300-K210"),
        ({"pays": (("NS-7", "118.81"), ("NS-8", "99.99"))}, "business_rule", "amount 118.80."),
        (
            {"pays": (("NS-7", "109.40"), ("NS-7", "109.40"))},
            "business_rule",
            "outstanding amount 9.40.",
        ),
        ({"DocDate": "2019-12-31"}, "period_locked", "fiscal year"),
    ],
)
def test_what_the_books_refuse_leaves_all_as_it_was(bench, changed, error_class, words):
    (answer,) = bench.send(bench.make(**changed)).answers
    assert (answer.kind, answer.error_class) == ("refused", error_class)
    assert words in answer.words
    assert bench.standing() == []
    assert status(bench, "NS-7") == "Unpaid"


def test_a_receipt_pays_no_more_than_it_is(bench):
    bench.send(autocount_invoice("NS-9"), key="cp-9")
    more = tuple((number, "118.80") for number in ("NS-7", "NS-8", "NS-9"))
    (answer,) = bench.send(bench.make(pays=more, amount="356.40")).answers
    assert "OR-1 is more than its outstanding amount 237.60" in answer.words


def test_rows_that_do_not_come_to_nothing_are_refused(bench):
    """Our client never sends them; whoever else does is told."""
    row = {"docNo": "NS-7", "docType": "IV", "knockOffAmount": 1}
    for rows, words in (
        ([row], "Knock off amounts are not balanced."),
        ([{**row, "docType": "JE"}], "Document type JE is not valid."),
        ([{**row, "knockOffAmount": -1}], "Knock off amount of NS-7 is not valid."),
        ([], "Details is required."),
    ):
        given = {"master": {"accNo": "300-W001", "docDate": "2026-11-20"}, "details": rows}
        headers = {"Key_ID": "cp-demo", "API_Key": "acc_demo_9Tq4Lx"}
        answer = bench.sim.call(
            "POST", "/1042/knockOffEntry", body=json.dumps(given).encode(), **headers
        )
        assert (answer.status_code, answer.json()["message"]) == (400, words)


def test_what_is_paid_survives_a_restart(bench):
    bench.send(bench.make())
    bench.sim.kill()
    bench.sim.start()
    assert status(bench, "NS-8") == "Partially Paid"


def test_a_voided_invoice_is_not_paid(bench):
    assert bench.send(autocount_invoice("NS-7"), action="void").answers[0].kind == "accepted"
    (answer,) = bench.send(bench.make()).answers
    assert answer.words == "Invoice is already voided."

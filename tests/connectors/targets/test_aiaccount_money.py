"""Receipts, bills and payments in AiAccount: what each pays, and what is refused for its data."""

import pytest

from tests.connectors.sample_documents import bill, billed, invoice, payment, receipt
from tests.connectors.simulator_processes import Bench
from tests.support.zones import BOOKS

LINE = {"LineNo": "1", "Description": "Fees", "AccountCode": "61001", "TaxCode": "MY-SALES10"}
NOBODY = "aia_live_readonly_2Lm5"


@pytest.fixture
def bench(sim, aiaccount, http):
    return Bench(aiaccount, sim, http)


@pytest.fixture
def owed(bench):
    """An invoice and a bill over 173.25 each; the bill has its two lines."""
    lines = ({**LINE, "Amount": "110.00"}, {**LINE, "LineNo": "2", "Amount": "63.25"})
    kinds = [
        bench.send(one, key=f"cp-owed-{one.number}").answers[0].kind
        for one in (billed(), bill("ST-1", amount="173.25", lines=lines))
    ]
    assert kinds == ["accepted", "accepted"]
    return bench


def test_each_goes_to_its_own_import_as_a_workbook(owed):
    for number, make, where in (
        ("RC-1", receipt, "sales-receipts"),
        ("ST-2", bill, "expense-bills"),
        ("PV-1", payment, "expense-payments"),
    ):
        payload = owed.target.build([make(number)], BOOKS, batch=False, batch_name="")
        assert (payload.path, payload.file_name) == (f"/v1/imports/{where}", f"{number}.xlsx")
        assert owed.send(make(number), key=f"cp-{number}").answers[0].kind == "accepted"
    page = owed.sim.call("GET", "/v1/imports").json()["data"]
    assert [one["type"] for one in page] == [
        "expense-payments",
        "expense-bills",
        "sales-receipts",
        "expense-bills",
    ]
    ids = [one["id"].split("_")[0] for one in owed.sim.show("documents")]
    assert ids == ["inv", "bil", "rcp", "bil", "pay"]


def test_one_file_has_one_type(bench):
    """What is of another type is never written into the wrong sheet."""
    answers = bench.send(bill("ST-1"), receipt("RC-1"), bill("ST-2"), batch=True).answers
    assert [answer.kind for answer in answers] == ["accepted", "refused", "accepted"]
    assert "sales_receipt" in answers[1].words
    assert [one["number"] for one in bench.sim.show("documents")] == ["ST-1", "ST-2"]


def test_lines_of_a_bill_have_their_tax_in_them(owed):
    stands = owed.sim.show("documents")[1]
    assert (stands["total"], stands["subtotal"], stands["tax"]) == ("173.25", "157.50", "15.75")


REFUSED = [
    (receipt(InvoiceNumber="IN-2"), "unknown_invoice", "business_rule"),
    (receipt(Customer="aisyah rahman"), "unknown_invoice", "business_rule"),
    (payment(BillNumber="ST-2"), "unknown_bill", "business_rule"),
    (receipt(amount="173.26"), "over_payment", "business_rule"),
    (payment(amount="173.26"), "over_payment", "business_rule"),
    (receipt(amount="0.00"), "preflight", "bad_value"),
    (payment(amount="-1.00"), "preflight", "bad_value"),
    (receipt(BankAccountCode="99999"), "unknown_account", "mapping_missing"),
    (payment(BankAccountCode="99999"), "unknown_account", "mapping_missing"),
    (bill("ST-2", AccountCode="99999"), "unknown_account", "mapping_missing"),
    (bill("ST-2", TaxCode="SR-6"), "unknown_tax_code", "mapping_missing"),
    (bill("ST-2", Currency="USD", ExchangeRate="4.5"), "currency_disabled", "mapping_missing"),
    (receipt(Currency="SGD", ExchangeRate="3.4"), "bad_value", "bad_value"),
    (bill("ST-2", BillDate="2026-09-30"), "period_locked", "period_locked"),
    (receipt(ReceiptDate="2026-09-30", BankAccountCode="?"), "period_locked", "period_locked"),
    (payment(PaymentDate="2026-09-30"), "period_locked", "period_locked"),
]


@pytest.mark.parametrize(("document", "code", "error_class"), REFUSED)
def test_it_is_refused_for_what_it_holds(owed, document, code, error_class):
    owed.sim.control("lock", through="2026-09-30")
    (answer,) = owed.send(document).answers
    assert (answer.kind, answer.code, answer.error_class) == ("refused", code, error_class)
    assert answer.words
    assert len(owed.sim.show("documents")) == 2


def test_what_lies_in_a_closed_period_can_still_be_paid(owed):
    owed.sim.control("lock", through="2026-11-19")
    for document in (receipt(), payment()):
        (answer,) = owed.send(document, key=f"cp-{document.number}").answers
        assert answer.kind == "accepted"


@pytest.mark.slow
def test_parts_are_taken_until_nothing_is_open_also_within_a_file(owed):
    parts = [receipt(f"RC-{n}", amount="100.00") for n in (1, 2)]
    kinds = [(one.kind, one.code) for one in owed.send(*parts, batch=True).answers]
    assert kinds == [("accepted", ""), ("refused", "over_payment")]
    owed.sim.kill()
    owed.sim.start()  # the books come from the ledger alone
    assert owed.send(receipt("RC-3", amount="73.26"), key="cp-3").answers[0].code == "over_payment"
    assert owed.send(receipt("RC-4", amount="73.25"), key="cp-4").answers[0].kind == "accepted"
    (told,) = owed.sim.call("GET", "/v1/sales/receipts?receipt_number=RC-4").json()["data"]
    assert (told["amount"], told["invoice_number"]) == ("73.25", "IN-1")


def test_a_number_is_taken_for_its_party_and_its_type_only(owed):
    again = receipt("ST-1")  # the number of the bill
    assert owed.send(again).answers[0].kind == "accepted"
    (told,) = owed.send(receipt("ST-1", amount="50.00"), key="cp-2").answers
    assert (told.error_class, told.same_content) == ("stale_version", False)
    assert owed.send(bill("ST-1", Supplier="Blogger 13"), key="cp-3").answers[0].kind == "accepted"


def test_where_receipts_are_one_by_their_invoice_no_part_is_lost_in_silence(start, aiaccount, http):
    """AiAccount would skip the second part of an invoice; it is told, never taken for posted."""
    bench = Bench(aiaccount, start("--receipts-by", "invoice"), http)
    bench.send(billed(), key="cp-0")
    first, second = (receipt(f"RC-{n}", amount="50.00") for n in (1, 2))
    assert bench.send(first, key="cp-1").answers[0].kind == "accepted"
    (again,) = bench.send(first, key="cp-2").answers
    assert (again.kind, again.existing) == ("accepted", True)
    (told,) = bench.send(second, key="cp-3").answers
    assert (told.kind, told.error_class) == ("refused", "stale_version")
    assert bench.look_up(second, key="cp-3").refused is None
    assert bench.look_up(second, key="cp-4").kind == "absent"


def test_the_permission_of_each_side_is_its_own(owed):
    for document, missing in (
        (receipt(), "sales.write"),
        (bill("ST-2"), "expense.write"),
        (payment(), "expense.write"),
    ):
        (answer,) = owed.send(document, secret=NOBODY).answers
        assert (answer.code, answer.error_class) == ("missing_permission", "authorization_failed")
        assert missing in answer.words


def test_a_reading_tells_what_is_another_there(owed):
    owed.send(receipt("RC-1", amount="50.00"))
    other = receipt("RC-1", amount="60.00", InvoiceNumber="IN-9")
    (found,) = owed.target.read([other], owed.sim.settings, owed.sample.secret, owed.http)
    assert [(one.field, one.value) for one in found.differs] == [
        ("Amount", "50.00"),
        ("InvoiceNumber", "IN-1"),
    ]
    moved = owed.look_up(receipt("RC-1", amount="50.00", InvoiceNumber="IN-9"), key="cp-x")
    assert (moved.kind, "InvoiceNumber IN-1, not IN-9" in moved.words) == ("different", True)


def test_a_parked_bill_is_a_bill_when_it_runs(bench):
    key = "aia_live_paused_4Rt8"
    assert bench.send(bill(), secret=key).answers[0].kind == "awaiting"
    bench.sim.control("pause", key=key, status="active")
    assert [one["type"] for one in bench.sim.show("documents")] == ["expense_bill"]
    assert bench.look_up(bill()).kind == "equal"


def test_every_document_counts_in_the_quota(owed):
    owed.sim.control("quota", limit=3)
    assert owed.send(receipt()).answers[0].kind == "accepted"
    (answer,) = owed.send(payment(), key="cp-2").answers
    assert (answer.kind, answer.code) == ("temporary", "quota_exceeded")
    assert owed.send(invoice("NS-7"), key="cp-7").answers[0].code == "quota_exceeded"

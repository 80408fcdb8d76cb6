"""AutoCount by Excel import: the workbook, what a person tells, the listing; no call is made."""

import hashlib
import io
from datetime import date
from decimal import Decimal

import openpyxl
import pytest
import requests

from connectors.contract import SourceRefusal
from connectors.contract.pulls import ImportedByHand
from connectors.kit.workbook import write
from connectors.registry import not_offered, targets
from connectors.transport.http import Http
from sandbox.simulators.autocount_excel.imports import SHEETS, UnreadableError, rows_of
from tests.connectors.sample_documents import Posted, autocount_invoice, bill_line
from tests.connectors.simulator_processes import Simulator
from tests.support.zones import BOOKS

SETTINGS = {**BOOKS, "company_id": "kedai", "number_prefix": "NS-, CP", "locked_through": "none"}
TARGET = targets()["autocount_excel"]
_PAID = {"DocNo": "NS-7", "DocDate": "2026-11-19", "PaymentMethod": "FPX", "PaymentAmt": "118.80"}
OTHERS = {
    "cash_sale": {"PaymentMethod": "CASH", "PaymentAmt": "118.80"},
    "credit_note": {"OurInvoice": "NS-1", "Reason": "Returned"},
    "ar_payment": {**_PAID, "DebtorCode": "300-W001"},
    "ap_payment": {**_PAID, "CreditorCode": "400-B012"},
    "ap_invoice": {
        "DocNo": "NS-8",
        "DocDate": "2026-11-19",
        "CreditorCode": "400-B012",
        "DisplayTerm": "C.O.D.",
        "CurrencyCode": "MYR",
        "CurrencyRate": "1",
        "AccNo": "610-0001",
        "DtlDescription": "Rent",
        "TaxCode": "NT",
        "Amount": "118.80",
    },
}


class NoHttp(Http):
    """Nothing may be called."""

    def request(self, *_: object, **__: object) -> object:  # type: ignore[override]
        raise AssertionError("it was called")


def make(number: str = "NS-1", **changed: str) -> Posted:
    told = {"CurrencyCode": "MYR", "CurrencyRate": "1", **changed}
    ship = {"ItemCode": "SHIP", "UOM": "UNIT", "DtlDescription": "Shipping", "Qty": "1"}
    two = [bill_line(), bill_line(**ship, UnitPrice="9.90", SubTotal="9.90", TaxCode="NT")]
    return autocount_invoice(number, lines=two, **told)


def of_type(name: str) -> Posted:
    if name in ("invoice", "cash_sale", "credit_note", "sales_order", "delivery_order"):
        made = make("NS-9", **OTHERS.get(name, {}))
        return Posted(**{**vars(made), "document": name})
    if name == "goods_received_note":
        made = make("NS-9")
        fields = {**made.fields, "CreditorCode": "400-B012"}
        del fields["DebtorCode"]
        told = {"document": name, "fields": fields, "party": "400-B012"}
        return Posted(**{**vars(made), **told})
    fields = OTHERS[name]
    party = fields.get("DebtorCode") or fields["CreditorCode"]
    return Posted(document=name, number=fields["DocNo"], party=party, fields=fields)


def build(*documents: Posted):
    return TARGET.build(documents, SETTINGS, batch=True, batch_name="20261120_17")


def send(*documents: Posted):
    return TARGET.send(build(*documents), SETTINGS, "", "cp-1", NoHttp()).answers


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory):
    found = Simulator("autocount_excel", tmp_path_factory.mktemp("sim") / "ledger.jsonl")
    yield found
    found.kill()


def imported(sim: Simulator, body: bytes, kind: str = "invoice", **query: str):
    told = requests.post(
        f"{sim.url}/desktop/import", params={"type": kind, **query}, data=body, timeout=20
    )
    assert told.ok, told.text
    return told.json()["rows"]


def test_it_is_imported_by_hand_and_nothing_of_it_is_called():
    assert isinstance(TARGET, ImportedByHand)
    report = TARGET.test(SETTINGS, "", NoHttp())
    assert report.ok
    assert report.snapshot.excel_import_enabled
    without = TARGET.test({"company_id": "kedai"}, "", NoHttp())
    assert [step.code for step in without.steps if step.ok is False] == [
        "number_prefix",
        "closed_day",
    ]


def test_same_documents_give_the_same_bytes():
    assert build(make()) == build(make())


def test_a_document_is_accepted_and_written_once(sim):
    sim.control("reset")
    (answer,) = send(make())
    assert (answer.kind, answer.number) == ("awaiting", "NS-1")
    body = build(make()).body
    assert [one["state"] for one in imported(sim, body)] == ["New", "New"]
    (written,) = sim.ledger("created")
    assert (written["number"], written["total"]) == ("NS-1", "118.80")
    assert written["file_sha256"] == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize("name", [one.name for one in TARGET.documents])
def test_every_type_is_imported_as_it_was_written(sim, name):
    sim.control("reset")
    payload = build(of_type(name))
    assert payload.file_name == f"cp_kedai_{name}_20261120_17.xlsx"
    rows = imported(sim, payload.body, name)
    assert {one["state"] for one in rows} == {"New"}, rows
    (listed,) = TARGET.listed(listing(sim, name))
    document = of_type(name)
    assert (listed.number, listed.party) == (document.number, document.party)
    assert (listed.date, listed.total) == (date(2026, 11, 19), Decimal("118.80"))


def test_a_type_that_is_left_to_another_way_is_written_in_no_file():
    beside = {**SETTINGS, "document_types": "delivery_order, sales_order"}
    for name in (one.name for one in TARGET.documents):
        payload = TARGET.build([of_type(name)], beside, batch=True, batch_name="20261120_17")
        assert bool(payload.refused) == (name not in ("delivery_order", "sales_order"))
        if payload.refused:
            (answer,) = payload.refused.values()
            assert answer.error_class == "business_rule"
            assert "setting Document types it takes" in answer.words
            assert payload.body == b""


def listing(sim: Simulator, kind: str = "invoice") -> bytes:
    return requests.get(f"{sim.url}/desktop/listing", params={"type": kind}, timeout=20).content


def test_cells_are_what_they_are():
    book = openpyxl.load_workbook(io.BytesIO(build(make(DebtorName="=1+1", Ref="0012")).body))
    head = [cell.value for cell in book["Data"][1]]
    row = dict(zip(head, book["Data"][2], strict=True))
    assert (row["Ref"].value, row["Ref"].data_type) == ("0012", "s")
    assert (row["DebtorName"].value, row["DebtorName"].data_type) == ("=1+1", "s")
    assert row["DebtorName"].quotePrefix
    assert not row["DocNo"].quotePrefix
    assert row["DocDate"].is_date
    assert (row["Qty"].value, row["InclusiveTax"].value) == (2, "F")
    told = dict(one[:2] for one in book["Clearpost"].iter_rows(values_only=True))
    assert (told["Run"], told["Rows"], told["Documents"]) == ("17", 2, 1)
    assert (told["Total MYR"], len(told["SHA-256 of the data"])) == (118.8, 64)


@pytest.mark.parametrize(
    ("changed", "error_class", "words"),
    [
        ({"number": "IV-1"}, "business_rule", "does not begin with NS- or CP"),
        ({"number": "CP"}, "business_rule", "does not begin with"),
        ({"DebtorCode": ""}, "missing_field", "DebtorCode is blank"),
        ({"DisplayTerm": ""}, "missing_field", "DisplayTerm is blank"),
        ({"DebtorName": "x" * 101}, "bad_value", "101 characters; at most 100"),
        ({"DebtorName": "a\x07b"}, "bad_value", "unsupported character"),
        ({"DebtorName": "\ta"}, "bad_value", "no cell of text holds"),
        ({"DocDate": "19/11/2026"}, "bad_value", "not a date"),
        ({"CurrencyRate": "NaN"}, "bad_value", "not a number"),
    ],
)
def test_what_would_be_cut_misread_or_overwritten_is_refused(changed, error_class, words):
    (answer,) = send(make(**changed))
    assert (answer.kind, answer.error_class) == ("refused", error_class)
    assert words in answer.words


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ({"ItemCode": "", "AccNo": ""}, "no ItemCode and no AccNo"),
        ({"UOM": ""}, "UOM of line 1 is blank"),
        ({"Qty": "0"}, "not above 0"),
    ],
)
def test_lines_that_no_import_takes_are_refused(line, words):
    told = {"CurrencyCode": "MYR", "CurrencyRate": "1"}
    (answer,) = send(autocount_invoice("NS-1", lines=[bill_line(**line)], **told))
    assert words in answer.words


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"PaymentAmt": "0"}, "not above 0"),
        ({"KnockOffDocNo": "NS-1"}, "go together"),
        ({"KnockOffDocNo": "NS-1", "KnockOffAmt": "200"}, "not between 0 and"),
    ],
)
def test_payments_that_no_import_takes_are_refused(changed, words):
    paid = of_type("ar_payment")
    (answer,) = send(Posted(**{**vars(paid), "fields": {**paid.fields, **changed}}))
    assert words in answer.words


@pytest.mark.parametrize(
    ("paid", "words"),
    [
        ("", "PaymentAmt is blank"),
        ("0.00", "not above 0"),
        ("118.81", "more than the sale comes to: 118.80"),
        ("118.80", "stands in a file"),
        ("100.00", "stands in a file"),
    ],
)
def test_no_more_is_paid_of_a_cash_sale_than_it_comes_to(paid, words):
    sale = of_type("cash_sale")
    (answer,) = send(Posted(**{**vars(sale), "fields": {**sale.fields, "PaymentAmt": paid}}))
    assert words in answer.words


def test_a_refused_document_leaves_the_others_their_rows(sim):
    sim.control("reset")
    told = send(make("NS-1"), make("IV-2"), make("NS-3"))
    assert [one.kind for one in told] == ["awaiting", "refused", "awaiting"]
    payload = build(make("NS-1"), make("IV-2"), make("NS-3"))
    assert payload.rows == {2: "NS-1", 3: "NS-1", 4: "NS-3", 5: "NS-3"}
    assert payload.positions == {2: 0, 3: 0, 4: 2, 5: 2}
    assert {one["doc_no"] for one in imported(sim, payload.body)} == {"NS-1", "NS-3"}


@pytest.mark.parametrize(
    ("message", "error_class"),
    [
        ("Mandatory field DisplayTerm is empty", "missing_field"),
        ("Debtor code 300-X999 not found", "mapping_missing"),
        ("Item code ABC does not exist", "mapping_missing"),
        ("UOM CTN of item SOAP90 not found", "mapping_missing"),
        ("Invalid tax code", "mapping_missing"),
        (
            "Transaction date 31/03/2018 is locked, you can unlock it from Tools",
            "period_locked",
        ),
        ("Document number already exists", "duplicate"),
        ("Qty is not a number", "bad_value"),
        ("Net total must be greater than 0", "business_rule"),
        ("", "business_rule"),
    ],
)
def test_words_of_the_import_have_their_class(message, error_class):
    assert TARGET.class_of(message) == error_class


def test_the_simulator_does_as_the_desktop_does(sim):
    """Columns by exact header; overwriting; an older file wins; the switches of people."""
    sim.control("reset")
    newer, older = build(make(Ref="new")).body, build(make(Ref="old")).body
    assert {one["state"] for one in imported(sim, newer)} == {"New"}
    assert {one["state"] for one in imported(sim, older)} == {"Update"}
    assert sim.show("documents")[0]["rows"][0]["Ref"] == "old"
    book = openpyxl.load_workbook(io.BytesIO(newer))
    book["Data"]["A1"] = "DocNo "
    out = io.BytesIO()
    book.save(out)
    told = requests.post(
        f"{sim.url}/desktop/import", params={"type": "invoice"}, data=out.getvalue(), timeout=20
    )
    assert (told.status_code, told.json()["error"]) == (400, "The header row is not there")
    sim.control("lock", through="2026-11-30", **{"except": ["boss"]})
    states = [{one["state"] for one in imported(sim, newer, user=u)} for u in ("siti", "boss")]
    assert states == [{"Error"}, {"Update"}]
    sim.control("lock")
    stranger = build(make("NS-2", DebtorCode="300-N001")).body
    assert {one["state"] for one in imported(sim, stranger)} == {"Error"}
    assert {one["state"] for one in imported(sim, stranger, auto_create="1")} == {"New"}
    lines = [bill_line(), bill_line(UOM="CTN")]
    half = autocount_invoice("NS-4", lines=lines, CurrencyCode="MYR", CurrencyRate="1")
    assert [one["state"] for one in imported(sim, build(half).body)] == ["New", "Error"]
    sim.control("whole_documents")
    assert [one["state"] for one in imported(sim, build(half).body)] == ["Error", "Error"]


def test_the_simulator_ends_a_restart_where_it_was(sim):
    sim.control("reset")
    imported(sim, build(make()).body)
    before = sim.show("documents")
    sim.kill()
    sim.start()
    assert sim.show("documents") == before


@pytest.mark.parametrize(
    ("rows", "code"),
    [([["No columns"]], "listing.columns"), ([["Doc No", "Date", "Total"]], "listing.columns")],
)
def test_a_listing_without_its_columns_is_not_read(rows, code):
    told = TARGET.listed(write("Listing", rows))
    assert isinstance(told, SourceRefusal)
    assert told.code == code


def test_a_listing_that_is_no_workbook_is_not_read():
    told = TARGET.listed(b"number,total")
    assert isinstance(told, SourceRefusal)
    assert told.code == "listing.not_xlsx"


def test_cells_of_a_listing_are_read_as_people_save_them():
    rows = [
        ["DocNo", "DocDate", "DebtorCode", "Total"],
        ["NS-1", "19/11/2026", "300-W001", "1,234.50"],
    ]
    (one,) = TARGET.listed(write("Sheet1", rows))
    assert (one.date, one.total, one.row) == (date(2026, 11, 19), Decimal("1234.50"), 2)


@pytest.mark.parametrize(
    "shown", ["1E999999999", "-1E15", "1E-999999999", "NaN", Decimal(10) ** 15]
)
def test_a_total_that_no_document_has_is_not_readable(shown):
    rows = [["DocNo", "DocDate", "DebtorCode", "Total"], ["NS-1", "19/11/2026", "300-W001", shown]]
    (one,) = TARGET.listed(write("Sheet1", rows))
    assert one.total is None


def test_ways_that_are_not_offered_say_what_is():
    told = not_offered("autocount_sdk")
    assert told is not None
    assert "autocount_excel" in told.instead
    assert not_offered("sage") is None


_BEST = {"Doc No": "NS-1", "Doc Date": "19/11/2026", "Debtor Code": "300-W001"}
_OTHERS = {"No": 7, "Debtor": "Web Customer", "Total": "100.00", "Net Total": "110.00"}


@pytest.mark.parametrize("turned", [False, True], ids=["as they are", "turned round"])
def test_the_heading_that_says_most_is_taken_wherever_it_stands(turned):
    columns = list((_OTHERS | _BEST | {"Final Total": "118.80"}).items())
    columns = columns[::-1] if turned else columns
    (one,) = TARGET.listed(write("Sheet1", [list(row) for row in zip(*columns, strict=True)]))
    assert (one.number, one.party, one.total) == ("NS-1", "300-W001", Decimal("118.80"))


@pytest.mark.parametrize("turned", [False, True], ids=["as they are", "turned round"])
@pytest.mark.parametrize(
    ("totals", "taken"),
    [
        ({"Total": "1.00", "Net Total": "2.00"}, "2.00"),
        ({"Amount": "1.00", "Total": "2.00"}, "2.00"),
    ],
)
def test_of_two_totals_the_one_after_tax_is_taken(totals, taken, turned):
    columns = list((_BEST | totals).items())
    columns = columns[::-1] if turned else columns
    (one,) = TARGET.listed(write("Sheet1", [list(row) for row in zip(*columns, strict=True)]))
    assert one.total == Decimal(taken)


OWN_NAMES = {**SETTINGS, "column_names": "Inv_No = DocNo\nDetailText = DtlDescription"}


def test_the_columns_are_called_as_the_customers_template_calls_them():
    body = TARGET.build([make()], OWN_NAMES, batch=True, batch_name="x_1").body
    [data, _] = openpyxl.load_workbook(io.BytesIO(body)).worksheets
    heads = [cell.value for cell in data[1]]
    assert heads[:4] == ["Inv_No", "DocDate", "DebtorCode", "DebtorName"]
    assert "DetailText" in heads
    assert not {"DocNo", "DtlDescription", "detailtext"} & {*heads}
    rows = rows_of(body, heads_of_a_book(), {"Inv_No": "DocNo", "DetailText": "DtlDescription"})
    assert {one.values["DocNo"] for one in rows} == {"NS-1"}
    assert [one.values["DtlDescription"] for one in rows][1] == "Shipping"


def test_without_the_mapping_a_book_finds_no_number_in_such_a_file():
    body = TARGET.build([make()], OWN_NAMES, batch=True, batch_name="x_1").body
    with pytest.raises(UnreadableError):
        rows_of(body, heads_of_a_book())


def heads_of_a_book() -> list[str]:
    return [one.name for one in SHEETS["invoice"].columns]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("Inv No = DocNo", "“Inv No” has a space or a sign"),
        ("InvNo. = DocNo", "“InvNo.” has a space or a sign"),
        ("InvNo = Number", "There is no field Number"),
        ("ref = DocNo", "Two columns of invoice would be called ref"),
        ("InvNo", "is not a column with its field"),
    ],
)
def test_column_names_that_would_lose_a_column_are_refused(told, words):
    settings = {**SETTINGS, "column_names": told}
    steps = {one.name: one for one in TARGET.test(settings, "", NoHttp()).steps}
    assert steps["Column names"].ok is False
    assert words in steps["Column names"].words
    [answer] = TARGET.build([make()], settings, batch=True, batch_name="x_1").refused.values()
    assert (answer.kind, answer.error_class) == ("refused", "business_rule")
    assert words in answer.words
    assert TARGET.test(OWN_NAMES, "", NoHttp()).steps[3].words == (
        "As in your template: Inv_No for DocNo, DetailText for DtlDescription."
    )


def test_a_listing_has_days_in_words_and_a_total_that_is_no_document():
    head = ["Doc No", "Debtor Code", "Date", "Final Total"]
    rows = [head, ["NS-1", "300-N001", "22-Nov-2026", "RM 1,235.50"], ["Grand Total", "", "", "9"]]
    (one,) = TARGET.listed(write("Sheet", rows))
    assert (one.date, one.total) == (date(2026, 11, 22), Decimal("1235.50"))

"""A number with more decimals than the account book keeps is told before anything is sent."""

import pytest

from connectors import registry
from tests.connectors.sample_documents import autocount_invoice, bill_line

BOOK = {"company_id": "1042", "base_currency": "MYR"}
ROUNDED = "AutoCount would round it without a word. Round it in the rules"


def _told(document, target: str = "autocount", **settings: str) -> str:
    built = registry.targets()[target].build(
        [document], {**BOOK, **settings}, batch=False, batch_name=""
    )
    if not built.refused:
        assert built.body
        return ""
    assert built.body == b""
    assert (built.refused[0].error_class, built.refused[0].code) == ("bad_value", "preflight")
    return built.refused[0].words


def _with(**changed: str):
    return autocount_invoice(lines=[bill_line(), bill_line(**changed)])


def _words(name: str, value: str, kept: int, setting: str = "") -> str:
    remedy = f", or correct the setting {setting} of the connection" if setting else ""
    return f"{name} is {value}, and the account book keeps {kept} decimals: {ROUNDED}{remedy}."


@pytest.mark.parametrize("document", ["invoice", "credit_note"])
def test_field_line_value_and_decimals_are_named(document) -> None:
    lines = [bill_line(), bill_line(Qty="0.125", SubTotal="6.19")]
    found = _told(autocount_invoice(document=document, lines=lines))
    assert found == _words("Qty of line 2", "0.125", 2, "Decimals of quantities")
    lines = [bill_line(UnitPrice="0.4167", SubTotal="0.83")]
    found = _told(autocount_invoice(document=document, lines=lines))
    assert found == _words("UnitPrice of line 1", "0.4167", 2, "Decimals of unit prices")
    lines = [bill_line(Discount="1.005", SubTotal="98.00")]
    found = _told(autocount_invoice(document=document, lines=lines))
    assert found == _words("Discount of line 1", "1.005", 2)


@pytest.mark.parametrize("value", ["0.12", "0.120", "0.1200", "7", "7.00"])
def test_zeros_at_the_end_are_no_decimals(value) -> None:
    assert _told(_with(Qty=value)) == ""
    assert _told(_with(UnitPrice=value)) == ""


@pytest.mark.parametrize(
    ("kept", "good", "bad"),
    [("0", "3", "3.5"), ("1", "3.5", "3.55"), ("3", "3.555", "3.5555"), ("4", "3.5555", "")],
)
def test_the_settings_say_how_many_are_kept(kept, good, bad) -> None:
    assert _told(_with(Qty=good, UnitPrice="1.00"), quantity_decimals=kept) == ""
    lines = [bill_line(UnitPrice="5"), bill_line(UnitPrice=good)]
    assert _told(autocount_invoice(lines=lines), price_decimals=kept) == ""
    if bad:
        found = _told(_with(Qty=bad), quantity_decimals=kept)
        assert found == _words("Qty of line 2", bad, int(kept), "Decimals of quantities")
        whole = autocount_invoice(lines=[bill_line(UnitPrice="5"), bill_line(UnitPrice=bad)])
        found = _told(whole, price_decimals=kept)
        assert found == _words("UnitPrice of line 2", bad, int(kept), "Decimals of unit prices")


def test_a_strange_setting_counts_as_none() -> None:
    for strange in ("nine", "9", " "):
        assert "keeps 2 decimals" in _told(_with(Qty="0.125"), quantity_decimals=strange)


def test_a_discount_in_per_cent_is_text_there() -> None:
    assert _told(_with(Discount="33.333%")) == ""


def test_the_amount_of_a_bill_is_a_price_there() -> None:
    fields = {
        "DocNo": "B-1",
        "DocDate": "2026-11-19",
        "CreditorCode": "400-B012",
        "CreditorName": "Blogger 12",
        "DisplayTerm": "C.O.D.",
        "AccNo": "905-0000",
        "DtlDescription": "Fees",
        "Amount": "10.50",
    }
    bill = autocount_invoice("B-1", document="ap_invoice", amount="10.50", lines=[])
    bill = type(bill)(**{**_fields_of(bill), "fields": fields, "party": "400-B012", "lines": ()})
    assert _told(bill) == ""
    assert _told(bill, price_decimals="4") == ""
    more = type(bill)(**{**_fields_of(bill), "fields": {**fields, "Amount": "10.505"}})
    assert "more than 2 decimal places: 10.505" in _told(more, price_decimals="4")
    found = _told(bill, price_decimals="0")
    assert found == _words("Amount", "10.50", 0, "Decimals of unit prices")


def _fields_of(document) -> dict[str, object]:
    return {name: getattr(document, name) for name in document.__dataclass_fields__}


def test_a_void_sends_no_numbers() -> None:
    target = registry.targets()["autocount"]
    document = _with(Qty="0.125")
    built = target.build([document], BOOK, batch=False, batch_name="", action="void")
    assert not built.refused
    built = target.build([document], BOOK, batch=False, batch_name="", action="update")
    assert "Qty of line 2 is 0.125" in built.refused[0].words


WORKBOOK = {"number_prefix": "NS-"}


def _of_workbook(**changed: str):
    """The same columns in the workbook."""
    head = {"DisplayTerm": "C.O.D.", "CurrencyCode": "MYR", "CurrencyRate": "1"}
    return autocount_invoice(lines=[bill_line(**changed)], **head)


def test_the_workbook_takes_four_unless_the_book_is_said_to_keep_fewer() -> None:
    for document in (_of_workbook(Qty="0.1255"), _of_workbook(UnitPrice="0.4167")):
        assert _told(document, "autocount_excel", **WORKBOOK) == ""
    settings = {**WORKBOOK, "quantity_decimals": "2", "price_decimals": "2"}
    found = _told(_of_workbook(Qty="0.125"), "autocount_excel", **settings)
    assert found == _words("Qty of line 1", "0.125", 2, "Decimals of quantities")
    found = _told(_of_workbook(UnitPrice="0.4167"), "autocount_excel", **settings)
    assert found == _words("UnitPrice of line 1", "0.4167", 2, "Decimals of unit prices")
    found = _told(_of_workbook(Discount="0.125"), "autocount_excel", **settings)
    assert found == _words("Discount of line 1", "0.125", 2)
    assert _told(_of_workbook(Qty="0.12", UnitPrice="0.41"), "autocount_excel", **settings) == ""


def test_on_the_go_keeps_two_of_every_amount() -> None:
    head = {"JournalType": "SALES", "CreditTerm": "C.O.D.", "NetTotal": "99.00", "FinalTotal": None}
    line = {"AccNo": "500-0000", "Description": "Tees", "Tax": "S-10", "Amount": "99.005"}
    document = autocount_invoice(document="ar_invoice", lines=[line], **head)
    found = _told(document, "autocount_aotg")
    assert found == "Amount of line 1 has more than 2 decimal places: 99.005."


@pytest.mark.parametrize(("name", "usual"), [("autocount", "2"), ("autocount_excel", "4")])
def test_the_form_asks_for_both_and_says_what_counts_until_then(name, usual) -> None:
    asked = {one.name: one for one in registry.targets()[name].form.settings}
    assert asked["quantity_decimals"].label == "Decimals of quantities"
    assert asked["price_decimals"].label == "Decimals of unit prices"
    for one in (asked["quantity_decimals"], asked["price_decimals"]):
        assert (one.required, one.unset) == (False, f"Not set: {usual}")
        assert list(one.choices) == ["0", "1", "2", "3", "4"]

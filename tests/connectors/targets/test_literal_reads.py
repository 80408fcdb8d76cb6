"""What targets say when they are read, word by word as their contracts have it, and what a client
makes of each: no stand-in speaks here, so that a word wrong on both sides is found.
"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from connectors.contract import Kept
from connectors.contract.targets import ListEntry
from connectors.targets.aiaccount import connector, outcomes
from connectors.targets.aiaccount import probe as aiaccount_probe
from connectors.targets.autocount import answers as compare
from connectors.targets.autocount import payload
from connectors.targets.quickbooks import probe as quickbooks_probe
from connectors.transport.http import HttpAnswer
from connectors.transport.strict_json import dumps
from tests.connectors.sample_documents import autocount_invoice, bill_line, invoice

NOW = datetime(2026, 11, 20, 2, tzinfo=UTC)
Content = Mapping[str, object]


def said(content: object, status: int = 200, **headers: str) -> HttpAnswer:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpAnswer(status=status, headers=told, body=dumps(content), seconds=0.0, at=NOW)


# ---- AiAccount: the connection ----

CONNECTION = {
    "company": {"id": "CMP-1042", "name": "Kedai Bunga Sdn Bhd"},
    "key": {
        "id": "key_31",
        "label": "Clearpost",
        "status": "active",
        "permissions": ["sales.write", "sales.read", "expense.write", "imports.read"],
    },
    "settings": {
        "rounding_mode": "per_line",
        "base_currency": "MYR",
        "currencies": ["MYR", "SGD"],
        "tax_codes": ["NT", "MY-SALES10"],
        "accounts": ["12000", "40000"],
        "locked_through": "2026-09-30",
        "excel_import_enabled": True,
        "einvoice_enabled": True,
    },
    "quota": {"plan": "trial", "limit": 100, "used": 37, "resets_on": "2026-12-01"},
}


def connected(answer: HttpAnswer, **settings: object):
    given = {"company_id": "CMP-1042", "company_name": "Kedai Bunga Sdn Bhd", **settings}
    return aiaccount_probe.report(given, "per_line", "aia_live_7Qk2", answer)


def step(report, name: str):
    return next(one for one in report.steps if one.name == name)


def test_aiaccount_tells_of_its_company():
    report = connected(said(CONNECTION))
    assert report.snapshot is not None
    told = asdict(report.snapshot)
    assert {name: told[name] for name in (*EXPECTED,)} == EXPECTED
    assert step(report, "Excel import").code == "excel.on"
    assert "no sales invoice is taken while e-invoices are on" in step(report, "Permission").words
    assert step(report, "Quota").words == "63 of 100 left this month."
    needs = step(connected(said(CONNECTION), needs=["refund.write"]), "Permission").words
    assert "“Write refunds”: no refund is taken" in needs


EXPECTED = {
    "company_id": "CMP-1042",
    "company_name": "Kedai Bunga Sdn Bhd",
    "locked_through": date(2026, 9, 30),
    "tax_codes": ("NT", "MY-SALES10"),
    "accounts": ("12000", "40000"),
    "currencies": ("MYR", "SGD"),
    "permissions": ("sales.write", "sales.read", "expense.write", "imports.read"),
    "key_status": "active",
    "rounding_mode": "per_line",
    "base_currency": "MYR",
    "excel_import_enabled": True,
    "einvoice_enabled": True,
    "quota_limit": 100,
    "quota_used": 37,
    "quota_resets_on": date(2026, 12, 1),
}


@pytest.mark.parametrize("needed", aiaccount_probe.NEEDED)
def test_aiaccount_misses_each_permission_that_is_needed(needed: str):
    key = {**CONNECTION["key"], "permissions": []}
    titles = {"sales.write": "Write sales", "sales.read": "Read sales"}
    titles["imports.read"] = "Read imports"
    words = step(connected(said({**CONNECTION, "key": key})), "Permission").words
    assert f"“{titles[needed]}”" in words
    held = {**CONNECTION["key"], "permissions": [needed]}
    words = step(connected(said({**CONNECTION, "key": held})), "Permission").words
    assert f"“{titles[needed]}”" not in words


@pytest.mark.parametrize(
    ("status", "code", "name", "words"),
    [
        (404, "company_not_found", "Company", "reaches no company CMP-1042"),
        (401, "invalid_key", "Key accepted", "ending in …7Qk2"),
        (400, "other", "Key accepted", "Try later"),
    ],
)
def test_aiaccount_refuses_its_connection(status: int, code: str, name: str, words: str):
    report = connected(said({"error": {"code": code, "message": "Try later"}}, status))
    failed = next(one for one in report.steps if one.ok is False)
    assert (failed.name, words in failed.words) == (name, True)


# ---- AiAccount: looking up ----

LISTED = {
    "id": "inv_55130",
    "invoice_number": "NS-1",
    "customer": "Aisyah Rahman",
    "status": "posted",
    "total": "118.80",
    "currency": "MYR",
    "import_id": None,
    "idempotency_key": None,
}
BY_KEY, BY_NUMBER = (
    "/v1/imports?idempotency_key=cp-1",
    ("/v1/sales/invoices?invoice_number=NS-1&customer=Aisyah%20Rahman"),
)


def looked(answers: Mapping[str, object]):
    """Only these paths are asked for; each answer is the content of a 200."""

    def get(path: str) -> HttpAnswer:
        found = answers[path]
        return found if isinstance(found, HttpAnswer) else said(found)

    return connector.look_up(invoice("NS-1"), "cp-1", get, NOW)


@pytest.mark.parametrize(
    ("status", "reason"),
    [("cached", "The key is paused"), ("queued", "still processing"), ("processing", "still proc")],
)
def test_aiaccount_has_not_finished_an_import(status: str, reason: str):
    found = looked({BY_KEY: {"data": [{"id": "imp_1", "status": status}]}})
    assert found.kind == "unknown"
    assert reason in found.words


def test_aiaccount_shows_an_import_with_its_documents():
    one = {"invoice_number": "NS-1", "customer": "Aisyah Rahman", "outcome": "accepted"}
    one |= {"id": "inv_1", "lines": [2, 3], "total": "118.80"}
    done = {"import": {"id": "imp_1", "status": "completed"}, "documents": [one]}
    answers = {BY_KEY: {"data": [{"id": "imp_1", "status": "completed"}]}}
    found = looked({**answers, "/v1/imports/imp_1": done})
    assert (found.kind, found.target_ref, found.total) == ("equal", "inv_1", Decimal("118.80"))


@pytest.mark.parametrize(
    ("changed", "kind", "words"),
    [
        ({}, "equal", "It exists there with the same total, RM 118.80."),
        ({"total": "100.00"}, "different", "It exists there with RM 100.00, not RM 118.80."),
        ({"currency": "SGD"}, "different", "It exists there with SGD 118.80, not RM 118.80."),
        (
            {"total": "9.00", "idempotency_key": "cp-1"},
            "equal",
            "It exists there under our key, with the total RM 9.00.",
        ),
        ({"status": "void"}, "absent", "No document of this number and customer."),
        ({"status": "cancelled"}, "absent", "No document of this number and customer."),
        ({"invoice_number": "NS-2"}, "absent", "No document of this number and customer."),
        ({"customer": "Lim Wei"}, "absent", "No document of this number and customer."),
    ],
)
def test_aiaccount_lists_a_document_by_its_number(changed: Content, kind: str, words: str):
    found = looked({BY_KEY: {"data": []}, BY_NUMBER: {"data": [{**LISTED, **changed}]}})
    assert (found.kind, found.words) == (kind, words)
    assert found.target_ref == (None if kind == "absent" else "inv_55130")


@pytest.mark.parametrize("status", ["void", "cancelled"])
def test_aiaccount_shows_what_was_made_void(status: str):
    shown = {"data": [{**LISTED, "status": status}]}
    found = connector.read(invoice("NS-1"), lambda _: said(shown), NOW)
    assert (found.kind, found.void, found.target_ref) == ("different", True, "inv_55130")


def test_aiaccount_says_why_it_cannot_be_looked_into():
    error = {"error": {"code": "rate_limited", "message": "Slow down"}}
    found = looked({BY_KEY: said(error, 429, retry_after="7")})
    assert (found.kind, "Slow down" in found.words) == ("unknown", True)


# ---- AiAccount: what became of a call ----


def heard(content: object, status: int, **headers: str):
    return outcomes.hear(said(content, status, **headers), NOW)


def test_aiaccount_says_what_it_took():
    note = {"line": 4, "code": "total_recomputed", "sent": "33.16", "stored": "33.17"}
    entry = {"id": "inv_1", "total": "33.17", "warnings": [note]}
    told = outcomes.accepted(entry, heard({}, 201, idempotent_replayed="true"), "NS-1", [3, 4])
    assert told.words == "Accepted, with a note: line 4 was 33.16, stored as 33.17."
    assert (told.target_ref, told.total, told.existing) == ("inv_1", Decimal("33.17"), True)
    assert told.kept == (Kept(2, "LineTotal", "33.17"),)
    paid = outcomes.accepted({"amount": "9.00"}, heard({}, 201), "RC-1", [2])
    assert (paid.total, paid.existing, paid.words) == (Decimal("9.00"), False, "Accepted.")
    other = outcomes.accepted({"warnings": [{"code": "new"}]}, heard({}, 201), "NS-1", [2])
    assert other.words == "Accepted, with a note: new."


def test_aiaccount_says_which_lines_it_rejected():
    errors = [{"line": at, "code": "missing_field", "message": "UOM is blank"} for at in (3, 4)]
    content = {"error": {"code": "bad_value", "message": "whole"}, "errors": errors}
    told = outcomes.rejected({"lines": [3, 4]}, heard(content, 422), "NS-1")
    assert (told.error_class, told.code) == ("missing_field", "missing_field")
    assert told.words == "lines 3, 4: UOM is blank"
    none = outcomes.rejected({"lines": [9]}, heard(content, 422), "NS-1")
    assert (none.code, none.words) == ("bad_value", "whole")


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("tin_format", "bad_value"),
        ("classification_missing", "missing_field"),
        ("buyer_incomplete", "missing_field"),
    ],
)
def test_aiaccount_says_why_an_e_invoice_is_no_good(reason: str, expected: str):
    line = {"line": 2, "code": "einvoice_invalid", "reason": reason, "message": "no"}
    content = {"error": {"code": "einvoice_invalid", "message": "no"}, "errors": [line]}
    assert outcomes.refusal(heard(content, 422)).error_class == expected
    assert outcomes.rejected({"lines": [2]}, heard(content, 422), "N").error_class == expected


@pytest.mark.parametrize(
    ("reason", "same", "kind", "error_class"),
    [
        ("document_exists", True, "accepted", None),
        ("document_exists", False, "refused", "stale_version"),
        ("key_reused", True, "refused", "duplicate"),
    ],
)
def test_aiaccount_has_the_number_already(reason, same, kind, error_class):
    error = {"code": "duplicate", "reason": reason, "message": "Invoice NS-1 already exists"}
    error |= {"existing_id": "inv_55130", "same_content": same}
    told = outcomes.refusal(heard({"error": error}, 409))
    assert (told.kind, told.error_class, told.target_ref) == (kind, error_class, "inv_55130")
    assert ("already exists" in told.words) is (reason == "key_reused")


def test_aiaccount_keeps_a_push_or_works_on_it():
    error = {"code": "key_paused", "cached": True, "cache_id": "cch_19"}
    told = outcomes.parked(heard({"error": error}, 423))
    assert (told.kind, told.code, told.target_ref) == ("awaiting", "key_paused", "cch_19")
    told = outcomes.awaiting(heard({"import": {"id": "imp_1", "status": "queued"}}, 202))
    assert (told.kind, told.code, told.target_ref) == ("awaiting", "processing", "imp_1")


def test_aiaccount_says_when_it_may_be_asked_again():
    error = {"code": "quota_exceeded", "limit": 100, "used": 100, "resets_on": "2026-11-21"}
    told = outcomes.refusal(heard({"error": error}, 429))
    assert (told.kind, told.error_class, told.retry_after) == ("temporary", "temporary", 22 * 3600)


# ---- QuickBooks ----

SETTINGS = {"client_id": "ABc1", "company_id": "9341452", "company_name": "Kedai Bunga"}
PREFERENCES = {
    "Preferences": {
        "AccountingInfoPrefs": {"BookCloseDate": "2026-09-30"},
        "CurrencyPrefs": {"MultiCurrencyEnabled": True, "HomeCurrency": {"value": "MYR"}},
        "SalesFormsPrefs": {
            "CustomTxnNumbers": True,
            "CustomField": [
                {
                    "CustomField": [
                        {
                            "Type": "BooleanType",
                            "Name": "SalesFormsPrefs.UseSalesCustom2",
                            "BooleanValue": False,
                        },
                        {
                            "Type": "BooleanType",
                            "Name": "SalesFormsPrefs.UseSalesCustom1",
                            "BooleanValue": True,
                        },
                    ]
                },
                {
                    "CustomField": [
                        {
                            "Type": "StringType",
                            "Name": "SalesFormsPrefs.SalesCustomName1",
                            "StringValue": "Crew #",
                        }
                    ]
                },
            ],
        },
        "Id": "1",
    }
}


def rows(entity: str, *found: Content) -> Content:
    return {"QueryResponse": {entity: list(found), "startPosition": 1, "maxResults": len(found)}}


def test_quickbooks_tells_of_its_company():
    asked: list[str] = []

    def get(path: str) -> HttpAnswer:
        asked.append(path)
        if path == "/companyinfo/9341452":
            return said({"CompanyInfo": {"CompanyName": "Kedai Bunga", "Id": "1"}})
        if path == "/preferences":
            return said(PREFERENCES)
        listed = ("TaxCode", "Account", "PaymentMethod", "Term")
        entity = next(one for one in listed if f"%20{one}%20" in path)
        gone = {"Id": "9", "Name": "Old", "Active": False}
        return said(rows(entity, {"Id": "5", "Name": entity, "Active": True}, gone))

    report = quickbooks_probe.report(SETTINGS, "shh:R:A:1790000000", get)
    assert report.snapshot is not None
    told = asdict(report.snapshot)
    assert told["locked_through"] == date(2026, 9, 30)
    assert told["base_currency"] == "MYR"
    lists = ("tax_codes", "accounts", "payment_methods", "terms")
    assert [told[name] for name in lists] == [("5",)] * 4
    assert told["names"] == {
        "tax_code": {"5": "TaxCode", "9": "Old"},
        "account": {"5": "Account", "9": "Old"},
        "payment_method": {"5": "PaymentMethod", "9": "Old"},
        "payment_term": {"5": "Term", "9": "Old"},
        "custom_field": {"1": "Crew #"},
    }
    assert len(asked) == 6


@pytest.mark.parametrize("field", ["DisplayName", "FullyQualifiedName", "Name"])
def test_quickbooks_lists_an_entry_by_the_name_people_see(field: str):
    entry = {"Id": "58", field: "Aisyah", "Active": False, "Sku": "TEE"}
    for kind, entity in (("customer", "Customer"), ("vendor", "Vendor"), ("item", "Item")):
        found = quickbooks_probe.list_page(kind, "", lambda _, e=entity: said(rows(e, entry)))
        assert found.entries == (ListEntry("58", "Aisyah", active=False, sku="TEE"),)


# ---- AutoCount ----

SENT = {
    "master": {"docNo": "ns-1", "docDate": "2026-11-19", "ref": "10231", "inclusiveTax": False},
    "details": [{"accNo": "500-0000", "qty": Decimal("2.005"), "unitPrice": Decimal("49.505")}],
    "paymentDetails": [{"paymentMethod": "BANK", "paymentAmt": Decimal("250.00")}],
}
STANDS = {
    "master": {
        "docNo": "NS-1",
        "docDate": "2026-11-19T00:00:00",
        "ref": "10231",
        "inclusiveTax": False,
        "finalTotal": Decimal("108.90"),
    },
    "details": [
        {
            "accNo": "500-0000",
            "qty": Decimal("2.01"),
            "unitPrice": Decimal("49.51"),
            "subTotalExTax": Decimal("99.00"),
            "subTotal": Decimal("108.90"),
        }
    ],
    "paymentDetails": [{"paymentMethod": "BANK", "paymentAmt": Decimal("250.00")}],
}


def compared(expected: Mapping[str, str], **changed: object):
    return compare.compare(SENT, expected, {**STANDS, **changed})


def test_autocount_rounds_quantity_and_price_and_the_line_with_them():
    found = compared({"subTotal.0": "98.99", "finalTotal": "108.89"})
    assert found.differences == ()
    assert found.kept == (
        Kept(1, "Qty", "2.01"),
        Kept(1, "UnitPrice", "49.51"),
        Kept(1, "SubTotal", "99"),
        Kept(0, "FinalTotal", "108.90"),
    )


def test_autocount_compares_a_line_with_its_tax_where_tax_is_inside():
    inside = {**STANDS["master"], "inclusiveTax": True}
    found = compare.compare({"details": SENT["details"]}, {"subTotal.0": "108.90"},
                            {**STANDS, "master": inside})  # fmt: skip
    assert [one.field for one in found.kept] == ["Qty", "UnitPrice"]


def test_autocount_names_what_is_not_the_same():
    payment = [{"paymentMethod": "CASH", "paymentAmt": Decimal("250.00")}]
    found = compared({"finalTotal": "100.00"}, paymentDetails=payment)
    assert found.words == (
        "paymentMethod of line 1 is CASH there, not BANK; finalTotal is 108.90 there, not 100.00"
    )
    assert compared({}, details=[]).words == "0 lines exist there, not 1"
    assert compared({}, paymentDetails=[]).words == "0 lines exist there, not 1"


def test_autocount_takes_a_sen_of_rounding_in_the_tax_of_a_line():
    taxed, plain = bill_line(), bill_line(TaxCode="", DtlDescription="Shipping")
    document = autocount_invoice(
        lines=(plain, taxed), RoundingAdjustment="-0.01", CurrencyRate="4.5"
    )
    assert payload.moved(document, [{"seq": 0}, {"seq": 1}]) == [
        {"seq": 0},
        {
            "seq": 1,
            "taxAdjustment": Decimal("-0.01"),
            "localTaxAdjustment": Decimal("-0.04"),
        },
    ]
    free = autocount_invoice(lines=(bill_line(TaxAmount="0"),), RoundingAdjustment="0.01")
    assert payload.moved(free, [{}]) == [{}]
    error_class, words = payload.rounding_line_fault(free)
    assert error_class == "business_rule"
    assert words.startswith("RoundingAdjustment is 0.01: AutoCount moves the tax of a line by a")
    assert payload.rounding_line_fault(document) is None


CODES = {
    "bad_value": "bad_file missing_column bad_json idempotency_key_missing file_too_large bad_value"
    " inconsistent_header einvoice_invalid",
    "authorization_failed": "invalid_key missing_permission key_disabled company_not_found",
    "business_rule": "method_not_allowed over_payment unknown_invoice unknown_bill never_heard_of",
    "mapping_missing": "unknown_account unknown_tax_code unknown_sku currency_disabled",
    "duplicate": "duplicate",
    "period_locked": "period_locked",
    "missing_field": "missing_field",
    "temporary": "quota_exceeded rate_limited",
}


@pytest.mark.parametrize("expected", CODES)
def test_aiaccount_has_a_class_for_each_code_whatever_the_status_is(expected: str):
    """A row of a file that was taken has its code, and no status of its own."""
    for code in CODES[expected].split():
        line = {"line": 2, "code": code, "message": "no"}
        content = {"error": {}, "errors": [line]}
        told = outcomes.rejected({"lines": [2]}, heard(content, 200), "NS-1")
        assert (told.error_class, told.code) == (expected, code)

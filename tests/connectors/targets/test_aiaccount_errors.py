"""Each row of AiAccount's error table, provoked by data, and the class it becomes."""

from dataclasses import replace

import pytest

from connectors.contract import Payload
from connectors.contract.errors import ERROR_CLASSES, RETRY
from connectors.kit.workbook import write
from connectors.targets.aiaccount.connector import JSON, XLSX, columns
from connectors.targets.aiaccount.outcomes import CLASS_OF_CODE, class_of
from connectors.targets.aiaccount.ways import SALES_INVOICE
from tests.connectors.sample_documents import invoice, line
from tests.connectors.simulator_processes import DEMO_KEY
from tests.support.zones import BOOKS

COLUMNS = columns(SALES_INVOICE)
READONLY = "aia_live_readonly_2Lm5"
PAUSED = "aia_live_paused_4Rt8"
BIG = {"Quantity": "100", "UnitPrice": "100.01", "TaxCode": "NT", "LineTotal": "10001"}


@pytest.fixture
def answer(sim, aiaccount, http):
    def ask(document, *, secret=DEMO_KEY, key="cp-1", batch=False, **settings):
        payload = aiaccount.build([document], BOOKS, batch=batch, batch_name="day-1")
        sent = aiaccount.send(payload, {**sim.settings, **settings}, secret, key, http)
        return sent.answers[0]

    return ask


def raw_payload(body: bytes, *, batch: bool) -> Payload:
    return Payload(
        method="POST",
        path="/v1/imports/sales-invoices" if batch else "/v1/sales/invoices",
        headers={},
        body=body,
        content_type=XLSX if batch else JSON,
        rows={},
        numbers=("NS-1",),
        positions={},
        file_name="x.xlsx" if batch else "",
        form={"source_batch": "x"} if batch else {},
    )


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize(
    ("document", "code", "error_class"),
    [
        (invoice(InvoiceDate="2026-09-30"), "period_locked", "period_locked"),
        (invoice(lines=[line(AccountCode="99999")]), "unknown_account", "mapping_missing"),
        (invoice(lines=[line(TaxCode="SR-6")]), "unknown_tax_code", "mapping_missing"),
        (
            invoice(Currency="USD", ExchangeRate="4.5"),
            "currency_disabled",
            "mapping_missing",
        ),
        (invoice(Currency="SGD"), "preflight", "missing_field"),
        (invoice(lines=[line(Quantity="0")]), "preflight", "bad_value"),
        (invoice(lines=[line(Quantity="-1")]), "preflight", "bad_value"),
        (invoice(CustomerTIN="C25845632021"), "einvoice_invalid", "bad_value"),
        (invoice(lines=[line(**BIG)]), "einvoice_invalid", "missing_field"),
        (
            invoice(lines=[line(**BIG)], CustomerTIN="C25845632020"),
            "einvoice_invalid",
            "missing_field",
        ),
    ],
)
def test_a_document_is_refused_for_what_it_holds(sim, answer, document, code, error_class, batch):
    sim.control("lock", through="2026-09-30")
    told = answer(document, batch=batch)
    assert (told.kind, told.code, told.error_class) == ("refused", code, error_class)
    assert told.words
    assert sim.show("documents") == []


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b'"currency":"MYR"', b'"currency":"SGD"', "missing_field"),
        (b'"quantity":"2"', b'"quantity":"0"', "bad_value"),
        (b'"quantity":"2"', b'"quantity":"-1"', "bad_value"),
    ],
)
def test_what_is_held_before_sending_is_refused_there_too(sim, aiaccount, http, old, new, code):
    payload = aiaccount.build([invoice()], BOOKS, batch=False, batch_name="x")
    assert old in payload.body
    changed = replace(payload, body=payload.body.replace(old, new))
    sent = aiaccount.send(changed, sim.settings, DEMO_KEY, "cp-1", http)
    assert sent.answers[0].code == code
    assert sim.show("documents") == []


def test_above_the_limit_with_tin_and_address_it_is_taken(answer):
    named = invoice(lines=[line(**BIG)], CustomerTIN="C25845632020", CustomerAddress="1 Jalan A")
    assert answer(named).kind == "accepted"


def test_at_the_limit_nobody_needs_a_name(answer):
    at = {**BIG, "UnitPrice": "100.00", "LineTotal": "10000"}
    assert answer(invoice(lines=[line(**at)])).kind == "accepted"


def test_a_closed_period_wins_over_everything_else(sim, answer):
    sim.control("lock", through="2026-09-30")
    bad = invoice(InvoiceDate="2026-09-01", lines=[line(AccountCode="1", TaxCode="?")])
    assert answer(bad).code == "period_locked"


def test_a_company_without_a_default_needs_a_classification(answer):
    plain = invoice(lines=[line(TaxCode="NT", LineTotal="99")])
    told = answer(plain, company_id="CMP-2001")
    assert (told.code, told.error_class) == ("einvoice_invalid", "missing_field")
    named = invoice(lines=[line(TaxCode="NT", LineTotal="99", ClassificationCode="022")])
    assert answer(named, company_id="CMP-2001").kind == "accepted"


@pytest.mark.parametrize(
    ("secret", "code"),
    [
        ("aia_live_unknown", "invalid_key"),
        ("aia_live_deleted_0Aa0", "invalid_key"),
        ("aia_live demo_7Qk2", "invalid_key"),
        ("aia_live_disabled_9Zx1", "key_disabled"),
        (READONLY, "missing_permission"),
        ("aia_live_noeinvoice_6Pq3", "missing_permission"),
        ("aia_live_nostock_8Vb7", "missing_permission"),
    ],
)
def test_a_key_that_may_not(answer, sim, secret, code):
    told = answer(invoice(), secret=secret)
    assert (told.kind, told.error_class, told.code) == ("refused", "authorization_failed", code)
    assert sim.show("documents") == []


def test_the_missing_permission_is_named(answer):
    assert "sales.write" in answer(invoice(), secret=READONLY).words
    assert "inventory.write" in answer(invoice(), secret="aia_live_nostock_8Vb7").words


def test_after_a_new_key_the_same_idempotency_key_works(answer):
    assert answer(invoice(), secret="aia_live_disabled_9Zx1").kind == "refused"
    assert answer(invoice()).kind == "accepted"


def test_a_wrong_company(answer):
    told = answer(invoice(), company_id="CMP-9")
    assert (told.error_class, told.code) == ("authorization_failed", "company_not_found")


def test_after_the_cause_is_mended_the_same_request_is_taken(sim, answer):
    unknown = invoice(lines=[line(AccountCode="40001")])
    assert answer(unknown, batch=True).code == "unknown_account"
    sim.control("company", accounts=["40000", "40001"])
    assert answer(unknown, batch=True).kind == "accepted"


@pytest.mark.parametrize(
    ("body", "batch", "code"),
    [
        (b"no xlsx", True, "bad_file"),
        (write("x", [["Invoice Number"], ["NS-1"]]), True, "missing_column"),
        (b'{"invoice_number":', False, "bad_json"),
        (b'{"invoice_number":"NS-1","lines":[]}', False, "bad_json"),
        (b'{"a":1,"a":2}', False, "bad_json"),
    ],
)
def test_an_unreadable_body(sim, aiaccount, http, body, batch, code):
    payload = raw_payload(body, batch=batch)
    sent = aiaccount.send(payload, sim.settings, DEMO_KEY, "cp-1", http)
    assert (sent.status, sent.answers[0].code) == (400, code)
    assert sent.answers[0].error_class == "bad_value"


def test_a_file_that_is_too_large(sim, aiaccount, http):
    titles = [column.title for column in COLUMNS]
    rows = [["NS-1"] + ["x"] * (len(titles) - 1)] * 2_001
    payload = raw_payload(write("x", [titles, *rows]), batch=True)
    sent = aiaccount.send(payload, sim.settings, DEMO_KEY, "cp-1", http)
    assert (sent.status, sent.answers[0].code) == (413, "file_too_large")


@pytest.mark.parametrize(
    ("more", "status", "code"), [(0, 400, "bad_file"), (1, 413, "file_too_large")]
)
def test_a_file_of_the_declared_bytes_is_read_and_one_byte_more_is_not(
    sim, aiaccount, http, more, status, code
):
    payload = raw_payload(b"x" * (aiaccount.file_limits.bytes + more), batch=True)
    sent = aiaccount.send(payload, sim.settings, DEMO_KEY, "cp-1", http)
    assert (sent.status, sent.answers[0].code) == (status, code)
    assert sent.answers[0].error_class == "bad_value"


def test_rows_of_one_document_that_differ(sim, aiaccount, http):
    payload = aiaccount.build([invoice()], BOOKS, batch=True, batch_name="x")
    titles = [column.title for column in COLUMNS]
    first = [invoice().fields.get(c.name) or line().get(c.name) for c in COLUMNS]
    other = [*first]
    other[titles.index("Reference")] = "another"
    bad = raw_payload(write("x", [titles, first, other]), batch=True)
    sent = aiaccount.send(bad, sim.settings, DEMO_KEY, "cp-1", http)
    assert b"inconsistent_header" in sent.body
    assert payload.body != bad.body


def test_without_an_idempotency_key(sim):
    answer = sim.call("POST", "/v1/sales/invoices", body=b"{}", key="")
    assert answer.json()["error"]["code"] == "idempotency_key_missing"
    answer = sim.call("POST", "/v1/sales/invoices", body=b"{}", key="a b")
    assert answer.status_code == 400


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_there_is_no_update_and_no_delete(sim, method):
    answer = sim.call(method, "/v1/sales/invoices")
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")


def test_the_quota_is_a_wait_with_an_end(sim, answer):
    sim.control("quota", limit=1)
    assert answer(invoice("NS-1")).kind == "accepted"
    told = answer(invoice("NS-2"), key="cp-2")
    assert (told.kind, told.code, told.status) == ("temporary", "quota_exceeded", 429)
    assert 0 < told.retry_after <= 31 * 86_400
    sim.control("clock", offset_seconds=32 * 86_400)
    assert answer(invoice("NS-2"), key="cp-2").kind == "accepted"


def test_a_limited_rate_says_how_long(sim, answer):
    sim.control("faults", fault="rate_limited")
    told = answer(invoice())
    assert (told.kind, told.code, told.retry_after) == ("temporary", "rate_limited", 2.0)


def test_a_paused_key_parks_and_runs_in_order(sim, answer, aiaccount, http):
    for number in ("NS-1", "NS-2"):
        told = answer(invoice(number), secret=PAUSED, key=f"cp-{number}", batch=number == "NS-2")
        assert (told.kind, told.code, told.status) == ("awaiting", "key_paused", 423)
    answer(invoice("NS-1"), secret=PAUSED, key="cp-NS-1")
    assert len(sim.show("cached")) == 2
    found = aiaccount.look_up(invoice("NS-1"), sim.settings, DEMO_KEY, "cp-NS-1", http)
    assert found.kind == "unknown"
    sim.control("pause", key=PAUSED, status="active")
    assert [one["number"] for one in sim.show("documents")] == ["NS-1", "NS-2"]
    found = aiaccount.look_up(invoice("NS-1"), sim.settings, DEMO_KEY, "cp-NS-1", http)
    assert found.kind == "equal"
    assert answer(invoice("NS-1"), secret=PAUSED, key="cp-NS-1").kind == "accepted"
    assert len(sim.show("documents")) == 2


def test_parked_content_that_is_refused_later(sim, answer, aiaccount, http):
    answer(invoice(), secret=PAUSED)
    sim.control("lock", through="2026-12-31")
    sim.control("pause", key=PAUSED, status="active")
    found = aiaccount.look_up(invoice(), sim.settings, DEMO_KEY, "cp-1", http)
    assert (found.kind, found.refused.error_class) == ("absent", "period_locked")


@pytest.mark.parametrize(
    ("fault", "kind", "error_class"),
    [
        ("invalid_key", "refused", "authorization_failed"),
        ("closed_period", "refused", "period_locked"),
        ("slow", "accepted", None),
        ("silent_drop", "accepted", None),
        ("duplicate_delivery", "accepted", None),
        ("wrong_company", "accepted", None),
    ],
)
def test_a_fault_of_one_call(sim, answer, aiaccount, http, fault, kind, error_class):
    sim.control("faults", fault=fault)
    classified = invoice(lines=[line(TaxCode="NT", LineTotal="99", ClassificationCode="022")])
    told = answer(classified)
    assert (told.kind, told.error_class) == (kind, error_class)
    there = {"silent_drop": 0, "duplicate_delivery": 2, "wrong_company": 0, "slow": 1}
    mine = [one for one in sim.show("documents") if one["company"] == "CMP-1042"]
    assert len(mine) == there.get(fault, 0)


def test_a_fault_by_header(sim):
    body = b'{"invoice_number":"NS-1"}'
    answer = sim.call("POST", "/v1/sales/invoices", body=body, X_Sim_Fault="unavailable")
    assert answer.status_code == 503


def test_every_code_has_one_of_the_ten_classes():
    assert set(CLASS_OF_CODE.values()) <= set(ERROR_CLASSES)
    assert set(RETRY) == set(ERROR_CLASSES)
    assert class_of("einvoice_invalid", reason="classification_missing") == "missing_field"
    assert class_of("never heard of", status=422) == "business_rule"
    assert class_of("never heard of", status=418) == "business_rule"


@pytest.mark.slow
def test_a_blocked_address_goes_to_the_administrator(answer, monkeypatch):
    monkeypatch.delenv("CLEARPOST_ALLOW_LOOPBACK")
    told = answer(invoice())
    assert (told.error_class, told.code) == ("authorization_failed", "address_refused")

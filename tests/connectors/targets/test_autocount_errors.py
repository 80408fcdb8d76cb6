"""Each row of AutoCount's error table, provoked by data, and the class it becomes."""

from dataclasses import replace

import pytest

from connectors.contract import Payload
from connectors.contract.errors import RETRY
from connectors.targets.autocount.answers import WORDS, meaning
from connectors.targets.autocount.payload import JSON
from connectors.transport.strict_json import dumps, loads
from tests.connectors.sample_documents import autocount_invoice, bill_line
from tests.connectors.simulator_processes import Bench


@pytest.fixture
def bench(autocount_sim, autocount, http):
    return Bench(autocount, autocount_sim, http)


def one(**changed: str) -> dict[str, object]:
    return {"lines": [bill_line(**changed)], "amount": "108.90"}


@pytest.mark.parametrize(
    ("changed", "code", "error_class", "words"),
    [
        ({"DebtorCode": "300-X999"}, "unknown_code", "mapping_missing", "Debtor (DebtorKey = "),
        ({"DisplayTerm": "COD"}, "unknown_code", "mapping_missing", "CreditTermKey = COD"),
        ({"Location": "hq"}, "unknown_code", "mapping_missing", "LocationKey = hq"),
        ({"SalesAgent": "NOBODY"}, "unknown_code", "mapping_missing", "SalesAgentKey"),
        (one(ItemCode="TEE"), "unknown_code", "mapping_missing", "Product (ProductKey = TEE)"),
        (one(AccNo="500-9999"), "unknown_code", "mapping_missing", "AccountKey = 500-9999"),
        (one(TaxCode="SR-6"), "unknown_code", "mapping_missing", "TaxCodeKey = SR-6"),
        ({"DocDate": "2026-09-30"}, "date_locked", "period_locked", "30/09/2026 is locked"),
        ({"DocDate": "2019-12-31"}, "fiscal_year", "period_locked", "range of fiscal year"),
    ],
)
def test_a_refusal_has_its_class_and_the_words_of_autocount(
    bench, changed, code, error_class, words
):
    bench.sim.control("lock", through="2026-09-30")
    (answer,) = bench.send(bench.make(**changed)).answers
    assert (answer.kind, answer.code, answer.error_class) == ("refused", code, error_class)
    assert words in answer.words
    assert bench.sim.show("documents") == []
    assert bench.look_up(bench.make(**changed)).kind == "absent"


def raw(bench, **master: object) -> Payload:
    """A call as our own check would never let it out."""
    payload = bench.build(bench.make())
    body = loads(payload.body)
    details = [{**body["details"][0], **master.pop("row", {})}]
    body = {**body, "master": {**body["master"], **master}, "details": details}
    return Payload(
        method="POST",
        path="/invoice",
        headers={},
        body=dumps(body),
        content_type=JSON,
        rows={},
        numbers=("NS-1",),
        positions={},
    )


@pytest.mark.parametrize(
    ("changed", "code", "error_class"),
    [
        ({"debtorName": ""}, "field_required", "missing_field"),
        ({"row": {"accNo": ""}}, "field_required", "missing_field"),
        ({"row": {"unit": "CARTON-24"}}, "too_long", "bad_value"),
        ({"row": {"unitPrice": "49.50"}}, "no_number", "bad_value"),
        ({"row": {"qty": 0}}, "http_400", "business_rule"),
        ({"row": {"discount": "a lot"}}, "http_400", "business_rule"),
        ({"phone1": "0" * 26}, "too_long", "bad_value"),
    ],
)
def test_what_our_check_stops_autocount_would_refuse(bench, changed, code, error_class):
    sent = bench.target.send(
        raw(bench, **changed), bench.sim.settings, bench.sample.secret, "k", bench.http
    )
    (answer,) = sent.answers
    assert (answer.kind, answer.code, answer.error_class) == ("refused", code, error_class)


@pytest.mark.parametrize(
    ("key_id", "secret", "code"),
    [
        ("cp-demo", "acc_other", "key_refused"),
        ("cp-other", "acc_other_8Gd3", "key_refused"),
        ("cp-reader", "acc_reader_1Hs7", "not_permitted"),
    ],
)
def test_a_key_that_may_not_is_for_an_admin(bench, key_id, secret, code):
    (answer,) = bench.send(bench.make(), key_id=key_id, secret=secret).answers
    assert (answer.kind, answer.code) == ("refused", code)
    assert answer.error_class == "authorization_failed"
    assert secret not in repr(answer)


def test_a_key_made_anew_in_mid_run(bench):
    bench.send(bench.make())
    bench.sim.control("rekey", key_id="cp-demo", secret="acc_new_2Wd8")
    (answer,) = bench.send(bench.make("NS-2")).answers
    assert answer.error_class == "authorization_failed"
    (again,) = bench.send(bench.make("NS-2"), secret="acc_new_2Wd8").answers
    assert again.kind == "accepted"


def test_too_many_calls_wait_for_the_next_minute(start, autocount, http):
    bench = Bench(autocount, start("--calls-a-minute", "2", target="autocount"), http)
    assert bench.send(bench.make()).answers[0].kind == "accepted"
    (answer,) = bench.send(bench.make("NS-2")).answers
    assert (answer.kind, answer.error_class) == ("temporary", "temporary")
    assert 0 < answer.retry_after <= 60
    assert bench.look_up(bench.make("NS-2")).kind == "unknown"


def test_what_cannot_be_read_back_is_not_called_done(start, autocount, http):
    bench = Bench(autocount, start("--calls-a-minute", "1", target="autocount"), http)
    (answer,) = bench.send(bench.make()).answers
    assert (answer.kind, answer.status) == ("uncertain", 201)
    assert "could not be read back: The look-up was answered 429" in answer.words
    bench.sim.control("clock", offset_seconds=60)
    assert bench.look_up(bench.make()).kind == "equal"


def test_the_document_is_gone_or_void_or_paid(bench):
    document = bench.make()
    (gone,) = bench.send(document, action="update").answers
    assert (gone.kind, gone.error_class, gone.code) == ("refused", "stale_version", "document_gone")
    bench.send(document)
    bench.sim.control("by_hand", number="NS-1", status="Paid")
    for action in ("update", "void"):
        (paid,) = bench.send(document, action=action).answers
        assert (paid.kind, paid.code, paid.error_class) == (
            "refused",
            "knocked_off",
            "business_rule",
        )
        assert paid.words == "Invoice has been knocked off."
    bench.sim.control("by_hand", number="NS-1", cancelled=True, status="Unpaid")
    (void,) = bench.send(document, action="update").answers
    assert (void.kind, void.error_class) == ("refused", "business_rule")
    (again,) = bench.send(document).answers
    assert (again.kind, again.error_class) == ("refused", "duplicate")


@pytest.mark.parametrize("action", ["update", "void"])
def test_a_closed_period_holds_what_stands_in_it(bench, action):
    bench.send(bench.make())
    bench.sim.control("lock", through="2026-11-19")
    (answer,) = bench.send(bench.changed(), action=action).answers
    assert (answer.kind, answer.error_class) == ("refused", "period_locked")
    found = bench.look_up(bench.changed(), action=action, standing=bench.make())
    assert found.kind == "absent"


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (autocount_invoice(document="sales_order"), "does not take a sales_order"),
        (autocount_invoice(lines=[]), "no lines"),
        (autocount_invoice(DisplayTerm=""), "DisplayTerm is blank"),
        (autocount_invoice(lines=[bill_line(AccNo="")]), "AccNo of line 1 is blank"),
        (autocount_invoice(lines=[bill_line(Qty="-1")]), "Qty of line 1 is not above 0"),
        (autocount_invoice(lines=[bill_line(ItemCode="", DtlDescription="")]), "no ItemCode"),
        (autocount_invoice(lines=[bill_line(Location="JB01")]), "one place a document"),
        (autocount_invoice(lines=[bill_line(ItemCode="X" * 21)]), "at most 20"),
        (autocount_invoice(InclusiveTax="T"), "neither yes nor no"),
    ],
)
def test_what_could_only_go_wrong_is_not_sent(bench, document, words):
    (answer,) = bench.send(document).answers
    assert (answer.kind, answer.code) == ("refused", "preflight")
    assert words in answer.words
    assert bench.sim.ledger()[-1]["effect"] == "control"


def test_every_meaning_has_a_class_with_words_for_people():
    assert {told.error_class for _, told in WORDS} <= RETRY.keys()
    assert meaning(400, "The moon is full.", creates=True).error_class == "business_rule"
    assert meaning(404, "", creates=True).error_class == "authorization_failed"


@pytest.mark.parametrize("without", [False, True])
def test_a_void_has_a_body_as_public_clients_send_it(bench, without):
    bench.sim.control("book", void_without_body=without)
    bench.send(bench.make())
    (answer,) = bench.send(bench.make(), action="void").answers
    assert answer.kind == "accepted"
    payload = bench.build(bench.make("NS-2"), action="void")
    bench.send(bench.make("NS-2"), key="cp-2")
    bare = replace(payload, body=b"")
    there = bench.sim.settings, bench.sample.secret
    (answer,) = bench.target.send(bare, *there, "cp-3", bench.http).answers
    assert (answer.kind == "accepted") is without

"""QuickBooks' documents: changed, void, paid, taken back; and what its errors mean."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from connectors.contract import Kept
from connectors.registry import targets
from connectors.targets.quickbooks import payload, responses
from connectors.targets.quickbooks.responses import CODES, NEXT, class_of, told_of
from connectors.targets.quickbooks.writes import refusal
from connectors.transport.http import HttpAnswer
from tests.connectors.quickbooks import bill, money, stands
from tests.connectors.sample_documents import Posted, quickbooks_invoice, sold_line
from tests.connectors.simulator_processes import Bench
from tests.support.zones import BOOKS, LISTED


@pytest.fixture
def bench(emptied, http):
    return Bench(targets()["quickbooks"], emptied("quickbooks"), http)


class TestUpdate:
    def test_what_is_theirs_stays_and_what_is_ours_and_blank_is_emptied(self, bench):
        bench.send(bench.make(DueDate="2026-12-19"))
        bench.sim.control("by_hand", number="NS-1", fields={"CustomerMemo": {"value": "Thanks"}})
        new = quickbooks_invoice(lines=[sold_line(Qty="3", Amount="148.50")], amount="163.35")
        (answer,) = bench.send(
            replace(new, fields={**new.fields, "DueDate": ""}), action="update", key="cp-u"
        ).answers
        assert (answer.kind, answer.words) == ("accepted", "Accepted.")
        there = stands(bench)
        assert (there["TotalAmt"], there["SyncToken"]) == (163.35, "2")
        assert there["CustomerMemo"] == {"value": "Thanks"}
        assert "DueDate" not in there
        assert len(there["CustomField"]) == 1

    def test_a_look_up_tells_before_from_after_and_a_hand_between(self, bench):
        new, old = bench.changed(), bench.make()
        bench.send(old)
        assert bench.look_up(new, action="update", standing=old).kind == "absent"
        bench.send(new, action="update", key="cp-u")
        found = bench.look_up(new, action="update", standing=old)
        assert (found.kind, found.target_ref) == ("equal", "145")
        bench.sim.control("by_hand", number="NS-1", fields={"PrivateNote": "mine"})
        found = bench.look_up(bench.make(), action="update", standing=new)
        assert found.differs == (Kept(0, "PrivateNote", "mine"),)
        assert found.stands.fields["PrivateNote"] == "mine"

    def test_silence_is_looked_up(self, bench):
        bench.send(bench.make())
        bench.sim.control("faults", fault="timeout_after")
        (answer,) = bench.send(bench.changed(), action="update", key="cp-u").answers
        assert answer.kind == "uncertain"
        found = bench.look_up(bench.changed(), action="update", standing=bench.make())
        assert found.kind == "equal"
        (again,) = bench.send(bench.changed(), action="update", key="cp-u").answers
        assert again.kind == "accepted"
        assert bench.sim.ledger()[-1]["effect"] == "replayed"
        assert stands(bench)["SyncToken"] == "1", "the same request id does nothing twice"

    def test_what_is_gone_or_there_twice_is_not_touched(self, bench):
        (answer,) = bench.send(bench.make(), action="update").answers
        assert (answer.error_class, answer.code) == ("stale_version", "document_gone")
        bench.send(bench.make())
        bench.sim.control("company", duplicate_check=False)
        body = {"CustomerRef": {"value": "59"}, "DocNumber": "NS-1", "Line": []}
        line = {"Amount": 1, "DetailType": "SalesItemLineDetail"}
        line["SalesItemLineDetail"] = {"ItemRef": {"value": "11"}, "TaxCodeRef": {"value": "5"}}
        body |= {"Line": [line], "GlobalTaxCalculation": "TaxExcluded"}
        bench.sim.control("typed", body=body)
        assert bench.look_up(bench.make()).kind == "equal", "one of the two is ours"
        found = bench.look_up(bench.make(), action="void", standing=bench.make())
        assert (found.kind, "2 documents" in found.words) == ("different", True)
        (answer,) = bench.send(bench.make(), action="void").answers
        assert (answer.kind, answer.error_class) == ("refused", "stale_version")

    def test_an_old_answer_under_a_used_request_id_is_no_success(self, bench):
        bench.send(bench.make(), key="cp-1")
        (answer,) = bench.send(bench.make("NS-2"), key="cp-1").answers
        assert (answer.kind, answer.code) == ("uncertain", "not_confirmed")
        assert "DocNumber is NS-1 there, not NS-2" in answer.words


class TestVoid:
    def test_it_is_void_may_be_repeated_and_its_number_stays_taken(self, bench):
        document = bench.make()
        bench.send(document)
        assert bench.look_up(document, action="void", standing=document).kind == "absent"
        first = bench.send(document, action="void", key="cp-v").answers[0]
        again = bench.send(document, action="void", key="cp-w").answers[0]
        assert (first.kind, first.existing, first.words) == ("accepted", False, "Made void.")
        assert (again.kind, again.existing) == ("accepted", True)
        assert bench.look_up(document, action="void", standing=document).kind == "equal"
        assert bench.look_up(document).void
        (taken,) = bench.send(document, key="cp-2").answers
        assert (taken.error_class, taken.existing) == ("stale_version", True)

    def test_only_an_invoice_can_be_made_void(self, bench):
        (answer,) = bench.send(bill(), action="void").answers
        assert (answer.code, "no void of a bill" in answer.words) == ("preflight", True)


class TestMoney:
    def test_a_payment_names_its_invoice_by_the_id_there(self, bench):
        (early,) = bench.send(money()).answers
        assert (early.error_class, early.code) == ("mapping_missing", "nothing_to_pay")
        bench.send(bench.make())
        (answer,) = bench.send(money(), key="cp-p").answers
        assert (answer.kind, answer.target_ref) == ("accepted", "146")
        there = stands(bench, 1)
        assert there["Line"][0]["LinkedTxn"] == [{"TxnId": "145", "TxnType": "Invoice"}]
        assert stands(bench)["Balance"] == 0
        assert bench.look_up(money()).kind == "equal"
        assert bench.look_up(money(amount="100.00")).kind == "different"
        (more,) = bench.send(money("RC-2", amount="0.01"), key="cp-q").answers
        assert (more.error_class, more.code) == ("business_rule", "6000")
        bench.send(money(PaymentMethodRef="4"), action="update", key="cp-u")
        assert stands(bench, 1)["PaymentMethodRef"] == {"value": "4"}

    def test_a_payment_is_changed_where_its_number_cannot_be_searched(self, bench, monkeypatch):
        """It is searched among those of its customer, also on the day that it was moved to."""
        bench.send(bench.make())
        posted, moved = money(), money(TxnDate="2026-11-25")
        bench.send(posted, key="cp-p")
        bench.sim.control("company", not_queryable={"Payment": ["PaymentRefNum"]})
        assert bench.look_up(moved, action="update", standing=posted).kind == "absent"
        with monkeypatch.context() as many:
            many.setattr(responses, "MOST", 1)
            many.setattr(responses, "PAGES", 1)
            (held,) = bench.send(moved, action="update", key="cp-t").answers
            assert (held.kind, held.code, held.status) == ("refused", "lookup_refused", 400)
        (answer,) = bench.send(moved, action="update", key="cp-u").answers
        assert (answer.kind, stands(bench, 1)["TxnDate"]) == ("accepted", "2026-11-25")
        found = bench.look_up(moved, action="update", standing=posted)
        assert (found.kind, found.target_ref) == ("equal", "146"), "after a lost answer"
        assert len([one for one in bench.sim.show("documents") if one["entity"] == "Payment"]) == 1

    def test_bills_credits_and_refunds(self, bench):
        assert bench.send(bill()).answers[0].kind == "accepted"
        assert bench.look_up(bill()).kind == "equal"
        changed = bill(VendorRef="78")
        assert bench.look_up(changed).differs == (Kept(0, "VendorRef", "77"),)
        for at, kind in enumerate(("credit_memo", "refund_receipt", "sales_receipt"), start=1):
            made = bench.make(f"X-{at}", document=kind, DepositToAccountRef="35")
            if kind == "credit_memo":
                del made.fields["DepositToAccountRef"]
            assert bench.send(made, key=f"cp-m{at}").answers[0].kind == "accepted", kind
            assert bench.look_up(made).kind == "equal"

    def test_a_bill_is_paid_from_a_bank(self, bench):
        fields = {
            "DocNumber": "BP-1",
            "TxnDate": "2026-11-20",
            "VendorRef": "77",
            "BillNumber": "B-1",
            "TotalAmt": "880.00",
            "PayType": "Check",
            "BankAccountRef": "35",
        }
        paid = Posted("BP-1", "77", amount=Decimal(880), document="bill_payment", fields=fields)
        (early,) = bench.send(paid).answers
        assert "No bill exists there under B-1" in early.words
        bench.send(bill(), key="cp-b")
        assert bench.send(paid, key="cp-p").answers[0].kind == "accepted"
        assert stands(bench)["Balance"] == 0
        there = stands(bench, 1)
        assert there["CheckPayment"] == {"BankAccountRef": {"value": "35"}}
        assert there["Line"][0]["LinkedTxn"] == [{"TxnId": "145", "TxnType": "Bill"}]
        assert bench.look_up(paid).kind == "equal"
        other = replace(paid, fields={**fields, "BankAccountRef": "37"})
        assert bench.look_up(other).differs == (Kept(0, "BankAccountRef", "35"),)
        wrong = replace(other, number="BP-2", fields={**other.fields, "BankAccountRef": "99"})
        assert bench.send(wrong, key="cp-w").answers[0].code == "2500"

    def test_a_total_may_be_a_sen_off_and_no_more(self, bench):
        ten = {"Qty": "1", "UnitPrice": "10.05", "Amount": "10.05"}
        lines = [sold_line(**ten), sold_line(**ten)]
        (answer,) = bench.send(bench.make(lines=lines, amount="22.12")).answers
        assert (answer.kind, answer.kept) == ("accepted", (Kept(0, "Total", "22.11"),))
        (far,) = bench.send(bench.make("NS-2", lines=lines, amount="22.13"), key="cp-2").answers
        assert (far.kind, far.code) == ("uncertain", "not_confirmed")
        assert bench.look_up(bench.make("NS-2", lines=lines, amount="22.13")).kind == "different"

    def test_an_amount_that_is_not_quantity_times_price_is_not_sent(self, bench):
        (answer,) = bench.send(bench.make(lines=[sold_line(Amount="98.99")])).answers
        assert (answer.code, answer.error_class) == ("preflight", "bad_value")
        assert "2 times 49.50 is 99.00" in answer.words


class TestKnownLimits:
    """What QuickBooks would refuse, or take with another effect, is never sent."""

    @pytest.mark.parametrize(
        ("fields", "error_class"),
        [
            ({"CurrencyRef": "MYR", "ExchangeRate": "3.3"}, "bad_value"),
            ({"ExchangeRate": "3.3"}, "bad_value"),
            ({"CurrencyRef": "SGD"}, "missing_field"),
            ({"CurrencyRef": "SGD", "ExchangeRate": "0"}, "bad_value"),
            ({"CurrencyRef": "MYR", "ExchangeRate": "1"}, None),
            ({"CurrencyRef": "SGD", "ExchangeRate": "3.3"}, None),
            ({}, None),
        ],
    )
    def test_a_rate_fits_the_currency_of_the_books(self, fields, error_class):
        currency = fields.get("CurrencyRef", "MYR")
        made = quickbooks_invoice(currency=currency, **fields)
        built = targets()["quickbooks"].build(
            [made], {"base_currency": "MYR", **LISTED}, batch=False, batch_name=""
        )
        refused = built.refused.get(0)
        assert (refused.error_class if refused else None) == error_class
        assert bool(built.body) == (refused is None)

    @pytest.mark.parametrize(
        ("fields", "error_class"),
        [(None, "mapping_missing"), ({}, "mapping_missing"), (("SalesRep",), None)],
    )
    def test_a_custom_field_is_one_that_the_company_listed(self, fields, error_class):
        """Without its DefinitionId QuickBooks would drop the value and say nothing."""
        entries = {str(at): {"name": name} for at, name in enumerate(fields or (), start=2)}
        listed = {} if fields is None else {"custom_field": entries}
        build = targets()["quickbooks"].build
        built = build(
            [quickbooks_invoice()], {**BOOKS, "listed": listed}, batch=False, batch_name=""
        )
        refused = built.refused.get(0)
        assert (refused.error_class if refused else None) == error_class
        if refused is None:
            (field,) = json.loads(built.body)["CustomField"]
            assert field["DefinitionId"] == "2"
        else:
            assert all(word in refused.words for word in ("SalesRep", "NS-1", "administrator"))

    def test_a_document_has_at_most_750_lines(self, bench):
        most = [sold_line(Qty="1", Amount="49.50") for _ in range(750)]
        (answer,) = bench.send(bench.make(lines=most, amount="40837.50")).answers
        assert answer.kind == "accepted"
        (more,) = bench.send(
            bench.make("NS-2", lines=[*most, most[0]], amount="40891.95"), key="cp-2"
        ).answers
        assert (more.kind, more.code, more.error_class) == (
            "refused",
            "preflight",
            "business_rule",
        )
        assert "751" in more.words
        assert "750" in more.words

    def test_the_stand_in_refuses_751_lines(self, bench, monkeypatch):
        monkeypatch.setattr(payload, "MOST_LINES", 1000)
        lines = [sold_line(Qty="1", Amount="49.50") for _ in range(751)]
        (answer,) = bench.send(bench.make(lines=lines, amount="40891.95")).answers
        assert (answer.kind, answer.error_class) == ("refused", "business_rule")


class TestErrors:
    def test_its_own_words_are_kept_with_their_class(self, bench):
        bench.sim.control("company", inactive={"Item": ["11"]}, language="fr")
        (answer,) = bench.send(bench.make()).answers
        assert (answer.error_class, answer.code) == ("mapping_missing", "610")
        assert answer.words.startswith("Object Not Found: Object Not Found : Something you're")
        bench.sim.control("lock", through="2026-11-30")
        (answer,) = bench.send(bench.make(lines=[sold_line(ItemRef="12")], amount="108.90")).answers
        assert (answer.error_class, answer.code) == ("period_locked", "6210")
        assert answer.words.startswith("Période comptable fermée: ")

    def test_too_fast_waits_and_a_token_that_is_over_is_refused(self, bench):
        bench.sim.control("faults", plan=["rate_limited", "invalid_key"])
        first, second = (bench.send(bench.make()).answers[0] for _ in range(2))
        assert (first.kind, first.code, first.retry_after) == ("temporary", "3001", 60.0)
        assert (second.kind, second.error_class) == ("refused", "authorization_failed")
        assert bench.look_up(bench.make(), company_id="9130999").key_refused

    @pytest.mark.parametrize(
        ("status", "code", "detail", "wanted"),
        [
            *((400, code, "", wanted) for code, wanted in CODES.items() if code != "3001"),
            (400, "6210", "DocNumber=1 is assigned to TxnType=Facture with TxnId=145", "duplicate"),
            (401, "003200", "Token expired", "authorization_failed"),
            (429, "003001", "", "temporary"),
            (400, "9999", "News", "business_rule"),
        ],
    )
    def test_codes_are_matched_never_words(self, status, code, detail, wanted):
        error = f'{{"Message":"Etwas","Detail":"{detail}","code":"{code}"}}'
        body = f'{{"Fault":{{"Error":[{error}],"type":"x"}}}}'.encode()
        assert class_of(status, told_of(body)) == wanted
        at = datetime(2026, 11, 20, tzinfo=UTC)
        answer = HttpAnswer(status=status, headers={}, body=body, seconds=0.0, at=at)
        told = refusal("NS-1", answer)
        wanted_words = f"Etwas: {detail}" if detail else "Etwas"
        assert told.words == (f"{wanted_words}. {NEXT[code]}" if code in NEXT else wanted_words)

    def test_what_is_no_fault_of_quickbooks_is_read_by_its_status(self):
        assert told_of(b"<html>") is None
        assert told_of(b'{"Fault":{"Error":[]}}') is None
        wanted = {401: "authorization_failed", 429: "temporary", 418: "business_rule"}
        assert {status: class_of(status, None) for status in wanted} == wanted

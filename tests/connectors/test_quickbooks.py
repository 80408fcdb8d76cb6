"""QuickBooks' documents: changed, void, paid, taken back, read; and what its answers mean."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from connectors.kit.contract import Kept
from connectors.kit.http import HttpAnswer
from connectors.registry import targets
from connectors.targets.quickbooks import watching
from connectors.targets.quickbooks.answers import refusal
from connectors.targets.quickbooks.connector import _reader
from connectors.targets.quickbooks.errors import CODES, class_of, told_of
from connectors.targets.quickbooks.tokens import grant_of, is_due, may_be_over, renew
from tests.connectors.simulators import Bench, Posted, quickbooks_invoice, sold_line

PASTED = "qbo-client-3Rk9:qbo-refresh-5Mx8-0"


@pytest.fixture
def bench(emptied, http):
    return Bench(targets()["quickbooks"], emptied("quickbooks"), http)


CASUAL = {
    "CustomerRef": {"value": "58"},
    "TxnDate": "2026-11-19",
    "GlobalTaxCalculation": "NotApplicable",
}


def line_of(amount):
    """One line typed by hand, as JSON."""
    return {
        "Amount": float(amount),
        "DetailType": "SalesItemLineDetail",
        "SalesItemLineDetail": {"ItemRef": {"value": "11"}},
    }


def stands(bench, at=0):
    return bench.sim.show("documents")[at]


def money(number="RC-1", pays="NS-1", amount="118.80", **changed):
    fields = {
        "PaymentRefNum": number,
        "TxnDate": "2026-11-20",
        "CustomerRef": "58",
        "InvoiceNumber": pays,
        "TotalAmt": amount,
        "PaymentMethodRef": "3",
        "DepositToAccountRef": "35",
        **changed,
    }
    return Posted(
        document="payment", number=number, party="58", amount=Decimal(amount), fields=fields
    )


def bill(**changed):
    fields = {
        "DocNumber": "B-1",
        "TxnDate": "2026-11-18",
        "VendorRef": "77",
        "DepartmentRef": "1",
        "GlobalTaxCalculation": "TaxExcluded",
        "Total": "880.00",
        **changed,
    }
    line = {"AccountRef": "81", "Description": "Tea", "Amount": "800.00", "TaxCodeRef": "5"}
    return Posted(
        document="bill",
        number="B-1",
        party="77",
        amount=Decimal("880.00"),
        fields=fields,
        lines=(line,),
    )


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
        assert "No bill stands there under B-1" in early.words
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


class TestReading:
    def test_many_are_read_in_one_query_and_each_is_told_apart(self, bench):
        made = [bench.make(f"NS-{at}") for at in range(4)]
        for at, one in enumerate(made[:3]):
            bench.send(one, key=f"cp-{at}")
        bench.send(money(pays="NS-0"), key="cp-p")
        bench.sim.control("by_hand", number="NS-1", lines=[{"Description": "Gift"}])
        bench.send(made[2], action="void", key="cp-v")
        before = len(bench.sim.ledger("read"))
        there = bench.sim.settings, bench.sample.secret, bench.http
        found = bench.target.read([*made, money(pays="NS-0")], *there)
        assert [one.kind for one in found] == ["equal", "different", "different", "absent", "equal"]
        assert found[1].differs == (Kept(1, "Description", "Gift"),)
        assert found[2].void
        assert len(bench.sim.ledger("read")) - before == 3, "invoices, payments, what they pay"

    def test_since_when_an_e_invoice_is_valid_stands_in_a_field_of_the_company(self, bench):
        bench.send(bench.make())
        own = [
            {"Name": "SalesRep", "StringValue": "House"},
            {"Name": "E-invoice", "StringValue": "2026-11-20T09:00:00+08:00"},
        ]
        bench.sim.control("by_hand", number="NS-1", fields={"CustomField": own})
        settings = {**bench.sim.settings, "e_invoice_field": "E-invoice"}
        (found,) = bench.target.read([bench.make()], settings, bench.sample.secret, bench.http)
        assert (found.kind, found.e_invoice_at) == ("equal", datetime(2026, 11, 20, 1, tzinfo=UTC))
        there = bench.sim.settings, bench.sample.secret, bench.http
        assert bench.target.read([bench.make()], *there)[0].e_invoice_at is None
        bench.send(bench.changed(), action="update", key="cp-u")
        assert len(stands(bench)["CustomField"]) == 2

    def test_what_is_like_ours_is_found_under_other_numbers(self, bench):
        bench.send(bench.make("TYPED-1", TxnDate="2026-11-17"))
        bench.send(bench.make("TYPED-2", TxnDate="2026-11-12"), key="cp-2")
        there = bench.sim.settings, bench.sample.secret, bench.http
        assert [one.number for one in bench.target.alike(bench.make(), *there)] == ["TYPED-1"]
        nowhere = {**bench.sim.settings, "base_url": "http://127.0.0.1:1"}
        assert bench.target.alike(bench.make(), nowhere, *there[1:]).kind == "unknown"

    def test_of_a_customer_with_many_documents_only_those_of_the_total_are_asked_for(self, bench):
        for at, amount in enumerate(("118.80", "118.79", "118.81", "118.82", "163.35", "9.90")):
            typed = {"Line": [line_of(amount)], "DocNumber": f"T-{at}", **CASUAL}
            bench.sim.control("typed", body=typed)
        shown = []

        def ask(path):
            answer = read(path)
            shown.append(len(json.loads(answer.body)["QueryResponse"].get("Invoice", ())))
            return answer

        read = _reader(bench.sim.settings, bench.sample.secret, bench.http)
        assert [one.number for one in watching.alike(bench.make(), ask)] == ["T-0"]
        assert shown == [3], "its own total and a cent around, not all of the customer"

    def test_where_the_total_cannot_be_asked_for_all_of_the_customer_are_looked_through(
        self, bench
    ):
        for at, amount in enumerate(("118.80", "9.90")):
            typed = {"Line": [line_of(amount)], "DocNumber": f"T-{at}", **CASUAL}
            bench.sim.control("typed", body=typed)
        bench.sim.control("company", not_queryable={"Invoice": ["TotalAmt"]})
        there = bench.sim.settings, bench.sample.secret, bench.http
        before = len(bench.sim.ledger("refused"))
        assert [one.number for one in bench.target.alike(bench.make(), *there)] == ["T-0"]
        assert len(bench.sim.ledger("refused")) == before + 1

    def test_a_search_says_that_the_key_is_refused(self, bench):
        nobody = bench.sample.secret.replace("-7Wd2-0", "-7Wd2-9")
        there = bench.sim.settings, nobody, bench.http
        before = len(bench.sim.ledger("refused"))
        found = bench.target.alike(bench.make(), *there)
        assert (found.kind, found.key_refused, found.status) == ("unknown", True, 401)
        assert len(bench.sim.ledger("refused")) == before + 1, "not asked again without the total"


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
        assert told.words == (f"Etwas: {detail}" if detail else "Etwas")

    def test_what_is_no_fault_of_quickbooks_is_read_by_its_status(self):
        assert told_of(b"<html>") is None
        assert told_of(b'{"Fault":{"Error":[]}}') is None
        wanted = {401: "authorization_failed", 429: "temporary", 418: "business_rule"}
        assert {status: class_of(status, None) for status in wanted} == wanted


class TestTokens:
    def test_an_exchange_gives_the_next_pair_and_the_old_one_ends_a_day_later(self, bench):
        now = bench.http.now()
        assert is_due(PASTED, now)
        told = renew(bench.sim.settings, PASTED, bench.http)
        assert told.kind == "renewed"
        assert "qbo" not in repr(told)
        grant = grant_of(told.secret)
        assert (grant.client, grant.refresh) == ("qbo-client-3Rk9", "qbo-refresh-5Mx8-1")
        assert "qbo" not in repr(grant)
        assert not is_due(told.secret, now + timedelta(minutes=54))
        assert is_due(told.secret, now + timedelta(minutes=56))
        assert not may_be_over(told.secret, now + timedelta(minutes=9))
        assert may_be_over(told.secret, now + timedelta(minutes=11))
        assert bench.send(bench.make(), secret=told.secret).answers[0].kind == "accepted"
        assert renew(bench.sim.settings, PASTED, bench.http).kind == "renewed", "an answer was lost"
        bench.sim.control("clock", offset_seconds=86_401)
        again = renew(bench.sim.settings, PASTED, bench.http)
        assert (again.kind, "invalid_grant" in again.words) == ("refused", True)

    def test_what_is_refused_and_what_is_only_away(self, bench):
        settings = bench.sim.settings
        assert renew({**settings, "client_id": "X"}, PASTED, bench.http).kind == "refused"
        assert renew({**settings, "token_url": "http://127.0.0.1:1"}, PASTED, bench.http).kind == (
            "away"
        )
        for wrong in ("no-colon", "a:b:c", "a:b:c:soon", ":b"):
            assert renew(settings, wrong, bench.http).kind == "refused"
            assert not is_due(wrong, bench.http.now())


class TestConnection:
    @pytest.mark.parametrize(
        ("changed", "secret", "failed", "words"),
        [
            ({}, "no-colon", 0, "CLIENT_SECRET:REFRESH_TOKEN"),
            ({"client_id": ""}, "", 0, "client_id is blank"),
            ({}, PASTED, 0, "no access token"),
            ({}, f"{PASTED}:qbo-access-7Wd2-9:4102444800", 1, "authorize the app once more"),
            ({"company_id": "9130999"}, "", 2, "403"),
            ({"company_name": "Somebody Sdn Bhd"}, "", 2, "called Kedai Contoh Sdn Bhd, not"),
        ],
    )
    def test_each_step_can_fail(self, bench, changed, secret, failed, words):
        settings = {**bench.sim.settings, **changed}
        report = bench.target.test(settings, secret or bench.sample.secret, bench.http)
        assert [at for at, step in enumerate(report.steps) if step.ok is False] == [failed]
        assert words in report.steps[failed].words
        assert report.snapshot is None

    def test_it_tells_what_is_closed_and_what_it_knows(self, bench):
        bench.sim.control("lock", through="2026-10-31")
        report = bench.target.test(bench.sim.settings, bench.sample.secret, bench.http)
        assert str(report.snapshot.locked_through) == "2026-10-31"
        assert report.snapshot.codes()["tax_code"] == {"3", "5"}
        assert "35" in report.snapshot.codes()["account"]
        assert report.snapshot.base_currency == "MYR"

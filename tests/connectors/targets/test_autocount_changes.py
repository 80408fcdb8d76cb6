"""What becomes of an AutoCount document after it was made: update, void, credit note, hands."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from connectors.contract import Kept
from tests.connectors.sample_documents import Posted, autocount_invoice, bill_line
from tests.connectors.simulator_processes import Bench


@pytest.fixture
def bench(autocount_sim, autocount, http):
    return Bench(autocount, autocount_sim, http)


def stands(bench) -> dict:
    (document,) = bench.sim.show("documents")
    return document


def note(**changed: str):
    given = {"OurInvoice": "NS-1", "Reason": "Refunded + Items Returned", **changed}
    line = bill_line(AccNo="510-0000", Qty="1", SubTotal="49.50", GoodsReturn="yes")
    return autocount_invoice(
        "CN-NS-1", document="credit_note", lines=[line], amount="54.45", **given
    )


class TestUpdate:
    def test_it_replaces_the_whole_document_and_may_be_repeated(self, bench):
        bench.send(bench.make())
        for _ in range(2):
            (answer,) = bench.send(bench.changed(), action="update").answers
            assert (answer.kind, answer.words) == ("accepted", "Accepted, and read back.")
        there = stands(bench)
        assert [row["qty"] for row in there["details"]] == ["3.0000"]
        assert there["master"]["finalTotal"] == "163.35"
        assert [one["effect"] for one in bench.sim.ledger() if one["effect"] != "read"][-3:] == [
            "created",
            "updated",
            "updated",
        ]

    def test_a_field_that_is_blank_now_is_cleared_and_one_not_ours_stays(self, bench):
        bench.send(bench.make())
        bench.sim.control("by_hand", number="NS-1", master={"remark1": "by Siti"})
        before = bench.look_up(bench.make(Ref=""), action="update", standing=bench.make())
        assert before.kind == "absent"
        bench.send(bench.make(Ref=""), action="update")
        master = stands(bench)["master"]
        assert (master["ref"], master["remark1"]) == ("", "by Siti")
        assert bench.look_up(bench.make(Ref="")).kind == "equal"

    def test_a_look_up_tells_before_from_after(self, bench):
        new, old = bench.changed(), bench.make()
        bench.send(old)
        assert bench.look_up(new, action="update", standing=old).kind == "absent"
        bench.send(new, action="update")
        found = bench.look_up(new, action="update", standing=old)
        assert (found.kind, found.target_ref) == ("equal", "NS-1")
        assert b'"finalTotal":163.35' in found.proof

    @pytest.mark.parametrize("shown", [True, False])
    def test_what_is_not_shown_is_not_taken_for_done(self, bench, shown):
        new, old = bench.make(Ref="10232"), bench.make()
        bench.sim.control("hide", fields=[] if shown else ["ref"])
        bench.send(old)
        assert bench.look_up(new, action="update", standing=old).kind == "absent"
        (answer,) = bench.send(new, action="update").answers
        assert (answer.kind, stands(bench)["master"]["ref"]) == ("accepted", "10232")
        after = bench.look_up(new, action="update", standing=old)
        assert after.kind == ("equal" if shown else "absent")

    @pytest.mark.parametrize("fault", ["timeout_after", "error_500_after", "html_502_after"])
    def test_an_unclear_answer_is_looked_up(self, bench, fault):
        new, old = bench.changed(), bench.make()
        bench.send(old)
        bench.sim.control("faults", fault=fault)
        assert bench.send(new, action="update").answers[0].kind == "uncertain"
        assert bench.look_up(new, action="update", standing=old).kind == "equal"

    def test_nothing_stored_is_absent(self, bench):
        new, old = bench.changed(), bench.make()
        bench.send(old)
        bench.sim.control("faults", plan=["timeout_before", "silent_drop"])
        for _ in range(2):
            assert bench.send(new, action="update").answers[0].kind == "uncertain"
            assert bench.look_up(new, action="update", standing=old).kind == "absent"

    def test_its_bytes_are_always_the_same_and_have_bare_numbers(self, bench):
        payload = bench.build(bench.changed(), action="update")
        assert payload == bench.build(bench.changed(), action="update")
        assert (payload.method, payload.path) == ("PUT", "/invoice?docNo=NS-1")
        assert b'"unitPrice":49.50,' in payload.body
        assert b'"docNo"' not in payload.body


class TestVoid:
    def test_it_is_void_and_may_be_repeated(self, bench):
        document = bench.make()
        bench.send(document)
        assert bench.look_up(document, action="void", standing=document).kind == "absent"
        first = bench.send(document, action="void").answers[0]
        again = bench.send(document, action="void").answers[0]
        assert (first.kind, first.existing) == ("accepted", False)
        assert (again.kind, again.existing, again.same_content) == ("accepted", True, True)
        assert bench.look_up(document, action="void", standing=document).kind == "equal"
        assert [one["effect"] for one in bench.sim.ledger("voided")][-1:] == ["voided"]

    def test_its_number_stays_taken_and_a_look_up_says_so(self, bench):
        bench.send(bench.make())
        bench.send(bench.make(), action="void")
        assert bench.look_up(bench.make()).kind == "different"
        found = bench.look_up(bench.changed(), action="update", standing=bench.make())
        assert (found.kind, "made void" in found.words) == ("different", True)

    def test_without_what_was_sent_before_nobody_can_say_untouched(self, bench):
        bench.send(bench.make())
        assert bench.look_up(bench.make(), action="void").kind == "different"

    def test_silence_is_looked_up(self, bench):
        bench.send(bench.make())
        bench.sim.control("faults", plan=["timeout_after"])
        assert bench.send(bench.make(), action="void").answers[0].kind == "uncertain"
        assert bench.look_up(bench.make(), action="void", standing=bench.make()).kind == "equal"

    def test_made_valid_again_by_hand_it_can_be_voided_again(self, bench):
        document = bench.make()
        bench.send(document)
        bench.send(document, action="void")
        bench.sim.control("by_hand", number="NS-1", cancelled=False)
        assert bench.look_up(document, action="void", standing=document).kind == "absent"
        assert bench.send(document, action="void").answers[0].existing is False


@pytest.mark.parametrize(
    "change",
    [
        {"details": [{"qty": 5}]},
        {"details": [{"unitPrice": 49}]},
        {"details": [{"taxCode": "NT"}]},
        {"details": [{}, {"description": "Postage"}]},
        {"details": [{"unit": "CTN"}]},
        {"details": [{"taxAdjustment": "0.01"}]},
        {"rows": 1},
        {"master": {"docDate": "2026-11-18"}},
        {"master": {"debtorCode": "300-K210"}},
        {"master": {"ref": "999"}},
        {"master": {"currencyCode": "SGD"}},
    ],
)
def test_a_change_by_hand_is_seen_before_anything_is_sent(bench, change):
    old, new = bench.make(CurrencyCode="MYR"), bench.changed()
    bench.send(old)
    bench.sim.control("by_hand", number="NS-1", **change)
    for action in ("update", "void"):
        found = bench.look_up(new, action=action, standing=old)
        assert found.kind == "different", action
        assert "was changed in AutoCount" in found.words
    assert bench.look_up(old).kind == "different"


def test_what_was_changed_is_told_field_by_field(bench):
    bench.send(bench.make())
    bench.sim.control("by_hand", number="NS-1", master={"ref": ""}, details=[{}, {"qty": 2}])
    found = bench.look_up(bench.changed(), action="update", standing=bench.make())
    assert found.differs == (
        Kept(0, "Ref", ""),
        Kept(2, "Qty", "2"),
        Kept(0, "FinalTotal", "128.70"),
    )
    bench.sim.control("by_hand", number="NS-1", rows=1)
    assert Kept(0, "", "1") in bench.look_up(bench.make()).differs


class TestCreditNote:
    def test_it_takes_an_invoice_back_in_parts(self, bench):
        bench.send(bench.make())
        (answer,) = bench.send(note()).answers
        assert (answer.kind, answer.target_ref) == ("accepted", "CN-NS-1")
        line = bench.sim.ledger("created")[-1]
        assert (line["type"], line["number"], line["total"]) == ("credit_note", "CN-NS-1", "54.45")
        made = bench.sim.show("documents")[1]
        assert made["master"]["ourInvoiceNo"] == "NS-1"
        assert [row["goodsReturn"] for row in made["details"]] == [True]
        assert bench.look_up(note()).kind == "equal"
        assert bench.look_up(bench.make()).kind == "equal"

    def test_money_alone_moves_no_goods(self, bench):
        line = bill_line(Qty="1", SubTotal="49.50")
        payload = bench.build(autocount_invoice(document="credit_note", lines=[line]))
        assert b'"goodsReturn":false' in payload.body

    def test_it_can_be_updated_and_not_voided(self, bench):
        bench.send(note())
        changed = note(Reason="Refunded")
        assert bench.send(changed, action="update").answers[0].kind == "accepted"
        (refused,) = bench.send(changed, action="void").answers
        assert (refused.kind, refused.code) == ("refused", "preflight")
        assert "offers no void of a credit note" in refused.words


class TestReadBack:
    def test_silent_rounding_is_told_as_kept_and_is_no_difference(self, bench):
        """Where the connection says that the book keeps more than it does."""
        bench.sim.control("book", decimals={"unitPrice": 2})
        odd = bench.make(lines=[bill_line(UnitPrice="49.5041")], amount="108.90")
        settings = {**bench.sim.settings, "price_decimals": "4"}
        payload = bench.target.build([odd], settings, batch=False, batch_name="")
        sent = bench.target.send(payload, settings, bench.sample.secret, "k", bench.http)
        (answer,) = sent.answers
        assert (answer.kind, answer.kept) == ("accepted", (Kept(1, "UnitPrice", "49.50"),))
        assert bench.look_up(odd).kind == "equal"

    def test_a_part_that_is_worked_out_otherwise_is_told_a_total_is_not_let_pass(self, bench):
        other = bench.make(lines=[bill_line(SubTotal="98.99")], amount="108.90")
        (answer,) = bench.send(other).answers
        assert (answer.kind, answer.kept) == ("accepted", (Kept(1, "SubTotal", "99"),))
        (wrong,) = bench.send(bench.make("NS-2", amount="118.70")).answers
        assert wrong.kind == "uncertain"
        assert "finalTotal is 118.80 there, not 118.70" in wrong.words
        assert bench.look_up(bench.make("NS-2", amount="118.70")).kind == "different"

    def test_T02d_a_total_that_rounding_moved_is_kept_otherwise(self, bench):
        (answer,) = bench.send(bench.make(amount="118.79")).answers
        assert (answer.kind, answer.kept) == ("accepted", (Kept(0, "FinalTotal", "118.80"),))
        assert answer.total == Decimal("118.80")
        found = bench.look_up(bench.make(amount="118.79"))
        assert (found.kind, found.total) == ("equal", Decimal("118.80"))

    def test_a_dropped_document_is_no_success(self, bench):
        bench.sim.control("faults", fault="silent_drop")
        (answer,) = bench.send(bench.make()).answers
        assert (answer.kind, answer.status) == ("uncertain", 201)
        assert bench.look_up(bench.make()).kind == "absent"
        assert bench.send(bench.make()).answers[0].kind == "accepted"

    def test_a_read_that_lags_is_no_failure(self, bench):
        bench.sim.control("lag", reads=2)
        assert bench.send(bench.make()).answers[0].kind == "uncertain"
        assert bench.look_up(bench.make()).kind == "absent"
        assert bench.look_up(bench.make()).kind == "equal"

    def test_a_doubled_delivery_makes_one(self, bench):
        bench.sim.control("faults", fault="duplicate_delivery")
        (answer,) = bench.send(bench.make()).answers
        assert (answer.kind, answer.existing) == ("accepted", True)
        assert len(bench.sim.show("documents")) == 1

    def test_a_wrong_unit_is_taken_as_it_is(self, bench):
        document = bench.make(lines=[bill_line(UOM="CTN")], amount="108.90")
        assert bench.send(document).answers[0].kind == "accepted"
        assert stands(bench)["details"][0]["unit"] == "CTN"


class TestMoney:
    def bill(self, **changed: str):
        return autocount_invoice(
            "ST-88",
            document="ap_invoice",
            lines=(),
            FinalTotal=None,
            DebtorCode=None,
            DebtorName=None,
            Location=None,
            Ref=None,
            InclusiveTax=None,
            CreditorCode="400-B012",
            CreditorName="Blogger 12",
            SupplierInvoiceNo="ST-88",
            AccNo="610-0001",
            DtlDescription="Commission",
            Amount="250.00",
            **changed,
        )

    def voucher(self, kind: str, party: str, code: str, **changed: str):
        fields = {
            "DocNo": "RC-1",
            "DocDate": "2026-11-20",
            party: code,
            "PaymentMethod": "FPX",
            "PaymentAmt": "118.80",
            "ChequeNo": "FPX-771",
            **changed,
        }
        amount = Decimal(fields["PaymentAmt"])
        return Posted(document=kind, number="RC-1", party=code, amount=amount, fields=fields)

    def test_a_bill_is_a_purchase_invoice_of_one_row(self, bench):
        (answer,) = bench.send(self.bill()).answers
        assert answer.kind == "accepted"
        there = stands(bench)
        assert there["path"] == "purchaseinvoice"
        assert (there["details"][0]["accNo"], there["details"][0]["unitPrice"]) == (
            "610-0001",
            "250.0000",
        )
        assert there["master"]["supplierInvoiceNo"] == "ST-88"
        assert bench.look_up(self.bill()).kind == "equal"
        changed = self.bill()
        changed.fields["Amount"] = "251.00"
        assert bench.look_up(changed).kind == "different"

    @pytest.mark.parametrize(
        ("kind", "party", "code"),
        [("ar_payment", "DebtorCode", "300-W001"), ("ap_payment", "CreditorCode", "400-B012")],
    )
    def test_money_moves_between_the_party_and_a_way_of_paying(self, bench, kind, party, code):
        document = self.voucher(kind, party, code)
        assert bench.send(document).answers[0].kind == "accepted"
        there = stands(bench)
        assert there["details"][0]["accNo"] == code
        assert there["paymentDetails"][0]["paymentBy"] == "FPX-771"
        assert bench.look_up(document).kind == "equal"
        assert bench.look_up(self.voucher(kind, party, code, ChequeNo="X")).kind == "different"

    def test_T09b_a_voucher_is_in_the_currency_of_the_books(self, bench):
        books = {**bench.sim.settings, "base_currency": "GBP"}
        document = self.voucher("ar_payment", "DebtorCode", "300-W001")
        for currency, there in (("GBP", "GBP"), ("", "GBP"), ("MYR", None)):
            one = replace(document, currency=currency)
            payload = bench.target.build([one], books, batch=False, batch_name="")
            if there is None:
                assert "A document in MYR needs a rate" in payload.refused[0].words
            else:
                assert json.loads(payload.body)["master"]["currencyCode"] == there

    def test_what_a_voucher_cannot_say_is_refused(self, bench):
        for changed, words in (
            ({"KnockOffDocNo": "NS-1"}, "post a knock-off"),
            ({"PaymentMethod": ""}, "PaymentMethod is blank"),
        ):
            document = self.voucher("ar_payment", "DebtorCode", "300-W001", **changed)
            (answer,) = bench.send(document).answers
            assert (answer.code, words in answer.words) == ("preflight", True)
        for action in ("update", "void"):
            document = self.voucher("ar_payment", "DebtorCode", "300-W001")
            assert bench.send(document, action=action).answers[0].code == "preflight"


class TestConnection:
    def test_what_it_does_not_tell_stays_unknown(self, bench):
        report = bench.target.test(bench.sim.settings, bench.sample.secret, bench.http)
        assert (report.ok, report.snapshot.codes()) == (True, {})
        assert [step.ok for step in report.steps] == [True, True, True, None, None, True]

    @pytest.mark.parametrize(
        ("changed", "secret", "failed", "words"),
        [
            ({"key_id": ""}, "", 0, "No key ID is given."),
            ({}, "two words", 0, "space"),
            ({}, "acc_wrong", 2, "401 Unauthorized."),
            ({"company_id": "9"}, "", 3, "reaches no account book 9"),
            ({"key_id": "cp-blind"}, "acc_blind_5Vn2", 4, "may not read invoices and credit notes"),
            ({"locked_through": ""}, "", 5, "enter the last closed day, or none"),
            ({"locked_through": "soon"}, "", 5, "soon is not a day"),
        ],
    )
    def test_each_step_can_fail(self, bench, changed, secret, failed, words):
        settings = {**bench.sim.settings, **changed}
        report = bench.target.test(settings, secret or bench.sample.secret, bench.http)
        assert [at for at, step in enumerate(report.steps) if step.ok is False] == [failed]
        assert words in report.steps[failed].words
        assert (report.snapshot is None) is (failed != 4)

    def test_a_refused_read_says_nothing_of_the_account_book(self, bench):
        bench.sim.control("reads", status=400)
        report = bench.target.test(bench.sim.settings, bench.sample.secret, bench.http)
        bench.sim.control("reads", status=0)
        [step] = [one for one in report.steps if one.ok is False]
        assert (step.name, step.code) == ("Account book", "answer")
        assert "“This read is not accepted.” (answer 400)" in step.words

    def test_the_closed_day_is_a_setting(self, bench):
        settings = {**bench.sim.settings, "locked_through": "2026-10-31"}
        report = bench.target.test(settings, bench.sample.secret, bench.http)
        assert str(report.snapshot.locked_through) == "2026-10-31"

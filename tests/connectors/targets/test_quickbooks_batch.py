"""A batch to QuickBooks: one call, an item and an answer for each document, each done once."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from connectors.contract import Answer
from connectors.registry import targets
from connectors.targets.quickbooks import responses
from connectors.targets.quickbooks.payload import MOST
from connectors.targets.quickbooks.writes import items_in
from connectors.transport.http import HttpAnswer
from tests.connectors.quickbooks import bill, money
from tests.connectors.recorded import NOW, Tape, expected, played, recorded
from tests.connectors.recorded_documents import DOCUMENTS
from tests.connectors.sample_documents import quickbooks_invoice, sold_line
from tests.connectors.simulator_processes import SAMPLES, Bench
from tests.connectors.targets.test_wire import settings
from tests.support.zones import BOOKS, LISTED

KEY = "cp-b-1f2e3d4c5b6a79808f9e0d1c2b3a4d5"


@pytest.fixture
def bench(emptied, http):
    return Bench(targets()["quickbooks"], emptied("quickbooks"), http)


def three(bench):
    return [bench.make(f"NS-{at}") for at in (1, 2, 3)]


def kinds(sent):
    return [answer.kind for answer in sent.answers]


def calls(bench):
    return [line for line in bench.sim.ledger() if line["call"] in ("write", "lookup")]


def numbers(bench):
    found = bench.sim.show("documents")
    return [one.get("DocNumber") or one.get("PaymentRefNum") for one in found]


class TestRecorded:
    def documents(self):
        (invoice,) = DOCUMENTS["quickbooks"]["invoice.create"]
        (memo,) = DOCUMENTS["quickbooks"]["credit_memo.create"]
        fields = {**invoice.fields, "DocNumber": "NS-10232", "PrivateNote": "cp:ns16:10232:v1"}
        lines = (invoice.lines[0], {**invoice.lines[1], "ItemRef": "99"})
        return invoice, replace(invoice, number="NS-10232", fields=fields, lines=lines), memo

    def call(self):
        (call,) = recorded("quickbooks", "batch/some_of_a_batch")["write"]
        return call

    def test_T33b_the_client_asks_what_was_recorded_and_reads_each_item(self):
        client, call = targets()["quickbooks"], self.call()
        payload = client.build(self.documents(), {**BOOKS, **LISTED}, batch=True, batch_name="x")
        assert payload.body.decode() == call.body
        tape, secret = Tape([call]), SAMPLES["quickbooks"].secret
        came = client.send(payload, settings("quickbooks"), secret, KEY, tape)
        assert tape.calls == []
        assert (came.status, len(came.answers)) == (200, 3)
        first, second, third = came.answers
        assert first == Answer(
            kind="accepted",
            words="Accepted.",
            target_ref="145",
            number="NS-10231",
            status=200,
            total=Decimal("118.80"),
        )
        assert second == Answer(
            kind="refused",
            error_class="mapping_missing",
            code="2500",
            words="Invalid Reference Id: Invalid Reference Id : Item element id 99 not found",
            number="NS-10232",
            status=400,
        )
        assert (third.kind, third.target_ref, third.number) == ("accepted", "146", "CN-NS-10231-1")

    def test_T33b_the_stand_in_answers_as_recorded(self, emptied):
        assert played(emptied("quickbooks").url, self.call()) == expected(self.call())


class TestOneCall:
    def test_as_many_as_a_batch_takes_are_one_write(self, bench):
        documents = [bench.make(f"NS-{at}") for at in range(1, MOST + 1)]
        before = len(calls(bench))
        sent = bench.send(*documents, batch=True, key="k" * 36)
        assert kinds(sent) == ["accepted"] * 10
        assert [one.target_ref for one in sent.answers] == [str(at) for at in range(145, 155)]
        lines = calls(bench)[before:]
        assert {line["request_id"] for line in lines} == {lines[0]["request_id"]}
        assert {line["key"] for line in lines} == {"k" * 36}

    def test_a_batch_of_one_is_the_call_of_that_one(self, bench):
        payload = bench.build(bench.make(), batch=True)
        assert payload == bench.build(bench.make())
        assert payload.path == "/invoice"

    def test_without_a_batch_several_are_none(self, bench):
        with pytest.raises(ValueError, match="one document a call, or a batch"):
            bench.build(*three(bench))

    def test_the_same_request_id_does_it_once(self, bench):
        first, again = (bench.send(*three(bench), batch=True) for _ in range(2))
        assert first.answers == again.answers
        assert numbers(bench) == ["NS-1", "NS-2", "NS-3"]

    def test_a_call_that_arrives_twice_is_done_once(self, bench):
        bench.sim.control("faults", fault="duplicate_delivery")
        assert kinds(bench.send(*three(bench), batch=True)) == ["accepted"] * 3
        assert numbers(bench) == ["NS-1", "NS-2", "NS-3"]

    def test_what_can_never_be_taken_is_left_out_and_answered_in_its_place(self, bench):
        first, second, third = three(bench)
        bad = bench.make("N" * 22)
        sent = bench.send(first, bad, second, third, batch=True)
        assert kinds(sent) == ["accepted", "refused", "accepted", "accepted"]
        assert [one.number for one in sent.answers] == ["NS-1", "N" * 22, "NS-2", "NS-3"]
        body = json.loads(bench.build(first, bad, third, batch=True).body)
        assert [one["bId"] for one in body["BatchItemRequest"]] == ["i1", "i3"]

    def test_of_nothing_but_such_no_call_is_made(self, bench):
        before = calls(bench)
        sent = bench.send(bench.make("N" * 22), bench.make("M" * 22), batch=True)
        assert kinds(sent) == ["refused"] * 2
        assert calls(bench) == before


class TestFaults:
    def test_a_fault_of_one_item_holds_that_one_only(self, bench):
        bench.sim.control("faults", fault="closed_period", number="NS-2")
        sent = bench.send(*three(bench), batch=True)
        assert kinds(sent) == ["accepted", "refused", "accepted"]
        assert (sent.answers[1].error_class, sent.answers[1].code) == ("period_locked", "6210")
        assert numbers(bench) == ["NS-1", "NS-3"]

    def test_a_name_that_is_taken_there_is_told_of_its_item(self, bench):
        bench.sim.control("faults", fault="name_taken", number="NS-2")
        (_, answer, _) = bench.send(*three(bench), batch=True).answers
        assert (answer.kind, answer.error_class, answer.code) == ("refused", "duplicate", "6240")
        assert answer.words == (
            "Duplicate Name Exists Error: The name supplied already exists. : Another customer, "
            "vendor or employee has this name. Map the customer, vendor or employee that has this "
            "name in QuickBooks already, or rename it there, then retry."
        )

    def test_a_number_that_is_taken_is_looked_at_for_each_item(self, bench):
        bench.send(bench.make("NS-1"), key="cp-a")
        bench.send(quickbooks_invoice("NS-2", lines=[sold_line(Qty="3", Amount="148.50")],
                                      amount="163.35"), key="cp-b")  # fmt: skip
        one, two, three_ = bench.send(*three(bench), batch=True, key="cp-c").answers
        assert (one.kind, one.existing, one.target_ref) == ("accepted", True, "145")
        assert (two.kind, two.error_class, two.existing) == ("refused", "stale_version", True)
        assert (three_.kind, three_.existing) == ("accepted", False)

    @pytest.mark.parametrize(
        ("fault", "there"),
        [("item_untold", ["NS-1", "NS-2", "NS-3"]), ("item_lost", ["NS-1", "NS-3"])],
    )
    def test_an_item_that_the_answer_lacks_is_in_doubt_alone(self, bench, fault, there):
        bench.sim.control("faults", fault=fault, number="NS-2")
        sent = bench.send(*three(bench), batch=True)
        assert kinds(sent) == ["accepted", "uncertain", "accepted"]
        assert sent.answers[1].words == (
            "QuickBooks answered the batch, but its response does not tell what became of NS-2."
        )
        assert numbers(bench) == there
        found = bench.look_up(bench.make("NS-2"))
        assert found.kind == ("equal" if "NS-2" in there else "absent")

    @pytest.mark.parametrize("fault", ["timeout_after", "error_500_after", "cut_body"])
    def test_without_an_answer_all_are_in_doubt_and_sent_again_they_are_told(self, bench, fault):
        bench.sim.control("faults", fault=fault)
        sent = bench.send(*three(bench), batch=True)
        assert kinds(sent) == ["uncertain"] * 3
        assert [one.number for one in sent.answers] == ["NS-1", "NS-2", "NS-3"]
        assert kinds(bench.send(*three(bench), batch=True)) == ["accepted"] * 3
        assert numbers(bench) == ["NS-1", "NS-2", "NS-3"]

    def test_one_answer_for_all_is_the_answer_of_each(self, bench):
        bench.sim.control("faults", fault="rate_limited")
        answers = bench.send(*three(bench), batch=True).answers
        assert {(one.kind, one.status, one.retry_after) for one in answers} == {
            ("temporary", 429, 60.0)
        }
        assert [one.number for one in answers] == ["NS-1", "NS-2", "NS-3"]
        assert numbers(bench) == []


class TestPayments:
    def test_what_all_of_them_pay_is_asked_for_by_one_query(self, bench):
        bench.send(*three(bench), batch=True, key="cp-a")
        before = len(calls(bench))
        pay = [money(f"RC-{at}", f"NS-{at}", "10.00") for at in (1, 3)]
        sent = bench.send(*pay, bill(), batch=True, key="cp-b")
        assert kinds(sent) == ["accepted"] * 3
        asked = [line for line in calls(bench)[before:] if line["call"] == "lookup"]
        assert [line["number"] for line in asked] == [
            "select * from Invoice where DocNumber in ('NS-1', 'NS-3') maxresults 1000"
        ]
        paid = [one for one in bench.sim.show("documents") if one["entity"] == "Payment"]
        linked = [one["Line"][0]["LinkedTxn"][0]["TxnId"] for one in paid]
        assert linked == ["145", "147"]

    def test_one_that_pays_nothing_is_not_sent_and_the_others_are(self, bench):
        bench.send(bench.make(), key="cp-a")
        sent = bench.send(money(), money("RC-2", "NS-9"), batch=True, key="cp-b")
        assert kinds(sent) == ["accepted", "refused"]
        assert sent.answers[1].code == "nothing_to_pay"

    def test_one_whose_invoice_is_there_twice_is_not_sent(self, bench):
        bench.send(bench.make(), key="cp-a")
        bench.sim.control("company", duplicate_check=False)
        bench.send(bench.make("NS-2"), key="cp-b")
        (first, *_) = bench.sim.show("documents")
        body = {name: first[name] for name in ("DocNumber", "CustomerRef", "GlobalTaxCalculation")}
        line = {name: first["Line"][0][name] for name in ("Amount", "DetailType")}
        line["SalesItemLineDetail"] = first["Line"][0]["SalesItemLineDetail"]
        bench.sim.control("typed", body={**body, "Line": [line]})
        pay = (money(), money("RC-2", "NS-2", "10.00"))
        sent = bench.send(*pay, batch=True, key="cp-c")
        assert kinds(sent) == ["refused", "accepted"]
        assert sent.answers[0].words.startswith("2 of kind invoice exist there under NS-1")

    def test_what_pays_another_of_the_batch_goes_after_it(self, bench):
        sent = bench.send(bench.make(), money(), bench.make("NS-2"), batch=True, key="cp-a")
        assert kinds(sent) == ["accepted", "temporary", "accepted"]
        assert sent.answers[1].words == (
            "It pays NS-1, which is in the same batch, and is sent after it."
        )
        assert kinds(bench.send(money(), batch=True, key="cp-b")) == ["accepted"]

    def test_while_nobody_can_say_what_they_pay_they_are_not_sent(self, bench, http):
        sent = bench.send(
            money(), bench.make("NS-2"), batch=True, secret="x:y:no-token:99999999999"
        )
        assert kinds(sent) == ["temporary", "refused"], "the payment was not sent at all"
        assert {one.error_class for one in sent.answers} == {"authorization_failed"}
        assert [one.code for one in sent.answers] == ["not_sent", "3200"]

    def test_a_refused_look_up_is_no_failed_call(self, bench):
        """It would be refused again, so what could not be read is held, and nothing was sent."""
        bench.send(bench.make(), key="cp-a")
        bench.sim.control("company", not_queryable={"Invoice": ["DocNumber"]})
        (answer,) = bench.send(money(), key="cp-b").answers
        assert (answer.kind, answer.code, answer.status) == ("refused", "lookup_refused", 400)
        assert "not queryable" in answer.words

    def test_among_too_many_documents_a_person_has_to_look(self, bench, monkeypatch):
        bench.send(bench.make(), key="cp-a")
        bench.sim.control("company", not_queryable={"Invoice": ["DocNumber"]})
        monkeypatch.setattr(responses, "MOST", 1)
        monkeypatch.setattr(responses, "PAGES", 1)
        found = bench.look_up(bench.make("NS-2"))
        assert (found.kind, found.by_person, found.answered) == ("unknown", True, True)
        assert "too many documents" in found.words
        assert bench.look_up(bench.make()).kind == "equal"


def heard(*items):
    body = json.dumps({"BatchItemResponse": list(items)}).encode()
    return HttpAnswer(status=200, headers={}, body=body, seconds=0.1, at=NOW)


class TestItems:
    def test_what_is_told_twice_or_of_nobody_is_left_out(self):
        one = {"bId": "i1", "Invoice": {"Id": "1"}}
        found = items_in(heard(one, one, {"bId": "i2", "Bill": {}}, {"Bill": {}}, "text"))
        assert {key: part.status for key, part in found.items()} == {"i2": 200}

    @pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"BatchItemResponse":{}}', b"<p>"])
    def test_another_answer_tells_of_none(self, body):
        answer = HttpAnswer(status=200, headers={}, body=body, seconds=0.1, at=NOW)
        assert items_in(answer) == {}

    @pytest.mark.parametrize(
        ("item", "status"),
        [
            ({"Fault": {"Error": [], "type": "ValidationFault"}}, 400),
            ({"Fault": {"Error": [], "type": "SystemFault"}}, 500),
            ({"Fault": {"Error": [], "type": "ServiceFault"}}, 500),
            ({"Fault": "text"}, 400),
            ({"Fault": {"Error": []}, "Invoice": {"Id": "1"}}, 500),
            ({"Payment": {"Id": "1"}}, 200),
        ],
    )
    def test_an_item_is_read_as_if_it_had_been_sent_alone(self, item, status):
        found = items_in(heard({"bId": "i1", **item}))
        assert found["i1"].status == status
        assert json.loads(found["i1"].body) == {"bId": "i1", **item}

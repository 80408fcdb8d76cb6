"""What stands in QuickBooks: read by number, and looked for by what it is like."""

import json
from datetime import UTC, datetime

import pytest

from connectors.contract import Kept
from connectors.registry import targets
from connectors.targets.quickbooks import connector
from connectors.targets.quickbooks.connector import _reader
from tests.connectors.quickbooks import money, stands
from tests.connectors.simulator_processes import Bench

CASUAL = {
    "CustomerRef": {"value": "58"},
    "TxnDate": "2026-11-19",
    "GlobalTaxCalculation": "NotApplicable",
}


@pytest.fixture
def bench(emptied, http):
    return Bench(targets()["quickbooks"], emptied("quickbooks"), http)


def line_of(amount):
    """One line typed by hand, as JSON."""
    return {
        "Amount": float(amount),
        "DetailType": "SalesItemLineDetail",
        "SalesItemLineDetail": {"ItemRef": {"value": "11"}},
    }


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
        assert [one.number for one in connector.alike(bench.make(), ask)] == ["T-0"]
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

"""Customers, vendors and items of QuickBooks, page by page."""

import json
from datetime import UTC, datetime

import pytest

from connectors.contract import Found
from connectors.contract.targets import ListEntry, TellsLists
from connectors.registry import targets
from connectors.targets.quickbooks import probe
from connectors.transport.http import HttpAnswer
from tests.connectors.recorded import BASE, Tape, expected, played, recorded
from tests.connectors.simulator_processes import SAMPLES, Bench


@pytest.fixture
def bench(start, http):
    return Bench(targets()["quickbooks"], start(target="quickbooks"), http)


def page(bench, kind, after=""):
    found = bench.target.list_page(kind, after, bench.sim.settings, bench.sample.secret, bench.http)
    assert not isinstance(found, Found), found.words
    return found


def test_each_list_is_told_whole_with_what_is_out_of_use(bench):
    bench.sim.control("company", inactive={"Customer": ["59"]})
    customers = page(bench, "customer")
    assert customers.after == ""
    assert [(one.code, one.active) for one in customers.entries] == [
        ("58", True),
        ("59", False),
        ("60", True),
    ]
    assert customers.entries[0].name == "Kedai Maju Sdn. Bhd."
    assert {one.code for one in page(bench, "vendor").entries} == {"77", "78"}
    assert ListEntry("12", "Tea cup", sku="TEA-CUP") in page(bench, "item").entries


def test_the_client_reads_items_with_their_skus_as_recorded():
    tape = Tape(recorded("quickbooks", "lists/items")["items"])
    settings = {"base_url": BASE, "company_id": "9130347"}
    secret = SAMPLES["quickbooks"].secret
    found = targets()["quickbooks"].list_page("item", "", settings, secret, tape)
    assert not isinstance(found, Found)
    assert (found.after, tape.calls) == ("", [])
    assert found.entries == (
        ListEntry("11", "Tea, loose", sku="TEA-LOOSE"),
        ListEntry("12", "Tea cup", sku="TEA-CUP"),
        ListEntry("13", "Rice", active=False, sku="RICE-01"),
        ListEntry("901", "Refund"),
    )


def test_the_stand_in_tells_items_with_their_skus_as_recorded(bench):
    bench.sim.control("company", inactive={"Item": ["13"]})
    (call,) = recorded("quickbooks", "lists/items")["items"]
    assert played(bench.sim.url, call) == expected(call)


def test_a_sku_that_somebody_gives_an_item_is_told_and_nobody_else_has_one(bench):
    bench.sim.control("company", lists={"Item": {"14": "Bowl"}}, skus={"14": "BOWL-1", "58": "C"})
    assert ListEntry("14", "Bowl", sku="BOWL-1") in page(bench, "item").entries
    assert {one.sku for one in page(bench, "customer").entries} == {""}


def test_a_long_list_comes_in_pages_of_a_thousand(bench):
    more = {str(no): f"Customer {no}" for no in range(1_000, 2_998)}
    bench.sim.control("company", lists={"Customer": more})
    first = page(bench, "customer")
    second = page(bench, "customer", first.after)
    third = page(bench, "customer", second.after)
    assert [len(one.entries) for one in (first, second, third)] == [1000, 1000, 1]
    assert (first.after, second.after, third.after) == ("1001", "2001", "")
    codes = {one.code for each in (first, second, third) for one in each.entries}
    assert len(codes) == 2001


def test_a_whole_page_may_be_the_last(bench):
    more = {str(no): f"Customer {no}" for no in range(1_000, 1_997)}
    bench.sim.control("company", lists={"Customer": more})
    first = page(bench, "customer")
    assert (len(first.entries), first.after) == (1000, "1001")
    assert page(bench, "customer", first.after).entries == ()


def test_nobody_can_say_without_an_answer(bench):
    bench.sim.control("revoke")
    found = bench.target.list_page(
        "customer", "", bench.sim.settings, bench.sample.secret, bench.http
    )
    assert isinstance(found, Found)
    assert (found.kind, found.key_refused) == ("unknown", True)


@pytest.mark.parametrize(
    ("shown", "entry"),
    [
        ({"Id": "7", "DisplayName": "Ali", "Name": "x"}, ListEntry("7", "Ali")),
        ({"Id": "7", "FullyQualifiedName": "Tea:Green"}, ListEntry("7", "Tea:Green")),
        ({"Id": "7", "Active": False}, ListEntry("7", "7", active=False)),
    ],
)
def test_an_entry_has_the_name_that_people_see(shown, entry):
    told = []

    def get(path):
        told.append(path)
        body = json.dumps({"QueryResponse": {"Item": [shown, {"Name": "without an id"}]}})
        at = datetime.now(UTC)
        return HttpAnswer(status=200, headers={}, body=body.encode(), seconds=0.1, at=at)

    found = probe.list_page("item", "", get)
    assert not isinstance(found, Found)
    assert found.entries == (entry,)
    assert "Active%20in%20%28true%2C%20false%29" in told[0]


def test_who_lists_what_whole():
    able = {name: one.lists for name, one in targets().items() if isinstance(one, TellsLists)}
    assert able == {
        "autocount": ("customer", "vendor"),
        "autocount_aotg": ("customer",),
        "quickbooks": ("customer", "vendor", "item", "invoice", "bill"),
    }


def test_payment_methods_are_told_by_the_connection_test(bench):
    told = bench.target.test(bench.sim.settings, bench.sample.secret, bench.http)
    assert told.snapshot is not None
    assert told.snapshot.codes()["payment_method"] == {"1", "3", "4"}
    assert told.snapshot.called("payment_method", "3") == {"name": "FPX"}

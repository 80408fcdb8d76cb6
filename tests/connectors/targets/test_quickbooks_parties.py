"""Entries that were made inactive: asked for before a write, which would be refused."""

import pytest

from connectors.contract import Found
from connectors.contract.targets import TellsParties
from connectors.registry import targets
from tests.connectors.quickbooks import bill, money
from tests.connectors.recorded import BASE, Tape, expected, played, recorded
from tests.connectors.recorded_documents import DOCUMENTS
from tests.connectors.sample_documents import quickbooks_invoice
from tests.connectors.simulator_processes import SAMPLES, Bench

CUSTOMER, VENDOR = "a customer that is inactive", "a vendor that is in use"
ITEM = "an item that is inactive"
ASKED = {CUSTOMER: "invoice.create", VENDOR: "bill.create", ITEM: "invoice.create"}
SETTINGS = {"base_url": BASE, "company_id": "9130347"}


@pytest.fixture
def bench(start, http):
    return Bench(targets()["quickbooks"], start(target="quickbooks"), http)


@pytest.mark.parametrize(
    ("step", "told"),
    [(CUSTOMER, "customer 58"), (VENDOR, ""), (ITEM, "product 12 Tea cup (TEA-CUP)")],
)
def test_the_client_asks_and_reads_as_recorded(step, told):
    tape = Tape(recorded("quickbooks", "parties/inactive")[step])
    (document,) = DOCUMENTS["quickbooks"][ASKED[step]]
    secret = SAMPLES["quickbooks"].secret
    assert targets()["quickbooks"].inactive(document, SETTINGS, secret, tape) == told
    assert tape.calls == []


@pytest.mark.parametrize("step", [CUSTOMER, VENDOR, ITEM])
def test_the_stand_in_answers_as_recorded(bench, step):
    entries = {"Item": ["12"]} if step == ITEM else {"Customer": ["58"]}
    bench.sim.control("company", inactive=entries)
    for call in recorded("quickbooks", "parties/inactive")[step]:
        assert played(bench.sim.url, call) == expected(call)


def inactive(bench, document):
    return bench.target.inactive(document, bench.sim.settings, bench.sample.secret, bench.http)


def test_each_kind_of_party_until_it_is_in_use_again(bench):
    bench.sim.control("company", inactive={"Customer": ["58"], "Vendor": ["77"]})
    told = [inactive(bench, one) for one in (bench.make(), money(), bill())]
    assert told == ["customer 58", "customer 58", "vendor 77"]
    bench.sim.control("company", active={"Vendor": ["77"]})
    assert inactive(bench, bill()) == ""
    bench.sim.control("company", active={"Customer": ["58"]}, inactive={"Customer": ["59"]})
    assert inactive(bench, bench.make()) == ""


@pytest.mark.parametrize(
    ("entity", "code", "document", "told"),
    [
        ("Item", "11", quickbooks_invoice(), "product 11 Tea, loose (TEA-LOOSE)"),
        ("Account", "35", money(), "account 35 Bank"),
        ("Account", "81", bill(), "account 81 Cost of goods"),
    ],
)
@pytest.mark.parametrize("named", [False, True])
def test_an_item_or_account_is_named_though_the_fault_names_nothing(
    bench, entity, code, document, told, named
):
    """Fault 610 says that something was made inactive, and not what."""
    bench.sim.control("company", inactive={entity: [code]}, names_inactive=named)
    assert inactive(bench, document) == told
    if entity == "Item":
        (answer,) = bench.send(document).answers
        assert (answer.error_class, answer.code) == ("mapping_missing", "610")
        assert (code in answer.words) is named


def test_nobody_can_say_while_there_is_no_answer(bench):
    bench.sim.control("revoke")
    found = inactive(bench, bench.make())
    assert isinstance(found, Found)
    assert (found.kind, found.key_refused) == ("unknown", True)


def test_only_quickbooks_can_be_asked():
    can = [name for name, target in targets().items() if isinstance(target, TellsParties)]
    assert can == ["quickbooks"]

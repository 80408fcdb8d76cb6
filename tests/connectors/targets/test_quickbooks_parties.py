"""Entries that are inactive or of another currency: read before a write, which is refused."""

import pytest

from connectors.contract import Found
from connectors.contract.targets import TellsParties, UnusableEntry
from connectors.registry import targets
from tests.connectors.quickbooks import bill, money
from tests.connectors.recorded import BASE, Tape, expected, played, recorded
from tests.connectors.recorded_documents import DOCUMENTS
from tests.connectors.sample_documents import quickbooks_invoice, sold_line
from tests.connectors.simulator_processes import SAMPLES, Bench

CUSTOMER, VENDOR = "a customer that is inactive", "a vendor that is in use"
ITEM, SGD = "an item that is inactive", "a customer of another currency"
ASKED = {
    CUSTOMER: "invoice.create",
    VENDOR: "bill.create",
    ITEM: "invoice.create",
    SGD: "invoice.create",
}
BOOKS = {
    CUSTOMER: {"inactive": {"Customer": ["58"]}},
    VENDOR: {},
    ITEM: {"inactive": {"Item": ["12"]}},
    SGD: {"currencies": {"Customer": {"58": "SGD"}}},
}
SETTINGS = {"base_url": BASE, "company_id": "9130347"}


@pytest.fixture
def bench(start, http):
    return Bench(targets()["quickbooks"], start(target="quickbooks"), http)


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (CUSTOMER, UnusableEntry("customer 58")),
        (VENDOR, None),
        (ITEM, UnusableEntry("product 12 Tea cup (TEA-CUP)")),
        (SGD, UnusableEntry("customer 58", "SGD", "MYR")),
    ],
)
def test_the_client_asks_and_reads_as_recorded(step, told):
    tape = Tape(recorded("quickbooks", "parties/inactive")[step])
    (document,) = DOCUMENTS["quickbooks"][ASKED[step]]
    secret = SAMPLES["quickbooks"].secret
    assert targets()["quickbooks"].unusable_entry(document, SETTINGS, secret, tape) == told
    assert tape.calls == []


@pytest.mark.parametrize("step", BOOKS)
def test_the_stand_in_answers_as_recorded(bench, step):
    bench.sim.control("company", **BOOKS[step])
    for call in recorded("quickbooks", "parties/inactive")[step]:
        assert played(bench.sim.url, call) == expected(call)


def unusable(bench, document):
    return bench.target.unusable_entry(
        document, bench.sim.settings, bench.sample.secret, bench.http
    )


def test_each_kind_of_party_until_it_is_in_use_again(bench):
    bench.sim.control("company", inactive={"Customer": ["58"], "Vendor": ["77"]})
    told = [unusable(bench, one) for one in (bench.make(), money(), bill())]
    assert [one.entry for one in told] == ["customer 58", "customer 58", "vendor 77"]
    bench.sim.control("company", active={"Vendor": ["77"]})
    assert unusable(bench, bill()) is None
    bench.sim.control("company", active={"Customer": ["58"]}, inactive={"Customer": ["59"]})
    assert unusable(bench, bench.make()) is None


@pytest.mark.parametrize(
    ("entity", "code", "document", "told"),
    [
        ("Item", "11", quickbooks_invoice(), "product 11 Tea, loose (TEA-LOOSE)"),
        ("Account", "35", money(), "account 35 Bank"),
        ("Account", "81", bill(), "account 81 Cost of goods"),
        ("Department", "1", quickbooks_invoice(DepartmentRef="1"), "location 1 KL"),
        ("Term", "3", quickbooks_invoice(SalesTermRef="3"), "term of payment 3 Net 30"),
        ("PaymentMethod", "3", money(PaymentMethodRef="3"), "method of payment 3 FPX"),
        (
            "Class",
            "200000000002",
            quickbooks_invoice(lines=[sold_line(ClassRef="200000000002")]),
            "class 200000000002 Expo",
        ),
    ],
)
@pytest.mark.parametrize("named", [False, True])
def test_an_entry_that_is_no_party_is_named_though_the_fault_names_nothing(
    bench, entity, code, document, told, named
):
    """Fault 610 says that something was made inactive, and not what."""
    bench.sim.control("company", inactive={entity: [code]}, names_inactive=named)
    assert unusable(bench, document) == UnusableEntry(told)
    if entity == "Item":
        (answer,) = bench.send(document).answers
        assert (answer.error_class, answer.code) == ("mapping_missing", "610")
        assert (code in answer.words) is named


@pytest.mark.parametrize(
    ("entity", "code", "document", "refused"),
    [
        (
            "Customer",
            "58",
            quickbooks_invoice(CurrencyRef="MYR"),
            UnusableEntry("customer 58", "SGD", "MYR"),
        ),
        ("Vendor", "77", bill(CurrencyRef="MYR"), UnusableEntry("vendor 77", "SGD", "MYR")),
        ("Account", "35", money(CurrencyRef="MYR"), UnusableEntry("account 35 Bank", "SGD", "MYR")),
    ],
)
@pytest.mark.parametrize("lenient", [False, True])
def test_a_party_or_an_account_of_another_currency_is_found(
    bench, entity, code, document, refused, lenient
):
    """The stand-in refuses such a document, unless it is played leniently."""
    if document.document == "payment":
        bench.send(bench.make(), key="cp-paid")
    bench.sim.control("company", currencies={entity: {code: "SGD"}}, any_currency=lenient)
    assert unusable(bench, document) == refused
    (answer,) = bench.send(document).answers
    assert (answer.kind == "accepted") is lenient
    assert answer.code == ("" if lenient else "6000")


def test_a_document_in_the_currency_of_its_party_is_taken(bench):
    bench.sim.control("company", currencies={"Customer": {"58": "SGD"}, "Account": {"35": "SGD"}})
    invoice = bench.make(CurrencyRef="SGD", ExchangeRate="3.3")
    assert unusable(bench, invoice) is None
    assert bench.send(invoice).answers[0].kind == "accepted"
    paid = money(CurrencyRef="SGD", ExchangeRate="3.3")
    assert unusable(bench, paid) is None
    assert bench.send(paid, key="cp-2").answers[0].kind == "accepted"


def test_without_a_currency_the_party_has_its_own(bench):
    bench.sim.control("company", currencies={"Customer": {"58": "SGD"}})
    bench.send(bench.make())
    assert [one["CurrencyRef"]["value"] for one in bench.standing()] == ["SGD"]
    bench.sim.control("company", multi_currency=False)
    assert unusable(bench, bench.make()) is None


def test_nobody_can_say_while_there_is_no_answer(bench):
    bench.sim.control("revoke")
    found = unusable(bench, bench.make())
    assert isinstance(found, Found)
    assert (found.kind, found.key_refused) == ("unknown", True)


def test_who_shows_the_currency_of_a_party():
    can = [name for name, target in targets().items() if isinstance(target, TellsParties)]
    assert can == ["autocount", "quickbooks"]

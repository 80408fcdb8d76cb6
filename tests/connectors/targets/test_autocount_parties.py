"""Customers and suppliers of AutoCount: its lists, and those that it lacks and that are created.

The recorded calls under wire/autocount/parties are written from the contract and from the vendor's
pages that it names; client and stand-in are each held to them. Here: also what becomes of a
document whose party cannot be created. Not here: a company at work (acceptance/test_two_steps.py).
"""

import json

import pytest
import requests

from connectors.contract import Found
from connectors.contract.schema import setting_faults
from connectors.contract.targets import ListEntry, ListPage, TellsLists, UnusableEntry
from connectors.registry import targets
from connectors.targets.autocount import connector
from connectors.transport.http import HttpAnswer
from sandbox.conformance.target_bench import Fixed, answering
from tests.connectors.recorded import Tape, expected, handled, played, recorded
from tests.connectors.recorded_autocount import AUTOCOUNT
from tests.connectors.simulator_processes import SAMPLES, Bench
from tests.connectors.targets.test_wire import BOOKS, settings
from tests.connectors.targets.test_wire_corrupted import served
from tests.connectors.targets.test_wire_unknown_code import changed

BOTH = "customer,vendor"
NEW = {"DebtorCode": "300-X999", "DebtorName": "Kedai Baru"}
RECORDED = {
    "customer": ("invoice.create", "300-W001", "300-X999", "300-X999 (Web Customer)"),
    "supplier": ("purchase_order.create", "400-B012", "400-X999", "400-X999 (Blogger 12)"),
}
KNOWN = {
    "debtor": {"300-K210": {"companyName": "Warung Melati", "isActive": False}},
    "creditor": {"400-S014": {"companyName": "Apparel Supplier"}},
}
KNOWN["debtor"]["300-K210"]["registerNo"] = "202301000001"
KNOWN["creditor"]["400-S014"]["registerNo"] = "202201524856"


@pytest.fixture
def bench(autocount_sim, autocount, http):
    return Bench(autocount, autocount_sim, http)


def created(sim):
    """What the ledger says of those that were created since the books were emptied."""
    lines = sim.ledger()
    empty = max(at for at, one in enumerate(lines) if one.get("act") == "reset")
    return [json.loads(one["stands"]) for one in lines[empty:] if one["effect"] == "party_made"]


def made(sim):
    return [one["accNo"] for one in created(sim)]


def posted(sim):
    return [one["master"]["docNo"] for one in sim.show("documents")]


def written(name):
    return recorded("autocount", f"parties/{name}.created")["write"]


def sent_as_recorded(name, calls, **more):
    document, known, unknown, _ = RECORDED[name]
    given = changed(AUTOCOUNT[document][0], known, unknown)
    target = targets()["autocount"]
    payload = target.build((given,), BOOKS, batch=False, batch_name="alone")
    tape = Tape(calls)
    there = {**settings("autocount"), **BOOKS, **more}
    came = target.send(payload, there, SAMPLES["autocount"].secret, "k", tape)
    return came.answers[0], tape


@pytest.mark.parametrize("name", RECORDED)
def test_the_client_creates_it_and_sends_its_document_again(name):
    answer, tape = sent_as_recorded(name, written(name), create_parties=BOTH)
    assert tape.calls == []
    assert (answer.kind, answer.target_ref) == ("accepted", answer.number)
    assert answer.words == "Accepted, and read back."
    assert answer.besides == f"{RECORDED[name][3]} was created there first."


@pytest.mark.parametrize("name", RECORDED)
@pytest.mark.parametrize("others", ["", "none"])
def test_it_is_created_only_where_somebody_wants_it_of_its_kind(name, others):
    more = (
        {"create_parties": {"customer": "vendor", "supplier": "customer"}[name]} if others else {}
    )
    answer, tape = sent_as_recorded(name, written(name)[:1], **more)
    assert tape.calls == []
    assert (answer.kind, answer.error_class) == ("refused", "mapping_missing")


@pytest.mark.parametrize("name", RECORDED)
def test_the_stand_in_answers_as_recorded(name, tmp_path):
    handle = served("autocount", tmp_path)
    for call in written(name):
        assert handled(handle, call) == expected(call)


@pytest.mark.parametrize("kind", ["customer", "vendor"])
def test_client_and_stand_in_know_the_lists_as_recorded(kind, tmp_path, autocount_sim, autocount):
    (call,) = recorded("autocount", "parties/lists")[kind]
    tape = Tape([call])
    secret = SAMPLES["autocount"].secret
    page = autocount.list_page(kind, "", settings("autocount"), secret, tape)
    assert tape.calls == []
    assert isinstance(page, ListPage)
    known = {
        "customer": ListEntry(
            "300-K210",
            "Warung Melati",
            active=False,
            registration="202301000001",
            currency="MYR",
        ),
        "vendor": ListEntry(
            "400-S014", "Apparel Supplier", registration="202201524856", currency="MYR"
        ),
    }[kind]
    assert known in page.entries
    assert (len(page.entries), page.after) == (4, "")
    autocount_sim.control("book", parties=KNOWN)
    told = requests.get(autocount_sim.url + call.path, headers=dict(call.headers), timeout=20)
    assert told.json() == json.loads(call.answer)


def test_a_list_of_many_pages_is_read_page_by_page(bench):
    many = {f"300-Z{at:03}": {"companyName": f"Kedai {at}"} for at in range(196)}
    bench.sim.control("book", parties={"debtor": many})
    pages, after = [], ""
    while not pages or after:
        page = bench.target.list_page(
            "customer", after, bench.sim.settings, bench.sample.secret, bench.http
        )
        pages, after = [*pages, page.entries], page.after
    assert [len(one) for one in pages] == [100, 100, 0], "it tells no total: an empty page ends it"
    codes = [entry.code for page in pages for entry in page]
    assert (len(set(codes)), codes[0], codes[-1]) == (200, "300-K210", "300-Z195")


@pytest.mark.parametrize("content", [b"", b"<html>", b'{"data":{}}', b'{"data":[1]}', b"[]"])
def test_what_is_no_list_is_not_taken_for_an_empty_one(content, autocount):
    class Heard:
        def now(self):
            raise AssertionError

        def request(self, *_, **__):
            return HttpAnswer(status=200, headers={}, body=content, seconds=0.1, at=None)

    found = autocount.list_page("vendor", "", settings("autocount"), "acc_demo_9Tq4Lx", Heard())
    assert isinstance(found, Found)
    assert found.kind == "unknown"


def test_it_lists_customers_and_suppliers_of_the_intended_book_alone(bench):
    assert isinstance(bench.target, TellsLists)
    there = {**bench.sim.settings, "company_id": "2001"}
    found = bench.target.list_page("customer", "", there, bench.sample.secret, bench.http)
    assert (found.kind, found.status) == ("unknown", 401)


@pytest.mark.parametrize(
    "fault", ["timeout_before", "timeout_after", "error_500_after", "html_502"]
)
def test_an_answer_that_is_lost_makes_no_doubt_and_no_second_one(bench, fault):
    """The document was refused, and the code is the customer's own: both go again."""
    bench.sim.control("faults", plan=["slow", fault])  # the first write is that of the document
    (answer,) = bench.send(bench.make(**NEW), create_parties=BOTH).answers
    assert (answer.kind, answer.error_class) == ("temporary", "temporary")
    assert "Whether 300-X999 (Kedai Baru) was created there is not known" in answer.words
    assert posted(bench.sim) == []
    (again,) = bench.send(bench.make(**NEW), create_parties=BOTH).answers
    assert again.kind == "accepted"
    assert (made(bench.sim), posted(bench.sim)) == (["300-X999"], ["NS-1"])


def test_one_that_is_there_by_then_is_taken_as_it_is(bench):
    """Somebody else created it between the two calls."""
    bench.sim.control("faults", plan=["slow", "duplicate_delivery"])
    payload = bench.build(bench.make(**NEW))
    target, there = bench.target, {**bench.sim.settings, "create_parties": BOTH}

    class Overtaken:
        """As the network, but somebody is faster."""

        def request(self, method, url, **more):
            if url.endswith("/debtor"):
                bench.sim.control("book", parties={"debtor": {"300-X999": {}}})
            return bench.http.request(method, url, **more)

    (answer,) = target.send(payload, there, bench.sample.secret, "k", Overtaken()).answers
    assert (answer.kind, answer.besides) == ("accepted", "")
    assert (made(bench.sim), posted(bench.sim)) == ([], ["NS-1"])


def test_the_document_is_refused_for_anything_else_after_it_was_created(bench):
    document = bench.make(**NEW, SalesAgent="NOBODY")
    (answer,) = bench.send(document, create_parties=BOTH).answers
    assert (answer.kind, answer.error_class) == ("refused", "mapping_missing")
    assert answer.words.startswith("300-X999 (Kedai Baru) was created there first.")
    assert "SalesAgentKey = NOBODY" in answer.words
    assert posted(bench.sim) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"CurrencyCode": "XXX", "CurrencyRate": "2"}, "CurrencyKey = XXX) not exists"),
        ({"DisplayTerm": "COD"}, "CreditTermKey = COD) not exists"),
    ],
)
def test_what_autocount_does_not_create_stays_a_missing_mapping(bench, changed, said):
    (answer,) = bench.send(bench.make(**NEW, **changed), create_parties=BOTH).answers
    assert (answer.kind, answer.error_class) == ("refused", "mapping_missing")
    assert "Debtor (DebtorKey = 300-X999) not exists. It was not created there: " in answer.words
    assert said in answer.words
    assert (made(bench.sim), posted(bench.sim)) == ([], [])


def test_a_key_that_may_not_create_any_closes_no_connection(bench):
    """It posts all the others: a person is asked for this one, as without the wish."""
    bench.sim.control("faults", plan=["slow", "no_permission"])
    (answer,) = bench.send(bench.make(**NEW), create_parties=BOTH).answers
    assert (answer.kind, answer.error_class) == ("refused", "mapping_missing")
    assert "It was not created there: 403 Forbidden." in answer.words


@pytest.mark.parametrize(
    ("fault", "kind", "error_class"),
    [
        ("invalid_key", "refused", "authorization_failed"),
        ("rate_limited", "temporary", "temporary"),
    ],
)
def test_what_is_said_of_us_is_said_of_every_call(bench, fault, kind, error_class):
    bench.sim.control("faults", plan=["slow", fault])
    (answer,) = bench.send(bench.make(**NEW), create_parties=BOTH).answers
    assert (answer.kind, answer.error_class) == (kind, error_class)
    assert posted(bench.sim) == []


def test_a_customer_of_foreign_money_is_created_with_it(bench):
    document = bench.make(**NEW, CurrencyCode="SGD", CurrencyRate="3.30")
    bench.send(document, create_parties=BOTH)
    (one,) = created(bench.sim)
    assert one["currencyCode"] == "SGD"


def test_a_payment_or_another_code_creates_nobody(bench):
    """A payment says no name, and a location is no party."""
    before = len(bench.sim.ledger())
    (answer,) = bench.send(bench.make(Location="hq"), create_parties=BOTH).answers
    assert answer.error_class == "mapping_missing"
    receipt = AUTOCOUNT["ar_payment.create"][0]
    unknown = changed(receipt, receipt.party, "300-X999")
    (answer,) = bench.send(unknown, create_parties=BOTH).answers
    assert answer.error_class == "mapping_missing"
    assert not [one for one in bench.sim.ledger()[before:] if one["call"].startswith("party")]


def test_an_edit_that_names_a_new_customer_creates_it_too(bench):
    bench.send(bench.make())
    (answer,) = bench.send(bench.make(**NEW), action="update", create_parties="customer").answers
    assert answer.kind == "accepted"
    assert (made(bench.sim), posted(bench.sim)) == (["300-X999"], ["NS-1"])


def test_the_budget_of_calls_has_room_for_it(autocount):
    assert autocount.pace.sending({}) == 3
    assert autocount.pace.sending({"create_parties": "vendor"}) == 5


def test_the_setting_takes_no_other_word():
    assert setting_faults((connector.CREATES,), {"create_parties": "customer, vendor"}) == {}
    assert setting_faults((connector.CREATES,), {"create_parties": "item"}) != {}


ABROAD = {"debtor": {"300-W001": {"currencyCode": "SGD"}}}
ABROAD["creditor"] = {"400-B012": {"currencyCode": "SGD"}}
UNUSABLE = {
    "customer": UnusableEntry("customer 300-W001", "SGD", "MYR"),
    "supplier": UnusableEntry("vendor 400-B012", "SGD", "MYR"),
}


def unusable(bench, document, **more):
    there = {**bench.sim.settings, "base_currency": "MYR", **more}
    return bench.target.unusable_entry(document, there, bench.sample.secret, bench.http)


@pytest.mark.parametrize("name", UNUSABLE)
def test_the_client_reads_the_currency_of_a_party_as_recorded(name):
    (document, *_) = AUTOCOUNT[RECORDED[name][0]]
    tape = Tape(recorded("autocount", "parties/currency")[name])
    there = {**settings("autocount"), **BOOKS}
    secret = SAMPLES["autocount"].secret
    assert targets()["autocount"].unusable_entry(document, there, secret, tape) == UNUSABLE[name]
    assert tape.calls == []


@pytest.mark.parametrize("name", UNUSABLE)
def test_the_stand_in_shows_the_currency_of_a_party_as_recorded(bench, name):
    bench.sim.control("book", parties=ABROAD)
    (call,) = recorded("autocount", "parties/currency")[name]
    assert played(bench.sim.url, call) == expected(call)


@pytest.mark.parametrize("home_only", [False, True])
def test_a_document_would_be_in_the_currency_of_its_party(bench, home_only):
    """Nothing refuses it: AutoCount takes no currency, and posts the amounts in that one."""
    bench.sim.control("book", parties=ABROAD, home_currency_only=home_only)
    assert unusable(bench, bench.make()) == UNUSABLE["customer"]
    bench.send(bench.make())
    (made,) = bench.sim.show("documents")
    assert made["master"]["currencyCode"] == ("MYR" if home_only else "SGD")


def test_a_party_of_the_currency_of_the_document_can_be_used(bench):
    bench.sim.control("book", parties=ABROAD)
    abroad = bench.make(CurrencyCode="SGD", CurrencyRate="3.3")
    assert unusable(bench, abroad) is None
    assert bench.send(abroad).answers[0].kind == "accepted"
    assert unusable(bench, bench.make(DebtorCode="300-K210")) is None


@pytest.mark.parametrize("status", [403, 404])
def test_a_party_that_is_not_shown_is_left_to_the_write(bench, status):
    """A key may be allowed to write invoices and not to read debtors."""
    with answering(Fixed(status, b'{"statusCode": 403, "message": "403 Forbidden."}')) as server:
        assert unusable(bench, bench.make(), base_url=server.url) is None


def test_nobody_can_say_while_there_is_no_answer(bench):
    with answering(Fixed(401, b"{}")) as server:
        found = unusable(bench, bench.make(), base_url=server.url)
    assert (found.kind, found.key_refused) == ("unknown", True)
    assert unusable(bench, bench.make(), base_url="http://127.0.0.1:1").kind == "unknown"

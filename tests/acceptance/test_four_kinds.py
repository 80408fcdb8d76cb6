"""Invoices, receipts, bills and payments of one shop, each in its place in AiAccount."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.houses import COMPANY, quiet
from tests.acceptance.orders import clean, days_ago
from tests.acceptance.parts import read
from tests.acceptance.product import ADMIN, FINANCE, House, Product, free_environment, item
from tests.acceptance.quiet import BASE, ask_target, rows, send, work, writes

pytestmark = pytest.mark.slow
ACCOUNTS = ["12000", "40000", "61001", "1041", "1043", "1044"]
BANKS = {"FPX": "1043", "STRIPE": "1041", "TNG": "1044"}
_EVENTS = count(1)


@pytest.fixture(scope="module")
def office(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A company under the template of all four kinds, which sends at once."""
    folder = tmp_path_factory.mktemp("four")
    rules = folder / "at-once-rules"
    product = Product(command, folder, free_environment())
    product.run("init", str(rules), "--template", "netshop-aiaccount-daily")
    posting = rules / "posting.rules"
    text, found = re.subn(r"    daily .*", "    immediately", posting.read_text("utf-8"))
    assert found == 4
    posting.write_text(text, "utf-8")
    _foreign_money(rules)
    for tests in rules.glob("*_test.rules"):  # they tell of the night
        tests.unlink()
    with quiet(product, rules) as house:
        ask_target(house, "company", accounts=ACCOUNTS)
        house.product.run("connection", "test", "aiaccount", *COMPANY, "--as", ADMIN)
        yield house


def _foreign_money(rules: Path) -> None:
    """Orders in other currencies are booked like others, each at its rate."""
    clearing, names, posting = (rules / f"{n}.rules" for n in ("clearing", "names", "posting"))
    text = clearing.read_text("utf-8")
    assert 'require  currency = "MYR"\n' in text
    text = text.replace('require  currency = "MYR"\n', "require  currency is known\n")
    clearing.write_text(text, "utf-8")
    rates = """
map rate
    match    exact
    "MYR"  -> 1.000000
    "USD"  -> 4.450000
    missing  hold for accounts  say "Nobody has said the rate of {key}."
"""
    names.write_text(names.read_text("utf-8") + rates, "utf-8")
    text, found = re.subn(
        r"(    Currency +)= currency\n",
        r"\g<0>    ExchangeRate = rate(currency)\n",
        posting.read_text("utf-8"),
    )
    assert found == 4
    posting.write_text(text, "utf-8")


def commission(house: House, number: str, day: int, amount: str, **changes: Any) -> None:
    """What a blogger earned up to a day."""
    on = days_ago(day)[:10]
    given = {
        "id": number,
        "blogger": "B-12",
        "period": f"{on}/{on}",
        "amount": amount,
        "currency": "MYR",
        "status": "approved",
        "paid_at": None,
        **changes,
    }
    raw = json.dumps({"event": "settlement.updated", "settlement": given}).encode()
    answer = house.post_hook(raw, event_id=f"evt_four_{next(_EVENTS)}")
    assert answer.status_code == 202, answer.text


def made(house: House, kind: str) -> dict[str, dict[str, Any]]:
    """The documents of a kind that the target made, by number."""
    lines = [c for c in house.calls() if c["effect"] == "created" and c["type"] == kind]
    return {line["number"]: line for line in lines}


def test_E02_paid_orders_become_receipts_on_the_bank_account_of_their_channel(
    office: House,
) -> None:
    channels = dict(enumerate(BANKS, 201))
    orders = [clean(number, channel=channel) for number, channel in channels.items()]
    office.deliver(*orders, clean(204, paid_at=None), clean(205, status="pending", paid_at=None))
    work(office)
    receipts = made(office, "sales_receipt")
    assert receipts.keys() == {f"RC-NS-{number}" for number in channels}
    for number, channel in channels.items():
        document = receipts[f"RC-NS-{number}"]["document"]
        assert document["InvoiceNumber"] == f"NS-{number}"
        assert document["BankAccountCode"] == BANKS[channel]
        assert Decimal(document["Amount"]) == Decimal("11.00")
    effects = office.created()
    for number in channels:
        assert effects.index(f"NS-{number}") < effects.index(f"RC-NS-{number}")
    assert not {"NS-204", "NS-205", "RC-NS-204", "RC-NS-205"} & {*effects}


SETTLED = {"ST-1": "250.00", "ST-2": "99.90", "ST-3": "0.10", "ST-4": "1200.00", "ST-5": "75.25"}


def test_E03_settlements_become_bills_of_the_same_sum(office: House) -> None:
    for day, (number, amount) in enumerate(SETTLED.items(), 2):
        commission(office, number, day, amount)
    commission(office, "ST-6", 8, "10.00", status="pending")
    work(office)
    bills = made(office, "expense_bill")
    assert {number: line["document"]["Supplier"] for number, line in bills.items()} == (
        dict.fromkeys(SETTLED, "Blogger 12")
    )
    assert sum(Decimal(line["total"]) for line in bills.values()) == Decimal("1625.25")
    assert {n: Decimal(line["total"]) for n, line in bills.items()} == {
        number: Decimal(amount) for number, amount in SETTLED.items()
    }
    assert made(office, "expense_payment") == {}


def test_E04_paid_settlements_become_payments_of_their_bills(office: House) -> None:
    paid = {"status": "paid", "paid_at": days_ago(1)}
    for day, number in ((2, "ST-1"), (5, "ST-4")):
        commission(office, number, day, SETTLED[number], **paid)
    work(office)
    ask_target(office, "company", accounts=[code for code in ACCOUNTS if code != "61001"])
    commission(office, "ST-7", 9, "30.00", **paid)
    work(office)
    payments = made(office, "expense_payment")
    assert {number: line["document"]["BillNumber"] for number, line in payments.items()} == {
        "PV-ST-1": "ST-1",
        "PV-ST-4": "ST-4",
    }
    assert {Decimal(line["total"]) for line in payments.values()} == {
        Decimal("250.00"),
        Decimal("1200.00"),
    }
    assert "ST-7" not in office.created(), "its account is gone there"
    waits = rows(
        office,
        "SELECT p.state FROM posting p JOIN record r ON r.id = p.record_id"
        " WHERE r.number = 'ST-7' AND p.doc_type = 'expense_payment'",
    )
    assert waits == [("waiting",)]
    assert "PV-ST-7" not in {call.get("number") for call in office.calls()}

    ask_target(office, "company", accounts=ACCOUNTS)
    commission(office, "ST-8", 10, "40.00", **paid)
    work(office)
    effects = office.created()
    assert effects.index("ST-8") < effects.index("PV-ST-8")


LISTED: dict[str, Any] = {
    "accounts": ACCOUNTS,
    "tax_codes": {"NT": "0", "MY-SALES10": "0.10"},
    "currencies": ["MYR", "SGD"],
}
_HELD = (
    "SELECT h.code, h.message, t.name FROM hold h JOIN team t ON t.id = h.team_id"
    " WHERE h.state = 'open' AND h.number = ?"
)
_HOLD = "SELECT id FROM hold WHERE state = 'open' AND number = ?"


def look_again(house: House, **listed: Any) -> None:
    """Lists change in the target, an admin presses the button on the page of the connection, and a
    worker comes.
    """
    ask_target(house, "company", **{**LISTED, **listed})
    admin = house.visitor(ADMIN)
    page = read(admin.get(f"{BASE}/connections/aiaccount"))
    form = next(f for f in page.all("form") if f.attributes["action"].endswith("/test"))
    send(admin, form, form.fields())
    work(house)


def page_of_hold(house: House, number: str) -> str:
    """What people read of a hold of a record."""
    hold = rows(house, _HOLD, number)[0][0]
    return read(house.visitor(FINANCE).get(f"{BASE}/holding/{hold}")).text


def no_call(house: House, number: str) -> bool:
    """Whether the target's own ledger names it in no write at all."""
    return writes(house, number) == [] and number not in house.created()


def test_E11_what_it_says_records_that_need_a_tax_code_that_is_gone_are_held(
    office: House,
) -> None:
    gone = {"tax_codes": {"NT": "0"}}
    look_again(office, **gone)
    taxed = clean(211, items=[item(1, tax="NONE"), item(2, tax="SST")])
    office.deliver(taxed, clean(212, items=[item(1, tax="NONE")]))
    work(office)
    assert no_call(office, "NS-211")
    assert "NS-212" in office.created()
    message = (
        "aiaccount does not list the tax code MY-SALES10, which the document names as Tax Code."
        " Nothing was sent."
    )
    assert rows(office, _HELD, "NS-211")[0] == ("LST01", message, "tax_desk")
    told = page_of_hold(office, "NS-211")
    assert message.replace("aiaccount", "AiAccount") in told
    assert "tax code MY-SALES10 is added there (AiAccount, Settings → Tax Codes)" in told
    assert "the connection is tested again" in told

    look_again(office, **gone)
    assert no_call(office, "NS-211")
    look_again(office)
    assert rows(office, _HELD, "NS-211") == []
    assert office.created().count("NS-211") == 1


def test_E12_what_it_says_an_order_in_a_currency_that_is_off_is_held(office: House) -> None:
    look_again(office)
    office.deliver(clean(221, currency="USD"), clean(222))
    work(office)
    assert no_call(office, "NS-221")
    assert {"NS-222", "RC-NS-222"} <= {*office.created()}
    held = rows(office, _HELD, "NS-221")
    assert len(held) == 2, "its invoice and its receipt"
    for code, message, owner in held:
        assert (code, owner) == ("LST01", "accounts")
        assert message.startswith("aiaccount does not list the currency USD, which the document")
    told = page_of_hold(office, "NS-221")
    assert "currency USD is added there (AiAccount, Settings → Currencies)" in told

    look_again(office, currencies=["MYR", "SGD", "USD"])
    invoice = made(office, "sales_invoice")["NS-221"]["document"]
    assert (invoice["Currency"], Decimal(invoice["ExchangeRate"])) == ("USD", Decimal("4.45"))
    assert office.created().count("RC-NS-221") == 1
    assert rows(office, "SELECT 1 FROM hold WHERE state = 'open' AND code = 'LST01'") == []


def test_E13_what_it_says_bills_on_an_account_that_was_deleted_are_held(office: House) -> None:
    look_again(office, accounts=[code for code in ACCOUNTS if code != "61001"])
    commission(office, "ST-21", 11, "21.00")
    commission(office, "ST-22", 12, "22.00")
    office.deliver(clean(231))
    work(office)
    assert no_call(office, "ST-21")
    assert no_call(office, "ST-22")
    assert {"NS-231", "RC-NS-231"} <= {*office.created()}
    for number in ("ST-21", "ST-22"):
        ((code, message, owner),) = rows(office, _HELD, number)
        assert (code, owner) == ("LST01", "accounts")
        assert message.startswith("aiaccount does not list the account 61001, which the document")
    assert "account 61001 is added there (AiAccount, Settings → Accounts)" in page_of_hold(
        office, "ST-21"
    )
    one = "SELECT COUNT(DISTINCT cause_id) FROM hold WHERE state = 'open' AND code = 'LST01'"
    assert rows(office, one) == [(1,)], "one cause for all of them"

    look_again(office)
    bills = made(office, "expense_bill")
    assert {"ST-21", "ST-22"} <= bills.keys()
    assert [office.created().count(number) for number in ("ST-21", "ST-22")] == [1, 1]


def test_C21_one_list_of_runs_and_its_own_slice_on_each_connection(office: House) -> None:
    finance = office.visitor(FINANCE)
    by_admin = (*COMPANY, "--as", ADMIN)
    told = ("base_url=http://127.0.0.1:9", "company_id=CMP-2", "company_name=Another")
    pairs = [word for one in told for word in ("--set", one)]
    words = ("connection", "add", "branch", *by_admin, "--side", "target")
    office.product.run(*words, "--connector", "aiaccount", *pairs)
    ask_target(office, "faults", fault="closed_period", count=1)
    office.deliver(clean(301))
    work(office)
    office.deliver(clean(302))
    work(office)

    hub = read(finance.get(f"{BASE}/runs"))
    listed = [row for row in hub.all("tr", role="row") if row.attributes.get("id")]
    assert {row.all("td")[2].text.partition(",")[0] for row in listed} == {"AiAccount"}
    numbers = [int(row.attributes["id"].removeprefix("runrow_")) for row in listed]
    assert numbers == sorted(numbers, reverse=True)
    failed = next(row for row in listed if "failed" in row.text)
    page = read(finance.get(f"{BASE}/connections/aiaccount"))
    mine = [row for row in page.one("section", id="runs").all("tr", role="row") if row.all("td")]
    assert mine[0].attributes["id"] == failed.attributes["id"], "what failed last comes first"
    assert "1 failed" in mine[0].text
    assert {row.attributes["id"] for row in listed} == {row.attributes["id"] for row in mine}
    others = read(finance.get(f"{BASE}/connections/branch")).one("section", id="runs")
    assert "No run yet." in others.text
    assert "data-row" not in finance.get(f"{BASE}/runs?connection=branch")

    invoices = next(row for row in mine if "sales invoice" in row.text and "failed" in row.text)
    first = invoices.one("a", cls="strong").attributes["href"]
    assert first in {row.one("a", cls="strong").attributes["href"] for row in listed}, "one click"
    sent = read(finance.get(first))
    link = next(a for a in sent.all("a") if a.text == "NS-301").attributes["href"]
    assert read(finance.get(link)).one("h1").text.startswith("NS-301 "), "two clicks"


def test_G09_a_trace_starts_from_the_number_of_the_document_alone(office: House) -> None:
    finance = office.visitor(FINANCE)
    office.deliver(clean(501), clean(502))
    work(office)
    assert {"NS-501", "RC-NS-501"} <= set(office.created())
    ((reference,),) = rows(office, "SELECT target_ref FROM posting WHERE number = 'RC-NS-501'")
    for typed in ("RC-NS-501", " RC-NS-501 ", reference):  # the receipt's own, not the order's
        answer = finance.session.get(
            f"{finance.address}{BASE}/find", params={"q": typed}, timeout=30
        )
        assert answer.url.partition("?")[0].endswith("/records/netshop/order/501")
        assert read(answer.text).one("h1").text.startswith("NS-501 ")
    told = office.product.json("trace", "RC-NS-501", *COMPANY, "--json")
    assert told["number"] == "NS-501"
    assert [one["no"] for one in told["documents"][0]["answers"]] == [1, 2, 3, 4, 5, 6, 7]
    nobody = office.product.run("trace", "RC-NS-50", *COMPANY, code=1)
    assert "No record or document" in nobody.stderr

"""Which company a record is for, by which one way it comes, and what is found before a call."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.acceptance.conftest import STARTER
from tests.acceptance.desk import hold_of
from tests.acceptance.houses import COMPANY, quiet
from tests.acceptance.orders import buyer, clean, days_ago, priced, with_sku
from tests.acceptance.parts import read, state
from tests.acceptance.product import ADMIN, FINANCE, House, Product, Visitor, free_environment, item
from tests.acceptance.quiet import BASE, ask_target, change, record, rows, work

pytestmark = pytest.mark.slow
PREFLIGHT = ("connection", "preflight")
BY_ADMIN = (*COMPANY, "--as", ADMIN)


@pytest.fixture(scope="module")
def office(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    product = Product(command, tmp_path_factory.mktemp("targets"), free_environment())
    with quiet(product, STARTER) as found:
        yield found


def save(who: Visitor, name: str, code: int = 200, **given: str) -> str:
    """Save the settings of a connection; what the page then says."""
    path = f"{BASE}/connections/{name}/settings"
    page = who.get(path)
    fields = {**read(page).one("form", id="settingsform").fields(), **given}
    answer = who.post(path, page, **fields)
    told = read(answer.text).text
    assert answer.status_code == code, told[:800]
    return told


def test_A10_what_it_says(office: House) -> None:
    admin, finance = office.visitor(ADMIN), office.visitor(FINANCE)
    known = len(office.calls())
    orders = {1001: "toko", 1002: " Kedai ", 1003: None, 1004: "toko"}
    office.deliver(*(clean(number, company_code=code) for number, code in orders.items()))
    work(office)
    calls = office.calls()[known:]
    assert {call["number"] for call in calls if call["number"]} == {"NS-1002", "NS-1003"}
    for number in (1001, 1004):
        assert state(record(finance, number)) == "On hold"
    page = read(finance.get(hold_of(finance, 1001)))
    assert "It is of company toko, and its source is bound to kedai." in page.text
    assert not [b for b in page.all("button") if b.attributes.get("id", "").startswith("release")]
    links = {a.attributes["href"] for a in page.all("a") if "/help/" in a.attributes["href"]}
    assert any("/help/IDN02?" in link for link in links), links
    help_page = read(finance.get("/help/IDN02")).text
    assert "the new version clears the hold" in help_page
    group = "SELECT label, records FROM cause WHERE key = 'company:toko'"
    assert rows(office, group) == [("Record of another company: toko", 2)]

    office.deliver(clean(1004, company_code="kedai", updated_at="2030-01-01T00:00:00+08:00"))
    work(office)
    assert state(record(finance, 1004)) == "Posted"
    assert "NS-1001" not in office.created()
    save(admin, "netshop", company_code="TOKO")
    work(office)
    assert state(record(finance, 1001)) == "Posted"
    office.deliver(clean(1005, company_code="kedai"))
    work(office)
    assert state(record(finance, 1005)) == "On hold"
    assert "bound to TOKO" in read(finance.get(hold_of(finance, 1005))).text
    save(admin, "netshop", company_code="")
    work(office)
    assert sorted(office.created())[-5:] == [f"NS-100{at}" for at in range(1, 6)]
    _a_shop_takes_the_place_of_the_code(office)


def _a_shop_takes_the_place_of_the_code(office: House) -> None:
    """An app signs the webhooks of all its shops alike: the shop that each names is compared."""
    own = ("--set", "base_url=https://kedai.myshopify.com")
    office.product.run("connection", "add", "shopify", *BY_ADMIN, "--side", "source", *own)
    office.product.run("connection", "key", "shopify", *BY_ADMIN, stdin="shpss_hush_hush_hush\n")
    raw = json.dumps({"line_items": [], "financial_status": "paid"}).encode()  # stored nowhere
    signed = base64.b64encode(
        hmac.new(b"shpss_hush_hush_hush", raw, hashlib.sha256).digest()
    ).decode()
    headers = {"X-Shopify-Topic": "orders/create", "X-Shopify-Hmac-Sha256": signed}
    address = f"{office.address}/hooks/kedai/shopify"
    codes = []
    for shop in ("toko.myshopify.com", "kedai.myshopify.com"):
        told = {**headers, "X-Shopify-Shop-Domain": shop}
        answer = requests.post(address, data=raw, headers=told, timeout=60)
        codes.append((answer.status_code, answer.json().get("code")))
    assert codes[0] == (403, "another_shop")
    assert codes[1][1] != "another_shop"
    save(office.visitor(ADMIN), "shopify", deliveries="off")  # one way for orders, from here on


KINDS = "delivery, order, purchase, refund and settlement"


def test_A11_what_it_says(office: House) -> None:
    admin = office.visitor(ADMIN)
    assert "No problems found." in office.product.run(*PREFLIGHT, "netshop", *BY_ADMIN).stdout
    form = admin.get(f"{BASE}/connections/new?system=workbook")
    fields = {**read(form).one("form", id="addform").fields(), "name": "stall"}
    answer = admin.post(f"{BASE}/connections/new", form, **fields)
    told = read(answer.text).text
    assert answer.status_code == 422, told[:800]
    assert f"NetShop (API) brings {KINDS} records already" in told
    assert rows(office, "SELECT count(*) FROM connection WHERE name = 'stall'") == [(0,)]

    shown = read(admin.get(f"{BASE}/connections/netshop/settings"))
    choices = shown.one("select", id="deliveries").all("option")
    assert [one.text for one in choices] == ["Not set: on", "On", "Off"]
    save(admin, "netshop", deliveries="off")
    refused = office.deliver(clean(1101))
    assert (refused.status_code, refused.json()["code"]) == (403, "delivery.off")
    assert rows(office, "SELECT count(*) FROM record WHERE number = 'NS-1101'") == [(0,)]
    answer = admin.post(f"{BASE}/connections/new", form, **fields)
    assert answer.status_code == 200, read(answer.text).text[:3000]
    told = save(admin, "netshop", 422, deliveries="on")
    assert f"stall (Excel import) brings {KINDS} records already" in told
    assert office.deliver(clean(1101), event_id="evt_still_off").status_code == 403
    save(admin, "stall", record_kinds="order")
    save(admin, "netshop", deliveries="on", record_kinds="settlement")
    save(admin, "netshop", 422, record_kinds="order, settlement")

    office.product.run(*PREFLIGHT, "stall", *BY_ADMIN)
    known = len(office.calls())
    change(office, "UPDATE connection SET settings = '{}' WHERE name = 'netshop'")
    for name in ((), ("netshop",), ("stall",)):
        found = office.product.json(*PREFLIGHT, *name, *BY_ADMIN, "--json", code=1)["findings"]
        assert found[0]["code"] == "connection.two_ways"
        assert "netshop (API)" in found[0]["words"]
        assert "stall (Excel import)" in found[0]["words"]
    assert len(office.calls()) == known, "nobody was called"
    save(admin, "stall", deliveries="off")
    office.product.run(*PREFLIGHT, "stall", *BY_ADMIN)


def test_E28_what_it_says(office: House) -> None:
    admin, finance = office.visitor(ADMIN), office.visitor(FINANCE)
    known = len(office.created())
    ask_target(office, "quota", limit=100, used=-known)  # of what it made before none counts
    office.product.run("connection", "test", "aiaccount", *BY_ADMIN)
    first, calls = range(28_001, 28_080), len(office.calls())
    dated = {"ordered_at": days_ago(1), "paid_at": days_ago(1)}
    office.deliver(*(clean(number, **dated) for number in first))
    work(office)
    page = f"{BASE}/connections/aiaccount"
    assert "Quota" not in read(admin.get(page)).one("div", id="endpoints").text
    office.deliver(clean(28_080, **dated))
    work(office)
    assert "Quota 80 of 100 used" in read(admin.get(page)).one("div", id="endpoints").text
    told = rows(office, "SELECT body FROM event WHERE act = 'connection.quota'")
    assert len(told) == 1
    assert "80 of 100 documents of this month are used." in str(told[0])

    late = [clean(number, **dated) for number in range(28_101, 28_121)]
    early = {"ordered_at": days_ago(2), "paid_at": days_ago(2)}
    office.deliver(*late, *(clean(number, **early) for number in range(28_121, 28_141)))
    office.product.run(*PREFLIGHT, "aiaccount", *BY_ADMIN)
    work(office)
    made = office.created()[known:]
    assert len(made) == 100
    assert sorted(made[-20:]) == [f"NS-{number}" for number in range(28_121, 28_141)]
    effects = {call["effect"] for call in office.calls()[calls:] if call["call"] == "json"}
    assert effects == {"created"}, "no call failed"
    waiting = "SELECT count(*) FROM posting WHERE state = 'ready' AND number LIKE 'NS-28%'"
    assert rows(office, waiting) == [(20,)]
    stands = read(admin.get(page)).one("div", id="endpoints").text
    assert "Quota of 100 used up · 20 waiting" in stands
    assert "Waits: Quota of 100 used up." in record(finance, 28_101).text
    found = office.product.json(*PREFLIGHT, "aiaccount", *BY_ADMIN, "--json", code=1)
    left = next(one for one in found["findings"] if one["code"] == "connection.quota")
    assert left["records"] == 20
    assert "0 of 100 documents are left this month, and 20 documents wait." in left["words"]

    ask_target(office, "quota", limit=None)
    office.product.run("connection", "test", "aiaccount", *BY_ADMIN)
    work(office)
    assert rows(office, waiting) == [(0,)]


def add_stall(office: House) -> None:
    """A stall that brings orders by Excel import, as it was allowed once."""
    if rows(office, "SELECT count(*) FROM connection WHERE name = 'stall'") == [(0,)]:
        stall = ("stall", "--side", "source", "--connector", "workbook")
        office.product.run("connection", "set", "netshop", *BY_ADMIN, "--set", "deliveries=off")
        office.product.run("connection", "add", *stall, *BY_ADMIN)


DEFECTS: Mapping[str, tuple[Mapping[str, Any], str, str]] = {
    "unknown customer": ({"customer": buyer(1, id="C-999")}, "MAP01", "C-999"),
    "unknown article": ({"items": with_sku("TEA-NOBODY")}, "MAP01", "TEA-NOBODY"),
    "article nearly right": ({"items": with_sku("tea-earl-100")}, "MAP01", "tea-earl-100"),
    "tax word without a code": ({"items": priced("5.00", tax="GST")}, "MAP01", "GST"),
    "unit without a rate": ({"items": priced("5.00", uom="DRUM")}, "UOM01", "DRUM"),
    "no customer": ({"customer": buyer(2, id=None)}, "MIS01", "customer"),
    "no customer name": ({"customer": buyer(3, name=None)}, "MIS01", "customer_name"),
    "no day": ({"ordered_at": None}, "MIS01", "ordered_on"),
    "unknown status": ({"status": "paidd"}, "STA01", "paidd"),
    "goods came back": ({"status": "Refunded + Items Returned"}, "HLD01", "Goods returned"),
    "marked as an exception": ({"status": "exception"}, "HLD01", "Exception in NetShop"),
    "day to come": ({"ordered_at": days_ago(-3)}, "CHK01", "Future date"),
    "closed period": ({"ordered_at": days_ago(15)}, "PER01", "is locked"),
    "foreign currency": ({"currency": "SGD"}, "CHK01", "Foreign currency"),
    "total that does not add up": ({"total": "99.00"}, "SUM01", "its parts differ"),
    "no buyer above RM 10,000": ({"items": priced("10500.00")}, "CHK01", "TIN and address"),
    "TIN of another": (
        {"customer": buyer(4, tin="C20224455660")},
        "CHK01",
        "TIN and customer do not match",
    ),
    "half a piece": ({"items": [item(1, qty="0.5")]}, "CHK01", "Not a whole number"),
    "approved before its edit": (
        {"approved_by": "Siti", "approved_version": 1, "version": 2},
        "CHK01",
        "Changed after approval",
    ),
    "another company": ({"company_code": "pasar"}, "IDN02", "pasar"),
    "ordered twice": ({"customer": buyer(5), "id": 38_900}, "DUP01", "Possible duplicate"),
    "formula": (
        {"items": priced("5.00", name="=HYPERLINK(1)")},
        "VAL05",
        "could not take the document",
    ),
}
"""Defect -> what is wrong with an order, the code of its finding, a word of what is said of it."""


def test_E38_what_it_says(office: House) -> None:
    ask_target(office, "lock", through=days_ago(10)[:10])
    ask_target(office, "company", excel_import_enabled=True)
    office.product.run("connection", "test", "aiaccount", *BY_ADMIN, code=3)
    office.product.run("connection", "pause", "aiaccount", *BY_ADMIN, "--reason", "first look")
    calls = len(office.calls())
    orders = [clean(38_000, customer=buyer(5))]
    for at, (changes, _, _) in enumerate(DEFECTS.values(), start=38_001):
        orders.append(clean(at, **changes))
    for one in orders:
        assert office.deliver(one).status_code == 202, one
    work(office)
    add_stall(office)
    change(office, "UPDATE connection SET settings = '{}' WHERE name IN ('netshop', 'stall')")
    change(office, "UPDATE throttle SET quota_limit = 1, quota_used = 1")
    found = office.product.json(*PREFLIGHT, *BY_ADMIN, "--json", code=1)["findings"]
    told = [(one["code"], f"{one['words']} {one['todo']}") for one in found]
    for defect, (_, code, word) in DEFECTS.items():
        assert any(c == code and word in words for c, words in told), f"{defect}: {told}"
    of_connection = {
        "connection.two_ways",
        "connection.paused",
        "connection.quota",
        "test.excel.on",
    }
    assert of_connection <= {code for code, _ in told}
    assert len(DEFECTS) + len(of_connection) >= 25
    assert all(one["todo"] for one in found)
    office.product.run("connection", "set", "stall", *BY_ADMIN, "--set", "deliveries=off")
    printed = office.product.run(*PREFLIGHT, "aiaccount", *BY_ADMIN, code=1).stdout
    assert "connection.two_ways" not in printed
    assert "VAL05" in printed
    assert len(office.calls()) == calls, "nobody was called"

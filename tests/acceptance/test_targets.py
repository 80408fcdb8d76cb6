"""Which company a record is for, by which one way it comes, and what is found before a call."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.conftest import STARTER
from tests.acceptance.desk import hold_of
from tests.acceptance.houses import COMPANY, quiet
from tests.acceptance.orders import clean
from tests.acceptance.parts import read, state
from tests.acceptance.product import ADMIN, FINANCE, House, Product, Visitor, free_environment
from tests.acceptance.quiet import BASE, change, record, rows, work

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
        assert state(record(finance, number)) == "Held"
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
    assert state(record(finance, 1005)) == "Held"
    assert "bound to TOKO" in read(finance.get(hold_of(finance, 1005))).text
    save(admin, "netshop", company_code="")
    work(office)
    assert sorted(office.created())[-5:] == [f"NS-100{at}" for at in range(1, 6)]


def test_A11_what_it_says(office: House) -> None:
    admin = office.visitor(ADMIN)
    assert "Nothing was found." in office.product.run(*PREFLIGHT, "netshop", *BY_ADMIN).stdout
    form = admin.get(f"{BASE}/connections/new?system=workbook")
    fields = {**read(form).one("form", id="addform").fields(), "name": "stall"}
    answer = admin.post(f"{BASE}/connections/new", form, **fields)
    told = read(answer.text).text
    assert answer.status_code == 422, told[:800]
    assert "netshop (API) brings order records already" in told
    assert rows(office, "SELECT count(*) FROM connection WHERE name = 'stall'") == [(0,)]

    save(admin, "netshop", deliveries="off")
    refused = office.deliver(clean(1101))
    assert (refused.status_code, refused.json()["code"]) == (403, "delivery.off")
    assert rows(office, "SELECT count(*) FROM record WHERE number = 'NS-1101'") == [(0,)]
    assert admin.post(f"{BASE}/connections/new", form, **fields).status_code == 200
    told = save(admin, "netshop", 422, deliveries="on")
    assert "stall (Excel import) brings order records already" in told
    assert office.deliver(clean(1101), event_id="evt_still_off").status_code == 403
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

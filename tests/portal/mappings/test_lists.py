"""The page of lists: where each comes from, a file given in, what changed, and its files."""

import io
import json

import openpyxl
import pytest
from sqlalchemy import select

from holding.connections.master_data import keep_kinds
from holding.db.models import Connection
from holding.mappings import list_rows, list_sources
from holding.platform.settings import Settings
from portal.cli import records
from portal.mappings import exact_pages
from portal.web import store
from portal.web.config import body_limit
from tests.portal.reading import cause, one, plain

pytestmark = pytest.mark.sqlite
LISTS = "/c/kedai/mappings/lists"
CUSTOMERS = (
    b"Customer name,TIN,Active\nAisyah Rahman,IG24680135790,yes\nMaju Jaya,C20881234010,no\n"
    b"=1+1,,\n"
)


@pytest.fixture
def told(database, clock):
    """The target told its accounts."""
    with database.write() as session:
        found = select(Connection).where(Connection.name == "aiaccount").order_by(Connection.id)
        target = session.scalars(found).first()
        assert target is not None
        kinds = {"account": {"40000": {}, "12000": {}}}
        keep_kinds(session, target, kinds, person=None, now=clock.now())


def give(browser, raw=CUSTOMERS, *, name="customers.csv", kind="customer", status=303, **more):
    form = {"target": "aiaccount", "kind": kind, "as_of": "2026-11-19", **more}
    return browser.post(LISTS, {**form, "file": (io.BytesIO(raw), name)}, status=status)


def test_without_a_list_the_page_says_so_and_with_one_how_old_it_is(visit, told):
    farah = visit("farah")
    before = plain(farah.text(LISTS))
    known = "2 codes are known because documents with them were posted"
    assert f"AiAccount Customer No list. {known}" in before
    assert "AiAccount Account Told by AiAccount, read" in before
    changed = give(farah).headers["Location"]
    assert "the list of 2026-11-19 now: 3 in all, 3 added" in (plain(farah.text(changed)))
    page = plain(farah.text(LISTS))
    assert "File customers.csv of 2026-11-19, 1 day old, by Farah 3" in page
    assert "customers.csv AiAccount, customers 2026-11-19" in page


def test_of_many_documents_the_newest_say_which_codes_are_known(visit, told, monkeypatch):
    monkeypatch.setattr(list_sources, "LATEST", 1)
    page = plain(visit("farah").text(LISTS))
    known = "At least 1 code is known because documents with them were posted"
    assert f"AiAccount Customer No list. {known}" in page
    found = [
        one.words
        for one in records.examine_installation(Settings.from_env())
        if one.name == "list kedai"
    ]
    said = "aiaccount no list of customers; at least 1 code is known from what was posted"
    assert said in "\n".join(found)


def test_what_changed_is_told_and_downloaded_without_numbers_for_some(visit):
    url = give(visit("farah")).headers["Location"]
    page = plain(visit("farah").text(url))
    assert "Added Maju Jaya Maju Jaya C20881234010 no" in page
    assert "C20881234010" not in visit("vera").text(url)
    rows = json.loads(visit("farah").text(f"{url}.json"))["rows"]
    assert rows[2] == {
        "change": "Added", "code": "Maju Jaya", "name": "Maju Jaya", "tin": "C20881234010",
        "registration_number": "", "active": "no", "sku": "",
    }  # fmt: skip
    assert "C20881234010" not in visit("vera").text(f"{url}.csv")
    assert "C20881234010" in visit("adam").text(url), "an administrator maps customers"
    assert "C20881234010" in visit("adam").text(f"{url}.csv")
    assert "'=1+1" in visit("farah").text(f"{url}.csv")
    body = visit("farah").get(f"{url}.xlsx").data
    sheet = openpyxl.load_workbook(io.BytesIO(body))["Changes"]
    assert [cell.value for cell in sheet[5]][:2] == ["Added", "Maju Jaya"]
    visit("farah").get(f"{url}.pdf", status=404)
    visit("farah").get(f"{LISTS}/999", status=404)


def test_what_is_wrong_with_a_list_stands_beside_its_field(visit, database):
    farah = visit("farah")
    wrong = give(farah, b"Telephone\n1\n", status=422).get_data(as_text=True)
    assert "The first row has no column “Customer code” or “Customer name”" in plain(wrong)
    later = give(farah, as_of="2027-01-01", status=422).get_data(as_text=True)
    assert "The list cannot be of 2027-01-01, because that day has not come." in plain(later)
    day = give(farah, as_of="x", status=422).get_data(as_text=True)
    assert "Enter the date as 2026-11-01." in day
    none = farah.post(LISTS, {"target": "aiaccount", "kind": "customer"}, status=422)
    assert "Select a file." in none.get_data(as_text=True)
    give(farah, kind="account", status=422)
    give(farah, target="netshop", status=422)
    assert one(database, "SELECT count(*) FROM list_file") == 0
    give(visit("vera"), status=403)
    give(farah)
    assert "in use already" in plain(give(farah, status=409).get_data(as_text=True))
    assert one(database, "SELECT count(*) FROM list_file") == 1


def test_a_file_is_read_before_anything_is_locked_and_not_endlessly(visit, monkeypatch):
    order, read, write = [], list_rows.read_csv, store.writing

    def reading(*given):
        order.append("read")
        return read(*given)

    def writing():
        order.append("write")
        return write()

    monkeypatch.setattr(list_rows, "read_csv", reading)
    farah = visit("farah")
    monkeypatch.setattr(exact_pages.store, "writing", writing)
    give(farah)
    assert order == ["read", "write"]
    for _ in range(11):
        give(farah, b"Telephone\n1\n", status=422)
    give(farah, status=429)


@pytest.mark.slow
def test_a_list_may_be_as_large_as_its_page_says(visit):
    rows = "\n".join(f"Shop {no},{'x' * 180}" for no in range(6_000))
    raw = f"Customer code,Customer name\n{rows}\n".encode()
    assert len(raw) > 1024 * 1024
    give(visit("farah"), raw)
    large = body_limit("/c/kedai/uploads")
    assert large > 20 * 1024 * 1024
    assert body_limit(LISTS) == body_limit("/c/kedai/files/12/listing") == large
    for other in ("/c/kedai/files/12/outcome", "/c/kedai/files/x/listing", f"{LISTS}/1"):
        assert body_limit(other) == 1024 * 1024


def test_the_choice_of_a_value_uses_the_list_and_warns_by_it(visit, database):
    farah = visit("farah")
    missing = cause(database, "mapping:debtor:%")
    before = plain(farah.text(f"/c/kedai/mappings/missing?cause={missing}"))
    assert "AiAccount: no list of customers. Upload one to choose from it." in before
    give(farah)
    asked = f"/c/kedai/mappings/missing/values?cause={missing}&q=maju"
    found = plain(farah.text(asked, target="mapchoices"))
    assert "Maju Jaya Inactive. Listed by AiAccount." in found
    form = {"cause": missing, "table": "debtor", "key": "C-99", "rev": 99, "reason": "is it"}
    preview = "/c/kedai/mappings/preview"
    off = plain(farah.post(preview, {**form, "other": "Nobody"}, status=200).get_data(as_text=True))
    assert "Nobody is not in the list of AiAccount of 2026-11-19, customers.csv." in off
    quiet = plain(farah.post(preview, {**form, "other": "Maju Jaya"}).get_data(as_text=True))
    assert "Maju Jaya is inactive in AiAccount by the list of 2026-11-19" in quiet
    assert "is not in the list" not in quiet


def test_doctor_says_where_each_list_comes_from_and_how_old_it_is(visit, told):
    give(visit("farah"))
    found = [
        one.words
        for one in records.examine_installation(Settings.from_env())
        if one.name == "list kedai"
    ]
    lists = "\n".join(found)
    assert "aiaccount 3 customers from the file customers.csv of 2026-11-19, " in lists
    assert "by Farah" in lists
    assert "aiaccount no list of suppliers; 0 codes are known from what was posted" in lists
    assert "aiaccount 2 accounts, told by it, read 2026-11-2" in lists

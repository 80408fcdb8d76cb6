"""A file of orders is looked at before anything is stored; a range of days before it goes."""

import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import requests
from openpyxl.styles import Font

from tests.acceptance.browser import Person
from tests.acceptance.conftest import STARTER
from tests.acceptance.houses import quiet
from tests.acceptance.orders import clean, days_ago, with_sku
from tests.acceptance.parts import Part, read
from tests.acceptance.product import (
    APPROVER,
    FINANCE,
    MALAYSIA,
    House,
    Product,
    Visitor,
    free_environment,
)
from tests.acceptance.quiet import BASE, fix_mapping, rows, send, work

pytestmark = pytest.mark.slow
UPLOADS = f"{BASE}/uploads"
HEADS = (
    *("Order ID", "Order No", "Status", "Date", "Customer code", "Customer name", "Total"),
    *(
        "Currency",
        "Subtotal",
        "Tax amount",
        "Rounding",
        "Paid at",
        "Created by",
        "Channel",
        "Version",
    ),
)
ITEMS = ("Order ID", "Line", "Item code", "Description", "Unit", "Qty", "Unit price", "Tax code")
DAY = days_ago(1)[:10]


@pytest.fixture(scope="module")
def office(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("uploads")
    with quiet(Product(command, folder, free_environment()), STARTER) as found:
        yield found


def file(
    numbers: Sequence[int],
    *,
    sku: str = "CUP-GLASS-20",
    cells: Mapping[str, str | int | None] | None = None,
) -> bytes:
    """A workbook of three sheets: orders of two glasses, their items, and notes; then these cells
    are written over.
    """
    book = openpyxl.Workbook()
    heads, items, notes = book.active, book.create_sheet("Order items"), book.create_sheet("Notes")
    assert heads is not None
    heads.title = "Orders"
    notes.append(["Exported by hand"])
    heads.append(HEADS)
    items.append(ITEMS)
    for number in numbers:
        name = f"Buyer {number}"
        money = ("11.00", "MYR", "10.00", "1.00", "0.00")
        who = (f"{DAY} 10:00", "Mei Ling", "FPX", 1)
        heads.append((number, f"NS-{number}", "paid", DAY, "C-101", name, *money, *who))
        items.append((number, 1, sku, "Glass", "PCS", 2, "5.00", "SST"))
    for place, value in (cells or {}).items():
        sheet, _, cell = place.partition("!")
        book[sheet][cell] = value
    items["C1"].font, items["F2"].number_format = Font(name="Georgia", bold=True), "#,##0.000"
    items.column_dimensions["C"].width = 33
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def give(who: Visitor, raw: bytes, name: str = "orders.xlsx", kind: str = "order") -> str:
    """Upload a file as the form does; the address that this leads to."""
    page = who.get(UPLOADS)
    form = read(page).one("form", id="uploadform")
    answer = who.session.post(
        who.address + form.attributes["action"],
        data={**form.fields(), "source": "netshop", "kind": kind},
        files={"file": (name, raw)},
        headers={"Referer": who.address + UPLOADS},
        timeout=60,
    )
    assert answer.status_code == 200, answer.text[:800]
    return str(answer.url).removeprefix(who.address)


def press(who: Visitor, path: str, button: str) -> Part:
    """Press a button of a page; the page that follows."""
    form = read(who.get(path)).form_of(button)
    return read(send(who, form, form.fields()))


def records(house: House, like: str) -> int:
    [(count,)] = rows(house, "SELECT count(*) FROM record WHERE number LIKE ?", like)
    return int(count)


def state_of(house: House, number: str) -> str:
    """The state of a record; what holds it, where it is held."""
    found = house.record(number)
    return str(found["state"] if found["state"] != "held" else found["documents"][0]["answers"][5:])


def cells(page: Part, table: str) -> list[list[str]]:
    """The rows of the table in a section."""
    found = page.one("section", id=table).one("tbody").all("tr")
    return [[cell.text for cell in row.all("td")] for row in found]


def numbers(page: Part, part: str = "parts") -> dict[str, str]:
    """What the sums at the top say, by their names."""
    found = page.one("dl", id=part).all("div")
    return {one.one("dt").text: one.one("dd").text for one in found}


@pytest.mark.browser
def test_A03_a_file_is_looked_at_before_anything_of_it_is_stored(
    office: House, chromium: Any, tmp_path: Path
) -> None:
    path = tmp_path / "march.xlsx"
    path.write_bytes(
        file([7301, 7302, 7303, 7304], cells={"Order items!F4": "2 ctn", "Orders!D5": "19.11."})
    )
    with Person(chromium, office.address) as person:
        person.sign_in(FINANCE, office.passwords[FINANCE])

        def uploaded() -> Any:
            page = person.go(f"{BASE}/connections/netshop")
            page.click("#uploadfile")
            page.set_input_files("#file", path)
            page.click("#uploadgo")
            page.get_by_text("The file is being checked").first.wait_for()
            work(office)
            page.locator("#parts").wait_for()  # by itself: the page asks again
            return page

        page = uploaded()
        told = read(page.content())
        assert numbers(told) == {
            "Orders read": "4",
            "New": "2",
            "Changed": "0",
            "Same as before": "0",
            "With wrong cells": "2",
        }
        sub = told.one("p", cls="sub").text
        assert "4 rows in Orders" in sub
        assert "4 rows in Order items" in sub
        assert "nothing is stored yet" in sub
        assert "The sheet Notes is not read." in told.text
        wrong = {row[0]: row[1:] for row in cells(told, "wrong")}
        assert set(wrong) == {"Order items!F4", "Orders!D5"}
        assert wrong["Order items!F4"][:2] == ["Qty", "2 ctn"]
        assert wrong["Order items!F4"][2].startswith("This is not a number.")
        assert wrong["Orders!D5"][:2] == ["Date", "19.11."]
        assert wrong["Orders!D5"][4] == "NS-7304"
        assert told.one("div", id="held").text.startswith("2 orders with wrong cells.")
        assert records(office, "NS-73%") == 0
        assert person.violations() == []

        page.click("#cancel")
        page.get_by_text("Nothing was stored.").first.wait_for()
        for table in ("record", "version", "delivery", "upload"):
            assert rows(office, f"SELECT count(*) FROM {table}") == [(0,)], table

        page = uploaded()
        page.get_by_role("button", name="Confirm import of 4 orders").click()
        page.get_by_text("The import has started.").first.wait_for()
        work(office)
        page.locator("#outcome").wait_for()
        taken = numbers(read(page.content()), "outcome")
        assert (taken["Orders taken"], taken["New"]) == ("4", "4")
        work(office)
        page.reload()
        imported = {row[0]: row[1] for row in cells(read(page.content()), "importedrecords")}
        assert imported == {
            "NS-7303": "On hold",
            "NS-7304": "On hold",
            "NS-7301": "Posted",
            "NS-7302": "Posted",
        }
        assert person.said == []
    assert records(office, "NS-73%") == 4
    assert state_of(office, "NS-7301") == "posted"
    messages = rows(
        office,
        "SELECT h.message FROM hold h JOIN record r ON r.id = h.record_id"
        " WHERE h.code = 'VAL04' AND r.number LIKE 'NS-73%' ORDER BY r.number",
    )
    assert [message.partition(" (")[0] for (message,) in messages] == [
        "Qty in Order items!F",
        "Date in Orders!D",
    ]
    assert rows(office, "SELECT count(*) FROM delivery WHERE upload_id IS NULL") == [(0,)]

    sums = {"Orders!G2": "16.50", "Orders!I2": "15.00", "Orders!J2": "1.50"}
    path.write_bytes(file([7301, 7302, 7303], cells={"Order items!F2": 3, **sums}))
    finance = office.visitor(FINANCE)
    url = give(finance, path.read_bytes())
    work(office)
    page = read(finance.get(url))
    seen = numbers(page)
    assert (seen["New"], seen["Changed"], seen["Same as before"]) == ("0", "2", "1")
    assert ["NS-7301", "Quantity, line 1", "2", "3"] in cells(page, "changed")
    press(finance, url, "cancel")
    payments_come_with_a_payout(office, finance)


PAYOUT = """Payout no,Status,Deposit date,Currency,Net,Line,Sale ID,Entry type,Order number,Amount
PO-73,paid,2026-11-19,MYR,19.00,1,S-731,sale,NS-7301,11.00
PO-73,paid,2026-11-19,MYR,19.00,2,S-732,sale,NS-7302,11.00
PO-73,paid,2026-11-19,MYR,19.00,3,F-73,fee,,-3.00
"""


def payments_come_with_a_payout(office: House, finance: Visitor) -> None:
    """A file of payouts brings what they pay of each order, once."""

    def looked(text: str) -> tuple[str, Part]:
        url = give(finance, text.encode(), "payouts.csv", "payout")
        work(office)
        return url, read(finance.get(url))

    def kept() -> list[Any]:
        said = "json_extract(v.body, '$.payout'), json_extract(v.body, '$.amount')"
        return rows(
            office,
            f"SELECT r.type, r.external_id, {said}, v.status FROM record r"
            " JOIN version v ON v.id = r.version_id"
            " WHERE r.type IN ('payout', 'order_payment') ORDER BY r.type DESC, r.external_id",
        )

    url, page = looked(PAYOUT.replace("S-732", "S-731"))
    wrong = {row[0]: row[1:] for row in cells(page, "wrong")}
    assert set(wrong) == {"payouts!G2", "payouts!G3"}
    assert wrong["payouts!G3"][2].startswith("Another sale of this file has the same id.")
    book = finance.session.get(f"{finance.address}{url}/errors.xlsx", timeout=60)
    sheet = openpyxl.load_workbook(io.BytesIO(book.content)).worksheets[0]
    assert "the same id" in sheet["K3"].value
    assert sheet["K4"].value is None

    url, page = looked(PAYOUT)
    seen = numbers(page)
    assert (seen["Records read"], seen["New"], seen["With wrong cells"]) == ("3", "3", "0")
    assert "Payments of orders among these records: 2." in page.one("p", id="beside").text
    assert kept() == []
    press(finance, url, "confirm")
    work(office)
    taken = numbers(read(finance.get(url)), "outcome")
    assert (taken["Records taken"], taken["New"]) == ("3", "3")
    paid = ("order_payment", "S-731", "PO-73", "11.00", "paid")
    assert kept() == [
        ("payout", "PO-73", None, None, "paid"),
        paid,
        ("order_payment", "S-732", "PO-73", "11.00", "paid"),
    ]
    assert looked(PAYOUT)[0] == url, "the same file again"

    url, page = looked(PAYOUT.replace("2,S-732,sale,NS-7302,11.00", "2,S-733,sale,NS-7303,12.00"))
    seen = numbers(page)
    assert (seen["New"], seen["Changed"], seen["Same as before"]) == ("1", "1", "1")
    assert page.one("p", id="withdrawn").text.startswith("1 payment of an order will be withdrawn")
    press(finance, url, "confirm")
    work(office)
    page = read(finance.get(url))
    taken = numbers(page, "outcome")
    assert (taken["Records taken"], taken["New"], taken["Changed"]) == ("3", "1", "1")
    assert page.one("p", id="withdrawn").text.startswith("1 payment of an order was withdrawn")
    assert kept()[1:] == [
        paid,
        ("order_payment", "S-732", "PO-73", "11.00", "withdrawn"),
        ("order_payment", "S-733", "PO-73", "12.00", "paid"),
    ]


def test_A04_the_same_bytes_again_name_the_first_upload(office: House) -> None:
    finance = office.visitor(FINANCE)
    raw = file([7401])
    first = give(finance, raw, "november.xlsx")
    work(office)
    press(finance, first, "confirm")
    work(office)
    assert records(office, "NS-74%") == 1
    counted = "SELECT (SELECT count(*) FROM version), (SELECT count(*) FROM upload)"
    before = rows(office, counted)
    [(at,)] = rows(office, "SELECT at FROM upload ORDER BY id DESC LIMIT 1")

    local = datetime.fromisoformat(at).astimezone(MALAYSIA).strftime("%Y-%m-%d %H:%M")
    who = rows(office, "SELECT name FROM person WHERE email = ?", FINANCE)[0][0]
    words = f"copy of november.xlsx is the file that {who} uploaded on {local}"
    for again in (finance, office.visitor("consultant@kedai.example")):  # whoever gives it in
        form = read(again.get(UPLOADS)).one("form", id="uploadform")
        answer = again.session.post(
            again.address + UPLOADS,
            data={**form.fields(), "source": "netshop"},
            files={"file": ("copy of november.xlsx", raw)},
            headers={"Referer": again.address + UPLOADS},
            timeout=60,
        )
        assert answer.url == again.address + first
        assert words in read(answer.text).text
    work(office)
    assert rows(office, counted) == before
    listed = read(finance.get(UPLOADS)).one("tbody").all("tr")
    assert [row.one("a").text for row in listed].count("november.xlsx") == 1


def test_A08_a_typing_error_is_named_at_intake_with_the_nearest_known_code(office: House) -> None:
    finance = office.visitor(FINANCE)
    assert office.deliver(clean(7800, items=with_sku("MILK-1L"))).status_code == 202
    work(office)
    fix_mapping(finance, "MILK-1L", "CUP-GLASS-20", "New in the shop")

    wrong: dict[str, str | int | None] = {
        "Order items!C2": "MLIK-1L",
        "Orders!C3": None,
        "Orders!G4": "eleven",
    }
    url = give(finance, file([7801, 7802, 7803, 7804], cells=wrong), "typed.xlsx")
    work(office)
    page = read(finance.get(url))
    found = {row[0]: row[1:] for row in cells(page, "wrong")}
    assert found["Order items!C2"][:2] == ["Item code", "MLIK-1L"]
    assert found["Order items!C2"][3].startswith("MILK-1L")
    blank = next(cell for place, cell in found.items() if place == "Orders!C3")
    assert "Status is blank" in blank[2]
    assert found["Orders!G4"][:2] == ["Total", "eleven"]
    assert len(found) == 3

    book = finance.session.get(f"{finance.address}{url}/errors.xlsx", timeout=60)
    sheet = openpyxl.load_workbook(io.BytesIO(book.content))["Order items"]
    assert sheet["I1"].value == "Errors"
    assert "MILK-1L" in sheet["I2"].value
    assert sheet["C2"].value == "MLIK-1L"
    assert sheet["I3"].value is None
    looks = (sheet["C1"].font.name, sheet["F2"].number_format, sheet.column_dimensions["C"].width)
    assert looks == ("Georgia", "#,##0.000", 33), "as the file that was uploaded"
    notes = openpyxl.load_workbook(io.BytesIO(book.content))["Notes"]
    assert notes["A1"].value == "Exported by hand"

    press(finance, url, "confirm")
    work(office)
    assert records(office, "NS-78%") == 4
    raw = file([7801, 7802, 7803, 7804], cells={"Order items!C2": "MILK-1L"})
    url = give(finance, raw, "corrected.xlsx")
    work(office)
    seen = numbers(read(finance.get(url)))
    counts = [seen[name] for name in ("New", "Changed", "Same as before", "With wrong cells")]
    assert counts == ["1", "2", "1", "0"]
    press(finance, url, "confirm")
    work(office)
    assert records(office, "NS-78%") == 5
    assert state_of(office, "NS-7801") == "posted"

    approver = office.visitor(APPROVER)
    fields = read(approver.get(UPLOADS)).one("form", id="uploadform").fields()
    refused = requests.post(
        approver.address + UPLOADS,
        data=fields,
        files={"file": ("a.xlsx", raw)},
        cookies=approver.session.cookies,
        timeout=60,
    )
    assert refused.status_code == 403
    assert re.search(r"You cannot import files", refused.text)


def counted(page: Part, table: str) -> dict[str, list[str]]:
    """Kind -> its number and its money, as a table of a range of days tells them."""
    return {
        row.all("td")[0].text: [cell.text for cell in row.all("td")[1:]]
        for row in page.one("table", id=table).one("tbody").all("tr")
    }


@pytest.mark.browser
def test_A14_a_range_of_days_is_counted_by_kind_before_anything_starts(
    office: House, chromium: Any
) -> None:
    day = f"{int(days_ago(0)[:4]) - 1}-05-14"
    before = f"{day[:-2]}13"
    inside = {
        7141: f"{before}T16:00:00+00:00",  # midnight of the 14th in Malaysia
        7142: f"{day}T09:00:00+08:00",
        7143: f"{day}T15:59:59+00:00",  # the last second of the 14th there
    }
    outside = {7144: f"{before}T15:59:59+00:00", 7145: f"{day}T16:00:00+00:00"}
    moments = {**inside, **outside}
    orders = [clean(no, ordered_at=at, paid_at=at, updated_at=at) for no, at in moments.items()]
    assert office.deliver(*orders).status_code == 202
    settlement = {"id": "ST-714", "blogger": "Blogger 12", "period": "2026-11-10/2026-11-16"}
    settlement |= {"amount": "25.00", "currency": "MYR", "status": "approved"}
    told_of = {"event": "settlement.updated", "settlement": settlement}
    raw = json.dumps(told_of).encode()
    assert office.post_hook(raw, event_id="evt_settlement").status_code == 202
    work(office)
    sent = len(office.calls())
    operator = "operator@kedai.example"
    with Person(chromium, office.address) as person:
        person.sign_in(operator, office.passwords[operator])
        page = person.go(f"{BASE}/connections/aiaccount")
        page.fill("#sync_first", day)
        page.fill("#sync_last", day)
        page.click("#syncsee")
        page.locator("#rangerecords").wait_for()
        told = read(page.content())
        today = datetime.now(MALAYSIA).date().isoformat()
        page.fill("#sync_first", today)
        page.fill("#sync_last", today)
        page.click("#syncsee")
        page.locator("#rangeundated").wait_for()
        arrived = read(page.content())
        assert person.said == []
    assert counted(told, "rangerecords") == {"Order": ["3", "RM 33.00"]}
    assert told.all("table", id="rangeundated") == [], "it did not come on that day"
    undated = counted(arrived, "rangeundated")
    assert undated["Settlement"] == ["1", "–"], "no rules say its money"
    assert "by the day on which they arrived" in arrived.one("p", id="undatednote").text
    documents = told.one("table", id="rangedocuments").one("tbody").all("tr")
    assert [cell.text for cell in documents[0].all("td")] == ["Sales invoice", "3", "RM 33.00"]
    days = told.one("p", id="rangedays").text
    assert days.startswith(f"Days from {day} to {day}.")
    assert "MYT" in days
    assert rows(office, "SELECT count(*) FROM run WHERE kind = 'manual'") == [(0,)]
    assert len(office.calls()) == sent

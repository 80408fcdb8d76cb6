"""Records that one missing value blocks stand in one row, and one fix frees exactly those."""

import re
from decimal import Decimal
from typing import Any

import pytest

from tests.acceptance.orders import buyer, clean, days_ago, with_sku
from tests.acceptance.pages import record_page, rows, until_head, words
from tests.acceptance.parts import read
from tests.acceptance.product import APPROVER, CURRENT_COMPANY, FINANCE, House, Visitor, item, until
from tests.acceptance.quiet import fix_mapping, send

pytestmark = pytest.mark.slow
HOLDING = f"/c/{CURRENT_COMPANY}/holding"
MISSING = f"/c/{CURRENT_COMPANY}/mappings/missing"
SKU, SECOND_CAUSE = "NEW-CUP-1", 136


@pytest.fixture(scope="module")
def blocked(house: House) -> list[dict[str, Any]]:
    """37 orders with one unknown article, one of them by an unknown customer too, and others."""
    ours = [
        clean(n, items=[item(1, sku=SKU, qty=str(n - 99)), item(2, qty="1")])
        for n in range(100, 136)
    ]
    ours.append(clean(SECOND_CAUSE, items=with_sku(SKU), customer=buyer(SECOND_CAUSE, id="C-404")))
    others = [clean(200), clean(201, items=with_sku("OTHER-CUP")), clean(202, items=with_sku(SKU))]
    others[2] |= {"status": "pending", "paid_at": None}
    assert house.deliver(*ours, *others).json()["new_records"] == 40
    finance = house.visitor(FINANCE)
    until(lambda: missing_row(finance, SKU)[4:5] == ["37"], "37 blocked records")
    return ours


def test_C12_one_missing_value_is_one_exception(
    house: House, blocked: list[dict[str, Any]]
) -> None:
    finance, viewer = house.visitor(FINANCE), house.visitor("viewer@kedai.example")
    row = missing_row(finance, SKU)
    assert row[:2] == [SKU, "Item"]
    assert row[4] == "37"
    assert money(row[5]) == sum(Decimal(order["total"]) for order in blocked)
    groups = [group for group in groups_of(finance) if SKU in group]
    assert len(groups) == 1
    assert " 37 RM " in groups[0], "under Records"
    listed = members(finance, SKU)
    assert listed == {order["number"] for order in blocked}

    page = viewer.get(link_of(viewer, SKU))
    wish = {"table": "item", "key": SKU, "other": "CUP-GLASS-20", "reason": "I would like to"}
    refused = viewer.post(f"/c/{CURRENT_COMPANY}/mappings/fix", page, rev=revision(page), **wish)
    assert refused.status_code == 403
    assert missing_row(finance, SKU)[4] == "37"
    assert not rows(finance.get(f"/c/{CURRENT_COMPANY}/mappings/item?q={SKU}"))


def test_C30_a_fix_frees_its_records_and_says_before_which(
    house: House, blocked: list[dict[str, Any]]
) -> None:
    finance = house.visitor(FINANCE)
    assert "oldest" in words(finance.get(f"/c/{CURRENT_COMPANY}/")).lower()
    panel = finance.get(link_of(finance, SKU))
    asked = f"table=item&key={SKU}&cause={cause_of(finance, SKU)}&other=CUP-GLASS-20"
    preview = words(finance.get(f"/c/{CURRENT_COMPANY}/mappings/preview?{asked}"))
    freed = sum(Decimal(order["total"]) for order in blocked if order["id"] != SECOND_CAUSE)
    assert f"clears 36 RM {freed:,}" in preview
    assert "1 stays on hold:" in preview
    assert "C-404" in preview
    assert not [number for number in house.created() if 100 <= int(number[3:]) <= SECOND_CAUSE]

    wish = {"table": "item", "key": SKU, "other": "CUP-GLASS-20", "reason": "the new name"}
    done = finance.post(f"/c/{CURRENT_COMPANY}/mappings/fix", panel, rev=revision(panel), **wish)
    assert "37 records are checked again" in words(done.text)
    expected = {f"NS-{n}" for n in range(100, SECOND_CAUSE)} | {"NS-200"}
    until(lambda: set(house.created()) >= expected, "36 documents")
    until_head(finance, SECOND_CAUSE, "On hold")
    assert not missing_row(finance, SKU)
    assert not [group for group in groups_of(finance) if SKU in group]
    assert len(house.created()) == len(expected)
    assert set(house.created()) == expected
    lines = {
        line["number"]: line["document"]["lines"] for line in house.calls() if "document" in line
    }
    assert {lines[f"NS-{n}"][0]["SKU"] for n in range(100, SECOND_CAUSE)} == {"CUP-GLASS-20"}

    for order_id in (100, 117, SECOND_CAUSE):
        story = words(record_page(finance, order_id, "trace"))
        assert story.count("Checked again because finance set item") == 1
    assert "Checked again because" not in words(record_page(finance, 201, "trace"))
    ended = words(finance.get(f"{HOLDING}?view=cleared"))
    assert ended.count(f"Item {SKU} is not mapped to an AiAccount item") >= 25


def test_B08_a_mapping_counts_from_a_day_keeps_its_history_and_stays_while_records_use_it(
    house: House,
) -> None:
    finance, approver = house.visitor(FINANCE), house.visitor(APPROVER)
    turn, ahead = days_ago(2)[:10], days_ago(-30)[:10]
    house.deliver(of_toko(300, 3))
    until(lambda: missing_row(finance, TOKO), "a missing mapping")
    fix_mapping(finance, TOKO, "Toko Satu", "the first name")
    until(lambda: "NS-300" in house.created(), "NS-300")

    done = change(finance, "Toko Dua", turn, "renamed this week")
    assert f"is now Toko Dua from {turn}. 0 records are checked again." in done
    house.deliver(of_toko(301, 3), of_toko(302, 1), of_toko(303, 2))
    until(lambda: {"NS-301", "NS-302", "NS-303"} <= set(house.created()), "three documents")
    parties = customers(house)
    of_then, of_now = ("NS-300", "NS-301"), ("NS-302", "NS-303")
    assert {parties[number] for number in of_then} == {"Toko Satu"}
    assert {parties[number] for number in of_now} == {"Toko Dua"}

    first, second = history(finance)[::-1]
    assert first[1:] == ["finance", "Toko Satu counts now", "all days", "the first name", "2", ""]
    assert second[1:] == ["finance", "Toko Dua counts now", turn, "renamed this week", "2", ""]
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d r\d+$", row[0]) for row in (first, second))
    for which in (0, 1):  # used by documents: it stays, whoever asks
        refused = remove(finance, which, code=409)
        assert "cannot remove" in refused
        assert "because 2 records used it" in refused
    remove(approver, 0, code=403)
    assert len(history(finance)) == 2

    change(finance, "Toko Tiga", ahead, "the next owner")
    change(finance, "Toko Empat", ahead, "another next owner")
    change(finance, "Toko Lima", turn, "a wrong letter")
    assert [row[2] for row in history(finance)][:2] == [
        "Toko Lima counts now",
        "Toko Empat counts now",
    ]
    assert "was removed" in remove(finance, 2)
    assert history(finance)[0][2:5] == ["removed", ahead, "never came"]

    page = read(finance.get(ENTRY))
    link = next(a for a in page.all("a", cls="btn") if "Revert" in a.text and "Toko Dua" in a.text)
    form = read(finance.get(link.attributes["href"])).one("form", cls="map-form")
    assert {name: form.fields()[name] for name in ("other", "since")} == {
        "other": "Toko Dua",
        "since": turn,
    }
    send(finance, form, {**form.fields(), "reason": "it was right before"})
    assert history(finance)[0][2:5] == ["Toko Dua counts now", turn, "it was right before"]
    house.deliver(of_toko(304, 1))
    until(lambda: "NS-304" in house.created(), "NS-304")
    assert customers(house)["NS-304"] == "Toko Dua"


TOKO = "C-808"
ENTRY = f"/c/{CURRENT_COMPANY}/mappings/debtor/entry?key={TOKO}"


def of_toko(number: int, days: int) -> dict[str, Any]:
    """An order of so many days ago, by a customer that nobody has mapped at first."""
    lines = [item(1, qty=str(number))]
    return clean(number, customer=buyer(number, id=TOKO), ordered_at=days_ago(days), items=lines)


def customers(house: House) -> dict[str, str]:
    """The customer of each document that the target has made."""
    made = [call for call in house.calls() if call["effect"] == "created"]
    return {call["number"]: call["document"]["Customer"] for call in made}


def change(visitor: Visitor, value: str, since: str, reason: str) -> str:
    """Give the customer another value from a day on; what the page then says."""
    form = read(visitor.get(ENTRY)).one("form", cls="map-form")
    return send(visitor, form, {**form.fields(), "other": value, "since": since, "reason": reason})


def history(visitor: Visitor) -> list[list[str]]:
    """When, who, value, from which day, why, how many records used it; the newest first."""
    return rows(visitor.get(ENTRY), "changes")


def remove(visitor: Visitor, which: int, code: int = 200) -> str:
    """Remove one of the entries in force, in order of their days; what the page then says."""
    forms = [
        form
        for form in read(visitor.get(ENTRY)).all("form")
        if form.attributes.get("action", "").endswith("/entry/remove")
    ]
    form = forms[which]
    return send(visitor, form, {**form.fields(), "reason": "never came"}, code=code)


def missing_row(visitor: Visitor, key: str) -> list[str]:
    """The row of a missing value: value, table, label, since, records, amount."""
    return next((row for row in rows(visitor.get(MISSING)) if row and row[0] == key), [])


def groups_of(visitor: Visitor) -> list[str]:
    """The lines of the groups in the holding area."""
    found = re.findall(r"<summary id=\"groupsum_.*?</summary>", visitor.get(HOLDING), re.DOTALL)
    return [words(each) for each in found]


def members(visitor: Visitor, key: str) -> set[str]:
    """The numbers of all records that a cause holds, over all its pages."""
    link, numbers = f"{HOLDING}?open={cause_of(visitor, key)}", set()
    while link:
        page = visitor.get(link)
        numbers |= set(re.findall(r'class="strong" id="open_\d+"[^>]*>([^<]+)</a>', page))
        more = re.search(r'id="more_\d+" href="([^"#]+)', page)
        link = more[1].replace("&amp;", "&") if more else ""
    return numbers


def link_of(visitor: Visitor, key: str) -> str:
    """The address of the panel where a value is chosen for a key."""
    return f"{MISSING}?cause={cause_of(visitor, key)}"


def cause_of(visitor: Visitor, key: str) -> str:
    """The number of the cause of a missing value."""
    for row in re.findall(r"<tr\b.*?</tr>", visitor.get(MISSING), re.DOTALL):
        found = re.search(r'id="missrow_(\d+)"', row)
        if found and f">{key}</span>" in row:
            return found[1]
    raise AssertionError(f"{key} is not missing")


def revision(page: str) -> str:
    """The revision that a form of a mapping was made with."""
    found = re.search(r'name="rev" value="(\d+)"', page)
    return found[1] if found else ""


def money(text: str) -> Decimal:
    """RM 1,234.50 as a number."""
    return Decimal(text.removeprefix("RM").strip().replace(",", ""))

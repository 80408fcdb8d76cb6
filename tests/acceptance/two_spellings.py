"""Parties under two codes, and what becomes of them: held, and merged."""

import itertools
import re

from tests.acceptance.impact import (
    KNOWN_BILLS,
    LADANG,
    LADANG_TOO,
    MAJU_TIN,
    MAPPINGS,
    bought,
    buyer,
    by_file,
    hold_of,
    in_file,
    send,
    sent,
    until_page,
)
from tests.acceptance.orders import clean, priced
from tests.acceptance.pages import rows, words
from tests.acceptance.parts import read
from tests.acceptance.product import (
    CURRENT_COMPANY,
    FINANCE,
    House,
    until,
)


def spell_twice(house: House) -> None:
    """A customer and a supplier under two codes each: some documents are posted, some held."""
    both = {"C-501": ("100.00", "50.00"), "C-502": ("30.00",)}
    numbers = itertools.count(800)
    known = [
        clean(n, customer=buyer(n, code), items=priced(amount, tax="NONE"))
        for code, amounts in both.items()
        for amount in amounts
        for n in [next(numbers)]
    ]
    house.deliver(*known)
    until(lambda: {"NS-800", "NS-801", "NS-802"} <= set(house.created()), "3 known")
    spelled = clean(810, customer=buyer(810, "C-502"), items=priced("7.00", tax="NONE"))
    by_file(
        house,
        spelled | {"registration": "201801012345-1267890x"},
        clean(811, customer=buyer(811, "C-502", tin=MAJU_TIN), items=priced("8.00")),
        clean(
            812, customer=buyer(812, "C-502", name="kedai maju, SDN. BHD."), items=priced("9.00")
        ),
        clean(813, customer=buyer(813, "C-502", name="Kedai Maju Jaya"), items=priced("9.50")),
        clean(814, customer=buyer(814, "C-503")) | {"registration": "201801012345 1267890X"},
    )
    until(lambda: "NS-813" in house.created(), "a near miss is another party")
    in_file(
        house,
        *(bought(no, code, days, total=f"{no}.00") for no, code, days in KNOWN_BILLS),
        bought(60, "S-502", 1, registration="199501004321-334455k", total="7.00"),
        bought(61, "S-502", 1, supplier_name="ladang teh, SDN. BHD.", total="8.00"),
        bought(62, "S-502", 1, supplier_name="Ladang Tehtarik Sdn Bhd", total="9.00"),
    )
    until(lambda: {"B-PO-30", "B-PO-45", "B-PO-50", "B-PO-62"} <= set(house.created()), "4 bills")


def two_suppliers_with_one_number_are_held_too(house: House) -> None:
    finance = house.visitor(FINANCE)
    for number, rule in ((60, "duplicate supplier"), (61, "duplicate seller")):
        record = f"/c/{CURRENT_COMPANY}/records/intake/purchase/PO-{number}"
        until_page(finance, record, "On hold")
        page = finance.get(hold_of(finance, record))
        link = re.search(r'id="merge\d+" href="([^"]+)"', page)
        assert link, words(page)
        told = words(finance.get(link[1]))
        assert f"Merge {LADANG_TOO} into {LADANG}?" in told
        assert f"The rule “{rule}” found them on B-PO-{number}" in told
        assert "S-502 in creditor" in told
    assert not {"B-PO-60", "B-PO-61"} & {call.get("number") for call in house.calls()}


def a_merge_of_suppliers_does_no_more(house: House) -> None:
    """What they are owed is told by age, as each and as one; then both codes are one party."""
    finance = house.visitor(FINANCE)
    listed = finance.get(f"{MAPPINGS}/parties")
    assert len([row for row in rows(listed) if LADANG in row]) == 1
    (link,) = re.findall(rf'href="({MAPPINGS}/parties/\d+)"', listed)
    page = finance.get(link)
    ages = {row[0]: row[1:] for row in rows(page, "ageing") if row}
    assert ages == {
        LADANG: ["RM 30.00", "RM 45.00", "RM 0.00", "RM 0.00", "RM 75.00"],
        LADANG_TOO: ["RM 9.00", "RM 0.00", "RM 50.00", "RM 0.00", "RM 59.00"],
        "As one party": ["RM 39.00", "RM 45.00", "RM 50.00", "RM 0.00", "RM 134.00"],
    }
    bills = {"B-PO-30", "B-PO-45", "B-PO-50", "B-PO-62"}
    before = sent(house, bills)
    form = read(page).one("form", cls="stack").fields()
    done = send(finance, link, form, reason="one company, says its registration")
    assert "1 key names the other party now" in words(done.text)
    entries = {row[0]: row[1] for row in rows(finance.get(f"{MAPPINGS}/creditor?q=S-50"))}
    assert entries == {"S-501": LADANG, "S-502": LADANG}
    until(lambda: {"B-PO-60", "B-PO-61"} <= set(house.created()), "2 freed bills")
    made = [call for call in house.calls() if call["effect"] == "created"]
    parties = {c["number"]: c["document"].get("Supplier") for c in made}
    assert {parties["B-PO-60"], parties["B-PO-61"]} == {LADANG}
    assert parties["B-PO-50"] == parties["B-PO-62"] == LADANG_TOO
    assert sent(house, bills) == before

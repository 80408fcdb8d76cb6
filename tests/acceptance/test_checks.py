"""The five checks before entry, units, near misses: what an order is told, and what is booked."""

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance import inactive_party
from tests.acceptance.conftest import STARTER
from tests.acceptance.houses import opened
from tests.acceptance.orders import buyer, clean, days_ago, later, with_sku
from tests.acceptance.pages import Check, record_page, strip, until_head, words
from tests.acceptance.product import (
    CURRENT_COMPANY,
    FINANCE,
    House,
    Product,
    Visitor,
    free_environment,
    item,
    until,
)

pytestmark = pytest.mark.slow
STATUS, PARTY, ITEMS, DATE, DUPLICATE = (
    "Status is ready",
    "Customer matches one party",
    "Items and units mapped",
    "Document date in an open period",
    "No duplicate found",
)


@pytest.fixture(scope="module")
def house(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A company whose books are locked up to three weeks ago."""
    product = Product(command, tmp_path_factory.mktemp("house"), free_environment())
    simulator = ("--locked-through", days_ago(21)[:10])
    with opened(product, STARTER, simulator=simulator) as found:
        yield found


@pytest.fixture(scope="module")
def finance(house: House) -> Visitor:
    visitor = house.visitor(FINANCE)
    visitor.show_rule_lines()
    return visitor


def test_B16_what_is_skipped_has_a_reason_and_stays_in_sight(
    house: House, finance: Visitor
) -> None:
    before = ignored_today(finance)
    draft, paid = clean(300, status="draft", paid_at=None), clean(301)
    house.deliver(draft, paid)
    skipped = strip(until_head(finance, 300, "Not posted (by rule)"))[STATUS]
    until_head(finance, 301, "Posted")
    assert skipped.state == "not asked"
    assert skipped.text == "draft"
    assert line_of(skipped) == "ignore   draft"

    listed = words(finance.get(f"/c/{CURRENT_COMPANY}/holding?view=ignored"))
    assert "NS-300" in listed
    assert "status draft is ignored" in listed
    assert "NS-301" not in listed
    assert "NS-300" not in words(finance.get(f"/c/{CURRENT_COMPANY}/holding?view=todo"))
    assert ignored_today(finance) == before + 1
    assert booked(house, 300, 301).keys() == {301}

    house.deliver(later(draft, status="paid", paid_at=draft["ordered_at"]))
    until_head(finance, 300, "Posted")
    assert ignored_today(finance) == before
    assert "NS-300" not in words(finance.get(f"/c/{CURRENT_COMPANY}/holding?view=ignored"))


def ignored_today(visitor: Visitor) -> int:
    """How many records of today the first page counts as ignored."""
    found = re.search(
        r"<dt>not posted</dt><dd>([0-9,]+)</dd>", visitor.get(f"/c/{CURRENT_COMPANY}/")
    )
    assert found
    return int(found[1].replace(",", ""))


def test_C04_the_status_is_shown_and_follows_the_source(house: House, finance: Visitor) -> None:
    first = clean(400, status="pending", paid_at=None)
    house.deliver(first, clean(401, status="Refunded + Items Returned"))

    waiting = strip(until_head(finance, 400, "Waiting"))[STATUS]
    assert (waiting.state, waiting.text) == ("waiting", "pending")
    assert line_of(waiting) == "wait     pending, partly_delivered"
    held = strip(until_head(finance, 401, "On hold"))[STATUS]
    assert (held.state, held.text) == ("failed", "returned")
    assert line_of(held).startswith("hold     returned")
    assert booked(house, 400, 401) == {}

    house.deliver(later(first, status="paid", paid_at=first["ordered_at"]))
    passed = strip(until_head(finance, 400, "Posted"))[STATUS]
    assert (passed.state, passed.text) == ("passed", "paid")
    assert line_of(passed) == "ready    paid, packed, delivered"
    assert list(booked(house, 400, 401)) == [400]


def test_C05_the_customer_is_one_party(house: House, finance: Visitor, product: Product) -> None:
    unknown = buyer(500, id="C-404")
    ambiguous = buyer(501, tin="C20224455660")  # the TIN of Kafe Senja, the code of Warung Melati
    house.deliver(clean(500, customer=unknown), clean(501, customer=ambiguous), clean(502))

    matched = strip(until_head(finance, 502, "Posted"))[PARTY]
    assert (matched.state, matched.text) == ("passed", "Warung Melati")
    nobody = strip(until_head(finance, 500, "On hold"))[PARTY]
    assert nobody.state == "failed"
    assert "C-404 is not mapped to a debtor" in nobody.text
    two = strip(until_head(finance, 501, "On hold"))[PARTY]
    assert two.state == "failed"
    assert "Kafe Senja Sdn Bhd" in two.text
    assert "Warung Melati" in two.text
    assert [d["Customer"] for d in booked(house, 500, 501, 502).values()] == ["Warung Melati"]

    inactive_party.held_and_freed(product)


def test_C06_item_and_unit_match(house: House, finance: Visitor) -> None:
    house.deliver(
        clean(600, items=with_sku("NO-SUCH-ARTICLE")),
        clean(601, items=[item(1, uom="DRUM")]),
        clean(602),
    )
    assert strip(until_head(finance, 602, "Posted"))[ITEMS].state == "passed"
    article = strip(until_head(finance, 600, "On hold"))[ITEMS]
    assert article.state == "failed"
    assert "NO-SUCH-ARTICLE is not mapped to an AiAccount item" in article.text
    unit = strip(until_head(finance, 601, "On hold"))[ITEMS]
    assert unit.state == "failed"
    assert "how many pieces are in 1 DRUM" in unit.text
    assert list(booked(house, 600, 601, 602)) == [602]


def test_C07_the_document_date_is_the_day_of_the_shop(house: House, finance: Visitor) -> None:
    future, locked = days_ago(-2), days_ago(25)
    night = days_ago(1, hour=0, minute=30)  # still the day before in UTC
    house.deliver(
        clean(700, ordered_at=future), clean(701, ordered_at=locked), clean(702, ordered_at=night)
    )
    assert strip(until_head(finance, 702, "Posted"))[DATE].text == night[:10]
    assert booked(house, 702)[702]["InvoiceDate"] == night[:10]

    early = strip(until_head(finance, 700, "On hold"))[DATE]
    assert early.state == "failed"
    assert "Future date: " in early.text
    assert line_of(early) == "require  ordered_on <= today"
    closed = strip(until_head(finance, 701, "On hold"))[DATE]
    assert closed.state == "failed"
    assert f"{locked[:10]} is locked" in closed.text
    assert line_of(closed) == "require  period = open"
    assert list(booked(house, 700, 701, 702)) == [702]


def writes(house: House) -> list[str]:
    """What the target was asked to make; that posted documents are read back is no matter here."""
    return [one["number"] for one in house.calls() if one["call"] == "json"]


def test_C08_a_duplicate_is_held_and_not_sent(house: House, finance: Visitor) -> None:
    first = clean(800)
    house.deliver(first)
    until_head(finance, 800, "Posted")
    sent = writes(house)

    reference = clean(801, number="NS-800")
    double_click = {**first, "id": 802, "number": "NS-802"}
    house.deliver(reference, double_click)
    for number, line in (
        (801, "unique by number in history"),
        (802, "unique by customer as debtor, customer_name, ordered_on, total in history"),
    ):
        check = strip(until_head(finance, number, "On hold"))[DUPLICATE]
        assert check.state == "failed"
        assert "Possible duplicate: " in check.text
        assert line_of(deciding(finance, number)) == line
    assert writes(house) == sent


def test_F01_cartons_become_pieces_to_the_sen(house: House, finance: Visitor) -> None:
    page = finance.get(f"/c/{CURRENT_COMPANY}/mappings/missing")
    wish = {"table": "units", "key": "CTN|POT-CLAY-45", "other": "12 PCS", "reason": "the label"}
    assert finance.post(f"/c/{CURRENT_COMPANY}/mappings/fix", page, rev="99", **wish).ok

    carton = {"sku": "POT-CLAY-45", "uom": "CTN"}
    house.deliver(
        clean(100, items=[item(1, **carton, qty="5", price="42.00")]),
        clean(101, items=[item(1, **carton, qty="1", price="10.00")]),  # 83.33… sen a piece
    )
    until_head(finance, 100, "Posted")
    until_head(finance, 101, "Posted")
    documents = booked(house, 100, 101)
    [line] = documents[100]["lines"]
    assert (line["Quantity"], line["UOM"]) == ("60", "PCS")
    assert Decimal(line["UnitPrice"]) == Decimal("3.50")
    assert line["LineTotal"] == "231.00"
    [uneven] = documents[101]["lines"]
    assert (uneven["Quantity"], uneven["LineTotal"]) == ("12", "11.00")
    assert totals(house, 100, 101) == {100: "231.00", 101: "11.00"}
    assert "5 CTN × 12 = 60 PCS" in words(record_page(finance, 100))


def test_F15_near_misses_are_told_by_name(house: House, finance: Visitor) -> None:
    known = "CUP-GLASS-20"
    spelled = {900: f"{known} ", 901: known.lower(), 902: known.replace("-20", "–20")}
    house.deliver(*(clean(n, items=with_sku(sku)) for n, sku in spelled.items()))
    for number in spelled:
        until_head(finance, number, "On hold")
    assert booked(house, *spelled) == {}

    told = {sku: near_miss(finance, sku, known) for sku in spelled.values()}
    assert "space" in told[spelled[900]]
    assert told[spelled[901]] == "case"
    assert "special" in told[spelled[902]]
    assert len(set(told.values())) == 3


def near_miss(visitor: Visitor, sku: str, known: str) -> str:
    """How the suggestion of the known article says that this one differs."""
    address = f"/c/{CURRENT_COMPANY}/mappings/missing"

    choose = r'href="([^"]*)#mappreview">Map<span class="vh"> ([^<]*)</span>'

    def opened_panel() -> str | None:
        found = {key: link for link, key in re.findall(choose, visitor.get(address))}
        return visitor.get(found[sku]) if sku in found else None

    panel = until(opened_panel, f"{sku!r} among the missing")
    options = re.findall(r'<label class="option">.*?</label>', panel, re.DOTALL)
    found = next(option for option in options if f'value="{known}"' in option)
    reason = re.search(r'<span class="why">([^<]*)</span>', found)
    assert reason
    return reason[1]


def booked(house: House, *orders: int) -> dict[int, dict[str, Any]]:
    """The documents that the simulator made of these orders."""
    made = {line["number"]: line for line in house.calls() if line["effect"] == "created"}
    return {n: made[f"NS-{n}"]["document"] for n in orders if f"NS-{n}" in made}


def totals(house: House, *orders: int) -> dict[int, str]:
    """What the simulator reckoned for these orders."""
    lines = {line["number"]: line["total"] for line in house.calls() if line["effect"] == "created"}
    return {n: lines[f"NS-{n}"] for n in orders}


def line_of(check: Check) -> str:
    """The line of the rule files that a check names."""
    file, _, number = check.place.partition(":")
    return (STARTER / file).read_text("utf-8").splitlines()[int(number) - 1].strip()


def deciding(visitor: Visitor, number: int) -> Check:
    """The rule line that the tab of rules names as deciding."""
    page = words(record_page(visitor, number, "ruletree"))
    found = re.search(r"decided by (\S+)", page)
    assert found, page
    return Check("hit", "", found[1])

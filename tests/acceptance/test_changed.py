"""A posted invoice whose order changes: what the books have, what the shop says now, and that the
difference somebody accepts stays in sight until it is gone.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import STARTER
from tests.acceptance.desk import HOLDING, act, arrive, hold_of
from tests.acceptance.houses import quiet
from tests.acceptance.orders import clean, later
from tests.acceptance.parts import Part, read, state
from tests.acceptance.product import (
    APPROVER,
    FINANCE,
    House,
    Product,
    Visitor,
    free_environment,
    item,
)
from tests.acceptance.quiet import BASE, record, writes

ROSELLE = {"sku": "CUP-GLASS-20", "name": "Roselle and hibiscus", "price": "5.60", "tax": "NONE"}


@pytest.fixture(scope="module")
def house(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("changed")
    with quiet(Product(command, folder, free_environment()), STARTER) as found:
        yield found


def cups(qty: str) -> dict[str, Any]:
    """RM 11.00 for the first line, RM 5.60 for each of the second."""
    return {"items": [item(1), item(2, qty=qty, **ROSELLE)]}


def posted_then_changed(house: House, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """An order over RM 22.20 that is posted, then one more piece: RM 27.80."""
    first = clean(number, **cups("2"))
    arrive(house, first)
    assert house.created()[-1] == f"NS-{number}"
    second = later(first, **cups("3"))
    arrive(house, second)
    return first, second


def table(page: Part, key: str) -> list[list[str]]:
    """The rows of a table, head and foot included."""
    rows = page.one("table", id=key).all("tr")
    return [[cell.text for cell in row.all() if cell.tag in ("th", "td")] for row in rows]


def accepted(visitor: Visitor) -> Part:
    return read(visitor.get(f"{HOLDING}?view=accepted"))


def test_T01c_the_difference_that_is_accepted_stays_in_sight(house: House) -> None:
    finance = house.visitor(FINANCE)
    first, _ = posted_then_changed(house, 1901)
    pane = read(finance.get(hold_of(finance, 1901)))
    words = pane.one("main").text
    assert "Will be sent" not in words
    assert "AiAccount has RM 22.20 for NS-1901, NetShop now says RM 27.80" in words
    head, *rows, total = table(pane, "differ")
    assert head[1].startswith("Posted, version 1 ")
    assert head[2].startswith("NetShop now, version 2 ")
    assert rows == [
        ["Quantity, line 2 (Roselle and hibiscus)", "2 PCS", "3 PCS", "+1 PCS"],
        ["Line Total, line 2 (Roselle and hibiscus)", "RM 11.20", "RM 16.80", "+RM 5.60"],
    ]
    assert total == ["Total", "RM 22.20", "RM 27.80", "+RM 5.60"]
    assert "Keep RM 22.20 in AiAccount" in words
    assert "RM 5.60 is not posted" in words
    assert "You cannot update it, because AiAccount does not change posted documents" in words
    assert "Release NS-" not in words

    answer = act(house.visitor(APPROVER), 1901, "accept", reason="The extra piece was a gift")
    assert answer.ok, answer.text[:500]
    mark = "Differs from NetShop by RM 5.60, accepted by approver on "
    assert mark in read(answer.text).one("main").text
    page = record(finance, 1901)
    assert state(page) == "Posted, differs by RM 5.60"
    assert mark in page.text
    assert "The extra piece was a gift" in page.text
    assert "RM 22.20 in AiAccount" in page.one("p", cls="means").text
    assert len(writes(house, "NS-1901")) == 1

    (row,) = table(accepted(finance), "accepted")[1:-1]
    assert row[0].startswith("NS-1901")
    assert row[2:5] == ["RM 22.20", "RM 27.80", "+RM 5.60"]
    assert row[5].startswith("approver")
    assert row[-1] == "The extra piece was a gift"
    day = first["ordered_at"][:10]
    (row,) = [row for row in table(read(finance.get(f"{BASE}/")), "days") if row[0] == day]
    assert row[6:] == ["RM 22.20", "1 document, +RM 5.60"]
    (answer,) = [a for a in house.record("NS-1901")["documents"][0]["answers"] if a["no"] == 5]
    assert "aiaccount keeps RM\u00a022.20, netshop says RM\u00a027.80" in answer["answer"]
    found = read(finance.get(f"{BASE}/find?q=Buyer+1901")).one("main").text
    assert "RM 22.20" in found
    assert "differs by RM 5.60" in found
    assert "RM 27.80" not in found


def test_T01d_a_further_change_is_compared_with_what_is_posted(house: House) -> None:
    finance, approver = house.visitor(FINANCE), house.visitor(APPROVER)
    _, second = posted_then_changed(house, 1902)
    assert act(approver, 1902, "accept", reason="One more").ok
    third = later(second, **cups("5"))
    arrive(house, third)
    assert state(record(finance, 1902)) == "On hold"
    pane = read(finance.get(hold_of(finance, 1902)))
    assert table(pane, "differ")[-1] == ["Total", "RM 22.20", "RM 39.00", "+RM 16.80"]
    assert "For version 2, approver accepted a difference of +RM 5.60 on" in pane.text
    assert "NS-1902" not in accepted(finance).text
    arrive(house, later(third, **cups("2")))
    page = record(finance, 1902)
    assert state(page) == "Posted"
    assert "Differs from NetShop" not in page.text
    assert len(writes(house, "NS-1902")) == 1

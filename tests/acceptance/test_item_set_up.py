"""How a target counts its items: asked before the first push, waited for, compared, found changed.

Three companies: AutoCount reports one unit an item, AutoCount desktop tells units and rates by the
list that a person gives in, AiAccount tells nothing, so a person confirms.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.acceptance.conftest import STARTER
from tests.acceptance.depot import Body, Depot, cut_for_the_cloud, opened_depot, sale, van
from tests.acceptance.desktop import RULES, Desktop, opened_desktop
from tests.acceptance.houses import COMPANY, quiet
from tests.acceptance.parts import Part, answers, read, state
from tests.acceptance.product import (
    ADMIN,
    FINANCE,
    House,
    Product,
    Visitor,
    free_environment,
    item,
    order,
)
from tests.acceptance.quiet import BASE, ask_target, record, rows, send, work

HELD = """
SELECT hold.code, hold.message FROM hold JOIN record ON record.id = hold.record_id
WHERE hold.state = 'open' AND record.number = ? ORDER BY hold.id
"""


@pytest.fixture(scope="module")
def depot(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Depot]:
    product = Product(command, tmp_path_factory.mktemp("depot"), free_environment())
    with opened_depot(product, cut_for_the_cloud(product, product.folder / "rules")) as found:
        yield found


def stock(house: House) -> Any:
    """What the documents did to the stock, as the target counts it."""
    return requests.get(f"{house.target}/_sim/stock", timeout=10).json()["stock"]


def recounted(house: House, target: str) -> str:
    """What the page of a connection says of units and rates."""
    page = read(house.visitor(ADMIN).get(f"{BASE}/connections/{target}"))
    return page.one("section", id="rates").text


# ---- AutoCount: one unit an item, told when it is asked ----


def soap(number: str, cartons: str) -> list[Body]:
    """Cartons of 48 pieces, sold and delivered; posted in pieces. None costs what another does."""
    order_ = sale(number, qty=cartons, price=f"{int(number) % 100 + 96}.00")
    order_["lines"] = [{**order_["lines"][0], "sku": "SOAP-90", "uom": "CTN", "name": "Soap"}]
    goods = van(f"D-{number}", number, cartons)
    goods["lines"] = [{**goods["lines"][0], "sku": "SOAP-90", "uom": "CTN"}]
    return [goods, order_]


def asked(depot: Depot) -> list[int]:
    """Where in the ledger items were asked for."""
    return [at for at, one in enumerate(depot.calls()) if str(one.get("path")).endswith("/product")]


def posts(depot: Depot, *numbers: str) -> list[int]:
    """Where in the ledger these documents were made."""
    made = {f"IV-{number}-1" for number in numbers}
    calls = depot.calls()
    return [at for at, one in enumerate(calls) if one.get("number") in made and one.get("effect")]


def test_T07a_what_goes_at_once_waits_for_the_items_and_is_compared(depot: Depot) -> None:
    ask_target(depot, "book", products_away=True)
    depot.take(*soap("7001", "2"), *soap("7002", "1"))
    for number in ("7001", "7002"):
        page = depot.page("order", number)
        assert state(page) == "Ready to post"
        assert "Waits until AutoCount says how it counts SOAP90." in page.text
    assert posts(depot, "7001", "7002") == []

    ask_target(depot, "book", products_away=False)
    before = len(asked(depot))
    depot.move(minutes=15)
    depot.work_on(2)
    assert depot.effects("7001", "7002") == [("created", "IV-7001-1"), ("created", "IV-7002-1")]
    assert len(asked(depot)) == before + 1, "one question for both"
    assert asked(depot)[-1] < min(posts(depot, "7001", "7002")), "before the first push"
    assert "Waits until" not in depot.page("order", "7001").text
    assert stock(depot)["1042"] == {"SOAP90": "-144"}, "3 CTN of 48 pieces"

    depot.move(minutes=5)
    depot.take(*soap("7003", "4"))
    assert len(asked(depot)) == before + 1, "what was told lately is believed"
    assert stock(depot)["1042"] == {"SOAP90": "-336"}


def test_T07a_F02_a_unit_that_changed_since_the_last_look_is_caught_and_told(depot: Depot) -> None:
    """After the test above; the shipped rules, an order that goes at once, a carton item."""
    depot.work_on(0)
    ask_target(depot, "book", products={"SOAP90": "CTN"})
    depot.move(minutes=61)
    depot.signed_in.clear()  # sessions are over after an hour
    depot.take(*soap("7004", "1"))
    ((code, words),) = rows(depot, HELD, "7004")
    assert code == "UOM08"
    assert words.startswith(
        "SOAP-90: 1 CTN = 48 PCS in the rules, but no PCS, only CTN in autocount"
    )
    four = ("source CTN of SOAP-90", "units 1 CTN = 48 PCS", "item set-up", "mapping SOAP90 in PCS")
    assert [part for part in four if part not in words] == []
    assert posts(depot, "7004") == []
    assert stock(depot)["1042"] == {"SOAP90": "-336"}
    box = read(depot.person("finance").get(f"{BASE}/mappings/units/proof")).one("main").text
    for part in ("CTN, SOAP-90", "1 CTN = 48 PCS", "SOAP90 in PCS", "differ"):
        assert part in box
    told = recounted(depot, "autocount")
    assert "SOAP90 in PCS in CTN 3 documents" in told
    trail = depot.page("order", "7001", "trace")
    assert "AutoCount counts SOAP90 otherwise: in CTN now, in PCS before." in trail.text

    ask_target(depot, "book", products={"SOAP90": "PCS"})
    depot.product.run("connection", "test", "autocount", *COMPANY, "--as", ADMIN)
    depot.work_on(1)
    assert depot.effects("7004") == [("created", "IV-7004-1")]
    assert stock(depot)["1042"] == {"SOAP90": "-384"}


# ---- AutoCount desktop: units and rates by the list that a person gives in ----


UNITS = """
units
    base     PCS
    1 CTN    = 12 PCS
    missing  hold for sales_admin  say "Nobody has said how many a {uom} of {item} is."

gate order
"""


def counted() -> str:
    """The rules of the desktop with items: sold in cartons, posted in pieces."""
    text = RULES.read_text("utf-8")
    for old, new in (
        ("\ngate order\n", UNITS),
        (
            "    amount  = round",
            "    pieces  = in_base(line.qty, line.uom, line.sku)\n    amount  = round",
        ),
        (
            '        AccNo           = "500-0000"\n',
            "        ItemCode        = line.sku\n        UOM             = base_unit(line.sku)\n",
        ),
        ("= line.qty\n", "= line.pieces\n"),
        ("= line.price\n", "= round(price_in_base(line.price, line.uom, line.sku), 0.0001)\n"),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


@pytest.fixture(scope="module")
def desktop(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desktop]:
    product = Product(command, tmp_path_factory.mktemp("desktop"), free_environment())
    with opened_desktop(product, counted()) as made:
        yield made


def carton(number: int, **changes: Any) -> dict[str, Any]:
    """An order of two cartons of soap."""
    line = {"sku": "SOAP90", "name": "Soap", "uom": "CTN", "qty": "2", "price": "60.00"}
    return order(number, items=[item(1, **{**line, **changes})])


def carried(desktop: Desktop) -> None:
    """The last file is imported, and the listing says so."""
    file = int(rows(desktop, "SELECT max(id) FROM import_file")[0][0])
    desktop.imports(desktop.act(file, "download").content)
    answer = desktop.upload(file, desktop.listing())
    assert answer.status_code == 200, read(answer.text).text[:800]


def test_T36j_F02_F03_a_rate_of_the_target_is_compared_and_its_change_is_found(
    desktop: Desktop,
) -> None:
    """12 here, 24 there; then 12 in both; then 24 there after it was posted."""
    assert "reports no units and no rate" in recounted(desktop, "autocount_excel")
    desktop.give_items()
    assert "reports the units and rates of 2 items by its list" in recounted(
        desktop, "autocount_excel"
    )
    desktop.order(carton(1), carton(2, uom="PCS", qty="5", price="5.00"))
    ((code, words),) = rows(desktop, HELD, "NS-1")
    assert code == "UOM08"
    assert words == (
        "SOAP90: 1 CTN = 12 PCS in the rules, but 1 CTN = 24 PCS in autocount_excel"
        " (source CTN of SOAP90; units 1 CTN = 12 PCS; item set-up 1 CTN = 24 PCS;"
        " mapping SOAP90 in PCS)."
    )
    assert desktop.states()["NS-1"] == "held"
    carried(desktop)
    assert desktop.made() == [("created", "NS-2")]
    assert stock(desktop) == {"SOAP90": "-5"}
    box = read(desktop.visitor(FINANCE).get(f"{BASE}/mappings/units/proof")).one("main").text
    for part in ("CTN, SOAP90", "1 CTN = 12 PCS", "1 CTN = 24 PCS", "2 and 3 differ"):
        assert part in box
    assert "2 CTN would be 24 PCS here and 48 PCS in AutoCount Excel import" in box

    ask_target(desktop, "masters", items={"SOAP90": {"PCS": 1, "CTN": 12}})
    desktop.give_items()
    assert desktop.states()["NS-1"] == "awaiting", "it goes by itself"
    carried(desktop)
    assert desktop.states()["NS-1"] == "posted"
    assert stock(desktop) == {"SOAP90": "-29"}, "2 CTN of 12, counted there as here"
    proof = record(desktop.visitor(FINANCE), 1, "ruletree").one("main").text
    assert "before = 2 CTN × 12 = 24 PCS" in proof
    assert "after = 24 PCS × 1 = 24 PCS" in proof
    assert "item set-up = 1 CTN = 12 PCS" in proof

    ask_target(desktop, "masters", items={"SOAP90": {"PCS": 1, "CTN": 24}})
    desktop.give_items()
    told = recounted(desktop, "autocount_excel")
    assert "SOAP90 1 CTN = 12 PCS 1 CTN = 24 PCS 2 documents" in told
    trail = record(desktop.visitor(FINANCE), 1, "trace").text
    assert "counts SOAP90 otherwise: 1 CTN = 24 PCS now, 1 CTN = 12 PCS before." in trail
    assert "NS-1 was posted by what it told before: compare it there." in trail
    changed = answers(record(desktop.visitor(FINANCE), 1))[5]
    assert "SOAP90 is counted otherwise, 1 CTN = 24 PCS instead of 1 CTN = 12 PCS" in changed
    assert record(desktop.visitor(FINANCE), 1, "ruletree").one("main").text == proof, (
        "as it was then"
    )
    desktop.order(carton(3))
    assert [row[0] for row in rows(desktop, HELD, "NS-3")] == ["UOM08"]
    desktop.order(carton(4, sku="SHIP", uom="PACK"))
    assert {row[0] for row in rows(desktop, HELD, "NS-4")} == {"UOM01"}, "never 1"
    assert [number for _, number in desktop.made()] == ["NS-2", "NS-1"]


# ---- AiAccount: nothing is told, so a person confirms ----


@pytest.fixture(scope="module")
def shop(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    product = Product(command, tmp_path_factory.mktemp("shop"), free_environment())
    with quiet(product, STARTER) as house:
        yield house


def rates(visitor: Visitor) -> Part:
    page = read(visitor.get(f"{BASE}/connections/aiaccount"))
    return page.one("section", id="rates")


def tea(number: int, **changes: Any) -> dict[str, Any]:
    line = {"sku": "TEA-EARL-100", "name": "Tea", "uom": "CTN", "qty": "2", "tax": "NONE"}
    price = f"{100 + number}.00"
    return order(number, items=[item(1, **{**line, "price": price, **changes})])


def test_T07b_a_target_that_tells_no_units_holds_an_item_once_until_a_person_confirms(
    shop: House,
) -> None:
    admin, finance = shop.visitor(ADMIN), shop.visitor(FINANCE)
    assert "reports no units and no rate; rates of the units table are used" in rates(admin).text
    (switch,) = [one for one in rates(admin).all("form") if "asked" in one.fields()]
    send(admin, switch, switch.fields())
    assert "0 rates are confirmed, 0 wait." in rates(admin).text

    shop.deliver(tea(1), tea(2), tea(3, uom="PCS"))
    work(shop)
    for number in ("NS-1", "NS-2"):
        ((code, words),) = rows(shop, HELD, number)
        assert code == "UOM09"
        assert words.startswith("It is not confirmed that 1 CTN of TEA-EARL-100 is 40 PCS")
    assert shop.created() == ["NS-3"]
    before = stock(shop)["CMP-1042"]
    assert set(before.values()) == {"-2"}
    shown = rates(finance)
    assert "0 rates are confirmed, 1 waits." in shown.text
    assert "1 CTN of TEA-EARL-100 = 40 PCS 2 records" in shown.text
    (confirm,) = [one for one in shown.all("form") if "cause" in one.fields()]
    said = send(finance, confirm, confirm.fields())
    assert "1 CTN of TEA-EARL-100 = 40 PCS" in said
    work(shop)
    assert sorted(shop.created()) == ["NS-1", "NS-2", "NS-3"]
    shop.deliver(tea(4, qty="1"))
    work(shop)
    assert len(shop.created()) == 4, "the item is not asked a second time"
    assert set(stock(shop)["CMP-1042"].values()) == {"-202"}, "2 + 80 + 80 + 40 pieces"
    assert "1 rate is confirmed, 0 wait." in rates(finance).text

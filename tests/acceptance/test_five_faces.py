"""One held record on the five pages of the holding area: the same state, the same reason."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.browser import Person
from tests.acceptance.conftest import STARTER
from tests.acceptance.desk import arrive, hold_of, send, wrong
from tests.acceptance.facet_lines import chosen, counted, headline, lines, page, view_of
from tests.acceptance.houses import quiet
from tests.acceptance.orders import clean, priced, with_sku
from tests.acceptance.parts import read
from tests.acceptance.product import APPROVER, FINANCE, House, Product, free_environment
from tests.acceptance.quiet import BASE, rows

pytestmark = pytest.mark.sqlite
NUMBER = "NS-3301"
LABELS = {"bad_value": "Value not valid", "business_rule": "Rule not met"}
FACES = {
    "queue": "/holding?",
    "review": "/holding/",
    "approval": "/records/netshop/order/3301",
    "log": "tab=trace",
    "board": "#dashcauses",
}


@pytest.fixture(scope="module")
def house(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    product = Product(command, tmp_path_factory.mktemp("faces"), free_environment())
    with quiet(product, STARTER) as found:
        arrive(found, wrong(3301))
        yield found


@pytest.mark.browser
def test_C03_five_faces_show_one_record_in_one_state_for_one_reason(
    house: House, chromium: Any
) -> None:
    review = hold_of(house.visitor(FINANCE), 3301)
    query = "SELECT record.state, hold.message, hold.class, cause.label FROM hold JOIN cause"
    query += " ON cause.id = hold.cause_id JOIN record ON record.id = hold.record_id"
    [(state, message, error_class, label)] = rows(house, query)
    assert state == "held"
    told = {}
    with Person(chromium, house.address) as person:
        person.sign_in(FINANCE, house.passwords[FINANCE])
        for face, address in FACES.items():
            page = person.go(review)
            page.click(f"#face{face}")
            page.wait_for_load_state()
            assert address in page.url, face
            told[face] = " ".join(page.inner_text("main").split())
            assert person.violations() == [], face
        page = person.go(f"{BASE}/records/netshop/order/3301")
        assert page.get_attribute("#faceapproval", "aria-current") == "page"
        page.click("#facereview")
        assert page.url.endswith(review)
        page.click("#facequeue")
        page.locator(f"tr[data-row]:has-text('{NUMBER}')").wait_for()
        queue = page.inner_text(f"tr[data-row]:has-text('{NUMBER}')")
        person.go(f"{BASE}/")
        board = page.inner_text("#dashcauses")
        assert person.said == []
    reason = label.rstrip(".").lower()
    assert "On hold" in queue
    for face in ("review", "approval", "log"):
        assert "On hold" in told[face], face
        assert message.rstrip(".") in told[face], face
    for face in ("queue", "review", "board"):
        assert reason in told[face].lower(), face
    assert reason in board.lower()
    assert "1" in board.split(), "one record has this cause"
    for face, said in told.items():
        assert LABELS[error_class] in said, face
        if face != "board":
            assert NUMBER in said, face
    assert "Not needed" in told["approval"], "an order below the limit"
    _each_line_of_the_facets_is_its_own_list(house)
    _a_filter_is_saved_and_shared(house)


def _each_line_of_the_facets_is_its_own_list(house: House) -> None:
    arrive(
        house,
        wrong(3302, "250.00"),
        clean(3303, items=with_sku("NOT-THERE")),
        clean(3304, items=priced("4100.00")),
        clean(3305, items=with_sku("NOT-THERE"), total="7.00"),  # two causes, one record
        clean(3306, items=with_sku("NOT-THERE", price="900.00")),  # of no word of the small ones
    )
    finance = house.visitor(FINANCE)
    seen = set()
    for query in (
        {"view": ["all"]},
        {"view": ["all"], "amount": ["0"], "class": ["business_rule"]},
        {"view": ["approve"]},
    ):
        for line in lines(finance, query):
            narrowed = chosen(query, line)
            records, money = counted(finance, narrowed)
            assert (line.records, line.money) == (records, money), (query, line)
            assert headline(finance, narrowed).startswith(
                f"{records} record{'' if records == 1 else 's'} · {money}".rstrip(" ·")
            ), (query, line)
            seen.add(line.name)
    assert {"class", "team", "amount", "age", "customer"} <= seen
    everything, ids = counted(finance, {"view": ["all"]}), {}
    for side in ("source", "target"):  # each is alone here: its facet would say nothing
        [(ids[side],)] = rows(house, "SELECT id FROM connection WHERE side = ?", side)
    assert everything[0] == 6
    assert counted(finance, {"view": ["all"], "source": [str(ids["source"])]}) == everything
    assert counted(finance, {"view": ["all"], "source": [str(ids["target"])]}) == (0, "")
    assert counted(finance, {"view": ["all"], "target": [str(ids["target"])]}) == everything


def _a_filter_is_saved_and_shared(house: House) -> None:
    finance, approver = house.visitor(FINANCE), house.visitor(APPROVER)
    query = {"view": ["all"], "amount": ["2"]}
    answer = send(finance, page(finance, query), "viewkeep", name="Large ones", shared="on")
    assert answer.status_code == 200, answer.text[:500]
    for visitor in (finance, approver):
        address = view_of(visitor, "Large ones")
        assert address is not None
        assert read(visitor.get(address)).one("p", id="holdhead").text.startswith("2 records")
    send(finance, page(finance, {"view": ["mine"]}), "viewkeep", name="My own")
    assert view_of(finance, "My own") is not None
    assert view_of(approver, "My own") is None

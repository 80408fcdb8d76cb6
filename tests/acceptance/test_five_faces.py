"""One held record on the five pages of the holding area: the same state, the same reason."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.browser import Person
from tests.acceptance.conftest import STARTER
from tests.acceptance.desk import arrive, hold_of, wrong
from tests.acceptance.houses import quiet
from tests.acceptance.product import FINANCE, House, Product, free_environment
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
        page.locator(f"tr:has-text('{NUMBER}')").wait_for()
        queue = page.inner_text(f"tr:has-text('{NUMBER}')")
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
    assert "No approval required" in told["approval"], "an order below the limit"

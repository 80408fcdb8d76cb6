"""An admin connects a system in the browser, mends what the test found, and adds a source."""

from pathlib import Path

import pytest

from tests.browser.conftest import Open, Person
from tests.browser.test_accessible import violations
from tests.support.simulator import DEMO_KEY, simulator

pytestmark = pytest.mark.browser
CONNECTIONS = "/c/kedai/connections"


def well(person: Person, width: int) -> None:
    """The page fits, axe finds nothing, and the console is quiet."""
    assert violations(person.page) == "[]"
    assert person.page.evaluate("document.documentElement.scrollWidth") <= width
    assert person.said == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scheme", "width", "script"), [("light", 1280, True), ("dark", 390, False)]
)
def test_a_system_is_connected_and_what_its_test_found_is_mended(
    somebody: Open, tmp_path: Path, scheme: str, width: int, script: bool
) -> None:
    adam = somebody("adam", width=width, scheme=scheme, script=script)
    page = adam.page
    with simulator(tmp_path) as target:
        adam.go(CONNECTIONS)
        page.click("#addconn")
        page.click("text=AiAccount")
        page.fill("#name", "books")
        page.fill("#base_url", target.url)
        page.fill("#company_id", "CMP-1042")
        page.fill("#company_name", "Kedai Contoh Sdn Bhd")
        page.fill("#key", "aia_live_of_nobody")
        if script:
            well(adam, width)
        page.click("#saveconn")
        page.wait_for_url(f"**{CONNECTIONS}/books**")
        assert "1 failed, 5 not run" in page.inner_text("#conntest")
        assert "Not tested OK" in page.inner_text("#endpoints")
        if script:
            well(adam, width)
        page.fill("#key", DEMO_KEY)
        page.click("#addkey")
        page.wait_for_selector("text=8 of 8 passed")
        assert DEMO_KEY not in page.content()
        assert "Not tested OK" not in page.inner_text("#endpoints")

    adam.go(f"{CONNECTIONS}/new?system=intake")
    page.fill("#name", "own")
    page.click("#saveconn")
    page.wait_for_selector("#secret")
    assert "Shown once" in page.content()
    page.click("#sendtest")
    page.wait_for_selector("text=It was not stored as a record.")
    assert not page.query_selector_all("#secret")
    if script:
        well(adam, width)

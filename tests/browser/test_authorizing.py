"""An admin connects QuickBooks on Intuit's page and disconnects it, with a script and without."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.conftest import Open
from tests.browser.test_connecting import CONNECTIONS, well
from tests.connectors.simulator_processes import Simulator

pytestmark = pytest.mark.browser
BOOKS = f"{CONNECTIONS}/books"
SECRETS = ("qbo-client", "qbo-refresh", "qbo-access", "qbo-code")


@pytest.fixture
def intuit(tmp_path: Path) -> Iterator[Simulator]:
    sim = Simulator("quickbooks", tmp_path / "ledger.jsonl")
    yield sim
    sim.kill()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scheme", "width", "script"), [("light", 1280, True), ("dark", 390, False)]
)
def test_quickbooks_is_connected_and_disconnected(
    somebody: Open, intuit: Simulator, scheme: str, width: int, script: bool
) -> None:
    adam = somebody("adam", width=width, scheme=scheme, script=script)
    page = adam.page
    adam.go(f"{CONNECTIONS}/new?system=quickbooks")
    page.fill("#name", "books")
    page.click("summary:has-text('More settings')")
    given = {**intuit.settings, "authorize_url": f"{intuit.url}/connect/oauth2"}
    given["revoke_url"] = f"{intuit.url}/v2/oauth2/tokens/revoke"
    for name, value in given.items():
        if page.query_selector(f"#{name}"):
            page.fill(f"#{name}", str(value))
    page.fill("#key", "qbo-client-3Rk9")
    page.click("#saveconn")
    page.wait_for_url(f"**{BOOKS}**")
    assert "Not connected" in page.inner_text("#endpoints")
    address = page.input_value("#back")
    assert address == f"{adam.url}{BOOKS}/authorized"
    if script:
        well(adam, width)

    def go_there() -> None:
        page.click("#authorize")
        if not script:
            assert page.inner_text("#there") == "Continue to QuickBooks"
            page.click("#there")
        page.wait_for_url(f"{intuit.url}/connect/oauth2**")

    go_there()
    assert "redirect_uri query parameter value is invalid" in page.inner_text("#error")
    adam.said.clear()  # what the browser says of Intuit's page is none of ours
    page.click("#register")  # as at developer.intuit.com, in the browser, too
    page.wait_for_url(f"{intuit.url}/connect/oauth2**")
    page.click("#cancel")
    page.wait_for_url(f"**{BOOKS}/authorized**")
    assert "because it was declined in QuickBooks." in page.inner_text("h1")
    if script:
        well(adam, width)
    page.click("text=Back")
    go_there()
    page.select_option("#realm", "9130999")
    page.click("#connect")
    page.wait_for_url(f"**{BOOKS}/authorized**")
    assert "because company 9130999 was chosen there, not 9130347." in page.inner_text("h1")
    page.click("text=Back")
    go_there()
    page.click("#connect")
    page.wait_for_url(f"**{BOOKS}#keys")
    assert "It passed its test and is in use now." in page.content()
    assert "9 of 9 passed" in page.inner_text("#conntest")
    assert "Connected" in page.inner_text("#authorization")
    assert not [one for one in SECRETS if one in page.content()]
    if script:
        well(adam, width)
    page.click("#disconnect")
    page.wait_for_selector("text=QuickBooks was told, too.")
    assert "Not connected" in page.inner_text("#endpoints")
    assert [one["effect"] for one in intuit.ledger() if one["call"] == "token"][-1] == "revoked"
    if script:
        well(adam, width)

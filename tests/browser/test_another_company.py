"""“Add a company” in a browser: it fits each window, axe finds nothing, and it leads on."""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Open
from tests.browser.test_accessible import violations

pytestmark = pytest.mark.browser


def look(page: Any, name: str, width: int, scheme: str) -> None:
    """Check the page, and store a picture where a folder is set."""
    assert violations(page) == "[]"
    assert page.evaluate("document.documentElement.scrollWidth") <= width, name
    if folder := os.environ.get("CLEARPOST_PICTURES"):
        path = Path(folder) / f"{name}-{width}-{scheme}.png"
        page.screenshot(path=path, full_page=True)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_company_is_added_and_its_checklist_opens(
    somebody: Open, width: int, scheme: str
) -> None:
    adam = somebody("adam", width=width, scheme=scheme)
    page = adam.page
    adam.go("/c")
    look(page, "companies", width, scheme)
    page.click("#addcompany")
    page.wait_for_url("**/companies/new")
    look(page, "another", width, scheme)
    page.fill("#name", "Warung Dua Sdn Bhd")
    page.fill("#registration", "202007012345")
    page.click("#createcompany")
    page.wait_for_selector("#registration_err")
    look(page, "another-wrong", width, scheme)
    page.fill("#registration", "202101012345")
    page.click("#createcompany")
    page.wait_for_url("**/c/warung-dua/")
    look(page, "another-checklist", width, scheme)
    adam.go("/c/warung-dua/connections/new?system=woocommerce")
    look(page, "woocommerce", width, scheme)
    assert adam.said == []

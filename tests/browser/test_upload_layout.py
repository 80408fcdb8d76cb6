"""A sheet made by hand goes through the browser, with one value for all rows, to its import."""

import os
from pathlib import Path

import pytest

from holding.uploads.upload_turns import work_due
from tests.browser.conftest import Open, Served
from tests.browser.test_accessible import violations
from tests.portal.reading import one

pytestmark = pytest.mark.browser
SHEET = (
    "Kedai Contoh\nSales of November\n\n"
    "No;Order No;Date;Item;Qty;Unit price;Shipping;Total\n"
    "1;H-1;20-Nov-2026;TEA-1;2;RM 10,50;RM 8,00;RM 29,00\n"
    ";;;CUP-4;1;8,00;;\n"
    "2;H-2;20-Nov-2026;TEA-1;2;10,50;8,00;RM 29,00\n"
    ";Grand Total;;;;;;58,00\n"
).encode("cp1252")
WINDOWS = [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]


def check(served: Served) -> None:
    """Check and import files, as the worker does."""
    company = one(served.database, "SELECT id FROM company LIMIT 1")
    while work_due(
        served.database, served.clock, company_id=company, owner="w", lease_seconds=30
    ).steps:
        pass


def test_a_sheet_with_a_missing_column_takes_one_value_and_is_imported(
    somebody: Open, served: Served
) -> None:
    farah = somebody("farah")
    page = farah.page
    farah.go("/c/kedai/uploads")
    page.set_input_files("#file", {"name": "sales.csv", "mimeType": "", "buffer": SHEET})
    page.click("#uploadgo")
    page.wait_for_url("**/uploads/*")
    check(served)
    page.reload()
    assert "Status" in page.locator("#missing").inner_text()
    page.get_by_label("Status", exact=True).fill("paid")
    page.click("#uploadvalues")
    page.wait_for_load_state()
    check(served)
    for width, scheme in WINDOWS:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        page.reload()
        assert "The lines come to" in page.locator("#wrong").inner_text()
        assert "Grand Total" in page.locator("#skipped").inner_text()
        assert violations(page) == "[]"
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if folder := os.environ.get("CLEARPOST_PICTURES"):
            name = f"upload-{width}-{scheme}.png"
            page.screenshot(path=Path(folder) / name, full_page=True)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.get_by_role("button", name="Confirm import of 2 orders").click()
    page.wait_for_load_state()
    check(served)
    page.reload()
    assert "Orders taken" in page.locator("#outcome").inner_text()
    assert farah.said == []

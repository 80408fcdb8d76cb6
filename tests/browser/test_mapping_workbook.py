"""A workbook of mappings downloaded, changed, looked at and saved in a browser."""

from pathlib import Path

import openpyxl
import pytest

from tests.browser.conftest import Open, Served
from tests.portal.reading import one

pytestmark = pytest.mark.browser
ENTRY = "SELECT count(*) FROM mapping_entry WHERE key = 'AB-100 '"


@pytest.mark.slow
@pytest.mark.parametrize("script", [True, False], ids=["with script", "without"])
def test_mappings_go_out_and_come_back_as_a_workbook(
    somebody: Open, served: Served, tmp_path: Path, script: bool
) -> None:
    farah = somebody("farah", script=script, width=1280 if script else 390)
    page = farah.page
    farah.go("/c/kedai/mappings/missing")
    page.get_by_role("link", name="Workbook", exact=True).click()
    with page.expect_download() as loading:
        page.get_by_role("link", name="Download workbook").click()
    file = tmp_path / "mappings.xlsx"
    loading.value.save_as(file)
    book = openpyxl.load_workbook(file)
    [row] = [row for row in book["item"].iter_rows() if row[3].value == 4]
    row[1].value = "AB-100"
    book.save(file)
    page.set_input_files("#file", file)
    page.click("#previewworkbook")
    page.get_by_text("3 records become ready").wait_for()
    assert "1 new · 0 changed" in page.locator("#counts").inner_text()
    assert one(served.database, ENTRY) == 0
    page.fill("#reason", "the same bolt")
    page.click("#saveworkbook")
    page.get_by_text("1 mapping saved. 4 records are checked again").wait_for()
    assert one(served.database, ENTRY) == 1
    assert page.locator("#missing", has_text="AB-100").count() == 0
    assert farah.said == []

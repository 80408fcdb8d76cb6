"""Keys of the pages that have their own, and the exact UTC of a time."""

from typing import Any

import pytest

from holding.uploads.upload_turns import work_due
from tests.browser.conftest import Open, Served
from tests.browser.test_accessible import violations
from tests.portal.reading import cause, one
from tests.support.workbooks import HEAD, ITEMS, workbook

pytestmark = pytest.mark.browser
DRAFT = "/c/kedai/rules/draft/shop.rules"


def test_a_mapping_is_picked_and_saved_by_keys(somebody: Open, served: Served) -> None:
    farah = somebody("farah")
    page = farah.page
    found = cause(served.database, "mapping:item:%")
    farah.go(f"/c/kedai/mappings/missing?cause={found}")
    choices = page.locator("#mapchoices input[type=radio]")
    assert choices.count() > 1
    for number in (1, 2):  # of which the second is pressed with the first in focus
        with page.expect_response("**/mappings/preview"):
            page.keyboard.press(str(number))
        assert choices.nth(number - 1).is_checked()
    picked = choices.nth(1).get_attribute("value")
    page.locator("#freed", has_text="Nothing is saved yet").wait_for()
    page.focus("#reason")
    page.keyboard.type("123")  # in a field they are letters
    assert choices.nth(1).is_checked()
    page.keyboard.press("Control+Enter")
    page.get_by_text(f"is now {picked}").first.wait_for()
    assert farah.said == []


def test_n_goes_from_error_to_error_of_an_upload(somebody: Open, served: Served) -> None:
    rows = [(n, 1, "TEA-1", "Tea", "BOX", "two", "48.00") for n in (1, 2, 3)]
    heads = [(n, f"SO-{n}", "paid", "2026-11-19", "C-77", "MYR", "96.00") for n in (1, 2, 3)]
    raw = workbook({"Orders": [HEAD, *heads], "Items": [ITEMS, *rows]})
    farah = somebody("farah")
    page = farah.page
    farah.go("/c/kedai/uploads")
    page.set_input_files("#file", {"name": "o.xlsx", "mimeType": "", "buffer": raw})
    page.click("#uploadgo")
    page.wait_for_url("**/uploads/*")
    company = one(served.database, "SELECT id FROM company LIMIT 1")
    while work_due(
        served.database, served.clock, company_id=company, owner="w", lease_seconds=30
    ).steps:
        pass
    page.reload()
    for number in (1, 2, 3, 1):
        page.keyboard.press("n")
        page.locator(f"#cell_{number}:focus").wait_for()
    assert violations(page) == "[]"
    page.keyboard.press("j")  # the row's own link
    page.keyboard.press("Enter")
    page.locator("tr:focus").wait_for()
    assert farah.said == []


def test_rules_are_checked_and_a_record_tried_by_keys(somebody: Open) -> None:
    chan = somebody("chan")
    page = chan.page
    chan.go(DRAFT)
    page.keyboard.press("?")
    assert "check the rules" in page.locator("#helpkeys").inner_text()
    page.keyboard.press("Escape")
    page.fill("#trynumber", "SO-10240")
    page.focus("#drafttext")
    with page.expect_response("**/draft/shop.rules"):
        page.keyboard.press("Control+s")
    with page.expect_response("**/try/shop.rules"):
        page.keyboard.press("Control+Enter")
    page.locator("#tried", has_text="SO-10240").wait_for()
    assert page.evaluate("document.activeElement.id") == "drafttext"
    with page.expect_response("**/submit/shop.rules"):
        page.keyboard.press("Control+Shift+P")
    assert chan.said == []


def test_operations_are_refreshed_by_a_key_unless_keys_are_off(
    somebody: Open, served: Served
) -> None:
    farah = somebody("farah")
    page, asked = farah.page, []
    farah.go("/c/kedai/operations")

    def heard(request: Any) -> None:
        if "/static/" not in request.url:  # the browser loads the icon when it likes
            asked.append(request.url)

    page.on("request", heard)
    with page.expect_response("**/operations"):
        page.keyboard.press("r")
    assert len(asked) == 1
    page.keyboard.press("?")
    told = page.locator("#helpkeys").inner_text()
    for words in ("refresh", "the next error", "a suggested value"):
        assert words in told
    for words in ("check the rules", "save a mapping"):
        assert words not in told
    page.keyboard.press("Escape")
    farah.go("/me?c=kedai")
    page.uncheck("input[name=keys]")
    page.get_by_role("button", name="Save").first.click()
    farah.go("/c/kedai/operations")
    asked.clear()
    page.keyboard.press("r")
    page.keyboard.press("?")
    assert not page.locator("#helpkeys").is_visible()
    assert asked == []


def test_a_time_tells_its_utc_under_the_pointer_and_in_the_row_of_the_focus(
    somebody: Open,
) -> None:
    farah = somebody("farah")
    page = farah.page
    told = """one => getComputedStyle(one, '::after').content"""
    farah.go("/c/kedai/")
    time = page.locator("#foot time").first
    assert time.evaluate(told) == "none"
    time.hover()
    assert time.evaluate(told) == f'"{time.get_attribute("datetime")}"'
    farah.go("/c/kedai/mappings/missing")
    row = page.locator("[data-row] time").first
    assert row.evaluate(told) == "none"
    page.keyboard.press("j")
    assert row.evaluate(told) == f'"{row.get_attribute("datetime")}"'
    assert violations(page) == "[]"


def test_n_and_p_go_through_what_was_found(somebody: Open) -> None:
    farah = somebody("farah")
    page = farah.page
    farah.go("/c/kedai/find?q=SO-102")
    numbers = page.locator("#found td a.strong").all_inner_texts()
    assert len(numbers) > 2
    page.locator("#found td a.strong").first.click()
    page.get_by_role("heading", level=1, name=numbers[0]).wait_for()
    for key, number in (("n", numbers[1]), ("n", numbers[2]), ("p", numbers[1])):
        page.keyboard.press(key)
        page.get_by_role("heading", level=1, name=number).wait_for()
    assert violations(page) == "[]"
    page.locator("#tabpushes").click()  # another part of the record keeps the way
    page.wait_for_url("**tab=pushes**")
    page.reload()
    page.keyboard.press("p")
    page.get_by_role("heading", level=1, name=numbers[0]).wait_for()
    page.keyboard.press("p")
    page.get_by_text("That was the first record found.").first.wait_for()
    assert page.url.endswith("/c/kedai/find?q=SO-102")
    assert farah.said == []


def test_a_approves_the_rows_that_are_ticked_and_all_where_none_is(somebody: Open) -> None:
    lim = somebody("lim")
    page = lim.page
    lim.go("/c/kedai/holding?view=approve")
    page.click("summary[id^=groupsum_]")
    page.locator("a[id^=approveall_]").wait_for()
    page.get_by_role("link", name="SO-10220").focus()
    approve = page.locator("#approvego")
    page.keyboard.press("a")
    approve.get_by_text("Approve 2 documents").wait_for()
    page.keyboard.press("Escape")
    for focused in ("the row", "its box"):
        page.get_by_role("link", name="SO-10220").focus()
        if focused == "the row":
            page.keyboard.press("x")
        else:
            page.get_by_label("Select SO-10220").focus()
        page.locator("[data-picked]", has_text="1 selected").wait_for()
        page.keyboard.press("a")
        approve.get_by_text("Approve 1 document").wait_for()
        page.keyboard.press("Escape")
    assert lim.said == []
